//! Stop orders: the last trade elects them, one at a time.
//!
//! Inputs -> outputs: a symbol whose last trade may have moved -> Triggered, and what follows.
//! Invariants: after each that was elected the last trade is looked at anew, so cascades have one
//! order: buys by the lowest stop price first, then sales by the highest, first in first out.
//! Limits: as many as wait; pauses when the outbox has no room.

use crate::book::{Book, Step, Task};
use crate::orders::{NIL, flag};
use crate::reports::Emit;
use crate::symbol::{BUY_STOPS, SELL_STOPS};
use gavel_contract::Outbox;
use gavel_types::{CancelReason, Price, TimeInForce};

impl Book {
    /// Elects the next stop order of a symbol, if there is one.
    pub(crate) fn elect<O: Outbox>(&mut self, place: u32, emit: &mut Emit<'_, O>) -> Step {
        while let Some(slot) = self.elected(place) {
            if !emit.has_room(2) {
                return self.pause(Task::Elect(place));
            }
            self.unrest(slot);
            let order = self.orders.order_mut(slot);
            order.flags &= !flag::WAITS;
            let own_name = order.cl_ord_id;
            emit.triggered(self.counters.exec(), self.shown(slot));
            match self.objection(slot) {
                Some(why) => self.cancel_aggressor(slot, why, own_name, emit),
                None => return self.aggress(slot, emit),
            }
        }
        if O::KEEPS_EVENTS { self.told(emit) } else { Step::Done }
    }

    /// The stop order that the last trade elects.
    fn elected(&self, place: u32) -> Option<u32> {
        let book = &self.books[place as usize];
        if book.last == Price::NULL || !self.is_continuous(place) {
            return None;
        }
        let first = |ladder: u32| {
            let slot = self.first_in(place, ladder);
            (slot != NIL).then(|| (slot, self.orders.extra(slot).stop_px))
        };
        let buy = first(BUY_STOPS).filter(|&(_, stop_px)| stop_px <= book.last);
        let sale = || first(SELL_STOPS).filter(|&(_, stop_px)| stop_px >= book.last);
        buy.or_else(sale).map(|(slot, _)| slot)
    }

    /// Why an order that was elected cannot trade.
    fn objection(&self, slot: u32) -> Option<CancelReason> {
        let order = self.orders.order(slot);
        let other = self.books[order.book as usize].side(order.side.opposite());
        if order.price == Price::NULL && other.first().is_none() {
            return Some(CancelReason::NoLiquidity);
        }
        if order.time_in_force == TimeInForce::Fok {
            let reach = self.reach(&self.terms(order, self.smp_id(slot)), order.leaves);
            if reach.qty < order.leaves.0 {
                return Some(CancelReason::FillOrKill);
            }
        }
        (order.may_rest() && !self.has_level(order, 0)).then_some(CancelReason::BookFull)
    }
}
