//! Workloads of our own, from a seed: integers only, so the same bytes on every machine.
//!
//! Inputs -> outputs: a shape and a seed -> operations.
//! Invariants: what is cancelled, moved or reduced is live at that point of the workload.
//! Limits: a book of about [`LIVE`] orders; it is in the cache, and its shape is what costs.
//! Not here: large books; tools that others share make those.

use super::{Op, OpKind, OpSide, TextBook, Workload};
use anyhow::{Result, bail};
use std::str::FromStr;

/// Live orders that a workload keeps to.
const LIVE: usize = 970;
/// Where the middle of the book is at first.
const MIDDLE: i64 = 100_000;

/// Kinds of books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Mostly changes of price: about 970 orders on about 800 levels; of a hundred operations 72
    /// moves, 12 orders, 7 cancels, 7 reduces, 2 IOCs. The mix of exchange-core's own benchmark.
    Moves,
    /// Levels tens to hundreds of ticks apart, and a middle that swings by a quarter of its price
    /// up and down again within every 20,000 operations: what looks for the next level by walking
    /// from tick to tick walks far.
    Sparse,
}

impl Shape {
    /// Its name on the command line.
    pub const NAMES: &[&str] = &["w1", "sparse"];

    /// Operations that it is made of if nobody says otherwise.
    #[must_use]
    pub const fn operations(self) -> usize {
        3_000_000
    }
}

impl FromStr for Shape {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "w1" => Ok(Self::Moves),
            "sparse" => Ok(Self::Sparse),
            other => bail!("{other} is no workload: {}", Self::NAMES.join(", ")),
        }
    }
}

/// Makes a workload: the book is filled first, then come `operations`.
#[must_use]
pub fn generate(shape: Shape, seed: u64, operations: usize) -> Workload {
    let mut making = Making {
        random: Random(seed),
        book: TextBook::default(),
        live: Live::default(),
        ops: Vec::with_capacity(operations + LIVE),
        next_id: 1,
        middle: MIDDLE,
    };
    let (width, step): (i64, fn(&mut Making, usize)) = match shape {
        Shape::Moves => (1_210, moves),
        Shape::Sparse => (30_000, sparse),
    };
    for number in 0..LIVE {
        let side = if number % 2 == 0 { OpSide::Buy } else { OpSide::Sell };
        making.add(side, width);
    }
    let prefill = making.ops.len();
    (0..operations).for_each(|number| step(&mut making, number));
    Workload { prefill, ops: making.ops }
}

fn moves(making: &mut Making, _number: usize) {
    const WIDTH: i64 = 1_210;
    if making.random.below(512) == 0 {
        making.middle += making.random.sign();
    }
    let kind = match making.random.below(100) {
        0..72 => OpKind::Move,
        72..84 => OpKind::Gtc,
        84..91 => OpKind::Cancel,
        91..98 => OpKind::Reduce,
        _ => OpKind::Ioc,
    };
    match making.balanced(kind) {
        OpKind::Move => {
            let id = making.any_live();
            let Some(order) = making.book.find(id).copied() else { return };
            // Most go a little way, as quotes that follow a market do.
            let price = if making.random.below(4) == 0 {
                making.passive(order.side, WIDTH)
            } else {
                let way = (1 + making.random.below(16) as i64) * making.random.sign();
                making.on_its_side(order.side, order.price + way, WIDTH)
            };
            making.put(OpKind::Move, order.side, 0, id, price);
        }
        OpKind::Cancel => making.cancel(),
        OpKind::Reduce => {
            let id = making.any_live();
            let by = 1 + making.random.below(20);
            making.put(OpKind::Reduce, OpSide::Buy, by, id, 0);
        }
        OpKind::Ioc => making.take(200, 8),
        _ => {
            let side = making.random.side();
            making.add(side, WIDTH);
        }
    }
}

fn sparse(making: &mut Making, number: usize) {
    const WIDTH: i64 = 30_000;
    /// Operations of one swing, up and down.
    const PERIOD: i64 = 20_000;
    const QUARTER: i64 = PERIOD / 4;
    let at = number as i64 % PERIOD;
    // A triangle that begins in the middle: up, down through it, and up again.
    let height = match at / QUARTER {
        0 => at,
        1 | 2 => 2 * QUARTER - at,
        _ => at - PERIOD,
    };
    making.middle = MIDDLE + height * (MIDDLE / 4) / QUARTER;
    let kind = match making.random.below(100) {
        0..45 => OpKind::Gtc,
        45..85 => OpKind::Cancel,
        _ => OpKind::Ioc,
    };
    match making.balanced(kind) {
        OpKind::Cancel => making.cancel(),
        OpKind::Ioc => making.take(150, 1_000),
        _ => {
            let side = making.random.side();
            making.add(side, WIDTH);
        }
    }
}

struct Making {
    random: Random,
    book: TextBook,
    live: Live,
    ops: Vec<Op>,
    next_id: u64,
    middle: i64,
}

impl Making {
    fn put(&mut self, kind: OpKind, side: OpSide, qty: u32, id: u64, price: i64) {
        let is_order = matches!(kind, OpKind::Gtc | OpKind::Ioc);
        let uid = if is_order { 1 + self.random.below(1_000) as u16 } else { 0 };
        let op = Op { kind, side, uid, qty, id, price };
        self.ops.push(op);
        self.book.apply(&op);
        self.book.ended().iter().for_each(|&id| self.live.remove(id));
        match kind {
            OpKind::Gtc if self.book.find(id).is_some() => self.live.insert(id),
            OpKind::Cancel => self.live.remove(id),
            _ => {}
        }
    }

    fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    fn any_live(&mut self) -> u64 {
        self.live.ids[self.random.below(self.live.ids.len() as u32) as usize]
    }

    /// Orders and cancels so that the book stays as large as it is.
    fn balanced(&self, kind: OpKind) -> OpKind {
        let live = self.live.ids.len();
        match kind {
            OpKind::Gtc if live > LIVE + 20 => OpKind::Cancel,
            OpKind::Cancel | OpKind::Reduce if live < LIVE - 20 => OpKind::Gtc,
            kind => kind,
        }
    }

    fn add(&mut self, side: OpSide, width: i64) {
        let price = self.passive(side, width);
        let (qty, id) = (1 + self.random.below(100), self.fresh_id());
        self.put(OpKind::Gtc, side, qty, id, price);
    }

    fn cancel(&mut self) {
        let id = self.any_live();
        self.put(OpKind::Cancel, OpSide::Buy, 0, id, 0);
    }

    /// An order that trades at once, a little beyond the best price.
    fn take(&mut self, qty_max: u32, beyond: u32) {
        let side = self.random.side();
        let best = self.book.best(side.opposite());
        let best = if best == 0 { self.middle } else { best };
        let further = i64::from(self.random.below(beyond));
        let price = if side == OpSide::Buy { best + further } else { (best - further).max(1) };
        let (qty, id) = (1 + self.random.below(qty_max), self.fresh_id());
        self.put(OpKind::Ioc, side, qty, id, price);
    }

    /// A price on this side of the middle, all equally likely.
    fn passive(&mut self, side: OpSide, width: i64) -> i64 {
        let away = 1 + i64::from(self.random.below(width as u32));
        if side == OpSide::Buy { self.middle - away } else { self.middle + away }
    }

    /// The price, or the nearest to it that is on this side of the middle and not too far.
    fn on_its_side(&self, side: OpSide, price: i64, width: i64) -> i64 {
        match side {
            OpSide::Buy => price.clamp(self.middle - width, self.middle - 1),
            OpSide::Sell => price.clamp(self.middle + 1, self.middle + width),
        }
    }
}

/// Ids of live orders, any of which can be picked.
#[derive(Default)]
struct Live {
    ids: Vec<u64>,
    /// Where each id is; ids are dense.
    places: Vec<u32>,
}

impl Live {
    const NOWHERE: u32 = u32::MAX;

    fn insert(&mut self, id: u64) {
        let id_at = id as usize;
        if self.places.len() <= id_at {
            self.places.resize(id_at + 1, Self::NOWHERE);
        }
        self.places[id_at] = self.ids.len() as u32;
        self.ids.push(id);
    }

    fn remove(&mut self, id: u64) {
        let Some(place) = self.places.get_mut(id as usize) else { return };
        let at = std::mem::replace(place, Self::NOWHERE);
        if at == Self::NOWHERE {
            return;
        }
        self.ids.swap_remove(at as usize);
        if let Some(&moved) = self.ids.get(at as usize) {
            self.places[moved as usize] = at;
        }
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * u64::from(bound)) >> 32) as u32
    }

    fn sign(&mut self) -> i64 {
        if self.below(2) == 0 { -1 } else { 1 }
    }

    fn side(&mut self) -> OpSide {
        if self.below(2) == 0 { OpSide::Buy } else { OpSide::Sell }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Applies a workload again; the live orders and levels at its end, and the shares of kinds.
    fn looked_at(made: &Workload) -> (TextBook, [f64; 6]) {
        let mut book = TextBook::default();
        let mut counts = [0_u32; 6];
        for (number, op) in made.ops.iter().enumerate() {
            let names = !matches!(op.kind, OpKind::Gtc | OpKind::Ioc);
            assert!(!names || book.find(op.id).is_some(), "{op:?} names a live order");
            book.apply(op);
            if number >= made.prefill {
                counts[op.kind as usize] += 1;
                assert!((900..1_100).contains(&book.len()), "{} orders at {number}", book.len());
            }
        }
        let timed = (made.ops.len() - made.prefill) as f64;
        (book, counts.map(|count| f64::from(count) * 100.0 / timed))
    }

    #[test]
    fn w1_is_mostly_moves_on_about_800_levels() {
        let made = generate(Shape::Moves, 1, 60_000);
        let (book, shares) = looked_at(&made);
        assert!((700..900).contains(&book.levels()), "{} levels", book.levels());
        for (share, near) in shares.into_iter().zip([12.0, 2.0, 7.0, 72.0, 7.0, 0.0]) {
            assert!((share - near).abs() < 1.5, "{shares:?}");
        }
        assert!(book.tally().trades > 1_000);
    }

    #[test]
    fn sparse_swings_by_a_quarter_and_its_levels_are_far_apart() {
        let made = generate(Shape::Sparse, 1, 60_000);
        let (book, _) = looked_at(&made);
        assert!(book.levels() > 800, "{} levels", book.levels());
        let mut again = TextBook::default();
        let (mut low, mut high) = (i64::MAX, 0);
        for op in &made.ops {
            again.apply(op);
            let bid = again.best(OpSide::Buy);
            (low, high) = (low.min(bid), high.max(bid));
        }
        assert!(high - low > 40_000, "the best bid was between {low} and {high}");
        assert!(again.tally().trades > 1_000);
    }

    #[test]
    fn a_seed_makes_one_workload() {
        let made = generate(Shape::Sparse, 3, 5_000);
        assert_eq!(made, generate(Shape::Sparse, 3, 5_000));
        assert_ne!(made, generate(Shape::Sparse, 4, 5_000));
    }
}
