//! Pure matching, timed: the machine on the thread that measures, through the calls that the
//! executor makes, and nothing else.
//!
//! Inputs -> outputs: a prepared workload -> thread-CPU time, and what came out of it.
//! Invariants: operations are records before the clock starts; whatever reads what the machine
//! wrote does so while the clock stands. What came out of each run is compared by whoever asked.
//! Limits: one symbol, one session.
//! Not here: sessions, numbering of reports, wire, journal; gates.

mod records;
mod sinks;
mod steps;

pub use sinks::{Count, Ring, Sink};
pub use steps::{Prepared, Step};

use crate::figures::Times;
use crate::workload::Tally;
use anyhow::{Context, Result, ensure};
use gavel_book::Book;
use gavel_contract::{BookPlan, Machine, Progress, SymbolSpec};
use gavel_types::limits::BURST;
use gavel_types::{LogRecord, Price, Qty, SessionSlot, StpInstruction, SymbolId};
use records::Maker;
use rustix::time::{ClockId, clock_gettime};
use std::time::Instant;

/// The one symbol.
const SYMBOL: SymbolId = SymbolId(1);
/// The one session.
const SESSION: SessionSlot = SessionSlot(0);
/// Operations that are records before the clock starts.
pub const BLOCK: usize = 1_024;

/// Whether the machine is shown records before they are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Expecting {
    /// As the executor does; whether it looks is the machine's to say.
    Always,
    /// Never: for comparison.
    Never,
}

/// How a run is made.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Orders are named by the handle that the machine gave them, not by the client's name.
    pub by_handle: bool,
    /// Whether the machine is shown what comes.
    pub expecting: Expecting,
    /// So many records are shown at a time.
    pub ahead: usize,
    /// All limits of risk and self-trade prevention are on, and refuse nothing.
    pub checks: bool,
}

/// What came out of a workload: the same, whoever did the matching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The trades.
    pub tally: Tally,
    /// The best bid, 0 if there is none.
    pub bid: i64,
    /// The best ask, 0 if there is none.
    pub ask: i64,
    /// Orders that are live.
    pub live: u64,
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tally: Tally { trades, volume, hash }, bid, ask, live } = self;
        write!(
            f,
            "{trades} trades, volume {volume}, hash {hash:016x}, bid {bid}, ask {ask}, {live} live"
        )
    }
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Thread-CPU time of the timed operations, all together (ns).
    pub cpu_ns: u64,
    /// What came out.
    pub ending: Ending,
    /// Reports that were made, of the prefill too.
    pub reports: u64,
}

/// The sizes of a machine for this workload, with all checks on if it says so.
#[must_use]
pub fn plan(prepared: &Prepared, orders_max: u32, checks: bool) -> BookPlan {
    let stp = if checks { StpInstruction::CancelResting } else { StpInstruction::Allow };
    let spec = SymbolSpec {
        symbol: SYMBOL,
        name: "BENCH".to_owned(),
        tick: Price(1),
        lot: Qty(1),
        price_min: Price(1),
        price_max: Price(1 << 40),
        qty_max: Qty(u64::from(u32::MAX)),
        qty_scale: 0,
        stp,
        protection: Price(0),
    };
    let mut plan = BookPlan { symbols: vec![spec], ..BookPlan::for_orders(orders_max) };
    if checks {
        plan.accounts_max = records::accounts(prepared.uid_max());
        plan.positions_max = plan.accounts_max;
    }
    plan
}

/// Runs a workload once, timed.
///
/// # Errors
/// If the machine's answers make no sense.
pub fn run<S: Sink>(prepared: &Prepared, plan: &BookPlan, how: How, sink: S) -> Result<Run> {
    let mut running = Running::new(plan, how, prepared.uid_max(), sink);
    let (prefill, timed) = prepared.steps.split_at(prepared.prefill);
    running.whole(prefill);
    let cpu_ns = running.whole(timed);
    running.ended(cpu_ns)
}

/// Runs a workload once, each operation timed by itself (wall time).
///
/// # Errors
/// If the machine's answers make no sense.
pub fn run_single(prepared: &Prepared, plan: &BookPlan, how: How) -> Result<(Times, Run)> {
    let mut running = Running::new(plan, how, prepared.uid_max(), Count::default());
    let (prefill, timed) = prepared.steps.split_at(prepared.prefill);
    running.whole(prefill);
    let mut times = Times::new();
    for step in timed {
        let record = running.maker.record(step);
        running.expect(std::slice::from_ref(&record));
        let began = Instant::now();
        running.machine.apply_whole(&record, &mut running.sink);
        let took = began.elapsed();
        times.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
    let cpu_ns = 0;
    Ok((times, running.ended(cpu_ns)?))
}

/// Lets the machine name every order: fills in the handles of `prepared`.
pub fn learn_handles(prepared: &mut Prepared, plan: &BookPlan) {
    let (by_handle, checks) = (false, false);
    let how = How { by_handle, expecting: Expecting::Never, ahead: BLOCK, checks };
    let mut running = Running::new(plan, how, 0, sinks::Handles::new(prepared.ids()));
    for step in &mut prepared.steps {
        // An order that is gone keeps its handle: it is stale then, and has to be refused.
        step.order_id = running.sink.handle(step.id);
        let record = running.maker.record(step);
        running.machine.apply_whole(&record, &mut running.sink);
    }
}

/// What a reading of the clock of [`run`] costs, and one of [`run_single`] (ns).
#[must_use]
pub fn clock_costs() -> (f64, f64) {
    const READINGS: u32 = 20_000;
    let each = |mut read: Box<dyn FnMut()>| {
        let began = Instant::now();
        (0..READINGS).for_each(|_| read());
        began.elapsed().as_nanos() as f64 / f64::from(READINGS)
    };
    let cpu = each(Box::new(|| {
        std::hint::black_box(thread_cpu_ns());
    }));
    let wall = each(Box::new(|| {
        std::hint::black_box(Instant::now());
    }));
    (cpu, wall)
}

fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

struct Running<S> {
    machine: Book,
    maker: Maker,
    how: How,
    sink: S,
    records: Vec<LogRecord>,
}

/// How far a block is.
#[derive(Default)]
struct Place {
    /// Records that were begun.
    begun: usize,
    /// Records that the machine was shown.
    shown: usize,
    /// The last of those is not applied whole.
    is_paused: bool,
}

impl<S: Sink> Running<S> {
    fn new(plan: &BookPlan, how: How, uid_max: u16, sink: S) -> Self {
        let (machine, maker) = (Book::new(plan), Maker::new(how.by_handle, how.checks));
        let records = Vec::with_capacity(BLOCK);
        let mut running = Self { machine, maker, how, sink, records };
        let opening = running.maker.opening();
        running.machine.apply_whole(&opening, &mut running.sink);
        if how.checks {
            for limit in running.maker.limits(uid_max) {
                running.machine.apply_whole(&limit, &mut running.sink);
                running.sink.publish();
                running.sink.drain();
            }
        }
        running
    }

    /// Applies all of them; the thread-CPU time that it took.
    fn whole(&mut self, steps: &[Step]) -> u64 {
        let mut cpu_ns = 0;
        for block in steps.chunks(BLOCK) {
            self.records.clear();
            self.records.extend(block.iter().map(|step| self.maker.record(step)));
            let mut place = Place::default();
            loop {
                let began = thread_cpu_ns();
                let is_done = self.go_on(&mut place);
                self.sink.publish();
                cpu_ns += thread_cpu_ns() - began;
                self.sink.drain();
                if is_done {
                    break;
                }
            }
        }
        cpu_ns
    }

    /// Applies records of the block until it is done (true) or the sink is to be drained first.
    #[inline]
    fn go_on(&mut self, place: &mut Place) -> bool {
        let Self { machine, sink, records, how, .. } = self;
        let expects = how.expecting == Expecting::Always;
        while place.is_paused {
            if sink.free() < BURST {
                return false;
            }
            place.is_paused = machine.resume(sink) == Progress::Paused;
        }
        for at in place.begun..records.len() {
            if sink.free() < BURST {
                return false;
            }
            if expects && at >= place.shown {
                place.shown = records.len().min(at + how.ahead);
                machine.expect(&records[at..place.shown]);
            }
            place.begun = at + 1;
            let mut progress = machine.apply(&records[at], sink);
            while progress == Progress::Paused {
                if sink.free() < BURST {
                    place.is_paused = true;
                    return false;
                }
                progress = machine.resume(sink);
            }
        }
        true
    }

    fn expect(&self, records: &[LogRecord]) {
        if self.how.expecting == Expecting::Always {
            self.machine.expect(records);
        }
    }

    fn ended(mut self, cpu_ns: u64) -> Result<Run> {
        let (tally, reports) = (self.sink.tally(), self.sink.reports());
        let live = u64::from(self.machine.live_orders(SESSION));
        let mut answer = sinks::Best::default();
        let query = self.maker.best_query();
        self.machine.apply_whole(&query, &mut answer);
        let (bid, ask) = answer.prices.context("the machine did not answer a query")?;
        ensure!(self.sink.is_sound(), "a trade was reported for one of its two orders only");
        Ok(Run { cpu_ns, ending: Ending { tally, bid, ask, live }, reports })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Shape, generate};

    fn how(by_handle: bool, expecting: Expecting) -> How {
        How { by_handle, expecting, ahead: 32, checks: false }
    }

    #[test]
    fn every_way_to_run_a_workload_ends_as_the_textbook_says() {
        for shape in [Shape::Moves, Shape::Sparse] {
            let mut prepared = Prepared::new(&generate(shape, 9, 20_000)).unwrap();
            let plan = plan(&prepared, prepared.orders_max(), false);
            learn_handles(&mut prepared, &plan);
            for by_handle in [false, true] {
                for expecting in [Expecting::Always, Expecting::Never] {
                    let how = how(by_handle, expecting);
                    let counted = run(&prepared, &plan, how, Count::default()).unwrap();
                    assert_eq!(counted.ending, prepared.ending, "{shape:?} {how:?}");
                    // A ring so small that it has to be drained in the middle of blocks.
                    let ring = run(&prepared, &plan, how, Ring::new(128)).unwrap();
                    assert_eq!(ring.ending, prepared.ending, "{shape:?} {how:?}");
                    assert!(ring.reports > prepared.steps.len() as u64);
                }
            }
            let checked = How { checks: true, ..how(false, Expecting::Never) };
            let plan_checked = super::plan(&prepared, prepared.orders_max(), true);
            let run = run(&prepared, &plan_checked, checked, Ring::new(128)).unwrap();
            assert_eq!(run.ending, prepared.ending, "{shape:?}, all checks");
            let single = how(true, Expecting::Always);
            let (times, run) = run_single(&prepared, &plan, single).unwrap();
            assert_eq!((times.count(), run.ending), (20_000, prepared.ending));
        }
    }

    #[test]
    fn a_stale_handle_is_refused() {
        use crate::workload::{Op, OpKind, OpSide, Workload};
        let op = |kind, id, qty, price| Op { kind, side: OpSide::Sell, uid: 1, qty, id, price };
        let ops = vec![
            op(OpKind::Gtc, 1, 10, 100),
            op(OpKind::Cancel, 1, 0, 0),
            // It takes the slot of the first, under another generation.
            op(OpKind::Gtc, 2, 10, 101),
            op(OpKind::Cancel, 1, 0, 0),
            op(OpKind::Move, 1, 0, 99),
            op(OpKind::Reduce, 1, 3, 0),
            op(OpKind::Cancel, 3, 0, 0),
        ];
        let mut prepared = Prepared::new(&Workload { prefill: 0, ops }).unwrap();
        let plan = plan(&prepared, prepared.orders_max(), false);
        learn_handles(&mut prepared, &plan);
        assert_ne!(prepared.steps[1].order_id.0, 0);
        assert_eq!(prepared.steps[3].order_id, prepared.steps[1].order_id);
        for by_handle in [false, true] {
            let how = how(by_handle, Expecting::Never);
            let run = run(&prepared, &plan, how, Count::default()).unwrap();
            assert_eq!(run.ending, prepared.ending);
            assert_eq!((run.ending.ask, run.ending.live), (101, 1));
        }
    }
}
