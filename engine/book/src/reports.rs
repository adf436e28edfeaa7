//! Reports of one record: made from orders, counted, and pushed only where there is room.
//!
//! Inputs -> outputs: an order and what happened to it -> reports.
//! Invariants: never more reports than the outbox has room for; ExecID and TrdMatchID count from 1
//! without a gap.
//! Limits: BURST reports before the outbox is asked again.
//! Not here: numbers of the session's flow (0 here; the session layer gives them).

use crate::orders::Order;
use gavel_contract::Outbox;
use gavel_types::limits::BURST;
use gavel_types::{
    CancelReason, CancelReject, CancelRejectReason, ClOrdId, CommandKind, Event, ExecCanceled,
    ExecId, ExecNew, ExecRejected, ExecReplaced, ExecRestated, ExecStatus, ExecTrade,
    ExecTriggered, MassAction, MassActionRejectReason, MassActionReport, MassActionResponse,
    MassActionScope, NewOrder, OrdStatus, OrderId, OrderRejectReason, OrderState, OrderStatusQuery,
    Price, Qty, Report, SessionSlot, Stamp, SteeringReport, SteeringResult, SymbolId, TrdMatchId,
};

/// The machine's counters: the numbers given last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) exec: u64,
    pub(crate) trd_match: u64,
    /// Mass action reports.
    pub(crate) mass: u64,
}

impl Counters {
    /// The number of a new execution.
    #[inline]
    pub(crate) fn exec(&mut self) -> ExecId {
        self.exec += 1;
        ExecId(self.exec)
    }

    /// The number of a new match.
    #[inline]
    pub(crate) fn trd_match(&mut self) -> TrdMatchId {
        self.trd_match += 1;
        TrdMatchId(self.trd_match)
    }

    /// The number of a new mass action report.
    pub(crate) fn mass(&mut self) -> u64 {
        self.mass += 1;
        self.mass
    }
}

/// Where one record's reports go.
pub(crate) struct Emit<'a, O> {
    out: &'a mut O,
    stamp: &'a Stamp,
    /// Slots known to be free: the outbox is asked only when they are used up, since its answer may
    /// cost a cache line that another core writes.
    room: usize,
}

/// An order with its names, as reports show it.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) order: &'a Order,
    pub(crate) id: OrderId,
    pub(crate) symbol: SymbolId,
    /// What is left of it, hidden quantity included.
    pub(crate) open: Qty,
}

impl Shown<'_> {
    #[inline]
    fn state(&self, leaves: Qty, status: OrdStatus, detail: u8) -> OrderState {
        OrderState {
            order_id: self.id,
            cl_ord_id: self.order.cl_ord_id,
            price: self.order.price,
            qty: self.order.qty,
            leaves_qty: leaves,
            cum_qty: Qty(self.order.qty.0 - self.open.0),
            symbol: self.symbol,
            side: self.order.side,
            ord_status: status,
            detail,
            reserved: 0,
        }
    }

    /// The order as it stands.
    #[inline]
    fn now(&self, detail: u8) -> OrderState {
        let status = if self.open == Qty(0) {
            OrdStatus::Filled
        } else if self.open == self.order.qty {
            OrdStatus::New
        } else {
            OrdStatus::PartiallyFilled
        };
        self.state(self.open, status, detail)
    }
}

/// One match, as both sides' reports show it.
#[derive(Clone, Copy)]
pub(crate) struct Match {
    pub(crate) id: TrdMatchId,
    pub(crate) price: Price,
    pub(crate) qty: Qty,
}

/// Tag 1057, in a Trade's detail.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Aggressor {
    Yes = b'Y',
    No = b'N',
}

/// A command that steers the venue, as its answer needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steered {
    pub(crate) session: SessionSlot,
    pub(crate) command: CommandKind,
    pub(crate) request_id: u64,
}

/// Names in a cancel or replace, as its refusal shows them.
#[derive(Clone, Copy)]
pub(crate) struct Refused {
    pub(crate) cl_ord_id: ClOrdId,
    pub(crate) orig_cl_ord_id: ClOrdId,
    pub(crate) order_id: OrderId,
    pub(crate) ord_status: OrdStatus,
    /// Tag 434.
    pub(crate) response_to: u8,
}

impl<'a, O: Outbox> Emit<'a, O> {
    /// For a record that is new: callers see to BURST free slots.
    #[inline]
    pub(crate) fn begin(out: &'a mut O, stamp: &'a Stamp) -> Self {
        Self { out, stamp, room: BURST }
    }

    /// For a record that paused, or one of which another part has reported already.
    pub(crate) fn resume(out: &'a mut O, stamp: &'a Stamp) -> Self {
        let room = out.free();
        Self { out, stamp, room }
    }

    /// True if so many reports can be pushed now.
    #[inline]
    pub(crate) fn has_room(&mut self, reports: usize) -> bool {
        if self.room < reports {
            self.room = self.out.free();
        }
        self.room >= reports
    }

    /// Takes the room of so many reports for events.
    pub(crate) fn spend(&mut self, reports: usize) {
        self.room -= reports;
    }

    #[inline]
    pub(crate) fn stamp(&self) -> Stamp {
        *self.stamp
    }

    #[inline]
    pub(crate) fn event(&mut self, event: Event) {
        self.out.event(&Event { stamp: *self.stamp, ..event });
    }

    #[inline]
    pub(crate) fn push(&mut self, report: Report) {
        assert!(self.room > 0, "room is looked for before a step");
        self.room -= 1;
        self.out.push(report);
    }

    #[inline]
    pub(crate) fn accepted(&mut self, exec_id: ExecId, shown: Shown<'_>) {
        let order = shown.now(0);
        let body = ExecNew { order, exec_id };
        self.push(Report::exec_new(*self.stamp, shown.order.session, &body));
    }

    #[inline]
    pub(crate) fn trade(
        &mut self,
        exec_id: ExecId,
        shown: Shown<'_>,
        matched: Match,
        aggressor: Aggressor,
    ) {
        let body = ExecTrade {
            order: shown.now(aggressor as u8),
            exec_id,
            last_px: matched.price,
            last_qty: matched.qty,
            trd_match_id: matched.id,
        };
        self.push(Report::exec_trade(*self.stamp, shown.order.session, &body));
    }

    #[inline]
    pub(crate) fn replaced(&mut self, exec_id: ExecId, shown: Shown<'_>, orig_cl_ord_id: ClOrdId) {
        let order = shown.now(0);
        let body = ExecReplaced { order, exec_id, orig_cl_ord_id };
        self.push(Report::exec_replaced(*self.stamp, shown.order.session, &body));
    }

    /// `shown.order` as it was when it ended; the report says that nothing is left of it.
    #[inline]
    pub(crate) fn canceled(
        &mut self,
        exec_id: ExecId,
        shown: Shown<'_>,
        reason: CancelReason,
        request_cl_ord_id: ClOrdId,
    ) {
        let status = match reason {
            CancelReason::Expired => OrdStatus::Expired,
            _ => OrdStatus::Canceled,
        };
        let order = shown.state(Qty(0), status, reason.code());
        let body = ExecCanceled { order, exec_id, request_cl_ord_id };
        self.push(Report::exec_canceled(*self.stamp, shown.order.session, &body));
    }

    pub(crate) fn triggered(&mut self, exec_id: ExecId, shown: Shown<'_>) {
        let body = ExecTriggered { order: shown.now(0), exec_id };
        self.push(Report::exec_triggered(*self.stamp, shown.order.session, &body));
    }

    pub(crate) fn restated(&mut self, exec_id: ExecId, shown: Shown<'_>) {
        let body = ExecRestated { order: shown.now(0), exec_id };
        self.push(Report::exec_restated(*self.stamp, shown.order.session, &body));
    }

    /// Answers a command that steers the venue.
    pub(crate) fn steered(&mut self, to: Steered, result: SteeringResult, total_affected: u64) {
        let body = SteeringReport {
            request_id: to.request_id,
            total_affected,
            command: to.command.code(),
            result,
            reserved: [0; 6],
        };
        self.push(Report::steering(*self.stamp, to.session, &body));
    }

    /// `asked` at the price at which it was refused.
    pub(crate) fn rejected(
        &mut self,
        exec_id: ExecId,
        session: SessionSlot,
        asked: &NewOrder,
        reason: OrderRejectReason,
    ) {
        let order = OrderState {
            order_id: OrderId(0),
            cl_ord_id: asked.cl_ord_id,
            price: asked.price,
            qty: asked.qty,
            leaves_qty: Qty(0),
            cum_qty: Qty(0),
            symbol: asked.symbol,
            side: asked.side,
            ord_status: OrdStatus::Rejected,
            detail: reason.code(),
            reserved: 0,
        };
        let body = ExecRejected { order, exec_id };
        self.push(Report::exec_rejected(*self.stamp, session, &body));
    }

    pub(crate) fn cancel_reject(
        &mut self,
        session: SessionSlot,
        refused: Refused,
        reason: CancelRejectReason,
    ) {
        let body = CancelReject {
            cl_ord_id: refused.cl_ord_id,
            orig_cl_ord_id: refused.orig_cl_ord_id,
            order_id: refused.order_id,
            reason,
            ord_status: refused.ord_status,
            response_to: refused.response_to,
            reserved: [0; 5],
        };
        self.push(Report::cancel_reject(*self.stamp, session, &body));
    }

    pub(crate) fn mass_action(
        &mut self,
        report_id: u64,
        session: SessionSlot,
        asked: &MassAction,
        total_affected: u32,
        reject_reason: MassActionRejectReason,
    ) {
        let body = MassActionReport {
            cl_ord_id: asked.cl_ord_id,
            report_id,
            symbol: match asked.scope {
                MassActionScope::Security => asked.symbol,
                MassActionScope::AllOrders => SymbolId(0),
            },
            account: asked.account,
            total_affected,
            action: asked.action,
            scope: asked.scope,
            response: match reject_reason {
                MassActionRejectReason::None => MassActionResponse::Completed,
                MassActionRejectReason::UnknownSecurity => MassActionResponse::Rejected,
            },
            reject_reason,
            side: asked.side,
            reserved: [0; 7],
        };
        self.push(Report::mass_action(*self.stamp, session, &body));
    }

    /// The order as it is.
    pub(crate) fn status(&mut self, shown: Shown<'_>) {
        let order = shown.now(0);
        self.push(Report::exec_status(*self.stamp, shown.order.session, &ExecStatus { order }));
    }

    /// There is no order of the names asked for.
    pub(crate) fn unknown_status(&mut self, session: SessionSlot, asked: &OrderStatusQuery) {
        let order = OrderState {
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
        };
        self.push(Report::exec_status(*self.stamp, session, &ExecStatus { order }));
    }
}
