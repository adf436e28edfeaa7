//! `book`: what an operation costs in the matching core alone, and what a workload comes to.
//!
//! One pinned thread applies a workload to a machine through the calls that the executor makes, in
//! blocks of records that were made before the clock started, and adds up its thread-CPU time:
//! first with a bare trade counter behind it, then with full reports written into a ring. Exit
//! status 1 if two runs, or a run and the textbook, do not agree.
#![forbid(unsafe_code)]

use anyhow::{Context, Result, ensure};
use clap::Parser;
use gavel_benches::figures::{Times, median};
use gavel_benches::matching::{
    self, BLOCK, Count, Ending, Expecting, How, Prepared, Ring, Run, clock_costs,
};
use gavel_benches::workload::Workload;
use gavel_contract::BookPlan;
use gavel_io::cpu::{self, Policy};
use gavel_io::hot_alloc::HotGuard;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// The node's: large arrays lie on huge pages, where there are any.
#[global_allocator]
static GUARD: HotGuard = HotGuard;

/// Measures pure matching.
#[derive(Debug, Parser)]
#[command(name = "book")]
struct Args {
    /// A workload (`book-workload` writes some).
    workload: PathBuf,
    /// Orders are named by the handle that the machine gave them, learned in an untimed run.
    #[arg(long)]
    handles: bool,
    /// How often the workload is run with each sink.
    #[arg(long, default_value_t = 5)]
    repeat: usize,
    /// One line of JSON on standard output.
    #[arg(long)]
    json: bool,
    /// Whether the machine is shown records before they are applied, as the executor does.
    #[arg(long, value_enum, default_value_t = Expecting::Always)]
    expect: Expecting,
    /// Every limit of risk is set, for the session and each account, and self-trade prevention is
    /// on; nothing is refused, so that what comes out is the same.
    #[arg(long)]
    checks: bool,
    /// So many records are shown at a time.
    #[arg(long, default_value_t = 32)]
    ahead: usize,
    /// Slots of the ring that reports go to, a power of two.
    #[arg(long, default_value_t = 4_096)]
    ring: usize,
    /// Order slots of the machine. Default: the power of two that the workload needs.
    #[arg(long)]
    orders_max: Option<u32>,
    /// One more run, each operation timed by itself: percentiles of wall time.
    #[arg(long)]
    single: bool,
    /// The CPU to run on. Default: the last that is allowed.
    #[arg(long)]
    cpu: Option<usize>,
    /// Run under SCHED_FIFO.
    #[arg(long)]
    fifo: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match measure(&args) {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(disagreement)) => {
            eprintln!("book: {disagreement}");
            ExitCode::from(1)
        }
        Err(error) => {
            eprintln!("book: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// What one call found.
struct Found {
    cpu: usize,
    orders_max: u32,
    timed: usize,
    live_max: usize,
    counted: Vec<Run>,
    reported: Vec<Run>,
    single: Option<Times>,
    /// Of a reading of the thread's CPU clock, and of the wall clock (ns).
    clock_ns: (f64, f64),
}

/// Prints what it found; a disagreement, if there is one, in words.
fn measure(args: &Args) -> Result<Option<String>> {
    ensure!(args.repeat > 0, "--repeat 0 measures nothing");
    ensure!(args.ahead > 0, "--ahead 0 shows nothing; --expect never is meant for that");
    let enough = args.ring.is_power_of_two() && args.ring >= 2 * gavel_types::limits::BURST;
    ensure!(enough, "--ring must be a power of two, at least {}", 2 * gavel_types::limits::BURST);
    let cpu = pin(args)?;
    eprintln!("book: reading {}", args.workload.display());
    let workload = Workload::load(&args.workload)?;
    let mut prepared = Prepared::new(&workload)?;
    drop(workload);
    let orders_max = args.orders_max.unwrap_or(prepared.orders_max());
    let plan = matching::plan(&prepared, orders_max, args.checks);
    if args.handles {
        eprintln!("book: learning handles");
        matching::learn_handles(&mut prepared, &plan);
    }
    let mut found = Found {
        cpu,
        orders_max,
        timed: prepared.timed(),
        live_max: prepared.live_max,
        counted: Vec::new(),
        reported: Vec::new(),
        single: None,
        clock_ns: clock_costs(),
    };
    let disagreement = runs(args, &prepared, &plan, &mut found)?;
    if args.json {
        println!("{}", as_json(args, &found));
    } else {
        print(args, &found);
    }
    Ok(disagreement)
}

fn pin(args: &Args) -> Result<usize> {
    let last = || cpu::allowed_cpus().last().copied().context("no CPU is allowed");
    let chosen = args.cpu.map_or_else(last, Ok)?;
    cpu::pin_current(chosen)?;
    if args.fifo {
        cpu::set_policy(Policy::Fifo(1))?;
    }
    Ok(chosen)
}

/// Runs the workload; the two sinks take turns, so that what disturbs the host disturbs both.
fn runs(
    args: &Args,
    prepared: &Prepared,
    plan: &BookPlan,
    found: &mut Found,
) -> Result<Option<String>> {
    let how = How {
        by_handle: args.handles,
        expecting: args.expect,
        ahead: args.ahead,
        checks: args.checks,
    };
    let each = |run: &Run| run.cpu_ns as f64 / prepared.timed() as f64;
    for round in 1..=args.repeat {
        let counted = matching::run(prepared, plan, how, Count::default())?;
        let reported = matching::run(prepared, plan, how, Ring::new(args.ring))?;
        let (count_ns, report_ns) = (each(&counted), each(&reported));
        eprintln!("book: run {round}/{}: {count_ns:.1} ns, {report_ns:.1} ns", args.repeat);
        found.counted.push(counted);
        found.reported.push(reported);
    }
    let mut endings: Vec<(String, Ending)> = Vec::new();
    for (name, runs) in [("counter", &found.counted), ("reports", &found.reported)] {
        let named = |(at, run): (usize, &Run)| (format!("run {} ({name})", at + 1), run.ending);
        endings.extend(runs.iter().enumerate().map(named));
    }
    if args.single {
        let (times, run) = matching::run_single(prepared, plan, how)?;
        found.single = Some(times);
        endings.push(("the run of single operations".to_owned(), run.ending));
    }
    Ok(disagreement(prepared.ending, &endings))
}

fn disagreement(textbook: Ending, endings: &[(String, Ending)]) -> Option<String> {
    let (_, first) = endings.first()?;
    if let Some((name, other)) = endings.iter().find(|(_, ending)| ending != first) {
        return Some(format!("run 1 and {name} DISAGREE:\n  {first}\n  {other}"));
    }
    let differs = *first != textbook;
    differs.then(|| {
        format!("all runs DISAGREE with the textbook:\n  runs      {first}\n  textbook  {textbook}")
    })
}

/// Per operation: the middle and the best of the runs, and each (ns).
fn per_operation(runs: &[Run], timed: usize) -> (f64, f64, Vec<f64>) {
    let each: Vec<f64> = runs.iter().map(|run| run.cpu_ns as f64 / timed as f64).collect();
    let best = each.iter().copied().fold(f64::INFINITY, f64::min);
    (median(&mut each.clone()), best, each)
}

fn as_json(args: &Args, found: &Found) -> Value {
    let (median_ns, best_ns, runs_ns) = per_operation(&found.counted, found.timed);
    let (median_reports_ns, best_reports_ns, runs_reports_ns) =
        per_operation(&found.reported, found.timed);
    let Ending { tally, bid, ask, live } = found.counted[0].ending;
    json!({
        "workload": args.workload, "ops": found.timed,
        "median_ns": median_ns, "best_ns": best_ns,
        "median_reports_ns": median_reports_ns, "best_reports_ns": best_reports_ns,
        "trades": tally.trades, "volume": tally.volume, "hash": format!("{:016x}", tally.hash),
        "bid": bid, "ask": ask,
        "live": live, "live_max": found.live_max, "reports": found.reported[0].reports,
        "runs_ns": runs_ns, "runs_reports_ns": runs_reports_ns,
        "handles": args.handles, "checks": args.checks,
        "expect": format!("{:?}", args.expect).to_lowercase(),
        "ahead": args.ahead, "block": BLOCK, "orders_max": found.orders_max,
        "cpu": found.cpu, "fifo": args.fifo,
        "clock_ns": found.clock_ns.0, "clock_in_each_op_ns": clock_in_each(found),
        "single_us": found.single.as_ref().map(Times::json), "single_clock_ns": found.clock_ns.1,
    })
}

/// What of the figures is the clock's own: an interval holds about one reading, and a block is one.
fn clock_in_each(found: &Found) -> f64 {
    found.clock_ns.0 / BLOCK as f64
}

fn print(args: &Args, found: &Found) {
    let named = if args.handles { "handle" } else { "ClOrdID" };
    println!(
        "{}: {} operations, at most {} live orders ({} slots); orders named by {named}; CPU {}{}",
        args.workload.display(),
        found.timed,
        found.live_max,
        found.orders_max,
        found.cpu,
        match (args.fifo, args.checks) {
            (false, false) => "",
            (true, false) => ", SCHED_FIFO",
            (false, true) => "; all checks",
            (true, true) => ", SCHED_FIFO; all checks",
        },
    );
    println!("{}", found.counted[0].ending);
    println!("\n{:<44} {:>9} {:>9}  (runs)", "ns of CPU time an operation", "median", "best");
    let sinks = [
        ("a bare counter of trades", &found.counted),
        ("full reports into a ring", &found.reported),
    ];
    for (what, runs) in sinks {
        let (median, best, each) = per_operation(runs, found.timed);
        let each: Vec<String> = each.iter().map(|ns| format!("{ns:.1}")).collect();
        println!("{what:<44} {median:>9.1} {best:>9.1}  ({})", each.join(" "));
    }
    println!(
        "in each of them {:.1} ns for the clock: a reading costs {:.0} ns, a block is {BLOCK} \
         operations",
        clock_in_each(found),
        found.clock_ns.0
    );
    if let Some(times) = &found.single {
        println!("\n{}", Times::heading());
        println!("{}", times.row("a single operation (wall time)"));
        println!("a reading of that clock costs {:.0} ns, about one in each", found.clock_ns.1);
    }
}
