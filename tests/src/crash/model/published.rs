//! What must hold of the transparency log: it is the log, and it is what was signed before.

use super::archived::transfer;
use super::{Judge, Kind};
use crate::crash::published::Published;
use careplan_protocol::api::LogEntry;
use careplan_protocol::event::{Fact, Leaf};

impl Judge<'_> {
    pub(super) fn published(&mut self) {
        let (seen, history) = (self.seen, self.history);
        for log in &seen.published {
            let (size, root) = (log.checkpoint.size, log.checkpoint.root);
            if log.roots.get(size as usize) != Some(&root) || log.roots.len() as u64 != size + 1 {
                let what = format!("the entries of epoch {} do not lead to its checkpoint of {size}", log.epoch);
                self.tell(Kind::Published, what);
            }
        }
        for before in &history.checkpoints {
            let log = seen.published.iter().find(|log| log.checkpoint.origin == before.origin);
            let root = log.and_then(|log| log.roots.get(before.size as usize));
            if root != Some(&before.root) {
                let what = format!("{} showed a checkpoint of {} that it has no more", before.origin, before.size);
                self.tell(Kind::Published, what);
            }
        }
        if let Some(last) = seen.published.last() {
            self.same_events(last);
        }
        for (older, newer) in seen.published.iter().zip(seen.published.iter().skip(1)) {
            self.cited(older, newer);
        }
    }

    /// The tree is the log, event by event.
    fn same_events(&mut self, log: &Published) {
        let (has, events) = (log.leaves.len() as u64, self.floor + self.seen.log.len() as u64);
        if has < events {
            self.tell(Kind::Published, format!("it has {has} of {events} events"));
        }
        let kept = log.leaves.iter().skip(self.floor as usize);
        let other = self.seen.log.iter().zip(kept).find(|(entry, leaf)| !same(entry, leaf));
        if let Some((entry, leaf)) = other {
            let what = format!("it has {} at {} where the log has {}", leaf.fact.kind(), leaf.position, entry.kind);
            self.tell(Kind::Published, what);
        }
    }

    /// The first event of an epoch cites what the one before signed last, and that is how that one stands.
    fn cited(&mut self, older: &Published, newer: &Published) {
        let began = newer.leaves.iter().find(|leaf| leaf.epoch > older.epoch).map(|leaf| &leaf.fact);
        let right = match began {
            Some(Fact::Began { cites: Some(cited), .. }) => {
                let said = &older.checkpoint;
                (cited.origin.as_str(), cited.size, cited.root) == (said.origin.as_str(), said.size, said.root.0)
            }
            _ => false,
        };
        if !right {
            let what = format!("epoch {} does not cite the last checkpoint of {}", newer.epoch, older.epoch);
            self.tell(Kind::Published, what);
        }
    }
}

fn same(entry: &LogEntry, leaf: &Leaf) -> bool {
    let transfer = transfer(leaf);
    entry.position == leaf.position
        && entry.kind == leaf.fact.kind()
        && entry.at == leaf.at
        && (entry.transfer == transfer || transfer.is_none())
}
