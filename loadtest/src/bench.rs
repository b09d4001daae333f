//! The measurements. One hub, one peer, the same certificates, the same connections; run in alternation.
//!
//! - [`send`]: steady sends, alone and at a rate; [`burst`]: the end of a month;
//! - [`fetch`], [`poll`], [`handshake`], [`large`]: the other rows against the peer;
//! - [`checks`]: units of the standard, checked and not;
//! - [`idle`]: event streams; [`growth`]: a store that fills; [`mixed`]: everything at once;
//! - [`count`]: so many requests and no more.

pub mod burst;
pub mod checks;
pub mod count;
pub mod fetch;
pub mod growth;
pub mod handshake;
pub mod idle;
pub mod large;
pub mod mixed;
pub mod poll;
pub mod send;

use crate::drive::{self, Ran, Span, Work};
use crate::rig::hub::Making;
use crate::rig::{Hub, Nginx, Papers, process};
use anyhow::{Context as _, Result};
use bytes::Bytes;
use careplan_protocol::office::OfficeNumber;
use indicatif::ProgressBar;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// What to measure with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The hub's program.
    pub hub: PathBuf,
    /// Where the data goes: a folder on the real disk.
    pub folder: PathBuf,
    /// Whether nginx runs beside.
    pub peer: bool,
    /// Keep-alive connections.
    pub connections: usize,
    /// Bytes of a file.
    pub file_bytes: usize,
    /// Counted seconds of a run, and warm-up seconds before.
    pub seconds: f64,
    /// Runs of each side.
    pub runs: usize,
    /// Transfers in the large store of `growth`.
    pub stored: u64,
    /// Event streams.
    pub streams: usize,
    /// Level of the hub's own log.
    pub log: String,
    /// Folder with one folder per send unit.
    pub samples: PathBuf,
    /// Smaller stores, shorter runs.
    pub quick: bool,
}

/// Everything set up.
#[derive(Debug)]
pub struct Bench {
    /// What to measure with.
    pub settings: Settings,
    /// The hub.
    pub hub: Hub,
    /// The peer.
    pub nginx: Option<Nginx>,
    /// Tells what goes on.
    pub bar: ProgressBar,
    /// The file that is sent.
    pub file: Bytes,
    /// Everybody's certificates, for more hubs.
    pub papers: Papers,
    word: u64,
    // Last: removed when the servers are gone.
    folder: TempDir,
}

impl Bench {
    /// Starts hub and peer.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn new(settings: Settings, bar: ProgressBar) -> Result<Self> {
        bar.set_message("starting hub and peer");
        process::raise_file_handles()?;
        let folder = tempfile::Builder::new().prefix("careplan-loadtest-").tempdir_in(&settings.folder)?;
        let papers = Papers::make(settings.connections)?;
        let hub = start_hub(&settings, &papers, &folder.path().join("hub"), &[]).await?;
        let nginx = match settings.peer {
            true => Some(Nginx::start(&folder.path().join("nginx"), &papers).await?),
            false => None,
        };
        let file = crate::work::file(settings.file_bytes);
        Ok(Self { settings, hub, nginx, bar, file, papers, word: 0, folder })
    }

    /// Another hub with a new, empty store, and with settings over the defaults.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn another_hub(&mut self, settings: &[(&str, &str)]) -> Result<Hub> {
        let name = self.word("hub");
        start_hub(&self.settings, &self.papers, &self.folder.path().join(name), settings).await
    }

    /// The offices, one for each connection.
    pub fn offices(&self) -> Vec<OfficeNumber> {
        self.hub.offices.iter().map(|(office, _)| *office).collect()
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A word that no run had before.
    pub fn word(&mut self, word: &str) -> String {
        self.word += 1;
        format!("{word}{}", self.word)
    }

    /// A closed run of usual length.
    pub fn closed(&self) -> Span {
        let counted = Duration::from_secs_f64(self.settings.seconds);
        Span { warm: counted / 3, counted, rate: None }
    }

    /// An open run of usual length.
    pub fn open(&self, rate: f64) -> Span {
        Span { rate: Some(rate), ..self.closed() }
    }

    /// Runs work on the hub, every connection its own office.
    ///
    /// # Errors
    /// When nothing is answered.
    pub async fn on_hub(&self, work: &Work, span: Span) -> Result<Ran> {
        self.on(&self.hub, work, span).await
    }

    /// Runs work on another hub of the same offices.
    ///
    /// # Errors
    /// When nothing is answered.
    pub async fn on(&self, hub: &Hub, work: &Work, span: Span) -> Result<Ran> {
        let doors: Vec<_> = hub.offices.iter().map(|(_, door)| door.clone()).collect();
        drive::run(&hub.server, &doors, work, span).await.context("on the hub")
    }

    /// Runs work on the peer.
    ///
    /// # Errors
    /// When nothing is answered.
    pub async fn on_peer(&self, work: &Work, span: Span) -> Result<Option<Ran>> {
        let Some(nginx) = &self.nginx else { return Ok(None) };
        drive::run(&nginx.server, &nginx.doors, work, span).await.context("on nginx").map(Some)
    }

    /// Says what is being measured.
    pub fn tell(&self, what: &str, run: usize) {
        self.bar.set_message(format!("{what}, run {} of {}", run + 1, self.settings.runs));
    }
}

async fn start_hub(settings: &Settings, papers: &Papers, folder: &Path, over: &[(&str, &str)]) -> Result<Hub> {
    let making = Making { program: &settings.hub, folder, papers, log: &settings.log, settings: over };
    Hub::start(&making).await
}
