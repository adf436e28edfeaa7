//! The handshake: Negotiate, Establish, and what their answers mean for what waits.
//!
//! Not here: the flows on an established connection (flow.rs).

use super::{Close, Initiator, Now, Standing, State, ns};
use crate::acknowledged::Rollback;
use crate::event::{Established, Event};
use gavel_types::{EstablishmentRejectCode, FlowType, ReportNo, SeqNo};
use gavel_wire::client::{
    Credentials, Establish, Negotiate, encode_establish, encode_negotiate, encode_sequence,
};
use gavel_wire::credentials::Signed;
use gavel_wire::server::{EstablishmentAck, EstablishmentReject};

impl Initiator {
    pub(super) fn negotiate(&mut self, now: Now) {
        let message = Negotiate {
            uuid: self.config.session,
            timestamp: now.utc,
            client_flow: FlowType::Idempotent,
            credentials: self.credentials(now, Signed::Negotiate),
        };
        self.state = State::Negotiating { since: now.mono };
        self.say(now, |out| encode_negotiate(&message, out));
    }

    pub(super) fn establish(&mut self, now: Now) {
        let asked = match self.standing {
            Standing::Unknown { next, .. } => next,
            Standing::Known => self.pending.first(),
            _ => SeqNo(1),
        };
        let message = Establish {
            uuid: self.config.session,
            timestamp: now.utc,
            keepalive_ms: self.config.keepalive_ms,
            next_seq: asked,
            cod_type: self.config.cod_type,
            cod_window_ms: self.config.cod_window_ms,
            last: self.inflow.last(),
            credentials: self.credentials(now, Signed::Establish),
        };
        self.state = State::Establishing { since: now.mono, asked };
        self.say(now, |out| encode_establish(&message, out));
    }

    fn credentials(&self, now: Now, message: Signed) -> Credentials {
        let key = self.config.key.as_ref();
        key.map_or(Credentials::NONE, |key| {
            key.credentials(&self.nonce, self.config.session, now.utc, message)
        })
    }

    /// SAFETY 18, 19: says exactly what the log behind this refusal has lost.
    fn roll_back(
        &mut self,
        reject: &EstablishmentReject<'_>,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Close {
        self.standing = Standing::RolledBack;
        let last = self.inflow.last();
        let Rollback { surviving, lost, is_complete } = self.history.rollback(reject);
        self.surviving = surviving;
        sink(Event::RolledBack { last, surviving, lost, is_complete });
        Close::RolledBack
    }

    pub(super) fn on_establish_refused(
        &mut self,
        now: Now,
        reject: &EstablishmentReject<'_>,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Close> {
        use EstablishmentRejectCode as Code;
        let (code, last) = (reject.code, self.inflow.last());
        match (code, self.standing) {
            (Code::AlreadyEstablished, _) => Err(Close::AlreadyEstablished),
            (Code::RolledBack, _) if last.number > ReportNo(0) => Err(self.roll_back(reject, sink)),
            // The log has the record, and knows nothing of the session any more: it was forgotten.
            (Code::Unnegotiated, _)
                if last.number > ReportNo(0)
                    && reject.runs.hold(last.term, last.index, reject.log_index) =>
            {
                Err(Close::SessionExpired)
            }
            // A log that never knew of the session lacks every report of it.
            (Code::Unnegotiated, _) if last.number > ReportNo(0) => {
                Err(self.roll_back(reject, sink))
            }
            // It was there, and has no report that would tell whether it was forgotten or lost.
            // What was sent may have been applied before: nothing is sent again.
            (Code::Unnegotiated, Standing::Known) if self.pending.sent() > 0 => {
                Err(Close::SessionExpired)
            }
            (Code::Unnegotiated, Standing::Unknown { negotiate: true, .. }) => {
                Err(Close::EstablishmentRejected(code))
            }
            (Code::Unnegotiated, Standing::Unknown { next, .. }) => {
                self.standing = Standing::Unknown { next, negotiate: true };
                self.negotiate(now);
                Ok(())
            }
            (Code::Unnegotiated, Standing::Known | Standing::Confirmed) => {
                self.standing = Standing::Confirmed;
                self.negotiate(now);
                Ok(())
            }
            _ => Err(Close::EstablishmentRejected(code)),
        }
    }

    pub(super) fn on_established(
        &mut self,
        now: Now,
        asked: SeqNo,
        ack: &EstablishmentAck<'_>,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Close> {
        // Numbers below `asked` that the engine lacks are burnt by Establish itself.
        let expected = ack.expected_seq.max(asked);
        if !self.inflow.on_established(ack.next_number) {
            return Err(Close::Protocol("the engine has fewer reports than were delivered"));
        }
        match self.standing {
            Standing::Unknown { .. } => {
                self.pending.start_at(expected);
                if ack.next_number > ReportNo(1) {
                    self.history.forget_earlier();
                }
            }
            Standing::Confirmed => {
                self.pending.release_until(expected);
                let (from, count) = (self.pending.first(), self.pending.len() as u64);
                self.pending.renumber(expected);
                if count > 0 && from != expected {
                    sink(Event::Renumbered { from, to: expected, count });
                }
            }
            _ => {
                if expected > self.pending.next_seq() {
                    return Err(Close::Protocol(
                        "the engine expects a number that was never given",
                    ));
                }
                self.pending.release_until(expected);
            }
        }
        let resent = self.pending.sent() as u64;
        self.pending.rewind();
        self.standing = Standing::Known;
        self.state = State::Established { keepalive_ns: ns(ack.keepalive_ms) };
        self.counters.established += 1;
        if expected != asked {
            self.say(now, |out| encode_sequence(expected, out));
        }
        sink(Event::Established(Established {
            next_seq: self.pending.next_seq(),
            resent,
            missing: self.inflow.missing(),
            keepalive_ms: ack.keepalive_ms,
        }));
        Ok(())
    }
}
