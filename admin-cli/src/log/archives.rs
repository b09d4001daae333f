//! Archived months, held against each other and against the published log.

mod published;

pub(super) use published::Published;

use crate::failure::Failure;
use careplan_protocol::archive::{Fault, Header, Reader, month_of};
use careplan_protocol::calendar::Month;
use careplan_protocol::event::{Fact, Leaf};
use careplan_protocol::tlog::Frontier;
use careplan_protocol::tlog::verify::Source;
use careplan_protocol::transfer::Sha256;
use flate2::read::MultiGzDecoder;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

/// What was looked at.
#[derive(Debug, Default, Serialize)]
pub(super) struct Archives {
    /// The archives, the oldest first.
    months: Vec<Archived>,
    /// What is wrong, in their order.
    findings: Vec<Finding>,
    /// What could not be looked at, in words.
    remarks: Vec<String>,
}

/// An archive.
#[derive(Debug, Serialize)]
struct Archived {
    month: Month,
    /// Its first event, and the first one behind it.
    events: (u64, u64),
    epochs: (u32, u32),
    sha256: Sha256,
}

/// Something wrong.
#[derive(Debug, Serialize)]
struct Finding {
    /// The archive's file.
    file: String,
    /// The first wrong event, where it is an event.
    event: Option<u64>,
    what: String,
}

/// Where an archive ended.
struct End {
    next: u64,
    tree: Frontier,
    sha256: [u8; 32],
}

impl Archives {
    /// Whether nothing is wrong.
    pub(super) fn holds(&self) -> bool {
        self.findings.is_empty()
    }

    /// The first thing that is wrong, in words.
    pub(super) fn first_wrong(&self) -> Option<String> {
        let first = self.findings.first()?;
        let event = first.event.map_or_else(String::new, |event| format!(", event {event}"));
        Some(format!("{}{event}: {}", first.file, first.what))
    }

    /// The rows of a table: month, events, SHA-256.
    pub(super) fn rows(&self) -> impl Iterator<Item = [String; 3]> {
        let events = |(first, next): (u64, u64)| format!("{first} to {}", next - 1);
        self.months.iter().map(move |one| [one.month.to_string(), events(one.events), one.sha256.to_string()])
    }

    /// What is said behind the table.
    pub(super) fn words(&self) -> String {
        let mut text = String::new();
        for remark in &self.remarks {
            text += &format!("note: {remark}\n");
        }
        for Finding { file, event, what } in &self.findings {
            let event = event.map_or_else(String::new, |event| format!(", event {event}"));
            text += &format!("WRONG: {file}{event}: {what}\n");
        }
        text
    }

    fn find(&mut self, file: &str, event: Option<u64>, what: impl Into<String>) {
        self.findings.push(Finding { file: file.to_owned(), event, what: what.into() });
    }
}

/// Verifies the archives in a folder.
pub(super) fn verify<S: Source<Error = Failure>>(
    folder: &Path,
    published: &mut Published<'_, S>,
) -> Result<Archives, Failure> {
    let mut found = Archives::default();
    let mut before: Option<End> = None;
    let months = months(folder)?;
    if months.is_empty() {
        return Err(Failure::Usage(format!("{} holds no archive, no file such as 2021-10.log.gz", folder.display())));
    }
    for (name, path) in &months {
        if let Some(end) = one(name, path, before.as_ref(), published, &mut found)? {
            before = Some(end);
        }
    }
    said(published, &mut found, before.map_or(0, |end| end.next))?;
    Ok(found)
}

/// Reads one archive to its end, or to the first thing that is wrong; returns where it ended.
fn one<S: Source<Error = Failure>>(
    name: &str,
    path: &Path,
    before: Option<&End>,
    published: &mut Published<'_, S>,
    found: &mut Archives,
) -> Result<Option<End>, Failure> {
    let sha256 = sha256(path)?;
    let file = File::open(path).map_err(|why| Failure::file(path, why))?;
    let opened = Reader::open(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file)));
    let mut reader = match opened {
        Ok(reader) => reader,
        Err(fault) => {
            found.find(name, None, fault.to_string());
            return Ok(None);
        }
    };
    let header = reader.header().clone();
    begins(name, &header, before, published, found);
    loop {
        let record = match reader.next_record() {
            Ok(Some(record)) => record,
            Ok(None) => break,
            Err(fault) => {
                found.find(name, fault.position(), words(&fault));
                return Ok(None);
            }
        };
        let position = record.position;
        match published.entry(position)? {
            Some(entry) if entry == record.leaf() => {}
            Some(_) => {
                found.find(name, Some(position), "the event is not the one that was published");
                return Ok(None);
            }
            None => {
                found.find(name, Some(position), "the published log does not have this event");
                return Ok(None);
            }
        }
    }
    let Header { month, first, next, epochs, .. } = header;
    found.months.push(Archived { month, events: (first, next), epochs, sha256: Sha256(sha256) });
    Ok(Some(End { next, tree: reader.tree().clone(), sha256 }))
}

/// Whether an archive goes on where the one before ended, and where the published log says.
fn begins<S: Source<Error = Failure>>(
    name: &str,
    header: &Header,
    before: Option<&End>,
    published: &mut Published<'_, S>,
    found: &mut Archives,
) {
    if month_of(name) != Some(header.month) {
        found.find(name, None, format!("it is of {}", header.month));
    }
    match before {
        Some(end) if header.first != end.next => {
            let what =
                format!("it begins with event {}, and the archive before ends before event {}", header.first, end.next);
            found.find(name, Some(header.first.min(end.next)), what);
        }
        Some(end) if header.before != Some(end.sha256) => {
            found.find(name, None, "it cites another file than the archive before it");
        }
        Some(end) if header.tree != end.tree => {
            found.find(name, None, "its tree does not go on where the one before ended")
        }
        Some(_) => {}
        None if header.first == 0 && header.before.is_some() => {
            found.find(name, None, "it cites an archive, and is the first")
        }
        None if header.first == 0 => {}
        None => found.remarks.push(format!("the archives of the events before {} are not here", header.first)),
    }
    if published.root(header.first) != Some(header.tree.root()) {
        found.find(name, None, "its tree is not that of the published log");
    }
}

/// Holds the archives against the events that speak of them, from the first event behind them on.
fn said<S: Source<Error = Failure>>(
    published: &mut Published<'_, S>,
    found: &mut Archives,
    from: u64,
) -> Result<(), Failure> {
    let mut said = BTreeMap::new();
    for position in from..published.size() {
        let leaf = published.entry(position)?.and_then(Leaf::read);
        if let Some(Leaf { fact: Fact::Archived { month, first, sha256, .. }, .. }) = leaf {
            said.insert(month, (position, first, sha256));
        }
    }
    let read: BTreeMap<Month, [u8; 32]> = found.months.iter().map(|one| (one.month, one.sha256.0)).collect();
    let begin = found.months.first().map_or(0, |one| one.events.0);
    for (month, (position, first, sha256)) in &said {
        let name = careplan_protocol::archive::name(*month);
        match read.get(month) {
            Some(own) if own == sha256 => {}
            Some(_) => found.find(&name, None, format!("it is not the file that event {position} names")),
            None if *first < begin || found.findings.iter().any(|finding| finding.file == name) => {}
            None => {
                found.find(&name, Some(*first), format!("it is missing: event {position} says that it was written"))
            }
        }
    }
    for month in read.keys().filter(|month| !said.contains_key(month)) {
        found.remarks.push(format!("no event speaks of the archive of {month} yet"));
    }
    Ok(())
}

fn words(fault: &Fault) -> String {
    match fault {
        Fault::Record { why, .. } => format!("it is not what was written ({why})"),
        fault => fault.to_string(),
    }
}

/// The archives of a folder by name, the oldest first.
fn months(folder: &Path) -> Result<Vec<(String, PathBuf)>, Failure> {
    let mut months = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|why| Failure::file(folder, why))? {
        let path = entry.map_err(|why| Failure::file(folder, why))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| month_of(name).is_some());
        months.extend(name.map(|name| (name.to_owned(), path.clone())));
    }
    months.sort();
    Ok(months)
}

fn sha256(path: &Path) -> Result<[u8; 32], Failure> {
    use aws_lc_rs::digest::{Context, SHA256};
    let mut file = File::open(path).map_err(|why| Failure::file(path, why))?;
    let (mut piece, mut sum) = (vec![0; BUFFER], Context::new(&SHA256));
    loop {
        let read = file.read(&mut piece).map_err(|why| Failure::file(path, why))?;
        if read == 0 {
            let mut hash = [0; 32];
            hash.copy_from_slice(sum.finish().as_ref());
            return Ok(hash);
        }
        sum.update(piece.get(..read).unwrap_or_default());
    }
}

const BUFFER: usize = 256 * 1024;
