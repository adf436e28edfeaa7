//! Files of cases as they are written: lines to commands and expectations.
//!
//! Inputs -> outputs: text -> cases, or what is wrong with which line.
//! Invariants: what is not understood is refused, never passed over.
//! Not here: what a command means to the machine (adapter.rs).
//! Source: the README of the shared cases; where that says less, their interpreter (check.py).

mod command;
mod steering;
mod words;

pub(super) use command::{AmendCase, CaseSide, CaseStp, CaseTif, Command, NewCase};
pub(super) use steering::{Killing, Limits, Party, Steering, SymbolCase};

use super::needs;
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::path::Path;

/// The orders of `seed EC`, in the order in which they are entered.
const SEED_EC: &[&str] = &[
    "NEW 1 S 100@81600",
    "NEW 2 S 50@81599",
    "NEW 3 S 25@81599",
    "NEW 8 S 28@201000",
    "NEW 9 S 32@201000",
    "NEW 10 S 10@200954",
    "NEW 4 B 40@81593",
    "NEW 5 B 20@81590",
    "NEW 6 B 1@81590",
    "NEW 7 B 20@81200",
    "NEW 11 B 12@10000",
    "NEW 12 B 1@10000",
    "NEW 13 B 2@9136",
];

/// One file.
#[derive(Debug)]
pub(super) struct CaseFile {
    /// As it was named.
    pub(super) name: String,
    pub(super) cases: Vec<Case>,
}

/// One case.
#[derive(Clone, Debug, Default)]
pub(super) struct Case {
    pub(super) name: String,
    /// Where it begins.
    line: usize,
    /// What an engine must be able to do.
    pub(super) needs: Vec<String>,
    /// The expectation depends on a convention.
    pub(super) has_convention: bool,
    pub(super) steps: Vec<Step>,
    /// The first command that cannot be read, and why: of a case only that needs what is unknown.
    pub(super) unread: Option<(usize, String)>,
}

/// One line that does or expects something, with the lines that belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A command, and every event that it leads to. None: whatever it leads to (a seed).
    Do { line: usize, text: String, command: Command, events: Option<Vec<String>> },
    /// The book as it is then.
    Book { line: usize, levels: String },
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<CaseFile> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).with_context(|| name.clone())?;
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) => {
            let before = &bytes[..error.valid_up_to()];
            let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
            bail!("{name}:{line}: this is not UTF-8");
        }
    };
    let cases = parse(text).map_err(|(line, error)| error.context(format!("{name}:{line}")))?;
    ensure!(!cases.is_empty(), "{name} holds no cases");
    Ok(CaseFile { name, cases })
}

/// Every case of a text; or the line that is wrong, and why.
pub(super) fn parse(text: &str) -> Result<Vec<Case>, (usize, anyhow::Error)> {
    let mut cases: Vec<Case> = Vec::new();
    // Some editors begin a file with a mark that says how it is encoded.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (at, raw) in text.lines().enumerate() {
        let line = at + 1;
        // A comment ends a line, but in the name of a source, which may have the sign itself.
        let text = if raw.starts_with("src") { raw } else { raw.split('#').next().unwrap_or("") };
        let text = text.trim();
        if !text.is_empty() {
            take_line(&mut cases, line, text).map_err(|error| (line, error))?;
        }
    }
    match cases.iter().find_map(mistake) {
        Some(mistake) => Err(mistake),
        None => Ok(cases),
    }
}

/// What is wrong with a case as a whole.
fn mistake(case: &Case) -> Option<(usize, anyhow::Error)> {
    match &case.unread {
        Some((line, error)) if case.needs.iter().all(|need| needs::is_known(need)) => {
            Some((*line, anyhow!("{error}")))
        }
        // What asks for nothing agrees with everything.
        None if case.steps.is_empty() => {
            Some((case.line, anyhow!("case {} asks for nothing", case.name)))
        }
        _ => None,
    }
}

fn take_line(cases: &mut Vec<Case>, line: usize, text: &str) -> Result<()> {
    let (word, rest) = match text.chars().next() {
        Some(sign @ ('>' | '<' | '=')) => (&text[..sign.len_utf8()], &text[sign.len_utf8()..]),
        _ => text.split_once(char::is_whitespace).unwrap_or((text, "")),
    };
    let rest = rest.split_whitespace().collect::<Vec<_>>().join(" ");
    if word == "case" {
        let name = rest.split(' ').next().unwrap_or_default().to_owned();
        ensure!(!name.is_empty(), "a case without a name");
        cases.push(Case { name, line, ..Case::default() });
        return Ok(());
    }
    let case = cases.last_mut().context("a line before the first case")?;
    match word {
        "src" => {}
        "conv" => case.has_convention = true,
        "need" => {
            let tokens = rest.split([',', ' ']).filter(|token| !token.is_empty());
            case.needs.extend(tokens.map(str::to_owned));
        }
        "seed" => {
            ensure!(rest == "EC", "the only seed is EC, not {rest:?}");
            for text in SEED_EC {
                let (text, command) = ((*text).to_owned(), text.parse()?);
                case.steps.push(Step::Do { line, text, command, events: None });
            }
        }
        "<" | "=" if rest.is_empty() => bail!("nothing is expected behind {word:?}"),
        _ if case.unread.is_some() && matches!(word, ">" | "<" | "=") => {}
        ">" => match rest.parse() {
            Ok(command) => {
                case.steps.push(Step::Do { line, text: rest, command, events: Some(Vec::new()) });
            }
            Err(error) => case.unread = Some((line, format!("{error:#}"))),
        },
        "<" => match case.steps.last_mut() {
            Some(Step::Do { events: Some(events), .. }) => events.push(rest),
            _ => bail!("an event that no command comes before"),
        },
        "=" => case.steps.push(Step::Book { line, levels: rest }),
        other => bail!("a line begins with {other:?}"),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
