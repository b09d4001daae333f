//! Enrolling from a file.

use anyhow::{Context as _, Result, ensure};
use careplan_tests::world::PLAN;
use careplan_tests::{Lossy, Office, World, programs, samples};
use serde_json::Value;
use std::path::PathBuf;

#[tokio::test]
async fn a_second_run_reports_unchanged_and_keeps_the_bundles() -> Result<()> {
    let world = World::new().await?;
    let roster = samples::folder().join("offices.csv").display().to_string();
    let out = world.bundles().display().to_string();
    let before = std::fs::read(world.office(PLAN)?.bundle)?;
    let arguments = ["office", "enrol", "--override-check-digit", "--csv", &roster, "--out", &out];
    let again = rows(world.admin_json(arguments).await?)?;
    ensure!(again.len() == 6 && again.iter().all(|row| row["outcome"] == "unchanged"), "{again:?}");
    ensure!(std::fs::read(world.office(PLAN)?.bundle)? == before);
    Ok(())
}

#[tokio::test]
async fn wrong_rows_are_refused_with_their_reason_and_the_others_go_through() -> Result<()> {
    let world = World::empty(&[]).await?;
    let roster = world.path("roster.csv");
    let text = "office,service_type,name,kana,email,applied_on,fee,campaign\n\
        1370100008,43,良い事業所,ヨイ,a@example.jp,,10000,春\n\
        1370100008,46,良い事業所,ヨイ,a@example.jp,,10000,春\n\
        1379999013,43,検査数字の合わない事業所,,,,,\n\
        13799,11,短い番号,,,,,\n\
        1472700002,x,種類の無い事業所,,,,,\n";
    std::fs::write(&roster, text)?;
    let file = roster.display().to_string();
    let dry = world.admin(["--json", "office", "enrol", "--dry-run", "--csv", &file]).await?.exited(3)?;
    ensure!(rows(serde_json::from_str(&dry.stdout)?)?.iter().any(|row| row["outcome"] == "created"), "{}", dry.stdout);
    ensure!(world.status().await?.offices == 0, "a dry run enrols nobody");

    let out = world.bundles().display().to_string();
    let run = world.admin(["--json", "office", "enrol", "--csv", &file, "--out", &out]).await?.exited(3)?;
    let rows = rows(serde_json::from_str(&run.stdout)?)?;
    let good = rows.iter().find(|row| row["office"] == "1370100008").context("the good row")?;
    ensure!(good["outcome"] == "created", "{good}");
    let refused = rows.iter().filter(|row| row["outcome"] == "refused").count();
    ensure!(refused == 3 && world.bundles().join("refused.csv").is_file(), "{rows:?}");
    ensure!(world.status().await?.offices == 1);

    let office = Office::of(&world, "1370100008", &world.bundles().join("1370100008"))?;
    let shown = office.caller.get("/v1/offices/1370100008").await?.status(200)?.json::<Value>()?;
    ensure!(shown["service_types"] == serde_json::json!(["43", "46"]), "rows of one number merge: {shown}");
    ensure!(shown["licence"]["fee"] == 10000 && shown["licence"]["campaign"] == "春", "{shown}");
    let letter = std::fs::read_to_string(world.bundles().join("1370100008/letter.txt"))?;
    ensure!(letter.contains("1370100008") && !letter.contains(&office.passphrase), "{letter}");
    Ok(())
}

#[tokio::test]
async fn an_office_may_keep_its_key_and_send_a_request() -> Result<()> {
    let world = World::new().await?;
    let (request, key) = careplan_tests::papers::Issuer::request(PLAN)?;
    let csr = world.path("office.csr");
    std::fs::write(&csr, request)?;
    let (file, out) = (csr.display().to_string(), world.path("by-request").display().to_string());
    world.admin(["certificate", "issue", "--office", PLAN, "--csr", &file, "--out", &out]).await?.ok()?;
    let issued = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(PLAN) && (name.ends_with(".crt") || name.ends_with(".pem"))
    };
    let mut found = None;
    for folder in std::fs::read_dir(&out)? {
        let folder = folder?.path();
        if folder.is_dir() {
            found = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).find(issued);
        }
    }
    let certificate = std::fs::read_to_string(found.context("a certificate")?)?;
    let paper = careplan_tests::Paper::of(&certificate, &key)?;
    world.caller(Some(&paper))?.get(&format!("/v1/offices/{PLAN}/inbox")).await?.status(200)?;
    Ok(())
}

#[tokio::test]
async fn an_office_whose_answer_got_lost_is_in_doubt_and_the_next_run_finds_it_done() -> Result<()> {
    let world = World::empty(&[]).await?;
    // The first request asks what is known of the office, the second one enrols it.
    let lossy = Lossy::before(&world.hub.url(), 2).await?;
    let out = world.bundles().display().to_string();
    let enrol = ["office", "enrol", "1370100008", "--name", "見本", "--type", "43", "--out", &out];
    let mut command = programs::command(programs::built("careplan-admin")?);
    command.arg("--home").arg(world.operator_folder()).env("CAREPLAN_ADMIN_HUB", &lossy.url);
    let told = programs::run(command.arg("--json").args(enrol)).await?.exited(3)?;
    ensure!(rows(told.json()?)?[0]["outcome"] == "doubt", "{told:?}");
    ensure!(told.stderr.contains("\"partly\"") && told.stderr.contains("in doubt"), "{told:?}");
    ensure!(world.status().await?.offices == 1, "the hub did it");
    let bundle = std::fs::read(world.bundles().join("1370100008/1370100008.careplan"))?;
    let again = rows(world.admin_json(enrol).await?)?;
    ensure!(again[0]["outcome"] == "unchanged", "{again:?}");
    ensure!(std::fs::read(world.bundles().join("1370100008/1370100008.careplan"))? == bundle);
    Ok(())
}

fn rows(report: Value) -> Result<Vec<Value>> {
    let rows = report.get("rows").or(report.get("offices")).unwrap_or(&report);
    Ok(rows.as_array().with_context(|| report.to_string())?.clone())
}
