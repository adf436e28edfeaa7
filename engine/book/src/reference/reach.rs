//! What an order could trade now, and within which prices it may.
//!
//! Source: RULES.md, "Reach" and "The aggressor".

use super::ReferenceBook;
use super::order::Order;
use alloc::vec::Vec;
use gavel_types::{OrdType, Price, Side, StpInstruction};

/// How far an order goes, as it was when it began. Wider than prices, so that nothing overflows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    side: Side,
    limit: Option<i128>,
    /// Lowest and highest price of the dynamic band.
    band: Option<(i128, i128)>,
}

/// What a walk of the other side found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reach {
    pub(super) qty: u64,
    /// Cost of a buy, proceeds of a sale.
    pub(super) cost: u128,
}

impl Bounds {
    pub(super) fn is_within_limit(&self, price: Price) -> bool {
        let price = i128::from(price.0);
        self.limit.is_none_or(|limit| match self.side {
            Side::Buy => price <= limit,
            Side::Sell => price >= limit,
        })
    }

    pub(super) fn is_within_band(&self, price: Price) -> bool {
        let price = i128::from(price.0);
        self.band.is_none_or(|(low, high)| low <= price && price <= high)
    }
}

impl ReferenceBook {
    /// The bounds of an order that begins to trade now.
    pub(super) fn bounds(&self, order: &Order) -> Bounds {
        let symbol = self.symbol(order.symbol);
        let protection = i128::from(symbol.terms.protection);
        let protected = |best: Price| match order.side {
            Side::Buy => i128::from(best.0) + protection,
            Side::Sell => i128::from(best.0) - protection,
        };
        let limit = match order.price {
            Some(price) => Some(i128::from(price.0)),
            None if order.ord_type == OrdType::Market && protection != 0 => {
                self.best(order.symbol, order.side.opposite()).map(protected)
            }
            None => None,
        };
        let dynamic = i128::from(symbol.bands.dynamic);
        let middle = symbol.last_or_reference().filter(|_| dynamic != 0);
        let band = middle.map(|price| {
            let price = i128::from(price.0);
            (price - dynamic, price + dynamic)
        });
        Bounds { side: order.side, limit, band }
    }

    /// The walk: "levels from the best on, within its limit and its dynamic band". It ends at the
    /// first level outside, as the order itself would.
    pub(super) fn reach(&self, order: &Order) -> Reach {
        let bounds = self.bounds(order);
        let mut found = Reach::default();
        let mut walk = self.resting(order.symbol, order.side.opposite()).into_iter().peekable();
        while let Some(&first) = walk.peek() {
            let price = self.live[first].resting_price();
            if !bounds.is_within_limit(price) || !bounds.is_within_band(price) {
                break;
            }
            let mut level = Vec::new();
            while let Some(at) = walk.next_if(|&at| self.live[at].resting_price() == price) {
                level.push(at);
            }
            if !self.reach_level(order, &level, price, &mut found) {
                break;
            }
        }
        found
    }

    /// "Its displayed quantity counts, and what the level's orders hide once the walk is through
    /// with the level (`iceberg_keeps_place`: with the order)." False if the walk ends in this
    /// level.
    fn reach_level(&self, order: &Order, level: &[usize], price: Price, found: &mut Reach) -> bool {
        let mut hidden = 0;
        for &at in level {
            let other = &self.live[at];
            let wanted = order.open() - found.qty;
            if wanted == 0 {
                return false;
            }
            if other.is_all_or_none() && other.open() > wanted {
                continue;
            }
            match self.prevention(order, other) {
                Some(StpInstruction::CancelResting) => continue,
                Some(_) => return false,
                None => {}
            }
            if self.plan.conventions.iceberg_keeps_place {
                found.count(other.open().min(wanted), price);
            } else {
                found.count(other.displayed.min(wanted), price);
                hidden += other.open() - other.displayed;
            }
        }
        found.count(hidden.min(order.open() - found.qty), price);
        true
    }
}

impl Reach {
    fn count(&mut self, qty: u64, price: Price) {
        self.qty += qty;
        self.cost += u128::from(price.0.unsigned_abs()) * u128::from(qty);
    }
}
