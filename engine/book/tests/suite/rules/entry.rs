//! "A new order", "Kinds of orders", "Room for a level".

use super::*;

fn every_kind_of_order_is_accepted<M: Subject>() {
    use TimeInForce::{Day, Fok, Gtc, Ioc};
    let (limit, cheap) = (buy(1, 10, 200), buy(1, 10, 100));
    let mut kinds = Vec::new();
    for time in [Day, Gtc, Ioc, Fok] {
        kinds.push(timed(market(limit), time));
        kinds.push(timed(limit, time));
        kinds.push(timed(stop(limit, 300), time));
        kinds.push(timed(stop_limit(limit, 300), time));
    }
    kinds.extend([gtd(limit, 2_000), gtd(stop_limit(limit, 300), 2_000)]);
    kinds.extend([iceberg(cheap, 3), iceberg(stop_limit(limit, 300), 3), iceberg(cheap, 5_000)]);
    kinds.extend([post_only(cheap), sliding(limit), whole(limit), iceberg(post_only(cheap), 3)]);
    kinds.push(NewOrder { min_qty: Qty(10), ..market(limit) });
    kinds.push(NewOrder { min_qty: Qty(10), ..ioc(limit) });
    kinds.push(NewOrder { budget: 2_000, ..fok(market(limit)) });
    for order in kinds {
        let mut desk = Desk::<M>::new();
        desk.rest(&[(B, sell(1, 50, 200))]);
        let lines = desk.enter(A, order);
        assert!(lines[0].starts_with("A new 1 "), "{lines:?} {order:?}");
    }
}

fn fields_that_do_not_go_together_are_refused<M: Subject>() {
    let limit = buy(1, 10, 100);
    let null = Price::NULL;
    let min = |order| NewOrder { min_qty: Qty(1), ..order };
    let budget = |order| NewOrder { budget: 1, ..order };
    let cases = [
        NewOrder { price: Price(100), ..market(limit) },
        NewOrder { stop_px: Price(100), ..market(limit) },
        gtd(market(limit), 2_000),
        NewOrder { price: null, ..limit },
        NewOrder { stop_px: Price(100), ..limit },
        NewOrder { stop_px: Price(0), ..limit },
        NewOrder { price: Price(100), ..stop(limit, 100) },
        NewOrder { stop_px: null, ..stop(limit, 100) },
        NewOrder { price: null, ..stop_limit(limit, 100) },
        NewOrder { stop_px: null, ..stop_limit(limit, 100) },
        gtd(limit, 0),
        NewOrder { expire_time: Nanos(2_000), ..limit },
        min(limit),
        min(fok(limit)),
        min(fok(market(limit))),
        min(stop(limit, 100)),
        min(ioc(stop_limit(limit, 100))),
        min(budget(fok(market(limit)))),
        iceberg(ioc(limit), 5),
        iceberg(fok(limit), 5),
        iceberg(market(limit), 5),
        iceberg(stop(limit, 100), 5),
        iceberg(ioc(stop_limit(limit, 100)), 5),
        iceberg(whole(limit), 5),
        inst(limit, exec_inst::POST_ONLY | exec_inst::POST_ONLY_SLIDE),
        inst(limit, exec_inst::POST_ONLY | exec_inst::ALL_OR_NONE),
        inst(limit, exec_inst::REQUEUE),
        inst(limit, 128),
        post_only(ioc(limit)),
        whole(fok(limit)),
        whole(market(limit)),
        sliding(stop_limit(limit, 100)),
        whole(stop(limit, 100)),
        budget(market(limit)),
        budget(fok(limit)),
        budget(fok(stop(limit, 100))),
    ];
    let mut desk = Desk::<M>::new();
    for order in cases {
        let lines = desk.enter(A, order);
        assert_eq!(lines, ["A rejected 1 UnsupportedOrderCharacteristic"], "{order:?}");
    }
}

fn the_first_check_that_fails_is_the_reason<M: Subject>() {
    let mut desk = Desk::<M>::new();
    let coarse = |order| NewOrder { symbol: SymbolId(2), ..order };
    desk.rest(&[(A, coarse(buy(7, 10, 100)))]);
    let bad_kind = iceberg(ioc(buy(7, 11, 101)), 3);
    let cases = [
        (NewOrder { symbol: SymbolId(3), ..bad_kind }, "UnknownSymbol"),
        (coarse(bad_kind), "UnsupportedOrderCharacteristic"),
        (coarse(buy(7, 0, 101)), "IncorrectQuantity"),
        (coarse(buy(7, 15, 101)), "IncorrectQuantity"),
        (coarse(buy(7, 510, 101)), "IncorrectQuantity"),
        (coarse(iceberg(buy(7, 20, 101), 15)), "IncorrectQuantity"),
        (coarse(NewOrder { min_qty: Qty(11), ..ioc(buy(7, 10, 101)) }), "IncorrectQuantity"),
        (coarse(buy(7, 10, 101)), "InvalidPriceIncrement"),
        (coarse(buy(7, 10, 5)), "InvalidPriceIncrement"),
        (coarse(buy(7, 10, 1_005)), "InvalidPriceIncrement"),
        (coarse(buy(7, 10, -100)), "InvalidPriceIncrement"),
        (coarse(stop(buy(7, 10, 0), 101)), "InvalidPriceIncrement"),
        (coarse(stop_limit(buy(7, 10, 100), 0)), "InvalidPriceIncrement"),
        (coarse(gtd(buy(7, 10, 100), 1_000)), "DuplicateOrder"),
        (coarse(gtd(buy(8, 10, 100), 1_000)), "TooLateToEnter"),
        (coarse(market(buy(8, 10, 0))), "NoLiquidity"),
        (coarse(fok(buy(8, 10, 100))), "FillOrKill"),
        (coarse(NewOrder { min_qty: Qty(1), ..ioc(buy(8, 10, 100)) }), "MinQty"),
    ];
    for (order, reason) in cases {
        let expected = format!("A rejected {} {reason}", order.cl_ord_id);
        assert_eq!(desk.enter(A, order), [expected], "{order:?}");
    }
    assert_eq!(desk.enter(B, coarse(buy(7, 10, 100))), ["B new 7 10@100"], "another session's");
}

fn a_post_only_order_never_trades<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(B, sell(1, 5, 105)), (A, post_only(buy(1, 5, 104)))]);
    assert_eq!(desk.enter(A, post_only(buy(2, 5, 105))), ["A rejected 2 PostOnly"]);
    assert_eq!(desk.enter(A, post_only(buy(2, 5, 106))), ["A rejected 2 PostOnly"]);
    // One that trades whole or not at all counts like any other.
    desk.rest(&[(B, whole(sell(2, 50, 101)))]);
    assert_eq!(desk.enter(A, post_only(buy(2, 5, 101))), ["A rejected 2 PostOnly"]);
    assert_eq!(desk.enter(B, post_only(sell(3, 5, 104))), ["B rejected 3 PostOnly"]);
}

fn a_sliding_order_gives_way<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(B, sell(1, 5, 105))]);
    assert_eq!(desk.enter(A, sliding(buy(1, 5, 107))), ["A new 1 5@104"]);
    assert_eq!(desk.enter(A, sliding(buy(2, 5, 103))), ["A new 2 5@103"]);
    assert_eq!(desk.enter(B, sliding(sell(2, 5, 100))), ["B new 2 5@105"]);
    assert_eq!(desk.depth(), [(104, 5), (103, 5), (105, 10)]);
    // One tick less good than the lowest price is no price.
    let mut desk = Desk::<M>::new();
    desk.rest(&[(B, sell(1, 5, 1))]);
    assert_eq!(desk.enter(A, sliding(buy(1, 5, 7))), ["A rejected 1 PostOnly"]);
    // The new price counts: there is no room for it.
    let mut desk = Desk::<M>::of(BookPlan { levels_max: 1, ..plan() });
    desk.rest(&[(B, sell(1, 5, 105)), (A, buy(1, 5, 106 - 2))]);
    assert_eq!(desk.enter(A, sliding(buy(2, 5, 107))), ["A new 2 5@104"]);
    desk.cancel(A, cancel_of(9, 1, Side::Buy));
    desk.cancel(A, cancel_of(9, 2, Side::Buy));
    desk.rest(&[(A, buy(3, 5, 100))]);
    let command = Command::new_order(SessionSlot(A), SeqNo(1), &sliding(buy(4, 5, 107)));
    let reports = desk.reports(command);
    let ReportBody::Rejected(rejected) = reports[0].parse().unwrap() else { panic!() };
    assert_eq!(rejected.order.detail, OrderRejectReason::BookFull.code());
    assert_eq!(rejected.order.price, Price(104), "its new price counts in what is reported");
}

fn room_is_a_slot_a_level_and_two_pages<M: Subject>() {
    let mut desk = Desk::<M>::of(BookPlan { orders_max: 2, ..plan() });
    desk.rest(&[(A, buy(1, 5, 100)), (A, buy(2, 5, 100))]);
    assert_eq!(desk.enter(A, buy(3, 5, 100)), ["A rejected 3 BookFull"]);
    assert_eq!(desk.enter(A, market(sell(3, 5, 0))), ["A rejected 3 BookFull"]);

    let mut desk = Desk::<M>::of(BookPlan { levels_max: 1, ..plan() });
    desk.rest(&[(A, buy(1, 5, 100)), (A, buy(2, 5, 100)), (A, sell(3, 5, 110))]);
    assert_eq!(desk.enter(A, buy(4, 5, 101)), ["A rejected 4 BookFull"]);
    // Stops have ladders of their own; a stop order needs no level at its price.
    desk.rest(&[(A, stop_limit(buy(4, 5, 101), 120)), (A, stop(buy(5, 5, 0), 120))]);
    assert_eq!(desk.enter(A, stop(buy(6, 5, 0), 121)), ["A rejected 6 BookFull"]);
    desk.rest(&[(A, stop(sell(6, 5, 0), 90))]);
    // What never rests needs none.
    assert_eq!(
        desk.enter(A, ioc(buy(7, 5, 101))),
        ["A new 7 5@101", "A canceled 7 ImmediateOrCancel"]
    );

    // Prices 10 and 70 are in groups 0 and 1: a page each, and one where they part.
    let mut desk = Desk::<M>::of(BookPlan { pages_max: 3, ..plan() });
    desk.rest(&[(A, buy(1, 5, 10)), (A, buy(2, 5, 70))]);
    assert_eq!(desk.enter(A, buy(3, 5, 11)), ["A rejected 3 BookFull"]);
    assert_eq!(desk.enter(A, sell(3, 5, 200)), ["A rejected 3 BookFull"], "pages of all ladders");
    desk.rest(&[(A, buy(3, 5, 10))]);
    // Without 70 there is one page.
    desk.cancel(A, cancel_of(9, 2, Side::Buy));
    desk.rest(&[(A, buy(4, 5, 11)), (A, sell(5, 5, 200))]);
    // Two now: one is free, and two are asked for.
    assert_eq!(desk.enter(A, buy(6, 5, 12)), ["A rejected 6 BookFull"]);
}

fn the_slot_freed_last_is_taken_first<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, sell(1, 5, 100)), (A, sell(2, 5, 100))]);
    // Slot 2 trades with slot 0, which ends first.
    desk.enter(B, buy(1, 5, 100));
    let mut id = |order: NewOrder| {
        let reports = desk.reports(Command::new_order(SessionSlot(C), SeqNo(1), &order));
        let ReportBody::New(new) = reports[0].parse().unwrap() else { panic!("{reports:?}") };
        (new.order.order_id.0 >> 32, new.order.order_id.0 as u32)
    };
    assert_eq!([id(buy(1, 1, 1)), id(buy(2, 1, 1)), id(buy(3, 1, 1))], [(2, 2), (2, 0), (1, 3)]);
}

examples!(
    every_kind_of_order_is_accepted,
    fields_that_do_not_go_together_are_refused,
    the_first_check_that_fails_is_the_reason,
    a_post_only_order_never_trades,
    a_sliding_order_gives_way,
    room_is_a_slot_a_level_and_two_pages,
    the_slot_freed_last_is_taken_first,
);
