//! The log's storage port: submit, then poll completions; never a blocking call.
//!
//! A log is a row of numbered segments of equal size, each pre-written before use. A write is
//! *durable when its completion says so*, never before: a store that merely buffers is wrong.

use alloc::string::String;
use alloc::vec::Vec;

/// Number of a segment; the first is 1, and they are consecutive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentNo(pub u64);

/// Number of one of the store's write buffers, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferId(pub usize);

/// What kind of thing the world did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFaultKind {
    /// No space left (ENOSPC, EDQUOT): may pass.
    Full,
    /// Not there.
    Missing,
    /// Not permitted, or read-only.
    Denied,
    /// Anything else, EIO first of all: never retried.
    Io,
}

/// A fault of storage, with the facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFault {
    /// What kind.
    pub kind: StoreFaultKind,
    /// What was being done, to which path, and what the system said.
    pub facts: String,
}

impl core::fmt::Display for StoreFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.facts)
    }
}

impl core::error::Error for StoreFault {}

/// One durable write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogWrite {
    /// The buffer whose first `len_bytes` are written; not to be touched until completion.
    pub buffer: BufferId,
    /// A multiple of 4,096, at most [`LogStore::buffer_bytes`].
    pub len_bytes: usize,
    /// A segment that was prepared.
    pub segment: SegmentNo,
    /// A multiple of 4,096.
    pub offset_bytes: u64,
}

/// A completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogDone {
    /// The write is durable; the buffer is free again. Writes may complete in any order.
    Written(LogWrite),
    /// The write failed. Nothing may be assumed of what it covered: the process must abort.
    WriteFailed(LogWrite, StoreFault),
    /// The segment exists, is pre-written and will survive a crash.
    Prepared(SegmentNo),
    /// The segment could not be made; what was made of it is gone. May be asked for again.
    PrepareFailed(SegmentNo, StoreFault),
}

/// Writes a log. One owner, one thread.
pub trait LogStore {
    /// Bytes of each write buffer, a multiple of 4,096.
    fn buffer_bytes(&self) -> usize;

    /// Write buffers, so also the most writes in flight.
    fn buffers(&self) -> usize;

    /// Bytes of each segment, a multiple of 4,096.
    fn segment_bytes(&self) -> u64;

    /// The buffer's bytes, to be filled.
    ///
    /// # Panics
    /// If the buffer is in flight.
    fn buffer(&mut self, id: BufferId) -> &mut [u8];

    /// Starts a durable write of a buffer into a prepared segment.
    ///
    /// # Panics
    /// If the buffer is in flight, the segment is not prepared, or the range is out of bounds.
    fn submit(&mut self, write: LogWrite);

    /// Starts making a segment: created, every byte written, synced, and its directory entry
    /// synced. Slow work on another thread. At most one at a time. A segment of the right length
    /// that is there already is kept as it is. Segments below `free_below` are not needed any more:
    /// one of them may be taken for the new one (what it holds stays until it is written over), and
    /// more of them than are worth keeping for that may be removed.
    fn prepare(&mut self, segment: SegmentNo, free_below: SegmentNo);

    /// The next completion, if there is one. Drives submissions that are queued.
    fn poll(&mut self) -> Option<LogDone>;
}

/// One segment as found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its number.
    pub segment: SegmentNo,
    /// Its length as found, which may not be what it should be.
    pub bytes: u64,
}

/// Reads a log at start, or a copy of one. May block.
pub trait LogReader {
    /// Every segment, in ascending order.
    ///
    /// # Errors
    /// [`StoreFault`] if the directory cannot be listed.
    fn segments(&mut self) -> Result<Vec<SegmentInfo>, StoreFault>;

    /// Fills `into` from a segment; returns how many bytes there were before its end.
    ///
    /// # Errors
    /// [`StoreFault`] if the bytes cannot be read.
    fn read(
        &mut self,
        segment: SegmentNo,
        offset_bytes: u64,
        into: &mut [u8],
    ) -> Result<usize, StoreFault>;
}

impl<R: LogReader + ?Sized> LogReader for &mut R {
    fn segments(&mut self) -> Result<Vec<SegmentInfo>, StoreFault> {
        (**self).segments()
    }

    fn read(
        &mut self,
        segment: SegmentNo,
        offset_bytes: u64,
        into: &mut [u8],
    ) -> Result<usize, StoreFault> {
        (**self).read(segment, offset_bytes, into)
    }
}
