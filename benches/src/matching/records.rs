//! Steps as records of a log.
//!
//! Inputs -> outputs: steps -> records with stamps that rise.
//! Not here: how records are made from messages (gateway, sequencer).

use super::{SESSION, SYMBOL, Step};
use crate::workload::{OpKind, OpSide};
use gavel_types::{
    Account, CancelOrder, ClOrdId, Command, Index, LogRecord, MarketDataQuery, MdReqId, Nanos,
    NewOrder, OrdType, OrderId, Price, Qty, ReduceOrder, ReplaceOrder, RiskScope, SeqNo, SetPhase,
    SetRisk, Side, Stamp, StpInstruction, Term, TimeInForce, TradingPhase, exec_inst,
};

pub(super) struct Maker {
    /// The last record's.
    index: u64,
    by_handle: bool,
    /// Each order has an account, that of one who only buys or only sells, and records are far
    /// enough apart in time that nothing is a repetition.
    checks: bool,
}

/// Between two records where orders are checked (ns): longer than [`DUPLICATE_MS`].
const APART_NS: u64 = 2_000_000;
/// The same order again within so long is refused.
const DUPLICATE_MS: u32 = 1;
/// A limit that is asked about and never met.
const PLENTY: u32 = 1 << 30;

impl Maker {
    pub(super) fn new(by_handle: bool, checks: bool) -> Self {
        Self { index: 0, by_handle, checks }
    }

    /// All limits that there are, for the session and for each account that has a uid up to this.
    pub(super) fn limits(&mut self, uid_max: u16) -> Vec<LogRecord> {
        let parties = (1..=accounts(uid_max)).map(|account| (RiskScope::Account, account));
        let session = (RiskScope::Session, SESSION.0);
        let limit = |(scope, target)| {
            let position_max = match scope {
                RiskScope::Account => Qty(u64::MAX >> 1),
                RiskScope::Session => Qty(0),
            };
            let limits = SetRisk {
                request_id: 1,
                qty_max: Qty(u64::from(PLENTY)),
                notional_max: u64::MAX >> 1,
                position_max,
                collar: Price(i64::from(PLENTY)),
                orders_max: PLENTY,
                rate_per_s: PLENTY,
                rate_burst: PLENTY,
                duplicate_ms: DUPLICATE_MS,
                target,
                scope,
                reserved: [0; 3],
            };
            self.stamped(Command::set_risk(SESSION, SeqNo(0), &limits))
        };
        std::iter::once(session).chain(parties).map(limit).collect()
    }

    /// The symbol trades from here on.
    pub(super) fn opening(&mut self) -> LogRecord {
        self.stamped(Command::set_phase(
            SESSION,
            SeqNo(0),
            &SetPhase {
                request_id: 1,
                reference: Price::NULL,
                symbol: SYMBOL,
                phase: TradingPhase::Continuous,
                reserved: [0; 3],
            },
        ))
    }

    pub(super) fn record(&mut self, step: &Step) -> LogRecord {
        let cl_ord_id = ClOrdId(step.id);
        let order_id = if self.by_handle { step.order_id } else { OrderId(0) };
        let side = match step.side {
            OpSide::Buy => Side::Buy,
            OpSide::Sell => Side::Sell,
        };
        let command = match step.kind {
            OpKind::Gtc => self.order(step, side, TimeInForce::Gtc),
            OpKind::Ioc => self.order(step, side, TimeInForce::Ioc),
            OpKind::Cancel => Command::cancel(
                SESSION,
                SeqNo(0),
                &CancelOrder {
                    cl_ord_id,
                    orig_cl_ord_id: cl_ord_id,
                    order_id,
                    symbol: SYMBOL,
                    side,
                    reserved: [0; 3],
                },
            ),
            OpKind::Reduce => Command::reduce(
                SESSION,
                SeqNo(0),
                &ReduceOrder {
                    cl_ord_id,
                    orig_cl_ord_id: cl_ord_id,
                    order_id,
                    by: Qty(step.qty),
                    symbol: SYMBOL,
                    side,
                    reserved: [0; 3],
                },
            ),
            OpKind::Move | OpKind::Modify => Command::replace(
                SESSION,
                SeqNo(0),
                &ReplaceOrder {
                    cl_ord_id,
                    orig_cl_ord_id: cl_ord_id,
                    order_id,
                    price: Price(step.price),
                    qty: Qty(step.qty),
                    symbol: SYMBOL,
                    side,
                    time_in_force: TimeInForce::Gtc,
                    exec_inst: exec_inst::REQUEUE,
                    reserved: 0,
                    stop_px: Price(0),
                },
            ),
        };
        self.stamped(command)
    }

    /// Asks for the best price of each side.
    pub(super) fn best_query(&mut self) -> LogRecord {
        let query =
            MarketDataQuery { md_req_id: MdReqId(1), symbol: SYMBOL, depth: 1, reserved: [0; 3] };
        self.stamped(Command::market_data(SESSION, SeqNo(0), &query))
    }

    fn order(&self, step: &Step, side: Side, time_in_force: TimeInForce) -> Command {
        let account =
            if self.checks { account(step.uid, side) } else { Account(u32::from(step.uid)) };
        Command::new_order(
            SESSION,
            SeqNo(0),
            &NewOrder {
                cl_ord_id: ClOrdId(step.id),
                price: Price(step.price),
                qty: Qty(step.qty),
                min_qty: Qty(0),
                display_qty: Qty(0),
                stop_px: Price::NULL,
                expire_time: Nanos(0),
                stp_id: 0,
                symbol: SYMBOL,
                account,
                side,
                ord_type: OrdType::Limit,
                time_in_force,
                stp: StpInstruction::Default,
                exec_inst: 0,
                reserved: [0; 3],
                budget: 0,
            },
        )
    }

    fn stamped(&mut self, command: Command) -> LogRecord {
        self.index += 1;
        let time = Nanos(if self.checks { self.index * APART_NS } else { self.index });
        let stamp = Stamp { index: Index(self.index), term: Term(1), time };
        LogRecord { stamp, command }
    }
}

/// Accounts that there are, counted from 1.
pub(super) fn accounts(uid_max: u16) -> u32 {
    account(uid_max, Side::Sell).0
}

/// The account of one who only buys, or only sells: who owns two orders is asked at each match,
/// and it is never one.
fn account(uid: u16, side: Side) -> Account {
    Account(u32::from(uid) * 2 + 1 + u32::from(side == Side::Sell))
}
