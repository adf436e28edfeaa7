//! "Steering": definitions, bands, limits of risk, kill switches; and what they refuse.

use super::*;
use KillAction::{HaltTrading, Reinstate, Suspend};

fn a_new_symbol_is_closed<M: Subject>() {
    let mut desk = Desk::<M>::of(BookPlan { symbols_max: 3, ..plan() });
    let third = DefineSymbol { symbol: SymbolId(3), ..definition() };
    assert_eq!(desk.define(third), ["J steered Done 0"]);
    let order = NewOrder { symbol: SymbolId(3), ..buy(1, 5, 100) };
    assert_eq!(desk.enter(A, order), ["A rejected 1 ExchangeClosed"]);
    let fourth = DefineSymbol { symbol: SymbolId(4), ..definition() };
    assert_eq!(desk.define(fourth), ["J steered NoRoom 0"]);
    let request = SetPhase {
        request_id: 1,
        reference: Price::NULL,
        symbol: SymbolId(3),
        phase: TradingPhase::Continuous,
        reserved: [0; 3],
    };
    desk.run(Command::set_phase(SessionSlot(S), SeqNo(1), &request));
    assert_eq!(desk.enter(A, order), ["A new 1 5@100"]);
}

fn a_definition_is_checked<M: Subject>() {
    let mut desk = Desk::<M>::of(BookPlan { symbols_max: 2, ..plan() });
    let good = definition();
    let wrong = [
        DefineSymbol { tick: Price(0), ..good },
        DefineSymbol { lot: Qty(0), ..good },
        DefineSymbol { price_min: Price(0), ..good },
        DefineSymbol { price_max: Price(0), ..good },
        DefineSymbol { price_max: Price::NULL, ..good },
        DefineSymbol { qty_max: Qty(0), ..good },
        // There are 50 orders at most.
        DefineSymbol { qty_max: Qty(u64::MAX / 50 + 1), ..good },
        DefineSymbol { qty_scale: 19, ..good },
        DefineSymbol { stp: StpInstruction::Default, ..good },
        DefineSymbol { protection: Price(-1), ..good },
        // Before there is room or not.
        DefineSymbol { symbol: SymbolId(7), tick: Price(0), ..good },
    ];
    for request in wrong {
        assert_eq!(desk.define(request), ["J steered ValueIncorrect 0"], "{request:?}");
    }
    assert_eq!(
        desk.define(DefineSymbol { qty_max: Qty(u64::MAX / 50), ..good }),
        ["J steered Done 0"]
    );
}

fn live_orders_keep_what_they_were_made_under<M: Subject>() {
    let good = definition();
    let others = [
        DefineSymbol { tick: Price(2), ..good },
        DefineSymbol { lot: Qty(2), ..good },
        DefineSymbol { qty_scale: 1, ..good },
        DefineSymbol { price_min: Price(2), ..good },
        DefineSymbol { price_max: Price(999), ..good },
        DefineSymbol { qty_max: Qty(999), ..good },
    ];
    for order in [buy(1, 5, 100), stop(buy(1, 5, 0), 100)] {
        let mut desk = Desk::<M>::new();
        desk.rest(&[(A, order)]);
        for request in others {
            assert_eq!(desk.define(request), ["J steered OrdersLive 0"], "{request:?}");
        }
        let stp = StpInstruction::CancelBoth;
        let request = DefineSymbol { stp, protection: Price(5), ..good };
        assert_eq!(desk.define(request), ["J steered Done 0"]);
        desk.cancel(A, cancel_of(9, 1, Side::Buy));
        for request in others {
            assert_eq!(desk.define(request), ["J steered Done 0"], "{request:?}");
        }
    }
    // What else a symbol has stays: bands, phase, reference.
    let mut desk = Desk::<M>::new();
    desk.bands(bands_of(50, Some(60), 0, BandAction::Reject));
    desk.define(good);
    assert_eq!(desk.enter(A, buy(1, 5, 100)), ["A rejected 1 PriceExceedsBand"]);
}

fn bands_are_checked<M: Subject>() {
    let mut desk = Desk::<M>::new();
    let wrong = [(-1, 10, 0), (11, 10, 0), (0, 10, -1)];
    for (low, high, dynamic) in wrong {
        let request = bands_of(low, Some(high), dynamic, BandAction::Halt);
        assert_eq!(desk.bands(request), ["J steered ValueIncorrect 0"]);
        let unknown = SetBands { symbol: SymbolId(9), ..request };
        assert_eq!(desk.bands(unknown), ["J steered UnknownSymbol 0"]);
    }
    assert_eq!(desk.bands(bands_of(10, Some(10), 0, BandAction::Halt)), ["J steered Done 0"]);
}

fn limits_are_checked<M: Subject>() {
    use RiskScope::{Account, Session};
    let mut desk = Desk::<M>::of(BookPlan { accounts_max: 2, ..plan() });
    let session = |target| limits_of(Session, target);
    let account = |target| limits_of(Account, target);
    let cases = [
        (SetRisk { rate_per_s: 1, ..session(99) }, "ValueIncorrect"),
        (SetRisk { collar: Price(-1), ..account(1) }, "ValueIncorrect"),
        (SetRisk { position_max: Qty(1), ..session(16) }, "UnknownSession"),
        (session(15), "Done"),
        (SetRisk { position_max: Qty(1), ..session(15) }, "ValueIncorrect"),
        (account(0), "ValueIncorrect"),
        (account(7), "Done"),
        (account(8), "Done"),
        (account(9), "NoRoom"),
        (SetRisk { position_max: Qty(1), rate_burst: 5, ..account(8) }, "Done"),
        (SetRisk { rate_per_s: 1, rate_burst: 5, ..account(8) }, "Done"),
    ];
    for (request, result) in cases {
        assert_eq!(desk.risk(request), [format!("J steered {result} 0")], "{request:?}");
    }
    // A kill switch names accounts too.
    assert_eq!(desk.kill(KillScope::Account, 9, Reinstate), ["J steered NoRoom 0"]);
}

fn a_kill_switch_is_checked<M: Subject>() {
    let mut desk = Desk::<M>::new();
    let kill = |desk: &mut Desk<M>, scope, target| desk.kill(scope, target, HaltTrading);
    assert_eq!(kill(&mut desk, KillScope::Account, 0), ["J steered ValueIncorrect 0"]);
    assert_eq!(kill(&mut desk, KillScope::Session, 16), ["J steered UnknownSession 0"]);
    assert_eq!(kill(&mut desk, KillScope::Symbol, 3), ["J steered UnknownSymbol 0"]);
}

fn each_switch_refuses_and_is_taken_back<M: Subject>() {
    let switches = [
        (KillScope::Venue, 0),
        (KillScope::Symbol, 1),
        (KillScope::Session, A),
        (KillScope::Account, 7),
    ];
    for (scope, target) in switches {
        let mut desk = Desk::<M>::new();
        let order = |name| of_account(buy(name, 5, 100), 7);
        desk.rest(&[(A, order(1))]);
        assert_eq!(desk.kill(scope, target, HaltTrading), ["J steered Done 0"]);
        assert_eq!(desk.enter(A, order(2)), ["A rejected 2 Killed"]);
        assert_eq!(desk.replace(A, replace_of(2, 1, 6, 100)), ["A refused 2 Killed"]);
        // What makes less of it is never refused.
        let lines = desk.replace(A, replace_of(2, 1, 4, 100));
        assert_eq!(lines, ["A replaced 2 4@100 was 1 left 4"]);
        let lines = desk.reduce(A, reduce_of(3, 2, Side::Buy, 1));
        assert_eq!(lines, ["A replaced 2 3@100 was 2 left 3"]);
        let other = NewOrder { symbol: SymbolId(2), ..buy(1, 10, 100) };
        let lines = desk.enter(B, other);
        assert_eq!(lines[0].contains("Killed"), scope == KillScope::Venue, "{lines:?}");
        assert_eq!(desk.kill(scope, target, Reinstate), ["J steered Done 0"]);
        assert_eq!(desk.enter(A, order(5)), ["A new 5 5@100"]);
    }
}

fn a_suspension_cancels_what_is_in_scope<M: Subject>() {
    let cases = [
        (KillScope::Venue, 0, vec!["A2", "A3", "A4", "B1"]),
        (KillScope::Symbol, 1, vec!["A2", "A3", "B1"]),
        (KillScope::Session, A, vec!["A2", "A3", "A4"]),
        (KillScope::Account, 7, vec!["A3", "B1"]),
    ];
    for (scope, target, ended) in cases {
        let mut desk = Desk::<M>::new();
        desk.rest(&[(B, of_account(buy(1, 5, 100), 7)), (A, buy(2, 5, 90))]);
        desk.rest(&[(A, of_account(stop(buy(3, 5, 0), 200), 7))]);
        desk.rest(&[(A, NewOrder { symbol: SymbolId(2), ..sell(4, 10, 100) })]);
        let mut expected: Vec<String> = ended
            .iter()
            .map(|name| format!("{} canceled {} Killed", &name[..1], &name[1..]))
            .collect();
        expected.push(format!("J steered Done {}", ended.len()));
        assert_eq!(desk.kill(scope, target, Suspend), expected);
        assert_eq!(desk.live().len(), 4 - ended.len());
    }
}

examples!(
    a_new_symbol_is_closed,
    a_definition_is_checked,
    live_orders_keep_what_they_were_made_under,
    bands_are_checked,
    limits_are_checked,
    a_kill_switch_is_checked,
    each_switch_refuses_and_is_taken_back,
    a_suspension_cancels_what_is_in_scope,
);
