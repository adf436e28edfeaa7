//! What a leader knows of one other member, and what it may send to it next.
//!
//! Inputs -> outputs: answers -> how far the member is, whether there is room in its window.
//! Invariants: `durable` <= `received` < `next`; what was received dies with the member's life,
//! what is durable does not (SAFETY 6).
//! Limits: [`WINDOW_MAX`] appends in flight; fewer, and fewer bytes, by the host's choice.
//! Not here: what is sent (lead.rs).
//! Source: Raft 5.3; thesis 10.2.1 (pipelining).

use crate::config::DiskId;
use crate::limits::WINDOW_MAX;
use crate::message::{Incarnation, Progress};
use gavel_types::{Index, Term};

/// How entries are sent to a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pace {
    /// One append at a time, until it is known where the logs part.
    #[default]
    Probe,
    /// As many as the window takes, ahead of the answers.
    Replicate,
    /// None: a snapshot is on its way.
    Snapshot,
}

/// What a leader had sent to a member, and heard of it, when a round was the newest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Look {
    pub(crate) received: Index,
    pub(crate) next: Index,
    pub(crate) round: u64,
}

/// One member, seen by the leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    /// How entries are sent.
    pub pace: Pace,
    /// Received by its present life, of this leader's log.
    pub received: Index,
    /// On its disk, of this leader's log.
    pub durable: Index,
    /// The first entry to be sent next.
    pub next: Index,
    /// The newest round of heartbeats that it answered.
    pub round: u64,
    /// Where its log must end at least, in its present life: what it had on disk in the one before.
    pub(crate) floor: Index,
    /// True while a probe waits for its answer.
    pub(crate) is_paused: bool,
    /// The newest round when the probe was sent.
    pub(crate) probed_at: u64,
    /// The last entry of the snapshot that is on its way.
    pub(crate) snapshot: Index,
    /// How it was when the leader last looked whether something is lost.
    pub(crate) at_heartbeat: Look,
    /// Last entries of the appends in flight: a ring.
    flight: [Index; WINDOW_MAX],
    flight_first: u8,
    flight_len: u8,
}

impl Default for Peer {
    fn default() -> Self {
        Self {
            pace: Pace::Probe,
            received: Index(0),
            durable: Index(0),
            next: Index(1),
            round: 0,
            floor: Index(0),
            is_paused: false,
            probed_at: 0,
            snapshot: Index(0),
            at_heartbeat: Look::default(),
            flight: [Index(0); WINDOW_MAX],
            flight_first: 0,
            flight_len: 0,
        }
    }
}

impl Peer {
    /// A new leader knows nothing of a member: it begins at the end of its own log.
    pub(crate) fn reset(&mut self, last: Index) {
        *self = Self { next: last.next(), ..Self::default() };
    }

    /// Appends in flight.
    #[must_use]
    #[inline]
    pub fn in_flight(&self) -> usize {
        usize::from(self.flight_len)
    }

    /// True while a probe waits for its answer, so that nothing more is sent.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.pace == Pace::Probe && self.is_paused
    }

    /// The last entry of the snapshot that is on its way, if one is.
    #[must_use]
    pub fn awaited_snapshot(&self) -> Option<Index> {
        (self.pace == Pace::Snapshot).then_some(self.snapshot)
    }

    /// One more is in flight.
    ///
    /// # Panics
    /// If the window is full.
    #[inline]
    pub(crate) fn sent(&mut self, last: Index) {
        assert!(self.in_flight() < WINDOW_MAX, "there is room in the window");
        let place = (usize::from(self.flight_first) + self.in_flight()) % WINDOW_MAX;
        self.flight[place] = last;
        self.flight_len += 1;
    }

    /// What was received is not in flight.
    #[inline]
    fn land(&mut self) {
        while self.flight_len > 0 && self.flight[usize::from(self.flight_first)] <= self.received {
            self.flight_first = (self.flight_first + 1) % WINDOW_MAX as u8;
            self.flight_len -= 1;
        }
    }

    /// Begins again from a place where the logs are, or may be, equal.
    pub(crate) fn probe(&mut self, common: Index) {
        self.pace = Pace::Probe;
        self.next = common.max(self.received).next();
        self.is_paused = false;
        self.flight_len = 0;
    }

    /// A snapshot is sent.
    pub(crate) fn wait_for_snapshot(&mut self, index: Index) {
        self.pace = Pace::Snapshot;
        self.snapshot = index;
        self.flight_len = 0;
    }

    /// Takes what the member says of itself. Says whether anything is news.
    #[inline]
    pub(crate) fn advance(&mut self, progress: Progress) -> bool {
        let is_news = progress.received > self.received || progress.durable > self.durable;
        self.received = self.received.max(progress.received);
        self.durable = self.durable.max(progress.durable);
        self.next = self.next.max(self.received.next());
        self.land();
        is_news
    }

    /// SAFETY 3: part of what the member had on disk was damaged, and it says so. What it had
    /// helped to commit counts on: it votes as if it were there.
    pub(crate) fn lost(&mut self, common: Index) {
        self.received = self.received.min(common);
        self.durable = self.durable.min(common);
    }

    /// The member began another life: what it had received and not written is gone.
    pub(crate) fn restarted(&mut self) {
        self.floor = self.floor.max(self.durable);
        self.received = self.durable;
        self.round = 0;
        self.at_heartbeat = Look::default();
        self.probe(self.durable);
    }
}

/// A leader that this node heard of, and what is known of its lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Holder {
    /// Its term; 0 if there was none.
    pub term: Term,
    /// Who it was.
    pub node: gavel_types::NodeId,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// Which disk of it.
    pub disk: DiskId,
    /// Up to here it said that its log is committed and on its disk: there it stays.
    pub kept: Index,
    /// It said that its own hold-back was over.
    pub was_open: bool,
    /// It is dead, or said that it will not speak under its lease again.
    pub is_gone: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(received: u64, durable: u64) -> Progress {
        Progress { received: Index(received), durable: Index(durable) }
    }

    #[test]
    fn what_is_received_leaves_the_window() {
        let mut peer = Peer::default();
        for last in 1..=WINDOW_MAX as u64 {
            peer.sent(Index(last));
        }
        assert!(peer.advance(progress(10, 0)));
        assert_eq!(peer.in_flight(), WINDOW_MAX - 10);
        for last in 65..=74 {
            peer.sent(Index(last));
        }
        peer.advance(progress(74, 10));
        assert_eq!(peer.in_flight(), 0);
        assert!(!peer.advance(progress(50, 10)), "an old answer is no news");
    }

    // SAFETY 6: what was received dies with the member's life; what is durable does not.
    #[test]
    fn what_was_only_received_dies_with_a_life() {
        let mut peer = Peer::default();
        peer.advance(progress(10, 4));
        peer.restarted();
        assert_eq!((peer.received, peer.durable, peer.next), (Index(4), Index(4), Index(5)));
    }
}
