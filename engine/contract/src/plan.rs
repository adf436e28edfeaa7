//! Every limit of a node, validated. Made by gavel-config; nothing else decides a size.

use alloc::string::String;
use alloc::vec::Vec;
use gavel_types::{Price, Qty, StpInstruction, SymbolId};

/// When an order counts as acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckRule {
    /// Durable on the primary.
    Local,
}

/// One instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolSpec {
    /// Tag 48.
    pub symbol: SymbolId,
    /// Name for people.
    pub name: String,
    /// Smallest price step (units of 10^-9), at least 1.
    pub tick: Price,
    /// Smallest quantity step, at least 1.
    pub lot: Qty,
    /// Lowest price accepted, at least one tick.
    pub price_min: Price,
    /// Highest price accepted.
    pub price_max: Price,
    /// Largest quantity of one order.
    pub qty_max: Qty,
    /// A quantity of 1 is 10^-scale units of the instrument, at most 18.
    pub qty_scale: u8,
    /// What an order's own default of self-trade prevention means; not Default itself.
    pub stp: StpInstruction,
    /// How far from the other side's best a market order trades; 0 for any distance.
    pub protection: Price,
}

/// Where venues differ, and Gavel can do either. The defaults are Gavel's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conventions {
    /// A replace to no more than has filled is refused; else it cancels the order.
    pub refuse_replace_to_filled: bool,
    /// A replace that would trade at once is refused; else it trades.
    pub refuse_replace_that_trades: bool,
    /// A replace to less goes to the end of its queue; else it keeps its place.
    pub requeue_on_decrease: bool,
    /// What an iceberg displays anew keeps its place; else it goes to the end of the queue.
    pub iceberg_keeps_place: bool,
    /// A stop order whose price was reached before it came is refused; else it triggers at once.
    pub refuse_stop_beyond_last: bool,
    /// What is left of a market order rests at the price of its last trade; else it is cancelled.
    pub market_rest_rests: bool,
    /// A post-only order that is replaced may trade; else a replace that would trade is refused.
    pub post_only_on_entry_only: bool,
    /// Of prices at which an auction trades as much and leaves as much over, the surplus decides:
    /// the highest if only bids are left over, the lowest if only asks are; else the reference
    /// alone.
    pub surplus_before_reference: bool,
}

/// Sizes of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookPlan {
    /// The instruments, ascending by symbol.
    pub symbols: Vec<SymbolSpec>,
    /// Most live orders of the venue.
    pub orders_max: u32,
    /// Most price levels of one side of one symbol.
    pub levels_max: u32,
    /// Most sessions that can have orders: their slots are below this. As in [`SessionPlan`].
    pub sessions_max: u32,
    /// Most symbols, those that commands add included.
    pub symbols_max: u32,
    /// Most pages of 64 neighbouring prices, all sides of all symbols together.
    pub pages_max: u32,
    /// Most accounts that have limits of risk.
    pub accounts_max: u32,
    /// Most positions (an account in a symbol) that are counted.
    pub positions_max: u32,
    /// Where venues differ.
    pub conventions: Conventions,
}

impl BookPlan {
    /// `symbols_max` of a configuration that does not say. This and the next three stand in the
    /// digest of every log that was written without saying: they never change.
    pub const SYMBOLS_MAX: u32 = 1_024;
    /// `pages_max` of a configuration that does not say: what the deepest books of four symbols can
    /// need within 16,384 levels a side (a tree of n levels has fewer than 2n pages), so that a log
    /// of before there were pages is replayed as it was; 73 MB.
    pub const PAGES_MAX: u32 = 262_144;
    /// `accounts_max` of a configuration that does not say.
    pub const ACCOUNTS_MAX: u32 = 1_024;
    /// `positions_max` of a configuration that does not say.
    pub const POSITIONS_MAX: u32 = 16_384;

    /// Sizes that follow from the number of orders, for whoever has no reason to choose others:
    /// no symbol, the levels and pages that so many orders can need, few accounts.
    #[must_use]
    pub fn for_orders(orders_max: u32) -> Self {
        Self {
            symbols: Vec::new(),
            orders_max,
            levels_max: orders_max,
            sessions_max: 16,
            symbols_max: 16,
            pages_max: orders_max.saturating_mul(2).clamp(64, 1 << 20),
            accounts_max: 64,
            positions_max: 256,
            conventions: Conventions::default(),
        }
    }
}

/// Sizes and times of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionPlan {
    /// Most sessions ever negotiated.
    pub sessions_max: u32,
    /// Most connections at one time, sessions or not.
    pub connections_max: u32,
    /// Shortest keep-alive interval that a client may ask for (ms).
    pub keepalive_min_ms: u32,
    /// Longest keep-alive interval that a client may ask for (ms).
    pub keepalive_max_ms: u32,
    /// A connection that has not established a session by then is closed (ms).
    pub establish_timeout_ms: u32,
    /// Longest cancel-on-disconnect window that a client may ask for (ms).
    pub cod_window_max_ms: u32,
    /// A session without connection and live orders is forgotten after so long (ms); 0 = never.
    pub idle_expiry_ms: u64,
    /// Messages a second that one session may send on and on; 0 = as many as it likes.
    pub throttle_per_s: u32,
    /// Messages that it may send at once, at least 1.
    pub throttle_burst: u32,
    /// Whether only a holder of a key may negotiate and establish.
    pub needs_credentials: bool,
}

/// Memory of reports that clients may still ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetransmitPlan {
    /// All sessions together (bytes).
    pub pool_bytes: usize,
    /// Unit in which sessions take from the pool (bytes).
    pub chunk_bytes: usize,
    /// A connection that lags further than this is closed and catches up by retransmission (bytes).
    pub lag_max_bytes: usize,
}

/// The write-ahead log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalPlan {
    /// Bytes of one segment, a multiple of 4,096.
    pub segment_bytes: u64,
    /// Most bytes of one block, a multiple of 4,096.
    pub block_bytes_max: usize,
    /// Most blocks in flight.
    pub blocks_in_flight_max: usize,
    /// A log idle for this long is sealed by an empty block (ms).
    pub seal_after_ms: u32,
    /// After a full disk, ask for a segment again this often (ms).
    pub full_retry_ms: u32,
}

/// Snapshots of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPlan {
    /// One is written after so many records; 0 for never, but when asked to.
    pub every_records: u64,
    /// Newest ones that are kept, at least 1. The log before the oldest of them is given up once
    /// there are so many.
    pub keep: u32,
    /// After one could not be written, the next is tried no sooner (ms), and each time twice as
    /// late.
    pub retry_ms: u32,
}

/// Reports on the disk that clients may still ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportStorePlan {
    /// Bytes on the disk; the oldest go first. 0 for none.
    pub bytes_max: u64,
    /// Memory for reports that are not yet on the disk, all sessions together (bytes).
    pub gather_bytes_max: usize,
    /// Pages in which stored reports travel to egress, all connections together.
    pub pages: usize,
}

/// Depths of the rings (slots, powers of two).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingPlan {
    /// Commands.
    pub gateway_to_sequencer: usize,
    /// Commands of the node itself.
    pub control_to_sequencer: usize,
    /// Records to be made durable.
    pub sequencer_to_journal: usize,
    /// Records to be applied.
    pub sequencer_to_executor: usize,
    /// Reports.
    pub executor_to_egress: usize,
    /// Unsequenced messages and retransmission requests.
    pub gateway_to_egress: usize,
    /// What egress tells gateway of connections.
    pub egress_to_gateway: usize,
}

/// Every limit of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Sizes of the machine.
    pub book: BookPlan,
    /// Sizes and times of sessions.
    pub session: SessionPlan,
    /// Memory of reports.
    pub retransmit: RetransmitPlan,
    /// The write-ahead log.
    pub journal: JournalPlan,
    /// Snapshots.
    pub snapshot: SnapshotPlan,
    /// Reports on the disk.
    pub reports: ReportStorePlan,
    /// Depths of the rings.
    pub ring: RingPlan,
    /// When an order counts as acknowledged.
    pub ack: AckRule,
    /// Time for which a lease is granted (ms). A single node needs no lease: it is 0 there.
    pub lease_ms: u32,
}

/// One line of the memory table that a node prints at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryLine {
    /// What the memory is for.
    pub what: &'static str,
    /// Bytes, all of them taken at start.
    pub bytes: usize,
}
