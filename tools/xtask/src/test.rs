//! `test`: all tests, and the set-up that they need.
//!
//! Inputs -> outputs: the checkout, `GAVEL_DATA` -> exit status, one summary line.
//! Invariants: what could not be tested is named in the summary.
//! Limits: one `.venv`, for the versions in the requirements file that it was made from.

use crate::cli::TestArgs;
use crate::workspace::{Workspace, on_path};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Where the tests that speak to Gavel from Python say what they need.
const REQUIREMENTS: &str = "engine/wire/tests/foreign/requirements.txt";

/// Where the tests find the interpreter that has it.
const PYTHON_VARIABLE: &str = "GAVEL_PYTHON";

/// Where the tests find recorded data.
pub(crate) const DATA_VARIABLE: &str = "GAVEL_DATA";

/// Runs the tests.
///
/// # Errors
/// If the set-up fails or cargo cannot be started.
pub(crate) fn run(workspace: &Workspace, args: &TestArgs) -> Result<bool> {
    let start = Instant::now();
    let mut notes = Vec::new();
    let python = python(workspace, &mut notes)?;
    note_data(&mut notes)?;
    let mut passed = run_tests(workspace, args, python.as_deref(), &mut notes)?;
    if passed {
        passed = run_doc_tests(workspace, args, &mut notes)?;
    }
    let word = if passed { "passed" } else { "FAILED" };
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("\ntest: {word} in {seconds:.1} s ({})", notes.join("; "));
    Ok(passed)
}

fn run_tests(
    workspace: &Workspace,
    args: &TestArgs,
    python: Option<&Path>,
    notes: &mut Vec<String>,
) -> Result<bool> {
    let has_nextest = on_path("cargo-nextest");
    notes.push(String::from(if has_nextest { "nextest" } else { "cargo test, no nextest" }));
    let mut cargo = workspace.cargo(match has_nextest {
        true => ["nextest", "run", "--no-fail-fast"].as_slice(),
        false => ["test", "--lib", "--bins", "--tests", "--examples"].as_slice(),
    });
    select(&mut cargo, args);
    if !has_nextest {
        cargo.args(["--no-fail-fast", "--"]);
    }
    cargo.args(&args.names);
    if let Some(python) = python {
        cargo.env(PYTHON_VARIABLE, python);
    }
    workspace.succeeds(&mut cargo)
}

/// Documentation examples, which nextest does not run. A run of named tests leaves them out.
fn run_doc_tests(workspace: &Workspace, args: &TestArgs, notes: &mut Vec<String>) -> Result<bool> {
    let packages = workspace.packages()?;
    let is_chosen = |name: &String| args.package.is_empty() || args.package.contains(name);
    let has_library =
        packages.iter().any(|package| is_chosen(&package.name) && package.has_library());
    if !args.names.is_empty() || !has_library {
        notes.push(String::from("doc tests left out"));
        return Ok(true);
    }
    let mut cargo = workspace.cargo(["test", "--quiet", "--doc"]);
    select(&mut cargo, args);
    notes.push(String::from("doc tests"));
    workspace.succeeds(&mut cargo)
}

fn select(cargo: &mut Command, args: &TestArgs) {
    if args.package.is_empty() {
        cargo.arg("--workspace");
    }
    for package in &args.package {
        cargo.args(["--package", package]);
    }
    if args.release {
        cargo.arg("--release");
    }
}

fn note_data(notes: &mut Vec<String>) -> Result<()> {
    match std::env::var_os(DATA_VARIABLE) {
        Some(folder) if !Path::new(&folder).is_dir() => bail!(
            "{DATA_VARIABLE} names {}, which is no folder: correct it, or unset it to go without \
             recorded data",
            Path::new(&folder).display()
        ),
        Some(folder) => notes.push(format!("data from {}", Path::new(&folder).display())),
        None => notes.push(format!("recorded data SKIPPED: {DATA_VARIABLE} is not set")),
    }
    Ok(())
}

/// The interpreter for the foreign tests, in a virtual environment that is made if it is not there.
fn python(workspace: &Workspace, notes: &mut Vec<String>) -> Result<Option<PathBuf>> {
    let requirements = workspace.root.join(REQUIREMENTS);
    if !requirements.is_file() {
        notes.push(String::from("Python not needed"));
        return Ok(None);
    }
    if let Some(python) = std::env::var_os(PYTHON_VARIABLE) {
        notes.push(format!("{PYTHON_VARIABLE} as set"));
        return Ok(Some(python.into()));
    }
    let folder = workspace.root.join(".venv");
    let wanted = std::fs::read_to_string(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let python = folder.join("bin").join("python");
    if !is_current(&folder, &wanted) {
        make_venv(workspace, &folder, &python)?;
        let stamp = folder.join(STAMP);
        std::fs::write(&stamp, wanted)
            .with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    notes.push(String::from("Python from .venv"));
    Ok(Some(python))
}

/// A copy of the requirements that the environment was made from, written last.
const STAMP: &str = "made-from-requirements.txt";

fn is_current(folder: &Path, wanted: &str) -> bool {
    let made_from = std::fs::read_to_string(folder.join(STAMP));
    made_from.is_ok_and(|made_from| made_from == wanted) && folder.join("bin/python").exists()
}

fn make_venv(workspace: &Workspace, folder: &Path, python: &Path) -> Result<()> {
    eprintln!("test: making .venv with what {REQUIREMENTS} asks for");
    let mut venv = workspace.tool("python3");
    venv.args(["-m", "venv", "--clear"]).arg(folder);
    if !workspace.succeeds(&mut venv)? {
        bail!(
            "python3 -m venv failed: install venv (on Debian: apt-get install python3-venv), or set \
             {PYTHON_VARIABLE} to an interpreter that has what {REQUIREMENTS} asks for"
        );
    }
    let mut pip = workspace.tool(python);
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--requirement"]);
    if !workspace.succeeds(pip.arg(REQUIREMENTS))? {
        bail!(
            "pip could not install {REQUIREMENTS}: is this machine offline? Set {PYTHON_VARIABLE} \
             to an interpreter that has these packages, or try again with a network"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_made_anew_when_the_requirements_change() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(!is_current(folder.path(), "a==1\n"), "an empty folder is no environment");
        std::fs::write(folder.path().join(STAMP), "a==1\n").expect("written");
        assert!(!is_current(folder.path(), "a==1\n"), "without an interpreter it is none");
        std::fs::create_dir(folder.path().join("bin")).expect("made");
        std::fs::write(folder.path().join("bin/python"), "").expect("written");
        assert!(is_current(folder.path(), "a==1\n"));
        assert!(!is_current(folder.path(), "a==2\n"));
    }

    #[test]
    fn packages_are_named_or_all() {
        let mut all = Command::new("cargo");
        select(&mut all, &TestArgs::default());
        assert!(all.get_args().any(|arg| arg == "--workspace"));
        let args = TestArgs {
            release: true,
            package: vec![String::from("gavel-book")],
            names: Vec::new(),
        };
        let mut one = Command::new("cargo");
        select(&mut one, &args);
        let one: Vec<_> = one.get_args().collect();
        assert_eq!(one, ["--package", "gavel-book", "--release"]);
    }
}
