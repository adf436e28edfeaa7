//! What a node was told is durable is there after a crash, or the node says that it is unsure.
//!
//! Inputs -> outputs: what a process knew when it died, what the journal finds -> the first rule
//! that does not hold.
//! Invariants: believes what the process was told, entry by entry, and not what the journal says of
//! itself.
//! Limits: of entries that the process was about to cut off, nothing is said: they may be there.
//! Not here: votes (check.rs looks at them whenever a disk changes).
//! Source: SAFETY 3.

use super::check::{Checks, fail};
use crate::check::Verdict;
use gavel_raft::memory::{Disk, Host};
use gavel_types::{Index, NodeId};

impl Checks {
    /// Looks at a disk after a crash.
    ///
    /// # Errors
    /// If something is gone, and the node does not know.
    pub fn kept(&mut self, id: NodeId, host: &Host, found: &Disk) -> Verdict {
        let told = &host.disk;
        let stays = host.log_writes.iter().map(|write| write.parts().0.0).min();
        let until = stays.unwrap_or(u64::MAX).min(told.entries.len() as u64);
        let both = told.entries[..until as usize].iter().zip(&found.entries);
        let equal = both.take_while(|(told, found)| told == found).count() as u64;
        if equal == until {
            return Ok(());
        }
        let end = told.mark(Index(until));
        if found.unsure < end {
            let what = format!(
                "node {id} was told that entries up to {until} are durable, finds {equal}, and \
                 does not know that more was there"
            );
            return fail("durable-kept", what);
        }
        self.damaged(id, Index(until));
        Ok(())
    }
}
