//! What is planned, by time.
//!
//! Inputs -> outputs: events with their times -> the next one.
//! Invariants: events come by rising time; of one time, in the order in which they were planned.
//! Not here: what events are (world.rs).
//!
//! What is planned is mostly for soon: so the next one is kept at the end of a list in order, and
//! what is put in goes a few places before it. Their names are in that list, of 32 bytes; events
//! stay where they were put.

use gavel_types::Nanos;

/// An event without itself.
#[derive(Clone, Copy, Debug)]
struct Name {
    /// When, and then which in the order of planning: one number to compare.
    key: u128,
    /// Where it is.
    place: u32,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue<E> {
    /// The next one last.
    names: Vec<Name>,
    events: Vec<Option<E>>,
    free: Vec<u32>,
    planned: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { names: Vec::new(), events: Vec::new(), free: Vec::new(), planned: 0 }
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
        let key = u128::from(at.0) << 64 | u128::from(self.planned);
        let later = self.names.iter().rposition(|name| name.key > key);
        self.names.insert(later.map_or(0, |later| later + 1), Name { key, place });
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
