//! The gateway: clients' bytes in, commands out.
//!
//! Inputs -> outputs: the transport's reading half, `egress_to_gateway`, `authenticator_to_gateway`
//! -> `gateway_to_sequencer`, `gateway_to_egress`, `gateway_to_authenticator`.
//! Invariants: a connection is read only when every frame that may be read has room downstream, so
//! nothing is ever read and dropped; a connection is released only after egress has let go of it;
//! one connection's nonsense touches no other; a message that its session's throttle refuses takes
//! its number and is logged as refused.
//! Limits: [`EVENTS_PER_CYCLE`], [`TURNS_PER_CYCLE`], [`READ_BYTES_MAX`] a read, [`HELD_BYTES`] of
//! unfinished input a connection, `connections_max`.
//! Not here: stamping, matching, waiting for the disk; what a duplicate is (the machine knows).

mod verify;

pub use verify::AuthenticatorRings;

use crate::connection::{FromEgress, ToEgress};
use crate::throttle::Throttle;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use gavel_contract::{Agent, Ingress, IngressEvent, Now, Received, SessionPlan};
use gavel_link::{Reader, Watermark, Writer};
use gavel_types::limits::GATEWAY_ROOM_MIN;
use gavel_types::{BusinessRejectReason, Command, ConnId, DisconnectCause, Nanos, TerminationCode};
use gavel_wire::acceptor::{Acceptor, Claim, Close, Limits, Verdict};
use gavel_wire::client;
use gavel_wire::frame::{self, MAX_CLIENT_FRAME_BYTES, PREAMBLE_BYTES};

/// Most transport events taken in one duty cycle.
pub const EVENTS_PER_CYCLE: usize = 64;
/// Most connections read in one duty cycle.
pub const TURNS_PER_CYCLE: usize = 16;
/// Most bytes of one read.
pub const READ_BYTES_MAX: usize = 64 << 10;
/// Input of one connection that may wait: an unfinished frame, or what came before the session was
/// established.
pub const HELD_BYTES: usize = 1_024;
/// Connections whose time is checked in one duty cycle.
const TIMERS_PER_CYCLE: usize = 8;

const _: () = assert!(HELD_BYTES >= MAX_CLIENT_FRAME_BYTES);
// Whatever is held can be handled in one turn, and a read that the room allows adds to it.
const _: () = assert!(GATEWAY_ROOM_MIN * PREAMBLE_BYTES > HELD_BYTES);

/// The gateway's links to other agents.
#[derive(Debug)]
pub struct GatewayLinks {
    /// To the sequencer.
    pub commands: Writer<Command>,
    /// To egress.
    pub requests: Writer<ToEgress>,
    /// From egress.
    pub events: Reader<FromEgress>,
    /// To the authenticator and back, where keys are configured.
    pub authenticator: Option<AuthenticatorRings>,
    /// Parity of its index: even, the journal takes records; odd, its disk is full.
    pub intake: Watermark,
    /// Index above 0: the node is stopping.
    pub stop: Watermark,
}

#[derive(Debug)]
struct Conn {
    acceptor: Acceptor,
    held: Box<[u8; HELD_BYTES]>,
    held_used: usize,
    /// It stands in the ready queue.
    is_queued: bool,
    /// The authenticator has not been asked for its challenge yet.
    is_unchallenged: bool,
    /// What the authenticator is to be asked next.
    claim: Option<Claim>,
    /// It is over, but the log or egress has not been told yet.
    gone: Option<Close>,
    /// It is over and they have been told: only the release is awaited.
    is_told: bool,
}

/// What a connection's turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// There may be more to do at once.
    Again,
    /// Nothing to do until the next event.
    Rest,
}

/// Reads clients.
#[derive(Debug)]
pub struct Gateway<P> {
    links: GatewayLinks,
    port: P,
    limits: Limits,
    conns: Vec<Option<Conn>>,
    /// Buffers of connections that are gone, for those to come.
    #[expect(clippy::vec_box, reason = "a buffer moves between here and its connection")]
    buffers: Vec<Box<[u8; HELD_BYTES]>>,
    ready: VecDeque<u32>,
    scratch: Vec<u8>,
    throttle: Throttle,
    timer_cursor: usize,
    intake_stopped: bool,
    is_stopping: bool,
    #[cfg(feature = "mutate")]
    mutation: Option<crate::Mutation>,
}

impl<P: Ingress> Gateway<P> {
    /// Takes all memory.
    #[must_use]
    pub fn new(plan: &SessionPlan, links: GatewayLinks, port: P) -> Self {
        let connections = plan.connections_max as usize;
        let depth = links.commands.depth().min(links.requests.depth());
        assert!(depth >= GATEWAY_ROOM_MIN, "a ring has the room without which nothing is read");
        let is_guarded = links.authenticator.is_some();
        assert!(
            is_guarded == plan.needs_credentials,
            "whoever asks for keys can have them checked"
        );
        Self {
            links,
            port,
            limits: Limits {
                keepalive_min_ms: plan.keepalive_min_ms,
                keepalive_max_ms: plan.keepalive_max_ms,
                establish_timeout_ms: plan.establish_timeout_ms,
                cod_window_max_ms: plan.cod_window_max_ms,
                needs_credentials: plan.needs_credentials,
            },
            conns: (0..connections).map(|_| None).collect(),
            buffers: (0..connections).map(|_| Box::new([0xA5; HELD_BYTES])).collect(),
            ready: VecDeque::with_capacity(connections),
            scratch: vec![0xA5; READ_BYTES_MAX + HELD_BYTES],
            throttle: Throttle::new(plan),
            timer_cursor: 0,
            intake_stopped: false,
            is_stopping: false,
            #[cfg(feature = "mutate")]
            mutation: None,
        }
    }

    /// Plants a bug.
    #[cfg(feature = "mutate")]
    pub fn plant(&mut self, mutation: crate::Mutation) {
        self.mutation = Some(mutation);
    }

    /// Bytes held.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.conns.capacity() * (size_of::<Option<Conn>>() + HELD_BYTES)
            + self.buffers.capacity() * size_of::<usize>()
            + self.ready.capacity() * size_of::<u32>()
            + self.scratch.capacity()
            + self.throttle.memory_bytes()
    }

    /// Connections that are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.conns.len() - self.buffers.len()
    }

    fn conn(&mut self, id: ConnId) -> Option<&mut Conn> {
        let conn = self.conns.get_mut(id.0 as u32 as usize)?.as_mut()?;
        (conn.acceptor.conn() == id).then_some(conn)
    }

    fn queue(&mut self, id: ConnId) {
        if let Some(conn) = self.conn(id)
            && !conn.is_queued
        {
            conn.is_queued = true;
            self.ready.push_back(id.0 as u32);
        }
    }

    fn open(&mut self, id: ConnId, now: Nanos) {
        let at = id.0 as u32 as usize;
        assert!(self.conns[at].is_none(), "a connection's slot is not reused before its release");
        let held = self.buffers.pop().expect("there is a buffer for every slot");
        self.conns[at] = Some(Conn {
            acceptor: Acceptor::new(id, self.limits, now),
            held,
            held_used: 0,
            is_queued: false,
            is_unchallenged: self.limits.needs_credentials,
            claim: None,
            gone: None,
            is_told: false,
        });
        if self.limits.needs_credentials {
            self.queue(id);
        }
    }

    fn take_events(&mut self) -> usize {
        let mut taken = 0;
        while let Some(event) = self.links.events.pop() {
            taken += 1;
            match event {
                FromEgress::Negotiated { conn: id, accepted } => {
                    if let Some(conn) = self.conn(id) {
                        conn.acceptor.on_negotiated(accepted);
                    }
                    self.queue(id);
                }
                FromEgress::Established {
                    conn: id,
                    slot,
                    keepalive_ms,
                    client_next_seq,
                    ended_at,
                } => {
                    if let Some(Conn { acceptor, .. }) = self.conn(id) {
                        acceptor.on_established(slot, keepalive_ms, client_next_seq, ended_at);
                    }
                    self.queue(id);
                }
                FromEgress::EstablishRefused { conn: id } => {
                    if let Some(conn) = self.conn(id) {
                        conn.acceptor.on_establish_refused();
                    }
                    self.queue(id);
                }
                FromEgress::Stuck { conn, broken } => {
                    let code = TerminationCode::SlowReader;
                    let cause = if broken {
                        DisconnectCause::PeerClosed
                    } else {
                        DisconnectCause::SlowReader
                    };
                    self.lose(conn, Close::of(code, cause));
                }
                FromEgress::Released { conn } => self.release(conn),
            }
        }
        taken
    }

    /// The connection is over; the first reason stands.
    fn lose(&mut self, id: ConnId, close: Close) {
        if let Some(conn) = self.conn(id)
            && !conn.is_told
        {
            conn.gone.get_or_insert(close);
            self.queue(id);
        }
    }

    fn release(&mut self, id: ConnId) {
        let at = id.0 as u32 as usize;
        let conn = self.conns[at].take().expect("egress releases a connection once");
        assert!(conn.is_told, "egress lets go of what the gateway has closed");
        if conn.is_queued {
            self.ready.retain(|queued| *queued as usize != at);
        }
        self.buffers.push(conn.held);
        self.port.release(id);
    }

    fn poll_transport(&mut self, now: Now) -> usize {
        let mut taken = 0;
        while taken < EVENTS_PER_CYCLE {
            match self.port.poll(now) {
                Some(IngressEvent::Opened(id)) => self.open(id, now.mono),
                Some(IngressEvent::Readable(id)) => self.queue(id),
                None => break,
            }
            taken += 1;
        }
        taken
    }

    /// Gives queued connections their turn. Returns how many frames that moved.
    fn take_turns(&mut self, now: Nanos) -> usize {
        let mut moved = 0;
        for _ in 0..TURNS_PER_CYCLE.min(self.ready.len()) {
            let Some(at) = self.ready.pop_front() else { break };
            let Some(mut conn) = self.conns[at as usize].take() else { continue };
            let turn = self.turn(&mut conn, now, &mut moved);
            conn.is_queued = turn == Turn::Again;
            self.conns[at as usize] = Some(conn);
            if turn == Turn::Again {
                self.ready.push_back(at);
            }
        }
        moved
    }

    fn room(&self) -> usize {
        self.links.commands.free().min(self.links.requests.free())
    }

    fn turn(&mut self, conn: &mut Conn, now: Nanos, moved: &mut usize) -> Turn {
        if conn.is_told {
            return Turn::Rest;
        }
        let room = self.room();
        if room < GATEWAY_ROOM_MIN {
            conn.acceptor.on_not_read(now);
            return Turn::Again;
        }
        if let Some(close) = conn.gone {
            return self.tell(conn, close);
        }
        if !self.ask_authenticator(conn) {
            conn.acceptor.on_not_read(now);
            return Turn::Again;
        }
        if conn.acceptor.is_waiting() {
            return Turn::Rest;
        }
        if self.intake_stopped {
            conn.acceptor.on_not_read(now);
            return Turn::Again;
        }
        self.read(conn, now, room, moved)
    }

    /// Tells the log, or egress if the log knows nothing of it, that the connection is over.
    fn tell(&mut self, conn: &mut Conn, close: Close) -> Turn {
        if conn.acceptor.is_negotiating() {
            // The answer is on its way to egress, which must not have let go before it comes.
            return Turn::Rest;
        }
        let (id, uuid) = (conn.acceptor.conn(), conn.acceptor.uuid());
        // A node that ends with a full disk cannot wait for the log; the next start's first record
        // says that every session is disconnected. Where an answer is on its way, the log it is.
        let at_once = self.is_stopping && self.intake_stopped && conn.acceptor.slot().is_some();
        match conn.acceptor.on_gone(close).filter(|_| !at_once) {
            Some(command) => self.links.commands.push(command),
            None => self.links.requests.push(ToEgress::Close { conn: id, uuid, code: close.code }),
        }
        conn.is_told = true;
        Turn::Rest
    }

    fn read(&mut self, conn: &mut Conn, now: Nanos, room: usize, moved: &mut usize) -> Turn {
        let held = conn.held_used;
        self.scratch[..held].copy_from_slice(&conn.held[..held]);
        // Every frame takes at least a preamble's bytes and at most one slot downstream; and before
        // a session is established, what is read must fit where it may have to wait.
        let most = match conn.acceptor.slot() {
            Some(_) => (room * PREAMBLE_BYTES).min(READ_BYTES_MAX),
            None => HELD_BYTES,
        };
        let mut scratch = core::mem::take(&mut self.scratch);
        // None: what is held fills its place already, and is to be handled first.
        let received =
            (held < most).then(|| self.port.recv(conn.acceptor.conn(), &mut scratch[held..most]));
        let bytes = match received {
            Some(Received::Bytes(bytes)) => bytes,
            _ => 0,
        };
        let used = self.frames(conn, now, &scratch[..held + bytes], moved);
        let left = &scratch[used..held + bytes];
        if conn.gone.is_none() {
            conn.held[..left.len()].copy_from_slice(left);
            conn.held_used = left.len();
        }
        self.scratch = scratch;
        if received == Some(Received::Closed) {
            let close = Close::of(TerminationCode::Finished, DisconnectCause::PeerClosed);
            conn.gone.get_or_insert(close);
        }
        match received {
            Some(Received::Empty) if conn.gone.is_none() => Turn::Rest,
            _ => Turn::Again,
        }
    }

    /// Handles the whole frames in `bytes`; returns how many bytes they take.
    fn frames(&mut self, conn: &mut Conn, now: Nanos, bytes: &[u8], moved: &mut usize) -> usize {
        let mut used = 0;
        while conn.gone.is_none() && !conn.acceptor.is_waiting() {
            let message = match frame::split(&bytes[used..]) {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    used += frame.whole_bytes;
                    client::decode(&frame).ok()
                }
                Err(_) => None,
            };
            *moved += 1;
            match message {
                Some(message) => {
                    let verdict = conn.acceptor.on_message(now, &message);
                    self.carry_out(conn, now, verdict);
                }
                None => {
                    let cause = DisconnectCause::ProtocolError;
                    conn.gone = Some(Close::of(TerminationCode::Unrecognized, cause));
                }
            }
        }
        used
    }

    #[inline]
    fn carry_out(&mut self, conn: &mut Conn, now: Nanos, verdict: Verdict) {
        let id = conn.acceptor.conn();
        #[cfg(feature = "mutate")]
        if self.mutation == Some(crate::Mutation::DropsWhenTight)
            && matches!(&verdict, Verdict::Log(command) if command.client_seq.0 > 0)
            && self.links.commands.depth() - self.links.commands.free() >= crate::mutation::TIGHT
        {
            return;
        }
        match verdict {
            Verdict::Log(command) if self.throttle.refuses(now, &command) => {
                let reason = BusinessRejectReason::ThrottleLimitExceeded;
                let body = client::refusal(&command, reason);
                let refused = Command::rejected(command.session, command.client_seq, &body);
                self.links.commands.push(refused);
            }
            Verdict::Log(command) => self.links.commands.push(command),
            Verdict::Verify(claim) => {
                conn.claim = Some(claim);
                self.ask_authenticator(conn);
            }
            Verdict::Retransmit(request) => {
                self.links.requests.push(ToEgress::Retransmit { conn: id, request });
            }
            Verdict::RefuseNegotiate { uuid, timestamp, code } => {
                let answer = ToEgress::RefuseNegotiate { conn: id, uuid, timestamp, code };
                self.links.requests.push(answer);
            }
            Verdict::RefuseEstablish { uuid, timestamp, code } => {
                let answer = ToEgress::RefuseEstablish { conn: id, uuid, timestamp, code };
                self.links.requests.push(answer);
            }
            Verdict::Nothing => {}
            Verdict::Close(close) => conn.gone = Some(close),
        }
    }

    fn check_timers(&mut self, now: Nanos) {
        let count = self.conns.len();
        for _ in 0..TIMERS_PER_CYCLE.min(count) {
            let at = self.timer_cursor;
            self.timer_cursor = if at + 1 == count { 0 } else { at + 1 };
            let Some(conn) = &mut self.conns[at] else { continue };
            if self.is_stopping && conn.gone.is_none() && !conn.is_told {
                let id = conn.acceptor.conn();
                let code = TerminationCode::ShuttingDown;
                self.lose(id, Close::of(code, DisconnectCause::ShuttingDown));
            } else if self.intake_stopped {
                // Nobody is heard, so nobody is silent.
            } else if let Some(close) = conn.acceptor.on_timer(now) {
                let id = conn.acceptor.conn();
                self.lose(id, close);
            }
        }
    }

    /// Follows the journal's word on whether there is room for more.
    fn follow_intake(&mut self, now: Nanos) {
        let stopped = self.links.intake.read().index.0 % 2 == 1;
        if stopped == self.intake_stopped || !self.links.requests.has_room(1) {
            return;
        }
        self.intake_stopped = stopped;
        self.links.requests.push(ToEgress::Intake { stopped });
        for conn in self.conns.iter_mut().flatten() {
            // Nobody was heard meanwhile, and that was not theirs.
            conn.acceptor.on_not_read(now);
        }
    }
}

impl<P: Ingress> Agent for Gateway<P> {
    fn name(&self) -> &'static str {
        "gateway"
    }

    fn duty_cycle(&mut self, now: Now) -> usize {
        let events = self.take_events() + self.take_answers();
        self.follow_intake(now.mono);
        self.is_stopping |= self.links.stop.read().index.0 > 0;
        self.poll_transport(now);
        let moved = self.take_turns(now.mono);
        self.check_timers(now.mono);
        events + moved
    }
}
