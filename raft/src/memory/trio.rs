//! Three cores on one thread, and nothing between them: what the protocol costs by itself.
//!
//! Inputs -> outputs: so many entries -> a round: appended, sent, written, acknowledged, committed.
//! Invariants: takes no memory after its election.
//! Not here: entries, faults (cluster.rs); clocks that measure (benches).

use crate::{
    Config, ConfigAt, DiskId, DurablePoint, HardState, Incarnation, Input, LogPosition, Mark,
    NodeSet, Now, Options, Output, Raft, Role, Start, Want,
};
use alloc::vec::Vec;
use gavel_types::{Index, Nanos, NodeId};

const DISK: DiskId = DiskId(1);

/// Three nodes; the first leads.
#[derive(Debug)]
pub struct Trio {
    nodes: Vec<Raft>,
    outs: Vec<Output>,
    now: Now,
    last: Index,
}

impl Default for Trio {
    fn default() -> Self {
        Self::new()
    }
}

impl Trio {
    /// Elects the first.
    ///
    /// # Panics
    /// If that fails: a bug.
    #[must_use]
    pub fn new() -> Self {
        let config = Config::of_voters(NodeSet::of(&[1, 2, 3]), DISK);
        let founding = [ConfigAt { index: Index(0), config }];
        let start = Start {
            hard: HardState::default(),
            disk: DISK,
            incarnation: Incarnation(1),
            log_generation: 0,
            snapshot: Mark::default(),
            runs: &[],
            base: Mark::default(),
            last: Index(0),
            commit: Index(0),
            configs: &founding,
            unsure: Mark::default(),
        };
        let now = Now::same(Nanos(1_000_000_000));
        let node = |id| Raft::new(Options::new(NodeId(id), 1), &start, now);
        let mut trio = Self {
            nodes: (1..=3).map(node).collect(),
            outs: (1..=3).map(|_| Output::default()).collect(),
            now,
            last: Index(0),
        };
        trio.step(0, Input::Campaign);
        trio.exchange();
        assert_eq!(trio.nodes[0].role(), Role::Leader, "the first leads");
        trio
    }

    fn step(&mut self, node: usize, input: Input<'_>) {
        self.nodes[node].step(self.now, input, &mut self.outs[node]);
    }

    /// Does what the outputs ask for, until they ask for nothing: the way of a test, not of a host.
    fn exchange(&mut self) {
        for _ in 0..100 {
            for node in 0..3 {
                if let Some((point, _)) = self.outs[node].hard_state.take() {
                    self.step(node, Input::HardDurable(point));
                }
                if self.outs[node].want.take() == Some(Want::Noop) {
                    self.append(node, 1);
                }
                for place in 0..self.outs[node].send.len() {
                    let send = self.outs[node].send[place];
                    let to = usize::from(send.msg.to.0) - 1;
                    self.step(to, Input::Message(&send.msg, &[]));
                    self.settle(to);
                }
                self.outs[node].clear();
            }
        }
    }

    /// The follower's disk is as quick as can be.
    fn settle(&mut self, node: usize) {
        if let Some(accept) = self.outs[node].accept {
            let at = LogPosition { generation: accept.generation, index: accept.last };
            self.step(node, Input::Durable(at));
        }
    }

    fn append(&mut self, node: usize, entries: u64) {
        let term = self.nodes[node].term();
        let last = Index(self.nodes[node].log().last().index.0 + entries);
        self.last = last;
        self.step(node, Input::Appended { term, last, config: None });
        let at = LogPosition { generation: self.nodes[node].log().generation(), index: last };
        self.step(node, Input::Durable(at));
    }

    /// One round: so many entries are appended, sent to both followers, written by all three,
    /// acknowledged and committed. Eight steps, four messages.
    ///
    /// # Panics
    /// If it does not commit: a bug.
    pub fn round(&mut self, entries: u64) {
        self.now.boot.0 += 300;
        self.now.raw.0 += 300;
        self.append(0, entries);
        // A host reads messages where they are made, and takes no copy.
        let [leader, followers @ ..] = &mut self.outs[..] else { return };
        for send in &leader.send {
            debug_assert_eq!(send.after, DurablePoint(0), "entries wait for nothing");
            let to = usize::from(send.msg.to.0) - 1;
            let (node, out) = (&mut self.nodes[to], &mut followers[to - 1]);
            node.step(self.now, Input::Message(&send.msg, &[]), out);
            let accept = out.accept.expect("an append in its turn is taken");
            let at = LogPosition { generation: accept.generation, index: accept.last };
            node.step(self.now, Input::Durable(at), out);
        }
        leader.clear();
        for out in followers {
            for answer in &out.send {
                self.nodes[0].step(self.now, Input::Message(&answer.msg, &[]), leader);
            }
            out.clear();
        }
        assert_eq!(self.nodes[0].commit(), self.last, "a round commits what it appended");
    }

    /// Time passes: heartbeats and their answers.
    ///
    /// # Panics
    /// If the leader is lost over it: a bug.
    pub fn beat(&mut self, ns: u64) {
        self.now.boot.0 += ns;
        self.now.raw.0 += ns;
        for node in 0..3 {
            self.step(node, Input::Tick);
        }
        self.exchange();
        assert_eq!(self.nodes[0].role(), Role::Leader, "heartbeats keep a leader");
    }

    /// Two elections: the second leads, and then the first again.
    ///
    /// # Panics
    /// If either does not: a bug.
    pub fn change_leaders(&mut self) {
        for (from, to) in [(0, 1), (1, 0)] {
            self.step(from, Input::Transfer(self.nodes[to].id()));
            self.exchange();
            assert_eq!(self.nodes[to].role(), Role::Leader, "a transfer ends with its successor");
        }
    }
}
