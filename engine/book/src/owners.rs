//! Whose orders: the live orders of each session, in the order in which they were entered.
//!
//! Inputs -> outputs: slots of orders in; the first order of a session, the one after another, and
//! how many there are out, each in one step.
//! Invariants: an order is in its session's list exactly while it is live; a replace leaves its
//! place there alone.
//! Limits: `sessions_max` lists over `orders_max` slots, fixed at construction.
//! Not here: what an order is (orders.rs), its place among those that trade (levels.rs).
//!
//! The links lie apart from the orders: a node of the slab is a cache line, and has no room; eight
//! of these share one, so that the neighbours' links are cheap to reach.

use crate::orders::NIL;
use alloc::vec;
use alloc::vec::Vec;
use gavel_simd::prefetch;
use gavel_types::SessionSlot;

/// Stands for "in no list" as a link's `before`.
const UNLISTED: u32 = NIL - 1;

#[derive(Clone, Copy, Debug)]
struct Link {
    before: u32,
    after: u32,
}

const _: () = assert!(size_of::<Link>() == 8);

#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    last: u32,
    count: u32,
}

/// The lists of all sessions.
#[derive(Debug)]
pub(crate) struct Owners {
    /// By order slot.
    links: Vec<Link>,
    /// By session slot.
    lists: Vec<List>,
}

impl Owners {
    pub(crate) fn new(orders_max: u32, sessions_max: u32) -> Self {
        let unlisted = Link { before: UNLISTED, after: NIL };
        let empty = List { first: NIL, last: NIL, count: 0 };
        Self {
            links: vec![unlisted; orders_max as usize],
            lists: vec![empty; sessions_max as usize],
        }
    }

    /// A session's newest order.
    ///
    /// # Panics
    /// If the slot is in a list, or there is no such session.
    #[inline]
    pub(crate) fn append(&mut self, session: SessionSlot, slot: u32) {
        let list = &mut self.lists[session.0 as usize];
        let link = &mut self.links[slot as usize];
        assert!(link.before == UNLISTED, "an order is entered once");
        *link = Link { before: list.last, after: NIL };
        if list.last == NIL {
            list.first = slot;
        } else {
            self.links[list.last as usize].after = slot;
        }
        list.last = slot;
        list.count += 1;
    }

    /// An order is gone, wherever it stood.
    ///
    /// # Panics
    /// If it is in no list.
    #[inline]
    pub(crate) fn remove(&mut self, session: SessionSlot, slot: u32) {
        let list = &mut self.lists[session.0 as usize];
        let link = &mut self.links[slot as usize];
        let Link { before, after } = *link;
        assert!(before != UNLISTED, "only an order that was entered ends");
        *link = Link { before: UNLISTED, after: NIL };
        if before == NIL {
            list.first = after;
        } else {
            self.links[before as usize].after = after;
        }
        if after == NIL {
            list.last = before;
        } else {
            self.links[after as usize].before = before;
        }
        list.count -= 1;
    }

    /// The session's oldest order, NIL if it has none.
    #[inline]
    pub(crate) fn first(&self, session: SessionSlot) -> u32 {
        self.lists[session.0 as usize].first
    }

    /// The order that the same session entered after this one, NIL if there is none.
    #[inline]
    pub(crate) fn after(&self, slot: u32) -> u32 {
        self.links[slot as usize].after
    }

    /// The orders that the same session entered before and after one, whether it is live or not.
    #[inline]
    pub(crate) fn around(&self, slot: u32) -> (u32, u32) {
        let link = self.links[slot as usize];
        (link.before, link.after)
    }

    /// Fetches an order's link.
    #[inline(always)]
    pub(crate) fn fetch(&self, slot: u32) {
        prefetch(&self.links, (slot as usize).min(self.links.len() - 1));
    }

    /// The one before, NIL if there is none.
    pub(crate) fn before(&self, slot: u32) -> u32 {
        self.links[slot as usize].before
    }

    /// The session's newest order, NIL if it has none.
    pub(crate) fn last(&self, session: SessionSlot) -> u32 {
        self.lists[session.0 as usize].last
    }

    /// Live orders of a session.
    #[inline]
    pub(crate) fn count(&self, session: SessionSlot) -> u32 {
        self.lists[session.0 as usize].count
    }

    /// True if the order is in a list.
    pub(crate) fn has(&self, slot: u32) -> bool {
        self.links[slot as usize].before != UNLISTED
    }

    /// Sessions that there may be.
    pub(crate) fn sessions_max(&self) -> u32 {
        self.lists.len() as u32
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.links.capacity() * size_of::<Link>() + self.lists.capacity() * size_of::<List>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: SessionSlot = SessionSlot(0);
    const B: SessionSlot = SessionSlot(1);

    fn shown(owners: &Owners, session: SessionSlot) -> Vec<u32> {
        let some = |slot: u32| (slot != NIL).then_some(slot);
        let list: Vec<u32> =
            core::iter::successors(some(owners.first(session)), |&slot| some(owners.after(slot)))
                .collect();
        assert_eq!(list.len(), owners.count(session) as usize);
        list
    }

    #[test]
    fn orders_leave_from_anywhere_and_the_others_keep_their_places() {
        for gone in 0..4 {
            let mut owners = Owners::new(8, 2);
            for slot in [3, 0, 2, 1] {
                owners.append(A, slot);
                owners.append(B, slot + 4);
            }
            owners.remove(A, gone);
            let rest: Vec<u32> = [3, 0, 2, 1].into_iter().filter(|&slot| slot != gone).collect();
            assert_eq!(shown(&owners, A), rest);
            assert_eq!(shown(&owners, B), [7, 4, 6, 5]);
            owners.append(A, gone);
            assert_eq!(shown(&owners, A), [rest, [gone].into()].concat());
        }
    }

    #[test]
    #[should_panic(expected = "only an order that was entered ends")]
    fn an_order_ends_once() {
        let mut owners = Owners::new(2, 1);
        owners.append(A, 1);
        owners.remove(A, 1);
        owners.remove(A, 1);
    }

    #[test]
    #[should_panic(expected = "an order is entered once")]
    fn an_order_is_in_one_list() {
        let mut owners = Owners::new(2, 2);
        owners.append(A, 1);
        owners.append(B, 1);
    }
}
