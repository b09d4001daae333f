//! Callers who are slow, many or greedy, and that nobody else notices them.
//!
//! Latencies are held against those of the same hub or a twin of it in the same minute, never against a clock: on a busy
//! machine both are slow.

#[path = "crowd/greedy.rs"]
mod greedy;
#[path = "crowd/idle.rs"]
mod idle;
#[path = "crowd/latency.rs"]
mod latency;
#[path = "crowd/places.rs"]
mod places;
#[path = "crowd/slow.rs"]
mod slow;
#[path = "crowd/trickle.rs"]
mod trickle;

/// One crowd at a time: each of them wants the machine for itself.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
