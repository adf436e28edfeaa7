//! `gavel cases` on our own files, on the shared ones if they are there, and on what is no file of
//! cases.

use crate::{gavel, gavel_json, place};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Every token that a case may need.
const TOKENS: &[&str] = &[
    "ioc",
    "fok",
    "fokb",
    "market",
    "post",
    "move",
    "reduce",
    "replace",
    "stop",
    "stp",
    "gtd",
    "halt",
    "band",
    "iceberg",
    "aon",
    "qty64",
    "phase",
    "day",
    "slide",
    "min",
    "decrement",
    "amend",
    "symbol",
    "risk",
    "kill",
    "mass",
];

fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/cases")
}

/// The files of a folder, in order.
fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<String> = entries
        .filter(|path| path.extension().is_some_and(|ending| ending == "txt"))
        .map(|path| path.to_str().unwrap().to_owned())
        .collect();
    files.sort();
    files
}

/// Runs all files of a folder: none fails, none is skipped.
fn all_agree(folder: &Path, at_least: u64) -> Value {
    let files = files(folder);
    let args: Vec<&str> = ["cases"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let (status, tally) = gavel_json(folder, &args);
    assert_eq!(status, 0, "{:#}", tally["failures"]);
    assert_eq!((&tally["failed"], &tally["skipped"]), (&json!(0), &json!(0)), "{tally}");
    assert!(tally["passed"].as_u64().unwrap() >= at_least, "{tally}");
    assert_eq!(tally["unsupported"], json!([]));
    tally
}

#[test]
fn our_own_cases_agree_and_every_convention_is_selected_by_one() {
    let tally = all_agree(&own(), 310);
    let text = tally["selected"].to_string();
    assert!(!text.contains("\"case_says_so\":false"), "a case says what it depends on: {text}");
    for option in [
        "refuse_replace_to_filled",
        "refuse_replace_that_trades",
        "requeue_on_decrease",
        "iceberg_keeps_place",
        "refuse_stop_beyond_last",
        "market_rest_rests",
        "post_only_on_entry_only",
        "surplus_before_reference",
    ] {
        assert!(text.contains(option), "no case asks for {option}: {text}");
    }
}

#[test]
fn our_own_cases_need_every_token() {
    let text: String =
        files(&own()).iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let needs: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("need ")).collect();
    for token in TOKENS {
        let is_needed = |need: &&str| need.split(',').any(|found| found == *token);
        assert!(needs.iter().any(is_needed), "no case needs {token}");
    }
}

#[test]
fn the_shared_cases_agree() {
    let Some(shared) = std::env::var_os("GAVEL_DATA") else {
        eprintln!("SKIPPED: GAVEL_DATA names no folder with cases/matching");
        return;
    };
    all_agree(&Path::new(&shared).join("cases/matching"), 40);
}

#[test]
fn a_case_that_does_not_agree_says_where() {
    let dir = place();
    let text = "case good\n> NEW 1 B 1@5\n= 5:1/1 | -\n\ncase bad\nneed ioc\n> NEW 1 B 1@5 IOC\n\
        < X 1 2\n\ncase far\nneed warp\n> CANCEL 1\n";
    std::fs::write(dir.path().join("some.txt"), text).unwrap();
    let (status, tally) = gavel_json(dir.path(), &["cases", "some.txt"]);
    assert_eq!(status, 1);
    assert_eq!((&tally["passed"], &tally["failed"]), (&json!(1), &json!(1)));
    let failure = json!({
        "file": "some.txt", "case": "bad", "line": 7, "command": "NEW 1 B 1@5 IOC",
        "got": "X 1 1", "want": "X 1 2",
    });
    assert_eq!(tally["failures"], json!([failure]));
    assert_eq!(tally["skips"], json!([{ "file": "some.txt", "case": "far", "need": "warp" }]));
    assert_eq!((&tally["skipped"], &tally["unsupported"]), (&json!(1), &json!(["warp"])));
    let output = gavel(dir.path(), &["cases", "some.txt"]);
    let said = String::from_utf8(output.stdout).unwrap();
    for line in ["FAILED some.txt:7: bad", "  - X 1 2", "  + X 1 1", "unsupported: warp"] {
        assert!(said.contains(line), "{line} in {said}");
    }
}

#[test]
fn what_cannot_be_read_could_not_run() {
    let dir = place();
    std::fs::write(dir.path().join("bad.txt"), "case a\n> NEW 1 B 5@5\n> JUMP 1\n").unwrap();
    std::fs::write(dir.path().join("none.txt"), "# nothing\n").unwrap();
    std::fs::write(dir.path().join("idle.txt"), "case a\nneed ioc\n").unwrap();
    std::fs::write(dir.path().join("bytes.txt"), b"case a\n> NEW 1 B 5@\xff\n").unwrap();
    for (file, said) in [
        ("bad.txt", "bad.txt:3"),
        ("none.txt", "holds no cases"),
        ("idle.txt", "idle.txt:1: case a asks for nothing"),
        ("bytes.txt", "bytes.txt:2: this is not UTF-8"),
        ("gone.txt", "gone.txt"),
    ] {
        let (status, answer) = gavel_json(dir.path(), &["cases", file]);
        assert_eq!(status, 2);
        assert!(answer["error"].as_str().unwrap().contains(said), "{answer}");
    }
    assert_eq!(gavel(dir.path(), &["cases"]).status.code(), Some(2));
}

#[test]
fn a_file_may_be_of_another_system() {
    let dir = place();
    let text = "\u{feff}case a\r\n> NEW 1 B 5@100 # five\r\n= 100:5/1 | -\r\n";
    std::fs::write(dir.path().join("other.txt"), text).unwrap();
    let (status, tally) = gavel_json(dir.path(), &["cases", "other.txt"]);
    assert_eq!((status, &tally["passed"]), (0, &json!(1)), "{tally}");
}

#[test]
fn conventions_may_be_chosen() {
    let dir = place();
    let text = "case a\nconv others\n> NEW 1 B 5@100\n> NEW 2 B 5@100\n> REPLACE 1 4@100\n\
        > NEW 3 S 1@100\n< T 2 3 1@100\n";
    std::fs::write(dir.path().join("some.txt"), text).unwrap();
    let run = |with: &[&str]| {
        let args = ["cases", "some.txt"].iter().chain(with).copied();
        gavel_json(dir.path(), &args.collect::<Vec<_>>())
    };
    assert_eq!(run(&[]).0, 0);
    assert_eq!(run(&["--with", "own"]).0, 1);
    assert_eq!(run(&["--with", "requeue_on_decrease"]).0, 0);
    assert_eq!(run(&["--with", "requeue_on_decrease,iceberg_keeps_place"]).0, 0);
    assert_eq!(run(&["--with", "refuse_replace_that_trades"]).0, 1);
    let (status, answer) = run(&["--with", "mine"]);
    assert_eq!((status, answer["error"].as_str().unwrap().contains("--list")), (2, true));
}

#[test]
fn the_conventions_are_listed() {
    let dir = place();
    let (status, listed) = gavel_json(dir.path(), &["cases", "--list"]);
    assert_eq!((status, listed["conventions"].as_array().map(Vec::len)), (0, Some(8)));
    let output = gavel(dir.path(), &["cases", "--list"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("iceberg_keeps_place") && said.contains("Gavel:"), "{said}");
    let output = gavel(dir.path(), &["--help"]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("cases"), "the verb is named");
}
