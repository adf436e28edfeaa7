//! A cluster forced to begin anew: the operator stops all nodes but one for good, says so, and lets
//! that one go on alone. The others come back one after the other, with new disks.
//!
//! ```text
//! stopped, disks lost -> ForceNewCluster at the one that is left -> learner -> voter -> the next
//! ```
//!
//! Inputs -> outputs: the weather's draw -> the steps above; what the checkers must forget.
//! Invariants: the statement is true: whoever is not the one is stopped, and never comes back with
//! what it had; what the one's log holds is what the cluster holds from there on (SAFETY 16).
//! Limits: of a false statement, at the end of worlds beyond the model, only one thing is promised:
//! neither nodes nor clients go back a generation. Two clusters under one name are there then.
//!
//! What only the others held is lost, whatever rule it was acknowledged under. Clients find it out
//! by the generation, which compares before the term: they take nothing more from the old cluster.

use super::check::{Checks, fail, slot};
use super::node::Node;
use super::orphans::Orphans;
use super::settle::Phase;
use super::storage::Storage;
use super::weather::MS;
use super::world::{Event, World};
use crate::check::{Verdict, Violation};
use crate::linear::OpId;
use gavel_raft::memory::{Cargo, Disk, Entry, Envelope, Payload};
use gavel_raft::{Config, DiskId, Input};
use gavel_types::{Index, Nanos, NodeId, Term};
use std::collections::{BTreeSet, VecDeque};

/// How long the one that is left is alone (ns): no frame of the old cluster is on its way by then.
const ALONE_NS: (u64, u64) = (1_500 * MS, 3_000 * MS);

/// How long two clusters are watched (ns).
const TORN_NS: u64 = 4_000 * MS;

/// Who is stopped, and who is to come back next.
#[derive(Debug, Default)]
pub(super) struct Anew {
    pub(super) stopped: BTreeSet<NodeId>,
    pub(super) joins: VecDeque<NodeId>,
}

impl World {
    /// Begins anew; false if it is not possible now.
    pub(super) fn begins_anew(&mut self, id: NodeId, ids: &[NodeId]) -> Result<bool, Violation> {
        let is_busy =
            self.away.is_some() || self.damaged.is_some() || !self.anew.stopped.is_empty();
        let node = self.node(id);
        let is_whole = |node: &Node| {
            let Some(host) = &node.host else { return false };
            let is_follower = host.raft.role() != gavel_raft::Role::Leader;
            is_follower && host.raft.is_voter() && !host.raft.config().is_joint()
        };
        let is_fit = is_whole(node) && !node.is_witness() && node.paused_until.is_none();
        if is_busy || !is_fit {
            return Ok(false);
        }
        for other in ids.iter().copied().filter(|other| *other != id) {
            self.crash(other, "is stopped by the operator, for good");
            self.replace_disk(other);
            self.anew.stopped.insert(other);
            self.anew.joins.push_back(other);
        }
        self.tell(format!("the operator says that all others are stopped: node {id} begins anew"));
        let (now, moment) = (self.now, self.history.now());
        let entries = self.node(id).entries().to_vec();
        self.checks.begins_anew(&entries);
        let lost = self.promises.begins_anew(&entries, moment);
        self.calls_again(&lost, &entries);
        self.node(id).step(now, Input::ForceNewCluster);
        self.after(id)?;
        let alone_ns = self.random.between(ALONE_NS.0, ALONE_NS.1);
        self.plan(alone_ns, Event::Joins);
        Ok(true)
    }

    /// An answer is lost with its record, and the command is not if the log holds an earlier copy
    /// of it: that has its effect from now on, and nobody is told what it was.
    fn calls_again(&mut self, lost: &[OpId], log: &[Entry]) {
        let copies = log.iter().filter_map(|entry| match entry.payload {
            Payload::Value(command) => Some(self.commands[command as usize].op),
            _ => None,
        });
        let copies: BTreeSet<OpId> = copies.collect();
        for op in lost.iter().filter(|op| copies.contains(*op)) {
            let operation = &self.history.operations()[op.0];
            let (client, call) = (operation.client, operation.call);
            self.history.call(client, call, self.now);
            self.sights.see("an earlier copy");
        }
    }

    /// The operator says that all others are stopped, and they are not.
    pub(super) fn states_falsely(&mut self) -> Verdict {
        let leader = self.leader();
        let is_fit = |node: &&Node| {
            let votes = |host: &gavel_raft::memory::Host| host.raft.is_voter();
            node.host.as_ref().is_some_and(votes) && !node.is_witness() && Some(node.id) != leader
        };
        let Some(id) = self.nodes.iter().find(is_fit).map(|node| node.id) else { return Ok(()) };
        self.tell(format!("the operator says falsely that all others but {id} are stopped"));
        if self.random.one_in(2) {
            self.parts(id, None);
        }
        let now = self.now;
        self.phase = Phase::Torn { until: Nanos(now.0 + TORN_NS) };
        self.node(id).paused_until = None;
        self.node(id).step(now, Input::ForceNewCluster);
        let verdict = self.after(id);
        self.forgives(verdict)
    }

    /// There are two clusters under one name.
    pub(super) fn is_torn(&self) -> bool {
        matches!(self.phase, Phase::Torn { .. })
    }

    fn replace_disk(&mut self, id: NodeId) {
        let name = DiskId(self.next_disk);
        self.next_disk += 1;
        let node = self.node(id);
        node.orphans = Orphans::default();
        node.storage = node.storage.as_ref().map(|_| Storage::new(node.mutation));
        if let Some(disk) = &mut node.disk {
            *disk = Disk::new(name, Config::default());
        }
        self.checks.wiped(id, Index(0));
    }

    /// The next one comes back, if there is one and nobody else is on the way.
    pub(super) fn joins(&mut self) {
        if self.away.is_some() {
            return;
        }
        let Some(id) = self.anew.joins.pop_front() else { return };
        self.anew.stopped.remove(&id);
        self.away = Some(id);
        self.plan(0, Event::Starts(id));
    }

    /// A message arrives. SAFETY 16: from a lower generation than the node knows of, it changes
    /// nothing.
    pub(super) fn receives(&mut self, place: usize, envelope: &Envelope) -> Verdict {
        let now = self.now;
        let node = &mut self.nodes[place];
        let Cargo::Raft(msg, _) = &envelope.cargo else {
            node.receive(now, envelope);
            return Ok(());
        };
        let is_behind = msg.generation < node.reign().generation;
        let before = state(node);
        node.receive(now, envelope);
        if is_behind && state(node) != before {
            let what = format!("node {} takes {} of generation", node.id, envelope.kind());
            return fail("generation", format!("{what} {}", msg.generation.0));
        }
        Ok(())
    }

    /// Nobody is stopped any more.
    pub(super) fn is_together(&self) -> bool {
        self.anew.stopped.is_empty()
    }

    /// The weather must not end before the one that is left has said that it begins.
    pub(super) fn ends_alone(&mut self) {
        if self.phase != Phase::Weather && !self.is_together() {
            self.plan(ALONE_NS.1, Event::Joins);
        }
    }
}

/// What a message may change.
fn state(node: &Node) -> Option<(Term, Index, Index, Option<NodeId>)> {
    let raft = &node.host.as_ref()?.raft;
    Some((raft.term(), raft.log().last().index, raft.commit(), raft.leader()))
}

impl Checks {
    /// What is in this log is committed, and nothing else is.
    fn begins_anew(&mut self, entries: &[Entry]) {
        let same = self.keeps(entries);
        let keep = Index(same as u64);
        self.acknowledged = self.acknowledged.min(keep);
        self.reads.values_mut().for_each(|floor| *floor = (*floor).min(keep));
        self.held = Default::default();
    }

    /// SAFETY 16: a node that knows of a generation does not forget it, nor lead in a lower one.
    ///
    /// # Errors
    /// If it did.
    pub(super) fn generation(&mut self, node: &Node) -> Verdict {
        let (Some(disk), id) = (node.disk(), node.id) else { return Ok(()) };
        let (of, now) = (disk.id, disk.hard.generation);
        let (known, newest) = &mut self.generations[slot(id)];
        if *known != of {
            (*known, *newest) = (of, now);
        }
        if now < *newest {
            let what = format!("node {id} goes from generation {} to {}", newest.0, now.0);
            return fail("generation", what);
        }
        *newest = now;
        Ok(())
    }
}
