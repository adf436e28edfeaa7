//! ClOrdIDs of live orders: (session, ClOrdID) -> slot.
//!
//! Inputs -> outputs: a name in, the slot of the order out.
//! Invariants: a name is there exactly while its order is live; every entry can be reached from its
//! home without crossing an empty place.
//! Limits: `orders_max` names in at least twice as many places, so a probe stops. A place is 16
//! bytes, four to a cache line.
//! Not here: a hash with a secret key. A client that picks its ClOrdIDs to collide slows the probes
//! (its own and its neighbours'); it cannot change a report.
//! Source: linear probing with deletion by backward shift, Knuth 6.4, algorithm R.

use crate::orders::NIL;
use alloc::vec;
use alloc::vec::Vec;
use gavel_types::{ClOrdId, SessionSlot};

#[derive(Clone, Copy, Debug)]
struct Place {
    cl_ord_id: ClOrdId,
    session: SessionSlot,
    /// NIL if the place is empty.
    slot: u32,
}

const _: () = assert!(size_of::<Place>() == 16);

/// Places of a cache line. A Vec of places begins at a multiple of a page if it is large, and if it
/// is small it does not matter.
const LINE: u64 = 4;

const EMPTY: Place = Place { cl_ord_id: ClOrdId(0), session: SessionSlot::NONE, slot: NIL };

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
    pub(crate) fn find(&self, session: SessionSlot, cl_ord_id: ClOrdId) -> Option<u32> {
        self.seek(session, cl_ord_id).ok().map(|at| self.places[at].slot)
    }

    /// What stands at a name's home: most often the name's slot, if it is there.
    #[inline]
    pub(crate) fn at_home(&self, home: usize) -> u32 {
        self.places[home].slot
    }

    /// Names a live order.
    ///
    /// # Panics
    /// If the name is taken: callers look first.
    #[inline]
    pub(crate) fn insert(&mut self, session: SessionSlot, cl_ord_id: ClOrdId, slot: u32) {
        assert!(self.try_insert(session, cl_ord_id, slot), "a name has one order");
    }

    /// Names a live order; false if the name is taken.
    #[inline]
    pub(crate) fn try_insert(
        &mut self,
        session: SessionSlot,
        cl_ord_id: ClOrdId,
        slot: u32,
    ) -> bool {
        assert!(self.used * 2 < self.places.len(), "half of the places stay empty");
        let Err(at) = self.seek(session, cl_ord_id) else { return false };
        self.places[at] = Place { cl_ord_id, session, slot };
        self.used += 1;
        true
    }

    /// Forgets a name.
    ///
    /// # Panics
    /// If it is not there.
    #[inline]
    pub(crate) fn remove(&mut self, session: SessionSlot, cl_ord_id: ClOrdId) {
        let mut hole = self.seek(session, cl_ord_id).expect("a live order has a name");
        self.used -= 1;
        let mut at = hole;
        loop {
            at = (at + 1) & self.mask;
            let place = self.places[at];
            if place.slot == NIL {
                break;
            }
            // An entry may move back into the hole if the hole is not before its home.
            let home = self.home(place.session, place.cl_ord_id);
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
    fn seek(&self, session: SessionSlot, cl_ord_id: ClOrdId) -> Result<usize, usize> {
        let mut at = self.home(session, cl_ord_id);
        loop {
            let place = &self.places[at];
            if place.slot == NIL {
                return Err(at);
            }
            if place.cl_ord_id == cl_ord_id && place.session == session {
                return Ok(at);
            }
            at = (at + 1) & self.mask;
        }
    }

    /// A 64 x 64 -> 128 bit product, folded: every bit of the name but its lowest reaches every bit
    /// kept. Those say where in the line, so that names that were counted up share lines: most
    /// clients count, and each line is fetched once for all that are in it.
    #[inline]
    pub(crate) fn home(&self, session: SessionSlot, cl_ord_id: ClOrdId) -> usize {
        let line = cl_ord_id.0 / LINE;
        let salted = line ^ u64::from(session.0).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let product = u128::from(salted ^ 0x2545_F491_4F6C_DD1D) * 0xD1B5_4A32_D192_ED03;
        let folded = (product as u64) ^ (product >> 64) as u64;
        (folded.wrapping_mul(LINE) + cl_ord_id.0 % LINE) as usize & self.mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn agrees_with_the_standard_map_while_names_come_and_go() {
        const ORDERS_MAX: u32 = 24;
        let mut names = Names::new(ORDERS_MAX);
        let mut model: HashMap<(u32, u64), u32> = HashMap::new();
        let mut state = 1_u64;
        let mut clustered = 0;
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (session, id) = ((state >> 40) as u32 % 3, (state >> 50) % 40);
            let key = (SessionSlot(session), ClOrdId(id));
            assert_eq!(names.find(key.0, key.1), model.get(&(session, id)).copied());
            if model.remove(&(session, id)).is_some() {
                names.remove(key.0, key.1);
            } else if model.len() < ORDERS_MAX as usize {
                let slot = (state >> 33) as u32 % 1000;
                names.insert(key.0, key.1, slot);
                model.insert((session, id), slot);
                let at = names.seek(key.0, key.1).unwrap();
                clustered += u32::from(at != names.home(key.0, key.1));
            }
            assert_eq!(names.len(), model.len());
        }
        assert!(clustered > 1000, "the test met collisions: {clustered}");
        for (&(session, id), &slot) in &model {
            assert_eq!(names.find(SessionSlot(session), ClOrdId(id)), Some(slot));
        }
    }

    #[test]
    fn sequential_names_of_many_sessions_spread() {
        let mut names = Names::new(1 << 14);
        for session in 0..16 {
            for id in 0..1 << 10 {
                names.insert(SessionSlot(session), ClOrdId(id), 0);
            }
        }
        let steps: usize = (0..names.places.len())
            .filter(|&at| names.places[at].slot != NIL)
            .map(|at| {
                let place = names.places[at];
                at.wrapping_sub(names.home(place.session, place.cl_ord_id)) & names.mask
            })
            .sum();
        let mean = steps as f64 / names.len() as f64;
        // Half full, a fair hash displaces whole lines by half a line on average.
        assert!(mean < 0.75 * LINE as f64, "{mean}");
    }
}
