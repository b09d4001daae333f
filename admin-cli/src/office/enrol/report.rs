//! What became of the offices of one run, for people, for programs, and as an exit code.

use super::EnrolArguments;
use crate::failure::Failure;
use crate::files::{self, Mode};
use crate::office::effect;
use crate::office::roster::{Entry, Refused};
use crate::output::table;
use crate::session::Session;
use careplan_protocol::api::Effect;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What became of one office.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub(super) office: String,
    pub(super) name: String,
    /// Lines of the CSV file.
    pub(super) lines: Vec<u64>,
    pub(super) outcome: Outcome,
    /// Why it was refused, or is in doubt.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) why: String,
    /// Its bundle, if one was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bundle: Option<PathBuf>,
}

/// What became of an office.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Created,
    Changed,
    Unchanged,
    Refused,
    /// The hub did not answer: the next run finds out.
    Doubt,
    /// Not tried, since the hub could not be reached.
    Untried,
}

/// Tells what became of everybody, and turns it into an exit code.
pub(super) fn conclude(
    session: &Session,
    what: &EnrolArguments,
    rows: &[Row],
    passphrases: Option<&Path>,
) -> Result<(), Failure> {
    let count = |outcomes: &[Outcome]| rows.iter().filter(|row| outcomes.contains(&row.outcome)).count();
    let doubtful = count(&[Outcome::Doubt]);
    let bad = count(&[Outcome::Refused, Outcome::Doubt, Outcome::Untried]);
    let told = session.output.show_done(&rows, what.dry_run, |rows| text(rows, what.dry_run));
    if let (Some(out), false) = (&what.out, what.dry_run) {
        write_refused(out, rows)?;
    }
    if let (Some(passphrases), true) = (passphrases, rows.iter().any(|row| row.bundle.is_some())) {
        session.output.remark(&format!(
            "Passphrases are in {} alone: send them another way than the bundles, then keep or delete that file.",
            passphrases.display()
        ));
    }
    match (bad, rows.len() - bad) {
        (0, _) => told,
        _ if doubtful > 0 => Err(Failure::Partly(format!(
            "{doubtful} of {} offices are in doubt, {} did not go through: the report says why; run it again, what is done already \
             is then unchanged",
            rows.len(),
            bad - doubtful
        ))),
        (bad, 0) => Err(Failure::Refused(format!("none of {bad} offices went through"))),
        (bad, good) => {
            Err(Failure::Partly(format!("{good} offices went through, {bad} did not; run it again for the rest")))
        }
    }
}

fn text(rows: &[Row], dry_run: bool) -> String {
    let mut text = table(
        ["office", "name", "outcome", "lines", "why"],
        rows.iter().map(|row| {
            let lines: Vec<String> = row.lines.iter().map(u64::to_string).collect();
            [row.office.clone(), row.name.clone(), row.outcome.word().to_owned(), lines.join(","), row.why.clone()]
        }),
    );
    if dry_run {
        text += "\nDry run: nothing was changed.";
    }
    text
}

impl Row {
    pub(super) fn of(entry: &Entry, outcome: Outcome) -> Self {
        Self {
            office: entry.office.to_string(),
            name: entry.name.clone(),
            lines: entry.lines.clone(),
            outcome,
            why: String::new(),
            bundle: None,
        }
    }
}

impl From<Refused> for Row {
    fn from(refused: Refused) -> Self {
        Self {
            office: refused.office,
            name: String::new(),
            lines: refused.lines,
            outcome: Outcome::Refused,
            why: refused.why,
            bundle: None,
        }
    }
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Created => effect(Effect::Created),
            Self::Changed => effect(Effect::Changed),
            Self::Unchanged => effect(Effect::Unchanged),
            Self::Refused => "refused",
            Self::Doubt => "in doubt",
            Self::Untried => "not tried",
        }
    }
}

/// `refused.csv` beside the bundles: what to correct. It goes away when nothing is refused any more.
fn write_refused(out: &Path, rows: &[Row]) -> Result<(), Failure> {
    let path = out.join("refused.csv");
    let refused: Vec<&Row> = rows.iter().filter(|row| row.outcome == Outcome::Refused).collect();
    if refused.is_empty() {
        let _ = std::fs::remove_file(&path);
        return Ok(());
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let broken = |why: csv::Error| Failure::Usage(why.to_string());
    writer.write_record(["office", "lines", "why"]).map_err(broken)?;
    for row in refused {
        let lines: Vec<String> = row.lines.iter().map(u64::to_string).collect();
        writer.write_record([&row.office, &lines.join(" "), &row.why]).map_err(broken)?;
    }
    files::make_folder(out)?;
    files::replace(&path, &writer.into_inner().unwrap_or_default(), Mode::Open)
}
