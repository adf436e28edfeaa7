//! Examples of group commit, of full disks and of faults.

use super::{Journal, JournalCounts, JournalLinks, JournalStart};
use crate::memory::{MemoryDisk, Pace};
use crate::tests::{MS, Rig, plan, record, records_of, scan_all};
use gavel_contract::{Agent, JournalPlan, SegmentNo, StoreFaultKind};
use gavel_link::{Position, ring, watermark};
use gavel_types::{Index, Nanos, Stamp, Term};

/// A rig whose first two segments are there.
fn ready() -> Rig {
    let mut rig = Rig::fresh(&plan());
    rig.settle();
    assert_eq!(rig.disk.bytes(SegmentNo(2)).len(), 64 * 1_024);
    rig
}

fn read_back(rig: &Rig) -> usize {
    scan_all(&rig.disk, plan().segment_bytes).unwrap().1.len()
}

#[test]
fn it_is_called_journal() {
    assert_eq!(Rig::fresh(&plan()).journal.name(), "journal");
}

#[test]
fn nothing_is_taken_before_a_segment_is_there() {
    let mut rig = Rig::fresh(&plan());
    rig.push(&records_of(1, 3));
    rig.cycle(0);
    assert_eq!((rig.disk.pending(), rig.journal.counts().records), (1, 0));
    assert!(!rig.journal.is_stopped(), "waiting is not being full");
    rig.settle();
    assert_eq!(rig.durable_index(), 3);
}

#[test]
fn what_waits_becomes_one_block_and_the_next_gathers_meanwhile() {
    let mut rig = ready();
    rig.push(&records_of(1, 1));
    rig.cycle(0);
    rig.push(&records_of(2, 5));
    rig.cycle(0);
    rig.push(&records_of(7, 1));
    rig.cycle(0);
    assert_eq!(rig.journal.counts().blocks, 3);
    // Three are in flight, all that the plan allows: what comes now waits, and is one block.
    for first in [8, 18, 28] {
        rig.push(&records_of(first, 10));
        assert_eq!(rig.cycle(0), 0);
    }
    rig.disk.complete_next();
    rig.cycle(0);
    assert_eq!(rig.journal.counts().records, 37);
    assert_eq!(rig.journal.counts().blocks, 4);
    rig.settle();
    assert_eq!((rig.durable_index(), read_back(&rig)), (37, 37));
}

#[test]
fn durable_rises_over_the_contiguous_prefix_only() {
    let mut rig = ready();
    for i in 1..=3 {
        rig.push(&records_of(i, 1));
        rig.cycle(0);
    }
    // The newest write completes first.
    let mut last = crate::memory::Random::new(1);
    while rig.disk.pending() == 3 {
        let before = rig.durable_index();
        rig.disk.complete_any(&mut last);
        rig.cycle(0);
        assert!(rig.durable_index() >= before);
    }
    let mut rig = ready();
    for i in 1..=3 {
        rig.push(&records_of(i, 1));
        rig.cycle(0);
    }
    for (which, durable) in [(2, 0), (1, 0), (0, 3)] {
        complete(&rig, which);
        rig.cycle(0);
        assert_eq!(rig.durable_index(), durable);
    }
}

/// Completes the pending operation of this number.
fn complete(rig: &Rig, which: usize) {
    let pending = rig.disk.pending();
    let mut seed = 0;
    let mut random = loop {
        let random = crate::memory::Random::new(seed);
        if random.clone().below(pending) == which {
            break random;
        }
        seed += 1;
    };
    assert!(rig.disk.complete_any(&mut random));
}

#[test]
fn a_block_is_no_larger_than_planned() {
    let mut rig = ready();
    rig.push(&records_of(1, 500));
    let taken = rig.cycle(0);
    assert!(taken > 50 && taken < 500, "{taken}");
    assert_eq!(rig.journal.counts().bytes, 8 * 1_024);
    rig.settle();
    assert_eq!(read_back(&rig), 500);
}

#[test]
fn a_term_change_begins_a_new_block() {
    let mut rig = ready();
    let mut records = records_of(1, 6);
    records[3..].iter_mut().for_each(|r| r.stamp.term = Term(2));
    rig.push(&records);
    assert_eq!((rig.cycle(0), rig.cycle(0)), (3, 3));
    rig.settle();
    assert_eq!(scan_all(&rig.disk, plan().segment_bytes).unwrap().1, records);
}

#[test]
fn a_time_too_far_from_the_block_s_first_begins_a_new_block() {
    let mut rig = ready();
    let mut records = records_of(1, 2);
    records[1].stamp.time.0 += 1 << 33;
    rig.push(&records);
    assert_eq!((rig.cycle(0), rig.cycle(0)), (1, 1));
    rig.settle();
    assert_eq!(scan_all(&rig.disk, plan().segment_bytes).unwrap().1, records);
}

#[test]
fn a_segment_is_filled_to_its_last_byte_and_the_next_is_there_already() {
    let mut rig = ready();
    let mut next = 1;
    while rig.journal.counts().bytes < 60 * 1_024 {
        rig.push(&records_of(next, 1));
        next += 1;
        rig.settle();
    }
    // One unit is left, though a block could be two.
    rig.push(&records_of(next, 70));
    let small = rig.cycle(0);
    assert!(small > 30 && small < 65, "{small}");
    assert_eq!(rig.journal.counts().bytes, 64 * 1_024);
    assert!(rig.cycle(0) > 0, "the rest goes to the next segment at once");
    rig.settle();
    assert_eq!(rig.disk.bytes(SegmentNo(3)).len(), 64 * 1_024, "one is kept ready");
    assert_eq!(read_back(&rig), next as usize + 69);
}

#[test]
fn an_idle_log_is_sealed_once() {
    let mut rig = ready();
    rig.push(&records_of(1, 4));
    rig.settle();
    rig.cycle(4 * MS);
    assert_eq!(rig.journal.counts().seals, 0, "not yet idle for long enough");
    rig.cycle(MS);
    assert_eq!(rig.journal.counts().seals, 1);
    for _ in 0..5 {
        rig.settle();
        rig.cycle(60 * MS);
    }
    assert_eq!(rig.journal.counts().seals, 1, "once");
    let (found, _) = scan_all(&rig.disk, plan().segment_bytes).unwrap();
    assert_eq!((found.marked.index, found.seals), (Index(4), 1));
    rig.push(&records_of(5, 1));
    rig.settle();
    rig.cycle(5 * MS);
    assert_eq!(rig.journal.counts().seals, 2, "again after the next record");
}

#[test]
fn an_empty_log_is_not_sealed() {
    let mut rig = ready();
    rig.cycle(1_000 * MS);
    rig.cycle(1_000 * MS);
    assert_eq!(rig.journal.counts(), JournalCounts::default());
}

#[test]
fn a_log_is_not_sealed_while_a_write_is_in_flight() {
    let mut rig = ready();
    rig.push(&records_of(1, 1));
    rig.cycle(0);
    rig.disk.set_stalled(true);
    rig.cycle(100 * MS);
    rig.settle();
    assert_eq!((rig.journal.counts().seals, rig.durable_index()), (0, 0));
    rig.disk.set_stalled(false);
    rig.settle();
    assert_eq!(rig.durable_index(), 1);
}

#[test]
fn what_was_recovered_without_a_mark_is_sealed() {
    let mut rig = ready();
    rig.push(&records_of(1, 4));
    rig.settle();
    let disk = rig.disk.crash(1);
    let (found, _) = scan_all(&disk, plan().segment_bytes).unwrap();
    assert_eq!(found.marked.index, Index(0));
    let mut rig = Rig::new(&plan(), &disk, found.start(2).unwrap());
    assert_eq!(rig.durable_index(), 4);
    rig.settle();
    rig.cycle(5 * MS);
    rig.settle();
    let (found, _) = scan_all(&disk, plan().segment_bytes).unwrap();
    assert_eq!((found.marked.index, found.incarnation_max), (Index(4), 2));
}

/// Fills the log until intake stops; returns the next index.
fn fill(rig: &mut Rig) -> u64 {
    let mut next = 1;
    while !rig.journal.is_stopped() {
        rig.push(&records_of(next, 1));
        next += 1;
        rig.settle();
        assert!(next < 1_000, "a full disk stops intake");
    }
    next
}

#[test]
fn a_full_disk_stops_intake_when_the_last_segment_is_full_and_not_before() {
    let mut rig = ready();
    rig.disk.set_full(u32::MAX);
    let next = fill(&mut rig);
    // Both segments were used to the end.
    assert_eq!(rig.journal.counts().bytes, 2 * 64 * 1_024);
    assert_eq!(rig.durable_index(), next - 1, "what was taken is durable");
    assert_eq!((rig.intake.read().index, rig.journal.counts().stops), (Index(1), 1));
    assert_eq!(rig.journal.fault(), None);
    rig.push(&records_of(next, 10));
    rig.cycle(0);
    rig.cycle(19 * MS);
    assert_eq!(rig.disk.pending(), 0, "not asked again before full_retry_ms");
    for _ in 0..10 {
        rig.cycle(20 * MS);
        assert_eq!(rig.disk.pending(), 1, "asked again");
        assert_eq!(rig.intake.read().index, Index(1), "and still stopped");
        rig.settle();
    }
    assert_eq!(rig.durable_index(), next - 1);
    rig.disk.set_full(0);
    rig.cycle(20 * MS);
    rig.settle();
    assert_eq!(rig.intake.read().index, Index(2), "open");
    assert_eq!(rig.durable_index(), next + 9);
    assert_eq!(read_back(&rig), next as usize + 9);
}

#[test]
fn a_disk_that_is_full_at_the_first_segment_stops_intake() {
    let mut rig = Rig::fresh(&plan());
    rig.disk.set_full(2);
    rig.settle();
    assert!(rig.journal.is_stopped());
    rig.cycle(20 * MS);
    rig.settle();
    assert!(rig.journal.is_stopped(), "one more refusal");
    rig.cycle(20 * MS);
    rig.settle();
    assert!(!rig.journal.is_stopped());
}

#[test]
fn a_disk_that_is_full_for_a_while_is_not_noticed_while_there_is_room() {
    let mut rig = Rig::fresh(&plan());
    rig.cycle(0);
    rig.disk.complete_next();
    rig.disk.set_full(3);
    rig.push(&records_of(1, 5));
    for _ in 0..5 {
        rig.settle();
        rig.cycle(20 * MS);
    }
    rig.settle();
    assert_eq!((rig.durable_index(), rig.intake.read().index), (5, Index(0)));
    assert_eq!(rig.disk.bytes(SegmentNo(2)).len(), 64 * 1_024);
}

#[test]
fn a_failed_write_is_final() {
    let mut rig = ready();
    rig.push(&records_of(1, 2));
    rig.settle();
    rig.disk.fail_write_after(0);
    rig.push(&records_of(3, 2));
    rig.cycle(0);
    rig.push(&records_of(5, 2));
    rig.cycle(0);
    rig.settle();
    assert_eq!(rig.journal.fault().map(|f| f.kind), Some(StoreFaultKind::Io));
    let counts = rig.journal.counts();
    while rig.disk.complete_next() {}
    rig.push(&records_of(7, 2));
    assert_eq!(rig.cycle(MS), 0);
    assert_eq!(rig.cycle(100 * MS), 0);
    assert_eq!(
        (rig.durable_index(), rig.journal.counts()),
        (2, counts),
        "nothing is done after it"
    );
    assert!(read_back(&rig) >= 2, "the failed write may have landed, and need not");
}

#[test]
fn a_segment_that_cannot_be_made_for_another_reason_than_space_is_final() {
    for kind in [StoreFaultKind::Io, StoreFaultKind::Denied, StoreFaultKind::Missing] {
        let mut rig = Rig::fresh(&plan());
        rig.disk.fail_prepare(kind);
        rig.settle();
        assert_eq!(rig.journal.fault().map(|f| f.kind), Some(kind));
        assert!(!rig.journal.is_stopped(), "a fault is not a full disk");
    }
}

#[test]
fn a_generation_is_kept() {
    let start = JournalStart {
        durable: Position { generation: 3, index: Index(0) },
        ..JournalStart::empty(1)
    };
    let mut rig = Rig::new(&plan(), &MemoryDisk::new(plan().segment_bytes), start);
    rig.push(&records_of(1, 1));
    rig.settle();
    assert_eq!(rig.durable.read(), Position { generation: 3, index: Index(1) });
}

#[test]
fn commit_as_known_is_in_the_block() {
    let (mut commit, commit_reader) = watermark(Position::default());
    let (durable, _) = watermark(Position::default());
    let (intake, _) = watermark(Position::default());
    let (mut writer, records) = ring(16);
    let disk = MemoryDisk::new(plan().segment_bytes);
    disk.set_pace(Pace::AtOnce);
    let links = JournalLinks { records, commit: commit_reader, durable, intake, floor: no_floor() };
    let store = disk.store(2, 8 * 1_024);
    let mut journal = Journal::new(&plan(), store, JournalStart::empty(1), links);
    let now = gavel_contract::Now { mono: Nanos(0), utc: Nanos(0) };
    commit.raise(Position { generation: 0, index: Index(77) });
    records_of(1, 3).into_iter().for_each(|r| writer.push(r));
    while journal.duty_cycle(now) > 0 || journal.counts().records < 3 {}
    let (found, _) = scan_all(&disk, plan().segment_bytes).unwrap();
    assert_eq!(found.commit, Index(77));
}

#[test]
#[should_panic(expected = "indexes have no gap")]
fn a_gap_in_the_ring_is_a_bug() {
    let mut rig = ready();
    rig.push(&records_of(2, 1));
    rig.cycle(0);
}

#[test]
#[should_panic(expected = "a stamp's time never falls")]
fn a_time_that_falls_is_a_bug() {
    let mut rig = ready();
    let mut records = records_of(1, 2);
    records[1].stamp.time = Nanos(1);
    rig.push(&records);
    rig.cycle(0);
}

#[test]
#[should_panic(expected = "a body is zero after what is meant")]
fn a_body_with_bytes_behind_its_length_is_a_bug() {
    let mut rig = ready();
    let stamp = Stamp { index: Index(1), term: Term(1), time: Nanos(1) };
    let mut bad = record(stamp);
    bad.command.len = 3;
    bad.command.body = [7; 88];
    rig.push(&[bad]);
    rig.cycle(0);
}

#[test]
#[should_panic(expected = "a block fits in a write buffer")]
fn a_plan_that_does_not_fit_the_store_is_a_bug() {
    let disk = MemoryDisk::new(plan().segment_bytes);
    let large = JournalPlan { block_bytes_max: 64 * 1_024, ..plan() };
    let (_, records) = ring(16);
    let (durable, commit) = watermark(Position::default());
    let (intake, _) = watermark(Position::default());
    let links = JournalLinks { records, commit, durable, intake, floor: no_floor() };
    let _ = Journal::new(&large, disk.store(1, 4_096), JournalStart::empty(1), links);
}

/// Nothing is given up.
fn no_floor() -> gavel_link::Watermark {
    watermark(Position::default()).1
}
