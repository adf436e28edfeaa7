//! Prints what one operation of the fast book costs, on a realistic flow.
//!
//! `cargo run --release -p gavel-book --example flow [orders] [operations]`
//!
//! The flow keeps about `orders` orders live around a drifting middle: new orders near the best
//! prices (some cross), cancels of random live orders, and replaces. It is made before the clock
//! starts; reports go to a small outbox that is emptied after every record. One thread, one symbol.
//! For absolute figures the machine must be quiet; on a shared one compare runs side by side.

use gavel_book::Book;
use gavel_contract::{BookPlan, Machine, Outbox, Progress, SymbolSpec};
use gavel_types::limits::BURST;
use gavel_types::*;
use std::time::Instant;

/// Prices are a hundred ticks a unit.
const TICK: i64 = 10_000_000;
const SESSIONS: u64 = 64;

struct Rng(u64);

impl Rng {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }
}

/// As much room as a machine is promised.
struct Sink {
    slots: Vec<Report>,
    count: u64,
}

impl Outbox for Sink {
    fn free(&self) -> usize {
        self.slots.capacity() - self.slots.len()
    }
    fn push(&mut self, report: Report) {
        assert!(self.slots.len() < self.slots.capacity(), "there is room");
        self.slots.push(report);
        self.count += 1;
    }
}

/// An order that the flow believes to be live.
#[derive(Clone, Copy)]
struct Believed {
    name: u64,
    side: Side,
    price: i64,
    qty: u64,
}

struct Flow {
    rng: Rng,
    believed: Vec<Believed>,
    mid: i64,
    names: u64,
    target: usize,
}

impl Flow {
    fn session(name: u64) -> SessionSlot {
        SessionSlot((name % SESSIONS) as u32)
    }

    fn next(&mut self) -> Command {
        if self.rng.next(64) == 0 {
            self.mid += if self.rng.next(2) == 0 { 1 } else { -1 };
        }
        // Twenty in a hundred are replaces; entries and cancels keep the book at its size.
        let entries = if self.believed.len() < self.target { 60 } else { 30 };
        match self.rng.next(100) {
            _ if self.believed.is_empty() => self.enter(),
            0..20 => self.replace(),
            dice if dice < 20 + entries => self.enter(),
            _ => self.cancel(),
        }
    }

    fn enter(&mut self) -> Command {
        self.names += 1;
        let name = self.names;
        let side = if self.rng.next(2) == 0 { Side::Buy } else { Side::Sell };
        // Mostly near the best price; one in twelve crosses.
        let away = (self.rng.next(8) * self.rng.next(16)) as i64 + 1;
        let crosses = self.rng.next(12) == 0;
        let away = if crosses { -3 } else { away };
        let price = if side == Side::Buy { self.mid - away } else { self.mid + away } * TICK;
        let qty = 1 + self.rng.next(100);
        let order = NewOrder {
            cl_ord_id: ClOrdId(name),
            price: Price(price),
            qty: Qty(qty),
            min_qty: Qty(0),
            display_qty: Qty(0),
            stop_px: Price::NULL,
            expire_time: Nanos(0),
            stp_id: 0,
            symbol: SymbolId(1),
            account: Account(0),
            side,
            ord_type: OrdType::Limit,
            time_in_force: if crosses { TimeInForce::Ioc } else { TimeInForce::Gtc },
            stp: StpInstruction::Default,
            exec_inst: 0,
            reserved: [0; 3],
            budget: 0,
        };
        if !crosses {
            self.believed.push(Believed { name, side, price, qty });
        }
        Command::new_order(Self::session(name), SeqNo(1), &order)
    }

    fn cancel(&mut self) -> Command {
        let at = self.rng.next(self.believed.len() as u64) as usize;
        let order = self.believed.swap_remove(at);
        let request = CancelOrder {
            cl_ord_id: ClOrdId(u64::MAX),
            orig_cl_ord_id: ClOrdId(order.name),
            order_id: OrderId(0),
            symbol: SymbolId(1),
            side: order.side,
            reserved: [0; 3],
        };
        Command::cancel(Self::session(order.name), SeqNo(1), &request)
    }

    fn replace(&mut self) -> Command {
        let at = self.rng.next(self.believed.len() as u64) as usize;
        let step = if self.rng.next(2) == 0 { 1 } else { -1 } * TICK;
        let order = &mut self.believed[at];
        let limit = self.mid * TICK;
        let price = match order.side {
            Side::Buy => (order.price + step).min(limit - TICK),
            Side::Sell => (order.price + step).max(limit + TICK),
        };
        order.price = price;
        let request = ReplaceOrder {
            cl_ord_id: ClOrdId(order.name),
            orig_cl_ord_id: ClOrdId(order.name),
            order_id: OrderId(0),
            price: Price(price),
            qty: Qty(order.qty),
            symbol: SymbolId(1),
            side: order.side,
            time_in_force: TimeInForce::Gtc,
            exec_inst: 0,
            reserved: 0,
            stop_px: Price(0),
        };
        Command::replace(Self::session(order.name), SeqNo(1), &request)
    }
}

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<usize>().expect("a number"));
    let target = args.next().unwrap_or(10_000);
    let operations = args.next().unwrap_or(2_000_000);
    let orders_max = (target * 4).next_power_of_two() as u32;
    let plan = BookPlan {
        symbols: vec![SymbolSpec {
            symbol: SymbolId(1),
            name: "SYM1".into(),
            tick: Price(TICK),
            lot: Qty(1),
            price_min: Price(TICK),
            price_max: Price(1_000_000 * TICK),
            qty_max: Qty(1_000_000),
            qty_scale: 0,
            stp: StpInstruction::Allow,
            protection: Price(0),
        }],
        orders_max,
        levels_max: 4_096,
        sessions_max: SESSIONS as u32,
        ..BookPlan::for_orders(orders_max)
    };
    let mut flow = Flow {
        rng: Rng(0x9E37_79B9_7F4A_7C15),
        believed: Vec::new(),
        mid: 100_000,
        names: 0,
        target,
    };
    let warm = target * 4;
    let commands: Vec<Command> = (0..warm + operations).map(|_| flow.next()).collect();
    let mut book = Book::new(&plan);
    let mut out = Sink { slots: Vec::with_capacity(BURST), count: 0 };
    let stamp = Stamp { index: Index(1), term: Term(1), time: Nanos(1) };
    let run = |book: &mut Book, out: &mut Sink, commands: &[Command]| {
        for &command in commands {
            let mut progress = book.apply(&LogRecord { stamp, command }, out);
            while progress == Progress::Paused {
                out.slots.clear();
                progress = book.resume(out);
            }
            out.slots.clear();
        }
    };
    run(&mut book, &mut out, &commands[..warm]);
    let (mut best, mut reports) = (f64::INFINITY, 0);
    let chunk = operations / 10;
    for commands in commands[warm..].chunks(chunk.max(1)) {
        let (before, begin) = (out.count, Instant::now());
        run(&mut book, &mut out, commands);
        best = best.min(begin.elapsed().as_nanos() as f64 / commands.len() as f64);
        reports += out.count - before;
    }
    book.verify();
    let mut live = 0;
    book.for_each_live(|_| live += 1);
    println!("{best:.1} ns/op (best tenth) · {operations} operations · {reports} reports");
    println!("{live} live orders at the end · {} bytes", book.memory_bytes());
}
