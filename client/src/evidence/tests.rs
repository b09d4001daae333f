//! Records made by hand, and everything that can be done to them.

use super::*;
use crate::document::{Opened, hex, open, page_of};
use crate::receipts::key_fingerprint;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use careplan_protocol::api::{Acknowledged, File};
use careplan_protocol::receipt::{PublicKey, Receipt, ReceiptFile, compact, signing_input};
use careplan_protocol::transfer::{Class, Outcome, Sha256, State, TransferId};
use proptest::prelude::*;

const PLAN: &str = "UPPLAN_202610_1379999012_43_1379999020_11_20260925090001.CSV";
const LATER: &str = "UPPLAN_202610_1379999012_43_1379999020_11_20260925090002.CSV";
const RESULT: &str = "UPJSK_202610_1379999020_11_1379999012_43_20261102170001.CSV";

fn key_pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn keys(seed: u8) -> KeySet {
    let public: [u8; 32] = key_pair(seed).public_key().as_ref().try_into().unwrap();
    KeySet { keys: vec![PublicKey::ed25519("key-1".to_owned(), &public)] }
}

fn known(seed: u8) -> Vec<careplan_protocol::transfer::Fingerprint> {
    keys(seed).keys.iter().filter_map(key_fingerprint).collect()
}

fn sha256(text: &str) -> Sha256 {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    Sha256(digest.as_ref().try_into().unwrap())
}

fn transfer(position: u64, from: &str, to: &str, names: &[&str]) -> Transfer {
    let file = |(index, name): (usize, &&str)| File {
        n: index as u16 + 1,
        name: (*name).to_owned(),
        size: name.len() as u64,
        sha256: sha256(name),
    };
    let accepted_at: Timestamp = "2026-10-05T01:02:03.456Z".parse().unwrap();
    let stamp = names.iter().find_map(|name| name.split(['_', '.']).nth_back(1)?.parse().ok());
    Transfer {
        id: TransferId { epoch: 1, position },
        from: from.parse().unwrap(),
        from_name: "あおぞら居宅介護支援事業所".to_owned(),
        to: to.parse().unwrap(),
        to_name: "ヘルパーステーション <みどり> & 仲間".to_owned(),
        class: Class::Register,
        month: "2026-10".parse().unwrap(),
        month_by_acceptance: false,
        accepted_month: "2026-10".parse().unwrap(),
        stamp,
        message: "10月分です。\nよろしくお願いいたします。</script>".to_owned(),
        files: names.iter().enumerate().map(file).collect(),
        file_count: names.len() as u32,
        bytes: names.iter().map(|name| name.len() as u64).sum(),
        state: State::Imported,
        accepted_at,
        fetched_at: Some("2026-10-05T03:00:00Z".parse().unwrap()),
        all_fetched_at: Some("2026-10-05T03:00:01Z".parse().unwrap()),
        acknowledgement: Some(Acknowledged {
            outcome: Outcome::Imported,
            reason: None,
            at: "2026-10-05T04:00:00Z".parse().unwrap(),
        }),
        recalled_at: None,
        retained_until: "2027-01-03".parse().unwrap(),
        marks: None,
        late: false,
        warnings: Vec::new(),
        delivery_receipts: Vec::new(),
    }
}

fn receipt(transfer: &Transfer, seed: u8) -> String {
    let files = transfer.files.iter();
    let is_standard = |name: &String| name.ends_with(".CSV");
    let stated = |file: &File| ReceiptFile {
        n: file.n,
        name: Some(file.name.clone()).filter(is_standard),
        size: file.size,
        sha256: file.sha256,
    };
    let receipt = Receipt {
        version: 1,
        hub: "demo".to_owned(),
        transfer: transfer.id,
        epoch: transfer.id.epoch,
        position: transfer.id.position,
        from: transfer.from,
        to: transfer.to,
        accepted_at: transfer.accepted_at,
        files: files.map(stated).collect(),
    };
    let input = signing_input("key-1", &serde_json::to_vec(&receipt).unwrap());
    compact(&input, key_pair(seed).sign(input.as_bytes()).as_ref())
}

/// The record of the plan side: two units sent, one result received.
pub(super) fn evidence() -> Evidence {
    let sent = [
        transfer(7, "1379999012-43", "1379999020-11", &[PLAN, "写真.jpg"]),
        transfer(9, "1379999012-43", "1379999020-11", &[LATER]),
    ];
    let mut entries: Vec<Entry> = sent
        .into_iter()
        .map(|it| Entry { direction: Direction::Sent, receipt: Some(receipt(&it, 1)), proof: None, transfer: it })
        .collect();
    let received = transfer(12, "1379999020-11", "1379999012-43", &[RESULT]);
    entries.push(Entry { direction: Direction::Received, receipt: None, proof: None, transfer: received });
    Evidence {
        kind: "careplan-evidence".to_owned(),
        version: 1,
        made_with: "0.1.0".to_owned(),
        made_at: "2026-11-10T00:00:00Z".parse().unwrap(),
        office: "1379999012".parse().unwrap(),
        office_name: "あおぞら居宅介護支援事業所".to_owned(),
        hub: "https://hub.example:8443".to_owned(),
        hub_name: "demo".to_owned(),
        month: "2026-10".parse().unwrap(),
        partner: None,
        keys: keys(1),
        entries,
    }
}

/// The same with everything else that can be said of a transfer, for the page.
fn every_kind() -> Evidence {
    let mut evidence = evidence();
    let mut add = |transfer: Transfer| {
        evidence.entries.push(Entry { direction: Direction::Received, receipt: None, proof: None, transfer });
    };
    let plain = |position, names: &[&str]| transfer(position, "1379999020", "1379999012-43", names);
    let said = |outcome, reason: Option<&str>| Acknowledged {
        outcome,
        reason: reason.map(ToOwned::to_owned),
        at: "2026-10-06T00:00:00Z".parse().unwrap(),
    };
    add(Transfer {
        state: State::Rejected,
        acknowledgement: Some(said(Outcome::Rejected, Some("利用者が見つかりません"))),
        late: true,
        marks: Some(careplan_protocol::api::Marks { persons: 3, superseded: 1, deleted: 1 }),
        ..plain(13, &[RESULT])
    });
    add(Transfer {
        state: State::Recalled,
        recalled_at: Some("2026-10-05T02:00:00Z".parse().unwrap()),
        fetched_at: None,
        all_fetched_at: None,
        acknowledgement: None,
        message: String::new(),
        files: Vec::new(),
        ..plain(14, &[RESULT])
    });
    let pdf = plain(15, &["報告書.pdf"]);
    let pdf = Transfer { class: Class::Attachment, month_by_acceptance: true, acknowledgement: None, ..pdf };
    add(Transfer { state: State::Fetched, ..pdf.clone() });
    let id = |position| TransferId { epoch: 1, position };
    let unfetched = Transfer { id: id(16), fetched_at: None, all_fetched_at: None, ..pdf };
    add(Transfer { state: State::Accepted, ..unfetched.clone() });
    let whole = careplan_protocol::api::Marks { persons: 2, superseded: 2, deleted: 0 };
    add(Transfer { id: id(17), state: State::Expired, marks: Some(whole), ..unfetched });
    evidence
}

fn opened(evidence: &Evidence) -> Opened<Evidence> {
    open(&page_of(evidence).unwrap()).unwrap()
}

/// What a check finds in a record that was written out anew after a change, as a skilled forger would.
fn found_after(change: impl FnOnce(&mut Evidence)) -> Vec<String> {
    let mut evidence = evidence();
    change(&mut evidence);
    let judgement = judge(&opened(&evidence), &[], &[]);
    judgement.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_record_holds_as_it_was_made() {
    let opened = opened(&evidence());
    let judgement = judge(&opened, &[], &known(1));
    assert!(opened.altered.is_none() && judgement.problems.is_empty(), "{:?}", judgement.problems);
    let proved: Vec<bool> = judgement.entries.iter().map(|entry| entry.by_receipt).collect();
    assert_eq!(proved, [true, true, false]);
    assert_eq!(judgement.keys[0].trust, Trust::Known);
}

#[test]
fn the_page_of_version_1_comes_out_as_it_always_did() {
    // Records of this form are in offices' hands: when the page has to change, version 2 begins and this one stays.
    let kept = include_str!("../../tests/evidence-1.html");
    assert_eq!(page_of(&every_kind()).unwrap(), kept);
    let opened = open::<Evidence>(kept).unwrap();
    assert_eq!(opened.altered, None);
    assert!(judge(&opened, &[], &known(1)).problems.is_empty());
}

#[test]
fn a_table_that_says_something_else_than_the_data_is_found() {
    let page = page_of(&evidence()).unwrap();
    for (said, forged) in [
        ("2026-10-05 12:00:00</td>", "2026-10-04 12:00:00</td>"),
        ("取込済<br>", "取込不可<br>"),
        ("写真.jpg", "写真2.jpg"),
        (&hex(&sha256(PLAN).0)[..], &hex(&sha256(LATER).0)[..]),
        ("送信 2 件", "送信 3 件"),
    ] {
        let forged = page.replacen(said, forged, 1);
        assert_ne!(forged, page, "{said}");
        let opened = open::<Evidence>(&forged).unwrap();
        let judgement = judge(&opened, &[], &[]);
        assert!(matches!(judgement.problems[..], [Problem::Altered(_)]), "{said}: {:?}", judgement.problems);
    }
}

#[test]
fn what_the_hub_signed_cannot_be_changed_even_when_the_page_is_written_anew() {
    let of_first = |change: fn(&mut Transfer)| found_after(|it| change(&mut it.entries[0].transfer));
    assert!(found_after(|_| ()).is_empty());
    let id = TransferId { epoch: 1, position: 7 };
    let signed = |field: &str| format!("{id}: {field} is not what the hub signed");
    let at = of_first(|it| it.accepted_at = "2026-10-05T01:02:03.457Z".parse().unwrap());
    assert_eq!(at, [signed("the time of acceptance")]);
    assert_eq!(of_first(|it| it.to = "1379999038-15".parse().unwrap()), [signed("the recipient")]);
    assert_eq!(of_first(|it| it.files[0].sha256 = sha256("other")), [signed("the list of files")]);
    assert_eq!(of_first(|it| it.files[1].sha256 = sha256("other")), [signed("the list of files")]);
    assert_eq!(of_first(|it| it.files.swap(0, 1)), [signed("the list of files")]);
    assert!(!of_first(|it| it.files[0].name = LATER.to_owned()).is_empty());
    let other = found_after(|it| it.entries[0].receipt = it.entries[1].receipt.clone());
    assert!(other[0].contains("another transfer"), "{other:?}");
}

#[test]
fn transfers_that_do_not_belong_or_stand_twice_are_found() {
    assert!(!found_after(|it| it.entries.swap(0, 1)).is_empty());
    assert!(!found_after(|it| it.entries[1] = it.entries[0].clone()).is_empty());
    assert!(!found_after(|it| it.entries[2].direction = Direction::Sent).is_empty());
    assert!(!found_after(|it| it.office = "1379999020".parse().unwrap()).is_empty());
    assert!(!found_after(|it| it.partner = "1379999038".parse().ok()).is_empty());
    assert!(!found_after(|it| it.month = "2026-11".parse().unwrap()).is_empty());
    assert!(!found_after(|it| it.entries[2].transfer.month = "2026-11".parse().unwrap()).is_empty());
    assert!(!found_after(|it| it.entries[2].transfer.stamp = None).is_empty());
}

#[test]
fn a_record_signed_by_somebody_else_fails_against_the_hubs_key() {
    let mut forged = evidence();
    forged.keys = keys(2);
    for entry in &mut forged.entries[..2] {
        entry.receipt = Some(receipt(&entry.transfer, 2));
    }
    let opened = opened(&forged);
    let own = judge(&opened, &[], &known(1));
    assert_eq!((own.problems.len(), own.keys[0].trust), (0, Trust::Unconfirmed), "nobody says whose key it is");
    let theirs = key_fingerprint(&keys(1).keys[0]).unwrap();
    let judged = judge(&opened, &[theirs], &[]);
    assert!(matches!(judged.problems[..], [Problem::Key(..)]), "{:?}", judged.problems);
    let right = judge(&super::tests::opened(&evidence()), &[theirs], &[]);
    assert_eq!((right.problems.len(), right.keys[0].trust), (0, Trust::Given));
}

#[test]
fn files_are_tied_by_name_and_contents_and_a_swapped_one_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = evidence();
    let write = |place: &str, text: &str| {
        let path = folder.path().join(place);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let found = || -> Vec<&'static str> {
        let word = |tied: Tied| match tied.found {
            crate::receipts::Match::Same(_) => "same",
            crate::receipts::Match::Different(_) => "different",
            crate::receipts::Match::Missing => "missing",
        };
        tie(&evidence, folder.path(), || ()).unwrap().into_iter().map(word).collect()
    };
    assert_eq!(found(), ["missing"; 4]);
    let own = format!("1379999020/sent/{}", TransferId { epoch: 1, position: 7 });
    write(&format!("{own}/{PLAN}"), PLAN);
    write(&format!("{own}/写真.jpg"), "写真.jpg");
    write(&format!("flat/{LATER}"), LATER);
    write(&format!("flat/{RESULT}"), RESULT);
    assert_eq!(found(), ["same"; 4]);
    write(&format!("flat/{LATER}"), RESULT);
    write(&format!("flat/{RESULT}"), LATER);
    assert_eq!(found(), ["same", "same", "different", "different"], "swapped");
    write(&format!("{own}/写真.jpg"), "another picture");
    write("elsewhere/写真.jpg", "写真.jpg");
    assert_eq!(found()[1], "different", "in the transfer's own folder its name counts");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_changed_byte_of_the_file_is_found(place: prop::sample::Index, to: u8) {
        let page = page_of(&evidence()).unwrap();
        let mut bytes = page.clone().into_bytes();
        let place = place.index(bytes.len());
        prop_assume!(bytes[place] != to);
        bytes[place] = to;
        // What is no UTF-8 any more is refused by whoever reads the file.
        if let Ok(opened) = open::<Evidence>(&String::from_utf8_lossy(&bytes)) {
            prop_assert!(!judge(&opened, &[], &[]).problems.is_empty(), "byte {place}");
        }
    }
}
