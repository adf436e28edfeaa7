//! Which connections to look at, and how: the few that are busy by reading them each round, the
//! many that are not through epoll.
//!
//! Inputs -> outputs: reads and their outcomes in; the connections to read next out.
//! Invariants: a connection is *dry* when a read said so after its last edge. Only a dry connection
//! is left to epoll, whose edges tell of changes only; so nothing is ever forgotten.
//! Limits: [`BUSY_MAX`] busy connections.
//! Not here: system calls.
//!
//! One busy connection costs one read a round (a read that came short is known to have emptied the
//! socket, so that no second one follows it), and a thousand idle ones cost one epoll_wait in
//! [`EPOLL_EVERY`] rounds. Edge-triggered epoll alone would cost three calls a message: epoll_wait,
//! the read, and the read that says "empty".

use gavel_types::{ConnId, Nanos};

/// Most connections read each round.
pub(super) const BUSY_MAX: usize = 8;

/// A connection is busy for so long after bytes came. Longer than the pauses within a burst, short
/// beside a person's.
pub(super) const BUSY_NS: u64 = 1_000_000;

/// With busy connections, epoll is asked every so many rounds.
pub(super) const EPOLL_EVERY: u32 = 16;

#[derive(Clone, Copy, Debug)]
struct Busy {
    conn: ConnId,
    last_bytes: Nanos,
    dry: bool,
}

/// The busy connections and the present round over them.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    busy: [Option<Busy>; BUSY_MAX],
    cursor: usize,
    rounds: u32,
}

impl Readiness {
    /// The next busy connection of this round; `None` when the round is over.
    pub(super) fn next(&mut self, now: Nanos) -> Option<ConnId> {
        while self.cursor < BUSY_MAX {
            let place = &mut self.busy[self.cursor];
            self.cursor += 1;
            let Some(busy) = place else { continue };
            if busy.dry && now.since(busy.last_bytes) >= BUSY_NS {
                *place = None;
                continue;
            }
            return Some(busy.conn);
        }
        None
    }

    /// Begins a round. True if epoll is to be asked in it.
    pub(super) fn begin_round(&mut self) -> bool {
        self.cursor = 0;
        self.rounds = self.rounds.wrapping_add(1);
        let any = self.busy.iter().any(Option::is_some);
        !any || self.rounds.is_multiple_of(EPOLL_EVERY)
    }

    /// Bytes came; `short` if fewer than there was room for. True if the socket need not be read
    /// again this round: it was emptied, and the next round reads it anyway.
    pub(super) fn bytes(&mut self, conn: ConnId, short: bool, now: Nanos) -> bool {
        let busy = Busy { conn, last_bytes: now, dry: false };
        let Some(place) = self.place_of(conn).or_else(|| self.place_for_another(now)) else {
            return false;
        };
        self.busy[place] = Some(busy);
        short
    }

    /// A read said that there is nothing.
    pub(super) fn dry(&mut self, conn: ConnId) {
        if let Some(place) = self.place_of(conn)
            && let Some(busy) = &mut self.busy[place]
        {
            busy.dry = true;
        }
    }

    /// The connection is over, or will bring no more bytes.
    pub(super) fn forget(&mut self, conn: ConnId) {
        if let Some(place) = self.place_of(conn) {
            self.busy[place] = None;
        }
    }

    fn place_of(&self, conn: ConnId) -> Option<usize> {
        self.busy.iter().position(|b| b.is_some_and(|b| b.conn == conn))
    }

    /// A free place, or one whose connection is dry and has been quiet for long.
    fn place_for_another(&self, now: Nanos) -> Option<usize> {
        let usable =
            |b: &Option<Busy>| b.is_none_or(|b| b.dry && now.since(b.last_bytes) >= BUSY_NS);
        self.busy.iter().position(usable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ConnId = ConnId(1 << 32);

    fn round(readiness: &mut Readiness, now: u64) -> (bool, Vec<ConnId>) {
        let epoll = readiness.begin_round();
        (epoll, std::iter::from_fn(|| readiness.next(Nanos(now))).collect())
    }

    #[test]
    fn with_nobody_busy_every_round_asks_epoll() {
        let mut readiness = Readiness::default();
        for now in 0..40 {
            assert_eq!(round(&mut readiness, now), (true, vec![]));
        }
    }

    #[test]
    fn a_busy_connection_is_read_each_round_and_epoll_asked_now_and_then() {
        let mut readiness = Readiness::default();
        assert!(readiness.bytes(A, true, Nanos(0)), "a short read emptied the socket");
        assert!(!readiness.bytes(A, false, Nanos(0)), "a full one did not");
        let rounds = (0..64).map(|_| round(&mut readiness, 0));
        let asked = rounds.filter(|(epoll, read)| {
            assert_eq!(read, &[A]);
            *epoll
        });
        assert_eq!(asked.count(), 64 / EPOLL_EVERY as usize);
    }

    #[test]
    fn a_quiet_connection_goes_back_to_epoll_only_when_it_is_dry() {
        let mut readiness = Readiness::default();
        readiness.bytes(A, true, Nanos(0));
        assert_eq!(round(&mut readiness, 10 * BUSY_NS).1, [A], "a FIN may hide behind the bytes");
        readiness.dry(A);
        assert_eq!(round(&mut readiness, BUSY_NS - 1).1, [A], "still warm");
        assert_eq!(round(&mut readiness, BUSY_NS).1, []);
    }

    #[test]
    fn when_all_places_are_taken_the_next_must_be_read_until_it_is_dry() {
        let mut readiness = Readiness::default();
        for i in 0..BUSY_MAX as u64 {
            assert!(readiness.bytes(ConnId(100 + i), true, Nanos(0)));
        }
        assert!(!readiness.bytes(A, true, Nanos(1)));
        assert!(!readiness.bytes(A, true, Nanos(9 * BUSY_NS)), "quiet, but none of them is dry");
        readiness.dry(ConnId(103));
        assert!(!readiness.bytes(A, true, Nanos(1)), "a dry one is still busy");
        assert!(readiness.bytes(A, true, Nanos(BUSY_NS)), "now it gives way");
        assert!(round(&mut readiness, BUSY_NS).1.contains(&A));
        readiness.forget(A);
        assert!(!round(&mut readiness, BUSY_NS).1.contains(&A));
    }
}
