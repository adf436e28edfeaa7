//! A cluster in virtual time: one queue of events, one thread, one seed.
//!
//! ```text
//! clients -> Net -> Node (core, log, disk, machine) -> Net -> Nodes, clients
//!    |                 |  after every event: Checks
//!    +-- History       +-- weather (weather.rs), healing and progress (settle.rs)
//! ```
//!
//! Inputs -> outputs: a case -> the first rule that did not hold, or none.
//! Invariants: a function of the case; events happen in order of time, equal times in the order in
//! which they were planned.
//! Limits: [`EVENTS_MAX`].
//! Not here: what nodes do (node.rs), what must hold (check.rs).

use super::Case;
use super::anew::Anew;
use super::check::Checks;
use super::client::Client;
use super::clock::Clocks;
use super::disk::Writes;
use super::fault::{Fault, FaultCounts};
use super::machine::Command;
use super::net::Net;
use super::node::{Node, Reply, Request};
use super::plot::Plots;
use super::promise::Promises;
use super::queue::Queue;
use super::recall::Recall;
use super::rule::{Policy, Rule, Stamp};
use super::settle::Phase;
use super::storage::Storage;
use super::trace::Trace;
use crate::check::{Sights, Verdict, Violation};
use crate::forecast::Forecast;
use crate::less::Less;
use crate::linear::{History, Register};
use crate::random::Random;
use gavel_raft::memory::{Cargo, Disk, Envelope};
use gavel_raft::{Config, DiskId, Incarnation, Input, NodeSet, Options, Role};
use gavel_types::{Index, Nanos, NodeId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::mem::{replace, take};

/// Most events of a world.
pub const EVENTS_MAX: u64 = 20_000_000;

/// Clients of a world.
const CLIENTS: usize = 6;

/// Between two looks of a node at its clocks (ns).
const TICK_NS: (u64, u64) = (2_000_000, 4_000_000);

/// Between two comparisons of whole logs (ns).
const COMPARE_NS: u64 = 1_000_000_000;

/// What happens next.
#[derive(Debug)]
pub(super) enum Event {
    Arrives(Box<Envelope>),
    Tick(NodeId),
    Written { node: NodeId, life: u64, is_log: bool },
    Kept { node: NodeId, life: u64, is_archive: bool },
    Asked(NodeId, Request),
    Replied(usize, Stamp, Reply),
    Thought(usize),
    Impatient { client: usize, attempt: u64 },
    Starts(NodeId),
    Death { dead: NodeId, incarnation: Incarnation, to: NodeId },
    Weather,
    Heals,
    Parts { from: NodeId, to: Option<NodeId> },
    Dies(NodeId),
    HostFails { node: NodeId, life: u64 },
    Doubted(NodeId),
    Joins,
    Flaps { node: NodeId, left: u64 },
    Operator,
    Compares,
}

/// The world.
pub struct World {
    pub(super) case: Case,
    pub(super) now: Nanos,
    pub(super) random: Random,
    pub(super) nodes: Vec<Node>,
    pub(super) clients: Vec<Client>,
    pub(super) net: Net,
    pub(super) checks: Checks,
    pub(super) promises: Promises,
    pub(super) recall: Recall,
    pub(super) trace: Trace,
    pub(super) history: History<Register>,
    pub(super) commands: Vec<Command>,
    pub(super) faults: FaultCounts,
    pub(super) forecast: Forecast,
    pub(super) sights: Sights,
    pub(super) phase: Phase,
    /// A node that lost its disk or its vote, until it votes again.
    pub(super) away: Option<NodeId>,
    /// Until then, whoever is elected dies at once.
    pub(super) doomed_until: Nanos,
    /// When the operator looks next.
    pub(super) operator_next: Nanos,
    /// Nodes that die right after their next write.
    pub(super) dies_at_write: BTreeSet<NodeId>,
    pub(super) slow_until: BTreeMap<NodeId, Nanos>,
    /// Until then, a process is slow.
    pub(super) sluggish_until: BTreeMap<NodeId, Nanos>,
    pub(super) plots: Plots,
    pub(super) anew: Anew,
    /// Until then, a disk is done with nothing.
    pub(super) stalled_until: BTreeMap<NodeId, Nanos>,
    /// A node whose disk was damaged, and how far its log reached, until it has all of that again.
    pub(super) damaged: Option<(NodeId, Index)>,
    /// Nodes whose disks were damaged and not found whole since.
    pub(super) scarred: BTreeSet<NodeId>,
    /// A rule that did not hold where nobody could say so.
    pub(super) failed: Option<Violation>,
    pub(super) next_disk: u32,
    pub(super) next_session: u64,
    /// From the end of the weather to the first answer after it.
    pub(super) recovered_ns: Option<u64>,
    events: u64,
    /// Room for what a node has to say.
    sent: Vec<Envelope>,
    queue: Queue<Event>,
    pub(super) writes: Vec<Writes>,
    roles: Vec<Role>,
}

impl World {
    /// A new cluster: three nodes or five, by the seed.
    #[must_use]
    pub fn new(case: Case) -> Self {
        let mut random = Random::new(case.seed);
        let count = if random.one_in(3) { 5 } else { 3 };
        let count = Less::of(case.less.nodes, count) as u8;
        let ids: Vec<u8> = (1..=count).collect();
        let mut founding = Config::of_voters(NodeSet::of(&ids), DiskId(1));
        let mut net = Net::new(random.split());
        net.without = Fault::ALL.into_iter().filter(|f| !case.less.has(f.name())).collect();
        let policy = Policy::new(case.profile.rule, &mut random);
        // Two that hold copies, and a third for elections, are a cluster too.
        let is_small = policy.rule < Rule::Quorum && count == 3 && random.one_in(3);
        if is_small || count == 5 && random.one_in(3) {
            founding.witnesses = NodeSet::one(NodeId(count));
        }
        // A few clusters hold elections without asking first.
        let pre_vote = !random.one_in(6);
        let node = |id: &u8| {
            let mut options = Options::new(NodeId(*id), random.word());
            options.pre_vote = pre_vote;
            let clocks = Clocks::new(case.profile.drifts, &mut random);
            let disk = Disk::new(DiskId(1), founding);
            let mut node = Node::new(options, clocks, disk, case.mutation);
            node.policy = policy;
            node.storage = (!case.profile.is_bare).then(|| Storage::new(case.mutation));
            node
        };
        let nodes: Vec<Node> = ids.iter().map(node).collect();
        let by_rounds = !case.profile.lease_reads;
        let client = |place| Client::new(place, count, policy, random.split()).by_rounds(by_rounds);
        let mut clients: Vec<Client> = (0..CLIENTS).map(client).collect();
        clients.truncate(Less::of(case.less.clients, CLIENTS));
        let (writes, roles) = (vec![Writes::default(); ids.len()], vec![Role::Follower; ids.len()]);
        let mut world = Self {
            forecast: Forecast::new(case.seed, &case.less),
            case,
            now: Nanos(1_000_000),
            random,
            nodes,
            clients,
            net,
            checks: Checks::default(),
            promises: Promises::new(policy),
            recall: Recall::default(),
            trace: Trace::default(),
            history: History::default(),
            commands: Vec::new(),
            faults: FaultCounts::default(),
            sights: Sights::default(),
            phase: Phase::Weather,
            away: None,
            doomed_until: Nanos(0),
            operator_next: Nanos(0),
            dies_at_write: BTreeSet::new(),
            slow_until: BTreeMap::new(),
            sluggish_until: BTreeMap::new(),
            plots: Plots::default(),
            anew: Anew::default(),
            stalled_until: BTreeMap::new(),
            damaged: None,
            scarred: BTreeSet::new(),
            failed: None,
            next_disk: 2,
            next_session: CLIENTS as u64,
            recovered_ns: None,
            events: 0,
            sent: Vec::new(),
            queue: Queue::default(),
            writes,
            roles,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for id in self.ids() {
            self.plan(0, Event::Starts(id));
            self.plan(TICK_NS.0, Event::Tick(id));
        }
        for client in 0..self.clients.len() {
            self.plan(500_000_000, Event::Thought(client));
        }
        self.plan(COMPARE_NS, Event::Compares);
        self.plan(COMPARE_NS, Event::Operator);
        if !self.case.profile.faults.is_empty() {
            self.plan(COMPARE_NS, Event::Weather);
        }
    }

    pub(super) fn ids(&self) -> Vec<NodeId> {
        self.nodes.iter().map(|node| node.id).collect()
    }

    pub(super) fn node(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[usize::from(id.0) - 1]
    }

    /// Events so far.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    pub(super) fn plan(&mut self, after_ns: u64, event: Event) {
        self.plan_at(Nanos(self.now.0 + after_ns), event);
    }

    pub(super) fn plan_at(&mut self, at: Nanos, event: Event) {
        self.queue.plan(at, event);
    }

    pub(super) fn tell(&mut self, line: impl Display) {
        self.trace.tell(self.now, line);
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// The first rule that did not hold.
    pub fn run(&mut self) -> Verdict {
        while let Some((at, number, event)) = self.queue.next() {
            self.now = at;
            self.events += 1;
            if self.events > EVENTS_MAX {
                return Err(Violation::new("progress", "events without end"));
            }
            self.trace.note(at, [number, 0, 0, self.events]);
            let verdict = self.happen(event);
            self.forgives(verdict)?;
            if let Some(violation) = self.failed.take() {
                self.forgives(Err(violation))?;
            }
            if self.settle()? {
                break;
            }
        }
        if self.is_torn() {
            return self.count_superseded();
        }
        self.checks.logs_match(&self.nodes)?;
        self.count_stakes();
        self.judge_history()
    }

    fn happen(&mut self, event: Event) -> Verdict {
        let who = match &event {
            Event::Arrives(envelope) => Some(envelope.to),
            Event::Tick(id) | Event::Asked(id, _) => Some(*id),
            Event::Written { node: id, .. } | Event::Kept { node: id, .. } => Some(*id),
            Event::Death { to, .. } => Some(*to),
            _ => None,
        };
        if let Some(id) = who {
            if let Some(until) = self.node(id).paused_until {
                if self.now < until {
                    // It stands still: all that is for it waits, in order. What it looks at first
                    // need not be its clock.
                    let is_tick = matches!(event, Event::Tick(_));
                    let late_ns = if is_tick { self.random.below(TICK_NS.1) } else { 0 };
                    self.plan_at(Nanos(until.0 + late_ns), event);
                    return Ok(());
                }
                self.node(id).paused_until = None;
            }
            self.node_event(id, event)?;
            self.after(id)?;
            self.takes_its_time(id);
            return Ok(());
        }
        match event {
            Event::Thought(client) => self.thinks(client),
            Event::Replied(client, stamp, reply) => return self.replied(client, stamp, reply),
            Event::Impatient { client, attempt } if self.clients[client].attempt == attempt => {
                self.retries(client, None);
            }
            Event::Starts(id) => return self.starts(id),
            Event::Weather => return self.weather(),
            Event::Heals => self.heals(),
            Event::Parts { from, to } => self.parts(from, to),
            Event::Dies(id) => self.crash(id, "dies as it is elected"),
            Event::HostFails { node, life } => self.host_fails(node, life),
            Event::Doubted(id) => return self.doubts(id),
            Event::Joins => self.joins(),
            Event::Flaps { node, left } => self.flaps(node, left),
            Event::Operator => return self.operate(),
            Event::Compares => {
                self.plan(COMPARE_NS, Event::Compares);
                return self.checks.logs_match(&self.nodes);
            }
            _ => {}
        }
        Ok(())
    }

    fn node_event(&mut self, id: NodeId, event: Event) -> Verdict {
        let now = self.now;
        let place = usize::from(id.0) - 1;
        match event {
            Event::Arrives(envelope) if self.net.carries(&envelope) => {
                self.tell_of(&envelope);
                return self.receives(place, &envelope);
            }
            Event::Tick(_) => {
                let next = self.random.between(TICK_NS.0, TICK_NS.1);
                self.plan(next, Event::Tick(id));
                self.nodes[place].step(now, Input::Tick);
                if self.case.profile.compacts && self.random.one_in(700) {
                    let keep = self.random.below(200);
                    self.nodes[place].compact(now, keep);
                }
            }
            Event::Written { life, is_log, .. } => self.written(id, life, is_log),
            Event::Kept { life, is_archive, .. } => self.kept(id, life, is_archive),
            Event::Death { dead, incarnation, .. } => {
                self.nodes[place].step(now, Input::Death(dead, incarnation));
            }
            Event::Asked(_, request) => {
                let reply = self.nodes[place].ask(now, request, &self.commands);
                if let Some(reply) = reply {
                    let reign = self.nodes[place].reign();
                    let stamp = Stamp { reign, ..Stamp::default() };
                    self.says(place, request.client, stamp, reply);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Sends what a node has to say, lets its disk work, applies, answers, and looks at it all.
    pub(super) fn after(&mut self, id: NodeId) -> Verdict {
        let place = usize::from(id.0) - 1;
        if !self.drives(place) {
            return Ok(());
        }
        self.plan_writes(place);
        self.nodes[place].raises_read_answers();
        self.sends(place)?;
        self.checks.look(&self.nodes[place], &self.nodes)?;
        self.promises.look(&self.nodes[place], self.now)?;
        while let Some((index, applied)) = self.nodes[place].apply(&self.commands) {
            self.checks.applied(&self.nodes[place], index, applied, &self.commands)?;
        }
        let now = self.now;
        for unsent in self.nodes[place].answers(now, &self.commands) {
            if !self.calls(place) {
                break;
            }
            self.leaves(place, unsent)?;
        }
        let verdict = self.promises.settle(&mut self.checks);
        self.flags(verdict)?;
        self.tell_of_role(place);
        self.dies_unsynced(id);
        self.buries(place);
        let verdict = self.checks.one_speaker(&self.nodes, now);
        self.flags(verdict)
    }

    /// Sends what a node has to say.
    fn sends(&mut self, place: usize) -> Verdict {
        let Some(host) = &mut self.nodes[place].host else { return Ok(()) };
        if host.sent.is_empty() {
            return Ok(());
        }
        let mut sent = replace(&mut host.sent, take(&mut self.sent));
        for envelope in sent.drain(..) {
            if !self.calls(place) {
                break;
            }
            self.checks.sent(&self.nodes[place], &envelope)?;
            self.send(envelope);
        }
        self.sent = sent;
        Ok(())
    }

    fn send(&mut self, envelope: Envelope) {
        self.overhears(&envelope);
        let Some(late_ns) = self.net.lateness(&envelope, self.now) else { return };
        let arrivals = self.net.arrivals(self.now, self.case.profile);
        let [first, second] = arrivals;
        if let Some(at) = second {
            let again = Box::new(envelope.clone());
            self.plan_at(Nanos(at.0 + late_ns), Event::Arrives(again));
        }
        if let Some(at) = first {
            self.plan_at(Nanos(at.0 + late_ns), Event::Arrives(Box::new(envelope)));
        }
    }

    fn tell_of(&mut self, envelope: &Envelope) {
        let Envelope { from, to, cargo } = envelope;
        let (kind, entries) = (envelope.kind(), envelope.entries());
        let term = match cargo {
            Cargo::Raft(msg, _) => msg.term.0,
            _ => 0,
        };
        let words = [u64::from(from.0) << 8 | u64::from(to.0), term, entries as u64];
        let is_usual = matches!(kind, "heartbeat" | "heartbeat-ack" | "append" | "append-ack");
        match is_usual {
            true => self.trace.note(self.now, [words[0], words[1], words[2], kind.len() as u64]),
            false => {
                self.tell(format_args!("{from} -> {to}: {kind}, term {term}, {entries} entries"));
            }
        }
    }

    fn tell_of_role(&mut self, place: usize) {
        let Some(host) = &self.nodes[place].host else { return };
        let (role, term) = (host.raft.role(), host.raft.term());
        if std::mem::replace(&mut self.roles[place], role) != role {
            let (id, commit) = (self.nodes[place].id, host.raft.commit());
            let last = host.raft.log().last();
            self.sights.see(if role == Role::Leader { "elected" } else { "changed role" });
            if role == Role::Leader {
                self.elected(id);
            }
            self.tell(format!("node {id} is {role:?} in term {term}, {commit} of {}", last.index));
        }
    }
}
