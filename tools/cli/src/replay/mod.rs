//! `gavel replay`: a recorded day through a real session.
//!
//! Inputs -> outputs: a script, a book file and a node -> a tally, a digest and an exit status.
//! Invariants: only what was received is judged; the result does not depend on the pipeline.
//! Limits: at most `pipeline` messages in flight.
//! Not here: judging (judge.rs), files (script.rs).

mod judge;
mod script;

pub use judge::Tally;

use crate::outcome::{self, Broken, Outcome};
use crate::private_node::{PrivateNode, Setup};
use crate::progress;
use crate::session;
use anyhow::{Context, Result, bail, ensure};
use gavel_client::{Application, Client, ClientConfig, Event};
use gavel_types::SymbolId;
use gavel_types::limits::MD_DEPTH_MAX;
use indicatif::ProgressBar;
use judge::Judge;
use script::{BookFile, Line, Script};
use serde::Serialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Longest time without any progress.
const PATIENCE: Duration = Duration::from_secs(120);

/// Lines between two looks at the clock and the bar.
const BAR_EVERY: u64 = 4_096;

/// What `gavel replay` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct ReplayArgs {
    /// The commands, plain or .zst.
    pub script: PathBuf,
    /// The exchange's own book after each event, plain or .zst.
    #[arg(long)]
    pub book: PathBuf,
    /// Levels a side of the book file, all of which are compared (1 to 64).
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=MD_DEPTH_MAX as i64))]
    pub levels: u8,
    /// A node that runs already, with an empty book; without it a private one is started.
    #[arg(long, value_name = "HOST:PORT")]
    pub connect: Option<String>,
    /// Most messages in flight.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub pipeline: u32,
    /// Nodes of the private cluster.
    #[arg(long, default_value_t = 1)]
    pub nodes: u32,
    /// When an order counts as acknowledged: local, held or quorum.
    #[arg(long, default_value = "local", value_name = "RULE")]
    pub ack: String,
    /// Kill the private node (SIGKILL) and start it again once so much of the script was sent; may
    /// be given more than once.
    #[arg(long, value_name = "PERCENT", conflicts_with = "connect", value_delimiter = ',',
          value_parser = clap::value_parser!(u8).range(0..=100))]
    pub kill_at: Vec<u8>,
    /// Print one line of JSON.
    #[arg(long)]
    pub json: bool,
    /// The instrument (SecurityID) that stands for the script's.
    #[arg(long, default_value_t = 1)]
    pub symbol: u32,
    /// Where the private node's log goes; must be new. Without it a directory is made and removed.
    #[arg(long, value_name = "DIR", conflicts_with = "connect")]
    pub data: Option<PathBuf>,
    /// The private node's configuration file.
    #[arg(long, value_name = "FILE", conflicts_with = "connect")]
    pub config: Option<PathBuf>,
}

/// What a replay came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReplayReport {
    /// N, X, M, R and C lines.
    pub orders: u64,
    /// X and M lines with exactly their fills.
    pub fills_ok: u64,
    /// X and M lines without, and every unexpected fill.
    pub fills_bad: u64,
    /// B lines with exactly their book.
    pub book_ok: u64,
    /// B lines without.
    pub book_bad: u64,
    /// R and C lines whose order the engine did not know.
    pub unknown_ids: u64,
    /// sha256 over the received fills in the order of the script.
    pub digest: String,
    /// From the first send to the last report (s).
    pub elapsed_s: f64,
    /// Orders in that time.
    pub orders_per_s: f64,
    /// Lines refused for any other reason.
    pub rejects: u64,
    /// Reports received.
    pub reports: u64,
    /// Reports that the engine had no more.
    pub reports_lost: u64,
    /// Most messages in flight.
    pub pipeline: u32,
    /// Times that the node was killed and started again.
    pub kills: u64,
    /// Messages that were sent again after a kill.
    pub resent: u64,
    /// Longest time from a kill to the next session (ms); 0 without kills.
    pub outage_ms_max: f64,
}

/// Runs the verb.
///
/// # Errors
/// If there was nothing to judge: files, node or session failed.
pub fn run(args: &ReplayArgs) -> Result<Outcome> {
    let (report, tally) = replay(args)?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print_table(&report);
    }
    for example in &tally.examples {
        eprintln!("gavel: {example}");
    }
    Ok(Outcome::agrees_if(tally.agrees()))
}

fn print_table(report: &ReplayReport) {
    let ReplayReport { fills_ok, fills_bad, book_ok, book_bad, .. } = report;
    println!(
        "orders    {} in {:.1} s, {:.0} /s",
        report.orders, report.elapsed_s, report.orders_per_s
    );
    println!("fills     {fills_ok} of {} as the exchange made them", fills_ok + fills_bad);
    println!("books     {book_ok} of {} as the exchange showed them", book_ok + book_bad);
    println!("unknown   {} orders, {} other rejects", report.unknown_ids, report.rejects);
    if report.kills > 0 {
        let (kills, resent, outage) = (report.kills, report.resent, report.outage_ms_max);
        println!("kills     {kills}, {resent} messages sent again, {outage:.0} ms outage at most");
    }
    println!("digest    {}", report.digest);
}

/// Replays, and says what it came to.
///
/// # Errors
/// As for [`run`].
pub fn replay(args: &ReplayArgs) -> Result<(ReplayReport, Tally)> {
    if args.nodes != 1 {
        bail!("{} nodes: clusters are not built yet; run with --nodes 1", args.nodes);
    }
    if args.ack != "local" {
        bail!("--ack {}: one node knows only the rule local", args.ack);
    }
    let total = Script::count(&args.script)?;
    let mut run = Run::new(args, total)?;
    run.establish()?;
    run.drive()?;
    Ok(run.report())
}

/// A replay under way.
struct Run<'a> {
    args: &'a ReplayArgs,
    node: Option<PrivateNode>,
    client: Client,
    judge: Judge,
    script: Script,
    book: BookFile,
    total: u64,
    /// Lines sent.
    sent: u64,
    /// Lines at which to kill, ascending.
    kills_due: Vec<u64>,
    outages: Outages,
    began: Instant,
    heard: Instant,
    bar: ProgressBar,
}

/// What the client saw of kills.
#[derive(Default)]
struct Outages {
    kills: u64,
    since: Option<Instant>,
    longest: Duration,
    resent: u64,
    rolled_back: bool,
}

impl<'a> Run<'a> {
    fn new(args: &'a ReplayArgs, total: u64) -> Result<Self> {
        let node = match &args.connect {
            Some(_) => None,
            None => {
                let setup = Setup { data: args.data.clone(), config: args.config.clone() };
                Some(PrivateNode::start(&setup)?)
            }
        };
        let addrs = match (&args.connect, &node) {
            (Some(text), _) => session::resolve(text)?,
            (None, Some(node)) => vec![node.addr()],
            (None, None) => unreachable!("without an address there is a private node"),
        };
        let mut kills_due: Vec<u64> =
            args.kill_at.iter().map(|percent| total * u64::from(*percent) / 100).collect();
        kills_due.sort_unstable_by(|a, b| b.cmp(a));
        let now = Instant::now();
        Ok(Self {
            args,
            node,
            client: Self::client(addrs, args.pipeline)?,
            judge: Judge::new(SymbolId(args.symbol)),
            script: Script::open(&args.script)?,
            book: BookFile::open(&args.book)?,
            total,
            sent: 0,
            kills_due,
            outages: Outages::default(),
            began: now,
            heard: now,
            bar: progress::bar(total, "replay"),
        })
    }

    fn client(addrs: Vec<SocketAddr>, pipeline: u32) -> Result<Client> {
        let first = *addrs.first().context("the node has no address")?;
        let config = ClientConfig {
            addrs,
            in_flight_max: pipeline as usize,
            ..ClientConfig::new(first, session::new_uuid())
        };
        Client::connect(config).context("no client can be made")
    }

    fn establish(&mut self) -> Result<()> {
        let established = self
            .client
            .poll_until(PATIENCE, &mut |_| {}, |client| client.is_established())
            .context("no session with the node")?;
        ensure!(established, "no session with the node within {PATIENCE:?}");
        Ok(())
    }

    fn drive(&mut self) -> Result<()> {
        self.began = Instant::now();
        self.heard = self.began;
        let mut fenced = false;
        while !fenced || self.judge.waiting() > 0 {
            self.kill_if_due()?;
            let mut submitted = 0;
            while self.client.room() > 0 && !fenced && !self.is_kill_due() {
                let message = match self.next_message()? {
                    Some(message) => message,
                    None => {
                        fenced = true;
                        self.judge.fence()
                    }
                };
                self.client.submit(&message).context("a message was not taken")?;
                submitted += 1;
            }
            let events = self.poll()?;
            if events == 0 && submitted == 0 {
                self.idle()?;
            }
        }
        self.judge.finish();
        self.bar.finish_and_clear();
        Ok(())
    }

    fn next_message(&mut self) -> Result<Option<Application>> {
        let Some(line) = self.script.next()? else { return Ok(None) };
        self.sent += 1;
        if self.sent.is_multiple_of(BAR_EVERY) {
            self.bar.set_position(self.sent);
        }
        Ok(Some(match line {
            Line::Book { row } => {
                let sides = self.book.row(row, usize::from(self.args.levels))?;
                self.judge.book(row, self.args.levels, sides)
            }
            line => self.judge.order(line),
        }))
    }

    fn poll(&mut self) -> Result<usize> {
        let (judge, outages) = (&mut self.judge, &mut self.outages);
        let events = self
            .client
            .poll(&mut |event| match event {
                Event::Report(report) => judge.on_report(&report),
                Event::HistoryLost { from, until } => judge.on_lost(until.0 - from.0),
                Event::Established(how) => {
                    outages.resent += how.resent;
                    if let Some(since) = outages.since.take() {
                        outages.longest = outages.longest.max(since.elapsed());
                    }
                }
                Event::RolledBack { .. } => outages.rolled_back = true,
                _ => {}
            })
            .map_err(outcome::judge)?;
        ensure!(!self.outages.rolled_back, Broken::RolledBack);
        Ok(events)
    }

    /// Nothing to send, nothing received.
    fn idle(&mut self) -> Result<()> {
        if let Some(node) = &mut self.node
            && let Some(status) = node.ended()?
        {
            bail!("the private node ended with {status}");
        }
        let reports = self.judge.tally().reports;
        self.client.wait(Duration::from_millis(50)).context("waiting for the node")?;
        if self.poll()? > 0 || self.judge.tally().reports > reports {
            self.heard = Instant::now();
        }
        ensure!(self.heard.elapsed() < PATIENCE, "nothing was received for {PATIENCE:?}");
        Ok(())
    }

    fn is_kill_due(&self) -> bool {
        self.kills_due.last().is_some_and(|at| self.sent >= *at)
    }

    /// Kills with whatever is in flight at that moment.
    fn kill_if_due(&mut self) -> Result<()> {
        while self.is_kill_due() {
            self.kills_due.pop();
            let Some(node) = &mut self.node else { return Ok(()) };
            self.client.flush();
            node.kill()?;
            self.outages.kills += 1;
            self.outages.since = Some(Instant::now());
            node.restart()?;
            node.wait_ready()?;
        }
        Ok(())
    }

    fn report(self) -> (ReplayReport, Tally) {
        let elapsed_s = self.began.elapsed().as_secs_f64();
        let tally = self.judge.tally().clone();
        let report = ReplayReport {
            orders: tally.orders,
            fills_ok: tally.fills_ok,
            fills_bad: tally.fills_bad,
            book_ok: tally.book_ok,
            book_bad: tally.book_bad,
            unknown_ids: tally.unknown_ids,
            digest: self.judge.digest(),
            elapsed_s,
            orders_per_s: tally.orders as f64 / elapsed_s.max(1e-9),
            rejects: tally.rejects,
            reports: tally.reports,
            reports_lost: tally.reports_lost,
            pipeline: self.args.pipeline,
            kills: self.outages.kills,
            resent: self.outages.resent,
            outage_ms_max: self.outages.longest.as_secs_f64() * 1e3,
        };
        debug_assert!(self.sent == self.total, "every line was sent");
        self.client.close();
        (report, tally)
    }
}
