//! The program behind `tests/crash`.

use anyhow::Result;
use careplan_tests::crash::disk::LoopDisk;
use careplan_tests::crash::report::Report;
use careplan_tests::crash::{Settings, run};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Kills a hub under load, at random, at every step of a commit and of what is done behind it, and looks whether anything
/// acknowledged is lost, doubled or half visible. In some rounds a month or a year passes, and months leave the log for
/// their archives: what was in them has to be there, and nowhere else.
#[derive(Debug, Parser)]
#[command(name = "tests/crash", after_help = EXAMPLES, arg_required_else_help = true)]
struct Arguments {
    /// Rounds with kills
    #[arg(long, default_value_t = 0, value_name = "N")]
    rounds: u64,
    /// Rounds with power cuts, behind those with kills: ext4 on a loop device (needs root; skipped without)
    #[arg(long, default_value_t = 0, value_name = "N")]
    power: u64,
    /// Everything follows from it; a run with the same seed does the same things
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,
    /// Keep the data folder of each violation here
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Exit status: 0 when nothing was violated, 1 otherwise. Each part ends with `N rounds, V violations`; a skipped one says SKIPPED.

Examples:
  tests/crash --rounds 1000
  tests/crash --rounds 50 --seed 7 --keep /tmp/violations
  sudo tests/crash --power 100";

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut violations = 0;
    let (rounds, power) = (arguments.rounds, arguments.power);
    for (rounds, power) in [(rounds, false), (power, true)] {
        if let (true, Some(why)) = (power && rounds > 0, LoopDisk::missing()) {
            say(&format!("SKIPPED: {rounds} power cuts: {why}"));
        } else if rounds > 0 {
            let settings = Settings { rounds, seed: arguments.seed, power, keep: arguments.keep.clone() };
            let bar = bar(rounds, power)?;
            let mut told = 0;
            let report = run(&settings, |report| tell(&bar, report, &mut told)).await?;
            bar.finish_and_clear();
            say(&report.to_string());
            violations += report.violations();
        }
    }
    Ok(if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn bar(rounds: u64, power: bool) -> Result<ProgressBar> {
    let what = if power { "power cuts" } else { "kills" };
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {elapsed}, {eta} left {msg}")?;
    Ok(ProgressBar::new(rounds).with_style(style).with_prefix(what))
}

fn tell(bar: &ProgressBar, report: &Report, told: &mut usize) {
    bar.set_position(report.rounds);
    // At once: a long run may be ended before its report.
    for violated in report.all_violated().iter().skip(*told) {
        bar.suspend(|| say(&format!("VIOLATION {violated}")));
    }
    *told = report.violations();
    // Into a file or a pipe no bar is drawn.
    if bar.is_hidden() && report.rounds.is_multiple_of(LINE_EVERY) {
        say(&format!("{} rounds, {} violations", report.rounds, report.violations()));
    }
    if report.violations() > 0 {
        bar.set_message(format!("{} VIOLATIONS", report.violations()));
    }
}

const LINE_EVERY: u64 = 50;

/// Prints a report; whoever reads no more does not end the run.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
