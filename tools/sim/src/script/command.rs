//! The commands of a script.

use super::words::{self, Words};
use super::world::{Filter, World};
use super::{expect, inject, names, network, show, time};
use gavel_raft::memory::{Disk, Entry, Payload};
use gavel_raft::{Change, ChangeMode, Config, DiskId, Input, NodeSet, Options, ReadKind};
use gavel_types::{Index, NodeId, Term};

/// Why a command has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It is not understood, or there is nothing that it could mean.
    Unplayable(String),
    /// Something is not as the command expects.
    Disagrees(String),
}

pub(super) fn unplayable<T>(what: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Unplayable(what.into()))
}

pub(super) type Answer = Result<String, Stop>;
pub(super) const DONE: Answer = Ok(String::new());

/// Does what a command says, and answers.
pub(super) fn run(world: &mut World, command: &str) -> Answer {
    let command = names::resolve(world, command)?;
    let mut words = Words::new(&command);
    let name = words.need("a command")?;
    let is_new = world.cluster.slots.is_empty();
    if is_new && !matches!(name, "cluster" | "options") {
        return unplayable("a script begins with a cluster");
    }
    let words = &mut words;
    let answer = match name {
        "options" => options(words, &mut world.usual).map(|()| String::new()),
        "cluster" => cluster(world, words),
        "node" => join(world, words),
        "preset" => preset(world, words),
        "expect" => expect::run(world, words),
        "status" | "log" | "config" | "peers" | "wire" | "reads" => show::run(world, name, words),
        "stabilize" => {
            let among = words.nodes()?;
            world.stabilize(Filter { among, ..Filter::default() }).map(|()| String::new())
        }
        "deliver" | "drop" | "dup" | "reverse" | "hold" | "release" => wire(world, name, words),
        "cut" | "isolate" | "partition" | "heal" | "weather" => network::run(world, name, words),
        "tick" | "run" | "clock" => time::run(world, name, words),
        "persist" | "crash" | "restart" | "backup" | "restore" => processes(world, name, words),
        "change" | "leave" => members(world, name, words),
        "snapshot" | "compact" | "snapshot-failed" => compaction(world, name, words),
        "inject" => inject::run(world, words).map(|()| String::new()),
        "count" => {
            world.cluster.sent.clear();
            DONE
        }
        _ => node_command(world, name, words),
    }?;
    words.end()?;
    Ok(answer)
}

/// Options of nodes.
fn options(words: &mut Words<'_>, options: &mut Options) -> Result<(), Stop> {
    for (key, value) in words.options() {
        match key {
            "election" => {
                let ns = words::duration_ns(value)?;
                options.timing.election_ns = ns;
                options.timing.election_max_ns = options.timing.election_max_ns.max(ns);
            }
            "election-max" => options.timing.election_max_ns = words::duration_ns(value)?,
            "heartbeat" => options.timing.heartbeat_ns = words::duration_ns(value)?,
            "lease" => options.timing.lease_ns = words::duration_ns(value)?,
            "guard" => options.timing.guard_ns = words::duration_ns(value)?,
            "drift" => options.timing.drift_ppm = words::ppm(value)?.unsigned_abs(),
            "pre-vote" => options.pre_vote = words::switch(value)?,
            "check-quorum" => options.check_quorum = words::switch(value)?,
            "window" => options.window.appends = words::number(value)? as usize,
            "window-bytes" => options.window.bytes = words::number(value)?,
            "batch" => options.window.append_entries = words::number(value)?,
            "priority" => options.priority = words::number(value)? as u8,
            "seed" => options.seed = words::number(value)?,
            _ => return unplayable(format!("no option is named {key}")),
        }
    }
    match options.timing.is_sound() {
        true => Ok(()),
        false => unplayable(
            "these durations do not fit: heartbeat < election, \
                            lease <= election <= election-max",
        ),
    }
}

/// `cluster 3`, or `cluster voters=1,2 learners=3 witnesses=4`, and options.
fn cluster(world: &mut World, words: &mut Words<'_>) -> Answer {
    let is_counted = words.clone().next().is_some_and(|word| !word.contains('='));
    let count = if is_counted { words::number(words.need("how many")?)?.min(31) } else { 0 };
    let counted = NodeSet::of(&(1..=count as u8).collect::<Vec<_>>());
    let mut set = |key| words.option(key).map_or(Ok(NodeSet::EMPTY), words::nodes);
    let (voters, learners, witnesses) = (set("voters")?, set("learners")?, set("witnesses")?);
    let voters = counted.or(voters).or(witnesses);
    if voters.is_empty() || !world.cluster.slots.is_empty() {
        return unplayable("one cluster, with voters");
    }
    options(words, &mut world.usual)?;
    let mut config = Config::of_voters(voters.or(learners), DiskId(1));
    config.voters = voters;
    config.learners = learners;
    config.witnesses = witnesses;
    for id in config.members().iter() {
        let options =
            Options { id, seed: world.usual.seed ^ u64::from(id.0), ..world.usual.clone() };
        world.add(options, config);
    }
    DONE
}

/// A node that no configuration knows yet.
fn join(world: &mut World, words: &mut Words<'_>) -> Answer {
    let id = words.node()?;
    if world.cluster.slots.contains_key(&id) {
        // Its options change with its next start.
        let mut own = world.cluster.slots[&id].options.clone();
        options(words, &mut own)?;
        if let Some(slot) = world.cluster.slots.get_mut(&id) {
            slot.options = own;
        }
        return world.restart(id, false).map(|()| String::new());
    }
    let mut own = Options { id, seed: u64::from(id.0), ..world.usual.clone() };
    options(words, &mut own)?;
    world.add(own, Config::default());
    DONE
}

/// `preset 1 term=7 vote=2 log=1,1,4x3 base=2`: what is on a disk, before the story begins.
fn preset(world: &mut World, words: &mut Words<'_>) -> Answer {
    let id = words.node()?;
    let terms = words::terms(words.option("log").unwrap_or(""))?;
    // What another node's log has in this term at this index is the same.
    let entries: Vec<Entry> =
        terms.iter().map(|term| Entry { term: *term, payload: Payload::Noop }).collect();
    let newest = entries.last().map_or(0, |entry| entry.term.0);
    let term = words.option("term").map(words::number).transpose()?.unwrap_or(newest);
    let vote = words.option("vote").map(words::node).transpose()?;
    let base = Index(words.option("base").map(words::number).transpose()?.unwrap_or(0));
    if base.0 > entries.len() as u64 {
        return unplayable("a log is given up as far as it goes, and not further");
    }
    if term < newest {
        return unplayable("a node's term is at least its log's");
    }
    world.cluster.crash(id);
    world.replace_disk(id, |old| {
        let mut disk = Disk { entries, base, snapshot: base, ..old.clone() };
        disk.hard.term = Term(term);
        disk.hard.vote = vote;
        disk
    })?;
    world.cluster.checker = gavel_raft::memory::Checker::default();
    world.cluster.start(id);
    DONE
}

pub(super) fn filter<'a>(words: &mut Words<'a>, count: &mut u64) -> Result<Filter<'a>, Stop> {
    let mut filter = Filter {
        from: words.option("from").map(words::node).transpose()?,
        to: words.option("to").map(words::node).transpose()?,
        ..Filter::default()
    };
    while let Some(word) = words.next() {
        if word.contains("->") {
            filter.link = Some(words::links(word)?[0]);
        } else if word.starts_with(|c: char| c.is_ascii_alphabetic()) {
            filter.kind = Some(words::kind(word)?);
        } else {
            *count = words::number(word)?;
        }
    }
    Ok(filter)
}

fn wire(world: &mut World, name: &str, words: &mut Words<'_>) -> Answer {
    let mut count = u64::MAX;
    let filter = filter(words, &mut count)?;
    match name {
        "deliver" => {
            world.deliver(filter, count);
        }
        "drop" => {
            world.take(filter, count);
        }
        "hold" => {
            let taken = world.take(filter, count);
            world.aside.extend(taken);
        }
        "release" => {
            let taken = filter.take(&mut world.aside, count);
            world.cluster.wire.extend(taken);
        }
        "dup" => {
            let taken = world.take(filter, count);
            for copy in [taken.clone(), taken] {
                world.cluster.wire.extend(copy);
            }
        }
        _ => {
            let taken = world.take(filter, count);
            world.cluster.wire.extend(taken.into_iter().rev());
        }
    }
    DONE
}

/// The same for each node that is named: `crash 1,2`.
fn processes(world: &mut World, name: &str, words: &mut Words<'_>) -> Answer {
    let nodes = words::nodes(words.need("a node")?)?;
    if nodes.is_empty() {
        return unplayable("a node is missing");
    }
    let said = words.clone();
    for id in nodes.iter() {
        *words = said.clone();
        process(world, id, name, words)?;
    }
    DONE
}

fn process(world: &mut World, id: NodeId, name: &str, words: &mut Words<'_>) -> Answer {
    match name {
        "persist" => return persist(world, id, words),
        "crash" => {
            let landed = words.option("landed").map(words::number).transpose()?.unwrap_or(0);
            world.with(id, |host, _, _| {
                for _ in 0..landed {
                    host.land_log();
                }
            })?;
            world.cluster.crash(id);
        }
        "restart" => {
            let is_wiped = words.flag("wiped");
            world.restart(id, is_wiped)?;
        }
        "backup" => {
            let disk = world.disk_of(id).cloned();
            let Some(disk) = disk else { return unplayable(format!("there is no node {id}")) };
            world.backups.insert(id, disk);
        }
        _ => {
            let Some(backup) = world.backups.get(&id).cloned() else {
                return unplayable(format!("node {id} has no backup"));
            };
            world.cluster.crash(id);
            world.replace_disk(id, |_| backup)?;
            world.cluster.start(id);
        }
    }
    DONE
}

fn persist(world: &mut World, id: NodeId, words: &mut Words<'_>) -> Answer {
    let what = words.need("prompt, slow, hard, log or all")?;
    let count = words.next().map(words::number).transpose()?.unwrap_or(u64::MAX);
    world.with(id, |host, now, out| match what {
        "prompt" | "slow" => {
            host.is_prompt = what == "prompt";
            host.step(now, Input::Tick, out);
            true
        }
        "hard" | "log" | "all" => {
            let mut done = 0;
            while done < count
                && (what != "log" && host.complete_hard(now, out)
                    || what != "hard" && host.complete_log(now, out))
            {
                done += 1;
            }
            true
        }
        _ => false,
    })?;
    match what {
        "prompt" | "slow" | "hard" | "log" | "all" => DONE,
        _ => unplayable(format!("{what} is not a way to persist")),
    }
}

/// `change 1 add=4 learner=5 witness=6 remove=2 joint`
fn members(world: &mut World, name: &str, words: &mut Words<'_>) -> Answer {
    let id = words.node()?;
    if name == "leave" {
        return world.step(id, Input::Leave);
    }
    let mut set = |key| words.option(key).map_or(Ok(NodeSet::EMPTY), words::nodes);
    let mut change = Change {
        voters: set("add")?,
        witnesses: set("witness")?,
        learners: set("learner")?,
        remove: set("remove")?,
        ..Change::default()
    };
    if words.flag("joint") {
        change.mode = ChangeMode::Joint;
    } else if words.flag("explicit") {
        change.mode = ChangeMode::JointExplicit;
    }
    for node in change.voters.or(change.witnesses).or(change.learners).iter() {
        change.disks[usize::from(node.0)] =
            world.disk_of(node).map_or(DiskId::NONE, |disk| disk.id);
    }
    world.step(id, Input::Change(&change))
}

fn compaction(world: &mut World, name: &str, words: &mut Words<'_>) -> Answer {
    let id = words.node()?;
    let number = words::number(words.need("an index, or a node")?)?;
    match name {
        "snapshot" => {
            world.with(id, |host, now, out| host.snapshot(now, Index(number), out))?;
        }
        "compact" => {
            world.with(id, |host, now, out| host.compact(now, Index(number), out))?;
        }
        _ => return world.step(id, Input::SnapshotFailed(NodeId(number.min(31) as u8))),
    }
    let refused = world.host(id)?.refused;
    Ok(refused.map_or(String::new(), |refusal| format!("refused: {refusal:?}")))
}

/// Commands to one node.
fn node_command(world: &mut World, name: &str, words: &mut Words<'_>) -> Answer {
    match name {
        "transfer" => {
            let link = words::links(words.need("a link, as 1->2")?)?[0];
            return world.step(link.0, Input::Transfer(link.1));
        }
        "campaign" | "propose" | "resign" | "suspect" | "death" | "fit" | "force" | "read" => {}
        _ => return unplayable(format!("no command is named {name}")),
    }
    let id = words.node()?;
    match name {
        "campaign" => world.step(id, Input::Campaign),
        "propose" => {
            let count = words.next().map(words::number).transpose()?.unwrap_or(1);
            world.propose(id, count)
        }
        "resign" => world.step(id, Input::Resign),
        "suspect" => {
            let other = words.node()?;
            world.step(id, Input::Suspect(other))
        }
        "death" => {
            let other = words.node()?;
            match world.dead_life(other) {
                Some(life) => world.step(id, Input::Death(other, life)),
                None => unplayable(format!("there is no node {other}")),
            }
        }
        "fit" => {
            let is_fit = words::switch(words.need("yes or no")?)?;
            world.step(id, Input::Fit(is_fit))
        }
        "force" => {
            let survivor = world.host(id)?.clone();
            world.cluster.checker.forced(&survivor);
            world.step(id, Input::ForceNewCluster)
        }
        _ => read(world, id, words),
    }
}

fn read(world: &mut World, id: NodeId, words: &mut Words<'_>) -> Answer {
    let name = words.need("a name for the read")?;
    let kind = match words.next().unwrap_or("index") {
        "index" => ReadKind::Index,
        "lease" => ReadKind::Lease,
        word => return unplayable(format!("{word} is neither lease nor index")),
    };
    let context = world.reads.len() as u64 + 1;
    if world.reads.insert(name.to_owned(), (id, context)).is_some() {
        return unplayable(format!("there is a read named {name}"));
    }
    world.cluster.checker.asked(id, context);
    world.step(id, Input::Read { context, kind })
}
