//! The checkers: what must hold of a world, each rule in a file of its own.
//!
//! | file | rule |
//! |---|---|
//! | durable | nothing that a record led to leaves before the record is surely on the disk |
//! | ledger | what a client was told stays so: same number, same bytes, through every crash |
//! | delivery | every report reaches the application once, in order, or is named to it as lost |
//! | once | every message is answered once, in order, or the client is told that it never will be |
//! | absence | orders of a session that is away are cancelled if it asked, and not else |
//! | conserve | no quantity appears or vanishes |
//! | oracle | the log that survives says what the node's state must be |
//! | snapshots | a snapshot is the state that the log gives, and what it needs is kept |
//!
//! (That everybody is answered in the end, and that recovery never refuses, the world itself says.)
//!
//! Inputs -> outputs: what ports and clients saw; the first [`Violation`].
//! Invariants: a checker believes the disk and the wire, never the node.
//! Not here: what makes things go wrong.

mod absence;
mod conserve;
mod delivery;
mod durable;
mod ledger;
mod once;
mod oracle;
mod snapshots;

pub use absence::Absence;
pub use conserve::Conserve;
pub use delivery::Delivery;
pub use durable::Durable;
pub use ledger::Ledger;
pub use once::{Asked, AskedFor, Once, Says, answer_of};
pub use oracle::{CLIENTS_MAX, Oracle, uuid};
pub use snapshots::Snapshots;

use crate::timeline::{Happened, Timeline};
use gavel_journal::memory::MemoryDisk;
use gavel_types::ConnId;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A rule that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which checker says so.
    pub checker: &'static str,
    /// The facts.
    pub what: String,
}

impl Violation {
    /// A violation.
    #[must_use]
    pub fn new(checker: &'static str, what: impl Into<String>) -> Self {
        Self { checker, what: what.into() }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.checker, self.what)
    }
}

/// What a rule comes to.
pub type Verdict = Result<(), Violation>;

/// The checkers that ports and clients feed.
#[derive(Default)]
pub struct Checkers {
    /// What happened.
    pub timeline: Timeline,
    /// Nothing leaves too early.
    pub durable: Durable,
    /// What clients were told.
    pub ledger: Ledger,
    /// What clients and starts met with, and how often: proof that a world was not idle.
    pub sights: Sights,
    violation: Option<Violation>,
}

/// How often what was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sights(pub BTreeMap<String, u64>);

impl Sights {
    /// It was seen.
    pub fn see(&mut self, what: &str) {
        match self.0.get_mut(what) {
            Some(times) => *times += 1,
            None => drop(self.0.insert(what.to_owned(), 1)),
        }
    }

    /// Adds another world's.
    pub fn add(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            *self.0.entry(what.clone()).or_default() += times;
        }
    }
}

/// The checkers, as everybody holds them.
pub type Shared = Rc<RefCell<Checkers>>;

impl Checkers {
    /// Keeps the first violation.
    pub fn judge(&mut self, verdict: Verdict) {
        if let Err(violation) = verdict {
            self.violation.get_or_insert(violation);
        }
    }

    /// The first violation, if there is one.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// Bytes were handed to the transport: of `bytes` it took `taken`.
    pub fn on_send(&mut self, conn: ConnId, bytes: &[u8], taken: usize) {
        self.timeline.note(Happened::Sent { conn: conn.0, bytes: taken as u64 });
        let verdict = self.durable.on_send(conn, bytes, taken);
        self.judge(verdict);
    }

    /// A write completed.
    pub fn on_written(&mut self, write: &gavel_contract::LogWrite, disk: &MemoryDisk) {
        let index = self.durable.on_written(write, disk);
        self.timeline.note(Happened::Durable { index: index.0 });
    }

    /// A whole frame reached a client.
    pub fn on_frame(&mut self, client: usize, frame: &[u8]) {
        let verdict = self.ledger.on_frame(client, frame, &mut self.timeline, &mut self.sights);
        self.judge(verdict);
    }
}
