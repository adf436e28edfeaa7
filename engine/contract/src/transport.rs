//! The clients' transport port, in two halves: one agent reads, another writes.
//!
//! A connection belongs to the reading half. It is let go in two steps, so that no byte can reach
//! the wrong client: the reading agent tells the writing agent that the connection is over, the
//! writing agent says that it will never send again, and only then is it released.

use crate::Now;
use gavel_types::{ConnId, Nanos};

/// What happened at the reading half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IngressEvent {
    /// A client connected.
    Opened(ConnId),
    /// There may be bytes: call [`Ingress::recv`] until it says Empty.
    Readable(ConnId),
}

/// Outcome of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// So many bytes, at least 1.
    Bytes(usize),
    /// Nothing now; a Readable event will follow when there is.
    Empty,
    /// The peer closed or reset the connection. Bytes can still not be sent to it.
    Closed,
}

/// The reading half.
pub trait Ingress {
    /// The next event, if there is one. Never blocks.
    fn poll(&mut self, now: Now) -> Option<IngressEvent>;

    /// Reads what is there, up to the length of `into`. Never blocks.
    fn recv(&mut self, conn: ConnId, into: &mut [u8]) -> Received;

    /// The writing half has let go of the connection: close it, its slot may be used again.
    fn release(&mut self, conn: ConnId);
}

/// Until when bytes may still be handed to the wire. Checked by the rim immediately before the
/// system call, on its own clocks (SAFETY 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// No lease is needed: a single node.
    Never,
    /// Monotone time.
    At(Nanos),
}

/// Outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// So many of the bytes, at least 1.
    Bytes(usize),
    /// The connection takes nothing now.
    Full,
    /// The connection is gone.
    Closed,
    /// The deadline has passed: nothing was sent.
    TooLate,
}

/// The writing half.
pub trait Egress {
    /// Hands bytes to the wire. Never blocks.
    fn send(&mut self, conn: ConnId, bytes: &[u8], not_after: Deadline) -> Sent;

    /// No more bytes will follow: tell the peer (FIN) once what was sent is out.
    fn finish(&mut self, conn: ConnId);
}
