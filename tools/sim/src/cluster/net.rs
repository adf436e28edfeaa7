//! The network between nodes, and between clients and nodes: it loses, repeats, reorders, delays,
//! and is cut one way or both.
//!
//! Inputs -> outputs: a message that leaves -> when it arrives: never, once or twice.
//! Invariants: what is cut when a message arrives does not arrive; frames arrive whole.
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

/// The network.
#[derive(Debug)]
pub struct Net {
    random: Random,
    cuts: BTreeSet<(NodeId, NodeId)>,
    /// Whose log frames do not pass, while short ones do: they have streams of their own.
    stuck: BTreeSet<NodeId>,
    /// To whom the link is slow, and until when.
    slow: BTreeMap<NodeId, Nanos>,
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

    /// What the link to a node adds to a message (ns).
    pub fn lateness(&mut self, to: NodeId, now: Nanos) -> u64 {
        let is_slow = self.is_rough && self.slow.get(&to).is_some_and(|until| now < *until);
        if is_slow { self.random.below(SLOW_NS) } else { 0 }
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
