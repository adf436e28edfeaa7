//! The agents of one node, one file each, and `assemble()`.
//!
//! Inputs -> outputs: clients' bytes -> clients' bytes, by way of the log (ARCHITECTURE.md).
//! Invariants: those numbered there, each asserted where it could break.
//! Limits: all in the Plan, and the batch constants at the head of each agent.
//! Not here: threads, clocks, sockets, files: agents meet them as ports, so that the simulator can
//! drive the same code.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod assemble;
mod authenticator;
mod batch;
mod configuration;
mod connection;
mod egress;
mod executor;
mod fetch;
mod gateway;
#[cfg(feature = "mutate")]
mod mutation;
mod replicator;
mod restart;
mod sequencer;
pub mod session;
mod shadow;
pub mod snapshot;
#[cfg(test)]
mod testing;
mod throttle;
mod wires;

pub use assemble::{Assembled, Assembly, Handles, Ports, SINGLE_NODE_TERM, assemble};
pub use authenticator::{Authenticator, AuthenticatorLinks, CLAIMS_PER_CYCLE};
pub use configuration::configuration;
pub use connection::{FromAuthenticator, FromEgress, ToAuthenticator, ToEgress};
pub use egress::{
    Egress, EgressLinks, EgressStart, FetchLinks, REPORTS_PER_CYCLE, REQUESTS_PER_CYCLE,
};
pub use executor::{Executor, RECORDS_PER_CYCLE};
pub use gateway::{
    AuthenticatorRings, EVENTS_PER_CYCLE, Gateway, GatewayLinks, HELD_BYTES, READ_BYTES_MAX,
    TURNS_PER_CYCLE,
};
#[cfg(feature = "mutate")]
pub use mutation::Mutation;
pub use replicator::{FromReplicator, ReplicatorLinks};
pub use restart::{Loaded, PassedOver, Restart, StartRefusal, StartTimes, load};
pub use sequencer::{COMMANDS_PER_CYCLE, LogEnd, Sequencer, SequencerLinks};
pub use shadow::{
    BLOCKS_PER_CYCLE, FETCHES_PER_CYCLE, NEWS_MAX, Shadow, ShadowCounts, ShadowLinks, ShadowNews,
    ShadowPorts,
};
