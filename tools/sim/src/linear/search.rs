//! The search for an order: depth first, one operation at a time, never twice from the same place.
//!
//! ```text
//! operation  a |---------|            first return of what is left: b's. Candidates: a and b
//!            b   |----|               (called before it); c is not, for b ended before c began.
//!            c           |----|       p has no return: a candidate for ever after its call.
//!            p    |------------ ...
//! ```
//!
//! A configuration is what was taken (a bit an operation) and the state after it. Three rules keep
//! their number near that of operations, in histories of a few clients at once:
//!
//! - A read that gives its answer here is taken at once, and nothing else is tried in its place:
//!   what could come before it can come after it. (Not so a write of what is there already: later
//!   it would be worth more.)
//! - Of configurations that took the same answered operations and have the same state, whoever has
//!   used fewer open ones can do whatever the others can. So one is given up if another was met
//!   that used a part of what it used.
//! - Whoever returns first is tried first, so that the others are left for when somebody observes
//!   them; and open ones come last, so that they are used only where they must have happened.
//!
//! Inputs -> outputs: a sequence and a state -> an order, or that there is none, or that it would
//! take too long to say.
//! Invariants: every order found respects real time and gives every answer that was given.
//! Limits: the caller's on configurations; [`ANSWERS_MAX`].
//! Not here: keys (each has a search of its own).
//! Source: Wing and Gong 1993 (the search); Lowe 2017 (memoised configurations); Horn and Kroening
//! 2015 (the linked list of what is left).

use super::decide::Configurations;
use super::line::Line;
use super::model::Sequential;
use super::seen::{Bits, Seen};
use super::sequence::{Edge, Sequence};
use std::cmp::Reverse;
use std::mem::{replace, take};

/// Other answers that are kept of the operation that ended last.
pub(super) const ANSWERS_MAX: usize = 8;

/// What a search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found<A> {
    /// An order: places of members. Those that are missing never happened.
    Order(Vec<usize>),
    /// There is none. The answers, other than the one it gave, that the operation that ended last
    /// would have given along the ways that were tried.
    Nothing(Vec<A>),
    /// More configurations than the bound.
    Undecided,
}

/// What a search came to, and what it took.
pub(super) struct Searched<A> {
    pub(super) found: Found<A>,
    pub(super) configurations: usize,
}

/// Looks for an order.
pub(super) fn search<S: Sequential>(
    sequence: &Sequence<S>,
    start: S::State,
    most: Configurations,
) -> Searched<S::Answer> {
    let mut walk = Walk::new(sequence, start);
    let found = walk.run(most);
    Searched { found, configurations: walk.seen.count() }
}

/// One step of the way.
#[derive(Debug)]
struct Step<S> {
    place: usize,
    state_before: S,
}

struct Walk<'a, S: Sequential> {
    sequence: &'a Sequence<S>,
    /// Edges of answered operations that are not taken.
    left: Line,
    /// Answered operations that are not taken.
    left_count: usize,
    /// By place: the rank among the answered ones, or among the open ones.
    ranks: Vec<usize>,
    /// Places of open operations, by call.
    open: Vec<usize>,
    /// Ranks of answered operations that are taken.
    taken: Bits,
    /// Ranks of open operations that are taken.
    used: Bits,
    state: S::State,
    way: Vec<Step<S::State>>,
    /// Here and at each step of the way: the candidates that are not tried, the next one last.
    ahead: Vec<Vec<usize>>,
    seen: Seen<S::State>,
    last: Option<usize>,
    others: Vec<S::Answer>,
}

impl<'a, S: Sequential> Walk<'a, S> {
    fn new(sequence: &'a Sequence<S>, state: S::State) -> Self {
        let members = &sequence.members;
        let mut ranks = Vec::with_capacity(members.len());
        let (mut answered, mut open) = (0, Vec::new());
        for (place, member) in members.iter().enumerate() {
            if member.returned.is_some() {
                ranks.push(answered);
                answered += 1;
            } else {
                ranks.push(open.len());
                open.push(place);
            }
        }
        let is_left = |edge: &Edge| match edge {
            Edge::Call(place) => members[*place].returned.is_some(),
            Edge::Return(_) => true,
        };
        Self {
            sequence,
            left: Line::new(&sequence.edges.iter().map(is_left).collect::<Vec<_>>()),
            left_count: answered,
            ranks,
            taken: Bits::new(answered),
            used: Bits::new(open.len()),
            open,
            state,
            way: Vec::new(),
            ahead: Vec::new(),
            seen: Seen::with_room(members.len()),
            last: sequence.last_returned(),
            others: Vec::new(),
        }
    }

    fn run(&mut self, most: Configurations) -> Found<S::Answer> {
        self.ahead.push(self.candidates());
        while self.left_count > 0 {
            if self.seen.count() > most.0 {
                return Found::Undecided;
            }
            if let Some(place) = self.ahead.last_mut().and_then(Vec::pop) {
                if self.take(place) {
                    self.ahead.push(self.candidates());
                }
            } else if let Some(step) = self.way.pop() {
                self.ahead.pop();
                self.unmark(step.place);
                self.state = step.state_before;
            } else {
                return Found::Nothing(take(&mut self.others));
            }
        }
        Found::Order(self.way.iter().map(|step| step.place).collect())
    }

    /// What can come next in real time, the best one last.
    fn candidates(&self) -> Vec<usize> {
        let members = &self.sequence.members;
        let mut candidates = Vec::new();
        let mut edge = self.left.first();
        while let Some(Edge::Call(place)) = self.sequence.edges.get(edge) {
            if self.reads_well(*place) {
                return vec![*place];
            }
            candidates.push(*place);
            edge = self.left.after(edge);
        }
        let first_return = edge;
        let is_open = |place: &&usize| !self.used.has(self.ranks[**place]);
        let open = self.open.iter().take_while(|place| members[**place].called < first_return);
        candidates.extend(open.filter(is_open));
        // Open ones never return, and so come last.
        let end = self.sequence.edges.len();
        let deadline = |place: &usize| (members[*place].returned.unwrap_or(end), *place);
        candidates.sort_unstable_by_key(|place| Reverse(deadline(place)));
        candidates
    }

    /// Whether an operation is a read, and would give its answer here.
    fn reads_well(&self, place: usize) -> bool {
        let member = &self.sequence.members[place];
        let Some(answer) = &member.answer else { return false };
        S::only_reads(&member.call, answer)
            && S::apply(&self.state, &member.call).is_some_and(|(_, told)| told == *answer)
    }

    /// Takes a candidate, if it can happen here and leads to where we have not been.
    fn take(&mut self, place: usize) -> bool {
        let member = &self.sequence.members[place];
        let Some((state, told)) = S::apply(&self.state, &member.call) else { return false };
        match &member.answer {
            Some(answer) if *answer != told => {
                if self.last == Some(place) {
                    self.keep_other(told);
                }
                return false;
            }
            // It would change nothing, and is worth more unused.
            None if state == self.state => return false,
            _ => {}
        }
        self.mark(place);
        if !self.seen.is_new(&self.taken, &state, &self.used) {
            self.unmark(place);
            return false;
        }
        let state_before = replace(&mut self.state, state);
        self.way.push(Step { place, state_before });
        true
    }

    fn mark(&mut self, place: usize) {
        let (member, rank) = (&self.sequence.members[place], self.ranks[place]);
        if let Some(returned) = member.returned {
            self.taken.set(rank);
            self.left.lift(member.called);
            self.left.lift(returned);
            self.left_count -= 1;
        } else {
            self.used.set(rank);
        }
    }

    fn unmark(&mut self, place: usize) {
        let (member, rank) = (&self.sequence.members[place], self.ranks[place]);
        if let Some(returned) = member.returned {
            self.taken.clear(rank);
            self.left.lower(returned);
            self.left.lower(member.called);
            self.left_count += 1;
        } else {
            self.used.clear(rank);
        }
    }

    fn keep_other(&mut self, answer: S::Answer) {
        if self.others.len() < ANSWERS_MAX && !self.others.contains(&answer) {
            self.others.push(answer);
        }
    }
}
