//! What each kind of record does: dispatch, the client's numbers, application messages.

use super::numbering::Numbering;
use super::timers::Pause;
use super::{Sessioned, TERM_RUNS_MAX, TermRun};
use gavel_contract::{BadState, Machine, Outbox, Progress, StateSink, StateSource};
use gavel_types::limits::BURST;
use gavel_types::{
    Body, BusinessRejectReason, CancelReason, Command, LogRecord, Nanos, RejectedMessage, Report,
    SeqNo, SessionSlot, SessionUuid, Stamp,
};
use gavel_wire::client::{business_reject, refusal};

impl<M: Machine> Machine for Sessioned<M> {
    fn apply(&mut self, record: &LogRecord, out: &mut impl Outbox) -> Progress {
        assert!(self.pause.is_none(), "a paused record is finished before the next enters");
        assert!(record.stamp.index == self.applied.next(), "records are applied in log order");
        self.note_term(record.stamp);
        let body = parse(&record.command);
        let progress = if self.enters(&record.command, &body) {
            self.handle(record, &body, out)
        } else {
            self.end_due_then(record, &body, out)
        };
        if progress == Progress::Done {
            self.applied = record.stamp.index;
        }
        progress
    }

    fn resume(&mut self, out: &mut impl Outbox) -> Progress {
        let pause = self.pause.take().expect("only a paused record is resumed");
        let is_inside = !matches!(pause, Pause::Waiting(_) | Pause::Sweep(_));
        if is_inside {
            let mut numbering = Numbering { out, sessions: &mut self.sessions };
            if self.machine.resume(&mut numbering) == Progress::Paused {
                self.pause = Some(pause);
                return Progress::Paused;
            }
        }
        let progress = match pause {
            Pause::Machine => Progress::Done,
            Pause::Cancelling(stamp) | Pause::Sweep(stamp) => self.tick(stamp, out),
            Pause::Ending(record) | Pause::Waiting(record) => {
                self.handle_with_room(&record, &parse(&record.command), out)
            }
        };
        if progress == Progress::Done {
            self.applied = self.applied.next();
        }
        progress
    }

    /// # Panics
    /// Always: time passes by records, or their replay would not.
    fn advance(&mut self, _stamp: Stamp, _out: &mut impl Outbox) -> Progress {
        panic!("time passes by records")
    }

    #[inline]
    fn expect(&self, records: &[LogRecord]) {
        self.machine.expect(records);
    }

    fn due(&self) -> Nanos {
        self.deadlines.due().min(self.machine.due())
    }

    fn live_orders(&self, session: SessionSlot) -> u32 {
        self.machine.live_orders(session)
    }

    /// # Panics
    /// Always: only a Tick record cancels a session's orders, or its replay would not.
    fn cancel_session(
        &mut self,
        _stamp: Stamp,
        _session: SessionSlot,
        _why: CancelReason,
        _out: &mut impl Outbox,
    ) -> Progress {
        panic!("a session's orders are cancelled by a record")
    }

    fn save(&self, out: &mut impl StateSink) {
        assert!(self.pause.is_none(), "a paused record is finished before the state is saved");
        self.save_sessions(out);
        self.machine.save(out);
    }

    fn restore(&mut self, from: &mut impl StateSource) -> Result<(), BadState> {
        self.restore_sessions(from)?;
        self.machine.restore(from)?;
        self.check_machine()
    }

    fn digest(&self, _session_key: &dyn Fn(SessionSlot) -> u64) -> u64 {
        self.book_digest()
    }

    fn memory_bytes(&self) -> usize {
        self.machine.memory_bytes()
            + self.sessions.capacity() * size_of::<super::Session>()
            + self.by_uuid.capacity() * size_of::<(SessionUuid, SessionSlot)>()
            + self.free.capacity() * size_of::<SessionSlot>()
            + self.deadlines.memory_bytes()
            + self.term_runs.capacity() * size_of::<TermRun>()
    }
}

fn parse(command: &Command) -> Body<'_> {
    command.parse().expect("the log holds only commands that this build can read")
}

/// What a client's message asks the right for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// To ask.
    Ask,
    /// To enter, change and end orders.
    Trade,
    /// To change symbols, phases and limits.
    Steer,
}

impl Right {
    /// The right that a message needs which is the machine's to answer; none if it is not.
    #[inline]
    fn of(body: &Body<'_>) -> Option<Self> {
        match body {
            Body::MarketData(_) | Body::OrderStatus(_) => Some(Self::Ask),
            Body::NewOrder(_)
            | Body::Cancel(_)
            | Body::Replace(_)
            | Body::Reduce(_)
            | Body::MassAction(_) => Some(Self::Trade),
            Body::DefineSymbol(_)
            | Body::SetPhase(_)
            | Body::SetBands(_)
            | Body::SetRisk(_)
            | Body::Kill(_) => Some(Self::Steer),
            Body::AdminStart(_)
            | Body::Negotiate(_)
            | Body::Establish(_)
            | Body::Disconnect(_)
            | Body::Finish(_)
            | Body::Tick
            | Body::Skip(_)
            | Body::Rejected(_) => None,
        }
    }
}

impl<M: Machine> Sessioned<M> {
    /// True if the machine will be shown the record: then it looks itself at what is due.
    #[inline]
    fn enters(&self, command: &Command, body: &Body<'_>) -> bool {
        let Some(right) = Right::of(body) else { return false };
        self.sessions.get(command.session.0 as usize).is_some_and(|session| {
            session.may(right) && command.client_seq >= session.expected_seq && !session.is_finished
        })
    }

    /// What is handled here is a record like any other: it ends what is due in the machine first.
    fn end_due_then(
        &mut self,
        record: &LogRecord,
        body: &Body<'_>,
        out: &mut impl Outbox,
    ) -> Progress {
        let room = out.free();
        let mut numbering = Numbering { out, sessions: &mut self.sessions };
        if self.machine.advance(record.stamp, &mut numbering) == Progress::Paused {
            self.pause = Some(Pause::Ending(*record));
            return Progress::Paused;
        }
        if out.free() == room {
            return self.handle(record, body, out);
        }
        self.handle_with_room(record, body, out)
    }

    /// Handles a record before which others were told something: it wants room as if it came alone.
    fn handle_with_room(
        &mut self,
        record: &LogRecord,
        body: &Body<'_>,
        out: &mut impl Outbox,
    ) -> Progress {
        if out.free() < BURST {
            self.pause = Some(Pause::Waiting(*record));
            return Progress::Paused;
        }
        self.handle(record, body, out)
    }

    #[inline]
    fn handle(&mut self, record: &LogRecord, body: &Body<'_>, out: &mut impl Outbox) -> Progress {
        let (stamp, slot) = (record.stamp, record.command.session);
        match body {
            Body::AdminStart(start) => self.start(stamp, start),
            Body::Negotiate(negotiate) => self.negotiate(stamp, negotiate, out),
            Body::Establish(establish) => self.establish(stamp, establish, out),
            Body::Disconnect(gone) => self.disconnect(stamp, gone, out),
            Body::Finish(finish) => self.finish_sending(stamp, slot, finish, out),
            Body::Tick => self.tick(stamp, out),
            Body::Skip(skip) => self.skip(stamp, slot, skip.until, out),
            Body::Rejected(rejected) => self.rejected(record, rejected, out),
            Body::MarketData(_)
            | Body::OrderStatus(_)
            | Body::NewOrder(_)
            | Body::Cancel(_)
            | Body::Replace(_)
            | Body::Reduce(_)
            | Body::MassAction(_)
            | Body::DefineSymbol(_)
            | Body::SetPhase(_)
            | Body::SetBands(_)
            | Body::SetRisk(_)
            | Body::Kill(_) => self.application(record, body, out),
        }
    }

    fn note_term(&mut self, stamp: Stamp) {
        let last = self.term_runs.last().map(|run| run.term);
        assert!(last.is_none_or(|term| term <= stamp.term), "terms never fall along the log");
        if last != Some(stamp.term) {
            assert!(self.term_runs.len() < TERM_RUNS_MAX, "the history of terms is bounded");
            self.term_runs.push(TermRun { term: stamp.term, first: stamp.index });
        }
    }

    fn skip(
        &mut self,
        stamp: Stamp,
        slot: SessionSlot,
        until: SeqNo,
        out: &mut impl Outbox,
    ) -> Progress {
        if self.sessions.get(slot.0 as usize).is_some_and(|session| !session.is_finished) {
            self.burn_until(stamp, slot, until, out);
        }
        Progress::Done
    }

    /// Takes the client's number. False if it was taken before, a duplicate, or lies beyond the end
    /// of the flow: it does nothing.
    #[inline]
    fn take_seq(&mut self, record: &LogRecord, out: &mut impl Outbox) -> bool {
        let (slot, seq) = (record.command.session, record.command.client_seq);
        let Some(session) = self.sessions.get_mut(slot.0 as usize) else { return false };
        if seq != session.expected_seq || session.is_finished {
            if seq < session.expected_seq || session.is_finished {
                return false;
            }
            self.burn_until(record.stamp, slot, seq, out);
        }
        self.sessions[slot.0 as usize].expected_seq = SeqNo(seq.0.saturating_add(1));
        true
    }

    fn rejected(
        &mut self,
        record: &LogRecord,
        why: &RejectedMessage,
        out: &mut impl Outbox,
    ) -> Progress {
        if self.take_seq(record, out) {
            self.refuse(record, why, out);
        }
        Progress::Done
    }

    fn refuse(&mut self, record: &LogRecord, why: &RejectedMessage, out: &mut impl Outbox) {
        let body = business_reject(record.command.client_seq, why);
        let report = Report::business_reject(record.stamp, record.command.session, &body);
        Numbering { out, sessions: &mut self.sessions }.push(report);
    }

    /// A message that the machine answers, if the session's key may send it.
    #[inline]
    fn application(
        &mut self,
        record: &LogRecord,
        body: &Body<'_>,
        out: &mut impl Outbox,
    ) -> Progress {
        if !self.take_seq(record, out) {
            return Progress::Done;
        }
        let right = Right::of(body).expect("the machine answers it");
        if !self.sessions[record.command.session.0 as usize].may(right) {
            let why = refusal(&record.command, BusinessRejectReason::NotAuthorized);
            self.refuse(record, &why, out);
            return Progress::Done;
        }
        let mut numbering = Numbering { out, sessions: &mut self.sessions };
        let progress = self.machine.apply(record, &mut numbering);
        if progress == Progress::Paused {
            self.pause = Some(Pause::Machine);
        }
        progress
    }
}
