//! `gavel`: replays recorded days, runs matching cases, shows what a node survives, steers it, and
//! inspects its log.
//!
//! Inputs -> outputs: a command line -> a verb's work and its exit status: 0 agrees, 1 disagrees or
//! falls short, 2 could not run.
//! Invariants: with `--json`, standard output is exactly one line of JSON and everything else goes
//! to standard error; only what a client received is judged. Where nobody reads standard output any
//! more, the process ends as a shell expects: quietly, with status 141.
//! Limits: memory follows what is in flight and live, not the length of a script.
//! Not here: the session (gavel-client), the node (gavel-node, which this binary runs as a process
//! of its own).
#![forbid(unsafe_code)]

mod args;
pub mod cases;
mod closed_pipe;
pub mod demo;
pub mod journal;
mod load;
mod outcome;
mod pause;
pub mod private_node;
mod progress;
pub mod replay;
mod session;
pub mod snapshot;
pub mod steer;
pub mod storm;

use args::{Args, Verb};
use clap::Parser;
use outcome::Outcome;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the command line.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    // The hidden verb: this process is a private node. It has gaveld's own command line.
    if args.get(1).is_some_and(|verb| verb == private_node::VERB) {
        return gavel_node::cli::run(args.into_iter().skip(1));
    }
    closed_pipe::ends_quietly();
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // Printing to a closed pipe is nobody's loss.
            let _ = error.print();
            return if error.use_stderr() {
                Outcome::CouldNotRun.into()
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let json = args.verb.is_json();
    let done = match &args.verb {
        Verb::Replay(args) => replay::run(args),
        Verb::Cases(args) => cases::run(args),
        Verb::Demo(args) => demo::run(args),
        Verb::Storm(args) => storm::run(args),
        Verb::Journal(verb) => journal::run(verb),
        Verb::Snapshot(verb) => snapshot::run(verb),
        Verb::Steer(args) => steer::run(args),
    };
    done.unwrap_or_else(|error| {
        eprintln!("gavel: {error:#}");
        if json {
            println!("{}", serde_json::json!({ "error": format!("{error:#}") }));
        }
        Outcome::of(&error)
    })
    .into()
}
