//! Elections: when one is held, who gets a vote, who wins.
//!
//! Invariants: one vote a term, durable before it is said or counted; nobody is elected whose log
//! is behind a majority's; a voter that hears a leader keeps to it.
//! Not here: what a leader does first (lead.rs); the lease (lease.rs).
//! Source: Raft 5.2, 5.4.1; Thesis 4.2.3, 9.6.

use crate::config::Config;
use crate::limits::PRIORITY_MAX;
use crate::log::Mark;
use crate::message::Body;
use crate::port::{Dropped, Output, Refusal, Role};
use crate::raft::{Raft, errs};
use crate::set::NodeSet;
use gavel_types::{NodeId, Term};

impl Raft {
    /// A new timeout runs from now on. Raft 5.2: drawn anew each time, from one to two timeouts.
    pub(crate) fn draw_timeout(&mut self) {
        let timing = self.options.timing;
        let below_highest = u64::from(PRIORITY_MAX - self.options.priority);
        self.waits_since = self.now;
        self.drawn_for_ns = self.patience_ns();
        self.waits_ns = self.drawn_for_ns
            + self.random.below(self.drawn_for_ns)
            + below_highest * timing.priority_step_ns;
    }

    /// True if this voter keeps to a leader that it hears (Thesis 4.2.3), or to what an earlier
    /// life of it may have promised.
    pub(crate) fn is_promised(&self) -> bool {
        // SAFETY 26: as long as this voter itself would wait, which did not change since.
        let lasts_ns = self.patience_ns();
        let hears = self.heard.is_some_and(|heard| self.now.least_since(heard) < lasts_ns);
        self.options.check_quorum && (self.role == Role::Leader || hears)
    }

    /// True if this node votes by a configuration that may be the decided one.
    ///
    /// Thesis 4.2.2: a node that the newest configuration leaves out still campaigns until that is
    /// committed: it may be the only one that has what the others lack.
    fn has_voice(&self) -> bool {
        let id = self.options.id;
        let votes =
            |config: &Config| config.all_voters().has(id) && config.disk_of(id) == self.disk;
        let newest_first = || self.configs.iter().rev();
        let undecided = newest_first().take_while(|at| at.index > self.commit).count();
        newest_first().take(undecided + 1).any(|at| votes(&at.config))
    }

    /// This node, if its vote is one by the configuration in force.
    fn own_voice(&self) -> NodeSet {
        if self.is_voter() { NodeSet::one(self.options.id) } else { NodeSet::EMPTY }
    }

    /// SAFETY 15: a node that has lost what it promised may have been told so.
    fn is_barred(&self) -> bool {
        self.hard.barred.has(self.options.id)
    }

    /// Why this node may not campaign, if it may not.
    pub(crate) fn cannot_campaign(&self) -> Option<Refusal> {
        let is_witness = self.config().witnesses.has(self.options.id);
        let may_lead = self.is_fit && !self.is_unsure() && !self.is_barred();
        let may = self.has_voice() && !is_witness && may_lead;
        (!may).then_some(Refusal::CannotLead)
    }

    pub(crate) fn on_campaign(&mut self, out: &mut Output) {
        out.refused = self.cannot_campaign();
        if self.role != Role::Leader && out.refused.is_none() {
            self.campaign(out);
        }
    }

    pub(crate) fn tick_election(&mut self, out: &mut Output) {
        self.expire_reads(out);
        if self.now.least_since(self.waits_since) < self.waits_ns {
            return;
        }
        self.draw_timeout();
        if self.cannot_campaign().is_none() {
            self.campaign(out);
        }
    }

    /// A sign that a node died: if it led, whoever follows asks for votes at once.
    pub(crate) fn on_suspect(&mut self, node: NodeId, out: &mut Output) {
        if self.role == Role::Follower && self.leader == Some(node) {
            self.lose(node, 0);
            self.tick_election(out);
        }
    }

    /// The leader is lost, or may be: nothing binds to it (Thesis 4.2.3), and whoever follows it
    /// campaigns after so long, one after the other so that they do not split the votes, those who
    /// are preferred before the others.
    pub(crate) fn lose(&mut self, leader: NodeId, after_ns: u64) {
        self.heard = None;
        if self.role != Role::Follower || self.leader != Some(leader) {
            return;
        }
        let others = self.config().all_voters().without(NodeSet::one(leader));
        let rank = others.iter().take_while(|other| *other != self.options.id).count() as u64;
        let below_highest = u64::from(PRIORITY_MAX - self.options.priority);
        let turn = rank + below_highest * others.len() as u64;
        self.waits_since = self.now;
        self.waits_ns = after_ns + turn * self.options.timing.suspect_step_ns;
    }

    fn campaign(&mut self, out: &mut Output) {
        if self.options.pre_vote {
            self.pre_campaign(out);
        } else {
            self.campaign_now(false, out);
        }
    }

    /// Thesis 9.6: ask first, so that a node that cannot win does not raise terms.
    fn pre_campaign(&mut self, out: &mut Output) {
        let next_term = Term(self.hard.term.0 + 1);
        self.follow(self.hard.term, None, out);
        self.draw_timeout();
        self.role = Role::PreCandidate;
        self.heard = None;
        self.granted = self.own_voice();
        self.denied = NodeSet::EMPTY;
        let last = self.log.last();
        self.ask_voters(Body::PreVote { next_term, last }, out);
        if self.config().is_quorum(self.granted) {
            self.campaign_now(false, out);
        }
    }

    /// Raft 5.2: a new term, and a vote for oneself.
    pub(crate) fn campaign_now(&mut self, is_transfer: bool, out: &mut Output) {
        let term = Term(self.hard.term.0 + 1);
        self.lease_seen = self.lease_term_for_vote();
        self.follow(term, None, out);
        self.draw_timeout();
        self.role = Role::Candidate;
        self.heard = None;
        self.hard.vote = Some(self.options.id);
        self.own_vote = self.hard_version;
        self.granted = NodeSet::EMPTY;
        self.denied = NodeSet::EMPTY;
        let last = self.log.last();
        self.ask_voters(Body::Vote { last, is_transfer }, out);
        self.count_own_vote(out);
    }

    fn ask_voters(&self, body: Body, out: &mut Output) {
        for node in self.others(self.config().all_voters()) {
            self.say(node, body, out);
        }
    }

    /// These nodes, without this one.
    #[inline]
    pub(crate) fn others(&self, nodes: NodeSet) -> impl Iterator<Item = NodeId> + use<> {
        nodes.without(NodeSet::one(self.options.id)).iter()
    }

    /// The candidate's own vote counts only when it is durable, like any other.
    pub(crate) fn count_own_vote(&mut self, out: &mut Output) {
        if self.is_hard_durable(self.own_vote) && self.is_voter() {
            self.count_vote(self.options.id, true, out);
        }
    }

    fn count_vote(&mut self, from: NodeId, granted: bool, out: &mut Output) {
        let tally = if granted { &mut self.granted } else { &mut self.denied };
        tally.insert(from);
        let config = self.config();
        // M03: votes are counted by the newest configuration that the candidate has.
        if config.is_quorum(self.granted) || self.wins_falsely() {
            match self.role {
                Role::PreCandidate => self.campaign_now(false, out),
                _ => self.lead_now(out),
            }
        } else if !config.is_quorum(config.all_voters().without(self.denied)) {
            self.follow(self.hard.term, None, out);
        }
    }

    /// Planted bugs: a majority that is none.
    fn wins_falsely(&self) -> bool {
        let config = self.config();
        (errs!(self, HalfOfJoint) && config.voters.has_majority(self.granted))
            || (errs!(self, LearnerCounts) && self.granted.len() * 2 > config.members().len())
    }

    /// Raft 5.4.1: at least as up to date as this node's log. Compared is what was received,
    /// durable or not (SAFETY 6), and what was damaged since (SAFETY 3).
    fn is_up_to_date(&self, last: Mark) -> bool {
        last >= self.log.last().max(self.unsure) || errs!(self, VoteForStaleLog)
    }

    /// A log that is as long again as it may have been votes as any other does.
    pub(crate) fn settle_unsure(&mut self) {
        if self.log.last() >= self.unsure {
            self.unsure = Mark::default();
        }
    }

    pub(crate) fn on_pre_vote(
        &mut self,
        from: NodeId,
        next_term: Term,
        last: Mark,
        out: &mut Output,
    ) {
        // A node that is no voter by its own configuration answers too: the asker's may be newer.
        let granted = next_term > self.hard.term
            && !self.is_promised()
            && !self.is_barred()
            && self.is_up_to_date(last);
        self.say(from, Body::PreVoteAnswer { next_term, granted }, out);
    }

    pub(crate) fn on_pre_vote_answer(
        &mut self,
        from: NodeId,
        next_term: Term,
        granted: bool,
        out: &mut Output,
    ) -> Result<(), Dropped> {
        if self.role != Role::PreCandidate || next_term.0 != self.hard.term.0 + 1 {
            return Err(Dropped::Role);
        }
        self.count_vote(from, granted, out);
        Ok(())
    }

    /// Raft 5.2: first come, first served, one vote a term.
    pub(crate) fn on_vote(&mut self, from: NodeId, last: Mark, out: &mut Output) {
        let is_free = self.leader.is_none()
            && (self.hard.vote.is_none_or(|vote| vote == from) || errs!(self, VoteTwice));
        if !is_free || self.is_barred() || !self.is_up_to_date(last) {
            return self.deny(from, out);
        }
        if self.hard.vote != Some(from) {
            self.hard.vote = Some(from);
            self.hard_changed();
        }
        self.draw_timeout();
        let lease_term = self.lease_term_for_vote();
        self.say(from, Body::VoteAnswer { granted: true, lease_term }, out);
    }

    pub(crate) fn deny(&mut self, from: NodeId, out: &mut Output) {
        let lease_term = self.lease_term_for_vote();
        self.say(from, Body::VoteAnswer { granted: false, lease_term }, out);
    }

    pub(crate) fn on_vote_answer(
        &mut self,
        from: NodeId,
        granted: bool,
        lease_term: Term,
        out: &mut Output,
    ) -> Result<(), Dropped> {
        if self.role != Role::Candidate {
            return Err(Dropped::Role);
        }
        if granted {
            self.lease_seen = self.lease_seen.max(lease_term);
        }
        self.count_vote(from, granted, out);
        Ok(())
    }
}
