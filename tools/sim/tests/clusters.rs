//! Clusters in bulk: seeds of each profile, the same seed twice, and planted bugs.
//!
//! A failure prints the seed, the last events and the command that plays it again.

use gavel_sim::cluster::{
    COMMANDS_MIN, Case, FaultCounts, Mutation, Outcome, PROFILES, Profile, SECONDS_MIN, hunt, run,
};

/// Seeds of each profile in a run of the tests.
const SEEDS: u64 = 3;

fn outcome(seed: u64, profile: &'static Profile) -> Outcome {
    let outcome = run(Case { seed, profile, mutation: None });
    assert!(outcome.violation.is_none(), "{}", outcome.report());
    outcome
}

#[test]
fn every_profile_holds() {
    for profile in PROFILES {
        let mut faults = FaultCounts::default();
        for seed in 1..=SEEDS {
            let outcome = outcome(seed, profile);
            // What a seed must be at least to count (SAFETY 25).
            assert!(outcome.elapsed_ns >= SECONDS_MIN * 1_000_000_000, "{}", profile.name);
            assert!(outcome.commands >= COMMANDS_MIN as u64, "{}", profile.name);
            let is_calm = profile.name == "cluster-calm";
            assert_eq!(outcome.faults.total() >= 5, !is_calm, "{}: faults", profile.name);
            assert!(outcome.recovered_ns.is_some(), "{}: recovers", profile.name);
            faults.add(&outcome.faults);
        }
        for (fault, _) in profile.faults {
            assert!(faults.of(*fault) > 0, "{}: no {}", profile.name, fault.name());
        }
    }
}

#[test]
fn a_seed_plays_again_bit_for_bit() {
    let profile = Profile::named("cluster-everything").expect("it is there");
    let (one, two) = (outcome(7, profile), outcome(7, profile));
    assert_eq!((one.hash, one.events, &one.faults), (two.hash, two.events, &two.faults));
    assert_ne!(one.hash, outcome(8, profile).hash);
}

/// (mutation, most seeds).
const PLANTED: &[(&str, u64)] = &[
    ("core-count-self-before-sync", 2),
    ("core-commit-old-term", 2),
    ("core-vote-twice", 2),
    ("core-vote-before-sync", 2),
    ("core-vote-for-stale-log", 2),
    ("core-truncate-on-match", 2),
    ("core-old-completion-counts", 2),
    ("core-learner-counts", 2),
    ("core-read-without-round", 2),
    ("core-read-by-old-round", 2),
    ("core-no-hold-back", 2),
    ("core-lease-kept-on-transfer", 2),
    ("core-old-snapshot-installed", 2),
    ("core-prev-unchecked", 2),
    ("core-change-too-early", 2),
    ("core-commit-unverified", 3),
    ("answer-before-commit", 3),
    ("apply-before-commit", 3),
    ("skip-deduplication", 3),
    ("read-before-applied", 3),
    ("lease-unchecked", 3),
    ("cluster-lying-disk", 3),
    ("vote-forgotten", 3),
    ("wiped-keeps-name", 3),
    ("state-drifts", 3),
    ("follower-reads-at-once", 3),
];

#[test]
fn planted_bugs_are_found_by_checkers() {
    for (name, most) in PLANTED {
        let mutation = Mutation::named(name).expect("a mutation of that name");
        let found = hunt(mutation, 1, *most);
        let found = found.unwrap_or_else(|| panic!("{name} is not found"));
        println!("{name:<30} {:>3}  {:<12} {}", found.seeds, found.checker, found.what);
    }
}
