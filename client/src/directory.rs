//! What the hub's directory says of the offices that files are from and to.

use crate::connection::Error;
use crate::desk::Desk;
use crate::parcels::LocalFile;
use careplan_protocol::api::DirectoryEntry;
use careplan_protocol::office::{Address, OfficeNumber};
use careplan_protocol::standard::{KnownOffices, StandardName};
use futures_util::StreamExt as _;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Why an office cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The hub does not know it.
    #[error("not on this hub")]
    NotOnHub,
    /// It cannot take anything now.
    #[error("cannot receive now (no licence, or suspended)")]
    CannotReceive,
    /// It has not this service type.
    #[error("does not have this service type on the hub")]
    NoSuchType,
}

/// What the hub says of the offices concerned.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    known: HashMap<OfficeNumber, DirectoryEntry>,
    absent: HashSet<OfficeNumber>,
    /// The hub did not say it of all.
    pub(crate) unknown: bool,
}

impl Directory {
    /// Asks for the sender and every receiver. Whatever the hub says but "not found" is left to the sending itself.
    pub(crate) async fn ask(desk: &Desk, files: &[LocalFile], to: Option<Address>) -> Self {
        let mut directory = Self::default();
        directory.ask_more(desk, files, to).await;
        directory
    }

    /// Asks for those among them that were not asked for before.
    pub(crate) async fn ask_more(&mut self, desk: &Desk, files: &[LocalFile], to: Option<Address>) {
        self.unknown = false;
        let mut wanted: BTreeSet<OfficeNumber> = to.into_iter().map(|to| to.office).collect();
        let names = files.iter().filter_map(|file| StandardName::parse(&file.name).ok().flatten());
        wanted.extend(names.map(|name| name.to.office));
        // The first question tells whether the hub answers at all.
        if !self.has(&desk.office()) {
            self.take(desk.office(), desk.ask(|| desk.connection.directory_office(desk.office())).await);
            if self.unknown {
                return;
            }
        }
        wanted.retain(|office| !self.has(office));
        let question = |office| async move { (office, desk.ask(|| desk.connection.directory_office(office)).await) };
        let mut answers = futures_util::stream::iter(wanted).map(question).buffer_unordered(QUESTIONS);
        while let Some((office, answer)) = answers.next().await {
            self.take(office, answer);
        }
    }

    fn has(&self, office: &OfficeNumber) -> bool {
        self.known.contains_key(office) || self.absent.contains(office)
    }

    fn take(&mut self, office: OfficeNumber, answer: Result<DirectoryEntry, Error>) {
        match answer {
            Ok(entry) => {
                self.known.insert(office, entry);
            }
            Err(Error::Problem { problem, .. }) if problem.status == 404 => {
                self.absent.insert(office);
            }
            Err(_) => self.unknown = true,
        }
    }

    /// For the checker. Who cannot be reached is told by the plan, not as a fault of the file.
    pub(crate) fn offices(&self) -> KnownOffices {
        let mut offices = KnownOffices::default();
        for office in self.known.keys().chain(&self.absent) {
            offices.add(*office, None);
        }
        for (office, entry) in &self.known {
            entry.service_types.iter().for_each(|service_type| offices.add(*office, Some(*service_type)));
        }
        offices
    }

    pub(crate) fn name(&self, address: &Address) -> Option<String> {
        self.known.get(&address.office).map(|entry| entry.name.clone())
    }

    pub(crate) fn refusal(&self, to: &Address) -> Option<Unreachable> {
        if self.absent.contains(&to.office) {
            return Some(Unreachable::NotOnHub);
        }
        let entry = self.known.get(&to.office)?;
        match to.service_type {
            _ if !entry.can_receive => Some(Unreachable::CannotReceive),
            Some(wanted) if !entry.service_types.is_empty() && !entry.service_types.contains(&wanted) => {
                Some(Unreachable::NoSuchType)
            }
            _ => None,
        }
    }
}

/// So many offices are asked for at once.
const QUESTIONS: usize = 8;
