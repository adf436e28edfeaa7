//! From a start to a serving node, and to its end.
//!
//! Inputs -> outputs: a checked [`Start`] -> a node that serves until it is asked to stop.
//! Invariants: nothing is served before recovery has agreed; memory is taken and locked before the
//! first client; a failed write ends the process with its own status.
//! Limits: [`STOP_GRACE`] for clients to be told that the node stops.
//! Not here: agents (gavel-pipeline), ports (gavel-io).

use crate::cli::Start;
use crate::store::{Silenced, silenced};
use crate::trace::Trace;
use crate::watch::Watch;
use crate::{authenticator, background, exit, say, tile};
use gavel_book::Book;
use gavel_config::{DurableMode, Host, HotAlloc};
use gavel_contract::{Agent, Clock, LogStore, Now, StoreFault};
use gavel_io::clock::SystemClock;
use gavel_io::codec::Zstd;
use gavel_io::credentials::Ed25519;
use gavel_io::files::DataFiles;
use gavel_io::storage::{self, FileLogStore, LogDirectory, StoreOptions, TailingReader};
use gavel_io::tcp::{self, TcpEgress, TcpIngress};
use gavel_io::{cpu, hot_alloc, memory};
use gavel_journal::Journal;
use gavel_link::Position;
use gavel_pipeline::{Assembly, Authenticator, AuthenticatorLinks, Ports, assemble};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a stopping node waits for its clients to be told.
const STOP_GRACE: Duration = Duration::from_millis(500);

/// Why a node did not start, or ended.
#[derive(Debug)]
pub struct Failure {
    /// Exit status.
    pub code: u8,
    /// For a person.
    pub what: String,
}

impl Failure {
    fn new(code: u8, what: impl std::fmt::Display) -> Self {
        Self { code, what: what.to_string() }
    }
}

/// What this host offers to a topology.
#[must_use]
pub fn host() -> Host {
    let allowed_cpus = cpu::allowed_cpus();
    let numa_nodes = allowed_cpus.iter().map(|cpu| cpu::numa_node(*cpu).unwrap_or(0)).collect();
    Host { allowed_cpus, numa_nodes, fifo: false }
}

/// Makes the machine: here, and once more for the shadow.
type MakeBook = Box<dyn FnMut() -> Book + Send>;

type Node = Assembly<
    Book,
    Silenced<FileLogStore>,
    TcpIngress,
    TcpEgress,
    TailingReader,
    DataFiles,
    Zstd,
    MakeBook,
>;

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// [`Failure`] with the exit status and what to tell the operator.
pub fn serve(start: Start) -> Result<(), Failure> {
    // Signals are taken before anything else, so that none is lost while recovering.
    let signals = Signals::take().map_err(|error| Failure::new(exit::USAGE, error))?;
    let began = Instant::now();
    let settings = &start.settings;
    say::opening(&start);
    let mut directory = LogDirectory::open(&settings.data_dir)
        .map_err(|fault| Failure::new(exit::DIRECTORY, fault))?;
    let incarnation =
        directory.next_incarnation().map_err(|fault| Failure::new(exit::DIRECTORY, fault))?;
    let store = directory
        .store(&store_options(&start))
        .map_err(|fault| Failure::new(exit::DIRECTORY, fault))?;
    let mode = say::Mode { name: name(store.mode()), notes: store.notes().to_vec() };
    let clock = SystemClock::new();
    let (ingress, egress) =
        tcp::listen(settings.listen, settings.plan.session.connections_max, &clock)
            .map_err(|fault| Failure::new(exit::ADDRESS, fault))?;
    let address = ingress.local_address();
    let (store, full_disk) = silenced(store);
    let ports = Ports {
        store,
        log: directory.tailing_reader().map_err(|f| Failure::new(exit::DIRECTORY, f))?,
        files: DataFiles::new(&settings.data_dir, settings.files_bytes_per_s_max),
        codec: Zstd::new().map_err(|error| Failure::new(exit::USAGE, error))?,
        ingress,
        egress,
    };
    let plan = settings.plan.book.clone();
    let make: MakeBook = Box::new(move || Book::new(&plan));
    let opened = began.elapsed();
    let mut log = directory
        .ahead_reader(&start.topology.housekeeping)
        .map_err(|fault| Failure::new(exit::DIRECTORY, fault))?;
    let assembled = assemble(&settings.plan, make, &mut log, incarnation, &clock, ports);
    let node = assembled.map_err(|refusal| {
        let what = format!("the log in {}: {refusal}", settings.data_dir.display());
        Failure::new(exit::RECOVERY, what)
    })?;
    // Its thread and its buffers have done what they are for.
    drop(log);
    if let Some(segment) = node.handles.recovered.unprepared {
        directory
            .remove_unprepared(segment, settings.plan.journal.segment_bytes)
            .map_err(|fault| Failure::new(exit::DIRECTORY, fault))?;
    }
    let locking = Instant::now();
    let locked = memory::lock_all();
    let locking = locking.elapsed();
    say::recovered(&start, &node.handles);
    say::memory(&start, &node.handles.memory, &locked);
    let times = say::Times { whole: began.elapsed(), opening: opened, locking };
    say::serving(&start, address, &mode, &node.handles.restart.times, &times);
    hot_alloc::set_mode(match settings.hot_alloc {
        HotAlloc::Count => hot_alloc::HotMode::Count,
        HotAlloc::Abort => hot_alloc::HotMode::Abort,
    });
    let watch = Watch::new(&node.handles, full_disk, start.quiet);
    run(&start, node, &clock, &signals, watch, || publish(&start, address))
}

/// Writes the ready file whole: whoever reads it finds the address or nothing.
fn publish(start: &Start, address: std::net::SocketAddr) -> Result<(), Failure> {
    let Some(path) = &start.ready_file else { return Ok(()) };
    let half = path.with_extension("half");
    std::fs::write(&half, format!("{address}\n"))
        .and_then(|()| std::fs::rename(&half, path))
        .map_err(|error| {
            let what = format!("{}: the ready file cannot be written: {error}", path.display());
            Failure::new(exit::USAGE, what)
        })
}

/// The store's mode, by its name in the configuration.
fn name(mode: storage::DurableMode) -> &'static str {
    match mode {
        storage::DurableMode::UringDsync => DurableMode::UringDsync.name(),
        storage::DurableMode::UringFdatasync => DurableMode::UringFdatasync.name(),
        storage::DurableMode::Thread => DurableMode::Thread.name(),
    }
}

fn store_options(start: &Start) -> StoreOptions {
    let settings = &start.settings;
    let journal = &settings.plan.journal;
    let mut options = StoreOptions::new(
        journal.blocks_in_flight_max + 1,
        journal.block_bytes_max,
        journal.segment_bytes,
    );
    options.housekeeping_cpus.clone_from(&start.topology.housekeeping);
    match settings.durable_mode {
        DurableMode::Auto => {}
        DurableMode::UringDsync => options.mode = storage::DurableMode::UringDsync,
        DurableMode::UringFdatasync => options.mode = storage::DurableMode::UringFdatasync,
        DurableMode::Thread => options.mode = storage::DurableMode::Thread,
    }
    options
}

/// The journal on its tile: a fault ends the process at once, on whatever thread it shows.
struct FailStop<S: LogStore>(Journal<S>);

impl<S: LogStore> Agent for FailStop<S> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    #[inline]
    fn duty_cycle(&mut self, now: Now) -> usize {
        let work = self.0.duty_cycle(now);
        if let Some(fault) = self.0.fault() {
            fail_stop(fault);
        }
        work
    }
}

#[cold]
fn fail_stop(fault: &StoreFault) -> ! {
    hot_alloc::mark_cold();
    say::complain!(
        "gaveld: {fault}. A failed write of the log is never retried: what it covered may or may not \
         be on the disk. The node ends here; what was acknowledged is durable. Check the disk, then \
         start again: recovery decides what stands."
    );
    std::process::exit(i32::from(exit::STORAGE));
}

fn run(
    start: &Start,
    node: Node,
    clock: &SystemClock,
    signals: &Signals,
    mut watch: Watch,
    publish: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Assembly { gateway, sequencer, journal, executor, egress, shadow, mut handles } = node;
    let trace = start.trace.as_ref().map(|path| (Trace::new(clock), path));
    let agents: Vec<Box<dyn Agent + Send>> = match &trace {
        None => vec![
            Box::new(gateway),
            Box::new(sequencer),
            Box::new(FailStop(journal)),
            Box::new(executor),
            Box::new(egress),
        ],
        Some((trace, _)) => vec![
            Box::new(trace.of(gateway)),
            Box::new(trace.of(sequencer)),
            Box::new(trace.of(FailStop(journal))),
            Box::new(trace.of(executor)),
            Box::new(trace.of(egress)),
        ],
    };
    let stop = Arc::new(AtomicBool::new(false));
    let authenticator = match handles.authenticator.take() {
        Some(links) => Some(authenticate(start, links, clock, &stop)?),
        None => None,
    };
    let tiles = seat(start, agents, clock, &stop)?;
    if !start.topology.housekeeping.is_empty() {
        // This thread is housekeeping from here on.
        cpu::confine_current(&start.topology.housekeeping)
            .map_err(|fault| Failure::new(exit::USAGE, fault))?;
    }
    publish()?;
    // What it takes from here on is not hot, and a limit on locked memory is none of its business.
    let _ = memory::lock_no_more();
    background::start(shadow, clock.clone(), Arc::clone(&stop))
        .map_err(|error| Failure::new(exit::USAGE, error))?;
    loop {
        match signals.wait(Watch::EVERY) {
            Some(Told::Stop) => break,
            Some(Told::Snapshot) => {
                let asked = handles.snapshot_asked.at();
                let index = asked.index.next();
                handles.snapshot_asked.raise(Position { index, ..asked });
            }
            None => {}
        }
        watch.look(&mut handles, clock.now());
    }
    say::stopping(start);
    handles.stop.raise(Position { generation: 0, index: gavel_types::Index(1) });
    let deadline = Instant::now() + STOP_GRACE;
    while Instant::now() < deadline && signals.wait(Watch::EVERY) != Some(Told::Stop) {}
    stop.store(true, Ordering::Release);
    for tile in tiles {
        tile.join();
    }
    if let Some(thread) = authenticator {
        // A panic of it has been printed; what was acknowledged does not depend on it.
        let _ = thread.join();
    }
    if let Some((trace, path)) = trace {
        trace.write(path).map_err(|error| {
            Failure::new(exit::USAGE, format!("{}: the trace: {error}", path.display()))
        })?;
    }
    say::stopped(start, &handles, hot_alloc::counted());
    Ok(())
}

/// Starts the agent that checks signatures, where housekeeping runs.
fn authenticate(
    start: &Start,
    links: AuthenticatorLinks,
    clock: &SystemClock,
    stop: &Arc<AtomicBool>,
) -> Result<JoinHandle<()>, Failure> {
    let verifier = Ed25519::new().map_err(|error| {
        Failure::new(exit::USAGE, format!("randomness for challenges: {error}"))
    })?;
    let agent = Authenticator::new(start.keys.clone(), links, verifier);
    let cpus = start.topology.housekeeping.clone();
    authenticator::start(agent, clock.clone(), cpus, Arc::clone(stop))
        .map_err(|error| Failure::new(exit::USAGE, error))
}

/// Starts the tiles, one after the other, each with its agents; every one is in its place then.
fn seat(
    start: &Start,
    mut agents: Vec<Box<dyn Agent + Send>>,
    clock: &SystemClock,
    stop: &Arc<AtomicBool>,
) -> Result<Vec<tile::Running>, Failure> {
    let mut tiles = Vec::new();
    for tile in &start.topology.tiles {
        let mut mine = Vec::new();
        for name in &tile.agents {
            let at = agents.iter().position(|agent| agent.name() == *name);
            mine.push(agents.swap_remove(at.expect("a checked topology places every agent once")));
        }
        let (placed_in, placed) = mpsc::sync_channel(1);
        let running = tile::start(tile, mine, clock.clone(), Arc::clone(stop), move |how| {
            // The receiver waits below; if it is gone the node is ending anyway.
            let _ = placed_in.send(how);
        });
        tiles.push(running.map_err(|error| Failure::new(exit::USAGE, error))?);
        let seated = placed.recv().unwrap_or_else(|_| Err("the tile ended".into()));
        seated
            .map_err(|what| Failure::new(exit::USAGE, format!("tile {:?}: {what}", tile.name)))?;
    }
    Ok(tiles)
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// SIGINT, SIGTERM.
    Stop,
    /// SIGUSR1.
    Snapshot,
}

/// Signals, waited for on the main thread.
struct Signals(mpsc::Receiver<Told>);

impl Signals {
    fn take() -> Result<Self, std::io::Error> {
        use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGUSR1])?;
        let (tell, told) = mpsc::channel();
        std::thread::Builder::new().name("gavel-signals".into()).spawn(move || {
            for signal in signals.forever() {
                let what = if signal == SIGUSR1 { Told::Snapshot } else { Told::Stop };
                if tell.send(what).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self(told))
    }

    /// The next signal, if one came within the time.
    fn wait(&self, time: Duration) -> Option<Told> {
        self.0.recv_timeout(time).ok()
    }
}
