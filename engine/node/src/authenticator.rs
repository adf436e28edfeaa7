//! The thread that verifies who clients are: housekeeping, beside the hot tiles.
//!
//! Inputs -> outputs: an authenticator -> answers, until the node stops.
//! Limits: [`IDLE`] is the longest that a client waits for this thread to look.
//! Not here: what is verified (gavel-pipeline), how (gavel-io).

use gavel_contract::{Agent, Clock, Verifier};
use gavel_io::clock::SystemClock;
use gavel_io::cpu;
use gavel_pipeline::Authenticator;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long an idle authenticator rests: an idle node costs nothing, and opening a session takes a
/// millisecond longer.
const IDLE: Duration = Duration::from_millis(1);

/// Starts the thread. It ends when `stop` is set.
///
/// # Errors
/// If the system refuses a thread.
pub(crate) fn start<V: Verifier + Send + 'static>(
    mut authenticator: Authenticator<V>,
    clock: SystemClock,
    housekeeping: Vec<usize>,
    stop: Arc<AtomicBool>,
) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("gavel-auth".into()).spawn(move || {
        if !housekeeping.is_empty() {
            // If it cannot be confined it still must answer.
            let _ = cpu::confine_current(&housekeeping);
        }
        while !stop.load(Ordering::Acquire) {
            if authenticator.duty_cycle(clock.now()) == 0 {
                thread::park_timeout(IDLE);
            }
        }
    })
}
