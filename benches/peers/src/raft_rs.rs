//! Crate `raft`: three raw nodes over its storage in memory, which a loop turns.
//!
//! Invariants: entries of a batch are proposed by one message, which is the cheapest way it has.

use crate::Trio;
use raft::eraftpb::{ConfState, Entry, Message, MessageType};
use raft::storage::MemStorage;
use raft::{Config, RawNode, StateRole};
use slog::{Discard, Logger, o};

/// Entries that the storage keeps when it is made smaller.
const KEPT: u64 = 64;

pub(crate) struct Cluster {
    nodes: Vec<RawNode<MemStorage>>,
    /// Messages on their way, and room for those that come of them.
    wire: Vec<Message>,
    applied: Vec<u64>,
}

impl Cluster {
    pub(crate) fn new() -> Self {
        let members = ConfState::from((vec![1, 2, 3], Vec::new()));
        let logger = Logger::root(Discard, o!());
        let node = |id| {
            let config = Config {
                id,
                election_tick: 10,
                heartbeat_tick: 1,
                max_size_per_msg: u64::MAX,
                max_inflight_msgs: 256,
                max_uncommitted_size: u64::MAX,
                check_quorum: true,
                pre_vote: true,
                ..Config::default()
            };
            let storage = MemStorage::new_with_conf_state(members.clone());
            RawNode::new(&config, storage, &logger).expect("the options fit together")
        };
        let mut cluster =
            Self { nodes: (1..=3).map(node).collect(), wire: Vec::new(), applied: vec![0; 3] };
        cluster.nodes[0].campaign().expect("a voter may campaign");
        cluster.turn();
        assert_eq!(cluster.nodes[0].raft.state, StateRole::Leader, "the first leads");
        cluster
    }

    /// Until nobody has anything to do.
    fn turn(&mut self) {
        loop {
            let mut is_quiet = true;
            for place in 0..self.nodes.len() {
                if self.nodes[place].has_ready() {
                    is_quiet = false;
                    self.take_ready(place);
                }
            }
            if is_quiet && self.wire.is_empty() {
                return;
            }
            for message in std::mem::take(&mut self.wire) {
                let place = message.to as usize - 1;
                self.nodes[place].step(message).expect("its own messages are understood");
            }
        }
    }

    /// Does what a node asks for, in the order that its documents give.
    fn take_ready(&mut self, place: usize) {
        let node = &mut self.nodes[place];
        let mut ready = node.ready();
        self.wire.extend(ready.take_messages());
        for entry in ready.take_committed_entries() {
            self.applied[place] = entry.index;
        }
        {
            let mut storage = node.raft.raft_log.store.wl();
            storage.append(ready.entries()).expect("entries follow each other");
            if let Some(hard) = ready.hs() {
                storage.set_hardstate(hard.clone());
            }
        }
        self.wire.extend(ready.take_persisted_messages());
        let mut light = node.advance(ready);
        if let Some(commit) = light.commit_index() {
            node.raft.raft_log.store.wl().mut_hard_state().commit = commit;
        }
        self.wire.extend(light.take_messages());
        for entry in light.take_committed_entries() {
            self.applied[place] = entry.index;
        }
        node.advance_apply();
    }
}

impl Trio for Cluster {
    fn name(&self) -> &'static str {
        "raft 0.7.0"
    }

    fn rounds(&mut self, rounds: u64, entries: u64) {
        for _ in 0..rounds {
            let mut proposal = Message::default();
            proposal.set_msg_type(MessageType::MsgPropose);
            proposal.from = 1;
            proposal.entries = vec![Entry::default(); entries as usize].into();
            let before = self.applied[0];
            self.nodes[0].step(proposal).expect("a leader takes proposals");
            self.turn();
            assert_eq!(self.applied[0], before + entries, "a round commits what it proposed");
        }
    }

    fn rest(&mut self) {
        for node in &mut self.nodes {
            node.tick();
        }
        self.turn();
        for (node, applied) in self.nodes.iter_mut().zip(&self.applied) {
            let index = applied.saturating_sub(KEPT).max(1);
            node.raft.raft_log.store.wl().compact(index).expect("what was applied may go");
        }
    }

    fn rounds_a_run(&self) -> u64 {
        20_000
    }
}
