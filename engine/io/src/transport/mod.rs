//! Transports for clients. Today: TCP over non-blocking sockets.
//!
//! Inputs -> outputs: `gavel_contract::Ingress` and `Egress`.
//! Invariants: a connection's name is never used again; no byte reaches a client that it was not
//! meant for.
//! Limits: fixed when a transport is made.
//! Not here: frames, sessions.

mod slots;
pub mod tcp;
