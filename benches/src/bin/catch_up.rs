//! `catch-up`: what others' orders take while a session that was away fetches a million reports,
//! beside what they take without, in turns in one run.
#![forbid(unsafe_code)]

use anyhow::{Context, Result};
use clap::Parser;
use gavel_benches::figures::{Times, median};
use gavel_benches::node::{self, Node};
use gavel_benches::open_loop::OpenLoop;
use gavel_benches::orders::Flow;
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Measures orders with and without another session that catches up.
#[derive(Debug, Parser)]
#[command(name = "catch-up")]
struct Args {
    /// Where files go; a real filesystem with O_DIRECT. Default: a temporary folder in ./target.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Reports that the session missed.
    #[arg(long, default_value_t = 1_000_000)]
    reports: u64,
    /// Messages a second of the others.
    #[arg(long, default_value_t = 100_000)]
    rate: u32,
    /// How often both take turns.
    #[arg(long, default_value_t = 10)]
    rounds: usize,
    /// One line of JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// Room for all that is asked for again.
const CONFIG: &str = "[reports]\nstore_mib = 2048\n";
const FIRST_TURN: Duration = Duration::from_secs(1);
const WINDOW: usize = 16_384;
/// The session that was away.
const AWAY: u8 = 1;

fn main() -> ExitCode {
    if let Some(code) = node::as_node() {
        return code;
    }
    let args = Args::parse();
    match measure(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("catch-up: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn measure(args: &Args) -> Result<()> {
    let folder = node::folder(args.data.as_deref(), "catch-up-")?;
    let node = Node::start_with(folder.path(), CONFIG)?;
    let mut away = Flow::open(node.address, AWAY, WINDOW)?;
    away.pipelined(args.reports.next_multiple_of(2))?;
    drop(away);
    let mut flow = OpenLoop::new(Flow::open(node.address, 2, WINDOW)?, args.rate);
    flow.run_for(FIRST_TURN, |_| {})?;
    let (mut quiet, mut busy) = (Times::new(), Times::new());
    let (mut ratios, mut lengths) = (Vec::new(), Vec::new());
    let mut turn = FIRST_TURN;
    for round in 0..args.rounds {
        let mut without = Times::new();
        flow.run_for(turn, |ns| without.record(ns))?;
        let (with, took) = while_catching_up(node.address, args.reports, &mut flow)?;
        turn = took;
        lengths.push(took.as_secs_f64());
        ratios.push(with.us(99.0) / without.us(99.0));
        quiet.add(&without);
        busy.add(&with);
        eprintln!(
            "round {}/{}: caught up in {took:.2?}, others' p99 without {:.1} us, with {:.1} us",
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
                "reports": args.reports, "rate_per_s": args.rate, "rounds": args.rounds,
                "without_us": quiet.json(), "with_us": busy.json(), "p99_ratios": ratios,
                "p99_ratio_median": ratio, "catch_up_s_median": length,
            })
        );
    } else {
        println!("{}", Times::heading());
        println!("{}", quiet.row("others' order, nobody catches up"));
        println!("{}", busy.row("others' order, a session catches up"));
        println!(
            "{} reports in {length:.2} s (median) beside {} messages/s; p99 with / without: {ratio:.2} \
             (median of {} rounds), {:.2} over all",
            args.reports,
            args.rate,
            args.rounds,
            busy.us(99.0) / quiet.us(99.0)
        );
    }
    Ok(())
}

/// The others' orders, from the moment that the session connects until it has every report.
fn while_catching_up(
    address: SocketAddr,
    reports: u64,
    flow: &mut OpenLoop,
) -> Result<(Times, Duration)> {
    let is_done = AtomicBool::new(false);
    let mut times = Times::new();
    let took = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let took = fetch(address, reports);
            is_done.store(true, Ordering::Release);
            took
        });
        flow.run(|| !is_done.load(Ordering::Acquire), |ns| times.record(ns))?;
        reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))?.context("catching up")
    })?;
    Ok((times, took))
}

/// Establishes the session as a client without memory, and reads all of its reports.
fn fetch(address: SocketAddr, reports: u64) -> Result<Duration> {
    let began = Instant::now();
    let got = Flow::fetch_history(address, AWAY, reports)?;
    anyhow::ensure!(got >= reports, "{got} of {reports} reports came");
    Ok(began.elapsed())
}
