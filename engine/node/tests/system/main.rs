//! System tests of the real node: child processes, sockets, files.
//!
//! Inputs -> outputs: frames of well-behaved and of hostile clients, signals, full disks -> what
//! clients hear, exit statuses, what is said on standard error.
//! Invariants: an allocation on the hot thread aborts every node here.
//! Limits: those of `support`.
//! Not here: schedules that only a simulator can force.
#![allow(clippy::unwrap_used)]

mod boot;
mod crash;
mod faults;
mod full_disk;
mod hostile;
mod mass;
mod memory;
mod rules;
mod session;
mod snapshot;
mod support;
