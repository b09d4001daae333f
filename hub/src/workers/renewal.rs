//! Adds the next terms of licences by itself, unless declined. The day comes from the store, as for retention.

use super::round::Work;
use crate::http::SharedApp;
use crate::licence;
use crate::store::event::{Detail, Fact, NewEvent};
use crate::store::state::Registry;
use crate::store::{Decided, View};
use careplan_protocol::problem::Refusal;
use jiff::civil::Date;
use std::sync::{Arc, Mutex, PoisonError};

pub(super) fn work(app: &SharedApp) -> Work {
    let app = Arc::clone(app);
    let looked_at: Arc<Mutex<Option<(u64, Date)>>> = Arc::default();
    Box::new(move || {
        let (app, looked_at) = (Arc::clone(&app), Arc::clone(&looked_at));
        Box::pin(async move { round(&app, &looked_at).await })
    })
}

async fn round(app: &SharedApp, looked_at: &Mutex<Option<(u64, Date)>>) -> Result<(), String> {
    loop {
        let now = (app.store.state().registry.version, app.store.today());
        if looked_at.lock().unwrap_or_else(PoisonError::into_inner).replace(now) == Some(now) {
            return Ok(());
        }
        let fee = app.config.licence.fee;
        let renewed = app.store.commit(move |view| renew(view, fee)).await;
        let (renewed, _) = renewed.map_err(|error| {
            // To be looked at again in the next round.
            *looked_at.lock().unwrap_or_else(PoisonError::into_inner) = None;
            error.to_string()
        })?;
        if renewed > 0 {
            tracing::info!(licences = renewed, "licences were renewed");
        }
    }
}

fn renew(view: &dyn View, fee: u32) -> Result<Decided<usize>, Refusal> {
    let events: Vec<NewEvent> = due(&view.state().registry, view.today(), fee).take(MOST_AT_ONCE).collect();
    Ok(Decided { answer: events.len(), events })
}

fn due(registry: &Registry, today: Date, fee: u32) -> impl Iterator<Item = NewEvent> {
    registry.offices.values().filter_map(move |office| {
        let (from, until) = licence::due_renewal(office, today)?;
        let fact = Fact::LicenceTerm { office: office.number, from, until, fee };
        Some(NewEvent { actor: None, fact, detail: Detail::default(), body: None })
    })
}

/// So that a day on which many licences end holds nobody up.
const MOST_AT_ONCE: usize = 200;
