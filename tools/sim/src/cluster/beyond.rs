//! Worlds beyond the model: what breaks a bound that a promise rests on.
//!
//! ```text
//! ClockJump  both clocks of a host are set, forth or back: no lease can be measured by them
//! StopHost   a whole host stands still, with all of its clocks, and goes on as if nothing were
//! a false statement (anew.rs)  the operator says that nodes were stopped which were not
//! ```
//!
//! Inputs -> outputs: verdicts -> those that a profile expects are counted as flagged, and the
//! world goes on: everything else must hold all the same (SAFETY 25).
//! Invariants: what is not in [`super::Profile::flags`] is never excused.
//! Not here: legal faults (weather.rs).
//!
//! What is left when leases fail: what is committed or held cannot be contradicted, so an answer to
//! a command is true however late it comes, and so is a read that a round confirmed; a read by the
//! lease is not, so hosts that can be stopped must read by rounds. An answer under `local` can be
//! of a log that goes no further; a client that has heard of a newer term drops it by its sender's
//! term, so that no client is ever told by both.

use super::clock::JUMP_NS_MAX;
use super::fault::Fault;
use super::weather::MS;
use super::world::World;
use crate::check::Verdict;
use crate::run::ASSERTION;
use gavel_types::{Nanos, NodeId};

/// How long a host is stopped (ns).
const STOP_NS: (u64, u64) = (50 * MS, 1_200 * MS);

/// Least of a jump (ns).
const JUMP_NS_MIN: u64 = 20 * MS;

/// What must hold even where all else is lost: nobody goes back a generation.
const STRICT: &[&str] = &["reign", "generation", ASSERTION];

/// For worlds in which everything but that may be flagged.
pub(super) const ANYTHING: &[&str] = &["anything"];

impl World {
    /// Goes beyond the model; false if that is not possible now.
    pub(super) fn goes_beyond(&mut self, fault: Fault, id: NodeId) -> bool {
        let now = self.now;
        if self.node(id).paused_until.is_some() {
            return false;
        }
        if fault == Fault::ClockJump {
            let ns = self.random.between(JUMP_NS_MIN, JUMP_NS_MAX) as i64;
            let ns = if self.random.one_in(2) { ns } else { -ns };
            self.node(id).clocks.jump(ns);
            self.tell(format!("node {id}: its clocks jump by {} ms", ns / MS as i64));
            return true;
        }
        let until = Nanos(now.0 + self.random.between(STOP_NS.0, STOP_NS.1));
        self.node(id).paused_until = Some(until);
        self.node(id).clocks.freeze(now, until);
        self.tell(format!("node {id}: its host stands still until {} ms", until.0 / MS));
        true
    }

    /// A checker found something in a world that ends so: not a violation if nothing else could be
    /// promised any more.
    ///
    /// # Errors
    /// What must hold all the same.
    #[inline]
    pub(super) fn forgives(&mut self, verdict: Verdict) -> Verdict {
        match verdict {
            Err(violation) if self.is_torn() && !STRICT.contains(&violation.checker) => {
                self.sights.see(&format!("flagged {}", violation.checker));
                self.tell(format!("flagged: {violation}"));
                Ok(())
            }
            verdict => verdict,
        }
    }

    /// What this profile expects to be flagged is counted, and not a violation.
    ///
    /// # Errors
    /// Everything else.
    #[inline]
    pub(super) fn flags(&mut self, verdict: Verdict) -> Verdict {
        match verdict {
            Err(violation) if self.case.profile.flags.contains(&violation.checker) => {
                self.sights.see(&format!("flagged {}", violation.checker));
                self.tell(format!("flagged: {violation}"));
                Ok(())
            }
            verdict => verdict,
        }
    }
}
