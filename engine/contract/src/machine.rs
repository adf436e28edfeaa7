//! A deterministic state machine and the place it writes its reports to.

use gavel_types::{CancelReason, Event, LogRecord, Nanos, Report, SessionSlot, Stamp};

/// Whether a machine finished with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// The record is applied whole.
    Done,
    /// The outbox ran out of room between two steps, or enough was done for one turn: call
    /// [`Machine::resume`] when there is room. No other record may be applied meanwhile.
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

    /// Whether events are kept. If not, none are made.
    const KEEPS_EVENTS: bool = false;

    /// Appends an event. A machine makes at most [`EVENTS_PER_REPORT`] for each slot that
    /// [`Outbox::free`] promised.
    fn event(&mut self, event: &Event) {
        let _ = event;
    }
}

/// Most events that go with one free slot of an [`Outbox`].
pub const EVENTS_PER_REPORT: usize = 4;

/// Where a machine's state goes, piece by piece.
pub trait StateSink {
    /// Takes the next bytes. What goes wrong with them the sink remembers for its owner.
    fn put(&mut self, bytes: &[u8]);
}

/// Where a machine's state comes from.
pub trait StateSource {
    /// Fills `into` with the next bytes.
    ///
    /// # Errors
    /// [`BadState`] if there are not so many.
    fn take(&mut self, into: &mut [u8]) -> Result<(), BadState>;
}

/// Bytes that are no state of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadState {
    /// What is wrong with them.
    pub what: &'static str,
}

impl core::fmt::Display for BadState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.what)
    }
}

impl core::error::Error for BadState {}

/// A deterministic state machine: its state and its reports are a function of the records applied,
/// and of nothing else (no clock, no I/O, no randomness, no address).
///
/// Callers apply a record only when the outbox has at least `gavel_types::limits::BURST` free
/// slots, and give a machine that paused so many again sooner or later: what was due before a
/// record may have used up what the record itself wants. A machine returns [`Progress::Paused`]
/// rather than exceed what is free.
pub trait Machine {
    /// Applies one record.
    fn apply(&mut self, record: &LogRecord, out: &mut impl Outbox) -> Progress;

    /// Takes note of a record that the machine is not shown: its time is that of the stamp from
    /// here on, and what is due by then ends, as [`Machine::apply`] does before all else. Takes as
    /// much room as a record, and pauses and resumes like one.
    fn advance(&mut self, stamp: Stamp, out: &mut impl Outbox) -> Progress {
        let _ = (stamp, out);
        Progress::Done
    }

    /// Goes on with the record that paused.
    ///
    /// # Panics
    /// If nothing is paused.
    fn resume(&mut self, out: &mut impl Outbox) -> Progress;

    /// Applies one record whole, in as many turns as it takes. For whoever reads a log back: the
    /// outbox always has room.
    fn apply_whole(&mut self, record: &LogRecord, out: &mut impl Outbox) {
        let mut progress = self.apply(record, out);
        while progress == Progress::Paused {
            progress = self.resume(out);
        }
    }

    /// Looks at what records that come next will need, and changes nothing: whoever has several at
    /// hand shows them first, so that what they need is fetched at one time.
    #[inline]
    fn expect(&self, records: &[LogRecord]) {
        let _ = records;
    }

    /// When something becomes due by itself, as a time of the log: a record with this stamp or a
    /// later one ends it (see [`Machine::advance`]). The highest time there is if nothing does.
    fn due(&self) -> Nanos {
        Nanos(u64::MAX)
    }

    /// Live orders of a session.
    fn live_orders(&self, session: SessionSlot) -> u32;

    /// Cancels every live order of a session, in the order in which they were entered; each is
    /// reported Canceled for `why`. Pauses and resumes as [`Machine::apply`] does, but may be
    /// called with any number of free slots.
    fn cancel_session(
        &mut self,
        stamp: Stamp,
        session: SessionSlot,
        why: CancelReason,
        out: &mut impl Outbox,
    ) -> Progress;

    /// Writes all state that later answers depend on: a machine that restores it answers every
    /// record as this one would. Costs time in proportion to what is live and to what was ever used
    /// at one time, not to the limits.
    ///
    /// # Panics
    /// If a record is paused.
    fn save(&self, out: &mut impl StateSink);

    /// Takes over what [`Machine::save`] wrote. Only on a machine that was just made, under the
    /// same Plan.
    ///
    /// # Errors
    /// [`BadState`] if the bytes are not such a state, or do not fit under this Plan. The machine
    /// is to be thrown away then.
    fn restore(&mut self, from: &mut impl StateSource) -> Result<(), BadState>;

    /// The book digest: symbol, session (by `session_key`, which maps a slot to something that does
    /// not depend on the order of negotiation), ClOrdID, side, price, leaves, cumulative quantity
    /// and queue order of everything live; nothing that differs between two runs of the same
    /// commands. May take time proportional to the state.
    fn digest(&self, session_key: &dyn Fn(SessionSlot) -> u64) -> u64;

    /// Bytes that the machine holds, all of them since it was made.
    fn memory_bytes(&self) -> usize;
}
