//! Logs that turn, and logs that are damaged: what a member of a cluster finds at its next start.

use super::{MS, Placed, plan, record};
use crate::format::{DurableMark, LogEnd, Probe, UNIT_BYTES, probe};
use crate::memory::{MemoryDisk, MemoryStore, Pace, Random};
use crate::recovery::{Breach, Corruption, Damaged, Refusal, Step, scan, scan_member};
use crate::{Journal, JournalLinks, JournalStart, LogPoint, LogTurn, Recovered};
use gavel_contract::{Agent, Now, SegmentNo};
use gavel_link::{Position, Watermark, Writer, ring, watermark};
use gavel_types::{Index, LogRecord, Nanos, Stamp, Term};

/// A member's journal, and the log as its owner sees it.
struct Member {
    journal: Journal<MemoryStore>,
    disk: MemoryDisk,
    ring: Writer<LogRecord>,
    turns: Writer<LogTurn>,
    durable: Watermark,
    pushed: u64,
    generation: u16,
    log: Vec<LogRecord>,
    /// The last index before `log`.
    base: u64,
    mono: Nanos,
}

fn stamp(index: u64, term: u64) -> Stamp {
    Stamp { index: Index(index), term: Term(term), time: Nanos(0) }
}

impl Member {
    fn new(disk: &MemoryDisk, start: JournalStart, log: Vec<LogRecord>) -> Self {
        let (ring, records) = ring(4_096);
        let (turns, turns_reader) = gavel_link::ring(64);
        let (durable_writer, durable) = watermark(Position::default());
        let (intake, _) = watermark(Position::default());
        let (_, floor) = watermark(Position::default());
        let commit = durable.clone();
        let links = JournalLinks { records, commit, floor, durable: durable_writer, intake };
        let store = disk.store(plan().blocks_in_flight_max + 1, plan().block_bytes_max);
        let generation = start.durable.generation;
        let base = start.last.index.0 - log.len() as u64;
        let mut journal = Journal::new(&plan(), store, start, links);
        journal.follow_turns(turns_reader);
        let (disk, mono) = (disk.clone(), Nanos(0));
        Self { journal, disk, ring, turns, durable, pushed: 0, generation, log, base, mono }
    }

    fn fresh() -> Self {
        let disk = MemoryDisk::new(plan().segment_bytes);
        Self::new(&disk, JournalStart::empty(1), Vec::new())
    }

    fn last(&self) -> Stamp {
        self.log.last().map_or(stamp(self.base, 0), |record| record.stamp)
    }

    fn push(&mut self, records: u64, term: u64) {
        for _ in 0..records {
            let next = record(stamp(self.last().index.0 + 1, term));
            self.log.push(next);
            self.ring.push(next);
            self.pushed += 1;
        }
    }

    fn cut(&mut self, keep: u64) {
        self.log.truncate((keep - self.base) as usize);
        let last = self.last();
        self.turns.push(LogTurn { after_records: self.pushed, last, behind_snapshot: false });
        self.generation += 1;
    }

    fn restart_behind(&mut self, index: u64, term: u64) {
        let last = stamp(index, term);
        self.log.clear();
        self.base = index;
        self.turns.push(LogTurn { after_records: self.pushed, last, behind_snapshot: true });
        self.generation += 1;
    }

    fn cycle(&mut self, ns: u64) -> usize {
        self.mono = Nanos(self.mono.0 + ns);
        self.journal.duty_cycle(Now { mono: self.mono, utc: Nanos(0) })
    }

    fn settle(&mut self) {
        for _ in 0..10_000 {
            if self.cycle(0) == 0 && !self.disk.complete_next() {
                return;
            }
        }
        panic!("a journal without input comes to rest");
    }
}

type Log = Vec<LogRecord>;

fn read(disk: &MemoryDisk, vouched: &DurableMark) -> Result<(Recovered, Log), Refusal> {
    let (mut log, bytes) = (Vec::<LogRecord>::new(), plan().segment_bytes);
    let found =
        scan_member(
            &mut disk.reader(),
            bytes,
            &LogPoint::ORIGIN,
            vouched,
            &mut |step| match step {
                Step::Record(record) => log.push(*record),
                Step::Turn { behind_snapshot: true, .. } => log.clear(),
                Step::Turn { last, .. } => log.retain(|record| record.stamp.index <= last.index),
            },
        )?;
    Ok((found, log))
}

fn read_sure(disk: &MemoryDisk) -> (Recovered, Log) {
    let (found, log) = read(disk, &DurableMark::default()).expect("it is served");
    assert_eq!(found.damaged, None);
    (found, log)
}

#[test]
fn what_is_cut_off_is_not_read_back() {
    let mut member = Member::fresh();
    member.push(10, 1);
    member.settle();
    member.cut(6);
    member.push(3, 2);
    member.cut(8);
    member.push(1, 3);
    member.settle();
    assert_eq!(member.durable.read(), Position { generation: 2, index: Index(9) });
    let (found, log) = read_sure(&member.disk);
    assert_eq!(log, member.log);
    assert_eq!((found.last, found.marked.generation), (stamp(9, 3), 2));
}

// SAFETY 1: a completion of what was cut off says nothing of what came in its place.
#[test]
fn completions_of_an_older_generation_count_for_nothing_in_the_new_one() {
    let mut member = Member::fresh();
    member.settle();
    member.push(5, 1);
    member.cycle(0);
    member.push(5, 1);
    member.cycle(0);
    member.cut(7);
    member.cycle(0);
    member.disk.complete_next();
    member.disk.complete_next();
    member.cycle(0);
    assert_eq!(member.durable.read(), Position { generation: 0, index: Index(10) });
    member.disk.complete_next();
    member.cycle(0);
    assert_eq!(member.durable.read(), Position { generation: 1, index: Index(7) });
}

// SAFETY 3: a truncation lowers the mark, also before it is durable itself.
#[test]
fn a_mark_says_nothing_of_what_was_cut_off() {
    let mut member = Member::fresh();
    member.push(10, 1);
    member.settle();
    member.cut(6);
    member.cycle(0);
    member.push(2, 2);
    member.cycle(0);
    member.disk.complete_next();
    member.disk.complete_next();
    let (found, log) = read_sure(&member.disk.least());
    assert_eq!(log, member.log);
    assert_eq!(found.marked, Position { generation: 1, index: Index(6) });
}

#[test]
fn a_log_goes_on_behind_a_snapshot() {
    let mut member = Member::fresh();
    member.push(4, 1);
    member.settle();
    member.restart_behind(500, 7);
    member.push(2, 7);
    member.settle();
    let (found, log) = read_sure(&member.disk);
    assert_eq!(log, member.log);
    assert_eq!(found.last, stamp(502, 7));
    let mut again = Member::new(&member.disk, found.start(2).expect("a new start"), log);
    again.push(1, 8);
    again.settle();
    assert_eq!(read_sure(&again.disk).1, again.log);
}

#[test]
fn the_log_of_a_single_node_never_turns() {
    let mut member = Member::fresh();
    member.push(4, 1);
    member.cut(2);
    member.settle();
    let bytes = plan().segment_bytes;
    let refusal = scan(&mut member.disk.reader(), bytes, &LogPoint::ORIGIN, &mut |_| ());
    let Err(Refusal::Broken { breach: Breach::Turned, .. }) = refusal else {
        panic!("{refusal:?}");
    };
}

#[test]
fn a_point_that_the_journal_names_is_one_to_go_on_from() {
    let mut member = Member::fresh();
    let mut points = vec![LogPoint::ORIGIN];
    for n in 0..60 {
        member.push(1 + n % 7, 1 + n / 20);
        member.settle();
        points.push(member.journal.point().expect("it is sure"));
    }
    for point in points {
        let (mut log, bytes) = (Vec::new(), plan().segment_bytes);
        let vouched = DurableMark::default();
        let found = scan_member(&mut member.disk.reader(), bytes, &point, &vouched, &mut |step| {
            if let Step::Record(record) = step {
                log.push(*record);
            }
        });
        assert_eq!(log, member.log[point.last.index.0 as usize..], "{point:?}");
        assert_eq!(found.expect("a good log").last, member.last());
    }
}

/// The blocks of a log of one segment, in order.
fn blocks(disk: &MemoryDisk) -> Vec<Placed> {
    let bytes = disk.bytes(SegmentNo(1));
    let at = |offset: usize| match probe(&bytes[offset..]) {
        Probe::Header(fields) => {
            let offset_bytes = offset as u64;
            Some(Placed { segment: SegmentNo(1), offset_bytes, fields })
        }
        _ => None,
    };
    (0..bytes.len()).step_by(UNIT_BYTES).filter_map(at).collect()
}

/// Four blocks of three records each, and what each of them is called.
fn four_blocks() -> (Member, Vec<Placed>) {
    let mut member = Member::fresh();
    for term in [1, 1, 2, 2] {
        member.push(3, term);
        member.settle();
    }
    let blocks = blocks(&member.disk);
    assert_eq!(blocks.len(), 4);
    (member, blocks)
}

fn damaged(disk: &MemoryDisk, vouched: &DurableMark) -> (Damaged, Recovered, Log) {
    let (found, log) = read(disk, vouched).expect("it is served");
    (found.damaged.expect("it is damaged"), found, log)
}

const TOLD: LogEnd = LogEnd { term: Term(2), index: Index(12) };

// SAFETY 3: a block that was durable is not cut, and what was behind it counts on.
#[test]
fn a_damaged_log_ends_before_the_damage_and_is_unsure_up_to_where_it_reached() {
    for which in 0..4 {
        let (member, blocks) = four_blocks();
        member.disk.flip_bit(SegmentNo(1), blocks[which].offset_bytes + 200, 3);
        let (damage, found, log) = damaged(&member.disk, &DurableMark::default());
        assert_eq!(log, member.log[..3 * which]);
        assert_eq!(damage.floor, Some(TOLD), "block {which}");
        assert_eq!(found.last, log.last().map_or(stamp(0, 0), |record| record.stamp));
    }
}

#[test]
fn a_block_that_went_astray_is_damage_where_it_belongs_and_where_it_fell() {
    let (member, blocks) = four_blocks();
    let at = |n: usize| blocks[n].offset_bytes as usize;
    let bytes = member.disk.bytes(SegmentNo(1));
    // The third was written over the first.
    member.disk.overwrite(SegmentNo(1), 0, &bytes[at(2)..at(2) + UNIT_BYTES]);
    member.disk.overwrite(SegmentNo(1), at(2) as u64, &[0; UNIT_BYTES]);
    let (damage, _, log) = damaged(&member.disk, &DurableMark::default());
    assert_eq!((damage.place.block_seq, damage.floor), (1, Some(TOLD)));
    assert!(log.is_empty());
}

#[test]
fn a_last_block_whose_header_is_damaged_does_not_tell_how_far_it_reached() {
    let (member, blocks) = four_blocks();
    member.disk.flip_bit(SegmentNo(1), blocks[3].offset_bytes + 30, 3);
    let (damage, _, log) = damaged(&member.disk, &DurableMark::default());
    assert_eq!((damage.how, damage.floor), (Corruption::Header, None));
    assert_eq!(log.len(), 9);
}

// SAFETY 3: the vote carries the mark too.
#[test]
fn a_vote_proves_that_the_last_block_was_durable() {
    let (member, blocks) = four_blocks();
    let vouched = member.journal.durable_mark();
    member.disk.overwrite(SegmentNo(1), blocks[3].offset_bytes + 512, &[0; 512]);
    let (found, log) = read_sure(&member.disk);
    assert!(found.cut.is_some() && log.len() == 9, "torn, as far as the log says");
    let (damage, _, log) = damaged(&member.disk, &vouched);
    assert_eq!(damage.how, Corruption::Vouched { block_seq: 4 });
    assert_eq!((damage.floor, log.len()), (None, 9));
}

#[test]
fn a_mended_log_is_as_unsure_at_every_start_until_it_is_as_long_again() {
    let (member, blocks) = four_blocks();
    member.disk.flip_bit(SegmentNo(1), blocks[1].offset_bytes + 200, 3);
    let (damage, found, log) = damaged(&member.disk, &DurableMark::default());
    let start = found.start_unsure(2, damage.floor.expect("it is told")).expect("a new start");
    let mut mended = Member::new(&member.disk, start, log);
    mended.settle();
    assert_eq!(mended.journal.point(), None, "no point of an unsure log is kept");
    mended.push(3, 1);
    mended.settle();
    let (found, log) = read_sure(&mended.disk);
    assert_eq!((log.len(), found.floor), (6, TOLD));
    assert!(found.point().is_unsure());
    let mut again = Member::new(&mended.disk, found.start(3).expect("a new start"), log);
    again.push(5, 2);
    again.settle();
    assert_eq!(read_sure(&again.disk).0.floor, TOLD);
    again.push(1, 2);
    again.settle();
    let (found, log) = read_sure(&again.disk);
    assert_eq!((log, found.floor), (again.log.clone(), LogEnd::ORIGIN));
    assert!(again.journal.point().is_some());
}

#[test]
fn a_mend_that_is_torn_leaves_the_damage_in_sight() {
    for seed in 0..64 {
        let (member, blocks) = four_blocks();
        member.disk.flip_bit(SegmentNo(1), blocks[1].offset_bytes + 200, 3);
        let (damage, found, log) = damaged(&member.disk, &DurableMark::default());
        let start = found.start_unsure(2, damage.floor.expect("it is told")).expect("a start");
        let mut mended = Member::new(&member.disk, start, log);
        // The segment is made ready, and the turn is on its way.
        mended.cycle(0);
        mended.disk.complete_next();
        mended.cycle(0);
        assert_eq!(mended.disk.pending(), 2, "a turn, and the segment behind");
        let left = mended.disk.crash(seed);
        let (found, log) = read(&left, &DurableMark::default()).expect("it is served");
        let floor = found.damaged.map_or(Some(found.floor), |damage| damage.floor);
        assert_eq!((floor, log.len()), (Some(TOLD), 3), "seed {seed}");
    }
}

/// What the owner of a log may find after a crash: all that was durable in the newest generation
/// that is durable, and beyond that what was issued.
#[test]
fn a_member_s_log_survives_crashes_at_any_moment() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut member = Member::fresh();
        let mut term = 1;
        for incarnation in 2..8 {
            // Every version of the log, oldest first: (generation, log).
            let mut versions = vec![(member.generation, member.log.clone())];
            for _ in 0..random.below(60) {
                match random.below(8) {
                    0 if member.log.len() > 1 => {
                        term += random.below(2) as u64;
                        let keep = member.base + random.below(member.log.len()) as u64;
                        member.cut(keep);
                    }
                    1 => term += 1,
                    2 | 3 => member.push(1 + random.below(30) as u64, term),
                    4 => drop(member.cycle(2 * MS)),
                    5 => drop(member.cycle(0)),
                    _ => drop(member.disk.complete_any(&mut random)),
                }
                let version = (member.generation, member.log.clone());
                if versions.last().is_some_and(|last| last.0 == version.0) {
                    versions.pop();
                }
                versions.push(version);
            }
            member.cycle(0);
            let durable = member.durable.read();
            let left = member.disk.crash(random.word());
            let (found, log) = read_sure(&left);
            let generation = found.marked.generation;
            assert!(generation >= durable.generation, "seed {seed}");
            let newest = &versions.iter().find(|v| v.0 == generation).expect("it was issued").1;
            assert!(newest.starts_with(&log), "seed {seed}: what is read was issued");
            let told = if generation == durable.generation { durable.index.0 } else { 0 };
            assert!(log.len() as u64 >= told, "seed {seed}: what was durable is there");
            let start = found.start(incarnation).expect("a new start");
            member = Member::new(&left, start, log);
            if random.one_in(2) {
                member.disk.set_pace(Pace::Random(Random::new(seed)));
            }
        }
    }
}
