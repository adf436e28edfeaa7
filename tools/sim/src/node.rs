//! One process of the node: made by `assemble()`, as in production.
//!
//! Inputs -> outputs: a disk and a network -> agents to be given turns.
//! Invariants: recovery agrees with the oracle before the first turn; what the shadow says is
//! checked before anybody acts on it.
//! Not here: when a process dies.

use crate::check::{Oracle, Shared, Snapshots, Verdict, Violation};
use crate::countdown::Countdown;
use crate::crash::CrashPoint;
use crate::machine::SimBook;
use crate::mutation::Mutation;
use crate::net::Net;
use crate::ports::{Rim, SimEgress, SimFiles, SimIngress, SimReader, SimStore};
use crate::timeline::Happened;
use gavel_book::Book;
use gavel_contract::{Agent, Clock, Now, Plan, SegmentNo};
use gavel_journal::memory::MemoryDisk;
use gavel_link::Position;
use gavel_pipeline::snapshot::Plain;
use gavel_pipeline::{Assembly, Handles, Ports, ShadowNews, assemble};
use gavel_types::Index;

/// Agents of a node.
pub const AGENTS: usize = 6;

/// The shadow's place among them.
pub const SHADOW: usize = 5;

type MakeBook = Box<dyn FnMut() -> SimBook>;

/// Time stands still while a process starts.
struct StartClock(Now);

impl Clock for StartClock {
    fn now(&self) -> Now {
        self.0
    }
}

/// A running process.
pub struct Node {
    assembly:
        Assembly<SimBook, SimStore, SimIngress, SimEgress, SimReader, SimFiles, Plain, MakeBook>,
    crash: CrashPoint,
    /// The newest snapshot that the checkers know to be announced, and the segment below which the
    /// log is given up.
    announced: Index,
    floor: SegmentNo,
}

/// What a process is started with.
pub struct Start<'a> {
    /// The node's limits.
    pub plan: &'a Plan,
    /// Its disk.
    pub disk: &'a MemoryDisk,
    /// Its network.
    pub net: &'a Net,
    /// Its number.
    pub incarnation: u64,
    /// When it starts.
    pub now: Now,
    /// Who watches.
    pub checkers: &'a Shared,
    /// Which call of storage fails.
    pub countdown: &'a Countdown,
    /// What errs.
    pub mutation: Option<Mutation>,
}

impl Node {
    /// Starts a process: recovers the log, and compares what came of it with the oracle. None if
    /// it refuses to serve because a call of storage failed meanwhile.
    ///
    /// # Errors
    /// [`Violation`] if recovery refuses what it must not, or the state is not what the log says.
    pub fn start(
        start: &Start<'_>,
        oracle: &mut Oracle,
        snapshots: &mut Snapshots,
    ) -> Result<Option<Self>, Violation> {
        let Start { plan, disk, net, incarnation, now, checkers, countdown, mutation } = *start;
        let told = checkers.borrow().durable.told();
        let honest = oracle.extend(disk, &mut checkers.borrow_mut().sights)?;
        if honest.last.index < told {
            return Err(Violation::new(
                "survival",
                format!(
                    "clients were told of record {told}, and the log that survived ends at {}",
                    honest.last.index
                ),
            ));
        }
        checkers.borrow_mut().ledger.confirm(oracle)?;
        snapshots.on_start(disk)?;
        let crash = CrashPoint::default();
        let rim = Rim {
            crash: crash.clone(),
            checkers: checkers.clone(),
            countdown: countdown.clone(),
            mutation,
        };
        let failed = || (countdown.failed(), disk.file_calls_failed());
        let failed_before = failed();
        let journal = &plan.journal;
        let store = SimStore::new(
            disk,
            journal.blocks_in_flight_max + 1,
            journal.block_bytes_max,
            rim.clone(),
        );
        net.listen();
        let mut log = SimReader::new(disk, &rim);
        let ports = Ports {
            store,
            log: SimReader::tailing(disk, &rim),
            files: SimFiles::new(disk, rim.clone()),
            codec: Plain,
            ingress: SimIngress::new(net, rim.clone()),
            egress: SimEgress::new(net, rim),
        };
        let of_book = plan.book.clone();
        let new_book: MakeBook = Box::new(move || SimBook::new(Book::new(&of_book), mutation));
        let number = match mutation {
            Some(Mutation::IncarnationReused) => incarnation.min(1),
            _ => incarnation,
        };
        let clock = StartClock(now);
        let assembled = assemble(plan, new_book, &mut log, number, &clock, ports);
        let assembly = match assembled {
            Ok(assembly) => assembly,
            Err(_) if failed() != failed_before => return Ok(None),
            Err(refusal) => {
                return Err(Violation::new("recovery", format!("it refuses: {refusal}")));
            }
        };
        if failed() == failed_before {
            snapshots.on_started(&assembly.handles.restart, disk)?;
        }
        note_start(&assembly.handles, incarnation, checkers);
        oracle.agree(assembly.executor.machine(), "after recovery")?;
        let (announced, floor) = (Index(0), SegmentNo(0));
        let mut node = Self { assembly, crash, announced, floor };
        node.plant(mutation);
        Ok(Some(node))
    }

    fn plant(&mut self, mutation: Option<Mutation>) {
        use gavel_journal::Mutation as InJournal;
        use gavel_pipeline::Mutation as InPipeline;
        let Assembly { gateway, journal, executor, egress, shadow, .. } = &mut self.assembly;
        match mutation {
            Some(Mutation::DurableAtSubmit) => journal.plant(InJournal::DurableAtSubmit),
            Some(Mutation::DurableByAnyCompletion) => {
                journal.plant(InJournal::DurableByAnyCompletion);
            }
            Some(Mutation::ReleaseIgnored) => egress.plant(InPipeline::ReleaseIgnored),
            Some(Mutation::GatewayDropsWhenTight) => gateway.plant(InPipeline::DropsWhenTight),
            Some(Mutation::SequencesForgotten) => executor.plant(InPipeline::SequencesForgotten),
            Some(Mutation::ShadowAheadOfDurable) => shadow.plant(InPipeline::ShadowAheadOfDurable),
            Some(Mutation::SnapshotIndexOffByOne) => {
                shadow.plant(InPipeline::SnapshotIndexOffByOne);
            }
            Some(Mutation::SessionsNotSaved) => shadow.plant(InPipeline::SessionsNotSaved),
            Some(Mutation::SnapshotNameNotSynced) => shadow.plant(InPipeline::DirectoryUnsynced),
            Some(Mutation::FloorOfNewest) => shadow.plant(InPipeline::FloorOfNewest),
            Some(Mutation::FloorBeforeDurable) => shadow.plant(InPipeline::FloorBeforeDurable),
            Some(Mutation::ReportsUnflushed) => shadow.plant(InPipeline::ReportsUnflushed),
            Some(Mutation::FetchOffByOne) => shadow.plant(InPipeline::FetchOffByOne),
            _ => {}
        }
        if let Some(rules) = mutation.and_then(Mutation::of_rules) {
            executor.plant(rules);
        }
    }

    /// Gives an agent its turn; returns its name and how much work there was.
    ///
    /// # Panics
    /// If there is no such agent.
    pub fn turn(&mut self, agent: usize, now: Now) -> (&'static str, usize) {
        fn turn(agent: &mut impl Agent, now: Now) -> (&'static str, usize) {
            (agent.name(), agent.duty_cycle(now))
        }
        let Assembly { gateway, sequencer, journal, executor, egress, shadow, .. } =
            &mut self.assembly;
        match agent {
            0 => turn(gateway, now),
            1 => turn(sequencer, now),
            2 => turn(journal, now),
            3 => turn(executor, now),
            4 => turn(egress, now),
            SHADOW => turn(shadow, now),
            _ => unreachable!("a node has {AGENTS} agents"),
        }
    }

    /// Looks at what the shadow says, before anybody else does: snapshots that are announced, and
    /// the log that is given up.
    ///
    /// # Errors
    /// [`Violation`].
    pub fn watch_shadow(
        &mut self,
        disk: &MemoryDisk,
        checkers: &Shared,
        oracle: &mut Oracle,
        snapshots: &mut Snapshots,
    ) -> Verdict {
        let checkers = &mut *checkers.borrow_mut();
        let handles = &mut self.assembly.handles;
        let sure = checkers.durable.sure();
        if handles.shadowed.read().index > sure {
            let at = handles.shadowed.read().index;
            let what = format!("the shadow applied record {at}, and a crash now would keep {sure}");
            return Err(Violation::new("durable", what));
        }
        let (newest, floor) = (handles.snapshot.read().index, handles.floor.read().index.0);
        if newest > self.announced {
            // What was there when the process started was looked at then.
            let is_new = handles.restart.snapshot != Some(newest);
            self.announced = newest;
            oracle.follow(disk, sure, &mut checkers.sights)?;
            if is_new {
                snapshots.on_announced(newest, disk, oracle)?;
                checkers.sights.see("a snapshot");
                checkers.timeline.note(Happened::Snapshot { index: newest.0 });
            }
        }
        if SegmentNo(floor) > self.floor {
            self.floor = SegmentNo(floor);
            oracle.follow(disk, sure, &mut checkers.sights)?;
            snapshots.on_floor(self.floor, disk)?;
            checkers.timeline.note(Happened::GivenUp { below: floor });
        }
        while let Some(news) = handles.news.pop() {
            checkers.sights.see(match news {
                ShadowNews::Snapshot { .. } => continue,
                ShadowNews::AlreadyThere { .. } => "a snapshot asked for that is there",
                ShadowNews::GaveUp { .. } => "a snapshot given up",
                ShadowNews::ReportsLost { .. } => "stored reports lost",
                ShadowNews::Litter { .. } => "a file that could not be removed",
                ShadowNews::Stopped { .. } => "the shadow stops",
            });
            checkers.timeline.note(Happened::Shadow { what: format!("{news:?}") });
        }
        Ok(())
    }

    /// True if the shadow has come as far as the log, or has stopped.
    #[must_use]
    pub fn shadow_is_at_rest(&self) -> bool {
        let Assembly { shadow, handles, .. } = &self.assembly;
        shadow.is_stopped() || handles.shadowed.read().index == handles.durable.read().index
    }

    /// How far the shadow has come.
    #[must_use]
    pub fn shadow_stands_at(&self) -> Index {
        self.assembly.handles.shadowed.read().index
    }

    /// Asks for a snapshot.
    pub fn ask_snapshot(&mut self) {
        let asked = &mut self.assembly.handles.snapshot_asked;
        let at = asked.at();
        asked.raise(Position { index: at.index.next(), ..at });
    }

    /// Its fate.
    #[must_use]
    pub fn crash(&self) -> &CrashPoint {
        &self.crash
    }

    /// True if a write failed: the process ends at once, as the product's does.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.assembly.journal.fault().is_some()
    }

    /// Times that the journal stopped intake.
    #[must_use]
    pub fn stops(&self) -> u64 {
        self.assembly.journal.counts().stops
    }

    /// Tells it to stop.
    pub fn stop(&mut self) {
        self.assembly.handles.stop.raise(Position { generation: 0, index: Index(1) });
    }

    /// Checks the book against itself, and against the oracle, once all that was stamped is applied
    /// and on the disk.
    ///
    /// # Errors
    /// [`Violation`].
    pub fn agree(&self, oracle: &Oracle) -> Result<(), Violation> {
        let machine = self.assembly.executor.machine();
        machine.machine().book().verify();
        oracle.agree(machine, "in the end")?;
        let shadow = self.assembly.shadow.machine();
        shadow.map_or(Ok(()), |machine| oracle.agree(machine, "in the end, the shadow of"))
    }

    /// How far the log is applied, and how far it is durable, by the node's own watermarks.
    #[must_use]
    pub fn progress(&self) -> (Index, Index) {
        let handles = &self.assembly.handles;
        (handles.applied.read().index, handles.durable.read().index)
    }

    /// A session's next report number, by the node's machine.
    #[must_use]
    pub fn next_report(&self, client: usize) -> u64 {
        let sessions = self.assembly.executor.machine().sessions();
        let uuid = crate::check::uuid(client);
        sessions.iter().find(|session| session.uuid == uuid).map_or(1, |s| s.next_number.0)
    }

    /// The node's book digest.
    #[must_use]
    pub fn book_digest(&self) -> u64 {
        self.assembly.executor.machine().book_digest()
    }
}

/// What a start was is noted, for whoever reads the run.
fn note_start(handles: &Handles, incarnation: u64, checkers: &Shared) {
    let last = handles.recovered.last.index;
    let cut = handles.recovered.cut.map_or(String::new(), |cut| cut.to_string());
    let checkers = &mut *checkers.borrow_mut();
    checkers.durable.on_start(last);
    let last = last.0;
    if !cut.is_empty() {
        checkers.sights.see("a torn block is cut");
    }
    if handles.restart.snapshot.is_some() {
        checkers.sights.see("a start from a snapshot");
    }
    if !handles.restart.passed_over.is_empty() {
        checkers.sights.see("a start from an older snapshot");
    }
    checkers.timeline.note(Happened::Started { incarnation, last, cut });
}
