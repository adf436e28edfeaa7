//! The end of a world: the weather is over, and the cluster must come back by itself.
//!
//! ```text
//! Weather --(time and calls are enough)--> Healing --(an answer to a call after the end; one
//! leader; all that was committed is applied everywhere)--> Settling --(no call is open; all nodes
//! have one log and one state)--> Done
//! ```
//!
//! Inputs -> outputs: the world after each event -> whether it is over.
//! Invariants: what is not there within [`PATIENCE_NS`] is a violation.
//! Not here: the weather itself.

use super::beyond::ANYTHING;
use super::node::Node;
use super::world::{Event, World};
use super::{COMMANDS_MIN, SECONDS_MIN};
use crate::check::{Verdict, Violation};
use crate::less::Less;
use crate::linear::{CONFIGURATIONS_MAX, Decision, OpId, check_prefix};
use gavel_raft::Role;
use gavel_types::{Index, Nanos, NodeId};

/// Virtual time in which a healed cluster must answer again, and then in which it must be of one
/// state (ns).
pub const PATIENCE_NS: u64 = 10_000_000_000;

/// Most virtual time until clients have asked for enough (s). Where hosts stop all the time it
/// takes four times the least, and a little more in some seeds.
const SECONDS_MAX: u64 = 8 * SECONDS_MIN;

/// Between two thoughts of a client that has asked for enough (ns).
const REST_NS: u64 = 50_000_000;

/// Where a world stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Weather,
    Healing {
        since: Nanos,
        first_op: usize,
        commit: Index,
        is_answered: bool,
    },
    Settling {
        since: Nanos,
    },
    /// Two clusters under one name, until then.
    Torn {
        until: Nanos,
    },
}

impl Phase {
    pub(super) fn takes_calls(self) -> bool {
        !matches!(self, Self::Settling { .. })
    }
}

impl World {
    /// Goes on to the next phase if it is time; true if the world is over.
    pub(super) fn settle(&mut self) -> Result<bool, Violation> {
        match self.phase {
            Phase::Weather => {
                let until_ns = self.case.less.until_ns;
                let is_time = self.now.0 >= until_ns.unwrap_or(SECONDS_MIN * 1_000_000_000);
                let least = Less::of(self.case.less.commands, COMMANDS_MIN);
                if is_time && (until_ns.is_some() || self.commands.len() >= least) {
                    match self.case.profile.flags == ANYTHING {
                        true => self.states_falsely()?,
                        false => self.end_weather()?,
                    }
                } else if self.now.0 >= SECONDS_MAX * 1_000_000_000 {
                    let calls = self.commands.len();
                    return Err(self.no_progress(format!("only {calls} commands in all the time")));
                }
            }
            Phase::Healing { since, commit, is_answered, .. } => {
                if is_answered && self.is_whole(commit) {
                    self.recovered_ns = Some(self.now.0 - since.0);
                    self.phase = Phase::Settling { since: self.now };
                    self.tell("recovered: nobody calls any more".to_owned());
                } else if self.now.0 > since.0 + PATIENCE_NS {
                    let what = format!("answered after healing: {is_answered}, and not all of it");
                    return Err(self.no_progress(what));
                }
            }
            Phase::Torn { until } => return Ok(self.now >= until),
            Phase::Settling { since } => {
                let is_quiet = self.clients.iter().all(|client| client.open.is_none());
                if is_quiet && self.is_equal() {
                    return Ok(true);
                }
                if self.now.0 > since.0 + PATIENCE_NS {
                    let what = format!("no call is open: {is_quiet}; nodes are not of one state");
                    return Err(self.no_progress(what));
                }
            }
        }
        Ok(false)
    }

    /// True if clients asked for enough: this one asks again once the weather is over.
    pub(super) fn rests(&mut self, client: usize) -> bool {
        let most = self.case.less.commands.unwrap_or(u64::MAX);
        let is_enough = self.phase == Phase::Weather && self.commands.len() as u64 >= most;
        if is_enough {
            self.plan(REST_NS, Event::Thought(client));
        }
        is_enough
    }

    fn no_progress(&self, what: String) -> Violation {
        let node = |node: &Node| match &node.host {
            None => format!("{} is down", node.id),
            Some(host) => format!(
                "{} {:?} term {} commit {} applied {} last {}",
                node.id,
                host.raft.role(),
                host.raft.term(),
                host.raft.commit(),
                node.machine.applied(),
                host.raft.log().last().index
            ),
        };
        let nodes: Vec<String> = self.nodes.iter().map(node).collect();
        Violation::new("progress", format!("{what} [{}]", nodes.join("; ")))
    }

    fn end_weather(&mut self) -> Verdict {
        self.tell("the weather is over".to_owned());
        self.net.heal();
        self.net.is_rough = false;
        self.mend_disks();
        self.end_plots();
        let now = self.now;
        for id in self.ids() {
            self.node(id).clocks.wake(now);
            self.node(id).paused_until = None;
            if self.node(id).host.is_none() {
                self.plan(0, Event::Starts(id));
            }
        }
        self.phase = Phase::Healing {
            since: self.now,
            first_op: self.history.operations().len(),
            commit: self.checks.committed(),
            is_answered: false,
        };
        self.ends_alone();
        Ok(())
    }

    /// A client was answered.
    pub(super) fn note_answer(&mut self, op: OpId) {
        if let Phase::Healing { first_op, is_answered, .. } = &mut self.phase {
            *is_answered |= op.0 >= *first_op;
        }
    }

    /// One leader, and all that was committed is applied everywhere.
    fn is_whole(&self, commit: Index) -> bool {
        let leads =
            |node: &Node| node.host.as_ref().is_some_and(|host| host.raft.role() == Role::Leader);
        let leaders = self.nodes.iter().filter(|node| leads(node)).count();
        let has = |node: &Node| node.is_witness() || node.machine.applied() >= commit;
        let is_applied = self.nodes.iter().all(|node| node.host.is_some() && has(node));
        leaders == 1 && is_applied && self.away.is_none() && self.is_together()
    }

    /// All nodes have one log and one state.
    fn is_equal(&self) -> bool {
        let state = |node: &Node| {
            let host = node.host.as_ref()?;
            let (commit, last) = (host.raft.commit(), host.raft.log().last());
            (commit == last.index).then(|| (node.machine.applied(), node.machine.digest(), last))
        };
        let first = self.nodes.first().and_then(state);
        first.is_some() && self.nodes.iter().all(|node| node.is_witness() || state(node) == first)
    }

    /// Nodes of a cluster that another one took the place of.
    pub(super) fn count_superseded(&mut self) -> Verdict {
        let is_superseded =
            |node: &&Node| node.host.as_ref().is_some_and(|host| host.raft.is_superseded());
        for _ in 0..self.nodes.iter().filter(is_superseded).count() {
            self.sights.see("superseded");
        }
        Ok(())
    }

    /// What the rules cost.
    pub(super) fn count_stakes(&mut self) {
        let falls = self.nodes.iter().map(|node| node.falls).sum();
        let archived = self.nodes.iter().map(|node| node.orphans.records() as u64).sum();
        let counts = [("orphaned", self.promises.orphaned), ("archived", archived)];
        for (what, count) in counts.into_iter().chain([("fell back", falls)]) {
            if count > 0 {
                *self.sights.0.entry(what.to_owned()).or_default() += count;
            }
        }
    }

    /// Whether clients were told one story.
    pub(super) fn judge_history(&mut self) -> Verdict {
        let log = self.nodes.iter().map(Node::entries).max_by_key(|entries| entries.len());
        let log = log.unwrap_or_default();
        self.judge_recall(log)?;
        let fail_overs = self.promises.fail_overs(log);
        match check_prefix(&self.history, &fail_overs, CONFIGURATIONS_MAX) {
            Decision::Linearizable { .. } => Ok(()),
            Decision::Violated(refutation) => {
                for line in &refutation.lines {
                    self.trace.tell(self.now, format!("history: {line}"));
                }
                self.flags(Err(Violation::new("linearizable", refutation.what.clone())))
            }
            Decision::Undecided { keys } => {
                keys.iter().for_each(|_| self.sights.see("keys undecided"));
                Ok(())
            }
        }
    }

    /// The leader of the highest term, if one runs.
    pub(super) fn leader(&self) -> Option<NodeId> {
        let leads = self.nodes.iter().filter(|node| node.leads());
        let term = |node: &&Node| node.host.as_ref().map(|host| host.raft.term());
        leads.max_by_key(term).map(|node| node.id)
    }
}
