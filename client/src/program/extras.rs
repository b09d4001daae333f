//! `completions` and `man`.

use crate::program::cli::Arguments;
use crate::program::failure::Failure;
use crate::program::{Context, Exit};
use clap::CommandFactory as _;
use std::path::PathBuf;

/// Prints completions for a shell.
pub(crate) fn completions(context: &Context, shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "careplan", &mut text);
    context.screen.print(&String::from_utf8_lossy(&text));
    Ok(Exit::Done)
}

/// Prints the manual page, or writes those of all commands.
pub(crate) fn man(context: &Context, into: Option<PathBuf>) -> Result<Exit, Failure> {
    match into {
        Some(folder) => {
            std::fs::create_dir_all(&folder).map_err(|why| Failure::disk(&folder, &why))?;
            clap_mangen::generate_to(Arguments::command(), &folder).map_err(|why| Failure::disk(&folder, &why))?;
        }
        None => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Arguments::command()).render(&mut text)?;
            context.screen.print(&String::from_utf8_lossy(&text));
        }
    }
    Ok(Exit::Done)
}
