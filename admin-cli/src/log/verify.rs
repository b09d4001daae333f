//! `log verify`: everything that was published, recomputed from the entries.

use super::archives::{self, Archives, Published};
use super::keys::KeyArguments;
use super::source::{SourceArguments, work};
use super::state::State;
use crate::failure::Failure;
use crate::output::table;
use crate::session::Session;
use careplan_protocol::tlog::verify::{EpochReport, Fault, Finding, Marks, Report, Step, VerifyError, verify};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// What to verify.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    source: SourceArguments,
    #[command(flatten)]
    keys: KeyArguments,
    /// Remember how far it came and which key it was, and go on there the next time
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Checkpoints that were kept elsewhere (by monitors, witnesses, you): a file or a folder; may be given several times
    #[arg(long = "seen", value_name = "FILE|DIR")]
    seen: Vec<PathBuf>,
    /// This epoch lacks events that the one before had signed, and its operator explained it; remembered in --state
    #[arg(long, value_name = "EPOCH")]
    accept_epoch: Option<u32>,
    /// Archived months, too: a copy of the hub's data/archive. Without --state everything that they are held against is read again
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Verified {
    holds: bool,
    #[serde(flatten)]
    report: Report,
    /// The first wrong entry of each epoch, as exactly as it can be told.
    first_wrong: Vec<Finding>,
    /// So many checkpoints that were kept elsewhere were compared.
    compared: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    archives: Option<Archives>,
}

/// Does it.
pub(crate) async fn run(session: &Session, arguments: VerifyArguments) -> Result<(), Failure> {
    let (mut place, about) = arguments.source.open(session).await?;
    let mut state = State::read(arguments.state.as_deref())?;
    let keys = arguments.keys.choose(&state, about.as_ref())?;
    state.keep(&keys);
    let mut known = keys.known.clone();
    (known.seen, known.marks) = (keys.seen(&arguments.seen)?, state.marks.clone());
    let compared = known.seen.len();
    state.accepted.extend(arguments.accept_epoch);
    known.accepted.clone_from(&state.accepted);
    let (file, bar) = (arguments.state.clone(), session.output.progress(0, "entries"));
    let folder = arguments.archive.clone();
    let (report, archives) = work(move || {
        let mut kept = Ok(());
        let mut saved = 0;
        let mut fresh = Marks::default();
        let report = verify(&mut place, &known, &mut |step: Step<'_>| {
            bar.set_length(step.size);
            bar.set_position(step.entries);
            let Some(mark) = step.mark else { return };
            fresh.keep(mark.clone());
            // What reaches less far than an earlier run takes its place only when everything holds.
            if state.marks.of(&mark.origin).is_none_or(|earlier| earlier.size <= mark.size) {
                state.marks.keep(mark.clone());
            }
            // Writing is dear beside verifying: seldom on the way, and always at the end.
            if kept.is_ok() && (step.entries.saturating_sub(saved) >= BETWEEN || step.entries + 256 > step.size) {
                saved = step.entries;
                kept = state.write(file.as_deref());
            }
        });
        bar.finish_and_clear();
        kept?;
        if let Some(held) = report.as_ref().ok().filter(|report| report.holds()) {
            held.epochs.iter().for_each(|epoch| fresh.reached(&epoch.origin, epoch.size, epoch.root));
            fresh.iter().for_each(|mark| state.marks.keep(mark.clone()));
            state.write(file.as_deref())?;
        }
        let report = report.map_err(|why| match why {
            VerifyError::Source(failure) => failure,
            VerifyError::Nothing => Failure::Usage(why.to_string()),
        })?;
        let archives = match (folder, report.epochs.last()) {
            (Some(folder), Some(last)) => {
                Some(archives::verify(&folder, &mut Published::new(&mut place, last.epoch, last.size))?)
            }
            _ => None,
        };
        Ok((report, archives))
    })
    .await?;
    let first_wrong = report.epochs.iter().filter_map(|epoch| report.first_wrong(epoch.epoch)).cloned().collect();
    let holds = report.holds() && archives.as_ref().is_none_or(Archives::holds);
    let verified = Verified { holds, report, first_wrong, compared, archives };
    let told = session.output.show(&verified, text);
    if let Some(caution) = keys.caution() {
        session.output.remark(caution);
    }
    if verified.holds {
        return told;
    }
    let lost = verified.report.findings.iter().map(|finding| match &finding.fault {
        Fault::Lost { kept, known, later, .. } => Some((known - kept, *later)),
        _ => None,
    });
    if let Some(lost) = lost.collect::<Option<Vec<_>>>().as_deref().and_then(|lost| lost.last().copied()) {
        let (events, epoch) = lost;
        return Err(Failure::Alarm(format!(
            "epoch {epoch} lacks {events} events that the one before had signed; all else holds. A restore from a backup does that. Ask the operator; when it is explained: --accept-epoch {epoch}"
        )));
    }
    let named = verified.first_wrong.first().map(|finding| format!("; first wrong entry: {}", place_of(finding)));
    let archived = || Some(format!("; first wrong archive: {}", verified.archives.as_ref()?.first_wrong()?));
    let named = named.or_else(archived);
    Err(Failure::Alarm(format!("the log does not hold{}", named.unwrap_or_default())))
}

fn text(verified: &Verified) -> String {
    let heads = ["epoch", "entries", "read now", "tiles", "checkpoints", "root"];
    let mut text = table(heads, verified.report.epochs.iter().map(row)) + "\n";
    for epoch in &verified.report.epochs {
        for remark in &epoch.remarks {
            text += &format!("note: {remark}\n");
        }
    }
    for finding in &verified.report.findings {
        text += &format!("WRONG: epoch {}, {}: {}\n", finding.epoch, place_of(finding), finding.fault);
    }
    if let Some(archives) = &verified.archives {
        text += &(table(["month", "events", "SHA-256"], archives.rows()) + "\n");
        text += &archives.words();
    }
    if verified.compared > 0 {
        text += &format!("Checkpoints kept elsewhere that were compared: {}\n", verified.compared);
    }
    if verified.holds {
        text += "All holds: every entry, tile and signed checkpoint leads to the same roots.\n";
    }
    text
}

fn row(epoch: &EpochReport) -> [String; 6] {
    let number = |value: u64| value.to_string();
    [
        epoch.epoch.to_string(),
        number(epoch.size),
        number(epoch.size - epoch.before.min(epoch.size)),
        number(epoch.tiles),
        number(epoch.checkpoints),
        epoch.root.to_string(),
    ]
}

fn place_of(finding: &Finding) -> String {
    match finding.span {
        None => "no entry".to_owned(),
        Some(span) if span.is_exact() => format!("entry {}", span.first),
        Some(span) => format!("entries {} to {}", span.first, span.last),
    }
}

/// Entries between two writings of the state.
const BETWEEN: u64 = 1_000_000;
