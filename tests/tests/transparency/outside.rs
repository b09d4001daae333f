//! Verifiers that are not ours: openssl, and a script of Python's standard library.

use anyhow::{Context as _, Result};
use careplan_protocol::tlog::note::{Note, VerifierKey};
use careplan_tests::programs;
use std::path::Path;

/// The root of the entries of a log's folder, computed by Python; fails where it is not the one of the checkpoint.
pub(crate) async fn python_root(folder: &Path) -> Result<String> {
    python(&["root", &folder.display().to_string()]).await
}

/// The inclusion of every event of a proof, checked by Python.
pub(crate) async fn python_inclusion(file: &Path) -> Result<String> {
    python(&["inclusion", &file.display().to_string()]).await
}

/// The log's signature of a checkpoint, checked by openssl; files are put into a folder.
pub(crate) async fn openssl_signature(checkpoint: &Path, key: &VerifierKey, folder: &Path) -> Result<()> {
    let note: Note = std::fs::read_to_string(checkpoint)?.parse()?;
    let [text, signature, public] = ["text", "signature", "key.der"].map(|name| folder.join(name));
    std::fs::write(&text, note.text())?;
    std::fs::write(&signature, note.signature(key).context("no signature of that key")?)?;
    // SubjectPublicKeyInfo of Ed25519 (RFC 8410).
    let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    std::fs::write(&public, [head.as_slice(), &key.public].concat())?;
    let mut openssl = programs::command("openssl");
    openssl.args(["pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey"]).arg(public);
    openssl.arg("-sigfile").arg(signature).arg("-in").arg(text);
    programs::run(&mut openssl).await?.ok()?;
    Ok(())
}

async fn python(arguments: &[&str]) -> Result<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transparency/other.py");
    let mut python = programs::command("python3");
    Ok(programs::run(python.arg(script).args(arguments)).await?.ok()?.stdout)
}
