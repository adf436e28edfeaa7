//! Scripts: what the server says, and what the client then does.

use crate::client_side::{ClientSide, Told, UUID, cancel, config, last, numbers, order, query};
use gavel_client::{Checkpoint, ClientConfig, DisconnectReason, LastReport, SubmitError};
use gavel_types::{
    AckRuleCode, BusinessReject, BusinessRejectReason, ClOrdId, ConnId, EstablishmentAccepted,
    EstablishmentRefused, EstablishmentRejectCode, ExecId, ExecNew, Index, Nanos,
    NegotiationAccepted, NegotiationRefused, NegotiationRejectCode, NotAppliedRange, OrdStatus,
    OrderId, OrderState, Price, Qty, Report, ReportNo, RetransmitRejectCode, SeqNo, SessionSlot,
    Side, Stamp, SymbolId, Term, TerminationCode,
};
use gavel_wire::client::{Application, ClientMessage};
use gavel_wire::server::{self, Envelope, MAX_SERVER_FRAME_BYTES};

pub(crate) const SLOT: SessionSlot = SessionSlot(0);
pub(crate) const CONN: ConnId = ConnId(1);

pub(crate) fn bytes(encode: impl FnOnce(&mut [u8]) -> usize) -> Vec<u8> {
    let mut out = vec![0; MAX_SERVER_FRAME_BYTES];
    let length = encode(&mut out);
    out.truncate(length);
    out
}

pub(crate) fn negotiated() -> Vec<u8> {
    let (conn, timestamp, slot, reserved) = (CONN, Nanos(0), SLOT, [0; 4]);
    let body = NegotiationAccepted { uuid: UUID, conn, timestamp, slot, reserved };
    bytes(|out| server::negotiation_response(&body, out))
}

pub(crate) fn not_negotiated(code: NegotiationRejectCode) -> Vec<u8> {
    let (uuid, conn, timestamp) = (UUID, CONN, Nanos(0));
    let body = NegotiationRefused { uuid, conn, timestamp, code, reserved: [0; 7] };
    bytes(|out| server::negotiation_reject(&body, out))
}

pub(crate) fn ack(next_number: u64, expected_seq: u64) -> Vec<u8> {
    let body = EstablishmentAccepted {
        uuid: UUID,
        conn: CONN,
        timestamp: Nanos(0),
        next_number: ReportNo(next_number),
        expected_seq: SeqNo(expected_seq),
        client_next_seq: SeqNo(1),
        keepalive_ms: 5_000,
        finished: 0,
        reserved: [0; 3],
    };
    bytes(|out| server::establishment_ack(&body, &[], out))
}

pub(crate) fn refused(code: EstablishmentRejectCode) -> Vec<u8> {
    refused_at(code, 0, 0, &[])
}

/// Refused by a log of these terms (first index, term) that ends at `log_index`.
pub(crate) fn refused_at(
    code: EstablishmentRejectCode,
    next_number: u64,
    log_index: u64,
    runs: &[(u64, u64)],
) -> Vec<u8> {
    let body = EstablishmentRefused {
        uuid: UUID,
        conn: CONN,
        timestamp: Nanos(0),
        code,
        reserved: [0; 7],
        next_number: ReportNo(next_number),
        expected_seq: SeqNo(next_number),
        log_index: Index(log_index),
    };
    let run = |&(first, term): &(u64, u64)| server::TermRun {
        term: Term(term),
        first_index: Index(first),
    };
    let runs: Vec<_> = runs.iter().map(run).collect();
    bytes(|out| server::establishment_reject(&body, &runs, out))
}

pub(crate) fn stamp(number: u64) -> Stamp {
    Stamp { index: Index(100 + number), term: Term(1), time: Nanos(7) }
}

pub(crate) fn sequenced(number: u64, sender_term: u64, mut report: Report) -> Vec<u8> {
    report.number = ReportNo(number);
    let (commit, rule) = (Index(999), AckRuleCode::Local);
    let envelope = Envelope { sender_term: Term(sender_term), commit, rule };
    bytes(|out| server::encode_report(&[report], &envelope, out))
}

fn new_from(number: u64, id: u64, sender_term: u64) -> Vec<u8> {
    let order = OrderState {
        order_id: OrderId(id),
        cl_ord_id: ClOrdId(id),
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
    let report = Report::exec_new(stamp(number), SLOT, &ExecNew { order, exec_id: ExecId(number) });
    sequenced(number, sender_term, report)
}

/// Report `number`: the order `id` is accepted.
pub(crate) fn new(number: u64, id: u64) -> Vec<u8> {
    new_from(number, id, 1)
}

pub(crate) fn not_applied(number: u64, from: u64, count: u64) -> Vec<u8> {
    let range = NotAppliedRange { from: SeqNo(from), count };
    sequenced(number, 1, Report::not_applied(stamp(number), SLOT, &range))
}

fn business_reject(number: u64, ref_seq: u64) -> Vec<u8> {
    let body = BusinessReject {
        ref_seq: SeqNo(ref_seq),
        ref_id: 0,
        ref_tag: 0,
        ref_template: 105,
        reason: BusinessRejectReason::UnknownSymbol,
        reserved: 0,
    };
    sequenced(number, 1, Report::business_reject(stamp(number), SLOT, &body))
}

fn sequence(next: u64) -> Vec<u8> {
    bytes(|out| server::sequence(ReportNo(next), out))
}

fn retransmission(from: u64, count: u64) -> Vec<u8> {
    bytes(|out| server::retransmission(UUID, Nanos(0), ReportNo(from), count, out))
}

fn retransmit_reject(oldest: u64, code: RetransmitRejectCode) -> Vec<u8> {
    bytes(|out| server::retransmit_reject(UUID, Nanos(0), code, ReportNo(oldest), out))
}

/// A client of a new session, established.
pub(crate) fn established() -> ClientSide {
    established_with(&config())
}

pub(crate) fn established_with(config: &ClientConfig) -> ClientSide {
    let mut client = ClientSide::new(config);
    client.connect();
    assert!(matches!(client.sent()[..], [ClientMessage::Negotiate(_)]));
    client.receive(&negotiated()).unwrap();
    assert!(matches!(client.sent()[..], [ClientMessage::Establish(_)]));
    client.receive(&ack(1, 1)).unwrap();
    assert_eq!(client.events(), [Told::Established { next_seq: 1, resent: 0, missing: 0 }]);
    client
}

/// Connects again; returns what Establish said.
pub(crate) fn reestablish(client: &mut ClientSide) -> (SeqNo, LastReport) {
    client.disconnect(DisconnectReason::PeerClosed);
    client.connect();
    let sent = client.sent();
    let [ClientMessage::Establish(message)] = sent[..] else { panic!("{sent:?}") };
    (message.next_seq, message.last)
}

fn requests(sent: &[ClientMessage]) -> Vec<(u64, u64)> {
    let request = |message: &ClientMessage| match message {
        ClientMessage::RetransmitRequest(request) => Some((request.from.0, request.count)),
        _ => None,
    };
    sent.iter().filter_map(request).collect()
}

#[test]
fn nothing_is_submitted_before_the_number_is_known() {
    let mut client = ClientSide::new(&config());
    let early = client.initiator.submit(&order(1), Nanos(0));
    assert_eq!(early, Err(SubmitError::NotEstablished));
    client.connect();
    client.receive(&negotiated()).unwrap();
    let early = client.initiator.submit(&order(1), Nanos(0));
    assert_eq!(early, Err(SubmitError::NotEstablished));
}

#[test]
fn a_message_waits_for_exactly_its_answer() {
    let mut client = established();
    for id in 1..=8 {
        assert_eq!(client.submit(&order(id)), SeqNo(id));
    }
    let full = client.initiator.submit(&order(9), Nanos(0));
    assert_eq!(full, Err(SubmitError::Full));
    assert_eq!(client.sent().len(), 8);
    client.receive(&new(1, 1)).unwrap();
    client.receive(&new(2, 2)).unwrap();
    assert_eq!(client.initiator.in_flight(), 6);
    assert_eq!(client.submit(&order(9)), SeqNo(9));
    assert_eq!(numbers(&client.events()), [1, 2]);
}

#[test]
fn an_answer_to_another_message_ends_the_session() {
    for wrong in [new(1, 2), business_reject(1, 2)] {
        let mut client = established();
        client.submit(&order(1));
        client.submit(&order(2));
        client.sent();
        let fault = client.receive(&wrong).unwrap_err();
        assert!(matches!(fault, DisconnectReason::Protocol(_)) && fault.is_fatal());
        client.disconnect(fault);
        assert_eq!(client.initiator.over(), Some(fault));
    }
}

#[test]
fn a_business_reject_is_an_answer() {
    let mut client = established();
    client.submit(&query(1));
    client.sent();
    client.receive(&business_reject(1, 1)).unwrap();
    assert_eq!(client.initiator.in_flight(), 0);
}

#[test]
fn bytes_may_come_in_any_pieces() {
    let mut stream = ack(3, 1);
    stream.extend(retransmission(1, 2));
    for number in 1..=4 {
        stream.extend(not_applied(number, 50, 1));
    }
    stream.extend(sequence(5));
    let run = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let resume = Checkpoint { next_seq: SeqNo(1), last: LastReport::default() };
        let mut client = ClientSide::new(&ClientConfig { resume: Some(resume), ..config() });
        client.connect();
        let mut sent = client.sent();
        for piece in pieces {
            client.receive(piece).unwrap();
            sent.extend(client.sent());
        }
        (sent, client.events())
    };
    // The request for what is missing is open before its answer can be read.
    let split = ack(3, 1).len();
    let whole = run(&mut [&stream[..split], &stream[split..]].into_iter());
    assert_eq!(numbers(&whole.1), [1, 2, 3, 4]);
    assert_eq!(requests(&whole.0), [(1, 2)]);
    for at in split + 1..stream.len() {
        let (head, tail) = stream.split_at(at);
        assert_eq!(run(&mut [&head[..split], &head[split..], tail].into_iter()), whole, "at {at}");
    }
    assert_eq!(run(&mut stream.chunks(1)), whole, "byte by byte");
}

#[test]
fn a_gap_is_asked_for_and_closed_in_order() {
    let mut client = established();
    client.receive(&not_applied(3, 90, 1)).unwrap();
    client.receive(&not_applied(4, 91, 1)).unwrap();
    assert_eq!(client.events(), []);
    assert_eq!(requests(&client.sent()), [(1, 2)]);
    assert_eq!(requests(&client.sent()), [], "one request at a time");
    client.receive(&retransmission(1, 2)).unwrap();
    client.receive(&not_applied(1, 80, 1)).unwrap();
    client.receive(&not_applied(1, 80, 1)).unwrap();
    client.receive(&not_applied(2, 81, 1)).unwrap();
    assert_eq!(numbers(&client.events()), [1, 2, 3, 4]);
    client.receive(&not_applied(4, 91, 1)).unwrap();
    client.receive(&not_applied(5, 92, 1)).unwrap();
    assert_eq!(numbers(&client.events()), [5], "a duplicate is dropped");
    assert_eq!(client.initiator.counters().duplicates, 2);
}

#[test]
fn a_heartbeat_shows_a_gap_too() {
    let mut client = established();
    client.receive(&sequence(4)).unwrap();
    assert_eq!(requests(&client.sent()), [(1, 3)]);
}

#[test]
fn requests_are_split_by_their_limit() {
    let config = ClientConfig { retransmit_max: 2, ..config() };
    let mut client = established_with(&config);
    client.receive(&sequence(4)).unwrap();
    assert_eq!(requests(&client.sent()), [(1, 2)]);
    client.receive(&retransmission(1, 2)).unwrap();
    client.receive(&not_applied(1, 80, 1)).unwrap();
    assert_eq!(requests(&client.sent()), []);
    client.receive(&not_applied(2, 80, 1)).unwrap();
    assert_eq!(requests(&client.sent()), [(3, 1)]);
}

#[test]
fn live_reports_without_room_are_asked_for_again() {
    let room = not_applied(3, 90, 1).len();
    let config = ClientConfig { early_bytes: room, ..config() };
    let mut client = established_with(&config);
    for number in 3..=5 {
        client.receive(&not_applied(number, 90, 1)).unwrap();
    }
    assert_eq!(client.initiator.counters().early_dropped, 2);
    assert_eq!(requests(&client.sent()), [(1, 2)]);
    client.receive(&retransmission(1, 2)).unwrap();
    client.receive(&not_applied(1, 80, 1)).unwrap();
    client.receive(&not_applied(2, 80, 1)).unwrap();
    assert_eq!(numbers(&client.events()), [1, 2, 3]);
    assert_eq!(requests(&client.sent()), [(4, 2)]);
}

#[test]
fn lost_history_is_said_and_counted() {
    let mut client = established();
    client.receive(&not_applied(6, 90, 1)).unwrap();
    assert_eq!(requests(&client.sent()), [(1, 5)]);
    client.receive(&retransmit_reject(4, RetransmitRejectCode::OutOfRange)).unwrap();
    assert_eq!(client.events(), [Told::Lost { from: 1, until: 4 }]);
    assert_eq!(requests(&client.sent()), [(4, 2)]);
    client.receive(&retransmit_reject(9, RetransmitRejectCode::OutOfRange)).unwrap();
    let events = client.events();
    assert_eq!(events[0], Told::Lost { from: 4, until: 6 }, "no more than the gap is lost");
    assert_eq!(numbers(&events), [6]);
    assert_eq!(client.initiator.counters().history_lost, 5);
}

#[test]
fn a_limit_of_the_engine_halves_the_request() {
    let config = ClientConfig { retransmit_max: 8, ..config() };
    let mut client = established_with(&config);
    client.receive(&sequence(9)).unwrap();
    assert_eq!(requests(&client.sent()), [(1, 8)]);
    for halved in [4, 2, 1, 1] {
        client.receive(&retransmit_reject(1, RetransmitRejectCode::RequestLimitExceeded)).unwrap();
        assert_eq!(requests(&client.sent()), [], "not at once");
        client.pass(11).unwrap();
        assert_eq!(requests(&client.sent()), [(1, halved)]);
    }
    for (from, count) in [(1, 1), (2, 2), (4, 4), (8, 1)] {
        client.receive(&retransmission(from, count)).unwrap();
        (from..from + count).for_each(|n| client.receive(&not_applied(n, 80, 1)).unwrap());
        let next = match from {
            8 => vec![],
            _ => vec![(from + count, (2 * count).min(9 - from - count))],
        };
        assert_eq!(requests(&client.sent()), next, "and what is met is doubled");
    }
}

#[test]
fn a_deposed_senders_reports_are_dropped_and_asked_for_again() {
    let mut client = established();
    client.submit(&order(1));
    client.submit(&order(2));
    client.sent();
    client.receive(&new_from(1, 1, 5)).unwrap();
    client.receive(&new_from(2, 2, 4)).unwrap();
    assert_eq!(numbers(&client.events()), [1]);
    assert_eq!(client.initiator.counters().stale_terms, 1);
    client.receive(&sequence(3)).unwrap();
    assert_eq!(requests(&client.sent()), [(2, 1)]);
    client.receive(&retransmission(2, 1)).unwrap();
    client.receive(&new_from(2, 2, 5)).unwrap();
    assert_eq!(client.initiator.in_flight(), 0);
}

#[test]
fn a_client_without_memory_learns_where_it_stands() {
    let mut client = ClientSide::new(&config());
    client.connect();
    client.sent();
    client.receive(&not_negotiated(NegotiationRejectCode::DuplicateId)).unwrap();
    let sent = client.sent();
    let [ClientMessage::Establish(message)] = sent[..] else { panic!("{sent:?}") };
    assert_eq!((message.next_seq, message.last), (SeqNo(1), LastReport::default()));
    client.receive(&ack(3, 57)).unwrap();
    assert_eq!(client.submit(&order(70)), SeqNo(57));
    let sent = client.sent();
    assert_eq!(sent[0], ClientMessage::Sequence { next_seq: SeqNo(57) });
    assert_eq!(requests(&sent), [(1, 2)]);
    // Reports of the earlier life answer nothing of this one, even if they name the same order.
    client.receive(&retransmission(1, 2)).unwrap();
    client.receive(&new(1, 70)).unwrap();
    client.receive(&new(2, 71)).unwrap();
    assert_eq!(client.initiator.in_flight(), 1);
    client.receive(&new(3, 70)).unwrap();
    assert_eq!(client.initiator.in_flight(), 0);
}

#[test]
fn a_checkpoint_is_where_a_client_goes_on() {
    let resume = Checkpoint { next_seq: SeqNo(11), last: last(1, 107, 7) };
    let config = ClientConfig { resume: Some(resume), ..config() };
    let mut client = ClientSide::new(&config);
    assert_eq!(client.initiator.checkpoint(), resume);
    client.connect();
    let sent = client.sent();
    let [ClientMessage::Establish(message)] = sent[..] else { panic!("{sent:?}") };
    assert_eq!((message.next_seq, message.last), (SeqNo(11), last(1, 107, 7)));
    // The engine had only 8: Establish burns 9 and 10, which the client is told.
    client.receive(&ack(8, 9)).unwrap();
    client.receive(&not_applied(8, 9, 2)).unwrap();
    assert_eq!(client.submit(&order(1)), SeqNo(11));
    assert_eq!(client.initiator.in_flight(), 1, "numbers burnt before are none of this process's");
    let told = client.events();
    assert_eq!(told[1], Told::Report { number: 8, what: "not applied 9+2".into() });
    let checkpoint = client.initiator.checkpoint();
    assert_eq!((checkpoint.next_seq, checkpoint.last), (SeqNo(12), last(1, 108, 8)));
}

#[test]
fn what_the_engine_has_is_not_sent_again() {
    let mut client = established();
    for id in 1..=4 {
        client.submit(&order(id));
    }
    client.sent();
    client.receive(&new(1, 1)).unwrap();
    let (next, last_report) = reestablish(&mut client);
    assert_eq!((next, last_report), (SeqNo(2), last(1, 101, 1)));
    // The engine has applied 2; its report was lost on the way.
    client.events();
    client.receive(&ack(3, 3)).unwrap();
    assert_eq!(client.events(), [Told::Established { next_seq: 5, resent: 2, missing: 1 }]);
    let sent = client.sent();
    let orders: Vec<_> = sent
        .iter()
        .filter_map(|message| match message {
            ClientMessage::Application(Application::NewOrder(order)) => Some(order.cl_ord_id.0),
            _ => None,
        })
        .collect();
    assert_eq!(orders, [3, 4]);
    assert_eq!(sent[0], ClientMessage::Sequence { next_seq: SeqNo(3) });
    client.receive(&retransmission(2, 1)).unwrap();
    client.receive(&new(2, 2)).unwrap();
    client.receive(&new(3, 3)).unwrap();
    client.receive(&new(4, 4)).unwrap();
    assert_eq!((numbers(&client.events()), client.initiator.in_flight()), (vec![2, 3, 4], 0));
}

#[test]
fn a_session_that_is_still_bound_elsewhere_is_tried_again() {
    let mut client = established();
    reestablish(&mut client);
    let reason = client.receive(&refused(EstablishmentRejectCode::AlreadyEstablished)).unwrap_err();
    assert_eq!(reason, DisconnectReason::AlreadyEstablished);
    assert!(!reason.is_fatal());
    reestablish(&mut client);
    client.receive(&ack(1, 1)).unwrap();
    assert!(client.initiator.is_established());
}

#[test]
fn a_connection_may_break_in_every_state() {
    for broken_after in 0..4 {
        let mut client = ClientSide::new(&config());
        client.connect();
        let steps = [negotiated(), ack(1, 1), new(1, 1)];
        for (step, bytes) in steps.iter().enumerate().take(broken_after) {
            client.receive(bytes).unwrap();
            if step == 1 {
                client.submit(&order(1));
            }
            client.sent();
        }
        client.disconnect(DisconnectReason::PeerClosed);
        client.connect();
        if broken_after < 2 {
            assert!(matches!(client.sent()[..], [ClientMessage::Negotiate(_)]));
            client.receive(&not_negotiated(NegotiationRejectCode::DuplicateId)).unwrap();
        }
        let expected = if broken_after == 3 { 2 } else { 1 };
        client.receive(&ack(expected, expected)).unwrap();
        assert!(client.initiator.is_established(), "broken after {broken_after} answers");
        let resent = if broken_after == 2 { 1 } else { 0 };
        let orders = client.sent();
        let orders = orders.iter().filter(|sent| matches!(sent, ClientMessage::Application(_)));
        assert_eq!(orders.count(), resent, "broken after {broken_after} answers");
    }
}

#[test]
fn nothing_flows_after_a_rollback_until_it_is_confirmed() {
    let mut client = established();
    for id in 1..=3 {
        client.submit(&order(id));
    }
    client.sent();
    client.receive(&new(1, 1)).unwrap();
    client.receive(&new(2, 2)).unwrap();
    client.events();
    reestablish(&mut client);
    let told = refused_at(EstablishmentRejectCode::RolledBack, 2, 101, &[(1, 1)]);
    let reason = client.receive(&told).unwrap_err();
    client.disconnect(reason);
    let (all, kept) = (last(1, 102, 2), last(1, 101, 1));
    assert_eq!(client.events(), [Told::RolledBack(all, kept, vec![2], true)]);
    assert!(client.initiator.is_rolled_back());
    assert_eq!(client.initiator.submit(&order(9), Nanos(0)), Err(SubmitError::Halted));
    client.initiator.confirm_rollback();
    client.connect();
    let sent = client.sent();
    let [ClientMessage::Establish(message)] = sent[..] else { panic!("{sent:?}") };
    assert_eq!((message.next_seq, message.last), (SeqNo(1), kept));
    // The engine kept order 1 only; 2 was acknowledged and is not sent again, 3 is, as number 2.
    client.receive(&ack(2, 2)).unwrap();
    assert_eq!(
        client.events(),
        [
            Told::Renumbered { from: 3, to: 2, count: 1 },
            Told::Established { next_seq: 3, resent: 1, missing: 0 }
        ]
    );
    let sent = client.sent();
    let orders = sent.iter().filter(|sent| matches!(sent, ClientMessage::Application(_)));
    assert_eq!(orders.count(), 1, "{sent:?}");
    client.receive(&new(2, 3)).unwrap();
    assert_eq!((numbers(&client.events()), client.initiator.in_flight()), (vec![2], 0));
}

#[test]
fn a_log_that_never_heard_of_the_session_is_a_rollback() {
    let mut client = established();
    client.receive(&not_applied(1, 9, 1)).unwrap();
    reestablish(&mut client);
    let reason = client.receive(&refused(EstablishmentRejectCode::Unnegotiated)).unwrap_err();
    assert_eq!(reason, DisconnectReason::RolledBack);
    assert!(client.initiator.is_rolled_back());
}

#[test]
fn an_engine_with_fewer_reports_than_were_delivered_is_not_believed() {
    let mut client = established();
    client.receive(&not_applied(1, 9, 1)).unwrap();
    client.receive(&not_applied(2, 9, 1)).unwrap();
    reestablish(&mut client);
    assert!(client.receive(&ack(2, 1)).unwrap_err().is_fatal());
}

#[test]
fn silence_is_answered_on_both_sides() {
    let mut client = established();
    client.pass(2_400).unwrap();
    assert_eq!(client.sent(), []);
    client.pass(200).unwrap();
    assert_eq!(client.sent(), [ClientMessage::Sequence { next_seq: SeqNo(1) }]);
    client.pass(7_399).unwrap();
    client.receive(&sequence(1)).unwrap();
    client.pass(9_999).unwrap();
    assert_eq!(client.pass(2), Err(DisconnectReason::KeepaliveTimeout));
}

#[test]
fn an_engine_that_does_not_answer_is_left() {
    let mut client = ClientSide::new(&config());
    client.connect();
    client.pass(9_999).unwrap();
    assert_eq!(client.pass(2), Err(DisconnectReason::AnswerTimeout));
}

#[test]
fn a_terminate_says_whether_to_come_back() {
    for (code, fatal) in [
        (TerminationCode::SlowReader, false),
        (TerminationCode::ShuttingDown, false),
        (TerminationCode::InvalidState, true),
    ] {
        let mut client = established();
        let said = bytes(|out| server::terminate(UUID, code, out));
        let reason = client.receive(&said).unwrap_err();
        assert_eq!((reason, reason.is_fatal()), (DisconnectReason::Terminated(code), fatal));
    }
}

#[test]
fn garbage_ends_the_connection_not_the_client() {
    let mut client = established();
    assert!(matches!(client.receive(&[0xff; 64]), Err(DisconnectReason::Frame(_))));
    let mut client = established();
    let mut unknown = sequence(1);
    unknown[8..10].copy_from_slice(&999u16.to_le_bytes());
    assert!(matches!(client.receive(&unknown), Err(DisconnectReason::Decode(_))));
    client.disconnect(DisconnectReason::PeerClosed);
    client.connect();
    client.receive(&ack(1, 1)).unwrap();
}

#[test]
fn a_cancel_is_answered_by_its_own_name() {
    let mut client = established();
    client.submit(&cancel(5, 4));
    client.sent();
    assert!(client.receive(&new(1, 5)).unwrap_err().is_fatal(), "New answers no cancel");
}

#[test]
fn a_message_that_is_burnt_waits_no_longer() {
    let mut client = established();
    client.submit(&order(1));
    client.submit(&order(2));
    client.submit(&order(3));
    client.sent();
    client.receive(&not_applied(1, 1, 2)).unwrap();
    assert_eq!(client.initiator.in_flight(), 1);
    client.receive(&new(2, 3)).unwrap();
    assert_eq!(client.initiator.in_flight(), 0);
}

#[test]
fn more_than_was_asked_for_is_not_taken() {
    for granted in [(1, 3), (2, 1), (1, 0)] {
        let mut client = established();
        client.receive(&sequence(3)).unwrap();
        assert_eq!(requests(&client.sent()), [(1, 2)]);
        let fault = client.receive(&retransmission(granted.0, granted.1)).unwrap_err();
        assert!(fault.is_fatal(), "{granted:?}");
    }
    let mut client = established();
    assert!(client.receive(&retransmission(1, 1)).unwrap_err().is_fatal(), "nobody asked");
}

#[test]
fn after_a_confirmed_rollback_nothing_old_is_left() {
    let mut client = established();
    client.submit(&order(1));
    client.sent();
    client.receive(&new_from(1, 1, 5)).unwrap();
    // Waits for report 2, which will never come: the log behind it is gone.
    client.receive(&new_from(3, 99, 5)).unwrap();
    assert_eq!(numbers(&client.events()), [1]);
    reestablish(&mut client);
    let reason = client.receive(&refused(EstablishmentRejectCode::RolledBack)).unwrap_err();
    client.disconnect(reason);
    client.initiator.confirm_rollback();
    client.connect();
    client.receive(&ack(1, 1)).unwrap();
    client.submit(&order(7));
    client.submit(&order(8));
    client.sent();
    client.events();
    // The engine begins anew, in a lower term, with the same numbers.
    client.receive(&new_from(1, 7, 1)).unwrap();
    client.receive(&new_from(2, 8, 1)).unwrap();
    let events = client.events();
    assert_eq!(numbers(&events), [1, 2], "and nothing of before: {events:?}");
    assert_eq!(client.initiator.in_flight(), 0);
}

#[test]
fn bytes_leave_in_any_pieces() {
    for piece in [1_000, 33_333, 40_000, 64 << 10] {
        let config = ClientConfig { in_flight_max: 2_000, ..config() };
        let mut client = established_with(&config);
        for id in 1..=2_000 {
            client.submit(&order(id));
        }
        let mut bytes = Vec::new();
        loop {
            client.initiator.fill(client.now);
            let ready = client.initiator.transmit();
            let take = ready.len().min(piece);
            bytes.extend_from_slice(&ready[..take]);
            client.initiator.on_sent(take);
            if take == 0 {
                break;
            }
        }
        let mut rest = &bytes[..];
        for id in 1..=2_000 {
            let frame = gavel_wire::frame::split(rest).unwrap().unwrap();
            let message = gavel_wire::client::decode(&frame).unwrap();
            assert_eq!(message, ClientMessage::Application(order(id)), "in pieces of {piece}");
            rest = &rest[frame.whole_bytes..];
        }
        assert!(rest.is_empty());
    }
}

#[test]
fn what_was_never_sent_is_not_called_sent_again() {
    let mut client = established();
    client.submit(&order(1));
    client.sent();
    client.disconnect(DisconnectReason::PeerClosed);
    assert_eq!(client.submit(&order(2)), SeqNo(2), "a known session takes messages while offline");
    client.connect();
    client.sent();
    client.events();
    client.receive(&ack(1, 1)).unwrap();
    assert_eq!(client.events(), [Told::Established { next_seq: 3, resent: 1, missing: 0 }]);
    assert_eq!(client.sent().len(), 2);
}
