//! A machine that answers every order by as many New reports as it asks for, and keeps its name as
//! a live order.

use gavel_contract::{BadState, Machine, Outbox, Progress, StateSink, StateSource};
use gavel_types::{
    Body, CancelReason, ClOrdId, ExecCanceled, ExecId, ExecNew, LogRecord, OrdStatus, OrderId,
    OrderState, Price, Qty, Report, SessionSlot, Side, Stamp, SymbolId,
};

/// What is left to be said of the record that paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    News(LogRecord, u64),
    Cancels(Stamp, SessionSlot, CancelReason),
}

/// The machine.
#[derive(Debug, Default)]
pub(super) struct Echo {
    live: Vec<(SessionSlot, ClOrdId)>,
    left: Option<Left>,
}

fn order_state(name: ClOrdId, status: OrdStatus, detail: u8) -> OrderState {
    OrderState {
        order_id: OrderId(1),
        cl_ord_id: name,
        price: Price(1),
        qty: Qty(1),
        leaves_qty: Qty(1),
        cum_qty: Qty(0),
        symbol: SymbolId(1),
        side: Side::Buy,
        ord_status: status,
        detail,
        reserved: 0,
    }
}

impl Echo {
    fn cancel_first(&mut self, session: SessionSlot) -> Option<ClOrdId> {
        let at = self.live.iter().position(|(slot, _)| *slot == session)?;
        Some(self.live.remove(at).1)
    }
}

impl Machine for Echo {
    fn apply(&mut self, record: &LogRecord, out: &mut impl Outbox) -> Progress {
        let session = record.command.session;
        match record.command.parse() {
            Ok(Body::NewOrder(order)) => {
                self.live.push((session, order.cl_ord_id));
                self.left = Some(Left::News(*record, order.qty.0));
                self.resume(out)
            }
            Ok(Body::MassAction(_)) => {
                self.cancel_session(record.stamp, session, CancelReason::MassAction, out)
            }
            _ => Progress::Done,
        }
    }

    fn resume(&mut self, out: &mut impl Outbox) -> Progress {
        loop {
            let report = match self.left.expect("something is left") {
                Left::News(_, 0) => break,
                Left::News(record, left) => {
                    let order = order_state(ClOrdId(left), OrdStatus::New, 0);
                    let body = ExecNew { order, exec_id: ExecId(1) };
                    Report::exec_new(record.stamp, record.command.session, &body)
                }
                Left::Cancels(..) if out.free() == 0 => return Progress::Paused,
                Left::Cancels(stamp, session, why) => {
                    let Some(name) = self.cancel_first(session) else { break };
                    let order = order_state(name, OrdStatus::Canceled, why.code());
                    let body = ExecCanceled { order, exec_id: ExecId(1), request_cl_ord_id: name };
                    Report::exec_canceled(stamp, session, &body)
                }
            };
            if out.free() == 0 {
                return Progress::Paused;
            }
            out.push(report);
            if let Some(Left::News(_, left)) = &mut self.left {
                *left -= 1;
            }
        }
        self.left = None;
        Progress::Done
    }

    fn live_orders(&self, session: SessionSlot) -> u32 {
        self.live.iter().filter(|(slot, _)| *slot == session).count() as u32
    }

    fn cancel_session(
        &mut self,
        stamp: Stamp,
        session: SessionSlot,
        why: CancelReason,
        out: &mut impl Outbox,
    ) -> Progress {
        self.left = Some(Left::Cancels(stamp, session, why));
        self.resume(out)
    }

    fn save(&self, out: &mut impl StateSink) {
        assert!(self.left.is_none());
        out.put(&(self.live.len() as u64).to_le_bytes());
        for (slot, name) in &self.live {
            out.put(&slot.0.to_le_bytes());
            out.put(&name.0.to_le_bytes());
        }
    }

    fn restore(&mut self, from: &mut impl StateSource) -> Result<(), BadState> {
        let mut count = [0; 8];
        from.take(&mut count)?;
        for _ in 0..u64::from_le_bytes(count) {
            let (mut slot, mut name) = ([0; 4], [0; 8]);
            from.take(&mut slot)?;
            from.take(&mut name)?;
            let slot = SessionSlot(u32::from_le_bytes(slot));
            self.live.push((slot, ClOrdId(u64::from_le_bytes(name))));
        }
        Ok(())
    }

    fn digest(&self, key: &dyn Fn(SessionSlot) -> u64) -> u64 {
        self.live.iter().fold(0, |sum, (slot, name)| {
            sum.wrapping_mul(31).wrapping_add(key(*slot)).wrapping_mul(31).wrapping_add(name.0)
        })
    }

    fn memory_bytes(&self) -> usize {
        0
    }
}
