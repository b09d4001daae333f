//! The requests of each kind of work: for the hub, and for the peer that does the nearest thing.

use crate::drive::{Seeing, Work};
use crate::rig::nginx::Nginx;
use bytes::Bytes;
use careplan_protocol::api::{IDEMPOTENCY_KEY, Sent};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::routes;
use careplan_protocol::transfer::TransferId;
use http::{HeaderValue, Request};
use http_body_util::Full;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Transfers that were sent, by the connection whose office receives them.
pub type Inboxes = Arc<Mutex<Vec<Vec<TransferId>>>>;

/// Sends: every connection is an office, its recipient the office half a round away. `word` begins every key; a run with
/// the same word again would be answered with the same receipts.
pub fn send(offices: &[OfficeNumber], file: &Bytes, word: &str, inboxes: Option<Inboxes>) -> Work {
    let offices = offices.to_vec();
    let bodies: Vec<Bytes> = (0..offices.len()).map(|number| form(&partner(&offices, number), file)).collect();
    let paths: Vec<String> = offices.iter().map(|office| routes::path(routes::OUTBOX, &[office])).collect();
    let word = word.to_owned();
    let count = offices.len();
    let content_type = HeaderValue::from_static(CONTENT_TYPE);
    let request = move |n: u64, connection: usize| {
        let office = connection % paths.len();
        Request::post(&paths[office])
            .header("content-type", &content_type)
            .header(IDEMPOTENCY_KEY, format!("{word}-{n}"))
            .body(Full::new(bodies[office].clone()))
            .ok()
    };
    let seen = inboxes.map(|inboxes| {
        let seen = move |connection: usize, answer: &crate::wire::Answer| {
            if let Ok(sent) = serde_json::from_slice::<Sent>(&answer.body) {
                let mut inboxes = inboxes.lock().unwrap_or_else(PoisonError::into_inner);
                let recipient = (connection + count / 2) % count;
                if let Some(inbox) = inboxes.get_mut(recipient) {
                    inbox.push(sent.transfer);
                }
            }
        };
        Arc::new(seen) as Arc<Seeing>
    });
    Work { request: Arc::new(request), status: &[201], seen }
}

/// First fetches: every transfer once, by its recipient; ends when all have been fetched.
pub fn fetch(offices: &[OfficeNumber], inboxes: &Inboxes) -> Work {
    let inboxes: Vec<Vec<TransferId>> = inboxes.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let next: Vec<AtomicUsize> = inboxes.iter().map(|_| AtomicUsize::new(0)).collect();
    let offices = offices.to_vec();
    let request = move |_, connection: usize| {
        let office = connection % offices.len();
        let n = next.get(office)?.fetch_add(1, Ordering::Relaxed);
        let transfer = inboxes.get(office)?.get(n)?;
        Request::get(routes::path(routes::INBOX_FILE, &[&offices[office], transfer, &1])).body(Full::default()).ok()
    };
    Work { request: Arc::new(request), status: &[200], seen: None }
}

/// Polls that know the newest list: nothing new.
pub fn poll(offices: &[OfficeNumber], etags: Vec<HeaderValue>) -> Work {
    let paths: Vec<String> = offices.iter().map(|office| routes::path(routes::INBOX, &[office])).collect();
    let request = move |_, connection: usize| {
        let office = connection % paths.len();
        Request::get(&paths[office]).header("if-none-match", etags.get(office)?).body(Full::default()).ok()
    };
    Work { request: Arc::new(request), status: &[304], seen: None }
}

/// One file again and again, a range from its beginning, so that no event is written but the first.
pub fn download(office: OfficeNumber, transfer: TransferId) -> Work {
    let path = routes::path(routes::INBOX_FILE, &[&office, &transfer, &1]);
    Work { request: Arc::new(move |_, _| Request::get(&path).body(Full::default()).ok()), status: &[200], seen: None }
}

/// The peer: a new file each.
pub fn put(file: &Bytes, word: &str) -> Work {
    let (file, word) = (file.clone(), word.to_owned());
    Work {
        request: Arc::new(move |n, _| Request::put(Nginx::path(&word, n)).body(Full::new(file.clone())).ok()),
        status: &[201],
        seen: None,
    }
}

/// The peer: files `0..count` that were put before, each once; `status` 304 with their ETag, else 200.
pub fn get(word: &str, count: u64, etag: Option<HeaderValue>) -> Work {
    let word = word.to_owned();
    let status: &[u16] = if etag.is_some() { &[304] } else { &[200] };
    let request = move |n: u64, _| {
        let mut request = Request::get(Nginx::path(&word, n % count));
        if let Some(etag) = &etag {
            request = request.header("if-none-match", etag);
        }
        request.body(Full::default()).ok()
    };
    Work { request: Arc::new(request), status, seen: None }
}

/// A file of so many bytes that no compression or pattern helps.
pub fn file(size: usize) -> Bytes {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = b"%PDF-1.7\n".to_vec();
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    Bytes::from(bytes)
}

fn partner(offices: &[OfficeNumber], number: usize) -> OfficeNumber {
    offices[(number + offices.len() / 2) % offices.len()]
}

/// The form of a send with one attachment.
fn form(to: &OfficeNumber, file: &Bytes) -> Bytes {
    let part = |head: &str| format!("--{BOUNDARY}\r\ncontent-disposition: form-data; {head}\r\n\r\n");
    let mut form = part("name=\"to\"") + &to.to_string() + "\r\n" + &part("name=\"message\"") + "\r\n";
    form += &part("name=\"file\"; filename=\"report.pdf\"");
    let mut form = form.into_bytes();
    form.extend_from_slice(file);
    form.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    Bytes::from(form)
}

const BOUNDARY: &str = "careplan-loadtest-7f3a9c";
const CONTENT_TYPE: &str = "multipart/form-data; boundary=careplan-loadtest-7f3a9c";
