//! The thread that follows the commit: what is durable is appended to the tree, written, signed, and then shown.

use super::folder::Folder;
use super::leaf::{self, Head};
use super::ledger::Ledger;
use super::resume::{AT_ONCE, Resumed, restore_earlier, resume, unreadable};
use super::signer::Signer;
use super::{Tlog, Tree, Trouble};
use crate::clock::Stopwatch;
use crate::failpoint::{self, Point};
use crate::store::embedded::behind;
use crate::store::embedded::core::Core;
use crate::store::embedded::journal::LeafAt;
use careplan_protocol::tlog::tile::WIDTH;
use careplan_protocol::tlog::{Hash, Tile};
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// The log of one epoch while it grows.
struct Integrator {
    core: Arc<Core>,
    tlog: Arc<Tlog>,
    folder: Folder,
    tree: Tree,
    signer: Signer,
    ledger: Ledger,
    must: Option<(u64, Hash)>,
    /// The position of the epoch's own first event: no tree without it is signed.
    begun: u64,
    /// Whether nothing of the tree came from the epoch before.
    anew: bool,
    /// Whether the logs of earlier epochs were looked at.
    looked: bool,
    /// Leaves read and not yet appended.
    ahead: VecDeque<LeafAt>,
    /// How far the tree's files are written.
    written: u64,
    /// The partial tiles that stand there now.
    partial: Vec<Tile>,
    synced: Stopwatch,
}

/// Starts the thread. It ends, having caught up, when the sender is dropped.
pub(crate) fn start(core: Arc<Core>, tlog: Arc<Tlog>) -> io::Result<(Sender<()>, JoinHandle<()>)> {
    let (stop, stopped) = channel();
    let thread = std::thread::Builder::new().name("store-tlog".to_owned());
    let thread = thread.spawn(move || {
        behind::give_way();
        if catch_unwind(AssertUnwindSafe(|| run(&core, &tlog, &stopped))).is_err() {
            alarm(&core, &tlog, "the transparency log's thread panicked: it goes on at the next start");
        }
    })?;
    Ok((stop, thread))
}

fn run(core: &Arc<Core>, tlog: &Arc<Tlog>, stopped: &Receiver<()>) {
    let mut at_work = None;
    loop {
        let pause = match step(core, tlog, &mut at_work) {
            Ok(true) => Duration::ZERO,
            Ok(false) => PACE,
            Err(Trouble::Again(error)) => {
                tracing::warn!(%error, "the transparency log is behind");
                // What the disk holds of this round is not known: it is taken up from there.
                at_work = None;
                AFTER_TROUBLE
            }
            Err(Trouble::Alarm(what)) => return alarm(core, tlog, &what),
        };
        let ended = match pause.is_zero() {
            true => stopped.try_recv() == Err(TryRecvError::Disconnected),
            false => stopped.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected),
        };
        if ended {
            break;
        }
    }
    if let Some(integrator) = at_work
        && let Err(error) = integrator.end()
    {
        tracing::warn!(%error, "the transparency log did not catch up before the stop; it does so at the next start");
    }
}

fn alarm(core: &Core, tlog: &Tlog, what: &str) {
    core.damage.tell(what);
    tlog.stop(what);
}

/// One round; whether there is more to do at once.
fn step(core: &Arc<Core>, tlog: &Arc<Tlog>, at_work: &mut Option<Integrator>) -> Result<bool, Trouble> {
    match at_work {
        Some(integrator) => integrator.round(),
        // Nothing more comes to the epoch before, and what it signed may be more than there is. Once begun, an epoch lasts as
        // long as the process.
        None if core.epoch_waits.load(Ordering::SeqCst) => Ok(false),
        None => {
            tlog.turn_to(core.state.load().epoch);
            at_work.insert(Integrator::open(core, tlog)?).round()
        }
    }
}

impl Integrator {
    fn open(core: &Arc<Core>, tlog: &Arc<Tlog>) -> Result<Self, Trouble> {
        let Resumed { folder, tree, signer, ledger, must } = resume(core, tlog.epoch())?;
        let integrator = Self {
            core: Arc::clone(core),
            tlog: Arc::clone(tlog),
            begun: core.state.load().epochs.get(&tlog.epoch()).copied().unwrap_or(0),
            anew: tree.size() == 0,
            looked: false,
            written: tree.size(),
            folder,
            tree,
            signer,
            ledger,
            must,
            ahead: VecDeque::new(),
            partial: Vec::new(),
            synced: Stopwatch::start(),
        };
        if integrator.signer.size() > 0 {
            integrator.show()?;
        }
        Ok(integrator)
    }

    fn round(&mut self) -> Result<bool, Trouble> {
        let next = self.core.state.load().next;
        if self.tree.size() == next {
            self.tlog.caught_up();
        } else if self.core.room.is_tight() {
            // The reserve is for the events themselves.
            return Ok(false);
        }
        let turn = self.take(next)?;
        self.write()?;
        if self.signer.size() < self.tree.size() && self.is_begun() {
            self.signer.sign(&self.tree, &self.folder)?;
            self.show()?;
        }
        if turn || self.ledger.is_due(leaf::hour(self.core.now()), self.signer.size()) {
            self.keep()?;
        }
        let behind = self.signer.size().saturating_sub(self.signer.kept());
        if behind >= KEPT_EVENTS || (behind > WIDTH && self.synced.elapsed() >= KEPT) {
            self.sync()?;
        }
        let more = self.tree.size() < next;
        if !more && !self.looked {
            restore_earlier(&self.core, self.tlog.epoch())?;
            self.looked = true;
        }
        Ok(more)
    }

    /// Appends what is new, up to a bound. Whether it stopped because an hour is over, whose checkpoint has to be kept.
    fn take(&mut self, next: u64) -> Result<bool, Trouble> {
        for _ in 0..AT_ONCE {
            self.pass()?;
            let position = self.tree.size();
            if position >= next {
                break;
            }
            if self.ahead.is_empty() {
                let wanted = (next - position).min(AT_ONCE);
                self.ahead = self.core.journal.leaves(position, wanted as usize)?.into();
            }
            let leaf = self.ahead.front().and_then(|(at, leaf)| leaf.as_ref().filter(|_| *at == position));
            let head = leaf.and_then(|leaf| Head::read(leaf));
            let head = head.filter(|head| head.position == position && head.epoch <= self.tlog.epoch());
            let (Some(leaf), Some(head)) = (leaf, head) else { return Err(Trouble::Alarm(unreadable(position))) };
            if self.is_begun() && self.ledger.is_due(head.hour(), position) {
                return Ok(true);
            }
            if !self.tree.append(leaf) {
                return Err(Trouble::Alarm(format!("event {position} is too long for the transparency log")));
            }
            self.ahead.pop_front();
            self.ledger.saw(&head);
            if self.tree.size().is_multiple_of(PIECE) {
                behind::let_others();
            }
        }
        Ok(false)
    }

    /// Where the tree has to be what an earlier epoch signed.
    fn pass(&mut self) -> Result<(), Trouble> {
        let Some((_, root)) = self.must.filter(|(size, _)| *size == self.tree.size()) else { return Ok(()) };
        if self.tree.root() == root {
            self.must = None;
        } else if self.anew {
            return Err(Trouble::Alarm(format!(
                "the first {} events are not those that the epoch before signed: the new epoch's log is not signed",
                self.tree.size()
            )));
        } else {
            // The tiles taken over may be wrong: the log of events has the last word.
            (self.tree, self.ledger, self.anew) = (Tree::default(), Ledger::default(), true);
            (self.written, self.ahead, self.partial) = (0, VecDeque::new(), Vec::new());
        }
        Ok(())
    }

    fn is_begun(&self) -> bool {
        self.must.is_none() && self.tree.size() > self.begun
    }

    fn write(&mut self) -> Result<(), Trouble> {
        if self.written == self.tree.size() {
            return Ok(());
        }
        failpoint::reach(Point::TlogTiles)?;
        for (tile, bytes) in self.tree.full() {
            self.folder.write(*tile, bytes)?;
            behind::let_others();
        }
        let partial = self.tree.partial();
        for (tile, bytes) in partial.iter().filter(|(tile, _)| !self.partial.contains(tile)) {
            self.folder.write(*tile, bytes)?;
            behind::let_others();
        }
        self.partial = partial.into_iter().map(|(tile, _)| tile).collect();
        self.tree.written();
        self.written = self.tree.size();
        failpoint::reach(Point::TlogWritten)?;
        Ok(())
    }

    /// Shows what was signed last.
    fn show(&self) -> Result<(), Trouble> {
        self.folder.show(&self.signer.note()?)?;
        failpoint::reach(Point::TlogShown)?;
        self.tlog.publish(self.signer.size());
        Ok(())
    }

    /// Keeps the checkpoint signed last for ever.
    fn keep(&mut self) -> Result<(), Trouble> {
        self.folder.keep(self.signer.size(), self.signer.note()?.as_bytes())?;
        self.ledger.kept(self.signer.size());
        Ok(())
    }

    /// Makes the full tiles durable, so that the next start need not make them again.
    fn sync(&mut self) -> Result<(), Trouble> {
        failpoint::reach(Point::TlogSync)?;
        let kept = self.signer.size() / WIDTH * WIDTH;
        self.folder.sync()?;
        self.signer.keep(kept, &self.folder)?;
        self.synced = Stopwatch::start();
        Ok(())
    }

    /// Before a stop: the last events, and what makes the next start quick.
    fn end(mut self) -> Result<(), Trouble> {
        let watch = Stopwatch::start();
        while self.round()? && watch.elapsed() < CATCH_UP {}
        if self.signer.kept() + WIDTH <= self.signer.size() { self.sync() } else { Ok(()) }
    }
}

/// Between looks for new events: with the work itself below the second that is promised. Each costs a sync and half a dozen
/// renamed files, however few the events.
const PACE: Duration = Duration::from_millis(600);
const AFTER_TROUBLE: Duration = Duration::from_secs(1);
/// Leaves that are hashed in one go.
const PIECE: u64 = 32;
/// Leaves that a start makes tiles of again at most, after a power cut.
const KEPT_EVENTS: u64 = 250_000;
const KEPT: Duration = Duration::from_secs(600);
const CATCH_UP: Duration = Duration::from_secs(5);
