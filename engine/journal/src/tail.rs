//! Follows a log that is being written, block by block, behind the `durable` watermark.
//!
//! ```text
//! taken ...] next block | next | ... ] durable          in flight, torn, old: not looked at
//!          ^ point                   ^
//! ```
//!
//! Inputs -> outputs: a [`LogReader`] of a log that grows, a point, `durable` -> the records of the
//! next block, and the point behind it; or [`Refusal`].
//! Invariants: a block is taken whole or not at all, checked as recovery checks it, and only if all
//! of it is durable. A seal is taken when a record behind it is durable: until then nobody but the
//! journal knows that the seal itself is, and a point behind a seal that a crash takes away would
//! be a point that no later start finds. A block that should be durable and is not whole is
//! corruption, never an end. What was read before it was durable is read again before it is judged.
//! Limits: one block, [`READ_BYTES`] at a time; no allocation after construction but for a
//! refusal's text.
//! Not here: logs that turn (those of a cluster's members); waiting; what keeps the segment of the
//! point from being recycled (whoever raises the journal's `floor` must not raise it above).

#[cfg(test)]
mod tests;

use crate::block::{self, Damage};
use crate::format::{BlockFields, Probe, UNIT_BYTES, probe};
use crate::recovery::window::{READ_BYTES, Window};
use crate::recovery::{Breach, Corruption, LogPoint, Place, Refusal, Step, room, view};
use alloc::boxed::Box;
use gavel_contract::LogReader;
use gavel_types::{Index, LogRecord};

/// Least that is read at a time. A block of one order has a quarter of it.
const READ_BYTES_MIN: usize = 16 * 1_024;

/// Follows a log.
pub struct Tail<R> {
    window: Window<R>,
    room: Box<[u8]>,
    segment_bytes: u64,
    read_bytes: usize,
    point: LogPoint,
}

/// What was made of the bytes at the point.
enum Found {
    /// A whole block, all of it durable.
    Taken(BlockFields),
    /// A block that reaches beyond what is durable.
    Later,
    /// None that is whole.
    Nothing(Refusal),
}

impl<R: LogReader> Tail<R> {
    /// Goes on from a point of the log that the reader reads.
    ///
    /// # Panics
    /// If `segment_bytes` is not a multiple of 4,096, or the point lies in no such segment.
    #[must_use]
    pub fn new(reader: R, segment_bytes: u64, from: LogPoint) -> Self {
        let unit = UNIT_BYTES as u64;
        assert!(
            segment_bytes > 0 && segment_bytes.is_multiple_of(unit),
            "segments are whole units"
        );
        assert!(from.end.offset_bytes <= segment_bytes, "a point lies in its segment");
        let window = Window::new(reader);
        let read_bytes = READ_BYTES_MIN;
        Self { window, room: room(), segment_bytes, read_bytes, point: from }
    }

    /// Where it is: all records before are handed out, none behind.
    #[must_use]
    pub const fn point(&self) -> LogPoint {
        self.point
    }

    /// Takes the next block if all of it is durable, and hands out its records. None if there is
    /// nothing durable that was not handed out, or no whole block of it.
    ///
    /// # Errors
    /// [`Refusal`] if what is durable cannot be read, or is not what it should be. Records of that
    /// block may have been handed out; the point is where it was. Not to be tried again.
    pub fn next(
        &mut self,
        durable: Index,
        visit: &mut impl FnMut(&LogRecord),
    ) -> Result<Option<BlockFields>, Refusal> {
        if durable < self.point.end.index {
            return Ok(None);
        }
        let place = self.point.next_place(self.segment_bytes);
        let ahead = self.window.ahead_bytes(place.segment, place.offset_bytes);
        if ahead > 0
            && let Found::Taken(fields) = self.take(place, durable, visit)?
        {
            return Ok(Some(fields));
        }
        // What was read was read too early, or does not reach so far.
        self.read_bytes = if ahead > 0 { self.read_bytes / 2 } else { self.read_bytes * 2 };
        self.read_bytes = self.read_bytes.clamp(READ_BYTES_MIN, READ_BYTES);
        self.window.forget(self.read_bytes);
        match self.take(place, durable, visit)? {
            Found::Taken(fields) => Ok(Some(fields)),
            Found::Later => Ok(None),
            Found::Nothing(refusal) => Err(refusal),
        }
    }

    /// Takes the block at a place, if it is there. Fails only where reading again would not help.
    fn take(
        &mut self,
        place: Place,
        durable: Index,
        visit: &mut impl FnMut(&LogRecord),
    ) -> Result<Found, Refusal> {
        let nothing = |how| Ok(Found::Nothing(Refusal::Corrupt { place, how }));
        let not_whole = || nothing(Corruption::Live { durable });
        let unit = view(&mut self.window, &place, UNIT_BYTES, self.segment_bytes)?;
        let expected = self.point.expected();
        let fields = match probe(unit) {
            Probe::Header(fields) => fields,
            Probe::Foreign { version, .. } => {
                return Ok(Found::Nothing(Refusal::Version { place, version }));
            }
            Probe::Nothing(stamp) if stamp.is_of(expected) => return nothing(Corruption::Header),
            Probe::Nothing(_) => return not_whole(),
        };
        let name = fields.name;
        if name.block_seq != expected.block_seq || name.incarnation < expected.incarnation {
            return not_whole();
        }
        if fields.last_index() > durable {
            return Ok(Found::Later);
        }
        let bytes = fields.block_bytes();
        if place.offset_bytes + bytes as u64 > self.segment_bytes {
            return Err(Refusal::Broken { place, breach: Breach::Length { bytes } });
        }
        let block = view(&mut self.window, &place, bytes, self.segment_bytes)?;
        let payload = match block::strip(block, &fields, &mut self.room) {
            Ok(payload) => payload,
            Err(Damage::Torn { .. }) => return not_whole(),
            Err(Damage::Rotten) => return nothing(Corruption::Payload),
        };
        let mut point = self.point;
        let mut record_of = |step: Step<'_>| {
            if let Step::Record(record) = step {
                visit(record);
            }
        };
        let followed = point.follow(place, &fields, payload, &mut record_of);
        followed.map_err(|breach| Refusal::Broken { place, breach })?;
        self.point = point;
        Ok(Found::Taken(fields))
    }
}
