//! `gavel snapshot` on what a real node left behind, and on damaged copies of it.

use crate::{gavel, gavel_json, place};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest wait for a node to do what it was asked.
const WITHIN: Duration = Duration::from_secs(60);

/// A directory with the log of a node that was killed, `log`, with a snapshot.
fn left_behind() -> TempDir {
    let dir = place();
    let args = ["storm", "--kills", "2", "--seed", "7", "--spell-ms", "300", "--sessions", "3"];
    let more = ["--config", "small.toml", "--data", "log"];
    let (status, report) = gavel_json(dir.path(), &[&args[..], &more[..]].concat());
    assert_eq!(status, 0, "{report}");
    let mut node = Command::new(env!("CARGO_BIN_EXE_gavel"))
        .current_dir(dir.path())
        .args(["node", "--quiet", "--listen", "127.0.0.1:0", "--ready-file", "ready"])
        .args(more)
        .spawn()
        .unwrap();
    let wait = |what: &str, is_so: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < WITHIN, "{what}");
            std::thread::yield_now();
        }
    };
    wait("the node serves", &|| dir.path().join("ready").exists());
    let asked = Command::new("kill").args(["-s", "USR1", &node.id().to_string()]).status();
    assert!(asked.unwrap().success());
    wait("the node writes a snapshot", &|| !snapshots(dir.path()).is_empty());
    node.kill().unwrap();
    node.wait().unwrap();
    dir
}

fn snapshots(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.join("log")).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|kind| kind == "gvs")).collect();
    found.sort();
    found
}

#[test]
fn what_a_node_left_is_shown_and_found_good() {
    let dir = left_behind();
    let found = snapshots(dir.path());
    let (status, report) = gavel_json(dir.path(), &["snapshot", "inspect", "log"]);
    assert_eq!(status, 0, "{report}");
    let listed = report["snapshots"].as_array().unwrap();
    assert_eq!(listed.len(), found.len(), "{report}");
    let newest = &listed[0];
    assert_eq!(newest["sessions"], 3);
    for something in ["term", "time_ns", "file_bytes", "state_bytes", "needs_segment"] {
        assert!(newest[something].as_u64().unwrap() > 0, "{something} in {report}");
    }
    assert_eq!(
        newest["file_bytes"].as_u64(),
        Some(found.last().unwrap().metadata().unwrap().len())
    );
    assert!(newest["state_good"].is_null(), "inspect makes no state");

    let verify = ["snapshot", "verify", "log", "--config", "small.toml"];
    let (status, report) = gavel_json(dir.path(), &verify);
    assert_eq!(status, 0, "{report}");
    let newest = &report["snapshots"][0];
    assert_eq!((&newest["state_good"], &newest["log_good"]), (&true.into(), &true.into()));
    assert!(newest["log_last_index"].as_u64() >= newest["index"].as_u64());
    let shown = String::from_utf8(gavel(dir.path(), &verify).stdout).unwrap();
    assert!(shown.contains("a start can use it"), "{shown}");

    // One of them, by its path; and under another configuration.
    let one = found.last().unwrap().to_str().unwrap();
    let (status, report) = gavel_json(dir.path(), &["snapshot", "inspect", one]);
    assert_eq!((status, report["snapshots"].as_array().unwrap().len()), (0, 1));
    let (status, report) = gavel_json(dir.path(), &["snapshot", "verify", one]);
    assert_eq!(status, 1, "{report}");
    let wrong = report["snapshots"][0]["wrong"][0].as_str().unwrap();
    assert!(wrong.contains("other instruments or limits") && wrong.contains("--config"), "{wrong}");
}

#[test]
fn what_is_damaged_is_named_and_nothing_is_changed() {
    let dir = left_behind();
    let newest = snapshots(dir.path()).pop().unwrap();
    let good = std::fs::read(&newest).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 4;
    std::fs::write(&newest, &bad).unwrap();
    let verify = ["snapshot", "verify", "log", "--config", "small.toml"];
    for verb in [&["snapshot", "inspect", "log"][..], &verify] {
        let (status, report) = gavel_json(dir.path(), verb);
        assert_eq!((status, &report["good"]), (1, &false.into()), "{report}");
        let wrong = report["snapshots"][0]["wrong"][0].as_str().unwrap();
        assert!(wrong.contains("checksum is wrong"), "{wrong}");
    }
    assert!(std::fs::read(&newest).unwrap() == bad, "looking changes nothing");

    // The log behind it is gone.
    std::fs::write(&newest, &good).unwrap();
    for entry in std::fs::read_dir(dir.path().join("log")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "seg") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let (status, report) = gavel_json(dir.path(), &verify);
    assert_eq!(status, 1, "{report}");
    let newest = &report["snapshots"][0];
    assert_eq!((&newest["state_good"], &newest["log_good"]), (&true.into(), &false.into()));
    let wrong = newest["wrong"][0].as_str().unwrap();
    assert!(wrong.contains("the log behind it"), "{wrong}");
}

#[test]
fn where_nothing_is_nothing_is_made() {
    let dir = place();
    for path in ["nothing", "small.toml", "."] {
        let output = gavel(dir.path(), &["snapshot", "inspect", path]);
        assert_eq!(output.status.code(), Some(2), "{path}");
    }
    assert!(!dir.path().join("nothing").exists());
}
