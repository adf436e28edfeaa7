//! The log's format on disk: sectors, block headers, record heads.
//!
//! ```text
//! log      = segment 1, segment 2, ...   equal sizes, multiples of 4,096, no header of their own
//! segment  = block, block, ... to its last byte: a block is made no larger than the room left, so
//!            where the next block lies follows from where the last one ended
//! block    = sectors of 512 bytes, a multiple of 8; one block is one group commit
//!
//! sector   +-------+------------------------------------------------+
//!          | stamp |                  504 bytes                     |   stamp = incarnation << 40
//!          +-------+------------------------------------------------+             | block_seq
//!          0       8                                              512
//!
//! block without its stamps
//!          +----------------+----------+----------+--- ---+----------+------+
//!          | header 128     | record 1 | record 2 |  ...  | record n | zero |
//!          +----------------+----------+----------+--- ---+----------+------+
//!                           |<------------ payload_bytes ----------->|
//!
//! record   +-----+------+------+---------+------------+------------+-------------+
//!          | len | kind | rsvd | session | time_delta | client_seq | body[..len] |
//!          +-----+------+------+---------+------------+------------+-------------+
//!          0     2      3      4         8            12           20
//! ```
//!
//! Inputs -> outputs: bytes -> headers and stamps, and back.
//! Invariants: a record's index is the header's plus its place, its term the header's, its time
//! the header's base plus its delta. The payload's CRC covers the records without stamps, the
//! header's CRC the header before it; `chain` names every block before, so a block is good in one
//! place only. Little endian (checked by gavel-types).
//! Limits: [`BLOCK_BYTES_MAX`]; stamps keep 24 bits of the incarnation and 40 of the block's
//! number, headers keep all 64: stamps are compared for equality or by distance, never by size.
//! Not here: which block is the right one (recovery), records in a row (block.rs).
//! Assumed of the device: a sector is written whole or not at all. Sectors of one write may land in
//! any order, and some not at all.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What a device writes whole or not at all.
pub const SECTOR_BYTES: usize = 512;

/// At the head of each sector.
pub const STAMP_BYTES: usize = 8;

/// What is left of a sector.
pub const SECTOR_ROOM_BYTES: usize = SECTOR_BYTES - STAMP_BYTES;

/// Blocks are multiples of this, and begin at multiples of it.
pub const UNIT_BYTES: usize = 4_096;

/// Largest block. A reader holds one whole.
pub const BLOCK_BYTES_MAX: usize = 1 << 20;

/// Bytes of a [`BlockHeader`].
pub const HEADER_BYTES: usize = 128;

/// Bytes of a record before its body.
pub const RECORD_HEAD_BYTES: usize = 20;

/// The newest version that is written; it and all before it are read. A block is of the oldest one
/// that has its kind: a log without turns is one of version 1.
pub const FORMAT_VERSION: u16 = 2;

/// First bytes of every header.
pub const MAGIC: [u8; 8] = *b"GAVELWAL";

/// `chain` of the first block.
pub const CHAIN_ORIGIN: u64 = 0x6761_7665_6c77_616c;

const SEQ_BITS: u32 = 40;
const SEQ_MASK: u64 = (1 << SEQ_BITS) - 1;
const INCARNATION_MASK: u64 = u64::MAX >> SEQ_BITS;

/// Bytes of a unit without stamps.
pub(crate) const UNIT_ROOM_BYTES: usize = UNIT_BYTES / SECTOR_BYTES * SECTOR_ROOM_BYTES;

const _: () = assert!(UNIT_BYTES.is_multiple_of(SECTOR_BYTES));
const _: () = assert!(BLOCK_BYTES_MAX.is_multiple_of(UNIT_BYTES));
const _: () = assert!(size_of::<BlockHeader>() == HEADER_BYTES);
const _: () = assert!(size_of::<RecordHead>() == RECORD_HEAD_BYTES);
// The header is whole if its sector is.
const _: () = assert!(HEADER_BYTES <= SECTOR_ROOM_BYTES);
// The smallest block has room for the largest record, so every free unit can take one.
const _: () = assert!(
    UNIT_ROOM_BYTES >= HEADER_BYTES + RECORD_HEAD_BYTES + gavel_types::limits::COMMAND_BODY_BYTES
);

/// What a block is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// Records.
    Data,
    /// No record: says how far the log is durable when nothing follows that would.
    Seal,
    /// No record: says from where the log goes on ([`TurnFields`]).
    Turn,
}

impl BlockKind {
    const fn code(self) -> u8 {
        match self {
            Self::Data => 1,
            Self::Seal => 2,
            Self::Turn => 3,
        }
    }

    /// The first version that has it.
    const fn version(self) -> u16 {
        match self {
            Self::Data | Self::Seal => 1,
            Self::Turn => 2,
        }
    }
}

/// Name of the block that a sector belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectorStamp(u64);

impl SectorStamp {
    /// The stamp of a block's sectors.
    #[must_use]
    pub const fn new(name: BlockName) -> Self {
        Self((name.incarnation & INCARNATION_MASK) << SEQ_BITS | name.block_seq & SEQ_MASK)
    }

    /// The stamp that a sector carries.
    ///
    /// # Panics
    /// If there are fewer than 8 bytes.
    #[must_use]
    pub fn of(sector: &[u8]) -> Self {
        let (stamp, _) = U64::read_from_prefix(sector).expect("a sector is longer than its stamp");
        Self(stamp.get())
    }

    /// Puts the stamp at the head of a sector.
    pub(crate) fn put(self, sector: &mut [u8]) {
        sector[..STAMP_BYTES].copy_from_slice(&self.0.to_le_bytes());
    }

    /// True if the sector was written as part of a block before that one. By distance, so that
    /// wrapping does no harm.
    #[must_use]
    pub const fn is_before(self, name: BlockName) -> bool {
        let behind = name.block_seq.wrapping_sub(self.0) & SEQ_MASK;
        behind > 0 && behind <= SEQ_MASK / 2
    }

    /// True if the sector can have been written as part of block `block_seq` by a process that
    /// started no earlier than `incarnation`. By distance, so that wrapping does no harm.
    #[must_use]
    pub const fn is_of(self, name: BlockName) -> bool {
        let ahead = (self.0 >> SEQ_BITS).wrapping_sub(name.incarnation) & INCARNATION_MASK;
        self.0 & SEQ_MASK == name.block_seq & SEQ_MASK && ahead <= INCARNATION_MASK / 2
    }
}

/// What names a block among all that were ever written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockName {
    /// Of the process that wrote it. Unique per process start, and rising.
    pub incarnation: u64,
    /// Place in the log, from 1.
    pub block_seq: u64,
}

/// Head of a block. 128 bytes after the first sector's stamp.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct BlockHeader {
    magic: [u8; 8],
    version: U16,
    kind: u8,
    reserved_0: u8,
    count: U32,
    payload_bytes: U32,
    block_bytes: U32,
    block_seq: U64,
    incarnation: U64,
    term: U64,
    first_index: U64,
    time_base: U64,
    durable_index: U64,
    durable_seq: U64,
    commit_index: U64,
    durable_generation: U16,
    reserved_1: [u8; 6],
    chain: U64,
    reserved_2: [u8; 16],
    payload_crc: U32,
    header_crc: U32,
}

/// Where the header's own CRC begins, and what it covers ends.
const HEADER_CRC_AT: usize = HEADER_BYTES - 4;

mod fields;
#[cfg(test)]
mod tests;
mod turn;
pub use fields::{BlockFields, DurableMark};
pub use turn::{LogEnd, TurnFields};
pub(crate) use turn::{TURN_BYTES, TurnBytes};

/// Head of a record.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct RecordHead {
    /// Bytes of the body that follow.
    pub(crate) len: U16,
    pub(crate) kind: u8,
    pub(crate) reserved: u8,
    pub(crate) session: U32,
    /// Nanoseconds after the block's base.
    pub(crate) time_delta: U32,
    pub(crate) client_seq: U64,
}

/// What lies at a place where a block could begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A header, whole, and of this version.
    Header(BlockFields),
    /// A header, whole, of a version that this build does not know.
    Foreign {
        /// Its version.
        version: u16,
        /// Its sector's stamp: every version keeps these.
        stamp: SectorStamp,
    },
    /// No header: only the sector's stamp can say more.
    Nothing(SectorStamp),
}

/// Looks at the first sector of what may be a block.
///
/// # Panics
/// If there is less than a sector.
#[must_use]
pub fn probe(sector: &[u8]) -> Probe {
    assert!(sector.len() >= SECTOR_BYTES, "a probe looks at a whole sector");
    let stamp = SectorStamp::of(sector);
    let nothing = Probe::Nothing(stamp);
    let bytes = &sector[STAMP_BYTES..STAMP_BYTES + HEADER_BYTES];
    if bytes[..MAGIC.len()] != MAGIC {
        return nothing;
    }
    let header = BlockHeader::read_from_bytes(bytes).expect("a header has HEADER_BYTES");
    if header.header_crc.get() != crc32c::crc32c(&bytes[..HEADER_CRC_AT]) {
        return nothing;
    }
    if !(1..=FORMAT_VERSION).contains(&header.version.get()) {
        return Probe::Foreign { version: header.version.get(), stamp };
    }
    match header.fields() {
        Some(fields) if stamp == SectorStamp::new(fields.name) => Probe::Header(fields),
        _ => nothing,
    }
}

/// Bytes of records that a block of so many bytes can hold.
#[must_use]
pub const fn record_room_bytes(block_bytes: usize) -> usize {
    assert!(block_bytes > 0 && block_bytes.is_multiple_of(UNIT_BYTES), "blocks are whole units");
    block_bytes / SECTOR_BYTES * SECTOR_ROOM_BYTES - HEADER_BYTES
}

/// Bytes of the smallest block that holds so many bytes of records.
#[must_use]
pub const fn block_bytes_for(payload_bytes: usize) -> usize {
    (HEADER_BYTES + payload_bytes).div_ceil(UNIT_ROOM_BYTES) * UNIT_BYTES
}
