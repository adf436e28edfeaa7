//! A deterministic simulator: the whole node, made by the `assemble()` that production calls, on
//! one thread, in virtual time, under one seed, with its disk, its network and its clients going
//! wrong in every legal way.
//!
//! ```text
//! seed -> World -+- Node: assemble(SimBook, SimStore, SimIngress, SimEgress)
//!                +- MemoryDisk, Net, clients (the SDK's Initiator)
//!                +- weather: crashes at any port call, slow and full disks, stalls, clock steps
//!                +- Checkers, who believe the disk and the wire, never the node
//! ```
//!
//! Inputs -> outputs: seeds, a profile, perhaps a planted bug -> outcomes: the first rule that did
//! not hold, with a timeline and the command that plays it again.
//! Invariants: the same seed gives the same events, bit for bit; faults are legal, so every
//! violation is a bug.
//! Limits: one node; [`world::STEPS_MAX`] steps.
//! Not here: threads, real time, real disks and sockets; rot of what was durable.
//! Source: TigerBeetle's VOPR and FoundationDB's simulation for the idea.
#![forbid(unsafe_code)]

pub mod check;
pub mod cli;
pub mod client;
pub mod cluster;
pub mod countdown;
pub mod crash;
pub mod faults;
pub mod flow;
pub mod forecast;
pub mod habits;
pub mod less;
pub mod linear;
pub mod machine;
pub mod mutation;
pub mod net;
pub mod node;
pub mod ports;
pub mod profile;
pub mod random;
pub mod regressions;
mod replay;
pub mod run;
pub mod script;
pub mod timeline;
mod weather;
pub mod world;

pub use countdown::FailCall;
pub use faults::{Fault, FaultCounts};
pub use mutation::Mutation;
pub use profile::{PROFILES, Profile};
pub use run::{Case, Outcome, hunt, run};
pub use world::World;
