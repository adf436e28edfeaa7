//! Time: it runs, it is waited for, and clocks go wrong.

use super::command::{Answer, DONE, Stop, unplayable};
use super::expect;
use super::words::{self, Words};
use super::world::World;

/// How often an expectation is looked at while time runs.
const LOOK_NS: u64 = 1_000_000;

pub(super) fn run(world: &mut World, name: &str, words: &mut Words<'_>) -> Answer {
    match name {
        "run" => pass(world, words)?,
        "tick" => {
            let ns = words::duration_ns(words.need("a duration")?)?;
            let is_for_nobody = words.flag("none");
            let nodes = words.nodes()?;
            let is_for_all = nodes.is_empty() && !is_for_nobody;
            world.tick(ns, if is_for_all { world.everybody() } else { nodes });
        }
        _ => clock(world, words)?,
    }
    DONE
}

/// `run 500ms`, `run 2s until leader!=none`, `run 1s holding leader=1`.
fn pass(world: &mut World, words: &mut Words<'_>) -> Result<(), Stop> {
    let ns = words::duration_ns(words.need("a duration")?)?;
    let ended = match words.next() {
        None => world.run(ns),
        Some("until") => wait(world, ns, &words.rest()),
        Some("holding") => hold(world, ns, &words.rest()),
        Some(word) => return unplayable(format!("{word} is neither until nor holding")),
    };
    world.come_to_rest();
    ended
}

fn look(world: &World, expected: &Words<'_>) -> Result<(), Stop> {
    let mut expected = expected.clone();
    expect::run(world, &mut expected)?;
    expected.end()
}

/// Time runs until what is expected is there, and at most so long.
fn wait(world: &mut World, ns: u64, expected: &Words<'_>) -> Result<(), Stop> {
    let mut left = ns;
    loop {
        match look(world, expected) {
            Err(Stop::Disagrees(what)) if left == 0 => {
                return Err(Stop::Disagrees(format!("not in all that time: {what}")));
            }
            Err(Stop::Disagrees(_)) => {}
            ended => return ended,
        }
        let step = left.min(LOOK_NS);
        world.run(step)?;
        left -= step;
    }
}

/// Time runs, and what is expected is there all the while.
fn hold(world: &mut World, ns: u64, expected: &Words<'_>) -> Result<(), Stop> {
    let mut left = ns;
    loop {
        if let Err(Stop::Disagrees(what)) = look(world, expected) {
            let passed_ms = (ns - left) / 1_000_000;
            return Err(Stop::Disagrees(format!("after {passed_ms} ms: {what}")));
        }
        if left == 0 {
            return look(world, expected);
        }
        let step = left.min(LOOK_NS);
        world.run(step)?;
        left -= step;
    }
}

fn clock(world: &mut World, words: &mut Words<'_>) -> Result<(), Stop> {
    let id = words.node()?;
    let options = words.options();
    let Some(slot) = world.cluster.slots.get_mut(&id) else {
        return unplayable(format!("there is no node {id}"));
    };
    for (key, value) in options {
        match key {
            // A new rate must not move what the clock shows now by much: it is counted from the
            // beginning, which was not long ago.
            "drift" => slot.clock.drift_ppm = words::ppm(value)?,
            "jump-boot" => slot.clock.boot_ns += words::duration_ns(value)?,
            "jump-raw" => slot.clock.raw_ns += words::duration_ns(value)?,
            "stop" => slot.clock.missed_ns += words::duration_ns(value)?,
            _ => return unplayable(format!("a clock has no {key}")),
        }
    }
    Ok(())
}
