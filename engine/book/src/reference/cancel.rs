//! Which order a request means; cancels and reduces.
//!
//! Source: RULES.md, "Cancel, reduce, replace".

use super::ReferenceBook;
use super::order::Order;
use gavel_types::{
    CancelOrder, CancelReason, CancelReject, CancelRejectReason as No, ClOrdId, OrdStatus, OrderId,
    ReduceOrder, SessionSlot, Side, SymbolId,
};

/// What a cancel, reduce or replace says of the order that it means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// Tag 11 of the request.
    pub(super) cl_ord_id: ClOrdId,
    pub(super) orig_cl_ord_id: ClOrdId,
    pub(super) order_id: OrderId,
    pub(super) symbol: SymbolId,
    pub(super) side: Side,
    /// Tag 434: b'1' answers a cancel; b'2' a replace, and a reduce, which is one of a kind.
    pub(super) response_to: u8,
}

impl ReferenceBook {
    pub(super) fn cancel(&mut self, session: SessionSlot, asked: &CancelOrder) {
        let request = Request {
            cl_ord_id: asked.cl_ord_id,
            orig_cl_ord_id: asked.orig_cl_ord_id,
            order_id: asked.order_id,
            symbol: asked.symbol,
            side: asked.side,
            response_to: b'1',
        };
        if let Some(at) = self.meant(session, &request) {
            let order = self.live.remove(at);
            self.canceled(&order, CancelReason::Requested, asked.cl_ord_id);
        }
    }

    pub(super) fn reduce(&mut self, session: SessionSlot, asked: &ReduceOrder) {
        let request = Request {
            cl_ord_id: asked.cl_ord_id,
            orig_cl_ord_id: asked.orig_cl_ord_id,
            order_id: asked.order_id,
            symbol: asked.symbol,
            side: asked.side,
            response_to: b'2',
        };
        let Some(at) = self.meant(session, &request) else { return };
        let lot = self.symbol(asked.symbol).terms.lot;
        let by = asked.by.0;
        if by == 0 || !by.is_multiple_of(lot) {
            let order = self.live[at].clone();
            return self.refuse_order(&request, &order, No::IncorrectQuantity);
        }
        if by >= self.live[at].open() {
            let order = self.live.remove(at);
            return self.canceled(&order, CancelReason::Requested, asked.cl_ord_id);
        }
        self.live[at].shrink(by);
        let order = self.live[at].clone();
        self.replaced(&order, order.cl_ord_id);
        if order.is_all_or_none() && self.symbol(order.symbol).is_continuous() {
            self.try_again(&[order.id]);
        }
    }

    /// Place of the order that the request means; refuses the request if there is none.
    pub(super) fn meant(&mut self, session: SessionSlot, request: &Request) -> Option<usize> {
        let Some(at) = self.named(session, request.order_id, request.orig_cl_ord_id) else {
            let nothing = (request.order_id, OrdStatus::Rejected);
            self.refuse(session, request, nothing, No::UnknownOrder);
            return None;
        };
        let order = self.live[at].clone();
        if order.symbol != request.symbol || order.side != request.side {
            self.refuse_order(request, &order, No::Mismatch);
            return None;
        }
        Some(at)
    }

    /// Place of the session's order with this OrderID, or of this name if that is 0.
    pub(super) fn named(&self, session: SessionSlot, id: OrderId, name: ClOrdId) -> Option<usize> {
        self.live.iter().position(|o| {
            o.session == session && if id.0 != 0 { o.id == id } else { o.cl_ord_id == name }
        })
    }

    /// Refuses a request whose order is live.
    pub(super) fn refuse_order(&mut self, request: &Request, order: &Order, reason: No) {
        self.refuse(order.session, request, (order.id, order.status()), reason);
    }

    fn refuse(
        &mut self,
        session: SessionSlot,
        request: &Request,
        (order_id, ord_status): (OrderId, OrdStatus),
        reason: No,
    ) {
        let body = CancelReject {
            cl_ord_id: request.cl_ord_id,
            orig_cl_ord_id: request.orig_cl_ord_id,
            order_id,
            reason,
            ord_status,
            response_to: request.response_to,
            reserved: [0; 5],
        };
        self.cancel_rejected(session, &body);
    }
}
