//! The arguments, with their help.

use careplan_protocol::calendar::Month;
use careplan_protocol::office::{Address, OfficeNumber, ServiceType};
use careplan_protocol::problem::Language;
use careplan_protocol::transfer::{State, TransferId};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use jiff::civil::Date;
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
    #[command(after_help = SEND_HELP)]
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
    /// Keep two folders in step with the hub, beside the care software
    #[command(after_help = SYNC_HELP)]
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

#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// The bundle, NUMBER.careplan
    pub(crate) bundle: PathBuf,
    /// A file with the passphrase on its first line, instead of asking for it
    #[arg(long, value_name = "FILE", env = "CAREPLAN_PASSPHRASE_FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// Files, or folders whose files are meant (not those in folders inside)
    #[arg(value_name = "FILES|DIR")]
    pub(crate) files: Vec<PathBuf>,
    /// The address; needed for attachments that stand beside no unit
    #[arg(long, value_name = "NUMBER[-TYPE]")]
    pub(crate) to: Option<Address>,
    /// A message to go with the files
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) message: String,
    /// Do not ask; what has only warnings is sent
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Show the plan and send nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Take warnings for errors
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Files, and folders with everything in them
    #[arg(value_name = "PATHS", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// The recipient that the files are for
    #[arg(long, value_name = "NUMBER[-TYPE]")]
    pub(crate) to: Option<Address>,
    /// The offices that can be reached: a CSV file with the columns office, service_type, name
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) offices: Option<PathBuf>,
    /// Take warnings for errors
    #[arg(long)]
    pub(crate) strict: bool,
}

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

#[derive(Debug, Args)]
pub(crate) struct Sent {
    /// Only what the recipient has not fetched yet
    #[arg(long)]
    pub(crate) unfetched: bool,
    /// Only to this office
    #[arg(long, value_name = "NUMBER")]
    pub(crate) to: Option<OfficeNumber>,
    /// Only about this month
    #[arg(long, value_name = "YYYY-MM")]
    pub(crate) month: Option<Month>,
    /// Only in this state
    #[arg(long, value_parser = state)]
    pub(crate) state: Option<State>,
    /// Only from this day on
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) since: Option<Date>,
    /// Only up to this day
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) until: Option<Date>,
    /// Only the latest so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct Recall {
    /// The transfer
    #[arg(value_name = "ID")]
    pub(crate) transfer: TransferId,
}

#[derive(Debug, Args)]
pub(crate) struct Directory {
    /// Part of a name, or the beginning of a number
    pub(crate) query: Option<String>,
    /// Only in this prefecture, 1 to 47
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=47))]
    pub(crate) prefecture: Option<u8>,
    /// Only with this service type
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) service_type: Option<ServiceType>,
}

#[derive(Debug, Args)]
pub(crate) struct Log {
    /// Only from this day on
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) since: Option<Date>,
    /// Only up to this day
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) until: Option<Date>,
    /// Only events of this kind, such as accepted or fetched
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Only events with this office
    #[arg(long, value_name = "NUMBER")]
    pub(crate) peer: Option<OfficeNumber>,
    /// Only events of this transfer
    #[arg(long, value_name = "ID")]
    pub(crate) transfer: Option<TransferId>,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Receipt {
    /// Check a receipt's signature, and the files that it states
    #[command(
        after_help = "Examples:\n  careplan receipt verify sent/1-00001234-2_1379999020-11/receipt.jws --files sent/1-00001234-2_1379999020-11\n  careplan receipt verify receipt.jws --keys jwks.json     (without the hub)"
    )]
    Verify {
        /// The receipt (a .jws file), or a transfer sent from this computer
        file: String,
        /// The folder with the files to compare
        #[arg(long, value_name = "DIR")]
        files: Option<PathBuf>,
        /// The hub's published keys in a file, instead of asking the hub
        #[arg(long, value_name = "FILE")]
        keys: Option<PathBuf>,
    },
    /// Show what a receipt states, without checking it
    Show {
        /// The receipt (a .jws file), or a transfer sent from this computer
        file: String,
    },
}

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

fn state(text: &str) -> Result<State, String> {
    serde_json::from_value(serde_json::Value::from(text))
        .map_err(|_| "one of accepted, fetched, imported, rejected, recalled, expired".to_owned())
}

const AFTER_HELP: &str = "\
Exit status: 0 done · 1 refused or failed · 2 wrong use · 3 partly done

The hub is no archive: it keeps files for a limited time (see `careplan status`). Keeping the records is your duty.";

const SEND_HELP: &str = "\
Examples:
  careplan send export/
  careplan send export/ --dry-run
  careplan send export/ --yes --json
  careplan send UPPLAN_*.CSV UPSIKYU_*.CSV UPHOSOKU_*.CSV --message '10月分です'
  careplan send report.pdf --to 1379999012-43
  careplan send            (finishes what was interrupted)

Files of the standard are grouped by sender, receiver and 連番; other files go with the only unit, with the only one in
their folder, or to --to. What has errors is never sent. Where nobody can be asked, --yes is needed.
A send that was interrupted is finished by the next `careplan send`; the same command again sends nothing twice.
Exit status: 0 everything was sent · 1 nothing was sent · 2 wrong use, or nobody could be asked · 3 some was sent, some not";

const SYNC_HELP: &str = "\
Example:
  careplan sync --out C:\\care\\export --in C:\\care\\import --ack-when-moved

OUT: files of the standard are sent when they have been unchanged for 5 seconds and their set is complete; an incomplete
set is put into OUT/refused after 10 minutes. Attachments go into a folder OUT/NUMBER[-TYPE]/, named by their address.
What was sent is moved to OUT/sent with its receipt, what cannot be sent or has errors to OUT/refused with the reason,
what is for offices that cannot be reached to OUT/not-on-hub with a list to print, and what a person has to look at to
OUT/held with a note (`careplan sync release NAME --out OUT`, or move its folder to OUT/release); the rest goes on, and the
exit status is 3.
IN: files of the standard under their exact names, attachments in IN/<from>_<transfer>/. Nothing is overwritten: a file
waits until another of the same name is taken away.
One sync per folder. Desks of one office (--as NUMBER-15, --as NUMBER-17) sync side by side, each with its own folders.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        super::Arguments::command().debug_assert();
    }
}
