//! The prose says what the tree holds.
//!
//! Inputs -> outputs: README, ARCHITECTURE, CHANGELOG, CI's script, the tree, the packages ->
//! findings.
//! Not here: whether the prose is good.

use super::entrance::FOLDERS;
use super::{File, Finding, Tree};
use crate::workspace::{Package, RootKind};

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const CHANGELOG: &str = "CHANGELOG.md";
const README: &str = "README.md";
const CI: &str = ".ci/run";

/// Files that every checkout has.
const REQUIRED: &[&str] =
    &[ARCHITECTURE, CHANGELOG, README, CI, "LICENSE", "clippy.toml", "deny.toml", "rustfmt.toml"];

/// The code map's heading.
const CODE_MAP: &str = "code map";

/// Whom the changelog speaks to.
const READERS: &[&str] = &["Safety", "Latency", "Operators", "Internals"];

/// True of the first parts of paths that prose may name only if they exist.
fn is_top(first: &str) -> bool {
    FOLDERS.contains(&first) || matches!(first, ".ci" | ".cargo")
}

/// Checks all documents. `subcommands` are those of xtask.
pub(super) fn check(tree: &Tree, packages: &[Package], subcommands: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in REQUIRED.iter().filter(|path| !tree.exists(path)) {
        findings.push(Finding::new("documents", path, 0, "is missing", "write it"));
    }
    check_clippy(tree, &mut findings);
    for file in [ARCHITECTURE, README].iter().filter_map(|path| tree.file(path)) {
        check_paths(tree, file, &mut findings);
        check_links(tree, file, &mut findings);
        check_commands(tree, file, packages, subcommands, &mut findings);
    }
    if let Some(file) = tree.file(ARCHITECTURE) {
        check_code_map(tree, file, packages, &mut findings);
    }
    if let Some(file) = tree.file(CHANGELOG) {
        check_changelog(file, &mut findings);
    }
    if let Some(file) = tree.file(CI).filter(|file| !file.text.contains("cargo xtask ci")) {
        let what = "does not call `cargo xtask ci`";
        let mend = "CI runs what a person runs: put the step into xtask";
        findings.push(Finding::new("documents", &file.path, 0, what, mend));
    }
    findings
}

fn check_clippy(tree: &Tree, findings: &mut Vec<Finding>) {
    let names = ["clippy.toml", ".clippy.toml"];
    let second = tree.files().iter().filter(|file| names.contains(&file.name()));
    for file in second.filter(|file| file.path != "clippy.toml") {
        let what = "a second clippy.toml, which silently replaces the first";
        findings.push(Finding::new("documents", &file.path, 0, what, "move it to the root's"));
    }
}

/// What stands between backticks, with its line.
fn spans(file: &File) -> Vec<(usize, &str)> {
    let mut is_fenced = false;
    let mut spans = Vec::new();
    for (number, line) in file.lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if !is_fenced {
            spans.extend(line.split('`').skip(1).step_by(2).map(|span| (number, span)));
        }
    }
    spans
}

/// Lines of fenced blocks, with their numbers.
fn fenced(file: &File) -> Vec<(usize, &str)> {
    let mut is_fenced = false;
    let mut lines = Vec::new();
    for (number, line) in file.lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if is_fenced {
            lines.push((number, line.trim()));
        }
    }
    lines
}

fn is_path(span: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '/' | '_' | '-');
    !span.is_empty() && span.chars().all(plain)
}

fn check_paths(tree: &Tree, file: &File, findings: &mut Vec<Finding>) {
    for (number, span) in spans(file) {
        let first = span.split('/').next().unwrap_or(span);
        if span.contains('/') && is_path(span) && is_top(first) && !tree.exists(span) {
            let what = format!("names {span}, which does not exist");
            let mend = "write of what is there; plans belong elsewhere";
            findings.push(Finding::new("documents", &file.path, number, what, mend));
        }
    }
}

fn check_links(tree: &Tree, file: &File, findings: &mut Vec<Finding>) {
    for (number, line) in file.lines() {
        for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or("");
            let is_local = !path.is_empty() && !path.contains(':');
            if is_local && !tree.exists(path) {
                let what = format!("links to {path}, which does not exist");
                findings.push(Finding::new("documents", &file.path, number, what, "mend the link"));
            }
        }
    }
}

fn check_commands(
    tree: &Tree,
    file: &File,
    packages: &[Package],
    subcommands: &[String],
    findings: &mut Vec<Finding>,
) {
    for (number, text) in spans(file).into_iter().chain(fenced(file)) {
        let command = text.split(" #").next().unwrap_or(text);
        let words: Vec<_> = command.trim_start_matches("$ ").split_whitespace().collect();
        let wrong = match words.as_slice() {
            ["cargo", "xtask", name, ..] if is_path(name) => {
                let known = subcommands.iter().any(|subcommand| subcommand == name);
                (!known).then(|| format!("xtask has no command {name}"))
            }
            ["cargo", "run", rest @ ..] => objection_to_run(tree, packages, rest),
            _ => None,
        };
        findings.extend(wrong.map(|what| {
            let mend = "name a command that exists";
            Finding::new("documents", &file.path, number, what, mend)
        }));
    }
}

/// What is wrong with the words after `cargo run`.
fn objection_to_run(tree: &Tree, packages: &[Package], words: &[&str]) -> Option<String> {
    let after = |names: &[&str]| {
        let at = words.iter().position(|word| names.contains(word))?;
        words.get(at + 1).copied()
    };
    let package = match after(&["-p", "--package"]) {
        Some(name) => packages.iter().find(|package| package.name == name),
        None => default_package(tree, packages),
    };
    let Some(package) = package else {
        return Some(String::from("`cargo run` names a package that does not exist"));
    };
    let wanted = after(&["--bin"]);
    let runs = package.roots.iter().any(|root| {
        root.kind == RootKind::Binary && wanted.is_none_or(|wanted| root.name == wanted)
    });
    (!runs).then(|| match wanted {
        Some(wanted) => format!("{} has no binary {wanted}", package.name),
        None => format!("{} has no binary to run", package.name),
    })
}

fn default_package<'a>(tree: &Tree, packages: &'a [Package]) -> Option<&'a Package> {
    let manifest: toml::Table = toml::from_str(&tree.file("Cargo.toml")?.text).ok()?;
    let members = manifest.get("workspace")?.get("default-members")?.as_array()?;
    let folder = members.first()?.as_str()?;
    packages.iter().find(|package| package.folder == folder)
}

fn check_code_map(tree: &Tree, file: &File, packages: &[Package], findings: &mut Vec<Finding>) {
    let is_heading = |line: &str| line.starts_with("## ");
    let is_map = |line: &str| is_heading(line) && line.to_lowercase().contains(CODE_MAP);
    let Some((start, _)) = file.lines().find(|(_, line)| is_map(line)) else {
        let what = "has no section with the heading Code map";
        findings.push(Finding::new("documents", &file.path, 0, what, "add `## Code map`"));
        return;
    };
    let next = file.lines().find(|(number, line)| *number > start && is_heading(line));
    let end = next.map_or(usize::MAX, |(number, _)| number);
    let map: Vec<_> =
        spans(file).into_iter().filter(|(number, _)| (start..end).contains(number)).collect();
    for package in packages {
        let named = map.iter().any(|(_, span)| span.trim_end_matches('/') == package.folder);
        if !named {
            let what = format!("the code map does not name {}", package.folder);
            let mend = "say what it owns and what it must not know";
            findings.push(Finding::new("documents", &file.path, start, what, mend));
        }
    }
    for (number, span) in map {
        // Paths with a slash are checked everywhere.
        if is_top(span) && !tree.exists(span) {
            let what = format!("the code map names {span}, which does not exist");
            findings.push(Finding::new("documents", &file.path, number, what, "take it out"));
        }
    }
}

fn check_changelog(file: &File, findings: &mut Vec<Finding>) {
    if !file.text.lines().any(|line| line.trim() == "## Unreleased") {
        let what = "has no section Unreleased";
        findings.push(Finding::new("documents", &file.path, 0, what, "add `## Unreleased`"));
    }
    for (number, line) in file.lines() {
        let reader = line.strip_prefix("### ").map(str::trim);
        if let Some(reader) = reader.filter(|reader| !READERS.contains(reader)) {
            let what = format!("{reader} is no reader of the changelog");
            let mend = format!("write for one of: {}", READERS.join(", "));
            findings.push(Finding::new("documents", &file.path, number, what, mend));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::assert_one;
    use super::*;
    use crate::workspace::CrateRoot;

    const MANIFEST: &str = "[workspace]\ndefault-members = [\"engine/node\"]\n";
    const MAP: &str = "# A\n\n## Code map\n\n| `engine/node` | x |\n\n## Next\n\n`engine/node`\n";
    const LOG: &str = "# C\n\n## Unreleased\n\n### Safety\n\n- x\n";
    const START: &str = "# R\n\n```\ncargo run --release   # one node\ncargo xtask test\n```\n";

    /// A sound tree, but for what is given, which replaces or adds a file.
    fn findings(planted: &[(&str, &str)]) -> Vec<Finding> {
        let sound = [
            ("Cargo.toml", MANIFEST),
            (ARCHITECTURE, MAP),
            (CHANGELOG, LOG),
            (README, START),
            (CI, "cargo xtask ci\n"),
            ("LICENSE", ""),
            ("clippy.toml", ""),
            ("deny.toml", ""),
            ("rustfmt.toml", ""),
            ("engine/node/src/main.rs", ""),
        ];
        let replaced = |path: &str| planted.iter().any(|(other, _)| *other == path);
        let mut files: Vec<_> = sound.into_iter().filter(|(path, _)| !replaced(path)).collect();
        files.extend(planted.iter().filter(|(_, text)| *text != "(absent)"));
        let root = CrateRoot {
            path: String::from("engine/node/src/main.rs"),
            name: String::from("gaveld"),
            kind: RootKind::Binary,
        };
        let package = Package {
            name: String::from("gavel-node"),
            folder: String::from("engine/node"),
            roots: vec![root],
            dependencies: Vec::new(),
        };
        check(&Tree::of(&files), &[package], &[String::from("test")])
    }

    #[test]
    fn a_sound_tree_has_nothing_to_mend() {
        assert_eq!(findings(&[]), []);
    }

    #[test]
    fn missing_documents_are_found() {
        for path in REQUIRED {
            assert_one(&findings(&[(path, "(absent)")]), "documents", path, 0);
        }
    }

    #[test]
    fn a_second_clippy_toml_is_found() {
        for path in ["engine/node/clippy.toml", "engine/.clippy.toml"] {
            assert_one(&findings(&[(path, "")]), "documents", path, 0);
        }
    }

    #[test]
    fn a_code_map_that_is_missing_or_lacks_a_folder_is_found() {
        let none = MAP.replace("Code map", "Elsewhere");
        assert_one(&findings(&[(ARCHITECTURE, &none)]), "documents", ARCHITECTURE, 0);
        let lacking = MAP.replace("| `engine/node` | x |", "| nothing |");
        assert_one(&findings(&[(ARCHITECTURE, &lacking)]), "documents", ARCHITECTURE, 3);
    }

    #[test]
    fn names_of_what_does_not_exist_are_found() {
        let deep = MAP.replace("| x |", "| `engine/node/src/absent.rs` |");
        assert_one(&findings(&[(ARCHITECTURE, &deep)]), "documents", ARCHITECTURE, 5);
        let bare = MAP.replace("| x |", "| `raft` |");
        assert_one(&findings(&[(ARCHITECTURE, &bare)]), "documents", ARCHITECTURE, 5);
        let link = format!("{START}See [it](docs/absent.md#part) and [web](https://x.y/z).\n");
        assert_one(&findings(&[(README, &link)]), "documents", README, 7);
    }

    #[test]
    fn commands_that_do_not_exist_are_found() {
        for command in [
            "cargo xtask polish",
            "cargo run -p gavel-absent",
            "cargo run --release -p gavel-node --bin absent -- x",
        ] {
            let text = START.replace("cargo xtask test", command);
            assert_one(&findings(&[(README, &text)]), "documents", README, 5);
        }
        let fine = START.replace("cargo xtask test", "cargo run -p gavel-node --bin gaveld");
        assert_eq!(findings(&[(README, &fine)]), []);
    }

    #[test]
    fn a_changelog_for_nobody_is_found() {
        let released = LOG.replace("Unreleased", "1.0");
        assert_one(&findings(&[(CHANGELOG, &released)]), "documents", CHANGELOG, 0);
        let stranger = LOG.replace("Safety", "Misc");
        assert_one(&findings(&[(CHANGELOG, &stranger)]), "documents", CHANGELOG, 5);
    }

    #[test]
    fn ci_that_goes_its_own_way_is_found() {
        assert_one(&findings(&[(CI, "cargo test\n")]), "documents", CI, 0);
    }
}
