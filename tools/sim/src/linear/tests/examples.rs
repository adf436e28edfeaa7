//! Stories of histories that are linearizable, and of those that are not.

use super::*;

#[test]
fn one_after_the_other() {
    accepts(
        "1> get 7
         1< nothing
         1> put 7 1
         1< done
         2> get 7
         2< 1
         2> cas 7 1 2
         2< swapped
         1> cas 7 1 3
         1< not swapped
         1> get 7
         1< 2",
    );
}

#[test]
fn what_overlaps_happens_in_either_order() {
    for answers in [["1", "1"], ["2", "2"], ["1", "2"]] {
        accepts(&format!(
            "1> put 7 1
             1< done
             1> put 7 2
             2> get 7
             2< {}
             2> get 7
             2< {}
             1< done",
            answers[0], answers[1]
        ));
    }
    let refutation = rejects(
        "1> put 7 1
         1< done
         1> put 7 2
         2> get 7
         2< 2
         2> get 7
         2< 1
         1< done",
    );
    assert_eq!(refutation.possible, ["2"]);
}

#[test]
fn writes_can_take_the_reverse_of_the_order_of_their_calls() {
    accepts(
        "1> put 7 1
         2> put 7 2
         3> put 7 3
         4> get 7
         4< 3
         4> get 7
         4< 2
         4> get 7
         4< 1
         1< done
         2< done
         3< done",
    );
}

#[test]
fn stale_read() {
    let refutation = rejects(
        "1> put 7 1
         1< done
         1> put 7 2
         1< done
         2> get 7
         2< 1
         3> get 7
         3< 2",
    );
    assert_eq!((refutation.last, refutation.events), (OpId(2), 6));
    assert_eq!(refutation.possible, ["2"]);
}

#[test]
fn what_could_have_been_answered_agrees_with_what_others_were_told() {
    // Of the puts either can be the last, but one read already says which.
    let refutation = rejects(
        "1> put 7 1
         2> put 7 2
         1< done
         2< done
         3> get 7
         4> get 7
         4< 2
         3< 9",
    );
    assert_eq!(refutation.possible, ["2"]);
}

#[test]
fn lost_update() {
    // Two that both read 1 cannot both have swapped it.
    let refutation = rejects(
        "1> put 7 1
         1< done
         1> cas 7 1 2
         2> cas 7 1 3
         1< swapped
         2< swapped",
    );
    assert_eq!(refutation.possible, ["not swapped"]);
    // A write that was acknowledged is not there.
    rejects(
        "1> put 7 1
         1< done
         2> get 7
         2< nothing",
    );
}

#[test]
fn double_application() {
    // The first put was applied again, after the second.
    let refutation = rejects(
        "1> put 7 1
         1< done
         1> put 7 2
         1< done
         2> get 7
         2< 2
         2> get 7
         2< 1",
    );
    assert_eq!(refutation.last, OpId(3));
    // A swap that is answered once, and was applied twice.
    rejects(
        "1> cas 7 nothing 1
         1< swapped
         1> put 7 2
         1< done
         2> cas 7 2 5
         2< swapped
         2> get 7
         2< 1",
    );
}

#[test]
fn read_of_a_value_that_nobody_wrote() {
    let refutation = rejects(
        "1> put 7 1
         2> get 7
         2< 3
         1< done",
    );
    assert_eq!(refutation.possible, ["nothing", "1"]);
    // Another key's value is not this key's.
    rejects(
        "1> put 8 3
         1< done
         2> get 7
         2< 3",
    );
}

#[test]
fn a_put_without_an_answer_may_be_seen_or_not_but_does_not_go_again() {
    let story = |first, second| {
        format!(
            "1> put 7 1
             1< done
             1> put 7 2
             2> get 7
             2< {first}
             2> get 7
             2< {second}"
        )
    };
    accepts(&story(1, 1));
    accepts(&story(2, 2));
    accepts(&story(1, 2));
    let refutation = rejects(&story(2, 1));
    assert_eq!(refutation.last, OpId(3));
    assert_eq!(refutation.possible, ["2"]);
    assert_eq!(refutation.operations.len(), 4);
}

#[test]
fn a_put_without_an_answer_does_not_happen_before_its_call_nor_twice() {
    rejects(
        "2> get 7
         2< 1
         1> put 7 1",
    );
    rejects(
        "1> put 7 1
         2> get 7
         2< 1
         3> put 7 2
         3< done
         2> get 7
         2< 2
         2> get 7
         2< 1",
    );
}

#[test]
fn a_swap_without_an_answer_happens_only_where_it_can() {
    let story = |read| {
        format!(
            "1> put 7 1
             1< done
             1> cas 7 5 6
             2> get 7
             2< {read}"
        )
    };
    accepts(&story(1));
    rejects(&story(6));
}

#[test]
fn what_was_refused_never_happened() {
    let story = |before, after| {
        format!(
            "1> put 7 1
             2> get 7
             2< {before}
             1< refused
             2> get 7
             2< {after}"
        )
    };
    accepts(&story("nothing", "nothing"));
    rejects(&story("nothing", "1"));
    // It is the refusal that contradicts what was read before.
    let refutation = rejects(&story("1", "nothing"));
    assert_eq!((refutation.last, refutation.events), (OpId(1), 4));
}

#[test]
fn keys_are_judged_one_by_one_and_the_earliest_violation_is_shown() {
    let refutation = rejects(
        "1> put 1 1
         1< done
         2> put 2 2
         2< done
         2> get 2
         2< 9
         1> get 1
         1< 9",
    );
    assert_eq!((refutation.last, refutation.events), (OpId(2), 6));
    assert_eq!(refutation.operations, [OpId(1), OpId(2)]);
}

#[test]
fn a_refutation_reads_as_a_story() {
    let refutation = rejects(
        "1> put 7 1
         1< done
         1> put 8 5
         3> put 7 2
         2> put 7 3
         2< done
         4> get 7
         4< 1
         1< done
         4> get 8
         4< 5",
    );
    let expected = "\
no order of the operations on key 7 explains what client 4 was told: `get 7` answered 1, where it \
could have answered 3 or 2
  #0     client 1        0.000000 ..      0.001000 ms  put 7 1 -> done
  #2     client 3        0.003000 ..               ms  put 7 2 -> (open)
  #3     client 2        0.004000 ..      0.005000 ms  put 7 3 -> done
  #4     client 4        0.006000 ..      0.007000 ms  get 7 -> 1
";
    assert_eq!(refutation.to_string(), expected);
}

#[test]
fn of_many_operations_the_last_are_shown_and_the_open() {
    let many = "1> put 7 1\n1< done\n".repeat(LINES_MAX + 5);
    let refutation = rejects(&format!("3> put 7 8\n{many}2> get 7\n2< 2"));
    assert_eq!(refutation.operations.len(), LINES_MAX + 7);
    assert_eq!(refutation.lines.len(), 1 + 1 + LINES_MAX);
    assert_eq!(refutation.lines[0], "(6 earlier operations of that key are not shown)");
    assert!(refutation.lines[1].ends_with("put 7 8 -> (open)"), "{refutation}");
}

#[test]
fn a_key_that_takes_too_long_is_undecided_and_hides_no_violation() {
    // Nothing orders the puts, and the read that nothing explains makes all orders be tried.
    let puts: String = (1..=12).map(|n| format!("{n}> put 7 {n}\n")).collect();
    let ends: String = (1..=12).map(|n| format!("{n}< done\n")).collect();
    let hard = format!("{puts}{ends}99> get 7\n99< 77\n");
    let (history, _) = told(&hard);
    let few = Configurations(1_000);
    assert_eq!(check(&history, few), Decision::Undecided { keys: vec![String::from("7")] });
    assert!(matches!(check(&history, CONFIGURATIONS_MAX), Decision::Violated(_)));
    let (history, _) = told(&format!("{hard}99> get 8\n99< 1\n"));
    let Decision::Violated(refutation) = check(&history, few) else { panic!("a violation") };
    assert_eq!(refutation.last, OpId(13));
}

#[test]
#[should_panic(expected = "an operation ends once")]
fn an_operation_that_ends_twice_is_a_bug_of_the_caller() {
    let (mut history, _) = told("1> put 7 1\n1< done");
    history.answer(OpId(0), RegisterAnswer::Done, Nanos(9_000));
}

#[test]
#[should_panic(expected = "time does not go back")]
fn time_that_goes_back_is_a_bug_of_the_caller() {
    let (mut history, _) = told("1> put 7 1\n1< done");
    history.call(Client(1), call_of("get 7"), Nanos(0));
}
