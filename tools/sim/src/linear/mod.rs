//! Are histories of clients linearizable: is there one order of all operations, true to real time,
//! in which a single thread would have given the same answers?
//!
//! ```text
//! History --- sequence: one key's operations, in real time ---> search ---> Decision
//!   calls, answers      (and what fail-overs lost: prefix)        |
//!   model: what a single thread would answer ---------------------+
//! ```
//!
//! Inputs -> outputs: calls and answers in the order in which clients saw them -> a [`Decision`],
//! which on a violation shows the smallest prefix that no order explains.
//! Invariants: an operation ends at most once; one that never ended may have happened at any time
//! after its call, or never; one that was refused never happened.
//! Limits: [`OPERATIONS_MAX`] of a history; [`CONFIGURATIONS_MAX`] of a key.
//! Not here: operations on more than one key; the order of what one client has under way at once.
//! Source: Herlihy and Wing 1990 (the definition, and that keys can be judged one by one); Wing and
//! Gong 1993; Lowe, "Testing for linearizability", 2017.

mod decide;
mod line;
mod model;
mod prefix;
mod report;
mod search;
mod seen;
mod sequence;
#[cfg(test)]
mod tests;

pub use decide::{Configurations, Decision, check, check_prefix};
pub use model::{Model, Register, RegisterAnswer, RegisterAsk, RegisterCall, Sequential};
pub use prefix::FailOvers;
pub use report::{LINES_MAX, Refutation};

use gavel_types::Nanos;

/// Operations of a history.
pub const OPERATIONS_MAX: usize = 1 << 20;

/// Configurations that are tried for one key before it is left undecided. Each is kept, at some
/// 250 bytes.
pub const CONFIGURATIONS_MAX: Configurations = Configurations(1 << 19);

/// Who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Client(pub u64);

/// Which operation of its history: they are numbered from 0, by call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpId(pub usize);

/// Between two events of a history: that many came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub(crate) usize);

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended<A> {
    /// It has not, as far as its client knows.
    Open,
    /// With this answer.
    Answered(A),
    /// It was refused, and certainly never happened.
    Refused,
}

/// One operation of a client.
#[derive(Clone, Debug)]
pub struct Operation<M: Model> {
    /// Whose.
    pub client: Client,
    /// What it asked for.
    pub call: M::Call,
    /// When.
    pub called_at: Nanos,
    /// How it ended.
    pub ended: Ended<M::Answer>,
    /// When it ended, if it did.
    pub ended_at: Nanos,
    /// The event of its call.
    pub(crate) called: Moment,
    /// The event of its end.
    pub(crate) closed: Option<Moment>,
}

/// An operation was called, or it ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Called(OpId),
    Ended(OpId),
}

/// What clients asked for and were told, in real time.
#[derive(Clone, Debug)]
pub struct History<M: Model> {
    operations: Vec<Operation<M>>,
    events: Vec<Event>,
    time: Nanos,
}

impl<M: Model> Default for History<M> {
    fn default() -> Self {
        Self { operations: Vec::new(), events: Vec::new(), time: Nanos(0) }
    }
}

impl<M: Model> History<M> {
    /// A client calls.
    ///
    /// # Panics
    /// If time goes back, or there are [`OPERATIONS_MAX`] already.
    pub fn call(&mut self, client: Client, call: M::Call, at: Nanos) -> OpId {
        assert!(self.operations.len() < OPERATIONS_MAX, "a history has its bound");
        let id = OpId(self.operations.len());
        let called = self.note(Event::Called(id), at);
        let (ended, ended_at, closed) = (Ended::Open, Nanos(0), None);
        let operation = Operation { client, call, called_at: at, ended, ended_at, called, closed };
        self.operations.push(operation);
        id
    }

    /// A client is answered.
    ///
    /// # Panics
    /// If time goes back, or the operation is not open.
    pub fn answer(&mut self, id: OpId, answer: M::Answer, at: Nanos) {
        self.end(id, Ended::Answered(answer), at);
    }

    /// A client is told that its operation never happened, and never will.
    ///
    /// # Panics
    /// If time goes back, or the operation is not open.
    pub fn refuse(&mut self, id: OpId, at: Nanos) {
        self.end(id, Ended::Refused, at);
    }

    fn end(&mut self, id: OpId, ended: Ended<M::Answer>, at: Nanos) {
        let closed = self.note(Event::Ended(id), at);
        let operation = &mut self.operations[id.0];
        assert!(operation.closed.is_none(), "an operation ends once");
        (operation.ended, operation.ended_at, operation.closed) = (ended, at, Some(closed));
    }

    fn note(&mut self, event: Event, at: Nanos) -> Moment {
        assert!(self.time <= at, "time does not go back");
        let moment = self.now();
        self.time = at;
        self.events.push(event);
        moment
    }

    /// After all events so far, and before the next one.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment(self.events.len())
    }

    /// All operations, by call: an [`OpId`] is a place here.
    #[must_use]
    pub fn operations(&self) -> &[Operation<M>] {
        &self.operations
    }

    pub(crate) fn operation(&self, id: OpId) -> &Operation<M> {
        &self.operations[id.0]
    }

    pub(crate) fn events(&self) -> &[Event] {
        &self.events
    }
}

impl<M: Model> Operation<M> {
    /// It ended before that moment.
    pub(crate) fn is_closed_before(&self, moment: Moment) -> bool {
        self.closed.is_some_and(|closed| closed < moment)
    }

    /// Its answer, if it came before that moment.
    pub(crate) fn answer_before(&self, moment: Moment) -> Option<&M::Answer> {
        match &self.ended {
            Ended::Answered(answer) if self.is_closed_before(moment) => Some(answer),
            _ => None,
        }
    }
}
