//! Messages that wait for their answer, kept as the bytes that were or will be sent.
//!
//! Inputs -> outputs: messages in, in order; frames to send out; answers in, which release the
//! oldest.
//! Invariants: numbers are consecutive; what was sent is a prefix; only the oldest is ever
//! released.
//! Limits: `in_flight_max` slots of [`SLOT_BYTES`], taken at construction.
//! Not here: which report is an answer (answer.rs), when to send.

use crate::answer::{Answer, Request};
use gavel_types::{Nanos, SeqNo};
use gavel_wire::client::{Application, encode_application};

/// Longest application message of a client: NewOrderSingle with its headers is 99.
pub(crate) const SLOT_BYTES: usize = 120;

#[derive(Clone, Copy)]
struct Slot {
    request: Request,
    len_bytes: u8,
    bytes: [u8; SLOT_BYTES],
}

const EMPTY: Slot = Slot { request: Request::NONE, len_bytes: 0, bytes: [0; SLOT_BYTES] };

/// An answer to something that was not the oldest message under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch;

/// A bounded queue of messages.
pub(crate) struct Pending {
    /// A ring; slot of number n is n modulo its length.
    slots: Box<[Slot]>,
    /// Number of the oldest.
    first: SeqNo,
    len: usize,
    /// How many of them were handed out to be sent, on the present connection.
    sent: usize,
}

impl Pending {
    pub(crate) fn new(in_flight_max: usize) -> Self {
        assert!(in_flight_max >= 1, "at least one message may be under way");
        Self { slots: vec![EMPTY; in_flight_max].into(), first: SeqNo(1), len: 0, sent: 0 }
    }

    /// The oldest number that is not acknowledged.
    pub(crate) fn first(&self) -> SeqNo {
        self.first
    }

    /// The number that the next message gets.
    pub(crate) fn next_seq(&self) -> SeqNo {
        SeqNo(self.first.0 + self.len as u64)
    }

    /// The number of the message that is sent next.
    pub(crate) fn next_unsent(&self) -> SeqNo {
        SeqNo(self.first.0 + self.sent as u64)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many were handed out to be sent, on the present connection or, before
    /// [`Pending::rewind`], on the last one.
    pub(crate) fn sent(&self) -> usize {
        self.sent
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len == self.slots.len()
    }

    fn place(&self, offset: usize) -> usize {
        (self.first.0 as usize).wrapping_add(offset) % self.slots.len()
    }

    /// Appends a message. None if it has no form on the wire.
    ///
    /// # Panics
    /// If it is full.
    pub(crate) fn push(&mut self, message: &Application, transact_time: Nanos) -> Option<SeqNo> {
        assert!(!self.is_full(), "the window is checked before a message enters");
        let at = self.place(self.len);
        let slot = &mut self.slots[at];
        let bytes = encode_application(message, transact_time, &mut slot.bytes)?;
        slot.len_bytes = u8::try_from(bytes).expect("an application message is below 120 bytes");
        slot.request = Request::of(message);
        let seq = self.next_seq();
        self.len += 1;
        Some(seq)
    }

    /// The oldest message that was not sent yet on this connection.
    pub(crate) fn unsent(&self) -> Option<&[u8]> {
        (self.sent < self.len).then(|| {
            let slot = &self.slots[self.place(self.sent)];
            &slot.bytes[..usize::from(slot.len_bytes)]
        })
    }

    /// What [`Pending::unsent`] gave was taken.
    pub(crate) fn mark_sent(&mut self) {
        assert!(self.sent < self.len, "only what is there is sent");
        self.sent += 1;
    }

    /// Nothing has been sent: the connection is new.
    pub(crate) fn rewind(&mut self) {
        self.sent = 0;
    }

    /// Sets the number of the next message, while there is none.
    pub(crate) fn start_at(&mut self, next: SeqNo) {
        assert!(self.len == 0, "messages are numbered once the engine has said where to begin");
        self.first = next;
    }

    /// Gives the messages new numbers, from `first` on.
    pub(crate) fn renumber(&mut self, first: SeqNo) {
        let old_place = self.place(0);
        self.slots.rotate_left(old_place);
        self.first = first;
        let new_place = self.place(0);
        self.slots.rotate_right(new_place);
    }

    /// Releases every message with a number below `until`.
    pub(crate) fn release_until(&mut self, until: SeqNo) {
        let count = until.0.saturating_sub(self.first.0).min(self.len as u64) as usize;
        self.first = SeqNo(self.first.0 + count as u64);
        self.len -= count;
        self.sent = self.sent.saturating_sub(count);
    }

    /// Releases the oldest message if `answer` answers it; says its number and its name.
    pub(crate) fn release(&mut self, answer: Answer) -> Result<(SeqNo, u64), Mismatch> {
        let oldest = self.slots[self.place(0)].request;
        if self.sent == 0 || !answer.fits(oldest, self.first) {
            return Err(Mismatch);
        }
        let released = (self.first, oldest.name);
        self.release_until(SeqNo(self.first.0 + 1));
        Ok(released)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::RequestKind;
    use gavel_types::{ClOrdId, MdReqId, SymbolId};
    use gavel_types::{MarketDataQuery, RejectedMessage};

    fn query(id: u64) -> Application {
        let (md_req_id, symbol) = (MdReqId(id), SymbolId(1));
        Application::MarketData(MarketDataQuery { md_req_id, symbol, depth: 1, reserved: [0; 3] })
    }

    fn answer(id: u64) -> Answer {
        Answer::To(Request { kind: RequestKind::MarketData, name: id })
    }

    fn names(pending: &Pending) -> Vec<u64> {
        (0..pending.len).map(|i| pending.slots[pending.place(i)].request.name).collect()
    }

    #[test]
    fn messages_are_released_in_order_and_only_once_sent() {
        let mut pending = Pending::new(3);
        pending.start_at(SeqNo(11));
        assert_eq!(pending.push(&query(1), Nanos(0)), Some(SeqNo(11)));
        assert_eq!(pending.push(&query(2), Nanos(0)), Some(SeqNo(12)));
        assert_eq!(pending.release(answer(1)), Err(Mismatch), "it was not sent yet");
        pending.mark_sent();
        assert_eq!(pending.release(answer(2)), Err(Mismatch), "it is not the oldest");
        assert_eq!(pending.release(answer(1)), Ok((SeqNo(11), 1)));
        assert_eq!(pending.release(answer(2)), Err(Mismatch), "it was not sent yet");
        pending.mark_sent();
        assert_eq!(pending.release(Answer::ToNumber(SeqNo(13))), Err(Mismatch));
        assert_eq!(pending.release(Answer::ToNumber(SeqNo(12))), Ok((SeqNo(12), 2)));
        assert_eq!((pending.first(), pending.next_seq()), (SeqNo(13), SeqNo(13)));
    }

    #[test]
    fn a_reconnect_sends_again_from_what_the_engine_expects() {
        let mut pending = Pending::new(4);
        for id in 1..=4 {
            pending.push(&query(id), Nanos(0)).unwrap();
        }
        assert!(pending.is_full());
        for _ in 0..3 {
            pending.mark_sent();
        }
        pending.rewind();
        pending.release_until(SeqNo(3));
        assert_eq!(names(&pending), [3, 4]);
        let first = pending.unsent().unwrap().to_vec();
        let mut out = [0; SLOT_BYTES];
        let bytes = encode_application(&query(3), Nanos(0), &mut out).unwrap();
        assert_eq!(first, out[..bytes]);
    }

    #[test]
    fn renumbering_keeps_order_wherever_the_ring_turned() {
        for start in 1..9 {
            for to in 1..9 {
                let mut pending = Pending::new(4);
                pending.start_at(SeqNo(start));
                for id in 1..=3 {
                    pending.push(&query(id), Nanos(0)).unwrap();
                }
                pending.renumber(SeqNo(to));
                assert_eq!(names(&pending), [1, 2, 3], "from {start} to {to}");
                assert_eq!(pending.push(&query(4), Nanos(0)), Some(SeqNo(to + 3)));
                assert_eq!(names(&pending), [1, 2, 3, 4]);
            }
        }
    }

    #[test]
    fn a_refused_message_is_no_message() {
        let refused = RejectedMessage {
            ref_template: 100,
            reason: gavel_types::BusinessRejectReason::Other,
            reserved: 0,
            ref_tag: 0,
            ref_id: ClOrdId(5).0,
        };
        let mut pending = Pending::new(1);
        assert_eq!(pending.push(&Application::Refused(refused), Nanos(0)), None);
        assert_eq!(pending.len(), 0);
    }
}
