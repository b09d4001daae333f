//! Operators and auditors whose enrolment met a connection that broke.

use anyhow::{Context as _, Result, ensure};
use careplan_tests::{Lossy, World, programs};
use std::path::Path;

#[tokio::test]
async fn a_person_whose_answer_got_lost_is_added_once() -> Result<()> {
    for (request, name) in [(1, "Taro Suzuki"), (2, "Jiro Sato")] {
        let world = World::new().await?;
        let out = world.path("people").display().to_string();
        let add = ["operator", "add", name, "--out", &out];
        let lossy = Lossy::before(&world.hub.url(), request).await?;
        let mut command = programs::command(programs::built("careplan-admin")?);
        command.arg("--home").arg(world.operator_folder()).env("CAREPLAN_ADMIN_HUB", &lossy.url).args(add);
        let told = programs::run(&mut command).await?;
        ensure!(told.code != 0, "{told:?}");
        let is_known = listed(&world, name).await? > 0;
        if is_known {
            ensure!(told.code == 3 && told.stderr.contains("operator list"), "{told:?}");
        }
        let added = world.admin_json(add).await?;
        ensure!(listed(&world, name).await? == 1, "request {request}: one person, one certificate");
        ensure!(is_known || request == 1, "the hub heard of it");
        let fingerprint = added["fingerprint"].as_str().context("a fingerprint")?;
        let folder = Path::new(added["folder"].as_str().context("a folder")?);
        ensure!(!is_known || told.stderr.contains(fingerprint), "the very same certificate: {told:?}");
        let folders = std::fs::read_dir(&out)?.filter_map(Result::ok).filter(|entry| entry.path().is_dir()).count();
        ensure!(folders == 1 && folder.join("operator.p12").is_file(), "{folders} folders");
        ensure!(!folder.display().to_string().ends_with(".new"));
        let passphrase = careplan_tests::world::passphrase(Path::new(&out), fingerprint)?;
        let mut whoami = programs::command(programs::built("careplan-admin")?);
        whoami.arg("--home").arg(folder).env("CAREPLAN_ADMIN_HUB", world.hub.url()).arg("whoami");
        programs::run(whoami.env("CAREPLAN_ADMIN_PASSPHRASE", passphrase)).await?.ok()?;
    }
    Ok(())
}

/// How many operators have this name.
async fn listed(world: &World, name: &str) -> Result<usize> {
    let people = world.admin_json(["operator", "list"]).await?;
    Ok(people.as_array().context("a list")?.iter().filter(|person| person["name"] == name).count())
}
