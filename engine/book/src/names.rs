//! ClOrdIDs of live orders: (session, ClOrdID) -> slot.
//!
//! Inputs -> outputs: a name in, the slot of the order out.
//! Invariants: a name is there exactly while its order is live; every entry can be reached from its
//! home without crossing an empty place.
//! Limits: `orders_max` names in at least twice as many places, so a probe stops. A place is 8
//! bytes: half of the name's hash and the slot. The name itself is in the order, which whoever asks
//! for it wants next anyway.
//! Not here: a hash with a secret key. A client that picks its ClOrdIDs to collide slows the probes
//! (its own and its neighbours'); it cannot change a report.
//! Source: linear probing with deletion by backward shift, Knuth 6.4, algorithm R.

use crate::orders::{NIL, Orders};
use alloc::vec;
use alloc::vec::Vec;
use gavel_types::{ClOrdId, SessionSlot};

#[derive(Clone, Copy, Debug)]
struct Place {
    hash: u32,
    /// NIL if the place is empty.
    slot: u32,
}

const _: () = assert!(size_of::<Place>() == 8);

/// Where a name that is free would be put.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vacancy {
    at: u32,
    hash: u32,
}

const EMPTY: Place = Place { hash: 0, slot: NIL };

/// The map.
#[derive(Debug)]
pub(crate) struct Names {
    /// A power of two of them.
    places: Vec<Place>,
    mask: usize,
    used: usize,
}

impl Names {
    pub(crate) fn new(orders_max: u32) -> Self {
        let places = (orders_max as usize * 2).max(2).next_power_of_two();
        Self { places: vec![EMPTY; places], mask: places - 1, used: 0 }
    }

    /// The slot of the live order with this name.
    #[inline]
    pub(crate) fn find(
        &self,
        orders: &Orders,
        session: SessionSlot,
        cl_ord_id: ClOrdId,
    ) -> Option<u32> {
        self.seek(orders, session, cl_ord_id).ok().map(|at| self.places[at].slot)
    }

    /// The place where a name would be put, or nothing if it is taken. Good until the next change.
    #[inline]
    pub(crate) fn vacancy(
        &self,
        orders: &Orders,
        session: SessionSlot,
        cl_ord_id: ClOrdId,
    ) -> Option<Vacancy> {
        let at = self.seek(orders, session, cl_ord_id).err()?;
        Some(Vacancy { at: at as u32, hash: hash(session, cl_ord_id) })
    }

    /// What stands at a name's home: most often the name's slot, if it is there.
    #[inline]
    pub(crate) fn at_home(&self, session: SessionSlot, cl_ord_id: ClOrdId) -> u32 {
        self.places[hash(session, cl_ord_id) as usize & self.mask].slot
    }

    /// Names a live order, at a place that [`Names::vacancy`] gave.
    #[inline]
    pub(crate) fn insert(&mut self, vacancy: Vacancy, slot: u32) {
        assert!(self.used * 2 < self.places.len(), "half of the places stay empty");
        let place = &mut self.places[vacancy.at as usize];
        assert!(place.slot == NIL, "a name has one order");
        *place = Place { hash: vacancy.hash, slot };
        self.used += 1;
    }

    /// Forgets the name of an order.
    ///
    /// # Panics
    /// If it is not there.
    #[inline]
    pub(crate) fn remove(&mut self, session: SessionSlot, cl_ord_id: ClOrdId, slot: u32) {
        let mut hole = hash(session, cl_ord_id) as usize & self.mask;
        while self.places[hole].slot != slot {
            assert!(self.places[hole].slot != NIL, "a live order has a name");
            hole = (hole + 1) & self.mask;
        }
        self.used -= 1;
        let mut at = hole;
        loop {
            at = (at + 1) & self.mask;
            let place = self.places[at];
            if place.slot == NIL {
                break;
            }
            // An entry may move back into the hole if the hole is not before its home.
            let home = place.hash as usize & self.mask;
            if at.wrapping_sub(home) & self.mask >= at.wrapping_sub(hole) & self.mask {
                self.places[hole] = place;
                hole = at;
            }
        }
        self.places[hole] = EMPTY;
    }

    /// Names there are.
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.places.capacity() * size_of::<Place>()
    }

    /// Where the name is, or the empty place where it would be.
    #[inline]
    fn seek(
        &self,
        orders: &Orders,
        session: SessionSlot,
        cl_ord_id: ClOrdId,
    ) -> Result<usize, usize> {
        let hash = hash(session, cl_ord_id);
        let mut at = hash as usize & self.mask;
        loop {
            let place = self.places[at];
            if place.slot == NIL {
                return Err(at);
            }
            if place.hash == hash {
                let order = orders.order(place.slot);
                if order.cl_ord_id == cl_ord_id && order.session == session {
                    return Ok(at);
                }
            }
            at = (at + 1) & self.mask;
        }
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
        assert!(clustered > 1000, "the test met collisions: {clustered}");
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
        let places = names.places.iter().zip(0_usize..).filter(|(place, _)| place.slot != NIL);
        let steps: usize =
            places.map(|(place, at)| at.wrapping_sub(place.hash as usize) & names.mask).sum();
        let mean = steps as f64 / names.len() as f64;
        // Half full, a fair hash displaces by half a place on average.
        assert!(mean < 1.0, "{mean}");
    }
}
