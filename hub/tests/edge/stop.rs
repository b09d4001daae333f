//! Stopping: first softly, then hard.

use crate::caller::Caller;
use crate::hub::Hub;
use std::time::Duration;

#[tokio::test]
async fn running_requests_are_finished_and_nobody_new_is_let_in() {
    let hub = Hub::start().await;
    let (mut busy, mut waiting, mut idle) = (hub.caller().await, hub.caller().await, hub.caller().await);
    idle.get("/").await.unwrap();
    busy.send("GET /slow HTTP/1.1\r\nHost: hub\r\n\r\n").await.unwrap();
    waiting.send("GET /wait HTTP/1.1\r\nHost: hub\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    hub.stop.cancel();
    let answer = waiting.answer().await.unwrap();
    assert!(answer.body == "retired" && answer.closes(), "{answer:?}");
    assert!(idle.get("/").await.is_err());
    assert!(Caller::connect(&hub, Some(&hub.own.client())).await.is_err());
    let answer = busy.answer().await.unwrap();
    assert!(answer.body == "slow" && answer.closes(), "{answer:?}");
    drop((busy, waiting, idle));
    tokio::time::timeout(Duration::from_secs(3), hub.running).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_still_runs_after_the_soft_time_is_cut() {
    let hub = Hub::with(|config| config.timeouts.shutdown_soft_seconds = 1).await;
    let mut caller = hub.caller().await;
    caller.send("POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 10\r\n\r\nabc").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    hub.stop.cancel();
    tokio::time::timeout(Duration::from_secs(3), hub.running).await.unwrap().unwrap();
    assert!(caller.answer().await.is_err());
    assert!(hub.cut.is_cancelled());
}
