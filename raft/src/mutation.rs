//! Bugs that are planted to see whether they are found: each is what a careless edit could leave.
//!
//! Inputs -> outputs: none; [`crate::Raft::plant`] plants one.
//! Not here: the checkers.

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutation {
    /// The leader counts its own entries before they are on its disk.
    CountSelfBeforeSync,
    /// An entry of an older term is committed by counting copies.
    CommitOldTerm,
    /// A vote in this term is forgotten when another candidate asks.
    VoteTwice,
    /// Messages do not wait for the hard state.
    VoteBeforeSync,
    /// A vote is given whatever the candidate's log holds.
    VoteForStaleLog,
    /// What lies behind a matching append is cut off.
    TruncateOnMatch,
    /// Completions of an older generation of the log count.
    OldCompletionCounts,
    /// A witness counts as a copy.
    WitnessCounts,
    /// Learners count as voters.
    LearnerCounts,
    /// Reads are answered before an entry of the leader's own term is committed.
    ReadBeforeOwnCommit,
    /// A read index is answered without asking a majority.
    ReadWithoutRound,
    /// A read index is answered by a round that began before the question.
    ReadByOldRound,
    /// Answers are released before an entry of the leader's own term is committed.
    ReleaseBeforeOwnCommit,
    /// A lease counts from when the answers came in.
    LeaseFromReceipt,
    /// A lease grows with the timeout that follows the gaps between heartbeats.
    LeaseGrows,
    /// A new leader speaks at once.
    NoHoldBack,
    /// Evidence of death counts for a leader that had not said that its own hold-back was over.
    EvidenceUnannounced,
    /// Evidence of death counts whatever the voters know of later leaders.
    EvidenceOfOlder,
    /// A joint configuration needs only its new half.
    HalfOfJoint,
    /// A leader that hands over goes on speaking under its lease.
    LeaseKeptOnTransfer,
    /// A snapshot is installed also if it is older than what is committed.
    OldSnapshotInstalled,
    /// A node with another disk is taken for who it was.
    WipedDiskCounts,
    /// A follower takes the leader's commit index for entries that it did not get from it.
    CommitUnverified,
    /// An append is taken without looking at what is before it.
    PrevUnchecked,
    /// A change of members is made before an entry of the leader's own term is committed.
    ChangeTooEarly,
    /// What a member received counts after it restarted.
    ReceivedSurvives,
    /// Questions of all lives have the same names, so that an old answer is taken for a new one.
    ReadNameReused,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 27] = [
        Self::CountSelfBeforeSync,
        Self::CommitOldTerm,
        Self::VoteTwice,
        Self::VoteBeforeSync,
        Self::VoteForStaleLog,
        Self::TruncateOnMatch,
        Self::OldCompletionCounts,
        Self::WitnessCounts,
        Self::LearnerCounts,
        Self::ReadBeforeOwnCommit,
        Self::ReadWithoutRound,
        Self::ReadByOldRound,
        Self::ReleaseBeforeOwnCommit,
        Self::LeaseFromReceipt,
        Self::LeaseGrows,
        Self::NoHoldBack,
        Self::EvidenceUnannounced,
        Self::EvidenceOfOlder,
        Self::HalfOfJoint,
        Self::LeaseKeptOnTransfer,
        Self::OldSnapshotInstalled,
        Self::WipedDiskCounts,
        Self::CommitUnverified,
        Self::PrevUnchecked,
        Self::ChangeTooEarly,
        Self::ReceivedSurvives,
        Self::ReadNameReused,
    ];
}
