//! A machine that remembers every order, and answers each by as many reports as it asks for, two
//! in a turn: it pauses whatever room there is, as a machine may.

use core::cell::RefCell;
use gavel_contract::{BadState, Machine, Outbox, Progress, StateSink, StateSource};
use gavel_types::{
    Body, CancelReason, ClOrdId, ExecId, ExecNew, Index, LogRecord, OrdStatus, OrderId, OrderState,
    Price, Qty, Report, SessionSlot, Side, Stamp, SymbolId,
};
use xxhash_rust::xxh3::Xxh3Default;

/// Its state grows by a word an order.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) orders: Vec<u64>,
    /// Reports that are owed, and of which order.
    pub(crate) owed: Option<(Stamp, SessionSlot, u64)>,
    /// Records that it was shown before they were its turn.
    pub(crate) shown: RefCell<Vec<Index>>,
}

/// Reports that are made in one turn.
const TURN: u64 = 2;

/// A report of this many bytes on the wire as any other New.
pub(crate) fn report(stamp: Stamp, session: SessionSlot, name: u64) -> Report {
    let order = OrderState {
        order_id: OrderId(name),
        cl_ord_id: ClOrdId(name),
        price: Price(1),
        qty: Qty(1),
        leaves_qty: Qty(1),
        cum_qty: Qty(0),
        symbol: SymbolId(1),
        side: Side::Buy,
        ord_status: OrdStatus::New,
        detail: 0,
        reserved: 0,
    };
    Report::exec_new(stamp, session, &ExecNew { order, exec_id: ExecId(name) })
}

impl Machine for Tally {
    fn apply(&mut self, record: &LogRecord, out: &mut impl Outbox) -> Progress {
        let Ok(Body::NewOrder(order)) = record.command.parse() else { return Progress::Done };
        self.orders.push(order.cl_ord_id.0);
        self.owed = Some((record.stamp, record.command.session, order.qty.0));
        self.resume(out)
    }

    fn resume(&mut self, out: &mut impl Outbox) -> Progress {
        let (stamp, session, owed) = self.owed.take().expect("only a paused record is resumed");
        let name = *self.orders.last().expect("there is the order that is answered");
        for _ in 0..owed.min(TURN) {
            out.push(report(stamp, session, name));
        }
        if owed <= TURN {
            return Progress::Done;
        }
        self.owed = Some((stamp, session, owed - TURN));
        Progress::Paused
    }

    fn expect(&self, records: &[LogRecord]) {
        self.shown.borrow_mut().extend(records.iter().map(|record| record.stamp.index));
    }

    fn live_orders(&self, session: SessionSlot) -> u32 {
        if session.0 == 0 { self.orders.len() as u32 } else { 0 }
    }

    fn cancel_session(
        &mut self,
        _stamp: Stamp,
        _session: SessionSlot,
        _why: CancelReason,
        _out: &mut impl Outbox,
    ) -> Progress {
        Progress::Done
    }

    fn save(&self, out: &mut impl StateSink) {
        assert!(self.owed.is_none(), "no record is paused");
        out.put(&(self.orders.len() as u64).to_le_bytes());
        for order in &self.orders {
            out.put(&order.to_le_bytes());
        }
    }

    fn restore(&mut self, from: &mut impl StateSource) -> Result<(), BadState> {
        let mut word = || {
            let mut bytes = [0; 8];
            from.take(&mut bytes).map(|()| u64::from_le_bytes(bytes))
        };
        for _ in 0..word()? {
            self.orders.push(word()?);
        }
        Ok(())
    }

    fn digest(&self, _: &dyn Fn(SessionSlot) -> u64) -> u64 {
        let mut hash = Xxh3Default::new();
        for order in &self.orders {
            hash.update(&order.to_le_bytes());
        }
        hash.digest()
    }

    fn memory_bytes(&self) -> usize {
        0
    }
}
