//! The store's own upkeep: the log behind the commit, snapshots, a look at the disk.

use super::round::Work;
use crate::http::SharedApp;
use std::sync::Arc;

pub(super) fn work(app: &SharedApp) -> Work {
    let store = Arc::clone(&app.store);
    Box::new(move || {
        let store = Arc::clone(&store);
        Box::pin(async move { store.upkeep().await.map_err(|error| error.to_string()) })
    })
}
