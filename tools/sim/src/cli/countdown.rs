//! Every storage call of every seed fails once, with each kind of fault.
//!
//! Inputs -> outputs: a profile -> a table, or one line of JSON; true if every rule held.

use super::Cli;
use super::sweep::progress;
use crate::Profile;
use crate::check::Sights;
use crate::run::sweep;
use serde_json::json;
use std::time::Instant;

pub(super) fn run(cli: &Cli, profile: &'static Profile) -> bool {
    let bar = progress(Some(0));
    let began = Instant::now();
    let (mut seeds, mut calls, mut runs, mut violations) = (0, 0, 0, 0);
    let (mut failed, mut sights) = (Sights::default(), Sights::default());
    for seed in cli.from..cli.from.saturating_add(cli.most()) {
        if cli.minutes.is_some_and(|limit| began.elapsed() >= limit) {
            break;
        }
        bar.set_message(format!("seed {seed}"));
        let swept = sweep(seed, profile, &mut |call, of| {
            bar.set_length(of);
            bar.set_position(call);
        });
        seeds += 1;
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
    if cli.json {
        let line = json!({
            "seeds": seeds,
            "from": cli.from,
            "profile": profile.name,
            "calls": calls,
            "runs": runs,
            "violations": violations,
            "elapsed_s": began.elapsed().as_secs_f64(),
            "failed": failed.0,
            "seen": sights.0,
        });
        println!("{line}");
    } else {
        println!("{runs} worlds, each of {calls} calls failed twice, {violations} violations");
        failed.0.iter().for_each(|(what, times)| println!("  {times:>6}  {what}"));
    }
    violations == 0
}
