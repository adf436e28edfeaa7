//! "The aggressor" and "Coming to rest": icebergs, and the rest of market orders.

use super::*;

fn an_iceberg_displays_anew_behind_the_others<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, iceberg(sell(1, 10, 100), 4)), (B, sell(1, 3, 100))]);
    assert_eq!(desk.depth(), [(100, 7)]);
    assert_eq!(
        desk.enter(C, buy(1, 5, 100)),
        [
            "C new 1 5@100",
            "C trade 1 4@100 left 1 Y",
            "A trade 1 4@100 left 6 N",
            "C trade 1 1@100 left 0 Y",
            "B trade 1 1@100 left 2 N",
        ]
    );
    assert_eq!(desk.live(), ["B1 sell 2+0@100", "A1 sell 4+2@100"]);
    desk.enter(C, buy(1, 6, 100));
    assert_eq!(desk.live(), ["A1 sell 2+0@100"], "the last of it is less than DisplayQty");
}

fn an_iceberg_may_keep_its_place<M: Subject>() {
    let conventions = Conventions { iceberg_keeps_place: true, ..Conventions::default() };
    let mut desk = Desk::<M>::with(conventions);
    desk.rest(&[(A, iceberg(sell(1, 10, 100), 4)), (B, sell(1, 3, 100))]);
    assert_eq!(
        desk.enter(C, buy(1, 5, 100)),
        [
            "C new 1 5@100",
            "C trade 1 4@100 left 1 Y",
            "A trade 1 4@100 left 6 N",
            "C trade 1 1@100 left 0 Y",
            "A trade 1 1@100 left 5 N",
        ]
    );
    assert_eq!(desk.live(), ["A1 sell 3+2@100", "B1 sell 3+0@100"]);
}

fn an_iceberg_hides_when_it_comes_to_rest<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, sell(1, 3, 100))]);
    assert_eq!(
        desk.enter(C, iceberg(buy(1, 10, 100), 4)),
        ["C new 1 10@100", "C trade 1 3@100 left 7 Y", "A trade 1 3@100 left 0 N",]
    );
    assert_eq!(desk.live(), ["C1 buy 4+3@100"]);
    desk.rest(&[(C, iceberg(buy(2, 10, 99), 10))]);
    assert_eq!(desk.depth(), [(100, 4), (99, 10)]);
}

fn what_never_rests_is_cancelled<M: Subject>() {
    for order in [ioc(buy(1, 5, 100)), market(buy(1, 5, 0)), day(market(buy(1, 5, 0)))] {
        let mut desk = Desk::<M>::new();
        desk.rest(&[(A, sell(1, 3, 100))]);
        let lines = desk.enter(C, order);
        assert_eq!(
            lines[1..],
            [
                "C trade 1 3@100 left 2 Y",
                "A trade 1 3@100 left 0 N",
                "C canceled 1 ImmediateOrCancel",
            ]
        );
        assert_eq!(desk.live().len(), 0);
    }
}

fn the_rest_of_a_market_order_may_rest<M: Subject>() {
    let conventions = Conventions { market_rest_rests: true, ..Conventions::default() };
    let asks = [(A, sell(1, 3, 100)), (A, sell(2, 3, 102))];
    for order in [day(market(buy(1, 9, 0))), market(buy(1, 9, 0))] {
        let mut desk = Desk::<M>::with(conventions);
        desk.rest(&asks);
        assert_eq!(desk.enter(C, order).len(), 5, "nothing is said of it");
        assert_eq!(desk.live(), ["C1 buy 3+0@102"]);
        // It is a limit order now.
        let lines = desk.replace(C, replace_of(2, 1, 9, 101));
        assert_eq!(lines, ["C replaced 2 9@101 was 1 left 3"]);
    }
    let mut desk = Desk::<M>::with(conventions);
    desk.rest(&asks);
    assert_eq!(desk.enter(C, ioc(market(buy(1, 9, 0))))[5], "C canceled 1 ImmediateOrCancel");
    // No room for the level.
    let mut desk = Desk::<M>::of(BookPlan { conventions, levels_max: 1, ..plan() });
    desk.rest(&[(A, sell(1, 3, 100)), (B, buy(1, 1, 90))]);
    assert_eq!(desk.enter(C, market(buy(1, 9, 0)))[3], "C canceled 1 ImmediateOrCancel");
    // It did not trade.
    let mut desk = Desk::<M>::with(conventions);
    desk.rest(&[(A, whole(sell(1, 30, 100)))]);
    assert_eq!(
        desk.enter(C, market(buy(1, 9, 0))),
        ["C new 1 9@mkt", "C canceled 1 ImmediateOrCancel",]
    );
}

fn the_rest_of_a_market_order_with_min_qty_may_rest_too<M: Subject>() {
    let conventions = Conventions { market_rest_rests: true, ..Conventions::default() };
    let mut desk = Desk::<M>::with(conventions);
    desk.is_restored = false;
    desk.rest(&[(A, sell(1, 3, 100)), (A, sell(2, 3, 102))]);
    let min = NewOrder { min_qty: Qty(1), ..market(buy(1, 9, 0)) };
    assert_eq!(desk.enter(C, min).len(), 5);
    assert_eq!(desk.live(), ["C1 buy 3+0@102"]);
    // Of a limit order MinQty is no condition.
    assert_eq!(desk.enter(A, sell(3, 2, 102))[1], "A trade 3 2@102 left 0 Y");
}

fn the_reports_of_a_match_say_who_came<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, iceberg(sell(1, 10, 100), 4))]);
    let reports = desk.reports(Command::new_order(SessionSlot(C), SeqNo(1), &buy(1, 2, 101)));
    let ReportBody::Trade(first) = reports[1].parse().unwrap() else { panic!("{reports:?}") };
    let ReportBody::Trade(second) = reports[2].parse().unwrap() else { panic!("{reports:?}") };
    assert_eq!((first.order.detail, second.order.detail), (b'Y', b'N'));
    assert_eq!((first.order.price, second.order.price), (Price(101), Price(100)));
    assert_eq!(first.order.ord_status, OrdStatus::Filled);
    assert_eq!(second.order.ord_status, OrdStatus::PartiallyFilled);
    let quantities = (second.order.qty, second.order.leaves_qty, second.order.cum_qty);
    assert_eq!(quantities, (Qty(10), Qty(8), Qty(2)), "what is hidden is included");
    assert_eq!((first.trd_match_id, second.trd_match_id), (TrdMatchId(1), TrdMatchId(1)));
}

examples!(
    an_iceberg_displays_anew_behind_the_others,
    an_iceberg_may_keep_its_place,
    an_iceberg_hides_when_it_comes_to_rest,
    what_never_rests_is_cancelled,
    the_rest_of_a_market_order_may_rest,
    the_rest_of_a_market_order_with_min_qty_may_rest_too,
    the_reports_of_a_match_say_who_came,
);
