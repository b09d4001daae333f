//! Ends the retention of days: one event for all days up to one, then their keys, bodies and segments.
//!
//! The day comes from the store, which holds it back while a jump of the clock is in doubt.

use super::round::Work;
use crate::http::SharedApp;
use crate::store::event::{Detail, Fact, NewEvent};
use crate::store::{Decided, View};
use careplan_protocol::problem::Refusal;
use jiff::ToSpan as _;
use jiff::civil::Date;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

pub(super) fn work(app: &SharedApp) -> Work {
    let app = Arc::clone(app);
    let cleared: Arc<Mutex<Option<Date>>> = Arc::default();
    Box::new(move || {
        let (app, cleared) = (Arc::clone(&app), Arc::clone(&cleared));
        Box::pin(async move { round(&app, &cleared).await })
    })
}

async fn round(app: &SharedApp, cleared: &Mutex<Option<Date>>) -> Result<(), String> {
    let days = app.config.retention.days;
    if is_due(&app.store.state(), last_day_over(app.store.today(), days)) {
        let (unfetched, _) =
            app.store.commit(move |view| expire(view, days)).await.map_err(|error| error.to_string())?;
        app.metrics.transfers.with_label_values(&["expired"]).inc_by(unfetched);
    }
    // Also after a restart in the middle of it: clearing a day that is cleared does nothing.
    let over = app.store.state().expired_through;
    let done = *cleared.lock().unwrap_or_else(PoisonError::into_inner);
    match over {
        Some(day) if done != Some(day) => {
            app.store.expire(day).await.map_err(|error| error.to_string())?;
            tracing::info!(%day, "retention is over: keys, bodies and segments are gone");
            *cleared.lock().unwrap_or_else(PoisonError::into_inner) = Some(day);
        }
        _ => {}
    }
    Ok(())
}

fn expire(view: &dyn View, days: u32) -> Result<Decided<u64>, Refusal> {
    let through = last_day_over(view.today(), days);
    if !is_due(view.state(), through) {
        return Ok(Decided { events: Vec::new(), answer: 0 });
    }
    let unfetched = view.state().unfetched_before(view.state().first_after(through));
    let fact = Fact::Expired { through, unfetched };
    let event = NewEvent { actor: None, fact, detail: Detail::default(), body: None };
    Ok(Decided { events: vec![event], answer: unfetched })
}

/// The last day whose files have been kept long enough.
fn last_day_over(today: Date, days: u32) -> Date {
    today.saturating_sub((i64::from(days) + 1).days())
}

/// Whether a day that is over has events, and its end was not said yet.
fn is_due(state: &crate::store::state::State, through: Date) -> bool {
    let first_day_over = state.first_after(through) > 0;
    first_day_over && state.expired_through.is_none_or(|before| before < through)
}
