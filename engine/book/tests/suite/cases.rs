//! Engine-neutral matching cases, if there are any: `$GAVEL_DATA/cases/matching/*.txt`.
//!
//! Their format is said in that folder's README. A case runs if every feature it needs is one that
//! this book has, and if the protocol can say its commands.

use crate::support::*;
use gavel_types::*;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

const FEATURES: [&str; 6] = ["ioc", "market", "move", "reduce", "replace", "qty64"];

const SEED_EC: &str = "NEW 1 S 100@81600|NEW 2 S 50@81599|NEW 3 S 25@81599|NEW 8 S 28@201000|\
    NEW 9 S 32@201000|NEW 10 S 10@200954|NEW 4 B 40@81593|NEW 5 B 20@81590|NEW 6 B 1@81590|\
    NEW 7 B 20@81200|NEW 11 B 12@10000|NEW 12 B 1@10000|NEW 13 B 2@9136";

/// A client with one session that keeps the cases' ids as ClOrdIDs.
struct Client<M> {
    venue: Venue<M>,
    sides: HashMap<u64, Side>,
}

impl<M: Subject> Client<M> {
    fn new() -> Self {
        Self { venue: Venue::new(&plan(64, 64)), sides: HashMap::new() }
    }

    /// The events of a command; None if the protocol has no message for it.
    fn run(&mut self, text: &str) -> Option<Vec<String>> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let id: u64 = words[1].parse().unwrap();
        let side = *self.sides.get(&id).unwrap_or(&Side::Buy);
        let live = self.venue.machine.live().into_iter().find(|o| o.cl_ord_id == ClOrdId(id));
        let (open, cum, price) =
            live.map_or((1, 0, 1), |o| (o.leaves_qty.0, o.cum_qty.0, o.price.0));
        let to = |open, price| replace(0, replace_of(id, id, side, cum + open, price));
        let command = match words[0] {
            "NEW" => enter(0, self.new_order(id, &words)),
            "CANCEL" => cancel(0, cancel_of(900_000, id, side)),
            "MOVE" => to(open, words[2].parse().unwrap()),
            "REPLACE" => {
                let (qty, price) = words[2].split_once('@').unwrap();
                to(qty.parse().unwrap(), price.parse().unwrap())
            }
            // OrderCancelReplaceRequest says what is to be left, so "by nothing" is no reduction
            // and "by less than nothing" is an increase: neither can be refused as the case asks.
            "REDUCE" => match words[2].parse::<i64>().unwrap() {
                by if by <= 0 => return None,
                by => to(open.saturating_sub(by as u64), price),
            },
            other => panic!("{other} is not among the features"),
        };
        let reports = self.venue.run(command);
        let mut events = Vec::new();
        let mut taker = ClOrdId(0);
        for report in &reports {
            match report.parse().unwrap() {
                ReportBody::Trade(r) if r.order.detail == b'Y' => taker = r.order.cl_ord_id,
                ReportBody::Trade(r) => {
                    let maker = r.order.cl_ord_id;
                    events.push(format!("T {maker} {taker} {}@{}", r.last_qty, r.last_px));
                }
                ReportBody::Canceled(r) => {
                    events.push(format!("X {id} {}", r.order.qty.0 - r.order.cum_qty.0));
                }
                ReportBody::Replaced(r) if words[0] == "REDUCE" => {
                    events.push(format!("X {id} {}", open - r.order.leaves_qty.0));
                }
                ReportBody::Rejected(r) => {
                    let reason = match OrderRejectReason::from_code(r.order.detail).unwrap() {
                        OrderRejectReason::DuplicateOrder => "DUPLICATE_ID",
                        OrderRejectReason::IncorrectQuantity => "BAD_QTY",
                        OrderRejectReason::NoLiquidity => "NO_LIQUIDITY",
                        other => panic!("{other:?}"),
                    };
                    events.push(format!("R {id} {reason}"));
                }
                ReportBody::CancelReject(r) => {
                    assert_eq!(r.reason, CancelRejectReason::UnknownOrder);
                    events.push(format!("R {id} UNKNOWN_ORDER"));
                }
                _ => {}
            }
        }
        Some(events)
    }

    fn new_order(&mut self, id: u64, words: &[&str]) -> NewOrder {
        let side = if words[2] == "B" { Side::Buy } else { Side::Sell };
        self.sides.insert(id, side);
        let (qty, price) = words[3].split_once('@').unwrap();
        let qty = qty.parse().unwrap();
        let mut order = match price {
            "MKT" => market(id, side, qty),
            price => limit(id, side, qty, price.parse().unwrap()),
        };
        for word in &words[4..] {
            match *word {
                "IOC" => order.time_in_force = TimeInForce::Ioc,
                word if word.starts_with("acct=") => {
                    order.account = Account(word[5..].parse().unwrap());
                }
                other => panic!("{other} is not among the features"),
            }
        }
        order
    }

    /// The book as cases draw it.
    fn book(&self) -> String {
        let mut sides = [BTreeMap::new(), BTreeMap::new()];
        for order in self.venue.machine.live() {
            let side = &mut sides[usize::from(order.side == Side::Sell)];
            let level = side.entry(order.price.0).or_insert((0, 0));
            *level = (level.0 + order.leaves_qty.0, level.1 + 1);
        }
        let show = |levels: Vec<(&i64, &(u64, u32))>| {
            let level =
                |(price, (qty, orders)): &(&i64, &(u64, u32))| format!("{price}:{qty}/{orders}");
            let shown: Vec<String> = levels.iter().map(level).collect();
            if shown.is_empty() { "-".into() } else { shown.join(" ") }
        };
        let bids = show(sides[0].iter().rev().collect());
        format!("{bids} | {}", show(sides[1].iter().collect()))
    }
}

enum Outcome {
    Held,
    Lacks(String),
    Unsayable,
}

fn run_case<M: Subject>(lines: &[&str]) -> Outcome {
    let name = lines[0];
    let mut client = Client::<M>::new();
    let mut rows = lines[1..].iter().peekable();
    while let Some(row) = rows.next() {
        let (head, rest) = row.split_once(' ').unwrap();
        match head {
            "src" | "conv" => {}
            "need" => {
                if let Some(lack) = rest.split(',').find(|f| !FEATURES.contains(&f.trim())) {
                    return Outcome::Lacks(lack.into());
                }
            }
            "seed" => SEED_EC.split('|').for_each(|text| {
                assert_eq!(client.run(text).unwrap(), [""; 0], "{name}: the seed does not trade");
            }),
            ">" => {
                let mut expected = Vec::new();
                while let Some(event) = rows.next_if(|row| row.starts_with('<')) {
                    expected.push(event[1..].trim().to_string());
                }
                let Some(events) = client.run(rest) else { return Outcome::Unsayable };
                assert_eq!(events, expected, "{name}: {rest}");
            }
            "=" => assert_eq!(client.book(), rest.trim(), "{name}"),
            other => panic!("{name}: {other}"),
        }
    }
    Outcome::Held
}

/// The lines of each case, without comments.
fn cases_of(text: &str) -> Vec<Vec<&str>> {
    let mut cases: Vec<Vec<&str>> = Vec::new();
    for line in text.lines() {
        let line = if line.starts_with("src") { line } else { line.split('#').next().unwrap() };
        match line.trim_end() {
            "" => {}
            line if line.starts_with("case ") => cases.push(vec![line]),
            line => cases.last_mut().expect("a case begins with its name").push(line),
        }
    }
    cases
}

fn the_cases_hold<M: Subject>() {
    let Some(folder) = std::env::var_os("GAVEL_DATA") else {
        println!("SKIPPED: GAVEL_DATA is not set");
        return;
    };
    let folder = PathBuf::from(folder).join("cases/matching");
    let files = std::fs::read_dir(&folder).expect("GAVEL_DATA has cases/matching");
    let (mut held, mut skipped) = (0, 0);
    for file in files.map(|file| file.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for case in cases_of(&text) {
            let case = &case[..];
            match run_case::<M>(case) {
                Outcome::Held => held += 1,
                Outcome::Lacks(feature) => {
                    skipped += 1;
                    println!("SKIPPED {}: needs {feature}", case[0]);
                }
                Outcome::Unsayable => {
                    skipped += 1;
                    println!("SKIPPED {}: the protocol cannot say it", case[0]);
                }
            }
        }
    }
    println!("{held} cases held, {skipped} skipped");
    assert!(held > 0, "there is a case that runs");
}

both!(the_cases_hold);
