//! "The aggressor", 2, and "Owner".

use super::*;
use StpInstruction::{Allow, CancelAggressor, CancelBoth, CancelResting, Decrement, Default};

/// A's own 5@100, B's 5@100 behind it.
fn desk_of_two<M: Subject>() -> Desk<M> {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, sell(1, 5, 100)), (B, sell(1, 5, 100))]);
    desk
}

fn the_resting_order_is_cancelled<M: Subject>() {
    let mut desk = desk_of_two::<M>();
    assert_eq!(
        desk.enter(A, prevented(buy(2, 8, 100), CancelResting)),
        [
            "A new 2 8@100",
            "A canceled 1 SelfTrade",
            "A trade 2 5@100 left 3 Y",
            "B trade 1 5@100 left 0 N",
        ]
    );
    assert_eq!(desk.live(), ["A2 buy 3+0@100"]);
}

fn the_aggressor_is_cancelled<M: Subject>() {
    let mut desk = desk_of_two::<M>();
    desk.rest(&[(B, sell(2, 1, 99))]);
    assert_eq!(
        desk.enter(A, prevented(buy(2, 8, 100), CancelAggressor)),
        [
            "A new 2 8@100",
            "A trade 2 1@99 left 7 Y",
            "B trade 2 1@99 left 0 N",
            "A canceled 2 SelfTrade",
        ]
    );
    assert_eq!(desk.live(), ["A1 sell 5+0@100", "B1 sell 5+0@100"]);
}

fn both_are_cancelled<M: Subject>() {
    let mut desk = desk_of_two::<M>();
    assert_eq!(
        desk.enter(A, prevented(buy(2, 8, 100), CancelBoth)),
        ["A new 2 8@100", "A canceled 1 SelfTrade", "A canceled 2 SelfTrade",]
    );
    assert_eq!(desk.live(), ["B1 sell 5+0@100"]);
}

fn both_are_made_smaller<M: Subject>() {
    let mut desk = desk_of_two::<M>();
    assert_eq!(
        desk.enter(A, prevented(buy(2, 8, 100), Decrement)),
        [
            "A new 2 8@100",
            "A canceled 1 SelfTrade",
            "A restated 2 3@100 left 3",
            "A trade 2 3@100 left 0 Y",
            "B trade 1 3@100 left 2 N",
        ]
    );
    let mut desk = desk_of_two::<M>();
    assert_eq!(
        desk.enter(A, prevented(buy(2, 2, 100), Decrement)),
        ["A new 2 2@100", "A restated 1 3@100 left 3", "A canceled 2 SelfTrade",]
    );
    let mut desk = desk_of_two::<M>();
    assert_eq!(
        desk.enter(A, prevented(buy(2, 5, 100), Decrement)),
        ["A new 2 5@100", "A canceled 1 SelfTrade", "A canceled 2 SelfTrade",]
    );
    assert_eq!(desk.live(), ["B1 sell 5+0@100"]);
}

fn what_an_iceberg_displays_is_made_smaller<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, iceberg(sell(1, 10, 100), 4)), (B, sell(1, 1, 100))]);
    assert_eq!(
        desk.enter(A, prevented(buy(2, 6, 100), Decrement)),
        [
            "A new 2 6@100",
            // It displays anew, behind B.
            "A restated 1 6@100 left 6",
            "A restated 2 2@100 left 2",
            "A trade 2 1@100 left 1 Y",
            "B trade 1 1@100 left 0 N",
            "A restated 1 5@100 left 5",
            "A canceled 2 SelfTrade",
        ]
    );
    assert_eq!(desk.live(), ["A1 sell 3+2@100"]);
}

fn what_is_whole_is_cancelled_instead_of_made_smaller<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, whole(sell(1, 5, 100)))]);
    assert_eq!(
        desk.enter(A, prevented(buy(2, 8, 100), Decrement)),
        ["A new 2 8@100", "A canceled 1 SelfTrade", "A restated 2 3@100 left 3",]
    );
    assert_eq!(desk.live(), ["A2 buy 3+0@100"]);
    // One that is larger than what is left is not met.
    desk.rest(&[(A, whole(buy(3, 9, 101)))]);
    let order = prevented(ioc(sell(4, 3, 100)), Decrement);
    assert_eq!(
        desk.enter(A, order),
        ["A new 4 3@100", "A canceled 2 SelfTrade", "A canceled 4 SelfTrade",]
    );
}

fn what_is_allowed_trades<M: Subject>() {
    let mut desk = desk_of_two::<M>();
    assert_eq!(
        desk.enter(A, prevented(buy(2, 5, 100), Allow)),
        ["A new 2 5@100", "A trade 2 5@100 left 0 Y", "A trade 1 5@100 left 0 N",]
    );
}

fn default_is_what_the_symbol_says<M: Subject>() {
    let mut desk = desk_of_two::<M>();
    desk.define(DefineSymbol { stp: CancelAggressor, ..definition() });
    let lines = desk.enter(A, prevented(buy(2, 5, 100), Default));
    assert_eq!(lines, ["A new 2 5@100", "A canceled 2 SelfTrade"]);
}

fn an_owner_is_an_smpid_or_an_account_or_a_session<M: Subject>() {
    let of = |order: NewOrder, stp_id, account| NewOrder {
        stp_id,
        ..of_account(prevented(order, CancelBoth), account)
    };
    // (session, SMPID, account) of the resting order and the aggressor; whether they are one.
    let cases = [
        ((A, 0, 0), (A, 0, 0), true),
        ((A, 0, 0), (B, 0, 0), false),
        ((A, 0, 7), (B, 0, 7), true),
        ((A, 0, 7), (A, 0, 8), false),
        ((A, 0, 7), (A, 0, 0), false),
        ((A, 5, 7), (B, 5, 8), true),
        ((A, 5, 7), (A, 6, 7), false),
        ((A, 5, 7), (A, 0, 7), false),
        // An SMPID of 7 is no account 7.
        ((A, 7, 0), (A, 0, 7), false),
    ];
    for (resting, aggressor, is_one) in cases {
        let mut desk = Desk::<M>::new();
        desk.rest(&[(resting.0, of(sell(1, 5, 100), resting.1, resting.2))]);
        let lines = desk.enter(aggressor.0, of(buy(2, 5, 100), aggressor.1, aggressor.2));
        assert_eq!(lines[1].contains("SelfTrade"), is_one, "{lines:?}");
    }
}

/// What ends keeps its quantity in its report; what is made smaller does not.
fn what_ends_ends_with_its_quantity_as_it_was<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, sell(1, 5, 100)), (A, sell(2, 5, 100))]);
    desk.enter(B, ioc(buy(1, 2, 100)));
    let order = prevented(buy(3, 4, 100), Decrement);
    let reports = desk.reports(Command::new_order(SessionSlot(A), SeqNo(1), &order));
    let shown: Vec<_> = reports[1..]
        .iter()
        .map(|report| match report.parse().unwrap() {
            ReportBody::Canceled(r) => (r.order.qty.0, r.order.cum_qty.0, r.order.leaves_qty.0),
            ReportBody::Restated(r) => (r.order.qty.0, r.order.cum_qty.0, r.order.leaves_qty.0),
            other => panic!("{other:?}"),
        })
        .collect();
    // 1 ends by 3; 3 is 1 then, by which 2 is made smaller; 3 ends with the 1 that it was.
    assert_eq!(shown, [(5, 2, 0), (1, 0, 1), (4, 0, 4), (1, 0, 0)]);
}

/// The others of its level stay in front of what an iceberg displays anew, or behind it.
fn an_iceberg_that_is_made_smaller_may_keep_its_place<M: Subject>() {
    let conventions = Conventions { iceberg_keeps_place: true, ..Conventions::default() };
    let mut desk = Desk::<M>::with(conventions);
    desk.rest(&[(A, iceberg(sell(1, 10, 100), 4)), (B, sell(1, 1, 100))]);
    assert_eq!(
        desk.enter(A, prevented(buy(2, 6, 100), Decrement)),
        [
            "A new 2 6@100",
            "A restated 1 6@100 left 6",
            "A restated 2 2@100 left 2",
            "A restated 1 4@100 left 4",
            "A canceled 2 SelfTrade",
        ]
    );
    assert_eq!(desk.live(), ["A1 sell 2+2@100", "B1 sell 1+0@100"]);
}

examples!(
    the_resting_order_is_cancelled,
    the_aggressor_is_cancelled,
    both_are_cancelled,
    both_are_made_smaller,
    what_an_iceberg_displays_is_made_smaller,
    what_is_whole_is_cancelled_instead_of_made_smaller,
    what_is_allowed_trades,
    default_is_what_the_symbol_says,
    an_owner_is_an_smpid_or_an_account_or_a_session,
    what_ends_ends_with_its_quantity_as_it_was,
    an_iceberg_that_is_made_smaller_may_keep_its_place,
);
