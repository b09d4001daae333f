//! What operators see: offices, licences, certificates, people, the meter, the hub.

use super::checks::{Surroundings, checks};
use super::{Registrar, record, text};
use crate::licence;
use crate::store::state::{Certificate, Office, State};
use careplan_protocol::api::{
    self, HubStatus, LicenceRecord, OfficeRecord, OfficesQuery, Page, Person, Role, UsageQuery, UsageReport,
};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::{Code, Refusal};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use std::ops::Bound;

impl Registrar {
    /// An office with everything; removed ones are still there.
    ///
    /// # Errors
    /// When it was never enrolled.
    pub fn office(&self, number: OfficeNumber) -> Result<OfficeRecord, Refusal> {
        let state = self.store.state();
        let office = state.registry.offices.get(&number).ok_or(Code::NotFound)?;
        Ok(full_record(&state, office, self.store.today()))
    }

    /// Offices by number. `q` is part of a name or kana, or the beginning of a number.
    ///
    /// # Errors
    /// When `after` is not where a page ended.
    pub fn offices(&self, query: &OfficesQuery, limit: usize) -> Result<Page<OfficeRecord>, Refusal> {
        let (state, today) = (self.store.state(), self.store.today());
        let found = |office: &&Office| matches(office, query);
        page(behind(&state, query)?.filter(found), limit, |office| full_record(&state, office, today))
    }

    /// Licences by office; with `expiring` only those that end within so many days and do not renew by themselves.
    ///
    /// # Errors
    /// When `after` is not where a page ended.
    pub fn licences(&self, query: &OfficesQuery, limit: usize) -> Result<Page<LicenceRecord>, Refusal> {
        let (state, today) = (self.store.state(), self.store.today());
        let found = |office: &&Office| {
            let licence = licence::describe(office, today);
            let expires = |days: u32| {
                licence
                    .as_ref()
                    .is_some_and(|licence| licence.running && !licence.renews && licence.days_left <= i64::from(days))
            };
            matches(office, query) && licence.is_some() && query.expiring.is_none_or(expires)
        };
        let page = page(behind(&state, query)?.filter(found), limit, |office| record::licence(office, today))?;
        Ok(Page { items: page.items.into_iter().flatten().collect(), next: page.next })
    }

    /// Certificates by office, the oldest first; with `expiring` only those in use that end within so many days.
    /// A page holds whole offices and may therefore be a few longer than asked.
    ///
    /// # Errors
    /// When `after` is not where a page ended.
    pub fn certificates(&self, query: &OfficesQuery, limit: usize) -> Result<Page<api::Certificate>, Refusal> {
        let (state, now) = (self.store.state(), self.clock.now());
        let found = |known: &&Certificate| query.expiring.is_none_or(|days| expires_within(known, now, days));
        let mut items = Vec::new();
        let mut offices = behind(&state, query)?.filter(|office| matches(office, query)).peekable();
        while let Some(office) = offices.next() {
            let own = office.certificates.iter().filter_map(|fingerprint| state.registry.certificates.get(fingerprint));
            items.extend(own.filter(found).map(record::certificate));
            if items.len() >= limit && offices.peek().is_some() {
                return Ok(Page { items, next: Some(office.number.to_string()) });
            }
        }
        Ok(Page { items, next: None })
    }

    /// Operators and auditors: those of the configuration first, then by name.
    pub fn people(&self) -> Page<Person> {
        let state = self.store.state();
        let configured = self.config.operators.iter().map(|operator| Person {
            role: Role::Operator,
            name: operator.name.clone(),
            fingerprint: operator.fingerprint,
            not_after: None,
            scope: None,
            until: None,
            from_configuration: true,
        });
        let mut added: Vec<Person> = state.registry.people.values().map(record::person).collect();
        let order = |person: &Person| (person.role == Role::Auditor, person.name.clone(), person.fingerprint);
        added.sort_by_key(order);
        Page { items: configured.chain(added).collect(), next: None }
    }

    /// The meter, by office, then month.
    pub fn usage(&self, query: &UsageQuery) -> UsageReport {
        let state = self.store.state();
        let asked = |office: OfficeNumber, month| {
            query.office.is_none_or(|only| only == office) && query.month.is_none_or(|only| only == month)
        };
        let rows = state.meters.iter().filter(|((office, month), _)| asked(*office, *month));
        let row = |((office, month), meter): (&(OfficeNumber, _), &crate::store::state::Meter)| api::Usage {
            office: *office,
            month: *month,
            sent: meter.sent.clone(),
            received: meter.received.clone(),
        };
        UsageReport { rows: rows.map(row).collect() }
    }

    /// The hub as a whole, with the checks that only it can make.
    pub fn status(&self, around: &Surroundings) -> HubStatus {
        let (state, health, today) = (self.store.state(), self.store.health(), self.store.today());
        let enrolled = || state.registry.offices.values().filter(|office| !office.removed);
        HubStatus {
            name: self.config.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now: around.now,
            started_at: around.started_at,
            epoch: state.epoch,
            position: state.next,
            offices: enrolled().count() as u64,
            licensed: enrolled().filter(|office| licence::runs(office, today)).count() as u64,
            unfetched: state.unfetched_before(u64::MAX),
            disk_free: health.disk_free,
            disk_watermark: self.config.disk.watermark_bytes,
            hub_certificate_until: around.certificate_until,
            clock_doubt: health.clock_doubt.clone(),
            damage: health.damage.clone(),
            workers: around.workers.clone(),
            checks: checks(&*self.store, &self.config, &health, around),
        }
    }
}

/// Whether a certificate is in use and ends within so many days.
pub(super) fn expires_within(known: &Certificate, now: Timestamp, days: u32) -> bool {
    let end = now.saturating_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MAX);
    known.revoked_at.is_none() && known.not_after >= now && known.not_after <= end
}

fn full_record(state: &State, office: &Office, today: Date) -> OfficeRecord {
    let unfetched = state.mailbox(office.number).unfetched.len() as u64;
    record::record(office, &state.registry, today, unfetched)
}

/// Offices behind the page before.
fn behind<'a>(state: &'a State, query: &OfficesQuery) -> Result<impl Iterator<Item = &'a Office> + use<'a>, Refusal> {
    let after: Option<OfficeNumber> = match &query.after {
        None => None,
        Some(after) => {
            let wrong = |_| text::invalid("after の値が正しくありません。", "after is not where a page ended.");
            Some(after.parse().map_err(wrong)?)
        }
    };
    let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
    Ok(state.registry.offices.range((begin, Bound::Unbounded)).map(|(_, office)| office))
}

fn matches(office: &Office, query: &OfficesQuery) -> bool {
    let named = |q: &str| {
        q.is_empty() || office.name.contains(q) || office.kana.contains(q) || office.number.as_str().starts_with(q)
    };
    query.q.as_deref().map(str::trim).is_none_or(named)
        && query.standing.is_none_or(|standing| standing == office.standing())
}

fn page<'a, T>(
    mut offices: impl Iterator<Item = &'a Office>,
    limit: usize,
    describe: impl Fn(&Office) -> T,
) -> Result<Page<T>, Refusal> {
    let shown: Vec<&Office> = offices.by_ref().take(limit).collect();
    let last = shown.last().map(|office| office.number.to_string());
    let next = last.filter(|_| offices.next().is_some());
    Ok(Page { items: shown.into_iter().map(describe).collect(), next })
}
