//! Messages -> frames of clients. All panic if `out` is shorter than the frame, and return its
//! length; [`MAX_CLIENT_FRAME_BYTES`](crate::frame::MAX_CLIENT_FRAME_BYTES) always suffices.

use super::steering::{
    encode_define_symbol, encode_kill, encode_set_bands, encode_set_phase, encode_set_risk,
};
use super::{Application, Credentials, Establish, Negotiate, RetransmitRequest};
use crate::frame::put;
use crate::template::{self as wire, WireCredentials};
use gavel_types::{
    CancelOrder, MarketDataQuery, MassAction, Nanos, NewOrder, OrderStatusQuery, Price,
    ReduceOrder, ReplaceOrder, SeqNo, SessionUuid, TerminationCode,
};

fn credentials(credentials: &Credentials) -> WireCredentials {
    WireCredentials { public_key: credentials.public_key, signature: credentials.signature }
}

/// Negotiate.
pub fn encode_negotiate(message: &Negotiate, out: &mut [u8]) -> usize {
    let block = wire::Negotiate {
        session_id: message.uuid.0,
        timestamp: message.timestamp.0.into(),
        client_flow: message.client_flow.code(),
        credentials: credentials(&message.credentials),
    };
    put(&block, out)
}

/// Establish.
pub fn encode_establish(message: &Establish, out: &mut [u8]) -> usize {
    let block = wire::Establish {
        session_id: message.uuid.0,
        timestamp: message.timestamp.0.into(),
        keepalive_interval: message.keepalive_ms.into(),
        next_seq_no: message.next_seq.0.into(),
        cancel_on_disconnect_type: message.cod_type,
        cod_timeout_window: message.cod_window_ms.into(),
        last_term: message.last.term.0.into(),
        last_index: message.last.index.0.into(),
        last_seq_num: message.last.number.0.into(),
        credentials: credentials(&message.credentials),
    };
    put(&block, out)
}

/// Sequence: the number of the next application message.
pub fn encode_sequence(next: SeqNo, out: &mut [u8]) -> usize {
    put(&wire::Sequence { next_seq_no: next.0.into() }, out)
}

/// UnsequencedHeartbeat.
pub fn encode_unsequenced_heartbeat(out: &mut [u8]) -> usize {
    put(&wire::UnsequencedHeartbeat {}, out)
}

/// RetransmitRequest.
pub fn encode_retransmit_request(message: &RetransmitRequest, out: &mut [u8]) -> usize {
    let block = wire::RetransmitRequest {
        session_id: message.uuid.0,
        timestamp: message.timestamp.0.into(),
        from_seq_no: message.from.0.into(),
        count: message.count.into(),
    };
    put(&block, out)
}

/// Terminate.
pub fn encode_terminate(uuid: SessionUuid, code: TerminationCode, out: &mut [u8]) -> usize {
    put(&wire::Terminate { session_id: uuid.0, code: code.code() }, out)
}

/// FinishedSending.
pub fn encode_finished_sending(uuid: SessionUuid, last: SeqNo, out: &mut [u8]) -> usize {
    put(&wire::FinishedSending { session_id: uuid.0, last_seq_no: last.0.into() }, out)
}

/// NewOrderSingle. `transact_time` (tag 60) is the client's own note: the engine does not read it.
pub fn encode_new_order(order: &NewOrder, transact_time: Nanos, out: &mut [u8]) -> usize {
    let block = wire::NewOrderSingle {
        cl_ord_id: order.cl_ord_id.0.into(),
        security_id: order.symbol.0.into(),
        side: order.side.code(),
        ord_type: order.ord_type.code(),
        time_in_force: order.time_in_force.code(),
        exec_inst: order.exec_inst,
        price: order.price.0.into(),
        order_qty: order.qty.0.into(),
        stop_px: order.stop_px.0.into(),
        min_qty: order.min_qty.0.into(),
        display_qty: order.display_qty.0.into(),
        expire_time: order.expire_time.0.into(),
        smp_id: order.stp_id.into(),
        account: order.account.0.into(),
        smp_instruction: order.stp.code(),
        transact_time: transact_time.0.into(),
        cash_order_qty: order.budget.into(),
    };
    put(&block, out)
}

/// OrderCancelRequest.
pub fn encode_cancel(request: &CancelOrder, out: &mut [u8]) -> usize {
    let block = wire::OrderCancelRequest {
        cl_ord_id: request.cl_ord_id.0.into(),
        orig_cl_ord_id: request.orig_cl_ord_id.0.into(),
        order_id: request.order_id.0.into(),
        security_id: request.symbol.0.into(),
        side: request.side.code(),
    };
    put(&block, out)
}

/// OrderCancelReplaceRequest. A StopPx of 0 leaves the order's as it is: null on the wire.
pub fn encode_replace(request: &ReplaceOrder, out: &mut [u8]) -> usize {
    let stop_px = if request.stop_px == Price(0) { Price::NULL } else { request.stop_px };
    let block = wire::OrderCancelReplaceRequest {
        cl_ord_id: request.cl_ord_id.0.into(),
        orig_cl_ord_id: request.orig_cl_ord_id.0.into(),
        order_id: request.order_id.0.into(),
        price: request.price.0.into(),
        order_qty: request.qty.0.into(),
        security_id: request.symbol.0.into(),
        side: request.side.code(),
        time_in_force: request.time_in_force.code(),
        exec_inst: request.exec_inst,
        stop_px: stop_px.0.into(),
    };
    put(&block, out)
}

/// OrderReduceRequest.
pub fn encode_reduce(request: &ReduceOrder, out: &mut [u8]) -> usize {
    let block = wire::OrderReduceRequest {
        cl_ord_id: request.cl_ord_id.0.into(),
        orig_cl_ord_id: request.orig_cl_ord_id.0.into(),
        order_id: request.order_id.0.into(),
        reduce_qty: request.by.0.into(),
        security_id: request.symbol.0.into(),
        side: request.side.code(),
    };
    put(&block, out)
}

/// OrderMassActionRequest.
pub fn encode_mass_action(request: &MassAction, out: &mut [u8]) -> usize {
    let block = wire::OrderMassActionRequest {
        cl_ord_id: request.cl_ord_id.0.into(),
        mass_action_type: request.action.code(),
        mass_action_scope: request.scope.code(),
        security_id: request.symbol.0.into(),
        account: request.account.0.into(),
        side: request.side,
    };
    put(&block, out)
}

/// OrderStatusRequest.
pub fn encode_order_status(query: &OrderStatusQuery, out: &mut [u8]) -> usize {
    let block = wire::OrderStatusRequest {
        cl_ord_id: query.cl_ord_id.0.into(),
        order_id: query.order_id.0.into(),
        security_id: query.symbol.0.into(),
        side: query.side.code(),
    };
    put(&block, out)
}

/// MarketDataRequest.
pub fn encode_market_data(query: &MarketDataQuery, out: &mut [u8]) -> usize {
    let block = wire::MarketDataRequest {
        md_req_id: query.md_req_id.0.into(),
        security_id: query.symbol.0.into(),
        market_depth: query.depth,
    };
    put(&block, out)
}

/// Any application message; None if it is [`Application::Refused`], which has no form on the wire.
pub fn encode_application(
    message: &Application,
    transact_time: Nanos,
    out: &mut [u8],
) -> Option<usize> {
    match message {
        Application::NewOrder(order) => Some(encode_new_order(order, transact_time, out)),
        Application::Cancel(request) => Some(encode_cancel(request, out)),
        Application::Replace(request) => Some(encode_replace(request, out)),
        Application::MassAction(request) => Some(encode_mass_action(request, out)),
        Application::OrderStatus(query) => Some(encode_order_status(query, out)),
        Application::MarketData(query) => Some(encode_market_data(query, out)),
        Application::Reduce(request) => Some(encode_reduce(request, out)),
        Application::DefineSymbol(request) => Some(encode_define_symbol(request, out)),
        Application::SetPhase(request) => Some(encode_set_phase(request, out)),
        Application::SetBands(request) => Some(encode_set_bands(request, out)),
        Application::SetRisk(request) => Some(encode_set_risk(request, out)),
        Application::Kill(request) => Some(encode_kill(request, out)),
        Application::Refused(_) => None,
    }
}
