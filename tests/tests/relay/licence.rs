//! Licences: what ends with them, what goes on, and the meter.

use anyhow::{Context as _, Result, ensure};
use careplan_protocol::api::{DirectoryEntry, OfficeStatus, Page, Usage};
use careplan_protocol::calendar::{day_in_japan, start_of_day_in_japan};
use careplan_tests::hub::now;
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, LETTER, NURSE, PLAN, TWO_DESKS};
use careplan_tests::{Form, Office, World, samples};
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::Value;

#[tokio::test]
async fn a_licence_ends_at_midnight_in_japan_and_only_sending_stops() -> Result<()> {
    let world = World::empty(&[]).await?;
    let today = day_in_japan(now());
    let applied = today.checked_add(1.day())?.checked_sub(1.year())?;
    enrol(&world, applied).await?;
    world.admin(["licence", "decline", PLAN, "--reason", "closing"]).await?.ok()?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let midnight = start_of_day_in_japan(today.checked_add(1.day())?)?;

    world.set_clock_at(midnight.checked_sub(1.second())?).await?;
    let kept = plan.send_file(HELPER, "last.pdf", b"%PDF- last").await?.transfer.to_string();
    let recalled = plan.send_file(HELPER, "recalled.pdf", b"%PDF- recalled").await?.transfer.to_string();
    let received = helper.send_file(PLAN, "in.pdf", b"%PDF- in").await?.transfer.to_string();
    let form = || Form::to(HELPER, "").file("in-doubt.pdf", b"%PDF- in doubt");
    let in_doubt = plan.caller.send_as(PLAN, "in-doubt", form()).await?.status(201)?;
    let licence = status(&plan).await?.licence.context("a licence")?;
    ensure!(licence.running && licence.until == today && licence.days_left == 1 && !licence.renews, "{licence:?}");

    world.set_clock_at(midnight).await?;
    refused(&plan, HELPER, "licence-expired").await?;
    let retried = plan.caller.send_as(PLAN, "in-doubt", form()).await?.status(201)?;
    ensure!(retried.body == in_doubt.body, "a retry after midnight gets its receipt");
    eventually("the helper's licence renews itself", 10, || async {
        Ok(send(&helper, PLAN).await.and_then(|answer| answer.refused("recipient-unavailable")).ok())
    })
    .await?;
    ensure!(plan.inbox("").await?.len() == 1);
    ensure!(plan.fetch(&received, 1).await? == "%PDF- in");
    ensure!(plan.acknowledge(&received, "imported", None).await?.status < 300);
    ensure!(plan.recall(&recalled).await?.status < 300);
    plan.get("log").await?.status(200)?;
    ensure!(helper.fetch(&kept, 1).await? == "%PDF- last");
    let entry = plan.caller.get(&format!("/v1/directory/{PLAN}")).await?.status(200)?.json::<DirectoryEntry>()?;
    ensure!(!entry.can_receive);
    Ok(())
}

#[tokio::test]
async fn a_licence_renews_itself_the_day_after_unless_it_was_declined() -> Result<()> {
    let world = World::empty(&[]).await?;
    let today = day_in_japan(now());
    enrol(&world, today.checked_add(1.day())?.checked_sub(1.year())?).await?;
    let plan = world.office(PLAN)?;
    let warning = status(&plan).await?.warnings.into_iter().find(|warning| warning.code == "licence-ends");
    ensure!(warning.is_none_or(|warning| warning.days_left <= 1), "a warning of a licence that renews itself");
    let tomorrow = today.checked_add(1.day())?;
    world.set_clock_at(start_of_day_in_japan(tomorrow)?.checked_add(1.minute())?).await?;
    let licence = eventually("the next term", 10, || async {
        Ok(status(&plan).await?.licence.filter(|licence| licence.from == tomorrow))
    })
    .await?;
    let until = tomorrow.checked_add(1.year())?.checked_sub(1.day())?;
    ensure!(licence.running && licence.until == until && licence.fee == 21_000, "{licence:?}");
    send(&plan, HELPER).await?.status(201)?;
    let terms = world.admin_json(["licence", "list"]).await?;
    let mine = terms.as_array().and_then(|all| all.iter().find(|one| one["office"] == PLAN)).context("a record")?;
    ensure!(mine["terms"].as_array().map_or(0, Vec::len) == 2, "{mine}");
    Ok(())
}

#[tokio::test]
async fn a_suspended_office_gets_403_everywhere_and_cannot_be_sent_to() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    world.admin(["office", "suspend", HELPER, "--reason", "test"]).await?.ok()?;
    for rest in ["inbox", "outbox", "log"] {
        helper.get(rest).await?.status(403)?.refused("office-suspended")?;
    }
    refused(&helper, PLAN, "office-suspended").await?;
    refused(&plan, HELPER, "recipient-unavailable").await?;
    world.admin(["office", "resume", HELPER, "--reason", "test"]).await?.ok()?;
    helper.get("inbox").await?.status(200)?;
    send(&plan, HELPER).await?.status(201)?;
    Ok(())
}

#[tokio::test]
async fn suspended_lapsed_and_declined_recipients_look_alike_and_removed_ones_are_unknown() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?;
    world.admin(["office", "suspend", HELPER, "--reason", "test"]).await?.ok()?;
    world.admin(["licence", "end", NURSE, "--reason", "test"]).await?.ok()?;
    world.admin(["office", "remove", LETTER, "--reason", "test"]).await?.ok()?;
    let bodies = [send(&plan, HELPER).await?, send(&plan, NURSE).await?];
    for body in &bodies {
        body.clone().refused("recipient-unavailable")?;
        ensure!(body.json::<Value>()?["detail"] == bodies[0].json::<Value>()?["detail"]);
    }
    refused(&plan, LETTER, "recipient-unknown").await?;
    let entries = plan.caller.get("/v1/directory?limit=1000").await?.status(200)?.json::<Page<DirectoryEntry>>()?;
    ensure!(entries.items.iter().all(|entry| entry.office.as_str() != LETTER), "a removed office is listed");
    for (number, can) in [(HELPER, false), (NURSE, false), (TWO_DESKS, true)] {
        let entry = entries.items.iter().find(|entry| entry.office.as_str() == number).context(number)?;
        ensure!(entry.can_receive == can, "{entry:?}");
    }
    // Granted anew after a lapse, a licence starts on its own date and the gap stays.
    world.admin(["licence", "grant", NURSE]).await?.ok()?;
    send(&plan, NURSE).await?.status(201)?;
    Ok(())
}

#[tokio::test]
async fn the_meter_equals_the_log_equals_the_lists() -> Result<()> {
    let mut world = World::new().await?;
    for unit in samples::units()? {
        world.office(unit.from.office.as_str())?.send_unit(&unit).await?;
    }
    let plan = world.office(PLAN)?;
    let recalled = plan.send_file(HELPER, "a.pdf", b"%PDF-").await?.transfer.to_string();
    ensure!(plan.recall(&recalled).await?.status < 300, "a recall does not uncount");
    compare(&world).await?;
    world.hub.kill_and_start().await?;
    compare(&world).await
}

async fn compare(world: &World) -> Result<()> {
    let rows = world.admin_json(["usage"]).await?;
    let rows: Vec<Usage> = serde_json::from_value(rows["rows"].clone())?;
    let log = world.admin_json(["log", "search", "--kind", "accepted", "--limit", "1000"]).await?;
    let log = log.as_array().context("a list")?.clone();
    ensure!(log.len() == samples::units()?.len() + 1, "{} accepted in the log", log.len());
    for number in [PLAN, HELPER, TWO_DESKS, LETTER] {
        let office = world.office(number)?;
        let meter = rows.iter().find(|row| row.office.as_str() == number).context("a row")?;
        for (counted, side, list) in
            [(&meter.sent, "from", office.outbox("").await?), (&meter.received, "to", office.inbox("").await?)]
        {
            let mine: Vec<&Value> =
                log.iter().filter(|entry| entry[side].as_str().is_some_and(|end| end.starts_with(number))).collect();
            let sum = |field: &str| mine.iter().filter_map(|entry| entry[field].as_u64()).sum::<u64>();
            ensure!(
                counted.transfers == mine.len() as u64 && counted.transfers == list.len() as u64,
                "{number} {side}"
            );
            ensure!(counted.files == sum("files") && counted.bytes == sum("bytes"), "{number} {side}: {counted:?}");
            let listed: u64 = list.iter().map(|transfer| transfer.bytes).sum();
            ensure!(counted.bytes == listed, "{number} {side}: {} in the list", listed);
        }
        ensure!(status(&office).await?.usage.iter().any(|usage| usage == meter), "{number}: its own view");
    }
    Ok(())
}

/// PLAN and HELPER, their licences from this day.
async fn enrol(world: &World, applied: Date) -> Result<()> {
    let roster = world.path("roster.csv");
    let row = |number: &str, kind: &str| format!("{number},{kind},事業所{kind},{applied}\n");
    std::fs::write(&roster, format!("office,service_type,name,applied_on\n{}{}", row(PLAN, "43"), row(HELPER, "11")))?;
    world.enrol(&roster).await?.ok()?;
    Ok(())
}

async fn status(office: &Office) -> Result<OfficeStatus> {
    office.caller.get(&format!("/v1/offices/{}", office.number)).await?.status(200)?.json()
}

async fn send(from: &Office, to: &str) -> Result<careplan_tests::Reply> {
    from.caller.send(&from.number, Form::to(to, "").file("a.pdf", b"%PDF-1.4")).await
}

async fn refused(from: &Office, to: &str, code: &str) -> Result<()> {
    send(from, to).await?.refused(code).map(|_| ())
}
