//! What is generated from the command line's own description: completions and manual pages.

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::files;
use crate::session::Session;
use clap::CommandFactory as _;
use clap_complete::Shell;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Prints completions for a shell.
pub(crate) fn completions(session: &Session, shell: Shell) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "careplan-admin", &mut text);
    session.output.bytes(&text).map(|_| ())
}

/// What was written.
#[derive(Debug, Serialize)]
struct Pages {
    folder: PathBuf,
    pages: usize,
}

/// Writes manual pages, one per command.
pub(crate) fn man(session: &Session, out: &Path) -> Result<(), Failure> {
    files::make_folder(out)?;
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    clap_mangen::generate_to(command, out).map_err(|why| Failure::file(out, why))?;
    let pages = std::fs::read_dir(out).map_err(|why| Failure::file(out, why))?.count();
    session.output.show_done(&Pages { folder: out.to_owned(), pages }, false, |made| {
        format!("{} manual pages in {}", made.pages, made.folder.display())
    })
}
