//! A small month of two offices, for the tests beside this.

use anyhow::{Context as _, Result, ensure};
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Office, World, samples};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Two offices that exchanged something about October 2026.
pub(crate) struct Small {
    pub(crate) world: World,
    pub(crate) plan: Office,
    pub(crate) helper: Office,
    /// The plan with a picture, fetched and imported.
    pub(crate) imported: String,
    /// A corrected plan, not fetched.
    pub(crate) unfetched: String,
    /// The result that came back, fetched.
    pub(crate) result: String,
    /// A plan that was recalled.
    pub(crate) recalled: String,
}

/// The plan side sends a plan with a PDF, which is imported, recalls another, sends a third that nobody fetches, and gets a
/// result. The folders that were sent from are gone.
pub(crate) async fn small() -> Result<Small> {
    small_in(World::new().await?).await
}

/// The same in a world with settings of its own.
pub(crate) async fn small_in(world: World) -> Result<Small> {
    let (plan, helper) = (world.office(PLAN)?.set_up().await?, world.office(HELPER)?.set_up().await?);
    let unit = samples::unit("04")?;
    let export = world.path("export");
    unit.write(&export)?;
    std::fs::write(export.join("写真.pdf"), samples::pdf(100_000))?;
    let imported = send(&plan, &export).await?;
    let fetched = world.path("fetched").display().to_string();
    helper.careplan(["fetch", "--new", "--into", &fetched]).await?.ok()?;
    helper.careplan(["ack", &imported, "--imported"]).await?.ok()?;
    let mut others = Vec::new();
    for n in [1, 2] {
        unit.stamped(n)?.write(&export)?;
        others.push(send(&plan, &export).await?);
        if n == 1 {
            plan.careplan(["recall", &others[0]]).await?.ok()?;
        }
    }
    samples::unit("08")?.write(&export)?;
    let result = send(&helper, &export).await?;
    let fetched = world.path("results").display().to_string();
    plan.careplan(["fetch", "--new", "--into", &fetched]).await?.ok()?;
    let (unfetched, recalled) = (others.remove(1), others.remove(0));
    Ok(Small { world, plan, helper, imported, unfetched, result, recalled })
}

/// Sends a folder and empties it.
pub(crate) async fn send(office: &Office, folder: &Path) -> Result<String> {
    let sent = office.careplan_json([PathBuf::from("send"), "--yes".into(), folder.to_owned()]).await?;
    ensure!(sent["sent"].as_array().map_or(0, Vec::len) == 1, "{sent:#}");
    std::fs::remove_dir_all(folder)?;
    Ok(sent["sent"][0]["transfer"].as_str().context("an id")?.to_owned())
}

/// Every file below a folder, with its bytes.
pub(crate) fn tree(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => all.extend(tree(&path)?),
            false => {
                all.insert(path.clone(), std::fs::read(&path)?);
            }
        }
    }
    Ok(all)
}
