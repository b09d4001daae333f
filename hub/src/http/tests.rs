//! Lists through the router, over a store in memory that tells what was read of it, and on which thread.

use super::{About, App, Reading, router};
use crate::access::Access;
use crate::config::{Config, Limits};
use crate::connection::ConnectionContext;
use crate::exchange::Exchange;
use crate::identity::{Anchor, AnchorTable, Authority, Peer};
use crate::log::LogBook;
use crate::metrics::Metrics;
use crate::registry::Registrar;
use crate::store::event::{About as Of, Detail, Fact, NewEvent};
use crate::store::memory::{HandClock, MemoryStore};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, header};
use careplan_protocol::standard::Policy;
use careplan_protocol::transfer::{Class, Fingerprint, Outcome, TransferId};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

const PLAN: &str = "1379999012";
const VISITS: &str = "1379999020";
const OTHER: &str = "1379999038";

struct Rig {
    store: Arc<MemoryStore>,
    router: Router,
    connection: Arc<ConnectionContext>,
}

/// A hub whose caller is the office VISITS.
fn rig() -> Rig {
    let clock = HandClock::at("2026-10-01T00:00:00Z");
    let store = MemoryStore::new(clock.clone());
    store.take(enrolment());
    let config: Arc<Config> = Arc::new(toml::from_str("name = 'hub'\n[tls]\nanchors = []\n").unwrap());
    let authority = authority();
    let peer = Peer {
        fingerprint: CERTIFICATE,
        serial: "01".to_owned(),
        not_before: Timestamp::MIN,
        not_after: Timestamp::MAX,
        office: None,
        anchor: authority.id.clone(),
        address: "127.0.0.1:1".parse().unwrap(),
    };
    let anchors = Arc::new(AnchorTable::new(vec![Anchor { authority, list: None }], 7));
    let metrics = Arc::new(Metrics::new().unwrap());
    let (_, certificate_until) = tokio::sync::watch::channel(Timestamp::MAX);
    let (_, workers) = tokio::sync::watch::channel(Vec::new());
    let exchange =
        Exchange::new(store.clone(), metrics.clone(), Limits::default(), Policy::Unchecked, "hub".to_owned(), 90);
    let app = App {
        access: Access::new(store.clone(), clock.clone(), anchors, config.clone()),
        exchange,
        reading: Reading::default(),
        registrar: Registrar::new(store.clone(), clock.clone(), config.clone()),
        log: LogBook::new(store.clone(), clock.clone(), config.clone()),
        store: store.clone(),
        clock,
        config,
        metrics,
        about: About { started_at: Timestamp::MIN, certificate_until, workers },
    };
    let token = CancellationToken::new;
    let connection = ConnectionContext { peer: Arc::new(peer), cut: token(), retiring: token() };
    Rig { store, router: router(Arc::new(app)), connection: Arc::new(connection) }
}

fn authority() -> Authority {
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    Authority::read_pem("own", params.self_signed(&key).unwrap().pem().as_bytes()).unwrap()
}

fn enrolment() -> Vec<NewEvent> {
    let office = VISITS.parse().unwrap();
    let facts = [
        Fact::OfficeEnrolled { office, service_types: vec!["11".parse().unwrap()] },
        Fact::CertificateRegistered {
            office,
            certificate: CERTIFICATE,
            not_before: Timestamp::MIN,
            not_after: Timestamp::MAX,
        },
    ];
    facts.map(|fact| NewEvent { actor: None, fact, detail: Detail::default(), body: None }).into()
}

impl Rig {
    /// Transfers come in from an office.
    fn receive(&self, from: &str, count: usize) {
        self.accept(from, VISITS, count);
    }

    /// The office sends a transfer.
    fn send(&self) -> TransferId {
        self.accept(VISITS, PLAN, 1);
        let outbox = crate::store::Store::outbox(&*self.store, VISITS.parse().unwrap(), 0, 1);
        outbox.unwrap()[0].id()
    }

    fn accept(&self, from: &str, to: &str, count: usize) {
        let fact = Fact::Accepted {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            class: Class::Attachment,
            month: None,
            stamp: None,
            files: 1,
            bytes: 1,
        };
        let event = || NewEvent { actor: None, fact: fact.clone(), detail: Detail::default(), body: None };
        self.store.take((0..count).map(|_| event()).collect());
    }

    /// The office says of a transfer that it cannot be imported.
    fn reject(&self, position: u64) {
        let of = Of { epoch: 1, position, from: PLAN.parse().unwrap(), to: VISITS.parse().unwrap() };
        let fact = Fact::Acknowledged { of, outcome: Outcome::Rejected };
        self.store.take(vec![NewEvent { actor: None, fact, detail: Detail::default(), body: None }]);
    }

    async fn get(&self, what: &str, known: Option<&str>) -> Response<Body> {
        let mut request = Request::get(format!("/v1/offices/{VISITS}/{what}"));
        if let Some(known) = known {
            request = request.header(header::IF_NONE_MATCH, known);
        }
        let request = request.extension(Arc::clone(&self.connection)).body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// How many transfers a wait looks at while as many come in, one every twenty milliseconds.
    async fn looked_at_while_waiting(&self, what: &str, coming: usize) -> usize {
        self.store.take_read();
        let arrivals = async {
            for _ in 0..coming {
                tokio::time::sleep(Duration::from_millis(20)).await;
                self.receive(PLAN, 1);
            }
        };
        let (answer, ()) = tokio::join!(self.get(what, None), arrivals);
        assert_eq!(answer.status(), 200);
        self.store.take_read().transfers
    }
}

/// What is listed is read on other threads than those that serve everybody.
#[tokio::test]
async fn lists_are_read_off_the_threads_of_the_runtime() {
    let rig = rig();
    rig.receive(PLAN, 3);
    let sent = rig.send();
    for what in ["inbox", "inbox?order=unit", "inbox?wait=1", "outbox", &format!("outbox/{sent}")] {
        rig.store.take_read();
        assert_eq!(rig.get(what, None).await.status(), 200, "{what}");
        let threads = rig.store.take_read().threads;
        assert!(!threads.is_empty() && !threads.contains(&std::thread::current().id()), "{what}");
    }
}

#[tokio::test]
async fn a_poll_that_finds_nothing_new_reads_nothing() {
    let rig = rig();
    rig.receive(PLAN, 3);
    for what in ["inbox", "inbox?order=unit", "inbox?wait=1"] {
        let known = rig.get(what, None).await.headers()[header::ETAG].to_str().unwrap().to_owned();
        rig.store.take_read();
        assert_eq!(rig.get(what, Some(&known)).await.status(), 304, "{what}");
        assert!(rig.store.take_read().threads.is_empty(), "{what}");
    }
}

#[tokio::test]
async fn a_wait_for_one_sender_goes_on_where_it_has_looked() {
    let rig = rig();
    rig.receive(PLAN, 1000);
    let looked_at = rig.looked_at_while_waiting(&format!("inbox?wait=2&from={OTHER}"), 50).await;
    assert!(looked_at <= 1050, "{looked_at} of 1,050 transfers");
}

#[tokio::test]
async fn a_wait_for_a_state_rests_between_two_looks_and_sees_what_changed() {
    let rig = rig();
    rig.receive(PLAN, 1000);
    let looked_at = rig.looked_at_while_waiting("inbox?wait=2&state=rejected", 50).await;
    assert!(looked_at <= 12 * 1050, "{looked_at} of 1,050 transfers, five looks a second");
    let first = crate::store::Store::inbox(&*rig.store, VISITS.parse().unwrap(), 0, 1).unwrap()[0].position;
    let reject = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        rig.reject(first);
    };
    let (answer, ()) = tokio::join!(rig.get("inbox?wait=20&state=rejected", None), reject);
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    assert!(String::from_utf8_lossy(&body).contains(&format!("-{first:08}-")), "{body:?}");
}

const CERTIFICATE: Fingerprint = Fingerprint([9; 32]);
