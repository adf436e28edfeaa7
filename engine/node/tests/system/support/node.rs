//! A node as a child process.

use super::WITHIN;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// What a test may change of the configuration. The rest is small, and an allocation on the hot
/// thread aborts the node.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) connections_max: u32,
    pub(crate) establish_timeout_ms: u32,
    pub(crate) sessions_max: u32,
    pub(crate) pool_mib: u32,
    pub(crate) lag_max_mib: u32,
    pub(crate) segment_mib: u32,
    /// Further lines of [sessions].
    pub(crate) sessions: String,
    /// Snapshots after so many records; 0 for none but those asked for.
    pub(crate) snapshot_every: u64,
    /// Room for stored reports; 0 for none.
    pub(crate) store_mib: u32,
    /// Who reads and who writes are on two threads, not on one.
    pub(crate) split: bool,
}

/// Two tiles, so that the gateway and egress meet only through their rings.
const SPLIT: &str = r#"
name = "split"
[[tile]]
name = "front"
agents = ["gateway", "sequencer", "executor"]
cpu = "any"
idle = "park"
[[tile]]
name = "back"
agents = ["journal", "egress"]
cpu = "any"
idle = "park"
"#;

impl Default for Config {
    fn default() -> Self {
        Self {
            connections_max: 64,
            establish_timeout_ms: 60_000,
            sessions_max: 32,
            pool_mib: 8,
            lag_max_mib: 4,
            segment_mib: 4,
            sessions: String::new(),
            snapshot_every: 0,
            store_mib: 64,
            split: false,
        }
    }
}

impl Config {
    pub(crate) fn text(&self) -> String {
        let Self {
            connections_max,
            establish_timeout_ms,
            sessions_max,
            pool_mib,
            lag_max_mib,
            segment_mib,
            sessions,
            snapshot_every,
            store_mib,
            split: _,
        } = self;
        format!(
            "[node]\nhot_alloc = \"abort\"\n\
             [orders]\nconnections_max = {connections_max}\n\
             establish_timeout_ms = {establish_timeout_ms}\n\
             [sessions]\nsessions_max = {sessions_max}\n{sessions}\n\
             [retransmit]\npool_mib = {pool_mib}\nlag_max_mib = {lag_max_mib}\n\
             [journal]\nsegment_mib = {segment_mib}\nfull_retry_ms = 20\n\
             [snapshots]\nevery_records = {snapshot_every}\n\
             [reports]\ngather_mib = 1\nstore_mib = {store_mib}\n\
             [book]\norders_max = 65536\nlevels_max = 1024\n"
        )
    }
}

/// A directory with a configuration, in which nodes are started one after the other.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new(config: &Config) -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let place = Self { directory };
        let mut text = config.text();
        if config.split {
            let topology = place.path().join("split.toml");
            std::fs::write(&topology, SPLIT).unwrap();
            let named = format!("[node]\ntopology = \"{}\"\n", topology.display());
            text = text.replacen("[node]\n", &named, 1);
        }
        place.configure(&text);
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path().join("gavel.toml")
    }

    pub(crate) fn configure(&self, text: &str) {
        std::fs::write(self.config(), text).unwrap();
    }

    /// Where the log lies.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// The command line of a node here.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gaveld"));
        self.arguments(&mut command, &self.data());
        command
    }

    /// What a node is told.
    pub(crate) fn arguments(&self, command: &mut Command, data: &Path) {
        command.args(["--quiet", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        command.arg("--ready-file").arg(self.path().join("ready"));
        command.arg("--config").arg(self.config());
    }

    /// Starts a node and waits until it serves.
    pub(crate) fn start(&self) -> Node {
        self.start_by(self.command())
    }

    pub(crate) fn start_by(&self, mut command: Command) -> Node {
        let (ready, stderr) = (self.path().join("ready"), self.path().join("stderr"));
        let _ = std::fs::remove_file(&ready);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        let mut node = Node { child, address: ([127, 0, 0, 1], 0).into(), stderr };
        let began = Instant::now();
        loop {
            if let Ok(text) = std::fs::read_to_string(&ready) {
                node.address = text.trim().parse().unwrap();
                return node;
            }
            node.assert_runs();
            assert!(began.elapsed() < WITHIN, "the node does not serve");
            std::thread::yield_now();
        }
    }

    /// Runs a node that is expected to end by itself.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = self.command();
        command.args(arguments);
        run(command)
    }
}

/// Runs a command that is expected to end by itself.
pub(crate) fn run(mut command: Command) -> Ended {
    let stderr = tempfile::NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr.reopen().unwrap())
        .spawn()
        .unwrap();
    let address = ([127, 0, 0, 1], 0).into();
    let mut node = Node { child, address, stderr: stderr.path().to_owned() };
    node.wait()
}

/// Runs a node until it says `part`, then kills it: None. If it ends before: how.
pub(crate) fn run_until_said(mut command: Command, place: &Place, part: &str) -> Option<Ended> {
    let stderr = place.path().join("stderr");
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&stderr).unwrap())
        .spawn()
        .unwrap();
    let mut node = Node { child, address: ([127, 0, 0, 1], 0).into(), stderr };
    let began = Instant::now();
    while !node.said().contains(part) {
        if node.child.try_wait().unwrap().is_some() {
            return Some(node.wait());
        }
        assert!(began.elapsed() < WITHIN, "the node neither ends nor says {part:?}");
        std::thread::yield_now();
    }
    node.kill();
    None
}

/// A node that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

impl Ended {
    /// The exit status is `code`, and every part is in what was said.
    pub(crate) fn assert(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.status.code(), Some(code), "{self:?}");
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is not in: {}", self.stderr);
        }
    }
}

/// A node that runs. Killed when dropped.
pub(crate) struct Node {
    child: Child,
    pub(crate) address: SocketAddr,
    stderr: PathBuf,
}

impl Node {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said on standard error so far.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap()
    }

    pub(crate) fn assert_runs(&mut self) {
        let status = self.child.try_wait().unwrap();
        assert!(status.is_none(), "the node ended: {status:?}: {}", self.said());
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.assert_runs();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, as an operator does.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> Ended {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Ended { status, stderr: self.said() };
            }
            assert!(began.elapsed() < WITHIN, "the node does not end: {}", self.said());
            std::thread::yield_now();
        }
    }

    /// Asks it to stop, and expects that it does so without a complaint.
    pub(crate) fn stop(mut self) {
        self.assert_runs();
        self.terminate();
        let ended = self.wait();
        ended.assert(0, &[]);
        assert_eq!(ended.stderr, "");
    }

    /// Resident memory (bytes).
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse().unwrap();
        kib << 10
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the node said: {}", self.said());
        }
    }
}
