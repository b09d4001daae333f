//! An office: its program, its certificate, its requests.

use crate::papers::Paper;
use crate::programs::{self, Outcome};
use crate::world::{World, passphrase};
use crate::{Caller, Form, Reply, Unit, papers};
use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use careplan_certs::reading;
use careplan_protocol::api::{Page, Sent, Transfer};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// An office with one certificate.
#[derive(Debug, Clone)]
pub struct Office {
    /// Its number.
    pub number: String,
    /// Its certificate.
    pub paper: Paper,
    /// Its requests, without its program.
    pub caller: Caller,
    /// Its bundle.
    pub bundle: PathBuf,
    /// The bundle's passphrase.
    pub passphrase: String,
    /// Where its program keeps what it knows.
    pub home: PathBuf,
}

impl Office {
    /// The office of a bundle's folder.
    ///
    /// # Errors
    /// When the bundle cannot be opened.
    pub fn of(world: &World, number: &str, folder: &Path) -> Result<Self> {
        let certificate =
            std::fs::read(folder.join(format!("{number}.crt"))).with_context(|| folder.display().to_string())?;
        let fingerprint = reading::certificate(&certificate)?.fingerprint.to_string();
        let passphrase = passphrase(folder.parent().context("bundles")?, &fingerprint)?;
        let paper = Paper::from_pkcs12(&folder.join(format!("{number}.p12")), &passphrase)?;
        ensure!(paper.fingerprint.to_string() == fingerprint, "the PKCS#12 file holds another certificate");
        Ok(Self {
            number: number.to_owned(),
            caller: world.caller(Some(&paper))?,
            paper,
            bundle: folder.join(format!("{number}.careplan")),
            passphrase,
            home: world.path("homes").join(folder.file_name().unwrap_or_default()),
        })
    }

    /// Runs `careplan setup` with its bundle.
    ///
    /// # Errors
    /// When it fails.
    pub async fn set_up(self) -> Result<Self> {
        let file = self.bundle.with_extension("passphrase");
        std::fs::write(&file, &self.passphrase)?;
        let mut command = self.command()?;
        command.arg("setup").arg(&self.bundle).arg("--passphrase-file").arg(&file);
        programs::run(&mut command).await?.ok()?;
        Ok(self)
    }

    /// `careplan` with this office's home, to be given arguments.
    ///
    /// # Errors
    /// When it was not built.
    pub fn command(&self) -> Result<Command> {
        let mut command = programs::command(programs::built("careplan")?);
        command.env("CAREPLAN_LANG", "en").env("CAREPLAN_HOME", &self.home);
        Ok(command)
    }

    /// Runs `careplan`.
    ///
    /// # Errors
    /// When the program does not run.
    pub async fn careplan<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<Outcome> {
        programs::run(self.command()?.args(arguments)).await
    }

    /// Runs `careplan --json`; it has to succeed.
    ///
    /// # Errors
    /// When it fails, or answers without JSON.
    pub async fn careplan_json<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<Value> {
        programs::run(self.command()?.arg("--json").args(arguments)).await?.ok()?.json()
    }

    /// Sends a unit without the program.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn send_unit(&self, unit: &Unit) -> Result<Sent> {
        let form = Form::to(&unit.to.to_string(), "").files(&unit.files);
        self.caller.send(&self.number, form).await?.status(201)?.json()
    }

    /// Sends one attachment without the program.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn send_file(&self, to: &str, name: &str, bytes: &[u8]) -> Result<Sent> {
        let form = Form::to(to, "").file(name, bytes);
        self.caller.send_as(&self.number, &papers::random_key()?, form).await?.status(201)?.json()
    }

    /// One of its own paths: `path("inbox")` is `/v1/offices/NUMBER/inbox`.
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/offices/{}/{rest}", self.number)
    }

    /// `GET` on one of its own paths.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, rest: &str) -> Result<Reply> {
        self.caller.get(&self.path(rest)).await
    }

    /// A page of its inbox.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn inbox(&self, query: &str) -> Result<Vec<Transfer>> {
        Ok(self.get(&format!("inbox?limit=1000&{query}")).await?.status(200)?.json::<Page<Transfer>>()?.items)
    }

    /// A page of its outbox.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn outbox(&self, query: &str) -> Result<Vec<Transfer>> {
        Ok(self.get(&format!("outbox?limit=1000&{query}")).await?.status(200)?.json::<Page<Transfer>>()?.items)
    }

    /// The bytes of a received file.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn fetch(&self, transfer: &str, n: u32) -> Result<Bytes> {
        Ok(self.get(&format!("inbox/{transfer}/files/{n}")).await?.status(200)?.body)
    }

    /// Recalls a transfer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn recall(&self, transfer: &str) -> Result<Reply> {
        self.caller.delete(&self.path(&format!("outbox/{transfer}"))).await
    }

    /// Acknowledges a transfer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn acknowledge(&self, transfer: &str, outcome: &str, reason: Option<&str>) -> Result<Reply> {
        let body = serde_json::json!({"outcome": outcome, "reason": reason});
        self.caller.post(&self.path(&format!("inbox/{transfer}/acknowledgement")), &body).await
    }
}
