//! What can be measured, by name.

use crate::bench::{Bench, burst, checks, fetch, growth, handshake, idle, large, mixed, poll, send};
use crate::row::Row;
use anyhow::{Result, bail};
use clap::ValueEnum;

/// A kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Durable sends, as fast as they go and at a quarter and half of that rate
    Steady,
    /// The end of a month: 60 % of it in three days, scaled
    Burst,
    /// Units of the standard, checked, unchecked and as attachments
    Checks,
    /// First fetches of what was sent
    Fetch,
    /// Polls that find nothing new
    Poll,
    /// Full mutual handshakes
    Handshake,
    /// 20 MB up and down, and the memory of 32 at once
    Large,
    /// Event streams on which nothing happens
    Idle,
    /// Sends into a store that holds much
    Growth,
    /// Sends, fetches and polls at once
    Mixed,
}

impl Scenario {
    /// What a comparison consists of, in the order of its table.
    pub const COMPARED: [Self; 8] =
        [Self::Steady, Self::Checks, Self::Fetch, Self::Poll, Self::Handshake, Self::Large, Self::Idle, Self::Growth];

    /// Measures.
    ///
    /// # Errors
    /// When a server does not answer as it should.
    pub async fn rows(self, bench: &mut Bench) -> Result<Vec<Row>> {
        let rows = match self {
            Self::Steady => send::rows(bench).await?,
            Self::Burst => burst::rows(bench).await?,
            Self::Checks => checks::rows(bench).await?,
            Self::Fetch => fetch::rows(bench).await?,
            Self::Poll => poll::rows(bench).await?,
            Self::Handshake => handshake::rows(bench).await?,
            Self::Large => large::rows(bench).await?,
            Self::Idle => idle::rows(bench).await?,
            Self::Growth => growth::rows(bench).await?,
            Self::Mixed => mixed::rows(bench).await?,
        };
        if rows.is_empty() {
            bail!("nothing was measured");
        }
        let quick = bench.settings.quick;
        Ok(rows.into_iter().map(|row| Row { quick, ..row }).collect())
    }
}
