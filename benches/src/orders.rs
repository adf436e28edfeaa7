//! Orders to a node: one at a time, or pipelined.

use anyhow::{Context, Result};
use gavel_client::{Client, ClientConfig, Event, Order};
use gavel_types::{
    CancelOrder, ClOrdId, OrderId, Price, Qty, SessionUuid, Side, SymbolId, TimeInForce,
};
use gavel_wire::client::Application;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const SYMBOL: SymbolId = SymbolId(1);
const TICK: i64 = 100_000;
/// Time that a session may take to be established, or an answer to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A session that adds orders and cancels them again, so that the book stays small.
pub struct Flow {
    client: Client,
    window: usize,
    next: u64,
    answered: u64,
    /// Orders rest on so many levels and stay; None: every order is cancelled again.
    resting_levels: Option<i64>,
}

impl Flow {
    /// Establishes a session of the given number.
    ///
    /// # Errors
    /// If the node does not accept it.
    pub fn open(address: SocketAddr, number: u8, in_flight_max: usize) -> Result<Self> {
        let mut config = ClientConfig::new(address, SessionUuid([number; 16]));
        config.in_flight_max = in_flight_max;
        let mut client = Client::connect(config)?;
        let began = Instant::now();
        while !client.is_established() {
            client.poll(&mut |_| {}).context("establishing a session")?;
            anyhow::ensure!(began.elapsed() < PATIENCE, "no session within {PATIENCE:?}");
        }
        Ok(Self { client, window: in_flight_max, next: 0, answered: 0, resting_levels: None })
    }

    /// Connects as a client that has forgotten everything, and reads the session's reports from the
    /// first on, at least so many. It waits for the system between two looks, as a client that is
    /// not in a hurry does. Returns how many came.
    ///
    /// # Errors
    /// If the connection breaks, a report is missing, or they do not come.
    pub fn fetch_history(address: SocketAddr, number: u8, reports: u64) -> Result<u64> {
        let config = ClientConfig::new(address, SessionUuid([number; 16]));
        let mut client = Client::connect(config)?;
        let (mut got, mut lost) = (0, 0);
        let mut moved = (0, Instant::now());
        while got < reports {
            client.wait(Duration::from_millis(100))?;
            client.poll(&mut |event| match event {
                Event::Report(_) => got += 1,
                Event::HistoryLost { from, until } => lost += until.0 - from.0,
                _ => {}
            })?;
            anyhow::ensure!(lost == 0, "{lost} reports are not there any more");
            if got != moved.0 {
                moved = (got, Instant::now());
            }
            anyhow::ensure!(moved.1.elapsed() < PATIENCE, "no report for {PATIENCE:?}");
        }
        client.close();
        Ok(got)
    }

    /// The next message: an order that rests, or the cancel of the order before.
    fn message(&mut self) -> Application {
        let number = self.next;
        self.next += 1;
        let (levels, far) = match self.resting_levels {
            Some(levels) => (levels, 1_000),
            None => (64, 0),
        };
        if number % 2 == 1 && self.resting_levels.is_none() {
            return Application::Cancel(CancelOrder {
                cl_ord_id: ClOrdId(number + 1),
                orig_cl_ord_id: ClOrdId(number),
                order_id: OrderId(0),
                symbol: SYMBOL,
                side: Side::Buy,
                reserved: [0; 3],
            });
        }
        let price = Price((10_000 - far - (number as i64 / 2) % levels) * TICK);
        Order::limit(ClOrdId(number + 1), SYMBOL, Side::Buy, Qty(100), price)
            .time_in_force(TimeInForce::Gtc)
            .into()
    }

    fn poll(&mut self) -> Result<()> {
        let answered = &mut self.answered;
        self.client.poll(&mut |event| {
            if matches!(event, Event::Report(_)) {
                *answered += 1;
            }
        })?;
        Ok(())
    }

    /// Most messages that may wait for their answer.
    #[must_use]
    pub fn window(&self) -> usize {
        self.window
    }

    /// Messages that would be taken now.
    #[must_use]
    pub fn room(&self) -> usize {
        self.client.room()
    }

    /// Hands over the next message.
    ///
    /// # Errors
    /// If it is not taken.
    pub fn submit_next(&mut self) -> Result<()> {
        let message = self.message();
        self.client.submit(&message)?;
        Ok(())
    }

    /// Sends what was handed over.
    pub fn flush(&mut self) {
        self.client.flush();
    }

    /// Answers since the last call.
    ///
    /// # Errors
    /// If the connection breaks.
    pub fn take_answers(&mut self) -> Result<u64> {
        let before = self.answered;
        self.poll()?;
        Ok(self.answered - before)
    }

    /// From here on every message is an order that rests, on as many levels.
    pub fn rest_from_now_on(&mut self, levels: i64) {
        self.resting_levels = Some(levels);
    }

    /// From here on orders are cancelled again.
    pub fn cancel_from_now_on(&mut self) {
        self.resting_levels = None;
        // The next message is an order, and the one after it its cancel.
        self.next += self.next % 2;
    }

    /// Sends `count` messages, each after the answer to the one before; `record` gets the time of
    /// each (ns): from just before it is handed to the client to its report.
    ///
    /// # Errors
    /// If the connection breaks or an answer does not come.
    pub fn one_at_a_time(&mut self, count: usize, mut record: impl FnMut(u64)) -> Result<()> {
        for _ in 0..count {
            let message = self.message();
            let before = self.answered;
            let began = Instant::now();
            self.client.submit(&message)?;
            self.client.flush();
            while self.answered == before {
                self.poll()?;
                anyhow::ensure!(began.elapsed() < PATIENCE, "no answer within {PATIENCE:?}");
            }
            record(began.elapsed().as_nanos() as u64);
        }
        Ok(())
    }

    /// Sends `count` messages as fast as the window lets it, and waits for all answers; returns the
    /// time from first send to last answer.
    ///
    /// # Errors
    /// If the connection breaks or answers do not come.
    pub fn pipelined(&mut self, count: u64) -> Result<Duration> {
        let began = Instant::now();
        let until = self.answered + count;
        let mut left = count;
        let mut moved = (self.answered, began);
        while self.answered < until {
            let room = (self.client.room() as u64).min(left).min(256);
            for _ in 0..room {
                let message = self.message();
                self.client.submit(&message)?;
            }
            left -= room;
            self.poll()?;
            if self.answered != moved.0 {
                moved = (self.answered, Instant::now());
            }
            anyhow::ensure!(moved.1.elapsed() < PATIENCE, "no answers for {PATIENCE:?}");
        }
        Ok(began.elapsed())
    }
}
