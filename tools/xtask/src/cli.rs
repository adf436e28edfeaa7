//! The command line.

use crate::workspace::Workspace;
use crate::{check, ci, doctor, fuzz, spec, test, tidy};
use clap::builder::RangedU64ValueParser;
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// The one door for developers of Gavel.
///
/// A newcomer starts with `cargo xtask doctor` and then `cargo xtask test`. Before a commit:
/// `cargo xtask check`. What CI runs: `cargo xtask ci`.
///
/// Exit status: 0 all is well, 1 something falls short, 2 it could not be tried.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what this machine lacks, why it matters, and how to get it.
    ///
    /// Fails only if something is missing that building or testing requires.
    Doctor(DoctorArgs),
    /// Everything that reads the code without running it: format, clippy, tidy, dependencies.
    Check,
    /// The house rules that clippy does not know.
    ///
    /// Layers against `cargo metadata`, no_std and forbid(unsafe_code), sizes, words, module heads,
    /// documents against the tree, banned crates and licences. Every finding names the file, the
    /// line, the rule, and how to mend it.
    Tidy,
    /// The clauses that the consensus core cites, and the tests that check them.
    ///
    /// Fails if a clause has no test.
    Spec,
    /// All tests, with whatever set-up they need.
    ///
    /// Makes `.venv` for the tests that speak to Gavel from Python, then runs nextest (cargo test
    /// where nextest is missing) and the doc tests. Recorded data is found through GAVEL_DATA;
    /// without it the tests that want data say SKIPPED.
    Test(TestArgs),
    /// The long form of the fuzz tests, on stable Rust.
    ///
    /// Every test whose name begins with fuzz_ is one target; plain `cargo xtask test` runs each of
    /// them briefly.
    Fuzz(FuzzArgs),
    /// Run whole nodes in virtual time under faults: hands over to `gavel-sim`.
    ///
    /// `cargo xtask sim --list` names the kinds of world and the bugs that can be planted.
    Sim(Rest),
    /// Show what Gavel does: hands over to `gavel demo`.
    Demo(Rest),
    /// What .ci/run runs: doctor, check, test, and short runs of the whole system.
    ///
    /// Stops at the first failure, names it, and says how to run that step alone.
    Ci,
}

#[derive(Debug, Args)]
struct DoctorArgs {
    /// One line of JSON on standard output instead of the table.
    #[arg(long)]
    json: bool,
}

/// Options of `test`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct TestArgs {
    /// With optimisations.
    #[arg(long)]
    pub(crate) release: bool,
    /// Only this package; may be given more than once.
    #[arg(long, short = 'p', value_name = "PACKAGE")]
    pub(crate) package: Vec<String>,
    /// Only tests whose name contains one of these.
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

/// Options of `fuzz`.
#[derive(Clone, Debug, Args)]
pub(crate) struct FuzzArgs {
    /// How long each target runs.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = seconds())]
    pub(crate) seconds: u64,
    /// Only targets whose name contains this.
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    /// Print the targets and stop.
    #[arg(long)]
    pub(crate) list: bool,
}

/// From a second to a day.
fn seconds() -> RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=86_400)
}

#[derive(Debug, Args)]
struct Rest {
    /// Handed over as they are.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    rest: Vec<String>,
}

/// Reads the command line, does what it says, and answers with the exit status.
#[must_use]
pub fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(fault) => {
            eprintln!("xtask: {fault:#}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> anyhow::Result<bool> {
    let workspace = Workspace::find()?;
    match command {
        Command::Doctor(args) => doctor::run(&workspace, args.json),
        Command::Check => check::run(&workspace),
        Command::Tidy => tidy::run(&workspace),
        Command::Spec => spec::run(&workspace),
        Command::Test(args) => test::run(&workspace, &args),
        Command::Fuzz(args) => fuzz::run(&workspace, &args),
        Command::Sim(args) => hand_over(&workspace, "gavel-sim", "gavel-sim", &[], &args.rest),
        Command::Demo(args) => hand_over(&workspace, "gavel-cli", "gavel", &["demo"], &args.rest),
        Command::Ci => ci::run(&workspace),
    }
}

/// Runs a program of the workspace, and answers with its exit status.
fn hand_over(
    workspace: &Workspace,
    package: &str,
    program: &str,
    first: &[&str],
    rest: &[String],
) -> anyhow::Result<bool> {
    let mut cargo =
        workspace.cargo(["run", "--quiet", "--release", "-p", package, "--bin", program]);
    cargo.arg("--").args(first).args(rest);
    workspace.succeeds(&mut cargo)
}

/// The names of all subcommands, for the rule that documents name only what exists.
pub(crate) fn subcommands() -> Vec<String> {
    Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        assert!(subcommands().iter().any(|name| name == "test"));
    }

    #[test]
    fn demo_hands_over_what_it_does_not_know() {
        let cli = Cli::parse_from(["cargo xtask", "demo", "--fast", "x"]);
        let Command::Demo(args) = cli.command else { panic!("demo is demo") };
        assert_eq!(args.rest, ["--fast", "x"]);
        let cli = Cli::parse_from(["cargo xtask", "sim", "--seeds", "3", "--json"]);
        let Command::Sim(args) = cli.command else { panic!("sim is sim") };
        assert_eq!(args.rest, ["--seeds", "3", "--json"]);
    }

    #[test]
    fn a_fuzz_run_of_no_time_is_refused() {
        assert!(Cli::try_parse_from(["cargo xtask", "fuzz", "--seconds", "0"]).is_err());
    }
}
