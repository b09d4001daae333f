//! What a run adds: seals what is new, pack by pack, and reads it back.

use super::manifest::{self, Kept, Manifest, Piece};
use super::piece::{BackupKey, Pack, sealed_length};
use super::plan::Plan;
use super::take::Taking;
use super::{BackupError, io_at};
use crate::store::embedded::layout::{self, Layout};
use crate::store::embedded::shrink;
use aws_lc_rs::digest::{SHA256, digest};
use careplan_protocol::transfer::Sha256;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) taking: &'a Taking<'a>,
    pub(super) layout: &'a Layout,
    pub(super) key: &'a BackupKey,
    pub(super) last: Option<&'a Manifest>,
    pub(super) generation: u64,
}

impl Run<'_> {
    /// Seals what is new and reads it back. Files whose day ended meanwhile are left out.
    pub(super) fn pieces(&self, plan: &Plan) -> Result<(BTreeMap<String, Kept>, u64), BackupError> {
        let (mut files, mut new) = (BTreeMap::new(), Vec::new());
        for (path, to) in &plan.files {
            let source = self.layout.data().join(path);
            let file = match shrink::open(&source) {
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
        let mut file = match shrink::open(&source) {
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

/// SHA-256 of the last bytes before a place.
pub(super) fn tail(file: &File, to: u64) -> io::Result<Sha256> {
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

/// Left free beside what the pieces need: manifest and keys.
const MARGIN: u64 = 16 << 20;
