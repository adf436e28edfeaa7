//! Blocks that lie in a segment which is used again are neither read as new nor taken for proof,
//! whatever is torn or cut above them.

use super::{Image, Placed, plan, scan_from};
use crate::memory::Random;
use crate::recovery::{Corruption, LogPoint, Recovered, Refusal};
use gavel_contract::SegmentNo;
use gavel_types::LogRecord;

const SEGMENT: u64 = 64 * 1_024;

/// A log whose first segments were freed and are used again for its last ones.
struct Recycled {
    image: Image,
    /// Where the snapshot goes on.
    point: LogPoint,
}

impl Recycled {
    /// Segments 1 and 2, full, under the names 4 and 5; the log is in 3, up to the given offset.
    fn new(random: &mut Random) -> Self {
        let mut image = Image::new(3);
        for segment in 1..=2 {
            while image.segment.0 == segment {
                image.block(random.below(200) as u64);
            }
        }
        let point = image.scan().unwrap().point();
        for (old, new) in [(1, 4), (2, 5)] {
            image.disk.put_segment(SegmentNo(new), image.disk.bytes(SegmentNo(old)));
            image.disk.drop_segment(SegmentNo(old));
        }
        Self { image, point }
    }

    fn scan(&self) -> Result<(Recovered, Vec<LogRecord>), Refusal> {
        scan_from(&self.image.disk, SEGMENT, &self.point)
    }

    /// Records behind the point.
    fn records(&self) -> &[LogRecord] {
        &self.image.records[self.point.last.index.0 as usize..]
    }

    /// Writes up to the first block of a segment that is used again, and some in it.
    fn write_over(&mut self, random: &mut Random, blocks: usize) {
        while self.image.segment.0 == 3 {
            self.image.block(random.below(200) as u64);
        }
        for _ in 0..blocks {
            self.image.block(random.below(100) as u64);
        }
    }
}

#[test]
fn a_spare_segment_full_of_old_blocks_is_a_clean_end() {
    for seed in 0..50 {
        let random = &mut Random::new(seed);
        let mut log = Recycled::new(random);
        let (found, records) = log.scan().unwrap();
        assert_eq!((records.len(), found.cut, found.spare_segments), (0, None, 2), "{seed}");
        let blocks = random.below(4);
        log.write_over(random, blocks);
        let (found, records) = log.scan().unwrap();
        assert_eq!((&records[..], found.cut), (log.records(), None), "seed {seed}");
    }
}

#[test]
fn a_tail_torn_over_old_blocks_is_cut_whatever_sectors_are_new() {
    let mut cuts = 0;
    for seed in 0..150 {
        let random = &mut Random::new(seed);
        let mut log = Recycled::new(random);
        let blocks = random.below(4);
        log.write_over(random, blocks);
        let whole = log.records().len();
        // Up to three blocks are under way, and of each sectors land or do not.
        log.image.follows = false;
        let mut torn = false;
        let mut expected = whole;
        for _ in 0..=random.below(3) {
            let before = [4, 5].map(|n| log.image.disk.bytes(SegmentNo(n)));
            let records = log.image.records.len();
            let block = log.image.block(1 + random.below(60) as u64);
            let lost = lose(&log.image, &block, &before[block.segment.0 as usize - 4], random);
            torn |= lost > 0;
            expected += if torn { 0 } else { log.image.records.len() - records };
        }
        let (found, records) = log.scan().unwrap();
        assert_eq!(records, log.records()[..expected], "seed {seed}");
        cuts += u64::from(found.cut.is_some());
        assert!(torn || found.cut.is_none(), "seed {seed}");
        // And goes on from there, over what was left behind.
        log.image.records.truncate(log.point.last.index.0 as usize + expected);
        let kept = log.image.records.clone();
        log.image.resume(&Recovered { records: kept.len() as u64, ..found }, 2);
        log.image.follows = true;
        log.image.block(3);
        log.image.block(0);
        let (found, records) = log.scan().unwrap();
        assert_eq!((&records[..], found.cut), (log.records(), None), "seed {seed}");
    }
    assert!(cuts > 50, "{cuts} cuts");
}

/// Puts what was there before over some sectors of a block; returns how many.
fn lose(image: &Image, block: &Placed, before: &[u8], random: &mut Random) -> usize {
    let share = [1, 2, 8, usize::MAX][random.below(4)];
    let mut lost = 0;
    for sector in 0..block.sectors() {
        if share < usize::MAX && random.one_in(share) {
            let at = block.offset_bytes as usize + sector * 512;
            image.disk.overwrite(block.segment, at as u64, &before[at..at + 512]);
            lost += 1;
        }
    }
    lost
}

#[test]
fn an_old_block_where_a_durable_one_should_be_is_corrupt() {
    for seed in 0..50 {
        let random = &mut Random::new(seed);
        let mut log = Recycled::new(random);
        let before = log.image.disk.bytes(SegmentNo(4));
        log.write_over(random, 1);
        let lost = log.image.block(5);
        log.image.block(0);
        let at = lost.offset_bytes as usize;
        let old = &before[at..at + lost.fields.block_bytes()];
        log.image.disk.overwrite(lost.segment, lost.offset_bytes, old);
        let refusal = log.scan().unwrap_err();
        assert!(
            matches!(refusal, Refusal::Corrupt { place, how: Corruption::Durable { .. } }
                if place.block_seq == lost.fields.name.block_seq),
            "seed {seed}: {refusal}"
        );
    }
}

#[test]
fn a_segment_used_again_whose_old_blocks_were_cut_once_holds_none_of_them() {
    // A cut leaves blocks behind, with numbers that are written again. They are in the segment of
    // the cut or behind it, and both are written to their last byte before they can be freed.
    for seed in 0..100 {
        let random = &mut Random::new(seed);
        let mut image = Image::new(3);
        image.block(random.below(200) as u64);
        image.follows = false;
        let torn = image.block(300);
        while image.segment.0 == 1 {
            image.block(1 + random.below(100) as u64);
        }
        image.block(3);
        image.lose(&torn, [random.below(torn.sectors())]);
        let found = image.scan().unwrap();
        assert!(found.cut.is_some_and(|cut| cut.later_blocks > 0), "seed {seed}");
        image.resume(&found, 2);
        image.follows = true;
        while image.segment.0 < 3 {
            image.block(random.below(200) as u64);
        }
        let left = image.name;
        for segment in [1, 2].map(SegmentNo) {
            for unit in image.disk.bytes(segment).chunks(4_096) {
                if let crate::format::Probe::Header(fields) = crate::format::probe(unit) {
                    assert!(fields.name.block_seq < left.block_seq);
                    let cut = fields.name.incarnation == 1;
                    assert!(!cut || fields.name.block_seq < torn.fields.name.block_seq);
                }
            }
        }
    }
    assert_eq!(plan().segment_bytes, SEGMENT);
}
