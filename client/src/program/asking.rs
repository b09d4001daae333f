//! Questions to a person at a terminal.

use crate::program::screen::Screen;
use std::io::{IsTerminal as _, Write as _};

/// Whether somebody sits there.
pub(crate) fn is_possible(screen: &Screen) -> bool {
    !screen.json && std::io::stdin().is_terminal()
}

/// Asks; an empty line is the default, and the end of input is no.
pub(crate) async fn yes(question: &str, default: bool) -> bool {
    let choice = if default { "[Y/n]" } else { "[y/N]" };
    let prompt = format!("{question} {choice} ");
    let answer = tokio::task::spawn_blocking(move || {
        let mut error = std::io::stderr().lock();
        let _ = error.write_all(prompt.as_bytes()).and_then(|()| error.flush());
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).ok().filter(|read| *read > 0).map(|_| line)
    })
    .await;
    match answer.ok().flatten().as_deref().map(str::trim) {
        Some("") => default,
        Some(answer) => matches!(answer.to_lowercase().as_str(), "y" | "yes" | "はい" | "ｙ"),
        None => false,
    }
}
