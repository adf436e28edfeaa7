//! What lies under a node: the journal on a simulated disk, and the file of its vote.
//!
//! ```text
//! Host -writes of entries-> records, turns -> Journal -> Store -> MemoryDisk   durable -> Host
//!      -hard states-------> vote file: two slots, two copies each
//! crash(seed): what was on its way is kept, lost or torn -> recover: the journal's own scan
//! ```
//!
//! Inputs -> outputs: a host's writes -> what is durable; a crash -> the disk as the next process
//! finds it, read from bytes.
//! Invariants: a host is told of a write when the journal says that it is durable, in its
//! generation (SAFETY 1). [`Disk`] says what a host was told; what is found after a crash comes
//! from the log's blocks and the vote's bytes, and is compared with it (kept.rs).
//! Limits: the log before the newest snapshot is given up on the disk, while the host keeps its
//! entries in memory.
//! Not here: how a snapshot becomes durable (shelf.rs); when something completes, and what goes
//! wrong (disk.rs, rot.rs).

use super::bytes::{entry, hard_bytes, hard_state, record, stamp};
use super::mutation::Mutation;
use super::shelf::Shelf;
use super::store::{Store, Traffic};
use crate::crash::CrashPoint;
use gavel_contract::{Agent, JournalPlan, Now};
use gavel_journal::format::{DurableMark, LogEnd};
use gavel_journal::memory::{MemoryDisk, Random};
use gavel_journal::recovery::{Corruption, Damaged, Recovered, Step, scan_member};
use gavel_journal::vote::{self, VOTE_FILE_BYTES, VOTE_SLOT_BYTES, VoteRecord};
use gavel_journal::{Journal, JournalLinks, LogPoint, LogTurn};
use gavel_link::{Position, Watermark, WatermarkWriter, Writer, ring, watermark};
use gavel_raft::memory::{Disk, Entry, Host};
use gavel_raft::{HardState, Mark};
use gavel_types::{Index, LogRecord, Nanos, Term};
use std::collections::VecDeque;
use std::rc::Rc;

/// Small segments: they fill within a second, and are cheap to read back.
pub(super) const SEGMENT_BYTES: u64 = 32 * 1_024;

const PLAN: JournalPlan = JournalPlan {
    segment_bytes: SEGMENT_BYTES,
    block_bytes_max: 16 * 1_024,
    blocks_in_flight_max: 4,
    seal_after_ms: 50,
    full_retry_ms: 20,
};

/// Depth of the ring into the journal; more waits outside.
const RING_SLOTS: usize = 512;
const TURN_SLOTS: usize = 16;

/// Most time between two turns of the journal (ns): for what it does by the clock.
const CYCLE_NS: u64 = 5_000_000;

/// Blocks between two points to go on from, and how many are kept.
const POINT_EVERY: u64 = 16;
const POINTS_MAX: usize = 32;

/// What goes into the journal's rings.
#[derive(Clone, Copy, Debug)]
enum Item {
    Record(LogRecord),
    Turn(LogTurn),
}

/// The journal of a process that runs.
struct Running {
    journal: Journal<Store>,
    ring: Writer<LogRecord>,
    turns: Writer<LogTurn>,
    durable: Watermark,
    intake: Watermark,
    commit: WatermarkWriter,
    floor: WatermarkWriter,
    /// What found no room in the rings yet.
    waiting: VecDeque<Item>,
    records: u64,
    generation: u16,
    /// Where the log ends, as far as it was handed over.
    end: Index,
    /// The host's writes that were handed over, oldest first: durable when the log is up to here.
    fed: VecDeque<Position>,
    points: VecDeque<LogPoint>,
    blocks_at_point: u64,
    was_open: bool,
    /// Something was handed over, or completed, since the journal had its last turn.
    is_due: bool,
    cycled: Nanos,
}

/// A node's storage.
pub struct Storage {
    pub(super) disk: MemoryDisk,
    pub(super) votes: Vec<u8>,
    vote_seq: u64,
    /// Fate of the process that runs.
    pub(super) crash: CrashPoint,
    /// Where a start begins to read; what lies before is in a snapshot.
    pub(super) base: LogPoint,
    pub(super) shelf: Shelf,
    found: Option<Found>,
    running: Option<Running>,
    traffic: Rc<Traffic>,
    pub(super) mutation: Option<Mutation>,
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Storage").field("base", &self.base).finish_non_exhaustive()
    }
}

/// What was found after a crash, for the next start.
#[derive(Clone, Debug)]
struct Found {
    log: Recovered,
    floor: LogEnd,
    /// The log does not have what the newest snapshot ends with: it goes on behind that.
    behind_snapshot: Option<Mark>,
}

impl Storage {
    /// Of a node that never ran.
    #[must_use]
    pub fn new(mutation: Option<Mutation>) -> Self {
        Self {
            disk: MemoryDisk::new(SEGMENT_BYTES),
            votes: vec![0; VOTE_FILE_BYTES],
            vote_seq: 0,
            crash: CrashPoint::default(),
            base: LogPoint::ORIGIN,
            shelf: Shelf::default(),
            found: None,
            running: None,
            traffic: Rc::default(),
            mutation,
        }
    }

    /// A process starts. `disk` is what was found, with this life's number.
    ///
    /// # Errors
    /// If the journal does not go on.
    pub fn start(&mut self, disk: &Disk) -> Result<(), String> {
        let incarnation = u64::from(disk.incarnation.0);
        let found = match self.found.take() {
            Some(found) => found,
            None => self.read(disk)?.0,
        };
        let start = match found.log.damaged {
            Some(_) => found.log.start_unsure(incarnation, found.floor),
            None => found.log.start(incarnation),
        };
        let start = start.map_err(|refusal| refusal.to_string())?;
        self.crash = CrashPoint::default();
        self.disk.set_lying(self.mutation == Some(Mutation::LyingDisk));
        let (ring, records) = ring(RING_SLOTS);
        let (turns, turns_out) = gavel_link::ring(TURN_SLOTS);
        let at_start = Position { index: start.commit, ..Position::default() };
        let (commit, commit_out) = watermark(at_start);
        let (floor, floor_out) = watermark(Position::default());
        let (durable_in, durable) = watermark(Position::default());
        let (intake_in, intake) = watermark(Position::default());
        let links = JournalLinks {
            records,
            commit: commit_out,
            floor: floor_out,
            durable: durable_in,
            intake: intake_in,
        };
        let inner = self.disk.store(PLAN.blocks_in_flight_max, PLAN.block_bytes_max);
        let retries = self.mutation == Some(Mutation::WriteRetried);
        self.traffic = Rc::default();
        let (traffic, crash) = (self.traffic.clone(), self.crash.clone());
        let store = Store { inner, traffic, crash, retries };
        let mut journal = Journal::new(&PLAN, store, start, links);
        journal.follow_turns(turns_out);
        let mut running = Running {
            journal,
            ring,
            turns,
            durable,
            intake,
            commit,
            floor,
            waiting: VecDeque::new(),
            records: 0,
            generation: start.durable.generation + u16::from(start.is_mended),
            end: start.last.index,
            fed: VecDeque::new(),
            points: VecDeque::new(),
            blocks_at_point: 0,
            was_open: true,
            is_due: true,
            cycled: Nanos(0),
        };
        if let Some(mark) = found.behind_snapshot {
            running.turn(mark, true);
        }
        self.running = Some(running);
        // What one copy of a torn write had is in two again.
        self.put_vote(&disk.hard, [true; 2]);
        Ok(())
    }

    /// Takes what a host wrote, lets the journal work, and completes what is durable by now; true
    /// if there was such.
    pub fn drive(
        &mut self,
        host: &mut Host,
        applied: Index,
        now: Nanos,
        mut complete: impl FnMut(&mut Host),
    ) -> bool {
        let Some(running) = &mut self.running else { return false };
        if let Some(restored) = host.restored.take()
            && !restored.keeps_tail
        {
            running.fed.clear();
            running.turn(restored.mark, true);
        }
        for place in running.fed.len()..host.log_writes.len() {
            let (keep, entries) = host.log_writes[place].parts();
            running.feed(&host.entries, keep, entries);
        }
        running.commit(host.raft.commit());
        if !running.is_due && now.since(running.cycled) < CYCLE_NS {
            return false;
        }
        running.cycle(now);
        let limit = applied.min(host.raft.commit()).min(host.raft.durable().index);
        if running.is_time() {
            self.puts_snapshot(host, limit, None);
        }
        let Some(running) = &mut self.running else { return false };
        let durable = running.durable.read();
        let ignores_generation = self.mutation == Some(Mutation::OldCompletions);
        let is_done = |at: &&Position| match ignores_generation {
            true => at.index <= durable.index,
            false => **at <= durable,
        };
        let done = running.fed.iter().take_while(is_done).count();
        running.fed.drain(..done);
        (0..done).for_each(|_| complete(host));
        done > 0
    }

    /// True if the end of the log was torn, as it was found.
    #[must_use]
    pub fn was_cut(&self) -> bool {
        self.found.as_ref().is_some_and(|found| found.log.cut.is_some())
    }

    /// Operations of the disk that are on their way.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.traffic.pending.get()
    }

    /// One of them completes, mostly the oldest; the process is not told before it asks.
    pub fn complete(&mut self, random: &mut crate::random::Random) {
        if let Some(running) = &mut self.running {
            running.is_due = true;
        }
        let is_done = match random.one_in(4) {
            true => self.disk.complete_any(&mut Random::new(random.word())),
            false => self.disk.complete_next(),
        };
        if is_done {
            self.traffic.complete();
        }
    }

    /// A hard state is on the disk.
    pub fn write_vote(&mut self, hard: &HardState) {
        if self.mutation != Some(Mutation::VoteNotSynced) {
            self.put_vote(hard, [true; 2]);
        }
    }

    /// Writes these copies of a record.
    fn put_vote(&mut self, hard: &HardState, copies: [bool; 2]) {
        self.vote_seq += 1;
        let mark = self.running.as_ref().map(|running| running.journal.durable_mark());
        let body = hard_bytes(hard);
        let mark = mark.unwrap_or_default();
        let mut slot = vec![0; VOTE_SLOT_BYTES];
        vote::encode(&VoteRecord { seq: self.vote_seq, mark, body: &body }, &mut slot);
        let at = vote::slot_offset_bytes(self.vote_seq) as usize;
        let half = VOTE_SLOT_BYTES / 2;
        for copy in (0..2).filter(|copy| copies[*copy]) {
            let from = copy * half;
            self.votes[at + from..at + from + half].copy_from_slice(&slot[from..from + half]);
        }
    }

    /// Whether records are taken, if that changed.
    pub fn intake_turned(&mut self) -> Option<bool> {
        let running = self.running.as_mut()?;
        let is_open = running.intake.read().index.0.is_multiple_of(2);
        let was_open = std::mem::replace(&mut running.was_open, is_open);
        (is_open != was_open).then_some(is_open)
    }

    /// True if the process must end: a write failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.journal.fault().is_some())
    }

    /// The process ends; of what was on its way some is kept, some lost, some torn.
    pub fn crash(&mut self, host: &Host, random: &mut crate::random::Random) {
        if let Some((_, hard)) = host.hard_writes.front() {
            self.put_vote(hard, [random.one_in(2), random.one_in(2)]);
        }
        self.running = None;
        self.found = None;
        self.disk = self.disk.crash(random.word());
        self.traffic = Rc::default();
    }

    /// Reads what a start would find. `told` is what the host was told is durable; from it comes
    /// what a snapshot holds.
    ///
    /// # Errors
    /// What the journal refuses.
    pub fn recover(&mut self, told: &Disk) -> Result<Disk, String> {
        let (found, disk) = self.read(told)?;
        self.found = Some(found);
        Ok(disk)
    }

    fn read(&mut self, told: &Disk) -> Result<(Found, Disk), String> {
        let newest = vote::newest(&self.votes).map_err(|lost| lost.to_string())?;
        let hard = newest.map_or(HardState::default(), |record| hard_state(record.body));
        let vouched = newest.map_or(DurableMark::default(), |record| record.mark);
        self.vote_seq = newest.map_or(0, |record| record.seq);
        let mut log: Vec<Entry> = told.entries[..self.base.last.index.0 as usize].to_vec();
        let forgets_turns = self.mutation == Some(Mutation::TurnForgotten);
        let mut step = |step: Step<'_>| match step {
            Step::Record(record) if forgets_turns && record.stamp.index.0 <= log.len() as u64 => {}
            Step::Record(record) => log.push(entry(record)),
            Step::Turn { .. } if forgets_turns => {}
            Step::Turn { last, behind_snapshot: true } => {
                let held = &told.entries[..told.snapshot.0.min(last.index.0) as usize];
                log = held.to_vec();
            }
            Step::Turn { last, .. } => log.truncate(last.index.0 as usize),
        };
        let mut reader = self.disk.reader();
        let found = scan_member(&mut reader, SEGMENT_BYTES, &self.base, &vouched, &mut step);
        let mut found = found.map_err(|refusal| refusal.to_string())?;
        if found.damaged.is_some_and(|damaged| self.cuts(&damaged)) {
            found.damaged = None;
        }
        let snapshot = self.found_snapshot(told, &log)?;
        let held = snapshot.index.0 as usize;
        let has_snapshot = held == 0 || log.get(held - 1).is_some_and(|e| e.term == snapshot.term);
        let behind_snapshot = (!has_snapshot).then_some(snapshot);
        if !has_snapshot {
            log = told.entries[..held].to_vec();
        }
        // What the blocks do not tell is not before anything that was ever acknowledged.
        let most = LogEnd { term: hard.term, index: Position::INDEX_MAX };
        let floor = found.damaged.map_or(found.floor, |damage| damage.floor.unwrap_or(most));
        let end =
            Mark { term: log.last().map_or(Term(0), |e| e.term), index: Index(log.len() as u64) };
        let unsure = Mark { term: floor.term, index: floor.index };
        let disk = Disk {
            hard,
            generation: u32::from(found.marked.generation),
            commit: found.commit.min(end.index).max(snapshot.index),
            base: told.base.max(self.base.last.index).min(snapshot.index),
            snapshot: snapshot.index,
            unsure: if unsure > end { unsure } else { Mark::default() },
            entries: log,
            ..told.clone()
        };
        Ok((Found { log: found, floor, behind_snapshot }, disk))
    }
}

impl Storage {
    /// The newest place to go on from behind such a snapshot.
    pub(super) fn point(&mut self, snapshot: Index) -> LogPoint {
        let running = self.running.as_mut();
        running.and_then(|running| running.point(snapshot)).unwrap_or(self.base)
    }

    /// The log before this place is not needed any more: its segments may be used again.
    pub(super) fn cuts_log(&mut self, point: &LogPoint) {
        self.base = *point;
        let Some(running) = &mut self.running else { return };
        let (segment, at) = (Index(point.end.segment.0), running.floor.at());
        if segment > at.index {
            running.floor.raise(Position { index: segment, ..at });
        }
    }

    /// A planted bug: what was durable is taken for a torn end.
    fn cuts(&self, damaged: &Damaged) -> bool {
        let by_mark =
            matches!(damaged.how, Corruption::Durable { .. } | Corruption::Vouched { .. });
        match self.mutation {
            Some(Mutation::DamageCut) => true,
            Some(Mutation::MarkIgnored) => by_mark,
            _ => false,
        }
    }
}

impl Running {
    /// The log goes on from here.
    fn turn(&mut self, mark: Mark, behind_snapshot: bool) {
        let last = stamp(mark.index, mark.term);
        let turn = LogTurn { after_records: self.records, last, behind_snapshot };
        self.waiting.push_back(Item::Turn(turn));
        self.is_due = true;
        self.generation += 1;
        self.end = mark.index;
    }

    /// Takes a write of a host: all behind `keep` is cut off first.
    fn feed(&mut self, all: &[Entry], keep: Index, entries: &[Entry]) {
        if keep < self.end {
            let term = keep.0.checked_sub(1).map_or(Term(0), |place| all[place as usize].term);
            self.turn(Mark { term, index: keep }, false);
        }
        for one in entries {
            self.end = self.end.next();
            self.records += 1;
            self.waiting.push_back(Item::Record(record(self.end, one)));
        }
        self.is_due = true;
        self.fed.push_back(Position { generation: self.generation, index: self.end });
    }

    fn commit(&mut self, commit: Index) {
        let at = self.commit.at();
        if commit > at.index {
            self.commit.raise(Position { index: commit, ..at });
        }
    }

    /// Lets the journal work until nothing is left to be done.
    fn cycle(&mut self, now: Nanos) {
        (self.is_due, self.cycled) = (false, now);
        loop {
            self.pump();
            if self.journal.duty_cycle(Now { mono: now, utc: Nanos(0) }) == 0 {
                break;
            }
        }
    }

    /// Fills the rings.
    fn pump(&mut self) {
        while let Some(item) = self.waiting.front() {
            match item {
                Item::Record(record) if self.ring.has_room(1) => self.ring.push(*record),
                Item::Turn(turn) if self.turns.has_room(1) => self.turns.push(*turn),
                _ => return,
            }
            self.waiting.pop_front();
        }
    }

    /// Remembers a place to go on from every so many blocks: then it is time for a snapshot.
    fn is_time(&mut self) -> bool {
        let blocks = self.journal.counts().blocks;
        let is_time = blocks >= self.blocks_at_point + POINT_EVERY;
        if is_time {
            self.blocks_at_point = blocks;
            self.remember();
        }
        is_time
    }

    fn remember(&mut self) {
        let generation = self.generation;
        self.points.retain(|point| point.marked.generation == generation);
        if self.points.len() < POINTS_MAX && self.waiting.is_empty() {
            self.points.extend(self.journal.point());
        }
    }

    /// The newest place to go on from behind a snapshot of all up to there, if one is remembered.
    fn point(&mut self, snapshot: Index) -> Option<LogPoint> {
        let generation = self.generation;
        self.points.retain(|point| point.marked.generation == generation);
        let leads_on = |point: &LogPoint| point.last.index <= snapshot;
        let usable = self.points.iter().take_while(|point| leads_on(point)).count();
        self.points.drain(..usable).next_back()
    }
}
