//! What egress does with each request of the gateway.

use super::link::{Announce, LinkState, Resend};
use super::window::Cursor;
use super::{Egress, REQUESTS_PER_CYCLE};
use crate::connection::ToEgress;
use gavel_contract::Egress as Port;
use gavel_types::{
    ConnId, EstablishmentRefused, Index, IntakeReason, IntakeState, Nanos, NegotiationRefused,
    ReportNo, RetransmitRejectCode, SeqNo,
};
use gavel_wire::client::RetransmitRequest;
use gavel_wire::server;

impl<P: Port> Egress<P> {
    pub(super) fn take_requests(&mut self, now: Nanos) -> usize {
        let mut taken = 0;
        while taken < REQUESTS_PER_CYCLE {
            let Some(request) = self.links.requests.pop() else { break };
            self.answer(request, now);
            taken += 1;
        }
        taken
    }

    fn answer(&mut self, request: ToEgress, now: Nanos) {
        match request {
            ToEgress::RefuseNegotiate { conn, uuid, timestamp, code } => {
                let body = NegotiationRefused { uuid, conn, timestamp, code, reserved: [0; 7] };
                let Some(at) = self.open(conn) else { return };
                self.say(at, |out| server::negotiation_reject(&body, out));
            }
            ToEgress::RefuseEstablish { conn, uuid, timestamp, code } => {
                let body = EstablishmentRefused {
                    uuid,
                    conn,
                    timestamp,
                    code,
                    reserved: [0; 7],
                    // The log was not asked.
                    next_number: ReportNo(0),
                    expected_seq: SeqNo(0),
                    log_index: Index(0),
                };
                let Some(at) = self.open(conn) else { return };
                self.say(at, |out| server::establishment_reject(&body, &[], out));
            }
            ToEgress::Challenge { conn, nonce } => {
                let Some(at) = self.open(conn) else { return };
                self.say(at, |out| server::challenge(&nonce, out));
            }
            ToEgress::Retransmit { conn, request } => self.retransmit(conn, &request, now),
            ToEgress::Close { conn, uuid, code } => {
                let Some(at) = self.open(conn) else { return };
                self.conns[at as usize].uuid = uuid;
                self.close(at, now, code);
            }
            ToEgress::Intake { stopped } => self.tell_intake(stopped),
        }
    }

    /// FIXP RetransmitRequest: one at a time, for reports that were sent and are still in the
    /// window or stored. Whether they are stored only the shadow knows: a refusal may come later.
    fn retransmit(&mut self, conn: ConnId, request: &RetransmitRequest, now: Nanos) {
        let Some(at) = self.open(conn) else { return };
        let link = &self.conns[at as usize];
        if link.state != LinkState::Open {
            return;
        }
        let Some((slot, live)) = link.live else { return };
        let RetransmitRequest { uuid, timestamp, from, count } = *request;
        let oldest = self.windows.oldest(slot);
        let until = from.0.checked_add(count).map(ReportNo);
        let in_range = count > 0 && until.is_some_and(|until| until <= live.number);
        let refusal = if uuid != link.uuid {
            Some(RetransmitRejectCode::InvalidSession)
        } else if link.resend.is_some() {
            Some(RetransmitRejectCode::RequestLimitExceeded)
        } else if !in_range {
            Some(RetransmitRejectCode::OutOfRange)
        } else {
            None
        };
        let here = self.windows.seek(slot, from);
        let stored = (from.0 >= 1 && !self.pages.is_off()).then_some(Cursor::outside(from));
        match (refusal, until, here.or(stored)) {
            (None, Some(until), Some(cursor)) => {
                let envelope = self.envelope(self.links.release.read().index);
                let announce = match here {
                    Some(_) => None,
                    None => Some(Announce { timestamp, from, count }),
                };
                if announce.is_none() {
                    self.say(at, |out| server::retransmission(uuid, timestamp, from, count, out));
                }
                let link = &mut self.conns[at as usize];
                link.resend = Some(Resend { cursor, until, envelope, announce });
                link.is_catching_up = true;
                link.moved_at = now;
                self.mark(at);
            }
            (refusal, ..) => {
                let code = refusal.unwrap_or(RetransmitRejectCode::OutOfRange);
                self.say(at, |out| server::retransmit_reject(uuid, timestamp, code, oldest, out));
            }
        }
    }

    fn tell_intake(&mut self, stopped: bool) {
        let (state, reason) = if stopped {
            (IntakeState::Stopped, IntakeReason::DiskFull)
        } else {
            (IntakeState::Open, IntakeReason::None)
        };
        for at in 0..self.conns.len() as u32 {
            let link = &self.conns[at as usize];
            if link.state == LinkState::Open && link.live.is_some() {
                self.say(at, |out| server::intake_status(state, reason, out));
            }
        }
    }
}
