//! Nodes that start from snapshots, and clients that come back for reports of long ago.

use crate::support::{Client, Config, Heard, Node, Place, WITHIN, say};
use gavel_types::{ReportNo, Side};
use gavel_wire::client::LastReport;
use gavel_wire::server::{SequencedBody, ServerMessage};
use std::path::PathBuf;
use std::time::Instant;

const S: u32 = 1;
/// Orders that one client has under way.
const PIPELINE: u64 = 250;

/// Small segments, and a snapshot every few of them. The windows hold about 8,000 reports in all.
fn config() -> Config {
    Config {
        sessions_max: 8,
        pool_mib: 1,
        lag_max_mib: 1,
        segment_mib: 1,
        snapshot_every: 4_000,
        ..Config::default()
    }
}

fn files(place: &Place, prefix: &str, suffix: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(place.data())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with(prefix) && name.ends_with(suffix)
        })
        .collect();
    found.sort();
    found
}

fn snapshots(place: &Place) -> Vec<PathBuf> {
    files(place, "snap-", ".gvs")
}

fn segments(place: &Place) -> Vec<PathBuf> {
    files(place, "wal-", ".seg")
}

fn is_first(segment: &std::path::Path) -> bool {
    segment.ends_with("wal-0000000000000001.seg")
}

/// Until there are so many, the newest of them for good.
pub(crate) fn wait_for_snapshots(place: &Place, count: usize) {
    let began = Instant::now();
    while snapshots(place).len() < count {
        assert!(began.elapsed() < WITHIN, "no snapshot is written");
        std::thread::yield_now();
    }
}

/// Trades orders from `first` on: bids that rest, at many prices, and cancels of half of them.
/// Every message is answered by one report.
fn trade(client: &mut Client, first: u64, count: u64) -> Vec<Heard> {
    let mut heard = Vec::new();
    for from in (first..first + count).step_by(PIPELINE as usize) {
        let names = from..(from + PIPELINE).min(first + count);
        let message = |name: u64| match name % 4 {
            0 => say::cancel(name, name - 1),
            2 => say::cancel(name, name - 2),
            _ => say::order(name, Side::Buy, say::ticks(1 + (name % 97) as i64), 1 + name % 9),
        };
        client.send(&names.clone().flat_map(message).collect::<Vec<u8>>());
        heard.extend(names.map(|number| client.hear_report(number)));
    }
    heard
}

/// The book, as a client sees it; takes one number of either flow.
fn book(client: &mut Client, number: u64) -> Vec<(i64, u64)> {
    client.send(&say::market_data(number, 64));
    let heard = client.hear_report(number);
    let SequencedBody::MarketData(book) = heard.report().body else { panic!("{heard:?}") };
    book.bids.iter().chain(book.asks.iter()).map(|level| (level.price.0, level.qty.0)).collect()
}

/// A node that has traded over several snapshots and segments, and was killed.
struct Killed {
    place: Place,
    /// All that client [`S`] heard.
    heard: Vec<Heard>,
    book: Vec<(i64, u64)>,
}

fn traded(config: &Config) -> Killed {
    let place = Place::new(config);
    let node = place.start();
    let mut client = Client::begin(node.address, S);
    let mut heard = Vec::new();
    let began = Instant::now();
    // Until there are two snapshots and, with them, the first segment was given up.
    while snapshots(&place).len() < 2 || segments(&place).iter().any(|path| is_first(path)) {
        assert!(began.elapsed() < 2 * WITHIN, "the log is not given up: {}", node.said());
        let first = heard.len() as u64 + 1;
        heard.extend(trade(&mut client, first, 2_000));
    }
    let number = heard.len() as u64 + 1;
    let book = book(&mut client, number);
    node.kill();
    Killed { place, heard, book }
}

impl Killed {
    /// The node serves as if nothing had been: book, numbers, and every report since the first.
    fn assert_unharmed(&self, node: &Node) {
        let next = self.heard.len() as u64 + 2;
        let last = self.heard.last().unwrap().report();
        let last =
            LastReport { term: last.stamp.term, index: last.stamp.index, number: last.number };
        let mut client = Client::connect(node.address, S);
        let acked = client.establish_with(crate::support::NO_HURRY_MS, next, last);
        assert_eq!((acked.next_number, acked.expected_seq), (next, next));
        let again = client.hear_again(1, next - 2);
        for (before, after) in self.heard.iter().zip(&again) {
            assert_eq!(before.identity(), after.identity());
        }
        assert_eq!(book(&mut client, next), self.book);
        client.end();
    }
}

#[test]
fn a_start_goes_on_from_a_snapshot_over_segments_that_were_used_again() {
    let killed = traded(&config());
    let node = killed.place.start();
    killed.assert_unharmed(&node);
    // The same once more, from a later one: what was said since is there too.
    node.stop();
}

#[test]
fn a_damaged_snapshot_is_named_and_an_older_one_serves() {
    let killed = traded(&config());
    let newest = snapshots(&killed.place).pop().unwrap();
    let mut bytes = std::fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&newest, bytes).unwrap();
    let node = killed.place.start();
    killed.assert_unharmed(&node);
    let said = node.said();
    assert!(said.contains("is not used") && said.contains("checksum is wrong"), "{said}");
    assert!(said.contains("nothing is lost"), "{said}");
}

#[test]
fn without_a_good_snapshot_a_log_that_was_given_up_is_refused() {
    let killed = traded(&config());
    for snapshot in snapshots(&killed.place) {
        let bytes = std::fs::read(&snapshot).unwrap();
        std::fs::write(&snapshot, &bytes[..bytes.len() - 1]).unwrap();
    }
    let parts = ["first segment is missing", "is not used", "ends before its end mark"];
    killed.place.run(&[]).assert(4, &parts);
    for snapshot in snapshots(&killed.place) {
        std::fs::remove_file(snapshot).unwrap();
    }
    killed.place.run(&[]).assert(4, &["first segment is missing", "Restore the snapshots"]);
}

#[test]
fn without_a_good_snapshot_a_whole_log_serves() {
    // One snapshot only: the log is whole.
    let place = Place::new(&Config { snapshot_every: 0, ..config() });
    let node = place.start();
    let mut client = Client::begin(node.address, S);
    let mut heard = trade(&mut client, 1, 3_000);
    node.signal("USR1");
    wait_for_snapshots(&place, 1);
    heard.extend(trade(&mut client, 3_001, 1_000));
    let book = book(&mut client, 4_001);
    node.kill();
    let killed = Killed { place, heard, book };
    let snapshot = snapshots(&killed.place).pop().unwrap();
    std::fs::write(&snapshot, "no snapshot").unwrap();
    let node = killed.place.start();
    killed.assert_unharmed(&node);
    assert!(node.said().contains("or the whole log"), "{}", node.said());
}

#[test]
fn a_snapshot_of_other_instruments_is_not_loaded() {
    let killed = traded(&config());
    let text = config().text().replace("orders_max = 65536", "orders_max = 65535");
    killed.place.configure(&text);
    killed.place.run(&[]).assert(4, &["cannot be used", "other instruments or limits", "[book]"]);
    killed.place.configure(&config().text());
    let node = killed.place.start();
    killed.assert_unharmed(&node);
}

#[test]
fn who_was_long_away_catches_up_while_others_trade() {
    let place = Place::new(&Config { snapshot_every: 20_000, ..config() });
    let node = place.start();
    let mut away = Client::begin(node.address, S);
    let count = 30_000;
    let heard = trade(&mut away, 1, count);
    away.end();
    let mut other = Client::begin(node.address, 2);
    // The windows of both together hold far less.
    trade(&mut other, 1, 8_000);
    let (mut away, acked) = Client::resume(node.address, S, count + 1);
    assert_eq!(acked.next_number, count + 1);
    let again = std::thread::scope(|scope| {
        let again = scope.spawn(|| away.hear_again(1, count));
        trade(&mut other, 8_001, 4_000);
        again.join().unwrap()
    });
    assert_eq!(again.len(), heard.len());
    for (before, after) in heard.iter().zip(&again) {
        assert_eq!(before.identity(), after.identity());
    }
    // And goes on.
    away.send(&say::bid(count + 1));
    away.hear_report(count + 1);
    away.end();
    other.end();
    node.stop();
}

#[test]
fn what_is_not_kept_is_refused_with_the_oldest_there_is() {
    let place = Place::new(&Config { snapshot_every: 0, store_mib: 0, ..config() });
    let node = place.start();
    let mut client = Client::begin(node.address, S);
    trade(&mut client, 1, 12_000);
    client.send(&say::retransmit(S, 1, 10));
    let heard = client.hear_next();
    let ServerMessage::RetransmitReject { oldest, .. } = heard.message() else {
        panic!("{heard:?}")
    };
    assert!(oldest > ReportNo(1));
    client.hear_again(oldest.0, 12_001 - oldest.0);
    client.end();
    node.stop();
}
