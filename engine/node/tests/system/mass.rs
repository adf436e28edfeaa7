//! Many orders that end at once: more than a machine cancels in one turn. The node, whoever follows
//! its log, and the next start do the same.

use crate::snapshot::wait_for_snapshots;
use crate::support::{Client, Config, NO_HURRY_MS, Place, say};
use gavel_types::{CancelReason, ClOrdId, OrdStatus};
use gavel_wire::client::Establish;
use gavel_wire::server::SequencedBody;

const S: u32 = 1;
/// Several turns.
const ORDERS: u64 = 300;

fn rest(client: &mut Client) {
    client.send(&(1..=ORDERS).flat_map(say::bid).collect::<Vec<u8>>());
    (1..=ORDERS).for_each(|number| drop(client.hear_report(number)));
}

/// The reports from `from` on are of these orders, cancelled for this reason, in their order.
fn hear_all_canceled(client: &mut Client, from: u64, why: CancelReason) {
    for n in 0..ORDERS {
        let heard = client.hear_report(from + n);
        let SequencedBody::Canceled(exec) = heard.report().body else { panic!("{heard:?}") };
        assert_eq!(exec.order.cl_ord_id, ClOrdId(n + 1));
        assert_eq!(exec.order.detail, why.code());
    }
}

#[test]
fn a_mass_cancel_of_many_orders_is_followed_and_replayed() {
    let place = Place::new(&Config::default());
    let mut node = place.start();
    let mut client = Client::begin(node.address, S);
    rest(&mut client);
    client.send(&say::status_of(7));
    let heard = client.hear_report(ORDERS + 1);
    let SequencedBody::Status(status) = heard.report().body else { panic!("{heard:?}") };
    assert_eq!((status.order.cl_ord_id, status.order.ord_status), (ClOrdId(7), OrdStatus::New));
    client.send(&say::cancel_all(1_000));
    hear_all_canceled(&mut client, ORDERS + 2, CancelReason::MassAction);
    let heard = client.hear_report(2 * ORDERS + 2);
    let SequencedBody::MassAction(answer) = heard.report().body else { panic!("{heard:?}") };
    assert_eq!(u64::from(answer.total_affected), ORDERS);
    client.send(&say::status_of(7));
    let heard = client.hear_report(2 * ORDERS + 3);
    let SequencedBody::Status(status) = heard.report().body else { panic!("{heard:?}") };
    assert_eq!(status.order.ord_status, OrdStatus::Rejected, "there is none of that name");
    // The shadow has come past it when there is a snapshot.
    node.signal("USR1");
    wait_for_snapshots(&place, 1);
    node.assert_runs();
    client.send(&say::bid(2_000));
    client.hear_report(2 * ORDERS + 4);
    node.kill();
    for file in std::fs::read_dir(place.data()).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "gvs") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let node = place.start();
    let (mut client, acked) = Client::resume(node.address, S, ORDERS + 5);
    assert_eq!(acked.next_number, 2 * ORDERS + 5);
    let again = client.hear_again(2 * ORDERS + 2, 1);
    let SequencedBody::MassAction(answer) = again[0].report().body else { panic!("{again:?}") };
    assert_eq!(u64::from(answer.total_affected), ORDERS);
    client.end();
    node.stop();
}

#[test]
fn many_orders_of_a_lost_session_are_cancelled_followed_and_replayed() {
    let place = Place::new(&Config::default());
    let mut node = place.start();
    let mut client = Client::connect(node.address, S);
    client.negotiate();
    client.send(&say::establish_as(&Establish { cod_type: 1, cod_window_ms: 0, ..say::ask(S, 1) }));
    client.acked(NO_HURRY_MS);
    rest(&mut client);
    drop(client);
    // Whoever asks is told when they are gone.
    let mut observer = Client::begin(node.address, 2);
    for query in 1.. {
        observer.send(&say::market_data(query, 1));
        let heard = observer.hear_report(query);
        let SequencedBody::MarketData(book) = heard.report().body else { panic!("{heard:?}") };
        if book.bids.iter().len() == 0 {
            break;
        }
    }
    node.signal("USR1");
    wait_for_snapshots(&place, 1);
    node.assert_runs();
    node.kill();
    let node = place.start();
    let (mut client, acked) = Client::resume(node.address, S, ORDERS + 1);
    assert_eq!(acked.next_number, 2 * ORDERS + 1);
    let again = client.hear_again(ORDERS + 1, ORDERS);
    for (n, heard) in (1..).zip(&again) {
        let SequencedBody::Canceled(exec) = heard.report().body else { panic!("{heard:?}") };
        assert_eq!(exec.order.cl_ord_id, ClOrdId(n));
        assert_eq!(exec.order.detail, CancelReason::CancelOnDisconnect.code());
    }
    client.end();
    node.stop();
}
