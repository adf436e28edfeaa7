//! The real machine behind one connection that a test feeds and cuts.

use gavel_book::Book;
use gavel_contract::{BookPlan, Machine, Outbox, Progress, SessionPlan, SymbolSpec};
use gavel_pipeline::session::Sessioned;
use gavel_types::{
    AckRuleCode, AdminStart, Command, ConnId, DisconnectCause, Index, LogRecord, Nanos, Price, Qty,
    Report, ReportBody, ReportNo, RetransmitRejectCode, SeqNo, SessionSlot, Stamp, StpInstruction,
    SymbolId, Term, TerminationCode,
};
use gavel_wire::acceptor::{Acceptor, Close, Limits, Verdict};
use gavel_wire::client::decode;
use gavel_wire::frame::split;
use gavel_wire::server::{self, Envelope, MAX_SERVER_FRAME_BYTES};

const LIMITS: Limits = Limits {
    keepalive_min_ms: 100,
    keepalive_max_ms: 60_000,
    establish_timeout_ms: 10_000,
    cod_window_max_ms: 60_000,
    needs_credentials: false,
};

/// Reports of one record, all of them.
struct All(Vec<Report>);

impl Outbox for All {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, report: Report) {
        self.0.push(report);
    }
}

struct Conn {
    id: ConnId,
    acceptor: Acceptor,
    input: Vec<u8>,
    output: Vec<u8>,
    slot: Option<SessionSlot>,
}

pub(crate) struct Engine {
    machine: Sessioned<Book>,
    index: u64,
    term: u64,
    conns: u64,
    conn: Option<Conn>,
    /// By session: frames of its reports, the first has number 1.
    windows: Vec<Vec<Vec<u8>>>,
    /// Every command that took a client's number, as applied: (number, record).
    pub(crate) log: Vec<LogRecord>,
}

fn machine() -> Sessioned<Book> {
    let symbol = SymbolSpec {
        symbol: SymbolId(1),
        name: "T".into(),
        tick: Price(1),
        lot: Qty(1),
        price_min: Price(1),
        price_max: Price(1_000_000),
        qty_max: Qty(1_000),
        qty_scale: 0,
        stp: StpInstruction::Allow,
        protection: Price(0),
    };
    let book = BookPlan {
        symbols: vec![symbol],
        levels_max: 64,
        sessions_max: 4,
        ..BookPlan::for_orders(1_024)
    };
    let plan = SessionPlan {
        sessions_max: 4,
        connections_max: 4,
        keepalive_min_ms: LIMITS.keepalive_min_ms,
        keepalive_max_ms: LIMITS.keepalive_max_ms,
        establish_timeout_ms: LIMITS.establish_timeout_ms,
        cod_window_max_ms: LIMITS.cod_window_max_ms,
        idle_expiry_ms: 0,
        throttle_per_s: 0,
        throttle_burst: 1,
        needs_credentials: LIMITS.needs_credentials,
    };
    Sessioned::new(&plan, Book::new(&book))
}

impl Engine {
    pub(crate) fn new() -> Self {
        let mut engine = Self {
            machine: machine(),
            index: 0,
            term: 0,
            conns: 0,
            conn: None,
            windows: vec![Vec::new(); 4],
            log: Vec::new(),
        };
        engine.crash();
        engine
    }

    /// Dies and comes back: the connection is gone, the log is not.
    pub(crate) fn crash(&mut self) {
        self.conn = None;
        self.term += 1;
        let start = AdminStart { incarnation: self.term, configuration: 0, idle_expiry_ms: 0 };
        self.apply(Command::admin_start(SessionSlot::NONE, SeqNo(0), &start));
    }

    pub(crate) fn connect(&mut self) {
        self.cut();
        self.conns += 1;
        let id = ConnId(self.conns);
        let acceptor = Acceptor::new(id, LIMITS, Nanos(0));
        let (input, output) = (Vec::new(), Vec::new());
        self.conn = Some(Conn { id, acceptor, input, output, slot: None });
    }

    /// The connection breaks: what was not taken from it is lost.
    pub(crate) fn cut(&mut self) {
        let Some(mut conn) = self.conn.take() else { return };
        let (code, cause) = (TerminationCode::UnspecifiedError, DisconnectCause::PeerClosed);
        if let Some(command) = conn.acceptor.on_gone(Close::of(code, cause)) {
            self.apply(command);
        }
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        let Some(conn) = &mut self.conn else { return };
        conn.input.extend_from_slice(bytes);
        loop {
            let conn = self.conn.as_mut().expect("nothing here ends it");
            let Some(frame) = split(&conn.input).expect("the client sends frames") else { return };
            let message = decode(&frame).expect("the client sends what makes sense");
            let whole_bytes = frame.whole_bytes;
            let verdict = conn.acceptor.on_message(Nanos(1), &message);
            conn.input.drain(..whole_bytes);
            match verdict {
                Verdict::Log(command) => self.apply(command),
                Verdict::Nothing => {}
                Verdict::Retransmit(ask) => self.retransmit(ask.from, ask.count),
                other => panic!("a client of ours is never {other:?}"),
            }
        }
    }

    /// At most so many of the bytes that wait for the client.
    pub(crate) fn transmit(&mut self, most: usize) -> Vec<u8> {
        let Some(conn) = &mut self.conn else { return Vec::new() };
        let count = most.min(conn.output.len());
        conn.output.drain(..count).collect()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.conn.is_some()
    }

    /// Frames of the first session's reports.
    pub(crate) fn reports(&self) -> &[Vec<u8>] {
        &self.windows[0]
    }

    fn envelope(&self) -> Envelope {
        let (sender_term, commit) = (Term(self.term), Index(self.index));
        Envelope { sender_term, commit, rule: AckRuleCode::Local }
    }

    fn apply(&mut self, command: Command) {
        self.index += 1;
        let time = Nanos(self.index);
        let stamp = Stamp { index: Index(self.index), term: Term(self.term), time };
        let record = LogRecord { stamp, command };
        let mut all = All(Vec::new());
        let mut progress = self.machine.apply(&record, &mut all);
        while progress == Progress::Paused {
            progress = self.machine.resume(&mut all);
        }
        if command.client_seq > SeqNo(0) && all.0.iter().any(Report::is_sequenced) {
            self.log.push(record);
        }
        let mut parts = Vec::new();
        for report in all.0 {
            if !report.is_sequenced() {
                self.answer(&report);
                continue;
            }
            parts.push(report);
            if report.is_last_part() {
                self.store(&parts);
                parts.clear();
            }
        }
    }

    fn store(&mut self, parts: &[Report]) {
        let envelope = self.envelope();
        let frame = encode(|out| server::encode_report(parts, &envelope, out));
        let slot = parts[0].session;
        if let Some(conn) = self.conn.as_mut().filter(|conn| conn.slot == Some(slot)) {
            conn.output.extend_from_slice(&frame);
        }
        self.windows[slot.0 as usize].push(frame);
        let number = self.windows[slot.0 as usize].len() as u64;
        assert_eq!(parts[0].number, ReportNo(number));
    }

    fn answer(&mut self, report: &Report) {
        let Some(conn) = &mut self.conn else { return };
        let said = match report.parse().unwrap() {
            ReportBody::NegotiationAccepted(body) if body.conn == conn.id => {
                conn.acceptor.on_negotiated(true);
                encode(|out| server::negotiation_response(body, out))
            }
            ReportBody::NegotiationRefused(body) if body.conn == conn.id => {
                conn.acceptor.on_negotiated(false);
                encode(|out| server::negotiation_reject(body, out))
            }
            ReportBody::EstablishmentAccepted(body) if body.conn == conn.id => {
                let (keepalive_ms, next) = (body.keepalive_ms, body.client_next_seq);
                let ended_at = (body.finished == 1).then_some(body.expected_seq);
                conn.acceptor.on_established(report.session, keepalive_ms, next, ended_at);
                conn.slot = Some(report.session);
                encode(|out| server::establishment_ack(body, &[], out))
            }
            ReportBody::EstablishmentRefused(body) if body.conn == conn.id => {
                conn.acceptor.on_establish_refused();
                encode(|out| server::establishment_reject(body, &[], out))
            }
            ReportBody::FlowFinished(body) if body.conn == conn.id => {
                encode(|out| server::finished_receiving(body, out))
            }
            _ => return,
        };
        conn.output.extend_from_slice(&said);
    }

    fn retransmit(&mut self, from: ReportNo, count: u64) {
        let envelope = self.envelope();
        let conn = self.conn.as_mut().expect("a request comes on a connection");
        let uuid = conn.acceptor.uuid();
        let window = &self.windows[conn.slot.expect("an established one").0 as usize];
        let (first, until) = (from.0 as usize - 1, (from.0 + count) as usize - 1);
        let Some(frames) = window.get(first..until) else {
            let code = RetransmitRejectCode::OutOfRange;
            let oldest = ReportNo(1);
            let said =
                |out: &mut [u8]| server::retransmit_reject(uuid, Nanos(0), code, oldest, out);
            conn.output.extend(encode(said));
            return;
        };
        conn.output.extend(encode(|out| server::retransmission(uuid, Nanos(0), from, count, out)));
        for frame in frames {
            let mut frame = frame.clone();
            server::reenvelope(&mut frame, &envelope, true);
            conn.output.extend(frame);
        }
        let next = ReportNo(window.len() as u64 + 1);
        conn.output.extend(encode(|out| server::sequence(next, out)));
    }
}

fn encode(write: impl FnOnce(&mut [u8]) -> usize) -> Vec<u8> {
    let mut out = vec![0; MAX_SERVER_FRAME_BYTES];
    let bytes = write(&mut out);
    out.truncate(bytes);
    out
}
