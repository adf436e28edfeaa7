//! Where egress asks for stored reports.
//!
//! Inputs -> outputs: pages to fill -> pages filled, or the word that there is nothing for them.
//! Invariants: every page that came goes back, once. One waits only while the shadow has not come
//! as far as the record by which all that is wanted had been released. Nobody is answered from what
//! the shadow knows of an earlier session of that name.
//! Limits: as many pages as there are.

use super::store::{Found, ReportStore};
use super::{FETCHES_PER_CYCLE, Rim};
use crate::fetch::{Answer, Fetch, Fetched};
use alloc::vec::Vec;
use gavel_contract::{Codec, FileStore};
use gavel_link::{Reader, Writer};
use gavel_types::Index;

#[derive(Debug)]
pub(super) struct Desk {
    fetches: Reader<Fetch>,
    fetched: Writer<Fetched>,
    /// For what the shadow has not come to.
    waiting: Vec<Fetch>,
    /// A planted bug.
    #[cfg(feature = "mutate")]
    pub(super) skips_one: bool,
}

impl Desk {
    pub(super) fn new(fetches: Reader<Fetch>, fetched: Writer<Fetched>, pages: usize) -> Self {
        assert!(fetched.depth() >= pages, "there is room for every page");
        Self {
            fetches,
            fetched,
            waiting: Vec::with_capacity(pages),
            #[cfg(feature = "mutate")]
            skips_one: false,
        }
    }

    /// Answers what can be answered, in order; returns how much that was.
    pub(super) fn serve<F: FileStore, C: Codec>(
        &mut self,
        store: &mut ReportStore,
        rim: &mut Rim<F, C>,
        applied: Index,
    ) -> usize {
        let served = self.serve_from(store, &mut rim.files, &mut rim.codec, applied);
        rim.counts.pages += served as u64;
        served
    }

    /// As [`Desk::serve`], for whoever has lent the rim already.
    pub(super) fn serve_from(
        &mut self,
        store: &mut ReportStore,
        files: &mut impl FileStore,
        codec: &mut impl Codec,
        applied: Index,
    ) -> usize {
        let mut served = 0;
        let mut at = 0;
        while at < self.waiting.len() && served < FETCHES_PER_CYCLE {
            if self.waiting[at].released > applied {
                at += 1;
                continue;
            }
            let fetch = self.waiting.remove(at);
            self.answer(fetch, store, files, codec, applied);
            served += 1;
        }
        while served < FETCHES_PER_CYCLE {
            let Some(fetch) = self.fetches.pop() else { break };
            self.answer(fetch, store, files, codec, applied);
            served += 1;
        }
        served
    }

    fn answer(
        &mut self,
        mut fetch: Fetch,
        store: &mut ReportStore,
        files: &mut impl FileStore,
        codec: &mut impl Codec,
        applied: Index,
    ) {
        if applied < fetch.begun {
            self.waiting.push(fetch);
            return;
        }
        let answer = match store.fill(&mut fetch, files, codec) {
            Found::Filled => {
                #[cfg(feature = "mutate")]
                if self.skips_one {
                    fetch.page.skip_one();
                }
                Answer::Filled
            }
            Found::Gone(oldest) => Answer::Gone { oldest },
            Found::Unknown if applied < fetch.released => {
                self.waiting.push(fetch);
                return;
            }
            Found::Unknown => Answer::Gone { oldest: fetch.until },
        };
        self.give_back(fetch, answer);
    }

    fn give_back(&mut self, fetch: Fetch, answer: Answer) {
        let Fetch { conn, flow, page, .. } = fetch;
        self.fetched.push(Fetched { conn, flow, page, answer });
    }

    /// Answers that there is nothing, for a shadow that has stopped.
    pub(super) fn refuse_all(&mut self) -> usize {
        let mut refused = 0;
        while let Some(fetch) = self.waiting.pop().or_else(|| self.fetches.pop()) {
            let answer = Answer::Gone { oldest: fetch.until };
            self.give_back(fetch, answer);
            refused += 1;
        }
        refused
    }
}
