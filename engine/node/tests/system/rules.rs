//! The rules of sessions that need time, keys or an end, against a running node.

use crate::support::{Client, Config, Heard, NO_HURRY_MS, Place, say, uuid};
use ed25519_dalek::{Signer, SigningKey};
use gavel_types::{
    BusinessRejectReason, CancelReason, EstablishmentRejectCode, NegotiationRejectCode, ReportNo,
    SeqNo, TerminationCode,
};
use gavel_wire::client::{Credentials, Establish, LastReport};
use gavel_wire::credentials::{Signed, signed_bytes};
use gavel_wire::server::{SequencedBody, ServerMessage};
use std::time::{Duration, Instant};

const S: u32 = 1;
const OTHER: u32 = 2;

fn with(sessions: &str) -> Config {
    Config { sessions: sessions.into(), ..Config::default() }
}

fn refusal(heard: &Heard) -> EstablishmentRejectCode {
    match heard.message() {
        ServerMessage::EstablishmentReject(reject) => reject.code,
        other => panic!("not an EstablishmentReject: {other:?}"),
    }
}

fn finished(heard: &Heard) -> u64 {
    match heard.message() {
        ServerMessage::FinishedReceiving { uuid: said, next } => {
            assert_eq!(said, uuid(S));
            next.0
        }
        other => panic!("not FinishedReceiving: {other:?}"),
    }
}

#[test]
fn a_flow_that_is_finished_stays_so_over_a_restart() {
    let place = Place::new(&Config::default());
    let node = place.start();
    let mut client = Client::begin(node.address, S);
    client.send(&say::bid(1));
    client.hear_report(1);
    client.send(&say::finished(S, 3));
    let heard = client.hear_next();
    // The answer to a session message may overtake the report of what was burnt.
    let (burnt, end) = match heard.message() {
        ServerMessage::Sequenced(_) => (heard, client.hear_next()),
        _ => (client.hear_next(), heard),
    };
    let SequencedBody::NotApplied(range) = burnt.report().body else { panic!("{burnt:?}") };
    assert_eq!((range.from, range.count), (SeqNo(2), 2));
    assert_eq!(finished(&end), 3, "reports 1 and 2 were made before");
    client.send(&say::bid(2));
    client.hear_the_end(TerminationCode::InvalidState);
    node.stop();

    let node = place.start();
    let (mut client, acked) = Client::resume(node.address, S, 4);
    assert_eq!((acked.next_number, acked.expected_seq), (3, 4));
    assert_eq!(finished(&client.hear_next()), 3, "it is told again");
    assert_eq!(client.hear_again(1, 2).len(), 2, "and may fetch what it missed");
    client.send(&say::bid(4));
    client.hear_the_end(TerminationCode::InvalidState);
    node.stop();
}

#[test]
fn negotiating_again_is_answered_the_same_after_a_restart() {
    let place = Place::new(&Config::default());
    let node = place.start();
    Client::connect(node.address, S).negotiate();
    node.kill();
    let node = place.start();
    let mut client = Client::connect(node.address, S);
    client.send(&say::negotiate(S));
    let heard = client.hear();
    let ServerMessage::NegotiationReject { code, .. } = heard.message() else {
        panic!("{heard:?}")
    };
    assert_eq!(code, NegotiationRejectCode::DuplicateId);
    client.establish(1);
    client.end();
    node.stop();
}

#[test]
fn both_sides_keep_alive_and_a_silent_client_is_told_why_it_ends() {
    let place = Place::new(&Config::default());
    let node = place.start();
    let mut client = Client::connect(node.address, S);
    client.negotiate();
    let began = Instant::now();
    client.establish_with(200, 1, LastReport::default());
    // The node says Sequence once an interval, and waits two for a word of the client: the second
    // Sequence and the end are due at one time.
    assert!(client.hear().is_sequence());
    client.hear_the_end(TerminationCode::KeepaliveTimeout);
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(400), "{took:?}");
    let mut client = Client::connect(node.address, S);
    client.establish_with(200, 1, LastReport::default());
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(1_200) {
        assert!(client.hear().is_sequence(), "one that speaks stays");
        client.send(&say::sequence(1));
    }
    client.end();
    node.stop();
}

/// A session with one bid, whose client then goes as `go` says.
fn leaves(node: &crate::support::Node, cod_type: u8, cod_window_ms: u64, go: impl FnOnce(Client)) {
    let mut client = Client::connect(node.address, S);
    client.negotiate();
    client.send(&say::establish_as(&Establish { cod_type, cod_window_ms, ..say::ask(S, 1) }));
    client.acked(NO_HURRY_MS);
    client.send(&say::bid(1));
    client.hear_report(1);
    go(client);
}

/// The book's best bid, as another session sees it.
fn has_bid(observer: &mut Client, query: u64) -> bool {
    observer.send(&say::market_data(query, 1));
    let heard = observer.hear_next();
    let SequencedBody::MarketData(book) = heard.report().body else { panic!("{heard:?}") };
    book.bids.iter().len() == 1
}

#[track_caller]
fn until_gone(observer: &mut Client, mut query: u64) {
    let until = Instant::now() + Duration::from_secs(30);
    while has_bid(observer, query) {
        assert!(Instant::now() < until, "the order is never cancelled");
        query += 1;
    }
}

#[test]
fn orders_of_a_lost_session_are_cancelled_when_its_window_is_over() {
    let place = Place::new(&Config::default());
    let node = place.start();
    let mut observer = Client::begin(node.address, OTHER);
    let lost = Instant::now();
    leaves(&node, 1, 300, drop);
    until_gone(&mut observer, 1);
    assert!(lost.elapsed() >= Duration::from_millis(300), "{:?}", lost.elapsed());
    let (mut client, acked) = Client::resume(node.address, S, 2);
    assert_eq!(acked.next_number, 3);
    let again = client.hear_again(2, 1);
    let SequencedBody::Canceled(exec) = again[0].report().body else { panic!("{:?}", again[0]) };
    assert_eq!(exec.order.detail, CancelReason::CancelOnDisconnect.code());
    node.stop();
}

/// SAFETY 21: what a session had asked for holds over a crash, and its window begins at the start.
#[test]
fn a_crash_of_the_node_is_a_loss_of_every_connection() {
    let place = Place::new(&Config::default());
    let node = place.start();
    let mut kept = None;
    leaves(&node, 3, 200, |client| kept = Some(client));
    node.kill();
    drop(kept);
    let node = place.start();
    let mut observer = Client::begin(node.address, OTHER);
    until_gone(&mut observer, 1);
    node.stop();
}

#[test]
fn a_session_that_is_away_too_long_is_forgotten() {
    let place = Place::new(&with("idle_expiry_s = 1"));
    let node = place.start();
    let mut client = Client::begin(node.address, S);
    client.send(&say::hopeless(1));
    client.hear_report(1);
    client.end();
    let until = Instant::now() + Duration::from_secs(30);
    let mut client = Client::connect(node.address, S);
    loop {
        // Asking for its name is no way to keep a session.
        client.send(&say::negotiate(S));
        if matches!(client.hear().message(), ServerMessage::NegotiationResponse { .. }) {
            break;
        }
        client = Client::connect(node.address, S);
        assert!(Instant::now() < until, "it is never forgotten");
    }
    assert_eq!(client.establish(1).next_number, 1, "its numbers begin anew");
    client.send(&say::bid(1));
    client.hear_report(1);
    client.end();
    node.stop();
}

#[test]
fn a_session_that_sends_too_fast_is_refused_and_may_still_cancel() {
    let place = Place::new(&with("throttle_per_s = 1\nthrottle_burst = 2"));
    let node = place.start();
    let mut client = Client::begin(node.address, S);
    for id in 1..=3 {
        client.send(&say::bid(id));
    }
    client.send(&say::cancel(4, 1));
    client.hear_report(1);
    client.hear_report(2);
    let heard = client.hear_report(3);
    let SequencedBody::BusinessReject(reject) = heard.report().body else { panic!("{heard:?}") };
    assert_eq!(reject.reason, BusinessRejectReason::ThrottleLimitExceeded);
    assert_eq!((reject.ref_seq, reject.ref_id, reject.ref_template), (SeqNo(3), 3, 100));
    let heard = client.hear_report(4);
    assert!(matches!(heard.report().body, SequencedBody::Canceled(_)), "{heard:?}");
    drop(client);
    // A new connection has the same bucket, and the refused number stays taken.
    let mut client = Client::connect(node.address, S);
    client.send(&say::establish(S, NO_HURRY_MS, 3, LastReport::default()));
    client.hear();
    client.send(&say::bid(3));
    client.send(&say::cancel(4, 1));
    client.send(&say::bid(5));
    let heard = client.hear_report(5);
    let SequencedBody::BusinessReject(reject) = heard.report().body else { panic!("{heard:?}") };
    assert_eq!(reject.ref_seq, SeqNo(5));
    node.stop();
}

fn sign(key: &SigningKey, nonce: &[u8; 32], message: Signed) -> Credentials {
    let bytes = signed_bytes(nonce, uuid(S), say::TIMESTAMP, message);
    let public_key = key.verifying_key().to_bytes();
    Credentials { public_key, signature: key.sign(&bytes).to_bytes() }
}

/// A connection to a node that asks for keys, and its challenge.
fn challenged(node: &crate::support::Node) -> (Client, [u8; 32]) {
    let mut client = Client::connect(node.address, S);
    let heard = client.hear();
    let ServerMessage::Challenge { nonce } = heard.message() else { panic!("{heard:?}") };
    (client, nonce)
}

fn negotiated(client: &mut Client, credentials: Credentials) -> Option<NegotiationRejectCode> {
    client.send(&say::negotiate_with(S, credentials));
    match client.hear().message() {
        ServerMessage::NegotiationResponse { .. } => None,
        ServerMessage::NegotiationReject { code, .. } => Some(code),
        other => panic!("{other:?}"),
    }
}

#[test]
fn where_keys_are_asked_for_only_their_holders_get_in() {
    let place = Place::new(&Config::default());
    let (trader, reader) = (SigningKey::from_bytes(&[5; 32]), SigningKey::from_bytes(&[6; 32]));
    let keys = place.path().join("keys.toml");
    let entry = |id: u32, role: &str, key: &SigningKey| {
        let public_key = key.verifying_key().to_bytes();
        let digits: String = public_key.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!("{role} {id}");
        format!("[[key]]\nid = {id}\nname = {name:?}\nrole = {role:?}\npublic_key = {digits:?}\n")
    };
    let text = entry(1, "trade", &trader) + &entry(2, "read", &reader);
    std::fs::write(&keys, text).unwrap();
    place.configure(&with(&format!("keys = {:?}", keys.display().to_string())).text());
    let node = place.start();

    let (mut client, nonce) = challenged(&node);
    let credentials = Some(NegotiationRejectCode::Credentials);
    assert_eq!(negotiated(&mut client, Credentials::NONE), credentials);
    let stranger = SigningKey::from_bytes(&[7; 32]);
    assert_eq!(negotiated(&mut client, sign(&stranger, &nonce, Signed::Negotiate)), credentials);
    let (mut other, other_nonce) = challenged(&node);
    assert_ne!(nonce, other_nonce);
    let replayed = sign(&reader, &nonce, Signed::Negotiate);
    assert_eq!(negotiated(&mut other, replayed), credentials, "signed for another connection");
    assert_eq!(negotiated(&mut client, replayed), None);

    // Negotiated by the reader: nobody else's, and for reading only.
    let ask = |key, nonce: &[u8; 32]| {
        let credentials = sign(key, nonce, Signed::Establish);
        say::establish_as(&Establish { credentials, ..say::ask(S, 1) })
    };
    other.send(&ask(&trader, &other_nonce));
    assert_eq!(refusal(&other.hear()), EstablishmentRejectCode::Credentials);
    client.send(&ask(&reader, &nonce));
    client.acked(NO_HURRY_MS);
    client.send(&say::bid(1));
    let heard = client.hear_report(1);
    let SequencedBody::BusinessReject(reject) = heard.report().body else { panic!("{heard:?}") };
    assert_eq!(reject.reason, BusinessRejectReason::NotAuthorized);
    client.send(&say::market_data(2, 1));
    let heard = client.hear_report(2);
    assert!(matches!(heard.report().body, SequencedBody::MarketData(_)), "{heard:?}");
    client.end();
    node.stop();

    // A restart has another secret: what was signed for the last process is worth nothing.
    let node = place.start();
    let (mut client, _) = challenged(&node);
    client.send(&ask(&reader, &nonce));
    assert_eq!(refusal(&client.hear()), EstablishmentRejectCode::Credentials);
    node.stop();
    // Without the keys the session is nobody's.
    place.configure(&Config::default().text());
    let node = place.start();
    let mut client = Client::connect(node.address, S);
    client.send(&say::establish_as(&say::ask(S, 1)));
    assert_eq!(refusal(&client.hear()), EstablishmentRejectCode::Credentials);
    node.stop();
}

#[test]
fn an_answer_names_the_number_of_the_next_report() {
    let place = Place::new(&Config::default());
    let node = place.start();
    let mut client = Client::begin(node.address, S);
    client.send(&say::finished(S, 0));
    assert_eq!(finished(&client.hear_next()), 1);
    client.send(&say::finished(S, 0));
    assert_eq!(finished(&client.hear_next()), 1, "said again it is answered again");
    client.send(&say::retransmit(S, 1, 1));
    let heard = client.hear_next();
    let ServerMessage::RetransmitReject { oldest, .. } = heard.message() else {
        panic!("{heard:?}")
    };
    assert_eq!(oldest, ReportNo(1));
    client.end();
    node.stop();
}
