//! The shortest stories, to see that there is life.

use gavel_raft::memory::{Cluster, Disk};
use gavel_raft::{Config, DiskId, Input, NodeSet, Options, Role};
use gavel_types::{Index, NodeId};

fn cluster(nodes: u8) -> Cluster {
    let ids: Vec<u8> = (1..=nodes).collect();
    let config = Config::of_voters(NodeSet::of(&ids), DiskId(1));
    let mut cluster = Cluster::default();
    for id in ids {
        cluster.add(Options::new(NodeId(id), 7), Disk::new(DiskId(1), config));
    }
    cluster
}

#[test]
fn three_nodes_elect_and_commit() {
    let mut cluster = cluster(3);
    cluster.step(NodeId(1), Input::Campaign);
    assert!(cluster.stabilize(1_000));
    assert_eq!(cluster.violation, None);
    let host = cluster.host(NodeId(1)).unwrap();
    assert_eq!((host.raft.role(), host.raft.commit()), (Role::Leader, Index(1)));
    cluster.with(NodeId(1), |host, now, out| host.propose(now, 5, out));
    assert!(cluster.stabilize(1_000));
    assert_eq!(cluster.violation, None);
    cluster.pass(20_000_000);
    assert!(cluster.stabilize(1_000));
    for id in 1..=3 {
        assert_eq!(cluster.host(NodeId(id)).unwrap().raft.commit(), Index(2), "{id}");
    }
    assert_eq!(cluster.speakers(), NodeSet::of(&[1]));
}
