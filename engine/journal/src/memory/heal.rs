//! Makes a torn block look whole: what a recovery would see that trusts the end of the log.
//!
//! Inputs -> outputs: a block's bytes, some sectors another block's -> stamps and checks that hold.
//! Not here: what its records are then.

use crate::block::{Damage, strip};
use crate::format::{HEADER_BYTES, Probe, SECTOR_BYTES, SECTOR_ROOM_BYTES, STAMP_BYTES};
use crate::format::{SectorStamp, probe};
use alloc::vec;
use zerocopy::IntoBytes;

/// Heals the block at the head of `bytes`. False if there is none, or it is whole, or its end is
/// not there.
pub fn heal(bytes: &mut [u8]) -> bool {
    let Probe::Header(mut fields) = probe(bytes) else { return false };
    let Some(block) = bytes.get_mut(..fields.block_bytes()) else { return false };
    let mut room = vec![0; block.len() / SECTOR_BYTES * SECTOR_ROOM_BYTES];
    if !matches!(strip(block, &fields, &mut room), Err(Damage::Torn { .. })) {
        return false;
    }
    let sectors = block.chunks_exact_mut(SECTOR_BYTES);
    for (sector, piece) in sectors.zip(room.chunks_exact_mut(SECTOR_ROOM_BYTES)) {
        SectorStamp::new(fields.name).put(sector);
        piece.copy_from_slice(&sector[STAMP_BYTES..]);
    }
    let payload = &room[HEADER_BYTES..HEADER_BYTES + fields.payload_bytes as usize];
    fields.payload_crc = crc32c::crc32c(payload);
    block[STAMP_BYTES..STAMP_BYTES + HEADER_BYTES].copy_from_slice(fields.header().as_bytes());
    true
}
