//! What a client was told stays so: same number, same bytes, through every crash.
//!
//! Every sequenced frame that a client's socket gives is written down, less what is stamped when it
//! is sent (envelope, PossResend). A number that comes again must come with the same bytes; and
//! whatever was written down must be what the log that survives a crash gives again.
//!
//! Inputs -> outputs: frames -> verdicts; the session's reports in order, to [`Once`].
//! Not here: what the log gives (oracle.rs).
//! Source: SAFETY 8 and 20; reports are a function of the log.

use super::once::{Says, answer_of};
use super::{Once, Oracle, Sights, Verdict, Violation};
use crate::timeline::{Happened, Timeline};
use gavel_types::{AckRuleCode, Index, Term};
use gavel_wire::frame::split_server;
use gavel_wire::server::{
    self, Envelope, MAX_SERVER_FRAME_BYTES, SequencedBody, ServerMessage, reenvelope,
};
use xxhash_rust::xxh3::xxh3_64;

const CHECKER: &str = "ledger";

/// The envelope that stands for all.
pub(super) const ENVELOPE: Envelope =
    Envelope { sender_term: Term(0), commit: Index(0), rule: AckRuleCode::Local };

#[derive(Clone, Copy, Debug)]
struct Told {
    hash: u64,
    index: Index,
    term: Term,
    says: Says,
}

/// What one session was told.
#[derive(Debug, Default)]
pub struct SessionLedger {
    /// By number, from 1.
    told: Vec<Option<Told>>,
    /// Reports that were walked without a gap.
    walked: usize,
    /// Numbers that the oracle has not confirmed.
    unconfirmed: Vec<u64>,
    /// Answers.
    pub once: Once,
}

/// The checker.
#[derive(Debug, Default)]
pub struct Ledger {
    sessions: Vec<SessionLedger>,
}

impl Ledger {
    /// A session's ledger.
    pub fn session(&mut self, client: usize) -> &mut SessionLedger {
        if self.sessions.len() <= client {
            self.sessions.resize_with(client + 1, SessionLedger::default);
        }
        &mut self.sessions[client]
    }

    /// A whole frame reached a client.
    pub fn on_frame(
        &mut self,
        client: usize,
        frame: &[u8],
        timeline: &mut Timeline,
        sights: &mut Sights,
    ) -> Verdict {
        let Ok(Some(split)) = split_server(frame) else {
            return fail(format!("client {client} received what is no frame"));
        };
        let report = match server::decode(&split) {
            Ok(ServerMessage::Sequenced(report)) => report,
            Ok(other) => {
                sights.see(unsequenced(&other));
                return Ok(());
            }
            Err(fault) => return fail(format!("client {client} received no message: {fault:?}")),
        };
        sights.see(sequenced(&report.body));
        if report.poss_resend {
            sights.see("sent again");
        }
        let mut bare = [0; MAX_SERVER_FRAME_BYTES];
        let bare = &mut bare[..frame.len()];
        bare.copy_from_slice(frame);
        reenvelope(bare, &ENVELOPE, false);
        let (number, index) = (report.number.0, report.stamp.index);
        let hash = xxh3_64(bare);
        timeline.note(Happened::Received { client, number, hash });
        let told = Told { hash, index, term: report.stamp.term, says: answer_of(&report.body) };
        self.session(client).write(client, number, told)
    }

    /// Compares what was told with what the log gives.
    pub fn confirm(&mut self, oracle: &Oracle) -> Verdict {
        for (client, ledger) in self.sessions.iter_mut().enumerate() {
            for number in core::mem::take(&mut ledger.unconfirmed) {
                let told = ledger.told[number as usize - 1].expect("what is unconfirmed was told");
                let given = oracle.report(client, number);
                if given != Some(told.hash) {
                    let how = if given.is_none() { "has no such report" } else { "says otherwise" };
                    return fail(format!(
                        "client {client} was told report {number} of record {}.{}, and the log \
                         that survived (to record {}) {how}",
                        told.term,
                        told.index,
                        oracle.applied()
                    ));
                }
            }
        }
        Ok(())
    }
}

impl SessionLedger {
    fn write(&mut self, client: usize, number: u64, told: Told) -> Verdict {
        if number == 0 {
            return fail(format!("client {client} received a report without a number"));
        }
        let at = number as usize - 1;
        if self.told.len() <= at {
            self.told.resize(at + 1, None);
        }
        if let Some(before) = self.told[at] {
            if before.hash != told.hash {
                return fail(format!(
                    "client {client} was told report {number} twice, of record {}.{} and of {}.{}, \
                     and not the same",
                    before.term, before.index, told.term, told.index
                ));
            }
            return Ok(());
        }
        self.told[at] = Some(told);
        self.unconfirmed.push(number);
        while let Some(Some(told)) = self.told.get(self.walked) {
            self.walked += 1;
            let verdict = self.once.on_report(self.walked as u64, told.says);
            verdict
                .map_err(|v| Violation::new(v.checker, format!("client {client}: {}", v.what)))?;
        }
        Ok(())
    }

    /// Reports up to `until` (not included) are lost to the client, and it was told so.
    pub fn skip(&mut self, until: u64) {
        self.walked = self.walked.max(until as usize - 1);
        self.once.on_loss();
    }

    /// Reports that were received without a gap.
    #[must_use]
    pub fn walked(&self) -> u64 {
        self.walked as u64
    }
}

fn sequenced(body: &SequencedBody<'_>) -> &'static str {
    match body {
        SequencedBody::NotApplied(_) => "NotApplied",
        SequencedBody::BusinessReject(_) => "BusinessReject",
        SequencedBody::New(_) => "New",
        SequencedBody::Trade(_) => "Trade",
        SequencedBody::Canceled(_) => "Canceled",
        SequencedBody::Replaced(_) => "Replaced",
        SequencedBody::Rejected(_) => "Rejected",
        SequencedBody::CancelReject(_) => "CancelReject",
        SequencedBody::MassAction(_) => "MassAction",
        SequencedBody::Status(_) => "Status",
        SequencedBody::MarketData(_) => "MarketData",
        SequencedBody::Triggered(_) => "Triggered",
        SequencedBody::Restated(_) => "Restated",
        SequencedBody::Steering(_) => "Steering",
    }
}

fn unsequenced(message: &ServerMessage<'_>) -> &'static str {
    match message {
        ServerMessage::NegotiationResponse { .. } => "NegotiationResponse",
        ServerMessage::NegotiationReject { .. } => "NegotiationReject",
        ServerMessage::EstablishmentAck(_) => "EstablishmentAck",
        ServerMessage::EstablishmentReject { .. } => "EstablishmentReject",
        ServerMessage::Challenge { .. } => "Challenge",
        ServerMessage::FinishedReceiving { .. } => "FinishedReceiving",
        ServerMessage::Sequence { .. } => "Sequence",
        ServerMessage::Retransmission { .. } => "Retransmission",
        ServerMessage::RetransmitReject { .. } => "RetransmitReject",
        ServerMessage::Terminate { .. } => "Terminate",
        ServerMessage::IntakeStatus { .. } => "IntakeStatus",
        ServerMessage::UnsequencedHeartbeat => "UnsequencedHeartbeat",
        ServerMessage::Sequenced(report) => sequenced(&report.body),
    }
}

fn fail(what: String) -> Verdict {
    Err(Violation::new(CHECKER, what))
}
