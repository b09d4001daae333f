//! Requests that come when they come: exponentially distributed pauses, the same ones in every run.

use crate::clock::Moment;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};

/// Instants at which requests are due; whoever is free takes the next one.
#[derive(Debug, Clone)]
pub(super) struct Arrivals {
    rate: f64,
    due: mpsc::UnboundedSender<Moment>,
    waiting: Arc<Mutex<mpsc::UnboundedReceiver<Moment>>>,
}

impl Arrivals {
    /// So many a second on average.
    pub(super) fn new(rate: f64) -> Self {
        let (due, waiting) = mpsc::unbounded_channel();
        Self { rate, due, waiting: Arc::new(Mutex::new(waiting)) }
    }

    /// The next one, once it is due.
    pub(super) async fn next(&self) -> Option<Moment> {
        self.waiting.lock().await.recv().await
    }

    /// Calls them up, for ever. A timer is good to a millisecond only, which is what is measured here: the last bit is
    /// waited for by asking the clock again and again, on the generator's own core.
    pub(super) async fn keep(self) {
        let mut at = Moment::now();
        let mut chance = Chance(SEED);
        loop {
            at = at.after(Duration::from_secs_f64(chance.pause() / self.rate));
            let coarse = at.left().saturating_sub(COARSE);
            if !coarse.is_zero() {
                tokio::time::sleep(coarse).await;
            }
            while !at.left().is_zero() {
                tokio::task::yield_now().await;
            }
            if self.due.send(at).is_err() {
                return;
            }
        }
    }
}

/// SplitMix64: not for secrets, but the same every time.
struct Chance(u64);

impl Chance {
    /// Exponentially distributed with mean 1.
    fn pause(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let unit = ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
        -(1.0 - unit).ln()
    }
}

const SEED: u64 = 0x2026_1121;
const COARSE: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_have_the_mean_and_the_spread_of_random_arrivals() {
        let mut chance = Chance(SEED);
        let pauses: Vec<f64> = (0..100_000).map(|_| chance.pause()).collect();
        let mean = pauses.iter().sum::<f64>() / pauses.len() as f64;
        let variance = pauses.iter().map(|pause| (pause - mean).powi(2)).sum::<f64>() / pauses.len() as f64;
        assert!((mean - 1.0).abs() < 0.02 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}
