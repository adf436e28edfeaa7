//! The simulator's only randomness: one seed, one stream.
//!
//! Inputs -> outputs: a seed -> the same numbers, always.
//! Not here: any other source; the disk's own stream is seeded from this one.
//! Source: SplitMix64 (Steele, Lea and Flood 2014).

/// A stream of numbers that is a function of its seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A stream of its own, so that what it decides does not depend on how often others ask.
    pub fn split(&mut self) -> Self {
        Self(self.word())
    }

    /// A number below `bound`.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "there is a number below the bound");
        // The bias of the multiplication is below 2^-32 for the bounds used here.
        ((u128::from(self.word()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    ///
    /// # Panics
    /// If `low` is above `high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "a range has an element");
        low + self.below(high - low + 1)
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A place in a slice of this length.
    ///
    /// # Panics
    /// If `len` is 0.
    pub fn place(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A place drawn with these weights.
    ///
    /// # Panics
    /// If all weights are 0.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        let mut left = self.below(total);
        for (place, weight) in weights.iter().enumerate() {
            if left < u64::from(*weight) {
                return place;
            }
            left -= u64::from(*weight);
        }
        unreachable!("the draw is below the total")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_stream_and_a_split_is_another() {
        let (mut one, mut two) = (Random::new(7), Random::new(7));
        let first: Vec<u64> = (0..9).map(|_| one.word()).collect();
        assert_eq!(first, (0..9).map(|_| two.word()).collect::<Vec<_>>());
        assert_ne!(one.split().word(), two.word());
    }

    #[test]
    fn weights_of_nothing_are_never_drawn() {
        let mut random = Random::new(1);
        let mut drawn = [0_u32; 4];
        for _ in 0..4_000 {
            drawn[random.weighted(&[1, 0, 3, 0])] += 1;
        }
        assert_eq!((drawn[1], drawn[3]), (0, 0));
        assert!(drawn[0] > 800 && drawn[2] > 2_700, "{drawn:?}");
    }
}
