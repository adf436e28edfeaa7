//! Crate `openraft`: three nodes as tasks of one thread, which call each other.
//!
//! Invariants: a round of many is handed over without waiting, and then waited for as a whole,
//! which is how it batches.
//! Not here: what its nodes store (store.rs); how they call each other (calls.rs).

mod calls;
mod store;

use crate::Trio;
use calls::{Addresses, Calls};
use openraft::{Config, EmptyNode, Raft, SnapshotPolicy};
use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;
use store::{Log, Machine};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

openraft::declare_raft_types!(
    pub(crate) Types:
        D = u64,
        R = (),
        NodeId = u64,
        Node = EmptyNode,
        SnapshotData = Cursor<Vec<u8>>,
);

pub(crate) struct Cluster {
    runtime: Runtime,
    tasks: LocalSet,
    leader: Raft<Types>,
    logs: Vec<Log>,
}

impl Cluster {
    pub(crate) fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let tasks = LocalSet::new();
        let (leader, logs) = tasks.block_on(&runtime, start());
        Self { runtime, tasks, leader, logs }
    }
}

/// Three nodes; the first leads.
async fn start() -> (Raft<Types>, Vec<Log>) {
    let config = Config {
        heartbeat_interval: 500,
        election_timeout_min: 5_000,
        election_timeout_max: 10_000,
        max_payload_entries: 512,
        snapshot_policy: SnapshotPolicy::Never,
        ..Config::default()
    };
    let config = Arc::new(config.validate().expect("the options fit together"));
    let addresses = Addresses::default();
    let (mut nodes, mut logs) = (Vec::new(), Vec::new());
    for id in 1..=3 {
        let log = Log::default();
        logs.push(log.clone());
        let calls = Calls::new(addresses.clone());
        let node = Raft::new(id, config.clone(), calls, log, Machine::default());
        let node = node.await.expect("a node starts");
        addresses.borrow_mut().insert(id, node.clone());
        nodes.push(node);
    }
    let members: BTreeMap<u64, EmptyNode> = (1..=3).map(|id| (id, EmptyNode {})).collect();
    nodes[0].initialize(members).await.expect("a new cluster");
    let wait = nodes[0].wait(None);
    wait.current_leader(1, "the first leads").await.expect("the first leads");
    (nodes.swap_remove(0), logs)
}

async fn rounds(leader: &Raft<Types>, rounds: u64, entries: u64) {
    let mut answers = Vec::with_capacity(entries as usize);
    for round in 0..rounds {
        for _ in 0..entries {
            answers.push(leader.client_write_ff(round).await.expect("a leader takes proposals"));
        }
        for answer in answers.drain(..) {
            answer.await.expect("it answers").expect("it commits");
        }
    }
}

impl Trio for Cluster {
    fn name(&self) -> &'static str {
        "openraft 0.9.25"
    }

    fn rounds(&mut self, count: u64, entries: u64) {
        self.tasks.block_on(&self.runtime, rounds(&self.leader, count, entries));
    }

    fn rest(&mut self) {
        let Some(last) = self.logs.iter().map(Log::last).min() else { return };
        let trigger = self.leader.trigger();
        let purged = trigger.purge_log(last.saturating_sub(1_000));
        self.tasks.block_on(&self.runtime, purged).expect("it runs");
    }

    fn rounds_a_run(&self) -> u64 {
        5_000
    }
}
