//! All memory is taken at start; what the shadow takes, once it follows.

use crate::snapshot::wait_for_snapshots;
use crate::support::{Client, Config, Place, say};

/// What the resident set may grow by: stacks that are touched deeper, the C library's own, and what
/// the shadow gathers (the 1 MiB that it may hold, and as much again while it grows).
const GROWTH_MAX_BYTES: u64 = (2 + 2) << 20;

const SESSIONS: u32 = 4;
const ORDERS: u64 = 50_000;
/// Orders that one client has under way.
const PIPELINE: u64 = 500;

/// Places and cancels, so that the book does not fill; every message is answered by one report.
fn trade(mut client: Client) {
    for first in (1..=ORDERS).step_by(PIPELINE as usize) {
        let names = first..first + PIPELINE;
        let message = |name: u64| {
            if name % 2 == 1 { say::bid(name) } else { say::cancel(name, name - 1) }
        };
        let orders: Vec<u8> = names.clone().flat_map(message).collect();
        client.send(&orders);
        for number in names {
            client.hear_report(number);
        }
    }
    client.end();
}

#[test]
fn two_hundred_thousand_orders_take_no_more_memory() {
    let place = Place::new(&Config::default());
    let node = place.start();
    let clients: Vec<Client> =
        (1..=SESSIONS).map(|session| Client::begin(node.address, session)).collect();
    // A snapshot shows that the shadow follows, and has what it needs.
    node.signal("USR1");
    wait_for_snapshots(&place, 1);
    let before = node.resident_bytes();
    std::thread::scope(|scope| {
        for client in clients {
            scope.spawn(|| trade(client));
        }
    });
    let after = node.resident_bytes();
    let grown = after.saturating_sub(before);
    println!("resident: {before} bytes before, {after} after");
    assert!(grown <= GROWTH_MAX_BYTES, "{grown} bytes more after {} orders", 4 * ORDERS);
    node.stop();
}
