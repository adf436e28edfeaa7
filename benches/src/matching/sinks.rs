//! Where a machine that is measured puts its reports.
//!
//! Inputs -> outputs: reports -> a tally of trades.
//! Invariants: the two orders of a trade are reported one after the other, the aggressor first;
//! whatever finds it otherwise says so in the end.
//! Not here: whether the tally is the right one.

use crate::workload::Tally;
use gavel_contract::Outbox;
use gavel_types::{ExecTrade, MarketDataPart, OrderId, OrderState, Report, ReportBody, ReportKind};
use std::hint::black_box;
use std::mem::offset_of;
use std::sync::atomic::{AtomicU64, Ordering};

/// An outbox that can say what was traded.
pub trait Sink: Outbox {
    /// Shows what was written to whoever reads it. Timed, once a block.
    fn publish(&mut self) {}

    /// Makes room. Not timed.
    fn drain(&mut self) {}

    /// What was traded.
    fn tally(&self) -> Tally;

    /// How many reports there were, 0 if they were not counted.
    fn reports(&self) -> u64;

    /// False if a trade was reported only for one of its two orders.
    fn is_sound(&self) -> bool;
}

/// The bare counter: looks at trades and throws all reports away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    tally: Tally,
    /// The order that was the aggressor of a trade whose other report is still to come.
    aggressor: u64,
    /// That is so.
    is_half: bool,
}

/// A number of a report's body, unchecked: the machine's own bytes a moment after it wrote them.
#[inline]
fn number(report: &Report, offset: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&report.body[offset..offset + 8]);
    u64::from_le_bytes(bytes)
}

const CL_ORD_ID: usize = offset_of!(ExecTrade, order) + offset_of!(OrderState, cl_ord_id);
const LAST_PX: usize = offset_of!(ExecTrade, last_px);
const LAST_QTY: usize = offset_of!(ExecTrade, last_qty);

impl Count {
    #[inline]
    fn take(&mut self, report: &Report) {
        if report.kind != ReportKind::Trade.code() {
            return;
        }
        let cl_ord_id = number(report, CL_ORD_ID);
        if self.is_half {
            let price = number(report, LAST_PX) as i64;
            self.tally.trade(cl_ord_id, self.aggressor, price, number(report, LAST_QTY));
        }
        self.aggressor = cl_ord_id;
        self.is_half = !self.is_half;
    }
}

impl Outbox for Count {
    #[inline]
    fn free(&self) -> usize {
        usize::MAX
    }

    #[inline]
    fn push(&mut self, report: Report) {
        self.take(&report);
    }
}

impl Sink for Count {
    fn tally(&self) -> Tally {
        self.tally
    }

    fn reports(&self) -> u64 {
        0
    }

    fn is_sound(&self) -> bool {
        !self.is_half
    }
}

/// Full reports in slots that are used again and again, as in a ring to another thread. What was
/// written is counted while the clock stands.
#[derive(Debug)]
pub struct Ring {
    slots: Box<[Report]>,
    written: u64,
    drained: u64,
    published: AtomicU64,
    count: Count,
}

impl Ring {
    /// So many slots, a power of two.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        assert!(slots.is_power_of_two(), "a ring has a power of two of slots");
        let empty: Report = zerocopy::FromZeros::new_zeroed();
        Self {
            slots: vec![empty; slots].into_boxed_slice(),
            written: 0,
            drained: 0,
            published: AtomicU64::new(0),
            count: Count::default(),
        }
    }
}

impl Outbox for Ring {
    #[inline]
    fn free(&self) -> usize {
        self.slots.len() - (self.written - self.drained) as usize
    }

    #[inline]
    fn push(&mut self, report: Report) {
        let at = self.written as usize & (self.slots.len() - 1);
        self.slots[at] = report;
        self.written += 1;
    }
}

impl Sink for Ring {
    #[inline]
    fn publish(&mut self) {
        self.published.store(self.written, Ordering::Release);
    }

    fn drain(&mut self) {
        let until = self.published.load(Ordering::Acquire);
        while self.drained < until {
            let at = self.drained as usize & (self.slots.len() - 1);
            self.count.take(black_box(&self.slots[at]));
            self.drained += 1;
        }
    }

    fn tally(&self) -> Tally {
        self.count.tally
    }

    fn reports(&self) -> u64 {
        self.written
    }

    fn is_sound(&self) -> bool {
        self.count.is_sound() && self.drained == self.written
    }
}

/// Learns the machine's name for each order.
pub(super) struct Handles {
    by_id: Vec<OrderId>,
}

impl Handles {
    pub(super) fn new(ids: usize) -> Self {
        Self { by_id: vec![OrderId(0); ids] }
    }

    pub(super) fn handle(&self, id: u64) -> OrderId {
        self.by_id[id as usize]
    }
}

impl Outbox for Handles {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, report: Report) {
        if let Ok(ReportBody::New(new)) = report.parse() {
            self.by_id[new.order.cl_ord_id.0 as usize] = new.order.order_id;
        }
    }
}

impl Sink for Handles {
    fn tally(&self) -> Tally {
        Tally::default()
    }

    fn reports(&self) -> u64 {
        0
    }

    fn is_sound(&self) -> bool {
        true
    }
}

/// The answer to a query of the best prices.
#[derive(Default)]
pub(super) struct Best {
    /// Bid and ask, 0 where a side is empty.
    pub(super) prices: Option<(i64, i64)>,
}

impl Outbox for Best {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, report: Report) {
        if let Ok(ReportBody::MarketData(part)) = report.parse() {
            let &MarketDataPart { bids, asks, levels, .. } = part;
            let bid = if bids > 0 { levels[0].price.0 } else { 0 };
            let ask = if asks > 0 { levels[usize::from(bids)].price.0 } else { 0 };
            self.prices = Some((bid, ask));
        }
    }
}
