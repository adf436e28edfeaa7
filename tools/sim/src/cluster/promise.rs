//! What an acknowledgement promised, whatever rule it left under.
//!
//! ```text
//! an answer leaves -> was the rule met? -> told -> survived
//!                                            \---> lost: may it be? is it kept?
//! ```
//!
//! Inputs -> outputs: answers that leave and are taken, crashes, logs -> the first promise that was
//! broken; the fail-overs of a world, for its history.
//! Invariants: believes entries, disks, archives and true time; of a primary it asks only under
//! which rule it says that it answers.
//! Not here: what is committed (check.rs), whether clients saw one story (linear/).
//! Source: SAFETY 6, 7, 9; DESIGN 5.

use super::check::{Checks, fail};
use super::node::{Node, Unsent};
use super::rule::{Policy, Reign, Rule, Stamp};
use crate::check::Verdict;
use crate::linear::{FailOvers, Moment, OpId};
use gavel_raft::memory::Entry;
use gavel_raft::{ClusterGeneration, Config, DiskId, Mark, NodeSet};
use gavel_types::{Index, Nanos, NodeId, Term};
use std::collections::BTreeMap;

/// A record that somebody was told of before it was committed.
#[derive(Clone, Copy, Debug)]
struct Told {
    by: NodeId,
    disk: DiskId,
    record: Mark,
    rule: Rule,
    config: Config,
    /// So many copies were lost since that it may be lost as well.
    is_exposed: bool,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open,
    Survived,
    Lost,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Promises {
    policy: Policy,
    /// When leaders appended their records.
    appended: BTreeMap<(Index, Term), Nanos>,
    /// The first record of each term.
    own_first: BTreeMap<Term, Index>,
    told: Vec<Told>,
    /// Lost, and not yet seen in an archive alone.
    lost: Vec<Told>,
    /// Lost of each primary's term.
    losses: BTreeMap<(NodeId, Term), u64>,
    /// What clients took for an answer before it was committed.
    taken: BTreeMap<OpId, (Reign, Mark)>,
    /// By read: the newest record that was told and not committed when it was called.
    reads: BTreeMap<OpId, Mark>,
    /// Those under whom somebody answered, and when the first did.
    reigns: Vec<(Reign, Moment)>,
    /// The newest generation.
    generation: ClusterGeneration,
    /// Terms of the logs with which generations began.
    foundings: Vec<(ClusterGeneration, Vec<Term>)>,
    /// The newest under whom each client was told anything that it took.
    reigns_taken: BTreeMap<usize, Reign>,
    /// Acknowledged and lost, as the rule allows.
    pub orphaned: u64,
}

impl Promises {
    /// Under this policy.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// Looks at a node that did something.
    ///
    /// # Errors
    /// If it cut off what it had told before an archive held it.
    pub fn look(&mut self, node: &Node, now: Nanos) -> Verdict {
        self.appends(node, now);
        if self.told.is_empty() && self.lost.is_empty() {
            return Ok(());
        }
        let Some(disk) = node.disk() else { return Ok(()) };
        let of_node = |told: &&Told| told.by == node.id && told.rule == Rule::Local;
        for told in self.told.iter().chain(&self.lost).filter(of_node) {
            let Mark { index, term } = told.record;
            let archives = node.orphans.holding(index, term);
            let is_there = term_at(&disk.entries, index) == Some(term);
            if disk.id == told.disk && !is_there && archives == 0 {
                let what = format!("node {} told of {index} of term {term}, cut it off", node.id);
                return fail("orphans", format!("{what}, and has no archive of it"));
            }
            if archives > 1 {
                return fail(
                    "orphans",
                    format!("{index} of term {term} is in {archives} archives"),
                );
            }
        }
        let is_kept = |told: &Told| {
            let Mark { index, term } = told.record;
            let is_gone = disk.id != told.disk || term_at(&disk.entries, index) != Some(term);
            told.by == node.id && is_gone
        };
        self.lost.retain(|told| !is_kept(told));
        Ok(())
    }

    fn appends(&mut self, node: &Node, now: Nanos) {
        let (Some(host), true) = (&node.host, node.leads()) else { return };
        let term = host.raft.term();
        // Nearly always it is the newest term, and known.
        if self.own_first.last_key_value().is_none_or(|(newest, _)| *newest != term) {
            self.own_first.entry(term).or_insert_with(|| {
                let others = host.entries.iter().rposition(|entry| entry.term != term);
                Index(others.map_or(0, |place| place as u64 + 1)).next()
            });
        }
        if self.policy.rule != Rule::Local {
            return;
        }
        for (place, entry) in host.entries.iter().enumerate().rev() {
            let name = (Index(place as u64 + 1), term);
            if entry.term != term || self.appended.contains_key(&name) {
                return;
            }
            self.appended.insert(name, now);
        }
    }

    /// The answer to a command leaves.
    ///
    /// # Errors
    /// If the rule that it names is not met, or is not what its session has.
    pub fn leaves(
        &mut self,
        from: &Node,
        (unsent, stamp): (&Unsent, &Stamp),
        nodes: &[Node],
        committed: Index,
        now: Nanos,
    ) -> Verdict {
        let (id, index) = (from.id, unsent.index);
        let Some(host) = &from.host else { return Ok(()) };
        if !from.may_speak(now) {
            return fail("release", format!("node {id} answers entry {index} without a lease"));
        }
        if stamp.rule < unsent.rule {
            let what = format!("node {id} answers {index} under {:?}", stamp.rule);
            return fail("rule", format!("{what}, and the session has {:?}", unsent.rule));
        }
        // SAFETY 6; why it must be committed, says rule.rs.
        let own_first = self.own_first.get(&host.raft.term());
        if own_first.is_none_or(|own_first| *own_first > committed) {
            let what = format!("node {id} answers {index} before an entry of its own term");
            return fail("own-term", format!("{what} is committed"));
        }
        if stamp.rule == Rule::Quorum {
            return Ok(());
        }
        let is_told = |told: &Told| told.by == id && told.record == stamp.record;
        if self.told.iter().any(is_told) {
            return Ok(());
        }
        let holders = holders(stamp.record, nodes);
        let config = *host.raft.config();
        match stamp.rule {
            Rule::Held => from_majority(from, stamp.record, nodes)?,
            _ => self.within_bounds(from, index, now)?,
        }
        let disk = host.disk.id;
        let is_exposed = !config.is_quorum(holders.without(config.witnesses));
        let (record, rule) = (stamp.record, stamp.rule);
        self.told.push(Told { by: id, disk, record, rule, config, is_exposed });
        Ok(())
    }

    /// SAFETY 7: at the instant of a release.
    fn within_bounds(&self, from: &Node, index: Index, now: Nanos) -> Verdict {
        let (Some(host), id) = (&from.host, from.id) else { return Ok(()) };
        let (commit, term) = (host.raft.commit(), host.raft.term());
        if host.disk.entries.get(index.0 as usize - 1) != host.entries.get(index.0 as usize - 1) {
            return fail("local", format!("node {id} answers {index}, which is not on its disk"));
        }
        let bounds = self.policy.bounds;
        let records = host.entries.len() as u64 - commit.0;
        if records > bounds.records {
            let what = format!("node {id} answers {index} with {records} records above {commit}");
            return fail("bound", format!("{what}, {} are allowed", bounds.records));
        }
        let oldest = self.appended.get(&(commit.next(), term));
        let age_ns = oldest.map_or(u64::MAX, |then| now.since(*then));
        if age_ns > bounds.age_ns {
            let what = format!("node {id} answers {index}, and {} is {age_ns} ns", commit.next());
            return fail("bound", format!("{what} old; {} are allowed", bounds.age_ns));
        }
        Ok(())
    }

    /// Anything that depends on the log leaves under this term.
    pub fn speaks(&mut self, reign: Reign, at: Moment) {
        if self.reigns.last().is_none_or(|(last, _)| *last < reign) {
            self.reigns.push((reign, at));
        }
    }

    /// A client takes an answer: from under nobody older than those that it has taken any from.
    ///
    /// # Errors
    /// If it did.
    pub fn takes(&mut self, client: usize, reign: Reign) -> Verdict {
        let newest = self.reigns_taken.entry(client).or_default();
        if reign < *newest {
            let what = format!("client {client} takes an answer of {reign:?} after {newest:?}");
            return fail("reign", what);
        }
        *newest = reign;
        Ok(())
    }

    /// A client took an answer.
    pub fn taken(&mut self, op: OpId, stamp: &Stamp) {
        self.taken.insert(op, (stamp.reign, stamp.record));
    }

    /// The newest generation.
    #[must_use]
    pub fn generation(&self) -> ClusterGeneration {
        self.generation
    }

    /// A new generation begins with this log: what it lacks is lost, and who was told of it.
    /// Returns the operations whose answers are lost.
    pub(super) fn begins_anew(&mut self, entries: &[Entry], at: Moment) -> Vec<OpId> {
        let generation = ClusterGeneration(self.generation.0 + 1);
        self.generation = generation;
        self.reigns.push((Reign { generation, term: Term(0) }, at));
        let terms: Vec<Term> = entries.iter().map(|entry| entry.term).collect();
        let is_lost = |record: &Mark| {
            record.index > Index(0) && term_at(entries, record.index) != Some(record.term)
        };
        let lost = self.taken.iter().filter(|(_, (_, record))| is_lost(record));
        let lost: Vec<OpId> = lost.map(|(op, _)| *op).collect();
        self.orphaned += lost.len() as u64;
        self.foundings.push((generation, terms));
        (self.told, self.lost) = (Vec::new(), Vec::new());
        (self.own_first, self.appended) = (BTreeMap::new(), BTreeMap::new());
        self.reads.clear();
        lost
    }

    /// A client calls a read: what was told by now, it must see, unless it is lost.
    pub fn asks_to_read(&mut self, op: OpId) {
        if let Some(told) = self.told.iter().max_by_key(|told| told.record) {
            self.reads.insert(op, told.record);
        }
    }

    /// SAFETY 9: the answer to a read is of what is committed, and of all that was told before it
    /// was called.
    ///
    /// # Errors
    /// If it is not.
    pub fn reads(&self, id: NodeId, op: OpId, index: Index, checks: &Checks) -> Verdict {
        if index > checks.committed() {
            let what = format!("node {id} reads at {index}, which nobody committed");
            return fail("local-read", what);
        }
        let Some(told) = self.reads.get(&op) else { return Ok(()) };
        if index < told.index && fate(*told, checks) != Fate::Lost {
            let what = format!("node {id} reads at {index}, and {} was told", told.index);
            return fail("stale-read", format!("{what} before the call"));
        }
        Ok(())
    }

    /// A node crashed: of what it had only received, there is a copy less.
    pub fn crashed(&mut self, nodes: &[Node]) {
        for told in self.told.iter_mut().filter(|told| !told.is_exposed) {
            let holders = holders(told.record, nodes).without(told.config.witnesses);
            told.is_exposed = !told.config.is_quorum(holders);
        }
    }

    /// More may be committed: what was told is in it, or lost.
    ///
    /// # Errors
    /// If something is lost that must not be.
    pub fn settle(&mut self, checks: &mut Checks) -> Verdict {
        if self.told.is_empty() {
            return Ok(());
        }
        // Where a profile expects to be flagged, it goes on: so all are judged, and the first told.
        let mut verdict = Ok(());
        for told in std::mem::take(&mut self.told) {
            let Mark { index, term } = told.record;
            match fate(told.record, checks) {
                Fate::Open => self.told.push(told),
                Fate::Survived => checks.acknowledged = checks.acknowledged.max(index),
                Fate::Lost if told.rule == Rule::Held && !told.is_exposed => {
                    let what = format!("{index} of term {term} was held by a majority");
                    let what = format!("{what} of which too few failed, and is lost");
                    verdict = verdict.and(fail("held-lost", what));
                }
                Fate::Lost => {
                    self.orphaned += 1;
                    let losses = self.losses.entry((told.by, term)).or_default();
                    *losses += 1;
                    if told.rule == Rule::Local && *losses > self.policy.bounds.records {
                        let what = format!("of node {} in term {term} {losses} are lost", told.by);
                        verdict = verdict.and(fail("bound", what));
                    }
                    if told.rule == Rule::Local {
                        self.lost.push(told);
                    }
                }
            }
        }
        let committed = checks.committed();
        let floor = Index(committed.0.saturating_sub(2_000));
        self.appended = self.appended.split_off(&(floor, Term(0)));
        verdict
    }

    /// The fail-overs of a world that ended with this log, and what each lost of what clients took.
    #[must_use]
    pub fn fail_overs(&self, log: &[Entry]) -> FailOvers {
        let mut fail_overs = FailOvers::default();
        for (next, at) in &self.reigns {
            // The first who spoke after the primary that had it.
            let by_it = self.taken.iter().filter(|(_, (reign, record))| {
                reign < next && self.is_lost(*reign, *record, *next, log)
            });
            fail_overs.add(*at, by_it.map(|(op, _)| *op));
        }
        fail_overs
    }

    /// Whether the log that this reign goes on with, and that ended so, lacks a record.
    fn is_lost(&self, reign: Reign, record: Mark, next: Reign, log: &[Entry]) -> bool {
        if record.index == Index(0) {
            return false;
        }
        if reign.generation == next.generation {
            // An older one ended with a log that nobody has any more: what it lost, it lost then.
            let is_newest = next.generation == self.generation;
            return is_newest && term_at(log, record.index) != Some(record.term);
        }
        let begun = self.foundings.iter().find(|(generation, _)| *generation == next.generation);
        let place = record.index.0 as usize - 1;
        begun.is_some_and(|(_, terms)| terms.get(place) != Some(&record.term))
    }
}

fn term_at(entries: &[Entry], index: Index) -> Option<Term> {
    let place = (index.0 as usize).checked_sub(1)?;
    entries.get(place).map(|entry| entry.term)
}

/// Terms rise in a log: one above the record's, at or before its index, says that it is lost.
fn fate(record: Mark, checks: &Checks) -> Fate {
    let last = checks.committed();
    match checks.term_of(record.index.min(last)) {
        Some(term) if record.index <= last && term == record.term => Fate::Survived,
        Some(term) if record.index <= last || term > record.term => Fate::Lost,
        _ => Fate::Open,
    }
}

/// Who has this record, in memory or on disk.
fn holders(record: Mark, nodes: &[Node]) -> NodeSet {
    let mut holders = NodeSet::EMPTY;
    for node in nodes {
        if term_at(node.entries(), record.index) == Some(record.term) {
            holders.insert(node.id);
        }
    }
    holders
}

/// SAFETY 6: received by a majority, and durable on one node.
fn from_majority(from: &Node, record: Mark, nodes: &[Node]) -> Verdict {
    let Some(host) = &from.host else { return Ok(()) };
    let config = host.raft.config();
    let (copies, disks) = Checks::copies(from, record.index, nodes);
    let is_held = config.is_quorum(copies.without(config.witnesses))
        && !disks.and(config.replicas()).is_empty();
    match is_held {
        true => Ok(()),
        false => {
            let what = format!("node {} answers {}, which is with", from.id, record.index);
            fail("held", format!("{what} ({copies}), on disks of ({disks}), of {config}"))
        }
    }
}
