//! A revoked certificate is out within seconds, whatever it is doing.

use anyhow::{Context as _, Result, ensure};
use careplan_tests::patience::{eventually, within};
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Office, World, samples};
use reqwest::Response;
use std::time::Duration;

#[tokio::test]
async fn an_open_connection_a_stream_a_wait_and_a_download_are_cut_within_seconds() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let id = plan.send_file(HELPER, "large.pdf", &samples::pdf(LARGE)).await?.transfer.to_string();

    helper.get("inbox").await?.status(200)?;
    let open = |rest: &str| helper.caller.open(helper.caller.request("GET".parse().unwrap(), &helper.path(rest)));
    let mut download = open(&format!("inbox/{id}/files/1")).await?;
    ensure!(download.chunk().await?.is_some());
    let mut stream = open("inbox/events").await?;
    ensure!(stream.chunk().await?.is_some());
    let waiting = {
        let (caller, path) = (helper.caller.clone(), helper.path(&format!("inbox?after={}&wait=50", position(&id)?)));
        tokio::spawn(async move { caller.get(&path).await })
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    ensure!(!waiting.is_finished(), "the wait waits");

    revoke(&world, &helper).await?;
    let answer = helper.get("inbox").await;
    if let Ok(answer) = answer {
        answer.status(403)?.refused("certificate-revoked")?;
    }
    within("the stream ends", SECONDS, ended(&mut stream)).await?;
    if let Ok(answer) = within("the wait ends", SECONDS, waiting).await?? {
        ensure!(answer.status == 403, "{} {}", answer.status, answer.text());
    }
    tokio::time::sleep(Duration::from_secs(SECONDS)).await;
    let got = within("the download ends", SECONDS, ended(&mut download)).await?;
    ensure!(got < LARGE, "the whole file came through after the revocation");
    Ok(())
}

/// Who has no right left cannot fill the disk with refusals, and how often he came is told all the same.
#[tokio::test]
async fn a_revoked_certificate_that_calls_again_and_again_stands_in_the_log_a_few_times_and_then_as_a_number()
-> Result<()> {
    let world = World::new().await?;
    let helper = world.office(HELPER)?;
    revoke(&world, &helper).await?;
    for _ in 0..CALLS {
        // Its connections are cut now and then.
        while helper.get("inbox").await.map_or(true, |answer| answer.status != 403) {}
    }
    let (alone, more) = eventually("all refusals are told", 100, || async {
        let search = ["log", "search", "--outcome", "certificate-revoked", "--office", HELPER, "--limit", "1000"];
        let found = world.admin_json(search).await?;
        let of = |kind: &str| -> Vec<u64> {
            let found = found.as_array().into_iter().flatten().filter(|entry| entry["kind"] == kind);
            found.map(|entry| entry["count"].as_u64().unwrap_or(1)).collect()
        };
        let (alone, more) = (of("refused"), of("refused-more"));
        Ok((alone.iter().chain(&more).sum::<u64>() >= CALLS).then_some((alone.len(), more.len())))
    })
    .await?;
    ensure!((30..=60).contains(&alone) && (1..=2).contains(&more), "{alone} alone, {more} summed up");
    Ok(())
}

#[tokio::test]
async fn a_suspension_and_a_removal_cut_streams_too() -> Result<()> {
    let world = World::new().await?;
    for (number, command) in [(PLAN, "suspend"), (HELPER, "remove")] {
        let office = world.office(number)?;
        let request = office.caller.request("GET".parse()?, &office.path("inbox/events"));
        let mut stream = office.caller.open(request).await?;
        ensure!(stream.chunk().await?.is_some());
        world.admin(["office", command, number, "--reason", "test"]).await?.ok()?;
        within(command, SECONDS, ended(&mut stream)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_lost_certificate_is_replaced_and_dies_in_one_step() -> Result<()> {
    let world = World::new().await?;
    let (plan, old) = (world.office(PLAN)?, world.office(HELPER)?);
    let out = world.path("lost").display().to_string();
    let missing = ["certificate", "issue", "--office", HELPER, "--reason", "lost", "--out", &out];
    ensure!(world.admin(missing).await?.code == 2, "how the person was identified is required");
    let how = "called back at the number on file";
    world.admin(missing.iter().copied().chain(["--verified-by", how])).await?.ok()?;
    old.get("inbox").await?.refused("certificate-revoked")?;

    let mut folder = std::fs::read_dir(&out)?.filter_map(|entry| entry.ok()).map(|entry| entry.path());
    let folder = folder.find(|path| path.is_dir()).context("a bundle")?;
    let new = Office::of(&world, HELPER, &folder)?.set_up().await?;
    plan.send_unit(&samples::unit("04")?).await?;
    let into = world.path("in").display().to_string();
    let fetched = new.careplan_json(["fetch", "--new", "--into", &into]).await?;
    ensure!(fetched["fetched"].as_array().map_or(0, Vec::len) == 1, "{fetched}");
    let log = world.admin(["--json", "log", "search", "--office", HELPER, "--limit", "1000"]).await?.ok()?;
    ensure!(log.stdout.contains(how), "the log says how the person was identified");
    Ok(())
}

#[tokio::test]
async fn several_certificates_of_one_office_overlap() -> Result<()> {
    let world = World::new().await?;
    let first = world.office(PLAN)?;
    let out = world.path("second").display().to_string();
    world.admin(["certificate", "issue", "--office", PLAN, "--label", "受付PC", "--out", &out]).await?.ok()?;
    let mut folder = std::fs::read_dir(&out)?.filter_map(|entry| entry.ok()).map(|entry| entry.path());
    let folder = folder.find(|path| path.is_dir()).context("a bundle")?;
    let second = Office::of(&world, PLAN, &folder)?;
    first.get("inbox").await?.status(200)?;
    second.get("inbox").await?.status(200)?;
    // A key of a send belongs to the office, not to the certificate.
    let form = || careplan_tests::Form::to(HELPER, "").file("a.pdf", b"%PDF-");
    let one = first.caller.send_as(PLAN, "shared", form()).await?.status(201)?;
    let two = second.caller.send_as(PLAN, "shared", form()).await?.status(201)?;
    ensure!(one.body == two.body);
    revoke(&world, &first).await?;
    eventually("the first is out", 5, || async {
        Ok(first.get("inbox").await.map_or(true, |answer| answer.status == 403).then_some(()))
    })
    .await?;
    second.get("inbox").await?.status(200)?;
    Ok(())
}

async fn revoke(world: &World, office: &Office) -> Result<()> {
    let fingerprint = office.paper.fingerprint.to_string();
    world.admin(["certificate", "revoke", &fingerprint, "--reason", "stolen"]).await?.ok()?;
    Ok(())
}

/// Reads a response to its end, however it ends; the bytes that came.
async fn ended(response: &mut Response) -> usize {
    let mut got = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        got += chunk.len();
    }
    got
}

fn position(id: &str) -> Result<u64> {
    Ok(id.split('-').nth(1).context("a position")?.parse()?)
}

/// Far more than the buffers between two sockets hold.
const LARGE: usize = 20 * 1024 * 1024 - 100;
const SECONDS: u64 = 5;
const CALLS: u64 = 100;
