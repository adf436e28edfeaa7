//! What egress and the shadow tell each other about stored reports.
//!
//! Pages are made once. They travel to the shadow empty and come back filled, so egress allocates
//! and frees nothing, and what may be under way is bounded by how many pages there are.

use alloc::boxed::Box;
use alloc::vec::Vec;
use gavel_types::{ConnId, Index, ReportNo, SessionSlot, SessionUuid};
use gavel_wire::server::Envelope;

/// Bytes of a page. Also the most raw bytes of a stored chunk, so that a page is filled from one.
pub(crate) const PAGE_BYTES: usize = 64 << 10;

/// Frames of one session, ready to be sent.
#[derive(Debug)]
pub(crate) struct Page {
    /// Never longer than [`PAGE_BYTES`], which it has room for.
    pub(crate) bytes: Vec<u8>,
    /// Where the first frame begins.
    pub(crate) from_bytes: usize,
    /// Where the last one ends.
    pub(crate) to_bytes: usize,
    /// Number of the first frame.
    pub(crate) first: ReportNo,
    /// Number behind the last one.
    pub(crate) end: ReportNo,
}

impl Page {
    /// An empty page, its memory touched.
    pub(crate) fn new() -> Box<Self> {
        let mut bytes = alloc::vec![0xA5; PAGE_BYTES];
        bytes.clear();
        let none = ReportNo(0);
        Box::new(Self { bytes, from_bytes: 0, to_bytes: 0, first: none, end: none })
    }

    /// The whole frames in it.
    pub(crate) fn frames(&self) -> &[u8] {
        &self.bytes[self.from_bytes..self.to_bytes]
    }
}

/// Which of a connection's two flows a page is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// What the client asked to be sent again.
    Resend,
    /// What it has not been sent yet.
    Live,
}

/// Egress to the shadow: fill this page.
#[derive(Debug)]
pub struct Fetch {
    /// For whom.
    pub(crate) conn: ConnId,
    /// For what.
    pub(crate) flow: Flow,
    /// The session.
    pub(crate) slot: SessionSlot,
    /// Its name, for the slot may have been another's.
    pub(crate) uuid: SessionUuid,
    /// Number of the first report wanted.
    pub(crate) from: ReportNo,
    /// Number behind the last.
    pub(crate) until: ReportNo,
    /// The session was there at this record: an earlier one of the same name, in the same slot, may
    /// have had the same numbers.
    pub(crate) begun: Index,
    /// All of them were released up to here.
    pub(crate) released: Index,
    /// What to stamp on them.
    pub(crate) envelope: Envelope,
    /// To be filled.
    pub(crate) page: Box<Page>,
}

/// The shadow to egress.
#[derive(Debug)]
pub struct Fetched {
    /// For whom.
    pub(crate) conn: ConnId,
    /// For what.
    pub(crate) flow: Flow,
    /// The page, as it came if there is nothing in it.
    pub(crate) page: Box<Page>,
    /// What became of it.
    pub(crate) answer: Answer,
}

/// What became of a [`Fetch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The page begins with the number wanted.
    Filled,
    /// It is not stored (any more); the oldest number of that session that is.
    Gone { oldest: ReportNo },
}
