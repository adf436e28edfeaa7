//! Orders at a fixed rate, whatever the answers do: latency without coordinated omission.
//!
//! Each message has the time at which it was to be sent, and its latency counts from there: a
//! message that had to wait because the one before was late is late itself. The client looks every
//! [`LOOK_EVERY`], which is part of each latency.

use crate::orders::Flow;
use anyhow::Result;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Time that the last answers may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often the client looks: between two looks it sleeps, so that others on its CPU have turns.
const LOOK_EVERY: Duration = Duration::from_micros(50);

/// Most messages handed to the client between two looks at the socket.
const BURST_MAX: usize = 64;

/// A flow that is sent at a fixed rate.
pub struct OpenLoop {
    flow: Flow,
    interval: Duration,
    /// When each message that waits for its answer was to be sent, oldest first. The session
    /// answers in order.
    waiting: VecDeque<Instant>,
    due: Instant,
}

impl OpenLoop {
    /// A flow of so many messages a second.
    #[must_use]
    pub fn new(flow: Flow, rate_per_s: u32) -> Self {
        let interval = Duration::from_secs(1) / rate_per_s;
        let waiting = VecDeque::with_capacity(flow.window());
        Self { flow, interval, waiting, due: Instant::now() }
    }

    /// Sends on schedule while `go_on` says so, then waits for what is owed. `record` gets the
    /// latency of each message (ns). The schedule begins anew with every call, so that a pause
    /// between two calls counts for nobody.
    ///
    /// # Errors
    /// If the connection breaks or an answer does not come.
    pub fn run(
        &mut self,
        mut go_on: impl FnMut() -> bool,
        mut record: impl FnMut(u64),
    ) -> Result<()> {
        self.due = Instant::now();
        while go_on() {
            self.send_due()?;
            self.take(&mut record)?;
            std::thread::park_timeout(LOOK_EVERY);
        }
        let began = Instant::now();
        while !self.waiting.is_empty() {
            self.take(&mut record)?;
            std::thread::park_timeout(LOOK_EVERY);
            anyhow::ensure!(began.elapsed() < PATIENCE, "no answers within {PATIENCE:?}");
        }
        Ok(())
    }

    /// For so long.
    ///
    /// # Errors
    /// As [`OpenLoop::run`].
    pub fn run_for(&mut self, time: Duration, record: impl FnMut(u64)) -> Result<()> {
        let until = Instant::now() + time;
        self.run(|| Instant::now() < until, record)
    }

    fn send_due(&mut self) -> Result<()> {
        let now = Instant::now();
        let mut sent = 0;
        while self.due <= now && sent < BURST_MAX && self.flow.room() > 0 {
            self.flow.submit_next()?;
            self.waiting.push_back(self.due);
            self.due += self.interval;
            sent += 1;
        }
        if sent > 0 {
            self.flow.flush();
        }
        Ok(())
    }

    fn take(&mut self, record: &mut impl FnMut(u64)) -> Result<()> {
        let answered = self.flow.take_answers()?;
        let now = Instant::now();
        for _ in 0..answered {
            let intended = self.waiting.pop_front();
            let intended = intended.ok_or_else(|| anyhow::anyhow!("more answers than messages"))?;
            record(now.saturating_duration_since(intended).as_nanos() as u64);
        }
        Ok(())
    }

    /// The flow, for other work.
    pub fn flow(&mut self) -> &mut Flow {
        &mut self.flow
    }
}
