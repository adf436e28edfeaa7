//! Reports and facts -> frames of servers. All panic if `out` is shorter than the frame, and return
//! its length; [`MAX_SERVER_FRAME_BYTES`](super::MAX_SERVER_FRAME_BYTES) always suffices.

use super::{Envelope, TERM_RUNS_MAX, TermRun};
use crate::client::template_of;
use crate::frame::{PREAMBLE_BYTES, block_prefix_mut, put, put_with_groups};
use crate::template::{
    self as wire, Common, GroupSize, MdEntry, OrderBlock, Template, TermRunEntry,
};
use gavel_types::limits::MD_DEPTH_MAX;
use gavel_types::{
    BusinessReject, CancelReject, CommandKind, EstablishmentAccepted, EstablishmentRefused,
    ExecCanceled, ExecId, ExecTrade, ExecType, FlowFinished, FlowType, IntakeReason, IntakeState,
    MarketDataPart, MassActionReport, MdLevel, Nanos, NegotiationAccepted, NegotiationRefused,
    OrderState, Report, ReportBody, ReportNo, RetransmitRejectCode, SessionUuid, SteeringReport,
    TerminationCode,
};
use zerocopy::IntoBytes;

/// The whole frame of one sequenced report, given all its parts.
///
/// # Panics
/// If the report is unsequenced, has no meaning, or its parts are not all there: bugs.
pub fn encode_report(parts: &[Report], envelope: &Envelope, out: &mut [u8]) -> usize {
    let first = parts.first().expect("a report has a part");
    assert!(first.is_sequenced(), "an unsequenced message has its own encoder");
    assert_eq!(parts.len(), usize::from(first.parts), "a report is encoded whole");
    let common = head(first, envelope);
    match first.parse().expect("the machine makes reports that have a meaning") {
        ReportBody::NotApplied(body) => put(
            &wire::NotApplied { common, from_seq_no: body.from.0.into(), count: body.count.into() },
            out,
        ),
        ReportBody::BusinessReject(body) => business_reject(common, body, out),
        ReportBody::New(body) => {
            let order = order_block(&body.order, body.exec_id, ExecType::New);
            put(&wire::ExecutionReportNew { common, order }, out)
        }
        ReportBody::Trade(body) => trade(common, body, out),
        ReportBody::Canceled(body) => canceled(common, body, out),
        ReportBody::Replaced(body) => put(
            &wire::ExecutionReportReplaced {
                common,
                order: order_block(&body.order, body.exec_id, ExecType::Replaced),
                orig_cl_ord_id: body.orig_cl_ord_id.0.into(),
            },
            out,
        ),
        ReportBody::Rejected(body) => put(
            &wire::ExecutionReportRejected {
                common,
                order: order_block(&body.order, body.exec_id, ExecType::Rejected),
                ord_rej_reason: body.order.detail,
            },
            out,
        ),
        ReportBody::CancelReject(body) => cancel_reject(common, body, out),
        ReportBody::MarketData(body) => market_data(common, body, parts, out),
        ReportBody::MassAction(body) => mass_action(common, body, out),
        ReportBody::Status(body) => put(
            &wire::ExecutionReportStatus {
                common,
                order: order_block(&body.order, ExecId(0), ExecType::OrderStatus),
                ord_rej_reason: body.order.detail,
            },
            out,
        ),
        ReportBody::Triggered(body) => {
            let order = order_block(&body.order, body.exec_id, ExecType::Triggered);
            put(&wire::ExecutionReportTriggered { common, order }, out)
        }
        ReportBody::Restated(body) => {
            let order = order_block(&body.order, body.exec_id, ExecType::Restated);
            put(&wire::ExecutionReportRestated { common, order }, out)
        }
        ReportBody::Steering(body) => steering(common, body, out),
        ReportBody::NegotiationAccepted(_)
        | ReportBody::NegotiationRefused(_)
        | ReportBody::EstablishmentAccepted(_)
        | ReportBody::EstablishmentRefused(_)
        | ReportBody::ConnectionClosed(_)
        | ReportBody::FlowFinished(_) => unreachable!("checked: the report is sequenced"),
    }
}

/// Stamps the envelope of a frame that [`encode_report`] made, in place.
///
/// # Panics
/// If `frame` is too short to be one.
pub fn reenvelope(frame: &mut [u8], envelope: &Envelope, poss_resend: bool) {
    let common: &mut Common =
        block_prefix_mut(frame).expect("a sequenced frame holds the common block");
    common.sender_term = envelope.sender_term.0.into();
    common.commit_index = envelope.commit.0.into();
    common.ack_rule = envelope.rule.code();
    common.poss_resend = u8::from(poss_resend);
}

fn head(report: &Report, envelope: &Envelope) -> Common {
    Common {
        msg_seq_num: report.number.0.into(),
        log_index: report.stamp.index.0.into(),
        log_term: report.stamp.term.0.into(),
        transact_time: report.stamp.time.0.into(),
        sender_term: envelope.sender_term.0.into(),
        commit_index: envelope.commit.0.into(),
        ack_rule: envelope.rule.code(),
        poss_resend: 0,
    }
}

fn order_block(order: &OrderState, exec_id: ExecId, exec_type: ExecType) -> OrderBlock {
    OrderBlock {
        order_id: order.order_id.0.into(),
        cl_ord_id: order.cl_ord_id.0.into(),
        exec_id: exec_id.0.into(),
        price: order.price.0.into(),
        order_qty: order.qty.0.into(),
        leaves_qty: order.leaves_qty.0.into(),
        cum_qty: order.cum_qty.0.into(),
        security_id: order.symbol.0.into(),
        side: order.side.code(),
        ord_status: order.ord_status.code(),
        exec_type: exec_type.code(),
    }
}

fn trade(common: Common, body: &ExecTrade, out: &mut [u8]) -> usize {
    let block = wire::ExecutionReportTrade {
        common,
        order: order_block(&body.order, body.exec_id, ExecType::Trade),
        last_px: body.last_px.0.into(),
        last_qty: body.last_qty.0.into(),
        trd_match_id: body.trd_match_id.0.into(),
        aggressor_indicator: body.order.detail,
    };
    put(&block, out)
}

/// FIX's way to name a cancelled order: ClOrdID is the request's, OrigClOrdID the order's.
fn canceled(common: Common, body: &ExecCanceled, out: &mut [u8]) -> usize {
    let mut order = order_block(&body.order, body.exec_id, ExecType::Canceled);
    order.cl_ord_id = body.request_cl_ord_id.0.into();
    let block = wire::ExecutionReportCanceled {
        common,
        order,
        orig_cl_ord_id: body.order.cl_ord_id.0.into(),
        exec_restatement_reason: body.order.detail,
    };
    put(&block, out)
}

fn cancel_reject(common: Common, body: &CancelReject, out: &mut [u8]) -> usize {
    let block = wire::OrderCancelReject {
        common,
        cl_ord_id: body.cl_ord_id.0.into(),
        orig_cl_ord_id: body.orig_cl_ord_id.0.into(),
        order_id: body.order_id.0.into(),
        cxl_rej_reason: body.reason.code(),
        ord_status: body.ord_status.code(),
        cxl_rej_response_to: body.response_to,
    };
    put(&block, out)
}

fn business_reject(common: Common, body: &BusinessReject, out: &mut [u8]) -> usize {
    let block = wire::BusinessMessageReject {
        common,
        ref_seq_num: body.ref_seq.0.into(),
        business_reject_ref_id: body.ref_id.into(),
        ref_tag_id: body.ref_tag.into(),
        ref_msg_type: body.ref_template.into(),
        business_reject_reason: body.reason.code(),
    };
    put(&block, out)
}

fn mass_action(common: Common, body: &MassActionReport, out: &mut [u8]) -> usize {
    let block = wire::OrderMassActionReport {
        common,
        cl_ord_id: body.cl_ord_id.0.into(),
        mass_action_report_id: body.report_id.into(),
        security_id: body.symbol.0.into(),
        account: body.account.0.into(),
        total_affected_orders: body.total_affected.into(),
        mass_action_type: body.action.code(),
        mass_action_scope: body.scope.code(),
        mass_action_response: body.response.code(),
        mass_action_reject_reason: body.reject_reason.code(),
        side: body.side,
    };
    put(&block, out)
}

/// The request is named by its template, as in BusinessMessageReject.
fn steering(common: Common, body: &SteeringReport, out: &mut [u8]) -> usize {
    let asked = CommandKind::from_code(body.command).and_then(template_of);
    let block = wire::SteeringReport {
        common,
        request_id: body.request_id.into(),
        total_affected_orders: body.total_affected.into(),
        ref_msg_type: asked.expect("a steering report answers a client's command").into(),
        steering_result: body.result.code(),
    };
    put(&block, out)
}

/// Writes groups behind a block, one entry after the other.
struct GroupWriter<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl GroupWriter<'_> {
    fn push(&mut self, value: &(impl IntoBytes + zerocopy::Immutable)) {
        let bytes = value.as_bytes();
        self.out[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    fn begin<Entry>(&mut self, entries: usize) {
        self.push(&GroupSize {
            block_length: (size_of::<Entry>() as u16).into(),
            num_in_group: (entries as u16).into(),
        });
    }
}

const fn group_bytes<Entry>(entries: usize) -> usize {
    size_of::<GroupSize>() + entries * size_of::<Entry>()
}

fn levels(parts: &[Report]) -> impl Iterator<Item = &MdLevel> {
    parts.iter().flat_map(|part| match part.parse() {
        Ok(ReportBody::MarketData(body)) => &body.levels[..usize::from(body.levels_used)],
        _ => unreachable!("every part of a market data report is one"),
    })
}

fn market_data(common: Common, head: &MarketDataPart, parts: &[Report], out: &mut [u8]) -> usize {
    let (bids, asks) = (usize::from(head.bids), usize::from(head.asks));
    assert!(bids <= MD_DEPTH_MAX && asks <= MD_DEPTH_MAX, "a side has at most 64 levels");
    assert_eq!(levels(parts).count(), bids + asks, "the parts hold every level");
    let block = wire::MarketDataSnapshotFullRefresh {
        common,
        md_req_id: head.md_req_id.0.into(),
        security_id: head.symbol.0.into(),
    };
    let groups_bytes = group_bytes::<MdEntry>(bids) + group_bytes::<MdEntry>(asks);
    let whole_bytes = put_with_groups(&block, groups_bytes, out);
    let mut groups = GroupWriter { out, at: PREAMBLE_BYTES + size_of_val(&block) };
    groups.begin::<MdEntry>(bids);
    for (i, level) in levels(parts).enumerate() {
        if i == bids {
            groups.begin::<MdEntry>(asks);
        }
        groups.push(&MdEntry {
            md_entry_px: level.price.0.into(),
            md_entry_size: level.qty.0.into(),
        });
    }
    if asks == 0 {
        groups.begin::<MdEntry>(asks);
    }
    assert_eq!(groups.at, whole_bytes, "the groups fill the frame");
    whole_bytes
}

/// NegotiationResponse.
pub fn negotiation_response(body: &NegotiationAccepted, out: &mut [u8]) -> usize {
    let block = wire::NegotiationResponse {
        session_id: body.uuid.0,
        request_timestamp: body.timestamp.0.into(),
        server_flow: FlowType::Recoverable.code(),
    };
    put(&block, out)
}

/// NegotiationReject.
pub fn negotiation_reject(body: &NegotiationRefused, out: &mut [u8]) -> usize {
    let block = wire::NegotiationReject {
        session_id: body.uuid.0,
        request_timestamp: body.timestamp.0.into(),
        code: body.code.code(),
    };
    put(&block, out)
}

/// EstablishmentAck, with the newest [`TERM_RUNS_MAX`] of `runs` (oldest first).
pub fn establishment_ack(body: &EstablishmentAccepted, runs: &[TermRun], out: &mut [u8]) -> usize {
    let block = wire::EstablishmentAck {
        session_id: body.uuid.0,
        request_timestamp: body.timestamp.0.into(),
        keepalive_interval: body.keepalive_ms.into(),
        next_seq_no: body.next_number.0.into(),
        next_expected_seq_no: body.expected_seq.0.into(),
    };
    put_with_runs(&block, runs, out)
}

/// EstablishmentReject, with the newest [`TERM_RUNS_MAX`] of `runs` (oldest first).
pub fn establishment_reject(
    body: &EstablishmentRefused,
    runs: &[TermRun],
    out: &mut [u8],
) -> usize {
    let block = wire::EstablishmentReject {
        session_id: body.uuid.0,
        request_timestamp: body.timestamp.0.into(),
        code: body.code.code(),
        next_seq_no: body.next_number.0.into(),
        next_expected_seq_no: body.expected_seq.0.into(),
        log_index: body.log_index.0.into(),
    };
    put_with_runs(&block, runs, out)
}

fn put_with_runs<T: Template>(block: &T, runs: &[TermRun], out: &mut [u8]) -> usize {
    let runs = &runs[runs.len().saturating_sub(TERM_RUNS_MAX)..];
    let whole_bytes = put_with_groups(block, group_bytes::<TermRunEntry>(runs.len()), out);
    let mut groups = GroupWriter { out, at: PREAMBLE_BYTES + size_of::<T>() };
    groups.begin::<TermRunEntry>(runs.len());
    for run in runs {
        groups.push(&TermRunEntry {
            run_term: run.term.0.into(),
            first_index: run.first_index.0.into(),
        });
    }
    whole_bytes
}

/// Challenge: what whoever has a key signs on this connection.
pub fn challenge(nonce: &[u8; 32], out: &mut [u8]) -> usize {
    put(&wire::Challenge { nonce: *nonce }, out)
}

/// FinishedReceiving.
pub fn finished_receiving(body: &FlowFinished, out: &mut [u8]) -> usize {
    let block =
        wire::FinishedReceiving { session_id: body.uuid.0, next_seq_no: body.next_number.0.into() };
    put(&block, out)
}

/// Sequence: the number of the session's next report.
pub fn sequence(next: ReportNo, out: &mut [u8]) -> usize {
    put(&wire::Sequence { next_seq_no: next.0.into() }, out)
}

/// Retransmission: `count` reports from number `next` on follow.
pub fn retransmission(
    uuid: SessionUuid,
    timestamp: Nanos,
    next: ReportNo,
    count: u64,
    out: &mut [u8],
) -> usize {
    let block = wire::Retransmission {
        session_id: uuid.0,
        request_timestamp: timestamp.0.into(),
        next_seq_no: next.0.into(),
        count: count.into(),
    };
    put(&block, out)
}

/// RetransmitReject, with the oldest number that can be asked for.
pub fn retransmit_reject(
    uuid: SessionUuid,
    timestamp: Nanos,
    code: RetransmitRejectCode,
    oldest: ReportNo,
    out: &mut [u8],
) -> usize {
    let block = wire::RetransmitReject {
        session_id: uuid.0,
        request_timestamp: timestamp.0.into(),
        oldest_seq_no: oldest.0.into(),
        code: code.code(),
    };
    put(&block, out)
}

/// Terminate. The session is all zero if the connection has none.
pub fn terminate(uuid: SessionUuid, code: TerminationCode, out: &mut [u8]) -> usize {
    put(&wire::Terminate { session_id: uuid.0, code: code.code() }, out)
}

/// IntakeStatus: whether application messages are taken now.
pub fn intake_status(state: IntakeState, reason: IntakeReason, out: &mut [u8]) -> usize {
    put(&wire::IntakeStatus { status: state.code(), reason: reason.code() }, out)
}
