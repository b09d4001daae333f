//! Many senders at once. Each takes the next number and sends it until the hub has acknowledged, always under the same key.

use crate::corpus::{Corpus, Load};
use crate::desks::Desks;
use crate::report::{Acknowledged, Report};
use anyhow::{Context as _, Result, bail};
use careplan_client::connection::{Connection, Content, Error, Outgoing, OutgoingFile};
use careplan_protocol::office::OfficeNumber;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// A run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What to send.
    pub corpus: Corpus,
    /// As whom.
    pub desks: Desks,
    /// The numbers to send.
    pub numbers: Range<u64>,
    /// How many senders at once.
    pub senders: usize,
    /// Begins every key; two runs with the same word and numbers are one.
    pub word: String,
    /// How long one transfer is tried before the run is given up.
    pub patience: Duration,
    /// Counts what was acknowledged, for whoever watches.
    pub progress: Arc<AtomicU64>,
}

/// Sends everything.
///
/// # Errors
/// When the hub refuses a transfer for good, or does not acknowledge it in time.
pub async fn run(settings: Settings) -> Result<Report> {
    let settings = Arc::new(settings);
    let next = Arc::new(AtomicU64::new(settings.numbers.start));
    let begun = now();
    let mut senders = JoinSet::new();
    for _ in 0..settings.senders {
        senders.spawn(sender(Arc::clone(&settings), Arc::clone(&next)));
    }
    let mut report = Report::new();
    while let Some(ended) = senders.join_next().await {
        report.add(ended??);
    }
    report.took = begun.elapsed();
    Ok(report)
}

async fn sender(settings: Arc<Settings>, next: Arc<AtomicU64>) -> Result<Report> {
    let mut report = Report::new();
    let mut connections: HashMap<OfficeNumber, Connection> = HashMap::new();
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n >= settings.numbers.end {
            return Ok(report);
        }
        let load = settings.corpus.load(n);
        let office = load.from.office;
        let connection = match connections.get(&office) {
            Some(connection) => connection.clone(),
            None => settings.desks.connect(office)?,
        };
        connections.insert(office, connection.clone());
        let outgoing = outgoing(&load, format!("{}-{n:08}", settings.word));
        let sending = deliver(&connection, n, office, &outgoing, &mut report);
        let acknowledged = timeout(settings.patience, sending)
            .await
            .with_context(|| format!("transfer {n} was not acknowledged in time"))??;
        report.acknowledged.push(acknowledged);
        settings.progress.fetch_add(1, Ordering::Relaxed);
    }
}

/// Sends until there is an answer.
async fn deliver(
    connection: &Connection,
    n: u64,
    office: OfficeNumber,
    outgoing: &Outgoing,
    report: &mut Report,
) -> Result<Acknowledged> {
    for attempts in 1.. {
        let begun = now();
        match connection.send(office, outgoing).await {
            Ok(answer) => {
                report.timed(begun.elapsed());
                let (transfer, receipt) = (answer.sent.transfer, answer.sent.receipt);
                let key = outgoing.key.clone();
                return Ok(Acknowledged { n, key, transfer, receipt, attempts, replayed: answer.replayed });
            }
            Err(why) if why.is_passing() => {
                *report.trouble.entry(kind(&why)).or_default() += 1;
                sleep(why.retry_after().unwrap_or(PAUSE).min(LONGEST_PAUSE)).await;
            }
            Err(why) => bail!("transfer {n}: {why}"),
        }
    }
    bail!("transfer {n}: never sent")
}

fn outgoing(load: &Load, key: String) -> Outgoing {
    let file = |(name, bytes): &(String, bytes::Bytes)| OutgoingFile {
        name: name.clone(),
        content: Content::Bytes(bytes.clone()),
    };
    Outgoing {
        key,
        to: load.to,
        from_type: load.from.service_type,
        message: String::new(),
        files: load.files.iter().map(file).collect(),
    }
}

fn kind(why: &Error) -> String {
    match why {
        Error::Problem { problem, .. } => problem.code.clone(),
        _ => "unreachable".to_owned(),
    }
}

fn now() -> Instant {
    Instant::now()
}

const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
