//! What lies in OUT, in heaps that go together.

use crate::disk;
use crate::fetching::STAGING;
use crate::parcels::{LocalFile, Misfit, Sorted, Unfit, sort_knowing};
use crate::sync::shelves;
use careplan_protocol::office::Address;
use careplan_protocol::standard::{Context, StandardName};
use std::io;
use std::path::{Path, PathBuf};
use unicode_normalization::UnicodeNormalization as _;

/// Files that belong together: those in OUT itself, those in the folder of one address, or those that were released.
pub(super) struct Heap {
    pub(super) to: Option<Address>,
    pub(super) files: Vec<LocalFile>,
    /// A person has looked at the warnings.
    pub(super) released: bool,
    /// They go as a whole.
    pub(super) is_folder: bool,
}

/// A folder in OUT that nothing is sent from.
#[derive(Debug)]
pub(super) struct Stray {
    pub(super) folder: PathBuf,
    pub(super) meant: Meant,
}

/// What may be meant with a folder that nothing is sent from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meant {
    /// Its name is this address, but for the way it is written.
    Address(Address),
    /// It stands in the folder of an address, whose files alone are sent.
    Inside,
    /// Something of the office's own.
    Other,
}

/// OUT itself, and every folder in it that is named like an address; and the folders that nothing is sent from.
pub(super) fn heaps(out: &Path) -> io::Result<(Vec<Heap>, Vec<Stray>)> {
    let mut own = Vec::new();
    let (mut heaps, mut strays) = (Vec::new(), Vec::new());
    for entry in disk::entries(out)? {
        let name = disk::name(&entry);
        match entry.is_dir() {
            true if name == STAGING || shelves::OWN.contains(&name.as_str()) => {}
            true => match name.parse::<Address>() {
                Ok(to) => {
                    let (folders, files): (Vec<_>, Vec<_>) =
                        disk::entries(&entry)?.into_iter().partition(|path| path.is_dir());
                    let inside = folders.into_iter().filter(|folder| !is_hidden(folder));
                    strays.extend(inside.map(|folder| Stray { folder, meant: Meant::Inside }));
                    let files = files.into_iter().filter(|path| is_for_sending(path)).map(LocalFile::new).collect();
                    heaps.push(Heap { to: Some(to), files, released: false, is_folder: true });
                }
                Err(_) if is_hidden(&entry) => {}
                Err(_) => strays.push(Stray { folder: entry, meant: meant(&name) }),
            },
            false if is_for_sending(&entry) => own.push(LocalFile::new(entry)),
            false => {}
        }
    }
    heaps.insert(0, Heap { to: None, files: own, released: false, is_folder: false });
    for (shelf, files) in shelves::released(out)? {
        // Named by its address, as `held` named it.
        let name = disk::name(&shelf);
        let to = name.split_once('_').and_then(|(to, _)| to.parse().ok());
        let files = files.into_iter().filter(|path| is_for_sending(path)).map(LocalFile::new).collect();
        heaps.push(Heap { to, files, released: true, is_folder: true });
    }
    heaps.retain(|heap| !heap.files.is_empty());
    Ok((heaps, strays))
}

impl Stray {
    /// Whether anything in it could be meant to be sent.
    pub(super) fn has_files(&self) -> bool {
        has_files(&self.folder, DEPTH)
    }
}

fn has_files(folder: &Path, depth: usize) -> bool {
    let mut entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.any(|path| is_for_sending(&path) || depth > 0 && path.is_dir() && has_files(&path, depth - 1))
}

/// An address typed with full-width characters, another stroke than `-`, or blanks.
fn meant(name: &str) -> Meant {
    let plain = |c: char| match c {
        '_' | '\u{2010}'..='\u{2015}' | '\u{2212}' | 'ー' => '-',
        c => c,
    };
    let name: String = name.nfkc().map(plain).filter(|c| !c.is_whitespace()).collect();
    name.to_uppercase().parse().map_or(Meant::Other, Meant::Address)
}

fn is_hidden(folder: &Path) -> bool {
    disk::name(folder).starts_with(['.', '~'])
}

/// Files of the system and of programs that are still writing are left alone.
fn is_for_sending(path: &Path) -> bool {
    let name = disk::name(path).to_lowercase();
    let passing = [".tmp", ".part", ".partial", ".crdownload", ".lock", ".bak"];
    path.is_file()
        && !name.starts_with(['.', '~'])
        && !passing.iter().any(|ending| name.ends_with(ending))
        && !matches!(name.as_str(), "thumbs.db" | "desktop.ini")
}

/// In OUT itself no attachment ever joins a unit by chance of the moment: it has no address there.
pub(super) fn sort_heap(desk: Address, heap: Heap, known: &Context) -> Sorted {
    if heap.is_folder {
        let known = Context { to: heap.to, ..known.clone() };
        return sort_knowing(desk, heap.files, heap.to, &known);
    }
    let is_attachment = |file: &LocalFile| matches!(StandardName::parse(&file.name), Ok(None));
    let (attachments, standard): (Vec<_>, Vec<_>) = heap.files.into_iter().partition(is_attachment);
    let mut sorted = sort_knowing(desk, standard, None, known);
    let unfit = |file| Unfit { files: vec![file], key: None, why: Misfit::NoAddress };
    sorted.unfit.extend(attachments.into_iter().map(unfit));
    sorted
}

/// So far down is looked for files that could be meant to be sent.
const DEPTH: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_written_in_another_way_is_recognised() {
        for name in ["1379999020_11", "１３７９９９９０２０－１１", "1379999020 -11", "1379999020‐11", "13a9999056ーa2"]
        {
            assert!(matches!(meant(name), Meant::Address(_)), "{name}");
        }
        for name in ["backup", "1379999020-11 (2)", "20261101", ""] {
            assert_eq!(meant(name), Meant::Other, "{name}");
        }
    }
}
