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
    styled(bar, "{msg} {wide_bar} {bytes}/{total_bytes} {eta}")
}

/// A bar that counts things; hidden as [`bar`] is.
pub(crate) fn count(screen: &Screen, title: &str) -> ProgressBar {
    styled(bar(screen, 0, title), "{msg} {wide_bar} {pos}/{len}")
}

/// Sets a counting bar.
pub(crate) fn at(bar: &ProgressBar, done: usize, all: usize) {
    bar.set_length(all as u64);
    bar.set_position(done as u64);
}

/// A count without an end; hidden as [`bar`] is.
pub(crate) fn spinner(screen: &Screen, title: &str) -> ProgressBar {
    styled(bar(screen, 0, title), "{spinner} {msg} {pos}")
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
