//! The hub's own log: JSON lines on standard output. No personal data, no digests, one event a line.

use crate::config::Config;
use tracing_subscriber::EnvFilter;

/// Sets the log up, at the level of the configuration; panics become lines of it.
///
/// # Errors
/// When it was set up before.
pub fn start(config: &Config) -> Result<(), tracing::subscriber::SetGlobalDefaultError> {
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_target(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(EnvFilter::new(&config.log.level))
        .finish();
    tracing::subscriber::set_global_default(subscriber)?;
    std::panic::set_hook(Box::new(|panic| {
        // The message of a panic may quote data; its place says enough.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a panic: this is a fault of the program");
    }));
    Ok(())
}
