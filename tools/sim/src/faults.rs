//! What may go wrong, and how often it did.
//!
//! Inputs -> outputs: kinds -> names and counts.
//! Invariants: all of these are legal: no promise of the node's excludes them.
//! Not here: how they are done (world.rs).

use std::collections::BTreeMap;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The host fails between two duty cycles.
    CrashNode,
    /// The host fails right after some call of a port.
    CrashAtCall,
    /// The node is told to stop, and starts again.
    StopNode,
    /// A write fails: the process must end.
    WriteFails,
    /// Nothing completes on the disk for a while.
    SlowDisk,
    /// No segment can be made for a while.
    FullDisk,
    /// The network drops a connection.
    CutConnection,
    /// A client dies; it comes back with a checkpoint, or with nothing.
    ClientDies,
    /// A client neither reads nor writes for a while.
    ClientStalls,
    /// An agent gets no turn for a while.
    AgentSleeps,
    /// UTC steps, forth or back.
    ClockSteps,
    /// A call to files beside the log fails.
    FileCallFails,
    /// A bit turns in the newest snapshot, while an older one is good.
    SnapshotRots,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::CrashNode,
        Self::CrashAtCall,
        Self::StopNode,
        Self::WriteFails,
        Self::SlowDisk,
        Self::FullDisk,
        Self::CutConnection,
        Self::ClientDies,
        Self::ClientStalls,
        Self::AgentSleeps,
        Self::ClockSteps,
        Self::FileCallFails,
        Self::SnapshotRots,
    ];

    /// Its name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CrashNode => "crash_node",
            Self::CrashAtCall => "crash_at_call",
            Self::StopNode => "stop_node",
            Self::WriteFails => "write_fails",
            Self::SlowDisk => "slow_disk",
            Self::FullDisk => "full_disk",
            Self::CutConnection => "cut_connection",
            Self::ClientDies => "client_dies",
            Self::ClientStalls => "client_stalls",
            Self::AgentSleeps => "agent_sleeps",
            Self::ClockSteps => "clock_steps",
            Self::FileCallFails => "file_call_fails",
            Self::SnapshotRots => "snapshot_rots",
        }
    }
}

/// How often each happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultCounts<F = Fault>(BTreeMap<F, u64>);

impl<F> Default for FaultCounts<F> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<F: Ord + Copy> FaultCounts<F> {
    /// It happened.
    pub fn count(&mut self, fault: F) {
        *self.0.entry(fault).or_default() += 1;
    }

    /// How often.
    #[must_use]
    pub fn of(&self, fault: F) -> u64 {
        self.0.get(&fault).copied().unwrap_or(0)
    }

    /// All together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Adds another world's.
    pub fn add(&mut self, other: &Self) {
        for (fault, count) in &other.0 {
            *self.0.entry(*fault).or_default() += count;
        }
    }
}
