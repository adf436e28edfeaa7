//! What the operations of a workload ask of a machine: found out once, untimed.
//!
//! Inputs -> outputs: operations -> steps, and what must come out of them.
//! Invariants: a step that names an order says its side, and a replace the total quantity that FIX
//! wants (what has filled by then is included): the textbook book knows both.
//! Limits: 40 bytes a step.
//! Not here: handles, which only the machine knows.

use super::Ending;
use crate::workload::{Op, OpKind, OpSide, TextBook, Workload};
use anyhow::{Result, ensure};
use gavel_types::OrderId;

/// One operation, with all that a record needs.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// What is done.
    pub kind: OpKind,
    /// The order's side.
    pub side: OpSide,
    /// Whose order it is.
    pub uid: u16,
    /// The order.
    pub id: u64,
    /// Its price.
    pub price: i64,
    /// Its total quantity; of a reduce, by how much.
    pub qty: u64,
    /// The machine's name for it; 0 if that is not known, or it was never entered.
    pub order_id: OrderId,
}

/// A workload, ready to be run.
#[derive(Debug)]
pub struct Prepared {
    /// So many steps only fill the book.
    pub prefill: usize,
    /// All of them.
    pub steps: Vec<Step>,
    /// What must come out, by the textbook.
    pub ending: Ending,
    /// Most orders that are live at one time.
    pub live_max: usize,
}

impl Prepared {
    /// Finds out what each operation asks for.
    ///
    /// # Errors
    /// If there is nothing to time.
    pub fn new(workload: &Workload) -> Result<Self> {
        ensure!(workload.prefill < workload.ops.len(), "the workload times nothing");
        let mut book = TextBook::default();
        let mut steps = Vec::with_capacity(workload.ops.len());
        let mut live_max = 0;
        for op in &workload.ops {
            steps.push(step(op, &book));
            book.apply(op);
            live_max = live_max.max(book.len());
        }
        let ending = Ending {
            tally: book.tally(),
            bid: book.best(OpSide::Buy),
            ask: book.best(OpSide::Sell),
            live: book.len() as u64,
        };
        Ok(Self { prefill: workload.prefill, steps, ending, live_max })
    }

    /// How many operations are timed.
    #[must_use]
    pub fn timed(&self) -> usize {
        self.steps.len() - self.prefill
    }

    /// One more than the highest id.
    #[must_use]
    pub fn ids(&self) -> usize {
        self.steps.iter().map(|step| step.id as usize + 1).max().unwrap_or(0)
    }

    /// The highest uid.
    #[must_use]
    pub fn uid_max(&self) -> u16 {
        self.steps.iter().map(|step| step.uid).max().unwrap_or(0)
    }

    /// Order slots of a machine that has room for this: a power of two, as a person would choose.
    #[must_use]
    pub fn orders_max(&self) -> u32 {
        // One more: an aggressor takes a slot even if it does not rest.
        (self.live_max as u32 + 1).next_power_of_two().max(1 << 14)
    }
}

fn step(op: &Op, book: &TextBook) -> Step {
    let &Op { kind, side, uid, qty, id, price } = op;
    let qty = u64::from(qty);
    let mut step = Step { kind, side, uid, id, price, qty, order_id: OrderId(0) };
    if let Some(order) = book.find(id) {
        step.side = order.side;
        step.qty = match kind {
            OpKind::Move => order.filled + order.open,
            OpKind::Modify => order.filled + qty,
            _ => qty,
        };
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replace_asks_for_what_has_filled_too() {
        let op = |kind, side, id, qty, price| Op { kind, side, uid: 1, qty, id, price };
        let ops = vec![
            op(OpKind::Gtc, OpSide::Sell, 1, 10, 100),
            op(OpKind::Ioc, OpSide::Buy, 2, 4, 100),
            op(OpKind::Move, OpSide::Buy, 1, 0, 101),
            op(OpKind::Modify, OpSide::Buy, 1, 20, 102),
            op(OpKind::Cancel, OpSide::Buy, 1, 0, 0),
        ];
        let prepared = Prepared::new(&Workload { prefill: 1, ops }).unwrap();
        let asked: Vec<_> = prepared.steps[2..].iter().map(|step| (step.side, step.qty)).collect();
        assert_eq!(asked, [(OpSide::Sell, 10), (OpSide::Sell, 24), (OpSide::Sell, 0)]);
        assert_eq!((prepared.timed(), prepared.ids(), prepared.live_max), (4, 3, 1));
        assert!(Prepared::new(&Workload { prefill: 0, ops: Vec::new() }).is_err());
    }
}
