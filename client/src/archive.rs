//! The office's own archive of a month: what was sent and received, with the receipts, so that the records outlast the hub's
//! retention. Files come from this machine where it still has them, else once more from the hub.
//!
//! ```text
//! DIR/
//!   1379999012/2026-10/          the office, the month
//!     index.json                 what is here and what is not, for programs
//!     index.csv                  the same as a table with Japanese headings
//!     keys.json                  the hub's public receipt keys
//!     1379999020/                the partner
//!       sent/1-00001234-2/       the files as sent, receipt.jws
//!       received/1-00001240-9/   the files as received
//!   .careplan/                   lock, files on their way
//! ```
//! Every file is verified and synced before it gets its name, nothing is overwritten, and nothing in the archive tells when
//! it was made: the same month kept again is the same bytes.

mod index;
mod nearby;

pub use index::{Index, IndexFile, IndexTransfer, ReceiptKept, WhyNot};

use crate::connection::{Download, Error, Mailbox};
use crate::desk::Desk;
use crate::disk::{self, Lock};
use crate::exchanged::{Direction, Exchanged, about};
use crate::fetching::STAGING;
use crate::names;
use crate::receipts::verify;
use careplan_protocol::api::{File, Transfer};
use careplan_protocol::calendar::Month;
use careplan_protocol::problem::Code;
use careplan_protocol::receipt::{KeySet, Receipt};
use careplan_protocol::transfer::State;
use nearby::Nearby;
use std::io;
use std::path::{Path, PathBuf};

/// The archive of a month, held by this process.
#[derive(Debug)]
pub struct Archive<'a> {
    desk: &'a Desk,
    month: Month,
    folder: PathBuf,
    staging: PathBuf,
    keys: KeySet,
    exchanged: Vec<Exchanged>,
    before: Option<Index>,
    nearby: Nearby,
    trouble: Option<Error>,
    lock: Lock,
}

/// What an archive has after a run.
#[derive(Debug)]
pub struct Kept {
    /// What is there and what is not.
    pub index: Index,
    /// The folder of the month.
    pub folder: PathBuf,
    /// Files that came in this run.
    pub new_files: usize,
    /// What kept the hub from giving files that it should still have.
    pub trouble: Option<Error>,
}

/// Why nothing could be kept at all.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Another process is at it.
    #[error("another careplan archive is at work in {0}")]
    Locked(PathBuf),
    /// The index of an earlier run.
    #[error("{0} cannot be read as an archive's index: {1}; move it away and run the command again")]
    Damaged(PathBuf, serde_json::Error),
    /// The hub.
    #[error(transparent)]
    Hub(#[from] Error),
    /// This machine's disk.
    #[error("this machine's disk: {0}")]
    Disk(#[from] io::Error),
}

impl<'a> Archive<'a> {
    /// Takes the archive in `into` and asks the hub what there is about the month.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub async fn open(desk: &'a Desk, month: Month, into: &Path) -> Result<Self, ArchiveError> {
        // The hub first: without it nothing is touched.
        let (keys, exchanged) = (desk.keys().await?, about(desk, month, None).await?);
        let into = std::path::absolute(into)?;
        let staging = into.join(STAGING);
        std::fs::create_dir_all(&staging)?;
        let lock = Lock::take(&staging.join("archive.lock"))?.ok_or_else(|| ArchiveError::Locked(into.clone()))?;
        let folder = into.join(desk.office().as_str()).join(month.to_string());
        let before = Index::read(&folder.join(INDEX))?;
        let nearby = Nearby::of(&desk.profile)?;
        Ok(Self { desk, month, folder, staging, keys, exchanged, before, nearby, trouble: None, lock })
    }

    /// Bytes of everything that the month has, for whoever shows progress.
    pub fn bytes(&self) -> u64 {
        self.exchanged.iter().map(|exchanged| exchanged.transfer.bytes).sum()
    }

    /// Keeps what is not kept yet, and writes the index. `meter` is told of the bytes that are there or came.
    ///
    /// # Errors
    /// Those of the disk; what the hub does not give is no error but stands in the index with the reason.
    pub async fn keep(mut self, mut meter: impl FnMut(u64)) -> Result<Kept, ArchiveError> {
        let (mut transfers, mut new_files) = (Vec::new(), 0);
        for Exchanged { direction, transfer } in std::mem::take(&mut self.exchanged) {
            let entry = self.keep_transfer(direction, transfer, &mut new_files, &mut meter).await?;
            transfers.push(entry);
        }
        // What the hub's lists no longer name stays in ours.
        let before = self.before.take().map(|before| before.transfers).unwrap_or_default();
        let known: Vec<_> = transfers.iter().map(IndexTransfer::key).collect();
        transfers.extend(before.into_iter().filter(|entry| !known.contains(&entry.key())));
        transfers.sort_by_key(IndexTransfer::key);
        let profile = &self.desk.profile;
        let (office, office_name, hub) = (profile.office, profile.name.clone(), profile.hub.clone());
        let index = Index { version: 1, office, office_name, hub, month: self.month, transfers };
        if !index.transfers.is_empty() {
            std::fs::create_dir_all(&self.folder)?;
            renew(&self.folder.join("keys.json"), &pretty(&self.keys)?)?;
            renew(&self.folder.join("index.csv"), &index.sheet()?)?;
            renew(&self.folder.join(INDEX), &pretty(&index)?)?;
        }
        self.lock.finish();
        let _ = std::fs::remove_dir(&self.staging);
        Ok(Kept { index, folder: self.folder, new_files, trouble: self.trouble })
    }

    async fn keep_transfer(
        &mut self,
        direction: Direction,
        transfer: Transfer,
        new_files: &mut usize,
        meter: &mut impl FnMut(u64),
    ) -> Result<IndexTransfer, ArchiveError> {
        let (partner, _) = direction.partner(&transfer);
        let place = format!("{}/{}/{}", partner.office, direction.as_str(), transfer.id);
        let folder = self.folder.join(&place);
        let (kept, receipt) = self.keep_receipt(direction, &transfer, &folder)?;
        let wanted = self.files_of(direction, &transfer, receipt.as_ref());
        // The receipt's name is taken beside what was sent.
        let ours = (direction == Direction::Sent).then_some(RECEIPT);
        let given = || ours.into_iter().chain(wanted.iter().map(|file| file.name.as_str()));
        let safe = names::safe_all(given()).into_iter().zip(names::safe_all_before(given()));
        let stands = |name: &str| folder.join(name).symlink_metadata().is_ok();
        // What was kept before under a longer name stays as it is.
        let names = safe.skip(ours.iter().count()).map(|(now, before)| if stands(&before) { before } else { now });
        let names: Vec<String> = names.collect();
        let mut files = Vec::new();
        for (file, name) in wanted.into_iter().zip(names) {
            let why_not = match disagrees(&file, receipt.as_ref()) {
                true => Some(WhyNot::OtherThanReceipt),
                false => self.keep_file(direction, &transfer, &file, &folder.join(&name), new_files).await?,
            };
            meter(file.size);
            let path = why_not.is_none().then(|| format!("{place}/{name}"));
            files.push(IndexFile { n: file.n, name: file.name, size: file.size, sha256: file.sha256, path, why_not });
        }
        Ok(IndexTransfer { direction, transfer, receipt: kept, files })
    }

    /// Puts the receipt of what was sent beside its files, if its signature holds.
    fn keep_receipt(
        &self,
        direction: Direction,
        transfer: &Transfer,
        folder: &Path,
    ) -> io::Result<(ReceiptKept, Option<Receipt>)> {
        if direction == Direction::Received {
            return Ok((ReceiptKept::WithSender, None));
        }
        let path = folder.join(RECEIPT);
        let own = self.desk.profile.receipt(transfer.id);
        let stands = std::fs::read_to_string(&path).ok();
        let Some(text) = own.or_else(|| self.nearby.receipt(transfer)).or_else(|| stands.clone()) else {
            return Ok((ReceiptKept::Missing, None));
        };
        match verify(&text, &self.keys) {
            Ok(receipt) if receipt.transfer == transfer.id => {
                if stands.as_deref() != Some(&text) {
                    std::fs::create_dir_all(folder)?;
                    disk::write(&path, text.as_bytes())?;
                }
                Ok((ReceiptKept::Kept, Some(receipt)))
            }
            _ => Ok((ReceiptKept::Invalid, None)),
        }
    }

    /// The files that a transfer has: by the hub, else by its receipt, else by what was kept before.
    fn files_of(&self, direction: Direction, transfer: &Transfer, receipt: Option<&Receipt>) -> Vec<File> {
        if !transfer.files.is_empty() {
            return transfer.files.clone();
        }
        let before = self.before.iter().flat_map(|index| &index.transfers);
        if let Some(entry) = before.into_iter().find(|entry| entry.key() == (direction, transfer.id)) {
            return entry.files.iter().map(IndexFile::file).collect();
        }
        let stated = receipt.iter().flat_map(|receipt| &receipt.files);
        let named = |name: &Option<String>, n| name.clone().unwrap_or_else(|| format!("attachment-{n}"));
        stated.map(|it| File { n: it.n, name: named(&it.name, it.n), size: it.size, sha256: it.sha256 }).collect()
    }

    /// Why a file could not be kept; `None` when it stands.
    async fn keep_file(
        &mut self,
        direction: Direction,
        transfer: &Transfer,
        file: &File,
        path: &Path,
        new_files: &mut usize,
    ) -> io::Result<Option<WhyNot>> {
        if path.symlink_metadata().is_ok() {
            let stands = matches!(disk::digest(path), Ok((_, sha256)) if sha256 == file.sha256);
            return Ok((!stands).then_some(WhyNot::Altered));
        }
        let part = self.staging.join(format!("{}_{}.part", transfer.id, file.n));
        let _ = std::fs::remove_file(&part);
        let why_not = match self.nearby.find(direction, transfer, file)? {
            Some(copy) => match disk::copy(&copy, &part).and_then(|_| disk::digest(&part))? {
                (_, sha256) if sha256 == file.sha256 => None,
                _ => Some(WhyNot::Failed),
            },
            None => self.download(direction, transfer, file, &part).await?,
        };
        if why_not.is_none() {
            let folder = disk::parent(path);
            std::fs::create_dir_all(folder)?;
            disk::place(&part, path)?;
            disk::sync_folder(folder)?;
            *new_files += 1;
        }
        Ok(why_not)
    }

    async fn download(
        &mut self,
        direction: Direction,
        transfer: &Transfer,
        file: &File,
        part: &Path,
    ) -> io::Result<Option<WhyNot>> {
        // Asking for a file that nobody here has fetched yet would make it fetched.
        if direction == Direction::Received && transfer.fetched_at.is_none() && transfer.state == State::Accepted {
            return Ok(Some(WhyNot::NotFetched));
        }
        if let Some(why) = over(transfer.state) {
            return Ok(Some(why));
        }
        if self.trouble.as_ref().is_some_and(Error::is_passing) {
            return Ok(Some(WhyNot::Failed));
        }
        let mailbox = match direction {
            Direction::Sent => Mailbox::Outbox,
            Direction::Received => Mailbox::Inbox,
        };
        let mut sink = tokio::fs::File::create(part).await?;
        let what = Download { office: self.desk.office(), mailbox, transfer: transfer.id, file };
        let why = match self.desk.connection.download(what, &mut sink, |_| ()).await {
            Ok(()) => {
                sink.sync_all().await?;
                return Ok(None);
            }
            Err(Error::File(why)) => return Err(why),
            Err(why) => why,
        };
        drop(sink);
        let _ = std::fs::remove_file(part);
        Ok(Some(match &why {
            Error::Problem { problem, .. } if problem.known_code() == Some(Code::Recalled) => WhyNot::Recalled,
            Error::Problem { problem, .. } if matches!(problem.status, 404 | 410) => WhyNot::Gone,
            _ => {
                self.trouble.get_or_insert(why);
                WhyNot::Failed
            }
        }))
    }
}

/// Whether the receipt states another file than the hub lists.
fn disagrees(file: &File, receipt: Option<&Receipt>) -> bool {
    let Some(receipt) = receipt else { return false };
    let stated = receipt.files.iter().find(|stated| stated.n == file.n);
    !stated.is_some_and(|stated| {
        (stated.size, stated.sha256) == (file.size, file.sha256)
            && stated.name.as_ref().is_none_or(|name| *name == file.name)
    })
}

fn over(state: State) -> Option<WhyNot> {
    match state {
        State::Recalled => Some(WhyNot::Recalled),
        State::Expired => Some(WhyNot::Gone),
        _ => None,
    }
}

fn pretty(value: &impl serde::Serialize) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

/// Writes a file unless it says the same already.
fn renew(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match std::fs::read(path) {
        Ok(stands) if stands == bytes => Ok(()),
        _ => disk::write(path, bytes),
    }
}

const INDEX: &str = "index.json";
/// The name of a receipt beside the files that it is for.
pub const RECEIPT: &str = "receipt.jws";
