//! Seeds in bulk, and again those that once found something.
//!
//! A failure prints the seed, the last events and the command that plays it again.

use gavel_sim::cli::Trial;
use gavel_sim::run::sweep;
use gavel_sim::{Case, Outcome, PROFILES, Profile, regressions, run};

/// Seeds of each profile in a run of the tests.
const SEEDS: u64 = 25;

/// What storage is called for.
const STORAGE_CALLS: &[&str] = &[
    "listing the segments",
    "reading the log",
    "following the log",
    "preparing a segment",
    "writing a block",
    "listing files",
    "reading a file",
    "making a file",
    "appending to a file",
    "syncing a file",
    "renaming a file",
    "removing a file",
    "syncing the directory",
];

fn held(seed: u64, profile: &'static Profile) -> Outcome {
    let outcome = run(Case::of(seed, profile));
    assert!(outcome.violation.is_none(), "{}", outcome.report());
    outcome
}

/// One test a profile, so that they run side by side.
fn holds(name: &str) {
    let profile = Profile::named(name).expect("a profile of that name");
    for seed in 1..=SEEDS {
        let outcome = held(seed, profile);
        // What a seed must be at least to count.
        assert!(outcome.elapsed.0 >= 60_000_000_000, "seed {seed} of {name}");
        assert!(outcome.submitted >= 5_000, "seed {seed} of {name}");
        let stormy = profile.faults.is_empty() || outcome.faults.total() >= 5;
        assert!(stormy, "seed {seed} of {name}: {:?}", outcome.faults);
    }
}

macro_rules! profiles {
    ($($name:ident),+) => {
        $(#[test]
        fn $name() {
            holds(stringify!($name));
        })+

        #[test]
        fn every_profile_has_its_test() {
            let tested = [$(stringify!($name)),+];
            let others = ["countdown", "day"];
            let names = PROFILES.iter().map(|profile| profile.name);
            assert!(names.filter(|name| !others.contains(name)).eq(tested));
        }
    };
}

profiles!(storm, calm, crash, clients, single, tight);

#[test]
fn countdown() {
    let profile = Profile::named("countdown").expect("a profile of that name");
    // Short worlds, in which every call of storage occurs all the same.
    for seed in [4, 6] {
        let swept = sweep(seed, profile, &mut |_, _| {});
        let report = swept.violations.first().map(Outcome::report);
        assert_eq!(report, None);
        assert!(swept.runs > 200 && swept.runs == 1 + 2 * swept.calls, "{swept:?}");
        for what in STORAGE_CALLS {
            assert!(swept.failed.0.contains_key(*what), "{what} never failed: {:?}", swept.failed);
        }
    }
}

#[test]
fn a_day_of_sessions() {
    let outcome = held(1, Profile::named("day").expect("a profile of that name"));
    assert!(outcome.elapsed.0 >= 24 * 3_600_000_000_000, "{:?}", outcome.elapsed);
    for what in ["another session", "a session finishes", "a start from a snapshot", "sent again"] {
        assert!(outcome.sights.0.contains_key(what), "{what}: {:?}", outcome.sights);
    }
}

#[test]
fn seeds_that_found_something_hold() {
    for (kind, seed) in regressions::all().expect("every line is understood") {
        let less = gavel_sim::less::Less::default();
        let trial = Trial { seed, kind, bug: None, fails: None, less };
        let ran = trial.run();
        assert_eq!(ran.violation, None, "{}\n{}", ran.timeline, trial.command());
    }
}

#[test]
fn the_same_seed_is_the_same_world_bit_for_bit() {
    for profile in PROFILES {
        let (one, two, other) = (held(77, profile), held(77, profile), held(78, profile));
        assert_eq!((one.hash, one.step, one.elapsed), (two.hash, two.step, two.elapsed));
        assert_eq!((one.faults, one.sights), (two.faults, two.sights));
        assert_ne!(one.hash, other.hash, "{}", profile.name);
    }
}

#[test]
fn storms_meet_with_what_they_are_for() {
    let mut seen = gavel_sim::check::Sights::default();
    for name in ["storm", "tight", "clients"] {
        for seed in 101..=108 {
            seen.add(&held(seed, Profile::named(name).expect("a profile of that name")).sights);
        }
    }
    for what in [
        "NotApplied",
        "BusinessReject",
        "Trade",
        "MarketData",
        "Retransmission",
        "RetransmitReject",
        "HistoryLost",
        "IntakeStatus",
        "sent again",
        "a torn block is cut",
        "a snapshot",
        "a snapshot given up",
        "a start from a snapshot",
        "a start from an older snapshot",
        "a session finishes",
        "another session",
        "MassAction",
        "Status",
        "intake stops",
        "disconnected: PeerClosed",
        "disconnected: SlowReader",
        "disconnected: KeepaliveTimeout",
        "disconnected: ShuttingDown",
        "AlreadyEstablished",
        "AnswerTimeout",
        "KeepaliveTimeout",
    ] {
        assert!(seen.0.contains_key(what), "no storm met with {what}: {seen:?}");
    }
}
