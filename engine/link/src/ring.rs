//! A bounded ring of one writer and one reader, over rtrb.

use rtrb::{Consumer, Producer, RingBuffer};

/// Makes a ring.
///
/// # Panics
/// If `depth_slots` is not a power of two.
#[must_use]
pub fn ring<T>(depth_slots: usize) -> (Writer<T>, Reader<T>) {
    assert!(depth_slots.is_power_of_two(), "a ring's depth is a power of two");
    let (producer, consumer) = RingBuffer::new(depth_slots);
    (Writer { producer }, Reader { consumer })
}

/// Makes a ring whose every slot has been written once, so that no page is touched first on the hot
/// path (a first touch costs far more than a push).
///
/// # Panics
/// As [`ring`].
#[must_use]
pub fn touched_ring<T: Copy>(depth_slots: usize, any: T) -> (Writer<T>, Reader<T>) {
    let (mut writer, mut reader) = ring(depth_slots);
    for _ in 0..depth_slots {
        writer.push(any);
    }
    while reader.pop().is_some() {}
    (writer, reader)
}

/// The writing end.
#[derive(Debug)]
pub struct Writer<T> {
    producer: Producer<T>,
}

impl<T> Writer<T> {
    /// Free slots, at least; the reader may free more at any time.
    #[inline]
    pub fn free(&self) -> usize {
        self.producer.slots()
    }

    /// True if at least `slots` are free. Cheaper than [`Writer::free`] while that is known from
    /// the last look.
    #[inline]
    pub fn has_room(&self, slots: usize) -> bool {
        self.producer.cached_slots() >= slots || self.producer.slots() >= slots
    }

    /// Appends a value, visible to the reader at once.
    ///
    /// # Panics
    /// If the ring is full: writers look before they take input (ARCHITECTURE.md, invariant 3).
    #[inline]
    pub fn push(&mut self, value: T) {
        let pushed = self.producer.push(value).is_ok();
        assert!(pushed, "a writer looks for room before it takes input");
    }

    /// Bytes of the ring's slots.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.depth() * size_of::<T>()
    }

    /// Slots of the ring.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.producer.buffer().capacity()
    }
}

/// The reading end.
#[derive(Debug)]
pub struct Reader<T> {
    consumer: Consumer<T>,
}

impl<T> Reader<T> {
    /// The oldest value, left where it is.
    #[inline]
    pub fn peek(&self) -> Option<&T> {
        self.consumer.peek().ok()
    }

    /// Shows the oldest values, at most so many, where they are: in one slice or, where the ring
    /// begins again, two. Returns how many.
    #[inline]
    pub fn show(&mut self, most: usize, mut to: impl FnMut(&[T])) -> usize {
        let count = self.consumer.slots().min(most);
        // A chunk that is not committed leaves everything in the ring.
        let Ok(chunk) = self.consumer.read_chunk(count) else { return 0 };
        let (first, second) = chunk.as_slices();
        [first, second].into_iter().filter(|slice| !slice.is_empty()).for_each(&mut to);
        count
    }

    /// Takes the oldest value.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        self.consumer.pop().ok()
    }

    /// Values that wait, at least.
    #[inline]
    pub fn waiting(&self) -> usize {
        self.consumer.slots()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn values_come_out_in_order_and_no_more_than_fit() {
        let (mut writer, mut reader) = ring::<u32>(4);
        for i in 0..4 {
            assert!(writer.has_room(1));
            writer.push(i);
        }
        assert_eq!(writer.free(), 0);
        assert!(!writer.has_room(1));
        assert_eq!(reader.waiting(), 4);
        assert_eq!(reader.peek(), Some(&0));
        assert_eq!(reader.pop(), Some(0));
        assert!(writer.has_room(1) && !writer.has_room(2));
        assert_eq!((reader.pop(), reader.pop(), reader.pop()), (Some(1), Some(2), Some(3)));
        assert_eq!(reader.pop(), None);
    }

    #[test]
    fn values_are_shown_where_they_are_and_stay() {
        let (mut writer, mut reader) = ring::<u32>(4);
        let mut seen = Vec::new();
        assert_eq!(reader.show(3, |slice| seen.push(slice.to_vec())), 0);
        for i in 0..4 {
            writer.push(i);
        }
        assert_eq!((reader.pop(), reader.pop()), (Some(0), Some(1)));
        writer.push(4);
        assert_eq!(reader.show(2, |slice| seen.push(slice.to_vec())), 2);
        assert_eq!(reader.show(9, |slice| seen.push(slice.to_vec())), 3);
        assert_eq!(seen, [vec![2, 3], vec![2, 3], vec![4]]);
        assert_eq!((reader.pop(), reader.pop(), reader.pop()), (Some(2), Some(3), Some(4)));
    }

    #[test]
    fn a_touched_ring_is_empty_and_whole() {
        let (mut writer, mut reader) = touched_ring(4, 9_u32);
        assert_eq!((writer.free(), reader.pop(), writer.memory_bytes()), (4, None, 16));
        for i in 0..4 {
            writer.push(i);
        }
        assert_eq!(reader.pop(), Some(0));
    }

    #[test]
    #[should_panic(expected = "looks for room")]
    fn a_push_into_a_full_ring_is_a_bug() {
        let (mut writer, _reader) = ring::<u32>(1);
        writer.push(1);
        writer.push(2);
    }
}
