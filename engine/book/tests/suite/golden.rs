//! Golden texts: `testdata/*.txt`, sessions that a trader could have drawn.
//!
//! ```text
//! plan orders 8 levels 4 tick 1 lot 1        sizes; begins a new, empty venue
//! > A new 1 buy 10@100 [ioc|day] [symbol 2]  session A enters order 1; `10@mkt` is a market order;
//!                                            `account 7` may follow, here and below
//! > A cancel 9 of 1 [sell] [symbol 2]        session A, request 9, by OrigClOrdID 1
//! > A cancel 9 of #1                         the same by the OrderID that A's 1 was given last
//! > A replace 2 of 1 15@101 [ioc]            request and new name 2; total quantity, price
//! > A mass 9 all|one [buy|sell] [symbol 2]   request 9 cancels all of A's, or those of one symbol
//! > A status 1 [sell] [symbol 2]             how does A's order 1 stand? `#1` as above
//! > A end                                    A lost its connection: all it has is cancelled
//! < A New 1 buy 10@100                       a report; all of the command's, in order
//! =                                          the book of symbol 1 as it is now (`= 2`: of 2)
//!        102  5/B2 7/A3                      price, then the queue: what is left / whose
//!     ------                                 the spread
//!        100  10/A1
//! # comment
//! ```

use crate::support::{Subject, Venue, both, line, plan, spec};
use crate::support::{all_orders, cancel, cancel_of, enter, limit, mass_action};
use crate::support::{order_status, replace, replace_of, status_of};
use gavel_contract::BookPlan;
use gavel_types::*;
use std::collections::HashMap;
use std::fmt::Write as _;

/// What a text says of an order it named before.
#[derive(Clone, Copy)]
struct Known {
    side: Side,
    symbol: u32,
    order_id: OrderId,
}

struct Player<M> {
    venue: Venue<M>,
    known: HashMap<(u32, u64), Known>,
}

impl<M: Subject> Player<M> {
    fn new(plan: &BookPlan) -> Self {
        Self { venue: Venue::new(plan), known: HashMap::new() }
    }

    fn play(&mut self, text: &str) -> Vec<String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let session = u32::from(words[0].as_bytes()[0] - b'A');
        if words[1] == "end" {
            return self.venue.end_session(session).iter().map(line).collect();
        }
        let name: u64 = words[2].trim_start_matches('#').parse().unwrap();
        let (command, side, symbol) = match words[1] {
            "new" => new_order(session, name, &words[3..]),
            "cancel" | "replace" => self.request(session, name, &words),
            "mass" => (mass_of(session, name, &words[3..]), Side::Buy, 0),
            "status" => (self.status(session, name, &words), Side::Buy, 0),
            other => panic!("no such command: {other}"),
        };
        let reports = self.venue.run(command);
        for report in &reports {
            let (order_id, name) = match report.parse().unwrap() {
                ReportBody::New(r) => (r.order.order_id, r.order.cl_ord_id.0),
                ReportBody::Replaced(r) => (r.order.order_id, r.order.cl_ord_id.0),
                _ => continue,
            };
            self.known.insert((session, name), Known { side, symbol, order_id });
        }
        reports.iter().map(line).collect()
    }

    fn request(&self, session: u32, name: u64, words: &[&str]) -> (Command, Side, u32) {
        assert_eq!(words[3], "of");
        let by_id = words[4].starts_with('#');
        let orig: u64 = words[4].trim_start_matches('#').parse().unwrap();
        let unknown = Known { side: Side::Buy, symbol: 1, order_id: OrderId(u64::MAX) };
        // An order of another session is named by its OrderID; then its side is known all the same.
        let known = self.known.get(&(session, orig)).or_else(|| {
            let mut others = self.known.iter().filter(|((_, other), _)| *other == orig);
            others.next().map(|(_, known)| known)
        });
        let mut known = *known.unwrap_or(&unknown);
        let mut time_in_force = TimeInForce::Gtc;
        let mut rest = words[5..].iter();
        let mut terms = (0, 0);
        while let Some(word) = rest.next() {
            match *word {
                "buy" => known.side = Side::Buy,
                "sell" => known.side = Side::Sell,
                "ioc" => time_in_force = TimeInForce::Ioc,
                "symbol" => known.symbol = rest.next().unwrap().parse().unwrap(),
                other => terms = quantity_at_price(other),
            }
        }
        let order_id = if by_id { known.order_id } else { OrderId(0) };
        let symbol = SymbolId(known.symbol);
        let command = if words[1] == "cancel" {
            let request = cancel_of(name, orig, known.side);
            cancel(session, CancelOrder { order_id, symbol, ..request })
        } else {
            let request = replace_of(name, orig, known.side, terms.0, terms.1);
            replace(session, ReplaceOrder { order_id, symbol, time_in_force, ..request })
        };
        (command, known.side, known.symbol)
    }

    fn status(&self, session: u32, name: u64, words: &[&str]) -> Command {
        let known = self.known.get(&(session, name)).copied();
        let side = known.map_or(Side::Buy, |known| known.side);
        let mut request = status_of(name, side);
        if let (true, Some(known)) = (words[2].starts_with('#'), known) {
            request = OrderStatusQuery { order_id: known.order_id, ..status_of(0, side) };
        }
        let mut rest = words[3..].iter();
        while let Some(word) = rest.next() {
            match *word {
                "buy" => request.side = Side::Buy,
                "sell" => request.side = Side::Sell,
                "symbol" => request.symbol = SymbolId(rest.next().unwrap().parse().unwrap()),
                other => panic!("no such word: {other}"),
            }
        }
        order_status(session, request)
    }

    /// The book as the texts draw it: asks from the highest down, the spread, bids.
    fn draw(&mut self, symbol: u32) -> Vec<String> {
        let mut rows: [Vec<(i64, u64, String)>; 2] = Default::default();
        for order in self.venue.machine.live() {
            if order.symbol != SymbolId(symbol) {
                continue;
            }
            let rows = &mut rows[usize::from(order.side == Side::Sell)];
            if rows.last().is_none_or(|row| row.0 != order.price.0) {
                rows.push((order.price.0, 0, format!("{:>6} ", order.price)));
            }
            let row = rows.last_mut().unwrap();
            row.1 += order.leaves_qty.0;
            let who = char::from(b'A' + order.session.0 as u8);
            write!(row.2, " {}/{who}{}", order.leaves_qty, order.cl_ord_id).unwrap();
        }
        let levels = |rows: &[(i64, u64, String)]| rows.iter().map(|r| (r.0, r.1)).collect();
        let drawn: (Vec<_>, Vec<_>) = (levels(&rows[0]), levels(&rows[1]));
        assert_eq!(self.venue.depth(symbol), drawn, "market data and orders agree");
        let text = |row: &(i64, u64, String)| row.2.clone();
        let asks = rows[1].iter().rev().map(text);
        asks.chain(["------".into()]).chain(rows[0].iter().map(text)).collect()
    }
}

fn new_order(session: u32, name: u64, words: &[&str]) -> (Command, Side, u32) {
    let side = if words[0] == "buy" { Side::Buy } else { Side::Sell };
    let (qty, price) = quantity_at_price(words[1]);
    let mut order = limit(name, side, qty, price);
    if order.price == Price::NULL {
        order.ord_type = OrdType::Market;
    }
    let mut rest = words[2..].iter();
    while let Some(word) = rest.next() {
        match *word {
            "ioc" => order.time_in_force = TimeInForce::Ioc,
            "day" => order.time_in_force = TimeInForce::Day,
            "symbol" => order.symbol = SymbolId(rest.next().unwrap().parse().unwrap()),
            "account" => order.account = Account(rest.next().unwrap().parse().unwrap()),
            other => panic!("no such word: {other}"),
        }
    }
    (enter(session, order), side, order.symbol.0)
}

fn mass_of(session: u32, name: u64, words: &[&str]) -> Command {
    let mut request = MassAction { symbol: SymbolId(1), ..all_orders(name) };
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match *word {
            "all" => request.scope = MassActionScope::AllOrders,
            "one" => request.scope = MassActionScope::Security,
            "buy" => request.side = Side::Buy.code(),
            "sell" => request.side = Side::Sell.code(),
            "symbol" => request.symbol = SymbolId(rest.next().unwrap().parse().unwrap()),
            "account" => request.account = Account(rest.next().unwrap().parse().unwrap()),
            other => panic!("no such word: {other}"),
        }
    }
    mass_action(session, request)
}

fn quantity_at_price(text: &str) -> (u64, i64) {
    let (qty, price) = text.split_once('@').unwrap();
    let price = if price == "mkt" { Price::NULL.0 } else { price.parse().unwrap() };
    (qty.parse().unwrap(), price)
}

fn plan_of(text: &str) -> BookPlan {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |key| {
        let at = words.iter().position(|word| *word == key).unwrap();
        words[at + 1].parse::<u32>().unwrap()
    };
    let mut plan = plan(number("orders"), number("levels"));
    let (tick, lot) = (i64::from(number("tick")), u64::from(number("lot")));
    plan.symbols = vec![spec(1, tick, lot), spec(2, tick, lot)];
    plan
}

/// Compares what a text says with what a machine does; the answer is the text as it should be.
fn replay<M: Subject>(text: &str) -> String {
    let mut player: Option<Player<M>> = None;
    let mut out = String::new();
    for row in text.lines() {
        let (head, rest) = row.split_at(row.len().min(1));
        match head {
            // Expectations are written anew below.
            "<" | " " => continue,
            "p" => player = Some(Player::new(&plan_of(row))),
            _ => {}
        }
        writeln!(out, "{row}").unwrap();
        match head {
            ">" => {
                for line in player.as_mut().unwrap().play(rest) {
                    writeln!(out, "< {line}").unwrap();
                }
            }
            "=" => {
                let symbol = rest.trim().parse().unwrap_or(1);
                for line in player.as_mut().unwrap().draw(symbol) {
                    writeln!(out, "    {line}").unwrap();
                }
            }
            _ => {}
        }
    }
    out
}

fn the_texts_hold<M: Subject>() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 6, "the texts are there");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let actual = replay::<M>(&text);
        for (at, (said, done)) in text.lines().zip(actual.lines()).enumerate() {
            assert_eq!(said, done, "{}:{}\nas it is:\n{actual}", file.display(), at + 1);
        }
        assert_eq!(text, actual, "{}", file.display());
    }
}

both!(the_texts_hold);
