//! Nodes that must not start, and how they say so.

use crate::support::node::run;
use crate::support::{Client, Config, Place, say};
use std::fs::{File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::process::Command;

#[test]
fn a_wrong_configuration_is_named_with_its_line() {
    let place = Place::new(&Config::default());
    let cases = [
        ("[node]\n\nhot_alloc = \"never\"\n", ":3: ", "Choose count or abort"),
        ("[orders]\nlisten_on = \"x\"\n", ":2: ", "unknown field"),
        ("[orders\n", ":1: ", "gaveld --print-config"),
        ("[journal]\nsegment_mib = 0\n", ":2: ", "between 1 and 4096"),
        // The gateway reads nothing unless so many frames have room downstream.
        ("[rings]\ngateway_to_sequencer = 64\n", ":2: ", "between 128 and"),
        ("[rings]\ngateway_to_egress = 64\n", ":2: ", "between 128 and"),
    ];
    for (text, line, fix) in cases {
        place.configure(text);
        place.run(&[]).assert(2, &["gavel.toml", line, fix]);
    }
    let missing = place.path().join("nothing.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gaveld"));
    command.arg("--config").arg(&missing);
    run(command).assert(2, &["nothing.toml", "cannot be read"]);
    assert!(!place.data().exists(), "a node that does not start makes nothing");
}

#[test]
fn the_smallest_rings_that_are_allowed_serve() {
    let place = Place::new(&Config::default());
    let rings = "[rings]\ngateway_to_sequencer = 128\ngateway_to_egress = 128\n\
                 sequencer_to_journal = 64\nsequencer_to_executor = 64\nexecutor_to_egress = 256\n\
                 control_to_sequencer = 2\n";
    place.configure(&format!("{}{rings}", Config::default().text()));
    let node = place.start();
    let mut client = Client::begin(node.address, 1);
    let orders: Vec<u8> = (1..=2_000).flat_map(say::bid).collect();
    client.send(&orders);
    for number in 1..=2_000 {
        client.hear_report(number);
    }
    client.end();
    node.stop();
}

#[test]
fn a_topology_that_cannot_be_is_refused() {
    let place = Place::new(&Config::default());
    let file = place.path().join("mine.toml");
    let topology = |agents: &str, cpu: &str| {
        format!(
            "name = \"mine\"\n[[tile]]\nname = \"hot\"\nagents = {agents}\ncpu = {cpu}\n\
             idle = \"park\"\n"
        )
    };
    let all = "[\"gateway\", \"sequencer\", \"journal\", \"executor\", \"egress\"]";
    let cases = [
        (all.replace("egress", "egres"), "\"any\"", ":4: ", "\"egres\", which is none"),
        (all.into(), "4095", ":5: ", "CPU 4095"),
        (all.replace(", \"egress\"", ""), "\"any\"", ": ", "egress is on no tile"),
    ];
    for (agents, cpu, line, what) in cases {
        std::fs::write(&file, topology(&agents, cpu)).unwrap();
        place.run(&["--topology", file.to_str().unwrap()]).assert(2, &["mine.toml", line, what]);
    }
    place.run(&["--topology", "round"]).assert(2, &["round", "\"shared\" or \"pinned\""]);
}

/// Everything else on this host may run where it likes; the node may use one CPU.
#[test]
fn a_pinned_topology_on_too_few_cpus_is_refused_with_a_way_out() {
    let place = Place::new(&Config::default());
    let first = first_allowed_cpu();
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &first, env!("CARGO_BIN_EXE_gaveld")]);
    place.arguments(&mut command, &place.data());
    command.args(["--topology", "pinned"]);
    run(command).assert(2, &["topologies/pinned.toml:", "may not use", "\"shared\""]);
}

fn first_allowed_cpu() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    list.trim().split(['-', ',']).next().unwrap().into()
}

#[test]
fn an_address_that_is_taken_is_named() {
    let place = Place::new(&Config::default());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gaveld"));
    command.args(["--quiet", "--listen", &address, "--data"]).arg(place.data());
    command.arg("--config").arg(place.config());
    run(command).assert(5, &[&address, "taken by another process"]);
}

#[test]
fn a_second_node_on_the_same_directory_is_refused_and_the_first_serves_on() {
    let place = Place::new(&Config::default());
    let node = place.start();
    let directory = place.data().display().to_string();
    let holder = format!("process {}", node.id());
    place.run(&[]).assert(3, &[&directory, &holder, "stop it"]);
    let mut client = Client::begin(node.address, 1);
    client.send(&say::bid(1));
    client.hear_report(1);
    client.end();
    node.stop();
}

#[test]
fn a_data_directory_that_cannot_be_one_is_refused() {
    let place = Place::new(&Config::default());
    std::fs::write(place.data(), "a file").unwrap();
    let name = place.data().display().to_string();
    place.run(&[]).assert(3, &[&name]);
    std::fs::remove_file(place.data()).unwrap();

    std::fs::create_dir(place.data()).unwrap();
    std::fs::set_permissions(place.data(), Permissions::from_mode(0o500)).unwrap();
    if File::create(place.data().join("probe")).is_ok() {
        println!("SKIPPED in part: this user may write to a directory that is read-only");
        std::fs::remove_file(place.data().join("probe")).unwrap();
    } else {
        place.run(&[]).assert(3, &[&name, "ermission denied"]);
    }
    std::fs::set_permissions(place.data(), Permissions::from_mode(0o700)).unwrap();
}

/// One byte in the middle of a log whose later blocks say that it was durable.
#[test]
fn a_byte_that_rotted_within_the_log_is_found_and_the_log_not_served() {
    let place = Place::new(&Config::default());
    let node = place.start();
    let mut client = Client::begin(node.address, 1);
    for name in 1..=100 {
        client.send(&say::bid(name));
        client.hear_report(name);
    }
    client.end();
    node.stop();
    let segment = first_segment(&place);
    let file = File::options().read(true).write(true).open(&segment).unwrap();
    let mut byte = [0];
    // Within the payload of the eleventh unit: each order was a block of its own.
    let at = 10 * 4_096 + 200;
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x40], at).unwrap();
    let before = std::fs::read(&segment).unwrap();
    let ended = place.run(&[]);
    let directory = place.data().display().to_string();
    ended.assert(4, &[&directory, "in segment 1 at byte 40960 is corrupt", "Restore the segment"]);
    assert_eq!(before, std::fs::read(&segment).unwrap(), "a refused log is left as it is");
    // Put back, it serves.
    file.write_all_at(&byte, at).unwrap();
    let node = place.start();
    let (client, acked) = Client::resume(node.address, 1, 101);
    assert_eq!(acked.next_number, 101);
    client.end();
    node.stop();
}

#[test]
fn a_log_of_other_instruments_or_limits_is_not_served() {
    let place = Place::new(&Config::default());
    let node = place.start();
    let mut client = Client::begin(node.address, 1);
    client.send(&say::bid(1));
    client.hear_report(1);
    client.end();
    node.stop();
    let sessions_max = Config::default().sessions_max + 1;
    place.configure(&Config { sessions_max, ..Config::default() }.text());
    place.run(&[]).assert(4, &["record 1", "instruments or limits", "an empty data directory"]);
    // As before, it serves.
    place.configure(&Config::default().text());
    let node = place.start();
    let (client, acked) = Client::resume(node.address, 1, 2);
    assert_eq!(acked.next_number, 2);
    client.end();
    node.stop();
}

fn first_segment(place: &Place) -> std::path::PathBuf {
    let entries = std::fs::read_dir(place.data()).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|it| it == "seg")).collect();
    segments.sort();
    segments.swap_remove(0)
}
