//! What operators and auditors do beside enrolment.

use anyhow::{Result, ensure};
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, PLAN, TWO_DESKS};
use careplan_tests::{Form, World, programs, samples};

#[tokio::test]
async fn a_dry_run_changes_nothing() -> Result<()> {
    let world = World::new().await?;
    let before = world.status().await?.position;
    let plan = world.office(PLAN)?;
    let fingerprint = plan.paper.fingerprint.to_string();
    for arguments in [
        vec!["office", "suspend", PLAN, "--reason", "x", "--dry-run"],
        vec!["office", "remove", PLAN, "--reason", "x", "--dry-run"],
        vec!["licence", "end", PLAN, "--reason", "x", "--dry-run"],
        vec!["licence", "renew", PLAN, "--dry-run"],
        vec!["certificate", "revoke", &fingerprint, "--reason", "x", "--dry-run"],
        vec!["certificate", "issue", "--office", PLAN, "--dry-run"],
        vec!["clock", "confirm", "--dry-run"],
    ] {
        world.admin(&arguments).await?.ok()?;
    }
    plan.get("inbox").await?.status(200)?;
    plan.caller.send(PLAN, Form::to(HELPER, "").file("a.pdf", b"%PDF-")).await?.status(201)?;
    ensure!(world.status().await?.position == before + 1, "only the send is an event");
    Ok(())
}

#[tokio::test]
async fn the_log_is_searched_exported_without_formulas_and_tells_refused_changes() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?;
    let id = plan.send_unit(&samples::unit("04")?).await?.transfer.to_string();
    world.admin(["office", "suspend", HELPER, "--reason", "=HYPERLINK(\"http://x\")"]).await?.ok()?;
    world.admin(["office", "suspend", "1379999999", "--reason", "unknown"]).await?.exited(1)?;
    plan.caller.get("/v1/admin/offices").await?.refused("forbidden")?;

    let found = world.admin_json(["log", "search", "--transfer", &id]).await?;
    ensure!(found.as_array().is_some_and(|all| all.len() == 1 && all[0]["kind"] == "accepted"), "{found}");
    let csv = world.admin(["log", "export", "--office", HELPER]).await?.ok()?.stdout;
    let cells = csv::Reader::from_reader(csv.trim_start_matches('\u{feff}').as_bytes())
        .records()
        .collect::<Result<Vec<_>, _>>()?;
    ensure!(cells.iter().flatten().all(|cell| !cell.starts_with(['=', '+', '-', '@'])), "{csv}");
    ensure!(csv.contains("HYPERLINK"));
    // Refusals go with the next batch, whatever that is.
    plan.send_file(TWO_DESKS, "a.pdf", b"%PDF-").await?;
    eventually("refusals stand in the log", 10, || async {
        let refused = world.admin_json(["log", "search", "--kind", "refused", "--limit", "1000"]).await?;
        let told =
            |outcome: &str| refused.as_array().is_some_and(|all| all.iter().any(|one| one["outcome"] == outcome));
        Ok((told("forbidden") && told("not-found")).then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn an_export_that_a_full_disk_cuts_short_ends_with_1() -> Result<()> {
    let world = World::new().await?;
    for arguments in [
        vec!["log", "export"],
        vec!["log", "follow", "--from-start"],
        vec!["log", "search", "--json"],
        vec!["office", "list"],
    ] {
        let admin = world.admin_command()?;
        let mut shell = programs::command("sh");
        shell.args(["-c", "exec \"$@\" > /dev/full", "sh"]).arg(admin.as_std().get_program());
        shell.args(admin.as_std().get_args()).args(&arguments).env("CAREPLAN_ADMIN_HUB", world.hub.url());
        let said = programs::run(&mut shell).await?.exited(1)?;
        ensure!(said.stderr.contains("No space left"), "{said:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_export_replaces_nothing_unasked_and_is_for_its_owner_only() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new().await?;
    let (csv, json) = (world.path("october.csv"), world.path("october.json"));
    let (file, other) = (csv.display().to_string(), json.display().to_string());
    world.admin(["log", "export", "--out", &file]).await?.ok()?;
    ensure!(std::fs::metadata(&csv)?.permissions().mode() & 0o777 == 0o600);
    std::fs::write(&csv, "mine")?;
    let refused = world.admin(["log", "export", "--out", &file]).await?.exited(1)?;
    ensure!(refused.stderr.contains("--force") && std::fs::read(&csv)? == b"mine", "{refused:?}");
    world.admin(["log", "export", "--out", &file, "--force"]).await?.ok()?;
    ensure!(std::fs::read(&csv)? != b"mine");

    // What another export is writing at this moment, or left behind.
    std::fs::remove_file(&csv)?;
    std::fs::write(world.path("october.csv.part"), "half")?;
    world.admin(["log", "export", "--format", "json", "--out", &other]).await?.ok()?;
    let refused = world.admin(["log", "export", "--out", &file]).await?.exited(1)?;
    ensure!(refused.stderr.contains("broke off") && !csv.exists(), "{refused:?}");
    ensure!(std::fs::read(world.path("october.csv.part"))? == b"half");
    world.admin(["log", "export", "--out", &file, "--force"]).await?.ok()?;
    ensure!(!world.path("october.csv.part").exists());
    Ok(())
}

#[tokio::test]
async fn operators_and_auditors_are_added_and_removed_with_homes_of_their_own() -> Result<()> {
    let world = World::new().await?;
    let (auditor, home, passphrase) = world.auditor("監査 一郎", "prefecture:13").await?;
    auditor.get("/v1/log").await?.status(200)?;
    let mut whoami = programs::command(programs::built("careplan-admin")?);
    whoami.arg("--json").arg("--home").arg(&home).arg("whoami");
    whoami.env("CAREPLAN_ADMIN_PASSPHRASE", &passphrase).env("CAREPLAN_ADMIN_HUB", world.hub.url());
    let me = programs::run(&mut whoami).await?.ok()?.json()?;
    ensure!(me["role"] == "auditor", "{me}");
    let mut suspend = programs::command(programs::built("careplan-admin")?);
    suspend.arg("--home").arg(&home).args(["office", "suspend", PLAN, "--reason", "x"]);
    suspend.env("CAREPLAN_ADMIN_PASSPHRASE", &passphrase).env("CAREPLAN_ADMIN_HUB", world.hub.url());
    programs::run(&mut suspend).await?.exited(1)?;
    world.office(PLAN)?.get("inbox").await?.status(200)?;

    ensure!(world.admin(["auditor", "list"]).await?.ok()?.stdout.contains("監査 一郎"));
    world.admin(["auditor", "remove", "監査 一郎", "--reason", "done"]).await?.ok()?;
    if let Ok(answer) = auditor.get("/v1/log").await {
        ensure!(answer.status == 403, "{}", answer.text());
    }
    Ok(())
}

#[tokio::test]
async fn status_doctor_usage_and_lists_answer_for_people_and_programs() -> Result<()> {
    let world = World::new().await?;
    world.office(PLAN)?.send_unit(&samples::unit("04")?).await?;
    for arguments in [
        vec!["status"],
        vec!["usage"],
        vec!["office", "list"],
        vec!["office", "show", PLAN],
        vec!["certificate", "list", "--expiring", "5000"],
        vec!["licence", "list"],
        vec!["operator", "list"],
        vec!["auditor", "list"],
        vec!["log", "search"],
        vec!["whoami"],
    ] {
        let shown = world.admin(&arguments).await?.ok()?;
        ensure!(!shown.stdout.is_empty(), "{arguments:?}");
        world.admin_json(&arguments).await?;
    }
    let doctor = world.admin(["doctor"]).await?;
    ensure!(doctor.code == 0 && doctor.stdout.lines().count() > 5, "{doctor:?}");
    Ok(())
}

#[tokio::test]
async fn the_revocation_list_names_what_was_revoked_and_openssl_reads_it() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?;
    world.admin(["certificate", "revoke", &plan.paper.fingerprint.to_string(), "--reason", "lost"]).await?.ok()?;
    let (crl, ca, certificate) = (world.path("careplan.crl"), world.path("ca.crt"), world.path("plan.crt"));
    let file = crl.display().to_string();
    world.admin(["certificate", "crl", "--out", &file]).await?.ok()?;
    std::fs::write(&ca, &world.ca)?;
    std::fs::write(&certificate, &plan.paper.certificate)?;
    let mut openssl = programs::command("openssl");
    openssl.args(["verify", "-crl_check", "-CRLfile", &file, "-CAfile"]).arg(&ca).arg(&certificate);
    let verified = programs::run(&mut openssl).await?;
    let said = format!("{}{}", verified.stdout, verified.stderr);
    ensure!(verified.code != 0 && said.contains("revoked"), "{said}");
    let helper = world.path("helper.crt");
    std::fs::write(&helper, world.office(HELPER)?.paper.certificate)?;
    let mut openssl = programs::command("openssl");
    openssl.args(["verify", "-crl_check", "-CRLfile", &file, "-CAfile"]).arg(&ca).arg(&helper);
    programs::run(&mut openssl).await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn init_never_overwrites() -> Result<()> {
    let world = World::empty(&[]).await?;
    let folder = world.path("").display().to_string();
    let before = std::fs::read(world.operator_folder().join("ca/ca.key"))?;
    let again = world.admin(["init", "--dir", &folder, "--hostname", "localhost"]).await?;
    ensure!(again.code != 0, "{again:?}");
    ensure!(std::fs::read(world.operator_folder().join("ca/ca.key"))? == before);
    Ok(())
}
