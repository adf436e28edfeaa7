//! What the first lines of a crate and of a module must say.
//!
//! Inputs -> outputs: crate roots, modules -> findings.

use super::layers::room_of;
use super::{File, Finding, Tree};
use crate::source::Source;
use crate::workspace::{Package, RootKind};

/// Folders that may contain unsafe code, and what for.
const UNSAFE_ROOMS: &[(&str, &str)] = &[
    ("engine/link", "atomics and rings"),
    ("engine/io", "system calls"),
    ("engine/simd", "intrinsics"),
    ("tuning", "system calls"),
];

/// Fewest lines of a library's head.
const HEAD_LINES_MIN: usize = 4;

/// What a library's head must speak of, in any case of letters.
const HEAD_WORDS: &[(&str, &str)] = &[
    ("inputs -> outputs", "what goes in and what comes out"),
    ("not here", "what one would look for here in vain"),
];

/// Checks all crate roots and modules.
pub(super) fn check(tree: &Tree, packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        for root in &package.roots {
            let Some(file) = tree.file(&root.path) else { continue };
            check_attributes(package, file, &mut findings);
            if root.kind == RootKind::Library || !package.has_library() {
                check_head(file, &mut findings);
            }
        }
    }
    for file in tree.rust_files().filter(|file| !tree.is_test_file(file)) {
        check_opening(file, &mut findings);
    }
    findings
}

fn check_attributes(package: &Package, file: &File, findings: &mut Vec<Finding>) {
    let attributes: String = Source::new(&file.text).code.split_whitespace().collect();
    let is_core = room_of(package).is_some_and(|room| room.layer.is_core());
    let no_std = ["#![no_std]", "#![cfg_attr(not(test),no_std)]"];
    if is_core && !no_std.iter().any(|attribute| attributes.contains(attribute)) {
        findings.push(Finding::new(
            "no-std",
            &file.path,
            1,
            "a core crate uses std",
            "begin with #![no_std], or #![cfg_attr(not(test), no_std)], and extern crate alloc",
        ));
    }
    let may = UNSAFE_ROOMS.iter().any(|(folder, _)| *folder == package.folder);
    if !may && !attributes.contains("#![forbid(unsafe_code)]") {
        let rooms: Vec<_> = UNSAFE_ROOMS.iter().map(|(folder, _)| *folder).collect();
        findings.push(Finding::new(
            "unsafe",
            &file.path,
            1,
            "a crate root does not forbid unsafe code",
            format!("add #![forbid(unsafe_code)]; unsafe belongs in {} only", rooms.join(", ")),
        ));
    }
}

fn check_head(file: &File, findings: &mut Vec<Finding>) {
    let head: Vec<_> = file.text.lines().take_while(|line| line.starts_with("//!")).collect();
    let text = head.join("\n").to_lowercase();
    let missing: Vec<_> = HEAD_WORDS.iter().filter(|(word, _)| !text.contains(word)).collect();
    if head.len() < HEAD_LINES_MIN || !missing.is_empty() {
        let wanted: Vec<_> =
            missing.iter().map(|(word, meaning)| format!("\"{word}\" ({meaning})")).collect();
        let wanted = match wanted.is_empty() {
            true => format!("at least {HEAD_LINES_MIN} lines"),
            false => wanted.join(", "),
        };
        findings.push(Finding::new(
            "head",
            &file.path,
            1,
            format!("the crate's head lacks {wanted}"),
            "say what it is, inputs -> outputs, invariants, limits, what is not here, source; \
             engine/types/src/lib.rs is a model",
        ));
    }
}

fn check_opening(file: &File, findings: &mut Vec<Finding>) {
    let first = file.text.lines().find(|line| !line.starts_with("#!["));
    if !first.is_some_and(|line| line.starts_with("//!")) {
        findings.push(Finding::new(
            "head",
            &file.path,
            1,
            "a module opens without saying what it is",
            "begin the file with a //! comment",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::assert_one;
    use super::*;
    use crate::workspace::CrateRoot;

    const HEAD: &str = "//! A.\n//! Inputs -> outputs: b.\n//! Limits: c.\n//! Not here: d.\n";

    fn findings(folder: &str, kind: RootKind, text: &str) -> Vec<Finding> {
        let path = format!("{folder}/src/lib.rs");
        let root = CrateRoot { path: path.clone(), name: String::from("x"), kind };
        let package = Package {
            name: String::from("gavel-x"),
            folder: folder.to_owned(),
            roots: vec![root],
            dependencies: Vec::new(),
        };
        check(&Tree::of(&[(&path, text)]), &[package])
    }

    #[test]
    fn a_sound_root_has_nothing_to_mend() {
        let text = format!("{HEAD}#![no_std]\n#![forbid(unsafe_code)]\n");
        assert!(findings("engine/book", RootKind::Library, &text).is_empty());
        let tests = format!("{HEAD}#![cfg_attr(not(test), no_std)]\n#![forbid(unsafe_code)]\n");
        assert!(findings("engine/book", RootKind::Library, &tests).is_empty());
    }

    #[test]
    fn std_in_the_core_is_found() {
        let text = format!("{HEAD}// #![no_std]\n#![forbid(unsafe_code)]\n");
        let found = findings("engine/book", RootKind::Library, &text);
        assert_one(&found, "no-std", "engine/book/src/lib.rs", 1);
        assert!(findings("engine/node", RootKind::Library, &text).is_empty());
    }

    #[test]
    fn a_root_that_allows_unsafe_is_found() {
        let text = format!("{HEAD}#![no_std]\n");
        let found = findings("engine/book", RootKind::Library, &text);
        assert_one(&found, "unsafe", "engine/book/src/lib.rs", 1);
        let denied = format!("{text}#![deny(unsafe_code)]\n");
        let found = findings("engine/book", RootKind::Library, &denied);
        assert_one(&found, "unsafe", "engine/book/src/lib.rs", 1);
        assert!(findings("engine/io", RootKind::Library, &text).is_empty());
    }

    #[test]
    fn a_thin_head_is_found() {
        let text = format!("{}#![forbid(unsafe_code)]\n", HEAD.replace("Not here", "Elsewhere"));
        let found = findings("engine/node", RootKind::Library, &text);
        assert_one(&found, "head", "engine/node/src/lib.rs", 1);
        assert!(found[0].what.contains("not here"), "{}", found[0]);
        let short = "//! Inputs -> outputs. Not here.\n#![forbid(unsafe_code)]\n";
        let found = findings("engine/node", RootKind::Library, short);
        assert_one(&found, "head", "engine/node/src/lib.rs", 1);
    }

    #[test]
    fn a_module_without_a_word_is_found() {
        let tree = Tree::of(&[
            ("a/src/mute.rs", "use x;\n//! late\n"),
            ("a/src/said.rs", "//! It is this.\n"),
            ("a/tests/t.rs", "fn x() {}\n"),
        ]);
        assert_one(&check(&tree, &[]), "head", "a/src/mute.rs", 1);
    }
}
