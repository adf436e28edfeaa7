//! Names that stand for nodes, so that a story need not know who wins an election.

use super::command::Stop;
use super::world::World;
use gavel_raft::NodeSet;
use std::borrow::Cow;

/// Options whose values are nodes.
const OF_NODES: &[&str] = &["from", "to", "add", "learner", "witness", "remove"];

/// Puts numbers in the place of `leader`, who leads in the highest term, of `others`, the rest, and
/// of `everybody`.
///
/// Where these words are something else (`role=leader`, `expect leader=1`) they stay.
pub(super) fn resolve<'a>(world: &World, command: &'a str) -> Result<Cow<'a, str>, Stop> {
    let mut words = command.split_whitespace();
    let Some(name) = words.next() else { return Ok(Cow::Borrowed(command)) };
    let mut resolved = vec![Cow::Borrowed(name)];
    for word in words {
        resolved.push(match word.split_once('=') {
            None => nodes(world, word)?,
            Some((key, value)) if OF_NODES.contains(&key) => {
                Cow::Owned(format!("{key}={}", nodes(world, value)?))
            }
            Some(_) => Cow::Borrowed(word),
        });
    }
    let is_same = resolved.iter().all(|word| matches!(word, Cow::Borrowed(_)));
    Ok(if is_same { Cow::Borrowed(command) } else { Cow::Owned(resolved.join(" ")) })
}

fn nodes<'a>(world: &World, word: &'a str) -> Result<Cow<'a, str>, Stop> {
    let is_end = |c: char| !c.is_ascii_alphanumeric();
    let has = |name: &str| word.split(is_end).any(|part| part == name);
    let list = |nodes: NodeSet| {
        let nodes: Vec<String> = nodes.iter().map(|node| node.to_string()).collect();
        nodes.join(",")
    };
    let word = match has("everybody") {
        true => Cow::Owned(word.replace("everybody", &list(world.everybody()))),
        false => Cow::Borrowed(word),
    };
    if !has("leader") && !has("others") {
        return Ok(word);
    }
    let Some(leader) = world.cluster.leader() else {
        return Err(Stop::Disagrees(format!("nobody leads, so that {word} is nobody")));
    };
    let others = list(world.everybody().without(NodeSet::one(leader)));
    let leader = leader.to_string();
    Ok(Cow::Owned(word.replace("leader", &leader).replace("others", &others)))
}
