//! `log timestamp`: a time stamp (RFC 3161) of one checkpoint a day, by an authority that neither the hub nor the auditor is.
//!
//! ```text
//! DIR/DAY-epoch-E-SIZE.checkpoint   the signed note, byte for byte
//! DIR/….tsq                         the request
//! DIR/….tsr                         the authority's reply; a checkpoint without one waits for the next run
//! ```

mod asn1;

use super::keys::KeyArguments;
use super::source::{SourceArguments, work};
use super::state::State;
use crate::failure::Failure;
use crate::files::{self, Mode};
use crate::output::{day, table};
use crate::session::Session;
use careplan_certs::Randomness as _;
use careplan_protocol::tlog::checkpoint;
use careplan_protocol::tlog::verify::{FollowError, News, follow};
use clap::Args;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Whom to ask.
#[derive(Debug, Args)]
pub(crate) struct TimestampArguments {
    #[command(flatten)]
    source: SourceArguments,
    #[command(flatten)]
    keys: KeyArguments,
    /// The time-stamping authority, http:// or https://
    #[arg(long, value_name = "URL")]
    tsa: String,
    /// Folder for checkpoints, requests and replies
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
}

/// A checkpoint and what became of its time stamp.
#[derive(Debug, Serialize)]
struct Stamped {
    checkpoint: PathBuf,
    /// The authority's time; absent while the checkpoint waits.
    at: Option<String>,
    /// Why it waits.
    waits: Option<String>,
}

/// Does it.
pub(crate) async fn run(session: &Session, arguments: TimestampArguments) -> Result<(), Failure> {
    files::make_folder(&arguments.into)?;
    let taken = take(session, &arguments).await;
    let client = client()?;
    let mut stamped = Vec::new();
    for path in waiting(&arguments.into)? {
        let outcome = stamp(session, &client, &arguments.tsa, &path).await?;
        let (at, waits) = match outcome {
            Ok(at) => (Some(at), None),
            Err(why) => (None, Some(why)),
        };
        stamped.push(Stamped { checkpoint: path, at, waits });
    }
    let told = session.output.show(&stamped, |all| {
        let row = |one: &Stamped| {
            let told = one.at.clone().or_else(|| one.waits.clone().map(|why| format!("waits: {why}")));
            [one.checkpoint.display().to_string(), told.unwrap_or_default()]
        };
        table(["checkpoint", "time stamp"], all.iter().map(row))
    });
    taken?;
    match stamped.iter().filter(|one| one.waits.is_some()).count() {
        0 => told,
        left => {
            Err(Failure::Partly(format!("{left} of {} wait for a time stamp; the next run asks again", stamped.len())))
        }
    }
}

/// Puts the checkpoint of today into the folder, unless there is one of today already or nothing was added to the log.
async fn take(session: &Session, arguments: &TimestampArguments) -> Result<(), Failure> {
    let today = day(session.now());
    if checkpoints(&arguments.into)?.iter().any(|path| name(path).starts_with(&today)) {
        return Ok(());
    }
    let (mut place, about) = arguments.source.open(session).await?;
    let keys = arguments.keys.choose(&State::default(), about.as_ref())?;
    let known = keys.known.clone();
    let News { checkpoint, note, .. } = work(move || {
        follow(&mut place, &known, None).map_err(|why| match why {
            FollowError::Source(failure) => failure,
            FollowError::Alarm(text) => Failure::Alarm(text),
        })
    })
    .await?;
    let epoch = checkpoint::epoch(&checkpoint.origin).unwrap_or(0);
    let same = format!("epoch-{epoch}-{}.checkpoint", checkpoint.size);
    if checkpoints(&arguments.into)?.iter().any(|path| name(path).ends_with(&same)) {
        session.output.remark("nothing was added to the log since the last time stamp");
        return Ok(());
    }
    files::replace(&arguments.into.join(format!("{today}-{same}")), note.as_bytes(), Mode::Open)
}

/// Asks for the time stamp of a checkpoint. The outer error is one of this machine, the inner one of the authority.
async fn stamp(
    session: &Session,
    client: &reqwest::Client,
    tsa: &str,
    path: &Path,
) -> Result<Result<String, String>, Failure> {
    let (request, reply) = (path.with_extension("tsq"), path.with_extension("tsr"));
    let checkpoint = files::read(path)?;
    let mut nonce = [0; 8];
    session.randomness.fill(&mut nonce)?;
    // The request stays as it was asked: `openssl ts -verify -queryfile` holds the reply against it.
    let broken = |why: asn1::Asn1Error| Failure::Refused(format!("the request cannot be made: {why}"));
    let asked = asn1::Request::new(&checkpoint, nonce).map_err(broken)?;
    files::replace(&request, &asked.bytes, Mode::Open)?;
    let answer = match ask(client, tsa, asked.bytes.clone()).await {
        Ok(answer) => answer,
        Err(why) => return Ok(Err(why)),
    };
    match asked.stamped(&answer) {
        Ok(at) => {
            files::replace(&reply, &answer, Mode::Open)?;
            Ok(Ok(at))
        }
        Err(why) => Ok(Err(why.to_string())),
    }
}

async fn ask(client: &reqwest::Client, tsa: &str, request: Vec<u8>) -> Result<Vec<u8>, String> {
    let sent = client.post(tsa).header(CONTENT_TYPE, QUERY).header(ACCEPT, REPLY).body(request).send().await;
    // Addresses may carry a password.
    let mut answer = sent.map_err(|why| format!("not reached: {}", root(&why.without_url())))?;
    if !answer.status().is_success() {
        return Err(format!("the authority answered {}", answer.status()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|why| format!("broken off: {}", why.without_url()))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MOST {
            return Err("the authority's answer is no time stamp: too long".to_owned());
        }
    }
    Ok(bytes)
}

/// The innermost reason, which says most.
fn root(why: &dyn std::error::Error) -> String {
    let mut why = why;
    while let Some(inner) = why.source() {
        why = inner;
    }
    why.to_string()
}

fn client() -> Result<reqwest::Client, Failure> {
    // The authorities of the system are right here: the time-stamping authority has nothing to do with the hub's.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build();
    client.map_err(|why| Failure::Refused(format!("no connection can be made: {why}")))
}

/// The checkpoints without a reply, the oldest first.
fn waiting(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut waiting = checkpoints(folder)?;
    waiting.retain(|path| !path.with_extension("tsr").exists());
    Ok(waiting)
}

fn checkpoints(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |why| Failure::file(folder, why);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ending| ending == "checkpoint") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of the longest reply that is taken.
const MOST: usize = 1 << 20;
