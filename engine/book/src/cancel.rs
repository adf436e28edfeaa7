//! OrderCancelRequest: which order is meant, and away with it.
//!
//! Inputs -> outputs: [`CancelOrder`] -> Canceled or CancelReject.
//! Invariants: a refused cancel changes nothing; an order of another session looks like none.
//! Not here: replaces (replace.rs), which name their order by the same rule.

use crate::book::Book;
use crate::reports::{Emit, Refused};
use gavel_contract::Outbox;
use gavel_types::{
    CancelOrder, CancelReason, CancelRejectReason, ClOrdId, OrdStatus, OrderId, SessionSlot, Side,
    SymbolId,
};

/// What a cancel or replace says of the order it means.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    /// Tag 11 of the request.
    pub(crate) cl_ord_id: ClOrdId,
    pub(crate) orig_cl_ord_id: ClOrdId,
    pub(crate) order_id: OrderId,
    pub(crate) symbol: SymbolId,
    pub(crate) side: Side,
    /// Tag 434: what a refusal answers.
    pub(crate) response_to: u8,
}

impl Book {
    #[inline]
    pub(crate) fn cancel(
        &mut self,
        session: SessionSlot,
        asked: &CancelOrder,
        emit: &mut Emit<'_, impl Outbox>,
    ) {
        let target = Target {
            cl_ord_id: asked.cl_ord_id,
            orig_cl_ord_id: asked.orig_cl_ord_id,
            order_id: asked.order_id,
            symbol: asked.symbol,
            side: asked.side,
            response_to: b'1',
        };
        if let Some(slot) = self.target(session, &target, emit) {
            self.unrest(slot);
            emit.canceled(self.shown(slot), CancelReason::Requested, asked.cl_ord_id);
            self.end(slot);
        }
    }

    /// The order that the request means; refuses the request if there is none.
    #[inline]
    pub(crate) fn target(
        &self,
        session: SessionSlot,
        target: &Target,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Option<u32> {
        let Some(slot) = self.named(session, target.order_id, target.orig_cl_ord_id) else {
            let refused = Refused {
                cl_ord_id: target.cl_ord_id,
                orig_cl_ord_id: target.orig_cl_ord_id,
                order_id: target.order_id,
                ord_status: OrdStatus::Rejected,
                response_to: target.response_to,
            };
            emit.cancel_reject(session, refused, CancelRejectReason::UnknownOrder);
            return None;
        };
        let shown = self.shown(slot);
        if shown.symbol != target.symbol || shown.order.side != target.side {
            self.refuse(slot, target, CancelRejectReason::Mismatch, emit);
            return None;
        }
        Some(slot)
    }

    /// Refuses a request whose order is live.
    pub(crate) fn refuse(
        &self,
        slot: u32,
        target: &Target,
        reason: CancelRejectReason,
        emit: &mut Emit<'_, impl Outbox>,
    ) {
        let order = self.orders.order(slot);
        let refused = Refused {
            cl_ord_id: target.cl_ord_id,
            orig_cl_ord_id: target.orig_cl_ord_id,
            order_id: self.orders.id(slot),
            ord_status: order.status(),
            response_to: target.response_to,
        };
        emit.cancel_reject(order.session, refused, reason);
    }
}
