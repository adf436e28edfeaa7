//! `snapshot-cost`: what an order's latency is while a snapshot is written, beside what it is
//! without, in turns in one run.
//!
//! One session rests a million orders; another sends orders and their cancels at a fixed rate (open
//! loop). In every round that flow is measured for a while without a snapshot, then from the
//! request for one until it is there.
#![forbid(unsafe_code)]

use anyhow::{Context, Result};
use clap::Parser;
use gavel_benches::figures::{Times, median};
use gavel_benches::node::{self, Node};
use gavel_benches::open_loop::OpenLoop;
use gavel_benches::orders::Flow;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Measures orders with and without a snapshot being written.
#[derive(Debug, Parser)]
#[command(name = "snapshot-cost")]
struct Args {
    /// Where files go; a real filesystem with O_DIRECT. Default: a temporary folder in ./target.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Orders that rest in the book.
    #[arg(long, default_value_t = 1_000_000)]
    orders: u64,
    /// Messages a second of the flow that is measured.
    #[arg(long, default_value_t = 20_000)]
    rate: u32,
    /// How often both take turns.
    #[arg(long, default_value_t = 10)]
    rounds: usize,
    /// One line of JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// Snapshots only when asked for.
const CONFIG: &str = "[snapshots]\nevery_records = 1_000_000_000_000\n";
/// Length of the first quiet turn; later ones are as long as the last snapshot took.
const FIRST_TURN: Duration = Duration::from_secs(1);
const WINDOW: usize = 8_192;

fn main() -> ExitCode {
    if let Some(code) = node::as_node() {
        return code;
    }
    let args = Args::parse();
    match measure(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("snapshot-cost: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn measure(args: &Args) -> Result<()> {
    let folder = node::folder(args.data.as_deref(), "snapshot-cost-")?;
    let node = Node::start_with(folder.path(), CONFIG)?;
    let mut resting = Flow::open(node.address, 1, WINDOW)?;
    resting.rest_from_now_on(4_096);
    let took = resting.pipelined(args.orders)?;
    drop(resting);
    eprintln!("{} orders rest after {took:.1?}", args.orders);
    node.ask_for_snapshot()?;
    let took = node.wait_for_snapshot(None)?;
    eprintln!("the first snapshot, with the way to it, took {took:.1?}");

    let mut flow = OpenLoop::new(Flow::open(node.address, 2, WINDOW)?, args.rate);
    let (mut quiet, mut busy) = (Times::new(), Times::new());
    let (mut ratios, mut lengths) = (Vec::new(), Vec::new());
    let mut turn = FIRST_TURN;
    flow.run_for(turn, |_| {})?;
    for round in 0..args.rounds {
        let mut without = Times::new();
        flow.run_for(turn, |ns| without.record(ns))?;
        let (with, took) = with_snapshot(&node, &mut flow)?;
        turn = took;
        lengths.push(took.as_secs_f64());
        ratios.push(with.us(99.0) / without.us(99.0));
        quiet.add(&without);
        busy.add(&with);
        eprintln!(
            "round {}/{}: snapshot {took:.2?}, p99 without {:.1} us, with {:.1} us",
            round + 1,
            args.rounds,
            without.us(99.0),
            with.us(99.0)
        );
    }
    node.stop()?;
    let (ratio, length) = (median(&mut ratios), median(&mut lengths));
    if args.json {
        println!(
            "{}",
            json!({
                "orders": args.orders, "rate_per_s": args.rate, "rounds": args.rounds,
                "without_us": quiet.json(), "with_us": busy.json(),
                "p99_ratios": ratios, "p99_ratio_median": ratio, "snapshot_s_median": length,
            })
        );
    } else {
        println!("{}", Times::heading());
        println!("{}", quiet.row("order, no snapshot"));
        println!("{}", busy.row("order, while a snapshot is written"));
        println!(
            "{} orders, {} messages/s; a snapshot took {length:.2} s (median); p99 with / without: \
             {ratio:.2} (median of {} rounds), {:.2} over all",
            args.orders,
            args.rate,
            args.rounds,
            busy.us(99.0) / quiet.us(99.0)
        );
    }
    Ok(())
}

/// Orders from the request for a snapshot until it is there.
fn with_snapshot(node: &Node, flow: &mut OpenLoop) -> Result<(Times, Duration)> {
    let before = node.newest_snapshot()?;
    let is_there = AtomicBool::new(false);
    let mut times = Times::new();
    let took = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let took =
                node.ask_for_snapshot().and_then(|()| node.wait_for_snapshot(before.as_ref()));
            is_there.store(true, Ordering::Release);
            took
        });
        flow.run(|| !is_there.load(Ordering::Acquire), |ns| times.record(ns))?;
        waiter.join().map_err(|_| anyhow::anyhow!("the waiter panicked"))?.context("a snapshot")
    })?;
    Ok((times, took))
}
