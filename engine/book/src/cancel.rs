//! OrderCancelRequest and OrderReduceRequest: which order is meant, and away with it, or with a
//! part.
//!
//! Inputs -> outputs: [`CancelOrder`] -> Canceled or CancelReject; [`ReduceOrder`] -> Replaced,
//! Canceled or CancelReject.
//! Invariants: a refused request changes nothing; an order of another session looks like none; what
//! is reduced keeps its place.
//! Not here: replaces (replace.rs), which name their order by the same rule.

use crate::book::{Book, Step};
use crate::orders::flag;
use crate::reports::{Emit, Refused};
use gavel_contract::Outbox;
use gavel_types::{
    CancelOrder, CancelReason, CancelRejectReason, ClOrdId, EventKind, OrdStatus, OrderId, Qty,
    ReduceOrder, SessionSlot, Side, SymbolId,
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

/// What a request says of the order it means: all three kinds have these fields.
macro_rules! target {
    ($asked:expr, $response_to:literal) => {
        $crate::cancel::Target {
            cl_ord_id: $asked.cl_ord_id,
            orig_cl_ord_id: $asked.orig_cl_ord_id,
            order_id: $asked.order_id,
            symbol: $asked.symbol,
            side: $asked.side,
            response_to: $response_to,
        }
    };
}
pub(crate) use target;

impl Book {
    #[inline(never)]
    pub(crate) fn cancel(
        &mut self,
        session: SessionSlot,
        asked: &CancelOrder,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        if let Some(step) = self.cancel_quick(session, asked, emit) {
            return step;
        }
        self.cancel_any(session, asked, emit)
    }

    /// The way of every cancel.
    #[cold]
    fn cancel_any(
        &mut self,
        session: SessionSlot,
        asked: &CancelOrder,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        let target = target!(asked, b'1');
        let Some(slot) = self.target(session, &target, emit) else {
            return self.told(emit);
        };
        let place = self.orders.order(slot).book;
        self.cancel_resting(slot, CancelReason::Requested, asked.cl_ord_id, emit);
        self.after(place, emit)
    }

    pub(crate) fn reduce(
        &mut self,
        session: SessionSlot,
        asked: &ReduceOrder,
        emit: &mut Emit<'_, impl Outbox>,
    ) -> Step {
        let target = target!(asked, b'2');
        let Some(slot) = self.target(session, &target, emit) else {
            return self.told(emit);
        };
        let order = *self.orders.order(slot);
        let is_lots = self.books[order.book as usize].rules.is_lots(asked.by);
        if asked.by == Qty(0) || !is_lots {
            self.refuse(slot, &target, CancelRejectReason::IncorrectQuantity, emit);
        } else if asked.by >= self.orders.open(slot) {
            self.cancel_resting(slot, CancelReason::Requested, asked.cl_ord_id, emit);
        } else {
            self.decrease(slot, asked.by, emit);
            emit.replaced(self.counters.exec(), self.shown(slot), order.cl_ord_id);
            if order.is(flag::ALL_OR_NONE) && self.is_continuous(order.book) {
                return self.try_again(slot);
            }
        }
        self.after(order.book, emit)
    }

    /// Less is left of an order that rests or waits, hidden quantity first; it keeps its place.
    pub(crate) fn decrease(&mut self, slot: u32, by: Qty, emit: &mut Emit<'_, impl Outbox>) {
        let from_hidden = self.orders.hidden(slot).min(by);
        if from_hidden > Qty(0) {
            self.hide_less(slot, from_hidden);
            self.touch(self.orders.order(slot).book, emit);
        }
        let displayed = Qty(by.0 - from_hidden.0);
        if displayed > Qty(0) {
            self.lessen(slot, displayed);
            self.tell_order(slot, EventKind::Reduce, displayed, emit);
        }
    }

    fn hide_less(&mut self, slot: u32, by: Qty) {
        let open = self.orders.open(slot);
        if self.orders.order(slot).is(flag::KNOWN) {
            self.opened(slot, open, Qty(open.0 - by.0));
        }
        self.change(slot, |book, slot| {
            book.orders.order_mut(slot).qty.0 -= by.0;
            book.orders.extra_mut(slot).hidden.0 -= by.0;
        });
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
            ord_status: self.orders.status(slot),
            response_to: target.response_to,
        };
        emit.cancel_reject(order.session, refused, reason);
    }
}
