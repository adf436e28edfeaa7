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
use gavel_types::{Body, LogRecord, NewOrder, Price, Side};

/// Most records that are looked at.
const AHEAD: usize = 32;

/// What a record will need.
#[derive(Clone, Copy)]
struct Need {
    /// Home of the name that it brings or means.
    home: usize,
    /// Where it would rest.
    rests: Option<(usize, Side, Price)>,
}

impl Book {
    pub(crate) fn fetch(&self, records: &[LogRecord]) {
        let mut needs = [Need { home: 0, rests: None }; AHEAD];
        let mut count = 0;
        for record in records.iter().take(AHEAD) {
            if let Some(need) = self.need(record) {
                needs[count] = need;
                count += 1;
            }
        }
        let needs = &needs[..count];
        // Names, then the orders that they name, or those that new ones come to stand behind.
        let mut slots = [NIL; AHEAD];
        for (slot, need) in slots.iter_mut().zip(needs) {
            *slot = self.names.at_home(need.home);
        }
        let mut seen = 0;
        for (slot, need) in slots.iter().zip(needs) {
            let slot = match need.rests {
                None => *slot,
                Some((book, side, price)) => self.last_at(book, side, price),
            };
            if slot != NIL {
                seen ^= self.orders.node(slot).next;
            }
        }
        core::hint::black_box(seen);
    }

    fn need(&self, record: &LogRecord) -> Option<Need> {
        let session = record.command.session;
        match record.command.parse().ok()? {
            Body::NewOrder(asked) => Some(Need {
                home: self.names.home(session, asked.cl_ord_id),
                rests: self.place_of(asked),
            }),
            Body::Cancel(asked) => {
                Some(Need { home: self.names.home(session, asked.orig_cl_ord_id), rests: None })
            }
            Body::Replace(asked) => {
                Some(Need { home: self.names.home(session, asked.orig_cl_ord_id), rests: None })
            }
            _ => None,
        }
    }

    /// Where an order would rest, if it may: what is asked for was not checked yet.
    fn place_of(&self, asked: &NewOrder) -> Option<(usize, Side, Price)> {
        let book = self.book_of(asked.symbol)?;
        let is_legal = self.books[book].rules.is_legal_price(asked.price);
        is_legal.then_some((book, asked.side, asked.price))
    }

    /// The last order in the queue at a price.
    fn last_at(&self, book: usize, side: Side, price: Price) -> u32 {
        let level = self.books[book].ladder(side).find(price);
        level.map_or(NIL, |level| self.levels.level(level).tail)
    }
}
