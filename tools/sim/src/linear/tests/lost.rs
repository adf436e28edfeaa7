//! Stories of fail-overs: what may be lost, and what may not.

use super::*;

#[test]
fn a_named_suffix_may_be_lost() {
    accepts(
        "1> put 7 1
         1< done
         1>! put 7 2
         1< done
         2>! get 7
         2< 2
         --
         2> get 7
         2< 1",
    );
}

#[test]
fn what_is_lost_must_be_named() {
    let refutation = rejects(
        "1> put 7 1
         1< done
         1> put 7 2
         1< done
         --
         2> get 7
         2< 1",
    );
    assert_eq!(refutation.last, OpId(2));
    assert_eq!(refutation.possible, ["2"]);
    assert_eq!(refutation.lines[2], "-- fail-over 0 --");
}

#[test]
fn an_orphan_is_not_observed_by_what_is_kept() {
    // Neither after the fail-over nor before it.
    rejects(
        "1>! put 7 2
         1< done
         --
         2> get 7
         2< 2",
    );
    let refutation = rejects(
        "1>! put 7 2
         2> get 7
         2< 2
         1< done
         --",
    );
    assert!(refutation.lines[0].ends_with("(lost by fail-over 0)"), "{refutation}");
    // Not even an orphan whose answer nobody saw.
    rejects(
        "1>! put 7 2
         2> get 7
         2< 2
         --",
    );
}

#[test]
fn what_an_orphan_was_told_was_true_of_its_log() {
    rejects(
        "1> put 7 1
         1< done
         2>! get 7
         2< 5
         --",
    );
    rejects(
        "1>! put 7 2
         1< done
         2>! get 7
         2< nothing
         --",
    );
    // The old primary did not know what the new one did.
    rejects(
        "2>! get 7
         --
         1> put 7 1
         1< done
         2< 1",
    );
}

#[test]
fn what_is_lost_is_a_suffix_on_its_key_and_in_real_time_on_others() {
    for key in [7, 8] {
        let refutation = rejects(&format!(
            "1>! put 7 1
             1< done
             2> put {key} 2
             2< done
             --",
        ));
        assert_eq!(refutation.operations, [OpId(0), OpId(1)]);
        assert!(refutation.what.contains("no suffix"), "{refutation}");
    }
    // In real time they overlap; what the orphan was told says that it followed, or not.
    let overlap = |told| {
        format!(
            "1>! cas 7 1 9
             2> put 7 1
             2< done
             1< {told}
             --",
        )
    };
    accepts(&overlap("swapped"));
    rejects(&overlap("not swapped"));
    // One that is called after the orphan's answer, and answered by the new primary, is well.
    accepts(
        "1>! put 7 1
         1< done
         2> put 8 2
         --
         2< done
         3> get 7
         3< nothing",
    );
}

#[test]
fn what_was_open_may_be_lost_with_the_tail_or_be_kept() {
    // Only what was lost observed it, and after the fail-over it is gone.
    let story = |after| {
        format!(
            "1> put 7 1
             2>! get 7
             2< 1
             --
             3> get 7
             3< {after}"
        )
    };
    accepts(&story("nothing"));
    accepts(&story("1"));
    rejects(&story("2"));
}

#[test]
fn an_answer_may_arrive_after_the_fail_over() {
    accepts(
        "1>! put 7 2
         --
         2> get 7
         2< nothing
         1< done",
    );
}

#[test]
fn tails_nest() {
    // The first fail-over kept the put of 1; the second lost it.
    let story = |between, after| {
        format!(
            "1>! put 7 1
             1< done
             2>! put 7 2
             2< done
             --
             3>! get 7
             3< {between}
             --
             3> get 7
             3< {after}"
        )
    };
    let nested = |between, after| {
        let (history, _) = told(&story(between, after));
        let mut fail_overs = FailOvers::default();
        fail_overs.add(Moment(4), [OpId(1)]);
        fail_overs.add(Moment(6), [OpId(0), OpId(2)]);
        is_well(&decided(&history, &fail_overs))
    };
    assert!(nested("1", "nothing"));
    assert!(!nested("2", "nothing"), "the first fail-over lost it");
    assert!(!nested("nothing", "nothing"), "the first fail-over kept it");
    assert!(!nested("1", "1"), "the second fail-over lost it");
    // The other way round, the first would have lost what is no suffix.
    let (history, _) = told(&story("2", "nothing"));
    let mut fail_overs = FailOvers::default();
    fail_overs.add(Moment(4), [OpId(0)]);
    fail_overs.add(Moment(6), [OpId(1), OpId(2)]);
    assert!(!is_well(&decided(&history, &fail_overs)));
}

#[test]
fn an_orphan_of_an_earlier_fail_over_stays_its_own() {
    let (history, _) = told(
        "1> put 7 1
         1< done
         2> get 7
         2< nothing",
    );
    let mut fail_overs = FailOvers::default();
    fail_overs.add(Moment(2), [OpId(0)]);
    fail_overs.add(history.now(), [OpId(0)]);
    assert_eq!(fail_overs.lost_by(OpId(0)), Some(0));
    assert!(is_well(&decided(&history, &fail_overs)));
}

#[test]
fn what_was_called_after_a_fail_over_is_not_lost_by_it() {
    let (history, _) = told(
        "1> put 7 1
         1< done",
    );
    let mut early = FailOvers::default();
    early.add(Moment(0), [OpId(0)]);
    assert!(!is_well(&decided(&history, &early)));
}

#[test]
fn what_follows_an_orphan_of_another_key_is_not_seen_if_only_an_open_read_says_so() {
    // The read saw the put of 5 before the fail-over, so that put is in the old log, behind the
    // orphan, and was not lost with it. Real time between answers alone does not show it.
    let story = "3> get 8
         1>! put 7 1
         1< done
         2> put 8 5
         3< 5
         --
         2< done";
    let (history, fail_overs) = told(story);
    let at = fail_overs.moments()[0].0;
    assert!(!naive::is_prefix_linearizable(&history, at, &[OpId(1)]));
    accepts(story);
    // On one key it is seen.
    rejects(&story.replace('8', "7"));
}
