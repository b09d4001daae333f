//! careplan-hub: configuration and its end.

use anyhow::{Result, ensure};
use careplan_tests::patience::eventually;
use careplan_tests::world::PLAN;
use careplan_tests::{World, programs};
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

#[tokio::test]
async fn configuration_is_checked_and_shown_and_unknown_keys_are_refused() -> Result<()> {
    let world = World::empty(&[]).await?;
    let file = world.hub.folder.join("hub.toml");
    hub(&["check-config"], &file).await?.ok()?;
    let shown = hub(&["show-config"], &file).await?.ok()?.stdout;
    for key in ["[listen]", "[limits]", "transfer_bytes", "retention"] {
        ensure!(shown.contains(key), "{key} is not shown:\n{shown}");
    }
    let master = std::fs::read_to_string(world.hub.folder.join("keys/master.key"))?;
    ensure!(!shown.contains(master.trim()), "a secret is shown");
    let text = std::fs::read_to_string(&file)?;
    for wrong in ["colour = \"red\"\n", "[listen]\nadress = \"127.0.0.1:1\"\n", "[limits]\nfiles = \"many\"\n"] {
        let other = world.hub.folder.join("wrong.toml");
        std::fs::write(&other, format!("{wrong}{text}"))?;
        for command in ["check-config", "serve"] {
            let outcome = hub(&[command], &other).await?;
            ensure!(outcome.code == 2, "{command} with {wrong}: {outcome:?}");
        }
    }
    Ok(())
}

/// What is installed has no failpoints; that the other program has them shows that this looks in the right way.
#[test]
fn the_program_for_offices_has_no_failpoints() -> Result<()> {
    let has = |program: &str| -> Result<bool> {
        let bytes = std::fs::read(programs::built(program)?)?;
        let names = [b"FAILPOINTS".as_slice(), b"keys-destroyed"];
        Ok(names.iter().all(|name| bytes.windows(name.len()).any(|window| window == *name)))
    };
    ensure!(!has("careplan-hub")?);
    ensure!(has("careplan-hub-faulty")?);
    Ok(())
}

#[tokio::test]
async fn a_test_clock_is_refused_where_others_can_call() -> Result<()> {
    let world = World::empty(&[]).await?;
    let mut command = programs::command(programs::built("careplan-hub")?);
    command.arg("check-config").arg("--config").arg(world.hub.folder.join("hub.toml"));
    let outcome = programs::run(command.env("CAREPLAN_HUB__LISTEN__ADDRESS", "0.0.0.0:0")).await?;
    ensure!(outcome.code == 2, "{outcome:?}");
    ensure!(world.hub.log().contains("clock"), "a test clock is said loudly");
    Ok(())
}

#[tokio::test]
async fn a_stop_lets_running_requests_end_and_a_new_certificate_is_taken_up_without_a_stop() -> Result<()> {
    let mut world = World::new().await?;
    let plan = world.office(PLAN)?;
    let waiting = tokio::spawn({
        let plan = plan.clone();
        async move { plan.get("inbox?wait=30").await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let id = world.hub.id().unwrap_or_default().to_string();
    programs::run(programs::command("kill").args(["-HUP", &id])).await?.ok()?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    ensure!(!waiting.is_finished(), "a reload drops no request");
    plan.get("outbox").await?.status(200)?;
    let status = world.hub.stop().await?;
    ensure!(status.code() == Some(0), "{status}");
    let answer = waiting.await?;
    ensure!(answer.is_ok_and(|answer| answer.status < 500), "the wait is answered at the stop");
    Ok(())
}

/// Certificates that could not be read for a reason that passes are taken up when it has, though their files stay as they are.
#[tokio::test]
async fn a_reload_that_failed_for_want_of_open_files_is_tried_again_by_itself() -> Result<()> {
    let mut world = World::new().await?;
    let id = world.hub.id().unwrap_or_default().to_string();
    let limit = async |files: &str| {
        programs::run(programs::command("prlimit").args(["--pid", &id, &format!("--nofile={files}:")])).await?.ok()
    };
    let reloads = async |outcome: &str| -> Result<f64> {
        let metrics = careplan_tests::caller::local(&format!("{}/metrics", world.hub.local_url())).await?.text();
        let line = format!("careplan_hub_reloads_total{{outcome=\"{outcome}\"}} ");
        Ok(metrics.lines().find_map(|found| found.strip_prefix(&line)?.parse().ok()).unwrap_or(0.0))
    };
    ensure!(reloads("ok").await? == 0.0);
    limit("4").await?;
    let file = world.hub.folder.join("tls/hub.crt");
    let same = std::fs::read_to_string(&file)? + "\n";
    std::fs::write(&file, same)?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    limit("1024").await?;
    eventually("it is tried again", 15, || async { Ok((reloads("ok").await? == 1.0).then_some(())) }).await?;
    ensure!(reloads("refused").await? == 1.0, "it is told once, not with every try");
    let said = world.hub.log().matches("cannot be used; the old ones stay").count();
    ensure!(said == 1, "it is said {said} times");
    world.hub.stop().await?;
    Ok(())
}

#[tokio::test]
async fn half_a_request_on_the_local_listener_does_not_hold_up_the_stop() -> Result<()> {
    let mut world = World::new().await?;
    let address = world.hub.local_url().replace("http://", "");
    let mut half = tokio::net::TcpStream::connect(address).await?;
    half.write_all(b"GET /healthz HTTP/1.1\r\nHost: h").await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let status = world.hub.stop().await?;
    ensure!(status.code() == Some(0), "{status}");
    ensure!(world.hub.log().contains("the hub stopped"), "{}", world.hub.last_words());
    Ok(())
}

async fn hub(arguments: &[&str], config: &Path) -> Result<careplan_tests::Outcome> {
    let mut command = programs::command(programs::built("careplan-hub")?);
    programs::run(command.args(arguments).arg("--config").arg(config)).await
}
