//! The naive twin: the rules of this crate in the plainest form, for tests and simulation.
//!
//! Inputs -> outputs: the same as [`crate::Book`]'s, byte for byte.
//! Invariants: one list of live orders, in order of priority among equals, is the whole book; every
//! question is answered by looking through all of it.
//! Limits: as the plan says; time in proportion to the live orders; allocates as it goes.
//! Not here: any structure, any code of the fast book but the digest's row format.

mod depth;
mod mass;
mod state;
#[cfg(test)]
mod tests;

use crate::digest::{LiveOrder, StateDigest};
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use gavel_contract::{
    BadState, BookPlan, Machine, Outbox, Progress, StateSink, StateSource, SymbolSpec,
};
use gavel_types::{
    Account, Body, CancelOrder, CancelReason, CancelReject, CancelRejectReason, ClOrdId,
    ExecCanceled, ExecId, ExecNew, ExecRejected, ExecReplaced, ExecTrade, LogRecord, Nanos,
    NewOrder, OrdStatus, OrdType, OrderId, OrderRejectReason, OrderState, Price, Qty, ReplaceOrder,
    Report, SessionSlot, Side, Stamp, SymbolId, TimeInForce, TrdMatchId,
};

#[derive(Clone, Debug)]
struct Order {
    id: OrderId,
    session: SessionSlot,
    account: Account,
    /// Rises with each order of the venue.
    entered: u64,
    cl_ord_id: ClOrdId,
    symbol: SymbolId,
    side: Side,
    /// None for a market order.
    price: Option<Price>,
    qty: u64,
    cum: u64,
    time_in_force: TimeInForce,
}

/// Machine #1, naive.
#[derive(Debug)]
pub struct ReferenceBook {
    plan: BookPlan,
    /// Of two orders with one price, the one that is earlier here trades first.
    live: Vec<Order>,
    /// The last one is taken first.
    free_slots: Vec<u32>,
    /// Next generation of each slot.
    generations: Vec<u32>,
    entries: u64,
    execs: u64,
    matches: u64,
    mass_reports: u64,
    stamp: Stamp,
    /// Reports of the last record that had no room yet.
    pending: VecDeque<Report>,
}

impl ReferenceBook {
    /// A machine with nothing in it.
    #[must_use]
    pub fn new(plan: &BookPlan) -> Self {
        Self {
            plan: plan.clone(),
            live: Vec::new(),
            free_slots: (0..plan.orders_max).rev().collect(),
            generations: alloc::vec![1; plan.orders_max as usize],
            entries: 0,
            execs: 0,
            matches: 0,
            mass_reports: 0,
            stamp: Stamp {
                index: gavel_types::Index(0),
                term: gavel_types::Term(0),
                time: Nanos(0),
            },
            pending: VecDeque::new(),
        }
    }

    /// Shows every live order in the order in which [`crate::Book::for_each_live`] does.
    pub fn for_each_live(&self, mut show: impl FnMut(&LiveOrder)) {
        let mut orders: Vec<&Order> = self.live.iter().collect();
        // A stable sort: among equals, the list's order is the queue's.
        orders.sort_by_key(|o| {
            let price = o.price.expect("a resting order has a price").0;
            (o.symbol, o.side.code(), if o.side == Side::Buy { -price } else { price })
        });
        for o in orders {
            show(&LiveOrder {
                session: o.session,
                symbol: o.symbol,
                cl_ord_id: o.cl_ord_id,
                price: o.price.expect("a resting order has a price"),
                leaves_qty: Qty(o.qty - o.cum),
                cum_qty: Qty(o.cum),
                side: o.side,
            });
        }
    }

    fn new_order(&mut self, session: SessionSlot, asked: &NewOrder) {
        let order = Order {
            id: OrderId(0),
            session,
            account: asked.account,
            entered: self.entries + 1,
            cl_ord_id: asked.cl_ord_id,
            symbol: asked.symbol,
            side: asked.side,
            price: (asked.price != Price::NULL).then_some(asked.price),
            qty: asked.qty.0,
            cum: 0,
            time_in_force: asked.time_in_force,
        };
        if let Some(reason) = self.objection(&order, asked) {
            let mut state = self.state(&order, OrdStatus::Rejected, reason.code());
            state.leaves_qty = Qty(0);
            let body = ExecRejected { order: state, exec_id: self.exec_id() };
            self.pending.push_back(Report::exec_rejected(self.stamp, session, &body));
            return;
        }
        let slot = self.free_slots.pop().expect("room was checked");
        self.entries += 1;
        let generation = u64::from(self.generations[slot as usize]);
        let order = Order { id: OrderId(generation << 32 | u64::from(slot)), ..order };
        let state = self.state(&order, OrdStatus::New, 0);
        let body = ExecNew { order: state, exec_id: self.exec_id() };
        self.pending.push_back(Report::exec_new(self.stamp, session, &body));
        self.match_and_rest(order);
    }

    fn objection(&self, order: &Order, asked: &NewOrder) -> Option<OrderRejectReason> {
        let is_market = asked.ord_type == OrdType::Market;
        let Some(spec) = self.spec(order.symbol) else {
            return Some(OrderRejectReason::UnknownSymbol);
        };
        let plain = asked.min_qty == Qty(0)
            && asked.display_qty == Qty(0)
            && asked.stop_px == Price::NULL
            && asked.expire_time == Nanos(0)
            && asked.stp_id == 0
            && asked.exec_inst == 0;
        if !plain || (is_market && order.price.is_some()) {
            return Some(OrderRejectReason::UnsupportedOrderCharacteristic);
        }
        if order.qty == 0 || order.qty > spec.qty_max.0 || !order.qty.is_multiple_of(spec.lot.0) {
            return Some(OrderRejectReason::IncorrectQuantity);
        }
        if !is_market && !is_legal(spec, order.price) {
            return Some(OrderRejectReason::InvalidPriceIncrement);
        }
        if self.live.iter().any(|o| o.session == order.session && o.cl_ord_id == order.cl_ord_id) {
            return Some(OrderRejectReason::DuplicateOrder);
        }
        if self.free_slots.is_empty() || (rests(order) && !self.fits(order, None)) {
            return Some(OrderRejectReason::BookFull);
        }
        let other_side = order.side.opposite();
        if is_market && !self.live.iter().any(|o| o.symbol == order.symbol && o.side == other_side)
        {
            return Some(OrderRejectReason::NoLiquidity);
        }
        None
    }

    fn cancel(&mut self, session: SessionSlot, asked: &CancelOrder) {
        let answer = |order_id, reason, ord_status| CancelReject {
            cl_ord_id: asked.cl_ord_id,
            orig_cl_ord_id: asked.orig_cl_ord_id,
            order_id,
            reason,
            ord_status,
            response_to: b'1',
            reserved: [0; 5],
        };
        let Some(at) = self.position(session, asked.order_id, asked.orig_cl_ord_id) else {
            let reason = CancelRejectReason::UnknownOrder;
            return self.refuse(session, answer(asked.order_id, reason, OrdStatus::Rejected));
        };
        let order = self.live[at].clone();
        if order.symbol != asked.symbol || order.side != asked.side {
            let reason = CancelRejectReason::Mismatch;
            return self.refuse(session, answer(order.id, reason, live_status(&order)));
        }
        self.live.remove(at);
        self.canceled(&order, CancelReason::Requested, asked.cl_ord_id);
    }

    fn replace(&mut self, session: SessionSlot, asked: &ReplaceOrder) {
        let answer = |order_id, reason, ord_status| CancelReject {
            cl_ord_id: asked.cl_ord_id,
            orig_cl_ord_id: asked.orig_cl_ord_id,
            order_id,
            reason,
            ord_status,
            response_to: b'2',
            reserved: [0; 5],
        };
        let Some(at) = self.position(session, asked.order_id, asked.orig_cl_ord_id) else {
            let reason = CancelRejectReason::UnknownOrder;
            return self.refuse(session, answer(asked.order_id, reason, OrdStatus::Rejected));
        };
        let old = self.live[at].clone();
        if old.symbol != asked.symbol || old.side != asked.side {
            let reason = CancelRejectReason::Mismatch;
            return self.refuse(session, answer(old.id, reason, live_status(&old)));
        }
        if let Some(reason) = self.replace_objection(at, asked) {
            return self.refuse(session, answer(old.id, reason, live_status(&old)));
        }
        if asked.qty.0 <= old.cum {
            self.live.remove(at);
            return self.canceled(&old, CancelReason::ReplacedToFilled, asked.cl_ord_id);
        }
        let new = Order {
            cl_ord_id: asked.cl_ord_id,
            price: Some(asked.price),
            qty: asked.qty.0,
            time_in_force: asked.time_in_force,
            ..old.clone()
        };
        let state = self.state(&new, live_status(&new), 0);
        let body =
            ExecReplaced { order: state, exec_id: self.exec_id(), orig_cl_ord_id: old.cl_ord_id };
        self.pending.push_back(Report::exec_replaced(self.stamp, session, &body));
        if new.price == old.price && new.qty <= old.qty && rests(&new) {
            self.live[at] = new;
        } else {
            self.live.remove(at);
            self.match_and_rest(new);
        }
    }

    fn replace_objection(&self, at: usize, asked: &ReplaceOrder) -> Option<CancelRejectReason> {
        let old = &self.live[at];
        let spec = self.spec(old.symbol).expect("a live order's symbol is in the plan");
        let takes_name = |(i, o): (usize, &Order)| {
            i != at && o.session == old.session && o.cl_ord_id == asked.cl_ord_id
        };
        if self.live.iter().enumerate().any(takes_name) {
            return Some(CancelRejectReason::DuplicateClOrdId);
        }
        if asked.qty > spec.qty_max || !asked.qty.0.is_multiple_of(spec.lot.0) {
            return Some(CancelRejectReason::IncorrectQuantity);
        }
        if !is_legal(spec, Some(asked.price)) {
            return Some(CancelRejectReason::InvalidPriceIncrement);
        }
        let new =
            Order { price: Some(asked.price), time_in_force: asked.time_in_force, ..old.clone() };
        if asked.qty.0 > old.cum && rests(&new) && !self.fits(&new, Some(at)) {
            return Some(CancelRejectReason::BookFull);
        }
        None
    }

    /// Trades with the best of the other side while prices cross; then the rest rests or ends.
    fn match_and_rest(&mut self, mut aggressor: Order) {
        while aggressor.cum < aggressor.qty {
            let Some(at) = self.best_against(&aggressor) else { break };
            let mut maker = self.live[at].clone();
            let price = maker.price.expect("a resting order has a price");
            let qty = (aggressor.qty - aggressor.cum).min(maker.qty - maker.cum);
            aggressor.cum += qty;
            maker.cum += qty;
            self.matches += 1;
            self.traded(&aggressor, price, qty, b'Y');
            self.traded(&maker, price, qty, b'N');
            if maker.cum == maker.qty {
                self.live.remove(at);
                self.free(maker.id);
            } else {
                self.live[at] = maker;
            }
        }
        if aggressor.cum == aggressor.qty {
            self.free(aggressor.id);
        } else if rests(&aggressor) {
            self.live.push(aggressor);
        } else {
            self.canceled(&aggressor, CancelReason::ImmediateOrCancel, aggressor.cl_ord_id);
        }
    }

    /// Position of the order that trades next with this one.
    fn best_against(&self, aggressor: &Order) -> Option<usize> {
        let mut best: Option<(usize, Price)> = None;
        for (at, order) in self.live.iter().enumerate() {
            if order.symbol != aggressor.symbol || order.side == aggressor.side {
                continue;
            }
            let price = order.price.expect("a resting order has a price");
            let is_in_reach = match (aggressor.price, aggressor.side) {
                (None, _) => true,
                (Some(limit), Side::Buy) => price <= limit,
                (Some(limit), Side::Sell) => price >= limit,
            };
            let is_better = best.is_none_or(|(_, best)| match aggressor.side {
                Side::Buy => price < best,
                Side::Sell => price > best,
            });
            if is_in_reach && is_better {
                best = Some((at, price));
            }
        }
        best.map(|(at, _)| at)
    }

    fn spec(&self, symbol: SymbolId) -> Option<&SymbolSpec> {
        self.plan.symbols.iter().find(|spec| spec.symbol == symbol)
    }

    fn position(&self, session: SessionSlot, id: OrderId, name: ClOrdId) -> Option<usize> {
        self.live.iter().position(|o| {
            o.session == session && if id.0 != 0 { o.id == id } else { o.cl_ord_id == name }
        })
    }

    /// True if the side has no more levels than allowed once this order rests and the order at
    /// `without` is gone.
    fn fits(&self, order: &Order, without: Option<usize>) -> bool {
        let others = self.live.iter().enumerate().filter(|&(at, other)| {
            Some(at) != without && other.symbol == order.symbol && other.side == order.side
        });
        let mut levels: BTreeSet<Option<Price>> = others.map(|(_, other)| other.price).collect();
        levels.insert(order.price);
        // A level that is there already never counts against an order, even at the limit.
        levels.len() <= self.plan.levels_max as usize
    }

    fn exec_id(&mut self) -> ExecId {
        self.execs += 1;
        ExecId(self.execs)
    }

    /// The order's slot may be taken again, under the next generation; a slot whose generation is
    /// used up may not.
    fn free(&mut self, id: OrderId) {
        let slot = id.0 as u32;
        self.generations[slot as usize] += 1;
        if self.generations[slot as usize] < u32::MAX {
            self.free_slots.push(slot);
        }
    }

    fn state(&self, order: &Order, status: OrdStatus, detail: u8) -> OrderState {
        OrderState {
            order_id: order.id,
            cl_ord_id: order.cl_ord_id,
            price: order.price.unwrap_or(Price::NULL),
            qty: Qty(order.qty),
            leaves_qty: Qty(order.qty - order.cum),
            cum_qty: Qty(order.cum),
            symbol: order.symbol,
            side: order.side,
            ord_status: status,
            detail,
            reserved: 0,
        }
    }

    fn traded(&mut self, order: &Order, price: Price, qty: u64, detail: u8) {
        let status =
            if order.cum == order.qty { OrdStatus::Filled } else { OrdStatus::PartiallyFilled };
        let body = ExecTrade {
            order: self.state(order, status, detail),
            exec_id: self.exec_id(),
            last_px: price,
            last_qty: Qty(qty),
            trd_match_id: TrdMatchId(self.matches),
        };
        self.pending.push_back(Report::exec_trade(self.stamp, order.session, &body));
    }

    /// Reports the end of an order that is in the list no more.
    fn canceled(&mut self, order: &Order, reason: CancelReason, request_cl_ord_id: ClOrdId) {
        let mut state = self.state(order, OrdStatus::Canceled, reason.code());
        state.leaves_qty = Qty(0);
        let body = ExecCanceled { order: state, exec_id: self.exec_id(), request_cl_ord_id };
        self.pending.push_back(Report::exec_canceled(self.stamp, order.session, &body));
        self.free(order.id);
    }

    fn refuse(&mut self, session: SessionSlot, body: CancelReject) {
        self.pending.push_back(Report::cancel_reject(self.stamp, session, &body));
    }

    fn deliver(&mut self, out: &mut impl Outbox) -> Progress {
        while out.free() > 0 {
            let Some(report) = self.pending.pop_front() else { return Progress::Done };
            out.push(report);
        }
        if self.pending.is_empty() { Progress::Done } else { Progress::Paused }
    }
}

impl Machine for ReferenceBook {
    fn apply(&mut self, record: &LogRecord, out: &mut impl Outbox) -> Progress {
        assert!(self.pending.is_empty(), "a paused record is finished before another one enters");
        let command = &record.command;
        self.stamp = record.stamp;
        match command.parse().expect("what enters the log was checked when it was made") {
            Body::NewOrder(asked) => self.new_order(command.session, asked),
            Body::Cancel(asked) => self.cancel(command.session, asked),
            Body::Replace(asked) => self.replace(command.session, asked),
            Body::MarketData(asked) => {
                self.market_data(command.session, command.client_seq, asked);
            }
            Body::MassAction(asked) => self.mass_action(command.session, asked),
            Body::OrderStatus(asked) => self.order_status(command.session, asked),
            _ => {}
        }
        self.deliver(out)
    }

    fn resume(&mut self, out: &mut impl Outbox) -> Progress {
        assert!(!self.pending.is_empty(), "only a paused record is resumed");
        self.deliver(out)
    }

    fn live_orders(&self, session: SessionSlot) -> u32 {
        self.live.iter().filter(|order| order.session == session).count() as u32
    }

    fn cancel_session(
        &mut self,
        stamp: Stamp,
        session: SessionSlot,
        why: CancelReason,
        out: &mut impl Outbox,
    ) -> Progress {
        assert!(self.pending.is_empty(), "a paused record is finished before another one enters");
        self.stamp = stamp;
        self.cancel_all(session, why, None, |_| true);
        self.deliver(out)
    }

    fn save(&self, out: &mut impl StateSink) {
        self.save_state(out);
    }

    fn restore(&mut self, from: &mut impl StateSource) -> Result<(), BadState> {
        self.restore_state(from)
    }

    fn digest(&self, session_key: &dyn Fn(SessionSlot) -> u64) -> u64 {
        let mut digest = StateDigest::new();
        self.for_each_live(|order| digest.order(order, session_key(order.session)));
        digest.finish()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.live.capacity() * size_of::<Order>()
            + (self.free_slots.capacity() + self.generations.capacity()) * size_of::<u32>()
            + self.pending.capacity() * size_of::<Report>()
    }
}

fn is_legal(spec: &SymbolSpec, price: Option<Price>) -> bool {
    price.is_some_and(|price| {
        spec.price_min <= price && price <= spec.price_max && price.0 % spec.tick.0 == 0
    })
}

/// True if what does not trade at once stays in the book.
fn rests(order: &Order) -> bool {
    order.price.is_some() && order.time_in_force != TimeInForce::Ioc
}

fn live_status(order: &Order) -> OrdStatus {
    if order.cum == 0 { OrdStatus::New } else { OrdStatus::PartiallyFilled }
}
