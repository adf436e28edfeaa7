//! Planted bugs are found by a checker, in random traces, and it is said by which.
//!
//! A failed assertion of the core is not what is looked for: such a trace counts for nothing.

use crate::trace::Trace;
use gavel_raft::Mutation;
use gavel_raft::memory::Violation;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Seeds that a bug may take.
const SEEDS_MAX: u64 = 2_000;

/// Events of a trace.
const EVENTS: u64 = 1_500;

/// The first seed at which a checker sees the bug, and what it says.
fn hunt(mutation: Mutation) -> Option<(u64, Violation)> {
    (0..SEEDS_MAX).find_map(|seed| {
        let mut trace = Trace::new(seed, Some(mutation));
        match catch_unwind(AssertUnwindSafe(|| trace.run(EVENTS))) {
            Ok(Err(violation)) => Some((seed, violation)),
            Ok(Ok(())) | Err(_) => None,
        }
    })
}

#[test]
fn every_planted_bug_is_found_by_a_checker() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    println!("{:<20} {:>5}  {:<24} said", "planted", "seeds", "checker");
    for mutation in Mutation::ALL {
        let name = format!("{mutation:?}");
        match hunt(mutation) {
            Some((seed, Violation { rule, what })) => {
                println!("{name:<20} {:>5}  {rule:<24} {what}", seed + 1);
            }
            None => {
                println!("{name:<20} {:>5}", "-");
                missed.push(mutation);
            }
        }
    }
    let _ = std::panic::take_hook();
    assert!(missed.is_empty(), "not found: {missed:?}");
}
