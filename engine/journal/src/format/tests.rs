//! The format does not change unseen.

use super::{
    BlockName, HEADER_BYTES, Probe, RECORD_HEAD_BYTES, SECTOR_BYTES, SectorStamp, UNIT_BYTES,
    block_bytes_for, probe, record_room_bytes,
};
use crate::inspect::{self, Damage};
use crate::tests::Image;
use gavel_contract::SegmentNo;
use gavel_types::Index;

#[test]
fn a_block_s_bytes_are_those_of_version_1() {
    let mut image = Image::new(1);
    image.name = BlockName { incarnation: 5, block_seq: 1 };
    let placed = image.block(2);
    let block = image.disk.bytes(SegmentNo(1))[..UNIT_BYTES].to_vec();
    let word = |at: usize| u64::from_le_bytes(block[8 + at..16 + at].try_into().unwrap());
    for sector in block.chunks(SECTOR_BYTES) {
        assert_eq!(sector[..8], (5_u64 << 40 | 1).to_le_bytes());
    }
    assert_eq!(&block[8..16], b"GAVELWAL");
    // Version 1, kind 1, two records; then their bytes, and the block's.
    assert_eq!(word(8), 2 << 32 | 1 << 16 | 1);
    assert_eq!(word(16), (UNIT_BYTES as u64) << 32 | u64::from(placed.fields.payload_bytes));
    // Number, incarnation, term, first index, time of the first record.
    assert_eq!([24, 32, 40, 48, 56].map(word), [1, 5, 1, 1, 1_000]);
    // Durable index and block, commit, generation.
    assert_eq!([64, 72, 80, 88].map(word), [0, 0, 0, 0]);
    assert_eq!(word(96), super::CHAIN_ORIGIN);
    // First record: its length leads, its time is the base.
    let command = image.records[0].command;
    assert_eq!(word(HEADER_BYTES) as u16, command.len);
    assert_eq!((word(HEADER_BYTES) >> 32) as u32, command.session.0);
    assert_eq!(word(HEADER_BYTES + 8) as u32, 0);
    assert_eq!(word(HEADER_BYTES + 12), command.client_seq.0);
    let body = 8 + HEADER_BYTES + RECORD_HEAD_BYTES;
    let len = usize::from(command.len);
    assert_eq!(block[body..body + len], command.body[..len]);
    // The whole of it, so that no change goes unseen.
    assert_eq!(crc32c::crc32c(&block), GOLDEN_CRC);
}

const GOLDEN_CRC: u32 = 3_379_716_198;

#[test]
fn what_is_left_of_a_block_is_zero() {
    let mut image = Image::new(1);
    let placed = image.block(2);
    let block = image.disk.bytes(SegmentNo(1))[..UNIT_BYTES].to_vec();
    let stripped = block.chunks(SECTOR_BYTES).flat_map(|sector| &sector[8..]);
    let used = HEADER_BYTES + placed.fields.payload_bytes as usize;
    assert!(stripped.skip(used).all(|byte| *byte == 0));
}

#[test]
fn a_block_is_the_smallest_that_holds_its_records() {
    for units in 1..=256 {
        let room = record_room_bytes(units * UNIT_BYTES);
        assert_eq!(block_bytes_for(room), units * UNIT_BYTES);
        assert_eq!(block_bytes_for(room + 1), (units + 1) * UNIT_BYTES);
    }
    assert_eq!(block_bytes_for(0), UNIT_BYTES);
}

#[test]
fn stamps_are_compared_by_distance() {
    let name = |incarnation, block_seq| BlockName { incarnation, block_seq };
    let stamp = |incarnation, block_seq| SectorStamp::new(name(incarnation, block_seq));
    assert!(stamp(7, 3).is_of(name(7, 3)), "the same process");
    assert!(stamp(9, 3).is_of(name(7, 3)), "a later one");
    assert!(!stamp(6, 3).is_of(name(7, 3)), "an earlier one");
    assert!(!stamp(7, 4).is_of(name(7, 3)), "another block");
    let wrap = 1 << 24;
    assert!(stamp(wrap + 1, 3).is_of(name(wrap - 1, 3)));
    assert!(!stamp(wrap - 1, 3).is_of(name(wrap + 1, 3)));
    assert!(stamp(1, 1 << 40 | 3).is_of(name(1, 1 << 40 | 3)));
    assert!(!SectorStamp::of(&[0; 512]).is_of(name(1, 1 << 40)), "zeros are nobody's");
}

#[test]
fn a_header_under_another_block_s_stamp_is_none() {
    let mut image = Image::new(1);
    image.block(2);
    let mut sector = image.disk.bytes(SegmentNo(1))[..SECTOR_BYTES].to_vec();
    assert!(matches!(probe(&sector), Probe::Header(_)));
    let other = SectorStamp::new(BlockName { incarnation: 1, block_seq: 2 });
    other.put(&mut sector);
    assert_eq!(probe(&sector), Probe::Nothing(other));
}

#[test]
fn every_block_can_be_shown_the_bad_ones_too() {
    let mut image = Image::new(2);
    image.block(3);
    let torn = image.block(100);
    let rotten = image.block(5);
    image.block(0);
    image.lose(&torn, [9, 10]);
    image.rot(&rotten, 300);
    let mut seen = Vec::new();
    inspect::blocks(&mut image.disk.reader(), &mut |block, _| {
        seen.push((block.fields.name.block_seq, block.fields.first_index, block.damage));
    })
    .unwrap();
    let expected = [
        (1, Index(1), None),
        (2, Index(4), Some(Damage::Torn { sectors: 2 })),
        (3, Index(104), Some(Damage::Rotten)),
        (4, Index(109), None),
    ];
    assert_eq!(seen, expected);
}
