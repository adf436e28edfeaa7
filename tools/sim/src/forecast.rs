//! The weather's numbers: which fault it is, and what it draws.
//!
//! Every fault has a number and a stream of its own, so that the others come as they would have
//! come if one of them is left out.
//!
//! Inputs -> outputs: a seed -> numbered streams; what befell the world -> a list.
//! Not here: what faults there are, and when (weather.rs, of both kinds of worlds).

use crate::less::Less;
use crate::random::Random;
use std::cell::RefCell;

/// So that the weather's streams are not the world's.
const WEATHER: u64 = 0xD6E8_FEB8_6659_FD93;

thread_local! {
    /// What befell this thread's world: it outlives a world whose build does not unwind.
    static BEFELL: RefCell<Vec<Befell>> = const { RefCell::new(Vec::new()) };
}

/// What befell the world that runs on this thread: for a hook, in builds that do not unwind.
#[must_use]
pub fn so_far() -> Vec<Befell> {
    BEFELL.with(|befell| befell.try_borrow().map(|befell| befell.clone()).unwrap_or_default())
}

/// A fault that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Befell {
    /// Its number.
    pub number: u64,
    /// Its kind.
    pub kind: &'static str,
}

/// The faults of a world, one after the other.
#[derive(Clone, Debug)]
pub struct Forecast {
    seed: u64,
    number: u64,
    befell: Vec<Befell>,
    asserts_at: Option<u64>,
}

impl Forecast {
    /// Of the world of that seed, as far as the weather has numbers.
    #[must_use]
    pub fn new(seed: u64, less: &Less) -> Self {
        BEFELL.with(|befell| befell.borrow_mut().clear());
        Self { seed, number: 0, befell: Vec::new(), asserts_at: less.assert_at_fault }
    }

    /// The next fault's number, from 1, and its stream.
    ///
    /// # Panics
    /// If that is planted.
    pub fn next_fault(&mut self) -> (u64, Random) {
        self.number += 1;
        assert!(self.asserts_at != Some(self.number), "planted: this is not fault {}", self.number);
        let stream = Random::new(self.seed ^ self.number.wrapping_mul(WEATHER)).split();
        (self.number, stream)
    }

    /// It happened.
    pub fn befell(&mut self, number: u64, kind: &'static str) {
        let befell = Befell { number, kind };
        self.befell.push(befell);
        BEFELL.with(|so_far| so_far.borrow_mut().push(befell));
    }

    /// All that happened.
    #[must_use]
    pub fn list(&self) -> &[Befell] {
        &self.befell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_draws_the_same_whatever_others_drew() {
        let draws = |seed, greedy: u64| {
            let mut forecast = Forecast::new(seed, &Less::default());
            let draw = |_| {
                let (number, mut random) = forecast.next_fault();
                let first = random.word();
                let _ = (0..greedy * number).map(|_| random.word()).max();
                first
            };
            (0..50).map(draw).collect::<Vec<u64>>()
        };
        assert_eq!(draws(7, 0), draws(7, 3));
        assert_ne!(draws(7, 0), draws(8, 0));
        let mut distinct = draws(7, 0);
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 50);
    }
}
