//! Misfortunes that come together: each of them is an ordinary fault, and only their order hurts.
//!
//! ```text
//! Interregnum  a leader dies, and all have proof. One voter hears nobody, so that it does not
//!              learn of the next leader, whose heartbeats pass while its log frames do not.
//!              Whenever the one asks for votes, the others happen to take that leader for dead.
//! Flaps        a process dies and starts again several times in a row, and its link is slow: what
//!              was meant for one life arrives in the next.
//! Forgets      a leader's disk is slow, and just a majority receives from it. One of them dies
//!              with what is not on its disk, and starts again while log frames do not pass.
//! CrashUnsynced  a follower dies right after it said what it had received, before its disk has it.
//! ```
//!
//! Inputs -> outputs: the weather's draw -> cuts, deaths, starts, suspicions in that order.
//! Invariants: no step is more than the weather does by itself; every plot ends.
//! Not here: single faults (weather.rs).

use super::fault::Fault;
use super::settle::Phase;
use super::weather::MS;
use super::world::{Event, World};
use crate::check::Verdict;
use gavel_raft::Input;
use gavel_raft::memory::Envelope;
use gavel_types::{Nanos, NodeId};
use std::collections::BTreeSet;

/// How long the one that hears nobody may wait for the others to have a leader (ns).
const WAITS_NS: u64 = 2_500 * MS;

/// How long the leader between is left in its doubtful state (ns).
const BETWEEN_NS: u64 = 700 * MS;

/// Deaths of one flapping process, its lives between them, and its time down (ns).
const FLAPS: (u64, u64) = (3, 7);
const LIFE_NS: (u64, u64) = (60 * MS, 400 * MS);
const BLINK_NS: (u64, u64) = (2 * MS, 15 * MS);

/// Who hears nobody, and whom the others have for a leader meanwhile.
#[derive(Clone, Copy, Debug)]
struct Pretender {
    node: NodeId,
    between: Option<NodeId>,
    until: Nanos,
}

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Plots {
    pretender: Option<Pretender>,
    unsynced: BTreeSet<NodeId>,
    /// Whose log frames get stuck when that happens.
    stuck: Option<NodeId>,
}

impl World {
    /// Begins one; false if it is not possible now.
    pub(super) fn plots(&mut self, fault: Fault, id: NodeId, ids: &[NodeId]) -> bool {
        match fault {
            Fault::Interregnum => self.interregnum(ids),
            Fault::Flaps => {
                let left = self.random.between(FLAPS.0, FLAPS.1);
                self.net.delay(id, Nanos(self.now.0 + left * LIFE_NS.1));
                self.plan(0, Event::Flaps { node: id, left });
                true
            }
            Fault::Forgets => self.forgets(ids),
            _ => {
                self.plots.unsynced.insert(id);
                true
            }
        }
    }

    fn forgets(&mut self, ids: &[NodeId]) -> bool {
        let Some(leader) = self.leader().filter(|_| !self.net.is_cut()) else { return false };
        let copies = |id: &&NodeId| {
            let node = &self.nodes[usize::from(id.0) - 1];
            **id != leader && node.host.is_some() && !node.is_witness()
        };
        let mut others: Vec<NodeId> = ids.iter().filter(copies).copied().collect();
        let enough = ids.len() / 2;
        if others.len() < enough {
            return false;
        }
        others.rotate_left(self.random.place(ids.len()) % enough.max(1));
        for far in &others[enough..] {
            self.parts(leader, Some(*far));
        }
        self.slow_until.insert(leader, Nanos(self.now.0 + BETWEEN_NS));
        self.plots.unsynced.insert(others[0]);
        self.plots.stuck = Some(leader);
        self.plan(BETWEEN_NS, Event::Heals);
        true
    }

    fn interregnum(&mut self, ids: &[NodeId]) -> bool {
        let Some(leader) = self.leader() else { return false };
        let others: Vec<NodeId> = ids.iter().copied().filter(|id| *id != leader).collect();
        let node = others[self.random.place(others.len())];
        let all_run = ids.iter().all(|id| {
            let node = &self.nodes[usize::from(id.0) - 1];
            node.host.is_some() && node.paused_until.is_none()
        });
        if !all_run || self.net.is_cut() || self.node(node).is_witness() {
            return false;
        }
        let until = Nanos(self.now.0 + WAITS_NS);
        self.plots.pretender = Some(Pretender { node, between: None, until });
        self.parts(node, None);
        let incarnation = self.node(leader).disk().map(|disk| disk.incarnation).unwrap_or_default();
        self.crash(leader, "dies, and all have proof");
        for to in others {
            let after_ns = self.random.between(MS / 5, 3 * MS);
            self.plan(after_ns, Event::Death { dead: leader, incarnation, to });
        }
        if ids.len() == 3 {
            // The two that are left reach nobody: who died is needed for an election.
            let after_ns = self.random.between(BLINK_NS.0, BLINK_NS.1);
            self.plan(after_ns, Event::Starts(leader));
        }
        true
    }

    /// A node was elected: perhaps the one that the pretender must not hear of.
    pub(super) fn elected_between(&mut self, id: NodeId) {
        let Some(pretender) = self.plots.pretender.filter(|_| self.phase == Phase::Weather) else {
            return;
        };
        if self.now > pretender.until || pretender.between.is_some() || id == pretender.node {
            self.plots.pretender = None;
            return;
        }
        let until = Nanos(self.now.0 + BETWEEN_NS);
        self.plots.pretender = Some(Pretender { between: Some(id), until, ..pretender });
        self.net.heal();
        self.parts(id, Some(pretender.node));
        self.net.stick(id);
        self.tell(format!("the network: log frames of node {id} do not pass"));
        self.plan(BETWEEN_NS, Event::Heals);
    }

    /// A message leaves: if the pretender asks for votes, the others lose faith in their leader.
    pub(super) fn overhears(&mut self, envelope: &Envelope) {
        let Some(Pretender { node, between: Some(leader), until }) = self.plots.pretender else {
            return;
        };
        let asks = matches!(envelope.kind(), "pre-vote" | "vote");
        if asks && envelope.from == node && self.now <= until {
            self.plan(0, Event::Doubted(leader));
        }
    }

    /// All others take a node for dead that is not.
    pub(super) fn doubts(&mut self, of: NodeId) -> Verdict {
        let now = self.now;
        for id in self.ids() {
            if id != of && self.node(id).paused_until.is_none() {
                self.node(id).step(now, Input::Suspect(of));
                self.after(id)?;
            }
        }
        Ok(())
    }

    /// A process dies once more, and starts again at once.
    pub(super) fn flaps(&mut self, node: NodeId, left: u64) {
        if left == 0 || self.phase != Phase::Weather {
            return;
        }
        self.crash(node, "dies, one of several times");
        let blink_ns = self.random.between(BLINK_NS.0, BLINK_NS.1);
        self.plan(blink_ns, Event::Starts(node));
        let life_ns = self.random.between(LIFE_NS.0, LIFE_NS.1);
        self.plan(blink_ns + life_ns, Event::Flaps { node, left: left - 1 });
    }

    /// It has said what it received: now it dies, if that was its fate.
    pub(super) fn dies_unsynced(&mut self, id: NodeId) {
        if self.plots.unsynced.is_empty() {
            return;
        }
        let (_, log) = self.node(id).writes();
        if log > 0 && !self.node(id).leads() && self.plots.unsynced.remove(&id) {
            self.crash(id, "dies with entries that are not on its disk");
            if let Some(leader) = self.plots.stuck.take() {
                self.net.stick(leader);
                self.plan(BETWEEN_NS, Event::Heals);
                let blink_ns = self.random.between(BLINK_NS.0, BLINK_NS.1);
                self.plan(blink_ns, Event::Starts(id));
            }
        }
    }

    /// The weather is over.
    pub(super) fn end_plots(&mut self) {
        self.plots = Plots::default();
    }
}
