//! What reaches handlers, and how what does not is answered.

use crate::hub::{Hub, until};
use careplan_protocol::problem::Problem;
use std::io;
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn a_request_carries_its_number_and_its_peer() {
    let hub = Hub::start().await;
    let mut caller = hub.caller().await;
    let answer = caller.get("/v1/offices/1379999012/inbox").await.unwrap();
    let (number, office) = answer.body.split_once(' ').unwrap();
    assert_eq!((number.len(), office), (16, "1379999012"));
    assert_eq!(answer.header("request-id"), Some(number));
    assert!(!answer.closes());
    let route = "/v1/offices/{office}/inbox";
    until("the count", || hub.metrics.requests.with_label_values(&[route, "ok"]).get() == 1).await;
}

#[tokio::test]
async fn refusals_of_the_edge_are_problem_documents_in_the_callers_language() {
    let hub = Hub::start().await;
    let mut caller = hub.caller().await;
    caller.send("GET /v1/%2e%2e/me HTTP/1.1\r\nHost: hub\r\nAccept-Language: en\r\n\r\n").await.unwrap();
    let answer = caller.answer().await.unwrap();
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem: Problem = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((problem.status, problem.code.as_str()), (400, "malformed"));
    assert_eq!(problem.title, "the request cannot be read");
    assert_eq!(problem.request.as_deref(), answer.header("request-id"));
    let answer = caller.get("/nowhere").await.unwrap();
    let problem: Problem = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((problem.code.as_str(), problem.title.as_str()), ("not-found", "見つかりません"));
    caller.send("DELETE / HTTP/1.1\r\nHost: hub\r\n\r\n").await.unwrap();
    let answer = caller.answer().await.unwrap();
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET,HEAD")));
    until("the count", || hub.metrics.requests.with_label_values(&["none", "malformed"]).get() == 1).await;
}

#[tokio::test]
async fn what_has_two_meanings_is_refused() {
    let hub = Hub::start().await;
    let many = "X: y\r\n".repeat(101);
    let long = format!("X: {}\r\n", "y".repeat(33 * 1024));
    for (status, request) in [
        (400, "GET http://hub/ HTTP/1.1\r\nHost: hub\r\n\r\n".to_owned()),
        (400, "GET /a/../b HTTP/1.1\r\nHost: hub\r\n\r\n".to_owned()),
        (400, "GET /a%2fb HTTP/1.1\r\nHost: hub\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nHost: hub\r\nHost: hub\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.0\r\nHost: hub\r\n\r\n".to_owned()),
        (405, "PROPFIND / HTTP/1.1\r\nHost: hub\r\n\r\n".to_owned()),
        (405, "CONNECT hub:443 HTTP/1.1\r\nHost: hub\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nHost : hub\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nHost: hub\r\n X: folded\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nHost: hub\r\nX: a\0b\r\n\r\n".to_owned()),
        (400, "GET  / HTTP/1.1\r\nHost: hub\r\n\r\n".to_owned()),
        (400, "GET / HTTP/3.0\r\nHost: hub\r\n\r\n".to_owned()),
        (400, "nonsense\r\n\r\n".to_owned()),
        (400, "POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_owned()),
        (400, "POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: -1\r\n\r\n".to_owned()),
        (400, "POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: +1\r\n\r\na".to_owned()),
        (400, "POST /echo HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: gzip\r\n\r\n".to_owned()),
        (400, "POST /echo HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked, gzip\r\n\r\n".to_owned()),
        (400, "POST /echo HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned()),
        (431, format!("GET / HTTP/1.1\r\nHost: hub\r\n{many}\r\n")),
        (431, format!("GET / HTTP/1.1\r\nHost: hub\r\n{long}\r\n")),
    ] {
        let mut caller = hub.caller().await;
        caller.send(&request).await.unwrap();
        let answer = caller.answer().await;
        let start: String = request.chars().take(80).collect();
        let answer = answer.unwrap_or_else(|error| panic!("{start:?}: {error}"));
        assert_eq!(answer.status, status, "{start:?}");
    }
}

/// What hyper lets through before anybody can see it. It has one meaning here, and no proxy stands before the hub that
/// could see another.
#[tokio::test]
async fn what_hyper_lets_through_has_one_meaning() {
    let hub = Hub::start().await;
    for (request, body) in [
        ("GET / HTTP/1.1\nHost: hub\n\n", "hello"),
        ("POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab", "2"),
        (
            "POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            "1",
        ),
    ] {
        let mut caller = hub.caller().await;
        caller.send(request).await.unwrap();
        assert_eq!(caller.answer().await.unwrap().body, body, "{request:?}");
    }
}

#[tokio::test]
async fn a_handler_that_panics_ends_its_connection_and_nothing_else() {
    let hub = Hub::start().await;
    let (mut caller, mut other) = (hub.caller().await, hub.caller().await);
    let answer = caller.get("/panic").await.unwrap();
    assert_eq!(answer.status, 500);
    assert!(answer.closes());
    assert_eq!(serde_json::from_str::<Problem>(&answer.body).unwrap().code, "internal");
    assert_eq!(other.get("/").await.unwrap().status, 200);
    assert_eq!(hub.metrics.panics.get(), 1);
    until("the count", || hub.metrics.requests.with_label_values(&["/panic", "internal"]).get() == 1).await;
}

#[tokio::test]
async fn a_caller_that_is_refused_while_it_sends_sees_the_answer() {
    let hub = Hub::start().await;
    for length in [10_usize, 100 * 1024, 200 * 1024] {
        let mut caller = hub.caller().await;
        let head = format!("POST /refuse HTTP/1.1\r\nHost: hub\r\nContent-Length: {length}\r\n\r\n");
        caller.send(head).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        // Writes everything before it reads, as simple clients do.
        caller.send(vec![b'x'; length]).await.unwrap();
        let answer = caller.answer().await.unwrap();
        assert_eq!(answer.status, 403, "{length}");
    }
}

#[tokio::test]
async fn a_small_body_that_no_handler_read_keeps_the_connection() {
    let hub = Hub::start().await;
    let mut caller = hub.caller().await;
    for _ in 0..2 {
        caller.send("POST /refuse HTTP/1.1\r\nHost: hub\r\nContent-Length: 3\r\n\r\nabc").await.unwrap();
        let answer = caller.answer().await.unwrap();
        assert!(answer.status == 403 && !answer.closes(), "{answer:?}");
    }
}

#[tokio::test]
async fn a_caller_that_asks_before_it_sends_is_told_to_go_on_only_if_somebody_reads() {
    let hub = Hub::start().await;
    let mut caller = hub.caller().await;
    let head = |path| format!("POST {path} HTTP/1.1\r\nHost: hub\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    caller.send(head("/echo")).await.unwrap();
    assert_eq!(caller.answer().await.unwrap().status, 100);
    caller.send("abc").await.unwrap();
    assert_eq!(caller.answer().await.unwrap().body, "3");
    caller.send(head("/refuse")).await.unwrap();
    let answer = caller.answer().await.unwrap();
    assert!(answer.status == 403 && answer.closes(), "{answer:?}");
}

#[tokio::test]
async fn a_caller_that_closes_its_side_still_gets_its_answer() {
    let hub = Hub::start().await;
    let mut caller = hub.caller().await;
    caller.send("GET /slow HTTP/1.1\r\nHost: hub\r\n\r\n").await.unwrap();
    caller.stream.shutdown().await.unwrap();
    assert_eq!(caller.answer().await.unwrap().body, "slow");
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_request_is_one_line_in_the_log_and_tells_no_query_and_no_odd_method() {
    let lines = Lines::default();
    let sink = lines.clone();
    // For the whole process: what other tests log stands between.
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || sink.clone()).finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let hub = Hub::start().await;
    let mut caller = hub.caller().await;
    let first = caller.get("/v1/offices/1379999012/inbox?q=secret").await.unwrap();
    caller.send("SECRET /secret HTTP/1.1\r\nHost: hub\r\n\r\n").await.unwrap();
    let second = caller.answer().await.unwrap();
    let text = || String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let of = |number: &str| -> Vec<serde_json::Value> {
        text().lines().filter(|line| line.contains(number)).map(|line| line.parse().unwrap()).collect()
    };
    let numbers = [&first, &second].map(|answer| answer.header("request-id").unwrap());
    until("the lines", || numbers.iter().all(|number| of(number).len() == 1)).await;
    assert!(!text().to_lowercase().contains("secret"), "{}", text());
    let [line] = &of(numbers[0])[..] else { panic!("not one line") };
    assert_eq!(line["target"], "careplan_hub::request");
    assert_eq!(line["route"], "/v1/offices/{office}/inbox");
    assert_eq!((&line["office"], &line["method"]), (&"1379999012".into(), &"GET".into()));
    assert_eq!((&line["status"], &line["outcome"]), (&200.into(), &"ok".into()));
    assert_eq!(line["bytes_out"], first.body.len());
    assert_eq!(line["certificate"].as_str().unwrap().len(), 12);
    assert_eq!(of(numbers[1])[0]["outcome"], "method-not-allowed");
}
