//! One connection's outgoing side.
//!
//! Three sources feed a connection, and frames of one never start inside a frame of another:
//! unsequenced messages (`control`), a retransmission, and the session's live flow. A
//! retransmission holds back the live flow; control messages go between frames.

use super::window::{Cursor, Windows};
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
}

#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) conn: ConnId,
    pub(super) state: LinkState,
    pub(super) uuid: SessionUuid,
    /// The session, and the place in its live flow.
    pub(super) live: Option<(SessionSlot, Cursor)>,
    /// Where the live flow of a closing connection ends.
    pub(super) live_end: Option<ReportNo>,
    pub(super) resend: Option<Resend>,
    pub(super) is_dirty: bool,
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
        is_dirty: false,
        retry_at: Nanos(0),
        control: [0; CONTROL_BYTES],
        control_used: 0,
        control_sent: 0,
    };

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
                Step::Sent(_) => {}
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
        if !in_live_frame && self.resend.is_some() {
            return self.turn_resend(windows, scratch, send);
        }
        let Some((slot, cursor)) = &mut self.live else { return Step::Stop(Pumped::Idle) };
        let bytes = match self.live_end {
            None => windows.pending(*slot, cursor),
            Some(end) => windows.pending_until(*slot, cursor, end),
        };
        let Some(bytes) = bytes else { return Step::Stop(Pumped::Stuck { broken: false }) };
        if bytes.is_empty() {
            return Step::Stop(Pumped::Idle);
        }
        let step = send(self.conn, bytes);
        if let Step::Sent(bytes) = step {
            windows.advance(*slot, cursor, bytes);
        }
        step
    }

    fn turn_resend(
        &mut self,
        windows: &Windows,
        scratch: &mut [u8],
        send: &mut impl FnMut(ConnId, &[u8]) -> Step,
    ) -> Step {
        let (Some(resend), Some((slot, live))) = (&mut self.resend, &self.live) else {
            return Step::Stop(Pumped::Idle);
        };
        let frames = windows.frames(*slot, &mut resend.cursor, resend.until, scratch.len());
        let Some(frames) = frames else { return Step::Stop(Pumped::Stuck { broken: false }) };
        if frames.is_empty() {
            // FIXP: after a retransmission, Sequence names the next live message.
            let next = live.number;
            self.resend = None;
            if !self.say(|out| server::sequence(next, out)) {
                return Step::Stop(Pumped::Stuck { broken: false });
            }
            return Step::Sent(0);
        }
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
            windows.advance(*slot, &mut resend.cursor, bytes);
        }
        step
    }

    /// True if nothing waits to be sent.
    pub(super) fn is_empty(&self, windows: &Windows) -> bool {
        let live = self.live.is_none_or(|(slot, cursor)| {
            cursor.number == self.live_end.unwrap_or_else(|| windows.next(slot))
        });
        live && self.resend.is_none() && self.control_sent == self.control_used
    }
}

/// SOFH: the first four bytes are the frame's length, big endian.
fn frame_length(bytes: &[u8]) -> usize {
    let length = bytes.first_chunk::<4>().map(|length| u32::from_be_bytes(*length));
    length.expect("a frame has a header") as usize
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
