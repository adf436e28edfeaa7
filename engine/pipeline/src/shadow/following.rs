//! A shadow that follows the log.

use super::desk::Desk;
use super::kept::{Kept, KeptList};
use super::store::ReportStore;
use super::{BLOCKS_PER_CYCLE, NoTime, Rim, ShadowNews, Sizes};
use crate::session::Sessioned;
use crate::snapshot::{self, Header, Written};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use gavel_contract::{
    Codec, FileName, FileStore, LogReader, Machine, Now, Outbox, SegmentNo, SnapshotPlan,
    StoreFault,
};
use gavel_journal::recovery::LogPoint;
use gavel_journal::tail::Tail;
use gavel_link::Position;
use gavel_types::{Index, LogRecord, Nanos, Report, ReportBody, SessionSlot};

/// Longest time between two attempts at a snapshot (ns).
const RETRY_NS_MAX: u64 = 300_000_000_000;

/// Where a shadow begins.
pub(super) struct Origin<R> {
    pub(super) log: R,
    /// The snapshot that recovery began with.
    pub(super) snapshot: Option<Index>,
}

pub(super) struct Following<M, R> {
    machine: Sessioned<M>,
    tail: Tail<R>,
    pub(super) store: ReportStore,
    configuration: u64,
    kept: KeptList,
    /// Requests of the operator that were heard.
    asked: Index,
    /// How far the log was durable when the last one was heard, if it is not met: what the operator
    /// saw acknowledged is to be in the snapshot, however far behind the shadow is.
    wanted: Option<Index>,
    /// No snapshot is tried before (monotone), after so many failures in a row.
    retry_at: Nanos,
    failures: u32,
}

/// Takes the reports that the machine makes again.
struct Gather<'a, F, C> {
    store: &'a mut ReportStore,
    files: &'a mut F,
    codec: &'a mut C,
}

impl<F: FileStore, C: Codec> Outbox for Gather<'_, F, C> {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, report: Report) {
        if report.is_sequenced() {
            self.store.gather(&report, self.files, self.codec);
        } else if let Ok(ReportBody::NegotiationAccepted(body)) = report.parse() {
            self.store.begin(body.slot, body.uuid);
        }
    }
}

impl<M: Machine, R: LogReader> Following<M, R> {
    /// Restores the snapshot that recovery began with, and opens the store as it was then.
    ///
    /// # Errors
    /// What went wrong, for the operator.
    pub(super) fn begin<F: FileStore, C: Codec>(
        origin: Origin<R>,
        new_machine: &mut impl FnMut() -> M,
        sizes: &Sizes,
        rim: &mut Rim<F, C>,
    ) -> Result<Self, String> {
        let text = |fault: StoreFault| fault.facts;
        let Restored { machine, point, reports_file, snapshot } =
            restore(origin.snapshot, new_machine, sizes, rim).map_err(text)?;
        let kept = clean_up(rim, sizes, snapshot).map_err(text)?;
        let sessions = machine.sessions();
        let store = ReportStore::open(sizes.reports, &mut rim.files, sessions, reports_file);
        let store = store.map_err(text)?;
        // What was found may have been renamed or removed a moment before a crash.
        rim.files.sync_directory().map_err(text)?;
        let tail = Tail::new(origin.log, sizes.segment_bytes, point);
        let mut following = Self {
            machine,
            tail,
            store,
            configuration: sizes.configuration,
            kept,
            asked: Index(0),
            wanted: None,
            retry_at: Nanos(0),
            failures: 0,
        };
        following.publish(rim);
        rim.links.raise_shadowed(following.applied());
        Ok(following)
    }

    pub(super) fn applied(&self) -> Index {
        self.machine.applied()
    }

    pub(super) fn machine(&self) -> &Sessioned<M> {
        &self.machine
    }

    /// Applies the next blocks, all of them at or below `limit`; returns how many.
    ///
    /// # Errors
    /// What is wrong with the log, for the operator.
    pub(super) fn follow<F: FileStore, C: Codec>(
        &mut self,
        limit: Index,
        rim: &mut Rim<F, C>,
    ) -> Result<usize, String> {
        let mut blocks = 0;
        while blocks < BLOCKS_PER_CYCLE {
            let Self { machine, tail, store, .. } = self;
            let Rim { files, codec, .. } = rim;
            let taken = tail.next(limit, &mut |record: &LogRecord| {
                machine.apply_whole(record, &mut Gather { store, files, codec });
            });
            match taken {
                Ok(Some(_)) => blocks += 1,
                Ok(None) => break,
                Err(refusal) => {
                    return Err(format!(
                        "the log is damaged while it is in use: {refusal} Snapshots end here. What \
                         is in memory is good: copy the data directory, then plan a stop"
                    ));
                }
            }
        }
        rim.counts.blocks += blocks as u64;
        rim.links.raise_shadowed(self.applied());
        self.tell_faults(rim);
        Ok(blocks)
    }

    fn tell_faults<F, C>(&mut self, rim: &mut Rim<F, C>) {
        match self.store.take_fault() {
            Some((0, what)) => rim.links.tell(ShadowNews::Litter { what }),
            Some((sessions, why)) => rim.links.tell(ShadowNews::ReportsLost { sessions, why }),
            None => {}
        }
    }

    /// Writes a snapshot if one is due, or asked for. It stands between two blocks.
    pub(super) fn keep<F: FileStore, C: Codec>(
        &mut self,
        now: Now,
        (asked, limit): (Index, Index),
        plan: &SnapshotPlan,
        rim: &mut Rim<F, C>,
        desk: &mut Desk,
    ) {
        let newest = self.kept.newest();
        // One after the other: a later wish does not put off an earlier one.
        if self.wanted.is_none() && asked > self.asked {
            self.asked = asked;
            self.wanted = Some(limit);
        }
        let is_asked = self.wanted.is_some_and(|index| self.applied() >= index);
        if is_asked && self.applied() == newest {
            self.wanted = None;
            rim.links.tell(ShadowNews::AlreadyThere { index: newest });
            return;
        }
        let since = self.applied().0 - newest.0;
        let is_due = plan.every_records > 0 && since >= plan.every_records;
        if !is_asked && (!is_due || now.mono < self.retry_at) {
            return;
        }
        if is_asked {
            self.wanted = None;
        }
        match self.snapshot(rim, desk) {
            Ok(written) => {
                self.failures = 0;
                rim.counts.snapshots += 1;
                rim.links.tell(ShadowNews::Snapshot {
                    index: self.applied(),
                    raw_bytes: written.raw_bytes,
                    file_bytes: written.file_bytes,
                });
            }
            Err(fault) => self.give_up(&fault, now, plan, rim),
        }
        self.tell_faults(rim);
    }

    /// What is stored goes first, so that a snapshot that stands has its reports.
    fn snapshot<F: FileStore, C: Codec>(
        &mut self,
        rim: &mut Rim<F, C>,
        desk: &mut Desk,
    ) -> Result<Written, StoreFault> {
        let kept = Kept { index: self.applied(), segment: self.tail.point().end.segment };
        #[cfg(feature = "mutate")]
        let unflushed = rim.errs(crate::Mutation::ReportsUnflushed);
        #[cfg(not(feature = "mutate"))]
        let unflushed = false;
        let reports_file = if unflushed {
            self.store.last_file()
        } else {
            self.store.settle(&mut rim.files, &mut rim.codec)?
        };
        #[cfg(feature = "mutate")]
        self.err_before(rim, kept);
        let header = self.header(reports_file, rim.codec.id());
        #[cfg(feature = "mutate")]
        let header = match rim.errs(crate::Mutation::SnapshotIndexOffByOne) {
            true => one_further(header),
            false => header,
        };
        let Self { machine, store, .. } = self;
        let applied = machine.applied();
        let written = snapshot::write(
            &mut rim.files,
            &mut rim.codec,
            &header,
            |files, codec| {
                desk.serve_from(store, files, codec, applied);
            },
            |sink| machine.save(sink),
        )?;
        #[cfg(feature = "mutate")]
        let is_synced = !rim.errs(crate::Mutation::DirectoryUnsynced);
        #[cfg(not(feature = "mutate"))]
        let is_synced = true;
        if is_synced {
            rim.files.sync_directory()?;
        }
        self.kept.add(kept);
        self.prune(rim);
        self.publish(rim);
        Ok(written)
    }

    fn header(&self, reports_file: u64, codec: u8) -> Header {
        let sessions = self.machine.sessions().len() as u32;
        let live = |slot| u64::from(self.machine.machine().live_orders(SessionSlot(slot)));
        Header {
            configuration: self.configuration,
            node_digest: self.machine.node_digest(),
            book_digest: self.machine.book_digest(),
            point: self.tail.point(),
            reports_file,
            live_orders: (0..sessions).map(live).sum(),
            sessions,
            codec,
        }
    }

    /// Removes the snapshots that are not kept. Only once the newest is durable by name.
    fn prune<F: FileStore, C: Codec>(&mut self, rim: &mut Rim<F, C>) {
        let outcome = snapshot::list(&mut rim.files).and_then(|found| {
            let mut spare = found.iter().filter(|index| !self.kept.contains(**index));
            spare.try_for_each(|index| rim.files.remove(FileName::Snapshot(*index)))
        });
        if let Err(fault) = outcome {
            // It costs room, nothing else; the next one tries again.
            rim.links.tell(ShadowNews::Litter { what: fault.facts });
        }
    }

    /// Tells others what stands now.
    fn publish<F, C>(&mut self, rim: &mut Rim<F, C>) {
        let floor = self.kept.floor();
        #[cfg(feature = "mutate")]
        let floor = match rim.mutation {
            Some(crate::Mutation::FloorOfNewest) => self.kept.floor_of_newest(),
            _ => floor,
        };
        if let Some(segment) = floor {
            raise_floor(rim, segment);
        }
        let newest = self.kept.newest();
        if newest > rim.links.snapshot.at().index {
            rim.links.snapshot.raise(Position { generation: 0, index: newest });
        }
    }

    fn give_up<F: FileStore, C>(
        &mut self,
        fault: &StoreFault,
        now: Now,
        plan: &SnapshotPlan,
        rim: &mut Rim<F, C>,
    ) {
        let index = self.applied();
        // Whatever there is of it is of no use, and may be in the way. What cannot be removed is
        // tried again by the next start.
        for name in [FileName::SnapshotHalf(index), FileName::Snapshot(index)] {
            let _ = rim.files.remove(name);
        }
        let base = u64::from(plan.retry_ms) * 1_000_000;
        let wait = base.saturating_mul(1 << self.failures.min(20)).min(RETRY_NS_MAX.max(base));
        self.failures += 1;
        self.retry_at = Nanos(now.mono.0 + wait);
        rim.counts.snapshots_given_up += 1;
        let (why, retry_ms) = (fault.to_string(), wait / 1_000_000);
        rim.links.tell(ShadowNews::GaveUp { index, why, retry_ms });
    }

    /// Bugs that strike before a snapshot is written.
    #[cfg(feature = "mutate")]
    fn err_before<F, C>(&mut self, rim: &mut Rim<F, C>, kept: Kept) {
        if rim.errs(crate::Mutation::SessionsNotSaved) {
            self.machine.forget_sequences();
        }
        if rim.errs(crate::Mutation::FloorBeforeDurable) {
            raise_floor(rim, kept.segment);
        }
    }
}

/// A planted bug: the header says that the state holds one more record.
#[cfg(feature = "mutate")]
fn one_further(mut header: Header) -> Header {
    header.point.last.index = header.point.last.index.next();
    header.point.end.index = header.point.end.index.next();
    header
}

fn raise_floor<F, C>(rim: &mut Rim<F, C>, segment: SegmentNo) {
    let index = Index(segment.0);
    if index > rim.links.floor.at().index {
        rim.links.floor.raise(Position { generation: 0, index });
    }
}

/// Where a shadow begins.
struct Restored<M> {
    machine: Sessioned<M>,
    point: LogPoint,
    reports_file: u64,
    /// The snapshot that it is; None for the log's beginning.
    snapshot: Option<Index>,
}

/// Restores the snapshot that recovery took, if there was one. Should that have become unreadable
/// since, an older one, or the log's beginning: behind the oldest that is kept the log is there.
fn restore<M: Machine, F: FileStore, C: Codec>(
    taken: Option<Index>,
    new_machine: &mut impl FnMut() -> M,
    sizes: &Sizes,
    rim: &mut Rim<F, C>,
) -> Result<Restored<M>, StoreFault> {
    let mut made = || Sessioned::new(&sizes.session, new_machine());
    let newest = taken.unwrap_or(Index(0));
    for index in snapshot::list(&mut rim.files)?.into_iter().filter(|index| *index <= newest) {
        let mut machine = made();
        let (files, codec, given) = (&mut rim.files, &mut rim.codec, sizes.configuration);
        match snapshot::restore(files, codec, index, given, &mut machine, &NoTime) {
            Ok(read) => {
                let Header { point, reports_file, .. } = read.contents.header;
                return Ok(Restored { machine, point, reports_file, snapshot: Some(index) });
            }
            Err(bad) => {
                let what = format!("the snapshot of record {index}: {bad}; an older one is read");
                rim.links.tell(ShadowNews::Litter { what });
            }
        }
    }
    let (machine, point) = (made(), LogPoint::ORIGIN);
    Ok(Restored { machine, point, reports_file: 0, snapshot: None })
}

/// Removes what an earlier life left half-written, and looks which snapshots stand: the one that
/// was taken, and older ones. Newer ones are damaged, or they would have been taken. Older ones
/// may be, too: one that an earlier start passed over, and whose removal a crash undid, would
/// count for a good one, and the log be given up that the last good one needs. So they are read
/// through, as many as are kept.
fn clean_up<F: FileStore, C: Codec>(
    rim: &mut Rim<F, C>,
    sizes: &Sizes,
    taken: Option<Index>,
) -> Result<KeptList, StoreFault> {
    for file in rim.files.list()? {
        if let FileName::SnapshotHalf(_) = file.name {
            rim.files.remove(file.name)?;
        }
    }
    let mut kept = Vec::new();
    for index in snapshot::list(&mut rim.files)? {
        if taken.is_none_or(|taken| index > taken) || kept.len() == sizes.snapshot.keep as usize {
            continue;
        }
        let header = if taken == Some(index) {
            snapshot::header(&mut rim.files, index)
        } else {
            let checked = snapshot::check(&mut rim.files, &mut rim.codec, index);
            checked.map(|contents| contents.header)
        };
        match header {
            Ok(header) if header.configuration == sizes.configuration => {
                kept.push(Kept { index, segment: header.point.end.segment });
            }
            Ok(_) => {}
            Err(bad) => {
                let what = format!("the snapshot of record {index}: {bad}");
                rim.links.tell(ShadowNews::Litter { what });
            }
        }
    }
    Ok(KeptList::new(sizes.snapshot.keep, kept))
}
