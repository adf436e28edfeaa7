//! "Cancel, reduce, replace".

use super::*;
use TradingPhase::{Continuous, Halt, PreOpen};

fn requests_name_an_order_of_their_session<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, buy(1, 5, 100))]);
    let cancel = cancel_of(9, 1, Side::Buy);
    assert_eq!(desk.cancel(B, cancel), ["B refused 9 UnknownOrder"]);
    assert_eq!(desk.cancel(A, cancel_of(9, 2, Side::Buy)), ["A refused 9 UnknownOrder"]);
    assert_eq!(desk.cancel(A, cancel_of(9, 1, Side::Sell)), ["A refused 9 Mismatch"]);
    let other = CancelOrder { symbol: SymbolId(2), ..cancel };
    assert_eq!(desk.cancel(A, other), ["A refused 9 Mismatch"]);
    // The OrderID goes before the name.
    let by_id = |slot: u64| CancelOrder { order_id: OrderId(1 << 32 | slot), ..cancel };
    assert_eq!(desk.cancel(A, by_id(1)), ["A refused 9 UnknownOrder"]);
    assert_eq!(desk.reduce(A, reduce_of(9, 1, Side::Sell, 1)), ["A refused 9 Mismatch"]);
    assert_eq!(desk.replace(B, replace_of(9, 1, 5, 100)), ["B refused 9 UnknownOrder"]);
    desk.phase(Halt, None);
    assert_eq!(desk.cancel(A, by_id(0)), ["A canceled 1 Requested by 9"]);
    assert_eq!(desk.cancel(A, cancel), ["A refused 9 UnknownOrder"], "what is gone is forgotten");
}

fn a_reduce_takes_hidden_quantity_first_and_keeps_the_place<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, iceberg(buy(1, 10, 100), 4)), (B, buy(1, 5, 100))]);
    let reduce = |by| reduce_of(9, 1, Side::Buy, by);
    assert_eq!(desk.reduce(A, reduce(5)), ["A replaced 1 5@100 was 1 left 5"]);
    assert_eq!(desk.live(), ["A1 buy 4+1@100", "B1 buy 5+0@100"]);
    // In any phase.
    desk.phase(Halt, None);
    assert_eq!(desk.reduce(A, reduce(2)), ["A replaced 1 3@100 was 1 left 3"]);
    assert_eq!(desk.live(), ["A1 buy 3+0@100", "B1 buy 5+0@100"]);
    assert_eq!(desk.reduce(A, reduce(0)), ["A refused 9 IncorrectQuantity"]);
    assert_eq!(desk.reduce(A, reduce(3)), ["A canceled 1 Requested by 9"]);
    assert_eq!(
        desk.reduce(B, reduce_of(9, 1, Side::Buy, u64::MAX)),
        ["B canceled 1 Requested by 9"]
    );
    // A stop that waits; what is no multiple of the lot.
    desk.phase(Continuous, None);
    let coarse = |order| NewOrder { symbol: SymbolId(2), ..order };
    desk.rest(&[(A, coarse(stop(buy(1, 30, 0), 100)))]);
    let reduce = |by| ReduceOrder { symbol: SymbolId(2), ..reduce(by) };
    assert_eq!(desk.reduce(A, reduce(15)), ["A refused 9 IncorrectQuantity"]);
    assert_eq!(desk.reduce(A, reduce(35)), ["A refused 9 IncorrectQuantity"]);
    assert_eq!(desk.reduce(A, reduce(20)), ["A replaced 1 10@mkt was 1 left 10"]);
}

/// A1 5@100 before B1 5@100.
fn desk_of_two<M: Subject>(conventions: Conventions) -> Desk<M> {
    let mut desk = Desk::<M>::with(conventions);
    desk.rest(&[(A, buy(1, 5, 100)), (B, buy(1, 5, 100))]);
    desk
}

fn keeping_priority<M: Subject>() {
    let plain = Conventions::default();
    let requeue = Conventions { requeue_on_decrease: true, ..plain };
    let with = |exec_inst, qty, price| ReplaceOrder { exec_inst, ..replace_of(2, 1, qty, price) };
    let cases = [
        (plain, with(0, 5, 100), true),
        (plain, with(0, 4, 100), true),
        (plain, with(0, 6, 100), false),
        (plain, with(0, 5, 101), false),
        (plain, with(exec_inst::REQUEUE, 5, 100), false),
        (plain, with(exec_inst::REQUEUE, 4, 100), false),
        (requeue, with(0, 5, 100), true),
        (requeue, with(0, 4, 100), false),
    ];
    for (conventions, request, keeps) in cases {
        let mut desk = desk_of_two::<M>(conventions);
        let (qty, price) = (request.qty, request.price);
        let line = format!("A replaced 2 {qty}@{price} was 1 left {qty}");
        assert_eq!(desk.replace(A, request), [line]);
        let is_first = desk.live()[0].starts_with("A2");
        assert_eq!(is_first, keeps || price > Price(100), "{request:?}");
    }
    // One that is whole never keeps it.
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, whole(buy(1, 5, 100))), (B, buy(1, 5, 100))]);
    desk.replace(A, replace_of(2, 1, 5, 100));
    assert_eq!(desk.live(), ["B1 buy 5+0@100", "A2 buy 5+0@100"]);
}

fn a_decrease_takes_hidden_quantity_first<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, iceberg(buy(1, 10, 100), 4)), (B, buy(1, 5, 100))]);
    desk.enter(C, ioc(sell(1, 1, 100)));
    assert_eq!(desk.live()[0], "A1 buy 3+6@100");
    assert_eq!(desk.replace(A, replace_of(2, 1, 6, 100)), ["A replaced 2 6@100 was 1 left 5"]);
    assert_eq!(desk.live()[0], "A2 buy 3+2@100");
    desk.replace(A, replace_of(2, 2, 3, 100));
    assert_eq!(desk.live()[0], "A2 buy 2+0@100");
    // What goes in again displays anew.
    desk.replace(A, replace_of(2, 2, 12, 100));
    assert_eq!(desk.live(), ["B1 buy 5+0@100", "A2 buy 4+7@100"]);
}

fn what_goes_in_again_is_an_aggressor<M: Subject>() {
    let mut desk = desk_of_two::<M>(Conventions::default());
    desk.rest(&[(C, sell(1, 3, 105))]);
    assert_eq!(
        desk.replace(A, replace_of(2, 1, 6, 105)),
        ["A replaced 2 6@105 was 1 left 6", "A trade 2 3@105 left 3 Y", "C trade 1 3@105 left 0 N",]
    );
    let to_ioc = ReplaceOrder { time_in_force: TimeInForce::Ioc, ..replace_of(3, 2, 6, 105) };
    assert_eq!(
        desk.replace(A, to_ioc),
        ["A replaced 3 6@105 was 2 left 3", "A canceled 3 ImmediateOrCancel",]
    );
}

fn no_more_than_has_filled<M: Subject>() {
    let refuse = Conventions { refuse_replace_to_filled: true, ..Conventions::default() };
    for (conventions, line) in [
        (Conventions::default(), "A canceled 1 ReplacedToFilled by 2"),
        (refuse, "A refused 2 IncorrectQuantity"),
    ] {
        for qty in [0, 2, 3] {
            let mut desk = desk_of_two::<M>(conventions);
            desk.enter(C, ioc(sell(1, 3, 100)));
            // In any phase, at any price that is legal.
            desk.phase(Halt, None);
            assert_eq!(desk.replace(A, replace_of(2, 1, qty, 200)), [line]);
        }
        let mut desk = desk_of_two::<M>(conventions);
        assert_eq!(
            desk.replace(A, replace_of(2, 1, 0, 2_000))[0],
            match conventions {
                c if c == refuse => "A refused 2 IncorrectQuantity",
                _ => "A refused 2 InvalidPriceIncrement",
            }
        );
    }
}

fn checks_of_a_replace_in_their_order<M: Subject>() {
    let mut desk = Desk::<M>::of(BookPlan { levels_max: 2, ..plan() });
    desk.rest(&[(A, buy(1, 5, 100)), (A, post_only(buy(2, 5, 99))), (B, sell(1, 5, 110))]);
    desk.bands(bands_of(50, Some(150), 0, BandAction::Reject));
    desk.risk(SetRisk { qty_max: Qty(100), ..limits_of(RiskScope::Session, A) });
    let base = replace_of(2, 1, 2_000, 2_000);
    let cases = [
        (ReplaceOrder { exec_inst: exec_inst::POST_ONLY, ..base }, "Unsupported"),
        (ReplaceOrder { time_in_force: TimeInForce::Fok, ..base }, "Unsupported"),
        (ReplaceOrder { time_in_force: TimeInForce::Gtd, ..base }, "Unsupported"),
        (ReplaceOrder { stop_px: Price(100), ..base }, "Unsupported"),
        (ReplaceOrder { price: Price::NULL, ..base }, "Unsupported"),
        (base, "DuplicateClOrdId"),
        (replace_of(1, 1, 2_000, 2_000), "IncorrectQuantity"),
        (replace_of(1, 1, 500, 2_000), "InvalidPriceIncrement"),
        (replace_of(1, 1, 500, 151), "PriceExceedsBand"),
        (replace_of(1, 1, 500, 49), "PriceExceedsBand"),
        (replace_of(1, 1, 500, 101), "RiskQty"),
        (replace_of(2, 2, 6, 110), "PostOnly"),
    ];
    for (request, reason) in cases {
        let line = format!("A refused {} {reason}", request.cl_ord_id);
        assert_eq!(desk.replace(A, request), [line], "{request:?}");
    }
    // Room: its own level is free if it is alone there.
    desk.rest(&[(A, buy(3, 5, 99))]);
    assert_eq!(desk.replace(A, replace_of(3, 3, 6, 98)), ["A refused 3 BookFull"]);
    assert_eq!(desk.replace(A, replace_of(1, 1, 6, 98)), ["A replaced 1 6@98 was 1 left 6"]);
}

fn two_pages_must_be_free_for_a_replace_too<M: Subject>() {
    let mut desk = Desk::<M>::of(BookPlan { pages_max: 2, ..plan() });
    desk.rest(&[(A, buy(1, 5, 100))]);
    // Its own page is in use as long as it is there.
    assert_eq!(desk.replace(A, replace_of(1, 1, 6, 101)), ["A refused 1 BookFull"]);
    assert_eq!(desk.replace(A, replace_of(1, 1, 6, 100)), ["A replaced 1 6@100 was 1 left 6"]);
}

fn phases_and_replaces<M: Subject>() {
    let mut desk = desk_of_two::<M>(Conventions::default());
    desk.rest(&[(C, sell(1, 5, 110)), (A, stop(buy(7, 5, 0), 120))]);
    desk.phase(Halt, None);
    assert_eq!(desk.replace(A, replace_of(2, 1, 6, 100)), ["A refused 2 ExchangeClosed"]);
    assert_eq!(desk.replace(A, replace_of(2, 1, 4, 100)), ["A replaced 2 4@100 was 1 left 4"]);
    desk.phase(PreOpen, None);
    let to_ioc = ReplaceOrder { time_in_force: TimeInForce::Ioc, ..replace_of(3, 2, 4, 110) };
    assert_eq!(desk.replace(A, to_ioc), ["A refused 3 ExchangeClosed"]);
    assert_eq!(desk.replace(A, replace_of(3, 2, 4, 110)), ["A replaced 3 4@110 was 2 left 4"]);
    assert_eq!(desk.depth(), [(110, 4), (100, 5), (110, 5)], "it rests, and crosses");
    let stop = ReplaceOrder { price: Price::NULL, ..replace_of(8, 7, 9, 0) };
    assert_eq!(desk.replace(A, stop), ["A replaced 8 9@mkt was 7 left 9"]);
}

fn a_band_may_halt<M: Subject>() {
    let mut desk = desk_of_two::<M>(Conventions::default());
    desk.bands(bands_of(50, Some(150), 0, BandAction::Halt));
    assert_eq!(desk.replace(A, replace_of(2, 1, 5, 151)), ["A refused 2 PriceExceedsBand"]);
    assert_eq!(desk.enter(C, buy(1, 1, 100)), ["C rejected 1 ExchangeClosed"]);
}

fn a_replace_that_would_trade_may_be_refused<M: Subject>() {
    let refuse = Conventions { refuse_replace_that_trades: true, ..Conventions::default() };
    let mut desk = desk_of_two::<M>(refuse);
    desk.rest(&[(C, whole(sell(1, 50, 105)))]);
    assert_eq!(desk.replace(A, replace_of(2, 1, 5, 105)), ["A refused 2 PostOnly"]);
    assert_eq!(desk.replace(A, replace_of(2, 1, 5, 104)), ["A replaced 2 5@104 was 1 left 5"]);
    desk.rest(&[(A, stop_limit(buy(3, 5, 200), 300))]);
    assert_eq!(desk.replace(A, replace_of(3, 3, 6, 200)), ["A replaced 3 6@200 was 3 left 6"]);
}

fn a_stop_that_waits_is_replaced_among_the_stops<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, stop_limit(buy(1, 5, 100), 200)), (A, stop(buy(2, 5, 0), 200))]);
    let stop_px = |stop_px, request| ReplaceOrder { stop_px: Price(stop_px), ..request };
    let marked =
        |name, orig, qty| ReplaceOrder { price: Price::NULL, ..replace_of(name, orig, qty, 0) };
    let to_ioc = ReplaceOrder { time_in_force: TimeInForce::Ioc, ..replace_of(3, 1, 5, 100) };
    assert_eq!(desk.replace(A, to_ioc), ["A refused 3 Unsupported"]);
    assert_eq!(desk.replace(A, replace_of(3, 2, 5, 100)), ["A refused 3 Unsupported"]);
    assert_eq!(desk.replace(A, marked(3, 1, 5)), ["A refused 3 Unsupported"]);
    let illegal = stop_px(-1, replace_of(3, 1, 5, 100));
    assert_eq!(desk.replace(A, illegal), ["A refused 3 InvalidPriceIncrement"]);
    // No larger, same prices: it keeps its place.
    desk.replace(A, stop_px(200, replace_of(3, 1, 4, 100)));
    desk.replace(A, marked(4, 2, 4));
    assert_eq!(desk.live(), ["A3 buy 4@100 stop 200", "A4 buy 4 stop 200"]);
    // Another price or StopPx: it does not.
    desk.replace(A, replace_of(3, 3, 4, 101));
    assert_eq!(desk.live(), ["A4 buy 4 stop 200", "A3 buy 4@101 stop 200"]);
    desk.replace(A, stop_px(201, marked(4, 4, 4)));
    assert_eq!(desk.live(), ["A3 buy 4@101 stop 200", "A4 buy 4 stop 201"]);
    // It may be elected at once.
    desk.rest(&[(B, sell(1, 1, 100))]);
    desk.enter(C, buy(1, 1, 100));
    assert_eq!(
        desk.replace(A, stop_px(100, marked(4, 4, 4))),
        ["A replaced 4 4@mkt was 4 left 4", "A triggered 4 4@mkt", "A canceled 4 NoLiquidity",]
    );
}

fn the_order_of_entry_stays<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, buy(1, 5, 100)), (A, buy(2, 5, 99)), (A, stop(buy(3, 5, 0), 200))]);
    desk.replace(A, replace_of(4, 1, 9, 98));
    assert_eq!(
        desk.kill(KillScope::Session, A, KillAction::Suspend),
        ["A canceled 4 Killed", "A canceled 2 Killed", "A canceled 3 Killed", "J steered Done 3",]
    );
}

examples!(
    requests_name_an_order_of_their_session,
    a_reduce_takes_hidden_quantity_first_and_keeps_the_place,
    keeping_priority,
    a_decrease_takes_hidden_quantity_first,
    what_goes_in_again_is_an_aggressor,
    no_more_than_has_filled,
    checks_of_a_replace_in_their_order,
    two_pages_must_be_free_for_a_replace_too,
    phases_and_replaces,
    a_band_may_halt,
    a_replace_that_would_trade_may_be_refused,
    a_stop_that_waits_is_replaced_among_the_stops,
    the_order_of_entry_stays,
);
