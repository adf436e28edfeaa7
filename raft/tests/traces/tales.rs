//! Longer tales, which chance alone would hardly tell: short reigns that follow each other, each of
//! which reaches few; answers that come late; changes that begin and are cut short.
//!
//! Nothing here is more than a network, disks and operators may do; only the order is chosen.

use crate::trace::{MS, Trace};
use gavel_raft::memory::Envelope;
use gavel_raft::{Input, NodeSet, Role};
use gavel_types::NodeId;

/// Longer than any promise to a leader, and than any lease.
const PATIENCE_NS: u64 = 310 * MS;

/// Messages of an election.
const ELECTION: &[&str] = &["pre-vote", "pre-vote-answer", "vote", "vote-answer"];

impl Trace {
    /// A few reigns, one after the other.
    pub(crate) fn tale(&mut self) {
        self.cluster.cuts.clear();
        for id in self.ids() {
            self.cluster.start(id);
        }
        match self.draw.below(11) {
            0 => self.late_answers(),
            1 => self.unannounced_holder(),
            2 => self.older_holder(),
            _ if self.kind.changes && self.draw.one_in(2) => self.early_changes(),
            3 => self.lost_memory(),
            4 => self.late_write(),
            5 => self.figure_eight(),
            6 => self.handover(),
            7 => self.old_answer(),
            8 => {
                for _ in 0..2 + self.draw.below(4) {
                    self.slow_reign();
                }
            }
            _ => {
                for _ in 0..2 + self.draw.below(3) {
                    self.quick_reign();
                }
            }
        }
        if self.draw.one_in(2) {
            self.calm();
        }
    }

    fn ids(&self) -> Vec<NodeId> {
        self.cluster.slots.keys().copied().collect()
    }

    /// Delivers what is meant, and what comes of it.
    fn deliver(&mut self, count: u64, is_meant: impl Fn(&Envelope) -> bool) {
        for _ in 0..count {
            let Some(place) = self.cluster.wire.iter().position(&is_meant) else { return };
            self.cluster.deliver(place);
        }
    }

    /// Nodes, each with an even chance.
    fn some(&mut self) -> NodeSet {
        NodeSet::from_word(self.draw.word() as u32)
    }

    /// Elects a node by the votes of these, who hear nothing else; says whether it leads.
    fn elect(&mut self, candidate: NodeId, voters: NodeSet) -> bool {
        let among = voters.or(NodeSet::one(candidate));
        for turn in 0..6 {
            // Twice: who was away learns of the others' term first.
            if turn % 3 == 0 && !self.leads(candidate) {
                self.cluster.step(candidate, Input::Campaign);
            }
            for id in among.iter() {
                self.cluster.with(id, |host, now, out| while host.complete_hard(now, out) {});
            }
            self.deliver(40, |envelope| {
                ELECTION.contains(&envelope.kind())
                    && among.has(envelope.from)
                    && among.has(envelope.to)
            });
        }
        self.leads(candidate)
    }

    fn leads(&self, node: NodeId) -> bool {
        self.cluster.host(node).is_some_and(|host| host.raft.role() == Role::Leader)
    }

    /// What a leader wants, and how far it gets with it: to one node, or nobody.
    fn begin_something(&mut self, leader: NodeId) {
        for _ in 0..self.draw.below(3) {
            let value = self.draw.word();
            self.cluster.with(leader, |host, now, out| host.propose(now, value, out));
        }
        if self.kind.changes && self.draw.one_in(2) {
            let node = self.node();
            self.change(leader, node);
        }
        let (follower, appends) = (self.node(), self.draw.below(4));
        self.deliver(appends, |envelope| {
            envelope.kind() == "append" && envelope.from == leader && envelope.to == follower
        });
        if self.draw.one_in(2) {
            self.deliver(8, |envelope| {
                envelope.kind().starts_with("append")
                    && (envelope.from, envelope.to) == (follower, leader)
            });
            self.deliver(4, |envelope| {
                envelope.kind() == "append" && (envelope.from, envelope.to) == (leader, follower)
            });
            self.deliver(8, |envelope| {
                envelope.kind().starts_with("append")
                    && (envelope.from, envelope.to) == (follower, leader)
            });
        }
    }

    /// Everybody has waited long enough for the last leader; somebody leads, and is heard by few.
    fn slow_reign(&mut self) {
        self.cluster.now.0 += PATIENCE_NS;
        let (candidate, voters) = (self.node(), self.some());
        if self.draw.one_in(3) {
            // A disk that is slow: what it has not written is under way when others overwrite it.
            let node = self.node();
            self.cluster.with(node, |host, _, _| host.is_prompt = false);
        }
        if self.draw.one_in(2) {
            // Nothing of the reign before arrives any more.
            self.cluster.wire.clear();
        }
        if self.elect(candidate, voters) {
            self.begin_something(candidate);
            if self.draw.one_in(3) {
                self.cluster.crash(candidate);
                self.cluster.start(candidate);
            }
        }
        if self.draw.one_in(2) {
            let node = self.node();
            let writes = self.draw.below(3);
            self.cluster.with(node, |host, now, out| {
                for _ in 0..writes {
                    host.complete_log(now, out);
                }
            });
        }
    }

    /// The leader is cut off or dies, and somebody leads at once; some do not hear of it.
    fn quick_reign(&mut self) {
        let old = self.cluster.leader();
        let candidate = self.node();
        if old == Some(candidate) {
            return;
        }
        if let Some(old) = old {
            let life = self.cluster.host(old).map(|host| host.disk.incarnation);
            let dies = self.draw.one_in(2);
            if dies {
                self.cluster.crash(old);
            }
            self.cluster.wire.retain(|envelope| envelope.from != old && envelope.to != old);
            let proven = self.some();
            for id in self.ids().into_iter().filter(|id| *id != old) {
                match life {
                    Some(life) if dies && (id == candidate || proven.has(id)) => {
                        self.cluster.step(id, Input::Death(old, life));
                    }
                    _ => self.cluster.step(id, Input::Suspect(old)),
                }
            }
        }
        let voters = self.some();
        if !self.elect(candidate, voters) {
            return;
        }
        let hearers = self.some();
        let rounds = self.draw.below(3) * self.draw.below(8);
        for _ in 0..=rounds {
            self.cluster.now.0 += if rounds == 0 { MS } else { 16 * MS };
            self.cluster.step(candidate, Input::Tick);
            self.deliver(60, |envelope| {
                let other = if envelope.from == candidate { envelope.to } else { envelope.from };
                (envelope.from == candidate || envelope.to == candidate) && hearers.has(other)
            });
        }
    }

    /// The answers to a round of heartbeats are late: somebody else leads when they come.
    fn late_answers(&mut self) {
        let Some(old) = self.cluster.leader() else { return };
        self.cluster.wire.clear();
        self.cluster.now.0 += 16 * MS;
        self.cluster.step(old, Input::Tick);
        self.deliver(20, |envelope| envelope.kind() == "heartbeat" && envelope.from == old);
        let candidate = self.node();
        self.cluster.now.0 += (150 + self.draw.below(40)) * MS;
        let voters = self.some();
        if candidate == old || !self.elect(candidate, voters) {
            return;
        }
        let (wait, rounds) = (self.draw.below(9), 9);
        for round in 0..rounds {
            self.cluster.now.0 += 16 * MS;
            self.cluster.step(candidate, Input::Tick);
            self.deliver(60, |envelope| {
                voters.without(NodeSet::one(old)).or(NodeSet::one(candidate)).has(envelope.from)
                    && voters
                        .without(NodeSet::one(old))
                        .or(NodeSet::one(candidate))
                        .has(envelope.to)
            });
            if round == wait {
                self.deliver(20, |envelope| {
                    envelope.kind() == "heartbeat-ack" && envelope.to == old
                });
            }
        }
    }

    /// A leader that may speak, all having heard so; none if there is none in a while.
    fn speaker(&mut self) -> Option<NodeId> {
        self.cluster.cuts.clear();
        for id in self.ids() {
            self.cluster.with(id, |host, now, out| {
                host.is_prompt = true;
                host.step(now, Input::Tick, out);
            });
        }
        for _ in 0..60 {
            self.flow(200);
            self.cluster.pass(15 * MS);
            let leader = self.cluster.leader().filter(|id| self.cluster.speakers().has(*id));
            if leader.is_some() && self.cluster.wire.len() < 40 {
                self.flow(200);
                return leader;
            }
        }
        None
    }

    /// Everybody but these, by chance in any order.
    fn others(&mut self, without: NodeSet) -> Vec<NodeId> {
        let mut left: Vec<NodeId> = self.ids().into_iter().filter(|id| !without.has(*id)).collect();
        for place in (1..left.len()).rev() {
            let other = self.draw.below(place as u64 + 1) as usize;
            left.swap(place, other);
        }
        left
    }

    fn set(nodes: &[NodeId]) -> NodeSet {
        nodes.iter().fold(NodeSet::EMPTY, |set, node| set.or(NodeSet::one(*node)))
    }

    /// A leader's heartbeats, and their answers, among these.
    fn beat(&mut self, leader: NodeId, among: NodeSet) {
        self.deliver(40, |envelope| {
            let other = if envelope.from == leader { envelope.to } else { envelope.from };
            envelope.kind().starts_with("heartbeat") && among.has(other)
        });
    }

    /// One node speaks and is cut off; the next leads and dies before it may speak.
    fn unannounced_holder(&mut self) {
        let Some(first) = self.speaker() else { return };
        self.cluster.wire.clear();
        let others = self.others(NodeSet::one(first));
        let [second, third, ..] = others[..] else { return };
        for id in &others {
            self.cluster.step(*id, Input::Suspect(first));
        }
        if !self.elect(second, Self::set(&others)) {
            return;
        }
        self.beat(second, Self::set(&others));
        let life = self.cluster.host(second).unwrap().disk.incarnation;
        self.cluster.crash(second);
        self.cluster.wire.clear();
        let left = Self::set(&others).without(NodeSet::one(second));
        for id in left.iter() {
            self.cluster.step(id, Input::Death(second, life));
        }
        if self.elect(third, left) {
            self.beat(third, left);
        }
    }

    /// One node dies; the next leads, and somebody hears nothing of it but knows that the first
    /// died.
    fn older_holder(&mut self) {
        let Some(first) = self.speaker() else { return };
        self.cluster.wire.clear();
        let others = self.others(NodeSet::one(first));
        let [second, third, ..] = others[..] else { return };
        let life = self.cluster.host(first).unwrap().disk.incarnation;
        self.cluster.crash(first);
        for id in others.iter().filter(|id| **id != third) {
            self.cluster.step(*id, Input::Death(first, life));
        }
        let hearers = Self::set(&others).without(NodeSet::one(third));
        if !self.elect(second, hearers) {
            return;
        }
        self.beat(second, hearers);
        self.cluster.wire.clear();
        let left = Self::set(&others).without(NodeSet::one(second));
        for id in left.iter() {
            self.cluster.step(id, Input::Suspect(second));
        }
        self.cluster.step(third, Input::Death(first, life));
        if self.elect(third, left) {
            self.beat(third, left);
        }
    }

    /// Two leaders make a change each, and neither knows of the other's.
    fn early_changes(&mut self) {
        let Some(first) = self.speaker().filter(|_| self.kind.changes) else { return };
        let config = *self.cluster.host(first).unwrap().raft.config();
        let strangers = self.others(config.members());
        let Some(stranger) = strangers.first().copied() else { return };
        let entries = |envelope: &Envelope| {
            envelope.kind().starts_with("append") || envelope.kind().contains("snapshot")
        };
        self.cluster.wire.clear();
        self.change_one(first, stranger, true);
        self.deliver(20, |envelope| {
            let ends = NodeSet::one(envelope.from).or(NodeSet::one(envelope.to));
            entries(envelope) && ends == NodeSet::one(first).or(NodeSet::one(stranger))
        });
        let others = self.others(NodeSet::one(first).or(NodeSet::one(stranger)));
        let [second, friend, ..] = others[..] else { return };
        self.cluster.wire.clear();
        self.cluster.now.0 += PATIENCE_NS;
        if !self.elect(second, Self::set(&others)) {
            return;
        }
        self.change_one(second, first, false);
        self.deliver(40, |envelope| {
            let ends = NodeSet::one(envelope.from).or(NodeSet::one(envelope.to));
            entries(envelope) && ends == NodeSet::one(second).or(NodeSet::one(friend))
        });
        self.cluster.wire.clear();
        self.cluster.now.0 += PATIENCE_NS;
        let last: Vec<NodeId> =
            others.iter().copied().filter(|id| *id != second && *id != friend).collect();
        self.elect(first, Self::set(&last).or(NodeSet::one(stranger)));
    }

    /// Entries reach memories and no disk; a process that had them begins anew, and its leader
    /// hears of that before its own disk is done.
    fn lost_memory(&mut self) {
        let Some(leader) = self.speaker() else { return };
        self.flow(200);
        for id in self.ids() {
            self.cluster.with(id, |host, _, _| host.is_prompt = false);
        }
        let value = self.draw.word();
        self.cluster.with(leader, |host, now, out| host.propose(now, value, out));
        let others = self.others(NodeSet::one(leader));
        let few = Self::set(&others[..others.len() / 2]);
        self.deliver(40, |envelope| {
            let other = if envelope.from == leader { envelope.to } else { envelope.from };
            envelope.kind().starts_with("append") && few.has(other)
        });
        let Some(loser) = few.iter().next() else { return };
        self.cluster.crash(loser);
        self.cluster.start(loser);
        self.cluster.wire.clear();
        self.cluster.now.0 += 16 * MS;
        self.cluster.step(leader, Input::Tick);
        self.beat(leader, NodeSet::one(loser));
        self.cluster.with(leader, |host, now, out| host.complete_log(now, out));
    }

    /// A write of entries that are gone completes after others took their place in the log.
    fn late_write(&mut self) {
        let Some(first) = self.speaker() else { return };
        let others = self.others(NodeSet::one(first));
        let [second, friend, slow, ..] = others[..] else { return };
        self.cluster.wire.clear();
        self.cluster.with(slow, |host, _, _| host.is_prompt = false);
        for _ in 0..=self.draw.below(2) {
            let value = self.draw.word();
            self.cluster.with(first, |host, now, out| host.propose(now, value, out));
        }
        self.appends(first, slow);
        self.cluster.wire.clear();
        self.cluster.now.0 += PATIENCE_NS;
        let voters = Self::set(&others).without(NodeSet::one(slow));
        if !self.elect(second, voters) {
            return;
        }
        self.appends(second, slow);
        self.cluster.with(slow, |host, now, out| {
            while host.complete_hard(now, out) {}
            host.complete_log(now, out);
        });
        self.appends(second, slow);
        self.appends(second, friend);
    }

    /// Entries and their answers between two nodes.
    fn appends(&mut self, one: NodeId, other: NodeId) {
        let both = NodeSet::one(one).or(NodeSet::one(other));
        self.deliver(20, |envelope| {
            let ends = NodeSet::one(envelope.from).or(NodeSet::one(envelope.to));
            envelope.kind().starts_with("append") && ends == both
        });
    }

    /// Raft 5.4.2, figure 8: a leader comes back and copies what it wrote in an older term to a
    /// majority, and nothing of its own; then somebody with a newer entry leads.
    fn figure_eight(&mut self) {
        let Some(first) = self.speaker() else { return };
        let others = self.others(NodeSet::one(first));
        let [second, ..] = others[..] else { return };
        let rest = Self::set(&others).without(NodeSet::one(second));
        let batch = self.cluster.slots[&first].options.window.append_entries;
        let both = [first, second];
        self.cluster.crash(first);
        self.cluster.start(first);
        for leader in both {
            self.cluster.wire.clear();
            self.cluster.now.0 += PATIENCE_NS;
            if !self.elect(leader, rest) {
                return;
            }
            // As many as an append takes, the first entry of the reign included.
            for value in 1..batch {
                self.cluster.with(leader, |host, now, out| host.propose(now, value, out));
            }
        }
        for leader in both {
            self.cluster.crash(leader);
            self.cluster.start(leader);
        }
        self.cluster.wire.clear();
        let old = self.cluster.host(first).unwrap().entries.len();
        self.cluster.now.0 += PATIENCE_NS;
        if !self.elect(first, rest) {
            return;
        }
        for follower in rest.iter() {
            for _ in 0..8 {
                if self.cluster.host(follower).is_none_or(|host| host.entries.len() >= old) {
                    break;
                }
                self.deliver(1, |envelope| {
                    envelope.kind() == "append" && (envelope.from, envelope.to) == (first, follower)
                });
                self.deliver(4, |envelope| {
                    envelope.kind().starts_with("append")
                        && (envelope.from, envelope.to) == (follower, first)
                });
            }
        }
        self.cluster.wire.clear();
        self.cluster.now.0 += PATIENCE_NS;
        self.elect(second, rest);
    }

    /// Leadership is handed over, and the old leader hears nothing of the new one.
    fn handover(&mut self) {
        let Some(first) = self.speaker() else { return };
        let others = self.others(NodeSet::one(first));
        let [second, ..] = others[..] else { return };
        self.cluster.step(first, Input::Transfer(second));
        self.appends(first, second);
        self.deliver(20, |envelope| {
            envelope.from == first && matches!(envelope.kind(), "timeout-now" | "lease-released")
        });
        let all = Self::set(&others);
        if self.elect(second, all) {
            self.beat(second, all);
        }
    }

    /// An answer to a read comes when its asker lives anew, and asks something else.
    fn old_answer(&mut self) {
        let Some(leader) = self.speaker() else { return };
        let asker = self.others(NodeSet::one(leader))[0];
        for _ in 0..2 {
            self.read_at(asker);
            self.deliver(9, |it| it.kind() == "read" || it.kind().starts_with("heartbeat"));
            self.cluster.crash(asker);
            self.cluster.with(leader, |host, now, out| host.propose(now, 1, out));
            self.deliver(40, |it| it.kind().starts_with("append"));
            self.cluster.start(asker);
            self.cluster.now.0 += 16 * MS;
            self.cluster.step(leader, Input::Tick);
            self.deliver(1, |it| it.kind() == "heartbeat" && it.to == asker);
        }
        self.read_at(asker);
        self.deliver(2, |it| it.kind() == "read-answer");
    }
}
