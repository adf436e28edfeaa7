//! The form in which a book is saved.
//!
//! Inputs -> outputs: a book between two records <-> bytes.
//! Invariants: the bytes are a function of the rules' state, not of how the book came to it; a book
//! that is restored answers every record as the saved one would.
//! Limits: those of the plan, which the bytes name. Time in proportion to the live orders and the
//! slots ever used; memory beside the book's own: four bytes for each live order, and a chunk.
//! Not here: checksums, packing, files (whoever keeps the bytes).
//!
//! ```text
//! Head
//! SectionHead symbols      a SymbolRow each, as in the plan
//! SectionHead generations  of each slot that was ever used, ascending
//! SectionHead freed        slots that are free again, in the order in which they will be taken
//! SectionHead orders       an OrderRow each: symbols ascending; of each, bids then asks; of each,
//!                          worst price first; at each price, the order in which they trade
//! SectionHead entered      slots of live orders: sessions ascending; of each, order of entry
//! ```
//!
//! Everything is a multiple of four bytes, little endian (checked by gavel-types). Handles, queues,
//! names, levels and lists follow from these.

mod restore;
mod save;
#[cfg(test)]
mod tests;

pub(crate) use restore::restore;
pub(crate) use save::save;

use crate::book::{Book, Rules};
use alloc::vec;
use alloc::vec::Vec;
use gavel_contract::{BadState, StateSink, StateSource};
use gavel_types::{Account, ClOrdId, Price, Qty, SessionSlot, SymbolId};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

const MAGIC: u32 = u32::from_le_bytes(*b"GVBK");

/// Version of this format. Another one is refused.
const VERSION: u32 = 1;

/// Rows that are read or written at a time.
const CHUNK_ROWS: usize = 1_024;

macro_rules! layout {
    ($(#[$doc:meta])* $name:ident = $bytes:literal {
        $($(#[$fdoc:meta])* $field:ident: $ty:ty),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
        )]
        #[repr(C)]
        struct $name { $($(#[$fdoc])* $field: $ty),+ }

        const _: () = assert!(size_of::<$name>() == $bytes);
    };
}

layout! {
    /// What comes first.
    Head = 56 {
        magic: u32,
        version: u32,
        orders_max: u32,
        levels_max: u32,
        symbols: u32,
        /// Slots that were ever used.
        used: u32,
        live: u32,
        /// Slots that are free again.
        freed: u32,
        /// The numbers given last.
        exec: u64,
        trd_match: u64,
        mass: u64,
    }
}

layout! {
    /// What comes before the rows of a section.
    SectionHead = 16 {
        kind: u32,
        row_bytes: u32,
        rows: u64,
    }
}

layout! {
    /// An instrument of the plan.
    SymbolRow = 48 {
        symbol: SymbolId,
        reserved: u32,
        tick: i64,
        lot: u64,
        price_min: i64,
        price_max: i64,
        qty_max: u64,
    }
}

layout! {
    /// A live order.
    OrderRow = 56 {
        cl_ord_id: ClOrdId,
        price: Price,
        qty: Qty,
        leaves: Qty,
        session: SessionSlot,
        account: Account,
        symbol: SymbolId,
        slot: u32,
        /// A `Side` code.
        side: u8,
        /// A `TimeInForce` code.
        time_in_force: u8,
        reserved: [u8; 6],
    }
}

/// A section, by the number that stands for it.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Section {
    Symbols = 1,
    Generations = 2,
    Freed = 3,
    Orders = 4,
    Entered = 5,
}

impl SectionHead {
    fn of<T>(section: Section, rows: u32) -> Self {
        Self { kind: section as u32, row_bytes: size_of::<T>() as u32, rows: rows.into() }
    }
}

impl SymbolRow {
    fn of(rules: &Rules) -> Self {
        Self {
            symbol: rules.symbol,
            reserved: 0,
            tick: rules.tick,
            lot: rules.lot,
            price_min: rules.price_min,
            price_max: rules.price_max,
            qty_max: rules.qty_max,
        }
    }
}

/// What the plan says in the head.
fn planned(book: &Book) -> Head {
    Head {
        magic: MAGIC,
        version: VERSION,
        orders_max: book.orders.capacity(),
        levels_max: book.levels_max,
        symbols: book.symbols.len() as u32,
        used: 0,
        live: 0,
        freed: 0,
        exec: 0,
        trd_match: 0,
        mass: 0,
    }
}

/// Writes a section of so many rows, a chunk at a time.
fn put_rows<T: IntoBytes + Immutable>(
    out: &mut impl StateSink,
    section: Section,
    count: u32,
    mut rows: impl Iterator<Item = T>,
) {
    out.put(SectionHead::of::<T>(section, count).as_bytes());
    let mut chunk: Vec<T> = Vec::with_capacity(CHUNK_ROWS.min(count as usize));
    let mut written = 0;
    loop {
        chunk.extend(rows.by_ref().take(CHUNK_ROWS));
        if chunk.is_empty() {
            break;
        }
        out.put(chunk.as_bytes());
        written += chunk.len();
        chunk.clear();
    }
    assert!(written == count as usize, "a section has as many rows as its head says");
}

/// Reads a section of so many rows, and shows them to `each`, a chunk at a time.
fn take_rows<T: FromBytes + IntoBytes + Copy>(
    from: &mut impl StateSource,
    section: Section,
    count: u32,
    mut each: impl FnMut(&[T]) -> Result<(), BadState>,
) -> Result<(), BadState> {
    let mut head = SectionHead::new_zeroed();
    from.take(head.as_mut_bytes())?;
    check(head == SectionHead::of::<T>(section, count), "a section's head is wrong")?;
    let mut left = count as usize;
    let mut chunk = vec![T::new_zeroed(); CHUNK_ROWS.min(left)];
    while left > 0 {
        let part = &mut chunk[..left.min(CHUNK_ROWS)];
        from.take(part.as_mut_bytes())?;
        each(part)?;
        left -= part.len();
    }
    Ok(())
}

fn check(holds: bool, what: &'static str) -> Result<(), BadState> {
    if holds { Ok(()) } else { Err(BadState { what }) }
}
