//! What records about connections do to the sessions: Negotiate, Establish, Disconnect,
//! FinishedSending, and the start of a leader.

use super::numbering::Numbering;
use super::{NEVER, Sessioned};
use gavel_contract::{Machine, Outbox, Progress};
use gavel_types::limits::GAP_MAX;
use gavel_types::{
    AdminStart, ConnectionClosed, DisconnectCause, DisconnectSession, EstablishSession,
    EstablishmentAccepted, EstablishmentRefused, EstablishmentRejectCode, FinishSending,
    FlowFinished, Nanos, NegotiateSession, NegotiationAccepted, NegotiationRefused,
    NegotiationRejectCode, NotAppliedRange, Report, ReportNo, SeqNo, SessionSlot, SessionUuid,
    Stamp,
};

/// Bit of a cancel-on-disconnect type: the connection was lost.
const COD_ON_DISCONNECT: u8 = 1;
/// Bit of a cancel-on-disconnect type: the client said Terminate.
const COD_ON_TERMINATE: u8 = 2;

impl<M: Machine> Sessioned<M> {
    /// A new leader has no connections: whatever the log says of them is over, and every time that
    /// a client has to return begins now (SAFETY 21).
    pub(super) fn start(&mut self, stamp: Stamp, start: &AdminStart) -> Progress {
        self.idle_expiry_ns = start.idle_expiry_ms.saturating_mul(1_000_000);
        for slot in (0..self.sessions.len() as u32).map(SessionSlot) {
            if !self.sessions[slot.0 as usize].is_negotiated() {
                continue;
            }
            let expire_at = self.expiry(slot, stamp.time);
            let session = &mut self.sessions[slot.0 as usize];
            let is_lost =
                session.conn.take().is_some() && session.cod_type & COD_ON_DISCONNECT != 0;
            if is_lost || session.cod_at != NEVER {
                session.cod_at = Nanos(stamp.time.0.saturating_add(session.cod_window_ns));
            }
            session.expire_at = expire_at;
        }
        #[cfg(feature = "mutate")]
        if self.mutation == Some(crate::Mutation::TimersForgotten) {
            self.sessions.iter_mut().for_each(|session| session.cod_at = NEVER);
        }
        self.deadlines.rebuild(&self.sessions);
        Progress::Done
    }

    pub(super) fn negotiate(
        &mut self,
        stamp: Stamp,
        ask: &NegotiateSession,
        out: &mut impl Outbox,
    ) -> Progress {
        let NegotiateSession { uuid, conn, timestamp, .. } = *ask;
        let refusal = match self.find(&uuid) {
            Ok(_) => NegotiationRejectCode::DuplicateId,
            Err(_) if uuid == SessionUuid::default() => NegotiationRejectCode::Unspecified,
            Err(_) if self.is_full() => NegotiationRejectCode::NoRoom,
            Err(at) => {
                let slot = self.insert(uuid, at);
                let expire_at = self.expiry(slot, stamp.time);
                self.change(slot, |session| {
                    session.key_id = ask.key_id;
                    session.role = ask.role;
                    session.expire_at = expire_at;
                });
                let body = NegotiationAccepted { uuid, conn, timestamp, slot, reserved: [0; 4] };
                out.push(Report::negotiation_accepted(stamp, SessionSlot::NONE, &body));
                return Progress::Done;
            }
        };
        let body = NegotiationRefused { uuid, conn, timestamp, code: refusal, reserved: [0; 7] };
        out.push(Report::negotiation_refused(stamp, SessionSlot::NONE, &body));
        Progress::Done
    }

    pub(super) fn establish(
        &mut self,
        stamp: Stamp,
        ask: &EstablishSession,
        out: &mut impl Outbox,
    ) -> Progress {
        match self.may_establish(ask) {
            Ok(slot) => self.bind(stamp, slot, ask, out),
            Err((code, known)) => {
                let (next_number, expected_seq) = known.map_or((ReportNo(0), SeqNo(0)), |slot| {
                    let session = &self.sessions[slot.0 as usize];
                    (session.next_number, session.expected_seq)
                });
                let body = EstablishmentRefused {
                    uuid: ask.uuid,
                    conn: ask.conn,
                    timestamp: ask.timestamp,
                    code,
                    reserved: [0; 7],
                    next_number,
                    expected_seq,
                    log_index: stamp.index,
                };
                out.push(Report::establishment_refused(stamp, SessionSlot::NONE, &body));
            }
        }
        Progress::Done
    }

    /// The session, or why not, with the session whose numbers the client may be told.
    fn may_establish(
        &self,
        ask: &EstablishSession,
    ) -> Result<SessionSlot, (EstablishmentRejectCode, Option<SessionSlot>)> {
        let slot =
            self.find(&ask.uuid).map_err(|_| (EstablishmentRejectCode::Unnegotiated, None))?;
        let session = &self.sessions[slot.0 as usize];
        if session.key_id != ask.key_id {
            // Somebody else's: not even its numbers are told.
            return Err((EstablishmentRejectCode::Credentials, None));
        }
        let refuse = |code| Err((code, Some(slot)));
        if session.conn.is_some() {
            return refuse(EstablishmentRejectCode::AlreadyEstablished);
        }
        if ask.next_seq.0 > session.expected_seq.0.saturating_add(GAP_MAX) {
            return refuse(EstablishmentRejectCode::Unspecified);
        }
        // SAFETY 18: a report that the client has and this log does not contain was rolled back.
        if ask.last_number.0 > 0 {
            let in_log = self.term_at(ask.last_index) == Some(ask.last_term);
            if !in_log || ask.last_number >= session.next_number {
                return refuse(EstablishmentRejectCode::RolledBack);
            }
        }
        Ok(slot)
    }

    fn bind(
        &mut self,
        stamp: Stamp,
        slot: SessionSlot,
        ask: &EstablishSession,
        out: &mut impl Outbox,
    ) {
        #[cfg(feature = "mutate")]
        let cod_at = self.sessions[slot.0 as usize].cod_at;
        self.change(slot, |session| {
            session.conn = Some(ask.conn);
            session.role = ask.role;
            session.cod_type = ask.cod_type;
            session.cod_window_ns = ask.cod_window_ms.saturating_mul(1_000_000);
            (session.cod_at, session.expire_at) = (NEVER, NEVER);
        });
        #[cfg(feature = "mutate")]
        if self.mutation == Some(crate::Mutation::CancelsAlthoughBack) {
            self.change(slot, |session| session.cod_at = cod_at);
        }
        let session = self.sessions[slot.0 as usize];
        out.push(Report::establishment_accepted(
            stamp,
            slot,
            &EstablishmentAccepted {
                uuid: ask.uuid,
                conn: ask.conn,
                timestamp: ask.timestamp,
                next_number: session.next_number,
                expected_seq: session.expected_seq,
                client_next_seq: ask.next_seq,
                keepalive_ms: ask.keepalive_ms,
                finished: u8::from(session.is_finished),
                reserved: [0; 3],
            },
        ));
        if session.is_finished {
            // The client may have missed it, and nothing else tells that its flow is over.
            self.say_finished(stamp, slot, ask.uuid, out);
        } else {
            self.burn_until(stamp, slot, ask.next_seq, out);
        }
    }

    /// Unbinds, and answers in every case, so that whoever holds the connection can let go.
    pub(super) fn disconnect(
        &mut self,
        stamp: Stamp,
        gone: &DisconnectSession,
        out: &mut impl Outbox,
    ) -> Progress {
        let slot = self.slot_of(gone.conn);
        if let Some(slot) = slot {
            let covers = match gone.cause {
                DisconnectCause::Terminated => COD_ON_TERMINATE,
                _ => COD_ON_DISCONNECT,
            };
            let expire_at = self.expiry(slot, stamp.time);
            self.change(slot, |session| {
                session.conn = None;
                session.expire_at = expire_at;
                if session.cod_type & covers != 0 {
                    session.cod_at = Nanos(stamp.time.0.saturating_add(session.cod_window_ns));
                }
            });
        }
        out.push(Report::connection_closed(
            stamp,
            slot.unwrap_or(SessionSlot::NONE),
            &ConnectionClosed { conn: gone.conn, code: gone.code, reserved: [0; 7] },
        ));
        Progress::Done
    }

    /// FIXP FinishedSending: what never came of the flow is burnt, and the flow is over.
    pub(super) fn finish_sending(
        &mut self,
        stamp: Stamp,
        slot: SessionSlot,
        ask: &FinishSending,
        out: &mut impl Outbox,
    ) -> Progress {
        let session = self.sessions.get(slot.0 as usize);
        let Some(session) = session.filter(|session| session.conn == Some(ask.conn)) else {
            return Progress::Done;
        };
        let (uuid, is_finished) = (session.uuid, session.is_finished);
        if !is_finished {
            self.burn_until(stamp, slot, SeqNo(ask.last_seq.0.saturating_add(1)), out);
            self.sessions[slot.0 as usize].is_finished = true;
        }
        self.say_finished(stamp, slot, uuid, out);
        Progress::Done
    }

    fn say_finished(
        &mut self,
        stamp: Stamp,
        slot: SessionSlot,
        uuid: SessionUuid,
        out: &mut impl Outbox,
    ) {
        let session = &self.sessions[slot.0 as usize];
        let conn = session.conn.expect("whoever finishes is connected");
        let next_number = session.next_number;
        out.push(Report::flow_finished(stamp, slot, &FlowFinished { conn, uuid, next_number }));
    }

    /// Numbers below `until` that were not applied never will be: FIXP NotApplied.
    pub(super) fn burn_until(
        &mut self,
        stamp: Stamp,
        slot: SessionSlot,
        until: SeqNo,
        out: &mut impl Outbox,
    ) {
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
}
