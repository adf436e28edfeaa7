//! Links: cut and healed, and what happens on them by chance.

use super::command::{Answer, DONE, Stop, unplayable};
use super::words::{self, Words};
use super::world::{Weather, World};
use crate::random::Random;
use gavel_raft::NodeSet;
use gavel_types::NodeId;

pub(super) fn run(world: &mut World, name: &str, words: &mut Words<'_>) -> Answer {
    let everybody = world.everybody();
    match name {
        "cut" => cut(world, words)?,
        "isolate" => {
            let lonely = known(world, words.nodes()?)?;
            if lonely.is_empty() {
                return unplayable("nodes are missing");
            }
            for node in lonely.iter() {
                let alone = NodeSet::one(node);
                part(world, &[alone, everybody.without(alone)]);
            }
        }
        "partition" => {
            let parts = words.need("parts, as 1,2|3,4,5")?.split('|');
            let parts: Vec<NodeSet> = parts.map(words::nodes).collect::<Result<_, _>>()?;
            for part in &parts {
                known(world, *part)?;
            }
            part(world, &parts);
        }
        "weather" => weather(world, words)?,
        _ => match words.next() {
            Some(word) => {
                let healed = words::links(word)?;
                world.cluster.cuts.retain(|link| !healed.contains(link));
            }
            None => world.cluster.cuts.clear(),
        },
    }
    DONE
}

/// These nodes, if there are such.
fn known(world: &World, nodes: NodeSet) -> Result<NodeSet, Stop> {
    let strangers = nodes.without(world.everybody());
    match strangers.is_empty() {
        true => Ok(nodes),
        false => unplayable(format!("there is no node {strangers}")),
    }
}

fn cut(world: &mut World, words: &mut Words<'_>) -> Result<(), Stop> {
    let mut links: Vec<(NodeId, NodeId)> = words::links(words.need("a link")?)?;
    while let Some(word) = words.next() {
        links.extend(words::links(word)?);
    }
    for (from, to) in &links {
        known(world, NodeSet::one(*from).or(NodeSet::one(*to)))?;
    }
    world.cluster.cuts.extend(links);
    Ok(())
}

/// Cuts all links between parts.
fn part(world: &mut World, parts: &[NodeSet]) {
    for (place, one) in parts.iter().enumerate() {
        for (_, other) in parts.iter().enumerate().filter(|(at, _)| *at != place) {
            let links = one.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
            world.cluster.cuts.extend(links);
        }
    }
}

/// `weather loss=10% dup=5% late=20ms seed=7`, or `weather fair`.
fn weather(world: &mut World, words: &mut Words<'_>) -> Result<(), Stop> {
    if words.flag("fair") {
        world.weather = None;
        return Ok(());
    }
    let mut weather = Weather::default();
    let options = words.options();
    if options.is_empty() {
        return unplayable("weather is fair, or has loss=10% dup=5% late=20ms seed=7");
    }
    for (key, value) in options {
        match key {
            "loss" => weather.loss = words::percent(value)?,
            "dup" => weather.dup = words::percent(value)?,
            "late" => weather.late_ns = words::duration_ns(value)?,
            "seed" => weather.random = Random::new(words::number(value)?),
            _ => return unplayable(format!("weather has no {key}")),
        }
    }
    world.weather = Some(weather);
    Ok(())
}
