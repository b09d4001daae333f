//! `log monitor`: whether what the log says now contains what it said the last time.

use super::keys::{KeyArguments, Keys};
use super::source::{SourceArguments, work};
use super::state::State;
use crate::failure::Failure;
use crate::output::instant;
use crate::session::Session;
use careplan_protocol::tlog::Hash;
use careplan_protocol::tlog::verify::{Crossing, FollowError, News, follow};
use clap::Args;
use jiff::SignedDuration;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// What to watch.
#[derive(Debug, Args)]
pub(crate) struct MonitorArguments {
    #[command(flatten)]
    pub(super) follow: FollowArguments,
    /// Where the last checkpoint and the key are kept between runs
    #[arg(long, value_name = "FILE")]
    state: PathBuf,
    /// Go on, and look again after so long, such as 60s or 10m
    #[arg(long, value_name = "TIME")]
    every: Option<SignedDuration>,
}

/// What monitors and witnesses have in common.
#[derive(Debug, Clone, Args)]
pub(crate) struct FollowArguments {
    #[command(flatten)]
    pub(super) source: SourceArguments,
    #[command(flatten)]
    pub(super) keys: KeyArguments,
    /// Checkpoints that others saw: a file or a folder, such as what a witness publishes; may be given several times
    #[arg(long = "seen", value_name = "FILE|DIR")]
    pub(super) seen: Vec<PathBuf>,
    /// Go on although this epoch lacks events that the one before had signed, after its operator explained it; remembered in
    /// --state; may be given several times
    #[arg(long, value_name = "EPOCH")]
    pub(super) accept_epoch: Vec<u32>,
}

#[derive(Debug, Serialize)]
struct Seen {
    origin: String,
    size: u64,
    root: Hash,
    at: jiff::Timestamp,
    /// Entries since the last look.
    new: Option<u64>,
    /// So many checkpoints that others saw were found in it.
    compared: usize,
}

/// What a look at the log found.
pub(super) struct Look {
    /// What it says now.
    pub(super) news: News,
    /// Whose signatures count.
    pub(super) keys: Keys,
    /// The size seen last.
    before: Option<u64>,
    /// So many checkpoints that others saw were found in it.
    pub(super) compared: usize,
}

/// Does it.
pub(crate) async fn run(session: &Session, arguments: MonitorArguments) -> Result<(), Failure> {
    loop {
        match once(session, &arguments).await {
            Ok(()) => {}
            // A hub that cannot be reached is no fork: who goes on looks again.
            Err(Failure::Hub(error)) if arguments.every.is_some() && error.is_passing() => {
                session.output.remark(&format!("{}  not reached: {error}", instant(session.now())));
            }
            Err(failure) => return Err(failure),
        }
        let Some(every) = arguments.every else { return Ok(()) };
        tokio::time::sleep(Duration::try_from(every).unwrap_or_default().max(SHORTEST)).await;
    }
}

async fn once(session: &Session, arguments: &MonitorArguments) -> Result<(), Failure> {
    let mut state = State::read(Some(&arguments.state))?;
    let Look { news, keys, before, compared } = arguments.follow.look(session, &state).await?;
    let (checkpoint, at) = (news.checkpoint, session.now());
    let new = before.map(|size| checkpoint.size.saturating_sub(size));
    state.keep(&keys);
    state.last = Some(news.note);
    state.accepted.extend(&arguments.follow.accept_epoch);
    state.write(Some(&arguments.state))?;
    let seen = Seen { origin: checkpoint.origin, size: checkpoint.size, root: checkpoint.root, at, new, compared };
    session.output.show(&seen, |seen| {
        let new = seen.new.map_or("first look".to_owned(), |new| format!("{new} new, all before unchanged"));
        let compared = compared_words(seen.compared);
        format!("{}  {}  {} entries ({new}{compared})  {}", instant(at), seen.origin, seen.size, seen.root)
    })?;
    if let Some(caution) = keys.caution() {
        session.output.remark(caution);
    }
    Ok(())
}

impl FollowArguments {
    /// What the log says now, after everything that was seen of it was found in it.
    pub(super) async fn look(&self, session: &Session, state: &State) -> Result<Look, Failure> {
        let (mut place, about) = self.source.open(session).await?;
        let keys = self.keys.choose(state, about.as_ref())?;
        // What others saw is read before the log is asked: what it says then has to contain it.
        let seen = keys.seen(&self.seen)?;
        let last = state.last.as_deref().map(|note| keys.open(note)).transpose()?;
        let before = last.as_ref().map(|last| last.size);
        let (known, compared) = (keys.known.clone(), seen.len());
        let (news, of_seen) = work(move || {
            let mut of_seen = Vec::new();
            for (checkpoint, _) in &seen {
                of_seen.extend(follow(&mut place, &known, Some(checkpoint)).map_err(failed)?.crossings);
            }
            Ok((follow(&mut place, &known, last.as_ref()).map_err(failed)?, of_seen))
        })
        .await?;
        self.cross(session, state, &news.crossings, of_seen)?;
        Ok(Look { news, keys, before, compared })
    }

    /// Tells which epochs began, and alarms on one that lacks events, unless that was explained: what others saw and is lost is
    /// lost for who looks for the first time, too.
    fn cross(&self, session: &Session, state: &State, own: &[Crossing], of_seen: Vec<Crossing>) -> Result<(), Failure> {
        let mut worst: BTreeMap<u32, Crossing> = BTreeMap::new();
        let is_old = |crossing: &Crossing| crossing.lost == 0 || state.accepted.contains(&crossing.epoch);
        for crossing in own.iter().cloned().chain(of_seen.into_iter().filter(|crossing| !is_old(crossing))) {
            let told = worst.entry(crossing.epoch).or_insert_with(|| crossing.clone());
            if crossing.lost > told.lost {
                *told = crossing;
            }
        }
        for crossing in worst.into_values() {
            let text = format!(
                "epoch {} began at event {}: {} events that the epoch before had signed are not in it",
                crossing.epoch, crossing.position, crossing.lost
            );
            if !is_old(&crossing) && !self.accept_epoch.contains(&crossing.epoch) {
                return Err(Failure::Alarm(format!(
                    "{text}. A restore from a backup does that. Ask the operator; when it is explained: --accept-epoch {}",
                    crossing.epoch
                )));
            }
            session.output.remark(&text);
        }
        Ok(())
    }
}

/// How many checkpoints of others were compared, where any were.
pub(super) fn compared_words(compared: usize) -> String {
    match compared {
        0 => String::new(),
        1 => ", 1 checkpoint of others compared".to_owned(),
        many => format!(", {many} checkpoints of others compared"),
    }
}

fn failed(why: FollowError<Failure>) -> Failure {
    match why {
        FollowError::Source(failure) => failure,
        FollowError::Alarm(text) => Failure::Alarm(text),
    }
}

const SHORTEST: Duration = Duration::from_secs(1);
