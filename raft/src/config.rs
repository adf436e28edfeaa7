//! Who belongs to a cluster, and what a majority of it is.
//!
//! Inputs -> outputs: a configuration, a change -> the next configuration, or why not; values per
//! node -> the greatest that a majority has reached.
//! Invariants: a majority is one of all voters of both halves, witnesses among them; learners are
//! in none; a change of more than one voter goes through both halves.
//! Limits: [`MEMBERS_MAX`] members.
//! Not here: when a configuration is in force (membership.rs).
//! Source: Raft 6; thesis chapter 4.

use crate::limits::{MEMBERS_MAX, NODES_MAX};
use crate::message::Progress;
use crate::set::NodeSet;
use gavel_types::{Index, NodeId};

/// Names a disk, or rather what was once written on it: drawn when a node's storage is made. A node
/// that comes back with another one is not who it was (SAFETY 15).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DiskId(pub u32);

impl DiskId {
    /// No disk.
    pub const NONE: Self = Self(0);
}

/// Members, and what each of them is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Config {
    /// Who votes; in a joint configuration, the new half.
    pub voters: NodeSet,
    /// The old half of a joint configuration; nobody outside one.
    pub outgoing: NodeSet,
    /// Who is sent the log and does not vote.
    pub learners: NodeSet,
    /// Voters of the old half that will be learners.
    pub learners_next: NodeSet,
    /// Voters that hold no copy: they vote and answer heartbeats.
    pub witnesses: NodeSet,
    /// True if the leader ends the joint configuration by itself.
    pub auto_leave: bool,
    /// The disk of each member.
    pub disks: [DiskId; NODES_MAX],
}

/// A configuration and the index of its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConfigAt {
    /// Where its entry lies; 0 for the one that a cluster begins with.
    pub index: Index,
    /// What it says.
    pub config: Config,
}

/// How a change is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChangeMode {
    /// At once if at most one voter changes, else through a joint configuration that ends itself.
    #[default]
    Auto,
    /// Through a joint configuration that ends itself.
    Joint,
    /// Through a joint configuration that stays until it is told to end.
    JointExplicit,
}

/// A wish for other members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// To be voters.
    pub voters: NodeSet,
    /// To be voters without a copy.
    pub witnesses: NodeSet,
    /// To be learners.
    pub learners: NodeSet,
    /// To go.
    pub remove: NodeSet,
    /// How.
    pub mode: ChangeMode,
    /// Disks of those that are added, or that come with another one.
    pub disks: [DiskId; NODES_MAX],
}

/// Why a change is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeRefusal {
    /// One node is named twice.
    Ambiguous,
    /// Nobody would be left that votes and holds a copy.
    NoVoter,
    /// More than [`MEMBERS_MAX`] members, or an id that is not below [`crate::Options::nodes`].
    TooMany,
    /// A member would have no disk.
    NoDisk,
    /// A node would vote with another disk than it had; it has to be a learner first.
    DiskOfVoter,
    /// The configuration is joint, and must be left first.
    Joint,
    /// The configuration is not joint: there is nothing to leave.
    NotJoint,
    /// Another change is not committed yet.
    Pending,
    /// The leader has not committed an entry of its own term yet.
    TooEarly,
}

impl Config {
    /// Voters only, all with this disk.
    #[must_use]
    pub fn of_voters(voters: NodeSet, disk: DiskId) -> Self {
        let mut config = Self { voters, ..Self::default() };
        for node in voters.iter() {
            config.disks[node.0 as usize] = disk;
        }
        config
    }

    /// Everybody.
    #[must_use]
    #[inline]
    pub fn members(&self) -> NodeSet {
        self.all_voters().or(self.learners).or(self.learners_next)
    }

    /// Voters of both halves.
    #[must_use]
    #[inline]
    pub fn all_voters(&self) -> NodeSet {
        self.voters.or(self.outgoing)
    }

    /// Members that are sent the log.
    #[must_use]
    #[inline]
    pub fn replicas(&self) -> NodeSet {
        self.members().without(self.witnesses)
    }

    /// True while both halves count.
    #[must_use]
    #[inline]
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// The disk that a member must have; none for strangers.
    #[must_use]
    #[inline]
    pub fn disk_of(&self, node: NodeId) -> DiskId {
        if self.members().has(node) { self.disks[node.0 as usize] } else { DiskId::NONE }
    }

    /// True if these are a majority, of each half if there are two.
    #[must_use]
    #[inline]
    pub fn is_quorum(&self, nodes: NodeSet) -> bool {
        // Raft 6: agreement needs separate majorities of both configurations.
        self.voters.has_majority(nodes)
            && (self.outgoing.is_empty() || self.outgoing.has_majority(nodes))
    }

    /// The greatest value that a majority has reached, of each half if there are two.
    #[must_use]
    #[inline]
    pub fn quorum_value(&self, value: impl Fn(NodeId) -> u64) -> u64 {
        let new = majority_value(self.voters, &value);
        if self.outgoing.is_empty() { new } else { new.min(majority_value(self.outgoing, &value)) }
    }

    /// How far a majority is, in memory and on disk, of each half if there are two.
    #[must_use]
    #[inline]
    pub(crate) fn quorum_progress(&self, copy: impl Fn(NodeId) -> Progress) -> Progress {
        let new = majority_progress(self.voters, &copy);
        if self.outgoing.is_empty() {
            return new;
        }
        let old = majority_progress(self.outgoing, &copy);
        Progress { received: new.received.min(old.received), durable: new.durable.min(old.durable) }
    }

    /// What comes after a change.
    ///
    /// # Errors
    /// [`ChangeRefusal`] if it must not be made.
    pub fn changed(&self, change: &Change) -> Result<Self, ChangeRefusal> {
        if self.is_joint() {
            return Err(ChangeRefusal::Joint);
        }
        let Change { voters, witnesses, learners, remove, .. } = *change;
        let named = voters.or(witnesses).or(learners).or(remove);
        if voters.len() + witnesses.len() + learners.len() + remove.len() != named.len() {
            return Err(ChangeRefusal::Ambiguous);
        }
        let kept = self.voters.without(learners.or(remove));
        let mut next = Self {
            voters: kept.or(voters).or(witnesses),
            learners: self.learners.without(named).or(learners),
            witnesses: self.witnesses.without(named).or(witnesses),
            ..*self
        };
        self.change_disks(change, &mut next)?;
        let entering = next.voters.without(self.voters).len();
        let leaving = self.voters.without(next.voters).len();
        // Thesis 4.1: majorities of configurations that differ by one voter overlap.
        if change.mode != ChangeMode::Auto || entering + leaving > 1 {
            next.outgoing = self.voters;
            next.auto_leave = change.mode != ChangeMode::JointExplicit;
            next.learners_next = next.learners.and(self.voters);
            next.learners = next.learners.without(next.learners_next);
            next.witnesses = next.witnesses.or(self.witnesses.and(next.outgoing).without(voters));
        }
        if next.voters.without(next.witnesses).is_empty() {
            return Err(ChangeRefusal::NoVoter);
        }
        if next.members().len() > MEMBERS_MAX {
            return Err(ChangeRefusal::TooMany);
        }
        next.forget_strangers();
        Ok(next)
    }

    fn change_disks(&self, change: &Change, next: &mut Self) -> Result<(), ChangeRefusal> {
        for node in change.voters.or(change.witnesses).or(change.learners).iter() {
            let place = node.0 as usize;
            let (old, new) = (self.disk_of(node), change.disks[place]);
            // SAFETY 15: what a wiped voter promised is forgotten, so that it may not vote again
            // by a mere change of its disk's name.
            if self.voters.has(node) && next.voters.has(node) && new != DiskId::NONE && new != old {
                return Err(ChangeRefusal::DiskOfVoter);
            }
            next.disks[place] = if new == DiskId::NONE { old } else { new };
            if next.disks[place] == DiskId::NONE {
                return Err(ChangeRefusal::NoDisk);
            }
        }
        Ok(())
    }

    /// What comes after a joint configuration.
    ///
    /// # Errors
    /// If it is not joint.
    pub fn left(&self) -> Result<Self, ChangeRefusal> {
        if !self.is_joint() {
            return Err(ChangeRefusal::NotJoint);
        }
        let mut next = Self {
            outgoing: NodeSet::EMPTY,
            learners: self.learners.or(self.learners_next),
            learners_next: NodeSet::EMPTY,
            witnesses: self.witnesses.and(self.voters),
            auto_leave: false,
            ..*self
        };
        next.forget_strangers();
        Ok(next)
    }

    fn forget_strangers(&mut self) {
        let members = self.members();
        for (id, disk) in self.disks.iter_mut().enumerate() {
            if !members.has(NodeId(id as u8)) {
                *disk = DiskId::NONE;
            }
        }
    }
}

/// Values, greatest first.
struct Sorted {
    values: [u64; MEMBERS_MAX],
    len: usize,
}

impl Sorted {
    #[inline]
    fn new() -> Self {
        Self { values: [0; MEMBERS_MAX], len: 0 }
    }

    /// By insertion: there are three or five of them.
    #[inline]
    fn insert(&mut self, value: u64) {
        let mut place = self.len;
        while place > 0 && self.values[place - 1] < value {
            self.values[place] = self.values[place - 1];
            place -= 1;
        }
        self.values[place] = value;
        self.len += 1;
    }

    /// What more than half of them have reached.
    #[inline]
    fn of_majority(&self) -> u64 {
        self.values[self.len / 2]
    }
}

/// The greatest value that more than half of the voters have reached.
#[inline]
fn majority_value(voters: NodeSet, value: &impl Fn(NodeId) -> u64) -> u64 {
    let mut sorted = Sorted::new();
    for node in voters.iter() {
        sorted.insert(value(node));
    }
    sorted.of_majority()
}

#[inline]
fn majority_progress(voters: NodeSet, copy: &impl Fn(NodeId) -> Progress) -> Progress {
    let (mut received, mut durable) = (Sorted::new(), Sorted::new());
    for node in voters.iter() {
        let copy = copy(node);
        received.insert(copy.received.0);
        durable.insert(copy.durable.0);
    }
    Progress { received: Index(received.of_majority()), durable: Index(durable.of_majority()) }
}

impl core::fmt::Display for Config {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "voters=({})", self.voters)?;
        if self.is_joint() {
            write!(f, "&&({})", self.outgoing)?;
        }
        for (name, set) in [
            ("learners", self.learners),
            ("learners_next", self.learners_next),
            ("witnesses", self.witnesses),
        ] {
            if !set.is_empty() {
                write!(f, " {name}=({set})")?;
            }
        }
        if self.auto_leave { f.write_str(" autoleave") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISK: DiskId = DiskId(1);

    fn voters(nodes: &[u8]) -> Config {
        Config::of_voters(NodeSet::of(nodes), DISK)
    }

    fn change() -> Change {
        Change { disks: [DISK; NODES_MAX], ..Change::default() }
    }

    #[test]
    fn a_majority_has_reached_the_middle() {
        let reached = |node: NodeId| [0, 9, 5, 7, 3, 1][node.0 as usize];
        assert_eq!(voters(&[1, 2, 3]).quorum_value(reached), 7);
        assert_eq!(voters(&[1, 2, 3, 4]).quorum_value(reached), 5);
        assert_eq!(voters(&[1, 2, 3, 4, 5]).quorum_value(reached), 5);
        assert_eq!(voters(&[1]).quorum_value(reached), 9);
    }

    // Raft 6: in a joint configuration both halves must agree.
    #[test]
    fn both_halves_must_agree() {
        let to = Change { voters: NodeSet::of(&[4, 5]), remove: NodeSet::of(&[1, 2]), ..change() };
        let joint = voters(&[1, 2, 3]).changed(&to).unwrap();
        assert_eq!(joint.to_string(), "voters=(3 4 5)&&(1 2 3) autoleave");
        assert!(!joint.is_quorum(NodeSet::of(&[3, 4, 5])));
        assert!(joint.is_quorum(NodeSet::of(&[2, 3, 5])));
        let reached = |node: NodeId| u64::from(node.0);
        assert_eq!(joint.quorum_value(reached), 2);
        assert_eq!(joint.changed(&change()), Err(ChangeRefusal::Joint));
        assert_eq!(joint.left().unwrap(), voters(&[3, 4, 5]));
    }

    // Thesis 4.1: one voter at a time needs no second half, two do.
    #[test]
    fn one_voter_needs_no_second_half() {
        let one = Change { voters: NodeSet::of(&[4]), ..change() };
        assert_eq!(voters(&[1, 2, 3]).changed(&one).unwrap(), voters(&[1, 2, 3, 4]));
        let swap = Change { voters: NodeSet::of(&[4]), remove: NodeSet::of(&[1]), ..change() };
        assert!(voters(&[1, 2, 3]).changed(&swap).unwrap().is_joint());
        let forced = Change { mode: ChangeMode::JointExplicit, ..one };
        let joint = voters(&[1, 2, 3]).changed(&forced).unwrap();
        assert!(joint.is_joint() && !joint.auto_leave);
    }

    #[test]
    fn a_voter_that_is_to_learn_stays_a_voter_until_the_end() {
        let demote = Change { learners: NodeSet::of(&[3]), mode: ChangeMode::Joint, ..change() };
        let joint = voters(&[1, 2, 3]).changed(&demote).unwrap();
        assert_eq!(joint.to_string(), "voters=(1 2)&&(1 2 3) learners_next=(3) autoleave");
        assert_eq!(joint.left().unwrap().to_string(), "voters=(1 2) learners=(3)");
    }

    // SAFETY 15: another disk votes only after it was a learner.
    #[test]
    fn another_disk_does_not_vote_at_once() {
        let mut wiped = Change { voters: NodeSet::of(&[3]), ..change() };
        wiped.disks[3] = DiskId(2);
        assert_eq!(voters(&[1, 2, 3]).changed(&wiped), Err(ChangeRefusal::DiskOfVoter));
        let learner = Change { voters: NodeSet::EMPTY, learners: NodeSet::of(&[3]), ..wiped };
        let learning = voters(&[1, 2, 3]).changed(&learner).unwrap();
        assert_eq!(learning.disk_of(NodeId(3)), DiskId(2));
        let back = Change { voters: NodeSet::of(&[3]), ..Change::default() };
        assert_eq!(learning.changed(&back).unwrap().disk_of(NodeId(3)), DiskId(2));
    }

    #[test]
    fn what_leaves_nobody_is_refused() {
        let all = Change { remove: NodeSet::of(&[1]), ..change() };
        assert_eq!(voters(&[1]).changed(&all), Err(ChangeRefusal::NoVoter));
        let witness = Change { witnesses: NodeSet::of(&[1]), ..change() };
        assert_eq!(voters(&[1]).changed(&witness), Err(ChangeRefusal::NoVoter));
        let twice = Change { voters: NodeSet::of(&[2]), learners: NodeSet::of(&[2]), ..change() };
        assert_eq!(voters(&[1]).changed(&twice), Err(ChangeRefusal::Ambiguous));
        let bare = Change { voters: NodeSet::of(&[2]), ..Change::default() };
        assert_eq!(voters(&[1]).changed(&bare), Err(ChangeRefusal::NoDisk));
        assert_eq!(voters(&[1]).left(), Err(ChangeRefusal::NotJoint));
    }
}
