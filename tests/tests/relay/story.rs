//! From an empty hub to a month's exchange, through the programs.

use anyhow::{Context as _, Result, ensure};
use careplan_protocol::transfer::State;
use careplan_tests::world::{CENTRE, HELPER, LETTER, PLAN, TWO_DESKS};
use careplan_tests::{Office, Unit, World, samples};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[tokio::test]
async fn every_sample_goes_to_its_recipient_and_arrives_byte_for_byte() -> Result<()> {
    let world = World::new().await?;
    let offices = set_up(&world, &[PLAN, HELPER, TWO_DESKS, LETTER, CENTRE]).await?;
    let units = samples::units()?;
    for unit in &units {
        send(&offices, unit).await?;
    }
    for office in offices.values() {
        let into = world.path("in").join(&office.number);
        let into_text = into.display().to_string();
        let waiting = office.careplan_json(["inbox", "--new"]).await?["items"].as_array().map_or(0, Vec::len);
        let fetched = office.careplan_json(["fetch", "--new", "--flat", "--into", &into_text]).await?;
        ensure!(fetched["fetched"].as_array().map_or(0, Vec::len) == waiting, "{fetched}");
        let again = office.careplan_json(["fetch", "--new", "--flat", "--into", &into_text]).await?;
        ensure!(again["fetched"].as_array().is_some_and(Vec::is_empty), "fetched twice: {again}");
    }
    for unit in &units {
        let into = world.path("in").join(unit.to.office.as_str());
        for (name, bytes) in &unit.files {
            let arrived = std::fs::read(into.join(name)).with_context(|| format!("{name} did not arrive"))?;
            ensure!(arrived == *bytes, "{name} arrived with other bytes");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_sender_sees_what_became_of_a_transfer() -> Result<()> {
    let world = World::new().await?;
    let offices = set_up(&world, &[PLAN, HELPER]).await?;
    let (plan, helper) = (&offices[PLAN], &offices[HELPER]);
    let id = send(&offices, &samples::unit("04")?).await?;
    state_is(plan, &id, State::Accepted).await?;
    ensure!(listed(&plan.careplan_json(["sent", "--unfetched"]).await?) == 1);

    helper.careplan(["ack", &id, "--imported"]).await?.exited(1)?;
    let into = world.path("in").display().to_string();
    helper.careplan(["fetch", &id, "--into", &into]).await?.ok()?;
    state_is(plan, &id, State::Fetched).await?;
    ensure!(listed(&plan.careplan_json(["sent", "--unfetched"]).await?) == 0);

    helper.careplan(["ack", &id, "--rejected", "利用者が見つかりません"]).await?.ok()?;
    state_is(plan, &id, State::Rejected).await?;
    let shown = plan.careplan_json(["sent"]).await?;
    ensure!(shown["items"][0]["acknowledgement"]["reason"] == "利用者が見つかりません", "{shown}");
    helper.careplan(["ack", &id, "--imported"]).await?.ok()?;
    state_is(plan, &id, State::Imported).await
}

#[tokio::test]
async fn a_transfer_can_be_recalled_until_it_is_fetched_and_sent_again() -> Result<()> {
    let world = World::new().await?;
    let offices = set_up(&world, &[PLAN, HELPER]).await?;
    let (plan, helper) = (&offices[PLAN], &offices[HELPER]);
    let unit = samples::unit("04")?;
    let first = send(&offices, &unit).await?;
    plan.careplan(["recall", &first]).await?.ok()?;
    state_is(plan, &first, State::Recalled).await?;

    let seen = helper.inbox("").await?;
    ensure!(seen.len() == 1 && seen[0].state == State::Recalled, "{seen:?}");
    ensure!(seen[0].files.is_empty() && seen[0].message.is_empty(), "names of a recalled transfer: {seen:?}");
    ensure!(helper.inbox("order=unit").await?.is_empty());
    helper.get(&format!("inbox/{first}/files/1")).await?.refused("recalled")?;
    helper.acknowledge(&first, "imported", None).await?.refused("recalled")?;
    let table = helper.careplan(["--lang", "ja", "inbox"]).await?.ok()?;
    ensure!(table.stdout.contains("取消"), "{}", table.stdout);

    let second = send(&offices, &unit).await?;
    ensure!(first != second, "the second send is a transfer of its own");
    let into = world.path("in").display().to_string();
    helper.careplan(["fetch", "--new", "--into", &into]).await?.ok()?;
    let refused = plan.recall(&second).await?.status(409)?.refused("already-fetched")?;
    let fetched_at = refused.json::<Value>()?["fetched_at"].as_str().context("fetched_at")?.to_owned();
    let told = helper.inbox("state=fetched").await?[0].fetched_at.context("fetched")?;
    ensure!(fetched_at == told.to_string(), "{fetched_at} {told}");
    plan.careplan(["recall", &second]).await?.exited(1)?;
    Ok(())
}

#[tokio::test]
async fn an_interrupted_send_is_finished_by_the_next_one_under_its_own_key() -> Result<()> {
    let mut world = World::new().await?;
    let offices = set_up(&world, &[PLAN, HELPER]).await?;
    let plan = &offices[PLAN];
    let unit = samples::unit("04")?;
    world.hub.kill().await?;
    let mut sending = plan.command()?.args(["send", "--yes"]).arg(&unit.folder).spawn()?;
    // The send is written down before the first attempt; then the program dies while the hub is away.
    careplan_tests::patience::eventually("the send is written down", 20, || async {
        let pending = plan.home.join(PLAN).join("pending");
        let whole = |entry: std::io::Result<std::fs::DirEntry>| {
            let path = entry.map(|entry| entry.path()).unwrap_or_default();
            path.extension().is_none() && path.join("intent.json").is_file()
        };
        Ok(std::fs::read_dir(pending).is_ok_and(|folder| folder.into_iter().any(whole)).then_some(()))
    })
    .await?;
    sending.kill().await?;
    world.hub.start().await?;
    let finished = plan.careplan_json(["send"]).await?;
    ensure!(finished["sent"].as_array().map_or(0, Vec::len) == 1, "{finished}");
    ensure!(plan.outbox("").await?.len() == 1 && offices[HELPER].inbox("").await?.len() == 1);
    ensure!(plan.careplan_json(["send"]).await?["sent"].as_array().is_some_and(Vec::is_empty));
    Ok(())
}

#[tokio::test]
async fn of_a_recall_and_a_fetch_at_the_same_moment_exactly_one_wins() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let (mut recalled, mut fetched) = (0, 0);
    for n in 0..40 {
        let id = plan.send_file(HELPER, &format!("{n}.pdf"), b"%PDF-").await?.transfer.to_string();
        let path = format!("inbox/{id}/files/1");
        let (recall, fetch) = match n % 2 {
            0 => tokio::join!(plan.recall(&id), helper.get(&path)),
            _ => {
                let (fetch, recall) = tokio::join!(helper.get(&path), plan.recall(&id));
                (recall, fetch)
            }
        };
        match (recall?, fetch?) {
            (recall, fetch) if recall.status < 300 => {
                fetch.refused("recalled")?;
                recalled += 1;
            }
            (recall, fetch) => {
                recall.refused("already-fetched")?;
                ensure!(fetch.status(200)?.body == "%PDF-");
                fetched += 1;
            }
        }
    }
    let listed = plan.outbox("").await?;
    let count = |state| listed.iter().filter(|transfer| transfer.state == state).count();
    ensure!(count(State::Recalled) == recalled && count(State::Fetched) == fetched, "{recalled} {fetched}");
    Ok(())
}

#[tokio::test]
async fn foreign_and_unknown_recipients_and_senders_are_refused_with_their_codes() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let form = |to: &str| careplan_tests::Form::to(to, "").file("a.pdf", b"%PDF-1.4");
    plan.caller.send(PLAN, form("1379999999")).await?.refused("recipient-unknown")?;
    plan.caller.send(PLAN, form(&format!("{HELPER}-43"))).await?.refused("recipient-type-unknown")?;
    plan.caller.send(HELPER, form(PLAN)).await?.refused("not-found")?;
    let unit = samples::unit("04")?;
    let stolen = careplan_tests::Form::to(PLAN, "").files(&unit.files);
    helper.caller.send(HELPER, stolen).await?.refused("sender-mismatch")?;
    let astray = careplan_tests::Form::to(TWO_DESKS, "").files(&unit.files);
    plan.caller.send(PLAN, astray).await?.refused("receiver-mismatch")?;
    let part = careplan_tests::Form::to(HELPER, "").files(&unit.files[..2]);
    plan.caller.send(PLAN, part).await?.refused("standard-violated")?;
    ensure!(plan.outbox("").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn what_belongs_to_others_answers_exactly_like_what_does_not_exist() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper, desks) = (world.office(PLAN)?, world.office(HELPER)?, world.office(TWO_DESKS)?);
    let id = plan.send_unit(&samples::unit("04")?).await?.transfer.to_string();
    let nothing = "1-99999999-6";
    for (office, rest) in [
        (&desks, "inbox/{}"),
        (&desks, "inbox/{}/files/1"),
        (&desks, "outbox/{}"),
        (&desks, "outbox/{}/files/1"),
        (&helper, "outbox/{}"),
        (&helper, "outbox/{}/files/1"),
        (&plan, "inbox/{}"),
        (&plan, "inbox/{}/files/1"),
    ] {
        let answers = [office.get(&rest.replace("{}", &id)).await?, office.get(&rest.replace("{}", nothing)).await?];
        for answer in &answers {
            answer.clone().refused("not-found")?;
        }
        ensure!(without_request(&answers[0])? == without_request(&answers[1])?, "{rest}");
    }
    desks.recall(&id).await?.refused("not-found")?;
    helper.recall(&id).await?.refused("not-found")?;
    desks.acknowledge(&id, "imported", None).await?.refused("not-found")?;
    Ok(())
}

/// An answer's body without the number of its request, which differs each time.
fn without_request(answer: &careplan_tests::Reply) -> Result<Value> {
    let mut body: Value = answer.json()?;
    body.as_object_mut().context("an object")?.remove("request");
    Ok(body)
}

async fn set_up(world: &World, numbers: &[&str]) -> Result<BTreeMap<String, Office>> {
    let mut offices = BTreeMap::new();
    for number in numbers {
        offices.insert((*number).to_owned(), world.office(number)?.set_up().await?);
    }
    Ok(offices)
}

async fn send(offices: &BTreeMap<String, Office>, unit: &Unit) -> Result<String> {
    let sender = &offices[unit.from.office.as_str()];
    let arguments = [PathBuf::from("send"), "--yes".into(), unit.folder.clone()];
    let sent = sender.careplan_json(arguments).await?;
    let receipt = sent["sent"][0]["receipt"].as_str().with_context(|| sent.to_string())?;
    ensure!(Path::new(receipt).is_file(), "{sent}");
    Ok(sent["sent"][0]["transfer"].as_str().with_context(|| sent.to_string())?.to_owned())
}

async fn state_is(sender: &Office, id: &str, state: State) -> Result<()> {
    let found = sender.outbox("").await?.into_iter().find(|transfer| transfer.id.to_string() == id);
    ensure!(found.as_ref().is_some_and(|transfer| transfer.state == state), "{state}: {found:?}");
    Ok(())
}

fn listed(shown: &Value) -> usize {
    shown["items"].as_array().map_or(0, Vec::len)
}
