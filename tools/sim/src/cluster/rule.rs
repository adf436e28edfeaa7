//! When an answer may leave: the operator's rule, what a session may ask for beyond it, and what is
//! stamped on what leaves.
//!
//! ```text
//! Local < Held < Quorum: a session is answered under the world's rule, or under a stronger one
//! ```
//!
//! Inputs -> outputs: what is committed, held and durable, and how old it is -> how far each rule
//! lets answers go.
//! Invariants: nothing is released under any rule before an entry of the leader's own term is
//! committed; under `local` at most so many records are not committed, and none is older than that.
//! Not here: the lease (node.rs), what must hold of it (promise.rs).
//! Source: SAFETY 6, 7.
//!
//! Why committed, and not only an entry of its own term under the rule itself: under `local` that
//! would be one disk's. Such a leader may answer and go, and another be elected that has what this
//! one's log lacked: then what clients were told is lost by the one comes back with the other, and
//! neither history is a prefix of the log. It costs one round, in a hold-back that lasts longer.

use crate::random::Random;
use gavel_raft::{ClusterGeneration, Mark, Now, Timing};
use gavel_types::{Index, Term};
use std::collections::VecDeque;

/// What an acknowledgement means; the weakest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Durable on the primary.
    Local,
    /// Durable on one node, received by a majority.
    Held,
    /// Committed.
    #[default]
    Quorum,
}

/// What `local` may put at stake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Records that are not committed.
    pub records: u64,
    /// How old the oldest of them may be.
    pub age_ns: u64,
}

/// The operator's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The weakest rule under which anybody is answered.
    pub rule: Rule,
    /// The bounds of `local`.
    pub bounds: Bounds,
}

/// What a client goes by: it takes nothing from whoever is behind it (SAFETY 8, 16).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reign {
    /// The cluster's generation.
    pub generation: ClusterGeneration,
    /// The sender's term.
    pub term: Term,
}

/// What is stamped on an answer when it leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Who says it.
    pub reign: Reign,
    /// The rule that was met.
    pub rule: Rule,
    /// The record that led to it; part of the answer itself.
    pub record: Mark,
}

/// How long the standbys must have kept up before `local` is the rule again (ns).
const CALM_NS: u64 = 10_000_000;

impl Policy {
    /// One for a world.
    pub fn new(rule: Rule, random: &mut Random) -> Self {
        if rule == Rule::Quorum {
            return Self::default();
        }
        // Small, so that worlds reach them.
        let records = [4, 8, 16][random.place(3)];
        let age_ns = [5_000_000, 20_000_000, 60_000_000][random.place(3)];
        Self { rule, bounds: Bounds { records, age_ns } }
    }

    /// What the session of a client at this place asks for.
    #[must_use]
    pub fn of_session(&self, place: usize) -> Rule {
        let asks = match place % 6 {
            2 | 5 => Rule::Quorum,
            4 => Rule::Held,
            _ => Rule::Local,
        };
        asks.max(self.rule)
    }
}

/// How far answers may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    local: Index,
    held: Index,
    quorum: Index,
}

impl Released {
    /// Under one rule for all: what is known to hold of the log.
    #[must_use]
    pub fn new(local: Index, held: Index, quorum: Index) -> Self {
        Self { local, held: held.max(quorum), quorum }
    }

    /// Under this rule: what meets a stronger one meets it too.
    #[must_use]
    pub fn under(&self, rule: Rule) -> Index {
        match rule {
            Rule::Local => self.local.max(self.held),
            Rule::Held => self.held,
            Rule::Quorum => self.quorum,
        }
    }

    /// The strongest rule that this index meets.
    #[must_use]
    pub fn met(&self, index: Index) -> Rule {
        match index {
            index if index <= self.quorum => Rule::Quorum,
            index if index <= self.held => Rule::Held,
            _ => Rule::Local,
        }
    }
}

/// The bound of `local`, at one primary in one term.
#[derive(Clone, Debug, Default)]
pub struct Exposure {
    /// When its own records were appended that are not committed.
    appended: VecDeque<(Index, Now)>,
    /// `local` is not the rule now, and since when all has been well again.
    is_fallen: bool,
    calm_since: Option<Now>,
    /// How far it went before it fell.
    local: Index,
    /// It fell just now.
    falls: bool,
}

impl Exposure {
    /// A record was appended.
    pub fn appended(&mut self, index: Index, now: Now) {
        self.appended.push_back((index, now));
    }

    /// True once for each time that it falls.
    pub fn has_fallen(&mut self) -> bool {
        std::mem::take(&mut self.falls)
    }

    /// How far `local` goes now. SAFETY 7: past the bound it stays where it is, at once, until the
    /// standbys have kept up for a while.
    pub fn local(&mut self, now: Now, durable: Index, commit: Index, bounds: Bounds) -> Index {
        while self.appended.front().is_some_and(|(index, _)| *index <= commit) {
            self.appended.pop_front();
        }
        let records = self.appended.len() as u64;
        let age_ns = self.appended.front().map_or(0, |(_, then)| now.most_since(*then));
        // By a clock that may be slow.
        let limit_ns = bounds.age_ns - bounds.age_ns * 2 * Timing::default().drift_ppm / 1_000_000;
        if records > bounds.records || age_ns >= limit_ns {
            self.falls |= !self.is_fallen;
            (self.is_fallen, self.calm_since) = (true, None);
        } else if self.is_fallen && records <= bounds.records / 2 && age_ns <= limit_ns / 2 {
            let since = *self.calm_since.get_or_insert(now);
            self.is_fallen = now.least_since(since) < CALM_NS;
        } else {
            self.calm_since = None;
        }
        if !self.is_fallen {
            self.local = durable;
        }
        self.local.max(commit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_types::Nanos;

    const BOUNDS: Bounds = Bounds { records: 4, age_ns: 20_000_000 };

    fn ms(ms: u64) -> Now {
        Now::same(Nanos(ms * 1_000_000))
    }

    // SAFETY 7: the bound is held at the instant of each release; it comes back after a while.
    #[test]
    fn past_the_bound_local_waits_for_the_standbys() {
        let mut exposure = Exposure::default();
        for index in 1..=4 {
            exposure.appended(Index(index), ms(0));
        }
        assert_eq!(exposure.local(ms(0), Index(4), Index(0), BOUNDS), Index(4));
        exposure.appended(Index(5), ms(1));
        assert_eq!(exposure.local(ms(1), Index(5), Index(0), BOUNDS), Index(4), "one too many");
        assert_eq!(exposure.local(ms(2), Index(5), Index(3), BOUNDS), Index(4), "not at once");
        assert_eq!(exposure.local(ms(3), Index(5), Index(5), BOUNDS), Index(5), "committed");
        exposure.appended(Index(6), ms(20));
        assert_eq!(exposure.local(ms(20), Index(6), Index(5), BOUNDS), Index(6), "it kept up");
        assert!(exposure.has_fallen() && !exposure.has_fallen());
    }

    #[test]
    fn past_the_age_local_waits_for_the_standbys() {
        let mut exposure = Exposure::default();
        exposure.appended(Index(1), ms(0));
        exposure.appended(Index(2), ms(19));
        assert_eq!(exposure.local(ms(19), Index(1), Index(0), BOUNDS), Index(1));
        assert_eq!(exposure.local(ms(20), Index(2), Index(0), BOUNDS), Index(1), "too old");
    }

    #[test]
    fn a_session_is_never_answered_below_the_operators_rule() {
        for rule in [Rule::Local, Rule::Held, Rule::Quorum] {
            let policy = Policy { rule, ..Policy::default() };
            assert!((0..6).all(|place| policy.of_session(place) >= rule));
        }
    }
}
