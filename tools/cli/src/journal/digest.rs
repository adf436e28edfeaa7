//! `gavel journal digest`: the state at the end of a stopped node's log.
//!
//! Inputs -> outputs: a log directory and the configuration that it was written under -> digests.
//! Invariants: the log is locked while it is read, and nothing of it is changed but leftovers of a
//! start that died half-way, as the node itself would.
//! Limits: memory of one machine, as configured.
//! Not here: repair.

use super::DigestArgs;
use crate::outcome::Outcome;
use crate::progress;
use anyhow::{Context, Result, bail, ensure};
use gavel_book::Book;
use gavel_config::Settings;
use gavel_contract::{Machine, Outbox};
use gavel_io::clock::SystemClock;
use gavel_io::codec::Zstd;
use gavel_io::files::DataFiles;
use gavel_io::storage::LogDirectory;
use gavel_journal::recovery::{self, LogPoint};
use gavel_pipeline::session::Sessioned;
use gavel_pipeline::{configuration, snapshot};
use gavel_types::Report;
use serde::Serialize;
use std::path::Path;

/// Where a log ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogDigest {
    /// Digest of all live orders, equal for two runs of the same commands (16 hex digits).
    pub book_digest: String,
    /// Digest of all state at `last_index` (16 hex digits).
    pub node_digest: String,
    /// Index of the last record.
    pub last_index: u64,
    /// Term of the last record.
    pub last_term: u64,
    /// Blocks read, seals among them: of the log behind the snapshot, if there is one.
    pub blocks: u64,
    /// Sessions ever negotiated.
    pub sessions: u64,
    /// What was cut off the end, in words; it was never acknowledged.
    pub cut: Option<String>,
}

/// Runs the verb.
///
/// # Errors
/// If the log cannot be read, or must not be served.
pub(super) fn run(args: &DigestArgs) -> Result<Outcome> {
    let digest = digest(&args.dir, &settings(args.config.as_deref())?)?;
    if args.json {
        println!("{}", serde_json::to_string(&digest)?);
        return Ok(Outcome::Agrees);
    }
    println!("book digest  {}", digest.book_digest);
    println!("node digest  {}", digest.node_digest);
    println!("last record  index {}, term {}", digest.last_index, digest.last_term);
    println!("log          {} blocks, {} sessions", digest.blocks, digest.sessions);
    if let Some(cut) = &digest.cut {
        println!("cut          {cut}");
    }
    Ok(Outcome::Agrees)
}

/// The settings of a configuration file, or the defaults.
pub(crate) fn settings(config: Option<&Path>) -> Result<Settings> {
    let Some(path) = config else { return Ok(Settings::embedded()) };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("{name} cannot be read"))?;
    Settings::parse(&name, &text).map_err(|error| anyhow::anyhow!("{error}"))
}

/// Nobody listens.
struct Silence;

impl Outbox for Silence {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, _report: Report) {}
}

fn empty(settings: &Settings) -> Sessioned<Book> {
    Sessioned::new(&settings.plan.session, Book::new(&settings.plan.book))
}

/// Restores the newest snapshot in `dir` that is good, and replays the log behind it.
///
/// # Errors
/// If there is none, a node is using it, or recovery refuses it.
pub fn digest(dir: &Path, settings: &Settings) -> Result<LogDigest> {
    // Opening a directory that is not there would make one.
    ensure!(dir.join("meta").is_file(), "{} is no node's data directory", dir.display());
    let directory = LogDirectory::open(dir)?;
    let mut machine = empty(settings);
    let mut files = DataFiles::new(dir, 0);
    let mut point = LogPoint::ORIGIN;
    for index in snapshot::list(&mut files)? {
        let given = configuration(&settings.plan);
        let (mut codec, clock) = (Zstd::new()?, SystemClock::new());
        match snapshot::restore(&mut files, &mut codec, index, given, &mut machine, &clock) {
            Ok(read) => {
                point = read.contents.header.point;
                break;
            }
            Err(why) if why.is_damage() => machine = empty(settings),
            Err(why) => bail!("{}: the snapshot of record {index}: {why}", dir.display()),
        }
    }
    let segment_bytes = settings.plan.journal.segment_bytes;
    let mut reader = directory.reader();
    let bar = progress::count("records");
    let scanned = recovery::scan(&mut reader, segment_bytes, &point, &mut |record| {
        bar.inc(1);
        machine.apply_whole(record, &mut Silence);
    });
    bar.finish_and_clear();
    let recovered = match scanned {
        Ok(recovered) => recovered,
        Err(refusal) => bail!("{}: {refusal}", dir.display()),
    };
    Ok(LogDigest {
        book_digest: show(machine.book_digest()),
        node_digest: show(machine.node_digest()),
        last_index: recovered.last.index.0,
        last_term: recovered.last.term.0,
        blocks: recovered.blocks,
        sessions: machine.sessions().len() as u64,
        cut: recovered.cut.map(|cut| cut.to_string()),
    })
}

/// A digest as it is printed everywhere.
pub(crate) fn show(digest: u64) -> String {
    format!("{digest:016x}")
}
