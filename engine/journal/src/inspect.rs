//! Every block of a log, good or bad, for tools that show a log to a person.
//!
//! Inputs -> outputs: a [`LogReader`] -> each header found, where, whether its block is whole, and
//! the records in it if so; the point that a segment's first block goes on from.
//! Invariants: refuses nothing but what cannot be read; decides nothing.
//! Limits: as recovery's.
//! Not here: which of the blocks make the log (recovery decides).

pub use crate::block::Damage;
use crate::block::{Records, records, strip};
use crate::format::{BlockFields, LogEnd, Probe, SECTOR_BYTES, UNIT_BYTES, probe};
use crate::recovery::window::Window;
use crate::recovery::{LogPoint, Place, room};
use gavel_contract::{LogReader, SegmentNo, StoreFault};
use gavel_link::Position;
use gavel_types::{Index, LogRecord, Stamp};

/// A block as found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockSeen {
    /// Its segment.
    pub segment: SegmentNo,
    /// Bytes from the segment's beginning.
    pub offset_bytes: u64,
    /// Its header.
    pub fields: BlockFields,
    /// What is wrong with it, if anything.
    pub damage: Option<Damage>,
}

/// The records of a block, in order; none of one that is not whole.
pub struct RecordsSeen<'a>(Option<Records<'a>>);

impl Iterator for RecordsSeen<'_> {
    /// A record, or the index of one whose bytes make none: what is behind it is not read.
    type Item = Result<LogRecord, Index>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.as_mut()?.next()?.map_err(|malformed| malformed.index))
    }
}

/// Shows every block with its records, by segment and place.
///
/// # Errors
/// [`StoreFault`] if the log cannot be read.
pub fn blocks<R: LogReader>(
    reader: &mut R,
    show: &mut impl FnMut(&BlockSeen, RecordsSeen<'_>),
) -> Result<(), StoreFault> {
    let mut room = room();
    let mut window = Window::new(reader);
    for info in window.reader().segments()? {
        let segment = info.segment;
        let mut offset_bytes = 0;
        while offset_bytes + UNIT_BYTES as u64 <= info.bytes {
            let unit = window.view(segment, offset_bytes, UNIT_BYTES)?;
            if unit.len() < UNIT_BYTES {
                break;
            }
            let Probe::Header(fields) = probe(unit) else {
                offset_bytes += UNIT_BYTES as u64;
                continue;
            };
            let block = window.view(segment, offset_bytes, fields.block_bytes())?;
            let missing = (fields.block_bytes() - block.len()).div_ceil(SECTOR_BYTES);
            let payload = if missing > 0 {
                Err(Damage::Torn { sectors: missing })
            } else {
                strip(block, &fields, &mut room)
            };
            let damage = payload.err();
            let seen = BlockSeen { segment, offset_bytes, fields, damage };
            show(&seen, RecordsSeen(payload.ok().map(|payload| records(&fields, payload))));
            let step = if damage.is_none() { fields.block_bytes() } else { UNIT_BYTES };
            offset_bytes += step as u64;
        }
    }
    Ok(())
}

/// The point that the first block of a segment goes on from, as far as the block tells. None if
/// there is no header at the segment's beginning.
///
/// # Errors
/// [`StoreFault`] if the segment cannot be read.
pub fn point_before<R: LogReader>(
    reader: &mut R,
    segment: SegmentNo,
) -> Result<Option<LogPoint>, StoreFault> {
    let mut window = Window::new(reader);
    let unit = window.view(segment, 0, UNIT_BYTES)?;
    if unit.len() < UNIT_BYTES {
        return Ok(None);
    }
    let Probe::Header(fields) = probe(unit) else { return Ok(None) };
    let BlockFields { name, first_index, term, time_base, chain, .. } = fields;
    let end = Place { segment, offset_bytes: 0, block_seq: name.block_seq, index: first_index };
    let last = Stamp { index: Index(first_index.0 - 1), term, time: time_base };
    let marked = Position { generation: fields.durable.position.generation, index: Index(0) };
    let (incarnation, commit) = (name.incarnation, Index(0));
    let floor = LogEnd::ORIGIN;
    let point = LogPoint { end, chain, last, incarnation, marked, commit, floor };
    // Before the first of all blocks there is only one.
    Ok(Some(if name.block_seq == 1 { LogPoint::ORIGIN } else { point }))
}
