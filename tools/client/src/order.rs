//! Orders of every kind: begun as one of four types, and then told what else they are.
//!
//! Inputs -> outputs: what matters -> a NewOrderSingle with the other fields at rest.
//! Not here: which of these go together (the engine says, by the reason of a Rejected).

use gavel_types::{
    Account, ClOrdId, Nanos, NewOrder, OrdType, Price, Qty, Side, StpInstruction, SymbolId,
    TimeInForce, exec_inst,
};
use gavel_wire::client::Application;

/// A new order. Day, unless it says otherwise; a market order never rests.
///
/// ```
/// use gavel_client::{Application, Order};
/// use gavel_types::{ClOrdId, Nanos, Price, Qty, Side, SymbolId, TimeInForce};
///
/// let (symbol, qty) = (SymbolId(1), Qty(500));
/// let (bid, stop_px) = (Price(101_500_000_000), Price(99_000_000_000)); // 101.50 and 99
///
/// // Rests until it is cancelled, displays 50 at a time, and never pays for liquidity.
/// let iceberg = Order::limit(ClOrdId(1), symbol, Side::Buy, qty, bid)
///     .time_in_force(TimeInForce::Gtc)
///     .display_qty(Qty(50));
/// let passive = Order::limit(ClOrdId(2), symbol, Side::Buy, qty, bid).post_only();
///
/// // Rests until a time.
/// let until = Nanos(1_800_000_000_000_000_000);
/// let dated = Order::limit(ClOrdId(3), symbol, Side::Buy, qty, bid).expire_time(until);
///
/// // All of it now, or nothing; the most that it may cost is 60,000.
/// let whole = Order::market(ClOrdId(4), symbol, Side::Buy, qty)
///     .fill_or_kill()
///     .cash_order_qty(60_000_000_000_000);
///
/// // Sells once the price has fallen to 99, at whatever price, or at 98.50 and better.
/// let stop = Order::stop(ClOrdId(5), symbol, Side::Sell, qty, stop_px);
/// let limited =
///     Order::stop_limit(ClOrdId(6), symbol, Side::Sell, qty, stop_px, Price(98_500_000_000));
///
/// for order in [iceberg, passive, dated, whole, stop, limited] {
///     assert!(matches!(order.into(), Application::NewOrder(order) if order.qty == qty));
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order(NewOrder);

impl Order {
    fn new(cl_ord_id: ClOrdId, symbol: SymbolId, side: Side, qty: Qty, ord_type: OrdType) -> Self {
        Self(NewOrder {
            cl_ord_id,
            price: Price::NULL,
            qty,
            min_qty: Qty(0),
            display_qty: Qty(0),
            stop_px: Price::NULL,
            expire_time: Nanos(0),
            stp_id: 0,
            symbol,
            account: Account(0),
            side,
            ord_type,
            time_in_force: TimeInForce::Day,
            stp: StpInstruction::Default,
            exec_inst: 0,
            reserved: [0; 3],
            budget: 0,
        })
    }

    /// Trades at its price or better.
    #[must_use]
    pub fn limit(cl_ord_id: ClOrdId, symbol: SymbolId, side: Side, qty: Qty, price: Price) -> Self {
        Self::new(cl_ord_id, symbol, side, qty, OrdType::Limit).with(|order| order.price = price)
    }

    /// Trades at any price, now.
    #[must_use]
    pub fn market(cl_ord_id: ClOrdId, symbol: SymbolId, side: Side, qty: Qty) -> Self {
        Self::new(cl_ord_id, symbol, side, qty, OrdType::Market)
    }

    /// A market order once the last trade reaches `stop_px`.
    #[must_use]
    pub fn stop(
        cl_ord_id: ClOrdId,
        symbol: SymbolId,
        side: Side,
        qty: Qty,
        stop_px: Price,
    ) -> Self {
        Self::new(cl_ord_id, symbol, side, qty, OrdType::Stop).with(|order| order.stop_px = stop_px)
    }

    /// A limit order at `price` once the last trade reaches `stop_px`.
    #[must_use]
    pub fn stop_limit(
        cl_ord_id: ClOrdId,
        symbol: SymbolId,
        side: Side,
        qty: Qty,
        stop_px: Price,
        price: Price,
    ) -> Self {
        Self::new(cl_ord_id, symbol, side, qty, OrdType::StopLimit).with(|order| {
            (order.stop_px, order.price) = (stop_px, price);
        })
    }

    fn with(mut self, change: impl FnOnce(&mut NewOrder)) -> Self {
        change(&mut self.0);
        self
    }

    /// Tag 59.
    #[must_use]
    pub fn time_in_force(self, time_in_force: TimeInForce) -> Self {
        self.with(|order| order.time_in_force = time_in_force)
    }

    /// Whole at once, or not at all.
    #[must_use]
    pub fn fill_or_kill(self) -> Self {
        self.time_in_force(TimeInForce::Fok)
    }

    /// Good till date: ends at this time (UTC), if it is still live then.
    #[must_use]
    pub fn expire_time(self, expire_time: Nanos) -> Self {
        self.time_in_force(TimeInForce::Gtd).with(|order| order.expire_time = expire_time)
    }

    /// Tag 1.
    #[must_use]
    pub fn account(self, account: Account) -> Self {
        self.with(|order| order.account = account)
    }

    /// Tag 110: so much at once, or nothing.
    #[must_use]
    pub fn min_qty(self, min_qty: Qty) -> Self {
        self.with(|order| order.min_qty = min_qty)
    }

    /// Tag 1138: shows so much at a time.
    #[must_use]
    pub fn display_qty(self, display_qty: Qty) -> Self {
        self.with(|order| order.display_qty = display_qty)
    }

    /// Tag 152 of a fill-or-kill market order: the most that a buy may cost, the least that a sale
    /// must bring (units of 10^-9 of the quote currency).
    #[must_use]
    pub fn cash_order_qty(self, budget: u64) -> Self {
        self.with(|order| order.budget = budget)
    }

    /// Never trades on entry: refused if it would.
    #[must_use]
    pub fn post_only(self) -> Self {
        self.with(|order| order.exec_inst |= exec_inst::POST_ONLY)
    }

    /// Never trades on entry: its price is one tick short of the other side's best if it would.
    #[must_use]
    pub fn post_only_slide(self) -> Self {
        self.with(|order| order.exec_inst |= exec_inst::POST_ONLY_SLIDE)
    }

    /// Trades whole or not at all, but may wait for it.
    #[must_use]
    pub fn all_or_none(self) -> Self {
        self.with(|order| order.exec_inst |= exec_inst::ALL_OR_NONE)
    }

    /// Tag 2964: what happens where it would trade with an order of the same owner.
    #[must_use]
    pub fn self_trade(self, instruction: StpInstruction) -> Self {
        self.with(|order| order.stp = instruction)
    }

    /// Tag 2362: whose order it is, if neither the account nor the session says.
    #[must_use]
    pub fn smp_id(self, smp_id: u64) -> Self {
        self.with(|order| order.stp_id = smp_id)
    }
}

impl From<Order> for NewOrder {
    fn from(order: Order) -> Self {
        order.0
    }
}

impl From<Order> for Application {
    fn from(order: Order) -> Self {
        Self::NewOrder(order.0)
    }
}
