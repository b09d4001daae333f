//! The way back: everything of one generation into an empty folder, or single files of it.

use super::keys::{KEYS, Keys};
use super::manifest::{self, Manifest};
use super::piece::BackupKey;
use super::{BackupError, Generation, Mark, RESTORED, RESTORING, io_at, tlog};
use crate::store::embedded::layout::{self, Layout};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Component, Path, PathBuf};
use zeroize::Zeroizing;

/// What a restore needs.
pub struct Restoring<'a> {
    /// The backup's folder.
    pub from: PathBuf,
    /// The file of wrapped keys.
    pub keys_from: PathBuf,
    /// Which generation; the newest otherwise.
    pub generation: Option<u64>,
    /// The data folder: missing or empty.
    pub data: PathBuf,
    /// The backup key.
    pub key: Zeroizing<[u8; 32]>,
    /// The time now, by the machine.
    pub now: Timestamp,
    /// Told of all bytes and of bytes done.
    pub seen: &'a dyn Fn(u64, u64),
}

/// What came back.
#[derive(Debug, serde::Serialize)]
pub struct Restored {
    /// The backup.
    pub generation: Generation,
    /// The epoch that the first start begins.
    pub new_epoch: u32,
    /// When the keys were written down.
    pub keys_of: Timestamp,
    /// Files of days whose retention ended since: nothing opens them any more.
    pub without_key: Vec<String>,
}

/// Brings a whole generation back. The folder's first start begins a new epoch.
///
/// # Errors
/// Why not; the folder then holds nothing that a hub would start from.
pub fn restore(restoring: &Restoring<'_>) -> Result<Restored, BackupError> {
    let key = BackupKey(restoring.key.clone());
    let manifest = manifest_of(&restoring.from, restoring.generation, &key)?;
    let keys = keys_of(&restoring.keys_from, &key)?;
    let layout = Layout::new(restoring.data.clone());
    let data = &restoring.data;
    empty(data)?;
    room(data, manifest.told().bytes)?;
    layout::replace(&data.join(RESTORING), b"").map_err(io_at(data))?;
    layout.make().map_err(io_at(data))?;
    for (path, text) in &keys.files {
        let target = inside(data, path)?;
        let bytes = STANDARD.decode(text).map_err(|_| sealed(&restoring.keys_from))?;
        layout::replace(&target, &bytes).map_err(io_at(&target))?;
    }
    let total = manifest.told().bytes;
    for path in manifest.files.keys() {
        file(&restoring.from, &manifest, path, &inside(data, path)?, &key, &|bytes| (restoring.seen)(total, bytes))?;
    }
    for path in manifest.tlog.keys() {
        let bytes = tlog::of(&manifest, path).ok_or_else(|| sealed(&restoring.from))?;
        tlog::write(&inside(data, path)?, &bytes)?;
    }
    log_mark(&layout, &manifest)?;
    let minutes = (restoring.now.as_second() - FIRST_MINUTE).div_euclid(60);
    // Unused by the hub that was lost, whatever it did since: its epochs count up by one.
    let new_epoch = u32::try_from(minutes).unwrap_or(0).max(manifest.epoch + 1);
    let mark = Mark { version: 1, epoch: new_epoch, next: manifest.next, taken_at: manifest.taken_at };
    let json = serde_json::to_vec(&mark).map_err(|error| io_at(data)(error.into()))?;
    layout::replace(&data.join(RESTORED), &json).map_err(io_at(data))?;
    layout::remove(&data.join(RESTORING)).map_err(io_at(data))?;
    let has_key = |day: &str| keys.files.contains_key(&format!("keys/day/{day}.key"));
    let of_day = |path: &str| {
        path.split('/')
            .nth(1)
            .filter(|_| path.starts_with("bodies/") || path.starts_with("segments/"))
            .map(str::to_owned)
    };
    let mut without_key: Vec<String> =
        manifest.files.keys().filter_map(|path| of_day(path)).filter(|day| !has_key(day)).collect();
    without_key.dedup();
    Ok(Restored { generation: manifest.told(), new_epoch, keys_of: keys.taken_at, without_key })
}

/// Brings single files back, to where they are wanted; false for one that the backup does not have. Keys come from the file
/// of keys.
///
/// # Errors
/// When the backup cannot be read or the disk refuses.
pub fn single(
    from: &Path,
    keys_from: Option<&Path>,
    key: &Zeroizing<[u8; 32]>,
    path: &str,
    target: &Path,
) -> Result<bool, BackupError> {
    let key = BackupKey(key.clone());
    if path.starts_with("keys/") {
        let Some(keys_from) = keys_from else { return Ok(false) };
        let keys = keys_of(keys_from, &key)?;
        let Some(text) = keys.files.get(path) else { return Ok(false) };
        let bytes = STANDARD.decode(text).map_err(|_| sealed(keys_from))?;
        layout::replace(target, &bytes).map_err(io_at(target))?;
        return Ok(true);
    }
    // The newest that has it.
    for number in manifest::numbers(from)?.into_iter().rev() {
        let manifest = Manifest::read(from, number, &key)?;
        if let Some(bytes) = tlog::of(&manifest, path) {
            tlog::write(target, &bytes)?;
            return Ok(true);
        }
        if manifest.files.contains_key(path) {
            file(from, &manifest, path, target, &key, &|_| {})?;
            return Ok(true);
        }
    }
    Ok(false)
}

fn manifest_of(from: &Path, generation: Option<u64>, key: &BackupKey) -> Result<Manifest, BackupError> {
    let numbers = manifest::numbers(from)?;
    let newest = numbers.last().copied().ok_or_else(|| BackupError::None(from.to_owned()))?;
    let number = generation.unwrap_or(newest);
    match numbers.contains(&number) {
        true => Manifest::read(from, number, key),
        false => Err(BackupError::Place(format!("there is no generation {number}; there are {numbers:?}"))),
    }
}

fn keys_of(path: &Path, key: &BackupKey) -> Result<Keys, BackupError> {
    let json = key.open_file(KEYS, path)?;
    let keys: Option<Keys> = serde_json::from_slice(&json).ok();
    keys.filter(|keys| keys.version == 1).ok_or_else(|| sealed(path))
}

/// Writes one file from its pieces, each verified, and syncs it.
fn file(
    from: &Path,
    manifest: &Manifest,
    path: &str,
    target: &Path,
    key: &BackupKey,
    seen: &dyn Fn(u64),
) -> Result<(), BackupError> {
    let Some(kept) = manifest.files.get(path) else { return Ok(()) };
    if path.starts_with("tlog/") {
        tlog::parent(target)?;
    } else if let Some(parent) = target.parent() {
        layout::make_folder(parent).map_err(io_at(parent))?;
    }
    let beside = target.with_added_extension("new");
    let written = layout::private(&beside, true).map_err(io_at(&beside))?;
    let mut writer = io::BufWriter::with_capacity(1 << 20, written);
    for piece in &kept.pieces {
        let pack = manifest::pack_path(from, &piece.pack);
        let mut source = File::open(&pack).map_err(io_at(&pack))?;
        source.seek(SeekFrom::Start(piece.at)).map_err(io_at(&pack))?;
        let mut source = io::BufReader::with_capacity(1 << 20, source);
        let mut failed = None;
        let opened = key.open(&piece.name(path), piece.to - piece.from, &mut source, &mut |plain| {
            seen(plain.len() as u64);
            writer.write_all(plain).inspect_err(|error| failed = Some(io::Error::from(error.kind())))
        });
        if let Some(cause) = failed {
            return Err(io_at(&beside)(cause));
        }
        if !opened.is_ok_and(|sha256| sha256 == piece.sha256.0) {
            return Err(BackupError::Sealed { place: format!("{} at {}, {path}", pack.display(), piece.at) });
        }
    }
    let written = writer.into_inner().map_err(|error| io_at(&beside)(error.into_error()))?;
    written.sync_all().map_err(io_at(&beside))?;
    std::fs::rename(&beside, target).map_err(io_at(target))?;
    target.parent().map_or(Ok(()), layout::sync_folder).map_err(io_at(target))
}

/// Says how far the restored log is durable: as far as the backup has it.
fn log_mark(layout: &Layout, manifest: &Manifest) -> Result<(), BackupError> {
    let logs: Vec<(&str, u64)> = manifest
        .files
        .iter()
        .filter_map(|(path, kept)| Some((path.strip_prefix("log/")?.strip_suffix(".log")?, kept.length())))
        .collect();
    let Some((month, length)) = logs.last() else { return Ok(()) };
    let next = manifest.copied;
    let json = serde_json::json!({ "version": 1, "month": month, "length": length, "next": next }).to_string();
    let mark = layout.log().join("synced");
    layout::replace(&mark, json.as_bytes()).map_err(io_at(&mark))
}

/// The folder is missing or empty, or was left by a restore that broke off: its remains go.
fn empty(data: &Path) -> Result<(), BackupError> {
    std::fs::create_dir_all(data).map_err(io_at(data))?;
    let half = data.join(RESTORING).exists();
    for entry in std::fs::read_dir(data).map_err(io_at(data))? {
        let path = entry.map_err(io_at(data))?.path();
        if !half {
            let what = format!(
                "{} is not empty: restore only goes into an empty folder; move the old one aside, it may still be needed",
                data.display()
            );
            return Err(BackupError::Place(what));
        }
        if path.ends_with(RESTORING) {
            continue;
        }
        let gone = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        gone.map_err(io_at(&path))?;
    }
    Ok(())
}

fn room(data: &Path, needed: u64) -> Result<(), BackupError> {
    let about = rustix::fs::statvfs(data).map_err(|error| io_at(data)(error.into()))?;
    let free = about.f_bavail * about.f_frsize;
    if needed > free { Err(BackupError::Full { place: data.to_owned(), needed, free }) } else { Ok(()) }
}

/// A path of the backup, in the data folder and nowhere else.
fn inside(data: &Path, path: &str) -> Result<PathBuf, BackupError> {
    let good = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if good { Ok(data.join(path)) } else { Err(BackupError::Place(format!("{path} is no path of a data folder"))) }
}

fn sealed(place: &Path) -> BackupError {
    BackupError::Sealed { place: place.display().to_string() }
}

/// 2026-01-01T00:00:00Z.
const FIRST_MINUTE: i64 = 1_767_225_600;
