//! Random traces: a cluster to which anything legal happens, under one seed.

use gavel_raft::memory::{Cluster, Disk, Violation};
use gavel_raft::{
    Change, Config, DiskId, Incarnation, Input, Mutation, NodeSet, Options, ReadKind, Role,
};
use gavel_types::{Index, NodeId};

const DISK: DiskId = DiskId(1);
pub(crate) const MS: u64 = 1_000_000;

/// SplitMix64.
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.word() % bound
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What kind of trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    voters: u8,
    learners: u8,
    witnesses: u8,
    pub(crate) changes: bool,
    wipes: u64,
    pre_vote: bool,
    check_quorum: bool,
}

/// Every kind, by turns.
pub(crate) fn kind_of(seed: u64) -> Kind {
    let plain = Kind {
        voters: 3,
        learners: 0,
        witnesses: 0,
        changes: false,
        wipes: 0,
        pre_vote: !seed.is_multiple_of(3),
        check_quorum: !seed.is_multiple_of(5),
    };
    match seed % 8 {
        0 => plain,
        1 | 2 => Kind { voters: 5, ..plain },
        3 => Kind { changes: true, ..plain },
        4 => Kind { voters: 2, witnesses: 1, ..plain },
        5 => Kind { wipes: 1, ..plain },
        6 => Kind { voters: 4, changes: true, learners: 1, ..plain },
        _ => Kind { voters: 2, learners: 2, ..plain },
    }
}

pub(crate) struct Trace {
    pub(crate) cluster: Cluster,
    pub(crate) draw: Draw,
    pub(crate) kind: Kind,
    wipes_left: u64,
    next_read: u64,
    next_disk: u32,
    pub(crate) reads_answered: u64,
}

impl Trace {
    pub(crate) fn new(seed: u64, planted: Option<Mutation>) -> Self {
        let kind = kind_of(seed);
        let mut draw = Draw::new(seed);
        let all: Vec<u8> = (1..=kind.voters + kind.witnesses + kind.learners).collect();
        let (voters, learners) = all.split_at(usize::from(kind.voters + kind.witnesses));
        let mut config = Config::of_voters(NodeSet::of(voters), DISK);
        config.witnesses = NodeSet::of(&voters[usize::from(kind.voters)..]);
        config.learners = NodeSet::of(learners);
        for learner in learners {
            config.disks[usize::from(*learner)] = DISK;
        }
        let mut cluster = Cluster::default();
        cluster.planted = planted;
        // A node beyond those of the configuration waits to be added.
        for id in all.iter().copied().chain(kind.changes.then_some(all.len() as u8 + 1)) {
            let mut options = Options::new(NodeId(id), draw.word());
            options.nodes = 10;
            options.pre_vote = kind.pre_vote;
            options.check_quorum = kind.check_quorum;
            options.window.append_entries = 1 + draw.below(4);
            options.window.appends = 1 + draw.below(4) as usize;
            let founding = if all.contains(&id) { config } else { Config::default() };
            cluster.add(options, Disk::new(DISK, founding));
            let slot = cluster.slots.get_mut(&NodeId(id)).unwrap();
            slot.clock.drift_ppm = draw.below(1_999) as i64 - 999;
            slot.clock.boot_ns = draw.below(1_000 * MS);
        }
        let wipes_left = kind.wipes;
        Self { cluster, draw, kind, wipes_left, next_read: 0, next_disk: 1, reads_answered: 0 }
    }

    pub(crate) fn node(&mut self) -> NodeId {
        NodeId(1 + self.draw.below(self.cluster.slots.len() as u64) as u8)
    }

    fn leader_or_any(&mut self) -> NodeId {
        let any = self.node();
        if self.draw.one_in(4) { any } else { self.cluster.leader().unwrap_or(any) }
    }

    /// Runs so many events, or until a rule does not hold.
    pub(crate) fn run(&mut self, events: u64) -> Result<(), Violation> {
        for event in 0..events {
            self.event();
            if event % 16 == 0 {
                self.cluster.look_at_logs();
            }
            if let Some(violation) = self.cluster.violation.take() {
                return Err(violation);
            }
        }
        Ok(())
    }

    fn event(&mut self) {
        if self.draw.one_in(60) {
            return self.coup();
        }
        if self.draw.one_in(150) {
            return self.tale();
        }
        if self.draw.one_in(100) {
            return self.calm();
        }
        if self.kind.changes && self.draw.one_in(40) {
            let (leader, node) = (self.leader_or_any(), self.node());
            return self.change(leader, node);
        }
        match self.draw.below(100) {
            0..52 => self.wire(),
            52..68 => self.time(),
            68..76 => {
                let (node, value) = (self.leader_or_any(), self.draw.word());
                self.cluster.with(node, |host, now, out| host.propose(now, value, out));
            }
            76..84 => self.disk(),
            84..88 => self.read(),
            88..91 => self.process(),
            91..94 => self.link(),
            94..96 => self.compact(),
            96..98 => self.evidence(),
            _ => self.wish(),
        }
    }

    /// Messages come out of order, twice, or not at all.
    fn wire(&mut self) {
        let len = self.cluster.wire.len() as u64;
        if len == 0 {
            return;
        }
        // Mostly in order.
        let place = if self.draw.one_in(3) { self.draw.below(len) } else { 0 } as usize;
        match self.draw.below(12) {
            0 => {
                self.cluster.wire.remove(place);
            }
            1 => {
                let copy = self.cluster.wire[place].clone();
                self.cluster.wire.push(copy);
            }
            _ => self.cluster.deliver(place),
        }
    }

    fn time(&mut self) {
        let ns = match self.draw.below(8) {
            0 => self.draw.below(200 * MS),
            _ => self.draw.below(8 * MS),
        };
        // Not every host is scheduled at once.
        self.cluster.now.0 += ns;
        for id in self.cluster.slots.keys().copied().collect::<Vec<_>>() {
            if !self.draw.one_in(4) {
                self.cluster.step(id, Input::Tick);
            }
        }
    }

    fn disk(&mut self) {
        let node = self.node();
        match self.draw.below(4) {
            0 => {
                let is_prompt = self.draw.one_in(2);
                self.cluster.with(node, |host, _, _| host.is_prompt = is_prompt);
            }
            1 => {
                self.cluster.with(node, |host, now, out| host.complete_hard(now, out));
            }
            _ => {
                self.cluster.with(node, |host, now, out| host.complete_log(now, out));
            }
        }
    }

    fn read(&mut self) {
        let node = self.leader_or_any();
        self.read_at(node);
    }

    pub(crate) fn read_at(&mut self, node: NodeId) {
        let kind = if self.draw.one_in(2) { ReadKind::Lease } else { ReadKind::Index };
        self.next_read += 1;
        let context = self.next_read;
        self.cluster.checker.asked(node, context);
        self.cluster.step(node, Input::Read { context, kind });
        let answered = |host: &&gavel_raft::memory::Host| {
            host.reads.iter().filter(|read| read.index.is_some()).count() as u64
        };
        self.reads_answered =
            self.reads_answered.max(self.cluster.host(node).as_ref().map_or(0, answered));
    }

    fn process(&mut self) {
        let node = if self.draw.one_in(3) { self.leader_or_any() } else { self.node() };
        let Some(host) = self.cluster.slots.get_mut(&node).unwrap().host.as_mut() else {
            return self.restart(node);
        };
        // Some of what was under way may have reached the disk.
        while self.draw.one_in(2) && host.land_log().is_some() {}
        self.cluster.crash(node);
        if self.draw.one_in(2) {
            self.restart(node);
        }
    }

    fn restart(&mut self, node: NodeId) {
        if self.wipes_left > 0 && self.draw.one_in(2) {
            self.wipes_left -= 1;
            self.next_disk += 1;
            let slot = self.cluster.slots.get_mut(&node).unwrap();
            let founding = slot.disk.as_ref().unwrap().founding;
            slot.disk = Some(Disk::new(DiskId(self.next_disk), founding));
            self.cluster.checker.disk_replaced(node);
        }
        self.cluster.start(node);
    }

    fn link(&mut self) {
        if self.draw.one_in(2) {
            self.cluster.cuts.clear();
            return;
        }
        let (from, to) = (self.node(), self.node());
        self.cluster.cuts.push((from, to));
        if self.draw.one_in(2) {
            self.cluster.cuts.push((to, from));
        }
    }

    fn compact(&mut self) {
        let node = self.node();
        let Some(host) = self.cluster.host(node) else { return };
        let index = Index(self.draw.below(host.raft.commit().0 + 1));
        self.cluster.with(node, |host, now, out| {
            if host.snapshot(now, index, out) {
                host.compact(now, index, out);
            }
        });
    }

    /// Messages arrive in order for a while.
    pub(crate) fn flow(&mut self, messages: u64) {
        for _ in 0..messages {
            if !self.cluster.wire.is_empty() {
                self.cluster.deliver(0);
            }
        }
    }

    /// Nothing is broken for a while.
    pub(crate) fn calm(&mut self) {
        self.cluster.cuts.clear();
        for id in self.cluster.slots.keys().copied().collect::<Vec<_>>() {
            self.cluster.start(id);
            self.cluster.with(id, |host, now, out| {
                host.is_prompt = true;
                host.step(now, Input::Tick, out);
            });
        }
        for _ in 0..self.draw.below(40) {
            self.flow(60);
            self.cluster.pass(10 * MS);
        }
    }

    /// The leader is cut off or dies, the others notice at once, and somebody else leads.
    fn coup(&mut self) {
        let Some(leader) = self.cluster.leader() else { return };
        if self.draw.one_in(2) {
            self.cluster.cuts.clear();
        }
        let others: Vec<NodeId> =
            self.cluster.slots.keys().copied().filter(|id| *id != leader).collect();
        // Some do not hear of it, and stay with whom they knew.
        let deaf = self.node();
        let life = self.cluster.host(leader).unwrap().disk.incarnation;
        if self.draw.one_in(2) {
            for id in &others {
                self.cluster.cuts.push((leader, *id));
                if !self.draw.one_in(3) {
                    self.cluster.cuts.push((*id, leader));
                }
            }
        } else {
            self.cluster.crash(leader);
        }
        for id in &others {
            if *id == deaf {
                self.cluster.cuts.push((others[0], deaf));
            } else if self.cluster.host(leader).is_none() && self.draw.one_in(2) {
                self.cluster.step(*id, Input::Death(leader, life));
            } else {
                self.cluster.step(*id, Input::Suspect(leader));
            }
            self.cluster.now.0 += self.draw.below(MS);
        }
        for id in &others {
            self.cluster.step(*id, Input::Tick);
        }
        let messages = self.draw.below(60);
        self.flow(messages);
        if self.draw.one_in(2) {
            // The new leader's hold-back passes, and the old one may not have noticed anything.
            for _ in 0..12 {
                self.cluster.now.0 += 15 * MS;
                for id in &others {
                    self.cluster.step(*id, Input::Tick);
                }
                self.flow(30);
            }
        }
        let (next, value) = (self.leader_or_any(), self.draw.word());
        self.cluster.with(next, |host, now, out| host.propose(now, value, out));
        let messages = self.draw.below(20);
        self.flow(messages);
        self.read_at(leader);
        if self.draw.one_in(2) {
            self.cluster.cuts.clear();
        }
    }

    /// A true one, of a life that ended; or only a suspicion.
    fn evidence(&mut self) {
        let (node, other) = (self.node(), self.node());
        if self.draw.one_in(2) {
            self.cluster.step(node, Input::Suspect(other));
            return;
        }
        let slot = &self.cluster.slots[&other];
        let dead = match (&slot.host, &slot.disk) {
            (Some(host), _) => Incarnation(host.disk.incarnation.0 - 1),
            (None, Some(disk)) => disk.incarnation,
            (None, None) => return,
        };
        self.cluster.step(node, Input::Death(other, dead));
    }

    fn wish(&mut self) {
        let (node, other) = (self.leader_or_any(), self.node());
        match self.draw.below(4) {
            0 => self.cluster.step(other, Input::Campaign),
            1 => self.cluster.step(node, Input::Transfer(other)),
            _ if self.kind.changes => self.change(node, other),
            _ => {}
        }
    }

    pub(crate) fn change(&mut self, leader: NodeId, node: NodeId) {
        let mut change = Change::default();
        change.disks[usize::from(node.0)] = DISK;
        let set = match self.draw.below(4) {
            0 => &mut change.learners,
            1 => &mut change.remove,
            _ => &mut change.voters,
        };
        *set = NodeSet::one(node);
        let second = self.node();
        if second != node && self.draw.one_in(2) {
            change.disks[usize::from(second.0)] = DISK;
            let set = if self.draw.one_in(2) { &mut change.voters } else { &mut change.remove };
            set.insert(second);
        }
        self.cluster.step(leader, Input::Change(&change));
        if self.draw.one_in(3) {
            self.cluster.step(leader, Input::Leave);
        }
    }

    /// A leader is asked to add or remove one node.
    pub(crate) fn change_one(&mut self, leader: NodeId, node: NodeId, adds: bool) {
        let mut change = Change::default();
        change.disks[usize::from(node.0)] = DISK;
        let set = if adds { &mut change.voters } else { &mut change.remove };
        *set = NodeSet::one(node);
        self.cluster.step(leader, Input::Change(&change));
    }

    /// Faults end; says whether the cluster comes to agree on something new.
    pub(crate) fn recover(&mut self) -> Result<(), String> {
        self.cluster.cuts.clear();
        for id in self.cluster.slots.keys().copied().collect::<Vec<_>>() {
            self.cluster.start(id);
            self.cluster.with(id, |host, now, out| {
                host.is_prompt = true;
                host.step(now, Input::Tick, out);
            });
        }
        for round in 0..2_000 {
            if !self.cluster.stabilize(20_000) {
                return Err(String::from("messages beget messages without end"));
            }
            self.cluster.pass(5 * MS);
            if let Some(violation) = self.cluster.violation.take() {
                return Err(violation.to_string());
            }
            if round % 100 == 99 && self.agrees() {
                return Ok(());
            }
            if round % 100 == 50
                && let Some(leader) = self.cluster.leader()
            {
                self.cluster.with(leader, |host, now, out| host.propose(now, round, out));
            }
        }
        Err(self.picture())
    }

    /// One leader that may speak, and all its replicas have all of its log, committed.
    fn agrees(&self) -> bool {
        let Some(leader) = self.cluster.leader().and_then(|id| self.cluster.host(id)) else {
            return false;
        };
        let last = leader.raft.log().last().index;
        let config = leader.raft.config();
        leader.raft.role() == Role::Leader
            && self.cluster.speakers() == NodeSet::one(leader.raft.id())
            && leader.raft.commit() == last
            && leader.entries.len() > 1
            && config.replicas().iter().all(|node| {
                let host = self.cluster.host(node).unwrap();
                let is_member = config.disk_of(node) == host.disk.id;
                let is_barred = leader.raft.hard_state().barred.has(node);
                !is_member || is_barred || host.raft.commit() == last
            })
    }

    fn picture(&self) -> String {
        let mut text = format!("no agreement, {:?}\n", self.kind);
        for host in self.cluster.hosts() {
            let raft = &host.raft;
            text += &format!(
                "{} {:?} term {} commit {} last {:?} {} barred ({})\n",
                raft.id(),
                raft.role(),
                raft.term(),
                raft.commit(),
                raft.log().last(),
                raft.config(),
                raft.hard_state().barred
            );
            for id in 1..=self.cluster.slots.len() as u8 {
                if let Some(peer) = raft.peer(NodeId(id)) {
                    text += &format!("   {id}: {:?} {} {}\n", peer.pace, peer.received, peer.next);
                }
            }
        }
        text
    }
}
