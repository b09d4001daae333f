//! Transfers from end to end, over a store in memory and a clock set by hand.

use super::lists::Place;
use super::{Accepted, Exchange, Offer};
use crate::config::Limits;
use crate::metrics::Metrics;
use crate::permit::{OfficePermit, RetryPermit, SendPermit};
use crate::store::body::Opened;
use crate::store::event::{Detail, Fact, NewEvent};
use crate::store::memory::{HandClock, MemoryStore};
use bytes::Bytes;
use careplan_protocol::api::{Acknowledge, InboxQuery, OutboxQuery};
use careplan_protocol::office::{Address, OfficeNumber};
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::standard::Policy;
use careplan_protocol::transfer::{Fingerprint, Outcome, State, TransferId};
use std::sync::Arc;

mod lists;
mod units;

const PLAN: &str = "1379999012";
const VISITS: &str = "1379999020";
const BOTH: &str = "1379999038";

struct World {
    exchange: Exchange,
    store: Arc<MemoryStore>,
    clock: Arc<HandClock>,
}

fn number(text: &str) -> OfficeNumber {
    text.parse().unwrap()
}

fn certificate(office: &str) -> Fingerprint {
    Fingerprint([office.as_bytes()[8]; 32])
}

fn permit(office: &str) -> OfficePermit {
    OfficePermit::of(number(office), certificate(office))
}

impl World {
    /// A hub that relays unchecked, for files that only have names.
    fn new() -> Self {
        Self::with(Policy::Unchecked)
    }

    fn with(policy: Policy) -> Self {
        let clock = HandClock::at("2026-10-01T00:00:00Z");
        let store = MemoryStore::new(clock.clone());
        for (office, types) in [(PLAN, &["43"][..]), (VISITS, &["11"]), (BOTH, &["15", "17"])] {
            store.take(enrolment(number(office), types));
        }
        let metrics = Arc::new(Metrics::new().unwrap());
        let exchange = Exchange::new(store.clone(), metrics, Limits::default(), policy, "test".to_owned(), 90);
        Self { exchange, store, clock }
    }

    async fn send(&self, key: &str, to: &str, files: &[(&str, &[u8])]) -> Result<Accepted, Refusal> {
        let retry = RetryPermit::of(permit(PLAN));
        let to: Address = to.parse().unwrap();
        let from = Address::whole(number(PLAN));
        let (message, client) = ("10月分です。".to_owned(), "test/1".to_owned());
        let offer = Offer { key: key.to_owned(), from, to, message, client };
        let mut incoming = match self.exchange.earlier(&retry, key)? {
            Some(earlier) => self.exchange.compare(&retry, offer, earlier),
            None => self.exchange.begin(&SendPermit::of(&retry, from, to), offer)?,
        };
        for (name, bytes) in files {
            incoming.begin_file(name).await?;
            incoming.write(Bytes::copy_from_slice(bytes)).await?;
        }
        incoming.finish().await
    }

    async fn fetch(&self, office: &str, id: TransferId, n: u16) -> Result<Vec<u8>, Refusal> {
        let permit = permit(office);
        let transfer = self.exchange.received(&permit, id)?;
        let mut fetched = self.exchange.fetch(&permit, &transfer, n, |_: &dyn Opened| Ok(None)).await?;
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < fetched.file.size() {
            bytes.extend_from_slice(&fetched.file.read_from(bytes.len() as u64).await?);
        }
        Ok(bytes)
    }

    async fn recall(&self, id: TransferId) -> Result<(), Refusal> {
        let permit = permit(PLAN);
        let transfer = self.exchange.sent(&permit, id)?;
        self.exchange.recall(&permit, &transfer).await.map(drop)
    }

    fn state_of(&self, id: TransferId) -> State {
        let transfer = self.exchange.sent(&permit(PLAN), id).unwrap();
        transfer.state(&crate::store::Store::state(&*self.store))
    }

    fn events(&self) -> u64 {
        crate::store::Store::state(&*self.store).next
    }
}

fn enrolment(office: OfficeNumber, types: &[&str]) -> Vec<NewEvent> {
    let service_types = types.iter().map(|code| code.parse().unwrap()).collect();
    let (from, until) = (jiff::civil::date(2026, 4, 1), jiff::civil::date(2027, 3, 31));
    let facts = [
        Fact::OfficeEnrolled { office, service_types },
        Fact::CertificateRegistered {
            office,
            certificate: certificate(office.as_str()),
            not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
            not_after: "2029-01-01T00:00:00Z".parse().unwrap(),
        },
        Fact::LicenceTerm { office, from, until, fee: 21_000 },
    ];
    facts.into_iter().map(|fact| NewEvent { actor: None, fact, detail: Detail::default(), body: None }).collect()
}

fn code<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Code {
    result.unwrap_err().code
}

const PDF: &[(&str, &[u8])] = &[("報告.pdf", b"%PDF-1.7")];

#[tokio::test]
async fn what_was_sent_is_fetched_byte_for_byte_and_its_states_follow() {
    let world = World::new();
    let files: &[(&str, &[u8])] = &[("報告.pdf", b"%PDF-1.7"), ("写真.jpg", b"\xff\xd8")];
    let id = world.send("k", VISITS, files).await.unwrap().sent.transfer;
    assert_eq!(world.state_of(id), State::Accepted);
    assert_eq!(world.fetch(VISITS, id, 1).await.unwrap(), b"%PDF-1.7");
    assert_eq!(world.state_of(id), State::Fetched);
    let transfer = world.exchange.sent(&permit(PLAN), id).unwrap();
    assert!(transfer.fetched_at.is_some() && transfer.all_fetched_at.is_none());
    assert_eq!(world.fetch(VISITS, id, 2).await.unwrap(), b"\xff\xd8");
    assert!(world.exchange.sent(&permit(PLAN), id).unwrap().all_fetched_at.is_some());
    let word = Acknowledge { outcome: Outcome::Imported, reason: None };
    let transfer = world.exchange.received(&permit(VISITS), id).unwrap();
    world.exchange.acknowledge(&permit(VISITS), &transfer, word).await.unwrap();
    assert_eq!(world.state_of(id), State::Imported);
}

#[tokio::test]
async fn a_retry_gets_the_byte_identical_receipt_whatever_changed_since() {
    let world = World::new();
    let first = world.send("k", VISITS, PDF).await.unwrap();
    let declined = Fact::LicenceDeclined { office: number(PLAN) };
    world.store.take(vec![NewEvent { actor: None, fact: declined, detail: Detail::default(), body: None }]);
    let events = world.events();
    world.clock.set("2027-05-01T00:00:00Z");
    let again = world.send("k", VISITS, PDF).await.unwrap();
    assert_eq!((&again.sent, again.replayed), (&first.sent, true));
    assert_eq!(world.events(), events);
    assert_eq!(code(world.send("k", VISITS, &[("報告.pdf", b"%PDF-1.8")]).await), Code::IdempotencyConflict);
    assert_eq!(code(world.send("k", BOTH, PDF).await), Code::IdempotencyConflict);
    assert_eq!(code(world.send("other", VISITS, PDF).await), Code::LicenceExpired);
}

#[tokio::test]
async fn a_refused_send_leaves_neither_transfer_nor_key() {
    let world = World::new();
    let events = world.events();
    assert_eq!(code(world.send("k", "1369999048", PDF).await), Code::RecipientUnknown);
    assert_eq!(code(world.send("k", "1379999020-43", PDF).await), Code::RecipientTypeUnknown);
    assert_eq!(code(world.send("k", VISITS, &[]).await), Code::NoFiles);
    assert_eq!(code(world.send("k", VISITS, &[("a.pdf", b"")]).await), Code::FileEmpty);
    assert_eq!(code(world.send("k", VISITS, &[("../a.pdf", b"x")]).await), Code::FileName);
    assert_eq!(code(world.send("k", VISITS, &[("a.pdf", b"x"), ("A.PDF", b"y")]).await), Code::FileName);
    assert_eq!(world.events(), events);
    assert!(world.send("k", VISITS, PDF).await.is_ok());
}

#[tokio::test]
async fn a_unit_goes_where_its_names_say_or_nowhere() {
    let world = World::new();
    let name = |prefix: &str, from: &str, to: &str| format!("{prefix}_{from}_{to}_20260925090002.CSV");
    let deletion = name("DLTPLAN_202610", "1379999012_43", "1379999038_15");
    let id = world.send("k", BOTH, &[(&deletion, b"x")]).await.unwrap().sent.transfer;
    let transfer = world.exchange.sent(&permit(PLAN), id).unwrap();
    assert_eq!((transfer.from.to_string(), transfer.to.to_string()), ("1379999012-43".into(), "1379999038-15".into()));
    assert_eq!(transfer.month.map(|month| month.to_string()).as_deref(), Some("2026-10"));
    assert_eq!(code(world.send("a", VISITS, &[(&deletion, b"x")]).await), Code::ReceiverMismatch);
    assert_eq!(code(world.send("b", "1379999038-17", &[(&deletion, b"x")]).await), Code::ReceiverMismatch);
    let foreign = name("DLTPLAN_202610", "1379999020_11", "1379999038_15");
    assert_eq!(code(world.send("c", BOTH, &[(&foreign, b"x")]).await), Code::SenderMismatch);
    let other = name("DLTPLAN_202611", "1379999012_43", "1379999038_15").replace("090002", "090003");
    let mixed = world.send("d", BOTH, &[(&deletion, b"x"), (&other, b"x")]).await;
    assert_eq!(code(mixed), Code::UnitIllegal, "one 連番 a transfer, whatever the policy");
}

#[tokio::test]
async fn two_desks_under_one_number_see_their_own_and_what_is_for_both() {
    let world = World::new();
    for (key, to) in [("a", "1379999038-15"), ("b", "1379999038-17"), ("c", "1379999038")] {
        world.send(key, to, PDF).await.unwrap();
    }
    let seen = |code: &str| {
        let query = InboxQuery { service_type: Some(code.parse().unwrap()), ..InboxQuery::default() };
        let listed = world.exchange.by_unit(&permit(BOTH), &query, &Place::default(), 10).unwrap();
        listed.items.iter().map(|transfer| transfer.to.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(seen("15"), ["1379999038-15", "1379999038"]);
    assert_eq!(seen("17"), ["1379999038-17", "1379999038"]);
}

#[tokio::test]
async fn recall_wins_before_the_fetch_and_loses_after_it() {
    let world = World::new();
    let id = world.send("k", VISITS, PDF).await.unwrap().sent.transfer;
    world.recall(id).await.unwrap();
    world.recall(id).await.unwrap();
    assert_eq!(code(world.fetch(VISITS, id, 1).await), Code::Recalled);
    let seen = world.exchange.inbox(&permit(VISITS), &InboxQuery::default(), 0, 10).unwrap();
    assert_eq!(
        (seen.items[0].state, seen.items[0].files.len(), seen.items[0].message.as_str()),
        (State::Recalled, 0, "")
    );
    let again = world.send("k", VISITS, PDF).await.unwrap();
    assert!(again.replayed && again.recalled);
    let second = world.send("k2", VISITS, PDF).await.unwrap().sent.transfer;
    world.fetch(VISITS, second, 1).await.unwrap();
    let refusal = world.recall(second).await.unwrap_err();
    assert_eq!(refusal.code, Code::AlreadyFetched);
    assert!(refusal.fetched_at.is_some());
}

#[tokio::test]
async fn a_second_opening_within_the_hour_adds_no_event() {
    let world = World::new();
    let id = world.send("k", VISITS, PDF).await.unwrap().sent.transfer;
    world.fetch(VISITS, id, 1).await.unwrap();
    let events = world.events();
    world.fetch(VISITS, id, 1).await.unwrap();
    assert_eq!(world.events(), events);
    world.clock.advance(jiff::SignedDuration::from_mins(61));
    world.fetch(VISITS, id, 1).await.unwrap();
    assert_eq!(world.events(), events + 1);
}

#[tokio::test]
async fn a_part_that_is_refused_or_cannot_be_read_is_no_fetch() {
    let world = World::new();
    let id = world.send("k", VISITS, PDF).await.unwrap().sent.transfer;
    let (permit, events) = (permit(VISITS), world.events());
    let transfer = world.exchange.received(&permit, id).unwrap();
    for (part, code) in
        [(Err(Code::RangeInvalid.into()), Code::RangeInvalid), (Ok(Some(1_000_000..1_000_001)), Code::Damaged)]
    {
        let refusal = world.exchange.fetch(&permit, &transfer, 1, |_: &dyn Opened| part).await.unwrap_err();
        assert_eq!(refusal.code, code);
        assert_eq!((world.events(), world.state_of(id)), (events, State::Accepted));
    }
    let fetched = world.exchange.fetch(&permit, &transfer, 1, |_: &dyn Opened| Ok(Some(1..4))).await.unwrap();
    assert_eq!(&fetched.first[..], b"PDF");
    assert_eq!((world.events(), world.state_of(id)), (events + 1, State::Fetched));
}

#[tokio::test]
async fn acknowledging_wants_a_fetch_before_and_a_reason_for_no() {
    let world = World::new();
    let id = world.send("k", VISITS, PDF).await.unwrap().sent.transfer;
    let say = async |outcome, reason: Option<&str>| {
        let transfer = world.exchange.received(&permit(VISITS), id).unwrap();
        let word = Acknowledge { outcome, reason: reason.map(str::to_owned) };
        world.exchange.acknowledge(&permit(VISITS), &transfer, word).await
    };
    assert_eq!(code(say(Outcome::Imported, None).await), Code::NotFetched);
    world.fetch(VISITS, id, 1).await.unwrap();
    assert_eq!(code(say(Outcome::Rejected, None).await), Code::FieldInvalid);
    say(Outcome::Rejected, Some("月が違います")).await.unwrap();
    let shown = world.exchange.outbox(&permit(PLAN), &OutboxQuery::default(), 0, 10).unwrap();
    let said = shown.items[0].acknowledgement.clone().unwrap();
    assert_eq!((said.outcome, said.reason.as_deref()), (Outcome::Rejected, Some("月が違います")));
    say(Outcome::Imported, None).await.unwrap();
    assert_eq!(world.state_of(id), State::Imported);
}

#[tokio::test]
async fn software_that_rejects_in_circles_is_refused_in_the_end() {
    let world = World::new();
    let id = world.send("k", VISITS, PDF).await.unwrap().sent.transfer;
    // Fetching again and again, an event an hour, never keeps anybody from saying that it was imported.
    for _ in 0..1010 {
        world.fetch(VISITS, id, 1).await.unwrap();
        world.clock.advance(jiff::SignedDuration::from_mins(61));
    }
    let mut refused = None;
    for n in 0..1100 {
        let transfer = world.exchange.received(&permit(VISITS), id).unwrap();
        let word = Acknowledge { outcome: Outcome::Rejected, reason: Some(format!("理由 {n}")) };
        if let Err(refusal) = world.exchange.acknowledge(&permit(VISITS), &transfer, word).await {
            refused = Some((n, refusal.code));
            break;
        }
    }
    assert_eq!(refused, Some((1000, Code::Conflict)));
    assert_eq!(world.state_of(id), State::Rejected);
}

#[tokio::test]
async fn units_are_handed_out_in_ascending_stamps_whatever_the_order_of_arrival() {
    let world = World::new();
    for stamp in ["20260925090003", "20260925090001", "20260925090002"] {
        let name = format!("DLTPLAN_202610_1379999012_43_1379999020_11_{stamp}.CSV");
        world.send(stamp, VISITS, &[(&name, b"x")]).await.unwrap();
    }
    let listed = world.exchange.by_unit(&permit(VISITS), &InboxQuery::default(), &Place::default(), 10).unwrap();
    let stamps: Vec<String> = listed.items.iter().map(|transfer| transfer.stamp.unwrap().to_string()).collect();
    assert_eq!(stamps, ["20260925090001", "20260925090002", "20260925090003"]);
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_double() {
    let world = World::new();
    for key in 0..7 {
        world.send(&key.to_string(), VISITS, PDF).await.unwrap();
    }
    let (mut begin, mut seen) = (0, Vec::new());
    loop {
        let page = world.exchange.outbox(&permit(PLAN), &OutboxQuery::default(), begin, 3).unwrap();
        seen.extend(page.items.iter().map(|transfer| transfer.id.position));
        match page.next {
            Some(next) => begin = next.parse::<u64>().unwrap() + 1,
            None => break,
        }
    }
    assert_eq!(seen.len(), 7);
    assert!(seen.is_sorted_by(|a, b| a < b));
}

/// That a month was archived, up to a position; the store of these tests still finds its transfers, as an index does that
/// was asked a moment before.
fn archive(world: &World, next: u64) {
    let archived = Fact::Archived { month: "2026-10".parse().unwrap(), first: 0, next, sha256: [0; 32] };
    world.store.take(vec![NewEvent { actor: None, fact: archived, detail: Detail::default(), body: None }]);
}

#[tokio::test]
async fn what_is_archived_while_a_list_is_made_is_left_out() {
    let world = World::new();
    world.send("first", VISITS, PDF).await.unwrap();
    let second = world.send("second", VISITS, PDF).await.unwrap().sent.transfer;
    archive(&world, second.position);
    let ids = |items: Vec<careplan_protocol::api::Transfer>| items.iter().map(|item| item.id).collect::<Vec<_>>();
    let query = InboxQuery::default();
    assert_eq!(ids(world.exchange.inbox(&permit(VISITS), &query, 0, 10).unwrap().items), [second]);
    assert_eq!(ids(world.exchange.by_unit(&permit(VISITS), &query, &Place::default(), 10).unwrap().items), [second]);
    assert_eq!(ids(world.exchange.outbox(&permit(PLAN), &OutboxQuery::default(), 0, 10).unwrap().items), [second]);
}

#[tokio::test]
async fn a_retry_of_what_is_archived_meanwhile_is_told_to_try_again_and_is_a_send_of_its_own_then() {
    let world = World::new();
    let first = world.send("k", VISITS, PDF).await.unwrap().sent.transfer;
    let retry = RetryPermit::of(permit(PLAN));
    let earlier = world.exchange.earlier(&retry, "k").unwrap().unwrap();
    archive(&world, first.position + 1);
    let refusal = world.exchange.accepted_before(&earlier).unwrap_err();
    assert_eq!((refusal.code, refusal.retry_after), (Code::Busy, Some(1)));
    let again = world.send("k", VISITS, PDF).await.unwrap();
    assert!(!again.replayed && again.sent.transfer != first);
}

#[tokio::test]
async fn what_a_clock_that_was_far_ahead_had_stamped_shuts_nobody_out_once_it_is_right() {
    let world = World::new();
    let before = world.send("before", VISITS, PDF).await.unwrap().sent.transfer;
    world.clock.set("2099-01-01T00:00:00Z");
    world.store.take(vec![NewEvent {
        actor: None,
        fact: Fact::StrangersRefused { count: 1 },
        detail: Detail::default(),
        body: None,
    }]);
    world.clock.set("2026-10-02T00:00:00Z");
    let sent = world.send("after", VISITS, PDF).await.unwrap().sent.transfer;
    world.recall(sent).await.unwrap();
    assert_eq!(world.fetch(VISITS, before, 1).await.unwrap(), b"%PDF-1.7");
    let transfer = world.exchange.received(&permit(VISITS), before).unwrap();
    let told = Acknowledge { outcome: Outcome::Imported, reason: None };
    world.exchange.acknowledge(&permit(VISITS), &transfer, told).await.unwrap();
}
