//! Which connection is behind which slot: what the two halves of a transport share.
//!
//! Inputs -> outputs: the reading half opens and closes slots; the writing half turns a name into a
//! descriptor for the length of one call.
//! Invariants: a descriptor is not closed while the writing half uses it, and a name that was
//! closed never leads to a descriptor again. That holds even if the writing half breaks the
//! protocol and sends after it said that it never would.
//! Limits: slots are fixed; a slot that was used 2^32 - 1 times is retired.
//! Not here: system calls.

use gavel_types::ConnId;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

const NOBODY: u64 = 0;

struct Slot {
    /// The connection that is open here, or [`NOBODY`].
    open: AtomicU64,
    fd: AtomicI32,
}

struct Table {
    slots: Box<[Slot]>,
    /// The connection that the writing half uses at this moment, or [`NOBODY`].
    in_use: AtomicU64,
}

/// Makes a table; one owner, one user.
pub(super) fn slots(count: u32) -> (SlotOwner, SlotUser) {
    let slot = || Slot { open: AtomicU64::new(NOBODY), fd: AtomicI32::new(-1) };
    let slots = (0..count).map(|_| slot()).collect();
    let table = Arc::new(Table { slots, in_use: AtomicU64::new(NOBODY) });
    // The lowest slots are used first.
    let free = (0..count).rev().collect();
    let owner = SlotOwner { table: Arc::clone(&table), free, used: vec![0; count as usize].into() };
    (owner, SlotUser { table })
}

/// Slot of a connection's name.
pub(super) fn slot_of(conn: ConnId) -> usize {
    (conn.0 & u64::from(u32::MAX)) as usize
}

/// The reading half's side.
pub(super) struct SlotOwner {
    table: Arc<Table>,
    free: Vec<u32>,
    /// How often each slot was used: the generation of its newest connection.
    used: Box<[u32]>,
}

impl SlotOwner {
    pub(super) fn any_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Names a connection. The first generation is 1, so no name is [`NOBODY`].
    pub(super) fn open(&mut self, fd: RawFd) -> ConnId {
        let slot = self.free.pop().expect("whoever accepts looks for a free slot first");
        let used = &mut self.used[slot as usize];
        *used += 1;
        let conn = ConnId(u64::from(*used) << 32 | u64::from(slot));
        let entry = &self.table.slots[slot as usize];
        entry.fd.store(fd, Ordering::Relaxed);
        entry.open.store(conn.0, Ordering::Release);
        conn
    }

    /// Takes the name away. The slot and the descriptor are still taken: see
    /// [`SlotOwner::reclaim`].
    pub(super) fn close(&mut self, conn: ConnId) {
        // SeqCst with the pair in `with`: either the writing half sees the slot closed, or this
        // half sees it at work.
        let was = self.table.slots[slot_of(conn)].open.swap(NOBODY, Ordering::SeqCst);
        assert_eq!(was, conn.0, "a connection is closed once");
    }

    /// Takes the slot back from a closed connection, unless the writing half is in a call on it at
    /// this moment. Once this says true the descriptor may be closed.
    #[must_use]
    pub(super) fn reclaim(&mut self, conn: ConnId) -> bool {
        let slot = slot_of(conn);
        debug_assert_ne!(self.table.slots[slot].open.load(Ordering::Relaxed), conn.0);
        if self.table.in_use.load(Ordering::SeqCst) == conn.0 {
            return false;
        }
        if self.used[slot] < u32::MAX {
            self.free.push(slot as u32);
        }
        true
    }
}

/// The writing half's side. One, and not Clone: `in_use` has room for one.
pub(super) struct SlotUser {
    table: Arc<Table>,
}

impl SlotUser {
    /// Calls `act` with the connection's descriptor, which stays open meanwhile; `None` if the
    /// connection is no more. Costs one locked instruction (6 ns) beside a call of 200 and more.
    pub(super) fn with<T>(&mut self, conn: ConnId, act: impl FnOnce(RawFd) -> T) -> Option<T> {
        let slot = self.table.slots.get(slot_of(conn))?;
        if conn.0 == NOBODY {
            return None;
        }
        self.table.in_use.store(conn.0, Ordering::SeqCst);
        let open = slot.open.load(Ordering::SeqCst) == conn.0;
        let done = open.then(|| act(slot.fd.load(Ordering::Relaxed)));
        self.table.in_use.store(NOBODY, Ordering::Release);
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn a_name_is_never_used_again() {
        let (mut owner, mut user) = slots(1);
        let first = owner.open(10);
        assert_eq!(user.with(first, |fd| fd), Some(10));
        assert!(!owner.any_free());
        owner.close(first);
        assert!(!owner.any_free(), "the slot is not free before it is taken back");
        assert!(owner.reclaim(first));
        let second = owner.open(10);
        assert_ne!(first, second);
        assert_eq!(slot_of(first), slot_of(second));
        assert_eq!(user.with(first, |fd| fd), None, "a stale name leads nowhere");
        assert_eq!(user.with(second, |fd| fd), Some(10));
        for never in [ConnId(0), ConnId(1 << 32 | 1), ConnId(u64::MAX)] {
            assert_eq!(user.with(never, |fd| fd), None, "{never}");
        }
    }

    #[test]
    fn a_slot_whose_generations_are_used_up_is_retired() {
        let (mut owner, _user) = slots(1);
        owner.used[0] = u32::MAX - 1;
        let last = owner.open(3);
        assert_eq!(last.0 >> 32, u64::from(u32::MAX));
        owner.close(last);
        assert!(owner.reclaim(last));
        assert!(!owner.any_free());
    }

    #[test]
    fn a_connection_in_use_is_seen_in_use() {
        let (mut owner, mut user) = slots(1);
        let conn = owner.open(7);
        user.with(conn, |_| {
            owner.close(conn);
            assert!(!owner.reclaim(conn), "taking back waits for the call");
            assert!(!owner.any_free());
        });
        assert!(owner.reclaim(conn));
        assert!(owner.any_free());
    }

    /// The writing half sends to whatever it last heard of, protocol or not. A descriptor is
    /// "closed" by marking it, and says whose it is. Each of these makes it fail within a second:
    /// no look at `in_use`, no mark in `in_use`, a slot freed by `close` already.
    #[test]
    fn no_descriptor_is_used_after_it_was_closed_or_for_another() {
        const ROUNDS: i32 = 30_000;
        let (mut owner, mut user) = slots(1);
        let newest = AtomicU64::new(NOBODY);
        let closed: Vec<AtomicBool> = (0..=ROUNDS).map(|_| AtomicBool::new(false)).collect();
        let whose: Vec<AtomicU64> = (0..=ROUNDS).map(|_| AtomicU64::new(NOBODY)).collect();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let conn = ConnId(newest.load(Ordering::Relaxed));
                    user.with(conn, |fd| {
                        for _ in 0..20 {
                            assert!(
                                !closed[fd as usize].load(Ordering::SeqCst),
                                "used after close"
                            );
                            let owner = whose[fd as usize].load(Ordering::SeqCst);
                            assert!(owner == NOBODY || owner == conn.0, "another's descriptor");
                            std::hint::spin_loop();
                        }
                    });
                }
            });
            for fd in 1..=ROUNDS {
                let conn = owner.open(fd);
                whose[fd as usize].store(conn.0, Ordering::SeqCst);
                newest.store(conn.0, Ordering::Relaxed);
                std::hint::spin_loop();
                owner.close(conn);
                while !owner.reclaim(conn) {
                    std::thread::yield_now();
                }
                closed[fd as usize].store(true, Ordering::SeqCst);
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}
