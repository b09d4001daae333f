//! A log of two months: transfers that are fetched and acknowledged, between offices of which some are busy and some quiet.

use crate::fill::{SetClock, number};
use crate::rig::Papers;
use anyhow::{Context as _, Result};
use bytes::Bytes;
use careplan_hub::store::event::{About, Detail, Fact, FileDetail, NewEvent};
use careplan_hub::store::{Decided, SharedStore};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::{Class, Fingerprint, Outcome, TransferId};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::ToSpan as _;
use std::sync::Arc;

/// What stands in the log.
#[derive(Debug)]
pub(super) struct History {
    /// All events.
    pub(super) events: u64,
    /// An office that sends one transfer of ten.
    pub(super) busy: OfficeNumber,
    /// An office that sends forty transfers in all.
    pub(super) quiet: OfficeNumber,
    /// The only office of its prefecture, as quiet as that.
    pub(super) remote: OfficeNumber,
    /// A transfer of the quiet office, in the middle.
    pub(super) transfer: TransferId,
}

struct Desk {
    office: OfficeNumber,
    certificate: Fingerprint,
}

/// Sets the clock to where the log begins.
pub(super) fn begin(clock: &SetClock) {
    clock.ahead(-DAY * i64::from(DAYS));
}

/// Puts so many events into the store, and somewhat more.
pub(super) async fn make(store: &SharedStore, clock: &SetClock, papers: &Papers, events: u64) -> Result<History> {
    let desks = Arc::new(desks(papers)?);
    enrol(store, &desks).await?;
    people(store, papers).await?;
    let [busy, quiet, remote] = desks.as_slice().first_chunk().context("desks")?;
    let (busy, quiet, remote) = (busy.office, quiet.office, remote.office);
    let transfers = events / EVENTS_OF_TRANSFER;
    let bar = ProgressBar::new(transfers);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} transfers, {per_sec}, {eta} left")?);
    let upkeep = tokio::spawn(crate::fill::keep_up(Arc::clone(store)));
    let every = (transfers / QUIET_TRANSFERS).max(4);
    let mut transfer = None;
    let of_day = transfers.div_ceil(u64::from(DAYS)).max(1);
    for first in (0..transfers).step_by(AT_ONCE as usize) {
        let day = i64::try_from(first / of_day)?;
        clock.ahead(DAY * (day - i64::from(DAYS)));
        let numbers = first..(first + AT_ONCE).min(transfers);
        bar.inc(numbers.end - first);
        let position = exchange(store, &desks, numbers.clone(), every).await?;
        let middle = numbers.clone().find(|n| *n >= transfers / 2 && n % every == 1);
        if let (None, Some(n)) = (transfer, middle) {
            let position = position + (n - first) * EVENTS_OF_TRANSFER;
            transfer = Some(TransferId { epoch: store.state().epoch, position });
        }
    }
    upkeep.abort();
    store.upkeep().await?;
    clock.ahead(0);
    bar.finish_and_clear();
    let transfer = transfer.context("a transfer of the quiet office")?;
    Ok(History { events: store.state().next, busy, quiet, remote, transfer })
}

/// The busy, the quiet and the remote office, and all others.
fn desks(papers: &Papers) -> Result<Vec<Desk>> {
    let mut desks = Vec::new();
    for (office, paper) in &papers.offices {
        desks.push(Desk { office: *office, certificate: paper.fingerprint });
    }
    for n in 0..OFFICES {
        let prefecture = if n == 0 { REMOTE } else { HOME };
        let mut certificate = [0x5a; 32];
        certificate[..8].copy_from_slice(&(n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        desks.push(Desk { office: number(prefecture, n)?, certificate: Fingerprint(certificate) });
    }
    Ok(desks)
}

async fn enrol(store: &SharedStore, desks: &[Desk]) -> Result<()> {
    let (from, now) = (store.today(), crate::clock::today());
    let not_after = now.checked_add((365 * 24).hours())?;
    for some in desks.chunks(500) {
        let mut events = Vec::new();
        for Desk { office, certificate } in some {
            let (office, certificate) = (*office, *certificate);
            let name = Detail { name: Some(format!("Office {office}")), ..Detail::default() };
            events.push((Fact::OfficeEnrolled { office, service_types: Vec::new() }, name));
            let until = from.saturating_add(2.years());
            events.push((Fact::LicenceTerm { office, from, until, fee: 21_000 }, Detail::default()));
            events.push((
                Fact::CertificateRegistered { office, certificate, not_before: now, not_after },
                Detail { label: Some("load".to_owned()), ..Detail::default() },
            ));
        }
        let events = events.into_iter().map(|(fact, detail)| event(None, fact, detail)).collect();
        store.commit(move |_| Ok(Decided { events, answer: () })).await?;
    }
    Ok(())
}

/// Three auditors: of everything, of the prefecture of nearly all offices, and of the remote one.
async fn people(store: &SharedStore, papers: &Papers) -> Result<()> {
    let not_after = crate::clock::today().checked_add((365 * 24).hours())?;
    let until = Some(not_after.to_zoned(jiff::tz::TimeZone::UTC).date());
    let scopes = ["all".to_owned(), format!("prefecture:{HOME}"), format!("prefecture:{REMOTE}")];
    for (paper, scope) in papers.auditors.iter().zip(scopes) {
        let fact = Fact::PersonAdded { certificate: paper.fingerprint, auditor: true, not_after, until };
        let detail = Detail { name: Some("Load test".to_owned()), scope: Some(scope), ..Detail::default() };
        let events = vec![event(None, fact, detail)];
        store.commit(move |_| Ok(Decided { events, answer: () })).await?;
    }
    Ok(())
}

/// Some transfers from beginning to end, in one commit; returns the position of the first.
async fn exchange(
    store: &SharedStore,
    desks: &Arc<Vec<Desk>>,
    numbers: std::ops::Range<u64>,
    every: u64,
) -> Result<u64> {
    let content = Bytes::from_static(b"\x89a file that nobody will read, since searches read none of them\n");
    let mut sent = Vec::new();
    for n in numbers {
        let (from, to) = pair(n, every, desks.len());
        let (from, to) = desks.get(from).zip(desks.get(to)).context("an office")?;
        let mut upload = store.upload(from.office, to.office)?;
        upload.begin_file().await?;
        upload.write(content.clone()).await?;
        sent.push((n, from.office, from.certificate, to.office, to.certificate, upload.finish().await?));
    }
    let size = content.len() as u64;
    let kid = store.receipt_kid();
    let (position, _) = store
        .commit(move |view| {
            let (first, epoch) = (view.position(), view.state().epoch);
            let mut events = Vec::with_capacity(sent.len() * EVENTS_OF_TRANSFER as usize);
            for (n, from, sender, to, recipient, body) in sent {
                let of = About { epoch, position: first + events.len() as u64, from: from.into(), to: to.into() };
                let (class, month) = (Class::Register, "2026-10".parse().ok());
                let accepted =
                    Fact::Accepted { from: of.from, to: of.to, class, month, stamp: None, files: 1, bytes: size };
                let name = format!("UPPLAN_{n:010}_{from}.csv");
                let detail = Detail {
                    message: Some("お世話になっております。よろしくお願いいたします。".to_owned()),
                    files: Some(vec![FileDetail { name, size, sha256: [9; 32] }]),
                    // As long as a receipt is.
                    receipt: Some(vec![b'r'; 600]),
                    kid: Some(kid.clone()),
                    ..Detail::default()
                };
                events.push(NewEvent { body: Some(body), ..event(Some(sender), accepted, detail) });
                events.push(event(Some(recipient), Fact::Fetched { of, file: 1 }, Detail::default()));
                let outcome = if n % 1000 == 7 { Outcome::Rejected } else { Outcome::Imported };
                events.push(event(Some(recipient), Fact::Acknowledged { of, outcome }, Detail::default()));
            }
            Ok(Decided { events, answer: first })
        })
        .await?;
    Ok(position)
}

/// The busy office is the first, the quiet one the second, the remote one the third.
fn pair(n: u64, every: u64, desks: usize) -> (usize, usize) {
    let others = desks as u64 - 3;
    let from = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let to = from + 1 + (n.wrapping_mul(0xc2b2_ae3d_27d4_eb4f) >> 24) % (others - 1);
    let (from, to) = (3 + (from % others) as usize, 3 + (to % others) as usize);
    match n {
        n if n % every == 1 => (1, to),
        n if n % every == 3 => (2, to),
        n if n % 10 == 0 => (0, to),
        _ => (from, to),
    }
}

fn event(actor: Option<Fingerprint>, fact: Fact, detail: Detail) -> NewEvent {
    NewEvent { actor, fact, detail, body: None }
}

/// Days that the log is spread over, up to today.
pub(super) const DAYS: u32 = 60;
/// The prefecture of all offices but one.
const HOME: u8 = 13;
/// That of the remote office.
const REMOTE: u8 = 31;
const DAY: i64 = 24 * 60 * 60;
const OFFICES: usize = 5000;
const QUIET_TRANSFERS: u64 = 40;
const EVENTS_OF_TRANSFER: u64 = 3;
const AT_ONCE: u64 = 256;
