//! What was seen of an epoch and is not in it any more, nor in the one behind it.

use super::epoch::{EpochReport, Report};
use super::finding::{Fault, Finding, Span};
use super::heads::EARLIER_RUN;
use super::{Known, checkpoint};
use std::collections::BTreeMap;

/// Tells what a restore lost of what was seen elsewhere: as a finding, or in the remarks of an epoch whose beginning was
/// accepted. An epoch kept what it has before its own first event, and the roots there were compared.
pub(super) fn tell(known: &Known, report: &mut Report) {
    for (epoch, (size, seen)) in largest(known) {
        let reach = report.epochs.iter().find(|told| told.epoch == epoch).map_or(0, |told| told.size);
        let Some(later) = report.epochs.iter_mut().find(|told| told.epoch > epoch) else { continue };
        let kept = began(later).max(reach);
        if size <= kept {
            continue;
        }
        let fault = Fault::Lost { kept, known: size, seen, later: later.epoch };
        if known.accepted.contains(&later.epoch) {
            later.remarks.push(format!("epoch {epoch}: {fault} (accepted)"));
        } else {
            report.findings.push(Finding { epoch, span: Some(Span { first: kept, last: size - 1 }), fault });
        }
    }
}

/// The largest size that was seen of each epoch, and where.
fn largest(known: &Known) -> BTreeMap<u32, (u64, String)> {
    let seen = known.seen.iter().map(|(seen, place)| (seen.origin.as_str(), seen.size, place.as_str()));
    let marks = known.marks.iter().filter_map(|mark| Some((mark.origin.as_str(), mark.head()?.0, EARLIER_RUN)));
    let mut largest = BTreeMap::<u32, (u64, String)>::new();
    for (origin, size, place) in seen.chain(marks) {
        let Some(epoch) = checkpoint::epoch(origin) else { continue };
        let known = largest.entry(epoch).or_default();
        if size > known.0 {
            *known = (size, place.to_owned());
        }
    }
    largest
}

fn began(told: &EpochReport) -> u64 {
    told.began.as_ref().map_or(0, |begin| begin.position)
}
