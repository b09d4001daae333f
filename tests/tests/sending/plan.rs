//! `careplan check` and `careplan send` over the samples: the same findings, and nothing leaves that has errors.

use anyhow::{Context as _, Result, ensure};
use careplan_tests::world::{CENTRE, HELPER, LETTER, PLAN, TWO_DESKS};
use careplan_tests::{Office, World, samples};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[tokio::test]
async fn every_good_unit_passes_check_and_send_and_goes_once() -> Result<()> {
    let world = World::new().await?;
    let offices = set_up(&world).await?;
    let list = samples::folder().join("offices.csv").display().to_string();
    for unit in samples::units()? {
        let (sender, acting) = (&offices[unit.from.office.as_str()], unit.from.to_string());
        let folder = unit.folder.display().to_string();
        let checked = sender.careplan(["--json", "--as", &acting, "check", &folder, "--offices", &list]).await?.ok()?;
        ensure!(checked.stdout.is_empty(), "{}: {}", unit.name, checked.stdout);
        let sent = sender.careplan_json(["--as", &acting, "send", "--yes", "--strict", &folder]).await?;
        ensure!(count(&sent["sent"]) == 1 && count(&sent["plan"][0]["findings"]) == 0, "{}: {sent}", unit.name);
        let again = sender.careplan_json(["--as", &acting, "send", "--yes", &folder]).await?;
        ensure!(count(&again["sent"]) == 0 && count(&again["sent_before"]) == 1, "{}: {again}", unit.name);
    }
    let mut all = 0;
    for office in offices.values() {
        all += office.outbox("").await?.len();
    }
    ensure!(all == samples::units()?.len(), "{all}");
    Ok(())
}

#[tokio::test]
async fn every_bad_sample_gives_its_rule_from_check_and_send_and_what_has_errors_stays() -> Result<()> {
    let world = World::new().await?;
    let offices = set_up(&world).await?;
    let list = samples::folder().join("offices.csv").display().to_string();
    let mut table = csv::Reader::from_path(samples::folder().join("bad/EXPECTED.csv"))?;
    let mut left: BTreeMap<String, usize> = BTreeMap::new();
    for row in table.records() {
        let row = row?;
        let folder = samples::folder().join("bad").join(row[0].split('/').next().unwrap_or_default());
        let folder = folder.display().to_string();
        let (sender, acting) = (&offices[&row[4]], format!("{}-{}", &row[4], &row[5]));
        let is_error = &row[2] == "error";
        let expected = BTreeSet::from([(row[3].to_owned(), row[2].to_owned())]);
        let checked = sender.careplan(["--json", "--as", &acting, "check", &folder, "--offices", &list]).await?;
        let checked = checked.exited(i32::from(is_error))?;
        let lines: Vec<Value> = checked.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        ensure!(rules(&lines) == expected, "check {folder}: {lines:#?}");

        let strict = sender.careplan(["--json", "--as", &acting, "send", "--yes", "--strict", &folder]).await?;
        let strict = strict.exited(1)?.json()?;
        let as_error = BTreeSet::from([(row[3].to_owned(), "error".to_owned())]);
        ensure!(planned(&strict)? == as_error, "send --strict {folder}: {strict:#}");
        let before = left.get(&row[4]).copied().unwrap_or_default();
        ensure!(sender.outbox("").await?.len() == before, "{folder} left in spite of --strict");
        let sent = sender.careplan(["--json", "--as", &acting, "send", "--yes", &folder]).await?;
        let sent = sent.exited(i32::from(is_error))?.json()?;
        ensure!(planned(&sent)? == expected, "send {folder}: {sent:#}");
        ensure!(count(&sent["sent"]) == usize::from(!is_error), "{folder}: {sent:#}");
        *left.entry(row[4].to_owned()).or_default() += usize::from(!is_error);
        ensure!(sender.outbox("").await?.len() == left[&row[4]], "{folder}");
    }
    ensure!(left.values().sum::<usize>() == 4, "what has warnings only was sent: {left:?}");
    Ok(())
}

#[tokio::test]
async fn a_folder_is_sorted_planned_and_sent_to_whoever_can_be_reached() -> Result<()> {
    let world = World::new().await?;
    let offices = set_up(&world).await?;
    let plan = &offices[PLAN];
    let export = world.path("export");
    for beginning in ["04", "05", "01"] {
        samples::unit(beginning)?.write(&export)?;
    }
    std::fs::write(export.join("report.pdf"), b"%PDF-1.7")?;
    let folder = export.display().to_string();
    world.admin(["office", "remove", TWO_DESKS, "--reason", "test"]).await?.ok()?;
    let unconfirmed = plan.careplan(["send", &folder]).await?.exited(2)?;
    ensure!(unconfirmed.stderr.contains("--yes"), "{unconfirmed:?}");
    let dry = plan.careplan(["--json", "send", "--dry-run", &folder]).await?.exited(3)?.json()?;
    ensure!(count(&dry["plan"]) == 4 && plan.outbox("").await?.is_empty(), "{dry:#}");
    let sent = plan.careplan(["--json", "send", "--yes", &folder]).await?.exited(3)?.json()?;
    let counts = ["sent", "unreachable", "refused"].map(|list| count(&sent[list]));
    // The report belongs to none of the units of its folder alone.
    ensure!(counts == [2, 1, 1] && plan.outbox("").await?.len() == 2, "{sent:#}");
    ensure!(sent["unreachable"][0]["reason"] == "not on this hub", "{sent:#}");
    let table = plan.careplan(["--lang", "ja", "send", "--yes", &folder]).await?.exited(3)?.stdout;
    for words in ["送信の予定", "送信済み", "このハブに加入していません", "宛先が必要です"]
    {
        ensure!(table.contains(words), "{words}: {table}");
    }
    ensure!(plan.outbox("").await?.len() == 2, "nothing went twice");
    Ok(())
}

async fn set_up(world: &World) -> Result<BTreeMap<String, Office>> {
    let mut offices = BTreeMap::new();
    for number in [PLAN, HELPER, TWO_DESKS, LETTER, CENTRE] {
        offices.insert(number.to_owned(), world.office(number)?.set_up().await?);
    }
    Ok(offices)
}

fn rules(findings: &[Value]) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    findings.iter().map(|finding| (text(&finding["rule"]), text(&finding["severity"]))).collect()
}

/// The findings of a whole plan.
fn planned(answer: &Value) -> Result<BTreeSet<(String, String)>> {
    let entries = answer["plan"].as_array().with_context(|| answer.to_string())?;
    let findings = entries.iter().filter_map(|entry| entry["findings"].as_array()).flatten().cloned();
    Ok(rules(&findings.collect::<Vec<_>>()))
}

fn count(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}
