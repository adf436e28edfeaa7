//! The network between nodes, and between clients and nodes: it loses, repeats, reorders, delays,
//! and is cut one way or both.
//!
//! Inputs -> outputs: a message that leaves -> when it arrives: never, once or twice.
//! Invariants: what is cut when a message arrives does not arrive; frames arrive whole; a narrow
//! link carries one frame after the other, and no more bytes than it has room for.
//! Not here: who cuts (weather.rs); frames of another cluster or life on purpose.

use super::fault::{Fault, FaultCounts};
use super::profile::Profile;
use crate::random::Random;
use gavel_raft::memory::Envelope;
use gavel_types::{Nanos, NodeId};
use std::collections::{BTreeMap, BTreeSet};

/// Usual time on the wire (ns).
const USUAL_NS: (u64, u64) = (40_000, 400_000);

/// The least of a heavy-tailed delay (ns), and how often it may double.
const TAIL_NS: u64 = 2_000_000;
const TAIL_DOUBLINGS: u64 = 8;

/// Most that a slow link adds (ns).
const SLOW_NS: u64 = 250_000_000;

/// Bytes of a frame without entries, and of an entry.
const FRAME_BYTES: u64 = 96;
const ENTRY_BYTES: u64 = 128;

/// Most that waits for a narrow link, as the time that it takes (ns): the rest is lost.
const BACKLOG_NS: u64 = 1_000_000_000;

/// Links of a node that carry few bytes for a while.
#[derive(Clone, Copy, Debug)]
struct Narrow {
    ns_per_byte: u64,
    until: Nanos,
}

/// The network.
#[derive(Debug)]
pub struct Net {
    random: Random,
    cuts: BTreeSet<(NodeId, NodeId)>,
    /// Whose log frames do not pass, while short ones do: they have streams of their own.
    stuck: BTreeSet<NodeId>,
    /// To whom the link is slow, and until when.
    slow: BTreeMap<NodeId, Nanos>,
    narrow: BTreeMap<NodeId, Narrow>,
    /// Until when a narrow link is busy, by sender and receiver.
    busy: BTreeMap<(NodeId, NodeId), Nanos>,
    /// Faults of messages that it did.
    pub faults: FaultCounts,
    /// False once the weather is over.
    pub is_rough: bool,
    /// What does not happen.
    pub without: Vec<Fault>,
}

impl Net {
    /// A network without cuts.
    #[must_use]
    pub fn new(random: Random) -> Self {
        Self {
            random,
            cuts: BTreeSet::new(),
            stuck: BTreeSet::new(),
            slow: BTreeMap::new(),
            narrow: BTreeMap::new(),
            busy: BTreeMap::new(),
            faults: FaultCounts::default(),
            is_rough: true,
            without: Vec::new(),
        }
    }

    /// Cuts one way.
    pub fn cut(&mut self, from: NodeId, to: NodeId) {
        self.cuts.insert((from, to));
    }

    /// Log frames of this node get stuck.
    pub fn stick(&mut self, from: NodeId) {
        self.stuck.insert(from);
    }

    /// Until then, what this node is sent comes late.
    pub fn delay(&mut self, to: NodeId, until: Nanos) {
        self.slow.insert(to, until);
    }

    /// Until then, links to and from this node carry so few bytes.
    pub fn narrow(&mut self, node: NodeId, ns_per_byte: u64, until: Nanos) {
        self.narrow.insert(node, Narrow { ns_per_byte, until });
    }

    /// What a link adds to a message (ns); None if it is lost there.
    pub fn lateness(&mut self, envelope: &Envelope, now: Nanos) -> Option<u64> {
        if !self.is_rough {
            return Some(0);
        }
        let is_slow = self.slow.get(&envelope.to).is_some_and(|until| now < *until);
        let slow_ns = if is_slow { self.random.below(SLOW_NS) } else { 0 };
        Some(slow_ns + self.queued(envelope, now)?)
    }

    /// How long a message waits for those before it, and takes to be sent (ns).
    fn queued(&mut self, envelope: &Envelope, now: Nanos) -> Option<u64> {
        let ends = [envelope.from, envelope.to];
        let narrow = ends.iter().filter_map(|end| self.narrow.get(end));
        let narrow = narrow.filter(|narrow| now < narrow.until);
        let Some(ns_per_byte) = narrow.map(|narrow| narrow.ns_per_byte).max() else {
            return Some(0);
        };
        let bytes = FRAME_BYTES + ENTRY_BYTES * envelope.entries() as u64;
        let busy = self.busy.entry((envelope.from, envelope.to)).or_default();
        let begins = now.max(*busy);
        if begins.0 - now.0 > BACKLOG_NS {
            return None;
        }
        *busy = Nanos(begins.0 + bytes * ns_per_byte);
        Some(busy.0 - now.0)
    }

    /// Ends all cuts.
    pub fn heal(&mut self) {
        self.cuts.clear();
        self.stuck.clear();
    }

    /// True if something is cut.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        !self.cuts.is_empty() || !self.stuck.is_empty()
    }

    /// True if this message passes.
    #[must_use]
    pub fn carries(&self, envelope: &Envelope) -> bool {
        let is_stuck = self.stuck.contains(&envelope.from) && envelope.kind() == "append";
        self.passes(envelope.from, envelope.to) && !is_stuck
    }

    /// True if messages pass.
    #[must_use]
    pub fn passes(&self, from: NodeId, to: NodeId) -> bool {
        !self.cuts.contains(&(from, to))
    }

    /// When a message arrives that leaves now: how often it does is how many there are.
    pub fn arrivals(&mut self, now: Nanos, profile: &Profile) -> [Option<Nanos>; 2] {
        if self.happens(profile.drop_one_in, Fault::Drop) {
            return [None, None];
        }
        let first = Some(self.arrival(now, profile));
        let twice = self.happens(profile.duplicate_one_in, Fault::Duplicate);
        let second = twice.then(|| self.arrival(now, profile));
        [first, second]
    }

    fn arrival(&mut self, now: Nanos, profile: &Profile) -> Nanos {
        let usual_ns = self.random.between(USUAL_NS.0, USUAL_NS.1);
        let late_ns = match self.happens(profile.delay_one_in, Fault::Delay) {
            // Half of them take the least, a quarter twice as long, and so on.
            true => {
                let doublings = u64::from(self.random.word().trailing_ones()).min(TAIL_DOUBLINGS);
                (TAIL_NS << doublings) + self.random.below(TAIL_NS)
            }
            false => 0,
        };
        Nanos(now.0 + usual_ns + late_ns)
    }

    fn happens(&mut self, one_in: u64, fault: Fault) -> bool {
        let is_due = self.is_rough && one_in > 0 && self.random.one_in(one_in);
        let happens = is_due && !self.without.contains(&fault);
        if happens {
            self.faults.count(fault);
        }
        happens
    }
}
