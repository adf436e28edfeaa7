//! Which configuration is in force, and how the next one comes to be.
//!
//! Invariants: the newest configuration in a log is in force, committed or not; a leader has at
//! most one that is not committed, and makes none before an entry of its own term is committed;
//! a joint configuration that may end itself does, under any leader.
//! Limits: [`CONFIGS_MAX`] remembered.
//! Not here: what a configuration is (config.rs).
//! Source: Raft 6; Thesis 4.1 to 4.3, and the correction of its single-server change.

use crate::config::{Change, ChangeRefusal, Config, ConfigAt};
use crate::limits::{CONFIGS_MAX, TERMS_PER_GENERATION};
use crate::message::ClusterGeneration;
use crate::port::{Output, Refusal, Role, Want};
use crate::raft::{Raft, errs};
use crate::set::NodeSet;
use gavel_types::{Index, NodeId, Term};

impl Raft {
    pub(crate) fn on_change(&mut self, change: &Change, out: &mut Output) {
        let in_range = |config: &Config| {
            config.members().iter().all(|node| usize::from(node.0) < self.options.nodes)
        };
        let next = self.config().changed(change).and_then(|next| match in_range(&next) {
            true => Ok(next),
            false => Err(ChangeRefusal::TooMany),
        });
        self.ask_for(next, out);
    }

    pub(crate) fn on_leave(&mut self, out: &mut Output) {
        let next = self.config().left();
        self.ask_for(next, out);
    }

    fn ask_for(&mut self, next: Result<Config, ChangeRefusal>, out: &mut Output) {
        let refusal = self.cannot_change().or(next.err().map(Refusal::Change));
        match (refusal, next) {
            (None, Ok(config)) => {
                self.lead.is_change_asked = true;
                out.want = Some(Want::Config(config));
            }
            (refusal, _) => out.refused = refusal,
        }
    }

    fn cannot_change(&self) -> Option<Refusal> {
        if self.role != Role::Leader {
            return Some(Refusal::NotLeader);
        }
        if self.lead.handover.is_some() {
            return Some(Refusal::Transferring);
        }
        // Thesis 4.1, as corrected: a leader that has committed nothing in its term may not know
        // of a change that an older leader made, and could make one that overlaps with neither.
        if !self.has_own_commit() && !errs!(self, ChangeTooEarly) {
            return Some(Refusal::Change(ChangeRefusal::TooEarly));
        }
        // Raft 6: one change at a time.
        let is_pending = self.config_at().index > self.commit || self.lead.is_change_asked;
        is_pending.then_some(Refusal::Change(ChangeRefusal::Pending))
    }

    /// A configuration was appended: it is in force from here on (Raft 6).
    pub(crate) fn push_config(&mut self, at: ConfigAt) {
        let before = *self.config();
        if self.configs.len() >= CONFIGS_MAX {
            // Of two in a log the older one is committed: it will not be truncated to.
            self.configs.remove(0);
        }
        self.configs.push(at);
        self.members_changed(&before);
    }

    /// The log was cut behind this index: an older configuration is in force again (Raft 6).
    pub(crate) fn configs_truncated(&mut self, keep: Index) {
        let before = *self.config();
        while self.configs.len() > 1 && self.config_at().index > keep {
            self.configs.pop();
        }
        self.members_changed(&before);
    }

    /// A snapshot took the place of the log.
    pub(crate) fn configs_restored(&mut self, index: Index, config: ConfigAt, keeps_tail: bool) {
        let before = *self.config();
        self.configs.retain(|at| keeps_tail && at.index > index);
        self.configs.insert(0, config);
        self.members_changed(&before);
    }

    fn members_changed(&mut self, before: &Config) {
        let after = *self.config();
        self.lead.config_changed = self.now;
        let is_same = |node: NodeId| before.disk_of(node) == after.disk_of(node);
        // SAFETY 15: who is added again, with another disk, is somebody else.
        let added = self.hard.barred.and(after.members());
        for node in added.iter().filter(|node| !is_same(*node)) {
            self.hard.barred = self.hard.barred.without(NodeSet::one(node));
            self.hard_noted();
        }
        let strangers = after.members().iter().filter(|node| !is_same(*node));
        for node in strangers {
            // The lives of another disk are counted anew.
            let place = usize::from(node.0);
            if self.hard.seen[place].0 != 0 {
                self.hard.seen[place].0 = 0;
                self.hard_noted();
            }
            if self.role == Role::Leader && node != self.options.id {
                self.peers[place].reset(self.log.last().index);
            }
        }
    }

    /// SAFETY 15: a member that was wiped or restored has no say until it is added again.
    pub(crate) fn bar(&mut self, node: NodeId) {
        self.hard.barred.insert(node);
        self.hard_noted();
        self.peers[usize::from(node.0)].reset(self.log.last().index);
    }

    /// SAFETY 15: what one leader has found out must outlive it. Of another configuration it says
    /// nothing: a node may have been added again there.
    pub(crate) fn learn_barred(&mut self, barred: NodeSet, config: Index) {
        let news = barred.without(self.hard.barred);
        if !news.is_empty() && config == self.config_at().index {
            self.hard.barred = self.hard.barred.or(news);
            self.hard_noted();
        }
    }

    /// `commit` moved. Nearly always there is nothing to do.
    #[inline]
    pub(crate) fn on_committed(&mut self, out: &mut Output) {
        if self.config().is_joint() || self.is_forced || !self.is_voter() {
            self.go_on_with_change(out);
        }
    }

    fn go_on_with_change(&mut self, out: &mut Output) {
        let at = *self.config_at();
        let is_decided = at.index <= self.commit && self.commit >= self.lead.own_first;
        if !is_decided || self.cannot_change().is_some() {
            return;
        }
        if at.config.is_joint() {
            // Thesis 4.3: a leader that finds a joint configuration committed ends it, whoever
            // began it.
            if at.config.auto_leave {
                self.on_leave(out);
            }
            return;
        }
        if self.is_forced {
            // What was put over the log becomes part of it.
            self.ask_for(Ok(at.config), out);
            return;
        }
        // Raft 6: a leader that is no member manages the cluster up to here and not further.
        if !self.is_voter() {
            self.begin_round(out);
            self.abdicate(out);
        }
    }

    /// SAFETY 16: a new generation of the cluster, of which this node is the only voter.
    pub(crate) fn on_force(&mut self, out: &mut Output) {
        let id = self.options.id;
        if self.role == Role::Leader || self.config().witnesses.has(id) {
            out.refused = Some(Refusal::CannotLead);
            return;
        }
        let generation = self.hard.generation.0 + 1;
        self.hard.generation = ClusterGeneration(generation);
        self.hard.barred = NodeSet::EMPTY;
        // The old cluster may have been in terms that this node never heard of. No term may be in
        // both: an acknowledged record is named by its index and term for ever (SAFETY 18, 19).
        let first = u64::from(generation) * TERMS_PER_GENERATION;
        self.hard.term = self.hard.term.max(Term(first));
        self.hard_changed();
        let index = self.log.last().index;
        let config = Config::of_voters(NodeSet::one(id), self.disk);
        self.is_forced = true;
        self.push_config(ConfigAt { index, config });
        self.campaign_now(false, out);
    }
}
