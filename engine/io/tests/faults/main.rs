//! A journal over real files, of which every operation fails once: at start, while it writes, when
//! it goes over to the next segment, when segments are used again, when the log is read back. After
//! each the next start finds all that was reported durable, and nothing that was never written.

#![allow(clippy::unwrap_used)]

mod life;

use gavel_contract::{LogDone, LogStore, SegmentNo, StoreFaultKind};
use gavel_io::faults::{Failed, Failpoints, Failure, Step};
use gavel_io::storage::{DurableMode, LogDirectory, StoreOptions};
use life::{End, World};
use std::collections::BTreeMap;

/// Records of a life without faults: about ten segments of them.
const RECORDS: u64 = 320;

/// What came of having one operation after the other fail.
#[derive(Default)]
struct Tally {
    runs: u64,
    /// Lives that went on to their end all the same.
    unharmed: u64,
    /// By step: how often it was the one that failed.
    steps: BTreeMap<Step, u64>,
    texts: Vec<String>,
}

/// Has each operation of a life fail, `stride` apart, until a life needs fewer than that.
fn every_operation_fails(mode: DurableMode, failure: Failure, stride: u64) -> Tally {
    let mut tally = Tally::default();
    for at in (0..).step_by(stride as usize) {
        let mut world = World::new(mode);
        // A log with something in it, so that the start that fails has something to read.
        if at % 2 == 1 {
            assert_eq!(world.live(None, RECORDS / 2), End::Done);
        }
        let end = world.live(Some(Failure { at, ..failure }), RECORDS);
        let Some(Failed { step, path }) = world.failed.take() else {
            assert_eq!(end, End::Done, "nothing failed");
            return tally;
        };
        tally.runs += 1;
        *tally.steps.entry(step).or_default() += 1;
        match end {
            End::Done => tally.unharmed += 1,
            End::Refused(text) | End::Failed(text) => {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                assert!(text.contains(&*name) || failure.for_ever, "{step:?} {name}: {text}");
                tally.texts.push(text);
            }
        }
        assert_eq!(world.live(None, RECORDS), End::Done, "{step:?} of {}", path.display());
        world.read_back();
    }
    unreachable!("a life has an end");
}

/// What a failure of any operation leads to, whatever it was.
fn storm(mode: DurableMode, errno: i32, strides: [u64; 4]) -> Tally {
    let mut all = Tally::default();
    let kinds = [(false, false), (false, true), (true, false), (true, true)];
    for ((for_ever, takes_effect), stride) in kinds.into_iter().zip(strides) {
        let failure = Failure { at: 0, errno, for_ever, takes_effect };
        let tally = every_operation_fails(mode, failure, stride);
        all.runs += tally.runs;
        all.unharmed += tally.unharmed;
        tally.steps.into_iter().for_each(|(step, n)| *all.steps.entry(step).or_default() += n);
        all.texts.extend(tally.texts);
    }
    println!("{mode:?}, errno {errno}: {} runs, {} unharmed", all.runs, all.unharmed);
    println!("  {:?}", all.steps);
    all
}

fn every_step_was_met(tally: &Tally) {
    for step in [
        Step::MakeDirectory,
        Step::List,
        Step::Look,
        Step::Open,
        Step::Create,
        Step::Lock,
        Step::Reserve,
        Step::Read,
        Step::Write,
        Step::Land,
        Step::Resize,
        Step::Sync,
        Step::Rename,
        Step::SyncDirectory,
        Step::Remove,
    ] {
        assert!(tally.steps.contains_key(&step), "{step:?} never failed");
    }
}

#[test]
fn nothing_is_lost_whichever_operation_the_device_fails() {
    let tally = storm(DurableMode::Thread, libc::EIO, [1, 2, 2, 2]);
    every_step_was_met(&tally);
    let text = "Input/output error";
    assert!(tally.texts.iter().all(|said| said.contains(text)), "{:#?}", tally.texts);
}

#[test]
fn nothing_is_lost_whichever_operation_finds_no_room() {
    let tally = storm(DurableMode::Thread, libc::ENOSPC, [1, 2, 2, 2]);
    let says = |text: &String| text.contains("No space left on device") || text == life::NO_ROOM;
    assert!(tally.texts.iter().all(says), "{:#?}", tally.texts);
    assert!(tally.unharmed > tally.runs / 10, "a disk without room for a moment is waited for");
}

#[test]
fn nothing_is_lost_when_io_uring_writes() {
    storm(DurableMode::UringFdatasync, libc::EIO, [5, 11, 7, 11]);
}

/// Prepares a segment while a failure waits; returns the answer and the steps taken.
fn prepared(failure: Option<Failure>) -> (LogDone, Vec<Failed>) {
    let place = tempfile::tempdir().unwrap();
    let mut directory = LogDirectory::open(place.path()).unwrap();
    directory.next_incarnation().unwrap();
    let mut store = directory.store(&StoreOptions::new(1, 4_096, 8_192)).unwrap();
    let points = Failpoints::watch(place.path(), failure);
    store.prepare(SegmentNo(1), SegmentNo(0));
    loop {
        if let Some(done) = store.poll() {
            return (done, points.steps());
        }
        std::thread::yield_now();
    }
}

#[test]
fn room_is_waited_for_but_a_failed_sync_of_names_is_final_whatever_the_reason() {
    let (done, steps) = prepared(None);
    assert_eq!(done, LogDone::Prepared(SegmentNo(1)));
    let mut met = 0;
    for (at, Failed { step, .. }) in steps.iter().enumerate() {
        let (at, errno) = (at as u64, libc::ENOSPC);
        let (for_ever, takes_effect) = (false, false);
        let (done, _) = prepared(Some(Failure { at, errno, for_ever, takes_effect }));
        let LogDone::PrepareFailed(_, why) = done else { continue };
        let is_final = *step == Step::SyncDirectory;
        assert_eq!(why.kind == StoreFaultKind::Io, is_final, "{step:?}: {why}");
        assert!(why.facts.contains("No space left on device"), "{why}");
        met += 1;
    }
    assert!(met >= 7, "create, reserve, write, sync, rename, sync, open: {steps:?}");
}
