//! A node that lacks part of what it had acknowledged, and knows it (SAFETY 3).

use gavel_raft::memory::{Cluster, Disk};
use gavel_raft::{Config, DiskId, Input, NodeSet, Options, Refusal, Role};
use gavel_types::{Index, NodeId};

const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);
const THREE: NodeId = NodeId(3);

/// Longer than any election timeout.
const LONG_NS: u64 = 10_000_000_000;

/// Three nodes: 1 leads, and has committed five values with 2; 3 has received none of them. Then
/// the disk of 2 is damaged from its third entry on, and it starts again.
fn damaged() -> Cluster {
    let mut cluster = Cluster::default();
    let founding = Config::of_voters(NodeSet::of(&[1, 2, 3]), DiskId(1));
    for id in [ONE, TWO, THREE] {
        cluster.add(Options::new(id, u64::from(id.0)), Disk::new(DiskId(1), founding));
    }
    cluster.step(ONE, Input::Campaign);
    assert!(cluster.stabilize(1_000));
    cluster.cuts = vec![(ONE, THREE), (THREE, ONE)];
    for value in 0..5 {
        cluster.with(ONE, |host, now, out| assert!(host.propose(now, value, out)));
        assert!(cluster.stabilize(1_000));
    }
    assert_eq!(cluster.host(ONE).map(|host| host.raft.commit()), Some(Index(6)));
    cluster.crash(TWO);
    let disk = cluster.slots.get_mut(&TWO).and_then(|slot| slot.disk.as_mut());
    let disk = disk.expect("it does not run");
    disk.unsure = disk.mark(Index(disk.entries.len() as u64));
    disk.entries.truncate(2);
    cluster.start(TWO);
    cluster
}

fn is_unsure(cluster: &Cluster) -> bool {
    cluster.host(TWO).is_some_and(|host| host.raft.is_unsure())
}

#[test]
fn an_unsure_node_does_not_campaign() {
    let mut cluster = damaged();
    cluster.step(TWO, Input::Campaign);
    let refused = cluster.host(TWO).and_then(|host| host.refused);
    assert_eq!(refused, Some(Refusal::CannotLead));
    cluster.crash(ONE);
    cluster.pass(LONG_NS);
    assert!(cluster.host(TWO).is_some_and(|host| host.raft.role() == Role::Follower));
}

#[test]
fn what_an_unsure_node_helped_to_commit_is_not_voted_away() {
    let mut cluster = damaged();
    cluster.crash(ONE);
    for _ in 0..5 {
        cluster.pass(LONG_NS);
        cluster.step(THREE, Input::Campaign);
        assert!(cluster.stabilize(1_000));
        assert_eq!(cluster.leader(), None, "3 lacks what 1 and 2 have committed");
    }
    // Who has all of it is elected, and 2 helps.
    cluster.start(ONE);
    cluster.cuts = vec![(THREE, ONE), (ONE, THREE), (THREE, TWO), (TWO, THREE)];
    cluster.pass(LONG_NS);
    cluster.step(ONE, Input::Campaign);
    assert!(cluster.stabilize(1_000));
    assert_eq!(cluster.leader(), Some(ONE));
}

#[test]
fn a_leader_sends_an_unsure_node_what_it_lost_and_counts_it_again() {
    let mut cluster = damaged();
    assert!(is_unsure(&cluster));
    for _ in 0..5 {
        cluster.pass(60_000_000);
        assert!(cluster.stabilize(1_000));
    }
    assert!(!is_unsure(&cluster));
    let (one, two) = (cluster.host(ONE), cluster.host(TWO));
    assert_eq!(two.map(|host| &host.entries), one.map(|host| &host.entries));
    let barred = one.map(|host| host.raft.hard_state().barred);
    assert_eq!(barred, Some(NodeSet::EMPTY), "it is not taken for wiped");
    cluster.with(ONE, |host, now, out| assert!(host.propose(now, 9, out)));
    assert!(cluster.stabilize(1_000));
    assert_eq!(cluster.host(ONE).map(|host| host.raft.commit()), Some(Index(7)));
    assert!(cluster.violation.is_none(), "{:?}", cluster.violation);
}
