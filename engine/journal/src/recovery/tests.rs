//! A test for every row of the table in recovery.rs, and for what is said of blocks left behind.

use super::{Breach, Corruption, Cut, LogPoint, Recovered, Refusal};
use crate::format::{BlockFields, BlockName, DurableMark, HEADER_BYTES, STAMP_BYTES};
use crate::tests::{Image, Rig, plan, records_of, scan_all};
use gavel_contract::SegmentNo;
use gavel_link::Position;
use gavel_types::{Index, Nanos, Stamp, Term};
use zerocopy::IntoBytes;

const SEGMENT: usize = 64 * 1_024;

/// Blocks 1, 2 and 3, of 20, 30 and 1 records, of which 4 sectors and more are in use.
fn three() -> (Image, [crate::tests::Placed; 3]) {
    let mut image = Image::new(2);
    let blocks = [image.block(20), image.block(30), image.block(1)];
    (image, blocks)
}

fn corrupt_as_durable(result: &Result<Recovered, Refusal>, seq: u64) -> bool {
    matches!(result, Err(Refusal::Corrupt { place, how: Corruption::Durable { .. } })
        if place.block_seq == seq)
}

fn cut(result: &Recovered) -> Option<(u64, u64)> {
    result.cut.map(|Cut { place, later_blocks }| (place.block_seq, later_blocks))
}

#[test]
fn an_empty_directory_is_an_empty_log() {
    let found = Image::new(0).scan().unwrap();
    assert_eq!(found, Recovered::at(&LogPoint::ORIGIN));
    let start = found.start(1).unwrap();
    assert_eq!(start, crate::JournalStart::empty(1));
}

#[test]
fn prepared_segments_without_a_block_are_an_empty_log_with_a_spare() {
    let found = Image::new(2).scan().unwrap();
    assert_eq!((found.records, found.segments, found.spare_segments), (0, 2, 1));
    assert_eq!(found.cut, None);
}

#[test]
fn zeros_behind_the_last_block_are_a_clean_end() {
    let (image, blocks) = three();
    let found = image.scan().unwrap();
    assert_eq!((found.blocks, found.seals, found.records), (3, 0, 51));
    assert_eq!(found.end.segment, SegmentNo(1));
    assert_eq!(found.end.offset_bytes, image.offset_bytes);
    assert_eq!((found.end.block_seq, found.end.index), (4, Index(52)));
    assert_eq!(found.chain, blocks[2].fields.chain_after());
    assert_eq!(found.last, image.records[50].stamp);
    assert_eq!(found.marked, Position { generation: 0, index: Index(50) });
    assert_eq!(found.commit, Index(50));
    assert_eq!(found.cut, None);
}

#[test]
fn older_blocks_behind_the_last_one_are_a_clean_end() {
    let (mut image, _) = three();
    // As in a recycled segment: what lies behind is lower.
    for name in [
        BlockName { incarnation: 1, block_seq: 2 },
        BlockName { incarnation: 0, block_seq: 4 },
        BlockName { incarnation: 0, block_seq: 40 },
    ] {
        let mut old = Image { disk: image.disk.clone(), records: Vec::new(), ..Image::new(0) };
        old.offset_bytes = image.offset_bytes;
        old.name = name;
        old.durable.block_seq = name.block_seq - 1;
        old.block(3);
        let found = image.scan().unwrap();
        assert_eq!((found.records, found.cut), (51, None), "{name:?}");
    }
    image.block(5);
    assert_eq!(image.scan().unwrap().records, 56);
}

#[test]
fn a_log_that_fills_its_segment_ends_cleanly_at_the_boundary() {
    let mut image = Image::new(1);
    image.fill_segment();
    let found = image.scan().unwrap();
    assert_eq!((found.end.segment, found.end.offset_bytes), (SegmentNo(1), SEGMENT as u64));
    assert_eq!((found.records, found.cut), (16, None));
    // The journal goes on in the next segment.
    let mut rig = Rig::new(&plan(), &image.disk, found.start(2).unwrap());
    rig.push(&records_of(17, 1));
    rig.settle();
    assert_eq!(rig.durable_index(), 17);
    let (found, records) = scan_all(&rig.disk, SEGMENT as u64).unwrap();
    assert_eq!((records.len(), found.end.segment), (17, SegmentNo(2)));
}

#[test]
fn a_log_goes_on_in_the_next_segment() {
    let mut image = Image::new(3);
    image.fill_segment();
    image.block(7);
    let found = image.scan().unwrap();
    assert_eq!((found.records, found.end.segment, found.spare_segments), (23, SegmentNo(2), 1));
}

#[test]
fn a_tail_torn_at_any_sector_boundary_is_cut() {
    for (first_lost, whole) in (0..=8).map(|s| (s, s == 8)) {
        for front in [true, false] {
            let mut image = Image::new(1);
            image.block(10);
            image.follows = false;
            let torn = image.block(20);
            assert_eq!(torn.sectors(), 8);
            let lost = if front { 0..8 - first_lost } else { first_lost..8 };
            image.lose(&torn, lost);
            let found = image.scan().unwrap();
            let expected = if whole { (30, None) } else { (10, Some((2, 0))) };
            // Where all is lost, nothing tells that there was a block.
            let expected = if first_lost == 0 { (10, None) } else { expected };
            assert_eq!((found.records, cut(&found)), expected, "{first_lost} {front}");
        }
    }
}

#[test]
fn a_torn_tail_behind_which_later_blocks_landed_is_cut_with_them() {
    let mut image = Image::new(1);
    image.block(10);
    image.follows = false;
    let torn = image.block(20);
    image.block(5);
    image.block(5);
    image.lose(&torn, [3]);
    let found = image.scan().unwrap();
    assert_eq!((found.records, cut(&found)), (10, Some((2, 2))));
    assert!(found.cut.unwrap().to_string().contains("block 2 (records from index 11)"));
}

#[test]
fn a_block_whose_header_sector_was_not_written_is_cut() {
    let (image, blocks) = three();
    image.lose(&blocks[2], [0]);
    let found = image.scan().unwrap();
    assert_eq!((found.records, cut(&found)), (50, Some((3, 0))));
}

#[test]
fn a_torn_block_that_a_later_one_says_was_durable_is_corrupt() {
    for lost in 0..8 {
        let (image, blocks) = three();
        image.lose(&blocks[1], [lost]);
        assert!(corrupt_as_durable(&image.scan(), 2), "sector {lost}");
    }
    // Nothing left of it but a gap.
    let (image, blocks) = three();
    image.lose(&blocks[1], 0..8);
    let refusal = image.scan().unwrap_err();
    let text = refusal.to_string();
    assert!(
        text.starts_with("block 2 (records from index 21) in segment 1 at byte 4096"),
        "{text}"
    );
    assert!(text.contains("block 3 in segment 1 at byte 8192 says"), "{text}");
    assert!(text.contains("Restore the segment"), "{text}");
}

#[test]
fn proof_is_found_in_later_segments() {
    let mut image = Image::new(3);
    let lost = image.block(1);
    image.fill_segment();
    image.fill_segment();
    image.block(1);
    for n in [1, 2] {
        image.disk.put_segment(SegmentNo(n), vec![0; SEGMENT]);
    }
    let refusal = image.scan().unwrap_err();
    assert!(corrupt_as_durable(&Err(refusal), lost.fields.name.block_seq));
}

#[test]
fn a_damaged_header_of_the_expected_block_is_corrupt_wherever_it_lies() {
    for byte in [8, 20, 100, 135] {
        let (image, blocks) = three();
        image.rot(&blocks[2], byte);
        let refusal = image.scan().unwrap_err();
        assert!(
            matches!(refusal, Refusal::Corrupt { place, how: Corruption::Header }
                if place.block_seq == 3 && place.index == Index(51)),
            "{refusal}"
        );
    }
}

#[test]
fn all_sectors_new_and_a_bad_checksum_is_corrupt_wherever_it_lies() {
    for (which, byte) in [(0, 400), (1, 1_000), (2, 140)] {
        let (image, blocks) = three();
        image.rot(&blocks[which], byte);
        let refusal = image.scan().unwrap_err();
        assert!(
            matches!(refusal, Refusal::Corrupt { place, how: Corruption::Payload }
                if place.block_seq == which as u64 + 1),
            "{refusal}"
        );
    }
}

#[test]
fn no_single_bit_of_a_durable_record_can_turn_unseen() {
    let (mut image, blocks) = three();
    image.block(0);
    let block = blocks[1];
    let used = 128 + u64::from(block.fields.payload_bytes);
    for byte in (0..4_096).step_by(3) {
        image.rot(&block, byte);
        let in_stamp = byte % 512 < 8;
        let padding = !in_stamp && byte / 512 * 504 + byte % 512 - 8 >= used;
        assert_eq!(image.scan().is_ok(), padding, "byte {byte}");
        image.rot(&block, byte);
    }
    assert!(image.scan().is_ok());
}

#[test]
fn a_block_of_another_chain_is_refused() {
    let (mut image, _) = three();
    image.chain ^= 1;
    image.block(1);
    let refusal = image.scan().unwrap_err();
    assert!(matches!(refusal, Refusal::Broken { breach: Breach::Chain, .. }), "{refusal}");
}

#[test]
fn an_index_gap_is_refused() {
    let (mut image, _) = three();
    image.last.index = Index(52);
    image.durable.position.index = Index(51);
    image.block(1);
    let refusal = image.scan().unwrap_err();
    let found = Index(53);
    assert!(
        matches!(refusal, Refusal::Broken { breach: Breach::Index { found: f }, .. }
        if f == found),
        "{refusal}"
    );
}

#[test]
fn a_term_that_goes_back_is_refused() {
    let mut image = Image::new(1);
    image.last.term = Term(3);
    image.block(2);
    image.last.term = Term(2);
    image.block(2);
    let refusal = image.scan().unwrap_err();
    let (before, found) = (Term(3), Term(2));
    let breach = Breach::Term { before, found };
    assert!(matches!(refusal, Refusal::Broken { breach: b, .. } if b == breach), "{refusal}");
}

#[test]
fn a_time_that_goes_back_is_refused() {
    let (mut image, _) = three();
    image.last.time = Nanos(1);
    image.block(1);
    let refusal = image.scan().unwrap_err();
    assert!(matches!(refusal, Refusal::Broken { breach: Breach::Time { .. }, .. }), "{refusal}");
}

/// Puts a block's header anew, with a good checksum, over what is on the disk.
fn forge(image: &Image, block: &crate::tests::Placed, fields: BlockFields) {
    let at = block.offset_bytes + STAMP_BYTES as u64;
    image.disk.overwrite(block.segment, at, fields.header().as_bytes());
}

#[test]
fn a_block_longer_than_its_segment_is_refused() {
    let (mut image, _) = three();
    let block = image.block(1);
    let payload_bytes = plan().segment_bytes as u32;
    forge(&image, &block, BlockFields { payload_bytes, ..block.fields });
    let refusal = image.scan().unwrap_err();
    assert!(matches!(refusal, Refusal::Broken { breach: Breach::Length { .. }, .. }), "{refusal}");
}

#[test]
fn a_whole_block_whose_records_make_no_sense_is_refused() {
    let (mut image, _) = three();
    let block = image.block(1);
    let at = block.offset_bytes as usize + STAMP_BYTES + HEADER_BYTES;
    let mut payload =
        image.disk.bytes(block.segment)[at..at + block.fields.payload_bytes as usize].to_vec();
    payload[0] = 0xff; // a body longer than any, under a checksum that says it was meant
    image.disk.overwrite(block.segment, at as u64, &payload);
    forge(&image, &block, BlockFields { payload_crc: crc32c::crc32c(&payload), ..block.fields });
    let refusal = image.scan().unwrap_err();
    assert!(matches!(refusal, Refusal::Broken { breach: Breach::Record { .. }, .. }), "{refusal}");
}

#[test]
fn a_newer_format_version_is_refused() {
    let (mut image, _) = three();
    let placed = image.block(1);
    let at = placed.offset_bytes as usize;
    let mut header = image.disk.bytes(SegmentNo(1))[at + 8..at + 8 + 128].to_vec();
    header[8] = 3;
    let crc = crc32c::crc32c(&header[..124]);
    header[124..].copy_from_slice(&crc.to_le_bytes());
    image.disk.overwrite(SegmentNo(1), at as u64 + 8, &header);
    let refusal = image.scan().unwrap_err();
    assert!(matches!(refusal, Refusal::Version { version: 3, .. }), "{refusal}");
    assert!(refusal.to_string().contains("this build reads versions 1 to 2"), "{refusal}");
}

#[test]
fn a_missing_first_segment_is_refused() {
    let mut image = Image::new(3);
    image.fill_segment();
    image.block(1);
    image.disk.drop_segment(SegmentNo(1));
    let refusal = image.scan().unwrap_err();
    assert_eq!(refusal, Refusal::FirstMissing { first: SegmentNo(2) });
}

#[test]
fn a_missing_segment_between_others_is_refused() {
    let mut image = Image::new(3);
    image.fill_segment();
    image.disk.drop_segment(SegmentNo(2));
    let refusal = image.scan().unwrap_err();
    let (segment, next) = (SegmentNo(2), SegmentNo(3));
    assert_eq!(refusal, Refusal::SegmentMissing { segment, next });
}

#[test]
fn a_copy_of_an_older_segment_in_the_place_of_a_newer_one_is_corrupt() {
    let mut image = Image::new(4);
    image.fill_segment();
    image.fill_segment();
    image.block(3);
    image.block(3);
    image.disk.put_segment(SegmentNo(2), image.disk.bytes(SegmentNo(1)));
    assert!(corrupt_as_durable(&image.scan(), 17));
}

#[test]
fn a_copy_of_an_older_segment_behind_the_end_is_a_clean_end() {
    let mut image = Image::new(3);
    image.fill_segment();
    image.block(3);
    image.disk.put_segment(SegmentNo(3), image.disk.bytes(SegmentNo(1)));
    let found = image.scan().unwrap();
    assert_eq!((found.records, found.spare_segments), (19, 1));
}

#[test]
fn a_last_segment_of_wrong_length_that_the_log_does_not_reach_is_made_again() {
    for bytes in [0, 1, 4_096, 5_000, SEGMENT - 512, SEGMENT + 4_096] {
        let mut image = Image::new(2);
        image.block(3);
        image.disk.resize_segment(SegmentNo(2), bytes);
        let found = image.scan().unwrap();
        assert_eq!(found.unprepared, Some(SegmentNo(2)));
        assert_eq!((found.segments, found.records), (1, 3));
        let mut rig = Rig::new(&plan(), &image.disk, found.start(2).unwrap());
        rig.push(&records_of(4, 3));
        rig.settle();
        assert_eq!(scan_all(&rig.disk, SEGMENT as u64).unwrap().1.len(), 6, "{bytes}");
    }
}

#[test]
fn a_last_segment_of_wrong_length_that_the_log_goes_up_to_is_refused() {
    for bytes in [0, 1, 4_096, 5_000, SEGMENT - 512, SEGMENT + 4_096] {
        let mut image = Image::new(2);
        image.fill_segment();
        image.disk.resize_segment(SegmentNo(2), bytes);
        let (segment, expected) = (SegmentNo(2), SEGMENT as u64);
        let refusal = Refusal::WrongLength { segment, bytes: bytes as u64, expected };
        assert_eq!(image.scan(), Err(refusal));
    }
}

#[test]
fn a_first_segment_of_wrong_length_is_refused() {
    let image = Image::new(1);
    image.disk.resize_segment(SegmentNo(1), 4_096);
    let refusal = image.scan().unwrap_err();
    assert!(matches!(refusal, Refusal::WrongLength { bytes: 4_096, .. }), "{refusal}");
}

#[test]
fn a_last_segment_of_wrong_length_with_a_block_is_refused() {
    let (image, _) = three();
    image.disk.drop_segment(SegmentNo(2));
    for bytes in [512, 4_096, SEGMENT - 4_096, SEGMENT + 4_096] {
        let (image, _) = three();
        image.disk.drop_segment(SegmentNo(2));
        image.disk.resize_segment(SegmentNo(1), bytes);
        let (segment, expected) = (SegmentNo(1), SEGMENT as u64);
        let refusal = Refusal::WrongLength { segment, bytes: bytes as u64, expected };
        assert_eq!(image.scan(), Err(refusal));
    }
    assert!(image.scan().is_ok());
}

#[test]
fn a_segment_of_wrong_length_between_others_is_refused() {
    let mut image = Image::new(3);
    image.fill_segment();
    image.disk.resize_segment(SegmentNo(2), 0);
    let refusal = image.scan().unwrap_err();
    assert!(matches!(refusal, Refusal::WrongLength { segment: SegmentNo(2), bytes: 0, .. }));
    assert!(refusal.to_string().contains("segment size was changed"), "{refusal}");
}

#[test]
fn a_log_that_cannot_be_read_is_refused() {
    let (image, _) = three();
    image.disk.fail_read(SegmentNo(1), 5_000);
    let refusal = image.scan().unwrap_err();
    assert!(matches!(refusal, Refusal::Fault { segment: Some(SegmentNo(1)), .. }), "{refusal}");
    let (image, _) = three();
    image.disk.fail_list();
    assert!(matches!(image.scan(), Err(Refusal::Fault { segment: None, .. })));
}

#[test]
fn a_seal_is_taken_and_carries_the_mark_of_what_is_before() {
    let (mut image, _) = three();
    let seal = image.block(0);
    let found = image.scan().unwrap();
    assert_eq!((found.blocks, found.seals, found.records), (4, 1, 51));
    assert_eq!(found.marked, Position { generation: 0, index: Index(51) });
    assert_eq!(found.end.index, Index(52));
    image.block(2);
    assert_eq!(image.scan().unwrap().records, 53);
    // A later block says of the seal, too, that it was durable.
    image.lose(&seal, [5]);
    assert!(corrupt_as_durable(&image.scan(), 4));
}

#[test]
fn with_the_seal_the_last_block_cannot_be_taken_for_torn() {
    let (mut image, blocks) = three();
    image.lose(&blocks[2], [1]);
    assert_eq!(image.scan().unwrap().records, 50, "before the seal it is ambiguous: cut");
    image.block(0);
    assert!(corrupt_as_durable(&image.scan(), 3), "with it, it is not");
}

/// Block 2 is torn, 3 and 4 landed; the log is cut at 2 and goes on with a new block 2.
fn cut_and_gone_on(new_records: u64) -> Image {
    let mut image = Image::new(2);
    image.block(10);
    image.follows = false;
    let torn = image.block_of_units(2);
    image.block(5);
    image.block(5);
    image.lose(&torn, [9]);
    let found = image.scan().unwrap();
    assert_eq!(cut(&found), Some((2, 2)));
    image.resume(&found, 2);
    image.block(new_records);
    image
}

#[test]
fn blocks_left_behind_a_cut_are_not_taken_after_a_block_as_long_as_the_one_cut() {
    // The new block 2 takes two units as the old one did: the old block 3 lies right behind it.
    let mut image = cut_and_gone_on(60);
    let old = image.disk.bytes(SegmentNo(1))[image.offset_bytes as usize..].to_vec();
    assert!(matches!(crate::format::probe(&old), crate::format::Probe::Header(fields)
        if fields.name == BlockName { incarnation: 1, block_seq: 3 }));
    let found = image.scan().unwrap();
    assert_eq!((found.records, found.end.block_seq), (70, 3));
    assert_eq!(found.cut, None, "what was left behind is not cut again");
    image.follows = true;
    image.block(4);
    image.block(4);
    assert_eq!(image.scan().unwrap().records, 78);
}

#[test]
fn blocks_left_behind_a_cut_are_no_proof_against_a_second_torn_tail() {
    for lost in [0, 1, 7] {
        let mut image = cut_and_gone_on(10);
        // The new block 2 is durable, and the next is torn amid what was left behind.
        image.durable.position.index = image.last.index;
        image.durable.block_seq = 2;
        let torn = image.block(20);
        image.lose(&torn, [lost]);
        let found = image.scan().unwrap();
        assert_eq!(found.records, 20);
        assert_eq!(cut(&found), Some((3, 0)), "{lost}");
    }
}

#[test]
fn a_block_torn_into_the_one_that_was_cut_there_is_cut_again() {
    for first in 1..8 {
        let mut image = Image::new(1);
        image.block(10);
        image.follows = false;
        let old = image.block(25);
        let old_bytes = image.disk.bytes(SegmentNo(1));
        image.lose(&old, [7]);
        let found = image.scan().unwrap();
        image.resume(&found, 2);
        image.block(25);
        let new_bytes = image.disk.bytes(SegmentNo(1));
        let at = old.offset_bytes as usize + first * 512;
        for (head, tail) in [(&new_bytes, &old_bytes), (&old_bytes, &new_bytes)] {
            let mixed = [&head[..at], &tail[at..]].concat();
            image.disk.put_segment(SegmentNo(1), mixed);
            let found = image.scan().unwrap();
            assert_eq!((found.records, cut(&found)), (10, Some((2, 0))), "{first} sectors");
        }
    }
}

#[test]
fn what_is_there_is_read_the_same_after_a_start_that_wrote_nothing() {
    let (image, blocks) = three();
    image.lose(&blocks[2], [2]);
    let once = image.scan().unwrap();
    let rig = Rig::new(&plan(), &image.disk, once.start(2).unwrap());
    let again = scan_all(&rig.disk.crash(3), SEGMENT as u64).unwrap().0;
    assert_eq!(once, again);
}

#[test]
fn an_incarnation_that_the_log_has_seen_is_refused() {
    let mut image = Image::new(1);
    image.block(1);
    image.follows = false;
    image.name.incarnation = 7;
    let torn = image.block(1);
    image.lose(&torn, [4]);
    let found = image.scan().unwrap();
    assert_eq!(found.incarnation_max, 7, "of a block that was cut");
    assert_eq!(found.start(7), Err(Refusal::Incarnation { given: 7, found: 7 }));
    assert!(found.start(8).is_ok());
}

#[test]
fn terms_and_times_come_back_as_they_were() {
    let mut image = Image::new(1);
    image.last = Stamp { index: Index(0), term: Term(2), time: Nanos(1_700_000_000_000_000_000) };
    image.block(3);
    image.last.term = Term(5);
    image.last.time.0 += 40_000_000_000;
    image.block(3);
    let found = image.scan().unwrap();
    assert_eq!(found.last, image.records[5].stamp);
    assert_eq!(found.last.term, Term(5));
}

#[test]
fn a_generation_is_carried() {
    let mut image = Image::new(1);
    image.durable =
        DurableMark { position: Position { generation: 4, index: Index(0) }, block_seq: 0 };
    image.block(3);
    image.block(0);
    let found = image.scan().unwrap();
    assert_eq!(found.marked, Position { generation: 4, index: Index(3) });
    let durable = found.start(9).unwrap().durable;
    assert_eq!(durable, Position { generation: 4, index: Index(3) });
}
