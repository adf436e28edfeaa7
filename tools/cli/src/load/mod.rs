//! Sessions that trade with each other through a node that may die, and what they found.
//!
//! Inputs -> outputs: a node's address and a seed -> messages, verdicts, latencies.
//! Invariants: a run's messages are a function of the seed and of what was received when.
//! Limits: [`IN_FLIGHT_MAX`] messages in flight a session.
//! Not here: starting and killing nodes (demo.rs and storm.rs).

pub(crate) mod ledger;
mod model;
mod random;
mod trader;

pub(crate) use random::Random;

use crate::outcome::{Broken, judge};
use crate::pause::pause;
use crate::session;
use anyhow::{Context, Result, ensure};
use gavel_client::{Client, ClientConfig, Event};
use gavel_contract::Plan;
use gavel_types::limits::MD_DEPTH_MAX;
use gavel_types::{Price, Qty, SessionUuid, Side, SymbolId};
use ledger::{Book, Counts, Ledger, Sent};
use sha2::Digest;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use trader::{Market, Trader};

/// Most messages in flight of one session.
pub(crate) const IN_FLIGHT_MAX: usize = 256;

/// Pause while nothing happens: several sockets are polled, so none of them is waited for.
pub(crate) const REST: Duration = Duration::from_micros(50);

/// Longest time that anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// One trading session.
struct Desk {
    uuid: SessionUuid,
    client: Client,
    trader: Trader,
    ledger: Ledger,
}

/// All of them.
pub(crate) struct Fleet {
    desks: Vec<Desk>,
    market: Market,
    /// Whose turn it is.
    turn: usize,
    pub(crate) resent: u64,
    rolled_back: bool,
}

/// What a run came to.
pub(crate) struct Findings {
    pub(crate) counts: Counts,
    pub(crate) faults: Vec<String>,
    /// Sessions whose report stream is not that of the uninterrupted run.
    pub(crate) streams_bad: u64,
    /// The book digest of the uninterrupted run.
    pub(crate) expected_digest: u64,
    /// sha256 over all sessions' report streams.
    pub(crate) reports_digest: String,
}

impl Fleet {
    pub(crate) fn new(plan: &Plan, addr: SocketAddr, sessions: usize, seed: u64) -> Result<Self> {
        let market = Market::new(&plan.book.symbols);
        ensure!(
            market.symbols().next().is_some(),
            "no symbol of the configuration trades around 100.00 in steps of 0.01"
        );
        let lots: Vec<(SymbolId, u64)> =
            plan.book.symbols.iter().map(|spec| (spec.symbol, spec.lot.0)).collect();
        let mut seeds = Random::new(seed);
        let mut desks = Vec::new();
        for _ in 0..sessions {
            let uuid = session::new_uuid();
            let config =
                ClientConfig { in_flight_max: IN_FLIGHT_MAX, ..ClientConfig::new(addr, uuid) };
            desks.push(Desk {
                uuid,
                client: Client::connect(config).context("no client can be made")?,
                trader: Trader::new(seeds.next()),
                ledger: Ledger::new(lots.iter().copied().collect()),
            });
        }
        Ok(Self { desks, market, turn: 0, resent: 0, rolled_back: false })
    }

    /// Polls every session; `answered` gets each message with its answer's arrival.
    pub(crate) fn poll(&mut self, answered: &mut impl FnMut(&Sent, Instant)) -> Result<usize> {
        let mut events = 0;
        for Desk { client, ledger, .. } in &mut self.desks {
            let (resent, rolled_back) = (&mut self.resent, &mut self.rolled_back);
            events += client
                .poll(&mut |event| match event {
                    Event::Report(report) => {
                        if let Some(sent) = ledger.on_report(&report) {
                            answered(&sent, Instant::now());
                        }
                    }
                    Event::HistoryLost { from, until } => ledger.on_lost(from, until),
                    Event::Established(how) => *resent += how.resent,
                    Event::RolledBack { .. } => *rolled_back = true,
                    _ => {}
                })
                .map_err(judge)?;
        }
        ensure!(!self.rolled_back, Broken::RolledBack);
        Ok(events)
    }

    /// Submits one message, of whichever session has room, as of `intended`; false if none has.
    pub(crate) fn submit(&mut self, intended: Instant) -> Result<bool> {
        for _ in 0..self.desks.len() {
            self.turn = (self.turn + 1) % self.desks.len();
            let desk = &mut self.desks[self.turn];
            if desk.client.room() == 0 {
                continue;
            }
            let message = desk.trader.next(&mut self.market, &desk.ledger);
            desk.submit(message, intended)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Sends what was submitted.
    pub(crate) fn flush(&mut self) {
        for desk in &mut self.desks {
            desk.client.flush();
        }
    }

    pub(crate) fn is_established(&self) -> bool {
        self.desks.iter().all(|desk| desk.client.is_established())
    }

    fn waiting(&self) -> usize {
        self.desks.iter().map(|desk| desk.ledger.waiting()).sum()
    }

    /// Polls until `done`.
    fn until(
        &mut self,
        answered: &mut impl FnMut(&Sent, Instant),
        mut done: impl FnMut(&Self) -> bool,
    ) -> Result<()> {
        let start = Instant::now();
        while !done(self) {
            if self.poll(answered)? == 0 {
                pause(REST);
            }
            ensure!(start.elapsed() < PATIENCE, "the node did not answer within {PATIENCE:?}");
        }
        Ok(())
    }

    /// Waits until every session is established.
    pub(crate) fn establish(&mut self) -> Result<()> {
        self.until(&mut |_, _| {}, Self::is_established)
    }

    /// Waits until everything is answered.
    pub(crate) fn settle(&mut self, answered: &mut impl FnMut(&Sent, Instant)) -> Result<()> {
        self.until(answered, |fleet| fleet.is_established() && fleet.waiting() == 0)?;
        // A fence: trades that follow an answer have arrived when a later answer has.
        for at in 0..self.desks.len() {
            let symbol = self.market.symbols().next().context("there is a symbol")?;
            let desk = &mut self.desks[at];
            let fence = desk.trader.query_of(symbol, 1);
            desk.submit(fence, Instant::now())?;
        }
        self.until(answered, |fleet| fleet.is_established() && fleet.waiting() == 0)
    }

    /// Asks for every book, and compares it with what the sessions' own reports add up to. Returns
    /// how many were compared, and differences in words. The sessions must be settled.
    pub(crate) fn compare_books(&mut self) -> Result<(u64, Vec<String>)> {
        let symbols: Vec<SymbolId> = self.market.symbols().collect();
        let mut different = Vec::new();
        for symbol in &symbols {
            let desk = &mut self.desks[0];
            desk.ledger.book = None;
            let question = desk.trader.query_of(*symbol, MD_DEPTH_MAX as u8);
            desk.submit(question, Instant::now())?;
            self.until(&mut |_, _| {}, |fleet| fleet.desks[0].ledger.book.is_some())?;
            let (got, want) = (self.desks[0].ledger.book.take(), self.added_up(*symbol));
            if got.as_ref() != Some(&want) {
                different
                    .push(format!("book of symbol {symbol}: reports say {want:?}, not {got:?}"));
            }
        }
        Ok((symbols.len() as u64, different))
    }

    /// A book as the sessions' live orders make it.
    fn added_up(&self, symbol: SymbolId) -> Book {
        let mut sides = [BTreeMap::<Price, u64>::new(), BTreeMap::new()];
        for live in self.desks.iter().flat_map(|desk| desk.ledger.live().values()) {
            if live.symbol == symbol {
                let side = usize::from(live.side == Side::Sell);
                *sides[side].entry(live.price).or_default() += live.leaves.0;
            }
        }
        let top = |levels: &mut dyn Iterator<Item = (&Price, &u64)>| {
            levels.take(MD_DEPTH_MAX).map(|(price, qty)| (*price, Qty(*qty))).collect()
        };
        let [bids, asks] = &sides;
        Book { symbol, bids: top(&mut bids.iter().rev()), asks: top(&mut asks.iter()) }
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        for desk in &self.desks {
            let one = desk.ledger.counts();
            sum.answered += one.answered;
            sum.accepted += one.accepted;
            sum.trades += one.trades;
            sum.reports += one.reports;
            sum.faults += one.faults;
            sum.gaps += one.gaps;
            sum.duplicates += one.duplicates;
            sum.missing += one.missing;
        }
        sum
    }

    /// Ends the sessions, and compares them with the uninterrupted run.
    pub(crate) fn finish(self, plan: &Plan) -> Findings {
        let counts = self.counts();
        let sessions: Vec<_> =
            self.desks.iter().map(|desk| (desk.uuid, desk.ledger.answered())).collect();
        let expected = model::run(plan, &sessions);
        let (mut streams_bad, mut faults) = (0, Vec::new());
        let mut all = sha2::Sha256::new();
        for (desk, hash) in self.desks.iter().zip(expected.reports) {
            let got = desk.ledger.hash().finalize();
            all.update(got);
            faults.extend_from_slice(desk.ledger.faults());
            if got != hash.finalize() {
                streams_bad += 1;
                faults.push(format!("session {}: another run gives other reports", desk.uuid));
            }
        }
        for desk in self.desks {
            desk.client.close();
        }
        let reports_digest = session::hex(&all.finalize());
        let expected_digest = expected.book_digest;
        Findings { counts, faults, streams_bad, expected_digest, reports_digest }
    }
}

impl Desk {
    fn submit(&mut self, message: gavel_client::Application, intended: Instant) -> Result<()> {
        let seq = self.client.submit(&message).context("a message was not taken")?;
        let submitted = Instant::now();
        self.ledger.on_submitted(Sent { seq, message, intended, submitted });
        Ok(())
    }
}
