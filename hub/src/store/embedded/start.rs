//! Opening the store: from what the disk holds to a writer that may begin.

use super::archive::Archives;
use super::body::Lane;
use super::core::{Core, Notes};
use super::damage::Damage;
use super::doubt::Doubts;
use super::due;
use super::ended;
use super::error::{OpenError, at};
use super::handles::Handles;
use super::index::{Changes, Index};
use super::journal::Journal;
use super::keys::Keyring;
use super::layout::{self, Layout};
use super::log::Log;
use super::recover::{self, Recovered};
use super::room::Room;
use super::search::Search;
use super::upkeep::Rounds;
use super::watchers::Watchers;
use super::writer::Writer;
use super::{Opening, Progress, backup, snapshot};
use crate::failpoint::{self, Point};
use crate::store::StoreError;
use crate::store::event::{Beginning, Event};
use crate::store::state::State;
use crate::store::transfer::BodyPlace;
use arc_swap::ArcSwap;
use std::fs::File;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A store that is ready to work.
pub(crate) struct Started {
    pub(crate) core: Arc<Core>,
    pub(crate) writer: Writer,
    pub(crate) filler: JoinHandle<()>,
    /// Held as long as the store is open.
    pub(crate) lock: File,
}

/// Opens the data folder.
pub(crate) fn start(opening: Opening<'_>) -> Result<Started, OpenError> {
    let layout = Layout::new(opening.data.clone());
    if backup::is_half_restored(layout.data()) {
        let what = "a restore into it did not come to its end: run `careplan-hub restore` again".to_owned();
        return Err(OpenError::Damaged { path: layout.data().to_owned(), what });
    }
    layout.make().map_err(at(layout.data()))?;
    let lock = lock(&layout)?;
    failpoint::reach(Point::Start).map_err(at(layout.data()))?;
    layout.empty_staging().map_err(at(&layout.staging()))?;
    let now = opening.clock.now();
    let randomness = Arc::clone(&opening.randomness);
    let keys = Keyring::open(&layout, &opening.master_key, &opening.receipt_key_pem, now, randomness)?;
    let keys = Arc::new(keys);
    let damage = Arc::new(Damage::default());
    let log = Log::open(&layout)?;
    let room = Room::new(layout.clone(), opening.disk);
    let open_index = |next| Index::open(&layout, next, Arc::clone(&damage), !room.is_tight());
    let (recovered, opened, snapshot) = std::thread::scope(|scope| {
        let snapshot = scope.spawn(|| snapshot::read(&layout, &keys));
        let recovered = recover::recover(&layout, log.synced(), &damage)?;
        let opened = open_index(recovered.next)?;
        // One that cannot be read, for whatever reason, costs time only.
        Ok::<_, OpenError>((recovered, opened, snapshot.join().ok().flatten()))
    })?;
    let first = log.first();
    let begin = |snapshot| {
        beginning((snapshot, || snapshot::kept(&layout, &keys)), first..=recovered.next)
            .ok_or_else(|| OpenError::Damaged { path: layout.snapshot(), what: NO_BEGINNING.to_owned() })
    };
    let state = begin(snapshot)?;
    // What went since an older state was kept, the events behind that one say.
    log.raise(if state.floor() > 0 { first } else { 0 });
    let archives = Archives::new(layout.clone());
    let journal = Journal::new(log, recovered.tail.clone(), Arc::clone(&keys), Arc::clone(&damage), archives);
    let (mut index, applied) = opened;
    // Given away, not shared: each event would copy what a second picture holds, too.
    let mut replayed = replay(&journal, &index, state, applied, &recovered, opening.progress);
    if replayed.is_err() && index.is_broken() {
        // Closed before it is begun anew.
        drop(index);
        let (anew, applied) = open_index(recovered.next)?;
        let state = begin(snapshot::read(&layout, &keys))?;
        replayed = replay(&journal, &anew, state, applied, &recovered, opening.progress);
        index = anew;
    }
    let state = replayed?;
    if state.archived.is_some_and(|archived| archived.next < first) {
        damage.tell(format!("events {} to {} are in no archive and not in the log", state.floor(), first - 1));
    }
    // A restore says itself which epoch begins, and may well be of an earlier day.
    let ended = if backup::mark(&layout).is_some() { None } else { ended::beyond(&layout, &keys, &state)? };
    if let Some(ended) = &ended {
        damage.tell(ended.told(state.next));
    }
    if ended.is_some() || recovered.lost {
        // Before what tells of it goes.
        let known = ended.map_or(0, |ended| ended.epoch).max(state.epoch);
        due::mark(&layout, known).map_err(at(layout.data()))?;
    }
    snapshot::forget_ahead(&layout, state.next).map_err(at(&layout.archive()))?;
    let doubts = Doubts::open(&layout, ((state.next > 0).then_some(state.last_at), state.next), now)?;
    let due = due::marked(&layout).map_err(at(layout.data()))?;
    let filler = room.start().map_err(at(layout.data()))?;
    let core = Arc::new(Core {
        search: Search::new(&layout, Arc::clone(&keys), journal.first(), state.next),
        doubts,
        watchers: Watchers::new(state.next),
        upkeep: Mutex::new(Rounds::new(state.next)),
        archiving: Mutex::default(),
        state: ArcSwap::from_pointee(state.clone()),
        day: AtomicU32::new(0),
        notes: Notes::default(),
        waiting: AtomicUsize::new(0),
        failed: AtomicBool::new(false),
        epoch_waits: AtomicBool::new(false),
        cut: recovered.cut.clone().or_else(|| due.map(|_| CUT_BEFORE.to_owned())),
        clock: opening.clock,
        randomness: opening.randomness,
        on_sync_failure: opening.on_sync_failure,
        observer: opening.observer,
        layout,
        keys,
        journal,
        index,
        handles: Handles::default(),
        reads: Lane::new(),
        writes: Lane::new(),
        room,
        damage,
    });
    core.raise(state.floor());
    core.doubts.look(core.now(), &state);
    match writer(&core, state, recovered.chain, due) {
        Ok(writer) => Ok(Started { core, writer, filler, lock }),
        Err(error) => {
            core.room.stop();
            Err(error)
        }
    }
}

/// The state to begin with: the snapshot, or one that was kept beside an archive. Without either the log is read from its
/// very first event on; `None` when that was archived, since what it added up to would be missing.
fn beginning(
    (snapshot, kept): (Option<State>, impl FnOnce() -> Vec<State>),
    log: RangeInclusive<u64>,
) -> Option<State> {
    let fits = |state: &State| log.contains(&state.next);
    if let Some(snapshot) = snapshot.filter(fits) {
        return Some(snapshot);
    }
    if *log.start() == 0 {
        return Some(State::default());
    }
    let kept = kept().into_iter().find(fits)?;
    tracing::warn!(position = kept.next, "the snapshot cannot be used: the one beside the last archive is");
    Some(kept)
}

/// One process at a time.
fn lock(layout: &Layout) -> Result<File, OpenError> {
    let path = layout.lock();
    let file = layout::private(&path, false).map_err(at(&path))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| OpenError::Locked(layout.data().to_owned()))?;
    Ok(file)
}

/// Brings state and index from where each of them is to the end of the journal.
fn replay(
    journal: &Journal,
    index: &Index,
    mut state: State,
    applied: u64,
    recovered: &Recovered,
    progress: &dyn Fn(Progress),
) -> Result<State, StoreError> {
    let (begin, end) = (state.next.min(applied), recovered.next);
    let in_runs = index.is_bare() && end.saturating_sub(applied) > RUN;
    let (mut changes, mut taken) = (Changes::default(), applied);
    std::thread::scope(|scope| {
        // Read and opened by one thread, taken up by this one.
        let (sender, batches) = sync_channel(READ_AHEAD);
        scope.spawn(move || read_ahead(journal, begin, end, &sender));
        for batch in batches {
            let (events, position) = batch?;
            progress(Progress { done: position.min(end), of: end });
            for (body, event) in events {
                if event.position >= state.next {
                    state.apply(&event);
                }
                if event.position >= applied {
                    changes.take_up(index, &event, body)?;
                }
            }
            let reached = position.max(applied).min(end);
            if !in_runs {
                index.apply(&std::mem::take(&mut changes), reached, true)?;
            } else if reached >= taken + RUN || reached == end {
                index.take_run(&std::mem::take(&mut changes), taken..reached)?;
                taken = reached;
            }
        }
        Ok::<(), StoreError>(())
    })?;
    // Events at the very end may be damaged: their positions are not given anew.
    state.next = state.next.max(recovered.next);
    state.epoch = state.epoch.max(recovered.epoch);
    Ok(state)
}

/// A batch of events, each with where its body is, and the position behind them.
type Batch = Result<(Vec<(Option<BodyPlace>, Event)>, u64), StoreError>;

/// Reads events until all are read or nobody wants them any more.
fn read_ahead(journal: &Journal, begin: u64, end: u64, sender: &SyncSender<Batch>) {
    let mut position = begin;
    while position < end {
        let batch = match journal.events(position, REPLAYED_AT_ONCE) {
            Ok(events) => Ok(events),
            // All of them are damaged, which was told; what comes behind them goes on being served.
            Err(StoreError::Damaged(_)) => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        let batch = batch.map(|events| {
            let behind = events.last().map_or(position + REPLAYED_AT_ONCE as u64, |(_, event)| event.position + 1);
            position = behind;
            (events, behind)
        });
        let failed = batch.is_err();
        if sender.send(batch).is_err() || failed {
            return;
        }
    }
}

/// Begins a new segment, and a new epoch where one has to begin.
fn writer(core: &Arc<Core>, state: State, chain: [u8; 32], due: Option<u32>) -> Result<Writer, OpenError> {
    failpoint::reach(Point::Started).map_err(at(core.layout.data()))?;
    let mut state = state;
    let restored = backup::mark(&core.layout);
    if let Some(restored) = &restored {
        tracing::warn!(taken_at = %restored.taken_at, next = restored.next, "restored from a backup: a new epoch begins");
        // The one before the one that begins now; the writer counts on.
        state.epoch = state.epoch.max(restored.epoch.saturating_sub(1));
    }
    let began = match (&restored, state.next, due) {
        (Some(_), ..) => Some(Beginning::Restored),
        (None, 0, _) => Some(Beginning::FirstStart),
        (None, _, Some(_)) => Some(Beginning::Cut),
        (None, _, None) => None,
    };
    state.epoch = state.epoch.max(due.unwrap_or(0));
    let has_events = state.next > 0;
    let mut writer = Writer::new(Arc::clone(core), state, chain, began);
    let has_begun = writer.begin()?;
    if !has_begun {
        // What is there can be read all the same; but a folder's first event, and that of a restore, are never put off.
        if restored.is_some() || !has_events {
            return Err(StoreError::Full.into());
        }
        core.epoch_waits.store(began.is_some(), Ordering::SeqCst);
        tracing::error!("the disk is full: what is there is served, nothing else is taken until there is room");
    }
    if restored.is_some() {
        // Its event is durable now; a death before this line begins one more epoch, which harms nobody.
        backup::unmark(&core.layout).map_err(at(core.layout.data()))?;
    }
    Ok(writer)
}

const CUT_BEFORE: &str = "an earlier start cut what stood behind the last whole batch, or found the end of the log lost, and ended before \
                          a new epoch had begun; what was cut is in cut/";
const NO_BEGINNING: &str = "the log begins behind months that were archived, and neither this snapshot nor one in archive/ \
                            can be opened: without it offices, licences and meters would be empty; run `careplan-hub recover`";
const REPLAYED_AT_ONCE: usize = 4096;
const READ_AHEAD: usize = 2;
/// Events whose changes of the index are sorted in memory at a time, some 60 MB.
const RUN: u64 = if cfg!(feature = "failpoints") { 100 } else { 100_000 };
