//! Holding the office's own files against a record, by their SHA-256.

use super::Evidence;
use crate::disk;
use crate::exchanged::Direction;
use crate::names;
use crate::receipts::Match;
use careplan_protocol::api::{File, Transfer};
use careplan_protocol::standard::StandardName;
use careplan_protocol::transfer::{Sha256, TransferId};
use std::io;
use std::path::{Path, PathBuf};

/// One file of a record, and what was found of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tied {
    /// Which way it went.
    pub direction: Direction,
    /// The transfer.
    pub transfer: TransferId,
    /// The file, as the record lists it.
    pub file: File,
    /// What was found.
    pub found: Match,
}

/// A file of the office.
struct Own {
    path: PathBuf,
    size: u64,
    sha256: Sha256,
}

/// Looks in a folder and everything below it for the files of a record.
///
/// Where folders are named by their transfer, as `archive`, `fetch` and `sync` name them, the file has to stand there under
/// its name. Else files of the standard are known by their name, which no two share, and attachments by their contents. What
/// was recalled before anybody fetched it is not looked for.
///
/// # Errors
/// Those of the disk.
pub fn tie(evidence: &Evidence, folder: &Path, mut progress: impl FnMut()) -> io::Result<Vec<Tied>> {
    let mut own = Vec::new();
    read(folder, &mut own, &mut progress)?;
    let mut tied = Vec::new();
    for entry in evidence.entries.iter().filter(|entry| entry.transfer.recalled_at.is_none()) {
        let transfer = &entry.transfer;
        let sent = || transfer.files.iter().map(|file| file.name.as_str());
        let safe = names::safe_all(sent()).into_iter().zip(names::safe_all_before(sent()));
        for (file, safe) in transfer.files.iter().zip(safe) {
            let found = find(&own, transfer, file, [&safe.0, &safe.1]);
            tied.push(Tied { direction: entry.direction, transfer: transfer.id, file: file.clone(), found });
        }
    }
    Ok(tied)
}

fn find(own: &[Own], transfer: &Transfer, file: &File, safe: [&str; 2]) -> Match {
    let same = |it: &&Own| (it.size, it.sha256) == (file.size, file.sha256);
    let named = |it: &&Own| {
        let name = disk::name(&it.path);
        name == file.name || safe.contains(&name.as_str())
    };
    let in_its_folder = |it: &&Own| is_folder_of(disk::parent(&it.path), transfer.id);
    let apart: Vec<&Own> = own.iter().filter(in_its_folder).collect();
    let is_standard = matches!(StandardName::parse(&file.name), Ok(Some(_)));
    let in_place: Vec<&Own> = apart.into_iter().filter(named).collect();
    let candidates: Vec<&Own> = if !in_place.is_empty() {
        in_place
    } else if is_standard {
        own.iter().filter(|it| named(it)).collect()
    } else {
        return own.iter().find(same).map_or(Match::Missing, |it| Match::Same(it.path.clone()));
    };
    match (candidates.iter().find(|it| same(it)), candidates.first()) {
        (Some(it), _) => Match::Same(it.path.clone()),
        (None, Some(other)) => Match::Different(other.path.clone()),
        (None, None) => Match::Missing,
    }
}

/// `1-00001234-2`, `1379999020-11_1-00001234-2` or `1-00001234-2_1379999020-11`.
fn is_folder_of(folder: &Path, transfer: TransferId) -> bool {
    disk::name(folder).split('_').any(|part| part == transfer.to_string())
}

fn read(folder: &Path, own: &mut Vec<Own>, progress: &mut impl FnMut()) -> io::Result<()> {
    for path in disk::entries(folder)? {
        let kind = path.symlink_metadata()?;
        if kind.is_dir() {
            read(&path, own, progress)?;
        } else if path.is_file() {
            let (size, sha256) = disk::digest(&path)?;
            own.push(Own { path, size, sha256 });
            progress();
        }
    }
    Ok(())
}
