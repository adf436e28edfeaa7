//! Numbers that must not be taken for one another.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($repr:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash,
            FromBytes, IntoBytes, Immutable, KnownLayout,
        )]
        #[repr(transparent)]
        pub struct $name(pub $repr);

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// Price in units of 10^-9 of the quote currency, as on the wire (SBE mantissa, exponent -9).
    Price(i64)
}
number! {
    /// Quantity in the symbol's smallest unit.
    Qty(u64)
}
number! {
    /// Tag 48: the instrument.
    SymbolId(u32)
}
number! {
    /// Tag 1: the account that an order is for; 0 is the session's default account.
    Account(u32)
}
number! {
    /// Tag 37: the engine's own name for an order, a handle of (generation << 32 | slot).
    OrderId(u64)
}
number! {
    /// Tag 11: the client's name for an order; unique per session among live orders.
    ClOrdId(u64)
}
number! {
    /// Tag 17: counts every execution report of the venue; a function of the log.
    ExecId(u64)
}
number! {
    /// Tag 880: one match; both sides' reports carry the same.
    TrdMatchId(u64)
}
number! {
    /// Tag 262: the client's name for a market data request.
    MdReqId(u64)
}
number! {
    /// Number of a message in a client's flow; the first is 1.
    SeqNo(u64)
}
number! {
    /// Number of a report in a session's server flow; the first is 1, 0 means unsequenced.
    ReportNo(u64)
}
number! {
    /// Position in the log; the first record is 1, 0 is "before the log".
    Index(u64)
}
number! {
    /// Raft term; the first is 1.
    Term(u64)
}
number! {
    /// A node of a cluster; the first is 1, 0 names none. An id is given once: what comes back
    /// without its disk is somebody else (the configuration names disks too).
    NodeId(u8)
}
number! {
    /// Nanoseconds: since the Unix epoch (UTC) when stamped in the log, since an arbitrary origin
    /// when it is a monotone clock; the name of the field says which.
    Nanos(u64)
}
number! {
    /// Dense number of a session in this node's log, handed out by Negotiate.
    SessionSlot(u32)
}
number! {
    /// One connection in the life of one process: (generation << 32 | slot). Never reused.
    ConnId(u64)
}

/// The client's name for a session (FIXP SessionID): a UUID of the client's making.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
#[repr(transparent)]
pub struct SessionUuid(pub [u8; 16]);

impl core::fmt::Display for SessionUuid {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl Index {
    /// The record after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl SessionSlot {
    /// Stands for "no session": a command or report that belongs to a connection only.
    pub const NONE: Self = Self(u32::MAX);
}

impl Price {
    /// Price null on the wire (SBE int64 null is its minimum, FIX books use the maximum): market
    /// orders carry it.
    pub const NULL: Self = Self(i64::MAX);
}

impl Nanos {
    /// Time that passed since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
