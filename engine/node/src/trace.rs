//! Stage times for whoever measures: which agent did something, from when to when.
//!
//! Off unless asked for (`--trace FILE`): a traced agent costs two looks at the clock a cycle.

use gavel_contract::{Agent, Clock, Now};
use gavel_io::clock::SystemClock;
use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Cycles kept of one agent; later ones are counted, not kept.
const CYCLES_MAX: usize = 1 << 20;

/// What one agent did: (start, end) of each cycle with work (monotone, ns).
#[derive(Debug)]
struct Log {
    name: &'static str,
    cycles: Vec<(u64, u64)>,
}

/// Where traced agents leave their logs when they end.
#[derive(Clone)]
pub(crate) struct Trace {
    logs: Arc<Mutex<Vec<Log>>>,
    clock: SystemClock,
}

/// An agent whose cycles are timed.
pub(crate) struct Traced<A> {
    agent: A,
    log: Log,
    trace: Trace,
}

impl Trace {
    pub(crate) fn new(clock: &SystemClock) -> Self {
        Self { logs: Arc::default(), clock: clock.clone() }
    }

    pub(crate) fn of<A: Agent>(&self, agent: A) -> Traced<A> {
        let cycles = Vec::with_capacity(CYCLES_MAX);
        Traced { log: Log { name: agent.name(), cycles }, agent, trace: self.clone() }
    }

    /// Writes a line `agent,start_ns,end_ns` for every cycle, in the order of their starts.
    pub(crate) fn write(&self, path: &Path) -> std::io::Result<()> {
        let logs = self.logs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut cycles: Vec<(u64, u64, &str)> = Vec::new();
        for log in logs.iter() {
            cycles.extend(log.cycles.iter().map(|(start, end)| (*start, *end, log.name)));
        }
        cycles.sort_unstable();
        let mut text = String::new();
        for (start, end, name) in cycles {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name},{start},{end}");
        }
        std::fs::write(path, text)
    }
}

impl<A: Agent> Agent for Traced<A> {
    fn name(&self) -> &'static str {
        self.agent.name()
    }

    fn duty_cycle(&mut self, now: Now) -> usize {
        let start = self.trace.clock.now().mono.0;
        let work = self.agent.duty_cycle(now);
        if work > 0 && self.log.cycles.len() < CYCLES_MAX {
            self.log.cycles.push((start, self.trace.clock.now().mono.0));
        }
        work
    }
}

impl<A> Drop for Traced<A> {
    fn drop(&mut self) {
        let log = Log { name: self.log.name, cycles: std::mem::take(&mut self.log.cycles) };
        self.trace.logs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(log);
    }
}
