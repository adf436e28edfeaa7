//! What must hold of a cluster, whatever happens to it.
//!
//! Inputs -> outputs: hosts after each event -> the first rule that does not hold.
//! Invariants: believes entries, disks and true time, never what a core says of itself.
//! Not here: progress; scripts and tests say what they expect.
//! Source: Raft figure 3; SAFETY 11.

use super::{Disk, Entry, Host, Payload};
use crate::{ClusterGeneration, Config, NodeSet, ReadAnswer, Released, Role};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use gavel_types::{Index, NodeId, Term};

/// A rule that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub rule: &'static str,
    /// The facts.
    pub what: String,
}

impl core::fmt::Display for Violation {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)
    }
}

/// A committed entry, and the lowest term in which somebody knew that it was.
#[derive(Clone, Debug)]
struct Committed {
    entry: Entry,
    in_term: Term,
}

/// A node, as checkers see it.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// Who it is.
    pub id: NodeId,
    /// Its process, if it runs.
    pub host: Option<&'a Host>,
    /// Its disk.
    pub disk: &'a Disk,
}

/// Watches a cluster.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    leaders: BTreeMap<(ClusterGeneration, Term), NodeId>,
    committed: Vec<Committed>,
    /// Up to where each node's commit was looked at, in its present life.
    looked_at: BTreeMap<NodeId, Index>,
    terms: BTreeMap<NodeId, (Term, Option<NodeId>)>,
    /// What a client may have been told of: committed, and known to a node while it could speak; or
    /// read.
    acknowledged: Index,
    /// What had been acknowledged when a read was asked for.
    reads: BTreeMap<(NodeId, u64), Index>,
    /// What each leader was seen to call held, and in which term.
    held: BTreeMap<NodeId, (Term, Index)>,
    /// Disks that may have lost what they acknowledged: they prove nothing.
    lost: NodeSet,
}

fn fail(rule: &'static str, what: String) -> Result<(), Violation> {
    Err(Violation { rule, what })
}

impl Checker {
    /// The committed prefix, as far as anybody knows it.
    #[must_use]
    pub fn committed(&self) -> Index {
        Index(self.committed.len() as u64)
    }

    /// A node's process begins anew: its commit index may be lower than it was.
    pub fn restarted(&mut self, node: NodeId) {
        self.looked_at.remove(&node);
    }

    /// A node's disk was exchanged, or put back: its terms may be lower than they were.
    pub fn disk_replaced(&mut self, node: NodeId) {
        self.restarted(node);
        self.terms.remove(&node);
        self.lost.insert(node);
    }

    /// An old generation of the cluster ended: what it had committed may be lost.
    pub fn forced(&mut self, survivor: &Host) {
        let kept = survivor.entries.iter().zip(&self.committed);
        let kept = kept.take_while(|(entry, committed)| **entry == committed.entry).count();
        self.committed.truncate(kept);
        self.acknowledged = self.acknowledged.min(self.committed());
        self.looked_at.clear();
        self.reads.clear();
    }

    /// A read is asked for.
    pub fn asked(&mut self, node: NodeId, context: u64) {
        self.reads.insert((node, context), self.acknowledged);
    }

    /// A node that may speak says what is committed.
    pub fn spoke(&mut self, commit: Index) {
        self.acknowledged = self.acknowledged.max(commit);
    }

    /// A read is answered.
    ///
    /// # Errors
    /// If it misses something that was acknowledged before it was asked for.
    pub fn answered(&mut self, node: NodeId, answer: ReadAnswer) -> Result<(), Violation> {
        let Some(asked) = self.reads.remove(&(node, answer.context)) else { return Ok(()) };
        match answer.index {
            Some(index) if index < asked => fail(
                "linearizable reads",
                format!("node {node} reads at {index}, and {asked} was known before it asked"),
            ),
            Some(index) => {
                // Whoever asks from now on must not see less.
                self.acknowledged = self.acknowledged.max(index);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Looks at one node after it did something; `nodes` are all of them.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn look(&mut self, host: &Host, nodes: &[Node<'_>]) -> Result<(), Violation> {
        let id = host.raft.id();
        self.one_vote(id, host)?;
        self.state_machine_safety(id, host, nodes)?;
        self.leadership(id, host)?;
        self.held(host, nodes)?;
        self.own_term_first(host)?;
        self.core_agrees(host)
    }

    /// Raft 5.2: a term never falls and a vote never changes within it, on disk.
    fn one_vote(&mut self, id: NodeId, host: &Host) -> Result<(), Violation> {
        let now = (host.disk.hard.term, host.disk.hard.vote);
        let before = self.terms.insert(id, now).unwrap_or_default();
        if now.0 < before.0 {
            return fail("terms", format!("node {id} goes from term {} to {}", before.0, now.0));
        }
        if now.0 == before.0 && before.1.is_some() && now.1 != before.1 {
            return fail("one vote", format!("node {id} votes twice in term {}", now.0));
        }
        Ok(())
    }

    /// Raft 5.4.3: at one index all nodes have one committed entry, and it is on a majority's
    /// disks.
    fn state_machine_safety(
        &mut self,
        id: NodeId,
        host: &Host,
        nodes: &[Node<'_>],
    ) -> Result<(), Violation> {
        let commit = host.raft.commit();
        let seen = self.looked_at.insert(id, commit).unwrap_or_default();
        if commit < seen {
            return fail("commit", format!("node {id} goes from commit {seen} to {commit}"));
        }
        let term = host.raft.term();
        for index in seen.0..commit.0 {
            let Some(entry) = host.entries.get(index as usize) else {
                return fail("commit", format!("node {id} lacks entry {}", index + 1));
            };
            match self.committed.get_mut(index as usize) {
                Some(known) if known.entry != *entry => {
                    let (a, b) = (entry.term, known.entry.term);
                    let what = format!("entry {} is of term {a} on node {id}, not {b}", index + 1);
                    return fail("state machine safety", what);
                }
                Some(known) => known.in_term = known.in_term.min(term),
                None => self.committed.push(Committed { entry: entry.clone(), in_term: term }),
            }
        }
        if commit > seen && host.raft.role() == Role::Leader {
            self.on_a_majority(host, commit, nodes)?;
        }
        Ok(())
    }

    /// SAFETY 6: what a leader commits is on the disks of a majority of all voters, in both halves,
    /// and witnesses have none.
    fn on_a_majority(
        &self,
        leader: &Host,
        commit: Index,
        nodes: &[Node<'_>],
    ) -> Result<(), Violation> {
        let place = commit.0 as usize - 1;
        let entry = &leader.entries[place];
        let mut copies = self.lost;
        for node in nodes {
            if node.disk.entries.get(place) == Some(entry) {
                copies.insert(node.id);
            }
        }
        let config = in_force(leader);
        if !config.is_quorum(copies.without(config.witnesses)) {
            let what = format!("entry {commit} is on ({copies}) only, of {config}");
            return fail("durable on a majority", what);
        }
        Ok(())
    }

    /// SAFETY 6: what a leader calls held is in the memory of a majority, and on a disk. Of a node
    /// that has begun another life, or follows another leader, it may not know yet.
    fn held(&mut self, leader: &Host, nodes: &[Node<'_>]) -> Result<(), Violation> {
        let id = leader.raft.id();
        let now = (leader.raft.term(), leader.raft.held().index);
        let before = self.held.insert(id, now).unwrap_or_default();
        if now <= before || now.1 == Index(0) {
            return Ok(());
        }
        let place = now.1.0 as usize - 1;
        let (entry, seen) = (leader.entries.get(place), &leader.raft.hard_state().seen);
        let (mut copies, mut disks) = (self.lost, self.lost);
        for node in nodes {
            let is_unknown = match node.host {
                None => true,
                Some(host) => {
                    let is_new = node.disk.incarnation > seen[usize::from(node.id.0)];
                    let is_away = host.raft.term() > now.0;
                    node.id != id && (is_new || is_away)
                }
            };
            let entries = node.host.map(|host| &host.entries);
            if is_unknown || entries.is_some_and(|entries| entries.get(place) == entry) {
                copies.insert(node.id);
            }
            if is_unknown || node.disk.entries.get(place) == entry {
                disks.insert(node.id);
            }
        }
        let config = in_force(leader);
        let is_held = config.is_quorum(copies.without(config.witnesses))
            && !disks.and(config.replicas()).is_empty();
        match is_held {
            true => Ok(()),
            false => fail(
                "held by a majority",
                format!("entry {} is with ({copies}) only, on disks of ({disks})", now.1),
            ),
        }
    }

    /// Raft 5.2, 5.4.3: one leader a term, and it has all that was committed before its term.
    fn leadership(&mut self, id: NodeId, host: &Host) -> Result<(), Violation> {
        if host.raft.role() != Role::Leader {
            return Ok(());
        }
        let term = host.raft.term();
        let reign = (host.raft.hard_state().generation, term);
        let leader = *self.leaders.entry(reign).or_insert(id);
        if leader != id {
            return fail("election safety", format!("nodes {leader} and {id} lead in term {term}"));
        }
        for (place, committed) in self.committed.iter().enumerate() {
            if committed.in_term >= term {
                break;
            }
            if host.entries.get(place) != Some(&committed.entry) {
                let what = format!("leader {id} of term {term} lacks entry {}", place + 1);
                return fail("leader completeness", what);
            }
        }
        Ok(())
    }

    /// The core's log without entries is the host's log with entries.
    fn core_agrees(&self, host: &Host) -> Result<(), Violation> {
        let (id, log) = (host.raft.id(), host.raft.log());
        if log.last().index.0 != host.entries.len() as u64 {
            let what = format!("node {id} has {} entries", host.entries.len());
            return fail("log by runs", format!("{what}, and its core {}", log.last().index));
        }
        for (place, entry) in host.entries.iter().enumerate() {
            let index = Index(place as u64 + 1);
            if index >= log.base().index && log.term_at(index) != Some(entry.term) {
                return fail("log by runs", format!("node {id} differs from its core at {index}"));
            }
        }
        Ok(())
    }

    /// Raft 5.3: if two logs have an entry of one term at one index, they are equal up to there.
    ///
    /// # Errors
    /// If they are not.
    pub fn log_matching(&self, hosts: &[&Host]) -> Result<(), Violation> {
        for (place, one) in hosts.iter().enumerate() {
            for two in &hosts[..place] {
                let both = one.entries.iter().zip(&two.entries);
                let equal = both.clone().take_while(|(a, b)| a == b).count();
                if let Some(at) = both.skip(equal).position(|(a, b)| a.term == b.term) {
                    let (a, b, index) = (one.raft.id(), two.raft.id(), equal + at + 1);
                    let what = format!("nodes {a} and {b} agree at {index} and not before it");
                    return fail("log matching", what);
                }
            }
        }
        Ok(())
    }

    /// SAFETY 6: under no rule anything is released before an entry of the leader's own term is
    /// committed.
    fn own_term_first(&self, host: &Host) -> Result<(), Violation> {
        if host.raft.released() == Released::default() {
            return Ok(());
        }
        let commit = host.raft.commit().0 as usize;
        let newest = commit.checked_sub(1).and_then(|place| host.entries.get(place));
        if newest.is_some_and(|entry| entry.term == host.raft.term()) {
            return Ok(());
        }
        let (id, term) = (host.raft.id(), host.raft.term());
        fail("own term first", format!("node {id} releases in term {term}, and commits {commit}"))
    }

    /// SAFETY 11: at one instant of true time, at most one node may speak.
    ///
    /// # Errors
    /// If two may.
    pub fn one_speaker(&self, speakers: NodeSet) -> Result<(), Violation> {
        if speakers.len() > 1 {
            return fail("lease exclusion", format!("({speakers}) speak at one time"));
        }
        Ok(())
    }
}

/// The configuration in force, by the leader's entries.
fn in_force(leader: &Host) -> Config {
    // The newest in the log counts, committed or not (Raft 6).
    let newest = leader.entries.iter().rev().find_map(|entry| match &entry.payload {
        Payload::Config(config) => Some(**config),
        _ => None,
    });
    newest.unwrap_or(leader.disk.founding)
}
