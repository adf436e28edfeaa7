//! Egress beside a real report store: what clients receive, byte by byte, whatever they read and
//! whatever falls out of the windows meanwhile.

use super::*;
use crate::fetch::{Answer, Fetch, Fetched};
use crate::shadow::store::{Found, ReportStore};
use crate::snapshot::Plain;
use crate::testing::{plan, report, sessions, uuid};
use gavel_contract::{Deadline, Sent};
use gavel_journal::memory::{MemoryDisk, MemoryFiles, Random};
use gavel_link::{Position, WatermarkWriter, ring, watermark};
use gavel_types::{
    EstablishmentAccepted, Index, ReportNo, RetransmitRejectCode, SeqNo, SessionSlot, Stamp, Term,
};
use gavel_wire::client::RetransmitRequest;
use gavel_wire::frame::split_server;
use gavel_wire::server::{ServerMessage, decode};
use std::sync::{Arc, Mutex};

const MS: u64 = 1_000_000;
const SESSIONS: u64 = 4;

/// The connection of a session's client.
fn conn_of(session: u64) -> ConnId {
    ConnId(1 << 32 | session)
}

/// What one client's socket takes, and has taken.
#[derive(Clone, Debug, Default)]
struct Socket {
    room: usize,
    bytes: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Wire(Arc<Mutex<Vec<Socket>>>);

impl Port for Wire {
    fn send(&mut self, conn: ConnId, bytes: &[u8], _: Deadline) -> Sent {
        let socket = &mut self.0.lock().unwrap()[conn.0 as u32 as usize];
        let taken = bytes.len().min(socket.room);
        socket.room -= taken;
        socket.bytes.extend_from_slice(&bytes[..taken]);
        if taken == 0 { Sent::Full } else { Sent::Bytes(taken) }
    }

    fn finish(&mut self, _: ConnId) {}
}

/// What a client was sent, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Got {
    Report { number: u64, resent: bool },
    Retransmission { from: u64, count: u64 },
    Reject { oldest: u64, code: RetransmitRejectCode },
    Sequence { next: u64 },
    Other,
}

struct Bench {
    egress: Egress<Wire>,
    wire: Wire,
    reports: Writer<Report>,
    requests: Writer<ToEgress>,
    events: Reader<FromEgress>,
    release: WatermarkWriter,
    fetches: Reader<Fetch>,
    fetched: Writer<Fetched>,
    files: MemoryFiles,
    store: ReportStore,
    /// By session: the next number.
    next: Vec<u64>,
    index: u64,
    now: Nanos,
}

impl Bench {
    /// Windows of 16 KiB a session at least, hundreds of reports; the store as the plan says.
    fn new(plan: &Plan) -> Self {
        let (reports, reports_out) = ring(4_096);
        let (requests, requests_out) = ring(64);
        let (events_in, events) = ring(64);
        let (release, release_out) = watermark(Position::default());
        let (fetches_in, fetches) = ring(plan.reports.pages.next_power_of_two());
        let (fetched, fetched_out) = ring(plan.reports.pages.next_power_of_two());
        let stored = FetchLinks { fetches: fetches_in, fetched: fetched_out };
        let links = EgressLinks {
            reports: reports_out,
            requests: requests_out,
            events: events_in,
            release: release_out,
            stored: (plan.reports.bytes_max > 0).then_some(stored),
        };
        let wire = Wire(Arc::new(Mutex::new(vec![Socket::default(); SESSIONS as usize])));
        let run = TermRun { term: Term(1), first_index: Index(1) };
        let start = EgressStart { sender_term: Term(1), term_runs: vec![run] };
        let egress = Egress::new(plan, links, wire.clone(), start);
        let mut files = MemoryDisk::new(4_096).files();
        let store = ReportStore::open(plan.reports, &mut files, &sessions(SESSIONS), 0).unwrap();
        Self {
            egress,
            wire,
            reports,
            requests,
            events,
            release,
            fetches,
            fetched,
            files,
            store,
            next: vec![1; SESSIONS as usize],
            index: 0,
            now: Nanos(0),
        }
    }

    fn stamp(&mut self) -> Stamp {
        self.index += 1;
        Stamp { index: Index(self.index), term: Term(1), time: Nanos(self.index) }
    }

    fn establish(&mut self, session: u64) {
        let body = EstablishmentAccepted {
            uuid: uuid(session),
            conn: conn_of(session),
            timestamp: Nanos(1),
            next_number: ReportNo(self.next[session as usize]),
            expected_seq: SeqNo(1),
            client_next_seq: SeqNo(1),
            keepalive_ms: 1_000_000,
            finished: 0,
            reserved: [0; 3],
        };
        let stamp = self.stamp();
        let slot = SessionSlot(session as u32);
        self.reports.push(Report::establishment_accepted(stamp, slot, &body));
        while self.cycle() > 0 {}
    }

    /// The machine says so much to a session; the shadow hears it too.
    fn tell(&mut self, session: u64, count: u64) {
        for _ in 0..count {
            let stamp = self.stamp();
            let mut report = report(stamp, SessionSlot(session as u32), self.index);
            report.number = ReportNo(self.next[session as usize]);
            self.next[session as usize] += 1;
            self.store.gather(&report, &mut self.files, &mut Plain);
            self.reports.push(report);
            if !self.reports.has_room(1) {
                self.release();
                self.egress.take_reports(self.now);
            }
        }
    }

    fn release(&mut self) {
        self.release.raise(Position { generation: 0, index: Index(self.index) });
    }

    /// A turn; returns how much there was to do.
    fn cycle(&mut self) -> usize {
        self.release();
        self.now.0 += MS;
        self.egress.duty_cycle(Now { mono: self.now, utc: self.now })
    }

    /// The shadow's turn: it fills every page that it was sent.
    fn shadow(&mut self) -> usize {
        let mut pages = 0;
        while let Some(mut fetch) = self.fetches.pop() {
            let found = self.store.fill(&mut fetch, &mut self.files, &mut Plain);
            let answer = match found {
                Found::Filled => Answer::Filled,
                Found::Gone(oldest) => Answer::Gone { oldest },
                Found::Unknown => Answer::Gone { oldest: fetch.until },
            };
            let Fetch { conn, flow, page, .. } = fetch;
            self.fetched.push(Fetched { conn, flow, page, answer });
            pages += 1;
        }
        pages
    }

    fn ask(&mut self, session: u64, from: u64, count: u64) {
        let request = RetransmitRequest {
            uuid: uuid(session),
            timestamp: Nanos(7),
            from: ReportNo(from),
            count,
        };
        self.requests.push(ToEgress::Retransmit { conn: conn_of(session), request });
    }

    fn give_room(&mut self, session: u64, bytes: usize) {
        self.wire.0.lock().unwrap()[session as usize].room += bytes;
    }

    /// Turns for all, until nothing moves any more.
    fn settle(&mut self) {
        for session in 0..SESSIONS {
            self.give_room(session, 1 << 30);
        }
        while self.cycle() + self.shadow() > 0 {}
    }

    /// What the client was sent so far; it forgets it.
    fn got(&mut self, session: u64) -> Vec<Got> {
        let bytes = std::mem::take(&mut self.wire.0.lock().unwrap()[session as usize].bytes);
        let mut rest = &bytes[..];
        let mut got = Vec::new();
        while let Some(frame) = split_server(rest).expect("frames are whole") {
            rest = &rest[frame.whole_bytes..];
            got.push(match decode(&frame).expect("every frame has a meaning") {
                ServerMessage::Sequenced(sequenced) => {
                    Got::Report { number: sequenced.number.0, resent: sequenced.poss_resend }
                }
                ServerMessage::Retransmission { next, count, timestamp, .. } => {
                    assert_eq!(timestamp, Nanos(7));
                    Got::Retransmission { from: next.0, count }
                }
                ServerMessage::RetransmitReject { oldest, code, .. } => {
                    Got::Reject { oldest: oldest.0, code }
                }
                ServerMessage::Sequence { next } => Got::Sequence { next: next.0 },
                _ => Got::Other,
            });
        }
        assert!(rest.is_empty(), "no half of a frame is left");
        got
    }

    /// Pages that are in nobody's hands, nor on their way.
    fn is_cut_off(&mut self, session: u64) -> bool {
        let told: Vec<FromEgress> = core::iter::from_fn(|| self.events.pop()).collect();
        told.iter().any(
            |event| matches!(event, FromEgress::Stuck { conn, .. } if *conn == conn_of(session)),
        )
    }
}

fn reports(from: u64, until: u64, resent: bool) -> impl Iterator<Item = Got> {
    (from..until).map(move |number| Got::Report { number, resent })
}

fn small() -> Plan {
    let mut plan = plan();
    plan.session.sessions_max = SESSIONS as u32;
    plan.reports.bytes_max = 64 << 20;
    plan
}

#[test]
fn what_the_window_lost_comes_out_of_the_store_and_the_rest_out_of_the_window() {
    let mut bench = Bench::new(&small());
    bench.tell(0, 5_000);
    bench.settle();
    assert!(bench.egress.windows.oldest(SessionSlot(0)) > ReportNo(4_000));
    bench.establish(0);
    bench.settle();
    bench.got(0);
    bench.ask(0, 1, 5_000);
    bench.settle();
    let mut expected = vec![Got::Retransmission { from: 1, count: 5_000 }];
    expected.extend(reports(1, 5_001, true));
    expected.push(Got::Sequence { next: 5_001 });
    assert_eq!(bench.got(0), expected);
    // And the live flow goes on.
    bench.tell(0, 3);
    bench.settle();
    assert_eq!(bench.got(0), reports(5_001, 5_004, false).collect::<Vec<_>>());
    assert_eq!(bench.egress.pages.free.len(), small().reports.pages, "every page is back");
}

#[test]
fn too_old_is_answered_with_the_oldest_number_that_there_is() {
    let mut plan = small();
    plan.reports.bytes_max = 256 << 10;
    let mut bench = Bench::new(&plan);
    bench.tell(0, 20_000);
    bench.establish(0);
    bench.settle();
    bench.got(0);
    bench.ask(0, 1, 10);
    bench.settle();
    let got = bench.got(0);
    let [Got::Reject { oldest, code: RetransmitRejectCode::OutOfRange }] = got[..] else {
        panic!("{got:?}")
    };
    assert!(oldest > 10_000 && oldest < 19_500, "{oldest}");
    bench.ask(0, oldest, 20_001 - oldest);
    bench.settle();
    let got = bench.got(0);
    assert_eq!(got.len() as u64, 20_001 - oldest + 2, "that one, and all behind it");
    bench.ask(0, 20_000, 2);
    bench.settle();
    assert!(
        matches!(bench.got(0)[..], [Got::Reject { .. }]),
        "what was not sent is not sent again"
    );
}

#[test]
fn without_a_store_the_window_is_all_there_is() {
    let mut plan = small();
    plan.reports.bytes_max = 0;
    let mut bench = Bench::new(&plan);
    bench.tell(0, 5_000);
    bench.establish(0);
    bench.settle();
    bench.got(0);
    bench.ask(0, 1, 10);
    bench.settle();
    let oldest = bench.egress.windows.oldest(SessionSlot(0)).0;
    let code = RetransmitRejectCode::OutOfRange;
    assert_eq!(bench.got(0), [Got::Reject { oldest, code }]);
}

#[test]
fn a_live_flow_that_had_to_wait_goes_on_without_a_gap_although_the_window_lost_it() {
    let mut bench = Bench::new(&small());
    bench.tell(0, 3_000);
    bench.establish(0);
    bench.settle();
    bench.got(0);
    bench.ask(0, 1, 3_000);
    bench.wire.0.lock().unwrap()[0].room = 0;
    bench.cycle();
    bench.shadow();
    bench.cycle();
    // It reads slowly, and meanwhile it is told far more than the windows hold.
    for _ in 0..40 {
        bench.give_room(0, 2_000);
        bench.tell(0, 200);
        bench.cycle();
        bench.shadow();
    }
    assert!(bench.egress.windows.oldest(SessionSlot(0)) > ReportNo(9_000));
    assert!(!bench.is_cut_off(0), "its lag is not its fault");
    bench.settle();
    let got = bench.got(0);
    let mut expected = vec![Got::Retransmission { from: 1, count: 3_000 }];
    expected.extend(reports(1, 3_001, true));
    expected.push(Got::Sequence { next: 3_001 });
    expected.extend(reports(3_001, 11_001, false));
    assert_eq!(got.len(), expected.len());
    assert!(got == expected, "every report once, in order");
    // It has caught up: from here on it is held to its lag again.
    assert!(!bench.egress.conns[0].is_catching_up || bench.egress.conns[0].behind.is_none());
    bench.tell(0, 1);
    bench.settle();
    assert!(!bench.egress.conns[0].is_catching_up);
}

#[test]
fn who_reads_nothing_is_cut_off_catching_up_or_not() {
    let mut bench = Bench::new(&small());
    bench.tell(0, 3_000);
    bench.establish(0);
    bench.establish(1);
    bench.settle();
    for socket in bench.wire.0.lock().unwrap().iter_mut() {
        socket.room = 0;
    }
    bench.ask(0, 1, 3_000);
    bench.cycle();
    bench.shadow();
    // Session 1 is told more than its lag may be; session 0 waits for its resend.
    bench.tell(1, 600);
    for _ in 0..3 {
        bench.cycle();
        bench.shadow();
    }
    assert!(bench.is_cut_off(1));
    for _ in 0..4_900 {
        bench.cycle();
        bench.shadow();
    }
    assert!(!bench.is_cut_off(0));
    for _ in 0..200 {
        bench.cycle();
        bench.shadow();
    }
    assert!(bench.is_cut_off(0), "nothing taken for five seconds");
    bench.shadow();
    bench.cycle();
    assert_eq!(bench.egress.pages.free.len(), small().reports.pages, "every page is back");
}

#[test]
fn who_does_not_read_his_page_gives_it_to_those_who_do() {
    let mut plan = small();
    plan.reports.pages = 1;
    let mut bench = Bench::new(&plan);
    for session in 0..2 {
        bench.tell(session, 3_000);
        bench.establish(session);
    }
    bench.settle();
    for session in 0..2 {
        bench.got(session);
        bench.wire.0.lock().unwrap()[session as usize].room = 0;
    }
    bench.ask(0, 1, 3_000);
    bench.cycle();
    bench.shadow();
    bench.cycle();
    bench.ask(1, 1, 3_000);
    // Session 0 stands in the middle of a frame, with the only page.
    bench.give_room(0, 1_001);
    for _ in 0..400 {
        bench.give_room(1, 100_000);
        bench.cycle();
        bench.shadow();
    }
    let got = bench.got(1);
    assert_eq!(got.len(), 3_002, "the reader has it all");
    bench.settle();
    let mut expected = vec![Got::Retransmission { from: 1, count: 3_000 }];
    expected.extend(reports(1, 3_001, true));
    expected.push(Got::Sequence { next: 3_001 });
    assert!(bench.got(0) == expected, "and the slow one too, in the end, each byte once");
}

#[test]
fn a_connection_that_is_let_go_gives_back_its_page_wherever_it_is() {
    for held in [false, true] {
        let mut bench = Bench::new(&small());
        bench.tell(0, 3_000);
        bench.establish(0);
        bench.settle();
        bench.wire.0.lock().unwrap()[0].room = 0;
        bench.ask(0, 1, 3_000);
        bench.cycle();
        if held {
            bench.shadow();
            bench.cycle();
        }
        let (uuid, code) = (uuid(0), TerminationCode::Finished);
        bench.requests.push(ToEgress::Close { conn: conn_of(0), uuid, code });
        for _ in 0..2_000 {
            bench.cycle();
        }
        let told: Vec<FromEgress> = core::iter::from_fn(|| bench.events.pop()).collect();
        assert!(told.contains(&FromEgress::Released { conn: conn_of(0) }));
        bench.shadow();
        bench.cycle();
        assert_eq!(bench.egress.pages.free.len(), small().reports.pages);
    }
}

#[test]
fn a_heartbeat_goes_out_while_old_reports_are_looked_for() {
    let mut bench = Bench::new(&small());
    bench.tell(0, 3_000);
    bench.establish(0);
    bench.settle();
    bench.got(0);
    bench.ask(0, 1, 10);
    bench.cycle();
    // The shadow takes its time.
    bench.now.0 += 1_000_000 * MS;
    for _ in 0..10 {
        bench.cycle();
    }
    assert_eq!(bench.got(0), [Got::Sequence { next: 3_001 }]);
    bench.tell(0, 2);
    bench.cycle();
    assert_eq!(bench.got(0), reports(3_001, 3_003, false).collect::<Vec<_>>(), "and what is new");
    bench.settle();
    assert_eq!(bench.got(0).len(), 12);
}

/// Random readers, random requests, a random shadow: each client gets its live flow once and in
/// order, and each retransmission whole, in order, and marked; or it is cut off.
#[test]
fn every_byte_comes_once_and_in_its_place_whatever_is_read_when() {
    for seed in 0..150 {
        let mut random = Random::new(seed);
        let mut plan = small();
        plan.reports.pages = 1 << random.below(3);
        plan.retransmit.lag_max_bytes = 1 << 30;
        let mut bench = Bench::new(&plan);
        let mut asked = vec![None; SESSIONS as usize];
        let mut first = vec![0; SESSIONS as usize];
        for session in 0..SESSIONS {
            bench.tell(session, random.below(3_000) as u64);
            first[session as usize] = bench.next[session as usize];
            bench.establish(session);
        }
        for _ in 0..150 {
            let session = random.below(SESSIONS as usize) as u64;
            let at = session as usize;
            match random.below(6) {
                0 => {
                    let count = random.below(300) as u64;
                    bench.tell(session, count);
                }
                1 if asked[at].is_none() => {
                    // Of what was there when it connected: it was sent, if not on this one.
                    let end = first[at];
                    let from = 1 + random.below(end as usize) as u64;
                    let count = random.below((end - from + 1) as usize) as u64;
                    if count > 0 {
                        bench.ask(session, from, count);
                        asked[at] = Some((from, count));
                    }
                }
                2 => drop(bench.shadow()),
                _ => {
                    let bytes = [1, 50, 1_000, 40_000][random.below(4)];
                    bench.give_room(session, bytes);
                    bench.cycle();
                }
            }
        }
        bench.settle();
        for session in 0..SESSIONS {
            let at = session as usize;
            if bench.egress.conns[at].state != LinkState::Open {
                continue; // It was cut off: in the middle of a frame that the window lost.
            }
            let got = bench.got(session);
            let live: Vec<Got> = got
                .iter()
                .copied()
                .filter(|g| matches!(g, Got::Report { resent: false, .. }))
                .collect();
            let expected: Vec<Got> = reports(first[at], bench.next[at], false).collect();
            assert!(live == expected, "seed {seed}, session {session}: the live flow");
            let again: Vec<Got> = got
                .iter()
                .copied()
                .filter(|g| matches!(g, Got::Report { resent: true, .. }))
                .collect();
            let expected: Vec<Got> = asked[at]
                .map_or(vec![], |(from, count)| reports(from, from + count, true).collect());
            assert!(again == expected, "seed {seed}, session {session}: {:?}", asked[at]);
        }
        assert_eq!(bench.egress.pages.free.len(), plan.reports.pages, "seed {seed}");
    }
}
