//! Where a search has been: sets of operations as bits, and the configurations that were met.
//!
//! Inputs -> outputs: a configuration -> whether it can lead to anything new.
//! Invariants: of two configurations that differ in open operations only, and of which one used a
//! part of what the other used, the other is never new. Nothing is kept as a mere hash: a collision
//! would be a false violation.
//! Limits: the search's.
//! Source: Lowe 2017.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

const WORD_BITS: usize = u64::BITS as usize;

/// A set of ranks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bits(Box<[u64]>);

/// A set of ranks without the words that are full at its front and empty at its back: operations
/// are taken nearly in order, so little is left.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Middle {
    full_words: usize,
    words: Box<[u64]>,
}

impl Bits {
    /// None of so many.
    pub(super) fn new(count: usize) -> Self {
        Self(vec![0; count.div_ceil(WORD_BITS)].into())
    }

    pub(super) fn has(&self, rank: usize) -> bool {
        self.0[rank / WORD_BITS] >> (rank % WORD_BITS) & 1 == 1
    }

    pub(super) fn set(&mut self, rank: usize) {
        self.0[rank / WORD_BITS] |= 1 << (rank % WORD_BITS);
    }

    pub(super) fn clear(&mut self, rank: usize) {
        self.0[rank / WORD_BITS] &= !(1 << (rank % WORD_BITS));
    }

    fn is_within(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(mine, theirs)| mine & !theirs == 0)
    }

    fn middle(&self) -> Middle {
        let full_words = self.0.iter().take_while(|word| **word == u64::MAX).count();
        let rest = &self.0[full_words..];
        let until = rest.iter().rposition(|word| *word != 0).map_or(0, |last| last + 1);
        Middle { full_words, words: rest[..until].into() }
    }
}

/// Words into one: nobody chooses histories so that they collide, and what has equal hashes is
/// compared.
#[derive(Debug, Default)]
struct Mixer(u64);

impl Mixer {
    fn mix(&mut self, word: u64) {
        let mixed = u128::from(self.0 ^ word) * 0x9E37_79B9_7F4A_7C15_u128;
        self.0 = (mixed ^ mixed >> 64) as u64;
    }
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.mix(u64::from_le_bytes(word) ^ (part.len() as u64) << 59);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.mix(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The configurations that were met.
#[derive(Debug)]
pub(super) struct Seen<S> {
    /// By answered operations taken, and the state: the sets of open ones used, none of which is a
    /// part of another.
    used: HashMap<(Middle, S), Vec<Bits>, BuildHasherDefault<Mixer>>,
    count: usize,
}

impl<S: Clone + Eq + Hash> Seen<S> {
    /// With room for so many: one for each operation is usual.
    pub(super) fn with_room(count: usize) -> Self {
        let used = HashMap::with_capacity_and_hasher(count, BuildHasherDefault::default());
        Self { used, count: 0 }
    }

    /// Keeps a configuration. False if what it can lead to was, or is being, tried already.
    pub(super) fn is_new(&mut self, taken: &Bits, state: &S, used: &Bits) -> bool {
        let met = self.used.entry((taken.middle(), state.clone())).or_default();
        if met.iter().any(|met| met.is_within(used)) {
            return false;
        }
        met.retain(|met| !used.is_within(met));
        met.push(used.clone());
        self.count += 1;
        true
    }

    /// Configurations that were new.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(count: usize, ranks: impl IntoIterator<Item = usize>) -> Bits {
        let mut bits = Bits::new(count);
        ranks.into_iter().for_each(|rank| bits.set(rank));
        bits
    }

    #[test]
    fn sets_with_the_same_middle_are_the_same() {
        let one = bits(300, (0..130).chain([140]));
        assert_eq!(one.middle().full_words, 2);
        assert_eq!(one.middle().words.len(), 1);
        let mut other = bits(300, (0..130).chain([140, 299]));
        assert_ne!(one.middle(), other.middle());
        other.clear(299);
        assert_eq!(one.middle(), other.middle());
        assert_ne!(bits(128, 0..64).middle(), bits(128, 64..128).middle());
    }

    #[test]
    fn who_used_more_is_not_new_and_who_used_less_is() {
        let mut seen = Seen::with_room(4);
        let taken = bits(9, 0..3);
        assert!(seen.is_new(&taken, &'a', &bits(9, [1, 2])));
        assert!(!seen.is_new(&taken, &'a', &bits(9, [1, 2])));
        assert!(!seen.is_new(&taken, &'a', &bits(9, [1, 2, 5])));
        assert!(seen.is_new(&taken, &'a', &bits(9, [2])), "it used less");
        assert!(seen.is_new(&taken, &'a', &bits(9, [1])), "it used something else");
        assert!(seen.is_new(&taken, &'b', &bits(9, [2])), "another state");
        assert!(seen.is_new(&bits(9, 0..4), &'a', &bits(9, [2])), "others are taken");
        assert_eq!(seen.count(), 5);
    }
}
