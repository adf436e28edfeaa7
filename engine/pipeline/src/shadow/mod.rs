//! The shadow: a second machine that follows the log on the disk, behind the hot path. It writes
//! snapshots, keeps the report store, and says which part of the log is still needed.
//!
//! ```text
//! the log's files --> machine --> reports --> report store --pages--> egress
//! (up to min(durable, commit))       \
//!                                     snapshot every so many records --> `floor` --> journal
//! ```
//!
//! Inputs -> outputs: the log, read from the disk block by block; `durable`, `commit`; requests of
//! the operator and of egress -> snapshots, stored reports, `floor`, pages, news for the operator.
//! Invariants: it applies only what is durable and committed (SAFETY 2). `floor` is never above the
//! oldest snapshot that is kept, rises only when as many are kept as the Plan asks for, and only
//! after their names are durable: whatever happens to the newest, an older one and the log behind
//! it are there. A snapshot that cannot be written is given up, never the node; nothing here holds
//! back an order.
//! Limits: [`BLOCKS_PER_CYCLE`], [`FETCHES_PER_CYCLE`]; one machine of the Plan's size, the store's
//! bounds.
//! Not here: a hot tile (it blocks in its ports, and allocates); what a restart does with all this.

mod desk;
mod following;
mod kept;
pub(crate) mod store;
#[cfg(test)]
mod tests;

use crate::fetch::{Fetch, Fetched};
use alloc::string::String;
use desk::Desk;
use following::{Following, Origin};
use gavel_contract::{
    Agent, Clock, Codec, FileStore, LogReader, Machine, Now, Plan, ReportStorePlan, SessionPlan,
    SnapshotPlan,
};
use gavel_link::{Position, Reader, Watermark, WatermarkWriter, Writer};
use gavel_types::Index;

/// Most blocks of the log applied in one duty cycle.
pub const BLOCKS_PER_CYCLE: usize = 16;
/// Most pages filled in one duty cycle, and between two chunks of a snapshot.
pub const FETCHES_PER_CYCLE: usize = 16;
/// News that wait to be told, most; newer ones are dropped then.
pub const NEWS_MAX: usize = 64;

/// What the operator may want to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShadowNews {
    /// A snapshot is durable.
    Snapshot {
        /// Of the state after this record.
        index: Index,
        /// Bytes of the state.
        raw_bytes: u64,
        /// Bytes of the file.
        file_bytes: u64,
    },
    /// One was asked for, and the newest is as new as can be.
    AlreadyThere {
        /// That one.
        index: Index,
    },
    /// A snapshot could not be written. The node goes on, and so does its log.
    GaveUp {
        /// The record after which it was to be.
        index: Index,
        /// Why.
        why: String,
        /// It is tried again after so long (ms).
        retry_ms: u64,
    },
    /// Stored reports are lost: some sessions cannot ask for their older reports any more.
    ReportsLost {
        /// How many sessions.
        sessions: u64,
        /// Why.
        why: String,
    },
    /// A file beside the log could not be removed, or is damaged. Nothing depends on it.
    Litter {
        /// Which, and why.
        what: String,
    },
    /// The shadow has stopped: no more snapshots, no stored reports. Orders go on.
    Stopped {
        /// Why.
        why: String,
    },
}

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShadowCounts {
    /// Snapshots written.
    pub snapshots: u64,
    /// Snapshots given up.
    pub snapshots_given_up: u64,
    /// Blocks of the log applied.
    pub blocks: u64,
    /// Pages filled for egress.
    pub pages: u64,
}

/// The shadow's links to others.
#[derive(Debug)]
pub struct ShadowLinks {
    /// How far the log is durable.
    pub durable: Watermark,
    /// How far it is committed.
    pub commit: Watermark,
    /// First segment of the log that is still needed.
    pub floor: WatermarkWriter,
    /// How often a snapshot was asked for.
    pub asked: Watermark,
    /// From egress: pages to fill.
    pub fetches: Reader<Fetch>,
    /// To egress.
    pub fetched: Writer<Fetched>,
    /// How far it has come.
    pub shadowed: WatermarkWriter,
    /// Index of the newest snapshot whose name is durable.
    pub snapshot: WatermarkWriter,
    /// To whoever talks to the operator.
    pub news: Writer<ShadowNews>,
}

/// The Plan's parts that concern the shadow.
#[derive(Clone, Debug)]
struct Sizes {
    session: SessionPlan,
    snapshot: SnapshotPlan,
    reports: ReportStorePlan,
    segment_bytes: u64,
    configuration: u64,
}

/// Everything that outlives a state.
#[derive(Debug)]
struct Rim<F, C> {
    files: F,
    codec: C,
    links: Outgoing,
    counts: ShadowCounts,
    #[cfg(feature = "mutate")]
    mutation: Option<crate::Mutation>,
}

/// Links on which the shadow speaks.
#[derive(Debug)]
struct Outgoing {
    floor: WatermarkWriter,
    shadowed: WatermarkWriter,
    snapshot: WatermarkWriter,
    news: Writer<ShadowNews>,
}

impl Outgoing {
    fn tell(&mut self, news: ShadowNews) {
        if self.news.has_room(1) {
            self.news.push(news);
        }
    }

    fn raise_shadowed(&mut self, index: Index) {
        if index > self.shadowed.at().index {
            self.shadowed.raise(Position { generation: 0, index });
        }
    }
}

impl<F, C> Rim<F, C> {
    #[cfg(feature = "mutate")]
    fn errs(&self, mutation: crate::Mutation) -> bool {
        self.mutation == Some(mutation)
    }
}

/// What it is doing.
enum State<M, R> {
    /// Its first duty cycle makes the machine and restores it, so that a restart does not wait.
    Fresh(Origin<R>),
    Following(alloc::boxed::Box<Following<M, R>>),
    Stopped,
}

/// Follows the log.
pub struct Shadow<M, R, F, C, N> {
    new_machine: N,
    state: State<M, R>,
    rim: Rim<F, C>,
    desk: Desk,
    durable: Watermark,
    commit: Watermark,
    asked: Watermark,
    sizes: Sizes,
}

/// The ports of a shadow.
#[derive(Debug)]
pub struct ShadowPorts<R, F, C> {
    /// Reads the log while it is written.
    pub log: R,
    /// Files beside the log.
    pub files: F,
    /// Packs them.
    pub codec: C,
}

impl<M, R, F, C, N> Shadow<M, R, F, C, N>
where
    M: Machine,
    R: LogReader,
    F: FileStore,
    C: Codec,
    N: FnMut() -> M,
{
    /// A shadow that begins where recovery did: at this snapshot, or at the log's beginning.
    #[must_use]
    pub fn new(
        plan: &Plan,
        snapshot: Option<Index>,
        new_machine: N,
        ports: ShadowPorts<R, F, C>,
        links: ShadowLinks,
    ) -> Self {
        assert!(plan.snapshot.keep >= 1, "a snapshot is kept at least until the next");
        let ShadowPorts { log, files, codec } = ports;
        let ShadowLinks { durable, commit, floor, asked, fetches, fetched, .. } = links;
        let ShadowLinks { shadowed, snapshot: newest, news, .. } = links;
        let sizes = Sizes {
            session: plan.session,
            snapshot: plan.snapshot,
            reports: plan.reports,
            segment_bytes: plan.journal.segment_bytes,
            configuration: crate::configuration(plan),
        };
        Self {
            new_machine,
            state: State::Fresh(Origin { log, snapshot }),
            rim: Rim {
                files,
                codec,
                links: Outgoing { floor, shadowed, snapshot: newest, news },
                counts: ShadowCounts::default(),
                #[cfg(feature = "mutate")]
                mutation: None,
            },
            desk: Desk::new(fetches, fetched, plan.reports.pages),
            durable,
            commit,
            asked,
            sizes,
        }
    }

    /// What has happened so far.
    #[must_use]
    pub fn counts(&self) -> ShadowCounts {
        self.rim.counts
    }

    /// True if it has given up: an operator is told why.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, State::Stopped)
    }

    /// The machine as far as it has come, once it follows the log.
    #[must_use]
    pub fn machine(&self) -> Option<&crate::session::Sessioned<M>> {
        match &self.state {
            State::Following(following) => Some(following.machine()),
            State::Fresh(_) | State::Stopped => None,
        }
    }

    /// Plants a bug.
    #[cfg(feature = "mutate")]
    pub fn plant(&mut self, mutation: crate::Mutation) {
        self.rim.mutation = Some(mutation);
        self.desk.skips_one = mutation == crate::Mutation::FetchOffByOne;
    }

    fn stop(&mut self, why: String) {
        self.rim.links.tell(ShadowNews::Stopped { why });
        self.state = State::Stopped;
    }

    fn begin(&mut self, origin: Origin<R>) {
        match Following::begin(origin, &mut self.new_machine, &self.sizes, &mut self.rim) {
            Ok(following) => self.state = State::Following(alloc::boxed::Box::new(following)),
            Err(why) => self.stop(why),
        }
    }

    fn follow(&mut self, now: Now) -> usize {
        let State::Following(following) = &mut self.state else { return 0 };
        // Read first: what was durable when it was asked for is at or below the limit then.
        let asked = self.asked.read().index;
        // SAFETY 2: what could still be lost, or truncated, is not looked at.
        let limit = self.durable.read().index.min(self.commit.read().index);
        #[cfg(feature = "mutate")]
        let limit = match self.rim.mutation {
            Some(crate::Mutation::ShadowAheadOfDurable) => Position::INDEX_MAX,
            _ => limit,
        };
        let applied = following.applied();
        let served = self.desk.serve(&mut following.store, &mut self.rim, applied);
        match following.follow(limit, &mut self.rim) {
            Ok(blocks) => {
                let asked = (asked, limit);
                following.keep(now, asked, &self.sizes.snapshot, &mut self.rim, &mut self.desk);
                served + blocks
            }
            Err(why) => {
                self.stop(why);
                1
            }
        }
    }
}

impl<M, R, F, C, N> Agent for Shadow<M, R, F, C, N>
where
    M: Machine,
    R: LogReader,
    F: FileStore,
    C: Codec,
    N: FnMut() -> M,
{
    fn name(&self) -> &'static str {
        "shadow"
    }

    /// Unlike a hot agent's, it may block and allocate: it runs on a housekeeping thread.
    fn duty_cycle(&mut self, now: Now) -> usize {
        match &self.state {
            State::Fresh(_) => {
                let State::Fresh(origin) = core::mem::replace(&mut self.state, State::Stopped)
                else {
                    unreachable!("it was fresh a moment ago")
                };
                self.begin(origin);
                1
            }
            State::Following(_) => self.follow(now),
            State::Stopped => self.desk.refuse_all(),
        }
    }
}

/// Time does not pass for whoever has no need of it.
pub(crate) struct NoTime;

impl Clock for NoTime {
    fn now(&self) -> Now {
        Now { mono: gavel_types::Nanos(0), utc: gavel_types::Nanos(0) }
    }
}
