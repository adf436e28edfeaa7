//! The rules of a session, as scripts: what the client says, what the machine answers, what becomes
//! of it.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod samples;

use gavel_types::limits::GAP_MAX;
use gavel_types::*;
use gavel_wire::acceptor::{Acceptor, Claim, Close, Limits, REFUSALS_MAX, SEQ_MAX, Verdict};
use gavel_wire::client::{Application, ClientMessage, Credentials, Establish, Negotiate};
use gavel_wire::credentials::Signed;

const CONN: ConnId = ConnId(77);
const SLOT: SessionSlot = SessionSlot(3);
const LIMITS: Limits = Limits {
    keepalive_min_ms: 100,
    keepalive_max_ms: 60_000,
    establish_timeout_ms: 5_000,
    cod_window_max_ms: 20_000,
    needs_credentials: false,
};
const WHO: Identity = Identity { key_id: 17, role: Role::Read };

fn ms(ms: u64) -> Nanos {
    Nanos(ms * 1_000_000)
}

fn fresh() -> Acceptor {
    Acceptor::new(CONN, LIMITS, ms(1_000))
}

fn negotiate() -> ClientMessage {
    ClientMessage::Negotiate(samples::negotiate())
}

fn ask() -> Establish {
    Establish {
        cod_type: 0,
        cod_window_ms: 0,
        credentials: Credentials::NONE,
        ..samples::establish()
    }
}

fn establish() -> ClientMessage {
    ClientMessage::Establish(ask())
}

fn order() -> ClientMessage {
    ClientMessage::Application(Application::NewOrder(samples::new_order()))
}

fn sequence(next: u64) -> ClientMessage {
    ClientMessage::Sequence { next_seq: SeqNo(next) }
}

/// A connection whose session begins with number 5.
fn established() -> Acceptor {
    established_at(SeqNo(5))
}

/// A session whose client begins at `next`.
fn established_at(next: SeqNo) -> Acceptor {
    let mut acceptor = fresh();
    assert!(matches!(acceptor.on_message(ms(1_001), &establish()), Verdict::Log(_)));
    acceptor.on_established(SLOT, 1_000, next, None);
    acceptor
}

/// A connection where keys are configured.
fn guarded() -> Acceptor {
    Acceptor::new(CONN, Limits { needs_credentials: true, ..LIMITS }, ms(1_000))
}

fn signed() -> Credentials {
    Credentials { public_key: [7; 32], signature: [8; 64] }
}

fn closed(code: TerminationCode, cause: DisconnectCause) -> Verdict {
    Verdict::Close(Close::of(code, cause))
}

fn invalid_state() -> Verdict {
    closed(TerminationCode::InvalidState, DisconnectCause::ProtocolError)
}

#[track_caller]
fn logged(verdict: Verdict) -> Command {
    match verdict {
        Verdict::Log(command) => command,
        other => panic!("{other:?} does not reach the log"),
    }
}

#[test]
fn negotiate_establish_trade_terminate() {
    let mut acceptor = fresh();
    let command = logged(acceptor.on_message(ms(1_001), &negotiate()));
    let Negotiate { uuid, timestamp, .. } = samples::negotiate();
    let (key_id, role, reserved) = (0, Role::Trade, [0; 7]);
    let body = NegotiateSession { uuid, conn: CONN, timestamp, key_id, role, reserved };
    assert_eq!(command.parse(), Ok(Body::Negotiate(&body)));
    assert_eq!((command.session, command.client_seq), (SessionSlot::NONE, SeqNo(0)));
    assert!(acceptor.is_waiting());
    acceptor.on_negotiated(true);
    assert!(!acceptor.is_waiting());

    let command = logged(acceptor.on_message(ms(1_002), &establish()));
    let ask = ask();
    let body = EstablishSession {
        uuid,
        conn: CONN,
        timestamp: ask.timestamp,
        next_seq: SeqNo(5),
        last_term: ask.last.term,
        last_index: ask.last.index,
        last_number: ask.last.number,
        keepalive_ms: ask.keepalive_ms,
        cod_type: 0,
        role: Role::Trade,
        reserved: [0; 2],
        cod_window_ms: 0,
        key_id: 0,
    };
    assert_eq!(command.parse(), Ok(Body::Establish(&body)));
    assert!(acceptor.is_waiting());
    assert_eq!(acceptor.slot(), None);
    acceptor.on_established(SLOT, 1_000, SeqNo(5), None);
    assert_eq!(acceptor.slot(), Some(SLOT));

    for seq in 5..8 {
        let command = logged(acceptor.on_message(ms(1_003), &order()));
        assert_eq!(command.parse(), Ok(Body::NewOrder(&samples::new_order())));
        assert_eq!((command.session, command.client_seq), (SLOT, SeqNo(seq)));
    }

    let said = TerminationCode::UnspecifiedError;
    let terminate = ClientMessage::Terminate { uuid, code: said };
    let end = Close { code: TerminationCode::Finished, cause: DisconnectCause::Terminated, said };
    assert_eq!(acceptor.on_message(ms(1_004), &terminate), Verdict::Close(end));
    assert!(acceptor.is_closing());
    let command = acceptor.on_gone(end).expect("the log knows of the connection");
    let (cause, code) = (end.cause, end.code);
    let body = DisconnectSession { conn: CONN, cause, code, said, reserved: [0; 5] };
    assert_eq!(command.parse(), Ok(Body::Disconnect(&body)));
    assert_eq!(command.session, SLOT);
    assert_eq!(acceptor.on_gone(end), None, "one record for one end");
    assert_eq!(acceptor.on_message(ms(1_005), &order()), Verdict::Nothing, "it is over");
}

#[test]
fn every_application_message_takes_the_next_number() {
    let mut acceptor = established();
    let refused = RejectedMessage {
        ref_template: 99,
        reason: BusinessRejectReason::Other,
        reserved: 0,
        ref_tag: 0,
        ref_id: 0,
    };
    let messages = [
        Application::NewOrder(samples::new_order()),
        Application::Refused(refused),
        Application::Cancel(samples::cancel()),
        Application::Replace(samples::replace()),
        Application::MassAction(samples::mass_action()),
        Application::OrderStatus(samples::order_status()),
        Application::MarketData(samples::market_data_query()),
    ];
    let kinds = [
        CommandKind::NewOrder,
        CommandKind::Rejected,
        CommandKind::Cancel,
        CommandKind::Replace,
        CommandKind::MassAction,
        CommandKind::OrderStatus,
        CommandKind::MarketData,
    ];
    for (seq, (message, kind)) in (5..).zip(messages.into_iter().zip(kinds)) {
        let verdict = acceptor.on_message(ms(2), &ClientMessage::Application(message));
        let command = logged(verdict);
        assert_eq!(CommandKind::from_code(command.kind), Some(kind));
        assert_eq!((command.session, command.client_seq), (SLOT, SeqNo(seq)));
    }
}

/// FIXP: a Sequence beyond the expected number is a gap; one below it announces repeats.
#[test]
fn sequence_opens_gaps_and_repeats() {
    let mut acceptor = established();
    assert_eq!(acceptor.on_message(ms(2), &sequence(5)), Verdict::Nothing);
    let skip = logged(acceptor.on_message(ms(2), &sequence(9)));
    assert_eq!(skip.parse(), Ok(Body::Skip(&SkipSequence { until: SeqNo(9) })));
    assert_eq!((skip.session, skip.client_seq), (SLOT, SeqNo(5)));
    let number = |acceptor: &mut Acceptor| logged(acceptor.on_message(ms(2), &order())).client_seq;
    assert_eq!(number(&mut acceptor), SeqNo(9));

    // Back to 7: what follows is numbered lower, and the machine knows what it has seen.
    assert_eq!(acceptor.on_message(ms(2), &sequence(7)), Verdict::Nothing);
    assert_eq!(number(&mut acceptor), SeqNo(7));
    // Forward again within what was seen: no gap. Beyond it: a gap from there on.
    assert_eq!(acceptor.on_message(ms(2), &sequence(10)), Verdict::Nothing);
    assert_eq!(acceptor.on_message(ms(2), &sequence(6)), Verdict::Nothing);
    let skip = logged(acceptor.on_message(ms(2), &sequence(12)));
    assert_eq!(skip.client_seq, SeqNo(10), "only what nobody has numbered is skipped");
    assert_eq!(skip.parse(), Ok(Body::Skip(&SkipSequence { until: SeqNo(12) })));
    assert_eq!(number(&mut acceptor), SeqNo(12));
}

#[test]
fn a_gap_has_a_limit() {
    let far = sequence(5 + GAP_MAX);
    logged(established().on_message(ms(2), &far));
    let too_far = sequence(5 + GAP_MAX + 1);
    assert_eq!(established().on_message(ms(2), &too_far), invalid_state());
}

#[test]
fn numbers_have_an_end() {
    let mut acceptor = established_at(SEQ_MAX);
    let past = sequence(SEQ_MAX.0 + 1);
    assert_eq!(acceptor.clone().on_message(ms(2), &past), invalid_state());
    assert_eq!(acceptor.clone().on_message(ms(2), &sequence(0)), invalid_state());
    assert_eq!(logged(acceptor.on_message(ms(2), &order())).client_seq, SEQ_MAX);
    assert_eq!(acceptor.on_message(ms(2), &order()), invalid_state());
}

#[test]
fn what_a_state_does_not_allow_closes() {
    let request = ClientMessage::RetransmitRequest(samples::retransmit_request());
    let heartbeat = ClientMessage::UnsequencedHeartbeat;
    for message in [order(), sequence(1), request, heartbeat] {
        let mut acceptor = fresh();
        assert_eq!(acceptor.on_message(ms(1_001), &message), invalid_state());
        assert!(acceptor.is_closing());
        let end = Close::of(TerminationCode::InvalidState, DisconnectCause::ProtocolError);
        assert_eq!(acceptor.on_gone(end), None, "the log never heard of it");
    }
    for message in [negotiate(), establish()] {
        assert_eq!(established().on_message(ms(2), &message), invalid_state());
    }
    let mut acceptor = fresh();
    logged(acceptor.on_message(ms(1_001), &negotiate()));
    acceptor.on_negotiated(true);
    assert_eq!(acceptor.on_message(ms(1_002), &negotiate()), invalid_state());
}

#[test]
fn retransmission_is_for_the_own_session() {
    let request = samples::retransmit_request();
    let message = ClientMessage::RetransmitRequest(request);
    assert_eq!(established().on_message(ms(2), &message), Verdict::Retransmit(request));
    let uuid = SessionUuid([9; 16]);
    let other =
        ClientMessage::RetransmitRequest(gavel_wire::client::RetransmitRequest { uuid, ..request });
    assert_eq!(established().on_message(ms(2), &other), invalid_state());
    let heartbeat = ClientMessage::UnsequencedHeartbeat;
    assert_eq!(established().on_message(ms(2), &heartbeat), Verdict::Nothing);
}

#[test]
fn negotiate_is_refused_with_its_reason() {
    let good = samples::negotiate();
    let credentials = Credentials { public_key: [1; 32], signature: [0; 64] };
    let nobody = SessionUuid::default();
    for (ask, code) in [
        (Negotiate { uuid: nobody, ..good }, NegotiationRejectCode::Unspecified),
        (
            Negotiate { client_flow: FlowType::Recoverable, ..good },
            NegotiationRejectCode::FlowTypeNotSupported,
        ),
        (Negotiate { credentials, ..good }, NegotiationRejectCode::Credentials),
    ] {
        let mut acceptor = fresh();
        let Negotiate { uuid, timestamp, .. } = ask;
        let refusal = Verdict::RefuseNegotiate { uuid, timestamp, code };
        assert_eq!(acceptor.on_message(ms(1_001), &ClientMessage::Negotiate(ask)), refusal);
        assert!(!acceptor.is_waiting());
        logged(acceptor.on_message(ms(1_002), &negotiate()));
    }
}

#[test]
fn establish_is_refused_with_its_reason() {
    use EstablishmentRejectCode as Code;
    let good = ask();
    let credentials = Credentials { public_key: [0; 32], signature: [1; 64] };
    for (ask, code) in [
        (Establish { uuid: SessionUuid::default(), ..good }, Code::Unnegotiated),
        (Establish { keepalive_ms: 99, ..good }, Code::KeepaliveInterval),
        (Establish { keepalive_ms: 60_001, ..good }, Code::KeepaliveInterval),
        (Establish { credentials, ..good }, Code::Credentials),
        (Establish { next_seq: SeqNo(0), ..good }, Code::Unspecified),
        (Establish { next_seq: SeqNo(SEQ_MAX.0 + 1), ..good }, Code::Unspecified),
        (Establish { cod_type: 4, ..good }, Code::Unspecified),
        (Establish { cod_type: 1, cod_window_ms: 20_001, ..good }, Code::CodTimeoutWindow),
    ] {
        let mut acceptor = fresh();
        let Establish { uuid, timestamp, .. } = ask;
        let refusal = Verdict::RefuseEstablish { uuid, timestamp, code };
        assert_eq!(acceptor.on_message(ms(1_001), &ClientMessage::Establish(ask)), refusal);
        logged(acceptor.on_message(ms(1_002), &establish()));
    }
    for (keepalive_ms, cod_type) in [(100, 1), (60_000, 2), (1_000, 3)] {
        let cod_window_ms = 20_000;
        let ask = Establish { keepalive_ms, cod_type, cod_window_ms, ..good };
        let ask = ClientMessage::Establish(ask);
        logged(fresh().on_message(ms(1_001), &ask));
    }
}

#[test]
fn refusals_are_bounded() {
    let mut acceptor = fresh();
    for refusal in 0..REFUSALS_MAX {
        if refusal % 2 == 0 {
            logged(acceptor.on_message(ms(1_001), &negotiate()));
            acceptor.on_negotiated(false);
        } else {
            logged(acceptor.on_message(ms(1_001), &establish()));
            acceptor.on_establish_refused();
        }
    }
    for message in [negotiate(), establish()] {
        assert_eq!(acceptor.clone().on_message(ms(1_002), &message), invalid_state());
    }
    let end = Close::of(TerminationCode::Finished, DisconnectCause::PeerClosed);
    assert_eq!(acceptor.on_gone(end), None, "refused: nothing is bound");
}

#[test]
fn a_refused_establish_leaves_the_negotiation() {
    let mut acceptor = fresh();
    logged(acceptor.on_message(ms(1_001), &negotiate()));
    acceptor.on_negotiated(true);
    logged(acceptor.on_message(ms(1_002), &establish()));
    acceptor.on_establish_refused();
    logged(acceptor.on_message(ms(1_003), &establish()));
    acceptor.on_established(SLOT, 1_000, SeqNo(1), None);
    assert_eq!(logged(acceptor.on_message(ms(1_004), &order())).client_seq, SeqNo(1));
}

#[test]
fn an_end_while_the_machine_decides_is_recorded() {
    let end = Close::of(TerminationCode::Finished, DisconnectCause::PeerClosed);
    let mut acceptor = fresh();
    logged(acceptor.on_message(ms(1_001), &establish()));
    let command = acceptor.on_gone(end).expect("the session waits to be bound");
    assert_eq!(command.session, SessionSlot::NONE);
    acceptor.on_established(SLOT, 1_000, SeqNo(5), None);
    assert!(acceptor.is_closing(), "an answer that comes late changes nothing");
    assert_eq!(acceptor.on_gone(end), None);
}

/// The time that a connection closes of itself, looking every millisecond.
fn silent_until(acceptor: &mut Acceptor, from: u64) -> u64 {
    (from..from + 100_000)
        .find(|&now| acceptor.on_timer(ms(now)).is_some())
        .expect("silence ends a connection")
}

#[test]
fn silence_ends_a_session() {
    let mut acceptor = established();
    let heard = 2_000;
    assert_eq!(acceptor.on_message(ms(heard), &sequence(5)), Verdict::Nothing);
    assert_eq!(silent_until(&mut acceptor, heard), heard + 2 * 1_000 + 1);
    assert!(acceptor.is_closing());
    assert_eq!(acceptor.on_timer(ms(1_000_000)), None, "it closes once");
}

#[test]
fn silence_of_the_gateway_is_not_the_clients() {
    let mut acceptor = established();
    acceptor.on_not_read(ms(10_000));
    assert_eq!(silent_until(&mut acceptor, 10_000), 12_001);
    let mut acceptor = fresh();
    acceptor.on_not_read(ms(10_000));
    assert_eq!(silent_until(&mut acceptor, 10_000), 15_001);
}

#[test]
fn a_session_must_be_established_in_time() {
    assert_eq!(silent_until(&mut fresh(), 1_000), 6_001);
    // Talking does not help.
    let mut acceptor = fresh();
    logged(acceptor.on_message(ms(5_000), &negotiate()));
    acceptor.on_negotiated(true);
    assert_eq!(silent_until(&mut acceptor, 5_000), 6_001);
}

#[test]
fn a_machine_that_takes_its_time_costs_the_client_nothing() {
    let mut acceptor = fresh();
    logged(acceptor.on_message(ms(1_001), &establish()));
    for now in 1_002..90_000 {
        assert_eq!(acceptor.on_timer(ms(now)), None);
    }
    acceptor.on_established(SLOT, 1_000, SeqNo(5), None);
    assert_eq!(silent_until(&mut acceptor, 90_000), 89_999 + 2_001);
}

#[test]
#[should_panic(expected = "not read while others decide")]
fn reading_on_while_the_machine_decides_is_a_bug() {
    let mut acceptor = fresh();
    logged(acceptor.on_message(ms(1_001), &negotiate()));
    let _ = acceptor.on_message(ms(1_002), &establish());
}

fn finished(last: u64) -> ClientMessage {
    ClientMessage::FinishedSending { uuid: samples::UUID, last_seq: SeqNo(last) }
}

/// FIXP: FinishedSending ends the client's flow, not the session.
#[test]
fn after_finished_sending_no_application_message_is_taken() {
    let mut acceptor = established();
    assert_eq!(logged(acceptor.on_message(ms(2), &order())).client_seq, SeqNo(5));
    let command = logged(acceptor.on_message(ms(2), &finished(5)));
    let body = FinishSending { conn: CONN, last_seq: SeqNo(5) };
    assert_eq!(command.parse(), Ok(Body::Finish(&body)));
    assert_eq!((command.session, command.client_seq), (SLOT, SeqNo(0)), "it takes no number");
    // What a session still may do: say so again, live, and fetch reports.
    assert_eq!(acceptor.on_message(ms(3), &sequence(6)), Verdict::Nothing);
    assert_eq!(logged(acceptor.on_message(ms(3), &finished(5))).parse(), Ok(Body::Finish(&body)));
    let request = samples::retransmit_request();
    let fetch = ClientMessage::RetransmitRequest(request);
    assert_eq!(acceptor.on_message(ms(3), &fetch), Verdict::Retransmit(request));
    for beyond in [order(), sequence(7), finished(6 + GAP_MAX)] {
        assert_eq!(acceptor.clone().on_message(ms(4), &beyond), invalid_state(), "{beyond:?}");
    }
}

#[test]
fn finished_sending_tells_of_numbers_that_never_came() {
    let mut acceptor = established();
    let command = logged(acceptor.on_message(ms(2), &finished(9)));
    let body = FinishSending { conn: CONN, last_seq: SeqNo(9) };
    assert_eq!(command.parse(), Ok(Body::Finish(&body)));
    for wrong in [finished(3), finished(4 + GAP_MAX + 1), finished(u64::MAX)] {
        // Below what this connection has numbered, or beyond any gap that is believed.
        assert_eq!(established().on_message(ms(2), &wrong), invalid_state(), "{wrong:?}");
    }
    let uuid = SessionUuid([9; 16]);
    let other = ClientMessage::FinishedSending { uuid, last_seq: SeqNo(4) };
    assert_eq!(established().on_message(ms(2), &other), invalid_state());
    assert_eq!(fresh().on_message(ms(1_001), &finished(0)), invalid_state());
}

#[test]
fn a_finished_session_comes_back_for_reports_only() {
    let mut acceptor = fresh();
    logged(acceptor.on_message(ms(1_001), &establish()));
    acceptor.on_established(SLOT, 1_000, SeqNo(3), Some(SeqNo(5)));
    assert_eq!(acceptor.on_message(ms(1_002), &sequence(5)), Verdict::Nothing);
    let fetch = ClientMessage::RetransmitRequest(samples::retransmit_request());
    assert!(matches!(acceptor.on_message(ms(1_002), &fetch), Verdict::Retransmit(_)));
    logged(acceptor.clone().on_message(ms(1_003), &finished(4)));
    assert_eq!(acceptor.on_message(ms(1_003), &order()), invalid_state());
}

#[test]
fn without_a_good_key_nothing_reaches_the_log() {
    let mut acceptor = guarded();
    let good = Negotiate { credentials: signed(), ..samples::negotiate() };
    let Negotiate { uuid, timestamp, .. } = good;
    let code = NegotiationRejectCode::Credentials;
    let refusal = Verdict::RefuseNegotiate { uuid, timestamp, code };
    assert_eq!(acceptor.on_message(ms(1_001), &negotiate()), refusal, "none is offered");

    let ask = ClientMessage::Negotiate(good);
    let claim = Claim { uuid, timestamp, message: Signed::Negotiate, credentials: signed() };
    assert_eq!(acceptor.on_message(ms(1_001), &ask), Verdict::Verify(claim));
    assert!(acceptor.is_waiting() && !acceptor.is_negotiating());
    assert_eq!(acceptor.on_verified(None), refusal);
    assert!(!acceptor.is_waiting());

    assert_eq!(acceptor.on_message(ms(1_002), &ask), Verdict::Verify(claim));
    let command = logged(acceptor.on_verified(Some(WHO)));
    let Ok(Body::Negotiate(body)) = command.parse() else { panic!("{command:?}") };
    assert_eq!((body.key_id, body.role), (WHO.key_id, WHO.role));
    assert!(acceptor.is_negotiating());
    acceptor.on_negotiated(true);

    let message = ClientMessage::Establish(Establish { credentials: signed(), ..self::ask() });
    assert!(matches!(acceptor.on_message(ms(1_003), &message), Verdict::Verify(_)));
    let command = logged(acceptor.on_verified(Some(WHO)));
    let Ok(Body::Establish(body)) = command.parse() else { panic!("{command:?}") };
    assert_eq!((body.key_id, body.role), (WHO.key_id, WHO.role));
    acceptor.on_established(SLOT, 1_000, SeqNo(5), None);
    assert_eq!(acceptor.slot(), Some(SLOT));
}

#[test]
fn bad_keys_are_tried_a_bounded_number_of_times() {
    let mut acceptor = guarded();
    let ask = ClientMessage::Establish(Establish { credentials: signed(), ..ask() });
    for _ in 0..REFUSALS_MAX {
        assert!(matches!(acceptor.on_message(ms(1_001), &ask), Verdict::Verify(_)));
        assert!(matches!(acceptor.on_verified(None), Verdict::RefuseEstablish { .. }));
    }
    assert_eq!(acceptor.on_message(ms(1_001), &ask), invalid_state());
}

#[test]
fn an_end_while_a_key_is_verified_is_not_recorded() {
    let end = Close::of(TerminationCode::Finished, DisconnectCause::PeerClosed);
    let mut acceptor = guarded();
    let ask = ClientMessage::Establish(Establish { credentials: signed(), ..ask() });
    assert!(matches!(acceptor.on_message(ms(1_001), &ask), Verdict::Verify(_)));
    assert_eq!(acceptor.on_timer(ms(100_000)), None, "the wait is not the client's");
    assert_eq!(acceptor.on_gone(end), None, "the log never heard of it");
    assert_eq!(acceptor.on_verified(Some(WHO)), Verdict::Nothing, "nothing is logged any more");
}
