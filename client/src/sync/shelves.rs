//! Where files of OUT go when they are done with: `sent/`, `refused/`, `not-on-hub/`; and `held/`, where they wait for a
//! person, who moves their folder to `release/`. Nothing is overwritten.

mod moving;

use crate::disk;
use crate::journal::Pending;
use crate::names;
use crate::texts::local_time;
use careplan_protocol::office::Address;
use careplan_protocol::problem::Language;
use careplan_protocol::transfer::TransferId;
use jiff::Timestamp;
use moving::{move_all, put_aside, take_away};
use std::io;
use std::path::{Path, PathBuf};

/// Puts what was sent beside its receipt. A kill in between is made good by calling it again.
pub(super) fn sent(out: &Path, pending: &Pending, transfer: TransferId, receipt: &str) -> io::Result<()> {
    let shelf = sent_shelf(out, transfer, pending.intent.to);
    std::fs::create_dir_all(&shelf)?;
    disk::write(&shelf.join(RECEIPT), receipt.as_bytes())?;
    take_away(pending, &shelf)
}

/// Where the files of a transfer stand that was sent from a folder.
pub fn sent_shelf(out: &Path, transfer: TransferId, to: Address) -> PathBuf {
    out.join(SENT).join(format!("{transfer}_{to}"))
}

/// Puts files beside the receipt of the transfer that carried the same before.
pub(super) fn sent_before(
    out: &Path,
    files: &[PathBuf],
    transfer: TransferId,
    to: Address,
    receipt: &str,
) -> io::Result<()> {
    let shelf = sent_shelf(out, transfer, to);
    std::fs::create_dir_all(&shelf)?;
    disk::write(&shelf.join(RECEIPT), receipt.as_bytes())?;
    move_all(files, &shelf)
}

/// Puts files aside with the reason.
pub(super) fn refused(out: &Path, files: &[PathBuf], reason: &str, now: Timestamp) -> io::Result<()> {
    let title = files.first().map(|file| disk::name(file)).unwrap_or_default();
    let title = title.rsplit_once('.').map_or(title.as_str(), |(stem, _)| stem);
    let shelf = new_shelf(&out.join(REFUSED), &names::safe(title))?;
    put_aside(files, &shelf, &format!("{}\r\n{reason}\r\n", local_time(now)))
}

/// Puts files for an office that cannot be reached aside, and renews the list to print.
pub(super) fn not_on_hub(
    out: &Path,
    files: &[PathBuf],
    to: Address,
    reason: &str,
    now: Timestamp,
    language: Language,
) -> io::Result<()> {
    let folder = out.join(NOT_ON_HUB);
    let day = local_time(now).replace([' ', ':', '-'], "");
    let shelf = new_shelf(&folder, &format!("{to}_{day}"))?;
    put_aside(files, &shelf, &format!("{}\r\n{reason}\r\n", local_time(now)))?;
    write_text(&folder.join("list.txt"), &list(&folder, language)?)
}

/// Puts files that a person has to look at aside, with a note that says why and how to release them. Returns the name of
/// the folder.
pub(super) fn held(
    out: &Path,
    files: &[PathBuf],
    name: &str,
    findings: &str,
    now: Timestamp,
    language: Language,
) -> io::Result<String> {
    let shelf = new_shelf(&out.join(HELD), &names::safe(name))?;
    let name = disk::name(&shelf);
    let text = match language {
        Language::Japanese => format!(
            "{now}\r\n送信を保留しています。次の指摘を確かめてください。\r\n\r\n{findings}\r\n\
             このまま送ってよい場合：このフォルダー（{name}）を {HELD} から {RELEASE} へ移すか、次を実行してください。\r\n\
             \x20   careplan sync release \"{name}\" --out \"{out}\"\r\n\
             直す場合：ソフトから出力し直し、このフォルダーを削除してください。\r\n",
            now = local_time(now),
            out = out.display(),
        ),
        Language::English => format!(
            "{now}\r\nHeld back, not sent. Please look at this:\r\n\r\n{findings}\r\n\
             If it may go as it is: move this folder ({name}) from {HELD} to {RELEASE}, or run\r\n\
             \x20   careplan sync release \"{name}\" --out \"{out}\"\r\n\
             If not: export it again and delete this folder.\r\n",
            now = local_time(now),
            out = out.display(),
        ),
    };
    put_aside(files, &shelf, &text)?;
    Ok(name)
}

/// The folders in `held/`, by name.
///
/// # Errors
/// Those of the disk.
pub fn all_held(out: &Path) -> io::Result<Vec<String>> {
    let shelves = disk::entries(&out.join(HELD))?;
    Ok(shelves.iter().filter(|shelf| shelf.is_dir()).map(|shelf| disk::name(shelf)).collect())
}

/// Moves a folder from `held/` to `release/`.
///
/// # Errors
/// Those of the disk; [`io::ErrorKind::NotFound`] when nothing of this name is held.
pub fn release(out: &Path, name: &str) -> io::Result<()> {
    if !all_held(out)?.iter().any(|held| held == name) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let folder = out.join(RELEASE);
    std::fs::create_dir_all(&folder)?;
    for number in 1.. {
        let target = folder.join(names::numbered(name, number));
        if target.symlink_metadata().is_err() {
            std::fs::rename(out.join(HELD).join(name), target)?;
            break;
        }
    }
    disk::sync_folder(&folder)
}

/// The folders in `release/`, each with the files in it that are to be sent. One whose files are gone is cleared away.
pub(super) fn released(out: &Path) -> io::Result<Vec<(PathBuf, Vec<PathBuf>)>> {
    let mut all = Vec::new();
    for shelf in disk::entries(&out.join(RELEASE))?.into_iter().filter(|entry| entry.is_dir()) {
        let mut files = disk::entries(&shelf)?;
        files.retain(|file| disk::name(file) != REASON);
        match files.is_empty() {
            true => {
                let _ = std::fs::remove_file(shelf.join(REASON));
                // Whatever else stands there stays.
                let _ = std::fs::remove_dir(&shelf);
            }
            false => all.push((shelf, files)),
        }
    }
    Ok(all)
}

/// What still lies in `not-on-hub/`: whoever has sent a folder by FAX removes it, and it leaves the list next time.
fn list(folder: &Path, language: Language) -> io::Result<String> {
    let mut text = match language {
        Language::Japanese => "ハブでは届けられなかった送信（FAX・郵送等で送ってください）\r\n",
        Language::English => "Not delivered through the hub (send these by FAX or post)\r\n",
    }
    .to_owned();
    for shelf in disk::entries(folder)?.iter().filter(|entry| entry.is_dir()) {
        let name = disk::name(shelf);
        let (to, _) = name.split_once('_').unwrap_or((&name, ""));
        let reason = std::fs::read_to_string(shelf.join(REASON)).unwrap_or_default();
        let mut lines = reason.trim_start_matches('\u{feff}').lines();
        let (at, why) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        text.push_str(&format!("\r\n[ ] {to}    {at}\r\n    {why}\r\n"));
        for file in disk::entries(shelf)?.iter().map(|file| disk::name(file)).filter(|name| name != REASON) {
            text.push_str(&format!("    - {file}\r\n"));
        }
    }
    Ok(text)
}

/// A folder of this name, or a numbered one.
fn new_shelf(folder: &Path, name: &str) -> io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    for number in 1.. {
        let shelf = folder.join(names::numbered(name, number));
        match std::fs::create_dir(&shelf) {
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| shelf),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// UTF-8 with its mark, so that old editors on Windows read it.
fn write_text(path: &Path, text: &str) -> io::Result<()> {
    disk::write(path, format!("\u{feff}{text}").as_bytes())
}

/// The folders in OUT that are ours.
pub(super) const OWN: [&str; 5] = [SENT, REFUSED, NOT_ON_HUB, HELD, RELEASE];
const SENT: &str = "sent";
const REFUSED: &str = "refused";
const NOT_ON_HUB: &str = "not-on-hub";
const HELD: &str = "held";
const RELEASE: &str = "release";
const REASON: &str = "reason.txt";
const RECEIPT: &str = "receipt.jws";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_aside_stands_with_its_reason_and_on_the_list() {
        let out = tempfile::tempdir().unwrap();
        let to: Address = "1379999020-11".parse().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        for bytes in ["one", "two"] {
            let file = out.path().join("a.pdf");
            std::fs::write(&file, bytes).unwrap();
            not_on_hub(out.path(), std::slice::from_ref(&file), to, "not there", now, Language::English).unwrap();
            assert!(!file.exists());
        }
        let list = std::fs::read_to_string(out.path().join("not-on-hub/list.txt")).unwrap();
        assert_eq!(list.matches("[ ] 1379999020-11").count(), 2);
        assert_eq!(list.matches("- a.pdf").count(), 2);
        assert_eq!(list.matches("not there").count(), 2);
    }
}
