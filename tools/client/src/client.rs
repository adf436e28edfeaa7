//! An [`Initiator`] on a TCP connection that comes back when it breaks.
//!
//! Inputs -> outputs: a non-blocking socket and the process's clocks on one side, the application's
//! calls on the other.
//! Invariants: no call blocks but [`Client::wait`] and [`Client::poll_until`]; no memory is taken
//! after [`Client::connect`], the system's for a new connection aside.
//! Limits: [`READS_MAX`] reads of [`IN_BYTES`] in one poll; pauses between attempts as configured.
//! Not here: the session's rules (initiator.rs).

use crate::config::{Checkpoint, ClientConfig};
use crate::event::{ClientError, Counters, DisconnectReason, Event, SubmitError};
use crate::initiator::{Initiator, Now};
use gavel_types::{Nanos, SeqNo};
use gavel_wire::client::Application;
use gavel_wire::frame::MAX_CLIENT_FRAME_BYTES;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Bytes read at once.
pub(crate) const IN_BYTES: usize = 256 << 10;

/// Most reads in one poll: what comes faster is read by the next.
pub(crate) const READS_MAX: usize = 16;

enum Link {
    /// Connect at that time.
    Waiting { until: Instant },
    /// The system is connecting.
    Connecting { stream: TcpStream, since: Instant },
    /// Connected.
    Open { stream: TcpStream },
    /// Nothing will happen any more, or not until a rollback is confirmed.
    Halted,
}

/// A client of one session. See the crate for an example.
pub struct Client {
    config: ClientConfig,
    session: Initiator,
    link: Link,
    /// Which of the addresses is next.
    addr: usize,
    attempts: u32,
    backoff: Backoff,
    last: DisconnectReason,
    /// Since when there is no session.
    lost: Instant,
    origin: Instant,
    poll: Poll,
    events: Events,
    input: Box<[u8]>,
    input_used: usize,
    /// The last poll left something unread.
    more: bool,
}

/// Pauses between attempts: doubling, up to a quarter more or less by chance, so that clients that
/// lost one engine do not come back in step.
struct Backoff {
    next_ms: u32,
    random: u64,
}

impl Backoff {
    fn pause(&mut self, config: &ClientConfig) -> Duration {
        let base_us = u64::from(self.next_ms) * 1_000;
        self.next_ms = self.next_ms.saturating_mul(2).clamp(1, config.backoff_max_ms.max(1));
        // xorshift64 (Marsaglia 2003).
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        Duration::from_micros(base_us * 3 / 4 + self.random % (base_us / 2 + 1))
    }
}

impl Client {
    /// Takes all memory, and begins to connect: [`Client::poll`] goes on from there.
    ///
    /// # Errors
    /// If there is no address, a limit is 0, or the system gives no readiness queue.
    pub fn connect(config: ClientConfig) -> io::Result<Self> {
        let limits =
            [config.in_flight_max as u64, config.acknowledged_max as u64, config.retransmit_max];
        if config.addrs.is_empty() || limits.contains(&0) || config.keepalive_ms == 0 {
            let what = "a client needs an address, and every limit at least 1";
            return Err(io::Error::new(ErrorKind::InvalidInput, what));
        }
        let now = Instant::now();
        let (low, high) = config.session.0.split_at(8);
        let seed = low.iter().chain(high).fold(0u64, |seed, byte| {
            seed.wrapping_mul(0x100_0000_01b3).wrapping_add(u64::from(*byte))
        });
        Ok(Self {
            session: Initiator::new(&config),
            link: Link::Waiting { until: now },
            addr: 0,
            attempts: 0,
            backoff: Backoff { next_ms: config.backoff_min_ms, random: seed | 1 },
            last: DisconnectReason::Io(ErrorKind::NotConnected),
            lost: now,
            origin: now,
            poll: Poll::new()?,
            events: Events::with_capacity(4),
            input: vec![0; IN_BYTES].into(),
            input_used: 0,
            more: false,
            config,
        })
    }

    /// True while the session is established on a connection.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.session.is_established()
    }

    /// Messages that wait for their answer.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.session.in_flight()
    }

    /// Messages that [`Client::submit`] would take now.
    #[must_use]
    pub fn room(&self) -> usize {
        self.session.room()
    }

    /// Where the client stands: what to keep for [`ClientConfig::resume`].
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        self.session.checkpoint()
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.session.counters()
    }

    /// Monotone time since the client was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Takes a message, and says its number. It leaves with the next [`Client::flush`] or
    /// [`Client::poll`].
    ///
    /// # Errors
    /// [`SubmitError`]: nothing was taken.
    pub fn submit(&mut self, message: &Application) -> Result<SeqNo, SubmitError> {
        self.session.submit(message, utc())
    }

    /// No message follows: FinishedSending is said after the last one. Poll until
    /// [`Client::is_finished`], then [`Client::close`].
    pub fn finish(&mut self) {
        self.session.finish();
    }

    /// True once the engine knows that no message follows, and every report that was made before
    /// that has been delivered.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.session.is_finished()
    }

    /// Sends what can be sent without waiting. A broken connection shows at the next poll.
    pub fn flush(&mut self) {
        let now = self.now();
        self.session.fill(now);
        let _ = self.write();
    }

    /// Connects, reads, delivers, sends, keeps alive; returns how many events there were.
    ///
    /// # Errors
    /// [`ClientError`]: the client has no session any more, and never will.
    pub fn poll(&mut self, sink: &mut impl FnMut(Event<'_>)) -> Result<usize, ClientError> {
        let mut count = 0;
        let mut counted = |event: Event<'_>| {
            count += 1;
            sink(event);
        };
        match &self.link {
            Link::Waiting { until } if Instant::now() >= *until => self.dial(&mut counted),
            Link::Waiting { .. } | Link::Halted => {}
            Link::Connecting { .. } => self.check_dialled(&mut counted),
            Link::Open { .. } => {
                if let Err(reason) = self.drive(&mut counted) {
                    self.disconnected(reason, &mut counted);
                }
            }
        }
        self.verdict().map(|()| count)
    }

    fn verdict(&self) -> Result<(), ClientError> {
        match self.session.over() {
            Some(DisconnectReason::Closed) => return Ok(()),
            Some(reason) => return Err(ClientError::Fatal(reason)),
            None => {}
        }
        let limit = Duration::from_millis(u64::from(self.config.give_up_after_ms));
        let waits = self.session.is_established() || self.session.is_rolled_back();
        if !waits && self.lost.elapsed() > limit {
            return Err(ClientError::GaveUp { attempts: self.attempts, last: self.last });
        }
        Ok(())
    }

    /// Waits until there may be something to poll, at most for `timeout`.
    ///
    /// # Errors
    /// If the system's readiness queue fails.
    pub fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        let timer = Duration::from_millis(u64::from(self.config.keepalive_ms / 4).max(1));
        let mut timeout = timeout.min(timer);
        match &self.link {
            Link::Waiting { until } => {
                std::thread::sleep(timeout.min(until.saturating_duration_since(Instant::now())));
                return Ok(());
            }
            _ if self.more => return Ok(()),
            // A connection that fails may not show as ready on every system.
            Link::Connecting { .. } => timeout = timeout.min(Duration::from_millis(10)),
            _ => {}
        }
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Polls and waits in turn until `done` says so; false if that was not before `timeout`.
    ///
    /// # Errors
    /// As for [`Client::poll`].
    pub fn poll_until(
        &mut self,
        timeout: Duration,
        sink: &mut impl FnMut(Event<'_>),
        mut done: impl FnMut(&Self) -> bool,
    ) -> Result<bool, ClientError> {
        let until = Instant::now() + timeout;
        loop {
            let events = self.poll(sink)?;
            if done(self) {
                return Ok(true);
            }
            let now = Instant::now();
            if now >= until {
                return Ok(false);
            }
            if events == 0 && self.wait(until - now).is_err() {
                // Without a readiness queue it still works, at the cost of a core.
                std::thread::yield_now();
            }
        }
    }

    /// After [`Event::RolledBack`]: accepts that the engine lacks what was delivered, and goes back
    /// to the last answer that survives. Reports after that are delivered as the engine has them
    /// now.
    ///
    /// # Panics
    /// If there was no rollback.
    pub fn confirm_rollback(&mut self) {
        self.session.confirm_rollback();
        self.lost = Instant::now();
        self.link = Link::Waiting { until: self.lost };
    }

    /// Ends the session's connection in good order. What was submitted and not answered may or may
    /// not be applied: poll until [`Client::in_flight`] is 0 before, to know.
    pub fn close(mut self) {
        let now = self.now();
        if matches!(self.link, Link::Open { .. }) {
            self.session.close(now);
            let until = Instant::now() + Duration::from_millis(1_000);
            let mut closed = false;
            while !closed && Instant::now() < until {
                let mut sink = |event: Event<'_>| {
                    closed |= matches!(event, Event::Disconnected(_));
                };
                if self.poll(&mut sink).is_err() || self.wait(Duration::from_millis(10)).is_err() {
                    return;
                }
            }
        }
    }

    fn now(&self) -> Now {
        let mono = Nanos(self.origin.elapsed().as_nanos() as u64);
        Now { mono, utc: utc() }
    }

    fn dial(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        self.attempts += 1;
        let addr = self.config.addrs[self.addr % self.config.addrs.len()];
        self.addr += 1;
        let dialled = TcpStream::connect(addr).and_then(|mut stream| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(0), interest)?;
            Ok(stream)
        });
        match dialled {
            Ok(stream) => {
                self.link = Link::Connecting { stream, since: Instant::now() };
                self.check_dialled(sink);
            }
            Err(error) => self.disconnected(DisconnectReason::Io(error.kind()), sink),
        }
    }

    fn check_dialled(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        let Link::Connecting { stream, since } = &self.link else { return };
        let limit = Duration::from_millis(u64::from(self.config.answer_timeout_ms));
        let error = match (stream.take_error(), stream.peer_addr()) {
            (Ok(Some(error)) | Err(error), _) => error.kind(),
            (Ok(None), Ok(_)) => return self.connected(sink),
            (Ok(None), Err(_)) if since.elapsed() < limit => return,
            (Ok(None), Err(_)) => ErrorKind::TimedOut,
        };
        self.disconnected(DisconnectReason::Io(error), sink);
    }

    fn connected(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        let Link::Connecting { stream, .. } = core::mem::replace(&mut self.link, Link::Halted)
        else {
            unreachable!("only what is being connected becomes connected");
        };
        let nodelay = stream.set_nodelay(true);
        self.link = Link::Open { stream };
        self.input_used = 0;
        self.session.on_connected(self.now());
        let outcome = nodelay.map_err(|error| DisconnectReason::Io(error.kind()));
        if let Err(reason) = outcome.and_then(|()| self.drive(sink)) {
            self.disconnected(reason, sink);
        }
    }

    fn disconnected(&mut self, reason: DisconnectReason, sink: &mut impl FnMut(Event<'_>)) {
        let now = Instant::now();
        let reason = match self.session.over() {
            Some(DisconnectReason::Closed) => DisconnectReason::Closed,
            _ => reason,
        };
        let was_open = matches!(self.link, Link::Open { .. });
        if let Link::Open { stream } = &mut self.link {
            let mut frame = [0; MAX_CLIENT_FRAME_BYTES];
            if let Some(bytes) = self.session.farewell(reason, &mut frame) {
                // Whether it arrives changes nothing: the connection ends here.
                let _ = stream.write(&frame[..bytes]);
            }
        }
        if self.session.is_established() {
            self.lost = now;
            self.attempts = 0;
            self.backoff.next_ms = self.config.backoff_min_ms;
        }
        self.last = reason;
        self.more = false;
        self.session.on_disconnected(reason);
        let halted = self.session.over().is_some() || self.session.is_rolled_back();
        self.link = if halted {
            Link::Halted
        } else {
            Link::Waiting { until: now + self.backoff.pause(&self.config) }
        };
        if was_open {
            sink(Event::Disconnected(reason));
        }
    }

    /// One turn on an open connection.
    fn drive(&mut self, sink: &mut impl FnMut(Event<'_>)) -> Result<(), DisconnectReason> {
        let read = self.read(sink);
        if read.is_ok() {
            self.session.on_timer(self.now())?;
        }
        // What the engine said last is read before a broken pipe is noticed.
        read.and_then(|()| self.write())
    }

    fn read(&mut self, sink: &mut impl FnMut(Event<'_>)) -> Result<(), DisconnectReason> {
        let now = self.now();
        self.more = true;
        for _ in 0..READS_MAX {
            let Link::Open { stream } = &mut self.link else { return Ok(()) };
            match stream.read(&mut self.input[self.input_used..]) {
                Ok(0) => return Err(DisconnectReason::PeerClosed),
                Ok(bytes) => {
                    self.input_used += bytes;
                    let whole = &self.input[..self.input_used];
                    let used = self.session.on_bytes(now, whole, sink)?;
                    self.input.copy_within(used..self.input_used, 0);
                    self.input_used -= used;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.more = false;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(DisconnectReason::Io(error.kind())),
            }
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), DisconnectReason> {
        let now = self.now();
        let Link::Open { stream } = &mut self.link else { return Ok(()) };
        while !self.session.transmit().is_empty() {
            match stream.write(self.session.transmit()) {
                Ok(bytes) => {
                    self.session.on_sent(bytes);
                    self.session.fill(now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(DisconnectReason::Io(error.kind())),
            }
        }
        Ok(())
    }
}

fn utc() -> Nanos {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Nanos(since.as_nanos() as u64)
}
