//! OrderStatusRequest: how an order stands.
//!
//! Inputs -> outputs: [`OrderStatusQuery`] -> one Status.
//! Invariants: nothing changes, no counter either; an order of another session looks like none.
//! Not here: orders that are gone, which the book forgets.

use crate::book::Book;
use crate::reports::Emit;
use gavel_contract::Outbox;
use gavel_types::{OrderStatusQuery, SessionSlot};

impl Book {
    pub(crate) fn order_status(
        &self,
        session: SessionSlot,
        asked: &OrderStatusQuery,
        emit: &mut Emit<'_, impl Outbox>,
    ) {
        let named = self.named(session, asked.order_id, asked.cl_ord_id);
        let meant = named.map(|slot| self.shown(slot)).filter(|shown| {
            // What is said of an order must be true of it, else another one is meant.
            shown.symbol == asked.symbol && shown.order.side == asked.side
        });
        match meant {
            Some(shown) => emit.status(shown),
            None => emit.unknown_status(session, asked),
        }
    }
}
