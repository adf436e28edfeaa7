//! Progress on standard error; nothing at all if that is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A count of what has no known end.
#[must_use]
pub(crate) fn count(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{prefix:>8} {spinner} {human_pos}  {per_sec}")
    {
        bar.set_style(style);
    }
    bar.set_prefix(what);
    bar
}

/// A bar that counts to `total`.
#[must_use]
pub(crate) fn bar(total: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let template = "{prefix:>8} {bar:40} {percent:>3}%  {human_pos}  {per_sec}  {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(what);
    bar
}
