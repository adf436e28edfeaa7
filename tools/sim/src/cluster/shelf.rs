//! Files that a node keeps beside its log and its vote: snapshots, and archives of tails.
//!
//! ```text
//! write aside, sync -> rename, sync the directory -> it counts, older ones go, the log is cut
//!   crash here: gone     crash here: gone, or there and whole     crash here: there
//! ```
//!
//! Inputs -> outputs: what is to be kept -> operations of the disk -> what a start finds.
//! Invariants: what counts is there after any crash; until a new snapshot counts the older one and
//! the log behind it stay; a file that is not whole is seen as such.
//! Limits: one file of a kind is on its way; a snapshot's state is the prefix of the log that it
//! names, and only its head (where it ends, where the log goes on) is bytes.
//! Not here: when operations complete (disk.rs), blocks and votes (storage.rs), tails (orphans.rs).
//! Source: the single node's rules for snapshots (engine/io); SAFETY 2.
//!
//! A snapshot that came from a leader may be there whole, and its node died before it could take
//! it. A start uses it if the log holds what it ends with, and else leaves it: its leader sends it
//! again, and nothing that only this node holds is replaced by it before it is archived.

use super::mutation::Mutation;
use super::node::Node;
use super::storage::Storage;
use crate::random::Random;
use gavel_journal::{LogPoint, LogPointBytes};
use gavel_raft::Mark;
use gavel_raft::memory::{Cargo, Disk, Entry, Envelope, Host};
use gavel_types::{Index, Nanos, Term};
use xxhash_rust::xxh3::xxh3_64;
use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// How far a file on its way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It is written under a name that counts for nothing, and synced.
    Aside,
    /// It gets its name, and the directory is synced.
    Named,
}

/// A file on its way to its name.
#[derive(Clone, Debug)]
pub(super) struct Aside<T> {
    under_way: Option<(T, Stage)>,
    /// The operation is new to the disk.
    is_asked: bool,
}

impl<T> Default for Aside<T> {
    fn default() -> Self {
        Self { under_way: None, is_asked: false }
    }
}

impl<T> Aside<T> {
    /// Begins, unless another one is on its way; false then.
    pub(super) fn begin(&mut self, what: T) -> bool {
        let is_free = self.under_way.is_none();
        if is_free {
            (self.under_way, self.is_asked) = (Some((what, Stage::Aside)), true);
        }
        is_free
    }

    pub(super) fn is_free(&self) -> bool {
        self.under_way.is_none()
    }

    /// An operation begins: true once for each.
    pub(super) fn takes_operation(&mut self) -> bool {
        std::mem::take(&mut self.is_asked)
    }

    /// An operation is done. The file, once it counts.
    pub(super) fn done(&mut self) -> Option<T> {
        match self.under_way.take()? {
            (what, Stage::Aside) => {
                (self.under_way, self.is_asked) = (Some((what, Stage::Named)), true);
                None
            }
            (what, Stage::Named) => Some(what),
        }
    }

    /// The process ended. What is there under its name all the same, and whole.
    pub(super) fn crash(&mut self, random: &mut Random) -> Option<T> {
        self.is_asked = false;
        match self.under_way.take()? {
            (_, Stage::Aside) => None,
            (what, Stage::Named) => random.one_in(2).then_some(what),
        }
    }
}

/// A snapshot's head.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Head {
    index: U64,
    term: U64,
    point: LogPointBytes,
    digest: U64,
}

/// A snapshot's file.
#[derive(Clone, Debug)]
pub(super) struct File {
    bytes: Vec<u8>,
    /// From a leader: the log need not hold what it ends with.
    is_foreign: bool,
    /// A planted bug: it got its name, and was never synced.
    is_cached_only: bool,
}

impl File {
    fn new(mark: Mark, point: &LogPoint, is_foreign: bool) -> Self {
        let (index, term) = (U64::new(mark.index.0), U64::new(mark.term.0));
        let mut head = Head { index, term, point: point.into(), digest: U64::new(0) };
        head.digest = U64::new(xxh3_64(head.as_bytes()));
        Self { bytes: head.as_bytes().to_vec(), is_foreign, is_cached_only: false }
    }

    /// Where it ends, and where the log goes on; nothing if it is not whole.
    fn read(&self) -> Option<(Mark, LogPoint)> {
        let head = Head::read_from_bytes(&self.bytes).ok()?;
        let digest = xxh3_64(Head { digest: U64::new(0), ..head }.as_bytes());
        let point = LogPoint::try_from(&head.point).ok()?;
        let mark = Mark { term: Term(head.term.get()), index: Index(head.index.get()) };
        (head.digest.get() == digest).then_some((mark, point))
    }
}

/// What is done when a snapshot counts.
#[derive(Clone, Debug)]
enum Then {
    /// The core gives up its entries up to so many before it, if it is to.
    Compact(Option<u64>),
    /// The core takes it.
    Install(Box<Envelope>),
}

/// A node's snapshots.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf {
    /// Under their names, oldest first.
    files: Vec<File>,
    putting: Aside<(File, Then)>,
}

impl Shelf {
    /// The newest that is whole and that this log, or what the core was told, agrees with.
    fn newest(&self, told: &Disk, log: &[Entry]) -> Option<Mark> {
        let holds = |entries: &[Entry], mark: Mark| {
            let last = (mark.index.0 as usize).checked_sub(1).and_then(|at| entries.get(at));
            last.is_some_and(|entry| entry.term == mark.term)
        };
        let is_known = |file: &File, mark: Mark| {
            let is_told = mark.index <= told.snapshot && holds(&told.entries, mark);
            !file.is_foreign || is_told || holds(log, mark)
        };
        let whole = self.files.iter().filter_map(|file| Some((file, file.read()?.0)));
        whole.filter(|(file, mark)| is_known(file, *mark)).map(|(_, mark)| mark).next_back()
    }

    /// Where a start begins to read the log.
    fn point(&self) -> LogPoint {
        let newest = self.files.iter().filter_map(File::read).next_back();
        newest.map_or(LogPoint::ORIGIN, |(_, point)| point)
    }

    /// What became of the one on its way, if one was.
    fn crash(&mut self, random: &mut Random) -> Option<&'static str> {
        let was_free = self.putting.is_free();
        let left = self.putting.crash(random);
        let sight = if left.is_some() { "untold snapshot" } else { "lost snapshot" };
        self.files.extend(left.map(|(file, _)| file));
        // What was never synced may be there in part.
        for file in self.files.iter_mut().filter(|file| file.is_cached_only) {
            if random.one_in(2) {
                file.bytes.fill(0);
            }
            file.is_cached_only = false;
        }
        (!was_free).then_some(sight)
    }
}

impl Storage {
    /// Takes a snapshot of all up to this entry, which is decided, unless another one is under way.
    /// `keep`: how much of the log before it the core keeps; all of it if nothing is said.
    pub(super) fn puts_snapshot(&mut self, host: &Host, index: Index, keep: Option<u64>) {
        if index <= host.disk.snapshot || !self.shelf.putting.is_free() {
            return;
        }
        let (mark, point) = (host.disk.mark(index), self.point(index));
        self.shelf.putting.begin((File::new(mark, &point, false), Then::Compact(keep)));
        if self.mutation == Some(Mutation::LogCutBeforeSnapshot) {
            self.cuts_log(&point);
        }
    }

    /// Takes a leader's snapshot, to hand it to the core once it counts; not if another one is on
    /// its way: it is sent again.
    fn puts_foreign(&mut self, mark: Mark, envelope: &Envelope) {
        let file = File::new(mark, &self.base, true);
        self.shelf.putting.begin((file, Then::Install(Box::new(envelope.clone()))));
    }

    /// An operation for a snapshot begins: true once for each.
    pub(super) fn takes_operation(&mut self) -> bool {
        self.shelf.putting.takes_operation()
    }

    /// After a crash: what is there, and where a start begins to read.
    pub(super) fn crash_shelf(&mut self, random: &mut Random) -> Option<&'static str> {
        let sight = self.shelf.crash(random);
        self.base = self.shelf.point();
        sight
    }

    /// The entry that the newest snapshot ends with, for a start.
    ///
    /// # Errors
    /// If the log begins behind all snapshots.
    pub(super) fn found_snapshot(&self, told: &Disk, log: &[Entry]) -> Result<Mark, String> {
        let newest = self.shelf.newest(told, log).unwrap_or_default();
        let (begins, ends) = (self.base.last.index, newest.index);
        match ends < begins {
            true => {
                Err(format!("the log begins behind {begins}, the newest snapshot ends at {ends}"))
            }
            false => Ok(newest),
        }
    }
}

impl Node {
    /// Takes a snapshot of what is applied, and gives up the log before it once that is durable.
    pub fn compact(&mut self, now: Nanos, keep: u64) {
        let at = self.clocks.read(now);
        let Some(host) = &mut self.host else { return };
        let index = self.machine.applied().min(host.raft.durable().index);
        if index <= host.disk.snapshot {
            return;
        }
        if let Some(storage) = &mut self.storage {
            storage.puts_snapshot(host, index, Some(keep));
        } else if host.snapshot(at, index, &mut self.out) {
            host.compact(at, Index(index.0.saturating_sub(keep)), &mut self.out);
        }
    }

    /// Takes a leader's snapshot to the disk first, if it is news; false if the core may see it.
    pub(super) fn keeps_first(&mut self, envelope: &Envelope) -> bool {
        let Cargo::Snapshot(snapshot) = &envelope.cargo else { return false };
        let (Some(host), Some(storage)) = (&self.host, &mut self.storage) else { return false };
        let is_news = snapshot.mark.index > host.raft.commit();
        if is_news {
            storage.puts_foreign(snapshot.mark, envelope);
        }
        is_news
    }

    /// The disk is done with an operation for a snapshot.
    pub(super) fn kept(&mut self, now: Nanos) {
        let Some(storage) = &mut self.storage else { return };
        let Some((mut file, then)) = storage.shelf.putting.done() else { return };
        file.is_cached_only = self.mutation == Some(Mutation::SnapshotNotSynced);
        let Some((mark, point)) = file.read() else { return };
        storage.shelf.files.push(file);
        let at = self.clocks.read(now);
        let is_taken = match then {
            Then::Compact(keep) => {
                let Some(host) = &mut self.host else { return };
                let is_taken = host.snapshot(at, mark.index, &mut self.out);
                if let Some(keep) = keep.filter(|_| is_taken) {
                    host.compact(at, Index(mark.index.0.saturating_sub(keep)), &mut self.out);
                }
                is_taken
            }
            // What it would cut off may have to be archived since.
            Then::Install(envelope) => {
                !self.archives_first(&envelope) && {
                    let Some(host) = &mut self.host else { return };
                    host.receive(at, &envelope, &mut self.out);
                    host.disk.snapshot == mark.index
                }
            }
        };
        let Some(storage) = &mut self.storage else { return };
        let files = &mut storage.shelf.files;
        match is_taken {
            true => drop(files.drain(..files.len() - 1)),
            false => drop(files.pop()),
        }
        if is_taken {
            storage.cuts_log(&point);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(index: u64) -> Mark {
        Mark { term: Term(3), index: Index(index) }
    }

    // SAFETY 2: the older one is there until the newer one counts, whenever the process dies.
    #[test]
    fn a_snapshot_counts_when_its_name_is_durable_and_the_older_one_stays_until_then() {
        for seed in 0..20 {
            let mut random = Random::new(seed);
            let mut shelf = Shelf::default();
            shelf.files.push(File::new(mark(5), &LogPoint::ORIGIN, false));
            let new = || (File::new(mark(9), &LogPoint::ORIGIN, false), Then::Compact(None));
            let told = Disk::new(gavel_raft::DiskId(1), gavel_raft::Config::default());
            assert!(shelf.putting.begin(new()) && !shelf.putting.begin(new()));
            assert!(shelf.putting.takes_operation() && !shelf.putting.takes_operation());
            let mut early = shelf.clone();
            assert_eq!(early.crash(&mut random), Some("lost snapshot"));
            assert_eq!(early.newest(&told, &[]), Some(mark(5)));
            assert!(shelf.putting.done().is_none() && shelf.putting.takes_operation());
            let mut late = shelf.clone();
            let is_there = late.crash(&mut random) == Some("untold snapshot");
            assert_eq!(late.newest(&told, &[]), Some(mark(if is_there { 9 } else { 5 })));
            assert!(shelf.putting.done().is_some() && shelf.putting.is_free());
        }
    }

    #[test]
    fn a_file_that_is_torn_is_none() {
        let whole = File::new(mark(7), &LogPoint::ORIGIN, false);
        assert_eq!(whole.read(), Some((mark(7), LogPoint::ORIGIN)));
        for byte in 0..whole.bytes.len() {
            let mut torn = whole.clone();
            torn.bytes[byte] ^= 1;
            assert_eq!(torn.read(), None);
            torn.bytes.truncate(byte);
            assert_eq!(torn.read(), None);
        }
    }

    // DESIGN 5: what a start would put over a tail that nobody archived waits for its leader.
    #[test]
    fn a_leader_s_snapshot_that_nobody_was_told_of_is_used_only_if_the_log_holds_it() {
        let shelf = Shelf {
            files: vec![
                File::new(mark(1), &LogPoint::ORIGIN, false),
                File::new(mark(2), &LogPoint::ORIGIN, true),
            ],
            putting: Aside::default(),
        };
        let told = Disk::new(gavel_raft::DiskId(1), gavel_raft::Config::default());
        let entry = |term| Entry { term: Term(term), payload: gavel_raft::memory::Payload::Noop };
        assert_eq!(shelf.newest(&told, &[entry(3), entry(2)]), Some(mark(1)));
        assert_eq!(shelf.newest(&told, &[entry(3), entry(3)]), Some(mark(2)));
    }
}
