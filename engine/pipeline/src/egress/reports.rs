//! What egress does with each kind of report.

use super::link::LinkState;
use super::{Egress, REPORTS_PER_CYCLE};
use crate::connection::FromEgress;
use gavel_contract::Egress as Port;
use gavel_types::{EstablishmentAccepted, Index, Nanos, Report, ReportBody, ReportNo, SessionSlot};
use gavel_wire::server::{self, Envelope};

impl<P: Port> Egress<P> {
    pub(super) fn take_reports(&mut self, now: Nanos) -> usize {
        let release = self.links.release.read().index;
        let envelope = self.envelope(release);
        #[cfg(feature = "mutate")]
        let release = match self.mutation {
            Some(crate::Mutation::ReleaseIgnored) => gavel_link::Position::INDEX_MAX,
            _ => release,
        };
        let mut taken = 0;
        while taken < REPORTS_PER_CYCLE {
            // ARCHITECTURE.md, invariant 2: nothing passes `release`.
            match self.links.reports.peek() {
                Some(report) if report.stamp.index <= release => {}
                _ => break,
            }
            let Some(report) = self.links.reports.pop() else { break };
            self.take(&report, &envelope, now);
            taken += 1;
        }
        taken
    }

    fn take(&mut self, report: &Report, envelope: &Envelope, now: Nanos) {
        if report.is_sequenced() {
            self.store(report, envelope);
            if let Some(at) = self.carrier(report.session) {
                self.mark(at);
            }
            return;
        }
        match report.parse().expect("the machine makes only reports that can be read") {
            ReportBody::NegotiationAccepted(body) => {
                self.begin(body.slot, report.stamp.index);
                let at = self.open_for_answer(body.conn);
                self.say(at, |out| server::negotiation_response(body, out));
                let event = FromEgress::Negotiated { conn: body.conn, accepted: true };
                self.links.events.push(event);
            }
            ReportBody::NegotiationRefused(body) => {
                let at = self.open_for_answer(body.conn);
                self.say(at, |out| server::negotiation_reject(body, out));
                let event = FromEgress::Negotiated { conn: body.conn, accepted: false };
                self.links.events.push(event);
            }
            ReportBody::EstablishmentAccepted(body) => self.establish(report.session, body, now),
            ReportBody::EstablishmentRefused(body) => {
                let at = self.open_for_answer(body.conn);
                let runs = core::mem::take(&mut self.start.term_runs);
                self.say(at, |out| server::establishment_reject(body, &runs, out));
                self.start.term_runs = runs;
                self.links.events.push(FromEgress::EstablishRefused { conn: body.conn });
            }
            ReportBody::ConnectionClosed(body) => {
                let at = self.open_for_answer(body.conn);
                self.close(at, now, body.code);
            }
            ReportBody::FlowFinished(body) => {
                if let Some(at) = self.open(body.conn) {
                    self.say(at, |out| server::finished_receiving(body, out));
                }
            }
            other => unreachable!("{other:?} is sequenced"),
        }
    }

    /// A new session takes the slot: what an earlier one of that slot was sent, or is still to be
    /// sent, is not its own.
    pub(super) fn begin(&mut self, slot: SessionSlot, index: Index) {
        self.begun[slot.0 as usize] = index;
        if self.windows.next(slot) == ReportNo(1) {
            return;
        }
        for at in 0..self.conns.len() as u32 {
            if self.conns[at as usize].live.is_some_and(|(carried, _)| carried == slot) {
                self.unbind(at);
                self.cut_off(at, true);
            }
        }
        self.windows.begin(slot, ReportNo(1));
    }

    fn establish(&mut self, slot: SessionSlot, body: &EstablishmentAccepted, now: Nanos) {
        let at = self.open_for_answer(body.conn);
        let runs = core::mem::take(&mut self.start.term_runs);
        self.say(at, |out| server::establishment_ack(body, &runs, out));
        self.start.term_runs = runs;
        assert!(
            self.windows.next(slot) == body.next_number,
            "egress and machine agree on the next number"
        );
        let cursor = self.windows.end(slot);
        let link = &mut self.conns[at as usize];
        link.uuid = body.uuid;
        link.live = Some((slot, cursor));
        if link.state == LinkState::Open {
            let every = u64::from(body.keepalive_ms) * 1_000_000;
            self.beat_every[at as usize] = every;
            self.beat_at[at as usize] = Nanos(now.0 + every);
            self.carriers[slot.0 as usize] = Some(at);
        }
        self.links.events.push(FromEgress::Established {
            conn: body.conn,
            slot,
            keepalive_ms: body.keepalive_ms,
            client_next_seq: body.client_next_seq,
            ended_at: (body.finished == 1).then_some(body.expected_seq),
        });
    }

    /// Encodes a sequenced report into its session's window, once all its parts are here.
    pub(super) fn store(&mut self, report: &Report, envelope: &Envelope) {
        if report.parts == 1 {
            let parts = core::slice::from_ref(report);
            self.windows.append(report.session, report.number, |out| {
                server::encode_report(parts, envelope, out)
            });
            return;
        }
        assert!(self.parts.len() == usize::from(report.part), "parts are adjacent and in order");
        self.parts.push(*report);
        if report.is_last_part() {
            let parts = &self.parts;
            self.windows.append(report.session, report.number, |out| {
                server::encode_report(parts, envelope, out)
            });
            self.parts.clear();
        }
    }
}
