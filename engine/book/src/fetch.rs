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
use gavel_types::{Body, LogRecord, NewOrder, OrderId};

/// Most records that are looked at.
const AHEAD: usize = 32;

/// From when on it pays to look ahead: below, what records need is near anyway.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pays {
    records_min: usize,
    /// Live orders.
    orders_min: u32,
    /// Live orders from which on what surrounds an order is asked for as well.
    orders_many: u32,
    /// Books from which on those are asked for as well.
    books_many: usize,
}

impl Pays {
    /// As measured, roughly, with a second cache of half a MiB (bench `book`): a thousand live
    /// orders neither gain nor lose, ten thousand gain; asking for what surrounds them, too, loses
    /// at ten thousand and gains at a million. Where in between it turns was not measured.
    pub(crate) const MEASURED: Self =
        Self { records_min: 4, orders_min: 2_048, orders_many: 16_384, books_many: 64 };
    const ALWAYS: Self = Self { records_min: 1, orders_min: 1, orders_many: 1, books_many: 1 };
}

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
        let live = self.orders.live();
        if live < self.pays.orders_min || records.len() < self.pays.records_min {
            return;
        }
        let records = &records[..records.len().min(AHEAD)];
        let mut slots = [0; AHEAD];
        let slots = self.fetch_orders(records, &mut slots);
        if self.risk.is_armed {
            self.fetch_parties(records, slots);
        }
        if live >= self.pays.orders_many {
            self.fetch_around(records, slots);
        }
    }

    /// For tests: from here on everything is asked for, however little there is.
    #[doc(hidden)]
    pub fn look_ahead_always(&mut self) {
        self.pays = Pays::ALWAYS;
    }

    /// Asks for what risk counts of the accounts of orders that enter, and of those that leave.
    #[inline(never)]
    fn fetch_parties(&self, records: &[LogRecord], slots: &[u32]) {
        for &at in Entering::of(records).places() {
            if let Some((asked, place)) = self.order_of(&records[usize::from(at)]) {
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
        if self.books.len() >= self.pays.books_many {
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

    /// A new order, and the place of its book.
    #[inline(always)]
    fn order_of<'a>(&self, record: &'a LogRecord) -> Option<(&'a NewOrder, u32)> {
        let Ok(Body::NewOrder(asked)) = record.command.parse() else { return None };
        self.place_of(asked.symbol).map(|place| (asked, place))
    }

    /// Asks for the books of orders.
    #[inline(never)]
    fn fetch_books(&self, records: &[LogRecord], slots: &[u32], entering: &Entering) {
        for &at in entering.places() {
            if let Some((_, place)) = self.order_of(&records[usize::from(at)]) {
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
        let Some((asked, place)) = self.order_of(record) else { return 0 };
        let book = &self.books[place as usize];
        let ticks = book.rules.ticks(asked.price);
        if self.books.len() >= self.pays.books_many {
            book.side(asked.side).fetch(&self.pages, ticks);
        }
        self.levels.guess(row(place, resting(asked.side)), ticks).min(self.orders.capacity() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{limit, order, plan};
    use gavel_contract::Machine;
    use gavel_types::limits::COMMAND_BODY_BYTES;
    use gavel_types::{
        Account, Command, CommandKind, Index, Nanos, SeqNo, SessionSlot, Side, Stamp, SymbolId,
        Term,
    };

    #[test]
    fn whatever_the_records_hold_nothing_is_out_of_bounds() {
        let mut book = Book::new(&plan(64));
        book.look_ahead_always();
        let mut dice = 7_u64;
        let mut roll = move |n: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (dice >> 33) % n
        };
        let stamp = Stamp { index: Index(1), term: Term(1), time: Nanos(1) };
        let mut orders_met = 0;
        for name in 0..64 {
            if name == 20 {
                book.risk.is_armed = true;
            } else if name == 40 {
                assert!(book.risk.name(Account(0)));
            }
            for _ in 0..50 {
                let records: [LogRecord; AHEAD] = core::array::from_fn(|_| {
                    let command =
                        if roll(2) == 0 { any_order(&mut roll) } else { anything(&mut roll) };
                    LogRecord { stamp, command }
                });
                orders_met +=
                    records.iter().filter(|record| book.order_of(record).is_some()).count();
                book.expect(&records);
                book.expect(&records[..roll(AHEAD as u64) as usize]);
            }
            let side = if name % 2 == 0 { Side::Buy } else { Side::Sell };
            let slot = book.begin_live(order(name, side, 100 + name as i64 % 3));
            if name % 5 != 0 {
                book.queue(slot);
            }
        }
        assert!(orders_met > 10_000, "{orders_met} orders were looked at, not just refused");
        book.expect(&[]);
    }

    /// A new order whose form is good, and whose numbers are often strange.
    fn any_order(roll: &mut impl FnMut(u64) -> u64) -> Command {
        let prices = [100 + roll(5) as i64, 0, -1, i64::MIN, i64::MAX, roll(1 << 31) as i64];
        let side = if roll(2) == 0 { Side::Buy } else { Side::Sell };
        let asked = NewOrder {
            symbol: SymbolId(1 + roll(8) as u32 / 7),
            account: Account(roll(3) as u32),
            ..limit(roll(80), side, prices[roll(6) as usize])
        };
        Command::new_order(SessionSlot(roll(3) as u32), SeqNo(1), &asked)
    }

    /// Any kind, and bytes of which some name what is there.
    fn anything(roll: &mut impl FnMut(u64) -> u64) -> Command {
        let kind = CommandKind::ALL[roll(CommandKind::ALL.len() as u64) as usize].code();
        let mut body = [0; COMMAND_BODY_BYTES];
        body.iter_mut().for_each(|byte| *byte = roll(256) as u8);
        if roll(4) != 0 {
            body[8..16].copy_from_slice(&roll(80).to_le_bytes());
            body[16..24].copy_from_slice(&(roll(4) * roll(100)).to_le_bytes());
        }
        let (session, client_seq) = (SessionSlot(roll(3) as u32), SeqNo(1));
        Command { session, kind, reserved: 0, len: 0, client_seq, body }
    }
}
