//! From text to a validated [`Plan`](gavel_contract::Plan) and a validated topology.
//!
//! Inputs -> outputs: TOML text and facts about the host -> `Settings`, `Topology`; or an error
//! that says what, where (file, line, key), why, and what to do.
//! Invariants: `default.toml` shows every key at its default (a test holds it to that); no value
//! reaches a room unchecked.
//! Limits: each key's bounds stand beside its check.
//! Not here: reading the host (gavel-io does), opening anything.
#![forbid(unsafe_code)]

mod decimal;
mod error;
mod file;
mod keys;
mod settings;
mod topology;

pub use decimal::parse_decimal;
pub use error::ConfigError;
pub use keys::parse_keys;
pub use settings::{DurableMode, HotAlloc, STP_NAMES, Settings};
pub use topology::{AGENTS, Host, Idle, Tile, TileCpu, Topology};

/// The manual: every key at its default.
pub const DEFAULT_TOML: &str = include_str!("../default.toml");

/// The built-in topologies: (name, text).
pub const TOPOLOGIES: [(&str, &str); 2] = [
    ("shared", include_str!("../topologies/shared.toml")),
    ("pinned", include_str!("../topologies/pinned.toml")),
];
