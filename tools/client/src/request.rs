//! Messages with the fields that matter, and the others at rest.

use crate::order::Order;
use gavel_types::{
    Account, ClOrdId, MassAction, MassActionScope, MassActionType, NewOrder, OrderId,
    OrderStatusQuery, Price, Qty, ReduceOrder, Side, SymbolId, TimeInForce,
};
use gavel_wire::client::Application;

/// A limit order, where the fields are at hand by name; see [`Order`] for every other kind.
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
        let Limit { cl_ord_id, symbol, side, price, qty, time_in_force } = limit;
        let order = Order::limit(cl_ord_id, symbol, side, qty, price);
        order.time_in_force(time_in_force).into()
    }
}

impl From<Limit> for Application {
    fn from(limit: Limit) -> Self {
        Self::NewOrder(limit.into())
    }
}

/// An OrderMassActionRequest: cancels the session's live orders that match. Every order is reported
/// as Canceled, and then how many they were.
///
/// ```
/// use gavel_client::{Application, MassCancel};
/// use gavel_types::{ClOrdId, MassActionScope, Side};
///
/// let all_bids = MassCancel { side: Some(Side::Buy), ..MassCancel::all(ClOrdId(9)) };
/// let Application::MassAction(request) = all_bids.into() else { unreachable!() };
/// assert_eq!(request.scope, MassActionScope::AllOrders);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MassCancel {
    /// Tag 11: name of this request, not 0.
    pub cl_ord_id: ClOrdId,
    /// Tag 48: one symbol, or all.
    pub symbol: Option<SymbolId>,
    /// Tag 54: one side, or both.
    pub side: Option<Side>,
    /// Tag 1: one account; 0 for all.
    pub account: Account,
}

impl MassCancel {
    /// All orders.
    #[must_use]
    pub fn all(cl_ord_id: ClOrdId) -> Self {
        Self { cl_ord_id, symbol: None, side: None, account: Account(0) }
    }
}

impl From<MassCancel> for Application {
    fn from(cancel: MassCancel) -> Self {
        let scope = match cancel.symbol {
            Some(_) => MassActionScope::Security,
            None => MassActionScope::AllOrders,
        };
        Self::MassAction(MassAction {
            cl_ord_id: cancel.cl_ord_id,
            symbol: cancel.symbol.unwrap_or(SymbolId(0)),
            account: cancel.account,
            action: MassActionType::CancelOrders,
            scope,
            side: cancel.side.map_or(0, Side::code),
            reserved: [0; 5],
        })
    }
}

/// An OrderStatusRequest for a live order of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusOf {
    /// Tag 11; looked at only if `order_id` is 0.
    pub cl_ord_id: ClOrdId,
    /// Tag 37; 0 if the order is named by `cl_ord_id`.
    pub order_id: OrderId,
    /// Tag 48.
    pub symbol: SymbolId,
    /// Tag 54.
    pub side: Side,
}

impl From<StatusOf> for Application {
    fn from(ask: StatusOf) -> Self {
        let StatusOf { cl_ord_id, order_id, symbol, side } = ask;
        let reserved = [0; 3];
        Self::OrderStatus(OrderStatusQuery { cl_ord_id, order_id, symbol, side, reserved })
    }
}

/// An OrderReduceRequest: takes from what is open of a live order of the session, which keeps its
/// place. All that is open, or more, cancels it.
///
/// ```
/// use gavel_client::{Application, Reduce};
/// use gavel_types::{ClOrdId, OrderId, Qty, Side, SymbolId};
///
/// let ten_less = Reduce {
///     cl_ord_id: ClOrdId(9),
///     orig_cl_ord_id: ClOrdId(1),
///     order_id: OrderId(0),
///     by: Qty(10),
///     symbol: SymbolId(1),
///     side: Side::Buy,
/// };
/// assert!(matches!(ten_less.into(), Application::Reduce(request) if request.by == Qty(10)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reduce {
    /// Tag 11: name of this request, not 0. The order keeps its own.
    pub cl_ord_id: ClOrdId,
    /// Tag 41; looked at only if `order_id` is 0.
    pub orig_cl_ord_id: ClOrdId,
    /// Tag 37; 0 if the order is named by `orig_cl_ord_id`.
    pub order_id: OrderId,
    /// By how much.
    pub by: Qty,
    /// Tag 48.
    pub symbol: SymbolId,
    /// Tag 54.
    pub side: Side,
}

impl From<Reduce> for Application {
    fn from(request: Reduce) -> Self {
        let Reduce { cl_ord_id, orig_cl_ord_id, order_id, by, symbol, side } = request;
        let reserved = [0; 3];
        Self::Reduce(ReduceOrder {
            cl_ord_id,
            orig_cl_ord_id,
            order_id,
            by,
            symbol,
            side,
            reserved,
        })
    }
}
