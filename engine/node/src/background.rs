//! A thread for an agent that is not hot: it may block, allocate, and wait for a CPU.
//!
//! Inputs -> outputs: an agent and a clock -> its duty cycles.
//! Invariants: it runs where housekeeping does, and steps back for whoever else wants the CPU.
//! Limits: [`REST`] is the longest that it sleeps when there is nothing to do.
//! Not here: hot agents (tiles).

use gavel_contract::{Agent, Clock};
use gavel_io::cpu;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How long it rests after a round without work: what a client waits at most until its wish for old
/// reports is seen, and often enough to follow a log block by block.
pub(crate) const REST: Duration = Duration::from_millis(1);

/// Starts the thread. It inherits where the calling thread may run. Nobody needs to wait for its
/// end: whatever it leaves half-done, the next start clears away.
///
/// # Errors
/// If the system refuses a thread.
pub(crate) fn start(
    mut agent: impl Agent + Send + 'static,
    clock: impl Clock + Send + 'static,
    stop: Arc<AtomicBool>,
) -> std::io::Result<()> {
    let name = format!("gavel-{}", agent.name());
    thread::Builder::new().name(name).spawn(move || {
        let _end = AbortOnPanic;
        // If it is refused, the thread has an ordinary share: slower for others, not wrong.
        let _ = cpu::step_back();
        while !stop.load(Ordering::Acquire) {
            if agent.duty_cycle(clock.now()) == 0 {
                thread::park_timeout(REST);
            }
        }
    })?;
    Ok(())
}

/// An agent that panics has broken an invariant: the process ends, rather than go on without it.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            std::process::abort();
        }
    }
}
