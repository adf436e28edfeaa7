//! The hot ports allocate nothing after they were made: store, TCP halves and clock on a thread
//! that the guard watches.

#![allow(clippy::unwrap_used)]

use gavel_contract::{
    BufferId, Clock, Deadline, Egress, Ingress, IngressEvent, LogDone, LogStore, LogWrite,
    Received, SegmentNo, Sent,
};
use gavel_io::clock::SystemClock;
use gavel_io::hot_alloc::{self, HotGuard};
use gavel_io::storage::{DurableMode, LogDirectory, StoreOptions, UringFlavour};
use gavel_io::tcp;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

#[global_allocator]
static GUARD: HotGuard = HotGuard;

const PATIENCE: Duration = Duration::from_secs(20);

/// What `act` allocates and frees on this thread.
fn counted(act: impl FnOnce()) -> u64 {
    let before = hot_alloc::counted();
    hot_alloc::mark_hot();
    act();
    hot_alloc::mark_cold();
    hot_alloc::counted() - before
}

fn store_allocates(mode: DurableMode, uring: UringFlavour) -> u64 {
    let place = tempfile::tempdir().unwrap();
    let mut directory = LogDirectory::open(place.path()).unwrap();
    directory.next_incarnation().unwrap();
    let options = StoreOptions { mode, uring, ..StoreOptions::new(4, 8192, 64 << 10) };
    // A segment from an earlier start, and one made on the way.
    let mut store = directory.store(&options).unwrap();
    store.prepare(SegmentNo(1), SegmentNo(0));
    while store.poll().is_none() {}
    drop(store);
    let mut store = directory.store(&options).unwrap();
    counted(|| {
        let since = Instant::now();
        store.prepare(SegmentNo(2), SegmentNo(0));
        let mut prepared = false;
        for round in 0..64u64 {
            let write = LogWrite {
                buffer: BufferId(round as usize % 4),
                len_bytes: 8192,
                segment: SegmentNo(if prepared { 2 } else { 1 }),
                offset_bytes: round % 8 * 8192,
            };
            store.buffer(write.buffer)[0] = round as u8;
            store.submit(write);
            loop {
                match store.poll() {
                    Some(LogDone::Written(_)) => break,
                    Some(LogDone::Prepared(_)) => prepared = true,
                    Some(_) => std::process::abort(),
                    None if since.elapsed() > PATIENCE => std::process::abort(),
                    None => std::thread::yield_now(),
                }
            }
        }
    })
}

fn tcp_allocates() -> u64 {
    let clock = SystemClock::new();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let (mut ingress, mut egress) = tcp::listen(any, 8, &clock).unwrap();
    let address = ingress.local_address();
    let clients = std::thread::spawn(move || {
        for _ in 0..20 {
            let mut client = TcpStream::connect(address).unwrap();
            for _ in 0..5 {
                client.write_all(b"hello").unwrap();
                client.read_exact(&mut [0; 5]).unwrap();
            }
        }
    });
    let allocated = counted(|| {
        let since = Instant::now();
        let mut over = 0;
        while over < 20 {
            if since.elapsed() > PATIENCE {
                std::process::abort();
            }
            let Some(IngressEvent::Readable(conn)) = ingress.poll(clock.now()) else {
                std::thread::yield_now();
                continue;
            };
            let mut bytes = [0; 64];
            loop {
                match ingress.recv(conn, &mut bytes) {
                    Received::Bytes(got) => {
                        let sent = egress.send(conn, &bytes[..got], Deadline::Never);
                        assert_eq!(sent, Sent::Bytes(got));
                    }
                    Received::Empty => break,
                    Received::Closed => {
                        egress.finish(conn);
                        ingress.release(conn);
                        over += 1;
                        break;
                    }
                }
            }
        }
    });
    clients.join().unwrap();
    allocated
}

/// One test, so that nobody else's thread is hot meanwhile.
#[test]
fn hot_ports_allocate_nothing() {
    use DurableMode::{Thread, UringDsync, UringFdatasync};
    use UringFlavour::{Coop, Defer, Plain};
    assert_eq!(counted(|| drop(std::hint::black_box(Box::new(1)))), 2, "the guard is at work");
    for mode in [UringDsync, UringFdatasync, Thread] {
        for flavour in [Plain, Coop, Defer] {
            assert_eq!(store_allocates(mode, flavour), 0, "{mode:?} {flavour:?}");
        }
    }
    assert_eq!(tcp_allocates(), 0, "TCP");
}
