//! A world in a process of its own: whatever becomes of it, an assertion of the product included,
//! in builds that do not unwind too, this process goes on.
//!
//! Inputs -> outputs: a trial, a time -> what failed in it, if anything did.
//! Invariants: a process that is out of time is ended.

use super::kind::Trial;
use serde_json::Value;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

/// What failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) checker: String,
    pub(super) what: String,
    /// Virtual time.
    pub(super) elapsed_ns: u64,
    pub(super) commands: u64,
    /// Numbered faults that happened.
    pub(super) faults: Vec<u64>,
    /// All kinds that happened, numbered or not.
    pub(super) kinds: Vec<String>,
}

/// Runs it; none if nothing failed in it, or it was out of time.
pub(super) fn run(trial: &Trial, limit: Duration) -> Option<Attempt> {
    let mut command = Command::new(std::env::current_exe().ok()?);
    command.args(trial.options().split_whitespace());
    command.args(["--json", "--shrink-seconds", "0", "--jobs", "1"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let line = line(&mut child, limit);
    if line.is_none() {
        // It may have ended meanwhile: then there is nothing to end.
        let _ = child.kill();
    }
    child.wait().ok()?;
    read(&line?)
}

fn line(child: &mut Child, limit: Duration) -> Option<String> {
    let mut output = child.stdout.take()?;
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let is_read = output.read_to_string(&mut text).is_ok();
        // Nobody listens any more if it was out of time.
        let _ = sender.send(is_read.then_some(text));
    });
    receiver.recv_timeout(limit).ok()?
}

fn read(line: &str) -> Option<Attempt> {
    let line: Value = serde_json::from_str(line.trim()).ok()?;
    let failure = line.get("failure").filter(|failure| !failure.is_null())?;
    let number = |fault: &Value| fault.get(0).and_then(Value::as_u64);
    let happened = |(kind, times): (&String, &Value)| (times != 0).then(|| kind.clone());
    Some(Attempt {
        checker: failure["checker"].as_str()?.to_owned(),
        what: failure["what"].as_str()?.to_owned(),
        elapsed_ns: failure["elapsed_ns"].as_u64()?,
        commands: line["commands"].as_u64()?,
        faults: failure["faults"].as_array()?.iter().filter_map(number).collect(),
        kinds: line["faults"].as_object()?.iter().filter_map(happened).collect(),
    })
}
