//! What must hold of a cluster after every step.
//!
//! Inputs -> outputs: nodes, answers that leave -> the first rule that does not hold.
//! Invariants: believes entries, disks and true time; of a core it asks only what it claims: that
//! it leads, and what it calls committed.
//! Limits: a disk that was lost, or damaged, counts as a copy of all that it held, or that was
//! committed then.
//! Not here: histories of clients (linear/); progress (world.rs).
//! Source: Raft figure 3; SAFETY 2, 6, 11; exactly-once: Raft 8.

use super::machine::{Applied, Command, Session};
use super::node::{Node, Reply, Unsent};
use crate::check::{Verdict, Violation};
use gavel_raft::limits::NODES_MAX;
use gavel_raft::memory::Entry;
use gavel_raft::{ClusterGeneration, DiskId, NodeSet};
use gavel_types::{Index, Nanos, NodeId, Term};
use std::collections::BTreeMap;

/// A committed entry.
#[derive(Clone, Debug)]
struct Committed {
    entry: Entry,
    /// The lowest term in which somebody knew.
    in_term: Term,
    /// Of the state after it, once somebody applied it.
    digest: Option<u64>,
}

/// What a node was seen to claim.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    commit: Index,
    leads_in: Term,
    hard: (Term, Option<NodeId>),
    life: u64,
}

/// One of each node. It is looked at after every event.
pub(super) type ByNode<T> = [T; NODES_MAX];

/// Where a node's is.
pub(super) fn slot(node: NodeId) -> usize {
    usize::from(node.0)
}

/// All of it.
#[derive(Debug, Default)]
pub struct Checks {
    leaders: BTreeMap<Term, NodeId>,
    committed: Vec<Committed>,
    seen: ByNode<Seen>,
    /// By command of a session: the entry by which it had its effect.
    effects: BTreeMap<(Session, u64), Index>,
    /// Nodes whose disk was lost, and up to where it may have been a copy.
    lost: BTreeMap<NodeId, Index>,
    /// The newest generation that each node's disk knew of.
    pub(super) generations: ByNode<(DiskId, ClusterGeneration)>,
    /// What each leader was seen to call held, and in which term.
    pub(super) held: ByNode<(Term, Index)>,
    /// What clients were told of.
    pub(super) acknowledged: Index,
    /// By operation: what had been acknowledged when a read was called.
    pub(super) reads: BTreeMap<usize, Index>,
    /// Answers that were looked at.
    pub answers: u64,
}

pub(super) fn fail(rule: &'static str, what: String) -> Verdict {
    Err(Violation::new(rule, what))
}

impl Checks {
    /// What is known to be committed, by anyone.
    #[must_use]
    pub fn committed(&self) -> Index {
        Index(self.committed.len() as u64)
    }

    /// The term of what is committed at an index.
    #[must_use]
    pub fn term_of(&self, index: Index) -> Option<Term> {
        let place = (index.0 as usize).checked_sub(1)?;
        self.committed.get(place).map(|known| known.entry.term)
    }

    /// Forgets all that this log does not hold; says how much it keeps.
    pub(super) fn keeps(&mut self, entries: &[Entry]) -> usize {
        let both = self.committed.iter().zip(entries);
        let same = both.take_while(|(known, entry)| known.entry == **entry).count();
        self.committed.truncate(same);
        self.effects.retain(|_, index| index.0 as usize <= same);
        (self.leaders, self.lost) = (BTreeMap::new(), BTreeMap::new());
        same
    }

    /// A node's disk is another one now: its terms may be lower than they were.
    /// It held so many entries: of those its word may still be on the way.
    pub fn wiped(&mut self, node: NodeId, held: Index) {
        self.seen[slot(node)] = Seen::default();
        self.lost.insert(node, held.max(self.committed()));
    }

    /// Part of a node's disk was damaged: it may have been a copy up to there.
    pub(super) fn damaged(&mut self, node: NodeId, until: Index) {
        let lost = self.lost.entry(node).or_default();
        *lost = until.max(*lost);
    }

    /// Looks at a node that did something.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn look(&mut self, node: &Node, nodes: &[Node]) -> Verdict {
        self.one_vote(node)?;
        self.commits(node, nodes)?;
        self.held(node, nodes)?;
        self.received(node, nodes)?;
        self.generation(node)?;
        self.leadership(node)
    }

    /// Raft 5.2: on disk, a term never falls and a vote never changes within it.
    fn one_vote(&mut self, node: &Node) -> Verdict {
        let (Some(disk), id) = (node.disk(), node.id) else { return Ok(()) };
        let seen = &mut self.seen[slot(id)];
        let (before, now) = (seen.hard, (disk.hard.term, disk.hard.vote));
        seen.hard = now;
        if now.0 < before.0 {
            return fail("terms", format!("node {id} goes from term {} to {}", before.0, now.0));
        }
        if now.0 == before.0 && before.1.is_some() && now.1 != before.1 {
            return fail("one-vote", format!("node {id} votes twice in term {}", now.0));
        }
        Ok(())
    }

    /// Raft 5.4.3: at one index all nodes have one committed entry.
    fn commits(&mut self, node: &Node, nodes: &[Node]) -> Verdict {
        let (Some(host), id) = (&node.host, node.id) else { return Ok(()) };
        let (commit, term) = (host.raft.commit(), host.raft.term());
        let seen = &mut self.seen[slot(id)];
        if seen.life != node.life {
            (seen.commit, seen.life) = (Index(0), node.life);
        }
        let before = seen.commit;
        seen.commit = commit;
        if commit < before {
            return fail("commit", format!("node {id} goes from commit {before} to {commit}"));
        }
        for place in before.0..commit.0 {
            let index = place + 1;
            let Some(entry) = host.entries.get(place as usize) else {
                return fail("commit", format!("node {id} lacks entry {index}, and calls it so"));
            };
            match self.committed.get_mut(place as usize) {
                Some(known) if known.entry != *entry => {
                    let (a, b) = (entry.term, known.entry.term);
                    let what = format!("entry {index} is of term {a} on node {id}, and was of {b}");
                    return fail("same-record", what);
                }
                Some(known) => known.in_term = known.in_term.min(term),
                None => {
                    let entry = entry.clone();
                    self.committed.push(Committed { entry, in_term: term, digest: None });
                }
            }
        }
        if commit == before || !node.leads() {
            return Ok(());
        }
        // Raft 5.4.2: only entries of a leader's own term are committed by counting copies.
        if host.entries[commit.0 as usize - 1].term != term {
            let what = format!("leader {id} of term {term} commits {commit}, of an older term");
            return fail("own-term", what);
        }
        self.on_a_majority(node, commit, nodes)
    }

    /// SAFETY 6: what a leader calls committed is on the disks of a majority.
    fn on_a_majority(&self, leader: &Node, index: Index, nodes: &[Node]) -> Verdict {
        let (place, Some(host)) = (index.0 as usize - 1, &leader.host) else { return Ok(()) };
        let entry = host.entries.get(place);
        let config = host.raft.config();
        let mut copies = NodeSet::EMPTY;
        for node in nodes {
            let was_lost = self.lost.get(&node.id).is_some_and(|until| index <= *until);
            let Some(disk) = node.disk() else { continue };
            // SAFETY 15: a disk that is not the member's is nobody's.
            let is_members = disk.id == config.disk_of(node.id);
            if was_lost || (is_members && disk.entries.get(place) == entry) {
                copies.insert(node.id);
            }
        }
        match config.is_quorum(copies.without(config.witnesses)) {
            true => Ok(()),
            false => fail("majority", format!("entry {index} is on ({copies}) only, of {config}")),
        }
    }

    /// Raft 5.2, 5.4.3: one leader a term, and it has all that was committed before its term.
    fn leadership(&mut self, node: &Node) -> Verdict {
        let (Some(host), id) = (&node.host, node.id) else { return Ok(()) };
        let term = host.raft.term();
        let seen = &mut self.seen[slot(id)];
        if !node.leads() || seen.leads_in == term {
            return Ok(());
        }
        seen.leads_in = term;
        let leader = *self.leaders.entry(term).or_insert(id);
        if leader != id {
            return fail("one-leader", format!("nodes {leader} and {id} lead in term {term}"));
        }
        for (place, committed) in self.committed.iter().enumerate() {
            if committed.in_term < term && host.entries.get(place) != Some(&committed.entry) {
                let what = format!("leader {id} of term {term} lacks entry {}", place + 1);
                return fail("completeness", what);
            }
        }
        Ok(())
    }

    /// SAFETY 2, 23: what is applied is committed, and leads to one state everywhere; Raft 8: a
    /// command has its effect once.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn applied(
        &mut self,
        node: &Node,
        index: Index,
        applied: Option<Applied>,
        commands: &[Command],
    ) -> Verdict {
        let id = node.id;
        let entry = node.entries().get(index.0 as usize - 1);
        let Some(known) = self.committed.get_mut(index.0 as usize - 1) else {
            return fail("applied", format!("node {id} applies {index}, which nobody committed"));
        };
        if entry != Some(&known.entry) {
            return fail("applied", format!("node {id} applies another entry at {index}"));
        }
        let digest = node.machine.digest();
        if *known.digest.get_or_insert(digest) != digest {
            return fail("same-state", format!("node {id} has another state after entry {index}"));
        }
        let Some(Applied { command, is_first: true, .. }) = applied else { return Ok(()) };
        let Command { session, seq, .. } = commands[command];
        let first = *self.effects.entry((session, seq)).or_insert(index);
        match first == index {
            true => Ok(()),
            false => fail(
                "once",
                format!("command {seq} of session {} at {first} and at {index}", session.0),
            ),
        }
    }

    /// SAFETY 6: under `quorum` nothing leaves before a majority has it on disk. That it survives
    /// from then on is `same-record` and `completeness`.
    ///
    /// # Errors
    /// If that does not hold.
    pub fn leaves(&mut self, from: &Node, unsent: &Unsent, nodes: &[Node], now: Nanos) -> Verdict {
        self.answers += 1;
        let (id, index) = (from.id, unsent.index);
        let Reply::Answer(op, _) = unsent.reply else { return Ok(()) };
        if !unsent.is_command {
            return self.reads(id, op.0, index);
        }
        if index > self.committed() {
            let what = format!("node {id} answers entry {index}, and nobody committed it");
            return fail("release", what);
        }
        if !from.may_speak(now) {
            return fail("release", format!("node {id} answers entry {index} without a lease"));
        }
        self.acknowledged = self.acknowledged.max(index);
        let config_at = from.host.as_ref().map(|host| host.raft.config_at().index);
        // What a configuration in force follows was committed, and judged, under an earlier one.
        if config_at.is_some_and(|config_at| index < config_at) {
            return Ok(());
        }
        self.on_a_majority(from, index, nodes)
    }

    /// SAFETY 11: at one instant of true time, at most one node may speak.
    ///
    /// # Errors
    /// If two may.
    pub fn one_speaker(&self, nodes: &[Node], now: Nanos) -> Verdict {
        // Nobody else may speak: leases are looked at only where there are two.
        let leaders = || nodes.iter().filter(|node| node.leads());
        if leaders().nth(1).is_none() {
            return Ok(());
        }
        let mut speakers = NodeSet::EMPTY;
        for node in leaders() {
            if node.may_speak(now) {
                speakers.insert(node.id);
            }
        }
        match speakers.len() {
            0 | 1 => Ok(()),
            _ => fail("one-lease", format!("({speakers}) may speak at one instant")),
        }
    }

    /// Raft 5.3: if two logs have an entry of one term at one index, they are equal up to there.
    ///
    /// # Errors
    /// If they are not.
    pub fn logs_match(&self, nodes: &[Node]) -> Verdict {
        for (place, one) in nodes.iter().enumerate() {
            for two in &nodes[..place] {
                let both = one.entries().iter().zip(two.entries());
                let equal = both.clone().take_while(|(a, b)| a == b).count();
                if let Some(at) = both.skip(equal).position(|(a, b)| a.term == b.term) {
                    let index = equal + at + 1;
                    let what = format!("{} and {} agree at {index}, not before", one.id, two.id);
                    return fail("log-matching", what);
                }
            }
        }
        Ok(())
    }
}
