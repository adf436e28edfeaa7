//! What the log store says when the world refuses: full, read-only, foreign and limited disks.
//!
//! Full and read-only disks are real ones: a small tmpfs in a mount namespace of a thread's own.
//! That needs root; without it those tests print SKIPPED.

#![allow(clippy::unwrap_used)]

use gavel_contract::{BufferId, LogDone, LogReader, LogStore, LogWrite, SegmentNo, StoreFaultKind};
use gavel_io::storage::{DurableMode, FileLogStore, LogDirectory, StoreOptions};
use std::ffi::CString;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const PAGE: usize = 4096;
const SEGMENT_BYTES: u64 = 64 * PAGE as u64;
const MODES: [DurableMode; 3] =
    [DurableMode::UringDsync, DurableMode::UringFdatasync, DurableMode::Thread];

/// Set in a child; names its way of writing.
const WAY: &str = "GAVEL_TEST_LIMITED_WAY";

fn wait(store: &mut FileLogStore) -> LogDone {
    let since = Instant::now();
    loop {
        if let Some(done) = store.poll() {
            return done;
        }
        assert!(since.elapsed() < Duration::from_secs(10), "the store hangs");
        std::thread::yield_now();
    }
}

fn prepare(store: &mut FileLogStore, segment: u64) -> LogDone {
    store.prepare(SegmentNo(segment), SegmentNo(0));
    wait(store)
}

fn write(page: usize, pages: usize) -> LogWrite {
    LogWrite {
        buffer: BufferId(0),
        len_bytes: pages * PAGE,
        segment: SegmentNo(1),
        offset_bytes: (page * PAGE) as u64,
    }
}

fn open(place: &Path, mode: DurableMode) -> FileLogStore {
    let mut directory = LogDirectory::open(place).unwrap();
    directory.next_incarnation().unwrap();
    let options = StoreOptions::new(1, 16 * PAGE, SEGMENT_BYTES);
    let store = directory.store(&StoreOptions { mode, ..options }).unwrap();
    assert_eq!(store.mode(), mode, "{:?}", store.notes());
    store
}

fn mount(source: &str, target: &Path, kind: &str, flags: libc::c_ulong, options: &str) -> bool {
    let text = |s: &str| CString::new(s).unwrap();
    let (source, kind, options) = (text(source), text(kind), text(options));
    let target = text(target.to_str().unwrap());
    // SAFETY: four strings that end in zero and live for the call.
    let failed = unsafe {
        libc::mount(source.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, options.as_ptr().cast())
    };
    failed == 0
}

/// Runs `check` on a disk of one megabyte that only this thread and its children see.
fn on_a_small_disk(check: impl Fn(&Path) + Sync) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let place = tempfile::tempdir().unwrap();
            // SAFETY: changes which mounts this thread sees, and nothing of ours.
            let alone = unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0
                && mount("none", Path::new("/"), "", libc::MS_REC | libc::MS_PRIVATE, "")
                && mount("none", place.path(), "tmpfs", 0, "size=1m,mode=700");
            if !alone {
                println!("SKIPPED: no mount namespace ({})", std::io::Error::last_os_error());
                return;
            }
            check(place.path());
        });
    });
}

#[test]
fn a_full_disk_says_so_leaves_nothing_and_goes_on_when_there_is_space() {
    for mode in MODES {
        on_a_small_disk(|disk| {
            let place = disk.join(format!("{mode:?}"));
            let mut store = open(&place, mode);
            assert_eq!(prepare(&mut store, 1), LogDone::Prepared(SegmentNo(1)));
            let ballast = disk.join("ballast");
            std::fs::write(&ballast, vec![1; 700 << 10]).unwrap();
            for _ in 0..3 {
                let LogDone::PrepareFailed(segment, why) = prepare(&mut store, 2) else {
                    panic!("256 KiB do not fit")
                };
                assert_eq!((segment, why.kind), (SegmentNo(2), StoreFaultKind::Full));
                assert!(why.facts.contains("wal-0000000000000002.seg.tmp"), "{why}");
                assert!(why.facts.contains("free space"), "{why}");
                let left = std::fs::read_dir(&place).unwrap();
                let names: Vec<_> = left.map(|e| e.unwrap().file_name()).collect();
                assert!(!names.iter().any(|n| n.to_string_lossy().contains("00002")), "{names:?}");
            }
            // Meanwhile the segment that is there can be written.
            store.submit(write(0, 16));
            assert_eq!(wait(&mut store), LogDone::Written(write(0, 16)));
            std::fs::remove_file(&ballast).unwrap();
            assert_eq!(prepare(&mut store, 2), LogDone::Prepared(SegmentNo(2)));
        });
    }
}

#[test]
fn a_write_that_finds_no_space_fails_with_the_facts() {
    for mode in MODES {
        on_a_small_disk(|disk| {
            let place = disk.join(format!("{mode:?}"));
            let mut store = open(&place, mode);
            assert_eq!(prepare(&mut store, 1), LogDone::Prepared(SegmentNo(1)));
            // Somebody made the segment sparse, and filled the disk.
            let path = place.join("wal-0000000000000001.seg");
            let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            let punch = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
            // SAFETY: the descriptor is open; no memory is named.
            let failed =
                unsafe { libc::fallocate(file.as_raw_fd(), punch, 0, SEGMENT_BYTES as i64) };
            assert_eq!(failed, 0);
            let ballast = disk.join("ballast");
            let _full = std::fs::write(&ballast, vec![1; 2 << 20]).unwrap_err();
            store.submit(write(8, 4));
            let LogDone::WriteFailed(what, why) = wait(&mut store) else { panic!("no space") };
            assert_eq!((what, why.kind), (write(8, 4), StoreFaultKind::Full), "{why}");
            for fact in ["16384 bytes at 32768", path.to_str().unwrap(), "No space left"] {
                assert!(why.facts.contains(fact), "{mode:?}: {why}");
            }
        });
    }
}

#[test]
fn a_start_needs_no_room() {
    for mode in MODES {
        on_a_small_disk(|disk| {
            let place = disk.join(format!("{mode:?}"));
            let mut store = open(&place, mode);
            assert_eq!(prepare(&mut store, 1), LogDone::Prepared(SegmentNo(1)));
            assert_eq!(prepare(&mut store, 2), LogDone::Prepared(SegmentNo(2)));
            drop(store);
            let mut ballast = std::fs::File::create(disk.join("ballast")).unwrap();
            for size in [64 << 10, PAGE, 1] {
                while std::io::Write::write(&mut ballast, &vec![1; size]).is_ok() {}
            }
            for start in 2..5 {
                let mut directory = LogDirectory::open(&place).unwrap();
                assert_eq!(directory.next_incarnation().unwrap(), start);
                let options = StoreOptions::new(1, 16 * PAGE, SEGMENT_BYTES);
                let mut store = directory.store(&StoreOptions { mode, ..options }).unwrap();
                assert_eq!(store.mode(), mode, "{:?}", store.notes());
                let notes = store.notes().join("; ");
                // A ring lets go of the page that it was tried out with when it pleases.
                let tried = notes.contains("could not be tried out: the disk is full");
                assert!(tried || mode != DurableMode::Thread, "{start}: {notes}");
                assert_eq!(prepare(&mut store, 2), LogDone::Prepared(SegmentNo(2)));
                store.submit(write(0, 16));
                assert_eq!(wait(&mut store), LogDone::Written(write(0, 16)));
                let LogDone::PrepareFailed(_, why) = prepare(&mut store, 3) else {
                    panic!("there is no room")
                };
                assert_eq!(why.kind, StoreFaultKind::Full, "{why}");
            }
        });
    }
}

#[test]
fn a_read_only_disk_is_named() {
    on_a_small_disk(|disk| {
        let place = disk.join("log");
        drop(open(&place, DurableMode::Thread));
        assert!(mount("none", disk, "", libc::MS_REMOUNT | libc::MS_RDONLY, ""));
        let refused = LogDirectory::open(&place).unwrap_err();
        assert_eq!(refused.kind, StoreFaultKind::Denied);
        assert!(refused.facts.contains("Read-only file system"), "{refused}");
        // Reading, as a tool does, goes on.
        let found = gavel_io::storage::SegmentReader::new(&place).segments().unwrap();
        assert_eq!(found, []);
    });
}

#[test]
fn a_foreign_directory_is_refused_by_its_owner() {
    let place = tempfile::tempdir().unwrap();
    if std::os::unix::fs::chown(place.path(), Some(12_345), None).is_err() {
        println!("SKIPPED: not root");
        return;
    }
    let refused = LogDirectory::open(place.path()).unwrap_err();
    assert_eq!(refused.kind, StoreFaultKind::Denied);
    assert!(refused.facts.contains("belongs to user 12345"), "{refused}");
    assert!(refused.facts.contains("chown"), "{refused}");
}

/// Runs in the child: a limit on file sizes cuts a write short, and refuses the next.
#[test]
fn limited() {
    let Ok(way) = std::env::var(WAY) else { return };
    let mode = MODES.into_iter().find(|mode| format!("{mode:?}") == way).unwrap();
    let place = tempfile::tempdir().unwrap();
    let mut store = open(place.path(), mode);
    assert_eq!(prepare(&mut store, 1), LogDone::Prepared(SegmentNo(1)));
    // SAFETY: the signal is only to be ignored; no handler runs.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let limit = libc::rlimit { rlim_cur: 8 * PAGE as u64, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the kernel reads one rlimit, which is ours.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
    store.submit(write(4, 4));
    assert_eq!(wait(&mut store), LogDone::Written(write(4, 4)), "below the limit all is well");
    store.submit(write(6, 4));
    let LogDone::WriteFailed(what, why) = wait(&mut store) else { panic!("a short write") };
    assert_eq!((what, why.kind), (write(6, 4), StoreFaultKind::Io));
    assert!(why.facts.contains("bytes were written durably"), "{why}");
    store.submit(write(8, 4));
    let LogDone::WriteFailed(_, why) = wait(&mut store) else { panic!("past the limit") };
    assert!(why.facts.contains("File too large"), "{why}");
    println!("limited as expected");
}

#[test]
fn a_short_write_is_a_failed_one_in_every_way() {
    if std::env::var_os(WAY).is_some() {
        return;
    }
    for mode in MODES {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "limited", "--nocapture"]).env(WAY, format!("{mode:?}"));
        let out = child.output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success() && said.contains("limited as expected"), "{mode:?} {out:?}");
    }
}
