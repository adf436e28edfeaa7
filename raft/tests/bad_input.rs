//! Messages that nobody should have sent: none makes a core panic, and what is committed stays.

use gavel_raft::limits::READS_MAX;
use gavel_raft::memory::{Cargo, Cluster, Disk, Entry, Envelope, Payload};
use gavel_raft::{
    Append, Body, Change, ChangeRefusal, ClusterGeneration, Config, DiskId, Dropped, Incarnation,
    Input, Mark, Message, NodeSet, Options, Output, Progress, ReadKind, Refusal, Role, Run, Runs,
};
use gavel_types::{Index, NodeId, Term};

const DISK: DiskId = DiskId(1);

/// Node 1 leads two others, and some entries are committed everywhere.
fn cluster() -> Cluster {
    let config = Config::of_voters(NodeSet::of(&[1, 2, 3]), DISK);
    let mut cluster = Cluster::default();
    for id in 1..=3 {
        let options = Options { nodes: 10, ..Options::new(NodeId(id), 7) };
        cluster.add(options, Disk::new(DISK, config));
    }
    cluster.step(NodeId(1), Input::Campaign);
    assert!(cluster.stabilize(1_000));
    for value in 0..5 {
        cluster.with(NodeId(1), |host, now, out| host.propose(now, value, out));
    }
    assert!(cluster.stabilize(1_000));
    cluster.pass(20_000_000);
    assert!(cluster.stabilize(1_000));
    cluster
}

fn message(from: u8, to: u8, term: u64, body: Body) -> Message {
    Message {
        from: NodeId(from),
        to: NodeId(to),
        generation: ClusterGeneration(0),
        disk: DISK,
        incarnation: Incarnation(1),
        term: Term(term),
        body,
    }
}

fn heartbeat(commit: u64) -> Body {
    Body::Heartbeat {
        round: 1,
        commit: Index(commit),
        durable: Index(0),
        is_open: true,
        barred: NodeSet::EMPTY,
        config: Index(0),
    }
}

/// What becomes of a message.
fn dropped(cluster: &mut Cluster, msg: Message) -> Option<Dropped> {
    cluster.with(msg.to, |host, now, out| {
        host.step(now, Input::Message(&msg, &[]), out);
        host.dropped
    })?
}

#[test]
fn each_reason_to_drop_has_its_name() {
    let mut cluster = cluster();
    let ack = Body::AppendAck(Progress { received: Index(6), durable: Index(6) });
    let beyond = Body::AppendAck(Progress { received: Index(99), durable: Index(6) });
    let more_on_disk = Progress { received: Index(5), durable: Index(6) };
    let answer = |round| Body::HeartbeatAck { round, progress: more_on_disk, last: Index(6) };
    let reject =
        |prev, runs| Body::AppendReject { prev: Index(prev), last: Index(6), held: Index(6), runs };
    let from_nothing = Runs::one(Run { first: Index(0), term: Term(9) });
    let far = Append {
        prev: Mark { term: Term(1), index: Index(u64::MAX) },
        last: Index(u64::MAX),
        runs: Runs::default(),
        commit: Index(6),
    };
    let torn = Append {
        prev: Mark { term: Term(1), index: Index(6) },
        last: Index(9),
        runs: Runs::one(Run { first: Index(8), term: Term(1) }),
        commit: Index(6),
    };
    // SAFETY 15: whoever is not who it says, or was, changes nothing.
    let earlier_life = Message { incarnation: Incarnation(0), ..message(2, 1, 1, ack) };
    let other_disk = Message { disk: DiskId(9), ..message(2, 1, 1, ack) };
    let table = [
        (message(2, 1, 1, beyond), Dropped::Malformed),
        (message(1, 2, 1, Body::Append(torn)), Dropped::Malformed),
        (message(1, 2, 1, Body::Append(far)), Dropped::Malformed),
        (message(2, 1, 1, answer(1)), Dropped::Malformed),
        (message(2, 1, 1, reject(6, from_nothing)), Dropped::Malformed),
        (message(2, 1, 1, reject(u64::MAX, Runs::default())), Dropped::Malformed),
        (message(2, 1, u64::MAX, Body::TermOver), Dropped::Malformed),
        (message(9, 1, 1, ack), Dropped::Stranger),
        (message(9, 1, 7, Body::TermOver), Dropped::Stranger),
        (message(40, 1, 1, ack), Dropped::Address),
        (message(10, 1, 1, ack), Dropped::Address),
        (message(2, 2, 1, ack), Dropped::Address),
        (earlier_life, Dropped::Incarnation),
        (other_disk, Dropped::Disk),
        (message(2, 1, 0, ack), Dropped::Old),
        (message(3, 2, 1, ack), Dropped::Role),
        (message(3, 2, 1, heartbeat(6)), Dropped::TwoLeaders),
        (message(2, 1, 1, heartbeat(6)), Dropped::TwoLeaders),
    ];
    for (msg, expected) in table {
        assert_eq!(dropped(&mut cluster, msg), Some(expected), "{msg:?}");
    }
    assert_eq!(cluster.leader(), Some(NodeId(1)));
    assert_eq!(cluster.violation, None);
}

// Raft 5.4: who would have what is committed truncated is not believed.
#[test]
fn what_is_committed_is_not_truncated_whoever_asks() {
    let mut cluster = cluster();
    let append = Append {
        prev: Mark::default(),
        last: Index(3),
        runs: Runs::one(Run { first: Index(1), term: Term(5) }),
        commit: Index(3),
    };
    // The term is newer: from an impostor, or from a cluster that lost its memory.
    let msg = message(3, 2, 5, Body::Append(append));
    assert_eq!(dropped(&mut cluster, msg), Some(Dropped::Contradiction));
    assert_eq!(cluster.host(NodeId(2)).unwrap().entries.len(), 6);
}

// SAFETY 5: a leader takes only what was stamped with its own term.
#[test]
fn records_of_another_term_are_refused() {
    let mut cluster = cluster();
    let stale = Input::Appended { term: Term(0), last: Index(7), config: None };
    let mut raft = cluster.host(NodeId(1)).unwrap().raft.clone();
    let mut out = Output::default();
    raft.step(gavel_raft::Now::default(), stale, &mut out);
    assert_eq!(out.refused, Some(Refusal::OtherTerm));
    assert_eq!(raft.log().last().index, Index(6));
    assert!(out.send.is_empty());
    let own = Input::Appended { term: Term(1), last: Index(7), config: None };
    raft.step(gavel_raft::Now::default(), own, &mut out);
    assert_eq!((out.refused, raft.log().last().index), (None, Index(7)));
    let mut follower = cluster.host(NodeId(2)).unwrap().raft.clone();
    follower.step(gavel_raft::Now::default(), own, &mut out);
    assert_eq!(out.refused, Some(Refusal::NotLeader));
    assert_eq!(follower.role(), Role::Follower);
    cluster.pass(1);
}

// An operator who misspells a node's number is refused, and nothing ends.
#[test]
fn a_node_has_so_many_reads_that_wait_and_refuses_more() {
    let mut cluster = cluster();
    for id in [1, 2].map(NodeId) {
        for context in 0..=READS_MAX as u64 {
            cluster.step(id, Input::Read { context, kind: ReadKind::Index });
            let expected = (context == READS_MAX as u64).then_some(Refusal::TooManyReads);
            assert_eq!(cluster.host(id).unwrap().refused, expected, "{context} at node {id}");
        }
    }
}

// Raft 7: a snapshot that holds less than what is committed changes nothing, and a leader takes
// none.
#[test]
fn an_older_snapshot_is_refused() {
    let mut cluster = cluster();
    let config = Config::of_voters(NodeSet::of(&[1, 2, 3]), DISK);
    let config = gavel_raft::ConfigAt { index: Index(0), config };
    for (id, index) in [(2, 5), (2, 6), (1, 99)] {
        let mark = Mark { term: Term(1), index: Index(index) };
        cluster.step(NodeId(id), Input::Install(mark, &config));
        let host = cluster.host(NodeId(id)).unwrap();
        assert_eq!(host.refused, Some(Refusal::OldSnapshot), "node {id}, {index}");
        assert_eq!((host.raft.commit(), host.raft.log().base().index), (Index(6), Index(0)));
    }
}

#[test]
fn a_member_beyond_the_range_is_refused() {
    let cluster = cluster();
    let mut raft = cluster.host(NodeId(1)).unwrap().raft.clone();
    let mut out = Output::default();
    let mut change = Change { learners: NodeSet::of(&[12]), ..Change::default() };
    change.disks[12] = DISK;
    raft.step(gavel_raft::Now::default(), Input::Change(&change), &mut out);
    assert_eq!(out.refused, Some(Refusal::Change(ChangeRefusal::TooMany)));
    change = Change { learners: NodeSet::of(&[9]), ..change };
    change.disks[9] = DISK;
    raft.step(gavel_raft::Now::default(), Input::Change(&change), &mut out);
    assert_eq!(out.refused, None);
}

/// Numbers without a pattern.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (self.0 >> 33) % bound
    }

    fn index(&mut self) -> Index {
        if self.below(9) == 0 { Index(self.below(1 << 40)) } else { Index(self.below(10)) }
    }

    fn mark(&mut self) -> Mark {
        Mark { term: Term(self.below(4)), index: self.index() }
    }

    fn runs(&mut self) -> Runs {
        let mut runs = Runs::default();
        for _ in 0..self.below(5) {
            runs.push(Run { first: self.index(), term: Term(self.below(4)) });
        }
        runs
    }

    fn progress(&mut self) -> Progress {
        Progress { received: self.index(), durable: self.index() }
    }

    fn body(&mut self) -> Body {
        match self.below(16) {
            0 => Body::PreVote { next_term: Term(self.below(5)), last: self.mark() },
            1 => Body::PreVoteAnswer { next_term: Term(self.below(5)), granted: true },
            2 => Body::Vote { last: self.mark(), is_transfer: self.below(2) == 0 },
            3 => Body::VoteAnswer { granted: true, lease_term: Term(self.below(5)) },
            4..7 => Body::Append(Append {
                prev: self.mark(),
                last: self.index(),
                runs: self.runs(),
                commit: self.index(),
            }),
            7 => Body::AppendAck(self.progress()),
            8 => Body::AppendReject {
                prev: self.index(),
                last: self.index(),
                held: self.index(),
                runs: self.runs(),
            },
            9 => heartbeat(self.below(1 << 50)),
            10 => Body::HeartbeatAck {
                round: self.below(5),
                progress: self.progress(),
                last: self.index(),
            },
            11 => Body::TimeoutNow,
            12 => Body::LeaseReleased,
            13 => Body::Read { context: self.below(9), kind: ReadKind::Index },
            14 => Body::ReadAnswer { context: self.below(9), index: Some(self.index()) },
            _ => Body::TermOver,
        }
    }
}

/// Lies cannot be told from truth by a core alone, so that only so much is asked: no panic, and
/// what is committed stays. (Frames are authenticated before they come here.)
#[test]
fn no_message_makes_a_core_panic() {
    for seed in 0..400 {
        let mut draw = Draw(seed);
        let mut cluster = cluster();
        for _ in 0..60 {
            let (from, to) = (1 + draw.below(4) as u8, NodeId(1 + draw.below(3) as u8));
            let mut msg = message(from, to.0, draw.below(4), draw.body());
            msg.incarnation = Incarnation(1 + (draw.below(20) / 19) as u32);
            if matches!(msg.body, Body::Append(_)) && draw.below(2) == 0 {
                msg.term = Term(9);
            }
            // A frame has the entries that it names, or it is not handed over at all.
            let entries = match msg.body {
                Body::Append(append) if append.last.0 > append.prev.index.0 + 64 => continue,
                Body::Append(append) => entries_of(&append),
                _ => Vec::new(),
            };
            let cargo = Cargo::Raft(msg, entries);
            cluster.hand_over(&Envelope { from: NodeId(from), to, cargo });
            let host = cluster.host(to).unwrap();
            assert!(host.raft.commit() >= Index(6), "seed {seed}: commit never falls");
            assert!(host.raft.log().last().index >= host.raft.commit(), "seed {seed}");
        }
    }
}

/// Entries that an append speaks of, as far as it makes sense.
fn entries_of(append: &Append) -> Vec<Entry> {
    let count = append.last.0.saturating_sub(append.prev.index.0);
    let term = |place: u64| {
        let index = Index(append.prev.index.0 + 1 + place);
        let run = append.runs.as_slice().iter().rev().find(|run| run.first <= index);
        run.map_or(Term(0), |run| run.term)
    };
    let entry = |place| Entry { term: term(place), payload: Payload::Noop };
    (0..count).map(entry).collect()
}
