//! `careplan sync` holds what a person has to judge, refuses what has errors, and sends the rest.

use anyhow::{Result, ensure};
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Office, Outcome, Unit, World, samples};
use std::path::{Path, PathBuf};

#[tokio::test]
async fn a_unit_with_warnings_waits_for_a_person_and_is_sent_once_released() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let (out, inside) = folders(&world)?;
    // The plans of three persons under the name of a desk that serves two of them.
    let mut wrong = samples::unit("05")?;
    wrong.files.iter_mut().for_each(|(name, _)| *name = name.replace("_15_", "_17_"));
    wrong.write(&out)?;
    samples::unit("04")?.write(&out)?;
    let held = sync(&plan, &out, &inside).await?.exited(3)?;
    ensure!(held.stdout.contains("held") && held.stdout.contains("[unrelated]"), "{held:?}");
    ensure!(plan.outbox("").await?.len() == 1, "the other unit went");
    let name = "1379999038-17_20260925090002";
    let note = std::fs::read_to_string(out.join("held").join(name).join("reason.txt"))?;
    ensure!(note.contains("[unrelated]") && note.contains(&format!("careplan sync release \"{name}\"")), "{note}");
    arrived(&wrong, &out.join("held").join(name))?;
    let status = plan.careplan_json(["status"]).await?;
    ensure!(status["held"][0]["name"] == name && status["held"].as_array().map_or(0, Vec::len) == 1, "{status}");
    sync(&plan, &out, &inside).await?.ok()?;
    ensure!(plan.outbox("").await?.len() == 1, "it stays where it is");

    let out_text = out.display().to_string();
    plan.careplan(["sync", "release", "no-such", "--out", &out_text]).await?.exited(1)?;
    plan.careplan(["sync", "release", name, "--out", &out_text]).await?.ok()?;
    sync(&plan, &out, &inside).await?.ok()?;
    let sent = plan.outbox("").await?;
    ensure!(sent.len() == 2 && sent.iter().any(|transfer| transfer.to.to_string() == "1379999038-17"), "{sent:?}");
    sync(&plan, &out, &inside).await?.ok()?;
    ensure!(plan.outbox("").await?.len() == 2 && !out.join("release").join(name).exists(), "it goes once");
    ensure!(plan.careplan_json(["status"]).await?["held"].as_array().is_some_and(Vec::is_empty));
    Ok(())
}

#[tokio::test]
async fn errors_are_refused_with_their_findings_and_slips_of_form_pass_with_a_word() -> Result<()> {
    let world = World::new().await?;
    let helper = world.office(HELPER)?.set_up().await?;
    let (out, inside) = folders(&world)?;
    for bad in ["27-bad-values", "21-lf-only"] {
        for entry in std::fs::read_dir(samples::folder().join("bad").join(bad))? {
            let path = entry?.path();
            std::fs::copy(&path, out.join(path.file_name().unwrap_or_default()))?;
        }
    }
    let told = sync(&helper, &out, &inside).await?.exited(3)?;
    ensure!(told.stdout.contains("[newline]") && told.stdout.contains("[value]"), "{told:?}");
    let sent = helper.outbox("").await?;
    ensure!(sent.len() == 1 && sent[0].files[0].name.contains("20261106100021"), "{sent:?}");
    let shelf = out.join("refused/UPJSK_202610_1379999020_11_1379999012_43_20261106100027");
    let reason = std::fs::read_to_string(shelf.join("reason.txt"))?;
    ensure!(reason.matches("[value]").count() == 2, "{reason}");
    Ok(())
}

fn folders(world: &World) -> Result<(PathBuf, PathBuf)> {
    let (out, inside) = (world.path("out"), world.path("in"));
    std::fs::create_dir_all(&out)?;
    std::fs::create_dir_all(&inside)?;
    Ok((std::fs::canonicalize(out)?, inside))
}

async fn sync(office: &Office, out: &Path, inside: &Path) -> Result<Outcome> {
    let (out, inside) = (out.display().to_string(), inside.display().to_string());
    office.careplan(["sync", "--once", "--out", &out, "--in", &inside, "--settle-seconds", "0"]).await
}

fn arrived(unit: &Unit, folder: &Path) -> Result<()> {
    for (name, bytes) in &unit.files {
        ensure!(std::fs::read(folder.join(name))? == *bytes, "{name}");
    }
    Ok(())
}
