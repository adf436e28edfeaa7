//! Planted bugs are found by a checker, in random traces. Those that want a longer tale than chance
//! tells soon are told of by scripts alone; all are, each by one at least.

mod trace;

use gavel_raft::Mutation;
use std::panic::{AssertUnwindSafe, catch_unwind};
use trace::Trace;

/// Seeds that a bug may take.
const SEEDS_MAX: u64 = 1_500;

/// Found by scripts only.
const TOLD_ONLY: &[Mutation] = &[
    Mutation::CommitOldTerm,
    Mutation::OldCompletionCounts,
    Mutation::LeaseFromReceipt,
    Mutation::EvidenceUnannounced,
    Mutation::EvidenceOfOlder,
    Mutation::ChangeTooEarly,
    Mutation::ReceivedSurvives,
];

/// The first seed at which a checker sees the bug, and what it says. A failed assertion of the core
/// is not what is looked for: such a trace counts for nothing.
fn hunt(mutation: Mutation) -> Option<(u64, String)> {
    (0..SEEDS_MAX).find_map(|seed| {
        let mut trace = Trace::new(seed, Some(mutation));
        let ended = catch_unwind(AssertUnwindSafe(|| trace.run(1_500)));
        match ended {
            Ok(Err(violation)) => Some((seed, violation.to_string())),
            Ok(Ok(())) | Err(_) => None,
        }
    })
}

#[test]
fn every_planted_bug_is_found() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for mutation in Mutation::ALL.into_iter().filter(|it| !TOLD_ONLY.contains(it)) {
        match hunt(mutation) {
            Some((seed, what)) => println!("{mutation:?}: {} seeds, {what}", seed + 1),
            None => missed.push(mutation),
        }
    }
    let _ = std::panic::take_hook();
    assert!(missed.is_empty(), "not found: {missed:?}");
}
