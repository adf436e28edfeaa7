//! What a script may expect.

use super::command::Stop;
use super::show;
use super::words::{self, Words};
use super::world::World;
use gavel_raft::NodeSet;
use gavel_raft::memory::Host;
use gavel_types::NodeId;

fn disagree<T>(what: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Disagrees(what.into()))
}

/// What may be expected of a cluster, for those who misspelled it.
const OF_CLUSTER: &str = "there are leader, speakers, committed, wire, aside, messages, entries and the \
                          kinds of messages; of a node, write expect 1 role=leader";

/// How what is found is compared with what is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Same,
    Other,
    AtMost,
    AtLeast,
}

/// `key=value`, `key!=value`, `key<=value` or `key>=value`, without the value.
fn relation(key: &str) -> (&str, Relation) {
    for (end, relation) in
        [('!', Relation::Other), ('<', Relation::AtMost), ('>', Relation::AtLeast)]
    {
        if let Some(name) = key.strip_suffix(end) {
            return (name, relation);
        }
    }
    (key, Relation::Same)
}

fn compare(what: &str, relation: Relation, expected: &str, found: &str) -> Result<(), Stop> {
    let (agrees, word) = match relation {
        Relation::Same => (expected == found, ""),
        Relation::Other => (expected != found, "anything but "),
        Relation::AtMost => (words::number(found)? <= words::number(expected)?, "at most "),
        Relation::AtLeast => (words::number(found)? >= words::number(expected)?, "at least "),
    };
    if agrees { Ok(()) } else { disagree(format!("{what} is {found}, not {word}{expected}")) }
}

fn name_of(node: Option<NodeId>) -> String {
    node.map_or(String::from("none"), |node| node.to_string())
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

pub(super) fn run(world: &World, words: &mut Words<'_>) -> Result<String, Stop> {
    let first = words.clone().next();
    let Some(first) = first else {
        return Err(Stop::Unplayable(String::from("what is expected is missing")));
    };
    if first.parse::<u8>().is_ok() {
        let id = words.node()?;
        return of_node(world, id, words).map(|()| String::new());
    }
    if words.flag("agree") {
        return agree(world, words).map(|()| String::new());
    }
    if words.flag("read") {
        return of_read(world, words).map(|()| String::new());
    }
    for (key, expected) in words.options() {
        let (name, relation) = relation(key);
        let found = match name {
            "leader" => name_of(world.cluster.leader()),
            "speakers" => names_of(world.cluster.speakers()),
            "committed" => world.cluster.committed().to_string(),
            "wire" => world.cluster.wire.len().to_string(),
            "aside" => world.aside.len().to_string(),
            "messages" | "entries" => sent(world, name).to_string(),
            kind if words::KINDS.contains(&kind) => sent(world, kind).to_string(),
            _ => {
                return Err(Stop::Unplayable(format!(
                    "{name} is nothing of a cluster: {OF_CLUSTER}"
                )));
            }
        };
        compare(name, relation, expected, &found)?;
    }
    Ok(String::new())
}

/// `expect read NAME=5`.
fn of_read(world: &World, words: &mut Words<'_>) -> Result<(), Stop> {
    let Some((key, expected)) = words.options().first().copied() else {
        return Err(Stop::Unplayable(String::from("a read and what became of it are missing")));
    };
    let (name, relation) = relation(key);
    let Some(found) = show::read(world, name) else {
        return Err(Stop::Unplayable(format!("no read is named {name}")));
    };
    compare(&format!("read {name}"), relation, expected, &found)
}

/// Messages of a kind, or of all kinds, since the script last began to count.
fn sent(world: &World, what: &str) -> u64 {
    let sent = &world.cluster.sent;
    match what {
        "messages" => sent.iter().filter(|(kind, _)| **kind != "entries").map(|(_, n)| n).sum(),
        kind => sent.get(kind).copied().unwrap_or(0),
    }
}

/// All of them have the same entries, all committed.
fn agree(world: &World, words: &mut Words<'_>) -> Result<(), Stop> {
    let named = words.nodes()?;
    let mut first: Option<&Host> = None;
    let nodes = if named.is_empty() { world.everybody() } else { named };
    for id in nodes.iter() {
        let Some(host) = world.cluster.host(id) else {
            if named.is_empty() {
                continue;
            }
            return disagree(format!("node {id} does not run"));
        };
        if host.raft.config().witnesses.has(id) {
            continue;
        }
        let (commit, len) = (host.raft.commit(), host.entries.len());
        if commit.0 != len as u64 {
            return disagree(format!("node {id} has {len} entries, {commit} of them committed"));
        }
        match first {
            Some(other) if other.entries != host.entries => {
                return disagree(format!("nodes {} and {id} differ", other.raft.id()));
            }
            _ => first = first.or(Some(host)),
        }
    }
    Ok(())
}

fn of_node(world: &World, id: NodeId, words: &mut Words<'_>) -> Result<(), Stop> {
    if words.flag("down") {
        return match world.cluster.host(id) {
            None => Ok(()),
            Some(_) => disagree(format!("node {id} runs")),
        };
    }
    let host = world.host(id)?;
    let options = words.options();
    if options.is_empty() {
        return Err(Stop::Unplayable(format!("what is expected of node {id} is missing")));
    }
    for (key, expected) in options {
        let (name, relation) = relation(key);
        let expected = match name {
            "config" => expected.replace(';', " "),
            _ => expected.to_owned(),
        };
        let found = match name.split_once(':') {
            Some((what, other)) => of_peer(host, what, words::node(other)?)?,
            None => fact(world, id, host, name)?,
        };
        compare(&format!("node {id}'s {name}"), relation, &expected, &found)?;
    }
    Ok(())
}

/// What is so of a node.
fn fact(world: &World, id: NodeId, host: &Host, name: &str) -> Result<String, Stop> {
    let raft = &host.raft;
    Ok(match name {
        "role" => show::role(raft.role()).to_owned(),
        "term" => raft.term().to_string(),
        "vote" => name_of(raft.hard_state().vote),
        "leader" => name_of(raft.leader()),
        "commit" => raft.commit().to_string(),
        "last" => raft.log().last().index.to_string(),
        "durable" => raft.log().durable().to_string(),
        "held" => raft.held().index.to_string(),
        "released-local" => raft.released().local.to_string(),
        "released-held" => raft.released().held.to_string(),
        "released-quorum" => raft.released().quorum.to_string(),
        "base" => raft.log().base().index.to_string(),
        "generation" => raft.log().generation().to_string(),
        "cluster-generation" => raft.hard_state().generation.0.to_string(),
        "log" => show::log(host),
        "log-writes" => host.log_writes.len().to_string(),
        "hard-writes" => host.hard_writes.len().to_string(),
        "waiting" => host.waiting.len().to_string(),
        "disk-log-length" => host.disk.entries.len().to_string(),
        "disk-term" => host.disk.hard.term.to_string(),
        "config" => raft.config().to_string(),
        "patience-ms" => (raft.patience_ns() / 1_000_000).to_string(),
        "speaks" => yes(world.cluster.speakers().has(id)).to_owned(),
        "open" => yes(raft.is_open()).to_owned(),
        "takes" => yes(raft.takes_proposals()).to_owned(),
        "transferee" => name_of(raft.transferee()),
        "superseded" => yes(raft.is_superseded()).to_owned(),
        "barred" => names_of(raft.hard_state().barred),
        "dropped" => host.dropped.map_or(String::from("none"), |dropped| format!("{dropped:?}")),
        _ => return Err(Stop::Unplayable(format!("a node has no {name}"))),
    })
}

/// What a leader knows of another member.
fn of_peer(host: &Host, what: &str, other: NodeId) -> Result<String, Stop> {
    let Some(peer) = host.raft.peer(other) else {
        return disagree(format!("node {} keeps nothing of node {other}", host.raft.id()));
    };
    Ok(match what {
        "pace" => show::pace(peer.pace).to_owned(),
        "received" => peer.received.to_string(),
        "durable" => peer.durable.to_string(),
        "next" => peer.next.to_string(),
        "in-flight" => peer.in_flight().to_string(),
        "paused" => yes(peer.is_paused()).to_owned(),
        "snapshot" => peer.awaited_snapshot().map_or(String::from("none"), |at| at.to_string()),
        "round" => peer.round.to_string(),
        _ => return Err(Stop::Unplayable(format!("nothing is known of a member's {what}"))),
    })
}

fn names_of(nodes: NodeSet) -> String {
    let nodes: Vec<String> = nodes.iter().map(|node| node.to_string()).collect();
    if nodes.is_empty() { String::from("none") } else { nodes.join(",") }
}
