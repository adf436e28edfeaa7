//! Kinds of orders: which fields go together.
//!
//! Source: RULES.md, "Kinds of orders", clause by clause.

use super::order::Order;
use gavel_types::{OrdType, TimeInForce, exec_inst};

/// True if the order is of a kind that there is.
pub(super) fn fields_go_together(order: &Order) -> bool {
    prices_go(order)
        && times_go(order)
        && min_qty_goes(order)
        && display_qty_goes(order)
        && exec_inst_goes(order)
        && budget_goes(order)
}

fn prices_go(order: &Order) -> bool {
    let (has_price, has_stop_px) = match order.ord_type {
        OrdType::Market => (false, false),
        OrdType::Limit => (true, false),
        OrdType::Stop => (false, true),
        OrdType::StopLimit => (true, true),
    };
    order.price.is_some() == has_price && order.stop_px.is_some() == has_stop_px
}

fn times_go(order: &Order) -> bool {
    let is_gtd = order.time_in_force == TimeInForce::Gtd;
    let may_be_gtd = order.ord_type != OrdType::Market;
    (!is_gtd || may_be_gtd) && order.expire_time.is_some() == is_gtd
}

/// "MinQty: only orders that are Market (not Fok) or Limit Ioc, without budget."
fn min_qty_goes(order: &Order) -> bool {
    let may = match order.ord_type {
        OrdType::Market => order.time_in_force != TimeInForce::Fok,
        OrdType::Limit => order.time_in_force == TimeInForce::Ioc,
        OrdType::Stop | OrdType::StopLimit => false,
    };
    order.min_qty == 0 || (may && order.budget == 0)
}

/// "DisplayQty: only Limit and StopLimit that may rest, not all-or-none."
fn display_qty_goes(order: &Order) -> bool {
    order.display_qty == 0 || (order.may_rest() && !order.is_all_or_none())
}

/// "ExecInst: at most one of post-only, sliding, all-or-none, and no other bit; each only for Limit
/// orders that may rest."
fn exec_inst_goes(order: &Order) -> bool {
    let is_one_of_them = matches!(
        order.exec_inst,
        exec_inst::POST_ONLY | exec_inst::POST_ONLY_SLIDE | exec_inst::ALL_OR_NONE
    );
    let may = order.ord_type == OrdType::Limit && order.may_rest();
    order.exec_inst == 0 || (is_one_of_them && may)
}

/// "Budget: only Market Fok orders."
fn budget_goes(order: &Order) -> bool {
    let is_market_fok =
        order.ord_type == OrdType::Market && order.time_in_force == TimeInForce::Fok;
    order.budget == 0 || is_market_fok
}
