//! Stored reports, by way of the shadow: what the windows no longer have.
//!
//! Inputs -> outputs: connections that want stored reports -> pages to the shadow and back.
//! Invariants: a page is in one place, and none is made or freed here. Connections that want one
//! get it in turn; one whose client does not take what it has gives it back when others wait.
//! Limits: as many pages as the Plan says; one a connection at a time.
//! Not here: disks, files, unpacking.

use super::link::{Announce, LinkState, Pumped};
use super::{Egress, HOLD_NS};
use crate::fetch::{Answer, Fetch, Fetched, Flow, PAGE_BYTES, Page};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use gavel_contract::Egress as Port;
use gavel_link::{Reader, Writer};
use gavel_types::{Nanos, RetransmitRejectCode};
use gavel_wire::server;

/// Egress's links to the shadow.
#[derive(Debug)]
pub struct FetchLinks {
    /// Pages to be filled.
    pub fetches: Writer<Fetch>,
    /// Pages filled.
    pub fetched: Reader<Fetched>,
}

/// The pages at hand, and who waits for one.
#[derive(Debug)]
pub(super) struct Pages {
    links: Option<FetchLinks>,
    #[expect(clippy::vec_box, reason = "a page moves between here, its link and the shadow")]
    pub(super) free: Vec<Box<Page>>,
    /// Connection slots, in turn.
    waiting: VecDeque<u32>,
}

impl Pages {
    /// Makes the pages.
    pub(super) fn new(links: Option<FetchLinks>, pages: usize, connections: usize) -> Self {
        let pages = if links.is_some() { pages } else { 0 };
        if let Some(links) = &links {
            assert!(links.fetches.depth() >= pages, "there is room for every page");
            assert!(pages > 0, "reports that are stored can be fetched");
        }
        Self {
            links,
            free: (0..pages).map(|_| Page::new()).collect(),
            waiting: VecDeque::with_capacity(connections),
        }
    }

    /// Nothing is stored.
    pub(super) fn is_off(&self) -> bool {
        self.links.is_none()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.free.capacity() * (PAGE_BYTES + size_of::<Page>() + size_of::<usize>())
            + self.waiting.capacity() * size_of::<u32>()
    }

    /// Somebody waits, and there is none.
    fn is_scarce(&self) -> bool {
        self.free.is_empty() && !self.waiting.is_empty()
    }
}

impl<P: Port> Egress<P> {
    /// After a connection's turn: sees to it that it has the page that it needs, or gets it.
    pub(super) fn provide(&mut self, at: u32, pumped: Pumped) {
        let link = &mut self.conns[at as usize];
        if pumped != Pumped::Waiting && link.page.is_none() && link.resend.is_none() {
            // The usual case: live, out of the window.
            return;
        }
        let want = link.wanted(&self.windows);
        let fits = match (&want, &link.page) {
            (Some(want), Some((flow, page))) => {
                want.flow == *flow && want.from == page.first && !page.frames().is_empty()
            }
            _ => false,
        };
        if !fits && let Some((_, page)) = link.page.take() {
            self.pages.free.push(page);
        }
        if want.is_some() && !fits && !link.is_fetching && !link.is_waiting {
            link.is_waiting = true;
            self.pages.waiting.push_back(at);
        }
    }

    /// Takes a page away from a client that does not take what is on it, if others wait for one.
    pub(super) fn share(&mut self, at: u32, now: Nanos) {
        let link = &mut self.conns[at as usize];
        if self.pages.is_scarce()
            && now.since(link.moved_at) > HOLD_NS
            && let Some((_, page)) = link.page.take()
        {
            self.pages.free.push(page);
        }
    }

    /// Takes a connection's page back: it is over.
    pub(super) fn take_page_back(&mut self, at: u32) {
        if let Some((_, page)) = self.conns[at as usize].page.take() {
            self.pages.free.push(page);
        }
    }

    /// Hands filled pages to their connections.
    pub(super) fn take_pages(&mut self, now: Nanos) -> usize {
        let mut taken = 0;
        while let Some(fetched) = self.pages.links.as_mut().and_then(|links| links.fetched.pop()) {
            self.take_fetched(fetched, now);
            taken += 1;
        }
        taken
    }

    /// Sends empty pages to the shadow, for those who wait longest.
    pub(super) fn send_pages(&mut self) -> usize {
        let mut sent = 0;
        while !self.pages.free.is_empty()
            && let Some(at) = self.pages.waiting.pop_front()
        {
            self.conns[at as usize].is_waiting = false;
            self.fetch(at);
            sent += 1;
        }
        sent
    }

    fn fetch(&mut self, at: u32) {
        let released = self.links.release.read().index;
        let now_stamped = self.envelope(released);
        let link = &mut self.conns[at as usize];
        let is_over = matches!(link.state, LinkState::Free | LinkState::Stuck);
        let Some(want) = link.wanted(&self.windows).filter(|_| !is_over) else { return };
        let envelope = match want.flow {
            Flow::Live => *link.behind.get_or_insert(now_stamped),
            Flow::Resend => link.resend.map_or(now_stamped, |resend| resend.envelope),
        };
        let Some(page) = self.pages.free.pop() else { return };
        link.is_fetching = true;
        let fetch = Fetch {
            conn: link.conn,
            flow: want.flow,
            slot: want.slot,
            uuid: link.uuid,
            from: want.from,
            until: want.until,
            begun: self.begun[want.slot.0 as usize],
            released,
            envelope,
            page,
        };
        if let Some(links) = &mut self.pages.links {
            links.fetches.push(fetch);
        }
    }

    fn take_fetched(&mut self, fetched: Fetched, now: Nanos) {
        let Fetched { conn, flow, page, answer } = fetched;
        let at = conn.0 as u32;
        let link = &mut self.conns[at as usize];
        let is_over = matches!(link.state, LinkState::Free | LinkState::Stuck);
        if link.conn != conn || is_over || !link.is_fetching {
            self.pages.free.push(page);
            return;
        }
        link.is_fetching = false;
        match answer {
            Answer::Filled => {
                link.page = Some((flow, page));
                link.moved_at = now;
                self.mark(at);
            }
            Answer::Gone { oldest } => {
                self.pages.free.push(page);
                self.miss(at, flow, oldest);
            }
        }
    }

    /// What was to be fetched is gone.
    fn miss(&mut self, at: u32, flow: Flow, stored: gavel_types::ReportNo) {
        let link = &mut self.conns[at as usize];
        let asked = link.resend.and_then(|resend| resend.announce);
        let (Flow::Resend, Some(Announce { timestamp, .. }), Some((slot, _))) =
            (flow, asked, link.live)
        else {
            // It was promised, or is owed: the client is to come back and ask what there is.
            self.cut_off(at, false);
            return;
        };
        link.resend = None;
        let uuid = link.uuid;
        let oldest = stored.min(self.windows.oldest(slot));
        let code = RetransmitRejectCode::OutOfRange;
        self.say(at, |out| server::retransmit_reject(uuid, timestamp, code, oldest, out));
    }
}
