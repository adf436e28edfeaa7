//! Scripts of what ends: rollbacks, sessions that are forgotten, flows that are finished; and of
//! keys, mass actions and statuses.

use crate::client_side::{ClientSide, Told, UUID, config, last, order};
use crate::scripted::{
    CONN, SLOT, ack, bytes, established, established_with, negotiated, new, not_applied,
    not_negotiated, reestablish, refused_at, sequenced, stamp,
};
use gavel_client::{
    ClientConfig, DisconnectReason, Key, LastReport, MassCancel, StatusOf, SubmitError,
};
use gavel_types::{
    ClOrdId, EstablishmentRejectCode, Nanos, NegotiationRejectCode, OrdStatus, OrderId, OrderState,
    Price, Qty, Report, ReportNo, Side, SymbolId, TerminationCode,
};
use gavel_wire::client::{Application, ClientMessage};
use gavel_wire::server;

/// SAFETY 19: an acknowledgement survives exactly if the log's terms say so.
#[test]
fn a_rollback_names_exactly_what_was_lost() {
    // Reports 1 to 4 are of the records 101 to 104 of term 1.
    let acknowledged = || {
        let mut client = established();
        for id in 1..=5 {
            client.submit(&order(id));
        }
        client.sent();
        for id in 1..=4 {
            client.receive(&new(id, id)).unwrap();
        }
        client.events();
        reestablish(&mut client);
        client
    };
    let code = EstablishmentRejectCode::RolledBack;
    for (told, kept, lost) in [
        // A new leader's term begins at 103.
        (refused_at(code, 9, 500, &[(1, 1), (103, 2)]), 2, vec![3, 4]),
        // The log ends at 103, in the same term.
        (refused_at(code, 9, 103, &[(1, 1)]), 3, vec![4]),
        // The session has fewer reports than were delivered.
        (refused_at(code, 2, 500, &[(1, 1)]), 1, vec![2, 3, 4]),
        // Another log altogether.
        (refused_at(code, 9, 500, &[(1, 7)]), 0, vec![1, 2, 3, 4]),
    ] {
        let mut client = acknowledged();
        assert_eq!(client.receive(&told).unwrap_err(), DisconnectReason::RolledBack);
        let kept = if kept == 0 { LastReport::default() } else { last(1, 100 + kept, kept) };
        assert_eq!(client.events(), [Told::RolledBack(last(1, 104, 4), kept, lost, true)]);
    }
}

#[test]
fn a_rollback_beyond_what_is_remembered_says_so() {
    let mut client = established_with(&ClientConfig { acknowledged_max: 2, ..config() });
    for id in 1..=4 {
        client.submit(&order(id));
    }
    client.sent();
    for id in 1..=4 {
        client.receive(&new(id, id)).unwrap();
    }
    client.events();
    reestablish(&mut client);
    let told = refused_at(EstablishmentRejectCode::RolledBack, 2, 500, &[(1, 1)]);
    client.receive(&told).unwrap_err();
    let nothing = LastReport::default();
    let said = Told::RolledBack(last(1, 104, 4), nothing, vec![3, 4], false);
    assert_eq!(client.events(), [said]);
}

#[test]
fn a_session_that_was_forgotten_is_no_rollback() {
    let mut client = established();
    client.receive(&not_applied(1, 9, 1)).unwrap();
    reestablish(&mut client);
    client.events();
    let told = refused_at(EstablishmentRejectCode::Unnegotiated, 0, 900, &[(1, 1)]);
    let reason = client.receive(&told).unwrap_err();
    assert_eq!(reason, DisconnectReason::SessionExpired);
    assert!(reason.is_fatal() && !client.initiator.is_rolled_back());
    assert_eq!(client.events(), []);
}

fn finished_receiving(next: u64) -> Vec<u8> {
    let (conn, uuid, next_number) = (CONN, UUID, ReportNo(next));
    let body = gavel_types::FlowFinished { conn, uuid, next_number };
    bytes(|out| server::finished_receiving(&body, out))
}

fn finishes(sent: &[ClientMessage]) -> Vec<u64> {
    let last = |message: &ClientMessage| match message {
        ClientMessage::FinishedSending { last_seq, .. } => Some(last_seq.0),
        _ => None,
    };
    sent.iter().filter_map(last).collect()
}

/// FIXP, finalization: the end is said after the last message, again as the heartbeat, and again on
/// the next connection, until it is answered.
#[test]
fn the_end_is_said_until_it_is_heard() {
    let mut client = established();
    client.submit(&order(1));
    client.initiator.finish();
    assert_eq!(client.initiator.submit(&order(2), Nanos(0)), Err(SubmitError::Finished));
    let sent = client.sent();
    assert!(matches!(sent[0], ClientMessage::Application(_)));
    assert_eq!(finishes(&sent), [1], "after the last message");
    assert_eq!(client.sent(), []);
    client.pass(2_600).unwrap();
    assert_eq!(finishes(&client.sent()), [1]);
    reestablish(&mut client);
    client.receive(&ack(1, 1)).unwrap();
    assert_eq!(finishes(&client.sent()), [1]);
    client.events();
    client.receive(&finished_receiving(2)).unwrap();
    assert_eq!(client.events(), [Told::Finished(2)]);
    assert!(!client.initiator.is_finished(), "a report is missing");
    assert!(client.sent().is_empty(), "it may be on its way, and is not asked for");
    client.receive(&new(1, 1)).unwrap();
    assert!(client.initiator.is_finished());
    client.pass(2_600).unwrap();
    assert_eq!(finishes(&client.sent()), [], "it has been heard");
}

#[test]
fn a_client_with_a_key_waits_for_the_challenge_and_signs_it() {
    use gavel_wire::credentials::{Signed, signed_bytes};
    let key = Key::from_seed(&[3; 32]);
    let config = ClientConfig { key: Some(key.clone()), ..config() };
    let mut client = ClientSide::new(&config);
    let challenge = |nonce: u8| bytes(|out| server::challenge(&[nonce; 32], out));
    let check = |credentials: gavel_wire::client::Credentials, nonce: u8, timestamp, kind| {
        assert_eq!(credentials.public_key, key.public());
        let bytes = signed_bytes(&[nonce; 32], UUID, timestamp, kind);
        let public = ed25519_dalek::VerifyingKey::from_bytes(&credentials.public_key).unwrap();
        let signature = ed25519_dalek::Signature::from_bytes(&credentials.signature);
        public.verify_strict(&bytes, &signature).unwrap();
    };
    client.connect();
    assert_eq!(client.sent(), [], "there is nothing to sign yet");
    client.receive(&challenge(8)).unwrap();
    let sent = client.sent();
    let [ClientMessage::Negotiate(message)] = sent[..] else { panic!("{sent:?}") };
    check(message.credentials, 8, message.timestamp, Signed::Negotiate);
    client.receive(&negotiated()).unwrap();
    let sent = client.sent();
    let [ClientMessage::Establish(message)] = sent[..] else { panic!("{sent:?}") };
    check(message.credentials, 8, message.timestamp, Signed::Establish);
    client.receive(&ack(1, 1)).unwrap();
    client.disconnect(DisconnectReason::PeerClosed);
    client.connect();
    client.receive(&challenge(9)).unwrap();
    let sent = client.sent();
    let [ClientMessage::Establish(message)] = sent[..] else { panic!("{sent:?}") };
    check(message.credentials, 9, message.timestamp, Signed::Establish);

    let mut client = ClientSide::new(&config);
    client.connect();
    client.pass(9_999).unwrap();
    assert_eq!(client.pass(2), Err(DisconnectReason::AnswerTimeout), "no challenge comes");
    let mut client = ClientSide::new(&ClientConfig { key: None, ..config });
    client.connect();
    client.receive(&challenge(8)).unwrap();
    let refusal = not_negotiated(NegotiationRejectCode::Credentials);
    assert!(client.receive(&refusal).unwrap_err().is_fatal());
}

fn mass_report(number: u64, name: u64) -> Vec<u8> {
    let body = gavel_types::MassActionReport {
        cl_ord_id: ClOrdId(name),
        report_id: 1,
        symbol: SymbolId(0),
        account: gavel_types::Account(0),
        total_affected: 0,
        action: gavel_types::MassActionType::CancelOrders,
        scope: gavel_types::MassActionScope::AllOrders,
        response: gavel_types::MassActionResponse::Completed,
        reject_reason: gavel_types::MassActionRejectReason::None,
        side: 0,
        reserved: [0; 7],
    };
    sequenced(number, 1, Report::mass_action(stamp(number), SLOT, &body))
}

fn status(number: u64, name: u64, id: u64) -> Vec<u8> {
    let order = OrderState {
        order_id: OrderId(id),
        cl_ord_id: ClOrdId(name),
        price: Price(5),
        qty: Qty(1),
        leaves_qty: Qty(1),
        cum_qty: Qty(0),
        symbol: SymbolId(1),
        side: Side::Buy,
        ord_status: OrdStatus::New,
        detail: 0,
        reserved: 0,
    };
    let body = gavel_types::ExecStatus { order };
    sequenced(number, 1, Report::exec_status(stamp(number), SLOT, &body))
}

#[test]
fn a_mass_action_and_a_status_have_their_own_answers() {
    let mut client = established();
    let ask = |cl_ord_id, order_id| {
        let (cl_ord_id, order_id) = (ClOrdId(cl_ord_id), OrderId(order_id));
        Application::from(StatusOf { cl_ord_id, order_id, symbol: SymbolId(1), side: Side::Buy })
    };
    client.submit(&MassCancel::all(ClOrdId(5)).into());
    client.submit(&ask(7, 0));
    client.submit(&ask(0, 4_000));
    client.sent();
    client.receive(&mass_report(1, 5)).unwrap();
    client.receive(&status(2, 7, 99)).unwrap();
    client.receive(&status(3, 8, 4_000)).unwrap();
    assert_eq!(client.initiator.in_flight(), 0);
    for wrong in [mass_report(4, 6), status(4, 8, 9)] {
        let mut client = established();
        client.submit(&ask(7, 0));
        client.sent();
        let mut wrong = wrong.clone();
        wrong[14..22].copy_from_slice(&1_u64.to_le_bytes());
        assert!(client.receive(&wrong).unwrap_err().is_fatal());
    }
}

#[test]
fn cancel_on_disconnect_is_asked_for_at_every_establish() {
    let mut client =
        established_with(&ClientConfig { cod_type: 3, cod_window_ms: 250, ..config() });
    client.disconnect(DisconnectReason::PeerClosed);
    client.connect();
    let sent = client.sent();
    let [ClientMessage::Establish(message)] = sent[..] else { panic!("{sent:?}") };
    assert_eq!((message.cod_type, message.cod_window_ms), (3, 250));
}

#[test]
fn an_engine_that_breaks_the_protocol_is_told_so() {
    let client = established();
    for (reason, code) in [
        (DisconnectReason::Protocol("x"), Some(TerminationCode::InvalidState)),
        (DisconnectReason::KeepaliveTimeout, Some(TerminationCode::KeepaliveTimeout)),
        (DisconnectReason::PeerClosed, None),
        (DisconnectReason::Terminated(TerminationCode::SlowReader), None),
    ] {
        let mut frame = [0; 512];
        let said = client.initiator.farewell(reason, &mut frame).map(|length| {
            let frame = gavel_wire::frame::split(&frame[..length]).unwrap().unwrap();
            gavel_wire::client::decode(&frame).unwrap()
        });
        assert_eq!(said, code.map(|code| ClientMessage::Terminate { uuid: UUID, code }));
    }
}

#[test]
fn what_a_forgotten_session_may_have_applied_is_not_sent_again() {
    let told = refused_at(EstablishmentRejectCode::Unnegotiated, 0, 900, &[(1, 1)]);
    let mut client = established();
    client.submit(&order(1));
    client.sent();
    reestablish(&mut client);
    assert_eq!(client.receive(&told), Err(DisconnectReason::SessionExpired));
    // What never left may be sent in a session that begins anew.
    let mut client = established();
    client.submit(&order(1));
    reestablish(&mut client);
    client.receive(&told).unwrap();
    assert!(matches!(client.sent()[..], [ClientMessage::Negotiate(_)]));
}
