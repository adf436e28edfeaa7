//! A client: one session, one operation at a time, tried again until somebody answers.
//!
//! Inputs -> outputs: replies and timeouts -> requests; calls and answers of the history.
//! Invariants: a command that is tried again keeps its number; what was never answered stays open.
//! Not here: the network; whether an answer may be (linear/, check.rs).

use super::machine::{Command, Session};
use super::node::{Asked, Request};
use super::rule::{Policy, Reign, Rule};
use crate::linear::{Client as Who, History, OpId, Register, RegisterAsk, RegisterCall};
use crate::random::Random;
use gavel_raft::ReadKind;
use gavel_types::{Nanos, NodeId};

/// Keys at any time; all of them change every [`KEYS_NS`], so that no key's history is long.
const KEYS: u64 = 4;
const KEYS_NS: u64 = 4_000_000_000;

/// A client.
#[derive(Debug)]
pub struct Client {
    /// Its place.
    pub place: usize,
    /// Whom it asks next.
    pub target: NodeId,
    /// What is under way.
    pub open: Option<Request>,
    /// Tries of it.
    pub attempt: u64,
    session: Session,
    seq: u64,
    nodes: u8,
    /// Under which its commands are answered.
    rule: Rule,
    lease_reads: bool,
    /// The newest that it took anything from.
    reign: Reign,
    random: Random,
    /// The last value that it saw, to swap it for another.
    seen: Option<u64>,
}

impl Client {
    /// A client with a session of its own.
    #[must_use]
    pub fn new(place: usize, nodes: u8, policy: Policy, mut random: Random) -> Self {
        let target = NodeId(random.between(1, u64::from(nodes)) as u8);
        let session = Session(place as u64);
        Self {
            place,
            target,
            open: None,
            attempt: 0,
            session,
            seq: 0,
            nodes,
            rule: policy.of_session(place),
            lease_reads: true,
            reign: Reign::default(),
            random,
            seen: None,
        }
    }

    /// It comes back as another session, and leaves what was under way open.
    pub fn leave(&mut self, session: Session) {
        self.open = None;
        self.attempt += 1;
        (self.session, self.seq) = (session, 0);
    }

    /// It thinks of something to ask for.
    pub fn call(
        &mut self,
        now: Nanos,
        history: &mut History<Register>,
        commands: &mut Vec<Command>,
    ) -> Request {
        let key = now.0 / KEYS_NS * KEYS + self.random.below(KEYS);
        // No two writes write one value: the more an answer says, the less explains it.
        let value = commands.len() as u64 + 1;
        let (ask, is_read) = match self.random.weighted(&[3, 2, 1, 4]) {
            0 => (RegisterAsk::Put(value), false),
            1 => (RegisterAsk::CompareAndSwap { expected: self.seen, new: value }, false),
            2 => (RegisterAsk::Get, false),
            _ => (RegisterAsk::Get, true),
        };
        let call = RegisterCall { key, ask };
        let op = history.call(Who(self.place as u64), call, now);
        let ask = match is_read {
            true if self.random.one_in(2) && self.lease_reads => Asked::Read(key, ReadKind::Lease),
            true => Asked::Read(key, ReadKind::Index),
            false => {
                self.seq += 1;
                commands.push(Command { session: self.session, seq: self.seq, op, call });
                Asked::Command(commands.len() - 1)
            }
        };
        let (client, rule, reign) = (self.place, self.rule, self.reign);
        let request = Request { client, op, ask, rule, reign };
        self.open = Some(request);
        self.attempt += 1;
        // Reads are anyone's to answer.
        if is_read && self.random.one_in(2) {
            self.target = self.anyone();
        }
        request
    }

    /// Nobody answered, or somebody else will: ask again.
    pub fn retry(&mut self, hint: Option<NodeId>) -> Option<Request> {
        self.target = hint.unwrap_or_else(|| self.anyone());
        self.attempt += 1;
        if let Some(open) = &mut self.open {
            open.reign = self.reign;
        }
        self.open
    }

    /// It reads by rounds only.
    #[must_use]
    pub fn by_rounds(self, by_rounds: bool) -> Self {
        Self { lease_reads: !by_rounds, ..self }
    }

    /// Something comes from there; false if it must not be taken (SAFETY 8).
    pub fn hears(&mut self, reign: Reign) -> bool {
        let hears = reign >= self.reign;
        self.reign = self.reign.max(reign);
        hears
    }

    /// What is under way is for the log.
    #[must_use]
    pub fn asks_for_command(&self) -> bool {
        self.open.is_some_and(|open| matches!(open.ask, Asked::Command(_)))
    }

    /// It was answered; false if that is no news.
    pub fn answered(&mut self, op: OpId, value: Option<u64>) -> bool {
        let is_news = self.open.is_some_and(|open| open.op == op);
        if is_news {
            self.open = None;
            self.seen = value;
        }
        is_news
    }

    /// How long it waits for an answer (ns).
    pub fn patience_ns(&mut self) -> u64 {
        self.random.between(100_000_000, 400_000_000)
    }

    /// How long it thinks (ns).
    pub fn thinks_ns(&mut self) -> u64 {
        self.random.between(1_000_000, 60_000_000)
    }

    fn anyone(&mut self) -> NodeId {
        NodeId(self.random.between(1, u64::from(self.nodes)) as u8)
    }
}
