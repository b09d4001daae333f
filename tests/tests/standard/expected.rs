//! The samples, good and bad, through the hub: the findings that they were made for, and nothing kept of what is refused.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use careplan_protocol::api::{OfficeStatus, Page, Sent};
use careplan_protocol::problem::Problem;
use careplan_protocol::standard::{Policy, Severity, StandardName, ToldFinding};
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Form, Reply, World, papers, samples};
use reqwest::header::{ACCEPT_LANGUAGE, HeaderMap, HeaderValue};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// A row of `bad/EXPECTED.csv`.
#[derive(Debug, Deserialize)]
struct Expected {
    file: String,
    severity: Severity,
    rule: String,
    as_office: String,
    as_type: String,
}

#[tokio::test]
async fn every_good_unit_is_accepted_without_an_error() -> Result<()> {
    let world = World::new().await?;
    for unit in samples::units()? {
        let sent =
            world.office(unit.from.office.as_str())?.send_unit(&unit).await.with_context(|| unit.name.clone())?;
        ensure!(!sent.findings.iter().any(ToldFinding::is_error), "{}: {:?}", unit.name, sent.findings);
    }
    Ok(())
}

#[tokio::test]
async fn swapped_types_bring_no_half_unit_through() -> Result<()> {
    let world = World::new().await?;
    let unit = samples::unit("04")?;
    let mut form = Form::to(HELPER, "");
    let (straight, swapped) = (format!("{PLAN}_43_{HELPER}_11"), format!("{PLAN}_11_{HELPER}_43"));
    for (name, bytes) in unit.files.iter().filter(|(name, _)| name.starts_with("UPPLAN")) {
        form = form.file(&name.replace(&straight, &swapped), bytes);
    }
    let answer = world.office(PLAN)?.caller.send(PLAN, form).await?;
    let rules: Vec<String> = refused_with(&answer)?.into_iter().map(|finding| finding.rule).collect();
    ensure!(rules.iter().any(|rule| rule == "unit"), "{rules:?}");
    Ok(())
}

#[tokio::test]
async fn every_bad_send_gives_its_rule_and_nothing_else_and_leaves_nothing() -> Result<()> {
    let world = World::new().await?;
    let (mut refused, mut accepted) = (0, 0);
    let mut table = csv::Reader::from_path(samples::folder().join("bad/EXPECTED.csv"))?;
    for row in table.deserialize() {
        let row: Expected = row?;
        let folder = samples::folder().join("bad").join(row.file.split('/').next().unwrap_or_default());
        let before = contents(&world.hub.data())?;
        let answer = send(&world, &row, &folder).await.with_context(|| row.file.clone())?;
        let found = if row.severity == Severity::Error { refused_with(&answer)? } else { accepted_with(&answer)? };
        let wanted = |finding: &&ToldFinding| {
            (finding.is_error(), &finding.rule) == (row.severity == Severity::Error, &row.rule)
        };
        let stray = found.iter().find(|finding| finding.is_error() && !wanted(finding));
        ensure!(found.iter().any(|finding| wanted(&finding)) && stray.is_none(), "{}: {}", row.file, answer.text());
        let file = row.file.split('/').nth(1).unwrap_or_default();
        ensure!(file.is_empty() || found.iter().any(|finding| finding.file == file), "{}: {found:?}", row.file);
        if row.severity == Severity::Error {
            refused += 1;
            nothing_new(&world, &before).await.with_context(|| row.file.clone())?;
        } else {
            accepted += 1;
        }
    }
    ensure!(refused > 10 && accepted > 3, "{refused} refused, {accepted} accepted");
    lists_and_log(&world, refused, accepted).await
}

#[tokio::test]
async fn the_policy_is_published_and_never_lets_another_offices_file_pass() -> Result<()> {
    for (setting, policy) in [("warn", Policy::Warn), ("unchecked", Policy::Unchecked)] {
        let world = World::with(&[("STANDARD__POLICY", setting)]).await?;
        let plan = world.office(PLAN)?;
        let status: OfficeStatus = plan.caller.get(&format!("/v1/offices/{PLAN}")).await?.status(200)?.json()?;
        ensure!(status.standard.policy == policy);
        let unit = samples::unit("04")?;
        let half = Form::to(HELPER, "").files(&unit.files[..2]);
        let sent: Sent = plan.caller.send(PLAN, half).await?.status(201)?.json()?;
        ensure!(sent.findings.iter().any(|finding| finding.rule == "unit") == (policy == Policy::Warn));
        let stolen = Form::to(PLAN, "").files(&unit.files);
        let answer = world.office(HELPER)?.caller.send(HELPER, stolen).await?.refused("sender-mismatch")?;
        ensure!(refused_with(&answer)?.iter().all(|finding| finding.rule == "sender" || finding.rule == "receiver"));
        let reused = Form::to(HELPER, "").files(&unit.files);
        plan.caller.send(PLAN, reused).await?.status(422)?.refused("unit-reused")?;
    }
    Ok(())
}

#[tokio::test]
async fn messages_come_in_the_callers_language() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?;
    let form = || Form::to(HELPER, "").file("a.pdf", b"MZ");
    for (language, english) in [("en", true), ("ja", false)] {
        let request = plan.caller.sending(PLAN, form().body()).header("idempotency-key", papers::random_key()?);
        let spoken = HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static(language))]);
        let answer = plan.caller.call(request.headers(spoken)).await?;
        let found = refused_with(&answer)?;
        ensure!(found.len() == 1 && found[0].rule == "type", "{}", answer.text());
        ensure!((found[0].message == found[0].message_en) == english && found[0].message.is_ascii() == english);
    }
    Ok(())
}

async fn send(world: &World, row: &Expected, folder: &Path) -> Result<Reply> {
    let mut files: Vec<(String, Bytes)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).context("a name")?.to_owned();
        files.push((name, std::fs::read(path)?.into()));
    }
    files.sort();
    let named = files.iter().find_map(|(name, _)| StandardName::parse(name).ok().flatten());
    let to = named.map_or(PLAN.to_owned(), |name| name.to.office.to_string());
    let form = Form::new().field("to", &to).field("from_type", &row.as_type).field("message", "");
    world.office(&row.as_office)?.caller.send(&row.as_office, form.files(&files)).await
}

fn refused_with(answer: &Reply) -> Result<Vec<ToldFinding>> {
    ensure!(answer.status == 422, "{}", answer.text());
    ensure!(answer.header("content-type") == "application/problem+json");
    Ok(answer.json::<Problem>()?.findings)
}

fn accepted_with(answer: &Reply) -> Result<Vec<ToldFinding>> {
    ensure!(answer.status == 201, "{}", answer.text());
    Ok(answer.json::<Sent>()?.findings)
}

/// No body, no staging file; segments and log take the refusal only.
async fn nothing_new(world: &World, before: &BTreeSet<String>) -> Result<()> {
    eventually("nothing is left", 10, || async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = contents(&world.hub.data())?;
        Ok((now.difference(before).next().is_none()).then_some(()))
    })
    .await
}

/// The files of `bodies` and `staging`.
fn contents(data: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut folders = vec![data.join("bodies"), data.join("staging")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.display().to_string());
            }
        }
    }
    Ok(found)
}

/// What was refused stands in no list, and in the log without names.
async fn lists_and_log(world: &World, refused: usize, accepted: usize) -> Result<()> {
    let (mut listed, mut received, mut told) = (0, 0, 0);
    for office in samples::offices()? {
        let office = world.office(&office)?;
        listed += office.outbox("").await?.len();
        received += office.inbox("").await?.len();
        let log: Page<serde_json::Value> = office.get("log?limit=1000").await?.status(200)?.json()?;
        let refusals: Vec<_> = log.items.iter().filter(|entry| entry["kind"] == "refused").collect();
        told += refusals.len();
        for entry in refusals {
            let text = entry.to_string();
            ensure!(!text.contains(".CSV") && text.contains("1"), "{text}");
        }
    }
    ensure!((listed, received) == (accepted, accepted), "{listed} sent, {received} received, {accepted} accepted");
    ensure!(told == refused, "{told} refusals in the log, {refused} sends refused");
    Ok(())
}
