//! The handshake: Negotiate, Establish, and what their answers mean for what waits.
//!
//! Not here: the flows on an established connection (flow.rs).

use super::{Close, Initiator, Now, Standing, State, ns};
use crate::event::{Established, Event};
use gavel_types::{EstablishmentRejectCode, FlowType, ReportNo, SeqNo};
use gavel_wire::client::{
    Credentials, Establish, Negotiate, encode_establish, encode_negotiate, encode_sequence,
};
use gavel_wire::server::EstablishmentAck;

impl Initiator {
    pub(super) fn negotiate(&mut self, now: Now) {
        let message = Negotiate {
            uuid: self.config.session,
            timestamp: now.utc,
            client_flow: FlowType::Idempotent,
            credentials: Credentials::NONE,
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
            cod_type: 0,
            cod_window_ms: 0,
            last: self.inflow.last(),
            credentials: Credentials::NONE,
        };
        self.state = State::Establishing { since: now.mono, asked };
        self.say(now, |out| encode_establish(&message, out));
    }

    pub(super) fn on_establish_refused(
        &mut self,
        now: Now,
        code: EstablishmentRejectCode,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Close> {
        use EstablishmentRejectCode as Code;
        let last = self.inflow.last();
        match (code, self.standing) {
            (Code::AlreadyEstablished, _) => Err(Close::AlreadyEstablished),
            // A log that knows nothing of the session lacks every report of it.
            (Code::RolledBack | Code::Unnegotiated, _) if last.number > ReportNo(0) => {
                self.standing = Standing::RolledBack;
                sink(Event::RolledBack { last });
                Err(Close::RolledBack)
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
            Standing::Unknown { .. } => self.pending.start_at(expected),
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
