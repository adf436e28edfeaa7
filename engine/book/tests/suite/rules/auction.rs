//! "The uncross".

use super::*;
use TradingPhase::{Continuous, Halt, PreOpen};

/// Collects the orders, uncrosses under the reference, and tells the price (0 if nothing traded)
/// and how much traded.
fn uncross<M: Subject>(
    desk: &mut Desk<M>,
    orders: &[NewOrder],
    reference: Option<i64>,
) -> (i64, u64) {
    desk.phase(PreOpen, None);
    for (at, order) in orders.iter().enumerate() {
        let named = NewOrder { cl_ord_id: ClOrdId(100 + at as u64), ..*order };
        desk.rest(&[(A, named)]);
    }
    let request = SetPhase {
        request_id: 1,
        reference: reference.map_or(Price::NULL, Price),
        symbol: SymbolId(1),
        phase: Continuous,
        reserved: [0; 3],
    };
    let reports = desk.reports(Command::set_phase(SessionSlot(S), SeqNo(1), &request));
    let (mut price, mut total) = (0, 0);
    for report in &reports {
        if let ReportBody::Trade(trade) = report.parse().unwrap() {
            assert!(price == 0 || price == trade.last_px.0, "one price");
            assert_eq!(trade.order.detail, b'N', "nobody came");
            price = trade.last_px.0;
            total += trade.last_qty.0;
        }
    }
    (price, total / 2)
}

fn most_trades<M: Subject>() {
    // D: 15, 15, 10, 10 at 99, 100, 101, 102; S: 8, 8, 15, 15.
    let orders = [buy(0, 10, 102), buy(0, 5, 100), sell(0, 8, 99), sell(0, 7, 101)];
    assert_eq!(uncross(&mut Desk::<M>::new(), &orders, None), (101, 10));
}

fn then_the_least_is_left_over<M: Subject>() {
    // 10 trade at 99, 100 and 102; |D - S| is 2, 2 and 0.
    let orders = [buy(0, 10, 102), sell(0, 10, 99), buy(0, 2, 100)];
    assert_eq!(uncross(&mut Desk::<M>::new(), &orders, Some(99)), (102, 10));
    // 10 trade up to 101, and 21, 21, 3 are left over at 99, 100, 101; at 102 only 5 trade.
    let orders = [buy(0, 18, 100), buy(0, 5, 102), buy(0, 8, 101), sell(0, 10, 99)];
    assert_eq!(uncross(&mut Desk::<M>::new(), &orders, None), (101, 10));
}

fn then_the_nearest_to_the_reference<M: Subject>() {
    let orders = [buy(0, 10, 104), sell(0, 10, 100)];
    // (reference, price): every price from 100 to 104 would do.
    let cases = [(None, 100), (Some(101), 101), (Some(90), 100), (Some(150), 104)];
    for (reference, price) in cases {
        assert_eq!(uncross(&mut Desk::<M>::new(), &orders, reference), (price, 10));
    }
    // One that is no legal price is no candidate; of two equally near, the higher.
    let mut desk = Desk::<M>::new();
    desk.define(DefineSymbol { tick: Price(4), ..definition() });
    assert_eq!(uncross(&mut desk, &orders, Some(102)), (104, 10));
    let mut desk = Desk::<M>::new();
    desk.define(DefineSymbol { tick: Price(4), ..definition() });
    assert_eq!(uncross(&mut desk, &orders, Some(101)), (100, 10));
}

fn or_to_the_last_trade<M: Subject>() {
    let orders = [buy(0, 10, 104), sell(0, 10, 100)];
    let mut desk = Desk::<M>::new();
    desk.rest(&[(B, sell(1, 1, 103))]);
    desk.enter(C, buy(1, 1, 103));
    assert_eq!(uncross(&mut desk, &orders, None), (103, 10));
    // A reference goes before it, also one of a request before.
    let mut desk = Desk::<M>::new();
    desk.rest(&[(B, sell(1, 1, 103))]);
    desk.enter(C, buy(1, 1, 103));
    desk.phase(PreOpen, Some(101));
    assert_eq!(uncross(&mut desk, &orders, None), (101, 10));
}

fn the_surplus_may_decide_before_the_reference<M: Subject>() {
    let conventions = Conventions { surplus_before_reference: true, ..Conventions::default() };
    let price = |orders: &[NewOrder], reference, surplus: i64| {
        let with = uncross(&mut Desk::<M>::with(conventions), orders, reference);
        assert_eq!(with, (surplus, 10), "{reference:?}");
        uncross(&mut Desk::<M>::new(), orders, reference).0
    };
    // Everything from 100 to 104 trades 10 and leaves 5 bids over: the highest.
    let bids = [buy(0, 15, 104), sell(0, 10, 100)];
    assert_eq!(price(&bids, Some(101), 104), 101);
    assert_eq!(price(&bids, Some(90), 104), 100);
    assert_eq!(price(&bids, None, 104), 100);
    // Or 5 asks: the lowest.
    let asks = [buy(0, 10, 104), sell(0, 15, 100)];
    assert_eq!(price(&asks, Some(103), 100), 103);
    assert_eq!(price(&asks, Some(999), 100), 104);
    // Bids up to 101 and asks from 103 on, as many: the reference chooses from these two.
    let both = [buy(0, 10, 104), buy(0, 5, 101), sell(0, 10, 100), sell(0, 5, 103)];
    assert_eq!(price(&both, Some(100), 101), 100);
    assert_eq!(price(&both, Some(999), 103), 104);
    // Nobody is left over: the reference alone.
    let none = [buy(0, 10, 104), sell(0, 10, 100)];
    assert_eq!(price(&none, Some(103), 103), 103);
    assert_eq!(price(&none, None, 100), 100);
}

fn nothing_trades_if_nothing_crosses<M: Subject>() {
    let orders = [buy(0, 10, 100), sell(0, 10, 101)];
    assert_eq!(uncross(&mut Desk::<M>::new(), &orders, Some(100)), (0, 0));
    assert_eq!(uncross(&mut Desk::<M>::new(), &orders[..1], Some(100)), (0, 0));
    assert_eq!(uncross(&mut Desk::<M>::new(), &[], Some(100)), (0, 0));
}

fn pairs_go_by_price_then_time<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.phase(PreOpen, None);
    desk.rest(&[(A, buy(1, 4, 100)), (B, buy(1, 6, 102)), (A, buy(2, 6, 100))]);
    desk.rest(&[(C, sell(1, 9, 99)), (C, sell(2, 3, 98))]);
    // D: 16 up to 100; S: 3, then 12: 12 trade at 99 and 100, 6 at 102. 99 is the lowest.
    assert_eq!(
        desk.phase(Halt, None),
        [
            "B trade 1 3@99 left 3 N",
            "C trade 2 3@99 left 0 N",
            "B trade 1 3@99 left 0 N",
            "C trade 1 3@99 left 6 N",
            "A trade 1 4@99 left 0 N",
            "C trade 1 4@99 left 2 N",
            "A trade 2 2@99 left 4 N",
            "C trade 1 2@99 left 0 N",
            "J steered Done 0",
        ]
    );
    assert_eq!(desk.live(), ["A2 buy 4+0@100"]);
}

fn an_iceberg_takes_part_whole_and_displays_anew_in_its_place<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.phase(PreOpen, None);
    desk.rest(&[(A, iceberg(buy(1, 10, 100), 4)), (B, buy(1, 5, 100)), (C, sell(1, 3, 100))]);
    desk.phase(Halt, None);
    assert_eq!(desk.live(), ["A1 buy 4+3@100", "B1 buy 5+0@100"]);
    desk.phase(PreOpen, None);
    desk.rest(&[(C, sell(1, 5, 100))]);
    desk.phase(Continuous, None);
    assert_eq!(desk.live(), ["A1 buy 2+0@100", "B1 buy 5+0@100"]);
}

fn whole_orders_are_passed_over_and_own_ones_trade<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.define(DefineSymbol { stp: StpInstruction::CancelBoth, ..definition() });
    desk.rest(&[(B, whole(sell(1, 7, 90))), (B, whole(buy(2, 9, 110)))]);
    desk.phase(PreOpen, None);
    desk.rest(&[(A, buy(1, 5, 100)), (A, sell(2, 5, 100))]);
    assert_eq!(
        desk.phase(Continuous, None),
        ["A trade 1 5@100 left 0 N", "A trade 2 5@100 left 0 N", "J steered Done 0",]
    );
    assert_eq!(desk.live(), ["B2 buy 9+0@110", "B1 sell 7+0@90"]);
}

fn its_price_is_the_last_trade_and_elects_stops<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.phase(PreOpen, None);
    desk.rest(&[(A, buy(1, 5, 100)), (B, sell(1, 6, 100)), (C, stop(buy(1, 9, 0), 100))]);
    assert_eq!(
        desk.phase(Continuous, None),
        [
            "A trade 1 5@100 left 0 N",
            "B trade 1 5@100 left 1 N",
            "J steered Done 0",
            "C triggered 1 9@mkt",
            "C trade 1 1@100 left 8 Y",
            "B trade 1 1@100 left 0 N",
            "C canceled 1 ImmediateOrCancel",
        ]
    );
}

examples!(
    most_trades,
    then_the_least_is_left_over,
    then_the_nearest_to_the_reference,
    or_to_the_last_trade,
    the_surplus_may_decide_before_the_reference,
    nothing_trades_if_nothing_crosses,
    pairs_go_by_price_then_time,
    an_iceberg_takes_part_whole_and_displays_anew_in_its_place,
    whole_orders_are_passed_over_and_own_ones_trade,
    its_price_is_the_last_trade_and_elects_stops,
);
