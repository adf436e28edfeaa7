//! What the weather brings.
//!
//! Inputs -> outputs: a draw -> a fault, done to the world and counted.
//! Invariants: every fault ends, or is repaired by what comes after it.
//! Limits: the times below (ns).
//! Not here: how often, and which (profile.rs).

use crate::faults::Fault;
use crate::timeline::Happened;
use crate::world::World;
use gavel_contract::{FileName, StoreFaultKind};
use gavel_types::Nanos;

const SLOW_DISK_NS: u64 = 3_000_000_000;
const FULL_DISK_NS: u64 = 800_000_000;
const DEAD_CLIENT_NS: u64 = 500_000_000;
const STALLED_CLIENT_NS: u64 = 5_000_000_000;
const SLEEP_NS: u64 = 1_500_000_000;
const CLOCK_STEP_NS: u64 = 2_000_000_000;
const STOP_NS: u64 = 600_000_000;
/// Calls to files until one fails, at most.
const FAILING_CALLS: u64 = 40;
/// Port calls until a crash, at most.
const CRASH_CALLS: u64 = 24;

impl World {
    /// One fault, of those that the profile has.
    pub(crate) fn weather(&mut self) {
        let (number, random) = self.forecast.next_fault();
        // A fault that is left out leaves the world's own stream as it is.
        let usual = std::mem::replace(&mut self.random, random);
        // Most come close upon each other, so that they overlap; the mean is the profile's.
        let (steps, most) = (self.steps(), 4 * self.profile.fault_one_in_steps);
        self.weather_at = steps + 1 + (self.random.below(most) >> self.random.below(4));
        let weights = self.profile.faults.iter().map(|(_, weight)| *weight).collect::<Vec<_>>();
        let (fault, _) = self.profile.faults[self.random.weighted(&weights)];
        if self.less.has_fault(number, fault.name()) && self.befall(fault) {
            self.faults.count(fault);
            self.forecast.befell(number, fault.name());
            let what = format!("fault {number}: {}", fault.name());
            self.checkers.borrow_mut().timeline.note(Happened::Fault { what });
        }
        self.random = usual;
    }

    /// A time within a bound. Mostly far below it: short faults overlap with more.
    fn soon(&mut self, bound_ns: u64) -> Nanos {
        let bound = bound_ns >> (2 * self.random.below(4));
        Nanos(self.time.0 + 1 + self.random.below(bound))
    }

    /// False if there is nobody whom it could befall.
    fn befall(&mut self, fault: Fault) -> bool {
        let client = self.random.place(self.clients.len());
        match fault {
            Fault::CrashNode if self.node.is_some() => self.crash(),
            Fault::CrashAtCall => {
                let calls = self.random.below(CRASH_CALLS);
                let Some(node) = &self.node else { return false };
                node.crash().set(calls);
            }
            Fault::StopNode => {
                let at = self.soon(STOP_NS);
                let Some(node) = &mut self.node else { return false };
                node.stop();
                self.stop_at = at;
            }
            Fault::WriteFails if self.node.is_some() => {
                self.disk.fail_write_after(self.random.below(3));
            }
            Fault::SlowDisk => {
                self.stalled_until = self.soon(SLOW_DISK_NS);
                self.disk.set_stalled(true);
            }
            Fault::FullDisk => {
                self.full_until = self.soon(FULL_DISK_NS);
                self.disk.set_full(u32::MAX);
                // Reports that find no room may be lost, if that is legal.
                self.disk.set_files_full(self.profile.is_lossy);
            }
            Fault::FileCallFails => {
                let calls = self.random.below(FAILING_CALLS);
                self.disk.fail_file_call_after(calls, StoreFaultKind::Io);
            }
            Fault::SnapshotRots => {
                let Some(index) = self.snapshots.may_rot(&self.disk) else { return false };
                let name = FileName::Snapshot(index);
                let bytes = self.disk.file_bytes(name).map_or(0, |bytes| bytes.len() as u64);
                let (at, bit) = (self.random.below(bytes), self.random.below(8) as u8);
                self.snapshots.rot(index);
                return self.disk.flip_file_bit(name, at, bit);
            }
            Fault::CutConnection => return self.clients[client].cut(&self.net),
            Fault::ClientDies => {
                let for_ns = self.soon(DEAD_CLIENT_NS).since(self.time);
                if self.random.one_in(2) {
                    self.clients[client].doom(for_ns);
                } else {
                    let until = Nanos(self.time.0 + for_ns);
                    self.clients[client].die(until, &self.net, &mut self.random);
                }
            }
            Fault::ClientStalls => {
                let until = self.soon(STALLED_CLIENT_NS);
                self.clients[client].stall(until);
            }
            Fault::AgentSleeps => {
                let until = self.soon(SLEEP_NS);
                let agent = self.random.place(self.asleep_until.len());
                self.asleep_until[agent] = until;
            }
            Fault::ClockSteps => {
                let step = self.random.below(2 * CLOCK_STEP_NS) as i64 - CLOCK_STEP_NS as i64;
                self.skew_ns += step;
            }
            Fault::CrashNode | Fault::WriteFails => return false,
        }
        true
    }
}
