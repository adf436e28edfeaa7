//! A file tells one story: 500 lines without its tests, 800 with them; 100 columns.
//!
//! Inputs -> outputs: Rust, Python and shell files -> findings.
//! Not here: the length of functions (clippy.toml); the layout of code (rustfmt).

use super::{File, Finding, Tree};
use crate::source::Source;

/// Most lines of a file apart from its tests.
const STORY_LINES_MAX: usize = 500;

/// Most lines of any file.
const FILE_LINES_MAX: usize = 800;

/// Most characters of a line.
const COLUMNS_MAX: usize = 100;

/// Files that may pass [`STORY_LINES_MAX`], each with its reason.
const LONGER: &[(&str, &str)] =
    &[("tools/sim/src/client.rs", "one client's life, whose parts share all of its state")];

/// Checks all files.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files() {
        let suffix = file.name().rsplit_once('.').map_or("", |(_, suffix)| suffix);
        if matches!(suffix, "rs" | "py" | "sh") {
            check_length(tree, file, &mut findings);
            check_width(file, &mut findings);
        }
    }
    findings
}

fn check_length(tree: &Tree, file: &File, findings: &mut Vec<Finding>) {
    let all = file.text.lines().count();
    if all > FILE_LINES_MAX {
        findings.push(Finding::new(
            "sizes",
            &file.path,
            0,
            format!("{all} lines; {FILE_LINES_MAX} are the most"),
            "split it by what a reader looks for; tests may become a file of their own",
        ));
        return;
    }
    let is_excused = LONGER.iter().any(|(path, _)| *path == file.path);
    if tree.is_test_file(file) || is_excused {
        return;
    }
    let tests = match file.path.ends_with(".rs") {
        true => Source::new(&file.text).is_test.iter().filter(|is_test| **is_test).count(),
        false => 0,
    };
    let story = all - tests;
    if story > STORY_LINES_MAX {
        findings.push(Finding::new(
            "sizes",
            &file.path,
            0,
            format!("{story} lines apart from tests; {STORY_LINES_MAX} are the most"),
            "split it, or list it in tools/xtask/src/tidy/sizes.rs with its reason",
        ));
    }
}

/// Lines that are too wide. What lies in quotes may be: it is data.
fn check_width(file: &File, findings: &mut Vec<Finding>) {
    let wide = |line: &str| line.chars().skip(COLUMNS_MAX).any(|c| !c.is_whitespace());
    if !file.text.lines().any(wide) {
        return;
    }
    let numbers: Vec<usize> = match file.path.ends_with(".rs") {
        true => {
            let source = Source::new(&file.text);
            let lines = source.code.lines().zip(source.comments.lines()).enumerate();
            // The closing quote and what follows on the same line belong to the quoted text.
            let code_is_wide = |code: &str| wide(code.trim_end_matches(['"', ')', ',', ';', '#']));
            lines
                .filter(|(_, (code, comment))| code_is_wide(code) || wide(comment))
                .map(|(i, _)| i + 1)
                .collect()
        }
        false => file.lines().filter(|(_, line)| wide(line)).map(|(number, _)| number).collect(),
    };
    findings.extend(numbers.into_iter().map(|number| {
        Finding::new(
            "sizes",
            &file.path,
            number,
            format!("wider than {COLUMNS_MAX} columns"),
            "break the line; rustfmt does it for code, but not for comments",
        )
    }));
}

#[cfg(test)]
mod tests {
    use super::super::assert_one;
    use super::*;

    fn lines(count: usize) -> String {
        "x();\n".repeat(count)
    }

    #[test]
    fn a_long_story_is_found_and_tests_do_not_count() {
        let tree = Tree::of(&[("a/src/long.rs", &lines(501))]);
        assert_one(&check(&tree), "sizes", "a/src/long.rs", 0);
        let tested = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", lines(500), lines(200));
        assert!(check(&Tree::of(&[("a/src/tested.rs", &tested)])).is_empty());
        assert!(check(&Tree::of(&[("a/tests/long.rs", &lines(700))])).is_empty());
    }

    #[test]
    fn no_file_is_longer_than_800_lines_not_even_tests() {
        let tree = Tree::of(&[("a/tests/long.rs", &lines(801))]);
        assert_one(&check(&tree), "sizes", "a/tests/long.rs", 0);
        assert_one(&check(&Tree::of(&[("a.py", &lines(801))])), "sizes", "a.py", 0);
    }

    #[test]
    fn a_wide_comment_is_found_and_wide_data_is_not() {
        let comment = format!("x();\n// {}\n", "w".repeat(98));
        assert_one(&check(&Tree::of(&[("a/src/a.rs", &comment)])), "sizes", "a/src/a.rs", 2);
        let code = format!("let a = {};\n", "w".repeat(100));
        assert_one(&check(&Tree::of(&[("a/src/a.rs", &code)])), "sizes", "a/src/a.rs", 1);
        let data = format!("let a = f(\"{}\");\n", "w".repeat(100));
        assert!(check(&Tree::of(&[("a/src/a.rs", &data)])).is_empty());
        let fits = format!("// {}\n", "ä".repeat(97));
        assert!(check(&Tree::of(&[("a/src/a.rs", &fits)])).is_empty(), "characters, not bytes");
    }
}
