//! An outbox that gives every sequenced report the next number of its session.

use super::Session;
use gavel_contract::Outbox;
use gavel_types::{Event, Report, ReportNo};

pub(super) struct Numbering<'a, O> {
    pub(super) out: &'a mut O,
    pub(super) sessions: &'a mut [Session],
}

impl<O: Outbox> Outbox for Numbering<'_, O> {
    const KEEPS_EVENTS: bool = O::KEEPS_EVENTS;

    #[inline]
    fn event(&mut self, event: &Event) {
        self.out.event(event);
    }

    #[inline]
    fn free(&self) -> usize {
        self.out.free()
    }

    #[inline]
    fn push(&mut self, mut report: Report) {
        if report.is_sequenced() {
            let session = &mut self.sessions[report.session.0 as usize];
            report.number = session.next_number;
            if report.is_last_part() {
                session.next_number = ReportNo(session.next_number.0 + 1);
            }
        }
        self.out.push(report);
    }
}
