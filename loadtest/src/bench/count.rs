//! So many requests and no more, for counting the instructions that they take.

use super::fetch::{stopping, until_done};
use super::{Bench, poll};
use crate::work::{self, Inboxes};
use anyhow::{Result, ensure};
use std::sync::{Arc, Mutex};

/// Sends, fetches of each of them, polls.
///
/// # Errors
/// When one of them is not answered as it should be.
pub async fn requests(bench: &mut Bench, sends: u64, fetch: bool, polls: u64) -> Result<()> {
    let (word, offices) = (bench.word("c"), bench.offices());
    let inboxes: Inboxes = Arc::new(Mutex::new(vec![Vec::new(); offices.len()]));
    if sends > 0 {
        let sending = work::send(&offices, &bench.file, &word, Some(Arc::clone(&inboxes)));
        let ran = bench.on_hub(&stopping(sending, sends), until_done()).await?;
        ensure!(ran.failed == 0, "{:?}", ran.trouble);
    }
    if fetch {
        let ran = bench.on_hub(&work::fetch(&offices, &inboxes), until_done()).await?;
        ensure!(ran.failed == 0 && ran.requests == sends, "{} of {sends} fetched: {:?}", ran.requests, ran.trouble);
    }
    if polls > 0 {
        let polling = work::poll(&offices, poll::etags(bench).await?);
        let ran = bench.on_hub(&stopping(polling, polls), until_done()).await?;
        ensure!(ran.failed == 0, "{:?}", ran.trouble);
    }
    Ok(())
}
