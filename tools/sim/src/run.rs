//! Runs worlds by seed, and says what came of them.
//!
//! Inputs -> outputs: seeds -> [`Outcome`]s.
//! Invariants: a panic of the node is a violation of its own kind, where the build unwinds.
//! Not here: the command line (main.rs).

use crate::check::{Shared, Sights, Violation};
use crate::countdown::{Countdown, FailCall};
use crate::faults::FaultCounts;
use crate::forecast::Befell;
use crate::less::Less;
use crate::mutation::Mutation;
use crate::profile::Profile;
use crate::world::World;
use gavel_contract::StoreFaultKind;
use gavel_types::Nanos;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The checker's name for a failed assertion of the product.
pub const ASSERTION: &str = "assertion";

/// What to run.
#[derive(Clone, Debug)]
pub struct Case {
    /// The seed.
    pub seed: u64,
    /// The kind of world.
    pub profile: &'static Profile,
    /// The planted bug, if any.
    pub mutation: Option<Mutation>,
    /// The call of storage that fails, if any.
    pub fails: Option<FailCall>,
    /// What is left out.
    pub less: Less,
}

/// What came of a world.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was run.
    pub case: Case,
    /// The first rule that did not hold.
    pub violation: Option<Violation>,
    /// Of all events.
    pub hash: u64,
    /// The last step.
    pub step: u64,
    /// Virtual time.
    pub elapsed: Nanos,
    /// Messages submitted.
    pub submitted: u64,
    /// Faults by kind.
    pub faults: FaultCounts,
    /// The numbered ones, in order.
    pub befell: Vec<Befell>,
    /// What clients and starts met with.
    pub sights: Sights,
    /// Calls of storage.
    pub calls: u64,
    /// What the call was for that failed, if it came to that.
    pub failed: Option<&'static str>,
    /// The last events, if a rule did not hold.
    pub timeline: String,
}

thread_local! {
    static RUNNING: RefCell<Option<(Case, Shared)>> = const { RefCell::new(None) };
}

/// Runs one world.
#[must_use]
pub fn run(case: Case) -> Outcome {
    let checkers = Shared::default();
    RUNNING.with(|running| *running.borrow_mut() = Some((case.clone(), checkers.clone())));
    let countdown = Countdown::new(case.fails);
    let mut world = World::new(case.clone(), countdown.clone(), checkers.clone());
    let ended = catch_unwind(AssertUnwindSafe(|| world.run()));
    RUNNING.with(|running| *running.borrow_mut() = None);
    let violation = match ended {
        Ok(verdict) => verdict.err(),
        Err(panic) => Some(Violation::new(ASSERTION, text(panic.as_ref()))),
    };
    let outcome = Outcome {
        case,
        hash: checkers.borrow().timeline.hash(),
        step: world.steps(),
        elapsed: world.elapsed(),
        submitted: world.submitted(),
        faults: world.faults().clone(),
        befell: world.befell().to_vec(),
        sights: checkers.borrow().sights.clone(),
        timeline: violation.as_ref().map_or(String::new(), |_| checkers.borrow().timeline.lines()),
        calls: countdown.calls(),
        failed: countdown.failed(),
        violation,
    };
    // A node that panicked is left as it is: what it holds is of no use.
    if outcome.violation.as_ref().is_some_and(|violation| violation.checker == ASSERTION) {
        core::mem::forget(world);
    }
    outcome
}

pub(crate) fn text(panic: &(dyn core::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}

/// What runs on this thread, and its last events: for a hook, in builds that do not unwind.
#[must_use]
pub fn running() -> Option<(Case, Nanos, String)> {
    RUNNING.with(|running| {
        let running = running.try_borrow().ok()?;
        let (case, checkers) = running.as_ref()?;
        let checkers = checkers.try_borrow().ok()?;
        Some((case.clone(), checkers.timeline.now(), checkers.timeline.lines()))
    })
}

impl Case {
    /// The whole world of a seed, and the product as it is.
    #[must_use]
    pub fn of(seed: u64, profile: &'static Profile) -> Self {
        Self { seed, profile, mutation: None, fails: None, less: Less::default() }
    }

    /// How to play it again.
    #[must_use]
    pub fn command(&self) -> String {
        let Self { seed, profile, mutation, fails, less } = self;
        let mutate = mutation.map_or(String::new(), |m| format!(" --mutate {}", m.name()));
        let fails = fails.map_or(String::new(), |fails| format!(" {}", fails.option()));
        again(profile.name, *seed, &format!("{mutate}{fails}{}", less.options()))
    }
}

/// The command line of one world of either kind.
pub(crate) fn again(profile: &str, seed: u64, options: &str) -> String {
    format!("cargo xtask sim --profile {profile} --seeds 1 --from {seed}{options}")
}

impl Outcome {
    /// For a person: what did not hold, when, what came before, and how to see it again.
    #[must_use]
    pub fn report(&self) -> String {
        let Some(violation) = &self.violation else { return String::new() };
        format!(
            "{}\nseed {} of profile {}, step {}: {violation}\nagain: {}\n",
            self.timeline,
            self.case.seed,
            self.case.profile.name,
            self.step,
            self.case.command()
        )
    }
}

/// What it took to find a planted bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Seeds run, the one that found it included.
    pub seeds: u64,
    /// Who found it.
    pub checker: &'static str,
    /// What it said.
    pub what: String,
}

/// Runs seeds until a checker finds the planted bug. An assertion on the spot does not count:
/// the next seed is tried.
#[must_use]
pub fn hunt(mutation: Mutation, from: u64, seeds: u64) -> Option<Found> {
    let profile = Profile::named(mutation.profile()).expect("a mutation's profile is there");
    found_by(from, seeds, |seed| {
        run(Case { mutation: Some(mutation), ..Case::of(seed, profile) }).violation
    })
}

/// The first seed whose violation is a checker's, in a world of any kind.
pub(crate) fn found_by(
    from: u64,
    seeds: u64,
    violation: impl Fn(u64) -> Option<Violation>,
) -> Option<Found> {
    (from..from + seeds).find_map(|seed| {
        let Violation { checker, what } = violation(seed)?;
        (checker != ASSERTION).then_some(Found { seeds: seed - from + 1, checker, what })
    })
}

/// What failing every call of a world came to.
#[derive(Clone, Debug, Default)]
pub struct Swept {
    /// Calls of storage of the world in which none fails.
    pub calls: u64,
    /// Worlds.
    pub runs: u64,
    /// By what it was for: calls that failed.
    pub failed: Sights,
    /// What clients and starts met with.
    pub sights: Sights,
    /// Worlds in which a rule did not hold.
    pub violations: Vec<Outcome>,
}

/// Runs a seed again and again: in each world another call of storage fails, with each kind of
/// fault, until no call is left. (The log's own faults are the process's end; files' are not.)
#[must_use]
pub fn sweep(seed: u64, profile: &'static Profile, each: &mut dyn FnMut(u64, u64)) -> Swept {
    let mut swept = Swept::default();
    let whole = run(Case::of(seed, profile));
    swept.calls = whole.calls;
    swept.runs = 1;
    if whole.violation.is_some() {
        swept.violations.push(whole);
        return swept;
    }
    for call in 1..=swept.calls {
        for kind in [StoreFaultKind::Io, StoreFaultKind::Full] {
            let fails = Some(FailCall { call, kind });
            let outcome = run(Case { fails, ..Case::of(seed, profile) });
            let what = outcome.failed.expect("worlds are the same up to the call that fails");
            swept.failed.see(what);
            swept.sights.add(&outcome.sights);
            swept.runs += 1;
            if outcome.violation.is_some() {
                swept.violations.push(outcome);
            }
        }
        each(call, swept.calls);
    }
    swept
}
