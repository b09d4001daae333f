//! A file on its way: what came stays when the line breaks or the program ends, and only the rest is asked for.

use crate::connection::{Beginning, Download, Error, Mailbox};
use crate::desk::Desk;
use crate::disk;
use crate::fetching::{FetchError, STAGING};
use careplan_protocol::api::File;
use careplan_protocol::transfer::TransferId;
use std::io;
use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

/// Downloads a file into its place in staging, or the rest of it.
pub(super) async fn download(
    desk: &Desk,
    transfer: TransferId,
    file: &File,
    part: &Path,
    meter: impl Fn(u64),
) -> Result<(), FetchError> {
    let mut sink = tokio::fs::File::options().read(true).write(true).create(true).truncate(false).open(part).await?;
    let beginning = beginning(&mut sink, file.size).await?;
    meter(beginning.len());
    let what = Download { office: desk.office(), mailbox: Mailbox::Inbox, transfer, file };
    match desk.connection.download_rest(what, beginning, &mut sink, meter).await {
        Ok(()) => Ok(sink.sync_all().await?),
        Err(why) => {
            drop(sink);
            // Other bytes, here or there: next time from the first one.
            if matches!(why, Error::Digest(_)) {
                let _ = std::fs::remove_file(part);
            }
            Err(why.into())
        }
    }
}

/// What is there already, read once more. A whole file was given up for its digest, or belongs to nothing: it is left out.
async fn beginning(sink: &mut tokio::fs::File, size: u64) -> io::Result<Beginning> {
    let mut beginning = Beginning::default();
    if sink.metadata().await?.len() >= size {
        sink.set_len(0).await?;
        return Ok(beginning);
    }
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match sink.read(&mut buffer).await? {
            0 => break,
            read => beginning.take(&buffer[..read]),
        }
    }
    sink.seek(io::SeekFrom::Start(beginning.len())).await?;
    Ok(beginning)
}

/// Removes what came of a transfer that cannot be had any more. What stays takes room and no more.
pub(super) fn clear(folder: &Path, transfer: TransferId) {
    let beginning = format!("{transfer}_");
    for path in disk::entries(&folder.join(STAGING)).unwrap_or_default() {
        if disk::name(&path).starts_with(&beginning) {
            let _ = std::fs::remove_file(path);
        }
    }
}
