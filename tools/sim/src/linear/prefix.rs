//! Prefix-linearizable: what a fail-over may lose where one disk is enough for an answer.
//!
//! The log is one order of operations. At a fail-over its tail is cut off, and it goes on from what
//! is left. Each answered operation that is lost so must be named: it is an orphan of that
//! fail-over. What an orphan was answered must be true of the log with its tail; what all others
//! were answered must be true of the log without it.
//!
//! ```text
//! the old log      kept  kept | orphan  copy  orphan
//! the new log      kept  kept | kept    kept ...
//!                             ^ the tail begins here: a split
//! ```
//!
//! So an orphan that a kept operation observed is a violation, for its value was never written;
//! so is one that a kept operation of the same key follows before the fail-over, for then what was
//! lost is no suffix; and so is an operation that was lost and not named. Tails nest: what one
//! fail-over kept, a later one may lose.
//!
//! An operation that had no answer when the fail-over came may have been in the tail and, if its
//! client sent it again, happen once more in the new log. The tail may hold a copy of it, which is
//! answered to nobody.
//!
//! [`Local`] is a log as a state: what it holds now, and what it goes back to at each fail-over.
//! Splits and fail-overs are members of a key's sequence like the operations themselves. With no
//! fail-over it is the model alone, and prefix-linearizable means linearizable.
//!
//! Inputs -> outputs: a history, and which operations each fail-over lost -> a sequence for each
//! key; whether a tail is a suffix across keys.
//! Invariants: only a named operation can be lost once it was answered.
//! Limits: across keys a tail is held against real time only: an operation that was kept although
//! it follows an orphan *of another key* in the log is found if it was also called after that
//! orphan's answer, and answered before the fail-over. That an operation is not twice in one log,
//! once kept and once as a copy in its tail, is not seen if only orphans observed it.
//! Not here: that the orphans are on a disk, and that their clients are told.
//! Source: SAFETY 18 and 19 (what is lost with a tail, and what may be sent again).

use super::model::{Model, Sequential};
use super::sequence::Sequence;
use super::{Ended, Event, History, Moment, OpId};
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

/// Fail-overs in the order of time, and what each lost.
#[derive(Clone, Debug, Default)]
pub struct FailOvers {
    moments: Vec<Moment>,
    /// By orphan: the fail-over that lost it.
    lost: BTreeMap<OpId, usize>,
}

impl FailOvers {
    /// A fail-over, and the operations that it lost. `at` is after the last answer that the old
    /// primary gave (it may be on its way still) and before the first of the new one. An operation
    /// without an answer may be named or not, but not if its client sent it again and the new
    /// primary answered. One that an earlier fail-over lost already stays that one's.
    ///
    /// # Panics
    /// If an earlier call named a later moment.
    pub fn add(&mut self, at: Moment, orphans: impl IntoIterator<Item = OpId>) {
        assert!(self.moments.last().is_none_or(|last| *last <= at), "fail-overs are in order");
        let number = self.moments.len();
        self.moments.push(at);
        for orphan in orphans {
            self.lost.entry(orphan).or_insert(number);
        }
    }

    /// The fail-over that lost an operation, by its number from 0.
    #[must_use]
    pub fn lost_by(&self, id: OpId) -> Option<usize> {
        self.lost.get(&id).copied()
    }

    /// Everything that was lost.
    pub fn orphans(&self) -> impl Iterator<Item = OpId> + '_ {
        self.lost.keys().copied()
    }

    /// Their moments, in order.
    #[must_use]
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// By key: the fail-overs that lost operations of it.
    fn by_key<M: Model>(&self, history: &History<M>) -> BTreeMap<M::Key, BTreeSet<usize>> {
        let mut by_key: BTreeMap<_, BTreeSet<usize>> = BTreeMap::new();
        for (id, number) in &self.lost {
            let key = M::key(&history.operation(*id).call);
            by_key.entry(key).or_default().insert(*number);
        }
        by_key
    }
}

/// What can happen to a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Move<C> {
    /// An operation that is kept.
    Kept(C),
    /// An operation, or a copy of one, that this fail-over lost.
    Lost(usize, C),
    /// The tail begins that this fail-over will lose.
    Split(usize),
    /// The fail-over.
    FailOver(usize),
}

/// A log, as a specification. The answer to what no client asked for is `None`.
#[derive(Debug)]
pub(super) struct Local<M>(PhantomData<M>);

/// What a log holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Held<S> {
    now: S,
    /// Fail-overs that are past.
    past: usize,
    /// For each tail that has begun, outermost first: who will lose it, and what the log held
    /// before it. An inner one is lost earlier.
    tails: Vec<(usize, S)>,
}

impl<S> Held<S> {
    pub(super) fn new(now: S) -> Self {
        Self { now, past: 0, tails: Vec::new() }
    }

    fn innermost(&self) -> Option<usize> {
        self.tails.last().map(|(number, _)| *number)
    }
}

impl<M: Model> Sequential for Local<M> {
    type Call = Move<M::Call>;
    type Answer = Option<M::Answer>;
    type State = Held<M::State>;

    fn apply(held: &Self::State, call: &Self::Call) -> Option<(Self::State, Self::Answer)> {
        let mut next = held.clone();
        let call = match call {
            Move::Kept(call) if held.tails.is_empty() => call,
            Move::Lost(number, call) if held.innermost() == Some(*number) => call,
            Move::Split(number) => {
                let is_inner = held.innermost().is_none_or(|outer| *number < outer);
                if *number < held.past || !is_inner {
                    return None;
                }
                next.tails.push((*number, held.now.clone()));
                return Some((next, None));
            }
            Move::FailOver(number) => {
                next.past = number + 1;
                if held.innermost() == Some(*number)
                    && let Some((_, before)) = next.tails.pop()
                {
                    next.now = before;
                }
                return Some((next, None));
            }
            Move::Kept(_) | Move::Lost(..) => return None,
        };
        let (now, answer) = M::apply(&held.now, call)?;
        next.now = now;
        Some((next, Some(answer)))
    }

    fn only_reads(call: &Self::Call, answer: &Self::Answer) -> bool {
        match (call, answer) {
            (Move::Kept(call) | Move::Lost(_, call), Some(answer)) => M::only_reads(call, answer),
            _ => false,
        }
    }
}

/// The sequences of all keys, by key, of the events before `until`.
pub(super) fn sequences<M: Model>(
    history: &History<M>,
    fail_overs: &FailOvers,
    until: Moment,
) -> BTreeMap<M::Key, Sequence<Local<M>>> {
    let mut builder = Builder::new(history, fail_overs, until);
    for (at, event) in history.events()[..until.0].iter().enumerate() {
        builder.fail_over_until(Moment(at));
        match event {
            Event::Called(id) => builder.on_call(*id),
            Event::Ended(id) => builder.on_end(*id),
        }
    }
    builder.fail_over_until(until);
    builder.sequences
}

struct Builder<'a, M: Model> {
    history: &'a History<M>,
    fail_overs: &'a FailOvers,
    until: Moment,
    by_key: BTreeMap<M::Key, BTreeSet<usize>>,
    past: usize,
    sequences: BTreeMap<M::Key, Sequence<Local<M>>>,
    /// Operations that have not returned: their places in the sequences of their keys.
    places: BTreeMap<OpId, usize>,
    /// Keys whose splits are there.
    is_split: BTreeSet<M::Key>,
}

impl<'a, M: Model> Builder<'a, M> {
    fn new(history: &'a History<M>, fail_overs: &'a FailOvers, until: Moment) -> Self {
        Self {
            history,
            fail_overs,
            until,
            by_key: fail_overs.by_key(history),
            past: 0,
            sequences: BTreeMap::new(),
            places: BTreeMap::new(),
            is_split: BTreeSet::new(),
        }
    }

    fn on_call(&mut self, id: OpId) {
        let operation = self.history.operation(id);
        let lost_by = self.fail_overs.lost_by(id);
        let key = M::key(&operation.call);
        let sequence = self.sequences.entry(key.clone()).or_default();
        if let Some(numbers) = self.by_key.get(&key) {
            // A tail need not begin before its first orphan is called: a copy in it can as well
            // have happened then.
            if lost_by.is_some() && self.is_split.insert(key) {
                for number in numbers {
                    sequence.call(None, Move::Split(*number));
                }
            }
            for number in numbers.range(self.past..) {
                let was_open = !operation.is_closed_before(self.fail_overs.moments[*number]);
                if was_open && lost_by.is_none_or(|by| by > *number) {
                    sequence.call(None, Move::Lost(*number, operation.call.clone()));
                }
            }
        }
        let is_refused = operation.ended == Ended::Refused;
        if is_refused && operation.is_closed_before(self.until) {
            return;
        }
        let call = operation.call.clone();
        let call = lost_by.map_or(Move::Kept(call.clone()), |number| Move::Lost(number, call));
        self.places.insert(id, sequence.call(Some(id), call));
    }

    fn on_end(&mut self, id: OpId) {
        let operation = self.history.operation(id);
        if let (Some(answer), Some(place)) =
            (operation.answer_before(self.until), self.places.remove(&id))
            && let Some(sequence) = self.sequences.get_mut(&M::key(&operation.call))
        {
            sequence.answer(place, Some(answer.clone()));
        }
    }

    fn fail_over_until(&mut self, moment: Moment) {
        while self.fail_overs.moments.get(self.past).is_some_and(|at| *at <= moment) {
            let number = self.past;
            self.past += 1;
            for (key, numbers) in &self.by_key {
                if numbers.contains(&number) {
                    let sequence = self.sequences.entry(key.clone()).or_default();
                    let place = sequence.call(None, Move::FailOver(number));
                    sequence.answer(place, None);
                }
            }
        }
    }
}

/// An orphan, and an operation that follows it in the log and was not lost with it.
pub(super) struct Torn {
    pub(super) orphan: OpId,
    pub(super) kept: OpId,
    pub(super) fail_over: usize,
}

/// Whether a fail-over lost something else than a suffix, as far as real time can tell.
pub(super) fn torn<M: Model>(history: &History<M>, fail_overs: &FailOvers) -> Option<Torn> {
    let torn_by = |(number, moment): (usize, &Moment)| {
        let orphans = fail_overs.lost.iter().filter(|(_, by)| **by == number);
        let answered =
            orphans.filter(|(id, _)| history.operation(**id).answer_before(*moment).is_some());
        let (orphan, _) = answered.min_by_key(|(id, _)| history.operation(**id).closed)?;
        let since = history.operation(*orphan).closed?;
        let outlived = history.operations().iter().enumerate().find(|(at, operation)| {
            let is_kept = fail_overs.lost_by(OpId(*at)).is_none_or(|by| by > number);
            is_kept && operation.called > since && operation.answer_before(*moment).is_some()
        });
        let (kept, _) = outlived?;
        Some(Torn { orphan: *orphan, kept: OpId(kept), fail_over: number })
    };
    fail_overs.moments.iter().enumerate().find_map(torn_by)
}
