//! `log witness`: a second place that remembers what the log said, and confirms with its own key that it only grew.
//!
//! ```text
//! DIR/witness.key     the seed of its Ed25519 key, base64; readable by its owner only
//! DIR/witness.pub     its verifier key, to be published
//! DIR/state.json      the last checkpoint cosigned; written before the cosignature leaves
//! ```

use super::monitor::{FollowArguments, Look, compared_words};
use super::state::State;
use crate::failure::Failure;
use crate::files::{self, Mode};
use crate::output::instant;
use crate::session::Session;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use careplan_certs::Randomness as _;
use careplan_protocol::tlog::checkpoint;
use careplan_protocol::tlog::note::{Kind, Note, NoteError, VerifierKey, is_name};
use clap::Args;
use jiff::SignedDuration;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What to witness.
#[derive(Debug, Args)]
pub(crate) struct WitnessArguments {
    #[command(flatten)]
    follow: FollowArguments,
    /// The witness's own folder: its key, which is made at the first run, and what it saw last
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The witness's name, for its first run, such as witness.example.jp
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Folder for the cosigned checkpoints, to be published
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on, and look again after so long, such as 60s or 10m
    #[arg(long, value_name = "TIME")]
    every: Option<SignedDuration>,
}

/// What was cosigned.
#[derive(Debug, Serialize)]
struct Cosigned {
    origin: String,
    size: u64,
    /// So many checkpoints that others saw were found in it.
    compared: usize,
    witness: String,
    file: PathBuf,
    at: jiff::Timestamp,
}

/// A witness's key.
struct Witness {
    pair: Ed25519KeyPair,
    key: VerifierKey,
}

/// Does it.
pub(crate) async fn run(session: &Session, arguments: WitnessArguments) -> Result<(), Failure> {
    let witness = Witness::open(session, &arguments)?;
    loop {
        match once(session, &arguments, &witness).await {
            Ok(()) => {}
            Err(Failure::Hub(error)) if arguments.every.is_some() && error.is_passing() => {
                session.output.remark(&format!("{}  not reached: {error}", instant(session.now())));
            }
            Err(failure) => return Err(failure),
        }
        let Some(every) = arguments.every else { return Ok(()) };
        tokio::time::sleep(Duration::try_from(every).unwrap_or_default().max(SHORTEST)).await;
    }
}

async fn once(session: &Session, arguments: &WitnessArguments, witness: &Witness) -> Result<(), Failure> {
    let file = arguments.state.join("state.json");
    let mut state = State::read(Some(&file))?;
    let Look { news, keys, compared, .. } = arguments.follow.look(session, &state).await?;
    let (said, at) = (news.checkpoint, session.now());
    state.keep(&keys);
    state.last = Some(news.note.clone());
    state.accepted.extend(&arguments.follow.accept_epoch);
    // First remembered, then cosigned: a witness that forgets could cosign a fork.
    state.write(Some(&file))?;
    let wrong = |why: NoteError| Failure::Refused(format!("the checkpoint cannot be cosigned: {why}"));
    let mut note: Note = news.note.parse().map_err(wrong)?;
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    note.cosign(&witness.key, seconds, |bytes| witness.pair.sign(bytes).as_ref().try_into().ok()).map_err(wrong)?;
    files::make_folder(&arguments.out)?;
    let epoch = checkpoint::epoch(&said.origin).unwrap_or(0);
    let out = arguments.out.join(format!("epoch-{epoch}-{}.checkpoint", said.size));
    let text = note.to_string();
    files::replace(&out, text.as_bytes(), Mode::Open)?;
    files::replace(&arguments.out.join("latest.checkpoint"), text.as_bytes(), Mode::Open)?;
    let witnessed = witness.key.to_string();
    let cosigned = Cosigned { origin: said.origin, size: said.size, compared, witness: witnessed, file: out, at };
    session.output.show(&cosigned, |told| {
        let witness = &witness.key.name;
        format!(
            "{}  {}  {} entries{}, cosigned by {witness}: {}",
            instant(at),
            told.origin,
            told.size,
            compared_words(told.compared),
            told.file.display()
        )
    })?;
    if let Some(caution) = keys.caution() {
        session.output.remark(caution);
    }
    Ok(())
}

impl Witness {
    /// The witness of a folder; made there at the first run.
    fn open(session: &Session, arguments: &WitnessArguments) -> Result<Self, Failure> {
        let (secret, public) = (arguments.state.join("witness.key"), arguments.state.join("witness.pub"));
        if secret.exists() {
            let pair = pair(&secret, &files::read_text(&secret)?)?;
            let key: VerifierKey = files::read_text(&public)?
                .parse()
                .map_err(|why| Failure::Usage(format!("{}: {why}", public.display())))?;
            return if key.public == pair.public_key().as_ref() {
                Ok(Self { pair, key })
            } else {
                Err(Failure::Usage(format!("{} is not the key of {}", public.display(), secret.display())))
            };
        }
        let name = arguments.name.as_deref().filter(|name| is_name(name)).ok_or_else(|| {
            Failure::Usage("the first run of a witness needs --name, a name without spaces, + and the like".into())
        })?;
        let mut seed = [0; 32];
        session.randomness.fill(&mut seed)?;
        let text = STANDARD.encode(seed);
        let pair = pair(&secret, &text)?;
        let own = pair.public_key().as_ref().try_into();
        let own = own.map_err(|_| Failure::Usage("the key cannot be made".into()))?;
        let key = VerifierKey { name: name.to_owned(), kind: Kind::Witness, public: own };
        files::make_secret_folder(&arguments.state)?;
        files::replace(&public, format!("{key}\n").as_bytes(), Mode::Open)?;
        files::replace(&secret, text.as_bytes(), Mode::Secret)?;
        session.output.remark(&format!("a new witness: publish its key {key}"));
        Ok(Self { pair, key })
    }
}

fn pair(file: &Path, seed: &str) -> Result<Ed25519KeyPair, Failure> {
    let wrong = || Failure::Usage(format!("{} holds no key of a witness", file.display()));
    let seed = STANDARD.decode(seed.trim()).map_err(|_| wrong())?;
    Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| wrong())
}

const SHORTEST: Duration = Duration::from_secs(1);
