//! The arguments of what comes in: `inbox`, `fetch`, `ack`.

use super::state;
use careplan_protocol::calendar::Month;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::{State, TransferId};
use clap::{ArgGroup, Args};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Inbox {
    /// Only what nobody at this office has fetched yet, in the order of 連番
    #[arg(long)]
    pub(crate) new: bool,
    /// Only from this office
    #[arg(long, value_name = "NUMBER")]
    pub(crate) from: Option<OfficeNumber>,
    /// Only about this month
    #[arg(long, value_name = "YYYY-MM")]
    pub(crate) month: Option<Month>,
    /// Only in this state
    #[arg(long, value_parser = state)]
    pub(crate) state: Option<State>,
    /// Only the latest so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).args(["transfers", "new"])))]
pub(crate) struct Fetch {
    /// The transfers
    #[arg(value_name = "ID")]
    pub(crate) transfers: Vec<TransferId>,
    /// Everything that nobody at this office has fetched yet
    #[arg(long)]
    pub(crate) new: bool,
    /// The folder to put them into
    #[arg(long, value_name = "DIR")]
    pub(crate) into: PathBuf,
    /// Files of the standard side by side under their exact names
    #[arg(long)]
    pub(crate) flat: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("outcome").required(true).args(["imported", "rejected"])))]
pub(crate) struct Ack {
    /// The transfer
    #[arg(value_name = "ID")]
    pub(crate) transfer: TransferId,
    /// The care software took it
    #[arg(long)]
    pub(crate) imported: bool,
    /// It could not be imported, and why
    #[arg(long, value_name = "REASON")]
    pub(crate) rejected: Option<String>,
}
