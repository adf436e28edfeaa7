//! Clients choose bytes that end up in the log: none of them is taken for a block.

use crate::block::{BlockBuilder, BlockFrame};
use crate::format::{
    BlockName, CHAIN_ORIGIN, DurableMark, HEADER_BYTES, MAGIC, Probe, RECORD_HEAD_BYTES,
    SECTOR_BYTES, SectorStamp, UNIT_BYTES, UNIT_ROOM_BYTES, probe,
};
use crate::tests::Image;
use gavel_contract::SegmentNo;
use gavel_link::Position;
use gavel_types::{Command, Index, LogRecord, Nanos, SeqNo, SessionSlot, Stamp, Term};

const BODY: usize = 88;

fn stamp(index: u64) -> Stamp {
    Stamp { index: Index(index), term: Term(1), time: Nanos(0) }
}

fn record(index: u64, body: [u8; BODY], len: usize) -> LogRecord {
    let (session, client_seq) = (SessionSlot(0), SeqNo(index));
    let command = Command { session, kind: 1, reserved: 0, len: len as u16, client_seq, body };
    LogRecord { stamp: stamp(index), command }
}

/// A builder whose next record's body begins so many bytes before the second unit; how many records
/// it holds.
fn filled(before: usize) -> (BlockBuilder, u64) {
    let mut builder = BlockBuilder::new(2 * UNIT_BYTES, Stamp { index: Index(0), ..stamp(0) });
    builder.begin(2 * UNIT_BYTES);
    let mut left = UNIT_ROOM_BYTES - HEADER_BYTES - RECORD_HEAD_BYTES - before;
    let mut index = 0;
    while left > 0 {
        let longest = RECORD_HEAD_BYTES + BODY;
        let bytes = match left {
            whole if whole <= longest => whole,
            two if two <= 2 * longest => two / 2,
            _ => longest,
        };
        index += 1;
        assert!(builder.offer(&record(index, [0; BODY], bytes - RECORD_HEAD_BYTES)));
        left -= bytes;
    }
    (builder, index)
}

#[test]
fn a_record_that_would_look_like_a_header_begins_the_next_block() {
    for before in 0..=BODY - MAGIC.len() {
        let mut planted = [7; BODY];
        planted[before..before + MAGIC.len()].copy_from_slice(&MAGIC);
        let mut harmless = planted;
        harmless[before + MAGIC.len() - 1] ^= 1;
        let (mut builder, index) = filled(before);
        assert!(builder.offer(&record(index + 1, harmless, BODY)), "{before}");
        let (mut builder, index) = filled(before);
        assert!(!builder.offer(&record(index + 1, planted, BODY)), "{before}");
        let name = BlockName { incarnation: 1, block_seq: 1 };
        let durable = DurableMark { position: Position::default(), block_seq: 0 };
        let frame = BlockFrame { name, durable, commit: Index(0), chain: CHAIN_ORIGIN };
        let mut block = vec![0; 2 * UNIT_BYTES];
        assert_eq!(u64::from(builder.close(&frame, &mut block).count), index);
        builder.begin(2 * UNIT_BYTES);
        assert!(builder.offer(&record(index + 1, planted, BODY)), "it is the next block's first");
    }
}

/// The first sector of a unit that a client filled with a header of another version.
fn forged(version: u16, name: BlockName) -> Vec<u8> {
    let mut sector = vec![0; SECTOR_BYTES];
    SectorStamp::new(name).put(&mut sector);
    sector[8..16].copy_from_slice(&MAGIC);
    sector[16..18].copy_from_slice(&version.to_le_bytes());
    let crc = crc32c::crc32c(&sector[8..8 + HEADER_BYTES - 4]);
    sector[8 + HEADER_BYTES - 4..8 + HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
    assert!(matches!(probe(&sector), Probe::Foreign { .. }));
    sector
}

#[test]
fn a_newer_version_within_an_old_block_is_not_believed() {
    let mut image = Image::new(2);
    image.block(10);
    image.block(10);
    let expected = image.name;
    for ahead in [0, 3, 7] {
        let at = image.offset_bytes + ahead * UNIT_BYTES as u64;
        let old = BlockName { block_seq: expected.block_seq - 1, ..expected };
        image.disk.overwrite(SegmentNo(1), at, &forged(9, old));
        assert_eq!(image.scan().map(|found| found.records), Ok(20), "{ahead}");
        for seq in [expected.block_seq, expected.block_seq + 3] {
            let new = BlockName { block_seq: seq, ..expected };
            image.disk.overwrite(SegmentNo(1), at, &forged(9, new));
            image.scan().map(|_| ()).expect_err("a newer build was here");
        }
        image.disk.overwrite(SegmentNo(1), at, &[0; SECTOR_BYTES]);
    }
}
