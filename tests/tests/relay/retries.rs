//! "It timed out, did it go?" Here the answer is always to send it again.

use anyhow::{Result, ensure};
use careplan_protocol::api::Sent;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Form, Office, Reply, World, samples};
use tokio::task::JoinSet;

#[tokio::test]
async fn the_same_key_and_content_gets_the_same_receipt_whatever_has_happened() -> Result<()> {
    let mut world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let first = send(&plan, "key-1").await?.status(201)?;
    ensure!(first.header("idempotency-replayed").is_empty());
    same(&plan, &first, "at once").await?;

    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let plan = plan.clone();
        tasks.spawn(async move { send(&plan, "key-1").await });
    }
    while let Some(answer) = tasks.join_next().await {
        ensure!(answer??.status(201)?.body == first.body, "one of twenty at once differs");
    }
    world.hub.restart().await?;
    same(&plan, &first, "after a restart").await?;
    world.hub.kill_and_start().await?;
    same(&plan, &first, "after a kill").await?;

    helper.fetch(&first.json::<Sent>()?.transfer.to_string(), 1).await?;
    same(&plan, &first, "after it was fetched").await?;
    world.admin(["office", "suspend", HELPER, "--reason", "test"]).await?.ok()?;
    same(&plan, &first, "while the recipient is suspended").await?;
    world.admin(["licence", "end", PLAN, "--reason", "test"]).await?.ok()?;
    send(&plan, "key-2").await?.refused("licence-expired")?;
    same(&plan, &first, "without a licence").await?;
    world.admin(["office", "suspend", PLAN, "--reason", "test"]).await?.ok()?;
    same(&plan, &first, "while suspended").await?;
    world.admin(["office", "resume", PLAN, "--reason", "test"]).await?.ok()?;
    ensure!(plan.outbox("").await?.len() == 1, "one transfer came of all this");
    Ok(())
}

#[tokio::test]
async fn the_first_of_many_at_once_wins_and_all_get_its_receipt() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let plan = plan.clone();
        tasks.spawn(async move { send(&plan, "race").await });
    }
    let mut bodies = Vec::new();
    while let Some(answer) = tasks.join_next().await {
        bodies.push(answer??.status(201)?.body);
    }
    bodies.dedup();
    ensure!(bodies.len() == 1, "{} receipts", bodies.len());
    ensure!(plan.outbox("").await?.len() == 1 && helper.inbox("").await?.len() == 1);
    Ok(())
}

#[tokio::test]
async fn a_retry_is_answered_when_the_rate_is_used_up() -> Result<()> {
    let world = World::with(&[("LIMITS__REQUESTS_PER_MINUTE", "5")]).await?;
    let plan = world.office(PLAN)?;
    let first = send(&plan, "key-1").await?.status(201)?;
    let mut limited = None;
    for _ in 0..20 {
        let answer = plan.get("outbox").await?;
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
    }
    let limited = limited.expect("the rate is limited").refused("rate-limited")?;
    ensure!(limited.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0));
    same(&plan, &first, "at the limit of the rate").await?;
    send(&plan, "key-2").await?.refused("rate-limited")?;
    ensure!(world.office(HELPER)?.get("inbox").await?.status == 200, "others are not limited");
    Ok(())
}

#[tokio::test]
async fn the_same_key_with_other_content_is_a_conflict_and_leaves_the_first_alone() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let first = send(&plan, "key-1").await?.status(201)?;
    let unit = samples::unit("04")?;
    let mut altered = unit.clone();
    altered.files[0].1 = b"1\r\n".as_slice().into();
    let to = unit.to.to_string();
    for other in [
        Form::to(&to, "another message").files(&unit.files),
        Form::to(HELPER, "よろしく").files(&unit.files),
        Form::to(&to, "よろしく").files(&altered.files),
        Form::to(&to, "よろしく").files(&unit.files).file("more.pdf", b"%PDF-"),
        Form::to(&to, "よろしく").files(unit.files.iter().rev()),
    ] {
        plan.caller.send_as(PLAN, "key-1", other).await?.status(409)?.refused("idempotency-conflict")?;
    }
    same(&plan, &first, "after conflicts").await?;
    // Another office's keys are its own.
    helper.caller.send_as(HELPER, "key-1", Form::to(PLAN, "").file("a.pdf", b"%PDF-")).await?.status(201)?;
    ensure!(plan.outbox("").await?.len() == 1);
    Ok(())
}

#[tokio::test]
async fn a_refused_send_leaves_no_key() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?;
    let unit = samples::unit("04")?;
    let part = Form::to(&unit.to.to_string(), "よろしく").files(&unit.files[..2]);
    plan.caller.send_as(PLAN, "key-1", part).await?.refused("standard-violated")?;
    world.admin(["office", "suspend", HELPER, "--reason", "test"]).await?.ok()?;
    send(&plan, "key-1").await?.refused("recipient-unavailable")?;
    world.admin(["office", "resume", HELPER, "--reason", "test"]).await?.ok()?;
    let answer = send(&plan, "key-1").await?.status(201)?;
    ensure!(answer.header("idempotency-replayed").is_empty(), "it is the first with this key");
    Ok(())
}

#[tokio::test]
async fn a_retry_of_a_recalled_transfer_says_so_beside_its_receipt() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?;
    let first = send(&plan, "key-1").await?.status(201)?;
    let id = first.json::<Sent>()?.transfer.to_string();
    ensure!(plan.recall(&id).await?.status < 300);
    let again = send(&plan, "key-1").await?.status(201)?;
    ensure!(again.body == first.body && again.header("transfer-state") == "recalled", "{:?}", again.headers);
    Ok(())
}

#[tokio::test]
async fn the_multipart_bytes_do_not_matter_for_a_retry_only_the_content() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?;
    let first = send(&plan, "key-1").await?.status(201)?;
    let unit = samples::unit("04")?;
    let mut form = reqwest::multipart::Form::new().text("to", unit.to.to_string()).text("message", "よろしく");
    for (name, bytes) in &unit.files {
        form = form.part("file", reqwest::multipart::Part::bytes(bytes.to_vec()).file_name(name.clone()));
    }
    let request = plan.caller.request("POST".parse()?, &plan.path("outbox"));
    let again = plan.caller.call(request.header("idempotency-key", "key-1").multipart(form)).await?.status(201)?;
    ensure!(again.body == first.body && again.header("idempotency-replayed") == "true");
    Ok(())
}

async fn send(plan: &Office, key: &str) -> Result<Reply> {
    let unit = samples::unit("04")?;
    let form = Form::to(&unit.to.to_string(), "よろしく").files(&unit.files);
    plan.caller.send_as(PLAN, key, form).await
}

async fn same(plan: &Office, first: &Reply, when: &str) -> Result<()> {
    let again = send(plan, "key-1").await?;
    ensure!(again.status == 201 && again.body == first.body, "{when}: {} {}", again.status, again.text());
    ensure!(again.header("idempotency-replayed") == "true", "{when}: {:?}", again.headers);
    Ok(())
}
