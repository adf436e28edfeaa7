//! The simulated disk does to writes what disks do.

use super::{MemoryDisk, MemoryStore, Pace, Random};
use gavel_contract::{BufferId, LogDone, LogReader, LogStore, LogWrite, SegmentNo, StoreFaultKind};

const SEGMENT: u64 = 16_384;

fn disk() -> (MemoryDisk, MemoryStore) {
    let disk = MemoryDisk::new(SEGMENT);
    let mut store = disk.store(3, 8_192);
    store.prepare(SegmentNo(1), SegmentNo(0));
    assert_eq!(store.poll(), None);
    assert!(disk.complete_next());
    assert_eq!(store.poll(), Some(LogDone::Prepared(SegmentNo(1))));
    (disk, store)
}

fn write(store: &mut MemoryStore, buffer: usize, unit: u64, fill: u8) -> LogWrite {
    let buffer = BufferId(buffer);
    store.buffer(buffer).fill(fill);
    let offset_bytes = unit * 4_096;
    let write = LogWrite { buffer, len_bytes: 4_096, segment: SegmentNo(1), offset_bytes };
    store.submit(write);
    write
}

fn unit(disk: &MemoryDisk, unit: usize) -> Vec<u8> {
    disk.bytes(SegmentNo(1))[unit * 4_096..(unit + 1) * 4_096].to_vec()
}

#[test]
fn a_completed_write_survives_and_a_pending_one_may_be_kept_lost_or_torn() {
    let (disk, mut store) = disk();
    let first = write(&mut store, 0, 0, 1);
    write(&mut store, 1, 1, 2);
    assert!(disk.complete_next());
    assert_eq!(store.poll(), Some(LogDone::Written(first)));
    let (mut kept, mut lost, mut torn) = (0, 0, 0);
    for seed in 0..100 {
        let after = disk.crash(seed);
        assert_eq!(after.bytes(SegmentNo(1)), disk.crash(seed).bytes(SegmentNo(1)));
        assert_eq!(unit(&after, 0), [1; 4_096]);
        let second = unit(&after, 1);
        for sector in second.chunks(512) {
            assert!(sector.iter().all(|b| *b == sector[0]), "sectors are whole");
        }
        match second.iter().filter(|b| **b == 2).count() {
            0 => lost += 1,
            4_096 => kept += 1,
            _ => torn += 1,
        }
    }
    assert!(kept > 10 && lost > 10 && torn > 10, "{kept} {lost} {torn}");
    assert_eq!(disk.pending(), 1, "the disk that did not crash is as it was");
}

#[test]
fn a_lying_disk_loses_completed_writes_and_reads_them_until_then() {
    let (disk, mut store) = disk();
    disk.set_lying(true);
    write(&mut store, 0, 0, 1);
    disk.complete_next();
    assert!(matches!(store.poll(), Some(LogDone::Written(_))));
    let mut read = [0; 4_096];
    assert_eq!(disk.reader().read(SegmentNo(1), 0, &mut read), Ok(4_096));
    assert_eq!(read, [1; 4_096]);
    let lost = (0..100).filter(|seed| unit(&disk.crash(*seed), 0) != [1; 4_096]).count();
    assert!(lost > 30, "{lost}");
}

#[test]
fn operations_complete_in_any_order_at_a_random_pace() {
    let mut orders = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let (disk, mut store) = disk();
        disk.set_pace(Pace::Random(Random::new(seed)));
        (0..3).for_each(|n| _ = write(&mut store, n, n as u64, 1));
        let mut order = Vec::new();
        while order.len() < 3 {
            if let Some(LogDone::Written(write)) = store.poll() {
                order.push(write.buffer.0);
            }
        }
        orders.insert(order);
    }
    assert_eq!(orders.len(), 6, "every order is met");
}

#[test]
fn a_stalled_disk_completes_nothing() {
    let (disk, mut store) = disk();
    write(&mut store, 0, 0, 1);
    disk.set_stalled(true);
    disk.set_pace(Pace::AtOnce);
    assert!(!disk.complete_next());
    assert_eq!(store.poll(), None);
    disk.set_stalled(false);
    assert!(store.poll().is_some());
}

#[test]
fn faults_happen_when_they_are_asked_for() {
    let (disk, mut store) = disk();
    disk.set_pace(Pace::AtOnce);
    disk.fail_write_after(1);
    write(&mut store, 0, 0, 1);
    write(&mut store, 1, 1, 1);
    assert!(matches!(store.poll(), Some(LogDone::Written(_))));
    assert!(matches!(store.poll(), Some(LogDone::WriteFailed(_, why))
        if why.kind == StoreFaultKind::Io));
    disk.set_full(1);
    store.prepare(SegmentNo(2), SegmentNo(0));
    assert!(matches!(store.poll(), Some(LogDone::PrepareFailed(SegmentNo(2), why))
        if why.kind == StoreFaultKind::Full));
    store.prepare(SegmentNo(2), SegmentNo(0));
    assert_eq!(store.poll(), Some(LogDone::Prepared(SegmentNo(2))));
    disk.fail_read(SegmentNo(1), 4_095);
    let mut read = [0; 4_096];
    assert!(disk.reader().read(SegmentNo(1), 0, &mut read).is_err());
    assert_eq!(disk.reader().read(SegmentNo(1), 4_096, &mut read), Ok(4_096));
    assert_eq!(disk.reader().read(SegmentNo(1), SEGMENT - 100, &mut read), Ok(100));
}

#[test]
fn a_segment_that_is_there_is_prepared_as_it_is() {
    let (disk, mut store) = disk();
    disk.flip_bit(SegmentNo(1), 0, 0);
    disk.set_pace(Pace::AtOnce);
    store.prepare(SegmentNo(1), SegmentNo(0));
    assert_eq!(store.poll(), Some(LogDone::Prepared(SegmentNo(1))));
    assert_eq!(disk.bytes(SegmentNo(1))[0], 1);
    disk.resize_segment(SegmentNo(1), 5);
    store.prepare(SegmentNo(1), SegmentNo(0));
    assert_eq!(store.poll(), Some(LogDone::Prepared(SegmentNo(1))));
    assert_eq!(disk.bytes(SegmentNo(1)), vec![0; SEGMENT as usize]);
}

fn numbers(disk: &MemoryDisk) -> Vec<u64> {
    let segments = disk.reader().segments().unwrap();
    segments.iter().map(|info| info.segment.0).collect()
}

/// Segments 1 to `last`, each filled with its number.
fn filled(last: u64) -> (MemoryDisk, MemoryStore) {
    let disk = MemoryDisk::new(SEGMENT);
    disk.set_pace(Pace::AtOnce);
    let mut store = disk.store(1, 4_096);
    for segment in 1..=last {
        store.prepare(SegmentNo(segment), SegmentNo(0));
        assert!(store.poll().is_some());
        disk.overwrite(SegmentNo(segment), 0, &[segment as u8; SEGMENT as usize]);
    }
    (disk, store)
}

#[test]
fn the_oldest_freed_segment_is_taken_for_a_new_one_and_holds_what_it_held() {
    let (disk, mut store) = filled(5);
    store.prepare(SegmentNo(6), SegmentNo(4));
    assert_eq!(store.poll(), Some(LogDone::Prepared(SegmentNo(6))));
    assert_eq!(disk.bytes(SegmentNo(6)), vec![1; SEGMENT as usize]);
    // Of those freed, 2 is kept for later and 3 is not.
    assert_eq!(numbers(&disk), [2, 4, 5, 6]);
    let back = (0..50).filter(|seed| numbers(&disk.crash(*seed)) == [2, 3, 4, 5, 6]).count();
    assert!((10..40).contains(&back), "a removed segment may be back: {back}");
    store.prepare(SegmentNo(7), SegmentNo(4));
    assert!(store.poll().is_some());
    assert_eq!(disk.bytes(SegmentNo(7)), vec![2; SEGMENT as usize]);
    assert!((0..50).all(|seed| numbers(&disk.crash(seed)) == [4, 5, 6, 7]));
}

#[test]
fn a_segment_that_was_being_taken_has_one_name_or_the_other() {
    let (disk, mut store) = filled(3);
    disk.set_pace(Pace::ByHand);
    store.prepare(SegmentNo(4), SegmentNo(2));
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let after = disk.crash(seed);
        let numbers = numbers(&after);
        let taken = if numbers.contains(&4) { 4 } else { 1 };
        assert_eq!(after.bytes(SegmentNo(taken)), vec![1; SEGMENT as usize]);
        seen.insert(numbers);
    }
    assert!(seen.into_iter().eq([vec![1, 2, 3], vec![2, 3, 4]]));
}

#[test]
fn a_disk_that_lies_about_names_loses_them() {
    let (disk, mut store) = filled(2);
    disk.set_names_lying(true);
    store.prepare(SegmentNo(3), SegmentNo(2));
    assert_eq!(store.poll(), Some(LogDone::Prepared(SegmentNo(3))));
    store.prepare(SegmentNo(4), SegmentNo(2));
    assert_eq!(store.poll(), Some(LogDone::Prepared(SegmentNo(4))));
    assert_eq!(numbers(&disk), [2, 3, 4]);
    assert_eq!(numbers(&disk.least()), [1, 2]);
    let lost = (0..50).filter(|seed| numbers(&disk.crash(*seed)) != [2, 3, 4]).count();
    assert!(lost > 25, "{lost}");
}

#[test]
fn a_segment_that_was_being_made_is_there_or_not() {
    let mut lengths = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let disk = MemoryDisk::new(SEGMENT);
        disk.store(1, 4_096).prepare(SegmentNo(1), SegmentNo(0));
        let segments = disk.crash(seed).reader().segments().unwrap();
        lengths.insert(segments.first().map(|info| info.bytes));
    }
    assert!(lengths.into_iter().eq([None, Some(SEGMENT)]));
}

#[test]
#[should_panic(expected = "a buffer in flight is not touched")]
fn a_buffer_in_flight_is_not_touched() {
    let (_disk, mut store) = disk();
    write(&mut store, 0, 0, 1);
    store.buffer(BufferId(0));
}

#[test]
fn a_torn_block_is_healed_and_nothing_else() {
    let mut image = crate::tests::Image::new(1);
    image.block(20);
    let torn = image.block(70);
    image.lose(&torn, [9, 11]);
    let mut bytes = image.disk.bytes(SegmentNo(1));
    assert!(!super::heal(&mut bytes), "the first block is whole");
    assert!(super::heal(&mut bytes[torn.offset_bytes as usize..]));
    assert!(!super::heal(&mut bytes[torn.offset_bytes as usize..]), "now it is");
    assert!(!super::heal(&mut bytes[60_000..]), "there is no block");
}
