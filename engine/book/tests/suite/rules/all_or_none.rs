//! "An all-or-none aggressor" and "Second chance".

use super::*;

fn one_that_finds_enough_trades_whole<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, sell(1, 4, 99)), (B, sell(1, 7, 100))]);
    assert_eq!(
        desk.enter(C, whole(buy(1, 10, 100))),
        [
            "C new 1 10@100",
            "C trade 1 4@99 left 6 Y",
            "A trade 1 4@99 left 0 N",
            "C trade 1 6@100 left 0 Y",
            "B trade 1 6@100 left 1 N",
        ]
    );
}

fn one_that_does_not_rests_and_may_cross<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, sell(1, 4, 99)), (C, whole(buy(1, 10, 100)))]);
    assert_eq!(desk.depth(), [(100, 10), (99, 4)]);
    // Smaller orders pass over it.
    assert_eq!(
        desk.enter(B, ioc(sell(1, 9, 100))),
        ["B new 1 9@100", "B canceled 1 ImmediateOrCancel",]
    );
    assert_eq!(
        desk.enter(B, sell(1, 12, 100)),
        ["B new 1 12@100", "B trade 1 10@100 left 2 Y", "C trade 1 10@100 left 0 N",]
    );
}

fn what_is_passed_over_keeps_its_place<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, whole(sell(1, 10, 100))), (B, sell(1, 4, 100))]);
    assert_eq!(
        desk.enter(C, buy(1, 3, 100)),
        ["C new 1 3@100", "C trade 1 3@100 left 0 Y", "B trade 1 3@100 left 1 N",]
    );
    assert_eq!(desk.live(), ["A1 sell 10+0@100", "B1 sell 1+0@100"]);
}

fn only_what_is_displayed_counts<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, iceberg(sell(1, 10, 100), 4))]);
    desk.rest(&[(C, whole(buy(1, 5, 100)))]);
    assert_eq!(
        desk.enter(C, whole(buy(2, 4, 100)))[1..],
        ["C trade 2 4@100 left 0 Y", "A trade 1 4@100 left 6 N",]
    );
    // It displays 4 anew, which is no order that comes to rest.
    assert_eq!(desk.live(), ["C1 buy 5+0@100", "A1 sell 4+2@100"]);
}

fn the_row_gives_less_so_that_the_last_can_trade_whole<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, sell(1, 4, 99)), (B, whole(sell(1, 7, 100)))]);
    // 7 closes the walk if the row gives 3.
    assert_eq!(
        desk.enter(C, whole(buy(1, 10, 100))),
        [
            "C new 1 10@100",
            "C trade 1 3@99 left 7 Y",
            "A trade 1 3@99 left 1 N",
            "C trade 1 7@100 left 0 Y",
            "B trade 1 7@100 left 0 N",
        ]
    );
    assert_eq!(desk.live(), ["A1 sell 1+0@99"]);
}

fn whole_orders_of_a_row_give_all_or_nothing<M: Subject>() {
    let mut desk = Desk::<M>::new();
    // 5 closes it if the row gives 5: 2 of the first are too few for the 4 of the second, so that
    // the third gives them.
    desk.rest(&[(A, sell(1, 2, 99)), (A, whole(sell(2, 4, 99))), (A, sell(3, 3, 99))]);
    desk.rest(&[(B, whole(sell(1, 5, 100)))]);
    assert_eq!(
        desk.enter(C, whole(buy(1, 10, 100))),
        [
            "C new 1 10@100",
            "C trade 1 2@99 left 8 Y",
            "A trade 1 2@99 left 0 N",
            "C trade 1 3@99 left 5 Y",
            "A trade 3 3@99 left 0 N",
            "C trade 1 5@100 left 0 Y",
            "B trade 1 5@100 left 0 N",
        ]
    );
    assert_eq!(desk.live(), ["A2 sell 4+0@99"]);
}

fn a_row_that_cannot_give_exactly_closes_nothing<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, whole(sell(1, 4, 99))), (B, whole(sell(1, 7, 100)))]);
    // 7 wants 3 of the row, which is 4 whole; and 11 is larger than all.
    desk.rest(&[(B, whole(sell(2, 11, 100)))]);
    assert_eq!(desk.enter(C, whole(buy(1, 10, 100))), ["C new 1 10@100"]);
    assert_eq!(desk.depth(), [(100, 10), (99, 4), (100, 18)]);
}

/// The row 4 and 7 is worth more than the 10 that are wanted, but they exclude each other: it gives
/// 4, then (of the first 3 behind it) 7, and the last order has the rest.
fn a_row_worth_more_than_is_wanted_gives_what_it_can<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, whole(sell(1, 4, 99))), (B, whole(sell(1, 7, 100)))]);
    desk.rest(&[(C, whole(buy(1, 10, 100)))]);
    assert_eq!(desk.enter(A, sell(2, 3, 100)), ["A new 2 3@100"]);
    assert_eq!(
        desk.enter(A, sell(3, 5, 100)),
        [
            "A new 3 5@100",
            "C trade 1 4@99 left 6 Y",
            "A trade 1 4@99 left 0 N",
            "C trade 1 3@100 left 3 Y",
            "A trade 2 3@100 left 0 N",
            "C trade 1 3@100 left 0 Y",
            "A trade 3 3@100 left 2 N",
        ]
    );
    assert_eq!(desk.live(), ["B1 sell 7+0@100", "A3 sell 2+0@100"]);
}

fn its_owners_orders_are_passed_over<M: Subject>() {
    let mut desk = Desk::<M>::new();
    let own = |order| prevented(order, StpInstruction::CancelAggressor);
    desk.rest(&[(C, sell(1, 5, 99)), (B, sell(1, 5, 100))]);
    desk.rest(&[(C, whole(own(buy(2, 6, 100))))]);
    assert_eq!(
        desk.enter(C, whole(own(buy(3, 5, 100)))),
        ["C new 3 5@100", "C trade 3 5@100 left 0 Y", "B trade 1 5@100 left 0 N",]
    );
    assert_eq!(desk.live(), ["C2 buy 6+0@100", "C1 sell 5+0@99"]);
}

fn prices_outside_the_dynamic_band_are_passed_over<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.phase(TradingPhase::Continuous, Some(100));
    desk.bands(bands_of(0, None, 5, BandAction::Halt));
    desk.rest(&[(A, sell(1, 5, 94)), (A, sell(2, 5, 105)), (A, sell(3, 5, 106))]);
    desk.rest(&[(C, whole(buy(1, 6, 110)))]);
    assert_eq!(
        desk.enter(C, whole(buy(2, 5, 110)))[1..],
        ["C trade 2 5@105 left 0 Y", "A trade 2 5@105 left 0 N",]
    );
    assert_eq!(desk.enter(C, buy(3, 1, 50)), ["C new 3 1@50"], "nothing halted");
}

fn an_order_that_rests_gives_a_second_chance<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, whole(sell(1, 10, 100))), (C, buy(1, 4, 100))]);
    assert_eq!(
        desk.enter(C, buy(2, 7, 101)),
        [
            "C new 2 7@101",
            // What waited is the aggressor, at the prices of those that rest.
            "A trade 1 7@101 left 3 Y",
            "C trade 2 7@101 left 0 N",
            "A trade 1 3@100 left 0 Y",
            "C trade 1 3@100 left 1 N",
        ]
    );
    assert_eq!(desk.live(), ["C1 buy 1+0@100"]);
}

fn one_that_is_reduced_tries_again<M: Subject>() {
    let reduced = |by| ReduceOrder {
        cl_ord_id: ClOrdId(9),
        orig_cl_ord_id: ClOrdId(1),
        order_id: OrderId(0),
        by: Qty(by),
        symbol: SymbolId(1),
        side: Side::Buy,
        reserved: [0; 3],
    };
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, sell(1, 7, 100)), (C, whole(buy(1, 10, 101))), (C, whole(buy(2, 9, 101)))]);
    assert_eq!(desk.reduce(C, reduced(2)), ["C replaced 1 8@101 was 1 left 8"]);
    // Still too much: it is where it was.
    assert_eq!(desk.live(), ["C1 buy 8+0@101", "C2 buy 9+0@101", "A1 sell 7+0@100"]);
    assert_eq!(
        desk.reduce(C, reduced(2)),
        ["C replaced 1 6@101 was 1 left 6", "C trade 1 6@100 left 0 Y", "A trade 1 6@100 left 1 N",]
    );
    // Not while nothing trades.
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, sell(1, 7, 100)), (C, whole(buy(1, 10, 101)))]);
    desk.phase(TradingPhase::Halt, None);
    assert_eq!(desk.reduce(C, reduced(4)), ["C replaced 1 6@101 was 1 left 6"]);
    assert_eq!(
        desk.phase(TradingPhase::Continuous, None),
        ["J steered Done 0", "C trade 1 6@100 left 0 Y", "A trade 1 6@100 left 1 N"]
    );
}

fn all_get_a_chance_when_trading_begins<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, whole(buy(1, 8, 103))), (A, whole(buy(2, 5, 104)))]);
    desk.phase(TradingPhase::PreOpen, None);
    desk.rest(&[(B, sell(1, 9, 102)), (B, sell(2, 4, 105)), (C, buy(1, 4, 101))]);
    // 5 go to the better bid; the other would need 8.
    assert_eq!(
        desk.phase(TradingPhase::Continuous, None),
        ["J steered Done 0", "A trade 2 5@102 left 0 Y", "B trade 1 5@102 left 4 N"]
    );
    assert_eq!(
        desk.live(),
        ["A1 buy 8+0@103", "C1 buy 4+0@101", "B1 sell 4+0@102", "B2 sell 4+0@105"]
    );
    // Asks as well, and then their trades elect stops.
    desk.rest(&[(B, whole(sell(3, 4, 106)))]);
    desk.phase(TradingPhase::PreOpen, None);
    desk.rest(&[(C, buy(2, 12, 107)), (C, stop(buy(3, 1, 0), 107))]);
    assert_eq!(
        desk.phase(TradingPhase::Continuous, None),
        [
            "C trade 2 4@105 left 8 N",
            "B trade 1 4@105 left 0 N",
            "C trade 2 4@105 left 4 N",
            "B trade 2 4@105 left 0 N",
            "J steered Done 0",
            "B trade 3 4@107 left 0 Y",
            "C trade 2 4@107 left 0 N",
            "C triggered 3 1@mkt",
            "C canceled 3 NoLiquidity",
        ]
    );
}

fn second_chances_go_by_price_then_time<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, whole(sell(1, 8, 100))), (A, whole(sell(2, 8, 99)))]);
    desk.rest(&[(B, whole(sell(1, 8, 99))), (B, whole(sell(2, 8, 101)))]);
    desk.rest(&[(C, buy(1, 4, 100))]);
    assert_eq!(
        desk.enter(C, buy(2, 7, 100)),
        [
            "C new 2 7@100",
            "A trade 2 4@100 left 4 Y",
            "C trade 1 4@100 left 0 N",
            "A trade 2 4@100 left 0 Y",
            "C trade 2 4@100 left 3 N",
        ]
    );
    assert_eq!(
        desk.live(),
        ["C2 buy 3+0@100", "B1 sell 8+0@99", "A1 sell 8+0@100", "B2 sell 8+0@101",]
    );
}

fn several_second_chances_may_be_taken<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, whole(sell(1, 4, 100))), (A, whole(sell(2, 5, 100)))]);
    // Alone, 3 are less than either. What rests is 3 and then 6: 4 and 5 are both served.
    desk.rest(&[(C, buy(1, 3, 100))]);
    assert_eq!(desk.enter(C, post_only(buy(2, 6, 100))), ["C rejected 2 PostOnly"]);
    desk.cancel(A, cancel_of(9, 1, Side::Sell));
    desk.cancel(A, cancel_of(9, 2, Side::Sell));
    desk.rest(&[(A, whole(sell(1, 7, 100))), (A, whole(sell(2, 8, 100)))]);
    assert_eq!(
        desk.enter(C, buy(3, 6, 100)),
        [
            "C new 3 6@100",
            "A trade 1 3@100 left 4 Y",
            "C trade 1 3@100 left 0 N",
            "A trade 1 4@100 left 0 Y",
            "C trade 3 4@100 left 2 N",
        ]
    );
    assert_eq!(desk.live(), ["C3 buy 2+0@100", "A2 sell 8+0@100"]);
    assert_eq!(desk.enter(C, buy(4, 6, 99)), ["C new 4 6@99"], "its price is not reached");
    assert_eq!(desk.enter(C, buy(5, 7, 100))[1], "A trade 2 2@100 left 6 Y");
}

fn a_whole_order_that_rests_gives_one_too<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, whole(sell(1, 10, 100))), (C, whole(buy(1, 4, 100)))]);
    assert_eq!(
        desk.enter(C, whole(buy(2, 6, 100))),
        [
            "C new 2 6@100",
            "A trade 1 4@100 left 6 Y",
            "C trade 1 4@100 left 0 N",
            "A trade 1 6@100 left 0 Y",
            "C trade 2 6@100 left 0 N",
        ]
    );
}

fn one_that_is_replaced_to_ioc_does_not_rest<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(C, whole(buy(1, 4, 100)))]);
    let to_ioc = ReplaceOrder { time_in_force: TimeInForce::Ioc, ..replace_of(2, 1, 4, 100) };
    assert_eq!(
        desk.replace(C, to_ioc),
        ["C replaced 2 4@100 was 1 left 4", "C canceled 2 ImmediateOrCancel",]
    );
}

fn an_iceberg_in_a_row_gives_what_it_displays<M: Subject>() {
    let asks = [(A, iceberg(sell(1, 10, 100), 4)), (B, sell(1, 7, 100))];
    for iceberg_keeps_place in [false, true] {
        let conventions = Conventions { iceberg_keeps_place, ..Conventions::default() };
        let mut desk = Desk::<M>::with(conventions);
        desk.rest(&asks);
        assert_eq!(
            desk.enter(C, whole(buy(1, 9, 100))),
            [
                "C new 1 9@100",
                "C trade 1 4@100 left 5 Y",
                "A trade 1 4@100 left 6 N",
                "C trade 1 5@100 left 0 Y",
                "B trade 1 5@100 left 2 N",
            ]
        );
        let mut live = ["B1 sell 2+0@100", "A1 sell 4+2@100"];
        if iceberg_keeps_place {
            live.reverse();
        }
        assert_eq!(desk.live(), live);
        // 6 are displayed; 8 rest, so that 2 are hidden.
        assert_eq!(desk.enter(C, whole(buy(2, 7, 100))), ["C new 2 7@100"]);
    }
}

/// A row that closes with an iceberg: its last trade takes less than all of what is displayed.
fn an_iceberg_may_close_a_row<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(B, sell(1, 3, 99)), (A, iceberg(sell(1, 10, 100), 4)), (B, sell(2, 1, 100))]);
    assert_eq!(
        desk.enter(C, whole(buy(1, 7, 100)))[3..],
        ["C trade 1 4@100 left 0 Y", "A trade 1 4@100 left 6 N",]
    );
    assert_eq!(desk.live(), ["B2 sell 1+0@100", "A1 sell 4+2@100"]);
}

fn an_iceberg_displays_anew_among_whole_orders_that_are_passed_over<M: Subject>() {
    let asks = [(A, whole(sell(1, 10, 100))), (B, iceberg(sell(1, 6, 100), 2))];
    let more = [(A, whole(sell(2, 10, 100)))];
    for iceberg_keeps_place in [false, true] {
        let conventions = Conventions { iceberg_keeps_place, ..Conventions::default() };
        let mut desk = Desk::<M>::with(conventions);
        desk.rest(&asks);
        desk.rest(&more);
        assert_eq!(
            desk.enter(C, buy(1, 3, 100)),
            [
                "C new 1 3@100",
                "C trade 1 2@100 left 1 Y",
                "B trade 1 2@100 left 4 N",
                "C trade 1 1@100 left 0 Y",
                "B trade 1 1@100 left 3 N",
            ]
        );
        let mut live = ["A1 sell 10+0@100", "A2 sell 10+0@100", "B1 sell 1+2@100"];
        if iceberg_keeps_place {
            live.swap(1, 2);
        }
        assert_eq!(desk.live(), live);
        // All that it hides, but none of the whole orders.
        assert_eq!(desk.enter(C, buy(2, 9, 100)).last().unwrap(), "B trade 1 2@100 left 0 N");
        assert_eq!(desk.depth(), [(100, 6), (100, 20)]);
    }
}

/// 256 in the row and one that closes it are 257; a row of 257 there is not.
fn a_row_has_an_end<M: Subject>() {
    for (sellers, trades) in [(257, true), (258, false)] {
        let mut desk = Desk::<M>::of(BookPlan { orders_max: 300, ..plan() });
        desk.is_restored = false;
        for name in 1..=sellers {
            desk.rest(&[(A, sell(name, 1, 100))]);
        }
        let lines = desk.enter(C, whole(buy(1, sellers, 100)));
        assert_eq!(lines.len() == 1 + 2 * sellers as usize, trades, "{}", lines.len());
        assert_eq!(lines.len() == 1, !trades);
        assert_eq!(desk.live().len(), if trades { 0 } else { 259 });
    }
}

fn second_chances_have_an_end<M: Subject>() {
    for (larger, trades) in [(63, true), (64, false)] {
        let mut desk = Desk::<M>::of(BookPlan { orders_max: 100, ..plan() });
        desk.rest(&[(C, buy(1, 2, 100))]);
        for name in 1..=larger {
            desk.rest(&[(A, whole(sell(name, 10, 100)))]);
        }
        desk.rest(&[(A, whole(sell(99, 4, 100)))]);
        let lines = desk.enter(C, buy(2, 2, 100));
        assert_eq!(lines.len(), if trades { 5 } else { 1 }, "{lines:?}");
    }
}

examples!(
    a_row_has_an_end,
    second_chances_have_an_end,
    one_that_finds_enough_trades_whole,
    one_that_does_not_rests_and_may_cross,
    what_is_passed_over_keeps_its_place,
    only_what_is_displayed_counts,
    the_row_gives_less_so_that_the_last_can_trade_whole,
    whole_orders_of_a_row_give_all_or_nothing,
    a_row_that_cannot_give_exactly_closes_nothing,
    a_row_worth_more_than_is_wanted_gives_what_it_can,
    its_owners_orders_are_passed_over,
    prices_outside_the_dynamic_band_are_passed_over,
    an_order_that_rests_gives_a_second_chance,
    one_that_is_reduced_tries_again,
    all_get_a_chance_when_trading_begins,
    second_chances_go_by_price_then_time,
    several_second_chances_may_be_taken,
    a_whole_order_that_rests_gives_one_too,
    one_that_is_replaced_to_ioc_does_not_rest,
    an_iceberg_in_a_row_gives_what_it_displays,
    an_iceberg_may_close_a_row,
    an_iceberg_displays_anew_among_whole_orders_that_are_passed_over,
);
