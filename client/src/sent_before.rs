//! What the receipts kept on this machine say was sent before, so that the same unit does not go twice.

use crate::connection::Error;
use crate::desk::Desk;
use crate::disk;
use crate::home::Profile;
use crate::parcels::Parcel;
use careplan_protocol::office::Address;
use careplan_protocol::receipt::{self, Receipt};
use careplan_protocol::standard::StandardName;
use careplan_protocol::transfer::{State, TransferId};
use std::collections::HashMap;
use std::io;

/// Address and files, and the latest transfer that carried them.
#[derive(Debug, Default)]
pub struct SentBefore(HashMap<(Address, Vec<Known>), TransferId>);

/// What a receipt knows a file by: standard files by name and bytes, attachments by their bytes alone.
type Known = (Option<String>, [u8; 32]);

impl SentBefore {
    /// Reads the receipts of an office.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn load(profile: &Profile) -> io::Result<Self> {
        let mut before = Self::default();
        for transfer in profile.receipts()? {
            if let Some(parsed) = profile.receipt(transfer).and_then(|text| receipt::parse(&text).ok()) {
                before.add(parsed.receipt);
            }
        }
        Ok(before)
    }

    /// Takes up another receipt.
    pub fn add(&mut self, receipt: Receipt) {
        let files = sorted(receipt.files.into_iter().map(|file| (file.name, file.sha256.0)));
        self.0.insert((receipt.to, files), receipt.transfer);
    }

    /// The transfer that carried exactly these files, with a unit among them, before, unless the hub says that it was
    /// recalled or expired since.
    ///
    /// # Errors
    /// Those of the hub.
    pub async fn find(&self, desk: &Desk, parcel: &Parcel) -> Result<Option<TransferId>, Error> {
        let Some(transfer) = self.carried(parcel) else { return Ok(None) };
        match desk.ask(|| desk.connection.sent(desk.office(), transfer)).await {
            Ok(known) if !matches!(known.state, State::Recalled | State::Expired) => Ok(Some(transfer)),
            Ok(_) => Ok(None),
            Err(Error::Problem { problem, .. }) if matches!(problem.status, 404 | 410) => Ok(None),
            Err(why) => Err(why),
        }
    }

    fn carried(&self, parcel: &Parcel) -> Option<TransferId> {
        parcel.unit?;
        let known = |file: &crate::parcels::LocalFile| {
            let (_, sha256) = disk::digest(&file.path).ok()?;
            Some((is_standard(&file.name).then(|| file.name.clone()), sha256.0))
        };
        let files: Option<Vec<Known>> = parcel.files.iter().map(known).collect();
        self.0.get(&(parcel.to, sorted(files?.into_iter()))).copied()
    }
}

fn sorted(files: impl Iterator<Item = Known>) -> Vec<Known> {
    let mut files: Vec<Known> = files.collect();
    files.sort_unstable();
    files
}

/// Whether a receipt states a file by its name: those of the standard.
pub(crate) fn is_standard(name: &str) -> bool {
    matches!(StandardName::parse(name), Ok(Some(_)))
}
