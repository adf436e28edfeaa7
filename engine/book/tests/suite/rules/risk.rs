//! "Risk".

use super::*;

fn session(target: u32) -> SetRisk {
    limits_of(RiskScope::Session, target)
}

fn account(target: u32) -> SetRisk {
    limits_of(RiskScope::Account, target)
}

fn limits_bind_a_session_or_an_account<M: Subject>() {
    for limits in [session(A), account(7)] {
        let mut desk = Desk::<M>::new();
        desk.risk(SetRisk { qty_max: Qty(10), ..limits });
        let order = |qty| of_account(buy(1, qty, 100), 7);
        assert_eq!(desk.enter(A, order(11)), ["A rejected 1 RiskQty"]);
        assert_eq!(desk.enter(A, order(10)), ["A new 1 10@100"]);
        assert_eq!(desk.enter(B, buy(1, 11, 100)), ["B new 1 11@100"]);
        // The whole quantity of a replace.
        assert_eq!(desk.replace(A, replace_of(2, 1, 11, 100)), ["A refused 2 RiskQty"]);
    }
}

fn a_rate_is_a_bucket_of_tokens<M: Subject>() {
    for limits in [session(A), account(7)] {
        let mut desk = Desk::<M>::new();
        let order = |name| of_account(buy(name, 1, 100), 7);
        // Two at once, then one each 100 ms.
        desk.risk(SetRisk { rate_per_s: 10, rate_burst: 2, ..limits });
        desk.rest(&[(A, order(1))]);
        assert_eq!(desk.replace(A, replace_of(1, 1, 2, 100))[0], "A replaced 1 2@100 was 1 left 2");
        assert_eq!(desk.enter(A, order(3)), ["A rejected 3 RiskRate"]);
        assert_eq!(desk.replace(A, replace_of(1, 1, 3, 100)), ["A refused 1 RiskRate"]);
        // A decrease that keeps its place needs no token.
        assert_eq!(desk.replace(A, replace_of(1, 1, 1, 100))[0], "A replaced 1 1@100 was 1 left 1");
        desk.now += 100 * MS - 1;
        assert_eq!(desk.enter(A, order(3)), ["A rejected 3 RiskRate"]);
        desk.now += 1;
        desk.rest(&[(A, order(3))]);
        // It is full after 200 ms, and never more than full.
        desk.now += 1_000 * MS;
        desk.rest(&[(A, order(4)), (A, order(5))]);
        assert_eq!(desk.enter(A, order(6)), ["A rejected 6 RiskRate"]);
        // New limits fill it anew.
        desk.risk(SetRisk { rate_per_s: 10, rate_burst: 1, ..limits });
        desk.rest(&[(A, order(6))]);
        assert_eq!(desk.enter(A, order(7)), ["A rejected 7 RiskRate"]);
    }
}

fn only_what_passes_all_checks_takes_a_token<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.risk(SetRisk { rate_per_s: 1, rate_burst: 1, qty_max: Qty(10), ..session(A) });
    desk.risk(SetRisk { rate_per_s: 1, rate_burst: 1, ..account(7) });
    assert_eq!(desk.enter(A, buy(1, 11, 100)), ["A rejected 1 RiskQty"]);
    assert_eq!(desk.enter(A, of_account(buy(1, 10, 100), 7)), ["A new 1 10@100"]);
    desk.now += 500 * MS;
    assert_eq!(desk.enter(B, of_account(buy(1, 10, 100), 7)), ["B rejected 1 RiskRate"]);
    desk.now += 500 * MS;
    // The account's bucket refuses B, so that C, then A, find theirs as they were.
    assert_eq!(desk.enter(B, of_account(buy(1, 10, 100), 7)), ["B new 1 10@100"]);
    assert_eq!(desk.enter(A, of_account(buy(2, 10, 100), 7)), ["A rejected 2 RiskRate"]);
    assert_eq!(desk.enter(A, buy(2, 10, 100)), ["A new 2 10@100"]);
    // What a check after risk refuses has taken its token.
    desk.now += 1_000 * MS;
    assert_eq!(desk.enter(A, fok(buy(3, 10, 100))), ["A rejected 3 FillOrKill"]);
    assert_eq!(desk.enter(A, buy(3, 10, 100)), ["A rejected 3 RiskRate"]);
    // What a check before it refuses has not.
    desk.now += 1_000 * MS;
    assert_eq!(desk.enter(A, buy(2, 10, 100)), ["A rejected 2 DuplicateOrder"]);
    assert_eq!(desk.enter(A, buy(3, 10, 100)), ["A new 3 10@100"]);
}

fn a_notional_is_price_times_quantity<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.risk(SetRisk { notional_max: 1_000, ..session(A) });
    let refused = |name| [format!("A rejected {name} RiskNotional")];
    assert_eq!(desk.enter(A, buy(1, 11, 91)), refused(1), "1,001");
    desk.rest(&[(A, buy(1, 10, 100))]);
    assert_eq!(desk.enter(A, stop_limit(buy(2, 10, 101), 50)), refused(2), "its price, not StopPx");
    assert_eq!(desk.enter(A, stop(buy(2, 10, 0), 101)), refused(2));
    // Without a price: nothing is known, then the reference, the last trade, the other side's best.
    assert_eq!(desk.enter(A, market(buy(3, 1_000, 0))), ["A rejected 3 NoLiquidity"]);
    desk.phase(TradingPhase::Continuous, Some(2));
    assert_eq!(desk.enter(A, market(buy(3, 501, 0))), refused(3));
    desk.rest(&[(B, sell(1, 1, 500))]);
    desk.enter(C, buy(1, 1, 500));
    assert_eq!(desk.enter(A, market(buy(3, 3, 0))), refused(3));
    assert_eq!(desk.enter(A, market(buy(3, 2, 0))), ["A rejected 3 NoLiquidity"]);
    desk.rest(&[(B, sell(2, 1, 200))]);
    assert_eq!(desk.enter(A, market(buy(3, 6, 0))), refused(3));
    assert_eq!(desk.enter(A, ioc(market(buy(3, 5, 0)))).len(), 4);
    // Of a replace, what would be open.
    desk.enter(C, ioc(sell(2, 4, 100)));
    assert_eq!(desk.replace(A, replace_of(1, 1, 15, 100)), ["A refused 1 RiskNotional"]);
    assert_eq!(desk.replace(A, replace_of(1, 1, 14, 100)), ["A replaced 1 14@100 was 1 left 10"]);
    // Symbol 2 has a scale of 1: ten times as much is allowed.
    let coarse = |qty| NewOrder { symbol: SymbolId(2), ..buy(9, qty, 100) };
    assert_eq!(desk.enter(A, coarse(110)), refused(9));
    assert_eq!(desk.enter(A, coarse(100)), ["A new 9 100@100"]);
}

fn live_orders_are_counted<M: Subject>() {
    for limits in [session(A), account(7)] {
        let mut desk = Desk::<M>::new();
        desk.risk(SetRisk { orders_max: 2, ..limits });
        let order = |name| of_account(buy(name, 1, 100), 7);
        desk.rest(&[(A, order(1)), (A, of_account(stop(buy(2, 1, 0), 200), 7))]);
        assert_eq!(desk.enter(A, order(3)), ["A rejected 3 RiskOpenOrders"]);
        assert_eq!(desk.enter(A, ioc(order(3))), ["A rejected 3 RiskOpenOrders"]);
        assert_eq!(desk.replace(A, replace_of(1, 1, 2, 101))[0], "A replaced 1 2@101 was 1 left 2");
        desk.cancel(A, cancel_of(9, 1, Side::Buy));
        desk.rest(&[(A, order(3))]);
    }
}

fn a_position_counts_what_is_open_as_well<M: Subject>() {
    let mut desk = Desk::<M>::new();
    let own = |order| of_account(order, 7);
    desk.risk(SetRisk { position_max: Qty(10), ..account(7) });
    assert_eq!(desk.enter(A, own(buy(1, 11, 100))), ["A rejected 1 RiskPosition"]);
    desk.rest(&[(A, own(buy(1, 6, 100))), (B, own(stop(buy(2, 2, 0), 200)))]);
    assert_eq!(desk.enter(A, own(buy(3, 3, 90))), ["A rejected 3 RiskPosition"]);
    // The other side is another matter, and so is another symbol.
    desk.rest(&[(A, own(sell(4, 10, 150)))]);
    assert_eq!(desk.enter(A, own(sell(5, 1, 150))), ["A rejected 5 RiskPosition"]);
    desk.rest(&[(A, NewOrder { symbol: SymbolId(2), ..own(buy(6, 10, 100)) })]);
    // A replace: this order as it would be.
    assert_eq!(desk.replace(A, replace_of(1, 1, 9, 100)), ["A refused 1 RiskPosition"]);
    assert_eq!(desk.replace(A, replace_of(1, 1, 8, 100))[0], "A replaced 1 8@100 was 1 left 8");
    // It buys 5: net 5, open buys 3 and 2.
    desk.enter(C, ioc(sell(1, 5, 100)));
    assert_eq!(desk.enter(A, own(buy(7, 1, 90))), ["A rejected 7 RiskPosition"]);
    // A sale: open 10 + 5 - 5.
    desk.rest(&[(A, own(sell(8, 5, 160)))]);
    assert_eq!(desk.enter(A, own(sell(9, 1, 160))), ["A rejected 9 RiskPosition"]);
    // It sells 10: net -5, so that buys of 15 are allowed; 5 are open.
    desk.enter(C, ioc(buy(2, 10, 150)));
    assert_eq!(desk.enter(A, own(buy(7, 11, 90))), ["A rejected 7 RiskPosition"]);
    desk.rest(&[(A, own(buy(7, 10, 90)))]);
}

fn positions_are_counted_as_long_as_there_is_room<M: Subject>() {
    let mut desk = Desk::<M>::of(BookPlan { positions_max: 1, ..plan() });
    let own = |order, account| of_account(order, account);
    // Nobody named account 7 yet: its trade is not counted.
    desk.rest(&[(A, own(buy(1, 5, 100), 7)), (A, own(buy(2, 9, 90), 7))]);
    desk.enter(C, ioc(sell(1, 2, 100)));
    desk.kill(KillScope::Account, 7, KillAction::Reinstate);
    // It begins with a trade, which is counted: net 3.
    desk.enter(C, ioc(sell(1, 3, 100)));
    desk.risk(SetRisk { position_max: Qty(15), ..account(7) });
    assert_eq!(desk.enter(A, own(buy(3, 4, 90), 7)), ["A rejected 3 RiskPosition"]);
    desk.rest(&[(A, own(buy(3, 3, 90), 7))]);
    // There is no room for another: who has a limit there is refused.
    let other = NewOrder { symbol: SymbolId(2), ..own(buy(4, 10, 100), 7) };
    assert_eq!(desk.enter(A, other), ["A rejected 4 RiskPosition"]);
    desk.risk(SetRisk { qty_max: Qty(15), ..account(8) });
    desk.rest(&[(A, own(buy(5, 1, 90), 8))]);
    desk.risk(SetRisk { position_max: Qty(15), ..account(8) });
    assert_eq!(desk.enter(A, own(buy(6, 1, 90), 8)), ["A rejected 6 RiskPosition"]);
    assert_eq!(desk.replace(A, replace_of(5, 5, 2, 90)), ["A refused 5 RiskPosition"]);
}

fn a_collar_is_around_the_last_trade<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.risk(SetRisk { collar: Price(5), ..session(A) });
    desk.rest(&[(A, buy(1, 1, 10))]);
    desk.phase(TradingPhase::Continuous, Some(100));
    assert_eq!(desk.enter(A, buy(2, 1, 94)), ["A rejected 2 RiskCollar"]);
    assert_eq!(desk.enter(A, sell(2, 1, 106)), ["A rejected 2 RiskCollar"]);
    desk.rest(&[(A, buy(2, 1, 95)), (A, sell(3, 1, 105)), (A, stop(buy(4, 1, 0), 200))]);
    assert_eq!(desk.replace(A, replace_of(5, 2, 1, 94)), ["A refused 5 RiskCollar"]);
    // The last trade goes before the reference.
    desk.enter(C, buy(1, 1, 105));
    assert_eq!(desk.enter(A, buy(5, 1, 99)), ["A rejected 5 RiskCollar"]);
    desk.rest(&[(A, buy(5, 1, 100))]);
}

fn the_same_order_again_is_refused_for_a_while<M: Subject>() {
    for limits in [session(A), account(7)] {
        let mut desk = Desk::<M>::new();
        desk.risk(SetRisk { duplicate_ms: 10, ..limits });
        let order = |name, price| of_account(buy(name, 5, price), 7);
        desk.rest(&[(A, order(1, 100))]);
        assert_eq!(desk.enter(A, order(2, 100)), ["A rejected 2 RiskDuplicate"]);
        desk.now += 10 * MS - 1;
        assert_eq!(desk.enter(A, ioc(order(2, 100))), ["A rejected 2 RiskDuplicate"]);
        desk.now += 1;
        desk.rest(&[(A, order(2, 100))]);
        // Any difference will do, and only the last order counts.
        desk.rest(&[(A, order(3, 99)), (A, order(4, 100))]);
        desk.rest(&[(A, NewOrder { side: Side::Sell, ..order(5, 101) })]);
        desk.rest(&[(A, stop_limit(order(6, 101), 200)), (A, stop_limit(order(7, 101), 201))]);
        // A replace is none, and does not count as one.
        desk.replace(A, replace_of(8, 1, 9, 100));
        assert_eq!(desk.enter(A, stop_limit(order(9, 101), 201)), ["A rejected 9 RiskDuplicate"]);
        // One that passed risk counts, whatever came then.
        assert_eq!(desk.enter(A, fok(order(10, 50))), ["A rejected 10 FillOrKill"]);
        assert_eq!(desk.enter(A, order(11, 50)), ["A rejected 11 RiskDuplicate"]);
        desk.risk(SetRisk { duplicate_ms: 10, ..limits });
        desk.rest(&[(A, order(11, 50))]);
    }
}

fn checks_of_risk_in_their_order<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.phase(TradingPhase::Continuous, Some(100));
    let all = SetRisk {
        qty_max: Qty(10),
        notional_max: 900,
        position_max: Qty(8),
        collar: Price(5),
        orders_max: 1,
        rate_per_s: 1,
        rate_burst: 1,
        duplicate_ms: 10_000,
        ..account(7)
    };
    // What is broken by (11 at 90): all but the rate; each step takes the first limit away.
    desk.rest(&[(B, of_account(buy(1, 5, 90), 7))]);
    let order = of_account(buy(1, 11, 90), 7);
    let mut limits = all;
    type GiveWay = fn(&mut SetRisk);
    let steps: [(&str, GiveWay); 5] = [
        ("RiskQty", |l| l.qty_max = Qty(0)),
        ("RiskNotional", |l| l.notional_max = 0),
        ("RiskOpenOrders", |l| l.orders_max = 0),
        ("RiskPosition", |l| l.position_max = Qty(0)),
        ("RiskCollar", |l| l.collar = Price(0)),
    ];
    for (reason, give_way) in steps {
        desk.risk(limits);
        assert_eq!(desk.enter(A, order), [format!("A rejected 1 {reason}")]);
        give_way(&mut limits);
    }
    desk.risk(limits);
    desk.rest(&[(A, order)]);
    assert_eq!(
        desk.enter(A, NewOrder { cl_ord_id: ClOrdId(2), ..order }),
        ["A rejected 2 RiskRate"]
    );
    desk.now += 1_000 * MS;
    assert_eq!(
        desk.enter(A, NewOrder { cl_ord_id: ClOrdId(2), ..order }),
        ["A rejected 2 RiskDuplicate"]
    );
    desk.kill(KillScope::Account, 7, KillAction::HaltTrading);
    assert_eq!(desk.enter(A, NewOrder { cl_ord_id: ClOrdId(2), ..order }), ["A rejected 2 Killed"]);
}

/// Also if it does not pass; and what is refused before it has not come to it.
fn a_position_is_counted_from_the_first_order_that_is_checked<M: Subject>() {
    let other = |order: NewOrder| NewOrder { symbol: SymbolId(2), ..order };
    for refusal in [SetRisk { qty_max: Qty(10), ..account(7) }, account(7)] {
        let mut desk = Desk::<M>::of(BookPlan { positions_max: 1, ..plan() });
        desk.risk(refusal);
        desk.risk(SetRisk { position_max: Qty(500), ..account(8) });
        let order = |name, qty| of_account(buy(name, qty, 100), 7);
        // An order of nobody's account, and one that is refused before the check of risk.
        desk.rest(&[(A, buy(1, 1, 100))]);
        assert_eq!(desk.enter(A, order(1, 20)), ["A rejected 1 DuplicateOrder"]);
        let lines = desk.enter(A, order(2, 20));
        assert_eq!(lines[0].contains("RiskQty"), refusal.qty_max > Qty(0), "{lines:?}");
        // It took the only position there is, whether it passed or not.
        let late = other(of_account(buy(3, 10, 100), 8));
        assert_eq!(desk.enter(B, late), ["B rejected 3 RiskPosition"]);
    }
    // Without it, there is room.
    let mut desk = Desk::<M>::of(BookPlan { positions_max: 1, ..plan() });
    desk.risk(account(7));
    desk.risk(SetRisk { position_max: Qty(500), ..account(8) });
    desk.rest(&[(B, other(of_account(buy(3, 10, 100), 8)))]);
}

/// A decrease that keeps priority does not come to the check of risk, another replace does.
fn a_replace_begins_a_position_if_it_is_checked<M: Subject>() {
    for (price, is_checked) in [(100, false), (101, true)] {
        let mut desk = Desk::<M>::of(BookPlan { positions_max: 1, ..plan() });
        desk.rest(&[(A, of_account(buy(1, 10, 100), 7))]);
        desk.risk(account(7));
        desk.risk(SetRisk { position_max: Qty(500), ..account(8) });
        desk.reduce(A, reduce_of(2, 1, Side::Buy, 1));
        desk.replace(A, replace_of(1, 1, 8, price));
        let late = NewOrder { symbol: SymbolId(2), ..of_account(buy(3, 10, 100), 8) };
        let lines = desk.enter(B, late);
        assert_eq!(lines[0].contains("RiskPosition"), is_checked, "{lines:?}");
    }
}

/// Whose position begins with a trade between two orders of its own holds what it held.
fn a_position_may_begin_with_a_trade_within_an_account<M: Subject>() {
    let own = |order| of_account(order, 7);
    // In an auction.
    let mut desk = Desk::<M>::new();
    desk.phase(TradingPhase::PreOpen, None);
    desk.rest(&[(A, own(buy(1, 5, 100))), (B, own(sell(2, 5, 100)))]);
    desk.kill(KillScope::Account, 7, KillAction::Reinstate);
    desk.phase(TradingPhase::Continuous, None);
    desk.risk(SetRisk { position_max: Qty(5), ..account(7) });
    assert_eq!(desk.enter(A, own(buy(3, 6, 100))), ["A rejected 3 RiskPosition"]);
    desk.rest(&[(A, own(buy(3, 5, 100))), (A, own(sell(4, 5, 101)))]);
    // And by a stop order.
    let mut desk = Desk::<M>::new();
    desk.rest(&[(B, sell(1, 1, 100)), (A, own(sell(1, 5, 100)))]);
    desk.rest(&[(A, own(stop(buy(2, 5, 0), 100)))]);
    desk.kill(KillScope::Account, 7, KillAction::Reinstate);
    assert_eq!(desk.enter(C, buy(1, 1, 100)).len(), 6, "the stop order trades with its own");
    desk.risk(SetRisk { position_max: Qty(5), ..account(7) });
    assert_eq!(desk.enter(A, own(buy(3, 6, 100))), ["A rejected 3 RiskPosition"]);
    desk.rest(&[(A, own(buy(3, 5, 100))), (A, own(sell(4, 5, 101)))]);
}

examples!(
    a_position_may_begin_with_a_trade_within_an_account,
    limits_bind_a_session_or_an_account,
    a_rate_is_a_bucket_of_tokens,
    only_what_passes_all_checks_takes_a_token,
    a_notional_is_price_times_quantity,
    live_orders_are_counted,
    a_position_counts_what_is_open_as_well,
    positions_are_counted_as_long_as_there_is_room,
    a_collar_is_around_the_last_trade,
    the_same_order_again_is_refused_for_a_while,
    checks_of_risk_in_their_order,
    a_position_is_counted_from_the_first_order_that_is_checked,
    a_replace_begins_a_position_if_it_is_checked,
);
