//! Both kinds of worlds, seen as one: what is run, and what came of it.
//!
//! Inputs -> outputs: names -> kinds of worlds and planted bugs; a [`Trial`] -> [`Ran`].
//! Invariants: a name names one kind of world, and one bug, of either sort.
//! Not here: tables.

use crate::check::{Sights, Violation};
use crate::countdown::FailCall;
use crate::faults::FaultCounts;
use crate::forecast::{self, Befell};
use crate::less::Less;
use crate::{Mutation, Profile, cluster};
use gavel_types::Nanos;
use std::collections::BTreeMap;

/// A kind of world.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One node and its clients.
    Node(&'static Profile),
    /// Nodes of a cluster.
    Cluster(&'static cluster::Profile),
}

impl Kind {
    /// All of them; the first is the usual one.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let nodes = crate::PROFILES.iter().map(Self::Node);
        nodes.chain(cluster::PROFILES.iter().map(Self::Cluster)).collect()
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|kind| kind.name() == name)
    }

    /// The one of that name, or those of a group.
    #[must_use]
    pub fn chosen(name: &str) -> Option<Vec<Self>> {
        let mut kinds = Self::all();
        match name {
            "all" => {}
            "node-all" => kinds.retain(|kind| !kind.is_cluster()),
            "cluster-all" => kinds.retain(|kind| kind.is_cluster()),
            _ => return Self::named(name).map(|kind| vec![kind]),
        }
        Some(kinds)
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Node(profile) => profile.name,
            Self::Cluster(profile) => profile.name,
        }
    }

    /// What it is for.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Node(profile) => profile.about,
            Self::Cluster(profile) => profile.about,
        }
    }

    /// True if it is of clusters.
    #[must_use]
    pub fn is_cluster(self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// True if one of these worlds knows a fault of that name.
    #[must_use]
    pub fn is_fault(kinds: &[Self], name: &str) -> bool {
        kinds.iter().any(|kind| match kind {
            Self::Node(_) => crate::Fault::ALL.iter().any(|fault| fault.name() == name),
            Self::Cluster(_) => cluster::Fault::ALL.iter().any(|fault| fault.name() == name),
        })
    }
}

/// A bug that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Of one node, or of its client.
    Node(Mutation),
    /// Of a cluster.
    Cluster(cluster::Mutation),
}

impl Bug {
    /// All of them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let nodes = Mutation::ALL.into_iter().map(Self::Node);
        nodes.chain(cluster::Mutation::all().into_iter().map(Self::Cluster)).collect()
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|bug| bug.name() == name)
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Node(mutation) => mutation.name().to_owned(),
            Self::Cluster(mutation) => mutation.name(),
        }
    }

    /// The kind of world in which it shows.
    ///
    /// # Panics
    /// If there is none of that name: a bug.
    #[must_use]
    pub fn kind(self) -> Kind {
        let name = match self {
            Self::Node(mutation) => mutation.profile(),
            Self::Cluster(mutation) => mutation.profile(),
        };
        Kind::named(name).expect("a mutation's profile is there")
    }
}

/// A world that is to be run.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The seed.
    pub seed: u64,
    /// The kind of world.
    pub kind: Kind,
    /// The planted bug, if any: of the same kind of world.
    pub bug: Option<Bug>,
    /// The call of storage that fails, if any: of one node.
    pub fails: Option<FailCall>,
    /// What is left out.
    pub less: Less,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// The first rule that did not hold.
    pub violation: Option<Violation>,
    /// Of all events.
    pub hash: u64,
    /// Steps, or events.
    pub events: u64,
    /// Virtual time.
    pub elapsed_ns: u64,
    /// What clients asked for.
    pub commands: u64,
    /// Answers that left nodes of a cluster.
    pub answers: u64,
    /// Every kind that such a world knows, and how often it happened.
    pub faults: BTreeMap<&'static str, u64>,
    /// Those that have numbers.
    pub befell: Vec<Befell>,
    /// What was seen, and how often.
    pub sights: Sights,
    /// Until a cluster was whole again, after its weather.
    pub recovered_ns: Option<u64>,
    /// The last events, if a rule did not hold.
    pub timeline: String,
}

fn named<F: Ord + Copy>(
    counts: &FaultCounts<F>,
    all: &[F],
    name: impl Fn(F) -> &'static str,
) -> BTreeMap<&'static str, u64> {
    all.iter().map(|fault| (name(*fault), counts.of(*fault))).collect()
}

impl From<crate::Outcome> for Ran {
    fn from(outcome: crate::Outcome) -> Self {
        Self {
            faults: named(&outcome.faults, &crate::Fault::ALL, crate::Fault::name),
            violation: outcome.violation,
            hash: outcome.hash,
            events: outcome.step,
            elapsed_ns: outcome.elapsed.0,
            commands: outcome.submitted,
            befell: outcome.befell,
            sights: outcome.sights,
            timeline: outcome.timeline,
            ..Self::default()
        }
    }
}

impl From<cluster::Outcome> for Ran {
    fn from(outcome: cluster::Outcome) -> Self {
        Self {
            faults: named(&outcome.faults, &cluster::Fault::ALL, cluster::Fault::name),
            violation: outcome.violation,
            hash: outcome.hash,
            events: outcome.events,
            elapsed_ns: outcome.elapsed_ns,
            commands: outcome.commands,
            answers: outcome.answers,
            befell: outcome.befell,
            sights: outcome.sights,
            recovered_ns: outcome.recovered_ns,
            timeline: outcome.timeline,
        }
    }
}

impl Ran {
    /// Of a world that does not go on.
    fn so_far(at: Nanos, timeline: String) -> Self {
        let befell = forecast::so_far();
        let mut faults = BTreeMap::new();
        befell.iter().for_each(|fault| *faults.entry(fault.kind).or_default() += 1);
        Self { elapsed_ns: at.0, befell, faults, timeline, ..Self::default() }
    }
}

impl Trial {
    /// Runs it.
    ///
    /// # Panics
    /// If the bug is one of the other kind of worlds.
    #[must_use]
    pub fn run(&self) -> Ran {
        let (seed, less) = (self.seed, self.less.clone());
        match (self.kind, self.bug) {
            (Kind::Node(profile), None | Some(Bug::Node(_))) => {
                let mutation = self.bug.and_then(|bug| match bug {
                    Bug::Node(mutation) => Some(mutation),
                    Bug::Cluster(_) => None,
                });
                let fails = self.fails;
                crate::run(crate::Case { seed, profile, mutation, fails, less }).into()
            }
            (Kind::Cluster(profile), None | Some(Bug::Cluster(_))) => {
                let mutation = self.bug.and_then(|bug| match bug {
                    Bug::Cluster(mutation) => Some(mutation),
                    Bug::Node(_) => None,
                });
                cluster::run(cluster::Case { seed, profile, mutation, less }).into()
            }
            _ => panic!("a bug is planted in a world of its kind"),
        }
    }

    /// What stands on a command line for it.
    #[must_use]
    pub fn options(&self) -> String {
        let Self { seed, kind, bug, fails, less } = self;
        let mutate = bug.map_or(String::new(), |bug| format!(" --mutate {}", bug.name()));
        let fails = fails.map_or(String::new(), |fails| format!(" {}", fails.option()));
        let less = less.options();
        format!("--profile {} --seeds 1 --from {seed}{mutate}{fails}{less}", kind.name())
    }

    /// How to play it again.
    #[must_use]
    pub fn command(&self) -> String {
        format!("cargo xtask sim {}", self.options())
    }

    /// What runs on this thread: for a hook, in builds that do not unwind. Of what came of it, only
    /// the time, the numbered faults and the last events are known.
    #[must_use]
    pub fn running() -> Option<(Self, Ran)> {
        if let Some((case, at, timeline)) = cluster::running() {
            let cluster::Case { seed, profile, mutation, less } = case;
            let (kind, bug) = (Kind::Cluster(profile), mutation.map(Bug::Cluster));
            let ran = Ran::so_far(at, timeline);
            return Some((Self { seed, kind, bug, fails: None, less }, ran));
        }
        let (case, at, timeline) = crate::run::running()?;
        let crate::Case { seed, profile, mutation, fails, less } = case;
        let (kind, bug) = (Kind::Node(profile), mutation.map(Bug::Node));
        let ran = Ran::so_far(at, timeline);
        Some((Self { seed, kind, bug, fails, less }, ran))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_names_one() {
        for kind in Kind::all() {
            let same = Kind::all().into_iter().filter(|other| other.name() == kind.name());
            assert_eq!(same.count(), 1, "{}", kind.name());
            assert!(!["all", "node-all", "cluster-all"].contains(&kind.name()));
        }
        for bug in Bug::all() {
            assert_eq!(Bug::named(&bug.name()), Some(bug));
            assert_eq!(bug.kind().is_cluster(), matches!(bug, Bug::Cluster(_)));
        }
        let (all, nodes) = (Kind::chosen("all").unwrap(), Kind::chosen("node-all").unwrap());
        assert_eq!(all.len(), nodes.len() + Kind::chosen("cluster-all").unwrap().len());
    }
}
