//! Sends one far-away order after another, cancels each, and says how long the engine took.
//!
//! `cargo run --release -p gavel-client --example ping -- 127.0.0.1:9010`

use gavel_client::{Application, Client, ClientConfig, Event, Limit, SequencedBody};
use gavel_types::{
    CancelOrder, ClOrdId, OrderId, Price, Qty, SessionUuid, Side, SymbolId, TimeInForce,
};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const ROUNDS: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9010".into()).parse()?;
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    let mut client = Client::connect(ClientConfig::new(addr, SessionUuid(nanos.to_le_bytes())))?;
    let ready = client.poll_until(PATIENCE, &mut show, |client| client.is_established())?;
    if !ready {
        return Err("no session within ten seconds".into());
    }
    for round in 1..=ROUNDS {
        for message in [order(2 * round), cancel(2 * round)] {
            let since = Instant::now();
            client.submit(&message)?;
            client.flush();
            let answered =
                client.poll_until(PATIENCE, &mut show, |client| client.in_flight() == 0)?;
            if !answered {
                return Err("no answer within ten seconds".into());
            }
            println!("  after {:?}", since.elapsed());
        }
    }
    client.close();
    Ok(())
}

fn order(id: u64) -> Application {
    let order = Limit {
        cl_ord_id: ClOrdId(id),
        symbol: SymbolId(1),
        side: Side::Buy,
        price: Price(1_000_000),
        qty: Qty(1),
        time_in_force: TimeInForce::Gtc,
    };
    order.into()
}

fn cancel(id: u64) -> Application {
    Application::Cancel(CancelOrder {
        cl_ord_id: ClOrdId(id + 1),
        orig_cl_ord_id: ClOrdId(id),
        order_id: OrderId(0),
        symbol: SymbolId(1),
        side: Side::Buy,
        reserved: [0; 3],
    })
}

fn show(event: Event<'_>) {
    match event {
        Event::Report(report) => {
            let what = match report.body {
                SequencedBody::New(_) => "accepted",
                SequencedBody::Canceled(_) => "canceled",
                SequencedBody::Rejected(_) | SequencedBody::CancelReject(_) => "rejected",
                _ => "something else",
            };
            print!(
                "report {} at {}.{}: {what}",
                report.number, report.stamp.term, report.stamp.index
            );
        }
        other => println!("{other:?}"),
    }
}
