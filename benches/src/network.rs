//! The floor of a TCP round trip on loopback: two threads that spin, messages as long as ours.

use anyhow::Result;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

/// Bytes of a request and of an answer: about those of a NewOrderSingle and of its report.
pub const MESSAGE_BYTES: usize = 128;

const REST: u8 = 0;
const SPIN: u8 = 1;
const END: u8 = 2;

/// A pair of sockets, the other end echoing on a thread of its own.
#[derive(Debug)]
pub struct Echo {
    stream: TcpStream,
    mode: Arc<AtomicU8>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    /// Connects to an echo on loopback.
    ///
    /// # Errors
    /// If the system gives no sockets.
    pub fn new() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let stream = TcpStream::connect(listener.local_addr()?)?;
        let (other, _) = listener.accept()?;
        for end in [&stream, &other] {
            end.set_nodelay(true)?;
            end.set_nonblocking(true)?;
        }
        let mode = Arc::new(AtomicU8::new(REST));
        let seen = Arc::clone(&mode);
        let thread = std::thread::spawn(move || echo(other, &seen));
        Ok(Self { stream, mode, thread: Some(thread) })
    }

    /// Times `count` round trips, one at a time (ns each).
    ///
    /// # Errors
    /// If the connection breaks.
    pub fn round_trips(&mut self, count: usize, mut record: impl FnMut(u64)) -> Result<()> {
        self.set(SPIN);
        let mut bytes = [7_u8; MESSAGE_BYTES];
        for _ in 0..count {
            let began = Instant::now();
            self.stream.write_all(&bytes)?;
            fill(&mut self.stream, &mut bytes, &mut || true)?;
            record(began.elapsed().as_nanos() as u64);
        }
        self.set(REST);
        Ok(())
    }

    fn set(&self, mode: u8) {
        self.mode.store(mode, Ordering::Release);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.set(END);
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed; the figures it would spoil end with this process.
            let _ = thread.join();
        }
    }
}

fn echo(mut stream: TcpStream, mode: &AtomicU8) {
    let mut bytes = [0_u8; MESSAGE_BYTES];
    loop {
        match mode.load(Ordering::Acquire) {
            END => return,
            REST => std::thread::park(),
            _ => {
                let mut spin = || mode.load(Ordering::Acquire) == SPIN;
                let whole = fill(&mut stream, &mut bytes, &mut spin);
                if whole.unwrap_or(false) && stream.write_all(&bytes).is_err() {
                    return;
                }
            }
        }
    }
}

/// Reads a whole message, spinning. False if `go_on` said to stop before it began.
fn fill(stream: &mut TcpStream, into: &mut [u8], go_on: &mut impl FnMut() -> bool) -> Result<bool> {
    let mut used = 0;
    while used < into.len() {
        match stream.read(&mut into[used..]) {
            Ok(0) => anyhow::bail!("the connection closed"),
            Ok(bytes) => used += bytes,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if used == 0 && !go_on() {
                    return Ok(false);
                }
                std::hint::spin_loop();
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}
