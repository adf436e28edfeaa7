//! Which agents share a thread, and where it runs.

use crate::error::{from_toml, line_at};
use crate::{ConfigError, TOPOLOGIES};
use serde::Deserialize;
use toml::Spanned;

/// Every agent that a topology places, in the order of an order's walk.
pub const AGENTS: [&str; 5] = ["gateway", "sequencer", "journal", "executor", "egress"];

/// What the host offers; the rim reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// CPUs that this process may run on, ascending.
    pub allowed_cpus: Vec<usize>,
    /// NUMA node of each CPU in `allowed_cpus`, in the same order.
    pub numa_nodes: Vec<usize>,
    /// True if hot threads are to run under SCHED_FIFO.
    pub fifo: bool,
}

/// Where a tile runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileCpu {
    /// Wherever the system likes.
    Any,
    /// On this CPU only.
    Cpu(usize),
}

/// What a tile does when a round found no work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Idle {
    /// Ask again.
    Spin,
    /// Let others run, then ask again.
    Yield,
    /// Ask a few times, then sleep a little.
    Park,
}

/// One thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Name of the thread.
    pub name: String,
    /// Its agents, in the order in which they are called.
    pub agents: Vec<&'static str>,
    /// Where it runs.
    pub cpu: TileCpu,
    /// What it does without work.
    pub idle: Idle,
}

/// A checked topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// Its name.
    pub name: String,
    /// Its threads.
    pub tiles: Vec<Tile>,
    /// CPUs for threads that may block; empty = any.
    pub housekeeping: Vec<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTopology {
    name: String,
    tile: Vec<RawTile>,
    #[serde(default)]
    housekeeping: RawHousekeeping,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHousekeeping {
    cpus: Vec<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTile {
    name: Spanned<String>,
    agents: Spanned<Vec<String>>,
    cpu: Spanned<RawCpu>,
    idle: Idle,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawCpu {
    Number(usize),
    Word(String),
}

impl Topology {
    /// Text of a built-in topology.
    #[must_use]
    pub fn built_in(name: &str) -> Option<&'static str> {
        TOPOLOGIES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// Reads a topology and holds it against the host.
    ///
    /// # Errors
    /// The first thing that is wrong: it names the tile, the line and the fix.
    pub fn parse(file: &str, text: &str, host: &Host) -> Result<Self, ConfigError> {
        let raw: RawTopology =
            toml::from_str(text).map_err(|error| from_toml(file, text, &error))?;
        Check { file, text, host, housekeeping: &raw.housekeeping.cpus }.topology(&raw)
    }
}

struct Check<'a> {
    file: &'a str,
    text: &'a str,
    host: &'a Host,
    housekeeping: &'a [usize],
}

impl Check<'_> {
    fn refuse(&self, at: usize, what: String, fix: String) -> ConfigError {
        let line = Some(line_at(self.text, at));
        ConfigError { file: self.file.into(), line, what, fix }
    }

    fn topology(&self, raw: &RawTopology) -> Result<Topology, ConfigError> {
        let mut tiles: Vec<Tile> = Vec::new();
        for tile in &raw.tile {
            let checked = self.tile(tile, &tiles)?;
            tiles.push(checked);
        }
        for agent in AGENTS {
            if !tiles.iter().any(|tile| tile.agents.contains(&agent)) {
                return Err(ConfigError {
                    file: self.file.into(),
                    line: None,
                    what: format!("the agent {agent} is on no tile"),
                    fix: format!("Add {agent:?} to the agents of one [[tile]]"),
                });
            }
        }
        self.spinning(raw, &tiles)?;
        self.numa(raw, &tiles)?;
        Ok(Topology { name: raw.name.clone(), tiles, housekeeping: raw.housekeeping.cpus.clone() })
    }

    fn tile(&self, raw: &RawTile, before: &[Tile]) -> Result<Tile, ConfigError> {
        let name = raw.name.get_ref();
        let at = raw.agents.span().start;
        if before.iter().any(|tile| tile.name == *name) {
            let what = format!("two tiles are named {name:?}");
            return Err(self.refuse(raw.name.span().start, what, "Give each its own name".into()));
        }
        let mut agents = Vec::new();
        for asked in raw.agents.get_ref() {
            let Some(agent) = AGENTS.into_iter().find(|known| known == asked) else {
                let what = format!("tile {name:?} names the agent {asked:?}, which is none");
                return Err(self.refuse(at, what, format!("Agents are: {}", AGENTS.join(", "))));
            };
            let other = before.iter().find(|tile| tile.agents.contains(&agent));
            if agents.contains(&agent) || other.is_some() {
                let first = other.map_or(name, |tile| &tile.name);
                let what = format!("the agent {agent} is placed twice: on {first:?} and {name:?}");
                return Err(self.refuse(at, what, "Place every agent once".into()));
            }
            agents.push(agent);
        }
        Ok(Tile { name: name.clone(), agents, cpu: self.cpu(raw, before)?, idle: raw.idle })
    }

    fn cpu(&self, raw: &RawTile, before: &[Tile]) -> Result<TileCpu, ConfigError> {
        let (name, at) = (raw.name.get_ref(), raw.cpu.span().start);
        let cpu = match raw.cpu.get_ref() {
            RawCpu::Word(word) if word == "any" => return Ok(TileCpu::Any),
            RawCpu::Word(word) => {
                let what = format!("tile {name:?} has the cpu {word:?}");
                return Err(self.refuse(at, what, "Write a CPU number, or \"any\"".into()));
            }
            RawCpu::Number(cpu) => *cpu,
        };
        let allowed = &self.host.allowed_cpus;
        if !allowed.contains(&cpu) {
            let what = format!("tile {name:?} wants CPU {cpu}, which this process may not use");
            let fix = format!(
                "Choose among {allowed:?}, or widen the process's CPU set (taskset, cpuset, systemd's \
                 CPUAffinity); on a host with few CPUs use the topology \"shared\""
            );
            return Err(self.refuse(at, what, fix));
        }
        if self.housekeeping.contains(&cpu) {
            let what = format!("tile {name:?} sits on CPU {cpu}, which is for housekeeping");
            let fix = "Move the tile, or take the CPU out of [housekeeping]".into();
            return Err(self.refuse(at, what, fix));
        }
        if let Some(other) = before.iter().find(|tile| tile.cpu == TileCpu::Cpu(cpu)) {
            let what = format!("tiles {:?} and {name:?} both sit on CPU {cpu}", other.name);
            let fix = "Give each its own CPU, or put their agents on one tile".into();
            return Err(self.refuse(at, what, fix));
        }
        Ok(TileCpu::Cpu(cpu))
    }

    /// Five spinning tiles on two CPUs ran a thousand times slower than one.
    fn spinning(&self, raw: &RawTopology, tiles: &[Tile]) -> Result<(), ConfigError> {
        let spins = |tile: &&Tile| tile.idle == Idle::Spin;
        let (spinning, cpus) = (tiles.iter().filter(spins).count(), self.host.allowed_cpus.len());
        let last = raw.tile.last().map_or(0, |tile| tile.name.span().start);
        if spinning > cpus {
            let what = format!("{spinning} tiles spin, and there are {cpus} CPUs");
            let fix = "Use the topology \"shared\", or idle = \"yield\"".into();
            return Err(self.refuse(last, what, fix));
        }
        if self.host.fifo && spinning >= cpus {
            let what = format!("{spinning} tiles spin under SCHED_FIFO on all {cpus} CPUs");
            let fix = "Leave one CPU to the kernel's own workers, or the disk never answers".into();
            return Err(self.refuse(last, what, fix));
        }
        Ok(())
    }

    fn numa(&self, raw: &RawTopology, tiles: &[Tile]) -> Result<(), ConfigError> {
        let node_of = |cpu: usize| {
            let at = self.host.allowed_cpus.iter().position(|allowed| *allowed == cpu);
            at.and_then(|at| self.host.numa_nodes.get(at).copied())
        };
        let mut first = None;
        for (tile, raw) in tiles.iter().zip(&raw.tile) {
            let TileCpu::Cpu(cpu) = tile.cpu else { continue };
            let node = node_of(cpu);
            let (home, home_tile) = *first.get_or_insert((node, &tile.name));
            if node != home {
                let what = format!("tiles {home_tile:?} and {:?} sit on two NUMA nodes", tile.name);
                let fix = "Keep all tiles on the node of the network card and the disk".into();
                return Err(self.refuse(raw.cpu.span().start, what, fix));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(cpus: usize) -> Host {
        Host { allowed_cpus: (0..cpus).collect(), numa_nodes: vec![0; cpus], fifo: false }
    }

    fn shared() -> String {
        Topology::built_in("shared").unwrap().into()
    }

    fn pinned() -> String {
        Topology::built_in("pinned").unwrap().into()
    }

    #[test]
    fn the_built_in_topologies_are_valid_where_they_fit() {
        assert_eq!(Topology::parse("shared", &shared(), &host(1)).unwrap().tiles.len(), 1);
        assert_eq!(Topology::parse("pinned", &pinned(), &host(8)).unwrap().tiles.len(), 5);
    }

    #[test]
    fn errors_name_the_tile_the_line_and_the_fix() {
        let swap = |from: &str, to: &str| pinned().replacen(from, to, 1);
        let mut numa = host(8);
        numa.numa_nodes[6] = 1;
        let fifo = Host { fifo: true, ..host(7) };
        let small = swap("cpu = 2", "cpu = 9");
        let cases: [(String, Host, usize, &str); 9] = [
            (small, host(8), 8, "tile \"gateway\" wants CPU 9"),
            (swap("cpu = 2", "cpu = 1"), host(8), 8, "is for housekeeping"),
            (
                swap("cpu = 4", "cpu = 3"),
                host(8),
                20,
                "\"sequencer\" and \"journal\" both sit on CPU 3",
            ),
            (swap("[\"egress\"]", "[\"egres\"]"), host(8), 31, "\"egres\", which is none"),
            (swap("[\"egress\"]", "[\"journal\"]"), host(8), 31, "journal is placed twice"),
            (swap("cpu = 2", "cpu = \"all\""), host(8), 8, "Write a CPU number"),
            (
                swap("name = \"journal\"", "name = \"sequencer\""),
                host(8),
                18,
                "two tiles are named",
            ),
            (pinned(), numa, 32, "two NUMA nodes"),
            (
                pinned().replace("cpu = 2", "cpu = \"any\"").replace("cpu = 3", "cpu = \"any\""),
                Host { allowed_cpus: vec![4, 5, 6], numa_nodes: vec![0; 3], fifo: false },
                30,
                "5 tiles spin, and there are 3 CPUs",
            ),
        ];
        for (text, host, line, part) in cases {
            let error = Topology::parse("t.toml", &text, &host).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
            assert_eq!(error.line, Some(line), "{error}");
        }
        let none = shared().replace(", \"egress\"", "");
        let error = Topology::parse("t.toml", &none, &host(2)).unwrap_err();
        assert!(error.to_string().contains("egress is on no tile"), "{error}");
        let spin = pinned().replace("cpu = 6", "cpu = \"any\"");
        assert!(Topology::parse("t.toml", &spin, &fifo).is_ok());
        let all = Host { allowed_cpus: vec![2, 3, 4, 5, 6], numa_nodes: vec![0; 5], fifo: true };
        let error = Topology::parse("t.toml", &pinned(), &all).unwrap_err();
        assert!(error.to_string().contains("SCHED_FIFO on all 5"), "{error}");
    }
}
