//! Several hosts, a wire between them, and a clock for each.
//!
//! Inputs -> outputs: what a test does -> what the hosts make of it, checked after each event.
//! Invariants: nothing happens by itself: messages lie on the wire until they are delivered or
//! dropped, time stands until it is moved.
//! Not here: what to do next (scripts and random tests decide).

use super::check::Node;
use super::{Checker, Disk, Envelope, Host, Violation};
use crate::{Input, NodeSet, Now, Options, Output, Role};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use gavel_types::{Index, Nanos, NodeId};

/// A node's clocks, as a function of true time.
#[derive(Clone, Copy, Debug, Default)]
pub struct NodeClock {
    /// How much faster than true time both run, parts per million.
    pub drift_ppm: i64,
    /// How far CLOCK_BOOTTIME is ahead.
    pub boot_ns: u64,
    /// How far CLOCK_MONOTONIC_RAW is ahead.
    pub raw_ns: u64,
    /// True time that both missed while the host stood still.
    pub missed_ns: u64,
}

impl NodeClock {
    /// Both clocks at a true time.
    #[must_use]
    pub fn read(&self, now: Nanos) -> Now {
        let run = now.0.saturating_sub(self.missed_ns);
        let drift = i128::from(run) * i128::from(self.drift_ppm) / 1_000_000;
        let shown = (i128::from(run) + drift) as u64;
        Now { boot: Nanos(shown + self.boot_ns), raw: Nanos(shown + self.raw_ns) }
    }
}

/// A node, running or not.
#[derive(Clone, Debug)]
pub struct Slot {
    /// What its core is told at each start.
    pub options: Options,
    /// Its clocks.
    pub clock: NodeClock,
    /// Its process, if it runs.
    pub host: Option<Host>,
    /// Its disk, while it does not run.
    pub disk: Option<Disk>,
}

impl Slot {
    /// What a crash would leave, or left.
    #[must_use]
    pub fn disk(&self) -> Option<&Disk> {
        self.host.as_ref().map(|host| &host.disk).or(self.disk.as_ref())
    }
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// True time.
    pub now: Nanos,
    /// Nodes, by id.
    pub slots: BTreeMap<NodeId, Slot>,
    /// What is on the way, oldest first.
    pub wire: Vec<Envelope>,
    /// Links that carry nothing, one way each.
    pub cuts: Vec<(NodeId, NodeId)>,
    /// Messages sent, by kind; and entries that appends carried.
    pub sent: BTreeMap<&'static str, u64>,
    /// What must hold.
    pub checker: Checker,
    /// The first rule that did not.
    pub violation: Option<Violation>,
    /// The bug in every core.
    #[cfg(feature = "mutate")]
    pub planted: Option<crate::Mutation>,
    out: Output,
}

impl Cluster {
    /// Adds a node and starts it.
    pub fn add(&mut self, options: Options, disk: Disk) {
        let id = options.id;
        let slot = Slot { options, clock: NodeClock::default(), host: None, disk: Some(disk) };
        self.slots.insert(id, slot);
        self.start(id);
    }

    /// Starts a node that does not run.
    pub fn start(&mut self, id: NodeId) {
        let now = self.now;
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let Some(disk) = slot.disk.take() else { return };
        #[cfg_attr(not(feature = "mutate"), allow(unused_mut))]
        let mut host = Host::start(slot.options.clone(), disk, slot.clock.read(now));
        #[cfg(feature = "mutate")]
        if let Some(planted) = self.planted {
            host.raft.plant(planted);
        }
        slot.host = Some(host);
        self.checker.restarted(id);
        self.look(id);
    }

    /// Ends a process; its disk keeps what was completed.
    pub fn crash(&mut self, id: NodeId) {
        if let Some(slot) = self.slots.get_mut(&id)
            && let Some(host) = slot.host.take()
        {
            slot.disk = Some(host.disk);
        }
    }

    /// The process, if it runs.
    #[must_use]
    pub fn host(&self, id: NodeId) -> Option<&Host> {
        self.slots.get(&id)?.host.as_ref()
    }

    /// Running hosts, by id.
    #[must_use]
    pub fn hosts(&self) -> Vec<&Host> {
        self.slots.values().filter_map(|slot| slot.host.as_ref()).collect()
    }

    /// Does something with a running host, sends what comes of it, and looks whether all holds.
    pub fn with<T>(
        &mut self,
        id: NodeId,
        work: impl FnOnce(&mut Host, Now, &mut Output) -> T,
    ) -> Option<T> {
        let slot = self.slots.get_mut(&id)?;
        let host = slot.host.as_mut()?;
        let result = work(host, slot.clock.read(self.now), &mut self.out);
        for envelope in &host.sent {
            *self.sent.entry(envelope.kind()).or_default() += 1;
            *self.sent.entry("entries").or_default() += envelope.entries() as u64;
        }
        self.wire.append(&mut host.sent);
        for answer in &host.reads {
            if let Err(violation) = self.checker.answered(id, *answer) {
                self.violation.get_or_insert(violation);
            }
        }
        self.look(id);
        Some(result)
    }

    /// Steps a host's core.
    pub fn step(&mut self, id: NodeId, input: Input<'_>) {
        self.with(id, |host, now, out| host.step(now, input, out));
    }

    /// True if the link carries what it is given.
    #[must_use]
    pub fn is_open(&self, from: NodeId, to: NodeId) -> bool {
        !self.cuts.contains(&(from, to))
    }

    /// Takes a message off the wire, and hands it over if its link is open.
    pub fn deliver(&mut self, place: usize) {
        let envelope = self.wire.remove(place);
        self.hand_over(&envelope);
    }

    /// Hands a message over, if its link is open and its receiver runs.
    pub fn hand_over(&mut self, envelope: &Envelope) {
        if self.is_open(envelope.from, envelope.to) {
            self.with(envelope.to, |host, now, out| host.receive(now, envelope, out));
        }
    }

    /// Delivers all that is on the wire, and what comes of it, until it is empty; false if it is
    /// not after so many messages.
    pub fn stabilize(&mut self, messages_max: usize) -> bool {
        for _ in 0..messages_max {
            if self.wire.is_empty() || self.violation.is_some() {
                return true;
            }
            self.deliver(0);
        }
        self.wire.is_empty()
    }

    /// Moves true time, and lets every host notice.
    pub fn pass(&mut self, ns: u64) {
        self.now.0 += ns;
        let ids: Vec<NodeId> = self.slots.keys().copied().collect();
        for id in ids {
            self.step(id, Input::Tick);
        }
    }

    /// The running leader of the highest term, if there is one.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        let leads = |host: &&Host| host.raft.role() == Role::Leader;
        let newest = self.hosts().into_iter().filter(leads).max_by_key(|host| host.raft.term())?;
        Some(newest.raft.id())
    }

    /// Who may speak at this instant of true time, by its own clocks.
    #[must_use]
    pub fn speakers(&self) -> NodeSet {
        let mut speakers = NodeSet::EMPTY;
        for slot in self.slots.values() {
            let now = slot.clock.read(self.now);
            let until = slot.host.as_ref().and_then(|host| host.raft.speaks_until());
            if until.is_some_and(|until| !now.is_past(until)) {
                speakers.insert(slot.options.id);
            }
        }
        speakers
    }

    /// The furthest that any host knows to be committed.
    #[must_use]
    pub fn committed(&self) -> Index {
        self.checker.committed()
    }

    fn look(&mut self, id: NodeId) {
        let Some(host) = self.slots.get(&id).and_then(|slot| slot.host.as_ref()) else { return };
        if self.violation.is_some() {
            return;
        }
        let mut nodes = Vec::with_capacity(self.slots.len());
        for (id, slot) in &self.slots {
            let Some(disk) = slot.disk() else { continue };
            nodes.push(Node { id: *id, host: slot.host.as_ref(), disk });
        }
        let found = self.checker.look(host, &nodes);
        let speakers = self.speakers();
        if speakers.has(id) {
            self.checker.spoke(host.raft.commit());
        }
        self.violation = found.err().or_else(|| self.checker.one_speaker(speakers).err());
    }

    /// Compares all logs with each other.
    pub fn look_at_logs(&mut self) {
        let hosts: Vec<&Host> = self.slots.values().filter_map(|slot| slot.host.as_ref()).collect();
        if let Err(violation) = self.checker.log_matching(&hosts) {
            self.violation.get_or_insert(violation);
        }
    }
}
