//! A private node to measure: this program again, as a real process on real TCP.

use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// First argument that makes a program run as a node.
const NODE: &str = "node";
/// File of what a node says.
const SAID: &str = "said.txt";
/// How long a node may take to serve.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long a snapshot may take to come.
const SNAPSHOT_WITHIN: Duration = Duration::from_secs(120);

/// Runs as a node if the command line says so. Call this first in `main`.
#[must_use]
pub fn as_node() -> Option<ExitCode> {
    let mut args = std::env::args_os();
    let program = args.next()?;
    (args.next()? == NODE).then(|| gavel_node::cli::run(std::iter::once(program).chain(args)))
}

/// A folder for a measurement's files, removed with the value.
///
/// # Errors
/// If it cannot be made.
pub fn folder(parent: Option<&Path>, prefix: &str) -> Result<tempfile::TempDir> {
    let parent = parent.unwrap_or(Path::new("target"));
    std::fs::create_dir_all(parent)?;
    tempfile::Builder::new().prefix(prefix).tempdir_in(parent).context("a temporary folder")
}

/// A running node; ended when dropped.
#[derive(Debug)]
pub struct Node {
    child: Child,
    /// Where it serves.
    pub address: SocketAddr,
    ready: PathBuf,
}

impl Node {
    /// Starts a node with its data in `directory`, and waits until it serves.
    ///
    /// # Errors
    /// If it does not serve.
    pub fn start(directory: &Path, more: &[OsString]) -> Result<Self> {
        let quiet = [&[OsString::from("--quiet")], more].concat();
        Self::spawn(directory, &quiet, Stdio::null()).map(|(node, _)| node)
    }

    fn spawn(directory: &Path, more: &[OsString], says: Stdio) -> Result<(Self, Duration)> {
        let ready = directory.join("ready");
        let began = Instant::now();
        let mut child = Command::new(std::env::current_exe()?)
            .arg(NODE)
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(directory.join("data"))
            .arg("--ready-file")
            .arg(&ready)
            .args(more)
            .stdout(says)
            .spawn()
            .context("starting a node")?;
        loop {
            if let Ok(text) = std::fs::read_to_string(&ready) {
                let address = text.trim().parse().context("the ready file")?;
                return Ok((Self { child, address, ready }, began.elapsed()));
            }
            if let Some(status) = child.try_wait()? {
                bail!("the node ended before it served: {status}");
            }
            if began.elapsed() > READY_WITHIN {
                child.kill()?;
                bail!("the node did not serve within {READY_WITHIN:?}");
            }
            std::thread::yield_now();
        }
    }

    /// Starts a node with this configuration.
    ///
    /// # Errors
    /// If it does not serve.
    pub fn start_with(directory: &Path, config: &str) -> Result<Self> {
        let file = directory.join("gavel.toml");
        std::fs::write(&file, config).with_context(|| file.display().to_string())?;
        Self::start(directory, &[OsString::from("--config"), file.into()])
    }

    /// As [`Node::start_with`], and how long it took from the process's start until it served. What
    /// it says of its start is kept for [`Node::said`].
    ///
    /// # Errors
    /// If it does not serve.
    pub fn start_timed(directory: &Path, config: &str) -> Result<(Self, Duration)> {
        let file = directory.join("gavel.toml");
        std::fs::write(&file, config).with_context(|| file.display().to_string())?;
        let said = std::fs::File::create(directory.join(SAID))?;
        let args = [OsString::from("--config"), file.into()];
        Self::spawn(directory, &args, said.into())
    }

    /// What it said of its start.
    ///
    /// # Errors
    /// If it was not started by [`Node::start_timed`].
    pub fn said(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.ready.with_file_name(SAID))?)
    }

    /// Where its log, snapshots and stored reports lie.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.ready.with_file_name("data")
    }

    /// Asks for a snapshot.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub fn ask_for_snapshot(&self) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::USR1)?;
        Ok(())
    }

    /// Its newest whole snapshot.
    ///
    /// # Errors
    /// If the directory cannot be listed.
    pub fn newest_snapshot(&self) -> Result<Option<OsString>> {
        let mut newest = None;
        for entry in std::fs::read_dir(self.data())? {
            let name = entry?.file_name();
            let text = name.to_string_lossy();
            if text.starts_with("snap-") && text.ends_with(".gvs") {
                newest = newest.max(Some(name));
            }
        }
        Ok(newest)
    }

    /// Waits until a snapshot newer than `than` is there.
    ///
    /// # Errors
    /// If none comes in time.
    pub fn wait_for_snapshot(&self, than: Option<&OsString>) -> Result<Duration> {
        let began = Instant::now();
        while self.newest_snapshot()?.as_ref() <= than {
            anyhow::ensure!(began.elapsed() < SNAPSHOT_WITHIN, "no snapshot came");
            std::thread::park_timeout(Duration::from_millis(1));
        }
        Ok(began.elapsed())
    }

    /// Asks it to stop, and waits until it has.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub fn stop(mut self) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.ready);
    }
}
