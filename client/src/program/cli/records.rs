//! The arguments of what an office keeps and shows: `archive`, `evidence`, `membership`.

use careplan_protocol::calendar::Month;
use careplan_protocol::office::OfficeNumber;
use clap::{ArgGroup, Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Archive {
    /// The month that the files are about; files without one count in the month of acceptance
    #[arg(long, value_name = "YYYY-MM")]
    pub(crate) month: Month,
    /// The folder for the records of all months and offices
    #[arg(long, value_name = "DIR")]
    pub(crate) into: PathBuf,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Evidence {
    #[command(subcommand)]
    pub(crate) action: Option<EvidenceAction>,
    /// The month
    #[arg(long, value_name = "YYYY-MM", required = true)]
    pub(crate) month: Option<Month>,
    /// Only what was exchanged with this office
    #[arg(long = "with", value_name = "NUMBER")]
    pub(crate) partner: Option<OfficeNumber>,
    /// The folder to put the page into
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) into: PathBuf,
}

/// What can be done with a page that was made.
#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceAction {
    /// Check a page without the hub, also years later, and hold files against it
    #[command(after_help = VERIFY_HELP)]
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The page
    #[arg(value_name = "FILE.html")]
    pub(crate) file: PathBuf,
    /// A folder with the office's own copies, such as one of `archive`
    #[arg(long, value_name = "DIR")]
    pub(crate) files: Option<PathBuf>,
    /// A fingerprint of one of the hub's keys, as the operator publishes it, or a file with published keys: of receipts
    /// (jwks.json) or of the log. Once for each; no other key counts then
    #[arg(long = "key", value_name = "FINGERPRINT|FILE")]
    pub(crate) keys: Vec<String>,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("period").required(true).args(["month", "fiscal_year"])))]
pub(crate) struct Membership {
    /// One month
    #[arg(long, value_name = "YYYY-MM")]
    pub(crate) month: Option<Month>,
    /// April of this year to March of the next (年度)
    #[arg(long, value_name = "YYYY", value_parser = clap::value_parser!(i16).range(1900..=9998))]
    pub(crate) fiscal_year: Option<i16>,
    /// The folder to put the page into
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) into: PathBuf,
}

pub(super) const MEMBERSHIP_HELP: &str = "\
Examples:
  careplan membership --month 2026-10
  careplan membership --fiscal-year 2026 --into D:\\records

The page prints on A4. Only the receipts in it are signed by the hub; the page says so. `careplan evidence verify FILE`
checks it.";

pub(super) const EVIDENCE_HELP: &str = "\
Examples:
  careplan evidence --month 2026-10
  careplan evidence --month 2026-10 --with 1379999020 --into D:\\records
  careplan evidence verify evidence_1379999012_2026-10.html --files D:\\records

The page prints on A4 and needs nothing else: receipts and public keys are inside. It is made anew under a numbered name
when one is there already.";

const VERIFY_HELP: &str = "\
Examples:
  careplan evidence verify evidence_1379999012_2026-10.html
  careplan evidence verify evidence_1379999012_2026-10.html --files D:\\records --key jwks.json --key log.key

Works without a hub and without `setup`. Exit status: 0 everything holds · 1 something does not";

pub(super) const ARCHIVE_HELP: &str = "\
Example:
  careplan archive --month 2026-10 --into D:\\records

DIR/<office>/<month>/<partner>/sent|received/<transfer>/ gets the files and, for what was sent, receipt.jws; index.csv
(for people) and index.json (for programs) list everything, also what could not be kept and why. Files are taken from this
computer where it still has them, else from the hub as long as it keeps them. What nobody at the office has fetched is not
kept, since that would make it fetched. Run it again at any time: nothing is overwritten, nothing comes twice.
Exit status: 0 everything is kept · 1 nothing could be kept · 3 some of it";
