//! What a script may look at.

use super::command::Stop;
use super::words::Words;
use super::world::World;
use gavel_raft::memory::{Cargo, Envelope, Host, Payload};
use gavel_raft::{Body, NodeSet, Pace, Role};
use gavel_types::{Index, NodeId};
use std::fmt::Write;

/// A node's role in a word.
pub(super) fn role(role: Role) -> &'static str {
    match role {
        Role::Follower => "follower",
        Role::PreCandidate => "pre-candidate",
        Role::Candidate => "candidate",
        Role::Leader => "leader",
    }
}

/// How a leader sends to a member, in a word.
pub(super) fn pace(pace: Pace) -> &'static str {
    match pace {
        Pace::Probe => "probe",
        Pace::Replicate => "replicate",
        Pace::Snapshot => "snapshot",
    }
}

/// A node's log as its terms, equal ones counted: `1x3,2`.
pub(super) fn log(host: &Host) -> String {
    let base = host.raft.log().base().index.0 as usize;
    let mut text = String::new();
    let mut run: Option<(u64, u64)> = None;
    let terms = host.entries.iter().skip(base).map(|entry| Some(entry.term.0));
    for term in terms.chain([None]) {
        match (run, term) {
            (Some((of, count)), Some(term)) if of == term => run = Some((of, count + 1)),
            (before, term) => {
                if let Some((of, count)) = before {
                    let comma = if text.is_empty() { "" } else { "," };
                    let times = if count > 1 { format!("x{count}") } else { String::new() };
                    text += &format!("{comma}{of}{times}");
                }
                run = term.map(|term| (term, 1));
            }
        }
    }
    if text.is_empty() { String::from("empty") } else { text }
}

/// What became of a read.
pub(super) fn read(world: &World, name: &str) -> Option<String> {
    let (node, context) = *world.reads.get(name)?;
    let answer = world
        .cluster
        .host(node)
        .and_then(|host| host.reads.iter().find(|answer| answer.context == context).copied());
    Some(match answer {
        None => String::from("waiting"),
        Some(answer) => answer.index.map_or(String::from("failed"), |index| index.to_string()),
    })
}

pub(super) fn run(world: &World, name: &str, words: &mut Words<'_>) -> Result<String, Stop> {
    let mut text = String::new();
    if name == "wire" {
        let mut count = u64::MAX;
        let filter = super::command::filter(words, &mut count)?;
        let meant = world.cluster.wire.iter().filter(|envelope| filter.means(envelope));
        for envelope in meant.take(count.try_into().unwrap_or(usize::MAX)) {
            line(&mut text, &message(envelope));
        }
        return Ok(text);
    }
    if name == "reads" {
        for read_name in world.reads.keys() {
            let state = read(world, read_name).unwrap_or_default();
            line(&mut text, &format!("{read_name}: {state}"));
        }
        return Ok(text);
    }
    let nodes = words.nodes()?;
    for id in (if nodes.is_empty() { world.everybody() } else { nodes }).iter() {
        match world.cluster.host(id) {
            None => line(&mut text, &format!("{id}: down")),
            Some(host) => of_host(&mut text, name, id, host),
        }
    }
    Ok(text)
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a String takes every write");
}

fn of_host(text: &mut String, name: &str, id: NodeId, host: &Host) {
    let raft = &host.raft;
    match name {
        "status" => {
            let (term, commit, last) = (raft.term(), raft.commit(), raft.log().last().index);
            let leader = raft.leader().map_or(String::from("none"), |leader| leader.to_string());
            let role = role(raft.role());
            line(
                text,
                &format!("{id}: {role} term={term} leader={leader} commit={commit} last={last}"),
            );
        }
        "log" => line(text, &format!("{id}: {}", log(host))),
        "config" => line(text, &format!("{id}: {}", raft.config())),
        _ => {
            for other in raft.config().members().without(NodeSet::one(id)).iter() {
                let Some(peer) = raft.peer(other) else { continue };
                let pace = pace(peer.pace);
                let (received, durable, next) = (peer.received, peer.durable, peer.next);
                let flying = peer.in_flight();
                line(
                    text,
                    &format!(
                        "{id}: {other} {pace} received={received} durable={durable} next={next} \
                         in-flight={flying}"
                    ),
                );
            }
        }
    }
}

/// One message, as scripts show it.
fn message(envelope: &Envelope) -> String {
    let Envelope { from, to, cargo } = envelope;
    let mut text = format!("{from}->{to} {}", envelope.kind());
    let Cargo::Raft(msg, entries) = cargo else { return text };
    text += &format!(" term={}", msg.term);
    let index =
        |index: Option<Index>| index.map_or(String::from("none"), |index| index.to_string());
    text += &match msg.body {
        Body::PreVote { next_term, last } => {
            format!(" for={next_term} last={}/{}", last.index, last.term)
        }
        Body::PreVoteAnswer { granted, .. } | Body::VoteAnswer { granted, .. } => {
            format!(" granted={}", if granted { "yes" } else { "no" })
        }
        Body::Vote { last, .. } => format!(" last={}/{}", last.index, last.term),
        Body::Append(append) => {
            let (prev, last, commit) = (append.prev, append.last, append.commit);
            let configs =
                entries.iter().filter(|e| matches!(e.payload, Payload::Config(_))).count();
            let config = if configs > 0 { " config" } else { "" };
            format!(" prev={}/{} last={last} commit={commit}{config}", prev.index, prev.term)
        }
        Body::AppendAck(progress) => {
            format!(" received={} durable={}", progress.received, progress.durable)
        }
        Body::AppendReject { prev, last, .. } => format!(" prev={prev} last={last}"),
        Body::Heartbeat { round, commit, .. } => format!(" round={round} commit={commit}"),
        Body::HeartbeatAck { round, .. } => format!(" round={round}"),
        Body::Snapshot { mark } => format!(" at={}/{}", mark.index, mark.term),
        Body::ReadAnswer { index: at, .. } => format!(" index={}", index(at)),
        Body::TimeoutNow | Body::LeaseReleased | Body::Read { .. } | Body::TermOver => {
            String::new()
        }
    };
    text
}
