//! `gavel journal stats`: records by kind, blocks by size, bytes, rates.
//!
//! Inputs -> outputs: a directory -> counts of what a start would serve, and of what is before it.
//! Invariants: a record is counted once.
//! Not here: latencies; nothing of them is in a log.

use super::survey::{Survey, is_behind};
use super::{Which, words};
use crate::outcome::Outcome;
use anyhow::Result;
use gavel_journal::inspect::BlockSeen;
use gavel_types::{LogRecord, Nanos};
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const SECTOR_BYTES: u64 = 512;

/// What is counted.
#[derive(Debug, Default, Serialize)]
struct Counts {
    records: u64,
    first_index: u64,
    last_index: u64,
    first_time_ns: u64,
    last_time_ns: u64,
    /// In the order of their names.
    kinds: BTreeMap<String, u64>,
    sessions: usize,
    blocks: u64,
    seals: u64,
    damaged_blocks: u64,
    /// Bytes of a block -> blocks.
    block_bytes: BTreeMap<u64, u64>,
    records_per_block_max: u64,
    /// Bytes of records, with their heads.
    payload_bytes: u64,
    /// Bytes of blocks.
    written_bytes: u64,
    sectors: u64,
    incarnations: usize,
    /// Records in the busiest second.
    busiest_second: u64,
}

/// What is kept while counting.
#[derive(Default)]
struct Gathered {
    counts: Counts,
    sessions: BTreeSet<u32>,
    incarnations: BTreeSet<u64>,
    second: u64,
    in_second: u64,
}

/// Runs the verb.
///
/// # Errors
/// If there is no log, or it cannot be read.
pub(super) fn run(which: &Which) -> Result<Outcome> {
    let survey = Survey::of(which)?;
    let ways = survey.ways();
    let end = ways[0].end.as_ref();
    let mut gathered = Gathered::default();
    survey.blocks(&mut |seen, records| {
        let old = seen.fields.first_index.0 <= gathered.counts.last_index;
        if end.is_ok_and(|end| is_behind(seen, end)) || old && seen.fields.count > 0 {
            return;
        }
        gathered.block(seen);
        records.flatten().for_each(|record| gathered.record(&record));
    })?;
    let counts = gathered.close();
    let seconds = Nanos(counts.last_time_ns).since(Nanos(counts.first_time_ns)) as f64 / 1e9;
    let per_second = if seconds > 0.0 { counts.records as f64 / seconds } else { 0.0 };
    let file_bytes: u64 = survey.segments.iter().map(|info| info.bytes).sum();
    if which.json {
        let mut line = json!(counts);
        line["segments"] = json!(survey.segments.len());
        line["file_bytes"] = json!(file_bytes);
        line["seconds"] = json!(seconds);
        line["records_per_second"] = json!(per_second);
        line["refusal"] = json!(end.err().map(ToString::to_string));
        println!("{line}");
        return Ok(Outcome::Agrees);
    }
    if let Err(refusal) = end {
        eprintln!("gavel: no start from {}: {refusal}", ways[0].name());
    }
    print(&counts, survey.segments.len(), file_bytes);
    println!("rate       {per_second:.0} records a second over {seconds:.3} s");
    println!("           {} in the busiest second", counts.busiest_second);
    Ok(Outcome::Agrees)
}

impl Gathered {
    fn block(&mut self, seen: &BlockSeen) {
        let bytes = seen.fields.block_bytes() as u64;
        let counts = &mut self.counts;
        counts.blocks += 1;
        counts.seals += u64::from(seen.fields.count == 0);
        counts.damaged_blocks += u64::from(seen.damage.is_some());
        *counts.block_bytes.entry(bytes).or_default() += 1;
        let records = u64::from(seen.fields.count);
        counts.records_per_block_max = counts.records_per_block_max.max(records);
        counts.payload_bytes += u64::from(seen.fields.payload_bytes);
        counts.written_bytes += bytes;
        counts.sectors += bytes / SECTOR_BYTES;
        self.incarnations.insert(seen.fields.name.incarnation);
    }

    fn record(&mut self, record: &LogRecord) {
        let LogRecord { stamp, command } = record;
        let counts = &mut self.counts;
        if counts.records == 0 {
            counts.first_index = stamp.index.0;
            counts.first_time_ns = stamp.time.0;
        }
        counts.records += 1;
        counts.last_index = stamp.index.0;
        counts.last_time_ns = stamp.time.0;
        *counts.kinds.entry(words::kind(record).to_owned()).or_default() += 1;
        self.sessions.insert(command.session.0);
        let second = stamp.time.0 / 1_000_000_000;
        if second != self.second {
            (self.second, self.in_second) = (second, 0);
        }
        self.in_second += 1;
        counts.busiest_second = counts.busiest_second.max(self.in_second);
    }

    fn close(mut self) -> Counts {
        self.sessions.remove(&gavel_types::SessionSlot::NONE.0);
        self.counts.sessions = self.sessions.len();
        self.counts.incarnations = self.incarnations.len();
        self.counts
    }
}

fn print(counts: &Counts, segments: usize, file_bytes: u64) {
    let Counts { records, first_index, last_index, sessions, incarnations, .. } = counts;
    println!("records    {records}, of index {first_index} to {last_index}");
    println!("           {sessions} sessions, {incarnations} starts");
    for (kind, count) in &counts.kinds {
        println!("           {count:>12}  {kind}");
    }
    let Counts { blocks, seals, damaged_blocks, records_per_block_max, .. } = counts;
    println!("blocks     {blocks}, {seals} of them seals, {damaged_blocks} damaged");
    let mean = *records as f64 / (blocks - seals).max(1) as f64;
    println!("           {mean:.1} records in each, {records_per_block_max} at most");
    for (bytes, count) in &counts.block_bytes {
        println!("           {count:>12}  of {bytes} bytes");
    }
    let Counts { payload_bytes, written_bytes, sectors, .. } = counts;
    let share = 100.0 * *payload_bytes as f64 / (*written_bytes).max(1) as f64;
    println!("bytes      {written_bytes} in {sectors} sectors, {share:.1}% of them records");
    println!("           {file_bytes} in {segments} segments");
}
