//! Which fields of an order go together.
//!
//! Inputs -> outputs: [`NewOrder`] -> whether there is such an order.
//! Not here: what depends on a symbol or on other orders (entry.rs).
//! The table is that of RULES.md, *Kinds of orders*.

use gavel_types::{Nanos, NewOrder, OrdType, Price, Qty, TimeInForce, exec_inst};

/// True of a limit order that is Day, Gtc or Ioc, and of nothing else: most are.
#[inline]
pub(crate) fn is_plain(asked: &NewOrder) -> bool {
    let extras = asked.min_qty.0
        | asked.display_qty.0
        | asked.expire_time.0
        | asked.stp_id
        | asked.budget
        | u64::from(asked.exec_inst);
    extras == 0
        && asked.ord_type == OrdType::Limit
        && asked.stop_px == Price::NULL
        && asked.price != Price::NULL
        && !matches!(asked.time_in_force, TimeInForce::Fok | TimeInForce::Gtd)
}

/// True if there are orders of this kind.
pub(crate) fn is_supported(asked: &NewOrder) -> bool {
    use OrdType as Kind;
    use TimeInForce as Tif;
    let kind = asked.ord_type;
    let has_price = matches!(kind, Kind::Limit | Kind::StopLimit);
    let is_stop = matches!(kind, Kind::Stop | Kind::StopLimit);
    let waits_or_rests = has_price && !matches!(asked.time_in_force, Tif::Ioc | Tif::Fok);
    let rests = waits_or_rests && !is_stop;
    let is_fok = asked.time_in_force == Tif::Fok;
    let is_gtd = asked.time_in_force == Tif::Gtd;

    let prices = (asked.price != Price::NULL) == has_price;
    let stops = (asked.stop_px != Price::NULL) == is_stop;
    let may_expire = kind != Kind::Market;
    let expiry = (asked.expire_time != Nanos(0)) == is_gtd && (!is_gtd || may_expire);
    let at_once = match kind {
        Kind::Market => !is_fok,
        Kind::Limit => asked.time_in_force == Tif::Ioc,
        Kind::Stop | Kind::StopLimit => false,
    };
    let min_qty = asked.min_qty == Qty(0) || at_once;
    let instructions = match asked.exec_inst {
        0 => true,
        exec_inst::POST_ONLY | exec_inst::POST_ONLY_SLIDE | exec_inst::ALL_OR_NONE => rests,
        _ => false,
    };
    let is_whole = asked.exec_inst == exec_inst::ALL_OR_NONE;
    let display = asked.display_qty == Qty(0) || waits_or_rests && !is_whole;
    let budget = asked.budget == 0 || kind == Kind::Market && is_fok;
    prices && stops && expiry && min_qty && instructions && display && budget
}
