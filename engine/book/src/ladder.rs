//! One side of one book: which prices have a level, best price first at hand.
//!
//! Inputs -> outputs: a price in, its level out; the best level out.
//! Invariants: rungs are sorted, the best at the end, so a change near the best moves little; one
//! rung a price.
//! Limits: `levels_max` rungs, fixed at construction. Finding is logarithmic in the rungs; adding
//! or removing one moves the rungs that are better than it, 16 bytes each.
//! Not here: what a level holds (levels.rs).
//!
//! A sorted array is a deliberate choice for the present: it is small, exact at any price range,
//! and behind this interface it can be replaced by a tick ladder with bitmaps.

use alloc::vec::Vec;
use gavel_types::{Price, Side};

/// Larger is better, on either side.
#[inline]
fn rank(side: Side, price: Price) -> i64 {
    match side {
        Side::Buy => price.0,
        Side::Sell => -price.0,
    }
}

#[derive(Clone, Copy, Debug)]
struct Rung {
    rank: i64,
    level: u32,
}

/// The prices of one side.
#[derive(Debug)]
pub(crate) struct Ladder {
    rungs: Vec<Rung>,
    side: Side,
    levels_max: u32,
}

impl Ladder {
    /// `rungs_max` is the most that can ever be needed, `levels_max` the most that is allowed.
    pub(crate) fn new(side: Side, levels_max: u32, rungs_max: u32) -> Self {
        Self { rungs: Vec::with_capacity(levels_max.min(rungs_max) as usize), side, levels_max }
    }

    /// The level at a price, if there is one.
    #[inline]
    pub(crate) fn find(&self, price: Price) -> Option<u32> {
        self.place(price).ok().map(|at| self.rungs[at].level)
    }

    /// The level that trades first.
    #[inline]
    pub(crate) fn best(&self) -> Option<u32> {
        self.rungs.last().map(|rung| rung.level)
    }

    /// Adds a level.
    ///
    /// # Panics
    /// If there is one at this price, or no room: callers look first.
    #[inline]
    pub(crate) fn insert(&mut self, price: Price, level: u32) {
        assert!(!self.is_full(), "room is decided before anything changes");
        let at = self.place(price).expect_err("there is one level a price");
        self.rungs.insert(at, Rung { rank: rank(self.side, price), level });
    }

    /// Removes the level at a price.
    ///
    /// # Panics
    /// If there is none.
    #[inline]
    pub(crate) fn remove(&mut self, price: Price) {
        let at = self.place(price).expect("a level that is removed is there");
        self.rungs.remove(at);
    }

    /// Levels there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.rungs.len()
    }

    /// True if no level can be added.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.is_full_after(0)
    }

    /// True if no level could be added once `freed` of those there are gone.
    #[inline]
    pub(crate) fn is_full_after(&self, freed: usize) -> bool {
        self.rungs.len() - freed >= self.levels_max as usize
    }

    /// The levels, best first.
    pub(crate) fn best_first(&self) -> impl Iterator<Item = u32> + '_ {
        self.rungs.iter().rev().map(|rung| rung.level)
    }

    /// The levels, worst first.
    pub(crate) fn worst_first(&self) -> impl Iterator<Item = u32> + '_ {
        self.rungs.iter().map(|rung| rung.level)
    }

    /// True if a level at this price would be the best.
    pub(crate) fn is_best(&self, price: Price) -> bool {
        self.rungs.last().is_none_or(|best| best.rank < rank(self.side, price))
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.rungs.capacity() * size_of::<Rung>()
    }

    #[inline]
    fn place(&self, price: Price) -> Result<usize, usize> {
        let rank = rank(self.side, price);
        self.rungs.binary_search_by(|rung| rung.rank.cmp(&rank))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(ladder: &Ladder) -> Vec<u32> {
        ladder.best_first().collect()
    }

    #[test]
    fn the_best_bid_is_the_highest_and_the_best_ask_the_lowest() {
        for (side, best_first) in [(Side::Buy, [30, 20, 10]), (Side::Sell, [10, 20, 30])] {
            let mut ladder = Ladder::new(side, 3, 100);
            for price in [20, 10, 30] {
                assert!(!ladder.is_full());
                ladder.insert(Price(price), price as u32);
            }
            assert!(ladder.is_full());
            assert_eq!(shown(&ladder), best_first);
            assert_eq!(ladder.best(), Some(best_first[0]));
            assert_eq!(ladder.find(Price(20)), Some(20));
            assert_eq!(ladder.find(Price(21)), None);
            ladder.remove(Price(20));
            assert_eq!(shown(&ladder), [best_first[0], best_first[2]]);
        }
    }

    #[test]
    #[should_panic(expected = "one level a price")]
    fn a_price_has_one_level() {
        let mut ladder = Ladder::new(Side::Buy, 3, 3);
        ladder.insert(Price(1), 0);
        ladder.insert(Price(1), 1);
    }
}
