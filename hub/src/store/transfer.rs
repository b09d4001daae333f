//! One transfer as the index keeps it: what lists and decisions need, without anything personal.
//!
//! Message, names and digests stay in the sealed detail of its event, found by its position.

use super::codec;
use super::event::{About, Event, Fact};
use super::state::State;
use careplan_protocol::calendar::{Month, day_in_japan};
use careplan_protocol::office::Address;
use careplan_protocol::standard::UnitStamp;
use careplan_protocol::transfer::{self as words, Class, Fingerprint, Outcome, TransferId};
use jiff::Timestamp;
use jiff::civil::Date;
use minicbor::{Decode, Encode};

/// A transfer.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Transfer {
    /// Which life of the log.
    #[n(0)]
    pub epoch: u32,
    /// Its number in the log.
    #[n(1)]
    pub position: u64,
    /// When it was accepted.
    #[n(2)]
    #[cbor(with = "codec::instant")]
    pub accepted_at: Timestamp,
    /// The sender.
    #[n(3)]
    pub from: Address,
    /// The recipient.
    #[n(4)]
    pub to: Address,
    /// 登録, 削除 or PDF等.
    #[n(5)]
    pub class: Class,
    /// The month its files name.
    #[n(6)]
    pub month: Option<Month>,
    /// The 連番 of its unit.
    #[n(7)]
    pub stamp: Option<UnitStamp>,
    /// Number of files.
    #[n(8)]
    pub files: u32,
    /// Bytes of all files.
    #[n(9)]
    pub bytes: u64,
    /// Where the sealed body is; `None` when the store does not know (a rebuild after its retention).
    #[n(10)]
    pub body: Option<BodyPlace>,
    /// The keyed hash of its content, 32 bytes; empty when the detail was gone at a rebuild.
    #[n(11)]
    #[cbor(with = "minicbor::bytes")]
    pub content: Vec<u8>,
    /// When the recipient first opened a file.
    #[n(12)]
    #[cbor(with = "codec::maybe_instant", has_nil)]
    pub fetched_at: Option<Timestamp>,
    /// When the recipient had opened every file.
    #[n(13)]
    #[cbor(with = "codec::maybe_instant", has_nil)]
    pub all_fetched_at: Option<Timestamp>,
    /// Which files were opened by whom and when last, so that a repetition within the hour adds no event.
    #[n(14)]
    pub openings: Vec<Opening>,
    /// What the recipient said last, and the position of that event (its reason is in the detail).
    #[n(15)]
    pub acknowledged: Option<Said>,
    /// When the sender recalled it.
    #[n(16)]
    #[cbor(with = "codec::maybe_instant", has_nil)]
    pub recalled_at: Option<Timestamp>,
    /// The positions of the later events that changed it, ascending.
    #[n(17)]
    pub later: Vec<u64>,
    /// Those of them that bear a delivery receipt.
    #[n(18)]
    pub attested: Vec<u64>,
}

/// Where a sealed body is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum BodyPlace {
    /// In a segment of the acceptance day.
    #[n(0)]
    Segment {
        /// The segment's number within the day.
        #[n(0)]
        segment: u32,
        /// Offset of the sealed bytes.
        #[n(1)]
        offset: u64,
        /// Length of the sealed bytes.
        #[n(2)]
        length: u32,
    },
    /// In a file of its own in the acceptance day's folder, named by the position.
    #[n(1)]
    File,
}

/// A file's latest opening by a certificate.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Opening {
    /// The file's number.
    #[n(0)]
    pub file: u16,
    /// The certificate.
    #[n(1)]
    pub by: Option<Fingerprint>,
    /// When.
    #[n(2)]
    #[cbor(with = "codec::instant")]
    pub at: Timestamp,
}

/// What the recipient said.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Said {
    /// Imported or rejected.
    #[n(0)]
    pub outcome: Outcome,
    /// When.
    #[n(1)]
    #[cbor(with = "codec::instant")]
    pub at: Timestamp,
    /// The event that says so.
    #[n(2)]
    pub position: u64,
}

impl Transfer {
    /// The transfer that an [`Fact::Accepted`] brings into being; `None` for other events.
    pub fn accepted(event: &Event, body: Option<BodyPlace>) -> Option<Self> {
        let Fact::Accepted { from, to, class, month, stamp, files, bytes } = &event.fact else { return None };
        let content = event.detail.as_ref().and_then(|detail| detail.content.clone()).unwrap_or_default();
        Some(Self {
            epoch: event.epoch,
            position: event.position,
            accepted_at: event.at,
            from: *from,
            to: *to,
            class: *class,
            month: *month,
            stamp: *stamp,
            files: *files,
            bytes: *bytes,
            body,
            content,
            fetched_at: None,
            all_fetched_at: None,
            openings: Vec::new(),
            acknowledged: None,
            recalled_at: None,
            later: Vec::new(),
            attested: Vec::new(),
        })
    }

    /// Takes up a later event about this transfer.
    pub fn apply(&mut self, event: &Event) {
        match &event.fact {
            Fact::Fetched { file, .. } => self.fetched(*file, event.actor, event.at),
            Fact::Acknowledged { outcome, .. } => {
                self.acknowledged = Some(Said { outcome: *outcome, at: event.at, position: event.position });
            }
            Fact::Recalled { .. } => self.recalled_at = Some(event.at),
            _ => return,
        }
        self.later.push(event.position);
        if event.detail.as_ref().is_some_and(|detail| detail.receipt.is_some()) {
            self.attested.push(event.position);
        }
    }

    fn fetched(&mut self, file: u16, by: Option<Fingerprint>, at: Timestamp) {
        self.fetched_at.get_or_insert(at);
        match self.openings.iter_mut().find(|opening| opening.file == file && opening.by == by) {
            Some(opening) => opening.at = at,
            None => self.openings.push(Opening { file, by, at }),
        }
        if self.all_fetched_at.is_none() && self.every_file_was_opened() {
            self.all_fetched_at = Some(at);
        }
    }

    fn every_file_was_opened(&self) -> bool {
        let mut files: Vec<u16> = self.openings.iter().map(|opening| opening.file).collect();
        files.sort_unstable();
        files.dedup();
        files.len() as u64 >= u64::from(self.files)
    }

    /// Its name.
    pub fn id(&self) -> TransferId {
        TransferId { epoch: self.epoch, position: self.position }
    }

    /// How later events name it.
    pub fn about(&self) -> About {
        About { epoch: self.epoch, position: self.position, from: self.from, to: self.to }
    }

    /// The day in Japan of its acceptance, which its retention counts from.
    pub fn day(&self) -> Date {
        day_in_japan(self.accepted_at)
    }

    /// The month in Japan of its acceptance, which the meter counts under.
    pub fn accepted_month(&self) -> Month {
        Month::of(self.day())
    }

    /// Whether its retention is over.
    pub fn is_gone(&self, state: &State) -> bool {
        state.expired_through.is_some_and(|through| self.day() <= through)
    }

    /// Where it stands.
    pub fn state(&self, state: &State) -> words::State {
        if self.recalled_at.is_some() {
            return words::State::Recalled;
        }
        match (&self.acknowledged, self.fetched_at) {
            (Some(Said { outcome: Outcome::Imported, .. }), _) => words::State::Imported,
            (Some(Said { outcome: Outcome::Rejected, .. }), _) => words::State::Rejected,
            (None, Some(_)) => words::State::Fetched,
            (None, None) if self.is_gone(state) => words::State::Expired,
            (None, None) => words::State::Accepted,
        }
    }
}
