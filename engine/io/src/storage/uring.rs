//! Durable writes through io_uring: RWF_DSYNC, or a write linked to an fdatasync.
//!
//! Inputs -> outputs: jobs in; the system's result for each, once, out.
//! Invariants: a job is landed only when every completion of its chain has come, so its buffer is
//! ours again; one job of one buffer at a time (the store sees to it).
//! Limits: as many jobs as buffers; the completion queue holds all of them.
//! Not here: short writes and errors (the store judges results).

use super::store::{Job, Landed};
use super::{DurableMode, OPEN_SEGMENTS_MAX, UringFlavour};
use crate::cpu;
use gavel_contract::BufferId;
use io_uring::{IoUring, Probe, opcode, squeue, types};
use std::io;
use std::os::fd::RawFd;

/// user_data of a chain's second half; the rest is the buffer's number.
const SYNC_HALF: u64 = 1 << 32;

/// What is still to come of a buffer's chain.
#[derive(Clone, Copy, Debug, Default)]
struct Chain {
    /// Completions to come; 0 when idle.
    waiting: u8,
    /// What the write said.
    write: i32,
    /// What the sync said.
    sync: i32,
}

pub(super) struct Uring {
    ring: IoUring,
    linked: bool,
    flavour: UringFlavour,
    registered_buffers: bool,
    enabled: bool,
    /// Entries that the kernel has not taken yet.
    queued: bool,
    chains: Box<[Chain]>,
    /// Set when the ring itself failed: every job in flight lands with it.
    broken: Option<i32>,
}

impl Uring {
    /// Sets a ring up for `buffers`. Every refusal is an error: the caller knows another way.
    pub(super) fn new(
        mode: DurableMode,
        flavour: UringFlavour,
        buffers: &[libc::iovec],
        worker_cpus: &[usize],
    ) -> io::Result<Self> {
        assert!(mode != DurableMode::Thread, "a ring writes in a ring's way");
        let linked = mode == DurableMode::UringFdatasync;
        let entries = (2 * buffers.len()).next_power_of_two();
        let mut builder = IoUring::builder();
        builder.setup_clamp();
        match flavour {
            UringFlavour::Plain => {}
            UringFlavour::Coop => {
                builder.setup_coop_taskrun().setup_taskrun_flag();
            }
            UringFlavour::Defer => {
                builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag();
                builder.setup_r_disabled();
            }
        }
        let ring = builder.build(u32::try_from(entries).map_err(io::Error::other)?)?;
        require_operations(&ring)?;
        ring.submitter().register_files_sparse(OPEN_SEGMENTS_MAX as u32)?;
        // SAFETY: the store keeps the mapping alive until nothing is in flight, or for ever.
        let registered = unsafe { ring.submitter().register_buffers(buffers) };
        if !worker_cpus.is_empty() {
            ring.submitter().register_iowq_aff(&cpu::set_of(worker_cpus))?;
        }
        Ok(Self {
            ring,
            linked,
            flavour,
            // Refused when too little memory may be locked; plain addresses do as well.
            registered_buffers: registered.is_ok(),
            enabled: flavour != UringFlavour::Defer,
            queued: false,
            chains: vec![Chain::default(); buffers.len()].into(),
            broken: None,
        })
    }

    pub(super) fn registered_buffers(&self) -> bool {
        self.registered_buffers
    }

    /// Makes an open file known under a slot.
    pub(super) fn install(&self, slot: usize, file: RawFd) -> io::Result<()> {
        self.ring.submitter().register_files_update(slot as u32, &[file]).map(|_| ())
    }

    pub(super) fn submit(&mut self, job: &Job) {
        self.enable();
        let chain = &mut self.chains[job.buffer.0];
        assert_eq!(chain.waiting, 0, "a buffer carries one chain at a time");
        *chain = Chain { waiting: if self.linked { 2 } else { 1 }, write: 0, sync: 0 };
        let rw_flags = if self.linked { 0 } else { libc::RWF_DSYNC };
        let id = job.buffer.0 as u64;
        let file = types::Fixed(job.slot as u32);
        let write = if self.registered_buffers {
            opcode::WriteFixed::new(file, job.address, job.len_bytes, job.buffer.0 as u16)
                .offset(job.offset_bytes)
                .rw_flags(rw_flags)
                .build()
        } else {
            opcode::Write::new(file, job.address, job.len_bytes)
                .offset(job.offset_bytes)
                .rw_flags(rw_flags)
                .build()
        };
        if self.linked {
            self.push(&write.user_data(id).flags(squeue::Flags::IO_LINK));
            let sync = opcode::Fsync::new(file).flags(types::FsyncFlags::DATASYNC).build();
            self.push(&sync.user_data(id | SYNC_HALF));
        } else {
            self.push(&write.user_data(id));
        }
        self.queued = true;
        self.enter();
    }

    /// The next job that is over. Costs two loads when there is nothing.
    pub(super) fn poll(&mut self) -> Option<Landed> {
        if let Some(errno) = self.broken {
            return self.land_broken(errno);
        }
        if let Some(landed) = self.reap() {
            return Some(landed);
        }
        let notices = self.flavour != UringFlavour::Plain;
        if self.queued || (notices && self.ring.submission().taskrun()) {
            self.enter();
            return self.reap();
        }
        None
    }

    fn reap(&mut self) -> Option<Landed> {
        loop {
            let done = self.ring.completion().next()?;
            let buffer = (done.user_data() & !SYNC_HALF) as usize;
            let chain = &mut self.chains[buffer];
            assert!(chain.waiting > 0, "a completion belongs to a job in flight");
            chain.waiting -= 1;
            if done.user_data() & SYNC_HALF == 0 {
                chain.write = done.result();
            } else {
                chain.sync = done.result();
            }
            if chain.waiting == 0 {
                return Some(chain.landed(BufferId(buffer)));
            }
        }
    }

    fn land_broken(&mut self, errno: i32) -> Option<Landed> {
        let buffer = self.chains.iter().position(|chain| chain.waiting > 0)?;
        self.chains[buffer].waiting = 0;
        Some(Landed { buffer: BufferId(buffer), result: -errno, doing: "entering io_uring for" })
    }

    fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: the entry's buffer lives until its completion (see `new`), and so does its file:
        // the store closes none that has writes in flight.
        let pushed = unsafe { self.ring.submission().push(entry) };
        assert!(pushed.is_ok(), "the submission queue holds a chain for every buffer");
    }

    fn enter(&mut self) {
        match self.ring.submit() {
            // Half a chain: its sync would run by itself, perhaps before its write has landed.
            Ok(taken) if self.linked && taken % 2 == 1 => self.broken = Some(libc::EIO),
            Ok(_) => self.queued = !self.ring.submission().is_empty(),
            Err(e) => match e.raw_os_error() {
                // Taken later: the next poll enters again.
                Some(libc::EAGAIN | libc::EBUSY | libc::EINTR) => self.queued = true,
                errno => self.broken = Some(errno.unwrap_or(libc::EIO)),
            },
        }
    }

    /// A ring made for one thread is switched on by the first that uses it.
    fn enable(&mut self) {
        if !self.enabled {
            self.enabled = true;
            if let Err(e) = self.ring.submitter().register_enable_rings() {
                self.broken = Some(e.raw_os_error().unwrap_or(libc::EIO));
            }
        }
    }
}

impl Chain {
    /// One result for the whole chain. A short write or a failed one cancels the sync.
    fn landed(self, buffer: BufferId) -> Landed {
        if self.sync < 0 && self.sync != -libc::ECANCELED {
            return Landed { buffer, result: self.sync, doing: "fdatasync of" };
        }
        if self.sync == -libc::ECANCELED && self.write >= 0 {
            // Written, perhaps all of it, but not synced: never to be taken for durable.
            return Landed { buffer, result: 0, doing: "write linked to fdatasync of" };
        }
        Landed { buffer, result: self.write, doing: "write of" }
    }
}

fn require_operations(ring: &IoUring) -> io::Result<()> {
    let mut probe = Probe::new();
    ring.submitter().register_probe(&mut probe)?;
    for code in [opcode::Write::CODE, opcode::WriteFixed::CODE, opcode::Fsync::CODE] {
        if !probe.is_supported(code) {
            return Err(io::Error::other(format!("the kernel lacks io_uring operation {code}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn landed(write: i32, sync: i32) -> i32 {
        Chain { waiting: 0, write, sync }.landed(BufferId(0)).result
    }

    #[test]
    fn only_a_write_and_its_sync_together_are_durable() {
        assert_eq!(landed(4096, 0), 4096);
        assert_eq!(landed(4096, -libc::EIO), -libc::EIO);
        assert_eq!(landed(-libc::EIO, -libc::ECANCELED), -libc::EIO);
        assert!(landed(2048, -libc::ECANCELED) < 2048, "a short write is not durable");
        assert!(landed(4096, -libc::ECANCELED) < 4096, "nor is a whole one without its sync");
    }
}
