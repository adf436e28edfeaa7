//! The product's book, with room for a planted bug.
//!
//! Inputs -> outputs: those of [`Book`], exactly, unless a mutation is planted.
//! Not here: the rules of matching.

use crate::mutation::Mutation;
use gavel_book::Book;
use gavel_contract::{BadState, Machine, Outbox, Progress, StateSink, StateSource};
use gavel_types::{
    Body, CancelReason, Command, Event, LogRecord, Nanos, NewOrder, Qty, Report, ReportBody,
    SessionSlot, Side, Stamp,
};

/// Of so many a planted bug spoils one.
const SPOILED_ONE_IN: u64 = 61;

/// The book.
#[derive(Debug)]
pub struct SimBook {
    book: Book,
    mutation: Option<Mutation>,
    /// Records applied in this process since recovery began.
    applied: u64,
    /// It pauses although nothing is left to do, as a machine may.
    rests: bool,
}

/// Of so many records one pauses when all is done.
const RESTS_ONE_IN: u64 = 5;

impl SimBook {
    /// A book, perhaps with a bug.
    #[must_use]
    pub fn new(book: Book, mutation: Option<Mutation>) -> Self {
        Self { book, mutation, applied: 0, rests: false }
    }

    /// The book itself.
    #[must_use]
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// The record as a machine with the bug takes it.
    fn spoiled(&self, record: &LogRecord) -> LogRecord {
        let spoils = self.applied.is_multiple_of(SPOILED_ONE_IN);
        let Ok(Body::NewOrder(order)) = record.command.parse() else { return *record };
        let order = match self.mutation {
            Some(Mutation::Unrepeatable) if spoils => {
                NewOrder { qty: Qty(order.qty.0 + 1), ..*order }
            }
            Some(Mutation::WrongSide)
                if record.stamp.index.0.is_multiple_of(SPOILED_ONE_IN)
                    && order.side == Side::Buy =>
            {
                NewOrder { side: Side::Sell, ..*order }
            }
            _ => return *record,
        };
        let (session, seq) = (record.command.session, record.command.client_seq);
        LogRecord { command: Command::new_order(session, seq, &order), ..*record }
    }
}

/// An outbox that loses a unit of a trade now and then.
struct Leaky<'a, O> {
    out: &'a mut O,
    index: u64,
}

impl<O: Outbox> Outbox for Leaky<'_, O> {
    const KEEPS_EVENTS: bool = O::KEEPS_EVENTS;

    fn event(&mut self, event: &Event) {
        self.out.event(event);
    }

    fn free(&self) -> usize {
        self.out.free()
    }

    fn push(&mut self, report: Report) {
        let spoiled = match report.parse() {
            Ok(ReportBody::Trade(exec))
                if exec.last_qty.0 > 1 && self.index.is_multiple_of(SPOILED_ONE_IN) =>
            {
                let mut exec = *exec;
                exec.last_qty.0 -= 1;
                let number = report.number;
                Report { number, ..Report::exec_trade(report.stamp, report.session, &exec) }
            }
            _ => report,
        };
        self.out.push(spoiled);
    }
}

impl Machine for SimBook {
    fn apply(&mut self, record: &LogRecord, out: &mut impl Outbox) -> Progress {
        let progress = match self.mutation {
            None => self.book.apply(record, out),
            Some(Mutation::QuantityLost) => {
                let index = record.stamp.index.0;
                self.book.apply(record, &mut Leaky { out, index })
            }
            Some(_) => {
                self.applied += 1;
                self.book.apply(&self.spoiled(record), out)
            }
        };
        self.rests =
            progress == Progress::Done && record.stamp.index.0.is_multiple_of(RESTS_ONE_IN);
        if self.rests { Progress::Paused } else { progress }
    }

    fn advance(&mut self, stamp: Stamp, out: &mut impl Outbox) -> Progress {
        self.book.advance(stamp, out)
    }

    fn resume(&mut self, out: &mut impl Outbox) -> Progress {
        if core::mem::take(&mut self.rests) {
            return Progress::Done;
        }
        self.book.resume(out)
    }

    fn expect(&self, records: &[LogRecord]) {
        self.book.expect(records);
    }

    fn due(&self) -> Nanos {
        self.book.due()
    }

    fn live_orders(&self, session: SessionSlot) -> u32 {
        self.book.live_orders(session)
    }

    fn cancel_session(
        &mut self,
        stamp: Stamp,
        session: SessionSlot,
        why: CancelReason,
        out: &mut impl Outbox,
    ) -> Progress {
        self.book.cancel_session(stamp, session, why, out)
    }

    fn save(&self, out: &mut impl StateSink) {
        self.book.save(out);
    }

    fn restore(&mut self, from: &mut impl StateSource) -> Result<(), BadState> {
        self.book.restore(from)
    }

    fn digest(&self, session_key: &dyn Fn(SessionSlot) -> u64) -> u64 {
        self.book.digest(session_key)
    }

    fn memory_bytes(&self) -> usize {
        self.book.memory_bytes()
    }
}
