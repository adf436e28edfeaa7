//! Every limit of the plan met, and sweeps longer than the outbox.

use crate::support::*;
use gavel_types::*;

fn kinds(reports: &[Report]) -> Vec<ReportKind> {
    reports.iter().map(|report| ReportKind::from_code(report.kind).unwrap()).collect()
}

fn is_book_full(reports: &[Report]) -> bool {
    match reports[0].parse().unwrap() {
        ReportBody::Rejected(r) => r.order.detail == OrderRejectReason::BookFull.code(),
        ReportBody::CancelReject(r) => r.reason == CancelRejectReason::BookFull,
        _ => false,
    }
}

fn a_full_book_refuses_even_what_would_trade<M: Subject>() {
    let mut venue = Venue::<M>::new(&plan(2, 4));
    venue.run(enter(0, limit(1, Side::Sell, 5, 100)));
    venue.run(enter(0, limit(2, Side::Sell, 5, 101)));
    for order in [
        limit(3, Side::Buy, 5, 100),
        ioc(3, Side::Buy, 5, 100),
        market(3, Side::Buy, 5),
        limit(3, Side::Sell, 5, 100),
    ] {
        assert!(is_book_full(&venue.run(enter(1, order))));
    }
    // A replace needs no slot.
    let reports = venue.run(replace(0, replace_of(2, 2, Side::Sell, 9, 100)));
    assert_eq!(kinds(&reports), [ReportKind::Replaced]);
    venue.run(cancel(0, cancel_of(9, 1, Side::Sell)));
    let reports = venue.run(enter(1, market(3, Side::Buy, 20)));
    use ReportKind::{Canceled, New, Trade};
    assert_eq!(kinds(&reports), [New, Trade, Trade, Canceled]);
    assert_eq!(venue.depth(1), (vec![], vec![]));
}

fn a_full_side_takes_orders_at_its_prices_only<M: Subject>() {
    let mut venue = Venue::<M>::new(&plan(20, 2));
    venue.run(enter(0, limit(1, Side::Buy, 5, 100)));
    venue.run(enter(0, limit(2, Side::Buy, 5, 90)));
    venue.run(enter(1, limit(1, Side::Sell, 5, 110)));
    for price in [95, 80, 105, 110, 120] {
        // Even 110, which would trade whole: the rule looks at nothing but the order's own side.
        assert!(is_book_full(&venue.run(enter(0, limit(3, Side::Buy, 5, price)))));
    }
    assert_eq!(venue.run(enter(0, limit(3, Side::Buy, 5, 90))).len(), 1);
    // What never rests needs no level.
    assert_eq!(venue.run(enter(0, ioc(4, Side::Buy, 1, 120))).len(), 3);
    assert_eq!(venue.run(enter(0, market(5, Side::Buy, 1))).len(), 3);
    // The other side and the other symbol have levels of their own.
    assert_eq!(venue.run(enter(1, limit(2, Side::Sell, 5, 120))).len(), 1);
    let second = NewOrder { symbol: SymbolId(2), ..limit(6, Side::Buy, 5, 95) };
    assert_eq!(venue.run(enter(0, second)).len(), 1);
    // A level that is empty is free again.
    venue.run(cancel(0, cancel_of(9, 1, Side::Buy)));
    assert_eq!(venue.run(enter(0, limit(1, Side::Buy, 5, 95))).len(), 1);
}

fn a_replace_counts_its_own_level_if_it_is_alone_there<M: Subject>() {
    let mut venue = Venue::<M>::new(&plan(20, 2));
    venue.run(enter(0, limit(1, Side::Buy, 5, 100)));
    venue.run(enter(0, limit(2, Side::Buy, 5, 90)));
    venue.run(enter(0, limit(3, Side::Buy, 5, 90)));
    let reports = venue.run(replace(0, replace_of(3, 3, Side::Buy, 5, 95)));
    assert!(is_book_full(&reports), "its level stays, so there is none to go to");
    let reports = venue.run(replace(0, replace_of(1, 1, Side::Buy, 5, 95)));
    assert_eq!(kinds(&reports), [ReportKind::Replaced], "its level goes, so there is one");
    let reports = venue.run(replace(0, replace_of(3, 3, Side::Buy, 5, 95)));
    assert_eq!(kinds(&reports), [ReportKind::Replaced], "it joins a level");
    let to_ioc = replace_of(3, 3, Side::Buy, 5, 70);
    let to_ioc = ReplaceOrder { time_in_force: TimeInForce::Ioc, ..to_ioc };
    let reports = venue.run(replace(0, to_ioc));
    assert_eq!(kinds(&reports), [ReportKind::Replaced, ReportKind::Canceled], "it never rests");
    // What ends needs no level either.
    venue.run(enter(0, limit(4, Side::Buy, 5, 90)));
    let reports = venue.run(replace(0, replace_of(4, 4, Side::Buy, 0, 70)));
    assert_eq!(kinds(&reports), [ReportKind::Canceled]);
    assert_eq!(venue.depth(1).0, [(95, 5), (90, 5)]);
}

fn a_book_of_nothing_refuses_everything<M: Subject>() {
    for (orders_max, levels_max) in [(0, 4), (4, 0)] {
        let mut venue = Venue::<M>::new(&plan(orders_max, levels_max));
        assert!(is_book_full(&venue.run(enter(0, limit(1, Side::Buy, 5, 100)))));
        assert_eq!(venue.depth(1), (vec![], vec![]));
    }
}

/// Sweeps `makers` orders with rooms of all small sizes; the reports must not depend on them.
fn a_long_sweep_pauses_and_goes_on<M: Subject>() {
    const MAKERS: u64 = 500;
    let sweep = |room: usize, aggressor: NewOrder| {
        let mut venue = Venue::<M>::new(&plan(1_000, 100));
        for name in 1..=MAKERS {
            venue.run(enter((name % 3) as u32, limit(name, Side::Sell, 2, 100 + name as i64 % 7)));
        }
        assert_eq!(venue.pauses, 0);
        venue.room = room;
        let reports = venue.run(enter(5, aggressor));
        assert!(venue.pauses > 0, "the sweep is longer than a burst");
        (reports, venue.digest())
    };
    for aggressor in [
        limit(1, Side::Buy, 2 * MAKERS, 200),
        limit(1, Side::Buy, 2 * MAKERS + 1, 200),
        ioc(1, Side::Buy, 2 * MAKERS - 1, 200),
        ioc(1, Side::Buy, 2 * MAKERS + 1, 200),
        market(1, Side::Buy, 2 * MAKERS + 1),
    ] {
        let expected = sweep(1_000, aggressor);
        let trades = kinds(&expected.0).iter().filter(|k| **k == ReportKind::Trade).count();
        assert_eq!(trades as u64, 2 * MAKERS);
        for room in 0..=9 {
            assert!(sweep(room, aggressor) == expected, "room {room}");
        }
    }
}

/// Every number of fills around the room of one record, so that each last step meets a full outbox.
fn a_sweep_that_just_fits_or_just_does_not<M: Subject>() {
    for makers in 28..=36 {
        for rest in [0, 1] {
            let mut venue = Venue::<M>::new(&plan(100, 100));
            for name in 1..=makers {
                venue.run(enter(0, limit(name, Side::Buy, 1, 100)));
            }
            let reports = venue.run(enter(1, ioc(1, Side::Sell, makers + rest, 100)));
            // New, the trades, and Canceled if something is left; BURST is 64.
            assert_eq!(reports.len() as u64, 1 + 2 * makers + rest);
            let fits = 1 + 2 * makers + rest <= 64;
            assert_eq!(venue.pauses == 0, fits, "{makers} makers, rest {rest}");
            assert_eq!(venue.depth(1), (vec![], vec![]));
        }
    }
}

fn a_replace_sweeps_and_pauses_too<M: Subject>() {
    let mut venue = Venue::<M>::new(&plan(200, 100));
    for name in 1..=100 {
        venue.run(enter(0, limit(name, Side::Sell, 1, 100 + name as i64)));
    }
    venue.run(enter(1, limit(1, Side::Buy, 60, 50)));
    let reports = venue.run(replace(1, replace_of(2, 1, Side::Buy, 60, 150)));
    assert_eq!(reports.len(), 1 + 2 * 50);
    assert_eq!(reports[0].kind, ReportKind::Replaced.code(), "Replaced, then the trades");
    assert!(venue.pauses > 0);
    assert_eq!(venue.depth(1).0, [(150, 10)]);
}

/// What is due ends before a record, and may leave it less room than it wants.
fn what_is_due_leaves_room_for_the_record<M: Subject>() {
    const LEVELS: u64 = 64;
    let burst = gavel_types::limits::BURST;
    for due in [1, 31, 32, 33, 60, 63, 64, 65, 70] {
        let mut venue = Venue::<M>::new(&plan(200, 200));
        for name in 1..=LEVELS {
            venue.run(enter(0, limit(name, Side::Buy, 1, name as i64)));
        }
        for name in LEVELS + 1..=LEVELS + due {
            let order = limit(name, Side::Sell, 1, 500);
            let (time_in_force, expire_time) = (TimeInForce::Gtd, Nanos(1 << 40));
            venue.run(enter(0, NewOrder { time_in_force, expire_time, ..order }));
        }
        let stamp = Stamp { index: Index(1_000), term: Term(3), time: Nanos(1 << 40) };
        let record = LogRecord { stamp, command: market_data(0, 1, 64) };
        let mut out = Slots { reports: Vec::new(), free: burst };
        let mut progress = venue.machine.apply(&record, &mut out);
        while progress == gavel_contract::Progress::Paused {
            out.free = burst;
            progress = venue.machine.resume(&mut out);
        }
        let kinds = kinds(&out.reports);
        let ended = kinds.iter().take_while(|kind| **kind == ReportKind::Canceled).count();
        assert_eq!(ended as u64, due, "they end first");
        assert_eq!(kinds.len() - ended, LEVELS as usize / 4, "the answer is whole");
    }
}

fn the_largest_quantities_add_up<M: Subject>() {
    let mut sizes = plan(4, 4);
    sizes.symbols[0].qty_max = Qty(u64::MAX / 4);
    sizes.symbols[0].price_max = Price(i64::MAX - 1);
    let mut venue = Venue::<M>::new(&sizes);
    let most = u64::MAX / 4;
    for name in 1..=3 {
        venue.run(enter(0, limit(name, Side::Sell, most, i64::MAX - 1)));
    }
    assert_eq!(venue.depth(1).1, [(i64::MAX - 1, 3 * most)]);
    let reports = venue.run(enter(1, market(1, Side::Buy, most)));
    assert_eq!(reports.len(), 3);
    assert_eq!(venue.depth(1).1, [(i64::MAX - 1, 2 * most)]);
}

both!(
    a_full_book_refuses_even_what_would_trade,
    a_full_side_takes_orders_at_its_prices_only,
    a_replace_counts_its_own_level_if_it_is_alone_there,
    a_book_of_nothing_refuses_everything,
    a_long_sweep_pauses_and_goes_on,
    a_sweep_that_just_fits_or_just_does_not,
    a_replace_sweeps_and_pauses_too,
    what_is_due_leaves_room_for_the_record,
    the_largest_quantities_add_up,
);
