//! Reports: made from orders, counted, and put where they wait for room.
//!
//! Invariants: ExecID counts execution reports from 1.
//! Source: RULES.md, "Names".

use super::ReferenceBook;
use super::order::Order;
use gavel_types::{
    CancelReason, CancelReject, ClOrdId, CommandKind, ExecCanceled, ExecId, ExecNew, ExecRejected,
    ExecReplaced, ExecRestated, ExecTrade, ExecTriggered, OrdStatus, OrderId, OrderRejectReason,
    OrderState, Price, Qty, Report, SessionSlot, SteeringReport, SteeringResult, TrdMatchId,
};

impl ReferenceBook {
    pub(super) fn accepted(&mut self, order: &Order) {
        let body = ExecNew { order: state(order, OrdStatus::New, 0), exec_id: self.exec_id() };
        self.pending.push_back(Report::exec_new(self.stamp, order.session, &body));
    }

    pub(super) fn rejected(&mut self, order: &Order, reason: OrderRejectReason) {
        let shown = state(order, OrdStatus::Rejected, reason.code());
        let shown = OrderState { leaves_qty: Qty(0), ..shown };
        let body = ExecRejected { order: shown, exec_id: self.exec_id() };
        self.pending.push_back(Report::exec_rejected(self.stamp, order.session, &body));
    }

    /// `detail` is AggressorIndicator.
    pub(super) fn traded(&mut self, order: &Order, price: Price, qty: u64, detail: u8) {
        let body = ExecTrade {
            order: state(order, order.status(), detail),
            exec_id: self.exec_id(),
            last_px: price,
            last_qty: Qty(qty),
            trd_match_id: TrdMatchId(self.matches),
        };
        self.pending.push_back(Report::exec_trade(self.stamp, order.session, &body));
    }

    /// Reports the end of an order that is in the list no more, as it was when it ended.
    pub(super) fn canceled(&mut self, order: &Order, reason: CancelReason, request: ClOrdId) {
        let status = match reason {
            CancelReason::Expired => OrdStatus::Expired,
            _ => OrdStatus::Canceled,
        };
        let shown = OrderState { leaves_qty: Qty(0), ..state(order, status, reason.code()) };
        let body =
            ExecCanceled { order: shown, exec_id: self.exec_id(), request_cl_ord_id: request };
        self.pending.push_back(Report::exec_canceled(self.stamp, order.session, &body));
        self.free(order.id);
    }

    pub(super) fn replaced(&mut self, order: &Order, orig_cl_ord_id: ClOrdId) {
        let shown = state(order, order.status(), 0);
        let body = ExecReplaced { order: shown, exec_id: self.exec_id(), orig_cl_ord_id };
        self.pending.push_back(Report::exec_replaced(self.stamp, order.session, &body));
    }

    pub(super) fn restated(&mut self, order: &Order) {
        let shown = state(order, order.status(), 0);
        let body = ExecRestated { order: shown, exec_id: self.exec_id() };
        self.pending.push_back(Report::exec_restated(self.stamp, order.session, &body));
    }

    pub(super) fn triggered(&mut self, order: &Order) {
        let shown = state(order, order.status(), 0);
        let body = ExecTriggered { order: shown, exec_id: self.exec_id() };
        self.pending.push_back(Report::exec_triggered(self.stamp, order.session, &body));
    }

    pub(super) fn cancel_rejected(&mut self, session: SessionSlot, body: &CancelReject) {
        self.pending.push_back(Report::cancel_reject(self.stamp, session, body));
    }

    pub(super) fn steered(
        &mut self,
        session: SessionSlot,
        request_id: u64,
        command: CommandKind,
        (result, total_affected): (SteeringResult, u64),
    ) {
        let body = SteeringReport {
            request_id,
            total_affected,
            command: command.code(),
            result,
            reserved: [0; 6],
        };
        self.pending.push_back(Report::steering(self.stamp, session, &body));
    }

    fn exec_id(&mut self) -> ExecId {
        self.execs += 1;
        ExecId(self.execs)
    }

    /// The order's slot may be taken again, under the next generation; a slot whose generation is
    /// used up may not.
    pub(super) fn free(&mut self, id: OrderId) {
        let slot = id.0 as u32;
        self.generations[slot as usize] += 1;
        if self.generations[slot as usize] < u32::MAX {
            self.free_slots.push(slot);
        }
    }
}

/// The order as reports show it: hidden quantity is included.
pub(super) fn state(order: &Order, status: OrdStatus, detail: u8) -> OrderState {
    OrderState {
        order_id: order.id,
        cl_ord_id: order.cl_ord_id,
        price: order.price.unwrap_or(Price::NULL),
        qty: Qty(order.qty),
        leaves_qty: Qty(order.open()),
        cum_qty: Qty(order.cum),
        symbol: order.symbol,
        side: order.side,
        ord_status: status,
        detail,
        reserved: 0,
    }
}
