//! The log's directory: made, locked, identified.
//!
//! Inputs -> outputs: a path in; a lock held for the life of the value, the identity, a reader and
//! a store out.
//! Invariants: one process at a time; no store before this start's incarnation is durable; a
//! half-made segment (`*.tmp`) does not outlive the next start; what a reader finds is durable, and
//! no write of an earlier process lands after it looked.
//! Limits: one directory, one filesystem.
//! Not here: what is in the segments.

use super::fault::{fault, refusal};
use super::identity::{self, Identity};
use super::store::FileLogStore;
use super::{AheadReader, SegmentReader, StoreOptions, TailingReader, segment};
use crate::faults::{self, Step};
use gavel_contract::{SegmentNo, StoreFault, StoreFaultKind};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// An open, locked log directory. The lock goes with the value and its stores.
#[derive(Debug)]
pub struct LogDirectory {
    path: PathBuf,
    identity: Identity,
    started: bool,
    lock: File,
}

impl LogDirectory {
    /// Opens the directory, which is made (for its owner alone) if it is missing, and locks it.
    ///
    /// # Errors
    /// [`StoreFault`] if it belongs to another user, cannot be written, is in use by another
    /// process (which is named), or its identity is damaged or missing beside segments.
    pub fn open(path: &Path) -> Result<Self, StoreFault> {
        make_directory(path)?;
        check_owner(path)?;
        let lock = take_lock(path)?;
        remove_leftovers(path)?;
        segment::settle(path)?;
        let identity = match identity::load(path)? {
            Some(identity) => identity,
            None => found(path)?,
        };
        Ok(Self { path: path.to_owned(), identity, started: false, lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Drawn at random when the directory was made.
    #[must_use]
    pub fn node_id(&self) -> u64 {
        self.identity.node_id
    }

    /// The newest durable incarnation; 0 before the first start.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.identity.incarnation
    }

    /// Counts this start, durably, and returns its number. Once per start, before the store.
    ///
    /// # Errors
    /// [`StoreFault`] if it cannot be written.
    pub fn next_incarnation(&mut self) -> Result<u64, StoreFault> {
        let next = Identity { incarnation: self.identity.incarnation + 1, ..self.identity };
        identity::save(&self.path, next)?;
        self.identity = next;
        self.started = true;
        Ok(next.incarnation)
    }

    /// A reader of the segments.
    #[must_use]
    pub fn reader(&self) -> SegmentReader {
        SegmentReader::new(&self.path)
    }

    /// A reader for a start, which reads all there is: a thread on these CPUs reads ahead.
    ///
    /// # Errors
    /// [`StoreFault`] if there is no memory, or no thread.
    pub fn ahead_reader(&self, cpus: &[usize]) -> Result<AheadReader, StoreFault> {
        AheadReader::new(&self.path, cpus)
    }

    /// A reader of the segments while they are written to: past the page cache, as they are
    /// written.
    ///
    /// # Errors
    /// [`StoreFault`] if there is no memory for its buffer.
    pub fn tailing_reader(&self) -> Result<TailingReader, StoreFault> {
        TailingReader::new(&self.path)
    }

    /// Removes a segment of the wrong length, in which recovery found no block: the journal has it
    /// made again. Before the journal runs.
    ///
    /// # Errors
    /// [`StoreFault`] if it cannot be removed, or has a segment's length after all.
    ///
    /// # Panics
    /// If [`LogDirectory::next_incarnation`] was not taken.
    pub fn remove_unprepared(
        &self,
        segment: SegmentNo,
        segment_bytes: u64,
    ) -> Result<(), StoreFault> {
        assert!(self.started, "an incarnation is durable before anything else is written");
        let path = self.path.join(segment::file_name(segment));
        let found = faults::call(Step::Look, &path, || std::fs::metadata(&path));
        if found.map_err(|e| fault("looking at", &path, &e))?.len() == segment_bytes {
            let facts = format!("{} is whole, and is not removed", path.display());
            return Err(refusal(StoreFaultKind::Io, facts));
        }
        faults::call(Step::Remove, &path, || std::fs::remove_file(&path))
            .map_err(|e| fault("removing", &path, &e))?;
        identity::sync_directory(&self.path).map_err(|e| fault("syncing", &self.path, &e))
    }

    /// The store, which may be moved to the thread that will use it.
    ///
    /// # Errors
    /// [`StoreFault`] if not even the plainest mode can write durably here.
    ///
    /// # Panics
    /// If [`LogDirectory::next_incarnation`] was not taken.
    pub fn store(&self, options: &StoreOptions) -> Result<FileLogStore, StoreFault> {
        assert!(self.started, "an incarnation is durable before anything else is written");
        // A store of this process that was just dropped is an earlier writer too.
        segment::settle(&self.path)?;
        let lock =
            self.lock.try_clone().map_err(|e| fault("keeping the lock of", &self.path, &e))?;
        FileLogStore::open(&self.path, lock, options)
    }
}

fn make_directory(path: &Path) -> Result<(), StoreFault> {
    let made = faults::call(Step::MakeDirectory, path, || {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    });
    made.map_err(|e| fault("making the directory", path, &e))
}

fn check_owner(path: &Path) -> Result<(), StoreFault> {
    let found = faults::call(Step::Look, path, || std::fs::metadata(path));
    let owner = found.map_err(|e| fault("looking at", path, &e))?.uid();
    // SAFETY: takes nothing and cannot fail.
    let we = unsafe { libc::geteuid() };
    if owner == we {
        return Ok(());
    }
    let facts = format!(
        "the directory {} belongs to user {owner}, and this process runs as user {we}; \
         run as its owner, or give it over with `chown -R {we} {}`",
        path.display(),
        path.display()
    );
    Err(refusal(StoreFaultKind::Denied, facts))
}

fn take_lock(directory: &Path) -> Result<File, StoreFault> {
    let path = directory.join("LOCK");
    let mut how = OpenOptions::new();
    how.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = faults::call(Step::Create, &path, || how.open(&path))
        .map_err(|e| fault("opening", &path, &e))?;
    let locked = faults::call(Step::Lock, &path, || segment::try_lock(&file, libc::LOCK_EX))
        .map_err(|e| fault("locking", &path, &e))?;
    if !locked {
        let mut holder = String::new();
        // Reading the holder only makes the message better.
        let _ = file.read_to_string(&mut holder);
        let facts = format!(
            "the log directory {} is in use by process {}; stop it, or give this node a directory \
             of its own",
            directory.display(),
            if holder.trim().is_empty() { "(unknown)" } else { holder.trim() }
        );
        return Err(refusal(StoreFaultKind::Denied, facts));
    }
    // Written over, so that the space it has is enough: PIDs have at most 10 digits.
    let note = format!("{:<10}\n", std::process::id());
    match faults::call(Step::Write, &path, || file.write_all_at(note.as_bytes(), 0)) {
        // The lock holds without a name on it.
        Err(e) if e.kind() == io::ErrorKind::StorageFull => {}
        other => other.map_err(|e| fault("writing", &path, &e))?,
    }
    Ok(file)
}

fn remove_leftovers(directory: &Path) -> Result<(), StoreFault> {
    let entries = faults::call(Step::List, directory, || std::fs::read_dir(directory))
        .map_err(|e| fault("listing", directory, &e))?;
    for entry in entries {
        let path = entry.map_err(|e| fault("listing", directory, &e))?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let ours = ["wal-", "meta", "probe"].iter().any(|prefix| name.starts_with(prefix));
        if ours && name.ends_with(".tmp") {
            faults::call(Step::Remove, &path, || std::fs::remove_file(&path))
                .map_err(|e| fault("removing", &path, &e))?;
        }
    }
    Ok(())
}

/// Gives a new directory its identity.
fn found(directory: &Path) -> Result<Identity, StoreFault> {
    let segments = segment::list(directory)?;
    if !segments.is_empty() {
        let facts = format!(
            "{} holds {} segments but no file `meta`, so it is not known whose log this is; \
             restore it from a backup, or move the directory away to start a new node",
            directory.display(),
            segments.len()
        );
        return Err(refusal(StoreFaultKind::Missing, facts));
    }
    let node_id = identity::random_id().map_err(|e| fault("drawing an id for", directory, &e))?;
    let identity = Identity { node_id, incarnation: 0 };
    identity::save(directory, identity)?;
    let parent = directory.parent().filter(|p| !p.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    match identity::sync_directory(parent) {
        // Who may search a directory but not read it cannot sync it; its owner answers for it.
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {}
        other => other.map_err(|e| fault("syncing", parent, &e))?,
    }
    Ok(identity)
}
