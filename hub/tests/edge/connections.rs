//! Connections and their deadlines.

use crate::caller::Caller;
use crate::hub::{Hub, until};
use careplan_protocol::transfer::Fingerprint;
use std::time::Duration;

/// How long something may take that is cut after a second.
const SOON: Duration = Duration::from_secs(3);

async fn closed_after_a_second(caller: &mut Caller) {
    let took = tokio::time::timeout(SOON, caller.closed()).await.expect("the hub closes");
    assert!(took > Duration::from_millis(500), "{took:?}");
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut() {
    let hub = Hub::with(|config| config.timeouts.header_seconds = 1).await;
    let mut caller = hub.caller().await;
    assert_eq!(caller.get("/").await.unwrap().status, 200);
    caller.send("GET / HTTP/1.1\r\nHo").await.unwrap();
    closed_after_a_second(&mut caller).await;
}

#[tokio::test]
async fn a_head_that_trickles_is_cut() {
    let hub = Hub::with(|config| config.timeouts.header_seconds = 1).await;
    let mut caller = hub.caller().await;
    let trickle = async {
        while caller.send("X").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(SOON + SOON, trickle).await.expect("the hub cuts");
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_working_one_is_not() {
    let hub = Hub::with(|config| config.timeouts.idle_seconds = 1).await;
    let (mut idle, mut working) = (hub.caller().await, hub.caller().await);
    idle.get("/").await.unwrap();
    for _ in 0..2 {
        // 0.7 s of work and 0.7 s of rest: neither is idle for a second.
        assert_eq!(working.get("/slow").await.unwrap().body, "slow");
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    assert_eq!(working.get("/").await.unwrap().status, 200);
    assert!(idle.get("/").await.is_err());
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_408() {
    let hub = Hub::with(|config| config.timeouts.body_seconds = 1).await;
    let mut caller = hub.caller().await;
    caller.send("POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 10\r\n\r\nabc").await.unwrap();
    let answer = tokio::time::timeout(SOON, caller.answer()).await.unwrap().unwrap();
    assert!(answer.status == 408 && answer.closes(), "{answer:?}");
    closed_soon(&mut caller).await;
}

async fn closed_soon(caller: &mut Caller) {
    tokio::time::timeout(SOON, caller.closed()).await.expect("the hub closes");
}

#[tokio::test]
async fn a_caller_that_takes_nothing_of_its_answer_is_cut() {
    let hub = Hub::with(|config| config.timeouts.write_seconds = 1).await;
    let mut caller = hub.caller().await;
    caller.send("GET /big HTTP/1.1\r\nHost: hub\r\n\r\n").await.unwrap();
    until("the cut", || hub.metrics.requests.with_label_values(&["/big", "aborted"]).get() == 1).await;
    assert!(hub.connections.peers().is_empty());
    // One that reads gets everything.
    let mut reader = hub.caller().await;
    assert_eq!(reader.get("/big").await.unwrap().body.len(), 64 << 20);
    until("the count", || hub.metrics.requests.with_label_values(&["/big", "ok"]).get() == 1).await;
}

#[tokio::test]
async fn an_old_connection_is_asked_to_close_and_its_waits_end() {
    let hub = Hub::with(|config| config.timeouts.connection_age_seconds = 1).await;
    let (mut caller, mut waiting) = (hub.caller().await, hub.caller().await);
    assert!(!caller.get("/").await.unwrap().closes());
    let answer = tokio::time::timeout(SOON, waiting.get("/wait")).await.unwrap().unwrap();
    assert!(answer.body == "retired" && answer.closes(), "{answer:?}");
    let answer = caller.get("/").await.unwrap();
    assert!(answer.status == 200 && answer.closes(), "{answer:?}");
    closed_soon(&mut caller).await;
}

#[tokio::test]
async fn a_certificate_is_cut_in_the_middle_of_what_it_does() {
    let hub = Hub::start().await;
    let (bad, good) = (hub.own.client(), hub.own.client());
    let mut waiting = Caller::connect(&hub, Some(&bad)).await.unwrap();
    let mut idle = Caller::connect(&hub, Some(&bad)).await.unwrap();
    let mut other = Caller::connect(&hub, Some(&good)).await.unwrap();
    waiting.send("GET /wait HTTP/1.1\r\nHost: hub\r\n\r\n").await.unwrap();
    idle.get("/").await.unwrap();
    other.get("/").await.unwrap();
    until("connections", || hub.connections.peers().len() == 2).await;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bad.der);
    let fingerprint = Fingerprint(digest.as_ref().try_into().unwrap());
    let peer = hub.connections.peers().into_iter().find(|peer| peer.fingerprint == fingerprint).unwrap();
    assert_eq!(hub.connections.cut(&peer), 2);
    assert!(tokio::time::timeout(SOON, waiting.closed()).await.unwrap() < Duration::from_millis(500));
    assert!(idle.get("/").await.is_err());
    assert_eq!(other.get("/").await.unwrap().status, 200);
    until("one left", || hub.connections.peers().len() == 1).await;
    assert_eq!(hub.metrics.connections.get(), 1);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_at_once() {
    let hub = Hub::with(|config| config.connections.max = 2).await;
    let mut held = [hub.caller().await, hub.caller().await];
    assert!(Caller::connect(&hub, Some(&hub.own.client())).await.is_err());
    assert_eq!(hub.handshakes("too-many"), 1);
    for caller in &mut held {
        assert_eq!(caller.get("/").await.unwrap().status, 200);
    }
    drop(held);
    until("room", || hub.connections.peers().is_empty()).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(hub.caller().await.get("/").await.unwrap().status, 200);
}
