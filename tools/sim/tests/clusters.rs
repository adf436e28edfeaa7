//! Clusters in bulk: seeds of each profile, the same seed twice, and planted bugs.
//!
//! A failure prints the seed, the last events and the command that plays it again.

use gavel_sim::check::Sights;
use gavel_sim::cluster::{
    COMMANDS_MIN, Case, FaultCounts, Mutation, Outcome, PROFILES, Profile, SECONDS_MIN, hunt, run,
};

/// Seeds of each profile in a run of the tests.
const SEEDS: u64 = 4;

/// Most seeds until something was seen that a profile is for: what is seen in the first ones is
/// another thing whenever a world draws its numbers in another order.
const SIGHTS_MOST: u64 = 40;

fn outcome(seed: u64, profile: &'static Profile) -> Outcome {
    let outcome = run(Case::of(seed, profile));
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
            let is_calm = profile.name == "cluster-calm" || profile.is_bare;
            assert_eq!(outcome.faults.total() >= 5, !is_calm, "{}: faults", profile.name);
            // Two clusters under one name are left as they are.
            let is_torn = profile.name == "cluster-torn";
            assert_eq!(outcome.recovered_ns.is_some(), !is_torn, "{}: recovers", profile.name);
            faults.add(&outcome.faults);
        }
        for (fault, _) in profile.faults {
            assert!(faults.of(*fault) > 0, "{}: no {}", profile.name, fault.name());
        }
    }
}

/// Plays seeds of a profile until each of these things was seen.
fn seen(profile: &str, what: &[&str]) {
    let profile = Profile::named(profile).expect("it is there");
    let mut sights = Sights::default();
    let lacks = |sights: &Sights| what.iter().find(|what| !sights.0.contains_key(**what)).copied();
    for seed in 1..=SIGHTS_MOST {
        sights.add(&outcome(seed, profile).sights);
        if lacks(&sights).is_none() {
            return;
        }
    }
    panic!("{}: {}: {sights:?}", profile.name, lacks(&sights).unwrap_or_default());
}

// SAFETY 6, 7: a world in which no rule was ever at its limit would prove nothing.
#[test]
fn weaker_rules_put_something_at_stake() {
    seen("cluster-held", &["answered", "answered held", "archived"]);
    let of_local = ["answered", "answered local", "fell back", "orphaned", "archived"];
    seen("cluster-local", &of_local);
}

// SAFETY 2: processes die while a snapshot is on its way to its name, and before they know of it.
#[test]
fn crashes_fall_between_a_snapshot_and_its_durability() {
    seen("cluster-everything", &["lost snapshot", "untold snapshot"]);
}

// SAFETY 16: what only the others held is lost, and clients are not told two stories.
#[test]
fn a_cluster_that_begins_anew_loses_what_its_one_node_lacked() {
    seen("cluster-anew", &["answered", "orphaned"]);
}

// SAFETY 25: what breaks a bound is flagged, and all else holds.
#[test]
fn worlds_beyond_the_model_are_flagged() {
    seen("cluster-stopped", &["flagged one-lease", "dropped by the sender's term"]);
    seen("cluster-stopped-local", &["flagged one-lease", "dropped by the sender's term"]);
    // Twice as many: not every such world has a leader whose clock was set back.
    seen("cluster-clocks", &["flagged one-lease"]);
    seen("cluster-torn", &["superseded"]);
}

#[test]
fn a_seed_plays_again_bit_for_bit() {
    let profile = Profile::named("cluster-everything").expect("it is there");
    let (one, two) = (outcome(7, profile), outcome(7, profile));
    assert_eq!((one.hash, one.events, &one.faults), (two.hash, two.events, &two.faults));
    assert_ne!(one.hash, outcome(8, profile).hash);
}

/// Seeds in which each planted bug must be found: most are in the first or second.
const MOST: u64 = 60;

const PLANTED: &[&str] = &[
    "core-count-self-before-sync",
    "core-commit-old-term",
    "core-vote-twice",
    "core-vote-before-sync",
    "core-vote-for-stale-log",
    "core-truncate-on-match",
    "core-old-completion-counts",
    "core-learner-counts",
    "core-read-before-own-commit",
    "core-read-without-round",
    "core-read-by-old-round",
    "core-no-hold-back",
    "core-lease-kept-on-transfer",
    "core-old-snapshot-installed",
    "core-prev-unchecked",
    "core-half-of-joint",
    "core-change-too-early",
    "core-commit-unverified",
    "core-evidence-of-older",
    "core-received-survives",
    "core-read-name-reused",
    "answer-before-commit",
    "apply-before-commit",
    "skip-deduplication",
    "read-before-applied",
    "lease-unchecked",
    "cluster-lying-disk",
    "vote-forgotten",
    "wiped-keeps-name",
    "state-drifts",
    "follower-reads-at-once",
    "orphans-not-archived",
    "archive-after-truncation",
    "bound-not-enforced",
    "held-counts-witness",
    "held-survives-restart",
    "local-read-leaks",
    "read-ignores-release",
    "orphan-applied",
    "release-before-own-term",
    "client-ignores-term",
    "generation-forgotten",
    "newest-run-only",
    "runs-too-early",
    "damage-cut",
    "mark-ignored",
    "old-completions",
    "vote-not-synced",
    "turn-forgotten",
    "write-retried",
    "log-cut-before-snapshot",
    "snapshot-not-synced",
];

#[test]
fn planted_bugs_are_found_by_checkers() {
    for name in PLANTED {
        let mutation = Mutation::named(name).expect("a mutation of that name");
        let found = hunt(mutation, 1, MOST);
        let found = found.unwrap_or_else(|| panic!("{name} is not found"));
        println!("{name:<30} {:>3}  {:<12} {}", found.seeds, found.checker, found.what);
    }
}
