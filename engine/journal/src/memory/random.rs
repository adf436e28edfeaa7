//! A small seeded generator (xorshift64*), so that a run can be played again.
//!
//! Inputs -> outputs: a seed -> the same numbers, always.
//! Not here: quality beyond what a shuffle needs.
//! Source: Vigna 2016, "An experimental exploration of Marsaglia's xorshift generators, scrambled".

/// The generator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A generator. Any seed will do.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        // Zero is a fixed point; near seeds should not begin alike.
        let mut random = Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 };
        random.word();
        random
    }

    /// The next number.
    pub const fn word(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    ///
    /// # Panics
    /// If `end` is 0.
    pub const fn below(&mut self, end: usize) -> usize {
        assert!(end > 0, "there is a number below the end");
        ((self.word() >> 11) % end as u64) as usize
    }

    /// True once in `n` times.
    pub const fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}
