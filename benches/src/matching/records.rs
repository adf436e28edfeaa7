//! Steps as records of a log.
//!
//! Inputs -> outputs: steps -> records with stamps that rise.
//! Not here: how records are made from messages (gateway, sequencer).

use super::{SESSION, SYMBOL, Step};
use crate::workload::{OpKind, OpSide};
use gavel_types::{
    Account, CancelOrder, ClOrdId, Command, Index, LogRecord, MarketDataQuery, MdReqId, Nanos,
    NewOrder, OrdType, OrderId, Price, Qty, ReduceOrder, ReplaceOrder, SeqNo, SetPhase, Side,
    Stamp, StpInstruction, Term, TimeInForce, TradingPhase, exec_inst,
};

pub(super) struct Maker {
    /// The last record's.
    index: u64,
    by_handle: bool,
}

impl Maker {
    pub(super) fn new(by_handle: bool) -> Self {
        Self { index: 0, by_handle }
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
            OpKind::Gtc => Self::order(step, side, TimeInForce::Gtc),
            OpKind::Ioc => Self::order(step, side, TimeInForce::Ioc),
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

    fn order(step: &Step, side: Side, time_in_force: TimeInForce) -> Command {
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
                account: Account(u32::from(step.uid)),
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
        let stamp = Stamp { index: Index(self.index), term: Term(1), time: Nanos(self.index) };
        LogRecord { stamp, command }
    }
}
