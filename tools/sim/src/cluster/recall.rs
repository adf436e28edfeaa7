//! What clients are told of what was lost: a new primary sends the term runs of its log with the
//! establishment of a session, and the client finds out which of its acknowledged commands they do
//! not hold.
//!
//! ```text
//! answers taken: (operation, record) --+--> kept, or rolled back, for good
//! Established: term runs --------------+
//! ```
//!
//! Inputs -> outputs: answers that clients take, runs that they are sent -> what each was told of
//! its commands; at the end, whether that is true.
//! Invariants: a verdict is final, unless a cluster begins anew. So runs are sent only when an
//! entry of the primary's own term is committed: until then a log that lacks a record may give way
//! to one that has it.
//! Not here: what is lost (promise.rs).
//! Source: SAFETY 18, 19.

use super::check::fail;
use super::mutation::Mutation;
use super::rule::{Reign, Stamp};
use super::world::World;
use crate::check::Verdict;
use crate::linear::OpId;
use gavel_raft::memory::Entry;
use gavel_raft::{ClusterGeneration, Mark, Run};
use gavel_types::{Index, Term};
use std::collections::BTreeMap;

/// Names the runs of a log as they were sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent(usize);

/// An answer that a client took.
#[derive(Clone, Copy, Debug)]
struct Taken {
    op: OpId,
    record: Mark,
    reign: Reign,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Recall {
    sent: Vec<(Vec<Run>, Index)>,
    /// By client: what it does not know the fate of.
    open: BTreeMap<usize, Vec<Taken>>,
    /// By operation: whether its client was told that it is rolled back, and in which generation.
    verdicts: BTreeMap<OpId, (bool, ClusterGeneration)>,
}

impl World {
    /// The runs of a node's log, as it sends them now.
    pub(super) fn sends_runs(&mut self, place: usize) -> Sent {
        let entries = self.nodes[place].entries();
        let mut runs = runs(entries);
        if self.case.mutation == Some(Mutation::NewestRunOnly) {
            // The first index of the newest term alone, and all before it taken for kept.
            runs.drain(..runs.len().saturating_sub(1));
        }
        self.recall.sent.push((runs, Index(entries.len() as u64)));
        Sent(self.recall.sent.len() - 1)
    }

    /// A client took the answer to a command.
    pub(super) fn remembers(&mut self, client: usize, op: OpId, stamp: &Stamp) {
        let taken = Taken { op, record: stamp.record, reign: stamp.reign };
        self.recall.open.entry(client).or_default().push(taken);
    }

    /// A client is sent runs: it knows what became of all that older primaries told it.
    pub(super) fn recalls(&mut self, client: usize, reign: Reign, sent: Sent) {
        let is_partial = self.case.mutation == Some(Mutation::NewestRunOnly);
        let Recall { sent: all, open, verdicts } = &mut self.recall;
        let (runs, last) = &all[sent.0];
        open.entry(client).or_default().retain(|taken| {
            if taken.reign >= reign {
                return true;
            }
            let Mark { index, term } = taken.record;
            let is_before = is_partial && runs.first().is_some_and(|run| index < run.first);
            let is_kept = is_before || (index <= *last && term_in(runs, index) == Some(term));
            if !is_kept {
                self.sights.see("rolled back");
            }
            verdicts.insert(taken.op, (!is_kept, reign.generation));
            false
        });
    }

    /// Whether all that clients were told of their commands is true of the log in the end.
    pub(super) fn judge_recall(&self, log: &[Entry]) -> Verdict {
        let fail_overs = self.promises.fail_overs(log);
        for (op, (is_rolled_back, generation)) in &self.recall.verdicts {
            let is_lost = fail_overs.lost_by(*op).is_some();
            // SAFETY 16: what was kept may be lost all the same when a cluster begins anew.
            let is_final = *is_rolled_back || *generation == self.promises.generation();
            if is_lost != *is_rolled_back && is_final {
                let call = self.history.operations()[op.0].call;
                let what = format!("of `{call}` its client was told that it is rolled back");
                return fail("recall", format!("{what}: {is_rolled_back}; it is lost: {is_lost}"));
            }
        }
        Ok(())
    }
}

fn runs(entries: &[Entry]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        if runs.last().is_none_or(|run| run.term != entry.term) {
            runs.push(Run { first: Index(place as u64 + 1), term: entry.term });
        }
    }
    runs
}

fn term_in(runs: &[Run], index: Index) -> Option<Term> {
    let after = runs.partition_point(|run| run.first <= index);
    after.checked_sub(1).map(|place| runs[place].term)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_raft::memory::Payload;

    // SAFETY 19: a record survives exactly if the runs give its term at its index.
    #[test]
    fn runs_give_the_term_of_every_index() {
        let terms = [1, 1, 3, 3, 3, 7];
        let entry = |term: &u64| Entry { term: Term(*term), payload: Payload::Noop };
        let entries: Vec<Entry> = terms.iter().map(entry).collect();
        let runs = runs(&entries);
        assert_eq!(runs.len(), 3);
        for (place, term) in terms.iter().enumerate() {
            assert_eq!(term_in(&runs, Index(place as u64 + 1)), Some(Term(*term)));
        }
        assert_eq!(term_in(&runs, Index(0)), None);
    }
}
