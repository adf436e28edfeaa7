//! The sequencer: the one writer of the log. Gives every command its index, term and time.
//!
//! Inputs -> outputs: `control`, replicator, `gateway_to_sequencer`, in that order, and a Tick when
//! the executor's machine wants one -> the same `LogRecord` to journal, executor and (in a cluster)
//! replicator.
//! Invariants: indexes are consecutive; times never fall; a record goes to all readers or to none;
//! a Tick is logged only when the time it was wanted for has come, so a log without timers has
//! none.
//! Limits: [`COMMANDS_PER_CYCLE`] a duty cycle; [`Position::INDEX_MAX`] records.
//! Not here: a look inside a command.
//!
//! *Log time* is UTC as long as that does not fall behind. If it does, because the clock was set
//! back or an earlier process's ran ahead, log time goes on at half the speed of monotone time
//! until UTC has caught up: what waits for it is late by as long again as it was to wait, not by
//! what the clock was off.

use crate::replicator::{FromReplicator, ReplicatorLinks};
use crate::session::NEVER;
use gavel_contract::{Agent, Now};
use gavel_link::{Position, Reader, Writer};
use gavel_types::{Command, Index, LogRecord, Nanos, Stamp, Term};

/// Most commands stamped in one duty cycle.
pub const COMMANDS_PER_CYCLE: usize = 256;

/// Where the log goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEnd {
    /// Index of the next record.
    pub next: Index,
    /// Term of the next record.
    pub term: Term,
    /// Time of the last record.
    pub time: Nanos,
}

/// The sequencer's rings.
#[derive(Debug)]
pub struct SequencerLinks {
    /// Commands of the node itself.
    pub control: Reader<Command>,
    /// Commands of clients.
    pub gateway: Reader<Command>,
    /// To the journal.
    pub journal: Writer<LogRecord>,
    /// To the executor.
    pub executor: Writer<LogRecord>,
    /// From the executor: when a Tick is wanted (log time); the last word counts.
    pub ticks: Reader<Nanos>,
    /// To and from the replicator, in a cluster.
    pub replicator: Option<ReplicatorLinks>,
}

/// Stamps commands.
#[derive(Debug)]
pub struct Sequencer {
    links: SequencerLinks,
    end: LogEnd,
    /// Log time now: never before the last record's.
    time: Nanos,
    /// Monotone time at the last look; None before the first.
    mono: Option<Nanos>,
    /// When a Tick is wanted, and none was logged for that yet.
    tick_at: Nanos,
}

impl Sequencer {
    /// A sequencer that goes on at `end`.
    #[must_use]
    pub fn new(links: SequencerLinks, end: LogEnd) -> Self {
        Self { links, end, time: end.time, mono: None, tick_at: NEVER }
    }

    fn has_room(&self) -> bool {
        self.links.journal.has_room(1)
            && self.links.executor.has_room(1)
            && self.links.replicator.as_ref().is_none_or(|links| links.records.has_room(1))
    }

    /// The next command in the order of the rings' rank.
    fn take(&mut self) -> Option<Command> {
        if let Some(command) = self.links.control.pop() {
            return Some(command);
        }
        while let Some(links) = &mut self.links.replicator {
            match links.inputs.pop() {
                Some(FromReplicator::Propose(command)) => return Some(command),
                Some(FromReplicator::Lead { term }) => {
                    assert!(term > self.end.term, "a new leader has a higher term");
                    self.end.term = term;
                }
                None => break,
            }
        }
        self.links.gateway.pop()
    }

    /// SAFETY 21: the clock may step back, log time does not.
    fn look_at_clocks(&mut self, now: Now) {
        let passed = now.mono.since(self.mono.unwrap_or(now.mono));
        self.mono = Some(now.mono);
        self.time = now.utc.max(Nanos(self.time.0 + passed / 2));
    }

    /// A Tick, if one is wanted by now. Once logged, the next one waits for the executor's word.
    fn take_tick(&mut self) -> Option<Command> {
        while let Some(tick_at) = self.links.ticks.pop() {
            self.tick_at = tick_at;
        }
        if self.time < self.tick_at {
            return None;
        }
        self.tick_at = NEVER;
        Some(Command::tick())
    }

    fn append(&mut self, command: Command) {
        assert!(self.end.next <= Position::INDEX_MAX, "the log ends where indexes do");
        self.end.time = self.time;
        let stamp = Stamp { index: self.end.next, term: self.end.term, time: self.end.time };
        self.end.next = self.end.next.next();
        let record = LogRecord { stamp, command };
        self.links.journal.push(record);
        if let Some(links) = &mut self.links.replicator {
            links.records.push(record);
        }
        self.links.executor.push(record);
    }
}

impl Agent for Sequencer {
    fn name(&self) -> &'static str {
        "sequencer"
    }

    fn duty_cycle(&mut self, now: Now) -> usize {
        self.look_at_clocks(now);
        let mut stamped = 0;
        while stamped < COMMANDS_PER_CYCLE && self.has_room() {
            let Some(command) = self.take() else { break };
            self.append(command);
            stamped += 1;
        }
        if self.has_room()
            && let Some(tick) = self.take_tick()
        {
            self.append(tick);
            stamped += 1;
        }
        stamped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_link::ring;
    use gavel_types::{AdminStart, SeqNo, SessionSlot};

    fn admin(incarnation: u64) -> Command {
        Command::admin_start(
            SessionSlot::NONE,
            SeqNo(0),
            &AdminStart { incarnation, configuration: 0, idle_expiry_ms: 0 },
        )
    }

    fn at(utc: u64) -> Now {
        Now { mono: Nanos(0), utc: Nanos(utc) }
    }

    const START: LogEnd = LogEnd { next: Index(7), term: Term(2), time: Nanos(100) };

    #[test]
    fn control_goes_first_and_every_reader_sees_the_same_log() {
        let (mut control_in, control) = ring(4);
        let (mut gateway_in, gateway) = ring(4);
        let (mut role_in, inputs) = ring(4);
        let (journal, mut journal_out) = ring(8);
        let (executor, mut executor_out) = ring(8);
        let (records, mut replicator_out) = ring(8);
        let (_ticks_in, ticks) = ring(1);
        let replicator = Some(ReplicatorLinks { records, inputs });
        let links = SequencerLinks { control, gateway, journal, executor, ticks, replicator };
        let mut sequencer = Sequencer::new(links, START);
        gateway_in.push(admin(3));
        role_in.push(FromReplicator::Lead { term: Term(5) });
        role_in.push(FromReplicator::Propose(admin(2)));
        control_in.push(admin(1));

        assert_eq!(sequencer.duty_cycle(at(150)), 3);

        let expected = [(7, 2, 1), (8, 5, 2), (9, 5, 3)];
        for (index, term, incarnation) in expected {
            let record = journal_out.pop().unwrap();
            assert_eq!(record.stamp.index, Index(index));
            assert_eq!(record.stamp.term, Term(term));
            assert_eq!(record.command, admin(incarnation));
            assert_eq!(executor_out.pop(), Some(record));
            assert_eq!(replicator_out.pop(), Some(record));
        }
    }

    #[test]
    fn a_full_reader_stops_all_and_time_never_falls() {
        let (_control_in, control) = ring(4);
        let (mut gateway_in, gateway) = ring(4);
        let (journal, mut journal_out) = ring(1);
        let (executor, mut executor_out) = ring(8);
        let (_ticks_in, ticks) = ring(1);
        let links = SequencerLinks { control, gateway, journal, executor, ticks, replicator: None };
        let mut sequencer = Sequencer::new(links, START);
        gateway_in.push(admin(1));
        gateway_in.push(admin(2));
        assert_eq!(sequencer.duty_cycle(at(90)), 1);
        assert_eq!(sequencer.duty_cycle(at(200)), 0);
        assert_eq!(executor_out.waiting(), 1, "a record goes to all readers or to none");
        assert_eq!(journal_out.pop().unwrap().stamp.time, Nanos(100));
        assert_eq!(sequencer.duty_cycle(at(200)), 1);
        assert_eq!(journal_out.pop().unwrap().stamp.time, Nanos(200));
        assert_eq!(executor_out.pop().unwrap().stamp.index, Index(7));
        assert_eq!(executor_out.pop().unwrap().stamp.index, Index(8));
    }

    #[test]
    fn a_tick_is_logged_when_it_is_wanted_and_once() {
        let (_control_in, control) = ring(4);
        let (_gateway_in, gateway) = ring(4);
        let (journal, mut journal_out) = ring(8);
        let (executor, mut executor_out) = ring(8);
        let (mut ticks_in, ticks) = ring(4);
        let links = SequencerLinks { control, gateway, journal, executor, ticks, replicator: None };
        let mut sequencer = Sequencer::new(links, START);
        assert_eq!(sequencer.duty_cycle(at(1 << 40)), 0, "nobody wants one");
        ticks_in.push(Nanos(1 << 41));
        ticks_in.push(Nanos((1 << 40) + 5));
        assert_eq!(sequencer.duty_cycle(at((1 << 40) + 4)), 0, "not before its time");
        assert_eq!(sequencer.duty_cycle(at((1 << 40) + 5)), 1, "the last word counts");
        let record = journal_out.pop().unwrap();
        assert_eq!(record.command, Command::tick());
        assert_eq!(executor_out.pop(), Some(record));
        assert_eq!(sequencer.duty_cycle(at(1 << 42)), 0, "once");
        ticks_in.push(Nanos(7));
        // The clock stepped back; the log's time has not.
        assert_eq!(sequencer.duty_cycle(at(3)), 1);
        assert_eq!(journal_out.pop().unwrap().stamp.time, Nanos(1 << 42));
    }

    #[test]
    fn while_the_clock_is_behind_ticks_come_at_half_speed() {
        let (_control_in, control) = ring(4);
        let (_gateway_in, gateway) = ring(4);
        let (journal, mut journal_out) = ring(8);
        let (executor, _executor_out) = ring(8);
        let (mut ticks_in, ticks) = ring(4);
        let links = SequencerLinks { control, gateway, journal, executor, ticks, replicator: None };
        // A year ahead, as it was before this process.
        let year = 365 * 86_400_000_000_000;
        let mut sequencer = Sequencer::new(links, LogEnd { time: Nanos(year), ..START });
        let mut at =
            |mono: u64, utc: u64| sequencer.duty_cycle(Now { mono: Nanos(mono), utc: Nanos(utc) });
        assert_eq!(at(50, 0), 0);
        ticks_in.push(Nanos(year + 1_000));
        assert_eq!(at(2_048, 1_998), 0, "999 passed");
        assert_eq!(at(2_050, 2_000), 1);
        assert_eq!(journal_out.pop().unwrap().stamp.time, Nanos(year + 1_000));
        ticks_in.push(Nanos(year + 2_000));
        // UTC is ahead again.
        assert_eq!(at(2_051, year + 2_001), 1);
        assert_eq!(journal_out.pop().unwrap().stamp.time, Nanos(year + 2_001));
    }
}
