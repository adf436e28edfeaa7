//! What a node says on its terminal: what it is doing, and what to type next.

use crate::cli::Start;
use gavel_config::Idle;
use gavel_contract::MemoryLine;
use gavel_io::memory::MemoryFault;
use gavel_pipeline::Handles;
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

pub(crate) fn recovered(start: &Start, handles: &Handles, took: Duration) {
    if start.quiet {
        return;
    }
    let recovered = &handles.recovered;
    if recovered.last.index.0 == 0 {
        tell!("  recovery    a new log");
    } else {
        tell!(
            "  recovery    {} records in {:.3} s, start to here{}",
            recovered.last.index,
            took.as_secs_f64(),
            recovered.cut.as_ref().map_or_else(String::new, |cut| format!("; {cut}"))
        );
    }
}

pub(crate) fn memory(start: &Start, lines: &[MemoryLine], locked: &Result<(), MemoryFault>) {
    if start.quiet {
        return;
    }
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    let total: usize = lines.iter().map(|line| line.bytes).sum();
    tell!("  memory      {:.1} MiB, all of it taken now", mib(total));
    for line in lines {
        tell!("    {:>9.1} MiB  {}", mib(line.bytes), line.what);
    }
    if let Err(why) = locked {
        tell!("    not locked: {why}");
    }
}

pub(crate) fn serving(start: &Start, address: SocketAddr, mode: &Mode) {
    if start.quiet {
        return;
    }
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
