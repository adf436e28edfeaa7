//! Which crate may know which: the arrows of ARCHITECTURE.md, as a table.
//!
//! Inputs -> outputs: packages -> findings.
//! Invariants: a crate that is not in the table is refused, so that a new one gets its place first.

use super::Finding;
use crate::workspace::{Arrow, Package};

/// One crate's place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Where it lies; the package is `gavel-` and the last part.
    pub(super) folder: &'static str,
    pub(super) layer: Layer,
    /// Rooms that it may know, by the last part of their folders.
    may_know: &'static [&'static str],
}

/// How far from the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layer {
    Vocabulary,
    Parts,
    Log,
    Pipeline,
    Rim,
    Node,
    Tool,
}

impl Layer {
    /// L0 to L3: no_std, and only dependencies from the list.
    pub(super) fn is_core(self) -> bool {
        self <= Self::Pipeline
    }
}

const PIPELINE: &[&str] = &[
    "types",
    "contract",
    "link",
    "wire",
    "raft",
    "simd",
    "book",
    "directory",
    "journal",
    "replication",
];
const NODE: &[&str] = &[
    "types",
    "contract",
    "link",
    "wire",
    "raft",
    "simd",
    "book",
    "directory",
    "journal",
    "replication",
    "pipeline",
    "config",
    "io",
];
/// Tools and benches may know every room, and each other.
const ANYTHING: &[&str] = &["*"];

const fn room(folder: &'static str, layer: Layer, may_know: &'static [&'static str]) -> Room {
    Room { folder, layer, may_know }
}

/// Every crate that there may be.
const ROOMS: &[Room] = &[
    room("engine/types", Layer::Vocabulary, &[]),
    room("engine/contract", Layer::Parts, &["types"]),
    room("engine/link", Layer::Parts, &["types"]),
    room("engine/wire", Layer::Parts, &["types"]),
    room("raft", Layer::Parts, &["types"]),
    room("engine/simd", Layer::Parts, &["types"]),
    room("engine/book", Layer::Parts, &["types", "contract", "simd"]),
    room("engine/directory", Layer::Parts, &["types", "contract", "simd"]),
    room("engine/journal", Layer::Log, &["types", "contract", "link"]),
    room("replication", Layer::Log, &["types", "contract", "link", "raft"]),
    room("engine/pipeline", Layer::Pipeline, PIPELINE),
    room("engine/config", Layer::Rim, &["types", "contract"]),
    room("engine/io", Layer::Rim, &["types", "contract"]),
    room("engine/node", Layer::Node, NODE),
    room("tuning", Layer::Node, NODE),
    room("tools/xtask", Layer::Tool, ANYTHING),
    room("tools/sim", Layer::Tool, ANYTHING),
    room("tools/client", Layer::Tool, ANYTHING),
    room("tools/cli", Layer::Tool, ANYTHING),
    room("tools/load", Layer::Tool, ANYTHING),
    room("benches", Layer::Tool, ANYTHING),
];

/// What the core may use from outside, and why: no_std, small, and read.
const OUTSIDE: &[(&str, &str)] = &[
    ("zerocopy", "fixed layouts without unsafe of our own"),
    ("rtrb", "the one ring"),
    ("crc32c", "Castagnoli with SSE4.2, for the log"),
    ("wide", "several numbers compared at one time, without unsafe of our own"),
    ("xxhash-rust", "state digests; fixed specification, no dependency"),
];

/// The room of a package, if it has one.
pub(super) fn room_of(package: &Package) -> Option<Room> {
    ROOMS.iter().copied().find(|room| room.folder == package.folder)
}

fn short(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap_or(folder)
}

/// Checks every package's place and arrows.
pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Finding> {
    let manifest = format!("{}/Cargo.toml", package.folder);
    let Some(room) = room_of(package) else {
        return vec![Finding::new(
            "layers",
            &manifest,
            0,
            format!("{} has no place in the layer table", package.name),
            "give it one in tools/xtask/src/tidy/layers.rs and in ARCHITECTURE.md, with its reason",
        )];
    };
    let mut findings = Vec::new();
    let expected = format!("gavel-{}", short(room.folder));
    if package.name != expected {
        findings.push(Finding::new(
            "layers",
            &manifest,
            0,
            format!("the package is named {}", package.name),
            format!("a package is named after its folder: {expected}"),
        ));
    }
    for dependency in &package.dependencies {
        if let Some((what, mend)) = objection(room, &dependency.name, dependency.kind) {
            findings.push(Finding::new("layers", &manifest, 0, what, mend));
        }
    }
    findings
}

/// What is wrong with an arrow, and how to mend it.
fn objection(from: Room, to: &str, arrow: Arrow) -> Option<(String, String)> {
    let own = to.strip_prefix("gavel-");
    let target = own.and_then(|own| ROOMS.iter().find(|room| short(room.folder) == own));
    match target {
        Some(target) => inside(from, *target, arrow),
        None => outside(from, to, arrow),
    }
}

fn inside(from: Room, target: Room, arrow: Arrow) -> Option<(String, String)> {
    let (from_name, to_name) = (short(from.folder), short(target.folder));
    let may = from.may_know;
    let allowed = match arrow {
        Arrow::Normal => may == ANYTHING || may.contains(&to_name),
        Arrow::Dev => from.layer == Layer::Tool || target.layer != Layer::Tool,
    };
    let knows = match (may, arrow) {
        (_, Arrow::Dev) => String::from("tests may know every room, but no tool"),
        ([], _) => format!("{from_name} knows no other room"),
        _ => format!("{from_name} may know only {}", may.join(", ")),
    };
    (!allowed).then(|| {
        let what = format!("{from_name} must not know {to_name}");
        (what, format!("{knows}: move what is needed down, or meet through a trait of contract"))
    })
}

fn outside(from: Room, to: &str, arrow: Arrow) -> Option<(String, String)> {
    let listed = OUTSIDE.iter().any(|(name, _)| *name == to);
    (from.layer.is_core() && arrow == Arrow::Normal && !listed).then(|| {
        let allowed: Vec<_> =
            OUTSIDE.iter().map(|(name, reason)| format!("{name} ({reason})")).collect();
        let what = format!("a core crate must not depend on {to}");
        (
            what,
            format!("do without, or list it in layers.rs with its reason: {}", allowed.join(", ")),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::assert_one;
    use super::*;
    use crate::workspace::Dependency;

    fn package(folder: &str, arrows: &[(&str, Arrow)]) -> Package {
        let arrow =
            |(name, kind): &(&str, Arrow)| Dependency { name: (*name).to_owned(), kind: *kind };
        Package {
            name: format!("gavel-{}", short(folder)),
            folder: folder.to_owned(),
            roots: Vec::new(),
            dependencies: arrows.iter().map(arrow).collect(),
        }
    }

    #[track_caller]
    fn refused(folder: &str, to: &str, kind: Arrow) {
        let findings = check(&[package(folder, &[(to, kind)])]);
        assert_one(&findings, "layers", &format!("{folder}/Cargo.toml"), 0);
    }

    #[track_caller]
    fn allowed(folder: &str, to: &str, kind: Arrow) {
        let findings = check(&[package(folder, &[(to, kind)])]);
        assert!(findings.is_empty(), "{findings:#?}");
    }

    #[test]
    fn arrows_against_the_layers_are_refused() {
        refused("engine/types", "gavel-contract", Arrow::Normal);
        refused("engine/book", "gavel-wire", Arrow::Normal);
        refused("engine/book", "gavel-link", Arrow::Normal);
        refused("engine/journal", "gavel-book", Arrow::Normal);
        refused("engine/journal", "gavel-raft", Arrow::Normal);
        refused("engine/pipeline", "gavel-io", Arrow::Normal);
        refused("engine/pipeline", "gavel-config", Arrow::Normal);
        refused("engine/config", "gavel-pipeline", Arrow::Normal);
        refused("engine/io", "gavel-link", Arrow::Normal);
        refused("engine/node", "gavel-client", Arrow::Normal);
        refused("raft", "gavel-journal", Arrow::Normal);
        refused("tuning", "gavel-node", Arrow::Normal);
    }

    #[test]
    fn arrows_along_the_layers_are_allowed() {
        allowed("engine/book", "gavel-contract", Arrow::Normal);
        allowed("engine/pipeline", "gavel-wire", Arrow::Normal);
        allowed("engine/node", "gavel-io", Arrow::Normal);
        allowed("tools/cli", "gavel-node", Arrow::Normal);
        allowed("benches", "gavel-client", Arrow::Normal);
    }

    #[test]
    fn tests_are_freer_but_never_know_a_tool() {
        allowed("engine/io", "gavel-journal", Arrow::Dev);
        allowed("engine/book", "proptest", Arrow::Dev);
        refused("engine/node", "gavel-client", Arrow::Dev);
        refused("engine/book", "gavel-sim", Arrow::Dev);
    }

    #[test]
    fn the_core_takes_only_listed_crates_from_outside() {
        refused("engine/wire", "serde", Arrow::Normal);
        refused("engine/pipeline", "libc", Arrow::Normal);
        allowed("engine/wire", "zerocopy", Arrow::Normal);
        allowed("engine/io", "mio", Arrow::Normal);
    }

    #[test]
    fn an_unknown_crate_and_a_wrong_name_are_refused() {
        let unknown = check(&[package("engine/mystery", &[])]);
        assert_one(&unknown, "layers", "engine/mystery/Cargo.toml", 0);
        let mut misnamed = package("engine/book", &[]);
        misnamed.name = String::from("gavel-orderbook");
        assert_one(&check(&[misnamed]), "layers", "engine/book/Cargo.toml", 0);
    }

    #[test]
    fn the_table_agrees_with_itself() {
        for (i, room) in ROOMS.iter().enumerate() {
            let twin = ROOMS[..i].iter().any(|other| short(other.folder) == short(room.folder));
            assert!(!twin, "{} stands once", room.folder);
            for known in room.may_know.iter().filter(|known| **known != "*") {
                let target = ROOMS.iter().find(|other| short(other.folder) == *known);
                let target = target.expect("a room may know only rooms of the table");
                assert!(target.layer <= room.layer, "{} looks up to {known}", room.folder);
            }
        }
    }
}
