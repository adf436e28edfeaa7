//! Recorded operations for comparing matching cores: the file format that several cores read, and
//! the textbook book that says what must come out.
//!
//! Inputs -> outputs: a file <-> operations; operations -> trades, counted and hashed.
//! Invariants: two cores that traded the same have the same [`Tally`], in whatever order they
//! said so.
//! Limits: a workload is in memory whole (24 bytes an operation); ids are below [`IDS_MAX`].
//! Not here: the machine that is measured (matching.rs).
//! Source: the format "PEERWL01": a header of 16 bytes, then 24 bytes an operation, little endian.

mod generate;
mod textbook;

pub use generate::{Shape, generate};
pub use textbook::{Resting, TextBook};

use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// "PEERWL01".
const MAGIC: u64 = 0x3130_4C57_5245_4550;

/// Ids are dense in this format: a table of them is small.
pub const IDS_MAX: u64 = 1 << 28;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u8)]
pub enum OpKind {
    /// A limit order that may rest.
    Gtc = 0,
    /// A limit order that never rests.
    Ioc = 1,
    /// The order is gone.
    Cancel = 2,
    /// The order has another price, and loses its place whatever the price was.
    Move = 3,
    /// Less of the order is left; it keeps its place.
    Reduce = 4,
    /// The order has another price and so much left, and loses its place.
    Modify = 5,
}

/// Which side of the book an order is for. Operations that name an order need not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u8)]
pub enum OpSide {
    /// A bid.
    Buy = 0,
    /// An ask.
    Sell = 1,
}

impl OpSide {
    /// The side that this one trades with.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// One operation, as it lies in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Op {
    /// What is done.
    pub kind: OpKind,
    /// For which side.
    pub side: OpSide,
    /// Whose order it is.
    pub uid: u16,
    /// Quantity of an order, what a modify leaves, or by how much is reduced.
    pub qty: u32,
    /// The order.
    pub id: u64,
    /// Its price.
    pub price: i64,
}

const _: () = assert!(size_of::<Op>() == 24);

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Header {
    magic: u64,
    prefill: u32,
    total: u32,
}

const _: () = assert!(size_of::<Header>() == 16);

/// The operations of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// So many of them only fill the book, and are not timed.
    pub prefill: usize,
    /// All of them.
    pub ops: Vec<Op>,
}

impl Workload {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or is no workload.
    pub fn load(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let mut from = BufReader::with_capacity(1 << 20, file);
        let read = Self::read(&mut from);
        read.with_context(|| format!("{} is no workload", path.display()))
    }

    fn read(from: &mut impl Read) -> Result<Self> {
        let mut header = [0; size_of::<Header>()];
        from.read_exact(&mut header).context("its header")?;
        let header: Header = zerocopy::transmute!(header);
        ensure!(header.magic == MAGIC, "it does not begin with PEERWL01");
        ensure!(header.prefill <= header.total, "it is filled with more than there is");
        let mut ops = Vec::with_capacity(header.total as usize);
        let mut bytes = [0; size_of::<Op>()];
        for number in 0..header.total {
            from.read_exact(&mut bytes).with_context(|| format!("operation {number}"))?;
            let op = Op::try_read_from_bytes(&bytes).ok().filter(|op| op.id < IDS_MAX);
            ops.push(op.with_context(|| format!("operation {number} has no meaning"))?);
        }
        Ok(Self { prefill: header.prefill as usize, ops })
    }

    /// Writes a file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let mut to = BufWriter::with_capacity(1 << 20, file);
        let header = Header {
            magic: MAGIC,
            prefill: u32::try_from(self.prefill).context("the format counts in 32 bits")?,
            total: u32::try_from(self.ops.len()).context("the format counts in 32 bits")?,
        };
        to.write_all(header.as_bytes())?;
        to.write_all(self.ops.as_bytes())?;
        to.flush().with_context(|| path.display().to_string())
    }
}

/// Trades, counted and hashed so that their order does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub trades: u64,
    /// The sum of their quantities.
    pub volume: u64,
    /// Over maker, taker, price and quantity of each.
    pub hash: u64,
}

impl Tally {
    /// Counts one.
    #[inline]
    pub fn trade(&mut self, maker: u64, taker: u64, price: i64, qty: u64) {
        const MAKER: u64 = 0x9E37_79B9_7F4A_7C15;
        const TAKER: u64 = 0xC2B2_AE3D_27D4_EB4F;
        const PRICE: u64 = 2_654_435_761;
        let parties = maker.wrapping_mul(MAKER) ^ taker.wrapping_mul(TAKER);
        let terms = (price as u64).wrapping_mul(PRICE).wrapping_mul(qty);
        self.trades += 1;
        self.volume = self.volume.wrapping_add(qty);
        self.hash = self.hash.wrapping_add(parties.wrapping_add(terms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(kind: OpKind, id: u64) -> Op {
        Op { kind, side: OpSide::Sell, uid: 7, qty: 30, id, price: 1_000 }
    }

    #[test]
    fn a_workload_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.bin");
        let wrote = Workload { prefill: 1, ops: vec![op(OpKind::Gtc, 1), op(OpKind::Modify, 1)] };
        wrote.save(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 16 + 2 * 24);
        assert_eq!(Workload::load(&path).unwrap(), wrote);
    }

    #[test]
    fn what_is_no_workload_is_refused_in_words() {
        let wrote = Workload { prefill: 0, ops: vec![op(OpKind::Gtc, 1)] };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.bin");
        wrote.save(&path).unwrap();
        let good = std::fs::read(&path).unwrap();
        let refused = |at: usize, byte: u8, length: usize| {
            let mut bad = good.clone();
            bad[at] = byte;
            let said = Workload::read(&mut &bad[..length]).unwrap_err();
            format!("{said:#}")
        };
        assert!(refused(0, 0, 40).contains("PEERWL01"));
        assert!(refused(8, 9, 40).contains("more than there is"));
        assert!(refused(16, 6, 40).contains("operation 0 has no meaning"));
        assert!(refused(17, 2, 40).contains("operation 0 has no meaning"));
        assert!(refused(0, good[0], 39).contains("operation 0"));
        assert!(refused(0, good[0], 3).contains("header"));
    }
}
