//! What a round of consensus costs: Gavel's core beside crate `raft` and crate `openraft`.
//!
//! Inputs -> outputs: none -> a table: nanoseconds for a round of one entry, and for an entry in
//! batches of 256.
//! Invariants: three nodes, one process, one thread, no disk, no network; the three take turns run
//! by run, so that whatever else the machine does falls on all of them.
//! Limits: entries carry nothing. What each side is spared is spared to its advantage: no logger,
//! no serialisation, storage in memory that is ready at once.
//! Not here: whole nodes, durability, latency under load (the workspace's benches).
#![forbid(unsafe_code)]

mod open_raft;
mod ours;
mod raft_rs;

use std::time::{Duration, Instant};

/// Runs of each kind.
const RUNS: usize = 9;

/// Entries of a batch.
const BATCH: u64 = 256;

/// Three nodes of some library.
pub(crate) trait Trio {
    /// Its name, with its version.
    fn name(&self) -> &'static str;

    /// So many rounds, one after the other, each of so many entries: proposed, on all three nodes,
    /// committed.
    fn rounds(&mut self, rounds: u64, entries: u64);

    /// Between runs: whatever keeps its cluster alive and its memory bounded.
    fn rest(&mut self);

    /// Rounds of one entry in a run.
    fn rounds_a_run(&self) -> u64;
}

/// Nanoseconds a round, the median of all runs and the least.
struct Cost {
    median_ns: f64,
    least_ns: f64,
}

fn timed(trio: &mut dyn Trio, rounds: u64, entries: u64) -> Duration {
    trio.rest();
    trio.rounds(rounds / 10 + 1, entries);
    let began = Instant::now();
    trio.rounds(rounds, entries);
    began.elapsed()
}

/// All libraries take turns.
fn measure(trios: &mut [Box<dyn Trio>], entries: u64) -> Vec<Cost> {
    let mut runs: Vec<Vec<f64>> = trios.iter().map(|_| Vec::new()).collect();
    for _ in 0..RUNS {
        for (trio, runs) in trios.iter_mut().zip(&mut runs) {
            let rounds = (trio.rounds_a_run() / entries).max(20);
            let took = timed(trio.as_mut(), rounds, entries);
            runs.push(took.as_nanos() as f64 / rounds as f64);
        }
    }
    let cost = |mut runs: Vec<f64>| {
        runs.sort_by(f64::total_cmp);
        Cost { median_ns: runs[RUNS / 2], least_ns: runs[0] }
    };
    runs.into_iter().map(cost).collect()
}

fn main() {
    let mut trios: Vec<Box<dyn Trio>> = vec![
        Box::new(ours::Ours::new()),
        Box::new(raft_rs::Cluster::new()),
        Box::new(open_raft::Cluster::new()),
    ];
    let single = measure(&mut trios, 1);
    let batched = measure(&mut trios, BATCH);
    println!("three nodes, one thread, in memory; median of {RUNS} runs (least), nanoseconds");
    println!("{:<18} {:>22} {:>26}", "", "a round of one", "an entry in rounds of 256");
    for ((trio, single), batched) in trios.iter().zip(&single).zip(&batched) {
        println!(
            "{:<18} {:>11.1} ({:>8.1}) {:>15.2} ({:>8.2})",
            trio.name(),
            single.median_ns,
            single.least_ns,
            batched.median_ns / BATCH as f64,
            batched.least_ns / BATCH as f64,
        );
    }
    println!("beside ours, in this run:");
    for ((trio, one), many) in trios.iter().zip(&single).zip(&batched).skip(1) {
        println!(
            "{:<18} {:>10.1} times a round, {:.1} times an entry",
            trio.name(),
            one.median_ns / single[0].median_ns,
            many.median_ns / batched[0].median_ns,
        );
    }
}
