//! What one client's messages alone say that the book must be.
//!
//! Inputs -> outputs: messages that were answered, in the order of their numbers -> a book digest.
//! Not here: the log, sessions, several clients (their order is the log's).

use crate::check::{Once, uuid};
use gavel_book::reference::ReferenceBook;
use gavel_contract::{Machine, Outbox, Plan};
use gavel_types::{Index, LogRecord, Nanos, Report, SeqNo, SessionSlot, Stamp, Term};
use xxhash_rust::xxh3::xxh3_64;

struct Nowhere;

impl Outbox for Nowhere {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, _report: Report) {}
}

/// The digest of the book that the first client's messages make.
#[must_use]
pub(crate) fn book_digest(plan: &Plan, once: &Once) -> u64 {
    let mut book = ReferenceBook::new(&plan.book);
    for (index, (seq, message)) in (1..).zip(once.applied()) {
        let stamp = Stamp { index: Index(index), term: Term(1), time: Nanos(0) };
        let command = message.command(SessionSlot(0), SeqNo(seq));
        book.apply_whole(&LogRecord { stamp, command }, &mut Nowhere);
    }
    let key = xxh3_64(&uuid(0).0);
    book.digest(&|_| key)
}
