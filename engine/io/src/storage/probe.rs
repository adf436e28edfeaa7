//! Finds out what the host can, by trying it.
//!
//! Inputs -> outputs: a directory and what is wanted of it -> an engine that works there, and notes
//! for the operator on what does not.
//! Invariants: nothing is tried that a full disk would refuse and that works without room: a node
//! whose disk is full can be started.
//! Limits: one file of one page, removed again; [`PATIENCE`] for it to be written.
//! Not here: the engines (uring.rs, writer.rs).

use super::buffers::{ALIGNMENT_BYTES, Buffers};
use super::fault::fault;
use super::store::{Engine, Job, PATIENCE};
use super::uring::Uring;
use super::writer::{Habits, Writer};
use super::{DurableMode, StoreOptions, segment};
use crate::faults::{self, Step};
use gavel_contract::{BufferId, StoreFault};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

const NAME: &str = "probe.tmp";

/// True if the filesystem takes O_DIRECT: asked of a segment, if there is one.
pub(super) fn direct(directory: &Path, notes: &mut Vec<String>) -> Result<bool, StoreFault> {
    let there = segment::list(directory)?.pop();
    let path = directory.join(there.map_or(NAME.to_owned(), |i| segment::file_name(i.segment)));
    let open = |flags| {
        faults::call(Step::Open, &path, || {
            let mut how = OpenOptions::new();
            how.write(true).create(there.is_none()).mode(0o600).custom_flags(flags).open(&path)
        })
    };
    let direct = match open(libc::O_DIRECT) {
        Ok(_) => true,
        Err(e) if e.raw_os_error() == Some(libc::EINVAL) => {
            open(0).map_err(|e| fault("opening", &path, &e))?;
            notes.push(format!(
                "{}: the filesystem refuses O_DIRECT; the log goes through the page cache, \
                 durable all the same but slower",
                directory.display()
            ));
            false
        }
        Err(e) => return Err(fault("opening", &path, &e)),
    };
    if there.is_none() {
        remove(&path).map_err(|e| fault("removing", &path, &e))?;
    }
    Ok(direct)
}

fn remove(path: &Path) -> io::Result<()> {
    faults::call(Step::Remove, path, || std::fs::remove_file(path))
}

/// The engine asked for, tried out by a durable write; else the thread.
pub(super) fn choose_engine(
    directory: &Path,
    options: &StoreOptions,
    buffers: &Buffers,
    direct: bool,
    notes: &mut Vec<String>,
) -> Result<(Engine, DurableMode), StoreFault> {
    if options.mode != DurableMode::Thread && !direct {
        // A failed write-back is told once per open file: of two syncs under way one could hear of
        // the other's write, and its own be taken for durable.
        notes.push(format!(
            "{:?} needs O_DIRECT; the log is written by a thread, one block at a time",
            options.mode
        ));
    } else if options.mode != DurableMode::Thread {
        // A ring of its own: one made for a single thread would belong to this one.
        let tried = try_out(directory, options.mode, options, direct, notes)
            .and_then(|()| build(options.mode, options, buffers));
        match tried {
            Ok((engine, more)) => {
                notes.extend(more);
                return Ok((engine, options.mode));
            }
            Err(why) => notes.push(format!(
                "{:?} does not work here ({why}); the log is written by a thread instead \
                 (is kernel.io_uring_disabled set, or a seccomp filter in the way?)",
                options.mode
            )),
        }
    }
    try_out(directory, DurableMode::Thread, options, direct, notes)
        .map_err(|e| fault("writing durably to", &directory.join(NAME), &e))?;
    let (engine, more) = build(DurableMode::Thread, options, buffers)
        .map_err(|e| fault("starting the writer thread of", directory, &e))?;
    notes.extend(more);
    Ok((engine, DurableMode::Thread))
}

fn build(
    mode: DurableMode,
    options: &StoreOptions,
    buffers: &Buffers,
) -> io::Result<(Engine, Option<String>)> {
    let cpus = &options.housekeeping_cpus;
    if mode == DurableMode::Thread {
        let spin = Duration::from_micros(u64::from(options.writer_spin_us));
        let habits = Habits { cpus: cpus.clone(), fifo: options.writer_fifo, spin };
        let (writer, refused) = Writer::start(buffers.count(), habits)?;
        return Ok((Engine::Writer(writer), refused));
    }
    let piece = |id| libc::iovec {
        iov_base: buffers.address(BufferId(id)).as_ptr().cast(),
        iov_len: buffers.buffer_bytes(),
    };
    let pieces: Vec<libc::iovec> = (0..buffers.count()).map(piece).collect();
    let uring = Uring::new(mode, options.uring, &pieces, cpus)?;
    let unregistered = (!uring.registered_buffers()).then(|| {
        "io_uring could not register the write buffers (raise LimitMEMLOCK); they are pinned for \
         each write instead"
            .to_owned()
    });
    Ok((Engine::Uring(Box::new(uring)), unregistered))
}

/// Writes one page durably in the given mode, and takes it away again. A full disk is no objection:
/// there the mode is taken to do what it would do with room.
fn try_out(
    directory: &Path,
    mode: DurableMode,
    options: &StoreOptions,
    direct: bool,
    notes: &mut Vec<String>,
) -> io::Result<()> {
    let path = directory.join(NAME);
    let flags = if direct { libc::O_DIRECT } else { 0 };
    let mut how = OpenOptions::new();
    how.write(true).create(true).truncate(true).mode(0o600).custom_flags(flags);
    let tried = match faults::call(Step::Create, &path, || how.open(&path)) {
        Ok(file) => {
            let written = write_page(&path, &file, mode, options);
            written.and(remove(&path)).inspect_err(|_| {
                // A leftover that cannot be removed goes at the next start.
                let _ = std::fs::remove_file(&path);
            })
        }
        Err(e) => Err(e),
    };
    match tried {
        Err(e) if e.kind() == io::ErrorKind::StorageFull => {
            notes.push(format!("{mode:?} could not be tried out: the disk is full"));
            Ok(())
        }
        other => other,
    }
}

fn write_page(
    path: &Path,
    file: &File,
    mode: DurableMode,
    options: &StoreOptions,
) -> io::Result<()> {
    let mut buffers = Buffers::new(1, ALIGNMENT_BYTES)?;
    let (mut engine, _) = build(mode, options, &buffers)?;
    faults::call(Step::Write, path, || engine.install(0, file.as_raw_fd()))?;
    engine.submit(Job {
        buffer: BufferId(0),
        slot: 0,
        file: file.as_raw_fd(),
        address: buffers.address(BufferId(0)).as_ptr(),
        len_bytes: ALIGNMENT_BYTES as u32,
        offset_bytes: 0,
    });
    let since = Instant::now();
    let landed = loop {
        if let Some(landed) = engine.poll() {
            break landed;
        }
        if since.elapsed() > PATIENCE {
            buffers.leak();
            // Whatever still hangs in it keeps its file.
            std::mem::forget(engine);
            return Err(io::Error::other("a durable write of one page took more than 5 s"));
        }
        std::thread::yield_now();
    };
    faults::call(Step::Land, path, || match landed.result {
        bytes if bytes == ALIGNMENT_BYTES as i32 => Ok(()),
        errno if errno < 0 => Err(io::Error::from_raw_os_error(-errno)),
        short => Err(io::Error::other(format!("a write of one page wrote {short} bytes"))),
    })
}
