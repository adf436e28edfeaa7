//! What a node says on its terminal: what it is doing, and what to type next.

use crate::cli::Start;
use crate::set_back::Told;
use gavel_config::Idle;
use gavel_contract::MemoryLine;
use gavel_io::memory::MemoryFault;
use gavel_pipeline::{Handles, ShadowNews, StartTimes};
use gavel_types::Nanos;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

/// Writes a line to standard output, if anybody still reads it: a node does not end with its
/// reader.
macro_rules! tell {
    ($($words:tt)*) => {{
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}

/// Writes a line to standard error, if anybody still reads it.
macro_rules! complain {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($words)*);
    }};
}
pub(crate) use complain;

/// How the log is made durable, as the store chose it.
pub(crate) struct Mode {
    pub(crate) name: &'static str,
    pub(crate) notes: Vec<String>,
}

pub(crate) fn opening(start: &Start) {
    if start.quiet {
        return;
    }
    let settings = &start.settings;
    tell!("Gavel {}: one durable node", env!("CARGO_PKG_VERSION"));
    tell!("  log         {}", settings.data_dir.display());
    let tiles = start.topology.tiles.iter().map(|tile| {
        let idle = match tile.idle {
            Idle::Spin => "spins",
            Idle::Yield => "yields",
            Idle::Park => "parks",
        };
        format!("{} ({}; {idle} when idle)", tile.name, tile.agents.join(" "))
    });
    let tiles: Vec<String> = tiles.collect();
    tell!("  topology    {}: {}", start.topology.name, tiles.join(", "));
    tell!("  symbols     {}", settings.plan.book.symbols.len());
}

pub(crate) fn recovered(start: &Start, handles: &Handles) {
    // That a snapshot is damaged is said even by a quiet node.
    for passed in &handles.restart.passed_over {
        complain!(
            "gaveld: {passed}. An older one is used, or the whole log: nothing is lost. Keep the \
             file if you want to know why; the next snapshot takes its place"
        );
    }
    if let Some(segment) = handles.recovered.unprepared {
        complain!(
            "gaveld: segment {} of the log had a wrong length. The log ends before it, and nothing \
             was in it: it was removed, and will be made again",
            segment.0
        );
    }
    if start.quiet {
        return;
    }
    let (restart, recovered) = (&handles.restart, &handles.recovered);
    let last = recovered.last.index;
    let cut = recovered.cut.as_ref().map_or_else(String::new, |cut| format!("; {cut}"));
    match restart.snapshot {
        None if last.0 == 0 => tell!("  recovery    a new log"),
        None => tell!("  recovery    {last} records of the log{cut}"),
        Some(index) => tell!(
            "  recovery    the snapshot of record {index}, and {} records behind it{cut}",
            last.0 - index.0
        ),
    }
}

pub(crate) fn memory(start: &Start, lines: &[MemoryLine], locked: &Result<(), MemoryFault>) {
    if start.quiet {
        return;
    }
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    let total: usize = lines.iter().map(|line| line.bytes).sum();
    tell!("  memory      {:.1} MiB, what is hot of it taken now", mib(total));
    for line in lines {
        tell!("    {:>9.1} MiB  {}", mib(line.bytes), line.what);
    }
    if let Err(why) = locked {
        tell!("    not locked: {why}");
    }
}

/// How long a start took, as the process saw it.
pub(crate) struct Times {
    pub(crate) whole: Duration,
    pub(crate) opening: Duration,
    pub(crate) locking: Duration,
}

pub(crate) fn serving(
    start: &Start,
    address: SocketAddr,
    mode: &Mode,
    stages: &StartTimes,
    times: &Times,
) {
    if start.quiet {
        return;
    }
    let ms = |nanos: Nanos| nanos.0 as f64 / 1e6;
    tell!(
        "  serving in  {:.0} ms: {:.0} opening files, {:.0} taking memory, {:.0} reading the \
         snapshot, {:.0} making its state, {:.0} the log behind it, {:.0} locking memory",
        times.whole.as_secs_f64() * 1e3,
        times.opening.as_secs_f64() * 1e3,
        ms(stages.memory),
        ms(stages.reading),
        ms(stages.restoring),
        ms(stages.replaying),
        times.locking.as_secs_f64() * 1e3,
    );
    tell!("  durable by  {}", mode.name);
    for note in &mode.notes {
        tell!("    {note}");
    }
    tell!("  acknowledges when durable here (rule: local)");
    tell!("Serving orders on {address}. Ctrl-C stops.");
    tell!("Next, from another terminal:");
    tell!(
        "  cargo xtask demo                                     a flow of orders, a crash, a report"
    );
    tell!("  cargo run --release -p gavel-cli --bin gavel -- help  replay a day, storm, inspect");
}

/// What the shadow has to say. What may ask for an operator's hand is said even by a quiet node.
pub(crate) fn shadow(news: &ShadowNews, quiet: bool) {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    match news {
        ShadowNews::Snapshot { .. } | ShadowNews::AlreadyThere { .. } if quiet => {}
        ShadowNews::Snapshot { index, raw_bytes, file_bytes } => complain!(
            "gaveld: snapshot of record {index}: {:.1} MiB, {:.1} MiB on the disk",
            mib(*raw_bytes),
            mib(*file_bytes)
        ),
        ShadowNews::AlreadyThere { index } => {
            complain!("gaveld: the newest snapshot, of record {index}, is as new as can be");
        }
        ShadowNews::GaveUp { index, why, retry_ms } => complain!(
            "gaveld: no snapshot of record {index}: {why}. Orders go on; the log is kept. It is \
             tried again in {retry_ms} ms"
        ),
        ShadowNews::ReportsLost { sessions, why } => complain!(
            "gaveld: stored reports of {sessions} sessions are lost: {why}. Clients that ask for \
             them are told the oldest that there are; orders go on"
        ),
        ShadowNews::Litter { what } => complain!("gaveld: beside the log: {what}"),
        ShadowNews::Stopped { why } => complain!(
            "gaveld: SNAPSHOTS STOPPED: {why}. Orders go on; the log grows, and no stored reports \
             are sent. Check the disk, then restart at a time of your choice"
        ),
    }
}

/// The clock was set back, or has caught up.
pub(crate) fn clock(told: Told) {
    match told {
        Told::Behind(by) => complain!(
            "gaveld: THE CLOCK IS BEHIND the log by {by:.1?}: it was set back, or ran ahead before \
             this start. Orders go on; until it has caught up the log's time goes at half speed, and \
             cancel-on-disconnect comes late. Check what sets this clock"
        ),
        Told::CaughtUp => complain!("gaveld: the clock has caught up with the log"),
    }
}

pub(crate) fn stopping(start: &Start) {
    if !start.quiet {
        tell!("Stopping: telling clients.");
    }
}

pub(crate) fn stopped(start: &Start, handles: &Handles, hot_allocations: u64) {
    if !start.quiet {
        tell!(
            "Stopped. Durable up to record {}; {hot_allocations} allocations on hot threads.",
            handles.durable.read().index
        );
    }
}
