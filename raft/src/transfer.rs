//! Handing over leadership, and giving up a lease on purpose.
//!
//! Invariants: a lease that was given up is never used again in its term; a leader hands over only
//! when all of its log is committed and on its successor's disk, so that nothing is left to
//! truncate (SAFETY 4).
//! Not here: the successor's election (election.rs).
//! Source: Thesis 3.10.

use crate::clock::Now;
use crate::message::Body;
use crate::port::{Output, Refusal, Role};
use crate::raft::{Raft, errs};
use gavel_types::{Index, NodeId};

/// A handover under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Handover {
    to: NodeId,
    since: Now,
    /// The successor was told: there is no way back.
    is_told: bool,
}

impl Raft {
    pub(crate) fn on_transfer(&mut self, to: NodeId, out: &mut Output) {
        let config = self.config();
        let can = config.voters.has(to)
            && !config.witnesses.has(to)
            && !self.hard.barred.has(to)
            && to != self.options.id;
        // As long as nobody was told, the operator may name another: the first may be too slow.
        let is_under_way = |handover: Handover| handover.is_told || handover.to == to;
        out.refused = match self.role {
            Role::Leader if self.lead.handover.is_some_and(is_under_way) => {
                Some(Refusal::Transferring)
            }
            Role::Leader if can => None,
            Role::Leader => Some(Refusal::CannotLead),
            _ => Some(Refusal::NotLeader),
        };
        if out.refused.is_none() {
            self.lead.handover = Some(Handover { to, since: self.now, is_told: false });
            self.send_to(to, out);
            self.try_handover(out);
        }
    }

    /// Thesis 3.10: once the successor has everything, it is to hold an election at once.
    #[inline]
    pub(crate) fn try_handover(&mut self, out: &mut Output) {
        if let Some(handover) = self.lead.handover {
            self.hand_over(handover, out);
        }
    }

    fn hand_over(&mut self, handover: Handover, out: &mut Output) {
        let last = self.log.last().index;
        let peer = &self.peers[usize::from(handover.to.0)];
        let is_drained = self.lead.own_first > Index(0) && self.commit == last;
        if handover.is_told || !is_drained || peer.durable != last {
            return;
        }
        self.lead.handover = Some(Handover { is_told: true, ..handover });
        self.release_lease(out);
        self.say(handover.to, Body::TimeoutNow, out);
    }

    /// Gives up the lease of this term, for good, and says so.
    pub(crate) fn release_lease(&mut self, out: &mut Output) {
        if !errs!(self, LeaseKeptOnTransfer) {
            self.lead.is_revoked = true;
        }
        for node in self.others(self.config().all_voters()) {
            self.say(node, Body::LeaseReleased, out);
        }
    }

    pub(crate) fn tick_handover(&mut self, out: &mut Output) {
        let Some(handover) = self.lead.handover else { return };
        if self.now.least_since(handover.since) < self.options.timing.election_ns {
            return;
        }
        if handover.is_told {
            // Its lease is given up, so there is nothing left for it to lead with.
            self.follow(self.hard.term, None, out);
        } else {
            self.lead.handover = None;
        }
    }

    pub(crate) fn on_timeout_now(&mut self, out: &mut Output) {
        if self.cannot_campaign().is_none() {
            self.campaign_now(true, out);
        }
    }

    /// SAFETY 13: a process that is about to end gives up its lease first.
    pub(crate) fn on_resign(&mut self, out: &mut Output) {
        self.is_fit = false;
        if self.role == Role::Leader {
            self.abdicate(out);
        }
    }

    /// Goes, and names the voter with the longest copy for its successor.
    pub(crate) fn abdicate(&mut self, out: &mut Output) {
        self.release_lease(out);
        let config = self.config();
        let heirs = self.others(config.voters.without(config.witnesses.or(self.hard.barred)));
        let copy =
            |node: &NodeId| (self.peers[usize::from(node.0)].received, core::cmp::Reverse(node.0));
        if let Some(heir) = heirs.max_by_key(copy) {
            self.say(heir, Body::TimeoutNow, out);
        }
        self.follow(self.hard.term, None, out);
    }

    /// To whom leadership is being handed over.
    #[must_use]
    pub fn transferee(&self) -> Option<NodeId> {
        self.lead.handover.map(|handover| handover.to).filter(|_| self.role == Role::Leader)
    }
}
