//! What may go wrong in a cluster, and how often it did.
//!
//! Inputs -> outputs: kinds -> names and counts.
//! Invariants: all of these but those that say so are legal: no promise excludes them.
//! Not here: how they are done (weather.rs, net.rs).

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A message is lost.
    Drop,
    /// A message comes twice.
    Duplicate,
    /// A message comes very late.
    Delay,
    /// Nothing passes between one node and the others.
    Isolate,
    /// Nothing passes one way between two nodes.
    OneWay,
    /// Nothing passes between two nodes, while others reach both.
    Partial,
    /// The nodes are in two parts.
    Split,
    /// A process dies; the disk keeps what was synced.
    Crash,
    /// A process dies right after some write reached the disk, before it knows.
    CrashAtWrite,
    /// All processes die together.
    CrashAll,
    /// A process ends as told: it gives its lease back first.
    Stop,
    /// A node comes back with an empty disk.
    Wipe,
    /// A process stands still, while its clocks go on.
    Pause,
    /// A host is suspended: one of its clocks stands still as well.
    Suspend,
    /// A process is slow for a while: it stands still for a moment after whatever it does.
    SlowProcess,
    /// Links to and from a node carry few bytes a second for a while.
    NarrowLink,
    /// A disk takes very long for a while.
    SlowDisk,
    /// A disk is done with nothing for a while.
    DiskStall,
    /// One write takes long.
    DiskTail,
    /// A write that was under way when its process died is there in part.
    TornWrite,
    /// The same, and nothing of it is there.
    LostWrite,
    /// No segment can be made for a while.
    FullDisk,
    /// A write fails: the process must end.
    WriteFails,
    /// A process dies right after some call of a port.
    CrashAtCall,
    /// A bit turns in what a log holds, while its process is down.
    Rot,
    /// The same, in a copy of a vote.
    RotVote,
    /// A block was written to another place than its own.
    Misdirected,
    /// The operator lets another node lead.
    Transfer,
    /// The same, and the old leader is cut off at that moment.
    TransferCut,
    /// A node is said to be dead, and is not.
    FalseSuspicion,
    /// The same of a leader, and whoever is elected in its place dies at once.
    Usurp,
    /// A voter is made a learner, and a voter again.
    Demote,
    /// A process dies with entries that it said it had received and that are not on its disk.
    CrashUnsynced,
    /// A process dies and starts again several times, and what it is sent comes late.
    Flaps,
    /// A member dies with what it received, while its leader's disk is slow and log frames stuck.
    Forgets,
    /// A leader dies; one voter does not hear of the next, and is elected while that one speaks.
    Interregnum,
    /// The operator stops all nodes but one for good, and begins anew with that one.
    BeginAnew,
    /// Beyond the model: both clocks of a host are set.
    ClockJump,
    /// Beyond the model: a host stands still with all of its clocks.
    StopHost,
    /// A client goes away for good and leaves its command open.
    ClientLeaves,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 40] = [
        Self::Drop,
        Self::Duplicate,
        Self::Delay,
        Self::Isolate,
        Self::OneWay,
        Self::Partial,
        Self::Split,
        Self::Crash,
        Self::CrashAtWrite,
        Self::CrashAll,
        Self::Stop,
        Self::Wipe,
        Self::Pause,
        Self::Suspend,
        Self::SlowProcess,
        Self::NarrowLink,
        Self::SlowDisk,
        Self::DiskStall,
        Self::DiskTail,
        Self::TornWrite,
        Self::LostWrite,
        Self::FullDisk,
        Self::WriteFails,
        Self::CrashAtCall,
        Self::Rot,
        Self::RotVote,
        Self::Misdirected,
        Self::Transfer,
        Self::TransferCut,
        Self::FalseSuspicion,
        Self::Usurp,
        Self::Demote,
        Self::CrashUnsynced,
        Self::Flaps,
        Self::Forgets,
        Self::Interregnum,
        Self::BeginAnew,
        Self::ClockJump,
        Self::StopHost,
        Self::ClientLeaves,
    ];

    /// Its name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Duplicate => "duplicate",
            Self::Delay => "delay",
            Self::Isolate => "isolate",
            Self::OneWay => "one_way",
            Self::Partial => "partial",
            Self::Split => "split",
            Self::Crash => "crash",
            Self::CrashAtWrite => "crash_at_write",
            Self::CrashAll => "crash_all",
            Self::Stop => "stop",
            Self::Wipe => "wipe",
            Self::Pause => "pause",
            Self::Suspend => "suspend",
            Self::SlowProcess => "slow_process",
            Self::NarrowLink => "narrow_link",
            Self::SlowDisk => "slow_disk",
            Self::DiskStall => "disk_stall",
            Self::DiskTail => "disk_tail",
            Self::TornWrite => "torn_write",
            Self::LostWrite => "lost_write",
            Self::FullDisk => "full_disk",
            Self::WriteFails => "write_fails",
            Self::CrashAtCall => "crash_at_call",
            Self::Rot => "rot",
            Self::RotVote => "rot_vote",
            Self::Misdirected => "misdirected",
            Self::Transfer => "transfer",
            Self::TransferCut => "transfer_cut",
            Self::FalseSuspicion => "false_suspicion",
            Self::Usurp => "usurp",
            Self::Demote => "demote",
            Self::CrashUnsynced => "crash_unsynced",
            Self::Flaps => "flaps",
            Self::Forgets => "forgets",
            Self::Interregnum => "interregnum",
            Self::BeginAnew => "begin_anew",
            Self::ClockJump => "clock_jump",
            Self::StopHost => "stop_host",
            Self::ClientLeaves => "client_leaves",
        }
    }
}

/// How often each happened.
pub type FaultCounts = crate::faults::FaultCounts<Fault>;
