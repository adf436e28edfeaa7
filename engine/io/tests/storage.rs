//! One suite for the log store port, run against every way of writing; and what only files have:
//! locks, leftovers, full disks, limits.

#![allow(clippy::unwrap_used)]

use gavel_contract::{BufferId, LogDone, LogReader, LogStore, LogWrite, SegmentNo, StoreFaultKind};
use gavel_io::storage::{
    DurableMode, FileLogStore, LogDirectory, SegmentReader, StoreOptions, UringFlavour,
};
use std::path::Path;
use std::time::{Duration, Instant};

const PAGE: usize = 4096;
const MODES: [DurableMode; 3] =
    [DurableMode::UringDsync, DurableMode::UringFdatasync, DurableMode::Thread];

/// Every way of writing that this host has.
fn ways() -> Vec<StoreOptions> {
    let options = StoreOptions::new(5, 16 * PAGE, 64 * PAGE as u64);
    let mut ways = Vec::new();
    for mode in MODES {
        let flavours: &[UringFlavour] = match mode {
            DurableMode::Thread => &[UringFlavour::Plain],
            _ => &[UringFlavour::Plain, UringFlavour::Coop, UringFlavour::Defer],
        };
        for &uring in flavours {
            ways.push(StoreOptions { mode, uring, ..options.clone() });
        }
    }
    ways
}

/// Runs `check` on a fresh store of each kind.
fn for_every_way(check: impl Fn(&mut FileLogStore, &Path)) {
    for options in ways() {
        let place = tempfile::tempdir().unwrap();
        let mut directory = LogDirectory::open(place.path()).unwrap();
        directory.next_incarnation().unwrap();
        let mut store = directory.store(&options).unwrap();
        if store.mode() != options.mode {
            println!("SKIPPED {:?}: {:?}", options.mode, store.notes());
            continue;
        }
        check(&mut store, place.path());
    }
}

/// The next completion; a store that has none for ten seconds hangs.
fn wait(store: &mut impl LogStore) -> LogDone {
    let since = Instant::now();
    loop {
        if let Some(done) = store.poll() {
            return done;
        }
        assert!(since.elapsed() < Duration::from_secs(10), "the store hangs");
        std::thread::yield_now();
    }
}

fn prepare(store: &mut impl LogStore, segment: u64) {
    store.prepare(SegmentNo(segment), SegmentNo(0));
    assert_eq!(wait(store), LogDone::Prepared(SegmentNo(segment)));
}

fn page_write(buffer: usize, segment: u64, page: usize, pages: usize) -> LogWrite {
    LogWrite {
        buffer: BufferId(buffer),
        len_bytes: pages * PAGE,
        segment: SegmentNo(segment),
        offset_bytes: (page * PAGE) as u64,
    }
}

fn read_segment(place: &Path, segment: u64, bytes: usize) -> Vec<u8> {
    let mut all = vec![0xEE; bytes];
    let read = SegmentReader::new(place).read(SegmentNo(segment), 0, &mut all).unwrap();
    all.truncate(read);
    all
}

mod port {
    use super::*;

    /// Every block of every page comes back, in whatever order writes completed.
    fn what_is_written_is_read_back(store: &mut impl LogStore, read: impl Fn(u64) -> Vec<u8>) {
        let pages = store.segment_bytes() as usize / PAGE;
        for segment in 1..=2u64 {
            prepare(store, segment);
            assert!(read(segment).iter().all(|&b| b == 0), "a new segment is all zeros");
            let mut free: Vec<usize> = (0..store.buffers()).collect();
            let mut landed = 0;
            for page in 0..pages {
                if free.is_empty() {
                    let LogDone::Written(write) = wait(store) else { panic!("a write failed") };
                    free.push(write.buffer.0);
                    landed += 1;
                }
                let buffer = free.pop().unwrap();
                let stamp = segment as u8 * 70 + page as u8;
                store.buffer(BufferId(buffer))[..PAGE].fill(stamp);
                store.submit(page_write(buffer, segment, page, 1));
            }
            while landed < pages {
                assert!(matches!(wait(store), LogDone::Written(_)));
                landed += 1;
            }
            assert_eq!(store.poll(), None, "nothing lands twice");
            let found = read(segment);
            assert_eq!(found.len(), pages * PAGE);
            for (page, bytes) in found.chunks(PAGE).enumerate() {
                let stamp = segment as u8 * 70 + page as u8;
                assert!(bytes.iter().all(|&b| b == stamp), "page {page} of {segment}");
            }
        }
    }

    #[test]
    fn what_is_written_is_read_back_in_every_way() {
        for_every_way(|store, place| {
            let bytes = store.segment_bytes() as usize;
            what_is_written_is_read_back(store, |segment| read_segment(place, segment, bytes));
        });
    }

    #[test]
    fn what_landed_is_there_before_the_store_is_closed() {
        for_every_way(|store, place| {
            prepare(store, 1);
            for round in 1..=20u8 {
                store.buffer(BufferId(0))[..3 * PAGE].fill(round);
                store.submit(page_write(0, 1, 5, 3));
                assert_eq!(wait(store), LogDone::Written(page_write(0, 1, 5, 3)));
                let found = read_segment(place, 1, 10 * PAGE);
                assert!(found[5 * PAGE..8 * PAGE].iter().all(|&b| b == round));
                assert!(found[..5 * PAGE].iter().all(|&b| b == 0), "and nowhere else");
                assert!(found[8 * PAGE..].iter().all(|&b| b == 0), "and nowhere else");
            }
        });
    }

    #[test]
    fn a_segment_is_prepared_while_writes_are_in_flight() {
        for_every_way(|store, _| {
            prepare(store, 1);
            store.prepare(SegmentNo(2), SegmentNo(0));
            let (mut written, mut prepared) = (0, false);
            while written < 50 || !prepared {
                store.submit(page_write(0, 1, 0, 1));
                store.submit(page_write(1, 1, 1, 1));
                for _ in 0..2 {
                    match wait(store) {
                        LogDone::Written(_) => written += 1,
                        LogDone::Prepared(segment) => {
                            assert_eq!(segment, SegmentNo(2));
                            prepared = true;
                            assert!(matches!(wait(store), LogDone::Written(_)));
                            written += 1;
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
        });
    }

    #[test]
    fn more_segments_than_are_kept_open_can_be_written() {
        for_every_way(|store, place| {
            for segment in 1..=9 {
                prepare(store, segment);
                for back in 0..3.min(segment) {
                    store.buffer(BufferId(0))[..PAGE].fill(segment as u8);
                    store.submit(page_write(0, segment - back, back as usize, 1));
                    assert!(matches!(wait(store), LogDone::Written(_)));
                }
            }
            // Long closed, so opened once more.
            store.buffer(BufferId(0))[..PAGE].fill(77);
            store.submit(page_write(0, 1, 9, 1));
            assert!(matches!(wait(store), LogDone::Written(_)));
            for segment in 1..=9u64 {
                let found = read_segment(place, segment, 10 * PAGE);
                assert_eq!(found[0], segment as u8);
                assert_eq!(found[9 * PAGE], if segment == 1 { 77 } else { 0 });
            }
        });
    }

    #[test]
    fn a_segment_with_writes_in_flight_stays_open() {
        for_every_way(|store, place| {
            for segment in 1..=5 {
                prepare(store, segment);
            }
            // Open are 2 to 5, and 5 is at rest: it gives way to 1.
            for (buffer, segment) in [2, 3, 4, 1].into_iter().enumerate() {
                store.buffer(BufferId(buffer))[..PAGE].fill(segment as u8);
                store.submit(page_write(buffer, segment, 0, 1));
            }
            for _ in 0..4 {
                assert!(matches!(wait(store), LogDone::Written(_)));
            }
            for segment in 1..=4 {
                assert_eq!(read_segment(place, segment, PAGE), [segment as u8; PAGE]);
            }
            assert_eq!(read_segment(place, 5, PAGE), [0; PAGE]);
        });
    }

    #[test]
    fn a_store_dropped_with_writes_in_flight_lets_them_land() {
        for options in ways() {
            let place = tempfile::tempdir().unwrap();
            let mut directory = LogDirectory::open(place.path()).unwrap();
            directory.next_incarnation().unwrap();
            let mut store = directory.store(&options).unwrap();
            prepare(&mut store, 1);
            for buffer in 0..4 {
                store.buffer(BufferId(buffer)).fill(buffer as u8 + 1);
                store.submit(page_write(buffer, 1, buffer * 16, 16));
            }
            drop(store);
            let found = read_segment(place.path(), 1, 64 * PAGE);
            for (i, bytes) in found.chunks(16 * PAGE).enumerate() {
                assert!(bytes.iter().all(|&b| b == i as u8 + 1), "{:?} {i}", options.mode);
            }
        }
    }

    #[test]
    fn a_store_made_on_one_thread_works_on_another() {
        for options in ways() {
            let place = tempfile::tempdir().unwrap();
            let mut directory = LogDirectory::open(place.path()).unwrap();
            directory.next_incarnation().unwrap();
            let mut store = directory.store(&options).unwrap();
            let elsewhere = std::thread::spawn(move || {
                prepare(&mut store, 1);
                store.submit(page_write(0, 1, 0, 1));
                assert!(matches!(wait(&mut store), LogDone::Written(_)));
                prepare(&mut store, 2);
                store.submit(page_write(0, 2, 0, 1));
                assert!(matches!(wait(&mut store), LogDone::Written(_)));
            });
            elsewhere.join().unwrap();
        }
    }

    fn bug(name: &str, what: impl Fn(&mut FileLogStore) + std::panic::UnwindSafe + Copy) {
        for_every_way(|store, _| {
            prepare(store, 1);
            let mut store = std::panic::AssertUnwindSafe(store);
            let caught = std::panic::catch_unwind(move || what(&mut store));
            let said = caught.expect_err(name);
            let text = said.downcast_ref::<&str>().copied();
            let text = text.or_else(|| said.downcast_ref::<String>().map(String::as_str));
            assert_eq!(text, Some(name));
        });
    }

    #[test]
    fn misuse_is_caught() {
        bug("a buffer is in flight once", |store| {
            store.submit(page_write(0, 1, 0, 1));
            store.submit(page_write(0, 1, 1, 1));
        });
        bug("a buffer in flight is not touched", |store| {
            store.submit(page_write(0, 1, 0, 1));
            store.buffer(BufferId(0))[0] = 1;
        });
        bug("a write goes to a prepared segment", |s| s.submit(page_write(0, 2, 0, 1)));
        bug("a write fits in its segment", |s| s.submit(page_write(0, 1, 63, 2)));
        bug("a write fits in its buffer", |s| s.submit(page_write(0, 1, 0, 17)));
        bug("a write is a multiple of 4,096 bytes", |s| s.submit(page_write(0, 1, 0, 0)));
        bug("an offset is a multiple of 4,096", |store| {
            store.submit(LogWrite { offset_bytes: 512, ..page_write(0, 1, 0, 1) });
        });
        bug("writes in flight span fewer segments than may be open", |store| {
            (2..=5).for_each(|segment| prepare(store, segment));
            for (buffer, segment) in [2, 3, 4, 5, 1].into_iter().enumerate() {
                store.submit(page_write(buffer, segment, 0, 1));
            }
        });
        bug("at most one segment is prepared at a time", |store| {
            store.prepare(SegmentNo(2), SegmentNo(0));
            store.prepare(SegmentNo(3), SegmentNo(0));
        });
    }
}

mod files {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn options() -> StoreOptions {
        StoreOptions::new(2, PAGE, 16 * PAGE as u64)
    }

    #[test]
    fn a_second_process_is_told_who_has_the_directory() {
        let place = tempfile::tempdir().unwrap();
        let mut first = LogDirectory::open(place.path()).unwrap();
        let refused = LogDirectory::open(place.path()).unwrap_err();
        assert_eq!(refused.kind, StoreFaultKind::Denied);
        let who = format!("in use by process {}", std::process::id());
        assert!(refused.facts.contains(&who), "{refused}");
        assert!(refused.facts.contains(place.path().to_str().unwrap()), "{refused}");
        // The lock lives as long as anything that may write.
        first.next_incarnation().unwrap();
        let store = first.store(&options()).unwrap();
        drop(first);
        LogDirectory::open(place.path()).unwrap_err();
        drop(store);
        LogDirectory::open(place.path()).unwrap();
    }

    #[test]
    fn a_directory_is_its_owners_alone_and_keeps_its_identity() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b");
        let mut directory = LogDirectory::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(directory.incarnation(), 0);
        assert_eq!(directory.next_incarnation().unwrap(), 1);
        let node = directory.node_id();
        drop(directory);
        let mut directory = LogDirectory::open(&path).unwrap();
        assert_eq!((directory.node_id(), directory.incarnation()), (node, 1));
        assert_eq!(directory.next_incarnation().unwrap(), 2);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(LogDirectory::open(other.path()).unwrap().node_id(), node);
    }

    #[test]
    fn a_log_without_its_identity_or_with_a_damaged_one_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let mut directory = LogDirectory::open(place.path()).unwrap();
        directory.next_incarnation().unwrap();
        let mut store = directory.store(&options()).unwrap();
        prepare(&mut store, 1);
        drop((store, directory));
        let meta = place.path().join("meta");
        let text = std::fs::read_to_string(&meta).unwrap();
        std::fs::write(&meta, text.replace("incarnation 1", "incarnation 0")).unwrap();
        let refused = LogDirectory::open(place.path()).unwrap_err();
        assert!(refused.facts.contains("checksum"), "{refused}");
        std::fs::remove_file(&meta).unwrap();
        let refused = LogDirectory::open(place.path()).unwrap_err();
        assert_eq!(refused.kind, StoreFaultKind::Missing, "{refused}");
    }

    #[test]
    fn half_made_segments_are_removed_and_whole_ones_go_on() {
        let place = tempfile::tempdir().unwrap();
        let mut directory = LogDirectory::open(place.path()).unwrap();
        directory.next_incarnation().unwrap();
        let mut store = directory.store(&options()).unwrap();
        prepare(&mut store, 1);
        store.buffer(BufferId(0)).fill(9);
        store.submit(page_write(0, 1, 3, 1));
        wait(&mut store);
        drop((store, directory));
        let half = place.path().join("wal-0000000000000002.seg.tmp");
        std::fs::write(&half, b"half").unwrap();
        std::fs::write(place.path().join("notes.tmp"), b"not ours").unwrap();
        let mut directory = LogDirectory::open(place.path()).unwrap();
        assert!(!half.exists());
        assert!(place.path().join("notes.tmp").exists());
        let found = directory.reader().segments().unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].segment, found[0].bytes), (SegmentNo(1), 16 * PAGE as u64));
        directory.next_incarnation().unwrap();
        let mut store = directory.store(&options()).unwrap();
        // Asked for again, it is there as it was.
        prepare(&mut store, 1);
        store.buffer(BufferId(0)).fill(5);
        store.submit(page_write(0, 1, 4, 1));
        wait(&mut store);
        let found = read_segment(place.path(), 1, 16 * PAGE);
        assert_eq!((found[3 * PAGE], found[4 * PAGE], found[5 * PAGE]), (9, 5, 0));
    }

    #[test]
    fn a_segment_of_another_size_is_not_written_over() {
        let place = tempfile::tempdir().unwrap();
        let mut directory = LogDirectory::open(place.path()).unwrap();
        directory.next_incarnation().unwrap();
        let mut store = directory.store(&options()).unwrap();
        prepare(&mut store, 1);
        drop(store);
        let wider = StoreOptions { segment_bytes: 32 * PAGE as u64, ..options() };
        let mut store = directory.store(&wider).unwrap();
        store.prepare(SegmentNo(1), SegmentNo(0));
        let LogDone::PrepareFailed(_, why) = wait(&mut store) else { panic!("made over") };
        assert!(why.facts.contains("segment size"), "{why}");
        prepare(&mut store, 2);
    }

    /// Names of the segments in a directory, by number.
    fn numbers(place: &Path) -> Vec<u64> {
        let found = SegmentReader::new(place).segments().unwrap();
        found.iter().map(|info| info.segment.0).collect()
    }

    /// A store with segments 1 to 8 written, each full of its number, of which those up to 4 are
    /// not open any more.
    fn eight(place: &Path, freed_segments_max: usize) -> FileLogStore {
        let mut directory = LogDirectory::open(place).unwrap();
        directory.next_incarnation().unwrap();
        let mut store = directory.store(&StoreOptions { freed_segments_max, ..options() }).unwrap();
        for segment in 1..=8 {
            prepare(&mut store, segment);
            store.buffer(BufferId(0)).fill(segment as u8);
            store.submit(page_write(0, segment, 0, 1));
            wait(&mut store);
        }
        store
    }

    fn prepare_above(store: &mut FileLogStore, segment: u64, free_below: u64) {
        store.prepare(SegmentNo(segment), SegmentNo(free_below));
        assert_eq!(wait(store), LogDone::Prepared(SegmentNo(segment)));
    }

    #[test]
    fn the_oldest_segment_that_is_not_needed_becomes_the_next_one_as_it_is() {
        let place = tempfile::tempdir().unwrap();
        let mut store = eight(place.path(), 9);
        prepare_above(&mut store, 9, 4);
        assert_eq!(numbers(place.path()), [2, 3, 4, 5, 6, 7, 8, 9]);
        let found = read_segment(place.path(), 9, 16 * PAGE);
        assert_eq!((found[0], found[PAGE], found.len()), (1, 0, 16 * PAGE), "what was in it");
        store.buffer(BufferId(0)).fill(99);
        store.submit(page_write(0, 9, 0, 1));
        wait(&mut store);
        assert_eq!(read_segment(place.path(), 9, PAGE), [99; PAGE]);
        prepare_above(&mut store, 10, 4);
        prepare_above(&mut store, 11, 4);
        assert_eq!(numbers(place.path()), [4, 5, 6, 7, 8, 9, 10, 11]);
        // Then one is made: nothing that is needed is taken.
        prepare_above(&mut store, 12, 4);
        assert_eq!(read_segment(place.path(), 12, PAGE), [0; PAGE]);
        assert_eq!(read_segment(place.path(), 4, PAGE), [4; PAGE]);
    }

    #[test]
    fn a_segment_that_is_open_for_writing_is_not_taken_whatever_the_bound_says() {
        let place = tempfile::tempdir().unwrap();
        let mut store = eight(place.path(), 0);
        for segment in 1..=4 {
            let name = format!("wal-{segment:016x}.seg");
            std::fs::remove_file(place.path().join(name)).unwrap();
        }
        // 5 to 8 are open: nothing may be taken, nor removed behind the answer.
        prepare_above(&mut store, 9, 8);
        assert_eq!(read_segment(place.path(), 9, PAGE), [0; PAGE], "a new one");
        // Segment 9 has the place of 5 now; what is removed behind the first answer is gone at the
        // second.
        prepare_above(&mut store, 9, 8);
        prepare_above(&mut store, 9, 0);
        assert_eq!(numbers(place.path()), [6, 7, 8, 9], "what is open stays");
        for segment in 6..9 {
            assert_eq!(read_segment(place.path(), segment, PAGE), [segment as u8; PAGE]);
        }
    }

    #[test]
    fn more_than_are_worth_keeping_are_removed_oldest_first_and_so_is_what_is_no_use() {
        let place = tempfile::tempdir().unwrap();
        let mut store = eight(place.path(), 1);
        std::fs::write(place.path().join("wal-0000000000000000.seg"), [1; 100]).unwrap();
        prepare_above(&mut store, 9, 5);
        // Removed behind the answer; by the next one it is done.
        prepare_above(&mut store, 9, 0);
        assert_eq!(numbers(place.path()), [4, 5, 6, 7, 8, 9]);
        drop(store);
        assert_eq!(read_segment(place.path(), 9, PAGE), [1; PAGE]);
    }

    #[test]
    fn a_segment_that_was_never_finished_is_removed_and_a_whole_one_is_not() {
        let place = tempfile::tempdir().unwrap();
        let mut store = eight(place.path(), 1);
        prepare_above(&mut store, 9, 0);
        drop(store);
        for bytes in [0, 5_000] {
            let path = place.path().join("wal-000000000000000a.seg");
            std::fs::write(&path, vec![0; bytes]).unwrap();
            let mut directory = LogDirectory::open(place.path()).unwrap();
            directory.next_incarnation().unwrap();
            let segment_bytes = options().segment_bytes;
            let kept = directory.remove_unprepared(SegmentNo(9), segment_bytes).unwrap_err();
            assert!(kept.facts.contains("is whole, and is not removed"), "{kept}");
            directory.remove_unprepared(SegmentNo(10), segment_bytes).unwrap();
            assert!(!path.exists());
            let mut store = directory.store(&options()).unwrap();
            prepare(&mut store, 10);
            assert_eq!(read_segment(place.path(), 10, 1 << 20).len(), 16 * PAGE);
        }
    }

    #[test]
    #[should_panic(expected = "incarnation is durable before")]
    fn there_is_no_store_without_an_incarnation() {
        let place = tempfile::tempdir().unwrap();
        let directory = LogDirectory::open(place.path()).unwrap();
        let _ = directory.store(&options());
    }

    #[test]
    fn reading_past_the_end_or_a_missing_segment_says_so() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("wal-0000000000000003.seg"), [7; 100]).unwrap();
        let mut reader = SegmentReader::new(place.path());
        let mut into = [0; 64];
        assert_eq!(reader.read(SegmentNo(3), 80, &mut into), Ok(20));
        assert_eq!(reader.read(SegmentNo(3), 100, &mut into), Ok(0));
        let missing = reader.read(SegmentNo(4), 0, &mut into).unwrap_err();
        assert_eq!(missing.kind, StoreFaultKind::Missing);
        assert!(missing.facts.contains("wal-0000000000000004.seg"), "{missing}");
    }
}

#[test]
fn a_tailing_reader_sees_every_write_that_landed() {
    for_every_way(|store, place| {
        let mut reader = gavel_io::storage::TailingReader::new(place).unwrap();
        let mut stale = SegmentReader::new(place);
        prepare(store, 1);
        let mut page = vec![0; PAGE];
        for round in 1..=50u8 {
            // Puts the page into the cache as it was before.
            stale.read(SegmentNo(1), 3 * PAGE as u64, &mut page).unwrap();
            store.buffer(BufferId(0))[..PAGE].fill(round);
            store.submit(page_write(0, 1, 3, 1));
            assert_eq!(wait(store), LogDone::Written(page_write(0, 1, 3, 1)));
            assert_eq!(reader.read(SegmentNo(1), 3 * PAGE as u64, &mut page), Ok(PAGE));
            assert!(page.iter().all(|b| *b == round), "{round}");
        }
        prepare(store, 2);
        assert_eq!(reader.read(SegmentNo(2), 0, &mut page), Ok(PAGE), "the next segment");
        assert_eq!(reader.segments().unwrap().len(), 2);
    });
}
