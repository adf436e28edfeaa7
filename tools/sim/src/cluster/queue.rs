//! What is planned, by time.
//!
//! Inputs -> outputs: events with their times -> the next one.
//! Invariants: events come by rising time; of one time, in the order in which they were planned.
//! Not here: what events are (world.rs).
//!
//! The heap orders names of 32 bytes, and events stay where they were put: one of them is several
//! times as large, and would be moved at each step up or down.

use gavel_types::Nanos;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// An event without itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name {
    /// When, and then which in the order of planning: one number to compare.
    key: u128,
    /// Where it is.
    place: u32,
}

impl Name {
    fn new(at: Nanos, number: u64, place: u32) -> Self {
        Self { key: u128::from(at.0) << 64 | u128::from(number), place }
    }
}

/// The earliest is the greatest: a heap gives that first.
impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key)
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue<E> {
    names: BinaryHeap<Name>,
    events: Vec<Option<E>>,
    free: Vec<u32>,
    planned: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { names: BinaryHeap::new(), events: Vec::new(), free: Vec::new(), planned: 0 }
    }
}

impl<E> Queue<E> {
    /// Plans an event.
    pub(super) fn plan(&mut self, at: Nanos, event: E) {
        self.planned += 1;
        let place = self.free.pop().unwrap_or_else(|| {
            self.events.push(None);
            self.events.len() as u32 - 1
        });
        self.events[place as usize] = Some(event);
        self.names.push(Name::new(at, self.planned, place));
    }

    /// Takes the next one: when, which it was in the order of planning, and what.
    ///
    /// # Panics
    /// If an event is gone whose name is there: a bug.
    pub(super) fn next(&mut self) -> Option<(Nanos, u64, E)> {
        let Name { key, place } = self.names.pop()?;
        self.free.push(place);
        let event = self.events[place as usize].take().expect("what has a name is there");
        Some((Nanos((key >> 64) as u64), key as u64, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use std::collections::BTreeMap;

    #[test]
    fn events_come_by_time_and_then_as_they_were_planned() {
        let (mut queue, mut sorted) = (Queue::default(), BTreeMap::new());
        let mut random = Random::new(1);
        for number in 1..=2_000_u64 {
            let at = Nanos(random.below(50));
            queue.plan(at, number);
            sorted.insert((at, number), number);
            if random.one_in(3) {
                let ((at, number), event) = sorted.pop_first().expect("one was planned");
                assert_eq!(queue.next(), Some((at, number, event)));
            }
        }
        while let Some(((at, number), event)) = sorted.pop_first() {
            assert_eq!(queue.next(), Some((at, number, event)));
        }
        assert_eq!(queue.next(), None);
        assert!(queue.events.len() < 2_000, "places are used again");
    }
}
