//! Records of a log, applied a few at a time.
//!
//! Inputs -> outputs: records one by one -> a machine that has applied them, and their reports.
//! Invariants: they are applied in their order, whole, and all of them once [`Batch::finish`] is
//! called.
//! Limits: [`RECORDS`] are held back.
//! Not here: where records come from (recovery).
//!
//! What a record needs is mostly not in the cache; shown to the machine together, several wait for
//! memory at one time instead of one after the other.

use alloc::vec::Vec;
use gavel_contract::{Machine, Outbox};
use gavel_types::LogRecord;

/// Records that are shown before the first of them is applied.
const RECORDS: usize = 32;

/// Records that wait for others.
pub(crate) struct Batch {
    records: Vec<LogRecord>,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { records: Vec::with_capacity(RECORDS) }
    }

    /// Takes a record; applies all that wait if there is no room for another.
    #[inline]
    pub(crate) fn push(
        &mut self,
        record: &LogRecord,
        machine: &mut impl Machine,
        out: &mut impl Outbox,
    ) {
        self.records.push(*record);
        if self.records.len() == RECORDS {
            self.finish(machine, out);
        }
    }

    /// Applies all that wait.
    pub(crate) fn finish(&mut self, machine: &mut impl Machine, out: &mut impl Outbox) {
        machine.expect(&self.records);
        self.records.iter().for_each(|record| machine.apply_whole(record, out));
        self.records.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Sessioned;
    use crate::testing::{Deaf, Tally, negotiate, order, plan};
    use gavel_types::{Command, Index, Nanos, Stamp, Term};

    fn record(index: u64, command: Command) -> LogRecord {
        let stamp = Stamp { index: Index(index), term: Term(1), time: Nanos(index) };
        LogRecord { stamp, command }
    }

    #[test]
    fn any_number_of_records_is_applied_once_and_in_order() {
        for count in [0, 1, RECORDS - 1, RECORDS, RECORDS + 1, 3 * RECORDS, 100] {
            let mut machine = Sessioned::new(&plan().session, Tally::default());
            let mut batch = Batch::new();
            batch.push(&record(1, negotiate(0)), &mut machine, &mut Deaf);
            for n in 1..=count as u64 {
                batch.push(&record(n + 1, order(0, n, n % 5)), &mut machine, &mut Deaf);
            }
            batch.finish(&mut machine, &mut Deaf);
            batch.finish(&mut machine, &mut Deaf);
            assert_eq!(machine.applied(), Index(count as u64 + 1));
            let names: Vec<u64> = (1..=count as u64).collect();
            assert_eq!(machine.machine().orders, names);
        }
    }
}
