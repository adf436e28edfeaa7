//! `many_symbols`: what a venue of very many symbols takes, in memory and in time.
//!
//! So many orders are entered, spread over all symbols as a seed has it: around a price of each
//! symbol's own, most of them near it, some far. Then as many are cancelled and entered anew. Says
//! what the book took, what of it was touched, and what an operation cost. Memory that is reserved
//! and never touched costs nothing but addresses.
#![forbid(unsafe_code)]

use anyhow::{Context, Result, ensure};
use clap::Parser;
use gavel_book::Book;
use gavel_contract::{BookPlan, Machine, Outbox, Progress, SymbolSpec};
use gavel_types::{
    Account, CancelOrder, ClOrdId, Command, Index, LogRecord, Nanos, NewOrder, OrdType, OrderId,
    Price, Qty, Report, ReportKind, SeqNo, SessionSlot, Side, Stamp, StpInstruction, SymbolId,
    Term, TimeInForce,
};
use std::time::Instant;

/// Records that are shown at a time.
const BLOCK: usize = 32;

/// Measures a venue of very many symbols.
#[derive(Debug, Parser)]
#[command(name = "many_symbols")]
struct Args {
    /// Symbols.
    #[arg(long, default_value_t = 100_000)]
    symbols: u32,
    /// Live orders.
    #[arg(long, default_value_t = 4_000_000)]
    orders: u32,
    /// Pages of 64 prices that there may be.
    #[arg(long, default_value_t = 1_500_000)]
    pages: u32,
}

/// Takes no more notice of reports than that none refuses.
struct Accepted(u64);

impl Outbox for Accepted {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, report: Report) {
        self.0 += u64::from(report.kind == ReportKind::New.code());
        assert!(report.kind != ReportKind::Rejected.code(), "{report:?}");
    }
}

/// splitmix64
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (((z ^ (z >> 31)) >> 32) * n) >> 32
    }
}

fn plan(args: &Args) -> BookPlan {
    let symbol = |n: u32| SymbolSpec {
        symbol: SymbolId(n),
        name: format!("SYM{n}"),
        tick: Price(1_000),
        lot: Qty(1),
        price_min: Price(1_000),
        price_max: Price(1_000_000_000_000),
        qty_max: Qty(1_000_000),
        qty_scale: 0,
        stp: StpInstruction::Allow,
        protection: Price(0),
    };
    BookPlan {
        symbols: (1..=args.symbols).map(symbol).collect(),
        symbols_max: args.symbols,
        pages_max: args.pages,
        ..BookPlan::for_orders(args.orders)
    }
}

/// An order of a symbol: bids below its price, asks above.
fn order(name: u64, symbols: u32, dice: &mut Dice) -> NewOrder {
    let symbol = 1 + dice.below(symbols.into()) as u32;
    let middle = 10_000 + i64::from(symbol) * 7 % 500_000;
    // One in ten stands far away.
    let reach = if dice.below(10) == 0 { 5_000 } else { 100 };
    let away = 1 + dice.below(reach) as i64;
    let (side, ticks) =
        if dice.below(2) == 0 { (Side::Buy, middle - away) } else { (Side::Sell, middle + away) };
    NewOrder {
        cl_ord_id: ClOrdId(name),
        price: Price(ticks * 1_000),
        qty: Qty(1 + dice.below(100)),
        min_qty: Qty(0),
        display_qty: Qty(0),
        stop_px: Price::NULL,
        expire_time: Nanos(0),
        stp_id: 0,
        symbol: SymbolId(symbol),
        account: Account(0),
        side,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        stp: StpInstruction::Default,
        exec_inst: 0,
        reserved: [0; 3],
        budget: 0,
    }
}

fn cancel(order: &NewOrder) -> CancelOrder {
    CancelOrder {
        cl_ord_id: order.cl_ord_id,
        orig_cl_ord_id: order.cl_ord_id,
        order_id: OrderId(0),
        symbol: order.symbol,
        side: order.side,
        reserved: [0; 3],
    }
}

/// Bytes of this process that are in memory.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).context("VmRSS")?;
    Ok(kib.parse::<u64>()? * 1_024)
}

struct Venue {
    book: Book,
    out: Accepted,
    index: u64,
    waiting: Vec<LogRecord>,
}

impl Venue {
    /// Applies records in blocks, each shown first, as an executor does that has them waiting.
    fn apply(&mut self, command: Command) {
        self.index += 1;
        let (index, time) = (Index(self.index), Nanos(self.index));
        self.waiting.push(LogRecord { stamp: Stamp { index, term: Term(1), time }, command });
        if self.waiting.len() == BLOCK {
            self.apply_all();
        }
    }

    fn apply_all(&mut self) {
        self.book.expect(&self.waiting);
        for record in self.waiting.drain(..) {
            let progress = self.book.apply(&record, &mut self.out);
            assert!(progress == Progress::Done, "there is room");
        }
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    let plan = plan(&args);
    let before = resident()?;
    let mut venue =
        Venue { book: Book::new(&plan), out: Accepted(0), index: 0, waiting: Vec::new() };
    let made = resident()?;
    let mut dice = Dice(7);
    let count = u64::from(args.orders);
    let mut live: Vec<NewOrder> = Vec::with_capacity(args.orders as usize);
    let started = Instant::now();
    for name in 1..=count {
        let order = order(name, args.symbols, &mut dice);
        venue.apply(Command::new_order(SessionSlot(0), SeqNo(name), &order));
        live.push(order);
    }
    venue.apply_all();
    let entered = started.elapsed();
    ensure!(venue.out.0 == count, "every order was accepted");
    let listed = (live.capacity() * size_of::<NewOrder>()) as u64;
    let full = resident()?.saturating_sub(listed);
    let started = Instant::now();
    for name in count + 1..=count + count / 4 {
        let at = dice.below(count) as usize;
        venue.apply(Command::cancel(SessionSlot(0), SeqNo(name), &cancel(&live[at])));
        live[at] = order(name, args.symbols, &mut dice);
        venue.apply(Command::new_order(SessionSlot(0), SeqNo(name), &live[at]));
    }
    venue.apply_all();
    let turned = started.elapsed();
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let each = |time: std::time::Duration, n: u64| time.as_nanos() as f64 / n as f64;
    println!("{} symbols, {count} live orders", args.symbols);
    println!("reserved by the book          {:>8.0} MiB", mib(venue.book.memory_bytes() as u64));
    println!("resident once it was made     {:>8.0} MiB", mib(made.saturating_sub(before)));
    println!("resident with every order live{:>8.0} MiB", mib(full.saturating_sub(before)));
    println!("that is, an order             {:>8.0} bytes", (full - before) as f64 / count as f64);
    println!("entering one                  {:>8.0} ns", each(entered, count));
    println!("cancelling and entering one   {:>8.0} ns", each(turned, count / 2));
    Ok(())
}
