//! The sessions as a snapshot holds them.
//!
//! ```text
//! | head | sessions, by slot | term runs | the machine's own |     all little endian
//! ```
//!
//! Inputs -> outputs: state -> bytes -> the same state.
//! Invariants: whatever later answers depend on is here or follows from what is here (the index by
//! name, the free slots, the row of deadlines); bytes that no run of records could have made are
//! refused as far as that can be seen, and never panic; the node digest is over these bytes, so it
//! covers all of them.
//! Limits: those of the Plan that the state is restored under.
//! Not here: files, checksums.

use super::{NEVER, Session, Sessioned, TERM_RUNS_MAX, TermRun};
use gavel_contract::{BadState, Machine, StateSink, StateSource};
use gavel_types::{ConnId, Index, Nanos, ReportNo, Role, SeqNo, SessionSlot, SessionUuid, Term};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// "GVSESS" and the version of this layout.
const MAGIC: u64 = u64::from_le_bytes(*b"GVSESS\0\x01");

/// No connection.
const NO_CONN: u64 = u64::MAX;
const COD_TYPE_MAX: u8 = 3;

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Head {
    magic: u64,
    applied: u64,
    idle_expiry_ns: u64,
    sessions: u32,
    term_runs: u32,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SavedSession {
    uuid: [u8; 16],
    conn: u64,
    expected_seq: u64,
    next_number: u64,
    key_id: u64,
    cod_window_ns: u64,
    cod_at: u64,
    expire_at: u64,
    role: u8,
    is_finished: u8,
    cod_type: u8,
    reserved: [u8; 5],
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SavedRun {
    term: u64,
    first: u64,
}

const _: () = assert!(size_of::<Head>() == 32);
const _: () = assert!(size_of::<SavedSession>() == 80);

/// A digest of what is saved.
pub(super) struct Digest<'a>(pub(super) &'a mut Xxh3Default);

impl StateSink for Digest<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

fn bad(what: &'static str) -> BadState {
    BadState { what }
}

/// Refuses unless the rule holds.
fn need(holds: bool, what: &'static str) -> Result<(), BadState> {
    if holds { Ok(()) } else { Err(bad(what)) }
}

fn take<T: FromBytes + IntoBytes>(from: &mut impl StateSource) -> Result<T, BadState> {
    let mut value = T::new_zeroed();
    from.take(value.as_mut_bytes())?;
    Ok(value)
}

impl SavedSession {
    fn of(session: &Session) -> Self {
        Self {
            uuid: session.uuid.0,
            conn: session.conn.map_or(NO_CONN, |conn| conn.0),
            expected_seq: session.expected_seq.0,
            next_number: session.next_number.0,
            key_id: session.key_id,
            cod_window_ns: session.cod_window_ns,
            cod_at: session.cod_at.0,
            expire_at: session.expire_at.0,
            role: session.role.code(),
            is_finished: u8::from(session.is_finished),
            cod_type: session.cod_type,
            reserved: [0; 5],
        }
    }

    fn session(&self) -> Result<Session, BadState> {
        let uuid = SessionUuid(self.uuid);
        need(self.is_finished <= 1, "a session is finished or not")?;
        need(self.cod_type <= COD_TYPE_MAX, "a cancel-on-disconnect type is unknown")?;
        need(self.reserved == [0; 5], "a session has bytes that mean nothing")?;
        need(self.expected_seq > 0 && self.next_number > 0, "numbers begin at 1")?;
        let session = Session {
            uuid,
            key: if uuid == SessionUuid::default() { 0 } else { xxh3_64(&uuid.0) },
            conn: (self.conn != NO_CONN).then_some(ConnId(self.conn)),
            expected_seq: SeqNo(self.expected_seq),
            next_number: ReportNo(self.next_number),
            key_id: self.key_id,
            role: Role::from_code(self.role).ok_or(bad("a role is unknown"))?,
            is_finished: self.is_finished == 1,
            cod_type: self.cod_type,
            cod_window_ns: self.cod_window_ns,
            cod_at: Nanos(self.cod_at),
            expire_at: Nanos(self.expire_at),
        };
        let is_nobodys = !session.is_negotiated();
        need(!is_nobodys || session == Session::NOBODYS, "a slot that is nobody's is not empty")?;
        let is_idle = session.conn.is_none() || session.due() == NEVER;
        need(is_idle, "a session that is connected has no timer")?;
        Ok(session)
    }
}

impl<M: Machine> Sessioned<M> {
    pub(super) fn save_sessions(&self, out: &mut impl StateSink) {
        let head = Head {
            magic: MAGIC,
            applied: self.applied.0,
            idle_expiry_ns: self.idle_expiry_ns,
            sessions: self.sessions.len() as u32,
            term_runs: self.term_runs.len() as u32,
        };
        out.put(head.as_bytes());
        for session in &self.sessions {
            out.put(SavedSession::of(session).as_bytes());
        }
        for run in &self.term_runs {
            out.put(SavedRun { term: run.term.0, first: run.first.0 }.as_bytes());
        }
    }

    pub(super) fn restore_sessions(&mut self, from: &mut impl StateSource) -> Result<(), BadState> {
        assert!(self.applied == Index(0), "only a machine that was just made is restored");
        let head: Head = take(from)?;
        need(head.magic == MAGIC, "not the sessions of this version")?;
        need(
            head.sessions as usize <= self.sessions_max,
            "more sessions than the Plan has room for",
        )?;
        need(head.term_runs as usize <= TERM_RUNS_MAX, "more terms than there may be")?;
        self.applied = Index(head.applied);
        self.idle_expiry_ns = head.idle_expiry_ns;
        for slot in (0..head.sessions).map(SessionSlot) {
            let session = take::<SavedSession>(from)?.session()?;
            self.sessions.push(session);
            if session.is_negotiated() {
                self.by_uuid.push((session.uuid, slot));
            } else {
                self.free.push(slot);
            }
        }
        self.free.reverse();
        self.by_uuid.sort_unstable();
        let is_twice = self.by_uuid.windows(2).any(|pair| pair[0].0 == pair[1].0);
        need(!is_twice, "two sessions have one name")?;
        self.deadlines.rebuild(&self.sessions);
        self.restore_terms(head.term_runs, from)
    }

    fn restore_terms(&mut self, count: u32, from: &mut impl StateSource) -> Result<(), BadState> {
        for _ in 0..count {
            let SavedRun { term, first } = take(from)?;
            let run = TermRun { term: Term(term), first: Index(first) };
            let follows = match self.term_runs.last() {
                None => run.first == Index(1),
                Some(last) => last.term < run.term && last.first < run.first,
            };
            need(follows, "the terms are not in order")?;
            need(run.first <= self.applied, "a term begins beyond the end")?;
            self.term_runs.push(run);
        }
        let is_whole = (self.applied == Index(0)) == self.term_runs.is_empty();
        need(is_whole, "the terms do not cover the log")
    }

    /// Orders belong to sessions.
    pub(super) fn check_machine(&self) -> Result<(), BadState> {
        let slots = (0..self.sessions_max as u32).map(SessionSlot);
        let mut nobodys = slots
            .filter(|slot| !self.sessions.get(slot.0 as usize).is_some_and(Session::is_negotiated));
        let is_sound = nobodys.all(|slot| self.machine.live_orders(slot) == 0);
        need(is_sound, "an order belongs to no session")
    }
}
