//! How far what a leader's log led to may be told, by rule.
//!
//! Inputs -> outputs: own disk, `held`, `commit` -> [`Released`].
//! Invariants: nothing is released, under whatever rule, before an entry of the leader's own term
//! is committed, nor by anybody else than a leader.
//! Not here: which rule an operator chose, and the bounds of the weakest, which the host
//! keeps; the lease, without which nothing leaves either (lease.rs).
//! Source: SAFETY 6; Raft 5.4.2, 8.
//!
//! Why a leader's own term: under [`Released::local`] one disk would do. Such a leader could answer
//! and go, and another be elected whose log has what this one's lacked, so that a record that was
//! missing when clients were told comes back between those that they were told of. Once an entry of
//! its own term is committed, every later leader has this one's log up to there (Raft 5.4).

use crate::log::LogPosition;
use crate::port::Role;
use crate::raft::{Raft, errs};
use gavel_types::Index;

/// Up to where each rule releases; 0 is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Released {
    /// On the leader's own disk.
    pub local: Index,
    /// Durable somewhere and received by a majority.
    pub held: Index,
    /// Committed.
    pub quorum: Index,
}

impl Raft {
    /// What may be told now, as long as there is a lease.
    #[must_use]
    pub fn released(&self) -> Released {
        let may = self.has_own_commit() || errs!(self, ReleaseBeforeOwnCommit);
        if self.role != Role::Leader || !may {
            return Released::default();
        }
        Released { local: self.log.durable(), held: self.lead.held, quorum: self.commit }
    }

    /// Durable somewhere and received by a majority (SAFETY 6). Nothing unless this node leads and
    /// an entry of its own term is.
    #[must_use]
    #[inline]
    pub fn held(&self) -> LogPosition {
        let index = if self.role == Role::Leader { self.lead.held } else { Index(0) };
        LogPosition { generation: self.log.generation(), index }
    }
}
