//! ClOrdIDs of live orders: (session, ClOrdID) -> slot.
//!
//! Inputs -> outputs: a name in, the slot of the order out.
//! Invariants: a name is there exactly while its order is live; a bucket counts the names that
//! passed it because it was full, so a search ends at the first that nobody passed.
//! Limits: `orders_max` names in at least two lanes for each of them. A lane is 6 bytes: 15
//! bits of the name's hash and the slot. The name itself is in the order, which whoever asks for it
//! wants next anyway.
//! Not here: a hash with a secret key. A client that picks its ClOrdIDs to collide slows the probes
//! (its own and its neighbours'); it cannot change a report.
//! Source: buckets of one cache line whose lanes are compared at one time, and whose passers-by are
//! counted instead of tombstones, in the manner of F14 (Facebook, 2019).

use crate::lanes::{LANES, equal};
use crate::orders::{NIL, Orders};
use alloc::vec;
use alloc::vec::Vec;
use gavel_simd::prefetch;
use gavel_types::{ClOrdId, SessionSlot};

/// Most names that a bucket holds on average, if all orders are live. With eight, a quarter of the
/// buckets would be full, and whoever comes to one of them goes the long way.
const NAMES_PER_BUCKET: usize = 5;

/// The lowest bit of a hash that tells a name's home.
const HOME_SHIFT: u32 = 16;

/// The tag of an empty lane: no name has it.
const EMPTY: u16 = 0;

/// One cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Bucket {
    tags: [u16; LANES],
    /// Names that are further on because this bucket was full.
    passed: u32,
    /// Of an empty lane, any slot.
    slots: [u32; LANES],
}

const _: () = assert!(size_of::<Bucket>() == 64);

const VACANT: Bucket = Bucket { tags: [EMPTY; LANES], passed: 0, slots: [NIL; LANES] };

/// What is looked for: where, and under which tag.
#[derive(Clone, Copy, Default)]
pub(crate) struct Key {
    home: usize,
    tag: u16,
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
    home: u32,
    at: u32,
    lane: u32,
    tag: u16,
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
        Self { buckets: vec![VACANT; buckets], mask: buckets - 1, used: 0 }
    }

    #[inline(always)]
    fn key(&self, session: SessionSlot, cl_ord_id: ClOrdId) -> Key {
        let hash = hash(session, cl_ord_id);
        // The home is told by bits in the middle, the tag by the high ones; odd, so that it is not
        // EMPTY. The low bits spread names in a row worse than chance would.
        Key { home: (hash >> HOME_SHIFT) as usize & self.mask, tag: (hash >> 48) as u16 | 1 }
    }

    /// The slot of the live order with this name.
    #[inline]
    pub(crate) fn find(
        &self,
        orders: &Orders,
        session: SessionSlot,
        cl_ord_id: ClOrdId,
    ) -> Option<u32> {
        let Key { home, tag } = self.key(session, cl_ord_id);
        let mut at = home;
        loop {
            let bucket = &self.buckets[at];
            let mut alike = equal(&bucket.tags, tag);
            while alike != 0 {
                let slot = bucket.slots[alike.trailing_zeros() as usize];
                let order = orders.order(slot);
                if order.cl_ord_id == cl_ord_id && order.session == session {
                    return Some(slot);
                }
                alike &= alike - 1;
            }
            at = (at + 1) & self.mask;
            if bucket.passed == 0 || at == home {
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
        let Key { home, tag } = self.key(session, cl_ord_id);
        let bucket = &self.buckets[home];
        let lane = equal(&bucket.tags, tag).trailing_zeros();
        let slot = *bucket.slots.get(lane as usize)?;
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
        let Key { home, tag } = self.key(session, cl_ord_id);
        let bucket = &self.buckets[home];
        let lane = equal(&bucket.tags, tag).trailing_zeros();
        let is_it = *bucket.slots.get(lane as usize)? == slot;
        is_it.then_some(Spot { at: home as u32, lane })
    }

    /// Forgets a name that is at its home.
    #[inline(always)]
    pub(crate) fn clear(&mut self, spot: Spot) {
        self.buckets[spot.at as usize].tags[spot.lane as usize] = EMPTY;
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
        let Key { home, tag } = self.key(session, cl_ord_id);
        let mut at = home;
        loop {
            let free = equal(&self.buckets[at].tags, EMPTY);
            if free != 0 {
                let lane = free.trailing_zeros();
                return Some(Vacancy { home: home as u32, at: at as u32, lane, tag });
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
        let Key { home, tag } = self.key(session, cl_ord_id);
        let bucket = &self.buckets[home];
        let lane = equal(&bucket.tags, EMPTY).trailing_zeros();
        let is_free = (equal(&bucket.tags, tag) | bucket.passed) == 0 && lane < LANES as u32;
        is_free.then_some(Vacancy { home: home as u32, at: home as u32, lane, tag })
    }

    /// Fetches a name's home.
    #[inline(always)]
    pub(crate) fn fetch(&self, session: SessionSlot, cl_ord_id: ClOrdId) -> Key {
        let key = self.key(session, cl_ord_id);
        prefetch(&self.buckets, key.home);
        key
    }

    /// What stands at a name's home: most often the name's slot, if it is there.
    #[inline(always)]
    pub(crate) fn at_home(&self, Key { home, tag }: Key) -> u32 {
        let bucket = &self.buckets[home];
        let lane = equal(&bucket.tags, tag).trailing_zeros() as usize;
        bucket.slots.get(lane).map_or(NIL, |slot| *slot)
    }

    /// Names a live order, at a place that [`Names::vacancy`] gave.
    #[inline(always)]
    pub(crate) fn insert(&mut self, vacancy: Vacancy, slot: u32) {
        let mut at = vacancy.home;
        while at != vacancy.at {
            self.buckets[at as usize].passed += 1;
            at = (at + 1) & self.mask as u32;
        }
        let bucket = &mut self.buckets[at as usize];
        let lane = vacancy.lane as usize;
        assert!(lane < LANES && bucket.tags[lane] == EMPTY, "a name is put where there is room");
        bucket.tags[lane] = vacancy.tag;
        bucket.slots[lane] = slot;
        self.used += 1;
    }

    /// Forgets the name of an order.
    ///
    /// # Panics
    /// If it is not there.
    #[inline]
    pub(crate) fn remove(&mut self, session: SessionSlot, cl_ord_id: ClOrdId, slot: u32) {
        let Key { home, tag } = self.key(session, cl_ord_id);
        let mut at = home;
        loop {
            let bucket = &mut self.buckets[at];
            let mut alike = equal(&bucket.tags, tag);
            while alike != 0 {
                let lane = alike.trailing_zeros() as usize;
                if bucket.slots[lane] == slot {
                    bucket.tags[lane] = EMPTY;
                    self.used -= 1;
                    return;
                }
                alike &= alike - 1;
            }
            assert!(bucket.passed > 0, "a live order has a name");
            bucket.passed -= 1;
            at = (at + 1) & self.mask;
        }
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
fn hash(session: SessionSlot, cl_ord_id: ClOrdId) -> u64 {
    let salted = cl_ord_id.0 ^ u64::from(session.0).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let product = u128::from(salted ^ 0x2545_F491_4F6C_DD1D) * 0xD1B5_4A32_D192_ED03;
    (product as u64) ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::tests::named;
    use std::collections::HashMap;

    #[test]
    fn agrees_with_the_standard_map_while_names_come_and_go() {
        // More than there is a lane for at home: two buckets of ten.
        const ORDERS_MAX: u32 = 18;
        let mut names = Names::new(10);
        assert_eq!(names.buckets.len(), 2);
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
                clustered += u32::from(names.at_home(names.key(key.0, key.1)) != slot);
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
        // Two, and then four, of 16 sessions for each of 4,096 buckets of ten.
        for (of_session, most) in [(1 << 9, 3), (1 << 10, 30)] {
            let mut names = Names::new(1 << 14);
            let mut orders = Orders::new(1 << 14);
            assert_eq!(names.buckets.len(), 4_096);
            for session in (0..16).map(SessionSlot) {
                for id in (0..of_session).map(ClOrdId) {
                    let at = names.vacancy(&orders, session, id).unwrap();
                    let slot = orders.take(&named(session, id));
                    names.insert(at, slot);
                }
            }
            let passed: u32 = names.buckets.iter().map(|bucket| bucket.passed).sum();
            println!("{} names: {passed} passed a full bucket", names.len());
            assert!(passed < most, "{passed}");
        }
    }

    #[test]
    fn a_search_ends_though_every_bucket_was_passed() {
        // Names of one home fill it and the next; then all go but those that passed.
        let mut names = Names::new(10);
        let mut orders = Orders::new(64);
        assert_eq!(names.buckets.len(), 2);
        for from in [0, 1] {
            let home = |id: &u64| names.key(SessionSlot(0), ClOrdId(*id)).home;
            let ids: Vec<u64> =
                (from * 1_000..).filter(|id| home(id) == from as usize).take(LANES + 1).collect();
            for &id in &ids {
                let at = names.vacancy(&orders, SessionSlot(0), ClOrdId(id)).unwrap();
                let slot = orders.take(&named(SessionSlot(0), ClOrdId(id)));
                names.insert(at, slot);
            }
            for &id in &ids[..LANES] {
                let slot = names.find(&orders, SessionSlot(0), ClOrdId(id)).unwrap();
                names.remove(SessionSlot(0), ClOrdId(id), slot);
            }
            assert!(names.find(&orders, SessionSlot(0), ClOrdId(ids[LANES])).is_some());
        }
        assert!(names.buckets.iter().all(|bucket| bucket.passed > 0));
        assert_eq!(names.find(&orders, SessionSlot(0), ClOrdId(u64::MAX)), None);
        assert!(names.vacancy(&orders, SessionSlot(0), ClOrdId(u64::MAX)).is_some());
    }
}
