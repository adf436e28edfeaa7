//! The store beside a model: every frame that a session was ever told, in a list.

use super::serve::Found;
use super::*;
use crate::fetch::{Fetch, Flow, Page};
use crate::session::Session;
use crate::snapshot::Plain;
use crate::testing::{report, uuid};
use gavel_journal::memory::{MemoryDisk, MemoryFiles, Random};
use gavel_types::{ConnId, Nanos, Stamp, Term};

const PLAN: ReportStorePlan =
    ReportStorePlan { bytes_max: 1 << 30, gather_bytes_max: 1 << 20, pages: 1 };

/// A store, what it was told, and the sessions' table as a machine would have it.
struct Bench {
    disk: MemoryDisk,
    files: MemoryFiles,
    store: ReportStore,
    sessions: Vec<Session>,
    /// By slot: every frame, from number 1.
    said: Vec<Vec<Vec<u8>>>,
    index: u64,
    page: Option<alloc::boxed::Box<Page>>,
}

impl Bench {
    fn new(plan: ReportStorePlan, sessions: u64) -> Self {
        let disk = MemoryDisk::new(4_096);
        let mut files = disk.files();
        let sessions = crate::testing::sessions(sessions);
        let store = ReportStore::open(plan, &mut files, &sessions, 0).unwrap();
        let said = sessions.iter().map(|_| Vec::new()).collect();
        Self { disk, files, store, sessions, said, index: 0, page: Some(Page::new()) }
    }

    /// The session is told something.
    fn tell(&mut self, slot: usize) {
        self.index += 1;
        let stamp = Stamp { index: Index(self.index), term: Term(1), time: Nanos(self.index) };
        let mut report = report(stamp, SessionSlot(slot as u32), self.index);
        report.number = self.sessions[slot].next_number;
        self.sessions[slot].next_number.0 += 1;
        let mut frame = [0; MAX_SERVER_FRAME_BYTES];
        let envelope = envelope();
        let bytes = server::encode_report(&[report], &envelope, &mut frame);
        server::reenvelope(&mut frame[..bytes], &envelope, true);
        self.said[slot].push(frame[..bytes].to_vec());
        self.store.gather(&report, &mut self.files, &mut Plain);
    }

    fn fetch(&mut self, slot: usize, from: u64, until: u64) -> (Found, Vec<u8>) {
        let mut fetch = Fetch {
            conn: ConnId(1),
            flow: Flow::Resend,
            slot: SessionSlot(slot as u32),
            uuid: uuid(slot as u64),
            from: ReportNo(from),
            until: ReportNo(until),
            begun: Index(0),
            released: Index(self.index),
            envelope: envelope(),
            page: self.page.take().unwrap(),
        };
        let found = self.store.fill(&mut fetch, &mut self.files, &mut Plain);
        let mut bytes = Vec::new();
        if found == Found::Filled {
            assert_eq!(fetch.page.first, ReportNo(from));
            assert!(fetch.page.end > fetch.page.first && fetch.page.end.0 <= until);
            bytes = fetch.page.frames().to_vec();
            let frames = &self.said[slot][from as usize - 1..fetch.page.end.0 as usize - 1];
            assert!(bytes == frames.concat(), "session {slot} from {from}");
        }
        self.page = Some(fetch.page);
        (found, bytes)
    }

    /// Fetches all that there is of a session, page by page; returns the oldest number.
    fn fetch_all(&mut self, slot: usize) -> u64 {
        let next = self.sessions[slot].next_number.0;
        let oldest = self.store.histories[slot].oldest().0;
        let mut from = oldest;
        while from < next {
            let (found, bytes) = self.fetch(slot, from, next);
            assert_eq!(found, Found::Filled, "session {slot}, {from} of {next}");
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let length = u32::from_be_bytes(*rest.first_chunk::<4>().unwrap());
                rest = &rest[length as usize..];
                from += 1;
            }
        }
        if oldest > 1 {
            assert_eq!(self.fetch(slot, oldest - 1, next).0, Found::Gone(ReportNo(oldest)));
        }
        assert_eq!(self.fetch(slot, next, next + 1).0, Found::Unknown);
        oldest
    }

    fn settle(&mut self) -> u64 {
        self.store.settle(&mut self.files, &mut Plain).unwrap()
    }

    /// Another process opens the store as it was with a snapshot of `sessions`.
    fn reopen(&mut self, sessions: Vec<Session>, last: u64) {
        for (said, session) in self.said.iter_mut().zip(&sessions) {
            said.truncate(session.next_number.0 as usize - 1);
        }
        self.files = self.disk.files();
        self.store = ReportStore::open(self.store.plan, &mut self.files, &sessions, last).unwrap();
        self.sessions = sessions;
    }
}

fn envelope() -> Envelope {
    Envelope {
        sender_term: gavel_types::Term(3),
        commit: Index(1_000_000),
        rule: AckRuleCode::Local,
    }
}

#[test]
fn all_that_was_said_is_there_on_the_disk_or_not_yet() {
    let mut bench = Bench::new(PLAN, 3);
    for n in 0..3_000 {
        bench.tell(if n % 10 == 0 { 1 } else { 0 });
    }
    assert!(bench.store.disk_bytes() > 100_000, "chunks that are full are written");
    assert_eq!((bench.fetch_all(0), bench.fetch_all(1), bench.fetch_all(2)), (1, 1, 1));
    let last = bench.settle();
    assert_eq!(last, 1);
    assert_eq!((bench.fetch_all(0), bench.fetch_all(1)), (1, 1));
    // Any range, within one page.
    for from in [1, 2, 299, 700, 2_699] {
        let (found, bytes) = bench.fetch(0, from, from + 2);
        assert_eq!((found, bytes.len()), (Found::Filled, 2 * bench.said[0][0].len()));
    }
}

#[test]
fn a_start_finds_what_the_snapshot_names_and_no_more() {
    let mut bench = Bench::new(PLAN, 2);
    for _ in 0..1_000 {
        bench.tell(0);
    }
    bench.tell(1);
    let last = bench.settle();
    let then = bench.sessions.clone();
    for _ in 0..1_000 {
        bench.tell(0);
    }
    let later = bench.settle();
    assert!(later > last);
    bench.reopen(then, last);
    assert_eq!((bench.fetch_all(0), bench.fetch_all(1)), (1, 1));
    let names = bench.disk.file_names();
    assert!(names.iter().all(|name| *name <= FileName::Reports(last)), "{names:?}");
    // And goes on as if nothing had been.
    for _ in 0..500 {
        bench.tell(0);
    }
    assert_eq!(bench.fetch_all(0), 1);
}

#[test]
fn the_oldest_go_first_and_the_bound_holds() {
    let plan = ReportStorePlan { bytes_max: 400_000, ..PLAN };
    let mut bench = Bench::new(plan, 2);
    bench.tell(1);
    let mut last = 0;
    for n in 0..20_000 {
        bench.tell(0);
        if n % 1_000 == 0 {
            last = bench.settle();
        }
        assert!(bench.store.disk_bytes() <= plan.bytes_max);
    }
    let on_disk: usize = bench
        .disk
        .file_names()
        .iter()
        .map(|name| bench.disk.file_bytes(*name).unwrap().len())
        .sum();
    assert_eq!(on_disk as u64, bench.store.disk_bytes());
    let oldest = bench.fetch_all(0);
    assert!(oldest > 10_000 && oldest < 18_500, "{oldest}");
    assert_eq!(bench.fetch(1, 1, 2).0, Found::Gone(ReportNo(2)), "old is old, also for the quiet");
    assert!(last > 0);
}

#[test]
fn many_quiet_sessions_are_bounded_in_memory_and_on_the_disk() {
    let plan = ReportStorePlan { gather_bytes_max: 10_000, bytes_max: 1 << 20, pages: 1 };
    let mut bench = Bench::new(plan, 200);
    for n in 0..40_000 {
        bench.tell(n % 200);
        assert!(bench.store.gathered_bytes <= plan.gather_bytes_max);
    }
    let chunks: usize = bench.store.histories.iter().map(|history| history.chunks.len()).sum();
    assert!(chunks as u64 <= plan.bytes_max / CHUNK_WEIGHT_MIN, "the index is bounded: {chunks}");
    for slot in [0, 7, 199] {
        bench.fetch_all(slot);
    }
}

#[test]
fn another_life_of_a_name_or_a_slot_has_a_history_of_its_own() {
    let mut bench = Bench::new(PLAN, 2);
    for _ in 0..100 {
        bench.tell(0);
    }
    bench.settle();
    // The session expires, and the same name is negotiated again.
    bench.sessions[0].next_number = ReportNo(1);
    bench.said[0].clear();
    bench.store.begin(SessionSlot(0), uuid(0));
    assert_eq!(bench.fetch(0, 50, 60).0, Found::Unknown);
    let last = bench.settle();
    bench.reopen(bench.sessions.clone(), last);
    assert_eq!(bench.fetch(0, 50, 60).0, Found::Unknown, "the earlier life stays forgotten");
    for _ in 0..10 {
        bench.tell(0);
    }
    let last = bench.settle();
    bench.reopen(bench.sessions.clone(), last);
    assert_eq!(bench.fetch_all(0), 1);
    assert_eq!(bench.said[0].len(), 10);
}

#[test]
fn a_damaged_chunk_is_found_out_and_takes_what_is_older_with_it() {
    let mut bench = Bench::new(PLAN, 1);
    for _ in 0..5_000 {
        bench.tell(0);
    }
    bench.settle();
    let chunks = bench.store.histories[0].chunks.clone();
    assert!(chunks.len() > 5);
    let bad = chunks[2];
    bench.disk.flip_file_bit(FileName::Reports(bad.file), bad.offset_bytes + 500, 3);
    assert_eq!(bench.fetch(0, 1, 5_000).0, Found::Filled);
    let after = bad.end();
    assert_eq!(bench.fetch(0, bad.first.0, 5_000).0, Found::Gone(after));
    assert!(bench.store.take_fault().unwrap().1.contains("damaged"));
    assert_eq!(bench.fetch_all(0), after.0);
}

#[test]
fn no_room_costs_the_oldest_first_and_then_whoever_is_told_something() {
    let plan = ReportStorePlan { bytes_max: 1 << 20, ..PLAN };
    let mut bench = Bench::new(plan, 1);
    for _ in 0..8_000 {
        bench.tell(0);
    }
    assert!(bench.store.files.len() >= 6);
    let oldest = bench.store.histories[0].oldest();
    // One failure: the oldest file makes room.
    bench.disk.fail_file_call_after(0, StoreFaultKind::Full);
    bench.store.flush_all(&mut bench.files, &mut Plain);
    assert!(bench.store.histories[0].oldest() > oldest);
    assert_eq!(bench.store.take_fault(), None);
    bench.fetch_all(0);
    // For good: what cannot be written is lost, and said to be.
    bench.disk.set_files_full(true);
    for _ in 0..2_000 {
        bench.tell(0);
    }
    let (sessions, why) = bench.store.take_fault().unwrap();
    assert!(sessions > 0 && !why.is_empty());
    assert!(bench.fetch_all(0) > oldest.0);
    bench.disk.set_files_full(false);
    for _ in 0..2_000 {
        bench.tell(0);
    }
    bench.fetch_all(0);
    let last = bench.settle();
    bench.reopen(bench.sessions.clone(), last);
    bench.fetch_all(0);
}

#[test]
fn what_a_failed_sync_was_for_is_not_trusted() {
    let mut bench = Bench::new(PLAN, 2);
    for _ in 0..1_000 {
        bench.tell(0);
    }
    bench.tell(1);
    bench.settle();
    for _ in 0..1_000 {
        bench.tell(0);
    }
    bench.store.flush_all(&mut bench.files, &mut Plain);
    bench.disk.fail_file_call_after(0, StoreFaultKind::Io);
    bench.store.settle(&mut bench.files, &mut Plain).unwrap_err();
    assert_eq!(bench.fetch_all(1), 1, "its reports were synced before");
    assert_eq!(bench.store.histories[0].oldest(), ReportNo(2_001));
    bench.tell(0);
    let last = bench.settle();
    bench.reopen(bench.sessions.clone(), last);
    assert_eq!((bench.fetch_all(0), bench.fetch_all(1)), (2_001, 1));
}

/// Everything at once: sessions told at random, snapshots, crashes of the host, every kind of fault
/// at any call. What is fetched is always what was said, in one row up to the newest; and with no
/// fault since the first snapshot, it is complete.
#[test]
fn what_is_fetched_is_what_was_said_whatever_happens() {
    for seed in 0..150 {
        let mut random = Random::new(seed);
        let faulty = random.one_in(2);
        let bytes_max = if random.one_in(2) { 150_000 } else { 1 << 30 };
        let gather_bytes_max = if random.one_in(2) { 5_000 } else { 1 << 20 };
        let mut bench = Bench::new(ReportStorePlan { bytes_max, gather_bytes_max, pages: 1 }, 3);
        // Snapshots that stand: the sessions then, and the last file.
        let mut snapshots = vec![(bench.sessions.clone(), 0)];
        for _ in 0..12 {
            if faulty && random.one_in(2) {
                let kind = [StoreFaultKind::Full, StoreFaultKind::Io][random.below(2)];
                bench.disk.fail_file_call_after(random.below(12) as u64, kind);
            }
            for _ in 0..random.below(900) {
                let slot = if random.one_in(5) { random.below(3) } else { 0 };
                bench.tell(slot);
            }
            if random.one_in(2)
                && let Ok(last) = bench.store.settle(&mut bench.files, &mut Plain)
            {
                snapshots.push((bench.sessions.clone(), last));
            }
            for slot in 0..3 {
                // A fault may strike while it is read, too.
                let fetchable = !faulty;
                let complete = bytes_max > 1 << 20 && fetchable;
                if fetchable {
                    let oldest = bench.fetch_all(slot);
                    assert!(!complete || oldest == 1, "seed {seed}: from {oldest}");
                }
            }
            if random.one_in(3) {
                bench.disk.fail_file_call_after(u64::MAX, StoreFaultKind::Io);
                bench.disk = bench.disk.crash(random.word());
                // The newest snapshot, or an older one; the newer ones are never seen again.
                let at = snapshots.len() - 1 - random.below(snapshots.len().min(2));
                snapshots.truncate(at + 1);
                let (sessions, last) = snapshots[at].clone();
                bench.reopen(sessions, last);
                bench.files.sync_directory().unwrap();
                for slot in 0..3 {
                    let oldest = bench.fetch_all(slot);
                    assert!(faulty || bytes_max < 1 << 20 || oldest == 1, "seed {seed}");
                }
            }
        }
    }
}
