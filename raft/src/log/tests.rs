//! The log by runs against a log that has its entries.

use super::*;

fn at(index: u64) -> Index {
    Index(index)
}

fn run(first: u64, term: u64) -> Run {
    Run { first: at(first), term: Term(term) }
}

/// A log with these terms, from index 1.
fn log(terms: &[u64]) -> Log {
    let mut log = Log::new(Mark::default(), &[], at(0), 0);
    for (place, term) in terms.iter().enumerate() {
        log.append(Term(*term), at(place as u64 + 1));
    }
    log
}

/// Small numbers without a pattern.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn terms(&mut self, len_max: u64) -> Vec<u64> {
        let mut term = 1;
        (0..self.below(len_max + 1))
            .map(|_| {
                term += self.below(3) / 2;
                term
            })
            .collect()
    }
}

fn term_in(terms: &[u64], index: u64) -> Option<Term> {
    match index {
        0 => Some(Term(0)),
        _ => terms.get(index as usize - 1).map(|term| Term(*term)),
    }
}

#[test]
fn a_term_is_found_at_every_index() {
    let mut draw = Draw(1);
    for _ in 0..200 {
        let terms = draw.terms(12);
        let log = log(&terms);
        for index in 0..15 {
            assert_eq!(log.term_at(at(index)), term_in(&terms, index), "{terms:?} at {index}");
        }
    }
}

#[test]
fn a_conflict_is_where_terms_first_differ() {
    let mut draw = Draw(2);
    let mut found = 0;
    for _ in 0..2_000 {
        let (ours, theirs) = (draw.terms(12), draw.terms(12));
        let (our_log, their_log) = (log(&ours), log(&theirs));
        let prev = draw.below(theirs.len().min(ours.len()) as u64 + 1);
        let (runs, last) = their_log.runs_between(at(prev), at(theirs.len() as u64));
        assert!(runs.are_sound(at(prev + 1), last, Term(0), Term(99)));
        let expected = (prev + 1..=last.0.min(ours.len() as u64))
            .find(|index| term_in(&ours, *index) != term_in(&theirs, *index));
        found += usize::from(expected.is_some());
        assert_eq!(our_log.conflict(runs.as_slice(), last), expected.map(Index));
    }
    assert!(found > 500);
}

// Raft 5.3: one answer finds the common point, or steps over all the runs that it names.
#[test]
fn logs_part_behind_the_highest_index_of_equal_term() {
    let mut draw = Draw(3);
    let mut exact = 0;
    for _ in 0..2_000 {
        let (leader, follower) = (draw.terms(12), draw.terms(12));
        let (leader_log, follower_log) = (log(&leader), log(&follower));
        let top = draw.below(follower.len() as u64 + 1);
        let runs = follower_log.runs_below(at(top));
        let found = leader_log.parting(runs.as_slice(), at(top));
        let lowest = runs.as_slice().first().map_or(1, |run| run.first.0);
        let expected = (lowest..=top)
            .rev()
            .find(|index| term_in(&leader, *index) == term_in(&follower, *index));
        exact += usize::from(expected.is_some());
        let otherwise = (lowest - 1).min(leader.len() as u64);
        assert_eq!(found.0, expected.unwrap_or(otherwise), "{leader:?} {follower:?} {top}");
    }
    assert!(exact > 500);
}

#[test]
fn compaction_keeps_what_lies_behind() {
    let terms = [1, 1, 2, 2, 2, 5];
    for index in 0..=6 {
        let mut compacted = log(&terms);
        compacted.compact(at(index));
        assert_eq!(compacted.base().index, at(index));
        for asked in 0..=7 {
            let expected = if asked < index { None } else { term_in(&terms, asked) };
            assert_eq!(compacted.term_at(at(asked)), expected, "{asked} of {index}");
        }
        compacted.append(Term(6), at(7));
        assert_eq!(compacted.last(), Mark { term: Term(6), index: at(7) });
    }
}

// SAFETY 1: durable to 100, truncated to 80, new ones to 100: the old completion says nothing.
#[test]
fn what_was_durable_before_a_truncation_counts_for_nothing() {
    let mut log = log(&[1, 1, 1]);
    let before = LogPosition { generation: log.generation(), index: at(3) };
    log.truncate(at(1));
    log.append(Term(2), at(3));
    assert!(!log.set_durable(before));
    assert_eq!(log.durable(), at(0));
    assert!(log.set_durable(LogPosition { generation: log.generation(), index: at(3) }));
}

// Raft 7: what lies behind a snapshot stays if the log has the snapshot's last entry.
#[test]
fn a_snapshot_keeps_only_what_fits() {
    let mut fits = log(&[1, 2, 2]);
    assert!(fits.restore(Mark { term: Term(2), index: at(2) }));
    assert_eq!(fits.last().index, at(3));
    let mut differs = log(&[1, 1, 1]);
    assert!(!differs.restore(Mark { term: Term(2), index: at(2) }));
    assert_eq!(differs.last(), Mark { term: Term(2), index: at(2) });
    assert_eq!(differs.generation(), 1);
}

// Raft 5.4.2: terms that are not decided may be many, and another one must be possible.
#[test]
fn a_log_takes_any_number_of_terms() {
    let terms: Vec<u64> = (1..=RUNS_MAX as u64 + 50).collect();
    let mut long = log(&terms);
    long.append(Term(999), at(terms.len() as u64 + 1));
    assert_eq!(long.base(), Mark::default());
    assert_eq!(long.runs().len(), RUNS_MAX + 51);
    assert_eq!(long.term_at(at(7)), Some(Term(7)));
    let found = Log::new(Mark::default(), long.runs(), long.last().index, 0);
    assert_eq!(found.runs(), long.runs());
    long.compact(at(RUNS_MAX as u64));
    assert_eq!(long.runs().len(), 51);
}

#[test]
fn malformed_runs_are_known() {
    let mut runs = Runs::one(run(5, 2));
    assert!(runs.are_sound(at(5), at(9), Term(2), Term(3)));
    assert!(!runs.are_sound(at(4), at(9), Term(2), Term(3)), "a gap");
    assert!(!runs.are_sound(at(5), at(9), Term(3), Term(3)), "older than what is before");
    assert!(!runs.are_sound(at(5), at(4), Term(1), Term(3)), "more than was sent");
    runs.push(run(7, 4));
    assert!(!runs.are_sound(at(5), at(9), Term(2), Term(3)), "newer than the sender");
    assert!(runs.are_sound(at(5), at(9), Term(2), Term(4)));
    assert!(!runs.are_sound(at(5), at(6), Term(2), Term(4)));
    assert!(Runs::default().are_sound(at(5), at(4), Term(9), Term(1)));
}
