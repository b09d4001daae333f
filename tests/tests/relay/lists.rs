//! Lists, pages, waits, parts of files, event streams.

use anyhow::{Context as _, Result, ensure};
use careplan_protocol::api::{Page, Transfer};
use careplan_tests::patience::within;
use careplan_tests::world::{HELPER, PLAN, TWO_DESKS};
use careplan_tests::{Office, World, samples};
use std::time::Duration;

#[tokio::test]
async fn a_list_is_paged_without_gaps_while_it_grows() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let unit = samples::unit("04")?;
    for n in 0..7 {
        plan.send_unit(&unit.stamped(n)?).await?;
    }
    let (mut seen, mut after, mut grown) = (Vec::new(), String::new(), 7);
    loop {
        let page: Page<Transfer> = helper.get(&format!("inbox?limit=2{after}")).await?.status(200)?.json()?;
        ensure!(page.items.len() <= 2);
        seen.extend(page.items.iter().map(|transfer| transfer.id.position));
        if grown < 9 {
            plan.send_unit(&unit.stamped(grown)?).await?;
            grown += 1;
        }
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    ensure!(seen.len() == 9 && seen.is_sorted(), "{seen:?}");
    let outbox: Page<Transfer> = plan.get("outbox?limit=4").await?.status(200)?.json()?;
    ensure!(outbox.items.len() == 4 && outbox.next.is_some());
    for wrong in ["inbox?limit=0", "inbox?limit=1001", "inbox?unknown=1", "inbox?month=2026-13", "inbox?order=name"] {
        helper.get(wrong).await?.status(400)?.refused("field-invalid")?;
    }
    Ok(())
}

#[tokio::test]
async fn filters_find_what_they_name_and_nothing_else() -> Result<()> {
    let world = World::new().await?;
    for unit in samples::units()? {
        world.office(unit.from.office.as_str())?.send_unit(&unit).await?;
    }
    let (plan, desks) = (world.office(PLAN)?, world.office(TWO_DESKS)?);
    let all = plan.inbox("").await?.len();
    ensure!(plan.inbox(&format!("from={HELPER}")).await?.iter().all(|one| one.from.office.as_str() == HELPER));
    ensure!(plan.inbox("state=accepted").await?.len() == all && plan.inbox("state=fetched").await?.is_empty());
    let october = plan.inbox("month=2026-10").await?;
    ensure!(!october.is_empty() && october.iter().all(|one| one.month.to_string() == "2026-10"));
    for (kind, other) in [("15", "17"), ("17", "15")] {
        let mine = desks.inbox(&format!("type={kind}")).await?;
        let strange = |one: &&Transfer| one.to.service_type.is_some_and(|found| found.as_str() == other);
        ensure!(!mine.is_empty() && mine.iter().filter(strange).count() == 0, "{kind}: {mine:?}");
    }
    let to = plan.outbox(&format!("to={TWO_DESKS}&unfetched=true")).await?;
    ensure!(!to.is_empty() && to.iter().all(|one| one.to.office.as_str() == TWO_DESKS));
    ensure!(plan.outbox("since=2099-01-01").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn order_unit_gives_what_waits_by_sender_and_stamp() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let unit = samples::unit("04")?;
    for n in [3, 1, 2] {
        plan.send_unit(&unit.stamped(n)?).await?;
    }
    let waiting = helper.inbox("order=unit").await?;
    let stamps: Vec<_> = waiting.iter().filter_map(|one| one.stamp.map(|stamp| stamp.number())).collect();
    ensure!(stamps.len() == 3 && stamps.is_sorted(), "{stamps:?}");
    helper.fetch(&waiting[0].id.to_string(), 1).await?;
    ensure!(helper.inbox("order=unit").await?.len() == 2);
    Ok(())
}

#[tokio::test]
async fn an_unchanged_inbox_answers_304_until_something_happens() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let known = helper.get("inbox").await?.status(200)?.header("etag").to_owned();
    ensure!(!known.is_empty());
    let ask = async |tag: &str, query: &str| {
        let request = helper.caller.request("GET".parse()?, &helper.path(&format!("inbox{query}")));
        helper.caller.call(request.header("if-none-match", tag)).await
    };
    ask(&known, "").await?.status(304)?;
    let id = plan.send_unit(&samples::unit("04")?).await?.transfer.to_string();
    let changed = ask(&known, "").await?.status(200)?;
    ensure!(changed.header("careplan-unfetched") == "1");
    let known = changed.header("etag").to_owned();
    ask(&known, "").await?.status(304)?;
    helper.fetch(&id, 1).await?;
    ask(&known, "").await?.status(200)?;
    Ok(())
}

#[tokio::test]
async fn a_wait_is_ended_by_what_comes_in_and_by_its_own_end() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    ensure!(within("two seconds", 10, helper.inbox("wait=2")).await??.is_empty());
    let waiting = tokio::spawn({
        let helper = helper.clone();
        async move { helper.inbox("wait=50").await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    plan.send_unit(&samples::unit("04")?).await?;
    ensure!(within("the wait ends", 5, waiting).await???.len() == 1);
    Ok(())
}

#[tokio::test]
async fn events_tell_what_comes_in_and_are_resumed_where_they_ended() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let open = async |last: Option<u64>| -> Result<reqwest::Response> {
        let request = helper.caller.request("GET".parse()?, &helper.path("inbox/events"));
        let request = match last {
            Some(last) => request.header("last-event-id", last.to_string()),
            None => request,
        };
        helper.caller.open(request).await
    };
    let mut stream = open(None).await?;
    let first = plan.send_unit(&samples::unit("04")?).await?.transfer;
    let text = read_until(&mut stream, &first.to_string()).await?;
    ensure!(text.contains("event: transfer") && text.contains(&format!("id: {}", first.position)), "{text}");
    drop(stream);
    let second = plan.send_unit(&samples::unit("01")?).await?.transfer;
    let text = read_until(&mut open(Some(first.position)).await?, &second.to_string()).await?;
    ensure!(!text.contains(&first.to_string()), "told twice: {text}");
    let mut stream = open(Some(second.position)).await?;
    ensure!(plan.recall(&second.to_string()).await?.status < 300);
    ensure!(read_until(&mut stream, &second.to_string()).await?.contains("recalled"));
    Ok(())
}

#[tokio::test]
async fn parts_of_a_file_and_its_digest_are_given() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let mut bytes: Vec<u8> = (0..300_000u32).flat_map(|n| (n as u16).to_le_bytes()).collect();
    bytes[..5].copy_from_slice(b"%PDF-");
    let id = plan.send_file(HELPER, "large.pdf", &bytes).await?.transfer.to_string();
    let part = async |range: &str| {
        let request = helper.caller.request("GET".parse()?, &helper.path(&format!("inbox/{id}/files/1")));
        helper.caller.call(request.header("range", range)).await
    };
    // Nothing of it leaves, so nothing was fetched.
    part("bytes=600000-").await?.status(416)?.refused("range-invalid")?;
    ensure!(plan.get(&format!("outbox/{id}")).await?.status(200)?.json::<Transfer>()?.fetched_at.is_none());
    for (range, expected) in [
        ("bytes=0-0", &bytes[..1]),
        ("bytes=65535-65536", &bytes[65535..65537]),
        ("bytes=599999-", &bytes[599_999..]),
        ("bytes=-10", &bytes[599_990..]),
        ("bytes=100-9999999", &bytes[100..]),
    ] {
        let answer = part(range).await?.status(206)?;
        ensure!(answer.body == expected, "{range}: {} bytes", answer.body.len());
        ensure!(answer.header("content-range").ends_with("/600000"), "{}", answer.header("content-range"));
    }
    let whole = helper.get(&format!("inbox/{id}/files/1")).await?.status(200)?;
    ensure!(whole.body == bytes && whole.header("content-digest").starts_with("sha-256=:"), "{:?}", whole.headers);
    ensure!(whole.header("accept-ranges") == "bytes" && whole.header("cache-control").contains("no-store"));
    for n in [0, 2, 99] {
        helper.get(&format!("inbox/{id}/files/{n}")).await?.status(404)?.refused("not-found")?;
    }
    Ok(())
}

#[tokio::test]
async fn fetched_begins_with_the_first_byte_and_is_told_once() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let id = plan.send_unit(&samples::unit("04")?).await?.transfer.to_string();
    helper.inbox("").await?;
    helper.get(&format!("inbox/{id}")).await?.status(200)?;
    ensure!(state(&plan, &id).await?.fetched_at.is_none(), "a listing fetches nothing");
    plan.get(&format!("outbox/{id}/files/1")).await?.status(200)?;
    ensure!(state(&plan, &id).await?.fetched_at.is_none(), "the sender's own look fetches nothing");
    helper.fetch(&id, 1).await?;
    let first = state(&plan, &id).await?;
    ensure!(first.fetched_at.is_some() && first.all_fetched_at.is_none());
    helper.fetch(&id, 1).await?;
    helper.fetch(&id, 2).await?;
    helper.fetch(&id, 3).await?;
    let last = state(&plan, &id).await?;
    ensure!(last.fetched_at == first.fetched_at && last.all_fetched_at.is_some());
    let log = world.admin_json(["log", "search", "--kind", "fetched", "--transfer", &id]).await?;
    ensure!(log.as_array().context("a list")?.len() == 3, "one event for each file: {log}");
    Ok(())
}

async fn state(plan: &Office, id: &str) -> Result<Transfer> {
    plan.get(&format!("outbox/{id}")).await?.status(200)?.json()
}

async fn read_until(stream: &mut reqwest::Response, wanted: &str) -> Result<String> {
    let mut text = String::new();
    let reading = async {
        while !text.contains(wanted) {
            let chunk = stream.chunk().await?.context("the stream ended")?;
            text += &String::from_utf8_lossy(&chunk);
        }
        anyhow::Ok(())
    };
    within("an event", 10, reading).await??;
    Ok(text)
}
