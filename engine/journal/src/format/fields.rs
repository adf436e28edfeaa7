//! A block's header as values, and its way to bytes and back.
//!
//! Inputs -> outputs: [`BlockFields`] <-> [`BlockHeader`].
//! Invariants: only headers that hold together become fields; fields always do.
//! Not here: where the header lies (format.rs).

use super::{
    BLOCK_BYTES_MAX, BlockHeader, BlockKind, BlockName, HEADER_CRC_AT, MAGIC, RECORD_HEAD_BYTES,
    TURN_BYTES, block_bytes_for,
};
use gavel_link::Position;
use gavel_types::{Index, Nanos, Term};
use zerocopy::IntoBytes;

/// How far a log was durable when a block was issued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DurableMark {
    /// Records up to here.
    pub position: Position,
    /// Blocks up to here. Says more than the records do: a seal has none.
    pub block_seq: u64,
}

/// A block's header as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockFields {
    /// Which block.
    pub name: BlockName,
    /// What it is for.
    pub kind: BlockKind,
    /// Of all its records.
    pub term: Term,
    /// Of its first record; of the next one if it has none (behind a turn, as it says).
    pub first_index: Index,
    /// Records.
    pub count: u32,
    /// Bytes of records.
    pub payload_bytes: u32,
    /// UTC of its first record; of the last one before it if it has none.
    pub time_base: Nanos,
    /// How far the log was durable when it was issued.
    pub durable: DurableMark,
    /// `commit` as known when it was issued.
    pub commit: Index,
    /// Digest of every block before it.
    pub chain: u64,
    /// CRC32C of the records, without stamps.
    pub payload_crc: u32,
}

impl BlockFields {
    /// Bytes on disk.
    #[must_use]
    pub const fn block_bytes(&self) -> usize {
        block_bytes_for(self.payload_bytes as usize)
    }

    /// Index of its last record; of the last one before it if it has none.
    #[must_use]
    pub const fn last_index(&self) -> Index {
        Index(self.first_index.0 + self.count as u64 - 1)
    }

    /// `chain` of the block after it. Mixed, not hashed: it finds accidents, not forgeries.
    #[must_use]
    pub fn chain_after(&self) -> u64 {
        let header_crc = self.header().header_crc.get();
        let word = u64::from(header_crc) << 32 | u64::from(self.payload_crc);
        mix(self.chain.rotate_left(23) ^ word)
    }

    /// The header, with its CRC.
    pub(crate) fn header(&self) -> BlockHeader {
        let mut header = BlockHeader {
            magic: MAGIC,
            version: self.kind.version().into(),
            kind: self.kind.code(),
            reserved_0: 0,
            count: self.count.into(),
            payload_bytes: self.payload_bytes.into(),
            block_bytes: (self.block_bytes() as u32).into(),
            block_seq: self.name.block_seq.into(),
            incarnation: self.name.incarnation.into(),
            term: self.term.0.into(),
            first_index: self.first_index.0.into(),
            time_base: self.time_base.0.into(),
            durable_index: self.durable.position.index.0.into(),
            durable_seq: self.durable.block_seq.into(),
            commit_index: self.commit.0.into(),
            durable_generation: self.durable.position.generation.into(),
            reserved_1: [0; 6],
            chain: self.chain.into(),
            reserved_2: [0; 16],
            payload_crc: self.payload_crc.into(),
            header_crc: 0.into(),
        };
        header.header_crc = crc32c::crc32c(&header.as_bytes()[..HEADER_CRC_AT]).into();
        header
    }
}

impl BlockHeader {
    /// The values, if they hold together. (The CRC is good: if they do not, whoever wrote them was
    /// wrong.)
    pub(crate) fn fields(&self) -> Option<BlockFields> {
        let kinds = [BlockKind::Data, BlockKind::Seal, BlockKind::Turn];
        let kind = kinds.into_iter().find(|k| k.code() == self.kind)?;
        let fields = BlockFields {
            name: BlockName {
                incarnation: self.incarnation.get(),
                block_seq: self.block_seq.get(),
            },
            kind,
            term: Term(self.term.get()),
            first_index: Index(self.first_index.get()),
            count: self.count.get(),
            payload_bytes: self.payload_bytes.get(),
            time_base: Nanos(self.time_base.get()),
            durable: DurableMark {
                position: Position {
                    generation: self.durable_generation.get(),
                    index: Index(self.durable_index.get()),
                },
                block_seq: self.durable_seq.get(),
            },
            commit: Index(self.commit_index.get()),
            chain: self.chain.get(),
            payload_crc: self.payload_crc.get(),
        };
        let is_as_said = self.version.get() == kind.version()
            && self.block_bytes.get() as usize == fields.block_bytes();
        (is_as_said && fields.hold_together()).then_some(fields)
    }
}

impl BlockFields {
    fn hold_together(&self) -> bool {
        let records = match self.kind {
            BlockKind::Data => self.count > 0,
            BlockKind::Seal => self.count == 0 && self.payload_bytes == 0,
            BlockKind::Turn => {
                let is_turned = self.durable.position.generation > 0;
                self.count == 0 && self.payload_bytes as usize == TURN_BYTES && is_turned
            }
        };
        let last = self.first_index.0.checked_add(u64::from(self.count));
        records
            && self.payload_bytes as usize >= self.count as usize * RECORD_HEAD_BYTES
            && self.block_bytes() <= BLOCK_BYTES_MAX
            && self.first_index.0 >= 1
            && last.is_some_and(|last| last <= Position::INDEX_MAX.0)
            && self.name.block_seq >= 1
            && self.durable.block_seq < self.name.block_seq
            && self.durable.position.generation <= Position::GENERATION_MAX
            && self.durable.position.index < self.first_index
    }
}

/// Every bit of the word moves about half of the result's (Steele, Lea, Flood 2014: SplitMix64).
const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
