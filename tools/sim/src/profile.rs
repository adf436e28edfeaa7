//! Profiles: what kind of weather a world has, and its limits.
//!
//! Inputs -> outputs: a name -> a [`Profile`]; a profile and a seed -> the Plan of the node.
//! Invariants: every fault of every profile is legal: the node must come through.
//! Not here: when what happens (world.rs).

use crate::faults::Fault;
use crate::random::Random;
use gavel_contract::{
    AckRule, BookPlan, JournalPlan, Plan, RetransmitPlan, RingPlan, SessionPlan, SymbolSpec,
};
use gavel_types::{Price, Qty, SymbolId};

/// Instruments of a world.
pub const SYMBOLS: u32 = 3;

/// Most sessions of a world.
const SESSIONS_MAX: u32 = 8;

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
    /// Rings, sockets and retransmission windows are as small as they may be: history may be lost,
    /// if the client is told.
    pub is_tight: bool,
}

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
        is_tight: false,
    },
    Profile {
        name: "calm",
        about: "no faults: any order of agents, completions and bytes",
        clients: 4,
        commands: 5_000,
        seconds: 60,
        fault_one_in_steps: 8_000,
        faults: &[],
        is_tight: false,
    },
    Profile {
        name: "crash",
        about: "crashes close upon each other, at any port call",
        clients: 3,
        commands: 5_000,
        seconds: 60,
        fault_one_in_steps: 3_000,
        faults: &[(Fault::CrashNode, 1), (Fault::CrashAtCall, 8), (Fault::WriteFails, 1)],
        is_tight: false,
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
        ],
        is_tight: false,
    },
    Profile {
        name: "single",
        about: "one client, so that its messages alone say what the book must be",
        clients: 1,
        commands: 5_000,
        seconds: 60,
        fault_one_in_steps: 6_000,
        faults: ALL_FAULTS,
        is_tight: false,
    },
    Profile {
        name: "tight",
        about: "as storm, with the smallest rings, sockets and windows",
        clients: 5,
        commands: 5_000,
        seconds: 60,
        fault_one_in_steps: 8_000,
        faults: ALL_FAULTS,
        is_tight: true,
    },
];

impl Profile {
    /// The profile of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        PROFILES.iter().find(|profile| profile.name == name)
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
        let symbol = |n| SymbolSpec {
            symbol: SymbolId(n),
            name: format!("SYM{n}"),
            tick: Price(10),
            lot: Qty(1),
            price_min: Price(10),
            price_max: Price(100_000),
            qty_max: Qty(1_000),
        };
        Plan {
            book: BookPlan {
                symbols: (1..=SYMBOLS).map(symbol).collect(),
                orders_max: if self.is_tight { 64 } else { 1_024 },
                levels_max: 64,
                sessions_max: SESSIONS_MAX,
            },
            session: SessionPlan {
                sessions_max: SESSIONS_MAX,
                connections_max: 12,
                keepalive_min_ms: 100,
                keepalive_max_ms: 10_000,
                establish_timeout_ms: 2_000,
                cod_window_max_ms: 10_000,
                idle_expiry_ms: 0,
                throttle_per_s: 0,
                throttle_burst: 1,
                needs_credentials: false,
            },
            retransmit: RetransmitPlan {
                pool_bytes: if self.is_tight { 128 << 10 } else { 8 << 20 },
                chunk_bytes: 8 << 10,
                lag_max_bytes: if self.is_tight { 8 << 10 } else { 32 << 10 },
            },
            journal: JournalPlan {
                segment_bytes: (32 << 10) << random.below(2),
                block_bytes_max: 4_096 << random.below(4),
                blocks_in_flight_max: random.between(1, 8) as usize,
                seal_after_ms: random.between(1, 50) as u32,
                full_retry_ms: random.between(1, 50) as u32,
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
