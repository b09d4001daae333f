//! One look at OUT: what is finished and complete is sent in ascending 連番, the rest waits or is put aside.

use crate::checking;
use crate::connection::Error;
use crate::disk;
use crate::journal::{Journal, Pending};
use crate::parcels::{LocalFile, Misfit, Parcel, Sorted, Unfit};
use crate::sending::{self, SendError};
use crate::sync::heaps::{Heap, heaps, sort_heap};
use crate::sync::watching::Look;
use crate::sync::{Happening, Sync, SyncError, shelves};
use crate::texts::Explain as _;
use careplan_protocol::office::Address;
use careplan_protocol::problem::{Code, Language};
use careplan_protocol::standard::{Context, Finding, UnitError};
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Sync {
    /// Sends what is ready. `true` when files are still changing, so that another look soon is worth while.
    pub(super) async fn send(&mut self) -> Result<bool, SyncError> {
        (self.summary.waiting, self.summary.in_use, self.summary.not_sent) = (0, 0, 0);
        self.put_damaged_aside()?;
        self.finish_begun().await?;
        let (heaps, strays) = heaps(&self.settings.out)?;
        self.tell_strays(strays);
        self.look_up(&heaps).await;
        let look = |file: &LocalFile| Some((file.path.clone(), Look::at(&file.path)?));
        let looks: Vec<_> = heaps.iter().flat_map(|heap| heap.files.iter().filter_map(look)).collect();
        self.seen.observe(looks, self.desk.clock.now());
        let mut changing = false;
        // What is still in the journal goes under the key that it has there, whoever is at it.
        let intents = Journal::open(&self.desk.profile)?.intents()?;
        let begun: HashSet<PathBuf> =
            intents.into_iter().flat_map(|intent| intent.files).map(|file| file.origin).collect();
        for heap in heaps {
            changing |= self.send_heap(heap, &begun).await?;
        }
        Ok(changing)
    }

    /// Finishes what an earlier process, or an earlier look, began.
    async fn finish_begun(&mut self) -> Result<(), SyncError> {
        for pending in Journal::open(&self.desk.profile)?.unfinished(Some(&self.settings.out))? {
            let files: Vec<PathBuf> = pending.intent.files.iter().map(|file| file.origin.clone()).collect();
            let done = self.deliver(pending, &[]).await;
            self.ended(&files, done).await?;
        }
        Ok(())
    }

    async fn send_heap(&mut self, heap: Heap, begun: &HashSet<PathBuf>) -> Result<bool, SyncError> {
        let now = self.desk.clock.now();
        let settle = self.settings.settle;
        let rested = |files: &[LocalFile]| self.seen.rested(paths(files), now, settle);
        let is_begun = |files: &[LocalFile]| files.iter().any(|file| begun.contains(&file.path));
        if heap.is_folder && is_begun(&heap.files) {
            self.summary.waiting += 1;
            return Ok(false);
        }
        // A folder goes as a whole; in OUT itself every set for itself.
        if heap.is_folder && !rested(&heap.files) {
            self.summary.waiting += 1;
            return Ok(true);
        }
        let released = heap.released;
        let Sorted { mut parcels, mut unfit } = sort_heap(self.desk.address, heap, &self.types);
        let all = parcels.len() + unfit.len();
        parcels.retain(|parcel| !is_begun(&parcel.files));
        unfit.retain(|unfit| !is_begun(&unfit.files));
        self.summary.waiting += all - parcels.len() - unfit.len();
        let (ready, changing): (Vec<_>, Vec<_>) = parcels.into_iter().partition(|parcel| rested(&parcel.files));
        let (settled, unsettled): (Vec<_>, Vec<_>) = unfit.into_iter().partition(|unfit| rested(&unfit.files));
        self.summary.waiting += changing.len() + unsettled.len();
        for unfit in settled {
            let files = file_paths(&unfit.files);
            let done = self.put_aside(unfit).await;
            self.ended(&files, done).await?;
        }
        for parcel in ready {
            let done = self.send_parcel(&parcel, released).await;
            self.ended(&file_paths(&parcel.files), done).await?;
        }
        Ok(!changing.is_empty() || !unsettled.is_empty())
    }

    /// Refuses what can never be sent, and what was incomplete for too long.
    async fn put_aside(&mut self, unfit: Unfit) -> Result<(), SyncError> {
        let now = self.desk.clock.now();
        let incomplete = matches!(unfit.why, Misfit::Unit(UnitError::Incomplete(_)));
        if incomplete && !self.seen.rested(paths(&unfit.files), now, self.settings.incomplete) {
            self.summary.waiting += 1;
            return Ok(());
        }
        let files = file_paths(&unfit.files);
        let language = self.settings.language;
        let findings = self.check(None, &unfit.files).await.unwrap_or_default();
        let reason = format!("{}\r\n{}", unfit.why.explain(language), lines(&findings, language));
        shelves::refused(&self.settings.out, &files, reason.trim_end(), now)?;
        self.summary.refused += 1;
        let names = unfit.files.into_iter().map(|file| file.name).collect();
        self.tell(&Happening::Unfit(names, unfit.why));
        Ok(())
    }

    async fn send_parcel(&mut self, parcel: &Parcel, released: bool) -> Result<(), SyncError> {
        if let Some(transfer) = self.sent_before.find(&self.desk, parcel).await? {
            let (to, files) = (parcel.to, file_paths(&parcel.files));
            let receipt = self.desk.profile.receipt(transfer).unwrap_or_default();
            shelves::sent_before(&self.settings.out, &files, transfer, to, &receipt)?;
            self.tell(&Happening::AlreadySent(transfer, to, files.len()));
            return Ok(());
        }
        let Some(known) = self.may_go(parcel, released).await? else { return Ok(()) };
        let pending = sending::begin(&self.desk, parcel, "", Some(&self.settings.out))?;
        self.deliver(pending, &known).await
    }

    /// What was found in a parcel that may go in spite of it; one that may not is put aside.
    async fn may_go(&mut self, parcel: &Parcel, released: bool) -> Result<Option<Vec<Finding>>, SyncError> {
        let (now, language) = (self.desk.clock.now(), self.settings.language);
        let findings = self.check(Some(parcel.to), &parcel.files).await?;
        let (files, names) = (file_paths(&parcel.files), parcel.files.iter().map(|file| file.name.clone()).collect());
        let text = lines(&findings, language);
        if findings.iter().any(Finding::is_error) {
            shelves::refused(&self.settings.out, &files, text.trim_end(), now)?;
            self.summary.refused += 1;
            self.tell(&Happening::Faulty(names, findings));
            return Ok(None);
        }
        if !released && findings.iter().any(checking::needs_a_person) {
            let what = parcel.unit.map(|unit| unit.key.stamp.to_string()).unwrap_or_default();
            let name = format!("{}_{what}", parcel.to);
            let name = shelves::held(&self.settings.out, &files, &name, &text, now, language)?;
            self.summary.held += 1;
            self.tell(&Happening::Held(name, names, findings));
            return Ok(None);
        }
        if !findings.is_empty() {
            self.tell(&Happening::Warned(names, findings.clone()));
        }
        Ok(Some(findings))
    }

    /// What the checker says of files that go to this address.
    async fn check(&self, to: Option<Address>, files: &[LocalFile]) -> io::Result<Vec<Finding>> {
        let context = Context { to, ..self.known_of(files) };
        let report = checking::check(context, files).await?;
        Ok(checking::by_name(report.findings, files))
    }

    async fn deliver(&mut self, pending: Pending, known: &[Finding]) -> Result<(), SyncError> {
        let (to, count) = (pending.intent.to, pending.intent.files.len());
        match sending::deliver(&self.desk, &pending, Arc::new(|_| ())).await {
            Ok(delivered) => {
                shelves::sent(&self.settings.out, &pending, delivered.transfer, &delivered.text)?;
                self.sent_before.add(delivered.receipt);
                self.summary.sent += 1;
                self.tell(&Happening::Sent(delivered.transfer, to, count));
                if let Some(why) = delivered.doubt {
                    self.summary.doubtful += 1;
                    self.tell(&Happening::BadReceipt(delivered.transfer, why));
                }
                // The hub knows what went before and who is whose: it may find more than could be told here.
                let language = self.settings.language;
                let told: Vec<String> = known.iter().map(|it| checking::line(it, language)).collect();
                let mut more = delivered.findings;
                more.retain(|it| !told.contains(&checking::told_line(it, language)));
                if !more.is_empty() {
                    self.tell(&Happening::Found(delivered.transfer, more));
                }
                Ok(pending.finish()?)
            }
            Err(SendError::Refused(why)) => self.refused(pending, why),
            Err(SendError::OtherReceipt(transfer)) => {
                // It was accepted, and sending it again brings nothing else: a person has to ask the operator.
                let receipt = pending.answer().map(|answer| answer.receipt).unwrap_or_default();
                shelves::sent(&self.settings.out, &pending, transfer, &receipt)?;
                self.summary.doubtful += 1;
                self.tell(&Happening::OtherReceipt(transfer, to, count));
                Ok(pending.finish()?)
            }
            Err(why) => Err(why.into()),
        }
    }

    /// Puts aside what the hub refused; what it refuses to the office as such stays in OUT.
    fn refused(&mut self, pending: Pending, why: Error) -> Result<(), SyncError> {
        let (out, language, now) = (&self.settings.out, self.settings.language, self.desk.clock.now());
        // Only what is still as it was sent: a changed original is another send.
        let unchanged = |file: &&crate::journal::IntentFile| matches!(disk::digest(&file.origin), Ok((_, sha256)) if sha256 == file.sha256);
        let files: Vec<PathBuf> =
            pending.intent.files.iter().filter(unchanged).map(|file| file.origin.clone()).collect();
        let to = pending.intent.to;
        match why.code() {
            Some(Code::RecipientUnknown | Code::RecipientUnavailable | Code::RecipientTypeUnknown) => {
                shelves::not_on_hub(out, &files, to, &why.explain(language), now, language)?;
                self.summary.not_on_hub += 1;
                self.tell(&Happening::NotOnHub(to, files.len()));
            }
            _ if !concerns_these_files(&why) => {
                pending.finish()?;
                return Err(why.into());
            }
            _ => {
                let told = checking::of_refusal(&why).iter();
                let lines: String = told.map(|it| format!("\r\n{}", checking::told_line(it, language))).collect();
                shelves::refused(out, &files, &format!("{}{lines}", why.explain(language)), now)?;
                self.summary.refused += 1;
                let names = pending.intent.files.iter().map(|file| file.name.clone()).collect();
                self.tell(&Happening::Refused(names, why));
            }
        }
        Ok(pending.finish()?)
    }
}

fn paths(files: &[LocalFile]) -> impl Iterator<Item = &Path> {
    files.iter().map(|file| file.path.as_path())
}

fn file_paths(files: &[LocalFile]) -> Vec<PathBuf> {
    files.iter().map(|file| file.path.clone()).collect()
}

/// Findings as text, a line each.
fn lines(findings: &[Finding], language: Language) -> String {
    findings.iter().map(|finding| format!("{}\r\n", checking::line(finding, language))).collect()
}

/// Whether other files could still be sent.
fn concerns_these_files(why: &Error) -> bool {
    match why {
        Error::Problem { problem, .. } => matches!(problem.status, 400 | 409 | 413 | 422),
        _ => false,
    }
}
