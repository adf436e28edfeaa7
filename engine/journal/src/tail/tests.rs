//! The tail hands out what is durable, whole blocks of it, and calls damage what it is.

use super::Tail;
use crate::memory::{MemoryReader, Random};
use crate::recovery::{Breach, Corruption, LogPoint, Refusal};
use crate::tests::{Image, Placed, Rig, plan, records_of, scan_all};
use gavel_contract::{JournalPlan, SegmentNo};
use gavel_types::{Index, LogRecord};

const SEGMENT: u64 = 64 * 1_024;

fn tail(image: &Image) -> Tail<MemoryReader> {
    Tail::new(image.disk.reader(), SEGMENT, LogPoint::ORIGIN)
}

/// Blocks of 20, 30 and 1 records, and a seal.
fn three() -> (Image, [Placed; 4]) {
    let mut image = Image::new(2);
    let blocks = [image.block(20), image.block(30), image.block(1), image.block(0)];
    (image, blocks)
}

/// Takes all that it takes.
fn drain(tail: &mut Tail<MemoryReader>, durable: u64) -> Result<Vec<LogRecord>, Refusal> {
    let mut records = Vec::new();
    while tail.next(Index(durable), &mut |r| records.push(*r))?.is_some() {}
    Ok(records)
}

#[test]
fn a_block_is_taken_whole_when_all_of_it_is_durable() {
    let (image, blocks) = three();
    let mut tail = tail(&image);
    for durable in [0, 1, 19] {
        assert_eq!(drain(&mut tail, durable), Ok(vec![]));
    }
    assert_eq!(tail.point(), LogPoint::ORIGIN);
    let mut seen = Vec::new();
    let taken = tail.next(Index(20), &mut |r| seen.push(*r)).unwrap();
    assert_eq!((taken, &seen[..]), (Some(blocks[0].fields), &image.records[..20]));
    assert_eq!(drain(&mut tail, 20), Ok(vec![]));
    assert_eq!(drain(&mut tail, 49), Ok(vec![]));
    assert_eq!(drain(&mut tail, 51).unwrap(), &image.records[20..]);
    assert_eq!((tail.point().end.block_seq, tail.point().end.index), (4, Index(52)));
}

#[test]
fn a_seal_is_taken_once_a_record_behind_it_is_durable() {
    let (mut image, _) = three();
    let mut tail = tail(&image);
    assert_eq!(drain(&mut tail, 51).unwrap().len(), 51);
    assert_eq!(tail.point().end.block_seq, 4, "the seal itself may not be durable yet");
    image.block(2);
    assert_eq!(drain(&mut tail, 53).unwrap().len(), 2);
    assert_eq!(tail.point().end.block_seq, 6);
    assert_eq!(tail.point(), image.scan().unwrap().point());
}

#[test]
fn what_was_read_too_early_is_read_again() {
    let mut image = Image::new(2);
    image.block(5);
    let mut tail = tail(&image);
    assert_eq!(drain(&mut tail, 5).unwrap().len(), 5);
    // Zeros behind it are in the window now. More is written there, over an older block as well.
    for n in 1..10 {
        image.block(3);
        assert_eq!(drain(&mut tail, 5 + 3 * n).unwrap().len(), 3, "{n}");
    }
}

#[test]
fn a_cut_block_that_was_read_too_early_does_not_stay_in_the_way() {
    let mut image = Image::new(2);
    image.block(5);
    image.follows = false;
    let torn = image.block(40);
    image.lose(&torn, [5]);
    let mut tail = tail(&image);
    assert_eq!(drain(&mut tail, 5).unwrap().len(), 5);
    // The next life writes another block in its place, shorter than the one that is in the window.
    let found = image.scan().unwrap();
    image.resume(&found, 2);
    image.block(3);
    assert_eq!(drain(&mut tail, 8).unwrap(), &image.records[5..]);
}

#[test]
fn damage_to_what_is_durable_is_named_and_never_an_end() {
    let text = |image: &Image| tail(image).next(Index(51), &mut |_| ()).unwrap_err().to_string();
    let live = "it is not whole, yet records up to index 51 were reported durable";
    for sector in 0..8 {
        let (image, blocks) = three();
        image.lose(&blocks[0], [sector]);
        let text = text(&image);
        assert!(text.contains(live), "sector {sector}: {text}");
        assert!(
            text.starts_with("block 1 (records from index 1) in segment 1 at byte 0"),
            "{text}"
        );
    }
    let (image, blocks) = three();
    image.rot(&blocks[0], 20);
    assert!(text(&image).contains("yet the header is damaged"), "{}", text(&image));
    let (image, blocks) = three();
    image.rot(&blocks[0], 1_000);
    assert!(text(&image).contains("yet the records' checksum is wrong"), "{}", text(&image));
    let (image, _) = three();
    image.disk.put_segment(SegmentNo(1), vec![0; SEGMENT as usize]);
    assert!(text(&image).contains(live), "{}", text(&image));
    image.disk.drop_segment(SegmentNo(1));
    assert!(text(&image).contains("segment 1 of the log cannot be read"), "{}", text(&image));
}

#[test]
fn a_damaged_seal_is_found_when_something_behind_it_is_durable() {
    for sector in 0..8 {
        let (mut image, blocks) = three();
        image.lose(&blocks[3], [sector]);
        let mut tail = tail(&image);
        assert_eq!(drain(&mut tail, 51).unwrap().len(), 51);
        image.block(1);
        let refusal = drain(&mut tail, 52).unwrap_err();
        assert!(
            matches!(refusal, Refusal::Corrupt { place, how: Corruption::Live { .. } }
                if place.block_seq == 4),
            "{refusal}"
        );
    }
}

#[test]
fn a_block_that_breaks_a_rule_is_refused_and_the_point_stays() {
    let (mut image, _) = three();
    let mut tail = tail(&image);
    assert_eq!(drain(&mut tail, 51).unwrap().len(), 51);
    let before = tail.point();
    image.chain ^= 1;
    image.block(1);
    image.chain ^= 1;
    // The seal follows; the block behind it does not.
    let refusal = drain(&mut tail, 52).unwrap_err();
    assert!(matches!(refusal, Refusal::Broken { breach: Breach::Chain, .. }), "{refusal}");
    assert_eq!(tail.point().end.block_seq, before.end.block_seq + 1);
}

#[test]
fn a_tail_goes_over_to_the_next_segment_only_with_a_block() {
    let mut image = Image::new(2);
    image.fill_segment();
    let mut tail = tail(&image);
    assert_eq!(drain(&mut tail, 16).unwrap().len(), 16);
    let end = tail.point().end;
    assert_eq!((end.segment, end.offset_bytes), (SegmentNo(1), SEGMENT));
    image.block(2);
    assert_eq!(drain(&mut tail, 18).unwrap().len(), 2);
    assert_eq!(tail.point().end.segment, SegmentNo(2));
}

/// A journal that writes at random, and a tail that now and then looks.
#[test]
fn a_tail_behind_a_journal_reads_what_was_durable_and_nothing_else() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let plan = JournalPlan {
            segment_bytes: 4_096 * (2 + random.below(30) as u64),
            block_bytes_max: 4_096 * (1 + random.below(4)),
            blocks_in_flight_max: 1 + random.below(5),
            ..plan()
        };
        let mut rig = Rig::fresh(&plan);
        let mut tail = Tail::new(rig.disk.reader(), plan.segment_bytes, LogPoint::ORIGIN);
        let (mut pushed, mut read) = (0, Vec::new());
        for _ in 0..400 {
            if random.one_in(2) {
                let count = 1 + random.below(30).min(rig.ring.free() - 1) as u64;
                rig.push(&records_of(pushed + 1, count));
                pushed += count;
            }
            rig.cycle(if random.one_in(20) { 6_000_000 } else { 1_000 });
            let _ = rig.disk.complete_any(&mut random);
            let durable = rig.durable.read().index;
            if random.one_in(3) {
                while tail.next(durable, &mut |r| read.push(*r)).unwrap().is_some() {}
                assert_eq!(read.len() as u64, durable.0, "durable rises by whole blocks");
            }
        }
        rig.settle();
        let durable = rig.durable.read().index;
        while tail.next(durable, &mut |r| read.push(*r)).unwrap().is_some() {}
        assert_eq!(read, records_of(1, pushed), "seed {seed}");
        let end = scan_all(&rig.disk, plan.segment_bytes).unwrap().0.point();
        let (seals, at) = (end.end.block_seq - tail.point().end.block_seq, tail.point());
        assert!(seals <= 1, "all but a last seal was taken");
        if seals == 0 {
            assert_eq!(at.chain, end.chain);
        }
    }
}
