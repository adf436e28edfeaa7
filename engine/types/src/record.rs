//! A command with its place and time in the log.

use crate::{Command, Index, Nanos, Term};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Place and time that the sequencer gave a record.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Stamp {
    /// Position in the log.
    pub index: Index,
    /// Term in which it was appended.
    pub term: Term,
    /// UTC, never smaller than the record's before.
    pub time: Nanos,
}

/// One record of the log: two cache lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct LogRecord {
    /// Where and when.
    pub stamp: Stamp,
    /// What.
    pub command: Command,
}

const _: () = assert!(size_of::<LogRecord>() == 128);
