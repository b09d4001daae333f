//! Time stamps of a real time-stamping authority: openssl behind a small HTTP server.

use super::programs::Copy;
use anyhow::{Context as _, Result, ensure};
use careplan_loadtest::published::History;
use careplan_tests::{Outcome, programs};
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn a_checkpoint_waits_for_the_authority_and_openssl_accepts_its_time_stamp() -> Result<()> {
    let copy = Copy::of(&History::new(300)?)?;
    let authority = Authority::new(copy.folder.path()).await?;
    let (into, down) = (copy.path("stamps"), format!("http://127.0.0.1:{}/", careplan_tests::hub::free_port()?));
    let waits = copy.log("timestamp", &["--tsa", &down, "--into", &into]).await?.exited(3)?;
    ensure!(waits.stdout.contains("waits: not reached") && waits.stderr.contains("the next run"), "{waits:?}");
    let checkpoint = only(&into, "checkpoint")?.context("the checkpoint")?;
    ensure!(only(&into, "tsr")?.is_none());

    // The log grew meanwhile; the checkpoint of today is the one that was taken.
    copy.put(&History::new(400)?)?;
    let strange = authority.serve(Some(b"<html>")).await?;
    copy.log("timestamp", &["--tsa", &strange, "--into", &into]).await?.exited(3)?;
    let address = authority.serve(None).await?;
    let stamped = copy.log("timestamp", &["--tsa", &address, "--into", &into, "--json"]).await?.ok()?.json()?;
    ensure!(stamped[0]["at"].as_str().is_some_and(|at| at.starts_with("20") && at.ends_with('Z')), "{stamped}");
    ensure!(only(&into, "checkpoint")?.as_ref() == Some(&checkpoint));
    ensure!(std::fs::read_to_string(&checkpoint)?.contains("\n300\n"));

    let (query, reply) = (checkpoint.with_extension("tsq"), checkpoint.with_extension("tsr"));
    authority.verify(&["-queryfile", &text(&query)], &reply).await?.ok()?;
    authority.verify(&["-data", &text(&checkpoint)], &reply).await?.ok()?;
    std::fs::write(copy.path("other"), "another text")?;
    ensure!(authority.verify(&["-data", &copy.path("other")], &reply).await?.code != 0);
    // Nothing is asked twice.
    copy.log("timestamp", &["--tsa", &down, "--into", &into]).await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn a_time_stamp_of_something_else_is_not_taken() -> Result<()> {
    let copy = Copy::of(&History::new(300)?)?;
    let authority = Authority::new(copy.folder.path()).await?;
    std::fs::write(copy.path("other"), "another text")?;
    let query = copy.path("other.tsq");
    openssl(&["ts", "-query", "-sha256", "-cert", "-data", &copy.path("other"), "-out", &query]).await?.ok()?;
    let other = authority.reply(Path::new(&query)).await?;
    let (into, address) = (copy.path("stamps"), authority.serve(Some(&other)).await?);
    let waits = copy.log("timestamp", &["--tsa", &address, "--into", &into]).await?.exited(3)?;
    ensure!(waits.stdout.contains("something else"), "{waits:?}");
    ensure!(only(&into, "tsr")?.is_none());
    Ok(())
}

/// A time-stamping authority in a folder.
#[derive(Clone)]
struct Authority(PathBuf);

impl Authority {
    async fn new(folder: &Path) -> Result<Self> {
        let folder = folder.join("tsa");
        std::fs::create_dir(&folder)?;
        let at = |name: &str| text(&folder.join(name));
        std::fs::write(at("serial"), "01\n")?;
        let settings = CONFIGURATION.replace("FOLDER", &text(&folder));
        std::fs::write(at("tsa.cnf"), settings)?;
        let made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"];
        let named = ["-subj", "/CN=TSA", "-addext", "extendedKeyUsage=critical,timeStamping"];
        let (key, certificate) = (at("key"), at("crt"));
        let out = ["-keyout", key.as_str(), "-out", certificate.as_str()];
        openssl(&[&made[..], &named[..], &out[..]].concat()).await?.ok()?;
        Ok(Self(folder))
    }

    /// Answers requests on a loopback port: with time stamps, or always with the same.
    async fn serve(&self, always: Option<&[u8]>) -> Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}/", listener.local_addr()?);
        let (authority, always) = (self.clone(), always.map(<[u8]>::to_vec));
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                // A request that fails ends its connection, which the asker sees.
                let _ = authority.answer(connection, always.clone()).await;
            }
        });
        Ok(address)
    }

    async fn answer(&self, mut connection: TcpStream, always: Option<Vec<u8>>) -> Result<()> {
        let mut request = Vec::new();
        let body = loop {
            ensure!(connection.read_buf(&mut request).await? > 0, "the asker went away");
            let head = request.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            let Some(end) = head.map(|head| head + 4) else { continue };
            let text = String::from_utf8_lossy(&request[..end]).to_lowercase();
            ensure!(text.starts_with("post ") && text.contains("content-type: application/timestamp-query"), "{text}");
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.context("a length")?.parse()?;
            if request.len() >= end + length {
                break request[end..end + length].to_vec();
            }
        };
        let query = self.0.join("asked.tsq");
        std::fs::write(&query, body)?;
        let reply = match always {
            Some(reply) => reply,
            None => self.reply(&query).await?,
        };
        let kind = "application/timestamp-reply";
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            reply.len()
        );
        connection.write_all(&[head.as_bytes(), &reply].concat()).await?;
        Ok(connection.shutdown().await?)
    }

    async fn reply(&self, query: &Path) -> Result<Vec<u8>> {
        let (settings, out) = (text(&self.0.join("tsa.cnf")), text(&self.0.join("reply")));
        openssl(&["ts", "-reply", "-config", &settings, "-queryfile", &text(query), "-out", &out]).await?.ok()?;
        Ok(std::fs::read(out)?)
    }

    async fn verify(&self, of: &[&str], reply: &Path) -> Result<Outcome> {
        let (reply, authority) = (text(reply), text(&self.0.join("crt")));
        openssl(&[&["ts", "-verify", "-in", &reply, "-CAfile", &authority][..], of].concat()).await
    }
}

async fn openssl(arguments: &[&str]) -> Result<Outcome> {
    programs::run(programs::command("openssl").args(arguments)).await
}

/// The one file with this ending in a folder.
fn only(folder: &str, ending: &str) -> Result<Option<PathBuf>> {
    let mut found = None;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|own| own == ending) {
            ensure!(found.is_none(), "more than one .{ending}");
            found = Some(path);
        }
    }
    Ok(found)
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

const CONFIGURATION: &str = "
[tsa]
default_tsa = own
[own]
serial = FOLDER/serial
signer_cert = FOLDER/crt
signer_key = FOLDER/key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
";
