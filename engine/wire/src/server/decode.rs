//! Frames of servers -> messages.

use super::{
    Entries, Envelope, EstablishmentAck, EstablishmentReject, Levels, MarketDataSnapshot,
    Sequenced, SequencedBody, ServerMessage, TERM_RUNS_MAX, TermRuns,
};
use crate::client::{DecodeFault, template_of};
use crate::frame::Frame;
use crate::template::{
    self as wire, Common, GroupSize, MdEntry, OrderBlock, Template, TermRunEntry,
};
use gavel_types::limits::MD_DEPTH_MAX;
use gavel_types::{
    Account, AckRuleCode, BusinessReject, BusinessRejectReason, CancelReason, CancelReject,
    CancelRejectReason, ClOrdId, CommandKind, EstablishmentRejectCode, ExecCanceled, ExecId,
    ExecNew, ExecRejected, ExecReplaced, ExecRestated, ExecStatus, ExecTrade, ExecTriggered,
    ExecType, FlowType, Index, IntakeReason, IntakeState, MassActionRejectReason, MassActionReport,
    MassActionResponse, MassActionScope, MassActionType, MdReqId, Nanos, NegotiationRejectCode,
    NotAppliedRange, OrdStatus, OrderId, OrderRejectReason, OrderState, Price, Qty, ReportNo,
    RetransmitRejectCode, SeqNo, SessionUuid, Side, Stamp, SteeringReport, SteeringResult,
    SymbolId, Term, TerminationCode, TrdMatchId,
};
use zerocopy::FromBytes;

/// The message in a frame of a server.
///
/// # Errors
/// [`DecodeFault`] for a frame that makes no sense: close the connection.
pub fn decode<'a>(frame: &Frame<'a>) -> Result<ServerMessage<'a>, DecodeFault> {
    match frame.template {
        wire::NegotiationResponse::ID | wire::NegotiationReject::ID => negotiation_answer(frame),
        wire::EstablishmentAck::ID => establishment_ack(frame),
        wire::EstablishmentReject::ID => establishment_reject(frame),
        wire::Challenge::ID => {
            let block: &wire::Challenge = view(frame)?;
            Ok(ServerMessage::Challenge { nonce: block.nonce })
        }
        wire::FinishedReceiving::ID => {
            let block: &wire::FinishedReceiving = view(frame)?;
            Ok(ServerMessage::FinishedReceiving {
                uuid: SessionUuid(block.session_id),
                next: ReportNo(block.next_seq_no.get()),
            })
        }
        wire::Sequence::ID => {
            let block: &wire::Sequence = view(frame)?;
            Ok(ServerMessage::Sequence { next: ReportNo(block.next_seq_no.get()) })
        }
        wire::UnsequencedHeartbeat::ID => {
            let _: &wire::UnsequencedHeartbeat = view(frame)?;
            Ok(ServerMessage::UnsequencedHeartbeat)
        }
        wire::Retransmission::ID => {
            let block: &wire::Retransmission = view(frame)?;
            Ok(ServerMessage::Retransmission {
                uuid: SessionUuid(block.session_id),
                timestamp: Nanos(block.request_timestamp.get()),
                next: ReportNo(block.next_seq_no.get()),
                count: block.count.get(),
            })
        }
        wire::RetransmitReject::ID => {
            let block: &wire::RetransmitReject = view(frame)?;
            Ok(ServerMessage::RetransmitReject {
                uuid: SessionUuid(block.session_id),
                timestamp: Nanos(block.request_timestamp.get()),
                oldest: ReportNo(block.oldest_seq_no.get()),
                code: known(RetransmitRejectCode::from_code(block.code), frame, "Code")?,
            })
        }
        wire::Terminate::ID => {
            let block: &wire::Terminate = view(frame)?;
            Ok(ServerMessage::Terminate {
                uuid: SessionUuid(block.session_id),
                code: known(TerminationCode::from_code(block.code), frame, "Code")?,
            })
        }
        wire::IntakeStatus::ID => {
            let block: &wire::IntakeStatus = view(frame)?;
            Ok(ServerMessage::IntakeStatus {
                state: known(IntakeState::from_code(block.status), frame, "Status")?,
                reason: known(IntakeReason::from_code(block.reason), frame, "Reason")?,
            })
        }
        _ => sequenced(frame),
    }
}

fn view<'a, T: Template>(frame: &Frame<'a>) -> Result<&'a T, DecodeFault> {
    frame.view().map_err(|_| DecodeFault::Size { template: frame.template })
}

fn known<T>(value: Option<T>, frame: &Frame<'_>, field: &'static str) -> Result<T, DecodeFault> {
    value.ok_or(DecodeFault::Value { template: frame.template, field })
}

fn negotiation_answer<'a>(frame: &Frame<'a>) -> Result<ServerMessage<'a>, DecodeFault> {
    if frame.template == wire::NegotiationResponse::ID {
        let block: &wire::NegotiationResponse = view(frame)?;
        let recoverable = (block.server_flow == FlowType::Recoverable.code()).then_some(());
        known(recoverable, frame, "ServerFlow")?;
        let timestamp = Nanos(block.request_timestamp.get());
        return Ok(ServerMessage::NegotiationResponse {
            uuid: SessionUuid(block.session_id),
            timestamp,
        });
    }
    let block: &wire::NegotiationReject = view(frame)?;
    Ok(ServerMessage::NegotiationReject {
        uuid: SessionUuid(block.session_id),
        timestamp: Nanos(block.request_timestamp.get()),
        code: known(NegotiationRejectCode::from_code(block.code), frame, "Code")?,
    })
}

/// Takes a group with entries of type `E` from the front of `bytes`.
fn group<'a, E: wire::Block>(
    frame: &Frame<'a>,
    bytes: &mut &'a [u8],
    entries_max: usize,
) -> Result<Entries<'a>, DecodeFault> {
    let fault = DecodeFault::Size { template: frame.template };
    let (size, rest) = GroupSize::ref_from_prefix(bytes).map_err(|_| fault)?;
    let entry_bytes = usize::from(size.block_length.get());
    let entries = usize::from(size.num_in_group.get());
    let exact = entry_bytes == size_of::<E>();
    let longer = entry_bytes > size_of::<E>() && frame.is_newer();
    if !(exact || longer) || entries > entries_max {
        return Err(fault);
    }
    let (taken, rest) = rest.split_at_checked(entries * entry_bytes).ok_or(fault)?;
    *bytes = rest;
    Ok(Entries { bytes: taken, entry_bytes })
}

fn nothing_left(frame: &Frame<'_>, bytes: &[u8]) -> Result<(), DecodeFault> {
    if bytes.is_empty() || frame.is_newer() {
        Ok(())
    } else {
        Err(DecodeFault::Size { template: frame.template })
    }
}

fn view_with_groups<'a, T: Template>(frame: &Frame<'a>) -> Result<&'a T, DecodeFault> {
    frame.view_with_groups().map_err(|_| DecodeFault::Size { template: frame.template })
}

fn establishment_ack<'a>(frame: &Frame<'a>) -> Result<ServerMessage<'a>, DecodeFault> {
    let block: &wire::EstablishmentAck = view_with_groups(frame)?;
    let mut bytes = frame.groups;
    let runs = TermRuns(group::<TermRunEntry>(frame, &mut bytes, TERM_RUNS_MAX)?);
    nothing_left(frame, bytes)?;
    Ok(ServerMessage::EstablishmentAck(EstablishmentAck {
        uuid: SessionUuid(block.session_id),
        timestamp: Nanos(block.request_timestamp.get()),
        keepalive_ms: block.keepalive_interval.get(),
        next_number: ReportNo(block.next_seq_no.get()),
        expected_seq: SeqNo(block.next_expected_seq_no.get()),
        runs,
    }))
}

fn establishment_reject<'a>(frame: &Frame<'a>) -> Result<ServerMessage<'a>, DecodeFault> {
    let block: &wire::EstablishmentReject = view_with_groups(frame)?;
    let mut bytes = frame.groups;
    let runs = TermRuns(group::<TermRunEntry>(frame, &mut bytes, TERM_RUNS_MAX)?);
    nothing_left(frame, bytes)?;
    Ok(ServerMessage::EstablishmentReject(EstablishmentReject {
        uuid: SessionUuid(block.session_id),
        timestamp: Nanos(block.request_timestamp.get()),
        code: known(EstablishmentRejectCode::from_code(block.code), frame, "Code")?,
        next_number: ReportNo(block.next_seq_no.get()),
        expected_seq: SeqNo(block.next_expected_seq_no.get()),
        log_index: Index(block.log_index.get()),
        runs,
    }))
}

fn sequenced<'a>(frame: &Frame<'a>) -> Result<ServerMessage<'a>, DecodeFault> {
    let (common, body) = match frame.template {
        wire::NotApplied::ID => {
            let block: &wire::NotApplied = view(frame)?;
            let from = SeqNo(block.from_seq_no.get());
            let range = NotAppliedRange { from, count: block.count.get() };
            (&block.common, SequencedBody::NotApplied(range))
        }
        wire::ExecutionReportNew::ID => {
            let block: &wire::ExecutionReportNew = view(frame)?;
            let (order, exec_id) = order_state(frame, &block.order, ExecType::New, 0)?;
            (&block.common, SequencedBody::New(ExecNew { order, exec_id }))
        }
        wire::ExecutionReportTrade::ID => trade(frame)?,
        wire::ExecutionReportCanceled::ID => canceled(frame)?,
        wire::ExecutionReportReplaced::ID => {
            let block: &wire::ExecutionReportReplaced = view(frame)?;
            let (order, exec_id) = order_state(frame, &block.order, ExecType::Replaced, 0)?;
            let orig_cl_ord_id = ClOrdId(block.orig_cl_ord_id.get());
            let body = ExecReplaced { order, exec_id, orig_cl_ord_id };
            (&block.common, SequencedBody::Replaced(body))
        }
        wire::ExecutionReportRejected::ID => {
            let block: &wire::ExecutionReportRejected = view(frame)?;
            let reason = block.ord_rej_reason;
            known(OrderRejectReason::from_code(reason), frame, "OrdRejReason")?;
            let (order, exec_id) = order_state(frame, &block.order, ExecType::Rejected, reason)?;
            (&block.common, SequencedBody::Rejected(ExecRejected { order, exec_id }))
        }
        wire::OrderCancelReject::ID => cancel_reject(frame)?,
        wire::BusinessMessageReject::ID => business_reject(frame)?,
        wire::OrderMassActionReport::ID => mass_action(frame)?,
        wire::ExecutionReportStatus::ID => status(frame)?,
        wire::MarketDataSnapshotFullRefresh::ID => market_data(frame)?,
        wire::ExecutionReportTriggered::ID => {
            let block: &wire::ExecutionReportTriggered = view(frame)?;
            let (order, exec_id) = order_state(frame, &block.order, ExecType::Triggered, 0)?;
            (&block.common, SequencedBody::Triggered(ExecTriggered { order, exec_id }))
        }
        wire::ExecutionReportRestated::ID => {
            let block: &wire::ExecutionReportRestated = view(frame)?;
            let (order, exec_id) = order_state(frame, &block.order, ExecType::Restated, 0)?;
            (&block.common, SequencedBody::Restated(ExecRestated { order, exec_id }))
        }
        wire::SteeringReport::ID => steering(frame)?,
        template => return Err(DecodeFault::Template { template }),
    };
    with_head(frame, common, body)
}

fn with_head<'a>(
    frame: &Frame<'a>,
    common: &Common,
    body: SequencedBody<'a>,
) -> Result<ServerMessage<'a>, DecodeFault> {
    let poss_resend = match common.poss_resend {
        0 => false,
        1 => true,
        _ => return known(None, frame, "PossResend"),
    };
    Ok(ServerMessage::Sequenced(Sequenced {
        number: ReportNo(common.msg_seq_num.get()),
        stamp: Stamp {
            index: Index(common.log_index.get()),
            term: Term(common.log_term.get()),
            time: Nanos(common.transact_time.get()),
        },
        envelope: Envelope {
            sender_term: Term(common.sender_term.get()),
            commit: Index(common.commit_index.get()),
            rule: known(AckRuleCode::from_code(common.ack_rule), frame, "AckRule")?,
        },
        poss_resend,
        body,
    }))
}

fn order_state(
    frame: &Frame<'_>,
    block: &OrderBlock,
    exec_type: ExecType,
    detail: u8,
) -> Result<(OrderState, ExecId), DecodeFault> {
    let as_template_says = (block.exec_type == exec_type.code()).then_some(());
    known(as_template_says, frame, "ExecType")?;
    let order = OrderState {
        order_id: OrderId(block.order_id.get()),
        cl_ord_id: ClOrdId(block.cl_ord_id.get()),
        price: Price(block.price.get()),
        qty: Qty(block.order_qty.get()),
        leaves_qty: Qty(block.leaves_qty.get()),
        cum_qty: Qty(block.cum_qty.get()),
        symbol: SymbolId(block.security_id.get()),
        side: known(Side::from_code(block.side), frame, "Side")?,
        ord_status: known(OrdStatus::from_code(block.ord_status), frame, "OrdStatus")?,
        detail,
        reserved: 0,
    };
    Ok((order, ExecId(block.exec_id.get())))
}

type Parsed<'a> = (&'a Common, SequencedBody<'a>);

fn trade<'a>(frame: &Frame<'a>) -> Result<Parsed<'a>, DecodeFault> {
    let block: &wire::ExecutionReportTrade = view(frame)?;
    let aggressor = block.aggressor_indicator;
    known(matches!(aggressor, b'Y' | b'N').then_some(()), frame, "AggressorIndicator")?;
    let (order, exec_id) = order_state(frame, &block.order, ExecType::Trade, aggressor)?;
    let body = ExecTrade {
        order,
        exec_id,
        last_px: Price(block.last_px.get()),
        last_qty: Qty(block.last_qty.get()),
        trd_match_id: TrdMatchId(block.trd_match_id.get()),
    };
    Ok((&block.common, SequencedBody::Trade(body)))
}

fn canceled<'a>(frame: &Frame<'a>) -> Result<Parsed<'a>, DecodeFault> {
    let block: &wire::ExecutionReportCanceled = view(frame)?;
    let reason = block.exec_restatement_reason;
    known(CancelReason::from_code(reason), frame, "ExecRestatementReason")?;
    let (mut order, exec_id) = order_state(frame, &block.order, ExecType::Canceled, reason)?;
    let request_cl_ord_id = order.cl_ord_id;
    order.cl_ord_id = ClOrdId(block.orig_cl_ord_id.get());
    let body = ExecCanceled { order, exec_id, request_cl_ord_id };
    Ok((&block.common, SequencedBody::Canceled(body)))
}

fn cancel_reject<'a>(frame: &Frame<'a>) -> Result<Parsed<'a>, DecodeFault> {
    let block: &wire::OrderCancelReject = view(frame)?;
    let response_to = block.cxl_rej_response_to;
    known(matches!(response_to, b'1' | b'2').then_some(()), frame, "CxlRejResponseTo")?;
    let body = CancelReject {
        cl_ord_id: ClOrdId(block.cl_ord_id.get()),
        orig_cl_ord_id: ClOrdId(block.orig_cl_ord_id.get()),
        order_id: OrderId(block.order_id.get()),
        reason: known(CancelRejectReason::from_code(block.cxl_rej_reason), frame, "CxlRejReason")?,
        ord_status: known(OrdStatus::from_code(block.ord_status), frame, "OrdStatus")?,
        response_to,
        reserved: [0; 5],
    };
    Ok((&block.common, SequencedBody::CancelReject(body)))
}

fn business_reject<'a>(frame: &Frame<'a>) -> Result<Parsed<'a>, DecodeFault> {
    let block: &wire::BusinessMessageReject = view(frame)?;
    let reason = BusinessRejectReason::from_code(block.business_reject_reason);
    let body = BusinessReject {
        ref_seq: SeqNo(block.ref_seq_num.get()),
        ref_id: block.business_reject_ref_id.get(),
        ref_tag: block.ref_tag_id.get(),
        ref_template: block.ref_msg_type.get(),
        reason: known(reason, frame, "BusinessRejectReason")?,
        reserved: 0,
    };
    Ok((&block.common, SequencedBody::BusinessReject(body)))
}

fn mass_action<'a>(frame: &Frame<'a>) -> Result<Parsed<'a>, DecodeFault> {
    let block: &wire::OrderMassActionReport = view(frame)?;
    let action = MassActionType::from_code(block.mass_action_type);
    let scope = MassActionScope::from_code(block.mass_action_scope);
    let response = MassActionResponse::from_code(block.mass_action_response);
    let reject_reason = MassActionRejectReason::from_code(block.mass_action_reject_reason);
    let side = (block.side == 0 || Side::from_code(block.side).is_some()).then_some(block.side);
    let body = MassActionReport {
        cl_ord_id: ClOrdId(block.cl_ord_id.get()),
        report_id: block.mass_action_report_id.get(),
        symbol: SymbolId(block.security_id.get()),
        account: Account(block.account.get()),
        total_affected: block.total_affected_orders.get(),
        action: known(action, frame, "MassActionType")?,
        scope: known(scope, frame, "MassActionScope")?,
        response: known(response, frame, "MassActionResponse")?,
        reject_reason: known(reject_reason, frame, "MassActionRejectReason")?,
        side: known(side, frame, "Side")?,
        reserved: [0; 7],
    };
    Ok((&block.common, SequencedBody::MassAction(body)))
}

fn status<'a>(frame: &Frame<'a>) -> Result<Parsed<'a>, DecodeFault> {
    let block: &wire::ExecutionReportStatus = view(frame)?;
    let reason = block.ord_rej_reason;
    let is_known = reason == 0 || reason == OrderRejectReason::UnknownOrder.code();
    known(is_known.then_some(()), frame, "OrdRejReason")?;
    let (order, exec_id) = order_state(frame, &block.order, ExecType::OrderStatus, reason)?;
    // A status is no execution.
    known((exec_id == ExecId(0)).then_some(()), frame, "ExecID")?;
    Ok((&block.common, SequencedBody::Status(ExecStatus { order })))
}

fn steering<'a>(frame: &Frame<'a>) -> Result<Parsed<'a>, DecodeFault> {
    let block: &wire::SteeringReport = view(frame)?;
    let template = Some(block.ref_msg_type.get());
    let command = CommandKind::ALL.iter().copied().find(|kind| template_of(*kind) == template);
    let body = SteeringReport {
        request_id: block.request_id.get(),
        total_affected: block.total_affected_orders.get(),
        command: known(command, frame, "RefMsgType")?.code(),
        result: known(SteeringResult::from_code(block.steering_result), frame, "SteeringResult")?,
        reserved: [0; 6],
    };
    Ok((&block.common, SequencedBody::Steering(body)))
}

fn market_data<'a>(frame: &Frame<'a>) -> Result<Parsed<'a>, DecodeFault> {
    let block: &wire::MarketDataSnapshotFullRefresh = view_with_groups(frame)?;
    let mut bytes = frame.groups;
    let bids = Levels(group::<MdEntry>(frame, &mut bytes, MD_DEPTH_MAX)?);
    let asks = Levels(group::<MdEntry>(frame, &mut bytes, MD_DEPTH_MAX)?);
    nothing_left(frame, bytes)?;
    let body = MarketDataSnapshot {
        md_req_id: MdReqId(block.md_req_id.get()),
        symbol: SymbolId(block.security_id.get()),
        bids,
        asks,
    };
    Ok((&block.common, SequencedBody::MarketData(body)))
}
