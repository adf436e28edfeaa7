//! Lives of one log: a start, a journal, a tail that frees segments, an end.

use gavel_contract::{Agent, JournalPlan, LogStore, Now};
use gavel_io::faults::{Failed, Failpoints, Failure};
use gavel_io::storage::{DurableMode, LogDirectory, StoreOptions};
use gavel_journal::recovery::{self, LogPoint, Recovered, Refusal};
use gavel_journal::{Journal, JournalLinks, Tail};
use gavel_link::{Position, WatermarkWriter, ring, watermark};
use gavel_types::{Command, Index, LogRecord, Nanos, SeqNo, SessionSlot, Stamp, Term};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const PLAN: JournalPlan = JournalPlan {
    segment_bytes: 16 * 1_024,
    block_bytes_max: 8 * 1_024,
    blocks_in_flight_max: 2,
    seal_after_ms: 5,
    full_retry_ms: 20,
};

/// How long a life may stand still: nothing in it waits for anything but the disk.
const WITHIN: Duration = Duration::from_secs(60);

/// What a node says by its intake, which is stopped.
pub(crate) const NO_ROOM: &str = "intake stopped";

/// How a life ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// All records were written.
    Done,
    /// It could not start.
    Refused(String),
    /// It had to end.
    Failed(String),
}

/// One log, and what is known of it.
pub(crate) struct World {
    _place: tempfile::TempDir,
    directory: PathBuf,
    mode: DurableMode,
    lives: u64,
    /// By index - 1: the life that appended the record.
    appended: Vec<u64>,
    /// How far the log was reported durable.
    durable: u64,
    /// Snapshots that are kept, oldest first: here nothing but their points.
    points: Vec<LogPoint>,
    /// What was made to fail in the last life.
    pub(crate) failed: Option<Failed>,
}

/// A record that says who appended it.
fn record(index: u64, life: u64) -> LogRecord {
    let stamp = Stamp { index: Index(index), term: Term(1), time: Nanos(index * 1_000) };
    let mut body = [0; 88];
    body[..8].copy_from_slice(&life.to_le_bytes());
    body[8..16].copy_from_slice(&index.to_le_bytes());
    let command = Command {
        session: SessionSlot(1),
        kind: 1,
        reserved: 0,
        len: 80,
        client_seq: SeqNo(index),
        body,
    };
    LogRecord { stamp, command }
}

impl World {
    pub(crate) fn new(mode: DurableMode) -> Self {
        // In memory if that can be: thousands of syncs are made, and what is failed is not the
        // device but what it says.
        let memory = PathBuf::from("/dev/shm");
        let disk = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let place = tempfile::tempdir_in(&memory).or_else(|_| tempfile::tempdir_in(disk)).unwrap();
        Self {
            directory: place.path().join("log"),
            _place: place,
            mode,
            lives: 0,
            appended: Vec::new(),
            durable: 0,
            points: vec![LogPoint::ORIGIN],
            failed: None,
        }
    }

    /// Starts, writes so many records more, and ends.
    pub(crate) fn live(&mut self, failure: Option<Failure>, records: u64) -> End {
        self.lives += 1;
        let points = failure.map(|failure| Failpoints::watch(&self.directory, Some(failure)));
        let end = match self.start() {
            Ok(life) => self.run(life, records, failure.is_some_and(|failure| failure.for_ever)),
            Err(text) => End::Refused(text),
        };
        self.failed = points.and_then(|points| points.failed());
        end
    }

    fn start(&mut self) -> Result<Life<impl LogStore + use<>>, String> {
        let text = |fault: gavel_contract::StoreFault| fault.to_string();
        let mut directory = LogDirectory::open(&self.directory).map_err(text)?;
        let incarnation = directory.next_incarnation().map_err(text)?;
        let (buffers, bytes) = (PLAN.blocks_in_flight_max + 1, PLAN.block_bytes_max);
        let options = StoreOptions::new(buffers, bytes, PLAN.segment_bytes);
        let options = StoreOptions { mode: self.mode, freed_segments_max: 1, ..options };
        let store = directory.store(&options).map_err(text)?;
        let found = self.recover(&directory)?;
        if let Some(segment) = found.unprepared {
            directory.remove_unprepared(segment, PLAN.segment_bytes).map_err(text)?;
        }
        let reader = directory.tailing_reader().map_err(text)?;
        let newest = *self.points.last().unwrap();
        let tail = Tail::new(reader, PLAN.segment_bytes, newest);
        let (records_in, records) = ring(1_024);
        let (durable_in, durable) = watermark(Position::default());
        let (intake, _) = watermark(Position::default());
        let (floor_in, floor) = watermark(Position::default());
        let links =
            JournalLinks { records, commit: durable.clone(), floor, durable: durable_in, intake };
        let start = found.start(incarnation).unwrap();
        let journal = Journal::new(&PLAN, store, start, links);
        Ok(Life { journal, records: records_in, durable, floor: floor_in, tail, mono: Nanos(0) })
    }

    /// Reads the log from the newest snapshot; what it holds must be what was appended.
    fn recover(&mut self, directory: &LogDirectory) -> Result<Recovered, String> {
        let from = *self.points.last().unwrap();
        let found = self.scan(directory, &from)?;
        self.appended.truncate(found.last.index.0 as usize);
        assert!(found.last.index.0 >= self.durable, "what was durable is there: {found:?}");
        Ok(found)
    }

    fn scan(&self, directory: &LogDirectory, from: &LogPoint) -> Result<Recovered, String> {
        let (mut reader, bytes) = (directory.reader(), PLAN.segment_bytes);
        let scanned = recovery::scan(&mut reader, bytes, from, &mut |read| {
            let index = read.stamp.index.0;
            let life = self.appended.get(index as usize - 1).expect("it was appended");
            assert_eq!(*read, record(index, *life), "what is read is what was appended");
        });
        match scanned {
            Err(Refusal::Fault { fault, .. }) => Err(fault.to_string()),
            other => Ok(other.expect("no failed operation makes a log that is refused")),
        }
    }

    /// Reads the log from every snapshot that is kept, as a start would.
    pub(crate) fn read_back(&self) {
        let directory = LogDirectory::open(&self.directory).unwrap();
        let ends: Vec<_> =
            self.points.iter().map(|from| self.scan(&directory, from).unwrap().point()).collect();
        assert!(ends.iter().all(|end| *end == ends[0]), "every snapshot leads to one end");
        let segments = std::fs::read_dir(&self.directory).unwrap();
        let names = segments.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let segments = names.filter(|name| name.ends_with(".seg")).count() as u64;
        let needed = ends[0].end.segment.0 - self.points[0].end.segment.0 + 1;
        // The next one; what is kept; what was open when it was freed; what came after the last
        // that was made.
        assert!(segments <= needed + 1 + 1 + 3 + 1, "{segments} segments, {needed} are needed");
    }

    fn run(&mut self, mut life: Life<impl LogStore>, records: u64, for_ever: bool) -> End {
        let last = self.appended.len() as u64 + records;
        let mut moved = Instant::now();
        while self.durable < last {
            let counts = life.journal.counts();
            assert!(moved.elapsed() < WITHIN, "it hangs: {last}, {}, {counts:?}", self.durable);
            // Small blocks, one or two under way.
            let waiting = self.appended.len() as u64 - self.durable;
            for index in self.appended.len() as u64 + 1..=last.min(self.durable + waiting + 7) {
                if waiting <= 7 {
                    life.records.push(record(index, self.lives));
                    self.appended.push(self.lives);
                }
            }
            life.mono = Nanos(life.mono.0 + 1_000_000);
            life.journal.duty_cycle(Now { mono: life.mono, utc: Nanos(0) });
            let durable = life.durable.read().index.0;
            if durable > self.durable {
                self.durable = durable;
                moved = Instant::now();
            }
            if for_ever && life.journal.is_stopped() {
                return End::Failed(NO_ROOM.into());
            }
            if let Some(fault) = life.journal.fault() {
                return End::Failed(fault.to_string());
            }
            if let Err(text) = self.follow(&mut life) {
                return End::Failed(text);
            }
            std::thread::yield_now();
        }
        End::Done
    }

    /// Reads what is durable, and frees what is older than the snapshot before the newest.
    fn follow(&mut self, life: &mut Life<impl LogStore>) -> Result<(), String> {
        let durable = life.durable.read().index;
        let check = |read: &LogRecord| {
            let index = read.stamp.index.0;
            assert_eq!(*read, record(index, self.appended[index as usize - 1]));
        };
        loop {
            match life.tail.next(durable, &mut { check }) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(Refusal::Fault { fault, .. }) => return Err(fault.to_string()),
                Err(other) => panic!("what is durable is whole: {other}"),
            }
        }
        let point = life.tail.point();
        let newest = self.points.last().unwrap();
        if point.end.segment.0 > newest.end.segment.0 + 1 {
            self.points.push(point);
            let surplus = self.points.len().saturating_sub(2);
            self.points.drain(..surplus);
            let index = Index(self.points[0].end.segment.0);
            life.floor.raise(Position { generation: 0, index });
        }
        Ok(())
    }
}

/// What runs in one life.
struct Life<S: LogStore> {
    journal: Journal<S>,
    records: gavel_link::Writer<LogRecord>,
    durable: gavel_link::Watermark,
    floor: WatermarkWriter,
    tail: Tail<gavel_io::storage::TailingReader>,
    mono: Nanos,
}
