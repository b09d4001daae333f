//! Which checkpoints are kept for ever: the last one of every hour in which something happened, and so of every day.

use super::leaf::Head;

/// How far checkpoints were kept.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The hour of the last leaf.
    hour: Option<i64>,
    /// The size of the last checkpoint kept.
    kept: u64,
}

impl Ledger {
    /// Goes on behind a tree's last leaf.
    pub(super) fn behind(last: Option<Head>, kept: u64) -> Self {
        Self { hour: last.map(|head| head.hour()), kept }
    }

    /// Whether the tree of this size has to be kept before a leaf of this hour is appended, or when it is this hour.
    pub(super) fn is_due(&self, hour: i64, size: u64) -> bool {
        self.hour.is_some_and(|last| last < hour) && self.kept != size
    }

    /// A leaf was appended.
    pub(super) fn saw(&mut self, head: &Head) {
        self.hour = Some(head.hour());
    }

    /// A checkpoint was kept.
    pub(super) fn kept(&mut self, size: u64) {
        self.kept = size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_checkpoint_of_an_hour_is_kept_once() {
        let head = |hour: i64| Head { epoch: 1, position: 0, at: hour * 3_600_000 + 1 };
        let mut ledger = Ledger::default();
        assert!(!ledger.is_due(5, 0));
        ledger.saw(&head(5));
        assert!(!ledger.is_due(5, 1));
        assert!(ledger.is_due(6, 1));
        ledger.kept(1);
        assert!(!ledger.is_due(7, 1));
        ledger.saw(&head(7));
        assert!(!ledger.is_due(7, 2));
        assert!(ledger.is_due(8, 2));
        // A clock that was set back begins no hour.
        assert!(!ledger.is_due(6, 2));
        assert!(Ledger::behind(Some(head(5)), 3).is_due(6, 4));
    }
}
