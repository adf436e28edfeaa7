//! Price levels: a queue of orders each, first in first out, and their sum.
//!
//! Inputs -> outputs: slots of orders in; the head of the queue out; of the prices that were asked
//! for last, their levels.
//! Invariants: a level's sum and count are those of its orders; a level with no order is free.
//! Limits: as many levels as orders, since every level holds one: the slab is never full.
//! Not here: which prices there are, and in which order (ladder.rs).

use crate::orders::{NIL, Node, Order, Orders};
use alloc::vec;
use alloc::vec::Vec;
use gavel_simd::prefetch;
use gavel_types::Qty;

/// Half a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(crate) struct Level {
    /// Its price, or stop price, in ticks.
    pub(crate) ticks: u64,
    /// Sum of what its orders display.
    pub(crate) qty: Qty,
    /// The order that trades first; of a free level, the next free one.
    pub(crate) head: u32,
    pub(crate) tail: u32,
    pub(crate) count: u32,
    /// Place of the symbol's book * 4 + the ladder's place in it.
    pub(crate) ladder: u32,
}

const _: () = assert!(size_of::<Level>() == 32);

/// The slab of all levels of the venue.
#[derive(Debug)]
pub(crate) struct Levels {
    nodes: Vec<Level>,
    free: u32,
    /// The level that was last asked for at a price, at the place that [`Levels::near`] gives: the
    /// way down a ladder is long compared with a look here. What stands here may be wrong; a level
    /// itself knows which it is.
    nearby: Vec<u32>,
}

/// Most levels that are at hand.
const NEARBY_MAX: u32 = 1 << 16;

impl Levels {
    pub(crate) fn new(orders_max: u32) -> Self {
        let next = |id| if id + 1 == orders_max { NIL } else { id + 1 };
        let vacant =
            |id| Level { ticks: 0, qty: Qty(0), head: next(id), tail: NIL, count: 0, ladder: 0 };
        let nodes: Vec<Level> = (0..orders_max).map(vacant).collect();
        let nearby = vec![NIL; orders_max.clamp(1, NEARBY_MAX).next_power_of_two() as usize];
        Self { free: if nodes.is_empty() { NIL } else { 0 }, nodes, nearby }
    }

    /// Where the level at a price would be at hand: neighbours share a cache line.
    #[inline(always)]
    fn near(&self, ladder: u32, ticks: u64) -> usize {
        let apart = u64::from(ladder).wrapping_mul(0x9E37_79B9);
        ticks.wrapping_add(apart) as usize & (self.nearby.len() - 1)
    }

    /// The level that may be at a price.
    #[inline(always)]
    pub(crate) fn guess(&self, ladder: u32, ticks: u64) -> u32 {
        self.nearby[self.near(ladder, ticks)]
    }

    /// The level at a price, if it is at hand.
    #[inline(always)]
    pub(crate) fn at_hand(&self, ladder: u32, ticks: u64) -> Option<u32> {
        let id = self.guess(ladder, ticks);
        let level = self.nodes.get(id as usize)?;
        let is_it = level.ticks == ticks && level.ladder == ladder && level.count != 0;
        is_it.then_some(id)
    }

    /// The level at a price is at hand from now on.
    #[inline(always)]
    pub(crate) fn keep_at_hand(&mut self, ladder: u32, ticks: u64, id: u32) {
        let near = self.near(ladder, ticks);
        self.nearby[near] = id;
    }

    /// Fetches a level.
    #[inline(always)]
    pub(crate) fn fetch(&self, id: u32) {
        prefetch(&self.nodes, (id as usize).min(self.nodes.len() - 1));
    }

    #[inline]
    pub(crate) fn level(&self, id: u32) -> &Level {
        &self.nodes[id as usize]
    }

    /// An empty level at a price.
    #[inline]
    pub(crate) fn take(&mut self, ladder: u32, ticks: u64) -> u32 {
        let id = self.free;
        assert!(id != NIL, "there are no more levels than orders");
        let level = &mut self.nodes[id as usize];
        self.free = level.head;
        *level = Level { ticks, qty: Qty(0), head: NIL, tail: NIL, count: 0, ladder };
        id
    }

    /// Gives an empty level back; shows it as it was.
    #[inline]
    pub(crate) fn release(&mut self, id: u32) -> Level {
        let level = &mut self.nodes[id as usize];
        assert!(level.count == 0 && level.qty == Qty(0), "only an empty level is given back");
        let gone = *level;
        level.head = self.free;
        self.free = id;
        gone
    }

    /// Puts an order at the end of a level's queue.
    #[inline]
    pub(crate) fn append(&mut self, orders: &mut Orders, id: u32, slot: u32) {
        let level = &mut self.nodes[id as usize];
        let node = orders.node_mut(slot);
        assert!(node.level == NIL, "an order rests at one level");
        node.level = id;
        node.prev = level.tail;
        node.next = NIL;
        level.qty.0 += node.order.leaves.0;
        level.count += 1;
        if level.tail == NIL {
            level.head = slot;
        } else {
            orders.node_mut(level.tail).next = slot;
        }
        level.tail = slot;
    }

    /// Makes room for an order at the end of a level's queue. Returns the one before it, NIL if
    /// there is none; their links are the caller's.
    #[inline(always)]
    pub(crate) fn push(&mut self, id: u32, slot: u32, qty: Qty) -> u32 {
        let level = &mut self.nodes[id as usize];
        let before = level.tail;
        level.tail = slot;
        level.qty.0 += qty.0;
        level.count += 1;
        if before == NIL {
            level.head = slot;
        }
        before
    }

    /// Takes an order out of its queue, wherever it stands; it is at no level then. Returns it, its
    /// level, and whether that is empty now.
    #[inline]
    pub(crate) fn unlink(&mut self, orders: &mut Orders, slot: u32) -> (Order, u32, bool) {
        let order = *orders.order(slot);
        let (id, is_empty) = self.take_out(orders, slot, order.leaves);
        let node = orders.node_mut(slot);
        (node.level, node.prev, node.next) = (NIL, NIL, NIL);
        (order, id, is_empty)
    }

    /// The same of an order of which so much was counted, for whoever ends it or puts it elsewhere:
    /// its links stay as they are.
    #[inline(always)]
    pub(crate) fn take_out(&mut self, orders: &mut Orders, slot: u32, qty: Qty) -> (u32, bool) {
        let Node { level: id, prev, next, .. } = *orders.node(slot);
        let level = self.nodes.get_mut(id as usize).expect("only a resting order is taken out");
        level.qty.0 -= qty.0;
        level.count -= 1;
        if prev == NIL {
            level.head = next;
        } else {
            orders.node_mut(prev).next = next;
        }
        if next == NIL {
            level.tail = prev;
        } else {
            orders.node_mut(next).prev = prev;
        }
        (id, level.count == 0)
    }

    /// Less is left of an order that keeps its place.
    #[inline]
    pub(crate) fn shrink(&mut self, id: u32, by: Qty) {
        self.nodes[id as usize].qty.0 -= by.0;
    }

    /// More of an order that keeps its place is displayed.
    #[inline]
    pub(crate) fn swell(&mut self, id: u32, by: Qty) {
        self.nodes[id as usize].qty.0 += by.0;
    }

    /// An order goes to the end of its queue.
    pub(crate) fn requeue(&mut self, orders: &mut Orders, id: u32, slot: u32) {
        let level = &mut self.nodes[id as usize];
        let (tail, node) = (level.tail, *orders.node(slot));
        if tail == slot {
            return;
        }
        if node.prev == NIL {
            level.head = node.next;
        } else {
            orders.node_mut(node.prev).next = node.next;
        }
        orders.node_mut(node.next).prev = node.prev;
        orders.node_mut(tail).next = slot;
        let node = orders.node_mut(slot);
        (node.prev, node.next) = (tail, NIL);
        level.tail = slot;
    }

    /// Slots of a level's orders, first in first out.
    pub(crate) fn queue<'a>(
        &self,
        orders: &'a Orders,
        id: u32,
    ) -> impl Iterator<Item = u32> + 'a + use<'a> {
        let some = |slot: u32| (slot != NIL).then_some(slot);
        core::iter::successors(some(self.level(id).head), move |&slot| some(orders.node(slot).next))
    }

    /// Levels that are free.
    pub(crate) fn free_count(&self) -> usize {
        let some = |id: u32| (id != NIL).then_some(id);
        core::iter::successors(some(self.free), |&id| some(self.level(id).head)).count()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Level>() + self.nearby.capacity() * size_of::<u32>()
    }
}
