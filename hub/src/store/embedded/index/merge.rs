//! Sorted records of several levels as one: of a key that several have, the newest one counts.

use super::Key;
use std::io;
use std::iter::Peekable;

/// A key and its value.
pub(super) type Record = (Key, Vec<u8>);

/// Whether a record is of a transfer that was not archived; whoever reads an error has to see it.
pub(super) fn stands(record: &io::Result<Record>, floor: u64) -> bool {
    let position = |key: &Key| key.last_chunk().map_or(0, |position| u64::from_be_bytes(*position));
    record.as_ref().map_or(true, |(key, _)| position(key) >= floor)
}

/// Two sorted sequences as one.
pub(super) struct Merged<O: Iterator<Item = io::Result<Record>>, N: Iterator<Item = io::Result<Record>>> {
    older: Peekable<O>,
    newer: Peekable<N>,
}

/// What is in either; what is in both comes from `newer`.
pub(super) fn merged<O, N>(older: O, newer: N) -> Merged<O, N>
where
    O: Iterator<Item = io::Result<Record>>,
    N: Iterator<Item = io::Result<Record>>,
{
    Merged { older: older.peekable(), newer: newer.peekable() }
}

impl<O, N> Iterator for Merged<O, N>
where
    O: Iterator<Item = io::Result<Record>>,
    N: Iterator<Item = io::Result<Record>>,
{
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        match (self.older.peek(), self.newer.peek()) {
            (Some(Ok((older, _))), Some(Ok((newer, _)))) => {
                let (takes_older, same) = (older < newer, older == newer);
                if same {
                    self.older.next();
                }
                if takes_older { self.older.next() } else { self.newer.next() }
            }
            // An error comes first: whoever writes these records gives up then.
            (Some(Err(_)), _) | (Some(_), None) => self.older.next(),
            (_, _) => self.newer.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::KEY;
    use super::*;

    #[test]
    fn the_newer_of_two_counts_and_the_order_is_kept() {
        let list = |keys: &[u8], value: u8| {
            keys.iter().map(|n| Ok(([*n; KEY], vec![value]))).collect::<Vec<io::Result<Record>>>().into_iter()
        };
        let all: Vec<(u8, u8)> = merged(list(&[1, 2, 5, 9], 0), list(&[0, 2, 3, 9, 10], 1))
            .map(|record| record.map(|(key, value)| (key[0], value[0])).unwrap())
            .collect();
        assert_eq!(all, [(0, 1), (1, 0), (2, 1), (3, 1), (5, 0), (9, 1), (10, 1)]);
    }
}
