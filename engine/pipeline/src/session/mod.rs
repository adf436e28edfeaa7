//! `Sessioned<M>`: session state is machine state.
//!
//! Wraps a machine and decides, alone, which sessions exist, which connection carries each, whose
//! key opened it and what that may do (ask, trade, steer), which client messages are duplicates,
//! which numbers were skipped for ever, what number every report gets, when a session's orders are
//! cancelled because it is away, and when it is forgotten. All of that is a function of the log.
//!
//! | a session | is so from | to |
//! |---|---|---|
//! | negotiated | Negotiate | expiry |
//! | connected | Establish | Disconnect, AdminStart |
//! | finished | FinishedSending, for ever | expiry |
//! | about to lose its orders | a loss that its type covers | Establish, or a Tick after it |
//! | about to be forgotten | being away | Establish, or a Tick past its time with nothing live |
//!
//! **Cancel-on-disconnect** (B3's types): 0 never, 1 when the connection is lost, 2 when the client
//! says Terminate, 3 either. It spares no order: Day and Gtc alike are cancelled.
//!
//! **Expiry.** A session that is away is forgotten once it has been away for the time that the last
//! AdminStart names and has no live order; one that has is looked at again after the same time. A
//! finished session goes after [`LINGER_NS`]: it cannot come back to trade, only to fetch the
//! reports that it missed when its connection broke. Its slot is given to a later session, whose
//! numbers begin at 1.
//!
//! Both times are the log's, and pass on Tick records only. A start of a leader begins them anew:
//! who was away while there was no engine had nobody to return to (SAFETY 21). The machine's own
//! time passes on every record, those included that it is not shown: `apply` tells it first.
//!
//! Inputs -> outputs: `LogRecord`s -> numbered `Report`s.
//! Invariants: a client number is applied at most once; report numbers of a session are 1, 2, 3 ...
//! without a gap; a session is bound to at most one connection; one that is connected has no timer.
//! Limits: `sessions_max` sessions, [`GAP_MAX`](gavel_types::limits::GAP_MAX) skipped numbers at
//! once, [`TERM_RUNS_MAX`] terms.
//! Not here: bytes, sockets, time-outs (a silent connection becomes a Disconnect record),
//! signatures (a key that opens a session has been verified before the record is made).
//! Source: FIXP 1.1 (idempotent client flow, recoverable server flow, finalization); SAFETY 17, 18,
//! 21.

mod apply;
mod connect;
mod numbering;
mod state;
#[cfg(test)]
mod tests;
mod timers;

pub use timers::TICK_NS;

use alloc::vec::Vec;
use apply::Right;
use gavel_contract::{Machine, SessionPlan};
use gavel_types::{ConnId, Index, Nanos, ReportNo, Role, SeqNo, SessionSlot, SessionUuid, Term};
use timers::{Deadlines, Pause};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

/// Most terms that the log's history may span.
pub const TERM_RUNS_MAX: usize = 4_096;

/// A finished session without connection and live orders is forgotten after so long (ns), or after
/// the configured time if that is shorter.
pub const LINGER_NS: u64 = 60_000_000_000;

/// A time that does not come.
pub const NEVER: Nanos = Nanos(u64::MAX);

/// What the machine knows of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The client's name for it; all zero in a slot that is nobody's.
    pub uuid: SessionUuid,
    /// Stands for the session in digests: a hash of `uuid`.
    pub key: u64,
    /// The connection that carries it, if one does.
    pub conn: Option<ConnId>,
    /// The next number to be applied of the client's flow.
    pub expected_seq: SeqNo,
    /// The next number of the server's flow.
    pub next_number: ReportNo,
    /// Key that negotiated it, 0 if none was asked for.
    pub key_id: u64,
    /// What that key may do, as of the last Establish.
    pub role: Role,
    /// The client will send no more application messages.
    pub is_finished: bool,
    /// Cancel-on-disconnect type of the last Establish.
    pub cod_type: u8,
    /// Cancel-on-disconnect window of the last Establish (ns).
    pub cod_window_ns: u64,
    /// When its orders are cancelled (log time), or [`NEVER`].
    pub cod_at: Nanos,
    /// When it is to be forgotten (log time), or [`NEVER`].
    pub expire_at: Nanos,
}

impl Session {
    const NOBODYS: Self = Self {
        uuid: SessionUuid([0; 16]),
        key: 0,
        conn: None,
        expected_seq: SeqNo(1),
        next_number: ReportNo(1),
        key_id: 0,
        role: Role::Trade,
        // So that a stray message finds no flow to enter.
        is_finished: true,
        cod_type: 0,
        cod_window_ns: 0,
        cod_at: NEVER,
        expire_at: NEVER,
    };

    /// True if a client has it.
    #[must_use]
    pub fn is_negotiated(&self) -> bool {
        self.uuid != SessionUuid::default()
    }

    /// True if the session may do what needs this right. Where no keys are configured (key 0)
    /// there is nobody but traders, so they steer as well.
    fn may(&self, right: Right) -> bool {
        match right {
            Right::Ask => true,
            Right::Trade => self.role.may_trade(),
            Right::Steer => self.role.may_steer() || self.key_id == 0,
        }
    }

    /// When a timer of it is due.
    fn due(&self) -> Nanos {
        self.cod_at.min(self.expire_at)
    }
}

/// A run of records of one term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermRun {
    /// The term.
    pub term: Term,
    /// Index of its first record.
    pub first: Index,
}

/// A machine with its sessions.
#[derive(Debug)]
pub struct Sessioned<M> {
    machine: M,
    sessions: Vec<Session>,
    /// (uuid, slot), ascending by uuid.
    by_uuid: Vec<(SessionUuid, SessionSlot)>,
    /// Slots that are nobody's again, descending: the lowest is given first.
    free: Vec<SessionSlot>,
    deadlines: Deadlines,
    sessions_max: usize,
    /// As the last AdminStart says; 0 = never.
    idle_expiry_ns: u64,
    term_runs: Vec<TermRun>,
    applied: Index,
    pause: Option<Pause>,
    #[cfg(feature = "mutate")]
    mutation: Option<crate::Mutation>,
}

impl<M: Machine> Sessioned<M> {
    /// A machine that nobody has spoken to yet.
    #[must_use]
    pub fn new(plan: &SessionPlan, machine: M) -> Self {
        let sessions_max = plan.sessions_max as usize;
        Self {
            machine,
            sessions: Vec::with_capacity(sessions_max),
            by_uuid: Vec::with_capacity(sessions_max),
            free: Vec::with_capacity(sessions_max),
            deadlines: Deadlines::new(sessions_max),
            sessions_max,
            idle_expiry_ns: 0,
            term_runs: Vec::with_capacity(TERM_RUNS_MAX),
            applied: Index(0),
            pause: None,
            #[cfg(feature = "mutate")]
            mutation: None,
        }
    }

    /// Every slot that was ever a session's, by slot; some may be nobody's now.
    #[must_use]
    pub fn sessions(&self) -> &[Session] {
        &self.sessions
    }

    /// The log's terms, ascending.
    #[must_use]
    pub fn term_runs(&self) -> &[TermRun] {
        &self.term_runs
    }

    /// Index of the last record applied whole.
    #[must_use]
    pub fn applied(&self) -> Index {
        self.applied
    }

    /// The machine inside.
    #[must_use]
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The book digest: equal for two runs of the same commands, and silent on whatever differs
    /// between them (index, term, time, OrderID).
    #[must_use]
    pub fn book_digest(&self) -> u64 {
        self.machine.digest(&|slot| self.sessions.get(slot.0 as usize).map_or(0, |s| s.key))
    }

    /// The node digest: all state at [`Sessioned::applied`], to be compared between nodes.
    #[must_use]
    pub fn node_digest(&self) -> u64 {
        let mut hash = Xxh3Default::new();
        hash.update(&self.book_digest().to_le_bytes());
        self.save_sessions(&mut state::Digest(&mut hash));
        hash.digest()
    }

    /// The term of the record at `index`, if the log reaches that far.
    #[must_use]
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index > self.applied {
            return None;
        }
        let after = self.term_runs.partition_point(|run| run.first <= index);
        after.checked_sub(1).map(|i| self.term_runs[i].term)
    }

    /// Plants a bug of the rules.
    #[cfg(feature = "mutate")]
    pub fn plant(&mut self, mutation: crate::Mutation) {
        self.mutation = Some(mutation);
    }

    /// A planted bug: every session begins its numbers anew.
    #[cfg(feature = "mutate")]
    pub(crate) fn forget_sequences(&mut self) {
        for session in &mut self.sessions {
            session.expected_seq = SeqNo(1);
        }
    }

    fn find(&self, uuid: &SessionUuid) -> Result<SessionSlot, usize> {
        self.by_uuid.binary_search_by_key(uuid, |(uuid, _)| *uuid).map(|i| self.by_uuid[i].1)
    }

    fn is_full(&self) -> bool {
        self.free.is_empty() && self.sessions.len() == self.sessions_max
    }

    /// Gives the session a slot: the lowest that is nobody's.
    fn insert(&mut self, uuid: SessionUuid, at: usize) -> SessionSlot {
        let slot = self.free.pop().unwrap_or(SessionSlot(self.sessions.len() as u32));
        let key = xxh3_64(&uuid.0);
        let session = Session { uuid, key, is_finished: false, ..Session::NOBODYS };
        match self.sessions.get_mut(slot.0 as usize) {
            Some(place) => *place = session,
            None => self.sessions.push(session),
        }
        self.by_uuid.insert(at, (uuid, slot));
        assert!(self.sessions.len() <= self.sessions_max, "sessions are bounded by the Plan");
        slot
    }

    /// The session never was: its slot is nobody's.
    fn forget(&mut self, slot: SessionSlot) {
        let session = core::mem::replace(&mut self.sessions[slot.0 as usize], Session::NOBODYS);
        assert!(session.conn.is_none(), "a session that is connected is not forgotten");
        self.deadlines.change(slot, session.due(), NEVER);
        let at = self.by_uuid.binary_search_by_key(&session.uuid, |(uuid, _)| *uuid);
        self.by_uuid.remove(at.expect("a session is found by its name"));
        let at = self.free.partition_point(|other| *other > slot);
        self.free.insert(at, slot);
    }

    /// Changes a session together with its place among the deadlines.
    fn change(&mut self, slot: SessionSlot, change: impl FnOnce(&mut Session)) {
        let session = &mut self.sessions[slot.0 as usize];
        let before = session.due();
        change(session);
        self.deadlines.change(slot, before, session.due());
    }

    /// The slot of the session that `conn` carries.
    fn slot_of(&self, conn: ConnId) -> Option<SessionSlot> {
        let found = self.sessions.iter().position(|session| session.conn == Some(conn));
        found.map(|slot| SessionSlot(slot as u32))
    }
}
