//! The guarded allocator, in this process (counting) and in a child (aborting).

#![allow(clippy::unwrap_used)]

use gavel_io::hot_alloc::{self, HotGuard, HotMode};
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

#[global_allocator]
static GUARD: HotGuard = HotGuard;

/// Set in a child; says what its hot thread does.
const DEED: &str = "GAVEL_TEST_HOT_DEED";

#[test]
fn a_hot_thread_is_counted_and_others_are_not() {
    if std::env::var_os(DEED).is_some() {
        return;
    }
    // One thread: tests of one process share the count.
    let before = hot_alloc::counted();
    drop(black_box(vec![1u8; 100]));
    assert_eq!(hot_alloc::counted(), before, "a cold thread is not counted");
    hot_alloc::mark_hot();
    let mut held = black_box(Vec::<u8>::with_capacity(10));
    held.reserve_exact(1000);
    drop(held);
    let after = hot_alloc::counted();
    hot_alloc::mark_cold();
    assert_eq!(after - before, 3, "an allocation, a reallocation, a free");
    std::thread::spawn(|| drop(black_box(vec![1u8; 100]))).join().unwrap();
    assert_eq!(hot_alloc::counted(), after, "the mark is the thread's own");
}

/// Pieces from 4 MiB on are served from elsewhere: what grows into one, and out of one, is whole.
#[test]
fn what_grows_large_and_small_again_keeps_its_contents() {
    let mut numbers: Vec<u32> = Vec::new();
    for number in 0..3_000_000 {
        numbers.push(number);
    }
    assert!(numbers.iter().zip(0..).all(|(&number, at)| number == at));
    numbers.truncate(1_000);
    numbers.shrink_to_fit();
    assert!(numbers.iter().zip(0..).all(|(&number, at)| number == at));
    assert!(black_box(vec![0_u64; 1 << 20]).iter().all(|&zero| zero == 0));
}

/// Runs in the child; in the parent there is no deed.
#[test]
fn deed() {
    let Ok(deed) = std::env::var(DEED) else { return };
    let kept = Box::new(5u64);
    let mut grown = vec![0u8; 16];
    hot_alloc::set_mode(HotMode::Abort);
    hot_alloc::mark_hot();
    match deed.as_str() {
        "nothing" => {
            black_box(&kept);
        }
        "allocate" => drop(black_box(Box::new(6u64))),
        "zeroed" => drop(black_box(vec![0u8; 64])),
        "free" => drop(kept),
        "reallocate" => grown.resize(4096, 0),
        other => unreachable!("{other}"),
    }
    hot_alloc::mark_cold();
    black_box(&grown);
}

fn child(deed: &str) -> std::process::Output {
    let me = std::env::current_exe().unwrap();
    Command::new(me).args(["--exact", "deed", "--nocapture"]).env(DEED, deed).output().unwrap()
}

#[test]
fn in_abort_mode_every_deed_on_a_hot_thread_ends_the_process() {
    if std::env::var_os(DEED).is_some() {
        return;
    }
    assert!(child("nothing").status.success(), "doing nothing is fine");
    for (deed, word) in [
        ("allocate", "allocate"),
        ("zeroed", "allocate"),
        ("free", "free"),
        ("reallocate", "realloc"),
    ] {
        let out = child(deed);
        assert_eq!(out.status.signal(), Some(libc_sigabrt()), "{deed}: {:?}", out.status);
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(said.contains("gavel: a hot thread ") && said.contains(word), "{deed}: {said}");
    }
}

const fn libc_sigabrt() -> i32 {
    6
}
