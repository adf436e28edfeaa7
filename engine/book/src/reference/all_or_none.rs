//! All-or-none orders as aggressors: partners are found before anything trades.
//!
//! Invariants: its trades make exactly what it wants, or there are none.
//! Source: RULES.md, "An all-or-none aggressor" and "Second chance".

use super::ReferenceBook;
use super::order::Order;
use alloc::vec::Vec;
use gavel_types::{OrderId, Price, Side, SymbolId};

/// An order that was met on the walk, and what it displays.
#[derive(Clone, Copy, Debug)]
struct Met {
    id: OrderId,
    qty: u64,
    is_all_or_none: bool,
}

/// Who trades how much with the aggressor, in order.
type Gifts = Vec<(OrderId, u64)>;

/// "A row holds at most 256."
const ROW_MAX: usize = 256;

/// "At most the first 64 of them."
const CHANCES_MAX: usize = 64;

impl ReferenceBook {
    pub(super) fn aggress_whole(&mut self, order: Order) {
        match self.partners(&order) {
            Some(gifts) => self.trade_whole(order, &gifts),
            // It rests; one that was replaced to Ioc is canceled.
            None => self.finish(order),
        }
    }

    fn trade_whole(&mut self, mut order: Order, gifts: &Gifts) {
        for &(id, qty) in gifts {
            let at = self.place(id);
            self.trade(&mut order, at, qty);
        }
        assert_eq!(order.open(), 0, "trades of an all-or-none aggressor never end half way");
        self.free(order.id);
    }

    /// Those with whom the order would trade whole.
    fn partners(&self, order: &Order) -> Option<Gifts> {
        let bounds = self.bounds(order);
        let wanted = order.open();
        let mut row: Vec<Met> = Vec::new();
        for at in self.resting(order.symbol, order.side.opposite()) {
            let other = &self.live[at];
            let price = other.resting_price();
            if !bounds.is_within_limit(price)
                || !bounds.is_within_band(price)
                || self.prevention(order, other).is_some()
            {
                continue;
            }
            let met =
                Met { id: other.id, qty: other.displayed, is_all_or_none: other.is_all_or_none() };
            if met.is_all_or_none && met.qty > wanted {
                continue;
            }
            if let Some(mut gifts) = closes(&row, &met, wanted) {
                let given: u64 = gifts.iter().map(|&(_, qty)| qty).sum();
                gifts.push((met.id, wanted - given));
                return Some(gifts);
            }
            if row.len() == ROW_MAX {
                break;
            }
            row.push(met);
        }
        None
    }

    /// An order came to rest in Continuous: all-or-none orders of the other side try again.
    pub(super) fn second_chance(&mut self, symbol: SymbolId, side: Side, price: Price) {
        let others = self.resting(symbol, side.opposite()).into_iter().map(|at| &self.live[at]);
        let waiting = others.filter(|o| o.is_all_or_none() && o.reaches(price));
        let ids: Vec<OrderId> = waiting.map(|o| o.id).take(CHANCES_MAX).collect();
        self.try_again(&ids);
    }

    /// Trading begins: bids that reach the best ask, then asks that reach the best bid.
    pub(super) fn give_all_a_chance(&mut self, symbol: SymbolId) {
        for side in [Side::Buy, Side::Sell] {
            let other = side.opposite();
            if let Some(best) = self.best(symbol, other) {
                self.second_chance(symbol, other, best);
            }
        }
    }

    /// Each of these, if it finds its partners now.
    pub(super) fn try_again(&mut self, ids: &[OrderId]) {
        for &id in ids {
            // Its partners are on the other side: where it stands meanwhile makes no difference.
            let at = self.place(id);
            if let Some(gifts) = self.partners(&self.live[at]) {
                let order = self.live.remove(at);
                self.trade_whole(order, &gifts);
            }
        }
    }
}

/// What the row gives if this order closes the walk; the order trades the rest.
///
/// An all-or-none order closes it if the row can give exactly what it leaves. Any other one closes
/// it if it has what the row leaves. As long as the row is worth less than what is wanted, it gives
/// all of it; it is worth more if all-or-none orders in it exclude each other, and then it gives
/// what it can.
fn closes(row: &[Met], met: &Met, wanted: u64) -> Option<Gifts> {
    let needed = if met.is_all_or_none { wanted - met.qty } else { wanted };
    let gifts = give(row, needed);
    let given: u64 = gifts.iter().map(|&(_, qty)| qty).sum();
    let is_closed = if met.is_all_or_none { given == needed } else { given + met.qty >= wanted };
    is_closed.then_some(gifts)
}

/// "In order, each gives the smaller of what it has and what is still needed, an all-or-none order
/// all or nothing."
fn give(row: &[Met], needed: u64) -> Gifts {
    let mut left = needed;
    let mut gifts = Gifts::new();
    for met in row {
        let qty = met.qty.min(left);
        let gives = if met.is_all_or_none { qty == met.qty } else { qty > 0 };
        if gives {
            gifts.push((met.id, qty));
            left -= qty;
        }
    }
    gifts
}
