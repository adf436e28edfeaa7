//! The log's store as a hot thread may use it.
//!
//! A full disk is answered again and again, each time with a text, and a hot thread must not free
//! memory: the texts go to a thread that may, which also shows the newest to the operator.
//!
//! Inputs -> outputs: a store -> the same store, whose "full" answers have no text; the texts.
//! Invariants: no text is freed here; an answer whose text has no place yet waits.
//! Limits: [`TEXTS_MAX`] texts that nobody has taken.
//! Not here: faults that end the process: their text may be made and freed where it likes.

use gavel_contract::{
    BufferId, LogDone, LogStore, LogWrite, SegmentNo, StoreFault, StoreFaultKind,
};
use gavel_link::{Reader, Writer, ring};

/// Most texts that wait to be taken.
const TEXTS_MAX: usize = 64;

/// A store that gives the texts of a full disk away.
pub(crate) struct Silenced<S> {
    store: S,
    texts: Writer<String>,
    /// At most one segment is prepared at a time, so at most one answer waits.
    withheld: Option<(SegmentNo, String)>,
}

/// The store, and its texts.
pub(crate) fn silenced<S>(store: S) -> (Silenced<S>, Reader<String>) {
    let (texts, taken) = ring(TEXTS_MAX);
    (Silenced { store, texts, withheld: None }, taken)
}

impl<S: LogStore> LogStore for Silenced<S> {
    fn buffer_bytes(&self) -> usize {
        self.store.buffer_bytes()
    }

    fn buffers(&self) -> usize {
        self.store.buffers()
    }

    fn segment_bytes(&self) -> u64 {
        self.store.segment_bytes()
    }

    fn buffer(&mut self, id: BufferId) -> &mut [u8] {
        self.store.buffer(id)
    }

    fn submit(&mut self, write: LogWrite) {
        self.store.submit(write);
    }

    fn prepare(&mut self, segment: SegmentNo, free_below: SegmentNo) {
        self.store.prepare(segment, free_below);
    }

    fn poll(&mut self) -> Option<LogDone> {
        if self.withheld.is_none() {
            match self.store.poll()? {
                LogDone::PrepareFailed(segment, why) if why.kind == StoreFaultKind::Full => {
                    self.withheld = Some((segment, why.facts));
                }
                other => return Some(other),
            }
        }
        if !self.texts.has_room(1) {
            return self.store.poll();
        }
        let (segment, text) = self.withheld.take()?;
        self.texts.push(text);
        let why = StoreFault { kind: StoreFaultKind::Full, facts: String::new() };
        Some(LogDone::PrepareFailed(segment, why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says that the disk is full whenever it is asked for a segment, and nothing else.
    struct Full(Option<SegmentNo>);

    impl LogStore for Full {
        fn buffer_bytes(&self) -> usize {
            4_096
        }
        fn buffers(&self) -> usize {
            1
        }
        fn segment_bytes(&self) -> u64 {
            4_096
        }
        fn buffer(&mut self, _: BufferId) -> &mut [u8] {
            &mut []
        }
        fn submit(&mut self, _: LogWrite) {}
        fn prepare(&mut self, segment: SegmentNo, _: SegmentNo) {
            self.0 = Some(segment);
        }
        fn poll(&mut self) -> Option<LogDone> {
            let segment = self.0.take()?;
            let facts = format!("no room for {}", segment.0);
            Some(LogDone::PrepareFailed(segment, StoreFault { kind: StoreFaultKind::Full, facts }))
        }
    }

    #[test]
    fn an_answer_waits_until_its_text_has_a_place() {
        let (mut store, mut texts) = silenced(Full(None));
        let silent = |segment| {
            let why = StoreFault { kind: StoreFaultKind::Full, facts: String::new() };
            Some(LogDone::PrepareFailed(SegmentNo(segment), why))
        };
        let most = TEXTS_MAX as u64;
        for segment in 1..=most {
            store.prepare(SegmentNo(segment), SegmentNo(0));
            assert_eq!(store.poll(), silent(segment));
        }
        store.prepare(SegmentNo(most + 1), SegmentNo(0));
        assert_eq!((store.poll(), store.poll()), (None, None));
        assert_eq!(texts.pop().as_deref(), Some("no room for 1"));
        assert_eq!((store.poll(), store.poll()), (silent(most + 1), None));
        assert_eq!(std::iter::from_fn(|| texts.pop()).count(), TEXTS_MAX);
    }
}
