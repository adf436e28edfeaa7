//! `floor`: what a durable order costs, beside the least that it could cost on this machine, in one
//! interleaved run.
//!
//! The floor is the fastest durable 4 KiB write plus a TCP round trip on loopback. Then: orders one
//! at a time, a single client; where their time goes; and orders pipelined.
#![forbid(unsafe_code)]

use anyhow::{Context, Result};
use clap::Parser;
use gavel_benches::disk::Disk;
use gavel_benches::figures::Times;
use gavel_benches::network::Echo;
use gavel_benches::node::{self, Node};
use gavel_benches::orders::Flow;
use gavel_benches::stages;
use serde_json::json;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures durable orders beside their floor.
#[derive(Debug, Parser)]
#[command(name = "floor")]
struct Args {
    /// Where files go; a real filesystem with O_DIRECT. Default: a temporary folder in ./target.
    #[arg(long)]
    data: Option<PathBuf>,
    /// How often write, round trip and order take turns.
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// Samples of each in a round.
    #[arg(long, default_value_t = 200)]
    samples: usize,
    /// Messages of the pipelined run; 0 leaves it out.
    #[arg(long, default_value_t = 2_000_000)]
    pipelined: u64,
    /// Most of them in flight.
    #[arg(long, default_value_t = 4_096)]
    window: usize,
    /// Fail (status 1) if an order's p50 is more than so many times the floor's.
    #[arg(long)]
    within: Option<f64>,
    /// Fail (status 1) if fewer messages a second are acknowledged.
    #[arg(long)]
    at_least: Option<f64>,
    /// Options for the node, e.g. --node=--config=my.toml.
    #[arg(long)]
    node: Vec<OsString>,
    /// One line of JSON on standard output.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    if let Some(code) = node::as_node() {
        return code;
    }
    let args = Args::parse();
    match measure(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("floor: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// What one run found.
struct Found {
    write: Times,
    round_trip: Times,
    order: Times,
    stages: Vec<Times>,
    inside: Times,
    pipelined_per_s: Vec<f64>,
}

fn measure(args: &Args) -> Result<bool> {
    let directory = folder(args)?;
    let place = args.data.clone().unwrap_or_else(|| directory.path().into());
    let trace = place.join("trace.csv");
    let mut options = args.node.clone();
    options.extend([OsString::from("--trace"), trace.clone().into()]);

    let (mut write, mut round_trip, mut order) = (Times::new(), Times::new(), Times::new());
    let mut disk = Disk::new(&place)?;
    let mut echo = Echo::new()?;
    // The traced node is for the stages only: what is compared with the floor is a node as it
    // ships.
    let plain = Node::start(&place.join("plain"), &args.node)?;
    let mut flow = Flow::open(plain.address, 1, args.window)?;
    flow.one_at_a_time(args.samples, |_| {})?;
    for round in 0..args.rounds {
        for _ in 0..args.samples {
            write.record(disk.write()?);
        }
        echo.round_trips(args.samples, |ns| round_trip.record(ns))?;
        flow.one_at_a_time(args.samples, |ns| order.record(ns))?;
        eprint!("\rround {}/{}", round + 1, args.rounds);
    }
    eprintln!();
    let mut pipelined_per_s = Vec::new();
    if args.pipelined > 0 {
        // Even, so that every run begins with an order and ends with its cancel.
        let count = (args.pipelined / 4).next_multiple_of(2);
        for _ in 0..4 {
            let took = flow.pipelined(count)?;
            pipelined_per_s.push(count as f64 / took.as_secs_f64());
        }
    }
    drop(flow);
    plain.stop()?;
    let (stages, inside) = traced(args, &place, &options, &trace)?;
    let found = Found { write, round_trip, order, stages, inside, pipelined_per_s };
    print(args, &found)
}

fn folder(args: &Args) -> Result<tempfile::TempDir> {
    let parent = args.data.clone().unwrap_or_else(|| "target".into());
    std::fs::create_dir_all(&parent)?;
    tempfile::Builder::new().prefix("floor-").tempdir_in(parent).context("a temporary folder")
}

fn traced(
    args: &Args,
    place: &std::path::Path,
    options: &[OsString],
    trace: &std::path::Path,
) -> Result<(Vec<Times>, Times)> {
    let traced = Node::start(&place.join("traced"), options)?;
    let mut flow = Flow::open(traced.address, 2, args.window)?;
    flow.one_at_a_time(args.samples * 5, |_| {})?;
    drop(flow);
    traced.stop()?;
    stages::read(trace)
}

fn print(args: &Args, found: &Found) -> Result<bool> {
    let floor = found.write.us(50.0) + found.round_trip.us(50.0);
    let ratio = found.order.us(50.0) / floor;
    let mut rates = found.pipelined_per_s.clone();
    rates.sort_by(f64::total_cmp);
    let rate = rates.get(rates.len() / 2).copied();
    if args.json {
        let stages: serde_json::Map<_, _> = stages::STAGES
            .iter()
            .zip(&found.stages)
            .map(|(n, t)| ((*n).into(), t.json()))
            .collect();
        println!(
            "{}",
            json!({
                "write_us": found.write.json(), "round_trip_us": found.round_trip.json(),
                "order_us": found.order.json(), "floor_p50_us": floor, "ratio_p50": ratio,
                "stages_us": stages, "inside_node_us": found.inside.json(),
                "pipelined_per_s": found.pipelined_per_s,
            })
        );
    } else {
        println!("{}", Times::heading());
        println!("{}", found.write.row("durable 4 KiB write (pwritev2, RWF_DSYNC)"));
        println!("{}", found.round_trip.row("TCP round trip, loopback, spinning"));
        println!("{}", found.order.row("durable order, one at a time"));
        println!("floor (sum of p50) {floor:.1} us; an order's p50 is {ratio:.2} times that\n");
        println!("Where the time of an order goes, inside a traced node:");
        println!("{}", Times::heading());
        for (name, times) in stages::STAGES.iter().zip(&found.stages) {
            println!("{}", times.row(name));
        }
        println!("{}", found.inside.row("inside the node, whole"));
        println!("the rest of an order's time: the client, and two ways over loopback\n");
        if let Some(rate) = rate {
            println!(
                "pipelined, {} in flight: {rate:.0} durable acknowledged messages/s (median of {}: {})",
                args.window,
                rates.len(),
                rates.iter().map(|rate| format!("{rate:.0}")).collect::<Vec<_>>().join(" ")
            );
        }
    }
    let near = args.within.is_none_or(|most| ratio <= most);
    let fast = args.at_least.is_none_or(|least| rate.is_some_and(|rate| rate >= least));
    if !near {
        eprintln!("floor: an order's p50 is {ratio:.2} times the floor, more than asked for");
    }
    if !fast {
        eprintln!("floor: fewer messages a second than asked for");
    }
    Ok(near && fast)
}
