//! A recorded trading day, if there is one: `$GAVEL_DATA/data/lobster/`, order by order.
//!
//! The script's fills and book rows are the exchange's own; its format is said in the data's
//! README.

use crate::support::*;
use gavel_book::Book;
use gavel_book::reference::ReferenceBook;
use gavel_types::*;
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The script's prices are in 10^-4, ours in 10^-9.
const UNIT: i64 = 100_000;

/// The exchange's rows show an empty level by this price, or its negative.
const NO_PRICE: i64 = 9_999_999_999;

fn lines_of(path: &Path) -> impl Iterator<Item = String> + use<> {
    let file = std::fs::File::open(path).expect("the recorded day is there");
    BufReader::new(zstd::Decoder::new(file).unwrap()).lines().map(|line| line.unwrap())
}

struct Replay<M> {
    venue: Venue<M>,
    /// Side, price and total quantity of what is live.
    orders: HashMap<u64, (Side, i64, u64)>,
    aggressors: usize,
    fills: usize,
    books: usize,
}

impl<M: Subject> Replay<M> {
    fn new() -> Self {
        let mut plan = plan(1 << 14, 1 << 12);
        plan.symbols = vec![spec(1, UNIT, 1)];
        plan.symbols[0].price_max = Price(NO_PRICE * UNIT);
        let mut venue = Venue::new(&plan);
        venue.checked = false;
        Self { venue, orders: HashMap::new(), aggressors: 0, fills: 0, books: 0 }
    }

    fn line(&mut self, line: &str, rows: &[String]) {
        let fields: Vec<&str> = line.split(',').collect();
        let id = || fields[1].parse::<u64>().unwrap();
        match fields[0] {
            "N" | "X" | "M" => self.new_order(line, &fields),
            "R" => {
                let by: u64 = fields[2].parse().unwrap();
                let order = self.orders.get_mut(&id()).expect("it is live");
                order.2 -= by;
                let (side, price, qty) = *order;
                let reports = self.venue.run(replace(0, replace_of(id(), id(), side, qty, price)));
                assert_eq!(reports.len(), 1, "{line}");
                assert_eq!(reports[0].kind, ReportKind::Replaced.code(), "{line}");
            }
            "C" => {
                let (side, ..) = self.orders.remove(&id()).expect("it is live");
                let reports = self.venue.run(cancel(0, cancel_of(1, id(), side)));
                assert_eq!(reports[0].kind, ReportKind::Canceled.code(), "{line}");
            }
            "B" => self.book(&rows[id() as usize], line),
            _ => panic!("{line}"),
        }
    }

    fn new_order(&mut self, line: &str, fields: &[&str]) {
        let id = fields[1].parse().unwrap();
        let side = if fields[2] == "B" { Side::Buy } else { Side::Sell };
        let price = fields[3].parse::<i64>().unwrap() * UNIT;
        let qty: u64 = fields[4].parse().unwrap();
        let order = match fields[0] {
            "X" => ioc(id, side, qty, price),
            _ => limit(id, side, qty, price),
        };
        let reports = self.venue.run(enter(0, order));
        assert_eq!(reports[0].kind, ReportKind::New.code(), "{line}");
        let mut fills = Vec::new();
        let mut left = qty;
        for report in &reports[1..] {
            let ReportBody::Trade(trade) = report.parse().unwrap() else {
                panic!("{line}: {report:?}")
            };
            if trade.order.detail == b'Y' {
                left = trade.order.leaves_qty.0;
                continue;
            }
            let (name, qty) = (trade.order.cl_ord_id, trade.last_qty);
            fills.push(format!("{name}:{qty}:{}", trade.last_px.0 / UNIT));
            if trade.order.ord_status == OrdStatus::Filled {
                self.orders.remove(&name.0);
            }
        }
        let expected: Vec<&str> =
            if fields[0] == "N" { vec![] } else { fields[6].split('|').collect() };
        assert_eq!(fills, expected, "{line}");
        self.aggressors += usize::from(fields[0] != "N");
        self.fills += fills.len();
        if left > 0 {
            assert_ne!(fields[0], "X", "nothing is left of {line}");
            self.orders.insert(id, (side, price, qty));
        }
    }

    /// The exchange's row: ask price, ask size, bid price, bid size, five times.
    fn book(&mut self, row: &str, line: &str) {
        let row: Vec<i64> = row.trim_end().split(',').map(|n| n.parse().unwrap()).collect();
        let side = |at: usize| -> Vec<(i64, u64)> {
            let levels = row.chunks_exact(4).map(|level| (level[at] * UNIT, level[at + 1] as u64));
            levels.filter(|(price, _)| price.abs() != NO_PRICE * UNIT).collect()
        };
        let (mut bids, mut asks) = self.venue.depth(1);
        bids.truncate(5);
        asks.truncate(5);
        assert_eq!((bids, asks), (side(2), side(0)), "{line}");
        self.books += 1;
    }
}

/// Runs the first `lines` of the day; None if there is no recorded day.
fn replay<M: Subject>(lines: usize) -> Option<Replay<M>> {
    let Some(folder) = std::env::var_os("GAVEL_DATA") else {
        println!("SKIPPED: GAVEL_DATA is not set");
        return None;
    };
    let folder = PathBuf::from(folder).join("data/lobster");
    let rows = folder.join("AMZN_2012-06-21_34200000_57600000_orderbook_5.csv.zst");
    let rows: Vec<String> = lines_of(&rows).collect();
    let mut replay = Replay::<M>::new();
    for (at, line) in lines_of(&folder.join("AMZN_5.script.csv.zst")).take(lines).enumerate() {
        replay.line(&line, &rows);
        if at % 1_000 == 0 {
            replay.venue.machine.check();
        }
    }
    replay.venue.machine.check();
    let Replay { aggressors, fills, books, .. } = &replay;
    println!("{aggressors} aggressors, {fills} fills, {books} books");
    Some(replay)
}

#[test]
fn the_fast_book_rebuilds_the_day() {
    if let Some(day) = replay::<Book>(usize::MAX) {
        assert_eq!((day.aggressors, day.fills, day.books), (6_588, 8_965, 153_492));
    }
}

#[test]
fn the_naive_book_rebuilds_the_first_lines_alike() {
    const LINES: usize = 20_000;
    if let Some(naive) = replay::<ReferenceBook>(LINES) {
        let fast = replay::<Book>(LINES).expect("the day is there");
        assert!(naive.fills > 100 && naive.books > 5_000, "{} {}", naive.fills, naive.books);
        assert_eq!(naive.fills, fast.fills);
        assert_eq!(naive.venue.digest(), fast.venue.digest());
    }
}
