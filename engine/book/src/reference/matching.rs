//! The aggressor: meets orders of the other side one after the other, then rests or ends.
//!
//! Inputs -> outputs: an order that is in no queue -> trades, and where it ended.
//! Invariants: while it trades, the aggressor is not in the list; all that is open of it is in
//! `displayed`.
//! Source: RULES.md, "The aggressor".

use super::ReferenceBook;
use super::order::Order;
use super::reach::Bounds;
use super::room::Ladder;
use super::self_trade::Aggressor;
use gavel_types::{CancelReason, OrdType, OrderId, Side, TimeInForce};

impl ReferenceBook {
    pub(super) fn aggress(&mut self, mut order: Order) {
        if order.is_all_or_none() {
            return self.aggress_whole(order);
        }
        let bounds = self.bounds(&order);
        while order.open() > 0 {
            let Some(at) = self.met_by(&order, &bounds) else { break };
            if !bounds.is_within_band(self.live[at].resting_price()) {
                self.symbol_mut(order.symbol).band_was_left();
                return self.canceled(&order, CancelReason::PriceBand, order.cl_ord_id);
            }
            if let Some(how) = self.prevention(&order, &self.live[at]) {
                if self.prevent(&mut order, at, how) == Aggressor::IsGone {
                    return;
                }
            } else {
                let qty = order.open().min(self.live[at].displayed);
                self.trade(&mut order, at, qty);
            }
        }
        self.finish(order);
    }

    /// "The first order of the best level within its limit that it does not pass over; it passes
    /// over all-or-none orders larger than what is left of it."
    fn met_by(&self, order: &Order, bounds: &Bounds) -> Option<usize> {
        let mut best: Option<usize> = None;
        for (at, other) in self.live.iter().enumerate() {
            let is_other_side =
                other.symbol == order.symbol && other.side != order.side && !other.is_stop();
            if !is_other_side || !bounds.is_within_limit(other.resting_price()) {
                continue;
            }
            if other.is_all_or_none() && other.open() > order.open() {
                continue;
            }
            let is_better = best.is_none_or(|best| {
                let (price, best) = (other.price, self.live[best].price);
                if order.side == Side::Buy { price < best } else { price > best }
            });
            if is_better {
                best = Some(at);
            }
        }
        best
    }

    /// One match, at the resting order's price.
    pub(super) fn trade(&mut self, order: &mut Order, at: usize, qty: u64) {
        let mut resting = self.live[at].clone();
        let price = resting.resting_price();
        assert!(qty > 0 && qty <= order.open() && qty <= resting.displayed, "both have so much");
        for one in [&mut *order, &mut resting] {
            one.cum += qty;
            one.displayed -= qty;
        }
        self.matches += 1;
        self.traded(order, price, qty, b'Y');
        self.traded(&resting, price, qty, b'N');
        self.symbol_mut(order.symbol).last = Some(price);
        self.count_trade(order, qty);
        self.count_trade(&resting, qty);
        if resting.open() == 0 {
            self.live.remove(at);
            self.free(resting.id);
        } else {
            self.put_back(at, resting);
        }
    }

    /// What is left of a resting order that lost some of what it displayed. If that was all, it
    /// displays anew, "at the end of the queue of its level (`iceberg_keeps_place`: at its head)".
    pub(super) fn put_back(&mut self, at: usize, mut resting: Order) {
        if resting.displayed > 0 {
            self.live[at] = resting;
            return;
        }
        resting.display_anew();
        if self.plan.conventions.iceberg_keeps_place {
            self.live[at] = resting;
        } else {
            self.live.remove(at);
            self.live.push(resting);
        }
    }

    /// Nothing more to meet: it ends, rests, or what is left of it is canceled.
    pub(super) fn finish(&mut self, order: Order) {
        if order.open() == 0 {
            self.free(order.id);
        } else if order.may_rest() {
            self.rest_and_look(order);
        } else if let Some(limit) = self.rest_of_market(&order) {
            self.rest_and_look(limit);
        } else {
            self.canceled(&order, CancelReason::ImmediateOrCancel, order.cl_ord_id);
        }
    }

    /// With `market_rest_rests`: the limit order that is left of a market order, if it may rest.
    fn rest_of_market(&self, order: &Order) -> Option<Order> {
        let is_meant = self.plan.conventions.market_rest_rests
            && order.ord_type == OrdType::Market
            && matches!(order.time_in_force, TimeInForce::Day | TimeInForce::Gtc)
            && order.cum > 0;
        if !is_meant {
            return None;
        }
        // It traded a moment ago, so the symbol's last trade is its own.
        let price = self.symbol(order.symbol).last.expect("it traded");
        let (ord_type, price_of) = (OrdType::Limit, Some(price));
        let limit = Order { ord_type, price: price_of, min_qty: 0, ..order.clone() };
        self.has_room(Ladder::of_orders(&limit), price, None).then_some(limit)
    }

    fn rest_and_look(&mut self, order: Order) {
        let (symbol, side, price) = (order.symbol, order.side, order.resting_price());
        self.rest(order);
        self.second_chance(symbol, side, price);
    }

    /// "Joining the end of the queue at its price."
    pub(super) fn rest(&mut self, mut order: Order) {
        order.display_anew();
        self.live.push(order);
    }

    /// Place of a live order.
    pub(super) fn place(&self, id: OrderId) -> usize {
        self.live.iter().position(|o| o.id == id).expect("the order is live")
    }
}
