//! The release hub in a folder of its own, with operator and offices enrolled through its own interface.

use super::papers::{Paper, Papers};
use super::process::Server;
use crate::wire::Door;
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use careplan_certs::{Randomness as _, SystemRandomness};
use careplan_protocol::api::{Enrol, Grant, RegisterCertificate};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::routes;
use http::Request;
use http_body_util::Full;
use serde::Deserialize;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A running hub.
#[derive(Debug)]
pub struct Hub {
    /// Its process.
    pub server: Server,
    /// Its offices, each with its door.
    pub offices: Vec<(OfficeNumber, Door)>,
    folder: PathBuf,
    operator: Door,
}

/// What a hub is started with.
#[derive(Debug, Clone)]
pub struct Making<'a> {
    /// The program.
    pub program: &'a Path,
    /// A new folder for everything.
    pub folder: &'a Path,
    /// Everybody's certificates.
    pub papers: &'a Papers,
    /// Level of the hub's own log (`info` writes a line per request).
    pub log: &'a str,
    /// Settings over the defaults, such as `("LIMITS__REQUESTS_PER_MINUTE", "600")`.
    pub settings: &'a [(&'a str, &'a str)],
}

impl Hub {
    /// Starts a hub in a new folder and enrols the offices.
    ///
    /// # Errors
    /// When it does not start or refuses.
    pub async fn start(making: &Making<'_>) -> Result<Self> {
        Self::prepare(making)?;
        let hub = Self::serve(making).await?;
        hub.enrol(making.papers).await?;
        Ok(hub)
    }

    /// Makes the folder of a hub: configuration, certificates, secrets.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn prepare(making: &Making<'_>) -> Result<()> {
        prepare(making.folder, making.papers)
    }

    /// Starts a hub in the folder that was made for it.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn serve(making: &Making<'_>) -> Result<Self> {
        let folder = making.folder.to_owned();
        let log = File::create(folder.join("hub.log"))?;
        let server = Server::start(making.program, |command| {
            command.arg("serve").arg("--config").arg(folder.join("hub.toml"));
            command.env("CAREPLAN_HUB__LIMITS__REQUESTS_PER_MINUTE", "100000000");
            command.env("CAREPLAN_HUB__LOG__LEVEL", making.log);
            command.envs(making.settings.iter().map(|(key, value)| (format!("CAREPLAN_HUB__{key}"), value)));
            command.stdout(log);
        })?;
        let papers = making.papers;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        let door = |paper: &Paper| Door::new(nowhere, &papers.authority, &paper.certificate, &paper.key);
        let operator = door(&papers.operator)?;
        let offices = papers.offices.iter().map(|(office, paper)| Ok((*office, door(paper)?)));
        let mut hub = Self { server, offices: offices.collect::<Result<_>>()?, folder, operator };
        hub.wait(Duration::from_secs(60)).await?;
        Ok(hub)
    }

    /// The operator's door.
    pub fn operator(&self) -> &Door {
        &self.operator
    }

    /// A door for the owner of a paper.
    ///
    /// # Errors
    /// When the certificate cannot be used.
    pub fn door(&self, papers: &Papers, paper: &Paper) -> Result<Door> {
        Door::new(self.operator.address(), &papers.authority, &paper.certificate, &paper.key)
    }

    /// Waits until it serves; its doors then lead to where it listens.
    ///
    /// # Errors
    /// When it ends, or takes longer.
    pub async fn wait(&mut self, patience: Duration) -> Result<()> {
        let begun = crate::clock::Moment::now();
        while begun.elapsed() < patience {
            if !self.server.is_running()? {
                bail!("the hub ended: see {}", self.folder.join("hub.log").display());
            }
            if let Some(address) = self.address()
                && tokio::net::TcpStream::connect(address).await.is_ok()
            {
                self.operator = self.operator.at(address);
                for (_, door) in &mut self.offices {
                    *door = door.at(address);
                }
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("the hub was not ready within {} s", patience.as_secs())
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn address(&self) -> Option<SocketAddr> {
        let text = std::fs::read_to_string(self.data().join("addresses.json")).ok()?;
        serde_json::from_str::<Addresses>(&text).ok().map(|found| found.address)
    }

    async fn enrol(&self, papers: &Papers) -> Result<()> {
        let mut line = self.operator.open().await?;
        for (office, paper) in &papers.offices {
            let body = Enrol {
                name: format!("Office {office}"),
                kana: String::new(),
                email: String::new(),
                service_types: vec!["43".parse()?, "11".parse()?],
                licence: Some(Grant { applied_on: None, fee: None, campaign: None }),
                certificate: Some(registration(paper)),
                override_check_digit: false,
                dry_run: false,
            };
            let request = Request::put(routes::path(routes::ADMIN_OFFICE, &[office]))
                .header("content-type", "application/json")
                .body(Full::new(Bytes::from(serde_json::to_vec(&body)?)))?;
            let answer = line.ask(request).await?;
            if answer.status >= 300 {
                answer.status(200).with_context(|| format!("enrolling {office}"))?;
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Addresses {
    address: SocketAddr,
}

fn registration(paper: &Paper) -> RegisterCertificate {
    RegisterCertificate {
        certificate: paper.certificate.clone(),
        label: "load".into(),
        reason: "first".into(),
        verified_by: String::new(),
        revokes: Vec::new(),
        dry_run: false,
    }
}

/// The folder of a hub: configuration, certificates, secrets.
fn prepare(folder: &Path, papers: &Papers) -> Result<()> {
    let mut master = [0; 32];
    SystemRandomness.fill(&mut master)?;
    let master: String = master.iter().map(|byte| format!("{byte:02x}")).collect();
    let receipt = careplan_certs::key::ed25519_pem(&SystemRandomness)?;
    for made in ["tls", "keys"] {
        std::fs::create_dir_all(folder.join(made))?;
    }
    let write = careplan_certs::folder::write_new;
    write(&folder.join("tls/hub.crt"), papers.server.certificate.as_bytes(), false)?;
    write(&folder.join("tls/hub.key"), papers.server.key.as_bytes(), true)?;
    write(&folder.join("tls/ca.crt"), papers.authority.as_bytes(), false)?;
    write(&folder.join("keys/master.key"), master.as_bytes(), true)?;
    write(&folder.join("keys/receipt.key"), receipt.as_bytes(), true)?;
    let text = CONFIGURATION.replace("FINGERPRINT", &papers.operator.fingerprint.to_string());
    Ok(std::fs::write(folder.join("hub.toml"), text)?)
}

const CONFIGURATION: &str = r#"
name = "load-test-hub"
[listen]
address = "127.0.0.1:0"
local = "127.0.0.1:0"
[[tls.anchors]]
name = "own"
certificate = "tls/ca.crt"
[[operators]]
name = "Load test"
fingerprint = "FINGERPRINT"
"#;
