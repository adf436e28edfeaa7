//! What goes into the core and what comes out of it.
//!
//! Inputs -> outputs: an [`Input`] -> changes of an [`Output`], which the host acts on.
//! Invariants: a message leaves only when what it names is durable: that is data here, not the
//! host's discipline; an output has room for what one step makes, or there is no step.
//! Limits: [`SENDS_MAX`] messages, [`READS_MAX`] answers.
//! Not here: what any of it means.

use crate::clock::Now;
use crate::config::{Change, ChangeRefusal, Config, ConfigAt};
use crate::limits::{NODES_MAX, READS_MAX, SENDS_MAX, STEP_SENDS_MAX};
use crate::log::{LogPosition, Mark};
use crate::message::{Body, ClusterGeneration, Incarnation, Message, ReadKind};
use crate::set::NodeSet;
use alloc::vec::Vec;
use gavel_types::{Index, NodeId, Term};

/// What must survive a crash, beside the log. Small; written as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HardState {
    /// The newest term that this node knows of.
    pub term: Term,
    /// Whom it voted for in that term.
    pub vote: Option<NodeId>,
    /// The cluster's generation.
    pub generation: ClusterGeneration,
    /// Nodes whose votes and acknowledgements count for nothing until they are added again.
    pub barred: NodeSet,
    /// The newest life of each node that was heard of.
    pub seen: [Incarnation; NODES_MAX],
    /// A cluster of a higher generation was seen: this disk's has no say any more (SAFETY 16).
    pub is_superseded: bool,
}

/// Counts the versions of the hard state in one life; 0 is the one found at start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DurablePoint(pub u64);

/// What the host tells the core.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Time has passed.
    Tick,
    /// A message came in; the configurations among its entries, by rising index.
    Message(&'a Message, &'a [ConfigAt]),
    /// This version of the hard state is durable, and all before it.
    HardDurable(DurablePoint),
    /// The log is durable up to here.
    Durable(LogPosition),
    /// The leader's log has grown: its own entries are in the host's hands.
    Appended {
        /// The term that they were stamped with.
        term: Term,
        /// The last of them.
        last: Index,
        /// The configuration among them, if there is one: the last of them.
        config: Option<&'a ConfigAt>,
    },
    /// Hold an election now.
    Campaign,
    /// A sign that this node died; no proof.
    Suspect(NodeId),
    /// Proof that this life of a node is over (SAFETY 12 says what is one).
    Death(NodeId, Incarnation),
    /// Let another node lead.
    Transfer(NodeId),
    /// This process is about to end: never speak under this term's lease again.
    Resign,
    /// Other members.
    Change(&'a Change),
    /// End a joint configuration.
    Leave,
    /// A read.
    Read {
        /// The host's name for it.
        context: u64,
        /// How it may be answered.
        kind: ReadKind,
    },
    /// A snapshot up to here is on this node's disk.
    Snapshotted(Index),
    /// Entries up to here are gone.
    Compacted(Index),
    /// A snapshot from elsewhere was verified and is on this node's disk: it takes the place of the
    /// log. The configuration is the one in force at its last entry.
    Install(Mark, &'a ConfigAt),
    /// A snapshot could not be handed to this node.
    SnapshotFailed(NodeId),
    /// Whether this node is fit to lead (SAFETY 14).
    Fit(bool),
    /// Begin a new cluster with this node as its only voter (SAFETY 16). The host has the evidence,
    /// or the operator's word, that every other voter was stopped.
    ForceNewCluster,
}

/// Why an input changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Only a leader does that.
    NotLeader,
    /// The leader is handing over and takes nothing new.
    Transferring,
    /// The records were stamped with another term than the leader's (SAFETY 5).
    OtherTerm,
    /// The change of members is not to be made.
    Change(ChangeRefusal),
    /// Not a node that can lead now.
    CannotLead,
    /// The leader may not answer reads yet, or not any more.
    NotServing,
    /// Too many reads wait.
    TooManyReads,
    /// More would be given up than is both durable and committed (SAFETY 2).
    NotDecided,
    /// A snapshot that is older than what is committed here.
    OldSnapshot,
    /// The node was superseded: a cluster of a higher generation exists.
    Superseded,
}

/// Why a message was dropped. Each is counted by the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// Not for this node, or from no possible one.
    Address,
    /// From another cluster generation.
    Generation,
    /// From an earlier life of its sender, or from one that lost its standing.
    Incarnation,
    /// From a disk that is not the member's.
    Disk,
    /// From a node that is no member, and has no business here.
    Stranger,
    /// From an older term.
    Old,
    /// Of no use to what this node is now.
    Role,
    /// Not well formed.
    Malformed,
    /// It would truncate what is committed: somebody lies. The host must stop.
    Contradiction,
    /// A second leader of one term: somebody lies. The host must stop.
    TwoLeaders,
}

/// A message, and when it may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Send {
    /// The message.
    pub msg: Message,
    /// Not before this version of the hard state is durable.
    pub after: DurablePoint,
}

/// Which entries of an append the host takes into its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Accept {
    /// The log is cut behind this index first, if it is longer.
    pub keep: Index,
    /// The last of the message's entries; those after `keep` are taken.
    pub last: Index,
    /// The log's generation from here on.
    pub generation: u32,
}

/// What the leader's core asks the host to append next, stamped with its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// An entry that says nothing (Raft 8).
    Noop,
    /// A configuration.
    Config(Config),
}

/// The answer to a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReadAnswer {
    /// The host's name for it.
    pub context: u64,
    /// Read when this much is applied; nothing if it must be asked again.
    pub index: Option<Index>,
}

/// What a node is at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// It follows a leader, or waits for one.
    #[default]
    Follower,
    /// It asks whether it would be elected.
    PreCandidate,
    /// It asks to be elected.
    Candidate,
    /// It leads.
    Leader,
}

/// What came of the steps since the host last cleared it. `accept`, `refused` and
/// `dropped` are of the last step only.
#[derive(Clone, Debug)]
pub struct Output {
    /// The hard state to write, if it changed; newer ones include older ones.
    pub hard_state: Option<(DurablePoint, HardState)>,
    /// Messages, in the order in which they were made.
    pub send: Vec<Send>,
    /// What to take of the append that was stepped.
    pub accept: Option<Accept>,
    /// What to append as leader.
    pub want: Option<Want>,
    /// Answers to reads.
    pub reads: Vec<ReadAnswer>,
    /// A snapshot to fetch from this node.
    pub fetch: Option<(NodeId, Mark)>,
    /// The log was replaced by a snapshot; what was behind it is gone if this says so.
    pub restored: Option<Restored>,
    /// Why the input changed nothing.
    pub refused: Option<Refusal>,
    /// Why the message was dropped.
    pub dropped: Option<Dropped>,
    /// Which message of `send` is the newest acknowledgement, so that a newer one takes its place.
    pub(crate) ack: Option<usize>,
}

/// What an installed snapshot did to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Restored {
    /// The snapshot's last entry.
    pub mark: Mark,
    /// True if the entries behind it stay.
    pub keeps_tail: bool,
    /// The log's generation from here on.
    pub generation: u32,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            hard_state: None,
            send: Vec::with_capacity(SENDS_MAX),
            accept: None,
            want: None,
            reads: Vec::with_capacity(READS_MAX * 2),
            fetch: None,
            restored: None,
            refused: None,
            dropped: None,
            ack: None,
        }
    }
}

impl Output {
    /// Forgets all, and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.hard_state = None;
        self.send.clear();
        self.want = None;
        self.reads.clear();
        self.fetch = None;
        self.restored = None;
        self.ack = None;
        self.begin_step();
    }

    #[inline]
    pub(crate) fn begin_step(&mut self) {
        self.accept = None;
        self.refused = None;
        self.dropped = None;
    }

    /// True if a step may be taken; else the host has to take what is here first.
    #[must_use]
    #[inline]
    pub fn has_room(&self) -> bool {
        self.send.len() + STEP_SENDS_MAX <= SENDS_MAX && self.reads.len() <= READS_MAX
    }

    /// Adds a message. An acknowledgement takes the place of an older one to the same node in the
    /// same term: it says all that the older one said.
    #[inline]
    pub(crate) fn push(&mut self, send: Send) {
        if matches!(send.msg.body, Body::AppendAck(_)) {
            let older = self.ack.map(|place| &mut self.send[place]);
            if let Some(older) = older
                && (older.msg.to, older.msg.term) == (send.msg.to, send.msg.term)
            {
                *older = send;
                return;
            }
            self.ack = Some(self.send.len());
        }
        self.send.push(send);
    }
}

/// A leader's permission to speak: until either clock reaches its reading here, to be compared by
/// the rim immediately before it sends.
pub type Deadline = Now;
