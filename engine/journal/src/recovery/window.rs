//! A window over a log's bytes, so that they are read in large pieces.
//!
//! Inputs -> outputs: a place and a length -> the bytes there.
//! Invariants: forward only in effect: what lies before the place asked for may be forgotten.
//! Limits: [`READ_BYTES`] at a time or less, or one block if that is more.
//! Not here: what the bytes mean.

use crate::format::BLOCK_BYTES_MAX;
use alloc::vec;
use alloc::vec::Vec;
use gavel_contract::{LogReader, SegmentNo, StoreFault};

/// Unit of reading: a device gives its full rate at this size.
pub(crate) const READ_BYTES: usize = 1 << 20;

const _: () = assert!(READ_BYTES <= BLOCK_BYTES_MAX);

pub(crate) struct Window<R> {
    reader: R,
    bytes: Vec<u8>,
    /// Bytes that are read at a time, at least.
    read_bytes: usize,
    segment: SegmentNo,
    from: u64,
    filled: usize,
}

impl<R: LogReader> Window<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            bytes: vec![0; BLOCK_BYTES_MAX],
            read_bytes: READ_BYTES,
            segment: SegmentNo(0),
            from: 0,
            filled: 0,
        }
    }

    pub(crate) fn reader(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Bytes from a place to the end of what was read, if the place lies in it.
    pub(crate) fn ahead_bytes(&self, segment: SegmentNo, offset_bytes: u64) -> u64 {
        let end = self.from + self.filled as u64;
        let inside = segment == self.segment && (self.from..end).contains(&offset_bytes);
        if inside { end - offset_bytes } else { 0 }
    }

    /// Forgets what was read, and reads so many bytes at a time from now on.
    pub(crate) fn forget(&mut self, read_bytes: usize) {
        assert!(read_bytes <= READ_BYTES, "a window holds no more");
        self.filled = 0;
        self.read_bytes = read_bytes;
    }

    /// The bytes at a place; fewer than asked for only if the segment ends before.
    pub(crate) fn view(
        &mut self,
        segment: SegmentNo,
        offset_bytes: u64,
        len: usize,
    ) -> Result<&[u8], StoreFault> {
        assert!(len <= BLOCK_BYTES_MAX, "no more than a block is looked at");
        let inside = segment == self.segment
            && offset_bytes >= self.from
            && offset_bytes + len as u64 <= self.from + self.filled as u64;
        if !inside {
            let into = &mut self.bytes[..len.max(self.read_bytes)];
            self.filled = 0;
            self.filled = self.reader.read(segment, offset_bytes, into)?;
            (self.segment, self.from) = (segment, offset_bytes);
        }
        let at = (offset_bytes - self.from) as usize;
        let end = self.filled.min(at + len);
        Ok(&self.bytes[at.min(end)..end])
    }
}
