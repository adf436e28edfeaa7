//! Where a member's log goes on from another place than its end.
//!
//! Inputs -> outputs: turns from a ring, in order with the records -> the turn that is due; what a
//! block may say of what is durable.
//! Invariants: a turn takes effect between the two records that it was put between. A mark says
//! nothing of what was cut off: from the turn on it is of the new generation, and stays until the
//! turn itself is durable (SAFETY 1, 3).
//! Limits: [`Position::GENERATION_MAX`] turns in a log's life; the ring's depth.
//! Not here: who decides that a log turns.

use super::Journal;
use crate::block::BlockFrame;
use crate::format::{DurableMark, LogEnd, TurnFields};
use gavel_contract::LogStore;
use gavel_link::{Position, Reader};
use gavel_types::Stamp;

/// The log goes on from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogTurn {
    /// Takes effect when so many records were put into the journal's ring before it.
    pub after_records: u64,
    /// The last record of the log from now on; with a time that no record before it exceeds.
    pub last: Stamp,
    /// A snapshot that is durable stands for all records up to that one. Otherwise the log has
    /// them, and is cut behind it.
    pub behind_snapshot: bool,
}

/// What a journal knows of turns.
#[derive(Debug)]
pub(super) struct Turns {
    /// None for a log that never turns.
    ring: Option<Reader<LogTurn>>,
    /// The first block says that the log is unsure.
    mends: bool,
    /// As [`crate::LogPoint::floor`].
    floor: LogEnd,
    /// Of the log as it is now.
    generation: u16,
    /// What blocks may say of the new generation while its turn is on its way.
    mark: Position,
}

impl Turns {
    pub(super) fn new(durable: Position, floor: LogEnd, mends: bool) -> Self {
        Self { ring: None, mends, floor, generation: durable.generation, mark: durable }
    }

    /// Records that may be taken before the next turn.
    pub(super) fn records_before(&self, taken: u64) -> u64 {
        let next = self.ring.as_ref().and_then(Reader::peek);
        next.map_or(u64::MAX, |turn| turn.after_records - taken)
    }

    /// The turn that is due after so many records.
    fn due(&mut self, taken: u64, last: Stamp) -> Option<LogTurn> {
        if self.mends {
            return Some(LogTurn { after_records: 0, last, behind_snapshot: false });
        }
        let next = self.ring.as_ref().and_then(Reader::peek)?;
        assert!(next.after_records >= taken, "a turn is put before the records behind it");
        (next.after_records == taken).then_some(*next)
    }

    /// The log is as long as it ever was.
    pub(super) fn pass(&mut self, last: Stamp) {
        if LogEnd::from(last) >= self.floor {
            self.floor = LogEnd::ORIGIN;
        }
    }

    pub(super) fn is_unsure(&self) -> bool {
        self.floor > LogEnd::ORIGIN
    }
}

impl<S: LogStore> Journal<S> {
    /// Lets the log turn where this ring says.
    ///
    /// # Panics
    /// If records were taken.
    pub fn follow_turns(&mut self, turns: Reader<LogTurn>) {
        assert_eq!(self.counts.records, 0, "turns are counted from the journal's first record on");
        self.turns.ring = Some(turns);
    }

    /// The generation of what is issued now.
    pub(super) fn generation(&self) -> u16 {
        self.turns.generation
    }

    /// What a block that is issued now says of what is durable.
    pub(super) fn mark(&self) -> DurableMark {
        let position = match self.durable.position.generation == self.turns.generation {
            true => self.durable.position,
            false => self.turns.mark,
        };
        DurableMark { position, ..self.durable }
    }

    /// Issues the turn that is due, if there is one and room for it.
    pub(super) fn turn_if_due(&mut self) -> bool {
        let last = self.builder.last();
        let Some(turn) = self.turns.due(self.counts.records, last) else { return false };
        let was_mended = core::mem::take(&mut self.turns.mends);
        if !was_mended && let Some(ring) = &mut self.turns.ring {
            let taken = ring.pop();
            assert!(taken.is_some(), "what was looked at is taken");
        }
        assert!(turn.behind_snapshot || turn.last.index <= last.index, "a log is cut within it");
        let before = self.mark().position;
        assert!(before.generation < Position::GENERATION_MAX, "a log turns 4,095 times at most");
        let index = match turn.behind_snapshot {
            true => turn.last.index,
            false => before.index.min(turn.last.index),
        };
        self.turns.generation = before.generation + 1;
        self.turns.mark = Position { generation: self.turns.generation, index };
        self.turns.pass(turn.last);
        let fields = TurnFields { floor: self.turns.floor, behind_snapshot: turn.behind_snapshot };
        self.submit(|builder, frame: &BlockFrame, into| {
            builder.turn(turn.last, fields, frame, into)
        });
        true
    }
}
