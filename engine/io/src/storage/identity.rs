//! Who a directory belongs to: node id, format version, incarnation; in a small text file `meta`.
//!
//! Inputs -> outputs: a directory in; the identity out, and a new incarnation written back.
//! Invariants: the file is replaced whole (written aside, synced, exchanged, directory synced), so
//! a crash leaves the old one or the new one; an incarnation is durable before anybody hears of it.
//! The two files change places at each start, so that no start but the first two needs room: a node
//! whose disk is full can be started.
//! Limits: one version of the format.
//! Not here: the lock, which keeps two processes from taking one incarnation (directory.rs).

use super::fault::{fault, refusal};
use crate::faults::{self, Step};
use gavel_contract::{StoreFault, StoreFaultKind};
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Version of the directory's layout that this build reads and writes.
const FORMAT_VERSION: u32 = 1;
const NAME: &str = "meta";
/// Written next; it holds the identity of one start before, or nothing.
const SPARE: &str = "meta.spare";

/// What to do about one that is damaged.
const ADVICE: &str = "; restore it from a backup, or move the directory away to start a new node";

/// Who a directory belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Drawn at random when the directory was made.
    pub node_id: u64,
    /// How often the node started on this directory; 0 before the first start.
    pub incarnation: u64,
}

impl Identity {
    fn text(self) -> String {
        let body = format!(
            "gavel-log {FORMAT_VERSION}\nnode_id {:016x}\nincarnation {}\n",
            self.node_id, self.incarnation
        );
        let sum = crc32c::crc32c(body.as_bytes());
        format!("{body}crc32c {sum:08x}\n")
    }

    fn parse(text: &str) -> Result<Self, String> {
        let at = text.rfind("crc32c ").ok_or_else(|| format!("it has no checksum line{ADVICE}"))?;
        let (body, tail) = text.split_at(at);
        let mut lines = body.lines();
        let version = field(lines.next(), "gavel-log ")?;
        if version != FORMAT_VERSION.to_string() {
            return Err(format!(
                "it is of format {version}, and this build knows format {FORMAT_VERSION} only. \
                 Start the build that wrote it"
            ));
        }
        let node_id = field(lines.next(), "node_id ")?;
        let incarnation = field(lines.next(), "incarnation ")?;
        let want = format!("crc32c {:08x}\n", crc32c::crc32c(body.as_bytes()));
        if tail != want {
            return Err(format!("its checksum does not agree with its content{ADVICE}"));
        }
        Ok(Self {
            node_id: u64::from_str_radix(node_id, 16)
                .map_err(|e| format!("node_id: {e}{ADVICE}"))?,
            incarnation: incarnation.parse().map_err(|e| format!("incarnation: {e}{ADVICE}"))?,
        })
    }
}

fn field<'a>(line: Option<&'a str>, name: &str) -> Result<&'a str, String> {
    line.and_then(|l| l.strip_prefix(name))
        .ok_or_else(|| format!("the line `{name}...` is missing{ADVICE}"))
}

/// Reads the directory's identity; `None` if it has none yet.
pub(super) fn load(directory: &Path) -> Result<Option<Identity>, StoreFault> {
    let path = directory.join(NAME);
    let text = match faults::call(Step::Read, &path, || std::fs::read(&path)) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(fault("reading", &path, &e)),
    };
    Identity::parse(&text)
        .map(Some)
        .map_err(|why| refusal(StoreFaultKind::Io, format!("{}: {why}", path.display())))
}

/// Replaces the directory's identity durably.
pub(super) fn save(directory: &Path, identity: Identity) -> Result<(), StoreFault> {
    let path = directory.join(NAME);
    let spare = directory.join(SPARE);
    let text = identity.text();
    let wrong = |doing| {
        let spare = &spare;
        move |e: io::Error| fault(doing, spare, &e)
    };
    // Its bytes are written over, so that the space it has is enough.
    let mut how = OpenOptions::new();
    how.write(true).create(true).truncate(false).mode(0o600);
    let file = faults::call(Step::Create, &spare, || how.open(&spare)).map_err(wrong("making"))?;
    faults::call(Step::Write, &spare, || file.write_all_at(text.as_bytes(), 0))
        .map_err(wrong("writing"))?;
    faults::call(Step::Resize, &spare, || file.set_len(text.len() as u64))
        .map_err(wrong("cutting"))?;
    faults::call(Step::Sync, &spare, || file.sync_all()).map_err(wrong("syncing"))?;
    faults::call(Step::Rename, &path, || exchange(&spare, &path))
        .map_err(|e| fault("replacing", &path, &e))?;
    sync_directory(directory).map_err(|e| fault("syncing", directory, &e))
}

/// Gives each file the other's name; where that cannot be, because one is not there or the
/// filesystem knows no such thing, `from` takes the name of `to`.
fn exchange(from: &Path, to: &Path) -> io::Result<()> {
    let name = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other);
    let (from_name, to_name) = (name(from)?, name(to)?);
    let here = libc::AT_FDCWD;
    // SAFETY: two strings that end in zero and live for the call.
    let refused = unsafe {
        libc::renameat2(here, from_name.as_ptr(), here, to_name.as_ptr(), libc::RENAME_EXCHANGE)
    } != 0;
    if !refused {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::EINVAL | libc::ENOSYS) => std::fs::rename(from, to),
        _ => Err(error),
    }
}

/// Makes names in a directory survive a crash.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    faults::call(Step::SyncDirectory, directory, || File::open(directory)?.sync_all())
}

/// A node id that no other node has.
pub(super) fn random_id() -> io::Result<u64> {
    let mut bytes = [0u8; 8];
    // SAFETY: the kernel writes at most the 8 bytes named, which are ours.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    if got != bytes.len() as isize {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: Identity = Identity { node_id: 0x0123_4567_89ab_cdef, incarnation: 7 };

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(Identity::parse(&WHO.text()), Ok(WHO));
        // As version 1 wrote it.
        let golden = "gavel-log 1\nnode_id 0123456789abcdef\nincarnation 7\ncrc32c 83300584\n";
        assert_eq!(WHO.text(), golden);
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let text = WHO.text();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(Identity::parse(&changed).is_err(), "byte {at} of {changed:?}");
            assert!(Identity::parse(&text[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_newer_format_is_named() {
        let why = Identity::parse("gavel-log 2\ncrc32c 0\n").unwrap_err();
        assert!(why.contains("format 2") && why.contains("Start the build that wrote it"), "{why}");
    }
}
