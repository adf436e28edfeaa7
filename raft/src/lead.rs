//! Leading: what is sent to whom, what is committed.
//!
//! Invariants: a leader never truncates its own log; what is committed is durable on a majority and
//! reaches an entry of the leader's own term; nothing waits for the leader's own disk but its own
//! acknowledgement.
//! Limits: [`crate::Window`]; [`APPENDS_PER_STEP`].
//! Not here: leases and rounds (lease.rs), reads (reads.rs), members (membership.rs).
//! Source: Raft 5.3, 5.4.2, 8; Thesis 10.2.1.

use crate::clock::Now;
use crate::config::ConfigAt;
use crate::limits::{APPENDS_PER_STEP, ROUNDS_MAX, STALL_TIMEOUTS};
use crate::log::{LogPosition, Mark, Run, Runs};
use crate::message::{Append, Body, Progress};
use crate::peer::{Holder, Look, Pace};
use crate::port::{Dropped, Output, Refusal, Role, Want};
use crate::raft::{Raft, errs};
use crate::set::NodeSet;
use crate::transfer::Handover;
use gavel_types::{Index, NodeId, Term};

/// What a leader keeps for its term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lead {
    /// When it was elected.
    pub(crate) won: Now,
    /// Its hold-back is over.
    pub(crate) is_open: bool,
    /// It will not speak under this term's lease again.
    pub(crate) is_revoked: bool,
    /// The newest round of heartbeats.
    pub(crate) round: u64,
    /// When rounds were sent, by number modulo the length. Round 0 is the election itself.
    pub(crate) rounds: [Now; ROUNDS_MAX],
    /// The first entry of its own term; 0 until there is one.
    pub(crate) own_first: Index,
    /// Durable somewhere and received by a majority.
    pub(crate) held: Index,
    /// When `commit` last moved, or had nothing to move to.
    pub(crate) commit_moved: Now,
    /// When the configuration last changed: newcomers have not answered anything yet.
    pub(crate) config_changed: Now,
    /// A configuration was asked for and is not in the log yet.
    pub(crate) is_change_asked: bool,
    /// To whom it hands over.
    pub(crate) handover: Option<Handover>,
}

impl Default for Lead {
    fn default() -> Self {
        Self {
            won: Now::default(),
            is_open: false,
            is_revoked: false,
            round: 0,
            rounds: [Now::default(); ROUNDS_MAX],
            own_first: Index(0),
            held: Index(0),
            commit_moved: Now::default(),
            config_changed: Now::default(),
            is_change_asked: false,
            handover: None,
        }
    }
}

impl Raft {
    /// The election is won.
    pub(crate) fn lead_now(&mut self, out: &mut Output) {
        assert!(self.role == Role::Candidate, "a leader was a candidate");
        self.role = Role::Leader;
        self.leader = Some(self.options.id);
        self.lead = Lead {
            won: self.now,
            commit_moved: self.now,
            config_changed: self.now,
            ..Lead::default()
        };
        self.lead.rounds[0] = self.now;
        self.patience.turn(Some(self.now));
        self.lease_seen = self.lease_seen.max(self.log.last().term);
        self.lease_term = self.hard.term;
        let last = self.log.last().index;
        for node in self.others(self.config().members()) {
            self.peers[usize::from(node.0)].reset(last);
        }
        self.remember_holder();
        // Raft 8: an entry of its own term tells what is committed.
        out.want = Some(Want::Noop);
        self.try_open();
        self.begin_round(out);
    }

    /// SAFETY 15: the leader before had so much on its disk. What is committed is in this log too.
    fn remember_holder(&mut self) {
        let Holder { node, disk, kept, .. } = self.holder;
        if kept > Index(0) && node != self.options.id && self.config().disk_of(node) == disk {
            self.peers[usize::from(node.0)].floor = kept.min(self.log.last().index);
        }
    }

    /// It leads no more.
    pub(crate) fn end_leadership(&mut self) {
        // What it said under its lease, it said; from here on it says nothing (SAFETY 12).
        if self.lead.is_open {
            self.holder.is_gone = true;
        }
        self.lead.is_revoked = true;
        self.lead.handover = None;
    }

    /// True if the host may append what clients want.
    #[must_use]
    pub fn takes_proposals(&self) -> bool {
        self.role == Role::Leader && self.lead.handover.is_none()
    }

    /// True once an entry of its own term is committed: before that a leader does not know what is
    /// (Raft 8), and what it has could still give way to what another one has (Raft 5.4.2).
    #[inline]
    pub(crate) fn has_own_commit(&self) -> bool {
        self.lead.own_first > Index(0) && self.commit >= self.lead.own_first
    }

    pub(crate) fn on_appended(
        &mut self,
        term: Term,
        last: Index,
        config: Option<&ConfigAt>,
        out: &mut Output,
    ) {
        // SAFETY 5: what was stamped in another term is not this leader's.
        let refusal = match self.role {
            Role::Leader if term == self.hard.term => None,
            Role::Leader => Some(Refusal::OtherTerm),
            _ => Some(Refusal::NotLeader),
        };
        if refusal.is_some() {
            out.refused = refusal;
            return;
        }
        let before = self.log.last().index;
        if last <= before {
            return;
        }
        if self.commit == before {
            self.lead.commit_moved = self.now;
        }
        self.log.append(term, last);
        if self.lead.own_first == Index(0) {
            self.lead.own_first = before.next();
        }
        if let Some(config) = config {
            assert!(config.index == last, "a configuration ends what is appended");
            self.lead.is_change_asked = false;
            self.is_forced = false;
            self.push_config(*config);
        }
        if errs!(self, CountSelfBeforeSync) {
            self.log.set_durable(LogPosition { generation: self.log.generation(), index: last });
            self.settle_commit(out);
        }
        // Thesis 10.2.1: followers are sent entries before the leader's own disk has them.
        self.send_to_all(out);
    }

    fn send_to_all(&mut self, out: &mut Output) {
        for node in self.others(self.config().replicas()) {
            self.send_to(node, out);
        }
    }

    /// Sends what the peer's pace and window allow.
    #[inline]
    pub(crate) fn send_to(&mut self, node: NodeId, out: &mut Output) {
        let last = self.log.last().index;
        // Who has been sent everything is who most calls are for.
        if self.has_all(node, last) || !self.is_replica(node) {
            return;
        }
        for _ in 0..APPENDS_PER_STEP {
            if !self.send_one(node, out) || self.has_all(node, last) {
                return;
            }
        }
    }

    #[inline]
    fn has_all(&self, node: NodeId, last: Index) -> bool {
        let peer = &self.peers[usize::from(node.0)];
        peer.pace == Pace::Replicate && peer.next > last
    }

    fn is_replica(&self, node: NodeId) -> bool {
        self.config().replicas().has(node) && !self.hard.barred.has(node)
    }

    /// Sends one append, if there is cause and room. Says whether it did.
    #[inline]
    fn send_one(&mut self, node: NodeId, out: &mut Output) -> bool {
        let last = self.log.last().index;
        let window = self.options.window;
        let peer = &self.peers[usize::from(node.0)];
        let prev = Index(peer.next.0 - 1);
        let wants_more = match peer.pace {
            Pace::Probe => !peer.is_paused,
            Pace::Replicate => {
                let flying = (prev.0 - peer.received.0) * window.entry_bytes;
                let has_room = peer.in_flight() < window.appends && flying < window.bytes;
                prev < last && has_room
            }
            Pace::Snapshot => false,
        };
        if !wants_more {
            return false;
        }
        let Some(prev_term) = self.log.term_at(prev) else {
            self.send_snapshot(node, out);
            return false;
        };
        let until = last.min(Index(prev.0 + window.append_entries));
        let (runs, until) = self.runs_between(prev, until);
        let prev = Mark { term: prev_term, index: prev };
        let append = Append { prev, last: until, runs, commit: self.commit };
        self.say(node, Body::Append(append), out);
        let peer = &mut self.peers[usize::from(node.0)];
        match peer.pace {
            Pace::Probe => {
                peer.is_paused = true;
                peer.probed_at = self.lead.round;
            }
            _ => {
                peer.next = until.next();
                peer.sent(until);
            }
        }
        true
    }

    /// The end of the log is what is sent, nearly always: one run, found at once.
    #[inline]
    fn runs_between(&self, prev: Index, until: Index) -> (Runs, Index) {
        let own_first = self.lead.own_first;
        if own_first > Index(0) && prev.next() >= own_first && prev < until {
            return (Runs::one(Run { first: prev.next(), term: self.hard.term }), until);
        }
        self.log.runs_between(prev, until)
    }

    pub(crate) fn send_snapshot(&mut self, node: NodeId, out: &mut Output) {
        if self.snapshot.index >= self.log.base().index && self.snapshot.index > Index(0) {
            self.peers[usize::from(node.0)].wait_for_snapshot(self.snapshot.index);
            self.say(node, Body::Snapshot { mark: self.snapshot }, out);
        }
    }

    pub(crate) fn on_append_ack(
        &mut self,
        from: NodeId,
        progress: Progress,
        out: &mut Output,
    ) -> Result<(), Dropped> {
        if self.role != Role::Leader {
            return Err(Dropped::Role);
        }
        if !self.is_sound(progress) {
            return Err(Dropped::Malformed);
        }
        let peer = &mut self.peers[usize::from(from.0)];
        let is_news = peer.advance(progress);
        let leaves_snapshot = peer.pace == Pace::Snapshot && peer.received >= peer.snapshot;
        if peer.pace == Pace::Probe || leaves_snapshot {
            peer.pace = Pace::Replicate;
            peer.is_paused = false;
            peer.next = peer.received.next();
        }
        // What others have already brought about needs no second look.
        if is_news && (progress.durable > self.commit || progress.received > self.lead.held) {
            self.settle_commit(out);
        }
        if self.role == Role::Leader {
            self.send_to(from, out);
            self.try_handover(out);
        }
        Ok(())
    }

    /// True if a member could be so far: nobody has more than its leader, nor more on disk than at
    /// all.
    #[inline]
    pub(crate) fn is_sound(&self, progress: Progress) -> bool {
        progress.durable <= progress.received && progress.received <= self.log.last().index
    }

    /// Raft 5.3: steps back to where the logs agree, over whole runs at once.
    pub(crate) fn on_append_reject(
        &mut self,
        from: NodeId,
        prev: Index,
        (last, held): (Index, Index),
        runs: Runs,
        out: &mut Output,
    ) -> Result<(), Dropped> {
        if self.role != Role::Leader {
            return Err(Dropped::Role);
        }
        // What was sent lies in this log, and the runs that the answer names below it.
        let is_below = |run: &Run| run.first > Index(0) && run.first <= prev;
        if prev > self.log.last().index || !runs.as_slice().iter().all(is_below) {
            return Err(Dropped::Malformed);
        }
        let peer = &mut self.peers[usize::from(from.0)];
        if held < peer.floor {
            self.bar(from);
            return Err(Dropped::Incarnation);
        }
        let is_current = match peer.pace {
            // The first answer of a new life is to what was sent before it was known to be one.
            Pace::Probe => prev.next() == peer.next || !peer.is_paused,
            // A gap: something was lost on the way.
            Pace::Replicate => prev >= peer.received && prev < peer.next,
            Pace::Snapshot => false,
        };
        if !is_current {
            return Err(Dropped::Old);
        }
        let top = Index(prev.0.saturating_sub(1)).min(last);
        let common = self.log.parting(runs.as_slice(), top);
        if held > last {
            peer.lost(common);
        }
        peer.probe(common);
        self.send_to(from, out);
        Ok(())
    }

    pub(crate) fn on_snapshot_failed(&mut self, node: NodeId, out: &mut Output) {
        if self.role != Role::Leader || usize::from(node.0) >= self.peers.len() {
            out.refused = Some(Refusal::NotLeader);
            return;
        }
        let peer = &mut self.peers[usize::from(node.0)];
        if peer.pace == Pace::Snapshot {
            peer.probe(peer.received);
            // Tried again with the next heartbeat, not at once.
            peer.is_paused = true;
            peer.probed_at = self.lead.round;
        }
    }

    /// After a heartbeat was answered: what was lost on the way is sent again.
    pub(crate) fn resend(&mut self, from: NodeId, round: u64, out: &mut Output) {
        let newest = self.lead.round;
        let peer = &mut self.peers[usize::from(from.0)];
        let seen = peer.at_heartbeat;
        // What was sent before a round began is there when that is answered, unless it is lost.
        let is_later = round > seen.round;
        let stands_still =
            is_later && peer.received == seen.received && peer.received.next() < seen.next;
        match peer.pace {
            // A probe is lost if a heartbeat that left after it was answered before it.
            Pace::Probe => peer.is_paused &= round <= peer.probed_at,
            Pace::Replicate if !stands_still => {}
            // Told of the snapshot again, or sent entries, if it has enough for them by now.
            Pace::Replicate | Pace::Snapshot => peer.probe(peer.received),
        }
        if is_later {
            peer.at_heartbeat = Look { received: peer.received, next: peer.next, round: newest };
        }
        self.send_to(from, out);
    }

    /// Raises `commit` and `held` as far as the copies allow.
    #[inline]
    pub(crate) fn settle_commit(&mut self, out: &mut Output) {
        let own = Progress { received: self.log.last().index, durable: self.log.durable() };
        let reached = self.quorum_progress(own);
        // SAFETY 6, Raft 5.4.2: only entries of its own term count, and those before them.
        let own_first = self.lead.own_first;
        let is_own = |index: Index| own_first > Index(0) && index >= own_first;
        if reached.received > self.lead.held && is_own(reached.received) {
            self.settle_held(reached.received, own.durable);
        }
        let mut quorum = reached.durable;
        if errs!(self, HalfOfJoint) || errs!(self, LearnerCounts) {
            quorum = self.false_quorum();
        }
        if quorum > self.commit && (is_own(quorum) || errs!(self, CommitOldTerm)) {
            self.commit = quorum;
            self.lead.commit_moved = self.now;
            self.on_committed(out);
            self.try_handover(out);
        }
    }

    /// True if nobody else has anything that is not decided yet, so that this node's own disk,
    /// which is mostly there first, decides nothing either: cheaper than how far a majority is.
    #[inline]
    pub(crate) fn is_ahead_of_others(&self) -> bool {
        let decided = self.commit.min(self.lead.held);
        let mut others = self.others(self.config().all_voters()).peekable();
        others.peek().is_some()
            && others.all(|node| self.peers[usize::from(node.0)].received <= decided)
    }

    /// How far a majority is, in memory and on disk.
    #[inline]
    fn quorum_progress(&self, own: Progress) -> Progress {
        let copy = |node: NodeId| {
            // SAFETY 6: witnesses hold no copy.
            if self.config().witnesses.has(node) {
                return match errs!(self, WitnessCounts) {
                    true => Progress { received: own.received, durable: own.received },
                    false => Progress::default(),
                };
            }
            if node == self.options.id {
                return own;
            }
            let peer = &self.peers[usize::from(node.0)];
            Progress { received: peer.received, durable: peer.durable }
        };
        self.config().quorum_progress(copy)
    }

    /// SAFETY 6: received by a majority and durable on one node.
    #[inline]
    fn settle_held(&mut self, received: Index, own_durable: Index) {
        // The leader's own disk is one, and mostly there first.
        let is_somewhere = own_durable >= received;
        let held =
            if is_somewhere { received } else { received.min(Index(self.durable_somewhere())) };
        if held >= self.lead.own_first {
            self.lead.held = self.lead.held.max(held);
        }
    }

    fn durable_somewhere(&self) -> u64 {
        let durable = |node: NodeId| match node == self.options.id {
            true => self.log.durable().0,
            false => self.peers[usize::from(node.0)].durable.0,
        };
        self.config().replicas().iter().map(durable).max().unwrap_or(0)
    }

    /// Planted bugs: copies that are no majority.
    fn false_quorum(&self) -> Index {
        let mut config = *self.config();
        if errs!(self, LearnerCounts) {
            config.voters = config.members();
        }
        config.outgoing = NodeSet::EMPTY;
        Index(config.quorum_value(|node| match node == self.options.id {
            true => self.log.durable().0,
            false => self.peers[usize::from(node.0)].durable.0,
        }))
    }

    pub(crate) fn tick_leader(&mut self, out: &mut Output) {
        self.try_open();
        let timing = self.options.timing;
        // Thesis 6.2: a leader that no majority answers does not go on.
        let unchanged_ns = self.now.most_since(self.lead.config_changed);
        let silent_ns = self.now.most_since(self.answered_at()).min(unchanged_ns);
        let stalled_ns = self.now.least_since(self.lead.commit_moved);
        let is_stalled = self.commit < self.log.last().index
            && stalled_ns >= STALL_TIMEOUTS * timing.election_ns;
        // SAFETY 14: nor one that can commit nothing, though it is heard.
        if self.options.check_quorum && (silent_ns >= self.patience_ns() || is_stalled) {
            self.follow(self.hard.term, None, out);
            return;
        }
        self.tick_handover(out);
        self.on_committed(out);
        let newest = self.lead.rounds[self.lead.round as usize % ROUNDS_MAX];
        if self.role == Role::Leader && self.now.most_since(newest) >= timing.heartbeat_ns {
            self.begin_round(out);
        }
    }
}
