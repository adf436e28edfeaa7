//! One function for each thing that doctor looks at.

use super::{Finding, Need};
use crate::workspace::{Workspace, on_path};
use anyhow::{Context, Result};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Bytes that O_DIRECT wants aligned, and written at once.
const DIRECT_BYTES: usize = 4_096;

/// Locked memory that one small node asks for, in bytes.
const MEMLOCK_BYTES: u64 = 1 << 30;

/// Looks at everything, what matters most first.
pub(super) fn all(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings = vec![rustc(workspace)?];
    findings.extend(programs(workspace));
    findings.extend([
        io_uring(),
        direct_io(&workspace.root),
        cpus(),
        locked_memory(),
        huge_pages(),
        recorded_data(),
    ]);
    Ok(findings)
}

fn rustc(workspace: &Workspace) -> Result<Finding> {
    let wanted = wanted_rustc(workspace)?;
    let found = first_line(workspace, "rustc", &["--version"]);
    let version = found.as_deref().and_then(|line| line.split(' ').nth(1)).unwrap_or("");
    Ok(Finding {
        name: "rustc",
        need: Need::Required,
        ok: found.is_some() && parts(version) >= parts(&wanted),
        found: found.unwrap_or_else(|| String::from("none")),
        why: "builds everything; the least version is rust-version in Cargo.toml",
        fix: "rustup toolchain install stable",
    })
}

fn wanted_rustc(workspace: &Workspace) -> Result<String> {
    let path = workspace.root.join("Cargo.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let manifest: toml::Table =
        toml::from_str(&text).with_context(|| format!("{} is broken", path.display()))?;
    let package = manifest.get("workspace").and_then(|table| table.get("package"));
    let version = package.and_then(|table| table.get("rust-version")).and_then(toml::Value::as_str);
    version.map(str::to_owned).context("Cargo.toml: [workspace.package] has no rust-version")
}

/// The numbers of a version, so that versions compare as numbers.
fn parts(version: &str) -> Vec<u64> {
    let plain = version.split(['-', '+']).next().unwrap_or("");
    plain.split('.').map_while(|part| part.parse().ok()).collect()
}

struct Program {
    name: &'static str,
    need: Need,
    probe: &'static [&'static str],
    why: &'static str,
    fix: &'static str,
}

const PROGRAMS: &[Program] = &[
    Program {
        name: "cc",
        need: Need::Required,
        probe: &["cc", "--version"],
        why: "links every program; compiles zstd",
        fix: "apt-get install build-essential",
    },
    Program {
        name: "git",
        need: Need::Required,
        probe: &["git", "--version"],
        why: "tidy asks it which files belong to the project",
        fix: "apt-get install git",
    },
    Program {
        name: "rustfmt",
        need: Need::Required,
        probe: &["cargo", "fmt", "--version"],
        why: "cargo xtask check",
        fix: "rustup component add rustfmt",
    },
    Program {
        name: "clippy",
        need: Need::Required,
        probe: &["cargo", "clippy", "--version"],
        why: "cargo xtask check",
        fix: "rustup component add clippy",
    },
    Program {
        name: "python3",
        need: Need::Required,
        probe: &["python3", "--version"],
        why: "a second, foreign implementation of the protocol is part of the tests",
        fix: "apt-get install python3",
    },
    Program {
        name: "python3 venv",
        need: Need::Required,
        probe: &["python3", "-c", "import venv, ensurepip; print('venv and ensurepip')"],
        why: "cargo xtask test keeps the Python packages it needs in .venv",
        fix: "apt-get install python3-venv",
    },
    Program {
        name: "cargo-nextest",
        need: Need::Optional,
        probe: &["cargo", "nextest", "--version"],
        why: "runs the tests faster, each in a process of its own",
        fix: "cargo install --locked cargo-nextest",
    },
    Program {
        name: "cargo-deny",
        need: Need::Optional,
        probe: &["cargo", "deny", "--version"],
        why: "checks licences and bans over all features; tidy checks what is locked",
        fix: "cargo install --locked cargo-deny",
    },
    Program {
        name: "zstd",
        need: Need::Optional,
        probe: &["zstd", "--version"],
        why: "for looking into compressed data by hand",
        fix: "apt-get install zstd",
    },
];

fn programs(workspace: &Workspace) -> impl Iterator<Item = Finding> + '_ {
    PROGRAMS.iter().map(|program| {
        // `cargo x` for a missing x may try to install it: look for the file first.
        let is_subcommand = program.probe[0] == "cargo";
        let there = !is_subcommand || on_path(&format!("cargo-{}", program.probe[1]));
        let found = there.then(|| first_line(workspace, program.probe[0], &program.probe[1..]));
        let found = found.flatten();
        Finding {
            name: program.name,
            need: program.need,
            ok: found.is_some(),
            found: found.unwrap_or_else(|| String::from("none")),
            why: program.why,
            fix: program.fix,
        }
    })
}

fn io_uring() -> Finding {
    let sysctl = fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
    let setting = sysctl.map_or(String::from("absent"), |text| text.trim().to_owned());
    let ring = io_uring::IoUring::new(8);
    let ok = ring.is_ok();
    Finding {
        name: "io_uring",
        need: Need::Optional,
        ok,
        found: match ring {
            Ok(_) => format!("works (kernel.io_uring_disabled: {setting})"),
            Err(fault) => format!("{fault} (kernel.io_uring_disabled: {setting})"),
        },
        why: "durable writes without a blocking call",
        fix: "sysctl kernel.io_uring_disabled=0; in a container, a seccomp profile that allows \
              io_uring_setup, io_uring_enter and io_uring_register",
    }
}

fn direct_io(folder: &Path) -> Finding {
    let path = folder.join(format!(".doctor-{}", std::process::id()));
    let tried = write_direct(&path);
    // Nothing to remove if it could not be made; a file left over is named by the finding below.
    let removed = fs::remove_file(&path);
    let found = match (&tried, removed) {
        (Ok(()), Ok(())) => String::from("works here"),
        (Ok(()), Err(fault)) => format!("works, but {} stays: {fault}", path.display()),
        (Err(fault), _) => fault.to_string(),
    };
    Finding {
        name: "O_DIRECT",
        need: Need::Optional,
        ok: tried.is_ok(),
        found,
        why: "the log bypasses the page cache; some file systems refuse it",
        fix: "keep the checkout and the data folder on ext4 or xfs, not on tmpfs or overlay",
    }
}

fn write_direct(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).custom_flags(libc::O_DIRECT);
    let mut file = options.open(path)?;
    let buffer = vec![0_u8; 2 * DIRECT_BYTES];
    let start = buffer.as_ptr().align_offset(DIRECT_BYTES);
    file.write_all(&buffer[start..start + DIRECT_BYTES])
}

fn cpus() -> Finding {
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    Finding {
        name: "CPUs",
        need: Need::Optional,
        ok: count >= 2,
        found: format!("{count} allowed"),
        why: "one for the hot tile, one for the rest; more for pinned topologies",
        fix: "allow this shell more CPUs (taskset, cgroup cpuset), or expect long tails",
    }
}

fn locked_memory() -> Finding {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let soft = memlock_soft(&limits);
    let ok = soft.is_some_and(|bytes| bytes >= MEMLOCK_BYTES);
    Finding {
        name: "RLIMIT_MEMLOCK",
        need: Need::Optional,
        ok,
        found: match soft {
            Some(u64::MAX) => String::from("unlimited"),
            Some(bytes) => format!("{} KiB", bytes >> 10),
            None => String::from("unknown"),
        },
        why: "a node locks its memory, so that no order waits for a page",
        fix: "ulimit -l unlimited, or LimitMEMLOCK=infinity in the unit",
    }
}

/// The soft limit in bytes; `u64::MAX` if there is none.
fn memlock_soft(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        bytes => bytes.parse().ok(),
    }
}

fn huge_pages() -> Finding {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = meminfo.lines().find_map(|line| line.strip_prefix("HugePages_Total:"));
    let reserved: u64 = line.and_then(|count| count.trim().parse().ok()).unwrap_or(0);
    let transparent = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    let transparent = transparent.unwrap_or_default();
    let chosen = transparent.split(['[', ']']).nth(1).unwrap_or("absent").to_owned();
    Finding {
        name: "huge pages",
        need: Need::Optional,
        ok: reserved > 0 || matches!(chosen.as_str(), "always" | "madvise"),
        found: format!("{reserved} reserved; transparent: {chosen}"),
        why: "fewer TLB misses, and the kernel frees a dead node's memory much sooner",
        fix: "sysctl vm.nr_hugepages=N, or \
              echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
    }
}

fn recorded_data() -> Finding {
    let variable = crate::test::DATA_VARIABLE;
    let folder = std::env::var_os(variable);
    let there = folder.as_ref().is_some_and(|folder| Path::new(folder).is_dir());
    Finding {
        name: "recorded data",
        need: Need::Optional,
        ok: there,
        found: match folder {
            Some(folder) if there => Path::new(&folder).display().to_string(),
            Some(folder) => format!("{} is no folder", Path::new(&folder).display()),
            None => format!("{variable} is not set"),
        },
        why: "a day of a real market and cases of other engines; tests without it say SKIPPED",
        fix: "export GAVEL_DATA=<the folder that holds data/ and cases/>",
    }
}

fn first_line(workspace: &Workspace, program: &str, args: &[&str]) -> Option<String> {
    let output = workspace.tool(program).args(args).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().map(|line| line.trim_matches(['*', ' ']).to_owned());
    line.filter(|line| output.status.success() && !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(parts("1.100.0") > parts("1.95"));
        assert!(parts("1.95.0-nightly") >= parts("1.95"));
        assert!(parts("1.94.9") < parts("1.95"));
        assert!(parts("") < parts("1.95"));
    }

    #[test]
    fn the_limit_is_read_as_the_kernel_prints_it() {
        let limits = "Limit          Soft Limit   Hard Limit  Units\n\
                      Max locked memory         8388608              unlimited            bytes\n";
        assert_eq!(memlock_soft(limits), Some(8_388_608));
        assert_eq!(memlock_soft(&limits.replace("8388608", "unlimited")), Some(u64::MAX));
        assert_eq!(memlock_soft("nothing"), None);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_reported() {
        let finding = direct_io(Path::new("/no/such/folder"));
        assert!(!finding.ok);
        assert!(finding.found.contains("No such file"), "{}", finding.found);
    }
}
