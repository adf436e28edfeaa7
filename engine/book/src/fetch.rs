//! What records that come next will need, fetched at one time.
//!
//! Inputs -> outputs: records -> nothing; memory that they will touch is in the cache.
//! Invariants: nothing changes; what is looked at need not be what is needed in the end.
//! Limits: [`AHEAD`] records are looked at.
//! Not here: the rules.
//!
//! A core waits for several lines of memory at one time, if it comes to ask for the second before
//! the first is there: so each pass below asks for one thing of every record, and does little else.

use crate::book::Book;
use crate::orders::NIL;
use gavel_types::{Body, ClOrdId, LogRecord, NewOrder, OrderId};

/// Most records that are looked at.
const AHEAD: usize = 32;

/// Live orders from which on it pays: below, what records need is near anyway, and looking for it
/// costs more than it saves.
const WORTH_IT: u32 = 16_384;

/// What a record will need: an order, or the one behind which a new one comes to stand.
#[derive(Clone, Copy)]
struct Need {
    slot: u32,
    /// The order may be taken out: its neighbours and its name are needed as well.
    leaves: bool,
}

const NOTHING: Need = Need { slot: NIL, leaves: false };

impl Book {
    pub(crate) fn fetch(&self, records: &[LogRecord]) {
        if self.orders.live() < WORTH_IT {
            return;
        }
        let mut needs = [NOTHING; AHEAD];
        let mut seen = 0;
        let mut count = 0;
        for (need, record) in needs.iter_mut().zip(records) {
            *need = self.need(record, &mut seen);
            count += 1;
        }
        let needs = &needs[..count];
        // The orders themselves; then what stands around those that may leave, and what names them.
        let mut around = [(NIL, NIL); AHEAD];
        for (around, need) in around.iter_mut().zip(needs) {
            if need.slot != NIL {
                let node = self.orders.node(need.slot);
                *around = (node.prev, node.next);
            }
        }
        let mut owned = [(NIL, NIL); AHEAD];
        for ((need, &(prev, next)), owned) in needs.iter().zip(&around).zip(&mut owned) {
            if need.leaves && need.slot != NIL {
                let order = self.orders.order(need.slot);
                seen ^= self.names.at_home(order.session, order.cl_ord_id);
                seen ^= self.level_of(prev) ^ self.level_of(next);
                *owned = self.owners.around(need.slot);
            }
        }
        for &(before, after) in &owned[..count] {
            seen ^= self.owners.look(before) ^ self.owners.look(after);
        }
        core::hint::black_box(seen);
    }

    fn level_of(&self, slot: u32) -> u32 {
        if slot < self.orders.capacity() { self.orders.node(slot).level } else { 0 }
    }

    #[inline]
    fn need(&self, record: &LogRecord, seen: &mut u32) -> Need {
        let session = record.command.session;
        let named = |order_id: OrderId, name: ClOrdId| {
            let by_handle = order_id.0 as u32;
            let slot = if order_id == OrderId(0) {
                self.names.at_home(session, name)
            } else if by_handle < self.orders.capacity() {
                by_handle
            } else {
                NIL
            };
            Need { slot, leaves: true }
        };
        match record.command.parse() {
            Ok(Body::NewOrder(asked)) => {
                *seen ^= self.names.at_home(session, asked.cl_ord_id);
                Need { slot: self.last_at(asked), leaves: false }
            }
            Ok(Body::Cancel(asked)) => named(asked.order_id, asked.orig_cl_ord_id),
            Ok(Body::Replace(asked)) => named(asked.order_id, asked.orig_cl_ord_id),
            Ok(Body::Reduce(asked)) => named(asked.order_id, asked.orig_cl_ord_id),
            _ => NOTHING,
        }
    }

    /// The last order at the price at which an order would rest, if it may: what is asked for was
    /// not checked yet.
    fn last_at(&self, asked: &NewOrder) -> u32 {
        let Some(place) = self.place_of(asked.symbol) else { return NIL };
        let book = &self.books[place as usize];
        if !book.rules.is_legal_price(asked.price) {
            return NIL;
        }
        let level = book.side(asked.side).find(&self.pages, book.rules.ticks(asked.price));
        level.map_or(NIL, |level| self.levels.level(level).tail)
    }
}
