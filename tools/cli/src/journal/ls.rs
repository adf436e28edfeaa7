//! `gavel journal ls`: the segments, and whether they are needed.
//!
//! Inputs -> outputs: a directory -> a line for each segment.
//! Invariants: what a segment holds is said of what is read in it; what it is for, of what a start
//! would decide. Exit status 0 whatever is found.
//! Not here: whether what is there is right (verify).

use super::survey::{Survey, Way};
use super::{Which, words};
use crate::outcome::Outcome;
use anyhow::Result;
use gavel_contract::{SegmentInfo, SegmentNo};
use gavel_types::Nanos;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// What a segment holds.
#[derive(Debug, Default, Serialize)]
struct Held {
    blocks: u64,
    seals: u64,
    damaged_blocks: u64,
    records: u64,
    first_index: Option<u64>,
    last_index: Option<u64>,
    first_term: Option<u64>,
    last_term: Option<u64>,
    first_time_ns: Option<u64>,
    last_time_ns: Option<u64>,
}

/// A segment.
#[derive(Debug, Serialize)]
struct Line {
    segment: u64,
    /// log, spare, freed, short or unknown.
    state: &'static str,
    bytes: u64,
    #[serde(flatten)]
    held: Held,
}

/// Runs the verb.
///
/// # Errors
/// If there is no log, or it cannot be read.
pub(super) fn run(which: &Which) -> Result<Outcome> {
    let survey = Survey::of(which)?;
    let ways = survey.ways();
    let held = hold(&survey)?;
    let lines: Vec<Line> = held
        .into_iter()
        .zip(&survey.segments)
        .map(|((segment, held), info)| {
            let state = state(&survey, &ways, info);
            Line { segment: segment.0, state, bytes: info.bytes, held }
        })
        .collect();
    if which.json {
        let snapshots: Vec<_> = survey.snapshots.iter().map(|seen| seen.index.0).collect();
        let end = ways[0].end.as_ref();
        let line = json!({
            "segment_bytes": survey.segment_bytes,
            "snapshots": snapshots,
            "last_index": end.ok().map(|end| end.last.index.0),
            "refusal": end.err().map(ToString::to_string),
            "segments": lines,
        });
        println!("{line}");
        return Ok(Outcome::Agrees);
    }
    print(&survey, &ways, &lines);
    Ok(Outcome::Agrees)
}

fn hold(survey: &Survey) -> Result<BTreeMap<SegmentNo, Held>> {
    let mut all: BTreeMap<SegmentNo, Held> =
        survey.segments.iter().map(|info| (info.segment, Held::default())).collect();
    survey.blocks(&mut |seen, records| {
        let held = all.entry(seen.segment).or_default();
        held.blocks += 1;
        held.seals += u64::from(seen.fields.count == 0);
        held.damaged_blocks += u64::from(seen.damage.is_some());
        for stamp in records.flatten().map(|record| record.stamp) {
            held.records += 1;
            held.first_index.get_or_insert(stamp.index.0);
            held.first_term.get_or_insert(stamp.term.0);
            held.first_time_ns.get_or_insert(stamp.time.0);
            held.last_index = Some(stamp.index.0);
            held.last_term = Some(stamp.term.0);
            held.last_time_ns = Some(stamp.time.0);
        }
    })?;
    Ok(all)
}

/// What a segment is for.
fn state(survey: &Survey, ways: &[Way], info: &SegmentInfo) -> &'static str {
    if info.bytes != survey.segment_bytes {
        return "short";
    }
    let oldest = ways.iter().map(|way| way.from.end.segment).min();
    let needed = oldest.unwrap_or(SegmentNo(1));
    if info.segment < needed || info.segment < survey.row_begins() && needed.0 == 1 {
        return "freed";
    }
    match ways[0].end.as_ref() {
        Ok(end) if info.segment > end.end.segment => "spare",
        Ok(_) => "log",
        Err(_) => "unknown",
    }
}

fn print(survey: &Survey, ways: &[Way], lines: &[Line]) {
    println!(
        "segment state    blocks    records      first       last terms    {:<30} {:<30} damaged",
        "from", "to"
    );
    for line in lines {
        let Line { segment, state, held, .. } = line;
        let number = |n: Option<u64>| n.map_or("-".to_owned(), |n| n.to_string());
        let terms = match (held.first_term, held.last_term) {
            (Some(first), Some(last)) if first != last => format!("{first}-{last}"),
            (first, _) => number(first),
        };
        let time = |n: Option<u64>| n.map_or("-".to_owned(), |n| words::time(Nanos(n)));
        println!(
            "{segment:>7} {state:<7} {:>7} {:>10} {:>10} {:>10} {terms:<8} {:<30} {:<30} {}",
            held.blocks,
            held.records,
            number(held.first_index),
            number(held.last_index),
            time(held.first_time_ns),
            time(held.last_time_ns),
            held.damaged_blocks
        );
    }
    println!("{} bytes a segment", survey.segment_bytes);
    for seen in &survey.snapshots {
        match &seen.point {
            Ok(point) => println!("snapshot of {}: goes on with {}", seen.index, point.end),
            Err(why) => println!("snapshot of {}: {why}", seen.index),
        }
    }
    match &ways[0].end {
        Ok(end) => println!("the log ends before {}", end.end),
        Err(refusal) => println!("no start: {refusal}"),
    }
}
