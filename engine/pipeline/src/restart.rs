//! The way to a state: the newest snapshot that is good, and the log behind it.
//!
//! | snapshots                   | log                         | then                           |
//! |-----------------------------|-----------------------------|--------------------------------|
//! | the newest is good          | whole from there on         | it, and the log behind it      |
//! | the newest is damaged       | whole from an older one on  | the older one, and it is said  |
//! | none is good                | whole from its beginning    | all of the log, and it is said |
//! | none is good                | begins later                | refused                        |
//! | one is of another build or configuration | -              | refused                        |
//!
//! Inputs -> outputs: files, a log, a way to make machines -> a machine that is where the log ends,
//! and the reports that the log's tail made again.
//! Invariants: a state that was not checked whole is thrown away, and so is the machine that it was
//! put into. Nothing is changed on the disk.
//! Limits: one machine at a time.
//! Not here: the log's own decisions (the journal), what is stored of reports (the shadow).

use crate::batch::Batch;
use crate::configuration::configuration;
use crate::session::Sessioned;
use crate::snapshot::{self, BadSnapshot};
use alloc::vec::Vec;
use gavel_contract::{Clock, Codec, FileStore, LogReader, Machine, Outbox, Plan, StoreFault};
use gavel_journal::recovery::{self, LogPoint, Recovered, Refusal};
use gavel_types::{Body, Index, LogRecord, Nanos};

/// A snapshot that was not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Its record.
    pub index: Index,
    /// Why.
    pub why: BadSnapshot,
}

impl core::fmt::Display for PassedOver {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the snapshot of record {} is not used: {}", self.index, self.why)
    }
}

/// How long each part of a start took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StartTimes {
    /// Making machine, rings and windows: all memory.
    pub memory: Nanos,
    /// Reading the snapshot, checking and unpacking it.
    pub reading: Nanos,
    /// Making a state of it.
    pub restoring: Nanos,
    /// Reading the log behind it, and applying it.
    pub replaying: Nanos,
}

/// What a start began with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restart {
    /// The record of the snapshot that was used.
    pub snapshot: Option<Index>,
    /// Those that were not, newest first.
    pub passed_over: Vec<PassedOver>,
    /// What it cost.
    pub times: StartTimes,
}

/// The newest good snapshot, or the state before any record.
#[derive(Debug)]
pub struct Loaded<M> {
    /// The machine in that state.
    pub machine: Sessioned<M>,
    /// Where the log goes on.
    pub point: LogPoint,
    /// How it came to this.
    pub restart: Restart,
}

/// Loads the newest snapshot that is good.
///
/// # Errors
/// [`StartRefusal`] if the newest that is whole is for another build or configuration.
pub fn load<M: Machine, F: FileStore, C: Codec>(
    plan: &Plan,
    new_machine: &mut impl FnMut() -> M,
    files: &mut F,
    codec: &mut C,
    clock: &impl Clock,
) -> Result<Loaded<M>, StartRefusal> {
    let mut restart = Restart::default();
    let mut made = || {
        let began = clock.now().mono;
        let machine = Sessioned::new(&plan.session, new_machine());
        (machine, clock.now().mono.since(began))
    };
    let (mut machine, took) = made();
    restart.times.memory.0 += took;
    let mut point = LogPoint::ORIGIN;
    for index in snapshot::list(files).map_err(StartRefusal::Files)? {
        let given = configuration(plan);
        match snapshot::restore(files, codec, index, given, &mut machine, clock) {
            Ok(read) => {
                point = read.contents.header.point;
                restart.snapshot = Some(index);
                restart.times.reading = read.reading;
                restart.times.restoring = read.restoring;
                break;
            }
            Err(why) if why.is_damage() => {
                restart.passed_over.push(PassedOver { index, why });
                let (another, took) = made();
                machine = another;
                restart.times.memory.0 += took;
            }
            Err(why) => return Err(StartRefusal::Snapshot(PassedOver { index, why })),
        }
    }
    Ok(Loaded { machine, point, restart })
}

impl<M: Machine> Loaded<M> {
    /// Applies the log behind the snapshot; `out` is never full, and takes the reports that are
    /// made again.
    ///
    /// # Errors
    /// [`StartRefusal`].
    pub fn replay(
        &mut self,
        plan: &Plan,
        log: &mut impl LogReader,
        out: &mut impl Outbox,
        clock: &impl Clock,
    ) -> Result<Recovered, StartRefusal> {
        let began = clock.now().mono;
        let replayed = replay(plan, log, &self.point, &mut self.machine, out);
        self.restart.times.replaying = Nanos(clock.now().mono.since(began));
        replayed.map_err(|refusal| match refusal {
            StartRefusal::Log(refusal @ Refusal::FirstMissing { .. }) => {
                let passed_over = self.restart.passed_over.clone();
                StartRefusal::NoSnapshot { refusal, passed_over }
            }
            other => other,
        })
    }
}

/// Applies the log from a point on to the machine.
fn replay<M: Machine>(
    plan: &Plan,
    log: &mut impl LogReader,
    from: &LogPoint,
    machine: &mut Sessioned<M>,
    out: &mut impl Outbox,
) -> Result<Recovered, StartRefusal> {
    let given = configuration(plan);
    let mut refusal = None;
    let mut batch = Batch::new();
    let segment_bytes = plan.journal.segment_bytes;
    let recovered = recovery::scan(log, segment_bytes, from, &mut |record: &LogRecord| {
        if let Ok(Body::AdminStart(start)) = record.command.parse()
            && start.configuration != 0
            && start.configuration != given
        {
            let index = record.stamp.index;
            let logged = start.configuration;
            refusal.get_or_insert(StartRefusal::Configuration { index, logged, given });
        }
        if refusal.is_none() {
            batch.push(record, machine, out);
        }
    })?;
    batch.finish(machine, out);
    refusal.map_or(Ok(recovered), Err)
}

/// Why a node must not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartRefusal {
    /// The log itself.
    Log(Refusal),
    /// The files beside it cannot be listed.
    Files(StoreFault),
    /// A snapshot that is whole, and not for this build or configuration.
    Snapshot(PassedOver),
    /// The log does not begin at its beginning, and no snapshot leads to where it does.
    NoSnapshot {
        /// What the log lacks.
        refusal: Refusal,
        /// The snapshots that there are.
        passed_over: Vec<PassedOver>,
    },
    /// The log was written under other instruments or sizes of the machine. Replayed under these,
    /// its commands could have other outcomes than those that clients were told.
    Configuration {
        /// Record that says under which configuration it was written.
        index: Index,
        /// Digest of that.
        logged: u64,
        /// Digest of what this start was given.
        given: u64,
    },
}

impl From<Refusal> for StartRefusal {
    fn from(refusal: Refusal) -> Self {
        Self::Log(refusal)
    }
}

impl core::fmt::Display for StartRefusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Log(refusal) => refusal.fmt(f),
            Self::Files(fault) => write!(f, "its snapshots cannot be looked for: {fault}"),
            Self::Snapshot(PassedOver { index, why }) => {
                write!(f, "the snapshot of record {index} cannot be used: {why}")
            }
            Self::NoSnapshot { refusal, passed_over } => {
                refusal.fmt(f)?;
                passed_over.iter().try_for_each(|passed| {
                    f.write_str("; ")?;
                    passed.fmt(f)
                })
            }
            Self::Configuration { index, logged, given } => write!(
                f,
                "record {index} of the log was written with other instruments or limits \
                 ({logged:016x}) than this start was given ({given:016x}): replayed with these, \
                 orders could end differently from what clients were told. Start with the \
                 [[symbol]] list, the [book] and [conventions] sections and sessions.sessions_max \
                 of before, or with an empty data directory"
            ),
        }
    }
}

impl core::error::Error for StartRefusal {}
