//! The cluster that a script plays with, and what a script may do to it between its messages.

use super::MESSAGES_MAX;
use super::command::Stop;
use crate::random::Random;
use gavel_raft::memory::{Cluster, Disk, Envelope, Host, Violation};
use gavel_raft::{
    Config, DiskId, Incarnation, Input, Mutation, NodeSet, Options, Output, Refusal, Role,
};
use gavel_types::NodeId;
use std::collections::BTreeMap;

/// Steps of time within which messages arrive when time runs.
const RUN_STEP_NS: u64 = 1_000_000;

/// A cluster and what the script named.
#[derive(Debug)]
pub struct World {
    pub(super) cluster: Cluster,
    /// Reads by the script's name for them: who was asked, and the number it got.
    pub(super) reads: BTreeMap<String, (NodeId, u64)>,
    pub(super) backups: BTreeMap<NodeId, Disk>,
    /// What happens to messages while time runs; nothing, if there is none.
    pub(super) weather: Option<Weather>,
    /// Messages that a script took off the wire and keeps.
    pub(super) aside: Vec<Envelope>,
    /// Options that nodes get unless they have their own.
    pub(super) usual: Options,
    /// Messages under way, and when they are due.
    flying: Vec<(u64, Envelope)>,
    next_value: u64,
    next_disk: u32,
}

/// What a network does to messages by chance.
#[derive(Clone, Debug)]
pub(super) struct Weather {
    /// Of a hundred, so many are lost.
    pub(super) loss: u64,
    /// Of a hundred, so many come twice.
    pub(super) dup: u64,
    /// They take up to so long, so that they overtake each other.
    pub(super) late_ns: u64,
    /// Decides.
    pub(super) random: Random,
}

impl Default for Weather {
    fn default() -> Self {
        Self { loss: 0, dup: 0, late_ns: 0, random: Random::new(1) }
    }
}

/// Which messages a command means.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filter<'a> {
    pub(super) link: Option<(NodeId, NodeId)>,
    pub(super) from: Option<NodeId>,
    pub(super) to: Option<NodeId>,
    pub(super) among: NodeSet,
    pub(super) kind: Option<&'a str>,
}

impl Filter<'_> {
    /// Takes those that are meant, and at most so many, the oldest first.
    pub(super) fn take(&self, messages: &mut Vec<Envelope>, count: u64) -> Vec<Envelope> {
        let (mut taken, mut left) = (Vec::new(), Vec::new());
        for envelope in messages.drain(..) {
            let is_meant = (taken.len() as u64) < count && self.means(&envelope);
            if is_meant { taken.push(envelope) } else { left.push(envelope) }
        }
        *messages = left;
        taken
    }

    pub(super) fn means(&self, envelope: &Envelope) -> bool {
        let ends = NodeSet::one(envelope.from).or(NodeSet::one(envelope.to));
        self.link.is_none_or(|link| link == (envelope.from, envelope.to))
            && self.from.is_none_or(|from| from == envelope.from)
            && self.to.is_none_or(|to| to == envelope.to)
            && (self.among.is_empty() || ends.without(self.among).is_empty())
            && self.kind.is_none_or(|kind| kind == envelope.kind())
    }
}

impl World {
    /// Nothing yet.
    pub(super) fn new(planted: Option<Mutation>) -> Self {
        let mut cluster = Cluster::default();
        cluster.planted = planted;
        // The clocks of a host that was just started have run for a while.
        cluster.now.0 = 1_000_000_000;
        Self {
            cluster,
            reads: BTreeMap::new(),
            backups: BTreeMap::new(),
            weather: None,
            aside: Vec::new(),
            usual: Options::new(NodeId(1), 1),
            flying: Vec::new(),
            next_value: 0,
            next_disk: 1,
        }
    }

    pub(super) fn violation(&mut self) -> Option<Violation> {
        self.cluster.look_at_logs();
        self.cluster.violation.clone()
    }

    /// Adds a node with a disk that has nothing on it.
    pub(super) fn add(&mut self, options: Options, founding: Config) {
        self.cluster.add(options, Disk::new(DiskId(1), founding));
    }

    /// The process of a node.
    pub(super) fn host(&self, id: NodeId) -> Result<&Host, Stop> {
        self.cluster.host(id).ok_or_else(|| Stop::Unplayable(format!("node {id} does not run")))
    }

    /// Steps a core; the answer says why it was refused, if it was.
    pub(super) fn step(&mut self, id: NodeId, input: Input<'_>) -> Result<String, Stop> {
        self.host(id)?;
        self.cluster.step(id, input);
        let refused = self.host(id)?.refused;
        Ok(refused.map_or(String::new(), |refusal| format!("refused: {refusal:?}")))
    }

    /// Does something with a host.
    pub(super) fn with<T>(
        &mut self,
        id: NodeId,
        work: impl FnOnce(&mut Host, gavel_raft::Now, &mut Output) -> T,
    ) -> Result<T, Stop> {
        let result = self.cluster.with(id, work);
        result.ok_or_else(|| Stop::Unplayable(format!("node {id} does not run")))
    }

    /// A leader takes so many new values.
    pub(super) fn propose(&mut self, id: NodeId, count: u64) -> Result<String, Stop> {
        for _ in 0..count {
            self.next_value += 1;
            let value = self.next_value;
            if !self.with(id, |host, now, out| host.propose(now, value, out))? {
                let leads = self.host(id)?.raft.role() == Role::Leader;
                let refusal = if leads { Refusal::Transferring } else { Refusal::NotLeader };
                return Ok(format!("refused: {refusal:?}"));
            }
        }
        Ok(String::new())
    }

    /// Delivers what is on the wire now, not what comes of it; says how many.
    pub(super) fn deliver(&mut self, filter: Filter<'_>, count: u64) -> u64 {
        let mut taken = self.take(filter, count);
        for envelope in taken.drain(..) {
            self.cluster.hand_over(&envelope);
        }
        taken.len() as u64
    }

    /// Takes messages off the wire.
    pub(super) fn take(&mut self, filter: Filter<'_>, count: u64) -> Vec<Envelope> {
        filter.take(&mut self.cluster.wire, count)
    }

    /// Delivers until nothing that is meant is left.
    pub(super) fn stabilize(&mut self, filter: Filter<'_>) -> Result<(), Stop> {
        for _ in 0..MESSAGES_MAX {
            let Some(place) = self.cluster.wire.iter().position(|envelope| filter.means(envelope))
            else {
                return Ok(());
            };
            self.cluster.deliver(place);
        }
        Err(Stop::Disagrees(format!("after {MESSAGES_MAX} messages there are still more")))
    }

    /// Time passes, and messages arrive.
    pub(super) fn run(&mut self, ns: u64) -> Result<(), Stop> {
        let mut left = ns;
        while left > 0 && self.cluster.violation.is_none() {
            let step = left.min(RUN_STEP_NS);
            self.cluster.pass(step);
            match self.weather.take() {
                Some(mut weather) => {
                    let ended = self.blow(&mut weather);
                    self.weather = Some(weather);
                    ended?;
                }
                None => self.stabilize(Filter::default())?,
            }
            left -= step;
        }
        Ok(())
    }

    /// Nobody runs time any more: what is still under way is on the wire again, in its order.
    pub(super) fn come_to_rest(&mut self) {
        self.flying.sort_by_key(|(due_ns, _)| *due_ns);
        let flying = std::mem::take(&mut self.flying);
        self.cluster.wire.extend(flying.into_iter().map(|(_, envelope)| envelope));
    }

    /// Messages are lost, doubled, or late; those that are due arrive.
    fn blow(&mut self, weather: &mut Weather) -> Result<(), Stop> {
        for _ in 0..MESSAGES_MAX {
            for envelope in std::mem::take(&mut self.cluster.wire) {
                let copies = 1 + u64::from(weather.random.below(100) < weather.dup);
                for _ in 0..copies {
                    if weather.random.below(100) >= weather.loss {
                        let late_ns = weather.random.between(0, weather.late_ns);
                        self.flying.push((self.cluster.now.0 + late_ns, envelope.clone()));
                    }
                }
            }
            let now_ns = self.cluster.now.0;
            let is_due = |(due_ns, _): &(u64, Envelope)| *due_ns <= now_ns;
            let Some(place) = self.flying.iter().position(is_due) else { return Ok(()) };
            let (_, envelope) = self.flying.remove(place);
            self.cluster.hand_over(&envelope);
        }
        Err(Stop::Disagrees(format!("after {MESSAGES_MAX} messages there are still more")))
    }

    /// Time passes for some, and nothing arrives.
    pub(super) fn tick(&mut self, ns: u64, nodes: NodeSet) {
        let mut left = ns;
        while left > 0 {
            let step = left.min(RUN_STEP_NS);
            self.cluster.now.0 += step;
            for id in nodes.iter() {
                self.cluster.step(id, Input::Tick);
            }
            left -= step;
        }
    }

    /// All nodes.
    pub(super) fn everybody(&self) -> NodeSet {
        let mut all = NodeSet::EMPTY;
        for id in self.cluster.slots.keys() {
            all.insert(*id);
        }
        all
    }

    /// Starts a node again, with its disk, or with a new one that has nothing on it.
    pub(super) fn restart(&mut self, id: NodeId, is_wiped: bool) -> Result<(), Stop> {
        if self.cluster.host(id).is_some() {
            self.cluster.crash(id);
        }
        if is_wiped {
            self.next_disk += 1;
            let disk = DiskId(self.next_disk);
            self.replace_disk(id, |old| Disk::new(disk, old.founding))?;
        }
        self.cluster.start(id);
        Ok(())
    }

    /// Another disk takes the place of a node's, which does not run.
    pub(super) fn replace_disk(
        &mut self,
        id: NodeId,
        new: impl FnOnce(&Disk) -> Disk,
    ) -> Result<(), Stop> {
        let slot = self.cluster.slots.get_mut(&id);
        let disk = slot.and_then(|slot| slot.disk.as_mut());
        let disk = disk.ok_or_else(|| Stop::Unplayable(format!("node {id} runs, or is nobody")))?;
        *disk = new(disk);
        self.cluster.checker.disk_replaced(id);
        Ok(())
    }

    /// The disk that a node has now.
    pub(super) fn disk_of(&self, id: NodeId) -> Option<&Disk> {
        self.cluster.slots.get(&id)?.disk()
    }

    /// The newest life of a node that is over.
    pub(super) fn dead_life(&self, id: NodeId) -> Option<Incarnation> {
        let newest = self.disk_of(id)?.incarnation;
        let runs = self.cluster.host(id).is_some();
        Some(if runs { Incarnation(newest.0 - 1) } else { newest })
    }
}
