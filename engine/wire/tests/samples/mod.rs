//! One message of every template, the frames they make, and the way back from a decoded message to
//! its frame.
#![allow(dead_code, reason = "each test file uses its part")]

use gavel_types::*;
use gavel_wire::client::{self, ClientMessage, Credentials, Establish, LastReport, Negotiate};
use gavel_wire::frame::{MAX_CLIENT_FRAME_BYTES, PREAMBLE_BYTES, split, split_server};
use gavel_wire::layout::TEMPLATES;
use gavel_wire::server::{
    self, Envelope, MAX_SERVER_FRAME_BYTES, Sequenced, SequencedBody, ServerMessage, TermRun,
};

pub(crate) const UUID: SessionUuid =
    SessionUuid([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
pub(crate) const NOTE_TIME: Nanos = Nanos(1_700_000_000_000_000_060);
pub(crate) const ENVELOPE: Envelope =
    Envelope { sender_term: Term(9), commit: Index(900), rule: AckRuleCode::Local };
pub(crate) const RUNS: [TermRun; 2] = [
    TermRun { term: Term(1), first_index: Index(1) },
    TermRun { term: Term(7), first_index: Index(650) },
];

pub(crate) fn stamp() -> Stamp {
    Stamp { index: Index(701), term: Term(7), time: Nanos(1_700_000_000_000_000_001) }
}

pub(crate) fn new_order() -> NewOrder {
    NewOrder {
        cl_ord_id: ClOrdId(1_100_001),
        price: Price(101_250_000_000),
        qty: Qty(38),
        min_qty: Qty(0),
        display_qty: Qty(0),
        stop_px: Price::NULL,
        expire_time: Nanos(0),
        stp_id: 0,
        symbol: SymbolId(48),
        account: Account(4_711),
        side: Side::Buy,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        stp: StpInstruction::Default,
        exec_inst: 0,
        reserved: [0; 3],
        budget: 0,
    }
}

pub(crate) fn market_order() -> NewOrder {
    NewOrder {
        price: Price::NULL,
        ord_type: OrdType::Market,
        side: Side::Sell,
        time_in_force: TimeInForce::Ioc,
        account: Account(0),
        ..new_order()
    }
}

/// Says something in every field that an order may have.
pub(crate) fn stop_limit_order() -> NewOrder {
    NewOrder {
        min_qty: Qty(110),
        display_qty: Qty(11),
        stop_px: Price(101_500_000_000),
        expire_time: Nanos(1_700_000_000_000_000_126),
        stp_id: 2_362,
        ord_type: OrdType::StopLimit,
        time_in_force: TimeInForce::Gtd,
        stp: StpInstruction::Decrement,
        exec_inst: exec_inst::POST_ONLY | exec_inst::ALL_OR_NONE,
        ..new_order()
    }
}

pub(crate) fn budget_order() -> NewOrder {
    NewOrder { time_in_force: TimeInForce::Fok, budget: 152_000_000_000, ..market_order() }
}

pub(crate) fn cancel() -> CancelOrder {
    CancelOrder {
        cl_ord_id: ClOrdId(1_100_002),
        orig_cl_ord_id: ClOrdId(1_100_001),
        order_id: OrderId(0),
        symbol: SymbolId(48),
        side: Side::Sell,
        reserved: [0; 3],
    }
}

pub(crate) fn replace() -> ReplaceOrder {
    ReplaceOrder {
        cl_ord_id: ClOrdId(1_100_003),
        orig_cl_ord_id: ClOrdId(1_100_001),
        order_id: OrderId(4_294_967_333),
        price: Price(-5),
        qty: Qty(76),
        symbol: SymbolId(48),
        side: Side::Buy,
        time_in_force: TimeInForce::Day,
        exec_inst: 0,
        reserved: 0,
        stop_px: Price(0),
    }
}

pub(crate) fn replace_of_stop() -> ReplaceOrder {
    ReplaceOrder {
        price: Price::NULL,
        exec_inst: exec_inst::REQUEUE,
        stop_px: Price(99_000_000_000),
        ..replace()
    }
}

pub(crate) fn reduce() -> ReduceOrder {
    ReduceOrder {
        cl_ord_id: ClOrdId(1_100_006),
        orig_cl_ord_id: ClOrdId(1_100_001),
        order_id: OrderId(0),
        by: Qty(7),
        symbol: SymbolId(48),
        side: Side::Buy,
        reserved: [0; 3],
    }
}

pub(crate) fn define_symbol() -> DefineSymbol {
    DefineSymbol {
        request_id: 320,
        tick: Price(5_000_000),
        price_min: Price(10_000_000),
        price_max: Price(9_000_000_000_000),
        lot: Qty(100),
        qty_max: Qty(1_140_000),
        protection: Price(250_000_000),
        symbol: SymbolId(49),
        qty_scale: 8,
        stp: StpInstruction::CancelResting,
        reserved: [0; 2],
    }
}

pub(crate) fn set_phase() -> SetPhase {
    SetPhase {
        request_id: 324,
        reference: Price(101_150_000_000),
        symbol: SymbolId(48),
        phase: TradingPhase::ClosingAuction,
        reserved: [0; 3],
    }
}

pub(crate) fn set_bands() -> SetBands {
    SetBands {
        request_id: 20_044,
        low: Price(90_000_000_000),
        high: Price::NULL,
        dynamic: Price(2_000_000_000),
        symbol: SymbolId(48),
        action: BandAction::Halt,
        reserved: [0; 3],
    }
}

pub(crate) fn set_risk() -> SetRisk {
    SetRisk {
        request_id: 1_666,
        qty_max: Qty(1_000),
        notional_max: 5_000_000_000_000_000,
        position_max: Qty(10_000),
        collar: Price(3_000_000_000),
        orders_max: 50,
        rate_per_s: 60,
        rate_burst: 70,
        duplicate_ms: 80,
        target: 4_711,
        scope: RiskScope::Account,
        reserved: [0; 3],
    }
}

pub(crate) fn kill() -> Kill {
    Kill {
        request_id: 2_328,
        target: 3,
        scope: KillScope::Session,
        action: KillAction::Reinstate,
        reserved: [0; 2],
    }
}

pub(crate) fn market_data_query() -> MarketDataQuery {
    MarketDataQuery { md_req_id: MdReqId(262), symbol: SymbolId(48), depth: 64, reserved: [0; 3] }
}

pub(crate) fn mass_action() -> MassAction {
    MassAction {
        cl_ord_id: ClOrdId(1_100_005),
        symbol: SymbolId(48),
        account: Account(4_711),
        action: MassActionType::CancelOrders,
        scope: MassActionScope::Security,
        side: Side::Sell.code(),
        reserved: [0; 5],
    }
}

pub(crate) fn order_status() -> OrderStatusQuery {
    OrderStatusQuery {
        cl_ord_id: ClOrdId(1_100_001),
        order_id: OrderId(0),
        symbol: SymbolId(48),
        side: Side::Buy,
        reserved: [0; 3],
    }
}

pub(crate) fn negotiate() -> Negotiate {
    Negotiate {
        uuid: UUID,
        timestamp: Nanos(1_700_000_000_000_000_100),
        client_flow: FlowType::Idempotent,
        credentials: Credentials::NONE,
    }
}

pub(crate) fn establish() -> Establish {
    let mut signature = [0; 64];
    signature[0] = 0xFE;
    signature[63] = 0x01;
    Establish {
        uuid: UUID,
        timestamp: Nanos(1_700_000_000_000_000_200),
        keepalive_ms: 30_000,
        next_seq: SeqNo(5),
        cod_type: 3,
        cod_window_ms: 15_000,
        last: LastReport { term: Term(7), index: Index(700), number: ReportNo(33) },
        credentials: Credentials { public_key: [0xA5; 32], signature },
    }
}

pub(crate) fn retransmit_request() -> client::RetransmitRequest {
    client::RetransmitRequest {
        uuid: UUID,
        timestamp: Nanos(1_700_000_000_000_000_300),
        from: ReportNo(12),
        count: 22,
    }
}

pub(crate) fn order_state(detail: u8) -> OrderState {
    OrderState {
        order_id: OrderId(4_294_967_333),
        cl_ord_id: ClOrdId(1_100_001),
        price: Price(101_250_000_000),
        qty: Qty(38),
        leaves_qty: Qty(25),
        cum_qty: Qty(13),
        symbol: SymbolId(48),
        side: Side::Buy,
        ord_status: OrdStatus::PartiallyFilled,
        detail,
        reserved: 0,
    }
}

fn numbered(mut report: Report) -> Vec<Report> {
    report.number = ReportNo(34);
    vec![report]
}

/// A market data report in parts of as many levels as fit.
pub(crate) fn market_data_parts(
    stamp: Stamp,
    (md_req_id, symbol): (MdReqId, SymbolId),
    bids: &[MdLevel],
    asks: &[MdLevel],
) -> Vec<Report> {
    let all: Vec<MdLevel> = bids.iter().chain(asks).copied().collect();
    let parts = all.len().div_ceil(limits::MD_LEVELS_PER_PART).max(1);
    (0..parts)
        .map(|part| {
            let begin = part * limits::MD_LEVELS_PER_PART;
            let some = &all[begin..all.len().min(begin + limits::MD_LEVELS_PER_PART)];
            let nothing = MdLevel { price: Price(0), qty: Qty(0) };
            let mut levels = [nothing; limits::MD_LEVELS_PER_PART];
            levels[..some.len()].copy_from_slice(some);
            let body = MarketDataPart {
                md_req_id,
                symbol,
                bids: bids.len() as u8,
                asks: asks.len() as u8,
                levels_used: some.len() as u8,
                reserved: 0,
                levels,
            };
            let mut report = Report::market_data(stamp, SessionSlot(3), &body);
            (report.part, report.parts) = (part as u8, parts as u8);
            report
        })
        .collect()
}

pub(crate) fn level(price: i64, qty: u64) -> MdLevel {
    MdLevel { price: Price(price), qty: Qty(qty) }
}

/// One report of every sequenced kind, with the name of its golden file.
pub(crate) fn reports() -> Vec<(&'static str, Vec<Report>)> {
    older_reports().into_iter().chain(newer_reports()).collect()
}

fn older_reports() -> Vec<(&'static str, Vec<Report>)> {
    let (stamp, slot, exec_id) = (stamp(), SessionSlot(3), ExecId(17_000));
    let mut market_data = market_data_parts(
        stamp,
        (MdReqId(262), SymbolId(48)),
        &[level(101_000_000_000, 10), level(100_000_000_000, 20), level(99_000_000_000, 30)],
        &[level(102_000_000_000, 11), level(103_000_000_000, 22)],
    );
    market_data.iter_mut().for_each(|part| part.number = ReportNo(34));
    let rejected = OrderState {
        order_id: OrderId(0),
        price: Price::NULL,
        leaves_qty: Qty(0),
        cum_qty: Qty(0),
        ord_status: OrdStatus::Rejected,
        ..order_state(OrderRejectReason::BookFull.code())
    };
    let canceled = OrderState {
        leaves_qty: Qty(0),
        ord_status: OrdStatus::Canceled,
        ..order_state(CancelReason::Requested.code())
    };
    vec![
        ("018_NotApplied", numbered(Report::not_applied(stamp, slot, &not_applied()))),
        (
            "110_ExecutionReportNew",
            numbered(Report::exec_new(stamp, slot, &ExecNew { order: order_state(0), exec_id })),
        ),
        ("111_ExecutionReportTrade", numbered(Report::exec_trade(stamp, slot, &trade()))),
        (
            "112_ExecutionReportCanceled",
            numbered(Report::exec_canceled(
                stamp,
                slot,
                &ExecCanceled { order: canceled, exec_id, request_cl_ord_id: ClOrdId(1_100_002) },
            )),
        ),
        (
            "113_ExecutionReportReplaced",
            numbered(Report::exec_replaced(
                stamp,
                slot,
                &ExecReplaced {
                    order: order_state(0),
                    exec_id,
                    orig_cl_ord_id: ClOrdId(1_100_000),
                },
            )),
        ),
        (
            "114_ExecutionReportRejected",
            numbered(Report::exec_rejected(
                stamp,
                slot,
                &ExecRejected { order: rejected, exec_id },
            )),
        ),
        ("118_OrderMassActionReport", numbered(Report::mass_action(stamp, slot, &mass_report()))),
        (
            "121_ExecutionReportStatus",
            numbered(Report::exec_status(stamp, slot, &ExecStatus { order: order_state(0) })),
        ),
        ("117_OrderCancelReject", numbered(Report::cancel_reject(stamp, slot, &cancel_reject()))),
        (
            "119_BusinessMessageReject",
            numbered(Report::business_reject(stamp, slot, &business_reject())),
        ),
        ("120_MarketDataSnapshotFullRefresh", market_data),
    ]
}

fn mass_report() -> MassActionReport {
    MassActionReport {
        cl_ord_id: ClOrdId(1_100_005),
        report_id: 1_369,
        symbol: SymbolId(0),
        account: Account(0),
        total_affected: 533,
        action: MassActionType::CancelOrders,
        scope: MassActionScope::AllOrders,
        response: MassActionResponse::Completed,
        reject_reason: MassActionRejectReason::None,
        side: 0,
        reserved: [0; 7],
    }
}

/// Those that came with version 1.
fn newer_reports() -> Vec<(&'static str, Vec<Report>)> {
    let (stamp, slot, exec_id) = (stamp(), SessionSlot(3), ExecId(17_000));
    let order = order_state(0);
    let triggered = Report::exec_triggered(stamp, slot, &ExecTriggered { order, exec_id });
    let restated = Report::exec_restated(stamp, slot, &ExecRestated { order, exec_id });
    let steering = Report::steering(stamp, slot, &steering_report());
    vec![
        ("122_ExecutionReportTriggered", numbered(triggered)),
        ("123_ExecutionReportRestated", numbered(restated)),
        ("124_SteeringReport", numbered(steering)),
    ]
}

fn steering_report() -> SteeringReport {
    SteeringReport {
        request_id: 2_328,
        total_affected: 533,
        command: CommandKind::Kill.code(),
        result: SteeringResult::UnknownSession,
        reserved: [0; 6],
    }
}

fn not_applied() -> NotAppliedRange {
    NotAppliedRange { from: SeqNo(6), count: 4 }
}

fn trade() -> ExecTrade {
    ExecTrade {
        order: order_state(b'Y'),
        exec_id: ExecId(17_000),
        last_px: Price(101_125_000_000),
        last_qty: Qty(13),
        trd_match_id: TrdMatchId(880_001),
    }
}

fn cancel_reject() -> CancelReject {
    CancelReject {
        cl_ord_id: ClOrdId(1_100_002),
        orig_cl_ord_id: ClOrdId(1_100_001),
        order_id: OrderId(0),
        reason: CancelRejectReason::UnknownOrder,
        ord_status: OrdStatus::Rejected,
        response_to: b'2',
        reserved: [0; 5],
    }
}

fn business_reject() -> BusinessReject {
    BusinessReject {
        ref_seq: SeqNo(8),
        ref_id: 1_100_004,
        ref_tag: 99,
        ref_template: 100,
        reason: BusinessRejectReason::ValueIncorrect,
        reserved: 0,
    }
}

fn negotiated(uuid: SessionUuid, timestamp: Nanos) -> NegotiationAccepted {
    let (conn, slot) = (ConnId(1), SessionSlot(3));
    NegotiationAccepted { uuid, conn, timestamp, slot, reserved: [0; 4] }
}

/// Collects what an encoder writes.
pub(crate) fn framed(bytes_max: usize, encode: impl FnOnce(&mut [u8]) -> usize) -> Vec<u8> {
    let mut out = vec![0xEE; bytes_max];
    let bytes = encode(&mut out);
    assert!(out[bytes..].iter().all(|&byte| byte == 0xEE), "nothing is written behind a frame");
    out.truncate(bytes);
    out
}

/// The frame of a client's message; None if it is a refusal, which has no form on the wire.
pub(crate) fn client_frame(message: &ClientMessage, transact_time: Nanos) -> Option<Vec<u8>> {
    if let ClientMessage::Application(client::Application::Refused(_)) = message {
        return None;
    }
    Some(framed(MAX_CLIENT_FRAME_BYTES, |out| match message {
        ClientMessage::Negotiate(message) => client::encode_negotiate(message, out),
        ClientMessage::Establish(message) => client::encode_establish(message, out),
        ClientMessage::Sequence { next_seq } => client::encode_sequence(*next_seq, out),
        ClientMessage::UnsequencedHeartbeat => client::encode_unsequenced_heartbeat(out),
        ClientMessage::RetransmitRequest(request) => {
            client::encode_retransmit_request(request, out)
        }
        ClientMessage::Terminate { uuid, code } => client::encode_terminate(*uuid, *code, out),
        ClientMessage::FinishedSending { uuid, last_seq } => {
            client::encode_finished_sending(*uuid, *last_seq, out)
        }
        ClientMessage::Application(message) => {
            client::encode_application(message, transact_time, out).expect("not a refusal")
        }
    }))
}

/// One message of a client for every template, with the name of its golden file.
pub(crate) fn client_messages() -> Vec<(&'static str, ClientMessage)> {
    use client::Application as A;
    let application = ClientMessage::Application;
    let terminate = ClientMessage::Terminate { uuid: UUID, code: TerminationCode::Finished };
    vec![
        ("001_Negotiate", ClientMessage::Negotiate(negotiate())),
        ("005_Establish", ClientMessage::Establish(establish())),
        ("008_Sequence", ClientMessage::Sequence { next_seq: SeqNo(10) }),
        ("010_UnsequencedHeartbeat", ClientMessage::UnsequencedHeartbeat),
        ("011_RetransmitRequest", ClientMessage::RetransmitRequest(retransmit_request())),
        ("014_Terminate", terminate),
        ("015_FinishedSending", ClientMessage::FinishedSending { uuid: UUID, last_seq: SeqNo(17) }),
        ("100_NewOrderSingle_limit", application(A::NewOrder(new_order()))),
        ("100_NewOrderSingle_market", application(A::NewOrder(market_order()))),
        ("100_NewOrderSingle_stop", application(A::NewOrder(stop_limit_order()))),
        ("100_NewOrderSingle_budget", application(A::NewOrder(budget_order()))),
        ("101_OrderCancelRequest", application(A::Cancel(cancel()))),
        ("102_OrderCancelReplaceRequest", application(A::Replace(replace()))),
        ("102_OrderCancelReplaceRequest_stop", application(A::Replace(replace_of_stop()))),
        ("103_OrderMassActionRequest", application(A::MassAction(mass_action()))),
        ("104_OrderStatusRequest", application(A::OrderStatus(order_status()))),
        ("105_MarketDataRequest", application(A::MarketData(market_data_query()))),
        ("106_OrderReduceRequest", application(A::Reduce(reduce()))),
        ("130_SecurityDefinitionRequest", application(A::DefineSymbol(define_symbol()))),
        ("131_SecurityStatusRequest", application(A::SetPhase(set_phase()))),
        ("132_PriceBandsRequest", application(A::SetBands(set_bands()))),
        ("133_PartyRiskLimitsRequest", application(A::SetRisk(set_risk()))),
        ("134_PartyActionRequest", application(A::Kill(kill()))),
    ]
}

/// One unsequenced message of a server for every template, with the name of its golden file.
pub(crate) fn session_frames() -> Vec<(&'static str, Vec<u8>)> {
    let timestamp = Nanos(1_700_000_000_000_000_200);
    let conn = ConnId(1);
    let accepted = EstablishmentAccepted {
        uuid: UUID,
        conn,
        timestamp,
        next_number: ReportNo(34),
        expected_seq: SeqNo(4),
        client_next_seq: SeqNo(5),
        keepalive_ms: 30_000,
        finished: 0,
        reserved: [0; 3],
    };
    let code = NegotiationRejectCode::DuplicateId;
    let refused = NegotiationRefused { uuid: UUID, conn, timestamp, code, reserved: [0; 7] };
    let code = EstablishmentRejectCode::RolledBack;
    let unbound = EstablishmentRefused {
        uuid: UUID,
        conn,
        timestamp,
        code,
        reserved: [0; 7],
        next_number: ReportNo(31),
        expected_seq: SeqNo(5),
        log_index: Index(690),
    };
    let finished = FlowFinished { conn, uuid: UUID, next_number: ReportNo(34) };
    let frame = |encode: &dyn Fn(&mut [u8]) -> usize| framed(MAX_SERVER_FRAME_BYTES, encode);
    vec![
        (
            "002_NegotiationResponse",
            frame(&|out| {
                let body = negotiated(UUID, timestamp);
                server::negotiation_response(&body, out)
            }),
        ),
        ("003_NegotiationReject", frame(&|out| server::negotiation_reject(&refused, out))),
        ("006_EstablishmentAck", frame(&|out| server::establishment_ack(&accepted, &RUNS, out))),
        (
            "007_EstablishmentReject",
            frame(&|out| server::establishment_reject(&unbound, &RUNS, out)),
        ),
        ("016_FinishedReceiving", frame(&|out| server::finished_receiving(&finished, out))),
        ("022_Challenge", frame(&|out| server::challenge(&[0x5A; 32], out))),
        ("008_Sequence_server", frame(&|out| server::sequence(ReportNo(10), out))),
        (
            "012_Retransmission",
            frame(&|out| server::retransmission(UUID, timestamp, ReportNo(12), 22, out)),
        ),
        (
            "013_RetransmitReject",
            frame(&|out| {
                let code = RetransmitRejectCode::OutOfRange;
                server::retransmit_reject(UUID, timestamp, code, ReportNo(15), out)
            }),
        ),
        (
            "014_Terminate_server",
            frame(&|out| server::terminate(UUID, TerminationCode::KeepaliveTimeout, out)),
        ),
        (
            "021_IntakeStatus",
            frame(&|out| server::intake_status(IntakeState::Stopped, IntakeReason::DiskFull, out)),
        ),
    ]
}

pub(crate) fn client_frames() -> Vec<(&'static str, Vec<u8>)> {
    let frame = |(name, message): (_, ClientMessage)| {
        (name, client_frame(&message, NOTE_TIME).expect("a message with a form"))
    };
    client_messages().into_iter().map(frame).collect()
}

/// The client's frames of templates that have grown, as a client of version 0 sends them.
pub(crate) fn older_client_frames() -> Vec<(&'static str, Vec<u8>)> {
    let older = |(name, frame): (_, Vec<u8>)| {
        let template = u16::from_le_bytes([frame[8], frame[9]]);
        let layout = TEMPLATES.iter().find(|layout| layout.id == template)?;
        (layout.first_bytes < layout.block_bytes).then(|| {
            let mut older = frame[..PREAMBLE_BYTES + layout.first_bytes].to_vec();
            let length = (older.len() as u32).to_be_bytes();
            older[..4].copy_from_slice(&length);
            older[6..8].copy_from_slice(&(layout.first_bytes as u16).to_le_bytes());
            older[12..14].copy_from_slice(&[0, 0]);
            (name, older)
        })
    };
    client_frames().into_iter().filter_map(older).collect()
}

pub(crate) fn server_frames() -> Vec<(&'static str, Vec<u8>)> {
    let report = |(name, parts): (_, Vec<Report>)| {
        (name, framed(MAX_SERVER_FRAME_BYTES, |out| server::encode_report(&parts, &ENVELOPE, out)))
    };
    session_frames().into_iter().chain(reports().into_iter().map(report)).collect()
}

pub(crate) fn decode_client(bytes: &[u8]) -> ClientMessage {
    let frame = split(bytes).expect("a frame").expect("a whole frame");
    assert_eq!(frame.whole_bytes, bytes.len());
    client::decode(&frame).expect("a message")
}

pub(crate) fn decode_server(bytes: &[u8]) -> ServerMessage<'_> {
    let frame = split_server(bytes).expect("a frame").expect("a whole frame");
    assert_eq!(frame.whole_bytes, bytes.len());
    server::decode(&frame).expect("a message")
}

/// The report that a sequenced message was made from.
pub(crate) fn parts_of(message: &Sequenced<'_>) -> Vec<Report> {
    let (stamp, slot) = (message.stamp, SessionSlot(3));
    let mut parts = match message.body {
        SequencedBody::NotApplied(body) => vec![Report::not_applied(stamp, slot, &body)],
        SequencedBody::BusinessReject(body) => vec![Report::business_reject(stamp, slot, &body)],
        SequencedBody::New(body) => vec![Report::exec_new(stamp, slot, &body)],
        SequencedBody::Trade(body) => vec![Report::exec_trade(stamp, slot, &body)],
        SequencedBody::Canceled(body) => vec![Report::exec_canceled(stamp, slot, &body)],
        SequencedBody::Replaced(body) => vec![Report::exec_replaced(stamp, slot, &body)],
        SequencedBody::Rejected(body) => vec![Report::exec_rejected(stamp, slot, &body)],
        SequencedBody::CancelReject(body) => vec![Report::cancel_reject(stamp, slot, &body)],
        SequencedBody::MassAction(body) => vec![Report::mass_action(stamp, slot, &body)],
        SequencedBody::Status(body) => vec![Report::exec_status(stamp, slot, &body)],
        SequencedBody::Triggered(body) => vec![Report::exec_triggered(stamp, slot, &body)],
        SequencedBody::Restated(body) => vec![Report::exec_restated(stamp, slot, &body)],
        SequencedBody::Steering(body) => vec![Report::steering(stamp, slot, &body)],
        SequencedBody::MarketData(body) => {
            let bids: Vec<_> = body.bids.iter().collect();
            let asks: Vec<_> = body.asks.iter().collect();
            market_data_parts(stamp, (body.md_req_id, body.symbol), &bids, &asks)
        }
    };
    parts.iter_mut().for_each(|part| part.number = message.number);
    parts
}

/// The frame of a server's message.
pub(crate) fn server_frame(message: &ServerMessage<'_>) -> Vec<u8> {
    use ServerMessage as M;
    let conn = ConnId(0);
    framed(MAX_SERVER_FRAME_BYTES, |out| match *message {
        M::NegotiationResponse { uuid, timestamp } => {
            server::negotiation_response(&negotiated(uuid, timestamp), out)
        }
        M::NegotiationReject { uuid, timestamp, code } => {
            let body = NegotiationRefused { uuid, conn, timestamp, code, reserved: [0; 7] };
            server::negotiation_reject(&body, out)
        }
        M::EstablishmentAck(ack) => {
            let body = EstablishmentAccepted {
                uuid: ack.uuid,
                conn,
                timestamp: ack.timestamp,
                next_number: ack.next_number,
                expected_seq: ack.expected_seq,
                client_next_seq: SeqNo(0),
                keepalive_ms: ack.keepalive_ms,
                finished: 0,
                reserved: [0; 3],
            };
            server::establishment_ack(&body, &ack.runs.iter().collect::<Vec<_>>(), out)
        }
        M::EstablishmentReject(reject) => {
            let body = EstablishmentRefused {
                uuid: reject.uuid,
                conn,
                timestamp: reject.timestamp,
                code: reject.code,
                reserved: [0; 7],
                next_number: reject.next_number,
                expected_seq: reject.expected_seq,
                log_index: reject.log_index,
            };
            server::establishment_reject(&body, &reject.runs.iter().collect::<Vec<_>>(), out)
        }
        M::Challenge { nonce } => server::challenge(&nonce, out),
        M::FinishedReceiving { uuid, next } => {
            server::finished_receiving(&FlowFinished { conn, uuid, next_number: next }, out)
        }
        M::Sequence { next } => server::sequence(next, out),
        M::UnsequencedHeartbeat => client::encode_unsequenced_heartbeat(out),
        M::Retransmission { uuid, timestamp, next, count } => {
            server::retransmission(uuid, timestamp, next, count, out)
        }
        M::RetransmitReject { uuid, timestamp, oldest, code } => {
            server::retransmit_reject(uuid, timestamp, code, oldest, out)
        }
        M::Terminate { uuid, code } => server::terminate(uuid, code, out),
        M::IntakeStatus { state, reason } => server::intake_status(state, reason, out),
        M::Sequenced(ref message) => {
            let bytes = server::encode_report(&parts_of(message), &message.envelope, out);
            server::reenvelope(&mut out[..bytes], &message.envelope, message.poss_resend);
            bytes
        }
    })
}
