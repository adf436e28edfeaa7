//! The client's connection: refused, broken, and made again.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use gavel_client::{Client, ClientConfig, ClientError, DisconnectReason, Event};
use gavel_types::SessionUuid;
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

fn config(addr: SocketAddr) -> ClientConfig {
    ClientConfig::new(addr, SessionUuid([3; 16]))
}

/// Polls until the listener has a connection.
fn accept(client: &mut Client, listener: &TcpListener) -> TcpStream {
    let start = Instant::now();
    loop {
        client.poll(&mut |_| {}).unwrap();
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                return stream;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        assert!(start.elapsed() < PATIENCE, "the client does not connect");
        client.wait(Duration::from_millis(1)).unwrap();
    }
}

#[test]
fn a_client_that_nobody_answers_gives_up_in_time() {
    let (listener, addr) = listener();
    drop(listener);
    let config = ClientConfig { give_up_after_ms: 50, ..config(addr) };
    let mut client = Client::connect(config).unwrap();
    let end = client.poll_until(PATIENCE, &mut |_| {}, |_| false);
    let Err(ClientError::GaveUp { attempts, last }) = end else { panic!("{end:?}") };
    assert!(attempts >= 2, "it tried again");
    assert_eq!(last, DisconnectReason::Io(ErrorKind::ConnectionRefused));
}

#[test]
fn a_broken_connection_is_made_again_and_said() {
    let (listener, addr) = listener();
    let mut client = Client::connect(config(addr)).unwrap();
    for _ in 0..3 {
        let mut stream = accept(&mut client, &listener);
        let mut negotiate = [0; 14 + 121];
        client.poll(&mut |_| {}).unwrap();
        stream.read_exact(&mut negotiate).unwrap();
        assert_eq!(negotiate[8..10], 1u16.to_le_bytes(), "every time it begins with Negotiate");
        drop(stream);
        let mut reasons = Vec::new();
        let start = Instant::now();
        while reasons.is_empty() && start.elapsed() < PATIENCE {
            client
                .poll(&mut |event| {
                    if let Event::Disconnected(reason) = event {
                        reasons.push(reason);
                    }
                })
                .unwrap();
            client.wait(Duration::from_millis(1)).unwrap();
        }
        assert_eq!(reasons, [DisconnectReason::PeerClosed]);
    }
}

#[test]
fn the_next_address_is_tried() {
    let (dead, dead_addr) = listener();
    drop(dead);
    let (listener, addr) = listener();
    let config = ClientConfig { addrs: vec![dead_addr, addr], ..config(dead_addr) };
    let mut client = Client::connect(config).unwrap();
    accept(&mut client, &listener);
}

#[test]
fn senseless_limits_are_refused() {
    let (_listener, addr) = listener();
    for config in [
        ClientConfig { addrs: Vec::new(), ..config(addr) },
        ClientConfig { in_flight_max: 0, ..config(addr) },
        ClientConfig { retransmit_max: 0, ..config(addr) },
        ClientConfig { keepalive_ms: 0, ..config(addr) },
    ] {
        assert!(Client::connect(config).is_err());
    }
}
