//! Logs of released versions, as files: they are read for ever, and what is written today is what
//! was released.
//!
//! `testdata/v1` and its like hold a directory of segments for each case, and beside it a text that
//! says what is read from it. Nothing here writes them but the test `write_fixtures`, which does
//! nothing unless it is asked to, and replaces nothing: a case that changes has become another
//! version, with a directory of its own. For a new case:
//!
//! ```text
//! GAVEL_WRITE_FIXTURES=1 cargo test -p gavel-journal write_fixtures
//! ```

use super::{Rig, records_of, scan_from};
use crate::format::{DurableMark, LogEnd};
use crate::journal::LogTurn;
use crate::memory::MemoryDisk;
use crate::recovery::{LogPoint, LogPointBytes, Recovered, Step, scan_member};
use crate::tail::Tail;
use gavel_contract::{JournalPlan, LogReader, SegmentNo};
use gavel_types::{Index, LogRecord};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use zerocopy::{FromBytes, IntoBytes};

const SEGMENT: u64 = 8 * 1_024;

const PLAN: JournalPlan = JournalPlan {
    segment_bytes: SEGMENT,
    block_bytes_max: 4 * 1_024,
    blocks_in_flight_max: 2,
    seal_after_ms: 5,
    full_retry_ms: 20,
};

/// A log, and where it is read from.
struct Case {
    name: &'static str,
    /// The newest version of its blocks.
    version: u16,
    disk: MemoryDisk,
    from: LogPoint,
}

fn folder(version: u16) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(format!("v{version}"))
}

/// A journal that has written blocks of so many records each.
fn written(blocks: &[u64]) -> Rig {
    let mut rig = Rig::fresh(&PLAN);
    rig.settle();
    let mut next = 1;
    for records in blocks {
        rig.push(&records_of(next, *records));
        rig.settle();
        next += records;
    }
    rig
}

fn cases() -> Vec<Case> {
    let from = LogPoint::ORIGIN;
    let case = |name, disk: &MemoryDisk| Case { name, version: 1, disk: disk.crash(0), from };
    let torn = written(&[4, 3, 40]);
    torn.disk.overwrite(SegmentNo(2), 2 * 512, &[0; 512]);
    let mut sealed = written(&[2, 5]);
    sealed.cycle(6_000_000);
    sealed.settle();
    let mut cases = vec![
        case("empty", &written(&[]).disk),
        case("one_block", &written(&[5]).disk),
        case("segments", &written(&[3, 1, 20, 2, 2]).disk),
        case("sealed", &sealed.disk),
        case("torn", &torn.disk),
    ];
    let found = cases[4].scan().0;
    let start = found.start(2).expect("a new start");
    let mut gone_on = Rig::new(&PLAN, &cases[4].disk.crash(0), start);
    gone_on.push(&records_of(found.end.index.0, 2));
    gone_on.settle();
    cases.push(case("gone_on_after_a_cut", &gone_on.disk));
    cases.push(recycled());
    cases.push(Case { version: 2, ..case("turned", &turned().disk) });
    cases.push(Case { version: 2, ..case("mended", &mended().disk) });
    cases
}

/// Seven records, cut to four, two more; and then on behind a snapshot.
fn turned() -> Rig {
    let left = written(&[3, 4]).disk.crash(0);
    let found = scan_from(&left, SEGMENT, &LogPoint::ORIGIN).expect("a log that is served").0;
    let mut rig = Rig::new(&PLAN, &left, found.start(2).expect("a new start"));
    let (mut turns, reader) = gavel_link::ring(4);
    rig.journal.follow_turns(reader);
    let last = records_of(4, 1)[0].stamp;
    turns.push(LogTurn { after_records: 0, last, behind_snapshot: false });
    rig.push(&records_of(5, 2));
    rig.settle();
    let last = records_of(90, 1)[0].stamp;
    turns.push(LogTurn { after_records: 2, last, behind_snapshot: true });
    rig.push(&records_of(91, 1));
    rig.settle();
    rig
}

/// The second of three blocks was damaged, and the log went on before it.
fn mended() -> Rig {
    let rig = written(&[3, 4, 2]);
    rig.disk.flip_bit(SegmentNo(1), 4_096 + 200, 3);
    let damaged =
        Case { name: "damaged", version: 2, disk: rig.disk.crash(0), from: LogPoint::ORIGIN };
    let found = damaged.scan().0;
    let floor = found.damaged.and_then(|damage| damage.floor).expect("it is told");
    let start = found.start_unsure(2, floor).expect("a new start");
    let mut mended = Rig::new(&PLAN, &damaged.disk, start);
    mended.push(&records_of(4, 1));
    mended.settle();
    mended
}

/// The first of five segments is the spare one behind them, the second is gone.
fn recycled() -> Case {
    let rig = written(&[3, 1, 20, 2, 6, 1, 1, 1]);
    let mut tail = Tail::new(rig.disk.reader(), SEGMENT, LogPoint::ORIGIN);
    while tail.point().end.segment.0 < 3 {
        tail.next(Index(35), &mut |_| ()).expect("a good log").expect("more of it");
    }
    let disk = rig.disk.crash(0);
    let last = disk.reader().segments().expect("it can be listed").pop().expect("segments");
    disk.put_segment(last.segment, disk.bytes(SegmentNo(1)));
    disk.drop_segment(SegmentNo(1));
    disk.drop_segment(SegmentNo(2));
    Case { name: "recycled", version: 1, disk, from: tail.point() }
}

impl Case {
    fn scan(&self) -> (Recovered, Vec<LogRecord>) {
        if self.version == 1 {
            return scan_from(&self.disk, SEGMENT, &self.from).expect("a log that is served");
        }
        let (mut records, vouched) = (Vec::<LogRecord>::new(), DurableMark::default());
        let found =
            scan_member(&mut self.disk.reader(), SEGMENT, &self.from, &vouched, &mut |step| {
                match step {
                    Step::Record(record) => records.push(*record),
                    Step::Turn { behind_snapshot: true, .. } => records.clear(),
                    Step::Turn { last, .. } => records.retain(|r| r.stamp.index <= last.index),
                }
            });
        (found.expect("a log that is served"), records)
    }

    /// What is read, in words.
    fn text(&self) -> String {
        let (found, records) = self.scan();
        let from: String =
            LogPointBytes::from(&self.from).as_bytes().iter().map(|b| format!("{b:02x}")).collect();
        let mut text = format!("from {from}\n");
        let Recovered { end, chain, incarnation, last, marked, commit, .. } = &found;
        let _ = writeln!(text, "ends before {end}");
        let _ = writeln!(text, "chain {chain:016x}, incarnation {incarnation}");
        let (index, term, time) = (last.index, last.term, last.time);
        let _ = writeln!(text, "last record {index}, term {term}, time {time}");
        let _ = writeln!(text, "marked {}.{}, commit {commit}", marked.generation, marked.index);
        let Recovered { blocks, seals, records: count, segments, spare_segments, .. } = &found;
        let _ = writeln!(text, "{blocks} blocks, {seals} seals, {count} records");
        let _ = writeln!(text, "{segments} segments, {spare_segments} spare");
        if found.floor > LogEnd::ORIGIN {
            let LogEnd { term, index } = found.floor;
            let _ = writeln!(text, "unsure up to {index} of term {term}");
        }
        let _ = writeln!(text, "{}", found.cut.map_or("no cut".into(), |cut| cut.to_string()));
        for LogRecord { stamp, command } in records {
            let crc = crc32c::crc32c(command.body.as_slice());
            let _ = writeln!(
                text,
                "{} {} {}: session {} number {} kind {} length {} crc {crc:08x}",
                stamp.index,
                stamp.term,
                stamp.time,
                command.session.0,
                command.client_seq.0,
                command.kind,
                command.len
            );
        }
        text
    }

    fn segments(&self) -> Vec<(String, Vec<u8>)> {
        let listed = self.disk.reader().segments().expect("it can be listed");
        let name = |segment: SegmentNo| format!("wal-{:016x}.seg", segment.0);
        listed.iter().map(|info| (name(info.segment), self.disk.bytes(info.segment))).collect()
    }

    /// The case as it lies in the repository.
    fn stored(name: &'static str, version: u16) -> Self {
        let disk = MemoryDisk::new(SEGMENT);
        for entry in std::fs::read_dir(folder(version).join(name)).expect("the case is there") {
            let path = entry.expect("it can be listed").path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
            let digits = stem.strip_prefix("wal-").expect("a segment's name");
            let number = u64::from_str_radix(digits, 16).expect("a segment's number");
            disk.put_segment(SegmentNo(number), std::fs::read(&path).expect("it can be read"));
        }
        let text = stored_text(name, version);
        let from = text.lines().next().and_then(|line| line.strip_prefix("from "));
        let hex = from.expect("the text begins with a point");
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits");
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        let bytes = LogPointBytes::read_from_bytes(&bytes).expect("the bytes of a point");
        Self { name, version, disk, from: LogPoint::try_from(&bytes).expect("a point") }
    }
}

fn stored_text(name: &str, version: u16) -> String {
    std::fs::read_to_string(folder(version).join(format!("{name}.txt"))).expect("the text is there")
}

#[test]
fn logs_of_every_released_version_are_read() {
    for case in cases() {
        let stored = Case::stored(case.name, case.version);
        assert_eq!(stored.text(), stored_text(case.name, case.version), "{}", case.name);
    }
}

#[test]
fn a_log_is_written_as_the_version_that_it_names_was_released() {
    for case in cases() {
        let stored = Case::stored(case.name, case.version);
        assert_eq!(case.segments().len(), stored.segments().len(), "{}", case.name);
        for (now, then) in case.segments().iter().zip(stored.segments()) {
            assert!(
                *now == then,
                "{} of {} is written otherwise: raise the version",
                now.0,
                case.name
            );
        }
    }
    assert_eq!(crate::format::FORMAT_VERSION, 2, "a version has cases of its own");
}

#[test]
fn a_torn_case_is_torn_and_a_recycled_one_holds_old_blocks() {
    assert!(Case::stored("torn", 1).scan().0.cut.is_some());
    let recycled = Case::stored("recycled", 1);
    let spare = recycled.scan().0.spare_segments;
    assert_eq!(spare, 1);
    let (_, bytes) = recycled.segments().pop().expect("segments");
    assert!(matches!(crate::format::probe(&bytes), crate::format::Probe::Header(fields)
        if fields.name.block_seq == 1));
}

#[test]
fn write_fixtures() {
    if std::env::var_os("GAVEL_WRITE_FIXTURES").is_none() {
        println!("SKIPPED: nobody asked for the fixtures of a new case (GAVEL_WRITE_FIXTURES)");
        return;
    }
    for case in cases() {
        let place = folder(case.version).join(case.name);
        if place.exists() {
            println!("{} is there, and stays as it is", place.display());
            continue;
        }
        std::fs::create_dir_all(&place).expect("a folder");
        for (name, bytes) in case.segments() {
            std::fs::write(place.join(name), bytes).expect("a segment");
        }
        let text = folder(case.version).join(format!("{}.txt", case.name));
        std::fs::write(text, case.text()).expect("a text");
    }
}
