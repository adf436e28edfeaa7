//! The client's side of FIXP, as a pure state machine: bytes and time in, bytes and events out.
//!
//! ```text
//! Offline --on_connected--> Negotiating --> Establishing --> Established --> Closing
//!    ^    \____(known session)____________/^                      |
//!    +------------------ on_disconnected -------------------------+      Halted: RolledBack
//! ```
//!
//! A client with a key waits for the engine's Challenge first, and signs it in Negotiate and
//! Establish.
//!
//! A session is negotiated only by a client that has neither a checkpoint nor been established
//! before; DuplicateId then means that the engine knows the session from an earlier life, which is
//! met by Establish from the very beginning: the engine says what it expects, and every report is
//! sent again. After that, Establish names the lowest number that is not acknowledged and the last
//! report delivered; what the engine has already is released, the rest is sent again under the same
//! numbers.
//!
//! Inputs -> outputs: see the methods of [`Initiator`].
//! Invariants: those of the crate; nothing but session messages leaves before EstablishmentAck.
//! Limits: [`OUT_BYTES`] of bytes that wait to be sent, and those of [`ClientConfig`].
//! Not here: sockets, clocks, backoff (client.rs).
//! Source: FIXP 1.1, session initiation; SAFETY 17-20.

mod finish;
mod flow;
mod handshake;

use crate::acknowledged::History;
use crate::config::{Checkpoint, ClientConfig};
use crate::event::{Counters, DisconnectReason, Event, SubmitError};
use crate::inflow::Inflow;
use crate::pending::Pending;
use finish::Finish;
use gavel_types::{Nanos, NegotiationRejectCode, SeqNo, TerminationCode};
use gavel_wire::acceptor::SILENCE_INTERVALS;
use gavel_wire::client::{
    Application, LastReport, RetransmitRequest, encode_retransmit_request, encode_sequence,
    encode_terminate,
};
use gavel_wire::frame::{MAX_CLIENT_FRAME_BYTES, split_server};
use gavel_wire::server::{self, ServerMessage};

/// Most bytes that wait to be sent. Messages beyond it wait in the window.
pub const OUT_BYTES: usize = 64 << 10;

/// Room in the outgoing bytes that only session messages may use.
const SESSION_BYTES: usize = 4 * MAX_CLIENT_FRAME_BYTES;

/// Monotone time, and UTC for the timestamps in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotone, since an arbitrary origin.
    pub mono: Nanos,
    /// UTC since the Unix epoch.
    pub utc: Nanos,
}

/// The connection is to be closed, for this reason.
pub type Close = DisconnectReason;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Offline,
    /// What is to be signed has not come yet.
    Unchallenged {
        since: Nanos,
    },
    Negotiating {
        since: Nanos,
    },
    /// `asked` is the number with which the client said that it would begin.
    Establishing {
        since: Nanos,
        asked: SeqNo,
    },
    Established {
        keepalive_ns: u64,
    },
    /// Terminate was said; the engine is to close.
    Closing {
        since: Nanos,
    },
}

/// How the session stands, beyond any connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Never established in this process.
    Unknown { next: SeqNo, negotiate: bool },
    /// Established at least once: the next number is known.
    Known,
    /// The engine lacks what was delivered; the application has not confirmed yet.
    RolledBack,
    /// The application has confirmed: establish from the very beginning.
    Confirmed,
    /// Over.
    Over(DisconnectReason),
}

/// One session of a client.
pub struct Initiator {
    config: ClientConfig,
    state: State,
    standing: Standing,
    finish: Finish,
    nonce: [u8; 32],
    history: History,
    /// Where a rollback that is not confirmed yet goes back to.
    surviving: LastReport,
    pending: Pending,
    inflow: Inflow,
    out: Vec<u8>,
    out_sent: usize,
    heard: Nanos,
    spoke: Nanos,
    counters: Counters,
}

const fn ns(ms: u32) -> u64 {
    ms as u64 * 1_000_000
}

impl Initiator {
    /// A client that is not connected. Takes all memory.
    ///
    /// # Panics
    /// If `in_flight_max`, `retransmit_max` or `keepalive_ms` is 0.
    #[must_use]
    pub fn new(config: &ClientConfig) -> Self {
        assert!(config.keepalive_ms >= 1, "a keep-alive interval takes time");
        let (next, last) = match config.resume {
            Some(Checkpoint { next_seq, last }) => (next_seq, last),
            None => (SeqNo(1), LastReport::default()),
        };
        Self {
            state: State::Offline,
            finish: Finish::No,
            nonce: [0; 32],
            history: History::new(config.acknowledged_max),
            surviving: LastReport::default(),
            standing: Standing::Unknown { next, negotiate: config.resume.is_none() },
            pending: Pending::new(config.in_flight_max),
            inflow: Inflow::new(last, config.retransmit_max, config.early_bytes),
            out: Vec::with_capacity(OUT_BYTES),
            out_sent: 0,
            heard: Nanos(0),
            spoke: Nanos(0),
            counters: Counters::default(),
            config: config.clone(),
        }
    }

    /// True while the session is established on a connection.
    #[must_use]
    pub fn is_established(&self) -> bool {
        matches!(self.state, State::Established { .. })
    }

    /// Why the session is over, if it is.
    #[must_use]
    pub fn over(&self) -> Option<DisconnectReason> {
        match self.standing {
            Standing::Over(reason) => Some(reason),
            _ => None,
        }
    }

    /// True if the engine lacks what was delivered, and the application has not confirmed yet.
    #[must_use]
    pub fn is_rolled_back(&self) -> bool {
        self.standing == Standing::RolledBack
    }

    /// Messages that wait for their answer.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.pending.len()
    }

    /// Messages that can be submitted now.
    #[must_use]
    pub fn room(&self) -> usize {
        if self.standing == Standing::Known {
            self.config.in_flight_max - self.pending.len()
        } else {
            0
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Where the client stands.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        let next_seq = match self.standing {
            Standing::Unknown { next, .. } => next,
            _ => self.pending.next_seq(),
        };
        Checkpoint { next_seq, last: self.inflow.last() }
    }

    /// Takes a message, and says its number.
    ///
    /// # Errors
    /// [`SubmitError`]: nothing was taken.
    pub fn submit(&mut self, message: &Application, utc: Nanos) -> Result<SeqNo, SubmitError> {
        match self.standing {
            Standing::Known => {}
            Standing::Unknown { .. } => return Err(SubmitError::NotEstablished),
            _ => return Err(SubmitError::Halted),
        }
        if matches!(self.state, State::Closing { .. }) {
            return Err(SubmitError::Halted);
        }
        if self.finish != Finish::No {
            return Err(SubmitError::Finished);
        }
        if self.pending.is_full() {
            return Err(SubmitError::Full);
        }
        let seq = self.pending.push(message, utc).ok_or(SubmitError::NotAMessage)?;
        self.counters.submitted += 1;
        Ok(seq)
    }

    /// The application accepts that the engine lacks what was delivered: the session goes back to
    /// the last answer that survives. Reports after that are delivered as the engine has them;
    /// acknowledged messages are not sent again, unacknowledged ones are.
    ///
    /// # Panics
    /// If there was no rollback.
    pub fn confirm_rollback(&mut self) {
        assert!(self.is_rolled_back(), "only a rollback is confirmed");
        self.inflow.go_back(self.surviving);
        self.history.forget_after(&self.surviving);
        if self.finish != Finish::No {
            // Whether the log still holds the end of the flow is not known: it is said once more.
            self.finish = Finish::Asked;
        }
        self.standing = Standing::Confirmed;
    }

    /// Says Terminate, if connected, and takes no more messages.
    pub fn close(&mut self, now: Now) {
        if self.is_established() {
            let session = self.config.session;
            self.say(now, |out| encode_terminate(session, TerminationCode::Finished, out));
            self.state = State::Closing { since: now.mono };
        }
        self.standing = Standing::Over(DisconnectReason::Closed);
    }

    /// A connection was made: the handshake begins.
    ///
    /// # Panics
    /// If there is a connection already, or the session is halted.
    pub fn on_connected(&mut self, now: Now) {
        assert!(self.state == State::Offline, "one connection at a time");
        self.heard = now.mono;
        self.out.clear();
        self.out_sent = 0;
        if self.finish == Finish::Said {
            self.finish = Finish::Asked;
        }
        let halted = matches!(self.standing, Standing::RolledBack | Standing::Over(_));
        assert!(!halted, "a halted client does not connect");
        if self.config.key.is_some() {
            self.state = State::Unchallenged { since: now.mono };
        } else {
            self.begin(now);
        }
    }

    fn begin(&mut self, now: Now) {
        match self.standing {
            Standing::Unknown { negotiate: true, .. } => self.negotiate(now),
            _ => self.establish(now),
        }
    }

    /// The connection is gone.
    pub fn on_disconnected(&mut self, reason: Close) {
        self.state = State::Offline;
        if reason.is_fatal() {
            self.standing = Standing::Over(reason);
        }
    }

    /// Reads the frames in `bytes`; returns how many bytes were read. What is left is the beginning
    /// of a frame: the caller keeps it.
    ///
    /// # Errors
    /// [`Close`]: the caller closes the connection, and says [`Initiator::on_disconnected`].
    pub fn on_bytes(
        &mut self,
        now: Now,
        bytes: &[u8],
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<usize, Close> {
        let mut read = 0;
        while let Some(frame) = split_server(&bytes[read..]).map_err(Close::Frame)? {
            let message = server::decode(&frame).map_err(Close::Decode)?;
            self.heard = now.mono;
            let whole = &bytes[read..read + frame.whole_bytes];
            read += frame.whole_bytes;
            self.on_message(now, &message, whole, sink)?;
        }
        self.fill(now);
        Ok(read)
    }

    fn on_message(
        &mut self,
        now: Now,
        message: &ServerMessage<'_>,
        frame: &[u8],
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Close> {
        match (self.state, message) {
            (_, ServerMessage::Terminate { code, .. }) => Err(match self.over() {
                Some(reason) => reason,
                None => Close::Terminated(*code),
            }),
            (State::Unchallenged { .. }, ServerMessage::Challenge { nonce }) => {
                self.nonce = *nonce;
                self.begin(now);
                Ok(())
            }
            // A client without a key has nothing to sign with; its request says so.
            (
                State::Negotiating { .. } | State::Establishing { .. },
                ServerMessage::Challenge { .. },
            ) if self.config.key.is_none() => Ok(()),
            (State::Negotiating { .. }, ServerMessage::NegotiationResponse { .. }) => {
                self.establish(now);
                Ok(())
            }
            (State::Negotiating { .. }, ServerMessage::NegotiationReject { code, .. }) => {
                if *code != NegotiationRejectCode::DuplicateId {
                    return Err(Close::NegotiationRejected(*code));
                }
                self.establish(now);
                Ok(())
            }
            (State::Establishing { .. }, ServerMessage::EstablishmentReject(reject)) => {
                self.on_establish_refused(now, reject, sink)
            }
            (State::Establishing { asked, .. }, ServerMessage::EstablishmentAck(ack)) => {
                self.on_established(now, asked, ack, sink)
            }
            (State::Established { .. } | State::Closing { .. }, message) => {
                self.on_flow(now, message, frame, sink)
            }
            // Reports may only come on a connection that carries the session.
            _ => Err(Close::Protocol("an answer to nothing that was asked")),
        }
    }

    /// Looks at the time, and at what there is to send.
    ///
    /// # Errors
    /// [`Close`]: the engine is silent; as for [`Initiator::on_bytes`].
    pub fn on_timer(&mut self, now: Now) -> Result<(), Close> {
        let answer_ns = ns(self.config.answer_timeout_ms);
        match self.state {
            State::Offline => return Ok(()),
            State::Unchallenged { since }
            | State::Negotiating { since }
            | State::Establishing { since, .. } => {
                if now.mono.since(since) > answer_ns {
                    return Err(Close::AnswerTimeout);
                }
            }
            State::Closing { since } => {
                if now.mono.since(since) > answer_ns {
                    return Err(Close::Closed);
                }
            }
            State::Established { keepalive_ns } => {
                if now.mono.since(self.heard) > SILENCE_INTERVALS * keepalive_ns {
                    return Err(Close::KeepaliveTimeout);
                }
                let waiting = self.inflow.waiting_since();
                if waiting.is_some_and(|since| now.mono.since(since) > answer_ns) {
                    return Err(Close::AnswerTimeout);
                }
                self.fill(now);
                if now.mono.since(self.spoke) > keepalive_ns / 2 {
                    if self.finish == Finish::Said {
                        // FIXP: the heartbeat of a flow whose end was not answered yet.
                        self.say_finished(now);
                    } else {
                        let next = self.pending.next_unsent();
                        self.say(now, |out| encode_sequence(next, out));
                    }
                }
            }
        }
        Ok(())
    }

    /// Moves messages and requests to the outgoing bytes, as far as there is room.
    pub fn fill(&mut self, now: Now) {
        if !self.is_established() {
            return;
        }
        if self.has_room(SESSION_BYTES / 2)
            && let Some((from, count)) = self.inflow.request(now.mono)
        {
            let (uuid, timestamp) = (self.config.session, now.utc);
            let request = RetransmitRequest { uuid, timestamp, from, count };
            self.counters.retransmit_requests += 1;
            self.say(now, |out| encode_retransmit_request(&request, out));
        }
        while let Some(frame) = self.pending.unsent() {
            if self.out.len() + frame.len() + SESSION_BYTES > OUT_BYTES {
                break;
            }
            self.out.extend_from_slice(frame);
            self.pending.mark_sent();
            self.counters.sent += 1;
            self.spoke = now.mono;
        }
        if self.finish == Finish::Asked && self.pending.unsent().is_none() {
            self.finish = Finish::Said;
            self.say_finished(now);
        }
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.out.len() + bytes <= OUT_BYTES
    }

    /// Appends a session message. Without room nothing is said: so much waits that the engine is
    /// not reading, and the keep-alive will end it.
    fn say(&mut self, now: Now, encode: impl FnOnce(&mut [u8]) -> usize) {
        let mut frame = [0; MAX_CLIENT_FRAME_BYTES];
        let bytes = encode(&mut frame);
        if self.has_room(bytes) {
            self.out.extend_from_slice(&frame[..bytes]);
            self.spoke = now.mono;
        }
    }

    /// Bytes to be sent.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        &self.out[self.out_sent..]
    }

    /// So many of [`Initiator::transmit`] were sent.
    ///
    /// # Panics
    /// If there were not so many.
    pub fn on_sent(&mut self, bytes: usize) {
        assert!(bytes <= self.out.len() - self.out_sent, "only what is there is sent");
        self.out_sent += bytes;
        if self.out_sent == self.out.len() {
            self.out.clear();
            self.out_sent = 0;
        } else if self.out_sent > OUT_BYTES / 2 {
            self.out.copy_within(self.out_sent.., 0);
            self.out.truncate(self.out.len() - self.out_sent);
            self.out_sent = 0;
        }
    }
}
