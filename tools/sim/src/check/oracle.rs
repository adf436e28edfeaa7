//! What the log that survives says: the naive machine, applied to it.
//!
//! At every start, and in the end, the disk is read with an honest reader, and what is new in it is
//! applied. What was read once is durable, so history only grows: a record that was there must be
//! there again, the same.
//!
//! Inputs -> outputs: a disk -> the reports of every session, and the state, as they must be.
//! Not here: the fast book, the node.
//! Source: ARCHITECTURE.md: the state is a function of the log alone.

use super::ledger::ENVELOPE;
use super::{Conserve, Sights, Verdict, Violation};
use gavel_book::reference::ReferenceBook;
use gavel_contract::{Machine, Outbox, Plan, Progress};
use gavel_journal::memory::MemoryDisk;
use gavel_journal::recovery::{self, LogPoint, Recovered};
use gavel_pipeline::session::Sessioned;
use gavel_types::{Body, Index, LogRecord, Report, SessionUuid};
use gavel_wire::server::{MAX_SERVER_FRAME_BYTES, encode_report};
use xxhash_rust::xxh3::xxh3_64;
use zerocopy::IntoBytes;

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

/// The checker.
pub struct Oracle {
    machine: Sessioned<ReferenceBook>,
    /// Hash of every record.
    records: Vec<u64>,
    told: Told,
    segment_bytes: u64,
}

impl Oracle {
    /// Of an empty log.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self {
            machine: Sessioned::new(&plan.session, ReferenceBook::new(&plan.book)),
            records: Vec::new(),
            told: Told::default(),
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
        let Self { machine, records, told, .. } = self;
        let mut changed = None;
        let mut reader = disk.reader();
        let (bytes, from) = (self.segment_bytes, LogPoint::ORIGIN);
        let scanned = recovery::scan(&mut reader, bytes, &from, &mut |record: &LogRecord| {
            let at = record.stamp.index.0 as usize - 1;
            let hash = xxh3_64(record.as_bytes());
            match records.get(at) {
                Some(known) if *known == hash => {}
                Some(_) => {
                    changed.get_or_insert(record.stamp.index);
                }
                None => {
                    records.push(hash);
                    if let Ok(Body::Disconnect(gone)) = record.command.parse() {
                        sights.see(&format!("disconnected: {:?}", gone.cause));
                    }
                    let progress = machine.apply(record, told);
                    assert!(progress == Progress::Done, "nothing pauses when there is room");
                }
            }
        });
        let recovered = scanned.map_err(|refusal| {
            Violation::new("recovery", format!("a world of legal faults is refused: {refusal}"))
        })?;
        if let Some(index) = changed {
            let what = format!("record {index} is another one than it was at an earlier start");
            return Err(Violation::new(CHECKER, what));
        }
        if recovered.last.index.0 < self.records.len() as u64 {
            return Err(Violation::new(
                CHECKER,
                format!(
                    "the log ends at record {}, and reached {} at an earlier start",
                    recovered.last.index,
                    self.records.len()
                ),
            ));
        }
        match self.told.verdict.take() {
            Some(violation) => Err(violation),
            None => Ok(recovered),
        }
    }

    /// The last record applied.
    #[must_use]
    pub fn applied(&self) -> Index {
        self.machine.applied()
    }

    /// Hash of a client's report, if the log gives it.
    #[must_use]
    pub fn report(&self, client: usize, number: u64) -> Option<u64> {
        let slot = self.slot(client)?;
        self.told.hashes.get(slot)?.get(number as usize - 1).copied()
    }

    /// How many reports the log gives a client.
    #[must_use]
    pub fn reports(&self, client: usize) -> u64 {
        let slot = self.slot(client);
        slot.and_then(|slot| self.told.hashes.get(slot)).map_or(0, |hashes| hashes.len() as u64)
    }

    fn slot(&self, client: usize) -> Option<usize> {
        self.machine.sessions().iter().position(|session| session.uuid == uuid(client))
    }

    /// The book, as it must be.
    #[must_use]
    pub fn book_digest(&self) -> u64 {
        self.machine.book_digest()
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
        if machine.node_digest() != self.machine.node_digest() {
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
