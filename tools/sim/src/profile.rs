//! Profiles: what kind of weather a world has, and its limits.
//!
//! Inputs -> outputs: a name -> a [`Profile`]; a profile and a seed -> the Plan of the node.
//! Invariants: every fault of every profile is legal: the node must come through.
//! Not here: when what happens (world.rs).

use crate::faults::Fault;
use crate::habits::Habits;
use crate::random::Random;
use gavel_contract::{
    AckRule, BookPlan, JournalPlan, Plan, ReportStorePlan, RetransmitPlan, RingPlan, SessionPlan,
    SnapshotPlan, SymbolSpec,
};
use gavel_types::{Price, Qty, StpInstruction, SymbolId};

/// Instruments of a world.
pub const SYMBOLS: u32 = 3;

/// Bytes of a chunk of the windows.
const CHUNK_BYTES: usize = 8 << 10;

/// A kind of world.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Clients, one session each.
    pub clients: usize,
    /// Messages that are submitted at least.
    pub commands: u64,
    /// Virtual time that passes at least (s).
    pub seconds: u64,
    /// A fault happens once in so many steps, on average.
    pub fault_one_in_steps: u64,
    /// How often each fault is the one.
    pub faults: &'static [(Fault, u32)],
    /// Longest time in which nobody submits anything (ns).
    pub quiet_ns: u64,
    /// Longest jump of time while nobody has anything to do then (ns).
    pub jump_ns: u64,
    /// How its clients live.
    pub habits: Habits,
    /// Rings, sockets and windows are as small as they may be.
    pub is_tight: bool,
    /// Reports may be lost, if the client is told: little is stored of them, and calls to files
    /// fail.
    pub is_lossy: bool,
}

/// In worlds of a minute.
const QUIET_NS: u64 = 1_500_000_000;
const JUMP_NS: u64 = 20_000_000;

/// In worlds of a minute.
const LIVELY: Habits = Habits {
    leaves_one_in: 300,
    away_ns: 1_000_000_000,
    finishes_one_in: 800,
    cod_window_ms: 1_000,
    is_forgotten: false,
};

const ALL_FAULTS: &[(Fault, u32)] = &[
    (Fault::CrashNode, 2),
    (Fault::CrashAtCall, 6),
    (Fault::StopNode, 1),
    (Fault::WriteFails, 1),
    (Fault::SlowDisk, 4),
    (Fault::FullDisk, 3),
    (Fault::CutConnection, 6),
    (Fault::ClientDies, 5),
    (Fault::ClientStalls, 4),
    (Fault::AgentSleeps, 6),
    (Fault::ClockSteps, 2),
    (Fault::SnapshotRots, 2),
];

const FILE_FAULTS_TOO: &[(Fault, u32)] = &[
    (Fault::CrashNode, 2),
    (Fault::CrashAtCall, 6),
    (Fault::StopNode, 1),
    (Fault::WriteFails, 1),
    (Fault::SlowDisk, 4),
    (Fault::FullDisk, 3),
    (Fault::CutConnection, 6),
    (Fault::ClientDies, 5),
    (Fault::ClientStalls, 4),
    (Fault::AgentSleeps, 6),
    (Fault::ClockSteps, 2),
    (Fault::SnapshotRots, 2),
    (Fault::FileCallFails, 6),
];

/// All profiles; the first is the one that runs unless another is named.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: "storm",
        about: "everything that may happen to one node",
        clients: 4,
        commands: 5_000,
        seconds: 60,
        fault_one_in_steps: 8_000,
        faults: ALL_FAULTS,
        quiet_ns: QUIET_NS,
        jump_ns: JUMP_NS,
        habits: LIVELY,
        is_tight: false,
        is_lossy: false,
    },
    Profile {
        name: "calm",
        about: "no faults: any order of agents, completions and bytes",
        clients: 4,
        commands: 5_000,
        seconds: 60,
        fault_one_in_steps: 8_000,
        faults: &[],
        quiet_ns: QUIET_NS,
        jump_ns: JUMP_NS,
        habits: LIVELY,
        is_tight: false,
        is_lossy: false,
    },
    Profile {
        name: "crash",
        about: "crashes close upon each other, at any port call",
        clients: 3,
        commands: 5_000,
        seconds: 60,
        fault_one_in_steps: 3_000,
        faults: &[
            (Fault::CrashNode, 1),
            (Fault::CrashAtCall, 8),
            (Fault::WriteFails, 1),
            (Fault::SnapshotRots, 1),
        ],
        quiet_ns: QUIET_NS,
        jump_ns: JUMP_NS,
        habits: LIVELY,
        is_tight: false,
        is_lossy: false,
    },
    Profile {
        name: "clients",
        about: "clients die, stall, and lose their connections",
        clients: 6,
        commands: 5_000,
        seconds: 60,
        fault_one_in_steps: 3_000,
        faults: &[
            (Fault::CutConnection, 6),
            (Fault::ClientDies, 6),
            (Fault::ClientStalls, 4),
            (Fault::CrashAtCall, 1),
            (Fault::SnapshotRots, 1),
        ],
        quiet_ns: QUIET_NS,
        jump_ns: JUMP_NS,
        habits: LIVELY,
        is_tight: false,
        is_lossy: false,
    },
    Profile {
        name: "single",
        about: "one client, so that its messages alone say what the book must be",
        clients: 1,
        commands: 5_000,
        seconds: 60,
        fault_one_in_steps: 6_000,
        faults: ALL_FAULTS,
        quiet_ns: QUIET_NS,
        jump_ns: JUMP_NS,
        habits: Habits { finishes_one_in: 0, cod_window_ms: 0, ..LIVELY },
        is_tight: false,
        is_lossy: false,
    },
    Profile {
        name: "tight",
        about: "as storm, with the smallest rings, sockets and windows, and files that fail",
        clients: 5,
        commands: 5_000,
        seconds: 60,
        fault_one_in_steps: 8_000,
        faults: FILE_FAULTS_TOO,
        quiet_ns: QUIET_NS,
        jump_ns: JUMP_NS,
        habits: LIVELY,
        is_tight: true,
        is_lossy: true,
    },
    Profile {
        name: "day",
        about: "24 hours: sessions come, go, finish, are forgotten; crashes every hour or so",
        clients: 8,
        commands: 5_000,
        seconds: 24 * 60 * 60,
        fault_one_in_steps: 30_000,
        faults: ALL_FAULTS,
        quiet_ns: 600_000_000_000,
        jump_ns: 2_500_000_000,
        habits: Habits {
            leaves_one_in: 40,
            away_ns: 3 * 60 * 60 * 1_000_000_000,
            finishes_one_in: 100,
            cod_window_ms: 10_000,
            is_forgotten: true,
        },
        is_tight: false,
        is_lossy: false,
    },
    Profile {
        name: "countdown",
        about: "short worlds, so that each of their storage calls can fail in turn",
        clients: 2,
        commands: 300,
        seconds: 1,
        fault_one_in_steps: 8_000,
        faults: &[(Fault::CrashNode, 1), (Fault::StopNode, 1)],
        quiet_ns: QUIET_NS,
        jump_ns: JUMP_NS,
        habits: LIVELY,
        is_tight: false,
        is_lossy: true,
    },
];

impl Profile {
    /// The profile of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        PROFILES.iter().find(|profile| profile.name == name)
    }

    /// Most sessions at one time. One that is finished, or left with live orders, is kept for long.
    fn sessions_max(&self) -> u32 {
        match (self.is_tight, self.habits.is_forgotten) {
            (_, true) => 256,
            (true, false) => 16,
            (false, false) => 32,
        }
    }

    /// So short that a snapshot is seldom due.
    fn is_short(&self) -> bool {
        self.commands < 1_000
    }

    /// The node's limits in a world of this profile.
    #[must_use]
    pub fn plan(&self, random: &mut Random) -> Plan {
        let mut depth = |least: u64, doublings: u64| {
            let doublings = if self.is_tight { 0 } else { random.below(doublings + 1) };
            (least << doublings) as usize
        };
        let ring = RingPlan {
            gateway_to_sequencer: depth(128, 3),
            control_to_sequencer: 8,
            sequencer_to_journal: depth(4, 8),
            sequencer_to_executor: depth(4, 8),
            executor_to_egress: depth(256, 3),
            gateway_to_egress: depth(128, 3),
            egress_to_gateway: 64,
        };
        let orders_max = if self.is_tight { 64 } else { 1_024 };
        Plan {
            book: BookPlan {
                symbols: (1..=SYMBOLS).map(symbol).collect(),
                levels_max: 64,
                sessions_max: self.sessions_max(),
                ..BookPlan::for_orders(orders_max)
            },
            session: SessionPlan {
                sessions_max: self.sessions_max(),
                connections_max: 12,
                keepalive_min_ms: 100,
                keepalive_max_ms: 10_000,
                establish_timeout_ms: 2_000,
                cod_window_max_ms: 10_000,
                idle_expiry_ms: if self.habits.is_forgotten { 3_600_000 } else { 0 },
                throttle_per_s: if random.one_in(4) { 1 << random.between(6, 12) } else { 0 },
                throttle_burst: random.between(1, 200) as u32,
                needs_credentials: false,
            },
            retransmit: RetransmitPlan {
                pool_bytes: {
                    let least = 2 * self.sessions_max() as usize * CHUNK_BYTES;
                    if self.is_tight { least } else { least << random.below(2) }
                },
                chunk_bytes: CHUNK_BYTES,
                lag_max_bytes: if self.is_tight { 8 << 10 } else { 32 << 10 },
            },
            journal: JournalPlan {
                segment_bytes: (32 << 10) << random.below(2),
                block_bytes_max: 4_096 << random.below(4),
                blocks_in_flight_max: random.between(1, 8) as usize,
                seal_after_ms: random.between(1, 50) as u32,
                full_retry_ms: random.between(1, 50) as u32,
            },
            snapshot: SnapshotPlan {
                every_records: if self.is_short() { 60 } else { random.between(40, 600) },
                keep: random.between(1, 3) as u32,
                retry_ms: random.between(1, 50) as u32,
            },
            reports: ReportStorePlan {
                bytes_max: if self.is_lossy { 256 << 10 } else { 64 << 20 },
                gather_bytes_max: (64 << 10) << random.below(4),
                pages: random.between(1, 8) as usize,
            },
            ring,
            ack: AckRule::Local,
            lease_ms: 0,
        }
    }

    /// Bytes that a socket holds.
    #[must_use]
    pub fn socket_bytes(&self, random: &mut Random) -> usize {
        if self.is_tight { 2 << 10 } else { 4_096 << random.below(5) }
    }
}

fn symbol(n: u32) -> SymbolSpec {
    SymbolSpec {
        symbol: SymbolId(n),
        name: format!("SYM{n}"),
        tick: Price(10),
        lot: Qty(1),
        price_min: Price(10),
        price_max: Price(100_000),
        qty_max: Qty(1_000),
        qty_scale: 0,
        stp: StpInstruction::Allow,
        protection: Price(0),
    }
}
