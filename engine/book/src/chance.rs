//! Second chances: what all-or-none orders wait for may be there now, and they try again.
//!
//! Inputs -> outputs: an order that came to rest, one that wants less, or trading that begins ->
//! trades of all-or-none orders for which there is enough now.
//! Invariants: each is tried once, in the order that they had.
//! Limits: [`CHANCES_MAX`] of them; orders on the way that are not all-or-none are walked past.
//! Not here: how partners are found (partners.rs).

use crate::book::{Book, Step, Task};
use crate::orders::{NIL, flag};
use crate::reports::Emit;
use gavel_contract::Outbox;
use gavel_types::Side;

/// Most orders that try again.
const CHANCES_MAX: u32 = 64;

/// Orders that try again, one by one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance {
    /// Place of the symbol's book.
    place: u32,
    /// Side of the orders that try again.
    side: Side,
    /// Price, in ticks, that theirs must reach: there is the other, or the best of the other side.
    ticks: u64,
    /// The order that is looked at next.
    at: u32,
    tried: u32,
    /// The other side's orders come next.
    then_others: bool,
}

impl Book {
    /// An order came to rest: whom it gives a second chance.
    pub(crate) fn give_second_chance(&mut self, slot: u32) -> Step {
        let order = self.orders.order(slot);
        let (place, side) = (order.book, order.side.opposite());
        let ticks = self.levels.level(self.orders.node(slot).level).ticks;
        let at = self.first_in(place, crate::symbol::resting(side));
        self.then(Task::Chance(Chance { place, side, ticks, at, tried: 0, then_others: false }))
    }

    /// An all-or-none order wants less than it did: it alone tries again.
    pub(crate) fn try_again(&mut self, slot: u32) -> Step {
        let order = self.orders.order(slot);
        let (place, side) = (order.book, order.side);
        let ticks = self.levels.level(self.orders.node(slot).level).ticks;
        let tried = CHANCES_MAX - 1;
        let chance = Chance { place, side, ticks, at: slot, tried, then_others: false };
        self.then(Task::Chance(chance))
    }

    /// Trading begins, and nobody looked at all-or-none orders meanwhile: bids try, then asks.
    pub(crate) fn give_all_a_chance(&mut self, place: u32) -> Step {
        let bids = self.crossed(place, Side::Buy);
        self.then(Task::Chance(Chance { then_others: true, ..bids }))
    }

    /// Orders of a side that reach the best of the other.
    fn crossed(&self, place: u32, side: Side) -> Chance {
        let best = self.books[place as usize].other(side).first();
        let none = Chance { place, side, ticks: 0, at: NIL, tried: 0, then_others: false };
        best.map_or(none, |level| Chance {
            ticks: self.levels.level(level).ticks,
            at: self.first_in(place, crate::symbol::resting(side)),
            ..none
        })
    }

    /// Goes on with second chances.
    pub(crate) fn second_chance(
        &mut self,
        chance: Chance,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        let Chance { place, side, ticks, mut at, mut tried, .. } = chance;
        while at != NIL && tried < CHANCES_MAX && self.reaches(at, side, ticks) {
            let next = self.following(at);
            let order = *self.orders.order(at);
            if order.is(flag::ALL_OR_NONE) {
                tried += 1;
                let terms = self.terms(&order, self.smp_id(at));
                let after = Chance { at: next, tried, ..chance };
                if let Some(row) = self.partners(at, &terms, Some(after)) {
                    let leaves = order.leaves;
                    self.tell_order(at, gavel_types::EventKind::Delete, leaves, emit);
                    self.unrest(at);
                    return self.then(Task::Row(row));
                }
            }
            at = next;
        }
        if chance.then_others {
            let others = self.crossed(place, side.opposite());
            return self.then(Task::Chance(others));
        }
        self.after(place, emit)
    }

    /// True if the price of a resting order of this side reaches so far.
    fn reaches(&self, slot: u32, side: Side, ticks: u64) -> bool {
        let own = self.levels.level(self.orders.node(slot).level).ticks;
        match side {
            Side::Buy => own >= ticks,
            Side::Sell => own <= ticks,
        }
    }
}
