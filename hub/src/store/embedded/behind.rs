//! Threads that work behind the commit.

/// Lets requests and the writer go before the thread that calls this: it has a tenth to a whole second for what they wait for.
/// Where the system does not know of that, nothing is lost but a little evenness.
pub(crate) fn give_way() {
    // Of no process: of the calling thread alone, as Linux has it.
    let _ = rustix::process::setpriority_process(None, NICE);
}

const NICE: i32 = 10;
