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
//! | a header of another format version                  | refused        | refused     |
//! | whole and right (records, or a seal)                | taken          | taken       |
//!
//! | segments                                            |                |
//! |-----------------------------------------------------|----------------|
//! | first one is not 1; one missing between others      | refused        |
//! | wrong length, not the last, or with a block in it   | refused        |
//! | wrong length, the last, no block in it              | made again      |
//! | right length behind the end                         | spare: used again |
//! | cannot be listed or read                            | refused        |
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
//! Recycled segments hold blocks with lower numbers, which are never the one expected.
//!
//! Inputs -> outputs: a [`LogReader`] -> records, in order, and [`Recovered`], or [`Refusal`].
//! Invariants: a record is handed out only from a block that is whole and follows the one before.
//! Reading changes nothing. The same bytes give the same answer.
//! Limits: a block is at most [`BLOCK_BYTES_MAX`]; no allocation per record or block.
//! Not here: repair, the log's beginning elsewhere than at segment 1, whether what was read is
//! durable: the rim syncs the segments before they are scanned.
//! Assumed: a sector is written whole or not at all. Rot of the very last blocks that also makes
//! them look torn cannot be told from a tear until a later block marks them durable; the seal
//! keeps that time short. The same holds for the loss of the last segments, all of them.

mod refusal;
#[cfg(test)]
mod tests;
pub(crate) mod window;

use crate::block::{self, Damage};
use crate::format::{
    BLOCK_BYTES_MAX, BlockFields, BlockName, CHAIN_ORIGIN, Probe, SECTOR_BYTES, SECTOR_ROOM_BYTES,
    SectorStamp, UNIT_BYTES, probe,
};
use crate::journal::JournalStart;
use alloc::boxed::Box;
use alloc::vec;
use gavel_contract::{LogReader, SegmentInfo, SegmentNo};
use gavel_link::Position;
use gavel_types::{Index, LogRecord, Nanos, Stamp, Term};
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

/// A log that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Place and number of the next block, index of the next record.
    pub end: Place,
    /// Digest of every block.
    pub chain: u64,
    /// Stamp of the last record.
    pub last: Stamp,
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
    /// Whole segments that are there; their numbers begin at 1.
    pub segments: u64,
    /// Whole segments behind the end's: they can be used as they are.
    pub spare_segments: u64,
    /// A segment that was being made when the process ended: to be made again.
    pub unprepared: Option<SegmentNo>,
    /// What was cut off, if anything.
    pub cut: Option<Cut>,
}

impl Recovered {
    fn nothing(segments: u64, unprepared: Option<SegmentNo>) -> Self {
        let end = Place { segment: SegmentNo(1), offset_bytes: 0, block_seq: 1, index: Index(1) };
        Self {
            end,
            chain: CHAIN_ORIGIN,
            last: Stamp { index: Index(0), term: Term(0), time: Nanos(0) },
            marked: Position::default(),
            commit: Index(0),
            incarnation_max: 0,
            blocks: 0,
            seals: 0,
            records: 0,
            segments,
            spare_segments: 0,
            unprepared,
            cut: None,
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
        })
    }
}

/// Reads a log and hands out its records in order.
///
/// # Errors
/// [`Refusal`] if the log must not be served; what was handed out is to be thrown away then.
///
/// # Panics
/// If `segment_bytes` is not a multiple of 4,096.
pub fn scan<R: LogReader>(
    reader: &mut R,
    segment_bytes: u64,
    visit: &mut impl FnMut(&LogRecord),
) -> Result<Recovered, Refusal> {
    let unit = UNIT_BYTES as u64;
    assert!(segment_bytes > 0 && segment_bytes.is_multiple_of(unit), "segments are whole units");
    let room = vec![0; BLOCK_BYTES_MAX / SECTOR_BYTES * SECTOR_ROOM_BYTES].into_boxed_slice();
    let mut window = Window::new(reader);
    let found = lay_out(&mut window, segment_bytes)?;
    let mut scan = Scan { window, room, segment_bytes, incarnation: 0, found };
    while scan.is_there() && scan.take_block(visit)? {}
    scan.look_ahead()?;
    scan.found.spare_segments = scan.found.segments.saturating_sub(scan.found.end.segment.0);
    Ok(scan.found)
}

/// Looks at which segments there are, before anything in them.
fn lay_out<R: LogReader>(
    window: &mut Window<'_, R>,
    segment_bytes: u64,
) -> Result<Recovered, Refusal> {
    let listed = window.reader().segments();
    let listed = listed.map_err(|fault| Refusal::Fault { segment: None, fault })?;
    let Some((newest, older)) = listed.split_last() else {
        return Ok(Recovered::nothing(0, None));
    };
    for (segment, expected) in listed.iter().zip(1..).map(|(info, n)| (info.segment, SegmentNo(n)))
    {
        match segment {
            _ if segment == expected => {}
            first if expected.0 == 1 => return Err(Refusal::FirstMissing { first }),
            next => return Err(Refusal::SegmentMissing { segment: expected, next }),
        }
    }
    let wrong = |info: &SegmentInfo| Refusal::WrongLength {
        segment: info.segment,
        bytes: info.bytes,
        expected: segment_bytes,
    };
    if let Some(info) = older.iter().find(|info| info.bytes != segment_bytes) {
        return Err(wrong(info));
    }
    if newest.bytes == segment_bytes {
        return Ok(Recovered::nothing(newest.segment.0, None));
    }
    if holds_a_block(window, newest)? {
        return Err(wrong(newest));
    }
    Ok(Recovered::nothing(newest.segment.0 - 1, Some(newest.segment)))
}

fn holds_a_block<R: LogReader>(
    window: &mut Window<'_, R>,
    info: &SegmentInfo,
) -> Result<bool, Refusal> {
    for offset_bytes in (0..info.bytes).step_by(UNIT_BYTES) {
        let bytes = window
            .view(info.segment, offset_bytes, UNIT_BYTES)
            .map_err(|fault| Refusal::Fault { segment: Some(info.segment), fault })?;
        if bytes.len() >= SECTOR_BYTES && !matches!(probe(bytes), Probe::Nothing(_)) {
            return Ok(true);
        }
    }
    Ok(false)
}

struct Scan<'r, R> {
    window: Window<'r, R>,
    /// A block's bytes without stamps.
    room: Box<[u8]>,
    segment_bytes: u64,
    /// Of the last block taken.
    incarnation: u64,
    found: Recovered,
}

impl<R: LogReader> Scan<'_, R> {
    /// Goes to the next segment at the end of one. False if it is not there.
    fn is_there(&mut self) -> bool {
        let end = &mut self.found.end;
        if end.offset_bytes == self.segment_bytes && end.segment.0 < self.found.segments {
            end.segment = SegmentNo(end.segment.0 + 1);
            end.offset_bytes = 0;
        }
        end.segment.0 <= self.found.segments && end.offset_bytes < self.segment_bytes
    }

    /// What the next block's name cannot be older than.
    fn expected(&self) -> BlockName {
        BlockName { incarnation: self.incarnation, block_seq: self.found.end.block_seq }
    }

    /// Takes the next block. False if there is none, or none that is whole.
    fn take_block(&mut self, visit: &mut impl FnMut(&LogRecord)) -> Result<bool, Refusal> {
        let place = self.found.end;
        let fields = match self.probe(place.segment, place.offset_bytes)? {
            Probe::Foreign { version } => return Err(Refusal::Version { place, version }),
            Probe::Nothing(stamp) if stamp.is_of(self.expected()) => {
                return Err(Refusal::Corrupt { place, how: Corruption::Header });
            }
            Probe::Nothing(_) => return Ok(false),
            Probe::Header(fields) => fields,
        };
        let name = fields.name;
        if name.block_seq != place.block_seq || name.incarnation < self.incarnation {
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
        self.found
            .follow(&fields, payload, visit)
            .map_err(|breach| Refusal::Broken { place, breach })?;
        self.incarnation = name.incarnation;
        Ok(true)
    }

    fn probe(&mut self, segment: SegmentNo, offset_bytes: u64) -> Result<Probe, Refusal> {
        let place = Place { segment, offset_bytes, ..self.found.end };
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
        let place = self.found.end;
        let expected = self.expected();
        let first = view(&mut self.window, &place, UNIT_BYTES, self.segment_bytes)?;
        let mut torn =
            first.chunks_exact(SECTOR_BYTES).any(|sector| SectorStamp::of(sector).is_of(expected));
        let mut later_blocks = 0;
        for segment in place.segment.0..=self.found.segments {
            let from = if segment == place.segment.0 { place.offset_bytes } else { 0 };
            for offset_bytes in (from..self.segment_bytes).step_by(UNIT_BYTES) {
                let segment = SegmentNo(segment);
                let fields = match self.probe(segment, offset_bytes)? {
                    Probe::Nothing(_) => continue,
                    Probe::Foreign { version } => {
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
}

/// The bytes at a place, all of them.
fn view<'w, R: LogReader>(
    window: &'w mut Window<'_, R>,
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

impl Recovered {
    /// Takes a block whose checksums are good, if it follows the one before.
    fn follow(
        &mut self,
        fields: &BlockFields,
        payload: &[u8],
        visit: &mut impl FnMut(&LogRecord),
    ) -> Result<(), Breach> {
        if fields.chain != self.chain {
            return Err(Breach::Chain);
        }
        if fields.first_index != self.end.index {
            return Err(Breach::Index { found: fields.first_index });
        }
        if fields.term < self.last.term {
            return Err(Breach::Term { before: self.last.term, found: fields.term });
        }
        for record in block::records(fields, payload) {
            let record = record.map_err(|bad| Breach::Record { index: bad.index })?;
            let (before, found) = (self.last.time, record.stamp.time);
            if found < before {
                return Err(Breach::Time { before, found });
            }
            self.last = record.stamp;
            visit(&record);
        }
        self.chain = fields.chain_after();
        self.marked = self.marked.max(fields.durable.position);
        self.commit = self.commit.max(fields.commit);
        self.blocks += 1;
        self.seals += u64::from(fields.count == 0);
        self.records += u64::from(fields.count);
        self.end.offset_bytes += fields.block_bytes() as u64;
        self.end.block_seq += 1;
        self.end.index = fields.last_index().next();
        Ok(())
    }
}
