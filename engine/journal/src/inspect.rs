//! Every block of a log, good or bad, for tools that show a log to a person.
//!
//! Inputs -> outputs: a [`LogReader`] -> each header found, where, and whether its block is whole.
//! Invariants: refuses nothing but what cannot be read; decides nothing.
//! Limits: as recovery's.
//! Not here: which of the blocks make the log (recovery decides).

pub use crate::block::Damage;
use crate::block::strip;
use crate::format::{
    BLOCK_BYTES_MAX, BlockFields, Probe, SECTOR_BYTES, SECTOR_ROOM_BYTES, UNIT_BYTES, probe,
};
use crate::recovery::window::Window;
use alloc::vec;
use gavel_contract::{LogReader, SegmentNo, StoreFault};

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

/// Shows every block, by segment and place.
///
/// # Errors
/// [`StoreFault`] if the log cannot be read.
pub fn blocks<R: LogReader>(
    reader: &mut R,
    show: &mut impl FnMut(&BlockSeen),
) -> Result<(), StoreFault> {
    let mut room = vec![0; BLOCK_BYTES_MAX / SECTOR_BYTES * SECTOR_ROOM_BYTES];
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
            let damage = if missing > 0 {
                Some(Damage::Torn { sectors: missing })
            } else {
                strip(block, &fields, &mut room).err()
            };
            show(&BlockSeen { segment, offset_bytes, fields, damage });
            let step = if damage.is_none() { fields.block_bytes() } else { UNIT_BYTES };
            offset_bytes += step as u64;
        }
    }
    Ok(())
}
