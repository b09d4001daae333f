//! `certificate crl`: our authority's revocation list, from its own record and what the hub knows to be revoked.

use crate::failure::Failure;
use crate::files::{self, Mode};
use crate::home::Home;
use crate::hub::ALL;
use crate::output::instant;
use crate::revoked;
use crate::session::Session;
use careplan_certs::folder::{Record, RevokedNote, note_revoked};
use careplan_certs::revocation::Revoked;
use careplan_protocol::api::{Certificate, OfficesQuery};
use careplan_protocol::routes;
use careplan_protocol::transfer::Fingerprint;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where the list goes.
#[derive(Debug, Args)]
pub(crate) struct CrlArguments {
    /// File to write; DER when it ends in .der or .crl, PEM otherwise
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// For how many days it counts: publish the next one before
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
    /// Note these certificates as revoked, too: people or offices that were removed from a home folder without the authority
    #[arg(long, value_name = "FINGERPRINT", value_delimiter = ',')]
    also: Vec<Fingerprint>,
    /// Say what would stand in it, but write nothing
    #[arg(long)]
    dry_run: bool,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Written {
    out: PathBuf,
    number: u64,
    next_update: Timestamp,
    revoked: usize,
    dry_run: bool,
}

/// Writes the list.
pub(super) async fn run(session: &Session, what: &CrlArguments) -> Result<(), Failure> {
    let home = session.home()?;
    let authority = home.authority()?;
    let known: Vec<Certificate> =
        session.hub()?.list(routes::ADMIN_CERTIFICATES, &OfficesQuery::default(), ALL).await?;
    let mut ended: BTreeMap<Fingerprint, (Timestamp, bool)> = BTreeMap::new();
    let issued = authority.issued()?;
    for note in authority.revoked()?.into_iter().chain(also(session, &home, &issued, what)?) {
        ended.entry(note.fingerprint).or_insert((note.at, note.lost));
    }
    for found in known {
        let lost = found.revoked_because.as_deref().is_some_and(revoked::is_lost);
        ended.extend(found.revoked_at.map(|at| (found.fingerprint, (at, lost))));
    }
    let now = session.now();
    // Only what this authority issued, and only until it would have ended anyway (RFC 5280, section 3.3).
    let entries: Vec<Revoked> = issued
        .into_iter()
        .filter(|record| record.not_after > now)
        .filter_map(|record| {
            ended.get(&record.fingerprint).map(|&(at, lost)| Revoked { serial: record.serial.clone(), at, lost })
        })
        .collect();
    // Seconds grow from list to list, also after a restore of this folder.
    let number = u64::try_from(now.as_second()).unwrap_or(0);
    let next_update = now.checked_add(SignedDuration::from_hours(24 * i64::from(what.days))).unwrap_or(now);
    let list = authority.authority().revocation_list(&entries, number, now, next_update)?;
    let binary = what.out.extension().is_some_and(|end| end == "crl" || end == "der");
    if !what.dry_run {
        files::replace(&what.out, if binary { &list.der } else { list.pem.as_bytes() }, Mode::Open)?;
    }
    let written = Written { out: what.out.clone(), number, next_update, revoked: entries.len(), dry_run: what.dry_run };
    session.output.show_done(&written, what.dry_run, |written| {
        let verb = if written.dry_run { "would write" } else { "wrote" };
        let until = instant(written.next_update);
        format!(
            "{verb} {}: number {}, {} revoked, next before {until}",
            written.out.display(),
            written.number,
            written.revoked
        )
    })
}

/// The certificates of `--also`, noted so that every later list names them, too.
fn also(session: &Session, home: &Home, issued: &[Record], what: &CrlArguments) -> Result<Vec<RevokedNote>, Failure> {
    if let Some(stranger) = what.also.iter().find(|one| issued.iter().all(|record| record.fingerprint != **one)) {
        return Err(Failure::Usage(format!("--also {stranger}: this authority did not issue that certificate")));
    }
    let notes: Vec<RevokedNote> = what.also.iter().map(|one| revoked::ending(*one, session.now(), "")).collect();
    if !what.dry_run && !notes.is_empty() {
        note_revoked(&home.authority_folder(), &notes)?;
    }
    Ok(notes)
}
