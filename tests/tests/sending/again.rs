//! What was recalled can be sent again, and what the hub finds is told.

use anyhow::{Context as _, Result, ensure};
use careplan_protocol::transfer::State;
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Form, World, samples};
use serde_json::Value;
use std::path::PathBuf;

#[tokio::test]
async fn a_send_that_was_interrupted_and_recalled_goes_again_as_another_transfer() -> Result<()> {
    let mut world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let unit = samples::unit("04")?;
    world.hub.kill().await?;
    let mut sending = plan.command()?.args(["send", "--yes"]).arg(&unit.folder).spawn()?;
    let intent = eventually("the send is written down", 20, || async {
        let entries = std::fs::read_dir(plan.home.join(PLAN).join("pending")).into_iter().flatten().flatten();
        let folders = entries.map(|entry| entry.path()).filter(|path| path.extension().is_none());
        Ok(folders.map(|path| path.join("intent.json")).find(|path| path.is_file()))
    })
    .await?;
    sending.kill().await?;
    world.hub.start().await?;
    // It had arrived, only the answer was lost; then it was recalled from another computer.
    let intent: Value = serde_json::from_slice(&std::fs::read(intent)?)?;
    let key = intent["key"].as_str().context("a key")?;
    let mut form = Form::new().field("to", &unit.to.to_string());
    if let Some(service_type) = intent["from_type"].as_str() {
        form = form.field("from_type", service_type);
    }
    form = form.field("message", "");
    for name in intent["files"].as_array().context("files")?.iter().filter_map(|file| file["name"].as_str()) {
        let (_, bytes) = unit.files.iter().find(|(known, _)| known == name).context("a file of the unit")?;
        form = form.file(name, bytes);
    }
    let first = plan.caller.send_as(PLAN, key, form).await?.status(201)?.json::<Value>()?["transfer"].clone();
    plan.recall(first.as_str().context("an id")?).await?.status(200)?;

    let told = plan.careplan_json([PathBuf::from("send"), "--yes".into(), unit.folder.clone()]).await?;
    let sent = told["sent"].as_array().context("a list")?;
    ensure!(sent.len() == 2 && sent[0]["recalled"] == true && sent[1]["recalled"] == false, "{told:#}");
    ensure!(sent[0]["transfer"] == first && sent[1]["transfer"] != first, "{told:#}");
    let states: Vec<State> = plan.outbox("").await?.iter().map(|transfer| transfer.state).collect();
    ensure!(states == [State::Recalled, State::Accepted], "{states:?}");
    let again = plan.careplan_json([PathBuf::from("send"), "--yes".into(), unit.folder.clone()]).await?;
    ensure!(again["sent_before"].as_array().map_or(0, Vec::len) == 1, "{again:#}");
    Ok(())
}

#[tokio::test]
async fn sync_tells_what_only_the_hub_could_find() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?.set_up().await?, world.office(HELPER)?.set_up().await?);
    let (out, inside) = (world.path("out"), world.path("in"));
    std::fs::create_dir_all(&out)?;
    std::fs::create_dir_all(&inside)?;
    plan.send_unit(&samples::unit("04")?.stamped(5)?).await?;
    let into = world.path("fetched").display().to_string();
    helper.careplan(["fetch", "--new", "--into", &into]).await?.ok()?;
    samples::unit("04")?.write(&out)?;
    let (out, inside) = (out.display().to_string(), inside.display().to_string());
    let arguments = ["sync", "--once", "--out", &out, "--in", &inside, "--settle-seconds", "0"];
    let told = plan.careplan(arguments).await?.ok()?;
    ensure!(told.stdout.contains("[late]"), "{told:?}");
    samples::unit("04")?.stamped(1)?.write(&PathBuf::from(&out))?;
    let told = plan.careplan_json(arguments).await?;
    let found = told["events"].as_array().context("events")?.iter().find(|event| event["event"] == "found");
    ensure!(found.is_some_and(|it| it["findings"][0]["rule"] == "late"), "{told:#}");
    let listed = plan.careplan(["--lang", "ja", "sent"]).await?.ok()?;
    ensure!(listed.stdout.contains("遅れて到着"), "{}", listed.stdout);
    Ok(())
}
