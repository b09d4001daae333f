//! The offices that send to each other: those the hub knows, or new ones.

use anyhow::{Context as _, Result};
use careplan_hub::exchange::decide::Acting;
use careplan_hub::licence;
use careplan_hub::store::event::{Detail, Fact, NewEvent};
use careplan_hub::store::{Decided, SharedStore};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::Fingerprint;
use jiff::ToSpan as _;
use jiff::civil::Date;

/// Offices that may exchange today, each with a certificate; enrolled when there are fewer than two.
pub(super) async fn ready(store: &SharedStore, wanted: usize) -> Result<Vec<Acting>> {
    if able(store).len() < 2 {
        for first in (0..wanted).step_by(AT_ONCE) {
            enrol(store, first..(first + AT_ONCE).min(wanted)).await?;
        }
    }
    let mut able = able(store);
    able.truncate(wanted.max(2));
    Ok(able)
}

fn able(store: &SharedStore) -> Vec<Acting> {
    let (state, today, now) = (store.state(), store.today(), store.state().last_at);
    let acting = |office: &careplan_hub::store::state::Office| {
        let good = |certificate: &&Fingerprint| {
            let found = state.registry.certificates.get(*certificate);
            found.is_some_and(|found| found.revoked_at.is_none() && found.not_after > now)
        };
        let certificate = office.certificates.iter().rev().find(good)?;
        licence::can_receive(office, today).then_some(Acting { office: office.number, certificate: *certificate })
    };
    state.registry.offices.values().filter_map(acting).collect()
}

async fn enrol(store: &SharedStore, numbers: std::ops::Range<usize>) -> Result<()> {
    let mut events = Vec::new();
    for n in numbers {
        let (office, certificate) = (number(13, n)?, fingerprint(n));
        let (from, today) = (store.today(), store.state().last_at);
        let name = Detail { name: Some(format!("Office {n}")), ..Detail::default() };
        events.push((Fact::OfficeEnrolled { office, service_types: Vec::new() }, name));
        let until = years_later(from);
        events.push((Fact::LicenceTerm { office, from, until, fee: 21_000 }, Detail::default()));
        let not_after = today.checked_add((YEARS * 365 * 24).hours())?;
        let label = Detail { label: Some("load".to_owned()), ..Detail::default() };
        events.push((Fact::CertificateRegistered { office, certificate, not_before: today, not_after }, label));
    }
    let event = |(fact, detail)| NewEvent { actor: None, fact, detail, body: None };
    let events = events.into_iter().map(event).collect();
    store.commit(move |_| Ok(Decided { events, answer: () })).await?;
    Ok(())
}

/// A number of a prefecture, with its check digit.
pub(crate) fn number(prefecture: u8, n: usize) -> Result<OfficeNumber> {
    let bare: OfficeNumber =
        format!("{prefecture:02}{:07}0", 7_000_000 + n).parse().ok().context("an office number")?;
    let start = bare.as_str().get(..9).unwrap_or_default();
    format!("{start}{}", bare.expected_check_digit()).parse().ok().context("an office number")
}

fn fingerprint(n: usize) -> Fingerprint {
    let mut bytes = [0x5a; 32];
    bytes[..8].copy_from_slice(&(n as u64).to_be_bytes());
    Fingerprint(bytes)
}

fn years_later(from: Date) -> Date {
    from.saturating_add(YEARS.years())
}

const AT_ONCE: usize = 500;
const YEARS: i64 = 3;
