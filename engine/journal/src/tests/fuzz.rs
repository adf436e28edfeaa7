//! Bytes that nobody wrote: decoders neither panic nor hand out an altered record.

use super::{Image, plan, records_of, scan_all};
use crate::block::{records, strip};
use crate::format::{BLOCK_BYTES_MAX, Probe, SECTOR_BYTES, UNIT_BYTES, probe};
use crate::inspect;
use crate::memory::MemoryDisk;
use crate::recovery::{self, LogPoint};
use gavel_contract::SegmentNo;
use std::sync::LazyLock;

/// A log of four segments: full blocks, small ones, seals, a cut and what it left behind.
static LOG: LazyLock<Image> = LazyLock::new(|| {
    let mut image = Image::new(4);
    for n in 0..30 {
        image.block(n % 7 * 20);
    }
    image.follows = false;
    let torn = image.block(90);
    image.block(5);
    image.lose(&torn, [2, 3]);
    let found = image.scan().expect("a torn tail is cut");
    image.resume(&found, 2);
    image.follows = true;
    image.block(9);
    image.block(0);
    image
});

fn copy(image: &Image) -> MemoryDisk {
    image.disk.crash(0)
}

/// Decodes a block as recovery does, without its neighbours.
fn decode(block: &[u8]) -> Option<Vec<gavel_types::LogRecord>> {
    let Probe::Header(fields) = probe(block) else { return None };
    let mut room = vec![0; BLOCK_BYTES_MAX];
    let payload = strip(block.get(..fields.block_bytes())?, &fields, &mut room).ok()?;
    records(&fields, payload).collect::<Result<_, _>>().ok()
}

#[test]
fn fuzz_block_from_any_bytes() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let mut block = vec![0; UNIT_BYTES.max(bytes.len().next_multiple_of(UNIT_BYTES))];
        block[..bytes.len()].copy_from_slice(bytes);
        assert_eq!(decode(&block), None, "nobody wrote this");
        // Past the checksums, which chance does not pass: records from any bytes.
        let mut fields = records_of_block().1;
        fields.count = u32::from(bytes.first().copied().unwrap_or(1)).max(1);
        let read = records(&fields, bytes).collect::<Vec<_>>();
        assert!(read.len() <= fields.count as usize);
        assert!(read.iter().rev().skip(1).all(Result::is_ok), "it ends at the first that is bad");
    });
}

fn records_of_block() -> (Vec<u8>, crate::format::BlockFields) {
    let mut image = Image::new(1);
    let placed = image.block(90);
    (image.disk.bytes(SegmentNo(1))[..placed.fields.block_bytes()].to_vec(), placed.fields)
}

#[test]
fn fuzz_block_mutated() {
    let (block, _) = records_of_block();
    let written = decode(&block).expect("a block that was written can be read");
    assert_eq!(written.len(), 90);
    bolero::check!().with_type::<Vec<(u16, u8)>>().for_each(|edits| {
        let mut block = block.clone();
        let len = block.len();
        for (at, bits) in edits.iter().take(8) {
            block[usize::from(*at) % len] ^= bits;
        }
        let read = decode(&block);
        assert!(read.is_none_or(|read| read == written), "what is read is what was written");
    });
}

/// Changes to a log's bytes.
#[derive(Clone, Debug, bolero::TypeGenerator)]
enum Edit {
    Flip { segment: u8, at: u16, bits: u8 },
    ZeroSector { segment: u8, sector: u8 },
    CopySector { segment: u8, from: u8, to: u8 },
    CopyUnit { from: (u8, u8), to: (u8, u8) },
    CopySegment { from: u8, to: u8 },
    Resize { segment: u8, bytes: u16 },
    Drop { segment: u8 },
}

impl Edit {
    fn is_of_segments(&self) -> bool {
        matches!(self, Self::CopySegment { .. } | Self::Resize { .. } | Self::Drop { .. })
    }
}

fn number(n: u8) -> SegmentNo {
    SegmentNo(u64::from(n) % 4 + 1)
}

/// Copies bytes within a disk, as far as both places are there.
fn copy_bytes(disk: &MemoryDisk, from: (SegmentNo, usize), to: (SegmentNo, usize), len: usize) {
    let bytes = disk.bytes(from.0).get(from.1..from.1 + len).map(<[u8]>::to_vec);
    let fits = disk.bytes(to.0).len() >= to.1 + len;
    if let (Some(bytes), true) = (bytes, fits) {
        disk.overwrite(to.0, to.1 as u64, &bytes);
    }
}

fn apply(disk: &MemoryDisk, dropped: &mut [bool; 4], edit: &Edit) {
    let is_gone = |n: u8, dropped: &[bool; 4]| dropped[usize::from(n) % 4];
    match *edit {
        Edit::Flip { segment, at, bits } if !is_gone(segment, dropped) => {
            let mut bytes = disk.bytes(number(segment));
            if let Some(byte) = bytes.get_mut(usize::from(at)) {
                *byte ^= bits;
                disk.put_segment(number(segment), bytes);
            }
        }
        Edit::ZeroSector { segment, sector } if !is_gone(segment, dropped) => {
            let at = usize::from(sector) % 128 * SECTOR_BYTES;
            if disk.bytes(number(segment)).len() >= at + SECTOR_BYTES {
                disk.overwrite(number(segment), at as u64, &[0; SECTOR_BYTES]);
            }
        }
        Edit::CopySector { segment, from, to } if !is_gone(segment, dropped) => {
            let place = |n: u8| (number(segment), usize::from(n) % 128 * SECTOR_BYTES);
            copy_bytes(disk, place(from), place(to), SECTOR_BYTES);
        }
        Edit::CopyUnit { from, to } if !is_gone(from.0, dropped) && !is_gone(to.0, dropped) => {
            let place = |(s, n): (u8, u8)| (number(s), usize::from(n) % 16 * UNIT_BYTES);
            copy_bytes(disk, place(from), place(to), UNIT_BYTES);
        }
        Edit::CopySegment { from, to } if !is_gone(from, dropped) => {
            disk.put_segment(number(to), disk.bytes(number(from)));
            dropped[usize::from(to) % 4] = false;
        }
        Edit::Resize { segment, bytes } if !is_gone(segment, dropped) => {
            disk.resize_segment(number(segment), usize::from(bytes));
        }
        Edit::Drop { segment } => {
            disk.drop_segment(number(segment));
            dropped[usize::from(segment) % 4] = true;
        }
        _ => {}
    }
}

#[test]
fn fuzz_log_mutated() {
    let written = LOG.records.clone();
    assert_eq!(scan_all(&LOG.disk, plan().segment_bytes).expect("a good log").1, written);
    bolero::check!().with_type::<Vec<Edit>>().for_each(|edits| {
        let disk = copy(&LOG);
        let mut dropped = [false; 4];
        edits.iter().take(6).for_each(|edit| apply(&disk, &mut dropped, edit));
        let mut read = Vec::new();
        let (mut reader, bytes) = (disk.reader(), plan().segment_bytes);
        let found = recovery::scan(&mut reader, bytes, &LogPoint::ORIGIN, &mut |r| read.push(*r));
        assert!(read.len() <= written.len());
        assert_eq!(read, written[..read.len()], "what is handed out is what was written");
        // Damage within one unit never costs a record in silence: the seal says what was durable.
        let in_one_unit = |edit: &Edit| !edit.is_of_segments();
        if found.is_ok() && edits.len() == 1 && edits.iter().all(in_one_unit) {
            assert_eq!(read.len(), written.len(), "damage is refused, not cut");
        }
        let text = found.map(|f| f.cut.map(|c| c.to_string())).map_err(|r| r.to_string());
        assert!(text.is_ok() || text.is_err_and(|t| t.len() > 40), "a refusal says why");
        inspect::blocks(&mut disk.reader(), &mut |_, records| records.for_each(drop))
            .expect("the disk can be read");
    });
}

#[test]
fn fuzz_segment_from_any_bytes() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let disk = MemoryDisk::new(8_192);
        let mut segment = bytes.repeat(8_192 / bytes.len().max(1) + 1);
        segment.resize(8_192, 0);
        disk.put_segment(SegmentNo(1), segment);
        let scanned = scan_all(&disk, 8_192);
        assert!(scanned.is_ok_and(|(found, _)| found.records == 0), "there is no block in it");
    });
}

#[test]
fn records_of_one_block_are_those_that_were_put_in() {
    let (block, fields) = records_of_block();
    let read = decode(&block).expect("a block that was written can be read");
    assert_eq!(read.len(), fields.count as usize);
    assert_eq!(read, records_of(1, 90));
}
