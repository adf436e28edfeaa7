//! The agent that writes the log: group commit without timers.
//!
//! Inputs -> outputs: records from a ring -> durable blocks; raises `durable` (how far the log is
//! durable) and `intake` (even: open, odd: stopped for want of disk space).
//! Invariants: one block at most is issued per duty cycle, with everything that waits; the next
//! gathers while it is in flight, so a block's size follows the load. `durable` covers only the
//! contiguous prefix of completed writes. A failed write is final: nothing is done after it.
//! Limits: `JournalPlan`; at most `blocks_in_flight_max` blocks in flight and never more than the
//! store has buffers; no allocation after construction but for a fault's text.
//! Not here: reading back (recovery); when a member's log is cut (its owner says so).

mod segments;
#[cfg(test)]
mod tests;
mod turns;

use crate::block::{BlockBuilder, BlockFrame};
use crate::format::{
    BLOCK_BYTES_MAX, BlockFields, BlockKind, BlockName, CHAIN_ORIGIN, DurableMark, LogEnd,
    UNIT_BYTES,
};
use crate::recovery::{LogPoint, Place};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use gavel_contract::{
    Agent, BufferId, JournalPlan, LogDone, LogStore, LogWrite, Now, SegmentNo, StoreFault,
};
use gavel_link::{Position, Reader, Watermark, WatermarkWriter};
use gavel_types::{Index, LogRecord, Nanos, Stamp, Term};
use segments::{Intake, Segments};
pub use turns::LogTurn;
use turns::Turns;

/// Where a journal goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalStart {
    /// Of this process start: higher than any before, and durable already.
    pub incarnation: u64,
    /// Number of the next block; the first is 1.
    pub next_block_seq: u64,
    /// Digest of every block so far.
    pub chain: u64,
    /// Segment of the next block.
    pub segment: SegmentNo,
    /// Place of the next block in it; at most the segment's length.
    pub offset_bytes: u64,
    /// Stamp of the last record.
    pub last: Stamp,
    /// How far the log is durable: all of it.
    pub durable: Position,
    /// How far blocks on disk say that it is durable.
    pub marked: Position,
    /// Highest `commit` that a block on disk carries.
    pub commit: Index,
    /// As [`LogPoint::floor`].
    pub floor: LogEnd,
    /// The log ends before a block that was damaged: the first block that is written says so.
    pub is_mended: bool,
}

impl JournalStart {
    /// The start of an empty log.
    #[must_use]
    pub const fn empty(incarnation: u64) -> Self {
        let nowhere = Position { generation: 0, index: Index(0) };
        Self {
            incarnation,
            next_block_seq: 1,
            chain: CHAIN_ORIGIN,
            segment: SegmentNo(1),
            offset_bytes: 0,
            last: Stamp { index: Index(0), term: Term(0), time: Nanos(0) },
            durable: nowhere,
            marked: nowhere,
            commit: Index(0),
            floor: LogEnd::ORIGIN,
            is_mended: false,
        }
    }
}

/// A journal's links.
#[derive(Debug)]
pub struct JournalLinks {
    /// Records, in log order.
    pub records: Reader<LogRecord>,
    /// How far the log is committed. On a single node: a reader of `durable`.
    pub commit: Watermark,
    /// Its index is a segment's number: those below it are not needed any more.
    pub floor: Watermark,
    /// How far the log is durable here.
    pub durable: WatermarkWriter,
    /// Its index is even while records are taken, odd while the disk has no room for them.
    pub intake: WatermarkWriter,
}

/// What a journal did since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalCounts {
    /// Records taken.
    pub records: u64,
    /// Blocks issued, seals among them.
    pub blocks: u64,
    /// Seals issued.
    pub seals: u64,
    /// Bytes issued.
    pub bytes: u64,
    /// Times that intake was stopped.
    pub stops: u64,
}

/// A bug that is planted to see whether it is found.
#[cfg(any(test, feature = "mutate"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// `durable` rises when a block is submitted.
    DurableAtSubmit,
    /// `durable` rises to any block that completes, whatever completed before it.
    DurableByAnyCompletion,
}

/// A block that was submitted and is not yet part of the durable prefix.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    write: LogWrite,
    /// How far the log is durable once this block and all before it are.
    after: DurableMark,
    /// What the block itself says of that.
    mark: Position,
    completed: bool,
}

/// The agent.
pub struct Journal<S: LogStore> {
    store: S,
    links: JournalLinks,
    builder: BlockBuilder,
    segments: Segments,
    /// In the order of submission.
    in_flight: VecDeque<InFlight>,
    in_flight_max: usize,
    free: Vec<BufferId>,
    block_bytes_max: usize,
    next: BlockName,
    chain: u64,
    durable: DurableMark,
    marked: Position,
    turns: Turns,
    /// What the last block that was issued says of what is durable, and of `commit`.
    issued: (Position, Index),
    seal_after: Nanos,
    /// When there last was work; None until the first cycle.
    active: Option<Nanos>,
    fault: Option<StoreFault>,
    counts: JournalCounts,
    #[cfg(any(test, feature = "mutate"))]
    mutation: Option<Mutation>,
}

impl<S: LogStore> Journal<S> {
    /// A journal that goes on where `start` says.
    ///
    /// # Panics
    /// If the plan, the store and the start do not fit together: whoever made the plan checked it.
    #[must_use]
    pub fn new(plan: &JournalPlan, store: S, start: JournalStart, mut links: JournalLinks) -> Self {
        let block = plan.block_bytes_max;
        assert!(block > 0 && block.is_multiple_of(UNIT_BYTES), "blocks are whole units");
        assert!(block <= BLOCK_BYTES_MAX, "a reader holds the largest block whole");
        assert!(block <= store.buffer_bytes(), "a block fits in a write buffer");
        assert!(plan.blocks_in_flight_max > 0 && store.buffers() > 0, "a block can be in flight");
        assert_eq!(plan.segment_bytes, store.segment_bytes(), "the store makes what is planned");
        assert!(start.next_block_seq > 0 && start.segment.0 > 0, "blocks and segments begin at 1");
        assert_eq!(start.durable.index, start.last.index, "what was recovered is durable");
        assert!(start.marked <= start.durable, "no block says more than is durable");
        assert!(links.intake.at().index.0.is_multiple_of(2), "intake begins open");
        links.durable.raise(start.durable);
        Self {
            builder: BlockBuilder::new(block, start.last),
            segments: Segments::new(plan, start.segment, start.offset_bytes),
            in_flight: VecDeque::with_capacity(plan.blocks_in_flight_max.min(store.buffers())),
            in_flight_max: plan.blocks_in_flight_max.min(store.buffers()),
            free: (0..store.buffers()).map(BufferId).collect(),
            block_bytes_max: block,
            next: BlockName { incarnation: start.incarnation, block_seq: start.next_block_seq },
            chain: start.chain,
            durable: DurableMark { position: start.durable, block_seq: start.next_block_seq - 1 },
            marked: start.marked,
            turns: Turns::new(start.durable, start.floor, start.is_mended),
            issued: (start.marked, start.commit),
            seal_after: millis(plan.seal_after_ms),
            active: None,
            fault: None,
            counts: JournalCounts::default(),
            store,
            links,
            #[cfg(any(test, feature = "mutate"))]
            mutation: None,
        }
    }

    /// Why the process must end, if it must: a write failed, or a segment could not be made for a
    /// reason other than space. From then on the journal does nothing, and `durable` stays.
    #[must_use]
    pub fn fault(&self) -> Option<&StoreFault> {
        self.fault.as_ref()
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> JournalCounts {
        self.counts
    }

    /// True while records are not taken for want of disk space.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.links.intake.at().index.0 % 2 == 1
    }

    /// Where the log that was issued so far ends: a point to go on from once all of it is durable.
    /// None while the log is unsure.
    #[must_use]
    pub fn point(&self) -> Option<LogPoint> {
        let (segment, offset_bytes) = self.segments.end();
        let last = self.builder.last();
        let (block_seq, index) = (self.next.block_seq, last.index.next());
        let (marked, commit) = self.issued;
        let is_sure = !self.turns.is_unsure();
        is_sure.then_some(LogPoint {
            end: Place { segment, offset_bytes, block_seq, index },
            chain: self.chain,
            last,
            incarnation: self.next.incarnation,
            marked,
            commit,
            floor: LogEnd::ORIGIN,
        })
    }

    /// How far the log is durable, for the node's vote to say so as well (SAFETY 3).
    #[must_use]
    pub fn durable_mark(&self) -> DurableMark {
        self.durable
    }

    /// Plants a bug.
    #[cfg(any(test, feature = "mutate"))]
    pub fn plant(&mut self, mutation: Mutation) {
        self.mutation = Some(mutation);
    }

    /// Takes what the store has done. At most one completion per buffer and one segment.
    fn reap(&mut self, now: Nanos) -> usize {
        let most = self.in_flight.len() + 1;
        let mut work = 0;
        while work < most && self.fault.is_none() {
            let Some(done) = self.store.poll() else { break };
            work += 1;
            match done {
                LogDone::Written(write) => self.written(write),
                LogDone::Prepared(segment) => self.segments.prepared(segment),
                LogDone::PrepareFailed(segment, why) => {
                    self.fault = self.segments.failed(segment, why, now);
                }
                LogDone::WriteFailed(_, why) => self.fault = Some(why),
            }
        }
        work
    }

    fn written(&mut self, write: LogWrite) {
        let block = self.in_flight.iter_mut().find(|block| block.write == write);
        let block = block.expect("what completes was in flight");
        assert!(!block.completed, "a write completes once");
        block.completed = true;
        self.free.push(write.buffer);
        #[cfg(any(test, feature = "mutate"))]
        if self.mutation == Some(Mutation::DurableByAnyCompletion) {
            let after = block.after.position;
            self.links.durable.raise(after.max(self.links.durable.at()));
        }
        while let Some(block) = self.in_flight.front().filter(|block| block.completed) {
            assert_eq!(block.after.block_seq, self.durable.block_seq + 1, "the prefix has no gap");
            self.durable = block.after;
            self.marked = block.mark;
            self.in_flight.pop_front();
        }
        if self.links.durable.at() < self.durable.position {
            self.links.durable.raise(self.durable.position);
        }
    }

    /// Asks for the segment that is wanted next; opens or stops intake.
    fn tend_segments(&mut self, now: Nanos) {
        if let Some(segment) = self.segments.wanted(now) {
            let free_below = SegmentNo(self.links.floor.read().index.0);
            self.store.prepare(segment, free_below);
        }
        let turn = match (self.segments.intake(), self.is_stopped()) {
            (Intake::Stop, false) => {
                self.counts.stops += 1;
                true
            }
            (Intake::Go, true) => true,
            _ => false,
        };
        if turn {
            let at = self.links.intake.at();
            self.links.intake.raise(Position { index: at.index.next(), ..at });
        }
    }

    /// Gathers what waits into a block and submits it, if there is a place, a buffer and a record.
    fn issue(&mut self) -> usize {
        let room = self.room_bytes();
        if room == 0 {
            return 0;
        }
        if self.turn_if_due() {
            return 1;
        }
        if self.links.records.peek().is_none() {
            return 0;
        }
        let records_max = self.turns.records_before(self.counts.records);
        self.builder.begin(room);
        while let Some(record) = self.links.records.peek() {
            if u64::from(self.builder.count()) == records_max || !self.builder.offer(record) {
                break;
            }
            let taken = self.links.records.pop();
            assert!(taken.is_some(), "what was looked at is taken");
        }
        let taken = self.builder.count();
        assert!(taken > 0, "the first record of a block always fits");
        self.counts.records += u64::from(taken);
        self.turns.pass(self.builder.last());
        self.submit(BlockBuilder::close);
        taken as usize
    }

    /// Bytes that a block issued now could have.
    fn room_bytes(&self) -> usize {
        if self.in_flight.len() == self.in_flight_max || self.free.is_empty() {
            return 0;
        }
        self.segments.room_bytes().min(self.block_bytes_max)
    }

    /// Makes a block and issues it.
    fn submit(
        &mut self,
        make: impl FnOnce(&mut BlockBuilder, &BlockFrame, &mut [u8]) -> BlockFields,
    ) {
        let buffer = self.free.pop().expect("a block is begun only with a buffer free");
        let (durable, commit) = (self.mark(), self.links.commit.read().index);
        let frame = BlockFrame { name: self.next, durable, commit, chain: self.chain };
        let fields = make(&mut self.builder, &frame, self.store.buffer(buffer));
        let len_bytes = fields.block_bytes();
        let (segment, offset_bytes) = self.segments.place(len_bytes);
        let write = LogWrite { buffer, len_bytes, segment, offset_bytes };
        let position = Position { generation: self.generation(), index: fields.last_index() };
        let after = DurableMark { position, block_seq: self.next.block_seq };
        let mark = durable.position;
        self.issued = (self.issued.0.max(mark), self.issued.1.max(commit));
        self.in_flight.push_back(InFlight { write, after, mark, completed: false });
        self.chain = fields.chain_after();
        self.next.block_seq += 1;
        self.counts.blocks += 1;
        self.counts.seals += u64::from(fields.kind == BlockKind::Seal);
        self.counts.bytes += len_bytes as u64;
        self.store.submit(write);
        #[cfg(any(test, feature = "mutate"))]
        if self.mutation == Some(Mutation::DurableAtSubmit) {
            self.links.durable.raise(position);
        }
    }

    /// A log that went idle says on disk how far it is durable (SAFETY 3), once.
    fn seal_if_idle(&mut self, now: Nanos) -> usize {
        let since = *self.active.get_or_insert(now);
        let unmarked = self.durable.position > self.marked;
        let idle = self.in_flight.is_empty() && now.since(since) >= self.seal_after.0;
        if !(unmarked && idle) || self.room_bytes() == 0 {
            return 0;
        }
        self.builder.begin(UNIT_BYTES);
        self.submit(BlockBuilder::close);
        1
    }
}

impl<S: LogStore> Agent for Journal<S> {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn duty_cycle(&mut self, now: Now) -> usize {
        if self.fault.is_some() {
            return 0;
        }
        let mut work = self.reap(now.mono);
        if self.fault.is_some() {
            return work;
        }
        self.tend_segments(now.mono);
        work += self.issue();
        if work > 0 {
            self.active = Some(now.mono);
        } else {
            work = self.seal_if_idle(now.mono);
        }
        work
    }
}

const fn millis(ms: u32) -> Nanos {
    Nanos(ms as u64 * 1_000_000)
}
