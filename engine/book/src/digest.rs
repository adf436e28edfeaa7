//! The book digest: one number for everything live, the same for equal books however they came to
//! be.
//!
//! Inputs -> outputs: live orders in canonical order -> XXH3-64 over 48 bytes an order,
//! and 16 more of one that hides or waits.
//! Invariants: nothing that differs between two runs of the same commands goes in. The canonical
//! order is: symbols ascending; of each, bids, asks, stops of buys, stops of sells; of each, best
//! price first (of stops: the one elected first); at each, the queue's order. So the digest covers
//! priority without a field for it.
//! Limits: time in proportion to the live orders.
//! Not here: the node digest, over all state.
//! Source: XXH3, seed 0, of the xxHash specification.

use crate::orders::{Order, flag};
use gavel_types::{ClOrdId, Price, Qty, SessionSlot, Side, SymbolId};
use xxhash_rust::xxh3::Xxh3Default;

/// One live order, as far as it is the same in every run of the same commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveOrder {
    /// Session that owns it.
    pub session: SessionSlot,
    /// Tag 48.
    pub symbol: SymbolId,
    /// Tag 11.
    pub cl_ord_id: ClOrdId,
    /// Tag 44.
    pub price: Price,
    /// Tag 151.
    pub leaves_qty: Qty,
    /// Tag 14.
    pub cum_qty: Qty,
    /// What of the leaves is hidden.
    pub hidden_qty: Qty,
    /// Tag 99 of a stop order that waits, else [`Price::NULL`].
    pub stop_px: Price,
    /// Tag 54.
    pub side: Side,
}

/// What one live order adds to the order-independent digest of its symbol, which is the wrapping
/// sum of all: so it is kept up in constant time at every change. It does not cover the queue's
/// order.
///
/// A product folded, in the manner of wyhash: every bit of either factor reaches the result.
#[inline(always)]
pub(crate) fn term(symbol: SymbolId, order: &Order, hidden: Qty) -> u64 {
    const A: u64 = 0x9E37_79B9_7F4A_7C15;
    const B: u64 = 0xD1B5_4A32_D192_ED03;
    const C: u64 = 0xA076_1D64_78BD_642F;
    let kind = u64::from(order.side.code()) << 8 | u64::from(order.flags & flag::WAITS);
    let place = u64::from(symbol.0) << 32 | u64::from(order.session.0);
    let name = order.cl_ord_id.0.wrapping_mul(A) ^ place ^ kind << 48;
    let quantities = order.qty.0.wrapping_mul(B) ^ order.leaves.0 ^ hidden.0.rotate_left(32);
    let state = (order.price.0 as u64).wrapping_mul(C).wrapping_add(quantities);
    let product = u128::from(name ^ A) * u128::from(state ^ B);
    (product as u64) ^ (product >> 64) as u64
}

pub(crate) struct StateDigest {
    hash: Xxh3Default,
}

impl StateDigest {
    pub(crate) fn new() -> Self {
        Self { hash: Xxh3Default::new() }
    }

    /// Takes the next order in canonical order.
    pub(crate) fn order(&mut self, order: &LiveOrder, session_key: u64) {
        let mut row = [0; 48];
        row[0..8].copy_from_slice(&session_key.to_le_bytes());
        row[8..16].copy_from_slice(&order.cl_ord_id.0.to_le_bytes());
        row[16..24].copy_from_slice(&order.price.0.to_le_bytes());
        row[24..32].copy_from_slice(&order.leaves_qty.0.to_le_bytes());
        row[32..40].copy_from_slice(&order.cum_qty.0.to_le_bytes());
        row[40..44].copy_from_slice(&order.symbol.0.to_le_bytes());
        row[44] = order.side.code();
        self.hash.update(&row);
        if order.hidden_qty != Qty(0) || order.stop_px != Price::NULL {
            let mut row = [0; 16];
            row[0..8].copy_from_slice(&order.hidden_qty.0.to_le_bytes());
            row[8..16].copy_from_slice(&order.stop_px.0.to_le_bytes());
            self.hash.update(&row);
        }
    }

    pub(crate) fn finish(&self) -> u64 {
        self.hash.digest()
    }
}

#[cfg(test)]
mod tests {
    use crate::Book;
    use crate::orders::Order;
    use crate::testing::{order, plan};
    use gavel_contract::Machine;
    use gavel_types::{Qty, SessionSlot, Side, SymbolId};

    fn book_of(orders: &[Order]) -> Book {
        let mut book = Book::new(&plan(8));
        for order in orders {
            let slot = book.begin_live(*order);
            book.queue(slot);
        }
        book
    }

    #[test]
    fn the_digest_of_what_is_live_does_not_know_the_way() {
        let orders =
            [order(1, Side::Buy, 100), order(2, Side::Buy, 100), order(3, Side::Sell, 101)];
        let (one, mut other) = (book_of(&orders), book_of(&[orders[2], orders[1], orders[0]]));
        assert_eq!(one.live_digest(), other.live_digest());
        let key = |session: SessionSlot| u64::from(session.0);
        assert_ne!(one.digest(&key), other.digest(&key), "the queue's order is the other digest's");
        assert_eq!(one.live_digest_of(SymbolId(1)), Some(one.live_digest()));
        assert_eq!(one.live_digest_of(SymbolId(2)), None);
        other.lessen(0, Qty(1));
        assert_ne!(one.live_digest(), other.live_digest(), "a quantity counts");
        for slot in 0..3 {
            other.unrest(slot);
            other.end(slot);
        }
        assert_eq!(other.live_digest(), 0, "nothing is live");
    }

    #[test]
    fn every_field_counts() {
        let base = order(1, Side::Buy, 100);
        let others = [
            Order { cl_ord_id: gavel_types::ClOrdId(2), ..base },
            Order { session: SessionSlot(1), ..base },
            Order { price: gavel_types::Price(101), ..base },
            Order { side: Side::Sell, ..base },
            Order { qty: Qty(11), ..base },
            Order { leaves: Qty(9), ..base },
        ];
        let digests: std::collections::HashSet<u64> =
            others.iter().chain([&base]).map(|order| book_of(&[*order]).live_digest()).collect();
        assert_eq!(digests.len(), 7);
    }
}
