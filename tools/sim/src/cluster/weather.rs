//! Weather: what goes wrong with a cluster, and the operator who puts lost disks right.
//!
//! Inputs -> outputs: a profile and the seed's numbers -> faults, and their ends.
//! Invariants: every fault ends; a second disk is not lost, or damaged, before the first node votes
//! again, or has all again that it had.
//! Not here: single messages (net.rs).

use super::fault::Fault;
use super::machine::Session;
use super::mutation::Mutation;
use super::node::Node;
use super::orphans::Orphans;
use super::settle::Phase;
use super::storage::Storage;
use super::world::{Event, World};
use crate::check::{Verdict, Violation};
use gavel_raft::limits::NODES_MAX;
use gavel_raft::memory::Disk;
use gavel_raft::{Change, ChangeMode, Config, DiskId, Input, NodeSet};
use gavel_types::{Index, Nanos, NodeId};

/// Whether a fault was possible.
type Faulted = Result<bool, Violation>;

pub(super) const MS: u64 = 1_000_000;

/// How long faults last (ns).
const CUT_NS: (u64, u64) = (100 * MS, 2_500 * MS);
const DOWN_NS: (u64, u64) = (20 * MS, 2_000 * MS);
const PAUSE_NS: (u64, u64) = (20 * MS, 1_500 * MS);
const SLOW_NS: (u64, u64) = (200 * MS, 2_000 * MS);
/// How long a slow process takes for anything (ns), and a narrow link for a byte: from 10 to 200
/// kilobytes a second, so that an append of all that came meanwhile holds up heartbeats.
const STEP_NS: (u64, u64) = (MS / 50, 3 * MS);
const NS_PER_BYTE: (u64, u64) = (5_000, 100_000);
const STALL_NS: (u64, u64) = (20 * MS, 1_500 * MS);

/// How long after a suspicion a leader that is elected dies (ns).
const DOOM_NS: u64 = 300 * MS;

/// How long after a disk failed its host does: later blocks are written by then, and no start has
/// given up reading the block that failed.
const HOST_FAILS_NS: u64 = 80 * MS;

/// Between two looks of the operator (ns).
const OPERATOR_NS: u64 = 150 * MS;

/// A learner that lacks fewer entries than this may vote again.
const CAUGHT_UP: usize = 50;

impl World {
    /// Something goes wrong.
    pub(super) fn weather(&mut self) -> Verdict {
        if self.phase != Phase::Weather {
            return Ok(());
        }
        let profile = self.case.profile;
        let (number, random) = self.forecast.next_fault();
        // A fault that is left out leaves the world's own stream as it is.
        let usual = std::mem::replace(&mut self.random, random);
        let next_ns =
            self.random.between(profile.fault_every_ns / 4, profile.fault_every_ns * 7 / 4);
        self.plan(next_ns, Event::Weather);
        let weights: Vec<u32> = profile.faults.iter().map(|(_, weight)| *weight).collect();
        let fault = profile.faults[self.random.weighted(&weights)].0;
        let ids = self.ids();
        // Leaders are where it hurts.
        let leader = self.leader().filter(|_| self.random.one_in(2));
        let id = leader.unwrap_or(ids[self.random.place(ids.len())]);
        let happens = self.case.less.has_fault(number, fault.name());
        if happens {
            self.tell(format!("fault {number}: {}", fault.name()));
        }
        let is_done = happens && self.does(fault, id, &ids)?;
        if is_done {
            self.faults.count(fault);
            self.forecast.befell(number, fault.name());
        }
        self.random = usual;
        Ok(())
    }

    /// Does it; false if it is not possible now.
    fn does(&mut self, fault: Fault, id: NodeId, ids: &[NodeId]) -> Faulted {
        match fault {
            Fault::Isolate | Fault::OneWay | Fault::Partial | Fault::Split => {
                return Ok(self.cuts(fault, id, ids));
            }
            Fault::Pause | Fault::Suspend => return Ok(self.pauses(id, fault == Fault::Suspend)),
            Fault::CrashAll => {
                ids.iter().for_each(|id| self.crash(*id, "dies with all the others"));
            }
            _ if self.node(id).host.is_none() => return Ok(false),
            Fault::Crash => self.crash(id, "dies"),
            Fault::CrashAtWrite => {
                self.dies_at_write.insert(id);
            }
            Fault::Stop => {
                let now = self.now;
                self.node(id).step(now, Input::Resign);
                self.after(id)?;
                self.crash(id, "ends as told");
            }
            Fault::CrashUnsynced | Fault::Flaps | Fault::Forgets | Fault::Interregnum => {
                return Ok(self.plots(fault, id, ids));
            }
            Fault::ClockJump | Fault::StopHost => return Ok(self.goes_beyond(fault, id)),
            Fault::BeginAnew => return self.begins_anew(id, ids),
            Fault::Wipe => return Ok(self.wipes(id)),
            Fault::SlowProcess | Fault::NarrowLink | Fault::SlowDisk | Fault::DiskStall => {
                self.slows(fault, id);
            }
            Fault::FullDisk | Fault::WriteFails | Fault::CrashAtCall => self.fails(fault, id),
            Fault::Rot | Fault::RotVote | Fault::Misdirected => {
                if self.away.is_none() && self.damaged.is_none() {
                    self.crash_with(id, "dies, and its disk is damaged", Some(fault));
                }
                return Ok(false);
            }
            Fault::Transfer => return self.transfers(ids),
            Fault::FalseSuspicion => return self.suspects(id),
            Fault::Usurp => {
                // The next leader is elected while this one lives, and dies at once.
                self.doomed_until = Nanos(self.now.0 + DOOM_NS);
                return self.suspects(id);
            }
            Fault::TransferCut => {
                let before = self.leader();
                let is_done = self.transfers(ids)?;
                let to = ids[self.random.place(ids.len())];
                if let Some(from) = before.filter(|_| is_done) {
                    let to = Some(to).filter(|to| *to != from);
                    let after_ns = self.random.between(MS / 5, 2 * MS);
                    self.plan(after_ns, Event::Parts { from, to });
                }
                return Ok(is_done);
            }
            Fault::Demote => return self.demotes(ids),
            Fault::ClientLeaves => self.client_leaves(),
            Fault::Drop | Fault::Duplicate | Fault::Delay => {}
            Fault::DiskTail | Fault::TornWrite | Fault::LostWrite => {}
        }
        Ok(true)
    }

    /// Something takes longer for a while, and does not end.
    fn slows(&mut self, fault: Fault, id: NodeId) {
        let (least, most) = if fault == Fault::DiskStall { STALL_NS } else { SLOW_NS };
        let until = Nanos(self.now.0 + self.random.between(least, most));
        self.tell(format!("node {id}: {} until {} ms", fault.name(), until.0 / MS));
        match fault {
            Fault::SlowProcess => {
                self.sluggish_until.insert(id, until);
            }
            Fault::NarrowLink => {
                let ns_per_byte = self.random.between(NS_PER_BYTE.0, NS_PER_BYTE.1);
                self.net.narrow(id, ns_per_byte, until);
            }
            Fault::DiskStall => {
                self.stalled_until.insert(id, until);
            }
            _ => {
                self.slow_until.insert(id, until);
            }
        }
    }

    /// A disk is full for a while, or fails the next write; or a process dies after some calls.
    fn fails(&mut self, fault: Fault, id: NodeId) {
        let times = self.random.between(5, 60);
        self.tell(format!("node {id}: {}", fault.name()));
        let life = self.node(id).life;
        let Some(storage) = &self.node(id).storage else { return };
        match fault {
            Fault::FullDisk => storage.disk.set_full(times as u32),
            Fault::WriteFails => {
                storage.disk.fail_write_after(times % 4);
                self.plan(HOST_FAILS_NS, Event::HostFails { node: id, life });
            }
            _ => storage.crash.set(times % 20 + 1),
        }
    }

    /// The host fails soon after its disk did. A process that still runs has not met with that, or
    /// has taken a write that failed for one that was done.
    pub(super) fn host_fails(&mut self, id: NodeId, life: u64) {
        if self.phase == Phase::Weather && self.node(id).life == life {
            self.crash(id, "dies with its host, whose disk had failed");
        }
    }

    fn cuts(&mut self, fault: Fault, id: NodeId, ids: &[NodeId]) -> bool {
        let others: Vec<NodeId> = ids.iter().copied().filter(|other| *other != id).collect();
        let other = others[self.random.place(others.len())];
        match fault {
            Fault::Isolate => others.iter().for_each(|other| {
                self.net.cut(id, *other);
                self.net.cut(*other, id);
            }),
            Fault::OneWay if self.random.one_in(2) => {
                // It hears nobody, or nobody hears it.
                let hears = self.random.one_in(2);
                others.iter().for_each(|other| match hears {
                    true => self.net.cut(id, *other),
                    false => self.net.cut(*other, id),
                });
            }
            Fault::OneWay => self.net.cut(id, other),
            Fault::Partial => {
                self.net.cut(id, other);
                self.net.cut(other, id);
            }
            _ => {
                let side: Vec<bool> = ids.iter().map(|_| self.random.one_in(2)).collect();
                for (a, one) in ids.iter().enumerate() {
                    for (b, two) in ids.iter().enumerate() {
                        if side[a] != side[b] {
                            self.net.cut(*one, *two);
                        }
                    }
                }
            }
        }
        self.tell(format!("the network: {} at node {id}", fault.name()));
        let heals_ns = self.random.between(CUT_NS.0, CUT_NS.1);
        self.plan(heals_ns, Event::Heals);
        true
    }

    /// One node is cut from another, or from all, both ways.
    pub(super) fn parts(&mut self, from: NodeId, to: Option<NodeId>) {
        if self.phase != Phase::Weather {
            return;
        }
        for other in self.ids() {
            if other != from && to.is_none_or(|to| to == other) {
                self.net.cut(from, other);
                self.net.cut(other, from);
            }
        }
        self.tell(format!("the network: node {from} is parted from {to:?}"));
        let heals_ns = self.random.between(CUT_NS.0, CUT_NS.1);
        self.plan(heals_ns, Event::Heals);
    }

    /// All others take a node for dead that is not; perhaps they cannot reach it.
    fn suspects(&mut self, of: NodeId) -> Faulted {
        self.tell(format!("node {of} is suspected"));
        if self.random.one_in(2) {
            self.parts(of, None);
        }
        self.doubts(of)?;
        Ok(true)
    }

    /// A node was elected.
    pub(super) fn elected(&mut self, id: NodeId) {
        if self.now < self.doomed_until {
            self.doomed_until = Nanos(0);
            let after_ns = self.random.between(MS / 10, 2 * MS);
            self.plan(after_ns, Event::Dies(id));
        }
        self.elected_between(id);
        if self.away.is_some() && self.random.one_in(2) {
            self.plan(self.now.0 % 400_000, Event::Operator);
        }
    }

    /// A voter is to learn for a while.
    fn demotes(&mut self, ids: &[NodeId]) -> Faulted {
        let id = ids[self.random.place(ids.len())];
        let Some(leader) = self.leader().filter(|leader| *leader != id) else { return Ok(false) };
        let is_whole = self.away.is_none() && self.damaged.is_none();
        let is_possible = is_whole && !self.node(id).is_witness();
        if !is_possible || !self.can_spare(id) || self.node(leader).paused_until.is_some() {
            return Ok(false);
        }
        let change = Change { learners: NodeSet::one(id), mode: self.mode(), ..Change::default() };
        self.away = Some(id);
        self.changes(leader, &change, "to let a voter learn")?;
        Ok(true)
    }

    fn mode(&mut self) -> ChangeMode {
        if self.random.one_in(2) { ChangeMode::Joint } else { ChangeMode::Auto }
    }

    fn changes(&mut self, leader: NodeId, change: &Change, what: &str) -> Verdict {
        let newest = |node: &Node| node.host.as_ref().map(|host| host.raft.config_at().index);
        let (now, before) = (self.now, newest(self.node(leader)));
        self.tell(format!("the operator asks node {leader} {what}"));
        self.node(leader).step(now, Input::Change(change));
        if newest(self.node(leader)) != before {
            self.checks.changes(&self.nodes[usize::from(leader.0) - 1])?;
        }
        self.after(leader)
    }

    pub(super) fn heals(&mut self) {
        if self.net.is_cut() {
            self.net.heal();
            self.tell("the network is whole".to_owned());
        }
    }

    fn pauses(&mut self, id: NodeId, is_suspended: bool) -> bool {
        if self.node(id).paused_until.is_some() || self.node(id).host.is_none() {
            return false;
        }
        let lasts_ns = self.random.between(PAUSE_NS.0, PAUSE_NS.1);
        let until = Nanos(self.now.0 + lasts_ns);
        self.node(id).paused_until = Some(until);
        if is_suspended {
            // SAFETY 10: one clock counts this time, the other does not.
            let now = self.now;
            self.node(id).clocks.suspend(now, until);
        }
        self.tell(format!("node {id} stands still until {} ms", until.0 / MS));
        true
    }

    /// A process that is slow stands still for a moment after whatever it did.
    pub(super) fn takes_its_time(&mut self, id: NodeId) {
        let (now, is_rough) = (self.now, self.net.is_rough);
        let is_slow = self.sluggish_until.get(&id).is_some_and(|until| now < *until);
        if is_slow && is_rough && self.node(id).host.is_some() {
            let step_ns = self.random.between(STEP_NS.0, STEP_NS.1);
            self.node(id).paused_until = Some(Nanos(now.0 + step_ns));
        }
    }

    /// A process dies, and starts again later.
    pub(super) fn crash(&mut self, id: NodeId, how: &str) {
        self.crash_with(id, how, None);
    }

    /// The same, and perhaps its disk is damaged.
    pub(super) fn crash_with(&mut self, id: NodeId, how: &str, damage: Option<Fault>) {
        let incarnation = self.node(id).disk().map(|disk| disk.incarnation).unwrap_or_default();
        let Some(host) = self.node(id).crash() else { return };
        let mut disk = self.left(id, &host, damage);
        self.lose(&mut disk);
        let now = self.now;
        self.node(id).disk = Some(disk);
        self.node(id).clocks.wake(now);
        self.forget_writes(id);
        self.dies_at_write.remove(&id);
        self.promises.crashed(&self.nodes);
        self.tell(format!("node {id} {how}"));
        for to in self.ids() {
            // SAFETY 13: the port that its life held refuses connections.
            if to != id && !self.random.one_in(4) {
                let after_ns = self.random.between(MS / 5, 3 * MS) << self.random.below(4);
                self.plan(after_ns, Event::Death { dead: id, incarnation, to });
            }
        }
        let down_ns = self.random.between(DOWN_NS.0, DOWN_NS.1);
        self.plan(down_ns, Event::Starts(id));
    }

    pub(super) fn starts(&mut self, id: NodeId) -> Verdict {
        if self.node(id).host.is_some() || self.anew.stopped.contains(&id) {
            return Ok(());
        }
        let now = self.now;
        self.forget_writes(id);
        if let Err(why) = self.node(id).start(now) {
            return Err(Violation::new("refused", format!("node {id}: {why}")));
        }
        let life = self.node(id).life;
        self.tell(format!("node {id} starts, life {life}"));
        self.after(id)
    }

    /// A node's disk is lost with its process; it comes back with an empty one.
    fn wipes(&mut self, id: NodeId) -> bool {
        let count = self.nodes.len();
        let is_whole = |node: &Node| {
            let Some(host) = &node.host else { return false };
            let at = host.raft.config_at();
            at.config.voters.len() == count
                && !at.config.is_joint()
                && at.index <= host.raft.commit()
        };
        let is_witness = self.node(id).is_witness();
        let is_budget = self.away.is_none() && self.damaged.is_none() && self.can_spare(id);
        if is_witness || !is_budget || !self.nodes.iter().all(is_whole) {
            return false;
        }
        self.crash(id, "dies, and its disk is lost");
        let name = DiskId(self.next_disk);
        self.next_disk += 1;
        let keeps_name = self.case.mutation == Some(Mutation::WipedKeepsName);
        let Some(disk) = &mut self.node(id).disk else { return false };
        let mut empty = Disk::new(name, Config::default());
        if keeps_name {
            empty = Disk { incarnation: disk.incarnation, ..Disk::new(disk.id, disk.founding) };
        }
        let lost = Index(disk.entries.len() as u64);
        *disk = empty;
        let mutation = self.case.mutation;
        self.node(id).storage = Some(Storage::new(mutation));
        self.node(id).orphans = Orphans::default();
        self.promises.crashed(&self.nodes);
        self.checks.wiped(id, lost);
        self.away = (!keeps_name).then_some(id);
        true
    }

    /// Without this node's copy the others can still commit: with a witness among three voters,
    /// nobody else's copy can be spared for long.
    fn can_spare(&self, id: NodeId) -> bool {
        let config = self.nodes.iter().find_map(|node| Some(*node.host.as_ref()?.raft.config()));
        config.is_some_and(|config| {
            let voters = config.voters.without(NodeSet::one(id));
            let copies = voters.without(config.witnesses);
            Config { voters, ..Config::default() }.is_quorum(copies)
        })
    }

    fn transfers(&mut self, ids: &[NodeId]) -> Faulted {
        let to = ids[self.random.place(ids.len())];
        let Some(leader) = self.leader().filter(|leader| *leader != to) else { return Ok(false) };
        if self.node(leader).paused_until.is_some() {
            return Ok(false);
        }
        let now = self.now;
        self.tell(format!("node {leader} is to hand over to {to}"));
        self.node(leader).step(now, Input::Transfer(to));
        self.after(leader)?;
        Ok(true)
    }

    fn client_leaves(&mut self) {
        let place = self.random.place(self.clients.len());
        let session = Session(self.next_session);
        self.next_session += 1;
        self.clients[place].leave(session);
        self.tell(format!("client {place} goes; session {} comes", session.0));
        self.plan(10 * MS, Event::Thought(place));
    }

    /// SAFETY 15: a node that lost its disk learns before it votes again.
    pub(super) fn operate(&mut self) -> Verdict {
        if self.now >= self.operator_next {
            self.operator_next = Nanos(self.now.0 + OPERATOR_NS);
            self.plan(OPERATOR_NS, Event::Operator);
        }
        self.look_at_damage();
        let (Some(node), Some(leader)) = (self.away, self.leader()) else { return Ok(()) };
        if self.node(leader).paused_until.is_some() {
            return Ok(());
        }
        let Some(new) = self.node(node).disk().map(|disk| disk.id) else { return Ok(()) };
        let has = self.node(node).entries().len();
        let Some(host) = &self.node(leader).host else { return Ok(()) };
        let (at, commit) = (host.raft.config_at(), host.raft.commit());
        let (config, is_settled) = (at.config, at.index <= commit);
        let is_caught_up = has + CAUGHT_UP > host.entries.len();
        let is_known = config.disk_of(node) == new;
        let mut change = Change { disks: [DiskId::NONE; NODES_MAX], ..Change::default() };
        change.disks[usize::from(node.0)] = new;
        match (config.voters.has(node), config.learners.has(node)) {
            _ if config.is_joint() || !is_settled => return Ok(()),
            (true, _) if is_known => {
                self.away = None;
                self.tell(format!("node {node} votes again"));
                self.joins();
                return Ok(());
            }
            (true, _) | (false, false) => change.learners = NodeSet::one(node),
            (false, true) if is_known && is_caught_up => change.voters = NodeSet::one(node),
            _ => return Ok(()),
        }
        change.mode = self.mode();
        self.changes(leader, &change, &format!("for another place of node {node}"))
    }
}
