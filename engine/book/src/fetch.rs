//! What records that come next will need, fetched at one time.
//!
//! Inputs -> outputs: records -> nothing; memory that they will touch is on its way to the cache.
//! Invariants: nothing changes; what is fetched need not be what is needed in the end.
//! Limits: [`AHEAD`] records are looked at.
//! Not here: the rules.
//!
//! A record leads from place to place: its name to an order, that to its neighbours. Each pass
//! below goes one step with all records, and asks for what the next step reads; so the waiting of
//! one record is that of all.

use crate::book::Book;
use crate::names::Key;
use crate::symbol::{resting, row};
use gavel_simd::prefetch_whole;
use gavel_types::{Body, LogRecord, OrderId};

/// Most records that are looked at.
const AHEAD: usize = 32;

/// Live orders from which on it pays: below, what records need is near anyway, and looking for it
/// costs more than it saves.
const ORDERS_MIN: u32 = 2_048;

/// Live orders from which on it pays to ask for what surrounds an order, too.
const ORDERS_MANY: u32 = 16_384;

/// Books from which on it pays to ask for those, too.
const BOOKS_MANY: usize = if cfg!(test) { 1 } else { 64 };

/// Records from which on it pays.
const RECORDS_MIN: usize = 4;

/// Places of the records that enter orders, found without a guess which do.
struct Entering {
    places: [u8; AHEAD],
    count: usize,
}

impl Entering {
    #[inline(always)]
    fn of(records: &[LogRecord]) -> Self {
        let (mut places, mut count) = ([0; AHEAD], 0);
        for (at, record) in (0..).zip(records) {
            places[count % AHEAD] = at;
            count += usize::from(record.command.enters());
        }
        Self { places, count }
    }

    #[inline(always)]
    fn places(&self) -> &[u8] {
        &self.places[..self.count.min(AHEAD)]
    }
}

impl Book {
    pub(crate) fn fetch(&self, records: &[LogRecord]) {
        if self.orders.live() < ORDERS_MIN || records.len() < RECORDS_MIN {
            return;
        }
        let are_many = self.orders.live() >= ORDERS_MANY;
        self.fetch_all(&records[..records.len().min(AHEAD)], are_many);
    }

    fn fetch_all(&self, records: &[LogRecord], are_many: bool) {
        let mut slots = [0; AHEAD];
        let slots = self.fetch_orders(records, &mut slots);
        if self.risk.is_armed {
            self.fetch_parties(records, slots);
        }
        if are_many {
            self.fetch_around(records, slots);
        }
    }

    /// Asks for what risk counts of the accounts of orders that enter, and of those that leave.
    #[inline(never)]
    fn fetch_parties(&self, records: &[LogRecord], slots: &[u32]) {
        for &at in Entering::of(records).places() {
            if let Ok(Body::NewOrder(asked)) = records[usize::from(at)].command.parse()
                && let Some(place) = self.place_of(asked.symbol)
            {
                self.risk.fetch(asked.account, place);
            }
        }
        for &slot in slots {
            let order = self.orders.order(slot);
            self.risk.fetch(order.account, order.book);
        }
    }

    /// Asks for the homes of names and for the orders that are meant; returns their slots.
    #[inline(always)]
    fn fetch_orders<'a>(&self, records: &[LogRecord], slots: &'a mut [u32; AHEAD]) -> &'a [u32] {
        // Without a guess what a record is, and in few steps: in a book that is not large, that is
        // what this may cost.
        let mut keys = [(Key::default(), OrderId(0)); AHEAD];
        let mut count = 0;
        for LogRecord { command, .. } in records {
            let opening = command.opening();
            let enters = command.enters();
            let name = if enters { opening.cl_ord_id } else { opening.orig_cl_ord_id };
            keys[count % AHEAD] = (self.names.fetch(command.session, name), opening.order_id);
            count += usize::from(command.alters());
        }
        let slots = &mut slots[..count.min(AHEAD)];
        for (slot, &(key, order_id)) in slots.iter_mut().zip(&keys) {
            let by_name = order_id == OrderId(0);
            let known = if by_name { self.names.at_home(key) } else { order_id.0 as u32 };
            *slot = known.min(self.orders.capacity() - 1);
            self.orders.fetch(*slot);
        }
        slots
    }

    /// Asks for what changes when an order comes to stand at the end of a queue, or leaves one.
    #[inline(never)]
    fn fetch_around(&self, records: &[LogRecord], slots: &[u32]) {
        for &slot in slots {
            self.owners.fetch(slot);
        }
        let entering = Entering::of(records);
        if self.books.len() >= BOOKS_MANY {
            self.fetch_books(records, slots, &entering);
        }
        let mut levels = [0_u32; AHEAD];
        for (level, &at) in levels.iter_mut().zip(entering.places()) {
            *level = self.level_of(&records[usize::from(at)]);
            self.levels.fetch(*level);
        }
        for &slot in slots {
            let node = self.orders.node(slot);
            self.orders.fetch(node.prev);
            self.orders.fetch(node.next);
            self.levels.fetch(node.level);
            self.names.fetch(node.order.session, node.order.cl_ord_id);
        }
        for &level in &levels[..entering.places().len()] {
            self.orders.fetch(self.levels.level(level).tail);
        }
        for &slot in slots {
            let (before, after) = self.owners.around(slot);
            self.owners.fetch(before);
            self.owners.fetch(after);
        }
    }

    /// Asks for the books of orders.
    #[inline(never)]
    fn fetch_books(&self, records: &[LogRecord], slots: &[u32], entering: &Entering) {
        for &at in entering.places() {
            if let Ok(Body::NewOrder(asked)) = records[usize::from(at)].command.parse()
                && let Some(place) = self.place_of(asked.symbol)
            {
                prefetch_whole(&self.books, place as usize);
            }
        }
        for &slot in slots {
            prefetch_whole(&self.books, self.orders.order(slot).book as usize);
        }
    }

    /// The level at which a new order would rest, as far as one can tell at a glance.
    #[inline(always)]
    fn level_of(&self, record: &LogRecord) -> u32 {
        let Ok(Body::NewOrder(asked)) = record.command.parse() else { return 0 };
        let Some(place) = self.place_of(asked.symbol) else { return 0 };
        let book = &self.books[place as usize];
        let ticks = book.rules.ticks(asked.price);
        if self.books.len() >= BOOKS_MANY {
            book.side(asked.side).fetch(&self.pages, ticks);
        }
        self.levels.guess(row(place, resting(asked.side)), ticks).min(self.orders.capacity() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{order, plan};
    use gavel_contract::Machine;
    use gavel_types::limits::COMMAND_BODY_BYTES;
    use gavel_types::{
        Account, Command, CommandKind, Index, Nanos, SeqNo, SessionSlot, Side, Stamp, Term,
    };

    #[test]
    fn whatever_the_records_hold_nothing_is_out_of_bounds() {
        let mut book = Book::new(&plan(64));
        let mut dice = 7_u64;
        let mut roll = move || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            dice >> 16
        };
        let stamp = Stamp { index: Index(1), term: Term(1), time: Nanos(1) };
        for name in 0..64 {
            if name == 20 {
                book.risk.is_armed = true;
            } else if name == 40 {
                assert!(book.risk.name(Account(0)));
            }
            for _ in 0..50 {
                let records: [LogRecord; AHEAD] = core::array::from_fn(|_| {
                    let kind = CommandKind::ALL[roll() as usize % CommandKind::ALL.len()].code();
                    let mut body = [0; COMMAND_BODY_BYTES];
                    // Small numbers name what is there; codes are often legal ones.
                    body.iter_mut().for_each(|byte| *byte = roll() as u8 & (roll() as u8 & 0x37));
                    body[8..16].copy_from_slice(&(roll() % 80).to_le_bytes());
                    body[16..24].copy_from_slice(&(roll() % 4 * (roll() % 100)).to_le_bytes());
                    let (session, client_seq) = (SessionSlot(roll() as u32 % 3), SeqNo(1));
                    let command = Command { session, kind, reserved: 0, len: 0, client_seq, body };
                    LogRecord { stamp, command }
                });
                book.fetch_all(&records, false);
                book.fetch_all(&records[..roll() as usize % AHEAD], true);
            }
            let side = if name % 2 == 0 { Side::Buy } else { Side::Sell };
            let slot = book.begin_live(order(name, side, 100 + name as i64 % 3));
            if name % 5 != 0 {
                book.queue(slot);
            }
        }
        book.expect(&[]);
    }
}
