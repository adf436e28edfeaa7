//! Reads a log back and decides where it ends, or that it must not be served.
//!
//! Blocks follow each other without a gap, so at every step one place, one number, one chain value
//! and one index are expected. What is found there decides:
//!
//! | at the place expected                               | no proof later | proof later |
//! |-----------------------------------------------------|----------------|-------------|
//! | no segment (also: none at all)                      | clean end      | -           |
//! | zeros, or sectors of older blocks                   | clean end      | corrupt     |
//! | header sector not written, other sectors are        | torn: cut      | corrupt     |
//! | header good, some sectors another block's           | torn: cut      | corrupt     |
//! | first sector the block's own, header damaged        | corrupt        | corrupt     |
//! | all sectors the block's own, checksum wrong         | corrupt        | corrupt     |
//! | whole, but chain, index, term, time or length wrong | broken         | broken      |
//! | whole, records make no sense                        | broken         | broken      |
//! | a header of another format version, here or behind  | refused        | refused     |
//! | whole and right (records, or a seal)                | taken          | taken       |
//!
//! | segments, from the point's on                       |                |
//! |-----------------------------------------------------|----------------|
//! | below the point's: any, or none                     | not looked at  |
//! | first one is not 1, and no point is given           | refused        |
//! | the point's is missing; one missing between others  | refused        |
//! | too short for the point                             | refused        |
//! | wrong length, not the last, or with a block in it   | refused        |
//! | wrong length, and the log goes up to its beginning  | refused        |
//! | wrong length, the last, behind the end, no block    | made again     |
//! | right length behind the end, whatever it holds      | used as it is  |
//! | two changed places; one copied over another         | corrupt        |
//! | cannot be listed or read                            | refused        |
//!
//! A start that met a fault before it got here (a directory that is another's, in use, read-only,
//! or cannot be synced; no identity, or a damaged one) never read a block. A failed write or sync
//! while running ends the process: its blocks are what the table finds. A clock that was set back
//! changes nothing: stamps go on from the last record's.
//!
//! *What proves.* Every block says through which block the log was durable when it was issued. A
//! block found behind the end, with a good header, of a process no older than the last block taken,
//! that says so of the block expected, proves that it was whole once: this is corruption, and is
//! never cut. (Marks by block include marks by index: who says that an index is durable says so of
//! the block that holds it. They also cover seals, which hold none.)
//!
//! *Blocks left behind by an earlier cut* are neither read as new nor taken for proof. A cut at
//! block s happens only where s was not whole, so was not durable, so no process ever marked s or a
//! later one durable before the cut: what is left behind proves nothing against s, however often
//! the place is cut again. And it is never taken: what was not whole never becomes whole but by
//! being written over; a whole block s + 1 left behind chains to the s that was cut, not to the one
//! written in its place, and carries a lower incarnation than that one. Sectors of old blocks
//! within a new one carry its old stamps, so they can only make it look torn, never whole.
//!
//! *Blocks in a segment that is used again* have lower numbers than the block expected there, so
//! they are neither taken nor proof. A segment is freed when a durable snapshot goes on above it,
//! so the log had gone on above it; a segment is left only when it is full, to its last byte, with
//! blocks that were taken, as is every segment that a cut left blocks behind in. So whatever lies
//! in a freed segment is part of the log below the point, with numbers below the point's.
//!
//! *A segment has its name only once it is whole*, pre-written and synced, so no crash leaves one
//! of another length. Where the log goes up to such a one, records may have been in it. Where the
//! log ends before, there were none. Likewise for a copy: no two segments ever begin with the same
//! block, but where somebody copied one, and what stood there before is gone.
//!
//! *What clients wrote is not taken for a block.* No unit within a block begins as a header does
//! (block.rs sees to it), and what a newer version wrote carries stamps that are not older than the
//! block expected.
//!
//! Inputs -> outputs: a [`LogReader`] -> records, in order, and [`Recovered`], or [`Refusal`].
//! Invariants: a record is handed out only from a block that is whole and follows the one before.
//! Reading changes nothing. The same bytes give the same answer.
//! Limits: a block is at most [`BLOCK_BYTES_MAX`]; no allocation per record or block.
//! Not here: repair, what a snapshot is (it keeps a [`LogPoint`]), whether what was read is
//! durable: the rim syncs the segments and their names before they are scanned.
//! Assumed: a sector is written whole or not at all. Rot of the very last blocks that also makes
//! them look torn cannot be told from a tear until a later block marks them durable; the seal
//! keeps that time short. The same holds for the loss of the last segments, all of them.

mod layout;
mod member;
mod point;
mod refusal;
#[cfg(test)]
mod tears;
#[cfg(test)]
mod tests;
pub(crate) mod window;

use crate::block::{self, Damage};
use crate::format::{
    BLOCK_BYTES_MAX, BlockName, LogEnd, Probe, SECTOR_BYTES, SECTOR_ROOM_BYTES, SectorStamp,
    UNIT_BYTES, probe,
};
use crate::journal::JournalStart;
use alloc::boxed::Box;
use alloc::vec;
use gavel_contract::{LogReader, SegmentInfo, SegmentNo};
use gavel_link::Position;
use gavel_types::{Index, LogRecord, Stamp};
use layout::{lay_out, wrong_length};
pub use member::{Damaged, scan_member};
pub use point::{LogPoint, LogPointBytes};
pub use refusal::{Breach, Corruption, Place, Refusal};
use window::Window;

/// What was cut off the end: never durable, so never acknowledged. For the operator's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The first block that is not whole.
    pub place: Place,
    /// Blocks behind it that were issued and are not reached any more.
    pub later_blocks: u64,
}

impl core::fmt::Display for Cut {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "{} was being written when the process ended, and is cut, with {} blocks behind it; \
             nothing in them was acknowledged",
            self.place, self.later_blocks
        )
    }
}

/// What is read, in order.
#[derive(Clone, Copy, Debug)]
pub enum Step<'r> {
    /// A record.
    Record(&'r LogRecord),
    /// The log goes on from here: what was handed out behind this record is not part of it. If a
    /// snapshot stands for all up to here, nothing is that was handed out.
    Turn {
        /// The record.
        last: Stamp,
        /// Whether.
        behind_snapshot: bool,
    },
}

/// A log that was read to its end. Counts are of what was read, from the point given on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Place and number of the next block, index of the next record.
    pub end: Place,
    /// Digest of every block.
    pub chain: u64,
    /// Stamp of the last record.
    pub last: Stamp,
    /// Of the last block.
    pub incarnation: u64,
    /// Highest durable mark that a block carries.
    pub marked: Position,
    /// Highest `commit` that a block carries.
    pub commit: Index,
    /// Highest incarnation seen, in blocks that were cut as well.
    pub incarnation_max: u64,
    /// Blocks, seals among them.
    pub blocks: u64,
    /// Seals.
    pub seals: u64,
    /// Records.
    pub records: u64,
    /// Whole segments that are there, from the point's on.
    pub segments: u64,
    /// Whole segments behind the end's: they can be used as they are.
    pub spare_segments: u64,
    /// A segment of wrong length that the log does not reach: to be removed, and made again.
    pub unprepared: Option<SegmentNo>,
    /// What was cut off, if anything.
    pub cut: Option<Cut>,
    /// What was damaged, if anything: a member's log ends before it, and is unsure.
    pub damaged: Option<Damaged>,
    /// As [`LogPoint::floor`].
    pub floor: LogEnd,
}

impl Recovered {
    /// Nothing but a point to go on from.
    fn at(point: &LogPoint) -> Self {
        Self {
            end: point.end,
            chain: point.chain,
            last: point.last,
            incarnation: point.incarnation,
            marked: point.marked,
            commit: point.commit,
            incarnation_max: point.incarnation,
            blocks: 0,
            seals: 0,
            records: 0,
            segments: 0,
            spare_segments: 0,
            unprepared: None,
            cut: None,
            damaged: None,
            floor: point.floor,
        }
    }

    /// The point that the log ends at.
    #[must_use]
    pub const fn point(&self) -> LogPoint {
        LogPoint {
            end: self.end,
            chain: self.chain,
            last: self.last,
            incarnation: self.incarnation,
            marked: self.marked,
            commit: self.commit,
            floor: self.floor,
        }
    }

    /// Where a journal goes on.
    ///
    /// # Errors
    /// [`Refusal::Incarnation`] if the log has already seen this incarnation or a later one.
    pub fn start(&self, incarnation: u64) -> Result<JournalStart, Refusal> {
        if incarnation <= self.incarnation_max {
            return Err(Refusal::Incarnation { given: incarnation, found: self.incarnation_max });
        }
        Ok(JournalStart {
            incarnation,
            next_block_seq: self.end.block_seq,
            chain: self.chain,
            segment: self.end.segment,
            offset_bytes: self.end.offset_bytes,
            last: self.last,
            durable: Position { index: self.last.index, ..self.marked },
            marked: self.marked,
            commit: self.commit,
            floor: self.floor,
            is_mended: false,
        })
    }
}

/// Reads a log from a point on and hands out its records in order. Segments below the point's are
/// not looked at.
///
/// # Errors
/// [`Refusal`] if the log must not be served; what was handed out is to be thrown away then.
///
/// # Panics
/// If `segment_bytes` is not a multiple of 4,096.
pub fn scan<R: LogReader>(
    reader: &mut R,
    segment_bytes: u64,
    from: &LogPoint,
    visit: &mut impl FnMut(&LogRecord),
) -> Result<Recovered, Refusal> {
    let mut scan = Scan::new(reader, segment_bytes, from)?;
    let mut is_turned = false;
    scan.read(&mut |step| match step {
        Step::Record(record) => visit(record),
        Step::Turn { .. } => is_turned = true,
    })?;
    let found = scan.close();
    if is_turned {
        return Err(Refusal::Broken { place: found.end, breach: Breach::Turned });
    }
    Ok(found)
}

/// Room for a block's bytes without stamps.
pub(crate) fn room() -> Box<[u8]> {
    vec![0; BLOCK_BYTES_MAX / SECTOR_BYTES * SECTOR_ROOM_BYTES].into_boxed_slice()
}

struct Scan<'r, R> {
    window: Window<&'r mut R>,
    /// A block's bytes without stamps.
    room: Box<[u8]>,
    segment_bytes: u64,
    /// The last that is whole; below the point's if there is none.
    last_segment: SegmentNo,
    unprepared: Option<SegmentInfo>,
    point: LogPoint,
    found: Recovered,
}

impl<'r, R: LogReader> Scan<'r, R> {
    fn new(reader: &'r mut R, segment_bytes: u64, from: &LogPoint) -> Result<Self, Refusal> {
        let unit = UNIT_BYTES as u64;
        assert!(
            segment_bytes > 0 && segment_bytes.is_multiple_of(unit),
            "segments are whole units"
        );
        let mut window = Window::new(reader);
        let layout = lay_out(&mut window, segment_bytes, from)?;
        let mut found = Recovered::at(from);
        found.segments = layout.last.map_or(0, |last| last.0 - from.end.segment.0 + 1);
        found.unprepared = layout.unprepared.map(|info| info.segment);
        let last_segment = layout.last.unwrap_or(SegmentNo(0));
        let (room, unprepared) = (room(), layout.unprepared);
        Ok(Self { window, room, segment_bytes, last_segment, unprepared, point: *from, found })
    }

    /// Reads to the end, and looks whether it is one.
    fn read(&mut self, visit: &mut impl FnMut(Step<'_>)) -> Result<(), Refusal> {
        while self.is_there() && self.take_block(visit)? {}
        if let Some(info) = self.unprepared.filter(|_| !self.is_there()) {
            return Err(wrong_length(&info, self.segment_bytes));
        }
        self.look_ahead()?;
        self.look_for_a_copy()
    }

    /// Goes to the next segment at the end of one. False if it is not there.
    fn is_there(&mut self) -> bool {
        let next = self.point.next_place(self.segment_bytes);
        if next.segment <= self.last_segment {
            self.point.end = next;
        }
        next.segment <= self.last_segment
    }

    /// Takes the next block. False if there is none, or none that is whole.
    fn take_block(&mut self, visit: &mut impl FnMut(Step<'_>)) -> Result<bool, Refusal> {
        let place = self.point.end;
        let fields = match self.probe(place.segment, place.offset_bytes)? {
            Probe::Foreign { stamp, .. } if stamp.is_before(self.point.expected()) => {
                return Ok(false);
            }
            Probe::Foreign { version, .. } => return Err(Refusal::Version { place, version }),
            Probe::Nothing(stamp) if stamp.is_of(self.point.expected()) => {
                return Err(Refusal::Corrupt { place, how: Corruption::Header });
            }
            Probe::Nothing(_) => return Ok(false),
            Probe::Header(fields) => fields,
        };
        let name = fields.name;
        if name.block_seq != place.block_seq || name.incarnation < self.point.incarnation {
            return Ok(false);
        }
        let bytes = fields.block_bytes();
        if place.offset_bytes + bytes as u64 > self.segment_bytes {
            return Err(Refusal::Broken { place, breach: Breach::Length { bytes } });
        }
        let block = view(&mut self.window, &place, bytes, self.segment_bytes)?;
        let payload = match block::strip(block, &fields, &mut self.room) {
            Ok(payload) => payload,
            Err(Damage::Torn { .. }) => return Ok(false),
            Err(Damage::Rotten) => {
                return Err(Refusal::Corrupt { place, how: Corruption::Payload });
            }
        };
        self.point
            .follow(place, &fields, payload, visit)
            .map_err(|breach| Refusal::Broken { place, breach })?;
        self.found.blocks += 1;
        self.found.seals += u64::from(fields.count == 0);
        self.found.records += u64::from(fields.count);
        Ok(true)
    }

    fn probe(&mut self, segment: SegmentNo, offset_bytes: u64) -> Result<Probe, Refusal> {
        let place = Place { segment, offset_bytes, ..self.point.end };
        let found = probe(view(&mut self.window, &place, UNIT_BYTES, self.segment_bytes)?);
        if let Probe::Header(fields) = found {
            let seen = &mut self.found.incarnation_max;
            *seen = fields.name.incarnation.max(*seen);
        }
        Ok(found)
    }

    /// Looks behind the end for proof that the block expected there was durable, and for what is
    /// cut off.
    fn look_ahead(&mut self) -> Result<(), Refusal> {
        if !self.is_there() {
            return Ok(());
        }
        let place = self.point.end;
        let expected = self.point.expected();
        let first = view(&mut self.window, &place, UNIT_BYTES, self.segment_bytes)?;
        let mut torn =
            first.chunks_exact(SECTOR_BYTES).any(|sector| SectorStamp::of(sector).is_of(expected));
        let mut later_blocks = 0;
        for segment in place.segment.0..=self.last_segment.0 {
            let from = if segment == place.segment.0 { place.offset_bytes } else { 0 };
            for offset_bytes in (from..self.segment_bytes).step_by(UNIT_BYTES) {
                let segment = SegmentNo(segment);
                let fields = match self.probe(segment, offset_bytes)? {
                    Probe::Nothing(_) => continue,
                    Probe::Foreign { stamp, .. } if stamp.is_before(expected) => continue,
                    Probe::Foreign { version, .. } => {
                        let place = Place { segment, offset_bytes, ..place };
                        return Err(Refusal::Version { place, version });
                    }
                    Probe::Header(fields) => fields,
                };
                let BlockName { incarnation, block_seq } = fields.name;
                if incarnation < expected.incarnation || block_seq < expected.block_seq {
                    continue;
                }
                if fields.durable.block_seq >= expected.block_seq {
                    let how = Corruption::Durable { segment, offset_bytes, block_seq };
                    return Err(Refusal::Corrupt { place, how });
                }
                torn = true;
                later_blocks += u64::from(block_seq > expected.block_seq);
            }
        }
        self.found.cut = torn.then_some(Cut { place, later_blocks });
        Ok(())
    }

    /// An end at the beginning of a segment is none if that segment is a copy of another: what it
    /// held is gone.
    fn look_for_a_copy(&mut self) -> Result<(), Refusal> {
        let place = self.point.end;
        if place.offset_bytes > 0 || !self.is_there() {
            return Ok(());
        }
        let Probe::Header(copied) = self.probe(place.segment, 0)? else { return Ok(()) };
        let listed = self.window.reader().segments();
        let listed = listed.map_err(|fault| Refusal::Fault { segment: None, fault })?;
        for segment in listed.iter().map(|info| info.segment).filter(|at| *at != place.segment) {
            // One below the point's may be unreadable: nobody needs it, not as a witness either.
            let Ok(first) = self.window.view(segment, 0, UNIT_BYTES) else { continue };
            if first.len() < UNIT_BYTES {
                continue;
            }
            if let Probe::Header(fields) = probe(first)
                && fields.name == copied.name
            {
                return Err(Refusal::Corrupt { place, how: Corruption::Copy { of: segment } });
            }
        }
        Ok(())
    }

    fn close(self) -> Recovered {
        let LogPoint { end, chain, last, incarnation, marked, commit, floor } = self.point;
        let spare_segments = self.last_segment.0.saturating_sub(end.segment.0);
        let found = Recovered { spare_segments, floor, ..self.found };
        Recovered { end, chain, last, incarnation, marked, commit, ..found }
    }
}

/// The bytes at a place, all of them.
pub(crate) fn view<'w, R: LogReader>(
    window: &'w mut Window<R>,
    place: &Place,
    len: usize,
    expected: u64,
) -> Result<&'w [u8], Refusal> {
    let segment = place.segment;
    let bytes = window
        .view(segment, place.offset_bytes, len)
        .map_err(|fault| Refusal::Fault { segment: Some(segment), fault })?;
    if bytes.len() < len {
        let bytes = place.offset_bytes + bytes.len() as u64;
        return Err(Refusal::WrongLength { segment, bytes, expected });
    }
    Ok(bytes)
}
