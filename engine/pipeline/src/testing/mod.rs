//! What the tests of several agents share: a small machine, reports, a log with a shadow.

mod log;
mod tally;

pub(crate) use log::{Deaf, LogRig, negotiate, order, plan};
pub(crate) use tally::{Tally, report};

use gavel_types::SessionUuid;

/// A session's name.
pub(crate) fn uuid(n: u64) -> SessionUuid {
    let mut bytes = [0x5E; 16];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    SessionUuid(bytes)
}

/// Sessions as a machine has them that nobody has spoken to yet.
pub(crate) fn sessions(count: u64) -> Vec<crate::session::Session> {
    use gavel_contract::{Machine, SessionPlan};
    let plan = SessionPlan { sessions_max: count as u32, ..plan().session };
    let mut machine = crate::session::Sessioned::new(&plan, Tally::default());
    for n in 0..count {
        let stamp = gavel_types::Stamp {
            index: gavel_types::Index(n + 1),
            term: gavel_types::Term(1),
            time: gavel_types::Nanos(n),
        };
        let record = gavel_types::LogRecord { stamp, command: negotiate(n) };
        let progress = machine.apply(&record, &mut Deaf);
        assert_eq!(progress, gavel_contract::Progress::Done);
    }
    machine.sessions().to_vec()
}
