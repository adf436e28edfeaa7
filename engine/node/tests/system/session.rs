//! One good client alone: the protocol as the node speaks it.

use crate::support::{Client, Config, Heard, NO_HURRY_MS, Place, say, uuid};
use gavel_types::{
    BusinessRejectReason, EstablishmentRejectCode, NegotiationRejectCode, Qty, ReportNo,
    RetransmitRejectCode, SeqNo, Side, TerminationCode,
};
use gavel_wire::client::{Credentials, LastReport};
use gavel_wire::server::{SequencedBody, ServerMessage};
use std::time::{Duration, Instant};

const S: u32 = 1;

#[test]
fn a_session_from_negotiate_to_terminate_and_on() {
    let place = Place::new(&Config::default());
    let node = place.start();
    let mut client = Client::begin(node.address, S);
    client.send(&say::order(10, Side::Buy, say::ticks(100), 10));
    assert_eq!(client.hear_report(1).answers(), Some(10));
    client.send(&say::replace(11, 10, say::ticks(101), 20));
    let heard = client.hear_report(2);
    let SequencedBody::Replaced(body) = heard.report().body else { panic!("{heard:?}") };
    assert_eq!((body.order.cl_ord_id.0, body.orig_cl_ord_id.0), (11, 10));
    client.send(&say::market_data(5, 64));
    let heard = client.hear_report(3);
    let SequencedBody::MarketData(book) = heard.report().body else { panic!("{heard:?}") };
    let bids: Vec<_> = book.bids.iter().map(|level| (level.price, level.qty)).collect();
    assert_eq!((bids, book.asks.iter().count()), (vec![(say::ticks(101), Qty(20))], 0));
    client.send(&say::cancel(12, 11));
    let heard = client.hear_report(4);
    assert!(matches!(heard.report().body, SequencedBody::Canceled(_)), "{heard:?}");
    client.end();

    let (mut client, acked) = Client::resume(node.address, S, 5);
    assert_eq!((acked.next_number, acked.expected_seq), (5, 5));
    client.send(&say::bid(13));
    assert_eq!(client.hear_report(5).answers(), Some(13));
    client.end();
    node.stop();
}

#[test]
fn a_message_that_the_node_does_not_know_is_answered_and_counted() {
    let place = Place::new(&Config::default());
    let node = place.start();
    let mut client = Client::begin(node.address, S);
    // Not a template; one that only servers send; an order without a side.
    let mut sideless = say::bid(7);
    sideless[14 + 12] = 0;
    let cases = [
        (say::of_template(199), BusinessRejectReason::UnsupportedMessageType, 0),
        (say::of_template(110), BusinessRejectReason::UnsupportedMessageType, 0),
        (sideless, BusinessRejectReason::ConditionallyRequiredFieldMissing, 7),
    ];
    for ((bytes, reason, ref_id), seq) in cases.iter().zip(1..) {
        client.send(bytes);
        let heard = client.hear_report(seq);
        let SequencedBody::BusinessReject(body) = heard.report().body else { panic!("{heard:?}") };
        assert_eq!((body.reason, body.ref_id, body.ref_seq), (*reason, *ref_id, SeqNo(seq)));
    }
    client.send(&say::bid(8));
    assert_eq!(client.hear_report(4).answers(), Some(8));
    client.end();
    let (client, acked) = Client::resume(node.address, S, 5);
    assert_eq!(acked.expected_seq, 5, "each took a number");
    client.end();
    node.stop();
}

#[test]
fn what_is_refused_before_a_session_leaves_the_connection() {
    let place = Place::new(&Config { sessions_max: 2, ..Config::default() });
    let node = place.start();
    let mut client = Client::connect(node.address, S);
    let refused = |heard: Heard| match heard.message() {
        ServerMessage::NegotiationReject { code, .. } => code,
        other => panic!("not a NegotiationReject: {other:?}"),
    };
    let refused_establish = |heard: Heard| match heard.message() {
        ServerMessage::EstablishmentReject(reject) => reject.code,
        other => panic!("not an EstablishmentReject: {other:?}"),
    };
    let signed = Credentials { public_key: [1; 32], ..Credentials::NONE };
    client.send(&say::negotiate_with(S, signed));
    assert_eq!(refused(client.hear()), NegotiationRejectCode::Credentials);
    client.send(&say::establish(S, NO_HURRY_MS, 1, LastReport::default()));
    assert_eq!(refused_establish(client.hear()), EstablishmentRejectCode::Unnegotiated);
    client.negotiate();
    client.send(&say::establish(S, 99, 1, LastReport::default()));
    assert_eq!(refused_establish(client.hear()), EstablishmentRejectCode::KeepaliveInterval);
    // Three refusals are all that one connection gets.
    client.send(&say::establish(S, NO_HURRY_MS, 1, LastReport::default()));
    client.hear_the_end(TerminationCode::InvalidState);

    let mut first = Client::connect(node.address, S);
    first.send(&say::negotiate(S));
    assert_eq!(refused(first.hear()), NegotiationRejectCode::DuplicateId);
    assert_eq!(first.establish(1).next_number, 1);
    let mut second = Client::connect(node.address, S);
    second.send(&say::establish(S, NO_HURRY_MS, 1, LastReport::default()));
    assert_eq!(refused_establish(second.hear()), EstablishmentRejectCode::AlreadyEstablished);
    second.end();
    first.send(&say::negotiate(S));
    first.hear_the_end(TerminationCode::InvalidState);

    Client::begin(node.address, 2).end();
    let mut third = Client::connect(node.address, 3);
    third.send(&say::negotiate(3));
    assert_eq!(refused(third.hear()), NegotiationRejectCode::NoRoom);
    node.stop();
}

#[test]
fn heartbeats_keep_a_session_and_silence_ends_it() {
    const KEEPALIVE_MS: u32 = 100;
    let place = Place::new(&Config::default());
    let node = place.start();
    let mut client = Client::connect(node.address, S);
    client.negotiate();
    client.establish_with(KEEPALIVE_MS, 1, LastReport::default());
    let began = Instant::now();
    for beat in 0..8 {
        let heard = client.hear();
        let ServerMessage::Sequence { next } = heard.message() else { panic!("{heard:?}") };
        assert_eq!(next, ReportNo(1));
        client.send(&if beat % 2 == 0 { say::sequence(1) } else { say::heartbeat() });
    }
    assert!(began.elapsed() >= Duration::from_millis(700), "a beat comes once an interval");
    let silent = Instant::now();
    client.hear_the_end(TerminationCode::KeepaliveTimeout);
    let took = silent.elapsed();
    assert!(took > Duration::from_millis(150), "two intervals are allowed, and not {took:?}");
    assert!(took < Duration::from_secs(5), "silence was allowed for {took:?}");
    let (mut client, _) = Client::resume(node.address, S, 1);
    client.send(&say::bid(1));
    client.hear_report(1);
    client.end();
    node.stop();
}

#[test]
fn numbers_that_are_skipped_are_burnt_and_those_that_come_again_are_ignored() {
    let place = Place::new(&Config::default());
    let node = place.start();
    let mut client = Client::begin(node.address, S);
    let not_applied = |heard: &Heard| match heard.report().body {
        SequencedBody::NotApplied(range) => (range.from.0, range.count),
        other => panic!("not a NotApplied: {other:?}"),
    };
    client.send(&say::bid(1));
    client.hear_report(1);
    client.send(&say::sequence(5));
    assert_eq!(not_applied(&client.hear_report(2)), (2, 3));
    client.send(&say::bid(5));
    assert_eq!(client.hear_report(3).answers(), Some(5));
    // 2, 3 and 4 are burnt, 5 was taken: only 6 is new.
    client.send(&say::sequence(2));
    for name in 2..=6 {
        client.send(&say::bid(100 + name));
    }
    assert_eq!(client.hear_report(4).answers(), Some(106));
    client.end();
    let (mut client, acked) = Client::resume(node.address, S, 10);
    assert_eq!((acked.next_number, acked.expected_seq), (5, 7));
    assert_eq!(not_applied(&client.hear_report(5)), (7, 3));
    client.send(&say::bid(110));
    assert_eq!(client.hear_report(6).answers(), Some(110));
    client.end();
    // One that begins below what is expected repeats itself.
    let (mut client, acked) = Client::resume(node.address, S, 9);
    assert_eq!(acked.expected_seq, 11);
    for name in 9..=11 {
        client.send(&say::bid(200 + name));
    }
    assert_eq!(client.hear_report(7).answers(), Some(211));
    client.end();
    node.stop();
}

#[test]
fn reports_are_sent_again_when_asked_for() {
    let place = Place::new(&Config::default());
    let node = place.start();
    let mut client = Client::begin(node.address, S);
    let live: Vec<Heard> = (1..=50)
        .map(|name| {
            client.send(&say::bid(name));
            client.hear_report(name)
        })
        .collect();
    let identities = |heard: &[Heard]| heard.iter().map(Heard::identity).collect::<Vec<_>>();
    for (from, count) in [(1, 50), (1, 1), (50, 1), (20, 7)] {
        let again = client.hear_again(from, count);
        let first = from as usize - 1;
        assert_eq!(identities(&again), identities(&live[first..first + count as usize]));
    }
    for (from, count) in [(51, 1), (50, 2), (0, 1), (1, 0), (1, u64::MAX), (u64::MAX, u64::MAX)] {
        client.send(&say::retransmit(S, from, count));
        let heard = client.hear_next();
        let expected = ServerMessage::RetransmitReject {
            uuid: uuid(S),
            timestamp: say::TIMESTAMP,
            oldest: ReportNo(1),
            code: RetransmitRejectCode::OutOfRange,
        };
        assert_eq!(heard.message(), expected, "{count} from {from}");
    }
    // Two requests and an order in one write: the second request meets the first under way, and
    // what is new waits for the end of what is old.
    let pair = [say::retransmit(S, 1, 50), say::retransmit(S, 1, 1), say::bid(51)].concat();
    client.send(&pair);
    let heard = client.hear_next();
    assert!(matches!(heard.message(), ServerMessage::Retransmission { .. }), "{heard:?}");
    let heard = client.hear();
    let ServerMessage::RetransmitReject { code, .. } = heard.message() else { panic!("{heard:?}") };
    assert_eq!(code, RetransmitRejectCode::RequestLimitExceeded);
    let again: Vec<Heard> = (0..50).map(|_| client.hear()).collect();
    assert_eq!(identities(&again), identities(&live));
    assert_eq!(client.hear().message(), ServerMessage::Sequence { next: ReportNo(51) });
    assert_eq!(client.hear_report(51).answers(), Some(51));
    client.end();
    // On another connection, too.
    let (mut client, acked) = Client::resume(node.address, S, 52);
    assert_eq!(acked.next_number, 52);
    assert_eq!(identities(&client.hear_again(1, 50)), identities(&live));
    client.end();
    node.stop();
}

#[test]
fn a_client_that_knows_more_than_the_log_is_told_that_it_was_rolled_back() {
    let place = Place::new(&Config::default());
    let node = place.start();
    let mut client = Client::begin(node.address, S);
    client.send(&say::bid(1));
    let stamp = client.hear_report(1).report().stamp;
    client.end();
    let known = LastReport { term: stamp.term, index: stamp.index, number: ReportNo(1) };
    let mut wrong = [known; 3];
    wrong[0].index.0 += 1_000;
    wrong[1].term.0 += 1;
    wrong[2].number.0 += 1;
    let mut client = Client::connect(node.address, S);
    for last in wrong {
        client.send(&say::establish(S, NO_HURRY_MS, 2, last));
        let heard = client.hear();
        let ServerMessage::EstablishmentReject(reject) = heard.message() else {
            panic!("{heard:?}")
        };
        assert_eq!(reject.code, EstablishmentRejectCode::RolledBack, "{last:?}");
        // SAFETY 18: where both flows stand, and what the log is.
        assert_eq!((reject.next_number, reject.expected_seq), (ReportNo(2), SeqNo(2)));
        assert!(reject.log_index > stamp.index);
        assert_eq!(reject.runs.iter().len(), 1);
    }
    let mut client = Client::connect(node.address, S);
    assert_eq!(client.establish_with(NO_HURRY_MS, 2, known).next_number, 2);
    client.end();
    node.stop();
}
