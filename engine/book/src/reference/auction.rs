//! The uncross: orders that were collected trade at one price.
//!
//! Inputs -> outputs: resting orders but all-or-none ones -> one price, and matches at it.
//! Source: RULES.md, "The uncross".

use super::ReferenceBook;
use super::order::Order;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::cmp::Reverse;
use gavel_types::{Price, Side, SymbolId};

impl ReferenceBook {
    pub(super) fn uncross(&mut self, symbol: SymbolId) {
        if let Some(price) = self.uncross_price(symbol) {
            while let Some((bid, ask)) = self.first_pair(symbol, price) {
                self.match_pair(bid, ask, price);
            }
            self.symbol_mut(symbol).last = Some(price);
        }
    }

    /// The price at which most trades, if anything does.
    fn uncross_price(&self, symbol: SymbolId) -> Option<Price> {
        let known = self.symbol(symbol);
        let anchor = known.reference.or(known.last);
        let orders: Vec<&Order> = self.live.iter().filter(|o| takes_part(o, symbol)).collect();
        let mut prices: BTreeSet<Price> = orders.iter().map(|o| o.resting_price()).collect();
        prices.extend(anchor.filter(|&anchor| known.is_legal(anchor)));
        let open_of = |side: Side, price: Price| -> u128 {
            let trade = orders.iter().filter(|o| o.side == side && o.reaches(price));
            trade.map(|o| u128::from(o.open())).sum()
        };
        let chosen = prices.into_iter().map(|price| {
            let (demand, supply) = (open_of(Side::Buy, price), open_of(Side::Sell, price));
            (Reverse(demand.min(supply)), demand.abs_diff(supply), demand > supply, price)
        });
        let chosen: Vec<_> = chosen.collect();
        let (Reverse(volume), left, _, _) = *chosen.iter().min()?;
        // "As much trades and as little is left over": bids if the third is true.
        let tied = chosen.iter().filter(|of| (of.0, of.1) == (Reverse(volume), left));
        let tied: Vec<(bool, Price)> = tied.map(|of| (of.2, of.3)).collect();
        let bids = || tied.iter().filter(|of| of.0).map(|of| of.1);
        let asks = || tied.iter().filter(|of| !of.0).map(|of| of.1);
        let decides = self.plan.conventions.surplus_before_reference && left > 0;
        let price = if decides {
            // "The highest if only bids are, the lowest if only asks are", else one of these two.
            nearest(bids().max().into_iter().chain(asks().min()), anchor)
        } else {
            nearest(bids().chain(asks()), anchor)
        };
        price.filter(|_| volume > 0)
    }

    /// Places of the first bid and the first ask that trade at this price.
    fn first_pair(&self, symbol: SymbolId, price: Price) -> Option<(usize, usize)> {
        let first = |side| {
            let mut places = self.resting(symbol, side).into_iter();
            let at = places.find(|&at| !self.live[at].is_all_or_none())?;
            self.live[at].reaches(price).then_some(at)
        };
        Some((first(Side::Buy)?, first(Side::Sell)?))
    }

    /// "These two trade the smaller of what they have left, displayed and hidden."
    fn match_pair(&mut self, bid: usize, ask: usize, price: Price) {
        let qty = self.live[bid].open().min(self.live[ask].open());
        self.matches += 1;
        let pair = [bid, ask].map(|at| {
            let order = &mut self.live[at];
            order.cum += qty;
            order.displayed = order.open() - qty;
            order.hidden = 0;
            // "What remains of an iceberg displays anew in its place."
            order.display_anew();
            order.clone()
        });
        for order in &pair {
            self.traded(order, price, qty, b'N');
        }
        for order in &pair {
            self.count_trade(order, qty);
            if order.open() == 0 {
                self.live.retain(|o| o.id != order.id);
                self.free(order.id);
            }
        }
    }
}

/// The nearest to what is known, and of two the higher; else the lowest.
fn nearest(prices: impl Iterator<Item = Price>, anchor: Option<Price>) -> Option<Price> {
    prices.min_by_key(|&price| match anchor {
        Some(anchor) => (anchor.0.abs_diff(price.0), Reverse(price)),
        None => (price.0.unsigned_abs(), Reverse(price)),
    })
}

/// "All orders but all-or-none ones"; stop orders are in no book.
fn takes_part(order: &Order, symbol: SymbolId) -> bool {
    order.symbol == symbol && !order.is_stop() && !order.is_all_or_none()
}
