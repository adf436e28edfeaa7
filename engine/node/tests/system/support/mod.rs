//! What system tests are made of: a place with a configuration, a node as a child process, clients
//! that speak raw frames, and one well-behaved client beside the others.
//!
//! Inputs -> outputs: a [`Config`] in; running nodes and what they said out.
//! Invariants: nothing waits longer than [`WITHIN`]; nothing sleeps; ports are the system's choice.
//! Limits: one directory for each [`Place`], gone with it.
//! Not here: the client library, whose bugs these tests must not share.

pub(crate) mod client;
pub(crate) mod healthy;
pub(crate) mod node;
pub(crate) mod say;

pub(crate) use client::{Client, Heard};
pub(crate) use healthy::Healthy;
pub(crate) use node::{Config, Node, Place};

use gavel_types::SessionUuid;
use std::time::Duration;

/// Longest wait for anything.
pub(crate) const WITHIN: Duration = Duration::from_secs(20);

/// A keep-alive interval (ms) so long that a test needs no heartbeat.
pub(crate) const NO_HURRY_MS: u32 = 60_000;

/// A session's name; each node has its own sessions.
pub(crate) const fn uuid(number: u32) -> SessionUuid {
    let [a, b, c, d] = number.to_be_bytes();
    SessionUuid([a, b, c, d, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1])
}
