//! A log without its entries: where it ends, and which term wrote which part of it.
//!
//! Inputs -> outputs: indexes and terms -> what matches, what conflicts, what is durable.
//! Invariants: runs rise in index and in term and leave no gap after `base`; `durable` <= `last`;
//! a truncation raises the generation, and what was durable in an older one says nothing.
//! Limits: [`RUNS_MAX`] runs without taking memory; never more than entries.
//! Not here: entries, and what is committed.
//! Source: Raft 5.3; the runs are all that its rules ask of a log.

use crate::limits::{RUNS_MAX, RUNS_PER_MESSAGE};
use alloc::vec::Vec;
use gavel_types::{Index, Term};

/// A part of a log written in one term, up to the next run or the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Run {
    /// Its first index.
    pub first: Index,
    /// The term.
    pub term: Term,
}

/// A place in one version of a log (SAFETY 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPosition {
    /// Raised by every truncation; compares first.
    pub generation: u32,
    /// Where.
    pub index: Index,
}

/// An index, and the term of what lies there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// The term; compares first, as votes do (Raft 5.4.1).
    pub term: Term,
    /// Where.
    pub index: Index,
}

/// A few runs, for a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Runs {
    len: u8,
    runs: [Run; RUNS_PER_MESSAGE],
}

impl Runs {
    /// One run.
    #[must_use]
    #[inline]
    pub fn one(run: Run) -> Self {
        let mut runs = Self::default();
        runs.push(run);
        runs
    }

    /// Adds one; false if there is no room.
    #[inline]
    pub fn push(&mut self, run: Run) -> bool {
        let has_room = usize::from(self.len) < RUNS_PER_MESSAGE;
        if has_room {
            self.runs[usize::from(self.len)] = run;
            self.len += 1;
        }
        has_room
    }

    /// Them.
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> &[Run] {
        &self.runs[..usize::from(self.len)]
    }

    /// True if they cover what begins at `first` and ends at `last`, by rising term from
    /// `after` to `until`.
    #[must_use]
    pub fn are_sound(&self, first: Index, last: Index, after: Term, until: Term) -> bool {
        let runs = self.as_slice();
        let begins = match runs.first() {
            Some(run) => run.first == first && run.term >= after && first <= last,
            None => first > last,
        };
        let rises =
            runs.windows(2).all(|two| two[0].first < two[1].first && two[0].term < two[1].term);
        let ends = runs.last().is_none_or(|run| run.first <= last && run.term <= until);
        begins && rises && ends
    }
}

/// What a log is to the core.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Log {
    /// The last index before what is known; its term.
    base: Mark,
    runs: Vec<Run>,
    last: Index,
    durable: Index,
    generation: u32,
}

impl Log {
    /// A log as it was found: all of it is durable.
    ///
    /// # Panics
    /// If the runs do not cover what lies after `base`.
    #[must_use]
    pub fn new(base: Mark, runs: &[Run], last: Index, generation: u32) -> Self {
        assert!(last >= base.index, "a log does not end before its base");
        let mut kept = Vec::with_capacity(RUNS_MAX.max(runs.len()) + 1);
        kept.extend_from_slice(runs);
        let log = Self { base, runs: kept, last, durable: last, generation };
        let begins =
            log.runs.first().map_or(last == base.index, |run| run.first == base.index.next());
        assert!(begins, "runs cover the log from its base on");
        log
    }

    /// Where it ends.
    #[must_use]
    #[inline]
    pub fn last(&self) -> Mark {
        Mark { term: self.runs.last().map_or(self.base.term, |run| run.term), index: self.last }
    }

    /// What lies before all that is known.
    #[must_use]
    #[inline]
    pub fn base(&self) -> Mark {
        self.base
    }

    /// The end of the contiguous prefix that is on this node's disk.
    #[must_use]
    #[inline]
    pub fn durable(&self) -> Index {
        self.durable
    }

    /// How often it was truncated.
    #[must_use]
    #[inline]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Its runs, oldest first.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The place among the runs of the one that holds an index after `base`.
    #[inline]
    fn run_at(&self, index: Index) -> usize {
        // What is asked for lies at the end, nearly always.
        match self.runs.last() {
            Some(run) if run.first <= index => self.runs.len() - 1,
            _ => self.runs.partition_point(|run| run.first <= index) - 1,
        }
    }

    /// The term at an index, if the log knows it.
    #[must_use]
    #[inline]
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index > self.last || index < self.base.index {
            return None;
        }
        if index == self.base.index {
            return Some(self.base.term);
        }
        Some(self.runs[self.run_at(index)].term)
    }

    /// Appends up to `last` in `term`.
    ///
    /// # Panics
    /// If `last` or the term falls.
    #[inline]
    pub fn append(&mut self, term: Term, last: Index) {
        let newest = self.last().term;
        assert!(last >= self.last && term >= newest, "a log grows by rising term");
        if last == self.last {
            return;
        }
        if self.runs.is_empty() || newest != term {
            self.runs.push(Run { first: self.last.next(), term });
        }
        self.last = last;
    }

    /// Forgets all above `keep`, and what was durable of it.
    ///
    /// # Panics
    /// If `keep` lies before `base` or is the end.
    pub fn truncate(&mut self, keep: Index) {
        assert!(keep >= self.base.index && keep < self.last, "a truncation cuts the end off");
        while self.runs.last().is_some_and(|run| run.first > keep) {
            self.runs.pop();
        }
        self.last = keep;
        self.durable = self.durable.min(keep);
        // SAFETY 1: completions of what was cut off must not count for what comes in its place.
        self.generation += 1;
    }

    /// The disk has all up to here. Says whether that is news.
    #[inline]
    pub fn set_durable(&mut self, at: LogPosition) -> bool {
        // SAFETY 1: an older generation says nothing of what lies there now.
        let is_news = at.generation == self.generation && at.index > self.durable;
        if is_news {
            assert!(at.index <= self.last, "what is durable was appended");
            self.durable = at.index;
        }
        is_news
    }

    /// Forgets the runs up to `index`, which a snapshot holds.
    pub fn compact(&mut self, index: Index) {
        let Some(term) = self.term_at(index) else { return };
        let gone = self.runs.partition_point(|run| run.first <= index);
        if gone > 0 {
            // The run that holds the index goes on behind it, unless it ends there.
            let ends = self.runs.get(gone).map_or(self.last, |run| Index(run.first.0 - 1));
            let keep = usize::from(ends > index);
            self.runs.drain(..gone - keep);
            if keep == 1 {
                self.runs[0].first = index.next();
            }
        }
        self.base = Mark { term, index };
    }

    /// A snapshot takes the place of the log, or of its beginning (Raft 7): what lies behind it
    /// stays if it fits. Says whether it stayed.
    pub fn restore(&mut self, mark: Mark) -> bool {
        if self.term_at(mark.index) == Some(mark.term) {
            self.compact(mark.index);
            self.durable = self.durable.max(mark.index);
            return true;
        }
        self.runs.clear();
        self.base = mark;
        self.last = mark.index;
        self.durable = mark.index;
        self.generation += 1;
        false
    }

    /// The runs of what lies behind `prev` up to `last`, and how far they reach: fewer if there are
    /// more runs than a message carries.
    #[inline]
    pub fn runs_between(&self, prev: Index, last: Index) -> (Runs, Index) {
        let mut runs = Runs::default();
        if prev >= last {
            return (runs, prev);
        }
        let mut at = self.run_at(prev.next());
        runs.push(Run { first: prev.next(), term: self.runs[at].term });
        loop {
            at += 1;
            match self.runs.get(at) {
                Some(run) if run.first <= last => {
                    if !runs.push(*run) {
                        return (runs, Index(run.first.0 - 1));
                    }
                }
                _ => return (runs, last),
            }
        }
    }

    /// The newest runs at or below `top`, oldest of them first.
    pub fn runs_below(&self, top: Index) -> Runs {
        let mut runs = Runs::default();
        let top = top.min(self.last);
        if top > self.base.index {
            let end = self.run_at(top) + 1;
            for run in &self.runs[end.saturating_sub(RUNS_PER_MESSAGE)..end] {
                runs.push(*run);
            }
        }
        runs
    }

    /// The first index behind `prev` at which these runs and this log differ; none if they agree as
    /// far as both go.
    #[inline]
    pub fn conflict(&self, runs: &[Run], last: Index) -> Option<Index> {
        let end = last.min(self.last);
        for (place, run) in runs.iter().enumerate() {
            let run_end = runs.get(place + 1).map_or(end, |next| Index(next.first.0 - 1)).min(end);
            if run.first > run_end {
                break;
            }
            let own = self.run_at(run.first);
            if self.runs[own].term != run.term {
                return Some(run.first);
            }
            if let Some(next) = self.runs.get(own + 1).filter(|next| next.first <= run_end) {
                return Some(next.first);
            }
        }
        None
    }

    /// The highest index, at most `top`, at which this log and another one that has `theirs` agree.
    /// If they do not, the one below all of `theirs`.
    ///
    /// Entries of one term at one index are the same, and all before them too (Raft 5.3): so the
    /// highest such index is where the logs part, and one answer finds it if it lies within the
    /// runs that the answer names.
    pub fn parting(&self, theirs: &[Run], top: Index) -> Index {
        let mut end = top;
        for run in theirs.iter().rev() {
            let own = self.runs.iter().position(|own| own.term == run.term);
            if let Some(own) = own {
                let own_last = self.runs.get(own + 1).map_or(self.last, |n| Index(n.first.0 - 1));
                let both_first = run.first.max(self.runs[own].first);
                let both_last = end.min(own_last);
                if both_last >= both_first {
                    return both_last;
                }
            }
            end = Index(run.first.0 - 1);
        }
        end.min(self.last)
    }
}

#[cfg(test)]
mod tests;
