//! The naive state held against itself, for tests.

use super::ReferenceBook;
use super::order::Order;
use gavel_types::{OrdType, Side, SymbolId, exec_inst};

impl ReferenceBook {
    /// Checks what is true between any two records.
    ///
    /// # Panics
    /// If it is not.
    pub fn verify(&self) {
        for order in &self.live {
            self.verify_order(order);
        }
        for (&symbol, known) in &self.symbols {
            if known.is_continuous() {
                assert!(!self.is_crossed(symbol), "a book is crossed");
                let places = [Side::Buy, Side::Sell].map(|side| self.waiting(symbol, side));
                let mut stops = places.iter().flatten().map(|&at| &self.live[at]);
                assert!(!stops.any(|o| self.is_elected(o)), "an elected stop order does not wait");
            }
        }
        let plan = &self.plan;
        assert!(self.levels().into_iter().all(|levels| levels <= plan.levels_max as usize));
        assert!(self.pages() <= plan.pages_max as usize, "there are so many pages");
        assert!(self.symbols.len() <= plan.symbols_max.max(plan.symbols.len() as u32) as usize);
        assert!(self.accounts.len() <= plan.accounts_max as usize);
        assert!(self.positions.len() <= plan.positions_max as usize);
        let used_up = self.generations.iter().filter(|&&generation| generation == u32::MAX).count();
        let all = self.live.len() + self.free_slots.len() + used_up;
        assert_eq!(all, plan.orders_max as usize, "a slot is live, or free, or used up");
    }

    fn verify_order(&self, order: &Order) {
        assert_eq!(order.qty, order.cum + order.displayed + order.hidden, "quantity is conserved");
        assert!(order.displayed > 0, "what is live displays something, or waits");
        assert!(self.symbols.contains_key(&order.symbol), "the symbol of an order is known");
        assert!(order.expire_time.is_none_or(|time| time > self.now), "what is due has ended");
        if order.is_stop() {
            assert!(order.stop_px.is_some() && order.cum == 0 && order.hidden == 0);
            assert_eq!(order.price.is_some(), order.ord_type == OrdType::StopLimit);
        } else {
            assert!(order.may_rest() && order.price.is_some() && order.stop_px.is_none());
            assert!(order.hidden == 0 || order.displayed <= order.display_qty);
        }
        if order.is_all_or_none() {
            assert_eq!(order.exec_inst, exec_inst::ALL_OR_NONE);
            assert_eq!((order.cum, order.hidden), (0, 0), "it trades whole");
        }
    }

    /// True if orders that are not all-or-none cross.
    pub(super) fn is_crossed(&self, symbol: SymbolId) -> bool {
        let best = |side| {
            let mut places = self.resting(symbol, side).into_iter();
            places.find(|&at| !self.live[at].is_all_or_none()).map(|at| self.live[at].price)
        };
        match (best(Side::Buy), best(Side::Sell)) {
            (Some(bid), Some(ask)) => bid >= ask,
            _ => false,
        }
    }
}
