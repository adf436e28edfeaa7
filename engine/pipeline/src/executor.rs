//! The executor: records in, reports out.
//!
//! Inputs -> outputs: `sequencer_to_executor` -> `executor_to_egress`, and to the sequencer the
//! time at which it wants a Tick; raises `applied`.
//! Invariants: takes no record unless the reports of one step fit; a record that pauses is finished
//! before the next enters.
//! Limits: [`RECORDS_PER_CYCLE`] a duty cycle; of those that wait, the machine is shown
//! [`RECORDS_SHOWN`] at one time.
//! Not here: clocks, I/O, the question whether a report may be seen yet (egress asks `release`).

use crate::session::{NEVER, Sessioned};
use gavel_contract::{Agent, Machine, Now, Outbox, Progress};
use gavel_link::{Position, Reader, WatermarkWriter, Writer};
use gavel_types::limits::BURST;
use gavel_types::{LogRecord, Nanos, Report};

/// Most records applied in one duty cycle, so that the tile's other agents get their turn.
pub const RECORDS_PER_CYCLE: usize = 256;

/// Most records that the machine is shown before it is given the first of them: what they need is
/// mostly not in the cache of a large book, and several wait for memory at one time instead of one
/// after the other.
pub(crate) const RECORDS_SHOWN: usize = 32;

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
    /// Records that wait and were shown.
    shown: usize,
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
        Self { machine, records, reports, applied, ticks, tick_at: NEVER, paused: false, shown: 0 }
    }

    /// The next record. If none of those that wait was shown, and it does not come alone, all are.
    #[inline]
    fn next(&mut self) -> Option<LogRecord> {
        if self.shown == 0 {
            match self.records.waiting() {
                0 => return None,
                1 => {}
                _ => {
                    let machine = &self.machine;
                    self.shown = self.records.show(RECORDS_SHOWN, |shown| machine.expect(shown));
                }
            }
        }
        self.shown = self.shown.saturating_sub(1);
        self.records.pop()
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
            } else if let Some(record) = self.next() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Tally, negotiate, order, plan};
    use gavel_link::{ring, watermark};
    use gavel_types::{Command, Index, Stamp, Term};

    // Else a large book waits for memory once for every record (benches, `book` on W3).
    #[test]
    fn records_that_wait_are_shown_once_before_the_first_of_them() {
        let (mut records, reader) = ring(256);
        let (reports, _kept) = ring(256);
        let (applied, _) = watermark(Position::default());
        let (ticks, _) = ring(8);
        let machine = Sessioned::new(&plan().session, Tally::default());
        let mut executor = Executor::new(machine, reader, reports, applied, ticks);
        let now = Now { mono: Nanos(0), utc: Nanos(0) };
        let mut index = 0;
        let mut come = |executor: &mut Executor<Tally>, commands: Vec<Command>| {
            for command in commands {
                index += 1;
                let stamp = Stamp { index: Index(index), term: Term(1), time: Nanos(index) };
                records.push(LogRecord { stamp, command });
            }
            executor.duty_cycle(now);
            assert_eq!(executor.machine().applied(), Index(index));
            executor.machine().machine().shown.take()
        };
        assert_eq!(come(&mut executor, vec![negotiate(0)]), [], "one that comes alone");
        let orders =
            |range: core::ops::RangeInclusive<u64>| range.map(|n| order(0, n, 0)).collect();
        let indices = |range: core::ops::RangeInclusive<u64>| range.map(Index).collect::<Vec<_>>();
        assert_eq!(come(&mut executor, orders(1..=40)), indices(2..=41));
        assert_eq!(come(&mut executor, orders(41..=42)), indices(42..=43));
        assert_eq!(come(&mut executor, orders(43..=43)), []);
    }
}
