//! What lies in OUT, in heaps that go together.

use crate::disk;
use crate::fetching::STAGING;
use crate::parcels::{LocalFile, Misfit, Sorted, Unfit, sort};
use crate::sync::shelves;
use careplan_protocol::office::Address;
use careplan_protocol::standard::StandardName;
use std::io;
use std::path::Path;

/// Files that belong together: those in OUT itself, those in the folder of one address, or those that were released.
pub(super) struct Heap {
    pub(super) to: Option<Address>,
    pub(super) files: Vec<LocalFile>,
    /// A person has looked at the warnings.
    pub(super) released: bool,
    /// They go as a whole.
    pub(super) is_folder: bool,
}

/// OUT itself, and every folder in it that is named like an address.
pub(super) fn heaps(out: &Path) -> io::Result<Vec<Heap>> {
    let mut own = Vec::new();
    let mut heaps = Vec::new();
    for entry in disk::entries(out)? {
        let name = disk::name(&entry);
        match entry.is_dir() {
            true if name == STAGING || shelves::OWN.contains(&name.as_str()) => {}
            true => {
                if let Ok(to) = name.parse::<Address>() {
                    let files = disk::entries(&entry)?.into_iter().filter(|path| is_for_sending(path));
                    let files = files.map(LocalFile::new).collect();
                    heaps.push(Heap { to: Some(to), files, released: false, is_folder: true });
                }
            }
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
    Ok(heaps)
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
pub(super) fn sort_heap(desk: Address, heap: Heap) -> Sorted {
    if heap.is_folder {
        return sort(desk, heap.files, heap.to);
    }
    let is_attachment = |file: &LocalFile| matches!(StandardName::parse(&file.name), Ok(None));
    let (attachments, standard): (Vec<_>, Vec<_>) = heap.files.into_iter().partition(is_attachment);
    let mut sorted = sort(desk, standard, None);
    let unfit = |file| Unfit { files: vec![file], key: None, why: Misfit::NoAddress };
    sorted.unfit.extend(attachments.into_iter().map(unfit));
    sorted
}
