//! What the log that survives says: the naive machine, applied to it.
//!
//! At every start, before segments are given up, and in the end, the disk is read with an honest
//! reader, and what is new in it is applied and kept: the node may give up its log's head, the
//! oracle never does. What was read once is durable, so history only grows: a record that was there
//! must be there again, the same, or its segment was given up.
//!
//! Inputs -> outputs: a disk -> the reports of every session, and the state, as they must be.
//! Not here: the fast book, the node, snapshots (snapshots.rs).
//! Source: ARCHITECTURE.md: the state is a function of the log alone.

use super::ledger::ENVELOPE;
use super::{Conserve, Sights, Verdict, Violation};
use gavel_book::reference::ReferenceBook;
use gavel_contract::{LogReader, Machine, Outbox, Plan, Progress, SegmentNo};
use gavel_journal::memory::MemoryDisk;
use gavel_journal::recovery::{self, LogPoint, Recovered};
use gavel_journal::tail::Tail;
use gavel_pipeline::session::Sessioned;
use gavel_types::{Body, Index, LogRecord, Report, SessionUuid};
use gavel_wire::server::{MAX_SERVER_FRAME_BYTES, encode_report};
use xxhash_rust::xxh3::xxh3_64;

const CHECKER: &str = "oracle";

/// The name of a client's session.
#[must_use]
pub fn uuid(client: usize) -> SessionUuid {
    SessionUuid([client as u8 + 1; 16])
}

#[derive(Default)]
struct Told {
    /// By session slot: hash of each report's frame, by number from 1.
    hashes: Vec<Vec<u64>>,
    parts: Vec<Report>,
    conserve: Conserve,
    verdict: Option<Violation>,
}

impl Outbox for Told {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, report: Report) {
        if let Err(violation) = self.conserve.on_report(&report) {
            self.verdict.get_or_insert(violation);
        }
        if !report.is_sequenced() {
            return;
        }
        self.parts.push(report);
        if report.is_last_part() {
            let slot = report.session.0 as usize;
            if self.hashes.len() <= slot {
                self.hashes.resize_with(slot + 1, Vec::new);
            }
            let mut frame = [0; MAX_SERVER_FRAME_BYTES];
            let bytes = encode_report(&self.parts, &ENVELOPE, &mut frame);
            assert_eq!(self.hashes[slot].len() as u64 + 1, report.number.0, "numbers have no gap");
            self.hashes[slot].push(xxh3_64(&frame[..bytes]));
            self.parts.clear();
        }
    }
}

/// The log so far, and what came of it.
struct History {
    machine: Sessioned<ReferenceBook>,
    records: Vec<LogRecord>,
    told: Told,
    /// A record that is not what it was.
    changed: Option<Index>,
}

impl History {
    fn visit(&mut self, record: &LogRecord, sights: &mut Sights) {
        match self.records.get(record.stamp.index.0 as usize - 1) {
            Some(known) if known == record => {}
            Some(_) => {
                self.changed.get_or_insert(record.stamp.index);
            }
            None => {
                self.records.push(*record);
                if let Ok(Body::Disconnect(gone)) = record.command.parse() {
                    sights.see(&format!("disconnected: {:?}", gone.cause));
                }
                let progress = self.machine.apply(record, &mut self.told);
                assert!(progress == Progress::Done, "nothing pauses when there is room");
            }
        }
    }

    fn verdict(&mut self) -> Verdict {
        if let Some(index) = self.changed {
            let what = format!("record {index} is another one than it was at an earlier start");
            return Err(Violation::new(CHECKER, what));
        }
        self.told.verdict.take().map_or(Ok(()), Err)
    }
}

/// The checker.
pub struct Oracle {
    history: History,
    /// Where the log ended at each start, oldest first, and its beginning: from the oldest whose
    /// segments are all there it is read again.
    points: Vec<LogPoint>,
    /// How far it was read.
    read: LogPoint,
    segment_bytes: u64,
}

impl Oracle {
    /// Of an empty log.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self {
            history: History {
                machine: Sessioned::new(&plan.session, ReferenceBook::new(&plan.book)),
                records: Vec::new(),
                told: Told::default(),
                changed: None,
            },
            points: vec![LogPoint::ORIGIN],
            read: LogPoint::ORIGIN,
            segment_bytes: plan.journal.segment_bytes,
        }
    }

    /// Reads a disk to its end.
    ///
    /// # Errors
    /// [`Violation`] if the log is refused, or is not what it was, or does not conserve quantities.
    pub fn extend(
        &mut self,
        disk: &MemoryDisk,
        sights: &mut Sights,
    ) -> Result<Recovered, Violation> {
        let mut reader = disk.reader();
        let there = reader.segments().expect("an honest reader can list");
        let whole = |from: &LogPoint| {
            let needed = from.end.segment.0..=self.read.end.segment.0;
            let has = |n| there.iter().any(|info| info.segment == SegmentNo(n));
            // A segment that is full to its end is not needed for what comes behind it, and the
            // one behind it may not be there yet.
            needed.clone().all(has) || *from == self.read
        };
        self.points.drain(..self.points.iter().position(whole).unwrap_or(self.points.len()));
        let from = self.points.first().copied().unwrap_or(self.read);
        let history = &mut self.history;
        let mut visit = |record: &LogRecord| history.visit(record, sights);
        let scanned = recovery::scan(&mut reader, self.segment_bytes, &from, &mut visit);
        let recovered = scanned.map_err(|refusal| {
            Violation::new("recovery", format!("a world of legal faults is refused: {refusal}"))
        })?;
        if recovered.last.index.0 < self.history.records.len() as u64 {
            return Err(Violation::new(
                CHECKER,
                format!(
                    "the log ends at record {}, and reached {} at an earlier start",
                    recovered.last.index,
                    self.history.records.len()
                ),
            ));
        }
        self.history.verdict()?;
        self.read = recovered.point();
        if self.points.last() != Some(&self.read) {
            self.points.push(self.read);
        }
        Ok(recovered)
    }

    /// Reads on to a record that is surely durable, before segments that hold it are given up.
    ///
    /// # Errors
    /// [`Violation`], as for [`Oracle::extend`].
    pub fn follow(&mut self, disk: &MemoryDisk, sure: Index, sights: &mut Sights) -> Verdict {
        if sure < self.read.end.index {
            return Ok(());
        }
        let mut tail = Tail::new(disk.reader(), self.segment_bytes, self.read);
        let history = &mut self.history;
        loop {
            match tail.next(sure, &mut |record| history.visit(record, sights)) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(refusal) => {
                    let what = format!("what is durable cannot be read: {refusal}");
                    return Err(Violation::new(CHECKER, what));
                }
            }
        }
        self.read = tail.point();
        self.history.verdict()
    }

    /// The last record applied.
    #[must_use]
    pub fn applied(&self) -> Index {
        self.history.machine.applied()
    }

    /// Every record of the log.
    #[must_use]
    pub fn records(&self) -> &[LogRecord] {
        &self.history.records
    }

    /// Hash of a client's report, if the log gives it.
    #[must_use]
    pub fn report(&self, client: usize, number: u64) -> Option<u64> {
        let slot = self.slot(client)?;
        self.history.told.hashes.get(slot)?.get(number as usize - 1).copied()
    }

    /// How many reports the log gives a client.
    #[must_use]
    pub fn reports(&self, client: usize) -> u64 {
        let hashes = self.slot(client).and_then(|slot| self.history.told.hashes.get(slot));
        hashes.map_or(0, |hashes| hashes.len() as u64)
    }

    fn slot(&self, client: usize) -> Option<usize> {
        let mut sessions = self.history.machine.sessions().iter();
        sessions.position(|session| session.uuid == uuid(client))
    }

    /// The book, as it must be.
    #[must_use]
    pub fn book_digest(&self) -> u64 {
        self.history.machine.book_digest()
    }

    /// The node's state agrees.
    pub fn agree<M: Machine>(&self, machine: &Sessioned<M>, when: &str) -> Verdict {
        if machine.applied() != self.applied() {
            return Err(Violation::new(
                CHECKER,
                format!(
                    "{when} the node has applied {}, and the disk holds {}",
                    machine.applied(),
                    self.applied()
                ),
            ));
        }
        if machine.node_digest() != self.history.machine.node_digest() {
            let books = machine.book_digest() == self.book_digest();
            let what = if books { "its books do not" } else { "its books do" };
            let at = self.applied();
            return Err(Violation::new(
                CHECKER,
                format!("{when} the node's state at {at} differs from the log's; {what} differ"),
            ));
        }
        Ok(())
    }
}
