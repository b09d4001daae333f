//! A run: plans, seals what is new, reads it back, replaces the keys, writes the manifest, lets old generations go.

use super::keys::keys;
use super::manifest::{self, Manifest};
use super::piece::BackupKey;
use super::pieces::{Run, tail};
use super::plan::plan;
use super::prune::{clear, prune};
use super::{BackupError, io_at};
use crate::clock::{SharedClock, SharedRandomness};
use crate::store::embedded::layout::{self, Layout};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use std::fs::File;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What a run needs.
pub struct Taking<'a> {
    /// The data folder.
    pub data: PathBuf,
    /// The backup's folder.
    pub to: PathBuf,
    /// The one file of wrapped keys, apart from both.
    pub keys_to: PathBuf,
    /// How many backups are kept.
    pub generations: usize,
    /// The backup key.
    pub key: Zeroizing<[u8; 32]>,
    /// The hub's name.
    pub hub: String,
    /// The clock.
    pub clock: SharedClock,
    /// The randomness.
    pub randomness: SharedRandomness,
    /// Told of bytes to write and of bytes done (each written byte counts twice: it is read back).
    pub seen: &'a dyn Fn(u64, u64),
}

/// What a run left.
#[derive(Debug, Serialize)]
pub struct Taken {
    /// Its number.
    pub generation: u64,
    /// When.
    pub taken_at: Timestamp,
    /// The epoch of its last event.
    pub epoch: u32,
    /// It holds all events before this position.
    pub next: u64,
    /// Bytes that it holds.
    pub bytes: u64,
    /// Bytes that this run added.
    pub added: u64,
    /// Damage met on the way: it is in the backup as it is, run `verify`.
    pub damage: Vec<String>,
    /// Generations that are kept, this one included.
    pub kept: Vec<u64>,
}

/// Takes a backup.
///
/// # Errors
/// Why not; the backups before it are as they were.
pub fn take(taking: &Taking<'_>) -> Result<Taken, BackupError> {
    let layout = Layout::new(taking.data.clone());
    std::fs::create_dir_all(&taking.to).map_err(io_at(&taking.to))?;
    places(taking)?;
    let _lock = lock(&taking.to)?;
    for name in ["generations", "packs"] {
        layout::make_folder(&taking.to.join(name)).map_err(io_at(&taking.to))?;
    }
    let key = BackupKey(taking.key.clone());
    let numbers = manifest::numbers(&taking.to)?;
    let last = numbers.last().map(|number| Manifest::read(&taking.to, *number, &key)).transpose()?;
    clear(&taking.to, &numbers, &key)?;
    let generation = numbers.last().unwrap_or(&0) + 1;
    let run = Run { taking, layout: &layout, key: &key, last: last.as_ref(), generation };
    let mut tries = 0;
    let (planned, files, added) = loop {
        let planned = plan(&layout, &|path, file| {
            let kept = last.as_ref()?.files.get(path)?;
            (tail(file, kept.length()).ok()? == kept.tail).then(|| kept.length())
        })?;
        let (files, added) = run.pieces(&planned)?;
        // A month that was archived and went after the plan was made: its archive is not in this plan.
        let is_whole =
            planned.files.keys().filter(|path| path.starts_with("log/")).all(|path| files.contains_key(path));
        if is_whole {
            break (planned, files, added);
        }
        tries += 1;
        if tries == MOST_TRIES {
            return Err(BackupError::Place(
                "months of the log go while they are backed up: try again later".to_owned(),
            ));
        }
    };
    keys(&run)?;
    let manifest = Manifest {
        version: manifest::VERSION,
        generation,
        hub: taking.hub.clone(),
        taken_at: taking.clock.now(),
        epoch: planned.epoch,
        next: planned.next,
        copied: planned.copied,
        tlog: planned.small.iter().map(|(path, bytes)| (path.clone(), STANDARD.encode(bytes))).collect(),
        files,
    };
    let json = serde_json::to_vec(&manifest).map_err(|error| io_at(&taking.to)(error.into()))?;
    key.seal_file(&manifest::name(generation), &json, &manifest::path(&taking.to, generation), &taking.randomness)?;
    let kept = prune(&taking.to, taking.generations.max(1), &key)?;
    let told = manifest.told();
    Ok(Taken {
        generation,
        taken_at: manifest.taken_at,
        epoch: told.epoch,
        next: told.next,
        bytes: told.bytes,
        added,
        damage: planned.damage,
        kept,
    })
}

/// Refuses places that would make the backup worthless.
fn places(taking: &Taking<'_>) -> Result<(), BackupError> {
    let real = |path: &Path| path.canonicalize().map_err(io_at(path));
    let (data, to) = (real(&taking.data)?, real(&taking.to)?);
    let parent = taking.keys_to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let keys = real(parent)?;
    let refuse = |what: &str| Err(BackupError::Place(what.to_owned()));
    if to.starts_with(&data) || data.starts_with(&to) {
        return refuse(
            "the backup must not lie in the data folder, nor the data folder in it: give --to another disk or machine",
        );
    }
    if keys.starts_with(&data) || keys.starts_with(&to) {
        return refuse(
            "the keys must lie apart from the data and from the backup: give --keys-to another place, else old backups stay readable for ever",
        );
    }
    Ok(())
}

fn lock(folder: &Path) -> Result<File, BackupError> {
    let path = folder.join("lock");
    let file = layout::private(&path, false).map_err(io_at(&path))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| BackupError::Locked(folder.to_owned()))?;
    Ok(file)
}

const MOST_TRIES: u32 = 5;
