//! What may lie at the top of the repository: documents, settings, and the folders of its rooms,
//! those to come as well.
//!
//! Inputs -> outputs: the files that git knows -> findings.
//! Limits: files and folders that begin with a dot are settings, and not looked at.

use super::{Finding, Tree};

const RULE: &str = "entrance";
/// Folders of rooms.
pub(super) const FOLDERS: [&str; 7] =
    ["engine", "replication", "raft", "tools", "tuning", "benches", "ansible"];
const FILES: [&str; 9] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "clippy.toml",
    "deny.toml",
    "rustfmt.toml",
];

/// Nothing lies at the top that has no place there: no notes, no output of a run.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let strays = tree.files().iter().filter(|file| {
        let known = match file.path.split_once('/') {
            Some((folder, _)) => FOLDERS.contains(&folder),
            None => FILES.contains(&file.path.as_str()),
        };
        !known && !file.path.starts_with('.')
    });
    let mend = "move it to where it belongs, take it out of git, or name it in tidy/entrance.rs";
    let what = "nothing of this name belongs at the top of the repository";
    strays.map(|file| Finding::new(RULE, &file.path, 0, what, mend)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::assert_one;

    #[test]
    fn a_note_at_the_top_is_found() {
        let tree = Tree::of(&[("README.md", ""), (".ci/run", ""), ("NOTES.md", "")]);
        assert_one(&check(&tree), RULE, "NOTES.md", 0);
    }

    #[test]
    fn so_is_a_folder_that_nobody_named() {
        let tree = Tree::of(&[("engine/book/RULES.md", ""), ("scratch/a.rs", "")]);
        assert_one(&check(&tree), RULE, "scratch/a.rs", 0);
    }
}
