//! What becomes due when time passes: sessions whose orders are to be cancelled, or that are to be
//! forgotten. (What becomes due inside the machine any record ends: see `apply`.)
//!
//! Inputs -> outputs: Tick records -> Canceled reports, slots that are nobody's.
//! Invariants: nothing is due before its time or without a Tick; a sweep that pauses is finished
//! before another record enters.
//! Limits: one deadline a session; a Tick is wanted at most once in [`TICK_NS`].
//! Not here: the clock (the sequencer logs a Tick when [`Sessioned::tick_at`] has come).

use super::numbering::Numbering;
use super::{LINGER_NS, NEVER, Session, Sessioned};
use alloc::vec::Vec;
use gavel_contract::{Machine, Outbox, Progress};
use gavel_types::limits::BURST;
use gavel_types::{CancelReason, LogRecord, Nanos, SessionSlot, Stamp};

/// Deadlines are met on multiples of this (ns): many sessions that leave together cost few Ticks.
pub const TICK_NS: u64 = 10_000_000;

/// Where a record goes on that paused.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pause {
    /// Inside the machine.
    Machine,
    /// Inside the machine, which ends what is due before this record is looked at.
    Ending(LogRecord),
    /// Before this record, which waits for room of its own.
    Waiting(LogRecord),
    /// Inside the machine, in the sweep of a Tick.
    Cancelling(Stamp),
    /// Between two sessions of the sweep of a Tick.
    Sweep(Stamp),
}

/// Every session's deadline, ascending. A sorted row: what is inserted mostly belongs at its end,
/// and it is changed when connections come and go, not when orders do.
#[derive(Debug)]
pub(super) struct Deadlines(Vec<(Nanos, SessionSlot)>);

impl Deadlines {
    pub(super) fn new(sessions_max: usize) -> Self {
        Self(Vec::with_capacity(sessions_max))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.0.capacity() * size_of::<(Nanos, SessionSlot)>()
    }

    pub(super) fn change(&mut self, slot: SessionSlot, from: Nanos, to: Nanos) {
        if from == to {
            return;
        }
        if from != NEVER {
            let at = self.0.binary_search(&(from, slot)).expect("a session's deadline is known");
            self.0.remove(at);
        }
        if to != NEVER {
            let at = self.0.binary_search(&(to, slot)).expect_err("a session has one deadline");
            assert!(self.0.len() < self.0.capacity(), "a session has one deadline");
            self.0.insert(at, (to, slot));
        }
    }

    /// Makes the row anew.
    pub(super) fn rebuild(&mut self, sessions: &[Session]) {
        self.0.clear();
        let slots = (0..).map(SessionSlot);
        let due = sessions.iter().map(Session::due).zip(slots).filter(|(due, _)| *due != NEVER);
        self.0.extend(due);
        self.0.sort_unstable();
    }

    fn first(&self, now: Nanos) -> Option<SessionSlot> {
        self.0.first().filter(|(due, _)| *due <= now).map(|(_, slot)| *slot)
    }

    /// The first of them, or [`NEVER`].
    pub(super) fn due(&self) -> Nanos {
        self.0.first().map_or(NEVER, |(due, _)| *due)
    }
}

impl<M: Machine> Sessioned<M> {
    /// When a Tick is wanted (log time), or [`NEVER`]: no later than [`TICK_NS`] after something of
    /// a session or of the machine becomes due.
    #[must_use]
    pub fn tick_at(&self) -> Nanos {
        Nanos(self.due().0.div_ceil(TICK_NS).saturating_mul(TICK_NS))
    }

    /// How long a session may be away and have nothing live (ns), or none for ever.
    pub(super) fn patience_ns(&self, session: &Session) -> Option<u64> {
        match (self.idle_expiry_ns, session.is_finished) {
            (0, false) => None,
            (0, true) => Some(LINGER_NS),
            (idle_ns, true) => Some(idle_ns.min(LINGER_NS)),
            (idle_ns, false) => Some(idle_ns),
        }
    }

    /// When a session that is away from `now` on is to be forgotten.
    pub(super) fn expiry(&self, slot: SessionSlot, now: Nanos) -> Nanos {
        let patience_ns = self.patience_ns(&self.sessions[slot.0 as usize]);
        patience_ns.map_or(NEVER, |ns| Nanos(now.0.saturating_add(ns)))
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, stamp: Stamp, out: &mut impl Outbox) -> Progress {
        while let Some(slot) = self.deadlines.first(stamp.time) {
            if self.sessions[slot.0 as usize].cod_at > stamp.time {
                self.expire(slot, stamp.time);
                continue;
            }
            // The machine is entered as with a record of its own: with room for a burst.
            if out.free() < BURST {
                self.pause = Some(Pause::Sweep(stamp));
                return Progress::Paused;
            }
            self.change(slot, |session| session.cod_at = NEVER);
            let mut numbering = Numbering { out, sessions: &mut self.sessions };
            let why = CancelReason::CancelOnDisconnect;
            let progress = self.machine.cancel_session(stamp, slot, why, &mut numbering);
            if progress == Progress::Paused {
                self.pause = Some(Pause::Cancelling(stamp));
                return progress;
            }
        }
        Progress::Done
    }

    fn expire(&mut self, slot: SessionSlot, now: Nanos) {
        if self.machine.live_orders(slot) == 0 {
            self.forget(slot);
        } else {
            let expire_at = self.expiry(slot, now);
            self.change(slot, |session| session.expire_at = expire_at);
        }
    }
}
