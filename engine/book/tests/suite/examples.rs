//! Examples that look at every field: reasons, identifiers, statuses, market data, digests.

use crate::support::*;
use gavel_types::*;

fn one(reports: &[Report]) -> ReportBody<'_> {
    assert_eq!(reports.len(), 1, "{reports:?}");
    reports[0].parse().unwrap()
}

fn reject_reason(reports: &[Report]) -> OrderRejectReason {
    let ReportBody::Rejected(rejected) = one(reports) else { panic!("{reports:?}") };
    OrderRejectReason::from_code(rejected.order.detail).unwrap()
}

fn cancel_reject(reports: &[Report]) -> CancelReject {
    let ReportBody::CancelReject(reject) = one(reports) else { panic!("{reports:?}") };
    *reject
}

fn order_id(reports: &[Report]) -> OrderId {
    let ReportBody::New(new) = reports[0].parse().unwrap() else { panic!("{reports:?}") };
    new.order.order_id
}

fn a_match_reports_both_sides_in_full<M: Subject>() {
    let mut venue = Venue::<M>::new(&plan(8, 4));
    venue.run(enter(4, limit(70, Side::Sell, 6, 100)));
    let aggressor = limit(70, Side::Buy, 10, 105);
    let aggressor = NewOrder { time_in_force: TimeInForce::Day, ..aggressor };
    let reports = venue.run(enter(5, aggressor));
    assert_eq!(reports.len(), 3);
    assert_eq!([5, 5, 4], [0, 1, 2].map(|at| reports[at].session.0), "each owner is told");
    let asked = OrderState {
        order_id: OrderId(1 << 32 | 1),
        cl_ord_id: ClOrdId(70),
        price: Price(105),
        qty: Qty(10),
        leaves_qty: Qty(10),
        cum_qty: Qty(0),
        symbol: SymbolId(1),
        side: Side::Buy,
        ord_status: OrdStatus::New,
        detail: 0,
        reserved: 0,
    };
    let new = ExecNew { order: asked, exec_id: ExecId(2) };
    assert_eq!(reports[0].parse().unwrap(), ReportBody::New(&new));
    let taken = OrderState {
        leaves_qty: Qty(4),
        cum_qty: Qty(6),
        ord_status: OrdStatus::PartiallyFilled,
        detail: b'Y',
        ..asked
    };
    let trade = ExecTrade {
        order: taken,
        exec_id: ExecId(3),
        last_px: Price(100),
        last_qty: Qty(6),
        trd_match_id: TrdMatchId(1),
    };
    assert_eq!(reports[1].parse().unwrap(), ReportBody::Trade(&trade));
    let made = OrderState {
        order_id: OrderId(1 << 32),
        price: Price(100),
        qty: Qty(6),
        leaves_qty: Qty(0),
        side: Side::Sell,
        ord_status: OrdStatus::Filled,
        detail: b'N',
        ..taken
    };
    let trade = ExecTrade { order: made, exec_id: ExecId(4), ..trade };
    assert_eq!(reports[2].parse().unwrap(), ReportBody::Trade(&trade));
    assert_eq!(venue.depth(1), (vec![(105, 4)], vec![]), "a day order rests");
}

fn every_reason_against_a_new_order<M: Subject>() {
    use OrderRejectReason as No;
    let mut sizes = plan(3, 8);
    sizes.symbols[0] = spec(1, 5, 10);
    sizes.symbols[0].price_max = Price(1_000);
    sizes.symbols[0].price_min = Price(10);
    sizes.symbols[0].qty_max = Qty(500);
    let mut venue = Venue::<M>::new(&sizes);
    let buy = |qty, price| limit(1, Side::Buy, qty, price);
    let good = buy(10, 100);
    let null = Price::NULL.0;
    let whole = NewOrder { exec_inst: exec_inst::ALL_OR_NONE, ..good };
    let cases = [
        (NewOrder { symbol: SymbolId(3), ..good }, No::UnknownSymbol),
        (NewOrder { symbol: SymbolId(0), qty: Qty(0), ..good }, No::UnknownSymbol),
        (NewOrder { min_qty: Qty(1), ..good }, No::UnsupportedOrderCharacteristic),
        (NewOrder { display_qty: Qty(10), ..whole }, No::UnsupportedOrderCharacteristic),
        (
            NewOrder { display_qty: Qty(10), ..ioc(1, Side::Buy, 10, 100) },
            No::UnsupportedOrderCharacteristic,
        ),
        (NewOrder { stop_px: Price(5), ..good }, No::UnsupportedOrderCharacteristic),
        (NewOrder { expire_time: Nanos(1), ..good }, No::UnsupportedOrderCharacteristic),
        (NewOrder { exec_inst: 3, ..good }, No::UnsupportedOrderCharacteristic),
        (NewOrder { exec_inst: 8, ..good }, No::UnsupportedOrderCharacteristic),
        (NewOrder { exec_inst: 128, ..good }, No::UnsupportedOrderCharacteristic),
        (NewOrder { budget: 1, ..good }, No::UnsupportedOrderCharacteristic),
        (NewOrder { time_in_force: TimeInForce::Gtd, ..good }, No::UnsupportedOrderCharacteristic),
        (NewOrder { ord_type: OrdType::Market, ..good }, No::UnsupportedOrderCharacteristic),
        (buy(10, null), No::UnsupportedOrderCharacteristic),
        (NewOrder { display_qty: Qty(1), ..good }, No::IncorrectQuantity),
        (buy(0, 100), No::IncorrectQuantity),
        (buy(15, 100), No::IncorrectQuantity),
        (buy(510, 100), No::IncorrectQuantity),
        (buy(u64::MAX, 100), No::IncorrectQuantity),
        (buy(0, 101), No::IncorrectQuantity),
        (buy(10, 101), No::InvalidPriceIncrement),
        (buy(10, 5), No::InvalidPriceIncrement),
        (buy(10, 0), No::InvalidPriceIncrement),
        (buy(10, -100), No::InvalidPriceIncrement),
        (buy(10, i64::MIN), No::InvalidPriceIncrement),
        (NewOrder { side: Side::Sell, ..buy(10, i64::MIN) }, No::InvalidPriceIncrement),
        (buy(10, 1_005), No::InvalidPriceIncrement),
        (market(1, Side::Buy, 15), No::IncorrectQuantity),
        (market(1, Side::Buy, 10), No::NoLiquidity),
        (market(1, Side::Sell, 10), No::NoLiquidity),
    ];
    let before = venue.digest();
    for (order, reason) in cases {
        let reports = venue.run(enter(0, order));
        assert_eq!(reject_reason(&reports), reason, "{order:?}");
        let ReportBody::Rejected(rejected) = one(&reports) else { panic!() };
        let state = rejected.order;
        let asked = (order.cl_ord_id, order.price, order.qty, order.symbol, order.side);
        let told = (state.cl_ord_id, state.price, state.qty, state.symbol, state.side);
        assert_eq!(told, asked, "a reject says what was asked for");
        assert_eq!(venue.digest(), before, "a rejected order changes nothing");
    }
    for good in [buy(10, 10), limit(2, Side::Buy, 500, 1_000)] {
        assert_eq!(venue.run(enter(0, good)).len(), 1, "the limits themselves are legal");
    }
    assert_eq!(reject_reason(&venue.run(enter(0, buy(10, 100)))), No::DuplicateOrder);
    let by_another = venue.run(enter(1, buy(10, 100)));
    assert_eq!(order_id(&by_another), OrderId(1 << 32 | 2), "another session may use the name");
    assert_eq!(reject_reason(&venue.run(enter(0, limit(3, Side::Buy, 10, 100)))), No::BookFull);
    assert_eq!(reject_reason(&venue.run(enter(0, buy(10, 100)))), No::DuplicateOrder);
    assert_eq!(reject_reason(&venue.run(enter(0, market(3, Side::Buy, 10)))), No::BookFull);
}

fn every_reason_against_a_cancel<M: Subject>() {
    use CancelRejectReason as No;
    let mut venue = Venue::<M>::new(&plan(8, 4));
    let id = order_id(&venue.run(enter(0, limit(1, Side::Buy, 10, 100))));
    venue.run(enter(1, limit(2, Side::Sell, 4, 100)));
    let good = cancel_of(9, 1, Side::Buy);
    let by_id = |order_id| CancelOrder { order_id, ..cancel_of(9, 555, Side::Buy) };
    let stranger = OrderId(id.0 + (1 << 32));
    let cases = [
        (0, cancel_of(9, 2, Side::Sell), No::UnknownOrder, OrderId(0)),
        (1, good, No::UnknownOrder, OrderId(0)),
        (1, by_id(id), No::UnknownOrder, id),
        (0, by_id(stranger), No::UnknownOrder, stranger),
        (0, by_id(OrderId(1)), No::UnknownOrder, OrderId(1)),
        (0, by_id(OrderId(u64::MAX)), No::UnknownOrder, OrderId(u64::MAX)),
        (0, CancelOrder { side: Side::Sell, ..good }, No::Mismatch, id),
        (0, CancelOrder { symbol: SymbolId(2), ..good }, No::Mismatch, id),
        (0, CancelOrder { symbol: SymbolId(99), ..good }, No::Mismatch, id),
        (0, CancelOrder { side: Side::Sell, ..by_id(id) }, No::Mismatch, id),
    ];
    let before = venue.digest();
    for (session, request, reason, order_id) in cases {
        let reports = venue.run(cancel(session, request));
        let ord_status =
            if reason == No::Mismatch { OrdStatus::PartiallyFilled } else { OrdStatus::Rejected };
        let expected = CancelReject {
            cl_ord_id: ClOrdId(9),
            orig_cl_ord_id: request.orig_cl_ord_id,
            order_id,
            reason,
            ord_status,
            response_to: b'1',
            reserved: [0; 5],
        };
        assert_eq!(cancel_reject(&reports), expected, "{request:?}");
        assert_eq!(reports[0].session, SessionSlot(session));
        assert_eq!(venue.digest(), before, "a refused cancel changes nothing");
    }
    let reports = venue.run(cancel(0, by_id(id)));
    let ReportBody::Canceled(canceled) = one(&reports) else { panic!("{reports:?}") };
    assert_eq!(canceled.request_cl_ord_id, ClOrdId(9));
    let state = canceled.order;
    assert_eq!((state.order_id, state.cl_ord_id), (id, ClOrdId(1)));
    assert_eq!((state.qty, state.cum_qty, state.leaves_qty), (Qty(10), Qty(4), Qty(0)));
    assert_eq!(state.detail, CancelReason::Requested.code());
    assert_eq!(cancel_reject(&venue.run(cancel(0, by_id(id)))).reason, No::UnknownOrder);
}

fn a_stale_order_id_never_names_the_next_order_in_its_slot<M: Subject>() {
    let mut venue = Venue::<M>::new(&plan(1, 4));
    let first = order_id(&venue.run(enter(0, limit(1, Side::Buy, 10, 100))));
    venue.run(cancel(0, cancel_of(9, 1, Side::Buy)));
    let second = order_id(&venue.run(enter(0, limit(1, Side::Buy, 10, 100))));
    assert_eq!((first, second), (OrderId(1 << 32), OrderId(2 << 32)));
    let stale = CancelOrder { order_id: first, ..cancel_of(9, 1, Side::Buy) };
    let reject = cancel_reject(&venue.run(cancel(0, stale)));
    assert_eq!(reject.reason, CancelRejectReason::UnknownOrder);
    let replacement = replace_of(2, 1, Side::Buy, 5, 100);
    let stale = ReplaceOrder { order_id: first, ..replacement };
    let reject = cancel_reject(&venue.run(replace(0, stale)));
    assert_eq!((reject.reason, reject.response_to), (CancelRejectReason::UnknownOrder, b'2'));
    assert_eq!(venue.depth(1).0, [(100, 10)]);
}

fn every_reason_against_a_replace<M: Subject>() {
    use CancelRejectReason as No;
    let mut sizes = plan(8, 2);
    sizes.symbols[0] = spec(1, 5, 10);
    sizes.symbols[0].qty_max = Qty(500);
    let mut venue = Venue::<M>::new(&sizes);
    let id = order_id(&venue.run(enter(0, limit(1, Side::Buy, 100, 100))));
    venue.run(enter(0, limit(2, Side::Buy, 100, 100)));
    venue.run(enter(0, limit(3, Side::Buy, 100, 50)));
    venue.run(enter(1, ioc(4, Side::Sell, 30, 100)));
    let good = replace_of(8, 1, Side::Buy, 100, 100);
    let to = |qty, price| replace_of(8, 1, Side::Buy, qty, price);
    let cases = [
        (1, good, No::UnknownOrder),
        (0, replace_of(8, 7, Side::Buy, 100, 100), No::UnknownOrder),
        (0, ReplaceOrder { side: Side::Sell, ..good }, No::Mismatch),
        (0, ReplaceOrder { symbol: SymbolId(2), ..good }, No::Mismatch),
        (0, ReplaceOrder { cl_ord_id: ClOrdId(2), ..good }, No::DuplicateClOrdId),
        (0, ReplaceOrder { cl_ord_id: ClOrdId(3), ..to(0, 3) }, No::DuplicateClOrdId),
        (0, to(105, 100), No::IncorrectQuantity),
        (0, to(510, 100), No::IncorrectQuantity),
        (0, to(5, 101), No::IncorrectQuantity),
        (0, to(100, 101), No::InvalidPriceIncrement),
        (0, to(100, 0), No::InvalidPriceIncrement),
        (0, to(100, Price::NULL.0), No::Unsupported),
        (0, to(10, 101), No::InvalidPriceIncrement),
        (0, to(100, 60), No::BookFull),
    ];
    let before = venue.digest();
    for (session, request, reason) in cases {
        let reject = cancel_reject(&venue.run(replace(session, request)));
        let found = reason != No::UnknownOrder;
        let expected = CancelReject {
            cl_ord_id: request.cl_ord_id,
            orig_cl_ord_id: request.orig_cl_ord_id,
            order_id: if found { id } else { OrderId(0) },
            reason,
            ord_status: if found { OrdStatus::PartiallyFilled } else { OrdStatus::Rejected },
            response_to: b'2',
            reserved: [0; 5],
        };
        assert_eq!(reject, expected, "{request:?}");
        assert_eq!(venue.digest(), before, "a refused replace changes nothing");
    }
}

fn a_replace_keeps_order_id_and_what_has_filled<M: Subject>() {
    let mut venue = Venue::<M>::new(&plan(8, 4));
    let id = order_id(&venue.run(enter(0, limit(1, Side::Buy, 10, 100))));
    venue.run(enter(1, ioc(2, Side::Sell, 4, 100)));
    let reports = venue.run(replace(0, replace_of(3, 1, Side::Buy, 20, 99)));
    let ReportBody::Replaced(replaced) = one(&reports) else { panic!("{reports:?}") };
    let expected = OrderState {
        order_id: id,
        cl_ord_id: ClOrdId(3),
        price: Price(99),
        qty: Qty(20),
        leaves_qty: Qty(16),
        cum_qty: Qty(4),
        symbol: SymbolId(1),
        side: Side::Buy,
        ord_status: OrdStatus::PartiallyFilled,
        detail: 0,
        reserved: 0,
    };
    // New, New, Trade, Trade before it.
    let expected = ExecReplaced { order: expected, exec_id: ExecId(5), orig_cl_ord_id: ClOrdId(1) };
    assert_eq!(*replaced, expected);
    assert_eq!(venue.depth(1).0, [(99, 16)]);
    // The old name is free, the new one is taken.
    let reports = venue.run(enter(0, limit(3, Side::Buy, 1, 1)));
    assert_eq!(reject_reason(&reports), OrderRejectReason::DuplicateOrder);
    order_id(&venue.run(enter(0, limit(1, Side::Buy, 1, 1))));
}

fn a_replace_to_no_more_than_has_filled_cancels<M: Subject>() {
    for (filled, total) in [(4, 4), (4, 3), (4, 0), (0, 0)] {
        let mut venue = Venue::<M>::new(&plan(8, 4));
        let id = order_id(&venue.run(enter(0, limit(1, Side::Buy, 10, 100))));
        if filled > 0 {
            venue.run(enter(1, ioc(2, Side::Sell, filled, 100)));
        }
        let reports = venue.run(replace(0, replace_of(3, 1, Side::Buy, total, 99)));
        let ReportBody::Canceled(canceled) = one(&reports) else { panic!("{reports:?}") };
        assert_eq!(canceled.request_cl_ord_id, ClOrdId(3));
        let state = canceled.order;
        assert_eq!(state.detail, CancelReason::ReplacedToFilled.code());
        assert_eq!((state.order_id, state.cl_ord_id), (id, ClOrdId(1)));
        assert_eq!((state.price, state.qty), (Price(100), Qty(10)), "its terms did not change");
        assert_eq!((state.cum_qty, state.leaves_qty), (Qty(filled), Qty(0)));
        assert_eq!(venue.depth(1), (vec![], vec![]));
        for name in [1, 3] {
            order_id(&venue.run(enter(0, limit(name, Side::Buy, 1, 1))));
        }
    }
}

fn market_data_comes_in_parts<M: Subject>() {
    let mut venue = Venue::<M>::new(&plan(200, 100));
    let parts = |reports: &[Report]| -> Vec<MarketDataPart> {
        let part = |report: &Report| match report.parse().unwrap() {
            ReportBody::MarketData(part) => *part,
            _ => panic!("{report:?}"),
        };
        reports.iter().map(part).collect()
    };
    let empty = venue.run(market_data(3, 2, 1));
    assert_eq!((empty[0].part, empty[0].parts, empty[0].session.0), (0, 1, 3));
    let part = parts(&empty)[0];
    assert_eq!((part.md_req_id, part.symbol), (MdReqId(77), SymbolId(2)));
    assert_eq!((part.bids, part.asks, part.levels_used), (0, 0, 0));

    for i in 1..=70 {
        venue.run(enter(0, limit(i, Side::Buy, i, 1_000 - i as i64)));
        venue.run(enter(0, limit(100 + i, Side::Sell, i, 2_000 + i as i64)));
    }
    venue.run(enter(1, limit(1, Side::Buy, 1_000, 999)));
    for (depth, count) in [(1, 1), (2, 1), (3, 2), (4, 2), (64, 32)] {
        let reports = venue.run(market_data(0, 1, depth));
        assert_eq!(reports.len(), count);
        let parts = parts(&reports);
        let full = u64::from(depth);
        assert!(parts.iter().all(|part| (part.bids, part.asks) == (depth, depth)));
        let used: u64 = parts.iter().map(|part| u64::from(part.levels_used)).sum();
        assert_eq!(used, 2 * full);
        let levels: Vec<MdLevel> = parts.iter().flat_map(|part| part.levels).collect();
        assert_eq!(levels[0], MdLevel { price: Price(999), qty: Qty(1_001) }, "the sum");
        let first_ask = MdLevel { price: Price(2_001), qty: Qty(1) };
        assert_eq!(levels[usize::from(depth)], first_ask);
        let last = MdLevel { price: Price(2_000 + i64::from(depth)), qty: Qty(full) };
        assert_eq!(levels[2 * usize::from(depth) - 1], last);
        let rest = &levels[2 * usize::from(depth)..];
        assert!(rest.iter().all(|level| *level == MdLevel { price: Price(0), qty: Qty(0) }));
    }
    for (symbol, depth, reason, ref_tag) in [
        (9, 5, BusinessRejectReason::UnknownSymbol, 48),
        (1, 0, BusinessRejectReason::ValueIncorrect, 264),
        (1, 65, BusinessRejectReason::ValueIncorrect, 264),
    ] {
        let expected = BusinessReject {
            ref_seq: SeqNo(5),
            ref_id: 77,
            ref_tag,
            ref_template: 105,
            reason,
            reserved: 0,
        };
        let reports = venue.run(market_data(0, symbol, depth));
        assert_eq!(one(&reports), ReportBody::BusinessReject(&expected));
    }
}

fn symbols_do_not_meet<M: Subject>() {
    let mut venue = Venue::<M>::new(&plan(8, 4));
    let second = |order| NewOrder { symbol: SymbolId(2), ..order };
    venue.run(enter(0, limit(1, Side::Sell, 5, 100)));
    assert_eq!(venue.run(enter(1, second(limit(1, Side::Buy, 5, 100)))).len(), 1);
    let reports = venue.run(enter(1, second(market(2, Side::Buy, 5))));
    assert_eq!(reject_reason(&reports), OrderRejectReason::NoLiquidity);
    assert_eq!(venue.depth(1), (vec![], vec![(100, 5)]));
    assert_eq!(venue.depth(2), (vec![(100, 5)], vec![]));
}

fn other_records_change_nothing<M: Subject>() {
    let mut venue = Venue::<M>::new(&plan(8, 4));
    venue.run(enter(0, limit(1, Side::Sell, 5, 100)));
    let before = venue.digest();
    let skip = Command::skip(SessionSlot(0), SeqNo(3), &SkipSequence { until: SeqNo(9) });
    let start = AdminStart { incarnation: 1, configuration: 0, idle_expiry_ms: 0 };
    let start = Command::admin_start(SessionSlot::NONE, SeqNo(0), &start);
    for command in [Command::tick(), skip, start] {
        assert_eq!(venue.run(command), []);
    }
    assert_eq!(venue.digest(), before);
}

fn the_digest_covers_what_it_says<M: Subject>() {
    let with = |orders: &[(u32, NewOrder)]| {
        let mut venue = Venue::<M>::new(&plan(8, 4));
        for (session, order) in orders {
            venue.run(enter(*session, *order));
        }
        venue.digest()
    };
    let base = limit(1, Side::Buy, 10, 100);
    let other = limit(2, Side::Buy, 10, 100);
    let digests = [
        with(&[]),
        with(&[(0, base)]),
        with(&[(1, base)]),
        with(&[(0, other)]),
        with(&[(0, NewOrder { symbol: SymbolId(2), ..base })]),
        with(&[(0, NewOrder { side: Side::Sell, ..base })]),
        with(&[(0, NewOrder { price: Price(101), ..base })]),
        with(&[(0, NewOrder { qty: Qty(11), ..base })]),
        // Ten left, one filled.
        with(&[(1, limit(9, Side::Sell, 1, 100)), (0, NewOrder { qty: Qty(11), ..base })]),
        with(&[(0, base), (0, other)]),
        with(&[(0, other), (0, base)]),
    ];
    for (at, digest) in digests.iter().enumerate() {
        assert!(!digests[..at].contains(digest), "digest {at} says something of its own");
    }
    // Pinned: a digest that changes unseen would part two versions of one cluster.
    assert_eq!(digests[0], 0x2d06_8005_38d3_94c2, "XXH3 of nothing");
    assert_eq!(format!("{:#x}", digests[10]), DIGEST_OF_TWO_BIDS);
}

/// XXH3-64 of the rows of order 2, then order 1, at session key 7.
const DIGEST_OF_TWO_BIDS: &str = "0xeeb8c58a3a711552";

fn the_digest_does_not_see_how_a_book_came_to_be<M: Subject>() {
    let mut straight = Venue::<M>::new(&plan(8, 4));
    straight.run(enter(0, limit(1, Side::Buy, 10, 100)));
    straight.run(enter(0, limit(2, Side::Sell, 5, 102)));
    // Other slots, other OrderIDs, other times; other session slots behind the same keys.
    let mut detour = Venue::<M>::new(&plan(4, 8));
    detour.run(Command::tick());
    detour.run(enter(6, limit(9, Side::Sell, 3, 103)));
    detour.run(enter(5, limit(3, Side::Sell, 7, 102)));
    detour.run(enter(5, limit(1, Side::Buy, 10, 100)));
    detour.run(replace(5, replace_of(2, 3, Side::Sell, 5, 102)));
    detour.run(cancel(6, cancel_of(4, 9, Side::Sell)));
    let key_of_detour = |slot: SessionSlot| u64::from(slot.0) + 2;
    assert_eq!(detour.machine.digest(&key_of_detour), straight.digest());
}

#[test]
fn all_memory_is_taken_at_construction() {
    use gavel_contract::Machine;
    let mut venue = Venue::<gavel_book::Book>::new(&plan(1_000, 100));
    let bytes = venue.machine.memory_bytes();
    assert!(bytes > 1_000 * (64 + 32 + 2 * 16) + 4 * 100 * 16, "nodes, levels, names, rungs");
    for name in 0..1_100 {
        let (side, price) = if name % 2 == 0 { (Side::Buy, 500) } else { (Side::Sell, 1_000) };
        venue.run(enter(0, limit(name, side, 1, price - (name / 2 % 120) as i64)));
    }
    assert_eq!(venue.machine.memory_bytes(), bytes);
}

both!(
    a_match_reports_both_sides_in_full,
    every_reason_against_a_new_order,
    every_reason_against_a_cancel,
    a_stale_order_id_never_names_the_next_order_in_its_slot,
    every_reason_against_a_replace,
    a_replace_keeps_order_id_and_what_has_filled,
    a_replace_to_no_more_than_has_filled_cancels,
    market_data_comes_in_parts,
    symbols_do_not_meet,
    other_records_change_nothing,
    the_digest_covers_what_it_says,
    the_digest_does_not_see_how_a_book_came_to_be,
);
