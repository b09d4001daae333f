//! Unknown callers, and known ones that are refused again and again, are counted, not logged one by one: neither a bad
//! handshake nor a certificate that was revoked may cost a sync or a place on the disk each time.

use super::round::Work;
use crate::http::SharedApp;
use crate::log::More;
use crate::store::event::{Detail, Fact, NewEvent};
use prometheus::core::Collector as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) fn work(app: &SharedApp) -> Work {
    let app = Arc::clone(app);
    let told = AtomicU64::new(0);
    Box::new(move || {
        let handshakes = refused_handshakes(&app);
        let count = app.log.take_strangers() + handshakes.saturating_sub(told.swap(handshakes, Ordering::Relaxed));
        if count > 0 {
            let fact = Fact::StrangersRefused { count };
            app.store.note(NewEvent { actor: None, fact, detail: Detail::default(), body: None });
        }
        for More { caller, code, count } in app.log.take_refusals() {
            let fact = Fact::RefusedMore { code: code.as_str().to_owned(), count };
            app.store.note(NewEvent { actor: Some(caller), fact, detail: Detail::default(), body: None });
        }
        Box::pin(async { Ok(()) })
    })
}

/// Handshakes that failed since the start.
fn refused_handshakes(app: &SharedApp) -> u64 {
    let families = app.metrics.handshakes.collect();
    let all = families.iter().flat_map(|family| family.get_metric());
    all.filter(|metric| metric.get_label().iter().all(|label| label.value() != "ok"))
        .map(|metric| metric.get_counter().get_value() as u64)
        .sum()
}
