//! `careplan`: the office's program.

mod program;

use anyhow::Context as _;
use clap::Parser as _;
use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let arguments = program::cli::Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the program cannot start its threads")?;
    Ok(runtime.block_on(program::run(arguments)))
}
