//! Worlds whose first month was archived: a right one, and wrong ones.

use super::*;
use crate::crash::archived::Archive;
use careplan_protocol::archive::Header;
use careplan_protocol::tlog::{Frontier, leaf_hash};
use jiff::{Timestamp, ToSpan as _};

#[test]
fn a_right_world_whose_first_month_was_archived_has_no_violations() {
    let (mut history, mut seen) = years_later();
    assert_eq!(judge(&history, &seen), []);
    // Nobody knows that transfer any more, and the hub says so.
    history.unknown.push((id(1), "fetched"));
    assert_eq!(judge(&history, &seen), []);
    history.unknown.push((id(5), "fetched"));
    assert_eq!(kinds(&history, &seen), [Kind::Wrong]);
    history.unknown.clear();
    // The next one stands there, and no event says so yet.
    let leaves = seen.published[0].leaves[4..].to_vec();
    let mut tree = Frontier::default();
    entries_of(&seen)[..4].iter().for_each(|entry| tree.append(leaf_hash(entry)));
    let header = Header { first: 4, next: 6, before: Some([7; 32]), month: "202801".parse().unwrap(), ..header(tree) };
    let next = Archive { header, sha256: [8; 32], leaves, root: seen.published[0].checkpoint.root };
    seen.archives.push(next);
    assert_eq!(judge(&history, &seen), []);
}

#[test]
fn what_left_the_log_without_an_archive_or_an_event_is_told() {
    let (history, mut seen) = years_later();
    seen.archives.clear();
    assert!(kinds(&history, &seen).contains(&Kind::Lost));
    let (history, mut seen) = years_later();
    seen.log.remove(0);
    assert_eq!(kinds(&history, &seen), [Kind::Lost, Kind::Position]);
    let (history, mut seen) = years_later();
    seen.log[0].kind = "began".to_owned();
    seen.published = vec![published_of(&seen)];
    assert_eq!(kinds(&history, &seen), [Kind::Archive]);
}

#[test]
fn an_archive_that_is_not_what_left_the_log_is_told() {
    let wrecks: [(Wreck, &[Kind]); 7] = [
        (|seen| seen.archives[0].sha256 = [9; 32], &[Kind::Archive]),
        (|seen| seen.archives[0].header.before = Some([9; 32]), &[Kind::Archive]),
        (|seen| seen.archives[0].header.month = "202610".parse().unwrap(), &[Kind::Archive]),
        (|seen| seen.archives[0].root = seen.published[0].roots[3], &[Kind::Published]),
        (|seen| seen.archives[0].leaves[3].at = AT.parse::<Timestamp>().unwrap() + 1.second(), &[Kind::Published]),
        (|seen| drop(seen.archives[0].leaves.pop()), &[Kind::Lost, Kind::Position, Kind::Published]),
        (
            |seen| seen.archives[0].leaves[1].fact = seen.archives[0].leaves[0].fact.clone(),
            &[Kind::Lost, Kind::Meter, Kind::Published],
        ),
    ];
    for (number, (wreck, expected)) in wrecks.into_iter().enumerate() {
        let (history, mut seen) = years_later();
        wreck(&mut seen);
        let found = kinds(&history, &seen);
        assert!(expected.iter().all(|kind| found.contains(kind)), "{number}: {found:?}");
    }
}

#[test]
fn a_month_that_went_too_early_or_took_younger_events_along_is_told() {
    let (history, mut seen) = years_later();
    for entry in &mut seen.log {
        entry.at = "2027-11-30T03:00:00Z".parse().unwrap();
    }
    seen.published = vec![published_of(&seen)];
    assert!(judge(&history, &seen).iter().any(|found| found.what.contains("too early")));
    let (history, mut seen) = years_later();
    seen.archives[0].leaves[3].at = "2026-12-01T03:00:00Z".parse().unwrap();
    assert!(judge(&history, &seen).iter().any(|found| found.what.contains("of another month")));
    let (history, mut seen) = years_later();
    seen.log[1].at = AT.parse().unwrap();
    assert!(judge(&history, &seen).iter().any(|found| found.what.contains("of a month that was archived")));
}

#[test]
fn what_is_archived_and_comes_back_is_told() {
    let (mut history, seen) = years_later();
    history.floor = 4;
    assert_eq!(judge(&history, &seen), []);
    let (_, receipt) = history.sends["k2"].answers.clone().pop_first().unwrap();
    history.answered("k2", id(2), receipt);
    assert_eq!(kinds(&history, &seen), [Kind::Wrong]);
    let (mut history, seen) = years_later();
    history.floor = 5;
    assert_eq!(kinds(&history, &seen), [Kind::Archive]);
}

#[test]
fn archived_transfers_that_are_still_shown_and_meters_that_forget_them_are_told() {
    let (history, mut seen) = years_later();
    let (_, before) = world();
    seen.inboxes.push(before.inboxes[0].clone());
    assert!(kinds(&history, &seen).contains(&Kind::HalfVisible));
    let (history, mut seen) = years_later();
    seen.bodies[0].1 = Body::Whole(history.sends["k1"].content.digests());
    assert_eq!(kinds(&history, &seen), [Kind::Archive]);
    let (history, mut seen) = years_later();
    seen.meter.remove(0);
    assert_eq!(kinds(&history, &seen), [Kind::Meter]);
}

type Wreck = fn(&mut Seen);

/// The same world when its only month was archived, and the first send was made again under its key.
fn years_later() -> (History, Seen) {
    let (mut history, mut seen) = world();
    let leaves: Vec<Leaf> = entries(&seen.log).iter().map(|bytes| Leaf::read(bytes).unwrap()).collect();
    let root = published(&seen.log).checkpoint.root;
    seen.archives = vec![Archive { header: header(Frontier::default()), sha256: [7; 32], leaves, root }];
    let content = history.sends["k1"].content.clone();
    history.answered("k1", id(5), receipt(id(5), A, B, &content));
    let bytes: usize = content.sizes.iter().sum();
    seen.log = vec![
        entry(json!({"position": 4, "kind": "archived"})),
        entry(json!({"position": 5, "kind": "accepted", "transfer": id(5).to_string(),
            "from": A, "to": B, "files": 2, "bytes": bytes})),
    ];
    for entry in &mut seen.log {
        entry.at = "2028-01-05T03:00:00Z".parse().unwrap();
    }
    let shown = transfer(id(5), A, B, &content, "accepted");
    (seen.outboxes, seen.inboxes) = (vec![shown.clone()], vec![shown]);
    let gone = || Body::Other("404 not found".to_owned());
    seen.bodies = vec![(id(1), gone()), (id(2), gone()), (id(5), Body::Whole(content.digests()))];
    let (one, none) =
        (json!({"transfers": 1, "files": 2, "bytes": bytes}), json!({"transfers": 0, "files": 0, "bytes": 0}));
    for (office, sent, received) in [(A, &one, &none), (B, &none, &one)] {
        let row = json!({"office": office, "month": "202801", "sent": sent, "received": received});
        seen.meter.push(serde_json::from_value(row).unwrap());
    }
    seen.published = vec![published_of(&seen)];
    (history, seen)
}

fn header(tree: Frontier) -> Header {
    Header { month: month(), first: 0, next: 4, epochs: (1, 1), before: None, tree }
}

/// The transparency log of the archived month and of what is kept.
fn published_of(seen: &Seen) -> Published {
    Published::of("log", 1, &entries_of(seen)).unwrap()
}

fn entries_of(seen: &Seen) -> Vec<Vec<u8>> {
    let archived = seen.archives.iter().flat_map(|archive| &archive.leaves).map(Leaf::bytes);
    archived.chain(entries(&seen.log)).collect()
}
