//! What a sync has to tell.

use crate::connection::Error;
use crate::fetching::FetchError;
use crate::parcels::Misfit;
use crate::receipts::Verdict;
use crate::sync::SyncError;
use careplan_protocol::office::Address;
use careplan_protocol::standard::{Finding, ToldFinding};
use careplan_protocol::transfer::TransferId;
use jiff::Timestamp;
use std::io;
use std::path::PathBuf;

/// Something that happened, for whoever watches.
#[derive(Debug)]
pub enum Happening {
    /// A transfer was accepted.
    Sent(TransferId, Address, usize),
    /// Files that had been accepted before; they were put beside their receipt.
    AlreadySent(TransferId, Address, usize),
    /// Files that cannot be sent, by what their names or set say.
    Unfit(Vec<String>, Misfit),
    /// Files that the hub refused.
    Refused(Vec<String>, Error),
    /// An office that cannot be reached.
    NotOnHub(Address, usize),
    /// Files with errors, which are not sent.
    Faulty(Vec<String>, Vec<Finding>),
    /// Files that a person has to look at, in the folder of this name in `held/`.
    Held(String, Vec<String>, Vec<Finding>),
    /// Files that are sent in spite of these findings, which concern the form only or were released.
    Warned(Vec<String>, Vec<Finding>),
    /// A transfer was accepted, with a receipt that states something else.
    OtherReceipt(TransferId, Address, usize),
    /// The signature of a transfer's receipt does not hold; the transfer stands all the same.
    BadReceipt(TransferId, Verdict),
    /// A send did not end this time, and is tried again; the others go on.
    NotSent(Vec<String>, SyncError),
    /// A folder in OUT that nothing is sent from, and the address that is meant, where its name nearly is one.
    Stray(PathBuf, Option<Address>),
    /// An entry of the journal that cannot be read; where it was put.
    DamagedSend(PathBuf),
    /// Files that wait, as they cannot be read or moved: another program has them open, or this one may not.
    InUse(Vec<String>, io::Error),
    /// What the hub found in a transfer that it accepted, beyond what was told before.
    Found(TransferId, Vec<ToldFinding>),
    /// A transfer was fetched.
    Fetched(TransferId, Address, usize),
    /// A file waits until another of its name is taken away.
    NameTaken(PathBuf),
    /// A transfer was acknowledged as imported.
    Acknowledged(TransferId),
    /// Transfers whose files were gone when IN became known: nobody can say whether they were imported.
    Doubtful(Vec<TransferId>),
    /// A record that cannot be read was put aside, here.
    Damaged(PathBuf),
    /// A new certificate, or another hub, was taken up; when the certificate ends.
    Renewed(Timestamp),
    /// The certificate ends soon: when, and in how many days.
    CertificateEnds(Timestamp, i64),
    /// Fetching one transfer failed; the others go on.
    FetchFailed(TransferId, FetchError),
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Transfers sent.
    pub sent: usize,
    /// Transfers fetched.
    pub fetched: usize,
    /// Transfers acknowledged.
    pub acknowledged: usize,
    /// Sends refused.
    pub refused: usize,
    /// Sends to offices that cannot be reached.
    pub not_on_hub: usize,
    /// Sends held for a person to look at.
    pub held: usize,
    /// Sends that wait for files to settle or for the rest of their set.
    pub waiting: usize,
    /// Sends that wait as a file of theirs has been in use for too long; they are among `waiting`.
    pub in_use: usize,
    /// Sends that did not end in the last look, and are tried again.
    pub not_sent: usize,
    /// Folders in OUT that are meant to be sent by their name or place, and cannot be.
    pub strays: usize,
    /// Entries of the journal that could not be read.
    pub damaged: usize,
    /// Transfers that could not be fetched.
    pub not_fetched: usize,
    /// Transfers that were accepted with a receipt that does not hold.
    pub doubtful: usize,
}
