//! The book digest: one number for everything live, the same for equal books however they came to
//! be.
//!
//! Inputs -> outputs: live orders in canonical order -> XXH3-64 over 48 bytes an order.
//! Invariants: nothing that differs between two runs of the same commands goes in. The canonical
//! order is: symbols ascending; of each, bids then asks; of each, best price first; at each, the
//! queue's order. So the digest covers priority without a field for it.
//! Limits: time in proportion to the live orders.
//! Not here: the node digest, over all state.
//! Source: XXH3, seed 0, of the xxHash specification.

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
    /// Tag 54.
    pub side: Side,
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
    }

    pub(crate) fn finish(&self) -> u64 {
        self.hash.digest()
    }
}
