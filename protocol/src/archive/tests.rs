//! An archive is read as it was written, and whatever is changed in it is found, with the first wrong event.

use super::{Fault, Header, Reader, Writer};
use crate::calendar::Month;
use crate::event::{Fact, Leaf, VERSION};
use crate::tlog::{Frontier, leaf_hash};
use jiff::Timestamp;

fn leaf(position: u64) -> Vec<u8> {
    let at = Timestamp::from_second(1_633_000_000 + position as i64).unwrap();
    let fact = Fact::StrangersRefused { count: position };
    Leaf { version: VERSION, epoch: 1, position, at, actor: None, fact, commitment: [position as u8; 32] }.bytes()
}

fn record(leaf: &[u8]) -> Vec<u8> {
    let length = (leaf.len() as u32).to_be_bytes();
    let rest = [[0; 17].as_slice(), &[VERSION], &length, leaf, b"nonce and sealed detail"].concat();
    let sum = crc32fast::hash(&rest).to_be_bytes();
    [(rest.len() as u32).to_be_bytes().as_slice(), &sum, &rest].concat()
}

fn tree(size: u64) -> Frontier {
    let mut tree = Frontier::default();
    (0..size).for_each(|position| tree.append(leaf_hash(&leaf(position))));
    tree
}

fn header() -> Header {
    let month = Month::new(2021, 10).unwrap();
    Header { month, first: 37, next: 50, epochs: (1, 1), before: Some([5; 32]), tree: tree(37) }
}

fn written(header: &Header, positions: impl Iterator<Item = u64>) -> Vec<u8> {
    let mut writer = Writer::begin(Vec::new(), header).unwrap();
    for position in positions {
        writer.record(&record(&leaf(position)), &leaf(position)).unwrap();
    }
    writer.end().unwrap().0
}

fn read(bytes: &[u8]) -> Result<Vec<u64>, Fault> {
    let mut reader = Reader::open(bytes)?;
    let mut found = Vec::new();
    while let Some(record) = reader.next_record()? {
        assert_eq!(record.leaf(), leaf(record.position));
        found.push(record.position);
    }
    assert_eq!(reader.tree(), &tree(50));
    Ok(found)
}

#[test]
fn an_archive_is_read_as_it_was_written_and_written_alike_each_time() {
    let bytes = written(&header(), 37..50);
    assert_eq!(bytes, written(&header(), 37..50));
    assert_eq!(Reader::open(bytes.as_slice()).unwrap().header(), &header());
    assert_eq!(read(&bytes), Ok((37..50).collect()));
    let first = Header { first: 0, before: None, tree: Frontier::default(), ..header() };
    assert_eq!(Reader::open(written(&first, 0..50).as_slice()).unwrap().header(), &first);
    assert_eq!(read(&written(&first, 0..50)).map(|found| found.len()), Ok(50));
}

#[test]
fn every_flipped_byte_and_every_cut_is_found_and_the_first_wrong_event_named() {
    let bytes = written(&header(), 37..50);
    let at = header().encode().len();
    let one = record(&leaf(37)).len();
    for place in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 0x10;
        let fault = read(&flipped).unwrap_err();
        if (at..at + 13 * one).contains(&place) {
            assert_eq!(fault.position(), Some(37 + ((place - at) / one) as u64), "{place}: {fault}");
        }
        let fault = read(&bytes[..place]).unwrap_err();
        if (at..at + 13 * one).contains(&place) {
            assert_eq!(fault.position(), Some(37 + ((place - at) / one) as u64), "{place}: {fault}");
        }
    }
    assert!(read(&[bytes.as_slice(), b"0"].concat()).is_err());
}

#[test]
fn events_that_are_missing_doubled_or_in_another_order_are_found() {
    let wrong = |positions: &[u64]| read(&written(&header(), positions.iter().copied())).unwrap_err();
    let all: Vec<u64> = (37..50).collect();
    let without: Vec<u64> = all.iter().copied().filter(|position| *position != 40).collect();
    assert_eq!(wrong(&without), Fault::Position { position: 40, found: 41 });
    let mut swapped = all.clone();
    swapped.swap(4, 5);
    assert_eq!(wrong(&swapped), Fault::Position { position: 41, found: 42 });
    assert_eq!(wrong(&[&all[..], &[50]].concat()), Fault::End("it has more events than it says"));
    assert_eq!(wrong(&all[..12]).position(), Some(49));
}

#[test]
fn an_event_that_was_replaced_with_its_checksum_leads_to_another_root() {
    let mut writer = Writer::begin(Vec::new(), &header()).unwrap();
    for position in 37..50 {
        let mut other = leaf(position);
        if position == 40 {
            *other.last_mut().unwrap() ^= 1;
        }
        // The foot of the one that was there before.
        writer.record(&record(&other), &leaf(position)).unwrap();
    }
    let (bytes, _) = writer.end().unwrap();
    let mut reader = Reader::open(bytes.as_slice()).unwrap();
    let fault = std::iter::repeat_with(|| reader.next_record()).find_map(Result::err).unwrap();
    assert_eq!(fault, Fault::End("its events do not lead to the root that it says"));
}
