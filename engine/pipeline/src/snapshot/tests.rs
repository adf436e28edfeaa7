//! The file, byte by byte; and a disk that fails.

use super::format::{HEADER_BYTES, Mark};
use super::*;
use crate::configuration;
use crate::session::Sessioned;
use crate::shadow::NoTime;
use crate::testing::{Deaf, Tally, negotiate, plan};
use gavel_contract::{Machine, Progress, StoreFaultKind};
use gavel_journal::memory::MemoryDisk;
use gavel_journal::recovery::LogPoint;
use gavel_types::{Command, LogRecord, Nanos, Stamp, Term};
use zerocopy::IntoBytes;

/// A machine whose state is about so many words.
fn machine(words: usize) -> Sessioned<Tally> {
    let orders = (0..words as u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
    let mut machine = Sessioned::new(&plan().session, Tally { orders, ..Tally::default() });
    for index in 1..=7 {
        let stamp = Stamp { index: Index(index), term: Term(1), time: Nanos(index) };
        let command = if index == 1 { negotiate(0) } else { Command::tick() };
        let record = LogRecord { stamp, command };
        assert_eq!(machine.apply(&record, &mut Deaf), Progress::Done);
    }
    machine
}

fn header_of(machine: &Sessioned<Tally>) -> Header {
    let mut point = LogPoint::ORIGIN;
    point.last = Stamp { index: machine.applied(), term: Term(1), time: Nanos(7) };
    point.end.index = machine.applied().next();
    (point.end.block_seq, point.end.offset_bytes) = (3, 8_192);
    Header {
        configuration: configuration(&plan()),
        node_digest: machine.node_digest(),
        book_digest: machine.book_digest(),
        point,
        reports_file: 4,
        live_orders: 1,
        sessions: 2,
        codec: 0,
    }
}

fn written(machine: &Sessioned<Tally>) -> MemoryDisk {
    let disk = MemoryDisk::new(4_096);
    let header = header_of(machine);
    write(&mut disk.files(), &mut Plain, &header, |_, _| (), |sink| machine.save(sink)).unwrap();
    disk
}

const NAME: FileName = FileName::Snapshot(Index(7));

fn restored(disk: &MemoryDisk) -> Result<Sessioned<Tally>, BadSnapshot> {
    let mut machine = Sessioned::new(&plan().session, Tally::default());
    let given = configuration(&plan());
    restore(&mut disk.files(), &mut Plain, Index(7), given, &mut machine, &NoTime)?;
    Ok(machine)
}

#[test]
fn a_state_comes_back_whatever_its_length() {
    // Less than a chunk, about one, several: the sessions' part makes up the odd bytes.
    let chunk = CHUNK_BYTES / 8;
    for words in [0, 1, 100, chunk - 8, chunk - 4, chunk - 3, chunk, 3 * chunk + 17] {
        let machine = machine(words);
        let disk = written(&machine);
        let again = restored(&disk).unwrap();
        assert_eq!(again.node_digest(), machine.node_digest());
        assert_eq!(again.machine().orders, machine.machine().orders);
        let contents = check(&mut disk.files(), &mut Plain, Index(7)).unwrap();
        assert_eq!(contents.header, header_of(&machine));
        assert_eq!(contents.file_bytes, disk.file_bytes(NAME).unwrap().len() as u64);
        assert_eq!(contents.chunks as usize, (contents.raw_bytes as usize).div_ceil(CHUNK_BYTES));
    }
}

#[test]
fn no_bit_can_turn() {
    let disk = written(&machine(40));
    let bytes = disk.file_bytes(NAME).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        disk.put_file(NAME, bad);
        let why = restored(&disk).map(|_| ()).expect_err("a bit turned");
        assert!(why.is_damage(), "bit {bit}: {why} must not keep an older one from being used");
        check(&mut disk.files(), &mut Plain, Index(7)).expect_err("a bit turned");
    }
}

#[test]
fn no_byte_can_be_missing_or_left_over() {
    let disk = written(&machine(CHUNK_BYTES / 8 + 10));
    let bytes = disk.file_bytes(NAME).unwrap();
    let cuts = (0..bytes.len()).step_by(997).chain(bytes.len() - 200..bytes.len());
    for cut in cuts.chain(0..HEADER_BYTES + 40) {
        disk.put_file(NAME, bytes[..cut].to_vec());
        assert!(restored(&disk).map(|_| ()).expect_err("it is cut").is_damage(), "cut at {cut}");
        check(&mut disk.files(), &mut Plain, Index(7)).expect_err("it is cut");
    }
    let longer: Vec<u8> = bytes.iter().copied().chain([0]).collect();
    disk.put_file(NAME, longer);
    restored(&disk).map(|_| ()).expect_err("there is something behind it");
    disk.put_file(NAME, bytes);
    restored(&disk).unwrap();
}

#[test]
fn a_chunk_can_be_neither_left_out_nor_swapped() {
    let disk = written(&machine(3 * CHUNK_BYTES / 8));
    let bytes = disk.file_bytes(NAME).unwrap();
    let chunk = CHUNK_BYTES + size_of::<Mark>();
    let (head, rest) = bytes.split_at(HEADER_BYTES);
    let parts: Vec<&[u8]> = rest.chunks(chunk).collect();
    assert_eq!(parts.len(), 4, "three whole chunks, and a small one with the end mark");
    for order in [[1, 0, 2, 3], [0, 0, 2, 3], [0, 2, 1, 3]] {
        let mixed: Vec<u8> =
            head.iter().chain(order.iter().flat_map(|at| parts[*at])).copied().collect();
        disk.put_file(NAME, mixed);
        restored(&disk).map(|_| ()).expect_err("chunks have their order");
    }
    let shorter: Vec<u8> = [head, parts[0], parts[1], parts[3]].concat();
    disk.put_file(NAME, shorter);
    restored(&disk).map(|_| ()).expect_err("a chunk is missing");
    // The last one, so that every chunk that is there has its number.
    let end = &bytes[bytes.len() - size_of::<Mark>()..];
    disk.put_file(NAME, [head, parts[0], parts[1], parts[2], end].concat());
    check(&mut disk.files(), &mut Plain, Index(7)).expect_err("the last chunk is missing");
}

#[test]
fn lengths_of_a_forger_are_not_believed() {
    // Checksums are against accidents; whoever wrote these marks meant them.
    let disk = written(&machine(40));
    let bytes = disk.file_bytes(NAME).unwrap();
    for (raw, packed) in [(u64::MAX, 10), (0, 0), (CHUNK_BYTES as u64 + 1, 10), (10, u64::MAX)] {
        let mut bad = bytes.clone();
        let mark = Mark::new(super::format::CHUNK_TAG, 0, raw, packed, 0);
        bad[HEADER_BYTES..HEADER_BYTES + size_of::<Mark>()].copy_from_slice(mark.as_bytes());
        disk.put_file(NAME, bad);
        restored(&disk).map(|_| ()).expect_err("no chunk has such lengths");
    }
}

#[test]
fn what_is_whole_but_not_ours_is_not_called_damaged() {
    let machine = machine(5);
    let disk = written(&machine);
    let mut other = plan();
    other.book.orders_max += 1;
    let mut into = Sessioned::new(&plan().session, Tally::default());
    let given = configuration(&other);
    let why = restore(&mut disk.files(), &mut Plain, Index(7), given, &mut into, &NoTime);
    let why = why.unwrap_err();
    assert!(matches!(why, BadSnapshot::Configuration { .. }) && !why.is_damage(), "{why}");
    assert!(why.to_string().contains("[[symbol]]"), "{why}");

    let mut newer = disk.file_bytes(NAME).unwrap();
    newer[8] = 2;
    let crc = crc32c::crc32c(&newer[..12]).to_le_bytes();
    newer[12..16].copy_from_slice(&crc);
    disk.put_file(NAME, newer);
    let why = restored(&disk).map(|_| ()).unwrap_err();
    assert!(why == BadSnapshot::Format { version: 2 } && !why.is_damage(), "{why}");
    assert!(why.to_string().contains("Start the build that wrote it"), "{why}");
}

/// SAFETY 22: a build that lacks the machine's version, or the codec, refuses to load it.
#[test]
fn another_machine_or_codec_is_named_and_not_called_damaged() {
    let disk = written(&machine(5));
    let good = disk.file_bytes(NAME).unwrap();
    let changed = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] += 1;
        let crc = crc32c::crc32c(&bytes[..HEADER_BYTES - 4]).to_le_bytes();
        bytes[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&crc);
        disk.put_file(NAME, bytes);
        restored(&disk).map(|_| ()).unwrap_err()
    };
    let why = changed(16);
    let version = super::MACHINE_VERSION + 1;
    assert!(why == BadSnapshot::Machine { version } && !why.is_damage(), "{why}");
    assert!(why.to_string().contains("Start the build that wrote it"), "{why}");
    let why = changed(HEADER_BYTES - 12);
    assert!(matches!(why, BadSnapshot::Codec { .. }) && !why.is_damage(), "{why}");
}

#[test]
fn a_state_that_is_not_the_one_named_is_refused() {
    let machine = machine(5);
    let disk = MemoryDisk::new(4_096);
    let good = header_of(&machine);
    let wrong_digest = Header { node_digest: good.node_digest ^ 1, ..good };
    let mut wrong_index = good;
    wrong_index.point.last.index = Index(8);
    wrong_index.point.end.index = Index(9);
    for header in [wrong_digest, wrong_index] {
        let save = |sink: &mut write::Sink<'_, _, _>| machine.save(sink);
        write(&mut disk.files(), &mut Plain, &header, |_, _| (), save).unwrap();
        let mut into = Sessioned::new(&plan().session, Tally::default());
        let given = configuration(&plan());
        let index = header.index();
        let read = restore(&mut disk.files(), &mut Plain, index, given, &mut into, &NoTime);
        assert!(read.unwrap_err().is_damage());
    }
}

#[test]
fn another_snapshots_file_under_this_name_is_not_it() {
    let disk = written(&machine(5));
    let bytes = disk.file_bytes(NAME).unwrap();
    disk.put_file(FileName::Snapshot(Index(9)), bytes);
    assert!(header(&mut disk.files(), Index(9)).unwrap_err().is_damage());
    assert_eq!(list(&mut disk.files()).unwrap(), [Index(9), Index(7)], "newest first");
}

#[test]
fn whichever_call_fails_there_is_no_snapshot_of_that_name() {
    let machine = machine(2 * CHUNK_BYTES / 8);
    for kind in [StoreFaultKind::Full, StoreFaultKind::Io] {
        let mut failed = 0;
        for calls in 0.. {
            let disk = MemoryDisk::new(4_096);
            disk.fail_file_call_after(calls, kind);
            let header = header_of(&machine);
            let save = |sink: &mut write::Sink<'_, _, _>| machine.save(sink);
            let outcome = write(&mut disk.files(), &mut Plain, &header, |_, _| (), save);
            match outcome {
                Ok(_) => break,
                Err(fault) => {
                    failed += 1;
                    assert_eq!(fault.kind, kind);
                    assert_eq!(disk.file_bytes(NAME), None);
                }
            }
        }
        assert!(failed > 8, "every call has failed once: {failed}");
    }
}
