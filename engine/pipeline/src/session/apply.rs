//! What each kind of record does to the sessions.

use super::numbering::Numbering;
use super::{Sessioned, TERM_RUNS_MAX, TermRun};
use gavel_contract::{Machine, Outbox, Progress};
use gavel_types::limits::GAP_MAX;
use gavel_types::{
    Body, BusinessReject, ConnectionClosed, DisconnectSession, EstablishSession,
    EstablishmentAccepted, EstablishmentRefused, EstablishmentRejectCode, LogRecord,
    NegotiateSession, NegotiationAccepted, NegotiationRefused, NegotiationRejectCode,
    NotAppliedRange, RejectedMessage, Report, SeqNo, SessionSlot, Stamp,
};

impl<M: Machine> Machine for Sessioned<M> {
    fn apply(&mut self, record: &LogRecord, out: &mut impl Outbox) -> Progress {
        assert!(!self.paused, "a paused record is finished before the next enters");
        assert!(record.stamp.index == self.applied.next(), "records are applied in log order");
        self.note_term(record.stamp);
        let command = &record.command;
        let body = command.parse();
        let body = body.expect("the log holds only commands that this build can read");
        let progress = match body {
            Body::AdminStart(_) => self.disconnect_all(),
            Body::Negotiate(negotiate) => self.negotiate(record.stamp, negotiate, out),
            Body::Establish(establish) => self.establish(record.stamp, establish, out),
            Body::Disconnect(gone) => self.disconnect(record.stamp, gone, out),
            Body::Tick => Progress::Done,
            Body::Skip(skip) => self.skip(record.stamp, command.session, skip.until, out),
            Body::Rejected(rejected) => self.rejected(record, rejected, out),
            Body::NewOrder(_)
            | Body::Cancel(_)
            | Body::Replace(_)
            | Body::MarketData(_)
            | Body::MassAction(_)
            | Body::OrderStatus(_) => self.application(record, out),
        };
        self.finish(record.stamp, progress)
    }

    fn resume(&mut self, out: &mut impl Outbox) -> Progress {
        assert!(self.paused, "only a paused record is resumed");
        let mut numbering = Numbering { out, sessions: &mut self.sessions };
        let progress = self.machine.resume(&mut numbering);
        if progress == Progress::Done {
            self.paused = false;
            self.applied = self.applied.next();
        }
        progress
    }

    fn live_orders(&self, _session: SessionSlot) -> u32 {
        unreachable!("nobody asks yet")
    }

    fn cancel_session(
        &mut self,
        _stamp: gavel_types::Stamp,
        _session: SessionSlot,
        _why: gavel_types::CancelReason,
        _out: &mut impl Outbox,
    ) -> Progress {
        unreachable!("nobody asks yet")
    }

    fn save(&self, out: &mut impl gavel_contract::StateSink) {
        out.put(&self.applied.0.to_le_bytes());
        out.put(&(self.term_runs.len() as u64).to_le_bytes());
        for run in &self.term_runs {
            out.put(&run.term.0.to_le_bytes());
            out.put(&run.first.0.to_le_bytes());
        }
        out.put(&(self.sessions.len() as u64).to_le_bytes());
        for session in &self.sessions {
            out.put(&session.uuid.0);
            out.put(&session.conn.map_or(u64::MAX, |conn| conn.0).to_le_bytes());
            out.put(&session.expected_seq.0.to_le_bytes());
            out.put(&session.next_number.0.to_le_bytes());
        }
        self.machine.save(out);
    }

    fn restore(
        &mut self,
        from: &mut impl gavel_contract::StateSource,
    ) -> Result<(), gavel_contract::BadState> {
        let mut word = || -> Result<u64, gavel_contract::BadState> {
            let mut bytes = [0; 8];
            from.take(&mut bytes)?;
            Ok(u64::from_le_bytes(bytes))
        };
        self.applied = gavel_types::Index(word()?);
        for _ in 0..word()?.min(TERM_RUNS_MAX as u64) {
            let (term, first) = (gavel_types::Term(word()?), gavel_types::Index(word()?));
            self.term_runs.push(TermRun { term, first });
        }
        for _ in 0..word()?.min(self.sessions_max as u64) {
            let mut uuid = [0; 16];
            uuid[..8].copy_from_slice(&word()?.to_le_bytes());
            uuid[8..].copy_from_slice(&word()?.to_le_bytes());
            let uuid = gavel_types::SessionUuid(uuid);
            let Err(at) = self.find(&uuid) else {
                return Err(gavel_contract::BadState { what: "a session twice" });
            };
            let (conn, seq, next) = (word()?, word()?, word()?);
            self.insert(uuid, at);
            let session = self.sessions.last_mut().expect("it was just inserted");
            session.conn = (conn != u64::MAX).then_some(gavel_types::ConnId(conn));
            session.expected_seq = SeqNo(seq);
            session.next_number = gavel_types::ReportNo(next);
        }
        self.machine.restore(from)
    }

    fn digest(&self, _session_key: &dyn Fn(SessionSlot) -> u64) -> u64 {
        self.book_digest()
    }

    fn memory_bytes(&self) -> usize {
        self.machine.memory_bytes()
            + self.sessions.capacity() * size_of::<super::Session>()
            + self.by_uuid.capacity() * size_of::<(gavel_types::SessionUuid, SessionSlot)>()
            + self.term_runs.capacity() * size_of::<TermRun>()
    }
}

impl<M: Machine> Sessioned<M> {
    fn finish(&mut self, stamp: Stamp, progress: Progress) -> Progress {
        match progress {
            Progress::Done => self.applied = stamp.index,
            Progress::Paused => self.paused = true,
        }
        progress
    }

    fn note_term(&mut self, stamp: Stamp) {
        let last = self.term_runs.last().map(|run| run.term);
        assert!(last.is_none_or(|term| term <= stamp.term), "terms never fall along the log");
        if last != Some(stamp.term) {
            assert!(self.term_runs.len() < TERM_RUNS_MAX, "the history of terms is bounded");
            self.term_runs.push(TermRun { term: stamp.term, first: stamp.index });
        }
    }

    /// A new leader has no connections: whatever the log says of them is over (SAFETY 21).
    fn disconnect_all(&mut self) -> Progress {
        for session in &mut self.sessions {
            session.conn = None;
        }
        Progress::Done
    }

    fn negotiate(
        &mut self,
        stamp: Stamp,
        ask: &NegotiateSession,
        out: &mut impl Outbox,
    ) -> Progress {
        let NegotiateSession { uuid, conn, timestamp } = *ask;
        let refusal = match self.find(&uuid) {
            Ok(_) => Some(NegotiationRejectCode::DuplicateId),
            Err(_) if self.sessions.len() == self.sessions_max => {
                Some(NegotiationRejectCode::NoRoom)
            }
            Err(at) => {
                self.insert(uuid, at);
                None
            }
        };
        out.push(match refusal {
            Some(code) => Report::negotiation_refused(
                stamp,
                SessionSlot::NONE,
                &NegotiationRefused { uuid, conn, timestamp, code, reserved: [0; 7] },
            ),
            None => Report::negotiation_accepted(
                stamp,
                SessionSlot::NONE,
                &NegotiationAccepted { uuid, conn, timestamp },
            ),
        });
        Progress::Done
    }

    fn establish(
        &mut self,
        stamp: Stamp,
        ask: &EstablishSession,
        out: &mut impl Outbox,
    ) -> Progress {
        let EstablishSession { uuid, conn, timestamp, .. } = *ask;
        match self.may_establish(ask) {
            Err(code) => out.push(Report::establishment_refused(
                stamp,
                SessionSlot::NONE,
                &EstablishmentRefused { uuid, conn, timestamp, code, reserved: [0; 7] },
            )),
            Ok(slot) => {
                let session = &mut self.sessions[slot.0 as usize];
                session.conn = Some(conn);
                out.push(Report::establishment_accepted(
                    stamp,
                    slot,
                    &EstablishmentAccepted {
                        uuid,
                        conn,
                        timestamp,
                        next_number: session.next_number,
                        expected_seq: session.expected_seq,
                        client_next_seq: ask.next_seq,
                        keepalive_ms: ask.keepalive_ms,
                        reserved: [0; 4],
                    },
                ));
                self.burn_until(stamp, slot, ask.next_seq, out);
            }
        }
        Progress::Done
    }

    fn may_establish(
        &self,
        ask: &EstablishSession,
    ) -> Result<SessionSlot, EstablishmentRejectCode> {
        let slot = self.find(&ask.uuid).map_err(|_| EstablishmentRejectCode::Unnegotiated)?;
        let session = &self.sessions[slot.0 as usize];
        if session.conn.is_some() {
            return Err(EstablishmentRejectCode::AlreadyEstablished);
        }
        if ask.next_seq.0 > session.expected_seq.0.saturating_add(GAP_MAX) {
            return Err(EstablishmentRejectCode::Unspecified);
        }
        // SAFETY 18: a report that the client has and this log does not contain was rolled back.
        if ask.last_number.0 > 0 {
            let in_log = self.term_at(ask.last_index) == Some(ask.last_term);
            if !in_log || ask.last_number >= session.next_number {
                return Err(EstablishmentRejectCode::RolledBack);
            }
        }
        Ok(slot)
    }

    /// Unbinds, and answers in every case, so that whoever holds the connection can let go.
    fn disconnect(
        &mut self,
        stamp: Stamp,
        gone: &DisconnectSession,
        out: &mut impl Outbox,
    ) -> Progress {
        let slot = self.slot_of(gone.conn);
        if let Some(slot) = slot {
            self.sessions[slot.0 as usize].conn = None;
        }
        out.push(Report::connection_closed(
            stamp,
            slot.unwrap_or(SessionSlot::NONE),
            &ConnectionClosed { conn: gone.conn, code: gone.code, reserved: [0; 7] },
        ));
        Progress::Done
    }

    fn skip(
        &mut self,
        stamp: Stamp,
        slot: SessionSlot,
        until: SeqNo,
        out: &mut impl Outbox,
    ) -> Progress {
        if (slot.0 as usize) < self.sessions.len() {
            self.burn_until(stamp, slot, until, out);
        }
        Progress::Done
    }

    /// Numbers below `until` that were not applied never will be: FIXP NotApplied.
    fn burn_until(&mut self, stamp: Stamp, slot: SessionSlot, until: SeqNo, out: &mut impl Outbox) {
        let session = &mut self.sessions[slot.0 as usize];
        if until <= session.expected_seq {
            return;
        }
        let from = session.expected_seq;
        session.expected_seq = until;
        let count = until.0 - from.0;
        let report = Report::not_applied(stamp, slot, &NotAppliedRange { from, count });
        Numbering { out, sessions: &mut self.sessions }.push(report);
    }

    /// Takes the client's number. False if it was taken before: a duplicate, which does nothing.
    #[inline]
    fn take_seq(&mut self, record: &LogRecord, out: &mut impl Outbox) -> bool {
        let (slot, seq) = (record.command.session, record.command.client_seq);
        let Some(session) = self.sessions.get_mut(slot.0 as usize) else { return false };
        if seq != session.expected_seq {
            if seq < session.expected_seq {
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
            let report = Report::business_reject(
                record.stamp,
                record.command.session,
                &BusinessReject {
                    ref_seq: record.command.client_seq,
                    ref_id: why.ref_id,
                    ref_tag: why.ref_tag,
                    ref_template: why.ref_template,
                    reason: why.reason,
                    reserved: 0,
                },
            );
            Numbering { out, sessions: &mut self.sessions }.push(report);
        }
        Progress::Done
    }

    #[inline]
    fn application(&mut self, record: &LogRecord, out: &mut impl Outbox) -> Progress {
        if !self.take_seq(record, out) {
            return Progress::Done;
        }
        let mut numbering = Numbering { out, sessions: &mut self.sessions };
        self.machine.apply(record, &mut numbering)
    }
}
