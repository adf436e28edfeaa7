//! ClOrdIDs of live orders: (session, ClOrdID) -> slot.
//!
//! Inputs -> outputs: a name in, the slot of the order out.
//! Invariants: a name is there exactly while its order is live; a bucket counts the names that
//! passed it because it was full, so a search ends at the first that nobody passed.
//! Limits: `orders_max` names in at least seven lanes for every four of them. A lane is 8 bytes:
//! half of the name's hash and the slot. The name itself is in the order, which whoever asks for it
//! wants next anyway.
//! Not here: a hash with a secret key. A client that picks its ClOrdIDs to collide slows the probes
//! (its own and its neighbours'); it cannot change a report.
//! Source: buckets of one cache line whose lanes are compared at one time, and whose passers-by are
//! counted instead of tombstones, in the manner of F14 (Facebook, 2019).

use crate::lanes::equal;
use crate::orders::{NIL, Orders};
use alloc::vec;
use alloc::vec::Vec;
use gavel_types::{ClOrdId, SessionSlot};

/// Names that a bucket has room for, and those that it holds if all orders are live.
const LANES: usize = 7;
const NAMES_PER_BUCKET: usize = 4;

/// One cache line. The last lane of `hashes` is no hash: it counts the names that passed.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Bucket {
    hashes: [u32; LANES + 1],
    /// NIL where a lane is empty, and in the last one.
    slots: [u32; LANES + 1],
}

const _: () = assert!(size_of::<Bucket>() == 64);

const EMPTY: Bucket = Bucket { hashes: [0; LANES + 1], slots: [NIL; LANES + 1] };

impl Bucket {
    /// Names that are further on because this bucket was full.
    #[inline]
    fn passed(&self) -> u32 {
        self.hashes[LANES]
    }
}

/// Which of the lanes hold this value, a bit each.
#[inline]
fn lanes(values: &[u32; LANES + 1], wanted: u32) -> u32 {
    equal(values, wanted) & ((1 << LANES) - 1)
}

/// Where a name stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    at: u32,
    lane: u32,
}

/// Where a name that is free would be put.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vacancy {
    at: u32,
    hash: u32,
    lane: u32,
}

/// The map.
#[derive(Debug)]
pub(crate) struct Names {
    /// A power of two of them.
    buckets: Vec<Bucket>,
    mask: usize,
    used: usize,
}

impl Names {
    pub(crate) fn new(orders_max: u32) -> Self {
        let buckets = (orders_max as usize).div_ceil(NAMES_PER_BUCKET).max(1).next_power_of_two();
        Self { buckets: vec![EMPTY; buckets], mask: buckets - 1, used: 0 }
    }

    /// The slot of the live order with this name.
    #[inline]
    pub(crate) fn find(
        &self,
        orders: &Orders,
        session: SessionSlot,
        cl_ord_id: ClOrdId,
    ) -> Option<u32> {
        let hash = hash(session, cl_ord_id);
        let home = hash as usize & self.mask;
        let mut at = home;
        loop {
            let bucket = &self.buckets[at];
            let mut alike = lanes(&bucket.hashes, hash);
            while alike != 0 {
                let slot = bucket.slots[alike.trailing_zeros() as usize];
                // The hash of an empty lane is one that was there.
                if slot != NIL {
                    let order = orders.order(slot);
                    if order.cl_ord_id == cl_ord_id && order.session == session {
                        return Some(slot);
                    }
                }
                alike &= alike - 1;
            }
            at = (at + 1) & self.mask;
            if bucket.passed() == 0 || at == home {
                return None;
            }
        }
    }

    /// The slot of the live order with this name, and where that stands, if it is where most are.
    #[inline(always)]
    pub(crate) fn find_at_home(
        &self,
        orders: &Orders,
        session: SessionSlot,
        cl_ord_id: ClOrdId,
    ) -> Option<(u32, Spot)> {
        let hash = hash(session, cl_ord_id);
        let home = hash as usize & self.mask;
        let bucket = &self.buckets[home];
        let lane = lanes(&bucket.hashes, hash).trailing_zeros();
        let slot = *bucket.slots.get(lane as usize)?;
        if slot == NIL {
            return None;
        }
        let order = orders.order(slot);
        let is_it = order.cl_ord_id == cl_ord_id && order.session == session;
        is_it.then_some((slot, Spot { at: home as u32, lane }))
    }

    /// Where the name of a live order stands, if it is where most are.
    #[inline(always)]
    pub(crate) fn spot_at_home(
        &self,
        session: SessionSlot,
        cl_ord_id: ClOrdId,
        slot: u32,
    ) -> Option<Spot> {
        let home = hash(session, cl_ord_id) as usize & self.mask;
        let lane = lanes(&self.buckets[home].slots, slot).trailing_zeros();
        (lane < LANES as u32).then_some(Spot { at: home as u32, lane })
    }

    /// Forgets a name that is at its home.
    #[inline(always)]
    pub(crate) fn clear(&mut self, spot: Spot) {
        self.buckets[spot.at as usize].slots[spot.lane as usize & LANES] = NIL;
        self.used -= 1;
    }

    /// The place where a name would be put, or nothing if it is taken. Good until another is put
    /// there.
    ///
    /// # Panics
    /// If there are more names than orders.
    #[inline]
    pub(crate) fn vacancy(
        &self,
        orders: &Orders,
        session: SessionSlot,
        cl_ord_id: ClOrdId,
    ) -> Option<Vacancy> {
        if self.find(orders, session, cl_ord_id).is_some() {
            return None;
        }
        let hash = hash(session, cl_ord_id);
        let home = hash as usize & self.mask;
        let mut at = home;
        loop {
            let free = lanes(&self.buckets[at].slots, NIL);
            if free != 0 {
                return Some(Vacancy { at: at as u32, hash, lane: free.trailing_zeros() });
            }
            at = (at + 1) & self.mask;
            assert!(at != home, "there are lanes for all orders");
        }
    }

    /// The same at the name's home, if that has room and nobody there looks like it: most often
    /// it is so.
    #[inline(always)]
    pub(crate) fn vacancy_at_home(
        &self,
        session: SessionSlot,
        cl_ord_id: ClOrdId,
    ) -> Option<Vacancy> {
        let hash = hash(session, cl_ord_id);
        let home = hash as usize & self.mask;
        let bucket = &self.buckets[home];
        let lane = lanes(&bucket.slots, NIL).trailing_zeros();
        let is_free = (lanes(&bucket.hashes, hash) | bucket.passed()) == 0 && lane < LANES as u32;
        is_free.then_some(Vacancy { at: home as u32, hash, lane })
    }

    /// What stands at a name's home: most often the name's slot, if it is there.
    #[inline]
    pub(crate) fn at_home(&self, session: SessionSlot, cl_ord_id: ClOrdId) -> u32 {
        let hash = hash(session, cl_ord_id);
        let bucket = &self.buckets[hash as usize & self.mask];
        bucket.slots[(lanes(&bucket.hashes, hash).trailing_zeros() as usize).min(LANES)]
    }

    /// Names a live order, at a place that [`Names::vacancy`] gave.
    #[inline(always)]
    pub(crate) fn insert(&mut self, vacancy: Vacancy, slot: u32) {
        let mut at = vacancy.hash as usize & self.mask;
        while at != vacancy.at as usize {
            self.buckets[at].hashes[LANES] += 1;
            at = (at + 1) & self.mask;
        }
        let bucket = &mut self.buckets[at];
        let lane = vacancy.lane as usize;
        assert!(lane < LANES && bucket.slots[lane] == NIL, "a name is put where there is room");
        bucket.hashes[lane] = vacancy.hash;
        bucket.slots[lane] = slot;
        self.used += 1;
    }

    /// Forgets the name of an order.
    ///
    /// # Panics
    /// If it is not there.
    #[inline]
    pub(crate) fn remove(&mut self, session: SessionSlot, cl_ord_id: ClOrdId, slot: u32) {
        let mut at = hash(session, cl_ord_id) as usize & self.mask;
        loop {
            let bucket = &mut self.buckets[at];
            let lane = lanes(&bucket.slots, slot).trailing_zeros() as usize;
            if lane < LANES {
                bucket.slots[lane] = NIL;
                break;
            }
            assert!(bucket.passed() > 0, "a live order has a name");
            bucket.hashes[LANES] -= 1;
            at = (at + 1) & self.mask;
        }
        self.used -= 1;
    }

    /// Names there are.
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<Bucket>()
    }
}

/// A 64 x 64 -> 128 bit product, folded: every bit of the name reaches every bit kept.
#[inline]
fn hash(session: SessionSlot, cl_ord_id: ClOrdId) -> u32 {
    let salted = cl_ord_id.0 ^ u64::from(session.0).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let product = u128::from(salted ^ 0x2545_F491_4F6C_DD1D) * 0xD1B5_4A32_D192_ED03;
    ((product as u64) ^ (product >> 64) as u64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::tests::named;
    use std::collections::HashMap;

    #[test]
    fn agrees_with_the_standard_map_while_names_come_and_go() {
        const ORDERS_MAX: u32 = 24;
        let mut names = Names::new(ORDERS_MAX);
        let mut orders = Orders::new(ORDERS_MAX);
        let mut model: HashMap<(u32, u64), u32> = HashMap::new();
        let mut state = 1_u64;
        let mut clustered = 0;
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (session, id) = ((state >> 40) as u32 % 3, (state >> 50) % 40);
            let key = (SessionSlot(session), ClOrdId(id));
            assert_eq!(names.find(&orders, key.0, key.1), model.get(&(session, id)).copied());
            if let Some(slot) = model.remove(&(session, id)) {
                names.remove(key.0, key.1, slot);
                orders.release(slot);
            } else if model.len() < ORDERS_MAX as usize {
                let slot = orders.take(&named(key.0, key.1));
                let at = names.vacancy(&orders, key.0, key.1).unwrap();
                names.insert(at, slot);
                model.insert((session, id), slot);
                clustered += u32::from(names.at_home(key.0, key.1) != slot);
            }
            assert_eq!(names.len(), model.len());
        }
        assert!(clustered > 100, "the test met full buckets: {clustered}");
        for (&(session, id), &slot) in &model {
            assert_eq!(names.find(&orders, SessionSlot(session), ClOrdId(id)), Some(slot));
        }
    }

    #[test]
    fn sequential_names_of_many_sessions_spread() {
        let mut names = Names::new(1 << 14);
        let mut orders = Orders::new(1 << 14);
        for session in (0..16).map(SessionSlot) {
            for id in (0..1 << 10).map(ClOrdId) {
                let at = names.vacancy(&orders, session, id).unwrap();
                let slot = orders.take(&named(session, id));
                names.insert(at, slot);
            }
        }
        let passed: u32 = names.buckets.iter().map(Bucket::passed).sum();
        // A fair hash puts four into a bucket on average: of 16,384, some 300 pass one.
        assert!(passed < 600, "{passed}");
    }

    #[test]
    fn a_search_ends_though_every_bucket_was_passed() {
        // Names of one home fill it and the next; then all go but those that passed.
        let mut names = Names::new(8);
        let mut orders = Orders::new(64);
        assert_eq!(names.buckets.len(), 2);
        let home = |id: u64| hash(SessionSlot(0), ClOrdId(id)) as usize & 1;
        for from in [0, 1] {
            let ids: Vec<u64> =
                (from * 1_000..).filter(|&id| home(id) == from as usize).take(8).collect();
            for &id in &ids {
                let at = names.vacancy(&orders, SessionSlot(0), ClOrdId(id)).unwrap();
                let slot = orders.take(&named(SessionSlot(0), ClOrdId(id)));
                names.insert(at, slot);
            }
            for &id in &ids[..7] {
                let slot = names.find(&orders, SessionSlot(0), ClOrdId(id)).unwrap();
                names.remove(SessionSlot(0), ClOrdId(id), slot);
            }
            assert!(names.find(&orders, SessionSlot(0), ClOrdId(ids[7])).is_some());
        }
        assert!(names.buckets.iter().all(|bucket| bucket.passed() > 0));
        assert_eq!(names.find(&orders, SessionSlot(0), ClOrdId(u64::MAX)), None);
        assert!(names.vacancy(&orders, SessionSlot(0), ClOrdId(u64::MAX)).is_some());
    }
}
