//! Nodes that are killed, and nodes that are asked to stop.

use crate::support::{Client, Config, Heard, NO_HURRY_MS, Node, Place, say};
use gavel_types::{SeqNo, TerminationCode};
use gavel_wire::client::LastReport;
use gavel_wire::server::{SequencedBody, ServerMessage};
use std::io::Write;

const S: u32 = 1;

/// Sends orders until the node is gone; returns how many were sent whole.
fn flood(stream: &mut std::net::TcpStream, first: u64) -> u64 {
    for name in first.. {
        if stream.write_all(&say::bid(name)).is_err() {
            return name - first;
        }
    }
    unreachable!("the node is killed before the numbers end")
}

/// Lets a client send without a pause, kills the node after some acknowledgements, and returns all
/// that arrived.
fn killed_in_flight(node: Node, mut client: Client, first: u64, after: usize) -> Vec<Heard> {
    let mut stream = client.stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || flood(&mut stream, first));
    let mut heard: Vec<Heard> = (0..after).map(|_| client.hear_next()).collect();
    node.kill();
    while let Some(frame) = client.try_hear() {
        if !frame.is_sequence() {
            heard.push(frame);
        }
    }
    let sent = sender.join().unwrap();
    assert!(sent >= heard.len() as u64, "nothing is acknowledged that was not sent");
    heard
}

#[test]
fn what_was_acknowledged_survives_kill_9_once_and_without_a_gap() {
    let place = Place::new(&Config { pool_mib: 32, ..Config::default() });
    let mut node = place.start();
    let mut client = Client::begin(node.address, S);
    let mut acknowledged: Vec<Heard> = Vec::new();
    let mut next_seq = 1;
    for round in 0..4 {
        let heard = killed_in_flight(node, client, next_seq, 300 + 50 * round);
        acknowledged.extend(heard);
        let last = acknowledged.last().unwrap().report();
        let last =
            LastReport { term: last.stamp.term, index: last.stamp.index, number: last.number };

        node = place.start();
        client = Client::connect(node.address, S);
        // At first with a number that burns nothing, to learn what the node expects.
        let acked = client.establish_with(NO_HURRY_MS, 1, last);
        assert_eq!(acked.next_number, acked.expected_seq, "one report for each order");
        assert!(acked.next_number > last.number.0, "what was acknowledged is there");
        let again = client.hear_again(1, acked.next_number - 1);
        for (before, after) in acknowledged.iter().zip(&again) {
            assert_eq!(before.identity(), after.identity());
        }
        for (heard, name) in again.iter().zip(1..) {
            assert_eq!(heard.answers(), Some(name), "every order once, in its place");
        }
        // What was logged and not acknowledged is known now, too.
        acknowledged = again;
        next_seq = acked.expected_seq;
        client.send(&say::sequence(next_seq));
    }
    client.send(&say::bid(next_seq));
    assert_eq!(client.hear_report(next_seq).answers(), Some(next_seq));
    client.end();
    node.stop();
}

#[test]
fn after_a_crash_the_book_is_as_it_was() {
    let place = Place::new(&Config::default());
    let node = place.start();
    let mut client = Client::begin(node.address, S);
    let mut number = 0;
    for name in 1..=200 {
        let side = if name % 2 == 0 { gavel_types::Side::Buy } else { gavel_types::Side::Sell };
        let tick = 1_000 + (name as i64 * 7_919) % 40;
        client.send(&say::order(name, side, say::ticks(tick), 1 + name % 5));
    }
    client.send(&say::market_data(1, 64));
    let before = loop {
        number += 1;
        let heard = client.hear_report(number);
        if let SequencedBody::MarketData(book) = heard.report().body {
            let levels: Vec<_> = book.bids.iter().chain(book.asks.iter()).collect();
            break levels;
        }
    };
    node.kill();
    let node = place.start();
    let (mut client, acked) = Client::resume(node.address, S, 202);
    assert_eq!((acked.next_number, acked.expected_seq), (number + 1, 202));
    client.send(&say::market_data(2, 64));
    let heard = client.hear_report(number + 1);
    let SequencedBody::MarketData(book) = heard.report().body else { panic!("{heard:?}") };
    let after: Vec<_> = book.bids.iter().chain(book.asks.iter()).collect();
    assert_eq!(before, after);
    assert!(!after.is_empty());
    client.end();
    node.stop();
}

#[test]
fn a_node_that_is_asked_to_stop_tells_its_clients_and_goes_on_later() {
    let place = Place::new(&Config::default());
    let mut node = place.start();
    let mut trader = Client::begin(node.address, 1);
    trader.send(&say::bid(1));
    trader.hear_report(1);
    let mut negotiated = Client::connect(node.address, 2);
    negotiated.negotiate();
    let mut silent = Client::connect(node.address, 3);
    // It was accepted for sure: those who came after it were answered.
    let mut after = Client::connect(node.address, 4);
    after.negotiate();
    node.terminate();
    for client in [&mut trader, &mut negotiated, &mut silent, &mut after] {
        client.hear_the_end(TerminationCode::ShuttingDown);
    }
    let ended = node.wait();
    ended.assert(0, &[]);
    assert_eq!(ended.stderr, "");

    let node = place.start();
    let (mut trader, acked) = Client::resume(node.address, 1, 2);
    assert_eq!((acked.next_number, acked.expected_seq), (2, 2));
    trader.send(&say::cancel(2, 1));
    trader.hear_report(2);
    trader.end();
    let (negotiated, _) = Client::resume(node.address, 2, 1);
    negotiated.end();
    node.stop();
}

#[test]
fn a_node_that_is_asked_to_stop_under_load_stops() {
    let place = Place::new(&Config { pool_mib: 32, ..Config::default() });
    let mut node = place.start();
    let mut client = Client::begin(node.address, S);
    let mut stream = client.stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || flood(&mut stream, 1));
    for number in 1..=100 {
        client.hear_report(number);
    }
    node.terminate();
    let mut last = SeqNo(100);
    let mut told = false;
    while let Some(heard) = client.try_hear() {
        match heard.message() {
            ServerMessage::Sequenced(report) => {
                assert_eq!(report.number.0, last.0 + 1);
                last.0 += 1;
            }
            ServerMessage::Terminate { code, .. } => {
                assert_eq!(code, TerminationCode::ShuttingDown);
                told = true;
            }
            _ => {}
        }
    }
    assert!(told, "the client was told");
    drop(client);
    sender.join().unwrap();
    node.wait().assert(0, &[]);
    let node = place.start();
    let (_, acked) = Client::resume(node.address, S, 1);
    assert!(acked.next_number > last.0);
    node.stop();
}
