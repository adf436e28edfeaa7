//! One row of price levels of one symbol: bids, asks, or stops that wait; the first one at hand.
//!
//! Inputs -> outputs: a price in ticks in, its level out; the level that is first, the one after
//! another.
//! Invariants: one level a price; `first` is the level that trades (or is elected) first.
//! Limits: `levels_max` levels; pages of the venue (pages.rs).
//! Not here: what a level holds (levels.rs).

use crate::pages::{NONE, PAGES_PER_KEY_MAX, Pages, Tree};

/// Which prices come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// High ones: bids, and stops of sales.
    High,
    /// Low ones: asks, and stops of buys.
    Low,
}

/// Keys have 63 bits.
const KEYS: u64 = u64::MAX >> 1;

/// The levels of one row.
#[derive(Debug)]
pub(crate) struct Ladder {
    tree: Tree,
    /// Turns the first price into the highest key: all ones, or all zeros.
    flip: u64,
    /// The level that comes first, NONE if there is none.
    first: u32,
    first_key: u64,
    len: u32,
}

impl Ladder {
    pub(crate) const fn new(first: First) -> Self {
        let flip = match first {
            First::High => 0,
            First::Low => KEYS,
        };
        Self { tree: Tree::new(), flip, first: NONE, first_key: 0, len: 0 }
    }

    /// The level at a price, if there is one.
    #[inline]
    pub(crate) fn find(&self, pages: &Pages, ticks: u64) -> Option<u32> {
        pages.find(&self.tree, ticks ^ self.flip)
    }

    /// Fetches what tells whether there is a level at a price.
    #[inline(always)]
    pub(crate) fn fetch(&self, pages: &Pages, ticks: u64) {
        pages.fetch(&self.tree, ticks ^ self.flip);
    }

    /// The level that comes first.
    #[inline]
    pub(crate) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    /// True if the first level is at a price, or before it: an order of the other side with this
    /// limit meets it.
    #[inline]
    pub(crate) fn reaches(&self, ticks: u64) -> bool {
        self.first != NONE && self.first_key >= ticks ^ self.flip
    }

    /// The level that comes after a price, whether or not there is one at that price.
    #[inline]
    pub(crate) fn after(&self, pages: &Pages, ticks: u64) -> Option<u32> {
        pages.below(&self.tree, ticks ^ self.flip)
    }

    /// The level that comes before a price, whether or not there is one at that price.
    pub(crate) fn before(&self, pages: &Pages, ticks: u64) -> Option<u32> {
        pages.above(&self.tree, ticks ^ self.flip)
    }

    /// Adds a level.
    ///
    /// # Panics
    /// If there is one at this price, or no room: callers look first.
    #[inline]
    pub(crate) fn insert(&mut self, pages: &mut Pages, ticks: u64, level: u32) {
        let key = ticks ^ self.flip;
        pages.insert(&mut self.tree, key, level);
        self.len += 1;
        if self.first == NONE || key > self.first_key {
            (self.first, self.first_key) = (level, key);
        }
    }

    /// Removes the level at a price.
    ///
    /// # Panics
    /// If there is none.
    #[inline]
    pub(crate) fn remove(
        &mut self,
        pages: &mut Pages,
        ticks: u64,
        price_ticks: impl Fn(u32) -> u64,
    ) {
        let key = ticks ^ self.flip;
        pages.remove(&mut self.tree, key);
        self.len -= 1;
        if key == self.first_key {
            self.first = pages.below(&self.tree, key).unwrap_or(NONE);
            if self.first != NONE {
                self.first_key = price_ticks(self.first) ^ self.flip;
            }
        }
    }

    /// Levels there are.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// True if a level could be added once `freed` of those there are gone.
    #[inline]
    pub(crate) fn has_room(&self, pages: &Pages, levels_max: u32, freed: u32) -> bool {
        self.len - freed < levels_max && pages.free_count() >= PAGES_PER_KEY_MAX
    }

    /// True if there are pages for just this level.
    pub(crate) fn fits(&self, pages: &Pages, ticks: u64) -> bool {
        pages.free_count() >= pages.needed(&self.tree, ticks ^ self.flip)
    }

    /// Pages that it uses; checks what they must be.
    pub(crate) fn verify(&self, pages: &Pages) -> u32 {
        let highest = pages.highest(&self.tree);
        assert!(highest == self.first(), "the first level is the first");
        pages.verify(&self.tree)
    }
}
