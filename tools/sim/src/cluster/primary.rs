//! What a leader does ahead of Raft: it executes records before they are committed, and releases
//! answers under the rule that each session has.
//!
//! ```text
//! log of the leader -> machine ahead -> answers that wait -> Released -> answers that leave
//! standbys: committed records only
//! ```
//!
//! Inputs -> outputs: a leader's log, its clocks -> answers that wait, and how far they may go.
//! Invariants: what executed records that are not committed lives only while its node leads: a
//! deposed leader goes on with the machine that saw committed records only (SAFETY 4).
//! Not here: the machine for committed records and reads (node.rs), the rules (rule.rs).

use super::machine::{Command, Machine};
use super::mutation::Mutation;
use super::node::{Node, Reply, Unsent};
use super::rule::{Exposure, Reign, Released, Rule, Stamp};
use crate::linear::RegisterAnswer;
use gavel_raft::memory::{Cargo, Entry, Host, Payload};
use gavel_raft::{Body, Mark, Role};
use gavel_types::{Index, Nanos, NodeId, Term};
use std::collections::BTreeMap;

/// A leader in one term.
#[derive(Debug)]
pub struct Primary {
    term: Term,
    /// The first entry of its term.
    own_first: Index,
    /// What has executed the whole log, where some rule is weaker than `quorum`.
    ahead: Option<Machine>,
    exposure: Exposure,
    released: Released,
    /// The highest that an answer was released for.
    told: Index,
    /// A planted bug: what each member received, its restarts left out.
    received: BTreeMap<NodeId, Index>,
}

impl Node {
    /// Is a primary exactly while it leads, and executes all that is in its log.
    pub(super) fn executes(&mut self, now: Nanos, commands: &[Command]) {
        let term = self.host.as_ref().map(|host| host.raft.term());
        let leads = self.leads();
        if self.primary.as_ref().is_some_and(|primary| !leads || Some(primary.term) != term) {
            self.steps_down();
        }
        let (true, Some(host)) = (leads, &self.host) else { return };
        let orphans = &mut self.orphans;
        let primary = self.primary.get_or_insert_with(|| {
            orphans.leads(host.raft.term());
            let ahead = (self.policy.rule < Rule::Quorum).then(|| self.machine.clone());
            Primary::new(host, ahead)
        });
        let (Some(ahead), at) = (&mut primary.ahead, self.clocks.read(now)) else { return };
        while let Some(entry) = host.entries.get(ahead.applied().0 as usize) {
            let applied = ahead.apply(entry, commands);
            let index = ahead.applied();
            if index >= primary.own_first {
                primary.exposure.appended(index, at);
            }
            if let Some(applied) = applied
                && let Some(request) = self.askers.remove(&applied.command)
            {
                let reply = Reply::Answer(request.op, applied.answer);
                self.unsent.push(Unsent::of_command(&request, reply, index));
            }
        }
    }

    fn steps_down(&mut self) {
        let Some(primary) = self.primary.take() else { return };
        if let (Some(Mutation::OrphanApplied), Some(ahead)) = (self.mutation, primary.ahead) {
            self.machine = ahead;
        }
    }

    /// The answer to a command that the machine ahead has executed, and the record that did it.
    pub(super) fn executed(
        &self,
        place: usize,
        command: &Command,
    ) -> Option<(RegisterAnswer, Index)> {
        let ahead = self.primary.as_ref()?.ahead.as_ref()?;
        Some((ahead.answered(command)?, self.effect_of(place)?))
    }

    /// The record by which a command had its effect: the first that holds it.
    pub(super) fn effect_of(&self, place: usize) -> Option<Index> {
        let is_it = |entry: &Entry| entry.payload == Payload::Value(place as u64);
        let at = self.entries().iter().position(is_it)?;
        Some(Index(at as u64 + 1))
    }

    /// The first entry of the term in which it leads; beyond all of its log if it does not.
    pub(super) fn own_first(&self) -> Index {
        let beyond = Index(self.entries().len() as u64).next();
        self.primary.as_ref().map_or(beyond, |primary| primary.own_first)
    }

    /// How far answers may go now.
    pub(super) fn release(&mut self, now: Nanos) -> Released {
        let (at, policy, mutation) = (self.clocks.read(now), self.policy, self.mutation);
        let (Some(host), Some(primary)) = (&self.host, &mut self.primary) else {
            return Released::default();
        };
        if mutation == Some(Mutation::AnswerBeforeCommit) {
            let all = Index(u64::MAX);
            return Released::new(all, all, all);
        }
        // SAFETY 6, and rule.rs: nothing before an entry of its own term is committed.
        let may = host.raft.released();
        if may == gavel_raft::Released::default() {
            return Released::default();
        }
        let (commit, durable) = (may.quorum, may.local);
        let held = match mutation {
            Some(Mutation::HeldCountsWitness | Mutation::HeldSurvivesRestart) => {
                primary.false_held(host, mutation)
            }
            _ => may.held,
        };
        let mut bounds = policy.bounds;
        if mutation == Some(Mutation::BoundNotEnforced) {
            (bounds.records, bounds.age_ns) = (u64::MAX, u64::MAX >> 32);
        }
        let local = match policy.rule {
            Rule::Local => primary.exposure.local(at, durable, commit, bounds),
            _ => Index(0),
        };
        self.falls += u64::from(primary.exposure.has_fallen());
        primary.released = Released::new(local, held, commit);
        primary.released
    }

    /// What is stamped on an answer that leaves.
    #[must_use]
    pub fn stamp(&self, unsent: &Unsent) -> Stamp {
        let Some(host) = &self.host else { return Stamp::default() };
        let entry = (unsent.seen.0 as usize).checked_sub(1).and_then(|at| host.entries.get(at));
        let term = entry.map_or(Term(0), |entry| entry.term);
        let released = self.primary.as_ref().filter(|_| unsent.is_command).map(|p| p.released);
        Stamp {
            reign: Reign { term: unsent.term, ..self.reign() },
            rule: released.map_or(Rule::Quorum, |released| released.met(unsent.index)),
            record: Mark { term, index: unsent.seen },
        }
    }

    /// Under whom it speaks.
    #[must_use]
    pub fn reign(&self) -> Reign {
        self.host.as_ref().map_or(Reign::default(), |host| {
            let generation = host.raft.hard_state().generation;
            Reign { generation, term: host.raft.term() }
        })
    }

    /// An answer was released.
    pub(super) fn tells(&mut self, unsent: &Unsent) {
        if let Some(primary) = self.primary.as_mut().filter(|_| unsent.is_command) {
            primary.told = primary.told.max(unsent.index);
        }
    }

    /// SAFETY 9: a linearizable read sees all that was told before it was called, and what it sees
    /// must be committed: so it waits until `commit` has passed all that was told.
    #[must_use]
    pub(super) fn read_floor(&self) -> Index {
        let told = self.primary.as_ref().map_or(Index(0), |primary| primary.told);
        if self.mutation == Some(Mutation::ReadIgnoresRelease) { Index(0) } else { told }
    }

    /// The same, for members that asked which index to read at.
    pub(super) fn raises_read_answers(&mut self) {
        let floor = self.read_floor();
        let Some(host) = &mut self.host else { return };
        if host.raft.role() != Role::Leader || floor == Index(0) {
            return;
        }
        for envelope in &mut host.sent {
            if let Cargo::Raft(msg, _) = &mut envelope.cargo
                && let Body::ReadAnswer { index: Some(index), .. } = &mut msg.body
            {
                *index = (*index).max(floor);
            }
        }
    }

    /// A planted bug: the answer to a read from the machine that is ahead.
    pub(super) fn leaks(&self, key: u64) -> Option<(RegisterAnswer, Index)> {
        let ahead = self.primary.as_ref()?.ahead.as_ref()?;
        let errs = self.mutation == Some(Mutation::LocalReadLeaks);
        errs.then(|| (ahead.read(key), ahead.applied()))
    }
}

impl Primary {
    fn new(host: &Host, ahead: Option<Machine>) -> Self {
        let term = host.raft.term();
        let others = host.entries.iter().rposition(|entry| entry.term != term);
        Self {
            term,
            own_first: Index(others.map_or(0, |place| place as u64 + 1)).next(),
            ahead,
            exposure: Exposure::default(),
            released: Released::default(),
            told: Index(0),
            received: BTreeMap::new(),
        }
    }

    /// Planted bugs: what is held, if a witness holds a copy; if a restart changes nothing.
    fn false_held(&mut self, host: &Host, mutation: Option<Mutation>) -> Index {
        let (config, last) = (host.raft.config(), host.raft.log().last().index);
        for node in config.members().iter() {
            let received = host.raft.peer(node).map_or(Index(0), |peer| peer.received);
            let most = self.received.entry(node).or_default();
            *most = received.max(*most);
        }
        let counts_witness = mutation == Some(Mutation::HeldCountsWitness);
        let copy = |node: NodeId| match config.witnesses.has(node) {
            _ if node == host.raft.id() => last.0,
            true if counts_witness => last.0,
            true => 0,
            false if counts_witness => host.raft.peer(node).map_or(0, |peer| peer.received.0),
            false => self.received.get(&node).map_or(0, |index| index.0),
        };
        Index(config.quorum_value(copy)).min(host.raft.durable().index)
    }
}
