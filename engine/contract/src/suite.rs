//! What every implementation of a port must do: one suite, for the real and the simulated.
//!
//! Inputs -> outputs: a way to make an empty store -> a panic that names the rule that was broken.
//! Not here: crashes and faults, which are different for each (a real disk cannot be told to fail,
//! a simulated one can).

use crate::{FileInfo, FileName, FileStore, StoreFaultKind};
use alloc::vec;
use alloc::vec::Vec;
use gavel_types::Index;

const A: FileName = FileName::Reports(1);
const B: FileName = FileName::Reports(2);
const HALF: FileName = FileName::SnapshotHalf(Index(7));
const WHOLE: FileName = FileName::Snapshot(Index(7));

/// Runs the rules of [`FileStore`], each on an empty store of its own.
///
/// # Panics
/// If one is broken.
pub fn file_store<F: FileStore>(mut empty: impl FnMut() -> F) {
    let rules: [fn(&mut F); 7] = [
        appended_bytes_are_read_back_where_they_lie,
        every_file_is_listed_by_name,
        a_file_made_again_is_empty,
        a_renamed_file_replaces_one_of_that_name,
        what_is_not_there_is_missing,
        a_file_goes_on_growing_after_a_sync,
        many_files_are_written_and_read_in_turn,
    ];
    for rule in rules {
        rule(&mut empty());
    }
}

fn put<F: FileStore>(store: &mut F, name: FileName, bytes: &[u8]) {
    store.create(name).expect("a file can be made");
    store.append(name, bytes).expect("a file takes bytes");
}

fn content<F: FileStore>(store: &mut F, name: FileName) -> Vec<u8> {
    let mut bytes = vec![0; 1 << 16];
    let there = store.read(name, 0, &mut bytes).expect("a file can be read");
    bytes.truncate(there);
    bytes
}

fn listed<F: FileStore>(store: &mut F) -> Vec<FileInfo> {
    store.list().expect("files can be listed")
}

fn appended_bytes_are_read_back_where_they_lie<F: FileStore>(store: &mut F) {
    put(store, A, b"0123");
    store.append(A, b"456789").expect("a file takes bytes");
    assert_eq!(content(store, A), b"0123456789");
    let mut into = [0; 4];
    assert_eq!(store.read(A, 3, &mut into), Ok(4));
    assert_eq!(&into, b"3456", "bytes lie where they were put");
    assert_eq!(store.read(A, 8, &mut into), Ok(2), "there are no bytes behind the end");
    assert_eq!(&into[..2], b"89");
    assert_eq!(store.read(A, 10, &mut into), Ok(0));
    assert_eq!(store.read(A, 1_000, &mut into), Ok(0));
    assert_eq!(store.read(A, 0, &mut []), Ok(0));
}

fn every_file_is_listed_by_name<F: FileStore>(store: &mut F) {
    assert_eq!(listed(store), []);
    put(store, B, b"22");
    put(store, WHOLE, b"777");
    put(store, HALF, b"");
    put(store, A, b"1");
    let mut names = listed(store);
    names.sort_by_key(|info| info.name);
    let info = |name, bytes| FileInfo { name, bytes };
    assert_eq!(names, [info(WHOLE, 3), info(HALF, 0), info(A, 1), info(B, 2)]);
    assert_eq!(listed(store), names, "files are listed in order");
    store.remove(B).expect("a file can be removed");
    assert_eq!(listed(store).len(), 3);
}

fn a_file_made_again_is_empty<F: FileStore>(store: &mut F) {
    put(store, A, b"old and long");
    assert_eq!(content(store, A), b"old and long");
    put(store, A, b"new");
    assert_eq!(content(store, A), b"new", "a file made again has nothing of the old one");
    store.sync(A).expect("a file can be synced");
    assert_eq!(listed(store), [FileInfo { name: A, bytes: 3 }]);
}

fn a_renamed_file_replaces_one_of_that_name<F: FileStore>(store: &mut F) {
    put(store, WHOLE, b"the old one");
    assert_eq!(content(store, WHOLE), b"the old one");
    put(store, HALF, b"the new one, which is longer");
    store.sync(HALF).expect("a file can be synced");
    store.rename(HALF, WHOLE).expect("a file can be renamed");
    store.sync_directory().expect("names can be synced");
    assert_eq!(content(store, WHOLE), b"the new one, which is longer");
    assert_eq!(listed(store).len(), 1, "the old name is gone");
    // The old name can be used again, and has nothing to do with the file that had it.
    put(store, HALF, b"another");
    assert_eq!(content(store, HALF), b"another");
    assert_eq!(content(store, WHOLE), b"the new one, which is longer");
}

fn what_is_not_there_is_missing<F: FileStore>(store: &mut F) {
    let missing = |fault: crate::StoreFault| {
        assert_eq!(fault.kind, StoreFaultKind::Missing, "what is not there is said to be missing");
        assert!(!fault.facts.is_empty(), "a fault names its facts");
    };
    missing(store.read(A, 0, &mut [0]).expect_err("there is no file"));
    missing(store.append(A, b"1").expect_err("there is no file"));
    missing(store.sync(A).expect_err("there is no file"));
    missing(store.remove(A).expect_err("there is no file"));
    missing(store.rename(A, B).expect_err("there is no file"));
    put(store, A, b"1");
    store.remove(A).expect("a file can be removed");
    missing(store.read(A, 0, &mut [0]).expect_err("the file is gone"));
    assert_eq!(listed(store), []);
}

fn a_file_goes_on_growing_after_a_sync<F: FileStore>(store: &mut F) {
    put(store, A, b"one");
    for _ in 0..3 {
        store.sync(A).expect("a file can be synced");
        store.append(A, b"+").expect("a file takes bytes");
        store.sync_directory().expect("names can be synced");
    }
    assert_eq!(content(store, A), b"one+++");
}

fn many_files_are_written_and_read_in_turn<F: FileStore>(store: &mut F) {
    const FILES: u64 = 40;
    for number in 1..=FILES {
        store.create(FileName::Reports(number)).expect("a file can be made");
    }
    for round in 0..3 {
        for number in 1..=FILES {
            let name = FileName::Reports(number);
            store.append(name, &[number as u8, round]).expect("a file takes bytes");
            assert_eq!(content(store, name).len(), 2 * (usize::from(round) + 1));
        }
    }
    for number in 1..=FILES {
        let name = FileName::Reports(number);
        store.sync(name).expect("a file can be synced");
        let n = number as u8;
        assert_eq!(content(store, name), [n, 0, n, 1, n, 2], "each file has its own bytes");
    }
}
