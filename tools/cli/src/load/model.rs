//! The uninterrupted run: the same messages, in the order in which the engine answered them,
//! applied by a machine in this process that nobody kills.
//!
//! Inputs -> outputs: every session's answered messages -> each session's report digest, and the
//! book digest.
//! Invariants: it shares the machine's code with the node, and nothing else: no log, no network, no
//! recovery. What differs is what these lost, repeated or changed.
//! Limits: memory for the messages of the run.
//! Not here: whether the machine itself is right (its own tests, and `gavel replay`, say that).

use super::ledger::{Answered, digest_report};
use gavel_book::Book;
use gavel_contract::{Machine, Outbox, Plan};
use gavel_pipeline::session::Sessioned;
use gavel_types::{
    AckRuleCode, Command, ConnId, Index, LogRecord, Nanos, NegotiateSession, Report, Role, SeqNo,
    SessionSlot, SessionUuid, Stamp, Term,
};
use gavel_wire::frame::split_server;
use gavel_wire::server::{Envelope, MAX_SERVER_FRAME_BYTES, ServerMessage, decode, encode_report};
use sha2::{Digest, Sha256};

/// What the uninterrupted run came to.
pub(crate) struct Uninterrupted {
    pub(crate) book_digest: u64,
    /// By session, in the order given.
    pub(crate) reports: Vec<Sha256>,
}

struct Reports(Vec<Report>);

impl Outbox for Reports {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, report: Report) {
        self.0.push(report);
    }
}

/// Runs it.
pub(crate) fn run(plan: &Plan, sessions: &[(SessionUuid, &[Answered])]) -> Uninterrupted {
    let mut machine = Sessioned::new(&plan.session, Book::new(&plan.book));
    let mut index = 0;
    let mut apply = |machine: &mut Sessioned<Book>, command: Command| {
        index += 1;
        let stamp = Stamp { index: Index(index), term: Term(1), time: Nanos(0) };
        let mut reports = Reports(Vec::new());
        machine.apply_whole(&LogRecord { stamp, command }, &mut reports);
        reports.0
    };
    for (uuid, _) in sessions {
        let body = NegotiateSession {
            uuid: *uuid,
            conn: ConnId(0),
            timestamp: Nanos(0),
            key_id: 0,
            role: Role::Trade,
            reserved: [0; 7],
        };
        apply(&mut machine, Command::negotiate(SessionSlot::NONE, SeqNo(0), &body));
    }
    let mut all: Vec<(u32, &Answered)> = Vec::new();
    for (slot, (_, answered)) in sessions.iter().enumerate() {
        all.extend(answered.iter().map(|one| (slot as u32, one)));
    }
    all.sort_by_key(|(_, one)| one.index);
    let mut hashes = vec![Sha256::new(); sessions.len()];
    for (slot, one) in all {
        let command = one.message.command(SessionSlot(slot), one.seq);
        digest_all(&apply(&mut machine, command), &mut hashes);
    }
    Uninterrupted { book_digest: machine.book_digest(), reports: hashes }
}

/// Brings reports to the form in which clients get them, part by part put together.
fn digest_all(reports: &[Report], hashes: &mut [Sha256]) {
    let (sender_term, commit) = (Term(1), Index(0));
    let envelope = Envelope { sender_term, commit, rule: AckRuleCode::Local };
    let mut frame = [0; MAX_SERVER_FRAME_BYTES];
    for parts in reports.chunk_by(|report, _| !report.is_last_part()) {
        let bytes = encode_report(parts, &envelope, &mut frame);
        let whole = split_server(&frame[..bytes]).ok().flatten();
        let message = whole.and_then(|frame| decode(&frame).ok());
        let Some(ServerMessage::Sequenced(report)) = message else {
            unreachable!("what was encoded here is a report");
        };
        digest_report(&mut hashes[parts[0].session.0 as usize], report.number, &report.body);
    }
}
