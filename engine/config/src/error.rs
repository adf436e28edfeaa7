//! What is wrong with a configuration, for a person.

use std::fmt;

/// One thing wrong: where, what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// File, or the name of a built-in text.
    pub file: String,
    /// Line from 1, if one is to blame.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}. {}.", self.what, self.fix)
    }
}

impl std::error::Error for ConfigError {}

/// Line (from 1) of a byte offset.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Turns a parser's complaint into ours, with the line.
pub(crate) fn from_toml(file: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    ConfigError {
        file: file.into(),
        line: error.span().map(|span| line_at(text, span.start)),
        what: error.message().trim_end_matches('.').replace('\n', " "),
        fix: "Every key is explained in default.toml (gaveld --print-config)".into(),
    }
}

/// Line of `key` in `[section]` (or of the `nth` `[[section]]`), to point at a value that parsed
/// but cannot be.
pub(crate) fn line_of(text: &str, section: &str, nth: usize, key: &str) -> Option<usize> {
    let (mut seen, mut inside) = (0, false);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            let name = line.trim_start_matches('[').split(']').next().unwrap_or("").trim();
            inside = name == section && seen == nth;
            seen += usize::from(name == section);
        } else if inside && line.split('=').next().is_some_and(|name| name.trim() == key) {
            return Some(number + 1);
        }
    }
    None
}
