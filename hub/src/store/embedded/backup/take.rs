//! A run: plans, seals what is new, reads it back, replaces the keys, writes the manifest, lets old generations go.

use super::manifest::{self, Kept, Manifest, Piece};
use super::piece::{BackupKey, Pack, sealed_length};
use super::plan::{Plan, plan};
use super::{BackupError, io_at};
use crate::clock::{SharedClock, SharedRandomness};
use crate::store::embedded::layout::{self, Layout};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use careplan_protocol::transfer::Sha256;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt;
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

/// The wrapped keys as the one file holds them.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Keys {
    pub(super) version: u8,
    pub(super) taken_at: Timestamp,
    /// By path in the data folder, base64.
    pub(super) files: BTreeMap<String, String>,
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
        tlog: planned.tlog.iter().map(|(path, bytes)| (path.clone(), STANDARD.encode(bytes))).collect(),
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

struct Run<'a> {
    taking: &'a Taking<'a>,
    layout: &'a Layout,
    key: &'a BackupKey,
    last: Option<&'a Manifest>,
    generation: u64,
}

impl Run<'_> {
    /// Seals what is new and reads it back. Files whose day ended meanwhile are left out.
    fn pieces(&self, plan: &Plan) -> Result<(BTreeMap<String, Kept>, u64), BackupError> {
        let (mut files, mut new) = (BTreeMap::new(), Vec::new());
        for (path, to) in &plan.files {
            let source = self.layout.data().join(path);
            let file = match File::open(&source) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(io_at(&source))?,
            };
            let known = self.known(path, &file, *to);
            let from = known.last().map_or(0, |piece| piece.to);
            let tail = tail(&file, *to).map_err(io_at(&source))?;
            files.insert(path.clone(), Kept { pieces: known, tail });
            if from < *to || (*to == 0 && from == 0) {
                new.push((path.clone(), from, *to));
            }
        }
        let added: u64 = new.iter().map(|(_, from, to)| sealed_length(to - from)).sum();
        self.has_room(added)?;
        // One pack is open at a time.
        new.sort_by(|(one, ..), (other, ..)| (pack_of(one), one).cmp(&(pack_of(other), other)));
        let mut made = Vec::new();
        for run in new.chunk_by(|(one, ..), (other, ..)| pack_of(one) == pack_of(other)) {
            let name = run.first().map_or("log", |(path, ..)| pack_of(path));
            let mut pack = self.begin(name)?;
            for (path, from, to) in run {
                match self.put(&mut pack, name, path, *from, *to)? {
                    Some(piece) => made.push((path.clone(), piece)),
                    None => drop(files.remove(path)),
                }
                (self.taking.seen)(added * 2, sealed_length(to - from));
            }
            let path = pack.path.clone();
            pack.end().map_err(io_at(&path))?;
        }
        let folder = self.packs();
        if folder.exists() {
            layout::sync_folder(&folder)
                .and_then(|()| layout::sync_folder(&self.taking.to.join("packs")))
                .map_err(io_at(&folder))?;
        }
        for (path, piece) in made {
            self.read_back(&path, &piece)?;
            (self.taking.seen)(added * 2, sealed_length(piece.to - piece.from));
            if let Some(kept) = files.get_mut(&path) {
                kept.pieces.push(piece);
            }
        }
        Ok((files, added))
    }

    /// What earlier runs have of a file, if it is still the same and they still have it.
    fn known(&self, path: &str, file: &File, to: u64) -> Vec<Piece> {
        let Some(kept) = self.last.and_then(|last| last.files.get(path)) else { return Vec::new() };
        let length = kept.length();
        let same = length > 0 && length <= to && tail(file, length).is_ok_and(|tail| tail == kept.tail);
        let there = |piece: &Piece| manifest::pack_path(&self.taking.to, &piece.pack).exists();
        // A file that is replaced as a whole is taken anew.
        let grows = path != "snapshot";
        if same && grows && kept.pieces.iter().all(there) { kept.pieces.clone() } else { Vec::new() }
    }

    fn has_room(&self, needed: u64) -> Result<(), BackupError> {
        let about = rustix::fs::statvfs(&self.taking.to).map_err(|error| io_at(&self.taking.to)(error.into()))?;
        let free = about.f_bavail * about.f_frsize;
        match needed + MARGIN > free {
            true => Err(BackupError::Full { place: self.taking.to.clone(), needed: needed + MARGIN, free }),
            false => Ok(()),
        }
    }

    fn packs(&self) -> PathBuf {
        self.taking.to.join("packs").join(format!("{:08}", self.generation))
    }

    fn begin(&self, name: &str) -> Result<Pack, BackupError> {
        let folder = self.packs();
        layout::make_folder(&folder).map_err(io_at(&folder))?;
        let path = manifest::pack_path(&self.taking.to, &format!("{:08}/{name}", self.generation));
        Pack::begin(path.clone()).map_err(io_at(&path))
    }

    fn put(&self, pack: &mut Pack, name: &str, path: &str, from: u64, to: u64) -> Result<Option<Piece>, BackupError> {
        let source = self.layout.data().join(path);
        let mut file = match File::open(&source) {
            // Its day ended meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(io_at(&source))?,
        };
        file.seek(SeekFrom::Start(from)).map_err(io_at(&source))?;
        let mut piece =
            Piece { from, to, pack: format!("{:08}/{name}", self.generation), at: pack.at, sha256: Sha256([0; 32]) };
        let mut from = file.take(to - from);
        let sealed = pack.put(self.key, &piece.name(path), to - piece.from, &mut from, &self.taking.randomness);
        piece.sha256 = Sha256(sealed.map_err(io_at(&source))?);
        Ok(Some(piece))
    }

    fn read_back(&self, path: &str, piece: &Piece) -> Result<(), BackupError> {
        let pack = manifest::pack_path(&self.taking.to, &piece.pack);
        let mut file = File::open(&pack).map_err(io_at(&pack))?;
        file.seek(SeekFrom::Start(piece.at)).map_err(io_at(&pack))?;
        let mut reader = io::BufReader::with_capacity(1 << 20, file);
        let read = self.key.open(&piece.name(path), piece.to - piece.from, &mut reader, &mut |_| Ok(()));
        match read.is_ok_and(|sha256| sha256 == piece.sha256.0) {
            true => Ok(()),
            false => Err(BackupError::Sealed { place: format!("{} (read back after writing)", pack.display()) }),
        }
    }
}

/// Replaces the one file of wrapped keys.
fn keys(run: &Run<'_>) -> Result<(), BackupError> {
    let mut files = BTreeMap::new();
    for folder in ["keys", "keys/day", "keys/month", "keys/receipt"] {
        let path = run.layout.data().join(folder);
        for entry in std::fs::read_dir(&path).map_err(io_at(&path))? {
            let path = entry.map_err(io_at(&path))?.path();
            let is_key =
                path.extension().is_some_and(|ending| ["key", "json", "check"].iter().any(|known| ending == *known));
            if is_key && let Some(bytes) = layout::read(&path).map_err(io_at(&path))? {
                files.insert(run.layout.shown(&path), STANDARD.encode(bytes));
            }
        }
    }
    let keys = Keys { version: 1, taken_at: run.taking.clock.now(), files };
    let path = &run.taking.keys_to;
    let json = serde_json::to_vec(&keys).map_err(|error| io_at(path)(error.into()))?;
    run.key.seal_file(KEYS, &json, path, &run.taking.randomness)
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

/// Lets go all but the newest generations, then what none of these names.
fn prune(folder: &Path, keep: usize, key: &BackupKey) -> Result<Vec<u64>, BackupError> {
    let numbers = manifest::numbers(folder)?;
    let over = numbers.len().saturating_sub(keep);
    for number in numbers.iter().take(over) {
        let path = manifest::path(folder, *number);
        layout::remove(&path).map_err(io_at(&path))?;
    }
    let kept: Vec<u64> = numbers.into_iter().skip(over).collect();
    clear(folder, &kept, key)?;
    Ok(kept)
}

/// Removes packs that no generation names: of generations that went, or of a run that broke off.
fn clear(folder: &Path, numbers: &[u64], key: &BackupKey) -> Result<(), BackupError> {
    let mut named = BTreeSet::new();
    for number in numbers {
        // One that cannot be opened keeps everything: nothing is thrown away on a guess.
        let Ok(manifest) = Manifest::read(folder, *number, key) else { return Ok(()) };
        named.extend(manifest.packs().into_iter().map(|pack| manifest::pack_path(folder, pack)));
    }
    let packs = folder.join("packs");
    for entry in std::fs::read_dir(&packs).map_err(io_at(&packs))? {
        let of_run = entry.map_err(io_at(&packs))?.path();
        for pack in std::fs::read_dir(&of_run).map_err(io_at(&of_run))? {
            let pack = pack.map_err(io_at(&of_run))?.path();
            if !named.contains(&pack) {
                std::fs::remove_file(&pack).map_err(io_at(&pack))?;
            }
        }
        // Only an empty folder goes.
        let _ = std::fs::remove_dir(&of_run);
    }
    Ok(())
}

/// SHA-256 of the last bytes before a place.
fn tail(file: &File, to: u64) -> io::Result<Sha256> {
    let from = to.saturating_sub(4096);
    let mut bytes = vec![0; (to - from) as usize];
    file.read_exact_at(&mut bytes, from)?;
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, &bytes).as_ref());
    Ok(Sha256(hash))
}

/// The pack of a file: its day's, or the log's.
fn pack_of(path: &str) -> &str {
    match path.split('/').collect::<Vec<_>>().as_slice() {
        [_, day, _] => day,
        _ => "log",
    }
}

const MOST_TRIES: u32 = 5;
/// What the file of keys is sealed under.
pub(super) const KEYS: &str = "keys";
/// Left free beside what the pieces need: manifest and keys.
const MARGIN: u64 = 16 << 20;
