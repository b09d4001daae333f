//! Units held against the standard and against one another.

use super::*;
use careplan_protocol::api::{self, Marks};
use careplan_protocol::standard::Rule;
use std::path::Path;

type Files = Vec<(String, Vec<u8>)>;

/// A sample unit under another 連番.
fn sample(folder: &str, old: &str, stamp: u64) -> Files {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/samples/good").join(folder);
    let mut files: Files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().replace(old, &stamp.to_string());
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// The plan of October for the visits: two persons.
fn month(stamp: u64) -> Files {
    sample("04-month-a11", "20260925090001", stamp)
}

/// Takes the plan of October back, for one person.
fn deletion(stamp: u64, insured: &str) -> Files {
    let name = format!("DLTPLAN_202610_1379999012_43_1379999020_11_{stamp}.CSV");
    vec![(name, format!("202407,139998,{insured},202610\r\n").into_bytes())]
}

impl World {
    async fn send_files(&self, key: &str, files: &Files) -> Result<Accepted, Refusal> {
        let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        self.send(key, VISITS, &files).await
    }

    /// As both sides see it; they have to see the same.
    fn seen(&self, id: TransferId) -> api::Transfer {
        let find = |items: Vec<api::Transfer>| items.into_iter().find(|transfer| transfer.id == id).unwrap();
        let sent = find(self.exchange.outbox(&permit(PLAN), &OutboxQuery::default(), 0, 100).unwrap().items);
        let received = find(self.exchange.inbox(&permit(VISITS), &InboxQuery::default(), 0, 100).unwrap().items);
        if sent.state != State::Recalled {
            assert_eq!(sent, received);
        }
        sent
    }
}

fn rules(refusal: &Refusal) -> Vec<&'static str> {
    refusal.report.iter().flat_map(|report| &report.findings).map(|finding| finding.rule.id()).collect()
}

#[tokio::test]
async fn the_same_stamp_is_the_same_transfer_or_refused_until_it_is_recalled() {
    for policy in [Policy::Refuse, Policy::Warn, Policy::Unchecked] {
        let world = World::with(policy);
        let files = month(20260925090001);
        let first = world.send_files("a", &files).await.unwrap();
        let events = world.events();
        let again = world.send_files("b", &files).await.unwrap();
        assert_eq!((&again.sent, again.replayed), (&first.sent, true));
        let mut other = files.clone();
        other[1].1.extend_from_slice(&files[1].1.clone());
        let refusal = world.send_files("c", &other).await.unwrap_err();
        assert_eq!((refusal.code, rules(&refusal)), (Code::UnitReused, vec!["reused"]));
        assert_eq!(world.events(), events, "nothing is kept");
        world.recall(first.sent.transfer).await.unwrap();
        let resent = world.send_files("c", &other).await.unwrap();
        assert!(!resent.replayed && resent.sent.transfer != first.sent.transfer);
    }
}

#[tokio::test]
async fn what_is_older_than_something_taken_is_delivered_and_flagged() {
    let world = World::with(Policy::Refuse);
    let newer = world.send_files("a", &month(20260925090005)).await.unwrap().sent.transfer;
    let untaken = world.send_files("b", &month(20260925090004)).await.unwrap();
    assert!(untaken.report.findings.is_empty() && !world.seen(untaken.sent.transfer).late);
    world.fetch(VISITS, newer, 1).await.unwrap();
    let late = world.send_files("c", &month(20260925090003)).await.unwrap();
    assert_eq!(late.report.findings.iter().map(|finding| finding.rule).collect::<Vec<_>>(), [Rule::Late]);
    assert!(world.seen(late.sent.transfer).late);
    let listed = world.exchange.by_unit(&permit(VISITS), &InboxQuery::default(), &Place::default(), 10).unwrap();
    assert_eq!(
        listed.items.iter().map(|transfer| transfer.id).collect::<Vec<_>>(),
        [late.sent.transfer, untaken.sent.transfer]
    );
    let order: Vec<_> = listed.items[0].files.iter().map(|file| file.name.split('_').next().unwrap()).collect();
    assert_eq!(order, ["UPPLAN", "UPSIKYU", "UPHOSOKU"], "the base table comes first");
}

#[tokio::test]
async fn marks_count_persons_and_follow_recalls() {
    let world = World::with(Policy::Refuse);
    let plan = world.send_files("a", &month(20260925090001)).await.unwrap().sent.transfer;
    assert_eq!(world.seen(plan).marks, None);
    let deleted = world.send_files("b", &deletion(20260925090002, "9935589619")).await.unwrap().sent.transfer;
    let marks = world.seen(plan).marks.unwrap();
    assert_eq!((marks.superseded, marks.deleted), (0, 1));
    assert!(marks.persons > 1, "{marks:?}");
    let correction = world.send_files("c", &month(20260925090003)).await.unwrap().sent.transfer;
    let persons = marks.persons;
    assert_eq!(world.seen(plan).marks, Some(Marks { persons, superseded: persons - 1, deleted: 1 }));
    assert_eq!((world.seen(deleted).marks, world.seen(correction).marks), (None, None));
    world.recall(deleted).await.unwrap();
    assert_eq!(world.seen(plan).marks, Some(Marks { persons, superseded: persons, deleted: 0 }));
    world.recall(correction).await.unwrap();
    assert_eq!(world.seen(plan).marks, None);
}

#[tokio::test]
async fn findings_refuse_or_are_told_as_the_policy_says() {
    let mut files = month(20260925090001);
    files.retain(|(name, _)| !name.starts_with("UPSIKYU"));
    let world = World::with(Policy::Refuse);
    let events = world.events();
    let refusal = world.send_files("a", &files).await.unwrap_err();
    assert_eq!((refusal.code, rules(&refusal)), (Code::StandardViolated, vec!["unit"]));
    assert_eq!(world.events(), events);
    let told = World::with(Policy::Warn).send_files("a", &files).await.unwrap().report;
    assert_eq!(told.findings.iter().map(|finding| finding.rule).collect::<Vec<_>>(), [Rule::Unit]);
    assert!(World::with(Policy::Unchecked).send_files("a", &files).await.unwrap().report.findings.is_empty());
    for policy in [Policy::Refuse, Policy::Warn, Policy::Unchecked] {
        let stolen = vec![("DLTPLAN_202610_1379999038_15_1379999020_11_20260925090001.CSV".to_owned(), b"x".to_vec())];
        let refusal = World::with(policy).send_files("a", &stolen).await.unwrap_err();
        assert_eq!((refusal.code, rules(&refusal)), (Code::SenderMismatch, vec!["sender"]));
    }
}

#[tokio::test]
async fn attachments_are_what_their_content_says() {
    let world = World::with(Policy::Refuse);
    for (name, bytes, rule) in [
        ("a.pdf", &b"MZ\x90"[..], Some("type")),
        ("a.xlsx", b"PK\x03\x04", Some("type")),
        ("a.xlsx", b"%PDF-1.7", None),
    ] {
        let sent = world.send(name, VISITS, &[(name, bytes)]).await;
        assert_eq!(sent.as_ref().err().map(|refusal| rules(refusal)), rule.map(|rule| vec![rule]), "{name}");
    }
}
