//! Where a published log is read from: a folder, or the hub.

mod folder;
mod hub;

pub(crate) use folder::Folder;
pub(crate) use hub::FromHub;

use crate::failure::Failure;
use crate::session::Session;
use careplan_protocol::api::Tlog;
use careplan_protocol::tlog::Tile;
use careplan_protocol::tlog::verify::Source;
use clap::Args;
use std::path::PathBuf;

/// Which log.
#[derive(Debug, Clone, Args)]
pub(crate) struct SourceArguments {
    /// A copy of the hub's data/tlog, or of one epoch's folder in it; or the address of a hub [default: the hub]
    #[arg(value_name = "SOURCE")]
    source: Option<String>,
}

/// A folder or a hub.
#[derive(Debug)]
pub(crate) enum Place {
    /// A folder.
    Folder(Folder),
    /// A hub.
    Hub(Box<FromHub>),
}

impl SourceArguments {
    /// Opens it. What the hub says of itself comes with it.
    pub(crate) async fn open(&self, session: &Session) -> Result<(Place, Option<Tlog>), Failure> {
        match &self.source {
            Some(folder) if !folder.starts_with("https://") => {
                Ok((Place::Folder(Folder::open(&PathBuf::from(folder))?), None))
            }
            address => {
                let hub = match address {
                    Some(address) => session.hub_at(address)?,
                    None => session.hub()?,
                };
                let (hub, about) = FromHub::open(hub).await?;
                Ok((Place::Hub(Box::new(hub)), Some(about)))
            }
        }
    }
}

impl Source for Place {
    type Error = Failure;

    fn epochs(&mut self) -> Result<Vec<u32>, Failure> {
        match self {
            Self::Folder(folder) => folder.epochs(),
            Self::Hub(hub) => hub.epochs(),
        }
    }

    fn file(&mut self, epoch: u32, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Self::Folder(folder) => folder.file(epoch, path),
            Self::Hub(hub) => hub.file(epoch, path),
        }
    }

    fn kept(&mut self, epoch: u32) -> Result<Vec<u64>, Failure> {
        match self {
            Self::Folder(folder) => folder.kept(epoch),
            Self::Hub(hub) => hub.kept(epoch),
        }
    }

    fn partials(&mut self, epoch: u32, tile: Tile) -> Result<Vec<u16>, Failure> {
        match self {
            Self::Folder(folder) => folder.partials(epoch, tile),
            Self::Hub(_) => Ok(Vec::new()),
        }
    }
}

/// Work on a source, which may have to ask a hub, beside the runtime's own thread.
pub(crate) async fn work<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let broken = |why: tokio::task::JoinError| Failure::Refused(format!("the check broke off: {why}"));
    tokio::task::spawn_blocking(work).await.map_err(broken)?
}
