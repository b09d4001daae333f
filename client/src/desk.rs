//! A desk: one office (or one of its service types) at work, with its profile and its connection.

use crate::clock::{SharedClock, SharedRandomness};
use crate::connection::{Connection, Error, Identity, Settings};
use crate::home::{HomeError, Profile};
use crate::retry::{Patience, patiently};
use careplan_protocol::office::{Address, OfficeNumber};
use careplan_protocol::problem::Language;
use careplan_protocol::receipt::KeySet;
use careplan_protocol::transfer::Fingerprint;
use jiff::Timestamp;
use std::sync::Arc;

/// Everything an action needs to work as one office or service type.
#[derive(Debug, Clone)]
pub struct Desk {
    /// What this machine keeps for the office.
    pub profile: Profile,
    /// Whom it works as: the office, or one of its service types.
    pub address: Address,
    /// The line to the hub.
    pub connection: Connection,
    /// The time.
    pub clock: SharedClock,
    /// Chance.
    pub randomness: SharedRandomness,
    /// How long to repeat what may pass.
    pub patience: Patience,
    /// What the line was opened with.
    papers: Papers,
}

/// What `setup` stores and a connection is opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Papers {
    hub: String,
    ca: String,
    certificate: Fingerprint,
    ends: Timestamp,
}

/// Why a desk cannot work.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// Its profile.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Its connection.
    #[error(transparent)]
    Connection(#[from] Error),
}

impl Desk {
    /// Prepares a desk; nothing is sent yet. The last receipt held is shown to the hub from the first request on.
    ///
    /// # Errors
    /// [`DeskError`].
    pub fn open(
        profile: Profile,
        address: Address,
        language: Language,
        clock: SharedClock,
        randomness: SharedRandomness,
    ) -> Result<Self, DeskError> {
        let identity = profile.identity()?;
        let papers = Papers::of(&profile, &identity)?;
        let settings =
            Settings { hub: profile.hub.clone(), ca_pem: papers.ca.clone(), language, clock: Arc::clone(&clock) };
        let connection = Connection::new(settings, Some(identity))?;
        if let Some(last) = profile.receipts().map_err(Error::from)?.last() {
            connection.hold_receipt(*last);
        }
        Ok(Self { profile, address, connection, clock, randomness, patience: Patience::PERSON, papers })
    }

    /// The desk with what `setup` has stored since it was opened; `None` when that is nothing new.
    ///
    /// # Errors
    /// [`DeskError`], also when it is being stored in this moment.
    pub fn renewed(&self, language: Language) -> Result<Option<Self>, DeskError> {
        let profile = self.profile.again()?;
        if Papers::of(&profile, &profile.identity()?)? == self.papers {
            return Ok(None);
        }
        let (clock, randomness) = (Arc::clone(&self.clock), Arc::clone(&self.randomness));
        let desk = Self::open(profile, self.address, language, clock, randomness)?;
        Ok(Some(Self { patience: self.patience, ..desk }))
    }

    /// The last instant of its certificate.
    pub fn certificate_ends(&self) -> Timestamp {
        self.papers.ends
    }

    /// The office.
    pub fn office(&self) -> OfficeNumber {
        self.address.office
    }

    /// Asks the hub something that may be asked again, repeating what may pass.
    ///
    /// # Errors
    /// The last error.
    pub async fn ask<T, F: Future<Output = Result<T, Error>>>(&self, action: impl FnMut() -> F) -> Result<T, Error> {
        // Nothing is at stake with a question: whoever asked is told sooner than one who sends.
        let patience = Patience { times: self.patience.times.min(QUESTIONS), ..self.patience };
        patiently(patience, action, |_, _| ()).await
    }

    /// The hub's receipt keys: from the hub, or as last seen when it cannot be reached.
    ///
    /// # Errors
    /// When neither is there.
    pub async fn keys(&self) -> Result<KeySet, Error> {
        match (self.connection.keys().await, self.profile.keys()) {
            (Ok(keys), known) => {
                if known.as_ref() != Some(&keys) {
                    self.profile.store_keys(&keys)?;
                }
                Ok(keys)
            }
            (Err(_), Some(known)) => Ok(known),
            (Err(why), None) => Err(why),
        }
    }
}

impl Papers {
    fn of(profile: &Profile, identity: &Identity) -> Result<Self, HomeError> {
        let (certificate, ends) = (identity.fingerprint, identity.not_after);
        Ok(Self { hub: profile.hub.clone(), ca: profile.ca()?, certificate, ends })
    }
}

/// Repetitions of a question.
const QUESTIONS: usize = 3;
