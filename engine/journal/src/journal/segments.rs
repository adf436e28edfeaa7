//! Which segments are there to be written, and where the next block goes.
//!
//! Inputs -> outputs: what the store says of segments -> the place of the next block, and which
//! segment to ask for.
//! Invariants: segments are asked for in order, one at a time, and one is kept ready behind the one
//! being written. A block lies whole in one segment, and a segment is filled to its last byte.
//! Limits: none beyond the store's.
//! Not here: the blocks.

use super::millis;
use crate::format::UNIT_BYTES;
use gavel_contract::{JournalPlan, SegmentNo, StoreFault, StoreFaultKind};
use gavel_types::Nanos;

/// Whether records can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intake {
    /// They can.
    Go,
    /// They can soon: a segment is being made.
    Wait,
    /// They cannot: there is no space.
    Stop,
}

/// What became of the last segment asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    /// It is there.
    Nothing,
    /// There is no answer yet; `refused` if the answer before was "no space".
    Asked { refused: bool },
    /// There was no space then.
    Refused { when: Nanos },
}

#[derive(Debug)]
pub(super) struct Segments {
    segment_bytes: u64,
    retry_after: Nanos,
    /// Place of the next block.
    segment: SegmentNo,
    offset_bytes: u64,
    /// The newest segment that is ready. At the start none is: the store is asked for those that
    /// are there already as well, so that it has them open.
    ready: SegmentNo,
    asking: Asking,
}

impl Segments {
    pub(super) fn new(plan: &JournalPlan, segment: SegmentNo, offset_bytes: u64) -> Self {
        let unit = UNIT_BYTES as u64;
        let bytes = plan.segment_bytes;
        assert!(bytes > 0 && bytes.is_multiple_of(unit), "segments are whole units");
        assert!(offset_bytes.is_multiple_of(unit), "blocks begin at whole units");
        assert!(offset_bytes <= bytes, "a place lies in its segment");
        let mut segments = Self {
            segment_bytes: bytes,
            retry_after: millis(plan.full_retry_ms),
            segment,
            offset_bytes,
            ready: SegmentNo(segment.0 - 1),
            asking: Asking::Nothing,
        };
        if offset_bytes == bytes {
            segments.ready = segment;
            segments.turn_page();
        }
        segments
    }

    /// Bytes of the largest block that has a place now.
    pub(super) fn room_bytes(&self) -> usize {
        if self.ready < self.segment {
            return 0;
        }
        usize::try_from(self.segment_bytes - self.offset_bytes).unwrap_or(usize::MAX)
    }

    /// Takes the place of a block.
    pub(super) fn place(&mut self, len_bytes: usize) -> (SegmentNo, u64) {
        assert!(len_bytes <= self.room_bytes(), "a block is made to fit");
        let place = (self.segment, self.offset_bytes);
        self.offset_bytes += len_bytes as u64;
        if self.offset_bytes == self.segment_bytes {
            self.turn_page();
        }
        place
    }

    /// Where the last block ended.
    pub(super) fn end(&self) -> (SegmentNo, u64) {
        match (self.segment, self.offset_bytes) {
            (SegmentNo(1), 0) => (self.segment, 0),
            (segment, 0) => (SegmentNo(segment.0 - 1), self.segment_bytes),
            place => place,
        }
    }

    fn turn_page(&mut self) {
        self.segment = SegmentNo(self.segment.0 + 1);
        self.offset_bytes = 0;
    }

    /// The segment to ask for now, if any.
    pub(super) fn wanted(&mut self, now: Nanos) -> Option<SegmentNo> {
        if self.ready > self.segment {
            return None;
        }
        let refused = match self.asking {
            Asking::Nothing => false,
            Asking::Refused { when } if now.since(when) >= self.retry_after.0 => true,
            Asking::Asked { .. } | Asking::Refused { .. } => return None,
        };
        self.asking = Asking::Asked { refused };
        Some(SegmentNo(self.ready.0 + 1))
    }

    pub(super) fn prepared(&mut self, segment: SegmentNo) {
        self.answered(segment);
        self.asking = Asking::Nothing;
        self.ready = segment;
    }

    /// Returns the fault if it is not one that may pass.
    pub(super) fn failed(
        &mut self,
        segment: SegmentNo,
        why: StoreFault,
        now: Nanos,
    ) -> Option<StoreFault> {
        self.answered(segment);
        self.asking = Asking::Refused { when: now };
        (why.kind != StoreFaultKind::Full).then_some(why)
    }

    fn answered(&self, segment: SegmentNo) {
        assert!(matches!(self.asking, Asking::Asked { .. }), "an answer is to a question");
        assert_eq!(segment.0, self.ready.0 + 1, "the answer is to what was asked");
    }

    /// Whether there is room, and if not, why.
    pub(super) fn intake(&self) -> Intake {
        if self.room_bytes() > 0 {
            return Intake::Go;
        }
        match self.asking {
            Asking::Refused { .. } | Asking::Asked { refused: true } => Intake::Stop,
            Asking::Nothing | Asking::Asked { refused: false } => Intake::Wait,
        }
    }
}
