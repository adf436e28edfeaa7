//! One connection's outgoing side.
//!
//! Three sources feed a connection, and frames of one never start inside a frame of another:
//! unsequenced messages (`control`), a retransmission, and the session's live flow. A
//! retransmission that was announced holds back the live flow; control messages go between frames.
//! The bytes of both flows come out of the session's window, or, where that does not reach, out of
//! pages of stored reports.

use super::window::{Cursor, Windows, frame_length};
use crate::fetch::{Flow, Page};
use alloc::boxed::Box;
use gavel_contract::{Deadline, Egress as Port, Sent};
use gavel_types::{ConnId, Nanos, ReportNo, SessionSlot, SessionUuid, TerminationCode};
use gavel_wire::server::{self, Envelope};

/// Bytes of unsequenced messages that may wait on one connection. A client that provokes more
/// without reading is closed.
pub(super) const CONTROL_BYTES: usize = 2_048;

/// A connection that takes nothing is asked again after this long (ns): a failed system call costs
/// more than it is worth.
const RETRY_NS: u64 = 20_000;

/// Most attempts to send in one turn, of at most a chunk of the pool each: a client that reads as
/// fast as it is sent to must not hold up the others.
const SENDS_PER_TURN: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkState {
    /// Nobody's.
    Free,
    /// Carries frames.
    Open,
    /// Sends what is left, then Terminate, then FIN; gives up at `until` (monotone).
    Draining { until: Nanos, code: TerminationCode, said: bool },
    /// Takes nothing any more; waits for the gateway to close it.
    Stuck,
}

/// A retransmission under way. Its envelope is fixed at its start, so that a frame that the socket
/// takes in two pieces is one frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resend {
    pub(super) cursor: Cursor,
    pub(super) until: ReportNo,
    pub(super) envelope: Envelope,
    /// What is to be said before its first frame, once that has been fetched.
    pub(super) announce: Option<Announce>,
}

/// The message Retransmission.
#[derive(Clone, Copy, Debug)]
pub(super) struct Announce {
    pub(super) timestamp: Nanos,
    pub(super) from: ReportNo,
    pub(super) count: u64,
}

/// Stored reports that a connection has a use for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) flow: Flow,
    pub(super) slot: SessionSlot,
    pub(super) from: ReportNo,
    pub(super) until: ReportNo,
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) conn: ConnId,
    pub(super) state: LinkState,
    pub(super) uuid: SessionUuid,
    /// The session, and the place in its live flow.
    pub(super) live: Option<(SessionSlot, Cursor)>,
    /// Where the live flow of a closing connection ends.
    pub(super) live_end: Option<ReportNo>,
    pub(super) resend: Option<Resend>,
    /// The live flow comes out of pages, with this on them, until it has caught up with the window.
    pub(super) behind: Option<Envelope>,
    /// The page that is being sent, and what it is for.
    pub(super) page: Option<(Flow, Box<Page>)>,
    /// A page for it is with the shadow.
    pub(super) is_fetching: bool,
    /// It stands in the queue for a page.
    pub(super) is_waiting: bool,
    pub(super) is_dirty: bool,
    /// It was sent again what it had missed, and its live flow had to wait: not yet to be cut off
    /// for its lag.
    pub(super) is_catching_up: bool,
    /// When it last took something (monotone).
    pub(super) moved_at: Nanos,
    retry_at: Nanos,
    control: [u8; CONTROL_BYTES],
    control_used: usize,
    control_sent: usize,
}

/// What became of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pumped {
    /// Nothing is left to send.
    Idle,
    /// The turn is over, but not what there is to send.
    More,
    /// The socket takes no more now.
    Full,
    /// What comes next is to be fetched.
    Waiting,
    /// The session's flow has left the window behind, or the connection is `broken`.
    Stuck { broken: bool },
}

/// Outcome of one attempt to send.
enum Step {
    Sent(usize),
    Stop(Pumped),
}

impl Link {
    pub(super) const FREE: Self = Self {
        conn: ConnId(0),
        state: LinkState::Free,
        uuid: SessionUuid([0; 16]),
        live: None,
        live_end: None,
        resend: None,
        behind: None,
        page: None,
        is_fetching: false,
        is_waiting: false,
        is_dirty: false,
        is_catching_up: false,
        moved_at: Nanos(0),
        retry_at: Nanos(0),
        control: [0; CONTROL_BYTES],
        control_used: 0,
        control_sent: 0,
    };

    /// Nobody's from here on. What queues it stands in, and its last name, stay.
    pub(super) fn let_go(&mut self) {
        let Self { conn, is_dirty, is_waiting, .. } = *self;
        *self = Self { conn, is_dirty, is_waiting, ..Self::FREE };
    }

    /// Queues an unsequenced message that `encode` writes. False if there is no room.
    #[must_use]
    pub(super) fn say(&mut self, encode: impl FnOnce(&mut [u8]) -> usize) -> bool {
        if self.control_sent == self.control_used {
            (self.control_sent, self.control_used) = (0, 0);
        }
        let room = &mut self.control[self.control_used..];
        if room.len() < super::CONTROL_FRAME_BYTES_MAX {
            return false;
        }
        self.control_used += encode(room);
        true
    }

    /// Between the message Retransmission and the last of what it announces.
    pub(super) fn is_resending(&self) -> bool {
        self.resend.is_some_and(|resend| resend.announce.is_none())
    }

    /// Sends what there is until nothing is left, the socket is full or the turn is over.
    pub(super) fn pump(
        &mut self,
        now: Nanos,
        deadline: Deadline,
        windows: &Windows,
        scratch: &mut [u8],
        port: &mut impl Port,
    ) -> Pumped {
        if now < self.retry_at {
            return Pumped::Full;
        }
        for _ in 0..SENDS_PER_TURN {
            let mut send = |conn, bytes: &[u8]| match port.send(conn, bytes, deadline) {
                Sent::Bytes(sent) => Step::Sent(sent),
                Sent::Full | Sent::TooLate => Step::Stop(Pumped::Full),
                Sent::Closed => Step::Stop(Pumped::Stuck { broken: true }),
            };
            let turn = self.turn(windows, scratch, &mut send);
            match turn {
                Step::Sent(_) => self.moved_at = now,
                Step::Stop(pumped) => {
                    if pumped == Pumped::Full {
                        self.retry_at = Nanos(now.0 + RETRY_NS);
                    }
                    return pumped;
                }
            }
        }
        Pumped::More
    }

    /// One attempt, from the source whose turn it is.
    fn turn(
        &mut self,
        windows: &Windows,
        scratch: &mut [u8],
        send: &mut impl FnMut(ConnId, &[u8]) -> Step,
    ) -> Step {
        let in_live_frame = self.live.is_some_and(|(_, cursor)| cursor.into_bytes > 0);
        let in_resent_frame = self.resend.is_some_and(|resend| resend.cursor.into_bytes > 0);
        if !in_live_frame && !in_resent_frame && self.control_sent < self.control_used {
            let step = send(self.conn, &self.control[self.control_sent..self.control_used]);
            if let Step::Sent(bytes) = step {
                self.control_sent += bytes;
            }
            return step;
        }
        if !in_live_frame && self.is_resends_turn() {
            return self.turn_resend(windows, scratch, send);
        }
        self.turn_live(windows, send)
    }

    /// The live flow goes on while the first frame of a retransmission is being fetched, unless it
    /// is to be fetched itself: one thing after the other.
    fn is_resends_turn(&self) -> bool {
        self.resend.is_some_and(|resend| {
            resend.announce.is_none()
                || self.behind.is_some()
                || self.page_for(Flow::Resend, &resend.cursor)
        })
    }

    /// True if the page at hand goes on where the flow's cursor is.
    fn page_for(&self, wanted: Flow, cursor: &Cursor) -> bool {
        self.page.as_ref().is_some_and(|(flow, page)| *flow == wanted && cursor.is_at(page))
    }

    fn turn_live(
        &mut self,
        windows: &Windows,
        send: &mut impl FnMut(ConnId, &[u8]) -> Step,
    ) -> Step {
        let Some((slot, mut cursor)) = self.live else { return Step::Stop(Pumped::Idle) };
        let step = if self.page_for(Flow::Live, &cursor) {
            self.send_page(&mut cursor, send)
        } else if cursor.is_in_page() {
            return Step::Stop(Pumped::Waiting);
        } else {
            let bytes = match self.live_end {
                None => windows.pending(slot, &mut cursor),
                Some(end) => windows.pending_until(slot, &mut cursor, end),
            };
            // The rest of a frame that fell out of the window would have other stamps.
            let lost = if cursor.into_bytes > 0 {
                Pumped::Stuck { broken: false }
            } else {
                Pumped::Waiting
            };
            let Some(bytes) = bytes else { return Step::Stop(lost) };
            self.behind = None;
            if bytes.is_empty() {
                return Step::Stop(Pumped::Idle);
            }
            let step = send(self.conn, bytes);
            if let Step::Sent(bytes) = step {
                windows.advance(slot, &mut cursor, bytes);
            }
            step
        };
        self.live = Some((slot, cursor));
        step
    }

    fn turn_resend(
        &mut self,
        windows: &Windows,
        scratch: &mut [u8],
        send: &mut impl FnMut(ConnId, &[u8]) -> Step,
    ) -> Step {
        let (Some(mut resend), Some((slot, live))) = (self.resend, self.live) else {
            return Step::Stop(Pumped::Idle);
        };
        if resend.cursor.number >= resend.until {
            // FIXP: after a retransmission, Sequence names the next live message.
            self.resend = None;
            return self.step_of_words(|out| server::sequence(live.number, out));
        }
        let is_paged = self.page_for(Flow::Resend, &resend.cursor);
        let is_here = resend.cursor.number >= windows.oldest(slot) && !resend.cursor.is_in_page();
        if !is_paged && !is_here {
            return Step::Stop(Pumped::Waiting);
        }
        if let Some(Announce { timestamp, from, count }) = resend.announce.take() {
            let uuid = self.uuid;
            self.resend = Some(resend);
            return self
                .step_of_words(|out| server::retransmission(uuid, timestamp, from, count, out));
        }
        let step = if is_paged {
            self.send_page(&mut resend.cursor, send)
        } else {
            self.send_again(windows, slot, &mut resend, scratch, send)
        };
        self.resend = Some(resend);
        step
    }

    /// Says something as a step of its own.
    fn step_of_words(&mut self, encode: impl FnOnce(&mut [u8]) -> usize) -> Step {
        match self.say(encode) {
            true => Step::Sent(0),
            false => Step::Stop(Pumped::Stuck { broken: false }),
        }
    }

    /// Sends frames out of the window, with the retransmission's stamps on them.
    fn send_again(
        &mut self,
        windows: &Windows,
        slot: SessionSlot,
        resend: &mut Resend,
        scratch: &mut [u8],
        send: &mut impl FnMut(ConnId, &[u8]) -> Step,
    ) -> Step {
        let frames = windows.frames(slot, &mut resend.cursor, resend.until, scratch.len());
        let Some(frames) = frames else { return Step::Stop(Pumped::Waiting) };
        let bytes = frames.len();
        let copy = &mut scratch[..bytes];
        copy.copy_from_slice(frames);
        let mut at = 0;
        while at < bytes {
            let length = frame_length(&copy[at..]);
            server::reenvelope(&mut copy[at..at + length], &resend.envelope, true);
            at += length;
        }
        let step = send(self.conn, &copy[resend.cursor.into_bytes as usize..]);
        if let Step::Sent(bytes) = step {
            windows.advance(slot, &mut resend.cursor, bytes);
        }
        step
    }

    /// Sends out of the page at hand.
    fn send_page(
        &mut self,
        cursor: &mut Cursor,
        send: &mut impl FnMut(ConnId, &[u8]) -> Step,
    ) -> Step {
        let Some((_, page)) = &mut self.page else { return Step::Stop(Pumped::Waiting) };
        let step = send(self.conn, &page.frames()[cursor.into_bytes as usize..]);
        if let Step::Sent(bytes) = step {
            cursor.pass(page, bytes);
        }
        step
    }

    /// Which stored reports it needs next, if any: those that the window does not have.
    pub(super) fn wanted(&self, windows: &Windows) -> Option<Want> {
        let (slot, live) = self.live?;
        let is_out = |cursor: &Cursor| cursor.is_in_page() || cursor.number < windows.oldest(slot);
        let end = self.live_end.unwrap_or_else(|| windows.next(slot));
        let live_want = Want { flow: Flow::Live, slot, from: live.number, until: end };
        if live.is_in_page() {
            return Some(live_want);
        }
        if let Some(resend) = &self.resend
            && resend.cursor.number < resend.until
            && is_out(&resend.cursor)
        {
            let (from, until) = (resend.cursor.number, resend.until);
            return Some(Want { flow: Flow::Resend, slot, from, until });
        }
        (!self.is_resending() && is_out(&live) && live.number < end).then_some(live_want)
    }

    /// True if nothing waits to be sent.
    pub(super) fn is_empty(&self, windows: &Windows) -> bool {
        let live = self.live.is_none_or(|(slot, cursor)| {
            cursor.number == self.live_end.unwrap_or_else(|| windows.next(slot))
        });
        live && self.resend.is_none() && self.control_sent == self.control_used
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_contract::RetransmitPlan;

    /// Takes all that it is given, and counts how often.
    struct Greedy(usize);

    impl Port for Greedy {
        fn send(&mut self, _: ConnId, bytes: &[u8], _: Deadline) -> Sent {
            self.0 += 1;
            Sent::Bytes(bytes.len())
        }

        fn finish(&mut self, _: ConnId) {}
    }

    #[test]
    fn a_reader_that_takes_all_gives_others_their_turn() {
        const SLOT: SessionSlot = SessionSlot(0);
        const CHUNKS: usize = 10;
        let plan =
            RetransmitPlan { pool_bytes: CHUNKS * 64, chunk_bytes: 64, lag_max_bytes: 1 << 20 };
        let mut windows = Windows::new(&plan, 1, 64);
        let cursor = windows.end(SLOT);
        for number in 1..=CHUNKS as u64 {
            windows.append(SLOT, ReportNo(number), |into| {
                into[..4].copy_from_slice(&64_u32.to_be_bytes());
                64
            });
        }
        let mut link = Link { state: LinkState::Open, live: Some((SLOT, cursor)), ..Link::FREE };
        let mut port = Greedy(0);
        let mut turns = Vec::new();
        while turns.last() != Some(&Pumped::Idle) {
            let sent = port.0;
            let pumped = link.pump(Nanos(0), Deadline::Never, &windows, &mut [], &mut port);
            assert!(port.0 - sent <= SENDS_PER_TURN);
            turns.push(pumped);
        }
        assert_eq!(turns, [Pumped::More, Pumped::More, Pumped::Idle]);
        assert_eq!(port.0, CHUNKS);
        assert!(link.is_empty(&windows));
    }
}
