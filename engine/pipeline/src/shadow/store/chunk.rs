//! The head of a chunk of stored reports.

use gavel_types::{Index, ReportNo, SessionSlot, SessionUuid};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

const MAGIC: [u8; 4] = *b"GVR1";
const CRC_BYTES: usize = 4;

/// Reports of one session, whole frames, number by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) uuid: SessionUuid,
    pub(super) slot: SessionSlot,
    /// Number of the first report.
    pub(super) first: ReportNo,
    /// Reports, at least 1.
    pub(super) count: u32,
    /// Record of the first report.
    pub(super) first_index: Index,
    /// Record of the last one.
    pub(super) last_index: Index,
    pub(super) raw_bytes: u32,
    pub(super) packed_bytes: u32,
    /// Of the packed bytes.
    pub(super) body_crc: u32,
    pub(super) codec: u8,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct ChunkBytes {
    magic: [u8; 4],
    slot: U32,
    uuid: [u8; 16],
    first: U64,
    first_index: U64,
    last_index: U64,
    count: U32,
    raw_bytes: U32,
    packed_bytes: U32,
    body_crc: U32,
    codec: u8,
    reserved: [u8; 3],
    /// CRC32C of what is before it.
    crc: U32,
}

/// Bytes before the packed ones.
pub(super) const CHUNK_HEAD_BYTES: usize = size_of::<ChunkBytes>();
const _: () = assert!(CHUNK_HEAD_BYTES == 72);

impl ChunkBytes {
    pub(super) fn of(chunk: &Chunk) -> Self {
        let mut bytes = Self {
            magic: MAGIC,
            slot: chunk.slot.0.into(),
            uuid: chunk.uuid.0,
            first: chunk.first.0.into(),
            first_index: chunk.first_index.0.into(),
            last_index: chunk.last_index.0.into(),
            count: chunk.count.into(),
            raw_bytes: chunk.raw_bytes.into(),
            packed_bytes: chunk.packed_bytes.into(),
            body_crc: chunk.body_crc.into(),
            codec: chunk.codec,
            reserved: [0; 3],
            crc: 0.into(),
        };
        bytes.crc = crc32c::crc32c(&bytes.as_bytes()[..CHUNK_HEAD_BYTES - CRC_BYTES]).into();
        bytes
    }

    /// None if the bytes are no head of a chunk: the file ends here, or is damaged.
    pub(super) fn read(bytes: &[u8]) -> Option<Chunk> {
        let (head, _) = Self::ref_from_prefix(bytes).ok()?;
        let crc = crc32c::crc32c(&bytes[..CHUNK_HEAD_BYTES - CRC_BYTES]);
        let good = head.magic == MAGIC && head.crc.get() == crc && head.reserved == [0; 3];
        let chunk = Chunk {
            uuid: SessionUuid(head.uuid),
            slot: SessionSlot(head.slot.get()),
            first: ReportNo(head.first.get()),
            count: head.count.get(),
            first_index: Index(head.first_index.get()),
            last_index: Index(head.last_index.get()),
            raw_bytes: head.raw_bytes.get(),
            packed_bytes: head.packed_bytes.get(),
            body_crc: head.body_crc.get(),
            codec: head.codec,
        };
        let bounded = chunk.count >= 1
            && chunk.raw_bytes as usize <= super::PAGE_BYTES
            && chunk.packed_bytes as usize <= super::PACKED_BYTES_MAX
            && chunk.first.0.checked_add(u64::from(chunk.count)).is_some();
        (good && bounded).then_some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk() -> Chunk {
        Chunk {
            uuid: SessionUuid(*b"0123456789abcdef"),
            slot: SessionSlot(3),
            first: ReportNo(7),
            count: 5,
            first_index: Index(70),
            last_index: Index(75),
            raw_bytes: 500,
            packed_bytes: 90,
            body_crc: 0xDEAD_BEEF,
            codec: 1,
        }
    }

    #[test]
    fn a_head_comes_back_as_it_was_and_no_bit_of_it_can_turn() {
        let bytes = ChunkBytes::of(&chunk());
        assert_eq!(ChunkBytes::read(bytes.as_bytes()), Some(chunk()));
        for bit in 0..CHUNK_HEAD_BYTES * 8 {
            let mut bad = bytes.as_bytes().to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(ChunkBytes::read(&bad), None, "bit {bit}");
        }
        assert_eq!(ChunkBytes::read(&bytes.as_bytes()[..71]), None);
    }

    #[test]
    fn lengths_are_not_believed() {
        let too_long = Chunk { raw_bytes: super::super::PAGE_BYTES as u32 + 1, ..chunk() };
        let empty = Chunk { count: 0, ..chunk() };
        let endless = Chunk { first: ReportNo(u64::MAX), ..chunk() };
        for bad in [too_long, empty, endless] {
            assert_eq!(ChunkBytes::read(ChunkBytes::of(&bad).as_bytes()), None);
        }
    }
}
