//! The replicator's place: the rings through which it will meet the sequencer. A single node has no
//! replicator, and the sequencer then has no such links.

use gavel_link::{Reader, Writer};
use gavel_types::{Command, LogRecord, Term};

/// What a replicator puts into the log or changes about it, in log order (SAFETY 5: a role change
/// is ordered with records).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromReplicator {
    /// A record that the leader's replicator makes (no-op, configuration).
    Propose(Command),
    /// This node leads from here on: what follows is stamped with `term`.
    Lead {
        /// The new term, higher than any before.
        term: Term,
    },
}

/// The sequencer's links to the replicator.
#[derive(Debug)]
pub struct ReplicatorLinks {
    /// Every record, to be shipped.
    pub records: Writer<LogRecord>,
    /// Proposals and role changes.
    pub inputs: Reader<FromReplicator>,
}
