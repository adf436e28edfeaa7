//! Gavel's core: the trio that its own measurements and its test of allocations use.

use crate::Trio;

pub(crate) struct Ours(gavel_raft::memory::Trio);

impl Ours {
    pub(crate) fn new() -> Self {
        Self(gavel_raft::memory::Trio::new())
    }
}

impl Trio for Ours {
    fn name(&self) -> &'static str {
        "gavel-raft"
    }

    fn rounds(&mut self, rounds: u64, entries: u64) {
        for _ in 0..rounds {
            self.0.round(entries);
        }
    }

    fn rest(&mut self) {
        // A heartbeat, so that the leader's lease goes on.
        self.0.beat(15_000_000);
    }

    fn rounds_a_run(&self) -> u64 {
        100_000
    }
}
