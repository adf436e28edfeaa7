//! Frames of clients -> messages.

use super::steering;
use super::{
    Application, ClientMessage, Credentials, DecodeFault, Establish, LastReport, Negotiate,
    RetransmitRequest,
};
use crate::acceptor::COD_TYPE_MAX;
use crate::frame::{BlockFault, Frame};
use crate::template::{self as wire, APPLICATION_FIRST, Template, WireCredentials};
use gavel_types::limits::MD_DEPTH_MAX;
use gavel_types::{
    Account, BusinessRejectReason, CancelOrder, ClOrdId, FlowType, Index, MarketDataQuery,
    MassAction, MassActionScope, MassActionType, MdReqId, Nanos, NewOrder, OrdType, OrderId,
    OrderStatusQuery, Price, Qty, ReduceOrder, RejectedMessage, ReplaceOrder, ReportNo, SeqNo,
    SessionUuid, Side, StpInstruction, SymbolId, Term, TerminationCode, TimeInForce,
};

/// The message in a frame of a client.
///
/// # Errors
/// [`DecodeFault`] for a session message that makes no sense: close the connection. Application
/// messages are never faults (see the module).
pub fn decode(frame: &Frame<'_>) -> Result<ClientMessage, DecodeFault> {
    if frame.template >= APPLICATION_FIRST {
        return Ok(ClientMessage::Application(application(frame)));
    }
    let template = frame.template;
    match template {
        wire::Negotiate::ID => negotiate(frame),
        wire::Establish::ID => establish(frame),
        wire::Sequence::ID => {
            let block: &wire::Sequence = session_block(frame)?;
            Ok(ClientMessage::Sequence { next_seq: SeqNo(block.next_seq_no.get()) })
        }
        wire::UnsequencedHeartbeat::ID => {
            let _: &wire::UnsequencedHeartbeat = session_block(frame)?;
            Ok(ClientMessage::UnsequencedHeartbeat)
        }
        wire::RetransmitRequest::ID => {
            let block: &wire::RetransmitRequest = session_block(frame)?;
            Ok(ClientMessage::RetransmitRequest(RetransmitRequest {
                uuid: SessionUuid(block.session_id),
                timestamp: Nanos(block.timestamp.get()),
                from: ReportNo(block.from_seq_no.get()),
                count: block.count.get(),
            }))
        }
        wire::Terminate::ID => {
            let block: &wire::Terminate = session_block(frame)?;
            let code = TerminationCode::from_code(block.code)
                .ok_or(DecodeFault::Value { template, field: "Code" })?;
            Ok(ClientMessage::Terminate { uuid: SessionUuid(block.session_id), code })
        }
        wire::FinishedSending::ID => {
            let block: &wire::FinishedSending = session_block(frame)?;
            Ok(ClientMessage::FinishedSending {
                uuid: SessionUuid(block.session_id),
                last_seq: SeqNo(block.last_seq_no.get()),
            })
        }
        _ => Err(DecodeFault::Template { template }),
    }
}

fn session_block<'a, T: Template>(frame: &Frame<'a>) -> Result<&'a T, DecodeFault> {
    frame.view().map_err(|_| DecodeFault::Size { template: frame.template })
}

fn credentials(wire: &WireCredentials) -> Credentials {
    Credentials { public_key: wire.public_key, signature: wire.signature }
}

fn negotiate(frame: &Frame<'_>) -> Result<ClientMessage, DecodeFault> {
    let block: &wire::Negotiate = session_block(frame)?;
    let client_flow = FlowType::from_code(block.client_flow)
        .ok_or(DecodeFault::Value { template: frame.template, field: "ClientFlow" })?;
    Ok(ClientMessage::Negotiate(Negotiate {
        uuid: SessionUuid(block.session_id),
        timestamp: Nanos(block.timestamp.get()),
        client_flow,
        credentials: credentials(&block.credentials),
    }))
}

fn establish(frame: &Frame<'_>) -> Result<ClientMessage, DecodeFault> {
    let block: &wire::Establish = session_block(frame)?;
    if block.cancel_on_disconnect_type > COD_TYPE_MAX {
        let field = "CancelOnDisconnectType";
        return Err(DecodeFault::Value { template: frame.template, field });
    }
    Ok(ClientMessage::Establish(Establish {
        uuid: SessionUuid(block.session_id),
        timestamp: Nanos(block.timestamp.get()),
        keepalive_ms: block.keepalive_interval.get(),
        next_seq: SeqNo(block.next_seq_no.get()),
        cod_type: block.cancel_on_disconnect_type,
        cod_window_ms: block.cod_timeout_window.get(),
        last: LastReport {
            term: Term(block.last_term.get()),
            index: Index(block.last_index.get()),
            number: ReportNo(block.last_seq_num.get()),
        },
        credentials: credentials(&block.credentials),
    }))
}

/// What is wrong with an application message: a reason (tag 380) and a tag (371).
pub(super) type Refusal = (BusinessRejectReason, u32);

pub(super) const fn missing(tag: u32) -> Refusal {
    (BusinessRejectReason::ConditionallyRequiredFieldMissing, tag)
}

/// A value outside the field's enumeration, or one that no command can hold.
pub(super) const fn incorrect(tag: u32) -> Refusal {
    (BusinessRejectReason::ValueIncorrect, tag)
}

fn application(frame: &Frame<'_>) -> Application {
    let outcome = match frame.template {
        wire::NewOrderSingle::ID => new_order(frame).map(Application::NewOrder),
        wire::OrderCancelRequest::ID => cancel(frame).map(Application::Cancel),
        wire::OrderCancelReplaceRequest::ID => replace(frame).map(Application::Replace),
        wire::OrderMassActionRequest::ID => mass_action(frame).map(Application::MassAction),
        wire::OrderStatusRequest::ID => order_status(frame).map(Application::OrderStatus),
        wire::MarketDataRequest::ID => market_data(frame).map(Application::MarketData),
        wire::OrderReduceRequest::ID => reduce(frame).map(Application::Reduce),
        _ => steering::decode(frame),
    };
    outcome.unwrap_or_else(|(reason, ref_tag)| {
        // Every template that a client may send begins with the name that it goes by.
        let is_known = reason != BusinessRejectReason::UnsupportedMessageType;
        let name = frame.block.first_chunk::<8>().filter(|_| is_known);
        Application::Refused(RejectedMessage {
            ref_template: frame.template,
            reason,
            reserved: 0,
            ref_tag,
            ref_id: name.map_or(0, |bytes| u64::from_le_bytes(*bytes)),
        })
    })
}

fn size_refusal(fault: BlockFault) -> Refusal {
    match fault {
        BlockFault::Short => missing(0),
        BlockFault::Long => (BusinessRejectReason::Other, 0),
    }
}

pub(super) fn application_block<'a, T: Template>(frame: &Frame<'a>) -> Result<&'a T, Refusal> {
    frame.view().map_err(size_refusal)
}

/// A name that the client gives (or refers to by necessity): 0 and SBE's null are none.
pub(super) fn name(value: u64, tag: u32) -> Result<u64, Refusal> {
    if value == 0 || value == u64::MAX { Err(missing(tag)) } else { Ok(value) }
}

pub(super) fn symbol(value: u32) -> Result<SymbolId, Refusal> {
    if value == u32::MAX { Err(missing(48)) } else { Ok(SymbolId(value)) }
}

fn side(code: u8) -> Result<Side, Refusal> {
    Side::from_code(code).ok_or(if code == 0 { missing(54) } else { incorrect(54) })
}

fn time_in_force(code: u8) -> Result<TimeInForce, Refusal> {
    TimeInForce::from_code(code).ok_or(if code == 0 { missing(59) } else { incorrect(59) })
}

/// A quantity that has to be there. Zero is one, and the machine has its own reject for it.
pub(super) fn quantity(value: u64, tag: u32) -> Result<Qty, Refusal> {
    if value == u64::MAX { Err(missing(tag)) } else { Ok(Qty(value)) }
}

/// A price that has to be there.
pub(super) fn price(value: i64, tag: u32) -> Result<Price, Refusal> {
    if Price(value) == Price::NULL { Err(missing(tag)) } else { Ok(Price(value)) }
}

/// What the client says must not be there.
fn absent(is_there: bool, tag: u32) -> Result<(), Refusal> {
    if is_there { Err(incorrect(tag)) } else { Ok(()) }
}

pub(super) fn stp(code: u8) -> Result<StpInstruction, Refusal> {
    StpInstruction::from_code(code).ok_or(incorrect(2964))
}

/// Price and StopPx, those that the order's type needs. What else a type forbids the machine says.
fn prices(ord_type: OrdType, limit: i64, stop_px: i64) -> Result<(Price, Price), Refusal> {
    let limit = match ord_type {
        OrdType::Limit | OrdType::StopLimit => price(limit, 44)?,
        OrdType::Market | OrdType::Stop => {
            absent(Price(limit) != Price::NULL, 44)?;
            Price::NULL
        }
    };
    let stop_px = match ord_type {
        OrdType::Stop | OrdType::StopLimit => price(stop_px, 99)?,
        OrdType::Market | OrdType::Limit => Price(stop_px),
    };
    Ok((limit, stop_px))
}

fn new_order(frame: &Frame<'_>) -> Result<NewOrder, Refusal> {
    let block: wire::NewOrderSingle = frame.view_grown().map_err(size_refusal)?;
    let ord_type = OrdType::from_code(block.ord_type).ok_or(if block.ord_type == 0 {
        missing(40)
    } else {
        incorrect(40)
    })?;
    let (price, stop_px) = prices(ord_type, block.price.get(), block.stop_px.get())?;
    Ok(NewOrder {
        cl_ord_id: ClOrdId(name(block.cl_ord_id.get(), 11)?),
        price,
        qty: quantity(block.order_qty.get(), 38)?,
        min_qty: Qty(block.min_qty.get()),
        display_qty: Qty(block.display_qty.get()),
        stop_px,
        expire_time: Nanos(block.expire_time.get()),
        stp_id: block.smp_id.get(),
        symbol: symbol(block.security_id.get())?,
        account: Account(block.account.get()),
        side: side(block.side)?,
        ord_type,
        time_in_force: time_in_force(block.time_in_force)?,
        stp: stp(block.smp_instruction)?,
        exec_inst: block.exec_inst,
        reserved: [0; 3],
        budget: block.cash_order_qty.get(),
    })
}

/// OrigClOrdID and OrderID: one of them names the order.
fn target(orig_cl_ord_id: u64, order_id: u64) -> Result<(ClOrdId, OrderId), Refusal> {
    if order_id == 0 {
        name(orig_cl_ord_id, 41)?;
    }
    Ok((ClOrdId(orig_cl_ord_id), OrderId(order_id)))
}

fn cancel(frame: &Frame<'_>) -> Result<CancelOrder, Refusal> {
    let block: &wire::OrderCancelRequest = application_block(frame)?;
    let (orig_cl_ord_id, order_id) = target(block.orig_cl_ord_id.get(), block.order_id.get())?;
    Ok(CancelOrder {
        cl_ord_id: ClOrdId(name(block.cl_ord_id.get(), 11)?),
        orig_cl_ord_id,
        order_id,
        symbol: symbol(block.security_id.get())?,
        side: side(block.side)?,
        reserved: [0; 3],
    })
}

fn replace(frame: &Frame<'_>) -> Result<ReplaceOrder, Refusal> {
    let block: wire::OrderCancelReplaceRequest = frame.view_grown().map_err(size_refusal)?;
    let (orig_cl_ord_id, order_id) = target(block.orig_cl_ord_id.get(), block.order_id.get())?;
    // In the command 0 stands for none, so nobody can ask for it.
    let stop_px = Price(block.stop_px.get());
    absent(stop_px == Price(0), 99)?;
    Ok(ReplaceOrder {
        cl_ord_id: ClOrdId(name(block.cl_ord_id.get(), 11)?),
        orig_cl_ord_id,
        order_id,
        // Null for a Stop that waits; which order it is only the machine knows.
        price: Price(block.price.get()),
        qty: quantity(block.order_qty.get(), 38)?,
        symbol: symbol(block.security_id.get())?,
        side: side(block.side)?,
        time_in_force: time_in_force(block.time_in_force)?,
        exec_inst: block.exec_inst,
        reserved: 0,
        stop_px: if stop_px == Price::NULL { Price(0) } else { stop_px },
    })
}

fn reduce(frame: &Frame<'_>) -> Result<ReduceOrder, Refusal> {
    let block: &wire::OrderReduceRequest = application_block(frame)?;
    let (orig_cl_ord_id, order_id) = target(block.orig_cl_ord_id.get(), block.order_id.get())?;
    Ok(ReduceOrder {
        cl_ord_id: ClOrdId(name(block.cl_ord_id.get(), 11)?),
        orig_cl_ord_id,
        order_id,
        by: quantity(block.reduce_qty.get(), 20041)?,
        symbol: symbol(block.security_id.get())?,
        side: side(block.side)?,
        reserved: [0; 3],
    })
}

/// A symbol is named exactly if the scope is one symbol.
fn mass_action(frame: &Frame<'_>) -> Result<MassAction, Refusal> {
    let block: &wire::OrderMassActionRequest = application_block(frame)?;
    let scope = MassActionScope::from_code(block.mass_action_scope).ok_or(incorrect(1374))?;
    let symbol = symbol(block.security_id.get())?;
    absent(scope == MassActionScope::AllOrders && symbol != SymbolId(0), 48)?;
    if block.side != 0 {
        side(block.side)?;
    }
    Ok(MassAction {
        cl_ord_id: ClOrdId(name(block.cl_ord_id.get(), 11)?),
        symbol,
        account: Account(block.account.get()),
        action: MassActionType::from_code(block.mass_action_type).ok_or(incorrect(1373))?,
        scope,
        side: block.side,
        reserved: [0; 5],
    })
}

fn order_status(frame: &Frame<'_>) -> Result<OrderStatusQuery, Refusal> {
    let block: &wire::OrderStatusRequest = application_block(frame)?;
    let order_id = OrderId(block.order_id.get());
    let cl_ord_id = match (block.cl_ord_id.get(), order_id) {
        (0, OrderId(1..)) => 0,
        (named, _) => name(named, 11)?,
    };
    Ok(OrderStatusQuery {
        cl_ord_id: ClOrdId(cl_ord_id),
        order_id,
        symbol: symbol(block.security_id.get())?,
        side: side(block.side)?,
        reserved: [0; 3],
    })
}

fn market_data(frame: &Frame<'_>) -> Result<MarketDataQuery, Refusal> {
    let block: &wire::MarketDataRequest = application_block(frame)?;
    if !(1..=MD_DEPTH_MAX).contains(&usize::from(block.market_depth)) {
        return Err(incorrect(264));
    }
    Ok(MarketDataQuery {
        md_req_id: MdReqId(name(block.md_req_id.get(), 262)?),
        symbol: symbol(block.security_id.get())?,
        depth: block.market_depth,
        reserved: [0; 3],
    })
}
