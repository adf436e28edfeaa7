//! What a client is told before it starts, and what it can be told of an earlier life.

use crate::key::Key;
use gavel_types::{Index, ReportNo, SeqNo, SessionUuid, Term};
use gavel_wire::client::LastReport;
use std::net::SocketAddr;

/// Everything that a client needs to know.
///
/// ```
/// use gavel_client::ClientConfig;
/// use gavel_types::SessionUuid;
///
/// let config = ClientConfig::new("127.0.0.1:9010".parse().unwrap(), SessionUuid([7; 16]));
/// assert_eq!(config.in_flight_max, 1_024);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// Where the engine may be; tried in turn.
    pub addrs: Vec<SocketAddr>,
    /// The session's name, of the client's own making and never used by another client.
    pub session: SessionUuid,
    /// Keep-alive interval to ask for (ms).
    pub keepalive_ms: u32,
    /// Where an earlier process of this client stopped; None for a client without memory.
    pub resume: Option<Checkpoint>,
    /// Who the client is, where the engine asks for that.
    pub key: Option<Key>,
    /// When the engine cancels the session's live orders: 0 never, 1 when the connection is lost, 2
    /// when the client closes it, 3 either.
    pub cod_type: u8,
    /// How long after that (ms); a session that is back by then keeps them.
    pub cod_window_ms: u64,
    /// Most answers that are remembered, to be named if the engine loses them.
    pub acknowledged_max: usize,
    /// Most messages that may wait for their answer; one more is refused with
    /// [`SubmitError::Full`](crate::SubmitError::Full).
    pub in_flight_max: usize,
    /// Most reports that one RetransmitRequest asks for.
    pub retransmit_max: u64,
    /// Memory for live reports that arrive during a retransmission (bytes). What does not fit is
    /// asked for again.
    pub early_bytes: usize,
    /// An engine that does not answer Negotiate, Establish or RetransmitRequest for so long is
    /// given up, and connected to again (ms).
    pub answer_timeout_ms: u32,
    /// First pause between two attempts to connect (ms); each pause is twice the one before.
    pub backoff_min_ms: u32,
    /// Longest pause between two attempts to connect (ms).
    pub backoff_max_ms: u32,
    /// Without an established session for so long, [`Client::poll`](crate::Client::poll) fails
    /// (ms).
    pub give_up_after_ms: u32,
}

impl ClientConfig {
    /// A client of one engine, with every limit at its default.
    #[must_use]
    pub fn new(addr: SocketAddr, session: SessionUuid) -> Self {
        Self {
            addrs: vec![addr],
            session,
            keepalive_ms: 5_000,
            resume: None,
            key: None,
            cod_type: 0,
            cod_window_ms: 0,
            acknowledged_max: 65_536,
            in_flight_max: 1_024,
            retransmit_max: 65_536,
            early_bytes: 256 << 10,
            answer_timeout_ms: 10_000,
            backoff_min_ms: 1,
            backoff_max_ms: 100,
            give_up_after_ms: 60_000,
        }
    }
}

/// Where a client stands: what an application keeps, if it wants to go on after a crash of its own
/// without seeing every report again.
///
/// A client that resumes from a checkpoint is sent every report after `last`, and is told in a
/// NotApplied report which numbers below `next_seq` never reached the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Number of the next message that the client will send.
    pub next_seq: SeqNo,
    /// The last report that the application was given; all 0 if none was.
    pub last: LastReport,
}

impl Checkpoint {
    /// Length of [`Checkpoint::to_bytes`].
    pub const BYTES: usize = 32;

    /// A form to keep in a file: four u64, little endian.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let LastReport { term, index, number } = self.last;
        let mut bytes = [0; Self::BYTES];
        let fields = [self.next_seq.0, term.0, index.0, number.0];
        for (place, field) in bytes.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    /// What [`Checkpoint::to_bytes`] made. None if no client can have stood there.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let mut fields = [0; 4];
        for (field, place) in fields.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *field = u64::from_le_bytes(*place);
        }
        let [next_seq, term, index, number] = fields;
        let last = LastReport { term: Term(term), index: Index(index), number: ReportNo(number) };
        let whole = (number == 0) == (term == 0) && (number == 0) == (index == 0);
        (next_seq > 0 && whole).then_some(Self { next_seq: SeqNo(next_seq), last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_survives_its_bytes() {
        let last = LastReport { term: Term(2), index: Index(900), number: ReportNo(41) };
        for checkpoint in [
            Checkpoint { next_seq: SeqNo(17), last },
            Checkpoint { next_seq: SeqNo(1), last: LastReport::default() },
        ] {
            assert_eq!(Checkpoint::from_bytes(&checkpoint.to_bytes()), Some(checkpoint));
        }
    }

    #[test]
    fn impossible_checkpoints_are_refused() {
        assert_eq!(Checkpoint::from_bytes(&[0; 32]), None);
        let half = LastReport { term: Term(0), index: Index(9), number: ReportNo(1) };
        let bytes = Checkpoint { next_seq: SeqNo(3), last: half }.to_bytes();
        assert_eq!(Checkpoint::from_bytes(&bytes), None);
    }
}
