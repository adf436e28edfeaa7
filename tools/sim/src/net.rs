//! An in-memory transport: what lies between the clients' sockets and the node's two halves.
//!
//! Inputs -> outputs: bytes in, the same bytes out, in pieces of any size.
//! Invariants: within one connection bytes keep their order; a crash of either end, or a cut, may
//! lose any suffix of what was under way. A new process names its connections as every process
//! does, from generation 1, so names come again.
//! Limits: [`NetLimits`].
//! Not here: time, the driver decides when bytes move; the node's ports (ports.rs).

use crate::random::Random;
use gavel_contract::{IngressEvent, Received, Sent};
use gavel_types::ConnId;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Sizes of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetLimits {
    /// Most connections at one time.
    pub connections: usize,
    /// Bytes that a direction of a connection holds before its writer finds it full.
    pub socket_bytes: usize,
}

#[derive(Debug, Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    is_finished: bool,
}

impl Pipe {
    /// The connection broke: of what was under way any suffix is lost.
    fn lose(&mut self, random: &mut Random) {
        let keep = random.place(self.bytes.len() + 1);
        self.bytes.truncate(keep);
        self.is_finished = true;
    }

    fn take(&mut self, into: &mut [u8]) {
        let bytes = into.len();
        for (to, from) in into.iter_mut().zip(self.bytes.drain(..bytes)) {
            *to = from;
        }
    }
}

#[derive(Debug)]
struct Connection {
    to_node: Pipe,
    to_client: Pipe,
    /// Of the client's end.
    serial: u64,
    /// Of the node's end, in the present process.
    generation: u32,
    /// The client's end is closed or cut: the node's bytes go nowhere.
    is_cut: bool,
    /// The node has let go of it, or the process that held it is dead.
    is_free: bool,
}

#[derive(Debug)]
struct State {
    limits: NetLimits,
    connections: Vec<Connection>,
    events: VecDeque<IngressEvent>,
    random: Random,
    serials: u64,
    is_listening: bool,
}

/// The network between clients and one node. Clones are the same network.
#[derive(Clone, Debug)]
pub struct Net(Rc<RefCell<State>>);

/// A client's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    slot: usize,
    serial: u64,
}

fn slot(conn: ConnId) -> usize {
    conn.0 as u32 as usize
}

impl State {
    fn of_client(&mut self, socket: Socket) -> Option<&mut Connection> {
        let connection = &mut self.connections[socket.slot];
        (connection.serial == socket.serial).then_some(connection)
    }

    /// The connection, if the slot has not gone to another since.
    fn of_node(&mut self, conn: ConnId) -> Option<&mut Connection> {
        let connection = &mut self.connections[slot(conn)];
        let same = u64::from(connection.generation) == conn.0 >> 32;
        (same && !connection.is_free).then_some(connection)
    }

    fn readable(&mut self, slot: usize) {
        let connection = &self.connections[slot];
        if !connection.is_free {
            self.events.push_back(IngressEvent::Readable(name(slot, connection.generation)));
        }
    }
}

fn name(slot: usize, generation: u32) -> ConnId {
    ConnId(u64::from(generation) << 32 | slot as u64)
}

impl Net {
    /// A network on which nobody listens.
    #[must_use]
    pub fn new(limits: NetLimits, random: Random) -> Self {
        let connection = |_| Connection {
            to_node: Pipe::default(),
            to_client: Pipe::default(),
            serial: 0,
            generation: 0,
            is_cut: true,
            is_free: true,
        };
        Self(Rc::new(RefCell::new(State {
            limits,
            connections: (0..limits.connections).map(connection).collect(),
            events: VecDeque::new(),
            random,
            serials: 0,
            is_listening: false,
        })))
    }

    /// A new process listens.
    pub fn listen(&self) {
        let mut state = self.0.borrow_mut();
        state.is_listening = true;
        for connection in &mut state.connections {
            assert!(connection.is_free, "one process at a time listens");
            connection.generation = 0;
        }
    }

    /// The node's process ends: nothing listens, every connection is cut.
    pub fn crash(&self) {
        let state = &mut *self.0.borrow_mut();
        state.is_listening = false;
        state.events.clear();
        for connection in state.connections.iter_mut().filter(|connection| !connection.is_free) {
            connection.to_client.lose(&mut state.random);
            connection.to_node.bytes.clear();
            connection.is_cut = true;
            connection.is_free = true;
        }
    }

    /// Connects a client. None if nobody listens or there is no room.
    #[must_use]
    pub fn connect(&self) -> Option<Socket> {
        let state = &mut *self.0.borrow_mut();
        if !state.is_listening {
            return None;
        }
        let slot = state.connections.iter().position(|connection| connection.is_free)?;
        state.serials += 1;
        let connection = &mut state.connections[slot];
        *connection = Connection {
            to_node: Pipe::default(),
            to_client: Pipe::default(),
            serial: state.serials,
            generation: connection.generation + 1,
            is_cut: false,
            is_free: false,
        };
        let conn = name(slot, connection.generation);
        state.events.push_back(IngressEvent::Opened(conn));
        Some(Socket { slot, serial: state.serials })
    }

    /// Sends a client's bytes; returns how many were taken. None if the connection is gone.
    pub fn client_send(&self, socket: Socket, bytes: &[u8]) -> Option<usize> {
        let state = &mut *self.0.borrow_mut();
        let limit = state.limits.socket_bytes;
        let in_pieces = state.random.one_in(8);
        let share = state.random.word();
        let connection = state.of_client(socket).filter(|connection| !connection.is_cut)?;
        let room = limit - connection.to_node.bytes.len();
        let most = bytes.len().min(room);
        let taken = if in_pieces { (share % (most as u64 + 1)) as usize } else { most };
        connection.to_node.bytes.extend(&bytes[..taken]);
        if taken > 0 {
            state.readable(socket.slot);
        }
        Some(taken)
    }

    /// Takes bytes that came for a client. None if the connection is gone and nothing is left.
    pub fn client_recv(&self, socket: Socket, into: &mut [u8]) -> Option<usize> {
        let state = &mut *self.0.borrow_mut();
        let in_pieces = state.random.one_in(4);
        let share = state.random.word();
        let pipe = &mut state.of_client(socket)?.to_client;
        let most = into.len().min(pipe.bytes.len());
        let taken = if in_pieces { (share % (most as u64 + 1)) as usize } else { most };
        pipe.take(&mut into[..taken]);
        let over = pipe.is_finished && pipe.bytes.is_empty();
        if taken == 0 && over { None } else { Some(taken) }
    }

    /// The client closes, or dies, or the network cuts the connection.
    pub fn client_close(&self, socket: Socket) {
        let state = &mut *self.0.borrow_mut();
        let mut random = state.random.split();
        if let Some(connection) = state.of_client(socket)
            && !connection.is_cut
        {
            connection.to_node.lose(&mut random);
            connection.to_client.lose(&mut random);
            connection.is_cut = true;
            state.readable(socket.slot);
        }
    }

    /// Bytes that a client has not read, and whether it can learn something by reading.
    #[must_use]
    pub fn has_news(&self, socket: Socket) -> bool {
        let mut state = self.0.borrow_mut();
        state
            .of_client(socket)
            .is_none_or(|c| !c.to_client.bytes.is_empty() || c.to_client.is_finished)
    }

    /// The node's next event.
    #[must_use]
    pub fn poll(&self) -> Option<IngressEvent> {
        self.0.borrow_mut().events.pop_front()
    }

    /// The node reads.
    pub fn recv(&self, conn: ConnId, into: &mut [u8]) -> Received {
        let state = &mut *self.0.borrow_mut();
        let share = state.random.word();
        let Some(connection) = state.of_node(conn) else { return Received::Closed };
        let pipe = &mut connection.to_node;
        let most = into.len().min(pipe.bytes.len());
        if most == 0 {
            return if pipe.is_finished { Received::Closed } else { Received::Empty };
        }
        // Mostly all there is, else any piece of it.
        let taken = if share.is_multiple_of(4) { 1 + (share >> 2) as usize % most } else { most };
        pipe.take(&mut into[..taken]);
        Received::Bytes(taken)
    }

    /// The node lets go of a connection.
    ///
    /// # Panics
    /// If it did so before.
    pub fn release(&self, conn: ConnId) {
        let state = &mut *self.0.borrow_mut();
        let connection = state.of_node(conn).expect("a connection is released once");
        connection.is_free = true;
        connection.is_cut = true;
        connection.to_client.is_finished = true;
    }

    /// The node writes.
    ///
    /// # Panics
    /// If the node has let go of the connection.
    pub fn send(&self, conn: ConnId, bytes: &[u8]) -> Sent {
        let state = &mut *self.0.borrow_mut();
        let limit = state.limits.socket_bytes;
        let share = state.random.word();
        let connection = state.of_node(conn).expect("nothing is sent on a released connection");
        if connection.is_cut {
            return Sent::Closed;
        }
        let most = bytes.len().min(limit - connection.to_client.bytes.len());
        if most == 0 {
            return Sent::Full;
        }
        let taken = if share.is_multiple_of(4) { 1 + (share >> 2) as usize % most } else { most };
        connection.to_client.bytes.extend(&bytes[..taken]);
        Sent::Bytes(taken)
    }

    /// The node says that no more bytes will follow.
    pub fn finish(&self, conn: ConnId) {
        if let Some(connection) = self.0.borrow_mut().of_node(conn) {
            connection.to_client.is_finished = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net() -> Net {
        let net = Net::new(NetLimits { connections: 1, socket_bytes: 64 }, Random::new(3));
        net.listen();
        net
    }

    fn opened(net: &Net) -> ConnId {
        match net.poll() {
            Some(IngressEvent::Opened(conn)) => conn,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bytes_keep_their_order_in_pieces_of_any_size() {
        let net = net();
        let socket = net.connect().unwrap();
        let conn = opened(&net);
        let (mut sent, mut got) = (0_usize, Vec::new());
        while got.len() < 1_000 {
            let bytes: Vec<u8> = (sent..sent + 40).map(|n| n as u8).collect();
            sent += net.client_send(socket, &bytes).unwrap();
            let mut into = [0; 50];
            if let Received::Bytes(bytes) = net.recv(conn, &mut into) {
                got.extend_from_slice(&into[..bytes]);
            }
        }
        assert!(got.iter().enumerate().all(|(n, byte)| *byte == n as u8));
    }

    #[test]
    fn a_crash_frees_every_connection_and_names_come_again() {
        let net = net();
        let old = net.connect().unwrap();
        let first = opened(&net);
        assert!(net.connect().is_none(), "there is room for one");
        net.crash();
        assert!(net.connect().is_none(), "nobody listens");
        net.listen();
        let new = net.connect().unwrap();
        assert_eq!(opened(&net), first);
        assert_eq!(net.client_send(old, &[1]), None);
        assert!(net.client_send(new, &[1]).is_some());
    }

    #[test]
    fn a_released_connection_ends_for_the_client_once_it_has_read_all() {
        let net = net();
        let socket = net.connect().unwrap();
        let conn = opened(&net);
        let Sent::Bytes(sent) = net.send(conn, &[7; 8]) else { panic!("there is room") };
        net.release(conn);
        let (mut got, mut into) = (0, [0; 64]);
        while let Some(bytes) = net.client_recv(socket, &mut into) {
            got += bytes;
        }
        assert_eq!(got, sent);
    }
}
