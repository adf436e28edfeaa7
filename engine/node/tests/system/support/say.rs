//! What clients say, as frames.

use super::uuid;
use gavel_types::{
    Account, CancelOrder, ClOrdId, FlowType, MarketDataQuery, MassAction, MassActionScope,
    MassActionType, MdReqId, Nanos, NewOrder, OrdType, OrderId, OrderStatusQuery, Price, Qty,
    ReplaceOrder, ReportNo, SeqNo, Side, StpInstruction, SymbolId, TerminationCode, TimeInForce,
};
use gavel_wire::client::{self, Credentials, Establish, LastReport, Negotiate, RetransmitRequest};
use gavel_wire::frame::MAX_CLIENT_FRAME_BYTES;

/// Echoed by the node; of no meaning.
pub(crate) const TIMESTAMP: Nanos = Nanos(7);

/// The instrument that tests trade.
pub(crate) const SYMBOL: SymbolId = SymbolId(1);

/// A frame that `encode` writes.
pub(crate) fn frame(encode: impl FnOnce(&mut [u8]) -> usize) -> Vec<u8> {
    let mut bytes = vec![0; MAX_CLIENT_FRAME_BYTES];
    let length = encode(&mut bytes);
    bytes.truncate(length);
    bytes
}

pub(crate) fn negotiate(session: u32) -> Vec<u8> {
    negotiate_with(session, Credentials::NONE)
}

pub(crate) fn negotiate_with(session: u32, credentials: Credentials) -> Vec<u8> {
    let client_flow = FlowType::Idempotent;
    let message = Negotiate { uuid: uuid(session), timestamp: TIMESTAMP, client_flow, credentials };
    frame(|out| client::encode_negotiate(&message, out))
}

pub(crate) fn establish(
    session: u32,
    keepalive_ms: u32,
    next_seq: u64,
    last: LastReport,
) -> Vec<u8> {
    let ask = ask(session, next_seq);
    establish_as(&Establish { keepalive_ms, last, ..ask })
}

/// An Establish that asks for nothing in particular.
pub(crate) fn ask(session: u32, next_seq: u64) -> Establish {
    Establish {
        uuid: uuid(session),
        timestamp: TIMESTAMP,
        keepalive_ms: super::NO_HURRY_MS,
        next_seq: SeqNo(next_seq),
        cod_type: 0,
        cod_window_ms: 0,
        last: LastReport::default(),
        credentials: Credentials::NONE,
    }
}

pub(crate) fn establish_as(ask: &Establish) -> Vec<u8> {
    frame(|out| client::encode_establish(ask, out))
}

pub(crate) fn finished(session: u32, last: u64) -> Vec<u8> {
    frame(|out| client::encode_finished_sending(uuid(session), SeqNo(last), out))
}

pub(crate) fn sequence(next: u64) -> Vec<u8> {
    frame(|out| client::encode_sequence(SeqNo(next), out))
}

pub(crate) fn heartbeat() -> Vec<u8> {
    frame(client::encode_unsequenced_heartbeat)
}

pub(crate) fn retransmit(session: u32, from: u64, count: u64) -> Vec<u8> {
    let message = RetransmitRequest {
        uuid: uuid(session),
        timestamp: TIMESTAMP,
        from: ReportNo(from),
        count,
    };
    frame(|out| client::encode_retransmit_request(&message, out))
}

pub(crate) fn terminate(session: u32) -> Vec<u8> {
    frame(|out| client::encode_terminate(uuid(session), TerminationCode::Finished, out))
}

/// A price of so many ticks of [`SYMBOL`].
pub(crate) const fn ticks(count: i64) -> Price {
    Price(count * 100_000)
}

pub(crate) fn order(cl_ord_id: u64, side: Side, price: Price, qty: u64) -> Vec<u8> {
    let order = NewOrder {
        cl_ord_id: ClOrdId(cl_ord_id),
        price,
        qty: Qty(qty),
        min_qty: Qty(0),
        display_qty: Qty(0),
        stop_px: Price::NULL,
        expire_time: Nanos(0),
        stp_id: 0,
        symbol: SYMBOL,
        account: Account(0),
        side,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        stp: StpInstruction::Default,
        exec_inst: 0,
        reserved: [0; 3],
        budget: 0,
    };
    frame(|out| client::encode_new_order(&order, TIMESTAMP, out))
}

/// An order that rests: a bid of one at one tick.
pub(crate) fn bid(cl_ord_id: u64) -> Vec<u8> {
    order(cl_ord_id, Side::Buy, ticks(1), 1)
}

/// An order that leaves nothing behind but its reports: it is rejected, for its quantity.
pub(crate) fn hopeless(cl_ord_id: u64) -> Vec<u8> {
    order(cl_ord_id, Side::Buy, ticks(1), 0)
}

pub(crate) fn cancel(cl_ord_id: u64, orig_cl_ord_id: u64) -> Vec<u8> {
    let request = CancelOrder {
        cl_ord_id: ClOrdId(cl_ord_id),
        orig_cl_ord_id: ClOrdId(orig_cl_ord_id),
        order_id: OrderId(0),
        symbol: SYMBOL,
        side: Side::Buy,
        reserved: [0; 3],
    };
    frame(|out| client::encode_cancel(&request, out))
}

pub(crate) fn replace(cl_ord_id: u64, orig_cl_ord_id: u64, price: Price, qty: u64) -> Vec<u8> {
    let request = ReplaceOrder {
        cl_ord_id: ClOrdId(cl_ord_id),
        orig_cl_ord_id: ClOrdId(orig_cl_ord_id),
        order_id: OrderId(0),
        price,
        qty: Qty(qty),
        symbol: SYMBOL,
        side: Side::Buy,
        time_in_force: TimeInForce::Gtc,
        exec_inst: 0,
        reserved: 0,
        stop_px: Price(0),
    };
    frame(|out| client::encode_replace(&request, out))
}

/// Cancels all that the session has.
pub(crate) fn cancel_all(cl_ord_id: u64) -> Vec<u8> {
    let request = MassAction {
        cl_ord_id: ClOrdId(cl_ord_id),
        symbol: SymbolId(0),
        account: Account(0),
        action: MassActionType::CancelOrders,
        scope: MassActionScope::AllOrders,
        side: 0,
        reserved: [0; 5],
    };
    frame(|out| client::encode_mass_action(&request, out))
}

/// How a bid is.
pub(crate) fn status_of(cl_ord_id: u64) -> Vec<u8> {
    let query = OrderStatusQuery {
        cl_ord_id: ClOrdId(cl_ord_id),
        order_id: OrderId(0),
        symbol: SYMBOL,
        side: Side::Buy,
        reserved: [0; 3],
    };
    frame(|out| client::encode_order_status(&query, out))
}

pub(crate) fn market_data(md_req_id: u64, depth: u8) -> Vec<u8> {
    let query =
        MarketDataQuery { md_req_id: MdReqId(md_req_id), symbol: SYMBOL, depth, reserved: [0; 3] };
    frame(|out| client::encode_market_data(&query, out))
}

/// A heartbeat frame with its template changed.
pub(crate) fn of_template(template: u16) -> Vec<u8> {
    let mut bytes = heartbeat();
    bytes[8..10].copy_from_slice(&template.to_le_bytes());
    bytes
}
