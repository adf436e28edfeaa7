//! `Sessioned<M>`: session state is machine state.
//!
//! Wraps a machine and decides, alone, which sessions exist, which connection carries each, which
//! client messages are duplicates, which numbers were skipped for ever, and what number every
//! report gets. All of that is a function of the log.
//!
//! Inputs -> outputs: `LogRecord`s -> numbered `Report`s.
//! Invariants: a client number is applied at most once; report numbers of a session are 1, 2, 3 ...
//! without a gap; a session is bound to at most one connection.
//! Limits: `sessions_max` sessions, [`GAP_MAX`](gavel_types::limits::GAP_MAX) skipped numbers at
//! once, [`TERM_RUNS_MAX`] terms.
//! Not here: bytes, sockets, time-outs (a silent connection becomes a Disconnect record).
//! Source: FIXP 1.1 (idempotent client flow, recoverable server flow); SAFETY 17 and 18.

mod apply;
mod numbering;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use gavel_contract::{Machine, SessionPlan};
use gavel_types::{ConnId, Index, ReportNo, SeqNo, SessionSlot, SessionUuid, Term};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

/// Most terms that the log's history may span.
pub const TERM_RUNS_MAX: usize = 4_096;

/// What the machine knows of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The client's name for it.
    pub uuid: SessionUuid,
    /// Stands for the session in digests: a hash of `uuid`.
    pub key: u64,
    /// The connection that carries it, if one does.
    pub conn: Option<ConnId>,
    /// The next number to be applied of the client's flow.
    pub expected_seq: SeqNo,
    /// The next number of the server's flow.
    pub next_number: ReportNo,
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
    sessions_max: usize,
    term_runs: Vec<TermRun>,
    applied: Index,
    paused: bool,
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
            sessions_max,
            term_runs: Vec::with_capacity(TERM_RUNS_MAX),
            applied: Index(0),
            paused: false,
        }
    }

    /// Every session, by slot.
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
        hash.update(&self.applied.0.to_le_bytes());
        hash.update(&self.book_digest().to_le_bytes());
        for run in &self.term_runs {
            hash.update(&run.term.0.to_le_bytes());
            hash.update(&run.first.0.to_le_bytes());
        }
        for session in &self.sessions {
            hash.update(&session.uuid.0);
            hash.update(&session.conn.map_or(u64::MAX, |conn| conn.0).to_le_bytes());
            hash.update(&session.expected_seq.0.to_le_bytes());
            hash.update(&session.next_number.0.to_le_bytes());
        }
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

    fn insert(&mut self, uuid: SessionUuid, at: usize) {
        let slot = SessionSlot(self.sessions.len() as u32);
        self.by_uuid.insert(at, (uuid, slot));
        self.sessions.push(Session {
            uuid,
            key: xxh3_64(&uuid.0),
            conn: None,
            expected_seq: SeqNo(1),
            next_number: ReportNo(1),
        });
        assert!(self.sessions.len() <= self.sessions_max, "sessions are bounded by the Plan");
    }

    /// The slot of the session that `conn` carries.
    fn slot_of(&self, conn: ConnId) -> Option<SessionSlot> {
        let found = self.sessions.iter().position(|session| session.conn == Some(conn));
        found.map(|slot| SessionSlot(slot as u32))
    }
}
