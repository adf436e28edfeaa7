//! Records, hand-made logs, and a journal with its links.

use crate::block::{BlockBuilder, BlockFrame};
use crate::format::{BlockFields, BlockName, CHAIN_ORIGIN, DurableMark, UNIT_BYTES};
use crate::memory::{MemoryDisk, MemoryStore, Random};
use crate::{Journal, JournalLinks, JournalStart, LogPoint, Recovered, Refusal, recovery};
use gavel_contract::{Agent, JournalPlan, Now, SegmentNo};
use gavel_link::{Position, Watermark, WatermarkWriter, Writer, ring, watermark};
use gavel_types::{Command, Index, LogRecord, Nanos, SeqNo, SessionSlot, Stamp, Term};

pub(crate) const MS: u64 = 1_000_000;

pub(crate) fn plan() -> JournalPlan {
    JournalPlan {
        segment_bytes: 64 * 1_024,
        block_bytes_max: 8 * 1_024,
        blocks_in_flight_max: 3,
        seal_after_ms: 5,
        full_retry_ms: 20,
    }
}

/// A record whose bytes follow from its stamp, of any body length.
pub(crate) fn record(stamp: Stamp) -> LogRecord {
    let mut random = Random::new(stamp.index.0 ^ stamp.time.0.rotate_left(32));
    let len = if random.one_in(2) { 80 } else { random.below(89) };
    let mut body = [0; 88];
    body[..len].fill_with(|| random.word() as u8);
    let command = Command {
        session: SessionSlot(random.word() as u32),
        kind: random.word() as u8,
        reserved: 0,
        len: len as u16,
        client_seq: SeqNo(random.word()),
        body,
    };
    LogRecord { stamp, command }
}

/// Records in a row, from `first` on, in term 1, a microsecond apart.
pub(crate) fn records_of(first: u64, count: u64) -> Vec<LogRecord> {
    let stamp = |i: u64| Stamp { index: Index(i), term: Term(1), time: Nanos(i * 1_000) };
    (first..first + count).map(|i| record(stamp(i))).collect()
}

pub(crate) fn scan_all(
    disk: &MemoryDisk,
    segment_bytes: u64,
) -> Result<(Recovered, Vec<LogRecord>), Refusal> {
    scan_from(disk, segment_bytes, &LogPoint::ORIGIN)
}

pub(crate) fn scan_from(
    disk: &MemoryDisk,
    segment_bytes: u64,
    from: &LogPoint,
) -> Result<(Recovered, Vec<LogRecord>), Refusal> {
    let mut records = Vec::new();
    let found = recovery::scan(&mut disk.reader(), segment_bytes, from, &mut |r| records.push(*r))?;
    assert_eq!(found.records, records.len() as u64);
    Ok((found, records))
}

/// A block that was put on a disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub(crate) segment: SegmentNo,
    pub(crate) offset_bytes: u64,
    pub(crate) fields: BlockFields,
}

impl Placed {
    pub(crate) fn sectors(&self) -> usize {
        self.fields.block_bytes() / 512
    }
}

/// Makes a log block by block, with whatever the test sets in between. Every block says that all
/// before it are durable, unless `durable` is set back.
pub(crate) struct Image {
    pub(crate) disk: MemoryDisk,
    pub(crate) segment: SegmentNo,
    pub(crate) offset_bytes: u64,
    pub(crate) name: BlockName,
    pub(crate) chain: u64,
    pub(crate) last: Stamp,
    pub(crate) durable: DurableMark,
    /// If false, `durable` stays as it is.
    pub(crate) follows: bool,
    pub(crate) records: Vec<LogRecord>,
}

impl Image {
    pub(crate) fn new(segments: u64) -> Self {
        let disk = MemoryDisk::new(plan().segment_bytes);
        for n in 1..=segments {
            disk.put_segment(SegmentNo(n), vec![0; plan().segment_bytes as usize]);
        }
        Self {
            disk,
            segment: SegmentNo(1),
            offset_bytes: 0,
            name: BlockName { incarnation: 1, block_seq: 1 },
            chain: CHAIN_ORIGIN,
            last: Stamp { index: Index(0), term: Term(1), time: Nanos(0) },
            durable: DurableMark::default(),
            follows: true,
            records: Vec::new(),
        }
    }

    /// Goes on where a scan says that the log ends.
    pub(crate) fn resume(&mut self, found: &Recovered, incarnation: u64) {
        self.segment = found.end.segment;
        self.offset_bytes = found.end.offset_bytes;
        self.name = BlockName { incarnation, block_seq: found.end.block_seq };
        self.chain = found.chain;
        self.last = found.last;
        self.records.truncate(found.records as usize);
        let position = Position { index: found.last.index, ..found.marked };
        self.durable = DurableMark { position, block_seq: found.end.block_seq - 1 };
    }

    /// Puts a block of so many records (0: a seal), or as many as fit in the segment.
    pub(crate) fn block(&mut self, records: u64) -> Placed {
        let mut builder = BlockBuilder::new(plan().segment_bytes as usize, self.last);
        builder.begin((plan().segment_bytes - self.offset_bytes) as usize);
        for i in 1..=records {
            let time = Nanos(self.last.time.0 + i * 1_000);
            let record = record(Stamp { index: Index(self.last.index.0 + i), time, ..self.last });
            if !builder.offer(&record) {
                break;
            }
            self.records.push(record);
        }
        let frame = BlockFrame {
            name: self.name,
            durable: self.durable,
            commit: self.durable.position.index,
            chain: self.chain,
        };
        let mut bytes = vec![0xee; plan().segment_bytes as usize];
        let fields = builder.close(&frame, &mut bytes);
        let placed = Placed { segment: self.segment, offset_bytes: self.offset_bytes, fields };
        self.disk.overwrite(self.segment, self.offset_bytes, &bytes[..fields.block_bytes()]);
        self.chain = fields.chain_after();
        if let Some(last) = self.records.last() {
            self.last = last.stamp;
        }
        self.offset_bytes += fields.block_bytes() as u64;
        if self.offset_bytes == plan().segment_bytes {
            (self.segment, self.offset_bytes) = (SegmentNo(self.segment.0 + 1), 0);
        }
        if self.follows {
            self.durable.position.index = self.last.index;
            self.durable.block_seq = self.name.block_seq;
        }
        self.name.block_seq += 1;
        placed
    }

    /// Fills the segment to its end with blocks.
    pub(crate) fn fill_segment(&mut self) {
        let segment = self.segment;
        while self.segment == segment {
            self.block(1);
        }
    }

    /// Writes a block of so many units with one record or more, whatever their lengths come to.
    pub(crate) fn block_of_units(&mut self, units: usize) -> Placed {
        let per_unit = 4_096 / 110;
        let placed = self.block((units * per_unit) as u64 - 3);
        assert!(placed.fields.block_bytes() >= (units - 1).max(1) * UNIT_BYTES);
        placed
    }

    pub(crate) fn scan(&self) -> Result<Recovered, Refusal> {
        scan_all(&self.disk, plan().segment_bytes).map(|(found, records)| {
            assert_eq!(records, self.records[..records.len()], "what is read is what was written");
            found
        })
    }

    /// Puts zeros over sectors of a block.
    pub(crate) fn lose(&self, block: &Placed, sectors: impl IntoIterator<Item = usize>) {
        for sector in sectors {
            let at = block.offset_bytes + sector as u64 * 512;
            self.disk.overwrite(block.segment, at, &[0; 512]);
        }
    }

    /// Turns one bit of a block.
    pub(crate) fn rot(&self, block: &Placed, byte: u64) {
        self.disk.flip_bit(block.segment, block.offset_bytes + byte, 3);
    }
}

/// A journal with both ends of its links.
pub(crate) struct Rig {
    pub(crate) journal: Journal<MemoryStore>,
    pub(crate) disk: MemoryDisk,
    pub(crate) ring: Writer<LogRecord>,
    pub(crate) durable: Watermark,
    pub(crate) intake: Watermark,
    pub(crate) floor: WatermarkWriter,
    pub(crate) mono: Nanos,
}

impl Rig {
    pub(crate) fn new(plan: &JournalPlan, disk: &MemoryDisk, start: JournalStart) -> Self {
        let (ring, records) = ring(1_024);
        let (durable_writer, durable) = watermark(Position::default());
        let (intake_writer, intake) = watermark(Position::default());
        let (floor, floor_reader) = watermark(Position::default());
        let links = JournalLinks {
            floor: floor_reader,
            records,
            commit: durable.clone(),
            durable: durable_writer,
            intake: intake_writer,
        };
        let store = disk.store(plan.blocks_in_flight_max + 1, plan.block_bytes_max);
        let journal = Journal::new(plan, store, start, links);
        Self { journal, disk: disk.clone(), ring, durable, intake, floor, mono: Nanos(0) }
    }

    pub(crate) fn fresh(plan: &JournalPlan) -> Self {
        Self::new(plan, &MemoryDisk::new(plan.segment_bytes), JournalStart::empty(1))
    }

    pub(crate) fn push(&mut self, records: &[LogRecord]) {
        records.iter().for_each(|r| self.ring.push(*r));
    }

    /// One duty cycle, `ns` after the last.
    pub(crate) fn cycle(&mut self, ns: u64) -> usize {
        self.mono = Nanos(self.mono.0 + ns);
        self.journal.duty_cycle(Now { mono: self.mono, utc: Nanos(0) })
    }

    /// Cycles and completes until nothing moves.
    pub(crate) fn settle(&mut self) {
        for _ in 0..10_000 {
            if self.cycle(0) == 0 && !self.disk.complete_next() {
                return;
            }
        }
        panic!("a journal without input comes to rest");
    }

    pub(crate) fn durable_index(&self) -> u64 {
        self.durable.read().index.0
    }
}
