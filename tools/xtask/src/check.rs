//! `check`: everything that reads the code without running it.

use crate::spec;
use crate::steps::{Outcome, Steps};
use crate::tidy;
use crate::workspace::{Workspace, on_path};

/// Runs every check, also after one that failed, and prints what each took.
///
/// # Errors
/// If a check could not be started.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<bool> {
    let mut steps = Steps::default();
    steps.run("fmt", || {
        let mut fmt = workspace.cargo(["fmt", "--all", "--", "--check"]);
        workspace.succeeds(&mut fmt).map(Outcome::of)
    })?;
    steps.run("tidy", || tidy::run(workspace).map(Outcome::of))?;
    steps.run("spec", || spec::run(workspace).map(Outcome::of))?;
    steps.run("clippy", || {
        let mut clippy = workspace.cargo(["clippy", "--workspace", "--all-targets", "--locked"]);
        // The length of functions is judged here only, not each time that clippy runs in an editor.
        clippy.args(["--keep-going", "--", "-D", "warnings", "-D", "clippy::too_many_lines"]);
        workspace.succeeds(&mut clippy).map(Outcome::of)
    })?;
    steps.run("deny", || deny(workspace))?;
    eprintln!("\n{}", steps.table());
    Ok(steps.all_passed())
}

fn deny(workspace: &Workspace) -> anyhow::Result<Outcome> {
    if !on_path("cargo-deny") {
        return Ok(Outcome::Skipped(String::from(
            "no cargo-deny (cargo install --locked cargo-deny); tidy checked what is locked",
        )));
    }
    let mut deny = workspace.cargo(["deny", "check", "bans", "licenses", "sources"]);
    workspace.succeeds(&mut deny).map(Outcome::of)
}
