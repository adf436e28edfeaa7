//! Clusters on the command line: `gavel-sim --profile cluster-...`.
//!
//! Inputs -> outputs: options -> lines (of JSON, if asked) on standard output, reports on standard
//! error; exit status 0 no violation, 1 a violation (or a planted bug that nobody found), 2 it
//! could not run.
//! Not here: the options' grammar (main.rs), worlds.

use super::{Case, Fault, FaultCounts, Mutation, Outcome, PROFILES, Profile, hunt, run};
use crate::check::Sights;
use crate::run::Found;
use serde_json::{Map, Value, json};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Names of cluster profiles begin so.
const PREFIX: &str = "cluster-";

/// All profiles, one after the other.
const ALL: &str = "cluster-all";

/// What to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many seeds.
    pub seeds: u64,
    /// The first.
    pub from: u64,
    /// The kind of weather.
    pub profile: Option<String>,
    /// The planted bug; `all` for a table of all of them.
    pub mutate: Option<String>,
    /// Stop after so many minutes.
    pub minutes: Option<u64>,
    /// One line of JSON.
    pub json: bool,
}

impl Options {
    /// True if they are about clusters.
    #[must_use]
    pub fn are_for_clusters(&self) -> bool {
        let profile = self.profile.as_deref();
        let mutation = self.mutate.as_deref().and_then(Mutation::named);
        profile.is_some_and(|name| name.starts_with(PREFIX))
            || (profile.is_none() && mutation.is_some())
    }
}

/// Profiles and mutations, for a person.
pub fn list() {
    println!("profiles of clusters");
    for profile in PROFILES {
        println!("  {:<19} {}", profile.name, profile.about);
    }
    println!("  {ALL:<19} each of them, one after the other");
    println!("mutations of clusters");
    for mutation in Mutation::all() {
        println!("  {}", mutation.name());
    }
}

/// Does it.
#[must_use]
pub fn main(options: &Options) -> ExitCode {
    let mutation = match options.mutate.as_deref() {
        Some("all") => return table(options),
        Some(name) => match Mutation::named(name) {
            Some(mutation) => Some(mutation),
            None => {
                eprintln!("gavel-sim: no mutation of clusters is named {name}: try --list");
                return ExitCode::from(2);
            }
        },
        None => None,
    };
    let usual = mutation.map_or(PROFILES[0].name, Mutation::profile);
    let name = options.profile.as_deref().unwrap_or(usual);
    let profiles: Vec<&'static Profile> = match (name, Profile::named(name)) {
        (ALL, _) => PROFILES.iter().collect(),
        (_, Some(profile)) => vec![profile],
        (_, None) => {
            eprintln!("gavel-sim: no profile of clusters is named {name}: try --list");
            return ExitCode::from(2);
        }
    };
    let mut violations = 0;
    for profile in profiles {
        let began = Instant::now();
        let sum = seeds(options, profile, mutation);
        say(options, profile, &sum, began.elapsed());
        violations += sum.violations;
    }
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// What all seeds together came to.
#[derive(Default)]
struct Sum {
    seeds: u64,
    violations: u64,
    first: Option<u64>,
    simulated: Duration,
    events: u64,
    commands: u64,
    answers: u64,
    faults: FaultCounts,
    sights: Sights,
    /// Of each seed (ns).
    recovered: Vec<u64>,
}

impl Sum {
    fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        self.simulated += Duration::from_nanos(outcome.elapsed_ns);
        self.events += outcome.events;
        self.commands += outcome.commands;
        self.answers += outcome.answers;
        self.faults.add(&outcome.faults);
        self.sights.add(&outcome.sights);
        self.recovered.extend(outcome.recovered_ns);
        if outcome.violation.is_some() {
            self.violations += 1;
            self.first.get_or_insert(outcome.case.seed);
        }
    }

    /// Middle and greatest time to recover (ms).
    fn recovered_ms(&self) -> (f64, f64) {
        let mut sorted = self.recovered.clone();
        sorted.sort_unstable();
        let ms = |ns: Option<&u64>| ns.map_or(0.0, |ns| *ns as f64 / 1e6);
        (ms(sorted.get(sorted.len() / 2)), ms(sorted.last()))
    }
}

fn seeds(options: &Options, profile: &'static Profile, mutation: Option<Mutation>) -> Sum {
    let began = Instant::now();
    let limit = options.minutes.map(|minutes| Duration::from_secs(60 * minutes));
    let mut sum = Sum::default();
    for seed in options.from..options.from.saturating_add(options.seeds) {
        if limit.is_some_and(|limit| began.elapsed() >= limit) {
            break;
        }
        let outcome = run(Case { seed, profile, mutation });
        if outcome.violation.is_some() && sum.first.is_none() {
            eprintln!("{}", outcome.report());
        }
        sum.add(&outcome);
        if mutation.is_some() && sum.first.is_some() {
            break;
        }
    }
    sum
}

fn say(options: &Options, profile: &Profile, sum: &Sum, elapsed: Duration) {
    let (simulated_s, elapsed_s) = (sum.simulated.as_secs_f64(), elapsed.as_secs_f64());
    let (middle_ms, greatest_ms) = sum.recovered_ms();
    let times_real = simulated_s / elapsed_s.max(1e-9);
    if options.json {
        let count = |fault: Fault| (fault.name().to_owned(), json!(sum.faults.of(fault)));
        let faults: Map<String, Value> = Fault::ALL.into_iter().map(count).collect();
        let line = json!({
            "seeds": sum.seeds,
            "from": options.from,
            "profile": profile.name,
            "mutation": options.mutate,
            "violations": sum.violations,
            "first_violation_seed": sum.first,
            "simulated_s": simulated_s,
            "elapsed_s": elapsed_s,
            "times_real_time": times_real,
            "events": sum.events,
            "commands": sum.commands,
            "answers": sum.answers,
            "faults": faults,
            "seen": sum.sights.0,
            "recovered_ms": { "p50": middle_ms, "max": greatest_ms, "count": sum.recovered.len() },
        });
        println!("{line}");
        return;
    }
    println!(
        "{}: {} seeds, {} violations; {simulated_s:.0} s simulated in {elapsed_s:.1} s \
         ({times_real:.0} times real time), {} events, {} commands, {} answers, {} faults",
        profile.name,
        sum.seeds,
        sum.violations,
        sum.events,
        sum.commands,
        sum.answers,
        sum.faults.total()
    );
    let count = |fault: &Fault| format!("{} {}", fault.name(), sum.faults.of(*fault));
    let happened = Fault::ALL.iter().filter(|fault| sum.faults.of(**fault) > 0);
    println!("  faults: {}", happened.map(count).collect::<Vec<_>>().join(", "));
    let seen = sum.sights.0.iter().map(|(what, times)| format!("{what} {times}"));
    println!("  seen: {}", seen.collect::<Vec<_>>().join(", "));
    println!("  time to recover: p50 {middle_ms:.1} ms, max {greatest_ms:.1} ms");
}

/// Seeds that a hunt for a planted bug takes, at most.
const HUNT_SEEDS: u64 = 50;

/// Every planted bug: how many seeds until a checker found it, and which.
fn table(options: &Options) -> ExitCode {
    let began = Instant::now();
    let seeds = options.seeds.min(HUNT_SEEDS);
    let mut rows: Vec<(Mutation, Option<Found>)> = Vec::new();
    if !options.json {
        println!("{:<30} {:<19} {:>5}  {:<12} said", "mutation", "profile", "seeds", "checker");
    }
    for mutation in Mutation::all() {
        let found = hunt(mutation, options.from, seeds);
        if !options.json {
            let (name, profile) = (mutation.name(), mutation.profile());
            match &found {
                Some(Found { seeds, checker, what }) => {
                    println!("{name:<30} {profile:<19} {seeds:>5}  {checker:<12} {what}");
                }
                None => println!("{name:<30} {profile:<19} {:>5}  not found in {seeds}", "-"),
            }
        }
        rows.push((mutation, found));
    }
    let missed = rows.iter().filter(|(_, found)| found.is_none()).count();
    let elapsed_s = began.elapsed().as_secs_f64();
    if options.json {
        let row = |(mutation, found): &(Mutation, Option<Found>)| {
            json!({
                "mutation": mutation.name(),
                "seeds": found.as_ref().map(|found| found.seeds),
                "checker": found.as_ref().map(|found| found.checker),
            })
        };
        let rows: Vec<Value> = rows.iter().map(row).collect();
        println!("{}", json!({ "missed": missed, "elapsed_s": elapsed_s, "mutations": rows }));
    } else {
        println!("{} planted, {missed} not found, {elapsed_s:.0} s", rows.len());
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
