//! What auditors do with a copy of a published log, with `careplan-admin` and with programs that are not ours.

use super::outside;
use anyhow::{Context as _, Result, ensure};
use careplan_loadtest::published::{History, Shelf, Signer};
use careplan_protocol::tlog::note::{Note, VerifierKey};
use careplan_protocol::tlog::{Checkpoint, checkpoint};
use careplan_tests::{Outcome, programs};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A copy of a log in a folder, and its key.
pub(crate) struct Copy {
    pub(crate) folder: TempDir,
    pub(crate) signer: Signer,
    pub(crate) key: String,
}

impl Copy {
    pub(crate) fn of(history: &History) -> Result<Self> {
        let (folder, signer) = (tempfile::tempdir()?, Signer::new(3)?);
        let key = signer.key(1).to_string();
        let copy = Self { folder, signer, key };
        copy.put(history)?;
        Ok(copy)
    }

    /// Puts a history in the place of what is there.
    pub(crate) fn put(&self, history: &History) -> Result<()> {
        let _ = std::fs::remove_dir_all(self.tlog());
        let mut shelf = Shelf::default();
        self.signer.publish(history, &mut shelf)?;
        shelf.write(&self.tlog())
    }

    pub(crate) fn tlog(&self) -> PathBuf {
        self.folder.path().join("tlog")
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// `careplan-admin log WHAT` on the copy.
    pub(crate) async fn log(&self, what: &str, more: &[&str]) -> Result<Outcome> {
        let mut command = programs::command(programs::built("careplan-admin")?);
        command.args(["log", what]).arg(self.tlog()).args(["--log-key", &self.key]).args(more);
        programs::run(&mut command).await
    }
}

/// The first events of a history.
fn begun(history: &History, size: usize) -> History {
    let mut begun = history.clone();
    begun.entries.truncate(size);
    begun.kept.retain(|kept| *kept <= size as u64);
    begun
}

/// The same events, but for one.
fn changed(history: &History, index: usize) -> Result<History> {
    let mut changed = history.clone();
    *changed.entries[index].last_mut().context("a byte")? ^= 1;
    Ok(changed)
}

#[tokio::test]
async fn verify_tells_that_all_holds_goes_on_where_it_was_and_names_the_first_wrong_entry() -> Result<()> {
    let history = History::new(900)?.keep_every(100);
    let copy = Copy::of(&begun(&history, 600))?;
    let state = copy.path("state");
    let held = copy.log("verify", &["--state", &state, "--json"]).await?.ok()?.json()?;
    ensure!(held["holds"] == true && held["epochs"][0]["size"] == 600 && held["epochs"][0]["before"] == 0, "{held}");
    copy.put(&history)?;
    let held = copy.log("verify", &["--state", &state, "--json"]).await?.ok()?.json()?;
    ensure!(held["holds"] == true && held["epochs"][0]["before"] == 512, "{held}");
    ensure!(copy.log("verify", &[]).await?.ok()?.stdout.contains("All holds"));

    let bundle = copy.tlog().join("1/tile/entries/001");
    let mut bytes = std::fs::read(&bundle)?;
    let at: usize = history.entries[256..300].iter().map(|entry| entry.len() + 2).sum();
    bytes[at + 40] ^= 4;
    std::fs::write(&bundle, bytes)?;
    let wrong = copy.log("verify", &[]).await?.exited(1)?;
    ensure!(wrong.stderr.contains("ALARM") && wrong.stderr.contains("entry 300"), "{wrong:?}");
    let wrong = copy.log("verify", &["--json"]).await?.exited(1)?.json()?;
    ensure!(wrong["first_wrong"][0]["span"]["first"] == 300, "{wrong}");

    // A history signed anew with the right key holds by itself; what was kept of it elsewhere tells.
    let kept = copy.path("kept.checkpoint");
    copy.put(&history)?;
    std::fs::copy(copy.tlog().join("1/checkpoint"), &kept)?;
    copy.put(&changed(&history, 250)?)?;
    copy.log("verify", &[]).await?.ok()?;
    let wrong = copy.log("verify", &["--seen", &kept]).await?.exited(1)?;
    ensure!(wrong.stderr.contains("first wrong entry"), "{wrong:?}");
    let again = copy.log("verify", &["--state", &state]).await?.exited(1)?;
    ensure!(again.stderr.contains("entries 200 to 299"), "an earlier run knew its checkpoints: {again:?}");
    Ok(())
}

#[tokio::test]
async fn verify_asks_for_a_key_and_refuses_that_of_another_log() -> Result<()> {
    let copy = Copy::of(&History::new(10)?)?;
    let mut keyless = programs::command(programs::built("careplan-admin")?);
    let keyless = programs::run(keyless.args(["log", "verify"]).arg(copy.tlog())).await?.exited(2)?;
    ensure!(keyless.stderr.contains("--log-key"), "{keyless:?}");
    let other = Copy { key: Signer::new(4)?.key(1).to_string(), ..copy };
    let wrong = other.log("verify", &[]).await?.exited(1)?;
    ensure!(wrong.stdout.contains("none of the given keys"), "{wrong:?}");
    Ok(())
}

#[tokio::test]
async fn monitor_follows_growth_and_alarms_on_forks_and_rollbacks() -> Result<()> {
    let history = History::new(900)?;
    let copy = Copy::of(&begun(&history, 300))?;
    let state = copy.path("monitor");
    let arguments = ["--state", state.as_str()];
    ensure!(copy.log("monitor", &arguments).await?.ok()?.stdout.contains("first look"));
    copy.put(&begun(&history, 700))?;
    ensure!(copy.log("monitor", &arguments).await?.ok()?.stdout.contains("400 new"));
    copy.put(&begun(&history, 500))?;
    let back = copy.log("monitor", &arguments).await?.exited(1)?;
    ensure!(back.stderr.starts_with("ALARM") && back.stderr.contains("rolled back"), "{back:?}");
    copy.put(&changed(&history, 100)?)?;
    let fork = copy.log("monitor", &arguments).await?.exited(1)?;
    ensure!(fork.stderr.starts_with("ALARM") && fork.stderr.contains("forked"), "{fork:?}");
    // What was seen last stays, so that the alarm does.
    copy.log("monitor", &arguments).await?.exited(1)?;
    copy.put(&history)?;
    ensure!(copy.log("monitor", &arguments).await?.ok()?.stdout.contains("200 new"));
    Ok(())
}

#[tokio::test]
async fn a_log_that_changed_its_key_goes_on_with_the_new_one_beside_those_given_before() -> Result<()> {
    let history = History::new(900)?;
    let mut copy = Copy::of(&history)?;
    let (monitor, state) = (copy.path("monitor"), copy.path("state"));
    let runs = [("monitor", ["--state", monitor.as_str()]), ("verify", ["--state", state.as_str()])];
    for (what, arguments) in &runs {
        copy.log(what, arguments).await?.ok()?;
    }
    let next = Signer::new(4)?;
    let second = history.restored(&copy.signer, 900, 50)?;
    let mut shelf = Shelf::default();
    copy.signer.publish(&history, &mut shelf)?;
    next.publish(&second, &mut shelf)?;
    shelf.write(&copy.tlog())?;
    for (what, arguments) in &runs {
        copy.log(what, arguments).await?.exited(1)?;
    }
    copy.key = next.key(2).to_string();
    for (what, arguments) in runs.iter().chain(&runs) {
        copy.log(what, arguments).await?.ok()?;
    }
    Ok(())
}

#[tokio::test]
async fn a_told_restore_alarms_until_it_is_accepted() -> Result<()> {
    let history = History::new(900)?;
    let copy = Copy::of(&history)?;
    let state = copy.path("monitor");
    copy.log("monitor", &["--state", &state]).await?.ok()?;
    let mut shelf = Shelf::default();
    copy.signer.publish(&history.restored(&copy.signer, 600, 50)?, &mut shelf)?;
    shelf.write(&copy.tlog())?;
    let lost = copy.log("monitor", &["--state", &state]).await?.exited(1)?;
    ensure!(lost.stderr.contains("300 events") && lost.stderr.contains("--accept-epoch 2"), "{lost:?}");
    copy.log("monitor", &["--state", &state, "--accept-epoch", "2"]).await?.ok()?;
    copy.log("monitor", &["--state", &state]).await?.ok()?;
    ensure!(copy.log("verify", &[]).await?.ok()?.stdout.contains("All holds"));
    Ok(())
}

#[tokio::test]
async fn what_others_saw_and_a_restore_lost_alarms_who_looks_for_the_first_time() -> Result<()> {
    let history = History::new(1000)?;
    let copy = Copy::of(&history)?;
    let (witness, public) = (copy.path("witness"), copy.path("public"));
    let first = ["--state", &witness, "--out", &public, "--name", "witness.example.jp"];
    copy.log("witness", &first).await?.ok()?;
    // The hub comes back from a backup with 950 events, goes on, and once more begins an epoch, of which nothing is missing.
    let back = begun(&history, 950);
    let second = back.restored(&copy.signer, 950, 20)?;
    let third = second.restored(&copy.signer, 970, 20)?;
    let mut shelf = Shelf::default();
    for history in [&back, &second, &third] {
        copy.signer.publish(history, &mut shelf)?;
    }
    std::fs::remove_dir_all(copy.tlog())?;
    shelf.write(&copy.tlog())?;

    let (state, out, other) = (copy.path("new"), copy.path("out"), copy.path("other"));
    let monitor = ["--state", state.as_str(), "--seen", &public];
    let witness = ["--state", other.as_str(), "--out", &out, "--name", "other.example.jp", "--seen", &public];
    for (what, arguments) in [("monitor", &monitor[..]), ("witness", &witness[..])] {
        for accepted in [&[][..], &["--accept-epoch", "3"]] {
            let told = copy.log(what, &[arguments, accepted].concat()).await?.exited(1)?;
            let lost = told.stderr.contains("50 events") && told.stderr.contains("--accept-epoch 2");
            ensure!(told.stderr.contains("ALARM") && lost, "{what}: {told:?}");
        }
        ensure!(!Path::new(&out).join("latest.checkpoint").exists(), "nothing was cosigned");
        copy.log(what, &[arguments, &["--accept-epoch", "2"]].concat()).await?.ok()?;
        copy.log(what, arguments).await?.ok()?;
        let _ = std::fs::remove_dir_all(&out);
    }
    Ok(())
}

#[tokio::test]
async fn a_witness_cosigns_what_only_grew_and_what_it_published_convicts_a_fork() -> Result<()> {
    let history = History::new(900)?;
    let copy = Copy::of(&begun(&history, 300))?;
    let (state, out) = (copy.path("witness"), copy.path("public"));
    let arguments = ["--state", state.as_str(), "--out", out.as_str()];
    copy.log("witness", &arguments).await?.exited(2)?;
    copy.log("witness", &[&arguments[..], &["--name", "witness.example.jp"]].concat()).await?.ok()?;
    let key: VerifierKey = std::fs::read_to_string(format!("{state}/witness.pub"))?.parse()?;
    let cosigned = std::fs::read_to_string(format!("{out}/epoch-1-300.checkpoint"))?;
    let note: Note = cosigned.parse()?;
    ensure!(note.verify(&key)?.is_some_and(|seconds| seconds > 1_700_000_000));
    ensure!(Checkpoint::open(&cosigned, &checkpoint::verifier(copy.signer.public, 1))?.size == 300);
    let secret = std::fs::metadata(format!("{state}/witness.key"))?;
    ensure!(std::os::unix::fs::PermissionsExt::mode(&secret.permissions()) & 0o777 == 0o600);

    copy.put(&history)?;
    copy.log("witness", &arguments).await?.ok()?;
    copy.put(&changed(&history, 100)?)?;
    copy.log("witness", &arguments).await?.exited(1)?;
    ensure!(!Path::new(&out).join("epoch-1-901.checkpoint").exists());
    // A folder without a checkpoint, such as the witness's own, is compared with nothing: that is no passing.
    copy.put(&history)?;
    for what in ["monitor", "verify"] {
        let new = copy.path(&format!("new-{what}"));
        let told = copy.log(what, &["--state", &new, "--seen", &state]).await?.exited(2)?;
        ensure!(told.stderr.contains("no checkpoint") && !Path::new(&new).exists(), "{told:?}");
        let told = copy.log(what, &["--state", &new, "--seen", &out, "--json"]).await?.ok()?.json()?;
        ensure!(told["compared"] == 3, "{told}");
    }
    copy.put(&changed(&history, 100)?)?;
    // Somebody who never looked before compares with what the witness published.
    for what in ["monitor", "verify"] {
        let new = copy.path("new-state");
        let told = copy.log(what, &["--state", &new, "--seen", &out]).await?.exited(1)?;
        ensure!(told.stderr.starts_with("ALARM"), "{told:?}");
    }
    Ok(())
}

#[tokio::test]
async fn openssl_and_python_agree_with_us_about_root_and_signature() -> Result<()> {
    let copy = Copy::of(&History::new(777)?)?;
    let folder = copy.tlog().join("1");
    let root = outside::python_root(&folder).await?;
    ensure!(root.contains(" 777 "), "{root}");
    outside::openssl_signature(&folder.join("checkpoint"), &copy.key.parse()?, copy.folder.path()).await?;
    let bundle = folder.join("tile/entries/002");
    let mut bytes = std::fs::read(&bundle)?;
    bytes[77] ^= 1;
    std::fs::write(&bundle, bytes)?;
    ensure!(outside::python_root(&folder).await.is_err(), "an altered entry leads to another root");
    let forged = copy.folder.path().join("forged");
    std::fs::write(&forged, std::fs::read_to_string(folder.join("checkpoint"))?.replacen("\n777\n", "\n776\n", 1))?;
    let refused = outside::openssl_signature(&forged, &copy.key.parse()?, copy.folder.path()).await;
    ensure!(refused.is_err(), "an altered checkpoint is not signed");
    Ok(())
}
