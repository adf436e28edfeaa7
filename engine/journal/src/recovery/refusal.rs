//! Why a log is not served.
//!
//! Inputs -> outputs: facts -> a sentence that says what, where, why, and what to do.
//! Invariants: a refusal changes nothing on disk.
//! Not here: when to refuse (the table in recovery).

use crate::format::FORMAT_VERSION;
use core::fmt::{Display, Formatter, Result};
use gavel_contract::{SegmentNo, StoreFault};
use gavel_types::{Index, Nanos, Term};

/// A place in the log where a block is, or should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Segment.
    pub segment: SegmentNo,
    /// Bytes from its beginning.
    pub offset_bytes: u64,
    /// The block that belongs there.
    pub block_seq: u64,
    /// The record that the block begins with.
    pub index: Index,
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(
            f,
            "block {} (records from index {}) in segment {} at byte {}",
            self.block_seq, self.index, self.segment.0, self.offset_bytes
        )
    }
}

/// How a block is known to be corrupt, not torn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corruption {
    /// Its first sector was written, and its header's checksum is wrong.
    Header,
    /// All of its sectors were written, and the records' checksum is wrong.
    Payload,
    /// It is not whole, and a later block says that it was durable.
    Durable {
        /// Segment of the later block.
        segment: SegmentNo,
        /// Its place there.
        offset_bytes: u64,
        /// Its number.
        block_seq: u64,
    },
    /// Its segment begins as another one does: it was copied over.
    Copy {
        /// That other segment.
        of: SegmentNo,
    },
    /// It is not whole, and the node's vote was written when it was durable.
    Vouched {
        /// The last block that was.
        block_seq: u64,
    },
    /// It is not whole, and the running node had reported it durable.
    Live {
        /// How far.
        durable: Index,
    },
}

/// A rule of the log that a block with good checksums does not keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// It follows another block than the one before it.
    Chain,
    /// It begins with another index.
    Index {
        /// The index that it begins with.
        found: Index,
    },
    /// Its term is lower than that of the record before it.
    Term {
        /// The record's before.
        before: Term,
        /// Its own.
        found: Term,
    },
    /// A record's time is before the last one's.
    Time {
        /// The last one's.
        before: Nanos,
        /// The record's.
        found: Nanos,
    },
    /// It reaches beyond its segment.
    Length {
        /// Its length.
        bytes: usize,
    },
    /// It turns the log, and does not raise the generation.
    Generation {
        /// The generation before.
        before: u16,
        /// Its own.
        found: u16,
    },
    /// It turns the log, as only those of a cluster's members do.
    Turned,
    /// Its bytes make no record.
    Record {
        /// The record that cannot be read.
        index: Index,
    },
}

/// Why a log is not served. Nothing was changed. Records that were handed out before are to be
/// thrown away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It cannot be read.
    Fault {
        /// Segment that was read; None if the listing failed.
        segment: Option<SegmentNo>,
        /// What the store said.
        fault: StoreFault,
    },
    /// It does not begin at the beginning, and there is no snapshot to go on from.
    FirstMissing {
        /// The first segment that is there.
        first: SegmentNo,
    },
    /// The segment that a snapshot goes on in is not there.
    PointMissing {
        /// Where the snapshot goes on.
        place: Place,
        /// The first segment above that is there.
        next: Option<SegmentNo>,
    },
    /// A snapshot goes on at a place that no segment of this length has.
    PointOutside {
        /// That place.
        place: Place,
        /// Length of a segment.
        segment_bytes: u64,
    },
    /// A segment is missing between others.
    SegmentMissing {
        /// The one that is missing.
        segment: SegmentNo,
        /// The next that is there.
        next: SegmentNo,
    },
    /// A segment has another length than all should have.
    WrongLength {
        /// Which.
        segment: SegmentNo,
        /// Its length.
        bytes: u64,
        /// What it should be.
        expected: u64,
    },
    /// It was written by another version of the format.
    Version {
        /// Where.
        place: Place,
        /// That version.
        version: u16,
    },
    /// A block was damaged after it was written.
    Corrupt {
        /// Where.
        place: Place,
        /// How that is known.
        how: Corruption,
    },
    /// A block is whole, and breaks a rule of the log.
    Broken {
        /// Where.
        place: Place,
        /// Which.
        breach: Breach,
    },
    /// The process start's number is not new.
    Incarnation {
        /// What it is.
        given: u64,
        /// The highest that the log has seen.
        found: u64,
    },
}

impl core::error::Error for Refusal {}

const RESTORE: &str = "Nothing was changed. Restore the segment from a copy, or start with an \
    empty directory if the log may be lost";

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Fault { segment: None, fault } => write!(
                f,
                "the log's segments cannot be listed: {fault}. Check that the directory is there, \
                 mounted and readable, then start again"
            ),
            Self::Fault { segment: Some(segment), fault } => write!(
                f,
                "segment {} of the log cannot be read: {fault}. The device may be failing: copy \
                 the directory away before anything else, then restore the segment from a copy",
                segment.0
            ),
            Self::FirstMissing { first } => write!(
                f,
                "the log's first segment is missing: it should be 1 and is {}, and there is no \
                 snapshot of the state that segment {0} goes on from. Restore the snapshots, or \
                 segments 1 to {1}, from a copy",
                first.0,
                first.0 - 1
            ),
            Self::PointMissing { place, next } => {
                write!(
                    f,
                    "the snapshot goes on with {place}, and segment {} is not there; ",
                    place.segment.0
                )?;
                match next {
                    Some(next) => write!(f, "the first behind it is {}", next.0)?,
                    None => f.write_str("neither is any behind it")?,
                }
                f.write_str(". Restore the whole directory from one copy")
            }
            Self::PointOutside { place, segment_bytes } => write!(
                f,
                "the snapshot goes on with {place}, and a segment has {segment_bytes} bytes. If \
                 the segment size was changed in the configuration, set it back; else restore the \
                 whole directory from one copy"
            ),
            Self::SegmentMissing { segment, next } => write!(
                f,
                "segment {} of the log is missing, and segment {} is there. Restore it from a copy",
                segment.0, next.0
            ),
            Self::WrongLength { segment, bytes, expected } => write!(
                f,
                "segment {} of the log has {bytes} bytes and should have {expected}. If the \
                 segment size was changed in the configuration, set it back; else restore the \
                 segment from a copy",
                segment.0
            ),
            Self::Version { place, version } => write!(
                f,
                "{place} is of format version {version}, and this build reads versions 1 to \
                 {FORMAT_VERSION}. Start the build that wrote it"
            ),
            Self::Corrupt { place, how } => write!(f, "{place} is corrupt: {how}. {RESTORE}"),
            Self::Broken { place, breach } => write!(
                f,
                "{place} has good checksums and breaks a rule of the log: {breach}. Either \
                 segments were mixed up, or this is a bug of the writer: keep the directory. \
                 {RESTORE}"
            ),
            Self::Incarnation { given, found } => write!(
                f,
                "this start's incarnation is {given}, and the log was written by incarnation \
                 {found}: the number must be new, and was set back, perhaps with a restored file. \
                 Restore the whole directory from one copy"
            ),
        }
    }
}

impl Display for Corruption {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Header => f.write_str("its first sector was written, yet the header is damaged"),
            Self::Payload => {
                f.write_str("all of its sectors were written, yet the records' checksum is wrong")
            }
            Self::Durable { segment, offset_bytes, block_seq } => write!(
                f,
                "it is not whole, yet block {block_seq} in segment {} at byte {offset_bytes} says \
                 that it was durable",
                segment.0
            ),
            Self::Copy { of } => write!(
                f,
                "its segment begins with the same block as segment {}, so it was copied over, and \
                 what it held may have been acknowledged",
                of.0
            ),
            Self::Vouched { block_seq } => write!(
                f,
                "it is not whole, yet the node's vote says that block {block_seq} was durable"
            ),
            Self::Live { durable } => write!(
                f,
                "it is not whole, yet records up to index {durable} were reported durable"
            ),
        }
    }
}

impl Display for Breach {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Chain => f.write_str("it was written after another block than the one before it"),
            Self::Index { found } => write!(f, "it begins with index {found}"),
            Self::Term { before, found } => write!(f, "its term is {found} after {before}"),
            Self::Time { before, found } => {
                write!(f, "a record's time is {found} ns after one of {before} ns")
            }
            Self::Generation { before, found } => {
                write!(f, "it turns the log from generation {before} to {found}")
            }
            Self::Turned => {
                f.write_str("it turns the log, as only the log of a cluster's member does")
            }
            Self::Length { bytes } => write!(f, "its {bytes} bytes reach beyond the segment"),
            Self::Record { index } => write!(f, "the bytes at index {index} make no record"),
        }
    }
}
