//! `tidy`: the house rules that rustc and clippy do not know.
//!
//! Inputs -> outputs: the files that git knows, `cargo metadata` -> findings.
//! Invariants: a finding names file, line, rule and mend; an exception stands in a table with its
//! reason; every rule has a test with the violation planted.
//! Limits: text and tokens, no types.
//! Not here: what clippy finds (functions over 70 lines: `clippy.toml`), formatting.

mod citations;
mod dependencies;
mod documents;
mod entrance;
mod layers;
mod licence;
mod places;
mod roots;
mod sizes;
mod tree;
mod words;

pub(crate) use tree::{File, Tree};

use crate::workspace::Workspace;
use anyhow::Result;
use std::fmt;

/// One breach of one rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    /// From 1; 0 if the file as a whole is meant.
    line: usize,
    rule: &'static str,
    what: String,
    mend: String,
}

impl Finding {
    fn new(
        rule: &'static str,
        path: &str,
        line: usize,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { path: path.to_owned(), line, rule, what: what.into(), mend: mend.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, what, mend } = self;
        match line {
            0 => write!(f, "{path}: [{rule}] {what}\n    -> {mend}"),
            _ => write!(f, "{path}:{line}: [{rule}] {what}\n    -> {mend}"),
        }
    }
}

/// Checks every rule and prints what it finds.
///
/// # Errors
/// If git or cargo cannot say what belongs to the project.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let tree = Tree::load(&workspace.root)?;
    let packages = workspace.packages()?;
    let mut findings = Vec::new();
    findings.extend(layers::check(&packages));
    findings.extend(roots::check(&tree, &packages));
    findings.extend(entrance::check(&tree));
    findings.extend(sizes::check(&tree));
    findings.extend(words::check(&tree));
    findings.extend(citations::check(&tree));
    findings.extend(places::check(&tree, &places::of_this_machine(&workspace.root)));
    findings.extend(documents::check(&tree, &packages, &crate::cli::subcommands()));
    findings.extend(dependencies::check(&tree, || workspace.full_metadata())?);
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => eprintln!("tidy: {} files and {} packages", tree.files().len(), packages.len()),
        count => eprintln!("tidy: {count} findings"),
    }
    Ok(findings.is_empty())
}

/// For tests: exactly one finding, of this rule, at this place.
#[cfg(test)]
#[track_caller]
fn assert_one(findings: &[Finding], rule: &str, path: &str, line: usize) {
    let places: Vec<_> = findings.iter().map(|f| (f.rule, f.path.as_str(), f.line)).collect();
    assert_eq!(places, [(rule, path, line)], "{findings:#?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_file_line_rule_and_mend() {
        let finding = Finding::new("words", "a/b.rs", 7, "it is so", "do this");
        assert_eq!(finding.to_string(), "a/b.rs:7: [words] it is so\n    -> do this");
        let whole = Finding::new("sizes", "a/b.rs", 0, "it is long", "split it");
        assert_eq!(whole.to_string(), "a/b.rs: [sizes] it is long\n    -> split it");
    }
}
