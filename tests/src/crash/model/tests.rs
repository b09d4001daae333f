//! The model can fail: every kind of wrong world is told.

mod archived;

use super::super::history::{Act, Content, Deed, History, Sending};
use super::{Body, Kind, Seen, judge};
use crate::crash::published::Published;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use careplan_protocol::api::{LogEntry, Transfer, Usage};
use careplan_protocol::calendar::Month;
use careplan_protocol::event::{About, Beginning, Fact, Leaf};
use careplan_protocol::transfer::{Class, State, TransferId};
use serde_json::{Value, json};

#[test]
fn a_right_world_has_no_violations() {
    let (history, seen) = world();
    assert_eq!(judge(&history, &seen), []);
}

#[test]
fn a_send_without_an_answer_may_be_there_or_not() {
    let (mut history, mut seen) = world();
    for send in history.sends.values_mut() {
        send.answers.clear();
    }
    history.deeds.iter_mut().for_each(|deed| deed.certain = false);
    assert_eq!(judge(&history, &seen), []);
    seen.bodies.clear();
    seen.log.retain(|entry| entry.kind == "began");
    (seen.outboxes, seen.inboxes, seen.meter) = Default::default();
    assert_eq!(judge(&history, &seen), []);
}

#[test]
fn a_lost_transfer_is_told() {
    let (history, mut seen) = world();
    let lost = seen.outboxes.remove(0).id;
    seen.inboxes.retain(|transfer| transfer.id != lost);
    assert!(kinds(&history, &seen).contains(&Kind::Lost));
}

#[test]
fn an_acknowledged_send_that_only_the_log_lacks_is_told() {
    let (history, mut seen) = world();
    seen.log.pop();
    let accepted = seen.log.iter().position(|entry| entry.kind == "accepted").unwrap();
    seen.log.remove(accepted);
    let found = kinds(&history, &seen);
    assert!(found.contains(&Kind::Lost) && found.contains(&Kind::HalfVisible) && found.contains(&Kind::Position));
}

#[test]
fn a_doubled_transfer_is_told() {
    let (history, mut seen) = world();
    let mut second = seen.outboxes[0].clone();
    second.id = id(9);
    seen.outboxes.push(second.clone());
    seen.inboxes.push(second);
    assert!(kinds(&history, &seen).contains(&Kind::Doubled));
}

#[test]
fn a_transfer_that_stands_in_one_list_only_is_told() {
    let (history, mut seen) = world();
    seen.inboxes.pop();
    assert_eq!(kinds(&history, &seen), [Kind::HalfVisible]);
}

#[test]
fn a_position_given_twice_or_left_out_is_told() {
    let (history, mut seen) = world();
    seen.log[2].position = 1;
    assert_eq!(kinds(&history, &seen), [Kind::Position]);
    let (mut history, seen) = world();
    let twice = history.sends["k1"].answers.clone();
    history.sends.get_mut("k2").unwrap().answers = twice;
    assert!(kinds(&history, &seen).contains(&Kind::Position));
}

#[test]
fn a_changed_receipt_is_told() {
    let (mut history, seen) = world();
    let (transfer, _) = history.sends["k1"].answers.clone().pop_first().unwrap();
    history.answered("k1", transfer, "another one".to_owned());
    assert_eq!(kinds(&history, &seen), [Kind::Receipt]);
    let (mut history, seen) = world();
    let (_, other) = history.sends["k2"].answers.clone().pop_first().unwrap();
    history.sends.get_mut("k1").unwrap().answers = [(transfer, other)].into();
    assert_eq!(kinds(&history, &seen), [Kind::Receipt]);
}

#[test]
fn a_retry_that_got_another_transfer_is_told() {
    let (mut history, seen) = world();
    let (_, receipt) = history.sends["k1"].answers.clone().pop_first().unwrap();
    history.answered("k1", id(7), receipt);
    assert_eq!(kinds(&history, &seen), [Kind::Lost, Kind::Receipt]);
}

#[test]
fn a_meter_off_by_one_is_told() {
    let (history, mut seen) = world();
    seen.meter[0].sent.transfers += 1;
    assert_eq!(kinds(&history, &seen), [Kind::Meter]);
    let (history, mut seen) = world();
    seen.meter.pop();
    assert_eq!(kinds(&history, &seen), [Kind::Meter]);
}

#[test]
fn a_lost_or_doubled_deed_is_told() {
    let (history, mut seen) = world();
    let fetched = seen.log.iter().position(|entry| entry.kind == "fetched").unwrap();
    seen.log[fetched].kind = "reread".to_owned();
    assert!(kinds(&history, &seen).contains(&Kind::Lost));
    let (history, mut seen) = world();
    let mut again = seen.log[fetched].clone();
    again.position = seen.log.len() as u64;
    seen.log.push(again);
    assert_eq!(kinds(&history, &seen), [Kind::Doubled]);
}

#[test]
fn lists_that_show_another_state_than_the_log_are_told() {
    let (history, mut seen) = world();
    seen.inboxes[0].state = State::Accepted;
    assert_eq!(kinds(&history, &seen), [Kind::Wrong]);
}

#[test]
fn other_bytes_or_files_gone_too_early_are_told() {
    let (history, mut seen) = world();
    let sent = history.sends["k2"].content.digests();
    seen.bodies = vec![(id(1), Body::Whole(sent))];
    assert_eq!(kinds(&history, &seen), [Kind::Wrong]);
    seen.bodies = vec![(id(1), Body::Gone)];
    assert_eq!(kinds(&history, &seen), [Kind::Lost]);
    seen.bodies = vec![(id(1), Body::Other("500".to_owned()))];
    assert_eq!(kinds(&history, &seen), [Kind::Lost]);
}

#[test]
fn damage_and_wrong_answers_are_told() {
    let (mut history, mut seen) = world();
    seen.damage.push("event 3".to_owned());
    history.wrong.push("k1 was answered 409".to_owned());
    assert_eq!(kinds(&history, &seen), [Kind::Wrong, Kind::Damage]);
}

#[test]
fn a_transparency_log_that_is_not_the_log_or_not_what_it_was_is_told() {
    let (mut history, mut seen) = world();
    seen.published = vec![published(&seen.log)];
    let right = seen.clone();
    history.checkpoints.push(Published::of("log", 1, &entries(&seen.log[..2])).unwrap().checkpoint);
    history.checkpoints.push(seen.published[0].checkpoint.clone());
    assert_eq!(judge(&history, &seen), []);
    // Another root than that of its entries.
    seen.published[0].checkpoint.root = seen.published[0].roots[1];
    assert_eq!(kinds(&history, &seen), [Kind::Published]);
    // One event less than the log; than it showed before.
    seen.published = vec![published(&right.log[..3])];
    assert_eq!(kinds(&history, &seen), [Kind::Published]);
    assert_eq!(judge(&history, &seen).len(), 2);
    // Another event than the log has.
    let mut other = right.log.clone();
    other[3].kind = "recalled".to_owned();
    seen.published = vec![published(&other)];
    history.checkpoints.clear();
    assert_eq!(kinds(&history, &seen), [Kind::Published]);
    // A later epoch that does not cite the one before.
    seen.published = vec![right.published[0].clone(), Published { epoch: 2, ..right.published[0].clone() }];
    assert_eq!(kinds(&history, &seen), [Kind::Published]);
    // Gone altogether.
    history.checkpoints.push(right.published[0].checkpoint.clone());
    seen.published.clear();
    assert_eq!(kinds(&history, &seen), [Kind::Published]);
}

#[test]
fn a_search_that_finds_less_or_more_than_the_log_has_is_told() {
    let (history, mut seen) = world();
    seen.searches = vec![(A.to_owned(), vec![seen.log[3].clone()]), (C.to_owned(), Vec::new())];
    assert_eq!(judge(&history, &seen), []);
    seen.searches[0].1.clear();
    assert_eq!(kinds(&history, &seen), [Kind::Search]);
    seen.searches[0].1 = vec![seen.log[3].clone(), seen.log[3].clone()];
    assert_eq!(kinds(&history, &seen), [Kind::Search]);
    seen.searches[0].1 = vec![seen.log[2].clone()];
    assert_eq!(kinds(&history, &seen), [Kind::Search]);
}

fn published(log: &[LogEntry]) -> Published {
    Published::of("log", 1, &entries(log)).unwrap()
}

/// The leaves of events as the log shows them.
fn entries(log: &[LogEntry]) -> Vec<Vec<u8>> {
    let of = |transfer: TransferId| {
        let (from, to) = (A.parse().unwrap(), B.parse().unwrap());
        About { epoch: transfer.epoch, position: transfer.position, from, to }
    };
    let fact = |entry: &LogEntry| match (entry.kind.as_str(), entry.transfer) {
        ("began", _) => Fact::Began { because: Beginning::FirstStart, cites: None },
        ("archived", _) => Fact::Archived { month: month(), first: 0, next: 4, sha256: [7; 32] },
        ("accepted", _) => {
            let (from, to, bytes) = (entry.from.unwrap(), entry.to.unwrap(), entry.bytes.unwrap());
            Fact::Accepted { from, to, class: Class::Attachment, month: None, stamp: None, files: 2, bytes }
        }
        ("fetched", Some(transfer)) => Fact::Fetched { of: of(transfer), file: 1 },
        ("recalled", Some(transfer)) => Fact::Recalled { of: of(transfer) },
        other => panic!("{other:?}"),
    };
    let leaf = |entry: &LogEntry| Leaf {
        version: 1,
        epoch: 1,
        position: entry.position,
        at: entry.at,
        actor: None,
        fact: fact(entry),
        commitment: [0; 32],
    };
    log.iter().map(|entry| leaf(entry).bytes()).collect()
}

fn kinds(history: &History, seen: &Seen) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = judge(history, seen).into_iter().map(|violation| violation.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Two sends and a fetch, as a right hub shows them.
fn world() -> (History, Seen) {
    let mut history = History::default();
    let mut seen = Seen::default();
    seen.log.push(entry(json!({"position": 0, "kind": "began"})));
    for (position, from, to) in [(1, A, B), (2, B, A)] {
        let content = Content { seed: position, sizes: vec![100 + position as usize, 7] };
        let receipt = receipt(id(position), from, to, &content);
        let answers = [(id(position), receipt)].into();
        let send = Sending { from: from.to_owned(), to: to.to_owned(), content: content.clone(), answers };
        history.sends.insert(format!("k{position}"), send);
        seen.bodies.push((id(position), Body::Whole(content.digests())));
        let bytes: usize = content.sizes.iter().sum();
        seen.log.push(entry(json!({"position": position, "kind": "accepted", "transfer": id(position).to_string(),
            "from": from, "to": to, "files": 2, "bytes": bytes})));
        let state = if position == 1 { "fetched" } else { "accepted" };
        let shown = transfer(id(position), from, to, &content, state);
        seen.outboxes.push(shown.clone());
        seen.inboxes.push(shown);
    }
    let fetched = json!({"position": 3, "kind": "fetched", "transfer": id(1).to_string(), "from": A, "to": B});
    seen.log.push(entry(fetched));
    history.deeds.push(Deed { transfer: id(1), what: Act::Fetched, certain: true });
    for (office, sent, received) in [(A, 108, 109), (B, 109, 108)] {
        let count = |bytes| json!({"transfers": 1, "files": 2, "bytes": bytes});
        let row = json!({"office": office, "month": "202611", "sent": count(sent), "received": count(received)});
        seen.meter.push(serde_json::from_value::<Usage>(row).unwrap());
    }
    (history, seen)
}

/// The month of the world.
fn month() -> Month {
    "202611".parse().unwrap()
}

fn id(position: u64) -> TransferId {
    TransferId { epoch: 1, position }
}

fn entry(mut values: Value) -> LogEntry {
    let base = json!({"epoch": 1, "at": AT, "actor_name": "", "outcome": "ok"});
    values.as_object_mut().unwrap().extend(base.as_object().unwrap().clone());
    serde_json::from_value(values).unwrap()
}

fn files(content: &Content) -> Value {
    let file = |(n, (size, sum)): (usize, (u64, _))| json!({"n": n + 1, "name": "a.pdf", "size": size, "sha256": sum});
    content.digests().into_iter().enumerate().map(file).collect()
}

fn transfer(id: TransferId, from: &str, to: &str, content: &Content, state: &str) -> Transfer {
    let bytes: usize = content.sizes.iter().sum();
    serde_json::from_value(json!({
        "id": id.to_string(), "from": from, "from_name": "", "to": to, "to_name": "", "class": "attachment",
        "month": "202611", "month_by_acceptance": true, "accepted_month": "202611", "message": "",
        "files": files(content), "file_count": 2, "bytes": bytes, "state": state, "accepted_at": AT,
        "retained_until": "2027-02-19",
    }))
    .unwrap()
}

fn receipt(id: TransferId, from: &str, to: &str, content: &Content) -> String {
    let payload = json!({"version": 1, "hub": "h", "transfer": id.to_string(), "epoch": id.epoch,
        "position": id.position, "from": from, "to": to, "accepted_at": AT, "files": files(content)});
    format!("h.{}.s", URL_SAFE_NO_PAD.encode(payload.to_string()))
}

const A: &str = "1379999012";
const B: &str = "1379999020";
const C: &str = "1379999038";
const AT: &str = "2026-11-21T03:00:00Z";
