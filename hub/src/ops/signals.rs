//! Signals: the first one to stop is soft, a second one cuts. (SIGHUP is the business of `tls`.)

use std::io;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancels `stop` on the first SIGTERM or SIGINT, `cut` on the second.
///
/// # Errors
/// When the system takes no handlers.
pub(super) fn stop_on_signal(stop: CancellationToken, cut: CancellationToken) -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        for token in [stop, cut] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            token.cancel();
        }
    });
    Ok(())
}
