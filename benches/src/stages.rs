//! Where the time of one order goes: reads the trace of a node that one client sends one order at a
//! time.
//!
//! A node started with `--trace FILE` writes a line `agent,start_ns,end_ns` for every duty cycle
//! that did something. With one order under way, its walk is: gateway, sequencer, journal (submit),
//! executor, then journal (durable) and egress (send).

use crate::figures::Times;
use anyhow::{Context, Result};
use std::path::Path;

/// The stages, in the order of the walk.
pub const STAGES: [&str; 6] = [
    "read and decode (gateway)",
    "sequence",
    "encode block and submit (journal)",
    "match (executor)",
    "until durable (disk)",
    "encode and send (egress)",
];

/// The walk of one order, as agents in their order.
const WALK: [&str; 6] = ["gateway", "sequencer", "journal", "executor", "journal", "egress"];

/// Times of each stage, over all whole walks in a trace; and of the whole.
///
/// # Errors
/// If the file cannot be read, is no trace, or holds no whole walk.
pub fn read(path: &Path) -> Result<(Vec<Times>, Times)> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let cycles: Vec<(&str, u64, u64)> = text
        .lines()
        .map(parse)
        .collect::<Option<_>>()
        .context("the trace has a line of no sense")?;
    let mut stages = vec![Times::new(); STAGES.len()];
    let mut whole = Times::new();
    for walk in cycles.windows(WALK.len()) {
        if !walk.iter().zip(WALK).all(|(cycle, agent)| cycle.0 == agent) {
            continue;
        }
        let mut from = walk[0].1;
        for (times, (_, _, end)) in stages.iter_mut().zip(walk) {
            times.record(end.saturating_sub(from));
            from = *end;
        }
        whole.record(from - walk[0].1);
    }
    anyhow::ensure!(whole.count() > 0, "{}: no whole walk of an order", path.display());
    Ok((stages, whole))
}

fn parse(line: &str) -> Option<(&str, u64, u64)> {
    let mut fields = line.split(',');
    Some((fields.next()?, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_walks_count() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let walk = "gateway,0,2000\nsequencer,2000,3000\njournal,3000,7000\nexecutor,7000,8000\n\
                    journal,60000,61000\negress,61000,65000\n";
        let broken = "gateway,0,2000\nsequencer,2000,3000\negress,3000,4000\n";
        std::fs::write(file.path(), format!("{walk}{broken}{walk}")).unwrap();
        let (stages, whole) = read(file.path()).unwrap();
        assert_eq!(whole.count(), 2);
        assert_eq!((whole.us(50.0) / 10.0).round(), 7.0, "65 us");
        assert_eq!(stages[4].us(50.0).round(), 53.0);
        assert!(read(Path::new("/nonexistent")).is_err());
    }
}
