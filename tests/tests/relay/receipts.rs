//! Receipts and certificates, as programs of other makers and languages see them.

use anyhow::{Context as _, Result, ensure};
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Office, Outcome, World, programs, samples};
use std::path::PathBuf;

#[tokio::test]
async fn a_receipt_is_verified_with_its_files_and_without_the_hub() -> Result<()> {
    let mut world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let (receipt, folder) = sent_receipt(&plan).await?;
    let (file, files) = (receipt.display().to_string(), folder.display().to_string());
    let verified = plan.careplan_json(["receipt", "verify", &file, "--files", &files]).await?;
    ensure!(verified["valid"] == true && verified["files_match"] == true, "{verified}");

    let keys = world.path("jwks.json");
    std::fs::write(&keys, plan.caller.get("/.well-known/jwks.json").await?.status(200)?.body)?;
    let local = careplan_tests::caller::local(&format!("{}/.well-known/jwks.json", world.hub.local_url())).await?.body;
    ensure!(local == std::fs::read(&keys)?, "the keys are published without a certificate too");
    world.hub.kill().await?;
    let keys = keys.display().to_string();
    plan.careplan(["receipt", "verify", &file, "--keys", &keys]).await?.ok()?;

    let altered = world.path("altered");
    std::fs::create_dir(&altered)?;
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let mut bytes = std::fs::read(&path)?;
        bytes[0] ^= 1;
        std::fs::write(altered.join(path.file_name().context("a name")?), bytes)?;
    }
    let altered = altered.display().to_string();
    let refused = plan.careplan(["receipt", "verify", &file, "--keys", &keys, "--files", &altered]).await?;
    ensure!(refused.code != 0, "altered files do not match");
    let forged = world.path("forged.jws");
    let text = std::fs::read_to_string(&receipt)?;
    let (head, _) = text.trim().rsplit_once('.').context("a signature")?;
    std::fs::write(&forged, format!("{head}.{}", "A".repeat(86)))?;
    plan.careplan(["receipt", "verify", &forged.display().to_string(), "--keys", &keys]).await?.exited(1)?;
    Ok(())
}

#[tokio::test]
async fn a_receipt_is_verified_by_another_language() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let (receipt, _) = sent_receipt(&plan).await?;
    let keys = world.path("jwks.json");
    std::fs::write(&keys, plan.caller.get("/.well-known/jwks.json").await?.status(200)?.body)?;
    let checked = python(&[SCRIPT, &keys.display().to_string(), &receipt.display().to_string()]).await?;
    ensure!(checked.stdout.contains(&format!("from {PLAN}")), "{}", checked.stdout);
    let forged = world.path("forged.jws");
    let text = std::fs::read_to_string(&receipt)?;
    let (head, rest) = text.split_once('.').context("a payload")?;
    std::fs::write(&forged, format!("{head}.{}", rest.replacen('e', "f", 1)))?;
    let script = [SCRIPT, &keys.display().to_string(), &forged.display().to_string()];
    ensure!(python(&script).await.is_err(), "a forged receipt does not hold");
    Ok(())
}

#[tokio::test]
async fn openssl_shakes_hands_with_what_we_issue_and_opens_the_browser_file() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?;
    let p12 = plan.bundle.with_extension("p12").display().to_string();
    let pass = format!("pass:{}", plan.passphrase);
    let shown = openssl(&["pkcs12", "-info", "-in", &p12, "-passin", &pass, "-nodes"]).await?.ok()?;
    let all = format!("{}{}", shown.stdout, shown.stderr);
    ensure!(all.contains("BEGIN CERTIFICATE") && all.contains("PRIVATE KEY") && all.contains(PLAN), "{all}");
    openssl(&["pkcs12", "-in", &p12, "-passin", "pass:wrong", "-nodes"]).await?.exited(1)?;

    let (certificate, key, ca) = written(&world, &plan)?;
    let address = world.hub.address()?.to_string();
    let shaken = openssl(&[
        "s_client",
        "-connect",
        &address,
        "-CAfile",
        &ca,
        "-cert",
        &certificate,
        "-key",
        &key,
        "-verify_return_error",
        "-verify_hostname",
        "localhost",
        "-brief",
    ])
    .await?
    .ok()?;
    let said = format!("{}{}", shaken.stdout, shaken.stderr);
    ensure!(said.contains("TLSv1.3"), "{said}");
    let older = openssl(&["s_client", "-connect", &address, "-CAfile", &ca, "-tls1_2", "-brief"]).await?;
    ensure!(older.code != 0, "TLS 1.2 is off unless switched on");
    openssl(&["verify", "-purpose", "sslclient", "-CAfile", &ca, &certificate]).await?.ok()?;
    let server = openssl(&["verify", "-purpose", "sslserver", "-CAfile", &ca, &certificate]).await?;
    ensure!(server.code != 0, "an office's certificate is for clients");
    Ok(())
}

#[tokio::test]
async fn tls_1_2_is_spoken_only_where_the_switch_says_so() -> Result<()> {
    let world = World::with(&[("TLS__TLS12", "true")]).await?;
    let (certificate, key, ca) = written(&world, &world.office(PLAN)?)?;
    let address = world.hub.address()?.to_string();
    let base = ["s_client", "-connect", &address, "-CAfile", &ca, "-cert", &certificate, "-key", &key, "-brief"];
    let shaken = openssl(&[&base[..], &["-tls1_2"]].concat()).await?.ok()?;
    let said = format!("{}{}", shaken.stdout, shaken.stderr);
    ensure!(said.contains("TLSv1.2") && said.contains("ECDHE"), "{said}");
    ensure!(openssl(&[&base[..], &["-tls1_1"]].concat()).await?.code != 0);
    let weak = [&base[..], &["-tls1_2", "-cipher", "AES128-SHA:ECDHE-ECDSA-AES128-SHA"]].concat();
    ensure!(openssl(&weak).await?.code != 0, "no suite without forward secrecy and AEAD");
    Ok(())
}

#[tokio::test]
async fn curl_sends_and_fetches() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let unit = samples::unit("04")?;
    let (certificate, key, ca) = written(&world, &plan)?;
    let outbox = format!("{}/v1/offices/{PLAN}/outbox", world.hub.url());
    let mut curl = programs::command("curl");
    curl.args(["-sS", "--fail-with-body", "--cacert", &ca, "--cert", &certificate, "--key", &key]);
    curl.args(["-H", "Idempotency-Key: curl-1", "-F", &format!("to={HELPER}-11"), "-F", "message=よろしく"]);
    for (name, _) in &unit.files {
        curl.arg("-F").arg(format!("file=@{}", unit.folder.join(name).display()));
    }
    let sent = programs::run(curl.arg(&outbox)).await?.ok()?.json()?;
    let id = sent["transfer"].as_str().context("a transfer")?;
    let received = helper.inbox("").await?;
    ensure!(received.len() == 1 && received[0].message == "よろしく", "{received:?}");
    for (file, (name, bytes)) in received[0].files.iter().zip(&unit.files) {
        ensure!(file.name == *name && helper.fetch(id, file.n.into()).await? == bytes, "{name}");
    }
    Ok(())
}

async fn sent_receipt(plan: &Office) -> Result<(PathBuf, PathBuf)> {
    let unit = samples::unit("04")?;
    let sent = plan.careplan_json([PathBuf::from("send"), "--yes".into(), unit.folder.clone()]).await?;
    let receipt = sent["sent"][0]["receipt"].as_str().with_context(|| sent.to_string())?;
    Ok((PathBuf::from(receipt), unit.folder))
}

fn written(world: &World, office: &Office) -> Result<(String, String, String)> {
    let (certificate, key, ca) = (world.path("office.crt"), world.path("office.key"), world.path("ca.crt"));
    std::fs::write(&certificate, &office.paper.certificate)?;
    std::fs::write(&key, &office.paper.key)?;
    std::fs::write(&ca, &world.ca)?;
    Ok((certificate.display().to_string(), key.display().to_string(), ca.display().to_string()))
}

async fn openssl(arguments: &[&str]) -> Result<Outcome> {
    programs::run(programs::command("openssl").args(arguments)).await
}

/// The first Python that has a JOSE library.
async fn python(arguments: &[&str]) -> Result<Outcome> {
    let mut last = None;
    for python in ["/usr/bin/python3", "python3"] {
        let mut command = programs::command(python);
        command.arg("-c").args(arguments);
        if let Ok(outcome) = programs::run(&mut command).await {
            match outcome.code {
                NO_LIBRARY => {}
                _ => return outcome.ok(),
            }
            last = Some(outcome);
        }
    }
    last.context("no python3 with jwcrypto: tests/run installs it")?.ok()
}

const NO_LIBRARY: i32 = 77;
const SCRIPT: &str = r#"
import base64, json, sys
keys, receipt = json.load(open(sys.argv[1])), open(sys.argv[2]).read().strip()
decode = lambda part: base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
try:
    from jwcrypto import jwk, jws
except ImportError:
    sys.exit(77)
token = jws.JWS()
token.allowed_algs = ["EdDSA"]
token.deserialize(receipt)
kid = json.loads(decode(receipt.split(".")[0]))["kid"]
token.verify(jwk.JWK(**next(key for key in keys["keys"] if key["kid"] == kid)))
payload = json.loads(token.payload)
print("verified", payload["transfer"], "from", payload["from"], "to", payload["to"])
"#;
