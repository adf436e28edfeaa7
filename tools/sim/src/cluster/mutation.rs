//! Planted bugs of a cluster: of the core, and of what is around it.
//!
//! Inputs -> outputs: a name -> who errs, and how.
//! Invariants: a run without a mutation is a run of the product as it is.
//! Not here: the core's bugs themselves (gavel-raft behind its feature `mutate`); a node that takes
//! messages of whatever generation: terms of a lower generation are lower, so that nothing comes of
//! them, and the core's check is a second lock on one door.

use gavel_raft::Mutation as Core;

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// The core errs.
    Core(Core),
    /// A leader answers what is on its own disk only.
    AnswerBeforeCommit,
    /// A follower applies whatever it received.
    ApplyBeforeCommit,
    /// A command that comes again has its effect again.
    SkipDeduplication,
    /// A read is answered before its index is applied.
    ReadBeforeApplied,
    /// A leader answers whether it holds the lease or not.
    LeaseUnchecked,
    /// A disk says that entries are durable, and loses them in a crash.
    LyingDisk,
    /// A disk loses term and vote in a crash.
    VoteForgotten,
    /// A node whose disk was lost comes back under its old disk's name.
    WipedKeepsName,
    /// One node's state changes by itself.
    StateDrifts,
    /// A follower that is asked to read answers from what it has.
    FollowerReadsAtOnce,
    /// A deposed primary cuts its tail off without an archive.
    OrphansNotArchived,
    /// It begins the archive, and cuts the tail off meanwhile.
    ArchiveAfterTruncation,
    /// `local` goes on past its bounds.
    BoundNotEnforced,
    /// `held` takes a witness for a copy.
    HeldCountsWitness,
    /// `held` counts what a member had received before it restarted.
    HeldSurvivesRestart,
    /// A read is answered from what was executed and is not committed.
    LocalReadLeaks,
    /// A read need not see what was told under a weaker rule.
    ReadIgnoresRelease,
    /// A deposed primary goes on with the machine that executed its tail.
    OrphanApplied,
    /// A new leader releases before an entry of its own term is committed: the core allows it, and
    /// the host establishes sessions as early. With the core's part alone nobody is told anything
    /// in time: sessions wait for that entry, too. (The core's own traces find it.)
    ReleaseBeforeOwnTerm,
    /// A client takes answers of whatever term.
    ClientIgnoresTerm,
    /// A disk loses the cluster's generation in a crash.
    GenerationForgotten,
    /// A new primary sends the runs of its log before an entry of its own term is committed.
    RunsTooEarly,
    /// It sends the newest run only, and clients take all before it for kept.
    NewestRunOnly,
    /// A start takes damage for a torn end, and cuts it off.
    DamageCut,
    /// A start does so where only a later mark says that it was durable.
    MarkIgnored,
    /// Completions of blocks that were cut off count for what came in their place.
    OldCompletions,
    /// A vote is said to be on the disk before it is.
    VoteNotSynced,
    /// A start overlooks that the log was cut.
    TurnForgotten,
    /// A write that failed is taken for one that was done later. In a crash what the kernel had
    /// dropped is gone, and a later block says that it was durable: the node takes it for damage.
    WriteRetried,
    /// The log is cut behind a snapshot that is not durable yet.
    LogCutBeforeSnapshot,
    /// A snapshot gets its name before it is synced.
    SnapshotNotSynced,
}

impl Mutation {
    /// What is around the core.
    const AROUND: [(&'static str, Self); 31] = [
        ("answer-before-commit", Self::AnswerBeforeCommit),
        ("apply-before-commit", Self::ApplyBeforeCommit),
        ("skip-deduplication", Self::SkipDeduplication),
        ("read-before-applied", Self::ReadBeforeApplied),
        ("lease-unchecked", Self::LeaseUnchecked),
        ("cluster-lying-disk", Self::LyingDisk),
        ("vote-forgotten", Self::VoteForgotten),
        ("wiped-keeps-name", Self::WipedKeepsName),
        ("state-drifts", Self::StateDrifts),
        ("follower-reads-at-once", Self::FollowerReadsAtOnce),
        ("orphans-not-archived", Self::OrphansNotArchived),
        ("archive-after-truncation", Self::ArchiveAfterTruncation),
        ("bound-not-enforced", Self::BoundNotEnforced),
        ("held-counts-witness", Self::HeldCountsWitness),
        ("held-survives-restart", Self::HeldSurvivesRestart),
        ("local-read-leaks", Self::LocalReadLeaks),
        ("read-ignores-release", Self::ReadIgnoresRelease),
        ("orphan-applied", Self::OrphanApplied),
        ("release-before-own-term", Self::ReleaseBeforeOwnTerm),
        ("client-ignores-term", Self::ClientIgnoresTerm),
        ("generation-forgotten", Self::GenerationForgotten),
        ("runs-too-early", Self::RunsTooEarly),
        ("newest-run-only", Self::NewestRunOnly),
        ("damage-cut", Self::DamageCut),
        ("mark-ignored", Self::MarkIgnored),
        ("old-completions", Self::OldCompletions),
        ("vote-not-synced", Self::VoteNotSynced),
        ("turn-forgotten", Self::TurnForgotten),
        ("write-retried", Self::WriteRetried),
        ("log-cut-before-snapshot", Self::LogCutBeforeSnapshot),
        ("snapshot-not-synced", Self::SnapshotNotSynced),
    ];

    /// All of them, the core's first. What one around the core plants in it shows by that one only.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let around = || Self::AROUND.into_iter().map(|(_, mutation)| mutation);
        let is_alone = |core: &Core| around().all(|mutation| mutation.core() != Some(*core));
        let core = Core::ALL.into_iter().filter(is_alone).map(Self::Core);
        core.chain(around()).collect()
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> String {
        let Self::Core(core) = self else {
            let named = Self::AROUND.into_iter().find(|(_, mutation)| *mutation == self);
            return named.expect("all that are not the core's are in the table").0.to_owned();
        };
        let mut name = String::from("core");
        for letter in format!("{core:?}").chars() {
            if letter.is_uppercase() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }

    /// The mutation of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|mutation| mutation.name() == name)
    }

    /// What is planted in the core, if anything is.
    #[must_use]
    pub fn core(self) -> Option<Core> {
        match self {
            Self::Core(core) => Some(core),
            // The core says what may be released.
            Self::ReleaseBeforeOwnTerm => Some(Core::ReleaseBeforeOwnCommit),
            _ => None,
        }
    }

    /// The kind of world in which it shows.
    #[must_use]
    pub fn profile(self) -> &'static str {
        match self {
            Self::DamageCut | Self::MarkIgnored | Self::WriteRetried => "cluster-disks",
            Self::WipedKeepsName | Self::Core(Core::WipedDiskCounts) => "cluster-wipes",
            Self::Core(
                Core::LeaseFromReceipt
                | Core::NoHoldBack
                | Core::EvidenceUnannounced
                | Core::EvidenceOfOlder
                | Core::LeaseKeptOnTransfer,
            )
            | Self::LeaseUnchecked => "cluster-leases",
            Self::HeldCountsWitness | Self::HeldSurvivesRestart => "cluster-held",
            Self::OrphansNotArchived
            | Self::ArchiveAfterTruncation
            | Self::BoundNotEnforced
            | Self::LocalReadLeaks
            | Self::ReadIgnoresRelease
            | Self::OldCompletions
            | Self::OrphanApplied
            | Self::ReleaseBeforeOwnTerm
            | Self::RunsTooEarly
            | Self::NewestRunOnly => "cluster-local",
            Self::GenerationForgotten => "cluster-anew",
            Self::ClientIgnoresTerm => "cluster-stopped-local",
            Self::Core(Core::HalfOfJoint | Core::ChangeTooEarly) => "cluster-members",
            Self::Core(
                Core::ReadByOldRound | Core::ReadWithoutRound | Core::ReadBeforeOwnCommit,
            ) => "cluster-leases",
            _ => "cluster-everything",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_names_one() {
        for mutation in Mutation::all() {
            assert_eq!(Mutation::named(&mutation.name()), Some(mutation));
            assert!(crate::Mutation::named(&mutation.name()).is_none(), "a name names one bug");
        }
        assert_eq!(Mutation::named("none"), None);
    }
}
