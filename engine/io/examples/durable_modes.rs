//! Measures every way of making a write durable, through the log store port, and prints a table:
//! latency of single 4 KiB writes at depth 1, and commits a second at depths 1 to 8; the polling
//! thread spins, yields or naps; a neighbour may compete for the CPUs.
//!
//! `cargo run --release -p gavel-io --example durable_modes -- [DIRECTORY] [--neighbours N]
//! [--millis M] [--fifo PRIORITY] [--only PART_OF_A_NAME]`
//!
//! Ratios within one run count; absolute numbers belong to the machine and the minute.

use gavel_contract::{BufferId, LogDone, LogStore, LogWrite, SegmentNo};
use gavel_io::cpu::{self, Policy};
use gavel_io::storage::{DurableMode, FileLogStore, LogDirectory, StoreOptions, UringFlavour};
use hdrhistogram::Histogram;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PAGE: usize = 4096;
const SEGMENT_BYTES: u64 = 64 << 20;
const DEPTHS: [usize; 4] = [1, 2, 4, 8];
const WARM_UP: u64 = 200;
const NAP: Duration = Duration::from_micros(10);

/// What the poller does when there is nothing.
#[derive(Clone, Copy, Debug)]
enum Idle {
    Spin,
    Yield,
    /// Sleeps for [`NAP`] at a time.
    Nap,
}

struct Settings {
    directory: PathBuf,
    neighbours: usize,
    time: Duration,
    fifo: Option<u8>,
    only: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let settings = settings()?;
    if let Some(priority) = settings.fifo {
        cpu::set_policy(Policy::Fifo(priority))?;
    }
    println!(
        "{} CPUs, {} neighbours that spin, poller {:?}, {} ms a cell, in {}",
        cpu::allowed_cpus().len(),
        settings.neighbours,
        cpu::policy()?,
        settings.time.as_millis(),
        settings.directory.display()
    );
    println!(
        "{:<34} {:>7} {:>8} {:>8} {:>8} {:>9}   commits/s at depth {DEPTHS:?}",
        "way", "p50 us", "p90", "p99", "p99.9", "max"
    );
    let stop = Arc::new(AtomicBool::new(false));
    let neighbours: Vec<_> = (0..settings.neighbours).map(|_| neighbour(&stop)).collect();
    for (name, options) in ways().into_iter().filter(|(name, _)| name.contains(&settings.only)) {
        for idle in [Idle::Spin, Idle::Yield, Idle::Nap] {
            measure(&settings, &name, &options, idle)?;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for thread in neighbours {
        thread.join().map_err(|_| "a neighbour panicked")?;
    }
    Ok(())
}

fn settings() -> Result<Settings, Box<dyn Error>> {
    let mut settings = Settings {
        directory: std::env::temp_dir(),
        neighbours: 0,
        time: Duration::from_millis(400),
        fifo: None,
        only: String::new(),
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--neighbours" => settings.neighbours = value()?.parse()?,
            "--millis" => settings.time = Duration::from_millis(value()?.parse()?),
            "--fifo" => settings.fifo = Some(value()?.parse()?),
            "--only" => settings.only = value()?,
            path => settings.directory = path.into(),
        }
    }
    Ok(settings)
}

/// Something else that wants a CPU all the time, as a client that polls does.
fn neighbour(stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        // An ordinary thread, whatever the poller is; refused, it is what the poller is.
        let _ = cpu::set_policy(Policy::Normal);
        while !stop.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    })
}

fn ways() -> Vec<(String, StoreOptions)> {
    let base = StoreOptions::new(8, PAGE, SEGMENT_BYTES);
    let mut ways = Vec::new();
    for mode in [DurableMode::UringDsync, DurableMode::UringFdatasync] {
        for uring in [UringFlavour::Plain, UringFlavour::Coop, UringFlavour::Defer] {
            let options = StoreOptions { mode, uring, ..base.clone() };
            ways.push((format!("{mode:?} {uring:?}"), options));
        }
    }
    for writer_fifo in [None, Some(1)] {
        for writer_spin_us in [0, 50] {
            let mode = DurableMode::Thread;
            let class = if writer_fifo.is_some() { "fifo" } else { "normal" };
            let options = StoreOptions { mode, writer_spin_us, writer_fifo, ..base.clone() };
            ways.push((format!("Thread {class} spin {writer_spin_us} us"), options));
        }
    }
    ways
}

fn measure(
    settings: &Settings,
    name: &str,
    options: &StoreOptions,
    idle: Idle,
) -> Result<(), Box<dyn Error>> {
    let place = settings.directory.join(format!("durable-modes-{}", std::process::id()));
    let result = measure_in(&place, settings, options, idle);
    std::fs::remove_dir_all(&place)?;
    let (latency, rates) = result?;
    let us = |quantile| latency.value_at_quantile(quantile) as f64 / 1e3;
    println!(
        "{:<34} {:>7.1} {:>8.1} {:>8.1} {:>8.1} {:>9.1}   {:>6} {:>6} {:>6} {:>6}",
        format!("{name}, {idle:?}"),
        us(0.5),
        us(0.9),
        us(0.99),
        us(0.999),
        latency.max() as f64 / 1e3,
        rates[0],
        rates[1],
        rates[2],
        rates[3]
    );
    Ok(())
}

type Measured = (Histogram<u64>, [u64; DEPTHS.len()]);

fn measure_in(
    place: &Path,
    settings: &Settings,
    options: &StoreOptions,
    idle: Idle,
) -> Result<Measured, Box<dyn Error>> {
    let mut directory = LogDirectory::open(place)?;
    directory.next_incarnation()?;
    let mut store = directory.store(options)?;
    if store.mode() != options.mode {
        return Err(store.notes().join("; ").into());
    }
    store.prepare(SegmentNo(1), SegmentNo(0));
    while !matches!(wait(&mut store, Idle::Yield)?, LogDone::Prepared(_)) {}
    let mut latency = Histogram::new(3)?;
    let mut rates = [0; DEPTHS.len()];
    for (rate, depth) in rates.iter_mut().zip(DEPTHS) {
        *rate = run(&mut store, settings.time, depth, idle, &mut latency)?;
    }
    Ok((latency, rates))
}

/// Keeps `depth` writes in flight for `time`; returns commits a second. At depth 1 each write's
/// latency is recorded.
fn run(
    store: &mut FileLogStore,
    time: Duration,
    depth: usize,
    idle: Idle,
    latency: &mut Histogram<u64>,
) -> Result<u64, Box<dyn Error>> {
    let mut next = 0;
    let mut submit = |store: &mut FileLogStore, buffer: BufferId| {
        let offset_bytes = next * PAGE as u64 % SEGMENT_BYTES;
        next += 1;
        store.buffer(buffer)[0] = next as u8;
        store.submit(LogWrite { buffer, len_bytes: PAGE, segment: SegmentNo(1), offset_bytes });
    };
    for buffer in 0..depth {
        submit(store, BufferId(buffer));
    }
    let mut since = Instant::now();
    let mut submitted = since;
    let mut landed = 0u64;
    while since.elapsed() < time || landed <= WARM_UP {
        let LogDone::Written(write) = wait(store, idle)? else { return Err("no write".into()) };
        landed += 1;
        if landed == WARM_UP {
            since = Instant::now();
        }
        if depth == 1 && landed > WARM_UP {
            latency.record(submitted.elapsed().as_nanos() as u64)?;
        }
        submitted = Instant::now();
        submit(store, write.buffer);
    }
    let rate = (landed - WARM_UP) as f64 / since.elapsed().as_secs_f64();
    for _ in 0..depth {
        wait(store, idle)?;
    }
    Ok(rate as u64)
}

fn wait(store: &mut FileLogStore, idle: Idle) -> Result<LogDone, Box<dyn Error>> {
    loop {
        match store.poll() {
            Some(LogDone::WriteFailed(_, why) | LogDone::PrepareFailed(_, why)) => {
                return Err(why.into());
            }
            Some(done) => return Ok(done),
            None => match idle {
                Idle::Spin => std::hint::spin_loop(),
                Idle::Yield => std::thread::yield_now(),
                Idle::Nap => std::thread::sleep(NAP),
            },
        }
    }
}
