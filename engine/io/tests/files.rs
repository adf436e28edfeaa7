//! Files beside the log, on a real disk.

use gavel_contract::{FileName, FileStore, StoreFaultKind, suite};
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
