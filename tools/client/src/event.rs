//! What a client tells its application.

use crate::acknowledged::Acknowledged;
use gavel_types::{
    EstablishmentRejectCode, IntakeReason, NegotiationRejectCode, ReportNo, SeqNo, TerminationCode,
};
use gavel_wire::client::{DecodeFault, LastReport};
use gavel_wire::frame::FrameFault;
use gavel_wire::server::Sequenced;
use std::io;

/// One thing that happened. What it borrows is gone when the application's function returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The session is established. `submit` works from the first time on, whether connected or not.
    Established(Established),
    /// The session's next report: every number once, in ascending order, without a gap (but for
    /// [`Event::HistoryLost`]). A NotApplied in it names client numbers that never reached the
    /// engine and never will be accepted.
    Report(Sequenced<'a>),
    /// Reports that the engine has no more: the application should ask for the state of its orders.
    HistoryLost {
        /// Number of the first.
        from: ReportNo,
        /// One more than the number of the last.
        until: ReportNo,
    },
    /// The engine's log does not contain the last report that this client has: reports that were
    /// delivered, and orders that were acknowledged, are gone. Nothing flows until
    /// [`Client::confirm_rollback`](crate::Client::confirm_rollback). None of them is sent again by
    /// itself; what was never acknowledged is.
    RolledBack {
        /// The last report that was delivered.
        last: LastReport,
        /// The newest answer that the log still has; all 0 if none is known. Reports after it are
        /// delivered again, or others in their place.
        surviving: LastReport,
        /// The messages whose acknowledgement the log has lost, oldest first.
        lost: &'a [Acknowledged],
        /// These are all. If false there may be more, from before
        /// [`ClientConfig::acknowledged_max`](crate::ClientConfig::acknowledged_max) answers or
        /// from an earlier process.
        is_complete: bool,
    },
    /// The engine knows that no message follows. Every report that was made before that has a
    /// number below this one.
    Finished {
        /// That number.
        until: ReportNo,
    },
    /// After a rollback: `count` unacknowledged messages that `submit` had numbered from `from` on
    /// are sent under numbers from `to` on.
    Renumbered {
        /// The first one's number until now.
        from: SeqNo,
        /// The first one's number from now on.
        to: SeqNo,
        /// How many.
        count: u64,
    },
    /// The engine takes no messages for now; what is submitted waits.
    IntakeStopped(IntakeReason),
    /// The engine takes messages again.
    IntakeResumed,
    /// The connection is gone. Unless the reason is fatal the client connects again by itself.
    Disconnected(DisconnectReason),
}

/// How a session was established.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Established {
    /// Number of the next message to be submitted.
    pub next_seq: SeqNo,
    /// Messages of an earlier connection that are sent again, since the engine has not seen them.
    pub resent: u64,
    /// Reports that the client lacks: they follow, before any newer one.
    pub missing: u64,
    /// Keep-alive interval in force (ms).
    pub keepalive_ms: u32,
}

/// Why a connection is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// It could not be made, or it broke.
    #[error("connection failed: {0}")]
    Io(io::ErrorKind),
    /// The engine closed it.
    #[error("the engine closed the connection")]
    PeerClosed,
    /// The engine ended it.
    #[error("the engine terminated the connection: {0:?}")]
    Terminated(TerminationCode),
    /// The engine was silent for too long.
    #[error("the engine was silent for longer than the keep-alive allows")]
    KeepaliveTimeout,
    /// The engine did not answer a request in time.
    #[error("the engine did not answer in time")]
    AnswerTimeout,
    /// The session is established on another connection: one of ours that the engine has not missed
    /// yet, or another client with the same session.
    #[error("the session is established on another connection")]
    AlreadyEstablished,
    /// The session is not accepted. Fatal.
    #[error("the engine refused to negotiate the session: {0:?}")]
    NegotiationRejected(NegotiationRejectCode),
    /// The session may not be established. Fatal.
    #[error("the engine refused to establish the session: {0:?}")]
    EstablishmentRejected(EstablishmentRejectCode),
    /// The engine has forgotten the session: it was away for too long, or had finished, and had no
    /// live order. What was sent and not answered may have been applied before that. Fatal: begin a
    /// session under another name.
    #[error("the engine has forgotten the session, which was away for too long")]
    SessionExpired,
    /// The engine's log does not contain what this client has.
    #[error("the engine's log lacks a report that this client has")]
    RolledBack,
    /// Bytes that are no frame.
    #[error("the engine sent what is no frame: {0}")]
    Frame(FrameFault),
    /// A frame that makes no sense.
    #[error("the engine sent what makes no sense: {0}")]
    Decode(DecodeFault),
    /// A request for retransmission was refused, though what it asked for should be there.
    #[error("the engine refused to retransmit")]
    RetransmitRefused,
    /// The engine broke a rule on which exactly-once rests. Fatal.
    #[error("protocol broken: {0}")]
    Protocol(&'static str),
    /// The application closed it.
    #[error("closed by the application")]
    Closed,
}

impl DisconnectReason {
    /// True if connecting again would not help.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Terminated(code) => {
                matches!(code, TerminationCode::Unrecognized | TerminationCode::InvalidState)
            }
            Self::NegotiationRejected(_)
            | Self::EstablishmentRejected(_)
            | Self::SessionExpired
            | Self::Protocol(_) => true,
            _ => false,
        }
    }

    /// What the engine is told, if it can still be told.
    pub(crate) fn farewell(&self) -> Option<TerminationCode> {
        match self {
            Self::KeepaliveTimeout | Self::AnswerTimeout => Some(TerminationCode::KeepaliveTimeout),
            Self::Frame(_) | Self::Decode(_) => Some(TerminationCode::Unrecognized),
            Self::Protocol(_) | Self::RetransmitRefused => Some(TerminationCode::InvalidState),
            _ => None,
        }
    }
}

/// A message that was not taken. Nothing was sent, no number was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Too many messages wait for their answer: poll, and try again.
    #[error("in_flight_max messages wait for their answer")]
    Full,
    /// The session was never established in this process, so the next number is not known yet.
    #[error("the session was never established: poll until it is")]
    NotEstablished,
    /// The client has said that no message follows.
    #[error("the session's flow is finished")]
    Finished,
    /// The message has no form on the wire.
    #[error("a refused message cannot be sent")]
    NotAMessage,
    /// The client is halted by a fatal disconnect, a rollback or [`close`](crate::Client::close).
    #[error("the client is halted")]
    Halted,
}

/// The client cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The last disconnect was fatal.
    #[error("{0}")]
    Fatal(DisconnectReason),
    /// No session could be established for `give_up_after_ms`.
    #[error("gave up after {attempts} attempts to connect, the last one: {last}")]
    GaveUp {
        /// How many.
        attempts: u32,
        /// How the last one ended.
        last: DisconnectReason,
    },
}

/// What a client counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Sessions established, the first included.
    pub established: u64,
    /// Messages submitted.
    pub submitted: u64,
    /// Messages sent, repetitions included.
    pub sent: u64,
    /// Reports delivered to the application.
    pub delivered: u64,
    /// Reports dropped because they had been delivered.
    pub duplicates: u64,
    /// Reports dropped because their sender's term was not the highest seen (SAFETY 8).
    pub stale_terms: u64,
    /// Live reports dropped for want of memory during a retransmission, to be asked for again.
    pub early_dropped: u64,
    /// Requests for retransmission.
    pub retransmit_requests: u64,
    /// Reports that the engine had no more.
    pub history_lost: u64,
}
