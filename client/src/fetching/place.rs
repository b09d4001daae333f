//! Which file gets which name, and giving it without overwriting anything.

use crate::disk;
use crate::fetching::record::{Record, RecordFile};
use crate::fetching::{Destination, FetchError, STAGING};
use crate::names;
use careplan_protocol::api::{File, Transfer};
use careplan_protocol::standard::StandardName;
use careplan_protocol::transfer::{Sha256, TransferId};
use std::io;
use std::path::{Path, PathBuf};

/// How files lie in the folder they go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Each transfer in `<from>_<transfer>/`.
    Folders,
    /// Standard files side by side under their exact names, attachments in `<from>_<transfer>/`.
    Flat,
}

/// A file and the place it should get.
#[derive(Debug)]
pub(super) struct Planned<'a> {
    pub(super) file: &'a File,
    pub(super) path: PathBuf,
}

/// The place of every file of a transfer.
pub(super) fn plan<'a>(transfer: &'a Transfer, to: &Destination) -> Vec<Planned<'a>> {
    let own_folder = to.folder.join(format!("{}_{}", transfer.from, transfer.id));
    let names = names::safe_all(transfer.files.iter().map(|file| file.name.as_str()));
    let place = |(file, name): (&'a File, String)| {
        let path = match to.layout == Layout::Flat && is_standard(&file.name) {
            true => to.folder.join(&file.name),
            false => own_folder.join(name),
        };
        Planned { file, path }
    };
    transfer.files.iter().zip(names).map(place).collect()
}

/// Names of standard files hold office numbers, digits and a known prefix: nothing that a path could be made of.
fn is_standard(name: &str) -> bool {
    matches!(StandardName::parse(name), Ok(Some(_)))
}

/// Whether these bytes stand there.
pub(super) fn is_there(path: &Path, sha256: Sha256) -> io::Result<bool> {
    match disk::digest(path) {
        Ok((_, found)) => Ok(found == sha256),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(why) => Err(why),
    }
}

/// Refuses while a standard file's exact name is taken by other bytes.
pub(super) fn refuse_taken_names(transfer: &Transfer, to: &Destination) -> Result<(), FetchError> {
    for planned in plan(transfer, to) {
        if planned.path.symlink_metadata().is_ok() && !is_there(&planned.path, planned.file.sha256)? {
            return Err(FetchError::NameTaken(planned.path));
        }
    }
    Ok(())
}

/// Where a file stands until it is verified and all of its transfer are.
pub(super) fn part(folder: &Path, transfer: TransferId, n: u16) -> PathBuf {
    folder.join(STAGING).join(format!("{transfer}_{n}.part"))
}

/// Gives staged files their names, noting each, so that one that the care software has taken since is not brought again
/// when a later one has to wait.
pub(super) fn place(
    record: &mut Record,
    exact: bool,
    note: impl Fn(&Record) -> io::Result<()>,
) -> Result<(), FetchError> {
    for index in 0..record.files.len() {
        let file = &record.files[index];
        if file.placed {
            continue;
        }
        let part = part(&record.folder, record.transfer, file.n);
        let folder = disk::parent(&file.path).to_owned();
        if folder != record.folder {
            make_folder(&folder)?;
        }
        let path = free_place(&part, file, exact)?;
        // Before the note: a power cut must not leave the note alone.
        disk::sync_folder(&folder)?;
        disk::sync_folder(&record.folder)?;
        record.files[index].path = path;
        record.files[index].placed = true;
        // The last note is that of the whole transfer.
        if index + 1 < record.files.len() {
            note(record)?;
        }
    }
    Ok(())
}

/// Makes the folder of a transfer's attachments. The folder above it is there: if it is not, a share was lost.
fn make_folder(folder: &Path) -> io::Result<()> {
    match std::fs::create_dir(folder) {
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        made => made,
    }
}

/// The wanted name, or a numbered one where names need not be exact.
fn free_place(part: &Path, file: &RecordFile, exact: bool) -> Result<PathBuf, FetchError> {
    let (folder, name) = (disk::parent(&file.path), disk::name(&file.path));
    for number in 1.. {
        let path = folder.join(names::numbered(&name, number));
        match disk::place(part, &path) {
            Ok(()) => return Ok(path),
            Err(why) if why.kind() != io::ErrorKind::AlreadyExists => return Err(why.into()),
            Err(_) if disk::digest(&path)?.1 == file.sha256 => {
                std::fs::remove_file(part)?;
                return Ok(path);
            }
            Err(_) if exact => return Err(FetchError::NameTaken(path)),
            Err(_) => {}
        }
    }
    Err(FetchError::NameTaken(file.path.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use careplan_protocol::transfer::{Class, State};

    const PLAN: &str = "UPPLAN_202610_1379999012_43_1379999020_11_20260925090001.CSV";

    fn transfer(names: &[&str]) -> Transfer {
        let digest = |name: &str| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, name.as_bytes());
        let file = |(index, name): (usize, &&str)| File {
            n: index as u16 + 1,
            name: (*name).to_owned(),
            size: name.len() as u64,
            sha256: Sha256(digest(name).as_ref().try_into().unwrap()),
        };
        Transfer {
            id: TransferId { epoch: 1, position: 7 },
            from: "1379999012-43".parse().unwrap(),
            from_name: String::new(),
            to: "1379999020-11".parse().unwrap(),
            to_name: String::new(),
            class: Class::Register,
            month: "2026-10".parse().unwrap(),
            month_by_acceptance: false,
            accepted_month: "2026-10".parse().unwrap(),
            stamp: None,
            message: String::new(),
            files: names.iter().enumerate().map(file).collect(),
            file_count: names.len() as u32,
            bytes: 0,
            state: State::Accepted,
            accepted_at: jiff::Timestamp::UNIX_EPOCH,
            fetched_at: None,
            all_fetched_at: None,
            acknowledgement: None,
            recalled_at: None,
            retained_until: "2026-12-31".parse().unwrap(),
            marks: None,
            late: false,
            warnings: Vec::new(),
            delivery_receipts: Vec::new(),
        }
    }

    /// Stages every file with its name as its bytes, and places all.
    fn place_all(transfer: &Transfer, to: &Destination) -> Result<Vec<String>, FetchError> {
        let mut record = Record::begin(transfer, to, jiff::Timestamp::UNIX_EPOCH);
        std::fs::create_dir_all(to.folder.join(STAGING)).unwrap();
        for planned in plan(transfer, to) {
            let (n, size, sha256) = (planned.file.n, planned.file.size, planned.file.sha256);
            std::fs::write(part(&to.folder, transfer.id, n), &planned.file.name).unwrap();
            record.files.push(RecordFile { n, size, sha256, path: planned.path, placed: false });
        }
        place(&mut record, to.exact, |_| Ok(()))?;
        let placed = record.files.clone();
        place(&mut record, to.exact, |_| Ok(()))?;
        assert_eq!(record.files, placed, "placing again does nothing");
        let relative = |file: &RecordFile| file.path.strip_prefix(&to.folder).unwrap().to_string_lossy().into_owned();
        Ok(placed.iter().map(relative).collect())
    }

    #[test]
    fn standard_files_lie_flat_and_attachments_in_a_folder_of_their_transfer() {
        let folder = tempfile::tempdir().unwrap();
        let to = Destination { folder: folder.path().to_owned(), layout: Layout::Flat, exact: true, marker: None };
        let own = format!("1379999012-43_{}", TransferId { epoch: 1, position: 7 });
        let placed = place_all(&transfer(&[PLAN, "../con.pdf", "写真.jpg"]), &to).unwrap();
        assert_eq!(placed, [PLAN.to_owned(), format!("{own}/.._con.pdf"), format!("{own}/写真.jpg")]);
    }

    #[test]
    fn an_exact_name_waits_and_another_gets_a_number() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(PLAN), "other bytes").unwrap();
        let mut to = Destination { folder: folder.path().to_owned(), layout: Layout::Flat, exact: true, marker: None };
        assert!(matches!(refuse_taken_names(&transfer(&[PLAN]), &to), Err(FetchError::NameTaken(_))));
        assert!(matches!(place_all(&transfer(&[PLAN]), &to), Err(FetchError::NameTaken(_))));
        to.exact = false;
        let numbered = PLAN.replace(".CSV", " (2).CSV");
        assert_eq!(place_all(&transfer(&[PLAN]), &to).unwrap(), std::slice::from_ref(&numbered));
        assert_eq!(place_all(&transfer(&[PLAN]), &to).unwrap(), [numbered], "the same bytes need no third name");
        assert_eq!(std::fs::read_to_string(folder.path().join(PLAN)).unwrap(), "other bytes");
    }
}
