//! Disks that refuse: what ends the process, with which status, and what the next start finds.

use crate::full_disk::{Disk, TMPFS};
use crate::support::node::run;
use crate::support::{Client, Config, Place, WITHIN, say};
use std::process::Command;
use std::time::Instant;

const S: u32 = 1;

/// A failed write of the log ends the node at once. It is made to fail by a hole in the segment, on
/// a disk that has no room to fill it.
#[test]
fn a_failed_write_ends_the_process_and_what_was_acknowledged_is_there() {
    let Some(disk) = Disk::mount(TMPFS) else { return };
    let mut node = disk.start();
    let mut client = Client::begin(node.address, S);
    for name in 1..=5 {
        client.send(&say::bid(name));
        client.hear_report(name);
    }
    // Well behind the log's end, which is reached block by block.
    let segment = disk.inside("data/wal-0000000000000001.seg");
    let punched = Command::new("fallocate")
        .args(["--punch-hole", "--offset", "131072", "--length", "917504"])
        .arg(segment)
        .status();
    assert!(punched.unwrap().success());
    disk.fill();
    let mut told = 5;
    for name in 6..=200 {
        if !client.try_send(&say::bid(name)) {
            break;
        }
        match client.try_hear() {
            Some(heard) if heard.is_sequence() => {}
            Some(heard) => told = heard.report().number.0,
            None => break,
        }
    }
    let parts = ["No space left on device", "never retried", "what was acknowledged is durable"];
    node.wait().assert(6, &parts);
    assert!(told > 5 && told < 200, "{told}");
    disk.make_room();
    let node = disk.start();
    let (client, acked) = Client::resume(node.address, S, told + 1);
    assert!(acked.next_number > told, "{acked:?} after {told}");
    client.end();
    node.stop();
}

#[test]
fn a_disk_that_is_read_only_is_named() {
    let Some(disk) = Disk::mount(TMPFS) else { return };
    disk.start().stop();
    let at = disk.place.path().join("disk");
    let keeper = format!("--mount=/proc/{}/ns/mnt", disk.keeper());
    let mut remount = Command::new("nsenter");
    remount.arg(keeper).args(["mount", "-o", "remount,ro"]).arg(at);
    // A process that has ended lets go of its files when its io_uring does, a little later.
    let began = Instant::now();
    while !remount.status().unwrap().success() {
        assert!(began.elapsed() < WITHIN, "the disk stays in use");
        std::thread::yield_now();
    }
    let directory = disk.data().display().to_string();
    run(disk.command()).assert(3, &[&directory, "Read-only file system", "mounted for writing"]);
}

#[test]
fn a_directory_of_somebody_else_is_named() {
    let place = Place::new(&Config::default());
    place.start().stop();
    if std::os::unix::fs::chown(place.data(), Some(12_345), None).is_err() {
        println!("SKIPPED: not root");
        return;
    }
    place.run(&[]).assert(3, &[&place.data().display().to_string(), "12345"]);
    std::os::unix::fs::chown(place.data(), Some(0), None).unwrap();
    place.start().stop();
}
