//! Nodes whose disk is full. The disk is a small one of their own, in a mount namespace of its own,
//! which takes root; without it each test says SKIPPED.

use crate::support::{Client, Config, Heard, Node, Place, WITHIN, say};
use gavel_types::{IntakeReason, IntakeState, ReportNo, TerminationCode};
use gavel_wire::client::LastReport;
use gavel_wire::server::ServerMessage;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

const S: u32 = 1;
/// Long enough for all orders to be sent and read in one go, as nothing follows them.
const KEEPALIVE_MS: u32 = 800;
/// Their records fill more than the two segments that exist before the disk is full.
const ORDERS: u64 = 30_000;

/// A disk in a namespace that lives as long as this.
pub(crate) struct Disk {
    pub(crate) place: Place,
    keeper: Child,
}

impl Disk {
    /// `mount` is a shell command that mounts the disk at `$1`; `$1.img` may hold an image.
    pub(crate) fn mount(mount: &str) -> Option<Self> {
        // Those who come while nothing is read wait for longer than this, and it is not held
        // against them.
        let establish_timeout_ms = 600;
        let config =
            Config { segment_mib: 1, pool_mib: 16, establish_timeout_ms, ..Config::default() };
        let place = Place::new(&config);
        let at = place.path().join("disk");
        std::fs::create_dir(&at).unwrap();
        let script = format!("({mount}) >&2 && echo mounted && read -r _");
        let mut keeper = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", &script, "sh"])
            .arg(&at)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let disk = Self { place, keeper };
        if line != "mounted\n" {
            eprintln!("SKIPPED: this user, or this kernel, may not mount a disk ({mount})");
            return None;
        }
        Some(disk)
    }

    /// The process that keeps the namespace.
    pub(crate) fn keeper(&self) -> u32 {
        self.keeper.id()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.place.path().join("disk/data")
    }

    /// A command line of a node on the disk.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.keeper.id()));
        command.arg(env!("CARGO_BIN_EXE_gaveld"));
        self.place.arguments(&mut command, &self.data());
        command
    }

    pub(crate) fn start(&self) -> Node {
        self.place.start_by(self.command())
    }

    /// Something on the disk, as seen from outside of the namespace.
    pub(crate) fn inside(&self, name: &str) -> PathBuf {
        let path = self.place.path().join("disk").join(name);
        let path = path.strip_prefix("/").unwrap();
        PathBuf::from(format!("/proc/{}/root", self.keeper.id())).join(path)
    }

    fn filler(&self) -> PathBuf {
        self.inside("filler")
    }

    /// Takes all room, once the node has the two segments that it wants at first.
    pub(crate) fn fill(&self) {
        let began = Instant::now();
        while !self.inside("data/wal-0000000000000002.seg").exists() {
            assert!(began.elapsed() < WITHIN, "the node makes no segments");
            std::thread::yield_now();
        }
        let mut file = File::create(self.filler()).unwrap();
        for size in [64 << 10, 4 << 10, 1] {
            let zeros = vec![0; size];
            loop {
                match file.write(&zeros) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        match file.sync_all() {
            Ok(()) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::StorageFull),
        }
    }

    pub(crate) fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Its namespace, and the mount with it, go with the last process in it.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// A memory disk has no device below it; a loop device with ext4 has one, and O_DIRECT.
pub(crate) const TMPFS: &str = "mount -t tmpfs -o size=16m tmpfs \"$1\"";
const EXT4: &str = "truncate -s 24M \"$1.img\" && mkfs.ext4 -q -m 0 \"$1.img\" && \
                    mount -o loop \"$1.img\" \"$1\"";

/// Orders that were all sent before the disk was full, and the reports that came until then.
struct Stopped {
    client: Client,
    heard: Vec<Heard>,
}

/// Fills the disk, and sends orders until the node says that it takes no more.
fn stopped(disk: &Disk, node: &Node) -> Stopped {
    disk.fill();
    let mut client = Client::connect(node.address, S);
    client.negotiate();
    client.establish_with(KEEPALIVE_MS, 1, LastReport::default());
    let mut stream = client.stream.try_clone().unwrap();
    std::thread::spawn(move || {
        let orders: Vec<u8> = (1..=ORDERS).flat_map(say::hopeless).collect();
        // Some tests kill the node meanwhile.
        let _ = stream.write_all(&orders);
    });
    let mut heard = Vec::new();
    loop {
        let frame = client.hear_next();
        match frame.message() {
            ServerMessage::Sequenced(report) => {
                assert_eq!(report.number, ReportNo(heard.len() as u64 + 1));
                heard.push(frame);
            }
            ServerMessage::IntakeStatus { state, reason } => {
                assert_eq!((state, reason), (IntakeState::Stopped, IntakeReason::DiskFull));
                return Stopped { client, heard };
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Hears reports until none came between two heartbeats.
fn quiet(stopped: &mut Stopped) {
    let (mut beats, mut seen) = (0, 0);
    while beats < 2 {
        let frame = stopped.client.hear();
        if frame.is_sequence() {
            beats += 1;
        } else {
            let number = frame.report().number;
            assert_eq!(number, ReportNo(stopped.heard.len() as u64 + 1));
            stopped.heard.push(frame);
            seen += 1;
            beats = 0;
        }
    }
    assert!((stopped.heard.len() as u64) < ORDERS, "the disk had room for all, {seen} late");
}

fn says(node: &Node, part: &str) {
    let began = Instant::now();
    while !node.said().contains(part) {
        assert!(began.elapsed() < WITHIN, "{part:?} is not said: {}", node.said());
        std::thread::yield_now();
    }
}

fn intake_stops_and_resumes(mount: &str) {
    let Some(disk) = Disk::mount(mount) else { return };
    let mut node = disk.start();
    // Somebody who leaves while nothing is read, and somebody who comes.
    let leaves = Client::begin(node.address, 2);
    let mut stopped = stopped(&disk, &node);
    let mut comes = Client::connect(node.address, 3);
    comes.send(&say::negotiate(3));
    quiet(&mut stopped);
    says(&node, "INTAKE STOPPED");
    assert!(node.said().contains("wal-0000000000000003.seg"), "{}", node.said());
    drop(leaves);
    let Stopped { mut client, heard } = stopped;
    disk.make_room();
    let frame = client.hear_next();
    let ServerMessage::IntakeStatus { state, reason } = frame.message() else {
        panic!("{frame:?}")
    };
    assert_eq!((state, reason), (IntakeState::Open, IntakeReason::None));
    for number in heard.len() as u64 + 1..=ORDERS {
        client.hear_report(number);
    }
    client.end();
    let frame = comes.hear();
    assert!(matches!(frame.message(), ServerMessage::NegotiationResponse { .. }), "{frame:?}");
    comes.establish(1);
    comes.end();
    let (leaves, _) = Client::resume(node.address, 2, 1);
    leaves.end();
    node.terminate();
    node.wait().assert(0, &["INTAKE STOPPED"]);
}

#[test]
fn a_full_disk_stops_intake_and_room_resumes_it() {
    intake_stops_and_resumes(TMPFS);
}

#[test]
fn a_full_disk_stops_intake_and_room_resumes_it_on_ext4() {
    intake_stops_and_resumes(EXT4);
}

fn killed_while_stopped(mount: &str) {
    let Some(disk) = Disk::mount(mount) else { return };
    let node = disk.start();
    let mut stopped = stopped(&disk, &node);
    quiet(&mut stopped);
    let Stopped { client, heard } = stopped;
    node.kill();
    drop(client);
    // Without room it starts all the same, and says at once that it takes no orders.
    let mut command = disk.command();
    command.arg("--check");
    crate::support::node::run(command).assert(0, &[]);
    let ended = crate::support::node::run_until_said(disk.command(), &disk.place, "INTAKE STOPPED");
    if let Some(ended) = ended {
        panic!("a start needs no room: {ended:?}");
    }
    disk.make_room();
    let node = disk.start();
    let (mut client, acked) = Client::resume(node.address, S, 1);
    assert_eq!(acked.next_number, acked.expected_seq);
    assert!(acked.next_number > heard.len() as u64);
    let again = client.hear_again(1, acked.next_number - 1);
    for (before, after) in heard.iter().zip(&again) {
        assert_eq!(before.identity(), after.identity());
    }
    client.end();
    node.stop();
}

#[test]
fn kill_9_with_a_full_disk_loses_nothing_that_was_acknowledged() {
    killed_while_stopped(TMPFS);
}

#[test]
fn kill_9_with_a_full_disk_loses_nothing_that_was_acknowledged_on_ext4() {
    killed_while_stopped(EXT4);
}

#[test]
fn a_node_that_is_asked_to_stop_while_its_disk_is_full_tells_its_clients() {
    let Some(disk) = Disk::mount(TMPFS) else { return };
    let mut node = disk.start();
    let mut idle = Client::begin(node.address, 2);
    let mut stopped = stopped(&disk, &node);
    quiet(&mut stopped);
    node.terminate();
    stopped.client.hear_the_end(TerminationCode::ShuttingDown);
    let frame = idle.hear_next();
    assert!(matches!(frame.message(), ServerMessage::IntakeStatus { .. }), "{frame:?}");
    idle.hear_the_end(TerminationCode::ShuttingDown);
    node.wait().assert(0, &["INTAKE STOPPED"]);
    disk.make_room();
    let node = disk.start();
    let (client, acked) = Client::resume(node.address, S, 1);
    assert!(acked.next_number > stopped.heard.len() as u64);
    client.end();
    Client::resume(node.address, 2, 1).0.end();
    node.stop();
}
