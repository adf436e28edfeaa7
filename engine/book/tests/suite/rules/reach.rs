//! "Reach": fill-or-kill, MinQty, budgets; and the limit of a market order.

use super::*;
use StpInstruction::{CancelAggressor, CancelBoth, CancelResting, Decrement};

fn fill_or_kill_is_all_or_nothing<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, sell(1, 5, 100)), (A, sell(2, 5, 101))]);
    assert_eq!(desk.enter(C, fok(buy(1, 6, 100))), ["C rejected 1 FillOrKill"]);
    assert_eq!(desk.enter(C, fok(buy(1, 11, 101))), ["C rejected 1 FillOrKill"]);
    assert_eq!(desk.enter(C, fok(market(buy(1, 11, 0)))), ["C rejected 1 FillOrKill"]);
    assert_eq!(
        desk.enter(C, fok(buy(1, 7, 101))),
        [
            "C new 1 7@101",
            "C trade 1 5@100 left 2 Y",
            "A trade 1 5@100 left 0 N",
            "C trade 1 2@101 left 0 Y",
            "A trade 2 2@101 left 3 N",
        ]
    );
}

fn reach_counts_what_is_hidden<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, iceberg(sell(1, 5, 100), 2))]);
    assert_eq!(desk.enter(C, fok(buy(1, 6, 100))), ["C rejected 1 FillOrKill"]);
    assert_eq!(
        desk.enter(C, fok(buy(1, 5, 100))),
        [
            "C new 1 5@100",
            "C trade 1 2@100 left 3 Y",
            "A trade 1 2@100 left 3 N",
            "C trade 1 2@100 left 1 Y",
            "A trade 1 2@100 left 1 N",
            "C trade 1 1@100 left 0 Y",
            "A trade 1 1@100 left 0 N",
        ]
    );
}

fn reach_passes_over_what_is_larger_and_whole<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, whole(sell(1, 8, 100))), (A, sell(2, 5, 101))]);
    assert_eq!(desk.enter(C, fok(buy(1, 6, 101))), ["C rejected 1 FillOrKill"]);
    assert_eq!(
        desk.enter(C, fok(buy(1, 5, 101))),
        ["C new 1 5@101", "C trade 1 5@101 left 0 Y", "A trade 2 5@101 left 0 N",]
    );
    desk.rest(&[(A, sell(2, 5, 101))]);
    assert_eq!(
        desk.enter(C, fok(buy(1, 13, 101))),
        [
            "C new 1 13@101",
            "C trade 1 8@100 left 5 Y",
            "A trade 1 8@100 left 0 N",
            "C trade 1 5@101 left 0 Y",
            "A trade 2 5@101 left 0 N",
        ]
    );
}

fn reach_considers_orders_of_its_owner<M: Subject>() {
    for stp in [CancelAggressor, CancelBoth, Decrement] {
        let mut desk = Desk::<M>::new();
        desk.rest(&[(C, sell(9, 5, 100)), (B, sell(1, 5, 101))]);
        let order = prevented(fok(buy(1, 5, 101)), stp);
        assert_eq!(desk.enter(C, order), ["C rejected 1 FillOrKill"]);
    }
    let mut desk = Desk::<M>::new();
    desk.rest(&[(C, sell(9, 5, 100)), (B, sell(1, 5, 101))]);
    let order = |qty| prevented(fok(buy(1, qty, 101)), CancelResting);
    assert_eq!(desk.enter(C, order(6)), ["C rejected 1 FillOrKill"]);
    assert_eq!(
        desk.enter(C, order(5)),
        [
            "C new 1 5@101",
            "C canceled 9 SelfTrade",
            "C trade 1 5@101 left 0 Y",
            "B trade 1 5@101 left 0 N",
        ]
    );
}

fn min_qty_trades_at_once_or_nothing_does<M: Subject>() {
    let mut desk = Desk::<M>::new();
    let min = |min_qty, order| NewOrder { min_qty: Qty(min_qty), ..order };
    assert_eq!(desk.enter(C, min(1, market(buy(1, 9, 0)))), ["C rejected 1 NoLiquidity"]);
    desk.rest(&[(A, sell(1, 5, 100))]);
    assert_eq!(desk.enter(C, min(6, ioc(buy(1, 9, 100)))), ["C rejected 1 MinQty"]);
    assert_eq!(desk.enter(C, min(6, market(buy(1, 9, 0)))), ["C rejected 1 MinQty"]);
    assert_eq!(
        desk.enter(C, min(5, ioc(buy(1, 9, 100)))),
        [
            "C new 1 9@100",
            "C trade 1 5@100 left 4 Y",
            "A trade 1 5@100 left 0 N",
            "C canceled 1 ImmediateOrCancel",
        ]
    );
}

fn a_budget_is_kept<M: Subject>() {
    let budget = |budget, order| NewOrder { budget, ..fok(market(order)) };
    let mut desk = Desk::<M>::new();
    assert_eq!(desk.enter(C, budget(1_000, buy(1, 1, 0))), ["C rejected 1 FillOrKill"]);
    // 5 * 100 + 5 * 102 is 1,010; 5 * 90 + 5 * 88 is 890.
    desk.rest(&[(A, sell(1, 5, 100)), (A, sell(2, 5, 102))]);
    desk.rest(&[(A, buy(3, 5, 90)), (A, buy(4, 5, 88))]);
    assert_eq!(desk.enter(C, budget(1_009, buy(1, 10, 0))), ["C rejected 1 FillOrKill"]);
    assert_eq!(desk.enter(C, budget(9_999, buy(1, 11, 0))), ["C rejected 1 FillOrKill"]);
    assert_eq!(desk.enter(C, budget(891, sell(1, 10, 0))), ["C rejected 1 FillOrKill"]);
    assert_eq!(desk.enter(C, budget(1_010, buy(1, 10, 0))).len(), 5);
    assert_eq!(desk.enter(C, budget(890, sell(1, 10, 0))).len(), 5);
    // Symbol 2 has a scale of 1: 10 * 100 is compared with ten times the budget.
    let coarse = |order| NewOrder { symbol: SymbolId(2), ..order };
    desk.rest(&[(A, coarse(sell(1, 10, 100)))]);
    assert_eq!(desk.enter(C, coarse(budget(99, buy(1, 10, 0)))), ["C rejected 1 FillOrKill"]);
    assert_eq!(desk.enter(C, coarse(budget(100, buy(1, 10, 0)))).len(), 3);
}

fn a_market_order_goes_as_far_as_its_protection<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.define(DefineSymbol { protection: Price(2), ..definition() });
    desk.rest(&[(A, sell(1, 5, 100)), (A, sell(2, 5, 102)), (A, sell(3, 5, 103))]);
    assert_eq!(desk.enter(C, fok(market(buy(1, 11, 0)))), ["C rejected 1 FillOrKill"]);
    assert_eq!(
        desk.enter(C, market(buy(1, 11, 0))),
        [
            "C new 1 11@mkt",
            "C trade 1 5@100 left 6 Y",
            "A trade 1 5@100 left 0 N",
            "C trade 1 5@102 left 1 Y",
            "A trade 2 5@102 left 0 N",
            "C canceled 1 ImmediateOrCancel",
        ]
    );
    assert_eq!(desk.depth(), [(103, 5)]);
    desk.rest(&[(A, buy(4, 5, 90)), (A, buy(5, 5, 88)), (A, buy(6, 5, 87))]);
    assert_eq!(desk.enter(C, market(sell(1, 11, 0))).len(), 6, "a sale goes down");
    assert_eq!(desk.depth(), [(87, 5), (103, 5)]);
}

fn sums_are_exact<M: Subject>() {
    let mut sizes = plan();
    sizes.symbols[0].price_max = Price(i64::MAX - 1);
    sizes.symbols[0].qty_max = Qty(u64::MAX / 50);
    sizes.symbols[0].qty_scale = 18;
    let mut desk = Desk::<M>::of(sizes);
    let most = u64::MAX / 50;
    desk.rest(&[(A, sell(1, most, i64::MAX - 1))]);
    // The cost is about 3.4 * 10^36, the budget 1.8 * 10^37 at most.
    let order = |budget| NewOrder { budget, ..fok(market(buy(1, most, 0))) };
    let cost = (i64::MAX - 1) as u128 * u128::from(most);
    let budget = cost.div_ceil(10_u128.pow(18)) as u64;
    assert_eq!(desk.enter(C, order(budget - 1)), ["C rejected 1 FillOrKill"]);
    assert_eq!(desk.enter(C, order(budget)).len(), 3);
}

/// What a level hides is behind all that it displays, and the walk ends before it.
fn reach_ends_at_an_own_order_before_what_its_level_hides<M: Subject>() {
    let order = |qty| prevented(fok(buy(9, qty, 101)), CancelAggressor);
    let asks = [(A, iceberg(sell(1, 10, 100), 4)), (C, sell(8, 5, 100)), (B, sell(1, 9, 101))];
    let mut desk = Desk::<M>::new();
    desk.rest(&asks);
    assert_eq!(desk.enter(C, order(5)), ["C rejected 9 FillOrKill"]);
    assert_eq!(
        desk.enter(C, order(4)),
        ["C new 9 4@101", "C trade 9 4@100 left 0 Y", "A trade 1 4@100 left 6 N"]
    );
    // Now the own order is the first one, and nothing can be reached.
    assert_eq!(desk.enter(C, order(1)), ["C rejected 9 FillOrKill"]);
    // What keeps its place is met with all that it hides.
    let conventions = Conventions { iceberg_keeps_place: true, ..Conventions::default() };
    let mut desk = Desk::<M>::with(conventions);
    desk.rest(&asks);
    assert_eq!(desk.enter(C, order(11)), ["C rejected 9 FillOrKill"]);
    let lines = desk.enter(C, order(10));
    assert_eq!(lines.len(), 7, "4, 4 and 2: {lines:?}");
    assert_eq!(desk.live(), ["C8 sell 5+0@100", "B1 sell 9+0@101"]);
}

/// Own orders are passed over with what they hide; what others hide counts.
fn reach_passes_over_what_own_orders_hide<M: Subject>() {
    let order = |qty| prevented(fok(buy(9, qty, 100)), CancelResting);
    let mut desk = Desk::<M>::new();
    desk.rest(&[(C, iceberg(sell(8, 10, 100), 4)), (A, iceberg(sell(1, 10, 100), 4))]);
    assert_eq!(desk.enter(C, order(11)), ["C rejected 9 FillOrKill"]);
    let lines = desk.enter(C, order(10));
    assert_eq!(lines[..2], ["C new 9 10@100", "C canceled 8 SelfTrade"]);
    assert_eq!(desk.live().len(), 0);
}

/// All-or-none orders are measured by what is still wanted when they are met: before anything that
/// their level hides.
fn reach_measures_whole_orders_before_what_is_hidden<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, iceberg(sell(1, 6, 100), 2)), (B, whole(sell(1, 5, 100)))]);
    // 2 displayed, 5 whole, 4 hidden.
    assert_eq!(desk.enter(C, fok(buy(1, 12, 100))), ["C rejected 1 FillOrKill"]);
    assert_eq!(desk.enter(C, fok(buy(1, 11, 100)))[2], "A trade 1 2@100 left 4 N");
    assert_eq!(desk.live().len(), 0);
    // Of 6, 4 are wanted when the whole 5 are met.
    desk.rest(&[(A, iceberg(sell(1, 6, 100), 2)), (B, whole(sell(1, 5, 100)))]);
    assert_eq!(desk.enter(C, fok(buy(1, 6, 100))).len(), 7);
    assert_eq!(desk.live(), ["B1 sell 5+0@100"]);
}

examples!(
    fill_or_kill_is_all_or_nothing,
    reach_counts_what_is_hidden,
    reach_passes_over_what_is_larger_and_whole,
    reach_considers_orders_of_its_owner,
    min_qty_trades_at_once_or_nothing_does,
    a_budget_is_kept,
    a_market_order_goes_as_far_as_its_protection,
    sums_are_exact,
    reach_ends_at_an_own_order_before_what_its_level_hides,
    reach_passes_over_what_own_orders_hide,
    reach_measures_whole_orders_before_what_is_hidden,
);
