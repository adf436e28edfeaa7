//! The lease: until when a leader may speak, and when a new one may begin to.
//!
//! Inputs -> outputs: rounds of heartbeats and their answers, evidence of death -> a deadline.
//! Invariants: a lease counts from when a round was *sent*; a new leader waits a whole lease since
//! it won, by the slower of two clocks, or knows that nobody holds one any more.
//! Not here: the last look at the deadline, before the system call: the rim takes it.
//! Source: Thesis 6.4.1; SAFETY 10 to 13.
//!
//! Why waiting is enough: the last round that counted for the old leader was sent before a voter of
//! the new leader's majority answered it, so before that voter voted, so before the new leader won.
//! Why evidence is enough: a majority voted, each naming the newest term in which it may have
//! answered a leader. If none is newer than the holder's, nobody after the holder has had a lease;
//! the holder had waited for those before it (it said so); and the holder is gone.

use crate::clock::Now;
use crate::limits::ROUNDS_MAX;
use crate::message::{Body, Incarnation, Message, Progress};
use crate::peer::Holder;
use crate::port::{Deadline, Dropped, Output, Role};
use crate::raft::{Raft, errs};
use gavel_types::{Index, NodeId, Term};

impl Raft {
    /// Sends a round of heartbeats.
    pub(crate) fn begin_round(&mut self, out: &mut Output) {
        self.lead.round += 1;
        let round = self.lead.round;
        self.lead.rounds[round as usize % ROUNDS_MAX] = self.now;
        let beat = Body::Heartbeat {
            round,
            commit: self.commit,
            // SAFETY 15: what it has on its disk now it must not lack later.
            durable: self.log.durable(),
            is_open: self.lead.is_open && !self.lead.is_revoked,
            barred: self.hard.barred,
            config: self.config_at().index,
        };
        for node in self.others(self.config().members()) {
            self.say(node, beat, out);
        }
        self.confirm_reads(out);
    }

    /// The newest round that a majority answered.
    #[inline]
    pub(crate) fn quorum_round(&self) -> u64 {
        let own = self.lead.round;
        self.config().quorum_value(|node| match node == self.options.id {
            true => own,
            false => self.peers[usize::from(node.0)].round,
        })
    }

    /// When the newest round that a majority answered was sent.
    pub(crate) fn answered_at(&self) -> Now {
        let round = self.quorum_round();
        if round + ROUNDS_MAX as u64 <= self.lead.round {
            return self.lead.won;
        }
        self.lead.rounds[round as usize % ROUNDS_MAX]
    }

    pub(crate) fn on_heartbeat_ack(
        &mut self,
        from: NodeId,
        round: u64,
        progress: Progress,
        last: Index,
        out: &mut Output,
    ) -> Result<(), Dropped> {
        if self.role != Role::Leader {
            return Err(Dropped::Role);
        }
        if round > self.lead.round || round == 0 || !self.is_sound(progress) {
            return Err(Dropped::Malformed);
        }
        let before = self.quorum_round();
        let peer = &mut self.peers[usize::from(from.0)];
        if last < peer.floor {
            // SAFETY 15: it had more on its disk than it has now. It was wiped, or restored.
            self.bar(from);
            return Err(Dropped::Incarnation);
        }
        // Counts once, for the round that it names (SAFETY 15).
        let is_new_round = round > peer.round;
        peer.round = peer.round.max(round);
        let is_news = peer.advance(progress);
        if is_news {
            self.settle_commit(out);
        }
        if self.role != Role::Leader {
            return Ok(());
        }
        let after = self.quorum_round();
        if after > before {
            self.patience.hear(self.now, &self.options.timing);
        }
        if after > before && errs!(self, LeaseFromReceipt) {
            self.lead.rounds[after as usize % ROUNDS_MAX] = self.now;
        }
        if is_new_round {
            self.resend(from, round, out);
        }
        self.confirm_reads(out);
        self.try_handover(out);
        Ok(())
    }

    /// The newest term in which this node may have helped a leader to a lease.
    pub(crate) fn lease_term_for_vote(&self) -> Term {
        let waited_ns = self.options.timing.waited_ns();
        let is_unsure = self.restarted.is_some_and(|since| self.now.least_since(since) < waited_ns);
        if is_unsure {
            // An earlier life may have answered anyone.
            return Term(u64::MAX);
        }
        self.lease_term.max(self.log.last().term)
    }

    /// Ends the hold-back if it may end (SAFETY 11, 12).
    pub(crate) fn try_open(&mut self) {
        if self.role != Role::Leader || self.lead.is_open {
            return;
        }
        let waited = self.now.least_since(self.lead.won) >= self.options.timing.waited_ns();
        let holder = self.holder;
        let announced = holder.was_open || errs!(self, EvidenceUnannounced);
        let is_newest = self.lease_seen <= holder.term || errs!(self, EvidenceOfOlder);
        let is_gone = holder.is_gone && announced && is_newest;
        let never = self.lease_seen == Term(0);
        if waited || is_gone || never || errs!(self, NoHoldBack) {
            self.lead.is_open = true;
            self.holder = Holder {
                term: self.hard.term,
                node: self.options.id,
                incarnation: self.incarnation,
                disk: self.disk,
                kept: Index(0),
                was_open: true,
                is_gone: false,
            };
        }
    }

    /// SAFETY 12, 13: proof that a life is over. Only this node's own probe is one.
    pub(crate) fn on_death(&mut self, node: NodeId, incarnation: Incarnation, out: &mut Output) {
        if self.holder.node == node && self.holder.incarnation == incarnation {
            self.holder.is_gone = true;
        }
        self.try_open();
        self.on_suspect(node, out);
    }

    /// SAFETY 12: the holder's own word is as good as its death.
    pub(crate) fn on_lease_released(&mut self, msg: &Message) {
        let Holder { term, node, incarnation, .. } = self.holder;
        if (term, node, incarnation) == (msg.term, msg.from, msg.incarnation) {
            self.holder.is_gone = true;
        }
        self.try_open();
    }

    /// Until when this node may say what depends on its log: nothing if it may not. The rim looks
    /// at both clocks again immediately before it sends (SAFETY 10).
    #[must_use]
    #[inline]
    pub fn speaks_until(&self) -> Option<Deadline> {
        if self.role != Role::Leader || !self.lead.is_open || self.lead.is_revoked {
            return None;
        }
        let round = self.quorum_round();
        if round == 0 || round + ROUNDS_MAX as u64 <= self.lead.round {
            return None;
        }
        // Thesis 6.4.1: from the time of sending, not from when the answers came in.
        let sent = self.lead.rounds[round as usize % ROUNDS_MAX];
        // SAFETY 26: whoever waits for this lease to end cannot know how patient this node is.
        let more_ns = match errs!(self, LeaseGrows) {
            true => self.patience_ns() - self.options.timing.election_ns,
            false => 0,
        };
        Some(sent.after(self.options.timing.held_ns() + more_ns))
    }

    /// True if this node may speak at the time of its last step.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.speaks_until().is_some_and(|until| !self.now.is_past(until))
    }

    /// True if the leader's hold-back is over.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.role == Role::Leader && self.lead.is_open && !self.lead.is_revoked
    }
}
