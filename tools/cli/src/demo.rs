//! `gavel demo`: a trading day of a few seconds, with a death in the middle.
//!
//! Inputs -> outputs: a number of orders and a rate -> what clients saw: latency, the outage, and
//! whether anything was lost.
//! Invariants: open loop: messages are due at fixed times whether the node answers or not, and
//! latency counts from when a message was due.
//! Limits: memory for the messages of the run.
//! Not here: latency under a tuned host (benches); the harness that proves it.

use crate::load::{Findings, Fleet, REST};
use crate::outcome::Outcome;
use crate::pause::pause;
use crate::private_node::{PrivateNode, Setup};
use crate::{journal, progress};
use anyhow::{Context, Result};
use gavel_config::Settings;
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use serde::Serialize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Longest latency told from a longer one: an hour, for which nothing here waits (ns).
const LATENCY_MAX_NS: u64 = 3_600_000_000_000;

/// What `gavel demo` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// Messages to send.
    #[arg(long, default_value_t = 40_000, value_parser = clap::value_parser!(u64).range(100..))]
    pub orders: u64,
    /// Messages due in a second.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub rate: u64,
    /// Sessions that trade with each other.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub sessions: u8,
    /// Decides the flow.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Where the node's log goes; must be new. Without it a directory is made and removed.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The node's configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print one line of JSON.
    #[arg(long)]
    pub json: bool,
}

/// From when a message was due until its answer (us).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LatencyUs {
    /// Answers that were measured.
    pub count: u64,
    /// Half were faster.
    pub p50: f64,
    /// 99 of 100 were faster.
    pub p99: f64,
    /// 999 of 1,000 were faster.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

/// What a demonstration came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DemoReport {
    /// Messages that were answered.
    pub answered: u64,
    /// Orders that were accepted.
    pub accepted: u64,
    /// Trades.
    pub trades: u64,
    /// Reports received.
    pub reports: u64,
    /// Messages due in a second.
    pub rate: u64,
    /// Messages due before the kill, answered before it.
    pub before: LatencyUs,
    /// Messages due after the node had recovered.
    pub after: LatencyUs,
    /// Messages that the kill and the recovery delayed.
    pub delayed: LatencyUs,
    /// From the kill to the first answer to a message first sent after it (ms).
    pub outage_ms: f64,
    /// From the restart to the same (ms).
    pub recovery_ms: f64,
    /// Messages that were sent again.
    pub resent: u64,
    /// Acknowledged orders, or reports, that are missing.
    pub lost: u64,
    /// Answers or reports that came twice.
    pub duplicated: u64,
    /// Anything else that is wrong: contradictions, books and streams that differ.
    pub faults: u64,
    /// The node's own log, replayed after it had stopped.
    pub book_digest: String,
    /// An uninterrupted run of the same messages.
    pub expected_digest: String,
    /// sha256 over all reports received.
    pub reports_digest: String,
}

impl DemoReport {
    /// True if nothing was lost, repeated or changed.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.lost + self.duplicated + self.faults == 0 && self.book_digest == self.expected_digest
    }
}

/// Runs the verb.
///
/// # Errors
/// If node or sessions failed.
pub(crate) fn run(args: &DemoArgs) -> Result<Outcome> {
    let (report, faults) = demo(args, PrivateNode::start)?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print_story(&report);
    }
    for fault in faults {
        eprintln!("gavel: {fault}");
    }
    Ok(Outcome::agrees_if(report.agrees()))
}

fn print_story(report: &DemoReport) {
    let DemoReport { answered, accepted, trades, rate, .. } = report;
    println!("A node of our own, one process on real TCP, its log on a real disk.");
    println!();
    println!("  flow       {answered} messages at {rate} /s: {accepted} orders, {trades} trades");
    println!("  latency    from when a message was due to its answer, which is durable then:");
    for (when, latency) in
        [("before", &report.before), ("after", &report.after), ("delayed", &report.delayed)]
    {
        let LatencyUs { count, p50, p99, p999, max } = latency;
        println!(
            "    {when:<8} p50 {p50:>8.0} us   p99 {p99:>8.0} us   p99.9 {p999:>8.0} us   \
             max {max:>8.0} us   ({count})"
        );
    }
    println!();
    println!("In the middle the node was killed (SIGKILL) and started again.");
    println!();
    println!("  recovery   {:.0} ms from restart to the first new answer", report.recovery_ms);
    println!("  outage     {:.0} ms from kill to the same, as clients saw it", report.outage_ms);
    println!("  resent     {} messages that were on their way when it died", report.resent);
    println!();
    println!("Then everything was counted.");
    println!();
    println!("  reports    {}, in order, without a gap", report.reports);
    println!("  lost       {}", report.lost);
    println!("  duplicated {}", report.duplicated);
    println!("  wrong      {}", report.faults);
    println!("  reports    sha256 {}", report.reports_digest);
    println!("  book       {} in the node's log", report.book_digest);
    println!("             {} in a run that nobody interrupted", report.expected_digest);
    println!();
    let verdict =
        if report.agrees() { "Every order once, every report once." } else { "It does not agree." };
    println!("{verdict}");
}

/// Latencies, by what the death did to them.
struct Latencies {
    before: Histogram<u64>,
    after: Histogram<u64>,
    delayed: Histogram<u64>,
}

/// The death, once it has happened.
#[derive(Clone, Copy)]
struct Death {
    killed: Instant,
    restarted: Instant,
    /// First answer to a message first submitted after the kill.
    first_new: Option<Instant>,
}

struct Demo {
    node: PrivateNode,
    fleet: Fleet,
    latencies: Latencies,
    death: Option<Death>,
    /// A node that was restarted and has not been seen serving yet.
    is_returning: bool,
}

/// Runs a demonstration on the node that `start` gives.
///
/// # Errors
/// As for `gavel demo`.
pub fn demo(
    args: &DemoArgs,
    start: impl FnOnce(&Setup) -> Result<PrivateNode>,
) -> Result<(DemoReport, Vec<String>)> {
    let settings = journal::settings(args.config.as_deref())?;
    let bar = progress::bar(args.orders, "demo");
    bar.set_message("starting a node");
    let node = start(&Setup { data: args.data.clone(), config: args.config.clone() })?;
    let sessions = usize::from(args.sessions);
    let fleet = Fleet::new(&settings.plan, node.addr(), sessions, args.seed)?;
    let histogram = || {
        let histogram = Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3);
        histogram.context("a histogram of three digits")
    };
    let latencies = Latencies { before: histogram()?, after: histogram()?, delayed: histogram()? };
    let mut demo = Demo { node, fleet, latencies, death: None, is_returning: false };
    demo.fleet.establish()?;
    bar.set_message("trading");
    demo.trade(args, &bar)?;
    bar.set_message("settling");
    demo.settle()?;
    let (compared, different) = demo.fleet.compare_books()?;
    bar.set_message("replaying the log");
    let done = demo.finish(args, &settings, different);
    bar.finish_and_clear();
    debug_assert!(compared > 0, "there is a book to compare");
    done
}

impl Demo {
    fn trade(&mut self, args: &DemoArgs, bar: &ProgressBar) -> Result<()> {
        let interval = Duration::from_secs(1).div_f64(args.rate as f64);
        let began = Instant::now();
        let mut sent = 0;
        while sent < args.orders {
            let due = began + interval.mul_f64(sent as f64);
            if Instant::now() >= due && self.fleet.submit(due)? {
                sent += 1;
                if sent == args.orders / 2 {
                    bar.set_message("killing it");
                    self.die()?;
                }
                if !sent.is_multiple_of(64) {
                    continue;
                }
                bar.set_position(sent);
            }
            let events = self.poll()?;
            self.notice_return(bar)?;
            if events == 0 {
                pause(REST.min(interval));
            }
        }
        Ok(())
    }

    fn die(&mut self) -> Result<()> {
        self.fleet.flush();
        let killed = Instant::now();
        self.node.kill()?;
        let restarted = Instant::now();
        self.node.restart()?;
        self.death = Some(Death { killed, restarted, first_new: None });
        self.is_returning = true;
        Ok(())
    }

    fn notice_return(&mut self, bar: &ProgressBar) -> Result<()> {
        if self.is_returning && self.node.is_ready()? {
            self.is_returning = false;
            bar.set_message("trading again");
        }
        Ok(())
    }

    fn poll(&mut self) -> Result<usize> {
        let (latencies, death) = (&mut self.latencies, &mut self.death);
        self.fleet
            .poll(&mut |sent, now| latencies.record(death, sent.intended, sent.submitted, now))
    }

    fn settle(&mut self) -> Result<()> {
        self.node.wait_ready()?;
        let (latencies, death) = (&mut self.latencies, &mut self.death);
        self.fleet.settle(&mut |sent, now| {
            latencies.record(death, sent.intended, sent.submitted, now);
        })
    }

    fn finish(
        mut self,
        args: &DemoArgs,
        settings: &Settings,
        mut words: Vec<String>,
    ) -> Result<(DemoReport, Vec<String>)> {
        let resent = self.fleet.resent;
        let Findings { counts, faults, streams_bad, expected_digest, reports_digest } =
            self.fleet.finish(&settings.plan);
        self.node.stop()?;
        let log = journal::digest(self.node.data(), settings)?;
        let since = |from: fn(&Death) -> Instant| {
            let death = self.death.as_ref()?;
            Some(death.first_new?.duration_since(from(death)).as_secs_f64() * 1e3)
        };
        let missing = "no new message was answered after the kill";
        let report = DemoReport {
            answered: counts.answered,
            accepted: counts.accepted,
            trades: counts.trades,
            reports: counts.reports,
            rate: args.rate,
            before: show(&self.latencies.before),
            after: show(&self.latencies.after),
            delayed: show(&self.latencies.delayed),
            outage_ms: since(|death| death.killed).context(missing)?,
            recovery_ms: since(|death| death.restarted).context(missing)?,
            resent,
            lost: counts.missing + counts.gaps,
            duplicated: counts.duplicates,
            faults: counts.faults + streams_bad + words.len() as u64,
            book_digest: log.book_digest,
            expected_digest: journal::show(expected_digest),
            reports_digest,
        };
        words.extend(faults);
        Ok((report, words))
    }
}

impl Latencies {
    fn record(
        &mut self,
        death: &mut Option<Death>,
        intended: Instant,
        submitted: Instant,
        now: Instant,
    ) {
        let histogram = match death {
            None => &mut self.before,
            Some(death) => {
                if submitted > death.killed && death.first_new.is_none() {
                    death.first_new = Some(now);
                }
                let recovered = death.first_new.is_some_and(|first| intended > first);
                if recovered { &mut self.after } else { &mut self.delayed }
            }
        };
        histogram.saturating_record(now.duration_since(intended).as_nanos() as u64);
    }
}

fn show(histogram: &Histogram<u64>) -> LatencyUs {
    let us = |nanos: u64| nanos as f64 / 1e3;
    LatencyUs {
        count: histogram.len(),
        p50: us(histogram.value_at_quantile(0.5)),
        p99: us(histogram.value_at_quantile(0.99)),
        p999: us(histogram.value_at_quantile(0.999)),
        max: us(histogram.max()),
    }
}
