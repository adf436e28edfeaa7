//! Pages of 64 neighbouring keys, and the tree that they hang in: the shape of every ladder.
//!
//! Inputs -> outputs: a key in, its value out; the highest key, the next one below another.
//! Invariants: a page with keys of its own (a leaf) or with pages under it is in exactly one tree;
//! no page is empty; a page that is no leaf has at least two pages under it. So the pages of a tree
//! are a function of its keys, not of how they came to be there.
//! Limits: `pages_max` pages of all trees, fixed at construction; a tree of n keys has fewer than
//! 2n. A key has 63 bits, so a way down has at most 11 pages; where prices lie close it has one or
//! two.
//! Not here: what a key or a value means (ladder.rs).
//! Source: a radix tree of 6 bits a step with path compression (Morrison's PATRICIA), whose nodes
//! are bitmaps: the highest key of a page is one instruction away.
//!
//! Unlike a window of ticks with an overflow, this needs no second structure for far
//! prices and no moving of the window, and memory only where there are orders.

use alloc::vec;
use alloc::vec::Vec;
use gavel_simd::prefetch;

/// Stands for "no page" and for "no value".
pub(crate) const NONE: u32 = u32::MAX;

/// Bits of a key that a page tells apart.
const STEP: u32 = 6;

/// Most pages on the way to a leaf.
const DEPTH_MAX: usize = 11;

/// Pages that adding one key may take: the leaf, and where it parts from the others.
pub(crate) const PAGES_PER_KEY_MAX: u32 = 2;

/// What tells whether a key is there comes first, for [`Pages::fetch`].
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Page {
    /// Which children there are.
    bits: u64,
    /// The keys' bits above those that this page tells apart.
    prefix: u64,
    /// Place of the bits that it tells apart; 0 in a leaf.
    shift: u32,
    /// Of a free page, the next free one.
    next: u32,
    /// Pages, or in a leaf values.
    children: [u32; 64],
}

impl Page {
    #[inline]
    fn index(&self, key: u64) -> usize {
        (key >> self.shift) as usize & 63
    }

    #[inline]
    fn has(&self, index: usize) -> bool {
        self.bits >> index & 1 == 1
    }

    /// True if the key is among those that may be under this page.
    #[inline]
    fn covers(&self, key: u64) -> bool {
        above(key, self.shift) == self.prefix
    }

    #[inline]
    fn highest(&self) -> usize {
        63 - self.bits.leading_zeros() as usize
    }

    fn set(&mut self, index: usize, child: u32) {
        self.bits |= 1 << index;
        self.children[index] = child;
    }
}

/// The bits above those that a page with this shift tells apart.
#[inline]
fn above(key: u64, shift: u32) -> u64 {
    key >> shift >> STEP
}

/// All pages of the venue.
#[derive(Debug)]
pub(crate) struct Pages {
    pages: Vec<Page>,
    free: u32,
    free_count: u32,
    /// Pages that were ever used; those behind are free, and not in the list.
    touched: u32,
}

/// One tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tree {
    root: u32,
    /// Leaves to which keys were added last, each at the place that its keys' bits give: keys come
    /// in swarms, and the way down is long compared with a look here.
    hints: [u32; HINTS],
}

/// Leaves that a tree has at hand.
const HINTS: usize = 8;

/// Where the leaf of a key would be at hand.
#[inline]
fn hint(key: u64) -> usize {
    (key >> STEP) as usize % HINTS
}

impl Tree {
    pub(crate) const fn new() -> Self {
        Self { root: NONE, hints: [NONE; HINTS] }
    }
}

impl Pages {
    pub(crate) fn new(pages_max: u32) -> Self {
        let empty = Page { bits: 0, prefix: 0, shift: 0, next: 0, children: [0; 64] };
        Self {
            pages: vec![empty; pages_max as usize],
            free: NONE,
            free_count: pages_max,
            touched: 0,
        }
    }

    /// Pages that are in no tree.
    #[inline]
    pub(crate) fn free_count(&self) -> u32 {
        self.free_count
    }

    pub(crate) fn capacity(&self) -> u32 {
        self.pages.len() as u32
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.pages.capacity() * size_of::<Page>()
    }

    #[inline]
    fn page(&self, id: u32) -> &Page {
        &self.pages[id as usize]
    }

    /// The value of a key.
    #[inline]
    pub(crate) fn find(&self, tree: &Tree, key: u64) -> Option<u32> {
        let leaf = self.leaf(tree, key)?;
        let page = self.page(leaf);
        let index = key as usize & 63;
        page.has(index).then(|| page.children[index])
    }

    /// Fetches what tells where a key is, as far as that is at hand.
    #[inline(always)]
    pub(crate) fn fetch(&self, tree: &Tree, key: u64) {
        let near = tree.hints[hint(key)];
        let leaf = if near == NONE { tree.root } else { near };
        if let Some(page) = self.pages.get(leaf as usize) {
            // If it is no leaf, the line of the child is asked for in vain.
            prefetch(&self.pages, leaf as usize);
            prefetch(&page.children, key as usize & 63);
        }
    }

    /// The leaf that a key is or would be in.
    #[inline]
    fn leaf(&self, tree: &Tree, key: u64) -> Option<u32> {
        let near = tree.hints[hint(key)];
        if near != NONE && self.page(near).prefix == key >> STEP {
            return Some(near);
        }
        let mut at = tree.root;
        if at == NONE {
            return None;
        }
        loop {
            let page = self.page(at);
            if page.shift == 0 {
                return (page.prefix == key >> STEP).then_some(at);
            }
            let index = page.index(key);
            if !page.has(index) {
                return None;
            }
            at = page.children[index];
        }
    }

    /// Pages that adding a key would take.
    pub(crate) fn needed(&self, tree: &Tree, key: u64) -> u32 {
        let mut at = tree.root;
        while at != NONE {
            let page = self.page(at);
            if !page.covers(key) {
                return 2;
            }
            if page.shift == 0 {
                return 0;
            }
            let index = page.index(key);
            if !page.has(index) {
                break;
            }
            at = page.children[index];
        }
        1
    }

    /// Adds a key.
    ///
    /// # Panics
    /// If it is there, or no page is free: callers look first.
    #[inline]
    pub(crate) fn insert(&mut self, tree: &mut Tree, key: u64, value: u32) {
        let leaf = match self.leaf(tree, key) {
            Some(leaf) => leaf,
            None => self.grow(tree, key),
        };
        let page = &mut self.pages[leaf as usize];
        let index = key as usize & 63;
        assert!(!page.has(index), "a key has one value");
        page.set(index, value);
        tree.hints[hint(key)] = leaf;
    }

    /// A new leaf for a key that none covers; it is empty.
    fn grow(&mut self, tree: &mut Tree, key: u64) -> u32 {
        let leaf = self.take(key >> STEP, 0);
        let (mut parent, mut at) = (NONE, tree.root);
        while at != NONE {
            let page = *self.page(at);
            if !page.covers(key) {
                // They part above this page: at the highest bit in which they differ.
                let differ = 63 - (above(key, page.shift) ^ page.prefix).leading_zeros();
                let shift = page.shift + STEP + differ / STEP * STEP;
                let fork = self.take(above(key, shift), shift);
                let known = page.prefix >> (shift - page.shift - STEP);
                let fork_page = &mut self.pages[fork as usize];
                fork_page.set(known as usize & 63, at);
                fork_page.set(fork_page.index(key), leaf);
                self.hang(tree, parent, key, fork);
                return leaf;
            }
            let index = page.index(key);
            if !page.has(index) {
                self.pages[at as usize].set(index, leaf);
                return leaf;
            }
            (parent, at) = (at, page.children[index]);
        }
        self.hang(tree, parent, key, leaf);
        leaf
    }

    /// Puts a page under another, or at the top.
    fn hang(&mut self, tree: &mut Tree, parent: u32, key: u64, page: u32) {
        if parent == NONE {
            tree.root = page;
        } else {
            let parent = &mut self.pages[parent as usize];
            parent.set(parent.index(key), page);
        }
    }

    /// Removes a key.
    ///
    /// # Panics
    /// If it is not there.
    #[inline]
    pub(crate) fn remove(&mut self, tree: &mut Tree, key: u64) {
        let leaf = self.leaf(tree, key).expect("a key that is removed is there");
        let page = &mut self.pages[leaf as usize];
        let index = key as usize & 63;
        assert!(page.has(index), "a key that is removed is there");
        page.bits &= !(1 << index);
        if page.bits == 0 {
            self.prune(tree, key, leaf);
        }
    }

    /// Takes an empty leaf out, and the page above it if that has only one other.
    fn prune(&mut self, tree: &mut Tree, key: u64, leaf: u32) {
        let (mut grandparent, mut parent, mut at) = (NONE, NONE, tree.root);
        for _ in 0..=DEPTH_MAX {
            if at == leaf {
                break;
            }
            let page = self.page(at);
            (grandparent, parent, at) = (parent, at, page.children[page.index(key)]);
        }
        assert!(at == leaf, "a leaf hangs in its tree");
        self.release(leaf);
        let near = &mut tree.hints[hint(key)];
        if *near == leaf {
            *near = NONE;
        }
        if parent == NONE {
            tree.root = NONE;
            return;
        }
        let page = &mut self.pages[parent as usize];
        let index = page.index(key);
        page.bits &= !(1 << index);
        if page.bits.count_ones() == 1 {
            let other = page.children[page.highest()];
            self.hang(tree, grandparent, key, other);
            self.release(parent);
        }
    }

    /// The value of the highest key.
    #[inline]
    pub(crate) fn highest(&self, tree: &Tree) -> Option<u32> {
        (tree.root != NONE).then(|| self.highest_under(tree.root))
    }

    #[inline]
    fn highest_under(&self, mut at: u32) -> u32 {
        loop {
            let page = self.page(at);
            let child = page.children[page.highest()];
            if page.shift == 0 {
                return child;
            }
            at = child;
        }
    }

    /// The value of the highest key below another, which need not be there.
    #[inline]
    pub(crate) fn below(&self, tree: &Tree, key: u64) -> Option<u32> {
        let lower = |page: &Page, index: usize| page.bits & ((1 << index) - 1);
        let near = tree.hints[hint(key)];
        if near != NONE {
            let page = self.page(near);
            let bits = lower(page, key as usize & 63);
            if page.prefix == key >> STEP && bits != 0 {
                return Some(page.children[63 - bits.leading_zeros() as usize]);
            }
        }
        // Everything under the page last seen that was lower: a leaf's value if its shift is 0.
        let mut best = None;
        let mut at = tree.root;
        while at != NONE {
            let page = self.page(at);
            let prefix = above(key, page.shift);
            if prefix != page.prefix {
                if prefix > page.prefix {
                    return Some(self.highest_under(at));
                }
                break;
            }
            let index = page.index(key);
            let bits = lower(page, index);
            if bits != 0 {
                best = Some((page.shift, page.children[63 - bits.leading_zeros() as usize]));
            }
            if page.shift == 0 || !page.has(index) {
                break;
            }
            at = page.children[index];
        }
        best.map(|(shift, child)| if shift == 0 { child } else { self.highest_under(child) })
    }

    fn lowest_under(&self, mut at: u32) -> u32 {
        loop {
            let page = self.page(at);
            let child = page.children[page.bits.trailing_zeros() as usize];
            if page.shift == 0 {
                return child;
            }
            at = child;
        }
    }

    /// The value of the lowest key above another, which need not be there.
    pub(crate) fn above(&self, tree: &Tree, key: u64) -> Option<u32> {
        let mut best = None;
        let mut at = tree.root;
        while at != NONE {
            let page = self.page(at);
            let prefix = above(key, page.shift);
            if prefix != page.prefix {
                if prefix < page.prefix {
                    return Some(self.lowest_under(at));
                }
                break;
            }
            let index = page.index(key);
            let bits = page.bits & !1 << index;
            if bits != 0 {
                best = Some((page.shift, page.children[bits.trailing_zeros() as usize]));
            }
            if page.shift == 0 || !page.has(index) {
                break;
            }
            at = page.children[index];
        }
        best.map(|(shift, child)| if shift == 0 { child } else { self.lowest_under(child) })
    }

    fn take(&mut self, prefix: u64, shift: u32) -> u32 {
        let id = if self.free == NONE {
            self.touched += 1;
            self.touched - 1
        } else {
            let id = self.free;
            self.free = self.page(id).next;
            id
        };
        assert!(self.free_count > 0, "room is decided before anything changes");
        self.free_count -= 1;
        let page = &mut self.pages[id as usize];
        (page.bits, page.prefix, page.shift, page.next) = (0, prefix, shift, NONE);
        id
    }

    fn release(&mut self, id: u32) {
        self.pages[id as usize].next = self.free;
        self.free = id;
        self.free_count += 1;
    }

    /// Pages of a tree, counted by walking it; checks what every page must be.
    ///
    /// # Panics
    /// If a rule of the tree does not hold.
    pub(crate) fn verify(&self, tree: &Tree) -> u32 {
        if tree.root == NONE { 0 } else { self.verify_under(tree.root, None) }
    }

    fn verify_under(&self, at: u32, above: Option<(u64, u32)>) -> u32 {
        let page = self.page(at);
        if let Some((prefix, shift)) = above {
            assert!(page.shift < shift, "a way leads down");
            let seen = page.prefix >> (shift - page.shift - STEP);
            assert!(seen == prefix, "a page is under the bits that lead to it");
        }
        let fewest = if page.shift == 0 { 1 } else { 2 };
        assert!(page.bits.count_ones() >= fewest, "no page is there for nothing");
        if page.shift == 0 {
            return 1;
        }
        let children = (0..64).filter(|&index| page.has(index));
        let under = |index| {
            let bits = page.prefix << STEP | index as u64;
            self.verify_under(page.children[index], Some((bits, page.shift)))
        };
        1 + children.map(under).sum::<u32>()
    }
}

#[cfg(test)]
impl Pages {
    pub(crate) fn lose_one(&mut self) {
        self.free_count -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Pages that a tree of these keys has, as RULES.md counts them.
    fn counted(keys: &BTreeMap<u64, u32>) -> usize {
        let mut groups: Vec<u64> = keys.keys().map(|key| key >> 6).collect();
        groups.dedup();
        let mut pages = groups.len();
        while groups.len() > 1 {
            let mut parents: Vec<u64> = groups.iter().map(|group| group >> 6).collect();
            parents.dedup();
            let forks =
                parents.iter().filter(|&p| groups.iter().filter(|&g| g >> 6 == *p).count() > 1);
            pages += forks.count();
            groups = parents;
        }
        pages
    }

    #[test]
    fn agrees_with_a_sorted_map_while_keys_come_and_go() {
        // Near keys, far keys, keys at both ends.
        for (spread, base) in [(40, 0), (500, 1 << 40), (1 << 20, 7), (u64::MAX >> 1, 0)] {
            let mut pages = Pages::new(2 * 64);
            let mut tree = Tree::new();
            let mut model = BTreeMap::new();
            let mut dice = 1_u64;
            for round in 0..20_000 {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round | 1);
                let key = base + (dice >> 20).wrapping_mul(0x9E37_79B9) % spread;
                let known: Vec<u64> = model.keys().copied().collect();
                if model.len() == 40 || dice >> 60 > 9 && !known.is_empty() {
                    let key = known[(dice >> 30) as usize % known.len()];
                    pages.remove(&mut tree, key);
                    model.remove(&key);
                } else if pages.find(&tree, key).is_none() {
                    let left = pages.free_count() - pages.needed(&tree, key);
                    pages.insert(&mut tree, key, round as u32);
                    assert_eq!(pages.free_count(), left);
                    assert_eq!(model.insert(key, round as u32), None);
                }
                assert_eq!(pages.find(&tree, key), model.get(&key).copied());
                let below = model.range(..key).next_back().map(|(_, value)| *value);
                assert_eq!(pages.below(&tree, key), below);
                let above = model.range(key + 1..).next().map(|(_, value)| *value);
                assert_eq!(pages.above(&tree, key), above);
                assert_eq!(pages.highest(&tree), model.values().next_back().copied());
                let used = pages.verify(&tree);
                assert_eq!(used as usize, counted(&model));
                assert_eq!(pages.free_count() + used, pages.capacity());
            }
        }
    }

    #[test]
    fn two_trees_share_pages_and_not_keys() {
        let mut pages = Pages::new(16);
        let (mut a, mut b) = (Tree::new(), Tree::new());
        pages.insert(&mut a, 5, 1);
        pages.insert(&mut b, 5, 2);
        pages.remove(&mut a, 5);
        pages.insert(&mut b, 1000, 3);
        assert_eq!((pages.find(&a, 5), pages.find(&b, 5)), (None, Some(2)));
        assert_eq!((pages.find(&a, 1000), pages.find(&b, 1000)), (None, Some(3)));
    }
}
