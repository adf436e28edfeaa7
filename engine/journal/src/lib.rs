//! The write-ahead log: format, group commit, recovery.
//!
//! Inputs -> outputs: [`Journal`] takes records from a ring and raises the `durable` watermark over
//! what a [`gavel_contract::LogStore`] has made durable; [`recovery::scan`] reads a log back
//! through a [`gavel_contract::LogReader`] and says where it ends, or refuses to serve;
//! [`tail::Tail`] reads it while it is written.
//! Invariants: records are written in order, each once; `durable` covers only the contiguous prefix
//! of completed writes; what `durable` covered is there after any crash, or the scan refuses.
//! Limits: [`gavel_contract::JournalPlan`], [`format::BLOCK_BYTES_MAX`].
//! Not here: files, system calls, clocks, threads; what a command means; consensus; when a log is
//! cut, or goes on behind a snapshot (who owns a member's journal says so, as a [`LogTurn`]).
//! Source: the rules of safety 1 to 4 (SAFETY 1, 3, 4 where they are met).
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(all(feature = "sim", not(test)))]
extern crate std;

mod block;
pub mod format;
pub mod inspect;
mod journal;
#[cfg(any(test, feature = "sim"))]
pub mod memory;
pub mod recovery;
pub mod tail;
#[cfg(test)]
mod tests;
pub mod vote;

#[cfg(any(test, feature = "mutate"))]
pub use journal::Mutation;
pub use journal::{Journal, JournalCounts, JournalLinks, JournalStart, LogTurn};
pub use recovery::{LogPoint, LogPointBytes, Recovered, Refusal};
pub use tail::Tail;
