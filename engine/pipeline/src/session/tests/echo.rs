//! A machine that answers every order by as many New reports as it asks for, and keeps its name as
//! a live order, until its ExpireTime if it has one.

use gavel_contract::{BadState, Machine, Outbox, Progress, StateSink, StateSource};
use gavel_types::{
    Body, CancelReason, ClOrdId, ExecCanceled, ExecId, ExecNew, LogRecord, Nanos, OrdStatus,
    OrderId, OrderState, Price, Qty, Report, SessionSlot, Side, Stamp, SteeringReport,
    SteeringResult, SymbolId,
};

/// What is left to be said of the record that paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    News(LogRecord, u64),
    Cancels(Stamp, SessionSlot, CancelReason),
    /// What is due ends, then the record is applied, if there is one.
    Ends(Stamp, Option<LogRecord>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Live {
    session: SessionSlot,
    name: ClOrdId,
    /// The highest time there is if it has none.
    until: Nanos,
}

/// The machine.
#[derive(Debug, Default)]
pub(super) struct Echo {
    live: Vec<Live>,
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
    fn take_first(&mut self, ends: impl Fn(&Live) -> bool) -> Option<Live> {
        let at = self.live.iter().position(ends)?;
        Some(self.live.remove(at))
    }

    /// The record itself, when nothing is due any more.
    fn enter(&mut self, record: &LogRecord, out: &mut impl Outbox) -> Progress {
        let session = record.command.session;
        match record.command.parse() {
            Ok(Body::NewOrder(order)) => {
                let until = match order.expire_time {
                    Nanos(0) => Nanos(u64::MAX),
                    until => until,
                };
                self.live.push(Live { session, name: order.cl_ord_id, until });
                self.left = Some(Left::News(*record, order.qty.0));
                self.resume(out)
            }
            Ok(Body::MassAction(_)) => {
                self.cancel_session(record.stamp, session, CancelReason::MassAction, out)
            }
            Ok(Body::Kill(kill)) => {
                let body = SteeringReport {
                    request_id: kill.request_id,
                    total_affected: 0,
                    command: record.command.kind,
                    result: SteeringResult::Done,
                    reserved: [0; 6],
                };
                out.push(Report::steering(record.stamp, session, &body));
                Progress::Done
            }
            _ => Progress::Done,
        }
    }
}

fn canceled(stamp: Stamp, ended: Live, why: CancelReason) -> Report {
    let order = order_state(ended.name, OrdStatus::Canceled, why.code());
    let body = ExecCanceled { order, exec_id: ExecId(1), request_cl_ord_id: ended.name };
    Report::exec_canceled(stamp, ended.session, &body)
}

impl Machine for Echo {
    fn apply(&mut self, record: &LogRecord, out: &mut impl Outbox) -> Progress {
        self.left = Some(Left::Ends(record.stamp, Some(*record)));
        self.resume(out)
    }

    fn advance(&mut self, stamp: Stamp, out: &mut impl Outbox) -> Progress {
        self.left = Some(Left::Ends(stamp, None));
        self.resume(out)
    }

    fn due(&self) -> Nanos {
        self.live.iter().map(|live| live.until).min().unwrap_or(Nanos(u64::MAX))
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
                Left::Cancels(..) | Left::Ends(..) if out.free() == 0 => return Progress::Paused,
                Left::Cancels(stamp, session, why) => {
                    let Some(live) = self.take_first(|live| live.session == session) else { break };
                    canceled(stamp, live, why)
                }
                Left::Ends(stamp, record) => {
                    if let Some(live) = self.take_first(|live| live.until <= stamp.time) {
                        canceled(stamp, live, CancelReason::Expired)
                    } else if let Some(record) = record {
                        self.left = None;
                        return self.enter(&record, out);
                    } else {
                        break;
                    }
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
        self.live.iter().filter(|live| live.session == session).count() as u32
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
        for live in &self.live {
            out.put(&live.session.0.to_le_bytes());
            out.put(&live.name.0.to_le_bytes());
            out.put(&live.until.0.to_le_bytes());
        }
    }

    fn restore(&mut self, from: &mut impl StateSource) -> Result<(), BadState> {
        let mut count = [0; 8];
        from.take(&mut count)?;
        for _ in 0..u64::from_le_bytes(count) {
            let (mut slot, mut name, mut until) = ([0; 4], [0; 8], [0; 8]);
            from.take(&mut slot)?;
            from.take(&mut name)?;
            from.take(&mut until)?;
            self.live.push(Live {
                session: SessionSlot(u32::from_le_bytes(slot)),
                name: ClOrdId(u64::from_le_bytes(name)),
                until: Nanos(u64::from_le_bytes(until)),
            });
        }
        Ok(())
    }

    fn digest(&self, key: &dyn Fn(SessionSlot) -> u64) -> u64 {
        self.live.iter().fold(0, |sum, live| {
            let sum = sum.wrapping_mul(31).wrapping_add(key(live.session));
            sum.wrapping_mul(31).wrapping_add(live.name.0)
        })
    }

    fn memory_bytes(&self) -> usize {
        0
    }
}
