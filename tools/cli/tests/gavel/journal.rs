//! `gavel journal` on logs of version 1 as they lie in the repository, on damaged copies of them,
//! and on the log of a real node.

use crate::{gavel, gavel_json, place};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A copy of a log of version 1.
fn copy(dir: &Path, name: &str) -> PathBuf {
    let from =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../engine/journal/testdata/v1").join(name);
    let to = dir.join(name);
    std::fs::create_dir(&to).unwrap();
    for (file, bytes) in content(&from) {
        std::fs::write(to.join(file), bytes).unwrap();
    }
    to
}

fn content(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    entries.map(|path| (named(path.clone()), std::fs::read(path).unwrap())).collect()
}

fn segment(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("wal-{number:016x}.seg"))
}

fn change(dir: &Path, number: u64, change: impl FnOnce(&mut Vec<u8>)) {
    let path = segment(dir, number);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// The records that `cat` prints, as JSON.
fn cat(dir: &Path, name: &str, more: &[&str]) -> Vec<Value> {
    let output = gavel(dir, &[&["journal", "cat", name, "--json"], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn indexes(records: &[Value]) -> Vec<u64> {
    records.iter().map(|record| record["index"].as_u64().unwrap()).collect()
}

fn states(listed: &Value) -> Vec<&str> {
    let segments = listed["segments"].as_array().unwrap();
    segments.iter().map(|line| line["state"].as_str().unwrap()).collect()
}

#[test]
fn every_log_of_version_1_is_listed_read_counted_and_agrees() {
    let dir = place();
    let cases = [
        ("empty", 0, &["log", "spare"][..]),
        ("one_block", 5, &["log", "spare"]),
        ("segments", 28, &["log", "log", "log", "spare"]),
        ("sealed", 7, &["log", "log", "spare"]),
        ("torn", 7, &["log", "log", "spare"]),
        ("gone_on_after_a_cut", 9, &["log", "log", "spare"]),
    ];
    for (name, records, expected) in cases {
        let place = copy(dir.path(), name);
        let before = content(&place);
        let (status, listed) = gavel_json(dir.path(), &["journal", "ls", name]);
        assert_eq!((status, states(&listed)), (0, expected.to_vec()), "{name}: {listed}");
        assert_eq!(listed["last_index"], records, "{name}");
        assert_eq!(listed["segment_bytes"], 8_192);
        let printed = cat(dir.path(), name, &[]);
        assert_eq!(indexes(&printed), (1..=records).collect::<Vec<_>>(), "{name}");
        let (status, counted) = gavel_json(dir.path(), &["journal", "stats", name]);
        assert_eq!((status, &counted["records"]), (0, &Value::from(records)), "{name}");
        let (status, verified) = gavel_json(dir.path(), &["journal", "verify", name]);
        assert_eq!((status, &verified["agrees"]), (0, &Value::from(true)), "{verified}");
        let cut = verified["starts"][0]["cut"].as_str();
        assert_eq!(cut.is_some(), name == "torn", "{verified}");
        assert!(cut.is_none_or(|cut| cut.contains("nothing in them was acknowledged")));
        assert_eq!(content(&place), before, "looking changes nothing and leaves nothing");
    }
}

#[test]
fn records_are_chosen_by_index_and_session() {
    let dir = place();
    copy(dir.path(), "segments");
    let some = cat(dir.path(), "segments", &["--from", "5", "--to", "7"]);
    assert_eq!(indexes(&some), [5, 6, 7]);
    let session = some[1]["session"].to_string();
    let one = cat(dir.path(), "segments", &["--session", &session]);
    assert_eq!(indexes(&one), [6]);
    for field in ["term", "time", "time_ns", "kind", "client_seq", "body"] {
        assert!(!one[0][field].is_null(), "{field} in {}", one[0]);
    }
    let output = gavel(dir.path(), &["journal", "cat", "segments", "--to", "2"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("1970-01-01T00:00:00.000001000Z"), "{text}");
}

/// What is done to a log, what verify says of it, and which records can still be read.
struct Damage {
    what: &'static str,
    done: fn(&Path),
    said: &'static [&'static str],
    readable: &'static [u64],
}

const DAMAGES: &[Damage] = &[
    Damage {
        what: "a byte of a record",
        done: |dir| change(dir, 1, |bytes| bytes[4_096 + 150] ^= 1),
        said: &["block 2 (records from index 4)", "in segment 1 at byte 4096", "checksum is wrong"],
        readable: &[1, 2, 3, 5, 6, 7, 8],
    },
    Damage {
        what: "a sector that a later block says was durable",
        done: |dir| change(dir, 1, |bytes| bytes[512..1_024].fill(0)),
        said: &["block 1 (records from index 1)", "says that it was durable"],
        readable: &[4, 5, 6, 7, 8],
    },
    Damage {
        what: "a byte of a header",
        done: |dir| change(dir, 2, |bytes| bytes[20] ^= 1),
        said: &["block 3 (records from index 5)", "yet the header is damaged"],
        readable: &[1, 2, 3, 4, 25, 26, 27, 28],
    },
    Damage {
        what: "a segment that is gone",
        done: |dir| std::fs::remove_file(segment(dir, 2)).unwrap(),
        said: &["segment 2 of the log is missing, and segment 3 is there"],
        readable: &[1, 2, 3, 4, 27, 28],
    },
    Damage {
        what: "the first segment gone, and no snapshot",
        done: |dir| std::fs::remove_file(segment(dir, 1)).unwrap(),
        said: &["there is no snapshot of the state that segment 2 goes on from"],
        readable: &[5, 6, 7, 8],
    },
    Damage {
        what: "a segment cut short",
        done: |dir| change(dir, 2, |bytes| bytes.truncate(5_000)),
        said: &["segment 2 of the log has 5000 bytes and should have 8192"],
        readable: &[1, 2, 3, 4, 27, 28],
    },
    Damage {
        what: "a last segment of no length",
        done: |dir| change(dir, 3, Vec::clear),
        said: &["segment 3 of the log has 0 bytes and should have 8192"],
        readable: &[1, 2, 3, 4, 5, 26],
    },
    Damage {
        what: "an older segment copied over the last one",
        done: |dir| {
            std::fs::write(segment(dir, 3), std::fs::read(segment(dir, 1)).unwrap()).unwrap()
        },
        said: &["in segment 3 at byte 0 is corrupt", "the same block as segment 1"],
        readable: &[1, 2, 3, 4, 5, 26],
    },
    Damage {
        what: "a newer version",
        done: |dir| {
            change(dir, 1, |bytes| {
                let header = &mut bytes[8..8 + 128];
                header[8] = 3;
                let crc = crc32c(&header[..124]);
                header[124..].copy_from_slice(&crc.to_le_bytes());
            });
        },
        said: &["is of format version 3, and this build reads versions 1 to 2"],
        readable: &[4, 5, 6, 7, 8],
    },
];

/// CRC32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 }
        })
    })
}

#[test]
fn a_damaged_copy_is_called_so_and_what_can_be_read_of_it_is() {
    for Damage { what, done, said, readable } in DAMAGES {
        let dir = place();
        let place = copy(dir.path(), "segments");
        done(&place);
        let before = content(&place);
        let (status, verified) = gavel_json(dir.path(), &["journal", "verify", "segments"]);
        assert_eq!((status, &verified["agrees"]), (1, &Value::from(false)), "{what}: {verified}");
        let refusal = verified["starts"][0]["refusal"].as_str().unwrap();
        for part in *said {
            assert!(refusal.contains(part), "{what}: {refusal}");
        }
        let output = gavel(dir.path(), &["journal", "verify", "segments"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(text.contains(said[0]) && text.ends_with("DAMAGED\n"), "{what}: {text}");
        let read = indexes(&cat(dir.path(), "segments", &[]));
        let listed: Vec<_> = readable.iter().filter(|index| read.contains(index)).collect();
        assert_eq!(listed.len(), readable.len(), "{what}: {read:?}");
        assert!(read.is_sorted_by(|one, other| one < other), "{what}: {read:?}");
        let (status, listed) = gavel_json(dir.path(), &["journal", "ls", "segments"]);
        assert_eq!((status, listed["refusal"].is_string()), (0, true), "{what}: {listed}");
        let (status, counted) = gavel_json(dir.path(), &["journal", "stats", "segments"]);
        assert_eq!((status, &counted["records"]), (0, &Value::from(read.len())), "{what}");
        assert_eq!(content(&place), before, "{what}: nothing is changed");
    }
}

#[test]
fn segments_that_are_used_again_are_not_read_as_new() {
    let dir = place();
    copy(dir.path(), "recycled");
    let read = indexes(&cat(dir.path(), "recycled", &[]));
    assert_eq!(read, (25..=35).collect::<Vec<_>>()[read.len().abs_diff(11)..], "{read:?}");
    let (status, verified) = gavel_json(dir.path(), &["journal", "verify", "recycled"]);
    assert_eq!(status, 1, "without its snapshot it cannot be served: {verified}");
    assert!(verified["starts"][0]["refusal"].as_str().unwrap().contains("no snapshot"));
}

#[test]
fn a_place_without_a_log_is_not_a_damaged_one() {
    let dir = place();
    std::fs::create_dir(dir.path().join("bare")).unwrap();
    for verb in ["ls", "cat", "verify", "stats"] {
        for (name, said) in [("bare", "holds no log"), ("nowhere", "nowhere")] {
            let output = gavel(dir.path(), &["journal", verb, name]);
            assert_eq!(output.status.code(), Some(2), "{verb} {name}");
            let text = String::from_utf8(output.stderr).unwrap();
            assert!(text.contains(said), "{verb} {name}: {text}");
        }
    }
    assert!(!dir.path().join("nowhere").exists());
    assert!(content(&dir.path().join("bare")).is_empty());
}

#[test]
fn the_log_of_a_node_that_was_killed_reads_as_it_ran_from_every_snapshot() {
    let dir = place();
    let small = std::fs::read_to_string(dir.path().join("small.toml")).unwrap();
    let often = format!("{small}[snapshots]\nevery_records = 100\n");
    std::fs::write(dir.path().join("often.toml"), often).unwrap();
    let storm = ["storm", "--kills", "2", "--seed", "7", "--spell-ms", "1000", "--sessions", "2"];
    let more = ["--config", "often.toml", "--data", "log"];
    let (status, report) = gavel_json(dir.path(), &[&storm[..], &more[..]].concat());
    assert_eq!(status, 0, "{report}");
    let (status, verified) = gavel_json(dir.path(), &["journal", "verify", "log"]);
    assert_eq!(status, 0, "{verified}");
    let starts = verified["starts"].as_array().unwrap();
    assert!(starts.iter().all(|start| start["snapshot"].is_u64()), "{verified}");
    let last = starts[0]["last_index"].as_u64().unwrap();
    assert!(starts.iter().all(|start| start["last_index"] == last), "{verified}");
    let (status, counted) = gavel_json(dir.path(), &["journal", "stats", "log"]);
    assert_eq!((status, counted["last_index"].as_u64()), (0, Some(last)), "{counted}");
    let kinds = counted["kinds"].as_object().unwrap();
    assert!(kinds["new"].as_u64().unwrap() > 100, "{counted}");
    assert!(!kinds.contains_key("unknown"), "{counted}");
    let sum: u64 = kinds.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(Some(sum), counted["records"].as_u64());
    let all = cat(dir.path(), "log", &[]);
    assert_eq!(all.len() as u64, sum);
    assert!(all.iter().any(|record| record["body"]["ord_type"] == "Limit"), "{}", all[9]);
    let (_, digest) =
        gavel_json(dir.path(), &["journal", "digest", "log", "--config", "often.toml"]);
    assert_eq!(digest["last_index"].as_u64(), Some(last));
    assert_eq!(digest["book_digest"], report["book_digest"]);
    // One snapshot whose header is damaged is one that a start cannot fall back to.
    let newest = starts[0]["snapshot"].as_u64().unwrap();
    let path = dir.path().join("log").join(format!("snap-{newest:016x}.gvs"));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let (status, verified) = gavel_json(dir.path(), &["journal", "verify", "log"]);
    assert_eq!((status, &verified["agrees"]), (1, &Value::from(false)), "{verified}");
    assert_eq!(verified["snapshots_damaged"][0]["snapshot"], newest, "{verified}");
}
