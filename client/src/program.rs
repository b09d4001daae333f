//! The program: what its arguments ask for, done with the library, told to a person or as JSON.

mod archive;
mod asking;
mod check;
pub(crate) mod cli;
mod evidence;
mod extras;
mod failure;
mod fetch;
mod inbox;
mod log;
mod membership;
mod office;
mod progress;
mod receipt;
mod screen;
mod send;
mod sent;
mod setup;
mod sync;

use careplan_client::clock::{SharedClock, SharedRandomness, SystemClock, SystemRandomness};
use careplan_client::desk::Desk;
use careplan_client::home::{Home, HomeError};
use careplan_protocol::office::Address;
use cli::{Arguments, Command};
use failure::Failure;
use screen::Screen;
use std::process::ExitCode;
use std::sync::Arc;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0.
    Done,
    /// 1: nothing of what was asked for could be done.
    Failed,
    /// 2: it was asked for wrongly.
    WrongUse,
    /// 3: some of it.
    Partly,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::WrongUse => 2,
            Exit::Partly => 3,
        })
    }
}

/// What every command gets.
pub(crate) struct Context {
    pub(crate) home: Option<std::path::PathBuf>,
    pub(crate) acting_as: Option<Address>,
    pub(crate) screen: Screen,
    pub(crate) clock: SharedClock,
    pub(crate) randomness: SharedRandomness,
}

impl Context {
    pub(crate) fn home(&self) -> Result<Home, HomeError> {
        Home::new(self.home.clone())
    }

    /// The desk chosen with `--as`, or the only office.
    pub(crate) fn desk(&self) -> Result<Desk, Failure> {
        let profile = self.home()?.profile(self.acting_as.map(|address| address.office))?;
        let address = self.acting_as.unwrap_or_else(|| Address::whole(profile.office));
        let (clock, randomness) = (Arc::clone(&self.clock), Arc::clone(&self.randomness));
        Ok(Desk::open(profile, address, self.screen.language, clock, randomness)?)
    }
}

/// Runs what was asked for.
pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    let mut context = Context {
        home: arguments.home,
        acting_as: arguments.acting_as,
        screen: Screen::new(arguments.lang.into(), arguments.json),
        clock: Arc::new(SystemClock),
        randomness: Arc::new(SystemRandomness),
    };
    // A sync without end is ended in no other way, and ends well then.
    let ends_itself = matches!(&arguments.command, Command::Sync(what) if !what.once && what.action.is_none());
    // A command that is interrupted is dropped where it stands: everything on disk survives that.
    let ended = tokio::select! {
        ended = dispatch(&mut context, arguments.command) => ended,
        _ = tokio::signal::ctrl_c(), if !ends_itself => Err(Failure::interrupted()),
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            context.screen.failure(&failure);
            Exit::Failed.into()
        }
    }
}

async fn dispatch(context: &mut Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Setup(what) => setup::run(context, what).await,
        Command::Send(what) => send::run(context, what).await,
        Command::Check(what) => check::run(context, what).await,
        Command::Inbox(what) => inbox::run(context, what).await,
        Command::Fetch(what) => fetch::run(context, what).await,
        Command::Ack(what) => inbox::acknowledge(context, what).await,
        Command::Sent(what) => sent::run(context, what).await,
        Command::Recall(what) => sent::recall(context, what).await,
        Command::Directory(what) => office::directory(context, what).await,
        Command::Status => office::status(context).await,
        Command::Log(what) => log::run(context, what).await,
        Command::Receipt(what) => receipt::run(context, what).await,
        Command::Archive(what) => archive::run(context, what).await,
        Command::Evidence(what) => evidence::run(context, what).await,
        Command::Membership(what) => membership::run(context, what).await,
        Command::Sync(what) => sync::run(context, what).await,
        Command::Completions { shell } => extras::completions(context, shell),
        Command::Man { into } => extras::man(context, into),
    }
}
