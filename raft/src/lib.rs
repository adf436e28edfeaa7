//! The consensus core: a thin Raft, sans I/O.
//!
//! ```text
//! Raft::step(now, input, output)
//!   input:  time, messages, "this is durable", "the leader's log grew", wishes of the operator
//!   output: hard state to write, messages (each with what must be durable before it leaves),
//!           which entries to take, what to append as leader, answers to reads
//!   state:  role, leader, commit, held, until when the leader may speak
//! ```
//!
//! Inputs -> outputs: above. The host carries them out; entries never pass through here.
//! Invariants: at most one leader a term; equal (index, term) means equal logs up to there; what is
//! committed stays; two nodes never speak under a lease at one time. A step allocates nothing.
//! Limits: the module [`limits`].
//! Not here: entries, disks, sockets, clocks, bytes, randomness but for the seed it was given. A
//! log is (last index, runs of equal term), because that is all the protocol asks.
//! Source: D. Ongaro, J. Ousterhout, *In Search of an Understandable Consensus Algorithm* (cited
//! as Raft and its section); D. Ongaro, *Consensus: Bridging Theory and Practice* (cited as Thesis
//! and its section); the rules of safety of ARCHITECTURE.md (cited as SAFETY and their number).
//! `cargo xtask spec` lists which tests check which of them.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod clock;
mod config;
mod election;
mod follow;
mod inbox;
mod lead;
mod lease;
pub mod limits;
mod log;
mod membership;
#[cfg(feature = "sim")]
pub mod memory;
mod message;
#[cfg(feature = "mutate")]
mod mutation;
mod patience;
mod peer;
mod port;
mod raft;
mod reads;
mod release;
mod set;
mod transfer;

pub use clock::{Now, Timing};
pub use config::{Change, ChangeMode, ChangeRefusal, Config, ConfigAt, DiskId};
pub use log::{Log, LogPosition, Mark, Run, Runs};
pub use message::{Append, Body, ClusterGeneration, Incarnation, Message, Progress, ReadKind};
#[cfg(feature = "mutate")]
pub use mutation::Mutation;
pub use peer::{Holder, Pace, Peer};
pub use port::{
    Accept, Deadline, Dropped, DurablePoint, HardState, Input, Output, ReadAnswer, Refusal,
    Restored, Role, Send, Want,
};
pub use raft::{Options, Raft, Start, Window};
pub use release::Released;
pub use set::NodeSet;
