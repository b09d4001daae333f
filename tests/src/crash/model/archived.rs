//! What must hold of the months that left the log: each is in an archive as it was, and nothing younger went with it.

use super::{Judge, Kind};
use crate::crash::archived::Archive;
use careplan_protocol::api::LogEntry;
use careplan_protocol::calendar::{Month, day_in_japan};
use careplan_protocol::event::{About, Fact, Leaf};
use careplan_protocol::transfer::TransferId;
use jiff::ToSpan as _;

impl Judge<'_> {
    pub(super) fn archives(&mut self) {
        if self.floor < self.history.floor {
            let (was, is) = (self.history.floor, self.floor);
            self.tell(Kind::Archive, format!("the log began with {was} and begins with {is} now"));
        }
        self.chain();
        self.said();
        for archive in &self.seen.archives {
            self.proved(archive);
        }
        let last = self.seen.archives.iter().rev().find(|archive| archive.header.next <= self.floor);
        let month = last.map(|last| last.header.month);
        let gone = |entry: &&LogEntry| month.is_some_and(|month| Month::in_japan(entry.at) <= month);
        if let Some(entry) = self.seen.log.iter().find(gone) {
            self.tell(Kind::Archive, format!("event {} is of a month that was archived", entry.position));
        }
    }

    /// From the very first event to the first one that is kept, each archive citing the one before. One more may stand there
    /// that no event speaks of yet.
    fn chain(&mut self) {
        let (mut next, mut root, mut before) = (0, None, None);
        for archive in &self.seen.archives {
            let header = &archive.header;
            let tree = header.tree.root();
            if header.first != next || header.before != before || root.is_some_and(|root| root != tree) {
                self.tell(Kind::Archive, format!("{} does not follow on the archive before it", header.month));
            }
            if next > self.floor {
                self.tell(Kind::Archive, format!("{} is archived while older events are kept", header.month));
            }
            if let Some(leaf) = archive.leaves.iter().find(|leaf| Month::in_japan(leaf.at) != header.month) {
                self.tell(Kind::Archive, format!("{} has event {} of another month", header.month, leaf.position));
            }
            (next, root, before) = (header.next, Some(archive.root), Some(archive.sha256));
        }
        let ends = |archive: &Archive| archive.header.next == self.floor;
        if self.floor > 0 && !self.seen.archives.iter().any(ends) {
            self.tell(Kind::Lost, format!("the log begins with {}, and no archive ends there", self.floor));
        }
    }

    /// For every archive up to the first event that is kept there is an event, which says the same, and was not said too early.
    fn said(&mut self) {
        let Some(log) = self.seen.published.last() else { return };
        let over = self.seen.archives.iter().filter(|archive| archive.header.next <= self.floor);
        let mut over = over.collect::<Vec<_>>().into_iter();
        // It may have gone on since the log was read.
        let shown = self.seen.log.last().map_or(0, |last| last.position);
        for leaf in log.leaves.iter().filter(|leaf| leaf.position <= shown) {
            let Fact::Archived { month, first, next, sha256 } = leaf.fact else { continue };
            let is_that = |archive: &Archive| {
                let header = &archive.header;
                (header.month, header.first, header.next, archive.sha256) == (month, first, next, sha256)
            };
            if !over.next().is_some_and(is_that) {
                self.tell(Kind::Archive, format!("{month} is not what event {} says, or is still kept", leaf.position));
            }
            let kept = month.first_day().last_of_month().saturating_add(LOG_YEARS.years());
            if day_in_japan(leaf.at) <= kept {
                self.tell(Kind::Archive, format!("{month} was archived too early, on {}", day_in_japan(leaf.at)));
            }
        }
        if let Some(unsaid) = over.next() {
            self.tell(Kind::Archive, format!("{} went, and no event says so", unsaid.header.month));
        }
    }

    /// The transparency log has its events, and its tree before and with them.
    fn proved(&mut self, archive: &Archive) {
        let Some(log) = self.seen.published.last() else { return };
        let header = &archive.header;
        let places = header.first as usize..header.next as usize;
        let roots = (log.roots.get(places.start), log.roots.get(places.end));
        if log.leaves.get(places) != Some(archive.leaves.as_slice())
            || roots != (Some(&header.tree.root()), Some(&archive.root))
        {
            self.tell(Kind::Published, format!("{} is not what was signed", header.month));
        }
    }
}

/// An archived event as the log showed it, as far as this matters here.
pub(super) fn entry(leaf: &Leaf) -> LogEntry {
    let (from, to) = leaf.fact.ends().unzip();
    let (files, bytes) = match leaf.fact {
        Fact::Accepted { files, bytes, .. } => (Some(files), Some(bytes)),
        _ => (None, None),
    };
    LogEntry {
        position: leaf.position,
        epoch: leaf.epoch,
        at: leaf.at,
        kind: leaf.fact.kind().to_owned(),
        actor: leaf.actor,
        actor_name: String::new(),
        office: leaf.fact.office(),
        transfer: transfer(leaf),
        from,
        to,
        month: None,
        files,
        bytes,
        count: None,
        outcome: leaf.fact.outcome().to_owned(),
        certificate: None,
        note: String::new(),
    }
}

/// The transfer that an event is about.
pub(super) fn transfer(leaf: &Leaf) -> Option<TransferId> {
    match leaf.fact {
        Fact::Accepted { .. } => Some(TransferId { epoch: leaf.epoch, position: leaf.position }),
        _ => leaf.fact.about().map(About::id),
    }
}

/// So long the hub of the rounds keeps its log, in years.
pub(crate) const LOG_YEARS: i64 = 1;
