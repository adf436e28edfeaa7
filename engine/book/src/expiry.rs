//! What ends by itself: orders whose ExpireTime has come.
//!
//! Inputs -> outputs: the time of a record -> a Canceled (Expired) for each order that is due.
//! Invariants: each record ends what is due before it does anything else.
//! Limits: pauses when the outbox has no room.
//! Not here: the end of day orders (phases.rs).

use crate::book::Book;
use crate::reports::Emit;
use gavel_contract::{Outbox, Progress};
use gavel_types::CancelReason;

impl Book {
    /// Ends what is due.
    pub(crate) fn expire(&mut self, emit: &mut Emit<'_, impl Outbox>) -> Progress {
        while let Some(slot) = self.timers.first().filter(|_| self.timers.due() <= self.now) {
            if !emit.has_room(1) {
                return Progress::Paused;
            }
            let own_name = self.orders.order(slot).cl_ord_id;
            self.cancel_resting(slot, CancelReason::Expired, own_name, emit);
        }
        Progress::Done
    }
}
