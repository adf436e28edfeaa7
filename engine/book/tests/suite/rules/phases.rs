//! "Phases", and bands.

use super::*;
use TradingPhase::{Closed, ClosingAuction, Continuous, Halt, OpeningAuction, PreOpen};

fn what_each_phase_takes<M: Subject>() {
    let resting = [day(buy(1, 5, 100)), buy(1, 5, 100), gtd(buy(1, 5, 100), 9_000)];
    let stops = [stop(buy(1, 5, 0), 300), ioc(stop_limit(buy(1, 5, 100), 300))];
    let collected = || resting.iter().chain(&stops);
    let others = [
        market(buy(1, 5, 0)),
        ioc(buy(1, 5, 100)),
        fok(buy(1, 5, 100)),
        post_only(buy(1, 5, 100)),
        sliding(buy(1, 5, 100)),
        whole(buy(1, 5, 100)),
    ];
    for phase in [PreOpen, OpeningAuction, ClosingAuction, Halt, Closed] {
        for &order in collected().chain(&others) {
            let mut desk = Desk::<M>::new();
            desk.phase(phase, None);
            let lines = desk.enter(A, order);
            if phase.is_collecting() && !others.contains(&order) {
                assert!(lines[0].starts_with("A new"), "{lines:?} {order:?}");
                assert_eq!(lines.len(), 1);
            } else {
                assert_eq!(lines, ["A rejected 1 ExchangeClosed"], "{order:?} in {phase:?}");
            }
        }
    }
}

fn what_is_collected_does_not_trade<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.phase(PreOpen, None);
    desk.rest(&[(A, sell(1, 5, 100)), (B, iceberg(buy(1, 9, 105), 4))]);
    assert_eq!(desk.live(), ["B1 buy 4+5@105", "A1 sell 5+0@100"]);
    // From one phase that collects to another nothing happens.
    assert_eq!(desk.phase(OpeningAuction, None), ["J steered Done 0"]);
    assert_eq!(desk.cancel(A, cancel_of(9, 1, Side::Sell)), ["A canceled 1 Requested by 9"]);
}

fn day_orders_end_with_the_day<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, day(buy(1, 5, 100))), (A, day(buy(2, 5, 101))), (B, day(buy(1, 5, 100)))]);
    desk.rest(&[(A, day(sell(3, 5, 112))), (A, day(sell(4, 5, 111))), (A, buy(5, 5, 99))]);
    desk.rest(&[(A, day(stop(buy(6, 5, 0), 202))), (A, day(stop(buy(7, 5, 0), 201)))]);
    desk.rest(&[(A, day(stop(sell(8, 5, 0), 50))), (A, day(stop(sell(9, 5, 0), 51)))]);
    desk.rest(&[(A, ioc(stop(sell(10, 5, 0), 52))), (A, day(whole(buy(11, 5, 100))))]);
    let other = NewOrder { symbol: SymbolId(2), ..day(buy(12, 10, 100)) };
    desk.rest(&[(A, other)]);
    assert_eq!(
        desk.phase(Closed, None),
        [
            "A canceled 2 Expired",
            "A canceled 1 Expired",
            "B canceled 1 Expired",
            "A canceled 11 Expired",
            "A canceled 4 Expired",
            "A canceled 3 Expired",
            "A canceled 7 Expired",
            "A canceled 6 Expired",
            "A canceled 9 Expired",
            "A canceled 8 Expired",
            "J steered Done 10",
        ]
    );
    assert_eq!(desk.live(), ["A5 buy 5+0@99", "A10 sell 5 stop 52", "A12 buy 10+0@100"]);
    assert_eq!(desk.phase(Closed, None), ["J steered Done 0"]);
}

fn closing_uncrosses_before_it_ends_the_day<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.phase(ClosingAuction, None);
    desk.rest(&[(A, day(buy(1, 5, 100))), (B, sell(1, 3, 100))]);
    assert_eq!(
        desk.phase(Closed, None),
        [
            "A trade 1 3@100 left 2 N",
            "B trade 1 3@100 left 0 N",
            "A canceled 1 Expired",
            "J steered Done 1",
        ]
    );
}

fn refusals_of_a_phase<M: Subject>() {
    let mut desk = Desk::<M>::new();
    assert_eq!(desk.phase(Halt, Some(0)), ["J steered ValueIncorrect 0"]);
    assert_eq!(desk.phase(Halt, Some(-1)), ["J steered ValueIncorrect 0"]);
    assert_eq!(desk.enter(A, buy(1, 5, 100)), ["A new 1 5@100"], "nothing changed");
    let request = SetPhase {
        request_id: 1,
        reference: Price(0),
        symbol: SymbolId(3),
        phase: Halt,
        reserved: [0; 3],
    };
    let command = Command::set_phase(SessionSlot(S), SeqNo(1), &request);
    assert_eq!(desk.run(command), ["J steered UnknownSymbol 0"]);
}

fn a_static_band_rejects_or_halts<M: Subject>() {
    for (action, then) in
        [(BandAction::Reject, "A new 2 5@150"), (BandAction::Halt, "A rejected 2 ExchangeClosed")]
    {
        for price in [49, 151] {
            let mut desk = Desk::<M>::new();
            desk.bands(bands_of(50, Some(150), 0, action));
            desk.rest(&[(A, buy(9, 5, 50))]);
            assert_eq!(desk.enter(A, buy(1, 5, price)), ["A rejected 1 PriceExceedsBand"]);
            assert_eq!(desk.enter(A, buy(2, 5, 150)), [then]);
        }
        // A stop order's limit as well; not its StopPx, and no order without a price.
        let mut desk = Desk::<M>::new();
        desk.bands(bands_of(50, Some(150), 0, action));
        desk.rest(&[(A, stop(buy(3, 5, 0), 200)), (A, stop_limit(buy(4, 5, 100), 200))]);
        let lines = desk.enter(A, stop_limit(buy(5, 5, 151), 200));
        assert_eq!(lines, ["A rejected 5 PriceExceedsBand"]);
    }
    // A band of none on one side.
    let mut desk = Desk::<M>::new();
    desk.bands(bands_of(0, Some(10), 0, BandAction::Reject));
    desk.rest(&[(A, buy(1, 5, 1))]);
    desk.bands(bands_of(100, None, 0, BandAction::Reject));
    desk.rest(&[(A, sell(2, 5, 1_000))]);
}

fn a_dynamic_band_ends_an_aggressor<M: Subject>() {
    for (action, then) in
        [(BandAction::Reject, "C new 9 1@50"), (BandAction::Halt, "C rejected 9 ExchangeClosed")]
    {
        let mut desk = Desk::<M>::new();
        desk.rest(&[(A, sell(1, 5, 100)), (A, sell(2, 5, 104)), (A, sell(3, 5, 106))]);
        desk.bands(bands_of(0, None, 4, action));
        // Neither a trade nor a reference: no band. Then 100 is the middle, 104 the end.
        assert_eq!(desk.enter(C, buy(1, 2, 100)).len(), 3);
        assert_eq!(desk.enter(C, fok(buy(2, 9, 110))), ["C rejected 2 FillOrKill"]);
        // As it was when it began: the trade at 104 does not widen it.
        assert_eq!(
            desk.enter(C, buy(2, 12, 110)),
            [
                "C new 2 12@110",
                "C trade 2 3@100 left 9 Y",
                "A trade 1 3@100 left 0 N",
                "C trade 2 5@104 left 4 Y",
                "A trade 2 5@104 left 0 N",
                "C canceled 2 PriceBand",
            ]
        );
        assert_eq!(desk.enter(C, buy(9, 1, 50)), [then]);
    }
}

fn the_middle_of_a_dynamic_band_is_the_reference_without_a_trade<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.phase(Continuous, Some(100));
    desk.bands(bands_of(0, None, 4, BandAction::Reject));
    desk.rest(&[(A, buy(1, 5, 95)), (A, buy(2, 5, 96)), (B, whole(buy(1, 50, 97)))]);
    // What is passed over leaves no band; below 96 it ends.
    assert_eq!(
        desk.enter(C, sell(1, 6, 90)),
        [
            "C new 1 6@90",
            "C trade 1 5@96 left 1 Y",
            "A trade 2 5@96 left 0 N",
            "C canceled 1 PriceBand",
        ]
    );
}

fn a_static_band_halts_what_is_continuous_only<M: Subject>() {
    for phase in [PreOpen, OpeningAuction, ClosingAuction] {
        let mut desk = Desk::<M>::new();
        desk.phase(phase, None);
        desk.bands(bands_of(50, Some(150), 0, BandAction::Halt));
        desk.rest(&[(A, buy(9, 5, 50))]);
        assert_eq!(desk.enter(A, buy(1, 5, 151)), ["A rejected 1 PriceExceedsBand"]);
        assert_eq!(desk.replace(A, replace_of(9, 9, 5, 49)), ["A refused 9 PriceExceedsBand"]);
        assert_eq!(desk.enter(A, buy(2, 5, 150)), ["A new 2 5@150"], "it still collects");
    }
    let mut desk = Desk::<M>::new();
    desk.bands(bands_of(50, Some(150), 0, BandAction::Halt));
    desk.rest(&[(A, buy(9, 5, 50))]);
    assert_eq!(desk.replace(A, replace_of(9, 9, 5, 49)), ["A refused 9 PriceExceedsBand"]);
    assert_eq!(desk.enter(A, buy(2, 5, 150)), ["A rejected 2 ExchangeClosed"]);
    // What may be done in every phase is never held against a band.
    desk.bands(bands_of(60, Some(150), 0, BandAction::Halt));
    assert_eq!(desk.replace(A, replace_of(9, 9, 4, 50)), ["A replaced 9 4@50 was 9 left 4"]);
}

/// What became a day order when the day was over stays until it is over again.
fn a_day_ends_once<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, buy(1, 5, 100))]);
    desk.phase(Closed, None);
    let to_day = ReplaceOrder { time_in_force: TimeInForce::Day, ..replace_of(1, 1, 4, 100) };
    assert_eq!(desk.replace(A, to_day), ["A replaced 1 4@100 was 1 left 4"]);
    assert_eq!(desk.phase(Closed, None), ["J steered Done 0"]);
    desk.phase(Continuous, None);
    assert_eq!(desk.phase(Closed, None), ["A canceled 1 Expired", "J steered Done 1"]);
}

examples!(
    what_each_phase_takes,
    what_is_collected_does_not_trade,
    day_orders_end_with_the_day,
    closing_uncrosses_before_it_ends_the_day,
    refusals_of_a_phase,
    a_static_band_rejects_or_halts,
    a_dynamic_band_ends_an_aggressor,
    the_middle_of_a_dynamic_band_is_the_reference_without_a_trade,
    a_static_band_halts_what_is_continuous_only,
    a_day_ends_once,
);
