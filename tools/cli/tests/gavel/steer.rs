//! `gavel steer` against real nodes: what is done, what is refused, and nobody there.

use crate::{gavel, gavel_json, place};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest wait for a node to serve.
const WITHIN: Duration = Duration::from_secs(60);

/// A node on a port of its own, killed at the end.
struct Node {
    process: Child,
    addr: String,
}

impl Node {
    fn start(dir: &Path, config: &str) -> Self {
        let process = Command::new(env!("CARGO_BIN_EXE_gavel"))
            .current_dir(dir)
            .args(["node", "--quiet", "--listen", "127.0.0.1:0", "--ready-file", "ready"])
            .args(["--config", config, "--data", "log"])
            .spawn()
            .unwrap();
        let mut node = Self { process, addr: String::new() };
        let began = Instant::now();
        while !node.addr.ends_with('\n') {
            assert!(began.elapsed() < WITHIN, "the node serves");
            std::thread::yield_now();
            node.addr = std::fs::read_to_string(dir.join("ready")).unwrap_or_default();
        }
        node.addr = node.addr.trim().to_owned();
        node
    }

    fn steer(&self, dir: &TempDir, request: &[&str]) -> (i32, Value) {
        gavel_json(dir.path(), &[&["steer", "--connect", &self.addr], request].concat())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_request_is_done_or_refused_and_stands_in_the_log() {
    let dir = place();
    let node = Node::start(dir.path(), "small.toml");
    let (status, said) = node.steer(&dir, &["kill", "--symbol", "1", "halt-trading"]);
    assert_eq!((status, &said["done"], &said["result"]), (0, &true.into(), &"Done".into()));
    assert_eq!((&said["request"], &said["request_id"]), (&"kill".into(), &1.into()));
    let index = said["index"].as_u64().unwrap();
    assert!(index > 0 && said["time_ns"].as_u64().unwrap() > 0, "{said}");

    let unknown = ["phase", "--symbol", "99", "halt", "--request-id", "7"];
    let (status, said) = node.steer(&dir, &unknown);
    assert_eq!((status, &said["result"]), (1, &"UnknownSymbol".into()), "{said}");
    assert_eq!((&said["request_id"], &said["done"]), (&7.into(), &false.into()));
    let args = [&["steer", "--connect", &node.addr][..], &unknown[..]].concat();
    let output = gavel(dir.path(), &args);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("phase 7: refused (UnknownSymbol)"), "{text}");
    assert!(text.contains("define-symbol first"), "it says what to do: {text}");

    drop(node);
    let range = ["--from", &index.to_string(), "--to", &index.to_string()];
    let output = gavel(dir.path(), &[&["journal", "cat", "log"][..], &range[..]].concat());
    let line = String::from_utf8(output.stdout).unwrap();
    assert!(line.contains("kill") && line.contains("action=HaltTrading"), "{line}");
}

#[test]
fn only_a_key_with_the_role_admin_steers() {
    let dir = place();
    let mut keys = String::new();
    for (id, role) in [(1, "trade"), (2, "admin")] {
        let output = gavel(dir.path(), &["node", "--make-key", role]);
        let entry = String::from_utf8(output.stdout).unwrap();
        let public = entry.lines().find(|line| line.contains("public_key")).unwrap().trim();
        let public = public.trim_start_matches('#').trim();
        keys += &format!("[[key]]\nid = {id}\nname = \"{role}\"\nrole = \"{role}\"\n{public}\n");
    }
    std::fs::write(dir.path().join("keys.toml"), keys).unwrap();
    let small = std::fs::read_to_string(dir.path().join("small.toml")).unwrap();
    let keyed = format!("{small}[sessions]\nkeys = \"keys.toml\"\n");
    std::fs::write(dir.path().join("keyed.toml"), keyed).unwrap();
    let node = Node::start(dir.path(), "keyed.toml");

    let kill = ["kill", "--venue", "reinstate"];
    let (status, said) = node.steer(&dir, &[&kill[..], &["--key", "trade"]].concat());
    assert_eq!((status, &said["result"]), (1, &"NotAuthorized".into()), "{said}");
    let (status, said) = node.steer(&dir, &[&kill[..], &["--key", "admin"]].concat());
    assert_eq!((status, &said["result"]), (0, &"Done".into()), "{said}");
    let (status, said) = node.steer(&dir, &kill);
    assert_eq!(status, 2, "without a key there is no session: {said}");
    assert!(said["error"].as_str().unwrap().contains("--key"), "{said}");
    let (status, said) = node.steer(&dir, &[&kill[..], &["--key", "keys.toml"]].concat());
    assert_eq!(status, 2);
    assert!(said["error"].as_str().unwrap().contains("is no key"), "{said}");
}

#[test]
fn nobody_there_is_said_with_a_way_out() {
    let dir = place();
    // A port that nobody has: it was free a moment ago, and its listener is gone.
    let addr = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let args = ["steer", "--connect", &addr.to_string(), "--timeout-ms", "200"];
    let kill = ["kill", "--venue", "suspend"];
    let (status, said) = gavel_json(dir.path(), &[&args[..], &kill[..]].concat());
    assert_eq!(status, 2);
    let error = said["error"].as_str().unwrap();
    assert!(error.contains(&addr.to_string()) && error.contains("is gaveld running"), "{error}");

    let output = gavel(dir.path(), &["steer", "kill", "suspend"]);
    assert_eq!(output.status.code(), Some(2), "nobody is named");
    let output = gavel(dir.path(), &["steer", "--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    for word in ["define-symbol", "phase", "bands", "risk", "kill", "Exit status"] {
        assert!(help.contains(word), "{word} in {help}");
    }
}
