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
//! Head, and Head2 from version 2 on
//! SectionHead symbols      a SymbolRow each, those of the plan first (version 1: SymbolRow1, as in
//!                          the plan)
//! SectionHead generations  of each slot that was ever used, ascending
//! SectionHead freed        slots that are free again, in the order in which they will be taken
//! SectionHead orders       an OrderRow each: symbols as above; of each, bids, asks, stops of buys,
//!                          stops of sells (version 1: bids and asks); of each, level by level; of
//!                          each, the order in which they trade
//! SectionHead extras       an ExtraRow for each live order that has one, in the same order
//! SectionHead entered      slots of live orders: sessions ascending; of each, order of entry
//! SectionHead sessions     a PartyRow for each session that has limits or a switch
//! SectionHead accounts     a PartyRow for each account that was named, in that order
//! SectionHead positions    a PositionRow each
//! ```
//!
//! Version 1 has neither extras nor what comes after entered. Everything is a multiple of four
//! bytes, little endian (checked by gavel-types). Handles, queues, names, levels, lists, digests
//! and what is open follow from these.

mod restore;
mod save;
#[cfg(test)]
mod tests;

pub(crate) use restore::restore;
pub(crate) use save::save;

use crate::book::Book;
use crate::orders::Extra;
use crate::risk::{Likeness, Limits, Party};
use crate::symbol::{Bands, SymbolBook};
use alloc::vec;
use alloc::vec::Vec;
use gavel_contract::{BadState, StateSink, StateSource};
use gavel_types::{Account, ClOrdId, Nanos, Price, Qty, SessionSlot, Side, SymbolId};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

const MAGIC: u32 = u32::from_le_bytes(*b"GVBK");

/// Version of this format. Version 1, which knew less, is read as well; any other is refused.
const VERSION: u32 = 2;

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
    /// What comes behind the head from version 2 on.
    Head2 = 48 {
        /// Entries of orders that expire.
        entries: u64,
        /// Time of the last record (ns).
        now: u64,
        extras: u32,
        sessions: u32,
        accounts: u32,
        positions: u32,
        is_armed: u8,
        is_venue_killed: u8,
        reserved: [u8; 14],
    }
}

layout! {
    /// An instrument of the plan, in version 1.
    SymbolRow1 = 48 {
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
    /// A symbol.
    SymbolRow = 104 {
        symbol: SymbolId,
        qty_scale: u8,
        /// A `StpInstruction` code.
        stp: u8,
        /// A `TradingPhase` code.
        phase: u8,
        /// A `BandAction` code.
        action: u8,
        tick: i64,
        lot: u64,
        price_min: i64,
        price_max: i64,
        qty_max: u64,
        protection: i64,
        reference: Price,
        last: Price,
        low: Price,
        high: Price,
        dynamic: Price,
        is_killed: u8,
        reserved: [u8; 7],
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
        /// Bits of `orders::flag`, but for KNOWN.
        flags: u8,
        /// A `StpInstruction` code.
        stp: u8,
        reserved: [u8; 4],
    }
}

layout! {
    /// What few orders have.
    ExtraRow = 56 {
        display: Qty,
        hidden: Qty,
        stop_px: Price,
        expire_time: Nanos,
        smp_id: u64,
        entry: u64,
        slot: u32,
        reserved: u32,
    }
}

layout! {
    /// A session or an account with its limits.
    PartyRow = 112 {
        qty_max: u64,
        notional_max: u64,
        position_max: u64,
        collar: i64,
        orders_max: u32,
        rate_per_s: u32,
        rate_burst: u32,
        duplicate_ms: u32,
        units: u64,
        filled_at: Nanos,
        last_price: Price,
        last_stop_px: Price,
        last_qty: Qty,
        last_at: Nanos,
        last_symbol: u32,
        /// The session's slot, or the account.
        party: u32,
        /// A `Side` code.
        last_side: u8,
        has_last: u8,
        is_killed: u8,
        reserved: [u8; 5],
    }
}

layout! {
    /// What an account holds in a symbol.
    PositionRow = 24 {
        account: u32,
        place: u32,
        /// The two halves of an i128.
        net_low: u64,
        net_high: i64,
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
    Extras = 6,
    Sessions = 7,
    Accounts = 8,
    Positions = 9,
}

impl SectionHead {
    fn of<T>(section: Section, rows: u32) -> Self {
        Self { kind: section as u32, row_bytes: size_of::<T>() as u32, rows: rows.into() }
    }
}

impl SymbolRow {
    fn of(book: &SymbolBook) -> Self {
        let SymbolBook { rules, bands: Bands { low, high, dynamic, action }, .. } = book;
        Self {
            symbol: rules.symbol,
            qty_scale: rules.qty_scale,
            stp: rules.stp.code(),
            phase: book.phase.code(),
            action: action.code(),
            tick: rules.tick,
            lot: rules.lot,
            price_min: rules.price_min,
            price_max: rules.price_max,
            qty_max: rules.qty_max,
            protection: rules.protection,
            reference: book.reference,
            last: book.last,
            low: *low,
            high: *high,
            dynamic: *dynamic,
            is_killed: book.is_killed.into(),
            reserved: [0; 7],
        }
    }
}

impl SymbolRow1 {
    fn of(book: &SymbolBook) -> Self {
        let rules = &book.rules;
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

impl PartyRow {
    fn of(name: u32, party: &Party) -> Self {
        let limits = party.limits;
        let mut row = Self {
            qty_max: limits.qty_max,
            notional_max: limits.notional_max,
            position_max: limits.position_max,
            collar: limits.collar,
            orders_max: limits.orders_max,
            rate_per_s: limits.rate_per_s,
            rate_burst: limits.rate_burst,
            duplicate_ms: limits.duplicate_ms,
            units: party.units,
            filled_at: party.filled_at,
            party: name,
            is_killed: party.is_killed.into(),
            ..Self::new_zeroed()
        };
        if let Some((last, at)) = party.last {
            (row.last_price, row.last_stop_px) = (last.price, last.stop_px);
            (row.last_qty, row.last_at, row.last_symbol) = (last.qty, at, last.symbol);
            (row.last_side, row.has_last) = (last.side.code(), 1);
        }
        row
    }

    /// The party, its live orders not counted yet; None if there is none such.
    fn party(&self, books: u32) -> Option<Party> {
        let last = if self.has_last == 1 {
            let side = Side::from_code(self.last_side)?;
            let likeness = Likeness {
                symbol: self.last_symbol,
                side,
                price: self.last_price,
                stop_px: self.last_stop_px,
                qty: self.last_qty,
            };
            Some((likeness, self.last_at))
        } else {
            None
        };
        let limits = Limits {
            qty_max: self.qty_max,
            notional_max: self.notional_max,
            position_max: self.position_max,
            collar: self.collar,
            orders_max: self.orders_max,
            rate_per_s: self.rate_per_s,
            rate_burst: self.rate_burst,
            duplicate_ms: self.duplicate_ms,
        };
        let is_killed = self.is_killed == 1;
        let (units, filled_at) = (self.units, self.filled_at);
        let party = Party { limits, is_killed, units, filled_at, last, live: 0 };
        let is_known = last.is_none_or(|(last, _)| last.symbol < books);
        // Every byte means something, so what it means is written as it was read.
        let is_same = Self::of(self.party, &party) == *self;
        (is_known && is_same && limits.collar >= 0 && party.is_bucket_sound()).then_some(party)
    }
}

impl ExtraRow {
    fn of(slot: u32, extra: &Extra) -> Self {
        Self {
            display: extra.display,
            hidden: extra.hidden,
            stop_px: extra.stop_px,
            expire_time: extra.expire_time,
            smp_id: extra.smp_id,
            entry: extra.entry,
            slot,
            reserved: 0,
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
        symbols: book.books.len() as u32,
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
