//! A deterministic state machine and the place it writes its reports to.

use gavel_types::{LogRecord, Report, SessionSlot};

/// Whether a machine finished with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// The record is applied whole.
    Done,
    /// The outbox ran out of room between two steps: call [`Machine::resume`] when there is room.
    /// No other record may be applied meanwhile.
    Paused,
}

/// Where a machine puts its reports.
pub trait Outbox {
    /// Reports that can be pushed now (slots).
    fn free(&self) -> usize;

    /// Appends a report.
    ///
    /// # Panics
    /// If there is no free slot: machines check [`Outbox::free`] first.
    fn push(&mut self, report: Report);
}

/// A deterministic state machine: its state and its reports are a function of the records applied,
/// and of nothing else (no clock, no I/O, no randomness, no address).
///
/// Callers apply a record only when the outbox has at least `gavel_types::limits::BURST` free
/// slots. A machine returns [`Progress::Paused`] rather than exceed what is free.
pub trait Machine {
    /// Applies one record.
    fn apply(&mut self, record: &LogRecord, out: &mut impl Outbox) -> Progress;

    /// Goes on with the record that paused.
    ///
    /// # Panics
    /// If nothing is paused.
    fn resume(&mut self, out: &mut impl Outbox) -> Progress;

    /// The book digest: symbol, session (by `session_key`, which maps a slot to something that does
    /// not depend on the order of negotiation), ClOrdID, side, price, leaves, cumulative quantity
    /// and queue order of everything live; nothing that differs between two runs of the same
    /// commands. May take time proportional to the state.
    fn digest(&self, session_key: &dyn Fn(SessionSlot) -> u64) -> u64;

    /// Bytes that the machine holds, all of them since it was made.
    fn memory_bytes(&self) -> usize;
}
