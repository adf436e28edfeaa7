//! What a script may expect.

use super::command::Stop;
use super::show;
use super::words::{self, Words};
use super::world::World;
use gavel_raft::memory::Host;
use gavel_types::NodeId;

fn disagree<T>(what: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Disagrees(what.into()))
}

fn same(what: &str, expected: &str, found: &str) -> Result<(), Stop> {
    if expected == found {
        return Ok(());
    }
    disagree(format!("{what} is {found}, not {expected}"))
}

fn name_of(node: Option<NodeId>) -> String {
    node.map_or(String::from("none"), |node| node.to_string())
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

pub(super) fn run(world: &World, words: &mut Words<'_>) -> Result<String, Stop> {
    let is_of_node = words.clone().next().is_some_and(|word| word.parse::<u8>().is_ok());
    if is_of_node {
        let id = words.node()?;
        return of_node(world, id, words).map(|()| String::new());
    }
    let count = words.clone().next().unwrap_or("").to_owned();
    if let Some((what, bound)) = count.split_once("<=") {
        words.next();
        return at_most(world, what, words::number(bound)?).map(|()| String::new());
    }
    if let Some((what, bound)) = count.split_once(">=") {
        words.next();
        return at_least(world, what, words::number(bound)?).map(|()| String::new());
    }
    if words.flag("agree") {
        return agree(world, words).map(|()| String::new());
    }
    if words.flag("read") {
        let (name, expected) = words.options().first().copied().unwrap_or_default();
        let Some(found) = show::read(world, name) else {
            return Err(Stop::Unplayable(format!("no read is named {name}")));
        };
        return same(&format!("read {name}"), expected, &found).map(|()| String::new());
    }
    for (key, expected) in words.options() {
        let found = match key {
            "leader" => name_of(world.cluster.leader()),
            "speakers" => {
                let speakers: Vec<String> =
                    world.cluster.speakers().iter().map(|node| node.to_string()).collect();
                if speakers.is_empty() { String::from("none") } else { speakers.join(",") }
            }
            "committed" => world.cluster.committed().to_string(),
            "wire" => world.cluster.wire.len().to_string(),
            _ => return Err(Stop::Unplayable(format!("nothing is named {key}"))),
        };
        same(key, expected, &found)?;
    }
    Ok(String::new())
}

/// Messages of a kind, or of all kinds, since the script last began to count.
fn sent(world: &World, what: &str) -> u64 {
    let sent = &world.cluster.sent;
    match what {
        "messages" => sent.iter().filter(|(kind, _)| **kind != "entries").map(|(_, n)| n).sum(),
        kind => sent.get(kind).copied().unwrap_or(0),
    }
}

fn at_most(world: &World, what: &str, bound: u64) -> Result<(), Stop> {
    let found = sent(world, what);
    if found <= bound { Ok(()) } else { disagree(format!("{found} {what} were sent")) }
}

fn at_least(world: &World, what: &str, bound: u64) -> Result<(), Stop> {
    let found = sent(world, what);
    if found >= bound { Ok(()) } else { disagree(format!("{found} {what} were sent")) }
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
    let raft = &host.raft;
    for (key, expected) in words.options() {
        let expected =
            if key == "config" { expected.replace(';', " ") } else { expected.to_owned() };
        let found = match key {
            "role" => show::role(raft.role()).to_owned(),
            "term" => raft.term().to_string(),
            "vote" => name_of(raft.hard_state().vote),
            "leader" => name_of(raft.leader()),
            "commit" => raft.commit().to_string(),
            "last" => raft.log().last().index.to_string(),
            "durable" => raft.log().durable().to_string(),
            "held" => raft.held().index.to_string(),
            "base" => raft.log().base().index.to_string(),
            "generation" => raft.log().generation().to_string(),
            "cluster-generation" => raft.hard_state().generation.0.to_string(),
            "log" => show::log(host),
            "disk-log-length" => host.disk.entries.len().to_string(),
            "disk-term" => host.disk.hard.term.to_string(),
            "config" => raft.config().to_string(),
            "speaks" => yes(world.cluster.speakers().has(id)).to_owned(),
            "open" => yes(raft.is_open()).to_owned(),
            "takes" => yes(raft.takes_proposals()).to_owned(),
            "transferee" => name_of(raft.transferee()),
            "superseded" => yes(raft.is_superseded()).to_owned(),
            "barred" => barred(host),
            _ => return Err(Stop::Unplayable(format!("a node has no {key}"))),
        };
        same(&format!("node {id}'s {key}"), &expected, &found)?;
    }
    Ok(())
}

fn barred(host: &Host) -> String {
    let nodes: Vec<String> =
        host.raft.hard_state().barred.iter().map(|node| node.to_string()).collect();
    if nodes.is_empty() { String::from("none") } else { nodes.join(",") }
}
