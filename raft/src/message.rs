//! What nodes say to each other.
//!
//! Invariants: an acknowledgement names (term, index, incarnation), never a bare index (SAFETY 1):
//! term and incarnation are every message's. No message holds memory of its own.
//! Not here: records (the host sends those that an [`Append`] names along with it), cluster names,
//! counters and authentication of frames, bytes.
//! Source: Raft figure 2; thesis 3.10, 6.4, 9.6.

use crate::config::DiskId;
use crate::log::{Mark, Runs};
use crate::set::NodeSet;
use gavel_types::{Index, NodeId, Term};

/// Which life of a node's process: a start has a higher one than the start before (SAFETY 15).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u32);

/// Which cluster under this name: raised when one is forced to begin anew (SAFETY 16).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterGeneration(pub u32);

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    /// Who says it.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// The sender's cluster generation.
    pub generation: ClusterGeneration,
    /// The sender's disk.
    pub disk: DiskId,
    /// The sender's life.
    pub incarnation: Incarnation,
    /// The sender's term.
    pub term: Term,
    /// What.
    pub body: Body,
}

/// Entries for a follower: those after `prev`, up to `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Append {
    /// What the follower must have.
    pub prev: Mark,
    /// The last of the entries; equal to `prev` if there are none.
    pub last: Index,
    /// The terms of the entries.
    pub runs: Runs,
    /// What the leader knows to be committed.
    pub commit: Index,
}

/// How far a follower is. Both indexes are of the leader's log: what lies beyond may differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Progress {
    /// Received in this life.
    pub received: Index,
    /// On disk.
    pub durable: Index,
}

/// How a read may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadKind {
    /// By the lease if there is one, else by a round of heartbeats.
    Lease,
    /// By a round of heartbeats.
    Index,
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// Would you vote for me in this term? Binds nobody (thesis 9.6).
    PreVote {
        /// The term of the election that would follow.
        next_term: Term,
        /// The end of the sender's log.
        last: Mark,
    },
    /// The answer.
    PreVoteAnswer {
        /// As asked.
        next_term: Term,
        /// Whether.
        granted: bool,
    },
    /// Vote for me.
    Vote {
        /// The end of the sender's log.
        last: Mark,
        /// The leader itself asked for this election.
        is_transfer: bool,
    },
    /// The answer.
    VoteAnswer {
        /// Whether.
        granted: bool,
        /// The newest term in which the voter may have helped a leader to a lease; the highest
        /// possible one if it does not know.
        lease_term: Term,
    },
    /// Entries.
    Append(Append),
    /// They fit.
    AppendAck(Progress),
    /// The follower does not have `prev`.
    AppendReject {
        /// The `prev` that it does not have.
        prev: Index,
        /// Where its log ends.
        last: Index,
        /// Where it ended, at most, before some of it was damaged; `last` if nothing was.
        held: Index,
        /// The newest runs of its log at or below `prev`.
        runs: Runs,
    },
    /// The leader lives.
    Heartbeat {
        /// The round's number.
        round: u64,
        /// What is committed.
        commit: Index,
        /// What is on the leader's disk.
        durable: Index,
        /// Whether the leader's hold-back is over, so that it may hold a lease (SAFETY 12).
        is_open: bool,
        /// Who has no say (SAFETY 15), in the configuration that lies at this index.
        barred: NodeSet,
        /// Where the leader's configuration lies.
        config: Index,
    },
    /// The answer; counts once, for its round.
    HeartbeatAck {
        /// The round's number.
        round: u64,
        /// How far the follower is.
        progress: Progress,
        /// Where its log ends, whatever is in it, or ended before some of it was damaged.
        last: Index,
    },
    /// What follows in the log is gone; there is a snapshot of all up to here.
    Snapshot {
        /// Its last entry.
        mark: Mark,
    },
    /// Hold an election at once (thesis 3.10).
    TimeoutNow,
    /// The sender, leader of its term, will say nothing more under that term's lease.
    LeaseReleased,
    /// May I read, and as of which index?
    Read {
        /// The asker's name for the question: its life and a count, so never used twice.
        context: u64,
        /// How it may be answered.
        kind: ReadKind,
    },
    /// The answer. It leaves only while the sender may speak, as the rim sees it immediately before
    /// it sends (SAFETY 10): a host that stood still since it was made must not give it.
    ReadAnswer {
        /// The question's name.
        context: u64,
        /// Read when this much is applied; nothing if the sender cannot say.
        index: Option<Index>,
    },
    /// Your term is over.
    TermOver,
}

impl Body {
    /// True for what only a leader of the message's term says.
    #[must_use]
    pub fn is_of_leader(&self) -> bool {
        matches!(
            self,
            Self::Append(_)
                | Self::Heartbeat { .. }
                | Self::Snapshot { .. }
                | Self::TimeoutNow
                | Self::LeaseReleased
        )
    }
}
