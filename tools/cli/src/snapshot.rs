//! `gavel snapshot`: what the snapshots of a node hold, and whether a start could use them.
//!
//! Inputs -> outputs: a data directory, or a copy of one, or one snapshot -> what their headers
//! say; to verify, with the configuration that they were taken under: every checksum, the state and
//! its digest, and the log behind.
//! Invariants: nothing is locked, and nothing is changed.
//! Limits: memory of one machine, as configured.
//! Not here: repair.

use crate::journal::{settings, show};
use crate::outcome::Outcome;
use crate::progress;
use anyhow::{Context, Result, ensure};
use gavel_book::Book;
use gavel_config::Settings;
use gavel_contract::{Codec, FileStore};
use gavel_io::clock::SystemClock;
use gavel_io::codec::Zstd;
use gavel_io::files::{self, DataFiles};
use gavel_io::storage::SegmentReader;
use gavel_journal::recovery;
use gavel_pipeline::configuration;
use gavel_pipeline::session::Sessioned;
use gavel_pipeline::snapshot::{self, BadSnapshot, Contents, Header};
use gavel_types::Index;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What `gavel snapshot` is told.
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum SnapshotVerb {
    /// Say what each snapshot holds, and check its checksums.
    Inspect {
        /// A node's data directory, or one snapshot.
        path: PathBuf,
        /// Print one line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make each snapshot's state, compare its digest, and look whether the log behind it is there.
    Verify {
        /// A node's data directory, or one snapshot.
        path: PathBuf,
        /// The node's configuration file, if it has one: sizes and symbols must be the same.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print one line of JSON.
        #[arg(long)]
        json: bool,
    },
}

impl SnapshotVerb {
    /// True if standard output is to be one line of JSON.
    pub(crate) fn is_json(&self) -> bool {
        match self {
            Self::Inspect { json, .. } | Self::Verify { json, .. } => *json,
        }
    }
}

/// One snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Inspected {
    /// Its file.
    pub file: String,
    /// Record after which it was taken.
    pub index: u64,
    /// Term of that record.
    pub term: u64,
    /// Time of that record (UTC, ns).
    pub time_ns: u64,
    /// Live orders.
    pub live_orders: u64,
    /// Sessions.
    pub sessions: u32,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Bytes of the state.
    pub state_bytes: u64,
    /// How often the file goes into the state, in hundredths.
    pub ratio_percent: u64,
    /// Digest of all live orders (16 hex digits).
    pub book_digest: String,
    /// Digest of all state (16 hex digits).
    pub node_digest: String,
    /// First segment of the log that a start from it needs.
    pub needs_segment: u64,
    /// Where in it.
    pub needs_offset_bytes: u64,
    /// Last file of stored reports that goes with it.
    pub reports_file: u64,
    /// Its state was made, and has the digest; None if that was not tried.
    pub state_good: Option<bool>,
    /// The log behind it is there and whole; None if that was not tried.
    pub log_good: Option<bool>,
    /// Last record of that log.
    pub log_last_index: Option<u64>,
    /// What is wrong, in words.
    pub wrong: Vec<String>,
}

/// What there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Snapshots {
    /// Newest first.
    pub snapshots: Vec<Inspected>,
    /// All that was looked at is as it should be.
    pub good: bool,
}

/// Runs the verb.
///
/// # Errors
/// If there is nothing to look at.
pub(crate) fn run(verb: &SnapshotVerb) -> Result<Outcome> {
    let found = match verb {
        SnapshotVerb::Inspect { path, .. } => look(path, None)?,
        SnapshotVerb::Verify { path, config, .. } => {
            look(path, Some(&settings(config.as_deref())?))?
        }
    };
    if verb.is_json() {
        println!("{}", serde_json::to_string(&found)?);
    } else {
        found.snapshots.iter().for_each(print);
    }
    Ok(Outcome::agrees_if(found.good))
}

/// Looks at the snapshots in `path`; with settings, all the way.
///
/// # Errors
/// If there is none.
pub fn look(path: &Path, settings: Option<&Settings>) -> Result<Snapshots> {
    let is_directory =
        std::fs::metadata(path).with_context(|| path.display().to_string())?.is_dir();
    let (directory, named) = if is_directory {
        (path.to_owned(), None)
    } else {
        let (directory, index) = files::snapshot_at(path)?;
        (directory, Some(index))
    };
    let mut store = DataFiles::new(&directory, 0);
    let found = match named {
        Some(index) => vec![index],
        None => snapshot::list(&mut store)?,
    };
    ensure!(!found.is_empty(), "{} holds no snapshots", directory.display());
    let mut codec = Zstd::new()?;
    let mut looked = Vec::new();
    let bar = progress::bar(found.len() as u64, "snapshots");
    for index in found {
        let mut one = inspect(&mut store, &mut codec, index);
        if let Some(settings) = settings
            && one.wrong.is_empty()
        {
            verify(&mut one, &directory, &mut store, &mut codec, settings);
        }
        looked.push(one);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let good = looked.iter().all(|one| one.wrong.is_empty());
    Ok(Snapshots { snapshots: looked, good })
}

fn inspect(files: &mut impl FileStore, codec: &mut impl Codec, index: Index) -> Inspected {
    let file = files::text(gavel_contract::FileName::Snapshot(index));
    let mut one = Inspected { file, index: index.0, ..Inspected::default() };
    match snapshot::header(files, index) {
        Ok(header) => one.say_header(&header),
        Err(bad) => {
            one.wrong.push(bad.to_string());
            return one;
        }
    }
    match snapshot::check(files, codec, index) {
        Ok(contents) => one.say_contents(&contents),
        Err(bad) => one.wrong.push(bad.to_string()),
    }
    one
}

impl Inspected {
    fn say_header(&mut self, header: &Header) {
        self.term = header.stamp().term.0;
        self.time_ns = header.stamp().time.0;
        self.live_orders = header.live_orders;
        self.sessions = header.sessions;
        self.book_digest = show(header.book_digest);
        self.node_digest = show(header.node_digest);
        self.needs_segment = header.point.end.segment.0;
        self.needs_offset_bytes = header.point.end.offset_bytes;
        self.reports_file = header.reports_file;
    }

    fn say_contents(&mut self, contents: &Contents) {
        self.file_bytes = contents.file_bytes;
        self.state_bytes = contents.raw_bytes;
        self.ratio_percent = contents.raw_bytes * 100 / contents.file_bytes.max(1);
    }
}

/// Does what a start would do.
fn verify(
    one: &mut Inspected,
    directory: &Path,
    files: &mut impl FileStore,
    codec: &mut impl Codec,
    settings: &Settings,
) {
    let plan = &settings.plan;
    let index = Index(one.index);
    let mut machine = Sessioned::new(&plan.session, Book::new(&plan.book));
    let clock = SystemClock::new();
    let given = configuration(plan);
    let restored = snapshot::restore(files, codec, index, given, &mut machine, &clock);
    one.state_good = Some(restored.is_ok());
    let point = match restored {
        Ok(read) => read.contents.header.point,
        Err(bad) => {
            let hint = match bad {
                BadSnapshot::Configuration { .. } => " (--config names its file)",
                _ => "",
            };
            one.wrong.push(format!("{bad}{hint}"));
            return;
        }
    };
    let mut log = SegmentReader::new(directory);
    let segment_bytes = plan.journal.segment_bytes;
    let scanned = recovery::scan(&mut log, segment_bytes, &point, &mut |_| {});
    one.log_good = Some(scanned.is_ok());
    match scanned {
        Ok(recovered) => one.log_last_index = Some(recovered.last.index.0),
        Err(refusal) => one.wrong.push(format!("the log behind it: {refusal}")),
    }
}

fn print(one: &Inspected) {
    println!("{}", one.file);
    if one.term > 0 {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        println!("  state       after record {}, term {}", one.index, one.term);
        println!("  holds       {} live orders, {} sessions", one.live_orders, one.sessions);
        println!(
            "  size        {:.2} MiB, packed to {:.2} MiB ({:.2} to 1)",
            mib(one.state_bytes),
            mib(one.file_bytes),
            one.ratio_percent as f64 / 100.0
        );
        println!("  digests     book {}, node {}", one.book_digest, one.node_digest);
        println!(
            "  needs       the log from segment {}, byte {} on; stored reports up to file {}",
            one.needs_segment, one.needs_offset_bytes, one.reports_file
        );
    }
    if let Some(last) = one.log_last_index {
        println!("  log         whole behind it, up to record {last}");
    }
    for wrong in &one.wrong {
        println!("  WRONG       {wrong}");
    }
    if one.wrong.is_empty() {
        let what = if one.state_good.is_some() {
            "a start can use it: checksums, state, digest and log agree"
        } else {
            "every checksum is right (verify also makes the state)"
        };
        println!("  good        {what}");
    }
}
