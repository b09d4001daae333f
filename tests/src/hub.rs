//! The hub's process: started, stopped, killed.

use crate::patience::{eventually, within};
use crate::programs;
use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use rustls_pki_types::UnixTime;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tokio::process::{Child, Command};

/// A hub in its folder, running or not.
#[derive(Debug)]
pub struct Hub {
    /// The folder that `init` made.
    pub folder: PathBuf,
    /// Settings over those of `hub.toml`, such as `LIMITS__FILES`.
    pub settings: BTreeMap<String, String>,
    /// The program: `careplan-hub`, or `careplan-hub-faulty`.
    pub program: &'static str,
    /// What the next start fails at, for `careplan-hub-faulty`.
    pub failpoints: Option<String>,
    child: Option<Child>,
    addresses: Option<Addresses>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Addresses {
    address: SocketAddr,
    local: SocketAddr,
}

impl Hub {
    /// The hub of a folder, not started. Its clock is set by hand from now on.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn of(folder: &Path, settings: BTreeMap<String, String>) -> Result<Self> {
        let file = folder.join("hub.toml");
        let text = std::fs::read_to_string(&file)?;
        std::fs::write(&file, text + "\n[test]\nclock = \"clock\"\n")?;
        std::fs::write(folder.join("clock"), "+0\n")?;
        Ok(Self {
            folder: folder.to_owned(),
            settings,
            program: "careplan-hub",
            failpoints: None,
            child: None,
            addresses: None,
        })
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// When it ends, or is not ready within half a minute; with its last words.
    pub async fn start(&mut self) -> Result<()> {
        ensure!(self.child.is_none(), "the hub runs already");
        let _ = std::fs::remove_file(self.addresses_file());
        let mut child = self.command("serve")?.spawn().context("careplan-hub")?;
        let found = eventually("the hub is ready", 30, || {
            let ended = child.try_wait();
            let file = self.addresses_file();
            async move {
                if let Some(status) = ended? {
                    bail!("the hub ended with {status}");
                }
                let Ok(text) = std::fs::read_to_string(file) else { return Ok(None) };
                let Ok(addresses) = serde_json::from_str::<Addresses>(&text) else { return Ok(None) };
                Ok(is_alive(addresses.local).await.then_some(addresses))
            }
        })
        .await;
        self.child = Some(child);
        self.addresses = Some(found.with_context(|| self.last_words())?);
        Ok(())
    }

    /// Starts it and waits until it serves or ends; how it ended, in that case.
    ///
    /// # Errors
    /// When it does neither within half a minute.
    pub async fn try_start(&mut self) -> Result<Option<ExitStatus>> {
        ensure!(self.child.is_none(), "the hub runs already");
        let _ = std::fs::remove_file(self.addresses_file());
        let mut child = self.command("serve")?.spawn().context("careplan-hub")?;
        let begun = tokio::time::Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            let text = std::fs::read_to_string(self.addresses_file()).unwrap_or_default();
            if let Ok(addresses) = serde_json::from_str(&text) {
                (self.child, self.addresses) = (Some(child), Some(addresses));
                return Ok(None);
            }
            tokio::time::sleep(Duration::from_millis(4)).await;
        }
        bail!("the hub is not ready within 30 s\n{}", self.last_words())
    }

    /// Waits until it has ended by itself, at most so long; how it ended, if it did.
    ///
    /// # Errors
    /// When the system does not say.
    pub async fn ended(&mut self, wait: Duration) -> Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else { return Ok(None) };
        let ended = match tokio::time::timeout(wait, child.wait()).await {
            Ok(status) => Some(status?),
            Err(_) => None,
        };
        if ended.is_some() {
            self.child = None;
        }
        Ok(ended)
    }

    /// Ends it as an operator does and waits for its end.
    ///
    /// # Errors
    /// When it does not end within half a minute.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        let mut child = self.child.take().context("the hub does not run")?;
        let id = child.id().context("the hub has ended")?;
        programs::run(programs::command("kill").args(["-TERM", &id.to_string()])).await?.ok()?;
        Ok(within("the hub stops", 30, child.wait()).await??)
    }

    /// Ends it without a warning, as `kill -9` does.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the hub does not run")?;
        child.start_kill()?;
        within("the hub dies", 10, child.wait()).await??;
        Ok(())
    }

    /// Stops and starts it.
    ///
    /// # Errors
    /// As both.
    pub async fn restart(&mut self) -> Result<()> {
        let status = self.stop().await?;
        ensure!(status.success(), "the hub ended with {status}\n{}", self.last_words());
        self.start().await
    }

    /// Kills and starts it.
    ///
    /// # Errors
    /// As both.
    pub async fn kill_and_start(&mut self) -> Result<()> {
        self.kill().await?;
        self.start().await
    }

    /// A command of careplan-hub on this hub's configuration; what it says goes to `hub.log`.
    ///
    /// # Errors
    /// When the program was not built or the log cannot be written.
    pub fn command(&self, what: &str) -> Result<Command> {
        let log = File::options().create(true).append(true).open(self.log_file())?;
        let mut command = programs::command(programs::built(self.program)?);
        command.arg(what).arg("--config").arg(self.folder.join("hub.toml"));
        for (key, value) in &self.settings {
            command.env(format!("CAREPLAN_HUB__{key}"), value);
        }
        match &self.failpoints {
            Some(plan) => command.env("FAILPOINTS", plan),
            None => command.env_remove("FAILPOINTS"),
        };
        command.stdout(Stdio::from(log.try_clone()?)).stderr(Stdio::from(log));
        Ok(command)
    }

    /// Where mutual TLS is spoken, `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.addresses.map(|found| format!("https://{}", found.address)).unwrap_or_default()
    }

    /// Where mutual TLS is spoken.
    ///
    /// # Errors
    /// When it was never started.
    pub fn address(&self) -> Result<SocketAddr> {
        self.addresses.map(|found| found.address).context("the hub was never started")
    }

    /// Where health and metrics are, `http://127.0.0.1:PORT`.
    pub fn local_url(&self) -> String {
        self.addresses.map(|found| format!("http://{}", found.local)).unwrap_or_default()
    }

    /// The process, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Whether the process still runs.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn is_running(&mut self) -> Result<bool> {
        let Some(child) = &mut self.child else { return Ok(false) };
        if child.try_wait()?.is_some() {
            self.child = None;
        }
        Ok(self.child.is_some())
    }

    /// Sets its clock: an instant, or an offset such as `+86400`. [`crate::World::set_clock`] also waits for it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_clock(&self, text: &str) -> Result<()> {
        let (file, new) = (self.folder.join("clock"), self.folder.join("clock.new"));
        std::fs::write(&new, format!("{text}\n"))?;
        Ok(std::fs::rename(new, file)?)
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Everything it said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// The last lines that it said.
    pub fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("hub.log")
    }

    fn addresses_file(&self) -> PathBuf {
        self.data().join("addresses.json")
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if std::env::var_os("CAREPLAN_SHOW_HUB").is_some() {
            use std::io::Write as _;
            let _ = std::io::stderr().lock().write_all(self.log().as_bytes());
        }
    }
}

/// The machine's time.
pub fn now() -> Timestamp {
    let since = UnixTime::now().as_secs();
    i64::try_from(since).ok().and_then(|since| Timestamp::from_second(since).ok()).unwrap_or_default()
}

/// A port that nobody listens on, outside the range from which outgoing connections take theirs, so that it is still free
/// when a killed hub starts again.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 400) as u16 * 50;
    for _ in 0..2000 {
        let port = 10_000 + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port")
}

async fn is_alive(local: SocketAddr) -> bool {
    let answer = crate::caller::local(&format!("http://{local}/healthz")).await;
    answer.is_ok_and(|answer| answer.status == 200)
}
