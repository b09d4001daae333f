//! Points behind the commit: the rounds of `tests/crash` reach each of them, are killed there, and nothing is violated.

use anyhow::{Result, ensure};
use careplan_tests::crash::plan::{AFTER_SEARCH, BEHIND, Row, YEARS};
use careplan_tests::crash::reach;

#[tokio::test(flavor = "multi_thread")]
async fn every_point_of_a_month_on_its_way_out_of_the_log_is_reached() -> Result<()> {
    reached(&[&YEARS]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_point_of_the_indexes_behind_the_commit_is_reached() -> Result<()> {
    reached(&[&BEHIND, &AFTER_SEARCH]).await
}

async fn reached(rows: &[&[Row]]) -> Result<()> {
    let wrong = reach(rows.iter().copied().flatten().map(|(point, ..)| *point)).await?;
    ensure!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}
