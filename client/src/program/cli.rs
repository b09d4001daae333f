//! The arguments, with their help.

mod office;
mod receiving;
mod records;
mod sending;
mod sync;

pub(crate) use office::{Directory, Log, Receipt, Setup};
pub(crate) use receiving::{Ack, Fetch, Inbox};
pub(crate) use records::{Archive, Evidence, EvidenceAction, Membership, Verify};
pub(crate) use sending::{Check, Recall, Send, Sent};
pub(crate) use sync::{Adopt, Release, Sync, SyncAction};

use careplan_protocol::office::Address;
use careplan_protocol::problem::Language;
use careplan_protocol::transfer::State;
use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Exchange care plans with other offices through a care-plan hub.
///
/// Every command works for the office that was set up; where several are, choose with --as.
#[derive(Debug, Parser)]
#[command(name = "careplan", version, propagate_version = true, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Work as this office, or as one of its service types (NUMBER[-TYPE])
    #[arg(long = "as", global = true, value_name = "NUMBER[-TYPE]", env = "CAREPLAN_AS")]
    pub(crate) acting_as: Option<Address>,
    /// Language of texts
    #[arg(long, global = true, value_enum, default_value_t = Lang::Ja, env = "CAREPLAN_LANG")]
    pub(crate) lang: Lang,
    /// Print JSON on standard output, for other programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Folder for certificates, receipts and unfinished work, instead of the system's place for such things
    #[arg(long, global = true, value_name = "DIR", env = "CAREPLAN_HOME")]
    pub(crate) home: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The languages of the program's texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    /// 日本語
    Ja,
    /// English
    En,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::Ja => Self::Japanese,
            Lang::En => Self::English,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take in the bundle that the operator gave you (once per computer, and again for a new certificate)
    #[command(
        after_help = "Examples:\n  careplan setup 1379999012.careplan\n  careplan setup 1379999012.careplan --passphrase-file passphrase.txt"
    )]
    Setup(Setup),
    /// Check files, show who gets what, ask, and send; files of the standard group themselves
    #[command(after_help = sending::SEND_HELP)]
    Send(Send),
    /// Check files before sending them, without the hub
    #[command(
        after_help = "Examples:\n  careplan check export/ --as 1379999012-43\n  careplan check export/ --as 1379999012 --offices offices.csv --json\n\nFolders are searched with what is in them. Files are grouped by sender, receiver and 連番. The rules stand in\ndocs/checks.md. Exit status: 0 no errors · 1 errors · 2 wrong use"
    )]
    Check(Check),
    /// List what came in
    #[command(after_help = "Examples:\n  careplan inbox --new\n  careplan inbox --from 1379999012 --month 2026-10")]
    Inbox(Inbox),
    /// Bring received files onto this computer; this never acknowledges
    #[command(
        after_help = "Examples:\n  careplan fetch --new --into received/\n  careplan fetch 1-00001234-2 --into received/\n\nEvery transfer goes into a folder <from>_<transfer>/; with --flat, files of the standard stand side by side under\ntheir exact names. Nothing is overwritten."
    )]
    Fetch(Fetch),
    /// Tell the sender that a transfer was imported, or why it could not be
    #[command(
        after_help = "Examples:\n  careplan ack 1-00001234-2 --imported\n  careplan ack 1-00001234-2 --rejected '利用者が見つかりません'"
    )]
    Ack(Ack),
    /// List what was sent, and what became of it
    #[command(after_help = "Examples:\n  careplan sent --unfetched\n  careplan sent --to 1379999020 --month 2026-10")]
    Sent(Sent),
    /// Take a transfer back, while nobody has fetched it
    #[command(after_help = "Example:\n  careplan recall 1-00001234-2")]
    Recall(Recall),
    /// Find offices that can be reached
    #[command(after_help = "Examples:\n  careplan directory 青空\n  careplan directory --prefecture 13 --type 15")]
    Directory(Directory),
    /// Show licence, certificates, limits, usage, and what is unfinished on this computer
    Status,
    /// Show the office's own log
    #[command(after_help = "Examples:\n  careplan log --since 2026-10-01\n  careplan log --csv > log.csv")]
    Log(Log),
    /// Check and show receipts
    #[command(subcommand)]
    Receipt(Receipt),
    /// Keep a month's files and receipts in a folder of your own: the hub is no archive
    #[command(after_help = records::ARCHIVE_HELP)]
    Archive(Archive),
    /// Make the record of a month for an inspection (運営指導), or check one
    #[command(after_help = records::EVIDENCE_HELP)]
    Evidence(Evidence),
    /// Make the certificate of use (利用証明書) for the fee add-on (加算): period and counts
    #[command(after_help = records::MEMBERSHIP_HELP)]
    Membership(Membership),
    /// Keep two folders in step with the hub, beside the care software
    #[command(after_help = sync::SYNC_HELP)]
    Sync(Sync),
    /// Print completions for a shell
    #[command(after_help = "Example:\n  careplan completions bash > /etc/bash_completion.d/careplan")]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write those of all commands
    Man {
        /// Write careplan.1, careplan-send.1, … into this folder
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
    },
}

fn state(text: &str) -> Result<State, String> {
    serde_json::from_value(serde_json::Value::from(text))
        .map_err(|_| "one of accepted, fetched, imported, rejected, recalled, expired".to_owned())
}

const AFTER_HELP: &str = "\
Exit status: 0 done · 1 refused or failed · 2 wrong use · 3 partly done

The hub is no archive: it keeps files for a limited time (see `careplan status`). Keeping the records is your duty.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        super::Arguments::command().debug_assert();
    }
}
