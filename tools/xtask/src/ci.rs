//! `ci`: what `.ci/run` runs, and what a person can run just the same.
//!
//! Inputs -> outputs: the checkout -> exit status, a table of steps and seconds.
//! Invariants: the first failure ends the run, is named, and comes with the command to repeat it.
//! Limits: within 20 minutes on two cores, from an empty target directory.

use crate::cli::TestArgs;
use crate::steps::{Outcome, Steps};
use crate::test::DATA_VARIABLE;
use crate::workspace::Workspace;
use crate::{check, doctor, test};
use anyhow::Result;
use std::process::Command;

/// One short run of the whole system.
struct SystemRun {
    name: &'static str,
    /// What a person types to run it alone.
    command: &'static str,
    /// It reads recorded data, and is SKIPPED without.
    needs_data: bool,
}

/// The operator's command line, built if it is not.
macro_rules! gavel {
    ($words:literal) => {
        concat!("cargo run --quiet --release -p gavel-cli --bin gavel -- ", $words)
    };
}

/// A recorded day through one node.
macro_rules! day {
    ($words:literal) => {
        concat!(
            gavel!("replay {GAVEL_DATA}/data/lobster/AMZN_5.script.csv.zst --levels 5 --json"),
            " --book {GAVEL_DATA}/data/lobster/",
            "AMZN_2012-06-21_34200000_57600000_orderbook_5.csv.zst ",
            $words
        )
    };
}

/// Short runs of the whole system, after the tests, in this order. In a command, `{GAVEL_DATA}`
/// stands for the folder of recorded data. Add a line here to have CI run something.
const SYSTEM_RUNS: &[SystemRun] = &[
    always("fuzz-short", "cargo xtask fuzz --seconds 2"),
    // Each as the steps below call it: all packages at one time have more features, and are another
    // build of most crates.
    always("build-sim", "cargo build --release --locked -p gavel-sim"),
    always("build-gavel", "cargo build --release --locked -p gavel-cli -p gavel-node"),
    always("build-benches", "cargo build --release --locked -p gavel-benches"),
    // Seeds that nobody has seen: the first is printed, and a failure prints how to play it again.
    always("sim-fresh", "cargo xtask sim --profile node-all --from fresh --minutes 0.75"),
    always("sim-clusters", "cargo xtask sim --profile cluster-all --from fresh --minutes 0.75"),
    always("sim-planted", "cargo xtask sim --mutate all --profile node-all --seeds 100"),
    with_data("day", day!("")),
    with_data("day-4096", day!("--pipeline 4096")),
    with_data("day-killed", day!("--kill-at 30 --kill-at 60")),
    always("storm", gavel!("storm --kills 20 --over-snapshots")),
    always("demo", "cargo xtask demo --orders 20000"),
    always(
        "floor",
        "cargo run --quiet --release -p gavel-benches --bin floor -- --rounds 5 --pipelined 400000",
    ),
];

/// How system runs are built: as for release, but for what makes a build long and a program faster.
/// Whoever runs a step alone gets the build that is shipped.
const BUILT: &[(&str, &str)] = &[
    ("CARGO_PROFILE_RELEASE_LTO", "false"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
];

const fn always(name: &'static str, command: &'static str) -> SystemRun {
    SystemRun { name, command, needs_data: false }
}

const fn with_data(name: &'static str, command: &'static str) -> SystemRun {
    SystemRun { name, command, needs_data: true }
}

/// Runs everything.
///
/// # Errors
/// If a step could not be started.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let mut steps = Steps::default();
    let passed = run_steps(workspace, &mut steps);
    eprintln!("\n{}", steps.table());
    passed
}

fn run_steps(workspace: &Workspace, steps: &mut Steps) -> Result<bool> {
    if !steps.run("doctor", || doctor::run(workspace, false).map(Outcome::of))? {
        return Ok(failed("doctor", "cargo xtask doctor"));
    }
    if !steps.run("check", || check::run(workspace).map(Outcome::of))? {
        return Ok(failed("check", "cargo xtask check"));
    }
    if !steps.run("test", || test::run(workspace, &TestArgs::default()).map(Outcome::of))? {
        return Ok(failed("test", "cargo xtask test"));
    }
    let data = std::env::var(DATA_VARIABLE).ok();
    for system_run in SYSTEM_RUNS {
        let command = || system_run.run(workspace, data.as_deref());
        if !steps.run(system_run.name, command)? {
            return Ok(failed(system_run.name, system_run.command));
        }
    }
    Ok(true)
}

fn failed(name: &str, alone: &str) -> bool {
    eprintln!("\nci: FAILED at {name}. To run it alone:\n    {alone}");
    false
}

impl SystemRun {
    fn run(&self, workspace: &Workspace, data: Option<&str>) -> Result<Outcome> {
        if self.needs_data && data.is_none() {
            return Ok(Outcome::Skipped(format!("{DATA_VARIABLE} is not set")));
        }
        workspace
            .succeeds(self.command(workspace, data).envs(BUILT.iter().copied()))
            .map(Outcome::of)
    }

    fn command(&self, workspace: &Workspace, data: Option<&str>) -> Command {
        let filled = self.command.split_whitespace().map(|word| match data {
            Some(data) => word.replace("{GAVEL_DATA}", data),
            None => word.to_owned(),
        });
        let words: Vec<String> = filled.collect();
        match words[0].as_str() {
            "cargo" => workspace.cargo(&words[1..]),
            program => {
                let mut command = workspace.tool(program);
                command.args(&words[1..]);
                command
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITH_DATA: SystemRun =
        SystemRun { name: "replay", command: "test -d {GAVEL_DATA}", needs_data: true };

    #[test]
    fn a_run_without_its_data_is_skipped_not_passed() {
        let workspace = Workspace::find().expect("tests run inside the checkout");
        let outcome = WITH_DATA.run(&workspace, None).expect("decided");
        assert!(matches!(outcome, Outcome::Skipped(_)));
    }

    #[test]
    fn the_folder_of_data_takes_its_place() {
        let workspace = Workspace::find().expect("tests run inside the checkout");
        let here = workspace.root.to_string_lossy();
        assert_eq!(WITH_DATA.run(&workspace, Some(&here)).expect("ran"), Outcome::Passed);
        let nowhere = WITH_DATA.run(&workspace, Some("/no/such/folder")).expect("ran");
        assert_eq!(nowhere, Outcome::Failed);
    }

    #[test]
    fn names_and_commands_of_system_runs_are_sound() {
        for (i, system_run) in SYSTEM_RUNS.iter().enumerate() {
            assert!(!system_run.command.is_empty(), "{} has a command", system_run.name);
            let earlier = SYSTEM_RUNS[..i].iter().all(|other| other.name != system_run.name);
            assert!(earlier, "{} is named once", system_run.name);
            let uses_data = system_run.command.contains("{GAVEL_DATA}");
            assert!(
                !uses_data || system_run.needs_data,
                "{} says that it needs data",
                system_run.name
            );
        }
    }
}
