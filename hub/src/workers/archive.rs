//! Puts months of the log away that are past its retention: the archive, one event, and then the month goes.
//!
//! The day comes from the store, which holds it back while a jump of the clock is in doubt.

use super::round::Work;
use crate::clock::Stopwatch;
use crate::http::SharedApp;
use crate::store::event::{Detail, Fact, NewEvent};
use crate::store::state::Archived;
use crate::store::{Decided, View};
use careplan_protocol::problem::Refusal;
use jiff::ToSpan as _;
use jiff::civil::Date;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What went wrong last, and when.
type Trouble = Arc<Mutex<Option<(String, Stopwatch)>>>;

pub(super) fn work(app: &SharedApp) -> Work {
    let app = Arc::clone(app);
    let trouble = Trouble::default();
    Box::new(move || {
        let (app, trouble) = (Arc::clone(&app), Arc::clone(&trouble));
        Box::pin(async move {
            // A month that cannot be archived is not read again in every round.
            let before = trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some((why, since)) = before.filter(|(_, since)| since.elapsed() < AFTER_TROUBLE) {
                *trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some((why.clone(), since));
                return Err(why);
            }
            round(&app).await.inspect_err(|why| {
                *trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some((why.clone(), Stopwatch::start()));
            })
        })
    })
}

async fn round(app: &SharedApp) -> Result<(), String> {
    // Also after a restart in the middle of it.
    drop_archived(app).await?;
    let through = last_day_over(app.store.today(), app.config.retention.log_years);
    let Some(archived) = app.store.archive(through).await.map_err(|error| error.to_string())? else { return Ok(()) };
    app.store.commit(move |view| say(view, archived)).await.map_err(|error| error.to_string())?;
    tracing::info!(month = %archived.month, first = archived.first, next = archived.next, "a month of the log was archived");
    drop_archived(app).await
}

async fn drop_archived(app: &SharedApp) -> Result<(), String> {
    if app.store.drop_archived().await.map_err(|error| error.to_string())? {
        tracing::info!("the archived month's file is gone");
    }
    Ok(())
}

fn say(view: &dyn View, archived: Archived) -> Result<Decided<()>, Refusal> {
    let Archived { month, first, next, sha256 } = archived;
    let fact = Fact::Archived { month, first, next, sha256 };
    let event = NewEvent { actor: None, fact, detail: Detail::default(), body: None };
    // Said already: only what follows on it is said.
    let events = if view.state().floor() == first && next > first { vec![event] } else { Vec::new() };
    Ok(Decided { events, answer: () })
}

/// The last day whose events have been kept long enough.
fn last_day_over(today: Date, years: u32) -> Date {
    today.saturating_sub(i64::from(years).years()).saturating_sub(1.days())
}

const AFTER_TROUBLE: Duration = Duration::from_secs(if cfg!(feature = "failpoints") { 2 } else { 3600 });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_over_when_it_was_kept_for_whole_years() {
        let over = |today: &str| last_day_over(today.parse().unwrap(), 5).to_string();
        assert_eq!(over("2026-11-01"), "2021-10-31");
        assert_eq!(over("2026-10-31"), "2021-10-30");
        assert_eq!(over("2028-02-29"), "2023-02-27");
        assert_eq!(over("2029-03-01"), "2024-02-29");
    }
}
