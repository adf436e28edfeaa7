//! What the core costs by itself: three nodes on one thread, in memory.
//!
//! Inputs -> outputs: none -> nanoseconds a round, and a record in batches.
//! Limits: no payload, no disk, no network: what is measured is the protocol's own work.
//! Not here: other libraries beside it.
#![forbid(unsafe_code)]

use gavel_raft::memory::Trio;
use std::time::Instant;

/// Rounds of one run, and runs.
const ROUNDS: u64 = 100_000;
const RUNS: usize = 15;

/// Median and least nanoseconds a round of so many entries.
fn measure(entries: u64) -> (f64, f64) {
    let mut trio = Trio::new();
    let mut runs: Vec<f64> = (0..RUNS)
        .map(|_| {
            // Heartbeats between runs, so that the leader's term goes on.
            trio.beat(15_000_000);
            let began = Instant::now();
            for _ in 0..ROUNDS {
                trio.round(entries);
            }
            began.elapsed().as_nanos() as f64 / ROUNDS as f64
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    (runs[RUNS / 2], runs[0])
}

fn main() {
    println!("three nodes, one thread, in memory; {RUNS} runs of {ROUNDS} rounds; median (least)");
    let (median, least) = measure(1);
    println!("unbatched round       {median:8.1} ns ({least:.1})");
    for entries in [16, 256] {
        let (median, least) = measure(entries);
        let count = entries as f64;
        println!(
            "record, batches of {entries:<3}{:8.2} ns ({:.2}); {median:.1} ns a batch",
            median / count,
            least / count
        );
    }
}
