//! Random traces over many nodes in memory: what must hold does, and planted bugs are seen.
//!
//! Inputs -> outputs: seeds -> traces of legal events, checked after each (trace.rs, tales.rs).
//! Not here: every order of events of a small cluster (model.rs); stories (raft/testdata).
#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod planted;
mod random;
mod tales;
mod trace;
