//! Progress on standard error; nothing at all if that is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

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
