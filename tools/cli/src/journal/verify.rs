//! `gavel journal verify`: what a start would decide, and the state of every block.
//!
//! Inputs -> outputs: a directory -> the decision of recovery from each snapshot that is kept, in
//! the words that an operator would be told; what is damaged, with its place.
//! Invariants: exit status 0 only if every snapshot that is kept leads to one end, and no block
//! that one of them needs is damaged.
//! Limits: [`DAMAGED_MAX`] damaged blocks are named, all are counted.
//! Not here: the states that snapshots make (`gavel snapshot verify`) and that the log leads to
//! (digest).

use super::Which;
use super::survey::{Survey, Way, is_behind};
use crate::outcome::Outcome;
use anyhow::Result;
use gavel_contract::SegmentNo;
use gavel_journal::inspect::{BlockSeen, Damage};
use serde::Serialize;
use serde_json::json;

/// Most damaged blocks that are named.
const DAMAGED_MAX: usize = 100;

/// A block that is not whole.
#[derive(Debug, Serialize)]
struct Damaged {
    segment: u64,
    offset_bytes: u64,
    block_seq: u64,
    first_index: u64,
    what: String,
}

/// Blocks, by what they are.
#[derive(Debug, Default, Serialize)]
struct Blocks {
    /// Of the log, and whole.
    whole: u64,
    /// Of the log, with sectors of another block.
    torn: u64,
    /// Of the log, with a bad checksum.
    rotten: u64,
    /// Before all that is needed, or behind the end: of an earlier use of the segment, or cut.
    old: u64,
}

/// Runs the verb.
///
/// # Errors
/// If there is no log, or it cannot be read.
pub(super) fn run(which: &Which) -> Result<Outcome> {
    let mut survey = Survey::of(which)?;
    survey.check_snapshots()?;
    let ways = survey.ways();
    let (blocks, damaged) = look(&survey, &ways)?;
    let ends: Vec<_> = ways.iter().filter_map(|way| way.end.as_ref().ok()).collect();
    let one_end = ends.len() == ways.len()
        && ends.iter().all(|end| (end.point(), end.cut) == (ends[0].point(), ends[0].cut));
    let lost = survey.snapshots.iter().filter(|seen| seen.point.is_err()).count();
    let agrees = one_end && blocks.torn + blocks.rotten == 0 && lost == 0;
    if which.json {
        let said = |way: &Way| {
            let end = way.end.as_ref();
            json!({
                "snapshot": way.snapshot.map(|index| index.0),
                "last_index": end.ok().map(|end| end.last.index.0),
                "records": end.ok().map(|end| end.records),
                "cut": end.ok().and_then(|end| end.cut).map(|cut| cut.to_string()),
                "refusal": end.err().map(ToString::to_string),
            })
        };
        let unread = survey.snapshots.iter().filter_map(|seen| {
            let why = seen.point.as_ref().err()?;
            Some(json!({ "snapshot": seen.index.0, "why": why }))
        });
        let line = json!({
            "agrees": agrees,
            "starts": ways.iter().map(said).collect::<Vec<_>>(),
            "snapshots_damaged": unread.collect::<Vec<_>>(),
            "blocks": blocks,
            "damaged": damaged,
        });
        println!("{line}");
    } else {
        print(&survey, &ways, &blocks, &damaged);
        println!("{}", if agrees { "agrees" } else { "DAMAGED" });
    }
    Ok(Outcome::agrees_if(agrees))
}

fn look(survey: &Survey, ways: &[Way]) -> Result<(Blocks, Vec<Damaged>)> {
    let (mut blocks, mut damaged) = (Blocks::default(), Vec::new());
    let needed = ways.iter().map(|way| (way.from.end.segment, way.from.end.offset_bytes)).min();
    let needed = needed.unwrap_or((SegmentNo(1), 0));
    let end = ways[0].end.as_ref().ok();
    survey.blocks(&mut |seen, records| {
        let before = (seen.segment, seen.offset_bytes) < needed;
        if before || end.is_some_and(|end| is_behind(seen, end)) {
            blocks.old += 1;
            return;
        }
        let malformed = records.filter_map(Result::err).next();
        let what = match (seen.damage, malformed) {
            (None, None) => {
                blocks.whole += 1;
                return;
            }
            (None, Some(index)) => format!("the bytes of record {index} make no record"),
            (Some(Damage::Torn { sectors }), _) => {
                format!("{sectors} of its sectors are another block's, or were never written")
            }
            (Some(Damage::Rotten), _) => "its records' checksum is wrong".into(),
        };
        let torn = matches!(seen.damage, Some(Damage::Torn { .. }));
        blocks.torn += u64::from(torn);
        blocks.rotten += u64::from(!torn);
        if damaged.len() < DAMAGED_MAX {
            damaged.push(named(seen, what));
        }
    })?;
    Ok((blocks, damaged))
}

fn named(seen: &BlockSeen, what: String) -> Damaged {
    Damaged {
        segment: seen.segment.0,
        offset_bytes: seen.offset_bytes,
        block_seq: seen.fields.name.block_seq,
        first_index: seen.fields.first_index.0,
        what,
    }
}

fn print(survey: &Survey, ways: &[Way], blocks: &Blocks, damaged: &[Damaged]) {
    for way in ways {
        match &way.end {
            Ok(end) => {
                let (records, last) = (end.records, end.last.index);
                let name = way.name();
                println!("from {name}: {records} records, the last is {last}");
                if let Some(cut) = end.cut {
                    println!("  {cut}");
                }
            }
            Err(refusal) => println!("from {}: no start: {refusal}", way.name()),
        }
    }
    for seen in &survey.snapshots {
        if let Err(why) = &seen.point {
            println!("the snapshot of {}: {why}", seen.index);
        }
    }
    let Blocks { whole, torn, rotten, old } = blocks;
    println!("{whole} blocks are whole, {torn} torn, {rotten} rotten; {old} old ones beside");
    for Damaged { segment, offset_bytes, block_seq, first_index, what } in damaged {
        println!(
            "block {block_seq} (records from index {first_index}) in segment {segment} at byte \
             {offset_bytes}: {what}"
        );
    }
}
