//! One key's operations in real time, as the search takes them.
//!
//! Inputs -> outputs: calls and returns in real time -> a sequence of edges.
//! Invariants: an operation's return comes after its call; one without a return may happen at any
//! time after its call, or never.
//! Not here: where they come from (prefix), what they mean (model).

use super::OpId;
use super::model::Sequential;

/// One operation.
#[derive(Clone, Debug)]
pub(super) struct Member<S: Sequential> {
    /// Which of the history's; `None` for what no client asked for.
    pub(super) id: Option<OpId>,
    /// What was asked for.
    pub(super) call: S::Call,
    /// What was answered, if it was.
    pub(super) answer: Option<S::Answer>,
    /// The edge of its call.
    pub(super) called: usize,
    /// The edge of its return, if it has one.
    pub(super) returned: Option<usize>,
}

/// The begin or the end of a member, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    Call(usize),
    Return(usize),
}

/// Operations in real time.
#[derive(Clone, Debug)]
pub(super) struct Sequence<S: Sequential> {
    /// By call.
    pub(super) members: Vec<Member<S>>,
    /// By time.
    pub(super) edges: Vec<Edge>,
}

impl<S: Sequential> Default for Sequence<S> {
    fn default() -> Self {
        Self { members: Vec::new(), edges: Vec::new() }
    }
}

impl<S: Sequential> Sequence<S> {
    /// An operation begins. Returns its place.
    pub(super) fn call(&mut self, id: Option<OpId>, call: S::Call) -> usize {
        let place = self.members.len();
        let called = self.edges.len();
        self.members.push(Member { id, call, answer: None, called, returned: None });
        self.edges.push(Edge::Call(place));
        place
    }

    /// It ends with this answer.
    pub(super) fn answer(&mut self, place: usize, answer: S::Answer) {
        let member = &mut self.members[place];
        assert!(member.returned.is_none(), "an operation returns once");
        (member.answer, member.returned) = (Some(answer), Some(self.edges.len()));
        self.edges.push(Edge::Return(place));
    }

    /// The client's operation that ended last.
    pub(super) fn last_returned(&self) -> Option<usize> {
        self.edges.iter().rev().find_map(|edge| match edge {
            Edge::Return(place) if self.members[*place].id.is_some() => Some(*place),
            _ => None,
        })
    }
}
