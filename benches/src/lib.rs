//! What measurements share: the floor of the machine, a node to measure, and how figures are
//! printed.
//!
//! Inputs -> outputs: a host -> figures, each taken beside what it is compared with.
//! Invariants: nothing is reported that was not measured in the run that prints it; what is
//! compared is interleaved.
//! Limits: functional figures on shared two-core machines, never product latency.
//! Not here: gates; the harness that drives open loops.
#![forbid(unsafe_code)]

pub mod disk;
pub mod figures;
pub mod matching;
pub mod network;
pub mod node;
pub mod open_loop;
pub mod orders;
pub mod stages;
pub mod workload;
