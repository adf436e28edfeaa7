//! The server's side of FIXP for one connection, as a pure state machine.
//!
//! ```text
//!            Negotiate              on_negotiated(true)
//! Connected ----------> Negotiating -------------------> Negotiated
//!     |  ^                   | on_negotiated(false)          |
//!     |  +-------------------+                               | Establish
//!     | Establish                                            v
//!     +--------------------------------------------> Establishing ---> Established ---> Finished
//!                 (refused: back to where it was)         on_established   FinishedSending
//! ```
//!
//! Where keys are configured, Negotiate and Establish pass through Verifying first, until
//! [`Acceptor::on_verified`]. A session that is finished may be established again: it fetches
//! reports, keeps itself alive, and may say FinishedSending again if it missed the answer; an
//! application message, or a number beyond its last one, ends the connection.
//!
//! A Negotiate of a session id that is known is refused as DuplicateId, whoever asks, also after a
//! restart: FIXP negotiates an id once. A client that does not know whether its first Negotiate
//! arrived takes DuplicateId for a yes and says Establish, and there its key is held against the
//! one that negotiated.
//!
//! Inputs -> outputs: decoded messages, the answers of machine and authenticator and monotone time
//! in; a [`Verdict`] for each message, and [`Close`] when time is up, out.
//! Invariants: nothing is logged for a connection that is closing; every application message of an
//! established session that is not finished is logged, under the number that its place in the flow
//! gives it; what is a duplicate the machine alone decides; while others decide, the connection is
//! not read; where keys are configured nothing is logged that no key has signed for.
//! Limits: [`REFUSALS_MAX`] refused answers a connection, [`SEQ_MAX`], and those in [`Limits`].
//! Not here: bytes, buffers, clocks; what sessions exist (the machine knows); whose key is good
//! (the authenticator knows); the server's heartbeat and retransmission (egress).
//! Source: FIXP 1.1: session initiation, sequence, keep-alive, finalization.

mod ask;

use crate::client::{Application, ClientMessage, Credentials, RetransmitRequest};
use crate::credentials::Signed;
use ask::Ask;
use gavel_types::limits::GAP_MAX;
use gavel_types::{
    Command, ConnId, DisconnectCause, DisconnectSession, EstablishmentRejectCode, FinishSending,
    Nanos, NegotiationRejectCode, SeqNo, SessionSlot, SessionUuid, SkipSequence, TerminationCode,
};

/// A client that is silent for more than so many of its keep-alive intervals is gone. FIXP asks for
/// some leniency, because the two sides' timers differ.
pub const SILENCE_INTERVALS: u64 = 2;

/// Most answers of refusal to one connection; what it asks after that closes it.
pub const REFUSALS_MAX: u8 = 3;

/// Highest number that a client may give to a message: half of what a u64 holds, so that counting
/// on from it never overflows.
pub const SEQ_MAX: SeqNo = SeqNo(u64::MAX / 2);

/// Highest type of cancel-on-disconnect: bit 0 is a loss of the connection, bit 1 a Terminate of
/// the client.
pub const COD_TYPE_MAX: u8 = 3;

/// What the configuration says of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Shortest keep-alive interval that a client may ask for (ms), at least 1.
    pub keepalive_min_ms: u32,
    /// Longest keep-alive interval that a client may ask for (ms).
    pub keepalive_max_ms: u32,
    /// A connection that has not established a session by then is closed (ms).
    pub establish_timeout_ms: u32,
    /// Longest cancel-on-disconnect window that a client may ask for (ms).
    pub cod_window_max_ms: u32,
    /// Whether only a holder of a key may negotiate and establish.
    pub needs_credentials: bool,
}

/// Who says to be at the other end, and what proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The session.
    pub uuid: SessionUuid,
    /// The message's timestamp.
    pub timestamp: Nanos,
    /// Which message it is.
    pub message: Signed,
    /// Key and signature.
    pub credentials: Credentials,
}

/// End of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// What the client is told in Terminate.
    pub code: TerminationCode,
    /// What the log says of it.
    pub cause: DisconnectCause,
    /// What the client said, if it said Terminate.
    pub said: TerminationCode,
}

impl Close {
    /// An end that the client did not ask for.
    #[must_use]
    pub const fn of(code: TerminationCode, cause: DisconnectCause) -> Self {
        Self { code, cause, said: TerminationCode::Finished }
    }
}

/// What is to be done about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// This goes to the log.
    Log(Command),
    /// This is to be verified: [`Acceptor::on_verified`] goes on.
    Verify(Claim),
    /// Egress is to send reports again, or to say why not.
    Retransmit(RetransmitRequest),
    /// Answer NegotiationReject; the connection stays.
    RefuseNegotiate {
        /// The session.
        uuid: SessionUuid,
        /// The request's timestamp.
        timestamp: Nanos,
        /// Why.
        code: NegotiationRejectCode,
    },
    /// Answer EstablishmentReject; the connection stays.
    RefuseEstablish {
        /// The session.
        uuid: SessionUuid,
        /// The request's timestamp.
        timestamp: Nanos,
        /// Why.
        code: EstablishmentRejectCode,
    },
    /// Nothing.
    Nothing,
    /// Say Terminate and close the connection. [`Acceptor::on_gone`] makes the log's record of it.
    Close(Close),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Connected,
    /// The answer decides whether this is asked of the log.
    Verifying {
        negotiated: bool,
        ask: Ask,
    },
    Negotiating,
    Negotiated,
    Establishing {
        negotiated: bool,
    },
    Established(Established),
    Closing,
}

/// An established session, as this connection sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Established {
    slot: SessionSlot,
    /// The client has said FinishedSending.
    is_finished: bool,
    keepalive_ns: u64,
    /// Number of the next application message.
    next: SeqNo,
    /// One more than the highest number given on this connection, given by message or skipped.
    high: SeqNo,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptor {
    conn: ConnId,
    limits: Limits,
    state: State,
    uuid: SessionUuid,
    /// Session that the log has bound, or is asked to bind, to this connection.
    bound: Option<SessionSlot>,
    opened: Nanos,
    heard: Nanos,
    refusals: u8,
}

const fn ns(ms: u32) -> u64 {
    ms as u64 * 1_000_000
}

const fn protocol_error(code: TerminationCode) -> Verdict {
    Verdict::Close(Close::of(code, DisconnectCause::ProtocolError))
}

const INVALID_STATE: Verdict = protocol_error(TerminationCode::InvalidState);

impl Acceptor {
    /// A connection that opened `now` (monotone).
    #[must_use]
    pub fn new(conn: ConnId, limits: Limits, now: Nanos) -> Self {
        assert!(limits.keepalive_min_ms >= 1, "a keep-alive interval takes time");
        Self {
            conn,
            limits,
            state: State::Connected,
            uuid: SessionUuid::default(),
            bound: None,
            opened: now,
            heard: now,
            refusals: 0,
        }
    }

    /// The connection.
    #[must_use]
    pub fn conn(&self) -> ConnId {
        self.conn
    }

    /// The session last named by the client; all zero if none was.
    #[must_use]
    pub fn uuid(&self) -> SessionUuid {
        self.uuid
    }

    /// The session's slot, once established.
    #[must_use]
    pub fn slot(&self) -> Option<SessionSlot> {
        match self.state {
            State::Established(session) => Some(session.slot),
            _ => None,
        }
    }

    /// True while others decide: the gateway does not read the connection meanwhile.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        let state = self.state;
        matches!(state, State::Verifying { .. } | State::Negotiating | State::Establishing { .. })
    }

    /// True while the answer to Negotiate is awaited: the log knows nothing of the connection that
    /// [`Acceptor::on_gone`] could end, yet an answer to it is on its way.
    #[must_use]
    pub fn is_negotiating(&self) -> bool {
        self.state == State::Negotiating
    }

    /// True once a verdict or a timer has closed it.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.state == State::Closing
    }

    /// Decides about one message of the client, received at `now` (monotone).
    ///
    /// # Panics
    /// If the machine's answer is awaited: the gateway keeps what it has read until then.
    pub fn on_message(&mut self, now: Nanos, message: &ClientMessage) -> Verdict {
        assert!(!self.is_waiting(), "a connection is not read while others decide");
        self.heard = now;
        let verdict = match (self.state, message) {
            (State::Closing, _) => Verdict::Nothing,
            (_, ClientMessage::Terminate { code, .. }) => Verdict::Close(Close {
                code: TerminationCode::Finished,
                cause: DisconnectCause::Terminated,
                said: *code,
            }),
            (State::Connected, ClientMessage::Negotiate(message)) => self.negotiate(message),
            (State::Connected | State::Negotiated, ClientMessage::Establish(message)) => {
                self.establish(message)
            }
            (State::Established(session), message) => self.established(session, message),
            _ => INVALID_STATE,
        };
        if matches!(verdict, Verdict::Close(_)) {
            self.state = State::Closing;
        }
        verdict
    }

    /// The machine answered Negotiate. Without effect if the connection is closing.
    ///
    /// # Panics
    /// If no answer to Negotiate is awaited.
    pub fn on_negotiated(&mut self, accepted: bool) {
        match self.state {
            State::Closing => {}
            State::Negotiating if accepted => self.state = State::Negotiated,
            State::Negotiating => {
                self.refusals += 1;
                self.state = State::Connected;
            }
            _ => panic!("Negotiate is answered once"),
        }
    }

    /// The machine bound the session: `client_next_seq` is the number with which the client said
    /// that it will begin, `ended_at` the number behind the last of its flow, if that is finished:
    /// the client may have asked with an older one. Without effect if the connection is closing.
    ///
    /// # Panics
    /// If no answer to Establish is awaited.
    pub fn on_established(
        &mut self,
        slot: SessionSlot,
        keepalive_ms: u32,
        client_next_seq: SeqNo,
        ended_at: Option<SeqNo>,
    ) {
        match self.state {
            State::Closing => {}
            State::Establishing { .. } => {
                self.bound = Some(slot);
                self.state = State::Established(Established {
                    slot,
                    is_finished: ended_at.is_some(),
                    keepalive_ns: ns(keepalive_ms),
                    next: client_next_seq,
                    high: client_next_seq.max(ended_at.unwrap_or(client_next_seq)),
                });
            }
            _ => panic!("Establish is answered once"),
        }
    }

    /// The machine did not bind the session. Without effect if the connection is closing.
    ///
    /// # Panics
    /// If no answer to Establish is awaited.
    pub fn on_establish_refused(&mut self) {
        match self.state {
            State::Closing => {}
            State::Establishing { negotiated } => {
                self.refusals += 1;
                self.bound = None;
                self.state = if negotiated { State::Negotiated } else { State::Connected };
            }
            _ => panic!("Establish is answered once"),
        }
    }

    /// The gateway did not read the connection until `now`, for a reason of its own (rings full,
    /// intake stopped): the silence is not the client's, and its time to establish begins anew.
    pub fn on_not_read(&mut self, now: Nanos) {
        self.heard = now;
        self.opened = now;
    }

    /// Checks the time (monotone). The connection is closing from the first Some on.
    pub fn on_timer(&mut self, now: Nanos) -> Option<Close> {
        let late = match self.state {
            State::Closing => false,
            // There always is an answer; the client cannot be heard until it comes.
            State::Verifying { .. } | State::Negotiating | State::Establishing { .. } => {
                self.heard = now;
                false
            }
            State::Connected | State::Negotiated => {
                now.since(self.opened) > ns(self.limits.establish_timeout_ms)
            }
            State::Established(session) => {
                now.since(self.heard) > SILENCE_INTERVALS * session.keepalive_ns
            }
        };
        if !late {
            return None;
        }
        self.state = State::Closing;
        Some(Close::of(TerminationCode::KeepaliveTimeout, DisconnectCause::KeepaliveTimeout))
    }

    /// The connection is over, by a verdict, a timer or the peer: the record that the log needs, if
    /// the log knows of the connection. Gives it once.
    #[must_use]
    pub fn on_gone(&mut self, close: Close) -> Option<Command> {
        self.state = State::Closing;
        self.bound.take().map(|slot| {
            let Close { code, cause, said } = close;
            let body = DisconnectSession { conn: self.conn, cause, code, said, reserved: [0; 5] };
            Command::disconnect(slot, SeqNo(0), &body)
        })
    }

    fn established(&mut self, session: Established, message: &ClientMessage) -> Verdict {
        match message {
            ClientMessage::Application(message) => self.application(session, message),
            ClientMessage::Sequence { next_seq } => self.sequence(session, *next_seq),
            ClientMessage::UnsequencedHeartbeat => Verdict::Nothing,
            ClientMessage::RetransmitRequest(request) if request.uuid == self.uuid => {
                Verdict::Retransmit(*request)
            }
            ClientMessage::FinishedSending { uuid, last_seq } if *uuid == self.uuid => {
                self.finish(session, *last_seq)
            }
            _ => INVALID_STATE,
        }
    }

    /// FIXP FinishedSending: no number beyond the last one follows, and none that this connection
    /// has seen lies beyond it. Said again it is logged again: the client missed the answer.
    fn finish(&mut self, mut session: Established, last: SeqNo) -> Verdict {
        let from = session.high;
        if last > SEQ_MAX || last.0 + 1 < from.0 || last.0 + 1 > from.0.saturating_add(GAP_MAX) {
            return INVALID_STATE;
        }
        session.is_finished = true;
        session.high = SeqNo(last.0 + 1);
        self.state = State::Established(session);
        let body = FinishSending { conn: self.conn, last_seq: last };
        Verdict::Log(Command::finish(session.slot, SeqNo(0), &body))
    }

    /// The number is implicit: the place in the flow.
    fn application(&mut self, mut session: Established, message: &Application) -> Verdict {
        let seq = session.next;
        if session.is_finished || seq > SEQ_MAX {
            return INVALID_STATE;
        }
        session.next = SeqNo(seq.0 + 1);
        session.high = session.high.max(session.next);
        self.state = State::Established(session);
        Verdict::Log(message.command(session.slot, seq))
    }

    /// Beyond what this connection has seen: the numbers between are skipped, and burnt. Below:
    /// what follows has its numbers, and the machine knows the duplicates.
    fn sequence(&mut self, mut session: Established, next: SeqNo) -> Verdict {
        if !(SeqNo(1)..=SEQ_MAX).contains(&next) {
            return INVALID_STATE;
        }
        let from = session.high;
        let is_beyond = session.is_finished && next > from;
        if is_beyond || next.0 > from.0.saturating_add(GAP_MAX) {
            return INVALID_STATE;
        }
        session.next = next;
        session.high = from.max(next);
        self.state = State::Established(session);
        if next <= from {
            return Verdict::Nothing;
        }
        let body = SkipSequence { until: next };
        Verdict::Log(Command::skip(session.slot, from, &body))
    }
}
