//! What is done with a message before anybody looks at what it says.
//!
//! Inputs -> outputs: a message -> dropped, with the reason; or handed to whoever knows what to do.
//! Invariants: what comes from another cluster, an earlier life, another disk or an older term
//! changes nothing; a newer term is taken over before anything else.
//! Not here: what messages mean (election.rs, follow.rs, lead.rs and their neighbours).
//! Source: Raft 5.1; Thesis 4.2.3; SAFETY 15, 16.

use crate::config::{ConfigAt, DiskId};
use crate::limits::NUMBER_MAX;
use crate::message::{Body, Incarnation, Message};
use crate::port::{Dropped, Output, Role};
use crate::raft::{Raft, errs};
use crate::set::is_id;
use gavel_types::{Index, NodeId, Term};

impl Raft {
    pub(crate) fn on_message(&mut self, msg: &Message, configs: &[ConfigAt], out: &mut Output) {
        out.dropped = match self.admit(msg, out) {
            Ok(()) => match self.settle_term(msg, out) {
                Ok(()) => self.dispatch(msg, configs, out).err(),
                Err(dropped) => Some(dropped),
            },
            Err(dropped) => Some(dropped),
        };
    }

    /// Whether the sender is somebody to listen to, on this subject (SAFETY 15).
    fn admit(&mut self, msg: &Message, out: &mut Output) -> Result<(), Dropped> {
        let Message { from, to, .. } = *msg;
        let in_range = is_id(from) && usize::from(from.0) < self.options.nodes;
        if to != self.options.id || from == to || !in_range {
            return Err(Dropped::Address);
        }
        let member_disk = self.config().disk_of(from);
        let is_member = member_disk == msg.disk && member_disk != DiskId::NONE;
        if msg.generation != self.hard.generation {
            self.on_other_generation(msg, is_member, out)?;
        }
        if is_member {
            let seen = self.hard.seen[usize::from(from.0)];
            if msg.incarnation < seen {
                return Err(Dropped::Incarnation);
            }
            if msg.incarnation > seen {
                self.on_new_life(from, msg.incarnation);
            }
            if self.hard.barred.has(from) && !msg.body.is_of_leader() {
                return Err(Dropped::Incarnation);
            }
            return Ok(());
        }
        // This node's configuration may be old: whoever was elected is to be followed, and whoever
        // asks for a vote may have it (its log decides). Answers count from members only.
        let may_ask = matches!(msg.body, Body::PreVote { .. } | Body::Vote { .. });
        if may_ask || msg.body.is_of_leader() || errs!(self, WipedDiskCounts) {
            return Ok(());
        }
        let is_known = member_disk != DiskId::NONE;
        Err(if is_known { Dropped::Disk } else { Dropped::Stranger })
    }

    /// SAFETY 16: a lower generation is refused once a higher one was seen.
    fn on_other_generation(
        &mut self,
        msg: &Message,
        is_member: bool,
        out: &mut Output,
    ) -> Result<(), Dropped> {
        if msg.generation < self.hard.generation {
            let asks = matches!(msg.body, Body::PreVote { .. } | Body::Vote { .. });
            if asks || msg.body.is_of_leader() {
                self.say(msg.from, Body::TermOver, out);
            }
            return Err(Dropped::Generation);
        }
        let is_new = self.hard.term == Term(0) && self.log.last().index == Index(0);
        if is_new && msg.body.is_of_leader() {
            self.hard.generation = msg.generation;
            self.hard_changed();
            return Ok(());
        }
        if is_member || msg.body.is_of_leader() {
            // What this node holds may contradict what the new cluster holds.
            self.follow(self.hard.term, None, out);
            self.hard.is_superseded = true;
            self.hard_noted();
        }
        Err(Dropped::Generation)
    }

    /// SAFETY 6: what a member had received, and not written, died with its life.
    fn on_new_life(&mut self, from: NodeId, incarnation: Incarnation) {
        self.hard.seen[usize::from(from.0)] = incarnation;
        self.hard_noted();
        if self.role == Role::Leader && !errs!(self, ReceivedSurvives) {
            self.peers[usize::from(from.0)].restarted();
        }
    }

    /// Raft 5.1: a newer term is taken over, an older one is told so.
    fn settle_term(&mut self, msg: &Message, out: &mut Output) -> Result<(), Dropped> {
        if msg.body == Body::LeaseReleased {
            self.on_lease_released(msg);
        }
        if msg.term > self.hard.term {
            if msg.term.0 > NUMBER_MAX {
                return Err(Dropped::Malformed);
            }
            let binds = match msg.body {
                Body::PreVote { .. } => false,
                Body::PreVoteAnswer { granted, .. } => !granted,
                // Thesis 4.2.3: who hears a leader does not take part in deposing it.
                Body::Vote { is_transfer, .. } if !is_transfer && self.is_promised() => {
                    return Err(Dropped::Role);
                }
                _ => true,
            };
            if binds {
                let leader = msg.body.is_of_leader().then_some(msg.from);
                self.follow(msg.term, leader, out);
            }
            return Ok(());
        }
        if msg.term == self.hard.term {
            return Ok(());
        }
        match msg.body {
            // Who is behind in terms may still say that it would vote: the question names its term.
            Body::PreVoteAnswer { granted: true, .. } => return Ok(()),
            Body::PreVote { next_term, .. } => {
                self.say(msg.from, Body::PreVoteAnswer { next_term, granted: false }, out);
            }
            Body::Vote { .. } => self.deny(msg.from, out),
            body if body.is_of_leader() => self.say(msg.from, Body::TermOver, out),
            _ => {}
        }
        Err(Dropped::Old)
    }

    fn dispatch(
        &mut self,
        msg: &Message,
        configs: &[ConfigAt],
        out: &mut Output,
    ) -> Result<(), Dropped> {
        let from = msg.from;
        if msg.body.is_of_leader() {
            self.acknowledge_leader(msg, out)?;
        }
        match msg.body {
            Body::Append(append) => return self.on_append(from, &append, configs, out),
            Body::AppendAck(progress) => return self.on_append_ack(from, progress, out),
            Body::AppendReject { prev, last, held, runs } => {
                return self.on_append_reject(from, prev, (last, held), runs, out);
            }
            Body::Heartbeat { round, commit, durable, barred, config, .. } => {
                self.learn_barred(barred, config);
                self.on_heartbeat(from, round, commit, durable, out);
            }
            Body::HeartbeatAck { round, progress, last } => {
                return self.on_heartbeat_ack(from, round, progress, last, out);
            }
            Body::PreVote { next_term, last } => self.on_pre_vote(from, next_term, last, out),
            Body::PreVoteAnswer { next_term, granted } => {
                return self.on_pre_vote_answer(from, next_term, granted, out);
            }
            Body::Vote { last, .. } => self.on_vote(from, last, out),
            Body::VoteAnswer { granted, lease_term } => {
                return self.on_vote_answer(from, granted, lease_term, out);
            }
            Body::Snapshot { mark } => self.on_snapshot(from, mark, out),
            Body::TimeoutNow => self.on_timeout_now(out),
            Body::Read { context, kind } => return self.on_remote_read(from, context, kind, out),
            Body::ReadAnswer { context, index } => return self.on_read_answer(context, index, out),
            // Its successor was told, and has a moment.
            Body::LeaseReleased => self.lose(from, 2 * self.options.timing.heartbeat_ns),
            Body::TermOver => {}
        }
        Ok(())
    }
}
