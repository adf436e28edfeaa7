//! Small books for tests that look inside.

use crate::book::Book;
use crate::orders::Order;
use alloc::vec;
use gavel_contract::{BookPlan, SymbolSpec};
use gavel_types::{
    Account, ClOrdId, Nanos, NewOrder, OrdType, Price, Qty, SessionSlot, Side, StpInstruction,
    SymbolId, TimeInForce,
};

/// Symbol 1, ticks and lots of 1, room for so many orders of two sessions.
pub(crate) fn plan(orders_max: u32) -> BookPlan {
    let symbol = SymbolSpec {
        symbol: SymbolId(1),
        name: "SYM1".into(),
        tick: Price(1),
        lot: Qty(1),
        price_min: Price(1),
        price_max: Price(1_000),
        qty_max: Qty(1_000),
        qty_scale: 0,
        stp: StpInstruction::Allow,
        protection: Price(0),
    };
    let sizes = BookPlan::for_orders(orders_max);
    BookPlan { symbols: vec![symbol], levels_max: 4, sessions_max: 2, ..sizes }
}

/// An order of 10 of session 0.
pub(crate) fn order(name: u64, side: Side, price: i64) -> Order {
    Order {
        cl_ord_id: ClOrdId(name),
        price: Price(price),
        qty: Qty(10),
        leaves: Qty(10),
        session: SessionSlot(0),
        account: Account(0),
        book: 0,
        side,
        time_in_force: TimeInForce::Gtc,
        flags: 0,
        stp: StpInstruction::Default,
    }
}

/// A request for 10 of symbol 1 at a price, good till cancel.
pub(crate) fn limit(name: u64, side: Side, price: i64) -> NewOrder {
    NewOrder {
        cl_ord_id: ClOrdId(name),
        price: Price(price),
        qty: Qty(10),
        min_qty: Qty(0),
        display_qty: Qty(0),
        stop_px: Price::NULL,
        expire_time: Nanos(0),
        stp_id: 0,
        symbol: SymbolId(1),
        account: Account(0),
        side,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        stp: StpInstruction::Default,
        exec_inst: 0,
        reserved: [0; 3],
        budget: 0,
    }
}

impl Book {
    /// Makes an order live, at no level yet.
    pub(crate) fn begin_live(&mut self, order: Order) -> u32 {
        let vacancy = self.names.vacancy(&self.orders, order.session, order.cl_ord_id);
        self.begin(vacancy.expect("a test gives a name once"), &order)
    }
}
