//! What nodes say is true: of their disks, and of each other.
//!
//! Inputs -> outputs: messages that leave, what leaders call held -> the first rule that does not
//! hold.
//! Invariants: believes disks and memory, never the message.
//! Not here: what must hold of logs and states (check.rs).
//! Source: Raft 5.2, figure 2; SAFETY 1, 6.

use super::check::{Checks, fail, slot};
use super::node::Node;
use crate::check::Verdict;
use gavel_raft::memory::{Cargo, Envelope};
use gavel_raft::{Body, NodeSet, Progress};
use gavel_types::{Index, NodeId, Term};
use std::mem::replace;

impl Checks {
    /// Looks at a message that leaves.
    ///
    /// # Errors
    /// If the sender's disk does not hold what it says.
    pub fn sent(&self, node: &Node, envelope: &Envelope) -> Verdict {
        let (Cargo::Raft(msg, _), Some(host)) = (&envelope.cargo, &node.host) else {
            return Ok(());
        };
        let (id, hard, kind) = (node.id, host.disk.hard, envelope.kind());
        // Raft 5.2: term and vote are on the disk before anything that depends on them leaves.
        if msg.term > hard.term {
            let what = format!("node {id} says {kind} in term {}, and has {}", msg.term, hard.term);
            return fail("durable-term", what);
        }
        let durable = match msg.body {
            Body::VoteAnswer { granted: true, .. }
                if hard.term == msg.term && hard.vote != Some(msg.to) =>
            {
                let what = format!("node {id} votes for {}, and not on its disk", msg.to);
                return fail("durable-vote", what);
            }
            Body::AppendAck(Progress { durable, .. }) => durable,
            Body::HeartbeatAck { progress, .. } => progress.durable,
            Body::Heartbeat { durable, .. } => durable,
            _ => return Ok(()),
        };
        // SAFETY 1: an acknowledgement is of this log, not of one that was cut off.
        if durable == Index(0) || msg.term != host.raft.term() {
            return Ok(());
        }
        let place = durable.0 as usize - 1;
        let on_disk = host.disk.entries.get(place);
        match on_disk.is_some() && on_disk == host.entries.get(place) {
            true => Ok(()),
            false => fail("durable-ack", format!("node {id} says {kind} of entry {durable}")),
        }
    }

    /// SAFETY 6: what a leader calls held is in the memory of a majority, and on a disk. Of a node
    /// that has begun another life, or follows another leader, it may not know yet.
    ///
    /// # Errors
    /// If that does not hold.
    pub fn held(&mut self, leader: &Node, nodes: &[Node]) -> Verdict {
        let Some(host) = leader.host.as_ref().filter(|_| leader.leads()) else { return Ok(()) };
        let now: (Term, Index) = (host.raft.term(), host.raft.held().index);
        let before = replace(&mut self.held[slot(leader.id)], now);
        if now <= before || now.1 == Index(0) {
            return Ok(());
        }
        let config = host.raft.config();
        let (copies, disks) = Self::copies(leader, now.1, nodes);
        let is_held = config.is_quorum(copies.without(config.witnesses))
            && !disks.and(config.replicas()).is_empty();
        match is_held {
            true => Ok(()),
            false => {
                let what = format!("entry {} is with ({copies}), on disks of ({disks})", now.1);
                fail("held", what)
            }
        }
    }

    /// Who has a leader's entry in memory, and who on disk. Who has begun a life that the leader
    /// does not know of, or follows another one, is among both: it may have had it.
    pub(super) fn copies(leader: &Node, index: Index, nodes: &[Node]) -> (NodeSet, NodeSet) {
        let Some(host) = &leader.host else { return (NodeSet::EMPTY, NodeSet::EMPTY) };
        let place = index.0 as usize - 1;
        let (entry, seen) = (host.entries.get(place), &host.raft.hard_state().seen);
        let config = host.raft.config();
        let (mut copies, mut disks) = (NodeSet::EMPTY, NodeSet::EMPTY);
        for node in nodes {
            let is_unknown = match (&node.host, node.disk()) {
                (Some(peer), Some(disk)) if node.id != leader.id => {
                    let is_new = disk.incarnation > seen[usize::from(node.id.0)];
                    let is_new = is_new || peer.raft.is_unsure();
                    let is_other = disk.id != config.disk_of(node.id);
                    is_new || is_other || peer.raft.term() > host.raft.term()
                }
                (Some(_), _) => false,
                (None, _) => true,
            };
            if is_unknown || node.entries().get(place) == entry {
                copies.insert(node.id);
            }
            let on_disk = node.disk().and_then(|disk| disk.entries.get(place));
            if is_unknown || on_disk == entry {
                disks.insert(node.id);
            }
        }
        (copies, disks)
    }

    /// SAFETY 6: what a leader counts as received by a member, that member has received in the life
    /// that the leader knows of. One that follows another leader may have cut it off since.
    ///
    /// # Errors
    /// If that does not hold.
    pub fn received(&self, leader: &Node, nodes: &[Node]) -> Verdict {
        let Some(host) = leader.host.as_ref().filter(|_| leader.leads()) else { return Ok(()) };
        let config = host.raft.config();
        for node in nodes {
            let (Some(peer), Some(to)) = (host.raft.peer(node.id), &node.host) else { continue };
            let seen = host.raft.hard_state().seen[usize::from(node.id.0)];
            let is_known = to.disk.incarnation == seen && to.disk.id == config.disk_of(node.id);
            // SAFETY 3: what was damaged counts on, for its node votes as if it had it.
            let is_known = is_known && !to.raft.is_unsure();
            if !is_known || to.raft.term() > host.raft.term() || peer.received == Index(0) {
                continue;
            }
            let place = peer.received.0 as usize - 1;
            if to.entries.get(place).is_none() || to.entries.get(place) != host.entries.get(place) {
                let (id, index) = (leader.id, peer.received);
                let what = format!("leader {id} counts {index} as received by {}", node.id);
                return fail("received", what);
            }
        }
        Ok(())
    }

    /// A client calls a read: what was told to anybody by now, it must see.
    pub fn asks_to_read(&mut self, op: usize) {
        self.reads.insert(op, self.acknowledged);
    }

    /// Thesis 6.4: a read is of an index at or behind all that was told before it was called.
    pub(super) fn reads(&mut self, id: NodeId, op: usize, index: Index) -> Verdict {
        let asked = self.reads.get(&op).copied().unwrap_or_default();
        if index < asked {
            let what = format!("node {id} reads at {index}, and {asked} was told before the call");
            return fail("stale-read", what);
        }
        self.acknowledged = self.acknowledged.max(index);
        Ok(())
    }

    /// Thesis 4.1, as corrected: a leader makes no configuration before an entry of its own term is
    /// committed.
    ///
    /// # Errors
    /// If this one did.
    pub fn changes(&self, leader: &Node) -> Verdict {
        let Some(host) = &leader.host else { return Ok(()) };
        let commit = host.raft.commit().0 as usize;
        let of_commit = commit.checked_sub(1).and_then(|place| host.entries.get(place));
        match of_commit.map(|entry| entry.term) == Some(host.raft.term()) {
            true => Ok(()),
            false => fail("early-change", format!("node {} changes members too early", leader.id)),
        }
    }
}
