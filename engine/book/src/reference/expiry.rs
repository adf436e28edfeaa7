//! Orders whose time has come.
//!
//! Source: RULES.md, "Records" and "Phases".

use super::ReferenceBook;
use super::order::Order;
use alloc::vec::Vec;
use gavel_types::{CancelReason, Nanos, Side, SymbolId, TimeInForce};

impl ReferenceBook {
    /// "Each live order with an ExpireTime no later than that, by ExpireTime, then in the order in
    /// which they were entered."
    pub(super) fn expire(&mut self) {
        let is_due = |o: &&Order| o.expire_time.is_some_and(|time| time <= self.now);
        let mut due: Vec<Order> = self.live.iter().filter(is_due).cloned().collect();
        due.sort_by_key(|o| (o.expire_time, o.entered));
        for order in &due {
            self.end_expired(order);
        }
    }

    /// When the next one is due.
    pub(super) fn next_expiry(&self) -> Nanos {
        self.live.iter().filter_map(|o| o.expire_time).min().unwrap_or(Nanos(u64::MAX))
    }

    /// The day is over: ends its Day orders, and says how many. "Bids best first, asks best first,
    /// each level first in first out, then stops of buys, then of sells, in the order of election."
    pub(super) fn expire_day(&mut self, symbol: SymbolId) -> u64 {
        let ladders = [
            self.resting(symbol, Side::Buy),
            self.resting(symbol, Side::Sell),
            self.waiting(symbol, Side::Buy),
            self.waiting(symbol, Side::Sell),
        ];
        let orders = ladders.iter().flatten().map(|&at| self.live[at].clone());
        let ended: Vec<Order> = orders.filter(|o| o.time_in_force == TimeInForce::Day).collect();
        for order in &ended {
            self.end_expired(order);
        }
        ended.len() as u64
    }

    fn end_expired(&mut self, order: &Order) {
        self.live.retain(|o| o.id != order.id);
        self.canceled(order, CancelReason::Expired, order.cl_ord_id);
    }
}
