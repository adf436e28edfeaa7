//! `gavel cases`: files of neutral matching cases, run against the machine, and its naive twin.
//!
//! Inputs -> outputs: files in the format of cases/matching -> a verdict for each case, and an exit
//! status.
//! Invariants: both machines run every case, and agree report by report and order by order; the
//! fast one is checked against itself after every command. A case is skipped only if it needs what
//! is on the printed list, and does not agree.
//! Limits: numbers of 63 bits; a case is in memory whole.
//! Not here: the rules (gavel-book); sessions, wire and journal, which a case knows nothing of.

mod adapter;
mod conventions;
mod events;
mod needs;
mod parse;
mod report;
mod run;

pub use report::{Failure, FileTally, Selected, Skip, Tally};

use crate::outcome::Outcome;
use anyhow::{Result, ensure};
use std::path::PathBuf;

/// What `gavel cases` is told.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct CasesArgs {
    /// Files of cases.
    #[arg(value_name = "FILE", required_unless_present = "list")]
    pub files: Vec<PathBuf>,
    /// Print one line of JSON.
    #[arg(long)]
    pub json: bool,
    /// Run every case under these conventions, and under no others ("own" for Gavel's).
    #[arg(long, value_name = "OPTION", value_delimiter = ',')]
    pub with: Vec<String>,
    /// Print where venues differ, what Gavel does, and the option that selects the other.
    #[arg(long)]
    pub list: bool,
}

const AFTER_HELP: &str = "\
A case that does not agree with Gavel's own conventions is run with each of the others, one at a \
time, and then, if it has a `conv` line, with two at a time; the table says with which it agreed, \
and whether the case says that it depends on one. `--list` shows them all, `--with` chooses.";

/// Runs the verb.
///
/// # Errors
/// If a file cannot be read, or is no file of cases.
pub(crate) fn run(args: &CasesArgs) -> Result<Outcome> {
    if args.list {
        if args.json {
            println!("{}", conventions::as_json());
        } else {
            print!("{}", conventions::as_text());
        }
        return Ok(Outcome::Agrees);
    }
    let tally = run_files(&args.files, &args.with)?;
    if args.json {
        println!("{}", serde_json::to_string(&tally)?);
    } else {
        print!("{}", report::as_text(&tally));
    }
    Ok(Outcome::agrees_if(tally.failed == 0))
}

/// Runs all cases of all files; under conventions of these names only, if there are any.
///
/// # Errors
/// If a file cannot be read, or is no file of cases: its name and line are named. If there is no
/// such convention.
pub fn run_files(files: &[PathBuf], with: &[String]) -> Result<Tally> {
    ensure!(!files.is_empty(), "no file of cases was named");
    let chosen = conventions::chosen(with)?;
    // All are read before one is run: a mistake in the last is said at once.
    let parsed: Vec<_> = files.iter().map(|file| parse::read(file)).collect::<Result<_>>()?;
    let mut tally = Tally::default();
    for file in &parsed {
        tally.begin(&file.name);
        for case in &file.cases {
            tally.add(&file.name, case, run::judge(case, chosen));
        }
    }
    Ok(tally)
}
