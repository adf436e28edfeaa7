//! "Records": what is due ends before the record's own command.

use super::*;

fn what_is_due_ends_first<M: Subject>() {
    let mut desk = Desk::<M>::new();
    assert_eq!(desk.machine.due(), Nanos(u64::MAX));
    desk.rest(&[(A, gtd(buy(1, 5, 100), 3_000)), (B, gtd(buy(1, 5, 100), 2_000))]);
    desk.rest(&[(B, gtd(stop_limit(buy(2, 5, 100), 200), 2_000)), (A, gtd(buy(2, 5, 99), 2_001))]);
    assert_eq!(desk.machine.due(), Nanos(2_000));
    desk.now = 1_999;
    assert_eq!(desk.run(Command::tick()), [""; 0]);
    desk.now = 2_500;
    assert_eq!(
        desk.enter(C, ioc(sell(1, 9, 99))),
        [
            "B canceled 1 Expired",
            "B canceled 2 Expired",
            "A canceled 2 Expired",
            "C new 1 9@99",
            "C trade 1 5@100 left 4 Y",
            "A trade 1 5@100 left 0 N",
            "C canceled 1 ImmediateOrCancel",
        ]
    );
    assert_eq!(desk.machine.due(), Nanos(u64::MAX));
}

fn any_record_ends_it<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, gtd(buy(1, 5, 100), 2_000)), (A, gtd(buy(2, 5, 100), 3_000))]);
    desk.rest(&[(A, gtd(buy(3, 5, 100), 4_000))]);
    desk.now = 2_000;
    assert_eq!(desk.run(Command::tick()), ["A canceled 1 Expired"]);
    desk.now = 3_000;
    let skip = Command::skip(SessionSlot(A), SeqNo(1), &SkipSequence { until: SeqNo(9) });
    assert_eq!(desk.run(skip), ["A canceled 2 Expired"]);
    desk.now = 4_000;
    // It is gone before the request is looked at, in a phase that takes no orders as well.
    assert_eq!(
        desk.cancel(A, cancel_of(9, 3, Side::Buy)),
        ["A canceled 3 Expired", "A refused 9 UnknownOrder",]
    );
}

fn a_replace_may_take_the_time_away<M: Subject>() {
    let mut desk = Desk::<M>::new();
    desk.rest(&[(A, gtd(buy(1, 5, 100), 2_000)), (A, gtd(buy(2, 5, 100), 2_000))]);
    let keep = |name, orig| ReplaceOrder {
        time_in_force: TimeInForce::Gtd,
        ..replace_of(name, orig, 5, 100)
    };
    assert_eq!(desk.replace(A, replace_of(3, 1, 5, 100)), ["A replaced 3 5@100 was 1 left 5"]);
    assert_eq!(desk.replace(A, keep(4, 2)), ["A replaced 4 5@100 was 2 left 5"]);
    assert_eq!(desk.replace(A, keep(5, 3)), ["A refused 5 Unsupported"], "it is Gtc now");
    desk.now = 9_000;
    assert_eq!(desk.run(Command::tick()), ["A canceled 4 Expired"]);
}

examples!(what_is_due_ends_first, any_record_ends_it, a_replace_may_take_the_time_away);
