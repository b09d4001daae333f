//! A base of the index: one sorted file that never changes, with everything that a range of events says of transfers.
//!
//! ```text
//! index/base-FROM-TO   "CPBASE" 0 version(1) | blocks … | directory | foot
//! block                records: key 19 | length of the value 4 | value …, and their CRC-32 4
//! directory            for each block: its first key 19 | offset 8 | bytes without the CRC 4
//! foot                 offset of the directory 8 | blocks 4 | from 8 | to 8 | CRC-32 of directory and foot 4
//! ```
//! It is synced before it gets its name, so it may be believed after a power cut; keys and values are those of `index`.

use super::merge::Record;
use super::{KEY, Key};
use crate::store::embedded::{layout, shrink};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::{Range, RangeInclusive};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A base, ready to be read.
#[derive(Debug)]
pub(super) struct Base {
    path: PathBuf,
    file: File,
    size: u64,
    events: Range<u64>,
    blocks: Vec<Block>,
}

#[derive(Debug, Clone, Copy)]
struct Block {
    first: Key,
    offset: u64,
    length: u32,
}

impl Base {
    /// Opens a base; an error of kind `InvalidData` when it is not what was written.
    pub(super) fn open(folder: &Path, events: Range<u64>) -> io::Result<Self> {
        let path = folder.join(name(&events));
        let file = shrink::open(&path)?;
        let size = file.metadata()?.len();
        let foot_at = size.checked_sub(FOOT as u64).ok_or_else(damaged)?;
        let mut foot = [0; FOOT];
        file.read_exact_at(&mut foot, foot_at)?;
        let directory_at = number(&foot, 0)?;
        let length = foot_at.checked_sub(directory_at).ok_or_else(damaged)?;
        let mut directory = vec![0; usize::try_from(length).map_err(|_| damaged())?];
        file.read_exact_at(&mut directory, directory_at)?;
        let mut sum = crc32fast::Hasher::new();
        sum.update(&directory);
        sum.update(&foot[..FOOT - 4]);
        let told = Range { start: number(&foot, 12)?, end: number(&foot, 20)? };
        if foot[FOOT - 4..] != sum.finalize().to_be_bytes() || told != events {
            return Err(damaged());
        }
        let blocks = directory.chunks_exact(ENTRY).map(Block::parse).collect::<Option<_>>().ok_or_else(damaged)?;
        Ok(Self { path, file, size, events, blocks })
    }

    /// The events whose say it holds.
    pub(super) fn events(&self) -> Range<u64> {
        self.events.clone()
    }

    /// Bytes of the file.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Where it stands.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &Key) -> io::Result<Option<Vec<u8>>> {
        let Some(block) = self.block_of(key) else { return Ok(None) };
        let found = self.records(block)?.into_iter().find(|(of, _)| of == key);
        Ok(found.map(|(_, value)| value))
    }

    /// The first records of a range, at most `limit`.
    pub(super) fn range(&self, keys: &RangeInclusive<Key>, limit: usize) -> io::Result<Vec<Record>> {
        let mut found = Vec::new();
        for block in self.block_of(keys.start()).unwrap_or(0)..self.blocks.len() {
            if found.len() >= limit || self.blocks[block].first > *keys.end() {
                break;
            }
            found.extend(self.records(block)?.into_iter().filter(|(key, _)| keys.contains(key)));
        }
        found.truncate(limit);
        Ok(found)
    }

    /// All records, in the order of keys.
    pub(super) fn all(&self) -> impl Iterator<Item = io::Result<Record>> + '_ {
        (0..self.blocks.len()).flat_map(|block| match self.records(block) {
            Ok(records) => records.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })
    }

    /// The block that holds a key if any does.
    fn block_of(&self, key: &Key) -> Option<usize> {
        self.blocks.partition_point(|block| block.first <= *key).checked_sub(1)
    }

    fn records(&self, block: usize) -> io::Result<Vec<Record>> {
        let Block { offset, length, .. } = *self.blocks.get(block).ok_or_else(damaged)?;
        let mut bytes = vec![0; length as usize + 4];
        self.file.read_exact_at(&mut bytes, offset)?;
        let (records, sum) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
        if crc32fast::hash(records).to_be_bytes() != *sum {
            return Err(damaged());
        }
        let (mut rest, mut found) = (records, Vec::new());
        while !rest.is_empty() {
            let (record, behind) = parse_record(rest).ok_or_else(damaged)?;
            found.push(record);
            rest = behind;
        }
        Ok(found)
    }
}

impl Block {
    fn parse(entry: &[u8]) -> Option<Self> {
        let (first, rest) = entry.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let length = u32::from_be_bytes(*rest.first_chunk()?);
        Some(Self { first: *first, offset: u64::from_be_bytes(*offset), length })
    }
}

/// Writes a base of sorted records, durably, and opens it.
pub(super) fn write(
    folder: &Path,
    events: Range<u64>,
    records: impl Iterator<Item = io::Result<Record>>,
) -> io::Result<Base> {
    let beside = folder.join(BESIDE);
    let written = write_beside(&beside, &events, records);
    if let Err(error) = written {
        // Its room is given back; what could not be removed is written over the next time.
        let _ = std::fs::remove_file(&beside);
        return Err(error);
    }
    std::fs::rename(&beside, folder.join(name(&events)))?;
    layout::sync_folder(folder)?;
    Base::open(folder, events)
}

fn write_beside(
    beside: &Path,
    events: &Range<u64>,
    records: impl Iterator<Item = io::Result<Record>>,
) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(BUFFER, layout::private(beside, true)?);
    out.write_all(&MAGIC)?;
    let (mut at, mut block, mut first) = (MAGIC.len() as u64, Vec::with_capacity(2 * BLOCK), [0; KEY]);
    let (mut directory, mut blocks) = (Vec::new(), 0_u32);
    let mut end_block = |block: &mut Vec<u8>, first: &Key, out: &mut BufWriter<File>| -> io::Result<()> {
        directory.extend_from_slice(first);
        directory.extend_from_slice(&at.to_be_bytes());
        directory.extend_from_slice(&(block.len() as u32).to_be_bytes());
        blocks += 1;
        block.extend_from_slice(&crc32fast::hash(block).to_be_bytes());
        out.write_all(block)?;
        at += block.len() as u64;
        block.clear();
        Ok(())
    };
    for record in records {
        let (key, value) = record?;
        if block.is_empty() {
            first = key;
        }
        block.extend_from_slice(&key);
        block.extend_from_slice(&(value.len() as u32).to_be_bytes());
        block.extend_from_slice(&value);
        if block.len() >= BLOCK {
            end_block(&mut block, &first, &mut out)?;
        }
    }
    if !block.is_empty() {
        end_block(&mut block, &first, &mut out)?;
    }
    let foot = foot(&directory, at, blocks, events);
    out.write_all(&directory)?;
    out.write_all(&foot)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()
}

/// The ranges of events that have a base in a folder.
pub(super) fn list(folder: &Path) -> io::Result<Vec<Range<u64>>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let events = name.to_str().and_then(|name| name.strip_prefix("base-")?.split_once('-'));
        let events = events.and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
        found.extend(events);
    }
    Ok(found)
}

/// The file's name.
pub(super) fn name(events: &Range<u64>) -> String {
    format!("base-{:016}-{:016}", events.start, events.end)
}

fn foot(directory: &[u8], at: u64, blocks: u32, events: &Range<u64>) -> Vec<u8> {
    let mut foot = at.to_be_bytes().to_vec();
    foot.extend_from_slice(&blocks.to_be_bytes());
    foot.extend_from_slice(&events.start.to_be_bytes());
    foot.extend_from_slice(&events.end.to_be_bytes());
    let mut sum = crc32fast::Hasher::new();
    sum.update(directory);
    sum.update(&foot);
    foot.extend_from_slice(&sum.finalize().to_be_bytes());
    foot
}

fn parse_record(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let (key, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (value, behind) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    Some(((*key, value.to_vec()), behind))
}

fn number(bytes: &[u8], at: usize) -> io::Result<u64> {
    let eight = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or_else(damaged)?;
    Ok(u64::from_be_bytes(*eight))
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a base of the index is damaged")
}

const MAGIC: [u8; 8] = *b"CPBASE\0\x01";
const BESIDE: &str = "base.new";
const BLOCK: usize = 8 * 1024;
const BUFFER: usize = 1024 * 1024;
const ENTRY: usize = KEY + 12;
const FOOT: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> Key {
        let mut key = [1; KEY];
        key[11..].copy_from_slice(&n.to_be_bytes());
        key
    }

    fn thousand(folder: &Path) -> Base {
        write(folder, 0..7, (0..1000).map(|n| Ok((key(n * 2), vec![n as u8; 40])))).unwrap()
    }

    #[test]
    fn what_was_written_is_found_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let base = thousand(folder.path());
        assert!(base.blocks.len() > 3);
        assert_eq!(list(folder.path()).unwrap().pop(), Some(0..7));
        for n in [0, 1, 500, 999] {
            assert_eq!(base.get(&key(n * 2)).unwrap(), Some(vec![n as u8; 40]));
            assert_eq!(base.get(&key(n * 2 + 1)).unwrap(), None);
        }
        let found = base.range(&(key(301)..=key(1001)), 300).unwrap();
        assert_eq!((found.len(), found[0].0, found[299].0), (300, key(302), key(900)));
        assert_eq!(base.range(&(key(1990)..=key(5000)), 300).unwrap().len(), 5);
        assert_eq!(base.range(&([0; KEY]..=[0xff; KEY]), usize::MAX).unwrap().len(), 1000);
        assert_eq!(base.all().count(), 1000);
    }

    #[test]
    fn a_flipped_bit_is_told_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let size = thousand(folder.path()).size() as usize;
        let path = folder.path().join(name(&(0..7)));
        let whole = std::fs::read(&path).unwrap();
        // The magic alone is not looked at: the foot says all.
        for place in (MAGIC.len()..size).step_by(97).chain([size - 1, size - FOOT, size - FOOT - 1]) {
            let mut bytes = whole.clone();
            bytes[place] ^= 4;
            std::fs::write(&path, &bytes).unwrap();
            let read = Base::open(folder.path(), 0..7).and_then(|base| base.all().collect::<io::Result<Vec<_>>>());
            assert!(read.is_err(), "{place} of {size}");
        }
        std::fs::write(&path, &whole[..size / 2]).unwrap();
        assert!(Base::open(folder.path(), 0..7).is_err());
        std::fs::write(&path, b"").unwrap();
        assert!(Base::open(folder.path(), 0..7).is_err());
    }
}
