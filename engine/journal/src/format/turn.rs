//! A turn: the log goes on from another place than its end.
//!
//! ```text
//! blocks ... 90 | 91..100 | turn to 80 | 81..85 | ...      the log: ... 80, 81..85
//! blocks ... 90 | turn to 500, behind a snapshot | 501 ... the log: the snapshot, 501 ...
//! ```
//!
//! A member of a cluster cuts off what its leader contradicts, goes on behind a snapshot that it
//! was sent, and goes on before a block that was damaged. Each is a block without records, of
//! which the header names the record that is the last one now and raises the generation
//! (SAFETY 1, 3).
//!
//! Inputs -> outputs: [`TurnFields`] <-> the bytes that a turn's block holds.
//! Not here: when a log turns; what is durable then (journal.rs).

use gavel_types::{Index, Stamp, Term};
use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The end of a log. Compares as votes do: the term first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogEnd {
    /// Term of the last record.
    pub term: Term,
    /// Its index.
    pub index: Index,
}

impl LogEnd {
    /// Before every record.
    pub const ORIGIN: Self = Self { term: Term(0), index: Index(0) };
}

impl From<Stamp> for LogEnd {
    fn from(stamp: Stamp) -> Self {
        Self { term: stamp.term, index: stamp.index }
    }
}

/// What a turn says besides its header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TurnFields {
    /// What the log held, as far as anybody may have been told, reached up to here at most; the
    /// beginning if nothing of it was damaged. Until the log is as long again it is *unsure*.
    pub floor: LogEnd,
    /// Records up to the one named are in a snapshot, and need not be in the log.
    pub behind_snapshot: bool,
}

/// Bytes of a turn behind its header.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct TurnBytes {
    floor_term: U64,
    floor_index: U64,
    behind_snapshot: u8,
    reserved: [u8; 7],
}

/// Bytes of a [`TurnBytes`].
pub(crate) const TURN_BYTES: usize = 24;

const _: () = assert!(size_of::<TurnBytes>() == TURN_BYTES);

impl From<TurnFields> for TurnBytes {
    fn from(fields: TurnFields) -> Self {
        Self {
            floor_term: fields.floor.term.0.into(),
            floor_index: fields.floor.index.0.into(),
            behind_snapshot: u8::from(fields.behind_snapshot),
            reserved: [0; 7],
        }
    }
}

impl TurnBytes {
    /// The values, if they hold together.
    pub(crate) fn fields(&self) -> Option<TurnFields> {
        let floor =
            LogEnd { term: Term(self.floor_term.get()), index: Index(self.floor_index.get()) };
        let is_sound = self.behind_snapshot <= 1 && self.reserved == [0; 7];
        is_sound.then_some(TurnFields { floor, behind_snapshot: self.behind_snapshot == 1 })
    }
}
