//! Orders that end by session, and how an order stands: every field, every filter, every pause.

use crate::support::*;
use gavel_book::Book;
use gavel_types::*;

/// Of each report that says so, whose order ended, under which name, and by which request.
fn ended(reports: &[Report]) -> Vec<(u32, u64, u64, CancelReason)> {
    let ended = reports.iter().filter_map(|report| match report.parse().unwrap() {
        ReportBody::Canceled(r) => Some((
            report.session.0,
            r.order.cl_ord_id.0,
            r.request_cl_ord_id.0,
            CancelReason::from_code(r.order.detail).unwrap(),
        )),
        _ => None,
    });
    ended.collect()
}

/// Names of the orders that a mass action of session 0 ended.
fn names(reports: &[Report]) -> Vec<u64> {
    ended(reports).iter().map(|&(_, name, ..)| name).collect()
}

fn mass_report(reports: &[Report]) -> MassActionReport {
    let ReportBody::MassAction(report) = reports[reports.len() - 1].parse().unwrap() else {
        panic!("{reports:?}")
    };
    *report
}

fn status(reports: &[Report]) -> OrderState {
    let [report] = reports else { panic!("{reports:?}") };
    let ReportBody::Status(status) = report.parse().unwrap() else { panic!("{reports:?}") };
    status.order
}

fn at(name: u64, symbol: u32, side: Side, account: u32) -> NewOrder {
    let price = if side == Side::Buy { 90 } else { 110 };
    let order = limit(name, side, 5, price);
    NewOrder { symbol: SymbolId(symbol), account: Account(account), ..order }
}

/// Names say what they are: hundreds the symbol, tens the side, ones the account.
fn filled<M: Subject>() -> Venue<M> {
    let mut venue = Venue::<M>::new(&plan(64, 8));
    for (symbol, side, account) in [
        (2, Side::Sell, 0),
        (1, Side::Buy, 7),
        (1, Side::Sell, 7),
        (2, Side::Buy, 8),
        (1, Side::Buy, 0),
        (1, Side::Sell, 8),
    ] {
        let tens = if side == Side::Buy { 10 } else { 20 };
        let name = u64::from(100 * symbol + tens + account);
        venue.run(enter(0, at(name, symbol, side, account)));
        venue.run(enter(1, at(name, symbol, side, account)));
    }
    venue
}

fn orders_end_in_the_order_in_which_they_were_entered<M: Subject>() {
    let mut venue = Venue::<M>::new(&plan(16, 8));
    for (name, price) in [(1, 90), (2, 95), (3, 90), (4, 85)] {
        venue.run(enter(0, limit(name, Side::Buy, 5, price)));
        venue.run(enter(1, limit(name, Side::Buy, 5, price)));
    }
    // A replace changes name, price and priority, but not when the order was entered.
    venue.run(replace(0, replace_of(9, 2, Side::Buy, 8, 90)));
    venue.run(cancel(0, cancel_of(50, 3, Side::Buy)));
    venue.run(enter(0, limit(3, Side::Buy, 5, 99)));
    assert_eq!(venue.machine.live_orders(SessionSlot(0)), 4);
    let reports = venue.run(mass_action(0, all_orders(77)));
    let why = CancelReason::MassAction;
    assert_eq!(ended(&reports), [1, 9, 4, 3].map(|name| (0, name, 77, why)));
    assert_eq!(venue.machine.live_orders(SessionSlot(0)), 0);
    assert_eq!(venue.machine.live_orders(SessionSlot(1)), 4);
    assert_eq!(venue.depth(1).0, [(95, 5), (90, 10), (85, 5)]);
}

fn a_scope_is_symbol_and_side_and_account<M: Subject>() {
    let all = [220, 117, 127, 218, 110, 128];
    let one = |symbol| MassAction {
        scope: MassActionScope::Security,
        symbol: SymbolId(symbol),
        ..all_orders(5)
    };
    let cases: [(MassAction, &[u64]); 9] = [
        (all_orders(5), &all),
        (MassAction { symbol: SymbolId(3), ..all_orders(5) }, &all),
        (one(1), &[117, 127, 110, 128]),
        (one(2), &[220, 218]),
        (MassAction { side: b'1', ..all_orders(5) }, &[117, 218, 110]),
        (MassAction { side: b'2', ..one(1) }, &[127, 128]),
        (MassAction { account: Account(7), ..all_orders(5) }, &[117, 127]),
        (MassAction { account: Account(8), side: b'2', ..one(1) }, &[128]),
        (MassAction { account: Account(9), ..all_orders(5) }, &[]),
    ];
    for (request, expected) in cases {
        let mut venue = filled::<M>();
        let reports = venue.run(mass_action(0, request));
        assert_eq!(names(&reports), expected, "{request:?}");
        let is_one = request.scope == MassActionScope::Security;
        let report = MassActionReport {
            cl_ord_id: ClOrdId(5),
            report_id: 1,
            symbol: if is_one { request.symbol } else { SymbolId(0) },
            account: request.account,
            total_affected: expected.len() as u32,
            action: MassActionType::CancelOrders,
            scope: request.scope,
            response: MassActionResponse::Completed,
            reject_reason: MassActionRejectReason::None,
            side: request.side,
            reserved: [0; 7],
        };
        assert_eq!(mass_report(&reports), report);
        assert!(reports.iter().all(|report| report.session == SessionSlot(0)));
        assert_eq!(venue.machine.live().len(), 12 - expected.len(), "the others stay");
    }
}

fn an_unknown_symbol_is_refused_and_nothing_ends<M: Subject>() {
    let mut venue = filled::<M>();
    let scope = MassActionScope::Security;
    let reports =
        venue.run(mass_action(0, MassAction { scope, symbol: SymbolId(3), ..all_orders(6) }));
    let report = mass_report(&reports);
    assert_eq!((reports.len(), report.report_id, report.symbol), (1, 1, SymbolId(3)));
    assert_eq!(report.response, MassActionResponse::Rejected);
    assert_eq!(report.reject_reason, MassActionRejectReason::UnknownSecurity);
    assert_eq!(venue.machine.live().len(), 12);
    // Refusals are counted too, and so are those of other sessions.
    assert_eq!(mass_report(&venue.run(mass_action(1, all_orders(7)))).report_id, 2);
    assert_eq!(mass_report(&venue.run(mass_action(2, all_orders(7)))).report_id, 3);
}

fn a_partly_filled_order_ends_with_what_has_filled<M: Subject>() {
    let mut venue = Venue::<M>::new(&plan(8, 8));
    venue.run(enter(0, limit(1, Side::Buy, 10, 100)));
    venue.run(enter(1, limit(1, Side::Sell, 4, 100)));
    let reports = venue.end_session(0);
    let ReportBody::Canceled(canceled) = reports[0].parse().unwrap() else { panic!("{reports:?}") };
    let order = canceled.order;
    assert_eq!((order.leaves_qty, order.cum_qty, order.qty), (Qty(0), Qty(4), Qty(10)));
    assert_eq!(order.ord_status, OrdStatus::Canceled);
    // Nobody asked: the order's own name stands for the request's.
    assert_eq!(ended(&reports), [(0, 1, 1, CancelReason::CancelOnDisconnect)]);
    assert_eq!(venue.depth(1), (vec![], vec![]));
    assert_eq!(venue.end_session(0).len(), 0, "there is nothing left to say");
}

/// Many orders, some in scope, under every room: the reports are the same, whatever the pauses.
fn a_long_mass_cancel_pauses_and_goes_on<M: Subject>() {
    let run = |room: usize, ends: bool| {
        let mut venue = Venue::<M>::new(&plan(500, 100));
        for name in 1..=400 {
            let (side, price) = if name % 3 == 0 { (Side::Sell, 150) } else { (Side::Buy, 50) };
            venue.run(enter((name % 2) as u32, limit(name, side, 2, price + name as i64 % 9)));
        }
        venue.room = room;
        let reports = if ends {
            venue.end_session(1)
        } else {
            venue.run(mass_action(1, MassAction { side: b'1', ..all_orders(9) }))
        };
        assert!(venue.pauses > 0);
        (reports, venue.digest(), saved(&venue.machine))
    };
    for ends in [false, true] {
        let expected = run(60, ends);
        let count = if ends { 200 } else { 133 + 1 };
        assert_eq!(expected.0.len(), count);
        for room in 0..=9 {
            assert!(run(room, ends) == expected, "room {room}");
        }
    }
}

/// Around the room of one record, so that the last report meets a full outbox.
fn a_mass_cancel_that_just_fits_or_just_does_not<M: Subject>() {
    for count in 60..=68 {
        let mut venue = Venue::<M>::new(&plan(100, 4));
        for name in 1..=count {
            venue.run(enter(0, limit(name, Side::Buy, 1, 100)));
        }
        let reports = venue.run(mass_action(0, all_orders(9)));
        assert_eq!(reports.len() as u64, count + 1);
        // BURST is 64.
        assert_eq!(venue.pauses == 0, count < 64, "{count}");
    }
}

fn a_status_says_how_the_order_stands<M: Subject>() {
    let mut venue = Venue::<M>::new(&plan(8, 8));
    venue.run(enter(0, limit(4, Side::Buy, 10, 100)));
    venue.run(enter(1, limit(4, Side::Sell, 3, 100)));
    let expected = OrderState {
        order_id: OrderId(1 << 32),
        cl_ord_id: ClOrdId(4),
        price: Price(100),
        qty: Qty(10),
        leaves_qty: Qty(7),
        cum_qty: Qty(3),
        symbol: SymbolId(1),
        side: Side::Buy,
        ord_status: OrdStatus::PartiallyFilled,
        detail: 0,
        reserved: 0,
    };
    assert_eq!(status(&venue.run(order_status(0, status_of(4, Side::Buy)))), expected);
    // By OrderID; the name is not looked at then.
    let by_id = OrderStatusQuery { order_id: OrderId(1 << 32), ..status_of(99, Side::Buy) };
    assert_eq!(status(&venue.run(order_status(0, by_id))), expected);
    // No counter moved: the next execution report has the next number.
    venue.run(enter(0, limit(5, Side::Buy, 10, 99)));
    let fresh = status(&venue.run(order_status(0, status_of(5, Side::Buy))));
    assert_eq!((fresh.ord_status, fresh.leaves_qty), (OrdStatus::New, Qty(10)));
}

fn what_is_not_the_sessions_live_order_is_unknown<M: Subject>() {
    let mut venue = Venue::<M>::new(&plan(8, 8));
    venue.run(enter(0, limit(4, Side::Buy, 10, 100)));
    venue.run(enter(0, limit(5, Side::Buy, 10, 100)));
    venue.run(cancel(0, cancel_of(9, 5, Side::Buy)));
    let sound = status_of(4, Side::Buy);
    for (session, asked) in [
        (1, sound),
        (1, OrderStatusQuery { order_id: OrderId(1 << 32), ..sound }),
        (0, status_of(5, Side::Buy)),
        (0, OrderStatusQuery { order_id: OrderId(1 << 32 | 1), ..sound }),
        (0, OrderStatusQuery { side: Side::Sell, ..sound }),
        (0, OrderStatusQuery { symbol: SymbolId(2), ..sound }),
        (0, OrderStatusQuery { symbol: SymbolId(3), ..sound }),
    ] {
        let reports = venue.run(order_status(session, asked));
        let unknown = OrderState {
            order_id: asked.order_id,
            cl_ord_id: asked.cl_ord_id,
            price: Price::NULL,
            qty: Qty(0),
            leaves_qty: Qty(0),
            cum_qty: Qty(0),
            symbol: asked.symbol,
            side: asked.side,
            ord_status: OrdStatus::Rejected,
            detail: OrderRejectReason::UnknownOrder.code(),
            reserved: 0,
        };
        assert_eq!(status(&reports), unknown, "{asked:?}");
        assert_eq!(reports[0].session, SessionSlot(session));
    }
}

both!(
    orders_end_in_the_order_in_which_they_were_entered,
    a_scope_is_symbol_and_side_and_account,
    an_unknown_symbol_is_refused_and_nothing_ends,
    a_partly_filled_order_ends_with_what_has_filled,
    a_long_mass_cancel_pauses_and_goes_on,
    a_mass_cancel_that_just_fits_or_just_does_not,
    a_status_says_how_the_order_stands,
    what_is_not_the_sessions_live_order_is_unknown,
);

/// Looking is work too: however many orders are out of scope, a step looks at BURST of them.
#[test]
fn a_mass_action_that_means_nothing_takes_turns_all_the_same() {
    const ORDERS: usize = 1_000;
    let mut venue = Venue::<Book>::new(&plan(ORDERS as u32, 4));
    venue.checked = false;
    for name in 1..=ORDERS as u64 {
        venue.run(enter(0, limit(name, Side::Buy, 1, 100)));
    }
    venue.room = 1_000;
    let reports = venue.run(mass_action(0, MassAction { side: b'2', ..all_orders(9) }));
    assert_eq!(mass_report(&reports).total_affected, 0);
    assert_eq!(venue.pauses, ORDERS / limits::BURST);
}
