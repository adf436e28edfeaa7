//! Files beside the log, on a real disk.

use gavel_contract::{FileName, FileStore, StoreFaultKind, suite};
use gavel_io::faults::{Failpoints, Failure};
use gavel_io::files::{DataFiles, text};
use gavel_types::Index;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use tempfile::TempDir;

#[test]
fn the_port_is_as_it_should_be() {
    let mut directories = Vec::new();
    suite::file_store(|| {
        let directory = TempDir::new().unwrap();
        // What the log has there is none of our business.
        std::fs::write(directory.path().join("meta"), "log").unwrap();
        let files = DataFiles::new(directory.path(), 0);
        directories.push(directory);
        files
    });
}

#[test]
fn files_are_their_owners_alone_and_another_process_finds_them() {
    let directory = TempDir::new().unwrap();
    let mut files = DataFiles::new(directory.path(), 0);
    let name = FileName::Snapshot(Index(10));
    let half = FileName::SnapshotHalf(Index(10));
    files.create(half).unwrap();
    // More than a few pieces, so that the disk is set to work on the way.
    let piece: Vec<u8> = (0..1 << 20).map(|i| (i / 7) as u8).collect();
    for _ in 0..20 {
        files.append(half, &piece).unwrap();
    }
    files.sync(half).unwrap();
    files.rename(half, name).unwrap();
    files.sync_directory().unwrap();
    let path = directory.path().join(text(name));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut another = DataFiles::new(directory.path(), 0);
    assert_eq!(another.list().unwrap()[0].bytes, 20 << 20);
    let mut read = vec![0; 1 << 20];
    for at in 0..20 {
        assert_eq!(another.read(name, at << 20, &mut read), Ok(1 << 20));
        assert!(read == piece, "piece {at} is as it was written");
    }
}

#[test]
fn a_bound_on_speed_holds() {
    let directory = TempDir::new().unwrap();
    let mut files = DataFiles::new(directory.path(), 1 << 20);
    files.create(FileName::Reports(1)).unwrap();
    let since = Instant::now();
    for _ in 0..5 {
        files.append(FileName::Reports(1), &[0; 32 << 10]).unwrap();
    }
    // Four pieces of 1/32 s each lie before the last one.
    assert!(since.elapsed() >= Duration::from_millis(124), "{:?}", since.elapsed());
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let directory = TempDir::new().unwrap();
    let gone = directory.path().join("gone");
    let mut files = DataFiles::new(&gone, 0);
    let faults = [
        files.list().unwrap_err(),
        files.create(FileName::Reports(1)).unwrap_err(),
        files.sync_directory().unwrap_err(),
    ];
    for fault in faults {
        assert_eq!(fault.kind, StoreFaultKind::Missing);
        assert!(fault.facts.contains(gone.to_str().unwrap()), "{fault}");
    }
}

/// What a snapshot's writer does.
fn write_one(files: &mut DataFiles) -> Result<(), gavel_contract::StoreFault> {
    let (half, whole) = (FileName::SnapshotHalf(Index(3)), FileName::Snapshot(Index(3)));
    files.create(half)?;
    for _ in 0..6 {
        files.append(half, &[7; 1 << 20])?;
    }
    files.sync(half)?;
    files.rename(half, whole)?;
    files.sync_directory()
}

/// Whichever operation fails: the fault says which file and why, nothing half-written has the name
/// of a whole one, and the next attempt succeeds.
#[test]
fn whichever_operation_fails_a_name_stands_for_all_of_a_file() {
    for (errno, kind) in [(libc::EIO, StoreFaultKind::Io), (libc::ENOSPC, StoreFaultKind::Full)] {
        for takes_effect in [false, true] {
            let mut failed = 0;
            loop {
                let directory = TempDir::new().unwrap();
                let mut files = DataFiles::new(directory.path(), 0);
                let failure = Failure { at: failed, errno, for_ever: false, takes_effect };
                let points = Failpoints::watch(directory.path(), Some(failure));
                let outcome = write_one(&mut files);
                if points.failed().is_none() {
                    outcome.unwrap();
                    break;
                }
                failed += 1;
                match outcome {
                    // What was to be removed was not there, or its removal was not needed.
                    Ok(()) => {}
                    Err(fault) => {
                        assert_eq!(fault.kind, kind, "{fault}");
                        let place = directory.path().to_str().unwrap();
                        assert!(fault.facts.contains(place), "{fault}");
                    }
                }
                for info in files.list().unwrap() {
                    let whole = info.name == FileName::Snapshot(Index(3));
                    assert!(
                        !whole || info.bytes == 6 << 20,
                        "{info:?} after {:?}",
                        points.failed()
                    );
                }
                write_one(&mut files).unwrap();
                assert_eq!(files.list().unwrap().len(), 1);
            }
            assert!(failed >= 10, "{failed}");
        }
    }
}
