//! Long histories. What counts is configurations, for they are the same on every machine; the time
//! is printed beside them.

use super::random::{Run, SMALL, Shape};
use super::*;
use std::time::Instant;

const OPERATIONS: usize = 10_000;

const LONG: Shape = Shape {
    operations: OPERATIONS,
    clients: 16,
    keys: 8,
    values: 1_000,
    open_one_in: 200,
    ..SMALL
};

fn timed(what: &str, history: &History<Register>, fail_overs: &FailOvers) -> Decision {
    let since = Instant::now();
    let decision = decided(history, fail_overs);
    println!("{what}: {:.1} ms", since.elapsed().as_secs_f64() * 1e3);
    decision
}

/// Configurations that it took.
fn tried(decision: &Decision) -> usize {
    match decision {
        Decision::Linearizable { tried } => tried.0,
        decision => panic!("{decision:?}"),
    }
}

#[test]
fn a_long_history_takes_a_few_configurations_an_operation() {
    for (what, shape, most) in [
        ("16 clients, 8 keys", LONG, 2),
        ("16 clients, 1 key", Shape { keys: 1, ..LONG }, 16),
        ("5 clients, 1 key", Shape { clients: 5, keys: 1, ..LONG }, 2),
        (
            "64 clients, 32 keys, 5 % open",
            Shape { clients: 64, keys: 32, open_one_in: 40, ..LONG },
            2,
        ),
    ] {
        let Run { history, fail_overs, .. } = Run::new(1, shape).finish();
        let tried = tried(&timed(what, &history, &fail_overs));
        println!("  {tried} configurations");
        assert!(tried < most * OPERATIONS, "{what}: {tried} configurations");
    }
}

#[test]
fn a_long_history_with_fail_overs_does_not_take_much_longer() {
    let shape = Shape { fail_over_one_in: 2_000, fail_overs_max: 20, ..LONG };
    let Run { history, fail_overs, .. } = Run::new(3, shape).finish();
    let what =
        format!("{} fail-overs lost {}", fail_overs.moments().len(), fail_overs.orphans().count());
    let tried = tried(&timed(&what, &history, &fail_overs));
    println!("  {tried} configurations");
    assert!(fail_overs.orphans().count() > 100 && tried < 8 * OPERATIONS, "{what}: {tried}");
}

#[test]
fn one_stale_read_in_a_long_history_is_found_and_shown() {
    let Run { mut history, fail_overs, .. } = Run::new(1, LONG).finish();
    // The last get of a value is told what the key held long before.
    let is_get = |one: &Operation<Register>| one.call.ask == Get && one.closed.is_some();
    let at = history.operations().iter().rposition(is_get).expect("there are gets");
    let key = history.operations[at].call.key;
    let puts = |one: &&Operation<Register>| one.call.key == key && matches!(one.call.ask, Put(_));
    let first = history.operations().iter().find(puts).expect("there are puts").call.ask;
    let Put(value) = first else { panic!("it is a put") };
    history.operations[at].ended = Ended::Answered(RegisterAnswer::Holds(Some(value)));
    match timed("a stale read at the end", &history, &fail_overs) {
        Decision::Violated(refutation) => {
            println!("{refutation}");
            assert_eq!(refutation.last, OpId(at));
            assert!(!refutation.possible.is_empty(), "it could have been told the truth");
        }
        decision => panic!("{decision:?}"),
    }
}
