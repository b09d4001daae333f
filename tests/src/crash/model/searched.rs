//! What must hold of searches: they find what the log has, and nothing else.

use super::{Judge, KINDS, Kind};
use careplan_protocol::api::LogEntry;

impl Judge<'_> {
    pub(super) fn searches(&mut self) {
        for (office, found) in &self.seen.searches {
            let is_end = |entry: &&LogEntry| {
                let mut ends = [entry.from, entry.to].into_iter().flatten();
                ends.any(|end| end.office.as_str() == office)
            };
            let wanted = self.seen.log.iter().filter(|entry| KINDS.contains(&entry.kind.as_str())).filter(is_end);
            let first = wanted.clone().zip(found).find(|(wanted, found)| wanted != found);
            let differ = first.map(|(wanted, found)| format!("{} where {} is next", found.position, wanted.position));
            let counts = (found.len(), wanted.count());
            if let Some(differ) = differ {
                self.tell(Kind::Search, format!("a search for {office} finds event {differ}"));
            } else if counts.0 != counts.1 {
                self.tell(Kind::Search, format!("a search for {office} finds {} of {} events", counts.0, counts.1));
            }
        }
    }
}
