//! What only a look inside the books can show.

use super::*;
use crate::Book;

struct All(Vec<Report>);

impl Outbox for All {
    fn free(&self) -> usize {
        usize::MAX
    }
    fn push(&mut self, report: Report) {
        self.0.push(report);
    }
}

/// No test lives long enough to use up a generation, so both books are set near its end.
#[test]
fn both_books_give_up_a_slot_whose_generation_is_used_up() {
    let symbol = SymbolSpec {
        symbol: SymbolId(1),
        name: "SYM1".into(),
        tick: Price(1),
        lot: Qty(1),
        price_min: Price(1),
        price_max: Price(1_000),
        qty_max: Qty(1_000),
    };
    let plan =
        BookPlan { symbols: alloc::vec![symbol], orders_max: 2, levels_max: 4, sessions_max: 1 };
    let (mut fast, mut naive) = (Book::new(&plan), ReferenceBook::new(&plan));
    fast.orders.age(0, u32::MAX - 2);
    naive.generations[0] = u32::MAX - 2;
    let order = NewOrder {
        cl_ord_id: ClOrdId(1),
        price: Price(100),
        qty: Qty(10),
        min_qty: Qty(0),
        display_qty: Qty(0),
        stop_px: Price::NULL,
        expire_time: Nanos(0),
        stp_id: 0,
        symbol: SymbolId(1),
        account: gavel_types::Account(0),
        side: Side::Buy,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Ioc,
        stp: gavel_types::StpInstruction::Off,
        exec_inst: 0,
        reserved: [0; 3],
    };
    let command = gavel_types::Command::new_order(SessionSlot(0), gavel_types::SeqNo(1), &order);
    let record = LogRecord { stamp: naive.stamp, command };
    let mut outs = (All(Vec::new()), All(Vec::new()));
    let mut ids = Vec::new();
    for _ in 0..4 {
        let ended = (fast.apply(&record, &mut outs.0), naive.apply(&record, &mut outs.1));
        assert_eq!(ended, (Progress::Done, Progress::Done));
        fast.verify();
        assert_eq!(outs.0.0, outs.1.0);
        let Ok(gavel_types::ReportBody::Canceled(canceled)) = outs.0.0[outs.0.0.len() - 1].parse()
        else {
            panic!("{:?}", outs.0.0);
        };
        ids.push((canceled.order.order_id.0 >> 32, canceled.order.order_id.0 as u32));
    }
    let end = u64::from(u32::MAX);
    assert_eq!(ids, [(end - 2, 0), (end - 1, 0), (1, 1), (2, 1)]);
}
