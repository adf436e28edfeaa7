//! "Stops".

use super::*;

fn a_trade_elects_and_its_trades_elect_more<M: Subject>() {
    let mut desk = Desk::<M>::new();
    for (name, price) in [(1, 100), (2, 101), (3, 102), (4, 103)] {
        desk.rest(&[(B, sell(name, 1, price))]);
    }
    desk.rest(&[(A, stop(buy(1, 1, 0), 101)), (A, stop_limit(buy(2, 2, 102), 100))]);
    assert_eq!(desk.live()[..2], ["B1 sell 1+0@100", "B2 sell 1+0@101"]);
    assert_eq!(desk.live()[4..], ["A2 buy 2@102 stop 100", "A1 buy 1 stop 101"]);
    assert_eq!(
        desk.enter(C, buy(1, 1, 100)),
        [
            "C new 1 1@100",
            "C trade 1 1@100 left 0 Y",
            "B trade 1 1@100 left 0 N",
            "A triggered 2 2@102",
            "A trade 2 1@101 left 1 Y",
            "B trade 2 1@101 left 0 N",
            "A trade 2 1@102 left 0 Y",
            "B trade 3 1@102 left 0 N",
            "A triggered 1 1@mkt",
            "A trade 1 1@103 left 0 Y",
            "B trade 4 1@103 left 0 N",
        ]
    );
}

fn buys_go_before_sells_and_the_first_reached_first<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, stop(buy(1, 1, 0), 100)), (A, stop(buy(2, 1, 0), 99))]);
    desk.rest(&[(A, stop(buy(3, 1, 0), 99)), (A, stop(buy(4, 1, 0), 101))]);
    desk.rest(&[(A, stop(sell(5, 1, 0), 100)), (A, stop(sell(6, 1, 0), 101))]);
    desk.rest(&[(A, stop(sell(7, 1, 0), 99)), (B, sell(1, 1, 100))]);
    let lines = desk.enter(C, buy(1, 1, 100));
    let expected: Vec<String> = [2, 3, 1, 6, 5]
        .iter()
        .flat_map(|n| [format!("A triggered {n} 1@mkt"), format!("A canceled {n} NoLiquidity")])
        .collect();
    assert_eq!(lines[3..], expected);
    assert_eq!(desk.live(), ["A4 buy 1 stop 101", "A7 sell 1 stop 99"]);
}

fn what_is_triggered_may_come_to_nothing<M: Subject>() {
    let mut desk = Desk::<M>::of(BookPlan { levels_max: 1, ..plan() });
    desk.rest(&[(A, fok(stop(buy(1, 5, 0), 100))), (A, fok(stop_limit(buy(2, 5, 120), 100)))]);
    desk.rest(&[(A, stop_limit(buy(3, 5, 80), 100)), (A, ioc(stop_limit(buy(4, 5, 80), 100)))]);
    desk.rest(&[(B, buy(1, 5, 90)), (B, sell(2, 7, 100))]);
    assert_eq!(
        desk.enter(C, ioc(buy(1, 3, 100))),
        [
            "C new 1 3@100",
            "C trade 1 3@100 left 0 Y",
            "B trade 2 3@100 left 4 N",
            "A triggered 1 5@mkt",
            "A canceled 1 FillOrKill",
            "A triggered 2 5@120",
            "A canceled 2 FillOrKill",
            "A triggered 3 5@80",
            "A canceled 3 BookFull",
            "A triggered 4 5@80",
            "A canceled 4 ImmediateOrCancel",
        ]
    );
}

fn what_is_triggered_rests_as_any_other<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, iceberg(stop_limit(buy(1, 9, 100), 100), 4)), (B, sell(1, 2, 100))]);
    assert_eq!(desk.live()[1], "A1 buy 9@100 stop 100", "what waits hides nothing");
    desk.enter(C, buy(1, 2, 100));
    assert_eq!(desk.live(), ["A1 buy 4+5@100"]);
}

fn one_that_comes_too_late_triggers_at_once<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(B, sell(1, 2, 100)), (B, sell(2, 2, 105))]);
    desk.enter(C, buy(1, 2, 100));
    assert_eq!(
        desk.enter(A, stop(buy(1, 1, 0), 100)),
        [
            "A new 1 1@mkt",
            "A triggered 1 1@mkt",
            "A trade 1 1@105 left 0 Y",
            "B trade 2 1@105 left 1 N",
        ]
    );
    assert_eq!(
        desk.enter(A, stop_limit(sell(2, 1, 200), 105)),
        ["A new 2 1@200", "A triggered 2 1@200",]
    );
}

fn or_it_is_refused<M: Subject>() {
    let conventions = Conventions { refuse_stop_beyond_last: true, ..Conventions::default() };
    let mut desk = Desk::<M>::with(conventions);
    // Nothing traded yet.
    desk.rest(&[(A, stop(buy(1, 1, 0), 50)), (B, sell(1, 2, 100))]);
    desk.cancel(A, cancel_of(9, 1, Side::Buy));
    desk.enter(C, buy(1, 2, 100));
    let refused = ["A rejected 2 InvalidPriceIncrement"];
    assert_eq!(desk.enter(A, stop(buy(2, 1, 0), 100)), refused);
    assert_eq!(desk.enter(A, stop_limit(buy(2, 1, 100), 99)), refused);
    assert_eq!(desk.enter(A, stop(sell(2, 1, 0), 100)), refused);
    desk.rest(&[(A, stop(buy(2, 1, 0), 101)), (A, stop(sell(3, 1, 0), 99))]);
}

fn they_wait_while_trading_does<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(B, sell(1, 2, 100))]);
    desk.enter(C, buy(1, 2, 100));
    desk.phase(TradingPhase::PreOpen, None);
    desk.rest(&[(A, stop(buy(1, 1, 0), 100)), (A, ioc(stop_limit(buy(2, 1, 100), 90)))]);
    assert_eq!(desk.phase(TradingPhase::Halt, None), ["J steered Done 0"]);
    assert_eq!(
        desk.phase(TradingPhase::Continuous, None),
        [
            "J steered Done 0",
            "A triggered 2 1@100",
            "A canceled 2 ImmediateOrCancel",
            "A triggered 1 1@mkt",
            "A canceled 1 NoLiquidity",
        ]
    );
}

fn a_halt_ends_a_cascade<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.bands(bands_of(0, None, 5, BandAction::Halt));
    desk.rest(&[(B, sell(1, 1, 100)), (B, sell(2, 5, 110))]);
    desk.rest(&[(A, stop(buy(1, 1, 0), 100)), (A, stop(buy(2, 1, 0), 100))]);
    assert_eq!(
        desk.enter(C, buy(1, 1, 100))[3..],
        ["A triggered 1 1@mkt", "A canceled 1 PriceBand",]
    );
    assert_eq!(desk.live(), ["B2 sell 5+0@110", "A2 buy 1 stop 100"]);
    assert_eq!(desk.enter(C, buy(2, 1, 1)), ["C rejected 2 ExchangeClosed"]);
}

fn a_status_shows_its_price<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, stop(buy(1, 1, 0), 100)), (A, stop_limit(buy(2, 3, 90), 100))]);
    let status = |desk: &mut Desk<M>, name| {
        let query = OrderStatusQuery {
            cl_ord_id: ClOrdId(name),
            order_id: OrderId(0),
            symbol: SymbolId(1),
            side: Side::Buy,
            reserved: [0; 3],
        };
        desk.run(Command::order_status(SessionSlot(A), SeqNo(1), &query))
    };
    assert_eq!(status(&mut desk, 1), ["A status 1 1@mkt New left 1"]);
    assert_eq!(status(&mut desk, 2), ["A status 2 3@90 New left 3"]);
    assert_eq!(desk.depth(), [], "they are in no book");
    assert_eq!(desk.machine.live_orders(SessionSlot(A)), 2);
    let all = MassAction {
        cl_ord_id: ClOrdId(9),
        symbol: SymbolId(0),
        account: Account(0),
        action: MassActionType::CancelOrders,
        scope: MassActionScope::AllOrders,
        side: 0,
        reserved: [0; 5],
    };
    assert_eq!(
        desk.run(Command::mass_action(SessionSlot(A), SeqNo(1), &all)),
        ["A canceled 1 MassAction by 9", "A canceled 2 MassAction by 9", "A mass Completed 2",]
    );
}

examples!(
    a_trade_elects_and_its_trades_elect_more,
    buys_go_before_sells_and_the_first_reached_first,
    what_is_triggered_may_come_to_nothing,
    what_is_triggered_rests_as_any_other,
    one_that_comes_too_late_triggers_at_once,
    or_it_is_refused,
    they_wait_while_trading_does,
    a_halt_ends_a_cascade,
    a_status_shows_its_price,
);
