//! A slow look at everything that is stored, once a week: damage is found before somebody asks for what it harms.
//!
//! `scrub.json` in the data folder remembers the last one across restarts.

use super::round::Work;
use crate::http::SharedApp;
use crate::registry::Scrubbed;
use crate::store::Pace;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub(super) fn work(app: &SharedApp, stop: &CancellationToken) -> Work {
    let (app, stop) = (Arc::clone(app), stop.clone());
    Box::new(move || Box::pin(round(Arc::clone(&app), stop.clone())))
}

async fn round(app: SharedApp, stop: CancellationToken) -> Result<(), String> {
    let (scrub, data, now) = (&app.config.scrub, &app.config.data, app.clock.now());
    if scrub.every_days == 0 {
        return Ok(());
    }
    // A folder that was never looked at is new: its first look comes after the first week.
    let Some(last) = Scrubbed::read(data) else {
        return Scrubbed { at: now, found: None }.write(data).map_err(|error| error.to_string());
    };
    app.metrics.scrub_last.set(last.at.as_second());
    if now.duration_since(last.at).as_hours() < i64::from(scrub.every_days) * 24 {
        return Ok(());
    }
    let bytes_per_second = f64::from(scrub.megabytes_per_second.max(1)) * 1e6;
    let stopping = stop.clone();
    let pace: Pace = Box::new(move |bytes| {
        std::thread::sleep(Duration::from_secs_f64(bytes as f64 / bytes_per_second));
        !stopping.is_cancelled()
    });
    tracing::info!("a look at everything that is stored begins");
    let found = match app.store.scrub(pace).await {
        Err(_) if stop.is_cancelled() => return Ok(()),
        found => found.map_err(|error| error.to_string())?,
    };
    tracing::info!(found, "the look at everything that is stored has ended");
    let at = app.clock.now();
    app.metrics.scrub_last.set(at.as_second());
    Scrubbed { at, found: Some(found) }.write(data).map_err(|error| error.to_string())
}
