//! A snapshot is what the log says at its record, is there once it is said to be, and the log that
//! it and those before it need is kept.
//!
//! | when                        | what must hold                                                |
//! |-----------------------------|---------------------------------------------------------------|
//! | one is announced            | a crash now would leave it, whole; its state is the oracle's |
//! | the log's head is given up  | nothing that the oldest of those to be kept needs             |
//! | a process starts            | every snapshot is whole that did not rot; the newest is used |
//!
//! Inputs -> outputs: announcements and starts, the disk -> verdicts.
//! Invariants: the disk is asked, not the node; the state is made by the naive machine.
//! Not here: the reports that belong to a snapshot (once a client asks for them, the ledger
//! judges).
//! Source: SAFETY 2; ARCHITECTURE.md, recovery.

use super::{Oracle, Verdict, Violation};
use gavel_book::Book;
use gavel_book::reference::ReferenceBook;
use gavel_contract::{Clock, FileName, LogReader, Machine, Now, Outbox, Plan, SegmentNo};
use gavel_journal::memory::MemoryDisk;
use gavel_journal::recovery::LogPoint;
use gavel_pipeline::session::Sessioned;
use gavel_pipeline::snapshot::{self, Plain};
use gavel_pipeline::{Restart, configuration};
use gavel_types::{Index, Nanos, Report};
use std::collections::{BTreeMap, BTreeSet};

const CHECKER: &str = "snapshot";

/// Who measures nothing.
struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> Now {
        Now { mono: Nanos(0), utc: Nanos(0) }
    }
}

struct Nowhere;

impl Outbox for Nowhere {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, _report: Report) {}
}

/// The checker.
pub struct Snapshots {
    plan: Plan,
    /// Where the newest announced snapshot is.
    machine: Sessioned<ReferenceBook>,
    /// A bug that all machines have.
    mutation: Option<gavel_pipeline::Mutation>,
    /// Announced, or found at a start, and surely there then: where the log goes on.
    announced: BTreeMap<Index, LogPoint>,
    /// A bit of these was turned.
    rotten: BTreeSet<Index>,
    /// The log below is given up.
    floor: SegmentNo,
}

impl Snapshots {
    /// Of an empty disk.
    #[must_use]
    pub fn new(plan: &Plan, mutation: Option<gavel_pipeline::Mutation>) -> Self {
        Self {
            machine: reference(plan, mutation),
            mutation,
            plan: plan.clone(),
            announced: BTreeMap::new(),
            rotten: BTreeSet::new(),
            floor: SegmentNo(0),
        }
    }

    /// The node says that a snapshot is there.
    pub fn on_announced(&mut self, index: Index, disk: &MemoryDisk, oracle: &Oracle) -> Verdict {
        let least = disk.least();
        let mut machine = Sessioned::new(&self.plan.session, Book::new(&self.plan.book));
        let given = configuration(&self.plan);
        let (mut files, mut codec) = (least.files(), Plain);
        let read = snapshot::restore(&mut files, &mut codec, index, given, &mut machine, &NoClock);
        let header = match read {
            Ok(read) => read.contents.header,
            Err(bad) => {
                let what = format!("that of record {index} is announced, and a crash now: {bad}");
                return fail(what);
            }
        };
        let Some(record) = oracle.records().get(index.0 as usize - 1) else {
            return fail(format!("that of record {index} is of what may still be lost"));
        };
        if header.point.last != record.stamp {
            return fail(format!("that of record {index} names another stamp than the record has"));
        }
        self.advance(index, oracle);
        let expected = (self.machine.node_digest(), self.machine.book_digest());
        if (machine.node_digest(), machine.book_digest()) != expected
            || (header.node_digest, header.book_digest) != expected
        {
            return fail(format!("that of record {index} is another state than the log's there"));
        }
        self.announced.insert(index, header.point);
        self.rotten.remove(&index);
        Ok(())
    }

    /// Brings the naive machine to a record.
    fn advance(&mut self, index: Index, oracle: &Oracle) {
        if self.machine.applied() > index {
            // After falling back to an older snapshot there is one of an earlier record.
            self.machine = reference(&self.plan, self.mutation);
        }
        let from = self.machine.applied().0 as usize;
        for record in &oracle.records()[from..index.0 as usize] {
            self.machine.apply_whole(record, &mut Nowhere);
        }
    }

    /// The node gives up the log below a segment.
    pub fn on_floor(&mut self, floor: SegmentNo, disk: &MemoryDisk) -> Verdict {
        self.floor = floor;
        if floor.0 <= 1 {
            return Ok(());
        }
        let names = disk.least().file_names();
        let there = |index: &Index| names.contains(&FileName::Snapshot(*index));
        let newest = self.announced.iter().rev().filter(|(index, _)| there(index));
        let keep = self.plan.snapshot.keep as usize;
        let Some((index, point)) = newest.take(keep).nth(keep - 1) else {
            return fail(format!(
                "the log below segment {} is given up, with fewer than {keep} snapshots",
                floor.0
            ));
        };
        if floor > point.end.segment {
            return fail(format!(
                "the log below segment {} is given up, and the snapshot of record {index} needs {}",
                floor.0, point.end.segment.0
            ));
        }
        Ok(())
    }

    /// A process starts on a disk.
    pub fn on_start(&mut self, disk: &MemoryDisk) -> Verdict {
        // Nothing is on its way there, and what was made to fail is not ours.
        let found = disk.least();
        for name in found.file_names() {
            let FileName::Snapshot(index) = name else { continue };
            match snapshot::check(&mut found.files(), &mut Plain, index) {
                // The process may have died before it could announce it, or wrote it again.
                Ok(contents) => {
                    self.announced.insert(index, contents.header.point);
                    self.rotten.remove(&index);
                }
                Err(_) if self.rotten.contains(&index) => {}
                Err(bad) => {
                    return fail(format!("that of record {index} has its name, and {bad}"));
                }
            }
        }
        Ok(())
    }

    /// It has started.
    pub fn on_started(&self, restart: &Restart, disk: &MemoryDisk) -> Verdict {
        if let Some(passed) = restart.passed_over.iter().find(|p| !self.rotten.contains(&p.index)) {
            return fail(format!("a good one was not used: {passed}"));
        }
        let newest = self.good(disk).last().copied();
        if restart.snapshot != newest {
            return fail(format!("{:?} was used, and {newest:?} is there", restart.snapshot));
        }
        Ok(())
    }

    /// The snapshots on a disk of which no bit was turned, oldest first.
    fn good(&self, disk: &MemoryDisk) -> Vec<Index> {
        let names = disk.file_names().into_iter();
        let snapshots = names.filter_map(|name| match name {
            FileName::Snapshot(index) if !self.rotten.contains(&index) => Some(index),
            _ => None,
        });
        snapshots.collect()
    }

    /// One that may rot, if another good one is kept, and the log that it needs.
    #[must_use]
    pub fn may_rot(&self, disk: &MemoryDisk) -> Option<Index> {
        let (good, names) = (self.good(&disk.least()), disk.file_names());
        let [.., other, newest] = good[..] else { return None };
        let is_kept = names.contains(&FileName::Snapshot(other));
        let needed = self.announced.get(&other).filter(|_| is_kept)?.end.segment;
        // One that was removed may be back after a crash, without the log that it needs.
        let there = disk.reader().segments().ok()?;
        let behind = there.iter().filter(|info| info.segment >= needed).count() as u64;
        let has_log = there.last().is_some_and(|last| last.segment.0 + 1 == needed.0 + behind);
        (has_log && needed >= self.floor).then_some(newest)
    }

    /// A bit of it was turned.
    pub fn rot(&mut self, index: Index) {
        self.rotten.insert(index);
    }
}

fn reference(plan: &Plan, mutation: Option<gavel_pipeline::Mutation>) -> Sessioned<ReferenceBook> {
    let mut machine = Sessioned::new(&plan.session, ReferenceBook::new(&plan.book));
    mutation.into_iter().for_each(|mutation| machine.plant(mutation));
    machine
}

fn fail(what: String) -> Verdict {
    Err(Violation::new(CHECKER, what))
}
