//! Stop orders: which one is elected next, and what becomes of it.
//!
//! Source: RULES.md, "Stops".

use super::ReferenceBook;
use super::order::Order;
use super::room::Ladder;
use alloc::vec::Vec;
use gavel_types::{CancelReason, OrdType, Side, SymbolId, TimeInForce};

impl ReferenceBook {
    /// Places of the stop orders of a side, in the order of election: of buys the lowest StopPx
    /// first, of sells the highest; first in first out.
    pub(super) fn waiting(&self, symbol: SymbolId, side: Side) -> Vec<usize> {
        let is_meant = |o: &Order| o.symbol == symbol && o.side == side && o.is_stop();
        let mut places: Vec<usize> =
            (0..self.live.len()).filter(|&at| is_meant(&self.live[at])).collect();
        places.sort_by_key(|&at| {
            let stop_px = self.live[at].stop_px.expect("a stop order that waits has one").0;
            if side == Side::Buy { stop_px } else { -stop_px }
        });
        places
    }

    /// True if the last trade has reached the order's StopPx.
    pub(super) fn is_elected(&self, order: &Order) -> bool {
        let (Some(last), Some(stop_px)) = (self.symbol(order.symbol).last, order.stop_px) else {
            return false;
        };
        match order.side {
            Side::Buy => stop_px <= last,
            Side::Sell => stop_px >= last,
        }
    }

    /// Triggers one after the other until none is elected, or the phase ends it.
    pub(super) fn elect_stops(&mut self, symbol: SymbolId) {
        while self.symbols.get(&symbol).is_some_and(|symbol| symbol.is_continuous()) {
            let mut waiting = self.waiting(symbol, Side::Buy);
            waiting.extend(self.waiting(symbol, Side::Sell));
            let elected = waiting.into_iter().find(|&at| self.is_elected(&self.live[at]));
            let Some(at) = elected else { return };
            let order = self.live.remove(at);
            self.trigger(order);
        }
    }

    /// "From the Triggered report on it is a Market or Limit order."
    fn trigger(&mut self, mut order: Order) {
        order.stop_px = None;
        order.ord_type = match order.ord_type {
            OrdType::Stop => OrdType::Market,
            _ => OrdType::Limit,
        };
        self.triggered(&order);
        match self.objection_to_triggered(&order) {
            Some(why) => self.canceled(&order, why, order.cl_ord_id),
            None => self.aggress(order),
        }
    }

    fn objection_to_triggered(&self, order: &Order) -> Option<CancelReason> {
        let is_empty = self.best(order.symbol, order.side.opposite()).is_none();
        if order.ord_type == OrdType::Market && is_empty {
            return Some(CancelReason::NoLiquidity);
        }
        if order.time_in_force == TimeInForce::Fok && self.reach(order).qty < order.open() {
            return Some(CancelReason::FillOrKill);
        }
        // It has left the stops, and may rest elsewhere.
        let (ladder, price) = Ladder::wanted_by(order)?;
        (!self.has_room(ladder, price, None)).then_some(CancelReason::BookFull)
    }
}
