//! Orders that end by session, and how an order stands, naively.
//!
//! Inputs -> outputs: those of the fast book's mass.rs and status.rs.
//! Limits: everything ends in one step; the reports wait for room.

use super::ReferenceBook;
use super::order::Order;
use super::reports::state;
use alloc::vec::Vec;
use gavel_types::{
    CancelReason, ClOrdId, ExecStatus, MassAction, MassActionRejectReason, MassActionReport,
    MassActionResponse, MassActionScope, OrdStatus, OrderRejectReason, OrderState,
    OrderStatusQuery, Price, Qty, Report, SessionSlot, SymbolId,
};

impl ReferenceBook {
    /// Cancels the orders of a session that `is_meant` picks, oldest first; returns how many.
    /// Without a request each is named as if it had asked itself.
    pub(super) fn cancel_all(
        &mut self,
        session: SessionSlot,
        why: CancelReason,
        request: Option<ClOrdId>,
        is_meant: impl Fn(&Order) -> bool,
    ) -> u32 {
        let is_meant = |o: &Order| o.session == session && is_meant(o);
        let mut meant: Vec<Order> = self.live.iter().filter(|o| is_meant(o)).cloned().collect();
        meant.sort_by_key(|o| o.entered);
        for order in &meant {
            self.live.retain(|o| o.id != order.id);
            self.canceled(order, why, request.unwrap_or(order.cl_ord_id));
        }
        meant.len() as u32
    }

    pub(super) fn mass_action(&mut self, session: SessionSlot, asked: &MassAction) {
        let is_one_symbol = asked.scope == MassActionScope::Security;
        let mut body = MassActionReport {
            cl_ord_id: asked.cl_ord_id,
            report_id: self.mass_reports + 1,
            symbol: if is_one_symbol { asked.symbol } else { SymbolId(0) },
            account: asked.account,
            total_affected: 0,
            action: asked.action,
            scope: asked.scope,
            response: MassActionResponse::Completed,
            reject_reason: MassActionRejectReason::None,
            side: asked.side,
            reserved: [0; 7],
        };
        if is_one_symbol && !self.symbols.contains_key(&asked.symbol) {
            body.response = MassActionResponse::Rejected;
            body.reject_reason = MassActionRejectReason::UnknownSecurity;
        } else {
            let why = CancelReason::MassAction;
            body.total_affected = self.cancel_all(session, why, Some(asked.cl_ord_id), |order| {
                (!is_one_symbol || order.symbol == asked.symbol)
                    && (asked.side == 0 || order.side.code() == asked.side)
                    && (asked.account.0 == 0 || order.account == asked.account)
            });
        }
        self.mass_reports += 1;
        self.pending.push_back(Report::mass_action(self.stamp, session, &body));
    }

    pub(super) fn order_status(&mut self, session: SessionSlot, asked: &OrderStatusQuery) {
        let at = self.named(session, asked.order_id, asked.cl_ord_id);
        let found = at.map(|at| &self.live[at]);
        let order = match found.filter(|o| o.symbol == asked.symbol && o.side == asked.side) {
            Some(order) => state(order, order.status(), 0),
            None => OrderState {
                order_id: asked.order_id,
                cl_ord_id: asked.cl_ord_id,
                price: Price::NULL,
                qty: Qty(0),
                leaves_qty: Qty(0),
                cum_qty: Qty(0),
                symbol: asked.symbol,
                side: asked.side,
                ord_status: OrdStatus::Rejected,
                detail: OrderRejectReason::UnknownOrder.code(),
                reserved: 0,
            },
        };
        self.pending.push_back(Report::exec_status(self.stamp, session, &ExecStatus { order }));
    }
}
