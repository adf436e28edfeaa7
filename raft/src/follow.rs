//! Following: what a node takes from its leader.
//!
//! Invariants: what is committed is never truncated; nothing is committed here that was not
//! verified to be the leader's; an old message changes nothing.
//! Not here: entries: [`Accept`] says which of them the host takes.
//! Source: Raft 5.3, 7; figure 2, AppendEntries.

use crate::config::ConfigAt;
use crate::limits::NUMBER_MAX;
use crate::log::{LogPosition, Mark, Run};
use crate::message::{Append, Body, Message, Progress};
use crate::peer::Holder;
use crate::port::{Accept, Dropped, Output, Refusal, Restored, Role};
use crate::raft::{Raft, errs};
use gavel_types::{Index, NodeId};

impl Raft {
    /// Whoever speaks as leader of this node's term is its leader.
    pub(crate) fn acknowledge_leader(
        &mut self,
        msg: &Message,
        out: &mut Output,
    ) -> Result<(), Dropped> {
        // Raft 5.2: at most one leader a term.
        let is_second = self.leader.is_some_and(|leader| leader != msg.from);
        if self.role == Role::Leader || is_second {
            return Err(Dropped::TwoLeaders);
        }
        let is_same = self.holder.term == msg.term && self.holder.incarnation == msg.incarnation;
        if is_same && self.holder.is_gone {
            // SAFETY 12: what a life that is over had sent is no sign of life. Its entries are as
            // good as any, and its last words count.
            let is_sign = matches!(msg.body, Body::Heartbeat { .. });
            return if is_sign { Err(Dropped::Old) } else { Ok(()) };
        }
        if self.leader.is_none() {
            self.follow(self.hard.term, Some(msg.from), out);
        }
        self.heard = Some(self.now);
        self.waits_since = self.now;
        self.lease_term = self.hard.term;
        let says_open = matches!(msg.body, Body::Heartbeat { is_open: true, .. });
        if !is_same {
            self.patience.turn(None);
            self.holder = Holder {
                term: msg.term,
                node: msg.from,
                incarnation: msg.incarnation,
                disk: msg.disk,
                kept: Index(0),
                was_open: false,
                is_gone: false,
            };
        }
        // SAFETY 12: only what the holder itself announced, in a heartbeat that was seen here.
        self.holder.was_open |= says_open;
        // The leader was suspected, and lives; or it comes at other intervals than before.
        let mut is_new = self.waits_ns < self.options.timing.election_ns;
        if matches!(msg.body, Body::Heartbeat { .. }) {
            self.patience.hear(self.now, &self.options.timing);
            is_new |= self.drawn_for_ns != self.patience_ns();
        }
        if is_new {
            self.draw_timeout();
        }
        Ok(())
    }

    pub(crate) fn on_append(
        &mut self,
        from: NodeId,
        append: &Append,
        configs: &[ConfigAt],
        out: &mut Output,
    ) -> Result<(), Dropped> {
        let Append { prev, last, runs, commit } = *append;
        if let Some(taken) = self.take_next(append, configs, out) {
            self.settle_unsure();
            self.verified = taken;
            self.advance_commit(commit);
            self.acknowledge(out);
            return Ok(());
        }
        let is_sound = prev.index <= last
            && last.0 <= NUMBER_MAX
            && runs.are_sound(prev.index.next(), last, prev.term, self.hard.term);
        if !is_sound {
            return Err(Dropped::Malformed);
        }
        // Raft 5.3: the consistency check. What is committed here is in every leader's log (Raft
        // 5.4), so that only what lies behind it needs looking at.
        let fits = self.log.term_at(prev.index) == Some(prev.term)
            || prev.index < self.commit
            || (errs!(self, PrevUnchecked) && prev.index <= self.log.last().index);
        if !fits {
            let last = self.log.last().index;
            let (runs, held) = (self.log.runs_below(prev.index), last.max(self.unsure.index));
            self.say(from, Body::AppendReject { prev: prev.index, last, held, runs }, out);
            return Ok(());
        }
        let taken = self.take(append, configs, out)?;
        self.settle_unsure();
        self.verified = self.verified.max(taken);
        self.advance_commit(commit);
        self.acknowledge(out);
        Ok(())
    }

    /// Takes the entries that the log lacks, and answers how far it is the leader's now.
    fn take(
        &mut self,
        append: &Append,
        configs: &[ConfigAt],
        out: &mut Output,
    ) -> Result<Index, Dropped> {
        let last = append.last;
        // Raft 5.3: only a conflict truncates. A stale, shorter append does not.
        let mut conflict = self.first_conflict(append);
        if errs!(self, TruncateOnMatch) && conflict.is_none() && last < self.log.last().index {
            conflict = Some(last.next());
        }
        if conflict.is_some_and(|first| first <= self.commit) {
            return Err(Dropped::Contradiction);
        }
        if let Some(first) = conflict {
            self.log.truncate(Index(first.0 - 1));
            self.configs_truncated(Index(first.0 - 1));
        }
        let keep = self.log.last().index;
        self.verified = self.verified.max(keep.min(last));
        for (place, run) in append.runs.as_slice().iter().enumerate() {
            let next = append.runs.as_slice().get(place + 1);
            let run_last = next.map_or(last, |next| Index(next.first.0 - 1));
            if run_last <= self.log.last().index {
                continue;
            }
            self.log.append(run.term, run_last);
        }
        let taken = self.log.last().index.min(last);
        if taken > keep || conflict.is_some() {
            let generation = self.log.generation();
            out.accept = Some(Accept { keep, last: taken.max(keep), generation });
        }
        for config in configs.iter().filter(|at| at.index > keep && at.index <= taken) {
            self.push_config(*config);
        }
        Ok(taken)
    }

    /// The next entries of the term that the log ends in, as nearly all appends are: well formed,
    /// and they fit.
    #[inline]
    fn take_next(
        &mut self,
        append: &Append,
        configs: &[ConfigAt],
        out: &mut Output,
    ) -> Option<Index> {
        let keep = append.prev.index;
        let is_next = append.prev == self.log.last() && append.last > keep;
        let is_next = is_next && append.last.0 <= NUMBER_MAX && configs.is_empty();
        match append.runs.as_slice() {
            [run] if is_next && *run == (Run { first: keep.next(), term: append.prev.term }) => {
                self.log.append(run.term, append.last);
                let generation = self.log.generation();
                out.accept = Some(Accept { keep, last: append.last, generation });
                Some(append.last)
            }
            _ => None,
        }
    }

    /// The first index, behind what is committed and compacted, at which log and append differ.
    fn first_conflict(&self, append: &Append) -> Option<Index> {
        let from = append.prev.index.max(self.log.base().index);
        let mut runs = crate::log::Runs::default();
        for (place, run) in append.runs.as_slice().iter().enumerate() {
            let next = append.runs.as_slice().get(place + 1);
            let run_last = next.map_or(append.last, |next| Index(next.first.0 - 1));
            if run_last > from {
                let first = run.first.max(from.next());
                runs.push(crate::log::Run { first, term: run.term });
            }
        }
        self.log.conflict(runs.as_slice(), append.last)
    }

    /// Raft 5.3, figure 2: as far as the leader has committed, and as far as this log is known to
    /// be the leader's.
    pub(crate) fn advance_commit(&mut self, commit: Index) {
        let bound =
            if errs!(self, CommitUnverified) { self.log.last().index } else { self.verified };
        self.commit = self.commit.max(commit.min(bound));
    }

    pub(crate) fn progress(&self) -> Progress {
        let durable = self.log.durable().min(self.verified);
        Progress { received: self.verified, durable }
    }

    /// Tells the leader how far this node is.
    pub(crate) fn acknowledge(&self, out: &mut Output) {
        if let Some(leader) = self.leader {
            self.say(leader, Body::AppendAck(self.progress()), out);
        }
    }

    pub(crate) fn on_durable(&mut self, at: LogPosition, out: &mut Output) {
        let mut at = at;
        if errs!(self, OldCompletionCounts) {
            at.generation = self.log.generation();
            at.index = at.index.min(self.log.last().index);
        }
        if !self.log.set_durable(at) {
            return;
        }
        match self.role {
            Role::Leader if self.is_ahead_of_others() && !errs!(self, WitnessCounts) => {}
            Role::Leader => self.settle_commit(out),
            // SAFETY 1: the answer says nothing of what lies beyond the leader's own entries.
            _ if self.verified > Index(0) => self.acknowledge(out),
            _ => {}
        }
    }

    pub(crate) fn on_heartbeat(
        &mut self,
        from: NodeId,
        round: u64,
        commit: Index,
        durable: Index,
        out: &mut Output,
    ) {
        // SAFETY 15: whoever leads next will know whether this one's disk was put back.
        self.holder.kept = self.holder.kept.max(commit.min(durable));
        self.advance_commit(commit);
        let (progress, last) = (self.progress(), self.log.last().index.max(self.unsure.index));
        self.say(from, Body::HeartbeatAck { round, progress, last }, out);
    }

    /// Raft 7: the leader has no entries to send, but a snapshot.
    pub(crate) fn on_snapshot(&mut self, from: NodeId, mark: Mark, out: &mut Output) {
        if mark.index <= self.commit && !errs!(self, OldSnapshotInstalled) {
            self.verified = self.verified.max(mark.index);
            self.acknowledge(out);
        } else {
            out.fetch = Some((from, mark));
        }
    }

    /// A snapshot is here, whole and verified.
    pub(crate) fn on_install(&mut self, mark: Mark, config: &ConfigAt, out: &mut Output) {
        if self.role == Role::Leader {
            out.refused = Some(Refusal::OldSnapshot);
            return;
        }
        // A snapshot wins only if it is ahead of what is committed.
        if mark.index <= self.commit && !errs!(self, OldSnapshotInstalled) {
            out.refused = Some(Refusal::OldSnapshot);
            self.verified = self.verified.max(mark.index);
            self.acknowledge(out);
            return;
        }
        let keeps_tail = self.log.restore(mark);
        self.settle_unsure();
        self.configs_restored(mark.index, *config, keeps_tail);
        self.commit = mark.index;
        self.snapshot = mark;
        // What is committed is in every leader's log.
        self.verified = self.verified.max(mark.index);
        let generation = self.log.generation();
        out.restored = Some(Restored { mark, keeps_tail, generation });
        self.acknowledge(out);
    }

    /// Up to where entries may be given up: SAFETY 2.
    fn decided(&self) -> Index {
        self.commit.min(self.log.durable())
    }

    pub(crate) fn on_snapshotted(&mut self, index: Index, out: &mut Output) {
        match self.log.term_at(index) {
            Some(term) if index <= self.decided() && index >= self.snapshot.index => {
                self.snapshot = Mark { term, index };
            }
            _ => out.refused = Some(Refusal::NotDecided),
        }
    }

    pub(crate) fn on_compacted(&mut self, index: Index, out: &mut Output) {
        if index > self.decided() || index > self.snapshot.index {
            out.refused = Some(Refusal::NotDecided);
            return;
        }
        self.log.compact(index);
    }
}
