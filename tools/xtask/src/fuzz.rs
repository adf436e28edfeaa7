//! `fuzz`: the long form of every test whose name begins with `fuzz_`.
//!
//! Inputs -> outputs: the sources -> targets; a time each -> exit status.
//! Invariants: a target that ran no test at all is a failure.
//! Limits: bolero's random engine on stable Rust; no coverage guidance.

use crate::cli::FuzzArgs;
use crate::source::Source;
use crate::steps::{Outcome, Steps};
use crate::tidy::Tree;
use crate::workspace::{Package, Workspace};
use anyhow::{Context, Result, bail};
use std::process::Stdio;

/// One fuzz test.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    package: String,
    name: String,
}

/// Runs or lists the targets.
///
/// # Errors
/// If there are none of that name, or cargo cannot be started.
pub(crate) fn run(workspace: &Workspace, args: &FuzzArgs) -> Result<bool> {
    let tree = Tree::load(&workspace.root)?;
    let mut targets = targets(&tree, &workspace.packages()?);
    if let Some(part) = &args.target {
        targets.retain(|target| target.name.contains(part.as_str()));
    }
    if args.list {
        for target in &targets {
            println!("{:<20} {}", target.package, target.name);
        }
        return Ok(true);
    }
    if targets.is_empty() {
        bail!("no fuzz target of that name: `cargo xtask fuzz --list` prints them");
    }
    let mut steps = Steps::default();
    for target in &targets {
        let name = format!("{} {}", target.package, target.name);
        steps.run(&name, || one(workspace, target, args.seconds).map(Outcome::of))?;
    }
    eprintln!("\n{}", steps.table());
    Ok(steps.all_passed())
}

fn one(workspace: &Workspace, target: &Target, seconds: u64) -> Result<bool> {
    // The profile and the features of the tests, which are those of the workspace: so it is built
    // already (a package alone would be built once more), and it checks overflows.
    let mut cargo = workspace.cargo(["test", "--workspace", "--lib", "--bins", "--tests"]);
    cargo.args(["--", &target.name, "--nocapture"]);
    cargo.env("BOLERO_RANDOM_TEST_TIME_MS", (seconds * 1_000).to_string());
    cargo.env("BOLERO_RANDOM_ITERATIONS", usize::MAX.to_string());
    cargo.stdout(Stdio::piped());
    eprintln!("+ {} ({seconds} s)", crate::workspace::shown(&cargo));
    let output = cargo.spawn().and_then(std::process::Child::wait_with_output);
    let output = output.context("cargo test could not be started")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let ran = tests_run(&text);
    if !output.status.success() || ran == 0 {
        print!("{text}");
    }
    if ran == 0 {
        eprintln!("fuzz: no test ran under the name {}", target.name);
    }
    Ok(output.status.success() && ran > 0)
}

/// How many tests passed or failed, by the harness's own summary lines.
fn tests_run(text: &str) -> usize {
    let first = |words: &str| words.split_whitespace().next().map(str::parse::<usize>);
    let results = text.lines().filter_map(|line| line.strip_prefix("test result: "));
    let parts = results.flat_map(|line| line.split(['.', ';']).map(str::trim));
    let counted = parts.filter(|part| part.ends_with(" passed") || part.ends_with(" failed"));
    counted.filter_map(first).flatten().sum()
}

fn targets(tree: &Tree, packages: &[Package]) -> Vec<Target> {
    let mut targets = Vec::new();
    for file in tree.rust_files() {
        let inside = |package: &&Package| file.path.starts_with(&format!("{}/", package.folder));
        let package = packages.iter().filter(inside).max_by_key(|package| package.folder.len());
        let Some(package) = package else { continue };
        let source = Source::new(&file.text);
        let names = source.tokens().windows(6).filter_map(target_name).collect::<Vec<_>>();
        let package = &package.name;
        targets.extend(names.into_iter().map(|name| Target { package: package.clone(), name }));
    }
    targets.sort();
    targets.dedup();
    targets
}

/// The name, if a test whose name begins with `fuzz_` stands here.
fn target_name(window: &[crate::source::Token<'_>]) -> Option<String> {
    let head = window[..5].iter().map(|token| token.text);
    let name = window[5].text;
    let is_target = head.eq(["#", "[", "test", "]", "fn"]) && name.starts_with("fuzz_");
    is_target.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_found_in_code_only_and_belong_to_the_nearest_package() {
        let tree = Tree::of(&[
            ("a/src/lib.rs", "// #[test] fn fuzz_comment()\n#[test]\nfn fuzz_frame() {}\n"),
            ("a/b/tests/x.rs", "#[test]\nfn fuzz_deep() {}\nfn fuzz_part() {}\n"),
            ("a/notes.md", "#[test]\nfn fuzz_prose() {}\n"),
        ]);
        let package = |name: &str, folder: &str| Package {
            name: name.to_owned(),
            folder: folder.to_owned(),
            roots: Vec::new(),
            dependencies: Vec::new(),
        };
        let targets = targets(&tree, &[package("p", "a"), package("q", "a/b")]);
        let names: Vec<_> =
            targets.iter().map(|target| (target.package.as_str(), target.name.as_str())).collect();
        assert_eq!(names, [("p", "fuzz_frame"), ("q", "fuzz_deep")]);
    }

    #[test]
    fn a_run_without_tests_is_seen() {
        let none =
            "running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured\n";
        assert_eq!(tests_run(none), 0);
        let two = format!("{none}test result: FAILED. 1 passed; 1 failed; 0 ignored\n");
        assert_eq!(tests_run(&two), 2);
    }
}
