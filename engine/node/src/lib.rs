//! One durable node: start, serve, stop.
//!
//! Inputs -> outputs: a command line -> a serving process and its exit status.
//! Invariants: see [`boot`].
//! Limits: those of the configuration, printed at start.
//! Not here: anything that the simulator must run too; that is in gavel-pipeline.
#![forbid(unsafe_code)]

mod authenticator;
mod background;
pub mod boot;
pub mod cli;
pub mod exit;
mod say;
mod set_back;
mod store;
pub mod tile;
mod trace;
mod watch;
