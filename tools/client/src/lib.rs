//! The client's side of Gavel: a session that survives crashes of the engine, of the network and,
//! with a [`Checkpoint`], of the client itself.
//!
//! ```text
//! application --submit--> pending (bytes, numbered) --> out --> socket --> engine
//! application <--Event--- inflow (ordered, once)    <-- in  <-- socket <-- engine
//! ```
//!
//! Inputs -> outputs: [`Application`](gavel_wire::client::Application) messages and bytes in, bytes
//! and [`Event`]s out.
//! Invariants: a message that `submit` numbered is applied by the engine exactly once, or the
//! client is told that it never will be; every report is delivered once, in order, without a gap,
//! or the client is told which are lost; nothing is sent again that was answered, also where the
//! engine has lost what it answered: the client is told exactly which those are.
//! Limits: all in [`ClientConfig`]; no memory is taken after [`Client::connect`].
//! Not here: threads (the application polls), what orders mean, market data feeds.
//! Source: FIXP 1.1 (idempotent client flow, recoverable server flow); SAFETY 8, 17-20.
//!
//! # Example
//!
//! ```no_run
//! use gavel_client::{Client, ClientConfig, Event, Limit};
//! use gavel_types::{ClOrdId, Price, Qty, SessionUuid, Side, SymbolId, TimeInForce};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let addr = "127.0.0.1:9010".parse()?;
//! let mut client = Client::connect(ClientConfig::new(addr, SessionUuid([1; 16])))?;
//! let mut show = |event: Event<'_>| println!("{event:?}");
//! client.poll_until(Duration::from_secs(5), &mut show, |client| client.is_established())?;
//! client.submit(&Limit {
//!     cl_ord_id: ClOrdId(1),
//!     symbol: SymbolId(1),
//!     side: Side::Buy,
//!     price: Price(100_000_000_000), // 100.00
//!     qty: Qty(10),
//!     time_in_force: TimeInForce::Gtc,
//! }.into())?;
//! client.poll_until(Duration::from_secs(5), &mut show, |client| client.in_flight() == 0)?;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod acknowledged;
mod answer;
mod client;
mod config;
mod event;
mod inflow;
pub mod initiator;
mod key;
mod order;
mod pending;
mod request;
mod steer;

pub use acknowledged::Acknowledged;
pub use client::Client;
pub use config::{Checkpoint, ClientConfig};
pub use event::{ClientError, Counters, DisconnectReason, Established, Event, SubmitError};
pub use key::Key;
pub use order::Order;
pub use request::{Limit, MassCancel, Reduce, StatusOf};
pub use steer::{Bands, KillParty, RiskLimits, RiskParty, Steer, SymbolRules};

pub use gavel_wire::client::{Application, LastReport};
pub use gavel_wire::server::{Levels, MarketDataSnapshot, Sequenced, SequencedBody};
