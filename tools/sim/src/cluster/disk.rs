//! When a node's disk is done with what it was given, and what a crash leaves of it.
//!
//! Inputs -> outputs: operations under way -> events; a crash -> the disk as the next process finds
//! it.
//! Invariants: a disk does one thing after the other; what a node was told is durable is there
//! after a crash, or the node is unsure (kept.rs), which it is only of a disk that was damaged.
//! A start has a snapshot that leads to the log it finds.
//! Not here: which faults there are, and when (weather.rs); blocks and votes (storage.rs).

use super::check::fail;
use super::fault::Fault;
use super::mutation::Mutation;
use super::storage::Storage;
use super::world::{Event, World};
use crate::check::{Verdict, Violation};
use gavel_raft::ClusterGeneration;
use gavel_raft::memory::{Disk, Host};
use gavel_types::{Nanos, NodeId};

/// What a write takes (ns): usually, and on a disk that is slow.
const WRITE_NS: (u64, u64) = (80_000, 400_000);
const SLOW_WRITE_NS: (u64, u64) = (5_000_000, 80_000_000);

/// What a snapshot takes besides (ns): it is long.
const SNAPSHOT_NS: (u64, u64) = (500_000, 20_000_000);

/// On a disk with a heavy tail, one write in so many takes longer: half of them this long (ns), a
/// quarter twice as long, and so on.
const TAIL_ONE_IN: u64 = 200;
const TAIL_NS: u64 = 1_000_000;
const TAIL_DOUBLINGS: u64 = 8;

/// Operations of a node's disk that will complete.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Writes {
    hard: usize,
    log: usize,
    /// When the last of them does: one disk does one thing after the other.
    hard_at: Nanos,
    log_at: Nanos,
}

impl World {
    pub(super) fn plan_writes(&mut self, place: usize) {
        let (id, life) = (self.nodes[place].id, self.nodes[place].life);
        let (hard, log) = self.nodes[place].writes();
        if self.nodes[place].orphans.takes_operation() {
            let at = self.write_time(id, self.writes[place].log_at);
            self.plan_at(at, Event::Kept { node: id, life, is_archive: true });
        }
        if self.nodes[place].storage.as_mut().is_some_and(Storage::takes_operation) {
            let takes_ns = self.random.between(SNAPSHOT_NS.0, SNAPSHOT_NS.1);
            let at = self.write_time(id, self.writes[place].log_at);
            self.plan_at(Nanos(at.0 + takes_ns), Event::Kept { node: id, life, is_archive: false });
        }
        while self.writes[place].hard < hard {
            let at = self.write_time(id, self.writes[place].hard_at);
            self.writes[place].hard += 1;
            self.writes[place].hard_at = at;
            self.plan_at(at, Event::Written { node: id, life, is_log: false });
        }
        while self.writes[place].log < log {
            let at = self.write_time(id, self.writes[place].log_at);
            self.writes[place].log += 1;
            self.writes[place].log_at = at;
            self.plan_at(at, Event::Written { node: id, life, is_log: true });
        }
    }

    fn write_time(&mut self, id: NodeId, last: Nanos) -> Nanos {
        let is_slow = self.slow_until.get(&id).is_some_and(|until| self.now < *until);
        let (least, most) = if is_slow { SLOW_WRITE_NS } else { WRITE_NS };
        let mut takes_ns = self.random.between(least, most);
        if self.case.profile.disk_tails && self.random.one_in(TAIL_ONE_IN) {
            let doublings = u64::from(self.random.word().trailing_ones()).min(TAIL_DOUBLINGS);
            takes_ns += TAIL_NS << doublings;
            self.faults.count(Fault::DiskTail);
        }
        Nanos(self.now.0 + takes_ns).max(last)
    }

    pub(super) fn forget_writes(&mut self, id: NodeId) {
        self.writes[usize::from(id.0) - 1] = Writes::default();
    }

    /// The disk is done with something, unless it stands still.
    pub(super) fn written(&mut self, id: NodeId, life: u64, is_log: bool) {
        let place = usize::from(id.0) - 1;
        if self.nodes[place].life != life {
            return;
        }
        if let Some(until) = self.stalled_until.get(&id).filter(|until| self.now < **until) {
            self.plan_at(*until, Event::Written { node: id, life, is_log });
            return;
        }
        let writes = &mut self.writes[place];
        match is_log {
            true => writes.log -= 1,
            false => writes.hard -= 1,
        }
        if self.dies_at_write.remove(&id) {
            self.land(id, is_log);
            self.crash(id, "dies right after a write");
            return;
        }
        let now = self.now;
        self.nodes[place].complete(now, is_log, &mut self.random);
    }

    /// The disk is done with an operation for a snapshot or an archive, unless it stands still.
    pub(super) fn kept(&mut self, id: NodeId, life: u64, is_archive: bool) {
        let (place, now) = (usize::from(id.0) - 1, self.now);
        if self.nodes[place].life != life {
            return;
        }
        if let Some(until) = self.stalled_until.get(&id).filter(|until| now < **until) {
            self.plan_at(*until, Event::Kept { node: id, life, is_archive });
            return;
        }
        match is_archive {
            true => self.nodes[place].orphans.kept(),
            false => self.nodes[place].kept(now),
        }
    }

    /// What was under way is on the disk, and nobody was told.
    fn land(&mut self, id: NodeId, is_log: bool) {
        let node = &mut self.nodes[usize::from(id.0) - 1];
        let (Some(host), Some(storage)) = (&mut node.host, &mut node.storage) else { return };
        if is_log {
            storage.disk.complete_next();
        } else if let Some((_, hard)) = host.hard_writes.pop_front() {
            storage.write_vote(&hard);
        }
    }

    /// Lets a node's journal work; false if the process died of it.
    pub(super) fn drives(&mut self, place: usize) -> bool {
        let now = self.now;
        self.nodes[place].drive(now);
        let Some(storage) = &self.nodes[place].storage else { return true };
        if storage.has_failed() {
            let id = self.nodes[place].id;
            self.crash(id, "ends: its disk failed a write");
        }
        self.buries(place);
        self.nodes[place].host.is_some()
    }

    /// A process that died of a call is dead.
    pub(super) fn buries(&mut self, place: usize) {
        let storage = self.nodes[place].storage.as_ref();
        if storage.is_some_and(|storage| storage.crash.is_dead()) {
            let id = self.nodes[place].id;
            self.crash(id, "dies after some call of a port");
        }
    }

    /// A process calls a port beside its disk's; false if it is dead.
    pub(super) fn calls(&self, place: usize) -> bool {
        self.nodes[place].storage.as_ref().is_none_or(|storage| storage.crash.call())
    }

    /// What is on a disk after a crash, and perhaps damage to it.
    pub(super) fn left(&mut self, id: NodeId, host: &Host, damage: Option<Fault>) -> Disk {
        let place = usize::from(id.0) - 1;
        let random = &mut self.random;
        self.nodes[place].orphans.crash(random);
        let Some(storage) = &mut self.nodes[place].storage else { return host.disk.clone() };
        storage.crash(host, random);
        if let Some(sight) = storage.crash_shelf(random) {
            self.sights.see(sight);
        }
        let is_damaged = match damage {
            Some(Fault::Rot) => storage.rot(random),
            Some(Fault::RotVote) => storage.rot_vote(random),
            Some(Fault::Misdirected) => storage.misdirect(random),
            _ => false,
        };
        if let Some(fault) = damage.filter(|_| is_damaged) {
            self.faults.count(fault);
            self.damaged = Some((id, host.raft.log().last().index));
        }
        let found = match storage.recover(&host.disk) {
            Ok(found) => found,
            Err(why) => {
                self.failed = Some(Violation::new("refused", format!("node {id}: {why}")));
                return host.disk.clone();
            }
        };
        if storage.was_cut() {
            self.faults.count(Fault::TornWrite);
        } else if found.entries.len() < host.entries.len() && !is_damaged {
            self.faults.count(Fault::LostWrite);
        }
        let is_unsure = found.unsure.index.0 > 0;
        if is_unsure {
            self.sights.see("unsure");
        }
        let explained = self.explains(id, is_unsure, is_damaged);
        let verdict = self.checks.kept(id, host, &found).and(explained);
        if let Err(violation) = verdict {
            self.failed.get_or_insert(violation);
        }
        found
    }

    /// A log is damaged only where somebody damaged it, and until it was found whole again: what a
    /// process itself left behind is no damage. It must have written what it was told is durable.
    fn explains(&mut self, id: NodeId, is_unsure: bool, is_damaged: bool) -> Verdict {
        if is_damaged {
            self.scarred.insert(id);
        } else if !is_unsure {
            self.scarred.remove(&id);
        }
        match is_unsure && !self.scarred.contains(&id) {
            false => Ok(()),
            true => fail("damage", format!("node {id} finds damage, and its disk had none")),
        }
    }

    /// What a node with a planted bug forgets.
    pub(super) fn lose(&self, disk: &mut Disk) {
        if self.case.mutation == Some(Mutation::VoteForgotten) {
            disk.hard.vote = None;
        }
        if self.case.mutation == Some(Mutation::GenerationForgotten) {
            disk.hard.generation = ClusterGeneration(0);
        }
    }

    /// Damage is mended when its node has all again that it had: until then no other disk is
    /// damaged, so that of every entry a minority of copies is.
    pub(super) fn look_at_damage(&mut self) {
        let Some((id, until)) = self.damaged else { return };
        let Some(host) = &self.nodes[usize::from(id.0) - 1].host else { return };
        let has = host.raft.durable().index >= until.min(self.checks.committed());
        if !host.raft.is_unsure() && has {
            self.damaged = None;
            self.tell(format!("node {id} is whole again"));
        }
    }

    /// No disk fails any more.
    pub(super) fn mend_disks(&mut self) {
        self.slow_until.clear();
        self.stalled_until.clear();
        self.dies_at_write.clear();
        for storage in self.nodes.iter().filter_map(|node| node.storage.as_ref()) {
            storage.calm();
        }
    }
}

impl Storage {
    /// It fails no more, and the process that runs does not die of a call.
    fn calm(&self) {
        if self.crash.is_set() && !self.crash.is_dead() {
            self.crash.set(u64::MAX);
        }
        self.disk.set_full(0);
        self.disk.fail_write_after(u64::MAX);
    }
}
