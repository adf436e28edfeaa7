//! What comments in the code cite can be read in the tree: rules of safety, documents.
//!
//! Inputs -> outputs: comments of Rust files, ARCHITECTURE.md -> findings.
//! Limits: a citation on one line: `SAFETY 3`, `SAFETY 1 to 4`, `SAFETY 8, 17-20`.

use super::{Finding, Tree};
use crate::source::Source;

const RULES: &str = "ARCHITECTURE.md";

/// Checks the comments of all Rust files.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let rules = tree.file(RULES).map_or("", |file| file.text.as_str());
    let mut findings = Vec::new();
    for file in tree.rust_files() {
        let source = Source::new(&file.text);
        for (i, line) in source.comments.lines().enumerate() {
            for number in cited_rules(line) {
                if !rules.contains(&format!("| SAFETY {number} |")) {
                    let what = format!("cites SAFETY {number}, which {RULES} does not have");
                    let mend = "add its row under Rules of safety, or mend the number";
                    findings.push(Finding::new("citations", &file.path, i + 1, what, mend));
                }
            }
            for name in cited_documents(line).filter(|name| !is_there(tree, name)) {
                let what = format!("cites {name}, which is not in the tree");
                let mend = format!("cite a document that a reader has: {RULES} and its section");
                findings.push(Finding::new("citations", &file.path, i + 1, what, mend));
            }
        }
    }
    findings
}

fn is_there(tree: &Tree, name: &str) -> bool {
    let ending = format!("/{name}");
    tree.files().iter().any(|file| file.path == name || file.path.ends_with(&ending))
}

/// Names of documents on a line.
fn cited_documents(line: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    let words = line.split(move |c| !is_part(c)).map(|word| word.trim_end_matches('.'));
    words.filter(|word| word.strip_suffix(".md").is_some_and(|stem| !stem.is_empty()))
}

/// Numbers of rules on a line; ranges are written out.
fn cited_rules(line: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    for after in line.split("SAFETY").skip(1) {
        let spaced = after.strip_prefix(".md").unwrap_or(after);
        let Some(rest) = spaced.strip_prefix(' ') else { continue };
        let mut last = None;
        let mut is_range = false;
        let joined = rest.replace('-', " to ");
        for word in joined.split([' ', ',', ';', '(', ')', '.']).filter(|word| !word.is_empty()) {
            match (word.parse::<u32>(), last) {
                (Ok(number), Some(first)) if is_range => numbers.extend(first + 1..=number),
                (Ok(number), _) => numbers.push(number),
                (Err(_), Some(_)) if matches!(word, "to" | "and") => {
                    is_range = word == "to";
                    continue;
                }
                (Err(_), _) => break,
            }
            last = numbers.last().copied();
            is_range = false;
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::super::assert_one;
    use super::*;

    #[test]
    fn numbers_are_read_in_every_form_in_use() {
        assert_eq!(cited_rules("// by SAFETY 21."), [21]);
        assert_eq!(cited_rules("//! SAFETY 8, 17-20."), [8, 17, 18, 19, 20]);
        assert_eq!(cited_rules("//! DESIGN section 7, SAFETY.md 1 to 4."), [1, 2, 3, 4]);
        assert_eq!(cited_rules("// (SAFETY 17 and 18); SAFETY 3 says 5 of it"), [17, 18, 3]);
        assert!(cited_rules("// SAFETY: the pointer is valid for 3 bytes").is_empty());
    }

    #[test]
    fn rules_that_nobody_can_read_are_found() {
        let rules = (RULES, "| SAFETY 1 | x |\n| SAFETY 2 | y |\n");
        let code = "//! Source: SAFETY 1 and 2.\nfn a() {}\n// SAFETY 3\n";
        let findings = check(&Tree::of(&[rules, ("a/src/x.rs", code)]));
        assert_one(&findings, "citations", "a/src/x.rs", 3);
    }

    #[test]
    fn documents_that_are_not_in_the_tree_are_found() {
        let code = "//! See PLAN.md, and README.md.\nlet a = \"other.md\";\n";
        let findings = check(&Tree::of(&[("README.md", ""), ("a/src/x.rs", code)]));
        assert_one(&findings, "citations", "a/src/x.rs", 1);
    }
}
