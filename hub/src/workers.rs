//! Background work: every worker has a name, a pace, and a last error that operators see.
//!
//! - `retention`: ends the retention of days; `renewal`: adds the next terms of licences;
//! - `archive`: puts months of the log away that are past its retention;
//! - `cutter`: cuts connections of who lost the right to them;
//! - `strangers`: tells the log how many unknown callers were refused, and how often known ones beyond the first few times;
//! - `scrub`: looks once a week whether all that is stored is as it was written;
//! - `upkeep`: the store's own; `gauges`: what metrics show and when a warning is due; `clock`: the clock of tests.

mod archive;
mod clock;
mod cutter;
mod gauges;
mod renewal;
mod retention;
mod round;
mod scrub;
mod strangers;
mod upkeep;

use crate::clock::FileClock;
use crate::connection::Connections;
use crate::http::SharedApp;
use crate::tls::Tls;
use careplan_protocol::api::Worker;
use round::{Board, every};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the workers work on.
#[derive(Debug)]
pub struct Workers {
    /// The application.
    pub app: SharedApp,
    /// The connections open now.
    pub connections: Arc<Connections>,
    /// Certificates and lists, reread when their files change.
    pub tls: Arc<Tls>,
    /// The clock of tests, if there is one.
    pub test_clock: Option<Arc<FileClock>>,
    /// Where it is told how they are.
    pub told: watch::Sender<Vec<Worker>>,
}

/// Workers at work.
#[derive(Debug)]
pub struct Running {
    tasks: TaskTracker,
}

impl Running {
    /// Waits until every worker has ended its round, after the token was cancelled.
    pub async fn stopped(self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Starts them; they end when `stop` is cancelled.
pub fn start(workers: Workers, stop: CancellationToken) -> Running {
    let Workers { app, connections, tls, test_clock, told } = workers;
    let board = Arc::new(Board::new(Arc::clone(&app), told));
    let tasks = TaskTracker::new();
    let spawn = |name, pace, work: round::Work| {
        tasks.spawn(every(name, pace, work, Arc::clone(&board), stop.clone()));
    };
    spawn("upkeep", UPKEEP, upkeep::work(&app));
    spawn("retention", SECONDS, retention::work(&app));
    spawn("archive", UNHURRIED, archive::work(&app));
    spawn("renewal", SECONDS, renewal::work(&app));
    spawn("strangers", MINUTE, strangers::work(&app));
    spawn("gauges", SECONDS, gauges::work(&app));
    spawn("scrub", HOUR, scrub::work(&app, &stop));
    if let Some(clock) = test_clock {
        spawn("test-clock", AT_ONCE, clock::work(clock));
    }
    let cutting = cutter::Cutting { app: Arc::clone(&app), connections, anchors: tls.anchors().changes() };
    tasks.spawn(cutting.run(Arc::clone(&board), stop.clone()));
    let watching = tls.watch(stop);
    tasks.spawn(async move {
        if let Err(error) = watching.await {
            tracing::error!(%error, "certificates are not watched: SIGHUP and changed files do nothing");
        }
    });
    Running { tasks }
}

const AT_ONCE: Duration = Duration::from_millis(50);
/// What years bring happens at once where the hub is killed, so that it is killed in it.
const SECONDS: Duration = Duration::from_millis(if cfg!(feature = "failpoints") { 150 } else { 2000 });
const UPKEEP: Duration = Duration::from_secs(3);
const UNHURRIED: Duration = Duration::from_millis(if cfg!(feature = "failpoints") { 150 } else { 10_000 });
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
