//! What a deposed primary keeps of the tail that it has to cut off.
//!
//! ```text
//! an append, or a snapshot, that would cut off what this node appended as leader
//!   -> write an archive; take nothing until it is durable; then let the message in when it comes
//!      again
//! ```
//!
//! Inputs -> outputs: messages before they are taken -> archives.
//! Invariants: an archive is durable before what it holds is cut off (DESIGN 5); a record is in at
//! most one; an archive is never replayed.
//! Limits: only what this node itself appended as leader: nobody was told of the rest by it.
//! Not here: how a file comes to its name (shelf.rs); which of the records anybody was told of, and
//! whether all of that is there (promise.rs).
//!
//! That the message is dropped costs a heartbeat: its sender sends it again.

use super::mutation::Mutation;
use super::node::Node;
use super::rule::Rule;
use super::shelf::Aside;
use crate::random::Random;
use gavel_raft::memory::{Cargo, Entry, Envelope, Host};
use gavel_raft::{Append, Body};
use gavel_types::{Index, Term};
use std::collections::BTreeSet;

/// A record that was cut off, or will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// Where it lay.
    pub index: Index,
    /// What it was.
    pub entry: Entry,
}

/// A node's archives.
#[derive(Clone, Debug, Default)]
pub struct Orphans {
    /// Terms in which it led: on disk with the first record of each.
    led: BTreeSet<Term>,
    /// On disk.
    archives: Vec<Vec<Orphan>>,
    /// Being written.
    putting: Aside<Vec<Orphan>>,
}

impl Orphans {
    /// How many archives hold this record.
    #[must_use]
    pub fn holding(&self, index: Index, term: Term) -> usize {
        let is_it = |orphan: &Orphan| orphan.index == index && orphan.entry.term == term;
        self.archives.iter().filter(|archive| archive.iter().any(is_it)).count()
    }

    /// Records in all of them.
    #[must_use]
    pub fn records(&self) -> usize {
        self.archives.iter().map(Vec::len).sum()
    }

    /// An operation of the disk begins: true once for each.
    pub(super) fn takes_operation(&mut self) -> bool {
        self.putting.takes_operation()
    }

    /// The operation is done.
    pub(super) fn kept(&mut self) {
        self.archives.extend(self.putting.done());
    }

    /// The process ended: one that had its name may be there.
    pub(super) fn crash(&mut self, random: &mut Random) {
        self.archives.extend(self.putting.crash(random));
    }

    /// This node leads in a term.
    pub(super) fn leads(&mut self, term: Term) {
        self.led.insert(term);
    }
}

impl Node {
    /// True if a message must not be taken yet: it would cut off what is in no archive.
    pub(super) fn archives_first(&mut self, envelope: &Envelope) -> bool {
        if self.policy.rule == Rule::Quorum || self.mutation == Some(Mutation::OrphansNotArchived) {
            return false;
        }
        let tail = self.tail_at_stake(envelope);
        if tail.is_empty() {
            return false;
        }
        self.orphans.putting.begin(tail);
        self.mutation != Some(Mutation::ArchiveAfterTruncation)
    }

    /// Of what a message would cut off: what this node appended as leader and has not archived.
    fn tail_at_stake(&self, envelope: &Envelope) -> Vec<Orphan> {
        let Some(host) = &self.host else { return Vec::new() };
        let Some(first) = first_cut(host, envelope) else { return Vec::new() };
        let behind = host.entries.iter().enumerate().skip(first);
        let all = behind
            .map(|(place, entry)| Orphan { index: Index(place as u64 + 1), entry: entry.clone() });
        let is_at_stake = |orphan: &Orphan| {
            let term = orphan.entry.term;
            self.orphans.led.contains(&term) && self.orphans.holding(orphan.index, term) == 0
        };
        all.filter(is_at_stake).collect()
    }
}

/// The place of the first entry that a message would cut off, if it would cut off any.
fn first_cut(host: &Host, envelope: &Envelope) -> Option<usize> {
    let (from, theirs) = match &envelope.cargo {
        Cargo::Raft(msg, entries) if msg.term >= host.raft.term() => match msg.body {
            Body::Append(Append { prev, .. }) => (prev.index.0 as usize, &entries[..]),
            _ => return None,
        },
        Cargo::Snapshot(snapshot) if snapshot.mark.index > host.raft.commit() => {
            (0, &snapshot.entries[..])
        }
        _ => return None,
    };
    let ours = host.entries.get(from..)?;
    let differs = |(ours, theirs): (&Entry, &Entry)| ours.term != theirs.term;
    ours.iter().zip(theirs).position(differs).map(|place| from + place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_raft::memory::Payload;

    // DESIGN 5: a record is in exactly one archive, and a crash leaves only what was written.
    #[test]
    fn an_archive_counts_once_it_is_written() {
        let entry = Entry { term: Term(3), payload: Payload::Noop };
        let tail = vec![Orphan { index: Index(7), entry }];
        let (mut orphans, mut random) = (Orphans::default(), Random::new(1));
        orphans.putting.begin(tail.clone());
        assert!(orphans.takes_operation() && !orphans.takes_operation());
        orphans.crash(&mut random);
        orphans.kept();
        assert_eq!(orphans.holding(Index(7), Term(3)), 0);
        orphans.putting.begin(tail);
        orphans.kept();
        assert_eq!(orphans.holding(Index(7), Term(3)), 0, "it has no name yet");
        orphans.kept();
        assert_eq!((orphans.holding(Index(7), Term(3)), orphans.records()), (1, 1));
        assert_eq!(orphans.holding(Index(7), Term(2)), 0);
    }
}
