//! The files of a transfer held against the standard while they come, before anything is accepted.
//!
//! Pieces are looked at as they pass, in the request's own task (a piece of 64 KiB takes a quarter of a millisecond); what
//! many persons' files say together is looked at on a thread of its own. What is found under which policy:
//!
//! | | `refuse` | `warn` | `unchecked` |
//! |---|---|---|---|
//! | `sender` (another office), `receiver` | refused as soon as the name is read | the same | the same |
//! | other errors | refused when all was read | told | – |
//! | warnings | told | told | – |

use super::unit::Ends;
use crate::config::Limits;
use crate::store::state::State;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::standard::{
    self, Checker, Context, FileCheck, Finding, KnownOffices, Policy, Report, Rule, Sizes,
};

/// The check of a transfer on its way in.
pub(super) struct Checking {
    policy: Policy,
    checker: Checker,
    file: Option<FileCheck>,
    bytes: usize,
    refused: bool,
}

impl Checking {
    /// Begins; the hub knows both offices.
    pub(super) fn begin(policy: Policy, limits: &Limits, ends: Ends, state: &State) -> Self {
        let mut offices = KnownOffices::default();
        for office in [ends.from.office, ends.to.office] {
            offices.add(office, None);
            types(state, office, &mut offices);
        }
        let sizes = Sizes { csv: limits.csv_bytes, jpeg: limits.jpeg_bytes, pdf: limits.pdf_bytes };
        let acting = Some(ends.from);
        let context = Context { acting, to: Some(ends.to), offices: Some(offices), sizes, ..Context::default() };
        Self { policy, checker: Checker::new(context), file: None, bytes: 0, refused: false }
    }

    /// Begins the next file. One of another office, or for another, is refused before a byte of it is stored.
    ///
    /// # Errors
    /// [`Code::SenderMismatch`] or [`Code::ReceiverMismatch`].
    pub(super) fn begin_file(&mut self, name: &str) -> Result<(), Refusal> {
        let file = self.checker.file(name, name);
        for (rule, code) in [(Rule::Sender, Code::SenderMismatch), (Rule::Receiver, Code::ReceiverMismatch)] {
            if file.findings().iter().any(|finding| finding.rule == rule && finding.is_error()) {
                return Err(refusal(code, file.findings().to_vec()));
            }
        }
        self.file = Some(file);
        Ok(())
    }

    /// Takes the next bytes of the file begun last.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if let Some(file) = &mut self.file {
            file.feed(bytes);
            self.bytes += bytes.len();
            self.refused |= self.policy == Policy::Refuse && file.has_error();
        }
    }

    /// Ends the file begun last.
    ///
    /// # Errors
    /// [`Code::FileEmpty`]: a file without bytes is for nobody.
    pub(super) fn end_file(&mut self, size: u64) -> Result<(), Refusal> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let checked = file.finish();
        if size == 0 {
            return Err(refusal(Code::FileEmpty, checked.findings().to_vec()));
        }
        self.refused |= self.policy == Policy::Refuse && checked.findings().iter().any(Finding::is_error);
        self.checker.add(checked);
        Ok(())
    }

    /// Whether it is clear already that the transfer will be refused, so that nothing more has to be stored.
    pub(super) fn is_refused(&self) -> bool {
        self.refused
    }

    /// What was found, and what the files say together.
    ///
    /// # Errors
    /// [`Code::StandardViolated`] with everything that was found.
    pub(super) async fn finish(self) -> Result<Report, Refusal> {
        let Self { policy, checker, bytes, .. } = self;
        let mut report = match bytes {
            // Another thread would take longer to wake up.
            ..=FEW_BYTES => checker.finish(),
            _ => tokio::task::spawn_blocking(|| checker.finish()).await.map_err(|_| Code::Internal)?,
        };
        if policy == Policy::Refuse && report.has_errors() {
            report.keep_at_most(MOST_TOLD);
            report.join_keys.clear();
            return Err(Refusal { report: Some(Box::new(report)), ..Refusal::new(Code::StandardViolated) });
        }
        if policy == Policy::Unchecked {
            report.findings.clear();
            report.left_out = 0;
        }
        Ok(report)
    }
}

/// A file of which more came than may.
pub(super) fn too_large(name: &str, size: u64, most: u64) -> Refusal {
    let (japanese, english) = (format!("上限は {most} バイトです。"), format!("At most {most} bytes."));
    let findings = vec![standard::too_large(name, size, most)];
    let report = Report { findings, ..Report::default() };
    Refusal { report: Some(Box::new(report)), ..Refusal::because(Code::FileTooLarge, japanese, english) }
}

fn refusal(code: Code, findings: Vec<Finding>) -> Refusal {
    Refusal { report: Some(Box::new(Report { findings, ..Report::default() })), ..Refusal::new(code) }
}

fn types(state: &State, office: OfficeNumber, offices: &mut KnownOffices) {
    for service_type in state.registry.office(office).iter().flat_map(|office| &office.service_types) {
        offices.add(office, Some(*service_type));
    }
}

/// What files of so many bytes say together takes a fraction of a millisecond.
const FEW_BYTES: usize = 256 << 10;
/// So many findings are told at once.
pub(super) const MOST_TOLD: usize = 200;
