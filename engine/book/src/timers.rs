//! Live orders that expire, the next one at hand.
//!
//! Inputs -> outputs: slots with their times in; the one that is due first out.
//! Invariants: who expires at one time ends in the order in which it was entered; each order knows
//! its place (`Extra::timer`), so that it leaves in logarithmic time.
//! Limits: `orders_max` of them, memory taken at construction.
//! Not here: what happens to an order whose time has come (expiry.rs).
//! Source: a binary heap with places, Knuth 5.2.3 and exercise 16.

use crate::orders::{NIL, Orders};
use alloc::vec::Vec;
use gavel_types::Nanos;

/// When nothing expires.
pub(crate) const NEVER: Nanos = Nanos(u64::MAX);

#[derive(Clone, Copy, Debug)]
struct Timer {
    at: Nanos,
    entry: u64,
    slot: u32,
}

impl Timer {
    fn key(&self) -> (Nanos, u64) {
        (self.at, self.entry)
    }
}

/// The heap.
#[derive(Debug)]
pub(crate) struct Timers {
    heap: Vec<Timer>,
    /// When the first one is due: looked at by every record.
    due: Nanos,
}

impl Timers {
    pub(crate) fn new(orders_max: u32) -> Self {
        Self { heap: Vec::with_capacity(orders_max as usize), due: NEVER }
    }

    /// When the first one is due, [`NEVER`] if there is none.
    #[inline]
    pub(crate) fn due(&self) -> Nanos {
        self.due
    }

    /// The one that is due first.
    pub(crate) fn first(&self) -> Option<u32> {
        self.heap.first().map(|timer| timer.slot)
    }

    /// An order that expires, by what its extra says.
    pub(crate) fn insert(&mut self, orders: &mut Orders, slot: u32) {
        let extra = orders.extra(slot);
        assert!(extra.timer == NIL, "an order expires once");
        self.heap.push(Timer { at: extra.expire_time, entry: extra.entry, slot });
        self.rise(orders, self.heap.len() - 1);
        self.settle();
    }

    /// An order that does not expire any more.
    pub(crate) fn remove(&mut self, orders: &mut Orders, slot: u32) {
        let at = orders.extra(slot).timer as usize;
        assert!(self.heap[at].slot == slot, "an order knows its place");
        orders.extra_mut(slot).timer = NIL;
        self.heap.swap_remove(at);
        if at < self.heap.len() {
            let at = self.rise(orders, at);
            self.sink(orders, at);
        }
        self.settle();
    }

    fn settle(&mut self) {
        self.due = self.heap.first().map_or(NEVER, |timer| timer.at);
    }

    fn put(&mut self, orders: &mut Orders, at: usize, timer: Timer) {
        self.heap[at] = timer;
        orders.extra_mut(timer.slot).timer = at as u32;
    }

    fn rise(&mut self, orders: &mut Orders, mut at: usize) -> usize {
        let timer = self.heap[at];
        while at > 0 {
            let parent = (at - 1) / 2;
            if self.heap[parent].key() <= timer.key() {
                break;
            }
            self.put(orders, at, self.heap[parent]);
            at = parent;
        }
        self.put(orders, at, timer);
        at
    }

    fn sink(&mut self, orders: &mut Orders, mut at: usize) {
        let timer = self.heap[at];
        loop {
            let left = 2 * at + 1;
            let children = self.heap.get(left..self.heap.len().min(left + 2)).unwrap_or(&[]);
            let nearest = children.iter().zip(left..).min_by_key(|(child, _)| child.key());
            match nearest {
                Some((child, place)) if child.key() < timer.key() => {
                    self.put(orders, at, *child);
                    at = place;
                }
                _ => break,
            }
        }
        self.put(orders, at, timer);
    }

    /// # Panics
    /// If an order does not know its place, or one is due before the first.
    pub(crate) fn verify(&self, orders: &Orders) {
        for (at, timer) in self.heap.iter().enumerate() {
            let extra = orders.extra(timer.slot);
            assert!(extra.timer as usize == at, "an order knows its place");
            let same = (extra.expire_time, extra.entry) == timer.key();
            assert!(same && orders.node(timer.slot).is_live(), "an order knows its time");
            assert!(at == 0 || self.heap[(at - 1) / 2].key() <= timer.key(), "a heap is in order");
        }
        assert!(self.due == self.heap.first().map_or(NEVER, |timer| timer.at), "what is due first");
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.heap.capacity() * size_of::<Timer>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::tests::named;
    use gavel_types::{ClOrdId, SessionSlot};
    use std::collections::BTreeSet;

    #[test]
    fn what_is_due_first_comes_first_while_orders_come_and_go() {
        let mut orders = Orders::new(50);
        let mut timers = Timers::new(50);
        let mut model: BTreeSet<(u64, u64, u32)> = BTreeSet::new();
        let mut dice = 1_u64;
        for entry in 1..20_000 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if dice >> 63 == 0 && model.len() < 50 {
                let slot = orders.take(&named(SessionSlot(0), ClOrdId(entry)));
                let extra = orders.extra_mut(slot);
                (extra.expire_time, extra.entry) = (Nanos(dice >> 40 & 15), entry);
                orders.order_mut(slot).flags |= crate::orders::flag::EXTRA;
                timers.insert(&mut orders, slot);
                model.insert((dice >> 40 & 15, entry, slot));
            } else if let Some(&gone) = model.iter().nth((dice >> 50) as usize % 50) {
                model.remove(&gone);
                timers.remove(&mut orders, gone.2);
                orders.release(gone.2);
            }
            timers.verify(&orders);
            assert_eq!(timers.first(), model.first().map(|timer| timer.2));
            assert_eq!(timers.due(), model.first().map_or(NEVER, |timer| Nanos(timer.0)));
        }
    }
}
