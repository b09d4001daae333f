//! What records say together: `duplicate` and `owner` within a file, and what the unit compares for `unrelated` and `form7`.

use super::joins::Joins;
use super::name::receiver_of;
use super::rows::place;
use crate::office::{Address, OfficeNumber, ServiceType};
use crate::standard::context::{Context, is_planning};
use crate::standard::data::{Layout, pack, tables};
use crate::standard::finding::{Findings, Place, Rule, words};
use crate::standard::name::StandardName;
use crate::standard::prefix::Prefix;
use crate::standard::reader::Record;
use std::collections::{HashMap, HashSet};

/// A person of form 6 or 7.
pub(super) struct Person {
    pub(super) place: Place,
    /// Has a service of the receiving number and type.
    pub(super) related: bool,
}

/// A service of a person at an office: how often, and where it stands first.
pub(super) struct Service {
    pub(super) times: i64,
    pub(super) place: Place,
}

/// What is gathered from the records of one file.
pub(super) struct Facts {
    prefix: Prefix,
    receiver: Address,
    /// The acting office, where the file has to be its own.
    owner: Option<OfficeNumber>,
    not_own: Option<Place>,
    not_own_records: u64,
    seen: HashSet<Vec<u8>>,
    key: Vec<u8>,
    pub(super) persons: HashMap<PersonKey, Person>,
    services: HashMap<ServiceKey, Service>,
    /// The service of the record before, and how often it came since it was counted last.
    service: Option<(ServiceKey, i64)>,
    /// The person of the record before, if nothing more needs to be known of the person.
    settled: Option<PersonKey>,
    pub(super) joins: Joins,
}

/// Insurer and insured number, filled up with zero bytes; values that hold are no longer.
pub(super) type PersonKey = [u8; 16];

/// Person, office, satellite and service code, likewise.
pub(super) type ServiceKey = [u8; 34];

impl Facts {
    pub(super) fn new(context: &Context, name: &StandardName, swapped: bool) -> Self {
        let acting = context.acting.map(|acting| acting.office).filter(|office| *office == name.from.office);
        let is_preventive = |service_type: Option<ServiceType>| {
            service_type.is_some_and(|service_type| is_planning(service_type) && service_type.as_str() != "43")
        };
        // Y4 and Y8 go through support centres, which act for others.
        let delegated = is_preventive(name.from.service_type) || is_preventive(name.to.service_type);
        Self {
            prefix: name.prefix,
            receiver: receiver_of(name, swapped),
            owner: acting.filter(|_| !delegated),
            not_own: None,
            not_own_records: 0,
            seen: HashSet::new(),
            key: Vec::new(),
            persons: HashMap::new(),
            services: HashMap::new(),
            service: None,
            settled: None,
            joins: Joins::new(name, swapped),
        }
    }

    /// Takes a record whose values hold.
    pub(super) fn take(&mut self, layout: &Layout, record: &Record<'_>, findings: &mut Findings) {
        self.joins.take(layout, record);
        match self.prefix {
            Prefix::Up2kyo => self.duplicate(layout, record, findings),
            Prefix::Upplan => {
                self.own(layout, layout.planner, record);
                self.form(layout, record);
            }
            Prefix::Upsikyu => self.form(layout, record),
            Prefix::Upjsk => self.own(layout, layout.provider, record),
            _ => {}
        }
    }

    fn duplicate(&mut self, layout: &Layout, record: &Record<'_>, findings: &mut Findings) {
        self.begin_key(layout, record);
        for item in &layout.sort {
            self.key.push(b',');
            self.key.extend_from_slice(record.value(*item));
        }
        if !self.seen.insert(self.key.clone()) {
            let text = words(
                "課題NO・援助目標NO・援助内容NOの組が前の行と重なっています。番号を振り直してください",
                "the same numbers of 課題NO, 援助目標NO and 援助内容NO stand in an earlier record; number them anew",
            );
            findings.warning(Rule::Duplicate, place(record, layout.sort.last().copied()), text);
        }
    }

    /// Whether the record is the acting office's own; preventive services may be another's.
    fn own(&mut self, layout: &Layout, item: Option<usize>, record: &Record<'_>) {
        let (Some(owner), Some(item)) = (self.owner, item) else { return };
        let value = record.value(item);
        if value.is_empty() || value == owner.as_bytes() || tables().preventive.contains(&service_type(layout, record))
        {
            return;
        }
        self.not_own.get_or_insert_with(|| place(record, Some(item)));
        self.not_own_records += 1;
    }

    fn form(&mut self, layout: &Layout, record: &Record<'_>) {
        let (Some(provider), Some(service)) = (layout.provider, layout.service) else { return };
        let known = [layout.insurer, layout.insured, provider, service].iter().all(|item| record.is_known(*item))
            && layout.satellite.is_none_or(|item| record.is_known(item));
        if known && let Some((_, more)) = &mut self.service {
            *more += times(layout, record);
            return;
        }
        let (office, code) = (record.value(provider), record.value(service));
        let Address { office: receiver, service_type: wanted } = self.receiver;
        let related =
            office == receiver.as_bytes() && wanted.is_none_or(|wanted| code.starts_with(wanted.as_bytes().as_slice()));
        let satellite = layout.satellite.map_or(&b""[..], |item| record.value(item));
        let mut key: ServiceKey = [0; 34];
        let parts = [
            (0, record.value(layout.insurer)),
            (6, record.value(layout.insured)),
            (16, office),
            (26, satellite),
            (28, code),
        ];
        for (start, value) in parts {
            if let Some(part) = key.get_mut(start..start + value.len()) {
                part.copy_from_slice(value);
            }
        }
        self.person(key, related, layout, record);
        self.count();
        if code == b"999999" || SUBTOTALS.iter().any(|subtotal| code.ends_with(subtotal.as_slice())) {
            return;
        }
        let times = times(layout, record);
        let new = || Service { times: 0, place: place(record, Some(service)) };
        self.services.entry(key).or_insert_with(new).times += times;
        self.service = Some((key, 0));
    }

    /// Counts the service of the record before.
    fn count(&mut self) {
        if let Some((key, more)) = self.service.take()
            && more != 0
            && let Some(service) = self.services.get_mut(&key)
        {
            service.times += more;
        }
    }

    /// The services, once all records were taken.
    pub(super) fn services(&self) -> &HashMap<ServiceKey, Service> {
        &self.services
    }

    fn person(&mut self, key: ServiceKey, related: bool, layout: &Layout, record: &Record<'_>) {
        let Some(&person) = key.first_chunk() else { return };
        if self.settled == Some(person) {
            return;
        }
        let new = || Person { place: place(record, Some(layout.insured)), related };
        let known = self.persons.entry(person).or_insert_with(new);
        known.related |= related;
        self.settled = known.related.then_some(person);
    }

    fn begin_key(&mut self, layout: &Layout, record: &Record<'_>) {
        self.key.clear();
        self.key.extend_from_slice(record.value(layout.insurer));
        self.key.push(b',');
        self.key.extend_from_slice(record.value(layout.insured));
    }

    /// Tells what was counted.
    pub(super) fn finish(&mut self, findings: &mut Findings) {
        self.count();
        let (Some(place), Some(owner), rows) = (self.not_own, self.owner, self.not_own_records) else { return };
        let text = if self.prefix == Prefix::Upjsk {
            words(
                format!(
                    "サービス事業者コードが送信する事業所 {owner} でない行があります（{rows}行）。自事業所の実績だけを送ってください"
                ),
                format!(
                    "サービス事業者コード is not the sending office {owner} in {rows} records; send only your own results"
                ),
            )
        } else {
            words(
                format!(
                    "プラン担当業者コードが送信する事業所 {owner} でない行があります（{rows}行）。担当を確かめてください"
                ),
                format!(
                    "プラン担当業者コード is not the sending office {owner} in {rows} records; check whose plans these are"
                ),
            )
        };
        findings.warning(Rule::Owner, place, text);
    }
}

fn service_type(layout: &Layout, record: &Record<'_>) -> u32 {
    let code = layout.service.map_or(&b""[..], |item| record.value(item));
    pack(code.get(..2).unwrap_or_default())
}

/// How often a record's service takes place: its count, or the days marked of a service by the day.
fn times(layout: &Layout, record: &Record<'_>) -> i64 {
    let value = |item: Option<usize>| item.map_or(&b""[..], |item| record.value(item));
    let days = value(layout.flags);
    if !days.is_empty() {
        return days.iter().filter(|day| **day == b'1').count() as i64;
    }
    std::str::from_utf8(value(layout.count)).ok().and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// What the service codes of subtotals in form 7 end in.
const SUBTOTALS: [&[u8; 4]; 3] = [b"AAAA", b"EEEE", b"ZZZZ"];
