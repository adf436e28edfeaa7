//! `gavel-sim`: runs seeds, and says what came of them.
//!
//! Inputs -> outputs: the command line -> one line (of JSON, if asked) on standard output, progress
//! and what a person needs on standard error; exit status 0 no violation, 1 a violation, 2 it could
//! not run.
//! Not here: worlds (the library).
#![forbid(unsafe_code)]

use clap::Parser;
use gavel_sim::check::Sights;
use gavel_sim::run::running;
use gavel_sim::run::sweep;
use gavel_sim::{
    Case, FailCall, Fault, FaultCounts, Mutation, PROFILES, Profile, cluster, hunt, run,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Seeds that a hunt for a planted bug takes, at most, unless told.
const HUNT_SEEDS: u64 = 100;

/// Runs whole nodes in virtual time, one seed after the other, and checks what must hold.
#[derive(Debug, Parser)]
#[command(name = "gavel-sim")]
struct Cli {
    /// How many seeds.
    #[arg(long, value_name = "N", default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, value_name = "K", default_value_t = 1)]
    from: u64,
    /// The kind of world; `--list` says which there are. Without it: storm, or the one in which the
    /// planted bug shows.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Plant a bug: then a violation is expected, and its absence is the failure. `all` plants one
    /// after the other, and prints how many seeds each took.
    #[arg(long, value_name = "NAME")]
    mutate: Option<String>,
    /// Fail the storage call of that number, as N:io or N:full.
    #[arg(long, value_name = "CALL", value_parser = fail_call)]
    fail_call: Option<FailCall>,
    /// Run every seed again for each of its storage calls, which fails, with each kind of fault.
    #[arg(long, conflicts_with_all = ["mutate", "fail_call"])]
    countdown: bool,
    /// Stop after so many minutes, also if seeds are left.
    #[arg(long, value_name = "M")]
    minutes: Option<u64>,
    /// One line of JSON on standard output.
    #[arg(long)]
    json: bool,
    /// Print profiles and mutations, and stop.
    #[arg(long)]
    list: bool,
}

fn fail_call(text: &str) -> Result<FailCall, String> {
    FailCall::parse(text).ok_or_else(|| "a call is N:io or N:full".to_owned())
}

impl Cli {
    fn of_clusters(&self) -> cluster::command::Options {
        cluster::command::Options {
            seeds: self.seeds,
            from: self.from,
            profile: self.profile.clone(),
            mutate: self.mutate.clone(),
            minutes: self.minutes,
            json: self.json,
        }
    }
}

fn main() -> ExitCode {
    if let Some(status) = gavel_sim::script::main(std::env::args_os()) {
        return status;
    }
    let cli = Cli::parse();
    std::panic::set_hook(Box::new(on_panic));
    if cli.list {
        list();
        cluster::command::list();
        return ExitCode::SUCCESS;
    }
    let of_clusters = cli.of_clusters();
    if of_clusters.are_for_clusters() {
        return cluster::command::main(&of_clusters);
    }
    let mutation = match cli.mutate.as_deref() {
        None => None,
        Some("all") => return table(&cli),
        Some(name) => match Mutation::named(name) {
            Some(mutation) => Some(mutation),
            None => {
                eprintln!("gavel-sim: no mutation is named {name}: try --list");
                return ExitCode::from(2);
            }
        },
    };
    let usual = mutation.map_or(PROFILES[0].name, Mutation::profile);
    let usual = if cli.countdown { "countdown" } else { usual };
    let name = cli.profile.as_deref().unwrap_or(usual);
    match Profile::named(name) {
        Some(profile) if cli.countdown => countdown(&cli, profile),
        Some(profile) => storm(&cli, profile, mutation),
        None => {
            eprintln!("gavel-sim: no profile is named {name}: try --list");
            ExitCode::from(2)
        }
    }
}

/// A failed assertion of the product: where builds do not unwind, the last that is heard of it.
fn on_panic(panic: &std::panic::PanicHookInfo<'_>) {
    if cfg!(panic = "unwind") {
        return;
    }
    eprintln!("{panic}");
    if let Some((case, step, timeline)) = running() {
        eprintln!("{timeline}\nseed {}, step {step}: an assertion failed", case.seed);
        eprintln!("again: {}", case.command());
    }
    if let Some(case) = cluster::running() {
        eprintln!("seed {}: an assertion failed\nagain: {}", case.seed, case.command());
    }
    std::process::exit(1);
}

fn list() {
    println!("profiles");
    for profile in PROFILES {
        println!("  {:<10} {}", profile.name, profile.about);
    }
    println!("mutations");
    for mutation in Mutation::ALL {
        println!("  {}", mutation.name());
    }
}

/// What all seeds together came to.
#[derive(Default)]
struct Sum {
    seeds: u64,
    violations: u64,
    first: Option<u64>,
    simulated: Duration,
    faults: FaultCounts,
    submitted: u64,
    sights: Sights,
}

fn storm(cli: &Cli, profile: &'static Profile, mutation: Option<Mutation>) -> ExitCode {
    let bar = progress(cli.seeds);
    let began = Instant::now();
    let limit = cli.minutes.map(|minutes| Duration::from_secs(60 * minutes));
    let mut sum = Sum::default();
    for seed in cli.from..cli.from.saturating_add(cli.seeds) {
        if limit.is_some_and(|limit| began.elapsed() >= limit) {
            break;
        }
        let outcome = run(Case { seed, profile, mutation, fails: cli.fail_call });
        sum.seeds += 1;
        sum.simulated += Duration::from_nanos(outcome.elapsed.0);
        sum.faults.add(&outcome.faults);
        sum.submitted += outcome.submitted;
        sum.sights.add(&outcome.sights);
        if outcome.violation.is_some() {
            sum.violations += 1;
            if sum.first.is_none() {
                sum.first = Some(seed);
                bar.suspend(|| eprintln!("{}", outcome.report()));
            }
            if mutation.is_some() {
                break;
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    say(cli, profile, &sum, began.elapsed());
    if sum.violations == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn say(cli: &Cli, profile: &Profile, sum: &Sum, elapsed: Duration) {
    let (simulated_s, elapsed_s) = (sum.simulated.as_secs_f64(), elapsed.as_secs_f64());
    let hours_per_minute = simulated_s / 60.0 / elapsed_s.max(1e-9);
    if cli.json {
        let count = |fault: Fault| (fault.name().to_owned(), json!(sum.faults.of(fault)));
        let faults: Map<String, Value> = Fault::ALL.into_iter().map(count).collect();
        let line = json!({
            "seeds": sum.seeds,
            "from": cli.from,
            "profile": profile.name,
            "mutation": cli.mutate,
            "violations": sum.violations,
            "first_violation_seed": sum.first,
            "simulated_s": simulated_s,
            "elapsed_s": elapsed_s,
            "simulated_hours_per_minute": hours_per_minute,
            "commands": sum.submitted,
            "faults": faults,
            "seen": sum.sights.0,
        });
        println!("{line}");
        return;
    }
    println!(
        "{} seeds, {} violations; {:.0} s simulated in {:.1} s ({:.1} hours a minute), {} messages, \
         {} faults",
        sum.seeds,
        sum.violations,
        simulated_s,
        elapsed_s,
        hours_per_minute,
        sum.submitted,
        sum.faults.total()
    );
}

/// Every storage call of every seed fails once, with each kind of fault.
fn countdown(cli: &Cli, profile: &'static Profile) -> ExitCode {
    let bar = progress(0);
    let began = Instant::now();
    let (mut calls, mut runs, mut violations) = (0, 0, 0);
    let (mut failed, mut sights) = (Sights::default(), Sights::default());
    for seed in cli.from..cli.from.saturating_add(cli.seeds) {
        bar.set_message(format!("seed {seed}"));
        let swept = sweep(seed, profile, &mut |call, of| {
            bar.set_length(of);
            bar.set_position(call);
        });
        calls += swept.calls;
        runs += swept.runs;
        failed.add(&swept.failed);
        sights.add(&swept.sights);
        if let (0, Some(first)) = (violations, swept.violations.first()) {
            bar.suspend(|| eprintln!("{}", first.report()));
        }
        violations += swept.violations.len();
    }
    bar.finish_and_clear();
    let elapsed_s = began.elapsed().as_secs_f64();
    if cli.json {
        let line = json!({
            "seeds": cli.seeds,
            "from": cli.from,
            "profile": profile.name,
            "calls": calls,
            "runs": runs,
            "violations": violations,
            "elapsed_s": elapsed_s,
            "failed": failed.0,
            "seen": sights.0,
        });
        println!("{line}");
    } else {
        println!("{runs} worlds, each of {calls} calls failed twice, {violations} violations");
        failed.0.iter().for_each(|(what, times)| println!("  {times:>6}  {what}"));
    }
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// Every planted bug: how many seeds until a checker found it, and which.
fn table(cli: &Cli) -> ExitCode {
    let bar = progress(Mutation::ALL.len() as u64);
    let began = Instant::now();
    let mut rows = Vec::new();
    for mutation in Mutation::ALL {
        bar.set_message(mutation.name());
        rows.push((mutation, hunt(mutation, cli.from, cli.seeds.min(HUNT_SEEDS))));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let missed = rows.iter().filter(|(_, found)| found.is_none()).count();
    if cli.json {
        let row = |(mutation, found): &(Mutation, Option<gavel_sim::run::Found>)| {
            json!({
                "mutation": mutation.name(),
                "seeds": found.as_ref().map(|found| found.seeds),
                "checker": found.as_ref().map(|found| found.checker),
            })
        };
        let rows: Vec<Value> = rows.iter().map(row).collect();
        let elapsed_s = began.elapsed().as_secs_f64();
        println!("{}", json!({ "missed": missed, "elapsed_s": elapsed_s, "mutations": rows }));
    } else {
        println!("{:<28} {:>5}  {:<10} said", "mutation", "seeds", "checker");
        for (mutation, found) in &rows {
            match found {
                Some(found) => println!(
                    "{:<28} {:>5}  {:<10} {}",
                    mutation.name(),
                    found.seeds,
                    found.checker,
                    found.what
                ),
                None => println!("{:<28} {:>5}", mutation.name(), "-"),
            }
        }
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// Drawn only on a terminal.
fn progress(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {elapsed} {eta} {msg}");
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
