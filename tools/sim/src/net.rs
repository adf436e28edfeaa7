//! An in-memory transport: both halves of the port for the node, and a socket for each client.
//!
//! Inputs -> outputs: bytes in, the same bytes out, in pieces of any size.
//! Invariants: within one connection bytes keep their order; a crash of the node closes every
//! connection and may lose any suffix of what was under way in either direction.
//! Limits: [`SOCKET_BYTES`] under way in each direction of a connection.
//! Not here: time; the driver decides when bytes move.

use crate::random::Random;
use gavel_contract::{Deadline, Egress, Ingress, IngressEvent, Now, Received, Sent};
use gavel_types::ConnId;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Bytes that a direction of a connection holds before its writer finds it full.
pub const SOCKET_BYTES: usize = 64 << 10;

#[derive(Debug, Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    is_finished: bool,
}

#[derive(Debug)]
struct Connection {
    to_node: Pipe,
    to_client: Pipe,
    /// Nobody can use it any more.
    is_cut: bool,
    generation: u32,
    is_free: bool,
}

#[derive(Debug)]
struct State {
    connections: Vec<Connection>,
    events: VecDeque<IngressEvent>,
    random: Random,
    listening: bool,
}

/// The network between clients and one node.
#[derive(Clone, Debug)]
pub struct Net(Rc<RefCell<State>>);

/// The node's reading half.
#[derive(Debug)]
pub struct NetIngress(Net);

/// The node's writing half.
#[derive(Debug)]
pub struct NetEgress(Net);

/// A client's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket(ConnId);

fn slot(conn: ConnId) -> usize {
    conn.0 as u32 as usize
}

impl Net {
    /// A network that takes at most `connections_max` connections at one time.
    #[must_use]
    pub fn new(connections_max: usize, seed: u64) -> Self {
        let connection = || Connection {
            to_node: Pipe::default(),
            to_client: Pipe::default(),
            is_cut: true,
            generation: 0,
            is_free: true,
        };
        Self(Rc::new(RefCell::new(State {
            connections: (0..connections_max).map(|_| connection()).collect(),
            events: VecDeque::new(),
            random: Random::new(seed),
            listening: false,
        })))
    }

    /// The node's halves; the node listens from here on.
    #[must_use]
    pub fn halves(&self) -> (NetIngress, NetEgress) {
        self.0.borrow_mut().listening = true;
        (NetIngress(self.clone()), NetEgress(self.clone()))
    }

    /// The node's process ends: nothing listens, every connection is cut, and of what was under way
    /// to the clients any suffix is lost.
    pub fn crash(&self) {
        let mut state = self.0.borrow_mut();
        state.listening = false;
        state.events.clear();
        let State { connections, random, .. } = &mut *state;
        for connection in connections.iter_mut().filter(|connection| !connection.is_free) {
            let keep = random.below(connection.to_client.bytes.len() as u64 + 1) as usize;
            connection.to_client.bytes.truncate(keep);
            connection.to_client.is_finished = true;
            connection.to_node.bytes.clear();
            connection.is_cut = true;
            connection.is_free = true;
        }
    }

    /// Connects a client. None if nobody listens or there is no room.
    #[must_use]
    pub fn connect(&self) -> Option<Socket> {
        let mut state = self.0.borrow_mut();
        if !state.listening {
            return None;
        }
        let at = state.connections.iter().position(|connection| connection.is_free)?;
        let connection = &mut state.connections[at];
        connection.generation += 1;
        let conn = ConnId(u64::from(connection.generation) << 32 | at as u64);
        *connection = Connection {
            to_node: Pipe::default(),
            to_client: Pipe::default(),
            is_cut: false,
            generation: connection.generation,
            is_free: false,
        };
        state.events.push_back(IngressEvent::Opened(conn));
        Some(Socket(conn))
    }

    /// Sends a client's bytes; returns how many were taken. None if the connection is gone.
    pub fn client_send(&self, socket: Socket, bytes: &[u8]) -> Option<usize> {
        let mut state = self.0.borrow_mut();
        let State { connections, events, random, .. } = &mut *state;
        let connection = current(connections, socket.0)?;
        if connection.is_cut {
            return None;
        }
        let room = SOCKET_BYTES - connection.to_node.bytes.len();
        let most = bytes.len().min(room);
        let taken = if random.one_in(8) { random.below(most as u64 + 1) as usize } else { most };
        connection.to_node.bytes.extend(&bytes[..taken]);
        if taken > 0 {
            events.push_back(IngressEvent::Readable(socket.0));
        }
        Some(taken)
    }

    /// Takes bytes that came for a client. None if the connection is gone and nothing is left.
    pub fn client_recv(&self, socket: Socket, into: &mut [u8]) -> Option<usize> {
        let mut state = self.0.borrow_mut();
        let State { connections, random, .. } = &mut *state;
        let connection = current(connections, socket.0)?;
        let pipe = &mut connection.to_client;
        let most = into.len().min(pipe.bytes.len());
        let taken = if random.one_in(8) { random.below(most as u64 + 1) as usize } else { most };
        for byte in &mut into[..taken] {
            *byte = pipe.bytes.pop_front().expect("counted");
        }
        let over = pipe.is_finished && pipe.bytes.is_empty();
        if taken == 0 && over { None } else { Some(taken) }
    }

    /// The client closes, or dies: of what it had sent any suffix is lost.
    pub fn client_close(&self, socket: Socket) {
        let mut state = self.0.borrow_mut();
        let State { connections, events, random, .. } = &mut *state;
        if let Some(connection) = current(connections, socket.0) {
            let keep = random.below(connection.to_node.bytes.len() as u64 + 1) as usize;
            connection.to_node.bytes.truncate(keep);
            connection.to_node.is_finished = true;
            connection.is_cut = true;
            events.push_back(IngressEvent::Readable(socket.0));
        }
    }
}

/// The connection, if the slot has not gone to another since.
fn current(connections: &mut [Connection], conn: ConnId) -> Option<&mut Connection> {
    let connection = &mut connections[slot(conn)];
    (u64::from(connection.generation) == conn.0 >> 32).then_some(connection)
}

impl Ingress for NetIngress {
    fn poll(&mut self, _now: Now) -> Option<IngressEvent> {
        self.0.0.borrow_mut().events.pop_front()
    }

    fn recv(&mut self, conn: ConnId, into: &mut [u8]) -> Received {
        let mut state = self.0.0.borrow_mut();
        let State { connections, random, .. } = &mut *state;
        let Some(connection) = current(connections, conn) else { return Received::Closed };
        let pipe = &mut connection.to_node;
        let most = into.len().min(pipe.bytes.len());
        if most == 0 {
            return if pipe.is_finished { Received::Closed } else { Received::Empty };
        }
        let taken = 1 + random.below(most as u64) as usize;
        for byte in &mut into[..taken] {
            *byte = pipe.bytes.pop_front().expect("counted");
        }
        Received::Bytes(taken)
    }

    fn release(&mut self, conn: ConnId) {
        let mut state = self.0.0.borrow_mut();
        let connection = current(&mut state.connections, conn);
        let connection = connection.expect("a connection is released once");
        connection.is_free = true;
        connection.is_cut = true;
    }
}

impl Egress for NetEgress {
    fn send(&mut self, conn: ConnId, bytes: &[u8], not_after: Deadline) -> Sent {
        assert!(not_after == Deadline::Never, "a single node needs no lease");
        let mut state = self.0.0.borrow_mut();
        let State { connections, random, .. } = &mut *state;
        let Some(connection) = current(connections, conn) else { return Sent::Closed };
        assert!(!connection.is_free, "nothing is sent on a released connection");
        if connection.is_cut {
            return Sent::Closed;
        }
        let room = SOCKET_BYTES - connection.to_client.bytes.len();
        let most = bytes.len().min(room);
        if most == 0 {
            return Sent::Full;
        }
        let taken = if random.one_in(4) { 1 + random.below(most as u64) as usize } else { most };
        connection.to_client.bytes.extend(&bytes[..taken]);
        Sent::Bytes(taken)
    }

    fn finish(&mut self, conn: ConnId) {
        let mut state = self.0.0.borrow_mut();
        if let Some(connection) = current(&mut state.connections, conn) {
            connection.to_client.is_finished = true;
        }
    }
}
