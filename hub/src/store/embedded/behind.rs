//! Threads that work behind the commit.

use crate::store::StoreError;
use tokio::sync::oneshot;

/// Lets requests and the writer go before the thread that calls this: it has a tenth to a whole second for what they wait for.
/// Where the system does not know of that, nothing is lost but a little evenness.
pub(crate) fn give_way() {
    // Of no process: of the calling thread alone, as Linux has it.
    let _ = rustix::process::setpriority_process(None, NICE);
}

/// Between two pieces of such work: who waits for the processor has it now, not when the system's slice of time is over.
pub(crate) fn let_others() {
    std::thread::yield_now();
}

/// Does work that may take long on a thread of its own that gives way.
///
/// # Errors
/// Those of the work; when it panicked, or the system has no thread.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (tell, told) = oneshot::channel();
    let thread = std::thread::Builder::new().name("store-behind".to_owned());
    let started = thread.spawn(move || {
        give_way();
        // Whoever asked may have stopped waiting.
        let _ = tell.send(work());
    });
    started.map_err(|error| StoreError::Io(format!("a thread: {error}")))?;
    told.await.unwrap_or_else(|_| Err(StoreError::Io("interrupted".to_owned())))
}

const NICE: i32 = 10;
