//! Many lives of one log: random batches, random order of completion, random crashes, and segments
//! that are used again behind snapshots.

use super::Rig;
use crate::memory::{MemoryDisk, MemoryReader, Random};
use crate::tests::{record, scan_from};
use crate::{JournalStart, LogPoint, Mutation, Refusal, Tail};
use gavel_contract::{JournalPlan, LogReader, SegmentNo};
use gavel_link::Position;
use gavel_types::{Index, LogRecord, Nanos, Stamp, Term};

/// What a storm plants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    Nothing,
    InJournal(Mutation),
    LyingDisk,
    IncarnationUsedTwice,
    /// Segments are used again that the older of two snapshots goes on in.
    RecycledTooEarly,
}

#[derive(Default)]
struct Tally {
    records: u64,
    cuts: u64,
    left_behind: u64,
    stops: u64,
    seals: u64,
    lives: u64,
    recycled: u64,
}

struct Storm {
    random: Random,
    plan: JournalPlan,
    disk: MemoryDisk,
    /// What was appended in the last life, with all that it found.
    appended: Vec<LogRecord>,
    /// How much of that was said to be durable.
    durable: usize,
    incarnation: u64,
    /// Snapshots that are kept, oldest first: here nothing but their points.
    points: Vec<LogPoint>,
    tally: Tally,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let plan = JournalPlan {
            segment_bytes: 4_096 * (2 + random.below(30) as u64),
            block_bytes_max: 4_096 * (1 + random.below(4)),
            blocks_in_flight_max: 1 + random.below(5),
            seal_after_ms: 5,
            full_retry_ms: 20,
        };
        let disk = MemoryDisk::new(plan.segment_bytes);
        Self {
            random,
            plan,
            disk,
            appended: Vec::new(),
            durable: 0,
            incarnation: 0,
            points: vec![LogPoint::ORIGIN],
            tally: Tally::default(),
        }
    }

    /// Recovers, checks, and goes on until the next crash.
    fn live(&mut self, planted: Planted) -> Result<(), String> {
        let start = self.recover(planted)?;
        let mut rig = Rig::new(&self.plan, &self.disk, start);
        if let Planted::InJournal(mutation) = planted {
            rig.journal.plant(mutation);
        }
        rig.disk.set_lying(planted == Planted::LyingDisk);
        let newest = self.points[self.points.len() - 1];
        let mut tail = Tail::new(rig.disk.reader(), self.plan.segment_bytes, newest);
        let steps = self.random.below(120);
        for _ in 0..steps {
            self.step(&mut rig);
            if self.random.one_in(8) {
                self.follow(&mut rig, &mut tail).map_err(|refusal| refusal.to_string())?;
            }
        }
        let counts = rig.journal.counts();
        assert_eq!(rig.journal.fault(), None);
        self.tally.stops += counts.stops;
        self.tally.seals += counts.seals;
        self.durable = rig.durable_index() as usize;
        self.disk = rig.disk.crash(self.random.word());
        self.recycle(planted);
        Ok(())
    }

    /// Reads what is durable, and now and then makes a snapshot; two are kept.
    fn follow(&mut self, rig: &mut Rig, tail: &mut Tail<MemoryReader>) -> Result<(), Refusal> {
        let durable = rig.durable.read().index;
        let before = tail.point().last.index.0;
        let mut read = Vec::new();
        while tail.next(durable, &mut |r| read.push(*r))?.is_some() {}
        let end = before as usize + read.len();
        assert_eq!(read, self.appended[before as usize..end], "what is read was appended");
        if self.random.one_in(3) {
            self.points.push(tail.point());
            let surplus = self.points.len().saturating_sub(2);
            self.points.drain(..surplus);
            let index = Index(self.points[0].end.segment.0);
            rig.floor.raise(Position { generation: 0, index });
        }
        Ok(())
    }

    /// Between two lives as within one: segments that are not needed take the place of new ones, or
    /// go.
    fn recycle(&mut self, planted: Planted) {
        let early = u64::from(planted == Planted::RecycledTooEarly);
        let floor = SegmentNo(self.points[0].end.segment.0 + early);
        let listed = self.disk.reader().segments().expect("it can be listed");
        let Some(last) = listed.last().copied() else { return };
        // A segment that is being made is in the way.
        let whole = last.bytes == self.plan.segment_bytes;
        let mut next = SegmentNo(last.segment.0 + 1);
        for info in listed.iter().filter(|info| info.segment < floor && info.segment < last.segment)
        {
            match self.random.below(4) {
                0 => self.disk.drop_segment(info.segment),
                1 | 2 if whole && next.0 < last.segment.0 + 3 => {
                    self.disk.put_segment(next, self.disk.bytes(info.segment));
                    self.disk.drop_segment(info.segment);
                    next.0 += 1;
                    self.tally.recycled += 1;
                }
                _ => {}
            }
        }
    }

    fn step(&mut self, rig: &mut Rig) {
        match self.random.below(16) {
            0..5 => self.append(rig),
            5..9 => drop(rig.disk.complete_any(&mut self.random)),
            9..11 => drop(rig.disk.complete_next()),
            11 if self.random.one_in(8) => rig.disk.set_full(self.random.below(3) as u32),
            12 if self.random.one_in(4) => drop(rig.cycle(30_000_000)),
            _ => {}
        }
        let pause_ns = if self.random.one_in(10) { 6_000_000 } else { 1_000 };
        rig.cycle(pause_ns);
    }

    fn append(&mut self, rig: &mut Rig) {
        let batch = if self.random.one_in(6) { 200 } else { 1 + self.random.below(12) };
        for _ in 0..batch.min(rig.ring.free()) {
            let last = self.appended.last().map(|r| r.stamp);
            let mut stamp =
                last.unwrap_or(Stamp { index: Index(0), term: Term(1), time: Nanos(0) });
            stamp.index = stamp.index.next();
            stamp.term.0 += u64::from(self.random.one_in(100));
            let jump = if self.random.one_in(100) { 5_000_000_000 } else { 2_000 };
            stamp.time.0 += self.random.below(jump) as u64;
            let record = record(stamp);
            rig.ring.push(record);
            self.appended.push(record);
            self.tally.records += 1;
        }
    }

    fn recover(&mut self, planted: Planted) -> Result<JournalStart, String> {
        // From the older snapshot, as if the newer were damaged.
        let (oldest, newest) = (self.points[0], self.points[self.points.len() - 1]);
        let bytes = self.plan.segment_bytes;
        let (found, read) =
            scan_from(&self.disk, bytes, &oldest).map_err(|refusal| refusal.to_string())?;
        let (again, _) =
            scan_from(&self.disk, bytes, &newest).map_err(|refusal| refusal.to_string())?;
        if (again.point(), again.cut) != (found.point(), found.cut) {
            return Err("two snapshots lead to two ends".into());
        }
        let before = self.appended.get(..oldest.last.index.0 as usize);
        let mut records = before.ok_or("a snapshot holds more than was appended")?.to_vec();
        records.extend(read);
        if records.len() < self.durable {
            return Err(format!("{} were durable, {} are left", self.durable, records.len()));
        }
        if records.len() > self.appended.len() || records != self.appended[..records.len()] {
            return Err("what was read is not what was appended".into());
        }
        let marked = found.marked.index.0 as usize;
        if marked > records.len() || marked > self.durable.max(records.len()) {
            return Err(format!("{marked} are marked durable, {} are there", records.len()));
        }
        self.appended = records;
        self.tally.cuts += u64::from(found.cut.is_some());
        self.tally.left_behind += found.cut.map_or(0, |cut| cut.later_blocks);
        self.tally.lives += 1;
        if planted == Planted::IncarnationUsedTwice {
            let start = found.start(u64::MAX).unwrap();
            return Ok(JournalStart { incarnation: 1, ..start });
        }
        self.incarnation += 1 + self.random.below(2) as u64;
        found.start(self.incarnation).map_err(|refusal| refusal.to_string())
    }
}

fn storm(seed: u64, lives: usize, planted: Planted) -> (Result<(), String>, Tally) {
    let mut storm = Storm::new(seed);
    let lived = (0..lives).try_for_each(|_| storm.live(planted));
    (lived, storm.tally)
}

#[test]
fn what_was_durable_survives_every_crash_and_nothing_is_altered() {
    let mut all = Tally::default();
    for seed in 0..150 {
        let (lived, tally) = storm(seed, 20, Planted::Nothing);
        assert_eq!(lived, Ok(()), "seed {seed}");
        all.records += tally.records;
        all.cuts += tally.cuts;
        all.left_behind += tally.left_behind;
        all.stops += tally.stops;
        all.seals += tally.seals;
        all.lives += tally.lives;
        all.recycled += tally.recycled;
    }
    // The storm is one: everything that should be met was met, often.
    assert_eq!(all.lives, 150 * 20);
    assert!(all.records > 100_000, "{} records", all.records);
    assert!(all.cuts > 500, "{} cuts", all.cuts);
    assert!(all.left_behind > 300, "{} blocks left behind", all.left_behind);
    assert!(all.seals > 300, "{} seals", all.seals);
    assert!(all.stops > 30, "{} stops", all.stops);
    assert!(all.recycled > 1_000, "{} segments used again", all.recycled);
}

fn seeds_that_find(planted: Planted) -> usize {
    (0..40).filter(|seed| storm(*seed, 20, planted).0.is_err()).count()
}

#[test]
fn durable_raised_at_submit_is_found() {
    assert!(seeds_that_find(Planted::InJournal(Mutation::DurableAtSubmit)) > 30);
}

#[test]
fn durable_raised_out_of_order_is_found() {
    assert!(seeds_that_find(Planted::InJournal(Mutation::DurableByAnyCompletion)) > 10);
}

#[test]
fn a_disk_that_drops_the_durable_flag_is_found() {
    assert!(seeds_that_find(Planted::LyingDisk) > 30);
}

#[test]
fn a_segment_used_again_too_early_is_found() {
    assert!(seeds_that_find(Planted::RecycledTooEarly) > 20);
}

#[test]
fn an_incarnation_used_twice_is_found() {
    assert!(seeds_that_find(Planted::IncarnationUsedTwice) > 2);
}
