//! The sweep: an aggressor trades with the other side, best price first, first in first out.
//!
//! Inputs -> outputs: an order that rests nowhere -> Trade reports in pairs, then it rests or ends.
//! Invariants: a trade is at the maker's price; both its reports are adjacent; between two steps
//! the books are consistent, the aggressor aside, so a sweep can pause there.
//! Limits: a sweep is bounded by the orders it meets; it pauses when the outbox has no room for the
//! next step.
//! Not here: whether the order is legal (entry.rs, replace.rs).

use crate::book::Book;
use crate::orders::Order;
use crate::reports::{Aggressor, Emit, Match};
use gavel_contract::{Outbox, Progress};
use gavel_types::{CancelReason, Price, Qty, Side};

/// A sweep that is under way. The aggressor itself is in its slot, with what is left of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sweep {
    pub(crate) slot: u32,
}

impl Book {
    /// Goes on with a sweep until it is done or there is no room for its next step.
    #[inline]
    pub(crate) fn sweep(&mut self, sweep: Sweep, emit: &mut Emit<'_, impl Outbox>) -> Progress {
        let slot = sweep.slot;
        loop {
            let aggressor = self.orders.order(slot);
            if aggressor.leaves == Qty(0) {
                self.end(slot);
                return Progress::Done;
            }
            let Some(level) = self.crossed_level(aggressor) else { break };
            if !emit.has_room(2) {
                return Progress::Paused;
            }
            self.trade(slot, level, emit);
        }
        if self.orders.order(slot).may_rest() {
            self.rest(slot);
            return Progress::Done;
        }
        if !emit.has_room(1) {
            return Progress::Paused;
        }
        let own_name = self.orders.order(slot).cl_ord_id;
        emit.canceled(self.shown(slot), CancelReason::ImmediateOrCancel, own_name);
        self.end(slot);
        Progress::Done
    }

    /// The best level of the other side, if the aggressor's price reaches it.
    #[inline]
    fn crossed_level(&self, aggressor: &Order) -> Option<u32> {
        let best = self.books[aggressor.book as usize].ladder(aggressor.side.opposite()).best()?;
        crosses(aggressor.side, aggressor.price, self.levels.level(best).price).then_some(best)
    }

    /// One match with the order at the head of a level's queue.
    #[inline]
    fn trade(&mut self, slot: u32, level: u32, emit: &mut Emit<'_, impl Outbox>) {
        let maker = self.levels.level(level).head;
        let price = self.levels.level(level).price;
        let qty = self.orders.order(slot).leaves.min(self.orders.order(maker).leaves);
        self.orders.order_mut(slot).leaves.0 -= qty.0;
        self.orders.order_mut(maker).leaves.0 -= qty.0;
        self.levels.shrink(level, qty);
        let matched = Match { id: emit.trd_match(), price, qty };
        emit.trade(self.shown(slot), matched, Aggressor::Yes);
        emit.trade(self.shown(maker), matched, Aggressor::No);
        if self.orders.order(maker).leaves == Qty(0) {
            self.unrest(maker);
            self.end(maker);
        }
    }
}

/// True if an order of this side and price trades at the other side's price.
#[inline]
fn crosses(side: Side, price: Price, other: Price) -> bool {
    // A market order has the null price, which is above every price: no limit to a buy.
    match side {
        Side::Buy => other <= price,
        Side::Sell => price == Price::NULL || other >= price,
    }
}
