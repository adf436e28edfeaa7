//! The command line of `gavel`.

use crate::replay::ReplayArgs;
use clap::{Parser, Subcommand};

/// Drives, breaks and inspects Gavel nodes.
#[derive(Debug, Parser)]
#[command(name = "gavel", version, after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Drive a recorded day through a real session, and judge every fill and every book.
    Replay(ReplayArgs),
}

const AFTER_HELP: &str = "\
Exit status: 0 agrees, 1 disagrees or falls short, 2 could not run. With --json, standard output is one \
line of JSON.

Verbs that need a node start a private one: a process of its own, on a port of its own, with its log in \
a directory that is removed afterwards.";
