//! The log as a hub serves it, read ahead a little.

use crate::failure::Failure;
use crate::hub::Hub;
use careplan_protocol::api;
use careplan_protocol::routes::TLOG;
use careplan_protocol::tlog::Tile;
use std::collections::{HashMap, VecDeque};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// A hub.
#[derive(Debug)]
pub(crate) struct FromHub {
    hub: Hub,
    handle: Handle,
    epochs: Vec<u32>,
    /// The size of the tree that was asked for last.
    size: u64,
    ahead: HashMap<String, JoinHandle<Read>>,
    order: VecDeque<String>,
}

impl FromHub {
    /// Asks the hub which epochs there are.
    pub(crate) async fn open(hub: Hub) -> Result<(Self, api::Tlog), Failure> {
        let about: api::Tlog = hub.get(TLOG, &()).await?;
        let epochs = about.epochs.iter().map(|epoch| epoch.epoch).collect();
        let handle = Handle::current();
        Ok((Self { hub, handle, epochs, size: 0, ahead: HashMap::new(), order: VecDeque::new() }, about))
    }

    /// The epochs.
    pub(super) fn epochs(&self) -> Result<Vec<u32>, Failure> {
        Ok(self.epochs.clone())
    }

    /// A file; `None` when the hub has none.
    pub(super) fn file(&mut self, epoch: u32, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        let whole = format!("{TLOG}/{epoch}/{path}");
        if let Ok(tile) = path.parse::<Tile>() {
            self.read_ahead(epoch, tile);
        }
        let begun = self.ahead.remove(&whole);
        let bytes = match begun {
            Some(begun) => self.handle.block_on(begun).map_err(|why| Failure::Refused(why.to_string()))??,
            None => self.handle.block_on(read(&self.hub, &whole))?,
        };
        if path == "checkpoint" {
            self.size = bytes.as_deref().and_then(size).unwrap_or(0);
        }
        Ok(bytes)
    }

    /// The sizes of kept checkpoints.
    pub(super) fn kept(&mut self, epoch: u32) -> Result<Vec<u64>, Failure> {
        self.handle.block_on(self.hub.get(&format!("{TLOG}/{epoch}/checkpoints"), &()))
    }

    /// Full tiles are mostly followed by the next ones.
    fn read_ahead(&mut self, epoch: u32, tile: Tile) {
        if !tile.is_full() {
            return;
        }
        for index in tile.index + 1..=tile.index + AHEAD {
            let next = Tile::of(tile.level.unwrap_or(0), index, self.size).filter(|next| next.is_full());
            let Some(next) = next.map(|next| Tile { level: tile.level, ..next }) else { break };
            let path = format!("{TLOG}/{epoch}/{next}");
            if self.order.contains(&path) {
                continue;
            }
            let (hub, asked) = (self.hub.clone(), path.clone());
            let begun = self.handle.spawn(async move { read(&hub, &asked).await });
            self.ahead.insert(path.clone(), begun);
            self.order.push_back(path);
            if self.order.len() > REMEMBERED {
                let _ = self.order.pop_front().and_then(|old| self.ahead.remove(&old));
            }
        }
    }
}

/// A file, or that there is none.
type Read = Result<Option<Vec<u8>>, Failure>;

async fn read(hub: &Hub, path: &str) -> Read {
    match hub.bytes(path).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(failure) if failure.is_not_found() => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The second line of a checkpoint; it only says how far to read ahead.
fn size(checkpoint: &[u8]) -> Option<u64> {
    std::str::from_utf8(checkpoint).ok()?.lines().nth(1)?.parse().ok()
}

const AHEAD: u64 = 6;
const REMEMBERED: usize = 64;
