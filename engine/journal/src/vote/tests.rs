//! A vote is found again, whatever becomes of a write or of a copy.

use super::{
    VOTE_FILE_BYTES, VOTE_SLOT_BYTES, VoteLost, VoteRecord, encode, newest, slot_offset_bytes,
};
use crate::format::{DurableMark, UNIT_BYTES};
use crate::memory::Random;
use gavel_link::Position;
use gavel_types::Index;

fn body(seq: u64) -> Vec<u8> {
    (0..20 + seq as usize % 300).map(|n| (n as u64 * 7 + seq) as u8).collect()
}

fn mark(seq: u64) -> DurableMark {
    let position = Position { generation: seq as u16 % 9, index: Index(10 * seq) };
    DurableMark { position, block_seq: 3 * seq }
}

fn slot(seq: u64) -> Vec<u8> {
    let mut bytes = vec![0xee; VOTE_SLOT_BYTES];
    encode(&VoteRecord { seq, mark: mark(seq), body: &body(seq) }, &mut bytes);
    bytes
}

fn put(file: &mut [u8], seq: u64) {
    let at = slot_offset_bytes(seq) as usize;
    file[at..at + VOTE_SLOT_BYTES].copy_from_slice(&slot(seq));
}

fn written(records: u64) -> Vec<u8> {
    let mut file = vec![0; VOTE_FILE_BYTES];
    (1..=records).for_each(|seq| put(&mut file, seq));
    file
}

#[track_caller]
fn finds(file: &[u8], seq: u64) {
    let found = newest(file).expect("it can be read");
    match seq {
        0 => assert_eq!(found, None),
        _ => assert_eq!(found, Some(VoteRecord { seq, mark: mark(seq), body: &body(seq) })),
    }
}

#[test]
fn the_newest_is_found() {
    (0..6).for_each(|seq| finds(&written(seq), seq));
}

// A write that is torn between sectors leaves the record before it, or is there.
#[test]
fn a_torn_write_leaves_the_vote_before_it() {
    for seq in 1..6_u64 {
        for torn in 0..4 {
            let mut file = written(seq - 1);
            let at = slot_offset_bytes(seq) as usize;
            let new = slot(seq);
            for half in (0..2).filter(|half| torn & (1 << half) != 0) {
                let unit = half * UNIT_BYTES..(half + 1) * UNIT_BYTES;
                file[at + unit.start..at + unit.end].copy_from_slice(&new[unit]);
            }
            finds(&file, if torn == 0 { seq - 1 } else { seq });
        }
    }
}

#[test]
fn any_bit_of_one_copy_may_turn() {
    let mut random = Random::new(1);
    for seq in 1..6 {
        for _ in 0..2_000 {
            let mut file = written(seq);
            file[random.below(VOTE_FILE_BYTES)] ^= 1 << random.below(8);
            finds(&file, seq);
        }
    }
}

#[test]
fn a_vote_that_cannot_be_read_is_not_forgotten() {
    let mut file = written(4);
    for unit in 0..4 {
        file[unit * UNIT_BYTES + 100] ^= 1;
    }
    assert_eq!(newest(&file), Err(VoteLost));
    assert!(VoteLost.to_string().contains("must not vote again under this name"));
}

fn damage(file: &mut [u8], units: std::ops::Range<usize>) {
    for unit in units {
        file[unit * UNIT_BYTES + 100] ^= 1;
    }
}

// Raft 5.2: a node whose only vote is lost would vote again in the same term.
#[test]
fn a_first_vote_that_rotted_is_no_file_without_votes() {
    let mut file = written(1);
    damage(&mut file, 2..4);
    assert_eq!(newest(&file), Err(VoteLost));
    // One copy was torn off, the other rotted: that it was never told of is not known.
    for lost in 2..4 {
        let mut file = written(1);
        damage(&mut file, 2..4);
        file[lost * UNIT_BYTES..(lost + 1) * UNIT_BYTES].fill(0);
        assert_eq!(newest(&file), Err(VoteLost));
    }
}

// Raft 5.2: nor may the vote before it be taken for the newest.
#[test]
fn a_newest_vote_that_rotted_does_not_give_way_to_the_one_before() {
    for seq in 2..6 {
        let mut file = written(seq);
        let newer = slot_offset_bytes(seq) as usize / UNIT_BYTES;
        damage(&mut file, newer..newer + 2);
        assert_eq!(newest(&file), Err(VoteLost));
    }
}

// The other slot's second copy never came: nobody was told of what is there.
#[test]
fn a_torn_write_whose_one_copy_rotted_leaves_the_vote_before_it() {
    let mut file = written(1);
    file[..UNIT_BYTES].copy_from_slice(&slot(2)[..UNIT_BYTES]);
    damage(&mut file, 0..1);
    finds(&file, 1);
    let mut file = written(4);
    let at = slot_offset_bytes(5) as usize;
    file[at..at + UNIT_BYTES].copy_from_slice(&slot(5)[..UNIT_BYTES]);
    damage(&mut file, at / UNIT_BYTES..at / UNIT_BYTES + 1);
    finds(&file, 4);
}

#[test]
fn a_slot_that_another_was_written_over_may_have_held_a_vote() {
    let mut file = written(2);
    file[..VOTE_SLOT_BYTES].copy_from_slice(&slot(9));
    assert_eq!(newest(&file), Err(VoteLost));
    file[UNIT_BYTES..VOTE_SLOT_BYTES].copy_from_slice(&slot(2)[UNIT_BYTES..]);
    finds(&file, 2);
}

#[test]
fn bytes_that_are_no_votes_are_not_an_empty_file() {
    for unit in 0..4 {
        let mut file = written(0);
        file[unit * UNIT_BYTES + 4_000] = 1;
        assert_eq!(newest(&file), Err(VoteLost));
    }
}
