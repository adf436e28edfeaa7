//! `modes`: which way of making blocks durable serves orders best on this machine, end to end.
//!
//! A fresh node for each mode, in turn, several times over: orders one at a time, then pipelined.
//! What `journal.mode = "auto"` stands for was chosen with this.
#![forbid(unsafe_code)]

use anyhow::{Context, Result};
use clap::Parser;
use gavel_benches::figures::Times;
use gavel_benches::node::{self, Node};
use gavel_benches::orders::Flow;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Compares the durable modes end to end.
#[derive(Debug, Parser)]
#[command(name = "modes")]
struct Args {
    /// Where files go; a real filesystem with O_DIRECT. Default: a temporary folder in ./target.
    #[arg(long)]
    data: Option<PathBuf>,
    /// How often the modes take turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Orders one at a time, in a turn.
    #[arg(long, default_value_t = 1_000)]
    samples: usize,
    /// Pipelined messages in a turn.
    #[arg(long, default_value_t = 300_000)]
    pipelined: u64,
    /// Most of them in flight.
    #[arg(long, default_value_t = 4_096)]
    window: usize,
    /// Lines for the [journal] section of every node, e.g. --journal 'blocks_in_flight_max = 1'.
    #[arg(long)]
    journal: Vec<String>,
    /// One line of JSON on standard output.
    #[arg(long)]
    json: bool,
}

const MODES: [&str; 3] = ["uring-dsync", "uring-fdatasync", "thread"];

struct Found {
    order: Times,
    per_s: Vec<f64>,
}

fn main() -> ExitCode {
    if let Some(code) = node::as_node() {
        return code;
    }
    match compare(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("modes: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn compare(args: &Args) -> Result<()> {
    let parent = args.data.clone().unwrap_or_else(|| "target".into());
    std::fs::create_dir_all(&parent)?;
    let folder = tempfile::Builder::new().prefix("modes-").tempdir_in(parent)?;
    let mut found: Vec<Found> =
        MODES.iter().map(|_| Found { order: Times::new(), per_s: Vec::new() }).collect();
    for round in 0..args.rounds {
        for (mode, found) in MODES.iter().zip(&mut found) {
            let place = folder.path().join(format!("{mode}-{round}"));
            turn(args, mode, &place, found).with_context(|| format!("mode {mode}"))?;
            std::fs::remove_dir_all(&place)?;
        }
        eprintln!("round {}/{}", round + 1, args.rounds);
    }
    for found in &mut found {
        found.per_s.sort_by(f64::total_cmp);
    }
    let median = |found: &Found| found.per_s.get(found.per_s.len() / 2).copied().unwrap_or(0.0);
    if args.json {
        let modes: serde_json::Map<_, _> = MODES
            .iter()
            .zip(&found)
            .map(|(mode, found)| {
                let of = json!({ "order_us": found.order.json(), "per_s": found.per_s });
                ((*mode).into(), of)
            })
            .collect();
        println!("{}", serde_json::Value::Object(modes));
        return Ok(());
    }
    println!("{}", Times::heading());
    for (mode, found) in MODES.iter().zip(&found) {
        println!("{}", found.order.row(&format!("durable order, one at a time, {mode}")));
    }
    for (mode, found) in MODES.iter().zip(&found) {
        println!(
            "{mode:<16} {:>9.0} durable acknowledged messages/s, {} in flight (median of {})",
            median(found),
            args.window,
            found.per_s.len()
        );
    }
    Ok(())
}

fn turn(args: &Args, mode: &str, place: &Path, found: &mut Found) -> Result<()> {
    std::fs::create_dir_all(place)?;
    let config = place.join("gavel.toml");
    let lines = args.journal.join("\n");
    std::fs::write(&config, format!("[journal]\nmode = \"{mode}\"\n{lines}\n"))?;
    let node = Node::start(place, &["--config".into(), config.into()])?;
    let mut flow = Flow::open(node.address, 1, args.window)?;
    flow.one_at_a_time(args.samples / 10 + 1, |_| {})?;
    flow.one_at_a_time(args.samples, |ns| found.order.record(ns))?;
    let count = args.pipelined.next_multiple_of(2);
    let took = flow.pipelined(count)?;
    found.per_s.push(count as f64 / took.as_secs_f64());
    drop(flow);
    node.stop()
}
