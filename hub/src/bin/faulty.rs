//! The program `careplan-hub-faulty`: the hub with failpoints (see `failpoint`), for tests alone.

#[path = "../main.rs"]
mod hub;

fn main() -> std::process::ExitCode {
    hub::main()
}
