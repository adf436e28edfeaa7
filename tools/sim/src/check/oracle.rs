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
use super::{Absence, Conserve, Sights, Verdict, Violation};
use gavel_book::reference::ReferenceBook;
use gavel_contract::{LogReader, Machine, Outbox, Plan, SegmentNo};
use gavel_journal::memory::MemoryDisk;
use gavel_journal::recovery::{self, LogPoint, Recovered};
use gavel_journal::tail::Tail;
use gavel_pipeline::session::Sessioned;
use gavel_types::{Body, Index, LogRecord, Nanos, Report, ReportBody, SessionSlot, SessionUuid};
use gavel_wire::server::{MAX_SERVER_FRAME_BYTES, encode_report};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

const CHECKER: &str = "oracle";

/// Most clients of a world. A client's sessions have its number, and then one so much higher each.
pub const CLIENTS_MAX: usize = 16;

/// The name of a session.
#[must_use]
pub fn uuid(session: usize) -> SessionUuid {
    let mut uuid = [session as u8 + 1; 16];
    uuid[..8].copy_from_slice(&(session as u64 + 1).to_le_bytes());
    SessionUuid(uuid)
}

#[derive(Default)]
struct Told {
    /// By slot: the session that has it.
    slots: Vec<SessionUuid>,
    /// By session: hash of each report's frame, by number from 1.
    hashes: BTreeMap<SessionUuid, Vec<u64>>,
    parts: Vec<Report>,
    conserve: Conserve,
    absence: Absence,
    verdict: Option<Violation>,
}

impl Told {
    fn begin(&mut self, slot: SessionSlot, uuid: SessionUuid) {
        let at = slot.0 as usize;
        if self.slots.len() <= at {
            self.slots.resize(at + 1, SessionUuid::default());
        }
        self.slots[at] = uuid;
        self.hashes.insert(uuid, Vec::new());
    }
}

impl Outbox for Told {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, report: Report) {
        if let Err(violation) = self.conserve.on_report(&report) {
            self.verdict.get_or_insert(violation);
        }
        self.absence.on_report(&report);
        if let Ok(ReportBody::NegotiationAccepted(accepted)) = report.parse() {
            self.begin(accepted.slot, accepted.uuid);
        }
        if !report.is_sequenced() {
            return;
        }
        self.parts.push(report);
        if report.is_last_part() {
            let mut frame = [0; MAX_SERVER_FRAME_BYTES];
            let bytes = encode_report(&self.parts, &ENVELOPE, &mut frame);
            let hashes = self.hashes.entry(self.slots[report.session.0 as usize]).or_default();
            assert_eq!(hashes.len() as u64 + 1, report.number.0, "numbers have no gap");
            hashes.push(xxh3_64(&frame[..bytes]));
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
                self.told.absence.on_record(record);
                self.machine.apply_whole(record, &mut self.told);
                if let Err(violation) = self.told.absence.on_applied(record) {
                    self.told.verdict.get_or_insert(violation);
                }
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

    /// Hash of a session's report, if the log gives it.
    #[must_use]
    pub fn report(&self, session: usize, number: u64) -> Option<u64> {
        self.history.told.hashes.get(&uuid(session))?.get(number as usize - 1).copied()
    }

    /// How many reports the log gives a session.
    #[must_use]
    pub fn reports(&self, session: usize) -> u64 {
        self.history.told.hashes.get(&uuid(session)).map_or(0, |hashes| hashes.len() as u64)
    }

    /// In the end: nobody who is away is overdue.
    ///
    /// # Errors
    /// [`Violation`].
    pub fn finish(&self) -> Verdict {
        let now = self.history.records.last().map_or(Nanos(0), |record| record.stamp.time);
        self.history.told.absence.finish(now)
    }

    /// Plants a bug of the session rules.
    pub fn plant(&mut self, mutation: gavel_pipeline::Mutation) {
        self.history.machine.plant(mutation);
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
