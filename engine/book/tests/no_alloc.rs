//! A book takes its memory when it is made, and none after that.
//!
//! Alone in its binary: what counts allocations is the allocator of all of it. It counts by thread,
//! and around the book's own calls only: the flow and the harness may allocate.

#[path = "../examples/argue/dice.rs"]
mod dice;
#[path = "../examples/argue/flow.rs"]
mod flow;
#[path = "../examples/argue/orders.rs"]
mod orders;
#[path = "../examples/argue/steering.rs"]
mod steering;

use dice::Dice;
use flow::Flow;
use gavel_book::Book;
use gavel_contract::{EVENTS_PER_REPORT, Machine, Outbox, Progress};
use gavel_types::limits::BURST;
use gavel_types::{CancelReason, Event, Index, LogRecord, Report, SessionSlot, Stamp, Term};

/// Commands of one book.
const COMMANDS: u64 = 50_000;

/// An outbox that took its memory before.
struct Sink<const EVENTS: bool> {
    reports: Vec<Report>,
    events: Vec<Event>,
}

impl<const EVENTS: bool> Sink<EVENTS> {
    fn new() -> Self {
        let events = Vec::with_capacity(BURST * EVENTS_PER_REPORT);
        Self { reports: Vec::with_capacity(BURST), events }
    }
}

impl<const EVENTS: bool> Outbox for Sink<EVENTS> {
    const KEEPS_EVENTS: bool = EVENTS;

    fn free(&self) -> usize {
        BURST - self.reports.len()
    }

    fn push(&mut self, report: Report) {
        assert!(self.free() > 0, "nothing is pushed where there is no room");
        self.reports.push(report);
    }

    fn event(&mut self, event: &Event) {
        assert!(self.events.len() < BURST * EVENTS_PER_REPORT, "events are no more than promised");
        self.events.push(*event);
    }
}

/// How often the allocator was called for memory.
fn allocations(what: impl FnOnce()) -> u64 {
    allocation_counter::measure(what).count_total
}

fn run<const EVENTS: bool>(seed: u64) -> u64 {
    let mut dice = Dice::new(seed);
    let plan = flow::plan(&mut dice);
    let mut flow = Flow::new(seed, &plan);
    let mut book = Book::new(&plan);
    book.look_ahead_always();
    let bytes = book.memory_bytes();
    let mut out = Sink::<EVENTS>::new();
    let mut reports = 0;
    for n in 1..=COMMANDS {
        let (command, time) = flow.next();
        let stamp = Stamp { index: Index(n), term: Term(1), time };
        let record = LogRecord { stamp, command };
        let ends = dice.one_in(2_000).then(|| SessionSlot(dice.below(4) as u32));
        let mut progress = Progress::Done;
        let mut count = allocations(|| {
            book.expect(&[record, record]);
            progress = match ends {
                Some(session) => {
                    let why = CancelReason::CancelOnDisconnect;
                    book.cancel_session(stamp, session, why, &mut out)
                }
                None => book.apply(&record, &mut out),
            };
        });
        loop {
            reports += out.reports.len() as u64;
            out.reports.iter().for_each(|report| flow.saw(report));
            out.reports.clear();
            out.events.clear();
            if progress == Progress::Done {
                break;
            }
            count += allocations(|| progress = book.resume(&mut out));
        }
        assert_eq!(count, 0, "seed {seed}, command {n} took memory: {record:?}");
    }
    book.verify();
    assert_eq!(book.memory_bytes(), bytes, "the memory is what it was");
    reports
}

fn many(seeds: u64) {
    let mut reports = 0;
    for seed in 1..=seeds / 2 {
        reports += run::<false>(seed) + run::<true>(seed);
    }
    assert!(reports > seeds * COMMANDS / 2, "something happened");
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(9)))), 1);
    assert_eq!(allocations(|| ()), 0);
}

#[test]
fn a_million_commands_take_no_memory() {
    many(1_000_000 / COMMANDS);
}

/// `GAVEL_LONG=1 cargo test --release -p gavel-book --test no_alloc`
#[test]
fn ten_million_commands_take_no_memory() {
    if std::env::var_os("GAVEL_LONG").is_none() {
        println!("SKIPPED: GAVEL_LONG is not set");
        return;
    }
    many(10_000_000 / COMMANDS);
}
