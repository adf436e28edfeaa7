//! Reads that see all that was acknowledged before they were asked for.
//!
//! Invariants: a read index is confirmed by a round of heartbeats that began after the question;
//! every question has a name of its own, never used again; nothing is answered before an entry of
//! the leader's own term is committed, nor in its hold-back (SAFETY 11).
//! Limits: [`READS_MAX`] that wait. All that wait for one round cost one round.
//! Not here: waiting until the index is applied: the host does.
//! Source: Thesis 6.4, 6.4.1; Raft 8.

use crate::clock::Now;
use crate::limits::READS_MAX;
use crate::message::{Body, ReadKind};
use crate::port::{Dropped, Output, ReadAnswer, Refusal, Role};
use crate::raft::{Raft, errs};
use gavel_types::{Index, NodeId};

/// A read that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PendingRead {
    /// Who asked; this node for its own.
    from: NodeId,
    /// The asker's name for it.
    context: u64,
    /// On a leader: the answer, once the round is confirmed.
    index: Index,
    /// On a leader: the round that confirms it. On a follower: the question's name on the way.
    round: u64,
    /// When it was asked.
    since: Now,
}

impl Raft {
    pub(crate) fn on_read(&mut self, context: u64, kind: ReadKind, out: &mut Output) {
        let id = self.options.id;
        let refusal = match (self.role, self.leader) {
            (Role::Leader, _) => self.read_as_leader(id, context, kind, out).err(),
            (_, Some(leader)) if self.reads.len() < READS_MAX => {
                // An answer to a question of an earlier life must not be taken for this one's.
                self.next_context += 1;
                let life = if errs!(self, ReadNameReused) { 0 } else { self.incarnation.0 };
                let name = u64::from(life) << 32 | u64::from(self.next_context);
                let since = self.now;
                let read = PendingRead { from: id, context, index: Index(0), round: name, since };
                self.reads.push(read);
                self.say(leader, Body::Read { context: name, kind }, out);
                None
            }
            (_, Some(_)) => Some(Refusal::TooManyReads),
            (_, None) => Some(Refusal::NotLeader),
        };
        out.refused = refusal;
    }

    pub(crate) fn on_remote_read(
        &mut self,
        from: NodeId,
        context: u64,
        kind: ReadKind,
        out: &mut Output,
    ) -> Result<(), Dropped> {
        if self.role != Role::Leader {
            return Err(Dropped::Role);
        }
        if self.read_as_leader(from, context, kind, out).is_err() {
            self.say(from, Body::ReadAnswer { context, index: None }, out);
        }
        Ok(())
    }

    fn read_as_leader(
        &mut self,
        from: NodeId,
        context: u64,
        kind: ReadKind,
        out: &mut Output,
    ) -> Result<(), Refusal> {
        // Thesis 6.4: until then it does not know what is committed.
        let knows = self.has_own_commit() || errs!(self, ReadBeforeOwnCommit);
        // SAFETY 11: nothing that depends on the log leaves in the hold-back.
        if !knows || !self.is_open() {
            return Err(Refusal::NotServing);
        }
        let by_lease = kind == ReadKind::Lease && self.is_serving();
        let read = PendingRead { from, context, index: self.commit, round: 0, since: self.now };
        if by_lease || errs!(self, ReadWithoutRound) {
            self.answer_read(read, Some(read.index), out);
            return Ok(());
        }
        if self.reads.len() >= READS_MAX {
            return Err(Refusal::TooManyReads);
        }
        // A round that is on its way began before the question; the next one takes all that come
        // until it begins.
        let waits = !self.reads.is_empty();
        let fresh = self.lead.round + u64::from(!errs!(self, ReadByOldRound));
        self.reads.push(PendingRead { round: fresh, ..read });
        if !waits && !errs!(self, ReadByOldRound) {
            self.begin_round(out);
        } else {
            self.confirm_reads(out);
        }
        Ok(())
    }

    /// Answers what the rounds answered so far confirm, and begins the next round if some wait for
    /// one.
    pub(crate) fn confirm_reads(&mut self, out: &mut Output) {
        if self.reads.is_empty() {
            return;
        }
        let confirmed = self.quorum_round();
        let mut place = 0;
        while place < self.reads.len() {
            let read = self.reads[place];
            if read.round <= confirmed {
                self.reads.remove(place);
                self.answer_read(read, Some(read.index), out);
            } else {
                place += 1;
            }
        }
        let newest = self.lead.round;
        if self.reads.iter().any(|read| read.round > newest) && confirmed == newest {
            self.begin_round(out);
        }
    }

    fn answer_read(&self, read: PendingRead, index: Option<Index>, out: &mut Output) {
        if read.from == self.options.id {
            out.reads.push(ReadAnswer { context: read.context, index });
        } else {
            self.say(read.from, Body::ReadAnswer { context: read.context, index }, out);
        }
    }

    pub(crate) fn on_read_answer(
        &mut self,
        context: u64,
        index: Option<Index>,
        out: &mut Output,
    ) -> Result<(), Dropped> {
        let is_asked = |read: &PendingRead| read.round == context;
        let place = self.reads.iter().position(is_asked).filter(|_| self.role != Role::Leader);
        let Some(place) = place else { return Err(Dropped::Old) };
        let read = self.reads.remove(place);
        out.reads.push(ReadAnswer { context: read.context, index });
        Ok(())
    }

    /// What waits will not be answered: its asker has to ask again.
    pub(crate) fn fail_reads(&mut self, out: &mut Output) {
        while let Some(read) = self.reads.pop() {
            self.answer_read(read, None, out);
        }
    }

    /// A question whose answer was lost is given up after an election timeout.
    pub(crate) fn expire_reads(&mut self, out: &mut Output) {
        let election_ns = self.options.timing.election_ns;
        while let Some(read) = self.reads.first().copied() {
            if self.now.least_since(read.since) < election_ns {
                return;
            }
            self.reads.remove(0);
            self.answer_read(read, None, out);
        }
    }
}
