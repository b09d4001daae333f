//! The months that left the log, read from the data folder without believing the hub.

use anyhow::{Context as _, Result};
use careplan_protocol::archive::{Header, Reader, month_of, name};
use careplan_protocol::calendar::Month;
use careplan_protocol::event::Leaf;
use careplan_protocol::tlog::Hash;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::Path;

/// A month's archive.
#[derive(Debug, Clone, PartialEq)]
pub struct Archive {
    /// What it says of itself.
    pub header: Header,
    /// SHA-256 of its file.
    pub sha256: [u8; 32],
    /// Its events.
    pub leaves: Vec<Leaf>,
    /// The root of the transparency log's tree with it, recomputed from its events.
    pub root: Hash,
}

/// The archives of a data folder, by month.
///
/// # Errors
/// When one of them is not whole.
pub fn read(data: &Path) -> Result<Vec<Archive>> {
    let folder = data.join("archive");
    months(&folder)?.into_iter().map(|month| one(&folder, month).with_context(|| name(month))).collect()
}

fn months(folder: &Path) -> Result<Vec<Month>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut months = Vec::new();
    for entry in entries {
        months.extend(entry?.file_name().to_str().and_then(month_of));
    }
    months.sort_unstable();
    Ok(months)
}

fn one(folder: &Path, month: Month) -> Result<Archive> {
    let path = folder.join(name(month));
    let sha256 = super::history::sha256(&std::fs::read(&path)?).0;
    let mut reader = Reader::open(BufReader::new(MultiGzDecoder::new(File::open(&path)?)))?;
    let mut leaves = Vec::new();
    while let Some(record) = reader.next_record()? {
        leaves.push(Leaf::read(record.leaf()).with_context(|| format!("event {} is no leaf", record.position))?);
    }
    anyhow::ensure!(reader.header().month == month, "it is another month's");
    Ok(Archive { header: reader.header().clone(), sha256, leaves, root: reader.tree().root() })
}
