//! What lies on the disk, what is on its way there, and what goes wrong.
//!
//! Inputs -> outputs: operations -> completions and bytes.
//! Invariants: bytes reach `segments` only when they are durable.
//! Not here: buffers, handles.

use super::{Pace, Random, VOLATILE_MAX};
use crate::format::SECTOR_BYTES;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use gavel_contract::{LogDone, LogWrite, SegmentNo, StoreFault, StoreFaultKind};

#[derive(Clone, Debug)]
pub(super) enum Operation {
    Write { write: LogWrite, bytes: Vec<u8> },
    Prepare(SegmentNo),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    pub(super) stalled: bool,
    pub(super) lying: bool,
    pub(super) write_after: Option<u64>,
    pub(super) prepares: Option<(u32, StoreFaultKind)>,
    pub(super) read: Option<(SegmentNo, u64)>,
    pub(super) list: bool,
}

#[derive(Debug)]
pub(super) struct Disk {
    segment_bytes: u64,
    /// What survives.
    pub(super) segments: BTreeMap<SegmentNo, Vec<u8>>,
    /// In the order of submission.
    pub(super) pending: Vec<Operation>,
    /// Completed, or failed, and perhaps lost in a crash.
    volatile: VecDeque<(LogWrite, Vec<u8>)>,
    done: VecDeque<LogDone>,
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
            pending: Vec::new(),
            volatile: VecDeque::new(),
            done: VecDeque::new(),
            pace: Pace::ByHand,
            faults: Faults::default(),
        }
    }

    pub(super) fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    pub(super) fn segment_mut(&mut self, segment: SegmentNo) -> &mut Vec<u8> {
        self.segments.get_mut(&segment).expect("the segment is there")
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
            Operation::Prepare(segment) => self.complete_prepare(segment),
        };
        self.done.push_back(done);
        true
    }

    fn complete_write(&mut self, write: LogWrite, bytes: Vec<u8>) -> LogDone {
        let fails = match &mut self.faults.write_after {
            None => false,
            Some(0) => true,
            Some(writes) => {
                *writes -= 1;
                false
            }
        };
        if !fails && !self.faults.lying {
            self.apply(&write, &bytes, |_| true);
            return LogDone::Written(write);
        }
        self.volatile.push_back((write, bytes));
        if self.volatile.len() > VOLATILE_MAX {
            let oldest = self.volatile.pop_front();
            let (write, bytes) = oldest.expect("there are more than the most");
            self.apply(&write, &bytes, |_| true);
        }
        if !fails {
            return LogDone::Written(write);
        }
        self.faults.write_after = None;
        let what = format!("writing at {} of segment {}", write.offset_bytes, write.segment.0);
        LogDone::WriteFailed(write, fault(StoreFaultKind::Io, &what))
    }

    fn complete_prepare(&mut self, segment: SegmentNo) -> LogDone {
        let bytes = self.segment_bytes as usize;
        if self.segments.get(&segment).is_some_and(|there| there.len() == bytes) {
            return LogDone::Prepared(segment);
        }
        if let Some((left, kind)) = &mut self.faults.prepares
            && *left > 0
        {
            *left -= 1;
            let what = format!("making segment {}", segment.0);
            return LogDone::PrepareFailed(segment, fault(*kind, &what));
        }
        self.segments.insert(segment, vec![0; bytes]);
        LogDone::Prepared(segment)
    }

    /// Writes the sectors that `keep` names, by number.
    fn apply(&mut self, write: &LogWrite, bytes: &[u8], mut keep: impl FnMut(usize) -> bool) {
        let at = write.offset_bytes as usize;
        let to = &mut self.segment_mut(write.segment)[at..at + bytes.len()];
        let sectors = to.chunks_exact_mut(SECTOR_BYTES).zip(bytes.chunks_exact(SECTOR_BYTES));
        for (_, (to, from)) in sectors.enumerate().filter(|(n, _)| keep(*n)) {
            to.copy_from_slice(from);
        }
    }

    /// What is left if the host fails now.
    pub(super) fn crash(&self, random: &mut Random) -> Self {
        let mut left = Self { segments: self.segments.clone(), ..Self::new(self.segment_bytes) };
        for (write, bytes) in &self.volatile {
            left.land(write, bytes, random);
        }
        for operation in &self.pending {
            match operation {
                Operation::Write { write, bytes } => left.land(write, bytes, random),
                Operation::Prepare(segment) => left.half_prepare(*segment, random),
            }
        }
        left
    }

    /// A write that was on its way: kept, lost, or torn. (Writes on their way never overlap, so
    /// their order among each other leaves no trace.)
    fn land(&mut self, write: &LogWrite, bytes: &[u8], random: &mut Random) {
        match random.below(4) {
            0 => {}
            1 => self.apply(write, bytes, |_| true),
            // Some sectors, more or less of them.
            2 => self.apply(write, bytes, |_| !random.one_in(2)),
            _ => self.apply(write, bytes, |_| !random.one_in(16)),
        }
    }

    /// A segment that was being made: not there, there in part, or there.
    fn half_prepare(&mut self, segment: SegmentNo, random: &mut Random) {
        if self.segments.contains_key(&segment) {
            return;
        }
        let bytes = self.segment_bytes as usize;
        match random.below(4) {
            0 => {}
            1 => drop(self.segments.insert(segment, Vec::new())),
            2 => drop(self.segments.insert(segment, vec![0; random.below(bytes)])),
            _ => drop(self.segments.insert(segment, vec![0; bytes])),
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
