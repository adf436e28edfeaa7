//! What lies on the disk, what is on its way there, and what goes wrong.
//!
//! Inputs -> outputs: operations -> completions and bytes.
//! Invariants: bytes reach `segments` only when they are durable. A segment that is taken for a new
//! one keeps what it holds; until the directory is synced a crash may leave it its old name.
//! Not here: buffers, handles.

use super::files::Files;
use super::{FREED_KEPT, Pace, Random, VOLATILE_MAX};
use crate::format::SECTOR_BYTES;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use gavel_contract::{LogDone, LogWrite, SegmentNo, StoreFault, StoreFaultKind};
use std::sync::Arc;

/// Writes whose memory is kept for others.
const SPARE_MAX: usize = 8;

#[derive(Clone, Debug)]
pub(super) enum Operation {
    Write { write: LogWrite, bytes: Vec<u8> },
    Prepare { segment: SegmentNo, free_below: SegmentNo },
}

#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    pub(super) stalled: bool,
    pub(super) lying: bool,
    pub(super) names_lying: bool,
    pub(super) write_after: Option<u64>,
    pub(super) write: Option<LogWrite>,
    pub(super) prepares: Option<(u32, StoreFaultKind)>,
    pub(super) read: Option<(SegmentNo, u64)>,
    pub(super) list: bool,
}

#[derive(Debug)]
pub(super) struct Disk {
    segment_bytes: u64,
    /// What survives. Shared with the disks that crashes left, until one writes.
    pub(super) segments: BTreeMap<SegmentNo, Arc<Vec<u8>>>,
    /// Removed, and perhaps there again after a crash: the directory was not synced since.
    removed: BTreeMap<SegmentNo, Arc<Vec<u8>>>,
    /// Names that a disk which lies about them may lose: of before, if any, and of now.
    unsynced: Vec<(Option<SegmentNo>, SegmentNo)>,
    pub(super) files: Files,
    /// In the order of submission.
    pub(super) pending: Vec<Operation>,
    /// Completed, or failed, and perhaps lost in a crash.
    volatile: VecDeque<(LogWrite, Vec<u8>)>,
    done: VecDeque<LogDone>,
    /// Memory of writes that are done, for those to come.
    spare: Vec<Vec<u8>>,
    pub(super) pace: Pace,
    pub(super) faults: Faults,
}

impl Disk {
    pub(super) fn new(segment_bytes: u64) -> Self {
        assert!(
            segment_bytes > 0 && segment_bytes.is_multiple_of(4_096),
            "segments are whole units"
        );
        Self {
            segment_bytes,
            segments: BTreeMap::new(),
            removed: BTreeMap::new(),
            unsynced: Vec::new(),
            files: Files::default(),
            pending: Vec::new(),
            volatile: VecDeque::new(),
            done: VecDeque::new(),
            spare: Vec::new(),
            pace: Pace::ByHand,
            faults: Faults::default(),
        }
    }

    pub(super) fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    pub(super) fn segment_mut(&mut self, segment: SegmentNo) -> &mut Vec<u8> {
        Arc::make_mut(self.segments.get_mut(&segment).expect("the segment is there"))
    }

    pub(super) fn submit(&mut self, operation: Operation) {
        self.pending.push(operation);
    }

    pub(super) fn poll(&mut self) -> Option<LogDone> {
        let pending = self.pending.len();
        if self.done.is_empty() && pending > 0 {
            let which = match &mut self.pace {
                Pace::ByHand => None,
                Pace::AtOnce => Some(0),
                Pace::Random(random) => random.one_in(2).then(|| random.below(pending)),
            };
            if let Some(which) = which {
                self.complete(which);
            }
        }
        self.done.pop_front()
    }

    /// Completes one operation. False if there is none of that number, or nothing moves.
    pub(super) fn complete(&mut self, which: usize) -> bool {
        if self.faults.stalled || which >= self.pending.len() {
            return false;
        }
        let done = match self.pending.remove(which) {
            Operation::Write { write, bytes } => self.complete_write(write, bytes),
            Operation::Prepare { segment, free_below } => {
                self.complete_prepare(segment, free_below)
            }
        };
        self.done.push_back(done);
        true
    }

    fn complete_write(&mut self, write: LogWrite, bytes: Vec<u8>) -> LogDone {
        let fails = match &mut self.faults.write_after {
            _ if self.faults.write == Some(write) => true,
            None => false,
            Some(0) => true,
            Some(writes) => {
                *writes -= 1;
                false
            }
        };
        if !fails && !self.faults.lying {
            self.put(&write, &bytes);
            if self.spare.len() < SPARE_MAX {
                self.spare.push(bytes);
            }
            return LogDone::Written(write);
        }
        self.volatile.push_back((write, bytes));
        if self.volatile.len() > VOLATILE_MAX {
            let oldest = self.volatile.pop_front();
            let (write, bytes) = oldest.expect("there are more than the most");
            self.put(&write, &bytes);
        }
        if !fails {
            return LogDone::Written(write);
        }
        (self.faults.write_after, self.faults.write) = (None, None);
        let what = format!("writing at {} of segment {}", write.offset_bytes, write.segment.0);
        LogDone::WriteFailed(write, fault(StoreFaultKind::Io, &what))
    }

    fn complete_prepare(&mut self, segment: SegmentNo, free_below: SegmentNo) -> LogDone {
        if self.is_whole(segment) {
            return LogDone::Prepared(segment);
        }
        if let Some((left, kind)) = &mut self.faults.prepares
            && *left > 0
        {
            *left -= 1;
            let what = format!("making segment {}", segment.0);
            return LogDone::PrepareFailed(segment, fault(*kind, &what));
        }
        let from = self.freed(free_below).next();
        self.name(from, segment);
        // The directory is synced here, or is said to be.
        if self.faults.names_lying {
            self.unsynced.push((from, segment));
        } else {
            self.removed.clear();
        }
        let more: Vec<_> = self.freed(free_below).skip(FREED_KEPT).collect();
        for freed in more {
            self.forget_writes(freed);
            let bytes = self.segments.remove(&freed).expect("what is freed is there");
            self.removed.insert(freed, bytes);
        }
        LogDone::Prepared(segment)
    }

    fn is_whole(&self, segment: SegmentNo) -> bool {
        let bytes = self.segment_bytes as usize;
        self.segments.get(&segment).is_some_and(|there| there.len() == bytes)
    }

    /// Segments that can be taken for new ones, oldest first.
    fn freed(&self, free_below: SegmentNo) -> impl Iterator<Item = SegmentNo> + '_ {
        let below = self.segments.range(..free_below).map(|(segment, _)| *segment);
        below.filter(|segment| self.is_whole(*segment))
    }

    /// Gives a segment its name: one of zeros, or one that had another.
    fn name(&mut self, from: Option<SegmentNo>, to: SegmentNo) {
        let zeros = || Arc::new(vec![0; self.segment_bytes as usize]);
        let bytes = from.and_then(|from| self.segments.remove(&from)).unwrap_or_else(zeros);
        self.segments.insert(to, bytes);
        from.inspect(|from| self.forget_writes(*from));
    }

    /// What a segment of that name was to hold is nobody's any more.
    fn forget_writes(&mut self, segment: SegmentNo) {
        self.volatile.retain(|(write, _)| write.segment != segment);
    }

    /// A copy of these bytes, in memory that was used before if there is any.
    pub(super) fn copy(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(bytes);
        copy
    }

    /// Where a write goes. (A segment that was taken away while a write was on its way, which no
    /// journal does, takes nothing.)
    fn room(&mut self, write: &LogWrite, bytes: usize) -> Option<&mut [u8]> {
        let at = write.offset_bytes as usize;
        let segment = self.segments.get_mut(&write.segment)?;
        Some(&mut Arc::make_mut(segment)[at..at + bytes])
    }

    /// Writes all of it.
    fn put(&mut self, write: &LogWrite, bytes: &[u8]) {
        if let Some(to) = self.room(write, bytes.len()) {
            to.copy_from_slice(bytes);
        }
    }

    /// Writes the sectors that `keep` names, by number.
    fn apply(&mut self, write: &LogWrite, bytes: &[u8], mut keep: impl FnMut(usize) -> bool) {
        let Some(to) = self.room(write, bytes.len()) else { return };
        let sectors = to.chunks_exact_mut(SECTOR_BYTES).zip(bytes.chunks_exact(SECTOR_BYTES));
        for (_, (to, from)) in sectors.enumerate().filter(|(n, _)| keep(*n)) {
            to.copy_from_slice(from);
        }
    }

    /// What is left if the host fails now.
    pub(super) fn crash(&self, random: &mut Random) -> Self {
        let files = self.files.crash(random);
        let segments = self.segments.clone();
        let mut left = Self { segments, files, ..Self::new(self.segment_bytes) };
        for (write, bytes) in &self.volatile {
            left.land(write, bytes, random);
        }
        for operation in &self.pending {
            match operation {
                Operation::Write { write, bytes } => left.land(write, bytes, random),
                Operation::Prepare { segment, free_below } => {
                    left.half_prepare(*segment, *free_below, random);
                }
            }
        }
        for (from, to) in self.unsynced.iter().rev().filter(|_| random.one_in(2)) {
            left.unname(*from, *to);
        }
        for (segment, bytes) in self.removed.iter().filter(|_| random.one_in(2)) {
            left.segments.entry(*segment).or_insert_with(|| bytes.clone());
        }
        left
    }

    /// What surely survives.
    pub(super) fn least(&self) -> Self {
        let (segments, files) = (self.segments.clone(), self.files.least());
        let mut left = Self { segments, files, ..Self::new(self.segment_bytes) };
        for (from, to) in self.unsynced.iter().rev() {
            left.unname(*from, *to);
        }
        left
    }

    /// A segment has its name of before again, or is gone.
    fn unname(&mut self, from: Option<SegmentNo>, to: SegmentNo) {
        if let (Some(bytes), Some(from)) = (self.segments.remove(&to), from) {
            self.segments.entry(from).or_insert(bytes);
        }
    }

    /// A write that was on its way: kept, lost, or torn. (Writes on their way never overlap, so
    /// their order among each other leaves no trace.)
    fn land(&mut self, write: &LogWrite, bytes: &[u8], random: &mut Random) {
        match random.below(4) {
            0 => {}
            1 => self.put(write, bytes),
            // Some sectors, more or less of them.
            2 => self.apply(write, bytes, |_| !random.one_in(2)),
            _ => self.apply(write, bytes, |_| !random.one_in(16)),
        }
    }

    /// A segment that was being made: there or not, as it has its name only once it is whole. One
    /// that was being taken for it has its old name or the new one.
    fn half_prepare(&mut self, segment: SegmentNo, free_below: SegmentNo, random: &mut Random) {
        if !self.segments.contains_key(&segment) && random.one_in(2) {
            let from = self.freed(free_below).next();
            self.name(from, segment);
        }
    }

    pub(super) fn read(
        &self,
        segment: SegmentNo,
        offset_bytes: u64,
        into: &mut [u8],
    ) -> Result<usize, StoreFault> {
        let touched = offset_bytes..offset_bytes + into.len() as u64;
        if self.faults.read.is_some_and(|(bad, at)| bad == segment && touched.contains(&at)) {
            let what = format!("reading at {offset_bytes} of segment {}", segment.0);
            return Err(fault(StoreFaultKind::Io, &what));
        }
        let Some(bytes) = self.segments.get(&segment) else {
            let what = format!("reading segment {}", segment.0);
            return Err(fault(StoreFaultKind::Missing, &what));
        };
        let from = bytes.len().min(offset_bytes as usize);
        let count = into.len().min(bytes.len() - from);
        into[..count].copy_from_slice(&bytes[from..from + count]);
        // Without a crash, what was completed can be read, durable or not.
        let to = from + count;
        for (write, written) in self.volatile.iter().filter(|(w, _)| w.segment == segment) {
            let at = write.offset_bytes as usize;
            let (first, end) = (at.max(from), (at + written.len()).min(to));
            if first < end {
                into[first - from..end - from].copy_from_slice(&written[first - at..end - at]);
            }
        }
        Ok(count)
    }
}

pub(super) fn fault(kind: StoreFaultKind, what: &str) -> StoreFault {
    StoreFault { kind, facts: format!("{what}: {kind:?} (simulated)") }
}
