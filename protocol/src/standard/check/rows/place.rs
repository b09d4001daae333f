//! Where something stands in a record.

use crate::standard::cp932;
use crate::standard::finding::Place;
use crate::standard::reader::Record;

/// The place of a record, or of one of its items (from 0).
pub(in crate::standard::check) fn place(record: &Record<'_>, item: Option<usize>) -> Place {
    let offset = item.and_then(|item| record.fields.get(item)).map_or(0, |field| field.start);
    Place { item: item.map(|item| item as u64 + 1), ..position(record, offset) }
}

/// The place of an offset within a record.
pub(super) fn place_at(record: &Record<'_>, offset: usize) -> Place {
    let within = record.fields.iter().position(|field| (field.start..=field.end).contains(&offset));
    Place { item: within.map(|item| item as u64 + 1), ..position(record, offset) }
}

fn position(record: &Record<'_>, offset: usize) -> Place {
    let (line, before) = record.place(offset);
    let column = Some(cp932::length(before) as u64 + 1);
    Place { row: Some(record.number), line: Some(line), column, item: None }
}
