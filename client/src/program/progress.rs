//! Progress bars, on a terminal only.

use crate::program::screen::Screen;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;

/// A bar that counts bytes; hidden under `--json` and where standard error is no terminal.
pub(crate) fn bar(screen: &Screen, bytes: u64, title: &str) -> ProgressBar {
    let target = match std::io::stderr().is_terminal() && !screen.json {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(Some(bytes), target).with_message(title.to_owned());
    match ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
