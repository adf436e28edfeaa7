//! What each kind of record does: dispatch, the client's numbers, application messages.

use super::numbering::Numbering;
use super::timers::Pause;
use super::{Sessioned, TERM_RUNS_MAX, TermRun};
use gavel_contract::{BadState, Machine, Outbox, Progress, StateSink, StateSource};
use gavel_types::{
    Body, BusinessRejectReason, CancelReason, LogRecord, RejectedMessage, Report, SeqNo,
    SessionSlot, SessionUuid, Stamp,
};
use gavel_wire::client::{business_reject, refusal};

impl<M: Machine> Machine for Sessioned<M> {
    fn apply(&mut self, record: &LogRecord, out: &mut impl Outbox) -> Progress {
        assert!(self.pause.is_none(), "a paused record is finished before the next enters");
        assert!(record.stamp.index == self.applied.next(), "records are applied in log order");
        self.note_term(record.stamp);
        let (stamp, command) = (record.stamp, &record.command);
        let body = command.parse();
        let body = body.expect("the log holds only commands that this build can read");
        let progress = match body {
            Body::AdminStart(start) => self.start(stamp, start),
            Body::Negotiate(negotiate) => self.negotiate(stamp, negotiate, out),
            Body::Establish(establish) => self.establish(stamp, establish, out),
            Body::Disconnect(gone) => self.disconnect(stamp, gone, out),
            Body::Finish(finish) => self.finish_sending(stamp, command.session, finish, out),
            Body::Tick => self.tick(stamp, out),
            Body::Skip(skip) => self.skip(stamp, command.session, skip.until, out),
            Body::Rejected(rejected) => self.rejected(record, rejected, out),
            Body::MarketData(_) | Body::OrderStatus(_) => self.query(record, out),
            Body::NewOrder(_) | Body::Cancel(_) | Body::Replace(_) | Body::MassAction(_) => {
                self.trade(record, out)
            }
        };
        if progress == Progress::Done {
            self.applied = stamp.index;
        }
        progress
    }

    fn resume(&mut self, out: &mut impl Outbox) -> Progress {
        let pause = self.pause.expect("only a paused record is resumed");
        let mut progress = Progress::Done;
        if let Pause::Machine | Pause::Cancelling(_) = pause {
            progress = self.machine.resume(&mut Numbering { out, sessions: &mut self.sessions });
        }
        if progress == Progress::Done {
            self.pause = None;
            if let Pause::Cancelling(stamp) | Pause::Sweep(stamp) = pause {
                progress = self.tick(stamp, out);
            }
        }
        if progress == Progress::Done {
            self.applied = self.applied.next();
        }
        progress
    }

    #[inline]
    fn expect(&self, records: &[LogRecord]) {
        self.machine.expect(records);
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

impl<M: Machine> Sessioned<M> {
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

    /// A message that only a key with the right to trade may send.
    #[inline]
    fn trade(&mut self, record: &LogRecord, out: &mut impl Outbox) -> Progress {
        if !self.take_seq(record, out) {
            return Progress::Done;
        }
        if !self.sessions[record.command.session.0 as usize].role.may_trade() {
            let why = refusal(&record.command, BusinessRejectReason::NotAuthorized);
            self.refuse(record, &why, out);
            return Progress::Done;
        }
        self.enter(record, out)
    }

    #[inline]
    fn query(&mut self, record: &LogRecord, out: &mut impl Outbox) -> Progress {
        if !self.take_seq(record, out) {
            return Progress::Done;
        }
        self.enter(record, out)
    }

    #[inline]
    fn enter(&mut self, record: &LogRecord, out: &mut impl Outbox) -> Progress {
        let mut numbering = Numbering { out, sessions: &mut self.sessions };
        let progress = self.machine.apply(record, &mut numbering);
        if progress == Progress::Paused {
            self.pause = Some(Pause::Machine);
        }
        progress
    }
}
