//! `spec`: which clauses of paper, thesis and rules of safety the consensus core cites, and which
//! tests check them.
//!
//! Inputs -> outputs: comments of `raft` -> a table; a clause that no test names is a failure.
//! Invariants: a clause is cited in one form only: `Raft 5.4.2`, `Thesis 6.4.1`, `SAFETY 12`, and
//! more numbers behind commas or `and`.
//! Limits: text: whether a test checks what it cites is for planted bugs to show.
//! Not here: whether a rule of safety exists (tidy).

use crate::source::Source;
use crate::tidy::{File, Tree};
use crate::workspace::Workspace;
use anyhow::Result;
use std::collections::BTreeMap;

/// The works that are cited.
const WORKS: &[&str] = &["Raft", "Thesis", "SAFETY"];

/// Where the core's code lies.
const CODE: &str = "raft/src/";

/// Beside unit tests: what lies here is a test. The checkers run in all of them.
const TESTS: &[&str] = &["raft/tests/", "raft/testdata/", "raft/src/memory/"];

/// Where a clause is cited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sites {
    code: Vec<String>,
    tests: Vec<String>,
}

/// A work and the numbers of its section, which sort as numbers.
type Clause = (&'static str, Vec<u32>);

/// Lists all clauses; false if one has no test.
///
/// # Errors
/// If git cannot say what belongs to the project.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let clauses = clauses(&Tree::load(&workspace.root)?);
    print!("{}", table(&clauses));
    let untested = untested(&clauses);
    eprintln!("spec: {} clauses, {} without a test", clauses.len(), untested.len());
    Ok(untested.is_empty() && !clauses.is_empty())
}

fn name((work, numbers): &Clause) -> String {
    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
    format!("{work} {}", numbers.join("."))
}

fn untested(clauses: &BTreeMap<Clause, Sites>) -> Vec<&Clause> {
    clauses.iter().filter(|(_, sites)| sites.tests.is_empty()).map(|(clause, _)| clause).collect()
}

fn table(clauses: &BTreeMap<Clause, Sites>) -> String {
    let mut table = String::from("clause         cited  tests\n");
    for (clause, sites) in clauses {
        let tests = match sites.tests.as_slice() {
            [] => String::from("NONE; cited in ") + &sites.code.join(", "),
            some => some.join(", "),
        };
        table += &format!("{:<14} {:>5}  {tests}\n", name(clause), sites.code.len());
    }
    table
}

fn clauses(tree: &Tree) -> BTreeMap<Clause, Sites> {
    let mut clauses: BTreeMap<Clause, Sites> = BTreeMap::new();
    for file in tree.files().iter().filter(|file| file.path.starts_with("raft/")) {
        let is_test_file = TESTS.iter().any(|folder| file.path.starts_with(folder))
            || file.path.ends_with("/tests.rs");
        for (line, text, is_in_test) in comments(file) {
            for clause in cited(&text) {
                let sites = clauses.entry(clause).or_default();
                let (site, list) = if is_test_file || is_in_test {
                    (short(&file.path), &mut sites.tests)
                } else if file.path.starts_with(CODE) {
                    (format!("{}:{line}", file.path), &mut sites.code)
                } else {
                    continue;
                };
                if !list.contains(&site) {
                    list.push(site);
                }
            }
        }
    }
    clauses.retain(|_, sites| !sites.code.is_empty());
    clauses
}

fn short(path: &str) -> String {
    path.trim_start_matches("raft/").to_owned()
}

/// Comments with their line's number, and whether it belongs to a test.
fn comments(file: &File) -> Vec<(usize, String, bool)> {
    if file.path.ends_with(".rs") {
        let source = Source::new(&file.text);
        let lines = source.comments.lines().enumerate();
        lines.map(|(i, line)| (i + 1, line.to_owned(), source.in_test(i + 1))).collect()
    } else if file.path.ends_with(".txt") {
        let lines = file.text.lines().enumerate().filter(|(_, line)| line.starts_with('#'));
        lines.map(|(i, line)| (i + 1, line.to_owned(), true)).collect()
    } else {
        Vec::new()
    }
}

/// The clauses that a line cites.
fn cited(line: &str) -> Vec<Clause> {
    let is_end = |c: char| matches!(c, ' ' | ',' | ';' | ':' | '(' | ')');
    let words: Vec<&str> = line.split(is_end).filter(|word| !word.is_empty()).collect();
    let mut clauses = Vec::new();
    let mut work = None;
    for word in words {
        let numbers = numbers(word);
        match (WORKS.iter().find(|name| **name == word), work, numbers) {
            (Some(name), _, _) => work = Some(*name),
            (None, Some(work), Some(numbers)) => clauses.push((work, numbers)),
            (None, Some(_), None) if word == "and" => {}
            (None, ..) => work = None,
        }
    }
    clauses
}

/// `5.4.2` as its parts.
fn numbers(word: &str) -> Option<Vec<u32>> {
    let word = word.trim_end_matches('.');
    word.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(line: &str) -> Vec<String> {
        cited(line).iter().map(name).collect()
    }

    #[test]
    fn clauses_are_read_in_their_one_form() {
        assert_eq!(
            named("// Raft 5.2, 5.4.1; Thesis 4.2.3."),
            ["Raft 5.2", "Raft 5.4.1", "Thesis 4.2.3"]
        );
        assert_eq!(
            named("/// (SAFETY 12, 13): Thesis 3.10 and 6.4"),
            ["SAFETY 12", "SAFETY 13", "Thesis 3.10", "Thesis 6.4"]
        );
        assert!(named("// Raft figure 2 says 5 things; SAFETY: 3.x").len() <= 1);
    }

    #[test]
    fn a_clause_without_a_test_is_found() {
        let code = "//! A.\n// Raft 5.2\nfn a() {}\n// Raft 5.3\nfn b() {}\n\
                    // SAFETY 1\nfn c() {}\n#[cfg(test)]\nmod tests {\n    // SAFETY 1\n}\n";
        let story = "# Raft 5.2: votes.\nRaft 5.3\n";
        let tree = Tree::of(&[("raft/src/x.rs", code), ("raft/testdata/y.txt", story)]);
        let clauses = clauses(&tree);
        let names: Vec<String> = untested(&clauses).into_iter().map(name).collect();
        assert_eq!(names, ["Raft 5.3"]);
        assert!(table(&clauses).contains("NONE; cited in raft/src/x.rs:4"));
    }
}
