//! What a member of a cluster must not forget beside its log: its vote, its term, and their like.
//!
//! ```text
//! file   +-----------+-----------+-----------+-----------+
//!        | slot 0, a | slot 0, b | slot 1, a | slot 1, b |   units of 4,096 bytes
//!        +-----------+-----------+-----------+-----------+
//! unit   +-------+---------+-----+-----+----------------------------+------+------+-----+------+
//!        | magic | version | len | seq | mark: generation, index, n | body | zero | crc | zero |
//!        +-------+---------+-----+-----+----------------------------+------+------+-----+------+
//!        0       8         10    16    24                           48            508   512
//! ```
//!
//! Records are numbered from 1; each is written twice, side by side, in one write to the slot that
//! does not hold the newest. A write that is torn leaves the one before, and whoever waits for it
//! was told nothing. A copy that rots leaves the other one.
//!
//! Inputs -> outputs: a record -> the bytes of a slot; the bytes of the file -> the newest record.
//! Invariants: a record that was written is found, unless both of its copies are damaged: then the
//! answer is [`VoteLost`], never an older record or none. Each says how far the log was durable
//! when it was made (SAFETY 3): the log's scan takes that for proof. Whoever starts writes what it
//! found anew before it acts on it: of a torn write one copy may be all there is.
//! Limits: [`VOTE_BODY_BYTES`].
//! Not here: what a body means (whoever votes knows), files, and that a write is durable before
//! anything depends on it (DESIGN's "send after durable").

#[cfg(test)]
mod tests;

use crate::format::{DurableMark, SECTOR_BYTES, UNIT_BYTES};
use core::fmt::{Display, Formatter};
use gavel_link::Position;
use gavel_types::Index;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// First bytes of every copy.
pub const MAGIC: [u8; 8] = *b"GAVELVOT";

/// The version that is written, and the only one that is read.
pub const FORMAT_VERSION: u16 = 1;

/// Most bytes of a body.
pub const VOTE_BODY_BYTES: usize = 460;

/// Bytes of a slot: both copies.
pub const VOTE_SLOT_BYTES: usize = 2 * UNIT_BYTES;

/// Bytes of the file.
pub const VOTE_FILE_BYTES: usize = 2 * VOTE_SLOT_BYTES;

/// A copy. One sector: it is written whole or not at all.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Copy {
    magic: [u8; 8],
    version: U16,
    len: U16,
    reserved_0: [u8; 4],
    seq: U64,
    generation: U16,
    reserved_1: [u8; 6],
    index: U64,
    block_seq: U64,
    body: [u8; VOTE_BODY_BYTES],
    crc: U32,
}

const _: () = assert!(size_of::<Copy>() == SECTOR_BYTES);

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoteRecord<'a> {
    /// From 1; each is one more than the one before.
    pub seq: u64,
    /// How far the log was durable when it was made.
    pub mark: DurableMark,
    /// The vote, in whatever form.
    pub body: &'a [u8],
}

/// Something was kept, and cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoteLost;

impl Display for VoteLost {
    fn fmt(&self, f: &mut Formatter<'_>) -> core::fmt::Result {
        f.write_str(
            "this node voted, and no copy of its vote can be read. It must not vote again under \
             this name: add it to the cluster as a new member",
        )
    }
}

impl core::error::Error for VoteLost {}

/// Where in the file the record of that number belongs.
#[must_use]
pub const fn slot_offset_bytes(seq: u64) -> u64 {
    seq % 2 * VOTE_SLOT_BYTES as u64
}

/// Makes the bytes of a slot.
///
/// # Panics
/// If the body is longer than [`VOTE_BODY_BYTES`], or `into` is no slot.
pub fn encode(record: &VoteRecord<'_>, into: &mut [u8]) {
    assert!(record.body.len() <= VOTE_BODY_BYTES, "a vote fits in a sector");
    assert!(record.seq > 0, "records are numbered from 1");
    assert_eq!(into.len(), VOTE_SLOT_BYTES, "a record fills a slot");
    let mut body = [0; VOTE_BODY_BYTES];
    body[..record.body.len()].copy_from_slice(record.body);
    let mut copy = Copy {
        magic: MAGIC,
        version: FORMAT_VERSION.into(),
        len: (record.body.len() as u16).into(),
        reserved_0: [0; 4],
        seq: record.seq.into(),
        generation: record.mark.position.generation.into(),
        reserved_1: [0; 6],
        index: record.mark.position.index.0.into(),
        block_seq: record.mark.block_seq.into(),
        body,
        crc: 0.into(),
    };
    copy.crc = crc32c::crc32c(&copy.as_bytes()[..SECTOR_BYTES - 4]).into();
    into.fill(0);
    for unit in into.chunks_exact_mut(UNIT_BYTES) {
        unit[..SECTOR_BYTES].copy_from_slice(copy.as_bytes());
    }
}

/// The newest record of a file; none if nothing was ever written to it.
///
/// A record that anybody was told of was written twice. So where a slot has no copy that can be
/// read, and neither of the two is blank, the newest record may have been there: the one in the
/// other slot must not be taken for it, or a node could vote again in a term (Raft 5.2). Where one
/// of the two is blank the slot's first write was torn, and nobody was told of it, nor will be:
/// whoever starts writes what it found anew, to the other slot, before it acts on it.
///
/// # Errors
/// [`VoteLost`] if a newer record than all that can be read may have been written.
///
/// # Panics
/// If the file has another length than [`VOTE_FILE_BYTES`].
pub fn newest(file: &[u8]) -> Result<Option<VoteRecord<'_>>, VoteLost> {
    assert_eq!(file.len(), VOTE_FILE_BYTES, "a file has two slots");
    let (even, odd) = file.split_at(VOTE_SLOT_BYTES);
    let slots = [Slot::read(even, 0), Slot::read(odd, 1)];
    let newest = slots.iter().filter_map(|slot| slot.newest).max_by_key(|record| record.seq);
    let is_lost = slots.iter().any(|slot| match newest {
        Some(_) => slot.newest.is_none() && slot.blank_copies == 0,
        None => slot.blank_copies < 2,
    });
    if is_lost { Err(VoteLost) } else { Ok(newest) }
}

/// What can be read of a slot.
struct Slot<'a> {
    newest: Option<VoteRecord<'a>>,
    /// Copies that were never written.
    blank_copies: usize,
}

impl<'a> Slot<'a> {
    fn read(slot: &'a [u8], parity: u64) -> Self {
        let units = slot.chunks_exact(UNIT_BYTES);
        let whole = units.clone().filter_map(|unit| decode(&unit[..SECTOR_BYTES]));
        let own = whole.filter(|record| record.seq % 2 == parity);
        Self {
            newest: own.max_by_key(|record| record.seq),
            blank_copies: units.filter(|unit| unit.iter().all(|byte| *byte == 0)).count(),
        }
    }
}

fn decode(sector: &[u8]) -> Option<VoteRecord<'_>> {
    let copy = Copy::ref_from_bytes(sector).ok()?;
    let is_whole = copy.magic == MAGIC
        && copy.version.get() == FORMAT_VERSION
        && copy.crc.get() == crc32c::crc32c(&sector[..SECTOR_BYTES - 4]);
    let body = copy.body.get(..usize::from(copy.len.get())).filter(|_| is_whole)?;
    let position = Position { generation: copy.generation.get(), index: Index(copy.index.get()) };
    let mark = DurableMark { position, block_seq: copy.block_seq.get() };
    Some(VoteRecord { seq: copy.seq.get(), mark, body })
}
