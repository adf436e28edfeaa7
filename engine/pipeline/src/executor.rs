//! The executor: records in, reports out.
//!
//! Inputs -> outputs: `sequencer_to_executor` -> `executor_to_egress`, and to the sequencer the
//! time at which it wants a Tick; raises `applied`.
//! Invariants: takes no record unless the reports of one step fit; a record that pauses is finished
//! before the next enters.
//! Limits: [`RECORDS_PER_CYCLE`] a duty cycle.
//! Not here: clocks, I/O, the question whether a report may be seen yet (egress asks `release`).

use crate::session::{NEVER, Sessioned};
use gavel_contract::{Agent, Machine, Now, Outbox, Progress};
use gavel_link::{Position, Reader, WatermarkWriter, Writer};
use gavel_types::limits::BURST;
use gavel_types::{LogRecord, Nanos, Report};

/// Most records applied in one duty cycle, so that the tile's other agents get their turn.
pub const RECORDS_PER_CYCLE: usize = 256;

/// Room that one record may need before the machine itself looks: the session layer's own report
/// (NotApplied) and one burst of the machine's.
const ROOM: usize = 1 + BURST;

/// Applies the log.
#[derive(Debug)]
pub struct Executor<M> {
    machine: Sessioned<M>,
    records: Reader<LogRecord>,
    reports: ReportRing,
    applied: WatermarkWriter,
    ticks: Writer<Nanos>,
    /// When the sequencer was told to tick.
    tick_at: Nanos,
    paused: bool,
}

#[derive(Debug)]
struct ReportRing(Writer<Report>);

impl Outbox for ReportRing {
    #[inline]
    fn free(&self) -> usize {
        self.0.free()
    }

    #[inline]
    fn push(&mut self, report: Report) {
        self.0.push(report);
    }
}

impl<M: Machine> Executor<M> {
    /// An executor that goes on from the state of `machine`.
    #[must_use]
    pub fn new(
        machine: Sessioned<M>,
        records: Reader<LogRecord>,
        reports: Writer<Report>,
        applied: WatermarkWriter,
        ticks: Writer<Nanos>,
    ) -> Self {
        assert!(reports.depth() >= 2 * ROOM, "the report ring holds more than one step");
        let reports = ReportRing(reports);
        Self { machine, records, reports, applied, ticks, tick_at: NEVER, paused: false }
    }

    /// Tells the sequencer when the machine wants a Tick. If there is no room it is told later: the
    /// last word counts, and this never waits for the sequencer, which waits for this.
    fn tell_tick(&mut self) {
        let tick_at = self.machine.tick_at();
        if tick_at != self.tick_at && self.ticks.has_room(1) {
            self.tick_at = tick_at;
            self.ticks.push(tick_at);
        }
    }

    /// The machine with its sessions.
    #[must_use]
    pub fn machine(&self) -> &Sessioned<M> {
        &self.machine
    }

    /// Plants a bug.
    #[cfg(feature = "mutate")]
    pub fn plant(&mut self, mutation: crate::Mutation) {
        match mutation {
            crate::Mutation::SequencesForgotten => self.machine.forget_sequences(),
            rules => self.machine.plant(rules),
        }
    }
}

impl<M: Machine> Agent for Executor<M> {
    fn name(&self) -> &'static str {
        "executor"
    }

    fn duty_cycle(&mut self, _now: Now) -> usize {
        let mut steps = 0;
        while steps < RECORDS_PER_CYCLE && self.reports.0.has_room(ROOM) {
            let progress = if self.paused {
                self.machine.resume(&mut self.reports)
            } else if let Some(record) = self.records.pop() {
                self.machine.apply(&record, &mut self.reports)
            } else {
                break;
            };
            self.paused = progress == Progress::Paused;
            steps += 1;
        }
        let index = self.machine.applied();
        if index > self.applied.at().index {
            self.applied.raise(Position { index, ..self.applied.at() });
        }
        self.tell_tick();
        steps
    }
}
