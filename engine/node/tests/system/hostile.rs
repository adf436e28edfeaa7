//! Hostile clients, each beside a healthy one: nothing that one connection does is felt by another.

use crate::support::client::Acked;
use crate::support::{Client, Config, Healthy, NO_HURRY_MS, Node, Place, WITHIN, say};
use gavel_types::{ReportNo, Side, TerminationCode};
use gavel_wire::client::LastReport;
use gavel_wire::server::{SequencedBody, ServerMessage};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// The hostile client's session.
const S: u32 = 1;

/// Runs `attack` on a node that serves a healthy client before, meanwhile and after, and that stops
/// in peace.
fn beside_a_healthy_client(config: &Config, attack: impl FnOnce(&Node)) {
    let place = Place::new(config);
    let mut node = place.start();
    let healthy = Healthy::start(&node);
    attack(&node);
    node.assert_runs();
    healthy.is_served();
    healthy.stop();
    node.stop();
}

/// The same on one thread and on two, for what depends on who hears first of what.
fn beside_a_healthy_client_on_one_thread_and_two(config: &Config, attack: impl Fn(&Node)) {
    for split in [false, true] {
        beside_a_healthy_client(&Config { split, ..config.clone() }, &attack);
    }
}

/// Bytes without a pattern (xorshift), the same in each run.
fn noise(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let byte = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..count).map(byte).collect()
}

/// A frame with bytes of it replaced.
fn spoilt(mut frame: Vec<u8>, at: usize, with: &[u8]) -> Vec<u8> {
    frame[at..at + with.len()].copy_from_slice(with);
    frame
}

#[test]
fn bytes_that_are_no_frame_end_the_connection() {
    let whole = say::bid(1);
    let cases = [
        ("zero length", spoilt(whole.clone(), 0, &[0; 4])),
        ("shorter than its headers", spoilt(whole.clone(), 0, &13_u32.to_be_bytes())),
        ("oversized", spoilt(whole.clone(), 0, &513_u32.to_be_bytes())),
        ("as long as can be said", spoilt(whole.clone(), 0, &[0xFF; 4])),
        ("another encoding", spoilt(whole.clone(), 4, &[0x5B, 0xE0])),
        ("another schema", spoilt(whole.clone(), 10, &[1, 0])),
        ("a block beyond the frame", spoilt(whole.clone(), 6, &[0xFF; 2])),
        ("an unknown session template", say::of_template(99)),
        ("a template that only servers send", say::of_template(6)),
        ("a session message without its block", say::of_template(1)),
    ];
    beside_a_healthy_client(&Config::default(), |node| {
        for ((what, bytes), session) in cases.iter().zip(1..) {
            let mut early = Client::connect(node.address, session);
            early.send(bytes);
            early.hear_the_end(TerminationCode::Unrecognized);
            let mut late = Client::begin(node.address, session);
            late.send(&[say::bid(1), bytes.clone(), say::bid(2)].concat());
            assert_eq!(late.hear_report(1).answers(), Some(1), "{what}");
            late.hear_the_end(TerminationCode::Unrecognized);
            let (late, acked) = Client::resume(node.address, session, 2);
            assert_eq!(acked.expected_seq, 2, "{what}: what follows it is not read");
            late.end();
        }
    });
}

#[test]
fn noise_does_nothing_but_end_its_connection() {
    beside_a_healthy_client(&Config::default(), |node| {
        for seed in 0..100 {
            let mut client = Client::connect(node.address, S);
            // The node may close while this is being sent.
            client.try_send(&noise(seed, 1 + seed as usize * 37));
            let _ = client.stream.shutdown(Shutdown::Write);
            while client.try_hear().is_some() {}
        }
        // Behind a good beginning, with lengths that make it look like frames.
        let mut client = Client::begin(node.address, S);
        for seed in 0..200 {
            let mut bytes = noise(seed, 40 + seed as usize % 90);
            let length = bytes.len() as u32;
            bytes[..4].copy_from_slice(&length.to_be_bytes());
            bytes[4..14].copy_from_slice(&[0xEB, 0x50, 20, 0, 100, 0, 0x56, 0x47, 0, 0]);
            bytes[8] = 100 + (seed % 7) as u8;
            client.send(&bytes);
        }
        for number in 1..=200 {
            client.hear_report(number);
        }
        client.end();
    });
}

#[test]
fn messages_out_of_their_state_end_the_connection() {
    let establish = |session| say::establish(session, NO_HURRY_MS, 1, LastReport::default());
    beside_a_healthy_client(&Config::default(), |node| {
        let early = [
            say::bid(1),
            say::sequence(1),
            say::heartbeat(),
            say::retransmit(S, 1, 1),
            say::of_template(199),
        ];
        for bytes in early {
            let mut client = Client::connect(node.address, S);
            client.send(&bytes);
            client.hear_the_end(TerminationCode::InvalidState);
        }
        let late = [
            say::negotiate(2),
            establish(2),
            say::retransmit(3, 1, 1),
            say::sequence(0),
            say::sequence(u64::MAX),
            say::sequence(u64::MAX / 2 + 1),
        ];
        let mut client = Client::begin(node.address, 2);
        for bytes in late {
            client.send(&bytes);
            client.hear_the_end(TerminationCode::InvalidState);
            (client, _) = Client::resume(node.address, 2, 1);
        }
        client.send(&say::bid(1));
        assert_eq!(client.hear_report(1).answers(), Some(1), "no number was lost");
        client.end();
    });
}

#[test]
fn half_a_frame_holds_nothing_up_and_is_waited_for_no_longer_than_anything() {
    let config = Config { establish_timeout_ms: 300, ..Config::default() };
    beside_a_healthy_client(&config, |node| {
        let mut client = Client::begin(node.address, S);
        let frame = say::bid(1);
        for cut in 1..frame.len() {
            client.send(&frame[..cut]);
            client.send(&frame[cut..]);
            client.hear_report(cut as u64);
        }
        client.end();
        let next = frame.len() as u64;
        let mut early = Client::connect(node.address, 2);
        early.send(&say::negotiate(2)[..40]);
        let mut late = Client::connect(node.address, S);
        late.establish_with(100, next, LastReport::default());
        late.send(&frame[..40]);
        early.hear_the_end(TerminationCode::KeepaliveTimeout);
        late.hear_the_end(TerminationCode::KeepaliveTimeout);
    });
}

#[test]
fn a_whole_day_in_one_write_is_answered_in_order() {
    beside_a_healthy_client_on_one_thread_and_two(&Config::default(), |node| {
        let mut client = Client::connect(node.address, S);
        let mut bytes = say::negotiate(S);
        bytes.extend(say::establish(S, NO_HURRY_MS, 1, LastReport::default()));
        for name in 1..=1_000 {
            bytes.extend(say::bid(name));
        }
        bytes.extend(say::terminate(S));
        client.send(&bytes);
        let heard = client.hear();
        assert!(matches!(heard.message(), ServerMessage::NegotiationResponse { .. }), "{heard:?}");
        assert_eq!(client.acked(NO_HURRY_MS).next_number, 1);
        for name in 1..=1_000 {
            assert_eq!(client.hear_report(name).answers(), Some(name));
        }
        client.hear_the_end(TerminationCode::Finished);
    });
}

#[test]
fn numbers_far_ahead_are_burnt_once_and_for_all() {
    beside_a_healthy_client(&Config::default(), |node| {
        let mut client = Client::begin(node.address, S);
        client.send(&[say::sequence(1 << 31), say::sequence(3), say::bid(1)].concat());
        client.send(&[say::sequence(1 << 31), say::bid(2)].concat());
        client.hear_report(1);
        assert_eq!(client.hear_report(2).answers(), Some(2), "number 3 was burnt");
        client.end();
    });
}

#[test]
fn a_client_that_half_closes_hears_what_it_is_owed() {
    beside_a_healthy_client_on_one_thread_and_two(&Config::default(), |node| {
        let mut client = Client::begin(node.address, S);
        let orders: Vec<u8> = (1..=500).flat_map(say::bid).collect();
        client.send(&orders);
        client.stream.shutdown(Shutdown::Write).unwrap();
        for number in 1..=500 {
            client.hear_report(number);
        }
        client.hear_the_end(TerminationCode::Finished);
        // At other moments of its life.
        for bytes in [vec![], say::negotiate(2), say::negotiate(2)[..20].to_vec()] {
            let mut client = Client::connect(node.address, 2);
            client.send(&bytes);
            client.stream.shutdown(Shutdown::Write).unwrap();
            while client.try_hear().is_some() {}
        }
        let both = [say::negotiate(3), say::establish(3, NO_HURRY_MS, 1, LastReport::default())];
        let mut client = Client::connect(node.address, 3);
        client.send(&both.concat());
        client.stream.shutdown(Shutdown::Write).unwrap();
        client.hear();
        client.acked(NO_HURRY_MS);
        client.hear_the_end(TerminationCode::Finished);
        Client::resume(node.address, 3, 1).0.end();
    });
}

/// Closes with a reset: the peer's bytes lie unread.
fn reset(client: Client) {
    let mut one = [0];
    // At least one answer has come, so that bytes are there to be left unread.
    client.stream.peek(&mut one).unwrap();
}

#[test]
fn a_reset_in_the_middle_of_a_frame_frees_the_session() {
    const ORDERS: u64 = 50;
    beside_a_healthy_client_on_one_thread_and_two(&Config::default(), |node| {
        Client::begin(node.address, S).end();
        for round in 0..50 {
            let (mut client, acked) = established_at_last(node, 1 + round * ORDERS);
            // The one that was cut in two is not applied: NotApplied takes its number.
            assert_eq!(acked.expected_seq, if round == 0 { 1 } else { round * ORDERS });
            let orders: Vec<u8> = (0..ORDERS).flat_map(say::hopeless).collect();
            client.send(&orders[..orders.len() - 30]);
            reset(client);
        }
        let (mut client, acked) = established_at_last(node, 1 + 50 * ORDERS);
        client.hear_report(acked.next_number);
        client.end();
    });
}

/// The session on a new connection, as soon as the node has noticed that the old one is over.
fn established_at_last(node: &Node, next_seq: u64) -> (Client, Acked) {
    let began = Instant::now();
    loop {
        let mut client = Client::connect(node.address, S);
        client.send(&say::establish(S, NO_HURRY_MS, next_seq, LastReport::default()));
        let heard = client.hear();
        match heard.message() {
            ServerMessage::EstablishmentAck(ack) => {
                let (next_number, expected_seq) = (ack.next_number.0, ack.expected_seq.0);
                return (client, Acked { next_number, expected_seq });
            }
            ServerMessage::EstablishmentReject { .. } => client.end(),
            other => panic!("{other:?}"),
        }
        assert!(began.elapsed() < WITHIN, "the node does not notice that a connection is over");
    }
}

#[test]
fn requests_for_retransmission_without_end_harm_only_who_asks() {
    beside_a_healthy_client_on_one_thread_and_two(&Config::default(), |node| {
        let mut client = Client::begin(node.address, S);
        let orders: Vec<u8> = (1..=20_000).flat_map(say::hopeless).collect();
        for chunk in orders.chunks(99 * 500) {
            client.send(chunk);
        }
        for number in 1..=20_000 {
            client.hear_report(number);
        }
        // One after the other, whole.
        for _ in 0..10 {
            client.hear_again(1, 20_000);
        }
        // All at once: most are refused, and whoever does not take the refusals is closed.
        let requests: Vec<u8> = (0..20_000).flat_map(|_| say::retransmit(S, 1, 20_000)).collect();
        client.try_send(&requests);
        while client.try_hear().is_some() {}
        established_at_last(node, 20_001).0.end();
    });
}

/// The node's requests to itself outlive the connection that they are for: they must not bring it
/// back to life.
#[test]
fn requests_that_are_still_queued_when_the_connection_is_over_are_dropped() {
    beside_a_healthy_client_on_one_thread_and_two(&Config::default(), |node| {
        // All of it lies in the sockets before the node reads any. Six fill its queue of requests,
        // the others put one at its end and leave: the log says that they are gone before the node
        // comes to what they asked for.
        let mut clients: Vec<Client> =
            (1..=28).map(|session| Client::begin(node.address, session)).collect();
        node.signal("STOP");
        for (at, client) in clients.iter_mut().enumerate() {
            let request = say::retransmit(client.session, 9, 1);
            let count = if at % 5 == 0 { 1_200 } else { 1 };
            client.send(&[request.repeat(count), say::terminate(client.session)].concat());
        }
        node.signal("CONT");
        for mut client in clients {
            // It is cut off, or its Terminate is answered; in both cases the end comes.
            while client.try_hear().is_some() {}
        }
        // The slots' next users.
        for session in 1..=60 {
            let mut next = Client::connect(node.address, session);
            next.send(&say::terminate(session));
            next.hear_the_end(TerminationCode::Finished);
        }
    });
}

/// Orders that fill the book, so that [`queries`] are answered by 2 KiB each.
const LEVELS: u64 = 128;

fn fill_the_book(client: &mut Client) {
    for name in 1..=LEVELS {
        let (side, tick) =
            if name % 2 == 0 { (Side::Buy, 500 - name) } else { (Side::Sell, 500 + name) };
        client.send(&say::order(name, side, say::ticks(tick as i64), 1));
        client.hear_report(name);
    }
}

fn queries(count: u64) -> Vec<u8> {
    (1..=count).flat_map(|name| say::market_data(name, 64)).collect()
}

#[test]
fn a_reader_that_never_reads_is_cut_off_and_catches_up() {
    const QUERIES: u64 = 12_000;
    let config = Config { lag_max_mib: 1, pool_mib: 64, ..Config::default() };
    beside_a_healthy_client_on_one_thread_and_two(&config, |node| {
        let mut client = Client::begin(node.address, S);
        fill_the_book(&mut client);
        // The sockets' buffers and the lag's bound hold less than these 24 MiB.
        client.send(&queries(QUERIES));
        // The session is free as soon as the connection is cut off.
        let next = LEVELS + QUERIES + 1;
        let (mut again, acked) = established_at_last(node, next);
        // What had left before.
        let mut seen = LEVELS;
        while let Some(heard) = client.try_hear() {
            if !heard.is_sequence() {
                seen += 1;
                assert_eq!(heard.report().number, ReportNo(seen), "no gap before the end");
            }
        }
        assert!(seen < acked.next_number - 1, "it was cut off, after {seen} reports");
        if acked.expected_seq < next {
            again.hear_report(acked.next_number); // NotApplied for what was never read
        }
        let missed = again.hear_again(seen + 1, acked.next_number - seen - 1);
        for heard in missed {
            assert!(matches!(heard.report().body, SequencedBody::MarketData(_)), "{heard:?}");
        }
        again.end();
    });
}

#[test]
fn what_a_small_window_has_lost_is_refused_with_the_oldest_that_is_there() {
    const ORDERS: u64 = 60_000;
    let config = Config { lag_max_mib: 1, pool_mib: 4, store_mib: 0, ..Config::default() };
    beside_a_healthy_client(&config, |node| {
        let mut client = Client::begin(node.address, S);
        for first in (1..=ORDERS).step_by(1_000) {
            let orders: Vec<u8> = (first..first + 1_000).flat_map(say::hopeless).collect();
            client.send(&orders);
            for number in first..first + 1_000 {
                client.hear_report(number);
            }
        }
        client.send(&say::retransmit(S, 1, ORDERS));
        let heard = client.hear_next();
        let ServerMessage::RetransmitReject { oldest, .. } = heard.message() else {
            panic!("{heard:?}")
        };
        assert!(oldest.0 > 1 && oldest.0 < ORDERS, "{oldest}");
        client.hear_again(oldest.0, ORDERS - oldest.0 + 1);
        client.end();
    });
}

/// A connection that still drains is owed what its session said until it ended, and no more.
#[test]
fn a_closing_connection_says_nothing_that_its_successor_says() {
    const QUERIES: u64 = 8_000;
    let config = Config { lag_max_mib: 32, pool_mib: 64, ..Config::default() };
    beside_a_healthy_client_on_one_thread_and_two(&config, |node| {
        let mut old = Client::begin(node.address, S);
        fill_the_book(&mut old);
        old.send(&queries(QUERIES));
        old.send(&say::terminate(S));
        let (mut new, acked) = established_at_last(node, LEVELS + QUERIES + 1);
        assert_eq!(acked.next_number, LEVELS + QUERIES + 1, "all of it was read before");
        for (name, number) in (1_000..1_010).zip(acked.next_number..) {
            new.send(&say::hopeless(name));
            new.hear_report(number);
        }
        let mut seen = LEVELS;
        while let Some(heard) = old.try_hear() {
            if let ServerMessage::Sequenced(report) = heard.message() {
                seen += 1;
                assert_eq!(report.number, ReportNo(seen));
            }
        }
        assert!(seen < acked.next_number, "{seen} is the successor's to say");
        new.end();
    });
}

/// However the connection ends while reports are sent again, nobody is left with half of it.
#[test]
fn a_retransmission_may_be_left_at_any_moment() {
    const ORDERS: u64 = 20_000;
    beside_a_healthy_client_on_one_thread_and_two(&Config::default(), |node| {
        let mut client = Client::begin(node.address, S);
        for first in (1..=ORDERS).step_by(1_000) {
            let orders: Vec<u8> = (first..first + 1_000).flat_map(say::hopeless).collect();
            client.send(&orders);
            for number in first..first + 1_000 {
                client.hear_report(number);
            }
        }
        client.end();
        for round in 0..24 {
            let (mut client, _) = established_at_last(node, ORDERS + 1);
            client.send(&say::retransmit(S, 1, ORDERS));
            for _ in 0..round * 10 {
                client.hear();
            }
            match round % 4 {
                0 => drop(client),
                1 => reset(client),
                2 => client.stream.shutdown(Shutdown::Write).unwrap(),
                _ => {
                    client.send(&say::terminate(S));
                    let mut last = None;
                    while let Some(heard) = client.try_hear() {
                        last = Some(heard);
                    }
                    let last = last.unwrap();
                    assert!(matches!(last.message(), ServerMessage::Terminate { .. }), "{last:?}");
                }
            }
        }
        let (mut client, _) = established_at_last(node, ORDERS + 1);
        client.hear_again(1, ORDERS);
        client.end();
    });
}

/// Reports that are being sent again to a client that does not read make way for others' new ones.
#[test]
fn without_a_store_a_retransmission_that_falls_out_of_the_window_ends_the_connection() {
    const QUERIES: u64 = 14_000;
    let config = Config { lag_max_mib: 8, pool_mib: 32, store_mib: 0, ..Config::default() };
    beside_a_healthy_client_on_one_thread_and_two(&config, |node| {
        let mut slow = Client::begin(node.address, S);
        fill_the_book(&mut slow);
        let query = |client: &mut Client, before: u64| {
            for first in (1..=QUERIES).step_by(500) {
                let queries: Vec<u8> =
                    (first..first + 500).flat_map(|name| say::market_data(name, 64)).collect();
                client.send(&queries);
                for number in first..first + 500 {
                    client.hear_report(before + number);
                }
            }
        };
        // 28 MiB of 32, of which sockets' buffers take some when they are sent again.
        query(&mut slow, LEVELS);
        slow.send(&say::retransmit(S, 1, LEVELS + QUERIES));
        let mut other = Client::begin(node.address, 2);
        query(&mut other, 0);
        other.end();
        let heard = slow.hear_next();
        assert!(matches!(heard.message(), ServerMessage::Retransmission { .. }), "{heard:?}");
        let mut seen = 0;
        while let Some(heard) = slow.try_hear() {
            seen += 1;
            assert_eq!(heard.report().number, ReportNo(seen), "no gap before the end");
        }
        assert!(seen < LEVELS + QUERIES, "the window had room for all");
        let (mut slow, acked) = established_at_last(node, LEVELS + QUERIES + 1);
        slow.send(&say::retransmit(S, seen + 1, 1));
        let heard = slow.hear_next();
        let ServerMessage::RetransmitReject { oldest, .. } = heard.message() else {
            panic!("{heard:?}")
        };
        assert!(oldest.0 > seen + 1);
        slow.hear_again(oldest.0, acked.next_number - oldest.0);
        slow.end();
    });
}

#[test]
fn a_thousand_idle_connections_cost_nobody_and_are_closed_in_time() {
    const IDLE: usize = 1_000;
    let config =
        Config { connections_max: 1_100, establish_timeout_ms: 1_500, ..Config::default() };
    beside_a_healthy_client(&config, |node| {
        let began = Instant::now();
        let mut idle: Vec<Client> = (0..IDLE).map(|_| Client::connect(node.address, S)).collect();
        let all_open = began.elapsed();
        for client in &mut idle {
            client.hear_the_end(TerminationCode::KeepaliveTimeout);
        }
        let took = began.elapsed();
        assert!(took > Duration::from_millis(1_400), "closed too early, after {took:?}");
        assert!(took < all_open + Duration::from_secs(6), "closed too late, after {took:?}");
    });
}

#[test]
fn connections_beyond_the_limit_are_closed_at_once_and_those_within_live_on() {
    const MAX: usize = 16;
    let config = Config { connections_max: MAX as u32, ..Config::default() };
    beside_a_healthy_client(&config, |node| {
        for _ in 0..3 {
            // One place is the healthy client's.
            let mut within: Vec<Client> =
                (1..MAX).map(|_| Client::connect(node.address, S)).collect();
            for _ in 0..50 {
                let mut beyond = Client::connect(node.address, S);
                assert_eq!(beyond.try_hear(), None, "closed without a word");
            }
            for client in &mut within {
                client.send(&say::terminate(S));
                client.hear_the_end(TerminationCode::Finished);
            }
        }
    });
}

#[test]
fn coming_and_going_leaves_no_trace() {
    const ROUNDS: u32 = 2_000;
    // A negotiation is let go of when it is durable: on a slow disk all of them wait at one time.
    let config = Config { connections_max: ROUNDS + 64, ..Config::default() };
    beside_a_healthy_client_on_one_thread_and_two(&config, |node| {
        let before = sockets(node);
        for round in 0..ROUNDS {
            let mut stream = TcpStream::connect(node.address).unwrap();
            match round % 4 {
                0 => {}
                1 => stream.write_all(&say::negotiate(S)[..20]).unwrap(),
                2 => stream.write_all(&say::negotiate(S)).unwrap(),
                _ => {
                    stream.write_all(&say::terminate(S)).unwrap();
                    let mut rest = Vec::new();
                    stream.read_to_end(&mut rest).unwrap();
                    assert_eq!(rest.len(), say::terminate(S).len());
                }
            }
        }
        let began = Instant::now();
        while sockets(node) > before {
            assert!(began.elapsed() < WITHIN, "{} sockets, {before} before", sockets(node));
            std::thread::yield_now();
        }
    });
}

/// Sockets that the node has open.
fn sockets(node: &Node) -> usize {
    let files = std::fs::read_dir(format!("/proc/{}/fd", node.id())).unwrap();
    // A file that is closed meanwhile is none.
    let targets = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}
