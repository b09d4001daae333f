//! The arguments of `sync`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Sync {
    #[command(subcommand)]
    pub(crate) action: Option<SyncAction>,
    /// The folder that the care software writes into
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) out: Option<PathBuf>,
    /// The folder that the care software reads from
    #[arg(long = "in", value_name = "DIR", required = true)]
    pub(crate) r#in: Option<PathBuf>,
    /// One full pass, then end
    #[arg(long)]
    pub(crate) once: bool,
    /// Ask the hub at least so often
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) interval: u64,
    /// Acknowledge as imported what the care software has moved or deleted out of IN
    #[arg(long)]
    pub(crate) ack_when_moved: bool,
    /// A file unchanged for so long is finished
    #[arg(long, value_name = "SECONDS", default_value_t = 5, hide = true)]
    pub(crate) settle_seconds: u64,
    /// A set incomplete for so long is refused
    #[arg(long, value_name = "SECONDS", default_value_t = 600, hide = true)]
    pub(crate) incomplete_seconds: u64,
}

/// What can be done beside syncing.
#[derive(Debug, Subcommand)]
pub(crate) enum SyncAction {
    /// Let go what was held for a person to look at: the next sync sends it in spite of its warnings
    #[command(after_help = "Example:\n  careplan sync release 1379999020-11_20260925090001 --out C:\\care\\export")]
    Release(Release),
    /// Take up another folder in the place of the IN that was synced before
    #[command(after_help = "Example:\n  careplan sync adopt --in C:\\care\\import")]
    Adopt(Adopt),
}

#[derive(Debug, Args)]
pub(crate) struct Adopt {
    /// The folder that the care software reads from
    #[arg(long = "in", value_name = "DIR")]
    pub(crate) r#in: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Release {
    /// Its folder's name in OUT/held
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The folder that the care software writes into
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

pub(super) const SYNC_HELP: &str = "\
Example:
  careplan sync --out C:\\care\\export --in C:\\care\\import --ack-when-moved

OUT: files of the standard are sent when they have been unchanged for 5 seconds and their set is complete; an incomplete
set is put into OUT/refused after 10 minutes. Attachments go into a folder OUT/NUMBER[-TYPE]/, named by their address.
What was sent is moved to OUT/sent with its receipt, what cannot be sent or has errors to OUT/refused with the reason,
what is for offices that cannot be reached to OUT/not-on-hub with a list to print, and what a person has to look at to
OUT/held with a note (`careplan sync release NAME --out OUT`, or move its folder to OUT/release); the rest goes on, and the
exit status is 3.
IN: files of the standard under their exact names, attachments in IN/<from>_<transfer>/. Nothing is overwritten: a file
waits until another of the same name is taken away. IN is known again by IN/.careplan/marker: without it (a share that is
not connected) nothing is put there and nothing called imported; `careplan sync adopt --in IN` takes up a new folder.
One sync per folder. Desks of one office (--as NUMBER-15, --as NUMBER-17) sync side by side, each with its own folders.";
