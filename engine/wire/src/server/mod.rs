//! What servers send: encoders (for egress) and the decoder (for clients).
//!
//! Inputs -> outputs: the machine's reports and a few facts in, frames' bytes out; a frame in, a
//! [`ServerMessage`] out.
//! Invariants: the bytes of a sequenced message are a function of its report, but for the envelope,
//! which is stamped when they are sent and can be stamped again in place.
//! Limits: [`MAX_SERVER_FRAME_BYTES`], [`TERM_RUNS_MAX`].
//! Not here: whether and when a message may leave; what is kept for retransmission.
//! Source: FIXP 1.1; FIX 5.0 SP2 for the fields of reports; SAFETY 8, 18, 19 for ours.

mod decode;
mod encode;

pub use decode::decode;
pub use encode::{
    challenge, encode_report, establishment_ack, establishment_reject, finished_receiving,
    intake_status, negotiation_reject, negotiation_response, reenvelope, retransmission,
    retransmit_reject, sequence, terminate,
};

use crate::frame::PREAMBLE_BYTES;
use crate::template::{self as wire, GroupSize, MdEntry, TermRunEntry};
use gavel_types::limits::MD_DEPTH_MAX;
use gavel_types::{
    AckRuleCode, BusinessReject, CancelReject, EstablishmentRejectCode, ExecCanceled, ExecNew,
    ExecRejected, ExecReplaced, ExecRestated, ExecStatus, ExecTrade, ExecTriggered, Index,
    IntakeReason, IntakeState, MassActionReport, MdLevel, MdReqId, Nanos, NegotiationRejectCode,
    NotAppliedRange, Price, Qty, ReportNo, RetransmitRejectCode, SeqNo, SessionUuid, Stamp,
    SteeringReport, SymbolId, Term, TerminationCode,
};

/// Most term runs in one answer to Establish. A client whose history is longer is told the newest.
pub const TERM_RUNS_MAX: usize = 64;

/// Longest frame that a server sends: a market data answer with both sides full.
pub const MAX_SERVER_FRAME_BYTES: usize = PREAMBLE_BYTES
    + size_of::<wire::MarketDataSnapshotFullRefresh>()
    + 2 * (size_of::<GroupSize>() + MD_DEPTH_MAX * size_of::<MdEntry>());

// The other templates with a group are never longer.
const _: () =
    assert!(size_of::<wire::EstablishmentAck>() <= size_of::<wire::EstablishmentReject>());
const _: () = assert!(
    PREAMBLE_BYTES
        + size_of::<wire::EstablishmentReject>()
        + size_of::<GroupSize>()
        + TERM_RUNS_MAX * size_of::<TermRunEntry>()
        <= MAX_SERVER_FRAME_BYTES
);

/// What is stamped on a report when it is sent, and is no part of it (SAFETY 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Term in which the sender leads.
    pub sender_term: Term,
    /// The sender's commit index.
    pub commit: Index,
    /// Rule under which the report was released.
    pub rule: AckRuleCode,
}

/// From `first_index` until the next run's first index the log's records are of `term`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermRun {
    /// The term.
    pub term: Term,
    /// Index of its first record.
    pub first_index: Index,
}

/// A message of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerMessage<'a> {
    /// The session id is known now.
    NegotiationResponse {
        /// The session.
        uuid: SessionUuid,
        /// The request's timestamp.
        timestamp: Nanos,
    },
    /// The session id is not accepted.
    NegotiationReject {
        /// The session.
        uuid: SessionUuid,
        /// The request's timestamp.
        timestamp: Nanos,
        /// Why.
        code: NegotiationRejectCode,
    },
    /// The session is bound to this connection.
    EstablishmentAck(EstablishmentAck<'a>),
    /// The session is not bound to this connection.
    EstablishmentReject(EstablishmentReject<'a>),
    /// What a client with a key signs on this connection.
    Challenge {
        /// Never used before, and not to be guessed.
        nonce: [u8; 32],
    },
    /// The client's flow is finished, and the log holds that.
    FinishedReceiving {
        /// The session.
        uuid: SessionUuid,
        /// Number of the session's next report.
        next: ReportNo,
    },
    /// Number of the next report; also the heartbeat of the server's flow.
    Sequence {
        /// That number.
        next: ReportNo,
    },
    /// A sign of life.
    UnsequencedHeartbeat,
    /// What was asked for follows, number by number.
    Retransmission {
        /// The session.
        uuid: SessionUuid,
        /// The request's timestamp.
        timestamp: Nanos,
        /// Number of the first.
        next: ReportNo,
        /// How many.
        count: u64,
    },
    /// What was asked for is not there.
    RetransmitReject {
        /// The session.
        uuid: SessionUuid,
        /// The request's timestamp.
        timestamp: Nanos,
        /// The oldest number that can be asked for.
        oldest: ReportNo,
        /// Why.
        code: RetransmitRejectCode,
    },
    /// The server ends the session's connection.
    Terminate {
        /// The session.
        uuid: SessionUuid,
        /// Why.
        code: TerminationCode,
    },
    /// Whether application messages are taken now.
    IntakeStatus {
        /// Whether they are.
        state: IntakeState,
        /// Why not.
        reason: IntakeReason,
    },
    /// A message that takes a number of the server's flow.
    Sequenced(Sequenced<'a>),
}

/// EstablishmentAck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EstablishmentAck<'a> {
    /// The session.
    pub uuid: SessionUuid,
    /// The request's timestamp.
    pub timestamp: Nanos,
    /// Keep-alive interval in force (ms).
    pub keepalive_ms: u32,
    /// Number of the session's next report.
    pub next_number: ReportNo,
    /// Number that the engine expects next from the client.
    pub expected_seq: SeqNo,
    /// The log's term runs, oldest first.
    pub runs: TermRuns<'a>,
}

/// EstablishmentReject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EstablishmentReject<'a> {
    /// The session.
    pub uuid: SessionUuid,
    /// The request's timestamp.
    pub timestamp: Nanos,
    /// Why.
    pub code: EstablishmentRejectCode,
    /// Number of the session's next report; 0 if the engine knows no such session.
    pub next_number: ReportNo,
    /// Number that the engine expects next from the client; 0 if it knows no such session.
    pub expected_seq: SeqNo,
    /// A record that the log holds, the newest when it was answered; 0 if the log was not asked.
    pub log_index: Index,
    /// The log's term runs, oldest first.
    pub runs: TermRuns<'a>,
}

/// A message that takes a number of the server's flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequenced<'a> {
    /// Its number.
    pub number: ReportNo,
    /// Index, term and time of the record that it answers.
    pub stamp: Stamp,
    /// What was stamped when it was sent.
    pub envelope: Envelope,
    /// True if it is sent again.
    pub poss_resend: bool,
    /// What it says.
    pub body: SequencedBody<'a>,
}

/// What a sequenced message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequencedBody<'a> {
    /// NotApplied.
    NotApplied(NotAppliedRange),
    /// BusinessMessageReject.
    BusinessReject(BusinessReject),
    /// ExecutionReport New.
    New(ExecNew),
    /// ExecutionReport Trade.
    Trade(ExecTrade),
    /// ExecutionReport Canceled.
    Canceled(ExecCanceled),
    /// ExecutionReport Replaced.
    Replaced(ExecReplaced),
    /// ExecutionReport Rejected.
    Rejected(ExecRejected),
    /// OrderCancelReject.
    CancelReject(CancelReject),
    /// OrderMassActionReport.
    MassAction(MassActionReport),
    /// ExecutionReport, ExecType Order Status.
    Status(ExecStatus),
    /// MarketDataSnapshotFullRefresh.
    MarketData(MarketDataSnapshot<'a>),
    /// ExecutionReport Triggered.
    Triggered(ExecTriggered),
    /// ExecutionReport Restated.
    Restated(ExecRestated),
    /// SteeringReport.
    Steering(SteeringReport),
}

/// MarketDataSnapshotFullRefresh: the top of one book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketDataSnapshot<'a> {
    /// The request's name.
    pub md_req_id: MdReqId,
    /// The instrument.
    pub symbol: SymbolId,
    /// Bids, best first.
    pub bids: Levels<'a>,
    /// Asks, best first.
    pub asks: Levels<'a>,
}

/// The entries of a group as they lie in the frame. Two are equal if their bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entries<'a> {
    bytes: &'a [u8],
    entry_bytes: usize,
}

impl<'a> Entries<'a> {
    fn iter<T: wire::Block + Copy + 'a>(self) -> impl ExactSizeIterator<Item = T> + 'a {
        self.bytes.chunks_exact(self.entry_bytes).map(|entry| {
            let (entry, _) = T::read_from_prefix(entry).expect("a decoded entry is whole");
            entry
        })
    }
}

/// Levels of one side of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels<'a>(Entries<'a>);

impl<'a> Levels<'a> {
    /// The levels, best first; at most `MD_DEPTH_MAX`.
    pub fn iter(self) -> impl ExactSizeIterator<Item = MdLevel> + 'a {
        self.0.iter().map(|entry: MdEntry| MdLevel {
            price: Price(entry.md_entry_px.get()),
            qty: Qty(entry.md_entry_size.get()),
        })
    }
}

/// The log's term runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermRuns<'a>(Entries<'a>);

impl<'a> TermRuns<'a> {
    /// True if the log, which reaches as far as `end`, has a record of `term` at `index` (SAFETY
    /// 19). A record before the oldest run that is told here is not known, and counts as there.
    #[must_use]
    pub fn hold(self, term: Term, index: Index, end: Index) -> bool {
        let runs = self.iter().take_while(|run| run.first_index <= index);
        index <= end && runs.last().is_none_or(|run| run.term == term)
    }

    /// The runs, oldest first; at most [`TERM_RUNS_MAX`].
    pub fn iter(self) -> impl ExactSizeIterator<Item = TermRun> + 'a {
        self.0.iter().map(|entry: TermRunEntry| TermRun {
            term: Term(entry.run_term.get()),
            first_index: Index(entry.first_index.get()),
        })
    }
}
