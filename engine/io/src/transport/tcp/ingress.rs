//! The reading half: accepts, reads, closes.

use super::super::slots::{SlotOwner, slot_of};
use super::readiness::Readiness;
use gavel_contract::{Ingress, IngressEvent, Now, Received};
use gavel_types::{ConnId, Nanos};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Most epoll events taken in one look; the rest come with the next.
const EVENTS_MAX: usize = 256;

/// Most connections accepted or refused in a round: a storm of them must not hold up the rest.
const ACCEPTS_MAX: usize = 16;

/// Most bytes of a dying connection that are thrown away at one time, so that its end is no reset.
const DISCARD_BYTES: usize = 1 << 20;

/// How long a connection that is over may take to hand its last bytes to the peer (ns).
const LINGER_NS: u64 = 500_000_000;

/// Dying connections that are looked at in a round: each look is two system calls.
const LINGERING_LOOKS: usize = 4;

/// Most connections that may linger without a slot; others are closed as they are.
pub(super) const LINGERING_MAX: usize = 32;

/// No connection has this name: slots are numbered from 0, and a name's low half is its slot.
const LISTENER: Token = Token(usize::MAX);

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IngressCounters {
    /// Connections that got a slot.
    pub accepted: u64,
    /// Connections closed at once, because there was no slot.
    pub refused: u64,
    /// Times that accepting failed (too many open files, no memory); it is tried again.
    pub accept_faults: u64,
}

/// What this half knows of a connection.
struct Client {
    conn: ConnId,
    socket: OwnedFd,
    /// Emptied by a short read, and busy: this round reads it no more.
    emptied: bool,
    /// The peer will send no more.
    over: bool,
}

/// A connection that is over, and not closed yet.
struct Lingering {
    /// It has its slot still: the writing half is in a call on it at this moment.
    holds: Option<ConnId>,
    /// What was sent last may be on its way.
    socket: OwnedFd,
    until: Nanos,
}

/// Reads from clients. Owns every descriptor.
pub struct TcpIngress {
    listener: mio::net::TcpListener,
    address: SocketAddr,
    poll: Poll,
    events: Events,
    /// Readable connections that epoll named and that were not told yet, newest last.
    told: Vec<ConnId>,
    /// There may be more to accept.
    accepting: bool,
    accepts_left: usize,
    in_round: bool,
    readiness: Readiness,
    slots: SlotOwner,
    clients: Box<[Option<Client>]>,
    lingering: VecDeque<Lingering>,
    now: Nanos,
    counters: IngressCounters,
}

impl TcpIngress {
    pub(super) fn new(
        mut listener: mio::net::TcpListener,
        address: SocketAddr,
        slots: SlotOwner,
        connections_max: u32,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            listener,
            address,
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            told: Vec::with_capacity(EVENTS_MAX),
            accepting: false,
            accepts_left: 0,
            in_round: false,
            readiness: Readiness::default(),
            slots,
            clients: (0..connections_max).map(|_| None).collect(),
            lingering: VecDeque::with_capacity(connections_max as usize + LINGERING_MAX),
            now: Nanos(0),
            counters: IngressCounters::default(),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// What happened since the start.
    #[must_use]
    pub fn counters(&self) -> IngressCounters {
        self.counters
    }

    fn client(&mut self, conn: ConnId) -> Option<&mut Client> {
        self.clients.get_mut(slot_of(conn))?.as_mut().filter(|client| client.conn == conn)
    }

    fn ask_epoll(&mut self) {
        // A failure is EINTR; the next look sees what this one missed.
        let _ = self.poll.poll(&mut self.events, Some(Duration::ZERO));
        for event in &self.events {
            match event.token() {
                LISTENER => self.accepting = true,
                Token(name) => self.told.push(ConnId(name as u64)),
            }
        }
    }

    /// The next connection that epoll named and that is still of interest.
    fn next_told(&mut self) -> Option<ConnId> {
        while let Some(conn) = self.told.pop() {
            if self.client(conn).is_some_and(|client| !client.over) {
                return Some(conn);
            }
        }
        None
    }

    fn accept(&mut self) -> Option<ConnId> {
        while self.accepting && self.accepts_left > 0 {
            self.accepts_left -= 1;
            match self.listener.accept() {
                Ok((socket, _)) if self.slots.any_free() => return self.admit(socket),
                // Dropped, so closed.
                Ok(_) => self.counters.refused += 1,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.accepting = false,
                // Too many files, or a client that gave up. There may be more behind it, and no
                // edge will tell of them: look again next round.
                Err(_) => {
                    self.counters.accept_faults += 1;
                    return None;
                }
            }
        }
        None
    }

    fn admit(&mut self, socket: mio::net::TcpStream) -> Option<ConnId> {
        // Refused only for a connection that is gone already; then a read will say so.
        let _ = socket.set_nodelay(true);
        let socket = OwnedFd::from(socket);
        let conn = self.slots.open(socket.as_raw_fd());
        let fd = socket.as_raw_fd();
        let token = Token(conn.0 as usize);
        let watched = self.poll.registry().register(&mut SourceFd(&fd), token, Interest::READABLE);
        if watched.is_err() {
            self.counters.accept_faults += 1;
            self.slots.close(conn);
            let alone = self.slots.reclaim(conn);
            assert!(alone, "nobody uses a connection that nobody heard of");
            return None;
        }
        self.clients[slot_of(conn)] = Some(Client { conn, socket, emptied: false, over: false });
        self.counters.accepted += 1;
        Some(conn)
    }

    /// Closes what has come to its end meanwhile.
    fn close_lingering(&mut self) {
        for _ in 0..self.lingering.len().min(LINGERING_LOOKS) {
            let Some(dying) = self.lingering.pop_front() else { return };
            self.let_die(dying);
        }
    }

    /// Closes the connection, or keeps it for another look. A socket that is closed while there is
    /// something to read is reset, and what the peer's window had no room for is lost with it: so
    /// what comes is thrown away until all that was sent has arrived.
    fn let_die(&mut self, mut dying: Lingering) {
        dying.holds = dying.holds.filter(|conn| !self.slots.reclaim(*conn));
        let fd = dying.socket.as_raw_fd();
        let settled = discard(fd) || has_arrived(fd) || self.now >= dying.until;
        let has_place = !settled && self.lingering.len() < LINGERING_MAX;
        if dying.holds.is_some() || has_place {
            self.lingering.push_back(dying);
        }
    }

    fn begin_round(&mut self) {
        self.in_round = true;
        self.accepts_left = ACCEPTS_MAX;
        if !self.lingering.is_empty() {
            self.close_lingering();
        }
        if self.readiness.begin_round() {
            self.ask_epoll();
        }
    }
}

impl Ingress for TcpIngress {
    /// `None` ends a round; the next call begins another.
    fn poll(&mut self, now: Now) -> Option<IngressEvent> {
        self.now = now.mono;
        if !self.in_round {
            self.begin_round();
        }
        if let Some(conn) = self.readiness.next(self.now) {
            let client = self.client(conn).expect("a busy connection is open");
            client.emptied = false;
            return Some(IngressEvent::Readable(conn));
        }
        if let Some(conn) = self.next_told() {
            return Some(IngressEvent::Readable(conn));
        }
        if let Some(conn) = self.accept() {
            return Some(IngressEvent::Opened(conn));
        }
        self.in_round = false;
        None
    }

    fn recv(&mut self, conn: ConnId, into: &mut [u8]) -> Received {
        assert!(!into.is_empty(), "who reads has room");
        let Some(client) = self.client(conn) else { return Received::Closed };
        if client.over {
            return Received::Closed;
        }
        if client.emptied {
            return Received::Empty;
        }
        let received = receive(client.socket.as_raw_fd(), into);
        match received {
            Received::Bytes(bytes) => {
                let emptied = self.readiness.bytes(conn, bytes < into.len(), self.now);
                let client = self.client(conn).expect("it was there");
                client.emptied = emptied;
            }
            Received::Empty => self.readiness.dry(conn),
            Received::Closed => {
                client.over = true;
                self.readiness.forget(conn);
            }
        }
        received
    }

    fn release(&mut self, conn: ConnId) {
        let client = self.clients[slot_of(conn)].take_if(|client| client.conn == conn);
        let client = client.expect("a connection is released once");
        self.readiness.forget(conn);
        self.slots.close(conn);
        let until = Nanos(self.now.0 + LINGER_NS);
        self.let_die(Lingering { holds: Some(conn), socket: client.socket, until });
    }
}

fn receive(fd: RawFd, into: &mut [u8]) -> Received {
    // SAFETY: the kernel writes at most the bytes named, borrowed for the call.
    let got = unsafe { libc::recv(fd, into.as_mut_ptr().cast(), into.len(), libc::MSG_DONTWAIT) };
    match usize::try_from(got) {
        Ok(0) => Received::Closed,
        Ok(bytes) => Received::Bytes(bytes),
        Err(_) => match io::Error::last_os_error().raw_os_error() {
            Some(libc::EAGAIN | libc::EINTR) => Received::Empty,
            _ => Received::Closed,
        },
    }
}

/// Throws away what can be read; true if nothing will come any more.
fn discard(fd: RawFd) -> bool {
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    // SAFETY: with MSG_TRUNC, TCP throws bytes away and writes to no memory (tcp(7)).
    let got = unsafe { libc::recv(fd, std::ptr::null_mut(), DISCARD_BYTES, flags) };
    let waits = [Some(libc::EAGAIN), Some(libc::EINTR)];
    got == 0 || got < 0 && !waits.contains(&io::Error::last_os_error().raw_os_error())
}

/// True if the peer's host has all that was sent: TIOCOUTQ (SIOCOUTQ, tcp(7)) counts what it has
/// not acknowledged.
fn has_arrived(fd: RawFd) -> bool {
    let mut unsent: libc::c_int = 0;
    // SAFETY: the kernel writes one int, which is ours; the descriptor is open.
    let failed = unsafe { libc::ioctl(fd, libc::TIOCOUTQ, &raw mut unsent) };
    failed != 0 || unsent == 0
}
