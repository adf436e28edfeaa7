//! Clusters in the simulator: nodes with the real consensus core, a small store of registers, disks
//! that lose what was not synced, a network that does everything networks do, clients that try
//! again, and one seed.
//!
//! ```text
//! Case { seed, profile, mutation } -> World -> Outcome { violation, hash, faults, timeline, .. }
//! ```
//!
//! Inputs -> outputs: above.
//! Invariants: the same case gives the same events, bit for bit; faults are legal, so every
//! violation is a bug, but for what a profile beyond the model says will be flagged.
//! Limits: three nodes or five; of a snapshot only its head is bytes (shelf.rs).
//! Not here: books.
//! Source: TigerBeetle's VOPR and FoundationDB's simulation for the idea; SAFETY 25 for a seed.

mod anew;
mod beyond;
mod bytes;
pub mod check;
pub mod client;
pub mod clock;
mod disk;
pub mod fault;
mod kept;
pub mod machine;
pub mod mutation;
pub mod net;
pub mod node;
pub mod orphans;
mod plot;
pub mod primary;
pub mod profile;
pub mod promise;
mod queue;
mod reading;
pub mod recall;
mod rot;
pub mod rule;
mod settle;
mod shelf;
pub mod storage;
mod store;
mod talk;
pub mod trace;
mod weather;
mod wire;
pub mod world;

pub use fault::{Fault, FaultCounts};
pub use mutation::Mutation;
pub use profile::{PROFILES, Profile};
pub use settle::PATIENCE_NS;
use trace::Told;
pub use world::World;

use crate::check::{Sights, Violation};
use crate::forecast::Befell;
use crate::less::Less;
use crate::run::{ASSERTION, Found, again, found_by};
use gavel_types::Nanos;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a seed is at least (SAFETY 25).
pub const SECONDS_MIN: u64 = 60;
/// The same, of commands.
pub const COMMANDS_MIN: usize = 5_000;

/// What to run.
#[derive(Clone, Debug)]
pub struct Case {
    /// The seed.
    pub seed: u64,
    /// The kind of weather.
    pub profile: &'static Profile,
    /// The planted bug, if any.
    pub mutation: Option<Mutation>,
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
    /// How many events.
    pub events: u64,
    /// Virtual time.
    pub elapsed_ns: u64,
    /// Commands that clients had.
    pub commands: u64,
    /// Answers that left nodes.
    pub answers: u64,
    /// Faults by kind.
    pub faults: FaultCounts,
    /// The numbered ones, in order.
    pub befell: Vec<Befell>,
    /// What was seen, and how often.
    pub sights: Sights,
    /// Virtual time from the end of the weather until the cluster was whole and answered again.
    pub recovered_ns: Option<u64>,
    /// The last events, if a rule did not hold.
    pub timeline: String,
}

thread_local! {
    static RUNNING: RefCell<Option<(Case, Told)>> = const { RefCell::new(None) };
}

/// What runs on this thread, and its last events: for a hook, in builds that do not unwind.
#[must_use]
pub fn running() -> Option<(Case, Nanos, String)> {
    RUNNING.with(|running| {
        let running = running.try_borrow().ok()?;
        let (case, told) = running.as_ref()?;
        let told = told.try_borrow().ok()?;
        Some((case.clone(), told.now(), told.lines()))
    })
}

/// Runs one world.
#[must_use]
pub fn run(case: Case) -> Outcome {
    let mut world = World::new(case.clone());
    let told = world.trace.told();
    RUNNING.with(|running| *running.borrow_mut() = Some((case.clone(), told)));
    let ended = catch_unwind(AssertUnwindSafe(|| world.run()));
    RUNNING.with(|running| *running.borrow_mut() = None);
    let violation = match ended {
        Ok(verdict) => verdict.err(),
        Err(panic) => Some(Violation::new(ASSERTION, crate::run::text(panic.as_ref()))),
    };
    let mut faults = world.faults.clone();
    faults.add(&world.net.faults);
    Outcome {
        case,
        hash: world.trace.hash(),
        events: world.events(),
        elapsed_ns: world.now.0,
        commands: world.commands.len() as u64,
        answers: world.checks.answers,
        faults,
        befell: world.forecast.list().to_vec(),
        sights: world.sights.clone(),
        recovered_ns: world.recovered_ns,
        timeline: violation.as_ref().map_or(String::new(), |_| world.trace.lines()),
        violation,
    }
}

impl Case {
    /// The whole world of a seed, and the product as it is.
    #[must_use]
    pub fn of(seed: u64, profile: &'static Profile) -> Self {
        Self { seed, profile, mutation: None, less: Less::default() }
    }

    /// How to play it again.
    #[must_use]
    pub fn command(&self) -> String {
        let Self { seed, profile, mutation, less } = self;
        let mutate = mutation.map_or(String::new(), |m| format!(" --mutate {}", m.name()));
        again(profile.name, *seed, &format!("{mutate}{}", less.options()))
    }
}

impl Outcome {
    /// For a person: what did not hold, when, what came before, and how to see it again.
    #[must_use]
    pub fn report(&self) -> String {
        let Some(violation) = &self.violation else { return String::new() };
        let (seed, name) = (self.case.seed, self.case.profile.name);
        let ms = self.elapsed_ns / 1_000_000;
        format!(
            "{}\nseed {seed} of profile {name}, event {}, {ms} ms: {violation}\nagain: {}\n",
            self.timeline,
            self.events,
            self.case.command()
        )
    }
}

/// Runs seeds until a checker finds the planted bug. An assertion on the spot does not count: the
/// next seed is tried. Whether the seed is clean without the bug is not asked here: `--mutate all`
/// does.
///
/// # Panics
/// If a mutation names no profile: a bug.
#[must_use]
pub fn hunt(mutation: Mutation, from: u64, seeds: u64) -> Option<Found> {
    let profile = Profile::named(mutation.profile()).expect("a mutation's profile is there");
    found_by(from, seeds, |seed| {
        run(Case { mutation: Some(mutation), ..Case::of(seed, profile) }).violation
    })
}
