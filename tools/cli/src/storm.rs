//! `gavel storm`: kill -9 at random moments, under load, again and again, while the log rotates and
//! snapshots are written.
//!
//! Inputs -> outputs: a number of kills and a seed -> whether everything that was acknowledged
//! stands.
//! Invariants checked: after each restart every session settles, no acknowledged order is missing
//! and none came twice (the books equal what the sessions' reports add up to), the report streams
//! have no gap; at the end the reports and the book digest of the node's own log equal those of an
//! uninterrupted run of the same messages.
//! Limits: memory for the messages of the run; segments and snapshots are counted from what lies in
//! the directory after each kill, so those that come and go in between are not.
//! Not here: what a crash of the host loses; SIGKILL leaves the system's caches alone.

use crate::load::{Findings, Fleet, REST, Random};
use crate::outcome::Outcome;
use crate::pause::pause;
use crate::private_node::{PrivateNode, Setup};
use crate::{journal, progress};
use anyhow::{Context, Result};
use gavel_config::Settings;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Most messages submitted between two polls.
const BATCH_MAX: u64 = 64;

/// How long the node may take until it gives up the log's head.
const HEAD_WITHIN: Duration = Duration::from_secs(120);

/// What `gavel storm` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct StormArgs {
    /// Times that the node is killed.
    #[arg(long, default_value_t = 20)]
    pub kills: u64,
    /// Decides flow and moments.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Sessions that trade with each other.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub sessions: u8,
    /// Longest time between two kills (ms).
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(1..))]
    pub spell_ms: u64,
    /// Where the node's log goes; must be new. Without it a directory is made and removed.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The node's configuration file. Without it: segments of 1 MiB, and many snapshots.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Records between two snapshots.
    #[arg(long, default_value_t = 1_500, value_parser = clap::value_parser!(u64).range(1..))]
    #[arg(conflicts_with = "config")]
    pub snapshot_every: u64,
    /// Kill only once the log's head was given up behind snapshots; fail (status 1) unless the log
    /// went on in other segments, snapshots were written, and recoveries began with one.
    #[arg(long)]
    pub over_snapshots: bool,
    /// Print one line of JSON.
    #[arg(long)]
    pub json: bool,
}

/// What a storm came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StormReport {
    /// Times that the node was killed.
    pub kills: u64,
    /// Of these, while it was recovering.
    pub kills_in_recovery: u64,
    /// Times that the log went on in another segment.
    pub rotations: u64,
    /// Snapshots that were found.
    pub snapshots: u64,
    /// Recoveries that began with a snapshot: the log's head was gone.
    pub recoveries_from_snapshot: u64,
    /// The seed.
    pub seed: u64,
    /// Messages that were answered.
    pub answered: u64,
    /// Orders that were accepted.
    pub accepted: u64,
    /// Trades.
    pub trades: u64,
    /// Reports received.
    pub reports: u64,
    /// Messages that were sent again after a kill.
    pub resent: u64,
    /// Acknowledged orders that the engine did not know.
    pub missing: u64,
    /// Reports or answers that came twice.
    pub duplicated: u64,
    /// Gaps in the report streams.
    pub gaps: u64,
    /// Anything else that contradicts what was received before.
    pub faults: u64,
    /// Books compared with what the sessions' reports add up to.
    pub books_compared: u64,
    /// Of these, different.
    pub books_different: u64,
    /// Sessions whose reports are not those of an uninterrupted run.
    pub streams_different: u64,
    /// The node's own log, replayed.
    pub book_digest: String,
    /// The uninterrupted run.
    pub expected_digest: String,
    /// From a kill until all sessions had settled (ms): the median.
    pub settled_ms_p50: f64,
    /// The longest.
    pub settled_ms_max: f64,
    /// Duration (s).
    pub elapsed_s: f64,
}

impl StormReport {
    /// True if everything that was acknowledged stands, once.
    #[must_use]
    pub fn agrees(&self) -> bool {
        let bad = self.missing + self.duplicated + self.gaps + self.faults;
        bad + self.books_different + self.streams_different == 0
            && self.book_digest == self.expected_digest
    }

    /// True if it went over rotations and snapshots.
    #[must_use]
    pub fn is_over_snapshots(&self) -> bool {
        self.rotations > 0 && self.snapshots > 0 && self.recoveries_from_snapshot > 0
    }
}

/// Runs the verb.
///
/// # Errors
/// If node or sessions failed, so that there is nothing to judge.
pub(crate) fn run(args: &StormArgs) -> Result<Outcome> {
    let (report, faults) = storm(args, PrivateNode::start)?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print_table(&report);
    }
    for fault in faults {
        eprintln!("gavel: {fault}");
    }
    let met = !args.over_snapshots || report.is_over_snapshots();
    if !met {
        eprintln!("gavel: the storm met no rotation, no snapshot, or no start from one");
    }
    Ok(Outcome::agrees_if(report.agrees() && met))
}

fn print_table(report: &StormReport) {
    let StormReport { kills, kills_in_recovery, accepted, trades, .. } = report;
    println!("kills      {kills}, {kills_in_recovery} of them while it was recovering");
    let (rotations, snapshots) = (report.rotations, report.snapshots);
    let recoveries = report.recoveries_from_snapshot;
    println!(
        "log        {rotations} rotations, {snapshots} snapshots, {recoveries} recoveries from one"
    );
    println!(
        "flow       {} messages answered, {accepted} orders, {trades} trades",
        report.answered
    );
    println!("resent     {} messages; {} reports received", report.resent, report.reports);
    let (missing, duplicated, gaps) = (report.missing, report.duplicated, report.gaps);
    println!("missing    {missing}");
    println!("duplicated {duplicated}");
    println!("gaps       {gaps}, other contradictions {}", report.faults);
    println!("books      {} compared, {} different", report.books_compared, report.books_different);
    println!("streams    {} differ from an uninterrupted run", report.streams_different);
    println!("digest     {} node, {} uninterrupted", report.book_digest, report.expected_digest);
    let (p50, max) = (report.settled_ms_p50, report.settled_ms_max);
    println!("settled    {p50:.0} ms after a kill (median), {max:.0} ms at most");
    println!("verdict    {}", if report.agrees() { "everything stands" } else { "BROKEN" });
}

/// What lies in the node's directory.
#[derive(Debug, Default)]
struct Traces {
    first_segment: u64,
    last_segment: u64,
    snapshots: BTreeSet<u64>,
}

impl Traces {
    /// Looks, and adds to what was seen before.
    fn look(&mut self, data: &Path) -> Result<()> {
        let mut segments = BTreeSet::new();
        for entry in std::fs::read_dir(data).context("the node's directory cannot be listed")? {
            let name = entry.context("the node's directory cannot be listed")?.file_name();
            let name = name.to_string_lossy();
            segments.extend(number(&name, "wal-", ".seg"));
            self.snapshots.extend(number(&name, "snap-", ".gvs"));
        }
        self.first_segment = segments.first().copied().unwrap_or(0);
        self.last_segment = self.last_segment.max(segments.last().copied().unwrap_or(0));
        Ok(())
    }

    /// One segment is being written, and one is ready behind it.
    fn rotations(&self) -> u64 {
        self.last_segment.saturating_sub(2)
    }
}

/// The number in a file's name.
fn number(name: &str, prefix: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
    u64::from_str_radix(digits, 16).ok()
}

/// A configuration under which much happens between two kills.
fn busy_configuration(args: &StormArgs) -> Result<(Option<PathBuf>, Option<tempfile::TempDir>)> {
    if args.config.is_some() {
        return Ok((args.config.clone(), None));
    }
    let scratch = tempfile::tempdir().context("no temporary directory can be made")?;
    let path = scratch.path().join("storm.toml");
    let every = args.snapshot_every;
    let text = format!("[journal]\nsegment_mib = 1\n\n[snapshots]\nevery_records = {every}\n");
    std::fs::write(&path, text).context("the configuration cannot be written")?;
    Ok((Some(path), Some(scratch)))
}

struct Storm {
    node: PrivateNode,
    fleet: Fleet,
    random: Random,
    kills: u64,
    kills_in_recovery: u64,
    recoveries_from_snapshot: u64,
    traces: Traces,
    books_compared: u64,
    different: Vec<String>,
    settled_ms: Vec<f64>,
}

/// Runs a storm on the node that `start` gives.
///
/// # Errors
/// As for `gavel storm`.
pub fn storm(
    args: &StormArgs,
    start: impl FnOnce(&Setup) -> Result<PrivateNode>,
) -> Result<(StormReport, Vec<String>)> {
    let (config, _scratch) = busy_configuration(args)?;
    let settings = journal::settings(config.as_deref())?;
    let began = Instant::now();
    let node = start(&Setup { data: args.data.clone(), config })?;
    let sessions = usize::from(args.sessions);
    let fleet = Fleet::new(&settings.plan, node.addr(), sessions, args.seed)?;
    let mut storm = Storm {
        node,
        fleet,
        random: Random::new(!args.seed),
        kills: 0,
        kills_in_recovery: 0,
        recoveries_from_snapshot: 0,
        traces: Traces::default(),
        books_compared: 0,
        different: Vec::new(),
        settled_ms: Vec::new(),
    };
    let bar = progress::bar(args.kills, "storm");
    storm.fleet.establish()?;
    if args.over_snapshots {
        storm.until_the_head_is_given_up(args.spell_ms)?;
    }
    while storm.kills < args.kills {
        storm.spell(args.spell_ms)?;
        storm.lull(args.spell_ms)?;
        storm.strike(args.kills)?;
        storm.look()?;
        bar.set_position(storm.kills);
    }
    bar.finish_and_clear();
    storm.finish(args, &settings, began)
}

impl Storm {
    /// Load for a random while.
    fn spell(&mut self, spell_ms: u64) -> Result<()> {
        let until = Instant::now() + Duration::from_micros(self.random.below(spell_ms * 1_000));
        loop {
            for _ in 0..self.random.below(BATCH_MAX) {
                if !self.fleet.submit(Instant::now())? {
                    break;
                }
            }
            if Instant::now() >= until {
                return Ok(());
            }
            if self.fleet.poll(&mut |_, _| {})? == 0 {
                pause(REST);
            }
        }
    }

    /// Load and lulls, until the log's head is gone: every start from here on needs a snapshot.
    fn until_the_head_is_given_up(&mut self, spell_ms: u64) -> Result<()> {
        let began = Instant::now();
        while self.traces.first_segment <= 1 {
            anyhow::ensure!(
                began.elapsed() < HEAD_WITHIN,
                "the log's head was not given up within {HEAD_WITHIN:?}: are there snapshots?"
            );
            self.spell(spell_ms)?;
            self.lull(spell_ms)?;
            self.traces.look(self.node.data())?;
        }
        Ok(())
    }

    /// Half of the time nobody submits anything for a while, so that whoever writes snapshots, and
    /// has the CPU last, comes to it.
    fn lull(&mut self, spell_ms: u64) -> Result<()> {
        if self.random.percent(50) {
            return Ok(());
        }
        let until = Instant::now() + Duration::from_micros(self.random.below(2_000 * spell_ms));
        while Instant::now() < until {
            if self.fleet.poll(&mut |_, _| {})? == 0 {
                pause(REST);
            }
        }
        Ok(())
    }

    /// Kills, perhaps again while the node recovers, and waits until all that was sent is answered.
    fn strike(&mut self, kills_max: u64) -> Result<()> {
        // In half of the cases what was submitted last is on its way.
        if self.random.percent(50) {
            self.fleet.flush();
        }
        let struck = Instant::now();
        self.node.kill()?;
        self.traces.look(self.node.data())?;
        self.kills += 1;
        self.node.restart()?;
        while self.kills < kills_max && self.random.percent(25) {
            pause(Duration::from_micros(self.random.below(60_000)));
            self.node.kill()?;
            self.kills += 1;
            self.kills_in_recovery += 1;
            self.node.restart()?;
        }
        self.node.wait_ready()?;
        self.recoveries_from_snapshot += u64::from(self.traces.first_segment > 1);
        self.fleet.settle(&mut |_, _| {})?;
        self.settled_ms.push(struck.elapsed().as_secs_f64() * 1e3);
        Ok(())
    }

    fn look(&mut self) -> Result<()> {
        let (compared, different) = self.fleet.compare_books()?;
        self.books_compared += compared;
        self.different.extend(different);
        Ok(())
    }

    fn finish(
        mut self,
        args: &StormArgs,
        settings: &Settings,
        began: Instant,
    ) -> Result<(StormReport, Vec<String>)> {
        self.fleet.settle(&mut |_, _| {})?;
        let resent = self.fleet.resent;
        let Findings { counts, faults, streams_bad, expected_digest, .. } =
            self.fleet.finish(&settings.plan);
        self.node.stop()?;
        self.traces.look(self.node.data())?;
        let log = journal::digest(self.node.data(), settings)?;
        self.settled_ms.sort_by(f64::total_cmp);
        let report = StormReport {
            kills: self.kills,
            kills_in_recovery: self.kills_in_recovery,
            rotations: self.traces.rotations(),
            snapshots: self.traces.snapshots.len() as u64,
            recoveries_from_snapshot: self.recoveries_from_snapshot,
            seed: args.seed,
            answered: counts.answered,
            accepted: counts.accepted,
            trades: counts.trades,
            reports: counts.reports,
            resent,
            missing: counts.missing,
            duplicated: counts.duplicates,
            gaps: counts.gaps,
            faults: counts.faults,
            books_compared: self.books_compared,
            books_different: self.different.len() as u64,
            streams_different: streams_bad,
            book_digest: log.book_digest,
            expected_digest: journal::show(expected_digest),
            settled_ms_p50: self.settled_ms.get(self.settled_ms.len() / 2).copied().unwrap_or(0.0),
            settled_ms_max: self.settled_ms.last().copied().unwrap_or(0.0),
            elapsed_s: began.elapsed().as_secs_f64(),
        };
        self.different.extend(faults);
        Ok((report, self.different))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_tells_rotations_and_snapshots() {
        let dir = tempfile::tempdir().unwrap();
        let mut traces = Traces::default();
        traces.look(dir.path()).unwrap();
        assert_eq!((traces.first_segment, traces.rotations()), (0, 0));
        for name in ["wal-000000000000000b.seg", "wal-000000000000000a.seg", "wal-1.seg.tmp"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        std::fs::write(dir.path().join("snap-00000000000000ff.gvs"), "").unwrap();
        std::fs::write(dir.path().join("snap-00000000000000fe.gvs.tmp"), "").unwrap();
        traces.look(dir.path()).unwrap();
        assert_eq!((traces.first_segment, traces.rotations()), (10, 9));
        assert!(traces.snapshots.iter().eq([&255]));
    }
}
