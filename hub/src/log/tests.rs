//! What readers of the log can rely on, over a store in memory.

mod marked;

use super::{Format, LogBook, Search};
use crate::permit::LogPermit as Reader;
use crate::permit::OfficePermit as Office;
use crate::permit::Scope;
use crate::store::Store;
use crate::store::event::{About, Detail, Fact, FileDetail, NewEvent};
use crate::store::memory::{HandClock, MemoryStore};
use careplan_protocol::api::{LogEntry, LogQuery};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::{Code, Language};
use careplan_protocol::transfer::{Class, Fingerprint, Outcome};
use futures_util::TryStreamExt as _;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const TOKYO: &str = "1370100008";
const KYOTO: &str = "2670100001";
const OSAKA: &str = "2770100009";

struct Desk {
    clock: Arc<HandClock>,
    store: Arc<MemoryStore>,
    log: Arc<LogBook>,
}

/// Three offices with a certificate each (1, 2, 3), an operator (9) and an auditor (8); Tokyo sent to Kyoto, which fetched.
fn desk() -> Desk {
    let operator = Fingerprint([9; 32]);
    let text =
        format!("name = 'hub'\n[tls]\nanchors = []\n[[operators]]\nname = '運営 花子'\nfingerprint = '{operator}'\n");
    let clock = HandClock::at("2026-10-01T00:00:00Z");
    let store = MemoryStore::new(clock.clone());
    let log = LogBook::new(store.clone(), clock.clone(), Arc::new(toml::from_str(&text).unwrap()));
    for (byte, office) in [(1, TOKYO), (2, KYOTO), (3, OSAKA)] {
        let (office, validity) = (number(office), "2029-01-01T00:00:00Z".parse().unwrap());
        let certificate = Fingerprint([byte; 32]);
        store.take(vec![
            by(9, Fact::OfficeEnrolled { office, service_types: Vec::new() }, Detail::default()),
            by(
                9,
                Fact::CertificateRegistered { office, certificate, not_before: validity, not_after: validity },
                Detail {
                    verified_by: Some("免許証".to_owned()), label: Some("窓口".to_owned()), ..Detail::default()
                },
            ),
        ]);
    }
    let desk = Desk { clock, store, log: Arc::new(log) };
    desk.exchange(1, TOKYO, KYOTO);
    desk
}

impl Desk {
    /// An office sends to another, which fetches and rejects.
    fn exchange(&self, by_certificate: u8, from: &str, to: &str) {
        let (from, to) = (number(from).into(), number(to).into());
        let position = self.store.state().next;
        let (month, stamp) = ("2026-10".parse().ok(), None);
        let accepted = Fact::Accepted { from, to, class: Class::Register, month, stamp, files: 1, bytes: 7 };
        let files = Some(vec![FileDetail { name: "佐藤様.pdf".to_owned(), size: 7, sha256: [4; 32] }]);
        let secret = Detail { message: Some("佐藤様の件".to_owned()), files, ..Detail::default() };
        let of = About { epoch: 1, position, from, to };
        let reason = Detail { reason: Some("=列の数が違う".to_owned()), ..Detail::default() };
        self.store.take(vec![
            by(by_certificate, accepted, secret),
            by(2, Fact::Fetched { of, file: 1 }, Detail::default()),
            by(2, Fact::Acknowledged { of, outcome: Outcome::Rejected }, reason),
        ]);
    }

    async fn kinds(&self, reader: &Reader, query: LogQuery) -> Vec<String> {
        self.found(reader, query).await.into_iter().map(|entry| entry.kind).collect()
    }

    async fn found(&self, reader: &Reader, query: LogQuery) -> Vec<LogEntry> {
        self.log.search(reader, search(query)).await.unwrap().items
    }

    fn searches(&self) -> usize {
        let events = self.store.events(0, 1000).unwrap();
        events.iter().filter(|event| matches!(event.fact, Fact::Searched { .. })).count()
    }
}

fn by(byte: u8, fact: Fact, detail: Detail) -> NewEvent {
    NewEvent { actor: Some(Fingerprint([byte; 32])), fact, detail, body: None }
}

fn number(office: &str) -> OfficeNumber {
    office.parse().unwrap()
}

fn operator() -> Reader {
    Reader::of(Fingerprint([9; 32]), "運営 花子".to_owned(), Scope::All, false)
}

fn auditor(scope: &str) -> Reader {
    Reader::of(Fingerprint([8; 32]), "監査".to_owned(), scope.parse().unwrap(), true)
}

fn search(query: LogQuery) -> Search {
    let begin = query.after.as_ref().map_or(0, |after| after.parse::<u64>().unwrap() + 1);
    let limit = query.limit.unwrap_or(100) as usize;
    let wait = Duration::from_secs(u64::from(query.wait.unwrap_or(0)));
    Search { query, begin, limit, wait, language: Language::English, retiring: CancellationToken::new() }
}

fn all() -> LogQuery {
    LogQuery::default()
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let desk = desk();
    desk.exchange(3, OSAKA, KYOTO);
    let of_tokyo = desk.kinds(&operator(), LogQuery { office: Some(number(TOKYO)), ..all() }).await;
    assert_eq!(of_tokyo, ["office-enrolled", "certificate-registered", "accepted", "fetched", "acknowledged"]);
    let between = LogQuery { office: Some(number(KYOTO)), peer: Some(number(OSAKA)), ..all() };
    assert_eq!(desk.kinds(&operator(), between).await, ["accepted", "fetched", "acknowledged"]);
    let rejected = LogQuery { outcome: Some("rejected".to_owned()), ..all() };
    let rejected = desk.found(&operator(), rejected).await;
    assert_eq!((rejected.len(), rejected[0].note.as_str()), (2, "reason: =列の数が違う"));
    let of_one = LogQuery { transfer: rejected[1].transfer, kind: Some("accepted,fetched".to_owned()), ..all() };
    assert_eq!(desk.kinds(&operator(), of_one).await, ["accepted", "fetched"]);
    let unknown = desk.log.search(&operator(), search(LogQuery { kind: Some("sent".to_owned()), ..all() })).await;
    assert_eq!(unknown.unwrap_err().code, Code::FieldInvalid);
}

#[tokio::test]
async fn days_bound_a_search_by_the_calendar_of_japan() {
    let desk = desk();
    desk.clock.set("2026-10-02T15:00:00Z");
    desk.exchange(3, OSAKA, KYOTO);
    let day = |text: &str| text.parse().ok();
    let first = desk.kinds(&operator(), LogQuery { until: day("2026-10-02"), ..all() }).await;
    let later = desk.kinds(&operator(), LogQuery { since: day("2026-10-03"), ..all() }).await;
    assert_eq!((first.len(), later.len()), (10, 3));
    assert!(desk.kinds(&operator(), LogQuery { since: day("2026-10-04"), ..all() }).await.is_empty());
}

#[tokio::test]
async fn messages_names_of_files_and_digests_are_in_no_entry() {
    let desk = desk();
    let entries = serde_json::to_string(&desk.found(&operator(), all()).await).unwrap();
    assert!(!entries.contains("佐藤") && !entries.contains("BAQEBAQ"), "{entries}");
}

#[tokio::test]
async fn outside_an_auditors_scope_nothing_exists() {
    let desk = desk();
    desk.exchange(3, OSAKA, KYOTO);
    let entries = desk.found(&auditor("prefecture:13"), all()).await;
    assert_eq!(entries.len(), 5);
    assert!(entries.iter().all(|entry| serde_json::to_string(entry).unwrap().contains(TOKYO)));
    assert_eq!(entries[0].actor_name, "operator");
    assert!(!entries[1].note.contains("免許証") && entries[1].note.contains("窓口"), "{}", entries[1].note);
    let other = LogQuery { office: Some(number(OSAKA)), ..all() };
    assert!(desk.found(&auditor("prefecture:13"), other).await.is_empty());
    let whole = desk.found(&auditor("all"), all()).await;
    assert!(whole.iter().any(|entry| entry.actor_name == "運営 花子" && entry.note.contains("免許証")));
}

#[tokio::test]
async fn an_office_sees_what_it_took_part_in_and_not_who_knocked_at_its_door() {
    let desk = desk();
    let refused = |office| Fact::Refused { code: "not-found".to_owned(), route: "GET x".to_owned(), office };
    desk.store.take(vec![by(3, refused(Some(number(TOKYO))), Detail::default())]);
    let own = async |byte, office| {
        let permit = Office::of(number(office), Fingerprint([byte; 32]));
        desk.log.own(&permit, search(all())).await.unwrap().items
    };
    let tokyo: Vec<String> = own(1, TOKYO).await.into_iter().map(|entry| entry.kind).collect();
    assert_eq!(tokyo, ["office-enrolled", "certificate-registered", "accepted", "fetched", "acknowledged"]);
    let osaka = own(3, OSAKA).await;
    assert_eq!((osaka.len(), osaka[2].outcome.as_str(), osaka[2].actor_name.as_str()), (3, "not-found", OSAKA));
    assert!(osaka.iter().all(|entry| entry.actor_name != "運営 花子" && !entry.note.contains("免許証")));
    assert!(own(1, TOKYO).await.iter().filter(|entry| entry.kind == "fetched").all(|entry| entry.actor.is_none()));
}

#[tokio::test]
async fn an_auditors_search_is_an_event_before_its_answer_and_an_operators_is_none() {
    let desk = desk();
    desk.found(&operator(), all()).await;
    assert_eq!(desk.searches(), 0);
    desk.found(&auditor("all"), LogQuery { office: Some(number(TOKYO)), ..all() }).await;
    let told = desk.found(&operator(), LogQuery { kind: Some("searched".to_owned()), ..all() }).await;
    assert_eq!(told[0].note, format!(r#"entries: 5; query: {{"office":"{TOKYO}"}}"#));
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_repetition() {
    let desk = desk();
    let (mut after, mut positions) = (None, Vec::new());
    loop {
        let page = desk.log.search(&operator(), search(LogQuery { after, limit: Some(3), ..all() })).await.unwrap();
        positions.extend(page.items.iter().map(|entry| entry.position));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(positions, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_wait_ends_with_news_and_is_not_woken_by_searches() {
    let desk = desk();
    let reader = auditor("all");
    let query = LogQuery { after: Some("9".to_owned()), wait: Some(30), ..all() };
    let log = Arc::clone(&desk.log);
    let waiting = tokio::spawn(async move { log.search(&reader, search(query)).await });
    tokio::task::yield_now().await;
    desk.found(&auditor("all"), LogQuery { limit: Some(1), ..all() }).await;
    assert!(!waiting.is_finished());
    desk.exchange(3, OSAKA, KYOTO);
    let page = waiting.await.unwrap().unwrap();
    assert_eq!(page.items[0].kind, "accepted");
    assert!(page.next.is_some());
}

#[tokio::test]
async fn a_wait_without_news_tells_where_to_go_on_and_is_no_event() {
    let desk = desk();
    let query = LogQuery { after: Some("9".to_owned()), wait: Some(60), ..all() };
    let search = search(query);
    search.retiring.cancel();
    let page = desk.log.search(&auditor("all"), search).await.unwrap();
    assert_eq!((page.items.len(), page.next.as_deref(), desk.searches()), (0, Some("9"), 0));
}

#[tokio::test]
async fn an_export_holds_everything_with_formulas_made_harmless_and_tells_its_beginning_and_end() {
    let desk = desk();
    let export = desk.log.export(&auditor("all"), search(all()), Format::Csv).await.unwrap();
    assert_eq!(desk.searches(), 1);
    let bytes: Vec<_> = export.bytes().try_collect().await.unwrap();
    let text = String::from_utf8(bytes.concat()).unwrap();
    assert!(text.starts_with('\u{feff}'));
    assert_eq!((text.lines().count(), desk.searches()), (11, 2));
    let export = desk.log.export(&operator(), search(all()), Format::JsonLines).await.unwrap();
    let bytes: Vec<_> = export.bytes().try_collect().await.unwrap();
    let entries: Vec<LogEntry> =
        bytes.concat().split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!((entries.len(), desk.searches()), (12, 2));
    assert_eq!(entries[11].note, "entries: 10; query: export ended {}");
}

/// That a month was archived, up to a position.
fn archive(desk: &Desk, next: u64) {
    let archived = Fact::Archived { month: "2026-10".parse().unwrap(), first: 0, next, sha256: [0; 32] };
    desk.store.take(vec![NewEvent { actor: None, fact: archived, detail: Detail::default(), body: None }]);
}

#[tokio::test]
async fn an_export_breaks_off_when_events_before_it_are_archived_meanwhile_and_only_then() {
    let desk = desk();
    for _ in 0..700 {
        desk.exchange(1, TOKYO, KYOTO);
    }
    let end = desk.store.state().next;
    let exported = async |archived: u64| {
        let export = desk.log.export(&operator(), search(all()), Format::JsonLines).await.unwrap();
        let mut bytes = std::pin::pin!(export.bytes());
        let first = bytes.try_next().await.unwrap().unwrap();
        archive(&desk, archived);
        let rest: Result<Vec<_>, _> = bytes.try_collect().await;
        rest.map(|rest| first.iter().chain(rest.iter().flatten()).filter(|byte| **byte == b'\n').count() as u64)
    };
    // The first chunk has a thousand entries.
    assert_eq!(exported(1000).await.unwrap(), end);
    assert_eq!(exported(2001).await.unwrap_err().code, Code::Busy);
    let later = desk.log.export(&operator(), search(all()), Format::JsonLines).await.unwrap();
    let bytes: Vec<_> = later.bytes().try_collect().await.unwrap();
    let lines = bytes.concat().iter().filter(|byte| **byte == b'\n').count() as u64;
    assert_eq!(lines, desk.store.state().next - 2001, "a later one begins behind it");
}

#[tokio::test]
async fn what_is_archived_during_a_search_makes_it_be_asked_again() {
    let desk = desk();
    let store: crate::store::SharedStore = desk.store.clone();
    let before = store.state();
    archive(&desk, 3);
    let lens = |query| Arc::new(desk.log.lens(&search(query), super::Viewer::of(&operator())).unwrap());
    let run = async |state, begin| {
        let found = super::scan::run(&store, &state, &desk.log.scans, &lens(all()), begin, 100).await;
        found.map(|scan| scan.entries.len()).map_err(|refusal| (refusal.code, refusal.retry_after))
    };
    assert_eq!(run(Arc::clone(&before), 0).await, Err((Code::Busy, Some(1))));
    assert_eq!(run(Arc::clone(&before), 2).await, Err((Code::Busy, Some(1))));
    assert_eq!(run(before, 3).await, Ok(7));
    assert_eq!(run(store.state(), 0).await, Ok(8));
}

#[test]
fn of_a_caller_who_is_refused_again_and_again_the_first_refusals_stand_alone_and_the_rest_is_summed_up() {
    let desk = desk();
    let (flooding, other) = (Fingerprint([1; 32]), Fingerprint([2; 32]));
    let alone = (0..1000).filter(|_| desk.log.refused(flooding, Code::CertificateRevoked)).count();
    assert_eq!(alone, 30);
    assert!(!desk.log.refused(flooding, Code::NotFound));
    assert!(desk.log.refused(other, Code::NotFound), "another caller's refusals are that caller's");
    let mut more = desk.log.take_refusals();
    more.sort_by_key(|more| more.count);
    let more: Vec<_> = more.into_iter().map(|more| (more.caller, more.code, more.count)).collect();
    assert_eq!(more, [(flooding, Code::NotFound, 1), (flooding, Code::CertificateRevoked, 970)]);
    assert!(desk.log.refused(flooding, Code::CertificateRevoked), "a new interval begins");
    assert!(desk.log.take_refusals().is_empty());
}

#[tokio::test]
async fn refusals_that_were_summed_up_are_found_by_caller_and_code_with_their_number() {
    let desk = desk();
    let fact = Fact::RefusedMore { code: "not-found".to_owned(), count: 40 };
    desk.store.take(vec![by(3, fact, Detail::default())]);
    let query = LogQuery { kind: Some("refused-more".to_owned()), outcome: Some("not-found".to_owned()), ..all() };
    let found = desk.found(&operator(), LogQuery { office: Some(number(OSAKA)), ..query.clone() }).await;
    assert_eq!((found.len(), found[0].count, found[0].note.as_str()), (1, Some(40), "count: 40"));
    let permit = |byte, office| Office::of(number(office), Fingerprint([byte; 32]));
    let own = desk.log.own(&permit(3, OSAKA), search(query.clone())).await.unwrap().items;
    assert_eq!(own.len(), 1);
    assert!(desk.log.own(&permit(1, TOKYO), search(query)).await.unwrap().items.is_empty());
}

#[test]
fn strangers_are_counted_until_they_are_told() {
    let desk = desk();
    desk.log.stranger();
    desk.log.stranger();
    assert_eq!((desk.log.take_strangers(), desk.log.take_strangers()), (2, 0));
}
