//! Words that must not stand in the code.
//!
//! Inputs -> outputs: Rust files, file names -> findings.
//! Invariants: comments and quotes are never taken for code.

use super::{File, Finding, Tree};
use crate::source::{Source, Token};

/// Macros that mean unfinished work.
const MACROS: &[(&str, &str)] = &[
    ("todo", "finish it, or leave it out"),
    ("unimplemented", "finish it, or leave it out"),
    ("dbg", "take it out"),
];

/// Marks of unfinished work in comments. In pieces, so that a search finds only true ones.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Parts of names that say nothing.
const HOLLOW_PARTS: &[&str] = &["mgr", "util", "utils", "common", "helper", "helpers"];

/// Names of modules and types that say nothing when they stand alone.
const HOLLOW_NAMES: &[&str] = &["data", "info"];

/// Words after which a name is given.
const NAMING: &[&str] = &["fn", "struct", "enum", "union", "trait", "mod", "type"];

/// Files that may put a thread to sleep, each with its reason.
const SLEEPERS: &[(&str, &str)] = &[
    ("engine/io/examples/durable_modes.rs", "a nap is one of the idle strategies that it measures"),
    ("tools/cli/src/pause.rs", "the pause of a driver that polls; its head says where and why"),
    ("engine/io/src/files.rs", "a bound on speed, if the operator set one; nothing to wait on"),
    ("engine/io/tests/tcp.rs", "real time between a real socket's events is what is tested"),
    ("tools/client/src/client.rs", "the pause between two attempts to connect; nothing to wait on"),
];

/// Checks all files.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files() {
        check_file_name(file, &mut findings);
    }
    for file in tree.rust_files() {
        let source = Source::new(&file.text);
        let tokens = source.tokens();
        let is_test = |line| tree.is_test_file(file) || source.in_test(line);
        for at in 0..tokens.len() {
            let window = Window { tokens: &tokens, at };
            check_macro(file, window, &mut findings);
            check_sleep(file, window, &mut findings);
            check_ignored(file, window, &mut findings);
            check_name(file, window, &mut findings);
            if !is_test(tokens[at].line) {
                check_unwrap(file, window, &mut findings);
            }
        }
        check_marks(file, &source, &mut findings);
    }
    findings
}

/// Tokens from one place on.
#[derive(Clone, Copy)]
struct Window<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
}

impl<'a> Window<'a> {
    fn text(&self, ahead: usize) -> &'a str {
        self.tokens.get(self.at + ahead).map_or("", |token| token.text)
    }

    fn reads(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(i, word)| self.text(i) == *word)
    }

    fn line(&self) -> usize {
        self.tokens[self.at].line
    }
}

fn check_macro(file: &File, window: Window<'_>, findings: &mut Vec<Finding>) {
    // `a != b` is two marks too, but no macro's name is compared.
    if window.text(1) != "!" || window.text(2) == "=" {
        return;
    }
    let found = MACROS.iter().find(|(name, _)| window.text(0) == *name);
    findings.extend(found.map(|(name, mend)| {
        Finding::new("words", &file.path, window.line(), format!("the macro {name}"), *mend)
    }));
}

fn check_unwrap(file: &File, window: Window<'_>, findings: &mut Vec<Finding>) {
    if window.reads(&[".", "unwrap", "(", ")"]) {
        findings.push(Finding::new(
            "words",
            &file.path,
            window.line(),
            "unwrap outside tests",
            "use expect with the invariant as its text, or return the fault",
        ));
    }
}

fn check_sleep(file: &File, window: Window<'_>, findings: &mut Vec<Finding>) {
    let sleeps = window.reads(&["thread", ":", ":", "sleep"]);
    if sleeps && !SLEEPERS.iter().any(|(path, _)| *path == file.path) {
        findings.push(Finding::new(
            "words",
            &file.path,
            window.line(),
            "a thread sleeps",
            "wait for the event itself; or list the file in tools/xtask/src/tidy/words.rs with \
             its reason",
        ));
    }
}

fn check_ignored(file: &File, window: Window<'_>, findings: &mut Vec<Finding>) {
    if window.reads(&["#", "[", "ignore"]) {
        findings.push(Finding::new(
            "words",
            &file.path,
            window.line(),
            "a test that does not run",
            "let it run, or say SKIPPED at run time with the reason",
        ));
    }
}

/// Code that does what other libraries' traits ask for, by the names that those give.
const FOREIGN: &str = "benches/peers/";

fn check_name(file: &File, window: Window<'_>, findings: &mut Vec<Finding>) {
    if !NAMING.contains(&window.text(0)) || file.path.starts_with(FOREIGN) {
        return;
    }
    let name = window.text(1);
    let starts = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    let is_option = window.text(0) == "fn" && HOLLOW_NAMES.contains(&name);
    if let Some((what, mend)) = (starts && !is_option).then(|| objection(name)).flatten() {
        findings.push(Finding::new("names", &file.path, window.line(), what, mend));
    }
}

fn check_file_name(file: &File, findings: &mut Vec<Finding>) {
    let is_code = [".rs", ".py", ".sh"].iter().any(|suffix| file.path.ends_with(suffix));
    let path = file.path.strip_suffix("/mod.rs").unwrap_or(&file.path);
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.split('.').next().unwrap_or(name);
    if let Some((what, mend)) = is_code.then(|| objection(stem)).flatten() {
        findings.push(Finding::new("names", &file.path, 0, what, mend));
    }
}

/// What is wrong with a name, and how to mend it.
fn objection(name: &str) -> Option<(String, &'static str)> {
    if name.starts_with("get_") {
        return Some((format!("{name} begins with get_"), "name it after what it returns"));
    }
    let parts = parts(name);
    let hollow = parts.iter().any(|part| HOLLOW_PARTS.contains(&part.as_str()))
        || (parts.len() == 1 && HOLLOW_NAMES.contains(&parts[0].as_str()));
    hollow.then(|| (format!("{name} says nothing"), "name it after what it holds or does"))
}

/// The words of a name, in either style of joining them.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before = '_';
    for c in name.chars() {
        if c == '_' || c == '-' || (c.is_uppercase() && before.is_lowercase()) {
            parts.push(String::new());
        }
        if c != '_' && c != '-' {
            let last = parts.last_mut().expect("there is always a last part");
            last.extend(c.to_lowercase());
        }
        before = c;
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn check_marks(file: &File, source: &Source, findings: &mut Vec<Finding>) {
    for (i, line) in source.comments.lines().enumerate() {
        let words = line.split(|c: char| !c.is_alphanumeric());
        if let Some(mark) = MARKS.iter().find(|mark| words.clone().any(|word| word == **mark)) {
            findings.push(Finding::new(
                "words",
                &file.path,
                i + 1,
                format!("unfinished work: {mark}"),
                "finish it; what will be done later belongs in an issue",
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::assert_one;
    use super::*;

    fn findings(text: &str) -> Vec<Finding> {
        check(&Tree::of(&[("a/src/x.rs", text)]))
    }

    #[track_caller]
    fn found(text: &str, rule: &str, line: usize) {
        assert_one(&findings(text), rule, "a/src/x.rs", line);
    }

    #[track_caller]
    fn clean(text: &str) {
        let findings = findings(text);
        assert!(findings.is_empty(), "{findings:#?}");
    }

    #[test]
    fn unfinished_macros_are_found() {
        for (name, _) in MACROS {
            found(&format!("fn f() {{\n    {name}!()\n}}\n"), "words", 2);
        }
        clean("// todo!() is not used\nlet a = \"dbg!\"; let b = todo != c;\n");
    }

    #[test]
    fn unwrap_is_found_outside_tests_only() {
        found("fn f() {\n    g()\n        .unwrap();\n}\n", "words", 3);
        clean("fn f() {\n    g().unwrap_or(1);\n}\n");
        clean("#[cfg(test)]\nmod tests {\n    fn f() { g().unwrap() }\n}\n");
        let tests = Tree::of(&[("a/tests/x.rs", "fn f() { g().unwrap() }\n")]);
        assert!(check(&tests).is_empty());
    }

    #[test]
    fn sleeping_threads_are_found_in_tests_too() {
        found("fn f() { std::thread::sleep(d); }\n", "words", 1);
        found("#[cfg(test)]\nmod tests {\n    fn f() { thread::sleep(d) }\n}\n", "words", 3);
        clean("fn f() { thread::park() }\n");
    }

    #[test]
    fn tests_that_do_not_run_are_found() {
        found(&format!("#[test]\n#[{}]\nfn f() {{}}\n", "ignore = \"slow\""), "words", 2);
    }

    #[test]
    fn hollow_names_are_found() {
        for name in ["fn get_price", "mod util", "struct OrderMgr", "trait CommonThing", "mod data"]
        {
            found(&format!("\n{name} {{}}\n"), "names", 2);
        }
        clean(
            "fn get() {}\nstruct SegmentInfo {}\nfn commonly() {}\nfn data() {}\nmod database {}\n",
        );
        let asked_for = [("benches/peers/src/x.rs", "//! A.\nfn get_log_state() {}\n")];
        assert!(check(&Tree::of(&asked_for)).is_empty(), "another library's trait says so");
        for path in ["a/src/helpers.rs", "a/tests/common/mod.rs", "a/tests/info.py"] {
            let text = "//! A.\n";
            assert_one(&check(&Tree::of(&[(path, text)])), "names", path, 0);
        }
    }

    #[test]
    fn marks_of_unfinished_work_are_found_in_comments() {
        for mark in MARKS {
            found(&format!("fn f() {{}}\n// {mark}: later\n"), "words", 2);
        }
        clean("// the FIXMEN sang\n");
    }
}
