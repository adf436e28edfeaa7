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
        match self.draw.below(3) {
            0 => self.late_answers(),
            1 => {
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
        self.cluster.step(candidate, Input::Campaign);
        let among = voters.or(NodeSet::one(candidate));
        for _ in 0..4 {
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
}
