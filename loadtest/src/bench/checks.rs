//! `checks`: what it costs that the hub reads the files of a send and holds them against the standard.

use super::Bench;
use crate::Corpus;
use crate::drive::{Ran, median};
use crate::row::{PER_PROCESSOR_SECOND, Row, latency, trouble};
use crate::units::{Kind, Units};
use anyhow::Result;

/// Units of the standard, under the policies `refuse` and `unchecked`, and their bytes as attachments, in alternation.
///
/// # Errors
/// When a hub does not answer.
pub async fn rows(bench: &mut Bench) -> Result<Vec<Row>> {
    let unchecking = bench.another_hub(&[("STANDARD__POLICY", "unchecked")]).await?;
    let units = Units::of(&Corpus::read(&bench.settings.samples)?, &bench.offices())?;
    let (mut checked, mut unchecked, mut attached) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..bench.settings.runs {
        bench.tell("units, checked, unchecked and as attachments", run);
        let span = bench.closed();
        let run = run as u64;
        checked.push(bench.on_hub(&units.sends(Kind::Standard, run), span).await?);
        attached.push(bench.on_hub(&units.sends(Kind::Attachments, run), span).await?);
        unchecked.push(bench.on(&unchecking, &units.sends(Kind::Standard, run), span).await?);
    }
    let note = format!(
        "units of the samples, {} bytes in the mean, each with persons of its own; the other value is the hub's own. ",
        units.mean_bytes()
    );
    let row = |work: &str, others: &[Ran]| {
        let row = Row::times(work, LEAST, PER_PROCESSOR_SECOND, &figures(&checked), &figures(others));
        let (wall, peer_wall) = (Some(wall(&checked)), Some(wall(others)));
        let note = note.clone() + &trouble(&checked, "checked") + &trouble(others, "unchecked");
        Row { wall, peer_wall, latency: latency(&checked), peer_latency: latency(others), ..row }.noted(note)
    };
    Ok(vec![
        row("send of a unit, checked / its bytes as attachments, which are not read", &attached),
        row("send of a unit, checked / under the policy `unchecked`, which still reads for marks", &unchecked),
    ])
}

fn figures(runs: &[Ran]) -> Vec<f64> {
    runs.iter().map(Ran::per_processor_second).collect()
}

fn wall(runs: &[Ran]) -> f64 {
    median(&runs.iter().map(Ran::per_second).collect::<Vec<_>>()).0
}

/// 15 % more for each send.
const LEAST: f64 = 0.87;
