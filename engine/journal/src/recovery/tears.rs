//! Every tear and every turned bit of a block, one by one: what is decided, and that no record is
//! ever altered or lost in silence.
//!
//! Devices tear between sectors. A tear within one is beyond what the format assumes, and is tried
//! here all the same: it is cut, or refused, and never taken.

use super::{Corruption, Recovered, Refusal};
use crate::tests::{Image, Placed};
use gavel_contract::SegmentNo;

const SECTOR: usize = 512;
const STAMP: usize = 8;
/// The first sector's stamp and the header.
const HEAD: usize = 8 + 128;

/// What was decided about the last block of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    /// The log ends before it, and nothing says that it was ever there.
    Clean,
    Cut,
    Header,
    Payload,
    /// A later block says that it was durable.
    Durable,
    Taken,
}

fn decision(scanned: &Result<Recovered, Refusal>, before: u64) -> Decision {
    match scanned {
        Ok(found) if found.records > before => Decision::Taken,
        Ok(found) if found.cut.is_some() => Decision::Cut,
        Ok(_) => Decision::Clean,
        Err(Refusal::Corrupt { how: Corruption::Header, .. }) => Decision::Header,
        Err(Refusal::Corrupt { how: Corruption::Payload, .. }) => Decision::Payload,
        Err(Refusal::Corrupt { how: Corruption::Durable { .. }, .. }) => Decision::Durable,
        Err(other) => panic!("{other}"),
    }
}

/// Ten records, and a block under way that fills two units, over what was there before: zeros, or
/// an older block of the same length.
fn under_way(over_old: bool) -> (Image, Placed, Vec<u8>) {
    let filled = |made: &(Image, Placed, Vec<u8>)| made.1.fields.block_bytes() == 2 * 4_096;
    let made = (60..130).rev().map(|records| of_records(records, over_old)).find(filled);
    made.expect("some number of records fills two units")
}

fn of_records(records: u64, over_old: bool) -> (Image, Placed, Vec<u8>) {
    let mut image = Image::new(2);
    image.block(10);
    image.follows = false;
    if over_old {
        // Cut by an earlier start, so of the same number and another incarnation.
        let old = image.block(records);
        image.lose(&old, [old.sectors() - 1]);
        let found = image.scan().unwrap();
        image.resume(&found, 2);
        // Other records than those.
        image.last.time.0 += 5;
    }
    let before = image.disk.bytes(SegmentNo(1));
    let block = image.block(records);
    (image, block, before)
}

/// What a tear after so many bytes of the block leaves: the first of them, or the last, are new.
fn torn_at(bytes: usize, new: &[u8], old: &[u8], front: bool) -> Vec<u8> {
    match front {
        true => [&new[..bytes], &old[bytes..]].concat(),
        false => [&old[..bytes], &new[bytes..]].concat(),
    }
}

/// The table of recovery, for a block of which sectors are new, old, or mixed.
fn expected(torn: &[u8], new: &[u8], old: &[u8], proof: bool) -> Decision {
    if torn == new {
        return Decision::Taken;
    }
    let stamp_is_new = |n: usize| torn[n * SECTOR..][..STAMP] == new[n * SECTOR..][..STAMP];
    let all = (0..torn.len() / SECTOR).all(stamp_is_new);
    let any = (0..8).any(stamp_is_new);
    let head_is_new = torn[..HEAD] == new[..HEAD];
    let head_is_old = torn[..HEAD] == old[..HEAD];
    let stamp_is_old = old[..STAMP] != [0; STAMP] && torn[..STAMP] == old[..STAMP];
    let names_it = stamp_is_new(0) || stamp_is_old;
    let used = |bytes: &[u8]| bytes[HEAD..].to_vec();
    match () {
        () if head_is_new && all && used(torn) != used(new) => Decision::Payload,
        // The first sector names the block expected, by this start or by the one before.
        () if names_it && !head_is_new && !head_is_old => Decision::Header,
        () if proof => Decision::Durable,
        // The older block's own header tells of it, new sectors in the first unit tell of the new.
        () if any || head_is_new || (head_is_old && old[..STAMP] != [0; STAMP]) => Decision::Cut,
        () => Decision::Clean,
    }
}

#[test]
fn a_block_torn_at_any_byte_is_cut_or_refused_and_never_altered() {
    let mut met = std::collections::BTreeMap::new();
    for over_old in [false, true] {
        for proof in [false, true] {
            let (mut image, block, before) = under_way(over_old);
            if proof {
                image.follows = true;
                image.block(0);
                image.block(0);
            }
            let at = block.offset_bytes as usize;
            let len = block.fields.block_bytes();
            let all = image.disk.bytes(SegmentNo(1));
            let (new, old) = (&all[at..at + len], &before[at..at + len]);
            for bytes in 0..=len {
                for front in [true, false] {
                    let torn = torn_at(bytes, new, old, front);
                    image.disk.overwrite(SegmentNo(1), at as u64, &torn);
                    let decided = decision(&image.scan(), 10);
                    let expected = expected(&torn, new, old, proof);
                    let case = format!("{bytes} of {len}, {front} {over_old} {proof}");
                    // Only a stamp torn in itself may look like anything.
                    let stamp_torn = (1..STAMP).contains(&(bytes % SECTOR));
                    assert!(decided == expected || stamp_torn, "{case}: {decided:?} {expected:?}");
                    let lost = matches!(decided, Decision::Clean | Decision::Cut);
                    assert!(!(proof && lost), "{case}: what was durable is refused, never cut");
                    *met.entry(format!("{decided:?}")).or_insert(0) += 1;
                }
            }
        }
    }
    for decision in ["Clean", "Cut", "Durable", "Header", "Payload", "Taken"] {
        assert!(met.contains_key(decision), "{decision} was never met: {met:?}");
    }
}

#[test]
fn any_bit_turned_in_a_header_is_refused_in_a_middle_block_and_cut_at_worst_in_the_last() {
    let mut image = Image::new(1);
    let blocks = [image.block(10), image.block(20), image.block(5)];
    let whole = image.disk.bytes(SegmentNo(1));
    for (which, block) in blocks.iter().enumerate() {
        let at = block.offset_bytes as usize;
        for bit in 0..HEAD * 8 {
            let mut bytes = whole.clone();
            bytes[at + bit / 8] ^= 1 << (bit % 8);
            image.disk.put_segment(SegmentNo(1), bytes);
            let scanned = image.scan();
            let last = which == 2;
            let in_stamp = bit / 8 < STAMP;
            match scanned {
                Err(Refusal::Corrupt { place, .. }) => {
                    assert_eq!(place.block_seq, which as u64 + 1, "bit {bit}");
                }
                Err(other) => panic!("bit {bit}: {other}"),
                // Without its stamp the last block looks as if it had never been written, or torn.
                Ok(found) => assert!(last && in_stamp && found.records == 30, "bit {bit}"),
            }
        }
    }
}

#[test]
fn any_byte_turned_in_a_payload_is_refused_wherever_the_block_lies() {
    let mut image = Image::new(1);
    let blocks = [image.block(10), image.block(20), image.block(30)];
    for (which, block) in blocks.iter().enumerate() {
        let used = 128 + block.fields.payload_bytes as usize;
        for byte in (HEAD..block.fields.block_bytes()).filter(|byte| byte % SECTOR >= STAMP) {
            image.rot(block, byte as u64);
            let room_byte = byte / SECTOR * (SECTOR - STAMP) + byte % SECTOR - STAMP;
            let decided = decision(&image.scan(), 60 - 1);
            let expected = if room_byte < used { Decision::Payload } else { Decision::Taken };
            assert_eq!(decided, expected, "byte {byte} of block {which}");
            image.rot(block, byte as u64);
        }
    }
}

/// Four segments, the last in use and sealed.
fn four() -> Image {
    let mut image = Image::new(4);
    (0..3).for_each(|_| image.fill_segment());
    image.block(3);
    image.block(0);
    image
}

#[test]
fn segments_that_changed_places_are_refused() {
    for (one, other) in [(1, 2), (1, 3), (2, 3), (1, 4), (3, 4)] {
        let image = four();
        let (a, b) = (image.disk.bytes(SegmentNo(one)), image.disk.bytes(SegmentNo(other)));
        image.disk.put_segment(SegmentNo(one), b);
        image.disk.put_segment(SegmentNo(other), a);
        let refusal = image.scan().unwrap_err();
        let text = refusal.to_string();
        assert!(matches!(decision(&Err(refusal), 0), Decision::Durable), "{one} {other}");
        assert!(text.contains(&format!("in segment {one} at byte 0 is corrupt")), "{text}");
        assert!(text.contains("Restore the segment from a copy"), "{text}");
    }
}

#[test]
fn a_segment_copied_over_another_is_refused_unless_it_lies_behind_the_end() {
    for from in 1..=4 {
        for to in (1..=5).filter(|to| *to != from) {
            let image = four();
            image.disk.put_segment(SegmentNo(to), image.disk.bytes(SegmentNo(from)));
            match image.scan() {
                Ok(found) => assert_eq!((to, found.records), (5, 51), "{from} over {to}"),
                // Nothing behind the last one says that it was durable: that it is a copy does.
                Err(Refusal::Corrupt { place, how: Corruption::Copy { of } }) => {
                    assert_eq!((place.segment.0, place.offset_bytes, to), (4, 0, 4));
                    assert_eq!(of, SegmentNo(from));
                }
                Err(refusal) => {
                    assert!(to < 4, "{from} over {to}: {refusal}");
                    assert_eq!(decision(&Err(refusal), 0), Decision::Durable);
                }
            }
        }
    }
}

#[test]
fn a_segment_of_no_length_is_refused_wherever_the_log_reaches_it() {
    for which in 1..=5 {
        let image = four();
        image.disk.put_segment(SegmentNo(5), vec![0; 64 * 1_024]);
        (which < 5).then(|| image.disk.drop_segment(SegmentNo(5)));
        image.disk.resize_segment(SegmentNo(which), 0);
        match image.scan() {
            Err(refusal) => {
                let (segment, expected) = (SegmentNo(which), 64 * 1_024);
                assert_eq!(refusal, Refusal::WrongLength { segment, bytes: 0, expected });
                assert!(which < 5);
            }
            Ok(found) => {
                assert_eq!((which, found.records), (5, 51), "the log ends before it");
                assert_eq!(found.unprepared, Some(SegmentNo(5)));
            }
        }
    }
}

#[test]
fn a_block_of_a_newer_version_is_refused_wherever_it_lies() {
    for ahead in [0, 1, 7] {
        let mut image = Image::new(2);
        image.block(10);
        // Behind the end as well: a newer build was here, and its log is not to be written over.
        let at = image.offset_bytes + ahead * 4_096;
        let block = image.block(3);
        let mut bytes = image.disk.bytes(SegmentNo(1));
        let from = block.offset_bytes as usize;
        let mut unit = bytes[from..from + 4_096].to_vec();
        bytes[from..from + 4_096].fill(0);
        unit[8 + 8] = 9;
        let crc = crc32c::crc32c(&unit[8..8 + 124]);
        unit[8 + 124..8 + 128].copy_from_slice(&crc.to_le_bytes());
        bytes[at as usize..at as usize + 4_096].copy_from_slice(&unit);
        image.disk.put_segment(SegmentNo(1), bytes);
        let text = image.scan().unwrap_err().to_string();
        assert!(
            text.contains("is of format version 9, and this build reads versions 1 to 2"),
            "{text}"
        );
        assert!(text.contains("Start the build that wrote it"), "{text}");
        assert!(text.contains(&format!("at byte {at}")), "{text}");
    }
}
