//! Three nodes, few terms, short logs: orders of events, by model checking.
//!
//! Everything that is not bounded here may happen in any order: messages overtake each other and
//! are lost (a message that is never delivered), elections begin at any node at any time.

use gavel_raft::memory::{Cargo, Disk, Entry, Envelope, Host};
use gavel_raft::{Body, Config, DiskId, Input, Mutation, NodeSet, Now, Options, Output, Role};
use gavel_types::{Nanos, NodeId, Term};
use stateright::{Checker, Model, Property};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

const DISK: DiskId = DiskId(1);
const NODES: u8 = 3;

/// What may happen, and how often.
#[derive(Clone, Debug)]
struct Small {
    terms_max: u64,
    candidates: usize,
    entries_max: usize,
    /// Steps of time, each a third of a lease, and heartbeats without entries; 0: entries without
    /// heartbeats.
    steps_max: u64,
    crashes_max: u8,
    planted: Option<Mutation>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    hosts: Vec<Host>,
    /// What is on the way, by its hash: a set, in an order of its own.
    wire: BTreeMap<u64, Envelope>,
    step: u64,
    crashes: u8,
    /// Who led in each term, so far.
    leaders: Vec<Option<NodeId>>,
    /// What anybody knew to be committed, and the lowest term in which somebody did.
    committed: Vec<(Entry, Term)>,
    broken: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Event {
    Campaign(usize),
    Propose(usize),
    Deliver(u64),
    Write(usize),
    Crash(usize),
    Pass,
}

const STEP_NS: u64 = 40_000_000;

impl Small {
    fn options(&self, id: u8) -> Options {
        let mut options = Options::new(NodeId(id), 1);
        options.nodes = 4;
        options.pre_vote = false;
        options.check_quorum = false;
        options.timing.lease_ns = 3 * STEP_NS;
        options.timing.heartbeat_ns = STEP_NS;
        options
    }

    fn now(step: u64) -> Now {
        Now::same(Nanos(1_000_000_000 + step * STEP_NS))
    }

    fn start(&self, id: u8, disk: Disk, step: u64) -> Host {
        let mut host = Host::start(self.options(id), disk, Self::now(step));
        if let Some(planted) = self.planted {
            host.raft.plant(planted);
        }
        host
    }

    /// Takes what a host sent, and looks at all that must hold.
    fn settle(&self, state: &mut State, node: usize) {
        for envelope in std::mem::take(&mut state.hosts[node].sent) {
            // Logs do not depend on heartbeats, nor leases on entries.
            let (is_beat, is_entry) =
                (envelope.kind().starts_with("heartbeat"), envelope.kind().starts_with("append"));
            if (self.steps_max > 0 && !is_entry) || (self.steps_max == 0 && !is_beat) {
                let mut hasher = DefaultHasher::new();
                envelope.hash(&mut hasher);
                state.wire.insert(hasher.finish(), envelope);
            }
        }
        let hosts = &state.hosts;
        state.wire.retain(|_, envelope| !is_dead(&hosts[usize::from(envelope.to.0) - 1], envelope));
        let broken = look(state, node).err();
        state.broken = state.broken.or(broken);
    }
}

/// True for an answer that its receiver can only drop, now and ever: to what it asked in an older
/// term, or in a role that it will not have again in this one.
fn is_dead(to: &Host, envelope: &Envelope) -> bool {
    let Cargo::Raft(msg, _) = &envelope.cargo else { return false };
    let role = to.raft.role();
    let asks = match msg.body {
        Body::VoteAnswer { .. } => role == Role::Candidate,
        Body::AppendAck(_) | Body::AppendReject { .. } | Body::HeartbeatAck { .. } => {
            role == Role::Leader
        }
        _ => return false,
    };
    msg.term < to.raft.term() || (msg.term == to.raft.term() && !asks)
}

fn look(state: &mut State, node: usize) -> Result<(), &'static str> {
    let host = &state.hosts[node];
    let (term, commit) = (host.raft.term(), host.raft.commit().0 as usize);
    for (place, entry) in host.entries.iter().take(commit).enumerate() {
        match state.committed.get_mut(place) {
            Some((known, _)) if known != entry => return Err("state machine safety"),
            Some((_, in_term)) => *in_term = term.min(*in_term),
            None => state.committed.push((entry.clone(), term)),
        }
    }
    if host.raft.role() == Role::Leader {
        let leader = state.leaders[term.0 as usize].get_or_insert(host.raft.id());
        if *leader != host.raft.id() {
            return Err("election safety");
        }
        let before = state.committed.iter().take_while(|(_, in_term)| *in_term < term).enumerate();
        for (place, (entry, _)) in before {
            if host.entries.get(place) != Some(entry) {
                return Err("leader completeness");
            }
        }
    }
    for other in &state.hosts {
        let both = host.entries.iter().zip(&other.entries);
        let equal = both.clone().take_while(|(a, b)| a == b).count();
        if both.skip(equal).any(|(a, b)| a.term == b.term) {
            return Err("log matching");
        }
    }
    let speaks = |host: &&Host| {
        host.raft.speaks_until().is_some_and(|until| !Small::now(state.step).is_past(until))
    };
    if state.hosts.iter().filter(speaks).count() > 1 {
        return Err("lease exclusion");
    }
    Ok(())
}

impl Model for Small {
    type State = State;
    type Action = Event;

    fn init_states(&self) -> Vec<State> {
        let ids: Vec<u8> = (1..=NODES).collect();
        let config = Config::of_voters(NodeSet::of(&ids), DISK);
        vec![State {
            hosts: ids.iter().map(|id| self.start(*id, Disk::new(DISK, config), 0)).collect(),
            wire: BTreeMap::new(),
            step: 0,
            crashes: 0,
            leaders: vec![None; self.terms_max as usize + 2],
            committed: Vec::new(),
            broken: None,
        }]
    }

    fn actions(&self, state: &State, events: &mut Vec<Event>) {
        if state.broken.is_some() {
            return;
        }
        events.extend(state.wire.keys().copied().map(Event::Deliver));
        for (node, host) in state.hosts.iter().enumerate() {
            let leads = host.raft.role() == Role::Leader;
            // Which two of them is all the same.
            let campaigns = node < self.candidates && host.raft.term().0 < self.terms_max;
            if campaigns && host.raft.role() == Role::Follower {
                events.push(Event::Campaign(node));
            }
            if leads && host.entries.len() < self.entries_max {
                events.push(Event::Propose(node));
            }
            if !host.is_prompt && !host.log_writes.is_empty() {
                events.push(Event::Write(node));
            }
            if state.crashes < self.crashes_max {
                events.push(Event::Crash(node));
            }
        }
        if state.step < self.steps_max {
            events.push(Event::Pass);
        }
    }

    fn next_state(&self, state: &State, event: Event) -> Option<State> {
        let mut state = state.clone();
        let mut out = Output::default();
        let now = Self::now(state.step);
        let node = match event {
            Event::Campaign(node) => {
                state.hosts[node].step(now, Input::Campaign, &mut out);
                node
            }
            Event::Propose(node) => {
                state.hosts[node].propose(now, 7, &mut out);
                node
            }
            Event::Deliver(key) => {
                let envelope = state.wire.remove(&key)?;
                let node = usize::from(envelope.to.0) - 1;
                state.hosts[node].receive(now, &envelope, &mut out);
                node
            }
            Event::Write(node) => {
                state.hosts[node].complete_log(now, &mut out);
                node
            }
            Event::Crash(node) => {
                state.crashes += 1;
                let disk = state.hosts[node].disk.clone();
                state.hosts[node] = self.start(node as u8 + 1, disk, state.step);
                node
            }
            Event::Pass => {
                state.step += 1;
                let now = Self::now(state.step);
                for node in 0..state.hosts.len() {
                    state.hosts[node].step(now, Input::Tick, &mut out);
                    self.settle(&mut state, node);
                }
                0
            }
        };
        self.settle(&mut state, node);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("all that must hold", |_, state: &State| state.broken.is_none()),
            Property::sometimes("something is committed", |_, state: &State| {
                !state.committed.is_empty()
            }),
        ]
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.hosts.iter().all(|host| host.raft.term().0 <= self.terms_max)
    }
}

/// Most states that are made in one search. The space is larger than that: a search sees that part
/// of it to which it comes first, the same part every time.
const STATES_MAX: usize = 600_000;

/// The same, of a search that keeps all of them.
const NEAR_MAX: usize = 60_000;

/// How many different states there were, and what is broken. Depth first where long orders are to
/// be seen, which keeps few states at a time; breadth first where a bug is near.
fn check(model: Small, is_near: bool) -> (usize, Option<&'static str>) {
    let states_max = if is_near { NEAR_MAX } else { STATES_MAX };
    let builder = model.checker().target_state_count(states_max).threads(1);
    if is_near {
        verdict(&builder.spawn_bfs().join())
    } else {
        verdict(&builder.spawn_dfs().join())
    }
}

fn verdict(checker: &impl Checker<Small>) -> (usize, Option<&'static str>) {
    let broken = checker.discovery("all that must hold");
    let states = checker.unique_state_count();
    println!("{states} states, {} in all", checker.state_count());
    (states, broken.map(|path| path.last_state().broken.unwrap_or("nothing")))
}

const ELECTIONS: Small = Small {
    terms_max: 2,
    candidates: 2,
    entries_max: 1,
    steps_max: 0,
    crashes_max: 0,
    planted: None,
};
const LEASES: Small = Small {
    terms_max: 2,
    candidates: 2,
    entries_max: 1,
    steps_max: 2,
    crashes_max: 0,
    planted: None,
};

// Raft 5.2, 5.3, 5.4: the five properties of figure 3.
#[test]
fn a_small_cluster_is_safe_in_all_orders_of_events_that_are_tried() {
    let (states, broken) = check(ELECTIONS, false);
    assert_eq!(broken, None);
    assert!(states > 1_000, "{states} states are too few to mean anything");
}

#[test]
fn a_small_cluster_is_safe_though_a_node_crashes() {
    let (_, broken) = check(Small { crashes_max: 1, ..ELECTIONS }, false);
    assert_eq!(broken, None);
}

// Thesis 6.4.1, SAFETY 11: nobody speaks while another does.
#[test]
fn leases_exclude_each_other_in_all_orders_of_events_that_are_tried() {
    let (_, broken) = check(LEASES, false);
    assert_eq!(broken, None);
}

#[test]
fn the_model_sees_planted_bugs() {
    let elections = |planted| Small { planted: Some(planted), ..ELECTIONS };
    assert_eq!(check(elections(Mutation::VoteTwice), true).1, Some("election safety"));
    assert!(check(elections(Mutation::VoteForStaleLog), true).1.is_some());
    let leases = Small { planted: Some(Mutation::NoHoldBack), ..LEASES };
    assert_eq!(check(leases, false).1, Some("lease exclusion"));
}
