//! Every message, with any values that it may hold, survives its frame.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod samples;

use gavel_types::*;
use gavel_wire::client::{self, Application, ClientMessage, Credentials, Establish, LastReport};
use gavel_wire::frame::split;
use gavel_wire::server::{self, Envelope, MAX_SERVER_FRAME_BYTES, ServerMessage, TermRun};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use samples::{client_frame, decode_client, decode_server, framed, server_frame};

/// A name, a required quantity: anything but null.
fn name() -> impl Strategy<Value = u64> {
    prop_oneof![1..10_u64, 1..u64::MAX]
}

fn uuid() -> impl Strategy<Value = SessionUuid> {
    any::<[u8; 16]>().prop_map(SessionUuid)
}

fn symbol() -> impl Strategy<Value = SymbolId> {
    (0..u32::MAX).prop_map(SymbolId)
}

fn price() -> impl Strategy<Value = Price> {
    (i64::MIN..i64::MAX).prop_map(Price)
}

fn level() -> impl Strategy<Value = MdLevel> {
    (any::<i64>(), any::<u64>()).prop_map(|(price, qty)| samples::level(price, qty))
}

fn application() -> impl Strategy<Value = Application> {
    prop_oneof![
        3 => new_order(),
        1 => cancel(),
        2 => replace(),
        1 => reduce(),
        1 => mass_action(),
        1 => order_status(),
        1 => market_data(),
        1 => define_symbol(),
        1 => set_phase(),
        1 => set_bands(),
        1 => set_risk(),
        1 => kill(),
    ]
}

/// A price, or none.
fn maybe_price() -> impl Strategy<Value = Price> {
    prop_oneof![Just(Price::NULL), price()]
}

fn quantity() -> impl Strategy<Value = Qty> {
    (0..u64::MAX).prop_map(Qty)
}

/// A side's code, or 0 for both.
fn side_or_both() -> impl Strategy<Value = u8> {
    select(&[0, b'1', b'2'][..])
}

fn mass_action() -> impl Strategy<Value = Application> {
    let codes = (select(MassActionType::ALL), select(MassActionScope::ALL), side_or_both());
    (name(), symbol(), any::<u32>(), codes).prop_map(
        |(cl_ord_id, symbol, account, (action, scope, side))| {
            let all = scope == MassActionScope::AllOrders;
            Application::MassAction(MassAction {
                cl_ord_id: ClOrdId(cl_ord_id),
                symbol: if all { SymbolId(0) } else { symbol },
                account: Account(account),
                action,
                scope,
                side,
                reserved: [0; 5],
            })
        },
    )
}

fn order_status() -> impl Strategy<Value = Application> {
    let names = prop_oneof![
        (name(), any::<u64>()),
        any::<u64>().prop_map(|order_id| (0, order_id.max(1))),
    ];
    (names, symbol(), select(Side::ALL)).prop_map(|((cl_ord_id, order_id), symbol, side)| {
        Application::OrderStatus(OrderStatusQuery {
            cl_ord_id: ClOrdId(cl_ord_id),
            order_id: OrderId(order_id),
            symbol,
            side,
            reserved: [0; 3],
        })
    })
}

fn new_order() -> impl Strategy<Value = Application> {
    let codes = (
        select(Side::ALL),
        select(OrdType::ALL),
        select(TimeInForce::ALL),
        select(StpInstruction::ALL),
        any::<u8>(),
    );
    let prices = (price(), price(), maybe_price());
    let rest = (name(), quantity(), symbol(), any::<u32>());
    (codes, prices, rest, any::<[u64; 5]>()).prop_map(|(codes, prices, rest, n)| {
        let (side, ord_type, time_in_force, stp, exec_inst) = codes;
        let (limit, stop_px, any_stop_px) = prices;
        let (cl_ord_id, qty, symbol, account) = rest;
        let is_priced = matches!(ord_type, OrdType::Limit | OrdType::StopLimit);
        let is_stop = matches!(ord_type, OrdType::Stop | OrdType::StopLimit);
        Application::NewOrder(NewOrder {
            cl_ord_id: ClOrdId(cl_ord_id),
            price: if is_priced { limit } else { Price::NULL },
            qty,
            min_qty: Qty(n[0]),
            display_qty: Qty(n[1]),
            stop_px: if is_stop { stop_px } else { any_stop_px },
            expire_time: Nanos(n[2]),
            stp_id: n[3],
            symbol,
            account: Account(account),
            side,
            ord_type,
            time_in_force,
            stp,
            exec_inst,
            reserved: [0; 3],
            budget: n[4],
        })
    })
}

fn cancel() -> impl Strategy<Value = Application> {
    (name(), name(), any::<u64>(), symbol(), select(Side::ALL)).prop_map(
        |(cl_ord_id, orig, order_id, symbol, side)| {
            Application::Cancel(CancelOrder {
                cl_ord_id: ClOrdId(cl_ord_id),
                orig_cl_ord_id: ClOrdId(orig),
                order_id: OrderId(order_id),
                symbol,
                side,
                reserved: [0; 3],
            })
        },
    )
}

fn replace() -> impl Strategy<Value = Application> {
    let names = (name(), any::<u64>(), name(), symbol());
    let rest = (maybe_price(), quantity(), select(Side::ALL), select(TimeInForce::ALL));
    (names, rest, any::<u8>(), price()).prop_map(
        |(
            (cl_ord_id, orig, order_id, symbol),
            (price, qty, side, time_in_force),
            inst,
            stop_px,
        )| {
            Application::Replace(ReplaceOrder {
                cl_ord_id: ClOrdId(cl_ord_id),
                orig_cl_ord_id: ClOrdId(orig),
                order_id: OrderId(order_id),
                price,
                qty,
                symbol,
                side,
                time_in_force,
                exec_inst: inst,
                reserved: 0,
                stop_px,
            })
        },
    )
}

fn reduce() -> impl Strategy<Value = Application> {
    (name(), any::<u64>(), name(), quantity(), symbol(), select(Side::ALL)).prop_map(
        |(cl_ord_id, orig, order_id, by, symbol, side)| {
            Application::Reduce(ReduceOrder {
                cl_ord_id: ClOrdId(cl_ord_id),
                orig_cl_ord_id: ClOrdId(orig),
                order_id: OrderId(order_id),
                by,
                symbol,
                side,
                reserved: [0; 3],
            })
        },
    )
}

fn define_symbol() -> impl Strategy<Value = Application> {
    let prices = (price(), price(), price(), price());
    let rest = (quantity(), quantity(), symbol(), any::<u8>(), select(StpInstruction::ALL));
    (name(), prices, rest).prop_map(|(request_id, prices, (lot, qty_max, symbol, scale, stp))| {
        let (tick, price_min, price_max, protection) = prices;
        Application::DefineSymbol(DefineSymbol {
            request_id,
            tick,
            price_min,
            price_max,
            lot,
            qty_max,
            protection,
            symbol,
            qty_scale: scale,
            stp,
            reserved: [0; 2],
        })
    })
}

fn set_phase() -> impl Strategy<Value = Application> {
    (name(), maybe_price(), symbol(), select(TradingPhase::ALL)).prop_map(
        |(request_id, reference, symbol, phase)| {
            let reserved = [0; 3];
            Application::SetPhase(SetPhase { request_id, reference, symbol, phase, reserved })
        },
    )
}

fn set_bands() -> impl Strategy<Value = Application> {
    let prices = (price(), maybe_price(), price());
    (name(), prices, symbol(), select(BandAction::ALL)).prop_map(
        |(request_id, (low, high, dynamic), symbol, action)| {
            Application::SetBands(SetBands {
                request_id,
                low,
                high,
                dynamic,
                symbol,
                action,
                reserved: [0; 3],
            })
        },
    )
}

fn set_risk() -> impl Strategy<Value = Application> {
    (name(), any::<[u64; 3]>(), price(), any::<[u32; 5]>(), select(RiskScope::ALL)).prop_map(
        |(request_id, n, collar, m, scope)| {
            Application::SetRisk(SetRisk {
                request_id,
                qty_max: Qty(n[0]),
                notional_max: n[1],
                position_max: Qty(n[2]),
                collar,
                orders_max: m[0],
                rate_per_s: m[1],
                rate_burst: m[2],
                duplicate_ms: m[3],
                target: m[4],
                scope,
                reserved: [0; 3],
            })
        },
    )
}

fn kill() -> impl Strategy<Value = Application> {
    (name(), any::<u32>(), select(KillScope::ALL), select(KillAction::ALL)).prop_map(
        |(request_id, target, scope, action)| {
            Application::Kill(Kill { request_id, target, scope, action, reserved: [0; 2] })
        },
    )
}

fn market_data() -> impl Strategy<Value = Application> {
    (name(), symbol(), 1..=64_u8).prop_map(|(md_req_id, symbol, depth)| {
        let md_req_id = MdReqId(md_req_id);
        Application::MarketData(MarketDataQuery { md_req_id, symbol, depth, reserved: [0; 3] })
    })
}

fn credentials() -> impl Strategy<Value = Credentials> {
    (any::<[u8; 32]>(), vec(any::<u8>(), 64)).prop_map(|(public_key, signature)| Credentials {
        public_key,
        signature: signature.try_into().unwrap(),
    })
}

fn establish() -> impl Strategy<Value = ClientMessage> {
    let numbers = (any::<u64>(), any::<u32>(), any::<u64>(), 0..=3_u8, any::<u64>());
    let last = any::<(u64, u64, u64)>();
    (uuid(), numbers, last, credentials()).prop_map(
        |(
            uuid,
            (timestamp, keepalive_ms, next_seq, cod_type, cod_window_ms),
            last,
            credentials,
        )| {
            ClientMessage::Establish(Establish {
                uuid,
                timestamp: Nanos(timestamp),
                keepalive_ms,
                next_seq: SeqNo(next_seq),
                cod_type,
                cod_window_ms,
                last: LastReport {
                    term: Term(last.0),
                    index: Index(last.1),
                    number: ReportNo(last.2),
                },
                credentials,
            })
        },
    )
}

fn session_message() -> impl Strategy<Value = ClientMessage> {
    let negotiate = (uuid(), any::<u64>(), select(FlowType::ALL), credentials()).prop_map(
        |(uuid, timestamp, client_flow, credentials)| {
            let timestamp = Nanos(timestamp);
            ClientMessage::Negotiate(client::Negotiate {
                uuid,
                timestamp,
                client_flow,
                credentials,
            })
        },
    );
    let request =
        (uuid(), any::<(u64, u64, u64)>()).prop_map(|(uuid, (timestamp, from, count))| {
            ClientMessage::RetransmitRequest(client::RetransmitRequest {
                uuid,
                timestamp: Nanos(timestamp),
                from: ReportNo(from),
                count,
            })
        });
    let terminate = (uuid(), select(TerminationCode::ALL))
        .prop_map(|(uuid, code)| ClientMessage::Terminate { uuid, code });
    let sequence = any::<u64>().prop_map(|next| ClientMessage::Sequence { next_seq: SeqNo(next) });
    let heartbeat = Just(ClientMessage::UnsequencedHeartbeat);
    let finished = (uuid(), any::<u64>())
        .prop_map(|(uuid, last)| ClientMessage::FinishedSending { uuid, last_seq: SeqNo(last) });
    prop_oneof![negotiate, establish(), request, terminate, sequence, heartbeat, finished]
}

fn stamp() -> impl Strategy<Value = Stamp> {
    any::<(u64, u64, u64)>().prop_map(|(index, term, time)| Stamp {
        index: Index(index),
        term: Term(term),
        time: Nanos(time),
    })
}

fn envelope() -> impl Strategy<Value = Envelope> {
    (any::<(u64, u64)>(), select(AckRuleCode::ALL)).prop_map(|((term, commit), rule)| Envelope {
        sender_term: Term(term),
        commit: Index(commit),
        rule,
    })
}

fn order_state(detail: impl Strategy<Value = u8>) -> impl Strategy<Value = OrderState> {
    let codes = (select(Side::ALL), select(OrdStatus::ALL), detail);
    (any::<[u64; 6]>(), any::<u32>(), codes).prop_map(|(n, symbol, (side, ord_status, detail))| {
        OrderState {
            order_id: OrderId(n[0]),
            cl_ord_id: ClOrdId(n[1]),
            price: Price(n[2] as i64),
            qty: Qty(n[3]),
            leaves_qty: Qty(n[4]),
            cum_qty: Qty(n[5]),
            symbol: SymbolId(symbol),
            side,
            ord_status,
            detail,
            reserved: 0,
        }
    })
}

fn codes<T: Copy + std::fmt::Debug + 'static>(
    all: &'static [T],
    code: fn(T) -> u8,
) -> impl Strategy<Value = u8> {
    select(all).prop_map(code)
}

/// Reports of every sequenced kind, in all their parts; the stamp and the number come later.
fn report() -> impl Strategy<Value = Vec<Report>> {
    let (at, to) = (samples::stamp(), SessionSlot(3));
    let exec_new = (order_state(Just(0)), any::<u64>()).prop_map(move |(order, exec_id)| {
        vec![Report::exec_new(at, to, &ExecNew { order, exec_id: ExecId(exec_id) })]
    });
    let exec_trade =
        (order_state(select(&b"YN"[..])), any::<[u64; 4]>()).prop_map(move |(order, n)| {
            let body = ExecTrade {
                order,
                exec_id: ExecId(n[0]),
                last_px: Price(n[1] as i64),
                last_qty: Qty(n[2]),
                trd_match_id: TrdMatchId(n[3]),
            };
            vec![Report::exec_trade(at, to, &body)]
        });
    let canceled = order_state(codes(CancelReason::ALL, CancelReason::code));
    let exec_canceled = (canceled, any::<[u64; 2]>()).prop_map(move |(order, n)| {
        let (exec_id, request_cl_ord_id) = (ExecId(n[0]), ClOrdId(n[1]));
        vec![Report::exec_canceled(at, to, &ExecCanceled { order, exec_id, request_cl_ord_id })]
    });
    let exec_replaced = (order_state(Just(0)), any::<[u64; 2]>()).prop_map(move |(order, n)| {
        let (exec_id, orig_cl_ord_id) = (ExecId(n[0]), ClOrdId(n[1]));
        vec![Report::exec_replaced(at, to, &ExecReplaced { order, exec_id, orig_cl_ord_id })]
    });
    let rejected = order_state(codes(OrderRejectReason::ALL, OrderRejectReason::code));
    let exec_rejected = (rejected, any::<u64>()).prop_map(move |(order, exec_id)| {
        vec![Report::exec_rejected(at, to, &ExecRejected { order, exec_id: ExecId(exec_id) })]
    });
    let side = || vec(level(), 0..=64);
    let market_data =
        (any::<(u64, u32)>(), side(), side()).prop_map(move |((md_req_id, symbol), bids, asks)| {
            samples::market_data_parts(at, (MdReqId(md_req_id), SymbolId(symbol)), &bids, &asks)
        });
    let not_applied = any::<(u64, u64)>().prop_map(move |(from, count)| {
        vec![Report::not_applied(at, to, &NotAppliedRange { from: SeqNo(from), count })]
    });
    prop_oneof![
        exec_new,
        exec_trade,
        exec_canceled,
        exec_replaced,
        exec_rejected,
        market_data,
        not_applied,
        cancel_reject(),
        business_reject(),
        mass_report(),
        status(),
        triggered(),
        restated(),
        steering_report(),
    ]
}

fn triggered() -> impl Strategy<Value = Vec<Report>> {
    (order_state(Just(0)), any::<u64>()).prop_map(|(order, exec_id)| {
        let body = ExecTriggered { order, exec_id: ExecId(exec_id) };
        vec![Report::exec_triggered(samples::stamp(), SessionSlot(3), &body)]
    })
}

fn restated() -> impl Strategy<Value = Vec<Report>> {
    (order_state(Just(0)), any::<u64>()).prop_map(|(order, exec_id)| {
        let body = ExecRestated { order, exec_id: ExecId(exec_id) };
        vec![Report::exec_restated(samples::stamp(), SessionSlot(3), &body)]
    })
}

fn steering_report() -> impl Strategy<Value = Vec<Report>> {
    use CommandKind::{DefineSymbol, Kill, SetBands, SetPhase, SetRisk};
    let asked = select(vec![DefineSymbol, SetPhase, SetBands, SetRisk, Kill]);
    (any::<[u64; 2]>(), asked, select(SteeringResult::ALL)).prop_map(|(n, asked, result)| {
        let body = SteeringReport {
            request_id: n[0],
            total_affected: n[1],
            command: asked.code(),
            result,
            reserved: [0; 6],
        };
        vec![Report::steering(samples::stamp(), SessionSlot(3), &body)]
    })
}

fn mass_report() -> impl Strategy<Value = Vec<Report>> {
    let codes = (
        select(MassActionScope::ALL),
        select(MassActionResponse::ALL),
        select(MassActionRejectReason::ALL),
        side_or_both(),
    );
    (any::<[u64; 2]>(), any::<[u32; 3]>(), codes).prop_map(
        |(n, m, (scope, response, reject_reason, side))| {
            let body = MassActionReport {
                cl_ord_id: ClOrdId(n[0]),
                report_id: n[1],
                symbol: SymbolId(m[0]),
                account: Account(m[1]),
                total_affected: m[2],
                action: MassActionType::CancelOrders,
                scope,
                response,
                reject_reason,
                side,
                reserved: [0; 7],
            };
            vec![Report::mass_action(samples::stamp(), SessionSlot(3), &body)]
        },
    )
}

fn status() -> impl Strategy<Value = Vec<Report>> {
    order_state(select(vec![0, OrderRejectReason::UnknownOrder.code()])).prop_map(|order| {
        vec![Report::exec_status(samples::stamp(), SessionSlot(3), &ExecStatus { order })]
    })
}

fn cancel_reject() -> impl Strategy<Value = Vec<Report>> {
    let codes = (select(CancelRejectReason::ALL), select(OrdStatus::ALL), select(&b"12"[..]));
    (any::<[u64; 3]>(), codes).prop_map(|(n, (reason, ord_status, response_to))| {
        let body = CancelReject {
            cl_ord_id: ClOrdId(n[0]),
            orig_cl_ord_id: ClOrdId(n[1]),
            order_id: OrderId(n[2]),
            reason,
            ord_status,
            response_to,
            reserved: [0; 5],
        };
        vec![Report::cancel_reject(samples::stamp(), SessionSlot(3), &body)]
    })
}

fn business_reject() -> impl Strategy<Value = Vec<Report>> {
    (any::<(u64, u64, u32, u16)>(), select(BusinessRejectReason::ALL)).prop_map(
        |((ref_seq, ref_id, ref_tag, ref_template), reason)| {
            let ref_seq = SeqNo(ref_seq);
            let reserved = 0;
            let body = BusinessReject { ref_seq, ref_id, ref_tag, ref_template, reason, reserved };
            vec![Report::business_reject(samples::stamp(), SessionSlot(3), &body)]
        },
    )
}

fn encode(parts: &[Report], envelope: &Envelope) -> Vec<u8> {
    framed(MAX_SERVER_FRAME_BYTES, |out| server::encode_report(parts, envelope, out))
}

proptest! {
    #[test]
    fn applications(message in application(), time in any::<u64>()) {
        let message = ClientMessage::Application(message);
        let frame = client_frame(&message, Nanos(time)).unwrap();
        prop_assert_eq!(decode_client(&frame), message);
    }

    #[test]
    fn session_messages(message in session_message()) {
        let frame = client_frame(&message, Nanos(0)).unwrap();
        prop_assert_eq!(decode_client(&frame), message);
    }

    #[test]
    fn reports(
        mut parts in report(),
        stamp in stamp(),
        number in any::<u64>(),
        envelope in envelope(),
        again in envelope(),
    ) {
        for part in &mut parts {
            (part.stamp, part.number) = (stamp, ReportNo(number));
        }
        let first = encode(&parts, &envelope);
        let ServerMessage::Sequenced(message) = decode_server(&first) else {
            panic!("a report is sequenced");
        };
        prop_assert_eq!(samples::parts_of(&message), parts);
        prop_assert_eq!(message.number, ReportNo(number));
        prop_assert_eq!(message.stamp, stamp);
        prop_assert_eq!(message.envelope, envelope);
        prop_assert!(!message.poss_resend);
        prop_assert_eq!(&server_frame(&ServerMessage::Sequenced(message)), &first);

        // A new envelope changes the envelope and nothing else; the old one brings the bytes back.
        let mut frame = first.clone();
        server::reenvelope(&mut frame, &again, true);
        let expected = ServerMessage::Sequenced(server::Sequenced {
            envelope: again,
            poss_resend: true,
            ..message
        });
        let is_same = decode_server(&frame) == expected;
        prop_assert!(is_same, "the rest is untouched");
        server::reenvelope(&mut frame, &envelope, false);
        prop_assert_eq!(frame, first);
    }

    #[test]
    fn establishment_acks(
        uuid in uuid(),
        numbers in any::<(u64, u64, u64, u32)>(),
        runs in vec(any::<(u64, u64)>(), 0..100),
    ) {
        let (timestamp, next_number, expected_seq, keepalive_ms) = numbers;
        let body = EstablishmentAccepted {
            uuid,
            conn: ConnId(1),
            timestamp: Nanos(timestamp),
            next_number: ReportNo(next_number),
            expected_seq: SeqNo(expected_seq),
            client_next_seq: SeqNo(1),
            keepalive_ms,
            finished: 0,
            reserved: [0; 3],
        };
        let run = |&(term, index): &(u64, u64)| TermRun {
            term: Term(term),
            first_index: Index(index),
        };
        let runs: Vec<_> = runs.iter().map(run).collect();
        let frame =
            framed(MAX_SERVER_FRAME_BYTES, |out| server::establishment_ack(&body, &runs, out));
        let ServerMessage::EstablishmentAck(ack) = decode_server(&frame) else {
            panic!("an acknowledgement");
        };
        let newest = &runs[runs.len().saturating_sub(server::TERM_RUNS_MAX)..];
        prop_assert_eq!(ack.runs.iter().collect::<Vec<_>>(), newest);
        prop_assert_eq!((ack.uuid, ack.timestamp), (uuid, Nanos(timestamp)));
        prop_assert_eq!(ack.keepalive_ms, keepalive_ms);
        prop_assert_eq!(ack.next_number, ReportNo(next_number));
        prop_assert_eq!(ack.expected_seq, SeqNo(expected_seq));
    }
}

#[test]
fn every_sample_survives_its_frame() {
    for (name, message) in samples::client_messages() {
        let frame = client_frame(&message, samples::NOTE_TIME).unwrap();
        assert_eq!(decode_client(&frame), message, "{name}");
    }
    for (name, frame) in samples::server_frames() {
        assert_eq!(server_frame(&decode_server(&frame)), frame, "{name}");
    }
}

#[test]
fn every_code_of_a_session_answer_survives_its_frame() {
    let (uuid, timestamp) = (samples::UUID, Nanos(7));
    let mut messages = Vec::new();
    for &code in NegotiationRejectCode::ALL {
        messages.push(ServerMessage::NegotiationReject { uuid, timestamp, code });
    }
    for &code in EstablishmentRejectCode::ALL {
        let body = EstablishmentRefused {
            uuid,
            conn: ConnId(1),
            timestamp,
            code,
            reserved: [0; 7],
            next_number: ReportNo(0),
            expected_seq: SeqNo(u64::MAX),
            log_index: Index(7),
        };
        let runs = &samples::RUNS;
        let frame =
            framed(MAX_SERVER_FRAME_BYTES, |out| server::establishment_reject(&body, runs, out));
        let ServerMessage::EstablishmentReject(reject) = decode_server(&frame) else {
            panic!("a refusal");
        };
        assert_eq!((reject.code, reject.expected_seq), (code, body.expected_seq));
        assert_eq!(reject.runs.iter().collect::<Vec<_>>(), samples::RUNS);
        assert_eq!(server_frame(&decode_server(&frame)), frame);
    }
    for &code in RetransmitRejectCode::ALL {
        let oldest = ReportNo(u64::MAX);
        messages.push(ServerMessage::RetransmitReject { uuid, timestamp, oldest, code });
    }
    for &code in TerminationCode::ALL {
        messages.push(ServerMessage::Terminate { uuid, code });
    }
    for &state in IntakeState::ALL {
        for &reason in IntakeReason::ALL {
            messages.push(ServerMessage::IntakeStatus { state, reason });
        }
    }
    for message in messages {
        assert_eq!(decode_server(&server_frame(&message)), message);
    }
}

/// The longest answer there is fills the longest frame there is, to the byte.
#[test]
fn a_full_book_fits_exactly() {
    let side: Vec<_> = (1..=64).map(|n| samples::level(n, n as u64)).collect();
    let names = (MdReqId(1), SymbolId(1));
    let parts = samples::market_data_parts(samples::stamp(), names, &side, &side);
    assert_eq!(parts.len(), limits::MD_PARTS_MAX);
    assert_eq!(encode(&parts, &samples::ENVELOPE).len(), MAX_SERVER_FRAME_BYTES);
}

#[test]
fn a_cancelled_order_is_named_as_fix_names_it() {
    let reports = samples::reports();
    let (_, parts) = reports.iter().find(|(name, _)| name.starts_with("112")).unwrap();
    let frame = encode(parts, &samples::ENVELOPE);
    let at = |offset: usize| u64::from_le_bytes(frame[14 + offset..][..8].try_into().unwrap());
    assert_eq!(at(58), 1_100_002, "ClOrdID is the request's");
    assert_eq!(at(113), 1_100_001, "OrigClOrdID is the order's");
}

#[test]
#[should_panic(expected = "a report is encoded whole")]
fn a_report_with_a_part_missing_is_a_bug() {
    let reports = samples::reports();
    let (_, parts) = reports.iter().find(|(name, _)| name.starts_with("120")).unwrap();
    encode(&parts[..1], &samples::ENVELOPE);
}

#[test]
fn a_client_frame_is_no_server_message() {
    for (name, bytes) in samples::client_frames() {
        let frame = split(&bytes).unwrap().unwrap();
        let both_sides = matches!(frame.template, 8 | 10 | 14);
        assert_eq!(server::decode(&frame).is_ok(), both_sides, "{name}");
    }
}
