//! Which receipts a data folder holds: for the operator of a restored hub, to whom somebody shows one.

use super::archive;
use super::entry;
use super::error::{OpenError, at};
use super::keys::Keyring;
use super::layout::Layout;
use super::log::file::parse_record;
use super::segment::{self, HEADER, Header};
use super::shrink;
use super::verify::batches::{Batches, Piece, records};
use super::verify::months::{self, Marked, MonthLog};
use crate::clock::SharedRandomness;
use crate::store::embedded::frame::Kind;
use crate::store::event::{Event, Fact};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use careplan_protocol::archive::name;
use careplan_protocol::receipt::{self, Receipt};
use serde::Serialize;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use zeroize::Zeroizing;

/// Whether a receipt's transfer is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// It is.
    Yes,
    /// It is not: accepted after the backup, or lost.
    Missing,
    /// This hub did not sign it, or it was altered.
    NotOurs,
}

impl Held {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "held",
            Self::Missing => "MISSING",
            Self::NotOurs => "not a receipt of this hub",
        }
    }
}

/// A data folder opened for questions.
#[derive(Debug)]
pub struct Receipts {
    layout: Layout,
    keys: Keyring,
    months: Vec<MonthLog>,
    copied: u64,
}

/// Opens a data folder, also one that a hub serves from.
///
/// # Errors
/// When it cannot be read.
pub fn open(data: &Path, master: &Zeroizing<[u8; 32]>, randomness: SharedRandomness) -> Result<Receipts, OpenError> {
    let layout = Layout::new(data.to_owned());
    let (keys, _) = Keyring::look(&layout, master, randomness)?;
    let folder = layout.log();
    let (months, copied) = match months::mark(&layout).map_err(at(&folder))? {
        Marked::To(mark) => (months::open(&layout, mark).map_err(at(&folder))?, mark.next),
        Marked::Never | Marked::Broken => (Vec::new(), 0),
    };
    Ok(Receipts { layout, keys, months, copied })
}

impl Receipts {
    /// Looks a receipt up.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn look(&self, text: &str) -> Result<(Held, Option<Receipt>), OpenError> {
        let Ok(shown) = receipt::parse(text) else { return Ok((Held::NotOurs, None)) };
        let keys = self.keys.receipt().published().keys;
        let public = keys.iter().find(|key| key.kid == shown.kid).and_then(|key| URL_SAFE_NO_PAD.decode(&key.x).ok());
        let signed = public.is_some_and(|public| {
            UnparsedPublicKey::new(&ED25519, public).verify(&shown.signing_input, &shown.signature).is_ok()
        });
        let about = shown.receipt;
        if !signed {
            return Ok((Held::NotOurs, Some(about)));
        }
        let held = self.event(about.position)?.is_some_and(|event| is_of(&event, &about));
        Ok((if held { Held::Yes } else { Held::Missing }, Some(about)))
    }

    fn event(&self, position: u64) -> Result<Option<Event>, OpenError> {
        if position >= self.copied {
            return self.in_segments(position);
        }
        if self.months.first().and_then(|month| month.first).is_some_and(|first| position < first) {
            return self.archived(position);
        }
        let month = self.months.iter().rev().find(|month| month.first.is_some_and(|first| first <= position));
        let found = month.map(|month| month.event(position)).transpose().map_err(at(&self.layout.log()))?.flatten();
        Ok(found.and_then(|(_, bytes)| entry::read(&bytes, &self.keys).ok()))
    }

    fn archived(&self, position: u64) -> Result<Option<Event>, OpenError> {
        let folder = self.layout.archive();
        for month in archive::list(&folder).map_err(at(&folder))? {
            let Ok(mut reader) = archive::open(&folder.join(name(month))) else { continue };
            if !(reader.header().first..reader.header().next).contains(&position) {
                continue;
            }
            while let Ok(Some(record)) = reader.next_record() {
                if record.position == position {
                    return Ok(parse_record(&record.bytes).and_then(|(_, event)| entry::read(&event, &self.keys).ok()));
                }
            }
        }
        Ok(None)
    }

    fn in_segments(&self, position: u64) -> Result<Option<Event>, OpenError> {
        for (day, number) in segment::list(&self.layout).map_err(at(&self.layout.segments()))? {
            let path = self.layout.segment(day, number);
            let file = match shrink::open(&path) {
                // Its day ended meanwhile: the log has its events.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(at(&path))?,
            };
            let mut head = [0; HEADER];
            let read = file.read_exact_at(&mut head, 0);
            // One whose header does not hold is read, too.
            if read.ok().and_then(|()| Header::parse(&head)).is_some_and(|header| header.first > position) {
                continue;
            }
            let mut batches = Batches::from(&file, HEADER as u64, None, true).map_err(at(&path))?;
            while let Some(piece) = batches.next().map_err(at(&path))? {
                let (Piece::Batch { bytes, .. } | Piece::Damage { bytes, .. }) = piece else { break };
                let events = records(&bytes).filter(|(_, kind, _)| *kind == Kind::Event);
                for (_, _, payload) in events {
                    if let Ok((leaf, _)) = entry::split(payload)
                        && leaf.position == position
                    {
                        return Ok(entry::read(payload, &self.keys).ok());
                    }
                }
            }
        }
        Ok(None)
    }
}

/// Whether the event is the acceptance that the receipt states.
fn is_of(event: &Event, about: &Receipt) -> bool {
    let ends = match &event.fact {
        Fact::Accepted { from, to, .. } => (*from, *to) == (about.from, about.to),
        _ => false,
    };
    ends && (event.epoch, event.position) == (about.epoch, about.position)
}
