//! The log's disk in memory: the simulated port, with the faults of real ones.
//!
//! ```text
//! Journal -> MemoryStore -submit-> pending -complete-> segments      what survives a crash
//!                                     |        \-(lying)-> volatile -later-> segments
//!                                     +- crash(seed): each write that is pending or volatile is
//!                                        kept, lost, or kept sector by sector
//! ```
//!
//! Inputs -> outputs: what [`LogStore`] and [`LogReader`] say; seeds and orders from the driver,
//! who keeps a [`MemoryDisk`] while the journal owns the store.
//! Invariants: a completed write survives every crash, unless the disk was told to lie. The same
//! calls with the same seeds give the same bytes.
//! Limits: everything is in memory; a lying disk keeps [`VOLATILE_MAX`] writes back; of segments
//! that are not needed any more [`FREED_KEPT`] are kept for later.
//! Not here: time; sectors torn in themselves (the format assumes that there are none).

mod disk;
mod files;
mod heal;
mod random;
#[cfg(test)]
mod tests;

use alloc::vec;
use alloc::vec::Vec;
use disk::{Disk, Operation};
pub use files::MemoryFiles;
use gavel_contract::{
    BufferId, LogDone, LogReader, LogStore, LogWrite, SegmentInfo, SegmentNo, StoreFault,
    StoreFaultKind,
};
pub use heal::heal;
pub use random::Random;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Completed writes that a lying disk keeps back, most.
pub const VOLATILE_MAX: usize = 256;

/// Segments that are not needed any more and are kept to be taken for new ones.
pub const FREED_KEPT: usize = 1;

/// When operations complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pace {
    /// When the driver says so.
    ByHand,
    /// At the next poll, in order.
    AtOnce,
    /// At about every second poll, in any order.
    Random(Random),
}

/// A handle to the disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct MemoryDisk {
    disk: Arc<Mutex<Disk>>,
}

impl MemoryDisk {
    /// An empty disk whose operations complete by hand.
    ///
    /// # Panics
    /// If `segment_bytes` is not a multiple of 4,096.
    #[must_use]
    pub fn new(segment_bytes: u64) -> Self {
        Self::holding(Disk::new(segment_bytes))
    }

    fn holding(disk: Disk) -> Self {
        Self { disk: Arc::new(Mutex::new(disk)) }
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A store over this disk. One at a time.
    ///
    /// # Panics
    /// If operations of another store are pending.
    #[must_use]
    pub fn store(&self, buffers: usize, buffer_bytes: usize) -> MemoryStore {
        assert_eq!(self.pending(), 0, "a disk has one store at a time");
        assert!(buffer_bytes.is_multiple_of(4_096), "a buffer is a multiple of 4,096 bytes");
        MemoryStore {
            disk: self.clone(),
            buffers: vec![vec![0; buffer_bytes]; buffers],
            in_flight: vec![false; buffers],
            segment_bytes: self.lock().segment_bytes(),
        }
    }

    /// A reader of this disk.
    #[must_use]
    pub fn reader(&self) -> MemoryReader {
        MemoryReader { disk: self.clone() }
    }

    /// Sets when operations complete.
    pub fn set_pace(&self, pace: Pace) {
        self.lock().pace = pace;
    }

    /// Operations that have not completed.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.lock().pending.len()
    }

    /// Completes the oldest operation. False if there is none, or the disk is stalled.
    pub fn complete_next(&self) -> bool {
        self.lock().complete(0)
    }

    /// Completes any operation. False if there is none, or the disk is stalled.
    pub fn complete_any(&self, random: &mut Random) -> bool {
        let mut disk = self.lock();
        let pending = disk.pending.len();
        pending > 0 && disk.complete(random.below(pending))
    }

    /// The disk as the next process finds it, if the host fails now. This one is left as it is.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        Self::holding(self.lock().crash(&mut Random::new(seed)))
    }

    /// The disk as the next process finds it at the least, if the host fails now: with what surely
    /// survives, and nothing else.
    #[must_use]
    pub fn least(&self) -> Self {
        Self::holding(self.lock().least())
    }

    /// While stalled, nothing completes.
    pub fn set_stalled(&self, stalled: bool) {
        self.lock().faults.stalled = stalled;
    }

    /// While lying, a completed write may still be lost in a crash: the bug of a store that drops
    /// the durable flag.
    pub fn set_lying(&self, lying: bool) {
        self.lock().faults.lying = lying;
    }

    /// While its directory is not synced, a segment that was prepared may have its name of before
    /// again after a crash, or none.
    pub fn set_names_lying(&self, lying: bool) {
        self.lock().faults.names_lying = lying;
    }

    /// The write after so many more fails.
    pub fn fail_write_after(&self, writes: u64) {
        self.lock().faults.write_after = Some(writes);
    }

    /// This write, which was submitted or is next to be, fails.
    pub fn fail_write(&self, write: LogWrite) {
        self.lock().faults.write = Some(write);
    }

    /// So many segments that do not exist cannot be made, for want of space.
    pub fn set_full(&self, prepares: u32) {
        self.lock().faults.prepares = Some((prepares, StoreFaultKind::Full));
    }

    /// The next segment that does not exist cannot be made, for this reason.
    pub fn fail_prepare(&self, kind: StoreFaultKind) {
        self.lock().faults.prepares = Some((1, kind));
    }

    /// Reads that touch this byte fail.
    pub fn fail_read(&self, segment: SegmentNo, offset_bytes: u64) {
        self.lock().faults.read = Some((segment, offset_bytes));
    }

    /// Listing fails.
    pub fn fail_list(&self) {
        self.lock().faults.list = true;
    }

    /// True if these bytes stand there, and survive.
    #[must_use]
    pub fn holds(&self, segment: SegmentNo, offset_bytes: u64, bytes: &[u8]) -> bool {
        let at = offset_bytes as usize;
        let disk = self.lock();
        let held = disk.segments.get(&segment).and_then(|held| held.get(at..at + bytes.len()));
        held == Some(bytes)
    }

    /// Rot: one bit turns.
    pub fn flip_bit(&self, segment: SegmentNo, offset_bytes: u64, bit: u8) {
        self.lock().segment_mut(segment)[offset_bytes as usize] ^= 1 << (bit % 8);
    }

    /// The bytes of a segment.
    ///
    /// # Panics
    /// If there is no such segment.
    #[must_use]
    pub fn bytes(&self, segment: SegmentNo) -> Vec<u8> {
        self.lock().segment_mut(segment).clone()
    }

    /// The same, if there is such a segment.
    #[must_use]
    pub fn segment_bytes_of(&self, segment: SegmentNo) -> Option<Arc<Vec<u8>>> {
        self.lock().segments.get(&segment).cloned()
    }

    /// Puts a segment of any length and content in place.
    pub fn put_segment(&self, segment: SegmentNo, bytes: Vec<u8>) {
        self.lock().segments.insert(segment, Arc::new(bytes));
    }

    /// Takes a segment away.
    pub fn drop_segment(&self, segment: SegmentNo) {
        self.lock().segments.remove(&segment);
    }

    /// Cuts a segment, or makes it longer with zeros.
    pub fn resize_segment(&self, segment: SegmentNo, bytes: usize) {
        self.lock().segment_mut(segment).resize(bytes, 0);
    }

    /// Overwrites bytes.
    pub fn overwrite(&self, segment: SegmentNo, offset_bytes: u64, bytes: &[u8]) {
        let at = offset_bytes as usize;
        self.lock().segment_mut(segment)[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

/// The store.
#[derive(Debug)]
pub struct MemoryStore {
    disk: MemoryDisk,
    buffers: Vec<Vec<u8>>,
    in_flight: Vec<bool>,
    segment_bytes: u64,
}

impl LogStore for MemoryStore {
    fn buffer_bytes(&self) -> usize {
        self.buffers.first().map_or(0, Vec::len)
    }

    fn buffers(&self) -> usize {
        self.buffers.len()
    }

    fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    fn buffer(&mut self, id: BufferId) -> &mut [u8] {
        assert!(!self.in_flight[id.0], "a buffer in flight is not touched");
        &mut self.buffers[id.0]
    }

    fn submit(&mut self, write: LogWrite) {
        let LogWrite { buffer, len_bytes, segment, offset_bytes } = write;
        assert!(!self.in_flight[buffer.0], "a buffer is in flight once");
        assert!(len_bytes > 0 && len_bytes.is_multiple_of(4_096), "a write is whole units");
        assert!(len_bytes <= self.buffer_bytes(), "a write fits in its buffer");
        assert!(offset_bytes.is_multiple_of(4_096), "an offset is a multiple of 4,096");
        assert!(
            offset_bytes + len_bytes as u64 <= self.segment_bytes,
            "a write fits in its segment"
        );
        let mut disk = self.disk.lock();
        let there = disk.segments.get(&segment).map(|bytes| bytes.len());
        assert_eq!(there, Some(self.segment_bytes as usize), "a write goes to a prepared segment");
        self.in_flight[buffer.0] = true;
        let bytes = disk.copy(&self.buffers[buffer.0][..len_bytes]);
        disk.submit(Operation::Write { write, bytes });
    }

    fn prepare(&mut self, segment: SegmentNo, free_below: SegmentNo) {
        let mut disk = self.disk.lock();
        let preparing = |op: &Operation| matches!(op, Operation::Prepare { .. });
        assert!(!disk.pending.iter().any(preparing), "at most one segment is prepared at a time");
        disk.submit(Operation::Prepare { segment, free_below });
    }

    fn poll(&mut self) -> Option<LogDone> {
        let done = self.disk.lock().poll()?;
        if let LogDone::Written(write) | LogDone::WriteFailed(write, _) = &done {
            self.in_flight[write.buffer.0] = false;
        }
        Some(done)
    }
}

/// The reader.
#[derive(Debug)]
pub struct MemoryReader {
    disk: MemoryDisk,
}

impl LogReader for MemoryReader {
    fn segments(&mut self) -> Result<Vec<SegmentInfo>, StoreFault> {
        let disk = self.disk.lock();
        if disk.faults.list {
            return Err(disk::fault(StoreFaultKind::Io, "listing the segments"));
        }
        let each = disk.segments.iter();
        Ok(each.map(|(&segment, b)| SegmentInfo { segment, bytes: b.len() as u64 }).collect())
    }

    fn read(
        &mut self,
        segment: SegmentNo,
        offset_bytes: u64,
        into: &mut [u8],
    ) -> Result<usize, StoreFault> {
        self.disk.lock().read(segment, offset_bytes, into)
    }
}
