//! Requests against a server: as many as it takes (closed loop), or at a rate that does not wait for it (open loop).
//!
//! In the open loop latency counts from the instant at which the request was due, so that a server that stalls is charged
//! for everybody who would have come meanwhile (no coordinated omission). Every run begins on a disk to which nothing is left
//! to be written.

mod arrivals;
mod ran;

pub use ran::{Ran, median};

use crate::clock::Moment;
use crate::rig::{Server, process};
use crate::wire::{Answer, Door, Line};
use anyhow::{Result, ensure};
use arrivals::Arrivals;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// One kind of work: what request `n` is on connection `c`, and which status its answer has.
#[derive(Clone)]
pub struct Work {
    /// The request, or nothing when there is no more to ask.
    pub request: Arc<Asking>,
    /// The statuses that count as done.
    pub status: &'static [u16],
    /// Looks at the answers that count.
    pub seen: Option<Arc<Seeing>>,
}

/// Request `n` on connection `c`.
pub type Asking = dyn Fn(u64, usize) -> Option<Request<Full<Bytes>>> + Send + Sync;
/// The connection and the answer on it.
pub type Seeing = dyn Fn(usize, &Answer) + Send + Sync;

/// How long, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// First so long without counting.
    pub warm: Duration,
    /// Then so long.
    pub counted: Duration,
    /// Requests a second in an open loop; none: closed.
    pub rate: Option<f64>,
}

/// What all connections of a run share.
struct Run {
    work: Work,
    next: AtomicU64,
    counting: AtomicBool,
    over: AtomicBool,
    tally: Mutex<Ran>,
    trouble: Mutex<Option<String>>,
}

/// Runs the work over one connection per door, and measures it.
///
/// # Errors
/// When a connection cannot be opened, or nothing was answered as it should be.
pub async fn run(server: &Server, doors: &[Door], work: &Work, span: Span) -> Result<Ran> {
    // What the one before wrote without a sync would go to the disk now, at the expense of this one.
    tokio::task::spawn_blocking(rustix::fs::sync).await?;
    let mut lines = Vec::new();
    for door in doors {
        lines.push(door.open().await?);
    }
    let arrivals = span.rate.map(Arrivals::new);
    let run = Arc::new(Run {
        work: work.clone(),
        next: AtomicU64::new(0),
        counting: AtomicBool::new(span.warm.is_zero()),
        over: AtomicBool::new(false),
        tally: Mutex::new(Ran::new()?),
        trouble: Mutex::new(None),
    });
    let mut tasks = JoinSet::new();
    let (mut processor, mut stolen, mut begun) = (server.processor_time()?, process::stolen()?, Moment::now());
    for (number, line) in lines.into_iter().enumerate() {
        match &arrivals {
            None => tasks.spawn(at_once(Arc::clone(&run), number, line)),
            Some(arrivals) => tasks.spawn(when_due(Arc::clone(&run), number, line, arrivals.clone())),
        };
    }
    let pacing = arrivals.map(|arrivals| tokio::spawn(arrivals.keep()));
    if !span.warm.is_zero() {
        let _ = tokio::time::timeout(span.warm, all(&mut tasks)).await;
        (processor, stolen, begun) = (server.processor_time()?, process::stolen()?, Moment::now());
        run.counting.store(true, Ordering::Relaxed);
    }
    let _ = tokio::time::timeout(span.counted, all(&mut tasks)).await;
    run.counting.store(false, Ordering::Relaxed);
    let (processor, wall) = (server.processor_time()?.saturating_sub(processor), begun.elapsed());
    let stolen = process::stolen()?.saturating_sub(stolen);
    run.over.store(true, Ordering::Relaxed);
    if let Some(pacing) = pacing {
        pacing.abort();
    }
    let _ = tokio::time::timeout(PARTING, all(&mut tasks)).await;
    tasks.shutdown().await;
    let trouble = run.trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut ran = std::mem::replace(&mut *run.tally.lock().unwrap_or_else(PoisonError::into_inner), Ran::new()?);
    (ran.processor, ran.wall, ran.stolen) = (processor, wall, stolen);
    ensure!(ran.requests > 0, "nothing was answered: {}", trouble.unwrap_or_else(|| "no request was made".into()));
    ran.trouble = trouble;
    Ok(ran)
}

async fn all(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}

/// The next request as soon as the one before is answered.
async fn at_once(run: Arc<Run>, number: usize, mut line: Line) {
    while !run.over.load(Ordering::Relaxed) {
        if !run.ask(number, &mut line, Moment::now()).await {
            return;
        }
    }
}

/// The next request that is due, however late it has become.
async fn when_due(run: Arc<Run>, number: usize, mut line: Line, arrivals: Arrivals) {
    while let Some(due) = arrivals.next().await {
        if run.over.load(Ordering::Relaxed) || !run.ask(number, &mut line, due).await {
            return;
        }
    }
}

impl Run {
    /// One request; whether there is a next one.
    async fn ask(&self, number: usize, line: &mut Line, due: Moment) -> bool {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = (self.work.request)(n, number) else { return false };
        let answered = match self.work.seen {
            Some(_) => line.ask(request).await,
            None => line.ask_and_count(request).await,
        };
        let took = due.elapsed();
        match answered {
            Ok(answer) if self.work.status.contains(&answer.status) => {
                if let Some(seen) = &self.work.seen {
                    seen(number, &answer);
                }
                if self.counting.load(Ordering::Relaxed) {
                    self.tally.lock().unwrap_or_else(PoisonError::into_inner).add(took, answer.bytes);
                }
                true
            }
            Ok(answer) => self.note(format!("status {} instead of {:?}", answer.status, self.work.status), true),
            Err(error) => self.note(format!("{error:#}"), false),
        }
    }

    fn note(&self, trouble: String, go_on: bool) -> bool {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).failed += 1;
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(trouble);
        go_on
    }
}

const PARTING: Duration = Duration::from_secs(10);
