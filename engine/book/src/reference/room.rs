//! Room for another level: so many levels a ladder, so many pages in all.
//!
//! Source: RULES.md, "Room for a level".

use super::ReferenceBook;
use super::order::Order;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use gavel_types::{OrderId, Price, Side, SymbolId};

/// One of a symbol's four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ladder {
    symbol: SymbolId,
    /// Bids, or stops of buys.
    is_buy: bool,
    is_of_stops: bool,
}

impl Ladder {
    /// Where a live order is, and at which price.
    fn of(order: &Order) -> (Self, Price) {
        let is_of_stops = order.is_stop();
        let price = if is_of_stops { order.stop_px } else { order.price };
        let ladder = Self { is_of_stops, ..Self::of_orders(order) };
        (ladder, price.expect("a live order is at a price"))
    }

    /// Bids or asks.
    pub(super) fn of_orders(order: &Order) -> Self {
        Self { symbol: order.symbol, is_buy: order.side == Side::Buy, is_of_stops: false }
    }

    /// Where the order may come to stand: nowhere if it neither waits nor may rest.
    pub(super) fn wanted_by(order: &Order) -> Option<(Self, Price)> {
        (order.is_stop() || order.may_rest()).then(|| Self::of(order))
    }
}

impl ReferenceBook {
    /// True if there is room for a level at this price, on a ladder that the order `moved` (of a
    /// replace) may be on already.
    pub(super) fn has_room(&self, ladder: Ladder, price: Price, moved: Option<OrderId>) -> bool {
        let mut levels = BTreeMap::<Price, Vec<OrderId>>::new();
        for order in &self.live {
            let (other, at) = Ladder::of(order);
            if other == ladder {
                levels.entry(at).or_default().push(order.id);
            }
        }
        if levels.contains_key(&price) {
            return true;
        }
        let stay = levels.values().filter(|ids| moved.is_none_or(|id| ids[..] != [id])).count();
        stay < self.plan.levels_max as usize && self.pages() + 2 <= self.plan.pages_max as usize
    }

    /// Pages that are in use.
    pub(super) fn pages(&self) -> usize {
        let mut groups = BTreeMap::<Ladder, Vec<u64>>::new();
        for order in &self.live {
            let (ladder, price) = Ladder::of(order);
            let tick = self.symbol(order.symbol).terms.tick;
            let group = (price.0 / tick / 64).unsigned_abs();
            groups.entry(ladder).or_default().push(group);
        }
        groups.into_values().map(pages_of).sum()
    }

    /// Levels of each ladder that has any.
    pub(super) fn levels(&self) -> Vec<usize> {
        let mut levels = BTreeMap::<Ladder, Vec<Price>>::new();
        for order in &self.live {
            let (ladder, price) = Ladder::of(order);
            levels.entry(ladder).or_default().push(price);
        }
        let count = |mut prices: Vec<Price>| {
            prices.sort_unstable();
            prices.dedup();
            prices.len()
        };
        levels.into_values().map(count).collect()
    }
}

/// Pages of one ladder, of whose levels these are the groups.
fn pages_of(mut groups: Vec<u64>) -> usize {
    groups.sort_unstable();
    groups.dedup();
    let mut pages = groups.len();
    // "For s = 1, 2, 3, ...": `groups` are the values of group >> 6(s-1).
    while groups.len() > 1 {
        let above: Vec<u64> = groups.iter().map(|group| group >> 6).collect();
        groups = above.clone();
        groups.dedup();
        let parts = |value: u64| above.iter().filter(|&&other| other == value).count() >= 2;
        pages += groups.iter().filter(|&&value| parts(value)).count();
    }
    pages
}
