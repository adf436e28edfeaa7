//! Reading from a point gives what reading from the beginning gives.

use super::{LogPoint, LogPointBytes};
use crate::format::LogEnd;
use crate::recovery::{Corruption, Place, Refusal};
use crate::tail::Tail;
use crate::tests::{Image, plan, scan_all, scan_from};
use gavel_contract::SegmentNo;
use gavel_link::Position;
use gavel_types::{Index, Nanos, Stamp, Term};
use zerocopy::{FromBytes, IntoBytes};

const SEGMENT: u64 = 64 * 1_024;

/// Four segments: two full ones, some blocks, a seal, and a torn tail.
fn log() -> Image {
    let mut image = Image::new(4);
    image.fill_segment();
    for n in [200, 1, 0, 30] {
        image.block(n);
    }
    image.fill_segment();
    image.block(7);
    image.block(0);
    image.follows = false;
    let torn = image.block(20);
    image.lose(&torn, [3]);
    image
}

/// Every point between two blocks, in order.
fn points(image: &Image) -> Vec<LogPoint> {
    let mut tail = Tail::new(image.disk.reader(), SEGMENT, LogPoint::ORIGIN);
    let mut points = vec![LogPoint::ORIGIN];
    let end = scan_all(&image.disk, SEGMENT).unwrap().0.last.index;
    while tail.next(end, &mut |_| ()).unwrap().is_some() {
        points.push(tail.point());
    }
    points
}

#[test]
fn reading_from_every_point_finds_the_end_that_reading_from_the_origin_finds() {
    let image = log();
    let (all, records) = scan_all(&image.disk, SEGMENT).unwrap();
    let points = points(&image);
    assert!(points.len() as u64 >= all.blocks, "the last seal may not be followed");
    for point in &points {
        let (found, tail) = scan_from(&image.disk, SEGMENT, point).unwrap();
        assert_eq!(found.point(), all.point(), "{point:?}");
        assert_eq!((found.cut, found.spare_segments), (all.cut, all.spare_segments));
        assert_eq!(found.incarnation_max, all.incarnation_max);
        assert_eq!(tail, records[point.last.index.0 as usize..], "{point:?}");
        assert_eq!(found.start(9), all.start(9));
    }
}

#[test]
fn segments_below_the_points_are_not_looked_at() {
    let image = log();
    let (all, records) = scan_all(&image.disk, SEGMENT).unwrap();
    let point = *points(&image).iter().find(|point| point.end.segment.0 == 2).unwrap();
    assert_eq!(point.end.offset_bytes % 4_096, 0);
    let expected = &records[point.last.index.0 as usize..];
    for change in 0..4 {
        match change {
            0 => {}
            1 => image.disk.put_segment(SegmentNo(1), vec![7; 5]),
            2 => image.disk.put_segment(SegmentNo(1), image.disk.bytes(SegmentNo(4))),
            _ => image.disk.drop_segment(SegmentNo(1)),
        }
        let (found, read) = scan_from(&image.disk, SEGMENT, &point).unwrap();
        assert_eq!((found.point(), &read[..]), (all.point(), expected), "{change}");
    }
    // Without the point it is another matter.
    let refusal = image.scan().unwrap_err();
    assert_eq!(refusal, Refusal::FirstMissing { first: SegmentNo(2) });
    assert!(refusal.to_string().contains("there is no snapshot of the state"), "{refusal}");
}

#[test]
fn a_segment_missing_at_or_above_the_point_is_refused() {
    let image = log();
    let points = points(&image);
    let point = *points.iter().rfind(|point| point.end.segment.0 == 2).unwrap();
    image.disk.drop_segment(SegmentNo(3));
    let refusal = scan_from(&image.disk, SEGMENT, &point).unwrap_err();
    let (segment, next) = (SegmentNo(3), SegmentNo(4));
    assert_eq!(refusal, Refusal::SegmentMissing { segment, next });
    image.disk.drop_segment(SegmentNo(2));
    let refusal = scan_from(&image.disk, SEGMENT, &point).unwrap_err();
    assert_eq!(refusal, Refusal::PointMissing { place: point.end, next: Some(SegmentNo(4)) });
    let text = refusal.to_string();
    assert!(text.contains("the snapshot goes on with block"), "{text}");
    assert!(text.contains("segment 2 is not there; the first behind it is 4"), "{text}");
    image.disk.drop_segment(SegmentNo(4));
    let refusal = scan_from(&image.disk, SEGMENT, &point).unwrap_err();
    assert_eq!(refusal, Refusal::PointMissing { place: point.end, next: None });
    assert!(refusal.to_string().contains("neither is any behind it"), "{refusal}");
}

#[test]
fn a_point_that_the_segments_do_not_have_is_refused() {
    let image = log();
    let mut point = points(&image)[3];
    point.end.offset_bytes = SEGMENT + 4_096;
    let refusal = scan_from(&image.disk, SEGMENT, &point).unwrap_err();
    assert!(matches!(refusal, Refusal::PointOutside { .. }), "{refusal}");
    assert!(refusal.to_string().contains("segment size was changed"), "{refusal}");
}

#[test]
fn a_points_own_segment_is_never_made_again() {
    let image = log();
    let point = *points(&image).iter().find(|p| p.end.segment.0 == 2).unwrap();
    image.disk.drop_segment(SegmentNo(3));
    image.disk.drop_segment(SegmentNo(4));
    image.disk.put_segment(SegmentNo(2), vec![0; 4_096]);
    let refusal = scan_from(&image.disk, SEGMENT, &point).unwrap_err();
    assert!(matches!(refusal, Refusal::WrongLength { segment: SegmentNo(2), .. }), "{refusal}");
}

#[test]
fn a_block_that_does_not_follow_the_point_is_refused() {
    let image = log();
    let point = points(&image)[3];
    let wrong = LogPoint { chain: point.chain ^ 1, ..point };
    let refusal = scan_from(&image.disk, SEGMENT, &wrong).unwrap_err();
    assert!(refusal.to_string().contains("after another block than the one before"), "{refusal}");
    let end = Place { block_seq: point.end.block_seq + 1, ..point.end };
    let refusal = scan_from(&image.disk, SEGMENT, &LogPoint { end, ..point }).unwrap_err();
    assert!(
        matches!(refusal, Refusal::Corrupt { how: Corruption::Durable { .. }, .. }),
        "{refusal}"
    );
}

#[test]
fn a_journal_goes_on_behind_a_point_at_the_end_of_a_segment() {
    let mut image = Image::new(1);
    image.fill_segment();
    let point = *points(&image).last().unwrap();
    assert_eq!((point.end.segment, point.end.offset_bytes), (SegmentNo(1), SEGMENT));
    let found = scan_from(&image.disk, SEGMENT, &point).unwrap().0;
    assert_eq!(found, scan_from(&image.disk, SEGMENT, &point).unwrap().0);
    let mut rig = crate::tests::Rig::new(&plan(), &image.disk, found.start(2).unwrap());
    rig.push(&crate::tests::records_of(17, 2));
    rig.settle();
    let (found, records) = scan_from(&rig.disk, SEGMENT, &point).unwrap();
    assert_eq!((found.end.segment, records.len()), (SegmentNo(2), 2));
}

#[test]
fn a_point_survives_its_bytes_and_nonsense_does_not() {
    let image = log();
    for point in points(&image) {
        let bytes = LogPointBytes::from(&point);
        let read = LogPointBytes::read_from_bytes(bytes.as_bytes()).unwrap();
        assert_eq!(LogPoint::try_from(&read), Ok(point));
    }
    let stamp = |index| Stamp { index: Index(index), term: Term(2), time: Nanos(3) };
    let good = LogPoint {
        end: Place {
            segment: SegmentNo(0x0102),
            offset_bytes: 0x3000,
            block_seq: 5,
            index: Index(8),
        },
        chain: 0x1122_3344_5566_7788,
        last: stamp(7),
        incarnation: 9,
        marked: Position { generation: 1, index: Index(6) },
        commit: Index(4),
        floor: LogEnd::ORIGIN,
    };
    let bytes = LogPointBytes::from(&good);
    let hex: Vec<String> = bytes
        .as_bytes()
        .chunks(8)
        .map(|c| c.iter().map(|b| format!("{b:02x}")).collect())
        .collect();
    let golden = "0201000000000000 0030000000000000 0500000000000000 0800000000000000 \
                  8877665544332211 0700000000000000 0200000000000000 0300000000000000 \
                  0900000000000000 0600000000000000 0400000000000000 0100000000000000";
    assert_eq!(hex.join(" "), golden);
    assert_eq!(LogPoint::try_from(&bytes), Ok(good));
    let Place { segment, offset_bytes, block_seq, index } = good.end;
    for bad in [
        LogPoint { end: Place { segment: SegmentNo(0), ..good.end }, ..good },
        LogPoint { end: Place { offset_bytes: offset_bytes + 512, ..good.end }, ..good },
        LogPoint { end: Place { block_seq: 0, ..good.end }, ..good },
        LogPoint { end: Place { block_seq: 1, ..good.end }, ..good },
        LogPoint { end: Place { index: index.next(), ..good.end }, ..good },
        LogPoint { last: stamp(8), ..good },
        LogPoint { last: stamp(u64::MAX), ..good },
        LogPoint { marked: Position { generation: 1, index: Index(8) }, ..good },
        LogPoint { marked: Position { generation: 4_096, index: Index(1) }, ..good },
        LogPoint { incarnation: 1, ..LogPoint::ORIGIN },
    ] {
        assert!(LogPoint::try_from(&LogPointBytes::from(&bad)).is_err(), "{bad:?}");
    }
    assert_eq!((segment, block_seq), (SegmentNo(0x0102), 5));
    let mut reserved = bytes;
    reserved.as_mut_bytes()[95] = 1;
    assert!(LogPoint::try_from(&reserved).is_err());
}
