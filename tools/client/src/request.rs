//! Messages with the fields that matter, and the others at rest.

use gavel_types::{
    Account, ClOrdId, Nanos, NewOrder, OrdType, Price, Qty, Side, StpInstruction, SymbolId,
    TimeInForce,
};
use gavel_wire::client::Application;

/// A limit order.
///
/// ```
/// use gavel_client::{Application, Limit};
/// use gavel_types::{ClOrdId, Price, Qty, Side, SymbolId, TimeInForce};
///
/// let order = Limit {
///     cl_ord_id: ClOrdId(1),
///     symbol: SymbolId(1),
///     side: Side::Sell,
///     price: Price(101_500_000_000), // 101.50
///     qty: Qty(25),
///     time_in_force: TimeInForce::Gtc,
/// };
/// assert!(matches!(order.into(), Application::NewOrder(order) if order.qty == Qty(25)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Tag 11: the order's name, unique among the session's live orders, not 0.
    pub cl_ord_id: ClOrdId,
    /// Tag 48.
    pub symbol: SymbolId,
    /// Tag 54.
    pub side: Side,
    /// Tag 44.
    pub price: Price,
    /// Tag 38.
    pub qty: Qty,
    /// Tag 59.
    pub time_in_force: TimeInForce,
}

impl From<Limit> for NewOrder {
    fn from(limit: Limit) -> Self {
        Self {
            cl_ord_id: limit.cl_ord_id,
            price: limit.price,
            qty: limit.qty,
            min_qty: Qty(0),
            display_qty: Qty(0),
            stop_px: Price::NULL,
            expire_time: Nanos(0),
            stp_id: 0,
            symbol: limit.symbol,
            account: Account(0),
            side: limit.side,
            ord_type: OrdType::Limit,
            time_in_force: limit.time_in_force,
            stp: StpInstruction::Off,
            exec_inst: 0,
            reserved: [0; 3],
        }
    }
}

impl From<Limit> for Application {
    fn from(limit: Limit) -> Self {
        Self::NewOrder(limit.into())
    }
}
