//! TCP for clients, in two halves that may live on different threads.
//!
//! Inputs -> outputs: an address in; [`TcpIngress`] (accepts, reads, closes) and [`TcpEgress`]
//! (sends, finishes) out.
//! Invariants: no call blocks; only the reading half closes a descriptor.
//! Limits: `connections_max` at one time; one more is accepted and closed at once, and counted.
//! Not here: encryption, proxies, UDP.
//! Source: tcp(7), accept4(2), epoll(7), send(2).

mod egress;
mod ingress;
mod readiness;

pub use egress::TcpEgress;
pub use ingress::{IngressCounters, TcpIngress};

use super::slots;
use crate::clock::SystemClock;
use std::io;
use std::net::SocketAddr;

/// A transport that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ListenFault {
    /// Somebody else listens there.
    #[error(
        "{address} is taken by another process (see `ss -ltnp 'sport = :{}'`); stop it, or change \
         the listen address", .address.port()
    )]
    Taken {
        /// What was asked for.
        address: SocketAddr,
    },
    /// The process may not open as many descriptors as it may have connections.
    #[error(
        "{connections_max} connections need {needed} open files and the limit is {limit}; raise \
         LimitNOFILE (ulimit -n), or lower connections_max"
    )]
    TooFewFiles {
        /// What was asked for.
        connections_max: u32,
        /// With what the rest of the node needs.
        needed: u64,
        /// The hard limit.
        limit: u64,
    },
    /// A system call failed.
    #[error("listening on {address}: {doing}: {error}")]
    System {
        /// What was asked for.
        address: SocketAddr,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

/// Descriptors beyond the connections: log, listeners, epoll, ring, standard streams and a margin.
const OTHER_FILES: u64 = 64;

/// Listens for clients. Port 0 takes a free one; [`TcpIngress::local_address`] tells which.
///
/// # Errors
/// [`ListenFault`] if the address is taken or not ours, or the process may open too few files.
///
/// # Panics
/// If `connections_max` is 0.
pub fn listen(
    address: SocketAddr,
    connections_max: u32,
    clock: &SystemClock,
) -> Result<(TcpIngress, TcpEgress), ListenFault> {
    assert!(connections_max > 0, "a transport has room for a connection");
    let system = |doing| move |error| ListenFault::System { address, doing, error };
    raise_file_limit(address, connections_max)?;
    let listener = mio::net::TcpListener::bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => ListenFault::Taken { address },
        _ => system("binding")(error),
    })?;
    let bound = listener.local_addr().map_err(system("asking for the port"))?;
    let (owner, user) = slots::slots(connections_max);
    let ingress = TcpIngress::new(listener, bound, owner, connections_max)
        .map_err(system("setting epoll up"))?;
    Ok((ingress, TcpEgress::new(user, clock.clone())))
}

/// Raises the soft limit on open files to what the connections need.
fn raise_file_limit(address: SocketAddr, connections_max: u32) -> Result<(), ListenFault> {
    let system = |doing| ListenFault::System { address, doing, error: io::Error::last_os_error() };
    let needed = u64::from(connections_max) + ingress::LINGERING_MAX as u64 + OTHER_FILES;
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one rlimit, which is ours.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(system("reading the limit on open files"));
    }
    if limit.rlim_cur >= needed {
        return Ok(());
    }
    if limit.rlim_max < needed {
        return Err(ListenFault::TooFewFiles { connections_max, needed, limit: limit.rlim_max });
    }
    limit.rlim_cur = needed;
    // SAFETY: the kernel reads one rlimit, which is ours.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        return Err(system("raising the limit on open files"));
    }
    Ok(())
}
