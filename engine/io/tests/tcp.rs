//! TCP through the port's two halves, against real sockets.

#![allow(clippy::unwrap_used)]

use gavel_contract::{Clock, Deadline, Egress, Ingress, IngressEvent, Received, Sent};
use gavel_io::clock::SystemClock;
use gavel_io::tcp::{self, ListenFault, TcpEgress, TcpIngress};
use gavel_types::{ConnId, Nanos};
use std::collections::{HashMap, HashSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    ingress: TcpIngress,
    egress: TcpEgress,
    clock: SystemClock,
}

impl Server {
    fn new(connections_max: u32) -> Self {
        let clock = SystemClock::new();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (ingress, egress) = tcp::listen(any, connections_max, &clock).unwrap();
        Self { ingress, egress, clock }
    }

    fn connect(&self) -> TcpStream {
        connect(self.ingress.local_address())
    }

    fn next(&mut self) -> IngressEvent {
        next(&mut self.ingress, &self.clock)
    }

    fn opened(&mut self) -> ConnId {
        loop {
            if let IngressEvent::Opened(conn) = self.next() {
                return conn;
            }
        }
    }

    /// Reads on, as a gateway does, until `enough` bytes of this connection came or it closed.
    fn read(&mut self, conn: ConnId, enough: usize) -> (Vec<u8>, bool) {
        let mut got = Vec::new();
        while got.len() < enough {
            if self.next() == IngressEvent::Readable(conn)
                && !drain(&mut self.ingress, conn, &mut got)
            {
                return (got, false);
            }
        }
        (got, true)
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn next(ingress: &mut TcpIngress, clock: &SystemClock) -> IngressEvent {
    let since = Instant::now();
    loop {
        if let Some(event) = ingress.poll(clock.now()) {
            return event;
        }
        assert!(since.elapsed() < PATIENCE, "nothing happens");
        std::thread::yield_now();
    }
}

/// False once the connection is over.
fn drain(ingress: &mut TcpIngress, conn: ConnId, into: &mut Vec<u8>) -> bool {
    let mut piece = [0; 1500];
    loop {
        match ingress.recv(conn, &mut piece) {
            Received::Bytes(bytes) => into.extend_from_slice(&piece[..bytes]),
            Received::Empty => return true,
            Received::Closed => return false,
        }
    }
}

fn send_all(egress: &mut TcpEgress, conn: ConnId, mut bytes: &[u8]) {
    let since = Instant::now();
    while !bytes.is_empty() {
        match egress.send(conn, bytes, Deadline::Never) {
            Sent::Bytes(sent) => bytes = &bytes[sent..],
            Sent::Full => std::thread::yield_now(),
            other => panic!("{other:?}"),
        }
        assert!(since.elapsed() < PATIENCE, "nothing is sent");
    }
}

#[test]
fn bytes_go_both_ways_in_order() {
    let mut server = Server::new(4);
    let mut client = server.connect();
    let conn = server.opened();
    for round in 0..200usize {
        let message: Vec<u8> = (0..=round * 13).map(|i| (i * 7 + round) as u8).collect();
        client.write_all(&message).unwrap();
        let (got, open) = server.read(conn, message.len());
        assert!(open);
        assert_eq!(got, message, "round {round}");
        send_all(&mut server.egress, conn, &got);
        let mut back = vec![0; got.len()];
        client.read_exact(&mut back).unwrap();
        assert_eq!(back, message);
    }
    assert_eq!(server.ingress.counters().accepted, 1);
}

#[test]
fn the_halves_serve_many_clients_from_two_threads() {
    const CLIENTS: u8 = 12;
    const ROUNDS: u32 = 200;
    let Server { mut ingress, mut egress, clock } = Server::new(64);
    let address = ingress.local_address();
    let (to_egress, from_ingress) = mpsc::channel::<(ConnId, Option<Vec<u8>>)>();
    let (to_ingress, let_go) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut released = 0;
        while released < CLIENTS {
            while let Ok(conn) = let_go.try_recv() {
                ingress.release(conn);
                released += 1;
            }
            let Some(event) = ingress.poll(clock.now()) else {
                std::thread::yield_now();
                continue;
            };
            let IngressEvent::Readable(conn) = event else { continue };
            let mut got = Vec::new();
            let open = drain(&mut ingress, conn, &mut got);
            to_egress.send((conn, Some(got))).unwrap();
            if !open {
                to_egress.send((conn, None)).unwrap();
            }
        }
        ingress.counters()
    });
    let writer = std::thread::spawn(move || {
        let mut over = HashSet::new();
        while let Ok((conn, bytes)) = from_ingress.recv() {
            match bytes {
                Some(bytes) => send_all(&mut egress, conn, &bytes),
                None if over.insert(conn) => {
                    egress.finish(conn);
                    to_ingress.send(conn).unwrap();
                }
                None => {}
            }
        }
    });
    std::thread::scope(|scope| {
        for me in 0..CLIENTS {
            scope.spawn(move || {
                let mut client = connect(address);
                for round in 0..ROUNDS {
                    let message = [me, round as u8, 3, 4, 5, 6];
                    client.write_all(&message).unwrap();
                    let mut back = [0; 6];
                    client.read_exact(&mut back).unwrap();
                    assert_eq!(back, message, "each client hears itself only");
                }
                client.shutdown(Shutdown::Write).unwrap();
                assert_eq!(client.read(&mut [0; 8]).unwrap(), 0, "the server finishes too");
            });
        }
    });
    let counters = reader.join().unwrap();
    writer.join().unwrap();
    assert_eq!(counters.accepted, u64::from(CLIENTS));
}

#[test]
fn a_half_closed_client_still_hears_the_answer() {
    let mut server = Server::new(1);
    let mut client = server.connect();
    let conn = server.opened();
    client.write_all(b"last words").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let (got, open) = server.read(conn, 1000);
    assert_eq!((got.as_slice(), open), (&b"last words"[..], false));
    assert_eq!(server.ingress.recv(conn, &mut [0; 8]), Received::Closed, "and stays closed");
    send_all(&mut server.egress, conn, b"answer");
    server.egress.finish(conn);
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"answer");
    server.ingress.release(conn);
    assert_eq!(server.egress.send(conn, b"x", Deadline::Never), Sent::Closed);
}

/// A FIN that comes with bytes, or while the connection is busy, is no edge of its own to epoll.
#[test]
fn a_fin_is_seen_however_it_comes() {
    let mut server = Server::new(1);
    for round in 0..100u64 {
        let mut client = server.connect();
        let conn = server.opened();
        if !round.is_multiple_of(3) {
            client.write_all(b"warm").unwrap();
            server.read(conn, 4);
        }
        if round.is_multiple_of(2) {
            client.write_all(b"bytes").unwrap();
        }
        if round.is_multiple_of(5) {
            std::thread::sleep(Duration::from_micros(round * 40));
        }
        drop(client);
        let (_, open) = server.read(conn, 1000);
        assert!(!open);
        server.ingress.release(conn);
    }
}

#[test]
fn a_reset_closes_both_halves() {
    let mut server = Server::new(1);
    let client = server.connect();
    let conn = server.opened();
    // Unread bytes turn the client's close into a reset.
    send_all(&mut server.egress, conn, b"never read");
    client.peek(&mut [0; 1]).unwrap();
    drop(client);
    let (_, open) = server.read(conn, 1);
    assert!(!open);
    assert_eq!(server.egress.send(conn, b"x", Deadline::Never), Sent::Closed);
    server.egress.finish(conn);
    server.ingress.release(conn);
}

#[test]
fn a_client_that_does_not_read_makes_the_connection_full_and_loses_nothing() {
    let mut server = Server::new(1);
    let mut client = server.connect();
    let conn = server.opened();
    let piece: Vec<u8> = (0..60_000u32).map(|i| (i % 251) as u8).collect();
    let mut sent = 0;
    while let Sent::Bytes(bytes) =
        server.egress.send(conn, &piece[sent % piece.len()..], Deadline::Never)
    {
        sent += bytes;
    }
    assert_eq!(server.egress.send(conn, b"x", Deadline::Never), Sent::Full);
    let mut read = 0;
    let mut buffer = vec![0; 1 << 16];
    while read < sent {
        let bytes = client.read(&mut buffer).unwrap();
        for &byte in &buffer[..bytes] {
            assert_eq!(byte, piece[read % piece.len()], "at byte {read}");
            read += 1;
        }
    }
    assert_eq!(read, sent);
    send_all(&mut server.egress, conn, b"x");
}

/// A client that floods and reads slowly: bytes that nobody read must not turn the close into a
/// reset, with which what its window had no room for would be lost.
#[test]
fn the_last_bytes_arrive_although_the_client_goes_on_sending() {
    let mut server = Server::new(1);
    let mut client = server.connect();
    let conn = server.opened();
    let (piece, mut sent) = (vec![7; 60_000], 0);
    while let Sent::Bytes(bytes) = server.egress.send(conn, &piece, Deadline::Never) {
        sent += bytes;
    }
    let mut flood = client.try_clone().unwrap();
    let flood = std::thread::spawn(move || while flood.write_all(&[1; 1_000]).is_ok() {});
    server.egress.finish(conn);
    server.ingress.release(conn);
    let reader = std::thread::spawn(move || {
        let (mut read, mut buffer) = (0, vec![0; 1 << 16]);
        while let Ok(bytes @ 1..) = client.read(&mut buffer) {
            read += bytes;
        }
        // As a client does that has heard the end. The other half may be gone already.
        let _ = client.shutdown(Shutdown::Both);
        read
    });
    let since = Instant::now();
    while !reader.is_finished() {
        assert_eq!(server.ingress.poll(server.clock.now()), None, "it is nobody's any more");
        assert!(since.elapsed() < PATIENCE, "the connection never ends");
        std::thread::yield_now();
    }
    assert_eq!(reader.join().unwrap(), sent);
    flood.join().unwrap();
    // Its slot is there for the next one.
    let _next = server.connect();
    server.opened();
}

#[test]
fn nothing_leaves_after_its_deadline() {
    let mut server = Server::new(1);
    let mut client = server.connect();
    let conn = server.opened();
    let now = server.clock.now().mono;
    let past = Deadline::At(Nanos(now.0 - 1));
    assert_eq!(server.egress.send(conn, b"late", past), Sent::TooLate);
    let hour = Deadline::At(Nanos(now.0 + 3_600_000_000_000));
    assert_eq!(server.egress.send(conn, b"in time", hour), Sent::Bytes(7));
    server.egress.finish(conn);
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"in time");
}

#[test]
fn one_client_too_many_is_closed_and_counted_and_room_made_is_used() {
    let mut server = Server::new(2);
    let _first = server.connect();
    let second = server.connect();
    let (_, conn) = (server.opened(), server.opened());
    let mut third = server.connect();
    let since = Instant::now();
    while server.ingress.counters().refused == 0 {
        assert_eq!(server.ingress.poll(server.clock.now()), None);
        assert!(since.elapsed() < PATIENCE);
    }
    match third.read(&mut [0; 1]) {
        Ok(bytes) => assert_eq!(bytes, 0),
        Err(e) => assert_eq!(e.kind(), ErrorKind::ConnectionReset),
    }
    drop(second);
    let (_, open) = server.read(conn, 1);
    assert!(!open);
    server.ingress.release(conn);
    let _fourth = server.connect();
    let renewed = server.opened();
    assert_ne!(renewed, conn);
    assert_eq!(renewed.0 as u32, conn.0 as u32, "the slot is used again, the name is not");
}

/// Planted bug in mind: an egress that keeps a slot's descriptor instead of asking for the name.
#[test]
fn a_stale_name_never_reaches_the_next_client() {
    let mut server = Server::new(1);
    let mut stale = Vec::new();
    for round in 0..50u8 {
        let mut client = server.connect();
        let conn = server.opened();
        for &old in &stale {
            assert_eq!(server.egress.send(old, b"for another", Deadline::Never), Sent::Closed);
            server.egress.finish(old);
        }
        send_all(&mut server.egress, conn, &[round]);
        server.egress.finish(conn);
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).unwrap();
        assert_eq!(heard, [round]);
        drop(client);
        let (_, open) = server.read(conn, 1);
        assert!(!open);
        assert_eq!(server.ingress.recv(conn, &mut [0]), Received::Closed);
        server.ingress.release(conn);
        assert_eq!(server.ingress.recv(conn, &mut [0]), Received::Closed);
        stale.push(conn);
    }
}

#[test]
#[should_panic(expected = "a connection is released once")]
fn a_second_release_is_a_bug() {
    let mut server = Server::new(1);
    let _client = server.connect();
    let conn = server.opened();
    server.ingress.release(conn);
    server.ingress.release(conn);
}

#[test]
fn a_thousand_idle_clients_cost_nothing_and_are_heard_when_they_speak() {
    const CLIENTS: usize = 1000;
    // Room for as many again: the clients' descriptors count against this process too.
    let mut server = Server::new(2 * CLIENTS as u32);
    let mut clients = Vec::new();
    let mut conns = Vec::new();
    while clients.len() < CLIENTS {
        for _ in 0..50 {
            clients.push(server.connect());
        }
        while conns.len() < clients.len() {
            conns.push(server.opened());
        }
    }
    let names: HashSet<ConnId> = conns.iter().copied().collect();
    assert_eq!(names.len(), CLIENTS, "every name is different");
    // One client is busy; the others speak in between, each only once.
    let mut said: HashMap<ConnId, Vec<u8>> = HashMap::new();
    let mut speakers = 0;
    for speaker in (1..CLIENTS).rev().step_by(7) {
        clients[0].write_all(&[0; 4]).unwrap();
        clients[speaker].write_all(&(speaker as u32).to_le_bytes()).unwrap();
        speakers += 1;
        while said.values().map(Vec::len).sum::<usize>() < speakers * 8 {
            let IngressEvent::Readable(conn) = server.next() else { panic!("nobody connects") };
            assert!(drain(&mut server.ingress, conn, said.entry(conn).or_default()));
        }
    }
    said.retain(|_, bytes| !bytes.is_empty());
    assert_eq!(said.len(), speakers + 1);
    for (conn, bytes) in &said {
        // Accepted in the order connected, as loopback does.
        let who = conns.iter().position(|c| c == conn).unwrap();
        let want = if who == 0 { vec![0; 4 * speakers] } else { (who as u32).to_le_bytes().into() };
        assert_eq!(*bytes, want, "client {who}");
    }
    // Those that were busy are read once more, long after their last bytes; then nobody is.
    std::thread::sleep(Duration::from_millis(2));
    let mut told = [0; 2];
    for poll in 0..200 {
        if let Some(IngressEvent::Readable(conn)) = server.ingress.poll(server.clock.now()) {
            assert_eq!(server.ingress.recv(conn, &mut [0; 8]), Received::Empty);
            told[poll / 100] += 1;
        }
    }
    assert!(told[0] <= 8, "only the busy ones: {told:?}");
    assert_eq!(told[1], 0, "idle connections are not looked at");
}

#[test]
fn a_taken_port_is_named_with_what_to_do() {
    let server = Server::new(1);
    let taken = server.ingress.local_address();
    assert_ne!(taken.port(), 0);
    let Err(refused) = tcp::listen(taken, 1, &SystemClock::new()) else { panic!("taken twice") };
    assert!(matches!(refused, ListenFault::Taken { address } if address == taken));
    let said = refused.to_string();
    assert!(
        said.contains(&taken.to_string()) && said.contains("change the listen address"),
        "{said}"
    );
    // And free again once the first is gone.
    drop(server);
    tcp::listen(taken, 1, &SystemClock::new()).unwrap();
}

#[test]
fn an_address_that_is_not_ours_is_named() {
    let foreign: SocketAddr = "192.0.2.1:9".parse().unwrap();
    let Err(refused) = tcp::listen(foreign, 1, &SystemClock::new()) else { panic!("not ours") };
    assert!(refused.to_string().contains("192.0.2.1:9"), "{refused}");
}
