//! Machine #1: order books and matching, price-time priority, many symbols in one machine.
//!
//! Inputs -> outputs: log records (orders, cancels, reduces, replaces, mass cancels, queries, and
//! the commands that steer the venue), the time of every other record, the end of a session ->
//! reports, and events for everybody; the whole state <-> bytes.
//!
//! There are two implementations of the same rules: [`Book`], which is fast, and
//! [`reference::ReferenceBook`], which is naive. Equal records give equal reports, byte for byte,
//! and equal digests; the tests run one suite against both, and let them argue over random commands
//! (examples/argue).
//!
//! Invariants: but for all-or-none orders a book is never crossed between records, unless its phase
//! collects; a rejected command changes nothing but what its rule says; nothing is allocated after
//! construction but by saving and restoring ([`Book`] only); no input panics that
//! [`gavel_types::Command::parse`] takes.
//! Limits: all in `BookPlan`; `orders_max` * 2^32 orders in the life of a machine.
//! Not here: sessions, numbering of reports, wire, clocks, who may steer.
//! Source: FIX 5.0 SP2 for the words; CME's conventions for priority and self-match prevention;
//! Liquibook's tests for all-or-none orders.
//!
#![doc = include_str!("../RULES.md")]
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![allow(
    clippy::inline_always,
    reason = "the commonest ways are one function each; what that gives is measured (quick.rs)"
)]

extern crate alloc;

mod auction;
mod book;
mod cancel;
mod chance;
mod checks;
mod depth;
mod digest;
mod entry;
mod expiry;
mod fetch;
mod kinds;
mod ladder;
mod lanes;
mod levels;
mod life;
mod mass;
mod matching;
mod names;
mod orders;
mod owners;
mod pages;
mod partners;
mod phases;
mod positions;
mod quick;
mod reach;
pub mod reference;
mod replace;
mod reports;
mod risk;
mod state;
mod status;
mod steering;
mod stops;
mod symbol;
mod tell;
mod terms;
#[cfg(test)]
mod testing;
mod timers;
mod verify;

pub use book::Book;
pub use digest::LiveOrder;

/// Template of MarketDataRequest on the wire, which BusinessMessageReject names.
pub const MARKET_DATA_REQUEST_TEMPLATE: u16 = 105;
