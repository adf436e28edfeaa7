//! `restart`: how soon a node serves again that has so many orders in its log and a snapshot behind
//! it, how fast it replays, and what a further GiB of memory costs a start.
//!
//! The log is written once, by a node that takes orders as fast as it can. Then nodes are started
//! on it again and again: as it is (snapshot and tail), without its snapshots (replay of all of it,
//! if the log is whole), and with more memory. What a node says of its stages is printed as it says
//! it.
#![forbid(unsafe_code)]

use anyhow::{Context, Result};
use clap::Parser;
use gavel_benches::figures::median;
use gavel_benches::node::{self, Node};
use gavel_benches::orders::Flow;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Measures restarts.
#[derive(Debug, Parser)]
#[command(name = "restart")]
struct Args {
    /// Where files go; a real filesystem with O_DIRECT. Default: a temporary folder in ./target.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Commands in the log.
    #[arg(long, default_value_t = 10_000_000)]
    commands: u64,
    /// Commands before the snapshot.
    #[arg(long, default_value_t = 9_000_000)]
    snapshot_at: u64,
    /// Orders among them that stay live.
    #[arg(long, default_value_t = 500_000)]
    live: u64,
    /// Restarts of each kind.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// GiB of retransmission memory in the runs with more memory; 0 leaves them out.
    #[arg(long, default_value_t = 2)]
    more_gib: u32,
    /// Fail (status 1) if the median restart takes longer (s).
    #[arg(long)]
    within: Option<f64>,
    /// One line of JSON on standard output.
    #[arg(long)]
    json: bool,
}

const WINDOW: usize = 16_384;
/// Snapshots only when asked for.
const CONFIG: &str = "[snapshots]\nevery_records = 1_000_000_000_000\n";

fn main() -> ExitCode {
    if let Some(code) = node::as_node() {
        return code;
    }
    let args = Args::parse();
    match measure(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("restart: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn measure(args: &Args) -> Result<bool> {
    let folder = node::folder(args.data.as_deref(), "restart-")?;
    let place = folder.path();
    write_log(args, place)?;
    let with_snapshot = restarts(args, place, CONFIG, "snapshot and tail")?;
    let more = if args.more_gib > 0 {
        let config = format!("{CONFIG}\n[retransmit]\npool_mib = {}\n", 64 + 1_024 * args.more_gib);
        Some(restarts(args, place, &config, "the same with more memory")?)
    } else {
        None
    };
    for entry in std::fs::read_dir(place.join("data"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "gvs") {
            std::fs::remove_file(&path)?;
        }
    }
    let whole = restarts(args, place, CONFIG, "replay of the whole log")?;
    print(args, with_snapshot, more, whole)
}

/// Restarts of one kind (s), and what the last node said of its stages.
struct Found {
    seconds: Vec<f64>,
    /// Of these, the stage that replays the log (ms).
    log_ms: Vec<f64>,
    said: String,
}

/// Millions a second.
fn rate(commands: u64, ms: f64) -> f64 {
    commands as f64 / ms / 1e3
}

/// What a node says of the stage that replays the log (ms).
fn log_ms(said: &str) -> Result<f64> {
    let before = said.split(" the log behind it").next();
    let number = before.and_then(|text| text.rsplit(' ').next());
    number.and_then(|digits| digits.parse().ok()).context("a node says how long its stages took")
}

/// A log with a snapshot in it.
fn write_log(args: &Args, place: &Path) -> Result<()> {
    let node = Node::start_with(place, CONFIG)?;
    let mut flow = Flow::open(node.address, 1, WINDOW)?;
    flow.rest_from_now_on(4_096);
    flow.pipelined(args.live)?;
    flow.cancel_from_now_on();
    flow.pipelined(args.snapshot_at.saturating_sub(args.live).next_multiple_of(2))?;
    node.ask_for_snapshot()?;
    let took = node.wait_for_snapshot(None)?;
    eprintln!("{} commands are in the log, and a snapshot ({took:.1?})", args.snapshot_at);
    let tail = args.commands.saturating_sub(args.snapshot_at).next_multiple_of(2);
    let took = flow.pipelined(tail)?;
    eprintln!("{tail} more: {:.0} a second", tail as f64 / took.as_secs_f64());
    drop(flow);
    node.stop()
}

fn restarts(args: &Args, place: &Path, config: &str, what: &str) -> Result<Found> {
    let mut found = Found { seconds: Vec::new(), log_ms: Vec::new(), said: String::new() };
    for round in 0..args.rounds {
        let (node, took) = Node::start_timed(place, config)?;
        found.said = node.said()?;
        found.log_ms.push(log_ms(&found.said)?);
        node.stop()?;
        found.seconds.push(took.as_secs_f64());
        eprintln!("{what}, round {}/{}: {took:.2?}", round + 1, args.rounds);
    }
    Ok(found)
}

fn print(args: &Args, first: Found, more: Option<Found>, whole: Found) -> Result<bool> {
    let Found { mut seconds, said, .. } = first;
    let mut stages = whole.log_ms;
    let serving = median(&mut seconds);
    let mut all = whole.seconds;
    let replayed = median(&mut all);
    let extra = more.map(|mut more| {
        let longer = median(&mut more.seconds) - serving;
        longer / f64::from(args.more_gib)
    });
    if args.json {
        let stages: Vec<Value> = said.lines().map(Value::from).collect();
        println!(
            "{}",
            json!({
                "commands": args.commands, "snapshot_at": args.snapshot_at, "live": args.live,
                "restart_s": seconds, "restart_s_median": serving, "said": stages,
                "whole_replay_s": all, "whole_replay_s_median": replayed,
                "whole_replay_log_ms": stages,
                "extra_s_per_gib": extra,
            })
        );
    } else {
        println!("{said}");
        println!(
            "from start to serving, {} commands in the log, snapshot at {}: {serving:.2} s (median \
             of {}: {})",
            args.commands,
            args.snapshot_at,
            args.rounds,
            list(&seconds)
        );
        println!("without a snapshot: {replayed:.2} s ({})\n{}", list(&all), whole.said);
        println!(
            "replay: {:.2} million commands a second (median; best {:.2}), of the stage that reads \
             the log",
            rate(args.commands, median(&mut stages)),
            rate(args.commands, stages[0])
        );
        if let Some(extra) = extra {
            println!("each further GiB of memory: {extra:.2} s");
        }
    }
    Ok(args.within.is_none_or(|most| serving <= most))
}

fn list(of: &[f64]) -> String {
    of.iter().map(|s| format!("{s:.2}")).collect::<Vec<_>>().join(" ")
}
