//! The book digest: one number for everything live, the same for equal books however they came to be.
//!
//! Inputs -> outputs: live orders in canonical order -> XXH3-64 over 48 bytes an order.
//! Invariants: nothing that differs between two runs of the same commands goes in. The canonical
//! order is: symbols ascending; of each, bids then asks; of each, best price first; at each, the
//! queue's order. So the digest covers priority without a field for it.
//! Limits: time in proportion to the live orders.
//! Not here: the node digest, over all state.
//! Source: XXH3, seed 0, of the xxHash specification.

use gavel_types::{ClOrdId, Price, Qty, Side, SymbolId};
use xxhash_rust::xxh3::Xxh3Default;

/// What the digest takes of an order.
#[derive(Clone, Copy)]
pub(crate) struct Live {
    pub(crate) session_key: u64,
    pub(crate) cl_ord_id: ClOrdId,
    pub(crate) price: Price,
    pub(crate) leaves: Qty,
    pub(crate) cum: Qty,
    pub(crate) symbol: SymbolId,
    pub(crate) side: Side,
}

pub(crate) struct StateDigest {
    hash: Xxh3Default,
}

impl StateDigest {
    pub(crate) fn new() -> Self {
        Self { hash: Xxh3Default::new() }
    }

    pub(crate) fn order(&mut self, live: &Live) {
        let mut row = [0; 48];
        row[0..8].copy_from_slice(&live.session_key.to_le_bytes());
        row[8..16].copy_from_slice(&live.cl_ord_id.0.to_le_bytes());
        row[16..24].copy_from_slice(&live.price.0.to_le_bytes());
        row[24..32].copy_from_slice(&live.leaves.0.to_le_bytes());
        row[32..40].copy_from_slice(&live.cum.0.to_le_bytes());
        row[40..44].copy_from_slice(&live.symbol.0.to_le_bytes());
        row[44] = live.side.code();
        self.hash.update(&row);
    }

    pub(crate) fn finish(&self) -> u64 {
        self.hash.digest()
    }
}
