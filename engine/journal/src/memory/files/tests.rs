//! The simulated files do what a file system may do, and no more.

use crate::memory::{MemoryDisk, MemoryFiles};
use gavel_contract::{FileName, FileStore, StoreFaultKind};
use gavel_types::Index;
use std::collections::BTreeSet;

const HALF: FileName = FileName::SnapshotHalf(Index(7));
const WHOLE: FileName = FileName::Snapshot(Index(7));

/// A disk with a half snapshot of so many bytes, nothing of it synced.
fn half(bytes: usize) -> (MemoryDisk, MemoryFiles) {
    let disk = MemoryDisk::new(4_096);
    let mut files = disk.files();
    files.create(HALF).unwrap();
    files.append(HALF, &vec![1; bytes]).unwrap();
    (disk, files)
}

fn published(bytes: usize) -> (MemoryDisk, MemoryFiles) {
    let (disk, mut files) = half(bytes);
    files.sync(HALF).unwrap();
    files.rename(HALF, WHOLE).unwrap();
    files.sync_directory().unwrap();
    (disk, files)
}

#[test]
fn what_was_synced_with_its_name_survives_every_crash() {
    let (disk, mut files) = published(1_300);
    assert_eq!(files.list().unwrap().len(), 1);
    let mut read = [0; 2_000];
    assert_eq!(files.read(WHOLE, 300, &mut read), Ok(1_000));
    assert_eq!(files.read(WHOLE, 1_300, &mut read), Ok(0));
    for after in (0..50).map(|seed| disk.crash(seed)).chain([disk.least()]) {
        assert_eq!(after.file_names(), [WHOLE]);
        assert_eq!(after.file_bytes(WHOLE).unwrap(), vec![1; 1_300]);
    }
}

#[test]
fn bytes_that_were_not_synced_are_kept_lost_cut_or_torn() {
    let (disk, mut files) = half(700);
    files.sync(HALF).unwrap();
    files.sync_directory().unwrap();
    files.append(HALF, &[2; 3_000]).unwrap();
    let (mut lengths, mut torn, mut whole) = (BTreeSet::new(), 0, 0);
    for seed in 0..200 {
        let after = disk.crash(seed).file_bytes(HALF).unwrap();
        assert_eq!(after[..700], [1; 700], "what was synced stands");
        assert_eq!(Some(after.clone()), disk.crash(seed).file_bytes(HALF));
        lengths.insert(after.len());
        torn += usize::from(after[700..].iter().any(|byte| *byte != 2));
        whole += usize::from(after.len() == 3_700 && after[700..] == [2; 3_000]);
    }
    assert!(lengths.contains(&700) && lengths.len() > 40, "{lengths:?}");
    assert!(torn > 20 && whole > 20, "{torn} {whole}");
    assert_eq!(disk.least().file_bytes(HALF).unwrap(), [1; 700]);
}

#[test]
fn each_change_of_a_name_is_kept_or_lost_by_itself() {
    let (disk, mut files) = half(10);
    files.sync(HALF).unwrap();
    files.sync_directory().unwrap();
    files.rename(HALF, WHOLE).unwrap();
    files.create(FileName::Reports(1)).unwrap();
    assert_eq!(files.list().unwrap().len(), 2);
    let seen: BTreeSet<_> = (0..200).map(|seed| disk.crash(seed).file_names()).collect();
    assert_eq!(seen.len(), 8, "either, both and neither, in any order: {seen:?}");
    assert_eq!(disk.least().file_names(), [HALF]);
    files.sync_directory().unwrap();
    assert!((0..50).all(|seed| disk.crash(seed).file_names() == disk.file_names()));
    files.remove(WHOLE).unwrap();
    assert!((0..50).any(|seed| disk.crash(seed).file_names().contains(&WHOLE)));
}

#[test]
fn a_sync_that_failed_is_not_made_good_by_the_next() {
    let (disk, mut files) = half(4_096);
    files.sync_directory().unwrap();
    disk.fail_file_call_after(0, StoreFaultKind::Io);
    assert_eq!(files.sync(HALF).unwrap_err().kind, StoreFaultKind::Io);
    files.append(HALF, &[3; 512]).unwrap();
    files.sync(HALF).unwrap();
    let lost = |seed: &u64| disk.crash(*seed).file_bytes(HALF).unwrap()[..4_096] != [1; 4_096];
    assert!((0..100).filter(lost).count() > 50);
    for seed in 0..50 {
        assert_eq!(disk.crash(seed).file_bytes(HALF).unwrap()[4_096..], [3; 512]);
    }
}

#[test]
fn faults_befall_the_call_that_they_are_meant_for() {
    let (disk, mut files) = published(8);
    let calls = disk.file_calls();
    disk.fail_file_call_after(2, StoreFaultKind::Io);
    assert!(files.create(HALF).is_ok() && files.append(HALF, &[1; 8]).is_ok());
    assert!(files.rename(HALF, WHOLE).is_err() && files.rename(HALF, WHOLE).is_ok());
    assert_eq!(disk.file_calls(), calls + 4);
    disk.set_files_full(true);
    assert_eq!(files.create(HALF).unwrap_err().kind, StoreFaultKind::Full);
    assert_eq!(files.append(WHOLE, &[2; 8]).unwrap_err().kind, StoreFaultKind::Full);
    assert_eq!(disk.file_bytes(WHOLE).unwrap().len(), 12, "half of it was written");
    assert!(files.sync(WHOLE).is_ok() && files.remove(WHOLE).is_ok());
    assert_eq!(files.read(WHOLE, 0, &mut [0]).unwrap_err().kind, StoreFaultKind::Missing);
}

#[test]
fn a_file_can_be_put_in_place_and_rot() {
    let (disk, mut files) = published(8);
    files.remove(WHOLE).unwrap();
    disk.put_file(WHOLE, vec![0; 4]);
    assert!(disk.flip_file_bit(WHOLE, 3, 1) && !disk.flip_file_bit(WHOLE, 4, 1));
    assert!((0..20).all(|seed| disk.crash(seed).file_bytes(WHOLE).unwrap() == [0, 0, 0, 2]));
}
