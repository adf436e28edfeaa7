//! The files that belong to the project: those that git tracks, and new ones that it does not
//! ignore.
//!
//! Inputs -> outputs: a checkout -> paths and texts, in memory.
//! Not here: binary files' contents; they count as paths only.

use crate::source::Source;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// One file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Relative to the root, with forward slashes.
    pub(crate) path: String,
    /// Empty if it is not UTF-8.
    pub(crate) text: String,
}

impl File {
    /// Its last name.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The text's lines, numbered from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(i, line)| (i + 1, line))
    }
}

/// All files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    files: Vec<File>,
    folders: BTreeSet<String>,
    /// Files that are modules of the tests only, though their names do not say so.
    test_files: BTreeSet<String>,
}

impl Tree {
    /// Reads the files that git knows.
    ///
    /// # Errors
    /// If this is no git checkout, or a file cannot be read.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let mut git = Command::new("git");
        git.arg("-C").arg(root);
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let output = git.output().context("cannot start git, which says what belongs here")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("git cannot list the files of {}: {}", root.display(), said.trim());
        }
        let mut files = Vec::new();
        for path in String::from_utf8_lossy(&output.stdout).split_terminator('\0') {
            let full = root.join(path);
            let is_link = full.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
            if is_link || !full.is_file() {
                continue; // deleted but still tracked, or a submodule
            }
            let bytes =
                std::fs::read(&full).with_context(|| format!("cannot read {}", full.display()))?;
            let text = String::from_utf8(bytes).unwrap_or_default();
            files.push(File { path: path.to_owned(), text });
        }
        Ok(Self::new(files))
    }

    fn new(mut files: Vec<File>) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut tree = Self { files, ..Self::default() };
        for file in &tree.files {
            let parents = Path::new(&file.path).ancestors().skip(1);
            tree.folders.extend(parents.map(|parent| parent.to_string_lossy().into_owned()));
        }
        tree.test_files = test_only_modules(&tree.files);
        tree
    }

    /// For tests: a tree that exists nowhere.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Self::new(files.iter().map(file).collect())
    }

    /// All files, by path.
    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    /// Those with Rust in them.
    pub(crate) fn rust_files(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// The file at a path.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        let at = self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        Some(&self.files[at])
    }

    /// True if a file or folder of that path belongs to the project.
    pub(crate) fn exists(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.file(path).is_some() || self.folders.contains(path)
    }

    /// True if the whole file is a test, or belongs to tests only.
    pub(crate) fn is_test_file(&self, file: &File) -> bool {
        let in_tests = file.path.split('/').any(|part| part == "tests" || part == "testdata");
        in_tests || matches!(file.name(), "tests.rs") || self.test_files.contains(&file.path)
    }
}

/// Files that are modules declared under `#[cfg(test)]`, and whatever lies below them.
fn test_only_modules(files: &[File]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        if !file.text.contains("cfg(test)") {
            continue;
        }
        let home = module_folder(&file.path);
        for name in Source::new(&file.text).test_modules() {
            let (alone, below) = (format!("{home}/{name}.rs"), format!("{home}/{name}/"));
            let belongs = |other: &&File| other.path == alone || other.path.starts_with(&below);
            found.extend(files.iter().filter(belongs).map(|other| other.path.clone()));
        }
    }
    found
}

/// Where the modules that a file declares are found.
fn module_folder(path: &str) -> &str {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    match name {
        "lib.rs" | "main.rs" | "mod.rs" => folder,
        _ => path.strip_suffix(".rs").unwrap_or(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_known_by_folder_name_and_declaration() {
        let tree = Tree::of(&[
            ("a/src/lib.rs", "#[cfg(test)]\nmod far;\nmod near;\n"),
            ("a/src/far.rs", ""),
            ("a/src/far/deep.rs", ""),
            ("a/src/near.rs", "#[cfg(test)]\nmod model;\n"),
            ("a/src/near/model.rs", ""),
            ("a/src/near/tests.rs", ""),
            ("a/tests/whole.rs", ""),
        ]);
        let tests = tree.rust_files().filter(|file| tree.is_test_file(file));
        let tests: Vec<_> = tests.map(|file| file.path.as_str()).collect();
        let expected = [
            "a/src/far.rs",
            "a/src/far/deep.rs",
            "a/src/near/model.rs",
            "a/src/near/tests.rs",
            "a/tests/whole.rs",
        ];
        assert_eq!(tests, expected);
    }

    #[test]
    fn what_git_ignores_does_not_belong() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path();
        assert!(Tree::load(root).is_err(), "no checkout, no answer");
        let git = Command::new("git").arg("-C").arg(root).args(["init", "--quiet"]).status();
        assert!(git.is_ok_and(|status| status.success()));
        std::fs::create_dir(root.join("sub")).expect("made");
        for (path, text) in
            [(".gitignore", "skipped\n"), ("skipped", "x"), ("sub/new.rs", "fn a() {}\n")]
        {
            std::fs::write(root.join(path), text).expect("written");
        }
        std::fs::write(root.join("sub/blob"), [0xff, 0xfe]).expect("written");
        let tree = Tree::load(root).expect("a checkout");
        assert!(tree.exists("sub/new.rs") && tree.exists("sub") && tree.exists("sub/"));
        assert!(tree.exists("sub/blob"), "binary files count as paths");
        assert!(!tree.exists("skipped"));
        assert_eq!(tree.file("sub/new.rs").map(|file| file.text.as_str()), Some("fn a() {}\n"));
    }
}
