//! Which CPUs a thread may run on, and under which policy.
//!
//! Inputs -> outputs: CPU numbers in; the kernel's own answer, read back, out.
//! Invariants: a pin that the kernel did not take is an error, never a silent "almost".
//! Limits: [`CPUS_MAX`] CPUs, which is what `cpu_set_t` holds.
//! Not here: who runs where (the topology decides), tuning of the host.
//! Source: sched(7), sched_setaffinity(2); sysfs-devices-system-cpu.

use std::io;
use std::mem::MaybeUninit;

/// Most CPUs that the system interface can name.
pub const CPUS_MAX: usize = libc::CPU_SETSIZE as usize;

/// A fault of pinning or scheduling.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CpuFault {
    /// The CPU is not in the set that this thread may use.
    #[error(
        "CPU {cpu} is not among those that this process may use ({}); change the topology, or the \
         cpuset, container or taskset that limits it", ranges(.allowed)
    )]
    NotAllowed {
        /// What was asked for.
        cpu: usize,
        /// What the kernel would grant.
        allowed: Vec<usize>,
    },
    /// The kernel took the pin but runs the thread elsewhere.
    #[error("pinned to CPU {cpu}, but the kernel says the thread may run on {}", ranges(.found))]
    NotTaken {
        /// What was asked for.
        cpu: usize,
        /// What was read back.
        found: Vec<usize>,
    },
    /// A system call failed.
    #[error("{doing}: {why}")]
    System {
        /// What was being done.
        doing: String,
        /// What the system said, and what helps.
        why: String,
    },
}

/// How the kernel schedules a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The ordinary, fair class.
    Normal,
    /// First in, first out, 1 (lowest) to 99. A thread that spins under it starves its CPU's kernel
    /// workers: not on a CPU that the disk's or the network's work needs.
    Fifo(u8),
    /// Another class, by its number.
    Other(i32),
}

/// CPUs that the calling thread may run on now, ascending.
///
/// # Panics
/// If the machine has more than [`CPUS_MAX`] CPUs.
#[must_use]
pub fn allowed_cpus() -> Vec<usize> {
    let mut set = empty_set();
    // SAFETY: the set is ours and of the size named; pid 0 is the calling thread.
    let failed = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    assert_eq!(failed, 0, "the affinity of the calling thread can be read on up to 1,024 CPUs");
    // SAFETY: the number is below CPU_SETSIZE.
    (0..CPUS_MAX).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect()
}

/// CPU that the calling thread runs on at this moment.
#[must_use]
pub fn current_cpu() -> Option<usize> {
    // SAFETY: takes nothing.
    usize::try_from(unsafe { libc::sched_getcpu() }).ok()
}

/// Pins the calling thread to one CPU and reads the pin back.
///
/// # Errors
/// [`CpuFault`] if the CPU is not allowed or the kernel did otherwise.
pub fn pin_current(cpu: usize) -> Result<(), CpuFault> {
    // core_affinity would index past its set.
    let taken = cpu < CPUS_MAX && core_affinity::set_for_current(core_affinity::CoreId { id: cpu });
    let found = allowed_cpus();
    if !taken {
        return Err(CpuFault::NotAllowed { cpu, allowed: found });
    }
    if found != [cpu] {
        return Err(CpuFault::NotTaken { cpu, found });
    }
    Ok(())
}

/// Lets the calling thread run on `cpus` and no others. The kernel drops those that a cpuset
/// forbids, and refuses if none is left.
///
/// # Errors
/// [`CpuFault`] if the kernel refuses.
pub fn confine_current(cpus: &[usize]) -> Result<(), CpuFault> {
    let set = set_of(cpus);
    // SAFETY: the set is ours and of the size named; pid 0 is the calling thread.
    let failed =
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
    if failed == 0 {
        return Ok(());
    }
    let doing = format!("confining a thread to CPUs {}", ranges(cpus));
    Err(CpuFault::System { doing, why: io::Error::last_os_error().to_string() })
}

/// Sets the calling thread's scheduling policy and reads it back.
///
/// # Errors
/// [`CpuFault`] if the process may not.
///
/// # Panics
/// If asked for [`Policy::Other`], or for a priority outside 1 to 99.
pub fn set_policy(policy: Policy) -> Result<(), CpuFault> {
    let (class, priority) = match policy {
        Policy::Normal => (libc::SCHED_OTHER, 0),
        Policy::Fifo(priority) => {
            assert!((1..=99).contains(&priority), "a FIFO priority is 1 to 99");
            (libc::SCHED_FIFO, i32::from(priority))
        }
        Policy::Other(class) => panic!("policy {class} can be read but not set"),
    };
    let param = libc::sched_param { sched_priority: priority };
    // SAFETY: the parameter is ours; pid 0 is the calling thread.
    let failed = unsafe { libc::sched_setscheduler(0, class, &raw const param) };
    let doing = || format!("scheduling a thread as {policy:?}");
    if failed != 0 {
        let error = io::Error::last_os_error();
        let why = format!("{error}; it needs CAP_SYS_NICE or a limit (LimitRTPRIO, ulimit -r)");
        return Err(CpuFault::System { doing: doing(), why });
    }
    let found = self::policy()?;
    if found != policy {
        return Err(CpuFault::System { doing: doing(), why: format!("found {found:?} after") });
    }
    Ok(())
}

/// Lets the calling thread run when others have little to do: the least share of a CPU that is
/// still one. (SCHED_IDLE has none: on a busy host such a thread stands still.)
///
/// # Errors
/// [`CpuFault`] if the kernel refuses.
pub fn step_back() -> Result<(), CpuFault> {
    const NICEST: libc::c_int = 19;
    // SAFETY: takes no memory; 0 is the calling thread.
    if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICEST) } == 0 {
        return Ok(());
    }
    let why = io::Error::last_os_error().to_string();
    Err(CpuFault::System { doing: "giving a thread the least share of a CPU".to_owned(), why })
}

/// The calling thread's scheduling policy.
///
/// # Errors
/// [`CpuFault`] if the kernel refuses to say.
pub fn policy() -> Result<Policy, CpuFault> {
    let fault = || CpuFault::System {
        doing: "reading a thread's policy".to_owned(),
        why: io::Error::last_os_error().to_string(),
    };
    // SAFETY: takes no memory; pid 0 is the calling thread.
    let class = unsafe { libc::sched_getscheduler(0) };
    if class < 0 {
        return Err(fault());
    }
    let mut param = libc::sched_param { sched_priority: 0 };
    // SAFETY: the parameter is ours; pid 0 is the calling thread.
    if unsafe { libc::sched_getparam(0, &raw mut param) } != 0 {
        return Err(fault());
    }
    Ok(match class & !libc::SCHED_RESET_ON_FORK {
        libc::SCHED_OTHER => Policy::Normal,
        libc::SCHED_FIFO => Policy::Fifo(param.sched_priority as u8),
        other => Policy::Other(other),
    })
}

/// NUMA node of a CPU; `None` if the kernel knows of no nodes or of no such CPU.
#[must_use]
pub fn numa_node(cpu: usize) -> Option<usize> {
    let entries = std::fs::read_dir(format!("/sys/devices/system/cpu/cpu{cpu}")).ok()?;
    entries
        .flatten()
        .find_map(|entry| entry.file_name().to_str()?.strip_prefix("node")?.parse().ok())
}

/// A set for the calls that take one.
pub(crate) fn set_of(cpus: &[usize]) -> libc::cpu_set_t {
    let mut set = empty_set();
    for &cpu in cpus {
        assert!(cpu < CPUS_MAX, "a CPU's number is below 1,024");
        // SAFETY: the number is below CPU_SETSIZE (asserted above).
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    set
}

fn empty_set() -> libc::cpu_set_t {
    // SAFETY: a cpu_set_t is an array of words; all zeros is the empty set.
    unsafe { MaybeUninit::<libc::cpu_set_t>::zeroed().assume_init() }
}

/// CPU numbers as people write them: `0-3,8`.
fn ranges(cpus: &[usize]) -> String {
    let mut text = String::new();
    let mut rest = cpus;
    while let Some(&first) = rest.first() {
        let run = rest.iter().zip(first..).take_while(|&(&cpu, want)| cpu == want).count();
        let last = rest[run - 1];
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&if run == 1 { format!("{first}") } else { format!("{first}-{last}") });
        rest = &rest[run..];
    }
    if text.is_empty() { "none".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_taken_and_a_foreign_cpu_is_refused_by_name() {
        let done = std::thread::spawn(|| {
            let allowed = allowed_cpus();
            let cpu = *allowed.last().unwrap();
            pin_current(cpu).unwrap();
            assert_eq!(allowed_cpus(), [cpu]);
            assert_eq!(current_cpu(), Some(cpu));
            confine_current(&allowed).unwrap();
            assert_eq!(allowed_cpus(), allowed);
            for foreign in [CPUS_MAX - 1, CPUS_MAX, usize::MAX] {
                let refused = pin_current(foreign).unwrap_err();
                assert_eq!(
                    refused,
                    CpuFault::NotAllowed { cpu: foreign, allowed: allowed.clone() }
                );
                assert!(refused.to_string().contains(&format!("CPU {foreign} is not")));
                assert_eq!(allowed_cpus(), allowed, "a refused pin changes nothing");
            }
        });
        done.join().unwrap();
    }

    #[test]
    fn a_policy_is_set_and_read_back() {
        let done = std::thread::spawn(|| {
            assert_eq!(policy(), Ok(Policy::Normal));
            match set_policy(Policy::Fifo(3)) {
                Ok(()) => assert_eq!(policy(), Ok(Policy::Fifo(3))),
                Err(refused) => assert!(refused.to_string().contains("CAP_SYS_NICE")),
            }
            set_policy(Policy::Normal).unwrap();
            assert_eq!(policy(), Ok(Policy::Normal));
        });
        done.join().unwrap();
    }

    #[test]
    fn runs_of_cpus_are_written_short() {
        assert_eq!(ranges(&[]), "none");
        assert_eq!(ranges(&[4]), "4");
        assert_eq!(ranges(&[0, 1, 2, 8, 10, 11]), "0-2,8,10-11");
    }
}
