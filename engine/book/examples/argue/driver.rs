//! Both books under one flow: every report, every digest, what everybody is told, and the state
//! that is saved must agree.

use super::dice::Dice;
use super::flow::{Flow, plan};
use super::met::Met;
use super::shadow::{Collected, Shadow};
use gavel_book::reference::ReferenceBook;
use gavel_book::{Book, LiveOrder};
use gavel_contract::{
    BadState, BookPlan, EVENTS_PER_REPORT, Machine, Outbox, Progress, StateSink, StateSource,
};
use gavel_types::limits::BURST;
use gavel_types::{
    Body, CancelReason, ClOrdId, Event, EventKind, ExecTrade, Index, LogRecord, OrderId, Price,
    Qty, Report, ReportBody, SessionSlot, Stamp, Term, exec_inst,
};
use std::collections::{BTreeMap, BTreeSet};

/// Reports and events, as much as there is room for.
#[derive(Default)]
struct Room {
    free: usize,
    /// Events that may still come before the next look at `free`.
    events_left: usize,
    reports: Vec<Report>,
    events: Vec<Event>,
}

impl Room {
    /// Promises so many slots.
    fn promise(&mut self, free: usize) {
        self.free = free;
        self.events_left = free.saturating_mul(EVENTS_PER_REPORT);
    }
}

impl Outbox for Room {
    const KEEPS_EVENTS: bool = true;

    fn free(&self) -> usize {
        self.free.min(self.events_left / EVENTS_PER_REPORT)
    }

    fn push(&mut self, report: Report) {
        assert!(self.free > 0, "nothing is pushed where there is no room");
        self.free -= 1;
        self.reports.push(report);
    }

    fn event(&mut self, event: &Event) {
        assert!(self.events_left > 0, "there are no more events than were promised");
        self.events_left -= 1;
        self.events.push(*event);
    }
}

struct Bytes(Vec<u8>, usize);

impl StateSink for Bytes {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

impl StateSource for Bytes {
    fn take(&mut self, into: &mut [u8]) -> Result<(), BadState> {
        let end = self.1 + into.len();
        into.copy_from_slice(self.0.get(self.1..end).ok_or(BadState { what: "it ends" })?);
        self.1 = end;
        Ok(())
    }
}

/// Runs one seed.
///
/// # Panics
/// If the books disagree, with each other or with themselves.
pub(crate) fn run(seed: u64, commands: u64, met: &mut Met) {
    let mut dice = Dice::new(seed);
    let plan = plan(&mut dice);
    let mut flow = Flow::new(seed, &plan);
    let mut pair = Pair {
        fast: fast_book(&plan),
        naive: ReferenceBook::new(&plan),
        plan,
        shadow: Shadow::default(),
        ids: BTreeMap::new(),
        whole: BTreeSet::new(),
    };
    let tight = dice.one_in(2);
    // Looking at everything after every command, or now and then to come further.
    let every = if dice.one_in(3) { 64 } else { 1 };
    for n in 1..=commands {
        let (command, time) = flow.next();
        let stamp = Stamp { index: Index(n), term: Term(1), time };
        let record = LogRecord { stamp, command };
        let room = if tight { 2 + dice.below(5) as usize } else { 1 << 20 };
        if dice.one_in(8) {
            pair.fast.expect(&[record, record]);
        }
        let reports = if dice.one_in(200) {
            pair.advance(stamp, room, met)
        } else if dice.one_in(2_000) {
            let session = SessionSlot(dice.below(4) as u32);
            pair.end_session(stamp, session, room, met)
        } else {
            pair.apply(&record, room, met)
        };
        met.answered(&record, &reports);
        for report in &reports {
            flow.saw(report);
        }
        if n % every == 0 {
            pair.check(&record);
        }
        if dice.one_in(3_000) {
            pair.restore();
            met.restores += 1;
        }
    }
    met.commands += commands;
}

struct Pair {
    fast: Book,
    naive: ReferenceBook,
    plan: BookPlan,
    shadow: Shadow,
    /// OrderIDs of what was ever live.
    ids: BTreeMap<(SessionSlot, ClOrdId), OrderId>,
    /// All-or-none orders, whom auctions do not see.
    whole: BTreeSet<OrderId>,
}

impl Pair {
    fn apply(&mut self, record: &LogRecord, room: usize, met: &mut Met) -> Vec<Report> {
        let mut fast = Room::default();
        fast.promise(BURST.max(room));
        let mut progress = self.fast.apply(record, &mut fast);
        let mut turns = 0;
        while progress == Progress::Paused {
            met.pauses += 1;
            turns += 1;
            // What was due may have ended: then the record waits for the room of a whole one.
            fast.promise(if turns % 4 == 0 { BURST } else { room });
            progress = self.fast.resume(&mut fast);
        }
        let mut naive = Room::default();
        naive.promise(usize::MAX);
        assert_eq!(self.naive.apply(record, &mut naive), Progress::Done);
        let reports = self.agree(&format!("{record:?}"), fast, naive);
        self.remember(record, &reports);
        reports
    }

    fn remember(&mut self, record: &LogRecord, reports: &[Report]) {
        for report in reports {
            let order = match report.parse() {
                Ok(ReportBody::New(new)) => &new.order,
                Ok(ReportBody::Replaced(replaced)) => &replaced.order,
                _ => continue,
            };
            self.ids.insert((report.session, order.cl_ord_id), order.order_id);
            let body = record.command.parse().expect("a command of the flow has a meaning");
            let is_whole = matches!(body, Body::NewOrder(asked)
                if asked.exec_inst & exec_inst::ALL_OR_NONE != 0);
            if is_whole {
                self.whole.insert(order.order_id);
            }
        }
    }

    fn advance(&mut self, stamp: Stamp, room: usize, met: &mut Met) -> Vec<Report> {
        let mut fast = Room::default();
        fast.promise(gavel_types::limits::BURST.max(room));
        let mut progress = self.fast.advance(stamp, &mut fast);
        while progress == Progress::Paused {
            met.pauses += 1;
            fast.promise(room);
            progress = self.fast.resume(&mut fast);
        }
        let mut naive = Room::default();
        naive.promise(usize::MAX);
        assert_eq!(self.naive.advance(stamp, &mut naive), Progress::Done);
        self.agree("time passes", fast, naive)
    }

    fn end_session(
        &mut self,
        stamp: Stamp,
        session: SessionSlot,
        room: usize,
        met: &mut Met,
    ) -> Vec<Report> {
        let why = CancelReason::CancelOnDisconnect;
        let mut fast = Room::default();
        fast.promise(room);
        let mut progress = self.fast.cancel_session(stamp, session, why, &mut fast);
        while progress == Progress::Paused {
            met.pauses += 1;
            fast.promise(room);
            progress = self.fast.resume(&mut fast);
        }
        let mut naive = Room::default();
        naive.promise(usize::MAX);
        let done = self.naive.cancel_session(stamp, session, why, &mut naive);
        assert_eq!(done, Progress::Done);
        self.agree("the end of a session", fast, naive)
    }

    fn agree(&mut self, what: &str, fast: Room, naive: Room) -> Vec<Report> {
        if fast.reports != naive.reports {
            let pairs = fast.reports.iter().zip(&naive.reports);
            let same = pairs.take_while(|(fast, naive)| fast == naive).count();
            panic!(
                "{what}\nagree on {same} reports, then\nfast  {:#?}\nnaive {:#?}",
                fast.reports.get(same),
                naive.reports.get(same)
            );
        }
        fast.reports.iter().for_each(|report| self.shadow.check_phase(report));
        fast.events.iter().for_each(|event| self.shadow.take(event));
        assert_eq!(matches_told(&fast.events), matches_reported(&fast.reports), "{what}");
        fast.reports
    }

    fn check(&mut self, record: &LogRecord) {
        self.fast.verify();
        self.naive.verify();
        let key = |session: SessionSlot| u64::from(session.0) + 100;
        assert_eq!(self.fast.digest(&key), self.naive.digest(&key), "{record:?}");
        assert_eq!(self.fast.due(), self.naive.due(), "{record:?}");
        for session in (0..self.plan.sessions_max).map(SessionSlot) {
            let live = self.naive.live_orders(session);
            assert_eq!(self.fast.live_orders(session), live, "{record:?}");
        }
        self.check_events(record);
    }

    /// What events say is what is displayed.
    fn check_events(&self, record: &LogRecord) {
        let (mut live, mut collected) = (Vec::new(), Vec::new());
        self.fast.for_each_live(|order: &LiveOrder| {
            if order.stop_px != Price::NULL {
                return;
            }
            let LiveOrder { symbol, side, price, .. } = *order;
            let displayed = order.leaves_qty.0 - order.hidden_qty.0;
            live.push((symbol, side.code(), price, displayed));
            if !self.whole.contains(&self.ids[&(order.session, order.cl_ord_id)]) {
                collected.push(Collected { symbol, side, price, qty: order.leaves_qty.0 });
            }
        });
        live.sort_by_key(|(symbol, side, price, _)| (*symbol, *side, *price));
        assert_eq!(self.shadow.orders(), live, "{record:?}");
        self.shadow.check_best();
        self.shadow.check_indicative(&collected);
    }

    /// Both go on from what they saved.
    fn restore(&mut self) {
        let mut bytes = Bytes(Vec::new(), 0);
        self.fast.save(&mut bytes);
        let mut fast = fast_book(&self.plan);
        fast.restore(&mut bytes).expect("a state that was saved is restored");
        assert_eq!(bytes.1, bytes.0.len(), "all of it is read");
        let mut again = Bytes(Vec::new(), 0);
        fast.save(&mut again);
        assert!(again.0 == bytes.0, "a state that was restored is saved as it was");
        self.fast = fast;
        let mut bytes = Bytes(Vec::new(), 0);
        self.naive.save(&mut bytes);
        let mut naive = ReferenceBook::new(&self.plan);
        naive.restore(&mut bytes).expect("a state that was saved is restored");
        self.naive = naive;
    }
}

/// One that looks ahead although it is small.
fn fast_book(plan: &BookPlan) -> Book {
    let mut book = Book::new(plan);
    book.look_ahead_always();
    book
}

/// Matches as events tell them: number, price, quantity, side of the aggressor.
fn matches_told(events: &[Event]) -> Vec<(u64, Price, Qty, u8)> {
    let trades = events.iter().filter(|event| event.kind == EventKind::Trade.code());
    trades.map(|event| (event.other, event.price, event.qty, event.flags)).collect()
}

/// The same, as their reports tell them.
fn matches_reported(reports: &[Report]) -> Vec<(u64, Price, Qty, u8)> {
    let trades = reports.iter().filter_map(|report| match report.parse() {
        Ok(ReportBody::Trade(trade)) => Some(trade),
        _ => None,
    });
    // The first of two is the aggressor's, if there is one.
    let each = |trade: &ExecTrade| {
        let side = if trade.order.detail == b'Y' { trade.order.side.code() } else { 0 };
        (trade.trd_match_id.0, trade.last_px, trade.last_qty, side)
    };
    trades.step_by(2).map(each).collect()
}
