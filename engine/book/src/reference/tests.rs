//! What only a look inside the naive book can show.

mod noise;

use super::*;
use gavel_contract::SymbolSpec;
use gavel_types::{
    ClOrdId, NewOrder, OrdType, OrderRejectReason, ReportBody, SeqNo, StpInstruction, TimeInForce,
};

struct All(Vec<Report>);

impl Outbox for All {
    fn free(&self) -> usize {
        usize::MAX
    }
    fn push(&mut self, report: Report) {
        self.0.push(report);
    }
}

fn symbol() -> SymbolSpec {
    SymbolSpec {
        symbol: SymbolId(1),
        name: "SYM1".into(),
        tick: Price(1),
        lot: Qty(1),
        price_min: Price(1),
        price_max: Price(1 << 40),
        qty_max: Qty(1_000),
        qty_scale: 0,
        stp: StpInstruction::Allow,
        protection: Price(0),
    }
}

fn bid(name: u64, price: i64, time_in_force: TimeInForce) -> NewOrder {
    NewOrder {
        cl_ord_id: ClOrdId(name),
        price: Price(price),
        qty: Qty(10),
        min_qty: Qty(0),
        display_qty: Qty(0),
        stop_px: Price::NULL,
        expire_time: Nanos(0),
        stp_id: 0,
        symbol: SymbolId(1),
        account: Account(0),
        side: Side::Buy,
        ord_type: OrdType::Limit,
        time_in_force,
        stp: StpInstruction::Default,
        exec_inst: 0,
        reserved: [0; 3],
        budget: 0,
    }
}

fn run(book: &mut ReferenceBook, order: &NewOrder) -> Vec<Report> {
    let mut out = All(Vec::new());
    let command = Command::new_order(SessionSlot(0), SeqNo(1), order);
    let record = LogRecord { stamp: book.stamp, command };
    assert_eq!(book.apply(&record, &mut out), Progress::Done);
    book.verify();
    out.0
}

/// No test lives long enough to use up a generation, so the book is set near its end.
#[test]
fn the_naive_book_gives_up_a_slot_whose_generation_is_used_up() {
    let plan = BookPlan { symbols: alloc::vec![symbol()], ..BookPlan::for_orders(2) };
    let mut book = ReferenceBook::new(&plan);
    book.generations[0] = u32::MAX - 2;
    let mut ids = Vec::new();
    for _ in 0..4 {
        let reports = run(&mut book, &bid(1, 100, TimeInForce::Ioc));
        let Ok(ReportBody::Canceled(canceled)) = reports[1].parse() else { panic!("{reports:?}") };
        ids.push((canceled.order.order_id.0 >> 32, canceled.order.order_id.0 as u32));
    }
    let end = u64::from(u32::MAX);
    assert_eq!(ids, [(end - 2, 0), (end - 1, 0), (1, 1), (2, 1)]);
}

/// Groups are price / 64 here. Each line: a bid at this price makes so many pages of all.
#[test]
fn pages_are_counted_as_a_trie_would_have_them() {
    let plan = BookPlan { symbols: alloc::vec![symbol()], ..BookPlan::for_orders(20) };
    let mut book = ReferenceBook::new(&plan);
    assert_eq!(book.pages(), 0);
    let lines = [
        (64, 1),          // group 1
        (127, 1),         // group 1 again
        (128, 3),         // group 2; 1 and 2 part under 0 of the first step
        (63, 4),          // group 0, under the same
        (64 * 63, 5),     // group 63, under the same
        (64 * 64, 7),     // group 64: 0 and 1 part in the second step
        (64 * 65, 9),     // group 65: 64 and 65 part under 1 of the first step
        (64 * 4_096, 11), // group 4096: parts in the third step only
    ];
    for (name, (price, pages)) in lines.into_iter().enumerate() {
        run(&mut book, &bid(name as u64, price, TimeInForce::Gtc));
        assert_eq!(book.pages(), pages, "{price}");
    }
}

/// A later version may know more kinds of records; time passes with them all the same.
#[test]
fn a_record_of_an_unknown_kind_only_moves_the_time() {
    let plan = BookPlan { symbols: alloc::vec![symbol()], ..BookPlan::for_orders(2) };
    let mut book = ReferenceBook::new(&plan);
    let order = NewOrder { expire_time: Nanos(5), ..bid(1, 100, TimeInForce::Gtd) };
    assert_eq!(run(&mut book, &order).len(), 1);
    let command = Command { kind: 200, ..Command::tick() };
    let stamp = Stamp { time: Nanos(5), ..book.stamp };
    let mut out = All(Vec::new());
    assert_eq!(book.apply(&LogRecord { stamp, command }, &mut out), Progress::Done);
    assert!(matches!(out.0[0].parse(), Ok(ReportBody::Canceled(_))), "{:?}", out.0);
    assert_eq!(out.0.len(), 1);
}
