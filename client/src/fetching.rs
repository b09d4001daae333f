//! Fetching a transfer: every file verified and synced in a staging folder, then named without overwriting anything, then
//! written down. Only then it counts as taken; what a kill interrupts is found again and finished.

mod marker;
mod part;
mod place;
mod record;

pub use marker::{MarkError, Marker};
pub use place::Layout;
pub use record::{Record, RecordFile, Records};

use crate::connection::{Error, PAGE, all_pages};
use crate::desk::Desk;
use crate::disk;

use careplan_protocol::api::{InboxOrder, InboxQuery, Page, Transfer};
use careplan_protocol::transfer::{State, TransferId};
use record::Claim;
use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

/// Where fetched files go.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The folder.
    pub folder: PathBuf,
    /// How files lie in it.
    pub layout: Layout,
    /// A standard file whose name is taken by other bytes waits (`sync`), instead of getting a number.
    pub exact: bool,
    /// What the folder has to show: without it nothing is put there, and nothing made.
    pub marker: Option<Marker>,
}

impl Destination {
    fn refuse_other_folder(&self) -> Result<(), FetchError> {
        match self.marker.as_ref().is_none_or(Marker::stands) {
            true => Ok(()),
            false => Err(FetchError::OtherFolder(self.folder.clone())),
        }
    }
}

/// How fetching a transfer can fail.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Another process of this machine is at it, or has just done it.
    #[error("another program on this machine is fetching it")]
    Elsewhere,
    /// A different file has the exact name that is needed.
    #[error("{0} is there already with other contents")]
    NameTaken(PathBuf),
    /// The folder is not the one that was meant.
    #[error("{0} is not the folder that was synced before: is the share connected?")]
    OtherFolder(PathBuf),
    /// Recalled by its sender, or expired.
    #[error("its files cannot be had any more: it is {0}")]
    Over(State),
    /// The hub or the line.
    #[error(transparent)]
    Hub(#[from] Error),
    /// This machine's disk.
    #[error("this machine's disk: {0}")]
    Disk(#[from] io::Error),
}

/// Fetches a transfer. `again` fetches also what was fetched from here before.
///
/// # Errors
/// [`FetchError`]; the transfer then does not count as taken, and [`unfinished`] gives it where fetching had begun.
pub async fn fetch(
    desk: &Desk,
    transfer: &Transfer,
    to: &Destination,
    again: bool,
    meter: impl Fn(u64) + Clone,
) -> Result<Record, FetchError> {
    if matches!(transfer.state, State::Recalled | State::Expired) {
        return Err(FetchError::Over(transfer.state));
    }
    let records = Records::open(&desk.profile)?;
    if to.exact {
        // Looked at before the hub is asked, since the first byte makes the transfer fetched.
        place::refuse_taken_names(transfer, to)?;
    }
    let Claim::Ours(lock) = records.claim(transfer.id, again)? else { return Err(FetchError::Elsewhere) };
    to.refuse_other_folder()?;
    let staging = to.folder.join(STAGING);
    if to.marker.is_none() {
        std::fs::create_dir_all(&staging)?;
    }
    let staged = match records.staged(transfer.id, &to.folder)? {
        Some(staged) => complete(desk, transfer, staged, meter).await,
        None => stage(desk, &records, transfer, to, meter).await,
    };
    let mut record = match staged {
        Err(FetchError::Hub(why)) if is_over(&why) => {
            abandon(&records, transfer.id)?;
            lock.finish();
            return Err(why.into());
        }
        staged => staged?,
    };
    to.refuse_other_folder()?;
    place::place(&mut record, to.exact, |record| records.begin(record))?;
    match records.is_taken(transfer.id) {
        // A second copy: the first one is what `sync` watches, and what the office has said of it stands.
        true => records.forget(transfer.id)?,
        false => records.taken(&record)?,
    }
    lock.finish();
    if to.layout == Layout::Folders {
        // Another process may be staging there; then the last one removes it.
        let _ = std::fs::remove_dir(staging);
    }
    Ok(record)
}

/// All transfers for this desk that are not yet fetched, per sender in ascending 連番.
///
/// # Errors
/// [`Error`].
pub async fn new_transfers(desk: &Desk) -> Result<Vec<Transfer>, Error> {
    let mut transfers = all_pages(async |after| new_page(desk, after).await).await?;
    let mut known = HashSet::new();
    transfers.retain(|transfer| known.insert(transfer.id));
    Ok(transfers)
}

/// The next transfers for this desk that are neither fetched nor tried, per sender in ascending 連番. Where what comes
/// first was all tried, and could not be fetched, it is looked for what stands behind.
///
/// # Errors
/// [`Error`].
pub async fn untried_transfers(desk: &Desk, tried: &HashSet<TransferId>) -> Result<Vec<Transfer>, Error> {
    let mut after = None;
    loop {
        let mut page = new_page(desk, after).await?;
        page.items.retain(|transfer| !tried.contains(&transfer.id));
        if !page.items.is_empty() || page.next.is_none() {
            return Ok(page.items);
        }
        after = page.next;
    }
}

async fn new_page(desk: &Desk, after: Option<String>) -> Result<Page<Transfer>, Error> {
    let query = InboxQuery {
        after,
        order: Some(InboxOrder::Unit),
        limit: Some(PAGE),
        service_type: desk.address.service_type,
        ..InboxQuery::default()
    };
    desk.ask(|| desk.connection.inbox(desk.office(), &query)).await
}

/// Transfers for this desk whose fetching was begun here and not finished, oldest first.
///
/// # Errors
/// [`FetchError`].
pub async fn unfinished(desk: &Desk) -> Result<Vec<Transfer>, FetchError> {
    let records = Records::open(&desk.profile)?;
    let mut transfers = Vec::new();
    for id in records.begun()? {
        match desk.ask(|| desk.connection.received(desk.office(), id)).await {
            Ok(transfer) if !desk.address.handles(&transfer.to) => {}
            Ok(transfer) if !matches!(transfer.state, State::Recalled | State::Expired) => transfers.push(transfer),
            Ok(transfer) => abandon(&records, transfer.id)?,
            Err(why) if is_over(&why) => abandon(&records, id)?,
            Err(why) => return Err(why.into()),
        }
    }
    Ok(transfers)
}

/// Forgets a fetching that cannot be finished, and what came of it.
fn abandon(records: &Records, transfer: TransferId) -> io::Result<()> {
    if let Some(folder) = records.folder(transfer) {
        part::clear(&folder, transfer);
    }
    records.forget(transfer)
}

/// Whether a failure of the disk would meet every transfer alike.
pub fn concerns_all(why: &io::Error) -> bool {
    matches!(why.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::ReadOnlyFilesystem)
}

/// Whether a transfer's files cannot be had any more.
fn is_over(why: &Error) -> bool {
    matches!(why, Error::Problem { problem, .. } if matches!(problem.status, 404 | 410))
}

/// Downloads what is missing into the staging folder, and writes down that all is there.
async fn stage(
    desk: &Desk,
    records: &Records,
    transfer: &Transfer,
    to: &Destination,
    meter: impl Fn(u64) + Clone,
) -> Result<Record, FetchError> {
    let begun = Record::begin(transfer, to, desk.clock.now());
    records.begin(&begun)?;
    let mut files = Vec::new();
    for planned in place::plan(transfer, to) {
        let (n, size, sha256) = (planned.file.n, planned.file.size, planned.file.sha256);
        // Placed by a person, or asked for a second time: the same bytes need no second copy. But a transfer that the hub
        // has given nothing of yet does not count as fetched there, and could never be acknowledged.
        let placed = transfer.fetched_at.is_some() && place::is_there(&planned.path, sha256)?;
        if !placed {
            let part = place::part(&to.folder, transfer.id, n);
            part::download(desk, transfer.id, planned.file, &part, meter.clone()).await?;
        }
        files.push(RecordFile { n, size, sha256, path: planned.path, placed });
    }
    disk::sync_folder(&to.folder.join(STAGING))?;
    let staged = Record { files, ..begun };
    records.begin(&staged)?;
    Ok(staged)
}

/// What was staged when a process died may not be there any more: whoever keeps the folder can have lost it. A file that
/// is neither in staging nor at its place, and was not seen there, is brought again; twice is better than never.
async fn complete(
    desk: &Desk,
    transfer: &Transfer,
    mut staged: Record,
    meter: impl Fn(u64) + Clone,
) -> Result<Record, FetchError> {
    for wanted in &mut staged.files {
        let part = place::part(&staged.folder, transfer.id, wanted.n);
        if wanted.placed || place::is_there(&part, wanted.sha256)? {
            continue;
        }
        wanted.placed = place::is_there(&wanted.path, wanted.sha256)?;
        let _ = std::fs::remove_file(&part);
        if let (false, Some(file)) = (wanted.placed, transfer.files.iter().find(|file| file.n == wanted.n)) {
            part::download(desk, transfer.id, file, &part, meter.clone()).await?;
        }
    }
    Ok(staged)
}

/// The folder, inside the destination, in which files stand until they are verified.
pub const STAGING: &str = ".careplan";
