//! The plan of a send: who would get what, what is wrong with it, who cannot be reached. Nothing leaves before it is agreed.

use crate::checking;
use crate::connection::Error;
use crate::desk::Desk;
use crate::directory::Directory;
pub use crate::directory::Unreachable;
use crate::parcels::{LocalFile, Misfit, Parcel, Sorted, sort_knowing};
use crate::sent_before::SentBefore;
use careplan_protocol::office::Address;
use careplan_protocol::standard::{Context, Finding, UnitKey};
use careplan_protocol::transfer::TransferId;
use std::collections::HashMap;
use std::io;

/// What would become of the files given.
#[derive(Debug, Default)]
pub struct Plan {
    /// In the order in which it would go.
    pub entries: Vec<Entry>,
    /// Findings beyond those told.
    pub left_out: u64,
    /// The hub did not say who can be reached.
    pub directory_unknown: bool,
}

/// One transfer, or files that make none.
#[derive(Debug)]
pub struct Entry {
    /// The recipient, where there is one.
    pub to: Option<Address>,
    /// The recipient's name, where the hub knows it.
    pub to_name: Option<String>,
    /// The unit, where the names say one.
    pub unit: Option<UnitKey>,
    /// The files.
    pub files: Vec<LocalFile>,
    /// What the checker found in them.
    pub findings: Vec<Finding>,
    /// What would become of it.
    pub verdict: Verdict,
    parcel: Option<Parcel>,
}

/// What would become of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It can go; warnings stand in the findings.
    Ready,
    /// Errors keep it here.
    Errors,
    /// The files make no transfer.
    Unfit(Misfit),
    /// The recipient cannot be reached through the hub.
    Unreachable(Unreachable),
    /// It went before.
    SentBefore(TransferId),
}

/// How to plan.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wishes {
    /// The address given, if any.
    pub to: Option<Address>,
    /// Warnings are errors.
    pub strict: bool,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The hub.
    #[error(transparent)]
    Hub(#[from] Error),
    /// This machine's disk.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

impl Entry {
    /// The transfer to send, if it can go.
    pub fn parcel(&self) -> Option<&Parcel> {
        self.parcel.as_ref().filter(|_| self.verdict == Verdict::Ready)
    }

    /// Whether anything is to be told before it goes.
    pub fn has_warnings(&self) -> bool {
        self.verdict == Verdict::Ready && !self.findings.is_empty()
    }
}

impl Plan {
    /// Sorts, checks and asks the hub who can be reached.
    ///
    /// # Errors
    /// [`PlanError`]; a hub that cannot be reached is no error, the plan says so then.
    pub async fn make(desk: &Desk, files: Vec<LocalFile>, wishes: Wishes) -> Result<Self, PlanError> {
        let directory = Directory::ask(desk, &files, wishes.to).await;
        let context = Context {
            acting: Some(desk.address),
            to: wishes.to,
            offices: (!directory.unknown).then(|| directory.offices()),
            strict: wishes.strict,
            ..Context::default()
        };
        let report = checking::check(context.clone(), &files).await?;
        let mut findings: HashMap<String, Vec<Finding>> = HashMap::new();
        for finding in report.findings {
            findings.entry(finding.file.clone()).or_default().push(finding);
        }
        let before = SentBefore::load(&desk.profile)?;
        let Sorted { parcels, unfit } = sort_knowing(desk.address, files, wishes.to, &context);
        let mut plan = Self { left_out: report.left_out, directory_unknown: directory.unknown, ..Self::default() };
        for parcel in parcels {
            plan.entries.push(entry(desk, &directory, &before, parcel, &mut findings).await?);
        }
        for unfit in unfit {
            plan.entries.push(Entry {
                to: unfit.key.map(|key| key.to),
                to_name: unfit.key.and_then(|key| directory.name(&key.to)),
                unit: unfit.key,
                findings: take(&mut findings, &unfit.files),
                files: unfit.files,
                verdict: Verdict::Unfit(unfit.why),
                parcel: None,
            });
        }
        Ok(plan)
    }

    /// The transfers that can go.
    pub fn parcels(&self) -> impl Iterator<Item = &Parcel> {
        self.entries.iter().filter_map(Entry::parcel)
    }
}

async fn entry(
    desk: &Desk,
    directory: &Directory,
    before: &SentBefore,
    parcel: Parcel,
    findings: &mut HashMap<String, Vec<Finding>>,
) -> Result<Entry, PlanError> {
    let findings = take(findings, &parcel.files);
    let verdict = if findings.iter().any(Finding::is_error) {
        Verdict::Errors
    } else if let Some(why) = directory.refusal(&parcel.to) {
        Verdict::Unreachable(why)
    } else {
        // Without the hub nobody knows; it is asked again when the transfer goes.
        let known = if directory.unknown { None } else { before.find(desk, &parcel).await? };
        known.map_or(Verdict::Ready, Verdict::SentBefore)
    };
    Ok(Entry {
        to: Some(parcel.to),
        to_name: directory.name(&parcel.to),
        unit: parcel.unit.map(|unit| unit.key),
        files: parcel.files.clone(),
        findings,
        verdict,
        parcel: Some(parcel),
    })
}

/// The findings of these files, each under the file's name.
fn take(findings: &mut HashMap<String, Vec<Finding>>, files: &[LocalFile]) -> Vec<Finding> {
    let found = files.iter().filter_map(|file| findings.remove(&checking::label(file))).flatten();
    checking::by_name(found.collect(), files)
}
