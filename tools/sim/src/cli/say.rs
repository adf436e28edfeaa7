//! What runs come to, for a person and as one line of JSON.
//!
//! Inputs -> outputs: sums -> standard output.
//! Invariants: with `--json` one line, whatever was run.

use super::kind::{Bug, Kind};
use super::sweep::{Run, Sum};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Profiles, faults and mutations.
pub(super) fn list() {
    for (title, is_cluster) in [("one node", false), ("clusters", true)] {
        println!("profiles of {title}");
        for kind in Kind::all().into_iter().filter(|kind| kind.is_cluster() == is_cluster) {
            println!("  {:<19} {}", kind.name(), kind.about());
        }
    }
    println!("groups of profiles\n  all, node-all, cluster-all");
    let nodes: Vec<&str> = crate::Fault::ALL.iter().map(|fault| fault.name()).collect();
    let clusters: Vec<&str> = crate::cluster::Fault::ALL.iter().map(|fault| fault.name()).collect();
    println!("faults of one node\n  {}", nodes.join(", "));
    println!("faults of clusters\n  {}", clusters.join(", "));
    println!("mutations, and the kind of world in which each shows; `all` plants each of them");
    for bug in Bug::all() {
        println!("  {:<30} {}", bug.name(), bug.kind().name());
    }
}

/// A whole run.
pub(super) fn run(run: &Run) {
    let elapsed = run.began.elapsed();
    let mut all = Sum::default();
    run.sums.iter().for_each(|(_, sum)| all.join(sum));
    if run.cli.json {
        println!("{}", line(run, &all, elapsed));
        return;
    }
    table(run);
    faults(&all.faults);
    let seen = all.sights.0.iter().map(|(what, times)| format!("{what} {times}"));
    println!("seen: {}", seen.collect::<Vec<_>>().join(", "));
    if !all.recovered.is_empty() {
        let (middle_ms, greatest_ms) = recovered_ms(&all);
        println!("clusters recover: p50 {middle_ms:.1} ms, max {greatest_ms:.1} ms");
    }
    let (simulated_s, elapsed_s) = (all.simulated.as_secs_f64(), elapsed.as_secs_f64());
    println!(
        "{} seeds, {} violations; {:.1} hours simulated in {elapsed_s:.1} s: {:.1} hours a minute, \
         {:.0} times real time, {} worlds at one time",
        all.seeds,
        all.violations,
        simulated_s / 3_600.0,
        simulated_s / 60.0 / elapsed_s.max(1e-9),
        simulated_s / elapsed_s.max(1e-9),
        run.cli.threads()
    );
}

fn table(run: &Run) {
    println!(
        "{:<19} {:>6} {:>10} {:>10} {:>9} {:>11} {:>11}",
        "profile", "seeds", "violations", "commands", "faults", "events", "simulated s"
    );
    for (kind, sum) in run.sums.iter().filter(|(_, sum)| sum.seeds > 0) {
        println!(
            "{:<19} {:>6} {:>10} {:>10} {:>9} {:>11} {:>11.0}",
            kind.name(),
            sum.seeds,
            sum.violations,
            sum.commands,
            sum.faults.values().sum::<u64>(),
            sum.events,
            sum.simulated.as_secs_f64()
        );
    }
}

/// Those that happened, in four columns.
fn faults(faults: &BTreeMap<&'static str, u64>) {
    let happened: Vec<String> = faults
        .iter()
        .filter(|(_, times)| **times > 0)
        .map(|(kind, times)| format!("{kind:<16} {times:>8}"))
        .collect();
    println!("faults");
    happened.chunks(4).for_each(|row| println!("  {}", row.join("   ")));
}

/// Middle and greatest time to recover (ms).
fn recovered_ms(sum: &Sum) -> (f64, f64) {
    let mut sorted = sum.recovered.clone();
    sorted.sort_unstable();
    let ms = |ns: Option<&u64>| ns.map_or(0.0, |ns| *ns as f64 / 1e6);
    (ms(sorted.get(sorted.len() / 2)), ms(sorted.last()))
}

fn line(run: &Run, all: &Sum, elapsed: Duration) -> Value {
    let cli = &run.cli;
    let elapsed_s = elapsed.as_secs_f64();
    let simulated_s = all.simulated.as_secs_f64();
    let mut line = of(all);
    line["from"] = json!(if cli.regressions { None } else { Some(cli.from) });
    line["profile"] = json!(match &run.sums[..] {
        [(kind, _)] => kind.name(),
        _ => cli.profile.as_deref().unwrap_or("regressions"),
    });
    line["mutation"] = json!(cli.mutate);
    line["elapsed_s"] = json!(elapsed_s);
    line["simulated_hours_per_minute"] = json!(simulated_s / 60.0 / elapsed_s.max(1e-9));
    line["times_real_time"] = json!(simulated_s / elapsed_s.max(1e-9));
    line["jobs"] = json!(cli.threads());
    line["failure"] = run.failure.as_ref().map_or(Value::Null, super::failure::Failure::json);
    // Of several kinds of worlds the first is the one that was met first.
    line["first_violation_seed"] = line["failure"]["seed"].clone();
    if run.sums.len() > 1 {
        let profile = |(kind, sum): &(Kind, Sum)| {
            let mut line = of(sum);
            line["profile"] = json!(kind.name());
            line
        };
        line["profiles"] = run.sums.iter().map(profile).collect();
    }
    line
}

/// What every line has.
fn of(sum: &Sum) -> Value {
    let (middle_ms, greatest_ms) = recovered_ms(sum);
    json!({
        "seeds": sum.seeds,
        "violations": sum.violations,
        "first_violation_seed": sum.first,
        "simulated_s": sum.simulated.as_secs_f64(),
        "events": sum.events,
        "commands": sum.commands,
        "answers": sum.answers,
        "faults": sum.faults,
        "seen": sum.sights.0,
        "recovered_ms": { "p50": middle_ms, "max": greatest_ms, "count": sum.recovered.len() },
        "hash": format!("{:016x}", sum.hash),
    })
}
