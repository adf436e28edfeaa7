//! The flows on an established connection: reports in order, and what they answer.
//!
//! Not here: the order itself (inflow.rs), the handshake (handshake.rs).

use super::finish::Finish;
use super::{Close, Initiator, Now};
use crate::acknowledged::Acknowledged;
use crate::answer::answer_of;
use crate::event::Event;
use crate::inflow::{Refusal, Turn};
use gavel_types::{IntakeState, SeqNo};
use gavel_wire::frame::split_server;
use gavel_wire::server::{self, Sequenced, SequencedBody, ServerMessage};

impl Initiator {
    pub(super) fn on_flow(
        &mut self,
        now: Now,
        message: &ServerMessage<'_>,
        frame: &[u8],
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Close> {
        match message {
            ServerMessage::Sequenced(report) => {
                self.on_report(now, report, frame, sink)?;
                self.deliver_ripe(now, sink)
            }
            ServerMessage::Sequence { next } => {
                self.inflow.on_sequence(*next);
                Ok(())
            }
            ServerMessage::UnsequencedHeartbeat => Ok(()),
            ServerMessage::Retransmission { next, count, .. } => {
                if self.inflow.on_granted(now.mono, *next, *count) {
                    Ok(())
                } else {
                    Err(Close::Protocol("a retransmission that nobody asked for"))
                }
            }
            ServerMessage::RetransmitReject { oldest, code, .. } => {
                match self.inflow.on_refused(now.mono, *oldest, *code) {
                    Refusal::Later => Ok(()),
                    Refusal::Senseless => Err(Close::RetransmitRefused),
                    Refusal::Lost { from, until } => {
                        self.counters.history_lost += until.0 - from.0;
                        sink(Event::HistoryLost { from, until });
                        self.deliver_ripe(now, sink)
                    }
                }
            }
            ServerMessage::FinishedReceiving { next, .. } => {
                // No sequenced message: reports below `next` may still be behind it on this
                // connection, so they are not missing.
                if !matches!(self.finish, Finish::Done { .. }) {
                    self.finish = Finish::Done { until: *next };
                    sink(Event::Finished { until: *next });
                }
                Ok(())
            }
            ServerMessage::IntakeStatus { state, reason } => {
                sink(match state {
                    IntakeState::Stopped => Event::IntakeStopped(*reason),
                    IntakeState::Open => Event::IntakeResumed,
                });
                Ok(())
            }
            _ => Err(Close::Protocol("an answer to nothing that was asked")),
        }
    }

    fn on_report(
        &mut self,
        now: Now,
        report: &Sequenced<'_>,
        frame: &[u8],
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Close> {
        match self.inflow.on_report(now.mono, report, frame) {
            Turn::Deliver => {}
            Turn::Early => return Ok(()),
            Turn::Duplicate => {
                self.counters.duplicates += 1;
                return Ok(());
            }
            Turn::Stale => {
                self.counters.stale_terms += 1;
                return Ok(());
            }
            Turn::Dropped => {
                self.counters.early_dropped += 1;
                return Ok(());
            }
        }
        if self.inflow.is_answer(report.number) {
            if let SequencedBody::NotApplied(burnt) = &report.body {
                self.pending.release_until(SeqNo(burnt.from.0.saturating_add(burnt.count)));
            } else if let Some(answer) = answer_of(&report.body) {
                let released = self.pending.release(answer);
                let (seq, name) = released
                    .map_err(|_| Close::Protocol("a report answers no message under way"))?;
                self.history.push(Acknowledged { seq, name, report: self.inflow.last() });
            }
        }
        self.counters.delivered += 1;
        sink(Event::Report(*report));
        Ok(())
    }

    /// Delivers what waited for the reports before it.
    fn deliver_ripe(&mut self, now: Now, sink: &mut impl FnMut(Event<'_>)) -> Result<(), Close> {
        let Some(ripe) = self.inflow.take_ripe() else { return Ok(()) };
        let mut at = 0;
        let mut outcome = Ok(());
        while let Ok(Some(frame)) = split_server(&ripe[at..]) {
            let whole = &ripe[at..at + frame.whole_bytes];
            at += frame.whole_bytes;
            let Ok(ServerMessage::Sequenced(report)) = server::decode(&frame) else {
                unreachable!("what waits was decoded when it came");
            };
            outcome = self.on_report(now, &report, whole, sink);
            if outcome.is_err() {
                break;
            }
        }
        self.inflow.give_back(ripe);
        outcome
    }
}
