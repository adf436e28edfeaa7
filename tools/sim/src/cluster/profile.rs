//! Kinds of weather for a cluster.
//!
//! Inputs -> outputs: a name -> a [`Profile`].
//! Invariants: every fault of every profile is legal: clocks keep their bound, at most one node
//! is without its disk or its vote, or has damage on its disk, at a time. But for profiles that
//! expect to be flagged: they break what a promise rests on, and are counted apart (SAFETY 25).
//! Not here: when what happens (weather.rs).

use super::beyond::ANYTHING;
use super::fault::Fault;
use super::rule::Rule;

/// A kind of world.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// A message is lost once in so many; never if 0.
    pub drop_one_in: u64,
    /// A message comes twice once in so many; never if 0.
    pub duplicate_one_in: u64,
    /// A message comes late, by a heavy-tailed time, once in so many; never if 0.
    pub delay_one_in: u64,
    /// Mean time between two faults of the list (ns).
    pub fault_every_ns: u64,
    /// How often each fault is the one.
    pub faults: &'static [(Fault, u32)],
    /// Clocks go wrong, within the bound.
    pub drifts: bool,
    /// Nodes take snapshots and give up their logs' heads.
    pub compacts: bool,
    /// The weakest rule of an answer.
    pub rule: Rule,
    /// Clients read by the lease too, not only by rounds.
    pub lease_reads: bool,
    /// Checkers that are expected to flag it: for worlds beyond the model only.
    pub flags: &'static [&'static str],
    /// Some writes take long, by a heavy-tailed time.
    pub disk_tails: bool,
    /// No journal lies under the nodes: what the protocol alone costs.
    pub is_bare: bool,
}

const CALM: Profile = Profile {
    name: "cluster-calm",
    about: "nodes of a cluster, and nothing goes wrong",
    drop_one_in: 0,
    duplicate_one_in: 0,
    delay_one_in: 0,
    fault_every_ns: 1_000_000_000,
    faults: &[],
    drifts: false,
    compacts: false,
    rule: Rule::Quorum,
    lease_reads: true,
    flags: &[],
    disk_tails: false,
    is_bare: false,
};

const PARTITIONS: &[(Fault, u32)] =
    &[(Fault::Isolate, 4), (Fault::OneWay, 4), (Fault::Partial, 3), (Fault::Split, 4)];

const CRASHES: &[(Fault, u32)] = &[
    (Fault::Crash, 6),
    (Fault::CrashAtWrite, 6),
    (Fault::CrashUnsynced, 4),
    (Fault::Flaps, 2),
    (Fault::CrashAll, 1),
    (Fault::Stop, 2),
    (Fault::SlowDisk, 2),
];

/// Budget: one node's disk is damaged at a time, and the next only when that node has all again
/// that it had: of every entry a minority of the copies is.
const DISKS: &[(Fault, u32)] = &[
    (Fault::Rot, 5),
    (Fault::RotVote, 2),
    (Fault::Misdirected, 4),
    (Fault::FullDisk, 2),
    (Fault::WriteFails, 3),
    (Fault::CrashAtCall, 6),
    (Fault::CrashAtWrite, 3),
    (Fault::CrashAll, 1),
    (Fault::SlowDisk, 2),
    (Fault::DiskStall, 3),
    (Fault::Isolate, 3),
    (Fault::Split, 2),
];

const EVERYTHING: &[(Fault, u32)] = &[
    (Fault::Isolate, 4),
    (Fault::OneWay, 4),
    (Fault::Partial, 3),
    (Fault::Split, 4),
    (Fault::Crash, 5),
    (Fault::CrashAtWrite, 5),
    (Fault::CrashAll, 1),
    (Fault::Stop, 2),
    (Fault::Wipe, 2),
    (Fault::Pause, 4),
    (Fault::Suspend, 3),
    (Fault::SlowProcess, 3),
    (Fault::NarrowLink, 3),
    (Fault::SlowDisk, 3),
    (Fault::DiskStall, 2),
    (Fault::FullDisk, 1),
    (Fault::WriteFails, 2),
    (Fault::CrashAtCall, 4),
    (Fault::Rot, 3),
    (Fault::RotVote, 1),
    (Fault::Misdirected, 2),
    (Fault::Transfer, 3),
    (Fault::TransferCut, 3),
    (Fault::FalseSuspicion, 2),
    (Fault::Usurp, 2),
    (Fault::Demote, 3),
    (Fault::CrashUnsynced, 2),
    (Fault::Flaps, 1),
    (Fault::Interregnum, 2),
    (Fault::ClientLeaves, 2),
];

/// What puts at stake what a majority does not have on disk.
const WEAK: &[(Fault, u32)] = &[
    (Fault::Isolate, 6),
    (Fault::OneWay, 3),
    (Fault::Partial, 2),
    (Fault::Split, 5),
    (Fault::Crash, 4),
    (Fault::CrashAtWrite, 4),
    (Fault::CrashAll, 2),
    (Fault::CrashUnsynced, 4),
    (Fault::Stop, 1),
    (Fault::Wipe, 1),
    (Fault::Pause, 3),
    (Fault::Suspend, 2),
    (Fault::SlowDisk, 6),
    (Fault::Transfer, 2),
    (Fault::TransferCut, 2),
    (Fault::FalseSuspicion, 3),
    (Fault::Usurp, 3),
    (Fault::Demote, 2),
    (Fault::Flaps, 1),
    (Fault::Forgets, 3),
    (Fault::Interregnum, 1),
    (Fault::ClientLeaves, 1),
];

/// Hosts that stop as a whole, and what deposes their leaders meanwhile.
const STOPS: &[(Fault, u32)] = &[
    (Fault::StopHost, 8),
    (Fault::FalseSuspicion, 5),
    (Fault::Isolate, 3),
    (Fault::Crash, 2),
    (Fault::Transfer, 1),
];

/// All of them; the first is the usual one.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: "cluster-everything",
        about: "all of it together, with drifting clocks, snapshots, wiped and damaged disks",
        drop_one_in: 100,
        duplicate_one_in: 100,
        delay_one_in: 50,
        faults: EVERYTHING,
        drifts: true,
        compacts: true,
        disk_tails: true,
        ..CALM
    },
    CALM,
    Profile {
        name: "cluster-bare",
        about: "calm, and without a journal: what the protocol alone costs",
        is_bare: true,
        ..CALM
    },
    Profile {
        name: "cluster-disks",
        about: "disks tear, lose, rot, misdirect, fill up, fail, stall; one is damaged at a time",
        faults: DISKS,
        compacts: true,
        disk_tails: true,
        ..CALM
    },
    Profile {
        name: "cluster-lossy",
        about: "messages are lost, come twice, late and in another order, links are narrow",
        drop_one_in: 20,
        duplicate_one_in: 20,
        delay_one_in: 20,
        faults: &[(Fault::NarrowLink, 1)],
        fault_every_ns: 3_000_000_000,
        drifts: true,
        ..CALM
    },
    Profile {
        name: "cluster-partitions",
        about: "nodes do not reach each other: one way, in part, in two parts",
        delay_one_in: 100,
        faults: PARTITIONS,
        fault_every_ns: 800_000_000,
        ..CALM
    },
    Profile {
        name: "cluster-crashes",
        about: "processes die at any step, alone and together; disks are slow",
        faults: CRASHES,
        fault_every_ns: 800_000_000,
        ..CALM
    },
    Profile {
        name: "cluster-wipes",
        about: "disks are lost, one at a time, and nodes come back as learners",
        faults: &[(Fault::Wipe, 3), (Fault::Crash, 3), (Fault::Transfer, 1)],
        compacts: true,
        ..CALM
    },
    Profile {
        name: "cluster-members",
        about: "voters become learners and voters again, some through joint configurations",
        faults: &[
            (Fault::Demote, 6),
            (Fault::Wipe, 1),
            (Fault::Crash, 3),
            (Fault::Split, 3),
            (Fault::FalseSuspicion, 3),
        ],
        fault_every_ns: 500_000_000,
        ..CALM
    },
    Profile {
        name: "cluster-pauses",
        about: "processes are slow or stand still, hosts are suspended, with drifting clocks",
        delay_one_in: 100,
        faults: &[
            (Fault::Pause, 4),
            (Fault::Suspend, 4),
            (Fault::SlowProcess, 4),
            (Fault::Transfer, 2),
        ],
        fault_every_ns: 700_000_000,
        drifts: true,
        ..CALM
    },
    Profile {
        name: "cluster-leases",
        about: "leaders lose their leases in every way: isolated, stopped, handed over, suspected",
        delay_one_in: 20,
        faults: &[
            (Fault::Isolate, 6),
            (Fault::Split, 3),
            (Fault::Pause, 3),
            (Fault::Suspend, 3),
            (Fault::Stop, 3),
            (Fault::Crash, 3),
            (Fault::Transfer, 3),
            (Fault::TransferCut, 5),
            (Fault::FalseSuspicion, 5),
            (Fault::Usurp, 5),
            (Fault::Interregnum, 3),
        ],
        fault_every_ns: 400_000_000,
        drifts: true,
        ..CALM
    },
    Profile {
        name: "cluster-held",
        about: "answers once a majority received it and one disk has it; some sessions want more",
        drop_one_in: 100,
        duplicate_one_in: 200,
        delay_one_in: 50,
        faults: WEAK,
        fault_every_ns: 700_000_000,
        drifts: true,
        compacts: true,
        rule: Rule::Held,
        ..CALM
    },
    Profile {
        name: "cluster-local",
        about: "answers once the primary's disk has it, within bounds; some sessions ask for more",
        drop_one_in: 100,
        duplicate_one_in: 200,
        delay_one_in: 50,
        faults: WEAK,
        fault_every_ns: 700_000_000,
        drifts: true,
        compacts: true,
        rule: Rule::Local,
        ..CALM
    },
    Profile {
        name: "cluster-anew",
        about: "all nodes but one are lost, and it begins anew; the others come back empty",
        drop_one_in: 200,
        delay_one_in: 100,
        faults: &[
            (Fault::BeginAnew, 3),
            (Fault::Crash, 4),
            (Fault::Isolate, 3),
            (Fault::OneWay, 2),
            (Fault::Transfer, 1),
            (Fault::SlowDisk, 2),
            (Fault::CrashUnsynced, 2),
        ],
        drifts: true,
        compacts: true,
        ..CALM
    },
    Profile {
        name: "cluster-torn",
        about: "beyond the model: one node begins anew while the others run; nobody goes back",
        drop_one_in: 200,
        delay_one_in: 100,
        faults: &[(Fault::Crash, 4), (Fault::Isolate, 3), (Fault::OneWay, 2), (Fault::Stop, 1)],
        drifts: true,
        flags: ANYTHING,
        ..CALM
    },
    Profile {
        name: "cluster-stopped",
        about: "beyond the model: hosts stop with all clocks; held, reads by rounds: all holds",
        delay_one_in: 100,
        faults: STOPS,
        fault_every_ns: 500_000_000,
        drifts: true,
        rule: Rule::Held,
        lease_reads: false,
        flags: &["one-lease"],
        ..CALM
    },
    Profile {
        name: "cluster-stopped-local",
        about: "the same with local and reads by the lease: flagged, and no client is told by both",
        delay_one_in: 100,
        faults: STOPS,
        fault_every_ns: 500_000_000,
        drifts: true,
        rule: Rule::Local,
        flags: &["one-lease", "stale-read", "linearizable", "bound"],
        ..CALM
    },
    Profile {
        name: "cluster-clocks",
        about: "beyond the model: clocks are set, forth and back",
        delay_one_in: 100,
        faults: &[(Fault::ClockJump, 8), (Fault::Isolate, 4), (Fault::Split, 3), (Fault::Usurp, 3)],
        fault_every_ns: 400_000_000,
        drifts: true,
        flags: &["one-lease", "stale-read", "linearizable"],
        ..CALM
    },
];

impl Profile {
    /// The profile of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        PROFILES.iter().find(|profile| profile.name == name)
    }
}
