//! A block in a file.
//!
//! ```text
//! "CPFIND" 0 version(1) | number 8 | marks 4 | bytes of the lists 4 | SHA-256 of the last leaf 32
//! for each mark, ascending: token 8 | where its list begins 4
//! lists: the places, each less the one before (the first as it is), seven bits a byte, the lowest first
//! keyed hash of all that 32
//! ```

use super::lists::{self, Lists, Places};
use crate::store::embedded::keys::Keyring;
use crate::store::marks::{Span, Token, Wanted};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// A file that was believed once: it is read where it is needed, and what it says is held to its form.
#[derive(Debug)]
pub(super) struct Block {
    file: File,
    head: Head,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    marks: u64,
    lists: u64,
}

/// Marks and where their lists begin: in memory where many are asked for, in the file where few are.
struct Directory<'a> {
    block: &'a Block,
    whole: Option<Vec<u8>>,
    /// Where the span before began: the next one of a group stands behind it, mostly near.
    reached: u64,
}

/// The path of a block.
pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:012}.block"))
}

/// The number of the block in a file of that name.
pub(super) fn number(name: &str) -> Option<u64> {
    name.strip_suffix(".block")?.parse().ok()
}

/// The bytes of a block.
pub(super) fn encode(number: u64, lists: &Lists, last: &[u8; 32], keys: &Keyring) -> Vec<u8> {
    let (mut directory, mut places) = (Vec::new(), Vec::new());
    for (token, list) in lists.iter() {
        directory.extend_from_slice(&token.to_be_bytes());
        directory.extend_from_slice(&(places.len() as u32).to_be_bytes());
        let mut before = 0;
        for place in list {
            append_number(&mut places, place - before);
            before = *place;
        }
    }
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(&((directory.len() / ENTRY) as u32).to_be_bytes());
    bytes.extend_from_slice(&(places.len() as u32).to_be_bytes());
    bytes.extend_from_slice(last);
    bytes.append(&mut directory);
    bytes.append(&mut places);
    let hash = keys.blind(PURPOSE, &bytes);
    bytes.extend_from_slice(&hash);
    bytes
}

/// Whether these are the bytes that were written of this block, whose last leaf has this hash.
pub(super) fn holds(bytes: &[u8], number: u64, last: &[u8; 32], keys: &Keyring) -> bool {
    let Some((said, hash)) = bytes.split_last_chunk::<HASH>() else { return false };
    let head = said.first_chunk::<HEAD>();
    let head = head.filter(|head| Head::read(head, number).is_ok() && head.ends_with(last));
    head.is_some() && keys.blind(PURPOSE, said) == *hash
}

impl Block {
    /// Opens a block.
    ///
    /// # Errors
    /// When it is not there, or is no block of that number.
    pub(super) fn open(folder: &Path, number: u64) -> io::Result<Self> {
        let file = File::open(path(folder, number))?;
        let mut head = [0; HEAD];
        file.read_exact_at(&mut head, 0)?;
        let head = Head::read(&head, number)?;
        // What it says of itself is not believed further than the file goes.
        match file.metadata()?.len() == (HEAD + HASH) as u64 + head.behind() {
            true => Ok(Self { file, head }),
            false => Err(wrong()),
        }
    }

    /// The places that are wanted.
    ///
    /// # Errors
    /// When it is not what was written.
    pub(super) fn find(&self, wanted: &Wanted) -> io::Result<Places> {
        let spans = || wanted.groups().iter().flatten();
        let many = spans().count() > FEW || spans().any(|(first, last)| first != last);
        let whole = if many { Some(self.bytes(0, self.head.directory())?) } else { None };
        let mut directory = Directory { block: self, whole, reached: 0 };
        lists::find(wanted, |span, places| directory.take(span, places))
    }

    /// Bytes behind the head.
    fn bytes(&self, from: u64, to: u64) -> io::Result<Vec<u8>> {
        let length = to.checked_sub(from).filter(|_| to <= self.head.behind()).ok_or_else(wrong)?;
        let mut bytes = vec![0; length as usize];
        self.file.read_exact_at(&mut bytes, HEAD as u64 + from)?;
        Ok(bytes)
    }
}

impl Head {
    fn read(bytes: &[u8; HEAD], number: u64) -> io::Result<Self> {
        let word = |at: usize| bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map(u32::from_be_bytes);
        let (Some(marks), Some(lists)) = (word(16), word(20)) else { return Err(wrong()) };
        match bytes.starts_with(MAGIC) && bytes.get(8..16) == Some(number.to_be_bytes().as_slice()) {
            true => Ok(Self { marks: u64::from(marks), lists: u64::from(lists) }),
            false => Err(wrong()),
        }
    }

    fn directory(&self) -> u64 {
        self.marks * ENTRY as u64
    }

    /// Bytes of directory and lists.
    fn behind(&self) -> u64 {
        self.directory() + self.lists
    }
}

impl Directory<'_> {
    /// Adds the places of a span.
    fn take(&mut self, (first, last): Span, places: &mut Places) -> io::Result<()> {
        let marks = self.block.head.marks;
        let low = self.first_from(first)?;
        self.reached = low;
        let (mut begins, mut end) = (Vec::new(), self.block.head.lists);
        for at in low..marks {
            let (token, begin) = self.entry(at)?;
            if token > last {
                end = begin;
                break;
            }
            begins.push(begin);
        }
        let Some(begin) = begins.first().copied() else { return Ok(()) };
        let directory = self.block.head.directory();
        let bytes = self.block.bytes(directory + begin, directory + end)?;
        let ends = begins.iter().skip(1).copied().chain([end]);
        for (from, to) in begins.iter().zip(ends) {
            let list = bytes.get(from.saturating_sub(begin) as usize..to.saturating_sub(begin) as usize);
            read_list(list.ok_or_else(wrong)?, places)?;
        }
        Ok(())
    }

    /// The number of marks before this token.
    fn first_from(&self, token: Token) -> io::Result<u64> {
        let marks = self.block.head.marks;
        let is_before = |at: u64| Ok::<bool, io::Error>(at < marks && self.entry(at)?.0 < token);
        let mut low = match self.reached > 0 && is_before(self.reached - 1)? {
            true => self.reached,
            false => 0,
        };
        let mut step = if low > 0 { 1 } else { marks };
        while step < marks && is_before(low + step - 1)? {
            (low, step) = (low + step, step * 2);
        }
        let mut high = marks.min(low.saturating_add(step));
        while low < high {
            let middle = (low + high) / 2;
            match is_before(middle)? {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Ok(low)
    }

    fn entry(&self, at: u64) -> io::Result<(Token, u64)> {
        let mut entry = [0; ENTRY];
        let from = at * ENTRY as u64;
        match &self.whole {
            Some(whole) => {
                let found = whole.get(from as usize..).and_then(|rest| rest.first_chunk::<ENTRY>());
                entry = *found.ok_or_else(wrong)?;
            }
            None => self.block.file.read_exact_at(&mut entry, HEAD as u64 + from)?,
        }
        let (token, begin) = entry.split_at(8);
        let begin = begin.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        Ok((token.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)), begin))
    }
}

fn read_list(mut bytes: &[u8], places: &mut Places) -> io::Result<()> {
    let mut place = 0_u32;
    while !bytes.is_empty() {
        let (more, rest) = read_number(bytes).ok_or_else(wrong)?;
        (place, bytes) = (place + more, rest);
        places.add(u16::try_from(place).map_err(|_| wrong())?);
    }
    Ok(())
}

fn append_number(bytes: &mut Vec<u8>, mut number: u16) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read_number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let length = bytes.iter().take(3).position(|byte| byte & 0x80 == 0)? + 1;
    let (number, rest) = bytes.split_at(length);
    Some((number.iter().rev().fold(0, |value, byte| value << 7 | u32::from(byte & 0x7f)), rest))
}

fn wrong() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not what was written")
}

const MAGIC: &[u8] = b"CPFIND\0\x01";
const HEAD: usize = 8 + 8 + 4 + 4 + HASH;
const ENTRY: usize = 8 + 4;
const HASH: usize = 32;
const PURPOSE: &str = "search";
/// Marks up to which each is looked up in the file.
const FEW: usize = 16;

#[cfg(test)]
mod tests;
