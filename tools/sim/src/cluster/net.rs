//! The network between nodes, and between clients and nodes: it loses, repeats, reorders, delays,
//! and is cut one way or both.
//!
//! Inputs -> outputs: a message that leaves -> when it arrives: never, once or twice.
//! Invariants: what is cut when a message arrives does not arrive; frames arrive whole.
//! Not here: who cuts (weather.rs); frames of another cluster or life on purpose.

use super::fault::{Fault, FaultCounts};
use super::profile::Profile;
use crate::random::Random;
use gavel_types::{Nanos, NodeId};
use std::collections::BTreeSet;

/// Usual time on the wire (ns).
const USUAL_NS: (u64, u64) = (40_000, 400_000);

/// The least of a heavy-tailed delay (ns), and how often it may double.
const TAIL_NS: u64 = 2_000_000;
const TAIL_DOUBLINGS: u64 = 8;

/// The network.
#[derive(Debug)]
pub struct Net {
    random: Random,
    cuts: BTreeSet<(NodeId, NodeId)>,
    /// Faults of messages that it did.
    pub faults: FaultCounts,
    /// False once the weather is over.
    pub is_rough: bool,
}

impl Net {
    /// A network without cuts.
    #[must_use]
    pub fn new(random: Random) -> Self {
        Self { random, cuts: BTreeSet::new(), faults: FaultCounts::default(), is_rough: true }
    }

    /// Cuts one way.
    pub fn cut(&mut self, from: NodeId, to: NodeId) {
        self.cuts.insert((from, to));
    }

    /// Ends all cuts.
    pub fn heal(&mut self) {
        self.cuts.clear();
    }

    /// True if something is cut.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        !self.cuts.is_empty()
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
        let happens = self.is_rough && one_in > 0 && self.random.one_in(one_in);
        if happens {
            self.faults.count(fault);
        }
        happens
    }
}
