//! Prints what it costs to save a book and to restore it.
//!
//! `cargo run --release -p gavel-book --example state [orders] [rounds]`
//!
//! The book has `orders` live orders of 64 sessions at 4,096 prices, and had as many again that
//! came and went at random, so that neighbours in a queue or a list are far apart in memory. Bytes
//! go to memory that was touched before: what is measured is the book, not the kernel's handing out
//! of pages. Building the empty book, which takes all its memory, is printed beside.

use gavel_book::Book;
use gavel_contract::{
    BadState, BookPlan, Machine, Outbox, Progress, StateSink, StateSource, SymbolSpec,
};
use gavel_types::*;
use std::time::{Duration, Instant};

const SESSIONS: u64 = 64;
const LEVELS: u64 = 2_048;

struct Rng(u64);

impl Rng {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }
}

/// Reports are dropped.
struct Nowhere;

impl Outbox for Nowhere {
    fn free(&self) -> usize {
        usize::MAX
    }
    fn push(&mut self, _: Report) {}
}

struct Held(Vec<u8>);

impl StateSink for Held {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

struct Left<'a>(&'a [u8]);

impl StateSource for Left<'_> {
    fn take(&mut self, into: &mut [u8]) -> Result<(), BadState> {
        let parts = self.0.split_at_checked(into.len());
        let (bytes, rest) = parts.ok_or(BadState { what: "it ends too early" })?;
        into.copy_from_slice(bytes);
        self.0 = rest;
        Ok(())
    }
}

fn enter(rng: &mut Rng, name: u64) -> (Command, Side) {
    let side = if rng.next(2) == 0 { Side::Buy } else { Side::Sell };
    let away = 1 + rng.next(LEVELS) as i64;
    let price = if side == Side::Buy { 10_000 - away } else { 10_000 + away };
    let order = NewOrder {
        cl_ord_id: ClOrdId(name),
        price: Price(price),
        qty: Qty(1 + rng.next(100)),
        min_qty: Qty(0),
        display_qty: Qty(0),
        stop_px: Price::NULL,
        expire_time: Nanos(0),
        stp_id: 0,
        symbol: SymbolId(1),
        account: Account(0),
        side,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        stp: StpInstruction::Default,
        exec_inst: 0,
        reserved: [0; 3],
        budget: 0,
    };
    (Command::new_order(session_of(name), SeqNo(1), &order), side)
}

fn session_of(name: u64) -> SessionSlot {
    SessionSlot((name.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32 % SESSIONS as u32)
}

/// A book with so many orders, well mixed.
fn mixed(plan: &BookPlan, orders: usize) -> Book {
    let mut book = Book::new(plan);
    let mut rng = Rng(0x2545_F491_4F6C_DD1D);
    let stamp = Stamp { index: Index(1), term: Term(1), time: Nanos(1) };
    let mut run = |command| {
        let progress = book.apply(&LogRecord { stamp, command }, &mut Nowhere);
        assert_eq!(progress, Progress::Done);
    };
    let mut live = Vec::with_capacity(orders);
    for name in 1..=2 * orders as u64 {
        if live.len() == orders {
            let (gone, side) = live.swap_remove(rng.next(orders as u64) as usize);
            let request = CancelOrder {
                cl_ord_id: ClOrdId(0),
                orig_cl_ord_id: ClOrdId(gone),
                order_id: OrderId(0),
                symbol: SymbolId(1),
                side,
                reserved: [0; 3],
            };
            run(Command::cancel(session_of(gone), SeqNo(1), &request));
        }
        let (command, side) = enter(&mut rng, name);
        run(command);
        live.push((name, side));
    }
    book
}

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<usize>().expect("a number"));
    let orders = args.next().unwrap_or(1_000_000);
    let rounds = args.next().unwrap_or(5);
    let plan = BookPlan {
        symbols: vec![SymbolSpec {
            symbol: SymbolId(1),
            name: "SYM1".into(),
            tick: Price(1),
            lot: Qty(1),
            price_min: Price(1),
            price_max: Price(1_000_000),
            qty_max: Qty(1_000_000),
            qty_scale: 0,
            stp: StpInstruction::Allow,
            protection: Price(0),
        }],
        orders_max: orders as u32 + 1,
        levels_max: LEVELS as u32,
        sessions_max: SESSIONS as u32,
        ..BookPlan::for_orders(orders as u32 + 1)
    };
    let book = mixed(&plan, orders);
    let mut held = Held(Vec::new());
    book.save(&mut held);
    let (mut saves, mut makes, mut restores) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        held.0.clear();
        let begin = Instant::now();
        book.save(&mut held);
        saves.push(begin.elapsed());
        let begin = Instant::now();
        let mut twin = Book::new(&plan);
        makes.push(begin.elapsed());
        let begin = Instant::now();
        twin.restore(&mut Left(&held.0)).expect("what was saved is a state");
        restores.push(begin.elapsed());
        twin.verify();
    }
    let show = |what, times: &[Duration]| {
        let ms = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
        let (best, worst) = (ms(times.iter().min()), ms(times.iter().max()));
        println!("{what}: {best:.1} ms (best), {worst:.1} ms (worst of {rounds})");
    };
    println!("{orders} live orders, {} bytes", held.0.len());
    show("save", &saves);
    show("restore", &restores);
    show("an empty book", &makes);
}
