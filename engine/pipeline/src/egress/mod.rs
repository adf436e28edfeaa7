//! Egress: reports out to clients, no sooner than `release`.
//!
//! Inputs -> outputs: `executor_to_egress` (gated by `release`), `gateway_to_egress` -> bytes on
//! connections, `egress_to_gateway`.
//! Invariants: no report is encoded, let alone sent, before `release` has passed its record; every
//! send carries the lease's deadline; a slow reader is cut off, never waited for; who is sent again
//! what it missed takes nothing from others but its turn.
//! Limits: [`REPORTS_PER_CYCLE`], [`REQUESTS_PER_CYCLE`]; the retransmission pool, the pages of
//! stored reports; the lag of one connection.
//! Not here: reading, session rules, the decision what a report says.
//! Source: FIXP 1.1, recoverable server flow.

mod link;
mod pages;
mod reports;
mod requests;
#[cfg(test)]
mod tests;
mod window;

use crate::connection::{FromEgress, ToEgress};
use alloc::vec;
use alloc::vec::Vec;
use gavel_contract::{Agent, Deadline, Egress as Port, Now, Plan};
use gavel_link::{Reader, Watermark, Writer};
use gavel_types::limits::MD_PARTS_MAX;
use gavel_types::{
    AckRuleCode, ConnId, Index, Nanos, Report, ReportBody, ReportNo, SessionSlot, Term,
    TerminationCode,
};
use gavel_wire::server::{self, Envelope, MAX_SERVER_FRAME_BYTES, TermRun};
use link::{Link, LinkState, Pumped};
pub use pages::FetchLinks;
use pages::Pages;
use window::Windows;

/// Most reports encoded in one duty cycle.
pub const REPORTS_PER_CYCLE: usize = 1_024;
/// Most requests of the gateway handled in one duty cycle.
pub const REQUESTS_PER_CYCLE: usize = 64;
/// Connections whose heartbeat is looked at in one duty cycle.
const BEATS_PER_CYCLE: usize = 64;
/// Time that a closing connection has to take what it is still owed (ns).
const DRAIN_NS: u64 = 1_000_000_000;
/// A client that catches up and takes nothing for so long is cut off (ns).
const STALL_NS: u64 = 5_000_000_000;
/// A client that takes nothing for so long gives its page to those who wait for one (ns).
const HOLD_NS: u64 = 5_000_000;
/// Bytes that a retransmission copies at once.
const SCRATCH_BYTES: usize = 32 << 10;
/// Longest unsequenced message: EstablishmentAck with its term runs.
const CONTROL_FRAME_BYTES_MAX: usize = 1_536;

const _: () = assert!(CONTROL_FRAME_BYTES_MAX < link::CONTROL_BYTES);
const _: () = assert!(SCRATCH_BYTES >= MAX_SERVER_FRAME_BYTES);

/// What egress starts with.
#[derive(Clone, Debug)]
pub struct EgressStart {
    /// Term in which this node leads.
    pub sender_term: Term,
    /// The log's terms so far, this one included.
    pub term_runs: Vec<TermRun>,
}

/// Egress's links to other agents.
#[derive(Debug)]
pub struct EgressLinks {
    /// From the executor.
    pub reports: Reader<Report>,
    /// From the gateway.
    pub requests: Reader<ToEgress>,
    /// To the gateway.
    pub events: Writer<FromEgress>,
    /// Up to where reports may leave.
    pub release: Watermark,
    /// To and from the shadow, if reports are stored.
    pub stored: Option<FetchLinks>,
}

/// Sends reports.
#[derive(Debug)]
pub struct Egress<P> {
    links: EgressLinks,
    port: P,
    start: EgressStart,
    deadline: Deadline,
    lag_max_bytes: u64,
    windows: Windows,
    /// By connection slot.
    conns: Vec<Link>,
    /// By connection slot: when a heartbeat is due (monotone), or never.
    beat_at: Vec<Nanos>,
    /// By connection slot: the interval (ns).
    beat_every: Vec<u64>,
    /// By session slot: the connection slot that carries the session.
    carriers: Vec<Option<u32>>,
    /// The record that each slot's session began with, or of the state that it was restored with.
    begun: Vec<Index>,
    /// Connection slots with something to send.
    dirty: Vec<u32>,
    pages: Pages,
    beat_cursor: usize,
    parts: Vec<Report>,
    scratch: Vec<u8>,
    #[cfg(feature = "mutate")]
    mutation: Option<crate::Mutation>,
}

const NEVER: Nanos = Nanos(u64::MAX);

/// What a connection's turn leaves to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Nothing,
    /// Something, and the socket would take it.
    More,
    /// Something, which the socket does not take now.
    Blocked,
}

impl<P: Port> Egress<P> {
    /// Takes all memory.
    #[must_use]
    pub fn new(plan: &Plan, mut links: EgressLinks, port: P, start: EgressStart) -> Self {
        assert!(plan.lease_ms == 0, "a lease needs a cluster to grant it");
        let (connections, sessions) =
            (plan.session.connections_max as usize, plan.session.sessions_max as usize);
        let pages = Pages::new(links.stored.take(), plan.reports.pages, connections);
        Self {
            links,
            port,
            start,
            deadline: Deadline::Never,
            lag_max_bytes: plan.retransmit.lag_max_bytes as u64,
            windows: Windows::new(&plan.retransmit, sessions, MAX_SERVER_FRAME_BYTES),
            conns: (0..connections).map(|_| Link::FREE).collect(),
            beat_at: vec![NEVER; connections],
            beat_every: vec![0; connections],
            carriers: vec![None; sessions],
            begun: vec![Index(0); sessions],
            dirty: Vec::with_capacity(connections),
            pages,
            beat_cursor: 0,
            parts: Vec::with_capacity(MD_PARTS_MAX),
            scratch: vec![0; SCRATCH_BYTES],
            #[cfg(feature = "mutate")]
            mutation: None,
        }
    }

    /// Plants a bug.
    #[cfg(feature = "mutate")]
    pub fn plant(&mut self, mutation: crate::Mutation) {
        self.mutation = Some(mutation);
    }

    /// Takes in a report that recovery made again: clients may ask for it.
    pub fn restore(&mut self, report: &Report) {
        if report.is_sequenced() {
            let envelope = self.envelope(report.stamp.index);
            self.store(report, &envelope);
        } else if let Ok(ReportBody::NegotiationAccepted(body)) = report.parse() {
            self.begin(body.slot, report.stamp.index);
        }
    }

    /// A session of a state that was restored, of this record, goes on at `next`.
    pub(crate) fn go_on(&mut self, slot: SessionSlot, next: ReportNo, state: Index) {
        self.begun[slot.0 as usize] = state;
        self.windows.begin(slot, next);
    }

    /// Bytes held: (retransmission pool, connections).
    #[must_use]
    pub fn memory_bytes(&self) -> (usize, usize) {
        let conns = self.conns.capacity() * size_of::<Link>()
            + self.beat_at.capacity() * size_of::<Nanos>()
            + self.beat_every.capacity() * size_of::<u64>()
            + self.carriers.capacity() * size_of::<Option<u32>>()
            + self.begun.capacity() * size_of::<Index>()
            + self.dirty.capacity() * size_of::<u32>();
        let pool = self.windows.memory_bytes() + self.pages.memory_bytes();
        (pool + self.scratch.capacity(), conns)
    }

    fn envelope(&self, commit: gavel_types::Index) -> Envelope {
        Envelope { sender_term: self.start.sender_term, commit, rule: AckRuleCode::Local }
    }

    /// The link of a connection; its first mention opens it. None if it was let go before: the
    /// log's word that it is over may overtake requests of the gateway that are still queued.
    fn open(&mut self, conn: ConnId) -> Option<u32> {
        let at = conn.0 as u32;
        let link = &mut self.conns[at as usize];
        // Names in a slot only rise, and a free slot keeps its last one.
        if link.state == LinkState::Free && conn > link.conn {
            link.conn = conn;
            link.state = LinkState::Open;
        }
        assert!(link.conn >= conn, "a connection's slot is not reused before its release");
        (link.conn == conn && link.state != LinkState::Free).then_some(at)
    }

    /// The link of a connection that awaits the machine's answer.
    fn open_for_answer(&mut self, conn: ConnId) -> u32 {
        self.open(conn).expect("a connection is not let go before the machine has answered it")
    }

    fn mark(&mut self, at: u32) {
        let link = &mut self.conns[at as usize];
        if !link.is_dirty {
            link.is_dirty = true;
            self.dirty.push(at);
        }
    }

    /// Queues an unsequenced message; a client that leaves too many unread is cut off.
    fn say(&mut self, at: u32, encode: impl FnOnce(&mut [u8]) -> usize) {
        if self.conns[at as usize].say(encode) {
            self.mark(at);
        } else {
            self.cut_off(at, false);
        }
    }

    /// Sends nothing more, and tells the gateway once.
    fn cut_off(&mut self, at: u32, broken: bool) {
        let link = &mut self.conns[at as usize];
        match link.state {
            LinkState::Open => {
                link.state = LinkState::Stuck;
                self.take_page_back(at);
                let link = &self.conns[at as usize];
                self.beat_at[at as usize] = NEVER;
                let conn = link.conn;
                self.links.events.push(FromEgress::Stuck { conn, broken });
            }
            LinkState::Draining { .. } => self.release(at),
            LinkState::Free | LinkState::Stuck => {}
        }
    }

    /// The connection is over: send what is left, say why, let go.
    fn close(&mut self, at: u32, now: Nanos, code: TerminationCode) {
        self.unbind(at);
        match self.conns[at as usize].state {
            LinkState::Stuck => self.release(at),
            LinkState::Open => {
                let until = Nanos(now.0 + DRAIN_NS);
                let link = &mut self.conns[at as usize];
                link.state = LinkState::Draining { until, code, said: false };
                // What the session says from here on is for its next connection.
                link.live_end = link.live.map(|(slot, _)| self.windows.next(slot));
                self.mark(at);
            }
            LinkState::Free | LinkState::Draining { .. } => {}
        }
    }

    fn unbind(&mut self, at: u32) {
        self.beat_at[at as usize] = NEVER;
        if let Some((slot, _)) = self.conns[at as usize].live {
            let carrier = &mut self.carriers[slot.0 as usize];
            if *carrier == Some(at) {
                *carrier = None;
            }
        }
    }

    fn release(&mut self, at: u32) {
        self.take_page_back(at);
        let link = &mut self.conns[at as usize];
        let conn = link.conn;
        link.let_go();
        self.port.finish(conn);
        self.links.events.push(FromEgress::Released { conn });
    }

    /// The connection that carries the session.
    fn carrier(&self, slot: SessionSlot) -> Option<u32> {
        self.carriers[slot.0 as usize]
    }

    fn pump_all(&mut self, now: Nanos) -> usize {
        let (mut i, mut moved) = (0, 0);
        while i < self.dirty.len() {
            let at = self.dirty[i];
            let left = self.pump(at, now);
            moved += usize::from(left != Left::Blocked);
            if left == Left::Nothing {
                self.conns[at as usize].is_dirty = false;
                self.dirty.swap_remove(i);
            } else {
                i += 1;
            }
        }
        moved
    }

    /// Sends on one connection.
    fn pump(&mut self, at: u32, now: Nanos) -> Left {
        let link = &mut self.conns[at as usize];
        if matches!(link.state, LinkState::Free | LinkState::Stuck) {
            return Left::Nothing;
        }
        let lag = link.live.map_or(0, |(slot, cursor)| self.windows.lag_bytes(slot, &cursor));
        let is_late = lag > self.lag_max_bytes;
        if is_late && link.state == LinkState::Open && !link.is_catching_up {
            self.cut_off(at, false);
            return Left::Nothing;
        }
        link.is_catching_up &= is_late || link.resend.is_some() || link.behind.is_some();
        let pumped =
            link.pump(now, self.deadline, &self.windows, &mut self.scratch, &mut self.port);
        self.after_pump(at, now, pumped)
    }

    fn after_pump(&mut self, at: u32, now: Nanos, pumped: Pumped) -> Left {
        let link = &mut self.conns[at as usize];
        let is_stalled =
            pumped == Pumped::Full && link.is_catching_up && now.since(link.moved_at) > STALL_NS;
        let lost = match pumped {
            Pumped::Stuck { broken } => Some(broken),
            Pumped::Waiting if self.pages.is_off() => Some(false),
            _ => is_stalled.then_some(false),
        };
        if let Some(broken) = lost {
            self.cut_off(at, broken);
            return Left::Nothing;
        }
        // Its live flow is not behind by any fault of its own.
        link.is_catching_up |= pumped == Pumped::Waiting;
        if pumped == Pumped::Full {
            self.share(at, now);
        }
        if !self.pages.is_off() {
            self.provide(at, pumped);
        }
        let due = self.beat_every[at as usize];
        if self.beat_at[at as usize] != NEVER && pumped == Pumped::Idle {
            self.beat_at[at as usize] = Nanos(now.0 + due);
        }
        match self.conns[at as usize].state {
            LinkState::Draining { .. } => self.drain(at, now, pumped),
            _ => match pumped {
                Pumped::Full => Left::Blocked,
                Pumped::More => Left::More,
                _ => Left::Nothing,
            },
        }
    }

    /// One turn of a closing connection. Nothing is left once it is released.
    fn drain(&mut self, at: u32, now: Nanos, pumped: Pumped) -> Left {
        let link = &mut self.conns[at as usize];
        let LinkState::Draining { until, code, said } = link.state else { return Left::Nothing };
        let empty = link.is_empty(&self.windows);
        if now >= until || (empty && said) {
            self.release(at);
            return Left::Nothing;
        }
        if empty {
            // The flow ends here, also if the session's goes on: Terminate is the last message.
            link.live = None;
            let uuid = link.uuid;
            let room = link.say(|out| server::terminate(uuid, code, out));
            link.state = LinkState::Draining { until, code, said: room };
        }
        // A closing connection has its turn until it is over, also while it waits.
        match pumped {
            Pumped::Full | Pumped::Waiting => Left::Blocked,
            _ => Left::More,
        }
    }

    /// FIXP: Sequence when nothing else was sent within the interval.
    fn beat(&mut self, now: Nanos) {
        let count = self.beat_at.len();
        for _ in 0..BEATS_PER_CYCLE.min(count) {
            let at = self.beat_cursor;
            self.beat_cursor = if at + 1 == count { 0 } else { at + 1 };
            if now < self.beat_at[at] {
                continue;
            }
            self.beat_at[at] = Nanos(now.0 + self.beat_every[at]);
            let link = &self.conns[at];
            if !link.is_resending()
                && let Some((slot, cursor)) = link.live
                && cursor.number == self.windows.next(slot)
            {
                self.say(at as u32, |out| server::sequence(cursor.number, out));
            }
        }
    }
}

impl<P: Port> Agent for Egress<P> {
    fn name(&self) -> &'static str {
        "egress"
    }

    fn duty_cycle(&mut self, now: Now) -> usize {
        let requests = self.take_requests(now.mono);
        let reports = self.take_reports(now.mono);
        let filled = self.take_pages(now.mono);
        let sent = self.pump_all(now.mono);
        let asked = self.send_pages();
        self.beat(now.mono);
        requests + reports + filled + sent + asked
    }
}
