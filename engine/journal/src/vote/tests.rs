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

#[test]
fn a_copy_in_the_other_slot_is_nobody_s() {
    let mut file = written(2);
    let astray = slot(9);
    file[..VOTE_SLOT_BYTES].copy_from_slice(&astray);
    finds(&file, 1);
}
