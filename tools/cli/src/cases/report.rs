//! What a run of cases came to, and how it is printed.
//!
//! Inputs -> outputs: verdicts -> counts, failures, a table.
//! Invariants: every case is counted once.
//! Not here: who decides (run.rs).

use super::conventions;
use super::needs::SUPPORTED;
use super::parse::Case;
use super::run::Verdict;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write;

/// A case that did not agree: the first line that did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Its file.
    pub file: String,
    /// Its name.
    pub case: String,
    /// The line of the command, or of the book.
    pub line: usize,
    /// The command, or the last one before the book.
    pub command: String,
    /// What came, events separated by " ; ".
    pub got: String,
    /// What the case wants.
    pub want: String,
}

/// A case that was not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skip {
    /// Its file.
    pub file: String,
    /// Its name.
    pub case: String,
    /// What it needs.
    pub need: String,
}

/// A case that agreed under a convention that is not Gavel's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Selected {
    /// Its file.
    pub file: String,
    /// Its name.
    pub case: String,
    /// The machine's option.
    pub option: String,
    /// The case says that its expectation depends on a convention.
    pub case_says_so: bool,
}

/// What one file came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileTally {
    /// The file.
    pub file: String,
    /// Cases that agree.
    pub passed: usize,
    /// Cases that do not.
    pub failed: usize,
    /// Cases that were not run.
    pub skipped: usize,
}

/// What all files came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Cases that agree.
    pub passed: usize,
    /// Cases that do not.
    pub failed: usize,
    /// Cases that were not run.
    pub skipped: usize,
    /// One for each case that does not agree.
    pub failures: Vec<Failure>,
    /// One for each that was not run.
    pub skips: Vec<Skip>,
    /// One for each that was run under another convention.
    pub selected: Vec<Selected>,
    /// What Gavel does not do: nothing that a case is known to need, and what was met.
    pub unsupported: BTreeSet<String>,
    /// File by file.
    pub files: Vec<FileTally>,
}

impl Tally {
    /// A file follows.
    pub(super) fn begin(&mut self, file: &str) {
        self.files.push(FileTally { file: file.to_owned(), ..FileTally::default() });
    }

    /// Counts a case of the file that was begun.
    pub(super) fn add(&mut self, file: &str, case: &Case, verdict: Verdict) {
        let case_says_so = case.has_convention;
        let (file, case) = (file.to_owned(), case.name.clone());
        let Some(of_file) = self.files.last_mut() else { return };
        match verdict {
            Verdict::Passed(under) => {
                self.passed += 1;
                of_file.passed += 1;
                if let Some(under) = under {
                    let option = conventions::named(under);
                    self.selected.push(Selected { file, case, option, case_says_so });
                }
            }
            Verdict::Failed { line, command, got, want } => {
                self.failed += 1;
                of_file.failed += 1;
                let command = command.clone();
                self.failures.push(Failure { file, case, line, command, got, want });
            }
            Verdict::Skipped(need) => {
                self.skipped += 1;
                of_file.skipped += 1;
                self.unsupported.insert(need.clone());
                self.skips.push(Skip { file, case, need });
            }
        }
    }
}

/// For people.
pub(super) fn as_text(tally: &Tally) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = say_files(&mut text, tally);
    for failure in &tally.failures {
        let _ = say_failure(&mut text, failure);
    }
    text
}

fn say_files(text: &mut String, tally: &Tally) -> std::fmt::Result {
    let names = tally.files.iter().map(|of| of.file.as_str()).chain(["file"]);
    let wide = names.map(str::len).max().unwrap_or(0);
    writeln!(text, "{:<wide$}  passed  failed  skipped  conventions selected", "file")?;
    for of in &tally.files {
        let FileTally { file, passed, failed, skipped } = of;
        write!(text, "{file:<wide$}  {passed:>6}  {failed:>6}  {skipped:>7}")?;
        for one in tally.selected.iter().filter(|one| one.file == *file) {
            let unsaid = if one.case_says_so { "" } else { ", which does not say so" };
            write!(text, "  {} ({}{unsaid})", one.option, one.case)?;
        }
        text.push('\n');
    }
    let Tally { passed, failed, skipped, .. } = tally;
    writeln!(text, "{:<wide$}  {passed:>6}  {failed:>6}  {skipped:>7}", "all")?;
    let unsupported: Vec<&str> = tally.unsupported.iter().map(String::as_str).collect();
    let none = if unsupported.is_empty() { "none" } else { &unsupported.join(" ") };
    writeln!(text, "supported: {}; unsupported: {none}", SUPPORTED.join(" "))?;
    for Skip { file, case, need } in &tally.skips {
        writeln!(text, "SKIPPED {file}: {case} needs {need}")?;
    }
    Ok(())
}

fn say_failure(text: &mut String, failure: &Failure) -> std::fmt::Result {
    let Failure { file, case, line, command, got, want } = failure;
    writeln!(text, "\nFAILED {file}:{line}: {case}\n  > {command}")?;
    let (got, want): (Vec<&str>, Vec<&str>) =
        (got.split(" ; ").collect(), want.split(" ; ").collect());
    let same = got.iter().zip(&want).take_while(|(got, want)| got == want).count();
    for line in &want[..same] {
        writeln!(text, "    {line}")?;
    }
    for line in &want[same..] {
        writeln!(text, "  - {line}")?;
    }
    for line in &got[same..] {
        writeln!(text, "  + {line}")?;
    }
    Ok(())
}
