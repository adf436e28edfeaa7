//! `gavel replay`: the fields that outsiders read, and every kind of disagreement.

use crate::{gavel, gavel_json, place};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::io::BufRead;
use std::path::Path;

/// One round of a small day; ids are used again in every round, as recorded days do.
const ROUND: &str = "\
N,1,S,1000100,50,a
N,2,S,1000100,30,b
N,3,S,1000200,20,c
N,4,B,999900,10,d
B,0
R,1,20,e
B,1
X,5,B,1000200,65,f,1:30:1000100|2:30:1000100|3:5:1000200
B,2
M,6,S,999900,25,g,4:10:999900
B,3
C,6,h
C,3,i
B,4
";

/// Two levels a side: ask, size, bid, size.
const BOOK: &str = "\
1000100,80,999900,10,1000200,20,-9999999999,0
1000100,60,999900,10,1000200,20,-9999999999,0
1000200,15,999900,10,9999999999,0,-9999999999,0
999900,15,-9999999999,0,1000200,15,-9999999999,0
9999999999,0,-9999999999,0,9999999999,0,-9999999999,0
";

fn write(dir: &Path, script: &str, book: &str) {
    std::fs::write(dir.join("script.csv"), script).unwrap();
    std::fs::write(dir.join("book.csv"), book).unwrap();
}

fn replay(dir: &Path, more: &[&str]) -> (i32, Value) {
    let base = ["replay", "script.csv", "--book", "book.csv", "--levels", "2"];
    let small = ["--config", "small.toml"];
    gavel_json(dir, &[&base[..], &small[..], more].concat())
}

/// What ../tools/digest.py makes of a script.
fn digest(script: &str) -> String {
    let mut hash = Sha256::new();
    for line in script.lines() {
        let fields: Vec<_> = line.split(',').collect();
        if matches!(fields[0], "X" | "M") {
            hash.update(format!("{} {}\n", fields[1], fields[6]));
        }
    }
    hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn field(report: &Value, name: &str) -> u64 {
    report[name].as_u64().unwrap_or_else(|| panic!("{name} in {report}"))
}

#[test]
fn a_day_is_rebuilt_whatever_is_in_flight_and_whenever_the_node_dies() {
    let dir = place();
    let script = ROUND.repeat(150);
    write(dir.path(), &script, BOOK);
    for more in [
        &["--pipeline", "1"][..],
        &["--pipeline", "4096"],
        &["--pipeline", "64", "--kill-at", "1,50", "--kill-at", "100"],
    ] {
        let (status, report) = replay(dir.path(), more);
        assert_eq!(status, 0, "{more:?}: {report}");
        let counts = ["orders", "fills_ok", "fills_bad", "book_ok", "book_bad", "unknown_ids"];
        let counts = counts.map(|name| field(&report, name));
        assert_eq!(counts, [9 * 150, 2 * 150, 0, 5 * 150, 0, 0], "{more:?}");
        assert_eq!(report["digest"], digest(&script), "{more:?}");
        assert!(report["elapsed_s"].as_f64().unwrap() > 0.0);
        assert!(report["orders_per_s"].as_f64().unwrap() > 0.0);
        assert_eq!(field(&report, "kills"), if more.len() > 2 { 3 } else { 0 });
    }
}

#[test]
fn every_disagreement_is_found() {
    for (what, lie, counts) in [
        ("a fill list in another order", ("1:30:1000100|2:30", "2:30:1000100|1:30"), [1, 0, 0]),
        ("an N that trades", ("N,4,B,999900", "N,4,B,1000100"), [3, 4, 0]),
        ("an X with too much", ("X,5,B,1000200,65", "X,5,B,1000200,81"), [1, 2, 1]),
        (
            "an X with its fills, and a remainder",
            (
                "X,5,B,1000200,65,f,1:30:1000100|2:30:1000100|3:5:1000200",
                "X,5,B,1000100,65,f,1:30:1000100|2:30:1000100",
            ),
            [1, 2, 0],
        ),
        ("a book that was never there", ("B,1\n", "B,2\n"), [0, 1, 0]),
        ("a cancel of nobody", ("C,6,h", "C,77,h"), [0, 1, 1]),
    ] {
        let dir = place();
        let script = ROUND.replace(lie.0, lie.1);
        assert_ne!(script, ROUND, "{what}");
        write(dir.path(), &script, BOOK);
        for pipeline in ["1", "256"] {
            let (status, report) = replay(dir.path(), &["--pipeline", pipeline]);
            assert_eq!(status, 1, "{what}: {report}");
            let names = ["fills_bad", "book_bad", "unknown_ids"];
            let found = names.map(|name| field(&report, name));
            assert_eq!(found, counts, "{what}, pipeline {pipeline}: {report}");
        }
    }
}

#[test]
fn what_cannot_run_says_so() {
    let dir = place();
    write(dir.path(), ROUND, BOOK);
    let base = ["replay", "script.csv", "--book", "book.csv", "--levels", "2"];
    for (args, says) in [
        (&["--nodes", "3"][..], "not built yet"),
        (&["--ack", "quorum"], "only the rule local"),
        (&["--connect", "127.0.0.1:1", "--kill-at", "5"], "cannot be used with"),
        (&["--connect", "nowhere"], "HOST:PORT"),
    ] {
        let output = gavel(dir.path(), &[&base[..], args].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(says), "{args:?}: {said}");
        assert!(output.stdout.is_empty());
    }
    let missing = ["replay", "none.csv", "--book", "book.csv", "--levels", "2"];
    assert_eq!(gavel(dir.path(), &missing).status.code(), Some(2));
    write(dir.path(), "N,1,S,5,x,t\n", BOOK);
    let output = gavel(dir.path(), &[&base[..], &["--config", "small.toml"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("script.csv:1"), "{said}");
}

#[test]
fn the_recorded_day_begins_right() {
    let Some(data) = std::env::var_os("GAVEL_DATA") else {
        println!("SKIPPED: GAVEL_DATA names no folder with recorded days");
        return;
    };
    let folder = Path::new(&data).join("data/lobster");
    let find = |end: &str| {
        let mut files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| path.to_string_lossy().ends_with(end)).unwrap()
    };
    let packed = std::fs::File::open(find("_5.script.csv.zst")).unwrap();
    let lines = std::io::BufReader::new(zstd::Decoder::new(packed).unwrap()).lines();
    let script: String = lines.take(12_000).map(|line| line.unwrap() + "\n").collect();
    let dir = place();
    write(dir.path(), &script, "");
    let book = find("orderbook_5.csv.zst");
    let base = ["replay", "script.csv", "--book", book.to_str().unwrap(), "--levels", "5"];
    let args = [&base[..], &["--config", "small.toml", "--kill-at", "37"]].concat();
    let (status, report) = gavel_json(dir.path(), &args);
    assert_eq!(status, 0, "{report}");
    assert_eq!(report["digest"], digest(&script));
}
