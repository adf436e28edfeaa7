//! `gavel journal`: what a log says, of a node that is stopped, or a copy, whole or damaged.
//!
//! Inputs -> outputs: a directory -> its segments, records, figures, and what a start would decide.
//! Invariants: nothing is locked, and nothing is changed, but by `digest`, which locks as a node
//! does. What is read is judged by gavel-journal's recovery and by nothing else.
//! Limits: memory follows the number of segments and of damaged blocks, not of records; `digest`
//! has one machine, as configured.
//! Not here: repair; what is in a snapshot.

mod cat;
mod digest;
mod ls;
mod stats;
mod survey;
mod verify;
mod words;

use crate::outcome::Outcome;
use anyhow::Result;
pub(crate) use digest::settings;
pub(crate) use digest::show;
pub use digest::{LogDigest, digest};
use std::path::PathBuf;

/// What `gavel journal` is told.
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum JournalVerb {
    /// List the segments: what is in each, and whether it is needed.
    Ls(Which),
    /// Print records, one a line.
    Cat(CatArgs),
    /// Say what a start would decide, and the state of every block. Exit status 1 if it is damaged.
    Verify(Which),
    /// Count records, blocks and bytes.
    Stats(Which),
    /// Replay the log of a stopped node, and print the digests of where it ends.
    Digest(DigestArgs),
}

/// Which log.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Which {
    /// The node's data directory, or a copy.
    pub(crate) dir: PathBuf,
    /// Bytes of a segment, if most of those that are there are not whole.
    #[arg(long, value_name = "BYTES")]
    pub(crate) segment_bytes: Option<u64>,
    /// Print one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `gavel journal cat` is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CatArgs {
    /// Which log; with --json there is one line for each record.
    #[command(flatten)]
    pub(crate) which: Which,
    /// The first record.
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    pub(crate) from: u64,
    /// The last record.
    #[arg(long, value_name = "INDEX", default_value_t = u64::MAX)]
    pub(crate) to: u64,
    /// Only records of this session, by its number in the log.
    #[arg(long, value_name = "SLOT")]
    pub(crate) session: Option<u32>,
}

/// What `gavel journal digest` is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DigestArgs {
    /// The node's data directory.
    pub(crate) dir: PathBuf,
    /// The node's configuration file, if it has one: sizes and symbols must be the same.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

impl JournalVerb {
    /// True if an error is to be told in a line of JSON.
    pub(crate) fn is_json(&self) -> bool {
        match self {
            Self::Ls(which) | Self::Verify(which) | Self::Stats(which) => which.json,
            Self::Cat(args) => args.which.json,
            Self::Digest(args) => args.json,
        }
    }
}

/// Runs the verb.
///
/// # Errors
/// If the log cannot be read, or must not be served.
pub(crate) fn run(verb: &JournalVerb) -> Result<Outcome> {
    match verb {
        JournalVerb::Ls(which) => ls::run(which),
        JournalVerb::Cat(args) => cat::run(args),
        JournalVerb::Verify(which) => verify::run(which),
        JournalVerb::Stats(which) => stats::run(which),
        JournalVerb::Digest(args) => digest::run(args),
    }
}
