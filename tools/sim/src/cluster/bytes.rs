//! Entries as records of the journal, and what a node must not forget as the body of its vote.
//!
//! Inputs -> outputs: an [`Entry`] and its index <-> a [`LogRecord`]; a [`HardState`] <-> bytes.
//! Invariants: what is written and read back is the same, in every bit.
//! Limits: a configuration's disks are those of [`MEMBERS_MAX`] nodes at most.
//! Not here: what any of it means. (The journal does not know that these are no orders.)

use gavel_raft::limits::{MEMBERS_MAX, NODES_MAX};
use gavel_raft::memory::{Entry, Payload};
use gavel_raft::{ClusterGeneration, Config, DiskId, HardState, Incarnation, NodeSet};
use gavel_types::{Command, Index, LogRecord, Nanos, NodeId, SeqNo, SessionSlot, Stamp, Term};
use std::sync::Arc;

/// Kinds of records.
const NOOP: u8 = 1;
const VALUE: u8 = 2;
const CONFIG: u8 = 3;
const CONFIG_LEAVES: u8 = 4;

/// Bytes of a configuration before its disks: five sets, and who has a disk.
const CONFIG_HEAD_BYTES: usize = 24;

/// Bytes of a hard state: term, vote, generation, barred nodes, lives, whether it is superseded.
const HARD_BYTES: usize = 8 + 1 + 4 + 4 + 4 * NODES_MAX + 1;

const _: () = assert!(CONFIG_HEAD_BYTES + 4 * MEMBERS_MAX <= 88);
const _: () = assert!(HARD_BYTES <= gavel_journal::vote::VOTE_BODY_BYTES);

/// The stamp of an entry. Entries have no time here.
pub(super) fn stamp(index: Index, term: Term) -> Stamp {
    Stamp { index, term, time: Nanos(0) }
}

fn bits(set: NodeSet) -> u32 {
    set.iter().fold(0, |bits, node| bits | 1 << node.0)
}

fn set(bits: u32) -> NodeSet {
    let ids: Vec<u8> = (1..NODES_MAX as u8).filter(|id| bits & (1 << id) != 0).collect();
    NodeSet::of(&ids)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// An entry as a record.
pub(super) fn record(index: Index, entry: &Entry) -> LogRecord {
    let mut body = [0; 88];
    let (kind, len) = match &entry.payload {
        Payload::Noop => (NOOP, 0),
        Payload::Value(value) => {
            body[..8].copy_from_slice(&value.to_le_bytes());
            (VALUE, 8)
        }
        Payload::Config(config) => {
            let len = put_config(config, &mut body);
            (if config.auto_leave { CONFIG_LEAVES } else { CONFIG }, len)
        }
    };
    let command = Command {
        session: SessionSlot(0),
        kind,
        reserved: 0,
        len: len as u16,
        client_seq: SeqNo(0),
        body,
    };
    LogRecord { stamp: stamp(index, entry.term), command }
}

fn put_config(config: &Config, body: &mut [u8; 88]) -> usize {
    let Config { voters, outgoing, learners, learners_next, witnesses, disks, .. } = config;
    let with_disk = (0..NODES_MAX).filter(|id| disks[*id] != DiskId::NONE);
    let disk_bits = with_disk.clone().fold(0, |bits, id| bits | 1 << id);
    let sets = [*voters, *outgoing, *learners, *learners_next, *witnesses].map(bits);
    let words = sets.into_iter().chain([disk_bits]).chain(with_disk.map(|id| disks[id].0));
    let mut len = 0;
    for word in words {
        body[len..len + 4].copy_from_slice(&word.to_le_bytes());
        len += 4;
    }
    len
}

/// The entry that a record stands for.
///
/// # Panics
/// If it is of no kind that is written here: the journal's checks do not let that happen.
pub(super) fn entry(record: &LogRecord) -> Entry {
    let body = &record.command.body;
    let payload = match record.command.kind {
        NOOP => Payload::Noop,
        VALUE => {
            let low = u64::from(word(body, 0));
            Payload::Value(low | u64::from(word(body, 4)) << 32)
        }
        kind @ (CONFIG | CONFIG_LEAVES) => {
            Payload::Config(Arc::new(config(body, kind == CONFIG_LEAVES)))
        }
        kind => panic!("a record of kind {kind} was never written"),
    };
    Entry { term: record.stamp.term, payload }
}

fn config(body: &[u8], auto_leave: bool) -> Config {
    let sets: Vec<NodeSet> = (0..5).map(|place| set(word(body, 4 * place))).collect();
    let mut disks = [DiskId::NONE; NODES_MAX];
    let with_disk = word(body, CONFIG_HEAD_BYTES - 4);
    let mut at = CONFIG_HEAD_BYTES;
    for (id, disk) in disks.iter_mut().enumerate() {
        if with_disk & (1 << id) != 0 {
            *disk = DiskId(word(body, at));
            at += 4;
        }
    }
    Config {
        voters: sets[0],
        outgoing: sets[1],
        learners: sets[2],
        learners_next: sets[3],
        witnesses: sets[4],
        auto_leave,
        disks,
    }
}

/// What must not be forgotten, as bytes.
pub(super) fn hard_bytes(hard: &HardState) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HARD_BYTES);
    bytes.extend_from_slice(&hard.term.0.to_le_bytes());
    bytes.push(hard.vote.map_or(0, |vote| vote.0));
    bytes.extend_from_slice(&hard.generation.0.to_le_bytes());
    bytes.extend_from_slice(&bits(hard.barred).to_le_bytes());
    hard.seen.iter().for_each(|life| bytes.extend_from_slice(&life.0.to_le_bytes()));
    bytes.push(u8::from(hard.is_superseded));
    bytes
}

/// And back.
pub(super) fn hard_state(bytes: &[u8]) -> HardState {
    assert_eq!(bytes.len(), HARD_BYTES, "a hard state is written whole");
    let mut seen = [Incarnation(0); NODES_MAX];
    for (id, life) in seen.iter_mut().enumerate() {
        *life = Incarnation(word(bytes, 17 + 4 * id));
    }
    HardState {
        term: Term(u64::from(word(bytes, 0)) | u64::from(word(bytes, 4)) << 32),
        vote: (bytes[8] != 0).then_some(NodeId(bytes[8])),
        generation: ClusterGeneration(word(bytes, 9)),
        barred: set(word(bytes, 13)),
        seen,
        is_superseded: bytes[HARD_BYTES - 1] != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_as_they_were() {
        let mut config = Config::of_voters(NodeSet::of(&[1, 2, 31]), DiskId(7));
        config.outgoing = NodeSet::of(&[1, 3]);
        config.learners = NodeSet::of(&[4]);
        config.witnesses = NodeSet::of(&[31]);
        config.disks[3] = DiskId(u32::MAX);
        config.auto_leave = true;
        let other = Config { auto_leave: false, learners_next: NodeSet::of(&[5]), ..config };
        let payloads = [
            Payload::Noop,
            Payload::Value(u64::MAX - 5),
            Payload::Config(Arc::new(config)),
            Payload::Config(Arc::new(other)),
        ];
        for (place, payload) in payloads.into_iter().enumerate() {
            let one = Entry { term: Term(9), payload };
            assert_eq!(entry(&record(Index(place as u64 + 1), &one)), one);
        }
    }

    #[test]
    fn a_hard_state_comes_back_as_it_was() {
        let mut hard = HardState {
            term: Term(u64::MAX - 3),
            vote: Some(NodeId(31)),
            generation: ClusterGeneration(5),
            barred: NodeSet::of(&[2, 30]),
            is_superseded: true,
            ..HardState::default()
        };
        hard.seen[31] = Incarnation(77);
        for hard in [hard, HardState::default()] {
            assert_eq!(hard_state(&hard_bytes(&hard)), hard);
        }
    }
}
