//! An initiator with a clock that the test turns, and what it told its application.

use gavel_client::initiator::{Initiator, Now};
use gavel_client::{
    Application, ClientConfig, DisconnectReason, Event, LastReport, Limit, SequencedBody,
};
use gavel_types::{
    CancelOrder, ClOrdId, MarketDataQuery, MdReqId, Nanos, OrderId, Price, Qty, ReportNo, SeqNo,
    SessionUuid, Side, SymbolId, TimeInForce,
};
use gavel_wire::client::{ClientMessage, decode};
use gavel_wire::frame;

pub(crate) const UUID: SessionUuid = SessionUuid([9; 16]);
pub(crate) const SYMBOL: SymbolId = SymbolId(1);

/// An event that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Established {
        next_seq: u64,
        resent: u64,
        missing: u64,
    },
    Report {
        number: u64,
        what: String,
    },
    Lost {
        from: u64,
        until: u64,
    },
    /// The last report, the last that survives, the names of what was lost, whether that is all.
    RolledBack(LastReport, LastReport, Vec<u64>, bool),
    Finished(u64),
    Renumbered {
        from: u64,
        to: u64,
        count: u64,
    },
    Other(String),
}

fn told(event: Event<'_>) -> Told {
    match event {
        Event::Established(how) => {
            Told::Established { next_seq: how.next_seq.0, resent: how.resent, missing: how.missing }
        }
        Event::Report(report) => {
            Told::Report { number: report.number.0, what: short(&report.body) }
        }
        Event::HistoryLost { from, until } => Told::Lost { from: from.0, until: until.0 },
        Event::RolledBack { last, surviving, lost, is_complete } => {
            let names = lost.iter().map(|answer| answer.name).collect();
            Told::RolledBack(last, surviving, names, is_complete)
        }
        Event::Finished { until } => Told::Finished(until.0),
        Event::Renumbered { from, to, count } => Told::Renumbered { from: from.0, to: to.0, count },
        other => Told::Other(format!("{other:?}")),
    }
}

/// A report in a few words.
pub(crate) fn short(body: &SequencedBody<'_>) -> String {
    match body {
        SequencedBody::New(exec) => format!("new {}", exec.order.cl_ord_id),
        SequencedBody::Rejected(exec) => format!("rejected {}", exec.order.cl_ord_id),
        SequencedBody::Canceled(exec) => format!("canceled {}", exec.request_cl_ord_id),
        SequencedBody::CancelReject(reject) => format!("cancel reject {}", reject.cl_ord_id),
        SequencedBody::NotApplied(burnt) => format!("not applied {}+{}", burnt.from, burnt.count),
        SequencedBody::MarketData(snapshot) => format!("book {}", snapshot.md_req_id),
        other => format!("{other:?}"),
    }
}

pub(crate) struct ClientSide {
    pub(crate) initiator: Initiator,
    pub(crate) now: Now,
    pub(crate) told: Vec<Told>,
    input: Vec<u8>,
}

pub(crate) fn config() -> ClientConfig {
    ClientConfig { in_flight_max: 8, ..ClientConfig::new("127.0.0.1:1".parse().unwrap(), UUID) }
}

impl ClientSide {
    pub(crate) fn new(config: &ClientConfig) -> Self {
        let now = Now { mono: Nanos(1), utc: Nanos(1_000_000) };
        Self { initiator: Initiator::new(config), now, told: Vec::new(), input: Vec::new() }
    }

    pub(crate) fn connect(&mut self) {
        self.input.clear();
        self.initiator.on_connected(self.now);
    }

    /// Hands over bytes as a socket would, keeping what is no whole frame yet.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<(), DisconnectReason> {
        self.input.extend_from_slice(bytes);
        let told_events = &mut self.told;
        let used = self.initiator.on_bytes(self.now, &self.input, &mut |event| {
            told_events.push(told(event));
        })?;
        self.input.drain(..used);
        Ok(())
    }

    pub(crate) fn disconnect(&mut self, reason: DisconnectReason) {
        self.input.clear();
        self.initiator.on_disconnected(reason);
    }

    pub(crate) fn pass(&mut self, ms: u64) -> Result<(), DisconnectReason> {
        self.now.mono.0 += ms * 1_000_000;
        self.initiator.on_timer(self.now)
    }

    /// Everything that it wants to send, taken.
    pub(crate) fn sent(&mut self) -> Vec<ClientMessage> {
        self.initiator.fill(self.now);
        let bytes = self.initiator.transmit().to_vec();
        self.initiator.on_sent(bytes.len());
        let mut rest = &bytes[..];
        let mut messages = Vec::new();
        while let Some(frame) = frame::split(rest).unwrap() {
            messages.push(decode(&frame).unwrap());
            rest = &rest[frame.whole_bytes..];
        }
        assert!(rest.is_empty(), "only whole frames wait to be sent");
        messages
    }

    pub(crate) fn submit(&mut self, message: &Application) -> SeqNo {
        self.initiator.submit(message, self.now.utc).unwrap()
    }

    /// The events since the last call.
    pub(crate) fn events(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }
}

/// Numbers of the reports among events.
pub(crate) fn numbers(events: &[Told]) -> Vec<u64> {
    let number = |event: &Told| match event {
        Told::Report { number, .. } => Some(*number),
        _ => None,
    };
    events.iter().filter_map(number).collect()
}

pub(crate) fn order(id: u64) -> Application {
    let side = if id.is_multiple_of(3) { Side::Sell } else { Side::Buy };
    let order = Limit {
        cl_ord_id: ClOrdId(id),
        symbol: SYMBOL,
        side,
        price: Price(1_000 + (id % 5) as i64),
        qty: Qty(1 + id % 7),
        time_in_force: if id.is_multiple_of(4) { TimeInForce::Ioc } else { TimeInForce::Gtc },
    };
    order.into()
}

pub(crate) fn cancel(id: u64, orig: u64) -> Application {
    let side = if orig.is_multiple_of(3) { Side::Sell } else { Side::Buy };
    Application::Cancel(CancelOrder {
        cl_ord_id: ClOrdId(id),
        orig_cl_ord_id: ClOrdId(orig),
        order_id: OrderId(0),
        symbol: SYMBOL,
        side,
        reserved: [0; 3],
    })
}

pub(crate) fn query(id: u64) -> Application {
    let (md_req_id, symbol) = (MdReqId(id), SYMBOL);
    Application::MarketData(MarketDataQuery { md_req_id, symbol, depth: 3, reserved: [0; 3] })
}

pub(crate) fn last(term: u64, index: u64, number: u64) -> LastReport {
    use gavel_types::{Index, Term};
    LastReport { term: Term(term), index: Index(index), number: ReportNo(number) }
}
