//! One run of the program: its options, its output, and what it opens only when a command needs it.

use crate::arguments::{Global, Lang};
use crate::failure::Failure;
use crate::home::Home;
use crate::hub::Hub;
use crate::output::Output;
use careplan_certs::SystemRandomness;
use careplan_client::clock::{Clock as _, SystemClock};
use careplan_protocol::problem::Language;
use jiff::Timestamp;

/// One run of the program.
#[derive(Debug)]
pub(crate) struct Session {
    /// What every command takes.
    pub(crate) global: Global,
    /// Where results go.
    pub(crate) output: Output,
    /// Where chance comes from.
    pub(crate) randomness: SystemRandomness,
}

impl Session {
    /// A run with these options.
    pub(crate) fn new(global: Global) -> Self {
        Self { output: Output { json: global.json }, randomness: SystemRandomness, global }
    }

    /// The time on this machine.
    pub(crate) fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    /// The home folder with its settings.
    pub(crate) fn home(&self) -> Result<Home, Failure> {
        Home::open(&self.global)
    }

    /// A connection to the hub, as the operator or auditor of the home folder.
    pub(crate) fn hub(&self) -> Result<Hub, Failure> {
        Hub::connect(&self.home()?, self.language())
    }

    /// A connection to the hub at this address.
    pub(crate) fn hub_at(&self, address: &str) -> Result<Hub, Failure> {
        let global = Global { hub: Some(address.to_owned()), ..self.global.clone() };
        Hub::connect(&Home::open(&global)?, self.language())
    }

    fn language(&self) -> Language {
        match self.global.lang {
            Lang::En => Language::English,
            Lang::Ja => Language::Japanese,
        }
    }
}
