//! Live orders: a slab of 64-byte nodes, named by handles.
//!
//! Inputs -> outputs: orders in, slots out; handles in, slots of live orders out.
//! Invariants: a handle never names two orders; cum_qty = qty - leaves - hidden; slots are taken
//! last freed first (which is part of the machine's rules: OrderIDs are in reports).
//! Limits: `orders_max`, fixed at construction.
//! Not here: queues (levels.rs), names that clients gave (names.rs), whose orders (owners.rs).

use alloc::vec;
use alloc::vec::Vec;
use gavel_simd::prefetch;
use gavel_types::{
    Account, ClOrdId, Nanos, OrdStatus, OrderId, Price, Qty, SessionSlot, Side, StpInstruction,
    TimeInForce,
};

/// Stands for "no slot" in links.
pub(crate) const NIL: u32 = u32::MAX;

/// Stands for "no order" as a node's level.
const VACATED: u32 = NIL - 1;

/// Stands for "neither live nor free yet" as the `next` of a slot, while a slab is restored.
const NOT_FREE: u32 = NIL - 1;

/// A slot whose generation has come this far is never taken again.
const GENERATION_END: u32 = u32::MAX;

/// Bits of [`Order::flags`].
pub(crate) mod flag {
    /// Has something in [`super::Extra`] beside zeros.
    pub(crate) const EXTRA: u8 = 1;
    /// Waits for its stop price.
    pub(crate) const WAITS: u8 = 2;
    /// Has a DisplayQty.
    pub(crate) const ICEBERG: u8 = 4;
    /// Trades whole or not at all.
    pub(crate) const ALL_OR_NONE: u8 = 8;
    /// Never trades on entry: refused.
    pub(crate) const POST_ONLY: u8 = 16;
    /// Never trades on entry: slides.
    pub(crate) const SLIDES: u8 = 32;
    /// Has an SMPID.
    pub(crate) const SMP_ID: u8 = 64;
    /// Its account was named by a limit or a switch.
    pub(crate) const KNOWN: u8 = 128;
}

/// What is known of every order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) cl_ord_id: ClOrdId,
    /// [`Price::NULL`] for a market order.
    pub(crate) price: Price,
    /// Total, what has filled included.
    pub(crate) qty: Qty,
    /// What is left and not hidden.
    pub(crate) leaves: Qty,
    pub(crate) session: SessionSlot,
    pub(crate) account: Account,
    /// Place of its symbol's book.
    pub(crate) book: u32,
    pub(crate) side: Side,
    pub(crate) time_in_force: TimeInForce,
    /// Bits of [`flag`].
    pub(crate) flags: u8,
    pub(crate) stp: StpInstruction,
}

impl Order {
    #[inline]
    pub(crate) fn is(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }

    /// True if what does not trade at once stays in the book.
    #[inline]
    pub(crate) fn may_rest(&self) -> bool {
        self.price != Price::NULL
            && !matches!(self.time_in_force, TimeInForce::Ioc | TimeInForce::Fok)
    }
}

/// What is known of few orders: kept apart, so that the others need one cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extra {
    /// Tag 1138; 0 if the whole order is displayed.
    pub(crate) display: Qty,
    /// What is left beside [`Order::leaves`].
    pub(crate) hidden: Qty,
    /// Tag 99; null if it was never a stop order.
    pub(crate) stop_px: Price,
    /// Tag 126; 0 if none.
    pub(crate) expire_time: Nanos,
    /// Tag 2362; 0 if none.
    pub(crate) smp_id: u64,
    /// Counts the entries of orders that expire: who expires at one time ends in this order.
    pub(crate) entry: u64,
    /// Place among those that expire, NIL if it does not.
    pub(crate) timer: u32,
}

impl Extra {
    pub(crate) const NONE: Self = Self {
        display: Qty(0),
        hidden: Qty(0),
        stop_px: Price::NULL,
        expire_time: Nanos(0),
        smp_id: 0,
        entry: 0,
        timer: NIL,
    };
}

/// One cache line: an order and its links.
///
/// ```text
/// | ClOrdID 8 | price 8 | qty 8 | leaves 8 | session 4 | account 4 | book 4 | four codes 4 |
/// | level 4 | prev 4 | next 4 | generation 4 |
/// ```
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Node {
    pub(crate) order: Order,
    /// Level that it rests at, NIL if at none, VACATED if there is no order.
    pub(crate) level: u32,
    pub(crate) prev: u32,
    /// The order behind it; of a free slot, the next free one.
    pub(crate) next: u32,
    pub(crate) generation: u32,
}

impl Node {
    #[inline]
    pub(crate) fn is_live(&self) -> bool {
        self.level != VACATED
    }

    /// True if the slot is never taken again.
    pub(crate) fn is_retired(&self) -> bool {
        self.generation == GENERATION_END
    }
}

const _: () = assert!(size_of::<Node>() == 64);

const VACANT: Order = Order {
    cl_ord_id: ClOrdId(0),
    price: Price(0),
    qty: Qty(0),
    leaves: Qty(0),
    session: SessionSlot::NONE,
    account: Account(0),
    book: 0,
    side: Side::Buy,
    time_in_force: TimeInForce::Day,
    flags: 0,
    stp: StpInstruction::Default,
};

/// What names the order that is the slot's so manieth.
#[inline]
pub(crate) fn handle(generation: u32, slot: u32) -> OrderId {
    OrderId(u64::from(generation) << 32 | u64::from(slot))
}

/// The slab.
#[derive(Debug)]
pub(crate) struct Orders {
    nodes: Vec<Node>,
    extras: Vec<Extra>,
    free: u32,
    live: u32,
    /// Slots that are never taken again.
    retired: u32,
}

impl Orders {
    pub(crate) fn new(orders_max: u32) -> Self {
        assert!(orders_max < VACATED, "a slot fits in 32 bits, beside what is no slot");
        let next = |slot| if slot + 1 == orders_max { NIL } else { slot + 1 };
        let vacant = |slot| Node {
            order: VACANT,
            level: VACATED,
            prev: NIL,
            next: next(slot),
            generation: 1,
        };
        let nodes: Vec<Node> = (0..orders_max).map(vacant).collect();
        let extras = vec![Extra::NONE; orders_max as usize];
        Self { free: if nodes.is_empty() { NIL } else { 0 }, nodes, extras, live: 0, retired: 0 }
    }

    /// True if no slot can be taken.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.free == NIL
    }

    /// Makes an order live, at no level yet.
    ///
    /// # Panics
    /// If no slot is free: callers look first.
    #[inline]
    pub(crate) fn take(&mut self, order: &Order) -> u32 {
        let slot = self.begin();
        self.put(slot, *order, NIL, NIL);
        slot
    }

    /// Takes a slot, for whoever puts an order there at once.
    ///
    /// # Panics
    /// If no slot is free: callers look first.
    #[inline]
    pub(crate) fn begin(&mut self) -> u32 {
        let slot = self.free;
        let node = self.nodes.get(slot as usize);
        self.free = node.expect("room is decided before anything changes").next;
        self.live += 1;
        slot
    }

    /// Puts an order, or what it has become, in its slot: at a level, behind another, or at none.
    #[inline(always)]
    pub(crate) fn put(&mut self, slot: u32, order: Order, level: u32, before: u32) -> OrderId {
        let node = &mut self.nodes[slot as usize];
        (node.order, node.level, node.prev, node.next) = (order, level, before, NIL);
        let id = handle(node.generation, slot);
        if before != NIL {
            self.nodes[before as usize].next = slot;
        }
        id
    }

    /// The order is gone; its handle, which is returned, is stale from here on.
    ///
    /// # Panics
    /// If the slot holds no live order.
    #[inline]
    pub(crate) fn release(&mut self, slot: u32) -> OrderId {
        let node = &mut self.nodes[slot as usize];
        assert!(node.is_live(), "an order ends once");
        let id = handle(node.generation, slot);
        let is_extra = node.order.is(flag::EXTRA);
        node.level = VACATED;
        node.generation += 1;
        self.live -= 1;
        if node.generation < GENERATION_END {
            node.next = self.free;
            self.free = slot;
        } else {
            self.retired += 1;
        }
        if is_extra {
            self.extras[slot as usize] = Extra::NONE;
        }
        id
    }

    /// The live order that a handle names.
    #[inline]
    pub(crate) fn find(&self, id: OrderId) -> Option<u32> {
        let slot = id.0 as u32;
        let node = self.nodes.get(slot as usize)?;
        (node.is_live() && u64::from(node.generation) == id.0 >> 32).then_some(slot)
    }

    /// The handle of the order in a slot.
    #[inline]
    pub(crate) fn id(&self, slot: u32) -> OrderId {
        handle(self.nodes[slot as usize].generation, slot)
    }

    /// Fetches an order.
    #[inline(always)]
    pub(crate) fn fetch(&self, slot: u32) {
        prefetch(&self.nodes, (slot as usize).min(self.nodes.len() - 1));
    }

    #[inline]
    pub(crate) fn node(&self, slot: u32) -> &Node {
        &self.nodes[slot as usize]
    }

    #[inline]
    pub(crate) fn node_mut(&mut self, slot: u32) -> &mut Node {
        &mut self.nodes[slot as usize]
    }

    #[inline]
    pub(crate) fn order(&self, slot: u32) -> &Order {
        &self.nodes[slot as usize].order
    }

    #[inline]
    pub(crate) fn order_mut(&mut self, slot: u32) -> &mut Order {
        &mut self.nodes[slot as usize].order
    }

    #[inline]
    pub(crate) fn extra(&self, slot: u32) -> &Extra {
        &self.extras[slot as usize]
    }

    /// Whoever changes it sees to [`flag::EXTRA`].
    #[inline]
    pub(crate) fn extra_mut(&mut self, slot: u32) -> &mut Extra {
        &mut self.extras[slot as usize]
    }

    /// What of an order is left and hidden.
    #[inline]
    pub(crate) fn hidden(&self, slot: u32) -> Qty {
        if self.order(slot).is(flag::ICEBERG) { self.extra(slot).hidden } else { Qty(0) }
    }

    /// What is left of an order.
    #[inline]
    pub(crate) fn open(&self, slot: u32) -> Qty {
        Qty(self.order(slot).leaves.0 + self.hidden(slot).0)
    }

    /// What has filled.
    #[inline]
    pub(crate) fn cum(&self, slot: u32) -> Qty {
        Qty(self.order(slot).qty.0 - self.open(slot).0)
    }

    /// Status of a live or filled order.
    #[inline]
    pub(crate) fn status(&self, slot: u32) -> OrdStatus {
        let open = self.open(slot);
        if open == Qty(0) {
            OrdStatus::Filled
        } else if open == self.order(slot).qty {
            OrdStatus::New
        } else {
            OrdStatus::PartiallyFilled
        }
    }

    /// Orders that are live.
    pub(crate) fn live(&self) -> u32 {
        self.live
    }

    /// Slots of live orders, ascending.
    pub(crate) fn live_slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.nodes.iter().zip(0..).filter(|(node, _)| node.is_live()).map(|(_, slot)| slot)
    }

    /// Slots that were ever taken: they are the first ones, since a slot never taken is taken only
    /// when no other is free, in ascending order.
    pub(crate) fn used(&self) -> u32 {
        self.nodes.partition_point(|node| node.is_live() || node.generation > 1) as u32
    }

    /// Slots that there are.
    pub(crate) fn capacity(&self) -> u32 {
        self.nodes.len() as u32
    }

    /// Nodes of the first slots, in the order of slots.
    pub(crate) fn nodes(&self, slots: u32) -> &[Node] {
        &self.nodes[..slots as usize]
    }

    /// Slots that are never taken again.
    pub(crate) fn retired(&self) -> u32 {
        self.retired
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>() + self.extras.capacity() * size_of::<Extra>()
    }

    /// Free slots in the order in which they will be taken.
    pub(crate) fn free_slots(&self) -> impl Iterator<Item = u32> + '_ {
        let some = |slot: u32| (slot != NIL).then_some(slot);
        core::iter::successors(some(self.free), move |&slot| some(self.node(slot).next))
    }
}

/// A slab that comes back from its parts, in this order: the generations of the slots that were
/// used, those of them that are free, the live orders. Each answers false if the part does not fit.
impl Orders {
    /// The generation of a slot that was used; it is neither live nor free yet.
    pub(crate) fn restore_generation(&mut self, slot: u32, generation: u32) -> bool {
        let node = &mut self.nodes[slot as usize];
        node.generation = generation;
        node.next = NOT_FREE;
        self.retired += u32::from(generation == GENERATION_END);
        generation > 0
    }

    /// A free slot that was used; `freed_after` is the one that is taken before it, NIL if none.
    pub(crate) fn restore_free(&mut self, freed_after: u32, slot: u32) -> bool {
        let node = &mut self.nodes[slot as usize];
        let was_freed = (2..GENERATION_END).contains(&node.generation);
        if node.next != NOT_FREE || !was_freed {
            return false;
        }
        node.next = NIL;
        if freed_after == NIL {
            self.free = slot;
        } else {
            self.nodes[freed_after as usize].next = slot;
        }
        true
    }

    /// The slots that were never used follow the last of those that are free again.
    pub(crate) fn restore_unused(&mut self, freed_last: u32, used: u32) {
        let unused = if used as usize == self.nodes.len() { NIL } else { used };
        if freed_last == NIL {
            self.free = unused;
        } else {
            self.nodes[freed_last as usize].next = unused;
        }
    }

    /// A slot of a live order, which is still to be put there.
    #[inline]
    pub(crate) fn restore_live(&mut self, slot: u32) -> bool {
        let node = &mut self.nodes[slot as usize];
        if node.generation == GENERATION_END || node.next != NOT_FREE {
            return false;
        }
        node.level = NIL;
        node.next = NIL;
        self.live += 1;
        true
    }
}

#[cfg(test)]
impl Orders {
    /// Makes a free slot as old as if it had been freed so often.
    pub(crate) fn age(&mut self, slot: u32, generation: u32) {
        self.nodes[slot as usize].generation = generation;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An order of which only the name matters.
    pub(crate) fn named(session: SessionSlot, cl_ord_id: ClOrdId) -> Order {
        Order { session, cl_ord_id, ..VACANT }
    }

    #[test]
    fn slots_are_taken_last_freed_first_under_new_handles() {
        let mut orders = Orders::new(3);
        let ids: Vec<OrderId> = (0..3)
            .map(|_| {
                let slot = orders.take(&VACANT);
                orders.id(slot)
            })
            .collect();
        assert_eq!(ids, [OrderId(1 << 32), OrderId(1 << 32 | 1), OrderId(1 << 32 | 2)]);
        assert!(orders.is_full());
        orders.release(0);
        orders.release(2);
        assert_eq!(orders.take(&VACANT), 2);
        assert_eq!(orders.id(2), OrderId(2 << 32 | 2));
        assert_eq!(orders.find(ids[2]), None, "stale");
        assert_eq!(orders.find(ids[0]), None, "not live");
        assert_eq!(orders.find(ids[1]), Some(1));
        assert_eq!(orders.find(OrderId(2 << 32)), None, "the next handle of a free slot");
        assert_eq!(orders.find(OrderId(1 << 32 | 3)), None, "no such slot");
        assert_eq!(orders.find(OrderId(0)), None);
        assert_eq!(orders.take(&VACANT), 0);
    }

    #[test]
    fn a_slot_whose_generation_is_used_up_is_never_taken_again() {
        let mut orders = Orders::new(1);
        orders.age(0, GENERATION_END - 1);
        let slot = orders.take(&VACANT);
        assert_eq!(orders.id(slot), OrderId(u64::from(GENERATION_END - 1) << 32));
        orders.release(slot);
        assert!(orders.is_full());
        assert_eq!(orders.live(), 0);
    }

    #[test]
    #[should_panic(expected = "an order ends once")]
    fn an_order_ends_once() {
        let mut orders = Orders::new(1);
        let slot = orders.take(&VACANT);
        orders.release(slot);
        orders.release(slot);
    }
}
