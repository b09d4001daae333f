//! Join keys: what a record of a base table replaces, or deletes (`send-units.md` §3).

use crate::office::{OfficeNumber, ServiceType};
use crate::standard::data::Layout;
use crate::standard::name::StandardName;
use crate::standard::prefix::Prefix;
use crate::standard::reader::Record;
use std::fmt;

/// What a record of a unit's base table replaces or deletes: the group of tables, the person, and the plan's day or the
/// month; for results also provider and service type. Names a person, so it is only ever kept as a keyed hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JoinKey([u8; LENGTH]);

impl JoinKey {
    /// Its bytes: the same for the same person, group and day or month.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for JoinKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinKey")
    }
}

/// The join keys of one file.
pub(super) struct Joins {
    group: Option<u8>,
    sender: OfficeNumber,
    service_type: Option<ServiceType>,
    keys: Vec<JoinKey>,
    /// So many of them stand in order, each once.
    sorted: usize,
}

impl Joins {
    /// Of a file; `swapped`: the types of its name stand in each other's place.
    pub(super) fn new(name: &StandardName, swapped: bool) -> Self {
        let sender = if swapped { name.to.service_type } else { name.from.service_type };
        Self { group: group(name.prefix), sender: name.from.office, service_type: sender, keys: Vec::new(), sorted: 0 }
    }

    /// Takes a record whose values hold.
    pub(super) fn take(&mut self, layout: &Layout, record: &Record<'_>) {
        let (Some(group), Some(third)) = (self.group, layout.join.or(layout.month)) else { return };
        if self.are_known(third, layout, record) {
            return;
        }
        let mut key = [0; LENGTH];
        key[0] = group;
        put(&mut key, 1, record.value(layout.insurer));
        put(&mut key, 7, record.value(layout.insured));
        put(&mut key, 17, record.value(third));
        if group == RESULTS {
            put(&mut key, 25, layout.provider.map_or(&b""[..], |item| record.value(item)));
            let service_type = self.type_of(layout, record);
            put(&mut key, 35, service_type.get(..2).unwrap_or_default());
        }
        let key = JoinKey(key);
        if self.keys.last() != Some(&key) {
            self.keys.push(key);
            self.keep_few();
        }
    }

    /// Whether the key is that of the record before.
    fn are_known(&self, third: usize, layout: &Layout, record: &Record<'_>) -> bool {
        let of_results = [layout.provider, layout.service_type.or(layout.service)].into_iter().flatten();
        let of_results = of_results.take(if self.group == Some(RESULTS) { 2 } else { 0 });
        let mut items = [layout.insurer, layout.insured, third].into_iter().chain(of_results);
        record.follows && items.all(|item| record.is_known(item))
    }

    /// Keys that come again and again are kept once: there are never more than twice as many as differ.
    fn keep_few(&mut self) {
        if self.keys.len() >= (self.sorted * 2).max(FEW) {
            // The last one stays the last one.
            let last = self.keys.pop();
            // In order but for those that came since: merged rather than sorted.
            self.keys.sort();
            self.keys.dedup();
            self.sorted = self.keys.len();
            self.keys.extend(last);
        }
    }

    /// The keys; some may be there twice, and none is in its place.
    pub(super) fn into_keys(self) -> Vec<JoinKey> {
        self.keys
    }

    /// The service type of a result: what the record says, what the sender's name says of its own, or by the service code.
    fn type_of<'a>(&'a self, layout: &Layout, record: &Record<'a>) -> &'a [u8] {
        if let Some(item) = layout.service_type {
            return record.value(item);
        }
        let own = layout.provider.is_some_and(|item| record.value(item) == self.sender.as_bytes());
        match &self.service_type {
            Some(service_type) if own => service_type.as_bytes(),
            _ => layout.service.map_or(&b""[..], |item| record.value(item)),
        }
    }
}

fn put(key: &mut [u8; LENGTH], start: usize, value: &[u8]) {
    if let Some(part) = key.get_mut(start..start + value.len()) {
        part.copy_from_slice(value);
    }
}

/// Which tables replace one another; `None` for what hangs on a base table.
fn group(prefix: Prefix) -> Option<u8> {
    match prefix {
        Prefix::Up1kyo | Prefix::Dlt1kyo => Some(b'P'),
        Prefix::Upplan | Prefix::Dltplan => Some(b'M'),
        Prefix::Upjsk | Prefix::Dltjsk => Some(RESULTS),
        Prefix::Upkihon | Prefix::Dltkihon => Some(b'K'),
        Prefix::Upyobo | Prefix::Dltyobo => Some(b'Y'),
        _ => None,
    }
}

const RESULTS: u8 = b'R';
const FEW: usize = 1024;
/// Group 1, insurer 6, insured 10, day or month 8, provider 10, service type 2.
const LENGTH: usize = 37;
