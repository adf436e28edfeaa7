//! A tile: a thread that runs agents in turn.
//!
//! Inputs -> outputs: agents and a clock -> their duty cycles, one after the other.
//! Invariants: the clock is sampled once a round; after start no allocation (the thread is marked
//! hot).
//! Limits: [`PARK_NS`] is the longest that an idle tile sleeps.
//! Not here: what agents do.

use gavel_config::{Idle, Tile, TileCpu};
use gavel_contract::{Agent, Clock};
use gavel_io::{cpu, hot_alloc};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Longest sleep of a parked tile (ns): what an order may wait for an idle node, at most.
pub const PARK_NS: u64 = 50_000;
/// Rounds without work after which a tile that may park does so. It yields until then.
const ROUNDS_BEFORE_PARK: u32 = 20_000;
/// Rounds between two looks at the stop flag.
const ROUNDS_PER_STOP_CHECK: u32 = 256;

/// What a tile does between rounds without work.
struct Idler {
    kind: Idle,
    rounds: u32,
}

impl Idler {
    #[inline]
    fn rest(&mut self) {
        match self.kind {
            Idle::Spin => std::hint::spin_loop(),
            Idle::Yield => thread::yield_now(),
            Idle::Park => {
                self.rounds = self.rounds.saturating_add(1);
                if self.rounds < ROUNDS_BEFORE_PARK {
                    thread::yield_now();
                } else {
                    thread::park_timeout(Duration::from_nanos(PARK_NS));
                }
            }
        }
    }
}

/// A running tile.
#[derive(Debug)]
pub struct Running {
    /// Its name.
    pub name: String,
    handle: JoinHandle<()>,
}

impl Running {
    /// Waits for its end.
    pub fn join(self) {
        if self.handle.join().is_err() {
            // The panic has been printed; a tile that panics has broken an invariant.
            std::process::abort();
        }
    }
}

/// A tile that panics has broken an invariant: the process ends, also where panics unwind, rather
/// than go on with some of its agents.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            std::process::abort();
        }
    }
}

/// Starts a tile. `placed` is called once, from the thread, when it sits where the topology says,
/// or with what went wrong.
///
/// # Errors
/// If the system refuses a thread.
pub fn start(
    tile: &Tile,
    mut agents: Vec<Box<dyn Agent + Send>>,
    clock: impl Clock + Send + 'static,
    stop: Arc<AtomicBool>,
    placed: impl FnOnce(Result<(), String>) + Send + 'static,
) -> std::io::Result<Running> {
    let (cpu, kind) = (tile.cpu, tile.idle);
    let builder = thread::Builder::new().name(format!("gavel-{}", tile.name));
    let handle = builder.spawn(move || {
        let pinned = match cpu {
            TileCpu::Any => Ok(()),
            TileCpu::Cpu(cpu) => cpu::pin_current(cpu).map_err(|fault| fault.to_string()),
        };
        let seated = pinned.is_ok();
        placed(pinned);
        if !seated {
            return;
        }
        let _end = AbortOnPanic;
        hot_alloc::mark_hot();
        run(&mut agents, &clock, kind, &stop);
        hot_alloc::mark_cold();
    })?;
    Ok(Running { name: tile.name.clone(), handle })
}

fn run(agents: &mut [Box<dyn Agent + Send>], clock: &impl Clock, kind: Idle, stop: &AtomicBool) {
    let mut idler = Idler { kind, rounds: 0 };
    let mut rounds = 0_u32;
    loop {
        let now = clock.now();
        let mut work = 0;
        for agent in agents.iter_mut() {
            work += agent.duty_cycle(now);
        }
        if work == 0 {
            idler.rest();
        } else {
            idler.rounds = 0;
        }
        rounds = rounds.wrapping_add(1);
        let looks =
            rounds.is_multiple_of(ROUNDS_PER_STOP_CHECK) || idler.rounds > ROUNDS_BEFORE_PARK;
        if looks && stop.load(Ordering::Acquire) {
            return;
        }
    }
}
