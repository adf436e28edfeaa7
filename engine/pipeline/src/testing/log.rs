//! A log on a simulated disk, and a shadow that follows it.

use super::{Tally, uuid};
use crate::fetch::{Fetch, Fetched};
use crate::session::Sessioned;
use crate::snapshot::Plain;
use crate::{Shadow, ShadowLinks, ShadowNews, ShadowPorts};
use gavel_contract::{
    AckRule, Agent, BookPlan, JournalPlan, Machine, Now, Outbox, Plan, ReportStorePlan,
    RetransmitPlan, RingPlan, SessionPlan, SnapshotPlan,
};
use gavel_journal::memory::{MemoryDisk, MemoryFiles, MemoryReader, MemoryStore, Pace};
use gavel_journal::recovery::{self, LogPoint, Place};
use gavel_journal::{Journal, JournalLinks};
use gavel_link::{Position, Reader, Watermark, WatermarkWriter, Writer, ring, watermark};
use gavel_types::{
    Account, ClOrdId, Command, ConnId, Index, LogRecord, Nanos, NegotiateSession, NewOrder,
    OrdType, Price, Qty, Report, Role, SeqNo, SessionSlot, Side, Stamp, StpInstruction, SymbolId,
    Term, TimeInForce,
};

const SEGMENT_BYTES: u64 = 32 << 10;
const BLOCK_BYTES: usize = 4 << 10;

/// A plan with small everything.
pub(crate) fn plan() -> Plan {
    let keepalive_ms = (100, 60_000);
    Plan {
        book: BookPlan { sessions_max: 4, ..BookPlan::for_orders(16) },
        session: SessionPlan {
            sessions_max: 4,
            connections_max: 4,
            keepalive_min_ms: keepalive_ms.0,
            keepalive_max_ms: keepalive_ms.1,
            establish_timeout_ms: 1_000,
            cod_window_max_ms: 60_000,
            idle_expiry_ms: 0,
            throttle_per_s: 0,
            throttle_burst: 1,
            needs_credentials: false,
        },
        retransmit: RetransmitPlan {
            pool_bytes: 8 * (8 << 10),
            chunk_bytes: 8 << 10,
            lag_max_bytes: 64 << 10,
        },
        journal: JournalPlan {
            segment_bytes: SEGMENT_BYTES,
            block_bytes_max: BLOCK_BYTES,
            blocks_in_flight_max: 2,
            seal_after_ms: 5,
            full_retry_ms: 20,
        },
        snapshot: SnapshotPlan { every_records: 100, keep: 2, retry_ms: 100 },
        reports: ReportStorePlan { bytes_max: 1 << 20, gather_bytes_max: 1 << 20, pages: 4 },
        ring: RingPlan {
            gateway_to_sequencer: 256,
            control_to_sequencer: 8,
            sequencer_to_journal: 1_024,
            sequencer_to_executor: 1_024,
            executor_to_egress: 1_024,
            gateway_to_egress: 256,
            egress_to_gateway: 256,
        },
        ack: AckRule::Local,
        lease_ms: 0,
    }
}

/// Negotiates session `n`.
pub(crate) fn negotiate(n: u64) -> Command {
    let body = NegotiateSession {
        uuid: uuid(n),
        conn: ConnId(n),
        timestamp: Nanos(1),
        key_id: 0,
        role: Role::Trade,
        reserved: [0; 7],
    };
    Command::negotiate(SessionSlot::NONE, SeqNo(0), &body)
}

/// An order that is answered by so many reports.
pub(crate) fn order(slot: u32, seq: u64, reports: u64) -> Command {
    let body = NewOrder {
        cl_ord_id: ClOrdId(u64::from(slot) << 32 | seq),
        price: Price(1),
        qty: Qty(reports),
        min_qty: Qty(0),
        display_qty: Qty(0),
        stop_px: Price::NULL,
        expire_time: Nanos(0),
        stp_id: 0,
        account: Account(0),
        symbol: SymbolId(1),
        side: Side::Buy,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Day,
        stp: StpInstruction::Default,
        exec_inst: 0,
        reserved: [0; 3],
        budget: 0,
    };
    Command::new_order(SessionSlot(slot), SeqNo(seq), &body)
}

type ShadowOf = Shadow<Tally, MemoryReader, MemoryFiles, Plain, fn() -> Tally>;

/// Hears nothing.
pub(crate) struct Deaf;

impl Outbox for Deaf {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, _report: Report) {}
}

/// A log, the machine that it stands for, and a shadow.
pub(crate) struct LogRig {
    pub(crate) plan: Plan,
    pub(crate) disk: MemoryDisk,
    journal: Journal<MemoryStore>,
    pub(crate) shadow: ShadowOf,
    /// What the log says, by a machine that nobody restored.
    pub(crate) truth: Sessioned<Tally>,
    pub(crate) durable: Watermark,
    pub(crate) floor: Watermark,
    pub(crate) shadowed: Watermark,
    pub(crate) snapshot: Watermark,
    pub(crate) asked: WatermarkWriter,
    pub(crate) news: Reader<ShadowNews>,
    pub(crate) fetches: Writer<Fetch>,
    pub(crate) fetched: Reader<Fetched>,
    records: Writer<LogRecord>,
    next: Index,
    pub(crate) now: Nanos,
}

impl LogRig {
    /// A new disk.
    pub(crate) fn new(plan: Plan) -> Self {
        let disk = MemoryDisk::new(plan.journal.segment_bytes);
        disk.set_pace(Pace::AtOnce);
        Self::over(plan, disk, 1, None, Sessioned::new(&super::plan().session, Tally::default()))
    }

    /// Goes on where the log ends. The truth is not taken from the disk.
    fn over(
        plan: Plan,
        disk: MemoryDisk,
        incarnation: u64,
        snapshot: Option<Index>,
        truth: Sessioned<Tally>,
    ) -> Self {
        let point = match snapshot {
            None => LogPoint::ORIGIN,
            Some(index) => {
                crate::snapshot::header(&mut disk.files(), index).expect("it is good").point
            }
        };
        let segment_bytes = plan.journal.segment_bytes;
        let scanned =
            recovery::scan(&mut disk.reader(), segment_bytes, &point, &mut |_| {}).unwrap();
        let start = scanned.start(incarnation).unwrap();
        let (durable_in, durable) = watermark(Position::default());
        let (intake_in, _) = watermark(Position::default());
        let (floor_in, floor) = watermark(Position::default());
        let (records, records_out) = ring(1_024);
        let links = JournalLinks {
            records: records_out,
            commit: durable.clone(),
            floor: floor.clone(),
            durable: durable_in,
            intake: intake_in,
        };
        let store = disk.store(plan.journal.blocks_in_flight_max + 1, BLOCK_BYTES);
        let journal = Journal::new(&plan.journal, store, start, links);
        let (asked, asked_out) = watermark(Position::default());
        let (shadowed_in, shadowed) = watermark(Position::default());
        let (snapshot_in, newest) = watermark(Position::default());
        let (news_in, news) = ring(crate::NEWS_MAX);
        let (fetches, fetches_out) = ring(plan.reports.pages.next_power_of_two());
        let (fetched_in, fetched) = ring(plan.reports.pages.next_power_of_two());
        let links = ShadowLinks {
            durable: durable.clone(),
            commit: durable.clone(),
            floor: floor_in,
            asked: asked_out,
            fetches: fetches_out,
            fetched: fetched_in,
            shadowed: shadowed_in,
            snapshot: snapshot_in,
            news: news_in,
        };
        let ports = ShadowPorts { log: disk.reader(), files: disk.files(), codec: Plain };
        let make: fn() -> Tally = Tally::default;
        let shadow = Shadow::new(&plan, snapshot, make, ports, links);
        let next = scanned.last.index.next();
        Self {
            plan,
            disk,
            journal,
            shadow,
            truth,
            durable,
            floor,
            shadowed,
            snapshot: newest,
            asked,
            news,
            fetches,
            fetched,
            records,
            next,
            now: Nanos(0),
        }
    }

    /// The process ends, and another one goes on with the disk as a crash of the host leaves it.
    pub(crate) fn restart(self, snapshot: Option<Index>) -> Self {
        let disk = self.disk.crash(1);
        self.restart_on(disk, snapshot)
    }

    /// As [`LogRig::restart`], on this disk.
    pub(crate) fn restart_on(self, disk: MemoryDisk, snapshot: Option<Index>) -> Self {
        let incarnation = self.next.0 + 10;
        disk.set_pace(Pace::AtOnce);
        Self::over(self.plan, disk, incarnation, snapshot, self.truth)
    }

    /// Where the next block goes.
    pub(crate) fn end(&self) -> Place {
        let segment_bytes = self.plan.journal.segment_bytes;
        let from = &LogPoint::ORIGIN;
        recovery::scan(&mut self.disk.reader(), segment_bytes, from, &mut |_| {}).unwrap().end
    }

    /// Logs a command.
    pub(crate) fn log(&mut self, command: Command) {
        let stamp = Stamp { index: self.next, term: Term(1), time: Nanos(self.next.0 * 1_000) };
        self.next = self.next.next();
        let record = LogRecord { stamp, command };
        self.truth.apply_whole(&record, &mut Deaf);
        while !self.records.has_room(1) {
            self.journal();
        }
        self.records.push(record);
    }

    /// Gives the journal its turns until it rests.
    pub(crate) fn journal(&mut self) {
        for _ in 0..50 {
            self.now.0 += 10_000;
            self.journal.duty_cycle(Now { mono: self.now, utc: self.now });
        }
        assert!(self.journal.fault().is_none());
    }

    /// Gives the shadow one turn.
    pub(crate) fn turn(&mut self) -> usize {
        self.shadow.duty_cycle(Now { mono: self.now, utc: self.now })
    }

    /// Until all that was logged is durable, and the shadow has come as far.
    pub(crate) fn settle(&mut self) {
        for _ in 0..10_000 {
            self.journal();
            let work = self.turn();
            if work == 0 && self.durable.read().index.next() == self.next {
                return;
            }
        }
        panic!("it never settles");
    }

    /// Everything that the shadow had to say.
    pub(crate) fn news(&mut self) -> Vec<ShadowNews> {
        core::iter::from_fn(|| self.news.pop()).collect()
    }
}
