//! What is revoked stands in the published list, whatever happens on the way.

use anyhow::{Context as _, Result, ensure};
use careplan_tests::world::PLAN;
use careplan_tests::{Lossy, Outcome, World, programs};
use std::path::{Path, PathBuf};

/// The revocation list as openssl reads it.
async fn list(world: &World, more: &[&str]) -> Result<String> {
    let file = world.path("list.crl").display().to_string();
    world.admin([&["certificate", "crl", "--out", &file], more].concat()).await?.ok()?;
    let mut openssl = programs::command("openssl");
    Ok(programs::run(openssl.args(["crl", "-noout", "-text", "-in", &file])).await?.ok()?.stdout)
}

/// The serial number of a certificate, as openssl writes it.
async fn serial(certificate: &Path) -> Result<String> {
    let mut openssl = programs::command("openssl");
    let told = programs::run(openssl.args(["x509", "-noout", "-serial", "-in"]).arg(certificate)).await?.ok()?.stdout;
    Ok(told.trim().strip_prefix("serial=").context("a serial number")?.to_owned())
}

/// `careplan-admin` with another home folder, or over a lossy way.
async fn admin(hub: &str, home: &Path, arguments: &[&str]) -> Result<Outcome> {
    let mut command = programs::command(programs::built("careplan-admin")?);
    programs::run(command.arg("--home").arg(home).env("CAREPLAN_ADMIN_HUB", hub).args(arguments)).await
}

/// Adds an operator by a request; the home folder, with the key in it, and the fingerprint.
async fn operator(world: &World, name: &str) -> Result<(PathBuf, String)> {
    let (request, key) = careplan_tests::papers::Issuer::request(PLAN)?;
    let csr = world.path("operator.csr");
    std::fs::write(&csr, request)?;
    let (csr, out) = (csr.display().to_string(), world.path("people").display().to_string());
    let added = world.admin_json(["operator", "add", name, "--csr", &csr, "--out", &out]).await?;
    let folder = PathBuf::from(added["folder"].as_str().context("a folder")?);
    std::fs::write(folder.join("operator.key"), key)?;
    Ok((folder, added["fingerprint"].as_str().context("a fingerprint")?.to_owned()))
}

#[tokio::test]
async fn who_was_removed_is_on_the_list_although_the_answer_got_lost() -> Result<()> {
    let world = World::new().await?;
    let (folder, fingerprint) = operator(&world, "Taro Suzuki").await?;
    let number = serial(&folder.join("operator.crt")).await?;
    let lossy = Lossy::before(&world.hub.url(), 2).await?;
    let home = world.operator_folder();
    let remove = ["operator", "remove", "Taro Suzuki", "--reason", "lost his computer"];
    let told = admin(&lossy.url, &home, &remove).await?.exited(3)?;
    ensure!(told.stderr.contains("in doubt") && told.stderr.contains(&fingerprint), "{told:?}");
    ensure!(!world.admin(["operator", "list"]).await?.ok()?.stdout.contains("Taro"), "the hub did it");
    world.admin(remove).await?.exited(1)?;
    let again = world.admin(["operator", "remove", &fingerprint]).await?.exited(1)?;
    ensure!(again.stderr.contains("noted as revoked"), "{again:?}");
    let list = list(&world, &[]).await?;
    ensure!(list.contains(&number) && list.contains("Key Compromise"), "{list}");
    Ok(())
}

#[tokio::test]
async fn a_refused_removal_leaves_nothing_on_the_list() -> Result<()> {
    let world = World::new().await?;
    // The first operator stands in hub.toml.
    world.admin(["operator", "remove", "First operator"]).await?.exited(1)?;
    let unknown = "00".repeat(32);
    world.admin(["certificate", "revoke", &unknown, "--reason", "x"]).await?.exited(1)?;
    world.admin(["office", "remove", "1370100008", "--reason", "x"]).await?.exited(1)?;
    let list = list(&world, &[]).await?;
    ensure!(list.contains("No Revoked Certificates"), "{list}");
    ensure!(std::fs::read(world.operator_folder().join("ca/revoked.jsonl")).unwrap_or_default().is_empty());
    Ok(())
}

#[tokio::test]
async fn who_removes_without_the_authority_is_told_how_the_list_learns_of_it() -> Result<()> {
    let world = World::new().await?;
    let (home, _) = operator(&world, "Taro Suzuki").await?;
    let (other, fingerprint) = operator(&world, "Jiro Sato").await?;
    let number = serial(&other.join("operator.crt")).await?;
    let told = admin(&world.hub.url(), &home, &["operator", "remove", "Jiro Sato"]).await?.ok()?;
    ensure!(told.stdout.contains(&format!("--also {fingerprint}")), "{told:?}");
    let told = admin(&world.hub.url(), &home, &["office", "remove", PLAN, "--reason", "closed"]).await?.ok()?;
    ensure!(told.stderr.contains("--also"), "{told:?}");

    ensure!(!list(&world, &[]).await?.contains(&number));
    ensure!(list(&world, &["--also", &fingerprint]).await?.contains(&number));
    ensure!(list(&world, &[]).await?.contains(&number), "it is remembered");
    let file = world.path("x.crl").display().to_string();
    let stranger = "00".repeat(32);
    world.admin(["certificate", "crl", "--out", &file, "--also", &stranger]).await?.exited(2)?;
    Ok(())
}
