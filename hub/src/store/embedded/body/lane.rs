//! Where chunks of large files are read and written: off the runtime's threads, a few at a time.
//!
//! Each piece of work that finds no idle thread gets a new one, and a thread that has just ended its piece is not idle yet:
//! 32 downloads at once made 236 threads, each with memory of its own. A file that waits for its turn waits for a piece
//! of another's, 64 KiB to 320 KiB, never for another file. Syncs have turns of their own: while some wait for the disk, others
//! go on being written.

use crate::store::StoreError;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The turns. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    turns: Arc<Semaphore>,
    syncs: Arc<Semaphore>,
}

impl Lane {
    pub(crate) fn new() -> Self {
        let turns = || Arc::new(Semaphore::new(AT_ONCE));
        Self { turns: turns(), syncs: turns() }
    }

    /// Works when there is a turn. Who goes away while it runs leaves the turn to the work's end.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        run(&self.turns, work).await
    }

    /// The same for a sync.
    pub(crate) async fn sync(
        &self,
        work: impl FnOnce() -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        run(&self.syncs, work).await
    }
}

async fn run<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let turn = Arc::clone(turns).acquire_owned().await.map_err(|_| interrupted())?;
    let (done, turn) = tokio::task::spawn_blocking(move || (work(), turn)).await.map_err(|_| interrupted())?;
    drop(turn);
    done
}

fn interrupted() -> StoreError {
    StoreError::Io("body: interrupted".to_owned())
}

/// Enough for a disk that serves several requests at once.
const AT_ONCE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[tokio::test]
    async fn pieces_work_a_few_at_a_time_and_all_come_to_their_end() {
        let (lane, working, most) = (Lane::new(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let pieces = (0..100).map(|n| {
            let (lane, working, most) = (lane.clone(), Arc::clone(&working), Arc::clone(&most));
            tokio::spawn(async move {
                let work = move || {
                    most.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(2));
                    working.fetch_sub(1, Ordering::SeqCst);
                    Ok(n)
                };
                lane.run(work).await
            })
        });
        for (n, piece) in futures_util::future::join_all(pieces).await.into_iter().enumerate() {
            assert_eq!(piece.unwrap().unwrap(), n);
        }
        assert!((2..=AT_ONCE).contains(&most.load(Ordering::SeqCst)), "{most:?} at once");
    }

    #[tokio::test]
    async fn turns_come_back_from_work_that_failed_panicked_or_was_left() {
        let lane = Lane::new();
        for _ in 0..10 * AT_ONCE {
            let failed = lane.run(|| Err::<(), _>(StoreError::Full)).await;
            assert!(matches!(failed, Err(StoreError::Full)));
            let panicked = lane.run(|| -> Result<(), StoreError> { panic!("on purpose") }).await;
            assert!(matches!(panicked, Err(StoreError::Io(_))));
            let left = std::pin::pin!(lane.run(|| {
                std::thread::sleep(Duration::from_millis(3));
                Ok(())
            }));
            let _ = futures_util::poll!(left);
        }
        let last = tokio::time::timeout(Duration::from_secs(10), lane.run(|| Ok(7))).await;
        assert_eq!(last.unwrap().unwrap(), 7);
    }

    #[tokio::test]
    async fn pieces_do_not_wait_for_syncs() {
        let lane = Lane::new();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = Arc::new(std::sync::Mutex::new(held));
        let syncs: Vec<_> = (0..2 * AT_ONCE)
            .map(|_| {
                let (lane, held) = (lane.clone(), Arc::clone(&held));
                tokio::spawn(
                    async move { lane.sync(move || held.lock().unwrap().recv().map_err(|_| interrupted())).await },
                )
            })
            .collect();
        tokio::task::yield_now().await;
        let written = tokio::time::timeout(Duration::from_secs(10), lane.run(|| Ok(7))).await;
        assert_eq!(written.unwrap().unwrap(), 7);
        for _ in 0..2 * AT_ONCE {
            release.send(()).unwrap();
        }
        for sync in syncs {
            sync.await.unwrap().unwrap();
        }
    }
}
