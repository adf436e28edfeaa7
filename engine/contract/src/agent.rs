//! What a tile runs.

use gavel_types::Nanos;

/// One sample of the clocks, taken once per agent call by the tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotone time since an arbitrary origin: timeouts, keep-alive.
    pub mono: Nanos,
    /// UTC since the Unix epoch: stamps. May step; whoever stamps keeps it monotone.
    pub utc: Nanos,
}

/// The clock port. Only tiles and the rim hold one; agents are handed [`Now`].
pub trait Clock {
    /// Samples both clocks.
    fn now(&self) -> Now;
}

/// A single-threaded part of the pipeline, driven by a tile or by the simulator.
pub trait Agent {
    /// Name in topologies, logs and metrics.
    fn name(&self) -> &'static str;

    /// Does a bounded amount of work and returns how much there was (0 = idle). On a hot tile it
    /// never blocks, and never allocates after init; a housekeeping agent may, and says so.
    fn duty_cycle(&mut self, now: Now) -> usize;
}
