//! Reads that a node was asked for, until they can be answered.
//!
//! Inputs -> outputs: the core's answers (at which index to read) -> answers to clients.
//! Invariants: a read is answered when its index is applied, and not by a leader's successor where
//! `local` is a rule.
//! Not here: how reads are asked for (node.rs), when an answer may leave (primary.rs).

use super::mutation::Mutation;
use super::node::{Asked, Node, Reply, Request, Unsent};
use super::rule::Rule;
use gavel_raft::{ReadKind, Role};
use gavel_types::{Index, Term};

/// A read that waits for its index, or until that is applied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) request: Request,
    pub(super) index: Option<Index>,
    /// Of the leader that was asked.
    pub(super) term: Term,
}

impl Node {
    /// Reads whose index is applied. A leader's wait for its lease besides.
    pub(super) fn finished_reads(&mut self) -> Vec<Unsent> {
        if self.reads.is_empty() && self.host.as_ref().is_none_or(|host| host.reads.is_empty()) {
            return Vec::new();
        }
        let floor = self.read_floor();
        let Some(host) = &mut self.host else { return Vec::new() };
        let mut done = Vec::new();
        // SAFETY 11: where `local` is a rule, an older leader may still speak, and what a newer one
        // has committed must not be seen before that ends.
        let (term, is_bound) = (host.raft.term(), self.policy.rule < Rule::Quorum);
        let is_over = |reading: &Reading| is_bound && reading.term != term;
        for answer in host.reads.drain(..) {
            let Some(reading) = self.reads.get_mut(&answer.context) else { continue };
            reading.index = answer.index.map(|index| index.max(floor));
            if answer.index.is_none() {
                let Reading { request, .. } = *reading;
                self.reads.remove(&answer.context);
                let reply = Reply::Redirect(request.op, host.raft.leader());
                done.push(Unsent::of_read(&request, reply, Index(0), term));
            }
        }
        let is_hasty = self.mutation == Some(Mutation::ReadBeforeApplied);
        let (leads, leader) = (host.raft.role() == Role::Leader, host.raft.leader());
        let leaks = leads && self.mutation == Some(Mutation::LocalReadLeaks);
        let applied = self.machine.applied();
        let is_ready = |reading: &Reading| {
            let is_applied = |index| index <= applied || is_hasty || leaks;
            reading.index.is_some_and(is_applied) || is_over(reading)
        };
        let ready: Vec<u64> =
            self.reads.iter().filter(|(_, read)| is_ready(read)).map(|(name, _)| *name).collect();
        for name in ready {
            let Some(reading) = self.reads.remove(&name) else { continue };
            let Reading { request, index, .. } = reading;
            let Asked::Read(key, kind) = request.ask else { continue };
            if is_over(&reading) {
                let reply = Reply::Redirect(request.op, leader);
                done.push(Unsent::of_read(&request, reply, Index(0), term));
                continue;
            }
            let read = (self.machine.read(key), index.unwrap_or_default());
            let (answer, index) = self.leaks(key).unwrap_or(read);
            let reply = Reply::Answer(request.op, answer);
            let unsent = Unsent::of_read(&request, reply, index, reading.term);
            let unsent = Unsent { seen: applied.max(index), ..unsent };
            // One that a round confirmed may leave without a lease.
            match kind {
                ReadKind::Lease if leads => self.unsent.push(unsent),
                _ => done.push(unsent),
            }
        }
        done
    }
}
