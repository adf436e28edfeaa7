//! A point of a log: where reading can go on, and what the next block must continue.
//!
//! Inputs -> outputs: a point and the block behind it -> the point after that block, its records on
//! the way; a point <-> bytes of fixed form, for snapshots.
//! Invariants: a point lies between two blocks. It moves only over a block that keeps every rule of
//! the log, so two readers that reached one point read the same records before it.
//! Limits: one block at a time; no allocation.
//! Not here: where a block's bytes come from, and what a block that is not whole means.

#[cfg(test)]
mod tests;

use super::{Breach, Place, Step};
use crate::block;
use crate::format::{
    BlockFields, BlockKind, BlockName, CHAIN_ORIGIN, LogEnd, TurnBytes, TurnFields, UNIT_BYTES,
};
use gavel_contract::{BadState, SegmentNo};
use gavel_link::Position;
use gavel_types::{Index, Nanos, Stamp, Term};
use zerocopy::little_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A place between two blocks, and all that the blocks before it left to be continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPoint {
    /// Place and number of the next block, index of the next record. At a segment's length the next
    /// block is the first of the segment behind it.
    pub end: Place,
    /// Digest of every block before.
    pub chain: u64,
    /// Stamp of the last record before.
    pub last: Stamp,
    /// Of the last block before: later ones have no lower one.
    pub incarnation: u64,
    /// Highest durable mark that a block before carries.
    pub marked: Position,
    /// Highest `commit` that a block before carries.
    pub commit: Index,
    /// If this lies behind `last`, the log is unsure: it held more, up to here at most, that was
    /// damaged. The beginning if it is sure. No point of an unsure log is kept.
    pub floor: LogEnd,
}

impl LogPoint {
    /// The beginning of every log.
    pub const ORIGIN: Self = Self {
        end: Place { segment: SegmentNo(1), offset_bytes: 0, block_seq: 1, index: Index(1) },
        chain: CHAIN_ORIGIN,
        last: Stamp { index: Index(0), term: Term(0), time: Nanos(0) },
        incarnation: 0,
        marked: Position { generation: 0, index: Index(0) },
        commit: Index(0),
        floor: LogEnd::ORIGIN,
    };

    /// What the next block's name cannot be older than.
    pub(crate) const fn expected(&self) -> BlockName {
        BlockName { incarnation: self.incarnation, block_seq: self.end.block_seq }
    }

    /// Place of the next block in segments of this length.
    pub(crate) fn next_place(&self, segment_bytes: u64) -> Place {
        if self.end.offset_bytes < segment_bytes {
            return self.end;
        }
        Place { segment: SegmentNo(self.end.segment.0 + 1), offset_bytes: 0, ..self.end }
    }

    /// Moves over a block whose checksums are good, if it follows the one before. `place` is where
    /// it was found.
    pub(crate) fn follow(
        &mut self,
        place: Place,
        fields: &BlockFields,
        payload: &[u8],
        visit: &mut impl FnMut(Step<'_>),
    ) -> Result<(), Breach> {
        if fields.chain != self.chain {
            return Err(Breach::Chain);
        }
        if fields.kind == BlockKind::Turn {
            self.turn(fields, payload, visit)?;
            self.pass(place, fields);
            return Ok(());
        }
        if fields.first_index != self.end.index {
            return Err(Breach::Index { found: fields.first_index });
        }
        if fields.term < self.last.term {
            return Err(Breach::Term { before: self.last.term, found: fields.term });
        }
        for record in block::records(fields, payload) {
            let record = record.map_err(|bad| Breach::Record { index: bad.index })?;
            let (before, found) = (self.last.time, record.stamp.time);
            if found < before {
                return Err(Breach::Time { before, found });
            }
            self.last = record.stamp;
            visit(Step::Record(&record));
        }
        if LogEnd::from(self.last) >= self.floor {
            self.floor = LogEnd::ORIGIN;
        }
        self.pass(place, fields);
        Ok(())
    }

    /// The log goes on from where a turn says. A truncation lowers the durable mark: the generation
    /// compares first (SAFETY 1, 3).
    fn turn(
        &mut self,
        fields: &BlockFields,
        payload: &[u8],
        visit: &mut impl FnMut(Step<'_>),
    ) -> Result<(), Breach> {
        let bytes = TurnBytes::read_from_bytes(payload).ok();
        let Some(TurnFields { floor, behind_snapshot }) = bytes.and_then(|b| b.fields()) else {
            return Err(Breach::Record { index: fields.first_index });
        };
        let (before, found) = (self.marked.generation, fields.durable.position.generation);
        if found <= before {
            return Err(Breach::Generation { before, found });
        }
        if fields.first_index > self.end.index && !behind_snapshot {
            return Err(Breach::Index { found: fields.first_index });
        }
        let index = Index(fields.first_index.0 - 1);
        self.last = Stamp { index, term: fields.term, time: fields.time_base };
        self.floor = floor;
        visit(Step::Turn { last: self.last, behind_snapshot });
        Ok(())
    }

    /// Behind a block that was followed.
    fn pass(&mut self, place: Place, fields: &BlockFields) {
        self.chain = fields.chain_after();
        self.incarnation = fields.name.incarnation;
        self.marked = self.marked.max(fields.durable.position);
        self.commit = self.commit.max(fields.commit);
        self.end = Place {
            offset_bytes: place.offset_bytes + fields.block_bytes() as u64,
            block_seq: place.block_seq + 1,
            index: fields.last_index().next(),
            ..place
        };
    }

    /// True if the log held more than it has, as far as anybody may have been told.
    #[must_use]
    pub fn is_unsure(&self) -> bool {
        self.floor > LogEnd::from(self.last)
    }

    /// Why the values cannot be those of a point, if they cannot.
    fn flaw(&self) -> Option<&'static str> {
        let Self { end, last, marked, .. } = self;
        let whole_units = end.offset_bytes.is_multiple_of(UNIT_BYTES as u64);
        if end.segment.0 < 1 || end.block_seq < 1 || !whole_units {
            return Some("a point of the log that is not between two blocks");
        }
        if last.index >= Position::INDEX_MAX || end.index != last.index.next() {
            return Some("a point of the log whose next record does not follow its last");
        }
        if marked.index > last.index || marked.generation > Position::GENERATION_MAX {
            return Some("a point of the log at which more is durable than there is");
        }
        (end.block_seq == 1 && *self != Self::ORIGIN)
            .then_some("a point of the log before its first block that is not its beginning")
    }
}

/// A [`LogPoint`] in a file. Whoever keeps it has a checksum over it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct LogPointBytes {
    segment: U64,
    offset_bytes: U64,
    block_seq: U64,
    next_index: U64,
    chain: U64,
    last_index: U64,
    last_term: U64,
    last_time: U64,
    incarnation: U64,
    marked_index: U64,
    commit_index: U64,
    marked_generation: U16,
    reserved: [u8; 6],
}

const _: () = assert!(size_of::<LogPointBytes>() == 96);

impl From<&LogPoint> for LogPointBytes {
    fn from(point: &LogPoint) -> Self {
        assert!(!point.is_unsure(), "no point of an unsure log is kept");
        Self {
            segment: point.end.segment.0.into(),
            offset_bytes: point.end.offset_bytes.into(),
            block_seq: point.end.block_seq.into(),
            next_index: point.end.index.0.into(),
            chain: point.chain.into(),
            last_index: point.last.index.0.into(),
            last_term: point.last.term.0.into(),
            last_time: point.last.time.0.into(),
            incarnation: point.incarnation.into(),
            marked_index: point.marked.index.0.into(),
            commit_index: point.commit.0.into(),
            marked_generation: point.marked.generation.into(),
            reserved: [0; 6],
        }
    }
}

impl TryFrom<&LogPointBytes> for LogPoint {
    type Error = BadState;

    fn try_from(bytes: &LogPointBytes) -> Result<Self, BadState> {
        let point = Self {
            end: Place {
                segment: SegmentNo(bytes.segment.get()),
                offset_bytes: bytes.offset_bytes.get(),
                block_seq: bytes.block_seq.get(),
                index: Index(bytes.next_index.get()),
            },
            chain: bytes.chain.get(),
            last: Stamp {
                index: Index(bytes.last_index.get()),
                term: Term(bytes.last_term.get()),
                time: Nanos(bytes.last_time.get()),
            },
            incarnation: bytes.incarnation.get(),
            marked: Position {
                generation: bytes.marked_generation.get(),
                index: Index(bytes.marked_index.get()),
            },
            commit: Index(bytes.commit_index.get()),
            floor: LogEnd::ORIGIN,
        };
        let reserved = "a point of the log with bytes set that mean nothing";
        let flaw = point.flaw().or((bytes.reserved != [0; 6]).then_some(reserved));
        flaw.map_or(Ok(point), |what| Err(BadState { what }))
    }
}
