//! The command line of `gavel`.

use crate::cases::CasesArgs;
use crate::demo::DemoArgs;
use crate::journal::JournalVerb;
use crate::replay::ReplayArgs;
use crate::snapshot::SnapshotVerb;
use crate::steer::SteerArgs;
use crate::storm::StormArgs;
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
    /// Run files of neutral matching cases against the machine, and against its naive twin.
    Cases(CasesArgs),
    /// Trade for a few seconds, kill the node in the middle, and count what is left.
    Demo(DemoArgs),
    /// Kill the node at random moments under load, and check that everything acknowledged stands.
    Storm(StormArgs),
    /// Inspect a log: of a stopped node, or a copy, whole or damaged.
    #[command(subcommand)]
    Journal(JournalVerb),
    /// Inspect the snapshots of a node, running or not.
    #[command(subcommand)]
    Snapshot(SnapshotVerb),
    /// Steer the venue of a running node: symbols, phases, bands, limits of risk, kill switches.
    Steer(SteerArgs),
}

impl Verb {
    /// True if standard output is to be one line of JSON.
    pub(crate) fn is_json(&self) -> bool {
        match self {
            Self::Replay(args) => args.json,
            Self::Cases(args) => args.json,
            Self::Demo(args) => args.json,
            Self::Storm(args) => args.json,
            Self::Journal(verb) => verb.is_json(),
            Self::Snapshot(verb) => verb.is_json(),
            Self::Steer(args) => args.json,
        }
    }
}

const AFTER_HELP: &str = "\
Exit status: 0 agrees, 1 disagrees or falls short, 2 could not run. With --json, standard output is \
one line of JSON; of journal cat, one for each record.

Verbs that need a node (but steer, which wants a running one) start a private one: a process of its own, on a port of its own, with its log \
in a directory that is removed afterwards.";
