//! The writing half.

use super::super::slots::SlotUser;
use crate::clock::SystemClock;
use gavel_contract::{Deadline, Egress, Sent};
use gavel_types::ConnId;
use std::io;
use std::os::fd::RawFd;

/// Sends to clients. Closes nothing.
pub struct TcpEgress {
    slots: SlotUser,
    clock: SystemClock,
}

impl TcpEgress {
    pub(super) fn new(slots: SlotUser, clock: SystemClock) -> Self {
        Self { slots, clock }
    }
}

impl Egress for TcpEgress {
    /// A deadline is on the monotone scale of the clock that the transport was made with.
    fn send(&mut self, conn: ConnId, bytes: &[u8], not_after: Deadline) -> Sent {
        assert!(!bytes.is_empty(), "who sends has something to send");
        let clock = &self.clock;
        let sent = self.slots.with(conn, |fd| {
            if let Deadline::At(moment) = not_after
                && clock.latest() > moment
            {
                return Sent::TooLate;
            }
            send(fd, bytes)
        });
        sent.unwrap_or(Sent::Closed)
    }

    fn finish(&mut self, conn: ConnId) {
        // SAFETY: the descriptor stays open for the call; no memory is named. A connection that the
        // peer reset is finished already: the result tells nothing that the reading half will not.
        self.slots.with(conn, |fd| unsafe { libc::shutdown(fd, libc::SHUT_WR) });
    }
}

fn send(fd: RawFd, bytes: &[u8]) -> Sent {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the kernel reads the bytes named, borrowed for the call; the descriptor stays open.
    let sent = unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), flags) };
    if let Ok(sent @ 1..) = usize::try_from(sent) {
        return Sent::Bytes(sent);
    }
    match io::Error::last_os_error().raw_os_error() {
        Some(libc::EAGAIN | libc::EINTR | libc::ENOBUFS | libc::ENOMEM) => Sent::Full,
        _ => Sent::Closed,
    }
}
