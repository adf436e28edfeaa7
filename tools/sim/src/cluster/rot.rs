//! Damage to what was durable: bits that turn, and blocks that went astray.
//!
//! Inputs -> outputs: a node's storage after a crash, and the seed's numbers -> the same, damaged.
//! Invariants: of the log only blocks are damaged of which a later one says that they were durable:
//! before that, damage cannot be told from a tear (recovery's table says so). Of the newest vote
//! one copy of two.
//! Limits: a write that goes astray does so after the fact: nobody reads in between.
//! Not here: whose disk it is, and when (weather.rs keeps the budget).

use super::storage::{SEGMENT_BYTES, Storage};
use crate::random::Random;
use gavel_contract::SegmentNo;
use gavel_journal::format::{
    BlockFields, HEADER_BYTES, Probe, SECTOR_BYTES, SECTOR_ROOM_BYTES, STAMP_BYTES, UNIT_BYTES,
    probe,
};
use gavel_journal::vote::{VOTE_FILE_BYTES, VOTE_SLOT_BYTES};

/// A block and its place.
#[derive(Clone, Copy, Debug)]
struct Placed {
    segment: SegmentNo,
    offset_bytes: u64,
    fields: BlockFields,
}

impl Storage {
    /// The log's blocks from where a start begins to read, and how many of them are known to have
    /// been durable.
    fn blocks(&self) -> (Vec<Placed>, usize) {
        let mut blocks: Vec<Placed> = Vec::new();
        let mut at = (self.base.end.segment, self.base.end.offset_bytes);
        let mut bytes = self.disk.segment_bytes_of(at.0);
        loop {
            if at.1 == SEGMENT_BYTES {
                at = (SegmentNo(at.0.0 + 1), 0);
                bytes = self.disk.segment_bytes_of(at.0);
            }
            let unit = bytes.as_deref().and_then(|bytes| bytes.get(at.1 as usize..));
            let Some(Probe::Header(fields)) = unit.map(probe) else { break };
            let expected = self.base.end.block_seq + blocks.len() as u64;
            let least = blocks.last().map_or(self.base.incarnation, |b| b.fields.name.incarnation);
            if fields.name.block_seq != expected || fields.name.incarnation < least {
                break;
            }
            blocks.push(Placed { segment: at.0, offset_bytes: at.1, fields });
            at.1 += fields.block_bytes() as u64;
        }
        let marked = blocks.iter().map(|block| block.fields.durable.block_seq).max();
        let sure = (marked.unwrap_or(0) + 1).saturating_sub(self.base.end.block_seq);
        (blocks, sure as usize)
    }

    /// One bit of the log turns. False if there is nothing to damage.
    pub(super) fn rot(&self, random: &mut Random) -> bool {
        let (blocks, sure) = self.blocks();
        if sure == 0 {
            return false;
        }
        let block = blocks[random.place(sure)];
        let used = HEADER_BYTES + block.fields.payload_bytes as usize;
        let sector = random.place(used.div_ceil(SECTOR_ROOM_BYTES));
        let room = (used - sector * SECTOR_ROOM_BYTES).min(SECTOR_ROOM_BYTES);
        let byte = sector * SECTOR_BYTES + random.place(STAMP_BYTES + room);
        let at = block.offset_bytes + byte as u64;
        self.disk.flip_bit(block.segment, at, random.below(8) as u8);
        true
    }

    /// A block was written over another one, or somewhere behind the log, and not where it belongs.
    pub(super) fn misdirect(&self, random: &mut Random) -> bool {
        let (blocks, sure) = self.blocks();
        if sure < 2 {
            return false;
        }
        let block = blocks[random.place(sure)];
        let last = blocks[blocks.len() - 1];
        let (segment, offset_bytes) = match random.one_in(3) {
            true => (last.segment, last.offset_bytes + last.fields.block_bytes() as u64),
            false => {
                let other = blocks[random.place(sure)];
                (other.segment, other.offset_bytes)
            }
        };
        let len = block.fields.block_bytes();
        let is_same = (segment, offset_bytes) == (block.segment, block.offset_bytes);
        if is_same || offset_bytes + len as u64 > SEGMENT_BYTES {
            return false;
        }
        let at = block.offset_bytes as usize;
        let bytes = self.disk.bytes(block.segment)[at..at + len].to_vec();
        self.disk.overwrite(block.segment, block.offset_bytes, &vec![0; len]);
        self.disk.overwrite(segment, offset_bytes, &bytes);
        true
    }

    /// A bit of one copy of a vote turns, if both copies of each are there.
    pub(super) fn rot_vote(&mut self, random: &mut Random) -> bool {
        let mut slots = self.votes.chunks_exact(VOTE_SLOT_BYTES);
        if !slots.all(|slot| slot[..UNIT_BYTES] == slot[UNIT_BYTES..]) {
            return false;
        }
        let unit = random.place(VOTE_FILE_BYTES / UNIT_BYTES) * UNIT_BYTES;
        self.votes[unit + random.place(SECTOR_BYTES)] ^= 1 << random.below(8);
        true
    }
}
